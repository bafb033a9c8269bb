"""Linear algebra by LAPACK, as NumPy calls it: of matrices, or of batches (..., n, m) of them.

A matrix of which there is no answer, since it is singular or not positive definite, gives NaN in a
recorded step, where ``fit(debug="nan")`` names it; called by hand, a function says so.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape
from axon.core import Tensor, primitive
from axon.modes import modes
from axon.ops.compare import where
from axon.ops.composite import composite
from axon.ops.elementwise import exp
from axon.ops.join import concatenate
from axon.ops.layout import tril, triu
from axon.ops.matmul import matmul


def _square(name: str, x: Array | Tensor) -> int:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{name}: expected square matrices (..., n, n), got shape {x.shape}.")
    return int(x.shape[-1])


def _matrices(name: str, x: Array | Tensor) -> tuple[int, int]:
    if x.ndim < 2:
        raise ValueError(f"{name}: expected matrices (..., n, m), got shape {x.shape}.")
    return x.shape[-2], x.shape[-1]


def _fill(out: Array, function: Callable[..., Array], *arrays: Array) -> None:
    """Let LAPACK do all matrices; if one fails, one by one, and NaN for those."""
    wide = [x.astype(np.result_type(x.dtype, np.float32), copy=False) for x in arrays]
    with np.errstate(all="ignore"):
        try:
            if not all(np.isfinite(x).all() for x in wide):  # LAPACK may not come to an end
                raise np.linalg.LinAlgError
            out[...] = function(*wide)
        except np.linalg.LinAlgError:
            batch = np.broadcast_shapes(*(x.shape[:-2] for x in wide))
            spread = [np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in wide]
            for place in np.ndindex(*batch):
                _fill_one(out[place], function, *(x[place] for x in spread))


def _fill_one(out: Array, function: Callable[..., Array], *arrays: Array) -> None:
    try:
        if not all(np.isfinite(x).all() for x in arrays):
            raise np.linalg.LinAlgError
        out[...] = function(*arrays)
    except np.linalg.LinAlgError:
        out[...] = np.nan


def _side_by_side(*parts: Array) -> Array:
    """Several results as one row of numbers for each matrix."""
    batch = parts[0].shape[: parts[0].ndim - 2]
    return np.concatenate([p.reshape(*batch, -1) for p in parts], -1)


def _parts(flat: Tensor, *shapes: Shape) -> list[Tensor]:
    """The results again, of these shapes."""
    found, start = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        found.append(flat[..., start : start + size].reshape(*flat.shape[:-1], *shape))
        start += size
    return found


def _joined(*parts: Tensor) -> Tensor:
    batch = parts[0].shape[: parts[0].ndim - 2]
    return concatenate([p.reshape(*batch, p.size // max(int(np.prod(batch)), 1)) for p in parts])


def _t(x: Tensor) -> Tensor:
    """Transpose each matrix."""
    return x.transpose(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)


def _inverse(x: Tensor) -> Tensor:
    """1 / x, and 0 where x is 0."""
    none = x == 0.0
    return where(none, 0.0, 1.0 / where(none, 1.0, x))


def _eye(n: int, like: Tensor) -> Tensor:
    return Tensor(np.eye(n, dtype=like.dtype))


def _outer(x: Tensor) -> Tensor:
    """A row of numbers on the diagonals of matrices: (..., n) -> (..., n, n)."""
    return x[..., None] * _eye(x.shape[-1], x)


# ------------------------------------------------------------------------------------ primitives

LAPACK_SOLVE, LAPACK_PINV = np.linalg.solve, np.linalg.pinv


def _solved(a: Array, b: Array) -> tuple[Shape, DType]:
    if _square("solve", a) != _matrices("solve", b)[0]:
        raise ValueError("The rows of the second must be as many as those of the first.")
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return (*batch, *b.shape[-2:]), np.result_type(a.dtype, b.dtype)


@primitive(floats=True, result=_solved)
def solve_(out: Array, a: Array, b: Array, *, xp: Any) -> None:
    """x of a x = b, for square matrices a and matrices b; NaN where a is singular."""
    _fill(out, LAPACK_SOLVE, a, b)


def _solve_b(g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return solve_(_t(a), g)


solve_.gradient(lambda g, y, a, b: -matmul(_solve_b(g, y, a, b), _t(y)), _solve_b)


@primitive(floats=True, result=lambda x: ((*x.shape[:-2], 2), x.dtype))
def slogdet_(out: Array, x: Array, *, xp: Any) -> None:
    """The sign of a determinant, and the logarithm of its size: (..., 2)."""
    _square("slogdet", x)
    _fill(out, _sign_and_size, x)


def _sign_and_size(x: Array) -> Array:
    sign, size = np.linalg.slogdet(x)
    return np.stack([np.where(np.isnan(size), size, sign), size], -1)


slogdet_.gradient(
    lambda g, y, x: g[..., 1][..., None, None] * _t(solve_(x, _eye(x.shape[-1], x))),
)


@primitive(floats=True, result=lambda x: (x.shape, x.dtype))
def cholesky_(out: Array, x: Array, *, xp: Any) -> None:
    """L of x = L L^T, of the symmetric part of x; NaN where that is not positive definite."""
    _square("cholesky", x)
    _fill(out, _lower, x)


def _lower(x: Array) -> Array:
    return np.linalg.cholesky((x + np.swapaxes(x, -1, -2)) / 2)


def _cholesky_x(g: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """S + S^T, halved, of S = L^-T phi(L^T g) L^-1; phi: the lower half, and half the diagonal."""
    inner = matmul(_t(y), tril(g))
    half = tril(inner) - inner * (_eye(x.shape[-1], x) * 0.5)
    s = solve_(_t(y), _t(solve_(_t(y), _t(half))))
    return (s + _t(s)) * 0.5


cholesky_.gradient(_cholesky_x)


@primitive(
    floats=True, result=lambda x: ((*x.shape[:-2], x.shape[-1] * (x.shape[-1] + 1)), x.dtype)
)
def eigh_(out: Array, x: Array, *, xp: Any) -> None:
    """Eigenvalues w and vectors V of the symmetric part of x, as one row: (..., n + n n)."""
    _fill(out, _eigen, x)


def _eigen(x: Array) -> Array:
    w, v = np.linalg.eigh((x + np.swapaxes(x, -1, -2)) / 2)
    return _side_by_side(w[..., None, :], v)


def _eigh_x(g: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """V (diag(gw) + (V^T gV) F) V^T, F = 1 / (w_j - w_i); of equal eigenvalues 0."""
    n = x.shape[-1]
    (w, v), (gw, gv) = (_parts(t, (n,), (n, n)) for t in (y, g))
    apart = _inverse(w[..., None, :] - w[..., :, None])
    s = matmul(matmul(v, _outer(gw) + matmul(_t(v), gv) * apart), _t(v))
    return (s + _t(s)) * 0.5


eigh_.gradient(_eigh_x)


def _qr_sizes(x: Array | Tensor, complete: bool) -> tuple[Shape, Shape]:
    m, n = _matrices("qr", x)
    k = m if complete else min(m, n)
    return (m, k), (k, n)


def _qr_shape(x: Array, *, complete: bool = False) -> tuple[Shape, DType]:
    sizes = sum(int(np.prod(shape)) for shape in _qr_sizes(x, complete))
    return (*x.shape[:-2], sizes), x.dtype


@primitive(floats=True, result=_qr_shape)
def qr_(out: Array, x: Array, *, xp: Any, complete: bool = False) -> None:
    """Q and R of x = Q R, as one row; ``complete``: Q has as many columns as rows."""
    _fill(out, partial(_orthogonal, mode="complete" if complete else "reduced"), x)


def _orthogonal(x: Array, mode: Any) -> Array:
    return _side_by_side(*np.linalg.qr(x, mode))


def _qr_x(g: Tensor, y: Tensor, x: Tensor, *, complete: bool = False) -> Tensor:
    """(gQ + Q copyltu(R gR^T - gQ^T Q)) R^-T; of wide x, the columns beyond are Q^T x alone."""
    m, n = x.shape[-2:]
    if complete and m > n:
        raise ValueError('qr: there are gradients of mode="reduced" alone where rows are more.')
    (q, r), (gq, gr) = (_parts(t, *_qr_sizes(x, complete)) for t in (y, g))
    if m < n:
        gq = gq + matmul(x[..., m:], _t(gr[..., m:]))
        rest = matmul(q, gr[..., m:])
        r, gr = r[..., :m], gr[..., :m]
    inner = matmul(r, _t(gr)) - matmul(_t(gq), q)
    both = tril(inner) + _t(tril(inner, -1))
    made = _t(solve_(r, _t(gq + matmul(q, both))))
    return concatenate([made, rest], axis=-1) if m < n else made


qr_.gradient(_qr_x)


def _svd_sizes(x: Array | Tensor, full: bool) -> tuple[Shape, Shape, Shape]:
    m, n = _matrices("svd", x)
    k = min(m, n)
    return (m, m if full else k), (k,), (n if full else k, n)


def _svd_shape(x: Array, *, full: bool = False) -> tuple[Shape, DType]:
    sizes = sum(int(np.prod(shape)) for shape in _svd_sizes(x, full))
    return (*x.shape[:-2], sizes), x.dtype


@primitive(floats=True, result=_svd_shape)
def svd_(out: Array, x: Array, *, xp: Any, full: bool = False) -> None:
    """U, s and V^T of x = U diag(s) V^T, as one row; ``full``: U and V are square."""
    _fill(out, partial(_singular, full=full), x)


def _singular(x: Array, full: bool) -> Array:
    u, s, vt = np.linalg.svd(x, full)
    return _side_by_side(u, s[..., None, :], vt)


def _svd_x(g: Tensor, y: Tensor, x: Tensor, *, full: bool = False) -> Tensor:
    """U (J + J^T) S + S (K + K^T) + gs ... V^T, and what leaves the spaces of U and of V.

    J = F U^T gU, K = F V^T gV, F = 1 / (s_j^2 - s_i^2); of equal singular values 0.
    """
    m, n = x.shape[-2:]
    if full and m != n:
        raise ValueError("svd: there are gradients with full_matrices=False alone, if m is not n.")
    (u, s, vt), (gu, gs, gvt) = (_parts(t, *_svd_sizes(x, full)) for t in (y, g))
    v, gv, row, column = _t(vt), _t(gvt), s[..., None, :], s[..., :, None]
    apart = _inverse((row - column) * (row + column))
    j, k = (matmul(_t(a), b) * apart for a, b in ((u, gu), (v, gv)))
    inner = (j + _t(j)) * row + column * (k + _t(k)) + _outer(gs)
    made = matmul(matmul(u, inner), vt)
    over = _inverse(s)[..., None, :]
    if m > n:
        made = made + matmul((gu - matmul(u, matmul(_t(u), gu))) * over, vt)
    if n > m:
        made = made + matmul(u * over, _t(gv - matmul(v, matmul(_t(v), gv))))
    return made


svd_.gradient(_svd_x)


@primitive(
    floats=True, result=lambda x, rcond: ((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)
)
def pinv_(out: Array, x: Array, *, xp: Any, rcond: float) -> None:
    """The pseudo-inverse: singular values up to ``rcond`` times the largest count as 0."""
    _matrices("pinv", x)
    _fill(out, partial(LAPACK_PINV, rcond=rcond), x)


def _pinv_x(g: Tensor, y: Tensor, x: Tensor, *, rcond: float) -> Tensor:
    """-P^T g P^T + (1 - x P) g^T P P^T + P^T P g^T (1 - P x) (Golub and Pereyra, 1973)."""
    m, n = x.shape[-2:]
    p, pt, gt = y, _t(y), _t(g)
    left, right = _eye(m, x) - matmul(x, p), _eye(n, x) - matmul(p, x)
    made = matmul(matmul(matmul(left, gt), p), pt) + matmul(matmul(matmul(pt, p), gt), right)
    return made - matmul(matmul(pt, g), pt)


pinv_.gradient(_pinv_x)

# ------------------------------------------------------------------------------------ functions


def _found(name: str, y: Tensor, x: Tensor, why: str) -> Tensor:
    """The result, unless it is none: called by hand, that is an error."""
    if modes.recorder is None and np.isnan(y.data).any() and not np.isnan(x.data).any():
        raise ValueError(f"{name}: {why}.")
    return y


@composite
def solve(a: Tensor, b: Tensor) -> Tensor:
    """x of a x = b.

    Args:
        a: square matrices (..., n, n).
        b: (..., n), or (..., n, m) for several right-hand sides.

    Raises:
        ValueError: shapes do not fit, or a matrix is singular.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [1.0, 1.0])
    array([0.5 , 0.25])
    """
    _square("solve", a)
    alone = b.ndim == a.ndim - 1
    y = _found("solve", solve_(a, b[..., None] if alone else b), a, "a matrix is singular")
    return y[..., 0] if alone else y


@composite
def inv(x: Tensor) -> Tensor:
    """The inverse of each matrix; where you can, ``solve`` instead.

    Raises:
        ValueError: they are not square, or one is singular.

    >>> inv([[2.0, 0.0], [0.0, 4.0]])
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    n = _square("inv", x)
    x = x if x.dtype.kind == "f" else x.astype(np.float32)
    return _found("inv", solve_(x, _eye(n, x)), x, "a matrix is singular")


