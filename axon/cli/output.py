"""What commands print: pairs, tables and notes, for terminals of any width, and for pipes."""

import json
import os
import sys
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from axon.names import printable

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 10_000  # columns of what is no terminal: no line is broken there
LEFT = 14  # columns of the names in pairs, at least


def console(stderr: bool = False) -> "Console":
    """Where rich prints to: colours on a terminal only, and none with NO_COLOR."""
    from rich.console import Console  # imported where used: --help and completion do without

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else WIDE
    return Console(highlight=False, stderr=stderr, width=width)


def print_pairs(rows: Sequence[tuple[str, str]], styles: Sequence[str] = ()) -> None:
    """Print a line ``Name           value`` for each pair; long values go on below themselves."""
    from rich.text import Text

    out, left = console(), max(LEFT, *(len(name) for name, _ in rows))
    for number, (name, value) in enumerate(rows):
        style = styles[number] if number < len(styles) else ""
        name, value = printable(name), printable(value)
        for line, text in enumerate(_lines(value, out.width - left - 1)):
            head = name if not line else ""
            out.print(Text.assemble((f"{head:<{left}} ", "dim"), (text, style)), soft_wrap=True)


def _lines(value: str, width: int) -> list[str]:
    """Cut a text at spaces; what has none, such as a path, stays in one piece to be copied."""
    broken = wrap(value, max(width, 20), break_long_words=False, break_on_hyphens=False)
    return broken or [""]


def print_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1, title: str = ""
) -> None:
    """Print columns under their names; the first ``left`` ones hold text, the others numbers."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    widths = (max(len(printable(line[i])) for line in (head, *rows)) for i in range(len(head)))
    gap = 2 if sum(widths) + 2 * len(head) <= out.width else 1
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim")
    for number, name in enumerate(map(printable, head)):
        side: Any = "left" if number < left else "right"
        table.add_column(Text(name), justify=side, overflow="fold", no_wrap=number >= left)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    with out.capture() as printed:
        out.print(
            Text(printable(title), "bold") if title else "",
            soft_wrap=True,
            end="\n" if title else "",
        )
        out.print(table)
    lines = printed.get().splitlines()
    sys.stdout.write("\n" + "".join(f"{line.rstrip()}\n" for line in lines))


def command_line(*words: str) -> str:
    """Words as a command that can be pasted into a shell of this machine.

    >>> command_line("axon", "train", "my data.csv").split()[:2]
    ['axon', 'train']
    """
    if os.name == "nt":
        from subprocess import list2cmdline

        return list2cmdline(words)
    from shlex import join

    return join(words)


def as_argument(path: str) -> str:
    """A path that no command takes for an option.

    >>> as_argument("-x.csv"), as_argument("x.csv")
    ('./-x.csv', 'x.csv')
    """
    return f"./{path}" if path.startswith("-") else path


def note(text: str) -> None:
    """Say something beside the results, on the standard error stream."""
    from rich.text import Text

    said = Text(wrapped(printable(text, keep="\n")), "yellow")
    console(stderr=True).print(said, soft_wrap=True)


def wrapped(text: str, prefix: str = "") -> str:
    """A text that will stand behind a prefix, in lines that a terminal does not break in words."""
    if not sys.stderr.isatty():
        return text
    from shutil import get_terminal_size

    width = max(get_terminal_size().columns - 1, 20)
    lines = [line for part in (prefix + text).split("\n") for line in _lines(part, width)]
    return "\n".join(lines).removeprefix(prefix)


def plural(count: int, thing: str) -> str:
    """A number of things.

    >>> plural(1, "class"), plural(2000, "class"), plural(3, "image")
    ('1 class', '2,000 classes', '3 images')
    """
    ending = "es" if thing.endswith("s") else "s"
    return f"{count:,} {thing}{'' if count == 1 else ending}"


def json_line(value: object) -> str:
    r"""A value as JSON that can be printed: other scripts stay, what is invisible is escaped.

    >>> json_line({"class": "\u00e9\x9b"})
    '{"class": "\\u00e9\\u009b"}'
    """
    line = json.dumps(value, ensure_ascii=False)
    if line.isprintable():
        return line
    return json.dumps(value).replace("\x7f", "\\u007f")
