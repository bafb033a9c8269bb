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
    from axon.layers.base import Layer
    from axon.layers.input import Input
    from axon.models.loading import load as load_model
    from axon.models.model import Model
    from axon.models.sequential import Sequential
    from axon.program.lowerings import get_kernels, set_kernels

__all__ = [
    "Input",
    "Layer",
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
    "Input": "layers.input",
    "Layer": "layers.base",
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
    from axon.names import missing  # only an error pays for it

    raise missing("axon", name, dict.fromkeys([*__all__, *LATER]), _ELSEWHERE)


_ELSEWHERE = {  # what Keras, PyTorch and JAX call it
    **{"nn": "axon.layers and axon.losses", "optim": "axon.optimizers", "jit": "model.compile"},
    **{"tensor": "axon.Tensor", "array": "axon.Tensor", "from_numpy": "axon.Tensor"},
    **{"manual_seed": "axon.set_random_seed", "load": "axon.load_model", "save": "model.save"},
    **{"Variable": "axon.parameter.Parameter", "Parameter": "axon.parameter.Parameter"},
    "GradientTape": "loss.backward(), or axon.grad(function)",
    "saving": "model.save and axon.load_model",
    "utils": "axon.datasets for data; losses take labels as they are, or axon.ops.one_hot",
    "preprocessing": "axon.layers, and axon.datasets.pad_sequences",
    "data": "axon.datasets; fit takes arrays, generators and PyTorch's DataLoader",
    **dict.fromkeys(("cuda", "device", "mps", "distribution"), 'axon.set_kernels("jax")'),
}


def __dir__() -> list[str]:
    return sorted({*__all__, *LATER, *_DUNDER})


_DUNDER = [name for name in globals() if name.startswith("__")]
