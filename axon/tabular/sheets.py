"""Sheets: files of cells, separated by a sign, as columns of words.

What a file does not say is decided over all of it and told: its encoding, what separates cells,
whether it begins with names. Millions of bytes are cut at once, by NumPy, where quotes stand round
cells or nowhere; where they stand otherwise, Python's csv module cuts row by row, and to the same
cells.
"""

import bz2
import csv
import gzip
import lzma
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.tabular import reading
from axon.tabular.letters import decoded
from axon.tabular.words import BLANKS, SHORT, TextColumn, cleaned, factored, objects

PACKED: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {  # how they begin
    ".gz": (b"\x1f\x8b", gzip.decompress),
    ".bz2": (b"BZh", bz2.decompress),
    ".xz": (b"\xfd7zXZ", lzma.decompress),
}
SEPARATORS = "\t;|,"  # where several would do: a comma may belong to numbers
ALONE = "\x1f"  # stands in no text: a file of one column
LOOKED_AT = 200  # rows, for the separator
BLOCK = 1 << 21  # bytes that are cut in one go; more, where there are many columns
MANY = 256
ROWS = 5000  # rows that are cut one by one before they are spread over the columns
LARGEST = 131_072  # bytes of a cell: a longer one is a quote that was never closed
QUOTE, NEWLINE, HASH = 34, 10, 35
SHOWN = 5  # lines or names that a sentence lists


class FileColumns(NamedTuple):
    """What a file of cells holds.

    Attributes:
        names: of the columns, each its own.
        columns: words without blanks round them.
        said: what had to be decided, in sentences.
        header: whether its first line holds names.
    """

    names: list[str]
    columns: list[TextColumn]
    said: list[str]
    header: bool


class SheetRow(NamedTuple):
    """A row; where it starts and ends, in bytes; the number of its last line."""

    start: int
    end: int
    line: int
    cells: list[str]


@dataclass
class _File:
    """Bytes in UTF-8, of lines that end with a newline each, and how they are cut into cells."""

    name: str
    raw: bytes
    separator: str = ","
    start: int = 0  # behind a first line such as sep=;
    comments: list[int] = field(default_factory=list)  # where they start
    blank: list[int] = field(default_factory=list)

    def line(self, at: int) -> int:
        """The number of the line in which a byte stands."""
        return self.raw.count(b"\n", 0, at) + 1

    def is_blank(self, line: bytes) -> bool:
        """Whether a line holds nothing, not even gaps."""
        return not line.strip(b" \n" if self.separator == "\t" else None)

    def is_comment(self, start: int) -> bool:
        """Whether a line begins with #."""
        return self.raw[start : start + LARGEST].lstrip(b" ").startswith(b"#")

    def rows(self, start: int) -> Iterator[SheetRow]:
        """Rows, one by one, but for empty lines."""
        lines = _Lines(self.raw, start)
        cells = csv.reader(lines, delimiter=self.separator, skipinitialspace=True)
        first = self.line(start) - 1
        begin = start
        try:
            for row in cells:
                if self.is_blank(self.raw[begin : lines.at]):
                    self.blank.append(begin)
                else:
                    self._demand_closed(row, begin, lines.at)
                    yield SheetRow(begin, lines.at, first + cells.line_num, row)
                begin = lines.at
        except csv.Error as error:
            raise self._error(first + cells.line_num, str(error)) from error

    def _error(self, line: int, why: str) -> ValueError:
        return ValueError(
            f"table: line {line} of {self.name!r} cannot be cut into cells: {why}. A quote that "
            "is opened must be closed, too."
        )

    def _demand_closed(self, row: list[str], start: int, end: int) -> None:
        """The last row of a file may end inside of quotes: then it has swallowed all the rest."""
        if end < len(self.raw) or not any("\n" in cell for cell in row):
            return
        text = [self.raw[start:end].decode()]
        try:
            list(csv.reader(text, delimiter=self.separator, skipinitialspace=True, strict=True))
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise self._error(self.line(start), "its quotes do not end") from error


