"""Images bent, blurred, evened out and mixed: Keras's numbers where nothing is left to chance."""

import json

import numpy as np
import pytest

import axon
from axon import Tensor, layers
from axon.layers.bends import smoothed
from axon.layers.mixing import AugMix
from axon.models.loading import remake
from axon.ops.places import seen_at
from tests.layers.beside_keras import keras, torch

rng = np.random.default_rng(0)
image = keras.ops.image
COLOURS = (rng.random((3, 8, 6, 3)) * 255).astype("f4")
near = {"rtol": 2e-4, "atol": 2e-2}


def theirs(made, x):
    return made(torch.tensor(x), training=True).detach().numpy()


def test_places_between_pixels():
    x, places = rng.normal(size=(2, 5, 6, 1)), rng.uniform(-14, 14, (2, 2, 4, 3))
    for mode in ("constant", "nearest"):
        for smooth in (True, False):
            beyond = {"fill_mode": mode, "fill_value": 0.5}
            found = seen_at(Tensor(x), *map(Tensor, places), smooth=smooth, **beyond).numpy()
            for i in range(2):
                given = torch.tensor(x[i, ..., 0]), list(torch.tensor(places[:, i]))
                wanted = image.map_coordinates(*given, order=int(smooth), **beyond)
                np.testing.assert_allclose(found[i, ..., 0], wanted.numpy(), atol=1e-6)
    for mode, padding in (("reflect", "symmetric"), ("wrap", "wrap")):
        wide = np.pad(x, ((0, 0), (20, 20), (20, 20), (0, 0)), padding)
        found = seen_at(Tensor(x), *map(Tensor, places), fill_mode=mode).numpy()
        wanted = seen_at(Tensor(wide), *map(Tensor, places + 20)).numpy()
        np.testing.assert_allclose(found, wanted, atol=1e-12)
    broken = np.array([[[np.nan, np.inf]]])
    assert not seen_at(Tensor(x[:1]), Tensor(broken), Tensor(broken)).numpy().any()


