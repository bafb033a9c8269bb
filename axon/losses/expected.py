"""What losses and metrics expect of predictions, declared by them in a word and checked here.

A prediction is judged by how it was made, where that says enough (a linear layer gives any number,
sigmoid never does), and by its values otherwise. So what ends a model does not matter: a softmax
behind a scaling, the mean of two, operations of one's own, a network out of a file.
"""

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from axon.activations import ACTIVATIONS
from axon.backend import Array
from axon.bounds import UNKNOWN, Bounds
from axon.core import Tensor
from axon.losses.bounds import bounds, of_array, squashed

NEAR = 1e-3  # how far rounding, or short floats, may take a number beyond its end
SUM = 1e-2  # how far a row of probabilities, which may be rounded, may be from adding up to 1


def demand(what: str, name: str, y_pred: Tensor, y_true: Array | None = None) -> None:
    """Raise ValueError unless predictions are what a loss or metric declares to expect.

    Args:
        what: a key of ``EXPECTED``.
        name: who expects it.
        y_pred: the predictions; the operations that made them are looked at, too.
        y_true: their targets, if they are known.
    """
    demand_varied(name, y_pred)
    EXPECTED[what](name, y_pred)
    if what == "numbers in [0, 1]" and y_true is not None and y_true.shape == y_pred.shape:
        _demand_single(name, y_pred, y_true)


def _demand_single(name: str, y_pred: Tensor, y_true: Array) -> None:
    """Raise ValueError if several targets of a row are yes, but the outputs share a single 1."""
    made, result = origin(y_pred)
    if made != "softmax" or result.shape != y_pred.shape or not _last_axis(result):
        return
    sums = y_true.sum(axis=-1)
    if sums.max() > 1 + SUM:
        row = int(np.argwhere(sums > 1 + SUM)[0][0])
        raise ValueError(
            f"{name}: the targets of sample {row} add up to {sums.max():.4g}, but the model ends "
            "with 'softmax', whose outputs add up to 1. Where several can be true at once, end it "
            "with activation='sigmoid'."
        )


def demand_varied(name: str, y_pred: Tensor) -> None:
    """Raise ValueError if predictions are always the same: softmax over a single output is 1."""
    made, result = origin(y_pred)
    if made in ("softmax", "log_softmax") and result.size:
        axis = result.creator.meta.get("axis", -1)  # type: ignore[union-attr]
        if result.shape[axis] == 1:
            raise ValueError(
                f"{name}: the model ends with {made!r} over a single output, which is "
                f"{'1' if made == 'softmax' else '0'} whatever comes in. For yes or no use "
                "'sigmoid' with BinaryCrossEntropy; for classes an output for each."
            )
    found = bounds(y_pred) if y_pred.creator else UNKNOWN
    if found.low == found.high and "single output" in found.by:
        raise ValueError(
            f"{name}: the model ends with {found.by}, so its predictions are {found.low:g} "
            "whatever comes in. Use 'sigmoid' for yes or no; for classes an output for each."
        )


def demand_chances(name: str, y_pred: Tensor, last: str = "sigmoid") -> None:
    """Raise ValueError if predictions are not probabilities: most likely they are logits."""
    if wrong := _outside(y_pred, 0.0, 1.0):
        raise ValueError(
            f"{name}: expected probabilities between 0 and 1, got {wrong}. End the model with "
            f"activation={last!r}, or use from_logits=True."
        )


def demand_shares(name: str, y_pred: Tensor) -> None:
    """Raise ValueError unless each row holds probabilities of classes of which one is true."""
    demand_chances(name, y_pred, "softmax")
    made, result = origin(y_pred)
    if made == "softmax" and result.shape == y_pred.shape and _last_axis(result):
        return
    sums = y_pred.data.sum(axis=-1, dtype=np.float64)
    low, high = of_array(sums)
    if made in ACTIVATIONS and squashed(result):
        got = f"those of {made}, each for itself"
    elif low < 1 - SUM or high > 1 + SUM:
        got = f"rows that add up to {_span(low, high)}"
    else:
        return
    raise ValueError(
        f"{name}: the probabilities of each sample must add up to 1, got {got}. End the model "
        "with activation='softmax'; where several classes can be true at once, use "
        "BinaryCrossEntropy."
    )


def demand_logit(name: str, y_pred: Tensor) -> None:
    """Raise ValueError if logits of yes or no are probabilities: they would count twice."""
    _demand_no_probabilities(name, y_pred)


