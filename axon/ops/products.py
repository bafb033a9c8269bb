"""Products of matrices and of more: each is one ``matmul`` between views."""

import math
from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np

from axon.core import Tensor
from axon.ops.composite import composite
from axon.ops.elementwise import multiply
from axon.ops.join import concatenate, stack
from axon.ops.layout import diagonal, moveaxis, one_axis
from axon.ops.matmul import matmul
from axon.ops.pad import pad


@composite
def dot(x1: Tensor, x2: Tensor) -> Tensor:
    """Sums of products along the last axis of x1 and the last but one (or only one) of x2.

    >>> float(dot([1.0, 2.0], [3.0, 4.0]))
    11.0
    """
    if not x1.ndim or not x2.ndim:
        return x1 * x2
    return tensordot(x1, x2, axes=((-1,), (-2 if x2.ndim > 1 else -1,)))


@composite
def vdot(x1: Tensor, x2: Tensor) -> Tensor:
    """The sum of the products of all elements.

    >>> float(vdot([[1.0], [2.0]], [[3.0], [4.0]]))
    11.0
    """
    return matmul(x1.reshape(x1.size), x2.reshape(x2.size))


@composite
def inner(x1: Tensor, x2: Tensor) -> Tensor:
    """Sums of products along the last axes of both.

    >>> inner([[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]])
    array([[11., 17.]])
    """
    if not x1.ndim or not x2.ndim:
        return x1 * x2
    return tensordot(x1, x2, axes=((-1,), (-1,)))


@composite
def outer(x1: Tensor, x2: Tensor) -> Tensor:
    """Each element of x1 times each of x2: a matrix.

    >>> outer([1.0, 2.0], [3.0, 4.0])
    array([[3., 4.],
           [6., 8.]])
    """
    return x1.reshape(x1.size, 1) * x2.reshape(1, x2.size)


@composite
def tensordot(x1: Tensor, x2: Tensor, axes: int | Sequence[int | Sequence[int]] = 2) -> Tensor:
    """Sums of products along some axes of both.

    Args:
        x1: of any shape.
        x2: of any shape.
        axes: how many, the last of x1 and the first of x2; or those of x1 and those of x2.

    >>> tensordot(np.ones((2, 3, 4)), np.ones((3, 4, 5)), 2).shape
    (2, 5)
    """
    if isinstance(axes, int | np.integer):
        mine, theirs = tuple(range(x1.ndim - axes, x1.ndim)), tuple(range(axes))
    else:
        mine, theirs = (tuple(np.ravel(a).tolist()) for a in axes)
    here = [one_axis("tensordot", a, x1.ndim) for a in mine]
    there = [one_axis("tensordot", a, x2.ndim) for a in theirs]
    if [x1.shape[a] for a in here] != [x2.shape[a] for a in there]:
        raise ValueError(
            f"tensordot: axes {mine} of shape {x1.shape} are not as long as axes {theirs} of "
            f"shape {x2.shape}."
        )
    rows = [i for i in range(x1.ndim) if i not in here]
    columns = [i for i in range(x2.ndim) if i not in there]
    many = math.prod(x1.shape[a] for a in here)
    shape = [*(x1.shape[i] for i in rows), *(x2.shape[i] for i in columns)]
    a = x1.transpose(*rows, *here).reshape(math.prod(shape[: len(rows)]), many)
    b = x2.transpose(*there, *columns).reshape(many, math.prod(shape[len(rows) :]))
    return matmul(a, b).reshape(shape)


@composite
def kron(x1: Tensor, x2: Tensor) -> Tensor:
    """Kronecker's product: x2 in the place of each element of x1, times it.

    >>> kron([1, 2], [1, 10])
    array([ 1, 10,  2, 20])
    """
    rank = max(x1.ndim, x2.ndim)
    a = x1.reshape((1,) * (rank - x1.ndim) + x1.shape)
    b = x2.reshape((1,) * (rank - x2.ndim) + x2.shape)
    blocks = a.reshape([m for n in a.shape for m in (n, 1)]) * b.reshape(
        [m for n in b.shape for m in (1, n)]
    )
    return blocks.reshape([m * n for m, n in zip(a.shape, b.shape, strict=True)])


