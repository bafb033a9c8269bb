"""Weights for elsewhere: those of a model, as PyTorch and Keras name and lay them.

No rule is written twice: arrays full of labels, of the names and shapes that the other library
has, are turned into weights of the model by the rules of the way in. Where a label comes out,
there the number has to go. Of two arrays that are added up on the way in, such as the two biases
of an LSTM, the second stays 0.
"""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np

from axon.backend import Array, Shape
from axon.containers import has
from axon.convert import keras, torch
from axon.convert.match import ForeignWeightsError, NameMap
from axon.convert.rules import Target, targets_of
from axon.convert.torch import RECURRENT
from axon.convert.translation import LIBRARIES, Translation
from axon.layers.model_like import ModelLike
from axon.names import resolve

SECOND = ("bias_hh",)  # what is added to another array on the way in


def foreign_weights(
    model: ModelLike, style: str, like: object = None, name_map: NameMap | None = None
) -> dict[str, Array]:
    """The weights of a model as another library names and lays them.

    Args:
        model: built already.
        style: "torch" or "keras".
        like: a module of PyTorch, or its ``state_dict()``, that is to take the weights: its names
            and shapes are used. By default layers are called as they are here.
        name_map: what belongs where, as in ``translate``, if ``like`` does not tell.

    Returns:
        Arrays by name: what ``module.load_state_dict`` takes as Tensors, or lies in a file of
        Keras.

    Raises:
        ForeignWeightsError: they do not fit ``like``, or a layer has no counterpart there.
        RuntimeError: the sizes of the model are not known yet.

    >>> from axon.layers import Dense
    >>> from axon.models import Sequential
    >>> made = foreign_weights(Sequential([Dense(3, 2, name="fc")]), "torch")
    >>> {name: array.shape for name, array in made.items()}
    {'fc.weight': (2, 3), 'fc.bias': (2,)}
    """
    style = resolve("style", style, LIBRARIES)
    if model.input_shape is None:
        raise RuntimeError(
            f"model {model.name!r} is not built: its weights have no shapes yet. Call "
            "model.build(shape) with the shape of one sample."
        )
    wanted = arrays_of(like) if like is not None else None
    shapes = dict(skeleton(model, style))
    if wanted is not None:
        counted = {n for n in wanted if n.endswith("num_batches_tracked")}
        shapes = {name: a.shape for name, a in wanted.items() if name not in counted}
    made = Labelled(model, style, shapes, name_map).moved()
    if wanted is None:
        return made
    return {name: made[name] if name in made else array for name, array in wanted.items()}


def arrays_of(state: Any) -> dict[str, Array]:
    """The arrays of a module of PyTorch, or of a dict of its Tensors or of arrays.

    >>> arrays_of({"a": np.ones(2, "float32")})
    {'a': array([1., 1.], dtype=float32)}
    """
    given = state.state_dict() if has(state, "state_dict") else state
    if not isinstance(given, Mapping):
        raise TypeError(
            f"expected a module of PyTorch or its state_dict(), got {type(state).__name__}."
        )
    return {str(name): _array(value) for name, value in given.items()}


def _array(value: Any) -> Array:
    if not has(value, "detach"):
        return np.asarray(value)
    tensor = value.detach().cpu()
    if str(tensor.dtype) == "torch.bfloat16":  # which NumPy does not have
        tensor = tensor.float()
    array: Array = tensor.numpy()
    return array


