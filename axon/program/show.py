"""Show: a program as text, one numbered line per instruction."""

from typing import NamedTuple

from axon.backend import Array, DType, Shape
from axon.core import Tensor
from axon.program.cost import Cost, cost
from axon.program.plan import Plan


class Line(NamedTuple):
    """What is worth knowing of an instruction once its tensors are gone."""

    result: str
    call: str
    shape: Shape
    dtype: DType
    kind: str
    place: str
    name: str  # of the primitive
    scope: str  # the layer for which it was done
    phase: str  # forward, backward or update
    given: tuple[Shape, ...]  # the shapes of its inputs
    cost: Cost  # what it needs at least


def describe(plan: Plan, labels: dict[int, str]) -> list[Line]:
    """Give every result a number and write each instruction down."""
    names = dict(labels)
    lines: list[Line] = []
    for instruction in plan.instructions:
        primitive, inputs, out, meta, scope, phase = instruction
        given = [names.get(id(t)) or _constant(t) for t in inputs]
        options = [f"{k}={v}".replace("slice(None, None, None)", ":") for k, v in meta.items()]
        if primitive.kind != "writes":
            names[id(out)] = f"%{len(lines)}"
        call = f"{primitive.name}({', '.join(given + options)})"
        place = _place(plan, primitive.kind, out, names)
        shown = (f"%{len(lines)}", call, out.shape, out.dtype, primitive.kind, place)
        shapes = tuple(t.shape for t in inputs)
        work = cost(instruction)
        lines.append(Line(*shown, primitive.name, scope, phase, shapes, work))
    return lines


def _place(plan: Plan, kind: str, out: Tensor, names: dict[int, str]) -> str:
    """Say in which memory a result lives."""
    if kind == "writes":
        return f"in place: {names.get(id(out)) or 'outer memory'}"
    root = plan.root(out)
    if root in plan.moved:
        where = names.get(id(plan.moved[root]), "outer memory")
    elif root in plan.buffer:
        where = f"buffer {plan.buffer[root]}"
    else:
        where = names.get(root, "outer memory")
    return f"view of {where}" if kind == "views" else where


def _constant(tensor: Tensor) -> str:
    """An outer tensor without a name: its value if it is a single number, else its shape."""
    return f"{tensor.data.item():.6g}" if tensor.size == 1 else f"const{tensor.shape}"


def report(
    name: str, inputs: dict[str, Array], lines: list[Line], buffers: list[int], before: int
) -> str:
    """Write the whole program as text."""
    given = ", ".join(f"{label} {a.shape} {a.dtype}" for label, a in inputs.items())
    views = sum(line.kind == "views" for line in lines)
    head = f"program {name}({given}): {len(lines)} instructions, {views} of them views"
    shapes = [f"{line.shape} {line.dtype}" for line in lines]
    wide = max((len(line.call) for line in lines), default=0)
    wide_shape = max(map(len, shapes), default=0)
    rows = [
        f"{line.result:>4} = {line.call:<{wide}}  {shape:<{wide_shape}}  {line.place}"
        for line, shape in zip(lines, shapes, strict=True)
    ]
    sizes = ", ".join(f"{i}: {size:,}" for i, size in enumerate(buffers))
    after = sum(buffers)
    tail = f"buffers in bytes: {sizes or 'none'}"
    total = f"results one by one: {before:,} bytes; planned: {after:,} bytes"
    return "\n".join([head, *rows, tail, total])
