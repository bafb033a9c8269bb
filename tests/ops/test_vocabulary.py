"""Every function of ``axon.ops`` in NumPy's names, by one table: values, types, gradients, replay.

A row is a name and some calls. What they must give, NumPy's function of the same name says, unless
the row says otherwise. Arrays in a call are inputs, the rest are options.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import axon
from axon import Tensor, ops
from axon.core import Primitive
from axon.operators import Method, Operators
from axon.program import Step
from axon.testing import check_gradient
from tests.contracts.primitives import assert_same_bits

rng = np.random.default_rng(3)


def reals(*shape: int) -> np.ndarray:
    """Between -2 and 2, no two of them near each other or near a whole number."""
    count = int(np.prod(shape))
    x = np.linspace(-1.93, 1.91, count) if count > 1 else np.full(count, 0.37)
    x = x + rng.uniform(-0.01, 0.01)
    x = np.where(abs(x - np.rint(x)) < 0.03, x + 0.05, x)
    return rng.permutation(x).reshape(shape)


A, B, C = reals(2, 3), reals(2, 3), reals(3)
CUBE, ROW, ONE = reals(2, 3, 4), reals(7), reals()
POSITIVE, SHARE = abs(A) + 0.3, 1 / (1 + np.exp(-A))
INTS, MORE = np.array([[3, -1, 4], [1, -5, 9]]), np.array([2, 7, 1])
TRUE = np.array([[True, False, True], [False, False, True]])
HOLES = np.where(TRUE, np.nan, A)
ENDS = np.array([np.nan, np.inf, -np.inf, 1.5, -0.0, 0.0])


class Row(NamedTuple):
    """Calls of a function, and how they are judged.

    Attributes:
        calls: positional arguments and keyword arguments; arrays are inputs.
        reference: what gives the values; NumPy's function of the name unless told.
        gradient: whether differences can check it, to which order.
        kinds: whether the kinds of types are NumPy's, too: floats, integers, truth values.
    """

    calls: list[tuple[tuple[Any, ...], dict[str, Any]]]
    reference: Callable[..., Any] | None = None
    gradient: int = 2
    kinds: bool = True


def call(*args: Any, **options: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, options


def each(*inputs: np.ndarray, **rest: Any) -> Row:
    """A function of one array."""
    return Row([call(x) for x in inputs], **rest)


def two(*pairs: tuple[Any, Any], **rest: Any) -> Row:
    return Row([call(*pair) for pair in pairs], **rest)


def axes(*inputs: np.ndarray, **rest: Any) -> Row:
    """A reduction."""
    calls = [call(x) for x in inputs]
    calls += [
        call(A, axis=0),
        call(CUBE, axis=-1),
        call(CUBE, axis=(0, 2)),
        call(A, 1, keepdims=True),
    ]
    return Row(calls, **rest)


def one_axis(*inputs: np.ndarray, **rest: Any) -> Row:
    calls = [call(x) for x in inputs]
    return Row([*calls, call(A, axis=0), call(CUBE, axis=-2)], **rest)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def segments(function: Any, start: float) -> Callable[..., Any]:
    def reference(x: Any, ids: Any, num_segments: int) -> Any:
        made = np.full((num_segments, *x.shape[1:]), start, x.dtype)
        for row, i in zip(x, ids, strict=True):
            if 0 <= i < num_segments:
                made[i] = function(made[i], row)
        return made

    return reference


def scattered(indices: Any, values: Any, shape: Any) -> Any:
    made = np.zeros(shape, values.dtype)
    np.add.at(made, tuple(indices.T), values)
    return made


def updated(x: Any, indices: Any, updates: Any, reduction: Any = None) -> Any:
    made, way = x.copy(), {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
    for place, row in zip(map(tuple, indices), updates, strict=True):
        made[place] = way[reduction](made[place], row) if reduction else row
    return made


def block(x: Any, start: Any, updates: Any) -> Any:
    made = x.copy()
    made[tuple(slice(s, s + n) for s, n in zip(start, updates.shape, strict=True))] = updates
    return made


def hot(x: Any, n: int, axis: int = -1) -> Any:
    return np.moveaxis((x[..., None] == np.arange(n)).astype("f4"), -1, axis)


def some_hot(x: Any, n: int) -> Any:
    return hot(x, n).max(-2)


def largest(x: Any, k: int) -> Any:
    places = np.argsort(-x, -1, kind="stable")[..., :k]
    return np.take_along_axis(x, places, -1), places


def vector_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    return np.linalg.norm(x, ord, axis, keepdims)


def unit(x: Any, axis: int = -1, order: float = 2) -> Any:
    return x / np.linalg.norm(x, order, axis, True)


def turned(x: Any, k: Any = 1) -> Any:
    return np.trunc(x / k)


PLACES = np.array([[0, 2], [1, 0], [0, 2]])
IDS = np.array([2, 0, 2, 5, -1])
FIVE = reals(5, 2)
ROWS: dict[str, Row] = {
    # ------------------------------------------------------------------------ number by number
    **dict.fromkeys(
        ("abs", "absolute", "fabs", "sign", "square", "negative"),
        each(A, CUBE, ROW, ONE, gradient=2),
    ),
    **dict.fromkeys(
        ("exp", "exp2", "expm1", "sin", "cos", "tan", "sinh", "cosh"), each(A, ONE, INTS)
    ),
    **dict.fromkeys(
        ("arctan", "arcsinh", "cbrt", "sinc", "deg2rad", "rad2deg"), each(A, ONE, INTS)
    ),
    **dict.fromkeys(("log", "log2", "log10", "log1p", "sqrt"), each(POSITIVE, MORE)),
    **dict.fromkeys(("arcsin", "arccos", "arctanh"), each(A / 2, SHARE)),
    "arccosh": each(POSITIVE + 1, MORE + 1),
    "reciprocal": each(POSITIVE, A, MORE, reference=lambda x: 1 / x),
    "rsqrt": each(POSITIVE, MORE, reference=lambda x: 1 / np.sqrt(x)),
    "erf": each(A, reference=lambda x: 1 - ops.erfc(x)),
    "erfc": each(A, reference=lambda x: 1 - ops.erf(x)),
    **dict.fromkeys(("floor", "ceil", "trunc"), each(A, ROW, INTS)),
    "rint": each(A, ROW),
    "round": Row([call(A), call(A, 1), call(A * 100, -1), call(INTS, 0), call(INTS * 7, -1)]),
    **dict.fromkeys(
        ("add", "subtract", "multiply", "maximum", "minimum", "fmax", "fmin"),
        two((A, B), (A, C), (CUBE, 1.5), (INTS, MORE)),
    ),
    **dict.fromkeys(("divide", "true_divide"), two((A, B), (A, C), (CUBE, 1.5), (INTS, MORE))),
    **dict.fromkeys(("logaddexp", "logaddexp2", "hypot"), two((A, B), (A, C), (CUBE, 1.5))),
    **dict.fromkeys(
        ("mod", "remainder", "fmod", "floor_divide"),
        two((A, POSITIVE), (A, -POSITIVE), (INTS, MORE)),
    ),
    "power": two((POSITIVE, B), (POSITIVE, 2.5), (MORE.astype(float), 3)),
    "arctan2": two((A, B), (A, C)),
    "ldexp": Row([call(A, INTS), call(C, MORE)]),
    "heaviside": two((A, 0.5), (np.array([-1.0, 0.0, 2.0]), 0.3), gradient=0),
    "divide_no_nan": Row(
        [call(A, B), call(A, C)],
        lambda x, y: np.where(y == 0, 0.0, x / np.where(y == 0, 1, y)),
    ),
    "clip": Row([call(A, -0.5, 0.7), call(A, C - 1, C + 1), call(INTS, 0, 4), call(A, None, 0.3)]),
    "nan_to_num": Row(
        [call(ENDS), call(ENDS, nan=3.0, posinf=1.0, neginf=-1.0), call(INTS)], gradient=0
    ),
    **dict.fromkeys(("left_shift", "bitwise_left_shift"), two((INTS, MORE))),
    **dict.fromkeys(("right_shift", "bitwise_right_shift"), two((INTS, MORE))),
    **dict.fromkeys(("bitwise_and", "bitwise_or", "bitwise_xor"), two((INTS, MORE), (TRUE, ~TRUE))),
    "saturate_cast": Row(
        [
            call(A * 900, "int8"),
            call(A * 1e12, "int32"),
            call(INTS * 99, "uint8"),
            call(TRUE, "int8"),
        ],
        lambda x, t: np.clip(x.astype(float), np.iinfo(t).min, np.iinfo(t).max).astype(t),
    ),
    # ------------------------------------------------------------------------ truth values
    **dict.fromkeys(
        ("logical_and", "logical_or", "logical_xor"), two((TRUE, ~TRUE), (A, TRUE), (INTS, 0))
    ),
    "logical_not": each(TRUE, INTS, A),
    **dict.fromkeys(("isnan", "isinf", "isfinite", "signbit"), each(ENDS, A, INTS)),
    **dict.fromkeys(("isposinf", "isneginf", "isreal"), each(ENDS, A)),
    **dict.fromkeys(
        ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
        two((A, B), (INTS, MORE), (A, A)),
    ),
    **dict.fromkeys(
        ("isclose", "allclose"),
        Row([call(A, A + 1e-9), call(A, B), call(ENDS, ENDS), call(ENDS, ENDS, equal_nan=True)]),
    ),
    **dict.fromkeys(("all", "any"), axes(TRUE, A, INTS)),
    "count_nonzero": axes(TRUE, INTS),
    "isin": Row([call(INTS, MORE), call(INTS, MORE, invert=True), call(A, C)]),
    "where": Row([call(TRUE, A, B), call(TRUE, A, 2.0), call(TRUE, INTS, MORE)]),
    # ------------------------------------------------------------------------ reductions
    **dict.fromkeys(
        ("sum", "mean", "max", "amax", "min", "amin", "prod", "ptp"), axes(A, CUBE, ROW, INTS)
    ),
    **dict.fromkeys(("var", "std", "median"), axes(A, ROW, INTS)),
    "logsumexp": axes(A, ROW, reference=logsumexp),
    **dict.fromkeys(
        ("nansum", "nanprod", "nanmax", "nanmin", "nanmean"), axes(HOLES, A, gradient=0)
    ),
    **dict.fromkeys(("nanvar", "nanstd", "nanmedian"), axes(HOLES, A, gradient=0)),
    **dict.fromkeys(("argmin", "nanargmax", "nanargmin"), one_axis(A, ROW, kinds=False)),
    "argmax": Row([call(A, None), call(A, axis=0), call(CUBE, 1, keepdims=True), call(ROW, -1)]),
    **dict.fromkeys(
        ("quantile", "nanquantile"),
        Row(
            [
                *(
                    call(ROW, 0.3, method=m)
                    for m in ("linear", "lower", "higher", "midpoint", "nearest")
                ),
                *(call(A, [0.0, 0.4, 1.0], axis=1), call(CUBE, 0.7, axis=(0, 1), keepdims=True)),
            ]
        ),
    ),
    **dict.fromkeys(
        ("percentile", "nanpercentile"), Row([call(ROW, 30), call(A, [10, 75], axis=0)])
    ),
    "average": Row([call(A), call(A, 0), call(A, weights=POSITIVE), call(A, 1, weights=abs(C))]),
    "moments": Row(
        [call(A, axes=0), call(CUBE, axes=[0, 2], keepdims=True)],
        lambda x, axes, keepdims=False: (
            x.mean(tuple(np.ravel(axes)), keepdims=keepdims),
            x.var(tuple(np.ravel(axes)), keepdims=keepdims),
        ),
    ),
    "norm": Row(
        [
            *(call(A), call(ROW, 3), call(ROW, 1), call(ROW, np.inf), call(ROW, -np.inf)),
            *(
                call(A, axis=1),
                call(A, 1),
                call(A, np.inf, keepdims=True),
                call(CUBE, "fro", (0, 2)),
            ),
            *(call(A, -1), call(ROW, 0, keepdims=True)),
        ],
        vector_norm,
    ),
    "normalize": Row([call(A), call(A, 0, 1), call(A, -1, 3)], unit),
    "corrcoef": each(A, CUBE[0]),
    # ------------------------------------------------------------------------ up to here
    **dict.fromkeys(("cumsum", "cumprod"), one_axis(A, ROW, INTS, TRUE)),
    **dict.fromkeys(("nancumsum", "nancumprod"), one_axis(HOLES, A, gradient=0)),
    "diff": Row(
        [call(ROW), call(A, 2), call(A, axis=0), call(INTS), call(ROW, prepend=0.5, append=ROW)]
    ),
    "trapezoid": Row(
        [call(ROW), call(A, dx=0.5), call(A, np.array([0.0, 1.0, 3.0])), call(A, axis=0)]
    ),
    # ------------------------------------------------------------------------ layout
    "reshape": Row([call(A, (3, 2)), call(CUBE, (4, -1)), call(A, 6)]),
    "transpose": Row([call(A), call(CUBE, (1, 0, 2))]),
    "expand_dims": Row([call(A, 0), call(A, -1), call(A, (0, 2))]),
    "squeeze": Row(
        [call(A[None, :, None]), call(A[None, :, None], 0), call(A[None, :, None], (0, -2))]
    ),
    "ravel": each(A, ONE),
    "flatten": Row([call(CUBE), call(CUBE, 1)], lambda x, k=0: x.reshape(*x.shape[:k], -1)),
    "moveaxis": Row([call(CUBE, 0, -1), call(CUBE, (0, 1), (2, 0))]),
    "swapaxes": Row([call(CUBE, 0, 2), call(CUBE, -1, 1)]),
    "flip": Row([call(A), call(A, 1), call(CUBE, (0, 2))]),
    **dict.fromkeys(("fliplr", "flipud"), each(A)),
    "rot90": Row(
        [call(A, k) for k in range(-1, 5)] + [call(CUBE, 1, (1, 2)), call(CUBE, 3, (2, 0))]
    ),
    "roll": Row([call(A, 2), call(A, -1, 1), call(CUBE, (1, 2), (0, 2)), call(ROW, 9)]),
    "tile": Row([call(A, 2), call(A, (2, 1)), call(C, (2, 1, 2)), call(CUBE, (2,))]),
    "repeat": Row([call(A, 2), call(A, 2, 0), call(A, [1, 0, 3], axis=1), call(ROW, 3)]),
    "split": Row([call(A, 3, 1), call(CUBE, [1, 3], axis=2), call(ROW, [2, 2, 5])]),
    "array_split": Row([call(ROW, 3), call(A, 2, axis=1), call(ROW, [3])]),
    "hsplit": Row([call(A, 3), call(ROW, [3])]),
    "vsplit": Row([call(A, 2)]),
    "dsplit": Row([call(CUBE, 2)]),
    "unstack": Row([call(A), call(CUBE, axis=1)], lambda x, axis=0: tuple(np.moveaxis(x, axis, 0))),
    "append": Row([call(A, B), call(A, B, axis=0)]),
    **dict.fromkeys(
        ("hstack", "vstack", "dstack"), Row([call([A, B]), call([C, C]), call([CUBE, CUBE])])
    ),
    "stack": Row([call([A, B]), call([A, B], axis=-1)]),
    "concatenate": Row([call([A, B], axis=0), call([A, CUBE[0, :2, :3]], axis=1)]),
    "meshgrid": Row([call(C, ROW), call(C, ROW, indexing="ij"), call(C, ROW, C)]),
    "broadcast_to": Row([call(C, (2, 3)), call(ONE, (2,))]),
    "diagonal": Row([call(A), call(A, 1), call(A, -1), call(CUBE, 0, 1, 2), call(CUBE, 1, 2, 0)]),
    "trace": Row([call(A), call(CUBE, 1), call(CUBE, 0, 2, 1)]),
    "diag": Row([call(A), call(C), call(C, 1), call(A, -1)]),
    "diagflat": Row([call(A), call(C, -1)]),
    **dict.fromkeys(("tril", "triu"), Row([call(A), call(CUBE, 1), call(A, -1), call(INTS)])),
    "vander": Row([call(C), call(C, 2), call(MORE, 4, True)]),
    "pad": Row(
        [
            *(
                call(A, ((1, 0), (0, 2)), mode=m)
                for m in ("constant", "reflect", "symmetric", "edge", "wrap")
            ),
            *(call(A, (1, 2)), call(ROW, 3), call(A, ((1, 1), (0, 2)), constant_values=7.0)),
        ]
    ),
    # ------------------------------------------------------------------------ places
    "take": Row(
        [
            call(A, MORE % 2, 0),
            call(A, [[0, -1]], axis=1),
            call(CUBE, 1, axis=-1),
            call(A, [4, 0], axis=None),
        ]
    ),
    "take_along_axis": Row([call(A, INTS % 2, axis=0), call(A, np.array([[2], [0]]), axis=1)]),
    "gather_nd": Row([call(A, PLACES[:2] % 2), call(CUBE, PLACES % 2)], lambda x, i: x[tuple(i.T)]),
    "scatter": Row([call(PLACES, C, (2, 3)), call(PLACES[:, 1:], A.T, (4, 2))], scattered),
    "scatter_update": Row(
        [
            *(call(A, PLACES, C, r) for r in (None, "add", "mul", "max", "min")),
            *(call(CUBE, PLACES, reals(3, 4)), call(INTS, PLACES, MORE)),
        ],
        updated,
    ),
    "slice_update": Row([call(CUBE, (1, 0, 2), reals(1, 2, 2)), call(ROW, (3,), C)], block),
    "segment_sum": Row([call(FIVE, IDS, 4), call(ROW[:5], IDS, 3)], segments(np.add, 0.0)),
    "segment_max": Row(
        [call(FIVE, IDS, 3), call(FIVE[:, 0], IDS, 4)], segments(np.maximum, -np.inf), 0
    ),
    "segment_min": Row(
        [call(FIVE, IDS, 3), call(FIVE[:, 0], IDS, 4)], segments(np.minimum, np.inf), 0
    ),
    "segment_prod": Row([call(FIVE, IDS, 4), call(ROW[:5], IDS, 3)], segments(np.multiply, 1.0)),
    "one_hot": Row([call(MORE, 8), call(INTS, 5), call(INTS, 5, axis=1)], hot),
    "multi_hot": Row([call(MORE, 8), call(INTS % 5, 5)], some_hot),
    "bincount": Row([call(MORE), call(MORE, C), call(MORE, minlength=12)]),
    # ------------------------------------------------------------------------ ranks
    "sort": Row([call(A), call(CUBE, 1), call(A, None), call(INTS, 0)]),
    "argsort": Row([call(A), call(CUBE, 1), call(A, None), call(INTS, 0)]),
    "argpartition": Row([call(A, 1), call(CUBE, 1, 1)], lambda x, k, axis=-1: np.argsort(x, axis)),
    "top_k": Row([call(A, 2), call(CUBE, 3), call(INTS, 2), call(ROW, 0)], largest),
    "in_top_k": Row(
        [call(np.array([2, 0]), A, 2)],
        lambda t, p, k: (p > p[np.arange(2), t][:, None]).sum(-1) < k,
    ),
    "searchsorted": Row([call(np.sort(ROW), A), call(np.sort(ROW), ROW, side="right")]),
    "digitize": Row([call(A, np.sort(ROW)), call(ROW, np.sort(ROW))]),
    # ------------------------------------------------------------------------ products
    "matmul": two((A, B.T), (CUBE, reals(4, 2)), (C, C)),
    "dot": two((A, B.T), (C, C), (A, C), (CUBE, reals(4, 2)), (CUBE, reals(2, 4, 3)), (2.0, A)),
    "vdot": two((A, B), (C, C)),
    "inner": two((A, B), (C, C), (CUBE, reals(5, 4)), (2.0, A)),
    "outer": two((A, C), (C, ROW)),
    "kron": two((A, C), (A, reals(2, 2)), (C, CUBE)),
    "tensordot": Row(
        [
            *(
                call(CUBE, reals(3, 4, 2), 2),
                call(A, B, 0),
                call(CUBE, CUBE, axes=((0, 2), (0, 2))),
            ),
            *(call(A, B, axes=(1, 1)), call(CUBE, reals(2, 4), ([2, 0], [1, 0]))),
        ]
    ),
    "cross": Row(
        [call(A, B), call(C, A), call(A.T, B.T, axis=0), call(CUBE[:, :, :3], CUBE[:, :, 1:])]
    ),
    "correlate": Row(
        [call(ROW, C, m) for m in ("valid", "same", "full")]
        + [call(C, ROW, m) for m in ("valid", "same", "full")]
        + [call(ROW, ROW[:4], "same"), call(ROW[:4], ROW, "same"), call(ROW[:6], C, "same")]
    ),
    "einsum": Row(
        [
            *(
                call("ij,jk->ik", A, B.T),
                call("ij,jk", A, B.T),
                call("ii->i", A[:, :2]),
                call("ii", A[:, :2]),
            ),
            *(call("...ij,...jk->...ik", CUBE, reals(4, 2)), call("ij->ji", A), call("ij->", A)),
            *(
                call("i,j->ij", C, ROW),
                call("bij,bjk->bik", CUBE, reals(2, 4, 2)),
                call("ij,ij->i", A, B),
            ),
            *(
                call("ij,jk,kl->il", A, B.T, A),
                call("i,ij,j", A[:, 0], A, C),
                call("b...,b...->b...", CUBE, CUBE),
            ),
            *(
                call("...i,i...->...", A, reals(3, 2)),
                call("ijk,j->k", CUBE, C),
                call("i...->...", CUBE),
            ),
        ]
    ),
}

# ------------------------------------------------------------------------------------ the check


def parts(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


class Call(NamedTuple):
    """One call, whose arrays can be other ones: Tensors, or arrays of another type."""

    name: str
    args: tuple[Any, ...]
    options: dict[str, Any]

    def arrays(self) -> Iterator[np.ndarray]:
        for value in (*self.args, *self.options.values()):
            inner = value if isinstance(value, list) else [value]
            yield from (v for v in inner if isinstance(v, np.ndarray))

    def given(self, made: Iterator[Any]) -> tuple[list[Any], dict[str, Any]]:
        def new(value: Any) -> Any:
            if isinstance(value, list):
                return [new(v) for v in value]
            return next(made) if isinstance(value, np.ndarray) else value

        args = [new(v) for v in self.args]
        return args, {key: new(v) for key, v in self.options.items()}

    def of(self, inputs: Any) -> list[Any]:
        args, options = self.given(iter(inputs))
        return parts(getattr(ops, self.name)(*args, **options))


def calls() -> Iterator[tuple[Row, Call]]:
    for name, row in ROWS.items():
        for args, options in row.calls:
            yield row, Call(name, args, options)


def wanted(row: Row, this: Call) -> list[np.ndarray]:
    reference = row.reference or getattr(np, {"remainder": "mod"}.get(this.name, this.name))
    with np.errstate(all="ignore"):
        return [np.asarray(v) for v in parts(reference(*this.args, **this.options))]


@pytest.mark.parametrize("name", ROWS)
def test_values_types_replay_and_gradients(name: str) -> None:
    row = ROWS[name]
    for args, options in row.calls:
        check(row, Call(name, args, options))


def check(row: Row, this: Call) -> None:
    arrays, where = list(this.arrays()), f"{this.name}{this.args}{this.options}"
    got = this.of(arrays)
    assert all(isinstance(g, np.ndarray | np.generic) for g in got), where
    expected = wanted(row, this)
    assert len(got) == len(expected), where
    for g, w in zip(got, expected, strict=True):
        assert np.shape(g) == w.shape, f"{where}: {np.shape(g)}, not {w.shape}"
        float_32 = g.dtype == np.float32 != w.dtype  # of integers
        np.testing.assert_allclose(
            g, w, rtol=1e-6 if float_32 else 1e-10, atol=1e-6 if float_32 else 1e-10, err_msg=where
        )
        if row.kinds:
            assert g.dtype.kind == w.dtype.kind, f"{where}: {g.dtype}, not {w.dtype}"
    check_tensors(this, arrays, got, where)
    if row.gradient and got[0].dtype == np.float64 and any(a.dtype.kind == "f" for a in arrays):
        for number in range(len(got)):
            if (
                got[number].dtype.kind == "f"
                and got[number].size
                and of_tensors(this, arrays, number)
            ):
                check_gradient(lambda *x: this.of(x)[number], *arrays, order=row.gradient)  # noqa: B023


def check_tensors(this: Call, arrays: list[np.ndarray], got: list[Any], where: str) -> None:
    """Of Tensors come Tensors, recorded ones too, with the same bits."""
    if not arrays:
        return
    tensors = this.of([Tensor(a) for a in arrays])
    assert all(type(t) is Tensor for t in tensors), where
    assert_same_bits([t.data for t in tensors], [np.asarray(g) for g in got])
    if this.name == "bincount" and "minlength" not in this.options:
        return
    step = Step(this.name, lambda *x: this.of(x), [f"x{i}" for i in range(len(arrays))])
    slots = step.inputs(*((a.shape, a.dtype) for a in arrays))
    for _ in range(2):
        for slot, array in zip(slots, arrays, strict=True):
            slot[...] = array
        assert_same_bits(step.run(slots), [np.asarray(g) for g in got])
    assert len(step.programs) == 1, where


def of_tensors(this: Call, arrays: list[np.ndarray], number: int) -> bool:
    """Whether a result depends on its inputs so that it can be differentiated."""
    leaves = [Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    return this.of(leaves)[number].requires_grad


# ------------------------------------------------------------------------------------ by hand


def test_nan_comes_last() -> None:
    np.testing.assert_array_equal(ops.sort(ENDS), np.sort(ENDS))
    assert np.isnan(ops.median(HOLES))
    assert np.isnan(ops.quantile(HOLES, [0.1, 0.9], axis=1)).all()


def test_what_has_a_hole_has_a_gradient_there() -> None:
    for function, x, y, slopes in (
        (ops.divide_no_nan, 3.0, 0.0, (0.0, 0.0)),
        (ops.logaddexp, -np.inf, -np.inf, (0.5, 0.5)),
        (ops.logaddexp, 2.0, 2.0, (0.5, 0.5)),
        (ops.hypot, 0.0, 0.0, (0.0, 0.0)),
    ):
        given = [Tensor(v, requires_grad=True) for v in (x, y)]
        assert tuple(g.item() for g in axon.grad(function(*given), given)) == slopes
    zeros = Tensor([0.0, 3.0, 0.0], requires_grad=True)
    assert axon.grad(ops.prod(zeros), zeros).data.tolist() == [0, 0, 0]
    one = Tensor([0.0, 3.0, 2.0], requires_grad=True)
    assert axon.grad(ops.prod(one), one).data.tolist() == [6, 0, 0]
    assert axon.grad(ops.cumprod(one).sum(), one).data.tolist() == [1 + 3 + 6, 0, 0]


def test_nothing_overflows() -> None:
    big = np.array([1e308, -1e308, 3.0])
    assert ops.logaddexp(big, big)[0] == 1e308
    np.testing.assert_allclose(ops.hypot(big, big)[:2], 1e308 * np.sqrt(2))
    with np.errstate(divide="ignore"):  # the logarithm of 0
        assert ops.logsumexp(np.array([-np.inf, -np.inf])) == -np.inf
        assert ops.logsumexp(np.array([3.0, np.inf])) == np.inf
    assert ops.logaddexp(np.inf, -np.inf) == np.inf
    assert ops.floor(1e300) == 1e300


def test_nan_infinity_and_falling_edges_have_their_places() -> None:
    """As NumPy's: NaN behind all numbers, edges that fall are counted from above."""
    values = np.array([np.nan, -5, -1, 0, 0.5, 2, np.inf])
    for row in ([-1.0, 0, 0, 2], [0.0, np.nan], []):
        for side in ("left", "right"):
            found = ops.searchsorted(np.array(row), values, side)
            np.testing.assert_array_equal(found, np.searchsorted(row, values, side))
    for edges in ([2.0, 0, -1], [-1.0, 0, 0, 2], [3.0], []):
        found = ops.digitize(Tensor(values), Tensor(np.array(edges)))
        np.testing.assert_array_equal(found.numpy(), np.digitize(values, edges))
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(
            ops.hypot([np.inf, 0, 3], [1, 0, -np.inf]), [np.inf, 0, np.inf]
        )


