"""The checks for one's own primitives and layers: they accept what is right and name what is not.

Primitives are made under names of their own and taken off the list again.
"""

import numpy as np
import pytest

import axon
from axon import Tensor, ops
from axon.core import Primitive
from axon.layers import Conv2D, Dense
from axon.layers.base import Layer
from axon.operators import PRIMITIVES
from axon.parameter import Buffer
from axon.testing import check_layer, check_primitive
from axon.testing.replay import check_replay

X = np.random.default_rng(0).normal(size=(5, 3))


@pytest.fixture(autouse=True)
def _as_before():
    before = dict(PRIMITIVES)
    yield
    PRIMITIVES.clear()
    PRIMITIVES.update(before)


def cube(out, x, *, xp):
    """x^3."""
    xp.multiply(x, x, out=out)
    xp.multiply(out, x, out=out)


def right(kernel=cube, gradient=lambda g, y, x: 3.0 * g * x * x, **declared):
    made = axon.primitive(**declared)(kernel)
    if gradient is not None:
        made.gradient(gradient)
    return made


def complaint(check, *arguments, **options):
    with pytest.raises(AssertionError) as caught:
        check(*arguments, **options)
    return str(caught.value)


# ------------------------------------------------------------------------------------ primitives


def test_what_is_right_passes():
    assert axon.primitive is axon.core.primitive
    p = right()
    assert isinstance(p, Primitive)
    check_primitive(p, X, reference=lambda x: x**3)
    check_primitive(p, [1.0, 2.0])
    check_primitive(p, 2.0)
    check_primitive(p, Tensor(X))
    check_primitive(p, np.zeros((0, 3)))


def test_axons_own_primitives_pass():
    check_primitive(ops.add, X, X[:1], reference=np.add)
    check_primitive(ops.matmul, X, X.T, reference=np.matmul)
    check_primitive(ops.sum, X, axis=0, reference=lambda x, axis: x.sum(axis))
    check_primitive(PRIMITIVES["take"], X, np.array([0, 2, -1]))
    check_primitive(PRIMITIVES["reshape"], X, shape=(3, 5))
    check_primitive(ops.add_in_place, X, X, reference=lambda x, y: x + y)
    check_primitive(PRIMITIVES["concatenate"], X, X, axis=0)
    check_primitive(PRIMITIVES["cast"], X, dtype=np.dtype("f4"))
    check_primitive(ops.equal, X, X)


def test_another_value_than_the_reference():
    message = complaint(check_primitive, right(), [2.0, 3.0], reference=lambda x: x**2)
    assert message == ("cube: it does not give the reference's values: at (1,) 27, expected 9.")
    message = complaint(check_primitive, right(), X, reference=lambda x: x.sum())
    assert "shape (5, 3), expected ()" in message
    assert "1 results, expected 2" in complaint(
        check_primitive, right(), X, reference=lambda x: (x**3, x)
    )


def test_a_type_that_is_not_that_of_the_input():
    p = right(result=lambda x: (x.shape, np.dtype(np.float64)))
    message = complaint(check_primitive, p, X)
    assert message.startswith("cube: of float32 it makes [dtype('float64')]. Numbers in the kernel")


def test_values_that_float32_does_not_share():
    def cancelling(out, x, *, xp):
        xp.add(x, 1e6, out=out)
        xp.subtract(out, 1e6, out=out)

    message = complaint(check_primitive, right(cancelling, lambda g, y, x: g), X)
    assert "float32 and float64 give different values: at (" in message


def test_elements_that_are_not_written():
    def half(out, x, *, xp):
        xp.copyto(out[:2], x[:2])

    with np.errstate(all="ignore"):
        message = complaint(check_primitive, right(half, lambda g, y, x: g), X, reference=None)
    assert "does not write every element" in message or "different values" in message


def test_scratch_memory_that_is_read_before_it_is_written():
    def adds(out, x, *, xp, workspace):
        xp.add(x, 0.0, out=out)
        xp.multiply(workspace[0], 0.0, out=workspace[0])
        xp.maximum(out, workspace[0] != 0, out=out, where=workspace[0] != 0)

    p = right(adds, lambda g, y, x: g, workspace=lambda x: [(x.shape, x.dtype)])
    with np.errstate(all="ignore"):
        message = complaint(check_primitive, p, X)
    assert "write" in message or "different values" in message


