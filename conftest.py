"""Settings of the whole test suite."""

import os
from pathlib import Path

import numpy as np
import pytest

import axon

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
