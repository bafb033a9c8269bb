"""Convolution layers, resizing layers, and the primitives below them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axon import Tensor, grad
from axon.layers import (
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Flatten,
    MaxPooling2D,
    Reshape,
    SeparableConv2D,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from axon.models import Sequential
from axon.ops import conv2d, conv2d_input, conv2d_weight, pad, upsample_bilinear
from axon.ops import windows as geometry
from axon.optimizers import Adam
from axon.program import Step
from tests.contracts.memory import peak_of

EVERY = [
    lambda **s: Conv2D(4, 3, **s),
    lambda **s: DepthwiseConv2D(3, **s),
    lambda **s: SeparableConv2D(4, 3, **s),
    lambda **s: Conv2DTranspose(4, 3, **s),
]
every_layer = pytest.mark.parametrize("make", EVERY)


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


# ------------------------------------------------------------------------------------ primitives


def ends():
    return st.tuples(st.integers(0, 2), st.integers(0, 2))


@st.composite
def convolutions(draw):
    """Images, kernel and metadata that fit."""
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    (KH, KW), strides, dilation, more = draw(pair), draw(pair), draw(pair), draw(pair)
    padding = draw(st.tuples(ends(), ends()))
    spans = ((KH - 1) * dilation[0] + 1, (KW - 1) * dilation[1] + 1)
    H, W = (max(1, s - sum(p) + m) for s, p, m in zip(spans, padding, more, strict=True))
    groups, Cg, Fg, N = (draw(st.integers(low, 3)) for low in (1, 1, 1, 0))
    meta = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    return (N, H, W, groups * Cg), (KH, KW, Cg, groups * Fg), meta


@settings(deadline=None, max_examples=60, derandomize=True)
@given(convolutions())
def test_the_three_are_one_trilinear_form(drawn):
    """(conv(x, w), g) = (x, conv_input(g, w)) = (w, conv_weight(x, g))."""
    images, kernel, meta = drawn
    random = np.random.default_rng(0)
    x, w = random.normal(size=images), random.normal(size=kernel)
    y = conv2d(x, w, **meta)
    g = random.normal(size=y.shape)
    form = pytest.approx((y * g).sum(), rel=1e-9, abs=1e-9)
    assert (x * conv2d_input(g, w, shape=images, **meta)).sum() == form
    assert (w * conv2d_weight(x, g, shape=kernel, **meta)).sum() == form


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("size", [1, 2000, 10_000])
def test_the_size_of_chunks_changes_nothing_but_rounding(monkeypatch, groups, size):
    x, w = values(5, 9, 8, 4), values(3, 3, 4 // groups, 8)
    meta = {"padding": ((1, 1), (0, 2)), "strides": (2, 1), "groups": groups}
    y = conv2d(x, w, **meta)

    def three():
        y = conv2d(x, w, **meta)
        gx = conv2d_input(y, w, shape=x.shape, **meta)
        return y, gx, conv2d_weight(x, y, shape=w.shape, **meta)

    whole = three()
    assert [a.tobytes() for a in three()] == [a.tobytes() for a in whole]
    monkeypatch.setattr(geometry, "CHUNK", size)
    for ours, expected in zip(three(), whole, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-4)
    assert y.shape == (5, 5, 8, 8)


def test_work_is_done_within_a_bounded_memory():
    """However large the batch, and the images."""
    w = np.zeros((3, 3, 8, 8), "f4")
    for shape in ((1000, 32, 32, 8), (2, 1000, 32, 8)):
        x = np.zeros(shape, "f4")
        specs = conv2d.workspace(x, w)
        assert sum(np.prod(s) * t.itemsize for s, t in specs) <= geometry.CHUNK


def test_numpys_buffers_are_as_before():
    before = np.getbufsize()
    x, w = values(1, 5, 5, 4), values(2, 2, 1, 4)
    conv2d_input(conv2d(x, w, groups=4), w, shape=x.shape, groups=4)
    assert np.getbufsize() == before
    with geometry.Unbuffered(np):
        assert np.getbufsize() < before
    assert np.getbufsize() == before


def test_a_matrix_of_another_type_is_converted_in_the_workspace():
    x, w = values(1, 5, 5, 4), values(1, 1, 4, 3).astype("f8")
    assert conv2d.workspace(x, w)[0] == ((100,), np.float64)
    assert conv2d.workspace(x.astype("f8"), w)[0] == ((0,), np.float64)


def test_mixed_precision_and_whole_numbers():
    x, w = np.arange(16).reshape(1, 4, 4, 1), values(2, 2, 1, 3).astype("f8")
    expected = conv2d(x.astype("f8"), w)
    for given_x, given_w in (
        (x, w),
        (x.astype("f4"), w),
        (x.astype("f2"), w[..., ::-1][..., ::-1]),
    ):
        np.testing.assert_allclose(conv2d(given_x, given_w), expected, rtol=1e-12)
    for kernel in (w[:1, :1], np.concatenate([w] * 2, axis=2)):
        many = np.concatenate([x] * kernel.shape[2], axis=3)
        mixed = conv2d(many.astype("f4"), kernel)
        np.testing.assert_allclose(mixed, conv2d(many.astype("f8"), kernel), rtol=1e-12)
        back = conv2d_input(mixed.astype("f4"), kernel, shape=many.shape)
        assert back.dtype == np.float64


def test_shapes_that_do_not_fit_are_named():
    x, w = np.zeros((2, 5, 5, 3)), np.zeros((3, 3, 3, 4))
    for function, message in (
        (lambda: conv2d(x[0], w), r"conv2d: shapes \(5, 5, 3\), .* Images have 4 axes"),
        (lambda: conv2d(x, w[0]), "A kernel has 4 axes"),
        (lambda: conv2d(x, w[:, :, :2]), "The kernel reads 2 channels, the images have 3"),
        (lambda: conv2d(x, w, groups=2), "2 groups must divide the 3 channels and the 4 filters"),
        (lambda: conv2d(x, w, dilation=(3, 1)), "A window of 7 x 3 is larger than the image of 5"),
        (lambda: conv2d_input(x, w, shape=x.shape), r"must have shape \(2, 3, 3, 4\), got"),
        (lambda: conv2d_weight(x, x, shape=w.shape), r"must have shape \(2, 3, 3, 4\), got"),
        (lambda: pad(x, padding=((1, 1),) * 3), "one .before, after. for each of 4 axes"),
        (lambda: upsample_bilinear(x[0], size=(2, 2)), "Images have 4 axes"),
    ):
        with pytest.raises(ValueError, match=message):
            function()


# ------------------------------------------------------------------------------------ layers


def test_shapes_and_parameters():
    x = np.zeros((2, 9, 8, 4), "f4")
    for layer, shape, parameters in (
        (Conv2D(6, (3, 2)), (2, 7, 7, 6), {"weights": (3, 2, 4, 6), "bias": (6,)}),
        (Conv2D(6, 3, 2, "same", groups=2), (2, 5, 4, 6), {"weights": (3, 3, 2, 6), "bias": (6,)}),
        (Conv2D(6, 3, dilation_rate=(4, 3)), (2, 1, 2, 6), None),
        (
            DepthwiseConv2D(3, depth_multiplier=2),
            (2, 7, 6, 8),
            {"weights": (3, 3, 4, 2), "bias": (8,)},
        ),
        (Conv2DTranspose(5, 3, 2), (2, 19, 17, 5), {"weights": (3, 3, 5, 4), "bias": (5,)}),
        (Conv2DTranspose(5, 2, 3), (2, 27, 24, 5), None),
        (Conv2DTranspose(5, 3, 2, "same"), (2, 18, 16, 5), None),
        (Conv2DTranspose(5, 3, 2, "same", 0), (2, 17, 15, 5), None),
        (Conv2DTranspose(5, 3, 2, "same", (1, 0)), (2, 18, 15, 5), None),
        (
            SeparableConv2D(6, 3, depth_multiplier=2),
            (2, 7, 6, 6),
            {"depthwise_weights": (3, 3, 4, 2), "pointwise_weights": (1, 1, 8, 6), "bias": (6,)},
        ),
    ):
        assert layer.forward(x).shape == shape
        assert layer.forward(x[:0]).shape == (0, *shape[1:])
        if parameters:
            found = {name: p.shape for name, p in layer.named_parameters().items()}
            assert found == parameters
            assert list(found) == list(parameters) == [p.name for p in layer.parameters()]


def test_regularizers_go_by_keras_names():
    one = Conv2D(2, 3, kernel_regularizer="l2")
    each = DepthwiseConv2D(3, depthwise_regularizer="l2")
    both = SeparableConv2D(2, 3, depthwise_regularizer="l2", bias_regularizer="l1")
    for layer in (one, each, both):
        layer.build((5, 5, 2))
    assert [p.regularizer is not None for p in one.parameters()] == [True, False]
    assert [p.regularizer is not None for p in each.parameters()] == [True, False]
    assert [p.regularizer is not None for p in both.parameters()] == [True, False, True]


@every_layer
def test_activation_and_bias(make):
    x, layer = values(2, 5, 5, 4), make(activation="relu")
    layer.build(x.shape[1:])
    before = layer.forward(x)
    layer.bias = np.full(layer.bias.shape, -0.5)
    plain = make(use_bias=False)
    plain.build(x.shape[1:])
    for twin, p in zip(plain.parameters(), layer.parameters(), strict=False):
        twin.assign(p)
    assert plain.bias is None
    np.testing.assert_allclose(before, np.maximum(plain.forward(x), 0), rtol=1e-5, atol=1e-6)
    shifted = np.maximum(plain.forward(x) - 0.5, 0)
    np.testing.assert_allclose(layer.forward(x), shifted, rtol=1e-5, atol=1e-6)


def test_causal_looks_at_the_past_only():
    layer = Conv1D(3, 3, padding="causal", dilation_rate=2)
    x = values(1, 12, 2)
    before = layer.forward(x)
    x[0, 7:] += 1
    after = layer.forward(x)
    assert (after[0, :7] == before[0, :7]).all()
    assert (after[0, 7:] != before[0, 7:]).all()
    assert before.shape == (1, 12, 3)


def test_images_of_another_size_are_welcome():
    layer = Conv2D(3, 3)
    assert layer.forward(np.zeros((1, 5, 5, 2))).shape == (1, 3, 3, 3)
    assert layer.forward(np.zeros((1, 9, 7, 2))).shape == (1, 7, 5, 3)
    assert layer.build((6, 6, 2)) == (4, 4, 3)
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, ..., 2\).* is fixed"):
        layer.forward(np.zeros((1, 9, 7, 3)))


@pytest.mark.parametrize("make", [Conv2D, Conv1D, SeparableConv2D, Conv2DTranspose])
def test_sizes_below_1_or_not_whole(make):
    name = make.__name__
    for wrong in (0, -1, 1.5, None, True, "3"):
        with pytest.raises(ValueError, match=f"{name}: filters must be a whole number of at least"):
            make(wrong, 3)
        for argument in ("strides", "dilation_rate"):
            with pytest.raises(ValueError, match=f"{name}: {argument} must be a whole number"):
                make(4, 3, **{argument: wrong})
        with pytest.raises(ValueError, match=f"{name}: kernel_size must be a whole number"):
            make(4, wrong)
    with pytest.raises(ValueError, match=r"kernel_size must be one whole number or . of them"):
        make(4, (3, 3, 3))


def test_depth_multiplier_groups_and_output_padding_are_checked():
    for make in (
        lambda m: DepthwiseConv2D(3, depth_multiplier=m),
        lambda m: SeparableConv2D(1, 3, depth_multiplier=m),
    ):
        with pytest.raises(ValueError, match="depth_multiplier must be a whole number"):
            make(0)
    with pytest.raises(ValueError, match="Conv2D: groups=3 must divide filters=4"):
        Conv2D(4, 3, groups=3)
    with pytest.raises(ValueError, match="Conv1D: groups must be a whole number"):
        Conv1D(4, 3, groups=0)
    with pytest.raises(ValueError, match=r"a multiple of 2\).* groups=2 must divide the channels"):
        Conv2D(4, 3, groups=2).forward(np.zeros((1, 5, 5, 3)))
    with pytest.raises(ValueError, match=r"output_padding=2 must be smaller than strides=\(2, 2\)"):
        Conv2DTranspose(4, 3, 2, output_padding=2)
    with pytest.raises(ValueError, match="output_padding must be a whole number of at least 0"):
        Conv2DTranspose(4, 3, 2, output_padding=-1)
    with pytest.raises(ValueError, match="The result would be 0 x 0: give a larger output_padding"):
        Conv2DTranspose(4, 2, 2, "same", output_padding=0).forward(np.zeros((1, 1, 1, 3)))


@every_layer
def test_padding_by_name(make):
    assert make(padding="SAME").padding == "same"
    with pytest.raises(
        ValueError, match=r"unknown padding of .* 'sane'. Did you mean 'same'\? Known: same, valid"
    ):
        make(padding="sane")
    with pytest.raises(ValueError, match=r"unknown padding of \w+ 'causal'"):
        make(padding="causal")
    with pytest.raises(TypeError, match="padding must be one of valid, same, got None"):
        make(padding=None)


@every_layer
def test_images_without_channels(make):
    message = r"expected inputs of shape \(n, height, width, channels\), got .*Use x\[..., None\]"
    with pytest.raises(ValueError, match=message):
        make().forward(np.zeros((2, 28, 28)))
    with pytest.raises(
        ValueError, match=r"expected inputs of shape \(n, height, width, channels\)"
    ):
        make().forward(np.zeros((2, 784)))


def test_a_kernel_larger_than_the_image():
    message = r"\(n, at least 5, at least 3, channels\).* use padding='same' or a smaller kernel"
    for layer in (Conv2D(2, (5, 3)), DepthwiseConv2D((3, 3), dilation_rate=(2, 1))):
        with pytest.raises(ValueError, match=message):
            layer.forward(np.zeros((1, 4, 9, 2)))
    with pytest.raises(ValueError, match=r"\(n, at least 5, channels\)"):
        Conv1D(2, 5).build((4, 1))
    assert Conv2D(2, 5, padding="same").forward(np.zeros((1, 2, 3, 1))).shape == (1, 2, 3, 2)
    assert Conv2DTranspose(2, 5).forward(np.zeros((1, 1, 1, 1))).shape == (1, 5, 5, 2)


# ------------------------------------------------------------------------------------ resizing


def test_reshape():
    x = np.arange(24.0).reshape(2, 3, 4)
    for target, shape in (((4, 3), (4, 3)), ((2, -1), (2, 6)), (12, (12,)), ([-1], (12,))):
        assert (Reshape(target).forward(x) == x.reshape(2, *shape)).all()
    assert Reshape((4, -1)).forward(x[:0]).shape == (0, 4, 3)
    for wrong, message in (
        ((5, 2), r"A sample has 12 numbers, target_shape=\(5, 2\) needs 10."),
        ((5, -1), r"A sample has 12 numbers, target_shape=\(5, -1\) needs a multiple of 5."),
    ):
        with pytest.raises(ValueError, match=message):
            Reshape(wrong).forward(x)
    with pytest.raises(ValueError, match=r"only one size may be -1, got target_shape=\(-1, -1\)"):
        Reshape((-1, -1))
    with pytest.raises(
        ValueError, match="target_shape must be a whole number of at least 1, got 0"
    ):
        Reshape((0, 3))


def test_zero_padding():
    x = values(2, 3, 4, 2)
    for given_padding, ends in (
        (2, ((2, 2), (2, 2))),
        ((1, 0), ((1, 1), (0, 0))),
        (((1, 0), (2, 3)), ((1, 0), (2, 3))),
    ):
        expected = np.pad(x, ((0, 0), *ends, (0, 0)))
        assert (ZeroPadding2D(given_padding).forward(x) == expected).all()
    expected = np.pad(x[0], ((0, 0), (3, 1), (0, 0)))
    assert (ZeroPadding1D((3, 1)).forward(x[0]) == expected).all()
    with pytest.raises(ValueError, match="must be a whole number, two of them, or"):
        ZeroPadding2D((1, 2, 3))
    with pytest.raises(ValueError, match="padding must be a whole number of at least 0"):
        ZeroPadding1D(-1)


def test_upsampling():
    x = values(1, 2, 3, 2)
    many = UpSampling2D((3, 2)).forward(x)
    assert (many == x.repeat(3, axis=1).repeat(2, axis=2)).all()
    assert (UpSampling1D(2).forward(x[0]) == x[0].repeat(2, axis=1)).all()
    assert UpSampling2D((3, 2), "bilinear").forward(x).shape == many.shape
    flat = np.full((2, 3, 4, 2), 1.5, "f4")
    assert (UpSampling2D(3, "bilinear").forward(flat) == 1.5).all()
    with pytest.raises(ValueError, match=r"unknown interpolation 'linear'. Did you mean"):
        UpSampling2D(2, "linear")
    with pytest.raises(ValueError, match="UpSampling2D: size must be a whole number"):
        UpSampling2D(0)
    with pytest.raises(ValueError, match="UpSampling1D: size must be a whole number"):
        UpSampling1D(1.5)


# ------------------------------------------------------------------------------------ networks


def network():
    return Sequential(
        [
            Conv2D(8, 3, activation="relu", padding="same"),
            MaxPooling2D(),
            SeparableConv2D(8, 3, strides=2, activation="relu"),
            Conv2D(8, 3, padding="same", groups=2),
            UpSampling2D(2, "bilinear"),
            Flatten(),
            Dense(10, "softmax"),
        ]
    )


def test_a_replayed_step_is_the_eager_one_and_allocates_nothing():
    model = network()
    model.build((20, 20, 3))
    x, y = values(6, 20, 20, 3), np.eye(10, dtype="f4")[np.arange(6)]

    def step(x, y):
        p = model(x)
        loss = ((p - y) * (p - y)).sum()
        return [loss, *grad(loss, model.parameters())]

    recorded = Step("train", step, ["x", "y"])
    slots = recorded.inputs((x.shape, x.dtype), (y.shape, y.dtype))
    for seed in range(3):
        slots[0][...], slots[1][...] = values(*x.shape, seed=seed), y
        got = [a.copy() for a in recorded.run(slots)]
        wanted = step(Tensor(slots[0].copy()), Tensor(y))
        assert [a.tobytes() for a in got] == [t.data.tobytes() for t in wanted]
    assert len(recorded.programs) == 1
    assert peak_of(recorded.latest.run) < 110_000, "NumPy's buffers for three operands"


def test_it_learns():
    """Lines that lie or stand, at any place."""
    random = np.random.default_rng(0)
    x, y = np.zeros((64, 8, 8, 1), "f4"), random.integers(0, 2, 64)
    for image, standing in zip(x, y, strict=True):
        place = random.integers(0, 8)
        image[(slice(None), place) if standing else (place,)] = 1
    model = Sequential(
        [Conv2D(4, 3, activation="relu"), MaxPooling2D(6), Flatten(), Dense(2, "softmax")]
    )
    model.compile(loss="categorical_crossentropy", optimizer=Adam(0.03))
    history = model.fit(x, y, batch_size=16, epochs=15, verbose=0)
    assert history.history["loss"][-1] < 0.1
