"""Optimizers, by increasing complexity."""

from typing import Any

from axon.names import Choice, choose
from axon.optimizers import schedules
from axon.optimizers.adagrad import Adagrad
from axon.optimizers.adam import Adam, Adamax, AdamW, Nadam
from axon.optimizers.base import Optimizer
from axon.optimizers.lion import Lion
from axon.optimizers.muon import Muon
from axon.optimizers.rmsprop import RMSprop
from axon.optimizers.sgd import SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
    "adamax": Adamax,
    "nadam": Nadam,
    "lion": Lion,
    "muon": Muon,
}


def get(optimizer: Choice | Optimizer) -> Optimizer:
    """Return an optimizer by its name, with its usual settings; an Optimizer is returned as it is.

    A description, such as ``optimizer.describe()`` gives, makes another one with these settings.

    Raises:
        ValueError: no such name; the nearest one is suggested.

    >>> get("sgd")
    SGD(learning_rate=0.01, momentum=0.0, nesterov=False)
    """
    expected = "a name or an Optimizer"
    return choose("optimizer", optimizer, OPTIMIZERS, Optimizer, expected, descriptions=True)
