"""Samples of the primitives in axon/losses."""

from typing import Any

import numpy as np

from tests.samples.primitives.case import LARGE, PAIRS, Case, binary, normal, probability, unary


def _sigmoid(x: Any) -> Any:
    return (1 + np.tanh(x / 2)) / 2


def _binary_cross_entropy(x: Any, t: Any) -> Any:
    return -t * np.log(_sigmoid(x)) - (1 - t) * np.log(_sigmoid(-x))


SAMPLES: dict[str, Case] = {
    # axon/losses
    "log_cosh": unary(lambda x: np.log(np.cosh(x))),
    "log_probability": unary(lambda p: np.log2(p) / np.log2(np.e), probability),
    "over_probability": binary(lambda g, p: g * (1 / p), normal, probability),
    "sigmoid_cross_entropy": binary(_binary_cross_entropy, normal, probability),
    "sigmoid_cross_entropy_gradient": Case(
        lambda g, x, t: g / (1 + np.exp(-x)) - g * t,
        [((normal(*a), normal(*a), probability(*b)), {}) for a, b in PAIRS],
        ((normal(*LARGE), normal(*LARGE), probability(*LARGE)), {}),
    ),
}
