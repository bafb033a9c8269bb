"""Programs as XLA does them (extra ``jax``), on CPUs, GPUs and TPUs.

``lower`` and ``demand`` are the plug that ``axon.program.lowerings`` knows. Only files of this room
import jax.
"""

from collections.abc import Sequence

from axon.core import Tensor
from axon.program.lowerings import LoweredPlan, options
from axon.program.plan import Plan
from axon.xla.devices import demand


def lower(plan: Plan, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> LoweredPlan:
    """The machine that runs a plan by XLA, where the settings say.

    Raises:
        NotWorthIt: it sees memory in a way that cannot be told to XLA.
    """
    from axon.xla.machine import XlaMachine

    return XlaMachine(plan, inputs, outputs, options())
