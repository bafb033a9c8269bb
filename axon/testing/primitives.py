"""The contract that every primitive keeps, for primitives of one's own."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from axon.backend import Array, DTypeLike, as_array
from axon.core import Primitive, Tensor, TensorLike
from axon.facts import Kernel, Meta
from axon.testing.gradients import check_gradient
from axon.testing.replay import LARGE, Function, check_memory, check_replay, compare, demand, same


def check_primitive(
    primitive: Primitive, *inputs: TensorLike, reference: Kernel | None = None, **meta: Any
) -> None:
    """Check that a primitive keeps the promises on which programs, autograd and memory rely.

    Its values are those of the reference, in float64 and float32, and of that type; every element
    is written and no input changed; gradients are right to second order; a replay gives the same
    bits as the eager call; and a replay takes no memory. For the last one, inputs of a primitive
    that works element by element are repeated; give others about 100,000 numbers, once.

    Args:
        primitive: what ``@axon.primitive`` made.
        inputs: arrays and numbers where it is smooth. Floats are cast to float64 and float32.
        reference: the same in plain NumPy; of a primitive that writes, the new values of the inputs
            that it changes.
        meta: its keyword arguments.

    Raises:
        AssertionError: a promise is broken; the message says which.

    As an example squareplus, y = (x + sqrt(x^2 + 4)) / 2, whose derivative is y^2 / (1 + y^2).
    Barron, "Squareplus: A Softplus-Like Algebraic Rectifier" (2021).

    >>> @axon.primitive(floats=True, workspace=lambda x: [(x.shape, x.dtype)])
    ... def squareplus(out, x, *, xp, workspace):
    ...     # max(x, 0) + 2 / (|x| + sqrt(x^2 + 4)), in which nothing overflows or cancels
    ...     xp.hypot(x, 2.0, out=out)
    ...     xp.absolute(x, out=workspace[0])
    ...     xp.add(out, workspace[0], out=out)
    ...     xp.divide(2.0, out, out=out)
    ...     xp.maximum(x, 0.0, out=workspace[0])
    ...     xp.add(out, workspace[0], out=out)
    >>> squareplus.gradient(lambda g, y, x: g * y * y / (1.0 + y * y))
    >>> check_primitive(
    ...     squareplus, [-2.0, 0.0, 3.0], reference=lambda x: (x + np.sqrt(x * x + 4)) / 2
    ... )

    It is a NumPy function, an operation on Tensors and an activation, without further ado:

    >>> from axon.layers import Dense
    >>> from axon.testing import check_layer
    >>> squareplus(np.array([-1.0, 0.0, 1.5]))
    array([0.61803399, 1.        , 2.        ])
    >>> float(axon.grad(squareplus)(0.0))
    0.5
    >>> check_layer(Dense(3, 2, squareplus, dtype="float64"), np.ones((4, 3)))
    """
    kept = [as_constant(x) for x in inputs]
    wide, narrow = (cast(kept, dtype) for dtype in (np.float64, np.float32))
    _check_values(primitive, wide, narrow, reference, meta)
    _check_inputs_unchanged(primitive, wide, meta)
    _check_nothing_kept(primitive, wide, meta)
    if primitive.kind == "fills":
        _check_filled(primitive, wide, meta)
    differentiable = primitive.kind != "writes" and any(a.dtype.kind == "f" for a in wide)
    if differentiable and primitive(*wide, **meta).dtype == np.float64:
        check_gradient(lambda *x: primitive(*x, **meta), *wide)
    for arrays in (wide, narrow):
        check_replay(primitive.name, _alone(primitive, meta), arrays)
    repeats = primitive.facts.alone
    large = [_repeated(a, wide) for a in narrow] if repeats else narrow
    check_memory(primitive.name, _alone(primitive, meta), large)


def as_constant(x: TensorLike) -> Array:
    """The array of a Tensor, or what NumPy makes of numbers."""
    return as_array(x.data if isinstance(x, Tensor) else x)


def cast(arrays: Sequence[Array], dtype: DTypeLike) -> list[Array]:
    """Copies, the floats among them of this type."""
    return [np.array(a, dtype if a.dtype.kind == "f" else a.dtype) for a in arrays]


def _outcome(primitive: Primitive, arrays: Sequence[Array], meta: Meta) -> list[Array]:
    """The result, or the new values of what is written; the arrays stay as they are."""
    copies = [a.copy() for a in arrays]
    out = primitive.run(copies, meta)
    return copies[: primitive.writes] or [np.array(out)]


def _check_values(
    primitive: Primitive,
    wide: list[Array],
    narrow: list[Array],
    reference: Kernel | None,
    meta: Meta,
) -> None:
    got, coarse = _outcome(primitive, wide, meta), _outcome(primitive, narrow, meta)
    for result, dtype in ((got, np.float64), (coarse, np.float32)):
        types = [r.dtype for r in result if r.dtype.kind == "f" and "dtype" not in meta]
        demand(
            all(t == dtype for t in types),
            f"{primitive.name}: of {np.dtype(dtype)} it makes {types}. Numbers in the kernel must "
            "be Python floats or arrays of the type of out.",
        )
    compare(f"{primitive.name}: float32 and float64 give different values", coarse, got, 1e-5)
    if reference is not None:
        values = reference(*[a.copy() for a in wide], **meta)
        wanted = [np.asarray(v) for v in (values if isinstance(values, tuple) else (values,))]
        compare(f"{primitive.name}: it does not give the reference's values", got, wanted, 1e-9)


def _check_filled(primitive: Primitive, arrays: list[Array], meta: Meta) -> None:
    """Whatever the memory of the result and the workspace held before, the result is the same."""
    results = []
    for dirt in (0, 255):
        shape, dtype = primitive.result(*arrays, **meta)
        out = _dirty(shape, dtype, dirt)
        wanted = primitive.workspace(*arrays, **meta) if primitive.workspace else []
        given = {"workspace": [_dirty(*s, dirt) for s in wanted]} if primitive.workspace else {}
        primitive.kernel(out, *arrays, xp=np, **meta, **given)
        results.append(out)
    demand(
        same(results[:1], results[1:]),
        f"{primitive.name}: the kernel does not write every element of out, or it reads out or "
        "workspace before it has written there.",
    )


def _dirty(shape: tuple[int, ...], dtype: DTypeLike, dirt: int) -> Array:
    nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.full(nbytes, dirt, np.uint8).view(np.dtype(dtype)).reshape(shape)


def _check_nothing_kept(primitive: Primitive, arrays: list[Array], meta: Meta) -> None:
    from weakref import ref

    given = [a.copy() for a in arrays]
    watched = [ref(a) for a in given]
    primitive.run(given, meta)
    given.clear()
    kept = [i for i, seen in enumerate(watched) if seen() is not None]
    demand(not kept, f"{primitive.name}: the kernel keeps its inputs {kept} after it has run.")


def _check_inputs_unchanged(primitive: Primitive, arrays: list[Array], meta: Meta) -> None:
    given = [a.copy() for a in arrays]
    out = primitive.run(given, meta)
    for i, (after, before) in enumerate(zip(given, arrays, strict=True)):
        demand(
            i < primitive.writes or same([after], [before]),
            f"{primitive.name}: the kernel changes input {i}. Only a primitive of "
            "kind='writes' may, and only its first inputs.",
        )
        demand(
            primitive.kind != "fills" or not np.shares_memory(out, after),
            f"{primitive.name}: the result lies in the memory of input {i}. Declare kind='views'.",
        )


def _alone(primitive: Primitive, meta: Meta) -> Function:
    def function(*tensors: Tensor) -> list[Tensor]:
        out = primitive(*tensors, **meta)
        return [] if primitive.writes else [out]

    return function


def _repeated(array: Array, all_of_them: Sequence[Array]) -> Array:
    """The same numbers, many times: as large as all inputs together broadcast, and more."""
    shape = np.broadcast_shapes(*(a.shape for a in all_of_them))
    full = np.broadcast_to(array, shape)
    return np.array(np.broadcast_to(full, (-(-LARGE // max(1, full.size)), *shape)))
