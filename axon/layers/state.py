"""What a module holds, by name: how it is taken out, compared with another, and put back."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple, Protocol

import numpy as np

from axon.backend import Array, ArraySpec, DType
from axon.core import Tensor, TensorLike
from axon.names import printable
from axon.parameter import Buffer, Parameter

SHOWN = 8  # differences, before the rest is only counted


class StatefulModule(Protocol):
    """A module, as far as it is asked here."""

    name: str
    trainable: bool
    _trainable: bool

    def named_parameters(self) -> Mapping[str, Parameter]:
        """Parameters by path."""

    def named_buffers(self) -> Mapping[str, Buffer]:
        """Buffers by path."""

    def children(self) -> "Iterator[tuple[str, StatefulModule]]":
        """The modules inside, by name."""


class Loaded(NamedTuple):
    """What did not fit when a state was loaded: three empty lists, unless ``strict=False``.

    Attributes:
        missing_keys: names that the module has and the state does not.
        unexpected_keys: the other way round.
        mismatched_keys: names of arrays of another shape, or of a type that is not converted.
    """

    missing_keys: list[str]
    unexpected_keys: list[str]
    mismatched_keys: list[str]


def named(module: StatefulModule) -> dict[tuple[str, ...], Tensor]:
    """Every parameter and buffer once, by all the paths under which it is found."""
    found: dict[int, tuple[list[str], Tensor]] = {}
    for path, tensor in {**module.named_parameters(), **module.named_buffers()}.items():
        found.setdefault(id(tensor), ([], tensor))[0].append(path)
    return {tuple(paths): tensor for paths, tensor in found.values()}


def state_of(module: StatefulModule) -> dict[str, Array]:
    """Copies of parameters and buffers, each once, by its first path."""
    return {paths[0]: tensor.data.copy() for paths, tensor in named(module).items()}


def frozen_in(module: StatefulModule) -> dict[str, list[str]]:
    """Paths of what training does not change: modules, "" being the outermost, and parameters."""
    return {
        "modules": [path for path, m in paths_in(module) if not m.trainable],
        "parameters": [n for n, p in module.named_parameters().items() if not p.requires_grad],
    }


def freeze(module: StatefulModule, frozen: Mapping[str, Sequence[str]]) -> None:
    """Freeze what ``frozen_in`` listed, and nothing else."""
    modules, parameters = set(frozen["modules"]), set(frozen["parameters"])
    for path, m in paths_in(module):
        m._trainable = path not in modules
    for path, p in module.named_parameters().items():
        p.requires_grad = path not in parameters


def paths_in(module: StatefulModule, path: str = "") -> Iterator[tuple[str, StatefulModule]]:
    """A module and those inside it, with the paths that lead to them."""
    yield path, module
    for name, child in module.children():
        yield from paths_in(child, f"{path}/{name}" if path else name)


class StateFit:
    """How well a state, of which names, shapes and types are known, fits a module.

    Args:
        module: what is to be loaded.
        found: name -> ArraySpec of each array there is.
        where: what errors call the state, such as the path of a file.
        exact: types must be the same; otherwise floats of one precision become those of another.
    """

    def __init__(
        self,
        module: StatefulModule,
        found: Mapping[str, ArraySpec],
        where: str,
        exact: bool = False,
    ) -> None:
        self.module, self.found, self.where, self.exact = module, found, where, exact
        self.wanted = named(module)
        self.sources: dict[str, Tensor] = {}  # name in the state -> what takes its values
        missing, mismatched = [], []
        for paths, tensor in self.wanted.items():
            name = next((path for path in paths if path in found), None)
            if name is None:
                missing.append(paths[0])
            elif not _fits(found[name], tensor, exact):
                mismatched.append(name)
            else:
                self.sources[name] = tensor
        known = {path for paths in self.wanted for path in paths}
        self.left = Loaded(missing, [name for name in found if name not in known], mismatched)

    def demand(self, strict: bool) -> None:
        """Raise ValueError, with the first differences side by side, if the state does not fit.

        Args:
            strict: all of it must; otherwise a part is enough.
        """
        if (strict and any(self.left)) or (self.wanted and not self.sources):
            missing, unexpected, mismatched = map(len, self.left)
            hint = "" if self.exact else "\nstrict=False loads what fits."
            hint = hint if self.sources else "\nNothing of it fits."
            raise ValueError(
                f"{printable(self.where)} does not fit {self.module.name!r}: {missing} missing, "
                f"{unexpected} unexpected, {mismatched} of another shape or type.\n{self._table()}"
                f"{hint}"
            )

    def _table(self) -> str:
        """The first differences, the module's on the left, the state's on the right."""
        specs = {p: ArraySpec(t.shape, t.dtype) for paths, t in self.wanted.items() for p in paths}
        left = self.left
        rows = [(f"{n}  {specs[n]}", f"{n}  {self.found[n]}") for n in left.mismatched_keys]
        rows += zip_longest(
            (f"{n}  {specs[n]}" for n in left.missing_keys),
            (f"{n}  {self.found[n]}" for n in left.unexpected_keys),
            fillvalue="-",
        )
        return side_by_side("model", "file", rows)

    def load(self, arrays: Mapping[str, TensorLike]) -> Loaded:
        """Put the values in that fit; all are converted first, so that an error changes nothing."""
        ready = [(t, converted(name, arrays[name], t.dtype)) for name, t in self.sources.items()]
        for tensor, values in ready:
            tensor.assign(values)
        return self.left


def _fits(found: ArraySpec, tensor: Tensor, exact: bool) -> bool:
    """Whether the shape is the same, and no value would change its meaning."""
    if exact or found.shape != tensor.shape:
        return found == (tensor.shape, tensor.dtype)
    floats = found.dtype.kind == tensor.dtype.kind == "f"
    integers = found.dtype.kind in "iub" and tensor.dtype.kind in "iub"
    return floats or (integers and np.can_cast(found.dtype, tensor.dtype, "safe"))


def converted(name: str, values: TensorLike, dtype: DType) -> Array:
    """An array in another type, if none of its numbers are too large for that.

    >>> converted("w", np.array([1e300]), np.dtype("float32"))
    Traceback (most recent call last):
    ValueError: 'w' holds numbers that are too large for float32; it is float64.
    """
    given = np.asarray(values.data if isinstance(values, Tensor) else values)
    with np.errstate(over="raise", invalid="ignore"):
        try:
            return given.astype(dtype, copy=False)
        except FloatingPointError:
            raise ValueError(
                f"{name!r} holds numbers that are too large for {dtype.name}; it is "
                f"{given.dtype.name}."
            ) from None


def side_by_side(left: str, right: str, rows: Sequence[tuple[str, str]]) -> str:
    """The first rows of two columns, and how many more there are.

    >>> print(side_by_side("model", "file", [("w (2,)", "w (3,)"), ("b (2,)", "-")]))
      model   | file
      w (2,)  | w (3,)
      b (2,)  | -
    """
    shown = [(left, right), *((printable(a), printable(b)) for a, b in rows[:SHOWN])]
    width = max(len(row[0]) for row in shown)
    lines = [f"  {a:{width}}  | {b}" for a, b in shown]
    return "\n".join([*lines, f"  and {len(rows) - SHOWN} more"] if rows[SHOWN:] else lines)


def load_state(
    module: StatefulModule, state: Mapping[str, TensorLike], strict: bool, where: str
) -> Loaded:
    """Put arrays by name into a module; what does not fit is an error, or is listed."""
    specs = {name: ArraySpec(np.shape(v), _dtype(v)) for name, v in state.items()}
    fit = StateFit(module, specs, where)
    fit.demand(strict)
    return fit.load(state)


def _dtype(values: TensorLike) -> DType:
    return values.dtype if isinstance(values, Tensor | np.ndarray) else np.asarray(values).dtype
