"""Lesson: what the network learns: points of a plane, or images of digits."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from axon.backend import Array
from axon.play.choices import Chosen

if TYPE_CHECKING:
    from axon.tabular import Table

HALF = 3.0  # the plane goes from -3 to 3 both ways
FILLED = 0.8  # of it, where points lie
MOST_ROWS = 2000
MOST_VALUE = 1e300  # in the plane: the distance of two of them is finite
MOST_CLASSES = 10

Points = tuple[Array, Array]  # (n, 2) and (n,)
Random = np.random.Generator


class Lesson(NamedTuple):
    """Samples with answers, for training and for testing.

    Attributes:
        x_train, x_test: (n, inputs) float32: two coordinates within -3 and 3, or 64 pixels from 0
            to 1.
        y_train, y_test: (n,) classes in int64; (n, 1) float32: 0 or 1 of two classes, or amounts.
        task: "binary", "classes" or "regression".
        names: of the inputs; none for images.
        classes: their names; none for regression.
        target: what is learned.
        spans: for both coordinates, which values lie at -3 and at 3; empty where these are that.
        amounts: of regression, which values are learned as -1 and as 1.
    """

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    task: str
    names: tuple[str, ...]
    classes: tuple[str, ...] = ()
    target: str = ""
    spans: tuple[tuple[float, float], ...] = ()
    amounts: tuple[float, float] = (-1.0, 1.0)

    @property
    def outputs(self) -> int:
        """How many neurons the output has."""
        return len(self.classes) if self.task == "classes" else 1


def make(settings: Chosen, table: Lesson | None = None) -> Lesson:
    """What these settings say is to be learned; the same for the same settings.

    Args:
        settings: of them ``data``, ``samples``, ``noise``, ``share`` and ``seed``.
        table: the user's own points, all in ``x_train`` and ``y_train``.

    >>> lesson = make(Chosen("moons", samples=100, share=0.7))
    >>> lesson.x_train.shape, lesson.y_test.shape, lesson.task
    ((70, 2), (30, 1), 'binary')
    """
    random = np.random.default_rng(settings.seed)
    if settings.data == "digits":
        return _digits(settings, random)
    if settings.data == "table":
        if table is None:
            raise ValueError("data: there is no table to learn from.")
        return _of_own(settings, table, random)
    points, task, classes = PLANES[settings.data]
    x, y = points(settings.samples, settings.noise, random)
    blank = np.zeros((0, 2), np.float32)
    full = Lesson(x, y, blank, blank, task, ("x", "y"), classes, "class" if classes else "height")
    return parted(_typed(full), settings.share, random)


def _typed(lesson: Lesson) -> Lesson:
    """With numbers of the types that a network takes."""
    y = lesson.y_train
    y = y.astype(np.int64) if lesson.task == "classes" else y.astype(np.float32).reshape(-1, 1)
    return lesson._replace(x_train=lesson.x_train.astype(np.float32), y_train=y)


def parted(lesson: Lesson, share: float, random: Random) -> Lesson:
    """Part the samples, all of them in ``x_train``: at least one stays on each side."""
    x, y = lesson.x_train, lesson.y_train
    order = random.permutation(len(x))
    count = int(np.clip(round(share * len(x)), 1, len(x) - 1))
    train, test = order[:count], order[count:]
    return lesson._replace(x_train=x[train], y_train=y[train], x_test=x[test], y_test=y[test])


# ------------------------------------------------------------------------------------ the plane


def _noisy(x: Array, noise: float, random: Random) -> Array:
    return np.clip(x + random.normal(0, HALF * noise / 2, x.shape), -HALF, HALF)


def circles(count: int, noise: float, random: Random) -> Points:
    """A disc in a ring."""
    y = np.arange(count) % 2
    radius = np.where(y, random.uniform(0, 1.1, count), random.uniform(1.8, 2.6, count))
    angle = random.uniform(0, 2 * np.pi, count)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _noisy(x, noise, random), y


def moons(count: int, noise: float, random: Random) -> Points:
    """Two half moons, one in the other."""
    y = np.arange(count) % 2
    angle = random.uniform(0, np.pi, count)
    side = 1 - 2 * y
    x = np.stack([1.6 * np.cos(angle) * side - 0.8 * side, 1.8 * np.sin(angle) * side], axis=1)
    return _noisy(x + np.stack([0 * angle, -0.4 * side], axis=1), noise, random), y


def xor(count: int, noise: float, random: Random) -> Points:
    """Four squares: those that face each other are alike."""
    x = random.uniform(0.25, 2.5, (count, 2)) * random.choice([-1, 1], (count, 2))
    return _noisy(x, noise, random), (x[:, 0] * x[:, 1] > 0).astype(int)


def spirals(count: int, noise: float, random: Random) -> Points:
    """Two arms that wind round each other."""
    y = np.arange(count) % 2
    t = np.sqrt(random.uniform(0.01, 1, count))
    angle = 3 * np.pi * t + np.pi * y
    x = 2.6 * t[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _noisy(x, noise / 2, random), y


def blobs(count: int, noise: float, random: Random) -> Points:
    """Three heaps."""
    y = np.arange(count) % 3
    angle = np.pi / 2 + 2 * np.pi * y / 3
    middle = 1.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _noisy(middle + random.normal(0, 0.35, (count, 2)), noise, random), y


def _surface(height: Callable[[Array, Array], Array]) -> Callable[[int, float, Random], Points]:
    def points(count: int, noise: float, random: Random) -> Points:
        x = random.uniform(-2.7, 2.7, (count, 2))
        return x, height(x[:, 0], x[:, 1]) + random.normal(0, noise, count)

    return points


def _hills(a: Array, b: Array) -> Array:
    up = _hill(a, b, 1.2, 1.0) + _hill(a, b, -1.3, -1.2)
    return up - _hill(a, b, -1.2, 1.2) - _hill(a, b, 1.0, -1.4)


def _hill(a: Array, b: Array, across: float, up: float) -> Array:
    return np.exp(-((a - across) ** 2) - (b - up) ** 2)


# name -> points, task, classes
PLANES: dict[str, tuple[Callable[[int, float, Random], Points], str, tuple[str, ...]]] = {
    "circles": (circles, "binary", ("orange", "blue")),
    "moons": (moons, "binary", ("orange", "blue")),
    "xor": (xor, "binary", ("orange", "blue")),
    "spirals": (spirals, "binary", ("orange", "blue")),
    "blobs": (blobs, "classes", ("blue", "orange", "green")),
    "slope": (_surface(lambda a, b: (a + b) / 4), "regression", ()),
    "waves": (_surface(lambda a, b: np.sin(1.5 * a) * np.cos(1.5 * b)), "regression", ()),
    "hills": (_surface(_hills), "regression", ()),
}


# ------------------------------------------------------------------------------------ digits


def _digits(settings: Chosen, random: Random) -> Lesson:
    from axon.datasets import digits

    (x, y), (more, rest) = digits.load_data(0.2, 0)
    x, y = np.concatenate([x, more]) / 16, np.concatenate([y, rest])
    some = random.permutation(len(x))[: settings.samples]
    x = np.clip(x[some] + random.normal(0, settings.noise, x[some].shape), 0, 1)
    blank = np.zeros((0, 64), np.float32)
    names = tuple(map(str, range(10)))
    full = Lesson(x.reshape(-1, 64), y[some], blank, blank, "classes", (), names, "digit")
    return parted(_typed(full), settings.share, random)


def as_digit(drawn: Array) -> Array:
    """A drawing as the digits of the data set are: cut out, brought to size, and made coarse.

    Args:
        drawn: (height, width) of truth values, true where there is ink.

    Returns:
        (64,) float32 from 0 to 1: the share of ink in each of 8 x 8 squares; all 0 without ink.

    >>> as_digit(np.eye(32) > 0).reshape(8, 8)[0].tolist()
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros(64, np.float32)
    cut = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = cut.shape
    scale = 32 / max(height, width)
    tall, wide = (max(4, round(scale * size)) for size in cut.shape)
    down, across = np.arange(tall) * height // tall, np.arange(wide) * width // wide
    paper = np.zeros((32, 32), bool)
    top, left = (32 - tall) // 2, (32 - wide) // 2
    paper[top : top + tall, left : left + wide] = cut[np.ix_(down, across)]
    shares = paper.reshape(8, 4, 8, 4).mean(axis=(1, 3), dtype=np.float32)
    return np.minimum(shares / shares.max(), 1).reshape(64)


