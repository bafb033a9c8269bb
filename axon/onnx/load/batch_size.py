"""For how many samples a network that was loaded is good: for any number, or for the file's."""

from math import prod

import numpy as np

from axon.backend import Array, Shape
from axon.onnx.load.tensors import OnnxFileError
from axon.onnx.run import GraphModel
from axon.onnx.run.operators.operand import Operand

MAX_SAMPLE = 2**24  # numbers in one sample: a file that asks for more is damaged


def build_for(model: GraphModel, shapes: tuple[Shape, ...]) -> None:
    """Build a model; one whose file fits a fixed number of samples alone is held to it.

    Raises:
        ValueError: it cannot be computed, or it gives other shapes than the file declares.
    """
    made_for = model.graph["batch"]
    if made_for is None:
        model.build(*shapes)
        return
    if made_for * sum(prod(shape) for shape in shapes) > MAX_SAMPLE:
        raise OnnxFileError(f"it claims to take {made_for} samples at a time.")
    try:
        model.build(*shapes)
        general = is_general(model, made_for, shapes)
    except ValueError:
        general = False  # if nothing comes of it at all, the next build says so
    if not general:
        model.graph["only"] = made_for
        model.squeeze_like(dict.fromkeys(model.open_squeezes(), False))
        model.changed()
        model.build(*shapes)


def is_general(model: GraphModel, made_for: int, shapes: tuple[Shape, ...]) -> bool:
    """Whether samples give the same together as one by one: so the number does not matter.

    Raises:
        ValueError: as many as the file was made for give other shapes than it declares.
    """
    rng, count = np.random.default_rng(0), max(made_for, 2)
    x = [rng.integers(0, 2, (count, *shape)).astype(np.float32) for shape in shapes]
    with model.budget(shapes, count + made_for + 2):
        try:
            together = _outputs(model, x)
            apart = [_outputs(model, [v[i : i + 1] for v in x]) for i in (0, count - 1)]
            as_written = _literally(model, [v[:made_for] for v in x])
            env = model.tried([v[:made_for] for v in x])
        except ValueError:
            return False
    model.demand_declared(env, made_for)
    ends = together[[0, -1]] if len(together) == count else together
    same = _alike(_array(model, env), as_written)
    return same and _alike(ends, np.concatenate(apart))


def _outputs(model: GraphModel, inputs: list[Array]) -> Array:
    return _array(model, model.tried(inputs))


def _array(model: GraphModel, env: dict[str, Operand]) -> Array:
    return np.asarray(model.output_of(env).data)


def _alike(a: Array, b: Array) -> bool:
    return a.shape == b.shape and np.allclose(a, b, 1e-3, 1e-4, equal_nan=True)


def _literally(model: GraphModel, inputs: list[Array]) -> Array:
    """What comes out if the axis of the samples is an axis as any other."""
    layers = model.open_squeezes()
    before = {layer: bool(layer.node.attributes.get("samples_first", 1)) for layer in layers}
    model.squeeze_like(dict.fromkeys(layers, False))
    try:
        return _outputs(model, inputs)
    finally:
        model.squeeze_like(before)
