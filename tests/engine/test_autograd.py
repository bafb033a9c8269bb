"""Gradients: how they are accumulated, nested, refused; and that they agree with other people's."""

import threading
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from axon import Tensor, grad, no_grad, ops
from axon.activations import relu, sigmoid, softmax, tanh
from axon.core import primitive
from axon.modes import modes
from axon.operators import PRIMITIVES
from axon.parameter import Parameter, gather
from axon.testing import check_gradient


def leaf(values: Any, dtype: Any = np.float64) -> Tensor:
    return Tensor(values, dtype=dtype, requires_grad=True)


# ------------------------------------------------------------------------------------ backward


def test_backward_of_a_product() -> None:
    x, y = leaf([1.0, 2.0]), leaf([3.0, 5.0])
    (x * y).sum().backward()
    assert x.grad.data.tolist() == [3, 5]
    assert y.grad.data.tolist() == [1, 2]


def test_gradients_add_up_until_they_are_forgotten() -> None:
    x = leaf([1.0, 2.0])
    for times in (1, 2, 3):
        (x * x).sum().backward()
        assert x.grad.data.tolist() == [2 * times, 4 * times]
    x.grad = None
    (x * 3.0).sum().backward()
    assert x.grad.data.tolist() == [3, 3]


def test_backward_may_run_twice_through_the_same_graph() -> None:
    x = leaf(3.0)
    y = x * x * x
    y.backward()
    y.backward()
    assert x.grad.item() == 54


def test_the_gradient_arriving_may_be_given() -> None:
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    for gradient in ([[1, 0], [0, 10]], np.array([[1, 0], [0, 10]]), Tensor([[1.0, 0], [0, 10.0]])):
        x.grad = None
        (x * x).backward(gradient)
        assert x.grad.data.tolist() == [[2, 0], [0, 80]]
    x.grad = None
    (x * x)[0, :1].backward()  # one element needs none
    assert x.grad.data.tolist() == [[2, 0], [0, 0]]


def test_a_gradient_belongs_to_its_tensor_alone() -> None:
    x, y, given = leaf([1.0, 2.0]), leaf([1.0, 2.0]), np.array([1.0, 1.0])
    (x + y).backward(given)
    x.grad.data *= 10
    assert y.grad.data.tolist() == [1, 1]
    assert given.tolist() == [1, 1]


def test_a_leaf_is_its_own_gradient() -> None:
    x = leaf(2.0)
    x.backward()
    x.backward()
    assert x.grad.item() == 2


def test_only_leaves_that_ask_for_it_get_a_gradient() -> None:
    x, constant = leaf([1.0, 2.0]), Tensor([3.0, 4.0])
    y = x * constant
    y.sum().backward()
    assert constant.grad is None
    assert y.grad is None
    frozen = leaf([1.0, 2.0])
    z = x * frozen
    frozen.requires_grad = False
    z.sum().backward()
    assert frozen.grad is None


def test_diamonds_and_reuse() -> None:
    x = leaf(2.0)
    a = x * 3.0
    b, c = a * a, a + x
    (b * c + b).backward()  # (3x)^2 (4x) + (3x)^2 = 36 x^3 + 9 x^2
    assert x.grad.item() == 108 * 4 + 18 * 2


def test_a_tensor_used_many_times() -> None:
    x = leaf(2.0)
    y = x
    for _ in range(10):
        y = y + y * x
    check_gradient(lambda x: chain_of_sums(x, 10), 0.5)
    y.backward()
    assert x.grad.item() == pytest.approx(3**10 + 2 * 10 * 3**9)


def chain_of_sums(x: Tensor, n: int) -> Tensor:
    y = x
    for _ in range(n):
        y = y + y * x
    return y


@pytest.mark.parametrize(
    ("a", "b"),
    [((2, 3), (3,)), ((2, 3), (2, 1)), ((3,), ()), ((1, 3), (4, 1)), ((2, 1, 3), (5, 1))],
)
def test_gradients_of_what_was_broadcast_are_sums(a: tuple, b: tuple) -> None:
    x, y = leaf(np.ones(a)), leaf(np.ones(b))
    z = x + y * 2.0
    z.sum().backward()
    assert x.grad.shape == a
    assert y.grad.shape == b
    assert (x.grad.data == z.size / x.size).all()
    assert (y.grad.data == 2 * z.size / y.size).all()