def demand_logits(name: str, y_pred: Tensor) -> None:
    """Raise ValueError if logits of classes are probabilities: they would count twice."""
    _demand_no_probabilities(name, y_pred)
    p = y_pred.data
    if y_pred.creator is None or bounds(y_pred).exact:  # a linear layer may begin with such rows
        return
    if len(p) < 2 or p.shape[-1] < 2 or not (p >= 0).all():
        return
    if np.abs(p.sum(axis=-1, dtype=np.float64) - 1).max() < NEAR / 10 and np.ptp(p) > NEAR:
        raise _already(name, "rows that add up to 1")


def _demand_no_probabilities(name: str, y_pred: Tensor) -> None:
    made, _ = origin(y_pred)
    found = bounds(y_pred) if y_pred.creator else Bounds(-inf, inf)
    if found.low >= 0 and found.high <= 1:
        raise _already(name, repr(made) if made in ACTIVATIONS else "numbers between 0 and 1")


def _already(name: str, got: str) -> ValueError:
    return ValueError(
        f"{name}: from_logits=True, but the model ends with {got}, whose results are "
        "probabilities. Leave one of the two out."
        if got.startswith("'")
        else f"{name}: from_logits=True, but the predictions are probabilities: {got}. Leave "
        "from_logits out."
    )


def demand_parts(name: str, y_pred: Tensor) -> None:
    """Raise ValueError if parts of a mask do not lie between 0 and 1."""
    if wrong := _outside(y_pred, 0.0, 1.0):
        raise ValueError(
            f"{name}: expected numbers between 0 and 1, got {wrong}. End the model with "
            "activation='sigmoid', or 'softmax' where classes compete."
        )


def demand_logarithms(name: str, y_pred: Tensor) -> None:
    """Raise ValueError if predictions are, or may be, no logarithms of probabilities."""
    if wrong := _outside(y_pred, -inf, 0.0):
        raise ValueError(
            f"{name}: expected logarithms of probabilities, 0 or less, got {wrong}. End the model "
            "with activation='log_softmax', or use CategoricalCrossEntropy."
        )


def demand_rates(name: str, y_pred: Tensor) -> None:
    """Raise ValueError if predictions are, or may be, negative."""
    if wrong := _outside(y_pred, 0.0, inf, near=0.0):
        raise ValueError(
            f"{name}: expected rates of 0 or more, got {wrong}. End the model with "
            "activation='softplus'."
        )


def demand_sides(name: str, y_pred: Tensor) -> None:
    """Raise ValueError if predictions can't be negative, so that nothing can be on that side."""
    found = bounds(y_pred) if y_pred.creator else Bounds(-inf, inf)
    if found.low >= 0:
        raise ValueError(
            f"{name}: expected numbers of either sign, got those of {found.by or 'a model'}, which "
            "are never negative. End the model without an activation, or with 'tanh'."
        )


def demand_nothing(name: str, y_pred: Tensor) -> None:
    """Take any numbers."""


EXPECTED: dict[str, Callable[[str, Tensor], None]] = {
    "numbers": demand_nothing,
    "numbers in [0, 1]": demand_chances,
    "rows that add up to 1": demand_shares,
    "logits of yes or no": demand_logit,
    "logits of classes": demand_logits,
    "parts of a mask": demand_parts,
    "logarithms of probabilities": demand_logarithms,
    "numbers of 0 or more": demand_rates,
    "numbers of either sign": demand_sides,
}


def origin(tensor: Tensor) -> tuple[str, Tensor]:
    """The primitive that made a tensor, and what it made; other views of it are looked through."""
    while (creator := tensor.creator) is not None:
        if not creator.primitive.facts.hands_on:
            return str(creator.primitive.name), tensor
        tensor = creator.inputs[0]
    return "", tensor


def _outside(y_pred: Tensor, low: float, high: float, near: float = NEAR) -> str:
    """What is wrong, in words, if predictions lie, or may lie, outside of two ends; else ""."""
    found = bounds(y_pred) if y_pred.creator else Bounds(-inf, inf, False)
    if found.low >= low - near and found.high <= high + near:
        return ""
    if found.exact:
        return f"those of {found.by}"
    least, most = of_array(y_pred.data)
    if (least >= low - near and most <= high + near) or np.isnan(least):
        return ""
    return f"values from {_span(least, most)}" if high < inf else f"{least:.4g}"


def _span(low: float, high: float) -> str:
    return f"{low:.4g} to {high:.4g}" if low != high else f"{low:.4g}"


def _last_axis(result: Tensor) -> bool:
    axis: Any = result.creator.meta.get("axis", -1)  # type: ignore[union-attr]
    return axis in (-1, result.ndim - 1)