class _Lines:
    """The lines of a text, one by one, and how far they have gone."""

    def __init__(self, raw: bytes, at: int) -> None:
        self.raw, self.at = raw, at

    def __iter__(self) -> Iterator[str]:
        while self.at < len(self.raw):
            start, self.at = self.at, self.raw.find(b"\n", self.at) + 1
            yield self.raw[start : self.at].decode()


def read_sheet(
    raw: bytes,
    name: str,
    header: bool | None = None,
    gaps: frozenset[str] = reading.GAPS,
    encoding: str | None = None,
) -> FileColumns:
    """The columns of a CSV, TSV or text file, packed or not.

    Args:
        raw: what is in the file.
        name: of the file.
        header: whether its first line holds names; None finds out: numbers are no names.
        gaps: words, in small letters, that mean a gap.
        encoding: how letters are written, such as "latin-1"; None finds out.

    Raises:
        ValueError: it is packed badly, holds nothing, or a line has more or fewer cells than the
            first one; the message names the line.
    """
    said: list[str] = []
    file = _opened(raw, name, said, encoding)
    first, second = _head(file)
    head = [cell.strip() for cell in first.cells]
    if header is None:
        header = not _is_data(head, gaps)
    start = first.end if header else first.start
    if not header:
        said.append("The file has no line of names; columns are called column 1, column 2, ...")
        head = [""] * len(head)
    elif second is not None and len(second.cells) == len(head) + 1:
        head = _longer(head, second.cells, said)
    columns = [column.words(gaps) for column in _gathered(file, start, len(head))]
    names = [cell or f"column {i + 1}" for i, cell in enumerate(head)]
    names, columns = _named(_apart(names, said), head, columns)
    _tell_lines(file, said)
    return FileColumns(names, _filled(columns, said), said, header)


def _head(file: _File) -> tuple[SheetRow, SheetRow | None]:
    """The first row that is no comment, and the one behind it.

    A line that begins with # is a comment, unless a row of as many cells follows it: then it holds
    their names.
    """
    marked: list[SheetRow] = []
    found: list[SheetRow] = []
    for row in file.rows(file.start):
        (marked if row.cells[0].startswith("#") and len(found) < 2 else found).append(row)
        if len(found) == 2:
            break
    if not found:
        raise ValueError(f"table: {file.name!r} is empty: no line holds anything.")
    before = [row for row in marked if row.start < found[0].start]
    if before and len(found[0].cells) == len(before[-1].cells) > 1:
        found.insert(0, before.pop())
        found[0].cells[0] = found[0].cells[0].lstrip("# ") or "#"
    file.comments += [row.start for row in before]
    file.blank.clear()  # those behind the head are found again
    return found[0], found[1] if len(found) > 1 else None


def _longer(head: list[str], row: list[str], said: list[str]) -> list[str]:
    """A head for rows of one cell more: each ends with a separator, or begins with a name."""
    if not row[-1].strip():
        return [*head, ""]
    said.append("Rows have one cell more than the line of names: the first is 'row names'.")
    return ["row names", *head]


def _named(
    names: list[str], head: list[str], columns: list[TextColumn]
) -> tuple[list[str], list[TextColumn]]:
    """The columns but for a last one without name and without any word."""
    if len(names) > 1 and not head[-1] and len(columns[-1]) and not len(columns[-1].distinct):
        return names[:-1], columns[:-1]
    return names, columns


def _filled(columns: list[TextColumn], said: list[str]) -> list[TextColumn]:
    """The columns without rows of gaps alone at the end, which spreadsheets like to leave."""
    rows = len(columns[0])
    ends = [np.flatnonzero(c.codes >= 0)[-1:] for c in columns]
    last = max((int(end[0]) + 1 for end in ends if len(end)), default=rows)
    if last == rows:
        return columns
    said.append(f"Rows of gaps alone at the end are passed over: {rows - last}.")
    return [TextColumn(c.distinct, c.codes[:last]) for c in columns]


