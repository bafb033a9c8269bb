"""Sheets: files of cells, separated by a sign, as columns of words.

What a file does not say is decided over all of it and told: its encoding, what separates cells,
whether it begins with names. Rows are taken in blocks, and each word of a column is kept once, so
that a file of gigabytes of repeated words becomes no more than pointers.
"""

import bz2
import csv
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.tabular import reading

PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
}
SEPARATORS = ",;\t|"
LOOKED_AT = 200  # rows, for the separator
BLOCK = 5000  # rows that are spread over the columns in one go

Row = tuple[int, list[str]]  # the number of its last line, and its cells


class FileColumns(NamedTuple):
    """What a file of cells holds.

    Attributes:
        names: of the columns, each its own.
        columns: (rows,) objects each: words without blanks round them, None for gaps.
        said: what had to be decided, in sentences.
    """

    names: list[str]
    columns: list[Array]
    said: list[str]


class _File(NamedTuple):
    """Bytes, and how they are cut into cells."""

    name: str
    raw: bytes
    encoding: str
    separator: str = ","
    skipped: int = 0  # lines at the beginning, such as sep=;

    def rows(self) -> Iterator[Row]:
        """Rows that hold something, and are no comments."""
        text = io.TextIOWrapper(io.BytesIO(self.raw), self.encoding, "replace", newline="")
        lines = islice(text, self.skipped, None)
        cells = csv.reader(lines, delimiter=self.separator, skipinitialspace=True)
        try:
            for row in cells:
                if any(row) and not row[0].startswith("#") and any(map(str.strip, row)):
                    yield cells.line_num + self.skipped, row
        except csv.Error as error:
            raise ValueError(
                f"table: line {cells.line_num + self.skipped} of {self.name!r} cannot be cut into "
                f"cells: {error}. A quote that is opened must be closed, too."
            ) from error


def read_sheet(
    path: Path, header: bool | None = None, gaps: frozenset[str] = reading.GAPS
) -> FileColumns:
    """The columns of a CSV, TSV or text file, packed or not.

    Args:
        path: of the file.
        header: whether its first line holds names; None finds out: numbers are no names.
        gaps: words, in small letters, that mean a gap.

    Raises:
        ValueError: it is packed badly, holds nothing, or a line has more or fewer cells than the
            first one; the message names the line.
    """
    said: list[str] = []
    file = _opened(path, said)
    rows = file.rows()
    first = next(rows, None)
    if first is None:
        raise ValueError(f"table: {file.name!r} is empty: no line holds anything.")
    head = [cell.strip() for cell in first[1]]
    second = next(rows, None)
    rest = chain([] if second is None else [second], rows)
    if header is False or (header is None and _is_data(head, gaps)):
        said.append("The file has no line of names; columns are called column 1, column 2, ...")
        head, rest = [""] * len(head), chain([first], rest)
    elif second is not None and len(second[1]) == len(head) + 1:
        head = _longer(head, second[1], said)
    columns = _spread(rest, len(head), file.name, gaps)
    names = [cell or f"column {i + 1}" for i, cell in enumerate(head)]
    return FileColumns(*_named(_apart(names, said), head, columns), said)


def _longer(head: list[str], row: list[str], said: list[str]) -> list[str]:
    """A head for rows of one cell more: each ends with a separator, or begins with a name."""
    if not row[-1].strip():
        return [*head, ""]
    said.append("Rows have one cell more than the line of names: the first is 'row names'.")
    return ["row names", *head]


def _named(
    names: list[str], head: list[str], columns: list[Array]
) -> tuple[list[str], list[Array]]:
    """The columns but for a last one without name and without any word."""
    if len(names) > 1 and not head[-1] and len(columns[-1]) and not any(columns[-1]):
        return names[:-1], columns[:-1]
    return names, columns


def _opened(path: Path, said: list[str]) -> _File:
    """A file with all that must be known to cut it into cells."""
    raw = path.read_bytes()
    for suffix, unpack in PACKED.items():
        if path.suffix.lower() == suffix:
            try:
                raw = unpack(raw)
            except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
                raise ValueError(
                    f"table: {str(path)!r} cannot be unpacked: {error}. Is it complete, and "
                    f"really a {suffix} file?"
                ) from error
    file = _File(str(path), raw, _encoding(raw, said))
    start = io.TextIOWrapper(io.BytesIO(raw[:100]), file.encoding, "replace", newline="")
    line = start.readline().strip("\r\n").strip('"')
    if line[:4].lower() == "sep=" and len(line) == 5:
        return file._replace(separator=line[4], skipped=1)
    return file._replace(separator=max(SEPARATORS, key=lambda s: _evenness(file, s)))


def _encoding(raw: bytes, said: list[str]) -> str:
    """UTF-8; UTF-16 by its mark, or by its zeros; else what Windows writes in western languages."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    start = raw[:1000]
    if start.count(0) > len(start) // 4:
        return "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    try:
        raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        said.append("The file is not UTF-8; it was read as Windows-1252 (Latin-1).")
        return "cp1252"
    return "utf-8-sig"


def _evenness(file: _File, separator: str) -> tuple[bool, float, int]:
    """Whether it cuts the first row; which share of rows as often as that; and how often."""
    try:
        rows = islice(file._replace(separator=separator).rows(), LOOKED_AT)
        widths = [len(row) for _, row in rows]
    except ValueError:
        return False, 0.0, 0
    if not widths or max(widths) < 2:
        return False, 0.0, 0
    common = max(set(widths), key=widths.count)
    return common > 1, widths.count(common) / len(widths), common


def _is_data(cells: list[str], gaps: frozenset[str]) -> bool:
    """Whether the first line of a file is no line of names: a number stands in it."""
    return any(reading.is_float(cell) and cell.lower() not in gaps for cell in cells)


def _apart(names: list[str], said: list[str]) -> list[str]:
    """Names, each its own."""
    found: dict[str, None] = {}
    for name in names:
        new, number = name, 2
        while new in found:
            new, number = f"{name}.{number}", number + 1
        if new != name:
            said.append(f"Two columns are called {name!r}; the later one is {new!r} here.")
        found[new] = None
    return list(found)


def _spread(rows: Iterable[Row], width: int, name: str, gaps: frozenset[str]) -> list[Array]:
    """Rows as columns of words."""
    known = [_Words(gaps) for _ in range(width)]
    blocks: list[list[Array]] = [[] for _ in range(width)]
    rows = iter(rows)
    while block := list(islice(rows, BLOCK)):
        _demand_even(block, width, name)
        cells = zip(*(row for _, row in block), strict=True)
        for words, found, column in zip(known, blocks, cells, strict=True):
            found.append(_objects(list(map(words.__getitem__, column))))
    return [np.concatenate([_objects([]), *found]) for found in blocks]


class _Words(dict[str, str | None]):
    """What each cell of a column means, kept once."""

    def __init__(self, gaps: frozenset[str]):
        self.gaps = gaps

    def __missing__(self, cell: str) -> str | None:
        word = cell.strip()
        found = self[cell] = None if word.lower() in self.gaps else word
        return found


def _objects(words: list[str | None]) -> Array:
    array = np.empty(len(words), object)
    array[:] = words
    return array


def _demand_even(rows: list[Row], width: int, name: str) -> None:
    for line, row in rows:
        if len(row) != width:
            raise ValueError(
                f"table: line {line} of {name!r} has {len(row)} cells, but the first line has "
                f"{width}. Mend the line; a cell that contains the separator needs quotes."
            )
