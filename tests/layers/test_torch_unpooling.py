"""Where the largest numbers stand, putting them back, and drawn windows: as in PyTorch."""

from itertools import product

import numpy as np
import pytest

from axon import Tensor, layers, ops
from axon.models import load_model
from tests.samples.layers import unpooled

torch = pytest.importorskip("torch")
rng = np.random.default_rng(0)
SIZES = {1: (9,), 2: (7, 5), 3: (5, 5, 6)}


def last(x):
    return np.ascontiguousarray(np.moveaxis(x, 1, -1))


def of_both(x):
    return Tensor(last(x), requires_grad=True), torch.tensor(x, requires_grad=True)


def alike(found, wanted, ours, theirs):
    """The same numbers, and the same gradients of a weighted sum."""
    np.testing.assert_array_equal(found.numpy(), last(wanted.detach().numpy()))
    probe = rng.normal(size=wanted.shape)
    wanted.backward(torch.tensor(probe))
    found.backward(last(probe))
    np.testing.assert_allclose(ours.grad.numpy(), last(theirs.grad.numpy()), atol=1e-12)


def test_largest_with_places_and_gaps():
    for axes, k, s, p, d, up in product(SIZES, (1, 2, 3), (1, 2), (0, 1), (1, 2), (False, True)):
        if 2 * p > k:
            continue
        theirs = getattr(torch.nn, f"MaxPool{axes}d")(k, s, p, d, True, up)
        ours = getattr(layers, f"MaxPooling{axes}D")
        numbers = np.round(rng.normal(size=(2, 2, *SIZES[axes])) * 2)  # many of them equal
        x, seen = of_both(numbers)
        settings = {"ceil_mode": up, "dilation": d, "dtype": "float64"}
        y, places = ours(k, s, p, return_indices=True, **settings)(x)
        wanted, there = theirs(seen)
        np.testing.assert_array_equal(places.numpy(), last(there.numpy()))
        np.testing.assert_array_equal(ours(k, s, p, **settings)(x).numpy(), y.numpy())
        alike(y, wanted, x, seen)


def test_put_back():
    for axes, k, s, p, told in product(SIZES, (2, 3), (1, 2, 3), (0, 1), (False, True)):
        pool = getattr(torch.nn, f"MaxPool{axes}d")(k, s, p, return_indices=True)
        small, places = pool(torch.tensor(rng.normal(size=(2, 2, *SIZES[axes]))))
        x, seen = of_both(rng.normal(size=small.shape))
        size = SIZES[axes] if told else None
        layer = getattr(layers, f"MaxUnpooling{axes}D")(k, s, p, dtype="float64")
        try:
            wanted = getattr(torch.nn, f"MaxUnpool{axes}d")(k, s, p)(seen, places, size)
        except (RuntimeError, ValueError):
            with pytest.raises((IndexError, ValueError)):
                layer([x, Tensor(last(places.numpy()))], output_size=size)
            continue
        alike(layer([x, Tensor(last(places.numpy()))], output_size=size), wanted, x, seen)
        if axes == 2:
            first = layers.MaxUnpooling2D(k, s, p, data_format="channels_first")
            again = first([seen.detach().numpy(), places.numpy()], output_size=size)
            np.testing.assert_array_equal(again, wanted.detach().numpy().astype("float32"))


def test_drawn_windows():
    for axes, k, (size, share) in product(
        (2, 3), (1, 2, 3), ((1, None), (2, None), (3, None), (None, 0.3), (None, 0.6))
    ):
        x, seen = of_both(rng.normal(size=(2, 3, *(n + 3 for n in SIZES[axes]))))
        u = rng.random((2, 3, axes))
        pool = getattr(torch.nn, f"FractionalMaxPool{axes}d")
        theirs = pool(k, size, share, True, torch.tensor(u))
        ours = getattr(layers, f"FractionalMaxPooling{axes}D")
        ours = ours(k, size, share, True, dtype="float64")
        wanted, there = theirs(seen)
        y, places = ours(x, random_samples=u)
        np.testing.assert_array_equal(places.numpy(), last(there.numpy()))
        alike(y, wanted, x, seen)
        half = np.full((1, 1, axes), 0.5)
        np.testing.assert_array_equal(ours(x.numpy())[0], ours(x.numpy(), random_samples=half)[0])
    drawn = layers.FractionalMaxPooling2D(2, 3, seed=4)
    images = rng.normal(size=(4, 9, 9, 2))
    steps = [drawn(images, training=True) for _ in range(3)]
    assert not np.array_equal(steps[0], steps[1])
    assert np.array_equal(
        layers.FractionalMaxPooling2D(2, 3, seed=4)(images, training=True), steps[0]
    )


def test_a_graph_with_places_is_saved(tmp_path):
    model = unpooled()
    model.build((3,))
    x = rng.normal(size=(2, 3)).astype("float32")
    model.save(tmp_path / "net.axon")
    np.testing.assert_array_equal(load_model(tmp_path / "net.axon").predict(x), model.predict(x))


def test_what_does_not_fit_is_named():
    back, x = layers.MaxUnpooling2D(), np.ones((1, 2, 2, 1))
    with pytest.raises(IndexError, match="index 16 is out of range for 16"):
        back([x, np.full(x.shape, 16)])
    with pytest.raises(ValueError, match="its inputs do not fit each other"):
        back([x, np.zeros((1, 2, 1, 1), int)])
    with pytest.raises(ValueError, match="output_size must be within"):
        back([x, np.zeros(x.shape, int)], output_size=9)
    with pytest.raises(ValueError, match="either this or output_ratio"):
        layers.FractionalMaxPooling2D(2)
    with pytest.raises(ValueError, match="images that all windows fit into"):
        layers.FractionalMaxPooling2D(3, 4)(np.ones((1, 5, 5, 1)))
    with pytest.raises(ValueError, match="dilation"):
        layers.MaxPooling2D(dilation=0)
    assert ops.max_unpool(x, np.zeros(x.shape, int), (1, 1)).shape == (1, 1, 1, 1)


def test_whole_channels_are_dropped_for_selu():
    layer = layers.FeatureAlphaDropout(0.5, seed=3)
    y = layer(rng.normal(size=(64, 5, 8)), training=True)
    same = np.isclose(y.std(axis=1), 0, atol=1e-6)  # left out: the same number everywhere
    assert 0.3 < same.mean() < 0.7
    assert abs(float(y.mean())) < 0.2
    np.testing.assert_array_equal(layer(np.ones((1, 2, 3))), np.ones((1, 2, 3), "float32"))