def test_a_changed_input():
    def greedy(out, x, *, xp):
        xp.multiply(x, 2.0, out=out)
        xp.multiply(x, 0.0, out=x)

    message = complaint(check_primitive, right(greedy, lambda g, y, x: 2.0 * g), X)
    assert "greedy: the kernel changes input 0." in message


def test_the_memory_of_an_input():
    class Lying(Primitive):
        """Hands out its input, although it says that it fills."""

        def run(self, arrays, meta):
            return arrays[0]

    def lazy(out, x, *, xp):
        xp.copyto(out, x)

    p = Lying(lazy)
    p.gradient(lambda g, y, x: g)
    message = complaint(check_primitive, p, X)
    assert "lazy: the result lies in the memory of input 0. Declare kind='views'." in message


def test_a_wrong_gradient_of_either_order():
    message = complaint(check_primitive, right(gradient=lambda g, y, x: 2.0 * g * x * x), X)
    assert "the gradient with respect to input 0 is wrong" in message
    constant = right(gradient=lambda g, y, x: g * Tensor(3.0 * x.data * x.data))
    message = complaint(check_primitive, constant, X)
    assert "the gradient with respect to input 0 of the gradient" in message
    with pytest.raises(NotImplementedError, match="primitive 'cube' has no gradient"):
        check_primitive(right(gradient=None), X)


def test_something_kept_from_one_call_to_the_next():
    kept = []

    def remembers(out, x, *, xp):
        kept.append(x)
        xp.copyto(out, x)

    message = complaint(check_primitive, right(remembers, lambda g, y, x: g), X)
    assert message == "remembers: the kernel keeps its inputs [0] after it has run."


def test_a_number_that_a_replay_freezes():
    def peeking(x):
        return [x * float(x.data[0, 0])]

    with pytest.raises(AssertionError, match="a replay gives other numbers than the first run"):
        check_replay("peeking", peeking, [X])


def test_memory_that_a_kernel_takes():
    def wasteful(out, x, *, xp):
        xp.copyto(out, x * x * x)

    p = right(wasteful, lambda g, y, x: 3.0 * g * x * x)
    message = complaint(check_primitive, p, X)
    assert message.startswith("wasteful: a replay takes ")
    assert "@axon.primitive(workspace=...)" in message

    def product(out, x, y, *, xp):
        xp.copyto(out, x @ y)

    def shape(x, y):
        return (x.shape[0], y.shape[1]), x.dtype

    p = axon.primitive(result=shape)(product)
    p.gradient(lambda g, z, x, y: g @ y.T, lambda g, z, x, y: x.T @ g)
    check_primitive(p, X, X.T)  # too small to show
    large = np.ones((400, 2))
    assert "a replay takes" in complaint(check_primitive, p, large, large.T)


# ------------------------------------------------------------------------------------ layers


class Scale(Layer):
    """Times a number for each feature."""

    def __init__(self, start=1.0, **options):
        super().__init__(**options)
        self.start = start

    def create(self, *input_shapes):
        size = input_shapes[0][-1:]
        self.scale = self.parameter("scale", lambda s, dtype: np.full(s, self.start, dtype), size)

    def call(self, x):
        return x * self.scale


def scale(base=Scale, **methods):
    """A Scale with some methods of another kind."""
    odd = type("Odd", (base,), {})
    for name, method in methods.items():
        setattr(odd, name, method)  # a class that defines ``forward`` is refused at once
    return odd(dtype="float64")


def test_layers_that_are_right_pass():
    check_layer(Scale(2.0, dtype="float64"), X)
    check_layer(Dense(3, 4, "tanh", dtype="float64"), X)
    check_layer(Dense(4, axon.activations.softplus, dtype="float64"), X, training=True)
    check_layer(Conv2D(2, 2, dtype="float64"), X.reshape(1, 5, 3, 1).repeat(2, 0), order=1)

    class Both(Layer):
        def call(self, x, y):
            return ops.concatenate([x, x * y], axis=-1)

    check_layer(Both(dtype="float64"), X, X[:, :1])


