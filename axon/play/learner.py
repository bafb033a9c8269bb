"""Learner: a small network that learns by its recorded program, a step or an instruction at a time.

It is a model as anyone makes it, of ``Dense``, by ``compile`` and ``train_on_batch``. What ``fit``
does otherwise: here the recorded program is run directly, and can stop between two instructions.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

import axon
from axon import optimizers
from axon.backend import Array
from axon.core import Tensor
from axon.layers import Dense, Dropout, Input
from axon.locks import Lock
from axon.models.functional import Functional
from axon.models.model import Model
from axon.models.profiling import unchanged
from axon.play.choices import OPTIMIZERS, Chosen
from axon.play.lesson import HALF, Lesson
from axon.program import Program
from axon.regularizers import L1L2

FINE, COARSE = 64, 32  # points of the plane along each side: of the output, of hidden neurons
_making = Lock()  # the streams of random numbers belong to the process

LOSSES = {
    "binary": "binary_cross_entropy",
    "classes": "categorical_cross_entropy",
    "regression": "mse",
}
ENDS = {"binary": "sigmoid", "classes": "softmax", "regression": "linear"}


class Score(NamedTuple):
    """How good the network is.

    Attributes:
        loss: what is minimized, penalties of the weights and all.
        right: the share of samples whose class is found; of regression, R2.
    """

    loss: float
    right: float


class Outlook(NamedTuple):
    """What the network says now.

    Attributes:
        made: of some places, what each layer makes of them, (n, neurons); the output last.
        train: how good it is on training samples.
        test: on test samples.
    """

    made: list[Array]
    train: Score
    test: Score


class Learner:
    """A network, what it learns, and how far it is.

    Args:
        settings: what was chosen.
        lesson: what is learned.

    Attributes:
        model: the network, compiled.
        program: a training step, as it was recorded.
        done: steps that are complete.
        at: the number of the instruction that was run last, of a step that is not complete; None
            between steps.
    """

    def __init__(self, settings: Chosen, lesson: Lesson) -> None:
        self.settings, self.lesson = settings, lesson
        self.size = min(settings.batch_size, len(lesson.x_train))
        self.model, self.hidden, self.output = _making.run(network, settings, lesson)
        self.looking = _seen(lesson, self.layers)
        self.model.trainer.warned = True  # the page says what is not finite
        self.program = self._recorded()
        self.done = 0
        self.at: int | None = None
        self._random = np.random.default_rng(settings.seed)
        self._order: Array = np.arange(0)

    # -------------------------------------------------------------------- learning

    def steps(self, count: int) -> None:
        """Learn from so many batches; from the rest of a step first, if it is not complete."""
        if self.at is not None:
            self._finish()
        for _ in range(count):
            self._fill()
            self.program.run()
            self.done += 1

    def instruction(self) -> int:
        """Run a single instruction, the next one; its number."""
        at = 0 if self.at is None else self.at + 1
        if at == 0:
            self._fill()
        with np.errstate(all="ignore"):
            self.program.single_calls()[at]()
        self.at = at
        if at == len(self.program) - 1:
            self.at, self.done = None, self.done + 1
        return at

    def _finish(self) -> None:
        while self.at is not None:
            self.instruction()

    def _fill(self) -> None:
        """Lay the next batch where the program reads it; each sample comes once in an epoch."""
        if len(self._order) < self.size:
            self._order = self._random.permutation(len(self.lesson.x_train))
        rows, self._order = self._order[: self.size], self._order[self.size :]
        x, y = self.program.inputs.values()
        x[...], y[...] = self.lesson.x_train[rows], self.lesson.y_train[rows].reshape(y.shape)

    def _recorded(self) -> Program:
        """Record a step, and take back what it did."""
        x, y = self.lesson.x_train[: self.size], self.lesson.y_train[: self.size]
        with unchanged(self.model, self.model.trainer):
            for _ in ("record", "compare"):
                self.model.train_on_batch(x, y)
        program = self.model.trainer.train.latest
        assert program is not None
        return program

    # -------------------------------------------------------------------- what may be changed

    def set_learning_rate(self, rate: float) -> None:
        """From the next step on; nothing is recorded anew."""
        self.settings = replace(self.settings, learning_rate=rate)
        self.model.optimizer.learning_rate = rate

    def set_weight(self, layer: int, row: int, column: int, value: float) -> None:
        """Set one weight of a layer, or, with the row -1, a bias.

        Raises:
            ValueError: there is no such weight, or the value is no finite number.
        """
        self.demand_weight(layer, row, column, value)
        w, b = weights_of(self.layers[layer])
        if row < 0:
            b[column] = value
        else:
            w[row, column] = value

    def demand_weight(self, layer: int, row: int, column: int, value: float) -> None:
        """Demand that there is such a weight, and that it can be this.

        Raises:
            ValueError: it is not so.
        """
        layers = self.layers
        if not 0 <= layer < len(layers):
            raise ValueError(f"weight: there are layers 0 to {len(layers) - 1}, got {layer}.")
        rows, columns = weights_of(layers[layer])[0].shape
        if not -1 <= row < rows or not 0 <= column < columns:
            raise ValueError(
                f"weight: layer {layer} has rows 0 to {rows - 1}, or -1 for the bias, and columns "
                f"0 to {columns - 1}, got ({row}, {column})."
            )
        if not np.isfinite(value):
            raise ValueError(f"weight: expected a finite number, got {value}.")

    # -------------------------------------------------------------------- what is seen

    @property
    def layers(self) -> list[Dense]:
        """The layers that have weights, the output last."""
        return [*self.hidden, self.output]

    @property
    def epoch(self) -> float:
        """How often each sample was learned from."""
        return self.done * self.size / len(self.lesson.x_train)

    def look(self, places: Array) -> Outlook:
        """What the network says of places (n, inputs), and how good it is: all in one go."""
        w, n = self.lesson, len(places)
        with np.errstate(all="ignore"):
            made = self.looking.predict(np.concatenate([places, w.x_train, w.x_test]))
            made = list(made) if isinstance(made, list | tuple) else [made]
            answers = made[-1][n:]
            train = self._score(w.x_train, w.y_train, answers[: len(w.x_train)])
            test = self._score(w.x_test, w.y_test, answers[len(w.x_train) :])
        return Outlook([m[:n] for m in made], train, test)

    def _score(self, x: Array, y: Array, answers: Array) -> Score:
        loss = float(self.model.evaluate(x, y))
        if self.lesson.task == "classes":
            return Score(loss, float((answers.argmax(axis=1) == y).mean()))
        if self.lesson.task == "binary":
            return Score(loss, float(((answers > 0.5) == (y > 0.5)).mean()))
        left, all_of_it = float(((answers - y) ** 2).sum()), float(((y - y.mean()) ** 2).sum())
        return Score(loss, 1 - left / all_of_it if all_of_it else 0.0)

    def gradients(self) -> list[float]:
        """How large the gradient of each layer was in the latest step: the root of its squares."""
        if not self.done and self.at is None:
            return [0.0 for _ in self.layers]
        return [_length([p.home for p in layer.parameters()]) for layer in self.layers]


def network(settings: Chosen, lesson: Lesson) -> tuple[Model, list[Dense], Dense]:
    """The network that these settings describe, compiled: it, its hidden layers, and the last."""
    axon.set_random_seed(settings.seed)
    h = x = Input(lesson.x_train.shape[1:])
    hidden: list[Dense] = []
    for number, neurons in enumerate(settings.layers, 1):
        penalty = L1L2(settings.l1, settings.l2) if settings.l1 or settings.l2 else None
        name, activation = f"hidden_{number}", settings.activation
        hidden.append(Dense(neurons, activation, kernel_regularizer=penalty, name=name))
        h = hidden[-1](h)
        h = Dropout(settings.dropout, name=f"dropout_{number}")(h) if settings.dropout else h
    output = Dense(lesson.outputs, ENDS[lesson.task], name="output")
    model = Functional(x, output(h))
    optimizer = getattr(optimizers, OPTIMIZERS[settings.optimizer])(settings.learning_rate)
    model.compile(LOSSES[lesson.task], optimizer)
    return model, hidden, output


def _seen(lesson: Lesson, layers: Sequence[Dense]) -> Model:
    """The same layers, whose results all come out."""
    h = x = Input(lesson.x_train.shape[1:])
    results = []
    for layer in layers:
        h = layer(h)
        results.append(h)
    return Functional(x, results)


def _length(gradients: Sequence[Tensor | None]) -> float:
    """The root of the sum of all squares."""
    flat = [g.data.reshape(-1) for g in gradients if g is not None]
    with np.errstate(all="ignore"):
        return float(np.linalg.norm(np.concatenate(flat)))


def weights_of(layer: Dense) -> tuple[Array, Array]:
    """The memory of W (inputs, neurons) and b (neurons,)."""
    assert layer.weights is not None
    assert layer.bias is not None
    return layer.weights.data, layer.bias.data


def points_of_plane(points: int) -> Array:
    """Points of the plane (points * points, 2), row by row, from the upper left."""
    line = np.linspace(-HALF, HALF, points, dtype=np.float32)
    return np.stack(np.meshgrid(line, line[::-1]), axis=-1).reshape(-1, 2)