@composite
def solve_triangular(a: Tensor, b: Tensor, lower: bool = False) -> Tensor:
    """x of a x = b, where only one half of a and its diagonal are read.

    >>> solve_triangular([[2.0, 7.0], [0.0, 4.0]], [4.0, 4.0])
    array([-1.5,  1. ])
    """
    return solve(tril(a) if lower else triu(a), b)


@composite
def slogdet(x: Tensor) -> tuple[Tensor, ...]:
    """The sign of each determinant, and the logarithm of its size.

    >>> float(slogdet([[2.0, 0.0], [0.0, -1.0]])[0])
    -1.0
    """
    _square("slogdet", x)
    found = slogdet_(x)
    return found[..., 0].detach(), found[..., 1]


@composite
def logdet(x: Tensor) -> Tensor:
    """The logarithm of the determinant of each positive definite matrix.

    >>> round(float(logdet([[2.0, 0.0], [0.0, 1.0]])), 4)
    0.6931
    """
    return slogdet(x)[1]


@composite
def det(x: Tensor) -> Tensor:
    """The determinant of each matrix.

    >>> round(float(det([[2.0, 1.0], [1.0, 4.0]])), 4)
    7.0
    """
    sign, size = slogdet(x)
    return sign * exp(size)


@composite
def cholesky(x: Tensor, upper: bool = False) -> Tensor:
    """L of x = L L^T, a lower triangle; ``upper``: L^T.

    Gradients are those of the symmetric part of x.

    Raises:
        ValueError: a matrix is not positive definite.

    >>> cholesky([[4.0, 2.0], [2.0, 2.0]])
    array([[2., 0.],
           [1., 1.]])
    """
    _square("cholesky", x)
    found = _found("cholesky", cholesky_(x), x, "a matrix is not positive definite")
    return _t(found) if upper else found


