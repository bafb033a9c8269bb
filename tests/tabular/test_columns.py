"""What the columns of a table are taken for, what is said of it, and what is refused."""

import gzip
import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")

from axon.tabular import Columns, Encoder, read
from axon.tabular.table import Table


def found(data: Any, **told: Any) -> tuple[Table, Columns]:
    table = read(data)
    return table, Columns.find(table, **told)


def kinds(columns: Columns) -> dict[str, str]:
    return {c.name: c.role for c in columns.columns}


MIXED = {
    "size": ["1.5", "2.5", "", "4"],
    "kind": ["a", "b", "a", None],
    "day": ["2024-01-31", "2024-02-01", "NA", "2024-03-05"],
    "same": [3, 3, 3, 3],
    "yes": [True, False, True, False],
}


def test_kinds_are_found() -> None:
    _, columns = found(MIXED)
    expected = {"size": "number", "kind": "category", "day": "date"}
    assert kinds(columns) == {**expected, "same": "left out", "yes": "number"}
    assert any("'same' is left out" in sentence for sentence in columns.said)


def test_values() -> None:
    table, columns = found(MIXED)
    values = columns.values(table)
    assert values.number_names == ("size", "day: time", "day: month", "day: day of year",
                                   "day: weekday", "yes")  # fmt: skip
    assert_array_equal(values.numbers[:, 0], [1.5, 2.5, np.nan, 4])
    assert_array_equal(values.numbers[:, 1], [0, 1, np.nan, 34])
    assert_array_equal(values.numbers[:, 4], [2, 3, np.nan, 1])  # a Wednesday
    assert_array_equal(values.codes[:, 0], [2, 3, 2, 0])
    new = {**MIXED, "kind": ["c", "b", "a", "a"]}
    said: list[str] = []
    assert_array_equal(columns.values(read(new), said).codes[:, 0], [1, 3, 2, 2])
    assert said == ["Column 'kind' holds values that were never seen: 'c'."]


def as_frame(columns: dict[str, list[Any]]) -> Any:
    return pytest.importorskip("pandas").DataFrame(columns)


def as_polars(columns: dict[str, list[Any]]) -> Any:
    return pytest.importorskip("polars").DataFrame(columns)


def as_dicts(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@pytest.mark.parametrize("make", [as_frame, as_polars, as_dicts])
def test_all_sources_give_the_same(make: Callable[..., Any]) -> None:
    given = {
        "n": [1.5, 2.5, None, 4.0],
        "k": ["a", None, "b", "a"],
        "d": [datetime(2024, 1, 31, 6), None, datetime(2024, 2, 1), datetime(2025, 3, 5)],
        "b": [True, None, False, True],
    }
    plain, columns = found(given)
    other = read(make(given))
    again = Columns.find(other)
    assert again == columns
    for a, b in zip(columns.values(plain)[:2], again.values(other)[:2], strict=True):
        assert_array_equal(a, b)


def test_types_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "whole": pandas.array([1, None, 3, 5], "Int64"),
            "truth": pandas.array([True, None, False, True], "boolean"),
            "words": pandas.array(["x", None, "y", "x"], "string"),
            "level": pandas.Categorical(["low", "high", None, "low"], ["low", "high"], True),
            "group": pandas.Categorical(["u", "v", None, "u"], ["v", "u"]),
            "zoned": pandas.to_datetime(["2024-01-01 12:00", None] * 2).tz_localize("US/Eastern"),
            "length": pandas.to_timedelta(["1 day", "2 days", None, "3 days"]),
        }
    )
    frame.loc[2, "zoned"] = pandas.Timestamp("2024-06-01 01:00", tz="UTC")
    table, columns = found(frame)
    assert list(kinds(columns).values()) == [
        "number", "number", "category", "ordered", "category", "date", "number"
    ]  # fmt: skip
    values = columns.values(table)
    names = list(values.number_names)
    assert_array_equal(values.numbers[:, names.index("level")], [0, 1, np.nan, 0])
    assert_array_equal(values.numbers[:, names.index("zoned: hour")], [17, np.nan, 1, np.nan])
    assert_array_equal(values.codes[:, 1], [3, 2, 0, 3])  # in the order of its categories


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["1,234.5", "2"], [1234.5, 2]),
        (["1.234,5", "2"], [1234.5, 2]),
        (["1,5", "2,25"], [1.5, 2.25]),
        (["1 234,5", "2"], [1234.5, 2]),
        (["1'234.5", "2"], [1234.5, 2]),
        (["12 %", "50%"], [0.12, 0.5]),
        (["$1,000", "$7"], [1000, 7]),
        (["-3", "1e3"], [-3, 1000]),
        (["3 €", "4,5 €"], [3, 4.5]),
    ],
)
def test_styles_of_numbers(words: list[str], numbers: list[float]) -> None:
    table, columns = found({"x": words})
    assert_allclose(columns.values(table).numbers[:, 0], numbers)
    assert not columns.said == ("," in words[0] or "%" in words[0] or "'" in words[0])


