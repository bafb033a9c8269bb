"""Export: a model as an ONNX file, which other programs run."""

import json
import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np

from axon.backend import DType, Shape, as_array
from axon.checks import integer
from axon.files.atomic import atomic, check_writable
from axon.layers.open_sizes import Open
from axon.layers.reader import SequenceReader
from axon.locks import hold
from axon.models import Model
from axon.models.forms import inputs_of
from axon.names import suggestion
from axon.onnx.export.build import GraphBuilder
from axon.onnx.export.protobuf import Proto, model_proto
from axon.onnx.export.record import FreeAxes, Recording, input_shapes, record
from axon.onnx.export.rules import Rule
from axon.onnx.export.rules.values import Value
from axon.onnx.export.rules.writer import Writer
from axon.onnx.export.simplify import simplified
from axon.onnx.extra import need_onnx
from axon.operators import PRIMITIVES

Types = tuple[DType | None, DType | None]  # computed in, samples come in; None: the model's
OPSETS = range(17, 25)
MAX_BYTES = 2**31 - 2**20  # protobuf's files end at 2 GiB; a little for all but the weights


def export(
    model: Model,
    path: "str | os.PathLike[str] | None" = None,
    *,
    opset: int = 20,
    batch_size: int | None = None,
    dtype: Any = None,
    input_dtype: Any = None,
    custom: Mapping[str, Rule] | None = None,
    quantize: str | None = None,
    calibration: Any = None,
    dynamic_axes: Mapping[str, Mapping[int, str] | Sequence[int]] | None = None,
) -> Any:
    """Write what a model predicts as an ONNX file, for ONNX Runtime and whatever else reads those.

    The inference program is recorded and each of its instructions written as ONNX operators.
    Inputs have the names that ``forward`` gives them ("x" for a Sequential), the output is called
    "output", several by ``model.output_names``; weights go by paths, such as "dense_1/weights".

    Args:
        model: built: it was trained, used once, or knows the shape of its input.
        path: of the file, such as "net.onnx"; None writes none. The old file stays until the new
            one is whole.
        opset: the version of ONNX's operators, 17 to 24. 20 has all that AXON wants; older programs
            may need an older one.
        batch_size: the one number of samples that the file will take; None for any.
        dtype: what the file computes in, such as "float16" for a file of half the size; what the
            model computes in by default. ONNX Runtime has no float64 for convolutions and LSTM.
        input_dtype: the type in which samples will come, such as "uint8"; as above by default.
        custom: rules for primitives of your own, by name: rule(graph, *inputs, **meta) adds nodes
            with graph.op("Relu", x, ...), which takes values, arrays, numbers and attributes, and
            returns what the last one made.
        quantize: "dynamic" stores the weights of products and convolutions in 8 bits, a quarter of
            the size, and finds the scales of what they meet while the file runs; "static" finds
            these beforehand, from ``calibration``: quicker, and all else being equal as good.
        calibration: for "static", inputs as ``predict`` takes them; some hundred samples do.
        dynamic_axes: which axes, beside the batch, may have any size, by the name of the input:
            {"x": {1: "height", 2: "width"}}, or {"x": [1, 2]}; the batch is axis 0. Axes of one
            name have one size. The model must take other sizes itself: convolutions and recurrent
            layers do, a Flatten before a Dense does not. Those that an Input leaves open are free
            in any case.

    Returns:
        The onnx.ModelProto.

    Raises:
        UnsupportedError: operations that cannot be written, all of them, with their layers.
        BatchError: the model does something else for each batch size, or does not take other sizes
            along ``dynamic_axes``.
        RuntimeError: the model is not built, or changes what it keeps.
        RecordingError: ``forward`` looks at the values of Tensors, which differ each time.
        ValueError: an opset that is too old or too new; more than 2 GB of weights; nothing that
            could be quantized, or no rows to find scales with.
        ImportError: the extra ``onnx`` is missing.

    >>> from axon.layers import Dense
    >>> from axon.models import Sequential
    >>> made = export(Sequential([Dense(4, 3, "relu"), Dense(3, 2, "softmax")]))
    >>> [node.op_type for node in made.graph.node]
    ['Gemm', 'Relu', 'Gemm', 'Softmax']
    """
    need_onnx()
    _demand_model(model)
    _demand_no_states(model)
    _demand_opset(opset)
    _demand_rules(custom or {})
    if path is not None:
        check_writable(path)
    if batch_size is not None:
        batch_size = integer("export", "batch_size", batch_size)
    floats = None if dtype is None else _type("dtype", dtype, "f")
    given = None if input_dtype is None else _type("input_dtype", input_dtype, "fiub")
    types = floats, given
    _demand_quantizing(quantize, calibration)
    free = free_axes(model, dynamic_axes or {})
    made = hold(model._all_locks(), _made, model, opset, batch_size, free, types, custom or {})
    if quantize is not None:
        _quantize(model, made, quantize, calibration)
    if path is not None:
        with atomic(path) as stream:
            stream.write(made.SerializeToString())
    return made


