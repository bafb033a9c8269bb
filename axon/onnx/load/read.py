"""Reading an ONNX file: what it says, as plain nodes and arrays, with all that is wrong refused."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from axon.backend import Array
from axon.onnx.extra import need_onnx
from axon.onnx.load.tensors import OnnxFileError, to_array, type_name

STANDARD = ("", "ai.onnx")
CLASSIC = "ai.onnx.ml"  # the domain of scikit-learn's models
OLDEST = 7  # before, broadcasting was another
NEWEST = 28  # what later ones change is not known yet
NEWEST_CLASSIC = 5
DEEPEST = 8  # graphs inside graphs
SEQUENCE = "sequence"


class Op:
    """A node of a file: operator, names of inputs and outputs, attributes as Python values."""

    def __init__(
        self,
        op: str,
        inputs: list[str],
        outputs: list[str],
        attributes: dict[str, Any] | None = None,
        name: str = "",
        domain: str = "",
    ) -> None:
        self.op, self.inputs, self.outputs = op, inputs, outputs
        self.attributes, self.name, self.domain = attributes or {}, name, domain

    @property
    def graphs(self) -> "dict[str, Net]":
        """The graphs inside."""
        return {key: value for key, value in self.attributes.items() if isinstance(value, Net)}

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The graphs inside, once they are rewritten."""
        return [v for v in self.attributes.values() if isinstance(v, dict)]

    def reads(self) -> list[str]:
        """All names that are read, by graphs inside, too."""
        inner = [name for net in self.graphs.values() for name in net.captured()]
        for body in self.bodies:
            made = {*body["inputs"], *(name for op in body["ops"] for name in op.outputs)}
            read = [*body["outputs"], *(name for op in body["ops"] for name in op.reads())]
            inner += [name for name in read if name not in made]
        return [name for name in (*self.inputs, *inner) if name]

    def __str__(self) -> str:
        domain = "" if self.domain in STANDARD else f"{self.domain}."
        return f"{domain}{self.op}"


class Entry(NamedTuple):
    """An input or output: its name; its type, None if unknown; its sizes, None where open."""

    name: str
    dtype: str | None
    shape: list[int | None] | None


class Net:
    """A graph of a file: inputs, outputs, nodes, and tensors that are decoded when asked for."""

    def __init__(self, proto: Any, folder: str | None, depth: int = 0) -> None:
        if depth > DEEPEST:
            raise OnnxFileError("graphs lie inside graphs too deeply.")
        self.folder = folder
        self.tensors = {tensor.name: tensor for tensor in proto.initializer}
        if len(self.tensors) < len(proto.initializer):
            raise OnnxFileError("two initializers have the same name.")
        if proto.sparse_initializer:
            raise OnnxFileError("sparse initializers are not supported.")
        told = [_entry(info) for info in proto.input]
        self.inputs = [entry for entry in told if entry.name not in self.tensors]
        self.outputs = [_entry(info) for info in proto.output]
        self.values = [Entry(v.name, None, _shape(v.type.tensor_type)) for v in proto.value_info]
        self.nodes = [self._op(node, depth) for node in proto.node]
        self._check()

    def _op(self, node: Any, depth: int) -> Op:
        where = f"{node.op_type} (node {node.name!r})"
        attributes = {}
        for attribute in node.attribute:
            if attribute.name in attributes:
                raise OnnxFileError(f"{where}: two attributes are called {attribute.name!r}.")
            attributes[attribute.name] = self._value(attribute, where, depth)
        names = list(node.input), list(node.output)
        return Op(node.op_type, *names, attributes, node.name, node.domain)

    def _value(self, attribute: Any, where: str, depth: int) -> Any:
        kind = attribute.type
        if kind == 4:
            return attribute.t
        if kind == 5:
            return Net(attribute.g, self.folder, depth + 1)
        if kind in (1, 2):
            return attribute.f if kind == 1 else attribute.i
        if kind == 3:
            return attribute.s.decode("utf-8", "replace")
        if kind in (6, 7):
            return list(attribute.floats if kind == 6 else attribute.ints)
        if kind == 8:
            return [text.decode("utf-8", "replace") for text in attribute.strings]
        raise OnnxFileError(f"{where}: attribute {attribute.name!r} is of an unknown type.")

    def _check(self) -> None:
        """Each name is given once."""
        given = set(self.tensors)
        for name in (e.name for e in self.inputs):
            if not name or name in given:
                raise OnnxFileError(f"two inputs are called {name!r}.")
            given.add(name)
        for node in self.nodes:
            for name in filter(None, node.outputs):
                if name in given:
                    raise OnnxFileError(f"{node} (node {node.name!r}): {name!r} is given twice.")
                given.add(name)

    def array(self, name: str) -> Array:
        """The values of a tensor."""
        return to_array(self.tensors[name], self.folder)

    def captured(self) -> list[str]:
        """What this graph, which lies inside another, reads from around it."""
        own = {e.name for e in self.inputs} | set(self.tensors)
        own |= {name for node in self.nodes for name in node.outputs}
        read = [name for node in self.nodes for name in node.reads()]
        read += [entry.name for entry in self.outputs]
        return [name for name in dict.fromkeys(read) if name not in own]

    def every(self) -> Iterator[Op]:
        """All nodes, those of graphs inside, too."""
        for node in self.nodes:
            yield node
            for net in node.graphs.values():
                yield from net.every()

    def order(self, output: str) -> list[Op]:
        """The nodes that an output needs, each behind those that it reads.

        Raises:
            OnnxFileError: something is missing, or nodes wait for each other.
        """
        makers = {name: node for node in self.nodes for name in node.outputs if name}
        known = {e.name for e in self.inputs} | set(self.tensors)
        made: list[Op] = []
        done: dict[int, bool] = {}  # id of a node -> whether it is placed, and not waiting
        stack = [(output, False)]
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
                raise OnnxFileError(f"{node} (node {node.name!r}) waits for its own result.")
        return made


def _entry(info: Any) -> Entry:
    kind = info.type.WhichOneof("value")
    if kind != "tensor_type":
        return Entry(info.name, SEQUENCE if kind else None, None)
    tensor = info.type.tensor_type
    number, shape = tensor.elem_type, _shape(tensor)
    if shape is not None and len(shape) > 32:
        raise OnnxFileError(f"input {info.name!r} has {len(shape)} axes.")
    dtype = "text" if number == 8 else type_name(number, f"{info.name!r}") if number else None
    return Entry(info.name, dtype, shape)


def _shape(tensor: Any) -> list[int | None] | None:
    """Sizes, None where open; None for all if nothing is said of them."""
    if not tensor.HasField("shape"):
        return None
    return [int(d.dim_value) if d.dim_value > 0 else None for d in tensor.shape.dim]


class File(NamedTuple):
    """What a file holds."""

    net: Net
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
    opset = _opset(proto)
    if not proto.graph.node:
        raise OnnxFileError("not an ONNX file, or one without a network.")
    producer = f"{proto.producer_name} {proto.producer_version}".strip()
    told = {entry.key: entry.value for entry in proto.metadata_props}
    return File(Net(proto.graph, folder), opset, {**told, "producer": producer, "opset": opset})


def _opset(proto: Any) -> int:
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