def test_a_condition_is_made_of_truth_values() -> None:
    """Numbers are no conditions."""
    with pytest.raises(TypeError, match=r"where: expected a condition of truth values.*float64"):
        ops.where(np.ones(2), 1.0, 2.0)


def test_truth_values_and_bytes_are_what_numpy_makes_of_them() -> None:
    bytes_ = np.array([200, 100, 3], np.uint8)
    for name in ("cumsum", "cumprod", "prod", "ptp", "sort", "argmin", "ceil", "trunc", "min"):
        assert_same_bits([getattr(ops, name)(bytes_)], [np.asarray(getattr(np, name)(bytes_))])
    assert ops.sort(TRUE).dtype == bool
    assert ops.argmin(TRUE, axis=1).tolist() == [1, 0]
    assert ops.mod(TRUE, True).dtype == np.mod(TRUE, True).dtype


WRONG = {
    "cumsum: shapes .* axis 2 is out of range for 2 axes": lambda: ops.cumsum(A, 2),
    "expand_dims: axis 5 is out of range": lambda: ops.expand_dims(A, 5),
    "squeeze: axes .0. of shape .2, 3. are not all of size 1": lambda: ops.squeeze(A, 0),
    "split: 3 elements make no 2 equal parts. array_split": lambda: ops.split(A, 2, 1),
    "repeat: expected a whole number, or one for each of 3": lambda: ops.repeat(A, [1, 2], 1),
    "tensordot: axes .* are not as long": lambda: ops.tensordot(A, B, 1),
    "einsum: 'ij,jk->ik': axes under 'j' have sizes 3 and 2": lambda: ops.einsum("ij,jk->ik", A, B),
    "einsum: 'ijk': 'ijk' does not fit an operand of shape": lambda: ops.einsum("ijk", A),
    "einsum: 'i,j' is about 2 operands, got 1": lambda: ops.einsum("i,j", C),
    "einsum: .* the result 'z' is not of its operands": lambda: ops.einsum("i->z", C),
    "quantile: expected q from 0 to 1": lambda: ops.quantile(A, 2.0),
    "quantile: method must be one of": lambda: ops.quantile(A, 0.5, method="odd"),
    "unknown mode 'reflct'. Did you mean 'reflect'": lambda: ops.pad(A, 1, mode="reflct"),
    "Padding needs one .before, after. for each of 2 axes": lambda: ops.pad(A, ((1, 1),) * 3),
    "top_k: expected 0 to 3 elements of shape": lambda: ops.top_k(A, 9),
    "segment_sum: expected a segment for each row": lambda: ops.segment_sum(A, IDS, 3),
    "Only whole numbers and truth values have bits": lambda: ops.bitwise_and(A, A),
    "meshgrid: indexing must be": lambda: ops.meshgrid(C, C, indexing="yx"),
    "norm: ord=2 of matrices needs singular values": lambda: ops.norm(A, 2, (0, 1)),
    "scatter_update: reduction must be": lambda: ops.scatter_update(A, PLACES, C, "div"),
    "slice_update: updates of shape": lambda: ops.slice_update(ROW, (5,), C),
    "take: axis 4 is out of range": lambda: ops.take(A, [0], axis=4),
    "moveaxis: .* must name as many axes": lambda: ops.moveaxis(A, (0, 1), 0),
    "diagonal: expected at least two axes": lambda: ops.diagonal(C),
    "transpose: axes .0, 0. do not fit": lambda: ops.transpose(A, (0, 0)),
}


