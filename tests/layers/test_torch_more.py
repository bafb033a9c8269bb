"""Layers that PyTorch has and Keras has not: of pairs, of bags, and around other layers."""

import threading
from itertools import product

import numpy as np
import pytest

from axon import Tensor, layers

torch = pytest.importorskip("torch")
rng = np.random.default_rng(0)


def both(shape):
    x = rng.normal(size=shape)
    return Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)


def alike(found, wanted, *leaves):
    """The same values, and the same gradients of a weighted sum."""
    np.testing.assert_allclose(found.numpy(), wanted.detach().numpy(), rtol=1e-9, atol=1e-10)
    probe = rng.normal(size=found.shape)
    found.backward(probe)
    wanted.backward(torch.tensor(probe))
    for ours, theirs in leaves:
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-8, atol=1e-10)
        ours.grad = theirs.grad = None


def test_pairs():
    for axis, eps in product((1, 2, -1), (1e-8, 5.0)):
        a, b = both((2, 3, 4)), both((2, 3, 4))
        found = layers.CosineSimilarity(axis, eps, dtype="float64")([a[0], b[0]])
        alike(found, torch.nn.CosineSimilarity(axis, eps)(a[1], b[1]), a, b)
    for p, keep in product((0.5, 1, 2.0, 3, np.inf), (False, True)):
        a, b = both((2, 3, 4)), both((2, 3, 4))
        found = layers.PairwiseDistance(p, keepdim=keep, dtype="float64")([a[0], b[0]])
        alike(found, torch.nn.PairwiseDistance(p, keepdim=keep)(a[1], b[1]), a, b)
    for shape in ((3,), (3, 2)):
        a, b = both((*shape, 4)), both((*shape, 5))
        theirs = torch.nn.Bilinear(4, 5, 6, dtype=torch.float64)
        layer = layers.Bilinear(6, dtype="float64")
        layer.build((*shape[1:], 4), (*shape[1:], 5))
        layer.weights.assign(theirs.weight.detach().numpy().transpose(1, 2, 0))
        layer.bias.assign(theirs.bias.detach().numpy())
        alike(layer([a[0], b[0]]), theirs(a[1], b[1]), a, b)
        slope = theirs.weight.grad.numpy().transpose(1, 2, 0)
        np.testing.assert_allclose(layer.weights.grad.numpy(), slope, rtol=1e-10)
    with pytest.raises(ValueError, match="expected 2 inputs, got 1"):
        layer(np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, \.\.\., 5\)"):
        layer([np.ones((2, 4)), np.ones((2, 4))])


def test_bags():
    ids = np.array([[1, 2, 2], [4, 0, 3], [0, 0, 0]])
    for mode, padding in product(("mean", "sum", "max"), (None, 0)):
        theirs = torch.nn.EmbeddingBag(5, 3, mode=mode, padding_idx=padding, dtype=torch.float64)
        layer = layers.EmbeddingBag(5, 3, mode, padding, dtype="float64")
        layer.build((3,))
        layer.embeddings.assign(theirs.weight.detach().numpy())
        rows = slice(0, 2) if mode == "max" else slice(0, 3)  # of equal numbers PyTorch takes one
        alike(layer(Tensor(ids[rows])), theirs(torch.tensor(ids[rows])))
        if mode != "max":
            slope = theirs.weight.grad.numpy()
            np.testing.assert_allclose(layer.embeddings.grad.numpy(), slope, rtol=1e-10)
        assert padding is None or not layer([[0, 0]]).any()
    weights = rng.normal(size=ids.shape)
    theirs = torch.nn.EmbeddingBag(5, 3, mode="sum", dtype=torch.float64)
    layer = layers.EmbeddingBag(5, 3, "sum", dtype="float64")
    layer.build((3,))
    layer.embeddings.assign(theirs.weight.detach().numpy())
    wanted = theirs(torch.tensor(ids), per_sample_weights=torch.tensor(weights))
    np.testing.assert_allclose(
        layer(ids, per_sample_weights=weights), wanted.detach().numpy(), rtol=1e-10
    )
    real = Tensor(ids != 0)
    padded = layers.EmbeddingBag(5, 3, "mean", 0, dtype="float64")
    padded.embeddings = layer.embeddings
    mean = layers.EmbeddingBag(5, 3, "mean", dtype="float64")
    mean.embeddings = layer.embeddings
    np.testing.assert_allclose(mean(ids, mask=real), padded(ids), rtol=1e-12)
    with pytest.raises(ValueError, match="per_sample_weights are for mode='sum'"):
        mean(ids, per_sample_weights=weights)


