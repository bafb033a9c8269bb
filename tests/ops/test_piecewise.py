"""The product of rows of bins: what the rows stand for, and what is no row of bins."""

from typing import Any

import numpy as np
import pytest

from axon import Tensor, grad
from axon.ops import piecewise_matmul, piecewise_matmul_gradient

SIZES = (3, 1, 17, 2, 8)
FAR = [-(2**40), -2, -1, 0, 1, 2, 7, 8, 16, 17, 300, 2**40]


def spread(bins: Any, fractions: Any, sizes: Any = SIZES) -> Any:
    """The rows, by a formula of their own: the place and its fraction, from 0 to 1, as a height."""
    columns = [
        np.clip(np.clip(bins[:, k, None], -1, size) - np.arange(size) + fractions[:, k, None], 0, 1)
        for k, size in enumerate(sizes)
    ]
    return np.concatenate(columns, axis=1)


def given(dtype: Any = "f8", rows: int = 40, kind: str = "i8") -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(rows)
    bins = rng.choice([n for n in FAR if np.can_cast(np.min_scalar_type(n), kind)], (rows, 5))
    fractions = rng.random((rows, 5)) * 0.99
    return bins.astype(kind), fractions.astype(dtype), rng.normal(size=(31, 6)).astype(dtype)


@pytest.mark.parametrize("kind", ["i8", "i4", "i2", "i1", "u1", "u2", "u4"])
@pytest.mark.parametrize(("dtype", "limit"), [("f8", 1e-12), ("f4", 1e-5)])
def test_it_is_the_product_of_the_rows_spread_out(kind: str, dtype: str, limit: float) -> None:
    bins, fractions, w = given(dtype, kind=kind)
    x = spread(bins.astype(int), fractions.astype(float))
    np.testing.assert_allclose(
        piecewise_matmul(bins, fractions, w, sizes=SIZES), x @ w, rtol=limit, atol=limit
    )
    g = np.random.default_rng(1).normal(size=(40, 6)).astype(dtype)
    np.testing.assert_allclose(
        piecewise_matmul_gradient(bins, fractions, g, sizes=SIZES), x.T @ g, rtol=limit, atol=limit
    )


def test_gradients_are_those_of_the_product() -> None:
    bins, *floats = given()
    f, w = (Tensor(a, requires_grad=True) for a in floats)
    y = piecewise_matmul(Tensor(bins), f, w, sizes=SIZES)
    slope = np.random.default_rng(2).normal(size=y.shape)
    of_fractions, of_weights = grad(y, [f, w], gradient=Tensor(slope))
    np.testing.assert_allclose(of_weights.data, spread(bins, floats[0]).T @ slope, rtol=1e-10)
    step = 1e-6
    for k in range(5):
        moved = floats[0].copy()
        moved[:, k] += step
        change = (spread(bins, moved) - spread(bins, floats[0])) @ floats[1]
        wanted = (change * slope).sum(axis=1) / step
        np.testing.assert_allclose(of_fractions.data[:, k], wanted, rtol=1e-5, atol=1e-7)


def test_a_place_before_all_bins_is_nothing_and_one_behind_them_all() -> None:
    w = np.arange(1.0, 5.0)[:, None]
    far = np.iinfo(np.int64)
    for place, wanted in ((-1, 0.0), (far.min, 0.0), (4, 10.0), (far.max, 10.0)):
        assert piecewise_matmul([[place]], [[np.nan]], w, sizes=(4,)).tolist() == [[wanted]]


@pytest.mark.parametrize(
    ("bins", "fractions", "weights", "sizes", "error", "words"),
    [
        (np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((4, 1)), (2, 2), TypeError, "whole numbers"),
        ([[0]], [[0.5]], np.zeros((4, 1)), (2, 2), ValueError, "a place for each column"),
        ([[0, 0]], [[0.5, 0.5]], np.zeros((2, 1)), (2, 0), ValueError, "at least 1"),
        ([[0, 0]], [[0.5]], np.zeros((4, 1)), (2, 2), ValueError, "a fraction for each place"),
        ([[0, 0]], [[0.5, 0.5]], np.zeros((5, 1)), (2, 2), ValueError, "each of 4 bins"),
        ([[0, 0]], [[0.5, 0.5]], np.zeros(4), (2, 2), ValueError, "each of 4 bins"),
    ],
)
def test_what_does_not_fit_is_said(
    bins: Any, fractions: Any, weights: Any, sizes: Any, error: Any, words: str
) -> None:
    with pytest.raises(error, match=words):
        piecewise_matmul(np.asarray(bins), np.asarray(fractions), weights, sizes=sizes)
    if "4 bins" not in words:
        with pytest.raises(error, match=words):
            piecewise_matmul_gradient(
                np.asarray(bins), np.asarray(fractions), np.ones((len(bins), 1)), sizes=sizes
            )


def test_a_gradient_for_other_rows_is_refused() -> None:
    bins, fractions, _ = given()
    with pytest.raises(ValueError, match="a gradient for each row"):
        piecewise_matmul_gradient(bins, fractions, np.ones((3, 6)), sizes=SIZES)
