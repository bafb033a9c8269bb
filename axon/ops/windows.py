"""Where windows lie on images: the geometry that convolution and pooling share.

A window has KH x KW taps. Windows lie ``strides`` apart, their taps ``dilation`` apart, and
``padding`` says how far the first and the last may reach over the edges.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import ceil, prod
from typing import Any, NamedTuple

from axon.backend import Array, DType, Shape

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]  # ((above, below), (left, right))
Slices = tuple[slice, slice]  # which images, and which of their rows of windows

ONE: Pair = (1, 1)
NARROW = 12  # floats: shorter runs are copied faster with the windows, not the taps, side by side
UNPADDED: Padding = ((0, 0), (0, 0))
BUFFER = 1024  # numbers
CHUNK = 2**20  # bytes: what a core's own cache holds


class Meeting(NamedTuple):
    """A tap and where it meets the images."""

    tap: Pair
    windows: tuple[slice, slice, slice]
    pixels: tuple[slice, slice, slice]


class Windows(NamedTuple):
    """Size, distances and padding of windows, height before width."""

    size: Pair
    strides: Pair
    padding: Padding = UNPADDED
    dilation: Pair = (1, 1)

    @property
    def padded(self) -> bool:
        """Whether a window may reach over an edge."""
        return self.padding != UNPADDED

    def spans(self) -> Pair:
        """How many pixels a window covers, from its first tap to its last."""
        down, across = spans_of(self.size, self.dilation)
        return down, across

    def padded_size(self, shape: Shape) -> Pair:
        """Height and width of the padded images (N, H, W, C)."""
        (above, below), (left, right) = self.padding
        return shape[1] + above + below, shape[2] + left + right

    def counts(self, shape: Shape) -> Pair:
        """Return (OH, OW), how many windows there are on images of this shape (N, H, W, C).

        Raises:
            ValueError: not even one.

        >>> Windows((3, 3), (2, 2)).counts((1, 28, 28, 1))
        (13, 13)
        """
        (RH, RW), (SH, SW), (TH, TW) = self.padded_size(shape), self.spans(), self.strides
        if SH > RH or SW > RW:
            raise ValueError(f"A window of {SH} x {SW} is larger than the image of {RH} x {RW}.")
        return (RH - SH) // TH + 1, (RW - SW) // TW + 1

    def taps(self) -> list[Pair]:
        """All taps of a window, row by row."""
        return [(kh, kw) for kh in range(self.size[0]) for kw in range(self.size[1])]

    def meetings(self, shape: Shape, rows: slice) -> tuple[Meeting, ...]:
        """Where each tap meets images of this shape: windows and pixels, of some rows of windows.

        The windows are counted from the first of these rows. Taps that meet nothing are left out.
        """
        return _meetings(self, shape[1], shape[2], rows.start, rows.stop)

    def along(self, axis: int, k: int, size: int, first: int, last: int) -> tuple[slice, slice]:
        """One axis of ``meetings``: windows first..last, tap k, an image of ``size`` pixels."""
        stride, offset = self.strides[axis], k * self.dilation[axis] - self.padding[axis][0]
        start = max(first, ceil(-offset / stride))
        stop = max(start, min(last, (size - 1 - offset) // stride + 1))
        pixels = slice(start * stride + offset, (stop - 1) * stride + offset + 1, stride)
        return slice(start - first, stop - first), pixels


class Unbuffered:
    """While this lasts, NumPy adds up rows of pixels where they lie.

    It would copy them into buffers first, 8,192 numbers at a time, which takes twice as long where
    the pixels of a row lie side by side: with strides of 1.
    """

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def __enter__(self) -> None:
        """Make the buffers too small for that, for this thread."""
        self.before = self.xp.setbufsize(BUFFER)

    def __exit__(self, *_: object) -> None:
        """As before."""
        self.xp.setbufsize(self.before)


@lru_cache(maxsize=1024)  # geometry alone, asked for again in every chunk
def _meetings(windows: Windows, H: int, W: int, first: int, last: int) -> tuple[Meeting, ...]:
    _, OW = windows.counts((0, H, W, 0))
    every, found = slice(None), []
    for kh, kw in windows.taps():
        here_h, there_h = windows.along(0, kh, H, first, last)
        here_w, there_w = windows.along(1, kw, W, 0, OW)
        if here_h.start < here_h.stop and here_w.start < here_w.stop:
            found.append(Meeting((kh, kw), (every, here_h, here_w), (every, there_h, there_w)))
    return tuple(found)


def spans_of(sizes: Shape, dilation: Shape) -> Shape:
    """How many pixels windows cover, from the first tap to the last.

    >>> spans_of((3, 2), (1, 4))
    (3, 5)
    """
    return tuple((k - 1) * d + 1 for k, d in zip(sizes, dilation, strict=True))


def same(size: int, window: int, stride: int) -> Pair:
    """Padding with which there are size / stride windows, rounded up; the odd one goes to the end.

    >>> same(28, 3, 1), same(28, 2, 1), same(5, 3, 2), same(6, 3, 2)
    ((1, 1), (0, 1), (1, 1), (0, 1))
    """
    total = max((ceil(size / stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def chunk(images: int, rows: int, bytes_of_row: int) -> Pair:
    """How many images, and how many of their rows, are worked on at a time, to stay in the cache.

    >>> chunk(128, 10, 2**14), chunk(128, 10, 2**18), chunk(128, 10, 2**30)
    ((6, 10), (1, 4), (1, 1))
    """
    full = CHUNK // max(1, rows * bytes_of_row)
    if full:
        return min(images, full), rows
    return min(images, 1), max(1, min(rows, CHUNK // bytes_of_row))


def parts(images: int, rows: int, bytes_of_row: int) -> Iterator[Slices]:
    """Walk over the chunks.

    >>> list(parts(3, 10, 2**16 + 1))
    [(slice(0, 1, None), slice(0, 10, None)), (slice(1, 2, None), slice(0, 10, None)), \
(slice(2, 3, None), slice(0, 10, None))]
    """
    N, lines = chunk(images, rows, bytes_of_row)
    for i in range(0, images, N or 1):
        for row in range(0, rows, lines or 1):
            yield slice(i, min(i + N, images)), slice(row, min(row + lines, rows))


def matches(what: str, given: Shape, expected: Shape) -> None:
    """Raise ValueError if a shape is not the expected one."""
    if tuple(given) != tuple(expected):
        raise ValueError(f"{what} must have shape {tuple(expected)}, got {tuple(given)}.")


def images(x: Array) -> Shape:
    """Return the shape of images, or raise ValueError if these are none."""
    if x.ndim != 4:
        raise ValueError(f"Images have 4 axes (n, height, width, channels), got {x.ndim}.")
    return x.shape


# ------------------------------------------------------------------------------------ convolution


class ConvolutionSizes(NamedTuple):
    """What the three share: the shapes of images and kernel, and where the windows lie."""

    shape: Shape  # (N, H, W, C)
    kernel: Shape  # (KH, KW, C / G, F)
    windows: Windows
    G: int
    dtype: DType

    @property
    def counts(self) -> Pair:
        """How many windows there are on an image: (OH, OW)."""
        return self.windows.counts(self.shape)

    @property
    def out(self) -> Shape:
        """The shape of the result (N, OH, OW, F)."""
        return (self.shape[0], *self.counts, self.kernel[3])

    @property
    def K(self) -> int:
        """How many numbers of one group a window sees."""
        return prod(self.kernel[:3])

    @property
    def depthwise(self) -> bool:
        """Whether each channel is convolved alone."""
        return self.G > 1 and self.kernel[2] == 1

    @property
    def narrow(self) -> bool:
        """Whether the numbers that a window sees side by side are few."""
        return self.kernel[1] * self.kernel[2] < NARROW

    @property
    def tiled(self) -> bool:
        """Whether the images are a matrix of windows as they lie, as for a kernel of 1 x 1."""
        if self.windows.padded or (self.G > 1 and self.kernel[:2] != ONE):
            return False
        (_, H, W, C), (OH, OW), (SH, SW) = self.shape, self.counts, self.windows.strides
        (KH, KW), (DH, DW) = self.windows.size, self.windows.dilation
        axes = [(C, 1), (KW, DW * C), (KH, DH * W * C), (OW, SW * C), (OH, SH * W * C)]
        expected = 1
        for size, step in (*axes, (2, H * W * C)):
            if size > 1 and step != expected:
                return False
            expected *= size
        return True

    def parts(self) -> Iterator[Slices]:
        """The chunks in which the work is done."""
        return parts(self.shape[0], self.counts[0], self._bytes())

    def chunk(self) -> tuple[int, int, int]:
        """The size of the largest: images, rows of windows in each, windows in all."""
        n, rows = chunk(self.shape[0], self.counts[0], self._bytes())
        return n, rows, n * rows * self.counts[1]

    def _bytes(self) -> int:
        return self.counts[1] * self.G * self.K * self.dtype.itemsize


def convolution(
    shape: Shape,
    kernel: Shape,
    dtype: DType,
    strides: Pair = ONE,
    padding: Padding = UNPADDED,
    dilation: Pair = ONE,
    groups: int = 1,
) -> ConvolutionSizes:
    """Check that images and kernel fit, and put together what is known of their convolution."""
    if len(kernel) != 4:
        raise ValueError(f"A kernel has 4 axes (KH, KW, C / groups, F), got {len(kernel)}.")
    C, (_, _, Cg, F) = shape[3], kernel
    if C % groups or F % groups:
        raise ValueError(f"{groups} groups must divide the {C} channels and the {F} filters.")
    if C != Cg * groups:
        raise ValueError(f"The kernel reads {Cg * groups} channels, the images have {C}.")
    size = (kernel[0], kernel[1])
    windows = Windows(size, strides, padding, dilation)
    windows.counts(shape)
    return ConvolutionSizes(tuple(shape), tuple(kernel), windows, groups, dtype)