@composite
def cross(
    x1: Tensor,
    x2: Tensor,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Tensor:
    """The vector that stands on both, of vectors of 3 numbers; of 2 numbers, its third one.

    >>> cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    array([0., 0., 1.])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ValueError(f"cross: expected 2 or 3 numbers, got shapes {x1.shape} and {x2.shape}.")
    if a.shape[-1] == b.shape[-1] == 2:
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    a, b = (v if v.shape[-1] == 3 else _with_zero(v) for v in (a, b))
    parts = [a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return moveaxis(stack(parts, axis=-1), -1, axisc)


def _with_zero(v: Tensor) -> Tensor:
    return concatenate([v, v[..., :1] * 0], axis=-1)


@composite
def correlate(x1: Tensor, x2: Tensor, mode: str = "valid") -> Tensor:
    """Sums of products of two rows, for each way in which one lies along the other.

    >>> correlate([1.0, 2.0, 3.0], [0.0, 1.0])
    array([2., 3.])
    """
    if x1.ndim != 1 or x2.ndim != 1 or not x1.size or not x2.size:
        raise ValueError(f"correlate: expected two rows, got {x1.shape} and {x2.shape}.")
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"correlate: mode must be 'valid', 'same' or 'full', got {mode!r}.")
    if x2.size > x1.size:
        return correlate(x2, x1, mode)[::-1]
    n = x2.size
    before = {"valid": 0, "same": n // 2, "full": n - 1}[mode]
    after = {"valid": 0, "same": n - 1 - n // 2, "full": n - 1}[mode]
    x = pad(x1, ((before, after),))
    size = x.size - n + 1
    windows = stack([x[i : i + size] for i in range(n)])  # (n, places)
    return matmul(x2, windows)


# ------------------------------------------------------------------------------------ einsum


class Term(NamedTuple):
    """A tensor, and a letter for each of its axes."""

    letters: str
    tensor: Tensor

    def ordered(self, wanted: str) -> Tensor:
        """With its axes in another order."""
        return self.tensor.transpose([self.letters.index(c) for c in wanted])

    def summed(self, kept: str) -> "Term":
        """Without the axes that nobody needs any more."""
        gone = tuple(i for i, c in enumerate(self.letters) if c not in kept)
        if not gone:
            return self
        letters = "".join(c for c in self.letters if c in kept)
        return Term(letters, self.tensor.sum(gone))


@composite
def einsum(subscripts: str, *operands: Tensor) -> Tensor:
    """Sums of products, as Einstein wrote them: a letter for each axis.

    Letters that come in several operands run together; what is not behind ``->`` is summed over.
    ``...`` stands for any axes, which broadcast. Operands are taken from left to right, two at a
    time, each time by one ``matmul``.

    Raises:
        ValueError: letters do not fit the axes, or sizes under one letter differ.

    >>> einsum("ij,jk->ik", [[1.0, 2.0]], [[3.0], [4.0]])
    array([[11.]])
    """
    terms, result = _parsed(subscripts, operands)
    term = _diagonals(terms[0])
    for number, other in enumerate(terms[1:], 2):
        later = result + "".join(t.letters for t in terms[number:])
        term = _contracted(term, _diagonals(other), later)
    term = term.summed(result)
    missing = [c for c in result if c not in term.letters]
    if missing or len(set(result)) < len(result):
        raise ValueError(f"einsum: {subscripts!r}: the result {result!r} is not of its operands.")
    return term.ordered(result)


FREE_LETTERS = "αβγδεζηθικλμνξοπ"  # for the axes that ... stands for, the last ones first


def _parsed(subscripts: str, operands: Sequence[Tensor]) -> tuple[list[Term], str]:
    text = subscripts.replace(" ", "")
    left, arrow, result = text.partition("->")
    names = left.split(",")
    if len(names) != len(operands):
        raise ValueError(
            f"einsum: {subscripts!r} is about {len(names)} operands, got {len(operands)}."
        )
    free = max(t.ndim - len(n.replace("...", "")) for n, t in zip(names, operands, strict=True))
    terms = [_term(n, t, subscripts) for n, t in zip(names, operands, strict=True)]
    _demand_sizes(terms, subscripts)
    spread = FREE_LETTERS[:free][::-1] if "..." in left else ""
    if not arrow:
        alone = sorted(c for c in set(left) if c.isalpha() and left.count(c) == 1)
        return terms, spread + "".join(alone)
    if spread and "..." not in result:
        raise ValueError(f"einsum: {subscripts!r}: the axes of ... must be in the result, too.")
    return terms, result.replace("...", spread)


def _term(name: str, tensor: Tensor, subscripts: str) -> Term:
    free = tensor.ndim - len(name.replace("...", ""))
    if free < 0 or (free and "..." not in name):
        raise ValueError(
            f"einsum: {subscripts!r}: {name!r} does not fit an operand of shape {tensor.shape}."
        )
    return Term(name.replace("...", FREE_LETTERS[:free][::-1]), tensor)


def _demand_sizes(terms: Sequence[Term], subscripts: str) -> None:
    sizes: dict[str, int] = {}
    for letters, tensor in terms:
        for letter, size in zip(letters, tensor.shape, strict=True):
            known = sizes.setdefault(letter, size)
            if known == 1 and letter in FREE_LETTERS:
                sizes[letter] = size
            elif size != known and (size != 1 or letter not in FREE_LETTERS):
                raise ValueError(
                    f"einsum: {subscripts!r}: axes under {letter!r} have sizes {known} and {size}."
                )


def _diagonals(term: Term) -> Term:
    """Of axes with the same letter, the diagonal."""
    letters, x = term
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            i = letters.index(letter)
            j = letters.index(letter, i + 1)
            x = diagonal(x, 0, i, j)
            letters = letters[:i] + letters[i + 1 : j] + letters[j + 1 :] + letter
    return Term(letters, x)


def _contracted(a: Term, b: Term, later: str) -> Term:
    """Two operands as one: what both share and nobody needs later is summed over."""
    a, b = a.summed(b.letters + later), b.summed(a.letters + later)
    shared = [c for c in a.letters if c in b.letters]
    if any(c in FREE_LETTERS and _size(a, c) != _size(b, c) for c in shared):
        return _spread(a, b)
    batch = "".join(c for c in shared if c in later)
    gone = "".join(c for c in shared if c not in later)
    rows = "".join(c for c in a.letters if c not in b.letters)
    columns = "".join(c for c in b.letters if c not in a.letters)
    sizes = {c: _size(t, c) for t in (a, b) for c in t.letters}
    many = [math.prod(sizes[c] for c in part) for part in (batch, rows, gone, columns)]
    x = a.ordered(batch + rows + gone).reshape(many[0], many[1], many[2])
    y = b.ordered(batch + gone + columns).reshape(many[0], many[2], many[3])
    made = matmul(x, y) if batch else matmul(x[0], y[0])
    letters = batch + rows + columns
    return Term(letters, made.reshape([sizes[c] for c in letters]))


def _size(term: Term, letter: str) -> int:
    return term.tensor.shape[term.letters.index(letter)]


def _spread(a: Term, b: Term) -> Term:
    """Where axes of ... broadcast: number by number."""
    letters = "".join(dict.fromkeys(a.letters + b.letters))
    shaped = []
    for term in (a, b):
        own = [c for c in letters if c in term.letters]
        sizes = [_size(term, c) if c in own else 1 for c in letters]
        shaped.append(term.ordered("".join(own)).reshape(sizes))
    return Term(letters, reduce(multiply, shaped))