# ------------------------------------------------------------------------------------ a table


def of_table(
    table: "Table",
    across: str | None = None,
    up: str | None = None,
    target: str | None = None,
    task: str = "auto",
) -> Lesson:
    """Two columns of a table, and what is learned from them, all in ``x_train`` and ``y_train``.

    Rows with a gap in one of the three are left out; of more than 2,000 rows, some are taken.

    Args:
        table: as ``axon.tabular.read`` gives it.
        across: the name of a column of numbers; None takes the first one that is left.
        up: of another one.
        target: the name of the column that is learned; None finds it.
        task: "classification", "regression" or "auto".

    Raises:
        ValueError: there is no such column, or it holds no numbers, or more than ten classes.

    >>> from axon.tabular import read
    >>> cells = {"a": [1, 2, 3, None], "b": [5.0, 4.0, 3.0, 1.0], "kind": ["u", "v", "u", "v"]}
    >>> lesson = of_table(read(cells), "a", "b")
    >>> lesson.classes, lesson.x_train.shape, lesson.spans[0]
    (('u', 'v'), (3, 2), (0.75, 3.25))
    """
    from axon.tabular.tasks import question

    found = question(table, target, task)
    names = _two(found.table, across, up)
    x = np.stack([_numbers(found.table, name, found.target) for name in names], axis=1)
    known = np.isfinite(x).all(axis=1)
    x, y = x[known], found.y[known]
    if (far := abs(x).max(initial=0)) > MOST_VALUE:
        raise ValueError(
            f"{names[0]!r} and {names[1]!r} hold numbers as large as {far:g}; the plane takes up "
            f"to {MOST_VALUE:g}. Divide them, or leave these rows out."
        )
    if len(x) < 2:
        raise ValueError(
            f"{len(x)} rows have numbers in {names[0]!r} and {names[1]!r} and a value in "
            f"{found.target!r}; at least 2 are needed."
        )
    if len(x) > MOST_ROWS:
        some = np.sort(np.random.default_rng(0).permutation(len(x))[:MOST_ROWS])
        x, y = x[some], y[some]
    x, spans = _into_plane(x)
    blank = np.zeros((0, 2), np.float32)
    full = Lesson(x, y, blank, blank, "regression", names, (), found.target, spans)
    return _typed(_amounts(full) if found.task == "regression" else _classes(full))


