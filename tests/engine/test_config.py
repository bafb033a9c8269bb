"""Objects that remember how they were made."""

import copy
import pickle

import numpy as np
import pytest

from axon.config import Configurable


class Inner(Configurable):
    def __init__(self, size: int) -> None:
        self.size = size * 2  # an attribute of the same name is what is described


class Outer(Configurable):
    def __init__(self, first, second=0, *, function=None, **options) -> None:
        self.second = second


def cube(x):
    return x**3


def test_arguments_are_described():
    made = Outer(1.5, function=cube, extra=(1, 2))
    assert made.config() == {"first": 1.5, "second": 0, "function": "cube", "extra": [1, 2]}
    assert made.describe() == {"class": "Outer", "config": made.config()}
    made.second = 9
    assert made.config()["second"] == 9, "given or not"
    assert Outer(1, 2).config() == {"first": 1, "second": 2, "function": None}
    twice = Outer(1, 2)
    twice.second = 7
    assert twice.config()["second"] == 7
    assert Inner(3).config() == {"size": 6}


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (np.float32(0.5), 0.5),
        (np.array([1, 2]), [1, 2]),
        (np.dtype("float64"), "float64"),
        (np.float32, "float32"),
        ([Inner(1), None], [{"class": "Inner", "config": {"size": 2}}, None]),
        ({"a": Inner(2)}, {"a": {"class": "Inner", "config": {"size": 4}}}),
        ("text", "text"),
    ],
)
def test_what_json_cannot_hold_is_made_plain(given, plain):
    assert Outer(given).config()["first"] == plain


def test_repr_shows_what_was_given():
    assert repr(Outer(1, function=cube)) == "Outer(1, function=cube)"
    assert repr(Outer(np.ones((2, 3)), name="x")) == "Outer(array(2, 3))"
    assert repr(Outer(Inner(2))) == "Outer(Inner(2))"
    assert repr(Outer(1, second=0, function=None, extra=None)) == "Outer(1)", "as usual"
    assert repr(Outer(1, second=False)) == "Outer(1, second=False)"


def test_nameless_functions_and_stars():
    with pytest.raises(TypeError, match="function is a nameless function"):
        Outer(1, function=lambda x: x).config()

    class Starred(Configurable):
        def __init__(self, *sizes):
            pass

    assert Starred().config() == {}
    with pytest.raises(TypeError, match=r"\*sizes cannot be described by name"):
        Starred(1, 2).config()


def test_copies_remember_too():
    for twin in (
        copy.copy(Inner(3)),
        copy.deepcopy(Inner(3)),
        pickle.loads(pickle.dumps(Inner(3))),
    ):
        assert twin.config() == {"size": 6}
