"""The same numbers and gradients as Keras's layers of the same name, over a grid of arguments."""

import numpy as np
import pytest

from axon import layers
from tests.layers.beside_keras import same


def test_activations():
    for slope in (0.0, 0.1):
        for threshold in (0.0, 0.4):
            for limit in (None, 0.8):
                same("ReLU", (5, 4), limit, slope, threshold)
    for slope in (0.0, 0.3, 1.5):
        same("LeakyReLU", (5, 4), slope)
    for axes in (None, 1, (1, 2)):
        same("PReLU", (3, 4, 2), "ones", shared_axes=axes)
    for alpha in (0.5, 1.0):
        same("ELU", (5, 4), alpha)
    for axis in (-1, 1, (1, 2)):
        same("Softmax", (3, 4, 2), axis)


def test_convolutions():
    for axes in (1, 2, 3):
        shape = (2, *(5, 6, 4)[:axes], 4)
        for padding in ("valid", "same"):
            for strides, dilation, groups in ((1, 1, 1), (2, 1, 2), (1, 2, 1)):
                more = {"strides": strides, "padding": padding, "dilation_rate": dilation}
                same(f"Conv{axes}D", shape, 2, 2, **more, groups=groups)
                if dilation == 1:
                    same(f"Conv{axes}DTranspose", shape, 3, 3, strides, padding)
                if axes < 3:
                    same(f"SeparableConv{axes}D", shape, 3, 2, depth_multiplier=2, **more)
                    same(f"DepthwiseConv{axes}D", shape, 3, strides, padding, 2)
    same("DepthwiseConv1D", (2, 5, 3), 3, padding="valid", use_bias=False)
    same("Conv3D", (1, 5, 6, 7, 2), 2, (2, 3, 1), strides=(1, 2, 3), padding="same")
    same("Conv3DTranspose", (1, 2, 3, 2, 2), 2, (3, 2, 2), (2, 3, 1), "same")


def test_pooling():
    for axes in (1, 2, 3):
        shape = (2, *(5, 6, 7)[:axes], 2)
        for kind in ("Max", "Average"):
            for padding in ("valid", "same") if kind == "Max" else ("valid",):
                for size, strides in ((2, None), (3, 2), (2, 1)):
                    same(f"{kind}Pooling{axes}D", shape, size, strides, padding)
            for keepdims in (False, True) if kind == "Max" else ():
                same(f"Global{kind}Pooling{axes}D", shape, keepdims=keepdims)
            for size in (1, 3, 4):
                same(f"Adaptive{kind}Pooling{axes}D", shape, size)


def test_edges():
    for axes in (1, 2, 3):
        shape = (2, *(5, 6, 7)[:axes], 2)
        given = [1, ((1, 0), (2, 1), (0, 3))[:axes], (2, 1, 0)[:axes]]
        for some in given if axes > 1 else [1, (2, 1)]:
            same(f"Cropping{axes}D", shape, some)
            same(f"ZeroPadding{axes}D", shape, some)
        same(f"UpSampling{axes}D", shape, 2)
    same("UpSampling3D", (1, 2, 3, 2, 1), (1, 2, 3))


def test_channels_first():
    first = {"data_format": "channels_first"}
    for axes in (1, 2, 3):
        shape = (2, 4, *(5, 6, 7)[:axes])
        same(f"Conv{axes}D", shape, 2, 2, padding="same", **first)
        same(f"Conv{axes}DTranspose", shape, 2, 2, 2, **first)
        same(f"MaxPooling{axes}D", shape, 2, **first)
        same(f"GlobalMaxPooling{axes}D", shape, keepdims=True, **first)
        same(f"GlobalMaxPooling{axes}D", shape, **first)
        same(f"AdaptiveMaxPooling{axes}D", shape, 2, **first)
    same("SeparableConv2D", (2, 4, 5, 6), 3, 2, **first)
    same("DepthwiseConv2D", (2, 4, 5, 6), 2, **first)
    same("Cropping2D", (2, 3, 5, 6), 1, **first)
    same("ZeroPadding2D", (2, 3, 5, 6), 1, **first)
    same("UpSampling2D", (2, 3, 5, 6), 2, **first)
    same("Flatten", (2, 3, 5, 6), **first)


def test_normalizations():
    for axis in (-1, 3, [-1], [2, 3], [1, 2, 3]):  # Keras computes it in float32
        same("LayerNormalization", (3, 4, 5, 2), axis, tolerance=1e-4)
    for axis in (-1, 1, 2, (1, 2), (-1, 1)):
        same("UnitNormalization", (3, 4, 5), axis, tolerance=1e-6)
    same("GroupNormalization", (3, 4, 5, 2), 2, axis=1, tolerance=1e-4)


def test_products_by_equation():
    for equation, shape, wanted, bias in (
        ("ab,bc->ac", (3, 4), 5, "c"),
        ("abc,cd->abd", (3, 4, 5), (None, 6), "d"),
        ("abc,cde->abde", (3, 4, 5), (None, 2, 3), "de"),
        ("...x,xy->...y", (2, 3, 4), 5, "y"),
        ("abcd,cde->abe", (2, 3, 4, 5), (None, 6), None),
        ("abc,cd->adb", (3, 4, 5), (6, None), "d"),
    ):
        same("EinsumDense", shape, equation, wanted, bias_axes=bias)
    layer = layers.EinsumDense("ab...,bc->ac...", 4, bias_axes="c")
    assert layer(np.ones((2, 3, 5, 6))).shape == (2, 4, 5, 6)
    assert layer.bias.shape == (4, 1, 1)
    with pytest.raises(ValueError, match=r"must be 3 for 'b', as x has it, or None, got \(5, 4\)"):
        layers.EinsumDense("abc,cd->abd", (5, 4))(np.ones((2, 3, 2)))
