"""What a model makes of data: guesses beside the truth, counted by class."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from axon import losses
from axon.backend import Array

CLASSES = (losses.CategoricalCrossEntropy, losses.CategoricalFocalCrossEntropy)
YES_OR_NO = (losses.BinaryCrossEntropy, losses.BinaryFocalCrossEntropy)


class Results:
    """Loss and metrics, predictions, and which kind of task they belong to.

    Args:
        model: compiled.
        x: samples (n, ...), as ``evaluate`` takes them.
        y: their targets.
        class_names: what the classes are called.

    Attributes:
        measured: loss and metrics by name.
        kind: "classes", one of several or of two; "labels", each yes or no; or "numbers".
        truth: (n,) classes, or y.
        guesses: (n,) classes, or what was predicted.
        counts: (n,) False for padding, and for labels that the loss ignores.
        probabilities: (n, classes) of each class, or None.
        names: of the classes, or of the outputs.
    """

    def __init__(
        self, model: Any, x: Any, y: Any, class_names: Sequence[str] | None = None
    ) -> None:
        self.x = x
        self.measured: dict[str, Any] = model.evaluate(x, y, return_dict=True)
        self.probabilities: Array | None = None
        outputs, targets, loss = model.predict(x), np.asarray(y), model.loss
        self.counts = _counts(model, x, targets, outputs)
        logits = bool(getattr(loss, "from_logits", False))
        yes_or_no = isinstance(loss, YES_OR_NO)
        self.kind = "numbers"
        if isinstance(loss, CLASSES):
            rows = outputs.reshape(-1, outputs.shape[-1])
            self._classes(_labels(targets, outputs), _softmax(rows) if logits else rows)
        elif yes_or_no and outputs.shape[1:] in ((), (1,)):
            yes = outputs.reshape(-1, 1)
            yes = _sigmoid(yes) if logits else yes
            self._classes(targets.reshape(-1).astype(np.int64), np.hstack([1 - yes, yes]))
        else:
            self.truth, self.guesses = targets.reshape(outputs.shape), outputs
            if not self.counts.all():
                pairs = (v.reshape(len(self.counts), -1) for v in (self.truth, self.guesses))
                self.truth, self.guesses = (v[self.counts] for v in pairs)
                self.counts = self.counts[self.counts]
            if yes_or_no and outputs.ndim == 2:
                self.kind, self.guesses = "labels", outputs > (0 if logits else 0.5)
        width = 2 if self.kind == "classes" and yes_or_no else outputs.shape[-1]
        given = list(class_names or [])
        self.names = given if len(given) == width else [str(i) for i in range(width)]

    def _classes(self, truth: Array, probabilities: Array) -> None:
        self.kind, self.truth, self.probabilities = "classes", truth, probabilities
        self.guesses = probabilities.argmax(axis=1)

    @property
    def wrong(self) -> Array:
        """The numbers of the samples whose class was not found, most confident mistakes first."""
        assert self.probabilities is not None
        wrong = np.flatnonzero((self.guesses != self.truth) & self.counts)
        confidence = self.probabilities[wrong].max(axis=1)
        return wrong[np.argsort(-confidence, kind="stable")]

    def per_class(self) -> list[list[Any]]:
        """Name, precision, recall, F1 and number of samples of each class or label."""
        width = len(self.names)
        if self.kind == "classes":
            kept = self.truth[self.counts], self.guesses[self.counts]
            true, guess = (np.eye(width, dtype=bool)[i] for i in kept)
        else:
            true, guess = self.truth > 0.5, self.guesses
        hits, called, actual = (true & guess).sum(0), guess.sum(0), true.sum(0)
        counts = zip(self.names, hits, called, actual, strict=True)
        return [
            [n, _ratio(h, c), _ratio(h, a), _ratio(2 * h, c + a), int(a)] for n, h, c, a in counts
        ]


def _counts(model: Any, x: Any, targets: Array, outputs: Array) -> Array:
    """Which rows count: samples, or steps if each of them is an output."""
    rows = outputs.shape[:-1] if outputs.ndim > 1 else outputs.shape
    real, counts = model.compute_mask(x), np.ones(rows, bool)
    if real is not None and real.ndim > counts.ndim:
        counts = np.ones(real.shape, bool)
    if real is not None:
        counts &= real.reshape(*real.shape, *(1,) * (counts.ndim - real.ndim))
    if model.loss.ignored is not None:
        counts &= targets != model.loss.ignored
    return counts.reshape(-1)


def _labels(targets: Array, outputs: Array) -> Array:
    """Classes, from classes or from one-hot rows."""
    rows = targets.argmax(axis=-1) if targets.shape == outputs.shape else targets
    return rows.reshape(-1).astype(np.int64)


def _sigmoid(logits: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits))


def _softmax(logits: Array) -> Array:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def _ratio(part: float, whole: float) -> str:
    return f"{part / whole:.3f}" if whole else "–"
