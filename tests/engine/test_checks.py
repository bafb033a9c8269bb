"""What arguments may be: numbers of NumPy count, truth values do not, and errors say all."""

import numpy as np
import pytest

from axon import checks
from axon.names import choose, itself, need

NO_NUMBERS = [True, np.bool_(True), "1", None, [1], 1j, np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3)])
def test_whole_numbers(value):
    found = checks.integer("Dense", "n", value, least=3)
    assert (type(found), found) == (int, 3)
    assert checks.integers("Dense", "n", value, 2) == (3, 3)
    assert checks.integers("Dense", "n", [value, 4], 2) == (3, 4)


@pytest.mark.parametrize("value", [*NO_NUMBERS, 3.0, 2])
def test_no_whole_numbers(value):
    with pytest.raises(ValueError, match=r"Dense: n must be .* of at least 3, got "):
        checks.integer("Dense", "n", value, least=3)
    with pytest.raises(ValueError, match="Dense: n must be "):
        checks.integers("Dense", "n", (3, value), 2, least=3)


@pytest.mark.parametrize(
    "check", [checks.number, checks.finite, checks.one_number, checks.positive, checks.fraction]
)
@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.float64(0.5)])
def test_numbers(check, value):
    found = check("Adam", "x", value)
    assert (type(found), found) == (float, 0.5)
    for wrong in NO_NUMBERS:
        with pytest.raises(ValueError, match="Adam: x must be "):
            check("Adam", "x", wrong)


def test_ends():
    assert checks.number("Adam", "x", 0, 0) == 0
    assert checks.fraction("Adam", "x", 0) == 0
    assert checks.between("Adam", "x", 1, 0, 1) == 1
    for check, value in ((checks.positive, 0), (checks.fraction, 1), (checks.fraction, -0.1)):
        with pytest.raises(ValueError, match="Adam: x must be "):
            check("Adam", "x", value)
    with pytest.raises(ValueError, match=r"must be a number of at least 0, got -1\. Why\?"):
        checks.number("Adam", "x", -1, 0, hint=" Why?")


def test_words_and_truth():
    checks.one_of("AUC", "average", None, ("macro", None))
    with pytest.raises(ValueError, match="AUC: average must be 'macro' or None, got 3"):
        checks.one_of("AUC", "average", 3, ("macro", None))
    assert checks.boolean("AUC", "x", np.bool_(False)) is False
    with pytest.raises(TypeError, match="AUC: x must be True or False, got 0"):
        checks.boolean("AUC", "x", 0)
    assert checks.texts("AUC", "x", ["a", "b"]) == ("a", "b")
    for wrong in ("a", [""], [1], None):
        with pytest.raises(ValueError, match="AUC: x must be a list of names"):
            checks.texts("AUC", "x", wrong)


class Shape:
    """What is chosen below."""

    def __init__(self, sides=4):
        self.sides = sides


TABLE = {"square": Shape, "triangle": lambda: Shape(3), "known": Shape(5)}


def chosen(given, **options):
    return choose("shape", given, TABLE, Shape, "a name or a Shape", **options)


def test_a_choice_may_be_a_name_a_class_a_function_a_description_or_the_thing():
    thing = Shape(7)
    assert [chosen(name).sides for name in ("Square", "triangle", "known")] == [4, 3, 5]
    assert chosen("known") is TABLE["known"]
    assert chosen(Shape).sides == 4
    assert chosen(thing) is thing
    assert chosen({"class": "Shape", "config": {"sides": 8}}, descriptions=True).sides == 8
    assert chosen(len, function=itself) is len


@pytest.mark.parametrize("given", [3, None, len, int, {"class": "Shape", "config": {}}])
def test_anything_else_is_no_choice(given):
    with pytest.raises(
        TypeError, match=r"shape: expected a name or a Shape, got .* Known: square,"
    ):
        chosen(given)
    with pytest.raises(ValueError, match=r"unknown shape .sqare.\. Did you mean .square.\?"):
        chosen("sqare")


def test_a_class_of_another_family_is_no_function():
    with pytest.raises(TypeError, match="shape: expected"):
        chosen(int, function=itself)


def test_a_package_that_is_there_and_broken_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_one.py").write_text("import nosuchpart")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ImportError, match=r"nosuchthing, which is not installed\. Run: pip install"
    ):
        need("nosuchthing.part", "This needs", "serve")
    with pytest.raises(ImportError, match=r"cannot be imported: No module named 'nosuchpart'\."):
        need("broken_one", "This needs", "serve")