def test_gradients_keep_the_precision_of_their_tensor() -> None:
    x, y = leaf([1.0, 2.0], np.float32), leaf([1.0, 2.0], np.float64)
    ((x * y).sum() + (x @ y) + ops.where(x > y, x, y).sum()).backward()
    assert x.grad.dtype == np.float32
    assert y.grad.dtype == np.float64


def test_no_gradient_flows_through_whole_numbers() -> None:
    x = leaf([1.5, 2.5])
    whole = x.astype(np.int32)
    assert not whole.requires_grad
    (x * whole).sum().backward()
    assert x.grad.data.tolist() == [1, 2]


def test_an_input_without_a_rule_beside_one_with_a_rule() -> None:
    g, y = leaf([1.0, 2.0]), leaf([1.0, -2.0])
    PRIMITIVES["relu_gradient"](g, y).sum().backward()
    assert g.grad.data.tolist() == [1, 0]
    assert y.grad is None


def test_parameters_receive_gradients_at_home() -> None:
    w, b = Parameter(np.ones((2, 3))), Parameter(np.ones(3))
    (w * b).sum().backward()  # before they have a home
    memory, start, stop = gather([w, b])
    assert memory.gradients.data[start:stop].tolist() == [1] * 6 + [2] * 3
    (w * b).sum().backward()
    assert memory.gradients.data.tolist() == [2] * 6 + [4] * 3
    assert w.grad is w.home
    w.grad = b.grad = None
    (w * b).sum().backward()
    assert memory.gradients.data.tolist() == [1] * 6 + [2] * 3


# ------------------------------------------------------------------------------------ modes


def test_no_grad_builds_no_graph() -> None:
    x = leaf(2.0)
    with no_grad():
        y = x * x
    assert not y.requires_grad
    assert y.creator is None
    assert (x * x).requires_grad


def test_no_grad_ends_with_an_error_and_can_be_nested_and_reused() -> None:
    off = no_grad()
    with off, off:
        assert not modes.grad
    assert modes.grad
    with pytest.raises(KeyError), off:
        raise KeyError
    assert modes.grad


def test_no_grad_is_a_matter_of_its_thread() -> None:
    inside, seen = threading.Event(), threading.Event()
    found = []

    def other() -> None:
        inside.wait(10)
        found.append((leaf(1.0) * 2.0).requires_grad)
        seen.set()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        inside.set()
        assert seen.wait(10)
        assert not (leaf(1.0) * 2.0).requires_grad
    thread.join()
    assert found == [True]


def test_detach() -> None:
    x = leaf([1.0, 2.0])
    y = (x * x).detach()
    assert not y.requires_grad
    (x * y).sum().backward()
    assert x.grad.data.tolist() == [1, 4]
    assert np.shares_memory(x.detach().data, x.data)


# ------------------------------------------------------------------------------------ grad


def test_grad_of_tensors() -> None:
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    z = (x * x * y).sum()
    gx = grad(z, x)
    assert gx.data.tolist() == [6, 16]
    gx, gy = grad(z, (x, y))
    assert gx.data.tolist() == [6, 16]
    assert gy.data.tolist() == [1, 4]
    assert x.grad is None
    assert not gx.requires_grad


def test_grad_with_a_given_gradient() -> None:
    x = leaf([1.0, 2.0])
    assert grad(x * x, x, gradient=[1.0, 10.0]).data.tolist() == [2, 40]


def test_grad_of_something_in_the_middle() -> None:
    x = leaf(3.0)
    y = x * x
    gy, gx = grad(y * y + x, [y, x])
    assert gy.item() == 18
    assert gx.item() == 18 * 6 + 1
    assert grad(y, y).item() == 1


