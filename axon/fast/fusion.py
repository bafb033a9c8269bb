"""Instructions that are done better together, rewritten before work is scheduled.

A program keeps its length, so that each line of it can still be named and timed; what was taken
into another line is left out. The rules:

- the bias is where the sums of a convolution begin;
- relu comes after the largest of a window was found, not before: on fewer numbers. Its gradient
  and that of a bias then come before the gradient is sent to the pixels;
- the place of a gradient that is written all over is not filled with zeros before.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from axon.core import PRIMITIVES, Tensor
from axon.facts import Facts
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


def _convolve_and_add(x: Any, w: Any, b: Any, **meta: Any) -> Any:
    return PRIMITIVES["conv2d"](x, w, **meta) + b
