"""A leaderboard: AXON's table estimators beside others', on the same folds of one table."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Any

import numpy as np

from axon.backend import Array
from axon.names import suggestion
from axon.tabular.contestants import CONTESTANTS, Trial
from axon.tabular.evidence import scores, wanted
from axon.tabular.objectives import Amounts, Classes, Goal, Quantiles, YesOrNo
from axon.tabular.table import Table, read
from axon.tabular.targets import amounts, demand_quantiles, demand_targets, parted
from axon.tabular.tasks import question

OWNER = "leaderboard"
TASKS = ("classification", "regression")
Row = dict[str, str | float | int]


@dataclass(frozen=True)
class Leaderboard:
    """Who did how well: best first.

    Attributes:
        rows: for each contestant a dict: "contestant"; scores, means over the folds, such as
            "log-loss" and "accuracy", of quantiles one; "deviation" of the first one over the
            folds; "seconds" of a fold, to learn and to predict; "folds".
        said: who failed, who was left out, and why.
        title: of what table and folds this is.

    >>> print(Leaderboard([{"contestant": "AXON", "RMSE": 1.5, "R2": 0.9, "deviation": 0.1,
    ...     "seconds": 2.0, "folds": 5}], [], "60 rows, 2 columns, 5 folds"))
    60 rows, 2 columns, 5 folds
    contestant   RMSE  +-         R2  seconds
    AXON          1.5  0.1  0.9       2.00
    """

    rows: list[Row]
    said: list[str]
    title: str

    def __str__(self) -> str:
        if not self.rows:
            return "\n".join([self.title, *self.said])
        names = list(self.rows[0])
        first, *more = names[1 : names.index("deviation")]
        heads = ["contestant", first, "+-", *more, "seconds"]
        lines = [
            [
                str(row["contestant"]),
                f"{row[first]:.4g}",
                f"{row['deviation']:.2g}",
                *(f"{row[name]:.4g}" for name in more),
                f"{row['seconds']:.2f}",
            ]
            for row in self.rows
        ]
        wide = [max(len(line[i]) for line in [heads, *lines]) for i in range(len(heads))]
        texts = [
            "  ".join(
                [
                    line[0].ljust(wide[0]),
                    *(c.rjust(w) for c, w in zip(line[1:], wide[1:], strict=True)),
                ]
            )
            for line in [heads, *lines]
        ]
        return "\n".join([self.title, *texts, *self.said])

    def _repr_html_(self) -> str:
        """What a notebook shows: the table."""
        from axon.html.parts import escape, framed, table
        from axon.names import readable

        heads = list(self.rows[0]) if self.rows else ["contestant"]
        rows = [
            [v if isinstance(v, str) else readable(v) for v in row.values()] for row in self.rows
        ]
        said = "".join(f"<p>{escape(s)}</p>" for s in self.said)
        return framed("Leaderboard", table(heads, rows), said, note=self.title)

    def to_pandas(self) -> Any:
        """The rows as a frame of pandas.

        Raises:
            ImportError: pandas is missing.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "Leaderboard.to_pandas needs pandas, which is not installed. Run: pip install "
                "pandas; or use the list of dicts in .rows."
            ) from error
        return pandas.DataFrame(self.rows)


