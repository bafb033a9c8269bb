"""Convolution: three primitives, each of which has the other two as its gradients.

Images are (N, H, W, C) and kernels (KH, KW, C / groups, F). What a window sees is copied into one
row of a matrix, and then all windows are answered by one matrix product:

    y = cols W        dW = cols^T dy        dcols = dy W^T

A few images are worked on at a time, so that their columns stay in the processor's cache.
"""

from collections.abc import Iterator
from math import prod
from typing import Any

from axon.backend import Array, DType, Shape, promote
from axon.bounds import anything
from axon.core import primitive
from axon.ops import depthwise
from axon.ops.windows import ConvolutionSizes, Slices, Unbuffered, convolution, images, matches
from axon.pieces import BYTE, MOST, Cut, cost, in_pieces

Specs = list[tuple[Shape, DType]]


# ------------------------------------------------------------------------------------ declarations


def _forward(x: Array, w: Array, **meta: Any) -> ConvolutionSizes:
    return convolution(images(x), w.shape, promote(x.dtype, w.dtype), **meta)


def _input(g: Array, w: Array, *, shape: Shape, **meta: Any) -> ConvolutionSizes:
    c = convolution(shape, w.shape, promote(g.dtype, w.dtype), **meta)
    matches("The first", images(g), c.out)
    return c


def _weight(x: Array, g: Array, *, shape: Shape, **meta: Any) -> ConvolutionSizes:
    c = convolution(images(x), shape, promote(x.dtype, g.dtype), **meta)
    matches("The second", images(g), c.out)
    return c


def conv2d_shape(x: Array, w: Array, **meta: Any) -> tuple[Shape, DType]:
    """Shape and type of a convolution: (N, OH, OW, F)."""
    c = _forward(x, w, **meta)
    return c.out, c.dtype


def conv2d_input_shape(g: Array, w: Array, **meta: Any) -> tuple[Shape, DType]:
    """Shape and type of the images that were convolved."""
    c = _input(g, w, **meta)
    return c.shape, c.dtype


def conv2d_weight_shape(x: Array, g: Array, **meta: Any) -> tuple[Shape, DType]:
    """Shape and type of the kernel."""
    c = _weight(x, g, **meta)
    return c.kernel, c.dtype


def conv2d_workspace(x: Array, w: Array, **meta: Any) -> Specs:
    """Workspace: the columns of a chunk, its padded images, and the kernel if it must be copied."""
    c = _forward(x, w, **meta)
    if c.depthwise:
        return depthwise.workspace(c)
    return [*_seen(x, c), _copied(w, w.shape, c)]


def conv2d_input_workspace(g: Array, w: Array, **meta: Any) -> Specs:
    """Workspace: what a chunk sends back to each tap; copies of g and w if they are needed."""
    c = _input(g, w, **meta)
    if c.depthwise:
        return depthwise.workspace(c)
    size = 0 if c.tiled else c.chunk()[2] * c.K * c.G
    return [((size,), c.dtype), _copied(g, _most(c), c), _copied(w, w.shape, c)]


