"""What words mean: numbers in one style for a column, dates, truth; never cell by cell."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")

from axon.tabular import reading
from axon.tabular.columns import Columns
from axon.tabular.table import read
from axon.tabular.targets import amounts, demand_classes, parted
from axon.tabular.tasks import question
from axon.tabular.words import objects, plain_numbers

STYLES = list(reading.STYLES)


def in_lakhs(digits: str) -> str:
    """Digits with commas as in India: 12,34,567."""
    head, last = digits[:-3], digits[-3:]
    pairs = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)][::-1]
    return ",".join([*pairs, last])


def written(number: float, places: int, style: reading.NumberStyle, grouped: bool) -> str:
    """A number in a style."""
    text = f"{number:,.{places}f}" if grouped and style.thousands else f"{number:.{places}f}"
    if grouped and style.thousands == reading.LAKHS:
        sign, (integer, point, rest) = "-" * (text[0] == "-"), text.lstrip("-").partition(".")
        digits = integer.replace(",", "")
        return sign + in_lakhs(digits) + point + rest
    signs = {",": style.thousands, ".": style.decimal}
    return "".join(signs.get(sign, sign) for sign in text)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(STYLES),
    st.lists(
        st.tuples(st.floats(-1e7, 1e7), st.integers(0, 4), st.booleans()), min_size=1, max_size=12
    ),
)
def test_a_column_is_read_in_one_style(
    style: reading.NumberStyle, numbers: list[tuple[float, int, bool]]
) -> None:
    """Where one cell shows the style, all are read in it: none as thousands of another one."""
    words = [written(x, places, style, grouped) for x, places, grouped in numbers]
    shows = written(1234567.89, 2, style, True)
    expected = [round(x, places) for x, places, _ in numbers]
    columns = Columns.find(read({"x": [*words, shows]}), numeric=["x"])
    values = columns.values(read({"x": [*words, shows]})).numbers[:, 0]
    assert_allclose(values, [*expected, 1234567.89], rtol=1e-12)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(STYLES),
    st.sampled_from(STYLES),
    st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 3), st.booleans()), min_size=1),
)
def test_new_rows_in_another_style_are_refused_or_read_as_before(
    learned: reading.NumberStyle, new: reading.NumberStyle, numbers: list[tuple[float, int, bool]]
) -> None:
    """No cell of new rows is read in another style than that of the rows learned from."""
    columns = Columns.find(
        read({"x": [written(1234567.89, 2, learned, True), written(0.5, 1, learned, False)]})
    )
    style = reading.NumberStyle(*columns.columns[0].style[:2])
    words = [written(x, places, new, grouped) for x, places, grouped in numbers]
    if any(math.isnan(style.number(word)) for word in words):
        with pytest.raises(ValueError, match="written otherwise"):
            columns.values(read({"x": words}))
    else:
        values = columns.values(read({"x": words})).numbers[:, 0]
        assert_array_equal(values, [style.number(word) for word in words])


@pytest.mark.parametrize(
    ("words", "new"),
    [
        (["12%", "13 %"], ["14"]),
        (["$12", "$13"], ["€14"]),
        (["12", "13"], ["$14"]),
        (["12", "13"], ["14%"]),
        (["1.5", "2"], ["1,234"]),
        (["1,5", "2"], ["1.234"]),
        (["1.234,5", "2"], ["1.5"]),
        (["True", "False"], ["yes"]),
        (["1", "2"], ["True"]),
    ],
)
def test_new_rows_that_contradict_the_style_are_refused(words: list[str], new: list[str]) -> None:
    columns = Columns.find(read({"x": words}))
    assert columns.columns[0].role == "number"
    with pytest.raises(ValueError, match=r"'x' holds numbers.* row 1 says"):
        columns.values(read({"x": new}))
    lenient = Columns.find(read({"x": [*words, "?!"]}), numeric=["x"])
    said: list[str] = []
    assert np.isnan(lenient.values(read({"x": new}), said).numbers).all()
    assert "are gaps" in said[0]


def test_other_columns_tell_what_a_point_means() -> None:
    """A file with a decimal comma has points between thousands, though alone they could be both."""
    table = read({"a": ["1,5", "2,5"], "b": ["1.234", "2.345"], "c": ["7", "8"]})
    columns = Columns.find(table)
    assert_array_equal(columns.values(table).numbers[0], [1.5, 1234, 7])
    assert columns.values(read({"a": ["1"], "b": ["1,5"], "c": ["8,5"]})).numbers.tolist() == [
        [1, 1.5, 8.5]
    ]
    alone = Columns.find(read({"b": ["1.234", "2.345"]}))
    assert alone.said == ["In 'b', '1.234' is read as 1.234, not as thousands."]
    both = read({"a": ["1,5", "2,5"], "b": ["1.234", "2.345"], "c": ["1.5", "2.25"]})
    assert_array_equal(Columns.find(both).values(both).numbers[0], [1.5, 1.234, 1.5])


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["(1,234.50)", "12"], [-1234.5, 12]),
        (["\u22125", "7"], [-5, 7]),
        (["1\u00a0234,5", "7"], [1234.5, 7]),
        (["1\u2019234.5", "7"], [1234.5, 7]),
        (["-$5", "$ 7", "5 \u20bd"], [-5, 7, 5]),
        (["0,123", "0,456"], [0.123, 0.456]),
        (["5.", ".5", "1E5"], [5, 0.5, 1e5]),
    ],
)
def test_ways_to_write_numbers(words: list[str], numbers: list[float]) -> None:
    table = read({"x": words})
    assert_allclose(Columns.find(table).values(table).numbers[:, 0], numbers)


@pytest.mark.parametrize("words", [["(1)", "(2)"], ["1%2", "3%4"], ["1-2", "3-4"], ["1\n2", "3"]])
def test_what_is_no_number(words: list[str]) -> None:
    assert [c.role for c in Columns.find(read({"x": words})).columns] == ["category"]


@settings(max_examples=300, deadline=None)
@given(st.text("0123456789+-.eE", min_size=1, max_size=10))
def test_plain_numbers_are_those_of_python(word: str) -> None:
    found = [plain_numbers(np.array([word], kind)) for kind in (object, "S")]
    try:
        expected = float(word)
    except ValueError:
        assert found == [None, None]
    else:
        for numbers in found:
            assert numbers is not None
            assert numbers[0] == expected


@pytest.mark.parametrize(
    ("words", "moments"),
    [
        (["3 Jan 2024", "January 13, 2024"], ["2024-01-03", "2024-01-13"]),
        (["Wed, 3 Jan 2024 10:05:00 GMT", "4-Feb-24"], ["2024-01-03T10:05", "2024-02-04"]),
        (["2024-01-01T05", "2024-01-01T06"], ["2024-01-01T05", "2024-01-01T06"]),
        (["1/13/2024 3:04 PM", "1/2/2024 12:00 am"], ["2024-01-13T15:04", "2024-01-02"]),
        (["2024-01-01 00:30+05:30", "2024-01-01Z00"], None),
        (["2024-01-01 00:30+05:30", "2024-01-01 00:30Z"], ["2023-12-31T19:00", "2024-01-01T00:30"]),
        (["2024-01", "2024-12"], ["2024-01-01", "2024-12-01"]),
        (["31.12.99", "1.1.00"], ["1999-12-31", "2000-01-01"]),
        (["30.02.2024", "01.01.2024"], None),
        (["2024-13", "2024-01"], None),
        (["1234-01", "5678-12"], None),
        (["2024-01-01 25:00", "2024-01-01 23:00"], None),
    ],
)
def test_ways_to_write_dates(words: list[str], moments: list[str] | None) -> None:
    order = reading.date_order(words)
    if moments is None:
        assert order is None
        return
    assert order is not None
    assert_array_equal(reading.moments(words, order), np.array(moments, "M8[s]"))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.datetimes(), min_size=1, max_size=8))
def test_iso_dates_are_those_of_python(dates: list[object]) -> None:
    whole = [date.replace(microsecond=0) for date in dates]  # type: ignore[attr-defined]
    words = [date.isoformat() for date in whole]
    assert reading.date_order(words) == "ymd"
    assert_array_equal(reading.moments(words, "ymd"), np.array(words, "M8[s]"))


@pytest.mark.parametrize(
    ("numbers", "first"),
    [
        ([20240131, 20240201], "2024-01-31"),
        ([1.7e9, 1.6e9], "2023-11-14"),
        ([1.7e12, 1.6e12], "2023-11-14"),
        ([1999, 2001], "1999-01-01"),
    ],
)
def test_numbers_that_are_said_to_be_dates(numbers: list[float], first: str) -> None:
    table = read({"x": numbers})
    columns = Columns.find(table, dates=["x"])
    assert columns.said == [f"Numbers of 'x' are read as dates; the first one is {first}."]
    words = read({"x": [f"{number:.0f}" for number in numbers]})
    for again in (Columns.find(words, dates=["x"]).values(words), columns.values(words)):
        assert_array_equal(again.numbers, columns.values(table).numbers)
    with pytest.raises(ValueError, match=r"holds no dates .* '1.5'"):
        Columns.find(read({"x": [1.5, 2.5]}), dates=["x"])


def test_truth() -> None:
    """True and False of a file are those of a frame."""
    given, words = read({"x": [True, None, False]}), read({"x": ["TRUE", "", "False"]})
    columns = Columns.find(words)
    assert_array_equal(columns.values(given).numbers[:, 0], [1, np.nan, 0])
    assert_array_equal(Columns.find(given).values(words).numbers[:, 0], [1, np.nan, 0])


def test_dates_beyond_those_learned_from_are_told() -> None:
    columns = Columns.find(read({"x": ["2024-01-01", "2024-02-01"]}))
    said: list[str] = []
    columns.values(read({"x": ["2025-01-01", "2024-01-15"]}), said)
    assert said == [
        "Dates of 'x' lie beyond those it learned from, 2024-01-01 to 2024-02-01, in 1 rows."
    ]


def test_text_or_pieces_or_nothing() -> None:
    """Words that return make numbers; those that do not are left out, or taken in pieces."""
    random = np.random.default_rng(0)
    names = [f"{a}{i} {b}{i}" for i, (a, b) in enumerate(random.choice(["ann", "bo"], (40, 2)))]
    columns = Columns.find(read({"x": names, "n": random.random(40)}))
    assert columns.columns[0].role == "left out"
    assert "words that do not return" in columns.said[0]
    asked = Columns.find(read({"x": names, "n": random.random(40)}), text=["x"])
    assert asked.columns[0].style == ("pieces",)
    assert asked.values(read({"x": names[:2], "n": [0.0, 1.0]})).numbers.shape == (2, 33)
    texts = objects(
        " ".join(random.choice(["red", "green", "old"], 4)) + f" {i}" for i in range(60)
    )
    found = Columns.find(read({"x": texts, "n": random.random(60)})).columns[0]
    assert (found.role, found.style) == ("text", ("words",))


def test_equal_columns_are_compared_not_only_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("axon.tabular.columns.fingerprint", lambda column, values: (column.role, 0))
    table = read(
        {"a": [1.5, 2.5], "b": [1.5, 3.5], "c": ["1.50", "2.5"], "d": ["x", "y"], "e": ["x", "z"]}
    )
    columns = Columns.find(table)
    assert [c.name for c in columns.used] == ["a", "b", "d", "e"]
    assert columns.said == ["Column 'c' is left out: the same as 'a'."]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [(["1.234,5", "2"], [1234.5, 2]), (["12%", "7%"], [0.12, 0.07]), (["$5", "$1,000"], [5, 1000])],
)
def test_targets_are_read_in_one_style(words: list[str], numbers: list[float]) -> None:
    with pytest.warns(UserWarning, match="of y, .* is read as"):
        assert_allclose(amounts("R", np.array(words, object)), numbers)


def test_targets_that_nothing_can_be_learned_of() -> None:
    with pytest.raises(ValueError, match=r"'many' in row 3.*TabularClassifier"):
        amounts("R", np.array(["1,5", "2", "many"], object))
    with pytest.raises(ValueError, match="no class returns"):
        demand_classes("C", np.array([f"name {i}" for i in range(30)], object))
    demand_classes("C", np.array([f"name {i // 2}" for i in range(30)], object))


def test_codes_of_currencies_are_signs() -> None:
    for words, expected, marks in (
        (["USD 5", "US$1,234.50", "$7"], [5, 1234.5, 7], "$"),
        (["5 EUR", "7,50 EUR"], [5, 7.5], "€"),
        (["Rs. 5,00,000", "Rs. 12"], [500_000, 12], "₹"),
        (["CHF -3.5"], [-3.5], "₣"),
    ):
        style = reading.number_style(words)
        assert style is not None
        assert reading.numbers(words, style).tolist() == expected
        assert reading.marks_of(words) == marks
    for words in (["EURO 5"], ["USD"], ["1,23,4567"], ["1,234,567", "12,34,567"]):
        assert reading.number_style(words) is None
    columns = Columns.find(read({"x": ["USD 5", "EUR 7"]}))
    assert "In 'x' stand several signs, $ and €: numbers alone count." in columns.said


def test_targets_that_cannot_be_numbers_are_named() -> None:
    table: dict[str, list[object]] = {"x": [*range(40)], "y": [*map(str, np.arange(39) / 7), "inf"]}
    with pytest.raises(ValueError, match="target 'y' holds numbers, but 'inf' in one of 40 rows"):
        question(read(table), "y")
    with pytest.raises(ValueError, match="y holds numbers as large as 1e\\+200"):
        amounts("TabularRegressor", np.array([1.0, 1e200]))
    with pytest.raises(ValueError, match=r"there is no column 'Y'\. Did you mean 'y'"):
        parted("TabularRegressor", read(table), "Y")
    with pytest.raises(ValueError, match="such as 'w0'"):
        demand_classes("TabularClassifier", np.array([f"w{i}" for i in range(40)]))
