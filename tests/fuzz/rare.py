"""Layers that networks have less often: wrappers, attention of other kinds, pools with options."""

from random import Random
from typing import Any

Spec = dict[str, Any]
Configurable = list[Any]  # [name, arguments]
WRAPPERS = ("Bidirectional", "TimeDistributed", "WeightNormalization", "SpectralNormalization")


class Rare:
    """Draws the settings of such layers, for samples of some shape."""

    draw: Random
    dtype: str

    def rare_names(self, shape: tuple[int, ...]) -> list[str]:
        """What takes samples of this shape."""
        names = ["LeakyReLU", "PReLU", "ELU", "Softmax", "UnitNormalization", "AlphaDropout"]
        names += ["ActivityRegularization", "WeightNormalization", "SpectralNormalization", "GLU"]
        names += ["InstanceNormalization", "Hardtanh", "Softshrink", "Threshold", "ReLU"]
        if len(shape) == 1:
            names += ["RepeatVector", "RepeatVector"]
        if len(shape) == 2:
            names += ["Conv1DTranspose", "SeparableConv1D", "DepthwiseConv1D", "Cropping1D"]
            names += ["AdaptiveAveragePooling1D", "AdaptiveMaxPooling1D", "TimeDistributed"]
            names += ["Permute", "GroupQueryAttention", "RotaryEmbedding", "LPPooling1D", "RNN"]
            names += ["Padding1D", "EinsumDense"]
        if len(shape) == 3:
            names += ["Cropping2D", "AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D"]
            names += ["ConvLSTM1D", "TimeDistributed", "Permute", "Resizing", "CenterCrop"]
            names += ["LocalResponseNormalization", "LPPooling2D", "Padding2D", "PixelUnshuffle"]
            names += ["RandomBrightness", "RandomContrast", "ChannelShuffle", "Unfold"]
        return names

    def _leakyrelu(self, shape: Any) -> Spec:
        return {"negative_slope": self.draw.choice([0.0, 0.1, 0.3])}

    def _elu(self, shape: Any) -> Spec:
        return {"alpha": self.draw.choice([1.0, 0.5])}

    def _relu(self, shape: Any) -> Spec:
        draw = self.draw
        return {"max_value": draw.choice([None, 1.0]), "threshold": draw.choice([0.0, 0.2])}

    def _softmax(self, shape: Any) -> Spec:
        return {"axis": self.draw.choice([-1, -1, 1])}

    _unitnormalization = _softmax

    def _threshold(self, shape: Any) -> Spec:
        return {"threshold": 0.1, "value": self.draw.choice([0.0, -1.0])}

    def _glu(self, shape: Any) -> Spec | None:
        return {"axis": -1} if shape[-1] % 2 == 0 else None

    def _alphadropout(self, shape: Any) -> Spec:
        return {"rate": self.draw.choice([0.0, 0.2, 0.5])}

    def _activityregularization(self, shape: Any) -> Spec:
        return {"l1": self.draw.choice([0.0, 0.01]), "l2": self.draw.choice([0.0, 0.01])}

    def _instancenormalization(self, shape: Any) -> Spec | None:
        return {"center": self.draw.random() < 0.8} if len(shape) > 1 else None

    def _repeatvector(self, shape: Any) -> Spec:
        return {"n": self.draw.choice([1, 2, 4])}

    def _permute(self, shape: Any) -> Spec:
        dims = list(range(1, len(shape) + 1))
        self.draw.shuffle(dims)
        return {"dims": dims}

    def _convolution(self) -> Spec:
        draw = self.draw
        return {
            "kernel_size": draw.choice([1, 2, 3]),
            "strides": draw.choice([1, 1, 2]),
            "padding": draw.choice(["valid", "same"]),
            "activation": draw.choice(["tanh", "relu", "linear"]),
        }

    def _conv1dtranspose(self, shape: Any) -> Spec:
        return {**self._convolution(), "filters": self.draw.choice([1, 2, 5])}

    _separableconv1d = _conv1dtranspose

    def _depthwiseconv1d(self, shape: Any) -> Spec:
        return {**self._convolution(), "depth_multiplier": self.draw.choice([1, 2])}

    def _convlstm1d(self, shape: Any) -> Spec:
        draw = self.draw
        settings = {**self._convolution(), "strides": 1, "filters": draw.choice([1, 2, 4])}
        return {**settings, "return_sequences": draw.random() < 0.5}

    def _cropping1d(self, shape: Any) -> Spec:
        return {"cropping": self.draw.choice([0, 1, [1, 0]])}

    def _cropping2d(self, shape: Any) -> Spec:
        return {"cropping": self.draw.choice([0, 1, [[1, 0], [0, 1]]])}

    def _padding1d(self, shape: Any) -> Spec:
        return {"padding": 1, "mode": self.draw.choice(["reflect", "edge", "circular"])}

    _padding2d = _padding1d

    def _adaptiveaveragepooling1d(self, shape: Any) -> Spec:
        return {"output_size": self.draw.choice([1, 2, 3])}

    _adaptivemaxpooling1d = _adaptiveaveragepooling1d
    _adaptiveaveragepooling2d = _adaptivemaxpooling2d = _adaptiveaveragepooling1d

    def _lppooling1d(self, shape: Any) -> Spec:
        draw = self.draw
        settings = {"norm_type": draw.choice([1.0, 2.0]), "pool_size": draw.choice([2, 3])}
        return {**settings, "ceil_mode": draw.random() < 0.3}

    _lppooling2d = _lppooling1d

    def _groupqueryattention(self, shape: Any) -> Spec:
        heads, own = self.draw.choice([(2, 1), (4, 2), (2, 2)])
        return {"num_query_heads": heads, "num_key_value_heads": own, "head_dim": 2}

    def _rotaryembedding(self, shape: Any) -> Spec | None:
        return {} if shape[-1] % 2 == 0 else None

    def _einsumdense(self, shape: Any) -> Spec:
        return {"equation": "nab,bc->nac", "output_shape": [None, 3], "bias_axes": "c"}

    def _rnn(self, shape: Any) -> Spec:
        draw = self.draw
        name = draw.choice(["SimpleRNNCell", "LSTMCell", "GRUCell"])
        cell = [name, {"units": draw.choice([1, 3, 5]), "dtype": self.dtype}]
        return {"cell": cell, "return_sequences": draw.random() < 0.5}

    def _resizing(self, shape: Any) -> Spec:
        draw = self.draw
        way = draw.choice(["nearest", "bilinear"])
        return {"height": draw.randint(1, 5), "width": draw.randint(1, 5), "interpolation": way}

    def _centercrop(self, shape: Any) -> Spec:
        return {"height": self.draw.randint(1, shape[0]), "width": self.draw.randint(1, shape[1])}

    def _localresponsenormalization(self, shape: Any) -> Spec:
        return {"size": self.draw.choice([1, 3])}

    def _pixelunshuffle(self, shape: Any) -> Spec | None:
        return {"downscale_factor": 2} if shape[0] % 2 == shape[1] % 2 == 0 else None

    def _channelshuffle(self, shape: Any) -> Spec | None:
        return {"groups": 2} if shape[-1] % 2 == 0 else None

    def _unfold(self, shape: Any) -> Spec:
        return {"kernel_size": self.draw.choice([1, 2]), "stride": self.draw.choice([1, 2])}

    def _randombrightness(self, shape: Any) -> Spec:
        return {"factor": 0.2, "value_range": [0.0, 1.0]}

    def _randomcontrast(self, shape: Any) -> Spec:
        return {"factor": 0.2}

    def _weightnormalization(self, shape: Any) -> Spec:
        draw = self.draw
        units = draw.choice([1, 3, 8])
        inner = ["Dense", {"input_size": units, "activation": "tanh", "dtype": self.dtype}]
        if len(shape) == 3 and draw.random() < 0.6:
            inner = ["Conv2D", {"filters": units, "kernel_size": 2, "dtype": self.dtype}]
        return {"layer": inner}

    _spectralnormalization = _weightnormalization

    def _timedistributed(self, shape: Any) -> Spec:
        inner: Configurable = ["Dense", {"input_size": 3, "dtype": self.dtype}]
        if len(shape) == 3:
            names = ["Conv1D", "GlobalMaxPooling1D", "LayerNormalization"]
            name = self.draw.choice(names)
            told = {"filters": 2, "kernel_size": 2} if name == "Conv1D" else {}
            inner = [name, {**told, "dtype": self.dtype}]
        return {"layer": inner}
