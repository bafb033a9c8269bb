"""Rules for the product of rows of bins with weights."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from axon.backend import ALIGNMENT
from axon.core import Tensor
from axon.fast.kernels.piecewise import ACROSS, LINE, Columns, Places
from axon.fast.rules.calls import At, Call, Site, Word, Work, Workspace, flat, lowers
from axon.fast.rules.elementwise import FIXED
from axon.fast.rules.lookup import size_of_number
from axon.program.trace import Instruction

TOGETHER = 2**18 // LINE  # bins of columns that are looked up together: they fit into the cache
LOOKED_UP, ADDED = 0.10, 0.3  # nanoseconds for an output of a column, for that of a bin


def _columns(sizes: tuple[int, ...]) -> tuple[Columns, int]:
    """Columns in parts that fit into the cache; and how many places the longest part takes.

    Each column takes a place more than it has bins.
    """
    starts: list[int] = []
    ends: list[int] = []
    places = longest = 0
    for k, size in enumerate(sizes):
        if k and places + size + 1 > TOGETHER:
            ends.append(k)
            places = 0
        starts.append(places)
        places += size + 1
        longest = max(longest, places)
    ends.append(len(sizes))
    words = _words(sizes), _words(starts), len(ends), _words(ends)
    return Columns(len(sizes), *words), longest


@lowers("piecewise_matmul", "piecewise_matmul_gradient")
def piecewise(site: Site, instruction: Instruction) -> Work | None:
    """Each piece has some of the outputs, for all rows."""
    (bins, fractions, third), out = instruction.inputs, instruction.out
    name, sizes = instruction.primitive.name, tuple(instruction.meta["sizes"])
    number = size_of_number(bins)
    if number is None or not flat(fractions, third) or not sizes or not out.size:
        return None
    outputs, lines = out.shape[-1], prod(bins.shape[:-1])
    shares: Any = At(fractions)
    places = Places(lines, At(bins), number, shares)
    call = (_forward if name == "piecewise_matmul" else _backward)(sizes, places, third, out)
    cost = LOOKED_UP * lines * len(sizes) * outputs + ADDED * sum(sizes) * outputs
    return Work((call,), -(-outputs // ACROSS), FIXED + cost)


def _forward(sizes: tuple[int, ...], places: Places, weights: Tensor, out: Tensor) -> Call:
    columns, longest = _columns(sizes)
    return Call(
        _named("piecewise_matmul", out.shape[-1]),
        **{"start": Word(0, by_row=ACROSS), "outputs": out.shape[-1]},
        **{"places": places, "columns": columns},
        **{"out": At(out), "weights": At(weights), "table": _workspace(longest * LINE)},
    )


def _backward(sizes: tuple[int, ...], places: Places, g: Tensor, out: Tensor) -> Call:
    columns, _ = _columns(sizes)
    most = max(sizes)
    ordered = _workspace(8 * (most + 3 + places.lines) + 4 * places.lines)
    return Call(
        _named("piecewise_matmul_gradient", out.shape[-1]),
        **{"start": Word(0, by_row=ACROSS), "outputs": out.shape[-1]},
        **{"places": places, "columns": columns, "most": most},
        **{"out": At(out), "g": At(g), "ordered": ordered},
    )


def _named(name: str, outputs: int) -> str:
    """The kernel for so many outputs."""
    return f"{name}_in_parts" if outputs % ACROSS else name


def _words(numbers: Sequence[int]) -> Any:
    return At(Tensor(np.array(numbers, np.int64)))


def _workspace(nbytes: int) -> At:
    """Some for each piece, in lines of its own."""
    lines = -(-nbytes // ALIGNMENT) * ALIGNMENT
    return At(Workspace(by_piece=lines), by_piece=lines)
