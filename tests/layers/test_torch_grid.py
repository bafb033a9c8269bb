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
