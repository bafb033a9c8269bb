"""Tables of other libraries, and of Python: whatever the type, the same values."""

import datetime as dt
import io
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")

from axon.tabular.columns import Columns, Values
from axon.tabular.table import read

WORDS = ["a", "b c", "é", "x;y", "1x", 'say "no"', "two\nlines", None]


def values_of(data: Any, **told: Any) -> Values:
    table = read(data)
    return Columns.find(table, **told).values(table)


def columns_of(data: Any) -> dict[str, str]:
    return {c.name: c.role for c in Columns.find(read(data)).columns}


def numbers_of(column: Any) -> list[float | None]:
    """A column as the first numbers that are made of it."""
    found = values_of({"x": column}, numeric=["x"]).numbers[:, 0].tolist()
    return [None if v != v else v for v in found]


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.none() | st.floats(-1e9, 1e9, width=32).map(float),
            "i": st.integers(-(2**40), 2**40),
            "w": st.sampled_from(WORDS),
            "t": st.none() | st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)),
            "b": st.none() | st.booleans(),
        }
    ),
    min_size=2,
    max_size=9,
)


@pytest.mark.parametrize("by", ["csv", "parquet", "pandas", "polars", "arrow", "dicts", "rows"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(ROWS)
def test_a_table_has_the_same_values_whoever_holds_it(by: str, rows: list[dict[str, Any]]) -> None:
    rows = [{**row, "t": row["t"] and row["t"].replace(microsecond=0)} for row in rows]
    rows += [
        {"n": 0.5, "i": 1, "w": "a", "t": dt.datetime(2001, 2, 3, 4), "b": True},
        {"n": 1.5, "i": 2, "w": "b", "t": dt.datetime(2002, 2, 3, 4), "b": False},
    ]
    plain = {name: [row[name] for row in rows] for name in rows[0]}
    expected, found = values_of(plain), values_of(MAKERS[by](rows, plain))
    if by == "rows":
        found = found._replace(number_names=expected.number_names, code_names=expected.code_names)
    for a, b in zip(expected, found, strict=True):
        assert_array_equal(a, b)


def as_csv(rows: list[dict[str, Any]], plain: dict[str, list[Any]]) -> Any:
    import csv

    text = io.StringIO()
    writer = csv.DictWriter(text, list(plain))
    writer.writeheader()
    writer.writerows(rows)
    return io.BytesIO(text.getvalue().encode())


def as_arrow(rows: list[dict[str, Any]], plain: dict[str, list[Any]]) -> Any:
    return pytest.importorskip("pyarrow").table(plain)


def as_parquet(rows: list[dict[str, Any]], plain: dict[str, list[Any]]) -> Any:
    parquet = pytest.importorskip("pyarrow.parquet")
    raw = io.BytesIO()
    parquet.write_table(as_arrow(rows, plain), raw)
    return io.BytesIO(raw.getvalue())


MAKERS: dict[str, Callable[[list[dict[str, Any]], dict[str, list[Any]]], Any]] = {
    "csv": as_csv,
    "parquet": as_parquet,
    "arrow": as_arrow,
    "pandas": lambda rows, plain: pytest.importorskip("pandas").DataFrame(rows),
    "polars": lambda rows, plain: pytest.importorskip("polars").DataFrame(plain),
    "dicts": lambda rows, plain: rows,
    "rows": lambda rows, plain: [[row[name] for name in plain] for row in rows],
}


@pytest.mark.parametrize("dtype", ["<i4", ">i4", ">f8", "<f2", "u1", "g", "O", "S1", "U1", "m8[s]"])
def test_numbers_of_every_type_of_numpy(dtype: str) -> None:
    assert numbers_of(np.array([1, 0, 3, 1], dtype)) == [1, 0, 3, 1]
    fields = np.zeros(4, [("x", dtype), ("y", "U3")])
    fields["x"], fields["y"] = np.array([1, 0, 3, 1], dtype), ["a", "b", "a", "b"]
    assert_array_equal(values_of(fields).numbers[:, 0], [1, 0, 3, 1])
    masked = np.ma.array(np.array([1, 0, 3, 1], dtype), mask=[0, 1, 0, 0])
    assert numbers_of(masked) == [1, None, 3, 1]


PANDAS = ["Int8", "UInt64", "Float32", "Float64", "int64[pyarrow]", "double[pyarrow]", "float16"]


@pytest.mark.parametrize("dtype", [*PANDAS, "string", "object", "Sparse[float]", "string[pyarrow]"])
def test_numbers_of_every_type_of_pandas(dtype: str) -> None:
    pandas = pytest.importorskip("pandas")
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    given = ["1", None, "3"] if "string" in dtype else [1, np.nan if "S" in dtype else None, 3]
    frame = pandas.DataFrame({"x": pandas.array(given, dtype)})
    assert_array_equal(values_of(frame).numbers[:, 0], [1, np.nan, 3])
    assert_array_equal(values_of(frame.dropna()).numbers[:, 0], [1, 3])
    assert numbers_of(frame["x"]) == [1, None, 3]


def test_columns_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            ("a", "x"): pandas.period_range("2024-01", periods=3, freq="M"),
            ("a", "y"): pandas.interval_range(0, 3),
            ("b", 1): pandas.Categorical([" u", "u", "NA"], ["NA", "unused", " u", "u"]),
            ("b", 2): [1, "x", 2.0],
            ("b", 3): [dt.timedelta(hours=1), None, dt.timedelta(hours=2)],
            ("b", 4): [b"x", b"y", None],
        }
    )
    assert columns_of(frame) == {
        "a / x": "date",
        "a / y": "category",
        "b / 1": "category",
        "b / 2": "category",
        "b / 3": "number",
        "b / 4": "category",
    }
    columns = Columns.find(read(frame)).columns
    assert columns[2].values == ("u",)
    assert columns[3].values == ("1", "2", "x")
    assert columns[4].span == "3600 to 7200"
    assert read(frame.set_index(("b", 2), drop=False)).said[0].startswith("The frame's index")
    with pytest.raises(ValueError, match="two columns are called '1'"):
        read(pandas.DataFrame([[1, 2]], columns=[1, "1"]))


