"""AXON: a neural-network library that you can read and that you can use, on NumPy alone."""

from typing import TYPE_CHECKING, Any

from axon import activations, ops
from axon._moved import MOVED, moved
from axon.core import Tensor, grad, primitive
from axon.modes import RecordingError, no_grad
from axon.random import set_random_seed
from axon.threads import get_threads, set_threads
from axon.version import __version__

if TYPE_CHECKING:
    from axon import (
        callbacks,
        constraints,
        datasets,
        initializers,
        layers,
        losses,
        metrics,
        models,
        optimizers,
        regularizers,
    )
    from axon.inspect.roofline import roofline
    from axon.models.loading import load as load_model
    from axon.models.model import Model
    from axon.models.sequential import Sequential
    from axon.program.lowerings import get_kernels, set_kernels

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

# Tensors and all that is done to them are there at once, what a network is made of when it is asked
# for: a script pays for what it uses.
LATER = (
    *(
        "activations",
        "callbacks",
        "constraints",
        "datasets",
        "initializers",
        "layers",
        "losses",
        "metrics",
    ),
    *(
        "models",
        "onnx",
        "optimizers",
        "plot",
        "ranks",
        "report",
        "regularizers",
        "serve",
        "sklearn",
        "tabular",
    ),
    "testing",
)
HOMES = {
    "Model": "models.model",
    "Sequential": "models.sequential",
    "get_kernels": "program.lowerings",
    "load_model": "models",
    "roofline": "inspect.roofline",
    "set_kernels": "program.lowerings",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in LATER:
        return import_module(f"axon.{name}")
    if name in HOMES:
        return globals().setdefault(name, getattr(import_module(f"axon.{HOMES[name]}"), name))
    if name in MOVED:
        return moved(f"axon.{name}", stacklevel=3)
    raise AttributeError(f"module 'axon' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *LATER})
