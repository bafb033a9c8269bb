"""The forms that data come in: one rule for every method that takes them.

Data are an array, a table, a tensor, or nested lists of them; for several inputs a tuple, a list or
a dict by name. Where some of several may be left out, ``forward(self, x, ids=None)``, a tuple or a
dict says which are there: a list of arrays may be samples. Whatever else can be read one by one
yields **batches**: an iterator, a data loader, an object with numbered batches. A list may hold
either. Where targets come along it holds samples, or inputs; where they do not, as in ``predict``,
what lies in it tells:

- tuples that hold arrays, or dicts, are batches;
- arrays, or lists that hold arrays, have as many axes as a sample, or one more: then they are
  batches. Before the shape of a sample is known they are samples, unless their axes differ;
- all else, such as lists of numbers, are samples.

A batch is x, (x,), (x, y) or (x, y, sample_weight), in a tuple or a list.
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from axon.containers import arraylike, has
from axon.models.data import Data
from axon.models.network import Network

Items = tuple[Data, ...] | list[Data]
UNREADABLE = (str, bytes, bytearray, Mapping, range)  # they can be iterated, but are no batches


class Numbered:
    """An iterable over x[0], x[1] and so on: up to its length, or until there is no next one.

    As Keras does, it tells x when an epoch is over, if x wants to know.
    """

    def __init__(self, x: Data) -> None:
        self.x = x

    def __iter__(self) -> Iterator[Data]:
        if has(self.x, "__len__"):
            yield from (self.x[i] for i in range(len(self.x)))
        else:
            yield from iter(self.x)  # ends with the first IndexError
        if has(self.x, "on_epoch_end"):
            self.x.on_epoch_end()


def readable(x: Data) -> Iterable[Data] | None:
    """What can be read one by one, as an iterable; None for arrays, tables, dicts and the like."""
    if isinstance(x, UNREADABLE) or arraylike(x):
        return None
    iterable = isinstance(x, Iterable)
    if has(x, "__getitem__") and (not iterable or has(x, "on_epoch_end")):
        return Numbered(x)
    return x if iterable else None


def inputs_of(model: Network, x: Data) -> tuple[Data, ...]:
    """The inputs of a model: one for most; a tuple, a list, or a dict by name, for several."""
    takes = model.takes
    names, least = takes
    if least == 1 and type(x) is np.ndarray:  # as nearly always
        return (x,)
    if isinstance(x, Mapping):
        count = len(x)
        if not least <= count <= len(names) or sorted(names[:count]) != sorted(x):
            keys = " or ".join(str(list(names[:n])) for n in range(least, len(names) + 1))
            raise ValueError(f"x: expected a dict with the keys {keys}, got {list(x)}.")
        return tuple(x[name] for name in names[:count])
    if len(names) == 1 or (least == 1 and not holds_inputs(model, x)):
        return (x,)
    if not isinstance(x, tuple | list) or not least <= len(x) <= len(names):
        got = f"{type(x).__name__} of {len(x)}" if isinstance(x, tuple | list) else "one array"
        raise ValueError(f"x: model {model.name!r} takes {takes}, got {got}.")
    return tuple(x)


def holds_inputs(model: Network, x: Data) -> bool:
    """Whether a tuple holds inputs, of a model some of whose inputs may be left out."""
    return isinstance(x, tuple) and model.takes.optional and all(map(is_array, x))


def batches_in(model: Network, x: Data) -> Iterable[Data] | None:
    """Batches of inputs, if that is what x holds; None if it holds samples."""
    if type(x) is np.ndarray:
        return None
    if not isinstance(x, tuple | list):
        return readable(x)
    if holds_inputs(model, x):
        return None
    return x if x and _is_batch(model, x) else None


def _is_batch(model: Network, x: Items) -> bool:
    """Whether a list holds batches: its first item tells."""
    first, several = x[0], model.takes.least > 1
    if isinstance(first, Mapping):
        return True
    if isinstance(first, tuple | list):
        if isinstance(first, tuple) or not first or isinstance(first[0], tuple | list | Mapping):
            return _holds_arrays(first)
        return is_array(first[0]) and _has_batch_axis(model, first[0], _unlike(first))
    if several or not is_array(first):
        return False
    return _has_batch_axis(model, first, _unlike(x))


def _holds_arrays(item: Items) -> bool:
    """Whether there are arrays in an item, or in the inputs in it, where these are several."""
    for value in item:
        inner = value.values() if isinstance(value, Mapping) else value
        several = isinstance(value, tuple | list | Mapping)
        if any(map(is_array, inner)) if several else is_array(value):
            return True
    return False


def is_array(value: Data) -> bool:
    """Whether this is an array, or a table, of at least one axis."""
    return arraylike(value) and bool(np.ndim(value))


def _unlike(items: Items) -> bool:
    """Whether items have different numbers of axes, as x and y often have."""
    return len({np.ndim(item) if arraylike(item) else None for item in items}) > 1


def _has_batch_axis(model: Network, array: Data, otherwise: bool) -> bool:
    """Whether an array has an axis more than a sample (the first input's)."""
    axes = _axes(model)
    return otherwise if axes is None else np.ndim(array) == axes + 1


def _axes(model: Network) -> int | None:
    """How many axes a sample of the first input has, if that is known."""
    shape = model.input_shape
    if shape is None:
        return None
    return len(shape[0] if model.width > 1 else shape)


def sole(model: Network, x: Data, y: Data) -> tuple[Data, Data]:
    """x and y of a model of one input that are given as those of several: (x,), [y]."""
    if model.takes.least > 1 or not _is_only(x):
        return x, y
    inner = x[0]
    rows, targets = len(inner), y[0] if _is_only(y) and len(y[0]) == len(inner) else y
    axes = _axes(model)
    fits = rows > 1 and np.shape(targets)[:1] == (rows,) if axes is None else None
    return (inner, targets) if fits or np.ndim(inner) == (axes or -1) + 1 else (x, y)


def _is_only(value: object) -> bool:
    return isinstance(value, tuple | list) and len(value) == 1 and is_array(value[0])


def without_targets(model: Network, item: Data) -> Data:
    """The inputs in a batch: of x, (x,), (x, y) or (x, y, sample_weight).

    Raises:
        TypeError: a list of a few arrays, which may be (x, y) or samples, and nothing tells.
    """
    if not isinstance(item, tuple | list) or not item:
        return item
    first, inputs = item[0], model.takes.least
    if isinstance(first, Mapping):
        return first
    if inputs > 1:
        together = isinstance(first, tuple) or (isinstance(first, list) and _holds_arrays(first))
        return first if together and len(first) == inputs else item
    if isinstance(item, tuple):
        return first
    return first if len(item) <= 3 and _is_pair(model, item) else item


def _is_pair(model: Network, item: list[Data]) -> bool:
    """Whether a list is [x, y] or the like, and not a list of samples."""
    if not is_array(item[0]):
        return False
    if _unlike(item):
        return True
    if _axes(model) is None:
        raise TypeError(
            f"a list of {len(item)} arrays of shape {np.shape(item[0])} may be (x, y), or samples. "
            "Yield a tuple (x, y), or an array of samples, np.stack(samples)."
        )
    return _has_batch_axis(model, item[0], otherwise=False)


def demand_pair(item: Data) -> None:
    """Demand that a batch brings its targets: (x, y) or (x, y, sample_weight).

    Raises:
        TypeError: it is something else.
    """
    if isinstance(item, tuple | list) and len(item) in (2, 3):
        return
    size = f" of {len(item)}" if isinstance(item, tuple | list) else ""
    hint = "If x is an array, pass y, too."
    if isinstance(item, Mapping):
        hint = "Inputs by name go into the batch as its x: ({'name': x}, y)."
    raise TypeError(
        f"expected batches (x, y) or (x, y, sample_weight), got {type(item).__name__}{size}. {hint}"
    )
