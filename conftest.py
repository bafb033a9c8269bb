"""Settings of the whole test suite."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import axon

# Rooms whose files import what is an extra: their examples are tried where it is installed.
collect_ignore = [] if find_spec("jax") else ["axon/xla"]

SHARED = Path(__file__).parent.parent / "shared" / "data"
if "AXON_DATA_DIR" not in os.environ and SHARED.is_dir():
    os.environ["AXON_DATA_DIR"] = str(SHARED)


@pytest.fixture(autouse=True)
def _names(doctest_namespace: dict[str, object]) -> None:
    """Give examples in docstrings the two names that everybody imports."""
    doctest_namespace.update(np=np, axon=axon, __name__="example")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Start every test from the same random numbers."""
    axon.set_random_seed(0)