def _tell_lines(file: _File, said: list[str]) -> None:
    for what, starts in (("Comments", file.comments), ("Empty lines", file.blank)):
        if starts:
            shown = ", ".join(str(file.line(at)) for at in starts[:SHOWN])
            more = f" and {len(starts) - SHOWN} more" if len(starts) > SHOWN else ""
            said.append(f"{what} are passed over: line {shown}{more}.")


# ------------------------------------------------------------------------------------ opening


def _opened(raw: bytes, name: str, said: list[str], encoding: str | None) -> _File:
    """A file with all that must be known to cut it into cells."""
    raw = decoded(_unpacked(raw, name), name, said, encoding)
    raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    file = _File(name, raw if raw.endswith(b"\n") else raw + b"\n")
    line = file.raw[: file.raw.find(b"\n")].strip().strip(b'"').decode()
    if line[:4].lower() == "sep=" and len(line) == 5:
        file.separator, file.start = line[4], file.raw.find(b"\n") + 1
    else:
        evenness = {sign: _evenness(file, sign) for sign in SEPARATORS}
        file.separator = max(SEPARATORS, key=evenness.__getitem__)
        if not evenness[file.separator]:
            file.separator = ALONE
            _cut_at_blanks(file, said)
    return file


def _cut_at_blanks(file: _File, said: list[str]) -> None:
    """Where nothing else separates cells, blanks do, if they make a table with numbers of it."""
    lines = [line.split() for line in file.raw[: 200 * LOOKED_AT].splitlines()[:LOOKED_AT]]
    rows = [line for line in lines if line and not line[0].startswith(b"#")]
    widths = {len(row) for row in rows}
    if b'"' in file.raw or len(rows) < 2 or len(widths) != 1 or widths == {1}:
        return
    if any(all(reading.is_float(row[i].decode()) for row in rows[1:]) for i in range(*widths)):
        said.append("Cells are separated by blanks.")
        file.raw = re.sub(rb"[ \t]*\n[ \t]*", b"\n", re.sub(rb"[ \t]+", b"\t", file.raw)).lstrip()
        file.separator = "\t"


def _unpacked(raw: bytes, name: str) -> bytes:
    """What a packed file holds: by its first bytes, or by its name."""
    for suffix, (start, unpack) in PACKED.items():
        if raw.startswith(start) or name.lower().endswith(suffix):
            try:
                return unpack(raw)
            except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
                raise ValueError(
                    f"table: {name!r} cannot be unpacked: {error}. Is it complete, and "
                    f"really a {suffix} file?"
                ) from error
    return raw


def _evenness(file: _File, separator: str) -> float:
    """Which share of rows it cuts as often as most of them; 0 if it does not cut the first one."""
    probe = _File(file.name, file.raw, separator, file.start)
    widths = []
    with suppress(ValueError):  # quotes that do not end: what was before tells enough
        for row in islice(probe.rows(file.start), LOOKED_AT):
            widths += [len(row.cells)] * (not row.cells[0].startswith("#"))
    if not widths or widths[0] < 2:
        return 0.0
    return Counter(widths).most_common(1)[0][1] / len(widths)


def _is_data(cells: list[str], gaps: frozenset[str]) -> bool:
    """Whether the first line of a file is no line of names: a number stands in it.

    Years in order, 2019 and 2020, are names of columns.
    """
    found = [c for c in cells if c.lower() not in gaps and reading.styles_of([c])]
    years = [int(cell) for cell in found if re.fullmatch("1[5-9]..|2[01]..", cell)]
    named = 1 < len(years) == len(found) and years == list(range(years[0], years[-1] + 1))
    return bool(found) and not named


def _apart(names: list[str], said: list[str]) -> list[str]:
    """Names, each its own."""
    found: dict[str, None] = {}
    times, taken = Counter[str](), set(names)
    renamed: list[tuple[str, str]] = []
    for name in names:
        new = name
        while new in found or (new != name and new in taken):
            times[name] += 1
            new = f"{name}.{times[name] + 1}"
        found[new] = None
        renamed += [(name, new)] if new != name else []
    for name, new in renamed[:SHOWN]:
        said.append(f"Two columns are called {name!r}; the later one is {new!r} here.")
    if len(renamed) > SHOWN:
        said.append(f"{len(renamed) - SHOWN} more columns had the name of another one.")
    return list(found)


