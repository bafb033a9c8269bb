"""Numbers brought to other places: joined, put back where they were sliced from."""

from axon.fast.kernels.arguments import FAR, Floats
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import floats
from axon.fast.kernels.walk import Loops, Strided, start_of


@kernel
def lay(rows: int, loops: Loops, out: Strided, x: Strided) -> None:
    """Copy x to places with steps of their own."""
    for r in range(rows):
        for i in range(loops.i):
            for j in range(loops.j):
                for k in range(loops.k):
                    y = floats(start_of(out, 4, r, i, j, k), FAR)
                    a = floats(start_of(x, 4, r, i, j, k), FAR)
                    if out.step == 1 and x.step == 1:
                        for n in range(loops.inner):
                            y[n] = a[n]
                    else:
                        for n in range(loops.inner):
                            y[n * out.step] = a[n * x.step]


@kernel
def zeros(rows: int, n: int, out: Floats) -> None:
    """Fill n numbers a row with 0."""
    for i in range(rows * n):
        out[i] = 0
