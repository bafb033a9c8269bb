"""Samples of the primitive in axon/ranks; that of several ranks is tried in tests/ranks."""

import numpy as np

from tests.samples.primitives.case import LARGE, SHAPES, Case, normal

SAMPLES: dict[str, Case] = {
    "all_reduce": Case(
        lambda total, rows, shards: (np.sum(rows, axis=0),),
        [((normal(*s), normal(n, *s)), {"shards": n}) for s in SHAPES for n in (1, 2, 5, 8)],
        ((normal(*LARGE), normal(8, *LARGE)), {"shards": 8}),
        nan_shows=[1],
    ),
}
