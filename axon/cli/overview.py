"""The columns of a table as lines that fit the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from axon.cli.output import console
from axon.names import printable

LONGEST = 60  # characters of a column's values, where no line is broken


def print_columns(columns: Sequence[Mapping[str, Any]], most: int | None = None) -> None:
    """Print a line for each column: its name, what it is, gaps, different values, examples.

    Args:
        columns: as ``Columns.to_config`` describes them.
        most: lines, at most.
    """
    width = console().width - 1
    rows = [("column", "kind", "gaps", "different", "values")]
    rows += [
        (c["name"], c["role"], f"{c['gaps']:,}", f"{c['distinct']:,}", values_of(c))
        for c in columns[:most]
    ]
    shown = [tuple(map(printable, row)) for row in rows]
    first = max(8, min(max(len(row[0]) for row in shown), width // 3))
    second, third, fourth = (max(len(row[i]) for row in shown) for i in (1, 2, 3))
    click.echo("")
    for name, role, gaps, different, values in shown:
        head = (
            f"{cut(name, first):{first}}  {role:{second}}  {gaps:>{third}}  {different:>{fourth}}"
        )
        space = min(LONGEST, width - len(head) - 2)
        click.echo(f"{head}  {cut(values, space)}".rstrip() if space > 8 else cut(head, width))
    if most is not None and len(columns) > most:
        click.echo(f"... and {len(columns) - most} more")


def values_of(column: Mapping[str, Any]) -> str:
    """Why a column was left out, its span, or some of its values."""
    values = column["values"]
    listed = ", ".join(values[:6]) + ", ..." * (len(values) > 6)
    return str(column["why"] or column["span"] or listed)


def cut(text: str, width: int) -> str:
    """A text with an ellipsis where it is too long.

    >>> cut("passenger", 6), cut("name", 6)
    ('passe…', 'name')
    """
    return text if len(text) <= width else f"{text[: max(width - 1, 1)]}…"
