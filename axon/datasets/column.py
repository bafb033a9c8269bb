"""What the cells of one column are: numbers, amounts as people write them, gaps, or text.

``float()`` does not decide that: it takes "1_1" and digits of any script for numbers, and leaves
"1,5" and "$787,434" to be names. A column is looked at as a whole.
"""

from collections.abc import Sequence

from axon.names import shown

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
NOT_FINITE = ("inf", "infinity", "nan")
INTEGER = r"[+-]?[0-9]+"
CURRENCY = r"(?:[$€£¥₹₽]|USD|EUR|GBP|CHF|JPY|INR|CNY)"
DIGITS = (
    r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?"  # 787,434.50
    r"|[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]*)?"  # 787.434,50
    r"|[0-9]{1,3}(?:[ \u00a0\u2009\u202f'’][0-9]{3})+(?:[.,][0-9]*)?"  # 787 434,50
    r"|[0-9]+[.,]?[0-9]*|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?"
)
AMOUNT = rf"\(?[+−-]? ?{CURRENCY}?\s?[+−-]?{DIGITS}\s?(?:[%‰]|{CURRENCY})?\)?"
COMMA = r"[+-]?[0-9]*,[0-9]+"
GAPS = frozenset(
    (*("", "na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "nat", "null", "nil", "none"),
     *("?", "-", "--", ".", "n.a.", "(null)", "#null!"))
)  # fmt: skip
MAX_LISTED = 5  # lines named in a message


def is_number(text: str) -> bool:
    """Whether a cell is a number in plain digits, with a decimal point (NaN and infinity are).

    >>> [is_number(text) for text in ("-1e3", "nan", "one", "1_1", "1,5", "٣")]
    [True, True, False, False, False, False]
    """
    plain = _fits(NUMBER, text)
    return plain or text.lower().lstrip("+-") in NOT_FINITE


def is_integer(text: str) -> bool:
    """Whether a cell is a whole number, without a point or an exponent.

    >>> is_integer("-12"), is_integer("007"), is_integer("1.0")
    (True, True, False)
    """
    return _fits(INTEGER, text)


def is_amount(text: str) -> bool:
    """Whether a cell is a number as people write it, which is not one that can be read.

    >>> [is_amount(text) for text in ("$787,434", "12 %", "1,5", "1.5", "1_1", "A4")]
    [True, True, True, False, False, False]
    """
    return not is_number(text) and _fits(AMOUNT, text)


def is_gap(text: str) -> bool:
    """Whether a cell says that nothing is known.

    >>> is_gap(""), is_gap("N/A"), is_gap("no")
    (True, True, False)
    """
    return text.lower() in GAPS


def looks(texts: Sequence[str]) -> str:
    """What a column that should hold numbers looks like, and how to mend it.

    >>> looks(["$5", "$12", "7"])
    "numbers with signs or separators in 2 of 3 cells, such as '$5': write plain ones"
    """
    odd = [text for text in texts if not is_number(text)]
    gaps, amounts = [t for t in odd if is_gap(t)], [t for t in odd if is_amount(t)]
    share = f"of {len(texts):,} cells"
    if len(gaps) == len(odd):
        return f"gaps in {len(gaps):,} {share}: fill them in, or leave out these rows"
    if 2 * len(amounts) < len(odd):
        text = next(t for t in odd if not is_gap(t) and not is_amount(t))
        advice = "leave out the column, or write numbers for what it says"
        return f"no numbers in {len(odd):,} {share}, such as {shown(text)}: {advice}"
    such = f"in {len(amounts):,} {share}, such as {shown(amounts[0])}"
    if all(_fits(COMMA, text) for text in amounts):
        return f"numbers with a comma {such}: write a point, and nothing between thousands"
    return f"numbers with signs or separators {such}: write plain ones"


def listed(lines: Sequence[int]) -> str:
    """The lines of a file, for a message.

    >>> listed([4]), listed([4, 7]), listed(range(2, 11))
    ('line 4', 'lines 4, 7', 'lines 2, 3, 4, 5, 6 and 4 more')
    """
    more = f" and {len(lines) - MAX_LISTED:,} more" if len(lines) > MAX_LISTED else ""
    return f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines[:MAX_LISTED]))}{more}"


def _fits(pattern: str, text: str) -> bool:
    import re

    return re.fullmatch(pattern, text) is not None
