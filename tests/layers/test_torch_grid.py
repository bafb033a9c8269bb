"""What PyTorch has and Keras has not: the same numbers and gradients, over grids of arguments."""

from itertools import product

import numpy as np
import pytest

from axon import Tensor, layers

torch = pytest.importorskip("torch")
F = torch.nn.functional
rng = np.random.default_rng(0)


def moved(x, to):
    """Channels last, or first."""
    return np.moveaxis(x, 1, -1) if to == "last" else np.moveaxis(x, -1, 1)


def same(layer, theirs, shape, channels=True):
    """Compare a layer of AXON with a function of PyTorch, whose channels come first."""
    x = rng.normal(size=shape)
    given = moved(x, "first") if channels else x
    leaf, other = Tensor(x, requires_grad=True), torch.tensor(given, requires_grad=True)
    found, wanted = layer(leaf), theirs(other)
    y = moved(wanted.detach().numpy(), "last") if channels else wanted.detach().numpy()
    np.testing.assert_allclose(found.numpy(), y, rtol=1e-9, atol=1e-10, err_msg=str(layer))
    probe = rng.normal(size=y.shape)
    found.backward(probe)
    back = np.ascontiguousarray(moved(probe, "first") if channels else probe)
    wanted.backward(torch.tensor(back))
    slope = moved(other.grad.numpy(), "last") if channels else other.grad.numpy()
    np.testing.assert_allclose(leaf.grad.numpy(), slope, rtol=1e-8, atol=1e-10, err_msg=str(layer))


def sizes(axes):
    return (2, *(5, 6, 7)[:axes], 2)


def test_pooling_with_numbers_around_and_begun_windows():
    for axes, size, strides, padding, ceil in product(
        (1, 2, 3), (2, 3), (1, 2, 3), (0, 1), (False, True)
    ):
        windows = (size, strides, padding)
        options = {"ceil_mode": ceil, "dtype": "float64"}
        theirs = getattr(F, f"max_pool{axes}d")
        layer = getattr(layers, f"MaxPooling{axes}D")(*windows, **options)
        same(layer, lambda x, f=theirs, w=windows, c=ceil: f(x, *w, ceil_mode=c), sizes(axes))
        for counted in (None, True, False):
            theirs = getattr(torch.nn, f"AvgPool{axes}d")
            more = {} if counted is None else {"count_include_pad": counted}
            pooled = theirs(*windows, ceil_mode=ceil, **more)
            named = getattr(layers, f"AveragePooling{axes}D")
            same(named(*windows, **options, count_include_pad=counted), pooled, sizes(axes))


def test_pooling_by_norms():
    for axes, p, strides in product((1, 2, 3), (1.0, 2, 4), (None, 1)):
        theirs = getattr(F, f"lp_pool{axes}d")
        layer = getattr(layers, f"LPPooling{axes}D")(p, 2, strides, dtype="float64")
        same(layer, lambda x, f=theirs, p=p, s=strides: f(x, p, 2, s), sizes(axes))


def test_padding():
    names = {"reflect": "reflect", "replicate": "replicate", "circular": "circular"}
    for axes, (ours, theirs) in product((1, 2, 3), names.items()):
        ends = ((1, 2), (0, 3), (2, 1))[:axes]
        flat = [n for pair in reversed(ends) for n in pair]
        layer = getattr(layers, f"Padding{axes}D")(ends, ours, dtype="float64")
        same(layer, lambda x, f=flat, m=theirs: F.pad(x, f, mode=m), sizes(axes))
        layer = getattr(layers, f"Padding{axes}D")(ends, value=1.5, dtype="float64")
        same(layer, lambda x, f=flat: F.pad(x, f, value=1.5), sizes(axes))


