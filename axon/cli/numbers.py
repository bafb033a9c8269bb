"""Numbers as people write them: 1_000, 1e4, 2GB."""

import re

import click

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


class Count(click.ParamType):  # type: ignore[type-arg]  # older ones take none
    """A whole number of at least ``least``: ``1000``, ``1_000``, ``1,000`` or ``1e3``."""

    name = "number"

    def __init__(self, least: int = 1) -> None:
        self.least = least

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number."""
        try:
            number = float(str(value).strip().replace(",", ""))
        except ValueError:
            number = float("nan")
        if not number.is_integer() or number < self.least:
            self.fail(
                f"expected a whole number from {self.least} on, such as 1000 or 1_000, got "
                f"{value!r}.",
                *(param, ctx),
            )
        return int(number)


class ByteSize(click.ParamType):  # type: ignore[type-arg]  # older ones take none
    """Bytes: ``500kB``, ``10MB``, ``2GB`` or ``512MiB``."""

    name = "size"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number of bytes."""
        found = re.fullmatch(r"([\d._]+(?:e\d+)?) ?([kmg]?i?)b?", str(value).strip().lower())
        try:
            size = float(found[1]) * UNITS[found[2]] if found else 0.0
        except (ValueError, KeyError):
            size = 0.0
        if not 1 <= size < 2**60:
            self.fail(f"expected a size such as 500kB, 10MB or 2GB, got {value!r}.", param, ctx)
        return int(size)
