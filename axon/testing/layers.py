"""What AXON relies on in a layer, for layers of one's own."""

import numpy as np

from axon.backend import Array
from axon.core import Tensor, TensorLike, grad
from axon.layers.base import Layer
from axon.models import Sequential, loading
from axon.modes import GradMode, TrainingMode
from axon.testing.gradients import check_gradient, demand_float64
from axon.testing.primitives import as_constant, cast
from axon.testing.replay import LARGE, Function, check_memory, check_replay, compare, demand, same


def check_layer(
    layer: Layer,
    *inputs: TensorLike,
    training: bool = False,
    order: int = 2,
    tolerance: float = 1e-6,
) -> None:
    """Check a layer: shapes, gradients, arrays and Tensors alike, replay, memory, and a saved copy.

    Args:
        layer: made with ``dtype="float64"``.
        inputs: arrays (n, ...) where it is smooth; floats are cast to float64.
        training: check it as it acts while training. It must not draw random numbers then.
        order: of the gradients that are checked, with respect to inputs and parameters.
        tolerance: the error allowed in them.

    Raises:
        AssertionError: something does not hold; the message says what.
        ValueError: the layer does not compute in float64.

    >>> from axon.layers.base import Layer
    >>> class Scale(Layer):
    ...     def create(self, *input_shapes):
    ...         self.scale = self.parameter("scale", lambda shape, dtype: np.ones(shape, dtype), ())
    ...     def call(self, x):
    ...         return x * self.scale
    >>> check_layer(Scale(dtype="float64"), np.ones((4, 3)))
    """
    arrays = cast([as_constant(x) for x in inputs], np.float64)
    with TrainingMode(training):
        y = layer.forward(*(a.copy() for a in arrays))
        demand_float64("the result", Tensor(y))
        _check_shapes(layer, arrays, y)
        _check_arrays_and_tensors(layer, arrays)
        if not training:
            _check_batch_of_one(layer, arrays, y)
        parameters, n = [p for p in layer.parameters() if p.requires_grad], len(arrays)
        if parameters or any(a.dtype.kind == "f" for a in arrays):
            check_gradient(
                lambda *t: layer(*t[:n]), *arrays, *parameters, order=order, tolerance=tolerance
            )
        step = _forward_and_backward(layer, training)
        if not training:  # what a layer counts or averages then differs between two runs
            check_replay(layer.name, step, arrays)
        check_memory(layer.name, step, _many(arrays))
        if n == 1:
            _check_saved(layer, arrays[0])


def _check_shapes(layer: Layer, arrays: list[Array], y: Array) -> None:
    rows = len(arrays[0])
    demand(
        y.shape[:1] == (rows,),
        f"{layer.name}: {rows} samples went in, but the result has shape {y.shape}.",
    )
    demand(
        layer.output_shape == y.shape[1:],
        f"{layer.name}: output_shape is {layer.output_shape}, but the result has shape {y.shape}.",
    )


def _check_arrays_and_tensors(layer: Layer, arrays: list[Array]) -> None:
    """NumPy in, NumPy out; Tensor in, Tensor out; and no input is changed."""
    before = [a.copy() for a in arrays]
    as_arrays, as_tensors = layer(*arrays), layer(*map(Tensor, arrays))
    demand(
        isinstance(as_arrays, np.ndarray) and isinstance(as_tensors, Tensor),
        f"{layer.name}: of arrays it makes a {type(as_arrays).__name__}, of Tensors a "
        f"{type(as_tensors).__name__}. Override call, not forward.",
    )
    demand(same(arrays, before), f"{layer.name}: it changes its inputs.")
    demand(
        same([as_arrays], [as_tensors.data]),
        f"{layer.name}: an array and a Tensor of the same numbers give different results.",
    )


def _check_batch_of_one(layer: Layer, arrays: list[Array], y: Array) -> None:
    alone = layer.forward(*(a[:1] for a in arrays))
    message = f"{layer.name}: the first sample alone gives other numbers than among the others"
    compare(message, [alone], [y[:1]], 1e-9)


def _forward_and_backward(layer: Layer, training: bool) -> Function:
    def function(*tensors: Tensor) -> list[Tensor]:
        leaves = [*layer.parameters(), *tensors]
        for x in tensors:
            x.requires_grad = x.dtype.kind == "f"
        with GradMode(True), TrainingMode(training):
            y = layer(*tensors)
        wanted = [x for x in leaves if x.requires_grad]
        return [y, *grad((y * y).sum(), wanted)] if y.requires_grad else [y]

    return function


def _many(arrays: list[Array]) -> list[Array]:
    """The samples again and again, so that memory taken for them shows."""
    times = -(-LARGE // max(1, *(a.size for a in arrays)))
    return [np.concatenate([a] * times) for a in arrays]


def _check_saved(layer: Layer, x: Array) -> None:
    """A copy that went through a file computes the same."""
    from copy import deepcopy
    from os.path import join
    from tempfile import TemporaryDirectory

    own = {type(m).__name__: type(m) for m in layer.modules()}
    held = [value for m in layer.modules() for value in vars(m).values() if callable(value)]
    functions = {name: f for f in held if (name := getattr(f, "__name__", None))}
    with TemporaryDirectory() as folder:
        path = join(folder, "layer.axon")
        model = Sequential([deepcopy(layer)])
        model.build(x.shape[1:])
        model.save(path)
        loaded = loading.load(path, {**own, **functions})
    demand(
        same([loaded.forward(x)], [layer.forward(x)]),
        f"{layer.name}: a copy that was saved and loaded computes something else. Keep every "
        "argument of the constructor as an attribute of its name, and what is learned or counted "
        "as a Parameter or a Buffer.",
    )
