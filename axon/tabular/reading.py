"""What the text of a column means, decided over all its cells: numbers in one style, or dates.

Never cell by cell: "1,234" is 1234 in one file and 1.234 in the next, and only all cells together
tell which. Words of one shape, in which any digit is a 0, mean the same kind of thing: a rule is
tried once for each shape, and digits are read by NumPy.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from axon.backend import Array

GAPS = frozenset(("", "na", "n/a", "nan", "none", "null", "?", "nil", "#n/a", "nat", "<na>"))
CURRENCIES = "$€£¥₹₩₽₺₪₫₴₦₱฿₣"
CODES = {  # of currencies that have a sign of their own
    **{"US$": "$", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "Rs.": "₹"},
    **{"KRW": "₩", "RUB": "₽", "TRY": "₺", "ILS": "₪", "VND": "₫", "UAH": "₴", "NGN": "₦"},
    **{"PHP": "₱", "THB": "฿", "CHF": "₣"},
}
LAKHS = ",,"  # groups of two digits before the last three: 12,34,567
MOMENT = np.dtype("datetime64[s]")
NAT = np.datetime64("NaT", "s")


class NumberStyle(NamedTuple):
    """How a column writes its numbers.

    Attributes:
        decimal: what stands before the fraction.
        thousands: what stands between groups of three digits, or nothing; ``LAKHS`` for commas as
            in India.
    """

    decimal: str
    thousands: str

    def pattern(self) -> re.Pattern[str]:
        """What a number looks like: with a sign of a currency, a percentage, or in parentheses."""
        return _pattern(self)

    def number(self, word: str) -> float:
        """The number that a word means; a percentage as a share of 1; NaN for what is none.

        >>> NumberStyle(".", ",").number("(1,234.50)")
        -1234.5
        """
        return float(numbers([word], self)[0])


@cache
def _pattern(style: NumberStyle) -> re.Pattern[str]:
    decimal, group = re.escape(style.decimal), re.escape(style.thousands)
    integer = rf"(?:[1-9]\d{{0,2}}(?:{group}\d{{3}})+|\d+)" if group else r"\d+"
    if style.thousands == LAKHS:
        integer = r"(?:[1-9]\d?(?:,\d\d)*,\d{3}|\d+)"
    number = rf"(?:{integer}(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?"
    money = f"[{CURRENCIES}]"
    signed = rf"(?:(?:[+-] ?)?(?:{money} ?)?{number}|{money} ?[+-]{number})(?: ?(?:{money}|%))?"
    return re.compile(rf"{signed}|\((?:{money} ?)?{number}(?: ?(?:{money}|%))?\)", re.ASCII)


STYLES = (  # the first that fits all cells is taken
    NumberStyle(".", ""),
    NumberStyle(".", ","),
    NumberStyle(",", ""),
    NumberStyle(",", "."),
    NumberStyle(",", " "),
    NumberStyle(".", " "),
    NumberStyle(".", "'"),
    NumberStyle(".", LAKHS),
)
# What is written in several ways: blanks that keep words together, minus, an apostrophe.
_USUAL = {0xA0: " ", 0x202F: " ", 0x2009: " ", 0x2212: "-", 0x2019: "'"}
_SHAPE = str.maketrans(
    {**{str(d): "1" for d in range(2, 10)}, **{chr(k): v for k, v in _USUAL.items()}}
)
_DATE_SHAPE = str.maketrans({str(d): "0" for d in range(1, 10)})


def styles_of(words: Sequence[str]) -> list[NumberStyle]:
    """All styles in which all of these words are numbers.

    >>> [style.decimal for style in styles_of(["1.234,50 €", "7"])]
    [',']
    """
    shapes = set(_shapes(words))
    if not shapes or all(shape.startswith("(") for shape in shapes):  # marks of a list
        return []
    return [style for style in STYLES if all(map(style.pattern().fullmatch, shapes))]


def number_style(words: Iterable[str], comma: bool = False) -> NumberStyle | None:
    """The style in which all of these words are numbers; None if there is none.

    Args:
        words: of a column.
        comma: whether other columns of the file have a decimal comma: then this one has it, too,
            if both could be.

    >>> number_style(["1.234,50 €", "7"])
    NumberStyle(decimal=',', thousands='.')
    >>> number_style(["12", "twelve"]) is None
    True
    >>> number_style(["1.234"]), number_style(["1.234"], comma=True)
    (NumberStyle(decimal='.', thousands=''), NumberStyle(decimal=',', thousands='.'))
    """
    fitting = styles_of(list(words))
    if comma:
        fitting.sort(key=lambda style: style.decimal != ",")  # stable
    return fitting[0] if fitting else None


def _shapes(words: Sequence[str]) -> list[str]:
    """Words with 1 for each digit but 0, and one kind of blank and minus; what spans lines, too."""
    joined = with_signs("\n".join(words)).translate(_SHAPE)
    found = joined.split("\n")
    return found if len(found) == len(words) else [with_signs(w).translate(_SHAPE) for w in words]


def with_signs(text: str) -> str:
    """The text with a currency's sign in the place of its code, where no letter stands beside it.

    >>> with_signs("USD 5"), with_signs("5 EUR"), with_signs("EURO")
    ('$ 5', '5 €', 'EURO')
    """
    if not any(code in text for code in CODES):
        return text
    return _CODE.sub(lambda found: CODES[found[0]], text)


_CODE = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(map(re.escape, CODES))})(?![A-Za-z])")


def numbers(words: Sequence[str], style: NumberStyle) -> Array:
    """Words as float64; NaN for what is no number in this style."""
    shapes = _shapes(words)
    fits = {shape: style.pattern().fullmatch(shape) is not None for shape in set(shapes)}
    good = np.fromiter(map(fits.__getitem__, shapes), bool, len(words))
    kept = words if good.all() else [words[i] for i in np.flatnonzero(good).tolist()]
    found = np.full(len(words), np.nan)
    if len(kept):
        found[good] = _read_numbers(kept, style)
    return found


def _read_numbers(words: Sequence[str], style: NumberStyle) -> Array:
    """Words that are all numbers in this style."""
    gone: dict[int, str | None] = dict.fromkeys(map(ord, CURRENCIES + "%() " + style.thousands))
    gone.update({k: None if v in (" ", style.thousands) else v for k, v in _USUAL.items()})
    gone[ord(style.decimal)] = "."
    joined = with_signs("\n".join(words))
    found = np.array(list(map(float, joined.translate(gone).split("\n"))))
    if "%" in joined:
        found /= np.where(["%" in word for word in words], 100.0, 1.0)
    if "(" in joined:
        found *= np.where(["(" in word for word in words], -1.0, 1.0)
    return found


def marks_of(words: Iterable[str]) -> str:
    """Signs of currencies and percent that stand in words, in order.

    >>> marks_of(["$5", "7 %"])
    '$%'
    """
    found = set(with_signs("\n".join(words)))
    return "".join(sign for sign in CURRENCIES + "%" if sign in found)


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
    """Which share of words are numbers, in the style that fits most of them."""
    return float((~np.isnan(numbers(words, best_style(words)))).mean()) if words else 0.0


def best_style(words: Sequence[str]) -> NumberStyle:
    """The style in which most of the words are numbers."""
    shapes = _shapes(words)

    def fitting(style: NumberStyle) -> int:
        fits = {s: style.pattern().fullmatch(s) is not None for s in set(shapes)}
        return sum(map(fits.__getitem__, shapes))

    return max(STYLES, key=fitting)


_TRUTH = {"true": 1.0, "false": 0.0}


def truths(words: Sequence[str]) -> Array:
    """True and False as 1 and 0, however they are capitalized; NaN for other words.

    >>> truths(["True", "false", "yes"])
    array([ 1.,  0., nan])
    """
    return np.array([_TRUTH.get(word.lower(), np.nan) for word in words])


def hours(words: Sequence[str]) -> Array:
    """Times of day and lengths of time as hours; NaN for other words.

    >>> hours(["12:30", "0:00:36", "1:75"]).round(2).tolist()
    [12.5, 0.01, nan]
    """
    found = (_CLOCK_ALONE.fullmatch(word) for word in words)
    return np.array(
        [
            np.nan if m is None else int(m[1]) + int(m[2]) / 60 + float(m[3] or 0) / 3600
            for m in found
        ]
    )


_CLOCK_ALONE = re.compile(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?", re.ASCII)

# ------------------------------------------------------------------------------------ dates

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? )?"
_CLOCK = r"(?P<H>\d{1,2})(?::(?P<M>\d\d)(?::(?P<S>\d\d)(?:[.,]\d+)?)?)? ?(?P<half>[ap]\.?m\.?)?"
_ZONE = r" ?(?:z|utc|gmt|(?P<zone>[+-])(?P<zh>\d\d)(?::?(?P<zm>\d\d))?)"
_TIME = rf"(?:(?:t|,? +){_CLOCK}(?:{_ZONE})?)?"
_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
_FORMS = {
    "ymd": (
        rf"(?P<Y>\d{{4}})(?P<s>[-/.])(?P<m>\d{{1,2}})(?P=s)(?P<d>\d{{1,2}}){_TIME}",
        r"(?P<Y>\d{4})-(?P<m>\d\d)",
    ),
    "dmy": (rf"(?P<d>\d{{1,2}})(?P<s>[./-])(?P<m>\d{{1,2}})(?P=s)(?P<Y>\d{{4}}|\d\d){_TIME}",),
    "mdy": (rf"(?P<m>\d{{1,2}})(?P<s>[./-])(?P<d>\d{{1,2}})(?P=s)(?P<Y>\d{{4}}|\d\d){_TIME}",),
    "named": (
        rf"{_WEEKDAY}{_DAY}\.?[ -]{_MONTH},?[ -](?P<Y>\d{{4}}|\d\d){_TIME}",
        rf"{_WEEKDAY}{_MONTH} {_DAY},? (?P<Y>\d{{4}}){_TIME}",
        rf"{_MONTH}[ -](?P<Y>\d{{4}})",
    ),
    "compact": (r"(?P<Y>\d{4})(?P<m>\d\d)(?P<d>\d\d)(?:t?(?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)?)?",),
}
FORMS = {order: [re.compile(form, re.ASCII) for form in forms] for order, forms in _FORMS.items()}


def date_order(words: Sequence[str]) -> str | None:
    """In which order dates are written; None if they are none.

    "ymd", "dmy" or "mdy"; "named" where months have names.

    >>> date_order(["2024-01-31", "2024-02-01 12:00"]), date_order(["3 Jan 2024"])
    ('ymd', 'named')
    >>> date_order(["31.12.2024", "01.02.2024"]), date_order(["12/31/2024", "1/2/2024 3 PM"])
    ('dmy', 'mdy')
    """
    shapes = set(_date_shapes(words))
    fitting = [o for o in ("ymd", "named", "dmy") if all(_form(s, o) is not None for s in shapes)]
    if not words or not fitting:
        return None
    american = any("/" in word for word in words)
    pair = ("mdy", "dmy") if american else ("dmy", "mdy")
    return next((o for o in (pair if fitting[0] == "dmy" else fitting) if _right(words, o)), None)


def is_ambiguous(words: Sequence[str]) -> bool:
    """Whether days and months could be exchanged in all of these dates.

    >>> is_ambiguous(["1/2/2024", "3/4/2024"]), is_ambiguous(["13/2/2024"])
    (True, False)
    """
    return _right(words, "mdy") and _right(words, "dmy")


def _right(words: Sequence[str], order: str) -> bool:
    return not np.isnat(moments(words, order)).any()


def _date_shapes(words: Sequence[str]) -> list[str]:
    joined = "\n".join(words).lower().translate(_DATE_SHAPE)
    found = joined.split("\n")
    return found if len(found) == len(words) else [w.lower().translate(_DATE_SHAPE) for w in words]


def _form(shape: str, order: str) -> re.Match[str] | None:
    return next((m for form in FORMS[order] if (m := form.fullmatch(shape))), None)


def moments(words: Sequence[str], order: str) -> Array:
    """Words as datetime64 in seconds, UTC where a zone is told; NaT for what is no date."""
    found = np.full(len(words), NAT, MOMENT)
    shapes = _date_shapes(words)
    places: dict[str, list[int]] = {}
    matches = {s: match for s in set(shapes) if (match := _form(s, order)) is not None}
    if len(matches) == 1 and len(set(shapes)) == 1:
        return _read_moments(words, matches[shapes[0]])
    for i, shape in enumerate(shapes if matches else []):
        places.setdefault(shape, []).append(i)
    for shape, match in matches.items():
        found[places[shape]] = _read_moments([words[i] for i in places[shape]], match)
    return found


def _read_moments(words: Sequence[str], match: re.Match[str]) -> Array:
    """Dates of one shape."""
    signs = np.array(words, f"U{match.end()}").view(np.uint32).reshape(len(words), -1)
    parts = {k: _digits(signs, *match.span(k)) for k, v in match.groupdict().items() if v}
    zero = np.zeros(len(words), np.int64)
    year, month, day = (parts.get(part, zero + 1) for part in "Ymd")
    if match["Y"] and len(match["Y"]) == 2:
        year = year + np.where(year > 68, 1900, 2000)
    if match.groupdict().get("name"):
        month = zero + 1 + _MONTHS.index(match["name"][:3])
    first = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = first.astype("datetime64[D]") + (day - 1)
    good = (month >= 1) & (month <= 12) & (day >= 1) & (days.astype("datetime64[M]") == first)
    if not match.groupdict().get("d"):  # a month of a year: "1234-01" may be anything
        good &= (year >= 1800) & (year < 2200)
    seconds, fits = _since_midnight(match, parts, zero)
    return np.where(good & fits, days.astype(MOMENT) + seconds, NAT)


def _digits(signs: Array, start: int, end: int) -> Array:
    """The number that digits make, for each word."""
    found = np.zeros(len(signs), np.int64)
    for k in range(start, end):
        found = found * 10 + (signs[:, k].astype(np.int64) - ord("0"))
    return found


def _since_midnight(
    match: re.Match[str], parts: dict[str, Array], zero: Array
) -> tuple[Array, Array]:
    """Seconds, less the zone's, and whether there is such a time."""
    hour, minute, second = (parts.get(part, zero) for part in "HMS")
    fits = (hour < 24) & (minute < 60) & (second <= 60)
    half = match.groupdict().get("half")
    if half:
        fits &= (hour >= 1) & (hour <= 12)
        hour = hour % 12 + (12 if half[0] == "p" else 0)
    elif "H" in parts and "M" not in parts and match.string[match.start("H") - 1] != "t":
        fits &= len(match["H"]) == 2  # "2024-01-01 5" is no time
    zone = 3600 * parts.get("zh", zero) + 60 * parts.get("zm", zero)
    if match.groupdict().get("zone") == "-":
        zone = -zone
    return (3600 * hour + 60 * minute + second - zone).astype("timedelta64[s]"), fits


