"""The training loop: one for ``fit`` and ``train``; and the three steps that models replay."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from axon.backend import FLOAT, Array
from axon.callbacks import Callback, Logs
from axon.core import Tensor
from axon.losses import Loss
from axon.metrics import Mean, Metric
from axon.models.data import Batches
from axon.optimizers import Optimizer
from axon.program import Program, Step


class Trainer:
    """What ``compile`` makes: loss, optimizer and metrics, joined with a model into steps."""

    def __init__(
        self, model: Any, loss: Loss, optimizer: Optimizer, metrics: Sequence[Metric], eager: bool
    ) -> None:
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.metrics, self.mean_loss = list(metrics), Mean("loss")
        names = ["x", "y", "w"]
        self.train = Step("train", self._train, names, self._labels, eager)
        self.test = Step("evaluate", self._test, names, self._labels, eager)

    # -------------------------------------------------------------------- what is recorded

    def _train(self, x: Tensor, y: Tensor, w: Tensor | None = None) -> list[Tensor]:
        """Forward, backward and update, in one program."""
        self.optimizer.zero_grad()
        loss = self._measure(x, y, w)
        loss.backward()
        self.optimizer.step()
        return [loss]

    def _test(self, x: Tensor, y: Tensor, w: Tensor | None = None) -> list[Tensor]:
        """Forward only."""
        return [self._measure(x, y, w)]

    def _measure(self, x: Tensor, y: Tensor, w: Tensor | None) -> Tensor:
        y_pred = self.model.forward(x)
        loss: Tensor = self.loss.loss(y, y_pred, w)
        self.mean_loss.add(loss.detach() * float(len(x)), Tensor(np.float64(len(x))))
        for metric in self.metrics:
            metric.update(y, y_pred.detach(), w)
        return loss

    def _labels(self) -> dict[int, str]:
        """Names for the tensors that outlive a step, for printing programs."""
        labels = {id(self.optimizer._rate): "learning_rate"}
        labels[id(self.optimizer.iterations)] = "iterations"
        for path, p in self.model.named_parameters().items():
            labels[id(p)] = path
            if p.home is not None:
                labels[id(p.home)] = f"{path}.grad"
        for group in self.optimizer.groups:
            labels[id(group.memory.values)] = "parameters"
            labels[id(group.memory.gradients)] = "gradients"
            labels.update((id(t), name) for name, t in group.state.items())
        for metric in (self.mean_loss, *self.metrics):
            labels[id(metric._total)] = f"{metric.name}.total"
            labels[id(metric._count)] = f"{metric.name}.count"
        return labels

    # -------------------------------------------------------------------- running it

    def batch(self, step: Step, batches: Batches, start: int, stop: int) -> float:
        """Run one step on one batch and return its loss."""
        dtypes = [self.model.input_dtype, *(c.dtype for c in batches.columns[1:])]
        slots = step.inputs(*batches.specs(stop - start, dtypes))
        batches.fill(start, stop, slots)
        trained = tuple(p.requires_grad for p in self.optimizer.parameters)
        return float(step.run(slots, trained)[0])

    def epoch(self, step: Step, batches: Batches, callbacks: Sequence[Callback] = ()) -> Logs:
        """Run a step on every batch and return the means."""
        for metric in (self.mean_loss, *self.metrics):
            metric.reset()
        batches.shuffle()
        for number, (start, stop) in enumerate(batches.bounds()):
            self.batch(step, batches, start, stop)
            for callback in callbacks:
                callback.on_train_batch_end(number, self.logs())
        return self.logs()

    def logs(self) -> Logs:
        """The means so far, by name."""
        return {m.name: m.result() for m in (self.mean_loss, *self.metrics)}

    def fit(
        self,
        batches: Batches,
        validation: Batches | None,
        epochs: range,
        callbacks: Sequence[Callback],
        stepwise: Sequence[Callback],
    ) -> None:
        """Train for some epochs, telling the callbacks; the model stays usable whatever happens."""
        self.model.stop_training = False
        try:
            for callback in callbacks:
                callback.on_train_begin()
            for epoch in epochs:
                for callback in callbacks:
                    callback.on_epoch_begin(epoch)
                logs = self.epoch(self.train, batches, stepwise)
                if validation is not None:
                    results = self.epoch(self.test, validation)
                    logs.update((f"val_{name}", value) for name, value in results.items())
                for callback in callbacks:
                    callback.on_epoch_end(epoch, logs)
                if self.model.stop_training:
                    break
        finally:
            self.optimizer.zero_grad()
            for callback in callbacks:
                callback.on_train_end()

    @property
    def programs(self) -> list[Program]:
        """Every program recorded so far."""
        return [*self.train.programs.values(), *self.test.programs.values()]


def weights_for(
    y: Array, n: int, sample_weight: Any, class_weight: dict[int, float] | None
) -> Array | None:
    """Join sample and class weights into one weight per sample, or None where all are 1."""
    if sample_weight is None and class_weight is None:
        return None
    weights = np.ones(n, FLOAT)
    if sample_weight is not None:
        weights *= _checked_weights(sample_weight, n)
    if class_weight is not None:
        weights *= _class_weights(y, class_weight)
    return weights


def _checked_weights(sample_weight: Any, n: int) -> Array:
    given = np.asarray(sample_weight, FLOAT)
    if given.shape != (n,):
        raise ValueError(
            f"sample_weight: expected one weight per sample, shape ({n},), got shape {given.shape}."
        )
    if not np.isfinite(given).all() or (given < 0).any():
        raise ValueError("sample_weight: weights must be finite and at least 0.")
    return given


def _class_weights(y: Array, class_weight: dict[int, float]) -> Array:
    one_hot = y.ndim > 1 and y.shape[-1] > 1
    labels = y.argmax(axis=-1) if one_hot else y.reshape(len(y)).round().astype(np.int64)
    highest = y.shape[-1] - 1 if one_hot else int(labels.max())
    unknown = [c for c in class_weight if not 0 <= c <= highest]
    if unknown:
        raise ValueError(
            f"class_weight: no class {unknown[0]!r} in the targets; classes are 0 to {highest}."
        )
    table = np.ones(highest + 1, FLOAT)
    for label, weight in class_weight.items():
        if not weight >= 0:
            raise ValueError(f"class_weight: the weight of class {label} must be at least 0.")
        table[label] = weight
    return table[labels]
