"""The vocabulary: every primitive that is not an activation, a loss or an optimizer's update.

Called with arrays they are NumPy functions, called with Tensors they are recorded and
differentiable. Of primitives, arrays are positional and everything else is by keyword.

>>> from axon import Tensor, ops
>>> ops.add([1.0, 2.0], 0.5)
array([1.5, 2.5])
>>> ops.sum(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
Tensor([4., 6.], dtype=float32)

What is made of primitives, in NumPy's and Keras's names, is loaded when it is asked for:

>>> ops.logaddexp([0.0], [0.0]).round(4)
array([0.6931])
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from axon.operators import Method, deferring
from axon.ops.boxes import random_boxes
from axon.ops.channels import (
    channel_affine,
    channel_affine_gradient,
    channel_moments,
    channel_scale,
)
from axon.ops.compare import equal, greater, greater_equal, less, less_equal, not_equal, where
from axon.ops.convolution import conv2d, conv2d_input, conv2d_weight
from axon.ops.elementwise import (
    absolute,
    add,
    cos,
    divide,
    exp,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sign,
    sin,
    sqrt,
    square,
    subtract,
)
from axon.ops.error_function import erf
from axon.ops.index import lookup, slice, slice_gradient, take, take_gradient
from axon.ops.join import concatenate, stack
from axon.ops.matmul import matmul
from axon.ops.memory import add_in_place, assign, cast, copy
from axon.ops.pad import pad, upsample_bilinear, upsample_nearest
from axon.ops.piecewise import piecewise_matmul, piecewise_matmul_gradient
from axon.ops.pool import (
    average_pool2d,
    average_pool2d_gradient,
    max_pool2d,
    max_pool2d_argmax,
    max_pool2d_gradient,
    max_pool2d_pick,
)
from axon.ops.random import dropout_mask, keep_mask, normal, uniform
from axon.ops.recurrent import recurrence, recurrence_backward, recurrent_input
from axon.ops.reduce import argmax, broadcast_to, max, sum, sum_to
from axon.ops.standardize import row_scale, standardize, standardize_gradient
from axon.ops.views import reshape, transpose
from axon.ops.warp import affine_maps, corner_maps, warp, warp_adjoint

if TYPE_CHECKING:  # the same names, for who checks types
    from axon.ops.arithmetic import *  # noqa: F403
    from axon.ops.control import *  # noqa: F403
    from axon.ops.counting import *  # noqa: F403
    from axon.ops.creation import *  # noqa: F403
    from axon.ops.cumulative import *  # noqa: F403
    from axon.ops.functions import *  # noqa: F403
    from axon.ops.gathering import *  # noqa: F403
    from axon.ops.layout import *  # noqa: F403
    from axon.ops.linear import *  # noqa: F403
    from axon.ops.logic import *  # noqa: F403
    from axon.ops.networks import *  # noqa: F403
    from axon.ops.ordering import *  # noqa: F403
    from axon.ops.products import *  # noqa: F403
    from axon.ops.reductions import *  # noqa: F403
    from axon.ops.rounding import *  # noqa: F403
    from axon.ops.sliding import *  # noqa: F403
    from axon.ops.special import *  # noqa: F403
    from axon.ops.spectra import *  # noqa: F403
    from axon.ops.unpooling import *  # noqa: F403


LATER = {  # chapter -> its public names
    "arithmetic": """cbrt clip deg2rad divide_no_nan erfc exp2 fmax fmin fmod heaviside
        hypot ldexp log10 log2 logaddexp logaddexp2 nan_to_num rad2deg reciprocal round
        rsqrt saturate_cast sinc true_divide trunc""",
    "control": """associative_scan cond fori_loop jvp map scan switch vectorize vectorized_map
        while_loop""",
    "counting": """bitwise_not convert_to_numpy convert_to_tensor dtype get_item histogram
        is_tensor ndim nonzero select shape size stop_gradient unique unravel_index""",
    "creation": """arange array bartlett blackman empty empty_like eye full full_like
        geomspace hamming hanning identity kaiser linspace logspace ones ones_like tri zeros
        zeros_like""",
    "cumulative": """cumprod cumsum diff nancumprod nancumsum prod trapezoid""",
    "functions": """arccos arccosh arcsin arcsinh arctan arctan2 arctanh cosh expm1 log1p
        sinh tan""",
    "gathering": """bincount gather_nd multi_hot one_hot scatter scatter_update segment_max
        segment_min segment_prod segment_sum slice_update take_along_axis""",
    "layout": """append array_split diag diagflat diagonal dsplit dstack expand_dims flatten
        flip fliplr flipud hsplit hstack meshgrid moveaxis ravel repeat roll rot90 split
        squeeze swapaxes tile trace tril triu unstack vander vsplit vstack""",
    "linear": """cholesky cholesky_inverse det eigh inv logdet lstsq matrix_rank pinv qr slogdet
        solve solve_triangular svd""",
    "logic": """all allclose any count_nonzero isclose isfinite isin isinf isnan isneginf
        isposinf isreal logical_and logical_not logical_or logical_xor signbit""",
    "networks": """batch_normalization binary_crossentropy categorical_crossentropy
        dot_product_attention layer_normalization psnr rms_normalization
        sparse_categorical_crossentropy sparsemax""",
    "ordering": """argpartition argsort digitize in_top_k median nanmedian nanpercentile
        nanquantile percentile quantile searchsorted sort top_k""",
    "products": """correlate cross dot einsum inner kron outer tensordot vdot""",
    "reductions": """argmin average corrcoef logsumexp mean min moments nanargmax nanargmin
        nanmax nanmean nanmin nanprod nanstd nansum nanvar norm normalize ptp std var""",
    "rounding": """bitwise_and bitwise_or bitwise_xor ceil floor floor_divide left_shift mod
        right_shift rint""",
    "sliding": """adaptive_average_pool adaptive_max_pool average_pool conv conv_transpose
        depth_to_space depthwise_conv fold max_pool separable_conv space_to_depth unfold""",
    "special": """angle conj i0 imag real view""",
    "spectra": """cdist erfinv extract_sequences fft fft2 ifft2 irfft istft rfft stft""",
    "unpooling": "max_unpool",
}
ALIASES = {  # other names that NumPy, Keras or PyTorch have for the same
    "abs": "absolute",
    "amax": "max",
    "amin": "min",
    "bitwise_invert": "bitwise_not",
    "bitwise_left_shift": "left_shift",
    "bitwise_right_shift": "right_shift",
    "conjugate": "conj",
    "fabs": "absolute",
    "remainder": "mod",
}
for _name, _function in list(globals().items()):
    if getattr(_function, "__module__", "").startswith(f"{__name__}."):
        globals()[_name] = deferring(_function)
ACTIVATIONS = (  # of axon.activations, which lies above: they are looked up there
    "celu elu gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu "
    "log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus "
    "softsign sparse_plus sparse_sigmoid squareplus swish tanh tanh_shrink threshold"
).split()
Method.home = sys.modules[__name__]
HOMES = {name: chapter for chapter, names in LATER.items() for name in names.split()}
__all__ = sorted(
    {
        *(n for n, f in globals().items() if callable(f) and not n.startswith("_") and n.islower()),
        *HOMES,
        *ALIASES,
        *ACTIVATIONS,
    }
    - {"deferring", "import_module"}
)
_ELSEWHERE = {  # what PyTorch calls it
    **{"cat": "concatenate", "clamp": "clip", "permute": "transpose", "topk": "top_k"},
    **{"gather": "take_along_axis", "index_select": "take", "unsqueeze": "expand_dims"},
    **{"mm": "matmul", "bmm": "matmul", "masked_fill": "where", "pow": "power"},
}


def __getattr__(name: str) -> object:
    if name in ALIASES:
        found = getattr(import_module(__name__), ALIASES[name])
    elif name in HOMES:
        found = getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    elif name in ACTIVATIONS:
        found = getattr(import_module("axon.activations"), name)
    else:
        from axon.names import missing  # only an error pays for it

        raise missing(__name__, name, dict.fromkeys(__all__), _ELSEWHERE)
    globals()[name] = found = deferring(found)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES, *ALIASES, *ACTIVATIONS})
