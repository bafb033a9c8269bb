"""Samples of linear algebra: the first ones are of one number, hence not singular."""

from typing import Any

import numpy as np

from tests.samples.primitives.case import Case

_random = np.random.default_rng(5)  # numbers of its own: other samples stay what they are


def matrices(*shape: int) -> Any:
    """Matrices far from singular."""
    x = _random.normal(size=shape) * 0.3
    return x + 2.0 * np.eye(*shape[-2:])


def _row(*parts: Any) -> Any:
    batch = parts[0].shape[:-2]
    return np.concatenate([p.reshape(*batch, -1) for p in parts], -1)


def _symmetric(x: Any) -> Any:
    return (x + np.swapaxes(x, -1, -2)) / 2


def _nan_where_none(function: Any) -> Any:
    def of(x: Any, **meta: Any) -> Any:
        try:
            return function(x, **meta)
        except np.linalg.LinAlgError:
            return np.full_like(x, np.nan)

    return of


def _eigh(x: Any) -> Any:
    w, v = np.linalg.eigh(_symmetric(x))
    return _row(w[..., None, :], v)


def _qr(x: Any, complete: bool = False) -> Any:
    return _row(*np.linalg.qr(x, "complete" if complete else "reduced"))


def _svd(x: Any, full: bool = False) -> Any:
    u, s, vt = np.linalg.svd(x, full)
    return _row(u, s[..., None, :], vt)


one = np.array([[[1.7]], [[0.6]]])
LARGE = matrices(64, 32, 32)
SAMPLES: dict[str, Case] = {
    "solve": Case(
        lambda a, b: np.linalg.inv(a) @ b,
        [
            ((one, one[::-1] * 3), {}),
            ((matrices(3, 3), matrices(3, 2)), {}),
            ((matrices(2, 2, 2), matrices(2, 2)), {}),
        ],
        ((LARGE, LARGE[:, :, :4]), {}),
    ),
    "slogdet": Case(
        lambda x: np.stack(np.linalg.slogdet(x), -1),
        [((one,), {}), ((matrices(3, 3),), {}), ((matrices(2, 2, 2),), {})],
        ((LARGE,), {}),
    ),
    "cholesky": Case(
        _nan_where_none(lambda x: np.linalg.cholesky(_symmetric(x))),
        [((one,), {}), ((matrices(3, 3),), {})],
        ((LARGE,), {}),
    ),
    "eigh": Case(_eigh, [((one,), {}), ((matrices(3, 3),), {})], ((LARGE,), {}), nan_shows=[]),
    "qr": Case(
        _qr,
        [
            ((one,), {}),
            ((matrices(4, 3),), {}),
            ((matrices(2, 4),), {}),
            ((matrices(3, 3),), {"complete": True}),
        ],
        ((LARGE,), {}),
    ),
    "svd": Case(
        _svd,
        [
            ((one,), {}),
            ((matrices(3, 2),), {}),
            ((matrices(2, 3),), {}),
            ((matrices(2, 2),), {"full": True}),
        ],
        ((LARGE,), {}),
        nan_shows=[],
    ),
    "pinv": Case(
        lambda x, rcond: np.linalg.pinv(x, rcond),
        [
            ((one,), {"rcond": 1e-6}),
            ((matrices(4, 3),), {"rcond": 1e-6}),
            ((matrices(2, 3),), {"rcond": 1e-6}),
        ],
        ((LARGE,), {"rcond": 1e-6}),
        nan_shows=[],
    ),
}
