"""Recurrences. A piece of the batch goes through all steps while it is in the cache."""

from typing import NamedTuple

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import Address
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.gates import (
    gru_back,
    gru_more,
    gru_step,
    lstm_back,
    lstm_more,
    lstm_step,
    simple_back,
    simple_step,
)
from axon.fast.kernels.intrinsics import floats
from axon.fast.kernels.products import multiply

ZERO = np.float32(0)
BLOCK = 8  # samples that take a step together: more, and BLAS would pack the weights each time
STEPS = 8  # steps whose share in the gradient of R is added at once
LSTM, GRU, SIMPLE = 0, 1, 2

# ------------------------------------------------------------------------------------ lines


@njit(inline="always")
def fill(out: int, n: int) -> None:
    """Zeros."""
    y = floats(out, n)
    for j in range(n):
        y[j] = ZERO


@njit(inline="always")
def move(out: int, x: int, n: int) -> None:
    """The same numbers."""
    y, a = floats(out, n), floats(x, n)
    for j in range(n):
        y[j] = a[j]


@njit(inline="always")
def add_to(out: int, x: int, n: int) -> None:
    """y + x."""
    y, a = floats(out, n), floats(x, n)
    for j in range(n):
        y[j] += a[j]


# ------------------------------------------------------------------------------------ all steps


class RecurrenceSizes(NamedTuple):
    """Sizes of a recurrence, and where it lies (axon/ops/recurrent.py).

    p are the gates' inputs, weights, bias and first states; y are saved gates and states.
    """

    samples: int
    time: int
    units: int
    blas: int
    cell: int
    p: Address
    mask: Address
    mask_width: int  # 0: there is no mask
    y: Address


@njit(inline="always")
def is_left_out(mask: int, width: int, sample: int, t: int) -> bool:
    """Whether the mask says that a sample has no step t."""
    return width != 0 and floats(mask + 4 * (sample * width + t), 1)[0] == ZERO


@kernel
def recurrence(rows: int, row: int, recurrence: RecurrenceSizes, workspace: Address) -> None:
    """All steps of the samples of a piece; the workspace holds the gates of a block."""
    n, time, u, blas, cell, p, mask, mask_width, y = recurrence
    gates = 4 if cell == LSTM else 3 if cell == GRU else 1
    saved = 0 if cell == SIMPLE else 4
    states = 2 if cell == LSTM else 1
    width, line = gates * u * 4, u * 4
    later, apart = n * line, (time + 1) * n * line
    weights = p + time * n * width
    bias = weights + u * width
    initial = bias + (width if cell == GRU else 0)
    m, wide = workspace, gates * u
    for start in range(row, row + rows, BLOCK):
        count = min(BLOCK, row + rows - start)
        for s in range(start, start + count):
            for k in range(states):
                move(y + (saved + k) * apart + s * line, initial + s * width + k * line, u)
            for k in range(saved):
                fill(y + k * apart + time * later + s * line, u)
        for t in range(time):
            h = y + saved * apart + t * later + start * line
            multiply(blas, 111, 111, count, wide, u, h, u, weights, wide, False, m, wide)
            for i in range(count):
                s = start + i
                at, z = y + t * later + s * line, p + (t * n + s) * width
                if is_left_out(mask, mask_width, s, t):
                    for k in range(saved):
                        fill(at + k * apart, u)
                    for k in range(states):
                        move(at + (saved + k) * apart + later, at + (saved + k) * apart, u)
                elif cell == LSTM:
                    lstm_step(m + i * width, z, at, apart, later, u)
                elif cell == GRU:
                    gru_step(m + i * width, z, bias, at, apart, later, u)
                else:
                    simple_step(m + i * width, z, at + later, u)


