"""Cost: how much work an instruction is at least: operations on numbers, and bytes to move."""

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

from axon.backend import Shape
from axon.core import Tensor
from axon.program.trace import Instruction

# nanoseconds, about, of NumPy's kernels: a call, an operation of a product, of others, and a byte
CALL, FLOP, OPERATION, BYTE = 2_500.0, 0.015, 0.25, 0.15


class Cost(NamedTuple):
    """Floating-point operations, and bytes that are read or written."""

    flops: int
    nbytes: int


def cost(instruction: Instruction) -> Cost:
    """What an instruction needs at least: each input read once, the result written once.

    Two operations for each multiply-add of products, convolutions and recurrences; elsewhere those
    of the formula for each element, or one. Views cost nothing.

    >>> from axon.program.trace import trace
    >>> product = lambda a, b: [a @ b]
    >>> zeros = [Tensor([[0.0] * 3] * 2), Tensor([[0.0] * 4] * 3)]  # (2, 3) and (3, 4)
    >>> [instruction], _ = trace(product, zeros)
    >>> cost(instruction)  # 2 * 2 * 3 * 4, and 6 + 12 + 8 numbers of 4 bytes
    Cost(flops=48, nbytes=104)
    """
    if instruction.kind == "views":
        return Cost(0, 0)
    products = multiply_adds(instruction)
    flops = 2 * products if products else _elementwise(instruction)
    written = _nbytes(instruction.changed or (instruction.out,))
    return Cost(flops, _bytes_read(instruction) + written)


def nanoseconds(instruction: Instruction) -> float:
    """About how long NumPy's kernel takes on one core: right to a factor of two or three.

    By shapes alone, so that what is decided by it is decided alike on every machine and each time.
    """
    if instruction.kind == "views":
        return 0.0
    flops, nbytes = cost(instruction)
    each = FLOP if multiply_adds(instruction) else OPERATION
    return CALL + max(each * flops, BYTE * nbytes)


def multiply_adds(instruction: Instruction) -> int:
    """Multiply-adds of matrix products, convolutions and recurrences; 0 for all else."""
    rule = instruction.primitive.facts.multiply_adds
    return rule(*_shapes(instruction), **instruction.meta) if rule else 0


def _shapes(instruction: Instruction) -> list[Shape]:
    return [t.shape for t in (*instruction.inputs, instruction.out)]


def _elementwise(instruction: Instruction) -> int:
    flops = instruction.primitive.facts.flops
    if flops is None:
        return int(instruction.out.size)
    return flops * max(map(prod, _shapes(instruction)))


def _bytes_read(instruction: Instruction) -> int:
    inputs, facts = instruction.inputs, instruction.primitive.facts
    if facts.reads is not None:
        read = facts.reads(*_shapes(instruction), **instruction.meta)
        return read * instruction.out.dtype.itemsize
    if facts.overwrites:
        inputs = inputs[1:]
    if facts.chooses:
        first = min(inputs[0].data.nbytes, instruction.out.data.nbytes)
        return first + _nbytes(inputs[1:])
    return _nbytes(inputs)


def _nbytes(tensors: Sequence[Tensor]) -> int:
    """Of tensors that may occur twice."""
    distinct: dict[int, Any] = {id(t): t.data for t in tensors}
    return sum(array.nbytes for array in distinct.values())
