"""Cost: how much work an instruction is at least: operations on numbers, and bytes to move."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

from axon.backend import Shape
from axon.core import Tensor
from axon.program.trace import Instruction

# Multiply-adds of the primitives in which the time goes, of the shapes of their inputs and result.
# A primitive that multiplies matrices inside has a line here; all others count as nothing.
MULTIPLY_ADDS: dict[str, Callable[..., int]] = {
    "matmul": lambda a, b, out: prod(out) * a[-1],
    "conv2d": lambda x, w, out, **_: prod(out) * prod(w[:3]),  # (KH, KW, C / groups)
    "conv2d_input": lambda g, w, out, **_: prod(g) * prod(w[:3]),
    "conv2d_weight": lambda x, g, out, **_: prod(g) * prod(out[:3]),
    "recurrent_input": lambda x, w, *_: prod(x) * w[1],
    "recurrence": lambda p, mask, out, **_: _steps(out) * p[1],
    "recurrence_backward": lambda dp, g, y, p, *_, **__: 2 * _steps(y) * p[1],  # dh and dR
    "muon_update": lambda *shapes, steps, **_: steps * _newton_schulz(*sorted(shapes[0])),
}

# Operations on each element, of the input or the result that has the most; elsewhere it is one
# operation for each element of the result.
PER_ELEMENT = {
    **dict.fromkeys(("sum", "sum_to", "max", "argmax", "average_pool2d", "max_pool2d"), 1),
    **{"add_norm": 2, "softmax": 5, "log_softmax": 5},  # max, minus, exp, sum, divide
    **{"sigmoid": 4, "sigmoid_gradient": 3, "tanh_gradient": 3},
    **{"channel_moments": 4, "channel_affine": 2, "channel_affine_gradient": 3},
    **{"standardize": 5, "row_scale": 4, "standardize_gradient": 7},
    **{"shrink": 2, "approach": 3, "complete_mean": 2, "sgd_update": 2, "momentum_update": 4},
    **{"adagrad_update": 6, "rmsprop_update": 9, "lion_update": 9},
    **{"adam_update": 10, "amsgrad_update": 11, "adamax_update": 9, "nadam_update": 10},
}

# nanoseconds, about, of NumPy's kernels: a call, an operation of a product, of others, and a byte
CALL, FLOP, OPERATION, BYTE = 2_500.0, 0.015, 0.25, 0.15

FILLED = {"assign", "recurrence_backward"}  # what they change, they do not read
CHOOSERS = {"lookup", "take", "max_pool2d_pick"}  # of the first input they read what they hand out


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
    return Cost(flops, _bytes_read(instruction) + _bytes_written(instruction))


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
    rule = MULTIPLY_ADDS.get(instruction.primitive.name)
    return rule(*_shapes(instruction), **instruction.meta) if rule else 0


def _steps(y: Shape) -> int:
    """Rows of a recurrence's product, times units; y is (kept, time + 1, n, units)."""
    return (y[1] - 1) * prod(y[2:])


def _newton_schulz(short: int, long: int) -> int:
    """x x^T, its square, and the product with x."""
    return 2 * short * short * long + short**3


def _shapes(instruction: Instruction) -> list[Shape]:
    return [t.shape for t in (*instruction.inputs, instruction.out)]


def _elementwise(instruction: Instruction) -> int:
    times = PER_ELEMENT.get(instruction.primitive.name)
    if times is None:
        return int(instruction.out.size)
    return times * max(map(prod, _shapes(instruction)))


def _bytes_read(instruction: Instruction) -> int:
    inputs, name = instruction.inputs, instruction.primitive.name
    if name in FILLED:
        inputs = inputs[1:]
    if name in CHOOSERS:
        first = min(inputs[0].data.nbytes, instruction.out.data.nbytes)
        return first + _nbytes(inputs[1:])
    return _nbytes(inputs)


def _bytes_written(instruction: Instruction) -> int:
    return _nbytes(instruction.changed or (instruction.out,))


def _nbytes(tensors: Sequence[Tensor]) -> int:
    """Of tensors that may occur twice."""
    distinct: dict[int, Any] = {id(t): t.data for t in tensors}
    return sum(array.nbytes for array in distinct.values())
