"""Rules for the optimizers' updates, and for what they do to gradients."""

import numpy as np

from axon.core import Tensor
from axon.fast.rules.calls import At, Call, Site, Work, by_name, flat, lowers
from axon.program.trace import Instruction

FIXED = 60.0  # nanoseconds that a call takes
UPDATES = (
    *("sgd_update", "momentum_update", "adam_update", "amsgrad_update", "nadam_update"),
    *("adamax_update", "lion_update", "adagrad_update", "rmsprop_update"),
    *("changing_momentum_update", "changing_rmsprop_update"),
    *("rmsprop_momentum_update", "shrink", "approach", "complete_mean", "limit_value"),
)
GIVEN = {"adagrad_update": {"one": 1.0}}  # what only the compiled kernel takes


@lowers(*UPDATES)
def update(site: Site, instruction: Instruction) -> Work | None:
    """Arrays of one size, then numbers that are the same for all."""
    inputs = instruction.inputs
    shape, rows = inputs[0].shape, inputs[0].size
    if not flat(*inputs) or not rows or any(t.shape not in (shape, ()) for t in inputs):
        return None
    arrays = _arrays(inputs)
    places = {
        name: At(t, 4 if k < arrays else 0)
        for k, (name, t) in enumerate(by_name(instruction).items())
    }
    name = instruction.primitive.name
    call = Call(name, **places, **instruction.meta, **GIVEN.get(name, {}))
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