@pytest.mark.parametrize(
    ("words", "day", "said"),
    [
        (["31.12.2024", "01.02.2024"], date(2024, 12, 31), False),
        (["12/31/2024", "1/2/2024"], date(2024, 12, 31), False),
        (["1/2/2024", "3/4/2024"], date(2024, 1, 2), True),
        (["2024/12/31", "2024/1/2"], date(2024, 12, 31), False),
    ],
)
def test_orders_of_dates(words: list[str], day: date, said: bool) -> None:
    table, columns = found({"x": words})
    values = columns.values(table)
    first = datetime.fromtimestamp(columns.columns[0].since + values.numbers[0, 0] * 86400)
    assert first.date() == day
    assert any("two ways" in s for s in columns.said) is said


def test_a_word_among_numbers_is_named() -> None:
    words = [str(i) for i in range(40)]
    words[30] = "broken"
    with pytest.raises(ValueError, match=r"'broken' in row 31.*numeric=.*categorical="):
        found({"x": words})
    table, columns = found({"x": words}, numeric=["x"])
    assert np.isnan(columns.values(table).numbers[30, 0])
    assert "'broken'" in columns.said[0]
    _, as_category = found({"x": words}, categorical=["x"])
    assert kinds(as_category) == {"x": "category"}


def test_what_says_nothing_is_left_out() -> None:
    rows = 30
    random = np.random.default_rng(0)
    data = {
        "number": np.arange(rows),
        "word id": [f"r{i}" for i in range(rows)],
        "nothing": [None] * rows,
        "same": ["x"] * rows,
        "kept": random.random(rows),
        "twin": None,
    }
    data["twin"] = data["kept"].copy()
    _, columns = found(data)
    assert [c.name for c in columns.used] == ["kept"]
    assert len(columns.said) == 5
    _, asked = found(data, numeric=["number"], categorical=["word id"])
    assert [c.name for c in asked.used] == ["number", "word id", "kept"]


def test_values_of_a_single_row_count_as_never_seen_among_many() -> None:
    words = ["b", "a"] * 10 + [f"t{i}" for i in range(70)]
    table, columns = found({"ticket": words})
    assert columns.columns[0].values == ("a", "b")
    assert columns.values(table).codes[:, 0].tolist() == [3, 2] * 10 + [1] * 70
    assert columns.said == [
        "Column 'ticket' has 72 values: all but the 2 most frequent count as never seen."
    ]
    said: list[str] = []
    new = columns.values(read({"ticket": ["a", "t7", "t77"]}), said)
    assert new.codes[:, 0].tolist() == [2, 1, 1]
    assert not said  # which words stood in one row is not kept
    _, few = found({"ticket": words[:70]})  # 52 values
    assert len(few.columns[0].values) == 52
    _, none = found({"ticket": words[20:], "n": [*range(70)][::-1]}, categorical=["ticket"])
    assert none.said == ["Column 'ticket' is left out: no value stands in two rows."]


