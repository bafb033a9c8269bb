"""Load: an ONNX file as a model that predicts, and can be trained further."""

import os
import re
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from axon.backend import Array
from axon.names import suggestion
from axon.onnx.load.batch_size import ROOM, settle
from axon.onnx.load.classes import class_names
from axon.onnx.load.read import SEQUENCE, Entry, File, Net, Op, read
from axon.onnx.load.tensors import OnnxFileError
from axon.onnx.load.versions import Lowering, known, objection
from axon.onnx.load.weights import Roles
from axon.onnx.run import GraphModel
from axon.onnx.run.operators.convolution import kernel_order
from axon.onnx.run.operators.nodes import made_node
from axon.onnx.run.operators.table import OPERATORS
from axon.onnx.run.operators.values import Trial, Value

INLINE = 64  # numbers of a constant that are written into the graph itself
FOLDED = 2**24  # numbers that all constants together may become that are computed while loading,
AGAIN = 16  # besides so many times the numbers in the file
DAMAGE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)


def load(path: "str | os.PathLike[str]", outputs: str | None = None) -> GraphModel:
    """Read an ONNX file as a model: it predicts, can be compiled and trained, saved and exported.

    Weights become parameters under their names in the file; kernels of convolutions lie as AXON's
    do, (height, width, channels, filters). Batch normalization and dropout act as such while
    training. Images enter in the file's order, mostly (n, channels, height, width).

    Args:
        path: the file; weights beside it must lie in the same folder.
        outputs: the name of the output that the model is to have, where a file has several. By
            default it is the only one, or the only one that holds numbers with a fraction: of
            scikit-learn's classifiers the probabilities.

    Raises:
        ImportError: the package onnx is missing.
        OSError: the file cannot be read.
        OnnxFileError: it is damaged, or needs what AXON does not have: every such operator is
            named.
    """
    name = os.path.splitext(os.path.basename(os.fspath(path)))[0]
    try:
        return made(read(path), outputs, name)
    except OnnxFileError as error:
        raise OnnxFileError(f"{path}: {error}") from error
    except MemoryError as error:
        raise OnnxFileError(f"{path}: what it describes does not fit into memory.") from error
    except DAMAGE as error:
        raise OnnxFileError(f"{path} cannot be loaded: {error}") from error


def made(file: File, outputs: str | None, name: str) -> GraphModel:
    """Make the model that a file describes."""
    output = chosen_output(file.net, outputs)
    nodes = file.net.order(output)
    demand_known(nodes)
    names = class_names(file.net, nodes)
    graph, arrays = Assembly(file, nodes, output).graph()
    model = GraphModel(graph, name=name)
    for path, values in arrays.items():
        model.weights[path].assign(values)
    model.metadata = file.metadata
    if names and "class_names" not in model.metadata:
        model.metadata["class_names"] = names
    shapes = [entry["shape"] for entry in model.entries]
    if all(shape is not None and None not in shape[1:] for shape in shapes):
        settle(model, tuple(tuple(shape[1:]) for shape in shapes))
    return model


# ------------------------------------------------------------------------------------ what to load


def chosen_output(net: Net, asked: str | None) -> str:
    """The name of the output that the model is to have.

    Raises:
        OnnxFileError: there are several, or none of that name.
    """
    names = [entry.name for entry in net.outputs]
    if asked is not None:
        if asked in names:
            return str(asked)
        hint = suggestion(str(asked), names)
        raise OnnxFileError(f"there is no output {asked!r}.{hint} There are {_listed(names)}.")
    numbers = [e.name for e in net.outputs if e.dtype in ("float32", "float64", SEQUENCE, None)]
    for chosen in (names, numbers):
        if len(chosen) == 1:
            return chosen[0]
    raise OnnxFileError(
        f"there are {len(names)} outputs: {_listed(names)}. A model has one: choose it with "
        f"load(path, outputs={names[0] if names else ''!r})."
    )


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def demand_known(nodes: list[Op]) -> None:
    """Raise OnnxFileError, naming all operators that AXON does not have and where they stand."""
    every = list(_deep(nodes))
    read = {name for op in every for name in op.reads()}
    missing: dict[str, list[str]] = {}
    for op in every:
        why = objection(op, read) if known(op, OPERATORS) else "unknown"
        if why:
            what = str(op) if why == "unknown" else f"{op} with {why}"
            missing.setdefault(what, []).append(op.name or next(iter(op.outputs), ""))
    if missing:
        lines = [f"  {what} ({_places(names)})" for what, names in missing.items()]
        raise OnnxFileError("AXON cannot compute these operators:\n" + "\n".join(lines))


def _deep(nodes: list[Op]) -> Iterator[Op]:
    for op in nodes:
        yield op
        for net in op.graphs.values():
            yield from net.every()


