"""Parts of HTML: escaped text, tables, what unfolds; and the frame that a notebook shows."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from axon.names import printable

SHOWN = 200  # rows of a table in a notebook, at most


def escape(text: object) -> str:
    """Text as HTML shows it.

    >>> escape('<b> & "co"')
    '&lt;b&gt; &amp; &quot;co&quot;'
    """
    from html import escape as escaped  # imported where used: few programs write HTML

    return escaped(printable(text, keep="\n\t"))


class Html(str):
    """Text that is HTML already, which a table does not escape."""

    __slots__ = ()


class Share(float):
    """A number from 0 to 1 that a table shows as per cent, with a bar."""


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], text: int = 1) -> str:
    """Rows of cells; a cell that is a Share is drawn with a bar, Html is left as it is.

    Args:
        heads: names of the columns.
        rows: the cells below them.
        text: so many columns hold text, and begin on the left.

    >>> table(["layer", "size"], [["dense", 3]])
    '<div class="wide"><table><thead><tr><th class="t">layer</th><th>size</th></tr></thead>...
    """
    head = "".join(f"<th{_side(i, text)}>{escape(name)}</th>" for i, name in enumerate(heads))
    body = "".join(f"<tr>{_cells(row, text)}</tr>" for row in rows)
    parts = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide"><table>{parts}</table></div>'


def _side(column: int, text: int) -> str:
    return ' class="t"' if column < text else ""


def _cells(row: Sequence[object], text: int) -> str:
    return "".join(_cell(value, _side(i, text)) for i, value in enumerate(row))


def _cell(value: object, side: str) -> str:
    if isinstance(value, Share):
        return f'<td class="bar" style="--share: {100 * value:.1f}%">{value:.1%}</td>'
    return f"<td{side}>{value if isinstance(value, Html) else escape(value)}</td>"


def facts(pairs: Mapping[str, object]) -> str:
    """Names and what they stand for.

    >>> facts({"batch size": 32})
    '<dl><dt>batch size</dt><dd>32</dd></dl>'
    """
    inside = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs.items())
    return f"<dl>{inside}</dl>"


def details(summary: str, *parts: str, unfolded: bool = False) -> str:
    """What is shown when asked for.

    >>> details("more", "<p>text</p>")
    '<details><summary>more</summary><p>text</p></details>'
    """
    is_open = " open" if unfolded else ""
    return f"<details{is_open}><summary>{escape(summary)}</summary>{''.join(parts)}</details>"


def preformatted(text: str) -> str:
    """Text whose spaces count."""
    return f"<pre>{escape(text)}</pre>"


@cache
def style(name: str) -> str:
    """A file of styles that lies beside this one.

    >>> ".chart" in style("chart.css")
    True
    """
    from importlib.resources import files

    return files("axon.html").joinpath(name).read_text(encoding="utf-8")


def framed(title: str, *parts: str, note: str = "") -> str:
    """What a notebook shows: a title, a note beside it, and parts below.

    Colours are those of the notebook, light or dark: what is drawn takes that of its text.
    """
    beside = f"<span>{escape(note)}</span>" if note else ""
    return (
        f'<div class="axon"><style>{style("chart.css")}{style("notebook.css")}</style>'
        f"<header><b>{escape(title)}</b>{beside}</header>{''.join(parts)}</div>"
    )


def beginning(heads: Sequence[str], rows: Sequence[Sequence[object]], text: int = 1) -> str:
    """A table for notebooks: of very many rows the first ones, and how many there are."""
    more = f"<p>… and {len(rows) - SHOWN:,} more</p>" if len(rows) > SHOWN else ""
    return table(heads, rows[:SHOWN], text) + more
