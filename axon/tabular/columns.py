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
from axon.tabular.table import Table

ROLES = ("number", "category", "ordered", "date", "text", "left out")
GAP, UNSEEN, FIRST = 0, 1, 2  # codes of a category: a gap, a value never seen; then its values
MOST_VALUES = 5000  # of a category: rarer ones count as never seen
WORDS = 32  # numbers that hashed words make
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
        style: how text means numbers, or dates: a NumberStyle's two signs; or "dmy" and the like.
        parts: of a date, those that vary; the first is the time in days since ``since``.
        since: of a date, in seconds.
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
    """

    columns: list[Column]
    said: list[str] = field(default_factory=list)

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
        found = cls([], list(table.said))
        seen: dict[int, str] = {}
        for name, values in zip(table.names, table.columns, strict=True):
            column = _found(table, name, values, wanted.get(name), found.said)
            if column.role != "left out" and name not in wanted:
                same = seen.setdefault(_print_of(column, values), name)
                if same != name:
                    column = replace(column, role="left out", why=f"the same as {same!r}")
            found.columns.append(column)
        for column in found.columns:
            if column.role == "left out":
                found.said.append(f"Column {column.name!r} is left out: {column.why}.")
        if not found.used:
            why = "; ".join(f"{c.name!r}: {c.why}" for c in found.columns[:10])
            raise ValueError(f"table: no column is left to learn from. {why or 'It has none.'}")
        return found

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
        pairs = [(c, table.column(c.name)) for c in self.used]
        numbers, codes = [], []
        for column, values in pairs:
            if column.role == "category":
                codes.append(_codes(column, values, told))
            else:
                numbers += _numbers(column, values)
        rows = table.rows
        return self.named(
            np.stack(numbers, axis=1) if numbers else np.empty((rows, 0)),
            np.stack(codes, axis=1) if codes else np.empty((rows, 0), np.int32),
        )

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
        missing = [c.name for c in self.used if c.name not in table.names]
        if missing:
            raise ValueError(
                f"table: missing columns {missing[:10]}. Those it learned from: "
                f"{[c.name for c in self.used]}; those given: {table.names[:30]}."
            )
        known = {c.name for c in self.columns}
        others = [name for name in table.names if name not in known]
        if others:
            said.append(f"Columns that it did not learn from are ignored: {', '.join(others)}.")

    def to_config(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return {"columns": [asdict(c) for c in self.columns], "said": self.said}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Columns":
        """The columns that ``to_config`` described."""
        lists = ("values", "style", "parts")
        rows: list[dict[str, Any]] = [
            {k: tuple(v) if k in lists else v for k, v in c.items()} for c in config["columns"]
        ]
        return cls([Column(**row) for row in rows], list(config["said"]))

    def overview(self) -> str:
        """What was found, a line for each column.

        >>> from axon.tabular.table import read
        >>> table = read({"size": [1.5, 2.5, None], "kind": ["a", "b", "a"]})
        >>> print(Columns.find(table).overview())
        column  kind      gaps  different  values
        size    number       1          2  1.5 to 2.5
        kind    category     0          2  a, b
        """
        width = max(len("column"), *(len(c.name) for c in self.columns))
        lines = [f"{'column':{width}}  {'kind':8}  gaps  different  values"]
        for c in self.columns:
            shown = c.why or c.span or ", ".join(c.values[:6]) + ", ..." * (len(c.values) > 6)
            lines.append(f"{c.name:{width}}  {c.role:8} {c.gaps:5} {c.distinct:10}  {shown}")
        return "\n".join(line.rstrip() for line in lines)


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


def _found(table: Table, name: str, values: Array, wanted: str | None, said: list[str]) -> Column:
    """What a column is."""
    if wanted == "left out":
        return Column(name, "left out", why="as was asked for")
    if name in table.ordered and wanted is None:
        return _counted(Column(name, "ordered", values=tuple(table.levels[name])), values)
    if name in table.levels and wanted is None:
        return _varying(_category(name, values, table.levels[name]), values)
    if values.dtype.kind == "M":
        as_text = wanted in ("category", "text")
        return _category(name, _text(values)) if as_text else _date(name, values, ())
    if values.dtype.kind == "O":
        return _of_words(name, values, wanted, said)
    if wanted in ("category", "text"):
        return _category(name, _text(values))
    if wanted == "date":
        return _date(name, values.astype("datetime64[s]"), ())
    return _number(name, values, (), asked=wanted is not None)


def _of_words(name: str, values: Array, wanted: str | None, said: list[str]) -> Column:
    """What a column of text is."""
    words = list(dict.fromkeys(v for v in values.tolist() if v is not None))
    if not words:
        return Column(name, "left out", why="it is all gaps", gaps=len(values))
    style = reading.number_style(words)
    if wanted == "number" or (wanted is None and style is not None):
        return _number_of_words(name, values, words, style, said, asked=wanted is not None)
    order = reading.date_order(words) if wanted in (None, "date") else None
    if wanted == "date" and order is None:
        raise ValueError(f"table: {name!r} holds no dates that can be read, such as {words[0]!r}.")
    if order is not None:
        if reading.is_ambiguous(words):
            written = {"dmy": "day before month", "mdy": "month before day"}[order]
            said.append(f"Dates of {name!r} could be read in two ways; taken: {written}.")
        return _date(name, reading.moments(values.tolist(), order), (order,))
    if wanted is None:
        _demand_no_stray_word(name, values, words)
    count = len(values) - values.tolist().count(None)
    if wanted is None and len(words) == count >= 20 and _is_id(name, words):
        return _counted(Column(name, "left out", why="every row has another value: an id"), values)
    if wanted == "text" or (wanted is None and _is_prose(words, count)):
        said.append(f"Column {name!r} is text: its words become {WORDS} numbers.")
        return _counted(Column(name, "text"), values)
    return _varying(_category(name, values), values)


def _number_of_words(
    name: str,
    values: Array,
    words: list[str],
    style: reading.NumberStyle | None,
    said: list[str],
    asked: bool,
) -> Column:
    """A column of text that means numbers; what is no number is a gap, if that was asked for."""
    lenient = style is None
    if style is None:
        style = _best_style(words)
        numbers = reading.numbers(values.tolist(), style)
        strange = sorted({w for w in words if np.isnan(reading.numbers([w], style)[0])})
        said.append(f"In {name!r}, {', '.join(map(repr, strange[:5]))} and the like are gaps.")
    else:
        numbers = reading.numbers(values.tolist(), style)
    signs = "".join(s for s in reading.CURRENCIES + "%" if any(s in w for w in words))
    if style != reading.STYLES[0] or signs:
        example = next((w for w in words if not w.isdigit()), words[0])
        said.append(f"In {name!r}, {example!r} is read as {reading.numbers([example], style)[0]}.")
    return replace(_number(name, numbers, tuple(style), asked), lenient=lenient)


def _best_style(words: list[str]) -> reading.NumberStyle:
    """The style in which most of the words are numbers."""
    fits = {
        s: sum(bool(s.pattern().fullmatch(reading.bare(w))) for w in words) for s in reading.STYLES
    }
    return max(reading.STYLES, key=lambda s: fits[s])


def _demand_no_stray_word(name: str, values: Array, words: list[str]) -> None:
    """A column of many numbers and few words was meant as numbers."""
    if len(words) < 20 or reading.share_of_numbers(words) < MOSTLY:
        return
    style = _best_style(words)
    wrong = next(w for w in words if np.isnan(reading.numbers([w], style)[0]))
    row = values.tolist().index(wrong)
    raise ValueError(
        f"table: column {name!r} holds numbers, but {wrong!r} in row {row + 1}. Mend it; or say "
        f"numeric=[{name!r}], and such words are gaps; or categorical=[{name!r}]."
    )


def _number(name: str, values: Array, style: tuple[str, ...], asked: bool = False) -> Column:
    numbers = values.astype(np.float64)
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
    if len(numbers) < 20 or len(distinct) < len(numbers) or (distinct % 1).any():
        return False
    steps = np.diff(distinct)
    even = bool((steps == 1).all())
    return even and (bool((np.diff(numbers) == 1).all()) or bool(ID_NAME.search(name)))


def _date(name: str, moments: Array, style: tuple[str, ...]) -> Column:
    gaps = np.isnat(moments)
    column = Column(name, "date", style=style, gaps=int(gaps.sum()))
    real = moments[~gaps]
    if not len(real):
        return replace(column, role="left out", why="it is all gaps")
    distinct = np.unique(real)
    column = replace(
        column,
        distinct=len(distinct),
        span=f"{distinct[0]} to {distinct[-1]}".replace("T00:00:00", ""),
        since=float(distinct[0].astype("datetime64[s]").astype(np.int64)),
    )
    if len(distinct) == 1:
        return replace(column, role="left out", why=f"it is always {distinct[0]}", span="")
    parts = _parts(column, real)
    varying = [part for part in PARTS if len(np.unique(parts[part])) > 1]
    return replace(column, parts=tuple(varying))


def _category(name: str, values: Array, levels: Sequence[str] | None = None) -> Column:
    counts = Counter(v for v in values.tolist() if v is not None)
    known = sorted(counts) if levels is None else [v for v in levels if counts[v]]
    if len(known) > MOST_VALUES:
        frequent = {value for value, _ in counts.most_common(MOST_VALUES)}
        known = [value for value in known if value in frequent]
    return _counted(Column(name, "category", values=tuple(known)), values)


def _varying(column: Column, values: Array) -> Column:
    """The column, or left out if it says nothing."""
    if column.distinct == 0:
        return replace(column, role="left out", why="it is all gaps")
    if column.distinct == 1 and not column.gaps:
        return replace(column, role="left out", why=f"it is always {column.values[0]!r}", values=())
    return column


def _counted(column: Column, values: Array) -> Column:
    listed = values.tolist()
    gaps = listed.count(None)
    return replace(column, gaps=gaps, distinct=len(set(listed) - {None}))


def _is_id(name: str, words: list[str]) -> bool:
    """Whether words that are all different tell rows apart, and no more."""
    return bool(ID_NAME.search(name)) or not any(" " in w.strip() for w in words)


def _is_prose(words: list[str], count: int) -> bool:
    """Whether a column is free text: nearly every row has another, of several words."""
    several = sum(w.count(" ") >= 2 for w in words)
    return len(words) > max(0.5 * count, 50) and several > len(words) / 2


def _print_of(column: Column, values: Array) -> int:
    """What two columns have in common that say the same."""
    if values.dtype.kind == "O":
        return hash(tuple(values.tolist()))
    if values.dtype.kind == "M":
        return hash(b"date" + values.tobytes())
    return hash(values.astype(np.float64, copy=False).tobytes())


# ------------------------------------------------------------------------------------ reading


def _names(column: Column) -> Iterator[str]:
    """What the numbers of a column are called."""
    if column.role == "date":
        yield from (f"{column.name}: {part}" for part in column.parts)
    elif column.role == "text":
        yield from (f"{column.name}: words {i}" for i in range(WORDS))
    else:
        yield column.name


def _numbers(column: Column, values: Array) -> list[Array]:
    """A column as one or several columns of numbers."""
    if column.role == "ordered":
        ranks = {value: float(i) for i, value in enumerate(column.values)}
        return [np.array([ranks.get(v, np.nan) for v in _text(values).tolist()])]
    if column.role == "text":
        return list(_hashed(_text(values).tolist()).T)
    if column.role == "date":
        parts = _parts(column, _moments(column, values))
        return [parts[part] for part in column.parts]
    numbers = _as_numbers(column, values)
    _demand_finite(column.name, numbers)
    return [numbers]


def _as_numbers(column: Column, values: Array) -> Array:
    if values.dtype.kind != "O":
        if values.dtype.kind == "M":
            raise ValueError(f"table: column {column.name!r} held numbers; now it holds dates.")
        return values.astype(np.float64)
    style = reading.NumberStyle(*(column.style or reading.STYLES[0]))
    words = values.tolist()
    numbers = reading.numbers(words, style)
    wrong = [i for i in np.flatnonzero(np.isnan(numbers)) if words[i] is not None]
    if wrong and not column.lenient:
        raise ValueError(
            f"table: column {column.name!r} holds numbers; row {wrong[0] + 1} says "
            f"{words[wrong[0]]!r}, which is none. Give a number there, or a gap (None)."
        )
    return numbers


def _moments(column: Column, values: Array) -> Array:
    if values.dtype.kind == "M":
        return values
    if values.dtype.kind == "O":
        words = values.tolist()
        moments = reading.moments(words, column.style[0] if column.style else "ymd")
        wrong = [i for i in np.flatnonzero(np.isnat(moments)) if words[i] is not None]
        if wrong:
            raise ValueError(
                f"table: column {column.name!r} holds dates; row {wrong[0] + 1} says "
                f"{words[wrong[0]]!r}, which cannot be read as they were."
            )
        return moments
    raise ValueError(f"table: column {column.name!r} held dates; now it holds numbers.")


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


def _codes(column: Column, values: Array, said: list[str]) -> Array:
    numbers = {value: i + FIRST for i, value in enumerate(column.values)}
    words = _text(values).tolist()
    codes = np.array([GAP if w is None else numbers.get(w, UNSEEN) for w in words], np.int32)
    new = sorted({w for w, c in zip(words, codes.tolist(), strict=True) if c == UNSEEN})
    if new and len(column.values) < MOST_VALUES:
        shown = ", ".join(map(repr, new[:5])) + ", ..." * (len(new) > 5)
        said.append(f"Column {column.name!r} holds values that were never seen: {shown}.")
    return codes


def _text(values: Array) -> Array:
    """A column as text, whatever it was; whole numbers without a fraction."""
    if values.dtype.kind == "O":
        return values
    if values.dtype.kind == "M":
        words = [None if w == "NaT" else w for w in values.astype(str).tolist()]
    elif values.dtype.kind == "f":
        words = [
            None if v != v else f"{v:.0f}" if v == int(v) else repr(v) for v in values.tolist()
        ]
    else:
        words = [str(v) for v in values.tolist()]
    out = np.empty(len(words), object)
    out[:] = words
    return out


def _hashed(texts: Sequence[str | None]) -> Array:
    """Words of each text, counted in ``WORDS`` places that a hash gives them, as 1 + log counts.

    >>> _hashed(["red apple", "apple red", None]).shape
    (3, 32)
    """
    counts = np.zeros((len(texts), WORDS))
    places: dict[str, int] = {}
    for row, text in enumerate(texts):
        for word in _words(text):
            if word not in places:
                places[word] = crc32(word.encode()) % WORDS
            counts[row, places[word]] += 1
    return np.log1p(counts)


def _words(text: str | None) -> Iterable[str]:
    return () if text is None else re.findall(r"\w+", text.lower())