def test_shear():
    for a, b, how in ((0.3, 0.0, "bilinear"), (0.2, 0.6, "bilinear"), (0.4, 0.1, "nearest")):
        given = {"interpolation": how, "fill_mode": "constant", "fill_value": 7.0}
        layer = layers.RandomShear((a, a), (b, b), **given, seed=3)
        found = layer(np.repeat(COLOURS, 4, 0), training=True)
        ways = set()
        for i, y in enumerate(found):
            for way in (1, -1):
                move = torch.tensor([1.0, way * a, 0, way * b, 1, 0, 0, 0])
                wanted = image.affine_transform(torch.tensor(COLOURS[i // 4]), move, **given)
                if np.allclose(y, wanted, **near):
                    ways.add(way)
                    break
            else:
                pytest.fail("neither way")
        assert ways == {1, -1}


def test_perspective():
    for scale in (0.3, 0.9):
        layer = layers.RandomPerspective((1, 1), scale, fill_value=3.0, seed=1)
        found = layer(COLOURS, training=True)
        again = layers.RandomPerspective((1, 1), scale, seed=1)
        moves = (again.shares(Tensor(COLOURS), 2, 4, 1, 1).numpy()[..., 0, 0] - 0.5) * scale
        start = np.array([[0, 0], [5, 0], [0, 7], [5, 7]], "f4")
        ends = start + start * moves.transpose(0, 2, 1)
        given = torch.tensor(COLOURS), torch.tensor(np.repeat(start[None], 3, 0))
        wanted = image.perspective_transform(*given, torch.tensor(ends), fill_value=3.0)
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-3, atol=0.5)
        assert np.median(abs(found - wanted.numpy())) < 1e-3
    some = layers.RandomPerspective(0.5, seed=1)(np.repeat(COLOURS, 60, 0), training=True)
    changed = (some != np.repeat(COLOURS, 60, 0)).any((1, 2, 3)).mean()
    assert 0.15 < changed < 0.35  # a probability from 0 to 0.5


def test_blur():
    """Keras's blur on torch mixes up the axes of its kernel; SciPy's is what the formula says."""
    ndimage = pytest.importorskip("scipy.ndimage")

    def bell(x, width, size, axis):
        return ndimage.gaussian_filter1d(x, width, axis, mode="constant", radius=size // 2)

    x = rng.normal(size=(1, 9, 8))
    for height, width, sizes in ((1.3, 0.7, (5, 5)), (0.4, 2.0, (3, 7))):
        widths = tuple(Tensor(np.full((1, 1, 1), w)) for w in (height, width))
        found = smoothed(Tensor(x), widths, sizes).numpy()
        wanted = bell(bell(x, height, sizes[0], 1), width, sizes[1], 2)
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    layer = layers.RandomGaussianBlur((1, 1), (3, 5), (0.8, 0.8))
    wanted = bell(bell(COLOURS, 0.8, 3, 1), 0.8, 5, 2)
    np.testing.assert_allclose(layer(COLOURS, training=True), wanted, **near)
    assert np.array_equal(layer(COLOURS), COLOURS)


def test_elastic_places_are_as_far_apart_as_in_keras():
    ramp = np.broadcast_to(np.arange(40.0, dtype="f4")[None, :, None, None], (24, 40, 40, 1))
    given = {"fill_mode": "nearest", "value_range": (-999, 999)}
    found = layers.RandomElasticTransform((1, 1), (0.5, 0.5), **given)(ramp, training=True)
    wanted = theirs(keras.layers.RandomElasticTransform((1, 1), (0.5, 0.5), **given), ramp.copy())
    inner = slice(8, 32)
    ours, keras_ = ((y - ramp)[:, inner, inner].std() for y in (found, wanted))
    assert ours == pytest.approx(keras_, rel=0.1)
    assert 0.3 < ours < 3


@pytest.mark.filterwarnings("ignore:Tensor.T is deprecated")
def test_histograms():
    for ends, bins in (((0, 255), 256), ((0, 1), 64), ((-1, 3), 16)):
        x = ends[0] + COLOURS / 255 * (ends[1] - ends[0])
        x[1, ..., 0] = ends[0]  # of one level
        made = keras.layers.Equalization(ends, bins)
        wanted = np.stack([theirs(made, one) for one in x])  # Keras counts over the batch
        found = layers.Equalization(ends, bins)(x)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * (ends[1] - ends[0]))
        for tiles, limit in (((2, 3), 64), ((3, 2), 0), ((2, 2), 64)):  # whole numbers
            given = {"value_range": ends, "tile_grid_size": tiles, "clip_limit": limit}
            made = keras.layers.ContrastLimitedAdaptiveHistogramEqualization(**given)
            found = layers.ContrastLimitedAdaptiveHistogramEqualization(**given)(x)
            off = 1e-3 * (ends[1] - ends[0])
            np.testing.assert_allclose(found, theirs(made, x), rtol=1e-3, atol=off)


def test_boxes_of_others():
    x = np.stack([np.full((8, 9, 1), i) for i in range(6)]).astype("f4")
    mix = layers.CutMix(num_classes=6, seed=1)
    made, labels = mix(x, np.arange(6))
    for i in range(6):
        assert labels[i].sum() == pytest.approx(1)
        for k in range(6):
            assert (made[i] == k).mean() == pytest.approx(labels[i, k], abs=1e-6)
        own = made[i, ..., 0] != i
        rows, columns = own.any(1), own.any(0)
        assert own.sum() == rows.sum() * columns.sum()  # a box
    assert (made != x).any()
    again, same = layers.CutMix(num_classes=6, seed=1)(Tensor(x), Tensor(np.arange(6)))
    assert np.array_equal(again.numpy(), made)
    assert np.array_equal(same.numpy(), labels)
    shares = [layers.CutMix(1.0, seed=s)(x, np.eye(6, dtype="f4"))[1].max(1) for s in range(40)]
    assert 0.5 < np.mean(shares) < 0.95
    with pytest.raises(ValueError, match=r"CutMix: x must be images"):
        mix(np.ones((2, 3)), np.eye(2))
    with pytest.raises(ValueError, match=r"CutMix: labels must be from 0 to 5, got 0 to 7"):
        mix(x, np.array([0, 1, 2, 3, 4, 7]))
    with pytest.raises(ValueError, match=r"CutMix: factor must be a number from 0 to 1"):
        layers.CutMix(2.0)


def assert_recorded_as_eager(make):
    """They are in no list of samples: all that they are made of is, and they take long."""
    found = []
    for eager in (False, True):
        axon.set_random_seed(0)
        model = axon.Sequential([make((0, 255), **SHORT[make]), layers.Flatten(), layers.Dense(1)])
        model.compile("mse", "sgd", eager=eager)
        model.fit(COLOURS[:, :2, :2] / 255, np.ones((3, 1)), batch_size=3, epochs=3, verbose=0)
        found.append(model.get_weights())
    assert all(map(np.array_equal, *found))
    again = remake(json.loads(json.dumps(model.layers[0].describe())))
    assert again.config() == model.layers[0].config()


SHORT = {layers.RandAugment: {"num_ops": 1}, layers.AugMix: {"num_chains": 1, "chain_depth": 1}}


def test_policies_change_each_image_in_its_own_way():
    x = np.repeat(COLOURS[:1], 24, 0)
    for make in (layers.RandAugment, layers.AugMix):
        layer = make(seed=2)
        y = layer(x, training=True)
        assert y.shape == x.shape
        assert -1e-2 <= y.min()
        assert y.max() <= 255.01
        assert len(np.unique(y.sum((1, 2, 3)).round(1))) > 12
        assert not np.array_equal(layer(x, training=True), y)
        assert np.array_equal(make(seed=2)(x, training=True), y)
        assert np.array_equal(layer(x), x)
        with pytest.raises(ValueError, match="red, green and blue"):
            make()(np.ones((1, 2, 2, 1)))
        assert_recorded_as_eager(make)
    still = layers.AugMix(factor=0.0, num_chains=1, chain_depth=1, all_ops=False, seed=0)
    assert len(still.parts) == 7
    alpha = 0.5
    drawn = AugMix(alpha=alpha, seed=0, dtype="float64").gammas(Tensor(np.zeros((400, 2))), 100)
    values = drawn.numpy()
    assert values.mean() == pytest.approx(alpha, rel=0.03)
    assert values.var() == pytest.approx(alpha, rel=0.05)
    scipy_stats = pytest.importorskip("scipy.stats")
    found = scipy_stats.kstest(values.ravel(), scipy_stats.gamma(alpha).cdf)
    assert found.statistic < 0.01


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.RandomShear(1.5), "x_factor must be a number from 0 to 1"),
        (lambda: layers.RandomShear(0.1, fill_mode="mirror"), "fill_mode must be"),
        (lambda: layers.RandomPerspective(scale=2.0), "scale must be from 0 to 1"),
        (lambda: layers.RandomGaussianBlur(kernel_size=4), "kernel_size must be an odd number"),
        (lambda: layers.Equalization()(np.ones((1, 0, 2, 1))), "images with pixels"),
    ],
)
def test_arguments_are_checked(make, words):
    with pytest.raises(ValueError, match=words):
        make()
