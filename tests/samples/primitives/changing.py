"""Samples of updates whose momentum may be another one in each step: those of fixed ones."""

from typing import Any

import numpy as np

from tests.samples.primitives.case import Case, Sample
from tests.samples.primitives.optimizers import SAMPLES as FIXED


def _told(sample: Sample) -> Sample:
    """The same sample, where the last array is the momentum."""
    arrays, meta = sample
    rest = {name: value for name, value in meta.items() if name != "momentum"}
    return (*arrays, np.array(meta["momentum"])), rest


def _changing(name: str, nan_shows: Any = None) -> Case:
    fixed = FIXED[name]
    return Case(
        lambda *arrays, **meta: fixed.reference(*arrays[:-1], momentum=arrays[-1], **meta),
        [_told(sample) for sample in fixed.samples],
        _told(fixed.large),
        nan_shows=nan_shows,
    )


SAMPLES: dict[str, Case] = {
    "changing_momentum_update": _changing("momentum_update"),
    "changing_rmsprop_update": _changing("rmsprop_momentum_update", (0, 1, 3, 4, 5, 6)),
    "changing_muon_update": _changing("muon_update"),
}
