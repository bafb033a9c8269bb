"""A page for each example: what it is, its picture where there is one, its program.

A Sphinx extension. It also shows other files of the repository as pages, and leads links to files,
which work on a code host, to the pages of the site.
"""

import ast
import posixpath
import re
from pathlib import Path
from typing import Any

from listed import CHAPTERS, EXAMPLES, Example
from reference import escape, keep
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
FOLDER = "gallery"


# Pages that show a file of the repository, and what stands for README there.
COPIES = {
    "benchmarks/results": "bench/results.md",
    "benchmarks/tables": "bench/tables.md",
    "benchmarks/device": "bench/device.md",
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "vision": "VISION.md",
}
ELSEWHERE = (
    {"README.md": "index.md"}
    | {path: f"{name}.md" for name, path in COPIES.items()}
    | {f"examples/{example.path}": f"{FOLDER}/{example.page}.rst" for example in EXAMPLES}
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for them; mend links as pages are read."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / FOLDER))
    app.connect("source-read", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write(folder: Path) -> None:
    """Write the page of each example."""
    keep(folder, {f"{example.page}.rst": page(folder, example) for example in EXAMPLES})


def cards(folder: Path) -> str:
    """Write a card for each example, in chapters, for the first page of the gallery."""
    text = ""
    for chapter, examples in CHAPTERS.items():
        inner = "\n".join(card(folder, example) for example in examples)
        text += f"\n## {chapter}\n\n::::{{grid}} 1 2 3 3\n:gutter: 3\n{inner}\n::::\n\n"
    return text


def card(folder: Path, example: Example) -> str:
    """Write the picture of an example, its title, and how well it does."""
    head = f":::{{grid-item-card}} {example.title}\n:link: {example.page}\n:link-type: doc\n"
    shown = "\n".join(
        f"```{{image}} {path}\n:alt: {alt}\n:class: {look}\n:loading: lazy\n```"
        for path, alt, look in pictures(folder, example)
    )
    said = about(example)[0].partition(":")[0].rstrip(".") + "."
    return f"{head}\n{shown}\n\n{said} {example.result}\n:::"


def pictures(folder: Path, example: Example) -> list[tuple[str, str, str]]:
    """The pictures of an example: path, what it shows, and when it is to be seen."""
    return [
        (f"pictures/{example.page}{ending}.webp", example.shows, look)
        for ending, look in (("", "only-light"), ("-dark", "only-dark"))
    ]


def about(example: Example) -> tuple[str, str]:
    """The first line of an example's docstring, and the rest."""
    text = ast.parse((ROOT / "examples" / example.path).read_text(encoding="utf-8"))
    first, _, more = (ast.get_docstring(text) or "").partition("\n")
    return first, more.strip("\n")


def page(folder: Path, example: Example) -> str:
    """Write what an example says of itself, and the example."""
    first, more = about(example)
    shown = "\n".join(
        f".. image:: {path}\n   :alt: {alt}\n   :class: {look}\n"
        for path, alt, look in pictures(folder, example)
    )
    said = "\n\n".join(
        f"::\n\n{block}" if block.startswith("    ") else escape(block)
        for block in [first, *more.split("\n\n")]
    )
    line = "=" * len(example.title)
    result = f"Result on data not seen in training: {example.result}.\n" if example.result else ""
    return (
        f":orphan:\n\n{example.title}\n{line}\n\n{said}\n\n{result}\n{shown}\n"
        f"``examples/{example.path}``:\n\n"
        f".. literalinclude:: /../examples/{example.path}\n   :language: python\n"
    )


def mend(app: Sphinx, name: str, content: list[str]) -> None:
    """Put files of the repository where pages show them, and lead all links to pages."""
    source = COPIES.get(name, f"docs/{name}.md")
    if name == f"{FOLDER}/index":
        content[0] = content[0].replace("<!-- cards -->", cards(Path(app.srcdir) / FOLDER))
    if name in COPIES:
        app.env.note_dependency(str(ROOT / source))
        content[0] = (ROOT / source).read_text(encoding="utf-8")

    def mended(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[1]))
        path = ELSEWHERE.get(path, path.removeprefix("docs/") if path.startswith("docs/") else "")
        return f"](/{path}" if path else found[0]

    content[0] = re.sub(r"\n\n```$", "\n```", content[0], flags=re.M)  # doctest ends so
    content[0] = re.sub(r"\]\(([^)#:\s]+)(?=[)#])", mended, content[0])