def test_weights_by_length_and_direction():
    x = both((3, 4))
    for dim, axis in ((0, -1), (1, 0), (None, None)):
        theirs = torch.nn.Linear(4, 5, dtype=torch.float64)
        theirs = torch.nn.utils.parametrizations.weight_norm(theirs, dim=dim)
        length, direction = theirs.parametrizations.weight.parameters()
        layer = layers.WeightNormalization(layers.Dense(5, dtype="float64"), axis)
        layer.build((4,))
        kernel = layer.layer.weights.numpy().copy()
        np.testing.assert_allclose(layer(np.eye(4)), kernel + layer.layer.bias.numpy(), atol=1e-12)
        layer.layer.weights.assign(direction.detach().numpy().T)
        layer.layer.bias.assign(theirs.bias.detach().numpy())
        layer.g.assign(length.detach().numpy().reshape(-1) * 1.5)
        length.data *= 1.5
        alike(layer(x[0]), theirs(x[1]), x)
        np.testing.assert_allclose(
            layer.layer.weights.grad.numpy(), direction.grad.numpy().T, rtol=1e-8, atol=1e-12
        )
        slope = length.grad.numpy().reshape(-1)
        np.testing.assert_allclose(layer.g.grad.numpy(), slope, rtol=1e-8)


def test_the_slope_of_what_is_divided_by_the_largest_singular_value():
    x = both((3, 4))
    layer = layers.SpectralNormalization(layers.Dense(5, dtype="float64"))
    layer.build((4,))
    theirs = torch.nn.Linear(4, 5, dtype=torch.float64)
    theirs.weight.data = torch.tensor(layer.layer.weights.numpy().T.copy())
    theirs.bias.data *= 0
    theirs = torch.nn.utils.parametrizations.spectral_norm(theirs)
    for _ in range(300):  # until both have found the singular vectors
        layer(x[0].numpy(), training=True)
        theirs(x[1])
    alike(layer(x[0], training=True), theirs(x[1]), x)
    slope = theirs.parametrizations.weight.original.grad.numpy().T
    np.testing.assert_allclose(layer.layer.weights.grad.numpy(), slope, rtol=1e-6, atol=1e-9)
    before = layer.vector_u.numpy().copy()
    layer(x[0])
    assert np.array_equal(layer.vector_u.numpy(), before)  # turned in training alone


def test_wrapped_layers_are_used_by_threads_at_once():
    layer = layers.WeightNormalization(layers.Dense(64))
    layer.build((64,))
    kernel, x = layer.layer.weights, rng.normal(size=(64, 64)).astype("f4")
    wanted, found = layer(x), []
    threads = [
        threading.Thread(target=lambda: found.extend(layer(x) for _ in range(20))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(np.array_equal(y, wanted) for y in found)
    assert layer.layer.weights is kernel


@pytest.mark.parametrize("make", [layers.SpectralNormalization, layers.WeightNormalization])
def test_what_can_be_wrapped(make):
    with pytest.raises(TypeError, match=r"expected a layer such as Dense\(3\), got 3"):
        make(3)
    with pytest.raises(ValueError, match="layer must be one with weights for one step"):
        make(layers.LSTM(2))
    with pytest.raises(ValueError, match="layer must be one with weights or embeddings or kernel"):
        make(layers.Flatten()).build((2, 3))
    words = make(layers.Embedding(5, 2, mask_zero=True))
    assert words(Tensor(np.array([[1, 0]]))).mask.numpy().tolist() == [[True, False]]
