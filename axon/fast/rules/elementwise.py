"""Rules for what is done element by element."""

from itertools import chain
from typing import NamedTuple

import numpy as np

from axon.core import Tensor
from axon.fast.kernels.arithmetic import (
    ADD,
    CODES,
    COPY,
    DIVIDE,
    MULTIPLY,
    NEGATIVE,
    POWER,
    SQRT,
    SUBTRACT,
)
from axon.fast.kernels.convert import COMPARED, COMPARISONS
from axon.fast.kernels.walk import COSTS, OPERANDS, Loops, Strided
from axon.fast.rules.calls import At, Call, Site, Work, lowers, strides
from axon.program.trace import Instruction

GELU = {
    "gelu": ("gelu", "gelu_by_tanh"),
    "gelu_gradient": ("gelu_gradient", "gelu_by_tanh_gradient"),
}
SETTINGS = {  # primitives with a number that is their last operand
    "leaky_relu": ("negative_slope", 0.2),
    "leaky_relu_gradient": ("negative_slope", 0.2),
    "elu": ("alpha", 1.0),
    "elu_gradient": ("alpha", 1.0),
}
OTHERS = {*SETTINGS, *chain(*GELU.values())}
UNARY, BINARY, TERNARY = (
    [name for name, count in OPERANDS.items() if count == n and name not in OTHERS]
    for n in (1, 2, 3)
)
NUMBERS = {
    "add": ADD,
    "subtract": SUBTRACT,
    "multiply": MULTIPLY,
    "divide": DIVIDE,
    "power": POWER,
    "sqrt": SQRT,
    "negative": NEGATIVE,
    "cast": COPY,
    "copy": COPY,
    "assign": COPY,
    "add_in_place": ADD,
}
TYPES = {"u1": "u1", "b1": "u1", "i4": "i4", "i8": "i8", "f4": "f4", "f8": "f8"}
MOVES = {4: "f4_to_f4", 8: "i8_to_i8", 1: "u1_to_u1"}  # by the bytes of a number
FIXED = 60.0  # nanoseconds that a call takes
SMALL = 1000  # numbers that are not worth being cut, where there are no samples


class Grid(NamedTuple):
    """How an element-by-element result is walked over: rows, then four loops (kernels/walk.py)."""

    rows: int
    batched: bool
    sizes: tuple[int, int, int, int]
    steps: list[tuple[int, ...]]  # of each operand, from row to row and along the loops
    by_row: list[int]  # elements from one row to the next, of the result and each operand

    @property
    def in_one_piece(self) -> bool:
        """Whether result and operands, but for single numbers, lie number after number."""
        return self.sizes[0] == 0


def grid(site: Site, out: Tensor, operands: list[Tensor]) -> Grid | None:
    """Find rows and loops; None if there are too many axes, or nothing to do."""
    shape = out.shape or (1,)
    if not out.size:
        return None
    laid = [strides(t, shape) for t in operands]
    batched = site.rows(out) and any(site.batched(t) for t in operands)
    rows = site.batch if batched else shape[0] if out.size > SMALL else 1
    k, size = shape[0] // rows, out.size // rows
    sizes, steps = merged((k, *shape[1:]), laid)
    first = [k * s[0] for s in laid]
    by_row = [size, *first]
    scalar = [not any(s) for s in laid]
    if len(sizes) == 1 and all(
        alone or (s == (1,) and (f == size or rows == 1))
        for s, f, alone in zip(steps, first, scalar, strict=True)
    ):
        runs: list[tuple[int, ...]] = [(0, 0, 0, 0, int(not alone)) for alone in scalar]
        return Grid(rows, batched, (0, 0, 0, size), runs, [size, *(size * (not a) for a in scalar)])
    if len(sizes) > 4:
        return None
    pad = 4 - len(sizes)
    runs = [(f, *(0,) * pad, *s) for f, s in zip(first, steps, strict=True)]
    return Grid(rows, batched, ((1,) * pad + sizes), runs, by_row)  # type: ignore[arg-type]


