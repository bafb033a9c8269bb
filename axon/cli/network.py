"""The networks that ``train`` makes: preparation of the data, hidden layers, an output."""

import click

from axon import layers
from axon.backend import Array
from axon.cli.data import Task
from axon.models import Sequential


def make(task: Task, network_type: str, hidden: list[int]) -> Sequential:
    """A network for the task, built, with its preparation inside: an mlp or a cnn."""
    model = Sequential(name=task.name)
    if network_type == "cnn":
        _add_convolutions(model, task)
    else:
        _add_dense(model, task.train[0], hidden)
    if task.class_names:
        model.add(layers.Dense(len(task.class_names), activation="softmax"))
    else:
        model.add(layers.Dense(task.train[1].shape[1]))
    model.build(task.train[0].shape[1:])
    return model


def _add_convolutions(model: Sequential, task: Task) -> None:
    """Two convolutions with normalization and pooling, and dropout."""
    x = task.train[0]
    if x.ndim not in (3, 4):
        raise click.UsageError(
            f"--model cnn needs images (n, height, width) or (n, height, width, channels), but "
            f"{task.title} holds samples of shape {x.shape[1:]}. Use --model mlp."
        )
    model.add(layers.Rescaling(1 / max(float(x.max()), 1.0)))
    if x.ndim == 3:
        model.add(layers.Reshape((*x.shape[1:], 1)))
    for filters in (32, 64):
        model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Activation("relu"))
        model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    model.add(layers.Dropout(0.3))


def _add_dense(model: Sequential, x: Array, hidden: list[int]) -> None:
    """Preparation of the data, and hidden layers of relu."""
    if x.dtype.kind in "iu" and x.ndim > 2:  # images of whole numbers
        model.add(layers.Rescaling(1 / max(float(x.max()), 1.0)))
        model.add(layers.Flatten())
    else:
        if x.ndim > 2:
            model.add(layers.Flatten())
        normalization = layers.Normalization()
        normalization.adapt(x.reshape(len(x), -1))
        model.add(normalization)
    for size in hidden:
        model.add(layers.Dense(size, activation="relu", kernel_initializer="he_uniform"))


class TaskTarget:
    """What the network is asked for: classes as they are, or numbers of mean 0 and deviation 1.

    A network learns numbers in this form; ``put_back`` ends it with the way back, so that the
    finished one predicts in the data's own unit.
    """

    def __init__(self, task: Task) -> None:
        self.classes = bool(task.class_names)
        self.scale = layers.Normalization(invert=True)
        if not self.classes:
            self.scale.adapt(task.train[1])

    @property
    def loss(self) -> str:
        """The loss that suits it."""
        return "categorical_cross_entropy" if self.classes else "mse"

    @property
    def metrics(self) -> list[str]:
        """What is watched besides."""
        return ["accuracy"] if self.classes else ["mae"]

    def of(self, part: tuple[Array, Array]) -> tuple[Array, Array]:
        """Samples with what the network should say of them while it learns."""
        x, y = part
        if self.classes:
            return x, y
        there = layers.Normalization(self.scale.mean, self.scale.variance)
        return x, there.forward(y)

    def put_back(self, model: Sequential) -> None:
        """Let the network speak in the data's own unit from now on."""
        if not self.classes:
            shape = model.input_shape
            assert shape is not None  # it has been trained
            model.add(self.scale)
            model.build(shape)
