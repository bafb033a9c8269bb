"""Samples of the regularizers and of the constraints."""

import numpy as np

from axon.constraints import MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from axon.regularizers import L1, L1L2, L2

# regularizer, its value, its gradient
COSTS = {
    "l1": (L1(0.3), lambda w: 0.3 * abs(w).sum(), lambda w: 0.3 * np.sign(w)),
    "l2": (L2(0.3), lambda w: 0.3 * (w**2).sum(), lambda w: 0.6 * w),
    "l1_l2": (
        L1L2(l1=0.1, l2=0.2),
        lambda w: 0.1 * abs(w).sum() + 0.2 * (w**2).sum(),
        lambda w: 0.1 * np.sign(w) + 0.4 * w,
    ),
}
RULES = {"max_norm": MaxNorm(1.5), "unit_norm": UnitNorm(), "non_neg": NonNeg()}
RULES["min_max_norm"] = MinMaxNorm(1.0, 1.0)
