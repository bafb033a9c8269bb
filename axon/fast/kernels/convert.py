"""Comparisons, choices, and other types than float32."""

from typing import Any

import numpy as np
from numba import carray, njit, types

from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import bytes_, doubles, floats, pointer, words
from axon.fast.kernels.walk import each, pairs, triples

FAR = 1 << 40


@njit(inline="always")
def ints(address: int, size: int) -> Any:
    """Whole numbers of 32 bits at an address."""
    return carray(pointer(address), (size,), types.int32)


# ------------------------------------------------------------------------------------ comparisons


@njit(inline="always")
def compared(in_of: Any, si: int, address: int) -> None:
    """1 or 0; after the words of a pair: whether less, equal, greater, and neither gives 1."""
    w = words(address, 23)
    less, same, more, none = w[19] != 0, w[20] != 0, w[21] != 0, w[22] != 0
    flat = w[2] == 0
    inner = w[0] * w[5] if flat else w[5]
    place, rows, dx, dy = w[6], w[0], w[12], w[18]
    if flat:
        rows = min(rows, 1)
    for r in range(rows):
        for i in range(max(w[2], 1)):
            for j in range(max(w[3], 1)):
                for k in range(max(w[4], 1)):
                    a = w[7] + (r * w[8] + i * w[9] + j * w[10] + k * w[11]) * si
                    b = w[13] + (r * w[14] + i * w[15] + j * w[16] + k * w[17]) * si
                    out, x, y = bytes_(place, inner), in_of(a, FAR), in_of(b, FAR)
                    for n in range(inner):
                        u, v = x[n * dx], y[n * dy]
                        below, equal, above = u < v, u == v, u > v
                        apart = not (below or equal or above)
                        yes = (below & less) | (equal & same) | (above & more) | (apart & none)
                        out[n] = np.uint8(yes)
                    place += inner


@kernel
def compare_f4(address: int) -> None:
    """Two floats."""
    compared(floats, 4, address)


@kernel
def compare_f8(address: int) -> None:
    """Two floats of 64 bits."""
    compared(doubles, 8, address)


@kernel
def compare_i8(address: int) -> None:
    """Two whole numbers."""
    compared(words, 8, address)


@kernel
def compare_b1(address: int) -> None:
    """Two truth values."""
    compared(bytes_, 1, address)


@kernel
def where(address: int) -> None:
    """y where x is true, else z."""
    triples(_where, bytes_, floats, 1, 4, address)


@kernel
def times_truth(address: int) -> None:
    """y where x is true, else y z, with z = 0."""
    triples(_times, bytes_, floats, 1, 4, address)


@njit(forceinline=True)
def _times(x: int, y: float, z: float) -> float:
    return y if x else y * z


@kernel
def both(address: int) -> None:
    """Whether both are true."""
    pairs(_both, bytes_, bytes_, 1, 1, address)


@njit(forceinline=True)
def _where(x: int, y: float, z: float) -> float:
    return y if x else z


@njit(forceinline=True)
def _both(x: int, y: int) -> int:
    return x & y


# ------------------------------------------------------------------------------------ conversions


@njit(forceinline=True)
def _single(x: Any) -> float:
    return np.float32(x)


@njit(forceinline=True)
def _double(x: Any) -> float:
    return np.float64(x)


@njit(forceinline=True)
def _whole(x: Any) -> int:
    return np.int64(x)


@njit(forceinline=True)
def _truth(x: Any) -> int:
    return np.uint8(x != 0)


@kernel
def f4_to_f4(address: int) -> None:
    """As they are."""
    each(_single, floats, floats, 4, 4, address)


@kernel
def f8_to_f4(address: int) -> None:
    """Rounded."""
    each(_single, floats, doubles, 4, 8, address)


@kernel
def i8_to_f4(address: int) -> None:
    """Whole numbers as floats."""
    each(_single, floats, words, 4, 8, address)


@kernel
def i4_to_f4(address: int) -> None:
    """Short whole numbers as floats."""
    each(_single, floats, ints, 4, 4, address)