def _two(table: "Table", across: str | None, up: str | None) -> tuple[str, str]:
    """The columns of the plane: those that are named, and else the first ones of numbers."""
    from axon.tabular import Columns

    if across is not None and across == up:
        raise ValueError(f"the plane needs two columns, and both are {across!r}.")
    left: list[str] = []
    if across is None or up is None:
        roles = {c.name: c.role for c in Columns.find(table).columns} if table.names else {}
        left = [n for n in table.names if roles[n] == "number" and n not in (across, up)]
    if len(left) < (across is None) + (up is None):
        listed = ", ".join(map(repr, left)) or "none"
        raise ValueError(
            "the plane needs two columns of numbers beside the target; those that are left: "
            f"{listed}."
        )
    first = left.pop(0) if across is None else across
    return first, left.pop(0) if up is None else up


def _numbers(table: "Table", name: str, target: str) -> Array:
    from axon.tabular import Columns
    from axon.tabular.tasks import demand_column

    if name == target:
        raise ValueError(f"{name!r} is what is learned; choose another column to learn it from.")
    demand_column(table.names, name)
    alone = table.without(*(other for other in table.names if other != name))
    try:
        return Columns.find(alone, numeric=[name]).values(alone).numbers[:, 0]
    except ValueError:  # words, infinite numbers, or the same value everywhere
        raise ValueError(
            f"column {name!r} does not hold finite numbers that differ, as the plane needs them."
        ) from None


def _into_plane(x: Array) -> tuple[Array, tuple[tuple[float, float], ...]]:
    """Points within the plane, and which values lie at its edges."""
    low, high = x.min(axis=0), x.max(axis=0)
    middle, half = (low + high) / 2, np.where(high > low, (high - low) / 2, 1.0) / FILLED
    spans = tuple((float(m - h), float(m + h)) for m, h in zip(middle, half, strict=True))
    return (x - middle) / half * HALF, spans


def _amounts(lesson: Lesson) -> Lesson:
    """With targets between -1 and 1."""
    y = lesson.y_train.astype(np.float64)
    low, high = float(y.min()), float(y.max())
    half = (high - low) / 2 or 1.0
    return lesson._replace(y_train=(y - (low + high) / 2) / half, amounts=(low, high))


def _classes(lesson: Lesson) -> Lesson:
    """With numbers for classes."""
    names, numbers = np.unique(lesson.y_train.astype(str), return_inverse=True)
    if not 2 <= len(names) <= MOST_CLASSES:
        raise ValueError(
            f"target {lesson.target!r} has {len(names)} classes in the rows that can be used; the "
            f"page shows 2 to {MOST_CLASSES}."
        )
    task = "binary" if len(names) == 2 else "classes"
    y = numbers.reshape(-1)
    return lesson._replace(y_train=y, task=task, classes=tuple(map(str, names)))


def _of_own(settings: Chosen, table: Lesson, random: Random) -> Lesson:
    """The user's own points, as many as are wanted, with noise if that is wanted."""
    some = random.permutation(len(table.x_train))[: settings.samples]
    x, y = table.x_train[some], table.y_train[some]
    x = _noisy(x, settings.noise, random) if settings.noise else x
    return parted(_typed(table._replace(x_train=x, y_train=y)), settings.share, random)
