"""The contract that every layer keeps. A layer class without a sample below fails."""

import json

import numpy as np
import pytest

import axon
from axon import Tensor, layers, ops
from axon.activations import relu
from axon.layers import (
    Dense,
    Flatten,
    Layer,
    Normalization,
    Rescaling,
)
from axon.layers.module import Module, snake_case
from axon.models import Model, Sequential
from axon.models.loading import remake
from axon.parameter import Parameter
from axon.program import Step
from tests.samples.layers import CELLS, ON_INTEGERS, ON_SEVERAL, POLICIES, PREPARING, SAMPLES, made
from tests.samples.loops import looped

every_layer = pytest.mark.parametrize(("make", "shape"), SAMPLES.values(), ids=SAMPLES)


def data(shape, n=4, seed=0, dtype="float64"):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(dtype)


def central_differences(f, array, h=1e-5):
    """The gradient of a function of nothing with respect to an array that it reads."""
    slope = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        middle = array[index].copy()
        array[index] = middle + h
        above = f()
        array[index] = middle - h
        slope[index] = (above - f()) / (2 * h)
        array[index] = middle
    return slope


def test_every_layer_has_a_sample():
    named = (getattr(layers, name) for name in dir(layers))
    public = {c for c in named if isinstance(c, type) and issubclass(c, Layer)}
    others = {Layer, layers.Wrapper} | POLICIES | ON_INTEGERS | ON_SEVERAL | PREPARING | CELLS
    assert public - others == {type(make()) for make, _ in SAMPLES.values()}


# ------------------------------------------------------------------------------------ the contract


@every_layer
@looped("dtype", ["float32", "float64"])
def test_numpy_in_numpy_out_and_tensor_in_tensor_out(make, shape, dtype):
    layer, x = made(make, shape, dtype=dtype), data(shape, dtype=dtype)
    array, tensor = layer.forward(x), layer.forward(Tensor(x))
    assert type(array) is np.ndarray
    assert type(tensor) is Tensor
    assert np.array_equal(array, tensor.numpy())
    assert np.array_equal(array, layer(x))
    assert array.dtype == tensor.dtype == layer.dtype == layer.input_dtype == dtype
    assert array.shape == (4, *layer.output_shape)
    assert layer.build(shape) == layer.output_shape


@every_layer
def test_a_sample_alone_is_what_it_is_in_a_batch(make, shape):
    layer, x = made(make, shape, dtype="float64"), data(shape)
    together = layer.forward(x)
    for i in range(len(x)):
        assert np.allclose(layer.forward(x[i : i + 1]), together[i : i + 1], rtol=1e-12)


@every_layer
@looped("kind", ["float64", "float32", "float16", "uint8", "int64", "bool", ">f4"])
def test_inputs_of_all_types_are_cast_and_never_modified(make, shape, kind):
    layer, x = made(make, shape), np.abs(data(shape) * 3).astype(kind)
    x.flags.writeable = False
    before = x.copy()
    found = layer.forward(x)
    assert found.dtype == np.float32
    assert np.array_equal(found, layer.forward(x.astype(np.float32)))
    assert np.array_equal(found, layer.forward(x.tolist()))
    found[...] = 7
    layer.backward(np.ones_like(found))
    assert np.array_equal(x, before)


@every_layer
def test_gradients_by_autograd_and_by_hand(make, shape):
    layer, x = made(make, shape, dtype="float64"), data(shape)
    probe = data(layer.output_shape, seed=1)

    def value():
        return float((layer.forward(x) * probe).sum())

    slopes = [central_differences(value, p.data) for p in layer.parameters()]
    input_slope = central_differences(value, x)

    inputs = Tensor(x, requires_grad=True)
    (layer.forward(inputs) * probe).sum().backward()
    assert np.allclose(inputs.grad.numpy(), input_slope, rtol=1e-6, atol=1e-8)
    for p, slope in zip(layer.parameters(), slopes, strict=True):
        assert np.allclose(p.grad.numpy(), slope, rtol=1e-6, atol=1e-8)
        p.grad = None

    layer.forward(x)
    assert np.allclose(layer.backward(probe), input_slope, rtol=1e-6, atol=1e-8)
    for p, slope in zip(layer.parameters(), slopes, strict=True):
        assert np.allclose(p.grad.numpy(), slope, rtol=1e-6, atol=1e-8)


