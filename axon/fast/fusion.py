"""Instructions that are done better together, rewritten before work is scheduled.

A program keeps its length, so that each line of it can still be named and timed; what was taken
into another line is left out. The rules:

- the bias is where the sums of a convolution begin;
- relu comes after the largest of a window was found, not before: on fewer numbers. Its gradient
  and that of a bias then come before the gradient is sent to the pixels;
- the place of a gradient that is written all over is not filled with zeros before;
- what lies between x and f(x), x + a (f(x) - x), is one pass over memory, and its gradient another.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from axon.core import PRIMITIVES, Tensor
from axon.facts import Facts
from axon.fast.rules.calls import RULES
from axon.program.plan import Plan


class Replacement:
    """A primitive in a place where the plan expected another: it asks for no planned workspace.

    Args:
        name: the primitive, or what a rule (``lowers``) is declared for.
        eager: the same as a function of arrays, for when no rule takes it.
    """

    kind, writes, workspace, facts = "fills", 0, None, Facts()

    def __init__(self, name: str, eager: Any = None) -> None:
        self.name = name
        self._eager = eager or PRIMITIVES[name]

    def kernel(self, out: Any, *inputs: Any, xp: Any, **meta: Any) -> None:
        """Where no compiled kernel suits."""
        xp.copyto(out, self._eager(*inputs, **meta).reshape(out.shape))


class _Nothing:
    kind, writes, workspace, name, facts = "views", 0, None, "nothing", Facts()


def fused(plan: Plan, outputs: Sequence[Tensor]) -> Plan:
    """The same program with some of its instructions put together."""
    program = Rewriter(plan, outputs)
    for number, instruction in enumerate(plan.instructions):
        if instruction.primitive.name == "conv2d":
            program.bias_into_convolution(number)
        elif instruction.primitive.name == "relu":
            program.relu_behind_pool(number)
        elif instruction.primitive.name == "recurrence_backward":
            program.place_unfilled(number)
        elif instruction.primitive.name == "subtract":
            program.between(number)
        elif instruction.primitive.name == "negative":
            program.bent(number)
    plan = copy(plan)
    plan.instructions = program.instructions
    return plan


class Rewriter:
    """A program being rewritten: its instructions, and who reads what."""

    def __init__(self, plan: Plan, outputs: Sequence[Tensor]) -> None:
        self.instructions = list(plan.instructions)
        self.kept = {plan.root(t) for t in outputs} | set(plan.moved)
        self._root = plan.root
        self._readers: dict[int, list[tuple[int, int]]] = {}
        for number, i in enumerate(plan.instructions):
            if i.kind != "views":
                for k, t in enumerate(i.inputs):
                    self._readers.setdefault(plan.root(t), []).append((number, k))

    def readers(self, result: Tensor) -> dict[tuple[str, int], int]:
        """Who reads a result or a view of it: (primitive, number of the input) -> instruction.

        None at all are returned if two of them read alike, or if it must be kept.
        """
        numbers = self._readers.get(self._root(result), [])
        found = {(self.instructions[n].primitive.name, k): n for n, k in numbers}
        alone = len(found) == len(numbers) and self._root(result) not in self.kept
        return found if alone else {}

    def put(
        self, number: int, name: str, inputs: Any, out: Tensor, meta: Any, eager: Any = None
    ) -> None:
        """Do something else in this place."""
        change: dict[str, Any] = {
            "primitive": Replacement(name, eager),
            "inputs": tuple(inputs),
            "out": out,
        }
        self.instructions[number] = self.instructions[number]._replace(**change, meta=meta)

    def leave_out(self, number: int) -> None:
        """Do nothing in this place."""
        change: dict[str, Any] = {"primitive": _Nothing(), "inputs": (), "meta": {}}
        self.instructions[number] = self.instructions[number]._replace(**change)

    # -------------------------------------------------------------------- rules

    def bias_into_convolution(self, number: int) -> None:
        """conv2d(x, w) + b, channel by channel, in one go."""
        conv = self.instructions[number]
        readers = self.readers(conv.out)
        if list(readers) != [("add", 0)]:
            return
        (place,) = readers.values()
        add = self.instructions[place]
        bias, filters = add.inputs[1], conv.out.shape[3]
        if bias.shape == (filters,) and add.inputs[0].shape[-1:] == (filters,):
            inputs = (*conv.inputs, bias)
            self.put(place, "conv2d_bias", inputs, add.out, conv.meta, _convolve_and_add)
            self.leave_out(number)

    def place_unfilled(self, number: int) -> None:
        """What is written all over need not be filled with zeros before."""
        place = self.instructions[number].inputs[0]
        for k, i in enumerate(self.instructions[:number]):
            if i.out is place and i.primitive.name == "broadcast_to":
                self.put(k, "unfilled", i.inputs, i.out, i.meta, PRIMITIVES["broadcast_to"])

    def between(self, number: int) -> None:
        """x + a (y - x) in one pass; who else multiplies with y - x works it out again."""
        (y, x), d = self.instructions[number].inputs, self.instructions[number].out
        readers = self._readers.get(self._root(d), [])
        ends = {n: self._end_of_between(n, k, x, d) for n, k in readers}
        products = [n for n, end in ends.items() if end]
        right = all(self._is_product(n, k, d) for n, k in readers) and _alike(d, y, repeated=x)
        if self._root(d) in self.kept or len(products) != 1 or not right or not self._stay(x, y):
            return
        for n, k in readers:
            i, end = self.instructions[n], ends[n]
            if end:
                out = self.instructions[end].out
                self.put(end, "between", (x, y, i.inputs[1 - k]), out, {}, _between)
                self.leave_out(n)
            else:
                self.put(n, "times_difference", (i.inputs[1 - k], y, x), i.out, {}, _times)
        self.leave_out(number)

    def _stay(self, *results: Tensor) -> bool:
        """Whether these are results of the program that nothing changes afterwards."""
        roots = {self._root(t) for t in results}
        changed = {self._root(t) for i in self.instructions for t in i.changed}
        made = {id(i.out) for i in self.instructions if i.kind == "fills"}
        return roots <= made - changed

    def _is_product(self, number: int, k: int, d: Tensor) -> bool:
        """Whether d is multiplied with something else, which is repeated to its shape, perhaps."""
        i = self.instructions[number]
        if i.primitive.name != "multiply" or i.inputs[k] is not d or i.inputs[1 - k] is d:
            return False
        return _alike(d, i.out, repeated=i.inputs[1 - k])

    def _end_of_between(self, number: int, k: int, x: Tensor, d: Tensor) -> int:
        """Where a d is added to x, if this instruction makes it of d, for nobody else; else 0."""
        if not self._is_product(number, k, d):
            return 0
        name, place, end = self._only_reader(self.instructions[number].out)
        fits = name == "add" and self.instructions[end].inputs[1 - place] is x
        return end if fits and self._unchanged(number, end) else 0

    def _only_reader(self, result: Tensor) -> tuple[str, int, int]:
        """Who alone reads a result: its primitive, the number of the input, and its own number."""
        found = [(*reader, n) for reader, n in self.readers(result).items()]
        return found[0] if len(found) == 1 else ("", 0, 0)

    def _unchanged(self, start: int, stop: int) -> bool:
        """Whether nothing is changed in place meanwhile."""
        return not any(i.kind == "writes" for i in self.instructions[start:stop])

    def bent(self, number: int) -> None:
        """g + -(g a) + f'(g a) in one pass: what comes back through x + a (f(x) - x)."""
        negative = self.instructions[number]
        (p,), readers = negative.inputs, self.readers(negative.inputs[0])
        name = next((n for n, k in readers if (n, k) != ("negative", 0)), "")
        if len(readers) != 2 or f"bent_{name}" not in RULES or (name, 0) not in readers:
            return
        through, (reader, place, first) = readers[name, 0], self._only_reader(negative.out)
        ends = [self._only_reader(self.instructions[n].out) for n in (first, through)]
        made = next((n for n, i in enumerate(self.instructions) if i.out is p), number)
        if (reader, place) != ("add", 1) or not self._unchanged(made, ends[0][2]):
            return
        self._put_bent(name, [made, number, through, first], ends)

    def _put_bent(self, name: str, steps: list[int], ends: list[tuple[str, int, int]]) -> None:
        """Put it where the two ways back meet, if they do."""
        product, _, through, first = (self.instructions[n] for n in steps)
        (kind, _, last), y = ends[0], through.inputs[1]
        meet = kind == "add" and last == ends[1][2] and ends[0] != ends[1]
        if not meet or product.primitive.name != "multiply":
            return
        (g, a), end = product.inputs, self.instructions[last]
        if first.inputs[0] is g and _alike(product.out, g, y, end.out, repeated=a):
            self.put(last, f"bent_{name}", (g, a, y), end.out, {}, _bent(name))
            for n in steps:
                self.leave_out(n)

    def relu_behind_pool(self, number: int) -> None:
        """max_pool2d(relu(z)) = relu(max_pool2d(z)), and what follows from it for the gradient."""
        relu = self.instructions[number]
        readers = self.readers(relu.out)
        names = sorted(readers)
        forward, backward = ("max_pool2d", 0), [("max_pool2d_argmax", 0), ("relu_gradient", 1)]
        if names not in ([forward], sorted([forward, *backward])):
            return
        pool = self.instructions[readers[forward]]
        (z,), y = relu.inputs, pool.out
        if z.shape != pool.inputs[0].shape:
            return
        if len(names) > 1 and not self._gradient(readers, z, y):
            return
        largest = Tensor(np.empty(y.shape, y.dtype))
        if len(names) > 1:
            place = readers[backward[0]]
            found = self.instructions[place]
            self.put(place, "max_pool2d_argmax", (z, largest), found.out, found.meta)
        self.put(number, "max_pool2d", (z,), largest, pool.meta)
        self.put(readers[forward], "relu", (largest,), y, {})

    def _gradient(self, readers: dict[tuple[str, int], int], z: Tensor, y: Tensor) -> bool:
        """Rewrite the way back, if it is as expected."""
        found = self.instructions[readers["max_pool2d_argmax", 0]]
        place = readers["relu_gradient", 1]
        masked = self.instructions[place]
        sent = self.readers(found.out).get(("max_pool2d_gradient", 1))
        if self._root(found.inputs[1]) != self._root(y) or sent is None:
            return False
        gradient = self.instructions[sent]
        if self.readers(gradient.out) != {("relu_gradient", 0): place}:
            return False
        g, index = gradient.inputs
        if g.shape != y.shape or masked.out.shape != z.shape:
            return False
        small = Tensor(np.empty(g.shape, g.dtype))
        self.put(sent, "relu_gradient", (g, y), small, {})
        self.put(place, "max_pool2d_gradient", (small, index), masked.out, gradient.meta)
        for n, k in self._readers.get(self._root(masked.out), []):
            total = self.instructions[n]
            if (total.primitive.name, k) == ("sum_to", 0) and total.out.shape == z.shape[3:]:
                self.put(n, "sum_to", (small,), total.out, total.meta)
        return True


def _alike(x: Tensor, *others: Tensor, repeated: Tensor) -> bool:
    """Whether all are float32 numbers of one shape, but for one that is repeated to it."""
    same = all(t.shape == x.shape for t in others)
    fits = np.broadcast_shapes(repeated.shape, x.shape) == x.shape
    return same and fits and all(t.dtype == np.float32 for t in (x, *others, repeated))


def _between(x: Any, y: Any, a: Any) -> Any:
    return x + a * (y - x)


def _times(g: Any, y: Any, x: Any) -> Any:
    return g * (y - x)


def _bent(name: str) -> Any:
    return lambda g, a, y: (g - g * a) + PRIMITIVES[name](g * a, y)


def _convolve_and_add(x: Any, w: Any, b: Any, **meta: Any) -> Any:
    return PRIMITIVES["conv2d"](x, w, **meta) + b
