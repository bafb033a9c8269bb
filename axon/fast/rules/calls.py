"""What compiled instructions consist of: calls of kernels on places in memory.

A primitive of the fast set has a *rule* (``lowers``), which turns an instruction of the program
into calls, or returns None where the kernel does not suit it; then NumPy's kernel is called.
"""

from collections.abc import Callable, Sequence
from math import inf
from struct import pack, unpack
from typing import Any, NamedTuple

import numpy as np

from axon.core import Tensor
from axon.fast.kernels.arguments import INTEGER, TRUTH, Argument, CompiledKernel
from axon.fast.kernels.declare import KERNELS
from axon.program.trace import Instruction


class Workspace:
    """Memory that belongs to an instruction: bytes for each row, each piece, or each thread.

    What belongs to rows and threads is in the core's cache, and holds nothing from call to call.
    """

    def __init__(self, by_row: int = 0, by_piece: int = 0, by_thread: int = 0) -> None:
        self.by_row, self.by_piece, self.by_thread = by_row, by_piece, by_thread


class At(NamedTuple):
    """The address of a tensor's memory; of one row, or of one piece's own part, if asked for."""

    tensor: Tensor | Workspace
    by_row: int = 0  # bytes from one row to the next
    by_piece: int = 0
    offset: int = 0


class Word(NamedTuple):
    """An integer; what is added to it for each row, each piece, each step."""

    value: int
    by_row: int = 0
    by_piece: int = 0
    by_step: int = 0


NOTE = Workspace()  # where a program's kernels note what they cannot do; one for each program


class Call:
    """One call of a kernel.

    Args:
        kernel: its name.
        arguments: by the kernel's own names: places (``At``), numbers, groups of them.

    Raises:
        TypeError: the kernel has other arguments, or one of them is of another type.

    Attributes:
        arguments: the words that the kernel reads, in order.
    """

    def __init__(self, kernel: str, /, **arguments: Any) -> None:
        declared, self.kernel = KERNELS[kernel], kernel
        pairs = declared.matched(arguments)
        self.arguments = tuple(_word(declared, argument, given) for argument, given in pairs)


def _word(kernel: CompiledKernel, argument: Argument, given: Any) -> At | Word:
    """What is given for an argument, as a word; an error if it is of another type."""
    form = argument.form
    if form.memory:
        if isinstance(given, At) and _holds(given.tensor, form.dtypes):
            return given
        if isinstance(given, Word) and not given.value:  # an address that is known later
            return given
        if given is None and form.optional:
            return Word(0)
    elif isinstance(given, Word) and form is INTEGER:
        return given
    elif isinstance(given, form.types) and isinstance(given, bool | np.bool_) == (form is TRUTH):
        packed, read = form.bits
        if packed in ("<f", "<d"):  # as NumPy has it: what is too large is infinite
            given = _rounded(given, packed)
        if packed != "<q" or -(2**63) <= given < 2**63:
            return Word(unpack(read, pack(packed, given))[0])
    raise kernel.wrong(argument.name, form.said, given)


def _rounded(number: Any, packed: str) -> float:
    try:
        pack(packed, float(number))
    except OverflowError:
        return inf if number > 0 else -inf
    return float(number)


def _holds(memory: Tensor | Workspace, dtype: str) -> bool:
    """Whether numbers of a type lie there; a workspace holds whatever a kernel puts there."""
    return not dtype or isinstance(memory, Workspace) or memory.dtype.str[1:] == dtype


class Work(NamedTuple):
    """What an instruction becomes.

    Attributes:
        calls: done one after another by whoever has the piece.
        rows: how many rows it may be cut into.
        cost: about how many nanoseconds it takes in all.
        batched: its rows are the samples of a batch: it can go through the network with them.
        after: what is left to do when all (so many) pieces are done: adding up what they left.
    """

    calls: tuple[Call, ...]
    rows: int = 1
    cost: float = 100.0
    batched: bool = False
    after: "Callable[[int], Work] | None" = None


Rule = Callable[["Site", Instruction], Work | None]
RULES: dict[str, Rule] = {}


def lowers(*names: str) -> Callable[[Rule], Rule]:
    """Declare a rule for the primitives of these names."""

    def note(rule: Rule) -> Rule:
        for name in names:
            RULES[name] = rule
        return rule

    return note


class Site:
    """What rules ask about tensors: which are batched, and how they lie in memory.

    Args:
        batch: how many samples there are; 0 if the inputs do not agree.
        batched: whether a tensor is made by samples.
        wide: whether the program is one that may do more by compiled kernels than others.
    """

    def __init__(self, batch: int, batched: Callable[[Tensor], bool], wide: bool = False) -> None:
        self.batch, self.batched, self.wide = batch, batched, wide

    def rows(self, out: Tensor) -> bool:
        """Whether the rows of a result are, or are multiples of, the samples of the batch."""
        return self.batch > 0 and out.ndim > 0 and out.shape[0] % self.batch == 0


def by_name(instruction: Instruction) -> dict[str, Tensor]:
    """The inputs, by the names that the primitive's own kernel has for them."""
    kernel = instruction.primitive.kernel
    skipped = int(instruction.kind == "fills")  # the result comes first
    return dict(zip(kernel.__code__.co_varnames[skipped:], instruction.inputs, strict=False))


def flat(*tensors: Tensor) -> bool:
    """Whether all are float32 numbers in one piece."""
    return all(t.dtype == np.float32 and t.data.flags.c_contiguous for t in tensors)


def strides(tensor: Tensor, shape: Sequence[int]) -> tuple[int, ...]:
    """Steps, in elements, along each axis of a shape that the tensor is broadcast to."""
    view = np.broadcast_to(tensor.data, shape)
    return tuple(s // tensor.data.itemsize for s in view.strides)