def test_what_was_not_used_has_a_gradient_of_zeros() -> None:
    x, unused = leaf([1.0, 2.0]), leaf(np.ones((2, 3), np.float32), np.float32)
    gx, gu = grad(x.sum(), [x, unused])
    assert gx.data.tolist() == [1, 1]
    assert (gu.shape, gu.dtype, gu.data.any()) == ((2, 3), np.float32, False)


def test_gradients_of_gradients() -> None:
    x = leaf(2.0)
    y = x * x * x * x
    (first,) = grad(y, [x], create_graph=True)
    (second,) = grad(first, [x], create_graph=True)
    (third,) = grad(second, [x])
    assert (first.item(), second.item(), third.item()) == (32, 48, 48)
    assert not third.requires_grad


def test_backward_with_create_graph_adds_up_and_stays_differentiable() -> None:
    x = leaf(2.0)
    for _ in range(2):
        (x * x * x).backward(create_graph=True)
    assert x.grad.item() == 24
    assert grad(x.grad, x).item() == 24


def test_a_penalty_on_the_gradient() -> None:
    """The gradient of |df/dx|^2, with respect to w."""
    w, x = leaf([1.0, -2.0, 0.5]), leaf([0.3, 0.2, -0.1])
    slope = grad(tanh(w @ x), x, create_graph=True)
    (slope**2).sum().backward()
    check_gradient(lambda w, x: (grad(tanh(w @ x), x, create_graph=True) ** 2).sum(), w, x, order=1)
    assert w.grad.shape == (3,)


def test_gradients_are_not_computed_where_nobody_asks() -> None:
    """The rule of the first factor never runs when only the second is wanted."""
    x, w = leaf(np.ones((2, 3))), leaf(np.ones((3, 2)))
    ran = []
    original = PRIMITIVES["matmul"].gradients
    try:
        PRIMITIVES["matmul"].gradient(
            lambda *a: ran.append("a") or original[0](*a),
            lambda *a: ran.append("b") or original[1](*a),
        )
        grad((x @ w).sum(), w)
    finally:
        PRIMITIVES["matmul"].gradient(*original)
    assert ran == ["b"]


# ------------------------------------------------------------------------------------ grad(f)


def test_grad_of_a_function_to_third_order() -> None:
    def f(x: Any) -> Any:
        return x * x * x * x

    assert grad(f)(2.0) == 32
    assert grad(grad(f))(2.0) == 48
    assert grad(grad(grad(f)))(2.0) == 48
    assert grad(grad(grad(grad(grad(f)))))(2.0) == 0
    assert grad(grad(grad(lambda x: x * x)))(2.0) == 0


def test_grad_of_a_function_numpy_in_numpy_out_tensor_in_tensor_out() -> None:
    slope = grad(lambda x: (x * x).sum())
    x = np.array([1.0, 2.0])
    assert isinstance(slope(x), np.ndarray)
    assert slope(x).tolist() == [2, 4]
    assert slope(x).dtype == np.float64
    assert slope(x.astype(np.float32)).dtype == np.float32
    assert isinstance(slope(2.0), np.floating)
    for t in (Tensor([1.0, 2.0]), leaf([1.0, 2.0])):
        out = slope(t)
        assert type(out) is Tensor
        assert out.data.tolist() == [2, 4]
        assert t.grad is None


def test_grad_of_a_function_passes_further_arguments_on() -> None:
    assert grad(lambda x, y, z: x * y * z)(2.0, 3.0, 4.0) == 12


def test_grad_of_a_function_of_a_tensor_is_part_of_the_graph() -> None:
    x = leaf(3.0)
    (grad(lambda t: t * t * t)(x) * x).backward()  # 3 x^3
    assert x.grad.item() == 81


def test_nested_derivatives_are_not_confused() -> None:
    """The inner derivative is by y alone, although y is given the value of x."""
    assert grad(lambda x: x * grad(lambda y: x + y)(x))(5.0) == 1
    assert grad(lambda x: x * grad(lambda y: x * y)(x))(3.0) == 6


def test_a_function_that_does_not_depend_on_its_argument_has_derivative_zero() -> None:
    assert grad(lambda x: 3.0)(np.array([1.0, 2.0])).tolist() == [0, 0]
    assert grad(lambda x: Tensor(3.0) * 2.0)(1.0) == 0
    assert type(grad(lambda x: 3.0)(Tensor(1.0))) is Tensor


