"""What ``model.summary()`` prints: the layers as a table in Keras's layout, and the totals."""

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from axon.backend import Array
from axon.core import Tensor
from axon.inspect.call_graph import ModuleCall, Structure
from axon.layers.model_like import ModelLike
from axon.layers.module import Module
from axon.names import printable, size
from axon.optimizers import Optimizer
from axon.parameter import Parameter
from axon.program.cost import multiply_adds
from axon.program.plan import Plan
from axon.program.trace import Instruction

NARROWEST = {"Layer (type)": 12, "Output Shape": 8}
USUAL = {"Layer (type)": 34, "Output Shape": 24, "Param #": 14, "Trainable": 11, "FLOPs": 14}
CONNECTED = "  Connected to"  # what a layer of a graph reads
NARROWEST[CONNECTED] = 14
WIDTHS = {**USUAL, CONNECTED: 28}
LEFT = ("Layer (type)", "Output Shape", CONNECTED)


class Summarized(ModelLike, Protocol):
    """A model; what is compiled has an optimizer, whose memory counts."""

    @property
    def compiled(self) -> bool:
        """Whether it has been compiled."""

    @property
    def optimizer(self) -> Optimizer:
        """What changes its weights."""

    def parameters(self) -> list[Parameter]:
        """What is learned."""

    def connections(self) -> dict[int, list[str]]:
        """By the id of each layer, what it reads, if that is known and no plain chain."""


class Summary:
    """The rows and the totals of the table.

    Args:
        model: built or not.
        show_trainable: say of each layer whether training changes it.
        expand_nested: list the layers inside layers and models, too.
        flops: count floating-point operations and memory of one prediction: two for each
            multiply-add of matrix products and convolutions, nothing for all others.
    """

    def __init__(
        self,
        model: Summarized,
        show_trainable: bool = False,
        expand_nested: bool = False,
        flops: bool = False,
    ) -> None:
        self.model, self.show_trainable, self.flops = model, show_trainable, flops
        self.lines = list(_lines(model, 0, expand_nested))
        self.structure = self._structure()
        self.connections = model.connections()

    def _structure(self) -> Structure | None:
        """The model as it runs, if that has to be known."""
        unknown = any(getattr(line.module, "output_shape", None) is None for line in self.lines)
        if self.model.input_shape is None or not (unknown or self.flops):
            return None
        return Structure(self.model, (line.module for line in self.lines))

    @property
    def columns(self) -> list[str]:
        """What stands above them."""
        more = [(self.show_trainable, "Trainable"), (self.flops, "FLOPs")]
        named = ["Layer (type)", "Output Shape", "Param #", *(name for on, name in more if on)]
        return [*named, *([CONNECTED] if self.connections else [])]

    @property
    def rows(self) -> list[list[str]]:
        """One for each layer, a cell for each column."""
        return [self._row(line) for line in self.lines]

    def _row(self, line: "SummaryRow") -> list[str]:
        module, calls = line.module, self._calls(line.module)
        shape = getattr(module, "output_shape", None)
        if shape is None and calls:
            shape = calls[0].output.shape[1:]
        row = [line.text, "not built" if shape is None else _shown(shape)]
        row.append(f"{sum(t.size for t in _numbers(module)):,}")
        if self.show_trainable:
            row.append(_trainable(module))
        if self.flops:
            row.append(f"{self._flops(calls):,}" if self.structure else "-")
        if self.connections:
            row.append("  " + (", ".join(self.connections.get(id(module), [])) or "-"))
        return row

    def _calls(self, module: Module) -> list[ModuleCall]:
        return [c for c in self.structure.calls if c.module is module] if self.structure else []

    def _flops(self, calls: list[ModuleCall]) -> int:
        assert self.structure
        done = (i for c in calls for i in self.structure.instructions[c.start : c.stop])
        return sum(map(operations, done))

    @property
    def totals(self) -> list[str]:
        """What stands below the table."""
        numbers = _numbers(self.model)
        trained = [t for t in numbers if t.requires_grad]
        fixed = [t for t in numbers if not t.requires_grad]
        parts = {"Total": numbers, "Trainable": trained, "Non-trainable": fixed}
        lines = [_total(what, [t.data for t in tensors]) for what, tensors in parts.items()]
        if self.model.compiled:
            lines.append(_total("Optimizer", list(self.model.optimizer.state().values())))
        return [*lines, *(self._work(self.structure) if self.flops and self.structure else [])]

    def _work(self, structure: Structure) -> list[str]:
        total = sum(map(operations, structure.instructions))
        plan = Plan(structure.instructions, structure.outputs)
        return [
            f"FLOPs of one prediction: {total:,} ({total // 2:,} multiply-adds)",
            f"Memory of one prediction: {size(plan.bytes_after)} in {len(plan.buffers)} buffers",
        ]


def _shown(shape: Any) -> str:
    """A shape, or those of several outputs, with None for the number of samples."""
    if isinstance(shape, dict):
        return ", ".join(f"{name}: {_shown(inner)}" for name, inner in shape.items())
    if isinstance(shape, list) or (shape and isinstance(shape[0], tuple)):
        return ", ".join(map(_shown, shape))
    return str((None, *shape))


class SummaryRow(NamedTuple):
    """A layer in the table, and what it is called there."""

    module: Module
    text: str


def _lines(model: Module | Summarized, depth: int, expand: bool) -> Iterator[SummaryRow]:
    for _, module in model.children():
        indent = "   " * (depth - 1) + "└─ " if depth else ""
        yield SummaryRow(module, f"{indent}{module.name} ({type(module).__name__})")
        if expand:
            yield from _lines(module, depth + 1, expand)


