"""Random numbers told by a key, and tensors joined into one."""

import numpy as np
import pytest

from axon import Tensor, grad, ops
from axon.ops.random import normal, uniform
from axon.program import Step

F4 = np.dtype(np.float32)


def key(seed: int, count: int = 0) -> np.ndarray:
    return np.array([seed, count], np.uint32)


def draw(seed: int, count: int = 0, size: int = 40_000, kind=uniform) -> np.ndarray:
    return kind(key(seed, count), shape=(size,), dtype=F4)


def test_uniform_numbers_are_uniform():
    for seed, count in ((0, 0), (1, 0), (0, 1), (2**32 - 1, 77)):
        u = draw(seed, count)
        assert 0 <= u.min() < u.max() < 1
        counts = np.histogram(u, 20, (0, 1))[0]
        chi2 = ((counts - 2000) ** 2 / 2000).sum()
        assert 4 < chi2 < 45, "19 degrees of freedom: 99.9 % of all draws"
        lags = [np.corrcoef(u[:-k], u[k:])[0, 1] for k in (1, 2, 3, 28, 64, 784)]
        assert np.abs(lags).max() < 0.02


def test_each_bit_is_a_coin():
    words = (draw(5, size=60_000).astype(np.float64) * 2**24).astype(np.int64)
    shares = [(words >> bit & 1).mean() for bit in range(24)]
    np.testing.assert_allclose(shares, 0.5, atol=0.01)


def test_keys_that_differ_draw_what_has_nothing_in_common():
    one = draw(3, 8)
    for other in (draw(3, 9), draw(4, 8), draw(8, 3), draw(3, 2**31)):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.02
        assert len(np.intersect1d(one, other)) < 400, "2^24 values: about 95 in common by chance"
        shifted = max(
            abs(np.corrcoef(one[k:], other[: len(other) - k])[0, 1]) for k in range(1, 50)
        )
        assert shifted < 0.03


def test_one_key_draws_the_same_again_whatever_the_shape():
    u = uniform(key(1, 2), shape=(6, 4), dtype=F4)
    np.testing.assert_array_equal(u, uniform(key(1, 2), shape=(6, 4), dtype=F4))
    np.testing.assert_array_equal(u.ravel()[:10], uniform(key(1, 2), shape=(10,), dtype=F4))


def test_normal_numbers_are_normal():
    z = draw(9, kind=normal)
    assert abs(z.mean()) < 0.02
    assert abs(z.std() - 1) < 0.02
    within = [(abs(z) < k).mean() for k in (1, 2, 3)]
    np.testing.assert_allclose(within, [0.6827, 0.9545, 0.9973], atol=0.01)
    assert np.isfinite(draw(9, size=400_000, kind=normal)).all()


def test_a_replay_draws_anew_where_the_key_is_counted_up():
    place = Tensor(key(7))

    def function() -> list[Tensor]:
        ops.add_in_place(place, np.array([0, 1], np.uint32))
        return [uniform(ops.copy(place), shape=(5,), dtype=F4)]

    step = Step("draw", function, [])
    drawn = [step.run([])[0].copy() for _ in range(4)]
    assert len(step.programs) == 1
    for count, numbers in enumerate(drawn, 1):
        np.testing.assert_array_equal(numbers, uniform(key(7, count), shape=(5,), dtype=F4))


def test_what_is_no_key():
    with pytest.raises(ValueError, match=r"key of shape \(2,\) and dtype uint32"):
        uniform(np.array([1, 2]), shape=(2,), dtype=F4)


# ------------------------------------------------------------------------------------ joining


def test_concatenate_many_arrays_and_tensors():
    parts = [np.full((2, k), float(k)) for k in (1, 3, 2)]
    np.testing.assert_array_equal(ops.concatenate(parts), np.concatenate(parts, 1))
    leaves = [Tensor(p, requires_grad=True) for p in parts]
    weights = np.arange(12.0).reshape(2, 6)
    gradients = grad((ops.concatenate(leaves) * weights).sum(), leaves)
    for got, wanted in zip(gradients, np.split(weights, [1, 4], axis=1), strict=True):
        np.testing.assert_array_equal(got.data, wanted)
    mixed = ops.concatenate([leaves[0], parts[1]], axis=1)
    assert isinstance(mixed, Tensor)
    np.testing.assert_array_equal(ops.concatenate([parts[0]]), parts[0])


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_stack(axis):
    parts = [np.arange(6.0).reshape(2, 3) + k for k in range(4)]
    np.testing.assert_array_equal(ops.stack(parts, axis), np.stack(parts, axis))
    leaves = [Tensor(p, requires_grad=True) for p in parts]
    out = ops.stack(leaves, axis)
    np.testing.assert_array_equal(out.data, np.stack(parts, axis))
    got = grad((out * out).sum(), leaves)
    for g, p in zip(got, parts, strict=True):
        np.testing.assert_allclose(g.data, 2 * p)


def test_what_cannot_be_joined():
    a, b = np.ones((2, 3)), np.ones((3, 3))
    with pytest.raises(ValueError, match=r"\(2, 3\), \(3, 3\) do not fit. All sizes but those"):
        ops.concatenate([a, b])
    with pytest.raises(ValueError, match="axis 2 is out of range for 2 axes"):
        ops.concatenate([a, a], axis=2)
    with pytest.raises(ValueError, match="at least one array or Tensor, got none"):
        ops.concatenate([])
    with pytest.raises(ValueError, match=r"arrays of one shape, got \(2, 3\), \(3, 3\)"):
        ops.stack([a, b])
    with pytest.raises(ValueError, match="stack: axis 3 is out of range"):
        ops.stack([a, a], axis=3)


def test_small_statistics_of_tensors():
    x = np.random.default_rng(0).normal(size=(3, 5))
    t = Tensor(x, requires_grad=True)
    for name in ("min", "max", "var", "std", "mean"):
        for axis in (None, 0, -1, (0, 1)):
            got, wanted = getattr(t, name)(axis), getattr(np, name)(x, axis=axis)
            np.testing.assert_allclose(got.data, wanted, rtol=1e-12)
        assert getattr(t, name)(0, keepdims=True).shape == (1, 5)
    np.testing.assert_array_equal(t.clip(-0.5, 0.5).data, x.clip(-0.5, 0.5))
    inside = (abs(x) < 0.5).astype(float)
    np.testing.assert_array_equal(grad(t.clip(-0.5, 0.5).sum(), t).data, inside)
