"""Rules for images of networks that were loaded: laid anywhere, channels alone, any filters.

In programs of other networks NumPy does what is not as ``convolution`` wants it: their bits stay.
"""

from typing import Any

import numpy as np

from axon.blas import sgemm_address
from axon.core import Tensor
from axon.fast.kernels.convolution import ImagePadding
from axon.fast.kernels.images import Pixels
from axon.fast.kernels.vectors import LANES
from axon.fast.rules.calls import At, Call, Site, Work, flat, lowers
from axon.fast.rules.convolution import (
    Images,
    cost,
    fewer,
    images_of_its_own,
    matrices,
    of_samples,
    padded,
    table,
    tiles,
    windows_on,
    zeros,
)
from axon.ops.windows import ConvolutionSizes, convolution
from axon.program.trace import Instruction

ALONE = 20.0  # billions of multiplications a second, where a channel is convolved alone


@lowers("conv2d", "conv2d_bias")
def conv2d(site: Site, instruction: Instruction) -> Work | None:
    """Images, a kernel, and perhaps a bias."""
    x, w, *_ = instruction.inputs
    c = convolution(x.shape, w.shape, x.dtype, **instruction.meta)
    if not site.wide or (c.kernel[3] % LANES == 0 and fewer(c)):
        if work := of_samples(site, instruction, c):
            return work
    return anywhere(site, instruction, c) if site.wide else None


def anywhere(site: Site, instruction: Instruction, c: ConvolutionSizes) -> Work | None:
    """Images that need not be those of a batch, nor lie in one piece."""
    (x, w, *bias), out = instruction.inputs, instruction.out
    sizes = all(t.size for t in (x, w, out))
    if not sizes or x.dtype != np.float32 or not flat(w, *bias, out):
        return None
    N, F, batched = c.shape[0], c.kernel[3], c.shape[0] == site.batch
    start, y = (At(bias[0]) if bias else zeros(F)), At(out, out.data.nbytes // N)
    if c.depthwise and F == c.shape[3]:
        calls, images = laid(x, c.windows.padding)
        calls += (alone(c, images, At(w), start, y),)
        return Work(calls, N, 2.0 * out.size * c.K / ALONE, batched)
    if c.G > 1:
        return None
    calls, images = laid(x, c.windows.padding)
    if F >= LANES:
        calls += (tiles(c, images, At(w), start, y, c.counts, F),)
    elif sgemm_address():
        places = {"weights": At(w), "bias": start, "out": y}
        calls += (matrices("convolve_matrix", c, images, batched, **places),)
    else:
        return None
    return Work(calls, N, cost(c), batched)


def laid(x: Tensor, ends: Any) -> tuple[tuple[Call, ...], Images]:
    """Images in one piece with zeros around them, copied where they are not so already."""
    if flat(x):
        return padded(x, ends)
    _, H, W, C = x.shape
    (above, below), (left, right) = ends
    shape = (H + above + below, W + left + right, C)
    place, steps = images_of_its_own(shape), x.data.strides
    call = Call(
        "lay_images",
        padding=ImagePadding(above, below, H, left * C * 4, right * C * 4, W * C * 4),
        pixels=Pixels(W, C, *steps),
        out=place,
        x=At(x, steps[0]),
    )
    return (call,), Images(place, shape)


def alone(c: ConvolutionSizes, x: Images, weights: At, bias: At, out: At) -> Call:
    """The call for channels that do not know of each other."""
    (KH, KW), (DH, DW), C = c.windows.size, c.windows.dilation, x.shape[2]
    places = [kh * DH * x.line + kw * DW * C * 4 for kh in range(KH) for kw in range(KW)]
    sizes = {"table": table(places), "taps": len(places), "C": C}
    given = {"weights": weights, "bias": bias, "out": out}
    return Call("convolve_alone", windows=windows_on(c, x), **sizes, **given)
