"""The networks that ``train`` makes: preparation of the data, hidden layers, an output."""

from collections.abc import Sequence

import click

from axon import layers
from axon.backend import Array
from axon.cli.data import Task
from axon.cli.learning import augmenting
from axon.layers.base import Layer
from axon.models import Sequential

USUAL = 0.3  # dropout behind convolutions
FILTERS = (32, 64, 96, 128, 128, 128)  # of each convolution, as deep as the images are large


def usual(task: Task) -> str:
    """What suits the data: convolutions for photos, which have colours, else dense layers."""
    return "photo" if task.train[0].ndim == 4 and task.of_folder else "mlp"


def make(
    task: Task,
    network_type: str,
    hidden: list[int],
    dropout: float | None = None,
    augment: Sequence[str] = (),
) -> Sequential:
    """A network for the task, built, with its preparation inside.

    Args:
        task: the data.
        network_type: "mlp", "cnn", or "photo", which is deeper the larger the images are.
        hidden: neurons in each hidden layer of an mlp.
        dropout: share of the neurons that a step leaves out; None is what is usual.
        augment: names of what changes images by chance.
    """
    model = Sequential(name=task.name)
    changes = augmenting(augment, task)
    if network_type == "mlp":
        _add_dense(model, task.train[0], hidden, dropout or 0.0, changes)
    else:
        _add_convolutions(model, task, network_type, USUAL if dropout is None else dropout, changes)
    if task.class_names:
        model.add(layers.Dense(len(task.class_names), activation="softmax"))
    else:
        model.add(layers.Dense(task.train[1].shape[1]))
    model.build(task.train[0].shape[1:])
    return model


def _add_convolutions(
    model: Sequential, task: Task, network_type: str, dropout: float, changes: list[Layer]
) -> None:
    """Convolutions with normalization and pooling, and dropout."""
    x = task.train[0]
    if x.ndim not in (3, 4):
        raise click.UsageError(
            f"--model {network_type} needs images (n, height, width) or (n, height, width, "
            f"channels), but {task.title} holds samples of shape {x.shape[1:]}. Use --model mlp."
        )
    model.add(layers.Rescaling(1 / max(float(x.max()), 1.0)))
    if x.ndim == 3:
        model.add(layers.Reshape((*x.shape[1:], 1)))
    for layer in changes:
        model.add(layer)
    for filters in FILTERS[: _depth(x) if network_type == "photo" else 2]:
        model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Activation("relu"))
        model.add(layers.MaxPooling2D(2))
    model.add(layers.GlobalAveragePooling2D() if network_type == "photo" else layers.Flatten())
    if dropout:
        model.add(layers.Dropout(dropout))


def _depth(x: Array) -> int:
    """How often images are halved until they have 4 pixels or so."""
    side = min(x.shape[1:3])
    return min(max(side.bit_length() - 3, 2), len(FILTERS))


def _add_dense(
    model: Sequential, x: Array, hidden: list[int], dropout: float, changes: list[Layer]
) -> None:
    """Preparation of the data, and hidden layers of relu."""
    if changes and x.ndim == 3:
        model.add(layers.Reshape((*x.shape[1:], 1)))
    if x.dtype.kind in "iu" and x.ndim > 2:  # images of whole numbers
        model.add(layers.Rescaling(1 / max(float(x.max()), 1.0)))
        for layer in changes:
            model.add(layer)
        model.add(layers.Flatten())
    else:
        for layer in changes:
            model.add(layer)
        if x.ndim > 2:
            model.add(layers.Flatten())
        normalization = layers.Normalization()
        normalization.adapt(x.reshape(len(x), -1))
        model.add(normalization)
    for size in hidden:
        model.add(layers.Dense(size, activation="relu", kernel_initializer="he_uniform"))
        if dropout:
            model.add(layers.Dropout(dropout))


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
