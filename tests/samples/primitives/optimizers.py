"""Samples of the primitives in axon/optimizers."""

from typing import Any

import numpy as np

from tests.samples.primitives.case import LARGE, SHAPES, Arrays, Case, Sample, normal, positive


def _momentum(w: Any, v: Any, g: Any, rate: Any, momentum: float, nesterov: bool) -> Arrays:
    v = momentum * v + g
    return w - rate * (g + momentum * v if nesterov else v), v


def _adam(
    w: Any, m: Any, v: Any, g: Any, rate: Any, epsilon: Any, beta_1: float, beta_2: float
) -> Arrays:
    m = beta_1 * m + g
    v = beta_2 * v + g**2
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _amsgrad(*arrays: Any, beta_1: float, beta_2: float) -> Arrays:
    w, m, v, largest, g, rate, epsilon = arrays
    _, m, v = _adam(w, m, v, g, rate, epsilon, beta_1, beta_2)
    largest = np.where(v > largest, v, largest)
    return w - rate * m / (np.sqrt(largest) + epsilon), m, v, largest


def _adagrad(w: Any, total: Any, g: Any, rate: Any, epsilon: float) -> Arrays:
    total = total + g**2
    return w - rate * g * (total + epsilon) ** -0.5, total


def _rmsprop(w: Any, v: Any, g: Any, rate: Any, rho: float, epsilon: float) -> Arrays:
    v = rho * v + (1 - rho) * g**2
    return w - rate * g * (v + epsilon) ** -0.5, v


def _rmsprop_momentum(*arrays: Any, rho: float, momentum: float, epsilon: float, centered: bool):
    w, v, mean, velocity, g, rate = arrays
    v = rho * v + (1 - rho) * g**2
    mean = rho * mean + (1 - rho) * g if centered else mean
    spread = v - mean**2 * centered
    velocity = momentum * velocity + rate * g * (spread + epsilon) ** -0.5
    return w - velocity, v, mean, velocity


def _adamax(*arrays: Any, beta_1: float, beta_2: float, epsilon: float) -> Arrays:
    w, m, u, g, rate = arrays
    m, u = beta_1 * m + g, np.where(beta_2 * u > abs(g), beta_2 * u, abs(g))
    return w - rate * m / (u + epsilon), m, u


def _nadam(*arrays: Any, beta_1: float, beta_2: float) -> Arrays:
    w, m, v, g, slow, fast, epsilon = arrays
    m, v = beta_1 * m + g, beta_2 * v + g**2
    return w - (slow * m + fast * g) / (v**0.5 + epsilon), m, v


def _lion(w: Any, m: Any, g: Any, rate: Any, beta_1: float, beta_2: float) -> Arrays:
    direction = beta_1 * m + (1 - beta_1) * g
    return w - rate * ((direction > 0) * 1.0 - (direction < 0)), beta_2 * m + (1 - beta_2) * g


def _muon(*arrays: Any, momentum: float, nesterov: bool, steps: int) -> Arrays:
    """By singular values, each of which goes its own way."""
    w, m, g, rate = arrays
    m = momentum * m + g
    u = g + momentum * m if nesterov else m
    left, values, right = np.linalg.svd(u, full_matrices=False)
    values = values / np.sqrt((values**2).sum()) if values.size else values
    for _ in range(steps):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return w - rate * (left * values) @ right, m


def _length(x: Any) -> Any:
    return np.linalg.norm(np.ravel(x))


def _like(arrays: int, numbers: int, first: Any = normal, **meta: Any) -> list[Sample]:
    """Some arrays of one shape and some numbers, for every shape."""
    return [_of(s, arrays, numbers, first, **meta) for s in SHAPES]


def _of(shape: Any, arrays: int, numbers: int, first: Any = normal, **meta: Any) -> Sample:
    """The first array is w, the last the gradient; what lies between is state, and positive."""
    between = [positive(*shape) for _ in range(arrays - 2)]
    return (first(*shape), *between, normal(*shape), *(positive() for _ in range(numbers))), meta


def _matrices(shapes: Any, **meta: Any) -> list[Sample]:
    return [((normal(*s), normal(*s), normal(*s), positive()), meta) for s in shapes]


BETAS = {"beta_1": 0.9, "beta_2": 0.99}
RMS = {"rho": 0.9, "epsilon": 1e-3}
MATRICES = [(2, 3), (3, 2), (1, 5), (5, 1), (4, 4), (1, 1), (0, 3), (3, 0)]