def leaderboard(
    x: Any,
    y: Any,
    *,
    contestants: Sequence[str] | None = None,
    folds: int = 5,
    task: str | None = None,
    time_limit: float | None = None,
    random_state: int = 0,
    said: Callable[[str], None] | None = None,
    quantiles: Sequence[float] | None = None,
    **told: Sequence[str],
) -> Leaderboard:
    """Set AXON's efforts beside other estimators on the same folds, all with their defaults.

    Others are scikit-learn's linear model, RandomForest and HistGradientBoosting, and, where they
    are installed, LightGBM, XGBoost and CatBoost; and a constant answer. They are given the columns
    that AXON found, as numbers and categories, and have as many threads as AXON.

    Args:
        x: a table, as ``read`` takes it.
        y: a target for each row, (n,) or (n, outputs), or the name of a column.
        contestants: names, such as "AXON good" and "LightGBM"; None: all that are installed.
        folds: parts of the rows, each predicted once by who learned from the others.
        task: "classification" or "regression"; None finds out from y.
        time_limit: seconds after which nobody starts any more; what is compared are the folds that
            all have done, or, if that is none, those who have done the first one.
        random_state: of the folds, and of the contestants.
        said: is given a line for each contestant and fold, as they end.
        quantiles: of one target of numbers, to be predicted instead of its mean; those who predict
            none are left out.
        told: what is known of columns, as for the estimators: categorical, numeric, dates, text,
            drop.

    Raises:
        ValueError: a contestant or task is unknown; rows and targets do not fit; too few rows.
        ImportError: a contestant that was asked for is not installed.

    >>> rows = [{"size": i / 10, "colour": "ab"[i % 2]} for i in range(60)]
    >>> board = leaderboard(rows, [i / 20 for i in range(60)], contestants=["linear", "constant"])
    >>> [row["contestant"] for row in board.rows]
    ['linear', 'constant']
    """
    wants = () if quantiles is None else tuple(map(float, quantiles))
    table, targets, task = _asked(read(x), y, task if quantiles is None else "regression")
    goal, codes, classes = _goal(task, targets)
    if quantiles is not None:
        demand_quantiles(wants, codes.reshape(len(codes), -1), OWNER)
        goal = Quantiles(wants)
    names = _names(contestants, bool(wants))
    race = Race(names, goal, time_limit, said or (lambda line: None))
    if contestants is None:
        race.said += [f"{n} predicts no quantiles." for n in _names(None) if n not in names]
    for number, (learn, test) in enumerate(_folds(codes, classes, folds, random_state)):
        parts = (table.taken(learn), codes[learn], table.taken(test), codes[test])
        if not race.run(Trial(*parts, classes, random_state, dict(told), wants), number, folds):
            break
    return race.board(table)


class Race:
    """Contestants on one fold after the other, as long as there is time."""

    def __init__(
        self,
        names: list[str],
        goal: Goal,
        time_limit: float | None,
        said: Callable[[str], None],
    ) -> None:
        self.goal, self.told = goal, said
        self.results: dict[str, list[tuple[dict[str, float], float]]] = {n: [] for n in names}
        self.said: list[str] = []
        self.end = None if time_limit is None else monotonic() + time_limit

    def run(self, split: Trial, number: int, folds: int) -> bool:
        """Let all do a fold; False once the time is over."""
        split.values  # noqa: B018  - read before any clock runs
        names = list(self.results)
        turn = number % max(len(names), 1)
        for name in names[turn:] + names[:turn]:
            if self.end is not None and monotonic() > self.end:
                self.said.append(f"The time was over in fold {number + 1} of {folds}.")
                return False
            try:
                self.results[name].append(self._measured(name, split))
            except Exception as error:  # another library's: a race goes on without it
                self.said.append(f"{name} failed: {type(error).__name__}: {error}"[:300])
                del self.results[name]
                continue
            found, seconds = self.results[name][-1]
            measured = ", ".join(f"{k} {v:.4g}" for k, v in found.items())
            self.told(f"fold {number + 1} of {folds}: {name}: {measured}, {seconds:.2f} s")
        return True

    def _measured(self, name: str, split: Trial) -> tuple[dict[str, float], float]:
        """Scores of a contestant, and seconds."""
        start = perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            p = CONTESTANTS[name].run(split)
        seconds = perf_counter() - start
        p = p.reshape(len(p), -1)
        one, nothing = np.ones(1), np.zeros(1)
        y = wanted(self.goal, split.y_test, p.shape[1], one, nothing)
        found = scores(self.goal, y, p, np.ones(len(p)), one)
        return {score: own for score, (own, _) in found.items()}, seconds

    def board(self, table: Table) -> Leaderboard:
        """What was found on the folds that all have done."""
        done = min((len(r) for r in self.results.values()), default=0)
        for name in [n for n, r in self.results.items() if not r]:
            self.said.append(f"{name} is left out: there was no time for it.")
            del self.results[name]
        rows = [_row(name, r[: max(done, 1)]) for name, r in self.results.items()]
        first = list(rows[0])[1] if rows else ""
        rows.sort(key=lambda row: (float(row[first]), float(row["seconds"])))
        parts = [_count(table.rows, "row"), _count(len(table.names), "column")]
        folds = rows[0]["folds"] if rows else 0
        title = ", ".join([*parts, _count(int(folds), "fold")])
        return Leaderboard(rows, self.said, title)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _row(name: str, results: list[tuple[dict[str, float], float]]) -> Row:
    first = next(iter(results[0][0]))
    means = {score: float(np.mean([r[score] for r, _ in results])) for score in results[0][0]}
    return {
        "contestant": name,
        **means,
        "deviation": float(np.std([r[first] for r, _ in results])),
        "seconds": float(np.mean([seconds for _, seconds in results])),
        "folds": len(results),
    }


