"""Files of cells: what is found out about them, what is said, and what is refused."""

import csv
import gzip
import io
import json
import tracemalloc
from pathlib import Path
from typing import Literal
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")

from axon.tabular import reading, sheets
from axon.tabular.columns import Columns
from axon.tabular.table import Table, read


def table_of(path: Path, raw: bytes | str, **told: object) -> Table:
    path = path / "t.csv"
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    return read(path, **told)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-8-sig"])
def test_encodings_with_and_without_a_mark(tmp_path: Path, encoding: str) -> None:
    table = table_of(tmp_path, "größe,n\nä,1\nb,2\n".encode(encoding))
    assert table.names == ["größe", "n"]
    assert table.columns[0].tolist() == ["ä", "b"]
    assert not table.said


def test_gaps_can_be_said(tmp_path: Path) -> None:
    text = "country,n\nNA,1\n-,NA\nDE,-\n"
    assert table_of(tmp_path, text).columns[0].tolist() == [None, "-", "DE"]
    table = table_of(tmp_path, text, gaps=["-"])
    assert table.columns[0].tolist() == ["NA", None, "DE"]
    assert table.columns[1].tolist() == ["1", "NA", None]
    assert read({"country": ["NA", "-"]}, gaps=["-"]).columns[0].tolist() == ["NA", None]


def test_a_head_can_be_said(tmp_path: Path) -> None:
    assert table_of(tmp_path, "2019,2020\n1,2\n", header=True).names == ["2019", "2020"]
    table = table_of(tmp_path, "a,b\nc,d\n", header=False)
    assert table.names == ["column 1", "column 2"]
    assert table.rows == 2
    assert table.said == [
        "The file has no line of names; columns are called column 1, column 2, ..."
    ]


def test_rows_of_one_cell_more_than_the_head(tmp_path: Path) -> None:
    """A separator at each end; or row names, as R writes them."""
    table = table_of(tmp_path, "a,b\n1,2,\n3,4,\n")
    assert table.names == ["a", "b"]
    table = table_of(tmp_path, 'a,b\n"r1",1,2\n"r2",3,4\n')
    assert table.names == ["row names", "a", "b"]
    assert table.columns[1].tolist() == ["1", "3"]
    assert len(table.said) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a,b\n1,2\n"x\ny",3\n1,2,3\n', "line 5 .* has 3 cells"),
        ("sep=;\na;b\n1;2\n3\n", "line 4 .* has 1 cells"),
        ("a,b\n1," + "x" * 140_000 + "\n", "line 2 .* cannot be cut into cells: field larger"),
        ("\n\n# nothing\n", "is empty"),
    ],
)
def test_lines_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        table_of(tmp_path, text)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_files_that_are_not_packed_as_they_say(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.csv{suffix}"
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(ValueError, match="cannot be unpacked"):
        read(path)
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 1000)[:-20])
    with pytest.raises(ValueError, match="cannot be unpacked"):
        read(path)


@pytest.mark.parametrize("rows", [4999, 5000, 5001])
def test_rows_are_taken_in_blocks(tmp_path: Path, rows: int) -> None:
    table = table_of(tmp_path, "x,k\n" + "".join(f"{i},{i % 3}a\n" for i in range(rows)))
    values = Columns.find(table, numeric=["x"]).values(table)
    assert_array_equal(values.numbers[:, 0], np.arange(rows))
    assert_array_equal(values.codes[:, 0], np.arange(rows) % 3 + 2)


def test_words_are_kept_once(tmp_path: Path) -> None:
    rows = 20_000
    raw = "a,b\n" + "a long word that returns,another one that returns\n" * rows
    tracemalloc.start()
    table = table_of(tmp_path, raw)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert table.rows == rows
    assert kept < 2 * 8 * rows + len(raw) + 500_000  # pointers, and this test's own text


