"""The compiled kernels, one chapter to a file, each kernel the textbook loop.

A kernel is a function with named arguments (``arguments.py``), which the calls of the rules
(``axon/fast/rules``) give by name. What acts on each number by itself is shorter still: a function
of numbers (``walk.elementwise``), which needs no rule.
"""

from axon.fast.kernels import (
    activations,
    arithmetic,
    bookkeeping,
    channels,
    convert,
    convolution,
    gather,
    images,
    joining,
    lookup,
    noise,
    norms,
    piecewise,
    pooling,
    products,
    reductions,
    sequence,
    updates,
    winograd,
)
from axon.fast.kernels.declare import KERNELS, address, kernel, prepare
