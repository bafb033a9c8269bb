"""Rules for recurrences."""

from typing import Any

from axon.blas import sgemm_address
from axon.core import Tensor
from axon.fast.kernels.products import Matrix
from axon.fast.kernels.sequence import BLOCK, GRU, LSTM, SIMPLE, STEPS, RecurrenceSizes
from axon.fast.rules.calls import At, Call, Site, Word, Work, Workspace, flat, lowers
from axon.fast.rules.matmul import GFLOPS, laid
from axon.fast.rules.reduce import combined
from axon.ops.cells import CELLS
from axon.program.cost import multiply_adds
from axon.program.trace import Instruction

CELL = {"lstm": LSTM, "gru": GRU, "simple_rnn": SIMPLE}
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
    sizes = {"lines": each, "n": width}
    left, right = Matrix(At(x, each * depth * 4), 111, depth), Matrix(At(w), *lay)
    result = At(out, each * width * 4)
    calls = [
        Call("product", **sizes, depth=depth, blas=blas, a=left, b=right, out=result),
        Call("add_line", **sizes, out=result, x=At(b)),
    ]
    start = lines
    for row in rows:
        places = {"out": At(out, offset=start * width * 4), "x": At(row)}
        sizes = {"lines": len(row), "width": width, "n": row.shape[1]}
        calls.append(Call("lay_lines", row=Word(0, by_row=1), **sizes, **places))
        start += len(row)
    cost = 2.0 * multiply_adds(instruction) / GFLOPS + 0.3 * out.size
    return Work(tuple(calls), lines // each, cost)


@lowers("unfilled")
def unfilled(site: Site, instruction: Instruction) -> Work | None:
    """Memory, whatever is in it (see axon/fast/fusion.py)."""
    return Work((), 1, 0.0)


def _sizes(p: Tensor, cell: str, time: int) -> tuple[int, int]:
    """Samples and units (see axon/ops/recurrent.py)."""
    units = p.shape[1] // CELLS[cell].gates
    return (p.shape[0] - units - CELLS[cell].biased) // (time + 1), units


def _laid(p: Tensor, mask: Tensor, y: Tensor, cell: str, time: int) -> dict[str, Any]:
    n, units = _sizes(p, cell, time)
    sizes = (n, time, units, sgemm_address(), CELL[cell])
    laid = RecurrenceSizes(*sizes, At(p), At(mask), mask.shape[1], At(y))
    return {"row": Word(0, by_row=1), "recurrence": laid}


def _suits(site: Site, p: Tensor, mask: Tensor, cell: str, time: int, *others: Tensor) -> bool:
    n, units = _sizes(p, cell, time)
    fits = (n == site.batch or site.wide) and n > 0 and units > 0 and time > 0
    return fits and bool(sgemm_address()) and flat(p, mask, *others)


@lowers("recurrence")
def recurrence(site: Site, instruction: Instruction) -> Work | None:
    """Each piece of the batch goes through all steps."""
    (p, mask), out = instruction.inputs, instruction.out
    cell, time = instruction.meta["cell"], instruction.meta["time"]
    if not _suits(site, p, mask, cell, time, out):
        return None
    n, units = _sizes(p, cell, time)
    workspace = Workspace(by_piece=BLOCK * p.shape[1] * 4)
    place = At(workspace, by_piece=workspace.by_piece)
    call = Call("recurrence", **_laid(p, mask, out, cell, time), workspace=place)
    cost = 2.0 * multiply_adds(instruction) / GFLOPS + GATE * time * n * units
    return Work((call,), n, cost, n == site.batch)


@lowers("recurrence_backward")
def recurrence_backward(site: Site, instruction: Instruction) -> Work | None:
    """The same backwards; what sums over samples is added up in the end."""
    dp, g, y, p, mask = instruction.inputs
    cell, time = instruction.meta["cell"], instruction.meta["time"]
    if not _suits(site, p, mask, cell, time, dp, g, y):
        return None
    n, units = _sizes(p, cell, time)
    width = p.shape[1]
    workspace = Workspace(by_piece=BLOCK * (4 * units + STEPS * (units + width)) * 4)
    part = Workspace(by_piece=-(-(units + 1) * width * 4 // 64) * 64)
    places = {
        "dp": At(dp),
        "g": At(g),
        "part": At(part, by_piece=part.by_piece),
        "workspace": At(workspace, by_piece=workspace.by_piece),
    }
    laid = _laid(p, mask, y, cell, time)
    call = Call("recurrence_back", **laid, **places, full=int(g.ndim == 4))
    count = (units + CELLS[cell].biased) * width

    def after(pieces: int) -> Work:
        return combined(At(dp, 4, offset=time * n * width * 4), count, part, pieces)

    cost = 2.0 * multiply_adds(instruction) / GFLOPS + 2 * GATE * time * n * units
    return Work((call,), n, cost, True, after)