def test_numbers_that_only_python_writes_are_words(tmp_path: Path) -> None:
    table = table_of(tmp_path, "x\n" + "1_0\n2_0\n" * 3)
    assert [c.role for c in Columns.find(table).columns] == ["category"]


PIECES = [
    "a",
    "",
    " ",
    "1,5",
    "2;3",
    "é",
    "#x",
    "NA",
    "long " * 12,
    "two\nlines",
    'in "quotes"',
    '"',
]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(PIECES), min_size=3, max_size=3), min_size=1, max_size=12),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([30, 70, 1 << 20]),
)
def test_cells_cut_at_once_are_those_of_the_csv_module(
    rows: list[list[str]], quoting: Literal[0, 1], end: str, block: int
) -> None:
    """Whatever is written comes back, whichever way it is cut, and in blocks of whatever size."""
    rows = [*rows, ["last", "row", "x"]]
    text = io.StringIO()
    writer = csv.writer(text, quoting=quoting, lineterminator=end)
    writer.writerows([["p", "q", "r"], *rows])
    with mock.patch.multiple(sheets, BLOCK=block):
        table = read(io.StringIO(text.getvalue()), header=True)
    expected = [[cleaned_up(cell) for cell in row] for row in rows]
    found = [list(row) for row in zip(*(table.column(n) for n in "pqr"), strict=True)]
    assert found == expected
    with mock.patch.object(sheets, "_cut", return_value=None):
        slow = read(io.StringIO(text.getvalue()), header=True)
    assert [slow.column(n).tolist() for n in "pqr"] == [table.column(n).tolist() for n in "pqr"]
    assert slow.said == table.said


def cleaned_up(cell: str) -> str | None:
    word = cell.strip()
    return None if word.lower() in reading.GAPS else word


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(['"', ",", "\n", "a", "1", " ", "#"]), max_size=25))
def test_whatever_is_in_a_file_is_cut_the_same_both_ways(signs: list[str]) -> None:
    text = "p,q\nx,y\n" + "".join(signs)

    def outcome() -> object:
        try:
            table = read(io.StringIO(text), header=True)
        except ValueError as error:
            return str(error)
        return table.names, [table.column(n).tolist() for n in table.names], table.said

    quick = outcome()
    with mock.patch.object(sheets, "_cut", return_value=None):
        assert outcome() == quick


