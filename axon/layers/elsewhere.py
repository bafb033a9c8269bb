"""What PyTorch calls layers that have another name here: for errors, which alone load this."""

_SIZED = {  # with the number of axes in place of #
    "AdaptiveAvgPool#d": "AdaptiveAveragePooling#D",
    "AdaptiveMaxPool#d": "AdaptiveMaxPooling#D",
    "AvgPool#d": "AveragePooling#D",
    "BatchNorm#d": "BatchNormalization",
    "CircularPad#d": "Padding#D(padding, mode='circular')",
    "ConstantPad#d": "Padding#D(padding, value=...)",
    "Conv#d": "Conv#D",
    "ConvTranspose#d": "Conv#DTranspose",
    "Dropout#d": "SpatialDropout#D",
    "InstanceNorm#d": "InstanceNormalization",
    "LPPool#d": "LPPooling#D",
    "FractionalMaxPool#d": "FractionalMaxPooling#D",
    "MaxPool#d": "MaxPooling#D",
    "MaxUnpool#d": "MaxUnpooling#D",
    "ReflectionPad#d": "Padding#D(padding, mode='reflect')",
    "ReplicationPad#d": "Padding#D(padding, mode='edge')",
    "ZeroPad#d": "ZeroPadding#D",
}
_ACTIVATIONS = {
    **{"GELU": "gelu", "Hardsigmoid": "hard_sigmoid", "Hardswish": "hard_silu", "SiLU": "silu"},
    **{"LogSigmoid": "log_sigmoid", "LogSoftmax": "log_softmax", "Mish": "mish", "Tanh": "tanh"},
    **{"ReLU6": "relu6", "SELU": "selu", "Sigmoid": "sigmoid", "Softplus": "softplus"},
    **{"Softsign": "softsign", "Tanhshrink": "tanh_shrink"},
}
PYTORCH = {
    **{k.replace("#", n): v.replace("#", n) for k, v in _SIZED.items() for n in "123"},
    **{name: f"Activation({function!r})" for name, function in _ACTIVATIONS.items()},
    "GroupNorm": "GroupNormalization",
    "LayerNorm": "LayerNormalization",
    "LocalResponseNorm": "LocalResponseNormalization",
    "ModuleList": "a list in an attribute of a Model",
    "MultiheadAttention": "MultiHeadAttention",
    "RMSNorm": "RMSNormalization",
    "RNNCell": "SimpleRNNCell",
    "Sequential": "axon.models.Sequential",
    "Softmax2d": "Softmax",
    "SyncBatchNorm": "BatchNormalization",
    "TransformerEncoderLayer": "TransformerBlock",
    "Unflatten": "Reshape",
    "Upsample": "UpSampling2D",
}
