"""What is chosen for the user, by effort and by how many rows there are; found by trying."""

from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.names import suggestion
from axon.tabular.training import Course

EFFORTS = ("fast", "good", "best")
MEMBERS, WIDTHS, BINS = 8, (64, 64), 16
FINER, KEPT = 24, 64  # bins, and different values that all end one, where numbers are predicted
BIN_SCALE, CATEGORY_SCALE = 0.25, 0.5  # the size of inputs at first, except of few rows
DECAY, DROPOUT = 0.5, 0.1  # where classes are told apart, except of few rows
LONG, SHORT = (64, 4), (30, 3)  # epochs and cycles of the rate: the first three are the same
PATIENCE, LEAST = 16, 12  # epochs
FOLDS = 5  # of the effort "best"
CROSS = 4  # folds of the effort "good" where rows are few
SMALL, MIDDLE, LARGE = 640, 2_000, 20_000  # rows
HELD = 0.15  # of the rows, where all members hold out the same
STEPS = 8  # of an epoch, at least, or nearly
STRATA = 10  # parts of equal size that numbers are cut into


class Choices(NamedTuple):
    """How an ensemble is made and trained.

    Attributes:
        members: how many networks, all in one program.
        folds: parts of the rows; each member holds out one of them. 0: all hold out the same.
        bins: of each number's piecewise linear encoding; 0: numbers are only scaled.
        mixed: every other group of members reads the scaled numbers alone.
        widths: neurons in each hidden layer.
        plan: how long and how fast they learn.
        bin_scale: what bins are multiplied with at first.
        category_scale: what columns of categories are multiplied with at first.
        kept: a number with up to so many different values has a bin between any two of them.
    """

    members: int
    folds: int
    bins: int
    mixed: bool
    widths: tuple[int, ...]
    plan: Course
    bin_scale: float = 1.0
    category_scale: float = 1.0
    kept: int = 0

    def with_folds(self, folds: int | None) -> "Choices":
        """The same with so many folds, each held out by as many members; None: as they are.

        >>> choose("good", 500, 2).with_folds(5).members
        10
        """
        if folds is None:
            return self
        return self._replace(folds=folds, members=-(-self.members // folds) * folds)


def choose(effort: str, rows: int, classes: int) -> Choices:
    """What suits so many rows.

    Args:
        effort: "fast": one member; "good": eight; "best": five folds of eight.
        rows: in the table.
        classes: how many there are; 0 where numbers are predicted.

    Raises:
        ValueError: there is no such effort.

    >>> choose("good", 500, 2).folds, choose("best", 500, 2).members
    (4, 40)
    """
    if effort not in EFFORTS:
        hint = suggestion(str(effort), list(EFFORTS))
        raise ValueError(f"effort: expected one of {', '.join(EFFORTS)}, got {effort!r}.{hint}")
    members = {"fast": 1, "good": MEMBERS, "best": FOLDS * MEMBERS}[effort]
    folds = {"fast": 0, "good": CROSS if rows < LARGE else 0, "best": FOLDS}[effort]
    few = rows < SMALL
    scales = (1.0, 1.0) if few else (BIN_SCALE, CATEGORY_SCALE)
    plan = _course(rows, classes)
    mixed = few and members > 1
    bins, kept = (BINS, 0) if classes or few else (FINER, KEPT)
    return Choices(members, min(folds, rows), bins, mixed, WIDTHS, plan, *scales, kept)


def _course(rows: int, classes: int) -> Course:
    """How long, by how large steps and how fast so many rows are learned from.

    30 epochs of three cycles are the same as the first three of 64 epochs' four.
    """
    regular = (DECAY, DROPOUT) if classes and rows >= SMALL else (0.0, 0.0)
    rate = 0.04 if classes else 0.1
    if rows < LARGE:
        least = max(32, 1 << (rows // STEPS).bit_length())
        batch = min(128 if classes else 64, least)
        epochs, cycles = LONG if classes or rows < MIDDLE else SHORT
        return Course(epochs, PATIENCE, batch, rate, *regular, cycles)
    epochs = max(LEAST, int(SHORT[0] * (LARGE / rows) ** 0.5))
    batch = 256 if rows < 5 * LARGE else 512
    return Course(epochs, epochs // 2 + 1, batch, rate, *regular, SHORT[1])


def strata(y: Array) -> Array:
    """Which part of the targets each row belongs to: its class, or a tenth of the numbers.

    >>> strata(np.arange(20) / 7.0).tolist()[:4]
    [0, 0, 1, 1]
    """
    first = y if y.ndim == 1 else y[:, 0]
    if first.dtype.kind in "iu":
        return first
    ranks = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    return ranks * STRATA // len(first)


def hold_out(parts: Array, choices: Choices, rng: np.random.Generator) -> Array:
    """Which member may never see which row: (rows, members), True where it is held out.

    Each fold has its share of each stratum.

    Args:
        parts: (rows,) the stratum of each row.
        choices: how many members and folds.
        rng: where chance comes from.
    """
    n, k = len(parts), choices.members
    folds = choices.folds or max(2, min(n, round(1 / HELD)))
    order = rng.permutation(n)
    order = order[np.argsort(parts[order], kind="stable")]
    fold = np.empty(n, np.intp)
    fold[order] = np.arange(n) % folds
    own = np.arange(k) % folds if choices.folds else np.zeros(k, np.intp)
    return fold[:, None] == own
