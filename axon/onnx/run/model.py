"""GraphModel: a model whose forward runs a list of operators, as a file describes them."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from axon.backend import DType, Shape, as_array
from axon.core import Tensor
from axon.layers.module import Module
from axon.models.model import Model
from axon.modes import Mode, TrainingMode, modes, no_grad
from axon.names import printable
from axon.onnx.run import operators
from axon.onnx.run.operators.node import Node
from axon.onnx.run.operators.nodes import made_node
from axon.onnx.run.operators.values import LARGEST, Trial, Value, inverse, room
from axon.parameter import Buffer, Parameter

assert operators  # importing them fills the table
ROOM = 2**25  # numbers in all results for one sample that a network without weights may make,
GROWTH = 2**10  # and how many more for each of its weights,
MANY = 8  # samples, up to which that grows with their number
PASSES = 8  # and for each number of the sample
KINDS = {"parameter": Parameter, "buffer": Buffer, "constant": Buffer}
DTYPES = frozenset(
    f"{kind}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64)
) - {"float8", "float16"} | {"bool"}


class GraphModel(Model):
    """A network as a graph of operators; ``axon.onnx.load`` makes it of an ONNX file.

    It is trained, saved and looked at like any other model. Its parameters are called as in the
    file; each operator that computes something is one of its layers.

    Args:
        graph: nested dicts and lists, as JSON holds them: ``inputs`` with name, dtype and shape
            (None where a size is open); ``output``, a name; ``nodes`` with op, name, inputs,
            outputs, attributes, in the order in which they run; ``weights`` with name, kind
            ("parameter", "buffer" or "constant"), dtype, shape and perhaps order: how the axes of
            the file lie in memory here; ``constants`` with dtype, shape and values; ``batch``: how
            many samples the file was made for, None if any number; ``only``: it takes these alone;
            ``declared``: the shapes of values that it names, None where a size is open.
        name: what it is called.

    Raises:
        ValueError: names that nothing computes, unknown operators, sizes that cannot be.

    >>> graph = {
    ...     "inputs": [{"name": "x", "dtype": "float32", "shape": [None, 2]}],
    ...     "nodes": [{"op": "Relu", "inputs": ["x"], "outputs": ["y"]}],
    ...     "output": "y",
    ... }
    >>> GraphModel(graph).predict([[-1.0, 2.0]])
    array([[0., 2.]], dtype=float32)
    """

    def __init__(self, graph: dict[str, Any], name: str | None = None) -> None:
        super().__init__(name)
        self.graph = graph
        self.entries = [_entry(given) for given in graph["inputs"]]
        self.fixed: dict[str, Value] = {}
        self.weights: dict[str, Tensor] = {}  # by path
        for key, described in graph.get("constants", {}).items():
            self.fixed[key] = Value(_constant(described))
        for key, described in graph.get("weights", {}).items():
            self._add_weight(key, described)
        self.nodes = [made_node(described, i) for i, described in enumerate(graph["nodes"])]
        self.output = str(graph["output"])
        self._check()
        self._own()

    def _add_weight(self, key: str, described: Mapping[str, Any]) -> None:
        """Make a weight, zeros at first."""
        shape, dtype = room(described["shape"], 2**31), _dtype(described["dtype"])
        order = described.get("order")
        axes = tuple(range(len(shape))) if order is None else tuple(order)
        if sorted(axes) != list(range(len(shape))):
            raise ValueError(f"weight {key!r}: order {axes} does not fit shape {shape}.")
        lying = tuple(shape[i] for i in inverse(axes))
        made: Tensor = KINDS[described["kind"]](np.zeros(lying, dtype))
        if isinstance(made, Parameter):
            made.name = described["name"]
        self.weights[str(described["name"])] = made
        data = made.data if described["kind"] == "constant" else made
        self.fixed[key] = Value(data, None if order is None else axes)

    def _check(self) -> None:
        """Every name must be known before it is read, and given once."""
        known = {entry["name"] for entry in self.entries} | set(self.fixed)
        if not self.entries or len(known) < len(self.entries) + len(self.fixed):
            raise ValueError("a graph needs inputs, each of a name of its own.")
        for node in self.nodes:
            missing = [i for i in (*node.inputs, *node.captures()) if i and i not in known]
            if missing:
                raise ValueError(f"node {node.name!r}: nothing gives {missing[0]!r} before it.")
            outputs = [o for o in node.outputs if o]
            if known & set(outputs) or len(set(outputs)) < len(outputs):
                raise ValueError(f"node {node.name!r}: one of {outputs} is given already.")
            known |= set(outputs)
        if self.output not in known:
            raise ValueError(f"nothing gives the output {self.output!r}.")

    def _own(self) -> None:
        """Each weight belongs to the first node shown that it reaches: there it can be frozen."""
        paths = {id(tensor): path for path, tensor in self.weights.items()}
        reached = {key: [value.data] for key, value in self.fixed.items()}
        for node in self.every_node():
            reached.update((name, reached.get(i, [])) for name, i in node.passed_in().items())
            held = [t for name in node.inputs for t in reached.get(name, ())]
            if not node.shown:
                reached.update((name, held) for name in node.outputs)
                continue
            for tensor in held:
                if id(tensor) in paths:
                    node.hold(paths.pop(id(tensor)), tensor)

    def every_node(self) -> Iterator[Node]:
        """All nodes, those of graphs inside them behind each."""
        waiting = self.nodes[::-1]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.inner()[::-1]

    # -------------------------------------------------------------------- as a Module

    def children(self) -> Iterator[tuple[str, Module]]:
        """The nodes that compute something, by name."""
        return ((node.name, node) for node in self.every_node() if node.shown)

    def _named(self, kind: Any) -> dict[str, Any]:
        found = {path: t for path, t in self.weights.items() if isinstance(t, kind)}
        for node in self.every_node():
            found.update((f"{node.name}/{path}", t) for path, t in node.own(kind).items())
        return found

    @property
    def input_names(self) -> list[str]:
        """What the file calls the inputs."""
        return [entry["name"] for entry in self.entries]

    @property
    def input_dtype(self) -> DType:
        """What the data are converted to: whole numbers if an input holds such."""
        dtypes = [_dtype(entry["dtype"]) for entry in self.entries]
        whole = any(dtype.kind in "iub" for dtype in dtypes)
        return np.dtype(np.int64) if whole else dtypes[0]

    @property
    def least_batch(self) -> int:
        """What the node that needs the most samples needs."""
        return max((node.least_batch for node in self.every_node()), default=1)

    def build(self, *input_shapes: Shape) -> Shape:
        """Check that inputs of these shapes (without the batch axis) fit, and run one sample."""
        shapes = [entry["shape"] for entry in self.entries]
        if len(shapes) != len(input_shapes):
            raise ValueError(
                f"model {self.name!r} takes {len(shapes)} inputs, {self.input_names}, got "
                f"{len(input_shapes)}."
            )
        for entry, given in zip(self.entries, input_shapes, strict=True):
            _demand_fit(self.name, entry, given)
        with self.trial(input_shapes):
            self._settle_squeezes(input_shapes)
            return super().build(*input_shapes)

    def trial(self, input_shapes: tuple[Shape, ...], samples: int = 2) -> Trial:
        """What may be computed to find out whether inputs fit."""
        held = sum(weight.size for weight in self.weights.values())
        given = sum(prod(shape) for shape in input_shapes)
        times = min(samples, MANY)
        return Trial((ROOM + GROWTH * held) * times + PASSES * samples * given, held * times)

    @property
    def only_batch(self) -> int | None:
        """How many samples the network takes at a time, if that is written into it."""
        return self.graph.get("only")

    def tried(self, inputs: Sequence[Any]) -> dict[str, Value]:
        """All values for some inputs, unrecorded, with nothing trained."""
        with Mode("recorder", None), TrainingMode(False), no_grad(), np.errstate(all="ignore"):
            return self._computed([x if isinstance(x, Tensor) else Tensor(x) for x in inputs])

    def _zeros(self, input_shapes: Sequence[Shape], samples: int) -> list[Any]:
        dtypes = [_dtype(entry["dtype"]) for entry in self.entries]
        pairs = zip(input_shapes, dtypes, strict=True)
        return [np.zeros(room((samples, *shape)), dtype) for shape, dtype in pairs]

    def _shape_after(self, input_shapes: tuple[Shape, ...]) -> Shape:
        """Pass zeros through; what comes out must be of the shapes that the file declares."""
        samples = self.only_batch or 1
        env = self.tried(self._zeros(input_shapes, samples))
        self.demand_declared(env, samples)
        out = self.output_of(env).shape
        if out[:1] != (samples,):
            given = ", ".join(str((samples, *shape)) for shape in input_shapes)
            raise ValueError(f"{samples} samples went in, shape {given}, but {out} came out.")
        return out[1:]

    def open_squeezes(self) -> list[Node]:
        """The nodes that leave out all axes of size 1, whichever these are."""
        nodes = [node for node in self.nodes if node.op == "Squeeze" and len(node.inputs) < 2]
        return [node for node in nodes if "axes" not in node.attributes]

    def squeeze_like(self, samples_first: Mapping[Node, bool]) -> None:
        """Say of which of these nodes the first axis is that of the samples, and is kept."""
        for node, told in zip(self.nodes, self.graph["nodes"], strict=True):
            if node in samples_first:
                node.attributes["samples_first"] = int(samples_first[node])
                told["attributes"] = dict(node.attributes)

    def _settle_squeezes(self, input_shapes: tuple[Shape, ...]) -> None:
        """Find out, with two samples, of which first axes of size 1 are not those of samples."""
        nodes = [n for n in self.open_squeezes() if "samples_first" not in n.attributes]
        if not nodes or self.only_batch:
            return
        try:
            self.tried(self._zeros(input_shapes, 2))
        except ValueError:
            return  # what does not fit two samples, one sample will tell
        self.squeeze_like({node: node.first != (1,) for node in nodes})

    def demand_declared(self, env: Mapping[str, Value], samples: int) -> None:
        """Raise ValueError if values are of other shapes than the file declares.

        Where it was made for another number of samples, sizes may follow from that: then only the
        number of axes has to be right; where for any, all but the first size.
        """
        made_for = self.graph.get("batch")
        for name, sizes in self.graph.get("declared", {}).items():
            if name not in env:
                continue
            made = env[name].shape
            start = len(sizes) if made_for not in (None, samples) else int(made_for is None)
            pairs = list(zip(sizes, made, strict=False))[start:]
            if len(made) != len(sizes) or any(n is not None and n != m for n, m in pairs):
                shown = ", ".join("any" if n is None else str(n) for n in sizes)
                raise ValueError(
                    f"the file declares {name!r} to be of shape ({shown}), but AXON makes {made} "
                    "of it: AXON may understand an operator before it in another way."
                )

    # -------------------------------------------------------------------- forward

    def forward(self, *inputs: Any) -> Any:
        """Run the nodes in order: (n, ...) arrays or Tensors in, the same kind out."""
        if any(isinstance(x, Tensor) for x in inputs):
            return self._run([x if isinstance(x, Tensor) else Tensor(as_array(x)) for x in inputs])
        pairs = zip(self.entries, inputs, strict=False)
        arrays = [as_array(x, _dtype(entry["dtype"])) for entry, x in pairs]
        given = [Tensor(x, requires_grad=modes.grad and x.dtype.kind == "f") for x in arrays]
        return self._run(given).data.copy()

    def _run(self, inputs: list[Tensor]) -> Tensor:
        if len(inputs) != len(self.entries):
            raise ValueError(
                f"model {self.name!r} takes {len(self.entries)} inputs, {self.input_names}, got "
                f"{len(inputs)}."
            )
        return self.output_of(self._computed(inputs))

    def _computed(self, inputs: list[Tensor]) -> dict[str, Value]:
        env = dict(self.fixed)
        for entry, x in zip(self.entries, inputs, strict=True):
            dtype = _dtype(entry["dtype"])
            env[entry["name"]] = Value(x if x.dtype == dtype else x.astype(dtype))
        first, made_for = inputs[0].shape[:1], self.graph.get("batch")
        if self.only_batch and first != (self.only_batch,):
            raise ValueError(
                f"model {self.name!r} takes {self.only_batch} samples at a time, as the file was "
                f"made for, got {first[0]}. Give it a multiple of them, with batch_size="
                f"{self.only_batch}; or export the network for any number of samples."
            )
        hints = {"batch": (made_for, *first)} if made_for is not None else {}
        for node in self.nodes:
            env.update(zip(node.outputs, node.step(env, hints), strict=False))
        return env

    def output_of(self, env: Mapping[str, Value]) -> Tensor:
        """What the model gives, among all values."""
        out = env[self.output].natural()
        if not isinstance(out, Tensor):
            raise ValueError(f"the output {self.output!r} does not depend on the inputs.")
        return out

    def __repr__(self) -> str:
        return printable(f"GraphModel({', '.join(self.input_names)} -> {self.output})")


def _dtype(name: Any) -> DType:
    if name not in DTYPES:
        raise ValueError(f"a graph holds numbers, not {name!r}.")
    return np.dtype(name)


def _entry(given: Mapping[str, Any]) -> dict[str, Any]:
    shape = given.get("shape")
    sizes = None if shape is None else [None if n is None else int(n) for n in shape]
    if sizes is not None:
        room([n or 0 for n in sizes], LARGEST)
    _dtype(given["dtype"])
    return {"name": str(given["name"]), "dtype": given["dtype"], "shape": sizes}


def _constant(described: Mapping[str, Any]) -> Any:
    shape = room(described["shape"], LARGEST)
    return np.array(described["values"], _dtype(described["dtype"])).reshape(shape)


def _demand_fit(model: str, entry: Mapping[str, Any], given: Shape) -> None:
    wanted = entry["shape"]
    if wanted is None:
        return
    sizes = wanted[1:]
    fits = len(sizes) == len(given) and all(
        n is None or n == m for n, m in zip(sizes, given, strict=True)
    )
    if not fits:
        shown = ", ".join("any" if n is None else str(n) for n in ("n", *sizes))
        raise ValueError(
            f"model {model!r}: input {entry['name']!r} must have shape ({shown}), got "
            f"{('n', *given)}."
        )
