"""Rules for rows by number."""

from math import prod

from axon.core import Tensor
from axon.fast.rules.calls import NOTE, At, Call, Site, Word, Work, flat, lowers
from axon.fast.rules.elementwise import FIXED, single
from axon.program.trace import Instruction

KINDS = {"i8": 8, "i4": 4, "u1": 1}  # bytes of a number
ACROSS = 16  # columns that belong together


def _kind(numbers: Tensor) -> int | None:
    lies = numbers.data.flags.c_contiguous
    return KINDS.get(numbers.dtype.str[1:]) if lies else None


@lowers("lookup", "take")
def lookup(site: Site, instruction: Instruction) -> Work | None:
    """Rows of a table."""
    (table, numbers), out = instruction.inputs, instruction.out
    kind = _kind(numbers)
    if kind is None or not flat(table) or not out.size:
        return None
    n, count = prod(table.shape[1:]), numbers.size
    batched = numbers.ndim > 0 and site.batched(numbers) and site.rows(numbers)
    rows = site.batch if batched else 1 if out.size < 100_000 else count
    sort = 1 if instruction.primitive.name == "lookup" else 2
    head = (Word(count // rows), Word(n), Word(len(table)), Word(kind), Word(sort))
    places = (At(out, out.data.nbytes // rows), At(table), At(numbers, count // rows * kind))
    call = Call("lookup", (*head, *places, At(NOTE)))
    return Work((call,), rows, FIXED + 2.0 * count + 0.2 * out.size, batched)


def _lines(g: Tensor, numbers: Tensor) -> tuple[Word, Word, Word] | None:
    """Numbers in a line, and steps of g; None if its rows do not lie in one piece."""
    steps = [s // g.data.itemsize for s in g.data.strides]
    if g.data.flags.c_contiguous:
        return Word(1), Word(prod(g.shape[numbers.ndim :])), Word(0)
    if g.ndim != 3 or numbers.ndim != 2 or steps[2] != 1:
        return None
    return Word(g.shape[1]), Word(steps[0]), Word(steps[1])


@lowers("take_gradient")
def take_gradient(site: Site, instruction: Instruction) -> Work | None:
    """Each piece has some of the columns, so that sums are added up in order."""
    (g, numbers), out = instruction.inputs, instruction.out
    kind = _kind(numbers)
    laid = _lines(g, numbers)
    if kind is None or laid is None or not single(g, out) or not g.size or not out.size:
        return None
    width = prod(out.shape[1:])
    each = ACROSS if width % ACROSS == 0 else width
    sizes = (Word(each), Word(width), Word(len(out)), Word(numbers.size), Word(kind))
    call = Call("take_gradient", (*sizes, At(out, each * 4), At(g, each * 4), At(numbers), *laid))
    cost = FIXED + 0.2 * out.size + (2.0 * width / each) * numbers.size + 0.3 * g.size
    return Work((call,), width // each, cost)
