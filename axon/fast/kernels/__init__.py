"""The compiled kernels, one chapter to a file, each kernel the textbook loop.

A kernel is called with one address. There lie, as words of 64 bits, the number of rows it is to
do; whether these are the first of its piece (then sums begin at 0); and from word 2 on its
arguments in the order of the ``Call`` that the rules (``axon/fast/rules``) make: addresses, sizes,
and numbers as their bits.
"""

from axon.fast.kernels import (
    activations,
    arithmetic,
    bookkeeping,
    channels,
    convert,
    convolution,
    gather,
    joining,
    lookup,
    noise,
    norms,
    pooling,
    products,
    reductions,
    sequence,
    updates,
    winograd,
)
from axon.fast.kernels.declare import KERNELS, address, kernel, prepare
