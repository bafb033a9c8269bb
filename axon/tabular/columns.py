"""Columns: what each column of a table is, found once in the rows to learn from, and said.

Numbers stay numbers; text becomes a number, a date, a category, hashed words, or is left out. New
rows are read by the same rules, whatever the order of their columns.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from axon.backend import Array
from axon.tabular import reading
from axon.tabular.cells import AnyColumn, plain_text
from axon.tabular.reading import GAPS
from axon.tabular.table import Table, read
from axon.tabular.words import TextColumn

ROLES = ("number", "category", "ordered", "date", "text", "left out")
GAP, UNSEEN, FIRST = 0, 1, 2  # codes of a category: a gap, a value never seen; then its values
MOST_VALUES = 5000  # of a category: rarer ones count as never seen
WORDS = 32  # numbers that hashed words make
FEW_ROWS = 20  # among so few, different values may happen
LOOKED_AT = 5000  # texts, for words that return
SHOWN, MANY = 5, 30  # names that a sentence lists, and an error
DAY = 86400.0
PARTS = ("time", "year", "month", "day of year", "weekday", "hour")
MOSTLY = 0.9  # a text column with so many numbers was meant as numbers
ID_NAME = re.compile(r"(^|[ _.-])(id|index|key|uuid|row ?(names?|numbers?))$|^unnamed|Id$|ID$")


@dataclass(frozen=True)
class Column:
    """A column of a table, and how it is read.

    Attributes:
        name: its own.
        role: one of ``ROLES``.
        values: of a category, in the order of its codes from 2 on; of an ordered one, in its order.
        style: how text means numbers: a NumberStyle's two signs, those of currencies and percent,
            and "all" where each word has one; "truth" for True and False, "clock" for 12:30; of
            dates, "dmy" and the like; of text, "words" or "pieces" of three letters.
        parts: of a date, those that vary; the first is the time in days since ``since``.
        since, until: of a date, the first and the last, in seconds.
        why: it was left out.
        lenient: a word among numbers is a gap.
        gaps, distinct: counted in the rows to learn from.
        span: of numbers and dates, the smallest and the largest, as text.
    """

    name: str
    role: str
    values: tuple[str, ...] = ()
    style: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    since: float = 0.0
    until: float = 0.0
    why: str = ""
    lenient: bool = False
    gaps: int = 0
    distinct: int = 0
    span: str = ""


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
    """

    columns: list[Column]
    said: list[str] = field(default_factory=list)
    header: bool | None = None
    gaps: tuple[str, ...] | None = None

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
        found = cls([], list(table.said), table.header, tuple(sorted(table.gaps)))
        if not table.rows:
            raise ValueError("table: there are no rows to learn from.")
        comma = _has_comma(table, wanted)
        seen: dict[tuple[str, int], int] = {}
        for name, values in zip(table.names, table.columns, strict=True):
            column = _found(table, name, values, wanted.get(name), comma, found.said)
            if column.role != "left out" and name not in wanted:
                same = seen.setdefault(_print_of(column, values), len(found.columns))
                if same < len(found.columns):
                    column = _told_apart(column, values, found.columns[same], table.columns[same])
            found.columns.append(column)
        _tell_left_out(found)
        if not found.used:
            why = "; ".join(f"{c.name!r}: {c.why}" for c in found.columns[:10])
            raise ValueError(f"table: no column is left to learn from. {why or 'It has none.'}")
        return found

    def read(self, data: Any) -> Table:
        """Other rows, read as those to learn from: with the same line of names and gaps."""
        return read(data, header=self.header, gaps=GAPS if self.gaps is None else self.gaps)

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
        widths = [len(list(_names(c))) for c, _ in pairs if c.role != "category"]
        numbers = np.empty((table.rows, sum(widths)))
        codes = np.empty((table.rows, len(pairs) - len(widths)), np.int32)
        into, of_codes = iter(numbers.T), iter(codes.T)
        for column, values in pairs:
            if column.role == "category":
                next(of_codes)[...] = _codes(column, values, told)
                continue
            for part in _numbers(column, values, told):
                next(into)[...] = part
        return self.named(numbers, codes)

    def named(self, numbers: Array, codes: Array) -> Values:
        """Numbers (rows, p) and codes (rows, q) of all used columns, with their names."""
        numeric = [c for c in self.used if c.role != "category"]
        categories = [c for c in self.used if c.role == "category"]
        return Values(
            numbers,
            codes,
            tuple(name for c in numeric for name in _names(c)),
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
        numbers = [i for i, c in enumerate(self.used) if c.role != "category" for _ in _names(c)]
        codes = [i for i, c in enumerate(self.used) if c.role == "category"]
        return np.array(numbers, np.intp), np.array(codes, np.intp)

    def _demand_there(self, table: Table, said: list[str]) -> None:
        there = set(table.names)
        missing = [c.name for c in self.used if c.name not in there]
        if missing:
            raise ValueError(
                f"table: missing columns {_listed(missing)}. Those it learned from: "
                f"{_listed([c.name for c in self.used])}; those given: {_listed(table.names)}."
            )
        known = {c.name for c in self.columns}
        others = [name for name in table.names if name not in known]
        if others:
            said.append(f"Columns that it did not learn from are ignored: {_shown(others)}.")

    def to_config(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return {
            "columns": [asdict(c) for c in self.columns],
            "said": self.said,
            "header": self.header,
            "gaps": None if self.gaps is None else list(self.gaps),
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


# ------------------------------------------------------------------------------------ finding


def _found(
    table: Table, name: str, values: AnyColumn, wanted: str | None, comma: bool, said: list[str]
) -> Column:
    """What a column is."""
    if wanted == "left out":
        return Column(name, "left out", why="as was asked for")
    if isinstance(values, TextColumn) and name in table.levels and wanted is None:
        if name in table.ordered:
            return _counted(Column(name, "ordered", values=tuple(table.levels[name])), values)
        return _varying(_category(name, values, said, table.levels[name]))
    if wanted == "category":
        return _category(name, _text(values), said)
    if wanted == "text":
        return _prose(name, _text(values), said)
    if isinstance(values, TextColumn):
        return _of_words(name, values, wanted, comma, said)
    if wanted == "date" and values.dtype.kind != "M":
        return _date_of_numbers(name, values, said)
    if values.dtype.kind == "M":
        return _date(name, values, ())
    return _number(name, values, ("truth",) * (values.dtype.kind == "b"), asked=wanted is not None)


def _of_words(
    name: str, values: TextColumn, wanted: str | None, comma: bool, said: list[str]
) -> Column:
    """What a column of text is."""
    if not len(values.distinct):
        return Column(name, "left out", why="it is all gaps", gaps=len(values))
    if wanted != "date":
        column = _number_of_words(name, values, wanted == "number", comma, said)
        if column is not None:
            return column
    words = values.listed
    order = values.once("order", lambda: reading.date_order(words))
    if wanted == "date" and order is None:
        return _date_of_numbers(name, values, said)
    if order is not None:
        if order in ("dmy", "mdy") and reading.is_ambiguous(words):
            written = {"dmy": "day before month", "mdy": "month before day"}[order]
            said.append(f"Dates of {name!r} could be read in two ways; taken: {written}.")
        return _date(name, _moments_of(values, order), (order,))
    _demand_no_stray_word(name, values, words)
    return _of_text(name, values, words, said)


def _of_text(name: str, values: TextColumn, words: list[str], said: list[str]) -> Column:
    """A category, free text, or what helps nobody."""
    count = len(values) - values.gaps()
    every = len(words) == count >= FEW_ROWS
    if every and _is_id(name, words):
        return _counted(Column(name, "left out", why="every row has another value: an id"), values)
    several = sum(w.count(" ") >= 2 for w in words) > len(words) / 2
    if not every and not (several and len(words) > max(0.5 * count, 50)):
        return _varying(_category(name, values, said))
    if _return(words):
        return _prose(name, values, said)
    why = "every row has another value" if every else "nearly every row has another value"
    why += f", of words that do not return; text=[{name!r}] takes pieces of them"
    return _counted(Column(name, "left out", why=why), values)


def _prose(name: str, values: TextColumn, said: list[str]) -> Column:
    """Free text: its words, or, where these do not return, all their pieces of three letters."""
    style = "words" if _return(values.listed) else "pieces"
    what = {"words": "words", "pieces": "pieces of three letters"}[style]
    said.append(f"Column {name!r} is text: its {what} become {WORDS} numbers.")
    return _counted(Column(name, "text", style=(style,)), values)


def _return(texts: list[str]) -> bool:
    """Whether most of the words of texts stand in another text, too."""
    found = Counter(word for text in texts[:LOOKED_AT] for word in set(_words(text)))
    again = sum(times for times in found.values() if times > 1)
    return again > found.total() / 2


# -------------------------------------------------------------------- numbers


def _has_comma(table: Table, wanted: dict[str, str]) -> bool:
    """Whether columns that can only be read with a decimal comma are there, and none with a point.

    Such a file's "1.234" is 1234, though alone it would be 1.234.
    """
    columns = [
        c
        for name, c in zip(table.names, table.columns, strict=True)
        if isinstance(c, TextColumn) and wanted.get(name, "number") == "number"
    ]
    written = [c for c in columns if c.plain() is None]
    if not any(_decimals(c) == {","} for c in written):
        return False
    return not any(_decimals(c) == {"."} for c in columns)


def _decimals(words: TextColumn) -> set[str]:
    """Which decimal signs the words may have."""
    return {style.decimal for style in _styles(words)}


def _styles(words: TextColumn) -> list[reading.NumberStyle]:
    return words.once("styles", lambda: reading.styles_of(words.listed))


def _number_of_words(
    name: str, values: TextColumn, asked: bool, comma: bool, said: list[str]
) -> Column | None:
    """A column of text that means numbers; what is no number is a gap, if that was asked for."""
    plain = None if comma else values.plain()
    if plain is not None:
        _tell_unsure(name, values, said)
        return _number(name, values.spread(plain, np.nan), tuple(USUAL), asked)
    words = values.listed
    truths = reading.truths(words)
    if not np.isnan(truths).any():
        return _number(name, values.spread(truths, np.nan), TRUTH, asked)
    if (
        not np.isnan(reading.hours(words[:1]))[0]
        and not np.isnan(clock := reading.hours(words)).any()
    ):
        said.append(f"In {name!r}, {words[0]!r} is read as {clock[0]:.6g} hours.")
        return _number(name, values.spread(clock, np.nan), CLOCK, asked)
    fitting = sorted(_styles(values), key=lambda style: comma and style.decimal != ",")
    if not fitting and not asked:
        return None
    style = fitting[0] if fitting else reading.best_style(words)
    good = ~np.isnan(reading.numbers(words, style))
    marks = [reading.marks_of([word]) for word, fits in zip(words, good, strict=True) if fits]
    all_marks = reading.marks_of(marks)
    every = "all" * (bool(marks) and all(marks))
    column = Column(name, "number", style=(*style, all_marks, every), lenient=not fitting)
    if not good.any() and not np.isnan(truths).all():
        column = replace(column, style=TRUTH)
    else:
        _tell_style(column, words, said)
    numbers = _as_numbers(column, values, said)
    found = _number(name, numbers, column.style, asked)
    return replace(found, lenient=column.lenient)


USUAL, TRUTH, CLOCK = reading.STYLES[0], ("truth",), ("clock",)


def _tell_unsure(name: str, values: TextColumn, said: list[str]) -> None:
    """Tell that "1.234" alone, in all rows, may be thousands as well."""
    few = values.listed if len(values.distinct) < MOST_VALUES else []
    pattern = reading.NumberStyle(",", ".").pattern()
    odd = [w for w in few if "." in w]
    if odd and all(map(pattern.fullmatch, few)):
        said.append(f"In {name!r}, {odd[0]!r} is read as {float(odd[0])!r}, not as thousands.")


def _tell_style(column: Column, words: list[str], said: list[str]) -> None:
    """What is not written as Python writes numbers is told, by an example of each sort."""
    name, style = column.name, reading.NumberStyle(*column.style[:2])
    numbers = reading.numbers(words, style)
    examples: dict[str, str] = {}
    for word, number in zip(words, numbers.tolist(), strict=True):
        sort = "(" * ("(" in word) + "%" * ("%" in word)
        if number == number and not (reading.is_float(word) and float(word) == number):
            examples.setdefault(sort, f"{word!r} is read as {number!r}")
    if examples:
        said.append(f"In {name!r}, {', '.join(examples.values())}.")
    marks = column.style[2]
    if len(marks) > 1:
        said.append(f"In {name!r} stand several signs, {' and '.join(marks)}: numbers alone count.")
    elif marks == "%" and not column.style[3]:
        plain = next(w for w, n in zip(words, numbers.tolist(), strict=True) if "%" not in w)
        said.append(f"In {name!r}, {plain!r} has no %, and is read as it stands.")


def _demand_no_stray_word(name: str, values: TextColumn, words: list[str]) -> None:
    """A column of many numbers and few words was meant as numbers."""
    if len(words) < 20 or reading.share_of_numbers(words) < MOSTLY:
        return
    wrong = np.isnan(reading.numbers(words, reading.best_style(words)))
    row, word = values.first(wrong)
    raise ValueError(
        f"table: column {name!r} holds numbers, but {word!r} in row {row + 1}. Mend it; or say "
        f"numeric=[{name!r}], and such words are gaps; or categorical=[{name!r}]; or gaps=[...] "
        "when reading, with all words that are gaps."
    )


def _number(name: str, values: Array, style: tuple[str, ...], asked: bool = False) -> Column:
    numbers = values.astype(np.float64, copy=False)
    _demand_finite(name, numbers)
    real = numbers[~np.isnan(numbers)]
    column = Column(name, "number", style=style, gaps=len(numbers) - len(real))
    if not len(real):
        return replace(column, role="left out", why="it is all gaps")
    distinct = np.unique(real)
    column = replace(
        column, distinct=len(distinct), span=f"{distinct[0]:.6g} to {distinct[-1]:.6g}"
    )
    if len(distinct) == 1 and not column.gaps:
        return replace(column, role="left out", why=f"it is always {distinct[0]:.6g}", span="")
    if not asked and len(real) == len(numbers) and _counts(name, numbers, distinct):
        return replace(column, role="left out", why="it numbers the rows: an id", span="")
    return column


def _demand_finite(name: str, numbers: Array) -> None:
    if np.isinf(numbers).any():
        row = int(np.flatnonzero(np.isinf(numbers))[0])
        raise ValueError(
            f"table: column {name!r} is infinite in row {row + 1}. Input contains infinity: give a "
            f"number there, or a gap (NaN, None); or leave it out: drop=[{name!r}]."
        )


def _counts(name: str, numbers: Array, distinct: Array) -> bool:
    """Whether a column does nothing but number the rows."""
    if len(numbers) < FEW_ROWS or len(distinct) < len(numbers) or (distinct % 1).any():
        return False
    return bool(ID_NAME.search(name)) or bool((np.diff(numbers) == 1).all())


# -------------------------------------------------------------------- dates


def _date_of_numbers(name: str, values: AnyColumn, said: list[str]) -> Column:
    """Dates that are said to be such, though they are written as numbers."""
    amounts = values.astype(np.float64) if not isinstance(values, TextColumn) else None
    if isinstance(values, TextColumn) and (plain := values.plain()) is not None:
        amounts = values.spread(plain, np.nan)
    found = None if amounts is None else reading.moments_of_numbers(amounts)
    if found is None:
        example = next((v for v in _text(values).listed), "nothing")
        raise ValueError(
            f"table: {name!r} holds no dates that can be read, such as {example!r}. Write them as "
            "2024-01-31, or as a frame's dates; or leave them out of dates=."
        )
    moments, how = found
    first = moments[~np.isnat(moments)][:1].astype("datetime64[D]")
    said.append(f"Numbers of {name!r} are read as dates; the first one is {first[0]}.")
    return _date(name, moments, (how,))


def _date(name: str, moments: Array, style: tuple[str, ...]) -> Column:
    gaps = np.isnat(moments)
    column = Column(name, "date", style=style, gaps=int(gaps.sum()))
    distinct = np.unique(moments[~gaps])
    if not len(distinct):
        return replace(column, role="left out", why="it is all gaps")
    seconds = distinct[[0, -1]].astype(reading.MOMENT).astype(np.int64).astype(np.float64)
    column = replace(
        column,
        distinct=len(distinct),
        span=f"{distinct[0]} to {distinct[-1]}".replace("T00:00:00", ""),
        since=float(seconds[0]),
        until=float(seconds[1]),
    )
    if len(distinct) == 1 and not column.gaps:
        return replace(column, role="left out", why=f"it is always {distinct[0]}", span="")
    parts = _parts(column, distinct)
    varying = [p for p in PARTS if p == "time" or len(np.unique(parts[p])) > 1]
    return replace(column, parts=tuple(varying))


# -------------------------------------------------------------------- categories


def _category(
    name: str, words: TextColumn, said: list[str], levels: Sequence[str] | None = None
) -> Column:
    counts = dict(zip(words.listed, words.counts().tolist(), strict=True))
    known = sorted(counts) if levels is None else [v for v in levels if counts.get(v)]
    if len(known) > MOST_VALUES:
        frequent = set(sorted(known, key=lambda v: -counts[v])[:MOST_VALUES])
        said.append(
            f"Column {name!r} has {len(known)} values: all but the {MOST_VALUES} most frequent "
            "count as never seen."
        )
        known = [value for value in known if value in frequent]
    return _counted(Column(name, "category", values=tuple(known)), words)


def _varying(column: Column) -> Column:
    """The column, or left out if it says nothing."""
    if column.distinct == 0:
        return replace(column, role="left out", why="it is all gaps")
    if column.distinct == 1 and not column.gaps:
        return replace(column, role="left out", why=f"it is always {column.values[0]!r}", values=())
    return column


def _counted(column: Column, words: TextColumn) -> Column:
    return replace(column, gaps=words.gaps(), distinct=len(words.distinct))


def _is_id(name: str, words: list[str]) -> bool:
    """Whether words that are all different tell rows apart, and no more."""
    return bool(ID_NAME.search(name)) or not any(" " in w for w in words)


# -------------------------------------------------------------------- what says the same


def _print_of(column: Column, values: AnyColumn) -> tuple[str, int]:
    """What two columns have in common that say the same; others hardly ever have it."""
    return column.role, hash(_content(column, values).tobytes())


def _content(column: Column, values: AnyColumn) -> Array:
    """What a column says, as numbers of 8 bytes or 4."""
    if column.role == "date":
        return _moments(column, values).astype(reading.MOMENT).astype(np.int64)
    if column.role == "number":
        numbers = _as_numbers(column, values, [])
        return np.where(np.isnan(numbers), np.nan, numbers + 0.0)  # one NaN, one 0
    words = _text(values)
    first = np.empty(len(words.distinct), np.int64)  # the last row that says it
    first[words.codes[words.codes >= 0]] = np.flatnonzero(words.codes >= 0)
    return words.spread(first, -1)


def _told_apart(column: Column, values: AnyColumn, other: Column, others: AnyColumn) -> Column:
    """The column; or left out, if it says what the other one does."""
    a, b = _content(column, values), _content(other, others)
    same = a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if column.role not in ("number", "date"):
        same = same and sorted(_text(values).listed) == sorted(_text(others).listed)
        same = same and (column.role != "ordered" or column.values == other.values)
    return replace(column, role="left out", why=f"the same as {other.name!r}") if same else column


def _tell_left_out(found: Columns) -> None:
    """A sentence for each column that is left out; of many for one reason, one for all."""
    gone: dict[str, list[Column]] = {}
    for column in found.columns:
        if column.role == "left out":
            why = re.sub("always .*", "always the same", column.why)
            gone.setdefault(re.sub("same as .*", "same as another one", why), []).append(column)
    for why, columns in gone.items():
        if len(columns) > SHOWN:
            names = _shown([repr(c.name) for c in columns])
            found.said.append(f"{len(columns)} columns are left out, each since {why}: {names}.")
        else:
            found.said += [f"Column {c.name!r} is left out: {c.why}." for c in columns]


def _cut_off(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 3, 0)].rstrip() + "..."


def _shown(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + ", ..." * (len(names) > SHOWN)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return f"{names[:MANY]}{more}"


# ------------------------------------------------------------------------------------ reading


def _names(column: Column) -> Iterator[str]:
    """What the numbers of a column are called."""
    if column.role == "date":
        yield from (f"{column.name}: {part}" for part in column.parts)
    elif column.role == "text":
        yield from (f"{column.name}: words {i}" for i in range(WORDS))
    else:
        yield column.name


def _numbers(column: Column, values: AnyColumn, said: list[str]) -> Iterable[Array]:
    """A column as one or several columns of numbers."""
    if column.role == "ordered":
        return [_ranks(column, _text(values), said)]
    if column.role == "text":
        words = _text(values)
        hashed = _hashed(words.listed, column.style)
        return [words.spread(part, 0.0) for part in hashed.T]
    if column.role == "date":
        moments = _moments(column, values)
        _tell_range(column, moments, said)
        parts = _parts(column, moments)
        return [parts[part] for part in column.parts]
    numbers = _as_numbers(column, values, said)
    _demand_finite(column.name, numbers)
    return [numbers]


def _ranks(column: Column, words: TextColumn, said: list[str]) -> Array:
    ranks = {value: float(i) for i, value in enumerate(column.values)}
    found = np.array([ranks.get(word, np.nan) for word in words.listed])
    _tell_unseen(column, words, np.isnan(found), said, ", and count as gaps")
    return words.spread(found, np.nan)


def _as_numbers(column: Column, values: AnyColumn, said: list[str]) -> Array:
    if not isinstance(values, TextColumn):
        if values.dtype.kind == "M":
            raise ValueError(f"table: column {column.name!r} held numbers; now it holds dates.")
        if "%" in column.style[2:3]:
            said.append(f"Numbers of {column.name!r} are taken as shares: what was 12% is 0.12.")
        return values.astype(np.float64)
    found = values.once(("numbers", column.style), lambda: _numbers_of(column, values))
    wrong = np.isnan(found)
    if wrong.any():
        row, word = values.first(wrong)
        if not column.lenient:
            raise ValueError(
                f"table: column {column.name!r} holds numbers{_example(column)}; row {row + 1} "
                f"says {word!r}, which is none, or is written otherwise. Give a number there, or "
                "a gap (None)."
            )
        said.append(f"In {column.name!r}, {word!r} and the like are gaps: they are no numbers.")
    return values.spread(found, np.nan)


def _numbers_of(column: Column, words: TextColumn) -> Array:
    """The number of each different word; NaN for what is none, or contradicts the style."""
    style = column.style or tuple(USUAL)
    plain = words.plain()
    if style == CLOCK:
        return reading.hours(words.listed)
    if style == TRUTH or (plain is None and (column.span, column.distinct) == ("0 to 1", 2)):
        truths = reading.truths(words.listed)
        if style == TRUTH or not np.isnan(truths).all():
            return truths if plain is None else np.where(np.isin(plain, (0, 1)), plain, np.nan)
    marks, every = "".join(style[2:3]), "".join(style[3:])
    if plain is not None and style[0] == "." and not ("%" in marks and every):
        return plain
    listed = words.listed
    found = reading.numbers(listed, reading.NumberStyle(*style[:2]))
    share = every == "all" and marks == "%"
    for i, word in enumerate(listed):
        if set(reading.marks_of([word])) - set(marks) or (share and "%" not in word and found[i]):
            found[i] = np.nan
    return found


def _example(column: Column) -> str:
    """How a column writes its numbers, if not as usual."""
    style = column.style
    if style == CLOCK:
        return " such as 12:30"
    if style == TRUTH:
        return ", True and False"
    if len(style) < 2 or (tuple(style[:2]) == tuple(USUAL) and not "".join(style[2:3])):
        return ""
    return f" such as '1{style[1]}234{style[0]}5{''.join(style[2:3])[:1]}'"


def _moments(column: Column, values: AnyColumn) -> Array:
    if isinstance(values, TextColumn):
        moments = _moments_of(values, column.style[0] if column.style else "ymd")
        wrong = np.isnat(moments) & (values.codes >= 0)
    elif values.dtype.kind == "M":
        return values
    elif column.style and column.style[0] in reading.WAYS:
        moments = reading.moments_by(values.astype(np.float64), column.style[0])
        wrong = np.isnat(moments) & ~np.isnan(values.astype(np.float64))
    else:
        raise ValueError(f"table: column {column.name!r} held dates; now it holds numbers.")
    if wrong.any():
        row = int(wrong.argmax())
        word = _text(values)[row : row + 1].listed[0]
        raise ValueError(
            f"table: column {column.name!r} holds dates; row {row + 1} says {word!r}, which "
            "cannot be read as they were."
        )
    return moments


def _moments_of(values: TextColumn, order: str) -> Array:
    """Words as dates, in one order or as numbers."""

    def found() -> Array:
        if order not in reading.WAYS:
            return reading.moments(values.listed, order)
        plain = values.plain()
        if plain is None:
            return np.full(len(values.distinct), reading.NAT)
        return reading.moments_by(plain, order)

    return values.spread(values.once(("moments", order), found), reading.NAT)


def _tell_range(column: Column, moments: Array, said: list[str]) -> None:
    """Dates beyond those that were learned from."""
    seconds = moments[~np.isnat(moments)].astype(reading.MOMENT).astype(np.int64)
    beyond = (seconds < column.since) | (seconds > column.until)
    if beyond.any():
        said.append(
            f"Dates of {column.name!r} lie beyond those it learned from, {column.span}, in "
            f"{int(beyond.sum())} rows."
        )


def _parts(column: Column, moments: Array) -> dict[str, Array]:
    """The parts of dates, in float64; NaN for gaps."""
    days = moments.astype("datetime64[D]")
    years = moments.astype("datetime64[Y]")
    seconds = moments.astype("datetime64[s]")
    found = {
        "time": (seconds.astype(np.int64) - column.since) / DAY,
        "year": years.astype(np.int64) + 1970.0,
        "month": moments.astype("datetime64[M]").astype(np.int64) % 12 + 1.0,
        "day of year": (days - years.astype("datetime64[D]")).astype(np.int64) + 1.0,
        "weekday": (days.astype(np.int64) + 3.0) % 7,  # Monday is 0
        "hour": (seconds - days.astype("datetime64[s]")).astype(np.int64) / 3600.0,
    }
    gaps = np.isnat(moments)
    return {part: np.where(gaps, np.nan, numbers) for part, numbers in found.items()}


def _codes(column: Column, values: AnyColumn, said: list[str]) -> Array:
    words = _text(values)
    numbers = {value: i + FIRST for i, value in enumerate(column.values)}
    found = np.array([numbers.get(word, UNSEEN) for word in words.listed], np.int32)
    if len(column.values) < MOST_VALUES:
        _tell_unseen(column, words, found == UNSEEN, said)
    if not column.gaps and words.gaps():
        said.append(f"Column {column.name!r} has gaps, where none were before.")
    return words.spread(found, GAP)


def _tell_unseen(
    column: Column, words: TextColumn, new: Array, said: list[str], more: str = ""
) -> None:
    if new.any():
        listed = words.listed
        strange = sorted(repr(listed[i]) for i in np.flatnonzero(new))
        said.append(
            f"Column {column.name!r} holds values that were never seen{more}: {_shown(strange)}."
        )


def _text(values: AnyColumn) -> TextColumn:
    """A column as text, whatever it was; numbers without a fraction where there is none."""
    if isinstance(values, TextColumn):
        return values
    if values.dtype.kind == "M":
        return TextColumn.of([None if w == "NaT" else w for w in values.astype(str).tolist()])
    if values.dtype.kind == "f":
        return TextColumn.of([None if v != v else plain_text(v) for v in values.tolist()])
    return TextColumn.of([str(v) for v in values.tolist()])


def _hashed(texts: Sequence[str], style: tuple[str, ...] = ()) -> Array:
    """Words of each text, counted in ``WORDS`` places that a hash gives them, as log(1 + count).

    Of the style "pieces": all pieces of three letters of each word.

    >>> _hashed(["red apple", "apple red"]).shape
    (2, 32)
    """
    counts = np.zeros((len(texts), WORDS))
    places: dict[str, int] = {}
    parts_of = _pieces if style == ("pieces",) else _words
    for row, text in enumerate(texts):
        for word in parts_of(text):
            if word not in places:
                places[word] = crc32(word.encode()) % WORDS
            counts[row, places[word]] += 1
    return np.log1p(counts)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _pieces(text: str) -> Iterator[str]:
    """Three letters each, also where a word begins and ends.

    >>> list(_pieces("A-12"))
    ['<a>', '<12', '12>']
    """
    for word in _words(text):
        framed = f"<{word}>"
        yield from (framed[i : i + 3] for i in range(len(framed) - 2))
