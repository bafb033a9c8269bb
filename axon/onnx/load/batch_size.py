"""For how many samples a network that was loaded is good: for any number, or for the file's."""

from math import prod

import numpy as np

from axon.backend import Array, Shape
from axon.onnx.load.tensors import OnnxFileError
from axon.onnx.run import GraphModel
from axon.onnx.run.operators.budget import TooMuchError
from axon.onnx.run.operators.operand import Operand

MAX_SAMPLE = 2**24  # numbers in one sample: a file that asks for more is damaged


def settle(model: GraphModel) -> None:
    """Find out whether first axes are those of samples, and how many of these there may be.

    Where sizes are open that is done with the first data.

    Raises:
        ValueError: it cannot be computed.
    """
    shapes = [entry.shape for entry in model.entries]
    if any(shape is None or None in shape[model.by_samples :] for shape in shapes):
        return
    sizes = [tuple(shape or ()) for shape in shapes]
    if not model.by_samples:
        try_zeros(model, sizes)
        return
    try:
        build_for(model, tuple(shape[1:] for shape in sizes))
        return
    except OnnxFileError:
        raise
    except ValueError as error:
        if isinstance(error.__cause__, TooMuchError):
            raise
        why = str(error)  # and not the error, which keeps all that was computed
    made_for = model.graph["batch"]
    model.take_all_at_once()
    model.graph.pop("only", None)
    try:
        try_zeros(model, [(made_for or 2, *shape[1:]) for shape in sizes])
    except ValueError:
        raise ValueError(why) from None


def try_zeros(model: GraphModel, shapes: list[Shape]) -> None:
    """Run a graph on zeros, all at once; where the data decide, zeros need not be good ones."""
    if any(e.shape == [] and np.dtype(e.dtype).kind in "iub" for e in model.entries):
        return  # a single integer chooses the course: 0 says nothing
    if sum(prod(shape) for shape in shapes) > MAX_SAMPLE:
        raise OnnxFileError("it claims to take far more numbers than fit.")
    pairs = zip(shapes, model.entries, strict=True)
    try:
        model.try_out([np.zeros(shape, entry.dtype) for shape, entry in pairs])
    except ValueError:
        if not model.graph.get("eager"):
            raise


def build_for(model: GraphModel, shapes: tuple[Shape, ...]) -> None:
    """Build a model; one whose file fits a fixed number of samples alone is held to it.

    Raises:
        ValueError: it cannot be computed, or it gives other shapes than the file declares.
    """
    made_for = model.graph["batch"]
    if made_for is None:
        model.build(*shapes)
        model.demand_rows_apart(shapes)
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
            written = [v[:made_for] for v in x]
            env = model.tried(written)
            found = _arrays(model, env)
            first = found if made_for == 1 else _outputs(model, [v[:1] for v in x])
            apart = [first, _outputs(model, [v[-1:] for v in x])]
            literal = _literally(model, written) if model.open_squeezes() else found
        except ValueError:
            return False
    model.demand_declared(env, made_for)
    ends = [y[[0, -1]] if len(y) == count else y for y in together]
    pairs = [
        *zip(found, literal, strict=True),
        *zip(ends, (np.concatenate(ys) for ys in zip(*apart, strict=True)), strict=True),
    ]
    return all(_alike(a, b) for a, b in pairs)


def _outputs(model: GraphModel, inputs: list[Array]) -> list[Array]:
    return _arrays(model, model.tried(inputs))


def _arrays(model: GraphModel, env: dict[str, Operand]) -> list[Array]:
    return [np.asarray(y.data) for y in model.results(env)]


def _alike(a: Array, b: Array) -> bool:
    return a.shape == b.shape and np.allclose(a, b, 1e-3, 1e-4, equal_nan=True)


def _literally(model: GraphModel, inputs: list[Array]) -> list[Array]:
    """What comes out if the axis of the samples is an axis as any other."""
    layers = model.open_squeezes()
    before = {layer: bool(layer.node.attributes.get("samples_first", 1)) for layer in layers}
    model.squeeze_like(dict.fromkeys(layers, False))
    try:
        return _outputs(model, inputs)
    finally:
        model.squeeze_like(before)
