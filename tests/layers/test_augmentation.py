"""What augmentation does to images, one kind at a time; MixUp."""

import numpy as np
import pytest

import axon
from axon import Tensor
from axon.layers import (
    Dense,
    Flatten,
    MixUp,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from axon.models import Sequential

IMAGES = np.random.default_rng(0).random((64, 5, 6, 2)).astype("f4")


def drawn(layer, x=IMAGES):
    return layer(x, training=True)


# ------------------------------------------------------------------------------------ flips


@pytest.mark.parametrize(
    ("mode", "axes"),
    [
        ("horizontal", [(), (1,)]),
        ("vertical", [(), (0,)]),
        ("horizontal_and_vertical", [(), (0,), (1,), (0, 1)]),
    ],
)
def test_each_flip_comes_as_often(mode, axes):
    counts = [0] * len(axes)
    for x, y in zip(IMAGES, drawn(RandomFlip(mode, seed=0)), strict=True):
        found = [np.array_equal(y, np.flip(x, a)) for a in axes]
        assert sum(found) == 1
        counts[found.index(True)] += 1
    share = 64 / len(axes)
    assert all(abs(c - share) < 3.5 * np.sqrt(share) for c in counts)
    with pytest.raises(ValueError, match="unknown RandomFlip: mode 'diagonal'"):
        RandomFlip("diagonal")


# ------------------------------------------------------------------------------------ moves


@pytest.mark.parametrize(
    ("fill_mode", "top"), [("constant", [9, 9]), ("nearest", [0, 0]), ("reflect", [1, 0])]
)
def test_translation_by_whole_pixels(fill_mode, top):
    x = np.arange(5.0, dtype="f4").reshape(1, 5, 1, 1)
    layer = RandomTranslation((0.4, 0.4), 0, fill_mode, fill_value=9)
    assert drawn(layer, x).ravel() == pytest.approx([*top, 0, 1, 2])


def test_translations_differ_by_image_and_stay_in_range():
    x = np.zeros((500, 1, 41, 1))
    x[:, 0, 20] = 1
    y = drawn(RandomTranslation(0, (-0.1, 0.2), seed=0, interpolation="nearest"), x)[:, 0, :, 0]
    places = y.argmax(axis=1) - 20
    assert set(places) == set(range(-4, 9))
    assert (y.sum(axis=1) == 1).all()


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_quarter_turns_are_exact(turns):
    x = IMAGES[:, :, :5]
    y = drawn(RandomRotation((turns / 4, turns / 4)), x)
    assert y == pytest.approx(np.rot90(x, turns, (1, 2)), abs=1e-6)


def test_a_turn_and_its_reverse():
    i, j = np.indices((21, 21)) - 10
    x = np.exp(-(i**2 + (j - 3) ** 2) / 20)[None, :, :, None]
    there = drawn(RandomRotation((0.1, 0.1), "constant", dtype="float64"), x)
    back = drawn(RandomRotation((-0.1, -0.1), "constant", dtype="float64"), there)
    assert abs(there - x).max() > 0.2
    assert abs(back - x).max() < 0.05


def test_zoom_out_in_and_tied():
    x = IMAGES[:1]
    same = drawn(RandomZoom((0.0, 0.0)), x)
    assert np.array_equal(same, x)
    wide = np.arange(9.0).reshape(1, 1, 9, 1)
    inward = drawn(RandomZoom((0.0, 0.0), (-0.5, -0.5)), wide).ravel()
    assert inward == pytest.approx(np.arange(9) / 2 + 2)
    outward = drawn(RandomZoom((0.0, 0.0), (1.0, 1.0), "constant", fill_value=-1), wide).ravel()
    assert outward == pytest.approx([-1, -1, 0, 2, 4, 6, 8, -1, -1])
    ramp = np.indices((9, 9)).astype(float)[:, :, :, None]  # rows, then columns
    tied = drawn(RandomZoom((-0.8, -0.2), seed=1), np.concatenate([ramp, ramp], -1)[[0]])
    rows = np.diff(tied[0, :, 0, 0])
    both = np.stack([ramp[0], ramp[1]], axis=-1)[None, :, :, 0]
    out = drawn(RandomZoom((-0.8, -0.2), seed=1), both)
    assert np.allclose(rows, rows[0], atol=1e-5)
    assert np.diff(out[0, :, 0, 0]) == pytest.approx(np.diff(out[0, 0, :, 1]), abs=1e-5)
    free = drawn(RandomZoom((-0.8, -0.2), (-0.8, -0.2), seed=1), both)
    assert abs(np.diff(free[0, :, 0, 0])[0] - np.diff(free[0, 0, :, 1])[0]) > 1e-2


def test_arguments_are_checked():
    with pytest.raises(ValueError, match=r"RandomZoom: height_factor must be .* greater than -1"):
        RandomZoom(1.0)
    with pytest.raises(ValueError, match=r"factor must be a number or \(low, high\), got \(1, 0\)"):
        RandomRotation((1, 0))
    with pytest.raises(ValueError, match="height_factor must be a number"):
        RandomTranslation("far", 0)
    with pytest.raises(ValueError, match="unknown RandomRotation: fill_mode 'mirror'"):
        RandomRotation(0.1, fill_mode="mirror")
    with pytest.raises(ValueError, match="unknown RandomZoom: interpolation 'cubic'"):
        RandomZoom(0.1, interpolation="cubic")
    with pytest.raises(ValueError, match="expected inputs of shape"):
        RandomRotation(0.1)(np.ones((2, 5, 5)))


# ------------------------------------------------------------------------------------ windows


def test_crops_lie_everywhere_and_in_the_middle_otherwise():
    layer = RandomCrop(3, 4, seed=0)
    assert np.array_equal(layer(IMAGES), IMAGES[:, 1:4, 1:5])
    assert layer.output_shape == (3, 4, 2)
    places = set()
    for x, y in zip(IMAGES, drawn(layer), strict=True):
        fits = [p for p in np.ndindex(3, 3) if np.array_equal(y, x[p[0] :, p[1] :][:3, :4])]
        assert len(fits) == 1
        places.add(fits[0])
    assert len(places) == 9
    with pytest.raises(ValueError, match="The window is larger than the image"):
        RandomCrop(7, 2)(IMAGES)


def test_erasing_paints_one_rectangle():
    x = np.ones((400, 20, 30, 3))
    y = drawn(RandomErasing(0.5, (0.1, 0.3), fill_value=7, seed=0), x)
    assert set(np.unique(y)) == {1, 7}
    erased = (y == 7).all(axis=-1)
    assert np.array_equal(erased, (y == 7).any(axis=-1))
    areas = erased.mean(axis=(1, 2))
    assert 0.4 < (areas > 0).mean() < 0.6
    assert areas[areas > 0].min() > 0.08
    assert areas.max() < 0.33
    for image in erased[areas > 0]:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        assert image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    with pytest.raises(ValueError, match="factor must be from 0 to 1, got 2"):
        RandomErasing(2)
    with pytest.raises(ValueError, match="scale must lie between 0 and 1"):
        RandomErasing(scale=(0.1, 1.5))


def test_gradients_pass_through_augmentation():
    """They reach what lies before, even if augmentation stands in the middle."""
    layer = RandomRotation(0.2, seed=0)
    x = Tensor(IMAGES, requires_grad=True)
    layer(x, training=True).sum().backward()
    assert x.grad.shape == x.shape
    assert np.isfinite(x.grad.numpy()).all()
    assert x.grad.numpy().sum() > 0


# ------------------------------------------------------------------------------------ MixUp


def test_mixup_mixes_samples_and_labels_alike():
    labels = np.arange(64) % 4
    x = np.eye(4)[labels][:, None] * np.ones((64, 3, 4))
    mixed, y = MixUp(1.0, num_classes=4, seed=0)(x, labels)
    assert mixed.shape == x.shape
    assert np.allclose(mixed, y[:, None], atol=1e-6)
    assert np.allclose(y.sum(axis=1), 1)
    assert y.dtype == np.float32
    assert ((y > 0.05) & (y < 0.95)).any()
    again, _ = MixUp(1.0, seed=0)(x, np.eye(4)[labels])
    assert np.array_equal(again, mixed)
    tensor, one_hot = MixUp(1.0, num_classes=4, seed=0)(Tensor(x), Tensor(labels))
    assert type(tensor) is type(one_hot) is Tensor
    assert np.allclose(tensor.numpy(), mixed)


def test_mixup_of_batches_for_fit():
    axon.set_random_seed(0)
    batches = [(IMAGES[i : i + 16], np.arange(16) % 2) for i in range(0, 64, 16)]
    source = MixUp(0.4, num_classes=2).batches(batches)
    first, second = (np.concatenate([y for _, y in source]) for _ in range(2))
    assert first.shape == (64, 2)
    assert not np.array_equal(first, second)
    model = Sequential([Flatten(), Dense(2, "softmax")])
    model.compile("categorical_crossentropy", "adam")
    losses = model.fit(source, epochs=3, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert len(list(MixUp(num_classes=2).batches(iter(batches)))) == 4


def test_mixup_says_what_it_needs():
    with pytest.raises(ValueError, match="alpha must be greater than 0, got 0"):
        MixUp(0)
    with pytest.raises(ValueError, match=r"cannot be mixed. Pass them one-hot \(n, classes\)"):
        MixUp()(np.ones((2, 3)), [0, 1])
    with pytest.raises(ValueError, match="labels must be from 0 to 1, got 0 to 2"):
        MixUp(num_classes=2)(np.ones((2, 3)), [0, 2])
    with pytest.raises(ValueError, match="got 3 samples, but 2 labels"):
        MixUp(num_classes=2)(np.ones((3, 3)), [0, 1])
