"""Spectrograms and embeddings that lead back: the numbers and gradients of Keras."""

import numpy as np
import pytest

from axon import Tensor, initializers, layers
from tests.layers.beside_keras import keras, same, torch

rng = np.random.default_rng(0)


def test_spectrograms():
    for mode in ("log", "magnitude", "psd", "real", "imag", "angle", "stft"):
        same("STFTSpectrogram", (2, 9, 2), mode, 4, 3, tolerance=1e-6)
    for window in ("hann", "hamming", "blackman", None):
        for periodic, scaling in ((True, "density"), (False, "spectrum"), (False, None)):
            options = {"window": window, "periodic": periodic, "scaling": scaling}
            theirs = keras.initializers.STFT("imag", **options)((6, 1, 5), "float64")
            ours = initializers.STFT("imag", **options)((6, 1, 5), "float64")
            np.testing.assert_allclose(ours, theirs, atol=1e-12)
    more = {"padding": "same", "expand_dims": True, "fft_length": 8}
    same("STFTSpectrogram", (2, 9, 2), "magnitude", 5, **more, tolerance=1e-6)
    first = {"data_format": "channels_first"}
    same("STFTSpectrogram", (2, 2, 9), "psd", 4, **first, tolerance=1e-6)
    same("STFTSpectrogram", (2, 2, 9), "psd", 4, **first, expand_dims=True, tolerance=1e-6)


def test_mel_spectrograms():
    for options in (
        {},
        {"power_to_db": False, "mag_exp": 1.0, "min_freq": 0.0},
        {"top_db": 3.0, "max_freq": 3000.0, "ref_power": 2.0},
        {"sequence_length": 12, "window": "hamming", "sampling_rate": 8000},
    ):
        given = {"fft_length": 16, "sequence_stride": 5, "num_mel_bins": 4, **options}
        same("MelSpectrogram", (1, 40), tolerance=1e-4, **given)  # Keras computes it in float32
    x = rng.normal(size=(3, 40))
    layer = layers.MelSpectrogram(16, 5, num_mel_bins=4, top_db=1.0)
    alone = [layer(x[i : i + 1])[0] for i in range(3)]  # Keras: the strongest of the whole batch
    np.testing.assert_allclose(layer(x), alone, rtol=1e-5)


def test_embeddings_lead_back():
    ids, back = np.array([[1, 0, 4], [3, 3, 2]]), rng.normal(size=(2, 3, 6))
    for tied, cap in ((True, None), (False, 2.0)):
        ours = layers.ReversibleEmbedding(5, 6, tied, logit_soft_cap=cap, dtype="float64")
        theirs = keras.layers.ReversibleEmbedding(5, 6, tied, logit_soft_cap=cap, dtype="float64")
        ours.build((3,))
        theirs.build((2, 3))
        for p, w in zip(ours.parameters(), theirs.weights, strict=True):
            p.assign(rng.normal(size=p.shape))
            w.assign(p.numpy())
        np.testing.assert_allclose(ours(ids), theirs(ids).detach().numpy(), rtol=1e-12)
        leaf, other = Tensor(back, requires_grad=True), torch.tensor(back, requires_grad=True)
        found, wanted = ours(leaf, reverse=True), theirs(other, reverse=True)
        near = {"rtol": 1e-5, "atol": 1e-5}  # Keras computes it in float32
        np.testing.assert_allclose(found.numpy(), wanted.detach().numpy(), **near)
        (found * found).sum().backward()
        (wanted * wanted).sum().backward()
        np.testing.assert_allclose(leaf.grad.numpy(), other.grad.numpy(), **near)
        mine, slope = ours.parameters()[-1].grad, theirs.weights[-1].value.grad
        np.testing.assert_allclose(mine.numpy(), slope.numpy(), **near)
    masked = layers.ReversibleEmbedding(5, 6, mask_zero=True)
    x = masked(Tensor(ids))
    assert x.mask.numpy().tolist() == (ids != 0).tolist()
    assert masked(x, reverse=True).mask is x.mask
    with pytest.raises(TypeError, match="ids must be whole numbers, got float32"):
        masked(Tensor(back.astype("f4")))
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, \.\.\., 6\) of floats"):
        masked(back[..., :4], reverse=True)


