"""Any primitive by XLA: by a rule, else by the formula of its kernel, else on the host.

A formula (axon/symbols) is a list of calls, each of which makes a new version of some memory. Here
a version is an array of one type: writing to a part of it makes another array, and reading it as
another type keeps the bits. NumPy says in which type a call computes, and XLA does it.
"""

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any
from warnings import warn

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from axon.backend import Array, DType, Shape
from axon.core import Primitive
from axon.facts import Meta
from axon.symbols import Formula, Spot, Version, formula_of
from axon.symbols.places import Cells, Way, indices_of, way_to
from axon.symbols.symbol import BEGINS, MAKES, function_of
from axon.xla.rules import RULES

MOST = 300  # calls in a formula: XLA takes about 0.03 s to compile each
TINY: Shape = (2,)  # enough to see what happens to each number
BYTES = np.dtype(np.uint8)
Spec = tuple[Shape, DType]
Specs = tuple[Spec, ...]
TRUTH = np.dtype(np.bool_)


class NotDerived(Exception):
    """XLA cannot do what a formula says, or not as NumPy does."""


def perform(p: Primitive, values: Sequence[jax.Array], meta: Meta) -> list[jax.Array]:
    """Apply a primitive: to be called while JAX traces, and with its 64-bit types enabled.

    Args:
        p: what is applied.
        values: its inputs.
        meta: its metadata.

    Returns:
        The result, or the new values of the inputs that it changes.

    What has no rule and decides by values, or has a very long formula, is done on the host by
    NumPy: a warning names it, once.
    """
    values = [jnp.asarray(v) for v in values]
    if p.name in RULES and is_ours(p):
        found = RULES[p.name](*values, **meta)
        return list(found) if p.writes else [found]
    try:
        return _derived(p, values, meta)
    except (NotDerived, TypeError, ValueError, OverflowError) as error:
        _tell(p.name, str(error))
    return _on_host(p, values, meta)


# ------------------------------------------------------------------------------------ formulas


def _derived(p: Primitive, values: Sequence[jax.Array], meta: Meta) -> list[jax.Array]:
    specs = tuple((v.shape, np.dtype(v.dtype)) for v in values)
    if p.facts.alone and p.kind == "fills" and is_ours(p):  # a user's may ask for its size
        tiny = _formula(p, tuple((TINY, dtype) for _, dtype in specs), meta)
        if tiny.by_number:
            shape, _ = p.result(*(_stand_in(*spec) for spec in specs), **meta)
            return _Evaluation([jnp.broadcast_to(v, shape) for v in values], shape).run(tiny)
    return _Evaluation(values).run(_formula(p, specs, meta))


def is_ours(p: Primitive) -> bool:
    """Whether it comes with AXON: a user's own may have the same name."""
    return p.__module__.startswith("axon.")


def _stand_in(shape: Shape, dtype: DType) -> Array:
    """An array of which nobody reads the numbers."""
    return np.broadcast_to(np.zeros((), dtype), shape)


class _Frozen:
    """Metadata, which may hold lists and slices, as a key; 1 and 1.0 and True are three.

    Raises:
        TypeError: if it is hashed, and there is something inside that cannot be.
    """

    def __init__(self, meta: Meta) -> None:
        self.meta, self.key = meta, _key(meta)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and self.key == other.key


def _key(value: object) -> tuple[Any, ...]:
    if isinstance(value, dict):
        return tuple((name, *_key(value[name])) for name in sorted(value))
    if isinstance(value, tuple | list):
        return (type(value), *map(_key, value))
    if isinstance(value, slice):
        return (slice, *map(_key, (value.start, value.stop, value.step)))
    return (type(value), value, str(value) if isinstance(value, float) else "")  # 0.0 and -0.0


def _formula(p: Primitive, specs: Specs, meta: Meta) -> Formula:
    """What the kernel would do."""
    frozen = _Frozen(meta)
    try:
        hash(frozen)
    except TypeError:
        return _derive.__wrapped__(p, specs, frozen)
    return _derive(p, specs, frozen)


