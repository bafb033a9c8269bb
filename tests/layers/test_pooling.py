"""Pooling layers, and the primitives below them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon import Tensor, grad
from axon.layers import (
    AveragePooling1D,
    AveragePooling2D,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from axon.models import Sequential
from axon.ops import (
    average_pool2d,
    average_pool2d_gradient,
    max_pool2d,
    max_pool2d_argmax,
    max_pool2d_gradient,
    max_pool2d_pick,
)
from axon.ops import windows as geometry
from axon.testing import check_gradient

POOLS_2D = [MaxPooling2D, AveragePooling2D]
POOLS_1D = [MaxPooling1D, AveragePooling1D]
GLOBAL_2D = [GlobalMaxPooling2D, GlobalAveragePooling2D]
GLOBAL_1D = [GlobalMaxPooling1D, GlobalAveragePooling1D]
TWO = {"pool_size": (2, 2), "strides": (2, 2)}


def slope_of(x, g, **meta):
    leaf = Tensor(x, requires_grad=True)
    return grad(max_pool2d(leaf, **meta), leaf, gradient=g).numpy()


# ------------------------------------------------------------------------------------ primitives


@st.composite
def pools(draw):
    """Images and windows that fit, which may overlap, lie apart, or reach over the edges."""
    size, strides, more = ((draw(st.integers(1, 3)), draw(st.integers(1, 4))) for _ in range(3))
    padding = tuple((draw(st.integers(0, k - 1)), draw(st.integers(0, k - 1))) for k in size)
    H, W = (max(1, k - sum(p) + m) for k, p, m in zip(size, padding, more, strict=True))
    meta = {"pool_size": size, "strides": strides, "padding": padding}
    return (draw(st.integers(0, 3)), H, W, draw(st.integers(1, 3))), meta


@settings(deadline=None, max_examples=60, derandomize=True)
@given(pools())
def test_each_window_gives_its_gradient_to_the_first_largest(drawn):
    shape, meta = drawn
    random = np.random.default_rng(0)
    x = random.integers(0, 3, shape).astype("f8")  # many are equal
    y = max_pool2d(x, **meta)
    g = random.normal(size=y.shape)
    expected = np.zeros(shape)
    (KH, KW), (SH, SW) = meta["pool_size"], meta["strides"]
    (above, _), (left, _) = meta["padding"]
    for n, i, j, c in np.ndindex(y.shape):
        top, side = i * SH - above, j * SW - left
        seen = [
            (x[n, a, b, c], -a, -b)
            for a in range(max(top, 0), min(top + KH, shape[1]))
            for b in range(max(side, 0), min(side + KW, shape[2]))
        ]
        largest, a, b = max(seen)
        assert y[n, i, j, c] == largest
        expected[n, -a, -b, c] += g[n, i, j, c]
    np.testing.assert_allclose(slope_of(x, g, **meta), expected, rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(pools())
def test_an_average_and_its_gradient_are_one_bilinear_form(drawn):
    shape, meta = drawn
    random = np.random.default_rng(0)
    x = random.normal(size=shape)
    y = average_pool2d(x, **meta)
    g = random.normal(size=y.shape)
    back = average_pool2d_gradient(g, shape=shape, **meta)
    assert (x * back).sum() == pytest.approx((y * g).sum(), rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(average_pool2d(np.ones(shape), **meta), 1, rtol=1e-12)


@pytest.mark.parametrize("size", [1, 500, 3000])
def test_the_size_of_chunks_changes_nothing(monkeypatch, size):
    x = np.random.default_rng(0).normal(size=(5, 9, 8, 3)).astype("f4")
    for meta in (TWO, {"pool_size": (3, 2), "strides": (2, 1), "padding": ((1, 1), (0, 1))}):
        y = max_pool2d(x, **meta)
        with monkeypatch.context() as patched:
            before = slope_of(x, y, **meta), average_pool2d(x, **meta)
            patched.setattr(geometry, "CHUNK", size)
            assert (max_pool2d(x, **meta) == y).all()
            assert (slope_of(x, y, **meta) == before[0]).all()
            np.testing.assert_allclose(average_pool2d(x, **meta), before[1], rtol=1e-6)


def test_infinities_stay_in_their_place():
    """One infinite gradient must not spoil its neighbours: no 0 times infinity."""
    x = np.arange(16.0, dtype="f4").reshape(1, 4, 4, 1)
    g = np.array([[np.inf, 1.0], [-np.inf, np.nan]], "f4").reshape(1, 2, 2, 1)
    slope = slope_of(x, g, **TWO)[0, :, :, 0]
    assert slope[1, 1] == np.inf
    assert slope[1, 3] == 1
    assert slope[3, 1] == -np.inf
    assert np.isnan(slope[3, 3])
    assert np.count_nonzero(slope) == 4
    low = np.full((1, 3, 3, 1), -np.inf, "f4")
    same = {"pool_size": (2, 2), "strides": (2, 2), "padding": ((0, 1), (0, 1))}
    assert (max_pool2d(low, **same) == -np.inf).all()
    assert slope_of(low, np.ones((1, 2, 2, 1), "f4"), **same).sum() == 4


def test_a_nan_shows_and_takes_the_gradient_no_further_than_its_window():
    x = np.ones((1, 4, 4, 1), "f4")
    x[0, 1, 1, 0] = np.nan
    assert np.isnan(max_pool2d(x, **TWO)).sum() == 1
    slope = slope_of(x, np.ones((1, 2, 2, 1), "f4"), **TWO)
    assert slope.sum() == 4
    assert slope[0, :2, :2].sum() == 1


def test_windows_of_many_taps_are_counted():
    """More than fit into a byte."""
    x = np.zeros((1, 17, 18, 1), "f4")
    x[0, 16, 17] = 1
    meta = {"pool_size": (17, 18), "strides": (1, 1)}
    index = max_pool2d_argmax(x, max_pool2d(x, **meta), **meta)
    assert index.item() == 17 * 18 - 1
    assert (slope_of(x, np.ones((1, 1, 1, 1), "f4"), **meta) == x).all()


def test_shapes_that_do_not_fit_are_named():
    x, y = np.zeros((2, 5, 5, 3)), np.zeros((2, 2, 2, 3))
    index = np.zeros((2, 3, 2, 3), np.uint8)
    for function, message in (
        (lambda: max_pool2d(x[0], **TWO), "max_pool2d: shapes .* Images have 4 axes"),
        (lambda: max_pool2d(x, pool_size=(6, 2), strides=(1, 1)), "A window of 6 x 2 is larger"),
        (
            lambda: average_pool2d(x, **TWO, padding=((2, 0), (0, 0))),
            "must be smaller than the win",
        ),
        (lambda: max_pool2d_argmax(x, x, **TWO), r"The second must have shape \(2, 2, 2, 3\)"),
        (lambda: max_pool2d_pick(x, index, **TWO), r"The second must have shape \(2, 2, 2, 3\)"),
        (lambda: max_pool2d_gradient(x, index, shape=x.shape, **TWO), "The first must have shape"),
        (
            lambda: average_pool2d_gradient(y, shape=(2, 9, 9, 3), **TWO),
            "The first must have shape",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            function()


# ------------------------------------------------------------------------------------ layers


@pytest.mark.parametrize("make", POOLS_2D)
def test_shapes_of_pooled_images(make):
    x = np.zeros((2, 9, 8, 3), "f4")
    for layer, shape in (
        (make(), (2, 4, 4, 3)),
        (make(3), (2, 3, 2, 3)),
        (make((2, 3), 1), (2, 8, 6, 3)),
        (make(2, (3, 1)), (2, 3, 7, 3)),
        (make(padding="same"), (2, 5, 4, 3)),
        (make(3, 2, "same"), (2, 5, 4, 3)),
    ):
        assert layer.forward(x).shape == shape
        assert layer.forward(x[:0]).shape == (0, *shape[1:])
        assert layer.forward(x[:, :7]).shape[2:] == shape[2:]


@pytest.mark.parametrize("make", POOLS_1D)
def test_shapes_of_pooled_series(make):
    x = np.zeros((2, 9, 3), "f4")
    assert make().forward(x).shape == (2, 4, 3)
    assert make(3, 1).forward(x).shape == (2, 7, 3)
    assert make(padding="same").forward(x).shape == (2, 5, 3)


def test_values():
    x = np.arange(9.0).reshape(1, 3, 3, 1)
    assert MaxPooling2D(2, 1).forward(x)[0, :, :, 0].tolist() == [[4, 5], [7, 8]]
    assert AveragePooling2D(2, 1).forward(x)[0, :, :, 0].tolist() == [[2, 3], [5, 6]]
    assert MaxPooling2D(2, padding="same").forward(-x)[0, :, :, 0].tolist() == [[0, -2], [-6, -8]]
    same = AveragePooling2D(2, padding="same").forward(x)[0, :, :, 0]
    assert same.tolist() == [[2, 3.5], [6.5, 8]], "what lies beyond the edge does not count"


@pytest.mark.parametrize("make", POOLS_2D + POOLS_1D)
def test_arguments_are_checked(make):
    name = make.__name__
    for wrong in (0, -2, 1.5, True, "2"):
        with pytest.raises(ValueError, match=f"{name}: pool_size must be a whole number"):
            make(wrong)
        with pytest.raises(ValueError, match=f"{name}: strides must be a whole number"):
            make(2, wrong)
    with pytest.raises(ValueError, match=f"unknown padding of {name} 'vald'"):
        make(padding="vald")
    with pytest.raises(ValueError, match="pool_size must be one whole number or"):
        make((2, 2, 2))


@pytest.mark.parametrize("make", POOLS_2D + GLOBAL_2D)
def test_images_without_channels(make):
    message = r"\(n, height, width, channels\), got shape \(2, 28, 28\).* x\[..., None\]"
    with pytest.raises(ValueError, match=message):
        make().forward(np.zeros((2, 28, 28)))


@pytest.mark.parametrize("make", POOLS_1D + GLOBAL_1D)
def test_series_without_channels(make):
    with pytest.raises(
        ValueError, match=r"\(n, time, channels\), got shape \(2, 28\).* x\[..., None\]"
    ):
        make().forward(np.zeros((2, 28)))


def test_windows_larger_than_the_images():
    with pytest.raises(ValueError, match=r"at least 3, at least 3, channels\).* smaller pool_size"):
        MaxPooling2D(3).forward(np.zeros((1, 2, 5, 1)))
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, at least 2, channels\)"):
        AveragePooling1D(2).build((1, 3))
    assert MaxPooling2D(3, padding="same").forward(np.ones((1, 2, 5, 1))).shape == (1, 1, 2, 1)


@pytest.mark.parametrize("make", GLOBAL_2D)
def test_global_pooling_of_images(make):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("f4")
    reduce = np.max if "Max" in make.__name__ else np.mean
    for keepdims in (False, True):
        expected = reduce(x, axis=(1, 2), keepdims=keepdims)
        np.testing.assert_allclose(make(keepdims).forward(x), expected, rtol=1e-5, atol=1e-6)
    assert make().forward(x[:0]).shape == (0, 5)
    with pytest.raises(ValueError, match=r"got shape .*0, 4, 5.*no elements"):
        make().forward(x[:, :0])


@pytest.mark.parametrize("make", GLOBAL_1D)
def test_global_pooling_of_series(make):
    x = np.random.default_rng(0).normal(size=(2, 6, 5)).astype("f4")
    reduce = np.max if "Max" in make.__name__ else np.mean
    for keepdims in (False, True):
        expected = reduce(x, axis=1, keepdims=keepdims)
        np.testing.assert_allclose(make(keepdims).forward(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("keepdims", [False, True])
def test_the_mean_of_real_steps(keepdims):
    x = np.random.default_rng(0).normal(size=(3, 4, 2))
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], bool)
    layer = GlobalAveragePooling1D(keepdims, dtype="float64")
    got = layer.forward(x, mask=mask).reshape(3, 2)
    np.testing.assert_allclose(got[0], x[0, :2].mean(axis=0))
    np.testing.assert_allclose(got[1], x[1].mean(axis=0))
    np.testing.assert_array_equal(got[2], [0, 0])
    check_gradient(lambda t: layer(t, mask=mask), x)
    with pytest.raises(ValueError, match=r"a mask of shape \(3, 4\), got \(3, 5\)"):
        layer(x, mask=np.ones((3, 5), bool))


def test_a_mask_travels_to_the_mean_and_ends_there():
    from axon.layers import Dense, Embedding
    from axon.models import Sequential

    model = Sequential([Embedding(5, 3, mask_zero=True), GlobalAveragePooling1D(), Dense(2)])
    ids = np.array([[1, 2, 0], [3, 0, 0], [0, 0, 0]])
    table = np.random.default_rng(0).normal(size=(5, 3)).astype("f4")
    model.build((3,))
    model.layers[0].embeddings = table
    wanted = np.stack([table[[1, 2]].mean(axis=0), table[3], np.zeros(3)])
    got = model.predict(ids)
    np.testing.assert_allclose(got, model.layers[2].forward(wanted), rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------------------------ relu before


def relu_network(pool):
    axon.set_random_seed(3)
    return Sequential([Conv2D(4, 3, activation="relu"), pool, Flatten(), Dense(2, "softmax")])


def test_relu_and_a_bias_are_applied_to_what_pooling_leaves():
    model = relu_network(MaxPooling2D(2))
    model.compile("categorical_cross_entropy", "sgd")
    model.train_on_batch(np.ones((3, 8, 8, 1), "f4"), [0, 1, 0])
    shapes = {line.call.split("(")[0]: line.shape for line in model.program.lines}
    assert shapes["max_pool2d"] == shapes["relu"] == (3, 3, 3, 4)
    assert shapes["relu_gradient"] == (3, 3, 3, 4)


def test_gradients_are_those_of_relu_before_pooling():
    x = np.random.default_rng(1).normal(size=(3, 9, 8, 2)).astype("f4")
    layer, pool = Conv2D(4, 3, activation="relu"), MaxPooling2D(2)
    layer.build((9, 8, 2))
    layer.bias.assign([0.5, -0.5, 3.0, -9.0])  # some, all and none of a channel pass
    found = []
    for between in (lambda y: y, lambda y: y * 1.0):  # a product hides the relu
        given = Tensor(x, requires_grad=True)
        y = pool.forward(between(layer.forward(given)))
        found.append((y, *grad((y * y).sum(), [given, layer.weights, layer.bias])))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found[0][0].data, found[1][0].data)


@pytest.mark.parametrize("shape", [(1, 4, 4, 4), (4,)])
def test_only_a_bias_for_each_channel_waits(shape):
    x = np.random.default_rng(2).normal(size=(2, 4, 4, 4))
    more = np.random.default_rng(3).normal(size=shape)
    y = MaxPooling2D(2, dtype="float64").forward(Tensor(x, requires_grad=True) + Tensor(more))
    np.testing.assert_array_equal(y.data, pooled(x + more))


def pooled(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))
