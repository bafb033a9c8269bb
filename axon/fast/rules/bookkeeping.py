"""Rules for the few numbers that a step counts."""

import numpy as np

from axon.core import Tensor
from axon.fast.rules.calls import At, Call, Site, Work, lowers
from axon.program.trace import Instruction


def _are(dtype: type, *tensors: Tensor) -> bool:
    return all(t.dtype == dtype and t.size == 1 for t in tensors)


@lowers("add_mean")
def add_mean(site: Site, instruction: Instruction) -> Work | None:
    """total, number, mean."""
    total, number, mean = instruction.inputs
    if not _are(np.float64, total, number) or not _are(np.float32, mean):
        return None
    count = int(instruction.meta["count"])
    call = Call("add_mean", total=At(total), number=At(number), mean=At(mean), count=count)
    return Work((call,), cost=40.0)


@lowers("adam_scalars")
def adam_scalars(site: Site, instruction: Instruction) -> Work | None:
    """out (2,), rate, iterations."""
    out, rate, iterations = instruction.inputs
    if out.dtype != np.float32 or not _are(np.float64, rate, iterations):
        return None
    meta = instruction.meta
    numbers = {"b1": meta["beta_1"], "b2": meta["beta_2"], "epsilon": meta["epsilon"]}
    places = {"out": At(out), "rate": At(rate), "t": At(iterations)}
    return Work((Call("adam_scalars", **places, **numbers),), cost=100.0)
