"""A layer beside Keras's of the same name: skips whoever imports it where that is not installed."""

import os
from importlib.util import find_spec

import numpy as np
import pytest

from axon import Tensor, layers

if find_spec("keras") is None or find_spec("torch") is None:
    pytest.skip("needs keras and torch", allow_module_level=True)
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")
if keras.backend.backend() != "torch":
    pytest.skip("Keras runs on another backend here", allow_module_level=True)


def run(theirs, x, weights):
    """A layer's value, and the gradients of its weighted sum, by Keras."""
    leaf = torch.tensor(x, requires_grad=True)
    theirs.build(x.shape)
    assert [w.shape for w in theirs.weights] == [w.shape for w in weights]
    for variable, w in zip(theirs.weights, weights, strict=True):
        variable.assign(w)
    y = theirs(leaf)
    probe = np.random.default_rng(1).normal(size=y.shape).astype(x.dtype)
    (y * torch.tensor(probe)).sum().backward()
    slopes = [w.value.grad for w in theirs.trainable_weights]
    return y.detach().numpy(), leaf.grad.numpy(), [g.numpy() for g in slopes], probe


def same(name, shape, *arguments, order=None, tolerance=1e-9, **options):
    """Compare one layer, weights in AXON's order unless ``order`` says where Keras has them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape)
    ours = getattr(layers, name)(*arguments, **options, dtype="float64")
    ours.build(shape[1:])
    for p in ours.parameters():
        p.assign(rng.normal(size=p.shape))
    given = [p.numpy() for p in ours.parameters()]
    theirs = getattr(keras.layers, name)(*arguments, **options, dtype="float64")
    y, slope, slopes, probe = run(theirs, x, [given[i] for i in order or range(len(given))])
    leaf = Tensor(x, requires_grad=True)
    found = ours(leaf)
    case = f"{name}{arguments}{options}"
    np.testing.assert_allclose(found.numpy(), y, rtol=tolerance, atol=tolerance, err_msg=case)
    found.backward(probe)
    np.testing.assert_allclose(
        leaf.grad.numpy(), slope, rtol=tolerance, atol=tolerance, err_msg=case
    )
    mine = [p.grad.numpy() for p in ours.parameters()]
    mine = [mine[i] for i in order or range(len(mine))]
    for p, w in zip(mine, slopes, strict=True):
        np.testing.assert_allclose(p, w, rtol=tolerance, atol=tolerance, err_msg=case)
