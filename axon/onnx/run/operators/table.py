"""The operators that a graph may name: what each one computes, and in which order it wants axes."""

from collections.abc import Callable
from typing import Any, NamedTuple

from axon.onnx.run.operators.values import Arranged, Values, plain

Run = Callable[..., Any]
Attributes = dict[str, Any]


class Operator(NamedTuple):
    """One operator.

    Attributes:
        name: what files call it.
        run: (attributes, *inputs) -> a Tensor.
        arrange: how the axes of its inputs are to lie, and those of the result then do.
        static: the names of inputs that must be known before the network runs, by their place;
            they are handed to ``run`` among the attributes.
        host: the same as ``run`` for arrays, where AXON has no operation of its own.
        pick: (attributes, what ``run`` gave, number) -> one of several results.
        quiet: nothing is computed: it is not shown as a part of the network.
        chapter: where it stands.
    """

    name: str
    run: Run
    arrange: Callable[[Values, Attributes], Arranged]
    static: dict[int, str]
    host: Run | None
    pick: Run | None
    quiet: bool
    chapter: str


OPERATORS: dict[str, Operator] = {}


def operator(
    *names: str,
    arrange: Callable[[Values, Attributes], Arranged] = plain,
    static: dict[int, str] | None = None,
    host: Run | None = None,
    pick: Run | None = None,
    quiet: bool = False,
) -> Callable[[Run], Run]:
    """Enter a function into the table, under the names that files use."""

    def enter(run: Run) -> Run:
        for name in names:
            made = Operator(name, run, arrange, static or {}, host, pick, quiet, run.__module__)
            OPERATORS[name] = made
        return run

    return enter
