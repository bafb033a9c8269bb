"""What primitives give by XLA, compiled together, and whether it is what NumPy's kernels give."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from axon.core import Primitive
from axon.xla.primitives import perform
from tests.contracts.primitives import OURS, outcome

# Relative to the largest number of a result; sums come in another order, and powers, logarithms
# and the like are other approximations.
CLOSE = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 4e-15, np.dtype(np.float16): 2e-3}

# How well LLVM optimizes is not what these tests ask, and it takes half of the time.
QUICK = {"xla_backend_optimization_level": 0}

Arrays = list[np.ndarray]
Meta = dict[str, Any]
Case = tuple[str, Arrays, Meta]


def by_xla(cases: list[Case]) -> Callable[[list[Arrays]], list[Arrays]]:
    """One compiled function of all cases, which takes far less time than one for each."""

    def function(every: list[Arrays]) -> list[Any]:
        pairs = zip(every, cases, strict=True)
        return [perform(OURS[name], values, meta) for values, (name, _, meta) in pairs]

    with jax.enable_x64(True):
        compiled = jax.jit(function).lower([arrays for _, arrays, _ in cases]).compile(QUICK)

    def call(every: list[Arrays]) -> list[Arrays]:
        with jax.enable_x64(True):
            return [[np.asarray(x) for x in results] for results in compiled(every)]

    return call


def by_numpy(p: Primitive, arrays: Arrays, meta: Meta) -> Arrays:
    """What the kernel gives."""
    with np.errstate(all="ignore"):
        return outcome(p, [np.array(a) for a in arrays], meta)


def assert_agree(*cases: Case, times: float = 1.0) -> list[Arrays]:
    """By both: the same shapes, types and numbers; returns XLA's."""
    found = by_xla(list(cases))([arrays for _, arrays, _ in cases])
    for got, (name, arrays, meta) in zip(found, cases, strict=True):
        assert_alike(got, by_numpy(OURS[name], arrays, meta), times)
    return found


def assert_alike(got: Arrays, wanted: Arrays, times: float = 1.0) -> None:
    """The same shapes and types, and numbers that rounding alone parts: so many times as far."""
    assert [(g.shape, g.dtype) for g in got] == [(w.shape, w.dtype) for w in wanted]
    for g, w in zip(got, wanted, strict=True):
        if w.dtype in CLOSE:
            largest = float(np.abs(w[np.isfinite(w)]).max(initial=0.0))
            close = CLOSE[w.dtype] * times
            np.testing.assert_allclose(g, w, rtol=close, atol=close * min(largest, 1e30))
        else:
            np.testing.assert_array_equal(g, w)
