"""The attributes that AXON heeds, operator by operator: a node with another one is refused.

What a file says and nobody heeds would make other numbers than its author's.
"""

from typing import Any

KINDS: dict[str, type | tuple[type, ...]] = {"i": int, "f": (float, int), "s": str}
LISTS: dict[str, type | tuple[type, ...]] = {"I": int, "F": (float, int), "S": str}
WINDOW = "auto_pad:s ceil_mode:i dilations:I kernel_shape:I pads:I strides:I"
CONV = "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I"
CELL = (
    "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i layout:i"
)
REDUCTION = "axes:I keepdims:i noop_with_empty_axes:i"
CONSTANT = "value:t value_float:f value_floats:F value_int:i value_ints:I"
RESIZE = (
    "antialias:i axes:I coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i "
    "keep_aspect_ratio_policy:s mode:s nearest_mode:s"
)
SCAN = (
    "body:g num_scan_inputs:i scan_input_axes:I scan_input_directions:I scan_output_axes:I "
    "scan_output_directions:I"
)
LABELS = "classlabels_ints:I classlabels_strings:S"

HEEDED: dict[str, str] = {  # name:kind as the files write them; an operator not named here has none
    **dict.fromkeys(("ArgMax", "ArgMin"), "axis:i keepdims:i select_last_index:i"),
    "AveragePool": f"{WINDOW} count_include_pad:i",
    "BatchNormalization": "epsilon:f momentum:f spatial:i",
    "Binarizer": "threshold:f",
    "Cast": "to:i",
    **dict.fromkeys(("Celu", "Elu", "LeakyRelu", "Swish", "ThresholdedRelu"), "alpha:f"),
    "Clip": "max:f min:f",
    "Constant": CONSTANT,
    "ConstantOfShape": "value:t",
    "Conv": CONV,
    "ConvTranspose": f"{CONV} output_padding:I output_shape:I",
    "CumSum": "exclusive:i reverse:i",
    "DepthToSpace": "blocksize:i mode:s",
    "Dropout": "ratio:f",
    "Einsum": "equation:s",
    "EyeLike": "dtype:i k:i",
    **dict.fromkeys(
        ("Concat", "Flatten", "Gather", "GatherElements", "LogSoftmax", "OneHot", "Softmax"),
        "axis:i",
    ),
    "GRU": f"{CELL} linear_before_reset:i",
    "GatherND": "batch_dims:i",
    "Gelu": "approximate:s",
    "Gemm": "alpha:f beta:f transA:i transB:i",
    "GroupNormalization": "epsilon:f num_groups:i",
    "HardSigmoid": "alpha:f beta:f",
    "If": "else_branch:g then_branch:g",
    "Imputer": "imputed_value_floats:F replaced_value_float:f",
    "InstanceNormalization": "epsilon:f",
    "IsInf": "detect_negative:i detect_positive:i",
    "LRN": "alpha:f beta:f bias:f size:i",
    "LSTM": f"{CELL} input_forget:i",
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), "axis:i epsilon:f"),
    "LinearClassifier": f"{LABELS} coefficients:F intercepts:F post_transform:s",
    "LinearRegressor": "coefficients:F intercepts:F post_transform:s targets:i",
    "Loop": "body:g",
    "LpNormalization": "axis:i p:i",
    "MaxPool": WINDOW,
    "MeanVarianceNormalization": "axes:I",
    "Mod": "fmod:i",
    "Normalizer": "norm:s",
    "Pad": "mode:s pads:I value:f",
    "RNN": CELL,
    **dict.fromkeys(
        (f"Reduce{way}" for way in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min")),
        REDUCTION,
    ),
    **dict.fromkeys(("ReduceProd", "ReduceSum", "ReduceSumSquare"), REDUCTION),
    "Reshape": "allowzero:i",
    "Resize": RESIZE,
    "Scaler": "offset:F scale:F",
    "Scan": SCAN,
    "Selu": "alpha:f gamma:f",
    "Shape": "end:i start:i",
    "Shrink": "bias:f lambd:f",
    "Slice": "axes:I ends:I starts:I",
    "SpaceToDepth": "blocksize:i",
    "Split": "axis:i num_outputs:i split:I",
    **dict.fromkeys(("Squeeze", "Unsqueeze"), "axes:I"),
    "Transpose": "perm:I",
    "Trilu": "upper:i",
    "Upsample": "mode:s scales:F",
    "ZipMap": "classlabels_int64s:I classlabels_strings:S",
}

INERT: dict[str, str] = {  # without a bearing on what AXON computes, and why
    "BatchNormalization": "training_mode:i",  # whether it trains is for AXON to say
    "Cast": "saturate:i round_mode:s",  # of types of 8 bits alone
    "CastLike": "saturate:i round_mode:s",
    "Dropout": "seed:i",  # AXON's own streams
    "LinearClassifier": "multi_class:i",  # onnxruntime does not read it, either
    "MaxPool": "storage_order:i",  # of the places, which cannot be used
    "Range": "stash_type:i",  # of types of 16 bits alone
    "Resize": "extrapolation_value:f",  # of a mode that is refused
}

WORDS: dict[str, tuple[str, ...]] = {  # what texts may say, where another one would be overlooked
    "approximate": ("none", "tanh"),
    "auto_pad": ("NOTSET", "SAME_LOWER", "SAME_UPPER", "VALID"),
    "keep_aspect_ratio_policy": ("not_larger", "not_smaller", "stretch"),
    "nearest_mode": ("ceil", "floor", "round_prefer_ceil", "round_prefer_floor"),
}
WAYS = {  # the same of `mode`, operator by operator
    "DepthToSpace": ("CRD", "DCR"),
    "Pad": ("constant", "edge", "reflect", "wrap"),
}

# stash_type=1: computed in float32
STASHED = ("GroupNormalization", "LayerNormalization", "RMSNormalization")


def heeded(op: str) -> dict[str, str]:
    """The attributes that a node may have, and their kinds.

    >>> heeded("Elu"), heeded("Relu")
    ({'alpha': 'f'}, {})
    """
    told = f"{HEEDED.get(op, '')} {INERT.get(op, '')}" + " stash_type:i" * (op in STASHED)
    pairs = (pair.partition(":") for pair in told.split())
    return {name: kind for name, _, kind in pairs}


def strange(op: str, attributes: dict[str, Any]) -> str:
    """What cannot be heeded of the attributes of a node; nothing if all can.

    >>> strange("Elu", {"alpha": 1.0}), strange("Elu", {"slope": 1.0})
    ('', "the unknown attribute 'slope'")
    """
    known = heeded(op)
    for name, value in attributes.items():
        if name not in known:
            return f"the unknown attribute {name!r}"
        if not _is_of(known[name], value):
            return f"the attribute {name!r} of another type"
        known_words = WAYS.get(op, ()) if name == "mode" else WORDS.get(name, ())
        if known_words and value not in known_words:
            return f"{name}={value!r}"
        if op in STASHED and name == "stash_type" and value != 1:
            return f"{name}={value}"
    return ""


def _is_of(kind: str, value: Any) -> bool:
    if kind in KINDS:
        return isinstance(value, KINDS[kind])
    if kind in LISTS:
        return isinstance(value, list) and all(isinstance(v, LISTS[kind]) for v in value)
    return not isinstance(value, int | float | str | list)
