"""Windows over volumes (N, D, H, W, C), made of those over images: nothing is defined twice.

A convolution lays the slices that a window sees side by side, as channels, and convolves images.
What pools one axis after another pools the volume: of equal numbers the first is still the first.
"""

from collections.abc import Callable
from typing import Any

from axon.backend import Shape
from axon.core import Tensor
from axon.ops.convolution import conv2d, conv2d_input
from axon.ops.edges import dilated
from axon.ops.join import concatenate
from axon.ops.pad import pad
from axon.ops.windows import Pair

Triple = tuple[int, ...]
Around = tuple[Pair, ...]
ONE, UNPADDED = (1, 1, 1), ((0, 0),) * 3


def _volume(x: Tensor) -> Shape:
    if x.ndim != 5:
        raise ValueError(f"Volumes have 5 axes (n, depth, height, width, channels), got {x.ndim}.")
    return x.shape


def _count(depth: int, span: int, stride: int) -> int:
    if depth < span:
        raise ValueError(f"A window of depth {span} is larger than the volume of {depth}.")
    return (depth - span) // stride + 1


def _kernel(w: Tensor) -> Tensor:
    """(KD, KH, KW, C / groups, F) -> (KH, KW, KD C / groups, F)."""
    KD, KH, KW, Cg, F = w.shape
    return w.transpose(1, 2, 0, 3, 4).reshape(KH, KW, KD * Cg, F)


def conv3d(
    x: Tensor,
    w: Tensor,
    *,
    strides: Triple = ONE,
    padding: Around = UNPADDED,
    dilation: Triple = ONE,
    groups: int = 1,
) -> Tensor:
    """Convolve volumes (N, D, H, W, C) with (KD, KH, KW, C / groups, F): (N, OD, OH, OW, F).

    >>> import numpy as np
    >>> x, w = Tensor(np.ones((1, 3, 3, 3, 1))), Tensor(np.ones((2, 2, 2, 1, 1)))
    >>> conv3d(x, w).shape, float(conv3d(x, w).max())
    ((1, 2, 2, 2, 1), 8.0)
    """
    _volume(x)
    if any(padding[0]):
        x = pad(x, padding=((0, 0), padding[0], (0, 0), (0, 0), (0, 0)))
    N, D, H, W, C = x.shape
    KD, S, A = w.shape[0], strides[0], dilation[0]
    OD = _count(D, (KD - 1) * A + 1, S)
    slices = [x[:, k * A : k * A + (OD - 1) * S + 1 : S] for k in range(KD)]
    each = [t.reshape(N * OD, H, W, groups, C // groups) for t in slices]
    images = concatenate(each, axis=-1).reshape(N * OD, H, W, KD * C)
    flat = {"strides": strides[1:], "padding": padding[1:], "dilation": dilation[1:]}
    y: Tensor = conv2d(images, _kernel(w), groups=groups, **flat)
    return y.reshape(N, OD, *y.shape[1:])


def conv3d_input(
    g: Tensor,
    w: Tensor,
    *,
    shape: Shape,
    strides: Triple = ONE,
    padding: Around = UNPADDED,
    dilation: Triple = ONE,
) -> Tensor:
    """What ``conv3d`` sends back to volumes of this shape: a convolution run backwards.

    >>> import numpy as np
    >>> g, w = Tensor(np.ones((1, 2, 1, 1, 1))), Tensor(np.ones((2, 1, 1, 1, 1)))
    >>> conv3d_input(g, w, shape=(1, 3, 1, 1, 1)).numpy().ravel()
    array([1., 2., 1.])
    """
    N, OD = _volume(g)[:2]
    _, D, H, W, C = shape
    KD, S, A = w.shape[0], strides[0], dilation[0]
    before, after = padding[0]
    flat = {"strides": strides[1:], "padding": padding[1:], "dilation": dilation[1:]}
    images = g.reshape(N * OD, *g.shape[2:])
    back = conv2d_input(images, _kernel(w), shape=(N * OD, H, W, KD * C), **flat)
    taps = back.reshape(N, OD, H, W, KD, C)
    total = None
    for k in range(KD):
        part = dilated(taps[:, :, :, :, k], 1, S)
        rest = D + before + after - k * A - part.shape[1]
        placed = pad(part, padding=((0, 0), (k * A, rest), (0, 0), (0, 0), (0, 0)))
        total = placed if total is None else total + placed
    assert total is not None
    return total[:, before : before + D]


def pool3d(
    pool: Callable[..., Tensor],
    x: Tensor,
    *,
    pool_size: Triple,
    strides: Triple,
    padding: Around,
    **dilation: Triple,
) -> Tensor:
    """Pool volumes (N, D, H, W, C), by what pools images: first each slice, then along the depth.

    ``dilation=`` says how far taps lie apart, if that is not 1.

    >>> from axon.ops.pool import max_pool2d
    >>> x = Tensor([float(i) for i in range(8)]).reshape(1, 2, 2, 2, 1)
    >>> windows = {"pool_size": (2, 2, 2), "strides": (2, 2, 2), "padding": ((0, 0),) * 3}
    >>> pool3d(max_pool2d, x, **windows).item()
    7.0
    """
    N, D, H, W, C = _volume(x)
    flat: dict[str, Any] = {"pool_size": pool_size[1:], "strides": strides[1:]}
    flat |= {name: apart[1:] for name, apart in dilation.items()}
    y = pool(x.reshape(N * D, H, W, C), padding=padding[1:], **flat)
    OH, OW = y.shape[1:3]
    deep = {"pool_size": (pool_size[0], 1), "strides": (strides[0], 1)}
    deep |= {name: (apart[0], 1) for name, apart in dilation.items()}
    y = pool(y.reshape(N, D, OH * OW, C), padding=(padding[0], (0, 0)), **deep)
    return y.reshape(N, y.shape[1], OH, OW, C)
