"""The unit in which a network learns amounts: where targets lie, and how far they spread."""

from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.layers import Normalization

STEPS = 64  # of a spread, to which the center is rounded
ROUNDING = 8  # roundings of float64: targets that differ by less are all the same


class TargetUnit(NamedTuple):
    """Center and spread of targets, (outputs,) each, in float64."""

    center: Array
    spread: Array

    def layer(self, dtype: str) -> Normalization:
        """The layer that turns what a network learns in this unit into amounts."""
        return Normalization(self.center, self.spread**2, invert=True, dtype=dtype)


def unit_of(y: Array, weights: Array | None) -> TargetUnit:
    """The power of 2 next to the deviation of targets, and about their mean.

    Rounded, so that the order of the rows, or whether they are weighed or repeated, is no matter;
    and a power of 2, so that to change units rounds nothing.

    Args:
        y: (n, outputs).
        weights: (n,) how much each row counts; None: all the same.

    >>> unit_of(np.array([[990.0], [1010.0], [1000.0]]), None)
    TargetUnit(center=array([1000.]), spread=array([8.]))
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.average(y.astype(np.float64), axis=0, weights=weights)
        deviation = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=weights))
    noise = ROUNDING * np.finfo(np.float64).eps * np.abs(mean)
    varies = (deviation > noise) & np.isfinite(deviation)
    spread = np.exp2(np.round(np.log2(np.where(varies, deviation, 1.0))))
    rounded = np.round(mean / spread * STEPS) / STEPS * spread
    constant = np.where(np.isfinite(mean), mean, 0.0)
    return TargetUnit(np.where(varies, rounded, constant), spread)
