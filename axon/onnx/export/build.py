"""From a recorded program to a graph: each instruction is handed to the rule of its primitive."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from axon.backend import Array, DType
from axon.core import Tensor
from axon.models import Model
from axon.onnx.export.record import Operation, Recording, place
from axon.onnx.export.rules import RULES, Rule
from axon.onnx.export.rules.values import Value
from axon.onnx.export.rules.writer import ResultSpec, Writer


class UnsupportedError(NotImplementedError):
    """Operations that ONNX has no word for, or that no rule was given for."""


class Origin(NamedTuple):
    """How a constant was computed: the primitive's name, and of what."""

    name: str
    inputs: Sequence[Value]


class GraphBuilder:
    """Turns instructions into nodes, one after another.

    Args:
        model: whose they are.
        recording: the instructions.
        graph: where the nodes go.
        custom: rules by the name of a primitive, beside those of AXON's own.
        floats: the type that is computed in, instead of those that the model has; None keeps them.
    """

    def __init__(
        self,
        model: Model,
        recording: Recording,
        graph: Writer,
        custom: Mapping[str, Rule],
        floats: DType | None = None,
    ) -> None:
        self.floats = floats
        self.model, self.recording, self.graph = model, recording, graph
        self.custom, self.rules = custom, {**RULES, **custom}
        self.labels = labels(model)
        self.values: dict[int, Value] = {}
        self.read_by: dict[int, list[str]] = {}
        for step in recording.steps:
            for given in step.inputs:
                self.read_by.setdefault(given, []).append(step.name)

    def build(self, inputs: Sequence[Value]) -> list[Value]:
        """Write everything that leads to the outputs; returns these."""
        self._demand_rules()
        self.values.update(zip(self.recording.inputs, inputs, strict=True))
        for step in self.recording.steps:
            self.values[step.out] = self._made(step)
        return [self.value(output) for output in self.recording.outputs]

    def value(self, tensor: int) -> Value:
        """What was made of a tensor, or the constant that it is."""
        if tensor not in self.values:
            self.values[tensor] = self._constant(tensor)
        return self.values[tensor]

    def _constant(self, tensor: int) -> Value:
        array, shape, grown = self.recording.constants[tensor]
        if grown is not None:
            made = self.graph.cast(grown.how(self.graph, *grown.told), self._type(array.dtype))
            return made if made.shape == shape else made.reshaped(shape)
        array = self._within(array)
        value = Value(shape, array.dtype, array=array, label=self.labels.get(tensor, ""))
        step = self.recording.folded.get(tensor)
        if step is not None:
            value.made = Origin(step.name, [self.value(given) for given in step.inputs])
            value.label = value.label or _label(value.made.inputs)
        return value

    def _type(self, dtype: DType) -> DType:
        return self.floats if self.floats and dtype.kind == "f" else dtype

    def _within(self, array: Array) -> Array:
        """The numbers in the type that is computed in; those beyond its range stop at the end."""
        dtype = self._type(array.dtype)
        if dtype == array.dtype:
            return array
        ends = np.finfo(dtype).min, np.finfo(dtype).max
        return np.where(np.isfinite(array), np.clip(array, *ends), array).astype(dtype)

    def _made(self, step: Operation) -> Value:
        step = step._replace(dtype=self._type(step.dtype))
        meta = {
            key: self._type(v) if isinstance(v, np.dtype) else v for key, v in step.meta.items()
        }
        graph = self.graph
        graph.scope, graph.result = step.scope, ResultSpec(step.shape, step.dtype)
        graph.read_by = tuple(self.read_by.get(step.out, ()))
        try:
            inputs = [self.value(given) for given in step.inputs]
            made = self.rules[step.name](graph, *inputs, **meta)
        except NotImplementedError as error:
            raise UnsupportedError(
                f"model {self.model.name!r} cannot be exported: {step.name} in "
                f"{place(step.scope)}: {error}"
            ) from error
        return self._checked(step, made)

    def _checked(self, step: Operation, made: object) -> Value:
        """What the rule returned; one of the user's need not know its shape and type."""
        if not isinstance(made, Value):
            raise TypeError(
                f"the rule for {step.name!r} must return what graph.op(...) gave it, got {made!r}."
            )
        if made.shape == step.shape and made.dtype == step.dtype:
            return made
        assert step.name in self.custom, (step, made.shape, made.dtype)
        return Value(step.shape, step.dtype, self.graph.name(made))

    def _demand_rules(self) -> None:
        missing: dict[str, list[str]] = {}
        for step in self.recording.steps:
            if step.name not in self.rules:
                places = missing.setdefault(step.name, [])
                places.extend([place(step.scope)] * (place(step.scope) not in places))
        if missing:
            listed = "; ".join(f"{name} in {', '.join(p)}" for name, p in missing.items())
            name = next(iter(missing))
            raise UnsupportedError(
                f"model {self.model.name!r} cannot be exported, these operations are not known in "
                f"ONNX: {listed}. For a primitive of your own pass a rule: export(..., "
                f"custom={{{name!r}: lambda graph, x: graph.op('Relu', x)}})."
            )


def _label(inputs: Sequence[Value]) -> str:
    """The label of the one constant that was rearranged, or multiplied by 1."""
    found = {value.label for value in inputs if value.label}
    return found.pop() if len(found) == 1 else ""


def labels(model: Model) -> dict[int, str]:
    """What the file calls parameters, buffers, and other tensors that layers hold."""
    held = {id(t): _clean(path) for path, t in model._named(Tensor).items()}
    return {**held, **{tensor: str(path) for tensor, path in model.labels().items()}}


def _clean(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.lstrip('_')}"
