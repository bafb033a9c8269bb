"""What is declared with a primitive: the facts, and the old names, which say the new ones."""

from typing import Any

import numpy as np
import pytest

from axon.activations import gelu, relu, softmax
from axon.core import primitive
from axon.facts import declared
from axon.operators import PRIMITIVES
from axon.ops import cast, concatenate, copy, equal, lookup, matmul, where
from axon.ops.memory import assign


def test_temporary_memory_under_its_old_name_is_refused() -> None:
    def older(out: Any, x: Any, *, xp: Any, work: Any) -> None:
        """Never run."""

    with pytest.raises(TypeError, match="'older': temporary memory is handed to a kernel as `work"):
        primitive(workspace=lambda x: [])(older)
    assert "older" not in PRIMITIVES


def test_cutting_under_its_old_name_is_refused() -> None:
    with pytest.raises(TypeError, match="in place of rounds=True write eagerly=in_pieces"):
        primitive(rounds=True)(lambda out, x, *, xp: None)


def test_a_fact_that_there_is_none_of_is_refused() -> None:
    with pytest.raises(TypeError, match="flop"):
        primitive(flop=3)(lambda out, x, *, xp: None)
    assert "<lambda>" not in PRIMITIVES


def test_what_broadcasts_works_number_by_number() -> None:
    for p in (relu, gelu, equal, where, copy, cast):
        assert p.facts.alone
        assert p.facts.places
    for p in (matmul, lookup, assign):
        assert not p.facts.alone
    assert softmax.facts.places
    assert not softmax.facts.alone
    assert PRIMITIVES["reshape"].facts.hands_on
    assert not declared("writes", True, {}).alone


def test_operators_and_functions_are_of_the_type_that_they_are_given() -> None:
    assert isinstance(concatenate([np.ones(2), np.ones(1)]), np.ndarray)