def _adam_scalars(
    out: Any, rate: Any, t: Any, beta_1: float, beta_2: float, epsilon: float
) -> Arrays:
    root = np.sqrt(1 - beta_2**t) / np.sqrt(1 - beta_2)
    slow = (1 - beta_1) / (1 - beta_1**t)
    return (np.array([rate * slow * root, epsilon * root], out.dtype),)


_SCALARS = {"beta_1": 0.9, "beta_2": 0.5, "epsilon": 0.25}

SAMPLES: dict[str, Case] = {
    # axon/metrics/base.py
    "add_mean": Case(
        lambda total, number, mean, count: (total + count * mean, number + count),
        [((normal(), positive(), normal()), {"count": n}) for n in (1, 32)],
        ((normal(), positive(), normal()), {"count": 128}),
        nan_shows=[0, 2],
    ),
    "adam_scalars": Case(
        _adam_scalars,
        [((normal(2), positive(), np.array(t)), _SCALARS) for t in (1.0, 7.0)],
        ((normal(2), positive(), np.array(3.0)), _SCALARS),
        nan_shows=[1, 2],
    ),
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
    "amsgrad_update": Case(_amsgrad, _like(5, 2, **BETAS), _of(LARGE, 5, 2, **BETAS)),
    "adagrad_update": Case(_adagrad, _like(3, 1, epsilon=1e-3), _of(LARGE, 3, 1, epsilon=1e-3)),
    "rmsprop_update": Case(_rmsprop, _like(3, 1, **RMS), _of(LARGE, 3, 1, **RMS)),
    "rmsprop_momentum_update": Case(
        _rmsprop_momentum,
        [
            (
                (
                    normal(*s),
                    2.0 + positive(*s),
                    0.1 * normal(*s),
                    normal(*s),
                    normal(*s),
                    positive(),
                ),
                meta,
            )
            for s in SHAPES
            for meta in (
                {**RMS, "momentum": 0.9, "centered": False},
                {**RMS, "momentum": 0.0, "centered": True},
                {**RMS, "momentum": 0.5, "centered": True},
            )
        ],
        _of(LARGE, 5, 1, **RMS, momentum=0.5, centered=True),
        nan_shows=(0, 1, 3, 4, 5),  # the mean is not read unless centered
    ),
    "adamax_update": Case(
        _adamax, _like(4, 1, **BETAS, epsilon=1e-3), _of(LARGE, 4, 1, **BETAS, epsilon=1e-3)
    ),
    "nadam_update": Case(_nadam, _like(4, 3, **BETAS), _of(LARGE, 4, 3, **BETAS)),
    "lion_update": Case(_lion, _like(3, 1, **BETAS), _of(LARGE, 3, 1, **BETAS)),
    "muon_update": Case(
        _muon,
        [
            *_matrices(MATRICES, momentum=0.9, nesterov=True, steps=2),
            *_matrices(MATRICES[:3], momentum=0.5, nesterov=False, steps=1),
        ],
        _matrices([LARGE], momentum=0.9, nesterov=True, steps=5)[0],
    ),
    # options
    "shrink": Case(
        lambda w, share: (w * (1 - share),),
        [((normal(*s), 0.1 * positive()), {}) for s in SHAPES],
        ((normal(*LARGE), positive()), {}),
    ),
    "approach": Case(
        lambda a, w, share: ((1 - share) * a + share * w,),
        [((normal(*s), normal(*s), 0.3 * positive()), {}) for s in SHAPES],
        ((normal(*LARGE), normal(*LARGE), positive()), {}),
    ),
    "complete_mean": Case(
        lambda total, x, count: ((total + x) / count,),
        [((normal(*s), normal(*s)), {"count": 3}) for s in SHAPES],
        ((normal(*LARGE), normal(*LARGE)), {"count": 4}),
    ),
    "add_norm": Case(
        lambda total, x: (np.sqrt(total**2 + _length(x) ** 2),),
        [((positive(), normal(*s)), {}) for s in SHAPES] + [((np.zeros(()), np.zeros(3)), {})],
        ((positive(), normal(*LARGE)), {}),
    ),
    "limit_norm": Case(
        lambda x, norm, limit: (x * limit / norm if norm > limit else x,),
        [((normal(*s), positive()), {"limit": n}) for s in SHAPES for n in (0.1, 3.0)],
        ((normal(*LARGE), positive()), {"limit": 0.1}),
    ),
    "limit_value": Case(
        lambda x, limit: (np.clip(x, -limit, limit),),
        [((normal(*s),), {"limit": 0.5}) for s in SHAPES],
        ((normal(*LARGE),), {"limit": 0.5}),
    ),
}
