"""Every primitive of AXON with its samples, for the contracts that all of them keep."""

import pkgutil
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from axon.core import Primitive
from axon.operators import PRIMITIVES
from tests.samples.loops import looped
from tests.samples.primitives import SAMPLES

for chapter in ("ops", "activations", "layers", "losses", "metrics", "optimizers", "ranks"):
    for module in pkgutil.iter_modules(import_module(f"axon.{chapter}").__path__):
        import_module(f"axon.{chapter}.{module.name}")

OURS = {name: p for name, p in PRIMITIVES.items() if p.__module__.startswith("axon.")}
NAMES = [name for name in OURS if name in SAMPLES]


def every_sample(names: list[str]) -> Any:
    """Decorate a test of a name and the number of a sample: a test for each name."""
    samples = looped("number", lambda name, **_: range(len(SAMPLES[name].samples)))
    return lambda test: pytest.mark.parametrize("name", names)(samples(test))


def sample(name: str, number: int, dtype: Any = np.float64) -> tuple[list[np.ndarray], dict]:
    """Fresh copies of one sample's inputs, the floats among them of this type."""
    inputs, meta = SAMPLES[name].samples[number]
    return cast(inputs, dtype), meta


def cast(inputs: Any, dtype: Any) -> list[np.ndarray]:
    return [np.array(x, dtype if x.dtype.kind == "f" else x.dtype) for x in inputs]


def outcome(primitive: Primitive, arrays: list[np.ndarray], meta: dict) -> list[np.ndarray]:
    """What a primitive gives: its result, or the new values of what it writes."""
    out = primitive(*arrays, **meta)
    return [np.asarray(x) for x in arrays[: primitive.writes] or [out]]


def assert_same_bits(got: list[np.ndarray], wanted: list[np.ndarray]) -> None:
    assert [(g.shape, g.dtype) for g in got] == [(w.shape, w.dtype) for w in wanted]
    assert [g.tobytes() for g in got] == [w.tobytes() for w in wanted]
