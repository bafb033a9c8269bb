"""Columns: what each column of a table is, found once in the rows to learn from, and said.

Numbers stay numbers; text becomes a number, a date, a category, hashed words, or is left out. New
rows are read by the same rules, whatever the order of their columns.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array
from axon.tabular.column import (
    FIRST,
    SHOWN,
    Column,
    column_codes,
    column_numbers,
    many_names,
    some_names,
    spread_names,
)
from axon.tabular.finding import find_column, fingerprint, has_decimal_comma, told_apart
from axon.tabular.reading import GAPS
from axon.tabular.table import Table, read


class Values(NamedTuple):
    """A table in numbers.

    Attributes:
        numbers: (rows, p) float64, NaN for a gap.
        codes: (rows, q) int32: 0 for a gap, 1 for a value never seen, then the known ones.
        number_names: p names, such as "born: year".
        code_names: q names.
        sizes: how many codes each of the q has.
    """

    numbers: Array
    codes: Array
    number_names: tuple[str, ...]
    code_names: tuple[str, ...]
    sizes: tuple[int, ...]

    def taken(self, rows: Array | slice) -> "Values":
        """Some of the rows."""
        return self._replace(numbers=self.numbers[rows], codes=self.codes[rows])


@dataclass
class Columns:
    """All columns of a table, as they were found.

    Attributes:
        columns: each of them, also those left out, in the table's order.
        said: what was decided, in sentences.
        header: whether the file's first line held names; None where it was no file.
        gaps: words that meant a gap; None for the usual ones.
        encoding: how letters are written in files, if that was said.
    """

    columns: list[Column]
    said: list[str] = field(default_factory=list)
    header: bool | None = None
    gaps: tuple[str, ...] | None = None
    encoding: str | None = None

    @classmethod
    def find(
        cls,
        table: Table,
        *,
        categorical: Sequence[str] = (),
        numeric: Sequence[str] = (),
        dates: Sequence[str] = (),
        text: Sequence[str] = (),
        drop: Sequence[str] = (),
    ) -> "Columns":
        """Find out what the columns of a table are.

        Args:
            table: the rows to learn from.
            categorical: names of columns that are categories, though numbers perhaps.
            numeric: names of columns of numbers; words in them are gaps.
            dates: names of columns of dates.
            text: names of columns of free text.
            drop: names of columns to leave out.

        Raises:
            ValueError: a name is unknown, or said to be two things; a number is infinite; a column
                of numbers holds a word; nothing is left to learn from.
        """
        told = {"category": categorical, "number": numeric, "date": dates, "text": text}
        wanted = _wanted({**told, "left out": drop}, table.names)
        gaps = tuple(sorted(table.gaps))
        found = cls([], list(table.said), table.header, gaps, table.encoding)
        if not table.rows:
            raise ValueError("table: there are no rows to learn from.")
        comma = has_decimal_comma(table, wanted)
        seen: dict[tuple[str, int], int] = {}
        for name, values in zip(table.names, table.columns, strict=True):
            column = find_column(table, name, values, wanted.get(name), comma, found.said)
            if column.role != "left out" and name not in wanted:
                same = seen.setdefault(fingerprint(column, values), len(found.columns))
                if same < len(found.columns):
                    column = told_apart(column, values, found.columns[same], table.columns[same])
            found.columns.append(column)
        _tell_left_out(found)
        if not found.used:
            why = "; ".join(f"{c.name!r}: {c.why}" for c in found.columns[:10])
            raise ValueError(f"table: no column is left to learn from. {why or 'It has none.'}")
        return found

    def read(self, data: Any) -> Table:
        """Other rows, read as those to learn from: line of names, gaps, encoding."""
        gaps = GAPS if self.gaps is None else self.gaps
        return read(data, header=self.header, gaps=gaps, encoding=self.encoding)

    @property
    def used(self) -> list[Column]:
        """Those that are not left out."""
        return [c for c in self.columns if c.role != "left out"]

    def values(self, table: Table, said: list[str] | None = None) -> Values:
        """A table in numbers; columns may come in any order.

        Args:
            table: the rows.
            said: is given a sentence for each thing worth one.

        Raises:
            ValueError: a column is missing, or holds what cannot be read as it was.
        """
        told: list[str] = [] if said is None else said
        self._demand_there(table, told)
        places = {name: i for i, name in enumerate(table.names)}
        pairs = [(c, table.columns[places[c.name]]) for c in self.used]
        widths = [len(list(spread_names(c))) for c, _ in pairs if c.role != "category"]
        numbers = np.empty((table.rows, sum(widths)))
        codes = np.empty((table.rows, len(pairs) - len(widths)), np.int32)
        into, of_codes = iter(numbers.T), iter(codes.T)
        for column, values in pairs:
            if column.role == "category":
                next(of_codes)[...] = column_codes(column, values, told)
                continue
            for part in column_numbers(column, values, told):
                next(into)[...] = part
        return self.named(numbers, codes)

    def named(self, numbers: Array, codes: Array) -> Values:
        """Numbers (rows, p) and codes (rows, q) of all used columns, with their names."""
        numeric = [c for c in self.used if c.role != "category"]
        categories = [c for c in self.used if c.role == "category"]
        return Values(
            numbers,
            codes,
            tuple(name for c in numeric for name in spread_names(c)),
            tuple(c.name for c in categories),
            tuple(len(c.values) + FIRST for c in categories),
        )

    def owners(self) -> tuple[Array, Array]:
        """Which used column each number (p,) and each code (q,) of ``values`` comes from.

        >>> from axon.tabular.table import read
        >>> table = read({"born": ["2024-01-05", "2023-02-06"], "kind": ["a", "b"], "size": [1, 3]})
        >>> [part.tolist() for part in Columns.find(table).owners()]
        [[0, 0, 0, 0, 0, 2], [1]]
        """
        numbers = [
            i for i, c in enumerate(self.used) if c.role != "category" for _ in spread_names(c)
        ]
        codes = [i for i, c in enumerate(self.used) if c.role == "category"]
        return np.array(numbers, np.intp), np.array(codes, np.intp)

    def _demand_there(self, table: Table, said: list[str]) -> None:
        there = set(table.names)
        missing = [c.name for c in self.used if c.name not in there]
        if missing:
            raise ValueError(
                f"table: missing columns {many_names(missing)}. Those it learned from: "
                f"{many_names([c.name for c in self.used])}; "
                f"those given: {many_names(table.names)}."
            )
        known = {c.name for c in self.columns}
        others = [name for name in table.names if name not in known]
        if others:
            said.append(f"Columns that it did not learn from are ignored: {some_names(others)}.")

    def to_config(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return {
            "columns": [asdict(c) for c in self.columns],
            "said": self.said,
            "header": self.header,
            "gaps": None if self.gaps is None else list(self.gaps),
            "encoding": self.encoding,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Columns":
        """The columns that ``to_config`` described."""
        lists = ("values", "style", "parts")
        rows: list[dict[str, Any]] = [
            {k: tuple(v) if k in lists else v for k, v in c.items()} for c in config["columns"]
        ]
        gaps = config.get("gaps")
        return cls(
            [Column(**row) for row in rows],
            list(config["said"]),
            config.get("header"),
            None if gaps is None else tuple(gaps),
            config.get("encoding"),
        )

    def overview(self, width: int | None = None) -> str:
        """What was found, a line for each column.

        Args:
            width: signs that a line may have; what is longer is cut and ends with "...".

        >>> print(Columns([Column("born", "date", distinct=9, span="1990 to 1999")]).overview())
        column  kind      gaps  different  values
        born    date         0          9  1990 to 1999
        """
        longest = max([len(c.name) for c in self.columns] + [len("column")])
        names = min(longest, 40 if width is None else max(width // 3, 8))
        lines = [f"{'column':{names}}  {'kind':8}  gaps  different  values"]
        for c in self.columns:
            shown = c.why or c.span or ", ".join(c.values[:6]) + ", ..." * (len(c.values) > 6)
            name = _cut_off(c.name, names)
            lines.append(f"{name:{names}}  {c.role:8} {c.gaps:5} {c.distinct:10}  {shown}")
        flat = [" ".join(line.splitlines()).rstrip() for line in lines]
        return "\n".join(flat if width is None else [_cut_off(line, width) for line in flat])


def _wanted(told: dict[str, Sequence[str]], names: Sequence[str]) -> dict[str, str]:
    """Name -> role, for what users say."""
    wanted: dict[str, str] = {}
    for role, given in told.items():
        for name in [given] if isinstance(given, str) else given:
            if name not in names:
                raise ValueError(f"table: there is no column {name!r}. There are: {list(names)}.")
            if wanted.setdefault(name, role) != role:
                raise ValueError(f"table: {name!r} cannot be {wanted[name]} and {role} at once.")
    return wanted


def _tell_left_out(found: Columns) -> None:
    """A sentence for each column that is left out; of many for one reason, one for all."""
    gone: dict[str, list[Column]] = {}
    for column in found.columns:
        if column.role == "left out":
            why = re.sub("always .*", "always the same", column.why)
            gone.setdefault(re.sub("same as .*", "same as another one", why), []).append(column)
    for why, columns in gone.items():
        if len(columns) > SHOWN:
            names = some_names([repr(c.name) for c in columns])
            found.said.append(f"{len(columns)} columns are left out, each since {why}: {names}.")
        else:
            found.said += [f"Column {c.name!r} is left out: {c.why}." for c in columns]


def _cut_off(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 3, 0)].rstrip() + "..."
