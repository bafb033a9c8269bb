"""The training loop: one for ``fit`` and ``train``; and the three steps that models replay."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape
from axon.callbacks import Callback, Logs
from axon.core import Tensor
from axon.losses import Loss
from axon.metrics import Mean, Metric
from axon.models.data import Batches, samples
from axon.modes import GradMode
from axon.optimizers import Optimizer
from axon.program import Program, Step


class Trainer:
    """What ``compile`` makes: loss, optimizer and metrics, joined with a model into steps."""

    def __init__(
        self, model: Any, loss: Loss, optimizer: Optimizer, metrics: Sequence[Metric], eager: bool
    ) -> None:
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.metrics, self.mean_loss = list(metrics), Mean("loss")
        self._settings: tuple[Any, ...] = ()
        self._order: Array = np.arange(0)
        names = ["x", "y", "w"]
        self.train = Step("train", self._train, names, self._labels, eager)
        self.test = Step("evaluate", self._test, names, self._labels, eager)

    # -------------------------------------------------------------------- what is recorded

    def _train(self, x: Tensor, y: Tensor, w: Tensor | None = None) -> list[Tensor]:
        """Forward, backward and update, in one program."""
        self.optimizer.zero_grad()
        with GradMode(True):  # whatever surrounds the call
            loss = self._measure(x, y, w)
        loss.backward()
        self.optimizer.step()
        return [loss]

    def _test(self, x: Tensor, y: Tensor, w: Tensor | None = None) -> list[Tensor]:
        """Forward only."""
        x.requires_grad = True  # a graph, frozen or not: by it the loss finds the logits
        with GradMode(True):
            return [self._measure(x, y, w)]

    def _measure(self, x: Tensor, y: Tensor, w: Tensor | None) -> Tensor:
        y_pred = self.model.forward(x)
        loss: Tensor = self.loss.loss(y, y_pred, w)
        self.mean_loss.add_mean(loss, len(x))
        for metric in self.metrics:
            metric.update(y, y_pred.detach(), w)
        return loss

    def prepare(self) -> None:
        """Let the optimizer take charge of the parameters, and note what a recording freezes.

        Raises:
            ValueError: there is nothing that training could change.
        """
        parameters = self.model.parameters()
        if not any(p.requires_grad for p in parameters):
            why = "all its layers are frozen" if parameters else "its layers have no parameters"
            fix = "Set layer.trainable = True" if parameters else "Add one, such as Dense(10)"
            raise ValueError(f"model {self.model.name!r} has nothing to train: {why}. {fix}.")
        self.optimizer.build(parameters)
        settings = self.optimizer.config()
        del settings["learning_rate"]  # an array, which programs follow
        self._settings = tuple(settings.items())

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

    def batch(
        self, step: Step, batches: Batches, start: int, stop: int, frozen: tuple[Any, ...]
    ) -> float:
        """Run one step on one batch and return its loss."""
        slots = step.inputs(*batches.specs(stop - start, self.model.input_dtype))
        batches.fill(start, stop, slots)
        return float(step.run(slots, frozen)[0])

    def order(self, size: int) -> Array:
        """0 to size - 1, to be shuffled, in memory that is kept from one fit to the next."""
        if self._order.size != size:
            self._order = np.arange(size)
        self._order.sort()
        return self._order

    def frozen(self, step: Step) -> tuple[Any, ...]:
        """What a recording of the step freezes, besides shapes and types."""
        if step is not self.train:
            return ()
        return (self._settings, *(p.requires_grad for p in self.optimizer.parameters))

    def epoch(self, step: Step, batches: Batches, callbacks: Sequence[Callback] = ()) -> Logs:
        """Run a step on every batch and return the means."""
        for metric in (self.mean_loss, *self.metrics):
            metric.reset()
        batches.shuffle()
        frozen = self.frozen(step)
        for number, (start, stop) in enumerate(batches.bounds()):
            self.batch(step, batches, start, stop, frozen)
            for callback in callbacks:
                callback.on_train_batch_end(number, self.logs())
                frozen = self.frozen(step)  # it may have frozen a layer
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
            with ExitStack() as ending:  # tells each of them, whatever one of them raises
                for callback in reversed(callbacks):
                    ending.callback(callback.on_train_end)

    @property
    def programs(self) -> list[Program]:
        """Every program recorded so far."""
        return [*self.train.programs.values(), *self.test.programs.values()]


def sample_weights(given: Any, n: int, dtype: DType) -> Array:
    """Check the weights of n samples."""
    weights = samples("sample_weight", given, dtype)
    if weights.shape != (n,):
        raise ValueError(
            f"sample_weight: expected one weight per sample, shape ({n},), got shape "
            f"{weights.shape}."
        )
    if (weights < 0).any():
        raise ValueError(f"sample_weight: weights must be at least 0, got {weights.min()}.")
    return weights.astype(dtype)


def class_weights(given: Any, y: Array, outputs: Shape, dtype: DType) -> Array:
    """Look up the weight of each sample by its class.

    Args:
        given: class -> weight; classes that are not named weigh 1.
        y: labels (n,), one-hot rows (n, classes), or 0 and 1 (n, 1).
        outputs: the shape of one output of the model.
        dtype: the type of the result.
    """
    if not isinstance(given, Mapping):
        raise TypeError(
            f"class_weight: expected a dict from class to weight, such as {{0: 1.0, 1: 5.0}}, got "
            f"{given!r}."
        )
    classes = outputs[-1] if outputs and outputs[-1] > 1 else 2
    hot = y.shape[1:] == (classes,) and np.allclose(y.sum(axis=-1), 1, atol=1e-3)
    labels = y.argmax(axis=-1) if hot else y.reshape(-1)
    if len(labels) != len(y) or not np.isin(labels, range(classes)).all():
        raise ValueError(
            f"class_weight: every sample must be of one class, 0 to {classes - 1}; y, of shape "
            f"{y.shape}, holds something else. Use sample_weight instead."
        )
    table = np.ones(classes, dtype)
    for label, weight in given.items():
        if label not in range(classes):
            raise ValueError(f"class_weight: no class {label!r}, they are 0 to {classes - 1}.")
        if not isinstance(weight, int | float | np.number) or not 0 <= weight < np.inf:
            raise ValueError(
                f"class_weight: the weight of class {label} must be a number of at least 0, got "
                f"{weight!r}."
            )
        table[int(label)] = weight
    return table[labels.astype(np.int64)]
