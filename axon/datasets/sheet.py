"""A CSV file as text: its header and its rows, each with the line it stands on."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from axon.datasets.column import is_number, looks
from axon.datasets.errors import DatasetUnavailable
from axon.names import printable, shown, unguarded

Row = tuple[int, list[str]]  # the number of the line it begins on, and its cells
CsvFile = str | os.PathLike[str] | IO[Any]  # a file, by its path or open
MAX_NAMES = 40  # listed in a message
DELIMITERS = ",;\t|"  # what may part cells
MAX_TEXT = 2**16  # characters that are looked at to find out which does


class Sheet:
    """A CSV file with its header read; the rows follow on request.

    Commas part the cells, or semicolons, tabs or bars: whichever cuts the header and the rows into
    equally many. Double quotes hold a cell together, blank lines and white space around a cell do
    not count. A byte-order mark and any line ending will do. The header and the rows may end in a
    comma, or leave out the cells of unnamed columns at the end.

    Args:
        path: the file, in UTF-8; or an open one, of bytes or text.

    Raises:
        DatasetUnavailable: the file cannot be read.
        ValueError: it is not UTF-8, not CSV, or empty.

    >>> from axon.datasets import breast_cancer
    >>> sheet = Sheet(breast_cancer.DATA)
    >>> sheet.names[:2]
    ['diagnosis', 'radius_mean']
    >>> line, cells = next(sheet.rows())
    >>> line, cells[:2]
    (2, ['M', '17.99'])
    """

    def __init__(self, path: CsvFile) -> None:
        self.path = printable(name_of(path))
        self.text = _read_text(path)
        self.delimiter = self._delimiter()
        self.header_line, self.names = next(self._records(), (0, []))
        if not self.names:
            raise ValueError(f"{self.path}: the file is empty; expected a header line with names")

    def rows(self, *, header: bool = True) -> Iterator[Row]:
        """Yield each row, a cell for each column; ``header`` leaves out the first line."""
        records = self._records()
        if header:
            next(records)
        line = 0
        for line, cells in records:
            yield line, self._fit(line, cells)
        if not line:
            raise ValueError(f"{self.path}: no rows; expected at least one below the header")

    def error(self, line: int, column: int, what: str) -> ValueError:
        """Build the error about one cell."""
        return ValueError(f"{self.path}, line {line}, column {self.names[column]!r}: {what}")

    def positions(self, names: Sequence[str]) -> list[int]:
        """Return the columns of some names; ``ValueError`` lists those that are missing."""
        columns = {name: column for column, name in enumerate(self.names) if name}
        if missing := [name for name in names if name not in columns]:
            wanted = "; ".join(_with_nearest(name, columns) for name in missing)
            raise ValueError(f"{self.path}: no column {wanted}. Its columns: {_listed(columns)}")
        return [columns[name] for name in names]

    def filled(self) -> list[int]:
        """Return the columns in which at least one row has a value."""
        empty = list(range(len(self.names)))
        for _, cells in self.rows():
            empty = [column for column in empty if not cells[column]]
            if not empty:
                break
        return [column for column in range(len(self.names)) if column not in empty]

    def check_unique(self) -> None:
        """Raise ``ValueError`` if two columns have the same name."""
        for column, name in enumerate(self.names):
            if name and name in self.names[:column]:
                raise ValueError(
                    f"{self.path}, line {self.header_line}: columns {self.names.index(name) + 1} "
                    f"and {column + 1} are both named {name!r}; rename or remove one"
                )

    def no_number(self, line: int, column: int, cell: str, *, header: bool = True) -> ValueError:
        """Build the error about a cell that should be a number, and what its column looks like."""
        point = " with a decimal point" if "," in cell and is_number(cell.replace(",", ".")) else ""
        found = shown(cell) if cell else "an empty cell"
        cells = [row[column] for _, row in self.rows(header=header)]
        return self.error(line, column, f"expected a number{point}, found {found} ({looks(cells)})")

    def header_is_numbers(self) -> bool:
        """Whether the first line looks like data: numbers only."""
        return all(is_number(name) for name in self.names if name)

    def header_is_data(self) -> bool:
        """Whether the first line looks like a row: numbers in no order, or a value met below."""
        numbers = [float(name) for name in self.names if is_number(name)]
        if not numbers or self.header_is_numbers():
            return bool(numbers)
        rising = sorted(set(numbers)) == numbers
        texts = [c for c, name in enumerate(self.names) if name and not is_number(name)]
        if not rising and len(numbers) >= len(texts):
            return True
        return any(cells[c] == self.names[c] for _, cells in self.rows() for c in texts)

    def _records(self) -> Iterator[Row]:
        records = _parsed(self.path, self.text, self.delimiter)
        return ((line, cells) for line, cells in records if any(cells))

    def _delimiter(self) -> str:
        """What cuts the header and the rows into equally many cells, else the header into most.

        Where a comma would do as well as another, it is that of decimal numbers.
        """
        widths = {mark: self._widths(mark) for mark in DELIMITERS}
        return max(
            DELIMITERS, key=lambda mark: (*widths[mark], bool(widths[mark][0]) and mark != ",")
        )

    def _widths(self, mark: str) -> tuple[int, int]:
        """How many cells of the header all rows have, 0 if they differ; and how many it has."""
        names: list[str] = []
        start = self.text[:MAX_TEXT]
        if len(self.text) > MAX_TEXT:  # not in the middle of a cell
            start = start.rpartition("\n")[0] or start
        records = _parsed(self.path, start, mark)
        try:
            names = next((cells for _, cells in records if any(cells)), [])
            rows = [cells for _, cells in records if any(cells)]
        except ValueError:
            return 0, max(len(names), 1)
        complete = rows if len(self.text) <= MAX_TEXT else rows[:-1]
        fits = len(names) > 1 and all(_fits(names, cells) for cells in complete)
        return len(names) if fits else 0, max(len(names), 1)

    def _fit(self, line: int, cells: list[str]) -> list[str]:
        width = len(self.names)
        if not _fits(self.names, cells):
            raise ValueError(
                f"{self.path}, line {line}: expected {width} cells, as in the header (line "
                f"{self.header_line}), found {len(cells)}"
            )
        return cells[:width] + [""] * (width - len(cells))


def is_unnamed(name: str) -> bool:
    """Whether a column has no name, or the one pandas gives to a column without ("Unnamed: 32").

    >>> is_unnamed(""), is_unnamed("Unnamed: 32"), is_unnamed("radius_mean")
    (True, True, False)
    """
    return not name or (name.startswith("Unnamed: ") and name[9:].isdigit())


def name_of(file: CsvFile) -> str:
    """What messages call a file: its path, or "standard input".

    >>> import sys
    >>> name_of("pets.csv"), name_of(sys.__stdin__)
    ('pets.csv', 'standard input')
    """
    if isinstance(file, str | os.PathLike):
        return os.fspath(file)
    name = str(getattr(file, "name", "the data"))
    return "standard input" if name == "<stdin>" else name


def _parsed(path: str, text: str, delimiter: str) -> Iterator[Row]:
    """All records, blank ones too."""
    import csv
    import io

    stream = io.StringIO(text, newline="")
    reader = csv.reader(stream, strict=True, skipinitialspace=True, delimiter=delimiter)
    line, guarded = 1, "'" in text  # as what AXON writes guards cells against spreadsheets
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            yield line, list(map(unguarded, cells)) if guarded else cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {line}: not CSV ({error}); expected cells parted by commas, "
            'with double quotes around a cell that holds a comma or a quote (written "")'
        ) from error


def _fits(names: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether a row has a cell for each named column, and none for no column."""
    named = any(not is_unnamed(name) for name in names[len(cells) :])
    return not named and not any(cells[len(names) :])


def _read_text(file: CsvFile) -> str:
    path = name_of(file)
    try:
        if isinstance(file, str | os.PathLike):
            with open(file, "rb") as stream:
                data = stream.read()
        else:
            data = file.read()
        text = data.decode() if isinstance(data, bytes) else data
    except OSError as error:
        raise DatasetUnavailable(
            f"{path}: cannot be read ({error.strerror or error}); expected a CSV file"
        ) from error
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise _no_text(path, f"byte {error.start} is 0x{byte:02x}") from error
    if "\0" in text:
        raise _no_text(path, "it holds zero bytes; UTF-16?")
    return text.removeprefix("\ufeff")


def _no_text(path: str, why: str) -> ValueError:
    return ValueError(
        f"{path}: not UTF-8 text ({why}); expected a CSV file; a spreadsheet can save one as "
        '"CSV UTF-8"'
    )


def _with_nearest(name: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1)
    return f"{name!r} (did you mean {near[0]!r}?)" if near else repr(name)


def _listed(names: Iterable[str]) -> str:
    all_of_them = [repr(name) for name in names]
    left = len(all_of_them) - MAX_NAMES
    return ", ".join(all_of_them[:MAX_NAMES]) + (f" and {left} more" if left > 0 else "")
