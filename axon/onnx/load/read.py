"""Reading an ONNX file: what it says, as plain nodes and arrays, with all that is wrong refused."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from axon.onnx.extra import need_onnx
from axon.onnx.ir import STANDARD, Graph, Node, ValueInfo
from axon.onnx.load.functions import written_out
from axon.onnx.load.tensors import FileTensor, OnnxFileError, Proto, type_name

CLASSIC = "ai.onnx.ml"  # the domain of scikit-learn's models
OLDEST = 7  # before, broadcasting was another
CONVERTED = 3  # the package onnx converts those from here on
NEWEST = 28  # what later ones change is not known yet
NEWEST_CLASSIC = 5
DEEPEST = 8  # graphs inside graphs
SEQUENCE, TEXT = "sequence", "text"  # what a value may be that no number is
HALF = 10  # the elem_type of half precision


def graph_of(proto: Proto, folder: str | None, depth: int = 0) -> Graph:
    """A GraphProto as a Graph, whose initializers are decoded when asked for."""
    if depth > DEEPEST:
        raise OnnxFileError("graphs lie inside graphs too deeply.")
    initializers = {tensor.name: FileTensor(tensor, folder) for tensor in proto.initializer}
    if len(initializers) < len(proto.initializer):
        raise OnnxFileError("two initializers have the same name.")
    if proto.sparse_initializer:
        raise OnnxFileError("sparse initializers are not supported.")
    inputs, outputs = ([_info(told) for told in side] for side in (proto.input, proto.output))
    inputs = [value for value in inputs if value.name not in initializers]
    values = [ValueInfo(v.name, None, _shape(v.type.tensor_type)) for v in proto.value_info]
    nodes = [_node(node, folder, depth) for node in proto.node]
    graph = Graph(nodes, inputs, outputs, initializers, values)
    _demand_given_once(graph)
    return graph


def _node(proto: Proto, folder: str | None, depth: int) -> Node:
    node = Node(proto.op_type, proto.input, proto.output, None, proto.name, proto.domain)
    for told in proto.attribute:
        if told.name in node.attributes:
            raise OnnxFileError(f"{node.where}: two attributes are called {told.name!r}.")
        node.attributes[told.name] = _value(told, node, folder, depth)
    return node


def _value(told: Proto, node: Node, folder: str | None, depth: int) -> Any:
    """An attribute as Python has it."""
    match told.type:
        case 1 | 2:
            return told.f if told.type == 1 else told.i
        case 3:
            return told.s.decode("utf-8", "replace")
        case 4:
            return FileTensor(told.t, folder)
        case 5:
            return graph_of(told.g, folder, depth + 1)
        case 6 | 7:
            return list(told.floats if told.type == 6 else told.ints)
        case 8:
            return [text.decode("utf-8", "replace") for text in told.strings]
    raise OnnxFileError(f"{node.where}: attribute {told.name!r} is of an unknown type.")


def _demand_given_once(graph: Graph) -> None:
    given = set(graph.initializers)
    for value in graph.inputs:
        if not value.name or value.name in given:
            raise OnnxFileError(f"two inputs are called {value.name!r}.")
        given.add(value.name)
    for node in graph.nodes:
        for name in filter(None, node.outputs):
            if name in given:
                raise OnnxFileError(f"{node.where}: {name!r} is given twice.")
            given.add(name)


def leading_to(graph: Graph, outputs: Sequence[str]) -> list[Node]:
    """The nodes that outputs need, each behind those that it reads.

    Raises:
        OnnxFileError: something is missing, or nodes wait for each other.
    """
    makers = {name: node for node in graph.nodes for name in node.outputs if name}
    known = {value.name for value in graph.inputs} | set(graph.initializers)
    made: list[Node] = []
    done: dict[int, bool] = {}  # id of a node -> whether it is placed, and not waiting
    stack = [(name, False) for name in reversed(outputs)]
    while stack:
        name, ready = stack.pop()
        if name in known:
            continue
        if name not in makers:
            raise OnnxFileError(f"nothing gives {name!r}.")
        node = makers[name]
        if ready and not done[id(node)]:
            made.append(node)
            done[id(node)] = True
        elif not ready and id(node) not in done:
            done[id(node)] = False
            stack.append((name, True))
            stack += [(i, False) for i in node.reads()]
        elif not ready and not done[id(node)]:
            raise OnnxFileError(f"{node.where} waits for its own result.")
    return made


def _info(told: Proto) -> ValueInfo:
    field = told.type.WhichOneof("value")
    if field != "tensor_type":
        return ValueInfo(told.name, SEQUENCE if field else None)
    tensor = told.type.tensor_type
    number, shape = tensor.elem_type, _shape(tensor)
    if shape is not None and len(shape) > 32:
        raise OnnxFileError(f"input {told.name!r} has {len(shape)} axes.")
    dtype = TEXT if number == 8 else type_name(number, f"{told.name!r}") if number else None
    stored = "float16" if number == HALF else None
    return ValueInfo(told.name, dtype, shape, stored)


def _shape(tensor: Proto) -> list[int | None] | None:
    """Sizes, None where open; None for all if nothing is said of them."""
    if not tensor.HasField("shape"):
        return None
    return [int(d.dim_value) if d.dim_value > 0 else None for d in tensor.shape.dim]


class File(NamedTuple):
    """What a file holds: the network, the version of its operators, and what else is told."""

    graph: Graph
    opset: int
    metadata: dict[str, Any]


def read(path: "str | os.PathLike[str]") -> File:
    """Read a file.

    Raises:
        ImportError: the package onnx is missing.
        OSError: the file cannot be read.
        OnnxFileError: it is no ONNX file, or damaged.
    """
    need_onnx()
    with open(path, "rb") as stream:
        data = stream.read()
    return parse(data, os.path.dirname(os.path.abspath(path)))


def parse(data: bytes, folder: str | None) -> File:
    """Read what a file holds.

    Raises:
        OnnxFileError: it is no ONNX file, or damaged.
    """
    from onnx import ModelProto

    proto = ModelProto()
    try:
        proto.ParseFromString(data)
    except Exception as error:  # protobuf's own, which differ from version to version
        raise OnnxFileError(f"not an ONNX file: {error}.") from None
    proto = _of_today(proto)
    opset = _opset(proto)
    proto = written_out(proto, opset)
    if not proto.graph.node:
        raise OnnxFileError("not an ONNX file, or one without a network.")
    producer = f"{proto.producer_name} {proto.producer_version}".strip()
    told = {entry.key: entry.value for entry in proto.metadata_props}
    metadata = {**told, "producer": producer, "opset": opset}
    return File(graph_of(proto.graph, folder), opset, metadata)


def _of_today(proto: Proto) -> Proto:
    """A file of a set of operators before those that AXON reads, converted by the package onnx."""
    versions = [entry.version for entry in proto.opset_import if entry.domain in STANDARD]
    if len(versions) != 1 or not CONVERTED <= versions[0] < OLDEST or not proto.graph.node:
        return proto
    from onnx import checker, version_converter

    try:
        checker.check_model(proto)  # what converts it trusts it
        return version_converter.convert_version(proto, OLDEST)
    except Exception:  # the errors of onnx differ from version to version
        return proto  # what is wrong is said below, of the file as it is


def _opset(proto: Proto) -> int:
    """The version of the standard operators; those of other domains are checked."""
    if not proto.opset_import:
        raise OnnxFileError("not an ONNX file: it names no set of operators.")
    found: dict[str, set[int]] = {"": set(), CLASSIC: set()}
    for entry in proto.opset_import:
        domain = "" if entry.domain in STANDARD else entry.domain
        found.setdefault(domain, set()).add(entry.version)
    several = [domain for domain, versions in found.items() if len(versions) > 1]
    if several:
        raise OnnxFileError(f"it names several sets of operators of the domain {several[0]!r}.")
    own = [f for f in proto.functions if f.domain in (*STANDARD, CLASSIC)]
    if own:
        raise OnnxFileError(f"it defines the standard operator {own[0].name!r} anew.")
    _demand_between(found[CLASSIC], 1, NEWEST_CLASSIC, f"{CLASSIC} operator set")
    _demand_between(found[""], OLDEST, NEWEST, "operator set")
    return int(max(found[""], default=NEWEST))


def _demand_between(versions: set[int], oldest: int, newest: int, what: str) -> None:
    for version in versions:
        if version < oldest:
            raise OnnxFileError(
                f"the file is of {what} {version}; AXON reads {oldest} and later. Convert "
                "it: onnx.version_converter.convert_version(model, 13)."
            )
        if version > newest:
            raise OnnxFileError(
                f"the file is of {what} {version}; AXON knows those up to {newest}. Convert it: "
                f"onnx.version_converter.convert_version(model, {newest}), or get a later AXON."
            )