def _demand_no_states(model: Model) -> None:
    """Raise RuntimeError if a layer keeps states from batch to batch: a file of ONNX keeps none."""
    for layer in model.modules():
        if isinstance(layer, SequenceReader) and layer.stateful:
            raise RuntimeError(
                f"layer {layer.name!r} is stateful, but an ONNX file keeps nothing from one call "
                "to the next. Write a Model whose forward takes the states as inputs "
                "(initial_state=[h, c]) and returns those after the last step (return_state=True)."
            )


def _made(
    model: Model,
    opset: int,
    batch_size: int | None,
    free: FreeAxes,
    types: Types,
    custom: Mapping[str, Rule],
) -> Proto:
    """Write it down in one state; nobody trains it meanwhile."""
    floats, given = types
    recording = record(model, model.input_dtype, batch_size, free)
    graph = Writer(opset, model.input_names, model.output_names, recording.trials)
    inputs = _entering(model, graph, recording, floats, given)
    made = GraphBuilder(model, recording, graph, custom, floats).build(inputs)
    outputs = simplified(graph, made)
    _demand_fits(model, graph)
    return model_proto(model.name, graph, outputs, properties(model))


def _entering(
    model: Model, graph: Writer, recording: Recording, floats: DType | None, given: DType | None
) -> list[Value]:
    """The inputs of the graph, in the type that is computed with; they may come in another."""
    wanted = floats if floats and model.input_dtype.kind == "f" else model.input_dtype
    named = list(zip(model.input_names, recording.shapes, strict=True))
    graph.inputs = [Value(shape, given or wanted, name) for name, shape in named]
    graph.shapes.update(named)
    return [graph.cast(value, wanted) for value in graph.inputs]


def _demand_quantizing(quantize: str | None, calibration: object) -> None:
    if quantize not in (None, "dynamic", "static"):
        raise ValueError(f"export: quantize must be 'dynamic' or 'static', got {quantize!r}.")
    if (quantize == "static") != (calibration is not None):
        raise ValueError(
            "export: quantize='static' needs calibration=, samples as predict takes them; nothing "
            "else does."
        )


def _quantize(model: Model, made: Proto, how: str, calibration: Any) -> None:
    """Rewrite the file in 8 bits."""
    from onnx import checker

    from axon.onnx.export import quantize

    if how == "dynamic":
        count = quantize.dynamic(made)
    else:
        given = inputs_of(model, calibration)
        arrays = dict(zip(model.input_names, map(as_array, given), strict=True))
        count = quantize.static(made, partial(quantize.ranges_of, deepcopy(made), arrays))
    if not count:
        raise ValueError(
            f"model {model.name!r}: nothing to quantize: there are no Dense layers or convolutions "
            "in float32. Give dtype='float32' if it computes in another type."
        )
    checker.check_model(made, full_check=True)


def properties(model: Model) -> dict[str, str]:
    """What travels with the file: AXON's version, and the model's metadata, as JSON if not text."""
    from axon.version import __version__

    def text(value: object) -> str:
        return value if isinstance(value, str) else json.dumps(value, default=_plain)

    return {**{str(k): text(v) for k, v in model.metadata.items()}, "axon_version": __version__}


def _plain(value: object) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)


# ------------------------------------------------------------------------------------ demands


