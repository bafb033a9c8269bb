"""Split rows into a training and a test part, class by class, the same way every time."""

import operator

import numpy as np

from axon.backend import Array

Pair = tuple[Array, Array]
Split = tuple[Pair, Pair]  # (x_train, y_train), (x_test, y_test)


def split_data(x: Array, y: Array, test_split: float = 0.2, seed: int = 0) -> Split:
    """Split rows into ``(x_train, y_train), (x_test, y_test)``, every class in proportion.

    Args:
        x: samples, (n, ...).
        y: their classes, (n,), of any type that can be sorted.
        test_split: the share of the rows that go to the test part, between 0 and 1.
        seed: an integer >= 0; the same seed gives the same rows.

    Raises:
        ValueError: a share or a seed out of range, lengths that differ, or too few rows to split.

    >>> x, y = np.arange(10), np.array([0, 1] * 5)
    >>> (x_train, y_train), (x_test, y_test) = split_data(x, y, test_split=0.2)
    >>> x_train.shape, sorted(y_test.tolist())
    ((8,), [0, 1])
    """
    if y.ndim != 1 or len(x) != len(y):
        raise ValueError(f"expected x (n, ...) and y (n,), found {x.shape} and {y.shape}")
    train, test = split_rows(y, test_split, seed)
    return (x[train], y[train]), (x[test], y[test])


def split_rows(y: Array, test_split: float, seed: int) -> tuple[Array, Array]:
    """Return the shuffled row numbers of the training part and of the test part."""
    rng = np.random.default_rng(_check_seed(seed))
    _, y, counts = np.unique(y, return_inverse=True, return_counts=True)
    takes = _test_counts(counts, _check_share(test_split))
    order = rng.permutation(len(y))
    groups = [order[y[order] == c] for c in range(len(counts))]
    train = np.concatenate([rows[take:] for rows, take in zip(groups, takes, strict=True)])
    test = np.concatenate([rows[:take] for rows, take in zip(groups, takes, strict=True)])
    return rng.permutation(train), rng.permutation(test)


def _test_counts(counts: Array, test_split: float) -> list[int]:
    """Share out the test rows by largest remainder; each class keeps a row to train on."""
    exact = counts * test_split
    takes = np.floor(exact).astype(np.intp)
    missing = round(float(exact.sum())) - int(takes.sum())
    takes[np.argsort(takes - exact, kind="stable")[:missing]] += 1
    takes = np.minimum(takes, counts - 1)
    if not takes.any():
        raise ValueError(
            f"test_split={test_split} of {int(counts.sum())} rows in {len(counts)} classes leaves "
            "no row to test on; give more rows or a larger test_split"
        )
    return [int(take) for take in takes]


def _check_share(test_split: float) -> float:
    if not isinstance(test_split, (int, float, np.floating)):
        raise ValueError(f"test_split must be a number between 0 and 1, not {test_split!r}")
    if not 0 < test_split < 1:  # also refuses NaN
        raise ValueError(f"test_split must lie between 0 and 1, not at {test_split!r}")
    return float(test_split)


def _check_seed(seed: int) -> int:
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = -1
    if number < 0:
        raise ValueError(f"seed must be an integer >= 0, not {seed!r}")
    return number
