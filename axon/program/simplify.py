"""Simplify: a recorded step with less work in it, by small rules that each look at one instruction.

A rule is given an instruction and the makers of its inputs, and returns what to do instead, or
None. The numbers stay the same: at most the sign of a zero may differ from what eager gives. What
nobody reads any longer is dropped by the plan.
"""

from collections.abc import Callable, Mapping, Sequence

from axon.core import Tensor
from axon.ops.cells import CELLS
from axon.program.trace import Instruction

Makers = Mapping[int, Instruction]  # id of a result -> what made it
Rule = Callable[[Instruction, Makers], Instruction | None]


def simplify(instructions: Sequence[Instruction]) -> list[Instruction]:
    """Apply every rule to every instruction, in order."""
    changed = {id(t) for i in instructions for t in i.changed}
    makers = {id(i.out): i for i in instructions if i.kind == "fills" and id(i.out) not in changed}
    simpler = []
    for instruction in instructions:
        for rule in RULES.get(instruction.primitive.name, ()):
            instruction = rule(instruction, makers) or instruction
        simpler.append(instruction)
    return simpler


def _maker(tensor: Tensor, name: str, makers: Makers) -> Instruction | None:
    """What made a tensor, if it was a primitive of this name."""
    made = makers.get(id(tensor))
    return made if made is not None and made.primitive.name == name else None


def _with(instruction: Instruction, number: int, given: Tensor) -> Instruction:
    """The same instruction with another input in this place."""
    inputs = (*instruction.inputs[:number], given, *instruction.inputs[number + 1 :])
    return instruction._replace(inputs=inputs)


def gradient_of_h_alone(instruction: Instruction, makers: Makers) -> Instruction | None:
    """Where of a recurrence only h is read, zeros for its gates are neither made nor added."""
    made = _maker(instruction.inputs[1], "slice_gradient", makers)
    if made is None or id(made.inputs[0]) not in makers:
        return None
    only_h = made.meta["index"] == CELLS[instruction.meta["cell"]].saved
    return _with(instruction, 1, made.inputs[0]) if only_h else None


RULES: Mapping[str, Sequence[Rule]] = {"recurrence_backward": (gradient_of_h_alone,)}