@every_layer
def test_a_replay_is_the_eager_result_bit_for_bit(make, shape):
    layer = made(make, shape)
    step = Step("forward", lambda x: [layer.forward(x)], ["x"])
    (slot,) = step.inputs(((4, *shape), np.dtype("float32")))
    for seed in range(3):
        slot[...] = data(shape, seed=seed)
        assert np.array_equal(step.run([slot])[0], layer.forward(slot))
    assert len(step.programs) == 1


@every_layer
def test_a_layer_is_made_again_from_its_config(make, shape):
    layer, x = made(make, shape, name="mine", dtype="float64"), data(shape)
    twin = remake(json.loads(json.dumps(layer.describe())))
    assert twin.config() == layer.config()
    twin.build(shape)
    twin.set_weights(layer.get_weights())
    assert np.array_equal(twin.forward(x), layer.forward(x))
    assert (twin.name, twin.dtype) == ("mine", np.float64)


@every_layer
def test_the_name_and_the_words_for_a_layer(make, shape):
    layer = make()
    assert layer.name == snake_case(type(layer).__name__)
    assert make(name="mine").name == "mine"
    assert repr(layer).startswith(f"{type(layer).__name__}(")


@every_layer
def test_building_inside_a_recording_interrupts_it_only_for_itself(make, shape):
    layer = make()
    step = Step("forward", lambda x: [layer.forward(x + 0.0) * 2.0], ["x"])
    (slot,) = step.inputs(((4, *shape), np.dtype("float32")))
    for seed in range(2):
        slot[...] = data(shape, seed=seed)
        assert np.array_equal(step.run([slot])[0], layer.forward(slot) * np.float32(2))


@every_layer
def test_build_creates_once(make, shape):
    layer = made(make, shape)
    before = layer.parameters()
    assert layer.build(shape) == layer.output_shape
    assert [id(p) for p in layer.parameters()] == [id(p) for p in before]
    assert layer.count_params() == sum(p.size for p in before)
    assert [path.split("/")[-1] for path in layer.named_parameters()] == [p.name for p in before]


@every_layer
def test_a_frozen_layer_receives_no_gradient(make, shape):
    layer = make()
    layer.trainable = False
    layer.build(shape)
    assert not any(p.requires_grad for p in layer.parameters())
    x = Tensor(data(shape), requires_grad=True)
    layer(x).sum().backward()
    assert all(p.grad is None for p in layer.parameters())
    layer.trainable = True
    assert all(p.requires_grad for p in layer.parameters())


@every_layer
def test_backward_needs_a_forward_each_time(make, shape):
    layer = made(make, shape)
    slope = np.ones((4, *layer.output_shape))
    with pytest.raises(RuntimeError, match=r"backward needs a forward before it.*Call forward\(x"):
        layer.backward(slope)
    layer.forward(data(shape))
    assert layer.backward(slope, input_gradient=False) is None
    with pytest.raises(RuntimeError, match=f"layer '{layer.name}': backward needs a forward"):
        layer.backward(slope)
    with axon.no_grad():
        layer.forward(data(shape))
    with pytest.raises(RuntimeError, match="outside no_grad"):
        layer.backward(slope)


@every_layer
def test_a_gradient_of_the_wrong_shape_is_named(make, shape):
    layer = made(make, shape)
    layer.forward(data(shape))
    with pytest.raises(ValueError, match=f"layer '{layer.name}': dL_dout must have the shape of"):
        layer.backward(np.ones((4, *layer.output_shape, 1)))
    assert layer.backward(np.ones((4, *layer.output_shape))).shape == (4, *shape)


@every_layer
@looped("dtype", ["int32", "bool", "complex64"])
def test_a_layer_computes_in_floats(make, shape, dtype):
    if make is SAMPLES["Input"][0]:
        return  # says what comes in, which may be whole numbers
    with pytest.raises(ValueError, match="dtype must be a floating-point type such as 'float32'"):
        make(dtype=dtype)


# ------------------------------------------------------------------------------------ Dense


