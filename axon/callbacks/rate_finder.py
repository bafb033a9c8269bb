"""Which learning rate is worth trying: one run through all of them."""

import math
from typing import Any

import numpy as np

from axon.backend import Array
from axon.callbacks.base import Callback, Logs
from axon.checks import integer, number, positive


class LearningRateFinder(Callback):
    """Try larger and larger learning rates, batch by batch, and note the loss (Smith, 2017).

    Give it to a ``fit`` of its own. Afterwards model and optimizer are what they were before.

    Args:
        min_learning_rate: the first rate.
        max_learning_rate: the last one.
        steps: how many batches; fit for so many epochs that there are as many, or fewer.
        stop_factor: the run is over when the loss is so many times the best one.

    Attributes:
        rates, losses: (batches,) what was tried, and what each batch then cost.

    >>> finder = LearningRateFinder(1e-5, 1.0, steps=50)
    >>> finder.rate(0), finder.rate(49)
    (1e-05, 1.0)
    """

    def __init__(
        self,
        min_learning_rate: float = 1e-6,
        max_learning_rate: float = 10.0,
        steps: int = 100,
        stop_factor: float = 4.0,
    ) -> None:
        owner = "LearningRateFinder"
        self.min_learning_rate = positive(owner, "min_learning_rate", min_learning_rate)
        least = self.min_learning_rate
        self.max_learning_rate = number(owner, "max_learning_rate", max_learning_rate, least)
        self.steps = integer(owner, "steps", steps, least=2)
        self.stop_factor = number(owner, "stop_factor", stop_factor, 1)
        self.rates: list[float] = []
        self.losses: list[float] = []
        self._before: tuple[Any, ...] = ()
        self._seen = self._sum = 0.0

    def rate(self, step: int) -> float:
        """The rate of a batch, counted from 0: from one to the next by the same factor."""
        share = step / (self.steps - 1)
        return float(self.min_learning_rate ** (1 - share) * self.max_learning_rate**share)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Remember model and optimizer, and begin with the lowest rate.

        Raises:
            TypeError: the learning rate follows a schedule.
        """
        optimizer = self.model.optimizer
        optimizer.learning_rate = optimizer.learning_rate  # an error if it follows a schedule
        self._before = (self.model.get_weights(), optimizer.state_dict())
        self.rates, self.losses = [], []
        optimizer.learning_rate = self.rate(0)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Logs of batches are means of their epoch."""
        self._seen = self._sum = 0.0

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Note the loss of this batch, and go on to the next rate."""
        loss = self._of_batch((logs or {})["loss"], batch)
        if len(self.rates) == self.steps or self._over():
            self.model.stop_training = True
            return
        self.rates.append(float(self.model.optimizer.learning_rate))
        self.losses.append(loss)
        if len(self.rates) < self.steps and not self._over():
            self.model.optimizer.learning_rate = self.rate(len(self.rates))

    def _of_batch(self, mean: float, batch: int) -> float:
        """What the latest batch cost: it may weigh less in the mean than the others."""
        weight = float(self.model.trainer.mean_loss.tensors()["count"].data)
        seen = weight if weight > self._seen else batch + 1.0  # of shards, batches are counted
        new, total = seen - self._seen, mean * seen
        loss, self._seen, self._sum = (total - self._sum) / new, seen, total
        return loss

    def _over(self) -> bool:
        """Whether the loss has run away."""
        worst = self.stop_factor * min(map(abs, self.losses), default=math.inf)
        return bool(self.losses) and not self.losses[-1] <= worst

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Put model and optimizer back."""
        if self._before:
            weights, state = self._before
            self.model.set_weights(weights)
            self.model.optimizer.load_state_dict(state)
            self._before = ()

    def smoothed(self) -> Array:
        """The losses as a running mean, (batches,), which forgets a tenth with each batch."""
        found, mean = [], 0.0
        for count, loss in enumerate(self.losses, 1):
            mean = 0.9 * mean + 0.1 * loss
            found.append(mean / (1 - 0.9**count))
        return np.array(found)

    @property
    def suggestion(self) -> float:
        """The rate at which the smoothed loss falls fastest.

        Raises:
            RuntimeError: fewer than three batches have been seen.
        """
        if len(self.rates) < 3:
            raise RuntimeError(
                "LearningRateFinder: nothing was tried yet. Give it to a fit of its own: "
                "model.fit(x, y, callbacks=[finder])."
            )
        slope = np.gradient(self.smoothed(), np.log(self.rates))
        return self.rates[int(np.nanargmin(slope))]

    def plot(self) -> Any:
        """Draw losses over rates, and the suggestion: a matplotlib Figure."""
        from axon.plot.figure import paper, plain_frame

        figure = paper(6, 4)
        axes = figure.subplots()
        axes.semilogx(self.rates, self.losses, alpha=0.4)
        axes.semilogx(self.rates, self.smoothed())
        axes.axvline(self.suggestion, linestyle="--")
        axes.set_ylabel("loss")
        plain_frame(axes, "learning rate")
        return figure