@kernel
def u1_to_f4(address: int) -> None:
    """Bytes or truth values as floats."""
    each(_single, floats, bytes_, 4, 1, address)


@kernel
def f4_to_f8(address: int) -> None:
    """Exactly."""
    each(_double, doubles, floats, 8, 4, address)


@kernel
def f8_to_f8(address: int) -> None:
    """As they are."""
    each(_double, doubles, doubles, 8, 8, address)


@kernel
def i8_to_f8(address: int) -> None:
    """Whole numbers as long floats."""
    each(_double, doubles, words, 8, 8, address)


@kernel
def i4_to_f8(address: int) -> None:
    """Short whole numbers as long floats."""
    each(_double, doubles, ints, 8, 4, address)


@kernel
def u1_to_f8(address: int) -> None:
    """Bytes or truth values as long floats."""
    each(_double, doubles, bytes_, 8, 1, address)


@kernel
def i8_to_i8(address: int) -> None:
    """As they are."""
    each(_whole, words, words, 8, 8, address)


@kernel
def i4_to_i8(address: int) -> None:
    """Short whole numbers as long ones."""
    each(_whole, words, ints, 8, 4, address)


@kernel
def u1_to_i8(address: int) -> None:
    """Bytes as whole numbers."""
    each(_whole, words, bytes_, 8, 1, address)


@kernel
def u1_to_u1(address: int) -> None:
    """As they are."""
    each(_same, bytes_, bytes_, 1, 1, address)


@kernel
def f4_to_b1(address: int) -> None:
    """Whether they are not 0."""
    each(_truth, bytes_, floats, 1, 4, address)


@njit(forceinline=True)
def _same(x: Any) -> Any:
    return x


# ------------------------------------------------------------------------------------ long floats


@kernel
def add_f8(address: int) -> None:
    """x + y."""
    pairs(_add, doubles, doubles, 8, 8, address)


@kernel
def subtract_f8(address: int) -> None:
    """x - y."""
    pairs(_subtract, doubles, doubles, 8, 8, address)


@kernel
def multiply_f8(address: int) -> None:
    """x y."""
    pairs(_multiply, doubles, doubles, 8, 8, address)


@kernel
def divide_f8(address: int) -> None:
    """x / y."""
    pairs(_divide, doubles, doubles, 8, 8, address)


@kernel
def absolute_f8(address: int) -> None:
    """|x|."""
    each(_absolute, doubles, doubles, 8, 8, address)


@kernel
def square_f8(address: int) -> None:
    """x^2."""
    each(_square, doubles, doubles, 8, 8, address)


@kernel
def sum_rows_f8(address: int) -> None:
    """The sum of each row. Words: lines per row, n, out, x."""
    w = words(address, 6)
    lines, n = w[0] * w[2], w[3]
    out, x = doubles(w[4], lines), doubles(w[5], lines * n)
    for i in range(lines):
        s = 0.0
        for j in range(n):
            s += x[i * n + j]
        out[i] = s


@njit(forceinline=True)
def _absolute(x: float) -> float:
    return abs(x)


@njit(forceinline=True)
def _square(x: float) -> float:
    return x * x


@kernel
def sum_f8(address: int) -> None:
    """The sum of everything, in order. Words: numbers per row, out, x."""
    w = words(address, 5)
    n = w[0] * w[2]
    out, x = doubles(w[3], 1), doubles(w[4], n)
    s = 0.0
    for i in range(n):
        s += x[i]
    out[0] = s if w[1] else out[0] + s


@njit(forceinline=True)
def _add(x: float, y: float) -> float:
    return x + y


@njit(forceinline=True)
def _subtract(x: float, y: float) -> float:
    return x - y


@njit(forceinline=True)
def _multiply(x: float, y: float) -> float:
    return x * y


@njit(forceinline=True)
def _divide(x: float, y: float) -> float:
    return x / y


@kernel
def add_i4(address: int) -> None:
    """x + y, whole numbers of 32 bits, counted round."""
    pairs(_add_words, ints, ints, 4, 4, address)


@njit(forceinline=True)
def _add_words(x: int, y: int) -> int:
    return np.int32(x + y)
