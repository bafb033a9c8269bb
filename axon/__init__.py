"""AXON: a neural-network library that you can read and that you can use, on NumPy alone."""

from axon import activations, callbacks, layers, losses, metrics, models, ops, optimizers
from axon.core import Tensor, grad
from axon.modes import RecordingError, no_grad
from axon.random import set_random_seed
from axon.version import __version__

__all__ = [
    "RecordingError",
    "Tensor",
    "__version__",
    "activations",
    "callbacks",
    "grad",
    "layers",
    "losses",
    "metrics",
    "models",
    "no_grad",
    "ops",
    "optimizers",
    "set_random_seed",
]