def test_grad_of_a_function_works_inside_no_grad() -> None:
    with no_grad():
        assert grad(grad(lambda x: x * x * x))(2.0) == 12
        assert not modes.grad


def test_grad_agrees_with_known_derivatives() -> None:
    x = np.linspace(-3, 3, 13)
    known = {
        "sigmoid": (sigmoid, lambda x, y: y * (1 - y)),
        "tanh": (tanh, lambda x, y: 1 - y**2),
        "relu": (relu, lambda x, y: (x > 0) * 1.0),
        "exp": (ops.exp, lambda x, y: y),
    }
    for function, slope in known.values():
        got = grad(lambda t: function(t).sum())(x)  # noqa: B023
        np.testing.assert_allclose(got, slope(x, function(x)), rtol=1e-12)


# ------------------------------------------------------------------------------------ depth


def test_a_chain_of_100_000_operations() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    assert y.item() == 100_001
    y.backward()
    assert x.grad.item() == 1
    gone = weakref.ref(y)
    del y
    assert gone() is None


# ------------------------------------------------------------------------------------ in place


def test_gradient_descent_by_hand() -> None:
    w = leaf([1.0, 2.0])
    memory, history = w.data, []
    for _ in range(50):
        loss = ((w - np.array([3.0, -1.0])) ** 2).sum()
        w.grad = None
        loss.backward()
        w -= 0.1 * w.grad
        history.append(loss.item())
    assert w.data is memory
    assert w.requires_grad
    assert w.creator is None
    np.testing.assert_allclose(w.data, [3, -1], atol=1e-3)
    assert history[-1] < 1e-6 < history[0]


def test_every_in_place_operator_changes_a_trainable_leaf() -> None:
    w = leaf([1.0, 2.0])
    memory = w.data
    w += 1.0
    w *= np.array([2.0, 3.0])
    w /= Tensor([2.0, 1.0])
    w -= [1.0, 1.0]
    assert w.data is memory
    assert w.data.tolist() == [1, 8]


def test_in_place_on_anything_else_computes_anew() -> None:
    x = Tensor([1.0, 2.0])
    y = before = x * 1.0
    y += 1.0
    assert y is not before
    assert before.data.tolist() == [1, 2]
    w = leaf([1.0, 2.0])
    z = w * 1.0
    z += 1.0
    z.sum().backward()
    assert w.grad.data.tolist() == [1, 1]


def test_an_update_that_itself_needs_gradients_is_refused() -> None:
    w = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match=r"in-place subtract .* shape \(2,\).*with axon\.no_grad"):
        w -= w * 0.1
    with no_grad():
        w -= w * 0.5
    assert w.data.tolist() == [0.5, 1]


def test_an_update_of_the_wrong_shape_is_refused() -> None:
    w = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match=r"cannot assign values of shape \(3, 2\) .* \(2,\)"):
        w += np.ones((3, 2))


# ------------------------------------------------------------------------------------ errors


def test_backward_of_many_numbers_says_how_to_make_it_one() -> None:
    with pytest.raises(ValueError, match=r"single number, got .* \(2,\).*\.sum\(\).*gradient="):
        (leaf([1.0, 2.0]) * 2.0).backward()


def test_backward_without_anything_trainable_says_so() -> None:
    for y in (Tensor(1.0) * 2.0, leaf(1.0).detach()):
        with pytest.raises(ValueError, match=r"does not depend .* requires_grad=True"):
            y.backward()


def test_a_gradient_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"gradient has shape \(3,\), expected \(2,\)"):
        (leaf([1.0, 2.0]) * 2.0).backward(np.ones(3))


def test_whole_numbers_cannot_require_gradients() -> None:
    for values in ([1, 2], np.array([True]), np.arange(3)):
        with pytest.raises(TypeError, match=r"floating-point .* got dtype (int64|bool).*float32"):
            Tensor(values, requires_grad=True)


