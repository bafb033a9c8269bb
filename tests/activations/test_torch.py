"""The same activations, gradients and second gradients as PyTorch's in float64, if installed."""

from functools import partial

import numpy as np
import pytest

from axon import Tensor, activations, grad, ops
from axon.activations import ACTIVATIONS, ALIASES, COMBINED
from tests.samples.loops import looped

torch = pytest.importorskip("torch")
F = torch.nn.functional


def _squareplus(x, b):
    root = torch.sqrt(x * x + b)
    return torch.where(x > 0, (x + root) / 2, b / 2 / (root - x))


# name -> (ours, theirs)
PAIRS = {
    "linear": (activations.linear, lambda x: x * 1.0),
    "relu": (activations.relu, F.relu),
    "relu6": (activations.relu6, F.relu6),
    "leaky_relu": (activations.leaky_relu, partial(F.leaky_relu, negative_slope=0.2)),
    "leaky_relu of 0.01": (partial(activations.leaky_relu, negative_slope=0.01), F.leaky_relu),
    "elu": (activations.elu, F.elu),
    "elu of 2": (partial(activations.elu, alpha=2.0), partial(F.elu, alpha=2.0)),
    "selu": (activations.selu, F.selu),
    "gelu": (activations.gelu, F.gelu),
    "gelu by tanh": (
        partial(activations.gelu, approximate=True),
        partial(F.gelu, approximate="tanh"),
    ),
    "silu": (activations.silu, F.silu),
    "swish": (activations.swish, F.silu),
    "mish": (activations.mish, F.mish),
    "softplus": (activations.softplus, F.softplus),
    "softsign": (activations.softsign, F.softsign),
    "sigmoid": (activations.sigmoid, torch.sigmoid),
    "hard_sigmoid": (activations.hard_sigmoid, lambda x: F.relu6(x + 3) / 6),
    "tanh": (activations.tanh, torch.tanh),
    "softmax": (activations.softmax, partial(F.softmax, dim=-1)),
    "log_softmax": (activations.log_softmax, partial(F.log_softmax, dim=-1)),
    "erf": (ops.erf, torch.erf),
    "celu": (activations.celu, F.celu),
    "celu of 0.5": (partial(activations.celu, alpha=0.5), partial(F.celu, alpha=0.5)),
    "exponential": (activations.exponential, torch.exp),
    "hard_shrink": (activations.hard_shrink, F.hardshrink),
    "hard_shrink of 1": (
        partial(activations.hard_shrink, threshold=1),
        lambda x: F.hardshrink(x, 1),
    ),
    "soft_shrink": (activations.soft_shrink, F.softshrink),
    "soft_shrink of 1": (
        partial(activations.soft_shrink, threshold=1),
        lambda x: F.softshrink(x, 1),
    ),
    "tanh_shrink": (activations.tanh_shrink, F.tanhshrink),
    "hard_silu": (activations.hard_silu, F.hardswish),
    "hard_swish": (activations.hard_swish, F.hardswish),
    "hard_tanh": (activations.hard_tanh, F.hardtanh),
    "hard_tanh of 2": (
        partial(activations.hard_tanh, min_value=-2, max_value=0.5),
        partial(F.hardtanh, min_val=-2, max_val=0.5),
    ),
    "log_sigmoid": (activations.log_sigmoid, F.logsigmoid),
    "softmin": (activations.softmin, partial(F.softmin, dim=-1)),
    "sparse_plus": (
        activations.sparse_plus,
        lambda x: torch.where(x >= 1, x, F.hardtanh((x + 1) / 2, 0, 1) ** 2),
    ),
    "sparse_sigmoid": (activations.sparse_sigmoid, lambda x: F.hardtanh((x + 1) / 2, 0, 1)),
    "squareplus": (activations.squareplus, lambda x: _squareplus(x, 4)),
    "squareplus of 0.5": (partial(activations.squareplus, b=0.5), lambda x: _squareplus(x, 0.5)),
    "threshold": (activations.threshold, lambda x: F.threshold(x, 0, 0)),
    "threshold of 1": (
        partial(activations.threshold, threshold=1, default_value=-3),
        lambda x: F.threshold(x, 1, -3),
    ),
}

every_pair = pytest.mark.parametrize(("ours", "theirs"), PAIRS.values(), ids=PAIRS)
GROWS = {"erf", "exponential"}  # not compared at the ends
ELEMENTWISE = {n: pair for n, pair in PAIRS.items() if "softm" not in n and n not in GROWS}
elementwise = pytest.mark.parametrize(("ours", "theirs"), ELEMENTWISE.values(), ids=ELEMENTWISE)

HUGE = [88.0, 89.0, 104.0, 710.0, 750.0, 1e4, 1e10, 1e19, 1e30, 3e38]
HUGE = np.array([0.0, 1e-38, 1e-30, 1e-10, 20.0, 30.0, *HUGE])