def test_the_ways_of_writing_a_dense():
    for layer in (
        Dense(3, 2, "relu"),
        Dense(3, 2, relu),
        Dense(3, 2, activation="relu"),
        Dense(3, 2, activation_function=relu),
        Dense(input_size=3, num_neurons=2, activation="relu"),
    ):
        assert repr(layer) == "Dense(3, 2, relu)"
        assert (layer.input_size, layer.num_neurons, layer.activation) == (3, 2, relu)
    for layer in (
        Dense(2, "relu"),
        Dense(2, relu),
        Dense(2, activation="relu"),
        Dense(num_neurons=2, activation=relu),
        Dense(None, 2, relu),
    ):
        assert repr(layer) == "Dense(2, relu)"
        assert layer.input_size is None
        assert layer.weights is None


def test_a_dense_computes_f_of_xw_plus_b():
    layer = Dense(2, 3, "relu")
    layer.weights = [[1, 2, 3], [4, 5, 6]]
    layer.bias = [0.5, 0, -100]
    assert layer.forward([[1, 1]]).tolist() == [[5.5, 7, 0]]
    assert isinstance(layer.weights, Parameter)


def test_parameters_are_updated_in_place():
    layer = Dense(2, 1)
    weights, memory = layer.weights, layer.weights.data
    layer.weights = [[1.0], [2.0]]
    layer.weights -= np.array([[0.5], [0.5]])
    layer.weights.data *= 2
    assert layer.weights is weights
    assert layer.weights.data is memory
    assert memory.tolist() == [[1], [3]]
    layer.trainable = False
    layer.weights += 1
    assert layer.weights is weights
    assert memory.tolist() == [[2], [4]]


def test_initializers_by_name_and_by_function():
    layer = Dense(3, 2, kernel_initializer="ones", bias_initializer=lambda shape, dtype: [1.0, 2.0])
    assert layer.forward([[1, 1, 1]]).tolist() == [[4, 5]]
    wide = Dense(3, 2, kernel_initializer=lambda shape, dtype: np.full(shape, 0.1))
    assert wide.weights.dtype == np.float32
    assert wide.forward(np.ones((1, 3))).dtype == np.float32
    with pytest.raises(ValueError, match=r"initializer of 'weights' must return .* shape \(3, 2\)"):
        Dense(3, 2, kernel_initializer=lambda shape, dtype: np.zeros(3))


def test_an_initializers_array_is_copied():
    start = np.zeros((2, 2), np.float32)
    layer = Dense(2, 2, kernel_initializer=lambda shape, dtype: start)
    layer.weights += 1
    assert not start.any()


@pytest.mark.parametrize("size", [0, -3, 1.5, None, True])
def test_sizes_are_checked(size):
    with pytest.raises(ValueError, match="Dense: num_neurons must be a whole number of at least 1"):
        Dense(3, size) if size is not None else Dense(None)
    if size is not None:
        with pytest.raises(ValueError, match="Dense: input_size must be a whole number of at lea"):
            Dense(size, 3)


def test_two_activations_are_one_too_many():
    with pytest.raises(TypeError, match="Dense: expected one activation, got 2"):
        Dense(3, 2, "relu", activation_function="tanh")
    with pytest.raises(TypeError, match="Dense: expected one activation, got 2"):
        Dense(3, "relu", "tanh")


def test_a_dense_takes_axes_in_front_whenever_they_come():
    layer = Dense(3, 2)
    assert layer.build((3,)) == (2,)
    assert layer.build((5, 3)) == (5, 2)
    assert layer.forward(np.ones((4, 6, 5, 3))).shape == (4, 6, 5, 2)
    model = Sequential([layer])
    assert model.predict(np.ones((4, 5, 3))).shape == (4, 5, 2)
    assert model.predict(np.ones((4, 3))).shape == (4, 2)


def test_a_dense_that_does_not_fit_names_itself_and_says_what_it_wants():
    layer = Dense(3, 2, "relu", name="first")
    with pytest.raises(ValueError, match="layer 'first'") as caught:
        layer.forward(np.ones((7, 5)))
    assert str(caught.value) == (
        "layer 'first' (Dense(3, 2, relu)): expected inputs of shape (n, 3), got shape (7, 5). "
        "Give it 3 features, or make the layer with input_size=5."
    )
    with pytest.raises(ValueError, match=r"got shape \(3,\). Use x.reshape\(1, -1\) for one sam"):
        layer.forward(np.ones(3))
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, 3\), got shape \(n, 4\)"):
        layer.build((4,))
    assert layer.forward(np.ones((1, 3))).shape == (1, 2)


