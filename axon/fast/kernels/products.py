"""Matrix products, by NumPy's own OpenBLAS.

It multiplies small matrices where they lie, and packs larger ones before; in small pieces a product
takes half the time, for what is packed has to be written and read again.
"""

import numpy as np
from numba import njit

from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import sgemm, words

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


@kernel
def product(address: int) -> None:
    """C = A B, rows of C at a time.

    Words: lines per row, columns, depth, cblas_sgemm, A transposed (112) or not (111), B
    likewise, A, steps of A, B, steps of B, C, steps of C.
    """
    w = words(address, 15)
    lines = w[0] * w[2]
    if lines:
        multiply(w[5], w[6], w[7], lines, w[3], w[4], w[8], w[9], w[10], w[11], False, w[12], w[13])


@kernel
def product_over_rows(address: int) -> None:
    """C = A^T B, summed over the rows of A and B.

    Words: lines per row, lines and columns of C, cblas_sgemm, A, steps of A, B, steps of B, C.
    """
    w = words(address, 11)
    depth = w[0] * w[2]
    if depth:
        add = w[1] == 0
        multiply(w[5], 112, 111, w[3], w[4], depth, w[6], w[7], w[8], w[9], add, w[10], w[4])


@kernel
def products(address: int) -> None:
    """Many products, each of matrices of their own.

    Words: two loops; lines, columns, depth, cblas_sgemm, A and B transposed or not; A, its steps
    from line to line, from row to row and along the loops; B likewise; C.
    """
    w = words(address, 21)
    m, n, k = w[4], w[5], w[6]
    c = w[20]
    for r in range(w[0]):
        for i in range(w[2]):
            for j in range(w[3]):
                a = w[10] + 4 * (r * w[12] + i * w[13] + j * w[14])
                b = w[15] + 4 * (r * w[17] + i * w[18] + j * w[19])
                multiply(w[7], w[8], w[9], m, n, k, a, w[11], b, w[16], False, c, n)
                c += 4 * m * n