@kernel
def recurrence_back(
    rows: int, first: bool, row: int, full: int, recurrence: RecurrenceSizes,
    dp: Address, g: Address, part: Address, workspace: Address,
) -> None:  # fmt: skip
    """All steps of the samples of a piece, backwards; sums over samples and steps go to a part.

    g is the gradient of h alone; if it is ``full``, that of gates, h and c, which lie like them.
    """
    n, time, u, blas, cell, p, mask, mask_width, y = recurrence
    gates = 4 if cell == LSTM else 3 if cell == GRU else 1
    saved = 0 if cell == SIMPLE else 4
    wide, width, line = gates * u, gates * u * 4, u * 4
    later, apart = n * line, (time + 1) * n * line
    weights = p + time * n * width
    initial = dp + time * n * width + u * width + (width if cell == GRU else 0)
    dh, dc = workspace, workspace + 8 * line
    through, past = workspace + 16 * line, workspace + 24 * line
    hs = workspace + 32 * line  # h and the gradient of its product with R, of some steps
    ms = hs + STEPS * BLOCK * line
    gh, gc = g, g
    if full != 0:
        gh, gc = g + saved * apart, g + (saved + 1) * apart
    if first:
        fill(part, (u + 1) * wide)
    for start in range(row, row + rows, BLOCK):
        count = min(BLOCK, row + rows - start)
        move(dh, gh + time * later + start * line, count * u)
        fill(dc, count * u)
        if full != 0 and cell == LSTM:
            move(dc, gc + time * later + start * line, count * u)
        for back in range(time):
            t = time - 1 - back
            base = dp + (t * n + start) * width
            kept = back % STEPS * count
            product = ms + kept * width
            for i in range(count):
                s = start + i
                at, dm = y + t * later + s * line, product + i * width
                dz = base + i * width if cell == GRU else dm
                if is_left_out(mask, mask_width, s, t):
                    fill(dz, wide)
                    fill(dm, wide)
                elif cell == LSTM:
                    lstm_back(dz, dh + i * line, dc + i * line, at, apart, later, u)
                    if full != 0:
                        lstm_more(dz, g + t * later + s * line, at, apart, u)
                elif cell == GRU:
                    gru_back(dz, dm, dh + i * line, past + i * line, at, apart, u)
                    if full != 0:
                        gru_more(dz, dm, g + t * later + s * line, at, apart, u)
                else:
                    simple_back(dz, dh + i * line, at + later, u)
            if cell != GRU:
                move(base, product, count * wide)
            move(hs + kept * line, y + saved * apart + t * later + start * line, count * u)
            if kept == (STEPS - 1) * count or t == 0:
                kept += count
                multiply(blas, 112, 111, u, wide, kept, hs, u, ms, wide, True, part, wide)
            multiply(
                blas, 111, 112, count, u, wide, product, wide, weights, wide, False, through, u
            )
            for i in range(count):
                s = start + i
                if not is_left_out(mask, mask_width, s, t):
                    move(dh + i * line, through + i * line, u)
                    if cell == GRU:
                        add_to(dh + i * line, past + i * line, u)
                        add_to(part + u * width, product + i * width, wide)
                add_to(dh + i * line, gh + t * later + s * line, u)
                if full != 0 and cell == LSTM:
                    add_to(dc + i * line, gc + t * later + s * line, u)
        for i in range(count):
            place = initial + (start + i) * width
            fill(place, wide)
            move(place, dh + i * line, u)
            if cell == LSTM:
                move(place + line, dc + i * line, u)


# ------------------------------------------------------------------------------------ the matrix


@kernel
def add_line(rows: int, lines: int, n: int, out: Address, x: Address) -> None:
    """Add a line to each."""
    for i in range(rows * lines):
        add_to(out + i * n * 4, x, n)


@kernel
def lay_lines(row: int, lines: int, width: int, n: int, out: Address, x: Address) -> None:
    """By the first piece: lines of n numbers, filled up with zeros."""
    if row == 0:
        for i in range(lines):
            fill(out + i * width * 4, width)
            move(out + i * width * 4, x + i * n * 4, n)
