"""GraphModel: a model whose forward runs a list of nodes, as a file describes them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from axon import ops
from axon.backend import Array, DType, Shape, as_array
from axon.core import Tensor
from axon.layers.module import Module
from axon.models.forms import batches_in, inputs_of
from axon.models.model import Model
from axon.models.network import Takes
from axon.modes import Mode, TrainingMode, modes, no_grad
from axon.names import printable
from axon.onnx.ir import ValueInfo, inverse
from axon.onnx.run import operators
from axon.onnx.run.at_once import AtOnce, is_single
from axon.onnx.run.layers import NodeLayer, layer_of, node_from
from axon.onnx.run.operators.budget import MAX_SIZE, Budget, allowed
from axon.onnx.run.operators.operand import Data, Operand, as_tensor, looked
from axon.parameter import Buffer, Parameter

assert operators  # importing them fills the table
RESULTS = 2**25  # numbers in all results for one sample that a network without weights may make,
GROWTH = 2**10  # and how many more for each of its weights,
MANY = 8  # samples, up to which that grows with their number
PASSES = 8  # and for each number of the sample
WIDER = 2**6  # how many more numbers one result may hold for each weight: up to 4 GB in float32
TENSOR_TYPES: dict[str, type[Tensor]] = {
    "parameter": Parameter,
    "buffer": Buffer,
    "constant": Buffer,
}
DTYPES = frozenset(
    f"{name}{bits}" for name in ("int", "uint", "float") for bits in (8, 16, 32, 64)
) - {"float8", "float16"} | {"bool"}


class GraphModel(Model):
    """A network as a graph of operators; ``axon.onnx.load`` makes it of an ONNX file.

    It is trained, saved and looked at like any other model. Its parameters are called as in the
    file; each node that computes something is one of its layers.

    Args:
        graph: nested dicts and lists, as JSON holds them: ``inputs`` with name, dtype and shape
            (None where a size is open); ``output``, a name, of several the first of ``outputs``;
            ``halves``, those of them that are given in float16; ``by_samples``: false if first axes
            are not those of samples; ``nodes`` with op, name, inputs,
            outputs, attributes, in the order in which they run; ``weights`` with name, kind
            ("parameter", "buffer" or "constant"), dtype, shape and perhaps order: how the axes of
            the file lie in memory here; ``constants`` with dtype, shape and values; ``batch``: how
            many samples the file was made for, None if any number; ``only``: it takes these alone;
            ``declared``: the shapes of values that it names, None where a size is open.
        name: what it is called.

    Raises:
        ValueError: names that nothing computes, unknown operators or attributes, sizes that cannot
            be.

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
        self._at_once: AtOnce | None = None  # made when it is first needed
        self.entries = [_input(told) for told in graph["inputs"]]
        self.fixed: dict[str, Operand] = {}  # what does not depend on the inputs, by name
        self.weights: dict[str, Tensor] = {}  # by path
        for key, description in graph.get("constants", {}).items():
            self.fixed[key] = Operand(_constant(description))
        for key, description in graph.get("weights", {}).items():
            self._add_weight(key, description)
        self.nodes = [layer_of(node_from(told), i) for i, told in enumerate(graph["nodes"])]
        self.outputs = [str(name) for name in graph.get("outputs", [graph["output"]])]
        self.halves = frozenset(graph.get("halves", ()))
        self._check()
        self._own()
        self._set_eager()

    def __setstate__(self, state: dict[str, Any]) -> None:
        if any(isinstance(entry, dict) for entry in state["entries"]):
            raise TypeError(
                f"{state['name']}: pickled by an older version of AXON, whose graphs were others. "
                "Load the ONNX file, or what model.save wrote: axon.load_model reads both versions."
            )
        if "outputs" not in state:  # by one that had a single output
            state = {**state, "outputs": [state["output"]], "halves": frozenset()}
            del state["output"]
        super().__setstate__({"_at_once": None, **state})

    def _add_weight(self, key: str, description: Mapping[str, Any]) -> None:
        """Make a weight, zeros at first."""
        shape, dtype = allowed(description["shape"], 2**31), _dtype(description["dtype"])
        order = description.get("order")
        axes = tuple(range(len(shape))) if order is None else tuple(order)
        if sorted(axes) != list(range(len(shape))):
            raise ValueError(f"weight {key!r}: order {axes} does not fit shape {shape}.")
        lying = tuple(shape[i] for i in inverse(axes))
        made = TENSOR_TYPES[description["kind"]](np.zeros(lying, dtype))
        if isinstance(made, Parameter):
            made.name = description["name"]
        self.weights[str(description["name"])] = made
        data = made.data if description["kind"] == "constant" else made
        self.fixed[key] = Operand(data, None if order is None else axes)

    def _check(self) -> None:
        """Every name must be known before it is read, and given once."""
        known = {*self.input_names, *self.fixed}
        if not self.entries or len(known) < len(self.entries) + len(self.fixed):
            raise ValueError("a graph needs inputs, each of a name of its own.")
        for layer in self.nodes:
            missing = [name for name in layer.node.reads() if name not in known]
            if missing:
                raise ValueError(f"node {layer.name!r}: nothing gives {missing[0]!r} before it.")
            outputs = [name for name in layer.node.outputs if name]
            if known & set(outputs) or len(set(outputs)) < len(outputs):
                raise ValueError(f"node {layer.name!r}: one of {outputs} is given already.")
            known |= set(outputs)
        for name in self.outputs:
            if name not in known:
                raise ValueError(f"nothing gives the output {name!r}.")

    def _own(self) -> None:
        """Each weight belongs to the first node shown that it reaches: there it can be frozen."""
        paths = {id(tensor): path for path, tensor in self.weights.items()}
        reached = {key: [operand.data] for key, operand in self.fixed.items()}
        for layer in self.every_layer():
            reached.update((name, reached.get(i, [])) for name, i in layer.passed_in().items())
            held = [t for name in layer.node.inputs for t in reached.get(name, ())]
            if not layer.shown:
                reached.update((name, held) for name in layer.node.outputs)
                continue
            for tensor in held:
                if isinstance(tensor, Tensor) and id(tensor) in paths:
                    layer.hold(paths.pop(id(tensor)), tensor)

    def every_layer(self) -> Iterator[NodeLayer]:
        """The layers of all nodes, and behind each those of graphs inside it."""
        waiting = self.nodes[::-1]
        while waiting:
            layer = waiting.pop()
            yield layer
            waiting += layer.inner()[::-1]

    # -------------------------------------------------------------------- as a Module

    def children(self) -> Iterator[tuple[str, Module]]:
        """The nodes that compute something, by name."""
        return ((layer.name, layer) for layer in self.every_layer() if layer.shown)

    def _named(self, tensor_type: Any) -> dict[str, Any]:
        found = {path: t for path, t in self.weights.items() if isinstance(t, tensor_type)}
        keys = ((layer.name, layer.key) for layer in self.every_layer())
        return found | {
            f"{name}/seed_state": key for name, key in keys if isinstance(key, tensor_type)
        }

    @cached_property
    def takes(self) -> Takes:
        """What the file calls the inputs."""
        return Takes(tuple(entry.name for entry in self.entries), len(self.entries))

    @cached_property
    def input_dtype(self) -> DType:
        """What the data are converted to: integers if an input holds such."""
        dtypes = [_dtype(entry.dtype) for entry in self.entries]
        integer = any(dtype.kind in "iub" for dtype in dtypes)
        return np.dtype(np.int64) if integer else dtypes[0]

    @property
    def least_batch(self) -> int:
        """What the node that needs the most samples needs."""
        return max((layer.least_batch for layer in self.every_layer()), default=1)

    def build(self, *input_shapes: Shape) -> Shape:
        """Check that inputs of these shapes (without the batch axis) fit, and run one sample."""
        if not self.by_samples:  # complete shapes, which predict looks at
            self._shapes = input_shapes, ()
            return ()
        for entry, given in zip(self.entries, input_shapes, strict=True):
            _demand_fit(self.name, entry, given)
        with self.budget(input_shapes):
            self._settle_squeezes(input_shapes)
            return super().build(*input_shapes)

    def budget(self, input_shapes: tuple[Shape, ...], samples: int = 2) -> Budget:
        """What may be computed to find out whether inputs fit."""
        held = sum(weight.size for weight in self.weights.values())
        given = sum(prod(shape) for shape in input_shapes)
        times = min(samples, MANY)
        results = (RESULTS + GROWTH * held) * times + PASSES * samples * given
        return Budget(results, held * times, MAX_SIZE + min(WIDER * held, MAX_SIZE * 15))

    @property
    def output(self) -> str:
        """The name of the (first) output."""
        return self.outputs[0]

    @property
    def by_samples(self) -> bool:
        """Whether the first axis of all that enters and leaves is that of the samples.

        If not, ``predict`` takes and gives what the file does, all of it at once.
        """
        return bool(self.graph.get("by_samples", True))

    @property
    def only_batch(self) -> int | None:
        """How many samples the network takes at a time, if that is written into it."""
        return self.graph.get("only")

    def tried(self, inputs: Sequence[Array]) -> dict[str, Operand]:
        """All operands for some inputs, unrecorded, with nothing trained.

        It is found out, too, whether what is computed depends on the data.
        """
        before, looked.at = looked.at, False
        try:
            with Mode("recorder", None), TrainingMode(False), no_grad(), np.errstate(all="ignore"):
                return self._computed([Tensor(x) for x in inputs])
        finally:
            self.graph["eager"] = bool(self.graph.get("eager") or looked.at)
            looked.at = before
            self._set_eager()

    def _set_eager(self) -> None:
        """What depends on the data is computed anew each time; all else is compiled for long."""
        self._predictor.step.often = True
        if self.graph.get("eager"):
            self._predictor.step.eager = True
            if self._at_once is not None:
                self._at_once.step.eager = True

    def _compile(self, *given: Any) -> None:
        super()._compile(*given)
        self._set_eager()

    def compile(self, *given: Any, **options: Any) -> None:
        """Join the model with a loss and an optimizer, as every Model.

        Raises:
            ValueError: its arrays have no axis of samples.
        """
        if not self.by_samples:
            raise ValueError(
                f"model {self.name!r} cannot be compiled: the first axes of what it takes and "
                "gives are not all those of samples, so no batches can be made. Write the loop: "
                "loss(model.forward(Tensor(x), ...)).backward(), optimizer.step()."
            )
        super().compile(*given, **options)

    def predict(self, x: Any, *given: Any, **options: Any) -> Any:
        """Outputs for samples, as of every Model; a tuple of arrays if there are several.

        If ``by_samples`` is False, all that the file takes enters at once, as in ONNX Runtime: an
        array, a tuple or a dict by name; and comes out as it is.
        """
        if self.by_samples and self.input_shape is None and batches_in(self, x) is None:
            self._find_samples([as_array(each) for each in inputs_of(self, x)])
        if self.by_samples and len(self.outputs) == 1:
            return super().predict(x, *given, **options)
        if self._at_once is None:
            self._at_once = AtOnce(self, bool(self.graph.get("eager")))
        if self.by_samples:
            return self._at_once.in_blocks(inputs_of(self, x), *given[:1])
        return self._at_once(inputs_of(self, x))

    def _find_samples(self, arrays: list[Array]) -> None:
        """Find out whether first axes are those of samples, where the file's sizes do not tell."""
        try:
            if len({array.shape[:1] for array in arrays}) > 1:
                raise ValueError(f"inputs of {[array.shape for array in arrays]} hold no samples.")
            shapes = tuple(array.shape[1:] for array in arrays)
            self.build(*shapes)
            self.demand_rows_apart(shapes)
        except ValueError:
            self.take_all_at_once()
            try:
                self.try_out(arrays)
            except ValueError:
                self.graph.pop("by_samples")
                raise

    def demand_rows_apart(self, shapes: tuple[Shape, ...]) -> None:
        """Raise ValueError unless three samples give together what they give one by one.

        Others would be mixed: the first axis may be that of time, or of words.
        """
        if self.graph.get("batch") is not None:
            return  # whoever read the file has tried it
        rng = np.random.default_rng(0)
        types = [_dtype(entry.dtype) for entry in self.entries]
        pairs = zip(shapes, types, strict=True)
        x = [rng.integers(0, 2, (3, *shape)).astype(dtype) for shape, dtype in pairs]
        with self.budget(shapes, 5):
            together = self.results(self.tried(x))
            apart = [self.results(self.tried([v[i : i + 1] for v in x])) for i in (0, 2)]
        for number, y in enumerate(together):
            rows = np.concatenate([one[number].data for one in apart])
            alike = y.shape[:1] == (3,) and y.shape[1:] == rows.shape[1:]
            if not alike or not np.allclose(y.data[[0, 2]], rows, 1e-3, 1e-4, equal_nan=True):
                raise ValueError("samples give something else together than one by one.")

    def take_all_at_once(self) -> None:
        """Say that first axes are not those of samples."""
        self.graph["by_samples"] = False
        self.changed()

    def try_out(self, arrays: Sequence[Array]) -> dict[str, Operand]:
        """Run once, on inputs as the file takes them, within a budget."""
        with self.budget(tuple(array.shape for array in arrays)):
            env = self.tried(arrays)
            made: Any = tuple(y.shape for y in self.results(env))
        self.demand_declared(env, None)
        self._shapes = tuple(a.shape for a in arrays), made if len(made) > 1 else made[0]
        return env

    def _zeros(self, input_shapes: Sequence[Shape], samples: int) -> list[Array]:
        pairs = zip(input_shapes, self.entries, strict=True)
        return [np.zeros(allowed((samples, *s)), _dtype(entry.dtype)) for s, entry in pairs]

    def _shape_after(self, input_shapes: tuple[Shape, ...]) -> Any:
        """Pass zeros through; what comes out must be of the shapes that the file declares."""
        samples = self.only_batch or 1
        env = self.tried(self._zeros(input_shapes, samples))
        self.demand_declared(env, samples)
        shapes = [out.shape for out in self.results(env)]
        for out in shapes:
            if out[:1] != (samples,):
                given = ", ".join(str((samples, *shape)) for shape in input_shapes)
                raise ValueError(f"{samples} samples went in, shape {given}, but {out} came out.")
        after = tuple(out[1:] for out in shapes)
        return after if len(after) > 1 else after[0]

    def open_squeezes(self) -> list[NodeLayer]:
        """The nodes that leave out all axes of size 1, whichever these are."""
        layers = [n for n in self.nodes if n.op == "Squeeze" and len(n.node.inputs) < 2]
        return [layer for layer in layers if "axes" not in layer.node.attributes]

    def squeeze_like(self, samples_first: Mapping[NodeLayer, bool]) -> None:
        """Say of which of these nodes the first axis is that of the samples, and is kept."""
        for layer, told in zip(self.nodes, self.graph["nodes"], strict=True):
            if layer in samples_first:
                layer.node.attributes["samples_first"] = int(samples_first[layer])
                told["attributes"] = dict(layer.node.attributes)

    def _settle_squeezes(self, input_shapes: tuple[Shape, ...]) -> None:
        """Find out, with two samples, of which first axes of size 1 are not those of samples."""
        layers = [n for n in self.open_squeezes() if "samples_first" not in n.node.attributes]
        if not layers or self.only_batch:
            return
        try:
            env = self.tried(self._zeros(input_shapes, 2))
        except ValueError:
            return  # what does not fit two samples, one sample will tell
        self.squeeze_like({n: env[n.node.inputs[0]].shape[:1] != (1,) for n in layers})

    def demand_declared(self, env: Mapping[str, Operand], samples: int | None) -> None:
        """Raise ValueError if operands are of other shapes than the file declares.

        Where it was made for another number of samples, sizes may follow from that: then only the
        number of axes has to be right; where for any, all but the first size.
        """
        made_for = self.graph.get("batch")
        for name, sizes in self.graph.get("declared", {}).items():
            if name not in env or env[name].parts is not None:
                continue
            made, rows = env[name].shape, env[self.entries[0].name].shape[:1]
            if name in self.outputs and not self.by_samples and made[:1] != rows:
                continue  # exporters tell much of outputs that they take for those of samples
            start = len(sizes) if made_for not in (None, samples) else int(made_for is None)
            start = start if self.by_samples else 0
            if len(made) != len(sizes) or not _fits(sizes[start:], made[start:]):
                raise ValueError(
                    f"the file declares {name!r} to be of shape {_shown(sizes)}, but AXON makes "
                    f"{made} of it: AXON may understand an operator before it in another way."
                )

    # -------------------------------------------------------------------- forward

    def forward(self, *inputs: Any) -> Any:
        """Run the nodes in order: (n, ...) arrays or Tensors in, the same kind out."""
        if any(isinstance(x, Tensor) for x in inputs):
            return self._run([x if isinstance(x, Tensor) else Tensor(as_array(x)) for x in inputs])
        pairs = zip(self.entries, inputs, strict=False)
        arrays = [as_array(x, _dtype(entry.dtype)) for entry, x in pairs]
        given = [Tensor(x, requires_grad=modes.grad and x.dtype.kind == "f") for x in arrays]
        made = self._run(given)
        return made.data.copy() if isinstance(made, Tensor) else tuple(y.data.copy() for y in made)

    def _run(self, inputs: list[Tensor]) -> Any:
        if len(inputs) != len(self.entries):
            raise ValueError(
                f"model {self.name!r} takes {len(self.entries)} inputs, {self.input_names}, got "
                f"{len(inputs)}."
            )
        made = self.results(self._computed(inputs))
        return tuple(made) if len(made) > 1 else made[0]

    def _computed(self, inputs: list[Tensor]) -> dict[str, Operand]:
        env = dict(self.fixed)
        for entry, x in zip(self.entries, inputs, strict=True):
            dtype = _dtype(entry.dtype)
            env[entry.name] = Operand(x if x.dtype == dtype else x.astype(dtype))
        if not self.by_samples:
            self._choose(env)
        shape, made_for = inputs[0].shape, self.graph.get("batch")
        if self.only_batch and shape[:1] != (self.only_batch,):
            raise ValueError(
                f"model {self.name!r} takes {self.only_batch} samples at a time, as the file was "
                f"made for, got {shape[0]}. Give it a multiple of them, with batch_size="
                f"{self.only_batch}; or export the network for any number of samples."
            )
        batch = made_for, shape[0] if shape else None
        for layer in self.nodes:
            env.update(zip(layer.node.outputs, layer.step(env, batch), strict=False))
        return env

    def _choose(self, env: dict[str, Operand]) -> None:
        """Single integers, such as a sample rate, are known: by such the course is chosen."""
        for entry in self.entries:
            x = as_tensor(env[entry.name].data)
            if is_single(entry, x.data):
                env[entry.name] = Operand(np.array(x.data))

    def results(self, env: Mapping[str, Operand]) -> list[Tensor]:
        """What the model gives, among all operands."""
        lists = [name for name in self.outputs if env[name].parts is not None]
        if lists:
            raise ValueError(f"the output {lists[0]!r} is a list: choose another, outputs=...")
        return [self._result(name, env[name].natural()) for name in self.outputs]

    def _result(self, name: str, data: Data) -> Tensor:
        if not isinstance(data, Tensor):
            if self.by_samples and not self.graph.get("eager"):
                raise ValueError(f"the output {name!r} does not depend on the inputs.")
            data = ops.copy(Tensor(data))
        return data.astype(np.float16) if name in self.halves else data

    def __repr__(self) -> str:
        return printable(f"GraphModel({', '.join(self.input_names)} -> {', '.join(self.outputs)})")


