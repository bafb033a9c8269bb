"""Matrix products."""

from math import prod
from typing import Any

import numpy as np

from axon import ops
from axon.core import Tensor
from axon.onnx.run.operators.table import operator
from axon.onnx.run.operators.values import Values, broadcast, plain, room, same_tensor, spend

A = dict[str, Any]


def _gemm_arranged(given: Values, a: A) -> Any:
    """Both as they enter the product: what is stored like that is not moved."""
    if len(given) < 2 or any(v is None or v.data.ndim != 2 for v in given[:2]):
        raise ValueError("expected two matrices.")
    matrices = [
        v.permuted((1, 0)) if a.get(key) else v
        for v, key in zip(given, ("transA", "transB"), strict=False)
        if v is not None
    ]
    return plain([*matrices, *given[2:]], a)


@operator("Gemm", arrange=_gemm_arranged)
def gemm(a: A, x: Any, w: Any, b: Any = None) -> Any:
    """alpha x w + beta b."""
    y, alpha, beta = (
        product(same_tensor(x), same_tensor(w)),
        a.get("alpha", 1.0),
        a.get("beta", 1.0),
    )
    y = y if alpha == 1 else y * alpha
    if b is None or beta == 0:
        return y
    return y + (b if beta == 1 else b * beta)


@operator("MatMul")
def matmul(a: A, x: Any, w: Any) -> Any:
    """x w; axes in front of the last two are batches."""
    return product(same_tensor(x), same_tensor(w))


def product(x: Tensor, w: Tensor) -> Tensor:
    """x w. Batches of rows times one matrix are one product of more rows.

    >>> product(Tensor(np.ones((2, 3, 4))), Tensor(np.ones((4, 5)))).shape
    (2, 3, 5)
    """
    made = room((*broadcast(x.shape[:-2], w.shape[:-2]), *x.shape[-2:-1], *w.shape[1:][-1:]))
    spend("work", prod(made) * (x.shape[-1] if x.ndim else 1))
    if x.ndim <= 2 or w.ndim != 2:
        return ops.matmul(x, w)
    rows = ops.matmul(x.reshape(prod(x.shape[:-1]), x.shape[-1]), w)
    return rows.reshape(*x.shape[:-1], w.shape[1])


# ------------------------------------------------------------------------------------ Einsum


@operator("Einsum")
def einsum(a: A, *xs: Any) -> Any:
    """Products of elements, summed over the letters that the result does not have."""
    terms, out = _terms(str(a["equation"]), [x.ndim for x in xs])
    tensors = [same_tensor(x) for x in xs]
    letters, made = terms[0], tensors[0]
    made, letters = _diagonal(made, letters)
    for number, (term, x) in enumerate(zip(terms[1:], tensors[1:], strict=True)):
        x, term = _diagonal(x, term)
        later = {c for rest in terms[number + 2 :] for c in rest} | set(out)
        made, letters = _joined(made, letters, x, term, later)
    if gone := tuple(i for i, c in enumerate(letters) if c not in out):
        made, letters = made.sum(gone), [c for c in letters if c in out]
    return made.transpose([letters.index(c) for c in out]) if letters else made


def _terms(equation: str, ranks: list[int]) -> tuple[list[list[str]], list[str]]:
    """The letters of each input and of the result; an ellipsis becomes numbers."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        raise ValueError(f"equation {equation!r} is not for {len(ranks)} inputs.")
    most = max(r - len(p.replace("...", "")) for p, r in zip(parts, ranks, strict=True))
    terms = [_letters(p, r - len(p.replace("...", ""))) for p, r in zip(parts, ranks, strict=True)]
    every = [c for term in terms for c in term]
    if arrow:
        out = _letters(right, most if "..." in right else 0)
    else:
        dots = sorted({c for c in every if not c.isalpha()}, key=int)
        out = [*dots, *sorted(c for c in set(every) if every.count(c) == 1 and c.isalpha())]
    if any(len(t) != r for t, r in zip(terms, ranks, strict=True)) or set(out) - set(every):
        raise ValueError(f"equation {equation!r} does not fit inputs of {ranks} axes.")
    return terms, out


def _letters(part: str, dots: int) -> list[str]:
    """Counted from the right, so that ellipses of several lengths agree."""
    before, found, after = part.partition("...")
    return [*before, *(str(-i) for i in range(dots, 0, -1) if found), *after]


def _diagonal(x: Tensor, letters: list[str]) -> tuple[Tensor, list[str]]:
    if len(set(letters)) < len(letters):
        raise ValueError("a letter that stands twice in one input is not supported.")
    return x, letters


def _joined(
    x: Tensor, left: list[str], y: Tensor, right: list[str], later: set[str]
) -> tuple[Tensor, list[str]]:
    """The product of two: batches, rows and columns of one matrix product."""
    alone = tuple(i for i, c in enumerate(left) if c not in right and c not in later)
    x, left = x.sum(alone) if alone else x, [c for i, c in enumerate(left) if i not in alone]
    alone = tuple(i for i, c in enumerate(right) if c not in left and c not in later)
    y, right = y.sum(alone) if alone else y, [c for i, c in enumerate(right) if i not in alone]
    sizes = {c: max(n, 1) for c, n in (*zip(left, x.shape, strict=True),)}
    for c, n in zip(right, y.shape, strict=True):
        if c in sizes and 1 not in (n, sizes[c]) and n != sizes[c]:
            raise ValueError(f"letter {c!r} stands for {sizes[c]} and for {n}.")
        sizes[c] = max(n, sizes.get(c, 1))
    both = [c for c in left if c in right]
    batch, inner = [c for c in both if c in later], [c for c in both if c not in later]
    rows, columns = [c for c in left if c not in both], [c for c in right if c not in both]
    room(sizes[c] for c in (*batch, *rows, *columns))
    spend("work", prod(sizes[c] for c in (*batch, *rows, *columns, *inner)))
    a = _grouped(x, left, [batch, rows, inner], sizes)
    b = _grouped(y, right, [batch, inner, columns], sizes)
    made = [*batch, *rows, *columns]
    return (a @ b).reshape([sizes[c] for c in made]), made


def _grouped(x: Tensor, letters: list[str], groups: list[list[str]], sizes: A) -> Tensor:
    """The axes in groups, each of them one axis."""
    order = [c for group in groups for c in group]
    x = x.transpose([letters.index(c) for c in order]) if order else x
    full = room(sizes[c] for c in order)
    x = x if x.shape == full else ops.broadcast_to(x, shape=full)
    return x.reshape([int(np.prod([sizes[c] for c in group], dtype=int)) for group in groups])