def test_grad_with_respect_to_what_requires_none_is_refused() -> None:
    x, constant = leaf(1.0), Tensor(2.0)
    with pytest.raises(ValueError, match="requires_grad=True"):
        grad(x * constant, constant)


def test_a_primitive_without_rules_says_what_is_missing() -> None:
    @primitive
    def unfinished(out: Any, x: Any, *, xp: Any) -> None:
        """A copy."""
        xp.copyto(out, x)

    assert unfinished(np.ones(2)).tolist() == [1, 1]
    with pytest.raises(NotImplementedError, match=r"'unfinished' has no gradient.*\.gradient\("):
        unfinished(leaf([1.0, 2.0])).sum().backward()


def test_shapes_that_do_not_fit_are_named_with_the_primitive() -> None:
    with pytest.raises(ValueError, match=r"add: shapes \(2,\), \(3,\) do not fit"):
        leaf([1.0, 2.0]) + np.ones(3)
    with pytest.raises(ValueError, match=r"matmul: shapes \(2, 3\), \(2, 3\) do not fit"):
        Tensor(np.ones((2, 3))) @ Tensor(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"sum: shapes \(2,\) do not fit\. axis 1 is out of range"):
        Tensor([1.0, 2.0]).sum(axis=1)
    with pytest.raises(ValueError, match=r"broadcast_to: shapes \(2,\) do not fit"):
        ops.broadcast_to(Tensor([1.0, 2.0]), shape=(3,))
    with pytest.raises(ValueError, match=r"sum_to: .* \(5,\) does not broadcast|sum_to: shapes"):
        ops.sum_to(Tensor([1.0, 2.0]), shape=(5,))


# ------------------------------------------------------------------------------------ matmul


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3,), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3,)),
        ((4, 2, 3), (3, 5)),
        ((4, 2, 3), (4, 3, 5)),
        ((1, 2, 3), (4, 3, 5)),
        ((6, 1, 2, 3), (4, 3, 5)),
        ((3,), (4, 3, 5)),
        ((4, 2, 3), (3,)),
        ((2, 3), (4, 3, 5)),
    ],
)
def test_matmul_of_vectors_and_batches(a: tuple, b: tuple) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=a), random.normal(size=b)
    np.testing.assert_allclose((Tensor(x) @ Tensor(y)).data, x @ y, rtol=1e-12)
    check_gradient(lambda x, y: x @ y, x, y)


# ------------------------------------------------------------------------------------ PyTorch

EXPRESSIONS = {
    "dense": lambda t, x, w, b: t.tanh(x @ w + b),
    "softmax regression": lambda t, x, w, b: -t.log(t.softmax(x @ w + b, -1))[:, 0],
    "normalization": lambda t, x, w, b: (
        (x - x.mean(0)) / t.sqrt(((x - x.mean(0)) ** 2).mean(0) + 1e-3)
    ),
    "attention": lambda t, x, w, b: t.softmax(x @ w @ w.T @ x.T / 2.0, -1) @ x,
    "ratio": lambda t, x, w, b: (x @ w) ** 3 / (t.exp(b) + t.abs(x @ w)) - 2.0**b,
    "largest": lambda t, x, w, b: (
        t.maximum(x @ w, b) * t.sigmoid(-b) + t.relu(x @ w)[:, None, 1:].sum(2)
    ),
    "slices": lambda t, x, w, b: (
        (x[1:] * x[:-1]).reshape(-1, 2) @ w[:2, ::1] - x[:1, 0] / (1 - x[2, 1])
    ),
}


class _AxonNames:
    tanh, sigmoid, relu, log, sqrt, exp = tanh, sigmoid, relu, ops.log, ops.sqrt, ops.exp
    abs, maximum = ops.absolute, ops.maximum

    @staticmethod
    def softmax(x: Tensor, axis: int) -> Tensor:
        return softmax(x, axis=axis)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_agrees_with_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    f, random = EXPRESSIONS[name], np.random.default_rng(3)
    values = [random.normal(size=s) for s in ((5, 4), (4, 3), (3,))]
    ours, theirs = [leaf(v) for v in values], [torch.tensor(v, requires_grad=True) for v in values]
    y, wanted = f(_AxonNames, *ours), f(torch, *theirs)
    np.testing.assert_allclose(y.data, wanted.detach().numpy(), rtol=1e-10)
    weights = random.normal(size=y.shape)
    (y * weights).sum().backward()
    (wanted * torch.tensor(weights)).sum().backward()
    for our, their in zip(ours, theirs, strict=True):
        wanted_gradient = 0 if their.grad is None else their.grad.numpy()
        got = 0 if our.grad is None else our.grad.data
        np.testing.assert_allclose(got, wanted_gradient, rtol=1e-9, atol=1e-12)


