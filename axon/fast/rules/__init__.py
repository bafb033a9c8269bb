"""How each primitive of the fast set becomes calls of compiled kernels."""

from axon.fast.rules import (
    bookkeeping,
    channels,
    convolution,
    elementwise,
    images,
    joining,
    lookup,
    matmul,
    noise,
    norms,
    piecewise,
    pooling,
    reduce,
    sequence,
    updates,
)