@lru_cache(maxsize=4096)
def _derive(p: Primitive, specs: Specs, meta: _Frozen) -> Formula:
    try:
        formula = formula_of(p, [np.zeros(*spec) for spec in specs], meta.meta)
    except Exception as error:  # a user's kernel can do anything
        raise NotDerived(f"{type(error).__name__}: {error}") from error
    if formula.asks:
        raise NotDerived("it asks backend.known(...), perhaps in order to raise an error")
    if len(formula.versions) > MOST:
        raise NotDerived(f"its kernel makes {len(formula.versions)} calls, more than {MOST}")
    return formula


class _Evaluation:
    """A formula at work.

    Args:
        given: the inputs.
        shape: of all of them and of the result, where the formula is by number: it may have been
            written down for fewer numbers.
    """

    def __init__(self, given: Sequence[jax.Array], shape: Shape | None = None) -> None:
        self.given, self.shape = given, shape
        self.memory: dict[int, jax.Array | None] = {}

    def run(self, formula: Formula) -> list[jax.Array]:
        """Call by call; the results."""
        for version in formula.versions:
            self.memory[version.number] = self._made(version)
        results = [self._read(place) for place in formula.results]
        if self.shape is None:
            return results
        return [jnp.broadcast_to(x, self.shape) for x in results]

    def _made(self, version: Version) -> jax.Array | None:
        if version.function in BEGINS:
            return self.given[version.args[0]] if version.function == "given" else None
        target = version.target
        assert target is not None
        options = {key: self._value(value) for key, value in version.options.items()}
        args = [self._value(a) for a in version.args]
        if version.function in ("add.at", "maximum.at"):
            value = _scattered(version.function, self._read(target), *args)
        else:
            value = _called(version.function, args, options, target.dtype)
        if "where" in options and not version.function.endswith(".reduce"):
            value = jnp.where(options["where"], value, self._read(target))
        return self._written(target, value)

    def _value(self, value: Any) -> Any:
        if isinstance(value, Spot):
            return self._read(value)
        if isinstance(value, tuple) and any(isinstance(v, Spot) for v in value):
            return tuple(map(self._value, value))
        return value

    def _read(self, place: Spot) -> jax.Array:
        memory = self.memory[place.version.number]
        if memory is None or 0 in place.shape:
            return jnp.zeros(place.shape, place.dtype)
        memory = _as_type(memory, place.dtype)
        if self.shape is not None:
            return memory
        if _plain(place):
            return memory.reshape(place.shape)
        cells = _cells(place)
        way = way_to(cells, memory.shape)
        if way is None:
            return memory.reshape(-1)[indices_of(cells, jnp)]
        return jnp.broadcast_to(_walked(memory, way), place.shape)

    def _written(self, place: Spot, value: jax.Array) -> jax.Array:
        """The memory, with this value at a place of it."""
        if self.shape is not None:
            return value
        value = jnp.broadcast_to(value, place.shape)
        before = self.memory[place.version.number]
        if _plain(place):
            return value
        if before is None:
            before = jnp.zeros(_numbers(place), place.dtype)
        if 0 in place.shape:
            return before
        return _put(_as_type(before, place.dtype), _cells(place), value)


def _plain(place: Spot) -> bool:
    """Whether it is all of the memory, row by row."""
    if not place.everything:
        return False
    below = [prod(place.shape[i + 1 :]) * place.dtype.itemsize for i in range(len(place.shape))]
    return all(
        n == 1 or stride == wanted
        for n, stride, wanted in zip(place.shape, place.strides, below, strict=True)
    )


def _numbers(place: Spot) -> int:
    """How many numbers of its type the whole memory holds."""
    count, odd = divmod(place.version.nbytes, place.dtype.itemsize)
    if odd:
        raise NotDerived(f"{place.version.nbytes} bytes are no {place.dtype} numbers")
    return count