def values_and_slopes(function, leaf, g):
    """A function's value, its gradient and that one's gradient, by PyTorch."""
    y = function(leaf)
    (first,) = torch.autograd.grad(y, leaf, g, create_graph=True)
    second = torch.zeros_like(leaf)
    if first.requires_grad:
        (second,) = torch.autograd.grad((first * g).sum(), leaf, allow_unused=True)
        second = torch.zeros_like(leaf) if second is None else second
    return [v.detach().numpy() for v in (y, first, second)]


def ours_of(function, x, g):
    leaf = Tensor(x, requires_grad=True)
    y = function(leaf)
    first = grad(y, leaf, gradient=g, create_graph=True)
    bent = first.requires_grad and first is not leaf
    second = grad((first * g).sum() + (leaf * 0.0).sum(), leaf) if bent else Tensor(0.0 * x)
    return [v.numpy() for v in (y, first, second)]


def test_every_activation_is_compared():
    assert {*ACTIVATIONS, *ALIASES, *COMBINED} - {"glu", "sparsemax"} <= set(PAIRS)


@every_pair
@looped("shape", [(16, 4), (1, 5), (7,), (2, 3, 4), (0, 3), (1,)])
@looped("dtype", ["float32", "float64"])
def test_values_and_gradients(ours, theirs, shape, dtype):
    rng = np.random.default_rng(0)
    x, g = (3 * rng.normal(size=shape)).astype(dtype), rng.normal(size=shape).astype(dtype)
    exact, seed = torch.tensor(x.astype("f8"), requires_grad=True), torch.tensor(g.astype("f8"))
    wanted = values_and_slopes(theirs, exact, seed)
    found = ours_of(ours, x, g)
    rtol = 1e-5 if dtype == "float32" else 1e-12
    for f, w in zip(found, wanted, strict=True):
        assert (f.shape, f.dtype) == (shape, dtype)
        np.testing.assert_allclose(f, w, rtol=rtol, atol=rtol / 5)


@elementwise
def test_a_single_number(ours, theirs):
    x, g = np.array(0.7), np.array(1.5)
    wanted = values_and_slopes(theirs, torch.tensor(x, requires_grad=True), torch.tensor(g))
    for f, w in zip(ours_of(ours, x, g), wanted, strict=True):
        assert f.shape == ()
        np.testing.assert_allclose(f, w, rtol=1e-12)


@elementwise
@looped("sign", [1, -1])
@looped("dtype", ["float32", "float64"])
def test_huge_values(ours, theirs, sign, dtype):
    """Against PyTorch in float64, whose first two are finite there; no warning, no NaN."""
    x = (sign * HUGE).astype(dtype)
    ones = np.ones_like(x)
    exact = torch.tensor(x.astype("f8"), requires_grad=True)
    y, first, _ = values_and_slopes(theirs, exact, torch.ones_like(exact))
    found = ours_of(ours, x, ones)
    np.testing.assert_allclose(found[0], y, rtol=1e-6, atol=1e-30)
    known = np.isfinite(first)
    assert known[np.abs(x) < 1e4].all()
    np.testing.assert_allclose(found[1][known], first[known], rtol=1e-5, atol=1e-7)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[2][np.abs(x) > 1e3], 0, atol=1e-6)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_glu(axis):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, 6))
    leaf, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    found, wanted = activations.glu(leaf, axis), F.glu(theirs, axis)
    g = rng.normal(size=found.shape)
    np.testing.assert_allclose(found.numpy(), wanted.detach(), rtol=1e-12)
    found.backward(g), wanted.backward(torch.tensor(g))
    np.testing.assert_allclose(leaf.grad.numpy(), theirs.grad, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: activations.glu(x), r"even number along axis -1, got shape \(2, 3\)"),
        (lambda x: activations.celu(x, 0), "celu: alpha must be greater than 0, got 0"),
        (lambda x: activations.soft_shrink(x, -1.0), "soft_shrink: threshold must be 0 or more"),
        (lambda x: activations.hard_tanh(x, 1, 1), "hard_tanh: 1 to 1 is no range"),
        (lambda x: activations.squareplus(x, b=0), "squareplus: b must be greater than 0"),
    ],
)
def test_settings_of_combined_ones_are_checked(call, words):
    for x in (np.ones((2, 3)), Tensor(np.ones((2, 3)))):
        with pytest.raises(ValueError, match=words):
            call(x)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_sparsemax_is_the_nearest_distribution(axis):
    """By the conditions of Kuhn and Tucker, and its slope by that of a projection."""
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=(2, 3, 4, 5))
    leaf = Tensor(x, requires_grad=True)
    found = activations.sparsemax(leaf, axis)
    p = found.numpy()
    assert np.array_equal(activations.sparsemax(x, axis), p)
    np.testing.assert_allclose(p.sum(axis=axis), 1, rtol=1e-12)
    assert p.min() == 0
    some = p > 0
    cut = np.where(some, x - p, -np.inf).max(axis=axis, keepdims=True)
    np.testing.assert_allclose(p, np.maximum(x - cut, 0), atol=1e-12)
    found.backward(g)
    mean = (g * some).sum(axis=axis, keepdims=True) / some.sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(leaf.grad.numpy(), np.where(some, g - mean, 0), atol=1e-12)