def _numbers(module: Module | Summarized) -> list[Tensor]:
    """What a module has learned: parameters, and buffers that hold floats, such as a mean."""
    buffers = [b for b in module.named_buffers().values() if b.dtype.kind == "f"]
    return list({id(t): t for t in (*module.parameters(), *buffers)}.values())


def _trainable(module: Module) -> str:
    parameters = [t for t in _numbers(module) if isinstance(t, Parameter)]
    trained = sum(p.requires_grad for p in parameters)
    return "-" if not parameters else "Y" if trained == len(parameters) else "YN"[trained == 0]


def _total(what: str, arrays: Sequence[Array]) -> str:
    count, nbytes = sum(a.size for a in arrays), sum(a.nbytes for a in arrays)
    return f"{what} params: {count:,} ({size(nbytes)})"


def operations(instruction: Instruction) -> int:
    """Floating-point operations of one instruction: two for each multiply-add."""
    return 2 * multiply_adds(instruction)


# ------------------------------------------------------------------------------------ on paper


def show(
    model: Summarized,
    print_fn: Callable[[str], object] | None = None,
    line_length: int | None = None,
    **options: bool,
) -> None:
    """Print the table: coloured on a terminal if rich is installed, as plain text elsewhere."""
    summary = Summary(model, **options)
    if print_fn is None and line_length is None and sys.stdout.isatty() and _coloured(summary):
        return
    (print_fn or print)(text(summary, line_length))


def text(summary: Summary, line_length: int | None = None) -> str:
    """The table as plain text, no line longer than ``line_length``."""
    columns, rows = summary.columns, summary.rows
    widths = fitted(columns, rows, line_length or _width(columns))
    rule = "-" * sum(widths)
    body = [_cut(columns, row, widths) for row in [columns, *rows]]
    head = f"Model: {printable(summary.model.name)}"
    return "\n".join([head, rule, body[0], rule, *body[1:], rule, *summary.totals])


def _width(columns: list[str]) -> int:
    if sys.stdout.isatty():
        from shutil import get_terminal_size  # only who looks at a table pays for it

        return get_terminal_size().columns
    return sum(WIDTHS[c] for c in columns)


def fitted(columns: list[str], rows: list[list[str]], space: int) -> list[int]:
    """A width for each column: as usual, wider if a cell needs it, less if there is no room.

    >>> fitted(["Layer (type)", "Param #"], [["dense (Dense)", "8"]], 100)
    [34, 14]
    >>> fitted(["Layer (type)", "Param #"], [["dense (Dense)", "8"]], 24)
    [15, 9]
    >>> fitted(["Layer (type)", "Param #"], [["a" * 50, "8"]], 40)
    [31, 9]
    """
    cells = [columns, *rows]
    needed = [max(len(row[i]) for row in cells) + 2 for i in range(len(columns))]
    widths = [max(n, WIDTHS[c]) for n, c in zip(needed, columns, strict=True)]
    order = sorted(range(len(columns)), key=lambda i: columns[i] in LEFT)  # numbers give way first
    for least in (needed, [NARROWEST.get(c, n) for n, c in zip(needed, columns, strict=True)]):
        for i in order:
            over = max(0, sum(widths) - space)
            widths[i] -= min(over, max(0, widths[i] - least[i]))
    return widths


def _cut(columns: list[str], cells: list[str], widths: list[int]) -> str:
    """Put one row together; what is too long ends in an ellipsis."""
    line = ""
    for column, cell, w in zip(columns, cells, widths, strict=True):
        cell = printable(cell)
        kept = cell if len(cell) < w else f"{cell[: w - 2]}…"
        line += f"{kept:<{w}}" if column in LEFT else f"{kept:>{w}}"
    return line


def _coloured(summary: Summary) -> bool:
    """Print the table with rich; False if it is not installed."""
    try:
        from rich import box
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        return False
    table = Table(box=box.ROUNDED, header_style="bold")
    for column in summary.columns:
        left = column in LEFT
        style = {"Layer (type)": "cyan", "Param #": "green"}.get(column)
        table.add_column(column, style=style, justify="left" if left else "right", no_wrap=True)
    for row in summary.rows:
        table.add_row(*map(printable, row))
    console = Console(highlight=False, markup=False)
    console.print(f"Model: {printable(summary.model.name)}", style="bold")
    console.print(table)
    for line in summary.totals:
        console.print(line)
    return True


# ------------------------------------------------------------------------------------ in notebooks


def model_html(model: Summarized) -> str:
    """The layers as a table, and the totals.

    Args:
        model: built or not, compiled or not.
    """
    from axon.html.parts import beginning, details, escape, framed

    summary = Summary(model)
    left = 2  # the columns of text
    total, *others = summary.totals
    parts = [beginning(summary.columns, summary.rows, left)]
    if any(module.children() for module in (line.module for line in summary.lines)):
        inner = Summary(model, expand_nested=True)
        if len(inner.rows) > len(summary.rows):
            parts.append(details("Layers inside", beginning(inner.columns, inner.rows, left)))
    if model.compiled:
        others += [f"Optimizer: {model.optimizer}"]
    below = "".join(f"<p>{escape(line)}</p>" for line in others)
    note = f"{type(model).__name__}, {total[0].lower()}{total[1:]}"
    return framed(model.name, *parts, details("Totals", below), note=note)
