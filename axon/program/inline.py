"""A program as a notebook shows it: its instructions in tables that unfold."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from axon.backend import Array
from axon.html.parts import SHOWN, Share, details, framed, table
from axon.names import size
from axon.program.show import Line

MOST = 3 * SHOWN  # instructions that are shown


def program_html(
    name: str,
    inputs: Mapping[str, Array],
    lines: Sequence[Line],
    seconds: Sequence[float],
    buffers: Sequence[int],
    before: int,
) -> str:
    """A table for each phase, with what results are, where they live, and what they took.

    Args:
        name: of the program.
        inputs: by name.
        lines: its instructions.
        seconds: of each of them, if it was profiled.
        buffers: the bytes of each.
        before: bytes that the results would take one by one.
    """
    views = sum(line.kind == "views" for line in lines)
    note = (
        f"{len(lines):,} instructions, {views:,} of them views; {len(buffers)} "
        f"buffers of {size(sum(buffers))} in all, one by one it would be {size(before)}"
    )
    if seconds:
        note += f"; {sum(seconds) * 1e3:,.3f} ms"
    given = [[label, _shape(a.shape, a.dtype), size(a.nbytes)] for label, a in inputs.items()]
    above = details(f"{len(given)} inputs", table(["input", "shape", "bytes"], given, text=2))
    more = len(lines) - MOST
    left = f"<p>… and {more:,} more instructions: print(program)</p>" if more > 0 else ""
    return framed(f"program {name}", above, *_phases(lines, seconds), left, note=note)


def _phases(lines: Sequence[Line], seconds: Sequence[float]) -> Iterator[str]:
    """The instructions of the forward pass, of the backward pass, and of the update."""
    total = sum(seconds)
    pairs = list(zip(lines, seconds or [0.0] * len(lines), strict=True))[:MOST]
    timed = [f"time, {MICRO}", "share"] if total else []
    heads = ["", "instruction", "shape", "lives in", "bytes", *timed]
    for number, (phase, part) in enumerate(groupby(pairs, key=lambda pair: pair[0].phase)):
        own = list(part)
        rows = [[*_cells(line), *(_times(spent, total) if total else [])] for line, spent in own]
        taken = sum(s for _, s in own)
        said = f"{phase}: {len(own):,} instructions"
        said += f", {taken * 1e6:,.1f} {MICRO}, {taken / total:.1%}" if total else ""
        yield details(said, table(heads, rows, text=4), unfolded=number == 0 and len(own) <= 40)


MICRO = "µs"


def _times(spent: float, total: float) -> Sequence[object]:
    return [f"{spent * 1e6:,.1f}", Share(spent / total)] if spent else ["", ""]


def _cells(line: Line) -> Sequence[object]:
    nbytes = 0
    if line.kind == "fills":
        nbytes = line.dtype.itemsize
        for length in line.shape:
            nbytes *= length
    owner = f"  ({line.scope})" if line.scope else ""
    of = _shape(line.shape, line.dtype)
    return [line.result, f"{line.call}{owner}", of, line.place, size(nbytes) if nbytes else ""]


def _shape(shape: Sequence[int], dtype: object) -> str:
    type_name = "" if str(dtype) == "float32" else f" {dtype}"
    return ("×".join(map(str, shape)) or "number") + type_name