@composite
def cholesky_inverse(x: Tensor, upper: bool = False) -> Tensor:
    """The inverse of L L^T, of its factor L; of L^T, with ``upper``.

    >>> cholesky_inverse([[2.0, 0.0], [0.0, 1.0]])
    array([[0.25, 0.  ],
           [0.  , 1.  ]])
    """
    half = inv(tril(_t(x) if upper else x))
    return matmul(_t(half), half)


@composite
def eigh(x: Tensor) -> tuple[Tensor, ...]:
    """Eigenvalues in rising order, and eigenvectors in columns, of symmetric matrices.

    Gradients are those of the symmetric part of x; vectors of equal eigenvalues have none.

    >>> eigh([[2.0, 0.0], [0.0, 1.0]])[0]
    array([1., 2.])
    """
    n = _square("eigh", x)
    w, v = _parts(_found("eigh", eigh_(x), x, "no eigenvalues were found"), (n,), (n, n))
    return w, v


@composite
def qr(x: Tensor, mode: str = "reduced") -> tuple[Tensor, ...]:
    """Q and R of x = Q R: columns that stand on each other, and an upper triangle.

    Args:
        x: (..., m, n).
        mode: "reduced", Q (..., m, k) of the smaller k of both sizes; or "complete", (..., m, m).

    >>> qr([[3.0], [4.0]])[1]
    array([[-5.]])
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: mode must be 'reduced' or 'complete', got {mode!r}.")
    complete = mode == "complete"
    q, r = _parts(qr_(x, complete=complete), *_qr_sizes(x, complete))
    return q, r


@composite
def svd(x: Tensor, full_matrices: bool = True, compute_uv: bool = True) -> tuple[Tensor, ...]:
    """U, s and V^T of x = U diag(s) V^T, s in falling order; without ``compute_uv``, s alone.

    Args:
        x: (..., m, n).
        full_matrices: U and V are square. Gradients are there without it, or of square x.
        compute_uv: see above.

    >>> svd([[3.0, 0.0], [0.0, 4.0]], compute_uv=False)
    array([4., 3.])
    """
    full = bool(full_matrices and compute_uv)
    found = _found("svd", svd_(x, full=full), x, "no singular values were found")
    u, s, vt = _parts(found, *_svd_sizes(x, full))
    if full and x.shape[-1] != x.shape[-2]:
        s = svd(x, compute_uv=False)  # type: ignore[assignment]  # which has a gradient
    return (u, s, vt) if compute_uv else s  # type: ignore[return-value]


@composite
def pinv(x: Tensor, rcond: float | None = None) -> Tensor:
    """The pseudo-inverse of each matrix (..., m, n): (..., n, m).

    Args:
        x: the matrices.
        rcond: singular values up to so many times the largest count as 0; by default the larger
            size times the precision of the numbers.

    >>> pinv([[2.0], [0.0]])
    array([[0.5, 0. ]])
    """
    sizes = _matrices("pinv", x)
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
    usual = max(sizes) * float(np.finfo(dtype).eps)
    found = pinv_(x, rcond=usual if rcond is None else float(rcond))
    return _found("pinv", found, x, "no singular values were found")


@composite
def lstsq(a: Tensor, b: Tensor, rcond: float | None = None) -> Tensor:
    """x for which a x - b is shortest; of several such x, the shortest one.

    Args:
        a: (..., m, n).
        b: (..., m), or (..., m, k).
        rcond: see ``pinv``.

    >>> lstsq([[1.0], [1.0]], [1.0, 3.0]).round(4)
    array([2.])
    """
    alone = b.ndim == a.ndim - 1
    y = matmul(pinv(a, rcond), b[..., None] if alone else b)
    return y[..., 0] if alone else y


@composite
def matrix_rank(x: Tensor, tol: float | None = None) -> Tensor:
    """How many singular values are larger than ``tol``.

    By default that is the largest one, times the larger size and the precision of the numbers.

    >>> int(matrix_rank([[1.0, 2.0], [2.0, 4.0]]))
    1
    """
    s: Tensor = svd(x, compute_uv=False)  # type: ignore[assignment]
    usual = max(_matrices("matrix_rank", x)) * float(np.finfo(s.dtype).eps)
    limit = s.max(axis=-1, keepdims=True) * usual if tol is None else tol
    return (s > limit).sum(axis=-1)
