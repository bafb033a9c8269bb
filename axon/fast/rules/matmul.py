"""Rules for matrix products."""

from functools import partial
from math import prod

from axon.blas import sgemm_address
from axon.core import Tensor
from axon.fast.kernels.products import Matrices, Matrix
from axon.fast.rules.calls import At, Call, Site, Work, Workspace, lowers, strides
from axon.fast.rules.elementwise import merged, single
from axon.fast.rules.reduce import combined
from axon.program.cost import multiply_adds
from axon.program.trace import Instruction

GFLOPS = 80.0  # of one core, about
FIXED = 300.0  # nanoseconds that a product takes besides
PARTS = 16  # pieces that leave parts of a sum, at most


def laid(t: Tensor) -> tuple[int, int] | None:
    """How BLAS is told of matrices: transposed (112) or not (111), and their long step."""
    (n, m), (down, across) = t.shape[-2:], (s // t.data.itemsize for s in t.data.strides[-2:])
    if (across == 1 or m == 1) and (down >= m or n == 1):
        return 111, max(down if n > 1 else m, m, 1)
    if (down == 1 or n == 1) and (across >= n or m == 1):
        return 112, max(across if m > 1 else n, n, 1)
    return None


@lowers("matmul")
def matmul(site: Site, instruction: Instruction) -> Work | None:
    """A matrix, or many, times another or as many."""
    (a, b), out = instruction.inputs, instruction.out
    if not sgemm_address() or not single(a, b, out) or min(a.ndim, b.ndim) < 2:
        return None
    if not out.size or not a.shape[-1]:
        return None
    if b.ndim > 2 or (a.ndim > 2 and not a.data.flags.c_contiguous):
        return many(site, a, b, out, multiply_adds(instruction))
    if _over_samples(site, a, b, out):
        return over_rows(site, a, b, out, multiply_adds(instruction))
    return one(site, a, b, out, multiply_adds(instruction))


def one(site: Site, a: Tensor, b: Tensor, out: Tensor, work: int) -> Work | None:
    """Rows of a matrix, or of many in one piece, times a matrix."""
    lines, depth, columns = prod(a.shape[:-1]), a.shape[-1], b.shape[1]
    lay_a = laid(a) if a.ndim == 2 else (111, depth)
    lay_b = laid(b)
    if lay_a is None or lay_b is None:
        return None
    batched = site.batched(a) and site.rows(a) and lay_a[0] == 111
    rows = site.batch if batched else -(-lines // 8) if lines % 8 == 0 else lines
    each = lines // rows
    step = each * (lay_a[1] if lay_a[0] == 111 else 1) * 4
    sizes = {"lines": each, "n": columns, "depth": depth, "blas": sgemm_address()}
    left, right = Matrix(At(a, step), *lay_a), Matrix(At(b), *lay_b)
    call = Call("product", **sizes, a=left, b=right, out=At(out, each * columns * 4))
    return Work((call,), rows, FIXED + 2.0 * work / GFLOPS, batched)


def _over_samples(site: Site, a: Tensor, b: Tensor, out: Tensor) -> bool:
    """Whether each piece may have a sum of its own: over its samples, or over as many lines."""
    if a.ndim != 2 or not site.rows(b):
        return False
    lies = (laid(a) or (0,))[0] == 112 and (laid(b) or (0,))[0] == 111
    return lies and a.shape[1] > 1 and out.size * PARTS <= a.size + b.size


def over_rows(site: Site, a: Tensor, b: Tensor, out: Tensor, work: int) -> Work:
    """The gradient of weights: A is transposed, its columns belong to samples."""
    (m, n), each = out.shape, a.shape[1] // site.batch
    lay_a, lay_b = laid(a), laid(b)
    assert lay_a is not None
    assert lay_b is not None
    parts = Workspace(by_piece=-(-out.size * 4 // 64) * 64)
    sizes = {"lines": each, "m": m, "n": n, "blas": sgemm_address()}
    steps = {"a_step": lay_a[1], "b_step": lay_b[1]}
    places = {"a": At(a, each * lay_a[1] * 4), "b": At(b, each * lay_b[1] * 4)}
    result = At(parts, by_piece=parts.by_piece)
    call = Call("product_over_rows", **sizes, **steps, **places, out=result)
    cost = FIXED + 2.0 * work / GFLOPS
    after = partial(combined, At(out, 4), out.size, parts)
    return Work((call,), site.batch, cost, True, after)


def many(site: Site, a: Tensor, b: Tensor, out: Tensor, work: int) -> Work | None:
    """A product for each sample, or for each head of each sample."""
    lay_a, lay_b = laid(a), laid(b)
    if lay_a is None or lay_b is None:
        return None
    (m, n), depth, shape = out.shape[-2:], a.shape[-1], out.shape[:-2]
    steps = [strides(t, (*shape, *t.shape[-2:]))[:-2] for t in (a, b)]
    batched = site.rows(out) and (site.batched(a) or site.batched(b))
    rows = site.batch if batched else shape[0]
    k = shape[0] // rows
    sizes, loops = merged((k, *shape[1:]), steps)
    if len(sizes) > 2:
        return None
    pad = 2 - len(sizes)
    loops = [(0,) * pad + s for s in loops]
    left, right = (
        Matrices(At(t, k * step[0] * 4), *lay, k * step[0], *loop)
        for t, lay, step, loop in zip((a, b), (lay_a, lay_b), steps, loops, strict=True)
    )
    turns_i, turns_j = (1,) * pad + sizes
    sizes_of_each = {"m": m, "n": n, "depth": depth, "blas": sgemm_address()}
    places = {"a": left, "b": right, "out": At(out, out.size // rows * 4)}
    call = Call("products", turns_i=turns_i, turns_j=turns_j, **sizes_of_each, **places)
    cost = FIXED + 200.0 * prod(shape) + 4.0 * work / GFLOPS
    return Work((call,), rows, cost, batched)