def moments_of_numbers(amounts: Array) -> tuple[Array, str] | None:
    """Numbers that are dates: years, 20240131, or seconds (ms, us, ns) since 1970; and how.

    >>> moments_of_numbers(np.array([20240131.0]))
    (array(['2024-01-31T00:00:00'], dtype='datetime64[s]'), 'compact')
    """
    real = amounts[~np.isnan(amounts)]
    if not len(real) or np.isinf(real).any():
        return None
    for how in WAYS:
        found = moments_by(amounts, how)
        if (np.isnat(found) == np.isnan(amounts)).all():
            return found, how
    return None


WAYS = ("year", "compact", "s", "ms", "us", "ns")
_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


def moments_by(amounts: Array, how: str) -> Array:
    """Numbers as dates; NaT for what is none in this way."""
    integers = np.where(np.isnan(amounts) | (amounts % 1 != 0), -1, amounts)
    if how == "compact":
        words = [f"{int(v):08}" for v in integers.tolist()]
        return moments(words, "compact")
    if how == "year":
        fits = (integers >= 1000) & (integers < 3000)
        years = (np.where(fits, integers, 1970) - 1970).astype("datetime64[Y]").astype(MOMENT)
        return np.where(fits, years, NAT)
    seconds = np.floor(amounts / _UNITS[how])
    fits = (np.abs(seconds) < 1e10) & (np.abs(seconds) >= 1e8)  # 1973 to 2286: no small numbers
    return np.where(fits, np.where(fits, seconds, 0).astype(MOMENT), NAT)