# ------------------------------------------------------------------------------------ any shapes

quick = settings(max_examples=40, deadline=None)
numbers = st.floats(-4, 4, width=64).map(lambda v: round(v, 3))


@st.composite
def broadcastable(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    shapes = draw(arrays.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=4))
    return tuple(draw(arrays.arrays(np.float64, s, elements=numbers)) for s in shapes.input_shapes)


@quick
@given(broadcastable())
def test_any_shapes_add_and_multiply(pair: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = pair
    np.testing.assert_array_equal((Tensor(x) + Tensor(y)).data, x + y)
    np.testing.assert_array_equal((Tensor(x) * Tensor(y) - y).data, x * y - y)
    check_gradient(lambda x, y: x * y + x, x, y)


@quick
@given(st.data())
def test_any_axes_sum(data: Any) -> None:
    shape = data.draw(arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))
    axis = data.draw(st.one_of(st.none(), arrays.valid_tuple_axes(len(shape)), st.just(-1)))
    keepdims = data.draw(st.booleans())
    x = np.arange(float(np.prod(shape))).reshape(shape) / 7
    got = Tensor(x).sum(axis, keepdims).data
    np.testing.assert_allclose(got, x.sum(axis=axis, keepdims=keepdims), rtol=1e-12)
    check_gradient(lambda x: x.sum(axis, keepdims) ** 2, x)
    if x.size:
        np.testing.assert_allclose(Tensor(x).mean(axis).data, x.mean(axis=axis), rtol=1e-12)


@quick
@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    arrays.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3, min_side=1),
)
def test_any_batches_matmul(n: int, k: int, m: int, shapes: Any) -> None:
    random = np.random.default_rng(n + 3 * k + 9 * m)
    front, back = shapes.input_shapes
    a, b = random.normal(size=(*front, n, k)), random.normal(size=(*back, k, m))
    np.testing.assert_allclose((Tensor(a) @ Tensor(b)).data, a @ b, rtol=1e-10, atol=1e-12)
    check_gradient(lambda a, b: a @ b, a, b, order=1)


@quick
@given(st.data())
def test_any_reshape_and_transpose(data: Any) -> None:
    shape = data.draw(arrays.array_shapes(max_dims=4, max_side=4))
    axes = data.draw(st.permutations(range(len(shape))))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    turned = x.transpose(axes)
    sizes = data.draw(st.permutations(shape))
    np.testing.assert_array_equal(Tensor(x).transpose(*axes).data, turned)
    np.testing.assert_array_equal(
        Tensor(x).transpose(*axes).reshape(*sizes).data, turned.reshape(sizes)
    )
    check_gradient(lambda x: x.transpose(*axes).reshape(tuple(sizes)) ** 2, x / 10, order=1)


@quick
@given(st.data())
def test_any_slice(data: Any) -> None:
    shape = data.draw(arrays.array_shapes(max_dims=3, max_side=4))
    index = data.draw(arrays.basic_indices(shape, allow_newaxis=True))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    got = Tensor(x)[index]
    np.testing.assert_array_equal(got.data, x[index])
    assert np.may_share_memory(got.data, x) or not got.size
    check_gradient(lambda x: x[index] ** 2, x / 10, order=1)


@quick
@given(st.data())
def test_any_rows(data: Any) -> None:
    shape = data.draw(arrays.array_shapes(max_dims=3, max_side=4))
    rows = data.draw(
        arrays.arrays(
            np.int64,
            arrays.array_shapes(max_dims=2, max_side=3),
            elements=st.integers(-shape[0], shape[0] - 1),
        )
    )
    x = np.arange(float(np.prod(shape))).reshape(shape)
    np.testing.assert_array_equal(Tensor(x)[rows].data, x[rows])
    check_gradient(lambda x: x[rows] ** 2, x / 10)


