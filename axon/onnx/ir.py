"""Graphs as ONNX has them: nodes, the names of the values between them, and what is said of those.

A file that is read, a file that is written and a graph inside a node (the body of a loop) are all
made of these.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from axon.backend import DType, Shape

STANDARD = ("", "ai.onnx")  # the names of the domain of the standard operators


class Node:
    """An operator, the names of what it reads and of what it gives, and its attributes.

    Args:
        op_type: what the standard calls the operator.
        inputs: names of values; "" for one that is left out.
        outputs: likewise.
        attributes: numbers, texts, lists of these, tensors and graphs.
        name: its own.
        domain: whose operator it is; "" for the standard's.
    """

    def __init__(
        self,
        op_type: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        attributes: Mapping[str, Any] | None = None,
        name: str = "",
        domain: str = "",
    ) -> None:
        self.op_type, self.name, self.domain = op_type, name, domain
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.attributes = dict(attributes or {})

    @property
    def graphs(self) -> "dict[str, Graph]":
        """The graphs inside, by the names of the attributes."""
        return {key: value for key, value in self.attributes.items() if isinstance(value, Graph)}

    def reads(self) -> list[str]:
        """All names that are read, by graphs inside, too."""
        inside = [name for graph in self.graphs.values() for name in graph.captured()]
        return [name for name in (*self.inputs, *inside) if name]

    def __str__(self) -> str:
        domain = "" if self.domain in STANDARD else f"{self.domain}."
        return f"{domain}{self.op_type}"

    @property
    def where(self) -> str:
        """What errors call it."""
        return f"{self} (node {self.name!r})"


class ValueInfo(NamedTuple):
    """What is said of a value: its name; its type, None if unknown; its sizes, None where open.

    ``stored`` is its type in a file, where that is half precision, which is computed in single.
    """

    name: str
    dtype: DType | str | None = None
    shape: Sequence[Any] | None = None
    stored: str | None = None


class Graph:
    """Nodes in the order in which they run, what enters and what leaves.

    Attributes:
        initializers: numbers by name; of a file they are decoded when asked for.
        values: what is said of values in between.
    """

    def __init__(
        self,
        nodes: list[Node],
        inputs: list[ValueInfo],
        outputs: list[ValueInfo],
        initializers: dict[str, Any] | None = None,
        values: Sequence[ValueInfo] = (),
    ) -> None:
        self.nodes, self.inputs, self.outputs = nodes, inputs, outputs
        self.initializers, self.values = initializers or {}, values

    def own(self) -> set[str]:
        """The names that are given here."""
        made = {name for node in self.nodes for name in node.outputs if name}
        return made | {value.name for value in self.inputs} | set(self.initializers)

    def captured(self) -> list[str]:
        """What this graph, which lies inside another, reads from around it."""
        own = self.own()
        read = [name for node in self.nodes for name in node.reads()]
        read += [value.name for value in self.outputs]
        return [name for name in dict.fromkeys(read) if name not in own]

    def every(self) -> Iterator[Node]:
        """All nodes, and behind each those of graphs inside it."""
        return every(self.nodes)


def every(nodes: Sequence[Node]) -> Iterator[Node]:
    """The nodes, and behind each those of graphs inside it."""
    for node in nodes:
        yield node
        for graph in node.graphs.values():
            yield from graph.every()


def inverse(order: Sequence[int]) -> Shape:
    """The order of axes that undoes another.

    >>> inverse((0, 3, 1, 2))
    (0, 2, 3, 1)
    """
    return tuple(sorted(range(len(order)), key=order.__getitem__))
