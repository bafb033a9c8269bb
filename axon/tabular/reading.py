"""What the text of a column means, decided over the whole column: numbers in one style, or dates.

Never cell by cell: "1,234" is 1234 in one file and 1.234 in the next, and only all cells together
tell which.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from axon.backend import Array

GAPS = frozenset(("", "na", "n/a", "nan", "none", "null", "?", "nil", "#n/a", "nat", "<na>"))
CURRENCIES = "$€£¥₹"
MOMENT = np.dtype("datetime64[s]")


class NumberStyle(NamedTuple):
    """How a column writes its numbers.

    Attributes:
        decimal: what stands before the fraction.
        thousands: what stands between groups of three digits, or nothing.
    """

    decimal: str
    thousands: str

    def pattern(self) -> re.Pattern[str]:
        """What a number looks like."""
        group = re.escape(self.thousands)
        integer = rf"(\d{{1,3}}({group}\d{{3}})+|\d+)" if group else r"\d+"
        fraction = rf"({re.escape(self.decimal)}\d*)?"
        return re.compile(rf"[+-]?({integer}{fraction}|{re.escape(self.decimal)}\d+)(e[+-]?\d+)?")

    def number(self, word: str) -> float:
        """The number that a word means; a percentage as a share of 1."""
        plain = bare(word)
        if self.thousands:
            plain = plain.replace(self.thousands, "")
        return float(plain.replace(self.decimal, ".")) / (100 if "%" in word else 1)


STYLES = (  # the first that fits all cells is taken
    NumberStyle(".", ""),
    NumberStyle(".", ","),
    NumberStyle(",", ""),
    NumberStyle(",", "."),
    NumberStyle(",", " "),
    NumberStyle(".", " "),
    NumberStyle(".", "'"),
)


def bare(word: str) -> str:
    """A word without signs of currencies and percent.

    >>> bare("$ 1,200.50")
    '1,200.50'
    """
    word = word.translate(_SIGNS).replace("\u00a0", " ").replace("\u202f", " ")
    return word.strip().lower()


_SIGNS = str.maketrans("", "", CURRENCIES + "%")


def number_style(words: Iterable[str]) -> NumberStyle | None:
    """The style in which all of these words are numbers; None if there is none.

    >>> number_style(["1.234,50 €", "7"])
    NumberStyle(decimal=',', thousands='.')
    >>> number_style(["12", "twelve"]) is None
    True
    """
    words = list(words)
    if usual_numbers(words) is not None:
        return STYLES[0]
    plain = [bare(word) for word in words]
    for style in STYLES:
        fits = style.pattern().fullmatch
        if all(fits(word) for word in plain):
            return style
    return None


def numbers(words: Sequence[str | None], style: NumberStyle) -> Array:
    """Words as float64; NaN for what is none, a gap."""
    distinct = list(dict.fromkeys(words))
    usual = usual_numbers(distinct) if style == STYLES[0] else None
    if usual is None:
        fits = style.pattern().fullmatch
        usual = [style.number(w) if w is not None and fits(bare(w)) else np.nan for w in distinct]
    known = dict(zip(distinct, usual, strict=True))
    return np.fromiter(map(known.__getitem__, words), np.float64, len(words))


def usual_numbers(words: Sequence[str | None]) -> list[float] | None:
    """Words as Python reads numbers, and quickly; None if one of them is none, or infinite.

    >>> usual_numbers(["1", None, "-2.5e3"]), usual_numbers(["1", "$2"]), usual_numbers(["1_0"])
    ([1.0, nan, -2500.0], None, None)
    """
    try:
        found = [np.nan if w is None else float(w) for w in words]
    except ValueError:
        return None
    odd = set("_nNfF")  # float() takes 1_000, nan and inf, too
    return None if any(not odd.isdisjoint(w) for w in words if w is not None) else found


def is_float(word: str) -> bool:
    """Whether Python reads this as a number.

    >>> is_float("1e3"), is_float("1,000")
    (True, False)
    """
    try:
        float(word)
    except ValueError:
        return False
    return True


def share_of_numbers(words: Sequence[str]) -> float:
    """Which share of words are numbers in the usual style."""
    fits = STYLES[1].pattern().fullmatch
    return sum(bool(fits(bare(w))) for w in words) / max(len(words), 1)


# ------------------------------------------------------------------------------------ dates

_TIME = r"([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?"
_ISO = re.compile(rf"(\d{{4}})[-/](\d{{1,2}})[-/](\d{{1,2}}){_TIME}")
_OTHER = re.compile(rf"(\d{{1,2}})([./-])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_TIME}")


def date_order(words: Sequence[str]) -> str | None:
    """In which order dates are written, "ymd", "dmy" or "mdy"; None if they are none.

    >>> date_order(["2024-01-31", "2024-02-01 12:00"])
    'ymd'
    >>> date_order(["31.12.2024", "01.02.2024"]), date_order(["12/31/2024", "1/2/2024"])
    ('dmy', 'mdy')
    """
    if all(_ISO.fullmatch(w) for w in words):
        return "ymd" if _right(words, "ymd") else None
    found = [_OTHER.fullmatch(w) for w in words]
    if not all(found):
        return None
    american = any(m is not None and m[2] == "/" for m in found)
    orders = ("mdy", "dmy") if american else ("dmy", "mdy")
    return next((order for order in orders if _right(words, order)), None)


def is_ambiguous(words: Sequence[str]) -> bool:
    """Whether days and months could be exchanged in all of these dates.

    >>> is_ambiguous(["1/2/2024", "3/4/2024"]), is_ambiguous(["13/2/2024"])
    (True, False)
    """
    return not _ISO.fullmatch(words[0]) and _right(words, "mdy") and _right(words, "dmy")


def _right(words: Sequence[str], order: str) -> bool:
    return not np.isnat(moments(list(dict.fromkeys(words)), order)).any()


def moments(words: Sequence[str | None], order: str) -> Array:
    """Words as datetime64 in seconds, UTC where a zone is told; NaT for what is no date."""
    known = {word: _moment(word, order) for word in set(words)}
    return np.array([known[word] for word in words], MOMENT)


def _moment(word: str | None, order: str) -> np.datetime64:
    found = None if word is None else (_ISO if order == "ymd" else _OTHER).fullmatch(word)
    if found is None:
        return np.datetime64("NaT", "s")
    if order == "ymd":
        year, month, day, *rest = (found[1], found[2], found[3], found[4], found[7])
    else:
        first, second = found[1], found[3]
        day, month = (first, second) if order == "dmy" else (second, first)
        year, *rest = (_century(found[4]), found[5], found[8])
    try:
        moment = np.datetime64(f"{year}-{int(month):02}-{int(day):02}", "s")
        return moment + _since_midnight(rest[0], rest[1])
    except ValueError:
        return np.datetime64("NaT", "s")


def _century(year: str) -> str:
    return year if len(year) == 4 else f"{'19' if int(year) > 68 else '20'}{year}"


def _since_midnight(time: str | None, zone: str | None) -> np.timedelta64:
    if not time:
        return np.timedelta64(0, "s")
    clock = (time[: -len(zone)] if zone else time).strip("T ").split(".")[0]
    hours, minutes, *seconds = map(int, clock.split(":"))
    if hours > 23 or minutes > 59 or (seconds and seconds[0] > 60):
        raise ValueError(time)
    total = 3600 * hours + 60 * minutes + (seconds[0] if seconds else 0)
    if zone and zone != "Z":
        sign = 1 if zone[0] == "+" else -1
        total -= sign * (3600 * int(zone[1:3]) + 60 * int(zone[-2:]))
    return np.timedelta64(total, "s")
