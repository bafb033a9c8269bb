"""Changes of colour and size: the numbers of Keras where nothing is left to chance."""

import os
from importlib.util import find_spec

import numpy as np
import pytest

import axon
from axon import layers

if find_spec("keras") is None or find_spec("torch") is None:
    pytest.skip("needs keras and torch", allow_module_level=True)
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")
if keras.backend.backend() != "torch":
    pytest.skip("Keras runs on another backend here", allow_module_level=True)
rng = np.random.default_rng(0)
FIXED = [
    ("RandomBrightness", [(0.3, 0.3), (-0.3, -0.3)]),
    ("RandomContrast", [(0.0, 0.0)]),
    ("RandomColorDegeneration", [(0.3, 0.3), (1.0, 1.0)]),
    ("RandomSaturation", [(0.3, 0.3), (0.7, 0.7)]),
    ("RandomSharpness", [(0.1, 0.1), (0.9, 0.9)]),
    ("RandomInvert", [(1.0, 1.0), (0.0, 0.0)]),
    ("RandomPosterization", [(3, 3), (8, 8), 1]),
]


def answer(name, x, *arguments, **options):
    made = getattr(keras.layers, name)(*arguments, **options)
    return made(torch.tensor(x.astype("f4")), training=True).detach().numpy()


@pytest.mark.parametrize(("name", "factors"), FIXED, ids=[name for name, _ in FIXED])
def test_fixed_changes_of_colour(name, factors):
    for factor in factors:
        for ends in ((0, 1), (0, 255)):
            if name == "RandomSaturation" and ends[1] > 1:
                continue  # Keras keeps saturation below 255 there, not below 1
            x = (rng.random((2, 4, 5, 3)) * ends[1]).astype("f4")
            layer = getattr(layers, name)(factor, value_range=ends)
            wanted = answer(name, x, factor, value_range=ends)
            found = layer(x, training=True)
            np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5 * ends[1])
            assert np.array_equal(layer(x), x)


def test_changes_of_hue_go_either_way():
    x = rng.random((32, 2, 2, 3)).astype("f4")
    found = layers.RandomHue((0.4, 0.4), value_range=(0, 1), seed=0)(x, training=True)
    both = [answer("RandomHue", x, (0.4, 0.4), value_range=(0, 1), seed=s) for s in range(12)]
    ways = set()
    for i, y in enumerate(found):
        near = [tuple(np.round(k[i], 4).ravel()) for k in both if np.allclose(k[i], y, atol=2e-5)]
        assert near
        ways.add(bool(np.allclose(both[0][i], y, atol=2e-5)))
    assert ways == {True, False}


def test_grey_solar_and_stretched_images():
    x = (rng.random((3, 4, 5, 3)) * 255).astype("f4")
    same = {"rtol": 1e-5, "atol": 1e-3}
    wanted = answer("RandomGrayscale", x, 1.0)
    np.testing.assert_allclose(layers.RandomGrayscale(1.0)(x, training=True), wanted, **same)
    assert np.array_equal(layers.RandomGrayscale(0.0)(x, training=True), x)
    some = layers.RandomGrayscale(0.5, seed=3)(np.repeat(x, 20, 0), training=True)
    grey = (some.max(-1) - some.min(-1)).max((1, 2)) < 1e-3
    assert 15 < grey.sum() < 45
    wanted = answer("Solarization", x)
    np.testing.assert_allclose(layers.Solarization()(x, training=True), wanted, **same)
    found = layers.Solarization(threshold_factor=(0.5, 0.5))(x, training=True)
    np.testing.assert_allclose(found, np.where(x < 127.5, x, 255 - x), **same)
    wanted = answer("AutoContrast", x)
    np.testing.assert_allclose(layers.AutoContrast()(x), wanted, **same)


