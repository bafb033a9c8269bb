"""The label column of a sheet, on its way to class indices: labels keep their text."""

from collections.abc import Sequence

import numpy as np

from axon.backend import Array
from axon.datasets.column import is_amount, is_gap, is_integer, is_number, listed, looks
from axon.datasets.sheet import Sheet
from axon.names import shown

LABELS = ("diagnosis", "label", "class", "species")  # columns of these names hold classes
MAX_CLASSES = 20  # more different whole numbers are taken for amounts, not for classes
FEW = 10  # from so many rows on, labels that nearly all occur once are no classes
UNLESS = "if it is a class, list all classes (the option classes)"


class Labels:
    """The labels of a sheet.

    Args:
        sheet: where they stand.
        column: in which column.
        chosen: how that was chosen, for messages.
        lines: the line of each row.
        texts: the label of each row.
    """

    def __init__(
        self, sheet: Sheet, column: int, chosen: str, lines: list[int], texts: list[str]
    ) -> None:
        self.sheet, self.column, self.chosen = sheet, column, chosen
        self.lines, self.texts = lines, texts
        self.found = list(dict.fromkeys(texts))

    def index(self, classes: Sequence[str] | None) -> tuple[Array, tuple[str, ...]]:
        """Return the class index of each row, and the classes."""
        if classes is None:
            self._check()
            order = _sorted(self.found)
        else:  # they are known, and one of them may be alone in a test
            self._check_known(classes)
            order = list(classes)
        place = {name: index for index, name in enumerate(order)}
        return np.array([place[text] for text in self.texts], dtype=np.int64), tuple(order)

    def are_amounts(self) -> bool:
        """Whether these are numbers to predict rather than names of classes."""
        found = self.found
        numbers = [text for text in found if is_number(text)]
        others = [text for text in found if not is_number(text)]
        fractions = [text for text in numbers if not float(text).is_integer()]
        if len(fractions) > len(found) / 2:
            return True  # a text among them is a mistake, not a class
        if fractions and all(map(is_gap, others)):
            return True
        if any(map(_is_code, numbers)) or 2 * len(others) > len(found):
            return False
        called = self.sheet.names[self.column].lower()
        return len({float(text) for text in numbers}) > MAX_CLASSES and called not in LABELS

    def _check(self) -> None:
        """Raise ``ValueError`` unless these can be the names of classes."""
        self._check_gaps()
        self._check_fractions()
        self._check_amounts()
        self._check_written_alike()
        self._check_several()
        self._check_repeated()

    def _check_gaps(self) -> None:
        gaps = list(filter(is_gap, self.found))
        if all(text[:1] in ("+", "-") for text in self.found):
            return  # then a minus is a label
        if not gaps:
            return
        rows = [line for line, t in zip(self.lines, self.texts, strict=True) if t in gaps]
        names = ", ".join(shown(text) if text else "an empty cell" for text in gaps)
        more = f" ({len(rows):,} missing labels: {listed(rows)})" if len(rows) > 1 else ""
        what = f"expected a label, found {names}{more}; leave out such rows, or say their label"
        raise self._error(gaps[0], what if gaps == [""] else f"{what}; {UNLESS}")

    def _check_fractions(self) -> None:
        if not all(map(is_number, self.found)):
            return
        for text in self.found:
            if not float(text).is_integer():
                raise self._error(
                    text,
                    "expected a label, text or a whole number (classification only), found "
                    f"{shown(text)}; to predict numbers, choose the task regression",
                )

    def _check_amounts(self) -> None:
        amounts = [text for text in self.found if is_amount(text)]
        numbers = sum(map(is_number, self.found))
        if amounts and 2 * (len(amounts) + numbers) > len(self.found):
            what = f"expected a label or a number, found {shown(amounts[0])} ({looks(self.texts)})"
            raise self._error(amounts[0], f"{what}; {UNLESS}")

    def _check_written_alike(self) -> None:
        known = set(self.found)
        for text in self.found:
            plain = _without_zeros(text)
            if "." in text and is_integer(plain) and plain in known:
                same = f"{shown(text)} and {plain!r} are the same number: write it in one way"
                raise self._error(text, f"{same}; or, if these are two classes, list all classes")

    def _check_several(self) -> None:
        if len(self.found) < 2:
            name = self.sheet.names[self.column]
            raise ValueError(
                f"{self.sheet.path}, column {name!r}: expected at least two classes, found only "
                f"{shown(self.found[0])}{self.chosen}"
            )

    def _check_repeated(self) -> None:
        from collections import Counter

        alone = [text for text, count in Counter(self.texts).items() if count == 1]
        some = 2 * len(alone) > len(self.texts) and len(self.found) > MAX_CLASSES
        nearly_all = 10 * len(alone) >= 9 * len(self.texts) and len(self.texts) >= FEW
        if not some and not nearly_all:
            return
        other = "the task regression" if all(map(is_number, self.found)) else "another target"
        raise self._error(
            alone[0],
            f"expected labels of classes, but {len(alone):,} of {len(self.texts):,} occur only "
            f"once, such as {shown(alone[0])}: choose {other}, or list all classes (the option "
            "classes)",
        )

    def _check_known(self, classes: Sequence[str]) -> None:
        for text in self.found:
            if text not in classes:
                expected = " or ".join(repr(name) for name in classes)
                what = shown(text) if text else "an empty cell"
                raise self._error(text, f"expected {expected}, found {what}")

    def _error(self, text: str, what: str) -> ValueError:
        line = self.lines[self.texts.index(text)]
        return self.sheet.error(line, self.column, what + self.chosen)


def _sorted(names: list[str]) -> list[str]:
    """By value, if all are whole numbers ("1.0", too), else as texts."""
    if all(is_integer(name) and len(name) < 300 for name in names):  # int() takes no longer ones
        return sorted(names, key=lambda name: (int(name), name))
    if all(is_integer(_without_zeros(name)) for name in names):
        return sorted(names, key=lambda name: (float(name), name))
    return sorted(names)


def _without_zeros(text: str) -> str:
    """The text without a point and zeros behind it."""
    return text.rstrip("0").removesuffix(".") if "." in text else text


def _is_code(text: str) -> bool:
    """Whether a number has leading zeros: a code, such as a postal one, and no amount."""
    digits = text.lstrip("+-")
    return is_integer(text) and len(digits) > 1 and digits.startswith("0")
