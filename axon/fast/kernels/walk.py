"""How kernels walk over the elements of one, two or three tensors.

Words, from 2 on: sizes of three loops and of the innermost one; where the result lies, in one
piece; for each operand where it lies and its steps, in elements, from row to row and along the
four loops. If the first size is 0 everything lies in one piece, so many numbers for each row.
"""

from typing import Any

from numba import njit

from axon.fast.kernels.intrinsics import words


@njit(inline="always")
def each(function: Any, out_of: Any, x_of: Any, so: int, sx: int, address: int) -> None:
    """out = function(x), ``so`` and ``sx`` bytes each."""
    w = words(address, 13)
    if w[2] == 0:
        n = w[0] * w[5]
        one(function, out_of(w[6], n), x_of(w[7], n), n, w[12])
        return
    inner, place = w[5], w[6]
    for r in range(w[0]):
        for i in range(w[2]):
            for j in range(w[3]):
                for k in range(w[4]):
                    a = w[7] + (r * w[8] + i * w[9] + j * w[10] + k * w[11]) * sx
                    one(function, out_of(place, inner), x_of(a, 1 << 40), inner, w[12])
                    place += inner * so


@njit(inline="always")
def one(function: Any, out: Any, x: Any, n: int, dx: int) -> None:
    """One run of numbers."""
    if dx == 1:
        for k in range(n):
            out[k] = function(x[k])
    else:
        for k in range(n):
            out[k] = function(x[k * dx])


@njit(inline="always")
def pairs(function: Any, out_of: Any, in_of: Any, so: int, si: int, address: int) -> None:
    """out = function(x, y), both of one type."""
    w = words(address, 19)
    if w[2] == 0:
        n = w[0] * w[5]
        two(function, out_of(w[6], n), in_of(w[7], n), in_of(w[13], n), n, w[12], w[18])
        return
    inner, place, far = w[5], w[6], 1 << 40
    for r in range(w[0]):
        for i in range(w[2]):
            for j in range(w[3]):
                for k in range(w[4]):
                    a = w[7] + (r * w[8] + i * w[9] + j * w[10] + k * w[11]) * si
                    b = w[13] + (r * w[14] + i * w[15] + j * w[16] + k * w[17]) * si
                    out = out_of(place, inner)
                    two(function, out, in_of(a, far), in_of(b, far), inner, w[12], w[18])
                    place += inner * so


@njit(inline="always")
def two(function: Any, out: Any, x: Any, y: Any, n: int, dx: int, dy: int) -> None:
    """One run of numbers, x and y with steps of 1, 0 or any other."""
    if dx == 1 and dy == 1:
        for k in range(n):
            out[k] = function(x[k], y[k])
    elif dx == 1 and dy == 0:
        c = y[0]
        for k in range(n):
            out[k] = function(x[k], c)
    elif dx == 0 and dy == 1:
        c = x[0]
        for k in range(n):
            out[k] = function(c, y[k])
    else:
        for k in range(n):
            out[k] = function(x[k * dx], y[k * dy])


@njit(inline="always")
def triples(function: Any, x_of: Any, in_of: Any, sx: int, si: int, address: int) -> None:
    """out = function(x, y, z), all of one type but x."""
    w = words(address, 25)
    far = 1 << 40
    if w[2] == 0:
        n = w[0] * w[5]
        out, x, y, z = in_of(w[6], n), x_of(w[7], n), in_of(w[13], n), in_of(w[19], n)
        three(function, out, x, y, z, n, w[12], w[18], w[24])
        return
    inner, place = w[5], w[6]
    for r in range(w[0]):
        for i in range(w[2]):
            for j in range(w[3]):
                for k in range(w[4]):
                    a = w[7] + (r * w[8] + i * w[9] + j * w[10] + k * w[11]) * sx
                    b = w[13] + (r * w[14] + i * w[15] + j * w[16] + k * w[17]) * si
                    c = w[19] + (r * w[20] + i * w[21] + j * w[22] + k * w[23]) * si
                    out, x, y, z = in_of(place, inner), x_of(a, far), in_of(b, far), in_of(c, far)
                    three(function, out, x, y, z, inner, w[12], w[18], w[24])
                    place += inner * si


@njit(inline="always")
def three(
    function: Any, out: Any, x: Any, y: Any, z: Any, n: int, dx: int, dy: int, dz: int
) -> None:
    """One run of numbers, z most often a single one."""
    if dx == 1 and dy == 1 and dz == 0:
        c = z[0]
        for k in range(n):
            out[k] = function(x[k], y[k], c)
    elif dx == 1 and dy == 1 and dz == 1:
        for k in range(n):
            out[k] = function(x[k], y[k], z[k])
    elif dx == 1 and dy == 0 and dz == 1:
        c = y[0]
        for k in range(n):
            out[k] = function(x[k], c, z[k])
    else:
        for k in range(n):
            out[k] = function(x[k * dx], y[k * dy], z[k * dz])
