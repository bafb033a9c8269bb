"""What a model makes of data: guesses beside the truth, counted by class."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from axon import losses
from axon.backend import Array
from axon.callbacks import History
from axon.core import TensorLike
from axon.inspect.profile import Profile
from axon.inspect.summary import Summarized
from axon.layers.model_like import CompiledModel
from axon.metrics.scores import ClassScore, class_scores, confusion, probabilities, which_count
from axon.plot.figure import Figure
from axon.program import Program

CLASSES = (losses.CategoricalCrossEntropy, losses.CategoricalFocalCrossEntropy)
YES_OR_NO = (losses.BinaryCrossEntropy, losses.BinaryFocalCrossEntropy)


Samples = TensorLike | Sequence[TensorLike] | Mapping[str, TensorLike]  # one input, or several


class ReportedModel(Summarized, CompiledModel, Protocol):
    """A compiled model, and what is told about it."""

    history: History | None
    metadata: dict[str, Any]

    @property
    def loss(self) -> losses.Loss:
        """What it was compiled with."""

    @property
    def trainer(self) -> Any:
        """What trains it; RuntimeError if it is not compiled."""

    @property
    def program(self) -> Program:
        """What ran last; RuntimeError if nothing was recorded."""

    def evaluate(self, x: Any, y: Any, *, return_dict: bool) -> Mapping[str, float | Array]:
        """Loss and metrics by name."""

    def flat(self, made: Any) -> list[Any]:
        """The outputs in a list."""

    def profile(self, x: Any, y: Any, batch_size: int) -> Profile:
        """Where the time of a step goes."""

    def plot(self) -> Figure:
        """Its layers, and what flows between them."""

    def count_params(self) -> int:
        """How many numbers it has."""


class Results:
    """Predictions of one output, and which kind of task they belong to.

    Args:
        outputs: what was predicted.
        targets: what should have been.
        loss: what the output was trained by.
        counts: (n,) False for padding, and for labels that the loss ignores.
        class_names: what the classes are called.
        output: the name of the output, if there are several.

    Attributes:
        task: "classes", one of several or of two; "labels", each yes or no; or "numbers".
        truth: (n,) classes, or targets.
        guesses: (n,) classes, or what was predicted.
        counts: (n,) False for padding, and for labels that the loss ignores.
        probabilities: (n, classes) of each class, or None.
        names: of the classes, or of the outputs.
        output: the name of the output, or "".
    """

    def __init__(
        self,
        outputs: Array,
        targets: Array,
        loss: losses.Loss,
        counts: Array,
        class_names: Sequence[str] | None = None,
        output: str = "",
    ) -> None:
        self.counts, self.output = counts, output
        self.probabilities: Array | None = None
        self.task = "numbers"
        logits = bool(getattr(loss, "from_logits", False))
        yes_or_no = isinstance(loss, YES_OR_NO)
        if isinstance(loss, CLASSES):
            rows = outputs.reshape(-1, outputs.shape[-1])
            self._classes(_labels(targets, outputs), probabilities(rows, logits))
        elif yes_or_no and outputs.shape[1:] in ((), (1,)):
            self._classes(targets.reshape(-1).astype(np.int64), probabilities(outputs, logits))
        else:
            self.truth, self.guesses = targets.reshape(outputs.shape), outputs
            if not self.counts.all():
                pairs = (v.reshape(len(self.counts), -1) for v in (self.truth, self.guesses))
                self.truth, self.guesses = (v[self.counts] for v in pairs)
                self.counts = self.counts[self.counts]
            if yes_or_no and outputs.ndim == 2:
                self.task, self.guesses = "labels", self.guesses > (0 if logits else 0.5)
        width = 2 if self.task == "classes" and yes_or_no else outputs.shape[-1]
        given = list(class_names or [])
        numbered = [str(i) for i in range(width)]
        if self.task == "numbers" and width == 1:
            numbered = [output or "prediction"]
        self.names = given if len(given) == width else numbered

    def _classes(self, truth: Array, shares: Array) -> None:
        self.task, self.truth, self.probabilities = "classes", truth, shares
        self.guesses = shares.argmax(axis=1)

    @property
    def wrong(self) -> Array:
        """The numbers of the samples whose class was not found, most confident mistakes first."""
        assert self.probabilities is not None
        wrong = np.flatnonzero((self.guesses != self.truth) & self.counts)
        confidence = self.probabilities[wrong].max(axis=1)
        return wrong[np.argsort(-confidence, kind="stable")]

    def per_class(self) -> dict[str, ClassScore]:
        """How well each class, or label, is found."""
        if self.task == "classes":
            kept = self.truth[self.counts], self.guesses[self.counts]
            matrix = confusion(*kept, len(self.names))
            found = class_scores(matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1))
        else:
            true, called = self.truth > 0.5, self.guesses
            found = class_scores((true & called).sum(0), called.sum(0), true.sum(0))
        return dict(zip(self.names, found, strict=True))


def results_of(
    model: ReportedModel, x: Samples, y: Any, class_names: Sequence[str] | None = None
) -> list[Results]:
    """What a model makes of data, for each output that has a loss.

    Args:
        model: compiled.
        x: samples (n, ...), as ``evaluate`` takes them.
        y: their targets.
        class_names: what the classes are called.
    """
    trainer, predicted = model.trainer, model.predict(x)
    if trainer.names is None:
        outputs, targets = np.asarray(predicted), np.asarray(y)
        mask = model.compute_mask(x)
        counts = which_count(outputs, targets, mask, model.loss.ignored)
        return [Results(outputs, targets, model.loss, counts, class_names)]
    found, flat = [], model.flat(predicted)
    for head in trainer.heads:
        outputs = np.asarray(flat[head.number])
        targets = np.asarray(y[head.name] if isinstance(y, Mapping) else y[head.number])
        counts = which_count(outputs, targets, None, head.loss.ignored)
        found.append(Results(outputs, targets, head.loss, counts, class_names, head.name))
    return found


def _labels(targets: Array, outputs: Array) -> Array:
    """Classes, from classes or from one-hot rows."""
    rows = targets.argmax(axis=-1) if targets.shape == outputs.shape else targets
    return rows.reshape(-1).astype(np.int64)
