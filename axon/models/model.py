"""Floor 5: Model, which joins layers with a loss and an optimizer; trains, tests and predicts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from axon import losses, metrics, optimizers
from axon.backend import FLOAT, Array, DType, Shape
from axon.callbacks import Callback, History, LossPrinter, check, printer
from axon.core import Tensor
from axon.layers.base import Module, whole
from axon.models import summary as summaries
from axon.models.data import Batches, same_length, samples
from axon.models.training import Trainer, weights_for
from axon.modes import no_grad
from axon.program import Program, Step

PREDICT_BATCH = 1024  # samples at a time where nothing is learned: large enough to be fast


class Model(Module):
    """A network that can be trained. Sequential is one; write ``forward(self, x)`` for your own.

    ``compile`` joins it with a loss and an optimizer. From then on the first batch of each shape is
    recorded, forward, backward and update, and every further one replays the recording.
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.metadata: dict[str, Any] = {}  # whatever should travel with the saved model
        self.history: History | None = None
        self.stop_training = False
        self._trainer: Trainer | None = None
        self._predict = self._prediction_step(eager=False)

    def _prediction_step(self, eager: bool) -> Step:
        return Step("predict", self._outputs, ["x"], self._parameter_labels, eager)

    @property
    def layers(self) -> list[Module]:
        """The parts of the model, in the order of their definition."""
        return [child for _, child in self.children()]

    @property
    def input_dtype(self) -> DType:
        """What the data are converted to before they enter."""
        return FLOAT

    # -------------------------------------------------------------------- compile

    def compile(
        self,
        loss: "str | losses.Loss",
        optimizer: "str | optimizers.Optimizer" = "adam",
        metrics: "Sequence[str | metrics.Metric] | None" = None,
        eager: bool = False,
    ) -> None:
        """Join the model with a loss and an optimizer, ready for ``fit``.

        Args:
            loss: a Loss or its name, such as "categorical_cross_entropy" or "mse".
            optimizer: an Optimizer or its name, such as "adam" or "sgd".
            metrics: names or Metrics to watch, such as ["accuracy"].
            eager: compute every step anew instead of recording and replaying it; the results are
                the same, bit for bit.
        """
        chosen = losses.get(loss)
        watched = [_metrics.get(m, chosen) for m in metrics or []]
        self._trainer = Trainer(self, chosen, optimizers.get(optimizer), watched, eager)
        self._predict = self._prediction_step(eager)
        if self.parameters():
            self._trainer.optimizer.build(self.parameters())

    @property
    def trainer(self) -> Trainer:
        """The loss, the optimizer and the steps that ``compile`` made."""
        if self._trainer is None:
            raise RuntimeError(
                f"model {self.name!r} is not compiled. Call "
                "model.compile(loss='categorical_cross_entropy', optimizer='adam') first."
            )
        return self._trainer

    @property
    def optimizer(self) -> "optimizers.Optimizer":
        """The optimizer that ``compile`` was given."""
        return self.trainer.optimizer

    @property
    def loss(self) -> "losses.Loss":
        """The loss that ``compile`` was given."""
        return self.trainer.loss

    # -------------------------------------------------------------------- train

    def fit(
        self,
        x: Any,
        y: Any,
        batch_size: int = 32,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Sequence[Callback] = (),
        validation_split: float = 0.0,
        validation_data: tuple[Any, Any] | None = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
    ) -> History:
        """Train on arrays.

        Args:
            x: samples (n, ...), any numeric type; not modified.
            y: targets, as the loss wants them.
            batch_size: samples per step; the last batch may be shorter.
            epochs: passes over the data.
            verbose: 0 silent, 1 a bar, 2 a line per epoch, "auto" a bar on a terminal, else lines.
            callbacks: told what happens.
            validation_split: share of the samples, taken from the end, that is kept for validation.
            validation_data: (x, y) for validation instead.
            shuffle: draw a new order for each epoch.
            class_weight: class -> weight of its samples.
            sample_weight: (n,) weights of the samples.
            initial_epoch: where to start counting, to go on with an earlier run.

        Returns:
            The History, with loss and metrics of each epoch.

        Raises:
            ValueError, TypeError: something does not fit; nothing has been changed then.
            RuntimeError: the model is not compiled.
        """
        trainer = self.trainer
        whole("fit", "epochs", epochs)
        whole("fit", "initial_epoch", initial_epoch, least=0)
        whole("fit", "batch_size", batch_size)
        progress = [*printer(verbose), *check(callbacks)]
        columns = self._columns("x", x, y, sample_weight, class_weight)
        held_out = self._columns("validation x", *validation_data) if validation_data else None
        if validation_split and held_out is None:
            columns, held_out = _split(columns, validation_split)
        trainer.optimizer.build(self.parameters())
        batches = Batches(columns, batch_size, shuffle)
        validation = Batches(held_out, max(batch_size, PREDICT_BATCH)) if held_out else None
        self.history = History()
        everyone = [self.history, *progress]
        params = {"epochs": epochs, "steps": len(batches), "batch_size": batch_size}
        for callback in everyone:
            callback.model, callback.params = self, params
        stepwise = [c for c in everyone if _listens(c)]
        trainer.fit(batches, validation, range(initial_epoch, epochs), everyone, stepwise)
        return self.history

    def train(
        self, x: Any, y: Any, epochs: int = 10, batch_size: int = 32, **options: Any
    ) -> History:
        """Train and print ``Epoch 1/50 - Loss: 2.3026`` lines; all options of ``fit`` are taken."""
        callbacks = [LossPrinter(), *options.pop("callbacks", ())]
        return self.fit(x, y, batch_size, epochs, verbose=0, callbacks=callbacks, **options)

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """One step on one batch; returns its loss before the update."""
        trainer = self.trainer
        columns = self._columns("x", x, y, sample_weight)
        trainer.optimizer.build(self.parameters())
        return trainer.batch(trainer.train, Batches(columns, len(columns[0])), 0, len(columns[0]))

    # -------------------------------------------------------------------- test and predict

    def evaluate(
        self,
        x: Any,
        y: Any,
        batch_size: int = PREDICT_BATCH,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data that nothing is learned from.

        Returns:
            The loss, or [loss, *metrics] if metrics are watched; by name with ``return_dict``.
        """
        trainer = self.trainer
        whole("evaluate", "batch_size", batch_size)
        batches = Batches(self._columns("x", x, y, sample_weight), batch_size)
        results = trainer.epoch(trainer.test, batches)
        if return_dict:
            return results
        values = list(results.values())
        return values if len(values) > 1 else values[0]

    def predict(self, x: Any, batch_size: int = PREDICT_BATCH) -> Array:
        """Outputs for samples (n, ...), as a NumPy array (n, ...) of your own."""
        whole("predict", "batch_size", batch_size)
        data = samples("x", x)
        shape = self._fit_input(data)
        result = np.empty((len(data), *shape), self.input_dtype)
        for start in range(0, len(data), batch_size):
            part = data[start : start + batch_size]
            slots = self._predict.inputs((part.shape, self.input_dtype))
            np.copyto(slots[0], part, casting="unsafe")
            result[start : start + batch_size] = self._predict.run(slots)[0]
        return result

    def _outputs(self, x: Tensor) -> list[Tensor]:
        with no_grad():
            return [self.forward(x)]

    # -------------------------------------------------------------------- looking at it

    @property
    def program(self) -> Program:
        """The program that ran last, of training if there was any: ``print(model.program)``."""
        steps = [self._predict]
        if self._trainer is not None:
            steps = [self._trainer.train, self._trainer.test, self._predict]
        for step in steps:
            if step.latest is not None:
                return step.latest
        eager = " It was compiled with eager=True, which records nothing." if steps[0].eager else ""
        raise RuntimeError(f"model {self.name!r} has no program yet: fit or predict first.{eager}")

    @property
    def programs(self) -> list[Program]:
        """All programs recorded so far."""
        trained = self._trainer.programs if self._trainer else []
        return [*trained, *self._predict.programs.values()]

    def summary(self) -> str:
        """Return layers, output shapes and numbers of parameters as a table; print it to see it."""
        return summaries.table(self)

    def _parameter_labels(self) -> dict[int, str]:
        return {id(p): path for path, p in self.named_parameters().items()}

    # -------------------------------------------------------------------- checking what comes in

    def _columns(
        self,
        argument: str,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
    ) -> list[Array]:
        """Check x, y and weights against the model and each other, before anything is changed."""
        loss = self.trainer.loss
        data = samples(argument, x)
        labels = losses.numbers(loss.name, y)
        if not labels.ndim:
            raise ValueError(f"{loss.name}: y must hold one target per sample, got {y!r}.")
        n = same_length(**{argument.replace(" ", "_"): data, "y": labels})
        output = self._fit_input(data)
        targets = np.ascontiguousarray(loss.targets(labels, (n, *output)))
        if targets.dtype.kind == "f":
            targets = targets.astype(self.input_dtype, copy=False)
        weights = weights_for(targets, n, sample_weight, class_weight)
        return [data, targets] if weights is None else [data, targets, weights]

    def _fit_input(self, data: Array) -> Shape:
        """Build the model for these samples, or check that they fit; returns the output's shape."""
        return self.build(data.shape[1:])


_metrics = metrics


def _split(columns: list[Array], share: float) -> tuple[list[Array], list[Array]]:
    """Keep the last samples for validation, as Keras does, before anything is shuffled."""
    if isinstance(share, bool) or not isinstance(share, float) or not 0 < share < 1:
        raise ValueError(f"fit: validation_split must lie between 0 and 1, got {share!r}.")
    n = len(columns[0])
    first = n - int(n * share)
    if first in (0, n):
        raise ValueError(
            f"fit: validation_split={share} of {n} samples leaves none for "
            f"{'training' if first == 0 else 'validation'}."
        )
    return [c[:first] for c in columns], [c[first:] for c in columns]


def _listens(callback: Callback) -> bool:
    """Does it want to hear of every batch? Others are not called, which keeps steps short."""
    return type(callback).on_train_batch_end is not Callback.on_train_batch_end
