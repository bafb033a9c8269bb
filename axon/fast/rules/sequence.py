"""Rules for recurrences."""

from axon.core import Tensor
from axon.fast.kernels.sequence import BLOCK, STEPS
from axon.fast.rules.blas import sgemm_address
from axon.fast.rules.calls import At, Call, Site, Word, Work, Workspace, flat, lowers
from axon.fast.rules.matmul import GFLOPS, laid
from axon.fast.rules.reduce import combined
from axon.ops.cells import CELLS
from axon.program.trace import Instruction

CELL = {"lstm": 0, "gru": 1, "simple_rnn": 2}
GATE = 3.0  # nanoseconds for each number of the states


@lowers("recurrent_input")
def recurrent_input(site: Site, instruction: Instruction) -> Work | None:
    """x W + b, and further lines below."""
    (x, w, b, *rows), out = instruction.inputs, instruction.out
    blas, lay = sgemm_address(), laid(w)
    if not blas or lay is None or not flat(x, b, out, *rows) or not x.size or w.dtype != out.dtype:
        return None
    lines, depth, width = len(x), x.shape[1], out.shape[1]
    each = next(k for k in (8, 4, 2, 1) if lines % k == 0)
    sizes = (Word(each), Word(width), Word(depth), Word(blas), Word(111), Word(lay[0]))
    places = (At(x, each * depth * 4), Word(depth), At(w), Word(lay[1]))
    result = At(out, each * width * 4)
    calls = [
        Call("product", (*sizes, *places, result, Word(width))),
        Call("add_line", (Word(each), Word(width), result, At(b))),
    ]
    start = lines
    for row in rows:
        number = (Word(0, by_row=1), Word(len(row)), Word(width), Word(row.shape[1]))
        calls.append(Call("lay_lines", (*number, At(out, offset=start * width * 4), At(row))))
        start += len(row)
    cost = 2.0 * lines * depth * width / GFLOPS + 0.3 * out.size
    return Work(tuple(calls), lines // each, cost)


@lowers("unfilled")
def unfilled(site: Site, instruction: Instruction) -> Work | None:
    """Memory, whatever is in it (see axon/fast/fusion.py)."""
    return Work((), 1, 0.0)


def _sizes(p: Tensor, cell: str, time: int) -> tuple[int, int]:
    """Samples and units (see axon/ops/recurrent.py)."""
    kind = CELLS[cell]
    units = p.shape[1] // kind.gates
    return (p.shape[0] - units - kind.biased) // (time + 1), units


def _words(site: Site, p: Tensor, mask: Tensor, y: Tensor, cell: str, time: int) -> tuple:  # type: ignore[type-arg]
    n, units = _sizes(p, cell, time)
    head = (Word(0, by_row=1), Word(n), Word(time), Word(units), Word(sgemm_address()))
    return (*head, Word(CELL[cell]), At(p), At(mask), Word(mask.shape[1]), At(y))


def _suits(site: Site, p: Tensor, mask: Tensor, cell: str, time: int, *others: Tensor) -> bool:
    n, units = _sizes(p, cell, time)
    fits = n == site.batch and n > 0 and units > 0 and time > 0
    return fits and bool(sgemm_address()) and flat(p, mask, *others)


@lowers("recurrence")
def recurrence(site: Site, instruction: Instruction) -> Work | None:
    """Each piece of the batch goes through all steps."""
    (p, mask), out = instruction.inputs, instruction.out
    cell, time = instruction.meta["cell"], instruction.meta["time"]
    if not _suits(site, p, mask, cell, time, out):
        return None
    n, units = _sizes(p, cell, time)
    room = Workspace(by_piece=BLOCK * p.shape[1] * 4)
    words = (*_words(site, p, mask, out, cell, time), At(room, by_piece=room.by_piece))
    cost = 2.0 * time * n * units * p.shape[1] / GFLOPS + GATE * time * n * units
    return Work((Call("recurrence", words),), n, cost, True)


@lowers("recurrence_backward")
def recurrence_backward(site: Site, instruction: Instruction) -> Work | None:
    """The same backwards; what sums over samples is added up in the end."""
    dp, g, y, p, mask = instruction.inputs
    cell, time = instruction.meta["cell"], instruction.meta["time"]
    if g.ndim != 3 or not _suits(site, p, mask, cell, time, dp, g, y):
        return None
    n, units = _sizes(p, cell, time)
    width = p.shape[1]
    room = Workspace(by_piece=BLOCK * (4 * units + STEPS * (units + width)) * 4)
    part = Workspace(by_piece=-(-(units + 1) * width * 4 // 64) * 64)
    kept = (At(part, by_piece=part.by_piece), At(room, by_piece=room.by_piece))
    words = (*_words(site, p, mask, y, cell, time), At(dp), At(g), *kept)
    count = (units + CELLS[cell].biased) * width

    def after(pieces: int) -> Work:
        return combined(At(dp, 4, offset=time * n * width * 4), count, part, pieces)

    cost = 4.0 * time * n * units * width / GFLOPS + 2 * GATE * time * n * units
    return Work((Call("recurrence_back", words),), n, cost, True, after)
