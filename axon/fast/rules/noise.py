"""Rules for random numbers."""

import numpy as np

from axon.fast.rules.calls import At, Call, Site, Word, Work, lowers
from axon.fast.rules.elementwise import FIXED, SMALL
from axon.ops.random import WORDS
from axon.program.trace import Instruction

COSTS = {"keep_mask": 0.5, "uniform": 0.5, "normal": 3.0}  # nanoseconds for each number


@lowers(*COSTS)
def noise(site: Site, instruction: Instruction) -> Work | None:
    """Each number is told by the key and its place, wherever the result is cut."""
    (key,), out, meta = instruction.inputs, instruction.out, instruction.meta
    name = instruction.primitive.name
    if out.dtype != np.float32 or key.dtype != np.uint32 or not 0 < out.size < 2**31:
        return None
    batched = site.rows(out)
    rows = site.batch if batched else 1 if out.size <= SMALL or not out.ndim else out.shape[0]
    size = out.size // rows
    more: dict[str, float] = {"size": out.size} if name == "normal" else {}
    if name == "keep_mask":
        rate = meta["rate"]
        more = {"threshold": min(round(rate * WORDS), WORDS - 1), "value": 1 / (1 - rate)}
    call = Call(name, row=Word(0, by_row=1), n=size, out=At(out, size * 4), key=At(key), **more)
    return Work((call,), rows, FIXED + COSTS[name] * out.size, batched)
