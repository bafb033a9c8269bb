"""AXON: a neural-network library that you can read and that you can use, on NumPy alone."""

from typing import Any

from axon import (
    activations,
    callbacks,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    regularizers,
)
from axon.core import Tensor, grad, primitive
from axon.models.loading import load as load_model
from axon.models.model import Model
from axon.models.sequential import Sequential
from axon.modes import RecordingError, no_grad
from axon.program.engine import get_kernels, set_kernels
from axon.random import set_random_seed
from axon.roofline import roofline
from axon.threads import get_threads, set_threads
from axon.version import __version__

__all__ = [
    "Model",
    "RecordingError",
    "Sequential",
    "Tensor",
    "__version__",
    "activations",
    "callbacks",
    "constraints",
    "datasets",
    "get_kernels",
    "get_threads",
    "grad",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "no_grad",
    "ops",
    "optimizers",
    "primitive",
    "regularizers",
    "roofline",
    "set_kernels",
    "set_random_seed",
    "set_threads",
]

LATER = ("onnx", "plot", "sklearn")  # what needs an extra is imported when it is asked for


def __getattr__(name: str) -> Any:
    if name in LATER:
        from importlib import import_module

        return import_module(f"axon.{name}")
    raise AttributeError(f"module 'axon' has no attribute {name!r}")