@pytest.mark.parametrize("message", WRONG)
def test_errors_say_what_is_wrong(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WRONG[message]()


def test_places_out_of_range_are_found_also_by_a_replay() -> None:
    calls = [
        lambda i: ops.take_along_axis(Tensor(ROW), i, axis=0),
        lambda i: ops.take(Tensor(A), i, axis=1),
        lambda i: ops.scatter(i[:, None], Tensor(np.ones(2)), (3,)),
        lambda i: ops.scatter_update(Tensor(C), i[:, None], Tensor(np.ones(2))),
    ]
    for function in calls:
        step = Step("places", lambda i: [function(i)], ["i"])  # noqa: B023
        slots = step.inputs(((2,), np.dtype(np.int64)))
        for given in ([0, 1], [1, -1]):
            slots[0][...] = given
            step.run(slots)
        slots[0][...] = [1, 99]
        with pytest.raises(IndexError, match="index 99 is out of range"):
            step.run(slots)


def test_a_size_that_the_values_decide_is_refused_while_recording() -> None:
    step = Step("segments", lambda i: [ops.segment_sum(Tensor(C), i)], ["i"])
    slots = step.inputs(((3,), np.dtype(np.int64)))
    with pytest.raises(axon.RecordingError, match="num_segments=None"):
        step.run(slots)
    assert ops.segment_sum(C, [0, 3, 3]).shape == (4,)


def test_metadata_may_stand_behind_the_inputs() -> None:
    assert ops.sum(A, 0, True).shape == (1, 3)
    assert ops.max(Tensor(A), 1).shape == (2,)
    with pytest.raises(
        TypeError, match=r"sum: expected at most \(input 1, axis, keepdims\), got 4"
    ):
        ops.sum(A, 0, True, 1)
    with pytest.raises(TypeError, match=r"sum: expected at most"):
        ops.sum(A, 0, axis=1)


def test_composites_take_what_python_functions_take() -> None:
    assert ops.clip(A, x_min=0.0).min() == 0
    with pytest.raises(TypeError, match="unexpected keyword"):
        ops.clip(A, low=0.0)
    with pytest.raises(TypeError, match="positional argument"):
        ops.flip(A, 0, 1)
    with pytest.raises(TypeError, match="multiple values"):
        ops.flip(A, x=A)
    assert type(ops.clip(A, Tensor(-1.0), 1.0)) is Tensor
    assert ops.clip(Tensor(A.astype("f4")), -1.0, np.float64(1)).dtype == np.float32


def test_methods_are_the_functions_of_their_names() -> None:
    t = Tensor(A)
    assert_same_bits([t.sin().data, t.cumsum(1).data], [ops.sin(A), ops.cumsum(A, 1)])
    assert_same_bits([x.data for x in t.split(3, axis=1)], list(ops.split(A, 3, axis=1)))
    assert t.argmax().item() == A.argmax()
    assert t.argmax(1, keepdims=True).shape == (2, 1)
    assert t.flatten().shape == (6,)
    assert t.T.shape == (3, 2)
    assert Tensor.cumsum is ops.cumsum
    methods = [n for n, m in vars(Operators).items() if isinstance(m, Method)]
    for name in methods:
        assert getattr(Tensor, name) is getattr(ops, name)
    assert len(methods) > 80


def test_numpy_functions_of_tensors_are_those_of_ops() -> None:
    t = Tensor(A, requires_grad=True)
    for name in ("floor", "log1p", "logaddexp", "isnan", "arctan"):
        args = [t, t] if name == "logaddexp" else [t]
        with np.errstate(all="ignore"):
            assert_same_bits([getattr(np, name)(*args).data], [getattr(ops, name)(*args).data])


def test_every_name_is_loaded_when_it_is_asked_for() -> None:
    assert set(ops.HOMES) | set(ops.ALIASES) <= set(dir(ops))
    for name, home in ops.HOMES.items():
        found = getattr(ops, name)
        assert isinstance(found, Primitive) or found.__module__ == f"axon.ops.{home}"
        assert found.__doc__
    with pytest.raises(AttributeError, match="has no attribute 'sinus'"):
        ops.sinus  # noqa: B018


def test_every_name_stands_in_the_table() -> None:
    elsewhere = "creation networks sliding counting spectra linear control unpooling".split()
    others = {name for name, home in ops.HOMES.items() if home in elsewhere}
    others |= {"angle", "conj", "i0", "imag", "real", "view"}  # test_linear_and_control.py
    assert set(ops.HOMES) - others - set(ROWS) == set()
