"""The product of rows of bins with weights, by looking up sums (axon/ops/piecewise.py).

The weights of a column of bins are added up from its first bin on, T[i] = W[0] + ... + W[i - 1];
a row adds (1 - fraction) T[place] + fraction T[place + 1]. It is done for ``ACROSS`` outputs at a
time, and so many columns that T stays in the core's cache. Outputs that are no multiple of that
have kernels of their own ("..._in_parts"): what is left over takes as long to compile as the rest.

The way back, the rows are sorted by their place in a column. From its last bin to its first one
their gradients are added up: a bin has those of the rows behind it, and a fraction of its own.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import Address, Floats, Integers
from axon.fast.kernels.declare import declare
from axon.fast.kernels.intrinsics import floats, words
from axon.fast.kernels.lookup import number_at
from axon.fast.kernels.vectors import (
    LANES,
    WIDE,
    by_full_vectors,
    by_vectors,
    fill,
    load,
    multiply_add,
    store,
    vector,
)

ACROSS = 4 * LANES  # outputs at a time: as many as are added up in registers
LINE = 4 * ACROSS  # bytes from one bin to the next in T
ZERO, ONE = np.float32(0), np.float32(1)


class Columns(NamedTuple):
    """How many there are, how many bins each has, where it begins in T, how many are done at once.

    There are ``parts`` of them; ``ends`` says at which column each part ends.
    """

    count: int
    sizes: Integers
    starts: Integers
    parts: int
    ends: Integers


class Places(NamedTuple):
    """The places in bins of so many rows, the bytes of such a number, and the fractions."""

    lines: int
    place: Address
    bytes_of_number: int
    fractions: Floats


@njit(inline="always")
def _found(i: int, k: int, places: Places, columns: Columns, table: int) -> tuple[int, float]:
    """Where in T column k of row i is looked up, and how much of what follows there counts."""
    at = i * columns.count + k
    place, share = number_at(places.bytes_of_number, places.place, at), places.fractions[at]
    last = columns.sizes[k] - 1
    if place < 0:
        place, share = 0, ZERO
    elif place > last:
        place, share = last, ONE
    return table + (columns.starts[k] + place) * LINE, share


@njit(inline="always")
def _put(at: int, a: Any, b: Any, c: Any, d: Any) -> None:
    """Write ``ACROSS`` numbers."""
    store(at, a)
    store(at + WIDE, b)
    store(at + 2 * WIDE, c)
    store(at + 3 * WIDE, d)


# ------------------------------------------------------------------------------------ forward


@njit(inline="always")
def _prefixes(like: Any, at: int, given: Any) -> None:
    """T of a column: what lies before each of its bins and, last of all, all of it."""
    table, weights, step, bins = given
    total = fill(ZERO, like)
    store(table + at, total)
    for i in range(bins):
        total = total + load(weights + at + i * step, like)
        store(table + at + (i + 1) * LINE, total)


@njit(inline="always")
def _looked_up(place: int, p: Any, q: Any, total: Any, like: Any) -> Any:
    """p T[place] + q T[place + 1], and what there was before."""
    return multiply_add(q, load(place + LINE, like), multiply_add(p, load(place, like), total))


@njit(inline="always")
def _row(like: Any, at: int, given: Any) -> None:
    """Some outputs of a row: what some columns have, on top of those before."""
    i, first, end, places, columns, table, out = given
    total = fill(ZERO, like)
    if first:
        total = load(out + at, like)
    for k in range(first, end):
        place, share = _found(i, k, places, columns, table + at)
        total = _looked_up(place, fill(ONE - share, like), fill(share, like), total, like)
    store(out + at, total)


@njit(inline="always")
def _row_across(given: Any) -> None:
    """As ``_row``, for ``ACROSS`` outputs, which stay in registers."""
    i, first, end, places, columns, table, out = given
    like = vector()
    a, b, c, d = fill(ZERO, like), fill(ZERO, like), fill(ZERO, like), fill(ZERO, like)
    if first:
        a, b = load(out, like), load(out + WIDE, like)
        c, d = load(out + 2 * WIDE, like), load(out + 3 * WIDE, like)
    for k in range(first, end):
        place, share = _found(i, k, places, columns, table)
        p, q = fill(ONE - share, like), fill(share, like)
        a = _looked_up(place, p, q, a, like)
        b = _looked_up(place + WIDE, p, q, b, like)
        c = _looked_up(place + 2 * WIDE, p, q, c, like)
        d = _looked_up(place + 3 * WIDE, p, q, d, like)
    _put(out, a, b, c, d)


@njit(inline="always")
def _row_in_parts(width: int, given: Any) -> None:
    """Up to ``ACROSS`` outputs of a row."""
    if width == ACROSS:
        _row_across(given)
    else:
        by_vectors(_row, width, given)


@njit(inline="always")
def _row_full(width: int, given: Any) -> None:
    """``ACROSS`` outputs of a row."""
    _row_across(given)


def forward(
    vectors: Any, row: Any, rows: int, start: int, outputs: int, places: Places, columns: Columns,
    out: Address, weights: Address, table: Address,
) -> None:  # fmt: skip
    """Outputs from ``start`` on, ``ACROSS`` for each row."""
    step, stop = 4 * outputs, min(start + rows * ACROSS, outputs)
    for j in range(start, stop, ACROSS):
        width, source, first = min(ACROSS, stop - j), weights + 4 * j, 0
        for part in range(columns.parts):
            end = columns.ends[part]
            for k in range(first, end):
                bins, into = columns.sizes[k], table + columns.starts[k] * LINE
                vectors(_prefixes, width, (into, source, step, bins))
                source += bins * step
            for i in range(places.lines):
                row(width, (i, first, end, places, columns, table, out + i * step + 4 * j))
            first = end


declare("piecewise_matmul", forward, by_full_vectors, _row_full)
declare("piecewise_matmul_in_parts", forward, by_vectors, _row_in_parts)


# ------------------------------------------------------------------------------------ backward


@njit(inline="always")
def _in_order(
    k: int, places: Places, columns: Columns, begins: Any, order: Any, shares: Any
) -> None:
    """Sort the rows by where they are in a column: ``begins`` says where those of a bin begin.

    The last "bin" is for those beyond; those before the first one are left out.
    """
    bins = columns.sizes[k]
    for i in range(bins + 3):
        begins[i] = 0
    for i in range(places.lines):
        place = number_at(places.bytes_of_number, places.place, i * columns.count + k)
        if place >= 0:
            begins[min(place, bins) + 2] += 1
    for i in range(bins + 2):
        begins[i + 1] += begins[i]
    for i in range(places.lines):
        at = i * columns.count + k
        place = min(number_at(places.bytes_of_number, places.place, at), bins) + 1
        if place > 0:
            order[begins[place]], shares[begins[place]] = i, places.fractions[at]
            begins[place] += 1


@njit(inline="always")
def _column_back(like: Any, at: int, given: Any) -> None:
    """Of each bin, last to first: the rows behind it, and its share of those at it."""
    out, g, step, bins, begins, order, shares = given
    behind, i = fill(ZERO, like), begins[bins + 1] - 1
    for bin_ in range(bins, -1, -1):
        total, first = behind, begins[bin_]
        while i >= first:
            row = load(g + at + order[i] * step, like)
            total, behind = multiply_add(fill(shares[i], like), row, total), behind + row
            i -= 1
        if bin_ < bins:
            store(out + at + bin_ * step, total)


@njit(inline="always")
def _column_back_across(given: Any) -> None:
    """As ``_column_back``, ``ACROSS`` numbers, which stay in registers."""
    out, g, step, bins, begins, order, shares = given
    like, i = vector(), begins[bins + 1] - 1
    a, b, c, d = fill(ZERO, like), fill(ZERO, like), fill(ZERO, like), fill(ZERO, like)
    for bin_ in range(bins, -1, -1):
        p, q, r, s, first = a, b, c, d, begins[bin_]
        while i >= first:
            row, share = g + order[i] * step, fill(shares[i], like)
            w, x = load(row, like), load(row + WIDE, like)
            y, z = load(row + 2 * WIDE, like), load(row + 3 * WIDE, like)
            p, q = multiply_add(share, w, p), multiply_add(share, x, q)
            r, s = multiply_add(share, y, r), multiply_add(share, z, s)
            a, b, c, d = a + w, b + x, c + y, d + z
            i -= 1
        if bin_ < bins:
            _put(out + bin_ * step, p, q, r, s)


@njit(inline="always")
def _back_in_parts(width: int, given: Any) -> None:
    """Up to ``ACROSS`` numbers of each bin."""
    if width == ACROSS:
        _column_back_across(given)
    else:
        by_vectors(_column_back, width, given)


@njit(inline="always")
def _back_full(width: int, given: Any) -> None:
    """``ACROSS`` numbers of each bin."""
    _column_back_across(given)


def backward(
    column_back: Any, rows: int, start: int, outputs: int, places: Places, columns: Columns,
    most: int, out: Address, g: Address, ordered: Address,
) -> None:  # fmt: skip
    """Of the weights of outputs from ``start`` on, ``ACROSS`` for each row."""
    step, stop = 4 * outputs, min(start + rows * ACROSS, outputs)
    begins, order = words(ordered, most + 3), words(ordered + 8 * (most + 3), places.lines)
    shares = floats(ordered + 8 * (most + 3 + places.lines), places.lines)
    into = out
    for k in range(columns.count):
        _in_order(k, places, columns, begins, order, shares)
        for j in range(start, stop, ACROSS):
            width, bins = min(ACROSS, stop - j), columns.sizes[k]
            column_back(width, (into + 4 * j, g + 4 * j, step, bins, begins, order, shares))
        into += columns.sizes[k] * step


declare("piecewise_matmul_gradient", backward, _back_full)
declare("piecewise_matmul_gradient_in_parts", backward, _back_in_parts)
