"""What options of tables take: names of columns, times, shares."""

from collections.abc import Mapping, Sequence

import click

from axon.callbacks.backup import UNITS
from axon.cli.config import FromFiles


class ColumnNames(FromFiles):
    """``id,name``, with double quotes around a name that holds a comma."""

    name = "columns"
    expected = 'a list such as ["id", "name"], or "id,name"'

    def convert(
        self, value: str | list[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        """Return the names."""
        import csv

        names = next(csv.reader([value]), []) if isinstance(value, str) else value
        return [str(name).strip() for name in names if str(name).strip()]


class Seconds(FromFiles):
    """``90``, ``90s``, ``10min`` or ``1h``."""

    name = "time"
    types, expected = (int, float, str), 'seconds, or a text such as "10min"'

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds."""
        text = str(value).strip().lower()
        digits = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
        try:
            seconds = float(digits) * UNITS[text[len(digits) :].strip() or "s"]
        except (ValueError, KeyError):
            seconds = 0
        if not 0 < seconds < float("inf"):
            self.fail(f"expected a time such as 60s, 10min or 1h, got {value!r}.", param, ctx)
        return seconds


class Shares(FromFiles):
    """``0.1,0.5,0.9``: numbers between 0 and 1, in order."""

    name = "shares"
    expected = 'a list such as [0.1, 0.5, 0.9], or "0.1,0.5,0.9"'

    def convert(
        self, value: str | Sequence[float], param: click.Parameter | None, ctx: click.Context | None
    ) -> list[float]:
        """Return the numbers."""
        parts = value.split(",") if isinstance(value, str) else value
        try:
            shares = [float(part) for part in parts]
        except (ValueError, TypeError):
            shares = []
        if not shares or not all(0 < q < 1 for q in shares) or shares != sorted(set(shares)):
            expected = "expected numbers between 0 and 1, in order, such as 0.1,0.5,0.9"
            self.fail(f"{expected}; got {value!r}.", param, ctx)
        return shares


def one_or_several(
    ctx: click.Context, param: click.Parameter, names: Sequence[str]
) -> str | tuple[str, ...] | None:
    """The name of a target, if there is one; several as a tuple."""
    return tuple(names) if len(names) > 1 else names[0] if names else None


def demand_one_target(settings: Mapping[str, object]) -> None:
    """Refuse several targets where a network learns, or is judged."""
    if isinstance(settings["target"], tuple):
        raise click.UsageError(
            "several --target are for tables as they come, not for a network that you describe."
        )
