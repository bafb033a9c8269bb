"""Record what a model does where nothing is learned, for any batch size.

A recorded program has one batch size in it. So the model is run on 2, on 3 and on 5 samples: what
differs between the three programs has to be the batch, and is written down as such.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from axon.backend import Array, DType, Shape
from axon.core import Tensor
from axon.models import Model
from axon.modes import TrainingMode, no_grad
from axon.onnx.export.rules.sizes import BatchSize, NotAffineError, Sizes, merged
from axon.program.trace import Instruction, trace

BATCHES = (2, 3, 5)  # three: two points lie on a line, even if the truth is a curve


class BatchError(ValueError):
    """A model that does something else for each batch size, where it is to take any."""


class Operation(NamedTuple):
    """One instruction, for any batch size."""

    name: str  # of the primitive
    inputs: tuple[int, ...]  # ids of tensors
    out: int
    shape: Sizes
    dtype: DType
    meta: dict[str, Any]
    scope: str


class ConstantTensor(NamedTuple):
    """A tensor from outside; its array has size 1 along axes that follow the batch."""

    array: Array
    shape: Sizes


class Recording(NamedTuple):
    """What a model does, from its inputs to its outputs; tensors go by their ids."""

    steps: list[Operation]
    inputs: list[int]
    shapes: list[Sizes]  # of the inputs
    outputs: list[int]
    constants: dict[int, ConstantTensor]
    folded: dict[int, Operation]  # how those constants were made that are computed from others
    keep: list[Any]  # ids stay theirs only while tensors live


class ModelTrace(NamedTuple):
    """What was recorded for one batch size: what leads to outputs, and changes of memory."""

    instructions: list[Instruction]
    inputs: list[Tensor]
    outputs: list[Tensor]


def record(model: Model, dtype: DType, batch_size: int | None = None) -> Recording:
    """Record the model on a few samples of made-up numbers.

    Args:
        model: a Model that is built.
        dtype: what its inputs are converted to.
        batch_size: the one that is to be recorded; None for any.

    Raises:
        BatchError: it does something else for each batch size.
        RuntimeError: it changes what it keeps, such as a count.
    """
    batches = BATCHES if batch_size is None else (batch_size,)
    traces = [_recorded(model, n, dtype) for n in batches]
    return compared(model, traces, batches)


def compared(model: Model, traces: Sequence[ModelTrace], batches: Sequence[int]) -> Recording:
    """Make one recording of several, each for its batch size.

    Raises:
        BatchError: they differ in more than the batch size.
    """
    return _Comparison(model, traces, batches).recording()


def _recorded(model: Model, n: int, dtype: DType) -> ModelTrace:
    try:
        return _traced(model, n, dtype, number=n % 2)
    except IndexError:  # a vocabulary of a single word, perhaps
        return _traced(model, n, dtype, number=0)


def _traced(model: Model, n: int, dtype: DType, number: int) -> ModelTrace:
    inputs = [Tensor(_samples(n, shape, dtype, number)) for shape in input_shapes(model)]
    with no_grad(), TrainingMode(False), np.errstate(all="ignore"):
        try:
            instructions, outputs = trace(lambda *x: model.flat(model.forward(*x)), inputs)
        except ValueError as error:
            raise BatchError(f"model {model.name!r} does not take {n} samples: {error}") from error
    live = _live(instructions, outputs)
    _demand_pure(model, live)
    return ModelTrace(live, inputs, outputs)


def input_shapes(model: Model) -> tuple[Shape, ...]:
    """The shape of one sample of each input."""
    shapes: Any = model.input_shape
    return shapes if model.width > 1 else (shapes,)


def _samples(n: int, shape: Shape, dtype: DType, number: int) -> Array:
    """Other numbers for each batch size: what Python computes of them shows as a difference."""
    if dtype.kind != "f":
        return np.full((n, *shape), number, dtype)
    return np.random.default_rng(n).uniform(0.1, 0.9, (n, *shape)).astype(dtype)


def _live(instructions: Iterable[Instruction], outputs: Iterable[Tensor]) -> list[Instruction]:
    """Those that lead to an output, or change memory."""
    wanted, live = {id(output) for output in outputs}, []
    for instruction in reversed(list(instructions)):
        if instruction.kind == "writes" or id(instruction.out) in wanted:
            live.append(instruction)
            wanted.update(map(id, instruction.inputs))
    return live[::-1]


def _demand_pure(model: Model, live: Sequence[Instruction]) -> None:
    """Nothing that outlives a call may be changed: a graph keeps nothing."""
    made, labels = {id(i.out) for i in live if i.kind != "writes"}, model.labels()
    for instruction in live:
        for target in instruction.changed:
            if id(target) not in made:
                what = labels.get(id(target), f"an array of shape {target.shape}")
                raise RuntimeError(
                    f"model {model.name!r} cannot be exported: {place(instruction.scope)} changes "
                    f"{what} at each call (by {instruction.primitive.name}), and an ONNX graph "
                    "keeps nothing from one call to the next."
                )


def place(scope: str) -> str:
    """Where an instruction stands, in words."""
    return f"layer {scope!r}" if scope else "the model's forward"


class _Comparison:
    """The same program for several batch sizes, made one."""

    def __init__(self, model: Model, traces: Sequence[ModelTrace], batches: Sequence[int]) -> None:
        self.model, self.traces, self.batches = model, traces, batches
        self.origin: list[dict[int, Any]] = [
            {id(t): ("input", k) for k, t in enumerate(run.inputs)} for run in traces
        ]
        self.constants: dict[int, ConstantTensor] = {}
        self.folded: dict[int, Operation] = {}

    def recording(self) -> Recording:
        """Compare instruction by instruction."""
        first = self.traces[0]
        names = [[i.primitive.name for i in run.instructions] for run in self.traces]
        if any(other != names[0] for other in names[1:]):
            self._fail_at_difference(names)
        alike = zip(*(run.instructions for run in self.traces), strict=True)
        steps = [self._step(number, same) for number, same in enumerate(alike)]
        steps = [step for step in steps if step.out not in self.folded]
        for ends in zip(*(run.outputs for run in self.traces), strict=True):
            self._demand_same("", ends)
        shapes = [self._shape("", [run.inputs[k] for run in self.traces]) for k in self._inputs()]
        inputs = [id(t) for t in first.inputs]
        found = self.constants, self.folded
        outputs = [id(output) for output in first.outputs]
        return Recording(steps, inputs, shapes, outputs, *found, keep=[self.traces])

    def _inputs(self) -> range:
        return range(len(self.traces[0].inputs))

    def _step(self, number: int, same: Sequence[Instruction]) -> Operation:
        first = same[0]
        for tensors in zip(*(i.inputs for i in same), strict=True):
            self._demand_same(first.scope, tensors)
        shape = self._shape(first.scope, [i.out for i in same])
        meta = {key: self._meta(key, same) for key in first.meta}
        given = tuple(map(id, first.inputs))
        name, dtype = first.primitive.name, first.out.dtype
        step = Operation(name, given, id(first.out), shape, dtype, meta, first.scope)
        if first.kind != "writes" and all(t in self.constants for t in given):
            self.constants[step.out] = self._constant(first.scope, [i.out for i in same])
            self.folded[step.out] = step
        elif first.kind != "writes":
            for origin, instruction in zip(self.origin, same, strict=True):
                origin[id(instruction.out)] = ("step", number)
        return step

    def _shape(self, scope: str, tensors: Sequence[Tensor]) -> Sizes:
        try:
            shape: Sizes = merged([t.shape for t in tensors], self.batches)
        except NotAffineError:
            self._fail(scope, f"makes arrays of {self._each([t.shape for t in tensors])}")
        return shape

    def _meta(self, key: str, same: Sequence[Instruction]) -> Any:
        values = [i.meta.get(key) for i in same]
        try:
            return (
                values[0] if all(v is values[0] for v in values) else merged(values, self.batches)
            )
        except NotAffineError:
            what = f"{same[0].primitive.name} with {key} = {self._each(values)}"
            self._fail(same[0].scope, f"calls {what}")

    def _demand_same(self, scope: str, tensors: Sequence[Tensor]) -> None:
        """The results of the same instruction, the same inputs, or equal constants."""
        origins = [o.get(id(t)) for o, t in zip(self.origin, tensors, strict=True)]
        if any(other != origins[0] for other in origins[1:]):
            self._fail(scope, "takes other paths")
        if origins[0] is None and id(tensors[0]) not in self.constants:
            self.constants[id(tensors[0])] = self._constant(scope, tensors)

    def _constant(self, scope: str, tensors: Sequence[Tensor]) -> ConstantTensor:
        """A tensor from outside, which holds the same numbers for any batch."""
        shape = self._shape(scope, tensors)
        arrays = [_without_batch(t.data, shape) for t in tensors]
        first = arrays[0]
        if first is None or any(not _equal(first, other) for other in arrays[1:]):
            shown = [t.data.item() if t.size == 1 else t.data.shape for t in tensors]
            self._fail(
                scope,
                f"computes with a constant that is {self._each(shown)}, or that NumPy computed "
                "from the numbers of the first batch",
            )
        return ConstantTensor(first, shape)

    def _each(self, values: Sequence[object]) -> str:
        parts = [f"{v} for {n} samples" for v, n in zip(values, self.batches, strict=True)]
        return ", ".join(parts)

    def _fail_at_difference(self, names: list[list[str]]) -> NoReturn:
        rows = list(zip(*names, strict=False))
        at = next((k for k, row in enumerate(rows) if len(set(row)) > 1), len(rows) - 1)
        self._fail(self.traces[0].instructions[max(at, 0)].scope, "takes other paths")

    def _fail(self, scope: str, what: str) -> NoReturn:
        raise BatchError(
            f"model {self.model.name!r} cannot be exported for any batch size: {place(scope)} "
            f"{what}. Let it depend on x.shape[0] in sizes alone, or export it for one batch size: "
            "export(..., batch_size=1)."
        )


def _equal(a: Array, b: Array | None) -> bool:
    return b is not None and np.array_equal(a, b, equal_nan=True)


def _without_batch(array: Array, shape: Sizes) -> Array | None:
    """The array, of size 1 along axes that follow the batch; None if it is not the same there."""
    index = tuple(slice(0, 1) if isinstance(n, BatchSize) else slice(None) for n in shape)
    small = array[index]
    return small if _equal(np.broadcast_to(small, array.shape), array) else None
