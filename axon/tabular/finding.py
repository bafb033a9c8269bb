"""What a column is: a number, a date, a category, text, or nothing to learn from."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from axon.backend import Array
from axon.tabular import reading
from axon.tabular.cells import AnyColumn
from axon.tabular.column import (
    CLOCK,
    FEW_ROWS,
    MANY_VALUES,
    MOST_VALUES,
    PARTS,
    TRUTH,
    USUAL,
    WORDS,
    Column,
    as_numbers,
    as_text,
    date_parts,
    demand_finite,
    moments_in,
    moments_of,
    words_of,
)
from axon.tabular.table import Table
from axon.tabular.words import TextColumn

LOOKED_AT = 5000  # texts, for words that return
MOSTLY = 0.9  # a text column with so many numbers was meant as numbers
ID_NAME = re.compile(r"(^|[ _.-])(id|index|key|uuid|row ?(names?|numbers?))$|^unnamed|Id$|ID$")


def find_column(
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
        return _category(name, as_text(values), said)
    if wanted == "text":
        return _prose(name, as_text(values), said)
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
        return _date(name, moments_of(values, order), (order,))
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
    found = Counter(word for text in texts[:LOOKED_AT] for word in set(words_of(text)))
    again = sum(times for times in found.values() if times > 1)
    return again > found.total() / 2


# -------------------------------------------------------------------- numbers


def has_decimal_comma(table: Table, wanted: dict[str, str]) -> bool:
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
    numbers = as_numbers(column, values, said)
    found = _number(name, numbers, column.style, asked)
    return replace(found, lenient=column.lenient)


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
    demand_finite(name, numbers)
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
        example = next((v for v in as_text(values).listed), "nothing")
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
    parts = date_parts(column, distinct)
    varying = [p for p in PARTS if p == "time" or len(np.unique(parts[p])) > 1]
    return replace(column, parts=tuple(varying))


# -------------------------------------------------------------------- categories


def _category(
    name: str, words: TextColumn, said: list[str], levels: Sequence[str] | None = None
) -> Column:
    counts = dict(zip(words.listed, words.counts().tolist(), strict=True))
    known = sorted(counts) if levels is None else [v for v in levels if counts.get(v)]
    if len(known) > MANY_VALUES:
        known = _frequent(name, known, counts, said)
        if not known:
            return _counted(Column(name, "left out", why="no value stands in two rows"), words)
    return _counted(Column(name, "category", values=tuple(known)), words)


def _frequent(name: str, known: list[str], counts: dict[str, int], said: list[str]) -> list[str]:
    """The values that return: one that stands in a single row would be learned by heart."""
    again = [value for value in known if counts[value] > 1]
    if len(again) > MOST_VALUES:
        frequent = set(sorted(again, key=lambda v: -counts[v])[:MOST_VALUES])
        again = [value for value in again if value in frequent]
    if 0 < len(again) < len(known):
        said.append(
            f"Column {name!r} has {len(known)} values: all but the {len(again)} most frequent "
            "count as never seen."
        )
    return again


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


def fingerprint(column: Column, values: AnyColumn) -> tuple[str, int]:
    """What two columns have in common that say the same; others hardly ever have it."""
    return column.role, hash(_content(column, values).tobytes())


def _content(column: Column, values: AnyColumn) -> Array:
    """What a column says, as numbers of 8 bytes or 4."""
    if column.role == "date":
        return moments_in(column, values).astype(reading.MOMENT).astype(np.int64)
    if column.role == "number":
        numbers = as_numbers(column, values, [])
        return np.where(np.isnan(numbers), np.nan, numbers + 0.0)  # one NaN, one 0
    words = as_text(values)
    first = np.empty(len(words.distinct), np.int64)  # the last row that says it
    first[words.codes[words.codes >= 0]] = np.flatnonzero(words.codes >= 0)
    return words.spread(first, -1)


def told_apart(column: Column, values: AnyColumn, other: Column, others: AnyColumn) -> Column:
    """The column; or left out, if it says what the other one does."""
    a, b = _content(column, values), _content(other, others)
    same = a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if column.role not in ("number", "date"):
        same = same and sorted(as_text(values).listed) == sorted(as_text(others).listed)
        same = same and (column.role != "ordered" or column.values == other.values)
    return replace(column, role="left out", why=f"the same as {other.name!r}") if same else column
