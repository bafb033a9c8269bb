"""Rules for the optimizers' updates, and for what they do to gradients."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from axon.core import Tensor
from axon.fast.rules.calls import At, Call, Site, Work, flat, lowers
from axon.program.trace import Instruction

Meta = Mapping[str, Any]
FIXED = 60.0  # nanoseconds that a call takes

TENSORS = {  # what kernels call the inputs of primitives
    "sgd_update": "w g rate",
    "momentum_update": "w v g rate",
    "adam_update": "w m v g rate epsilon",
    "amsgrad_update": "w m v largest g rate epsilon",
    "nadam_update": "w m v g slow fast epsilon",
    "adamax_update": "w m u g rate",
    "lion_update": "w m g rate",
    "rmsprop_update": "w v g rate",
    "adagrad_update": "w v g rate",
    "rmsprop_momentum_update": "w v mean velocity g rate",
    "shrink": "w share",
    "approach": "average w share",
    "complete_mean": "total x",
    "limit_value": "x",
}
NUMBERS: dict[str, Callable[[Meta], dict[str, float]]] = {  # what follows the tensors
    "momentum_update": lambda m: {"momentum": m["momentum"], "nesterov": bool(m["nesterov"])},
    "adam_update": lambda m: _betas(m),
    "amsgrad_update": lambda m: _betas(m),
    "nadam_update": lambda m: _betas(m),
    "adamax_update": lambda m: _betas(m) | {"epsilon": m["epsilon"]},
    "lion_update": lambda m: _betas(m) | {"c1": 1.0 - m["beta_1"], "c2": 1.0 - m["beta_2"]},
    "rmsprop_update": lambda m: _decay(m),
    "adagrad_update": lambda m: {"rho": 1.0, "rest": 1.0, "epsilon": m["epsilon"]},
    "rmsprop_momentum_update": lambda m: (
        _decay(m) | {"momentum": m["momentum"], "centered": bool(m["centered"])}
    ),
    "complete_mean": lambda m: {"count": m["count"]},
    "limit_value": lambda m: {"limit": m["limit"]},
}
KERNELS = {"adagrad_update": "rmsprop_update"}  # where another one does the same


def _betas(m: Meta) -> dict[str, float]:
    return {"b1": m["beta_1"], "b2": m["beta_2"]}


def _decay(m: Meta) -> dict[str, float]:
    return {"rho": m["rho"], "rest": 1.0 - m["rho"], "epsilon": m["epsilon"]}


@lowers(*TENSORS)
def update(site: Site, instruction: Instruction) -> Work | None:
    """Arrays of one size, then numbers that are the same for all."""
    inputs, name = instruction.inputs, instruction.primitive.name
    first = inputs[0]
    if not flat(*inputs) or not first.size:
        return None
    if any(t.shape not in (first.shape, ()) for t in inputs):
        return None
    arrays, rows = _arrays(inputs), first.size
    places = {
        argument: At(t, 4 if k < arrays else 0)
        for k, (argument, t) in enumerate(zip(TENSORS[name].split(), inputs, strict=True))
    }
    numbers = NUMBERS[name](instruction.meta) if name in NUMBERS else {}
    call = Call(KERNELS.get(name, name), **places, **numbers)
    return Work((call,), rows, FIXED + 0.15 * len(inputs) * rows)


def _arrays(inputs: tuple[Tensor, ...]) -> int:
    """How many inputs are arrays: those before the first single number."""
    if not inputs[0].ndim:
        return len(inputs)
    return next((k for k, t in enumerate(inputs) if not t.ndim), len(inputs))


@lowers("limit_norm")
def limit_norm(site: Site, instruction: Instruction) -> Work | None:
    """x and its norm, or that of all."""
    x, norm = instruction.inputs
    if not flat(x) or norm.dtype != np.float64 or norm.size != 1:
        return None
    call = Call("limit_norm", x=At(x, 4), norm=At(norm), limit=instruction.meta["limit"])
    return Work((call,), x.size, FIXED + 0.15 * x.size)


@lowers("add_norm")
def add_norm(site: Site, instruction: Instruction) -> Work | None:
    """In one piece: a sum of other pieces would have other bits."""
    total, x = instruction.inputs
    if not flat(x) or total.dtype != np.float64 or total.size != 1:
        return None
    call = Call("add_norm", n=x.size, total=At(total), x=At(x))
    return Work((call,), 1, FIXED + 0.15 * x.size)