def test_text_becomes_numbers() -> None:
    random = np.random.default_rng(0)
    words = ["red", "green", "apple", "pear", "old", "new", "big", "small", "cheap"]
    texts = [" ".join(random.choice(words, 6)) for _ in range(200)]
    table, columns = found({"about": texts, "n": random.random(200)})
    assert kinds(columns)["about"] == "text"
    values = columns.values(table)
    assert values.numbers.shape == (200, 33)
    counts = np.expm1(values.numbers[:, :32])
    assert_allclose(counts.sum(axis=1), 6)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(-1e6, 1e6, width=32)),
            st.one_of(st.none(), st.sampled_from(["a", "b", "c d", "é"])),
        ),
        min_size=3,
        max_size=30,
    ),
    st.randoms(),
)
def test_order_of_columns_and_files_keep_the_values(rows: Any, random: Any) -> None:
    data = {"n": [r[0] for r in rows], "k": [r[1] for r in rows], "x": list(range(len(rows)))}
    data["x"][0] = 7
    table, columns = found(data, numeric=["x"])
    again = Columns.from_config(json.loads(json.dumps(columns.to_config())))
    assert again == columns
    names = list(data)
    random.shuffle(names)
    mixed = read({name: data[name] for name in names})
    for a, b in zip(columns.values(table)[:2], again.values(mixed)[:2], strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"x": [1.0, np.inf]}, "infinite in row 2"),
        ({"x": [1.0], "y": [1.0, 2.0]}, "as many rows"),
        ({"x": [None, None]}, "no column is left"),
        (np.ones((2, 2, 2)), "rows and columns"),
        (np.array([[1j]]), "Complex"),
    ],
)
def test_bad_tables_are_refused(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        found(data)


def test_other_rows_must_fit() -> None:
    _, columns = found({"x": [1.0, 2.0], "d": ["2024-01-01", "2024-01-02"], "k": ["a", "b"]})
    with pytest.raises(ValueError, match=r"missing columns \['d'\]"):
        columns.values(read({"x": [1.0], "k": ["a"]}))
    with pytest.raises(ValueError, match=r"row 1 says 'big'"):
        columns.values(read({"x": ["big"], "d": ["2024-01-01"], "k": ["a"]}))
    with pytest.raises(ValueError, match=r"row 1 says 'soon'"):
        columns.values(read({"x": [1.0], "d": ["soon"], "k": ["a"]}))
    said: list[str] = []
    columns.values(read({"x": [1], "d": ["2024-01-01"], "k": ["a"], "z": [1]}), said)
    assert said == ["Columns that it did not learn from are ignored: z."]


TEXT = 'name;n\nä;1,5\n"two\nlines; ";2\n'


@pytest.mark.parametrize(
    "raw",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("latin-1"),
        b"sep=;\n" + TEXT.encode(),
        b"# made by hand\n\n" + TEXT.replace("\n", "\r\n").encode(),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_files(tmp_path: Path, raw: bytes, packed: bool) -> None:
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(raw) if packed else raw)
    table = read(path)
    assert table.names == ["name", "n"]
    assert table.column("name")[0] == "ä"
    assert_array_equal(Columns.find(table).values(table).numbers[:, 0], [1.5, 2])


@pytest.mark.parametrize(
    ("text", "message"),
    [("a,b\n1,2\n3\n", "line 3 .* has 1 cells"), ("", "is empty")],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read(path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.csv")


def test_heads_of_files(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("1,a\n2,b\n")
    assert read(path).names == ["column 1", "column 2"]
    path.write_text("x,x,\n2,b,1\n")
    table = read(path)
    assert table.names == ["x", "x.2", "column 3"]
    assert len(table.said) == 1


def test_encodings() -> None:
    random = np.random.default_rng(0)
    n = 400
    data = {
        "x": random.lognormal(size=n),
        "gappy": [None if r < 0.1 else r for r in random.random(n)],
        "mostly 0": (random.random(n) < 0.1) * random.random(n),
        "small": random.choice(["a", "b", "c"], n).tolist(),
        "large": random.choice([f"v{i}" for i in range(90)], n).tolist(),
    }
    table, columns = found(data)
    values = columns.values(table)
    encoder = Encoder.fit(values, bins=8)
    encoded = encoder.transform(values)
    assert encoded.x.shape == (n, encoder.width)
    assert np.isfinite(encoded.x).all()
    assert np.abs(encoded.x).max() <= 5
    assert encoded.ids.shape == (n, 1)
    assert encoded.ids.max() < encoder.ids == values.sizes[1] > 62
    again = Encoder.from_arrays(encoder.to_arrays())
    order = random.permutation(n)
    assert_array_equal(again.transform(values.taken(order)).x, encoded.x[order])
    assert_array_equal(encoded.x[:, 3], np.isnan(values.numbers[:, 1]))
    one = encoded.x[:, 4 : 4 + len(encoder.edges[0]) - 1]
    assert_allclose(
        one.sum(axis=1) @ np.ones(n), np.sum(rank_sum(data["x"], encoder.edges[0])), 1e-4
    )


def rank_sum(x: Any, edges: Any) -> Any:
    """How many bins lie below a number, and how far it has come in its own."""
    bin_of = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
    return bin_of + (x - edges[bin_of]) / (edges[bin_of + 1] - edges[bin_of])


def test_an_overview_of_any_width() -> None:
    columns = Columns.find(read({"a name " * 9: ["x\ny", "z", "y"], "n": [1, 2, 4]}))
    for width in (None, 30, 80):
        lines = columns.overview(width).splitlines()
        assert len(lines) == 3
        assert width is None or max(map(len, lines)) <= width