def test_a_failed_first_build_leaves_the_layer_as_it_was():
    def broken(z):
        raise ValueError("no")

    layer = Dense(2, broken)
    with pytest.raises(ValueError, match="no"):
        layer.build((9,))
    layer.activation = relu
    assert layer.build((3,)) == (2,)
    assert layer.weights.shape == (3, 2)


# ------------------------------------------------------------------------------------ preparation


def test_flatten_goes_row_by_row():
    assert Flatten().forward(np.arange(12).reshape(2, 2, 3))[1].tolist() == [6, 7, 8, 9, 10, 11]


def test_rescaling_takes_bytes_to_unit_range():
    x = np.array([[0, 51, 255]], np.uint8)
    assert np.allclose(Rescaling(1 / 255).forward(x), [[0, 0.2, 1]])
    assert np.allclose(Rescaling(2 / 255, -1).forward(x), [[-1, -0.6, 1]])


def test_normalization_makes_mean_0_and_variance_1():
    x = np.random.default_rng(0).normal(7, 3, size=(500, 2)) * [1, 100]
    layer = Normalization()
    layer.adapt(x)
    y = layer.forward(x)
    assert np.allclose(y.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(y.var(axis=0), 1, atol=1e-5)


def test_normalization_of_a_constant_feature_is_0():
    layer = Normalization()
    layer.adapt([[5.0, 1.0], [5.0, 2.0]])
    assert layer.forward([[5.0, 1.5]]).tolist() == [[0, 0]]


def test_normalization_adapted_anew_changes_what_was_recorded():
    layer = Normalization()
    model = Sequential([layer])
    for x in (np.array([[0.0], [2.0]]), np.array([[10.0], [30.0]])):
        layer.adapt(x)
        assert np.allclose(model.predict(x), [[-1], [1]])
    layer.adapt(np.eye(2))
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, 2\), got shape \(2, 1\)"):
        layer.forward(x)


def test_normalization_needs_adapt_and_data_that_fit():
    layer = Normalization()
    with pytest.raises(RuntimeError, match=r"layer 'normalization': call adapt\(data\)"):
        layer.forward(np.ones((2, 3)))
    for wrong in (np.ones(3), np.ones((0, 3))):
        with pytest.raises(ValueError, match=r"expected data of shape \(n, features\)"):
            layer.adapt(wrong)
    layer.adapt(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, 3\), got shape \(2, 4\)"):
        layer.forward(np.ones((2, 4)))


# ------------------------------------------------------------------------------------ your own


class Scale(Layer):
    """A layer as a user writes one: y = s x."""

    def create(self, input_shape):
        self.s = Parameter(np.full(input_shape[-1], 2, self.dtype), "s")

    def call(self, x):
        return x * self.s


class Twice(Layer):
    """A layer made of layers."""

    def __init__(self):
        super().__init__()
        self.inner, self.more = Dense(3), [Dense(4), Dense(2)]

    def call(self, x):
        for layer in (self.inner, *self.more):
            x = layer(x)
        return ops.exp(-x)


def test_a_layer_of_your_own():
    layer = Scale()
    assert layer.forward([[1.0, 2.0]]).tolist() == [[2, 4]]
    assert layer.backward(np.ones((1, 2))).tolist() == [[2, 2]]
    assert layer.s.grad.numpy().tolist() == [1, 2]
    assert layer.name == "scale"


def test_a_layer_made_of_layers():
    layer = Twice()
    assert layer.build((5,)) == (2,)
    assert list(layer.named_parameters()) == [
        *("inner/weights", "inner/bias"),
        *("more/0/weights", "more/0/bias"),
        *("more/1/weights", "more/1/bias"),
    ]
    x = data((5,))
    y = layer.forward(x)
    layer.backward(np.ones_like(y))
    assert all(p.grad is not None for p in layer.parameters())
    layer.trainable = False
    assert not any(p.requires_grad for p in layer.parameters())


def test_modules_in_lists_tuples_and_dicts_are_found():
    class Branches(Model):
        def __init__(self):
            super().__init__()
            self.several = [Dense(2, 2), Dense(2, 2)]
            self.pair = (Dense(2, 2), Dense(2, 2))
            self.named = {"left": Dense(2, 2), "right": Dense(2, 2)}

        def forward(self, x):
            for layer in (*self.several, *self.pair, *self.named.values()):
                x = layer(x)
            return x

    model = Branches()
    assert model.count_params() == 36
    assert [name for name, _ in model.children()] == [
        *("several/0", "several/1"),
        *("pair/0", "pair/1"),
        *("named/left", "named/right"),
    ]
    assert len(list(model.modules())) == 7