def test_convolutions_with_something_else_around():
    for axes, mode, padding in product(
        (1, 2, 3), ("zeros", "reflect", "replicate", "circular"), (1, 2)
    ):
        theirs = getattr(torch.nn, f"Conv{axes}d")(
            2, 3, 3, padding=padding, padding_mode=mode, dtype=torch.float64
        )
        layer = getattr(layers, f"Conv{axes}D")(
            3, 3, padding=padding, padding_mode=mode, dtype="float64"
        )
        layer.build(sizes(axes)[1:])
        kernel = np.moveaxis(theirs.weight.detach().numpy(), [0, 1], [-1, -2])
        layer.weights.assign(kernel)
        layer.bias.assign(theirs.bias.detach().numpy())
        same(layer, theirs, sizes(axes))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.MaxPooling2D(3, padding=2), r"at most half of pool_size=\(3, 3\), got 2"),
        (lambda: layers.Conv2D(2, 3, padding=(1, 1, 1)), "padding must be a whole number, or 2"),
        (lambda: layers.Conv2D(2, 3, padding=-1), "padding must be a whole number of at least 0"),
        (lambda: layers.Conv2D(2, 3, padding="full"), "padding of Conv2D"),
        (lambda: layers.Conv2D(2, 3, padding_mode="mirror"), "padding_mode of Conv2D"),
        (lambda: layers.Padding2D(1, "mirror"), "mode of Padding2D"),
        (lambda: layers.Padding1D(4, "reflect")(np.ones((1, 4, 1))), "too little to put around"),
        (lambda: layers.Cropping1D(2)(np.ones((1, 4, 1))), "larger ones than cropping"),
        (lambda: layers.AdaptiveMaxPooling2D((1, 2, 3)), "one whole number or 2 of them"),
        (lambda: layers.LPPooling1D(0, 2), "norm_type must be a number larger than 0"),
    ],
)
def test_arguments_are_checked(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_numbers_around_do_not_say_which_steps_are_real():
    x = Tensor(np.ones((1, 4, 2)))
    x.mask = Tensor(np.ones((1, 4), bool))
    for layer in (layers.Conv1D(2, 3, padding=1), layers.MaxPooling1D(2, padding=1)):
        with pytest.raises(ValueError, match="does not say what steps"):
            layer(x)


def test_normalization_by_instance_and_by_neighbours():
    for axes in (1, 2, 3):
        theirs = getattr(torch.nn, f"InstanceNorm{axes}d")(2)
        layer = layers.InstanceNormalization(
            epsilon=1e-5, center=False, scale=False, dtype="float64"
        )
        same(layer, theirs, sizes(axes))
    for size, alpha, beta, k in product((1, 2, 3, 5), (1e-4, 1.0), (0.75, 1.0), (1.0, 2.0)):
        layer = layers.LocalResponseNormalization(size, alpha, beta, k, dtype="float64")
        same(layer, torch.nn.LocalResponseNorm(size, alpha, beta, k), (2, 3, 4, 6))


def test_moved_pixels():
    same(layers.PixelShuffle(2, dtype="float64"), torch.nn.PixelShuffle(2), (2, 3, 4, 8))
    same(layers.PixelUnshuffle(2, dtype="float64"), torch.nn.PixelUnshuffle(2), (2, 4, 6, 3))
    same(layers.ChannelShuffle(2, dtype="float64"), torch.nn.ChannelShuffle(2), (2, 4, 6, 6))


def test_windows_as_rows():
    for size, dilation, padding, stride in product((1, 2, (2, 3)), (1, 2), (0, 1, (1, 2)), (1, 2)):
        windows = (size, dilation, padding, stride)
        theirs = torch.nn.Unfold(*windows)
        layer = layers.Unfold(*windows, dtype="float64")
        x = torch.tensor(moved(rng.normal(size=(2, 5, 6, 3)), "first"))
        rows = theirs(x).numpy().transpose(0, 2, 1)
        found = layer.forward(moved(x.numpy(), "last"))
        np.testing.assert_array_equal(found, rows)
        back = torch.nn.Fold((5, 6), *windows)(theirs(x)).numpy()
        fold = layers.Fold((5, 6), *windows, dtype="float64")
        np.testing.assert_allclose(fold.forward(rows), moved(back, "last"), rtol=1e-12)


def test_what_alpha_dropout_keeps():
    x = rng.normal(size=(200, 500))
    for rate in (0.1, 0.5):
        y = layers.AlphaDropout(rate, seed=1, dtype="float64")(x, training=True)
        assert abs(y.mean()) < 0.01
        assert abs(y.var() - 1) < 0.02
        values, counts = np.unique(y.round(9), return_counts=True)
        assert counts.max() / y.size == pytest.approx(rate, abs=0.01)
        slope = ((1 - rate) * (1 + rate * 1.7580993408473766**2)) ** -0.5
        lowest = slope * (-1.7580993408473766 + 1.7580993408473766 * rate)
        assert values[counts.argmax()] == pytest.approx(lowest, abs=1e-6)
    assert np.array_equal(layers.AlphaDropout(0.5, dtype="float64")(x), x)


def test_no_rows_at_all_have_results_too():
    for axes, kind in product((1, 2, 3), ("Average", "Max")):
        layer = getattr(layers, f"Adaptive{kind}Pooling{axes}D")(3)
        assert layer(np.zeros((0, *sizes(axes)[1:]))).shape == (0, *(3,) * axes, 2)


def test_a_window_that_begins_on_a_smaller_image_counts():
    for axes, strides in product((1, 2, 3), (3, 4)):
        layer = getattr(layers, f"MaxPooling{axes}D")(3, strides, ceil_mode=True, dtype="float64")
        theirs = getattr(F, f"max_pool{axes}d")
        shape = (2, *(1, 2, 4)[:axes], 2)
        same(layer, lambda x, f=theirs, s=strides: f(x, 3, s, ceil_mode=True), shape)
        with pytest.raises(ValueError, match="The windows are larger"):
            getattr(layers, f"MaxPooling{axes}D")(3, 1, ceil_mode=True)(np.zeros(shape))


def test_what_is_no_number_stays_in_its_window():
    x = np.ones((1, 6, 6, 1))
    x[0, 1, 1] = np.nan
    for kind in ("Average", "Max"):
        y = getattr(layers, f"Adaptive{kind}Pooling2D")(3, dtype="float64")(x)
        assert np.argwhere(np.isnan(y)).tolist() == [[0, 0, 0, 0]]
        theirs = getattr(F, f"adaptive_{'avg' if kind == 'Average' else 'max'}_pool2d")
        wanted = theirs(torch.tensor(moved(x, "first")), 3).numpy()
        np.testing.assert_array_equal(y, moved(wanted, "last"))
    for how, reach in (("nearest", 2), ("bilinear", 4), ("bicubic", 8)):
        y = layers.Resizing(12, 12, how)(x)
        assert np.isnan(y).sum() == (reach - (how == "bicubic")) ** 2  # one ends at the edge