# ------------------------------------------------------------------------------------ cutting


class _Gathered:
    """A column in the making: short words side by side; where they are long, each once."""

    def __init__(self) -> None:
        self.blocks: list[Array] = []  # bytes of dtype S, or codes
        self.known: dict[bytes, int] | None = None

    def add_short(self, cells: Array) -> None:
        """Take cells (rows,) of dtype S."""
        if self.known is not None:
            self.add_long(cells.tolist())
        else:
            self.blocks.append(cells)

    def add_long(self, cells: list[bytes]) -> None:
        """Take cells of any length."""
        if self.known is None:
            earlier, self.blocks, self.known = self.blocks, [], {}
            for block in earlier:
                self.add_long(block.tolist())
        known = self.known
        for cell in dict.fromkeys(cells):
            known.setdefault(cell, len(known))
        self.blocks.append(np.fromiter(map(known.__getitem__, cells), np.int32, len(cells)))

    def words(self, gaps: frozenset[str]) -> TextColumn:
        """The column."""
        if not self.blocks:
            return TextColumn(objects([]), np.empty(0, np.int32))
        joined, self.blocks = np.concatenate(self.blocks), []
        if self.known is None:
            return cleaned(*factored(joined), gaps)
        return cleaned(objects(cell.decode() for cell in self.known), joined, gaps)


