"""Recurrences. A piece of the batch goes through all steps while it is in the cache."""

import numpy as np
from numba import njit

from axon.fast.kernels.declare import kernel
from axon.fast.kernels.gates import (
    gru_back,
    gru_step,
    lstm_back,
    lstm_step,
    simple_back,
    simple_step,
)
from axon.fast.kernels.intrinsics import floats, words
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


@kernel
def recurrence(address: int) -> None:
    """All steps of the samples of a piece.

    Words: first sample, samples in all, time, units, cblas_sgemm, cell, p, mask (floats), its
    width, y, room for the gates of a block.
    """
    w = words(address, 13)
    n, time, u, blas, cell = w[3], w[4], w[5], w[6], w[7]
    p, y, m = w[8], w[11], w[12]
    gates = 4 if cell == LSTM else 3 if cell == GRU else 1
    saved = 0 if cell == SIMPLE else 4
    states = 2 if cell == LSTM else 1
    width, line = gates * u * 4, u * 4
    later, apart = n * line, (time + 1) * n * line
    weights = p + time * n * width
    bias = weights + u * width
    start = bias + (width if cell == GRU else 0)
    for first in range(w[2], w[2] + w[0], BLOCK):
        count = min(BLOCK, w[2] + w[0] - first)
        for s in range(first, first + count):
            for k in range(states):
                move(y + (saved + k) * apart + s * line, start + s * width + k * line, u)
            for k in range(saved):
                fill(y + k * apart + time * later + s * line, u)
        for t in range(time):
            h = y + saved * apart + t * later + first * line
            multiply(
                blas, 111, 111, count, gates * u, u, h, u, weights, gates * u, False, m, gates * u
            )
            for i in range(count):
                s = first + i
                at, z = y + t * later + s * line, p + (t * n + s) * width
                if w[10] and floats(w[9] + 4 * (s * w[10] + t), 1)[0] == ZERO:
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
def recurrence_back(address: int) -> None:
    """All steps of the samples of a piece, backwards; sums over samples and steps go to a part.

    Words: first sample, samples in all, time, units, cblas_sgemm, cell, p, mask (floats), its
    width, y, dp, g (of h alone), the part, room (see ``rules/sequence.py``).
    """
    w = words(address, 16)
    n, time, u, blas, cell = w[3], w[4], w[5], w[6], w[7]
    p, y, dp, part, room = w[8], w[11], w[12], w[14], w[15]
    gates = 4 if cell == LSTM else 3 if cell == GRU else 1
    saved = 0 if cell == SIMPLE else 4
    wide, width, line = gates * u, gates * u * 4, u * 4
    later, apart = n * line, (time + 1) * n * line
    weights = p + time * n * width
    start = dp + time * n * width + u * width + (width if cell == GRU else 0)
    dh, dc, through, past = room, room + 8 * line, room + 16 * line, room + 24 * line
    hs = room + 32 * line  # h and the gradient of its product with R, of some steps
    ms = hs + STEPS * BLOCK * line
    if w[1]:
        fill(part, (u + 1) * wide)
    for first in range(w[2], w[2] + w[0], BLOCK):
        count = min(BLOCK, w[2] + w[0] - first)
        move(dh, w[13] + time * later + first * line, count * u)
        fill(dc, count * u)
        for back in range(time):
            t = time - 1 - back
            base = dp + (t * n + first) * width
            kept = back % STEPS * count
            product = ms + kept * width
            for i in range(count):
                s = first + i
                at, dm = y + t * later + s * line, product + i * width
                dz = base + i * width if cell == GRU else dm
                if w[10] and floats(w[9] + 4 * (s * w[10] + t), 1)[0] == ZERO:
                    fill(dz, wide)
                    fill(dm, wide)
                elif cell == LSTM:
                    lstm_back(dz, dh + i * line, dc + i * line, at, apart, later, u)
                elif cell == GRU:
                    gru_back(dz, dm, dh + i * line, past + i * line, at, apart, u)
                else:
                    simple_back(dz, dh + i * line, at + later, u)
            if cell != GRU:
                move(base, product, count * wide)
            move(hs + kept * line, y + saved * apart + t * later + first * line, count * u)
            if kept == (STEPS - 1) * count or t == 0:
                kept += count
                multiply(blas, 112, 111, u, wide, kept, hs, u, ms, wide, True, part, wide)
            multiply(
                blas, 111, 112, count, u, wide, product, wide, weights, wide, False, through, u
            )
            for i in range(count):
                s = first + i
                real = w[10] == 0 or floats(w[9] + 4 * (s * w[10] + t), 1)[0] != ZERO
                if real:
                    move(dh + i * line, through + i * line, u)
                    if cell == GRU:
                        add_to(dh + i * line, past + i * line, u)
                        add_to(part + u * width, product + i * width, wide)
                add_to(dh + i * line, w[13] + t * later + s * line, u)
        for i in range(count):
            place = start + (first + i) * width
            fill(place, wide)
            move(place, dh + i * line, u)
            if cell == LSTM:
                move(place + line, dc + i * line, u)


# ------------------------------------------------------------------------------------ the matrix


@kernel
def add_line(address: int) -> None:
    """Add a line to each. Words: lines per row, n, out, x."""
    w = words(address, 6)
    for i in range(w[0] * w[2]):
        add_to(w[4] + i * w[3] * 4, w[5], w[3])


@kernel
def lay_lines(address: int) -> None:
    """By the first piece: lines, filled up with zeros. Words: piece, lines, width, n, out, x."""
    w = words(address, 8)
    if w[2] == 0:
        for i in range(w[3]):
            fill(w[6] + i * w[4] * 4, w[4])
            move(w[6] + i * w[4] * 4, w[7] + i * w[5] * 4, w[5])
