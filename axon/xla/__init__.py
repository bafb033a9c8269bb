"""Programs as XLA does them (extra ``jax``), on CPUs, GPUs and TPUs.

``lower`` and ``demand`` are the plug that ``axon.program.lowerings`` knows. Only files of this room
import jax.
"""

from collections.abc import Sequence

from axon.core import Tensor
from axon.program.lowerings import LoweredPlan, NotWorthIt, options
from axon.program.plan import Plan
from axon.program.trace import Instruction
from axon.xla.devices import demand


def lower(plan: Plan, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> LoweredPlan:
    """The machine that runs a plan by XLA, where the settings say.

    Raises:
        NotWorthIt: it sees memory in a way that cannot be told to XLA, or adds up the shards of all
            ranks: XLA calls back from threads of its own, and MPI is for the one that began it. A
            single rank does the same, so that bits do not depend on how many there are.
    """
    if any(map(_adds_shards_up, plan.instructions)):
        raise NotWorthIt("it talks to other ranks, which a device does not know")
    from axon.xla.machine import XlaMachine

    return XlaMachine(plan, inputs, outputs, options())


def _adds_shards_up(instruction: Instruction) -> bool:
    """Whether an instruction is AXON's sum over the shards of all ranks."""
    p = instruction.primitive
    return p.name == "all_reduce" and p.__module__.startswith("axon.")
