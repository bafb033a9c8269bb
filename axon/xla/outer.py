"""The memory that outlives a step, in the finest pieces that the program's instructions see.

Parameters, their gradients and an optimizer's state lie in a few flat buffers, which one update
changes whole, while layers see their own weights. For XLA such a buffer would be a value that every
small change makes anew: so it is cut, and what works number by number goes piece by piece.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from axon.backend import Array, DType
from axon.core import Tensor
from axon.pieces import by_rows
from axon.program.lowerings import NotWorthIt
from axon.program.plan import Plan
from axon.program.trace import Instruction

SMALL = 2**16  # bytes of a piece that may lie in an array with others: it is copied in each go


class Span(NamedTuple):
    """Memory from one address up to another."""

    start: int
    stop: int


class Stretch(NamedTuple):
    """A piece of memory: where it is, and the array that Python sees there."""

    span: Span
    array: Array


class Flat(NamedTuple):
    """What an instruction takes that can be done piece by piece: a stretch of numbers in a line.

    Attributes:
        line: whose cuts count: the address of a region of memory, or the id of a result.
        start: where in the line it begins, in elements.
    """

    line: int
    start: int


class Outer:
    """The memory outside a program.

    Attributes:
        places: the pieces, by address.
        shapes: theirs, on the device: those of an optimizer's state are as the parameters' are, so
            that what is done with both is a simple loop.
    """

    def __init__(self, plan: Plan, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.plan = plan
        self.given = {id(t): number for number, t in enumerate(inputs)}
        self.views = {id(i.out): i for i in plan.instructions if i.kind == "views"}
        seen = {id(t): t for t in self._seen(outputs)}
        self.spans = {i: span_of(t.data) for i, t in seen.items() if t.size}
        self.regions = _regions(list(self.spans.values()))
        self.cuts: dict[int, set[int]] = {}
        self.types: dict[int, DType] = {}
        for number, t in seen.items():
            if number in self.spans:
                self._note(t)
        self._agree()
        self._arrays = [t.data for t in seen.values() if t.size]
        self.places = self._cut(list(seen.values()))
        self.shapes = [place.array.shape for place in self.places]
        self._first = {place.span.start: i for i, place in enumerate(self.places)}
        for instruction in plan.instructions:
            self._shape_alike(instruction)

    def inner(self, tensor: Tensor) -> bool:
        """Whether a tensor is an input, a result, or a view of one."""
        root = self.plan.root(tensor)
        return root in self.plan.made or root in self.given

    def alone(self, array: Array) -> bool:
        """Whether nothing is seen around an array."""
        span = span_of(array)
        return all(r == span for r in self.regions if r.start < span.stop and span.start < r.stop)

    def shown(self, tensor: Tensor) -> Tensor:
        """The tensor itself if its memory is a stretch, else the one that it is a view of."""
        while not tensor.data.flags.c_contiguous:
            if id(tensor) not in self.views:
                raise NotWorthIt("an array that lies scattered in memory")
            tensor = self.views[id(tensor)].inputs[0]
        return tensor

    def numbers(self, tensor: Tensor, perhaps: bool = False) -> list[int]:
        """The numbers of the pieces that a contiguous tensor outside consists of.

        Args:
            tensor: which.
            perhaps: it may be that no instruction sees it.
        """
        span = span_of(tensor.data)
        if not tensor.size or (perhaps and span.start not in self._first):
            return []
        found = [self._first[span.start]]
        while self.places[found[-1]].span.stop < span.stop:
            found.append(found[-1] + 1)
        return found

    def parted(self, instruction: Instruction) -> list[tuple[int, int]]:
        """From where to where, in elements, an instruction is done; nothing if it is done whole."""
        flats = [self._flat(t) for t in _long(instruction)] if _by_number(instruction) else []
        if not flats:
            return []
        n, first = _long(instruction)[0].size, flats[0]
        cuts = sorted(c - first.start for c in self.cuts.get(first.line, ()))
        ends = [0, *(c for c in cuts if 0 < c < n), n]
        return list(itertools.pairwise(ends)) if len(ends) > 2 else []

    def bundles(self, numbers: Sequence[int]) -> list[list[int]]:
        """Pieces that go to the device, and back, together: small ones that are neighbours.

        Args:
            numbers: of the pieces.
        """
        found: list[list[int]] = []
        for number in sorted(numbers):
            if found and found[-1][-1] == number - 1 and self._joins(found[-1], number):
                found[-1].append(number)
            else:
                found.append([number])
        return found

    def bundle(self, numbers: Sequence[int]) -> Stretch:
        """The memory of a bundle."""
        if len(numbers) == 1:
            return self.places[numbers[0]]
        span = Span(self.places[numbers[0]].span.start, self.places[numbers[-1]].span.stop)
        return Stretch(span, _part(span, self._arrays))

    def _joins(self, bundle: Sequence[int], number: int) -> bool:
        """Whether a piece goes together with those before it."""
        first, last, own = (self.places[n] for n in (bundle[0], bundle[-1], number))
        if max(last.array.nbytes, own.array.nbytes) > SMALL or last.span.stop != own.span.start:
            return False
        spans = map(span_of, self._arrays)
        return any(s.start <= first.span.start and own.span.stop <= s.stop for s in spans)

    # -------------------------------------------------------------------- how it is cut

    def _seen(self, outputs: Sequence[Tensor]) -> Iterator[Tensor]:
        for instruction in self.plan.instructions:
            if instruction.kind != "views":
                yield from (self.shown(t) for t in instruction.inputs if not self.inner(t))
            if id(instruction.out) in self.plan.moved:
                yield self.plan.moved[id(instruction.out)]
        yield from (self.shown(t) for t in outputs if not self.inner(t))

    def _region(self, start: int) -> Span:
        return next(r for r in self.regions if r.start <= start < r.stop)

    def _note(self, tensor: Tensor) -> None:
        """A tensor begins and ends here: so do pieces."""
        span, dtype = self.spans[id(tensor)], tensor.dtype
        region = self._region(span.start)
        if self.types.setdefault(region.start, dtype) != dtype:
            raise NotWorthIt("memory that is seen as two types")
        ends = ((at - region.start) // dtype.itemsize for at in span)
        self.cuts.setdefault(region.start, set()).update(ends)

    def _flat(self, tensor: Tensor) -> Flat:
        if self.inner(tensor):
            return Flat(id(tensor), 0)
        start = span_of(tensor.data).start
        region = self._region(start)
        return Flat(region.start, (start - region.start) // tensor.dtype.itemsize)

    def _agree(self) -> None:
        """What is done piece by piece together is cut alike."""
        together = [_long(i) for i in self.plan.instructions if _by_number(i)]
        flats = [([self._flat(t) for t in found], found[0].size) for found in together]
        changes = True
        while changes:
            before = sum(map(len, self.cuts.values()))
            for found, n in flats:
                lines = [(self.cuts.setdefault(f.line, set()), f.start) for f in found]
                ends = {c - start for cuts, start in lines for c in cuts if 0 <= c - start <= n}
                for cuts, start in lines:
                    cuts.update(start + end for end in ends)
            changes = before != sum(map(len, self.cuts.values()))

    def _shape_alike(self, instruction: Instruction) -> None:
        """Give pieces that meet in an instruction the shape of the one that has most axes."""
        count = len(self.parted(instruction))
        if not count:
            return
        rows = [self.numbers(t) for t in _long(instruction) if not self.inner(t)]
        for met in zip(*(row for row in rows if len(row) == count), strict=True):
            shape = max((self.shapes[n] for n in met), key=len)
            for n in met:
                self.shapes[n] = shape

    def _cut(self, seen: Sequence[Tensor]) -> list[Stretch]:
        """Each piece in the shape in which it is seen, if it is."""
        arrays = {self.spans[id(t)]: t.data for t in seen if t.size and t.data.ndim < 2}
        arrays.update({self.spans[id(t)]: t.data for t in seen if t.size and t.data.ndim > 1})
        return [
            Stretch(span, arrays[span] if span in arrays else _part(span, self._arrays))
            for region in self.regions
            for span in self._stretches(region)
        ]

    def _stretches(self, region: Span) -> list[Span]:
        size = self.types[region.start].itemsize
        ends = sorted(self.cuts[region.start])
        return [
            Span(region.start + a * size, region.start + b * size)
            for a, b in itertools.pairwise(ends)
        ]


def span_of(array: Array) -> Span:
    """Where a contiguous array lies."""
    start = int(array.__array_interface__["data"][0])
    return Span(start, start + array.nbytes)


def _part(span: Span, seen: Sequence[Array]) -> Array:
    """A stretch of numbers inside of an array."""
    for array in seen:
        all_of_it = span_of(array)
        if all_of_it.start <= span.start and span.stop <= all_of_it.stop:
            first, last = ((at - all_of_it.start) // array.itemsize for at in span)
            part: Array = array.reshape(-1)[first:last]
            return part
    raise NotWorthIt("memory that no instruction sees as a whole")


def _regions(spans: Sequence[Span]) -> list[Span]:
    """Spans that meet, joined."""
    found: list[Span] = []
    for span in sorted(set(spans)):
        if found and span.start < found[-1].stop:
            found[-1] = Span(found[-1].start, max(found[-1].stop, span.stop))
        else:
            found.append(span)
    return found


def _by_number(instruction: Instruction) -> bool:
    """Whether an instruction makes each number of those at its own place in flat arrays."""
    p, shape = instruction.primitive, (_first(instruction).size,)
    alone = p.facts.alone if p.kind == "fills" else p.rows is by_rows
    if p.kind == "views" or not alone or "shape" in instruction.meta or shape == (1,):
        return False
    arrays = [t.data for t in (*instruction.inputs, instruction.out)]
    return all(a.size == 1 or (a.shape == shape and a.flags.c_contiguous) for a in arrays)


def _first(instruction: Instruction) -> Tensor:
    return instruction.out if instruction.kind == "fills" else instruction.inputs[0]


def _long(instruction: Instruction) -> list[Tensor]:
    """The result of an instruction, and its inputs, without single numbers."""
    return [_first(instruction), *(t for t in instruction.inputs if t.size > 1)]
