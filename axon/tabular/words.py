"""Words: a column of text in which each different word is kept once, with a number for each row.

What is asked of a column of text, whether it is a number, a date, a gap, is asked of its different
words, and then spread over the rows: 300,000 rows of five words are five questions.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

import numpy as np

from axon.backend import Array

SHORT = 40  # bytes: words up to here are kept side by side, and told apart by arithmetic
MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(29))
T = TypeVar("T")
BLANKS = b" \t\n\r\v\f"


class TextColumn:
    """A column of text.

    Args:
        distinct: (k,) different words, none of them empty: objects, or ASCII in ``dtype`` S.
        codes: (rows,) int32: which of them each row says; -1 for a gap.

    >>> words = TextColumn.of(["a", None, "b", "a"])
    >>> words.tolist(), words.codes
    (['a', None, 'b', 'a'], array([ 0, -1,  1,  0], dtype=int32))
    """

    def __init__(self, distinct: Array, codes: Array) -> None:
        self.distinct, self.codes = distinct, codes
        self._known: dict[Hashable, Any] = {}

    @classmethod
    def of(cls, values: Iterable[str | None]) -> "TextColumn":
        """The column that says these words, as they are."""
        rows = values if isinstance(values, list) else list(values)
        numbers: dict[str | None, int] = {word: i for i, word in enumerate(_different(rows))}
        numbers[None] = -1
        codes = np.fromiter(map(numbers.__getitem__, rows), np.int32, len(rows))
        return cls(objects(word for word in numbers if word is not None), codes)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def listed(self) -> list[str]:
        """The different words, as text."""
        return as_text(self.distinct)

    def tolist(self) -> list[str | None]:
        """What each row says."""
        return list(map([*self.listed, None].__getitem__, self.codes.tolist()))

    def array(self) -> Array:
        """What each row says, (rows,) objects."""
        return objects([*self.listed, None])[self.codes]

    def spread(self, of_each: Array, gap: Any) -> Array:
        """What belongs to the word of each row, (rows,), from what belongs to each word.

        >>> TextColumn.of(["a", None, "a"]).spread(np.array([3.0]), np.nan)
        array([ 3., nan,  3.])
        """
        return np.append(of_each, np.array([gap], of_each.dtype))[self.codes]  # -1 is the last

    def counts(self) -> Array:
        """How many rows say each word, (k,)."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.distinct))

    def gaps(self) -> int:
        """How many rows say nothing."""
        return int((self.codes < 0).sum())

    def first(self, chosen: Array) -> tuple[int, str]:
        """The first row that says one of the chosen words, (k,) truth values, and the word."""
        row = int(self.spread(chosen, False).argmax())
        code = self.codes[row]
        return row, as_text(self.distinct[code : code + 1])[0]

    def __getitem__(self, rows: Array | slice) -> "TextColumn":
        """Some of the rows, with the words that stand there, as an array has it."""
        codes = self.codes[rows]
        used = np.unique(codes[codes >= 0])
        places = np.full(len(self.distinct) + 1, -1, np.int32)
        places[used] = np.arange(len(used))
        return TextColumn(self.distinct[used], places[codes])

    def without(self, gone: Array) -> "TextColumn":
        """The column in which some words, (k,) truth values, are gaps."""
        places = np.where(gone, -1, np.cumsum(~gone) - 1).astype(np.int32)
        return TextColumn(self.distinct[~gone], self.spread(places, -1))

    def plain(self) -> Array | None:
        """The different words as float64, if all are numbers as Python writes them; else None."""
        found: Array | None = self.once("plain", lambda: plain_numbers(self.distinct))
        return found

    def once(self, question: Hashable, answer: Callable[[], T]) -> T:
        """What is found out about the words only once: whoever reads a column asks again."""
        if question not in self._known:
            self._known[question] = answer()
        found: T = self._known[question]
        return found


def cleaned(distinct: Array, codes: Array, gaps: frozenset[str]) -> TextColumn:
    """Words without blanks round them; those that mean a gap are gaps.

    Args:
        distinct: (k,) words as they came, UTF-8 in dtype S, or objects; two may be the same.
        codes: (rows,) which of them each row says; -1 for a gap.
        gaps: words in small letters.
    """
    if distinct.dtype.kind == "S" and not _is_ascii(distinct):
        distinct = objects(word.decode() for word in distinct.tolist())
    distinct, codes = _stripped(distinct, codes.astype(np.int32, copy=False))
    words = TextColumn(distinct, codes)
    gone = _meaning_gaps(distinct, gaps)
    return words.without(gone) if gone.any() else words


