"""Matrix products, by NumPy's own OpenBLAS.

It multiplies small matrices where they lie, and packs larger ones before; in small pieces a product
takes half the time, for what is packed has to be written and read again.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import Address
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import sgemm

SMALL = 900_000  # multiplications: up to 10^6, nothing is packed
ACROSS = 112  # CblasTrans
ZERO, ONE = np.float32(0), np.float32(1)


@njit
def multiply(
    blas: int, ta: int, tb: int, m: int, n: int, k: int,
    a: int, lda: int, b: int, ldb: int, add: bool, c: int, ldc: int,
) -> None:  # fmt: skip
    """C = A B, or C = C + A B, in small pieces."""
    depth = k if n * k * 8 <= SMALL else max(16, SMALL // (n * min(m, 32)))
    lines = max(1, SMALL // (n * depth))
    if n * depth > SMALL:  # wider than all that is small
        depth, lines = k, m
    for i in range(0, m, lines):
        rows = min(lines, m - i)
        for j in range(0, k, depth):
            some = min(depth, k - j)
            here = a + 4 * (i + j * lda if ta == ACROSS else i * lda + j)
            there = b + 4 * (j if tb == ACROSS else j * ldb)
            beta = ONE if add or j else ZERO
            sgemm(
                blas, ta, tb, rows, n, some, ONE, here, lda, there, ldb, beta, c + 4 * i * ldc, ldc
            )


class Matrix(NamedTuple):
    """Where a matrix lies; whether it is transposed (112) or not (111); its long step."""

    place: Address
    order: int
    step: int


class Matrices(NamedTuple):
    """Many of them: how far it is from one to the next, along the rows and along two loops."""

    place: Address
    order: int
    step: int
    by_row: int
    by_i: int
    by_j: int


@kernel
def product(
    rows: int, lines: int, n: int, depth: int, blas: int, a: Matrix, b: Matrix, out: Address
) -> None:
    """C = A B, some lines of A and C for each row."""
    m = rows * lines
    if m:
        multiply(
            blas, a.order, b.order, m, n, depth, a.place, a.step, b.place, b.step, False, out, n
        )


@kernel
def product_over_rows(
    rows: int, first: bool, lines: int, m: int, n: int, blas: int,
    a: Address, a_step: int, b: Address, b_step: int, out: Address,
) -> None:  # fmt: skip
    """C = A^T B, summed over the lines of A and B, some for each row."""
    depth = rows * lines
    if depth:
        multiply(blas, 112, 111, m, n, depth, a, a_step, b, b_step, not first, out, n)


@kernel
def products(
    rows: int, turns_i: int, turns_j: int, m: int, n: int, depth: int, blas: int,
    a: Matrices, b: Matrices, out: Address,
) -> None:  # fmt: skip
    """Many products, each of matrices of their own."""
    c = out
    for r in range(rows):
        for i in range(turns_i):
            for j in range(turns_j):
                x = a.place + 4 * (r * a.by_row + i * a.by_i + j * a.by_j)
                y = b.place + 4 * (r * b.by_row + i * b.by_i + j * b.by_j)
                multiply(blas, a.order, b.order, m, n, depth, x, a.step, y, b.step, False, c, n)
                c += 4 * m * n
