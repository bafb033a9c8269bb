"""Rules for the few numbers that a step counts."""

import numpy as np

from axon.core import Tensor
from axon.fast.rules.calls import At, Call, Site, Word, Work, double, lowers
from axon.program.trace import Instruction


def _are(kind: type, *tensors: Tensor) -> bool:
    return all(t.dtype == kind and t.size == 1 for t in tensors)


@lowers("add_mean")
def add_mean(site: Site, instruction: Instruction) -> Work | None:
    """total, number, mean."""
    total, number, mean = instruction.inputs
    if not _are(np.float64, total, number) or not _are(np.float32, mean):
        return None
    count = Word(int(instruction.meta["count"]))
    return Work((Call("add_mean", (At(total), At(number), At(mean), count)),), cost=40.0)


@lowers("adam_scalars")
def adam_scalars(site: Site, instruction: Instruction) -> Work | None:
    """out (2,), rate, iterations."""
    out, rate, iterations = instruction.inputs
    if out.dtype != np.float32 or not _are(np.float64, rate, iterations):
        return None
    numbers = (double(instruction.meta[name]) for name in ("beta_1", "beta_2", "epsilon"))
    places = (At(out), At(rate), At(iterations))
    return Work((Call("adam_scalars", (*places, *numbers)),), cost=100.0)
