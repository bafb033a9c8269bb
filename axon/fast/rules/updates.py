"""Rules for the optimizers' updates, and for what they do to gradients."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from axon.core import Tensor
from axon.fast.rules.calls import At, Call, Site, Word, Work, double, flat, lowers, real
from axon.program.trace import Instruction

Meta = Mapping[str, Any]
FIXED = 60.0  # nanoseconds that a call takes

NUMBERS: dict[str, Callable[[Meta], tuple[Word, ...]]] = {  # what follows the tensors
    "sgd_update": lambda m: (),
    "momentum_update": lambda m: (real(m["momentum"]), Word(int(m["nesterov"]))),
    "adam_update": lambda m: (real(m["beta_1"]), real(m["beta_2"])),
    "amsgrad_update": lambda m: (real(m["beta_1"]), real(m["beta_2"])),
    "nadam_update": lambda m: (real(m["beta_1"]), real(m["beta_2"])),
    "adamax_update": lambda m: (real(m["beta_1"]), real(m["beta_2"]), real(m["epsilon"])),
    "lion_update": lambda m: (
        *(real(m["beta_1"]), real(1.0 - m["beta_1"])),
        *(real(m["beta_2"]), real(1.0 - m["beta_2"])),
    ),
    "rmsprop_update": lambda m: (real(m["rho"]), real(1.0 - m["rho"]), real(m["epsilon"])),
    "adagrad_update": lambda m: (real(1.0), real(1.0), real(m["epsilon"])),
    "rmsprop_momentum_update": lambda m: (
        *(real(m["rho"]), real(1.0 - m["rho"]), real(m["epsilon"])),
        *(real(m["momentum"]), Word(int(m["centered"]))),
    ),
    "shrink": lambda m: (),
    "approach": lambda m: (),
    "complete_mean": lambda m: (real(m["count"]),),
    "limit_value": lambda m: (real(m["limit"]),),
}
KERNELS = {"adagrad_update": "rmsprop_update"}  # where another one does the same


@lowers(*NUMBERS)
def update(site: Site, instruction: Instruction) -> Work | None:
    """Arrays of one size, then numbers that are the same for all."""
    inputs, name = instruction.inputs, instruction.primitive.name
    first = inputs[0]
    if not flat(*inputs) or not first.size:
        return None
    if any(t.shape not in (first.shape, ()) for t in inputs):
        return None
    rows = first.size
    places: tuple[At | Word, ...] = tuple(
        At(t, 4 if t.shape == first.shape and k < _long(inputs) else 0)
        for k, t in enumerate(inputs)
    )
    words = (Word(1), *places, *NUMBERS[name](instruction.meta))
    return Work((Call(KERNELS.get(name, name), words),), rows, FIXED + 0.15 * len(inputs) * rows)


def _long(inputs: tuple[Tensor, ...]) -> int:
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
    call = Call("limit_norm", (Word(1), At(x, 4), At(norm), double(instruction.meta["limit"])))
    return Work((call,), x.size, FIXED + 0.15 * x.size)


@lowers("add_norm")
def add_norm(site: Site, instruction: Instruction) -> Work | None:
    """In one piece: a sum of other pieces would have other bits."""
    total, x = instruction.inputs
    if not flat(x) or total.dtype != np.float64 or total.size != 1:
        return None
    return Work((Call("add_norm", (Word(x.size), At(total), At(x))),), 1, FIXED + 0.15 * x.size)
