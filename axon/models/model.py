"""Floor 5: Model, which joins layers with a loss and an optimizer; trains, tests and predicts."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from threading import RLock
from typing import Any

import numpy as np

from axon import losses, metrics, optimizers
from axon.backend import FLOAT, Array, DType, Shape
from axon.callbacks import Callback, History, LossPrinter, check, measured, printer
from axon.core import Tensor
from axon.layers.module import Module, shape_after, whole
from axon.metrics import Metric
from axon.models import saving
from axon.models import summary as summaries
from axon.models.data import Batches, checked_share, demand_finite, same_length, samples, split
from axon.models.training import Trainer, class_weights, sample_weights
from axon.modes import no_grad
from axon.program import Program, Step
from axon.random import stream

ONE_AT_A_TIME = RLock()  # a program works in memory of its own: threads take turns to predict
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
        self._shapes: tuple[Shape, Shape] | None = None
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
        """What the data are converted to before they enter: what the first layer wants."""
        first = next(self.children(), None)
        return FLOAT if first is None else first[1].input_dtype

    @property
    def input_shape(self) -> Shape | None:
        """The shape of the input without the batch axis, if it is known."""
        return self._shapes[0] if self._shapes else None

    @property
    def output_shape(self) -> Shape | None:
        """The shape of the output without the batch axis, if it is known."""
        return self._shapes[1] if self._shapes else None

    def build(self, input_shape: Shape) -> Shape:
        """Build the layers for inputs of this shape, by passing zeros through ``forward``."""
        if self._shapes is None or self._shapes[0] != input_shape:
            self._shapes = input_shape, shape_after(self.forward, input_shape, self.input_dtype)
        return self._shapes[1]

    def changed(self) -> None:
        """Layers were added or replaced: shapes are found, and programs recorded, anew."""
        self._shapes = None
        trained = [self._trainer.train, self._trainer.test] if self._trainer else []
        for step in (*trained, self._predict):
            step.programs.clear()
            step.latest = None

    def backward(self, dL_dout: Any, input_gradient: bool = True) -> Any:
        """Not for a ``forward`` of your own, which may take any path: autograd knows which."""
        raise NotImplementedError(
            f"model {self.name!r}: only a Sequential can go back layer by layer. Let autograd do "
            "it: loss(y, model(Tensor(x))).backward(), then optimizer.step()."
        )

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
        named = [metrics] if isinstance(metrics, str | Metric) else metrics or []
        watched = [_metrics.get(m, chosen) for m in named]
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
            verbose: 0 silent, 2 a line per epoch, 1 and "auto" a bar on a terminal, else lines.
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
        epochs = whole("fit", "epochs", epochs)
        initial_epoch = whole("fit", "initial_epoch", initial_epoch, least=0)
        batch_size = whole("fit", "batch_size", batch_size)
        share = checked_share(validation_split)
        progress = [*printer(verbose), *check(callbacks)]
        with self._all_or_nothing():
            columns, held_out = self._columns(x, y, sample_weight), None
            if validation_data is not None:
                held_out = self._held_out(validation_data)
            elif share:
                columns, held_out = split(columns, share)
            if class_weight is not None:
                columns = self._with_class_weight(columns, class_weight)
            trainer.prepare()
        batches = Batches(columns, batch_size, trainer.order(len(columns[0])) if shuffle else None)
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
        self,
        x: Any,
        y: Any,
        epochs: int = 10,
        batch_size: int = 32,
        verbose: bool = True,
        **options: Any,
    ) -> History:
        """Train and print ``Epoch 1/50 - Loss: 2.3026`` lines; all options of ``fit`` are taken."""
        lines = [LossPrinter()] if verbose else []
        callbacks = [*lines, *check(options.pop("callbacks", ()))]
        return self.fit(x, y, batch_size, epochs, verbose=0, callbacks=callbacks, **options)

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """One step on one batch; returns its loss before the update."""
        trainer = self.trainer
        with self._all_or_nothing():
            columns = self._columns(x, y, sample_weight)
            trainer.prepare()
        try:
            batches = Batches(columns, len(columns[0]))
            return trainer.batch(
                trainer.train, batches, 0, batches.size, trainer.frozen(trainer.train)
            )
        finally:
            trainer.optimizer.zero_grad()

    # -------------------------------------------------------------------- test and predict

    def evaluate(
        self,
        x: Any,
        y: Any,
        batch_size: int = PREDICT_BATCH,
        verbose: int | str = 0,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data that nothing is learned from.

        Args:
            x: samples (n, ...).
            y: targets, as the loss wants them.
            batch_size: samples at a time.
            verbose: print a line with the results, unless 0.
            sample_weight: (n,) weights of the samples.
            return_dict: return the results by name.

        Returns:
            The loss, or [loss, *metrics] if metrics are watched; by name with ``return_dict``.
        """
        trainer = self.trainer
        batch_size = whole("evaluate", "batch_size", batch_size)
        with self._all_or_nothing():
            batches = Batches(self._columns(x, y, sample_weight), batch_size)
        results = trainer.epoch(trainer.test, batches)
        if printer(verbose):
            print(" - ".join(measured(results)), flush=True)
        if return_dict:
            return results
        values = list(results.values())
        return values if len(values) > 1 else values[0]

    def predict(self, x: Any, batch_size: int = PREDICT_BATCH, verbose: int | str = 0) -> Array:
        """Outputs for samples (n, ...), as a NumPy array (n, ...) of your own.

        Args:
            x: samples (n, ...).
            batch_size: samples at a time.
            verbose: taken because Keras's users give it; nothing is printed.
        """
        del verbose
        batch_size = whole("predict", "batch_size", batch_size)
        dtype = self.input_dtype
        data = samples("x", x, dtype)
        known = self._shapes is not None and self._shapes[0] == data.shape[1:]
        with nullcontext() if known else self._all_or_nothing():
            self._fit_input(data)
        parts = (data[i : i + batch_size] for i in range(0, len(data), batch_size))
        result = None
        for number, part in enumerate(parts):
            with ONE_AT_A_TIME:
                slots = self._predict.inputs((part.shape, dtype))
                np.copyto(slots[0], part, casting="unsafe")
                outputs = self._predict.run(slots)[0]
                if result is None:
                    result = np.empty((len(data), *outputs.shape[1:]), outputs.dtype)
                start = number * batch_size
                result[start : start + len(part)] = outputs
        assert result is not None
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
        why = ": fit or predict first."
        if steps[0].eager:
            why = ", and gets none: it was compiled with eager=True, which records nothing."
        raise RuntimeError(f"model {self.name!r} has no program yet{why}")

    @property
    def programs(self) -> list[Program]:
        """All programs recorded so far."""
        trained = self._trainer.programs if self._trainer else []
        return [*trained, *self._predict.programs.values()]

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write the model to one file, by convention ``*.axon``; ``axon.load_model`` reads it.

        Layers, weights and ``metadata`` are kept; loss, optimizer and its state are not.
        """
        saving.save(self, path)

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print layers, output shapes and numbers of parameters as a table; to ``print_fn``."""
        print_fn(summaries.table(self))

    def _parameter_labels(self) -> dict[int, str]:
        return {id(p): path for path, p in self.named_parameters().items()}

    # -------------------------------------------------------------------- checking what comes in

    def _columns(self, x: Any, y: Any, sample_weight: Any = None) -> list[Array]:
        """Check x, y and weights against the model and each other."""
        loss, dtype = self.trainer.loss, self.input_dtype
        data = samples("x", x, dtype)
        labels = losses.numbers(loss.name, y)
        if not labels.ndim:
            raise ValueError(f"{loss.name}: y must hold one target per sample, got {y!r}.")
        demand_finite(f"{loss.name}: y", labels, dtype)
        n = same_length(x=data, y=labels)
        output = self._fit_input(data)
        targets = np.ascontiguousarray(loss.targets(labels, (n, *output)))
        if targets.dtype.kind == "f":
            targets = targets.astype(dtype, copy=False)
        weights = [] if sample_weight is None else [sample_weights(sample_weight, n, dtype)]
        return [data, targets, *weights]

    def _held_out(self, validation_data: Any) -> list[Array]:
        """Check data for validation: (x, y) or (x, y, sample_weight)."""
        if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
            raise TypeError(
                "fit: validation_data must be a tuple (x, y) or (x, y, sample_weight), got "
                f"{type(validation_data).__name__}."
            )
        try:
            return self._columns(*validation_data)
        except (TypeError, ValueError) as error:
            raise type(error)(f"validation_data: {error}") from None

    def _with_class_weight(self, columns: list[Array], class_weight: Any) -> list[Array]:
        data, targets, *given = columns
        weights = class_weights(class_weight, targets, self.output_shape or (), self.input_dtype)
        return [data, targets, weights * given[0] if given else weights]

    def _fit_input(self, data: Array) -> Shape:
        """Build the model for these samples, or check that they fit; returns the output's shape."""
        try:
            self._shapes = data.shape[1:], self.build(data.shape[1:])
        except ValueError as error:
            raise ValueError(f"x of shape {data.shape} does not fit: {error}") from None
        return self._shapes[1]

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Take back what was built inside if an error leaves it: bad input changes nothing."""
        before = [(module, dict(vars(module))) for module in self.modules()]
        random = stream("init").bit_generator
        state = random.state
        try:
            yield
        except BaseException:
            for module, attributes in before:
                vars(module).clear()
                vars(module).update(attributes)
            random.state = state
            raise


_metrics = metrics


def _listens(callback: Callback) -> bool:
    """Does it want to hear of every batch? Others are not called, which keeps steps short."""
    return type(callback).on_train_batch_end is not Callback.on_train_batch_end
