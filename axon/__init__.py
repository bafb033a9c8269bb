"""AXON: a neural-network library that you can read and that you can use, on NumPy alone."""

from axon import activations, callbacks, datasets, layers, losses, metrics, models, ops, optimizers
from axon.core import Tensor, grad, primitive
from axon.models.loading import load as load_model
from axon.modes import RecordingError, no_grad
from axon.random import set_random_seed
from axon.version import __version__

__all__ = [
    "RecordingError",
    "Tensor",
    "__version__",
    "activations",
    "callbacks",
    "datasets",
    "grad",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "no_grad",
    "ops",
    "optimizers",
    "primitive",
    "set_random_seed",
]
