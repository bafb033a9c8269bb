"""Record what a model does where nothing is learned, for any batch size.

A recorded program has one batch size in it. So the model is run on 2, on 3 and on 5 samples: what
differs between the three programs has to be the batch, and is written down as such. Where other
axes are free, too, it is run on more samples, of other sizes each time.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from axon.backend import Array, DType, Shape
from axon.core import Tensor
from axon.models import Model
from axon.modes import TrainingMode, no_grad
from axon.onnx.export.growing import Grown, grown
from axon.onnx.export.rules.sizes import BatchSize, NotAffineError, Sizes, Trials, merged
from axon.program.trace import Instruction, trace

BATCHES = (2, 3, 5)  # three: two points lie on a line, even if the truth is a curve
MORE = (2, 5, 3, 2, 5, 3)  # where other axes are free, too
STEPS = (1, 2, 4, 8, 16, 32)  # not every network takes odd sizes
FreeAxes = Sequence[Mapping[int, str]]  # of each input: axis, counted with the batch -> name


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
    """A tensor from outside; its array has size 1 along axes that follow the batch.

    ``grown`` says how its numbers are computed from sizes, if they are other ones for each.
    """

    array: Array
    shape: Sizes
    grown: Grown | None = None


class Recording(NamedTuple):
    """What a model does, from its inputs to its outputs; tensors go by their ids."""

    steps: list[Operation]
    inputs: list[int]
    shapes: list[Sizes]  # of the inputs
    outputs: list[int]
    constants: dict[int, ConstantTensor]
    folded: dict[int, Operation]  # how those constants were made that are computed from others
    keep: list[Any]  # ids stay theirs only while tensors live
    trials: Trials


class ModelTrace(NamedTuple):
    """What was recorded for one batch size: what leads to outputs, and changes of memory."""

    instructions: list[Instruction]
    inputs: list[Tensor]
    outputs: list[Tensor]


def record(
    model: Model, dtype: DType, batch_size: int | None = None, free: FreeAxes = ()
) -> Recording:
    """Record the model on a few samples of made-up numbers.

    Args:
        model: a Model that is built.
        dtype: what its inputs are converted to.
        batch_size: the one that is to be recorded; None for any.
        free: names of the other axes of each input that may have any size.

    Raises:
        BatchError: it does something else for each batch size, or size of a free axis.
        RuntimeError: it changes what it keeps, such as a count.
    """
    if any(free):
        return _freely(model, dtype, batch_size, free)
    batches = BATCHES if batch_size is None else (batch_size,)
    traces = [_recorded(model, n, dtype, input_shapes(model)) for n in batches]
    return compared(model, traces, {"batch": batches})


def _freely(model: Model, dtype: DType, batch_size: int | None, free: FreeAxes) -> Recording:
    """Record it for several sizes; for multiples of a step if it does not take all."""
    errors = []
    for step, smaller in (*((step, False) for step in STEPS), (1, True)):
        try:
            trials = _trials(model, free, step, smaller)
            return _tried(model, dtype, batch_size, free, trials)
        except BatchError as error:
            errors.append(error)
    _recorded(model, BATCHES[0], dtype, input_shapes(model))  # layers tell those shapes again
    raise errors[0]


def _trials(model: Model, free: FreeAxes, step: int, smaller: bool) -> dict[str, Sequence[int]]:
    """Sizes for each name, in orders of their own. At last, those that it was built for."""
    names = list(dict.fromkeys(name for axes in free for name in axes.values()))
    built = {
        name: shape[axis - 1]
        for shape, axes in zip(input_shapes(model), free, strict=True)
        for axis, name in axes.items()
    }
    sizes: dict[str, Sequence[int]] = {}
    for name, order in zip(names, _orders(5), strict=False):
        further = _further(built[name], step)
        away = [further[i] for i in order] + [0]
        sizes[name] = [max(built[name] + (-n if smaller else n), 2) for n in away]
    return sizes


def _orders(count: int) -> Iterator[tuple[int, ...]]:
    """Orders of so many, none of them twice: what two names have alike would be taken for one."""
    used = set()
    for seed in itertools.count():
        order = tuple(np.random.default_rng(seed).permutation(count).tolist())
        if order not in used:
            used.add(order)
            yield order


def _further(size: int, step: int) -> list[int]:
    """How far sizes are from that of building, in steps: near, and by so much that hops show."""
    far = [size // 7, max(34, size // 4), max(67, size // 3)]
    return [step * n for n in (1, 2, *(k + n // step for k, n in zip((4, 5, 7), far, strict=True)))]


def _tried(
    model: Model,
    dtype: DType,
    batch_size: int | None,
    free: FreeAxes,
    trials: dict[str, Sequence[int]],
) -> Recording:
    batches = MORE if batch_size is None else (batch_size,) * len(MORE)
    traces = []
    for number, n in enumerate(batches):
        shapes = [
            tuple(trials[axes[i]][number] if i in axes else size for i, size in enumerate(shape, 1))
            for shape, axes in zip(input_shapes(model), free, strict=True)
        ]
        traces.append(_recorded(model, n, dtype, shapes))
    return compared(model, traces, trials if batch_size else {"batch": batches, **trials})


def compared(model: Model, traces: Sequence[ModelTrace], trials: Trials) -> Recording:
    """Make one recording of several, each for its batch size.

    Raises:
        BatchError: they differ in more than the batch size.
    """
    return _Comparison(model, traces, trials).recording()


def _recorded(model: Model, n: int, dtype: DType, shapes: Sequence[Shape]) -> ModelTrace:
    try:
        return _traced(model, n, dtype, shapes, number=n % 2)
    except IndexError:  # a vocabulary of a single word, perhaps
        return _traced(model, n, dtype, shapes, number=0)


def _traced(model: Model, n: int, dtype: DType, shapes: Sequence[Shape], number: int) -> ModelTrace:
    inputs = [Tensor(_samples(n, shape, dtype, number)) for shape in shapes]
    with no_grad(), TrainingMode(False), np.errstate(all="ignore"):
        try:
            instructions, outputs = trace(lambda *x: model.flat(model.forward(*x)), inputs)
        except ValueError as error:
            what = f"{n} samples" + _of(model, shapes)
            raise BatchError(f"model {model.name!r} does not take {what}: {error}") from error
    live = _live(instructions, outputs)
    _demand_pure(model, live)
    return ModelTrace(live, inputs, outputs)


def _of(model: Model, shapes: Sequence[Shape]) -> str:
    """Their shapes, if these are not those that the model was built for."""
    other = tuple(shapes) != input_shapes(model)
    return f" of shape {', '.join(map(str, shapes))}" if other else ""


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

    def __init__(self, model: Model, traces: Sequence[ModelTrace], trials: Trials) -> None:
        self.model, self.traces, self.trials = model, traces, trials
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
        kept = [self.traces]
        return Recording(steps, inputs, shapes, outputs, *found, keep=kept, trials=self.trials)

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
        if first.kind != "writes" and not self._fold(step, same):
            for origin, instruction in zip(self.origin, same, strict=True):
                origin[id(instruction.out)] = ("step", number)
        return step

    def _fold(self, step: Operation, same: Sequence[Instruction]) -> bool:
        """Whether what is made of constants is one itself: the first rows of a table may not be."""
        if not all(self._is_fixed(t) for t in step.inputs):
            return False
        try:
            self.constants[step.out] = self._constant(step.scope, [i.out for i in same])
        except BatchError:
            if set(self.trials) <= {"batch"}:
                raise
            return False
        self.folded[step.out] = step
        return True

    def _is_fixed(self, tensor: int) -> bool:
        """Whether a tensor is a constant of the same numbers for all sizes."""
        return tensor in self.constants and self.constants[tensor].grown is None

    def _shape(self, scope: str, tensors: Sequence[Tensor]) -> Sizes:
        try:
            shape: Sizes = merged([t.shape for t in tensors], self.trials)
        except NotAffineError:
            self._fail(scope, f"makes arrays of {self._each([t.shape for t in tensors])}")
        return shape

    def _meta(self, key: str, same: Sequence[Instruction]) -> Any:
        values = [i.meta.get(key) for i in same]
        try:
            return values[0] if all(v is values[0] for v in values) else merged(values, self.trials)
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
        first, found = arrays[0], grown([t.data for t in tensors], shape, self.trials)
        if found is not None:
            return ConstantTensor(tensors[0].data, shape, found)
        if first is None or any(not _equal(first, other) for other in arrays[1:]):
            shown = [t.data.item() if t.size == 1 else t.data.shape for t in tensors]
            self._fail(
                scope,
                f"computes with a constant that is {self._each(shown)}, or that NumPy computed "
                "from the numbers of the first batch",
            )
        return ConstantTensor(first, shape)

    def _each(self, values: Sequence[object]) -> str:
        """Each with the sizes for which it came about."""
        parts = [
            f"{v} for {' and '.join(f'{n} {_PLURAL.get(name, name)}' for name, n in sizes.items())}"
            for v, sizes in zip(values, self._sizes(), strict=True)
        ]
        return ", ".join(parts[:3])

    def _sizes(self) -> list[dict[str, int]]:
        """The free sizes of each trial, by name."""
        rows = zip(*self.trials.values(), strict=True)
        return [dict(zip(self.trials, row, strict=True)) for row in rows]

    def _fail_at_difference(self, names: list[list[str]]) -> NoReturn:
        rows = list(zip(*names, strict=False))
        at = next((k for k, row in enumerate(rows) if len(set(row)) > 1), len(rows) - 1)
        self._fail(self.traces[0].instructions[max(at, 0)].scope, "takes other paths")

    def _fail(self, scope: str, what: str) -> NoReturn:
        others = [name for name in self.trials if name != "batch"]
        if others:
            raise BatchError(
                f"model {self.model.name!r} cannot be exported for any {', '.join(self.trials)}: "
                f"{place(scope)} {what}. Let it depend on sizes of x alone, or leave out of "
                "dynamic_axes what is to stay as it was built."
            )
        raise BatchError(
            f"model {self.model.name!r} cannot be exported for any batch size: {place(scope)} "
            f"{what}. Let it depend on x.shape[0] in sizes alone, or export it for one batch size: "
            "export(..., batch_size=1)."
        )


_PLURAL = {"batch": "samples"}


def _equal(a: Array, b: Array | None) -> bool:
    return b is not None and np.array_equal(a, b, equal_nan=True)


def _without_batch(array: Array, shape: Sizes) -> Array | None:
    """The array, of size 1 along axes that follow the batch; None if it is not the same there."""
    index = tuple(slice(0, 1) if isinstance(n, BatchSize) else slice(None) for n in shape)
    small = array[index]
    return small if _equal(np.broadcast_to(small, array.shape), array) else None