def test_factors_lie_where_they_were_asked_for():
    x = np.full((400, 1, 1, 1), 0.5, "f4")
    found = layers.RandomBrightness(0.2, value_range=(0, 1), seed=1)(x, training=True) - 0.5
    assert found.min() > -0.2001
    assert found.max() < 0.2001
    assert found.max() - found.min() > 0.38
    bits = layers.RandomPosterization((2, 4), seed=1)(x * 510, training=True)
    assert set(bits.ravel()) == {192.0, 224.0}


def test_contrast_is_stretched_about_the_mean():
    x = rng.random((300, 3, 2, 2)).astype("f4")
    layer = layers.RandomContrast((0.5, 0.25), value_range=(-9, 9), seed=1)
    off = x - x.mean(axis=(1, 2), keepdims=True)
    found = layer(x, training=True) - x.mean(axis=(1, 2), keepdims=True)
    c = (found * off).sum((1, 2, 3)) / (off * off).sum((1, 2, 3))
    np.testing.assert_allclose(found, c[:, None, None, None] * off, atol=1e-5)
    assert 0.749 < c.min() < 0.77  # (0.25, 0.5) in order
    assert 1.48 < c.max() < 1.501


def test_sizes():
    for shape in ((5, 7), (4, 4), (9, 3)):
        x = rng.random((2, *shape, 3)).astype("f4")
        for size in ((3, 4), (8, 8), (5, 7)):
            for how in ("bilinear", "nearest", "bicubic"):
                found = layers.Resizing(*size, how)(x)
                wanted = answer("Resizing", x, *size, how)
                np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5, err_msg=how)
            cut = layers.Resizing(*size, crop_to_aspect_ratio=True)(x)
            wanted = answer("Resizing", x, *size, crop_to_aspect_ratio=True)
            np.testing.assert_allclose(cut, wanted, rtol=1e-4, atol=1e-5)
            wide = layers.Resizing(*size, pad_to_aspect_ratio=True, fill_value=0.5)(x)
            wanted = answer("Resizing", x, *size, pad_to_aspect_ratio=True, fill_value=0.5)
            np.testing.assert_allclose(wide, wanted, rtol=1e-4, atol=1e-5)
            found = layers.CenterCrop(*size)(x)
            np.testing.assert_allclose(found, answer("CenterCrop", x, *size), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.RandomBrightness(2), "factor must be a number from -1.0 to 1.0"),
        (lambda: layers.RandomHue(0.1, (1, 0)), r"value_range must be \(low, high\)"),
        (lambda: layers.RandomHue(0.1)(np.ones((1, 2, 2, 1))), "red, green and blue"),
        (lambda: layers.RandomGrayscale(1.5), "factor must be from 0 to 1"),
        (lambda: layers.Resizing(3, 3, "cubic"), "interpolation must be"),
        (lambda: layers.Resizing(3, 3, "nearest", True, True), "choose crop_to_aspect_ratio or"),
    ],
)
def test_arguments_are_checked(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_other_names_of_keras():
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.Convolution3DTranspose is layers.Conv3DTranspose
    assert axon.layers.GlobalAvgPool1D is layers.GlobalAveragePooling1D


def test_jitter_is_one_change_after_another():
    x = rng.random((2, 3, 4, 3)).astype("f4")
    fixed = (0.1, 0.1), (0.0, 0.0), (0.6, 0.6)
    found = layers.RandomColorJitter((0, 1), *fixed)(x, training=True)
    for name, factor in zip(("Brightness", "Contrast", "Saturation"), fixed, strict=True):
        x = getattr(layers, f"Random{name}")(factor, (0, 1))(x, training=True)
    np.testing.assert_allclose(found, x, rtol=1e-6)
    one, other = (layers.RandomColorJitter((0, 1), 0.5, 0.5, 0.5, 0.5, seed=3) for _ in range(2))
    assert np.array_equal(one(x, training=True), other(x, training=True))
    assert not np.array_equal(one(x, training=True), other(x))