def _asked(table: Table, y: Any, task: str | None) -> tuple[Table, Array, str]:
    """The table without its target, the target, and the task."""
    if task is not None and task not in TASKS:
        hint = suggestion(str(task), list(TASKS))
        raise ValueError(f"{OWNER}: task is one of {', '.join(TASKS)}, got {task!r}.{hint}")
    if isinstance(y, str):  # rows whose target is not known are left out
        found = question(table, y, task or "auto")
        return found.table, found.y, found.task
    table, y = parted(OWNER, table, y)
    demand_targets(OWNER, table, y)
    if y.ndim == 2:
        labels = y.dtype.kind in "iub" and np.isin(y, (0, 1)).all()
        return table, y, task or ("classification" if labels else "regression")
    found = question(read({"y": y}), "y", task or "auto")
    return table, found.y, found.task


def _goal(task: str, y: Array) -> tuple[Goal, Array, int]:
    """What is to become small, the targets in numbers, and how many classes there are."""
    if task == "regression":
        return Amounts(), amounts(OWNER, y), 0
    if y.ndim == 2:
        return YesOrNo(), y.astype(np.int64), 2
    names, codes = np.unique(y, return_inverse=True)
    return Classes(), codes.astype(np.int64), len(names)


def _names(contestants: Sequence[str] | None, quantiles: bool = False) -> list[str]:
    """Who takes part."""
    if contestants is None:
        return [n for n, c in CONTESTANTS.items() if c.there and (c.quantiles or not quantiles)]
    names = [contestants] if isinstance(contestants, str) else list(dict.fromkeys(contestants))
    for name in names:
        if name not in CONTESTANTS:
            hint = suggestion(str(name), list(CONTESTANTS))
            raise ValueError(
                f"{OWNER}: there is no contestant {name!r}.{hint} There are: "
                f"{', '.join(CONTESTANTS)}."
            )
        if quantiles and not CONTESTANTS[name].quantiles:
            raise ValueError(f"{OWNER}: {name} predicts no quantiles. Leave it out.")
        if not CONTESTANTS[name].there:
            needs = CONTESTANTS[name].needs
            raise ImportError(
                f"{OWNER}: {name} needs {needs}, which is not installed. Run: pip install {needs}"
            )
    return names


def _folds(y: Array, classes: int, folds: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Rows to learn from and rows to predict, with their share of each class where possible."""
    if not isinstance(folds, int | np.integer) or not 2 <= folds <= len(y):
        raise ValueError(
            f"{OWNER}: folds is a whole number from 2 to the number of rows, {len(y)}; got "
            f"{folds!r}."
        )
    from sklearn.model_selection import KFold, StratifiedKFold

    even = classes and y.ndim == 1 and np.bincount(y).min() >= folds
    splitter = (StratifiedKFold if even else KFold)(folds, shuffle=True, random_state=seed)
    return iter(splitter.split(y, y if even else None))
