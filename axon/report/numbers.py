"""Sections about predicted numbers: how far they are off, where, and beside a constant answer."""

from collections.abc import Iterator, Sequence

import numpy as np

from axon.backend import Array
from axon.html.marks import columns, points
from axon.html.parts import table
from axon.metrics.scores import errors
from axon.names import readable
from axon.report.page import Section, charts, section

DRAWN, OUTPUTS, BINS = 400, 4, 24  # points; outputs that are drawn; columns of a histogram


def of_numbers(
    truth: Array, guesses: Array, names: Sequence[str], prefix: str = ""
) -> Iterator[Section]:
    """Errors, true and predicted values, and residuals.

    Args:
        truth: (n, ...) numbers.
        guesses: of the same shape.
        names: of the outputs.
        prefix: before the headings.
    """
    y, p = (v.reshape(len(v), -1).astype(np.float64) for v in (truth, guesses))
    yield section(f"{prefix}Errors", _errors(y, p, names), note=ERRORS)
    kept = range(min(y.shape[1], OUTPUTS))
    some = f" Of {y.shape[1]} outputs the first {OUTPUTS}." if y.shape[1] > OUTPUTS else ""
    pairs = [_pairs(y[:, k], p[:, k], names[k], y.shape[1] > 1) for k in kept]
    note = f"Points on the dashed line are predicted exactly.{some}"
    yield section(f"{prefix}True and predicted values", charts(*pairs), note=note)
    left = [_residuals(y[:, k], p[:, k], names[k], y.shape[1] > 1) for k in kept]
    yield section(
        f"{prefix}Residuals",
        charts(*(chart for both in left for chart in both)),
        note=f"Predicted minus true: symmetric around 0 if nothing is left to learn.{some}",
    )


ERRORS = (
    "R² is the share of the variance that is explained: 1 at best, 0 for predicting the mean. RMSE "
    "weighs large errors more than the mean error does."
)


def _errors(y: Array, p: Array, names: Sequence[str]) -> str:
    rows = []
    for k, name in enumerate(names[: y.shape[1]]):
        found = errors(y[:, k : k + 1], p[:, k : k + 1])
        mean = float(y[:, k].std())
        r2 = "–" if np.isnan(found.r2) else f"{found.r2:.3f}"
        sizes = (found.root_mean_squared_error, mean, found.mean_absolute_error)
        rows.append([name, r2, *map(readable, sizes), readable(float(y[:, k].mean()))])
    return table(["output", "R²", "RMSE", "RMSE of the mean", "mean error", "mean"], rows)


def _pairs(y: Array, p: Array, name: str, several: bool) -> str:
    pick = np.linspace(0, len(y) - 1, min(len(y), DRAWN)).astype(int)
    rows = zip(pick.tolist(), y[pick].tolist(), p[pick].tolist(), strict=True)
    said = [f"row {i + 1}: true {readable(a)}, predicted {readable(b)}" for i, a, b in rows]
    about = f"true and predicted values of output {name}"
    return points(
        y[pick].tolist(),
        p[pick].tolist(),
        said,
        about,
        name if several else "",
        x_name="true",
        y_name="predicted",
        guide="diagonal",
    )


def _residuals(y: Array, p: Array, name: str, several: bool) -> tuple[str, str]:
    off = p - y
    pick = np.linspace(0, len(y) - 1, min(len(y), DRAWN)).astype(int)
    rows = zip(pick.tolist(), p[pick].tolist(), off[pick].tolist(), strict=True)
    said = [f"row {i + 1}: predicted {readable(a)}, off by {readable(b)}" for i, a, b in rows]
    title = name if several else ""
    over = points(
        p[pick].tolist(),
        off[pick].tolist(),
        said,
        f"residuals of output {name} over predictions",
        title,
        x_name="predicted",
        y_name="predicted minus true",
        guide="zero",
    )
    good = off[np.isfinite(off)]
    low, high = np.quantile(good, (0.005, 0.995)) if len(good) else (0.0, 1.0)
    counts, edges = np.histogram(good, BINS, (float(low), float(high)) if high > low else None)
    about = f"how often residuals of output {name} are so large"
    spread = columns(
        edges.tolist(), counts.tolist(), about, title, x_name="predicted minus true", zero=True
    )
    return over, spread
