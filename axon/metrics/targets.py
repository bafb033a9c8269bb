"""What metrics of classes presuppose of targets: labels, one-hot rows, or yes and no."""

import numpy as np

from axon.backend import Array, Shape
from axon.losses.base import Loss, same_shape
from axon.losses.expected import SUM

NEAR = 1e-3  # how far short floats may be from 0 and 1
NO_CLASSES = (
    "Numbers are no classes: for those watch 'mae', 'rmse' or 'r2'. Classes are numbered by "
    "np.unique(y, return_inverse=True)."
)


def demand_classes(name: str, y_true: Array, output_shape: Shape) -> None:
    """Raise ValueError unless targets are labels (n, ...) or one-hot rows (n, ..., classes).

    Rows may also be probabilities, or tell one class from all others in two numbers, as -1 and 1.

    Args:
        name: of the metric.
        y_true: the targets.
        output_shape: of the predictions (n, ..., classes).
    """
    if y_true.shape == (*output_shape[:-1], 1):  # a column of labels, as tables hold them
        y_true = y_true[..., 0]
    if y_true.ndim < len(output_shape):
        same_shape(name, y_true, output_shape[:-1])
        _demand_labels(name, y_true, output_shape[-1])
        return
    rows = same_shape(name, y_true, output_shape)
    if rows.size and not (_shares(rows) | _one_apart(rows)).all():
        row = rows[~(_shares(rows) | _one_apart(rows))][0]
        raise ValueError(
            f"{name}: targets of shape {y_true.shape} must be one-hot rows, or probabilities that "
            f"add up to 1, got the row {np.array2string(row, precision=4, threshold=6)}. "
            f"{NO_CLASSES}"
        )


def _demand_labels(name: str, labels: Array, classes: int) -> None:
    wrong = (labels < 0) | (labels >= classes)
    if labels.dtype.kind == "f":
        wrong |= labels != np.floor(labels)
    if wrong.any():
        raise ValueError(
            f"{name}: targets must be labels from 0 to {classes - 1}, whole numbers, since there "
            f"are {classes} outputs, got {labels[wrong][0]:.6g}. {NO_CLASSES}"
        )


def _shares(rows: Array) -> Array:
    """Which rows are probabilities, one-hot ones included."""
    sums = rows.sum(axis=-1, dtype=np.float64)
    return (np.abs(sums - 1) < SUM) & (rows.min(axis=-1) > -NEAR)


def _one_apart(rows: Array) -> Array:
    """Which rows hold one number for all classes but one, and a larger one for that."""
    most, least = rows.max(axis=-1, keepdims=True), rows.min(axis=-1, keepdims=True)
    return ((rows == least).sum(axis=-1) == rows.shape[-1] - 1) & (most > least)[..., 0]


def demand_yes_or_no(
    name: str, y_true: Array, output_shape: Shape, loss: Loss | None = None, sides: bool = False
) -> None:
    """Raise ValueError unless targets, one for each output, are 0 and 1.

    Two numbers as far from 0 as from 1, such as 0.1 and 0.9, mean 0 and 1 less surely.

    Args:
        name: of the metric.
        y_true: the targets.
        output_shape: of the predictions.
        loss: if it takes any number between 0 and 1, such will do.
        sides: -1 and 1 will do, too.
    """
    y = same_shape(name, y_true, output_shape)
    if y.dtype.kind == "b" or not y.size or ((y == 0) | (y == 1)).all():
        return
    if sides and ((y == -1) | (y == 1)).all():
        return
    low, high = float(y.min()), float(y.max())
    less_sure = abs(low + high - 1) < NEAR and bool(((y == y.min()) | (y == y.max())).all())
    if low >= 0 and high <= 1 and (less_sure or (loss is not None and loss.soft)):
        return
    first = y[(y != 0) & (y != 1)].flat[0]
    hint = NO_CLASSES
    if ((y == -1) | (y == 1)).all():
        hint = "Use (y + 1) / 2, or BinaryAccuracy(threshold=0) for outputs of either sign."
    raise ValueError(f"{name}: targets must be 0 and 1, no and yes, got {first:.6g}. {hint}")


def demand_cut(name: str, cut: float | None, loss: Loss | None, use: str) -> None:
    """Raise ValueError if outputs above 0.5 are called yes, but those of the loss begin at 0.

    Args:
        name: of the metric.
        cut: where yes begins for it; None if outputs compete.
        loss: that is used beside it, if there is one.
        use: what to write instead.
    """
    if loss is not None and loss.yes_from == 0 and cut == 0.5:
        raise ValueError(
            f"{name}: outputs above 0.5 count as yes, but beside {loss!r} they are no "
            f"probabilities: yes begins at 0. Use {use}."
        )