def _gathered(file: _File, start: int, width: int) -> list[_Gathered]:
    """All rows from a byte on, spread over the columns."""
    columns = [_Gathered() for _ in range(width)]
    least = BLOCK * min(8, 1 + width // MANY)
    size = least
    while start < len(file.raw):
        cut = _cut(file, start, size, width)
        if cut is None:  # quotes inside of cells
            stop = len(file.raw)
        elif cut.stop == start:  # a row longer than that
            size *= 2
            continue
        else:
            stop, size = cut.stop, least
        if cut is None or cut.escaped:
            _add_rows(file, start, stop, columns)
        else:
            for column, starts, ends in zip(columns, cut.starts, cut.ends, strict=True):
                _add_cells(column, cut.raw, starts, ends)
        start = stop
    return columns


def _add_rows(file: _File, start: int, stop: int, columns: list[_Gathered]) -> None:
    """Rows that the csv module cuts, to where they stop."""
    fitting = _fitting(file, file.rows(start), len(columns), stop)
    while block := list(islice(fitting, ROWS)):
        for column, cells in zip(columns, zip(*block, strict=True), strict=True):
            column.add_long([cell.encode() for cell in cells])


def _fitting(file: _File, rows: Iterator[SheetRow], width: int, stop: int) -> Iterator[list[str]]:
    for row in rows:
        if row.start >= stop:
            return
        if len(row.cells) == width:
            yield row.cells
        elif file.is_comment(row.start):
            file.comments.append(row.start)
        else:
            raise _uneven(file, row.line, len(row.cells), width)


def _uneven(file: _File, line: int, count: int, width: int) -> ValueError:
    return ValueError(
        f"table: line {line} of {file.name!r} has {count} cells, but the first line has {width}. "
        "Mend the line; a cell that contains the separator needs quotes."
    )


class _Cut(NamedTuple):
    """AnyColumn of some rows.

    Attributes:
        raw: (bytes,) uint8, with room for a short word behind the end.
        starts, ends: (columns, rows) of cells, without their quotes.
        stop: the byte of the file behind the last row.
        escaped: a cell holds quotes: only the csv module gets them right.
    """

    raw: Array
    starts: Array
    ends: Array
    stop: int
    escaped: bool


def _cut(file: _File, start: int, size: int, width: int) -> _Cut | None:
    """Rows from a byte on; None if quotes stand where only the csv module knows what they mean."""
    raw = np.frombuffer(file.raw[start : start + size] + bytes(SHORT), np.uint8)
    quotes = np.flatnonzero(raw == QUOTE)
    signs = np.flatnonzero((raw == ord(file.separator)) | (raw == NEWLINE)).astype(np.int32)
    if len(quotes):
        signs = signs[np.searchsorted(quotes, signs) % 2 == 0]
    newlines = np.flatnonzero(raw[signs] == NEWLINE)
    if not len(newlines):
        return _Cut(raw, signs, signs, start, False) if start + size < len(file.raw) else None
    signs = signs[: newlines[-1] + 1]
    end = int(signs[-1]) + 1
    quotes = quotes[: np.searchsorted(quotes, end)]
    if not _round_cells(raw, quotes, file.separator):
        return None
    if (raw[quotes[2::2] - 1] == QUOTE).any():  # doubled
        return _Cut(raw, signs, signs, start + end, True)
    starts, ends = _cells(file, raw, start, signs, newlines, width)
    if len(quotes):
        quoted = (raw[starts] == QUOTE) & (ends > starts)
        starts, ends = starts + quoted, ends - quoted
    too_large = (ends - starts).max(initial=0) > LARGEST
    return None if too_large else _Cut(raw, starts, ends, start + end, False)


def _round_cells(raw: Array, quotes: Array, separator: str) -> bool:
    """Whether quotes open where a cell begins, and close where it ends, but for doubled ones."""
    around = np.zeros(256, bool)
    around[[QUOTE, NEWLINE, ord(separator)]] = True
    opened, closed = quotes[::2], quotes[1::2]
    fits = around[raw[opened - 1]] | (opened == 0)
    return len(opened) == len(closed) and bool(fits.all() and around[raw[closed + 1]].all())


_BLANKS = np.isin(np.arange(256), list(BLANKS))


def _cells(
    file: _File, raw: Array, start: int, signs: Array, newlines: Array, width: int
) -> tuple[Array, Array]:
    """Where cells start and end, (columns, rows) each, in rows of as many as the head has."""
    starts = np.empty_like(signs)
    starts[0], starts[1:] = 0, signs[:-1] + 1
    first = np.concatenate([[0], newlines[:-1] + 1])
    fits = newlines - first + 1 == width
    if width == 1:  # an empty line has as many cells
        for i in np.flatnonzero(_BLANKS[raw[starts[first]]]).tolist():
            fits[i] = not file.is_blank(raw[starts[i] : signs[i] + 1].tobytes())
    if not fits.all():
        _pass_over(file, start, starts[first[~fits]], signs[newlines[~fits]], width)
        places = first[fits][:, None] + np.arange(width)
        starts, signs = starts[places], signs[places]
    return (
        np.ascontiguousarray(starts.reshape(-1, width).T),
        np.ascontiguousarray(signs.reshape(-1, width).T),
    )


def _pass_over(file: _File, start: int, starts: Array, ends: Array, width: int) -> None:
    """Lines that hold no row: empty ones and comments."""
    for begin, end in zip((start + starts).tolist(), (start + ends).tolist(), strict=True):
        text = file.raw[begin : end + 1]
        if file.is_blank(text):
            file.blank.append(begin)
        elif file.is_comment(begin):
            file.comments.append(begin)
        else:
            row = next(file.rows(begin))
            raise _uneven(file, row.line, len(row.cells), width)


def _add_cells(column: _Gathered, raw: Array, starts: Array, ends: Array) -> None:
    """Cells of a block, to their column."""
    lengths = ends - starts
    width = int(lengths.max(initial=1))
    if width <= SHORT:
        cells = np.lib.stride_tricks.sliding_window_view(raw, width)[starts]  # (rows, width)
        cells[np.arange(width) >= lengths[:, None]] = 0
        column.add_short(cells.view(f"S{width}")[:, 0])
    else:
        bytes_of = raw.tobytes()
        pairs = zip(starts.tolist(), ends.tolist(), strict=True)
        column.add_long([bytes_of[start:end] for start, end in pairs])