@quick
@given(
    arrays.arrays(np.float64, arrays.array_shapes(max_dims=3, max_side=4), elements=numbers),
    st.data(),
)
def test_any_max(x: np.ndarray, data: Any) -> None:
    axis = data.draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1)))
    np.testing.assert_array_equal(Tensor(x).max(axis).data, x.max(axis=axis))
    shares = grad(lambda t: t.max(axis).sum())(x)
    np.testing.assert_allclose(shares.sum(axis=axis), 1, rtol=1e-12)
    assume(len(np.unique(x)) == x.size)
    check_gradient(lambda t: t.max(axis), x, order=1)


# ------------------------------------------------------------------------------------ the checker


def with_rule(rule: Any) -> Any:
    """A cube whose gradient is what we say."""

    @primitive
    def claimed(out: Any, x: Any, *, xp: Any) -> None:
        """x^3."""
        xp.power(x, 3, out=out)

    claimed.gradient(rule)
    return claimed


def test_check_gradient_accepts_a_right_rule() -> None:
    check_gradient(with_rule(lambda g, y, x: g * 3.0 * x * x), [[0.5, -1.5]])


def test_check_gradient_finds_a_wrong_rule_and_names_the_input() -> None:
    wrong = with_rule(lambda g, y, x: g * 2.0 * x * x)
    with pytest.raises(
        AssertionError, match=r"input 1 is wrong.*shape \(2,\).*differences .* -?\d"
    ):
        check_gradient(lambda a, b: a * wrong(b), [1.0, 2.0], [3.0, 4.0])


def test_check_gradient_finds_a_rule_that_is_only_right_once() -> None:
    once = with_rule(lambda g, y, x: g * 3.0 * Tensor(x.data * x.data))
    check_gradient(once, [1.0, 2.0], order=1)
    with pytest.raises(AssertionError, match="input 0 of the gradient with respect to input 0"):
        check_gradient(once, [1.0, 2.0])


def test_check_gradient_finds_a_missing_rule_and_nan() -> None:
    with pytest.raises(AssertionError, match="gives 0"):
        check_gradient(with_rule(None), [1.0])
    with pytest.raises(AssertionError, match="gives nan"):
        check_gradient(with_rule(lambda g, y, x: g * float("nan")), [1.0])


def test_check_gradient_reaches_parameters_and_puts_them_back() -> None:
    w, b = Parameter(np.array([1.0, 2.0])), Parameter(np.array(0.5))
    before = w.data.tobytes(), b.data.tobytes(), w.data
    check_gradient(lambda x, *_: tanh(x @ w + b), np.ones((3, 2)), w, b)
    assert (w.data.tobytes(), b.data.tobytes()) == before[:2]
    assert w.data is before[2]
    assert w.grad is None

    def forgetful(x: Tensor, *_: Tensor) -> Tensor:
        return tanh(x @ w.detach() + b)

    with pytest.raises(AssertionError, match="respect to input 1 is wrong"):
        check_gradient(forgetful, np.ones((3, 2)), w, b)
    assert w.data.tobytes() == before[0]


def test_check_gradient_refuses_what_it_cannot_measure() -> None:
    with pytest.raises(ValueError, match="no input holds floats"):
        check_gradient(lambda x: x * 2, [1, 2])
    with pytest.raises(ValueError, match=r"input 0 is float32.*dtype='float64'"):
        check_gradient(lambda x: x * 2.0, leaf([1.0], np.float32))
    with pytest.raises(ValueError, match="the result is float32"):
        check_gradient(lambda x: x.astype(np.float32), [1.0])


def test_check_gradient_leaves_whole_numbers_and_constants_alone() -> None:
    rows, constant = np.array([0, 1, 1]), Tensor([2.0, 3.0], dtype=np.float64)
    check_gradient(lambda x, i, c: x[i] * c, np.ones((2, 2)), rows, constant)