def test_float32_is_too_coarse():
    with pytest.raises(ValueError, match="the result is float32, too coarse for differences"):
        check_layer(Scale(), X)


def test_shapes_of_layers():
    def first(self, x):
        return x[:1] * self.scale

    def built(self, *shapes):
        Scale.build(self, *shapes)
        self.output_shape = (7,)
        return (7,)

    assert "5 samples went in, but the result has shape (1, 3)" in complaint(
        check_layer, scale(call=first), X
    )
    assert "output_shape is (7,), but the result has shape (5, 3)" in complaint(
        check_layer, scale(build=built), X
    )


def test_arrays_and_tensors_alike():
    def arrays_only(self, *inputs, **options):
        return np.asarray(Scale.forward(self, *(Tensor(x) for x in inputs)).data)

    message = complaint(check_layer, scale(forward=arrays_only), X)
    assert "of Tensors a ndarray. Override call, not forward." in message

    def different(self, *inputs, **options):
        out = Scale.forward(self, *inputs)
        return out + 1.0 if isinstance(inputs[0], np.ndarray) else out

    assert "an array and a Tensor of the same numbers" in complaint(
        check_layer, scale(forward=different), X
    )

    def spoiling(self, x):
        x.data[...] = 1.0
        return x * self.scale

    assert "it changes its inputs" in complaint(check_layer, scale(call=spoiling), X)


def test_samples_that_know_of_each_other():
    def centered(self, x):
        return (x - x.mean(axis=0)) * self.scale

    message = complaint(check_layer, scale(call=centered), X)
    assert "the first sample alone gives other numbers than among the others" in message
    check_layer(scale(call=centered), X, training=True)


def test_a_gradient_that_is_lost():
    def through_data(self, x):
        return x * Tensor(self.scale.data)

    message = complaint(check_layer, scale(call=through_data), X)
    assert "the gradient with respect to input 1 is wrong" in message


def test_a_value_that_a_recording_would_freeze():
    def asking(self, x):
        return x * self.scale if float(x.sum()) > -1e9 else x

    with pytest.raises(axon.RecordingError):
        check_layer(scale(call=asking), X)

    def peeking(self, x):
        return x * self.scale * float(x.data[0, 0] > 0)

    positive = abs(X) * np.array([[1], [-1], [1], [-1], [-1]])
    message = complaint(check_layer, scale(call=peeking), positive, order=1)
    assert "gives other numbers" in message or "alone" in message


def test_state_that_is_lost_with_a_file():
    def unkept(self, start=1.0, **options):
        Layer.__init__(self, **options)
        self.begin = start

    def create(self, *shapes):
        Scale.create(self, *shapes)
        self.shift = Buffer(np.zeros(3))

    def shifted(self, x):
        return x * self.scale + self.shift

    check_layer(scale(create=create, call=shifted), X)

    def hidden(self, *shapes):
        Scale.create(self, *shapes)
        self.shift = Tensor(np.full(3, float(axon.random.stream("init").random())))

    message = complaint(check_layer, scale(create=hidden, call=shifted), X)
    assert "a copy that was saved and loaded computes something else" in message


def test_memory_that_a_layer_takes_outside_its_primitives():
    def wasteful(out, x, *, xp):
        xp.copyto(out, x + x)

    p = axon.primitive()(wasteful)
    p.gradient(lambda g, y, x: 2.0 * g)

    def call(self, x):
        return p(x * self.scale)

    message = complaint(check_layer, scale(call=call), X)
    assert message.startswith("odd: a replay takes ")


def test_the_layer_is_left_as_it_was():
    layer = Dense(3, 4, dtype="float64")
    before = [w.tobytes() for w in layer.get_weights()]
    name = layer.name
    check_layer(layer, X)
    assert [w.tobytes() for w in layer.get_weights()] == before
    assert (layer.name, layer.placed) == (name, False)
    assert all(p.grad is None for p in layer.parameters())
