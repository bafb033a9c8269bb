"""Matrix products, and sums of products."""

from collections.abc import Iterable
from math import prod

from axon import ops
from axon.core import Tensor
from axon.onnx.run.operators.budget import allowed, spend
from axon.onnx.run.operators.operand import Attributes, Laid, Operands, as_read, broadcast
from axon.onnx.run.operators.table import operator

Letters = list[str]


def matrices(given: Operands, attributes: Attributes) -> Laid:
    """Two matrices, both as they enter the product: what is stored like that is not moved."""
    if len(given) < 2 or any(v is None or v.ndim != 2 for v in given[:2]):
        raise ValueError("expected two matrices.")
    turned = attributes["transA"], attributes["transB"]
    turned_right = [
        v and (v.permuted((1, 0)) if t else v) for v, t in zip(given, turned, strict=False)
    ]
    return as_read([*turned_right, *given[2:]], attributes)


@operator("Gemm", layout=matrices)
def gemm(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    /,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Tensor:
    """alpha x w + beta b; the matrices are turned already."""
    y = product(x, w)
    y = y if alpha == 1 else y * alpha
    if b is None or beta == 0:
        return y
    return y + (b if beta == 1 else b * beta)


@operator("MatMul")
def product(x: Tensor, w: Tensor, /) -> Tensor:
    """x w; axes in front of the last two are batches.

    Batches of rows times one matrix are one product of more rows.

    >>> product(Tensor([[[1.0, 2.0]]]), Tensor([[3.0], [4.0]]))
    Tensor([[[11.]]], dtype=float32)
    """
    made = allowed((*broadcast(x.shape[:-2], w.shape[:-2]), *x.shape[-2:-1], *w.shape[1:][-1:]))
    spend("work", prod(made) * (x.shape[-1] if x.ndim else 1))
    if x.ndim <= 2 or w.ndim != 2:
        return ops.matmul(x, w)
    rows = ops.matmul(x.reshape(prod(x.shape[:-1]), x.shape[-1]), w)
    return rows.reshape(*x.shape[:-1], w.shape[1])


@operator("Einsum")
def einsum(*xs: Tensor, equation: str) -> Tensor:
    """Products of elements, summed over the letters that the result does not have."""
    terms, out = _terms(equation, [x.ndim for x in xs])
    xs = tuple(map(_diagonal, xs, terms))
    made, letters = xs[0], terms[0]
    for number in range(1, len(xs)):
        later = {c for rest in terms[number + 1 :] for c in rest} | set(out)
        made, letters = _joined(made, letters, xs[number], terms[number], later)
    made, letters = _summed(made, letters, set(out))
    return made.transpose([letters.index(c) for c in out]) if letters else made


def _terms(equation: str, ranks: list[int]) -> tuple[list[Letters], Letters]:
    """The letters of each input and of the result; an ellipsis becomes numbers."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        raise ValueError(f"equation {equation!r} is not for {len(ranks)} inputs.")
    dots = [r - len(p.replace("...", "")) for p, r in zip(parts, ranks, strict=True)]
    terms = [_letters(p, n) for p, n in zip(parts, dots, strict=True)]
    every = [c for term in terms for c in term]
    if arrow:
        out = _letters(right, max(dots) if "..." in right else 0)
    else:
        kept = sorted({c for c in every if not c.isalpha()}, key=int)
        out = [*kept, *sorted(c for c in set(every) if every.count(c) == 1 and c.isalpha())]
    if any(len(t) != r for t, r in zip(terms, ranks, strict=True)) or set(out) - set(every):
        raise ValueError(f"equation {equation!r} does not fit inputs of {ranks} axes.")
    return terms, out


def _letters(part: str, dots: int) -> Letters:
    """Counted from the right, so that ellipses of several lengths agree."""
    before, found, after = part.partition("...")
    return [*before, *(str(-i) for i in range(dots, 0, -1) if found), *after]


def _diagonal(x: Tensor, letters: Letters) -> Tensor:
    """The elements at which a letter that stands twice has one value; ``letters`` loses the other.

    >>> letters = ["i", "i"]
    >>> _diagonal(Tensor([[1.0, 2.0], [3.0, 4.0]]), letters).numpy().tolist(), letters
    ([1.0, 4.0], ['i'])
    """
    while twice := [c for c in letters if letters.count(c) > 1]:
        i = letters.index(twice[0])
        j = letters.index(twice[0], i + 1)
        if x.shape[i] != x.shape[j]:
            raise ValueError(f"letter {twice[0]!r} stands for {x.shape[i]} and for {x.shape[j]}.")
        rest = [k for k in range(x.ndim) if k not in (i, j)]
        size, x = x.shape[i], x.transpose(*rest, i, j)
        x = x.reshape(*x.shape[:-2], size * size)[..., :: size + 1]
        letters[:] = [*(letters[k] for k in rest), twice[0]]
    return x


def _summed(x: Tensor, letters: Letters, wanted: Iterable[str]) -> tuple[Tensor, Letters]:
    """The sum over the letters that nobody wants."""
    gone = tuple(i for i, c in enumerate(letters) if c not in wanted)
    return (x.sum(gone) if gone else x), [c for c in letters if c in wanted]


def _joined(
    x: Tensor, left: Letters, y: Tensor, right: Letters, later: set[str]
) -> tuple[Tensor, Letters]:
    """The product of two: batches, rows and columns of one matrix product."""
    x, left = _summed(x, left, {*right, *later})
    y, right = _summed(y, right, {*left, *later})
    sizes = {c: max(n, 1) for c, n in zip(left, x.shape, strict=True)}
    for c, n in zip(right, y.shape, strict=True):
        if c in sizes and 1 not in (n, sizes[c]) and n != sizes[c]:
            raise ValueError(f"letter {c!r} stands for {sizes[c]} and for {n}.")
        sizes[c] = max(n, sizes.get(c, 1))
    both = [c for c in left if c in right]
    batch, inner = [c for c in both if c in later], [c for c in both if c not in later]
    rows, columns = [c for c in left if c not in both], [c for c in right if c not in both]
    made = [*batch, *rows, *columns]
    allowed(sizes[c] for c in made)
    spend("work", prod(sizes[c] for c in (*made, *inner)))
    a = _grouped(x, left, [batch, rows, inner], sizes)
    b = _grouped(y, right, [batch, inner, columns], sizes)
    return (a @ b).reshape([sizes[c] for c in made]), made


def _grouped(x: Tensor, letters: Letters, groups: list[Letters], sizes: dict[str, int]) -> Tensor:
    """The axes in groups, each of them one axis."""
    order = [c for group in groups for c in group]
    x = x.transpose([letters.index(c) for c in order]) if order else x
    full = allowed(sizes[c] for c in order)
    x = x if x.shape == full else ops.broadcast_to(x, shape=full)
    return x.reshape([prod(sizes[c] for c in group) for group in groups])
