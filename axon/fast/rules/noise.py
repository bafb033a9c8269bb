"""Rules for random numbers."""

import numpy as np

from axon.fast.rules.calls import At, Call, Site, Word, Work, lowers
from axon.fast.rules.elementwise import FIXED, SMALL
from axon.ops.random import threshold_of
from axon.program.trace import Instruction

COSTS = {  # nanoseconds for each number
    **{"keep_mask": 0.5, "dropout_mask": 0.5},
    **{"uniform": 0.5, "normal": 3.0},
}


@lowers(*COSTS)
def noise(site: Site, instruction: Instruction) -> Work | None:
    """Each number is told by the key and its place, wherever the result is cut."""
    (key, *given), out, meta = instruction.inputs, instruction.out, instruction.meta
    name = instruction.primitive.name
    if out.dtype != np.float32 or key.dtype != np.uint32 or not 0 < out.size < 2**31:
        return None
    batched = site.rows(out)
    rows = site.batch if batched else 1 if out.size <= SMALL or not out.ndim else out.shape[0]
    size = out.size // rows
    more: dict[str, float | At] = {"size": out.size} if name == "normal" else {}
    if name == "keep_mask":
        rate = meta["rate"]
        more = {"threshold": threshold_of(rate), "value": 1 / (1 - rate)}
    if given:
        more = dict(zip(("threshold", "value"), map(At, given), strict=True))
        if given[0].dtype != np.int64:
            return None
    call = Call(name, row=Word(0, by_row=1), n=size, out=At(out, size * 4), key=At(key), **more)
    return Work((call,), rows, FIXED + COSTS[name] * out.size, batched)