def merged(
    shape: tuple[int, ...], laid: list[tuple[int, ...]]
) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Merge neighbouring axes that lie in one piece; at least one is left."""
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in laid]
    for axis, n in enumerate(shape):
        if n == 1:
            continue
        if sizes and all(s[-1] == step[axis] * n for s, step in zip(steps, laid, strict=True)):
            sizes[-1] *= n
            for s, step in zip(steps, laid, strict=True):
                s[-1] = step[axis]
        else:
            sizes.append(n)
            for s, step in zip(steps, laid, strict=True):
                s.append(step[axis])
    if not sizes or any(s[-1] < 0 for s in steps):  # the innermost loop does not run backwards
        sizes.append(1)
        for s in steps:
            s.append(1)
    return tuple(sizes), [tuple(s) for s in steps]


def walk(
    site: Site,
    out: Tensor,
    operands: list[Tensor],
    kernel: str,
    cost: float = 0.0,
) -> Work | None:
    """The work of a kernel of kernels/walk.py on a result and its operands."""
    if not out.size:
        return Work((), 1, 0.0)
    g = grid(site, out, operands)
    if g is None:
        return None
    places = {
        name: Strided(At(t, by_row * t.data.itemsize), *steps)
        for name, t, steps, by_row in zip("xyz", operands, g.steps, g.by_row[1:], strict=False)
    }
    result = At(out, g.by_row[0] * out.data.itemsize)
    call = Call(kernel, loops=Loops(*g.sizes), out=result, **places)
    slow = 1.0 if g.in_one_piece or g.sizes[3] >= 16 else 4.0
    return Work((call,), g.rows, FIXED + (cost or COSTS[kernel]) * slow * out.size, g.batched)


def single(*tensors: Tensor) -> bool:
    """Whether all hold numbers of 32 bits."""
    return all(t.dtype == np.float32 for t in tensors)


def constant(value: float) -> Tensor:
    """A number of 32 bits in memory of its own."""
    return Tensor(np.array(value, np.float32))


@lowers(*UNARY)
def unary(site: Site, instruction: Instruction) -> Work | None:
    """out = f(x)."""
    (x,), out, name = instruction.inputs, instruction.out, instruction.primitive.name
    if x.dtype == out.dtype == np.float64 and name in ("absolute", "square"):
        return walk(site, out, [x], f"{name}_f8", 0.3)
    return walk(site, out, [x], name) if single(x, out) else numbers(site, instruction)


@lowers(*BINARY)
def binary(site: Site, instruction: Instruction) -> Work | None:
    """out = f(x, y), with broadcasting."""
    (x, y), out, name = instruction.inputs, instruction.out, instruction.primitive.name
    if single(x, y, out):
        return walk(site, out, [x, y], name)
    types = {t.dtype.str[1:] for t in (x, y, out)}
    if types == {"b1"} and name == "multiply":
        return walk(site, out, [x, y], "both", 0.1)
    if types == {"b1", "f4"} and single(out) and name == "multiply":
        truth, other = (x, y) if y.dtype == np.float32 else (y, x)
        return walk(site, out, [truth, other, constant(0.0)], "times_truth", 0.2)
    if out.size == 1:
        return numbers(site, instruction)
    if types == {"f8"} and name in ("add", "subtract", "multiply", "divide"):
        return walk(site, out, [x, y], name + "_f8", 0.3)
    return None


@lowers(*TERNARY)
def ternary(site: Site, instruction: Instruction) -> Work | None:
    """out = f(x, y, z)."""
    inputs, out = instruction.inputs, instruction.out
    return walk(site, out, [*inputs], instruction.primitive.name) if single(*inputs, out) else None


@lowers(*GELU)
def gelu(site: Site, instruction: Instruction) -> Work | None:
    """In one of its two forms."""
    inputs, out = instruction.inputs, instruction.out
    kernel = GELU[instruction.primitive.name][instruction.meta.get("approximate", False)]
    return walk(site, out, [*inputs], kernel) if single(*inputs, out) else None


@lowers(*SETTINGS)
def with_setting(site: Site, instruction: Instruction) -> Work | None:
    """out = f(x, setting) or f(g, y, setting)."""
    inputs, out, name = instruction.inputs, instruction.out, instruction.primitive.name
    setting, usual = SETTINGS[name]
    value = constant(instruction.meta.get(setting, usual))
    return walk(site, out, [*inputs, value], name) if single(*inputs, out) else None


@lowers(*COMPARISONS)
def comparison(site: Site, instruction: Instruction) -> Work | None:
    """Truth values of numbers of one type."""
    (x, y), out = instruction.inputs, instruction.out
    code = x.dtype.str[1:]
    if code != y.dtype.str[1:] or code not in COMPARED:
        return None
    return walk(site, out, [x, y], f"{instruction.primitive.name}_{code}", 0.4)


@lowers("where")
def where(site: Site, instruction: Instruction) -> Work | None:
    """x where the condition is true, else y."""
    (condition, x, y), out = instruction.inputs, instruction.out
    if condition.dtype != np.bool_ or not single(x, y, out):
        return None
    return walk(site, out, [condition, x, y], "where", 0.2)


@lowers("power", "sqrt", "add_in_place", "assign")
def numbers(site: Site, instruction: Instruction) -> Work | None:
    """A single number from one or two."""
    name = instruction.primitive.name
    x, *rest = instruction.inputs
    y, out = rest[0] if rest else x, instruction.out
    if name in ("power", "sqrt") and single(x, y, out):
        return (binary if rest else unary)(site, instruction)
    suits = all(t.size == 1 and t.dtype.str[1:] in CODES for t in (out, x, y))
    if name not in NUMBERS or not suits:
        return in_place(site, instruction) if name in ("add_in_place", "assign") else None
    if name == "assign":
        x = y
    types = {f"{k}_type": CODES[t.dtype.str[1:]] for k, t in (("out", out), ("x", x), ("y", y))}
    call = Call("number", operation=NUMBERS[name], out=At(out), x=At(x), y=At(y), **types)
    return Work((call,), 1, 40.0)


def in_place(site: Site, instruction: Instruction) -> Work | None:
    """An array outside the step becomes a value, or grows by it."""
    x, y = instruction.inputs
    if not x.data.flags.c_contiguous or x.dtype != y.dtype:
        return None
    if instruction.primitive.name == "assign":
        move = MOVES.get(x.data.itemsize)
        return walk(site, x, [y], move, 0.15) if move else None
    kernel = {"f4": "add", "f8": "add_f8", "u4": "add_i4", "i4": "add_i4"}.get(x.dtype.str[1:])
    return walk(site, x, [x, y], kernel, 0.2) if kernel else None


@lowers("copy")
def copy(site: Site, instruction: Instruction) -> Work | None:
    """The same numbers, of any type, in one piece."""
    (x,), out = instruction.inputs, instruction.out
    move = MOVES.get(x.data.itemsize)
    return walk(site, out, [x], move, 0.15) if move else None


@lowers("broadcast_to")
def broadcast(site: Site, instruction: Instruction) -> Work | None:
    """Repeat; where samples are filled alike, each piece fills its own."""
    (x,), out = instruction.inputs, instruction.out
    move = MOVES.get(x.data.itemsize)
    work = walk(site, out, [x], move, 0.15) if move else None
    if work is None or not work.calls or work.batched or not site.rows(out):
        return work
    if any(strides(x, out.shape)[:1]):
        return work
    (call,), size = work.calls, out.size // site.batch
    if x.size == 1:
        value = Strided(At(x), 0, 0, 0, 0, 0)
        place = At(out, size * out.data.itemsize)
        call = Call(call.kernel, loops=Loops(0, 0, 0, size), out=place, x=value)
        return work._replace(calls=(call,), rows=site.batch, batched=True)
    return work


@lowers("cast")
def cast(site: Site, instruction: Instruction) -> Work | None:
    """Numbers of one type as those of another."""
    (x,), out = instruction.inputs, instruction.out
    here, there = TYPES.get(x.dtype.str[1:]), out.dtype.str[1:]
    single_number = out.size == 1 and not site.batched(x)
    if single_number and x.dtype.str[1:] in CODES and there in CODES and there != "b1":
        return numbers(site, instruction)
    kernel = f"{here}_to_{'u1' if there == 'b1' and here == 'u1' else there}"
    known: dict[str, tuple[str, ...]] = {
        "f4": ("u1", "i4", "i8", "f4", "f8"),
        "f8": ("u1", "i4", "i8", "f4", "f8"),
    }
    known |= {"i8": ("u1", "i4", "i8"), "b1": ("f4",)}
    if x.dtype == out.dtype == np.bool_ or here in known.get(there, ()):
        return walk(site, out, [x], kernel, 0.3)
    return None