def test_the_largest_singular_value_is_divided_by():
    """Keras divides the kernel in place, step by step: the outputs in training are the same."""
    x = rng.normal(size=(3, 4))
    for power in (1, 3):
        ours = layers.SpectralNormalization(layers.Dense(5, dtype="float64"), power)
        theirs = keras.layers.SpectralNormalization(keras.layers.Dense(5, dtype="float64"), power)
        ours.build((4,))
        theirs.build((3, 4))
        theirs.layer.kernel.assign(ours.layer.weights.numpy())
        theirs.vector_u.assign(ours.vector_u.numpy())
        for _ in range(3):
            wanted = theirs(x, training=True).detach().numpy()
            np.testing.assert_allclose(ours(x, training=True), wanted, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(ours(x), theirs(x).detach().numpy(), rtol=1e-6, atol=1e-7)
    zero = layers.SpectralNormalization(layers.Dense(2, kernel_initializer="zeros"))
    assert not zero(np.ones((1, 3)), training=True).any()


def test_convolutions_that_remember():
    for axes in (1, 2, 3):
        shape, options = (2, 2, *(4, 3, 2)[:axes], 1), [{}]
        if axes < 3:
            options.append({"padding": "same", "return_sequences": True, "go_backwards": True})
        if axes == 1:
            options.append({"strides": 2, "use_bias": False, "activation": "relu"})
            gates = {"recurrent_activation": "hard_sigmoid"}
            options.append({"dilation_rate": 2, "padding": "same", **gates})
        for given in options:
            same(f"ConvLSTM{axes}D", shape, 2, 2, **given, tolerance=1e-6)
    first = {"data_format": "channels_first", "tolerance": 1e-6}
    same("ConvLSTM2D", (2, 2, 1, 3, 2), 2, 2, **first, return_sequences=True)
    same("ConvLSTM2D", (2, 2, 1, 3, 2), 2, 2, **first)
    turned = layers.ConvLSTM1D(3, 2, padding="same", data_format="channels_first", dtype="float64")
    there = rng.normal(size=(2, 4, 1, 3))
    turned.build(there.shape[1:])
    plain = layers.ConvLSTM1D(3, 2, padding="same", dtype="float64")
    plain.build((4, 3, 1))
    plain.set_weights(turned.get_weights())
    state = [rng.normal(size=(2, 3, 3)) for _ in range(2)]
    wanted = plain(there.transpose(0, 1, 3, 2), initial_state=[s.transpose(0, 2, 1) for s in state])
    np.testing.assert_allclose(turned(there, initial_state=state), wanted.transpose(0, 2, 1))
    x = rng.normal(size=(2, 3, 4, 4, 1))
    layer = layers.ConvLSTM2D(2, 3, padding="same", return_state=True, dtype="float64")
    y, h, c = layer(x)
    assert np.array_equal(y, h)
    halves = layer(x[:, 2:], initial_state=layer(x[:, :2])[1:])
    np.testing.assert_allclose(halves[2], c, rtol=1e-10)
    real = np.array([[True, True, False], [False, True, True]])
    padded = layer(x, mask=real)[0]
    np.testing.assert_allclose(padded[0], layer(x[:1, :2])[0][0], rtol=1e-10)
    np.testing.assert_allclose(padded[1], layer(x[1:, 1:])[0][0], rtol=1e-10)
    kept = layers.ConvLSTM2D(2, 3, padding="same", stateful=True, dtype="float64")
    kept.build(x.shape[1:])
    kept.set_weights(layer.get_weights())
    kept(x[:, :2])
    np.testing.assert_allclose(kept(x[:, 2:]), y, rtol=1e-10)
    with pytest.raises(ValueError, match="Each step must be as large as the first ones"):
        layer(x[:, :, :3])
    with pytest.raises(ValueError, match="dilation_rate must be 1 with strides"):
        layers.ConvLSTM1D(2, 3, 2, dilation_rate=2)


def test_what_a_convolution_forgets():
    """Of a linear one nothing changes in the mean over many draws."""
    linear = {"activation": "linear", "recurrent_activation": "linear", "seed": 1}
    x = np.ones((400, 1, 3, 1))
    layer = layers.ConvLSTM1D(1, 1, use_bias=False, dropout=0.5, **linear, dtype="float64")
    y = layer(x, training=True)
    expected = layer(x)  # i g o, of which each is 0 or twice as much
    assert set(np.round(np.unique(y / expected), 6)) == {0.0, 8.0}
    assert y.mean() / expected.mean() == pytest.approx(1, abs=0.25)
    again = layers.ConvLSTM1D(1, 1, recurrent_dropout=0.9, **linear, dtype="float64")
    assert np.array_equal(again(x[:, :1], training=True), again(x[:, :1]))  # h is 0 at first
    long = np.ones((50, 2, 3, 1))
    assert not np.array_equal(again(long, training=True), again(long))
