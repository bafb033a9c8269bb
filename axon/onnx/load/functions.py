"""Functions: operators that a file, or the standard itself, defines by other operators.

They are written out by the package onnx, where AXON has none of its own for them.
"""

from collections.abc import Iterator
from typing import Any

from axon.onnx.ir import STANDARD
from axon.onnx.load.tensors import OnnxFileError, Proto
from axon.onnx.run.operators.table import OPERATORS

DEEP = 4  # functions of the standard inside one another
MAX_NODES = 2**17  # that functions inside functions may become
Key = tuple[str, str]


def written_out(proto: Proto, opset: int) -> Proto:
    """The file with its functions, and those of the standard that AXON lacks, as plain nodes.

    Raises:
        OnnxFileError: functions call themselves, or become far too many nodes.
    """
    from onnx import inliner

    own = {(f.domain, f.name) for f in proto.functions}
    _demand_end(proto)
    try:
        for _ in range(DEEP):  # those of the standard are made of such, too
            wanted = own | {key for key in _standard(proto, opset) if key not in own}
            if not wanted:
                break
            proto = inliner.inline_selected_functions(
                proto, sorted(wanted), inline_schema_functions=True
            )
            own = {(f.domain, f.name) for f in proto.functions}
        return proto
    except Exception:  # the errors of onnx differ from version to version
        if not own:
            return proto  # the operators are named later, as what AXON does not have
        try:
            return inliner.inline_local_functions(proto)
        except Exception as error:
            raise OnnxFileError(f"its functions cannot be written out: {error}.") from None


def nodes_of(proto: Proto) -> Iterator[Proto]:
    """The nodes of a graph or function, and those of graphs inside them."""
    waiting = [proto]
    while waiting:
        for node in waiting.pop().node:
            yield node
            for told in node.attribute:
                waiting += [told.g] if told.HasField("g") else []
                waiting += told.graphs


def _standard(proto: Proto, opset: int) -> Iterator[Key]:
    """Operators of the standard that AXON has none of, but the standard has a definition for."""
    from onnx import defs

    for source in (proto.graph, *proto.functions):
        for node in nodes_of(source):
            if node.domain not in STANDARD or node.op_type in OPERATORS:
                continue
            try:
                schema: Any = defs.get_schema(node.op_type, opset, "")
            except defs.SchemaError:
                continue
            if schema.has_function or schema.has_context_dependent_function:
                yield node.domain, node.op_type


def _demand_end(proto: Proto) -> None:
    """Functions must not call themselves, nor become too many nodes."""
    bodies = {(f.domain, f.name): f for f in proto.functions}
    sizes: dict[Key, int | None] = {}

    def size(key: Key) -> int:
        if key not in bodies:
            return 1
        if key in sizes:
            known = sizes[key]
            if known is None:
                raise OnnxFileError(f"the function {key[1]!r} calls itself.")
            return known
        sizes[key] = None
        total = sum(size((node.domain, node.op_type)) for node in nodes_of(bodies[key]))
        if total > MAX_NODES:
            raise OnnxFileError(f"the function {key[1]!r} becomes {total} nodes.")
        sizes[key] = total
        return total

    if bodies:
        total = sum(size((node.domain, node.op_type)) for node in nodes_of(proto.graph))
        if total > MAX_NODES:
            raise OnnxFileError(f"its functions become {total} nodes.")
