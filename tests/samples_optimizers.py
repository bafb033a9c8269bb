"""Samples of the primitives in axon/optimizers."""

from typing import Any

import numpy as np
from cases import LARGE, SHAPES, Arrays, Case, normal, positive


def _momentum(w: Any, v: Any, g: Any, rate: Any, momentum: float, nesterov: bool) -> Arrays:
    v = momentum * v + g
    return w - rate * (g + momentum * v if nesterov else v), v


def _adam(
    w: Any, m: Any, v: Any, g: Any, rate: Any, epsilon: Any, beta_1: float, beta_2: float
) -> Arrays:
    m = beta_1 * m + g
    v = beta_2 * v + g**2
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


SAMPLES: dict[str, Case] = {
    # axon/optimizers
    "sgd_update": Case(
        lambda w, g, rate: (w - rate * g,),
        [((normal(*s), normal(*s), positive()), {}) for s in SHAPES],
        ((normal(*LARGE), normal(*LARGE), positive()), {}),
    ),
    "momentum_update": Case(
        _momentum,
        [
            ((normal(*s), normal(*s), normal(*s), positive()), {"momentum": 0.9, "nesterov": n})
            for s in SHAPES
            for n in (False, True)
        ],
        (
            (normal(*LARGE), normal(*LARGE), normal(*LARGE), positive()),
            {"momentum": 0.9, "nesterov": True},
        ),
    ),
    "adam_update": Case(
        _adam,
        [
            (
                (normal(*s), normal(*s), positive(*s), normal(*s), positive(), positive()),
                {"beta_1": 0.9, "beta_2": 0.99},
            )
            for s in SHAPES
        ],
        (
            (*(positive(*LARGE) for _ in range(4)), positive(), positive()),
            {"beta_1": 0.9, "beta_2": 0.99},
        ),
    ),
}
