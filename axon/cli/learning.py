"""How ``train`` learns: rows to stop by, rates and weights that change, chance that helps.

The test set is no part of it: rows of their own say which epoch was best.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np

from axon import layers, optimizers
from axon.backend import Array
from axon.callbacks import EarlyStopping
from axon.cli.config import SomeOf
from axon.cli.data import Pair, Task, split
from axon.layers.base import Layer
from axon.optimizers import schedules

SHARE, FEWEST = 0.15, 50  # of the rows to learn from, that stop training; of fewer, none do
PATIENCE = 10  # epochs
WARM = 0.05  # of all steps: those in which a rate climbs
SCHEDULES = ("constant", "linear", "cosine", "warmup-cosine")
AUGMENTATIONS: dict[str, Callable[[], Layer]] = {
    "flip": partial(layers.RandomFlip, "horizontal"),
    "shift": partial(layers.RandomTranslation, 0.1, 0.1, fill_mode="nearest"),
    "rotate": partial(layers.RandomRotation, 0.04, fill_mode="nearest"),
    "zoom": partial(layers.RandomZoom, 0.1, fill_mode="nearest"),
}
Command = TypeVar("Command", bound=Callable[..., object])


OPTIONS = (
    click.option(
        "--test",
        type=click.Path(path_type=Path),
        help="Test on this file or folder, once, at the end; all of DATA is then for training.",
    ),
    click.option(
        "--validation",
        type=click.FloatRange(0, 1, max_open=True),
        help="Share of the training rows kept apart, to choose the best epoch.  "
        f"[default: {SHARE}; of fewer than {FEWEST} rows: 0]",
    ),
    click.option(
        "--patience",
        type=click.IntRange(1),
        default=PATIENCE,
        help="Stop after so many epochs without improvement.",
    ),
    click.option(
        "--dropout",
        type=click.FloatRange(0, 1, max_open=True),
        help="Share of neurons left out at random in each step.  [default: 0; cnn, photo: 0.3]",
    ),
    click.option(
        "--weight-decay",
        type=click.FloatRange(0),
        help="How much weights shrink per step, times the learning rate: 1e-4.",
    ),
    click.option(
        "--schedule",
        type=click.Choice(SCHEDULES),
        default="constant",
        help="How the learning rate changes until the last epoch.",
    ),
    click.option(
        "--augment",
        type=SomeOf(list(AUGMENTATIONS)),
        help="For images: change each one slightly, at random, in each epoch.",
    ),
    click.option(
        "--class-weight",
        type=click.Choice(["none", "balanced"]),
        default="none",
        help="balanced: rare classes count as much as frequent ones.",
    ),
)


def learning_options(command: Command) -> Command:
    """Give a command the options of this file."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


# ------------------------------------------------------------------------------------ rows


def share_to_stop_by(task: Task) -> float:
    """Which share of the rows stops training, where nobody chose it."""
    x, y = task.train
    classes = len(np.unique(y)) if task.class_names else 1
    return SHARE if len(x) - classes >= FEWEST else 0.0


def parted(task: Task, share: float, seed: int) -> Task:
    """The task with rows that stop its training, taken from those to learn from.

    Raises:
        UsageError: there are too few rows for it.
    """
    if not share:
        return task
    try:
        train, validation = split(*task.train, seed, share)
    except ValueError as error:
        raise click.UsageError(f"--validation {share:g}: {error}. Or --validation 0.") from None
    return task._replace(train=train, validation=validation)


def stopping(task: Task, patience: int) -> list[EarlyStopping]:
    """Who keeps the best epoch, and ends training when it is long ago."""
    if task.validation is None:
        return []
    return [EarlyStopping("val_loss", patience=patience, restore_best_weights=True)]


# ------------------------------------------------------------------------------------ steps


def made_optimizer(s: Mapping[str, Any], steps: int) -> optimizers.Optimizer:
    """The optimizer of a run, which makes so many steps."""
    made = optimizers.get(s["optimizer"])
    rate: Any = scheduled(s["schedule"], s["learning_rate"], steps)
    made.learning_rate = rate
    if s["weight_decay"] is not None:
        made.weight_decay = s["weight_decay"]
    return made


def scheduled(name: str, rate: float, steps: int) -> float | schedules.LearningRateSchedule:
    """A rate that falls to nothing in so many steps, as a name has it.

    >>> scheduled("constant", 0.1, 100), scheduled("cosine", 0.1, 100)(50)
    (0.1, 0.05)
    >>> warm = scheduled("warmup-cosine", 0.1, 100)
    >>> warm(0), warm(5), round(warm(100), 9)
    (0.0, 0.1, 0.0)
    """
    if name == "constant":
        return rate
    if name == "linear":
        return schedules.Linear(rate, steps, 1.0, 0.0)
    climb = max(1, round(WARM * steps)) if name == "warmup-cosine" else 0
    cosine = schedules.CosineDecay(rate, max(1, steps - climb))
    return schedules.WarmUp(cosine, climb) if climb else cosine


def class_weights(chosen: str, task: Task) -> dict[int, float] | None:
    """How much each class counts: rows / (classes * rows of the class), or None for all alike.

    Raises:
        UsageError: numbers are predicted.
    """
    if chosen == "none":
        return None
    if not task.class_names:
        raise click.UsageError("--class-weight is for classes, and numbers are predicted here.")
    counts = np.bincount(task.train[1], minlength=len(task.class_names))
    there = int((counts > 0).sum())
    weights = len(task.train[1]) / (there * np.maximum(counts, 1))
    return {i: float(w) for i, w in enumerate(weights)}


def weighed(pair: Pair, weights: Mapping[int, float] | None) -> tuple[Array, ...]:
    """Rows to stop by, with what they count."""
    if weights is None:
        return pair
    return *pair, np.array([weights[c] for c in pair[1].tolist()], np.float32)


def augmenting(names: Sequence[str], task: Task) -> list[Layer]:
    """Layers that change images a little while they are learned from.

    Raises:
        UsageError: the data are no images.
    """
    x = task.train[0]
    if names and x.ndim not in (3, 4):
        raise click.UsageError(
            f"--augment is for images, and {task.title} holds samples of shape {x.shape[1:]}."
        )
    return [AUGMENTATIONS[name]() for name in names]