def _cells(place: Spot) -> Cells:
    size = place.dtype.itemsize
    if any(n % size for n in (place.offset, *place.strides)):
        raise NotDerived(f"{place.dtype} numbers that do not lie where such numbers can")
    return Cells(place.offset // size, place.shape, tuple(s // size for s in place.strides))


def _as_type(memory: jax.Array, dtype: DType) -> jax.Array:
    """The same bytes."""
    if memory.dtype == dtype:
        return memory
    if memory.dtype == TRUTH:
        return _as_type(memory.astype(BYTES), dtype)
    if dtype == TRUTH:
        return _as_type(memory, BYTES) != 0
    if memory.dtype.itemsize == dtype.itemsize:
        return lax.bitcast_convert_type(memory, dtype)
    if memory.nbytes % dtype.itemsize:
        raise NotDerived(f"{memory.nbytes} bytes are no {dtype} numbers")
    small = max(dtype.itemsize // memory.dtype.itemsize, 1)
    rows = memory.reshape((-1, small) if small > 1 else (-1,))
    return lax.bitcast_convert_type(rows, dtype).reshape(-1)


def _walked(memory: jax.Array, way: Way) -> jax.Array:
    """What lies at the end of a way."""
    x = memory.reshape(way.grid)
    if not way.everything:
        starts, stops, steps = zip(*((s.start, s.stop, s.step) for s in way.slices), strict=True)
        x = lax.slice(x, starts, stops, steps)
    return lax.rev(x, way.flipped).transpose(way.order).reshape(way.shape)


def _put(memory: jax.Array, cells: Cells, value: jax.Array) -> jax.Array:
    """The memory, with this value at some cells of it."""
    way = way_to(cells, memory.shape)
    if way is None or way.shape != cells.shape:
        flat = memory.reshape(-1).at[indices_of(cells, jnp)].set(value)
        return flat.reshape(memory.shape)
    turned = value.reshape([way.sliced[axis] for axis in way.order])
    x = lax.rev(turned.transpose(np.argsort(way.order)), way.flipped)
    if way.everything:
        return x.reshape(memory.shape)
    return _updated(memory.reshape(way.grid), way.slices, x).reshape(memory.shape)


def _updated(x: jax.Array, slices: Sequence[slice], value: jax.Array) -> jax.Array:
    """Like x, but this value where the slices are."""
    if all(s.step == 1 for s in slices):
        return lax.dynamic_update_slice(x, value, [s.start for s in slices])
    spans = zip(x.shape, slices, value.shape, strict=True)
    edges = [(s.start, n - s.start - (m - 1) * s.step - 1, s.step - 1) for n, s, m in spans]
    there = lax.pad(jnp.ones(value.shape, bool), np.False_, edges)
    return jnp.where(there, lax.pad(value, np.zeros((), x.dtype), edges), x)


# ------------------------------------------------------------------------------------ functions


def _called(name: str, args: list[Any], options: dict[str, Any], dtype: DType) -> jax.Array:
    """What a function of NumPy gives, in the type of the place that it goes to."""
    free = options.pop("casting", "same_kind")
    if name in MAKES:
        made = _constant(name, args, options)
    elif name == "copyto":
        made = _array(args[0], dtype)
    elif name in _MANY:
        made = _MANY[name](*args, wanted=dtype, **options)
    else:
        made = _each(name, args, options)
    if not np.can_cast(made.dtype, dtype, free) and name not in MAKES and name != "copyto":
        raise NotDerived(f"{name}: numbers of type {made.dtype} do not go to {dtype}")
    return _converted(made, dtype)


def _converted(x: jax.Array, dtype: DType) -> jax.Array:
    """The numbers as another type. XLA makes 0 of NaN times a truth value turned into a float."""
    if x.dtype == TRUTH and dtype.kind == "f":
        x = x.astype(np.int8)
    return x.astype(dtype)


def _array(value: Any, dtype: DType) -> jax.Array:
    """A number as NumPy would write it to an array of this type."""
    if isinstance(value, jax.Array):
        return value
    array = np.asarray(value)
    return jnp.asarray(array.astype(dtype) if array.dtype.kind in "fiub" else array)


def _constant(name: str, args: list[Any], options: dict[str, Any]) -> jax.Array:
    if name == "arange" and len(args) == 1:
        return lax.iota(options.get("dtype", np.arange(1).dtype), args[0])
    if name == "asarray":
        return jnp.asarray(np.asarray(*args, **options))
    return getattr(jnp, name)(*args, **options)


def _each(name: str, args: list[Any], options: dict[str, Any]) -> jax.Array:
    """Number by number, in the type in which NumPy computes."""
    if set(options) - {"dtype", "where"}:
        raise NotDerived(f"{name} with {', '.join(options)}")
    inputs = [a if isinstance(a, jax.Array | int | float) else np.asarray(a) for a in args]
    loop = _loop(name, inputs, options.get("dtype"))
    arrays = [_converted(_array(x, dtype), dtype) for x, dtype in zip(inputs, loop, strict=False)]
    function = _EACH.get(name) or getattr(jnp, name)
    return function(*arrays)


def _loop(name: str, inputs: list[Any], asked: DType | None) -> list[DType]:
    """The types that NumPy converts the inputs to."""
    types = [_type_of(x) for x in inputs]
    if name == "clip":
        return [np.result_type(inputs[0].dtype, *(x for x in inputs[1:]))] * 3
    function = function_of(name)
    if asked is not None:
        return [asked] * function.nin
    found = list(function.resolve_dtypes((*types, *(None,) * function.nout)))
    if len(set(found[: function.nin])) > 1:
        raise NotDerived(f"{name} of {found[0]} and {found[1]}")
    return found


def _type_of(x: Any) -> Any:
    if isinstance(x, bool):
        return TRUTH
    return type(x) if isinstance(x, int | float) else np.dtype(x.dtype)


def _absolute(x: jax.Array) -> jax.Array:
    return x if x.dtype == TRUTH else jnp.absolute(x)


def _remainder(x: jax.Array, y: jax.Array) -> jax.Array:
    """As Python has it; of a division by the integer 0 it is 0."""
    if x.dtype.kind == "f":
        return jnp.remainder(x, y)
    return jnp.where(y == 0, 0, jnp.remainder(x, jnp.where(y == 0, 1, y)))


def _floor_divide(x: jax.Array, y: jax.Array) -> jax.Array:
    """As Python has it; of a division by the integer 0 it is 0."""
    if x.dtype.kind == "f":
        return jnp.floor_divide(x, y)
    return jnp.where(y == 0, 0, jnp.floor_divide(x, jnp.where(y == 0, 1, y)))


_EACH: dict[str, Callable[..., jax.Array]] = {
    **{"absolute": _absolute, "remainder": _remainder, "floor_divide": _floor_divide},
}


def _reduction(name: str) -> Callable[..., jax.Array]:
    function: Any = {"add": jnp.sum, "maximum": jnp.max, "minimum": jnp.min}[name]

    def reduce(x: jax.Array, *, wanted: DType, axis: Any = 0, **options: Any) -> jax.Array:
        return function(_converted(x, options.pop("dtype", wanted)), axis=axis, **options)

    return reduce


def _product(name: str) -> Callable[..., jax.Array]:
    def multiply(a: jax.Array, b: jax.Array, *, wanted: DType) -> jax.Array:
        dtype = np.result_type(a.dtype, b.dtype)
        if dtype == TRUTH:
            return getattr(jnp, name)(a.astype(np.int32), b.astype(np.int32)) != 0
        return getattr(jnp, name)(_converted(a, dtype), _converted(b, dtype))

    return multiply


def _argmax(x: jax.Array, *, wanted: DType, axis: int | None = None) -> jax.Array:
    return jnp.argmax(x, axis=axis).astype(np.intp)


def _take(
    x: jax.Array, indices: jax.Array, *, wanted: DType, axis: int | None = None, mode: str = "raise"
) -> jax.Array:
    if mode != "clip":
        raise NotDerived(f'take with mode="{mode}": write mode="clip"')
    count = x.shape[axis] if axis is not None else x.size
    places = jnp.clip(indices, 0, max(count - 1, 0))
    return jnp.take(x, places, axis=axis, mode="clip")


def _scattered(name: str, x: jax.Array, indices: jax.Array, values: Any) -> jax.Array:
    given = _converted(_array(values, x.dtype), x.dtype)
    return x.at[indices].add(given) if name == "add.at" else x.at[indices].max(given)


def _accumulated(x: jax.Array, *, wanted: DType, axis: int = 0, **options: Any) -> jax.Array:
    return jnp.cumsum(_converted(x, options.pop("dtype", wanted)), axis=axis)


_MANY: dict[str, Callable[..., jax.Array]] = {
    **{f"{name}.reduce": _reduction(name) for name in ("add", "maximum", "minimum")},
    **{name: _product(name) for name in ("matmul", "vecdot")},
    **{"argmax": _argmax, "take": _take, "add.accumulate": _accumulated},
}


# ------------------------------------------------------------------------------------ the host

_told: set[str] = set()


class Noting(threading.local):
    """Where errors of kernels on the host are noted, for who waits for the results to raise.

    Attributes:
        errors: the list for what this thread traces now; each program has one of its own.
    """

    def __init__(self) -> None:
        self.errors: list[BaseException] = []


noting = Noting()


def _tell(name: str, why: str) -> None:
    if name not in _told:
        _told.add(name)
        warn(
            f"primitive {name!r} runs on the host, by NumPy, and slows down each step: "
            f"{why.rstrip('.')}. A kernel that computes by xp alone, and decides nothing by "
            "values, runs on the device.",
            RuntimeWarning,
            stacklevel=3,
        )


def _on_host(p: Primitive, values: Sequence[jax.Array], meta: Meta) -> list[jax.Array]:
    """Let NumPy's kernel do it. What goes over are bytes: a thread of XLA's knows no float64."""
    specs = [(v.shape, np.dtype(v.dtype)) for v in values]
    errors = noting.errors
    wanted = specs[: p.writes] or [_outcome(p, specs, meta)]

    def kernel(*given: Array) -> list[Array]:
        pairs = zip(given, specs, strict=True)
        arrays = [np.array(x).view(dtype).reshape(shape) for x, (shape, dtype) in pairs]
        try:
            with np.errstate(all="ignore"):
                out = p.run(arrays, meta)
        except BaseException as error:  # raised here, it would leave other devices waiting
            errors.append(error)
            return [np.zeros(shape.shape, BYTES) for shape in shapes]
        return [_in_bytes(x) for x in arrays[: p.writes] or [out]]

    shapes = [jax.ShapeDtypeStruct((prod(s) * d.itemsize,), BYTES) for s, d in wanted]
    given = [_as_type(v, BYTES).reshape(-1) for v in values]
    results = jax.pure_callback(kernel, shapes, *given, vmap_method="sequential")
    pairs = zip(results, wanted, strict=True)
    return [_as_type(x, dtype).reshape(shape) for x, (shape, dtype) in pairs]


def _in_bytes(x: Array) -> Array:
    return np.ascontiguousarray(x).reshape(-1).view(BYTES)


def _outcome(p: Primitive, specs: Sequence[Spec], meta: Meta) -> Spec:
    if p.kind == "views":
        out = p.kernel(*(np.zeros(*spec) for spec in specs), xp=np, **meta)
        return out.shape, out.dtype
    return p.result(*(np.zeros(*spec) for spec in specs), **meta)
