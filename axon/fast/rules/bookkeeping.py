"""Rules for the few numbers that a step counts."""

import numpy as np

from axon.fast.rules.calls import At, Call, Site, Work, by_name, lowers
from axon.program.trace import Instruction

TYPES: dict[str, type] = dict.fromkeys(("total", "number", "rate", "iterations"), np.float64)
TYPES |= {"mean": np.float32, "out": np.float32}


@lowers("add_mean", "adam_scalars")
def count(site: Site, instruction: Instruction) -> Work | None:
    """Some numbers from others, all of them alone."""
    places = {name: At(t) for name, t in by_name(instruction).items()}
    if any(t.dtype != TYPES[name] for name, t in by_name(instruction).items()):
        return None
    call = Call(instruction.primitive.name, **places, **instruction.meta)
    return Work((call,), cost=100.0)
