"""How primitives are done by XLA that the formulas of their kernels do not tell, or tell slowly.

``RULES`` has a function for each of these primitives, by its name. It takes the values of the
inputs and, by keyword, the metadata. Of a primitive that fills it returns the result; of one that
writes, the new values of the inputs that it changes, as a tuple. A rule decides nothing by values;
what can be wrong with them is what ``FAULTS`` ask.

Kernels work on few rows at a time, for the sake of a processor's cache, and walk over time step by
step; XLA makes its own pieces, and has a loop. No rule says how accurate products are to be:
``jax.default_matmul_precision`` around it does.
"""

from axon.xla.rules import (
    channels,
    convolution,
    index,
    linear,
    pooling,
    recurrent,
    rows,
    updates,
    warp,
)
from axon.xla.rules.index import FAULTS as FAULTS
from axon.xla.rules.values import Rule

RULES: dict[str, Rule] = {
    **convolution.RULES,
    **pooling.RULES,
    **rows.RULES,
    **channels.RULES,
    **index.RULES,
    **linear.RULES,
    **recurrent.RULES,
    **warp.RULES,
    **updates.RULES,
}
