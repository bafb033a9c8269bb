"""A column of a table: what it is, and how its cells become numbers and codes."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from axon.backend import Array
from axon.tabular import reading
from axon.tabular.cells import AnyColumn, plain_text
from axon.tabular.words import TextColumn

ROLES = ("number", "category", "ordered", "date", "text", "left out")
GAP, UNSEEN, FIRST = 0, 1, 2  # codes of a category: a gap, a value never seen; then its values
MANY_VALUES = 60  # of a category: with more, those of a single row count as never seen
MOST_VALUES = 5000  # of a category: rarer ones count as never seen
WORDS = 32  # numbers that hashed words make
FEW_ROWS = 20  # among so few, different values may happen
SHOWN, MANY = 5, 30  # names that a sentence lists, and an error
DAY = 86400.0
PARTS = ("time", "year", "month", "day of year", "weekday", "hour")
USUAL, TRUTH, CLOCK = reading.STYLES[0], ("truth",), ("clock",)


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

    @property
    def is_id(self) -> bool:
        """Whether it was left out since it tells rows apart, and says nothing else of them."""
        return self.role == "left out" and self.why.endswith("an id")


def spread_names(column: Column) -> Iterator[str]:
    """What the numbers of a column are called."""
    if column.role == "date":
        yield from (f"{column.name}: {part}" for part in column.parts)
    elif column.role == "text":
        yield from (f"{column.name}: words {i}" for i in range(WORDS))
    else:
        yield column.name


def column_numbers(column: Column, values: AnyColumn, said: list[str]) -> Iterable[Array]:
    """A column as one or several columns of numbers."""
    if column.role == "ordered":
        return [_ranks(column, as_text(values), said)]
    if column.role == "text":
        words = as_text(values)
        hashed = _hashed(words.listed, column.style)
        return [words.spread(part, 0.0) for part in hashed.T]
    if column.role == "date":
        moments = moments_in(column, values)
        _tell_range(column, moments, said)
        parts = date_parts(column, moments)
        return [parts[part] for part in column.parts]
    numbers = as_numbers(column, values, said)
    demand_finite(column.name, numbers)
    return [numbers]


def _ranks(column: Column, words: TextColumn, said: list[str]) -> Array:
    ranks = {value: float(i) for i, value in enumerate(column.values)}
    found = np.array([ranks.get(word, np.nan) for word in words.listed])
    _tell_unseen(column, words, np.isnan(found), said, ", and count as gaps")
    return words.spread(found, np.nan)


def as_numbers(column: Column, values: AnyColumn, said: list[str]) -> Array:
    """A column of numbers, NaN for a gap."""
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
    return f" such as '1{style[1][:1]}234{style[0]}5{''.join(style[2:3])[:1]}'"


def moments_in(column: Column, values: AnyColumn) -> Array:
    """A column of dates, in seconds; NaN for a gap."""
    if isinstance(values, TextColumn):
        moments = moments_of(values, column.style[0] if column.style else "ymd")
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
        word = as_text(values)[row : row + 1].listed[0]
        raise ValueError(
            f"table: column {column.name!r} holds dates; row {row + 1} says {word!r}, which "
            "cannot be read as they were."
        )
    return moments


def moments_of(values: TextColumn, order: str) -> Array:
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


def date_parts(column: Column, moments: Array) -> dict[str, Array]:
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


def column_codes(column: Column, values: AnyColumn, said: list[str]) -> Array:
    """A category in codes: a gap, a value never seen, or the place of a known one."""
    words = as_text(values)
    numbers = {value: i + FIRST for i, value in enumerate(column.values)}
    found = np.array([numbers.get(word, UNSEEN) for word in words.listed], np.int32)
    if len(column.values) == column.distinct:  # else rare values count as never seen, too
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
            f"Column {column.name!r} holds values that were never seen{more}: "
            f"{some_names(strange)}."
        )


def as_text(values: AnyColumn) -> TextColumn:
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
    parts_of = _pieces if style == ("pieces",) else words_of
    for row, text in enumerate(texts):
        for word in parts_of(text):
            if word not in places:
                places[word] = crc32(word.encode()) % WORDS
            counts[row, places[word]] += 1
    return np.log1p(counts)


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return re.findall(r"\w+", text.lower())


def _pieces(text: str) -> Iterator[str]:
    """Three letters each, also where a word begins and ends.

    >>> list(_pieces("A-12"))
    ['<a>', '<12', '12>']
    """
    for word in words_of(text):
        framed = f"<{word}>"
        yield from (framed[i : i + 3] for i in range(len(framed) - 2))


def demand_finite(name: str, numbers: Array) -> None:
    """Refuse an infinite number, and name its row."""
    if np.isinf(numbers).any():
        row = int(np.flatnonzero(np.isinf(numbers))[0])
        raise ValueError(
            f"table: column {name!r} is infinite in row {row + 1}. Input contains infinity: give a "
            f"number there, or a gap (NaN, None); or leave it out: drop=[{name!r}]."
        )


def some_names(names: list[str]) -> str:
    """The first names, for a sentence."""
    return ", ".join(names[:SHOWN]) + ", ..." * (len(names) > SHOWN)


def many_names(names: list[str]) -> str:
    """Names, for an error."""
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return f"{names[:MANY]}{more}"
