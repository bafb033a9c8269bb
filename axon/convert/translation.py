"""Weights of another library become a model's own."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from axon.backend import Array
from axon.convert.making import Making
from axon.convert.mismatch import ForeignWeightsError
from axon.convert.name_map import NameMap, entries
from axon.convert.places import places_of, warn_of_epsilon, warn_of_same
from axon.convert.rules import Place
from axon.convert.units import source_of
from axon.core import Tensor
from axon.names import resolve
from axon.parameter import Parameter

SOURCES = {"torch": "torch", "pytorch": "torch", "keras": "keras"}


def translate(
    model: Any,
    arrays: Mapping[str, Any],
    name_map: NameMap | None = None,
    source: str | None = None,
    strict: bool = True,
) -> dict[str, Array]:
    """Turn weights of PyTorch or Keras into those of a model, which is not changed.

    Layers are matched by name where both sides use the same names; otherwise by the order of the
    numbers in the foreign names, or, where these say nothing, by kinds and shapes. What is not
    clear is an error, never a guess.

    Args:
        model: built already.
        arrays: the weights, by their names in the other library.
        name_map: what belongs where: a dict AXON's path -> foreign name, or a function of a layer's
            path that returns the foreign name, or None to leave it to the matching. Instead of a
            name: ``[name, name]`` for a layer that is two there; ``(name, (C, H, W))`` for one
            whose inputs were flattened from that shape, ``(name, None)`` if they were flattened in
            AXON's order; ``(name, function)`` for a parameter that function makes of the array.
        source: "torch" or "keras"; None to tell it from the names.
        strict: False leaves out what finds no partner.

    Returns:
        AXON's names and layouts, as ``model.load_state_dict`` takes them.

    Raises:
        ForeignWeightsError: they do not fit, or it is not clear what belongs where; both sides are
            shown. A ValueError.
        RuntimeError: the sizes of the model are not known yet.

    >>> from axon.layers import Dense
    >>> from axon.models import Sequential
    >>> linear = {"0.weight": np.ones((2, 3)), "0.bias": np.zeros(2)}  # (out, in)
    >>> {name: a.shape for name, a in translate(Sequential([Dense(3, 2)]), linear).items()}
    {'dense/weights': (3, 2), 'dense/bias': (2,)}
    """
    return translated(model, arrays, name_map, source, strict)[0]


def translated(
    model: Any,
    arrays: Mapping[str, Any],
    name_map: NameMap | None = None,
    source: str | None = None,
    strict: bool = True,
) -> tuple[dict[str, Array], list[str]]:
    """What ``translate`` returns, and the names of what is left of the file."""
    if model.input_shape is None:
        raise RuntimeError(
            f"model {model.name!r} is not built: its weights have no shapes yet. Call "
            "model.build(shape) with the shape of one sample."
        )
    wanted: dict[str, Tensor] = {**model.named_parameters(), **model.named_buffers()}
    given = {name: np.asarray(array) for name, array in arrays.items()}
    if source is None and name_map is None and _ours(wanted, given):
        return {name: given[name] for name in wanted}, [n for n in given if n not in wanted]
    origin = _origin(given, source)
    places = list(places_of(model, origin))
    mapped = entries(name_map, [place.path for place in places])
    making = Making(model, origin, places, given, strict)
    made = making.run(mapped)
    if origin == "torch":
        warn_of_epsilon(model)
        warn_of_same(model)
    return _complete(wanted, made, places, strict), making.unexpected()


def _ours(wanted: Mapping[str, Tensor], given: Mapping[str, Array]) -> bool:
    return all(name in given and given[name].shape == t.shape for name, t in wanted.items())


def _origin(arrays: Mapping[str, Array], source: str | None) -> str:
    if source is not None:
        return resolve("source", source, SOURCES)
    found = source_of(arrays)
    if found is None:
        raise ForeignWeightsError(
            "these weights have neither AXON's names for this model nor those of a library that it "
            f"knows: {', '.join(map(repr, list(arrays)[:5]))}. Say where they are from: "
            "source='torch' or source='keras'."
        )
    return found


def _complete(
    wanted: Mapping[str, Tensor],
    made: Mapping[str, Array],
    places: Sequence[Place],
    strict: bool,
) -> dict[str, Array]:
    """All that the model has, in its types; layers that stand in it twice have several paths.

    What no other library has, such as the random keys of Dropout, stays as it is.
    """
    by_tensor = {id(wanted[path]): array for path, array in made.items()}
    found = {}
    for path, tensor in wanted.items():
        if id(tensor) in by_tensor:
            with np.errstate(over="ignore"):
                found[path] = np.array(by_tensor[id(tensor)], tensor.dtype, order="C")
        elif not isinstance(tensor, Parameter):
            found[path] = tensor.data.copy()
        elif strict:
            known = ", ".join(place.path for place in places)
            raise ForeignWeightsError(
                f"{path!r} belongs to a layer that has no counterpart in other libraries (those "
                f"with one: {known}). Say what it is made of: name_map={{{path!r}: (name, "
                "function)}."
            )
    return found
