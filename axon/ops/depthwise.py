"""Convolution of each channel alone, which is too little work for products of matrices.

Tap by tap, a whole row of pixels is multiplied with the weights of that tap, which are laid out
once for each pixel of a row: so NumPy multiplies long runs. With several filters for each channel
the channels are repeated first.
"""

from collections.abc import Iterator
from typing import Any

from axon.backend import Array, DType, Shape
from axon.ops.windows import ConvolutionSizes, Slices, Unbuffered, chunk, parts

SHARE = 4  # products, sums, inputs and results lie in the cache together


def workspace(c: ConvolutionSizes) -> list[tuple[Shape, DType]]:
    """Workspace: products of a chunk, one row of weights for each tap, and repeated channels."""
    (N, H, W, C), (KH, KW, _, F), (OH, OW) = c.shape, c.kernel, c.counts
    n, rows = chunk(N, OH, _bytes(c))
    repeated = (n, H, W, F) if F > C else (0,)
    return [((n, rows, OW, F), c.dtype), ((KH, KW, OW, F), c.dtype), (repeated, c.dtype)]


def forward(
    out: Array, x: Array, w: Array, c: ConvolutionSizes, xp: Any, workspace: list[Array]
) -> None:
    """y = the sum over taps of what each sees, times its weights."""
    products, weights, spread = workspace
    xp.copyto(weights, w)
    with Unbuffered(xp):
        for n, rows in _parts(c):
            seen, y = _repeated(x[n], spread, c, rows, xp), out[n, rows]
            y.fill(0)
            for tap, here, there in c.windows.meetings(c.shape, rows):
                product = products[: len(y)][here]
                xp.multiply(seen[there], weights[tap][here[2]], out=product)
                xp.add(y[here], product, out=y[here])


def backward(
    out: Array, g: Array, w: Array, c: ConvolutionSizes, xp: Any, workspace: list[Array]
) -> None:
    """Each g goes back to all that its window saw, times the weights."""
    products, weights, spread = workspace
    xp.copyto(weights, w)
    with Unbuffered(xp):
        for n, rows in _parts(c):
            image = spread[: n.stop - n.start] if spread.size else out[n]
            if rows.start == 0:
                image.fill(0)
            slope = g[n, rows]
            for tap, here, there in c.windows.meetings(c.shape, rows):
                product, target = products[: len(slope)][here], image[there]
                xp.multiply(slope[here], weights[tap][here[2]], out=product)
                xp.add(target, product, out=target)
            if spread.size and rows.stop == c.counts[0]:
                _gathered(out[n], image, xp)


def weight(
    out: Array, x: Array, g: Array, c: ConvolutionSizes, xp: Any, workspace: list[Array]
) -> None:
    """Each tap adds up what it saw, times g."""
    products, sums, spread = workspace
    sums.fill(0)
    with Unbuffered(xp):
        for n, rows in _parts(c):
            seen, slope = _repeated(x[n], spread, c, rows, xp), g[n, rows]
            for tap, here, there in c.windows.meetings(c.shape, rows):
                product, total = products[: len(slope)][here], sums[tap][here[2]]
                xp.multiply(seen[there], slope[here], out=product)
                _add_rows(total, product, xp)
    xp.add.reduce(sums, axis=2, out=out, keepdims=True)


def _add_rows(total: Array, product: Array, xp: Any) -> None:
    """total (OW, F) += the sum of product (n, rows, OW, F) over images and rows.

    Folded in place, halves upon halves: long runs, and errors that hardly grow.
    """
    for axis in (0, 1):
        size = product.shape[axis]
        while size > 1:
            half = size // 2
            low, high = (_span(product, axis, a, a + half) for a in (0, size - half))
            xp.add(low, high, out=low)
            size -= half
        product = _span(product, axis, 0, 1)
    if product.size:
        xp.add(total, product[0, 0], out=total)


def _span(x: Array, axis: int, start: int, stop: int) -> Array:
    return x[start:stop] if axis == 0 else x[:, start:stop]


def _repeated(x: Array, spread: Array, c: ConvolutionSizes, rows: slice, xp: Any) -> Array:
    """Channels repeated, once for each of their filters: (n, H, W, C) -> (n, H, W, F)."""
    if not spread.size:
        return x
    many = spread[: len(x)]
    if rows.start == 0:
        by_channel = many.reshape(*x.shape, -1)
        for j in range(by_channel.shape[-1]):
            xp.copyto(by_channel[..., j], x)
    return many


def _gathered(out: Array, many: Array, xp: Any) -> None:
    """The sum over the filters of each channel: (n, H, W, F) -> (n, H, W, C)."""
    by_channel = many.reshape(*out.shape, -1)
    xp.copyto(out, by_channel[..., 0])
    for j in range(1, by_channel.shape[-1]):
        xp.add(out, by_channel[..., j], out=out)


def _parts(c: ConvolutionSizes) -> Iterator[Slices]:
    return parts(c.shape[0], c.counts[0], _bytes(c))


def _bytes(c: ConvolutionSizes) -> int:
    return int(SHARE * c.counts[1] * c.kernel[3] * c.dtype.itemsize)
