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
        NotWorthIt: it sees memory in a way that cannot be told to XLA, or talks to other ranks.
    """
    if any(map(_talks, plan.instructions)):
        raise NotWorthIt("it talks to other ranks, which a device does not know")
    from axon.xla.machine import XlaMachine

    return XlaMachine(plan, inputs, outputs, options())


def _talks(instruction: Instruction) -> bool:
    """Whether an instruction adds up what several ranks have: not all summands are here."""
    if instruction.primitive.name != "all_reduce":
        return False
    return len(instruction.inputs[1].data) < instruction.meta["shards"]