class Labelled:
    """Finds where each number of a model goes.

    Args:
        model: whose weights.
        style: "torch" or "keras".
        shapes: of the arrays there, by name.
        name_map: see ``foreign_weights``.
    """

    def __init__(
        self, model: ModelLike, style: str, shapes: Mapping[str, Shape], name_map: NameMap | None
    ) -> None:
        self.model, self.style, self.shapes, self.name_map = model, style, shapes, name_map
        self.tensors = {**model.named_parameters(), **model.named_buffers()}
        count = sum(prod(shape) for shape in shapes.values())
        # Fractions: the sum of two labels is no label.
        self.labels = np.arange(1, count + 1) + np.random.default_rng(0).random(count)

    def moved(self) -> dict[str, Array]:
        """The weights at their places there."""
        silent: set[str] = set()
        while True:
            made = self._taken(self._cut(self.labels), silent)
            places = {path: self._found(values) for path, values in made.items()}
            lost = [path for path, found in places.items() if (found < 0).any()]
            if not lost:
                return self._put(places, silent)
            silent |= self._added_up(places, silent, lost[0])

    def _cut(self, flat: Array) -> dict[str, Array]:
        """Arrays of the shapes there, out of one long one."""
        ends = np.cumsum([0, *(prod(shape) for shape in self.shapes.values())]).tolist()
        return {
            name: flat[start : start + prod(shape)].reshape(shape)
            for (name, shape), start in zip(self.shapes.items(), ends, strict=False)
        }

    def _taken(self, arrays: dict[str, Array], silent: set[str]) -> dict[str, Array]:
        """What the way in makes of arrays, by the paths of the model."""
        given = {n: np.zeros_like(a) if n in silent else a for n, a in arrays.items()}
        translation = Translation(self.model, self.style, given, self.tensors)
        made = translation.run(self.name_map, True)
        translation.completed(made, True)  # names what has no counterpart
        return made

    def _found(self, values: Array) -> Array:
        """The places of labels; -1 for what is none."""
        places = np.searchsorted(self.labels, values).clip(max=len(self.labels) - 1)
        return np.where(self.labels[places] == values, places, -1)

    def _added_up(self, places: Mapping[str, Array], silent: set[str], lost: str) -> set[str]:
        """The arrays of which no label came out, as far as they are added to others."""
        seen = np.zeros(len(self.labels), bool)
        for found in places.values():
            seen[found[found >= 0]] = True
        unseen = [name for name, part in self._cut(seen).items() if not part.any()]
        left = [name for name in unseen if name not in silent]
        second = {name for name in left if any(word in name for word in SECOND)}
        if not second and not left:
            raise ForeignWeightsError(f"{lost!r} cannot be written as {self.style} has it.")
        return second or {left[0]}

    def _put(self, places: Mapping[str, Array], silent: set[str]) -> dict[str, Array]:
        """The numbers of the model at their places."""
        dtype = np.result_type(*(self.tensors[path].dtype for path in places))
        flat = np.zeros(len(self.labels), dtype)
        for path, found in places.items():
            flat[found] = self.tensors[path].data
        made = self._cut(flat)
        for path, values in self._taken(made, silent).items():
            if not np.array_equal(values, self.tensors[path].data, equal_nan=True):
                raise ForeignWeightsError(f"{path!r} cannot be written as {self.style} has it.")
        return made


# ------------------------------------------------------------------------------------ names there


def skeleton(model: ModelLike, style: str) -> Iterator[tuple[str, Shape]]:
    """The names and shapes that the arrays of a model have there, where nothing else is said."""
    library = keras if style == "keras" else torch
    for target in targets_of(model, library.RECIPES, by_type=style == "keras"):
        parts = target.parts()
        for part in parts:
            for role, shape in part.wants.items():
                if style == "keras":
                    yield _keras_name(model, target, role), shape
                else:
                    yield _torch_name(target, part.number if len(parts) > 1 else None, role), shape


def _torch_name(target: Target, part: int | None, role: str) -> str:
    """``conv.weight``, ``lstm.weight_ih_l0_reverse``; the parts of a layer are counted."""
    *inside, last = role.split(".")
    recurrent = RECURRENT.fullmatch(last.replace("_reverse", "") + "_l0")
    if recurrent:
        last = f"{recurrent[1]}_l0{'_reverse' if last.endswith('_reverse') else ''}"
    number = [] if part is None else [str(part)]
    return ".".join([*target.key, *number, *inside, last])


def _keras_name(model: ModelLike, target: Target, role: str) -> str:
    """``layers/lstm/cell/vars/0``: what stands in a Sequential or a graph lies in ``layers``."""
    names: list[str] = []
    module: Any = model
    left, key = target.path, list(target.key)
    while left:
        name = max((n for n, _ in module.children() if f"{left}/".startswith(f"{n}/")), key=len)
        listed = "/" not in name and name not in vars(module)
        count = len(name.split("/"))
        names += (["layers"] if listed else []) + key[:count]
        module = dict(module.children())[name]
        left, key = left[len(name) + 1 :], key[count:]
    *inside, number = role.split("/")
    return "/".join([*names, *inside, "vars", number])
