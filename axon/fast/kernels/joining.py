"""Numbers brought to other places: joined, put back where they were sliced from."""

from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import floats, words


@kernel
def lay(address: int) -> None:
    """Copy x to places with steps of their own.

    Words: sizes of four loops; out and its steps from row to row and along the loops; x likewise.
    """
    w = words(address, 18)
    inner, far, dout, dx = w[5], 1 << 40, w[11], w[17]
    for r in range(w[0]):
        for i in range(w[2]):
            for j in range(w[3]):
                for k in range(w[4]):
                    a = w[6] + 4 * (r * w[7] + i * w[8] + j * w[9] + k * w[10])
                    b = w[12] + 4 * (r * w[13] + i * w[14] + j * w[15] + k * w[16])
                    out, x = floats(a, far), floats(b, far)
                    if dout == 1 and dx == 1:
                        for n in range(inner):
                            out[n] = x[n]
                    else:
                        for n in range(inner):
                            out[n * dout] = x[n * dx]


@kernel
def zeros(address: int) -> None:
    """Fill with 0. Words: numbers per row, out."""
    w = words(address, 4)
    n = w[0] * w[2]
    out = floats(w[3], n)
    for i in range(n):
        out[i] = 0
