"""The same activations, gradients and second gradients as PyTorch's in float64, if installed."""

from functools import partial

import numpy as np
import pytest

from axon import Tensor, activations, grad, ops
from axon.activations import ACTIVATIONS, ALIASES

torch = pytest.importorskip("torch")
F = torch.nn.functional

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
}
every_pair = pytest.mark.parametrize(("ours", "theirs"), PAIRS.values(), ids=PAIRS)
ELEMENTWISE = {n: pair for n, pair in PAIRS.items() if "softmax" not in n and n != "erf"}
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
    assert {*ACTIVATIONS, *ALIASES} <= set(PAIRS)


@every_pair
@pytest.mark.parametrize("shape", [(16, 4), (1, 5), (7,), (2, 3, 4), (0, 3), (1,)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
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
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
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
