"""Loops and branches as functions, for programs that were written for other libraries.

A step is recorded from Python's own loops, so these are such loops: what is recorded is as long as
the loop. Where values decide (``while_loop``, bounds that are Tensors), only the eager way is open,
and a recorded step says so; of ``cond`` and ``switch`` it computes all branches and chooses.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from axon.backend import as_array
from axon.core import Tensor, grad
from axon.modes import GradMode, modes
from axon.ops.compare import where
from axon.ops.join import concatenate, stack
from axon.ops.reduce import broadcast_to

Tree = Any  # an array or a Tensor; or a list, tuple or dict of such, or None


def _leaves(tree: Tree) -> list[Any]:
    if isinstance(tree, Mapping):
        return [leaf for part in tree.values() for leaf in _leaves(part)]
    if isinstance(tree, list | tuple):
        return [leaf for part in tree for leaf in _leaves(part)]
    return [] if tree is None else [tree]


def _each(function: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """The same tree of what a function makes of its leaves, and of those of others alike."""
    rest = [iter(_leaves(other)) for other in others]

    def made(part: Tree) -> Tree:
        if isinstance(part, Mapping):
            return {key: made(inner) for key, inner in part.items()}
        if isinstance(part, tuple) and type(part) is not tuple:  # with names
            return type(part)(*map(made, part))
        if isinstance(part, list | tuple):
            return type(part)(map(made, part))
        return None if part is None else function(part, *(next(r) for r in rest))

    return made(tree)


def _value(x: Any) -> Any:
    return x if isinstance(x, Tensor) else as_array(x)


def _length(name: str, xs: Tree, length: int | None = None) -> int:
    sizes = {len(_value(x)) for x in _leaves(xs)} | ({length} if length is not None else set())
    if len(sizes) != 1:
        raise ValueError(f"{name}: expected as many of all along the first axis, got {sizes or 0}.")
    return int(sizes.pop())


def _stacked(results: Sequence[Tree]) -> Tree:
    return _each(lambda *parts: stack(list(parts)), results[0], *results[1:])


def map(f: Callable[[Any], Tree], xs: Tree) -> Tree:
    """What a function makes of each element along the first axis, one behind another.

    >>> map(lambda x: x * 2, np.array([1.0, 2.0]))
    array([2., 4.])
    """
    count = _length("map", xs)
    return _stacked([f(_each(lambda x: _value(x)[i], xs)) for i in range(count)])  # noqa: B023


def vectorized_map(function: Callable[[Any], Tree], elements: Tree) -> Tree:
    """The same as ``map``: element by element, whatever its name.

    >>> vectorized_map(lambda x: x.sum(), np.ones((2, 3)))
    array([3., 3.])
    """
    return map(function, elements)


def scan(
    f: Callable[[Tree, Tree], tuple[Tree, Tree]],
    init: Tree,
    xs: Tree = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Tree, Tree]:
    """Carry something along the first axis: ``carry, y = f(carry, x)`` of each x.

    Args:
        f: see above.
        init: what is carried first.
        xs: what it goes along; None: ``length`` times.
        length: how many steps.
        reverse: begin at the end.
        unroll: changes nothing.

    Returns:
        What is carried in the end, and all y, one behind another.

    >>> carry, sums = scan(lambda c, x: (c + x, c + x), np.array(0.0), np.array([1.0, 2.0, 3.0]))
    >>> sums
    array([1., 3., 6.])
    """
    del unroll
    count = _length("scan", xs, length)
    carry, ys = init, []
    for i in reversed(range(count)) if reverse else range(count):
        carry, y = f(carry, _each(lambda x: _value(x)[i], xs))  # noqa: B023
        ys.append(y)
    ys = ys[::-1] if reverse else ys
    return carry, (_stacked(ys) if ys else None)


def associative_scan(
    f: Callable[[Tree, Tree], Tree], elems: Tree, reverse: bool = False, axis: int = 0
) -> Tree:
    """What ``f`` makes of all elements up to each, along an axis, in few steps.

    Args:
        f: of two slices along the axis, element by element, such as ``axon.ops.add``; it must not
            matter in which order pairs are taken.
        elems: what it goes along.
        reverse: from each element to the end.
        axis: which axis.

    >>> associative_scan(lambda a, b: a + b, np.array([1, 2, 3]))
    array([1, 3, 6])
    """

    def part(start: int | None, stop: int | None) -> Callable[[Any], Any]:
        return lambda x: _value(x)[(slice(None),) * (axis % _value(x).ndim) + (slice(start, stop),)]

    count, done, tree = _along(elems, axis), 1, elems
    while done < count:
        if reverse:
            new = f(_each(part(done, None), tree), _each(part(None, -done), tree))
            ends = _each(part(-done, None), tree)
            tree = _each(lambda a, b: concatenate([a, b], axis=axis), new, ends)
        else:
            new = f(_each(part(None, -done), tree), _each(part(done, None), tree))
            ends = _each(part(None, done), tree)
            tree = _each(lambda a, b: concatenate([a, b], axis=axis), ends, new)
        done *= 2
    return tree


def _along(tree: Tree, axis: int) -> int:
    sizes = {_value(x).shape[axis] for x in _leaves(tree)}
    if len(sizes) != 1:
        raise ValueError(f"associative_scan: sizes along axis {axis} differ: {sorted(sizes)}.")
    return int(sizes.pop())


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Tree],
    loop_vars: Tree,
    maximum_iterations: int | None = None,
) -> Tree:
    """``while cond(*vars): vars = body(*vars)``; for a single one, without a list.

    Raises:
        RecordingError: in a step that is recorded, where a Tensor decides.

    >>> while_loop(lambda i: i < 5, lambda i: (i + 2,), (0,))
    (6,)
    """
    several = isinstance(loop_vars, list | tuple)
    values = tuple(loop_vars) if several else (loop_vars,)
    done = 0
    while (maximum_iterations is None or done < maximum_iterations) and bool(cond(*values)):
        new = body(*values)
        values = tuple(new) if isinstance(new, list | tuple) else (new,)
        done += 1
    return type(loop_vars)(values) if several else values[0]


def fori_loop(
    lower: Any, upper: Any, body_fun: Callable[[int, Tree], Tree], init_val: Tree
) -> Tree:
    """``for i in range(lower, upper): val = body_fun(i, val)``.

    Raises:
        RecordingError: in a step that is recorded, where a bound is a Tensor.

    >>> fori_loop(0, 4, lambda i, total: total + i, 0)
    6
    """
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


def cond(pred: Any, true_fn: Callable[[], Tree], false_fn: Callable[[], Tree]) -> Tree:
    """What one of two functions returns. A recorded step computes both, and takes one.

    >>> cond(True, lambda: 1, lambda: 2)
    1
    """
    if not (isinstance(pred, Tensor) and modes.recorder is not None):
        return true_fn() if bool(pred) else false_fn()
    return _each(lambda a, b: where(pred, a, b), true_fn(), false_fn())


def switch(index: Any, branches: Sequence[Callable[..., Tree]], *operands: Any) -> Tree:
    """What one of several functions returns; a number out of range is the nearest one.

    A recorded step computes all of them, and takes one.

    >>> switch(1, [lambda x: x, lambda x: -x], 3)
    -3
    """
    last = len(branches) - 1
    if not (isinstance(index, Tensor) and modes.recorder is not None):
        return branches[min(max(int(index), 0), last)](*operands)
    found = branches[0](*operands)
    for number, branch in islice(enumerate(branches), 1, None):
        now = index >= number
        found = _each(lambda a, b: where(now, a, b), branch(*operands), found)  # noqa: B023
    return found


def vectorize(
    pyfunc: Callable[..., Any],
    *,
    excluded: Sequence[int | str] | None = None,
    signature: str | None = None,
) -> Callable[..., Any]:
    """A function of arrays, made of one of numbers: called for each element, as NumPy does.

    Args:
        pyfunc: the function.
        excluded: arguments, by place or name, that are passed on as they are.
        signature: which last axes belong together, such as "(n),(n)->()".

    >>> vectorize(lambda a, b: a * b)(np.array([1.0, 2.0]), 3.0)
    array([3., 6.])
    """
    cores = _cores(signature) if signature else None

    def called(*args: Any, **named: Any) -> Any:
        kept = {i: a for i, a in enumerate(args) if excluded is not None and i in excluded}
        xs = [_value(a) for i, a in enumerate(args) if i not in kept]
        depths = cores or [0] * len(xs)
        loops = np.broadcast_shapes(
            *(x.shape[: x.ndim - d] for x, d in zip(xs, depths, strict=True))
        )
        rows = [_rows(x, d, loops) for x, d in zip(xs, depths, strict=True)]
        found = []
        for number in range(int(np.prod(loops))):
            now = iter([row[number] for row in rows])
            given = [kept[i] if i in kept else next(now) for i in range(len(args))]
            found.append(pyfunc(*given, **named))
        return _each(lambda y: y.reshape(*loops, *y.shape[1:]), _stacked(found))

    return called


def _cores(signature: str) -> list[int]:
    """How many last axes of each argument belong together."""
    inputs = re.findall(r"\(([^)]*)\)", signature.partition("->")[0])
    return [len([name for name in text.split(",") if name.strip()]) for text in inputs]


def _rows(x: Any, depth: int, loops: tuple[int, ...]) -> Any:
    """Elements one behind another, each of the last ``depth`` axes."""
    core = x.shape[x.ndim - depth :]
    return broadcast_to(x, shape=(*loops, *core)).reshape(int(np.prod(loops)), *core)


def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> Any:
    """The value of a function, and how it changes if its arguments change by ``tangents``.

    Gradients go backwards here, so that it takes two of them: that of v^T J, which is a straight
    line in v, has the slope J t.

    Args:
        fun: of floats; it returns one Tensor, and something else with ``has_aux``.
        primals: where.
        tangents: in which direction, of the shapes of ``primals``.
        has_aux: see above.

    Returns:
        (value, change), and what else the function returned.

    >>> value, change = jvp(lambda x: x * x, (np.array([1.0, 3.0]),), (np.array([1.0, 0.5]),))
    >>> change
    array([2., 3.])
    """
    given = [x if isinstance(x, Tensor) else Tensor(as_array(x)) for x in primals]
    with GradMode(True):
        leaves = [Tensor(x.data, requires_grad=True) for x in given]
        y, *aux = fun(*leaves) if has_aux else (fun(*leaves),)
        v = Tensor(np.zeros(y.shape, y.dtype), requires_grad=True)
        slopes = grad(y, leaves, v, create_graph=True)
        line = sum(
            (
                (g * Tensor(t.data if isinstance(t, Tensor) else as_array(t), g.dtype)).sum()
                for g, t in zip(slopes, tangents, strict=True)
            ),
            start=v.sum() * 0.0,
        )
        change = grad(line, v)
    tensors = any(isinstance(x, Tensor) for x in primals)
    value = y.detach()
    return ((value, change) if tensors else (value.data, change.data)) + tuple(aux)
