"""Normalization and images looked up along maps: the same numbers as PyTorch."""

import numpy as np
import pytest

from axon import Tensor
from axon.layers import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
from axon.ops import affine_maps, warp

torch = pytest.importorskip("torch")
F = torch.nn.functional


def near(ours, theirs):
    """To 1e-5; where terms of size 1 or larger cancel, to 1e-6 of their size."""
    theirs = theirs.detach().numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6 * max(abs(theirs).max(), 1))


def parts(shape, dtype, offset=0.0):
    """Inputs, gradient, gamma and beta."""
    random = np.random.default_rng(len(shape) * 100 + shape[-1])
    sizes = (shape, shape, shape[-1:], shape[-1:])
    x, g, gamma, beta = (random.normal(size=s).astype(dtype) for s in sizes)
    return x * 2 + x.dtype.type(offset), g, gamma, beta


def leaves(*arrays):
    """In 64 bits: where terms cancel, PyTorch's float32 loses as much as ours may."""
    return [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]


def first(x):
    """Channels in front, where PyTorch has them."""
    return x.movedim(-1, 1)


def compare(layer, theirs, shape, dtype="float32", training=False, offset=0.0):
    """Forward and all gradients; ``theirs`` takes x, gamma and beta."""
    x, g, gamma, beta = parts(shape, dtype, offset)
    layer.build(shape[1:])
    layer.gamma = gamma
    learned = [layer.gamma]
    if layer.beta is not None:
        layer.beta = beta
        learned.append(layer.beta)
    inputs = Tensor(x, requires_grad=True)
    y = layer(inputs, training=training)
    y.backward(g)
    tx, *tp = leaves(x, gamma, beta)
    ty = theirs(tx, *tp)
    ty.backward(torch.tensor(g, dtype=torch.float64))
    assert y.dtype == dtype
    near(y.numpy(), ty)
    near(inputs.grad.numpy(), tx.grad)
    for ours, p in zip(learned, tp, strict=False):
        near(ours.grad.numpy(), p.grad)


SHAPES = [(4, 3), (2, 1), (7, 5, 3), (3, 5, 7, 2), (1, 3, 3, 1), (2, 33, 17, 9), (1, 5, 5, 130)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batch_normalization_while_training(shape, dtype):
    def theirs(x, gamma, beta):
        return F.batch_norm(first(x), None, None, gamma, beta, True, eps=1e-3).movedim(1, -1)

    compare(BatchNormalization(dtype=dtype), theirs, shape, dtype, training=True)


def test_batch_normalization_far_from_zero():
    """In 64 bits nothing cancels; in 32 as little as PyTorch loses."""

    def theirs(x, gamma, beta):
        return F.batch_norm(x, None, None, gamma, beta, True, eps=1e-3)

    compare(BatchNormalization(dtype="float64"), theirs, (50, 4), "float64", True, offset=1e6)
    x = np.random.default_rng(0).normal(1000, 1, (4000, 8)).astype("f4")
    y = BatchNormalization()(x, training=True)
    exact = (x - x.mean(0, dtype="f8")) / np.sqrt(x.var(0, dtype="f8") + 1e-3)
    assert abs(y - exact).max() < 1e-3  # 1000 has a spacing of 6e-5


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_normalization_by_running_statistics(shape):
    random = np.random.default_rng(1)
    layer = BatchNormalization(epsilon=1e-4)
    layer.build(shape[1:])
    layer.moving_mean = random.normal(size=shape[-1])
    layer.moving_variance = random.random(shape[-1]) + 0.5
    mean, variance = (
        torch.tensor(b.numpy(), dtype=torch.float64)
        for b in (layer.moving_mean, layer.moving_variance)
    )

    def theirs(x, gamma, beta):
        y = F.batch_norm(first(x), mean, variance, gamma, beta, False, eps=1e-4)
        return y.movedim(1, -1)

    compare(layer, theirs, shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layer_normalization(shape, dtype):
    def theirs(x, gamma, beta):
        return F.layer_norm(x, x.shape[-1:], gamma, beta, eps=1e-3)

    compare(LayerNormalization(dtype=dtype), theirs, shape, dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rms_normalization(shape):
    def theirs(x, gamma, beta):
        return F.rms_norm(x, x.shape[-1:], gamma, eps=1e-6)

    compare(RMSNormalization(), theirs, shape)


@pytest.mark.parametrize(
    ("shape", "groups"),
    [
        ((3, 4), 2),
        ((1, 5, 6), 3),
        ((2, 3, 5, 4), 4),
        ((2, 3, 5, 6), 1),
        ((2, 3, 5, 6), -1),
        ((1, 7, 7, 1), 1),
    ],
)
def test_group_normalization(shape, groups):
    def theirs(x, gamma, beta):
        number = shape[-1] if groups == -1 else groups
        return F.group_norm(first(x), number, gamma, beta, eps=1e-3).movedim(1, -1)

    compare(GroupNormalization(groups), theirs, shape)


@pytest.mark.parametrize(
    ("fill_mode", "theirs"),
    [("constant", "zeros"), ("nearest", "border"), ("reflect", "reflection")],
)
def test_images_along_maps_and_their_gradient(fill_mode, theirs):
    random = np.random.default_rng(0)
    H, W = 5, 7
    x, g = random.normal(size=(2, 4, H, W, 3))
    maps = affine_maps(random.uniform(-0.4, 0.4, (4, 5)), size=(H, W))
    ours = Tensor(x, requires_grad=True)
    y = warp(ours, maps, size=(H, W), fill_mode=fill_mode)
    y.backward(g)
    places = np.stack(np.meshgrid(np.arange(H), np.arange(W), [1], indexing="ij"))[..., 0]
    down, right = np.einsum("nak,kij->anij", maps / 2**24, places)
    grid = np.stack([(2 * right + 1) / W - 1, (2 * down + 1) / H - 1], axis=-1)
    (tx,) = leaves(x)
    ty = F.grid_sample(
        *(first(tx), torch.tensor(grid)), padding_mode=theirs, align_corners=False
    ).movedim(1, -1)
    ty.backward(torch.tensor(g))
    near(y.numpy(), ty)
    near(ours.grad.numpy(), tx.grad)
