"""Linear: no activation at all."""

from axon.backend import Array, as_array
from axon.core import Tensor, TensorLike


def linear(x: TensorLike) -> Tensor | Array:
    """Return x itself.

    >>> linear([2, 3])
    array([2, 3])
    """
    return x if isinstance(x, Tensor) else as_array(x)[()]


def linear_derivative(y: TensorLike) -> Tensor | Array:
    """Return the derivative of y = x: ones.

    >>> linear_derivative(np.array([2.0, 3.0]))
    array([1., 1.])
    """
    return y * 0.0 + 1.0 if isinstance(y, Tensor) else as_array(y) * 0.0 + 1.0
