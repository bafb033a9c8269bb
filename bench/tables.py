"""python -m bench.tables [FOLDER...]: AXON's table estimators beside others', on real tables.

Each table is split five times, a fifth of its rows to test on; all have their defaults, one thread,
and take turns on each split. Written to bench/tables.md: the median loss of each table, ranks, the
share of the best loss, accuracy or R2, seconds, and how far average ranks must be apart to differ.

A folder holds CSV files (also .gz), the target in the last column, an empty cell for a gap. With
``--results FILE`` each measurement is kept there at once, and none is made twice: an interrupted
run goes on, and a contestant that changed is measured again by ``--again NAME`` alone.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import NamedTuple

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "AXON_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before NumPy is loaded

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

from axon.tabular.contestants import Trial  # noqa: E402
from bench.contestants import CONTESTANTS  # noqa: E402

WRITTEN = Path(__file__).with_name("tables.md")
CLASSES = 20  # a target of so few whole numbers is one of classes
TINY = 1e-7  # the least that a probability counts as
SMALL = 1_000  # rows: tables of fewer are ranked for themselves
Q = {2: 1.960, 3: 2.344, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}
HEAD = "Written by `python -m bench.tables`: {} tables, {} splits, one thread, defaults{}."
ALL = 10**9  # rows to learn from: no limit


class Result(NamedTuple):
    """What one contestant did on one split."""

    loss: float  # log-loss, or root mean squared error
    score: float  # accuracy, or R2
    cpu: float
    wall: float


Results = dict[str, dict[str, list[Result]]]  # table -> contestant -> splits


def load(path: Path) -> tuple[pd.DataFrame, np.ndarray, int]:
    """Rows, targets, and how many classes: 0 if the target is a number."""
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    x, y = frame.iloc[:, :-1], frame.iloc[:, -1]
    number = pd.api.types.is_numeric_dtype(y)
    if number and (y.nunique() > CLASSES or (y % 1).any()):
        return x, y.to_numpy(float), 0
    codes = pd.factorize(y, sort=True)[0]
    return x, codes, int(codes.max()) + 1


def split(path: Path, seed: int, most: int) -> Trial:
    """A fifth of the rows to test on, the others, at most so many, to learn from."""
    x, y, classes = load(path)
    alike = y if classes and np.bincount(y).min() > 1 else None
    learn, test = train_test_split(range(len(y)), test_size=0.2, random_state=seed, stratify=alike)
    parts = (learn[:most], test)
    (x, y), (x_test, y_test) = ((x.iloc[i].reset_index(drop=True), y[i]) for i in parts)
    made = Trial(x, y, x_test, y_test, classes, seed)
    made.values  # noqa: B018  - read before any clock runs, for those who do not read themselves
    return made


def judged(task: Trial, answers: np.ndarray) -> tuple[float, float]:
    """Loss and score of what was predicted."""
    y = task.y_test
    if not task.classes:
        error = float(np.sqrt(np.mean((y - answers) ** 2)))
        return error, 1 - error**2 / float(np.var(y))
    p = np.clip(np.asarray(answers, float), TINY, 1)
    p /= p.sum(axis=1, keepdims=True)
    return float(-np.log(p[range(len(y)), y]).mean()), float((p.argmax(axis=1) == y).mean())


def measure(name: str, task: Trial) -> Result:
    """Let one contestant fit and predict; one that fails is told, and is the last."""
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        result = judged(task, CONTESTANTS[name].run(task))
    except Exception as error:
        print(f"{name} failed: {type(error).__name__}: {error}"[:300], flush=True)
        result = np.inf, -np.inf
    return Result(*result, time.process_time() - cpu, time.perf_counter() - wall)


class Record:
    """What was measured so far, in a file, if one is named.

    Args:
        path: of a JSON file; None keeps nothing.
        rows: how many a contestant may learn from: other numbers are other measurements.
        again: contestants whose earlier measurements do not count.
    """

    def __init__(self, path: Path | None, rows: int, again: list[str]) -> None:
        self.path, self.rows = path, rows
        found = json.loads(path.read_text()) if path and path.exists() else {}
        self.known = {k: v for k, v in found.items() if k.split("|")[2] not in again}

    def result(self, table: str, seed: int, name: str, task: Callable[[], Trial]) -> Result:
        """What a contestant did on a split: known, or measured now."""
        key = f"{table}|{seed}|{name}|{self.rows}"
        if key not in self.known:
            self.known[key] = list(measure(name, task()))
            if self.path:
                self.path.write_text(json.dumps(self.known, indent=0))
        return Result(*self.known[key])


# ------------------------------------------------------------------------------------ the report


def middle(results: list[Result], what: str) -> float:
    return median(getattr(r, what) for r in results)


def ranks(values: list[float]) -> np.ndarray:
    """Places, 1 for the smallest; equal ones share theirs."""
    return pd.Series(values).rank().to_numpy()


def summary(results: Results, names: list[str], title: str) -> list[str]:
    """Average ranks, shares of the best, seconds: a line for each contestant."""
    if not results:
        return []
    losses = [[middle(r[n], "loss") for n in names] for r in results.values()]
    scores = [[-middle(r[n], "score") for n in names] for r in results.values()]
    by_loss, by_score = (np.mean([ranks(row) for row in v], axis=0) for v in (losses, scores))
    share = np.array([min(row) / np.maximum(row, TINY) for row in losses])
    cpu, wall = (
        [[middle(r[n], w) for n in names] for r in results.values()] for w in ("cpu", "wall")
    )
    rows = zip(
        names,
        by_loss,
        by_score,
        share.mean(axis=0),
        share.min(axis=0),
        np.median(cpu, axis=0),
        np.median(wall, axis=0),
        strict=True,
    )
    lines = [f"## {title}: {len(results)} tables", ""]
    lines += ["| | rank by loss | by score | share of the best loss | worst | CPU s | wall s |"]
    lines += ["|---|--:|--:|--:|--:|--:|--:|"]
    for n, a, b, c, d, e, f in sorted(rows, key=lambda row: row[1]):
        lines.append(f"| {n} | {a:.2f} | {b:.2f} | {c:.3f} | {d:.2f} | {e:.2f} | {f:.2f} |")
    k = len(names)
    if k in Q:
        apart = Q[k] * (k * (k + 1) / (6 * len(results))) ** 0.5
        lines += ["", f"Average ranks less than {apart:.2f} apart do not differ (Nemenyi, 5 %)."]
    return [*lines, ""]


def each(results: Results, names: list[str], what: str, title: str) -> list[str]:
    """The median of one measure, a line for each table."""
    lines = [
        f"## {title}",
        "",
        "| | " + " | ".join(names) + " |",
        "|---" + "|--:" * len(names) + "|",
    ]
    for table, found in results.items():
        values = [f"{middle(found[n], what):.4g}" for n in names]
        lines.append(f"| {table} | " + " | ".join(values) + " |")
    return [*lines, ""]


def report(
    results: Results, sizes: dict[str, int], names: list[str], splits: int, rows: int = ALL
) -> str:
    """All of it as Markdown."""
    larger = {t: r for t, r in results.items() if sizes[t] >= SMALL}
    smaller = {t: r for t, r in results.items() if sizes[t] < SMALL}
    limit = "" if rows == ALL else f", at most {rows:,} rows to learn from"
    lines = ["# Tables", "", HEAD.format(len(results), splits, limit), ""]
    lines += summary(larger, names, f"{SMALL:,} rows and more")
    lines += summary(smaller, names, "Fewer rows")
    lines += each(results, names, "loss", "Log-loss, or root mean squared error")
    lines += each(results, names, "score", "Accuracy, or R2")
    lines += each(results, names, "cpu", "CPU seconds")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    data = os.environ.get("AXON_DATA_DIR", ".")
    parser.add_argument("folders", nargs="*", type=Path, default=[Path(data) / "tables"])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--rows", type=int, default=ALL, help="to learn from, at most")
    parser.add_argument("--only", default="", help="contestants, with commas between")
    parser.add_argument("--tables", default="", help="tables, with commas between")
    parser.add_argument("--write", type=Path, default=WRITTEN)
    parser.add_argument("--results", type=Path, help="keeps what was measured; none is made twice")
    parser.add_argument("--again", default="", help="contestants to measure again, with commas")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    wanted = [n for n in given.only.split(",") if n] or list(CONTESTANTS)
    names = [n for n in wanted if find_spec(CONTESTANTS[n].needs)]
    paths = [p for folder in given.folders for p in sorted(folder.glob("*.csv*"))]
    chosen = [
        p for p in paths if not given.tables or p.name.split(".")[0] in given.tables.split(",")
    ]
    record = Record(given.results, given.rows, given.again.split(","))
    results: Results = {}
    sizes: dict[str, int] = {}
    for path in chosen:
        table = path.name.split(".csv")[0]
        found: dict[str, list[Result]] = {n: [] for n in names}
        for seed in range(given.splits):
            task = cache(partial(split, path, seed, given.rows))
            for name in names[seed % len(names) :] + names[: seed % len(names)]:
                found[name].append(record.result(table, seed, name, task))
        results[table], sizes[table] = found, len(load(path)[1])
        told = ", ".join(f"{n} {middle(found[n], 'loss'):.4g}" for n in names)
        print(f"{table}: {told}", flush=True)
        given.write.write_text(report(results, sizes, names, given.splits, given.rows) + "\n")


if __name__ == "__main__":
    main()
