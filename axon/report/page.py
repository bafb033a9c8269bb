"""What a report is made of: sections with their contents list, pictures, and the whole page."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from axon.backend import Array
from axon.html.parts import escape, style
from axon.plot.figure import Figure
from axon.version import __version__

RUN = "axon-run"  # the id under which a page keeps the numbers of its run


class Section(str):
    """A card with a heading, as HTML; the contents list knows its heading."""

    heading = ""

    @property
    def key(self) -> str:
        """What a link to it says."""
        return re.sub(r"\W+", "-", self.heading.lower()).strip("-")


def section(heading: str, *parts: str, note: str = "") -> Section:
    """A card with a heading.

    >>> section("Settings", "<p>text</p>")
    '<section id="settings"><h2>Settings</h2><p>text</p></section>'
    """
    below = f'<p class="note">{escape(note)}</p>' if note else ""
    named = Section()
    named.heading = heading
    inside = f"<h2>{escape(heading)}</h2>{below}{''.join(parts)}"
    made = Section(f'<section id="{escape(named.key)}">{inside}</section>')
    made.heading = heading
    return made


def charts(*parts: str) -> str:
    """Charts side by side, as far as there is room."""
    return f'<div class="charts">{"".join(parts)}</div>'


def figures(shown: Mapping[str, str], said: str, beside: Mapping[str, str] | None = None) -> str:
    """The numbers that count, large.

    Args:
        shown: name -> the number.
        said: what they are measured on.
        beside: name -> what it should be compared with.
    """
    cells = "".join(
        f"<div><b>{escape(value)}</b><span>{escape(name)}</span>"
        + (f"<i>{escape(beside[name])}</i>" if beside and name in beside else "")
        + "</div>"
        for name, value in shown.items()
    )
    return f'<p class="note">{escape(said)}</p><div class="figures">{cells}</div>'


def figure(drawn: Figure, description: str) -> str:
    """A matplotlib figure as an image of lines, sharp at every size."""
    from base64 import b64encode
    from io import BytesIO

    from matplotlib import rc_context

    stream = BytesIO()
    with rc_context({"svg.hashsalt": "axon"}):  # the same names inside, each time
        drawn.savefig(stream, format="svg", metadata={"Date": None})
    source = f"data:image/svg+xml;base64,{b64encode(stream.getvalue()).decode()}"
    return f'<img class="drawing" src="{source}" alt="{escape(description)}">'


def thumbnail(pixels: Array, description: str) -> str:
    """An image (height, width), dark on light, or (height, width, 3), a pixel for each number."""
    from base64 import b64encode

    from axon.callbacks.events import png
    from axon.plot.pictures import spread

    seen = pixels if pixels.ndim == 3 else 1 - spread(pixels)
    drawn = png(np.rint(255 * np.clip(np.nan_to_num(seen), 0, 1)).astype(np.uint8))
    source = f"data:image/png;base64,{b64encode(drawn).decode()}"
    return f'<img src="{source}" alt="{escape(description)}">'


def page(
    title: str, head: str, parts: Sequence[Section], run: Mapping[str, object] | None = None
) -> str:
    """The whole file.

    Args:
        title: above all.
        head: what stands above the sections.
        parts: the sections.
        run: what ``axon compare-runs`` reads from it.
    """
    from importlib.resources import files

    folder = files("axon.report")
    css, script = (folder.joinpath(f"page.{e}").read_text("utf-8") for e in ("css", "js"))
    links = "".join(f'<a href="#{escape(s.key)}">{escape(s.heading)}</a>' for s in parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,">'
        f"<style>{style('chart.css')}{css}</style></head>\n<body>"
        f'<nav aria-label="Contents">{links}</nav><main><h1>{escape(title)}</h1>\n'
        f"{head}\n" + "\n".join(parts) + f"\n<footer>Written by AXON {__version__}.</footer>"
        f'</main>{_kept(run)}<script type="module">{script}</script></body></html>\n'
    )


def _kept(run: Mapping[str, object] | None) -> str:
    """Numbers that programs read: JSON in which nothing ends the element that it is in."""
    if run is None:
        return ""
    import json

    text = json.dumps(_plain(run), default=str).replace("<", "\\u003c")
    return f'<script type="application/json" id="{RUN}">{text}</script>'


def _plain(value: object) -> object:
    """Numbers that JSON does not know become text."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else str(value)
    return value.item() if isinstance(value, np.generic) else value