def test_a_layer_that_forgets_to_call_its_base_says_so():
    class Forgetful(Layer):
        def __init__(self):
            self.inner = Dense(2, 2)

        def call(self, x):
            return x

    with pytest.raises(RuntimeError, match=r"Forgetful: call super\(\).__init__\(\) before assign"):
        Forgetful()


def test_a_layer_without_call_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        type("Empty", (Layer,), {})()
    with pytest.raises(TypeError, match="abstract"):
        Module()


def test_a_layer_that_loses_the_batch_axis_says_so():
    class Sum(Layer):
        def call(self, x):
            return x.sum()

    with pytest.raises(ValueError, match=r"one sample went in, shape \(1, 3\), but \(\) came out"):
        Sum().forward(np.ones((2, 3)))


def test_assigning_the_wrong_shape_names_layer_and_parameter():
    layer = Dense(3, 2, name="first")
    before = layer.weights.numpy().copy()
    with pytest.raises(ValueError, match=r"first.weights, shape \(3, 2\): cannot assign values of"):
        layer.weights = np.ones((2, 3))
    assert np.array_equal(layer.weights.numpy(), before)


class Halves(Layer):
    """A layer with two results, and any number of inputs."""

    def create(self, *input_shapes):
        self.s = Parameter(np.full(input_shapes[0], 2, self.dtype), "s")

    def call(self, *inputs):
        x = sum(inputs[1:], start=inputs[0]) * self.s
        return x[:, :2], x[:, 2:]


def test_a_layer_with_several_results():
    layer, x = Halves(dtype="float64"), data((5,))
    left, right = layer(x)
    assert np.array_equal(np.concatenate([left, right], axis=1), 2 * x)
    assert layer.output_shape == ((2,), (3,))
    slopes = data((2,), seed=1), data((3,), seed=2)
    assert np.allclose(layer.backward(slopes), 2 * np.concatenate(slopes, axis=1))
    assert np.allclose(layer.s.grad.numpy(), (x * np.concatenate(slopes, axis=1)).sum(axis=0))
    with pytest.raises(ValueError, match=r"of the output, \[\(4, 2\), \(4, 3\)\], got \[\(4, 2\)"):
        layer(x) and layer.backward([slopes[0], slopes[0]])
    assert all(isinstance(t, Tensor) for t in layer(Tensor(x)))


def test_inputs_in_a_list_are_inputs_one_by_one():
    layer, x = Halves(), data((5,), dtype="float32")
    twice = layer([x, x])
    for given in ((x, x), ([Tensor(x), x],), (x, [x])):
        for a, b in zip(twice, layer(*given), strict=True):
            assert np.array_equal(a, b.data if isinstance(b, Tensor) else b)
    assert Dense(2)([[1.0, 2.0], [3.0, 4.0]]).shape == (2, 2)


def test_rows_in_tuples_are_one_input():
    layer = Dense(3, 2)
    wanted = layer([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert np.array_equal(layer(((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))), wanted)
    with pytest.raises(ValueError, match=r"takes one input, but the layer before it gives 2"):
        layer(Halves()(Tensor(data((5,)))))


def test_a_mask_lies_at_the_first_of_several_results():
    class Kept(Layer):
        on_mask = "used"

        def call(self, x, mask=None):
            return x * 2.0, x.sum(axis=1)

    x = Tensor(data((3, 2)))
    y, total = Kept()(x, mask=np.ones((4, 3), bool))
    assert y.mask.shape == (4, 3)
    assert total.mask is None


def cubed(x):
    return x * x * x


def test_a_function_as_a_layer_is_found_again_by_its_name(tmp_path):
    x, where = data((3,), dtype="float32"), tmp_path / "model.axon"
    model = Sequential([layers.Lambda(cubed), layers.Lambda(axon.activations.tanh)])
    y = model.forward(x)
    model.save(where)
    assert np.array_equal(axon.load_model(where, {"cubed": cubed}).forward(x), y)
    with pytest.raises(ValueError, match=r"got 'cubed'\. A file keeps a name: load_model"):
        axon.load_model(where)
    with pytest.raises(ValueError, match="function must be a function of a Tensor, got 3"):
        layers.Lambda(3)