def _demand_model(model: object) -> None:
    if not isinstance(model, Model):
        raise TypeError(
            f"export: expected a model, got {model!r}. A single layer can be wrapped: "
            "Sequential([layer])."
        )
    if model.input_shape is None or any(shape is None for shape in input_shapes(model)):
        raise RuntimeError(
            f"model {model.name!r} cannot be exported yet: the shape of its input is not known. "
            "Call model.build((28, 28, 1)), with the shape of one sample, or predict(x) once."
        )


def free_axes(model: Model, told: Mapping[str, Any]) -> FreeAxes:
    """Names of the free axes of each input; of the batch, there is nothing to say.

    Raises:
        ValueError: inputs or axes that are not there, or one name for sizes that differ.
    """
    names, shapes = model.input_names, input_shapes(model)
    for name in told:
        if name not in names:
            hint = suggestion(name, list(names)) or f" Inputs: {', '.join(names)}."
            raise ValueError(f"export: dynamic_axes: there is no input {name!r}.{hint}")
    free = [_named_axes(n, s, told.get(n, {})) for n, s in zip(names, shapes, strict=True)]
    for name, shape, axes in zip(names, shapes, free, strict=True):
        still = {i: f"{name}_axis_{i}" for i, n in enumerate(shape, 1) if isinstance(n, Open)}
        axes.update((i, called) for i, called in still.items() if i not in axes)
    sizes: dict[str, int] = {}
    for axes, shape in zip(free, shapes, strict=True):
        for axis, name in axes.items():
            if sizes.setdefault(name, shape[axis - 1]) != shape[axis - 1]:
                raise ValueError(
                    f"export: dynamic_axes: axes of one name have one size, but {name!r} is "
                    f"{sizes[name]} and {shape[axis - 1]}. Give them names of their own."
                )
    return free


def _named_axes(entry: str, shape: Shape, told: Any) -> dict[int, str]:
    """Axis -> name, without that of the batch."""
    given = told if isinstance(told, Mapping) else {a: f"{entry}_axis_{a}" for a in told}
    for axis, name in given.items():
        if type(axis) is not int or not 0 <= axis <= len(shape):
            raise ValueError(
                f"export: dynamic_axes: input {entry!r} has axes 0 (the batch) to {len(shape)}, "
                f"got {axis!r}."
            )
        if not isinstance(name, str) or not name.isidentifier() or (axis and name == "batch"):
            raise ValueError(
                "export: dynamic_axes: a free axis needs a name such as 'length', other than "
                f"'batch', which is that of axis 0; got {name!r}."
            )
    return {axis: name for axis, name in given.items() if axis}


def _demand_opset(opset: object) -> None:
    newest = _newest()
    if type(opset) is not int or opset not in OPSETS or opset > newest:
        least, most = OPSETS[0], min(OPSETS[-1], newest)
        why = {True: f" Before {least}, LayerNormalization was missing."}
        raise ValueError(
            f"export: opset must be a whole number from {least} to {most}, got {opset!r}."
            f"{why.get(isinstance(opset, int) and opset < least, '')}"
        )


def _newest() -> int:
    from onnx.defs import onnx_opset_version

    return int(onnx_opset_version())


def _demand_rules(custom: Mapping[str, Rule]) -> None:
    for name, rule in custom.items():
        if name not in PRIMITIVES:
            hint = suggestion(name, list(PRIMITIVES))
            raise ValueError(f"export: custom: there is no primitive {name!r}.{hint}")
        if not callable(rule):
            raise TypeError(
                f"export: custom[{name!r}]: expected a function (graph, *inputs, **meta), got "
                f"{rule!r}."
            )


def _type(argument: str, wanted: Any, letters: str) -> DType:
    try:
        dtype = np.dtype(wanted)
    except TypeError:  # no type at all
        dtype = np.dtype(object)
    if dtype.kind not in letters:
        floats = "float16, float32 or float64" if letters == "f" else "a type of numbers"
        raise ValueError(f"export: {argument} must be {floats}, got {wanted!r}.")
    return dtype


def _demand_fits(model: Model, graph: Writer) -> None:
    size = sum(array.nbytes for array in graph.initializers.values())
    if size > MAX_BYTES:
        raise ValueError(
            f"model {model.name!r} has {size / 2**30:.1f} GB of weights; an ONNX file holds at "
            "most 2 GB. Export parts of it as models of their own, or give its layers "
            "dtype='float16'."
        )
