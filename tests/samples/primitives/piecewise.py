"""Samples of the product of rows of bins: places, fractions, and the rows they stand for."""

from math import prod
from typing import Any

import numpy as np

from tests.samples.primitives.case import Case, Sample, normal, probability

Array = Any


def places(least: int, *shape: int) -> Array:
    """Places in columns of at least so many bins, from one before the first to one beyond.

    The first number is within, so that a fraction that is NaN shows.
    """
    chosen = np.random.default_rng(least).integers(-1, least + 1, shape)
    chosen[(slice(0, 1),) * len(shape)] = 0
    return chosen


def spread(bins: Array, fractions: Array, sizes: tuple[int, ...]) -> Array:
    """Bin by bin."""
    x = np.zeros((*bins.shape[:-1], sum(sizes)), fractions.dtype)
    for row in np.ndindex(*bins.shape[:-1]):
        start = 0
        for k, size in enumerate(sizes):
            for i in range(size):
                place = int(bins[(*row, k)])
                x[(*row, start + i)] = 1 if i < place else fractions[(*row, k)] if i == place else 0
            start += size
    return x


def _product(bins: Array, fractions: Array, weights: Array, sizes: tuple[int, ...]) -> Array:
    return np.einsum("...i,io->...o", spread(bins, fractions, sizes), weights)


def _gradient(bins: Array, fractions: Array, g: Array, sizes: tuple[int, ...]) -> Array:
    rows = prod(bins.shape[:-1])
    x = spread(bins, fractions, sizes).reshape(rows, sum(sizes))
    return np.einsum("ri,ro->io", x, g.reshape(rows, g.shape[-1]))


# places are shuffled by the tests: all columns of a sample have what its smallest one has
_ROWS: list[tuple[tuple[int, ...], tuple[int, ...], int]] = [
    ((5,), (4, 4), 3),
    ((1,), (3, 5, 3), 4),
    ((7,), (1, 1), 2),
    ((4,), (6,), 1),
    ((2, 3), (3, 2), 2),
    ((), (4, 3), 3),
    ((3,), (), 2),
    ((0,), (3, 2), 2),
    ((3,), (2, 3), 0),
    ((6,), (2,) * 9, 5),
    ((9,), (3, 17, 4), 133),
]
_LARGE = ((128,), (16,) * 20, 512)


def _given(rows: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[Array, Array]:
    shape = (*rows, len(sizes))
    return places(min(sizes, default=1), *shape), probability(*shape)


def forward(rows: tuple[int, ...], sizes: tuple[int, ...], outputs: int) -> Sample:
    """Places, fractions and weights."""
    return (*_given(rows, sizes), normal(sum(sizes), outputs)), {"sizes": sizes}


def backward(rows: tuple[int, ...], sizes: tuple[int, ...], outputs: int) -> Sample:
    """Places, fractions and the gradient."""
    return (*_given(rows, sizes), normal(*rows, outputs)), {"sizes": sizes}


SAMPLES: dict[str, Case] = {
    # axon/ops/piecewise.py
    "piecewise_matmul": Case(
        _product, [forward(*r) for r in _ROWS], forward(*_LARGE), nan_shows=[1]
    ),
    "piecewise_matmul_gradient": Case(
        _gradient, [backward(*r) for r in _ROWS], backward(*_LARGE), nan_shows=[2]
    ),
}