def factored(cells: Array) -> tuple[Array, Array]:
    """The different ones of short words (n,) of dtype S, and which of them each is.

    >>> distinct, codes = factored(np.array([b"b", b"a", b"b"]))
    >>> distinct[codes].tolist()
    [b'b', b'a', b'b']
    """
    eights = -(-cells.dtype.itemsize // 8)
    parts = cells.astype(f"S{8 * eights}").view(np.uint64).reshape(len(cells), eights)
    key = parts[:, 0].copy()
    for k in range(1, eights):
        key = (key ^ (key >> MIX[2])) * MIX[0] + parts[:, k] * MIX[1]
    found, codes = np.unique(key, return_inverse=True)
    row = np.empty(len(found), np.intp)
    row[codes] = np.arange(len(cells))
    distinct = cells[row]
    if eights > 1 and (distinct[codes] != cells).any():  # two words of one key
        distinct, codes = np.unique(cells, return_inverse=True)
    return distinct, codes.astype(np.int32)


def plain_numbers(words: Array) -> Array | None:
    """Words as Python writes numbers, in float64; None if one of them is none.

    >>> plain_numbers(objects(["1", "-2.5e3"])), plain_numbers(objects(["1_0"]))
    (array([ 1.0e+00, -2.5e+03]), None)
    """
    if words.dtype.kind == "S":
        fits = bool(_OF_NUMBERS[words.view(np.uint8)].all())
    else:
        fits = not "".join(words).translate(_NO_NUMBER)
    try:
        return words.astype(np.float64) if fits and len(words) else None
    except ValueError:
        return None


def as_text(words: Array) -> list[str]:
    """Words as a list of text."""
    found: list[str] = (words.astype("U") if words.dtype.kind == "S" else words).tolist()
    return found


def objects(values: Iterable[Any]) -> Array:
    """Values as an array of objects, whatever they are."""
    listed = list(values)
    array = np.empty(len(listed), object)
    array[:] = listed
    return array


_NUMBER_SIGNS = "0123456789+-.eE"
_OF_NUMBERS = np.isin(np.arange(256), list(b"\0" + _NUMBER_SIGNS.encode()))
_NO_NUMBER = dict.fromkeys(map(ord, _NUMBER_SIGNS))


def _different(rows: list[str | None]) -> list[str]:
    return [word for word in dict.fromkeys(rows) if word is not None]


def _is_ascii(words: Array) -> bool:
    return bool((words.view(np.uint8) < 128).all())


def _stripped(distinct: Array, codes: Array) -> tuple[Array, Array]:
    """Words without blanks round them, each once."""
    if distinct.dtype.kind == "S":
        bare = np.strings.strip(distinct) if _any_blank(distinct) else distinct
        if bare is distinct:
            return distinct, codes
        kept, places = factored(bare)
    else:
        words = [word.strip() for word in distinct.tolist()]
        again = TextColumn.of(words)
        if len(again.distinct) == len(words):
            return again.distinct, codes
        kept, places = again.distinct, again.codes
    return kept, TextColumn(distinct, codes).spread(places, -1)


def _any_blank(words: Array) -> bool:
    return bool(np.isin(words.view(np.uint8), list(BLANKS)).any())


def _meaning_gaps(distinct: Array, gaps: frozenset[str]) -> Array:
    """Which of the words (k,) mean a gap: an empty one, one of those, a number that one of them is.

    Of a million numbers only those are looked at that begin as a gap does.
    """
    gone = np.zeros(len(distinct), bool)
    if distinct.dtype.kind == "S" and len(distinct):
        starts = {ord(w[0]) for gap in gaps if gap for w in (gap, gap.upper())}
        first = distinct.view(np.uint8).reshape(len(distinct), -1)[:, 0]
        looked_at = np.flatnonzero(np.isin(first, [0, *starts]))
    else:
        looked_at = np.arange(len(distinct))
    gone[looked_at] = [not w or w.lower() in gaps for w in as_text(distinct[looked_at])]
    amounts = numbers_among(gaps)
    if amounts and (plain := plain_numbers(distinct[~gone])) is not None:
        gone[~gone] = np.isin(plain, amounts)
    return gone


def numbers_among(gaps: frozenset[str]) -> list[float]:
    """Numbers that mean a gap.

    >>> numbers_among(frozenset(["na", "-999"]))
    [-999.0]
    """
    found = (plain_numbers(objects([gap])) for gap in sorted(gaps) if gap)
    return [float(number[0]) for number in found if number is not None]
