"""How work is cut into pieces along the first axis of arrays.

A primitive says by a rule which of its arrays are cut, and what its work costs, about. How many
pieces that makes depends on shapes alone, never on threads.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple, Protocol

from axon.backend import Array, DType, Shape, carve, xp
from axon.facts import Facts
from axon.threads import share

MOST = 8  # pieces
WORTH = 400_000.0  # cutting: what costs that much, in nanoseconds; to hand it over takes 50,000
BYTE, FLOP = 0.1, 0.01  # nanoseconds, about, on one core
NARROW = 16  # rows: fewer in a product are slow
LINE = 64  # bytes

Meta = dict[str, Any]
Specs = Sequence[tuple[Shape, DType]]


def cost(multiply_adds: int, nbytes: int) -> float:
    """What a product is thought to cost, in nanoseconds."""
    return 2 * FLOP * multiply_adds + BYTE * nbytes


class Cut(NamedTuple):
    """What of an instruction can be cut.

    Attributes:
        rows: the length of what is cut.
        along: for each array that the kernel is handed, whether it is cut along its first axis.
        cost: in nanoseconds, about.
        shape: the metadata ``shape`` begins with the number of rows.
        sums: the first array is not cut: it is the sum of what the pieces make.
        least: rows in a piece.
    """

    rows: int
    along: tuple[bool, ...]
    cost: float
    shape: bool = False
    sums: bool = False
    least: int = 1

    @property
    def pieces(self) -> int:
        """How many: none or MOST, so that neighbours are cut alike; fewer if there are few rows.

        >>> Cut(1000, (True, True), cost=2 * WORTH).pieces
        8
        """
        count = MOST if self.cost >= WORTH else 1
        while count > 1 and self.rows < count * self.least:
            count //= 2
        return count


Rule = Callable[..., Cut | None]


def each_row(
    effort: float = 1.0, when: Callable[..., bool] | None = None, shape: bool = False
) -> Rule:
    """Return the rule of kernels that treat each row by itself: element by element, or rows whole.

    Cut are the arrays with as many axes and rows as the first one; others are read whole.

    Args:
        effort: how often memory is passed over, about.
        when: of the arrays and the metadata: whether it can be cut at all.
        shape: the metadata ``shape`` begins with the number of rows.
    """

    def rule(*arrays: Array, **meta: object) -> Cut | None:
        first = arrays[0].shape
        if len(first) < 1 or first[0] < 2 or (when is not None and not when(*arrays, **meta)):
            return None
        along = tuple(a.ndim == len(first) and a.shape[0] == first[0] for a in arrays)
        size = sum(a.nbytes for a, cut in zip(arrays, along, strict=True) if cut)
        return Cut(first[0], along, BYTE * effort * size, shape)

    return rule


by_rows = each_row()


class Cuttable(Protocol):
    """What is asked of a primitive."""

    @property
    def kind(self) -> str:
        """Fills, views or writes."""

    @property
    def writes(self) -> int:
        """How many of its inputs it changes."""

    @property
    def facts(self) -> Facts:
        """What is declared of it."""

    @property
    def rows(self) -> Callable[..., object] | None:
        """Its rule, if it has one of its own."""

    @property
    def workspace(self) -> Callable[..., Specs] | None:
        """The rule for its workspace."""

    @property
    def kernel(self) -> Callable[..., object]:
        """What does the work."""


class Pieces:
    """One application of a primitive, in pieces.

    Args:
        primitive: whose kernel it is.
        arrays: what the kernel is handed, result first if it fills one.
        cut: how it is cut.
        ends: where each piece ends, the first beginning at 0.
        sums: for sums, (pieces, *shape of the first array): what each piece makes.
    """

    def __init__(
        self,
        primitive: Cuttable,
        arrays: Sequence[Array],
        meta: Meta,
        cut: Cut,
        ends: Sequence[int],
        sums: Array | None = None,
    ) -> None:
        self.primitive, self.arrays, self.meta, self.cut = primitive, arrays, meta, cut
        self.sums = sums
        self.spans = list(zip((0, *ends), ends, strict=False))

    def given(self, number: int) -> tuple[list[Array], Meta]:
        """Arrays and metadata of one piece."""
        start, stop = self.spans[number]
        pairs = zip(self.arrays, self.cut.along, strict=True)
        arrays = [a[start:stop] if along else a for a, along in pairs]
        if self.sums is not None:
            arrays[0] = self.sums[number]
        if not self.cut.shape:
            return arrays, self.meta
        return arrays, {**self.meta, "shape": (stop - start, *self.meta["shape"][1:])}

    def workspace(self, number: int) -> Specs:
        """The workspace of one piece."""
        if not self.primitive.workspace:
            return []
        arrays, meta = self.given(number)
        specs: Specs = self.primitive.workspace(*arrays[self.primitive.kind == "fills" :], **meta)
        return specs

    def workspace_bytes(self) -> int:
        """The bytes that the workspace of any piece needs."""
        largest = {stop - start: number for number, (start, stop) in enumerate(self.spans)}
        return max(
            sum(_lines(shape, dtype) for shape, dtype in self.workspace(n))
            for n in largest.values()
        )

    def run(self, number: int) -> None:
        """Do one piece in fresh memory."""
        arrays, meta = self.given(number)
        if self.primitive.workspace:
            workspace = [xp.empty(*spec) for spec in self.workspace(number)]
            meta = {**meta, "workspace": workspace}
        self.primitive.kernel(*arrays, xp=xp, **meta)

    def placed(self, number: int, memory: Array) -> tuple[list[Array], Meta]:
        """Arrays and metadata of one piece, its workspace carved out of ``memory``."""
        arrays, meta = self.given(number)
        if not self.primitive.workspace:
            return arrays, meta
        workspace, start = [], 0
        for shape, dtype in self.workspace(number):
            workspace.append(carve(memory, start, shape, dtype))
            start += _lines(shape, dtype)
        return arrays, {**meta, "workspace": workspace}

    def finish(self) -> None:
        """Add up what the pieces made, in their order."""
        if self.sums is not None:
            xp.add.reduce(self.sums, axis=0, out=self.arrays[0])


def _lines(shape: Shape, dtype: DType) -> int:
    """Bytes, rounded up to whole lines of the cache."""
    return -(-prod(shape) * dtype.itemsize // LINE) * LINE


def ends(count: int, pieces: int) -> list[int]:
    """Where pieces of nearly equal length end.

    >>> ends(10, 4)
    [2, 5, 7, 10]
    """
    return [count * (i + 1) // pieces for i in range(pieces)]


def cut_of(primitive: Cuttable, arrays: Sequence[Array], meta: Meta) -> Cut | None:
    """How an application can be cut; what works number by number can be without saying so.

    Args:
        primitive: what is applied.
        arrays: what the kernel is handed, result first if it fills one.
        meta: the metadata.
    """
    if primitive.rows is not None:
        cut = primitive.rows(*arrays, **meta)
        assert cut is None or isinstance(cut, Cut)
        return cut
    return by_rows(*arrays, **meta) if primitive.facts.alone else None


def in_pieces(primitive: Cuttable, arrays: Sequence[Array], meta: Meta) -> bool:
    """Run a kernel in pieces, if it is to be cut at all."""
    cut = cut_of(primitive, arrays, meta)
    pieces = cut.pieces if cut else 1
    if cut is None or pieces < 2:
        return False
    out = arrays[0]
    sums = xp.empty((pieces, *out.shape), out.dtype) if cut.sums else None
    work = Pieces(primitive, arrays, meta, cut, ends(cut.rows, pieces), sums)
    share(pieces, lambda thread: [partial(work.run, i) for i in range(pieces)])
    work.finish()
    return True


def in_parts(
    function: Callable[[int, int], object], rows: int, cost: float, least: int = 1
) -> None:
    """Call ``function(start, stop)`` for pieces of ``rows``, inside of what is not cut otherwise.

    >>> in_parts(lambda start, stop: print(start, stop), 10, cost=0.5 * WORTH)
    0 10
    """
    stops = ends(rows, Cut(rows, (), cost, least=least).pieces) if cost >= WORTH else [rows]
    if len(stops) == 1:
        function(0, rows)
        return
    pieces = [partial(function, *span) for span in zip((0, *stops), stops, strict=False)]
    share(len(pieces), lambda thread: pieces)


def multiply(out: Array, a: Array, b: Array, xp: Any) -> None:
    """Fill out with a @ b, matrices; rows of it at a time if there are many.

    >>> y = np.empty((1, 1))
    >>> multiply(y, np.ones((1, 3)), np.ones((3, 1)), np)
    >>> y
    array([[3.]])
    """

    def part(start: int, stop: int) -> None:
        xp.matmul(a[start:stop], b, out=out[start:stop])

    in_parts(part, len(out), 2 * FLOP * out.size * a.shape[1], least=NARROW)
