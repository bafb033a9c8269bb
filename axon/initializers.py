"""Floor 3: how parameters begin. Each initializer is a function of a shape and a type.

The scaled ones keep the size of signals steady from layer to layer: ``fan_in`` is the number of
inputs of a neuron, ``fan_out`` the number of neurons that read an input.
"""

from collections.abc import Callable
from math import prod, sqrt

from axon.backend import Array, DType, Shape, xp
from axon.names import resolve
from axon.random import stream

Initializer = Callable[[Shape, DType], Array]


def fans(shape: Shape) -> tuple[int, int]:
    """Return (fan_in, fan_out) of weights stored (..., inputs, outputs).

    >>> fans((784, 128)), fans((3, 3, 1, 32))
    ((784, 128), (9, 288))
    """
    if len(shape) < 2:
        return prod(shape), prod(shape)
    receptive = prod(shape[:-2])
    return receptive * shape[-2], receptive * shape[-1]


def zeros(shape: Shape, dtype: DType) -> Array:
    """All 0."""
    array: Array = xp.zeros(shape, dtype)
    return array


def ones(shape: Shape, dtype: DType) -> Array:
    """All 1."""
    array: Array = xp.ones(shape, dtype)
    return array


def random_normal(shape: Shape, dtype: DType) -> Array:
    """Normal with standard deviation 0.05."""
    return _normal(shape, dtype, 0.05)


def random_uniform(shape: Shape, dtype: DType) -> Array:
    """Uniform between -0.05 and 0.05."""
    return _uniform(shape, dtype, 0.05)


def glorot_uniform(shape: Shape, dtype: DType) -> Array:
    """Uniform with variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""
    return _uniform(shape, dtype, sqrt(6 / sum(fans(shape))))


def glorot_normal(shape: Shape, dtype: DType) -> Array:
    """Normal with variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""
    return _normal(shape, dtype, sqrt(2 / sum(fans(shape))))


def he_uniform(shape: Shape, dtype: DType) -> Array:
    """Uniform with variance 2 / fan_in, for relu (He et al., 2015)."""
    return _uniform(shape, dtype, sqrt(6 / fans(shape)[0]))


def he_normal(shape: Shape, dtype: DType) -> Array:
    """Normal with variance 2 / fan_in, for relu (He et al., 2015)."""
    return _normal(shape, dtype, sqrt(2 / fans(shape)[0]))


def _uniform(shape: Shape, dtype: DType, limit: float) -> Array:
    return stream("init").uniform(-limit, limit, shape).astype(dtype)


def _normal(shape: Shape, dtype: DType, deviation: float) -> Array:
    return stream("init").normal(0.0, deviation, shape).astype(dtype)


INITIALIZERS: dict[str, Initializer] = {
    function.__name__: function
    for function in (
        zeros,
        ones,
        random_normal,
        random_uniform,
        glorot_uniform,
        glorot_normal,
        he_uniform,
        he_normal,
    )
}


def get(initializer: str | Initializer) -> Initializer:
    """Return the initializer with this name; a function ``(shape, dtype) -> array`` is kept.

    >>> get("zeros")((2,), "float32")
    array([0., 0.], dtype=float32)
    """
    if isinstance(initializer, str):
        return resolve("initializer", initializer, INITIALIZERS)
    if not callable(initializer):
        raise TypeError(
            f"initializer: expected a name or a function (shape, dtype) -> array, got "
            f"{initializer!r}. Known names: {', '.join(INITIALIZERS)}."
        )
    return initializer
