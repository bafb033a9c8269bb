"""Rules for rows by number."""

from math import prod

from axon.core import Tensor
from axon.fast.rules.calls import NOTE, At, Call, Site, Work, flat, lowers
from axon.fast.rules.elementwise import FIXED, single
from axon.program.trace import Instruction

SIZES = {"i8": 8, "i4": 4, "u1": 1}  # bytes of a number
ACROSS = 16  # columns that belong together


def size_of_number(numbers: Tensor) -> int | None:
    """The bytes of each, if they are of a type and lie as kernels read them."""
    return SIZES.get(numbers.dtype.str[1:]) if numbers.data.flags.c_contiguous else None


@lowers("lookup", "take")
def lookup(site: Site, instruction: Instruction) -> Work | None:
    """Rows of a table."""
    (table, numbers), out = instruction.inputs, instruction.out
    size = size_of_number(numbers)
    if size is None or not flat(table) or not out.size:
        return None
    n, count = prod(table.shape[1:]), numbers.size
    batched = numbers.ndim > 0 and site.batched(numbers) and site.rows(numbers)
    rows = site.batch if batched else 1 if out.size < 100_000 else count
    sort = 1 if instruction.primitive.name == "lookup" else 2
    places = {
        "out": At(out, out.data.nbytes // rows),
        "table": At(table),
        "numbers": At(numbers, count // rows * size),
        "note": At(NOTE),
    }
    sizes = {"n": count // rows, "width": n, "size": len(table), "bytes_of_number": size}
    call = Call("lookup", **sizes, sort=sort, **places)
    return Work((call,), rows, FIXED + 2.0 * count + 0.2 * out.size, batched)


def _lines(g: Tensor, numbers: Tensor) -> dict[str, int] | None:
    """Numbers in a line, and steps of g; None if its rows do not lie in one piece."""
    steps = [s // g.data.itemsize for s in g.data.strides]
    if g.data.flags.c_contiguous:
        return {"in_line": 1, "by_line": prod(g.shape[numbers.ndim :]), "by_number": 0}
    if g.ndim != 3 or numbers.ndim != 2 or steps[2] != 1:
        return None
    return {"in_line": g.shape[1], "by_line": steps[0], "by_number": steps[1]}


@lowers("take_gradient")
def take_gradient(site: Site, instruction: Instruction) -> Work | None:
    """Each piece has some of the columns, so that sums are added up in order."""
    (g, numbers), out = instruction.inputs, instruction.out
    size = size_of_number(numbers)
    laid = _lines(g, numbers)
    if size is None or laid is None or not single(g, out) or not g.size or not out.size:
        return None
    width = prod(out.shape[1:])
    each = ACROSS if width % ACROSS == 0 else width
    sizes = {"n": each, "width": width, "size": len(out), "count": numbers.size}
    places = {"out": At(out, each * 4), "g": At(g, each * 4), "numbers": At(numbers)}
    call = Call("take_gradient", **sizes, bytes_of_number=size, **laid, **places)
    cost = FIXED + 0.2 * out.size + (2.0 * width / each) * numbers.size + 0.3 * g.size
    return Work((call,), width // each, cost)
