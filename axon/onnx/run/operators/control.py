"""Operators with graphs inside: their layers run them (axon/onnx/run/layers.py)."""

from typing import NoReturn

from axon.core import Tensor
from axon.onnx.ir import Graph
from axon.onnx.run.operators.table import operator

Ints = list[int] | None


@operator("If", quiet=True)
def if_(condition: Tensor, /, *, then_branch: Graph, else_branch: Graph) -> NoReturn:
    """One of two graphs."""
    raise NotImplementedError


@operator("Loop", quiet=True)
def loop(*xs: Tensor, body: Graph) -> NoReturn:
    """A graph, again and again."""
    raise NotImplementedError


@operator("Scan", quiet=True)
def scan(
    *xs: Tensor,
    body: Graph,
    by_sample: int = 0,
    num_scan_inputs: int,
    scan_input_axes: Ints = None,
    scan_input_directions: Ints = None,
    scan_output_axes: Ints = None,
    scan_output_directions: Ints = None,
) -> NoReturn:
    """A graph for each step of some sequences."""
    raise NotImplementedError