def _places(names: list[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"node{'s' * (len(names) > 1)} {', '.join(map(repr, names[:4]))}{more}"


# ------------------------------------------------------------------------------------ the graph


class Assembly:
    """Puts together what a GraphModel is made of: nested dicts and lists, and arrays."""

    def __init__(self, file: File, nodes: list[Op], output: str) -> None:
        self.file, self.output = file, output
        self.low = Lowering(file.opset)
        self.arrays: dict[str, Array] = {}
        self.initializers: set[str] = set()
        self._take(file.net, {n for op in nodes for n in op.reads()} | {output}, "")
        self.ops = self._lowered(nodes, file.net, "")
        self.arrays |= self.low.arrays
        self.entries = self._entries(file.net.inputs)
        self._copy_shared()
        self.roles = Roles(_flat(self.ops), self.arrays, self.initializers, self.low.lent)
        self._fold()
        self._blank_unused()

    def _take(self, net: Net, read: Collection[str], prefix: str) -> None:
        for name in net.tensors:
            if name in read:
                self.arrays[prefix + name] = net.array(name)
                self.initializers.add(prefix + name)

    def _lowered(self, nodes: list[Op], net: Net, prefix: str) -> list[Op]:
        """Nodes rewritten; graphs inside them, too, under names of their own."""
        low = Lowering(self.file.opset)
        low.arrays, low.lent = self.low.arrays, self.low.lent
        for op in nodes:
            for key, inner in op.graphs.items():
                op.attributes[key] = self._inner(
                    inner, f"{prefix}{op.name or op.outputs[0]}/{key}/"
                )
            low.add(op, net.folder)
        return low.nodes

    def _inner(self, net: Net, prefix: str) -> dict[str, Any]:
        """A graph inside a node, whose names must not meet those around it."""
        own = {e.name for e in net.inputs} | set(net.tensors)
        own |= {name for op in net.nodes for name in op.outputs if name}
        self._take(net, own, prefix)

        def renamed(name: str) -> str:
            return prefix + name if name in own else name

        for op in net.nodes:
            op.inputs, op.outputs = (list(map(renamed, n)) for n in (op.inputs, op.outputs))
            op.name = f"{prefix}{op.name}" if op.name else ""
            for inner in op.graphs.values():
                _rename_captured(inner, renamed)
        return {
            "inputs": [renamed(e.name) for e in net.inputs],
            "outputs": [renamed(e.name) for e in net.outputs],
            "ops": self._lowered(net.nodes, net, prefix),
        }

    def _entries(self, given: list[Entry]) -> list[dict[str, Any]]:
        read = {name for op in _flat(self.ops) for name in op.reads()} | {self.output}
        entries = []
        for entry in (e for e in given if e.name in read):
            if entry.dtype in (None, "text", SEQUENCE):
                raise OnnxFileError(f"input {entry.name!r} holds no numbers.")
            if entry.shape == []:
                raise OnnxFileError(f"input {entry.name!r} has no axis for the samples.")
            if np.prod([float(n or 1) for n in (entry.shape or ())[1:]]) > ROOM:
                raise OnnxFileError(f"input {entry.name!r} claims the shape {entry.shape}.")
            shape = None if entry.shape is None else [None, *entry.shape[1:]]
            entries.append({"name": entry.name, "dtype": entry.dtype, "shape": shape})
        if not entries:
            raise OnnxFileError(f"the output {self.output!r} does not depend on any input.")
        self.batch = given[0].shape[0] if given[0].shape else None
        return entries

    def _copy_shared(self) -> None:
        """An Identity of an initializer is a weight of its own, that happened to be equal."""
        kept = []
        left = FOLDED + AGAIN * sum(array.size for array in self.arrays.values())
        for op in self.ops:
            name = op.inputs[0] if op.op == "Identity" and op.inputs else ""
            if name in self.initializers and op.outputs[0] != self.output:
                left -= self.arrays[name].size
                if left < 0:
                    raise OnnxFileError("it has far more copies of weights than weights.")
                self.arrays[op.outputs[0]] = self.arrays[name]
                self.initializers.add(op.outputs[0])
            else:
                kept.append(op)
        self.ops = kept

    def _fold(self) -> None:
        """Compute what depends on constants alone, and on no weight, once and for all."""
        weights = {*self.roles.parameters, *self.roles.buffers}
        known = {name: Value(a) for name, a in self.arrays.items() if name not in weights}
        held = sum(array.size for array in self.arrays.values())
        with Trial(FOLDED + AGAIN * held, held):
            self.ops = [op for op in self.ops if not self._became_known(op, known)]

    def _became_known(self, op: Op, known: dict[str, Value]) -> bool:
        """Whether the results of a node are constants, which then are among the known values."""
        if op.bodies or any(name not in known for name in op.reads()):
            return False
        results = made_node(_described(op, 0), "folded").step(known, {})
        known.update(zip(op.outputs, results, strict=False))
        self.arrays.update((n, v.data) for n, v in zip(op.outputs, results, strict=False))
        return True

    def _blank_unused(self) -> None:
        read = {name for op in _flat(self.ops) for name in op.reads()} | {self.output}
        read |= {n for op in _flat(self.ops) for body in op.bodies for n in body["outputs"]}
        for op in _flat(self.ops):
            op.outputs = [name if name in read else "" for name in op.outputs]

    def graph(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """The graph, and the values of its weights by path."""
        read = {n for op in _flat(self.ops) for n in op.reads()} | {self.output}
        read |= {n for op in _flat(self.ops) for body in op.bodies for n in body["outputs"]}
        weights, constants, values = {}, {}, {}
        orders = _orders(_flat(self.ops))
        paths: set[str] = set()
        for name, array in self.arrays.items():
            if name not in read:
                continue
            kind = self._kind(name)
            if kind == "constant" and array.size <= INLINE:
                constants[name] = {**_typed(array), "values": array.ravel().tolist()}
                continue
            path, order = _unique(safe(name), paths), orders.get(name)
            order = order if kind == "parameter" and order and len(order) == array.ndim else None
            told = {"name": path, "kind": kind, **_typed(array)}
            weights[name] = told if order is None else {**told, "order": list(order)}
            values[path] = array if order is None else array.transpose(np.argsort(order))
        names: set[str] = set()
        return {
            "inputs": self.entries,
            "output": self.output,
            "batch": self.batch,
            "declared": self._declared(),
            "nodes": [_described(op, i, names) for i, op in enumerate(self.ops)],
            "weights": weights,
            "constants": constants,
        }, values

    def _declared(self) -> dict[str, list[int | None]]:
        """The shapes that the file tells of what its nodes make."""
        made = {name for op in self.ops for name in op.outputs if name}
        told = [*self.file.net.values, *self.file.net.outputs]
        return {e.name: e.shape for e in told if e.name in made and e.shape is not None}

    def _kind(self, name: str) -> str:
        if name in self.roles.parameters:
            return "parameter"
        return "buffer" if name in self.roles.buffers else "constant"


def _rename_captured(net: Net, renamed: Any) -> None:
    """What a graph inside a graph reads from around it goes by its new name."""
    captured = set(net.captured())
    for op in net.nodes:
        op.inputs = [renamed(n) if n in captured else n for n in op.inputs]
        for inner in op.graphs.values():
            _rename_captured(inner, renamed)
    net.outputs = [
        e._replace(name=renamed(e.name)) if e.name in captured else e for e in net.outputs
    ]


def _flat(ops: list[Op]) -> list[Op]:
    """Nodes, and behind each those of graphs inside it."""
    return [x for op in ops for x in (op, *(i for b in op.bodies for i in _flat(b["ops"])))]


def _typed(array: Array) -> dict[str, Any]:
    return {"dtype": array.dtype.name, "shape": list(array.shape)}


def _orders(ops: list[Op]) -> dict[str, tuple[int, ...]]:
    """How weights lie in memory: as the first node that reads them wants them."""
    orders: dict[str, tuple[int, ...]] = {}
    for op in ops:
        if len(op.inputs) > 1 and op.op in ("Conv", "ConvTranspose"):
            rank = 2 + len(op.attributes.get("kernel_shape") or (1, 1))
            orders.setdefault(op.inputs[1], kernel_order(rank))
        elif len(op.inputs) > 1 and op.op == "Gemm" and op.attributes.get("transB"):
            orders.setdefault(op.inputs[1], (1, 0))
    return orders


def _described(op: Op, number: int, names: set[str] | None = None) -> dict[str, Any]:
    """A node as JSON holds it."""
    names = set() if names is None else names
    attributes = {}
    for key, value in op.attributes.items():
        if isinstance(value, dict) and "ops" in value:
            nodes = [_described(inner, i, names) for i, inner in enumerate(value["ops"])]
            value = {"inputs": value["inputs"], "outputs": value["outputs"], "nodes": nodes}
        attributes[key] = value
    name = _unique(safe(op.name or next(filter(None, op.outputs), f"{op.op}_{number}")), names)
    told = {"op": op.op, "name": name, "inputs": op.inputs, "outputs": op.outputs}
    return {**told, "attributes": attributes} if attributes else told


def safe(name: str) -> str:
    """A name as a path that leads nowhere else.

    >>> safe("/conv1/Conv"), safe("onnx::MatMul_7"), safe("../../etc/passwd"), safe("fc.weight")
    ('conv1/Conv', 'onnx_MatMul_7', 'etc/passwd', 'fc.weight')
    """
    parts = re.sub(r"[^A-Za-z0-9_.\-/]+", "_", name).split("/")
    kept = [part for part in parts if part.strip(".")]
    return "/".join(kept)[:200] or "unnamed"


def _unique(name: str, taken: set[str]) -> str:
    numbered = (f"{name}_{i}" for i in range(1, len(taken) + 1))
    found = name if name not in taken else next(n for n in numbered if n not in taken)
    taken.add(found)
    return found
