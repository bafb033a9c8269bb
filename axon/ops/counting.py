"""What has as many elements as the values say, so that it cannot be part of a recorded step."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from axon.backend import Array, Shape, as_array
from axon.core import Tensor, TensorLike
from axon.modes import refuse_while_recording
from axon.ops.compare import where
from axon.ops.composite import IntegerTensor, composite
from axon.ops.rounding import bitwise_xor, floor_divide, mod


def _values(function: str, x: TensorLike) -> Array:
    """The numbers themselves.

    Raises:
        RecordingError: a step is being recorded, which would repeat these for ever.
    """
    if isinstance(x, Tensor):
        refuse_while_recording(f"axon.ops.{function}, whose result has a size that depends on it,")
        return x.data
    return as_array(x)


def _several(found: Sequence[Array], x: TensorLike) -> tuple[Tensor | Array, ...]:
    return tuple(map(Tensor, found)) if isinstance(x, Tensor) else tuple(found)


def nonzero(x: TensorLike) -> tuple[Tensor | Array, ...]:
    """Where something other than 0 stands: the places along each axis.

    Raises:
        RecordingError: in a step that is recorded: how many there are, the values decide.

    >>> nonzero([[0, 2], [3, 0]])
    (array([0, 1]), array([1, 0]))
    """
    return _several(np.nonzero(_values("nonzero", x)), x)


def unique(
    x: TensorLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
) -> Tensor | Array | tuple[Tensor | Array, ...]:
    """The different elements, in rising order, also if ``sorted`` does not ask for it.

    Args:
        x: of any shape.
        sorted: changes nothing.
        return_index: also where each comes first.
        return_inverse: also the number of each element of x among them.
        return_counts: also how often each comes.
        axis: compare slices along an axis; of None, all elements.

    Raises:
        RecordingError: in a step that is recorded: how many there are, the values decide.

    >>> unique([3, 1, 3], return_counts=True)
    (array([1, 3]), array([1, 2]))
    """
    values = _values("unique", x)
    tell: Any = np.unique  # whose result depends on what it is asked for
    found = tell(values, return_index, return_inverse, return_counts, axis)
    if isinstance(found, tuple):
        return _several(found, x)
    return Tensor(found) if isinstance(x, Tensor) else found


def histogram(
    x: TensorLike, bins: int = 10, range: tuple[float, float] | None = None
) -> tuple[Tensor | Array, ...]:
    """How many elements lie in each of some bins of equal width, and the edges of these.

    Raises:
        RecordingError: in a step that is recorded: the edges depend on the values.

    >>> histogram([1.0, 2.0, 4.0], 3)
    (array([1, 1, 1]), array([1., 2., 3., 4.]))
    """
    return _several(np.histogram(_values("histogram", x), bins, range), x)


# ------------------------------------------------------------------------------------ choosing


@composite
def unravel_index(indices: IntegerTensor, shape: Shape) -> tuple[Tensor, ...]:
    """Of places counted through an array of a shape, those along each axis.

    >>> unravel_index([4, 5], (2, 3))
    (array([1, 1]), array([1, 2]))
    """
    places, rest = [], indices.astype(np.int64)
    for size in reversed(shape):
        places.append(mod(rest, size))
        rest = floor_divide(rest, size)
    return tuple(reversed(places))


@composite
def select(condlist: Sequence[Tensor], choicelist: Sequence[Tensor], default: float = 0) -> Tensor:
    """What stands behind the first condition that holds; ``default`` where none does.

    >>> select([[True, False, False], [True, True, False]], [[1, 2, 3], [4, 5, 6]], 9)
    array([1, 5, 9])
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(
            f"select: expected as many conditions as choices, got {len(condlist)} and "
            f"{len(choicelist)}."
        )
    y: Tensor = where(condlist[-1], choicelist[-1], default)
    for condition, choice in list(zip(condlist, choicelist, strict=True))[-2::-1]:
        y = where(condition, choice, y)
    return y


@composite
def bitwise_not(x: IntegerTensor) -> Tensor:
    """The bits that are not set; of truth values, the opposite.

    >>> bitwise_not([0, 5])
    array([-1, -6])
    """
    every = True if x.dtype.kind == "b" else np.iinfo(x.dtype).max if x.dtype.kind == "u" else -1
    return bitwise_xor(x, Tensor(np.array(every, x.dtype)))


def get_item(x: Tensor, key: object) -> Tensor:
    """x[key].

    >>> get_item(np.arange(3), 1)
    np.int64(1)
    """
    return x[key]


def ndim(x: TensorLike) -> int:
    """The number of axes.

    >>> ndim([[1, 2]])
    2
    """
    return len(shape(x))


def shape(x: TensorLike) -> Shape:
    """The size along each axis; of a symbolic value, None along that of the samples.

    >>> shape([[1, 2]])
    (1, 2)
    """
    x = getattr(x, "symbolic", x)  # of an Input
    known: Shape | None = getattr(x, "shape", None)
    return np.shape(as_array(x)) if known is None else tuple(known)


def dtype(x: TensorLike) -> np.dtype[Any]:
    """The type of the elements.

    >>> dtype(np.ones(2, np.float32))
    dtype('float32')
    """
    known: np.dtype[Any] | None = getattr(getattr(x, "symbolic", x), "dtype", None)
    return as_array(x).dtype if known is None else known


def size(x: TensorLike) -> int:
    """The number of elements.

    >>> size([[1, 2]])
    2
    """
    return x.size if isinstance(x, Tensor) else int(np.size(as_array(x)))


# ------------------------------------------------------------------------------------ tensors


def is_tensor(x: object) -> bool:
    """Whether it is a Tensor.

    >>> is_tensor(np.ones(2))
    False
    """
    return isinstance(x, Tensor)


def convert_to_tensor(x: object, dtype: str | None = None) -> Tensor:
    """A Tensor of these numbers; one of the right type as it is.

    >>> convert_to_tensor([1.0, 2.0])
    Tensor([1., 2.], dtype=float32)
    """
    if isinstance(x, Tensor):
        return x if dtype is None or x.dtype == dtype else x.astype(dtype)
    return Tensor(x, dtype)


def convert_to_numpy(x: TensorLike) -> Array:
    """The array of a Tensor, or of numbers.

    >>> convert_to_numpy(Tensor([1.0]))
    array([1.], dtype=float32)
    """
    return x.numpy() if isinstance(x, Tensor) else as_array(x)


@composite
def stop_gradient(variable: Tensor) -> Tensor:
    """The same numbers, through which no gradient flows.

    >>> stop_gradient(Tensor([1.0], requires_grad=True)).requires_grad
    False
    """
    return variable.detach()
