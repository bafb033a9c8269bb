"""Linear algebra by LAPACK, too; what fails is NaN, or infinite, in the place of each number."""

from jax import numpy as jnp

from axon.xla.rules.values import Rule, Traced


def _row(*parts: Traced) -> Traced:
    batch = parts[0].shape[:-2]
    return jnp.concatenate([p.reshape(*batch, -1) for p in parts], -1)


def _symmetric(x: Traced) -> Traced:
    return (x + jnp.swapaxes(x, -1, -2)) / 2


def slogdet(x: Traced) -> Traced:
    """The sign, and the logarithm of the size."""
    sign, size = jnp.linalg.slogdet(x)
    return jnp.stack([jnp.where(jnp.isnan(size), size, sign), size], -1)


def cholesky(x: Traced) -> Traced:
    """The lower triangle."""
    return jnp.linalg.cholesky(_symmetric(x))


def eigh(x: Traced) -> Traced:
    """Values and vectors as one row."""
    w, v = jnp.linalg.eigh(_symmetric(x))
    return _row(w[..., None, :], v)


def qr(x: Traced, *, complete: bool = False) -> Traced:
    """Q and R as one row."""
    return _row(*jnp.linalg.qr(x, "complete" if complete else "reduced"))


def svd(x: Traced, *, full: bool = False) -> Traced:
    """U, s and V^T as one row."""
    u, s, vt = jnp.linalg.svd(x, full_matrices=full)
    return _row(u, s[..., None, :], vt)


def pinv(x: Traced, *, rcond: float) -> Traced:
    """The pseudo-inverse."""
    return jnp.linalg.pinv(x, rtol=rcond)


RULES: dict[str, Rule] = {
    "solve": jnp.linalg.solve,
    "slogdet": slogdet,
    "cholesky": cholesky,
    "eigh": eigh,
    "qr": qr,
    "svd": svd,
    "pinv": pinv,
}