# ------------------------------------------------------------------------------------ descriptions


def _dtype(name: Any) -> DType:
    if name not in DTYPES:
        raise ValueError(f"a graph holds numbers, not {name!r}.")
    return np.dtype(name)


def _input(told: Mapping[str, Any]) -> ValueInfo:
    shape = told.get("shape")
    sizes = None if shape is None else [None if n is None else int(n) for n in shape]
    allowed((n or 0 for n in sizes or ()), MAX_SIZE)
    _dtype(told["dtype"])
    return ValueInfo(str(told["name"]), told["dtype"], sizes)


def _constant(description: Mapping[str, Any]) -> Array:
    shape = allowed(description["shape"], MAX_SIZE)
    return np.array(description["values"], _dtype(description["dtype"])).reshape(shape)


def _fits(sizes: Sequence[int | None], shape: Shape) -> bool:
    """Whether a shape is the one that is told; None is any size."""
    alike = len(sizes) == len(shape)
    return alike and all(n is None or n == m for n, m in zip(sizes, shape, strict=True))


def _shown(sizes: Iterable[int | str | None]) -> str:
    return f"({', '.join('any' if n is None else str(n) for n in sizes)})"


def _demand_fit(model: str, entry: ValueInfo, given: Shape) -> None:
    if entry.shape is not None and not _fits(entry.shape[1:], given):
        raise ValueError(
            f"model {model!r}: input {entry.name!r} must have shape "
            f"{_shown(('n', *entry.shape[1:]))}, got {('n', *given)}."
        )
