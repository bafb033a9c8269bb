"""Files of cells: what is found out about them, what is said, and what is refused."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

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