def conv2d_weight_workspace(x: Array, g: Array, **meta: Any) -> Specs:
    """Workspace: as for the convolution, a copy of g if needed, and the sum over one chunk."""
    c = _weight(x, g, **meta)
    if c.depthwise:
        return depthwise.workspace(c)
    return [*_seen(x, c), _copied(g, _most(c), c), ((c.G, c.K, c.kernel[3] // c.G), c.dtype)]


def conv2d_multiply_adds(x: Shape, w: Shape, out: Shape, **_: object) -> int:
    """As many for each number of the result as a window sees: KH KW C / groups."""
    return prod(out) * prod(w[:3])


def conv2d_input_multiply_adds(g: Shape, w: Shape, out: Shape, **_: object) -> int:
    """As those of the convolution."""
    return conv2d_multiply_adds(out, w, g)


def conv2d_weight_multiply_adds(x: Shape, g: Shape, out: Shape, **_: object) -> int:
    """As those of the convolution."""
    return conv2d_multiply_adds(x, out, g)


def by_images(out: Array, x: Array, w: Array, **_: object) -> Cut:
    """Each piece are some images."""
    return Cut(len(x), (True, True, False), _cost(out, x, w))


def back_by_images(out: Array, g: Array, w: Array, **_: object) -> Cut:
    """Each piece are some images."""
    return Cut(len(g), (True, True, False), _cost(g, out, w), shape=True)


def sums_of_images(out: Array, x: Array, g: Array, **_: object) -> Cut:
    """Each piece is a sum over some images; to add these up must not cost more than it saves."""
    saved = _cost(g, x, out) - 2 * MOST * BYTE * out.nbytes
    return Cut(len(x), (False, True, True), saved, sums=True)


def _cost(y: Array, x: Array, w: Array) -> float:
    return cost(conv2d_multiply_adds(x.shape, w.shape, y.shape), y.nbytes + x.nbytes)


def _seen(x: Array, c: ConvolutionSizes) -> Specs:
    n, _, windows = c.chunk()
    cols = 0 if _is_matrix(x, c) else windows * c.K * c.G
    framed = (n, *c.windows.padded_size(c.shape), c.shape[3]) if c.windows.padded else (0,)
    return [((cols,), c.dtype), (framed, c.dtype)]


def _most(c: ConvolutionSizes) -> Shape:
    """The part of g that belongs to the largest chunk; all of it if there are no chunks."""
    n, rows, _ = c.chunk()
    return c.out if c.tiled else (n, rows, *c.out[2:])


def _copied(array: Array, shape: Shape, c: ConvolutionSizes) -> tuple[Shape, DType]:
    return (0,) if _ready(array, c) else shape, c.dtype


def _ready(array: Array, c: ConvolutionSizes) -> bool:
    """Whether BLAS can read an array in any chunk."""
    return array.flags.c_contiguous and array.dtype == c.dtype


def _is_matrix(x: Array, c: ConvolutionSizes) -> bool:
    return c.tiled and _ready(x, c)


# ------------------------------------------------------------------------------------ primitives


@primitive(
    result=conv2d_shape,
    workspace=conv2d_workspace,
    floats=True,
    rows=by_images,
    eagerly=in_pieces,
    bounds=anything("a linear layer"),
    multiply_adds=conv2d_multiply_adds,
)
def conv2d(out: Array, x: Array, w: Array, *, xp: Any, workspace: list[Array], **meta: Any) -> None:
    """The convolution of images with a kernel (a cross-correlation, as in every such library).

    y[n, i, j, f] = sum over kh, kw, c of x[n, i s + kh d - p, j s + kw d - p, c] w[kh, kw, c, f]

    x are images (N, H, W, C), w is a kernel (KH, KW, C / groups, F). Windows lie ``strides`` apart,
    their taps ``dilation`` apart; they reach over the edges, where all is 0, by ``padding``,
    ((above, below), (left, right)). Channels and filters fall into so many ``groups`` that do not
    know of each other.

    >>> conv2d(np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)))[0, :, :, 0]
    array([[4., 4.],
           [4., 4.]])
    """
    c = _forward(x, w, **meta)
    if c.depthwise:
        return depthwise.forward(out, x, w, c, xp, workspace)
    kernel = _kernel(_moved(w, workspace[2], c, xp), c)
    for part, seen in _columns(x, c, workspace, xp):
        xp.matmul(seen, kernel, out=_rows(out[part], c))


@primitive(
    result=conv2d_input_shape,
    workspace=conv2d_input_workspace,
    floats=True,
    rows=back_by_images,
    eagerly=in_pieces,
    bounds=anything("a linear layer"),
    multiply_adds=conv2d_input_multiply_adds,
)
def conv2d_input(
    out: Array, g: Array, w: Array, *, xp: Any, workspace: list[Array], shape: Shape, **meta: Any
) -> None:
    """The gradient of ``conv2d`` for its images: each g goes back to all that its window saw.

    g is (N, OH, OW, F), w a kernel (KH, KW, C / groups, F), ``shape`` that of the images.
    """
    c = _input(g, w, shape=shape, **meta)
    if c.depthwise:
        return depthwise.backward(out, g, w, c, xp, workspace)
    w = _moved(w, workspace[2], c, xp)
    if c.tiled:
        place = out.reshape(-1, c.G, c.K).transpose(1, 0, 2)
        xp.matmul(
            _rows(_moved(g, workspace[1], c, xp), c), _kernel(w, c).transpose(0, 2, 1), out=place
        )
        return
    with Unbuffered(xp):
        for n, rows in c.parts():
            if rows.start == 0:
                out[n].fill(0)
            sent = _sent(_moved(g[n, rows], workspace[1], c, xp), w, c, workspace[0], xp)
            for tap, here, there in c.windows.meetings(c.shape, rows):
                target = out[n][there]
                xp.add(target, sent[tap][here], out=target)


@primitive(
    result=conv2d_weight_shape,
    workspace=conv2d_weight_workspace,
    floats=True,
    rows=sums_of_images,
    eagerly=in_pieces,
    multiply_adds=conv2d_weight_multiply_adds,
)
def conv2d_weight(
    out: Array, x: Array, g: Array, *, xp: Any, workspace: list[Array], shape: Shape, **meta: Any
) -> None:
    """The gradient of ``conv2d`` for its kernel: each tap adds up what it saw, times g.

    x are images (N, H, W, C), g is (N, OH, OW, F), ``shape`` that of the kernel.
    """
    c = _weight(x, g, shape=shape, **meta)
    if c.depthwise:
        return depthwise.weight(out, x, g, c, xp, workspace)
    total, part_sum = _kernel(out, c), workspace[3]
    out.fill(0)
    for part, seen in _columns(x, c, workspace, xp):
        rows = _rows(_moved(g[part], workspace[2], c, xp), c)
        xp.matmul(seen.transpose(0, 2, 1), rows, out=part_sum)
        xp.add(total, part_sum, out=total)


conv2d.gradient(
    lambda g, y, x, w, **meta: conv2d_input(g, w, shape=x.shape, **meta),
    lambda g, y, x, w, **meta: conv2d_weight(x, g, shape=w.shape, **meta),
)
conv2d_input.gradient(
    lambda gx, x, g, w, shape, **meta: conv2d(gx, w, **meta),
    lambda gx, x, g, w, shape, **meta: conv2d_weight(gx, g, shape=w.shape, **meta),
)
conv2d_weight.gradient(
    lambda gw, w, x, g, shape, **meta: conv2d_input(g, gw, shape=x.shape, **meta),
    lambda gw, w, x, g, shape, **meta: conv2d(x, gw, **meta),
)

# ------------------------------------------------------------------------------------ matrices


def _columns(
    x: Array, c: ConvolutionSizes, workspace: list[Array], xp: Any
) -> Iterator[tuple[Slices, Array]]:
    """Chunk by chunk: which windows, and what they see, (G, rows, K)."""
    if _is_matrix(x, c):
        yield (slice(None), slice(None)), x.reshape(-1, c.G, c.K).transpose(1, 0, 2)
        return
    cols, framed = workspace[:2]
    framed.fill(0)
    padded = c.windows.padded
    views = _views(framed if padded else x, c, xp)
    for n, rows in c.parts():
        if padded and rows.start == 0:
            xp.copyto(_inner(framed[: n.stop - n.start], c), x[n])
        here = slice(n.stop - n.start) if padded else n
        yield (n, rows), _matrix(views[here, rows], cols, c, xp)


def _views(x: Array, c: ConvolutionSizes, xp: Any) -> Array:
    """What each window sees, without copying: (N, OH, OW, KH, KW, G, C / G)."""
    (KH, KW, Cg, _), (OH, OW), (N, H, W, C) = c.kernel, c.counts, x.strides
    (SH, SW), (DH, DW) = c.windows.strides, c.windows.dilation
    shape = (len(x), OH, OW, KH, KW, c.G, Cg)
    steps = (N, SH * H, SW * W, DH * H, DW * W, Cg * C, C)
    view: Array = xp.lib.stride_tricks.as_strided(x, shape, steps)
    return view


def _inner(framed: Array, c: ConvolutionSizes) -> Array:
    """The images within the padding."""
    (above, _), (left, _) = c.windows.padding
    return framed[:, above : above + c.shape[1], left : left + c.shape[2]]


def _matrix(views: Array, cols: Array, c: ConvolutionSizes, xp: Any) -> Array:
    """Copy what some windows see into a matrix (G, rows, K)."""
    seen = views.transpose(5, 0, 1, 2, 3, 4, 6)  # (G, n, rows, OW, KH, KW, C / G)
    rows, shape = prod(seen.shape[1:4]), seen.shape
    cols = cols[: seen.size]
    if c.narrow:
        place = cols.reshape(shape[0], *shape[4:], *shape[1:4]).transpose(0, 4, 5, 6, 1, 2, 3)
        matrix = cols.reshape(c.G, c.K, rows).transpose(0, 2, 1)
    else:
        place, matrix = cols.reshape(shape), cols.reshape(c.G, rows, c.K)
    xp.copyto(place, seen)
    return matrix


def _sent(g: Array, w: Array, c: ConvolutionSizes, place: Array, xp: Any) -> Array:
    """What a chunk of g sends back to each tap: (KH, KW, n, rows, OW, C)."""
    KH, KW, Cg, F = c.kernel
    taps, rows, C = KH * KW, prod(g.shape[:3]), c.shape[3]
    sent = place[: taps * rows * C].reshape(KH, KW, *g.shape[:3], C)
    if C == 1:  # one product with all taps as rows, as a column each would be slow
        xp.matmul(w.reshape(taps, F), g.reshape(rows, F).T, out=sent.reshape(taps, rows))
    else:
        by_tap = w.reshape(taps, Cg, c.G, F // c.G).transpose(0, 2, 3, 1)
        out = sent.reshape(taps, rows, c.G, Cg).transpose(0, 2, 1, 3)
        xp.matmul(_rows(g, c), by_tap, out=out)
    return sent


def _kernel(w: Array, c: ConvolutionSizes) -> Array:
    """(KH, KW, C / G, F) -> (G, K, F / G)."""
    return w.reshape(c.K, c.G, c.kernel[3] // c.G).transpose(1, 0, 2)


def _rows(y: Array, c: ConvolutionSizes) -> Array:
    """(n, rows, OW, F) -> (G, n * rows * OW, F / G)."""
    return y.reshape(prod(y.shape[:3]), c.G, c.kernel[3] // c.G).transpose(1, 0, 2)


def _moved(array: Array, place: Array, c: ConvolutionSizes, xp: Any) -> Array:
    """The array itself, or a copy of it that BLAS can read, if there is a place for one."""
    if not place.size:
        return array
    copy = place.reshape(-1)[: array.size].reshape(array.shape)
    xp.copyto(copy, array)
    return copy