def test_comments_and_empty_lines(tmp_path: Path) -> None:
    table = table_of(tmp_path, "# made by\n#a,b\n1,2\n# note\n\n#ff,3\n,\n5,6\n,\n")
    assert table.names == ["a", "b"]
    assert table.column("a").tolist() == ["1", "#ff", None, "5"]
    assert table.said == [
        "Comments are passed over: line 1, 4.",
        "Empty lines are passed over: line 5.",
        "Rows of gaps alone at the end are passed over: 1.",
    ]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ('a,b\n1,"x\n2,y\n3,z\n', "line 2 .* quotes do not end"),
        (b"PK\x03\x04\x01\x02", "Excel workbook"),
        ("<!DOCTYPE html>", "web page"),
        ('[{"a": 1}]', "JSON"),
        (b"a,b\n1,\0\n", "no text"),
        ("a,b\n", "no rows"),
    ],
)
def test_what_is_no_table(tmp_path: Path, raw: bytes | str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Columns.find(table_of(tmp_path, raw))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("https://example.org/a.csv", "is an address"),
        ("a,b\n1,2", "io.StringIO"),
        (".", "is a folder"),
        ({"a": "abc"}, "one value for each row"),
        ([[1, 2], [3]], "row 2 has 1 values"),
        ([], "rows and columns"),
        (np.empty((3, 0)), "minimum of 1"),
    ],
)
def test_what_is_refused(data: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(data)


@pytest.mark.parametrize(
    ("text", "names", "first"),
    [
        ("x\n1,5\n2,5\n", ["x"], ["1,5"]),
        ("1,5;2\n2,5;3\n", ["column 1", "column 2"], ["1,5", "2"]),
        ("country,2019,2020\nDE,1,2\n", ["country", "2019", "2020"], ["DE", "1", "2"]),
        ("a   b\n 1  x\n2 y\n", ["a", "b"], ["1", "x"]),
        ("name\nAnn Lee\nBo Day\n", ["name"], ["Ann Lee"]),
        ("#a\tb\n1\t2\n", ["a", "b"], ["1", "2"]),
    ],
)
def test_separators_and_heads(
    tmp_path: Path, text: str, names: list[str], first: list[str]
) -> None:
    table = table_of(tmp_path, text)
    assert table.names == names
    assert [table.column(name)[0] for name in names] == first


def test_a_packed_file_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    assert table_of(tmp_path, gzip.compress(b"a,b\n1,2\n")).column("b").tolist() == ["2"]
    with open(tmp_path / "t.csv", "rb") as file:
        assert read(file).names == ["a", "b"]


def test_other_rows_are_read_as_those_learned_from(tmp_path: Path) -> None:
    """The words that are gaps and whether there are names are kept, also in a file."""
    table = table_of(tmp_path, "1,NA\n-,DE\n3,NA\n", gaps=["-"])
    columns = Columns.from_config(json.loads(json.dumps(Columns.find(table).to_config())))
    new = columns.read(io.StringIO("-,NA\n"))
    assert new.names == table.names
    assert columns.values(new).codes.tolist() == [[3]]
    assert np.isnan(columns.values(new).numbers).all()


def test_numbers_that_are_gaps() -> None:
    for data in ({"x": [1, -999, 3]}, {"x": ["1", "-999.0", "3"]}):
        table = read(data, gaps=["-999"])
        assert_array_equal(Columns.find(table).values(table).numbers[:, 0], [1, np.nan, 3])


def test_many_columns_of_one_name_or_fault_are_told_in_few_sentences() -> None:
    head = ",".join(["x"] * 3000)
    table = read(io.StringIO(f"{head}\n{','.join(['1'] * 3000)}\n{','.join(['1'] * 3000)}\n"))
    assert table.names[2999] == "x.3000"
    assert len(table.said) == 6
    data = {name: [3, 3] for name in table.names}
    columns = Columns.find(read({**data, "n": [1, 2]}))
    assert columns.said == [
        "3000 columns are left out, each since it is always the same: 'x', 'x.2', 'x.3', 'x.4', "
        "'x.5', ...."
    ]


@pytest.mark.parametrize("encoding", ["cp1251", "shift_jis", "utf-16", "utf-8-sig", "latin-1"])
def test_an_encoding_that_is_said(tmp_path: Path, encoding: str) -> None:
    word = {"latin-1": "größe", "shift_jis": "サイズ"}.get(encoding, "размер")
    raw = f"{word};b\n{word};1\n{word};2\n".encode(encoding)
    table = table_of(tmp_path, raw, encoding=encoding)
    assert table.names == [word, "b"]
    assert table.column(word).tolist() == [word, word]
    assert table.said == []
    columns = Columns.find(table)
    assert Columns.from_config(columns.to_config()).read(io.BytesIO(raw)).names == [word, "b"]
    assert columns.read(io.StringIO(f"{word};b\nc;3\n")).names == [word, "b"]  # text has none
    said = table_of(tmp_path, f"a;b\nä;{word}\n", encoding="cp437").said
    assert said == [f"'{tmp_path / 't.csv'}' looks like UTF-8; it was read as cp437, as was said."]
    with pytest.raises(ValueError, match=r"not written in ascii: .* The byte is in line 2\."):
        table_of(tmp_path, b"a,b\n\xff,1\n", encoding="ascii")
    with pytest.raises(ValueError, match="no encoding 'rot13'"):
        table_of(tmp_path, raw, encoding="rot13")
    with pytest.raises(ValueError, match="an Excel workbook"):
        table_of(tmp_path, b"PK\x03\x04\x00\xff", encoding="latin-1")
