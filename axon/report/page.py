"""What a report is made of: escaped text, tables, and pictures that lie inside the file."""

from collections.abc import Sequence

from axon.backend import Array
from axon.html.parts import escape
from axon.plot.figure import Figure
from axon.version import __version__


def section(heading: str, *parts: str, note: str = "") -> str:
    """A card with a heading."""
    below = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<section><h2>{escape(heading)}</h2>{below}{''.join(parts)}</section>"


def figure(drawn: Figure, description: str) -> str:
    """A matplotlib figure as an image of lines, sharp at every size."""
    from io import BytesIO

    from matplotlib import rc_context

    stream = BytesIO()
    with rc_context({"svg.hashsalt": "axon"}):  # the same names inside, each time
        drawn.savefig(stream, format="svg", metadata={"Date": None})
    return _image("svg+xml", stream.getvalue(), description)


def thumbnail(pixels: Array, description: str) -> str:
    """An image (height, width) or (height, width, channels), a pixel for each number."""
    from io import BytesIO

    from matplotlib.image import imsave

    stream = BytesIO()
    imsave(stream, pixels, format="png", cmap="gray_r")  # colours have none
    return _image("png", stream.getvalue(), description)


def _image(subtype: str, data: bytes, description: str) -> str:
    from base64 import b64encode

    source = f"data:image/{subtype};base64,{b64encode(data).decode()}"
    return f'<img src="{source}" alt="{escape(description)}">'


def page(title: str, head: str, parts: Sequence[str]) -> str:
    """The whole file."""
    from importlib.resources import files

    style = files("axon.report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,">'
        f"<style>{style}</style></head>\n<body><main><h1>{escape(title)}</h1>\n"
        f"{head}\n" + "\n".join(parts) + f"\n<footer>Written by AXON {__version__}.</footer>"
        "</main></body></html>\n"
    )