def test_columns_of_polars() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(
        {
            "i": polars.Series([1, None, 3], dtype=polars.Int128),
            "d": polars.Series([Decimal("1.5"), None, Decimal("2")]),
            "e": polars.Series(["x", None, "y"], dtype=polars.Enum(["y", "z", "x"])),
            "c": polars.Series(["x", "x", "y"], dtype=polars.Categorical),
            "z": polars.Series([dt.datetime(2024, 1, 1, 1), None, dt.datetime(2024, 2, 1)]),
            "t": polars.Series([dt.time(12, 30), None, dt.time(1)]),
            "l": polars.Series([dt.timedelta(1), None, dt.timedelta(2)]),
            "n": polars.Series([None] * 3),
        }
    ).with_columns(polars.col("z").dt.replace_time_zone("Europe/Berlin"))
    columns = Columns.find(read(frame)).columns
    assert [c.role for c in columns] == [
        *("number", "number", "category", "category", "date", "number", "number", "left out")
    ]
    assert columns[2].values == ("y", "x")  # in its order
    assert columns[4].span == "2024-01-01 to 2024-01-31T23:00:00"  # UTC
    assert columns[5].span == "1 to 12.5"  # hours
    with pytest.raises(TypeError, match="collect"):
        read(frame.lazy())


@pytest.mark.parametrize("make", ["pandas", "polars", "pyarrow", "python"])
def test_lists_in_cells_are_refused(make: str) -> None:
    data: Any = {"n": [1, 2], "lists": [[1], [2]]}
    if make != "python":
        library = pytest.importorskip(make)
        data = library.table(data) if make == "pyarrow" else library.DataFrame(data)
    with pytest.raises(TypeError, match=r"'lists'.*[Mm]ake plain columns"):
        read(data)
    with pytest.raises(TypeError, match="'object', as in column 'o'"):
        read({"o": [object(), object()]})


class Point(NamedTuple):
    x: float
    kind: str


def test_rows_of_python() -> None:
    table = read([Point(1.0, "a"), Point(2.0, "b")])
    assert (table.names, table.named) == (["x", "kind"], True)
    table = read([[1, "a"], (None, "b")])
    assert (table.names, table.named) == (["x0", "x1"], False)
    table = read([{"a": 1}, {"b": 2, "a": 3}])
    assert table.said == ["1 of 2 rows lack 'b': these are gaps."]
    assert read({"a": range(2), 1: (i for i in range(2))}).names == ["a", "1"]


@pytest.mark.parametrize("data", [None, 5, {1, 2}, (i for i in range(3)), object()])
def test_what_is_no_table_at_all(data: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"table: expected"):
        read(data)


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"needs pyarrow: pip install pyarrow"):
        read(path)


def test_parquet_files(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    path = tmp_path / "t.parquet"
    words = pandas.Categorical(["lo", "hi", None], ["lo", "mid", "hi"], ordered=True)
    pandas.DataFrame({"n": [1, 2, 3], "c": words}, index=[5, 7, 6]).to_parquet(path)
    table = read(path)
    assert table.names == ["n", "c"]
    assert [c.role for c in Columns.find(table).columns] == ["number", "ordered"]
    path.write_bytes(b"PAR1 but no more")
    with pytest.raises(ValueError, match="cannot be read as Parquet"):
        read(path)
