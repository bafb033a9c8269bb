"""Random networks: layers, losses, metrics, optimizers and data, and what is promised of them all.

A network is drawn as a ``spec``, a dict of plain values, so that it can be printed, made again and
made smaller. Promised is: whatever replays a program (NumPy, compiled kernels), however many
threads do it, however the data lie, the same comes out: to the bit, or to rounding.
"""

import tempfile
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

import axon
from axon import constraints, layers, losses, metrics, ops, optimizers, regularizers
from axon.models import Model, Sequential
from tests.fuzz import data
from tests.fuzz.rare import WRAPPERS, Rare
from tests.samples.losses import OF_NUMBERS

Spec = dict[str, Any]
Configurable = list[Any]  # [name, arguments]
RARE_FROM = 1000  # seeds from here on draw rarer layers, too; those before what they always drew
MOST = 1500  # numbers in a sample on its way
CLOSE = 2e-5  # how near outputs of the same weights are, of the largest
ROUNDING = 30.0  # how often the effect of the smallest changes of weights may be exceeded
CHAOS = 0.02  # effects of the smallest changes beyond which nothing can be compared


class Refused(Exception):
    """A combination that AXON says it does not take."""


class Wrong(AssertionError):
    """A promise that was not kept."""


# ------------------------------------------------------------------------------------ own parts


class Branches(Model):
    """Two ways from the input, joined."""

    def __init__(self, left: Configurable, right: Configurable, join: str = "concatenate") -> None:
        super().__init__()
        self.join = join
        self.one, self.other = made(left), made(right)

    def forward(self, x: Any) -> Any:
        a, b = self.one(x), self.other(x)
        if self.join == "concatenate":
            return ops.concatenate([a, b], axis=-1) if isinstance(a, axon.Tensor) else _joined(a, b)
        return {"add": lambda: a + b, "multiply": lambda: a * b, "maximum": lambda: a - b * b}[
            self.join
        ]()


def _joined(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.concatenate([a, b], axis=-1)


class Twice(Model):
    """The same layer, one time after another."""

    def __init__(self, layer: Configurable) -> None:
        super().__init__()
        self.shared = made(layer)

    def forward(self, x: Any) -> Any:
        return self.shared(self.shared(x)) + x


class Pair(Model):
    """Two inputs."""

    def __init__(self, body: Configurable) -> None:
        super().__init__()
        self.a, self.b = layers.Dense(5, "tanh"), layers.Dense(5, "relu")
        self.flat, self.body = layers.Flatten(), made(body)

    def forward(self, x: Any, z: Any) -> Any:
        return self.body(self.a(self.flat(x)) * self.b(self.flat(z)))


OWN = {"branches": Branches, "twice": Twice}  # not as the classes: texts in a file would be taken


def made(described: Configurable) -> Any:
    """A layer from its name and arguments."""
    name, arguments = described
    if name == "Sequential":
        return Sequential([made(d) for d in arguments["layers"]])
    if name in OWN:
        return OWN[name](**arguments)
    settings = {k: _setting(k, v) for k, v in arguments.items()}
    return getattr(layers, name)(**settings)


def _setting(key: str, value: Any) -> Any:
    if key in ("layer", "backward_layer", "cell"):
        return made(value)
    if key.endswith("_regularizer") and value:
        return getattr(regularizers, value[0])(*value[1:])
    if key.endswith("_constraint") and value:
        return getattr(constraints, value[0])(*value[1:])
    return tuple(value) if isinstance(value, list) else value


# ------------------------------------------------------------------------------------ layers

ACTIVATIONS = [*axon.activations.ACTIVATIONS]
SMOOTH = ["tanh", "sigmoid", "relu", "gelu", "linear", "softplus"]


class Layers(Rare):
    """Draws layers for samples of some shape."""

    def __init__(self, draw: Random, dtype: str, wide: bool = False, rare: bool = True) -> None:
        self.draw, self.dtype, self.wide, self.rare = draw, dtype, wide, rare and not wide

    def next(self, shape: tuple[int, ...], depth: int = 0) -> tuple[Configurable, tuple[int, ...]]:
        """A layer that takes samples of this shape, and what shape they have then."""
        for _ in range(50):
            rare = self.rare and self.draw.random() < 0.25
            name = self.draw.choice(self.rare_names(shape) if rare else self._names(shape, depth))
            described = self._described(name, shape, depth)
            if described is None:
                continue
            try:
                after = made(described).build(shape)
            except ValueError:
                continue
            if 0 < np.prod(after) <= (4 * MOST if self.wide else MOST) and len(after) < 4:
                return described, tuple(after)
        return ["Activation", {"activation": "tanh"}], shape

    def _names(self, shape: tuple[int, ...], depth: int) -> list[str]:
        names = ["Dense", "Dense", "Activation", "Dropout", "GaussianNoise", "GaussianDropout"]
        names += ["BatchNormalization", "LayerNormalization", "RMSNormalization", "Rescaling"]
        names += ["GroupNormalization", "Reshape", "Input", "Normalization"]
        if depth < 2:
            names += ["Sequential", "branches", "branches", "twice"]
        if len(shape) == 2:
            names += ["Conv1D", "MaxPooling1D", "AveragePooling1D", "GlobalMaxPooling1D"]
            names += ["GlobalAveragePooling1D", "ZeroPadding1D", "UpSampling1D", "SimpleRNN"]
            names += ["LSTM", "GRU", "Bidirectional", "MultiHeadAttention", "TransformerBlock"]
            names += ["Masking", "PositionalEmbedding", "SpatialDropout1D", "Flatten"]
        if len(shape) == 3:
            names += ["Conv2D", "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose"]
            names += ["MaxPooling2D", "MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D"]
            names += ["GlobalAveragePooling2D", "ZeroPadding2D", "UpSampling2D", "RandomFlip"]
            names += ["RandomTranslation", "RandomRotation", "RandomZoom", "RandomCrop"]
            names += ["RandomErasing", "SpatialDropout2D", "Flatten"]
        if len(shape) == 3 and self.wide:
            names = ["Conv2D", "Conv2D", "Conv2D", "MaxPooling2D", "AveragePooling2D", "branches"]
        return names

    def _described(self, name: str, shape: tuple[int, ...], depth: int) -> Configurable | None:
        if name in ("Sequential", "branches", "twice"):
            return self._nested(name, shape, depth)
        make = getattr(self, f"_{name.lower()}", None)
        settings = make(shape) if make else {}
        if settings is None:  # it takes no samples of this shape
            return None
        if name in WRAPPERS:
            return [name, settings]
        if self.draw.random() < 0.08 and name not in ("Input", "Bidirectional"):
            settings["trainable"] = False
        return [name, {**settings, "dtype": self.dtype}]

    def _nested(self, name: str, shape: tuple[int, ...], depth: int) -> Configurable | None:
        if name == "Sequential":
            inner = []
            for _ in range(self.draw.randint(1, 3)):
                described, shape = self.next(shape, depth + 1)
                inner.append(described)
            return [name, {"layers": inner}]
        one, after = self.next(shape, depth + 1)
        if name == "twice":
            return [name, {"layer": one}] if after == shape else None
        other, also = self.next(shape, depth + 1)
        join = self.draw.choice(["concatenate", "add", "multiply", "maximum"])
        if after != also if join != "concatenate" else after[:-1] != also[:-1]:
            return None
        return [name, {"left": one, "right": other, "join": join}]

    def _weights(self, **more: Any) -> Spec:
        """Settings of whatever has weights."""
        draw, settings = self.draw, dict(more)
        settings["use_bias"] = draw.random() < 0.8
        settings["kernel_initializer"] = draw.choice(
            ["glorot_uniform", "he_normal", "lecun_uniform", "random_normal", "orthogonal"]
        )
        if draw.random() < 0.1:
            settings["kernel_regularizer"] = draw.choice([["L2", 0.01], ["L1", 0.01]])
        if draw.random() < 0.1:
            settings["kernel_constraint"] = draw.choice([["MaxNorm", 1.0], ["NonNeg"]])
        return settings

    def _activation(self, shape: Any) -> Spec:
        return {"activation": self.draw.choice(ACTIVATIONS)}

    def _dense(self, shape: Any) -> Spec:
        sizes = [1, 2, 3, 4, 5, 7, 8, 16, 17, 33]
        return self._weights(
            input_size=self.draw.choice(sizes), activation=self.draw.choice(ACTIVATIONS)
        )

    def _dropout(self, shape: Any) -> Spec:
        return {"rate": self.draw.choice([0.0, 0.2, 0.5, 0.9])}

    _gaussiandropout = _spatialdropout1d = _spatialdropout2d = _dropout

    def _gaussiannoise(self, shape: Any) -> Spec:
        return {"stddev": self.draw.choice([0.0, 0.1])}

    def _rescaling(self, shape: Any) -> Spec:
        return {"scale": self.draw.choice([0.5, -1.0, 2]), "offset": self.draw.choice([0.0, -1.0])}

    def _normalization(self, shape: Any) -> Spec:
        n, invert = shape[-1], self.draw.random() < 0.3
        return {"mean": [0.5] * n, "variance": [1.5] * n, "invert": invert}

    def _batchnormalization(self, shape: Any) -> Spec:
        draw = self.draw
        axis = draw.choice([-1, -1, 1])
        return {"axis": axis, "center": draw.random() < 0.8, "scale": draw.random() < 0.8}

    def _layernormalization(self, shape: Any) -> Spec:
        return {"center": self.draw.random() < 0.8, "scale": self.draw.random() < 0.8}

    def _groupnormalization(self, shape: Any) -> Spec:
        groups = [n for n in (1, 2, 3, shape[-1]) if shape[-1] % n == 0]
        return {"groups": self.draw.choice(groups)}

    def _rmsnormalization(self, shape: Any) -> Spec:
        return {"scale": self.draw.random() < 0.7}

    def _reshape(self, shape: Any) -> Spec:
        size = int(np.prod(shape))
        parts = [n for n in (1, 2, 3, 4, 5, 6) if size % n == 0]
        n = self.draw.choice(parts)
        return {"target_shape": self.draw.choice([[-1], [n, -1], [-1, n], [1, n, -1]])}

    def _input(self, shape: Any) -> Spec:
        return {"shape": list(shape)}

    def _window(self, axes: int, **more: Any) -> Spec:
        draw = self.draw
        size = draw.choice([1, 2, 3, 3, 5]) if axes == 1 else draw.choice([1, 2, 3, 3, [2, 3], 5])
        padding = draw.choice(["valid", "same", "same"])
        strides = draw.choice([1, 1, 2, 3])
        dilation = draw.choice([1, 1, 2]) if strides == 1 else 1
        settings = {"kernel_size": size, "strides": strides, "padding": padding, **more}
        return {**settings, "dilation_rate": dilation, "activation": draw.choice(SMOOTH)}

    def _conv1d(self, shape: Any) -> Spec:
        settings = self._conv(1, shape)
        if settings["strides"] == 1 and self.draw.random() < 0.3:
            settings["padding"] = "causal"
        return settings

    def _conv2d(self, shape: Any) -> Spec:
        return self._conv(2, shape)

    def _conv(self, axes: int, shape: Any) -> Spec:
        groups = [n for n in (1, 1, 2, 3) if shape[-1] % n == 0]
        group = self.draw.choice(groups)
        filters = group * self.draw.choice([1, 2, 3, 4, 8, 9])
        if self.wide:  # whole vectors of channels, for which there are kernels of their own
            group, filters = 1, self.draw.choice([16, 16, 32, 17])
        return self._weights(**self._window(axes, filters=filters, groups=group))

    def _depthwiseconv2d(self, shape: Any) -> Spec:
        return self._window(2, depth_multiplier=self.draw.choice([1, 2, 3]))

    def _separableconv2d(self, shape: Any) -> Spec:
        return self._window(2, filters=self.draw.choice([1, 2, 5]))

    def _conv2dtranspose(self, shape: Any) -> Spec:
        return self._window(2, filters=self.draw.choice([1, 2, 5]))

    def _pool(self, shape: Any) -> Spec:
        draw = self.draw
        size, strides = draw.choice([1, 2, 2, 3]), draw.choice([None, None, 1, 2, 3])
        settings = {"pool_size": size, "strides": strides}
        if not self.rare:
            return {**settings, "padding": draw.choice(["valid", "same"])}
        padding = draw.choice(["valid", "same", 1 if size > 1 else 0])
        return {**settings, "padding": padding, "ceil_mode": draw.random() < 0.2}

    _maxpooling1d = _maxpooling2d = _averagepooling1d = _averagepooling2d = _pool

    def _globalmaxpooling1d(self, shape: Any) -> Spec:
        return {"keepdims": self.draw.random() < 0.3}

    _globalmaxpooling2d = _globalaveragepooling1d = _globalmaxpooling1d
    _globalaveragepooling2d = _globalmaxpooling1d

    def _zeropadding1d(self, shape: Any) -> Spec:
        return {"padding": self.draw.choice([0, 1, [2, 0]])}

    def _zeropadding2d(self, shape: Any) -> Spec:
        return {"padding": self.draw.choice([0, 1, [2, 0], [[0, 1], [2, 0]]])}

    def _upsampling1d(self, shape: Any) -> Spec:
        return {"size": self.draw.choice([1, 2, 3])}

    def _upsampling2d(self, shape: Any) -> Spec:
        way = self.draw.choice(["nearest", "bilinear"])
        return {"size": self.draw.choice([1, 2, [1, 3]]), "interpolation": way}

    def _recurrent(self, shape: Any) -> Spec:
        draw = self.draw
        settings = {"units": draw.choice([1, 2, 3, 5, 8]), "use_bias": draw.random() < 0.8}
        settings["return_sequences"] = draw.random() < 0.5
        settings["go_backwards"] = draw.random() < 0.2
        if draw.random() < 0.2:
            settings["activation"] = draw.choice(["relu", "softsign", "sigmoid"])
        return settings

    _simplernn = _lstm = _recurrent

    def _gru(self, shape: Any) -> Spec:
        return {**self._recurrent(shape), "reset_after": self.draw.random() < 0.7}

    def _bidirectional(self, shape: Any) -> Spec:
        name = self.draw.choice(["SimpleRNN", "LSTM", "GRU"])
        inner = {**self._recurrent(shape), "go_backwards": False, "dtype": self.dtype}
        merge = self.draw.choice(["concat", "sum", "ave", "mul"])
        return {"layer": [name, inner], "merge_mode": merge}

    def _multiheadattention(self, shape: Any) -> Spec:
        draw = self.draw
        return {"num_heads": draw.choice([1, 2, 3]), "key_dim": draw.choice([1, 2, 4])}

    def _transformerblock(self, shape: Any) -> Spec:
        draw = self.draw
        heads = [n for n in (1, 2, 3) if shape[-1] % n == 0]
        settings = {"num_heads": draw.choice(heads), "intermediate_dim": draw.choice([3, 8])}
        settings["dropout"] = draw.choice([0.0, 0.0, 0.2])
        settings["causal"] = draw.random() < 0.3
        return {**settings, "normalize_first": draw.random() < 0.5}

    def _positionalembedding(self, shape: Any) -> Spec:
        return {"kind": self.draw.choice(["learned", "sinusoidal"])}

    def _randomflip(self, shape: Any) -> Spec:
        return {"mode": self.draw.choice(["horizontal", "vertical", "horizontal_and_vertical"])}

    def _randomtranslation(self, shape: Any) -> Spec:
        return {"height_factor": 0.2, "width_factor": 0.2, **self._filled()}

    def _randomrotation(self, shape: Any) -> Spec:
        return {"factor": 0.1, **self._filled()}

    def _randomzoom(self, shape: Any) -> Spec:
        return {"height_factor": 0.2, **self._filled()}

    def _filled(self) -> Spec:
        return {"fill_mode": self.draw.choice(["constant", "nearest", "reflect", "wrap"])}

    def _randomcrop(self, shape: Any) -> Spec:
        return {"height": self.draw.randint(1, shape[0]), "width": self.draw.randint(1, shape[1])}


# ------------------------------------------------------------------------------------ endings

# loss -> activation of the last layer, kind of targets
REAL = ["mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "cosine_similarity"]
REAL += [kind.name for kind in OF_NUMBERS if kind.name not in REAL]
ENDINGS: list[tuple[str, Spec, str, str]] = [
    *((name, {}, "linear", "real") for name in REAL),
    ("hinge", {}, "linear", "signs"),
    ("squared_hinge", {}, "tanh", "signs"),
    ("poisson", {}, "softplus", "counts"),
    ("kl_divergence", {}, "softmax", "shares"),
    ("binary_cross_entropy", {}, "sigmoid", "truth"),
    ("binary_cross_entropy", {"label_smoothing": 0.1}, "sigmoid", "truth"),
    ("binary_cross_entropy", {"from_logits": True}, "linear", "truth"),
    ("binary_focal_cross_entropy", {}, "sigmoid", "truth"),
    ("categorical_cross_entropy", {}, "softmax", "labels"),
    ("categorical_cross_entropy", {}, "softmax", "one-hot"),
    ("categorical_cross_entropy", {"label_smoothing": 0.1}, "softmax", "one-hot"),
    ("categorical_cross_entropy", {"from_logits": True}, "linear", "labels"),
    ("categorical_focal_cross_entropy", {}, "softmax", "labels"),
    ("categorical_generalized_cross_entropy", {}, "softmax", "labels"),
    ("soft_margin", {}, "linear", "signs"),
    ("categorical_hinge", {}, "linear", "labels"),
    ("multi_margin", {}, "linear", "labels"),
    ("nll", {}, "log_softmax", "labels"),
    ("poisson_nll", {}, "linear", "counts"),
    ("mean_squared_logarithmic_error", {}, "softplus", "counts"),
]
WATCHED = {
    "real": ["mae", "mse", "rmse", "r2"],
    "signs": [],
    "counts": ["mae"],
    "shares": ["mae"],
    "truth": ["accuracy", "precision", "recall", "auc", "mae"],
    "labels": ["accuracy", "top_k"],
    "one-hot": ["accuracy"],
}
TARGET_KINDS = {
    "real": data.KINDS,
    "signs": ["f4", "f8", "i1", "i4", "i8"],
    "counts": [*data.WHOLE, "f4", "f8"],
    "shares": ["f4", "f8"],
    "truth": [*data.WHOLE, "?", "f4", "f8"],
    "labels": [*data.WHOLE, "f4", "f8"],
    "one-hot": [*data.WHOLE, "?", "f4", "f8"],
}
OPTIMIZERS: list[tuple[str, Spec]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adagrad", {}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Lion", {}),
    ("Muon", {}),
    *((name, {}) for name in ("Adadelta", "Adafactor", "ASGD", "Ftrl", "Lamb", "RAdam", "Rprop")),
    *((name, {}) for name in ("ScheduleFreeAdamW", "ScheduleFreeSGD")),
]
SCHEDULES = [
    ["ExponentialDecay", 0.01, 3, 0.9],
    ["InverseTimeDecay", 0.01, 2, 0.5],
    ["PiecewiseConstantDecay", [2, 4], [0.01, 0.005, 0.001]],
    ["PolynomialDecay", 0.01, 5],
    ["CosineDecay", 0.01, 5],
]


def optimizer_spec(draw: Random) -> Configurable:
    """An optimizer with some of its options."""
    name, settings = draw.choice(OPTIMIZERS)
    settings = {"learning_rate": draw.choice([0.001, 0.01, 0.01, *SCHEDULES]), **settings}
    if draw.random() < 0.3:
        settings[draw.choice(["clipnorm", "clipvalue", "global_clipnorm"])] = 0.5
    if draw.random() < 0.2:
        settings |= {"use_ema": True, "ema_overwrite_frequency": draw.choice([None, 2])}
    if draw.random() < 0.2:
        settings["gradient_accumulation_steps"] = draw.choice([2, 3])
    if draw.random() < 0.2:
        settings["weight_decay"] = 0.01
    return [name, settings]


def optimizer(described: Configurable) -> Any:
    """An optimizer from its description."""
    name, settings = described
    rate = settings["learning_rate"]
    if isinstance(rate, list):
        rate = getattr(optimizers.schedules, rate[0])(*rate[1:])
    return getattr(optimizers, name)(**{**settings, "learning_rate": rate})


# ------------------------------------------------------------------------------------ the whole

WIDE = [(8, 8, 16), (9, 12, 16), (7, 5, 32), (4, 4, 16), (13, 6, 8)]
SHAPES = [(1,), (3,), (8,), (31,), (5, 3), (7, 4), (12, 1), (6, 6, 1), (8, 7, 3), (9, 5, 2)]


def drawn(seed: int) -> Spec:
    """The network of a seed."""
    draw = Random(seed)
    width = "float64" if draw.random() < 0.12 else "float32"
    spec: Spec = {"seed": seed, "dtype": width, "n": draw.choice([1, 2, 3, 5, 8, 17, 33, 65, 70])}
    spec["batch"] = draw.choice([1, 3, 4, 8, 16, 32, 100])
    if spec["n"] > 8 * spec["batch"]:
        spec["batch"] = 16
    wide = draw.random() < 0.1
    if wide:
        spec |= {"dtype": "float32", "n": draw.choice([2, 3, 5, 9])}
        width = "float32"
    parts = Layers(draw, width, wide, rare=seed >= RARE_FROM)
    shape = tuple(draw.choice(WIDE if wide else SHAPES))
    listed: list[Configurable] = []
    spec["words"] = not wide and draw.random() < 0.15
    spec["pair"] = not spec["words"] and not wide and draw.random() < 0.1
    if spec["words"]:
        listed, spec["shape"] = _words(draw, width)
        shape = (spec["shape"][0], 4)
    else:
        spec["shape"] = list(shape)
        shape = (5,) if spec["pair"] else shape
    for _ in range(draw.randint(0, 5)):
        described, shape = parts.next(shape)
        listed.append(described)
    ending = draw.choice(ENDINGS)
    if len(shape) > 1 and draw.random() < 0.6:
        listed.append(["Flatten", {"dtype": width}])
        shape = (int(np.prod(shape)),)
    outputs = draw.choice([1, 2, 3, 5]) if ending[2] != "softmax" else draw.choice([2, 3, 5])
    if ending[3] == "labels":
        outputs = max(outputs, 2)
    head = {"input_size": outputs, "activation": ending[2], "dtype": width}
    spec["layers"] = [*listed, ["Dense", head]]
    spec["loss"], spec["targets"] = [ending[0], ending[1]], ending[3]
    spec["outputs"] = [*shape[:-1], outputs]
    known = WATCHED[ending[3]]
    spec["metrics"] = draw.sample(known, min(len(known), draw.choice([0, 1, 2])))
    if outputs < 3 and "top_k" in spec["metrics"]:
        spec["metrics"].remove("top_k")
    spec["batch"] = without_rest_of_one(spec)
    spec["optimizer"] = optimizer_spec(draw)
    kinds = ["u1", "i4", "i8", "i2", "u4", "u8"] if spec["words"] else data.KINDS
    spec["x"] = {"dtype": data.dtype(draw, kinds), "layout": draw.choice(data.LAYOUTS)}
    spec["y"] = {"dtype": data.dtype(draw, TARGET_KINDS[ending[3]])}
    spec["y"]["layout"] = draw.choice([one for one in data.LAYOUTS if one != "of one value"])
    spec["weights"] = (
        data.dtype(draw, ["f4", "f8", "i4", "u1", "?"]) if draw.random() < 0.25 else ""
    )
    spec["by_step"] = len(shape) > 1 and draw.random() < 0.5
    spec["class_weight"] = ending[3] == "labels" and len(shape) == 1 and draw.random() < 0.2
    spec["shuffle"], spec["epochs"] = draw.random() < 0.7, draw.choice([1, 2, 3])
    spec["special"] = draw.choice([*data.SPECIAL]) if draw.random() < 0.15 else ""
    spec["cut"] = draw.random() < 0.6
    return spec


def without_rest_of_one(spec: Spec) -> int:
    """A batch size that BatchNormalization takes, where there is one: no batch is one sample."""
    sizes = [spec["batch"], 4, 3, 2, 7]
    if "BatchNormalization" not in repr(spec["layers"]):
        return int(spec["batch"])
    return next((b for b in sizes if b > 1 and spec["n"] % b != 1), 3)


def watched(name: str) -> Any:
    """A metric by its name."""
    return metrics.TopKCategoricalAccuracy(k=2) if name == "top_k" else name


def _words(draw: Random, width: str) -> tuple[list[Configurable], list[int]]:
    settings = {"input_dim": 9, "output_dim": 4, "mask_zero": draw.random() < 0.5, "dtype": width}
    return [["Embedding", settings]], [draw.choice([1, 4, 7])]


def model_of(spec: Spec) -> Model:
    """The network, with weights that depend on the seed only."""
    axon.set_random_seed(spec["seed"])
    body = ["Sequential", {"layers": spec["layers"]}]
    model: Model = Pair(body) if spec["pair"] else made(body)
    name, settings = spec["loss"]
    loss = losses.LOSSES[name](**settings)
    numbers = [watched(name) for name in spec["metrics"]]
    model.compile(loss, optimizer(spec["optimizer"]), numbers, spec.get("eager", False))
    return model


class Columns:
    """The data of a spec, as they are given, and as plain arrays of the same numbers."""

    def __init__(self, spec: Spec) -> None:
        rng = np.random.default_rng(spec["seed"])
        n, shape = spec["n"], tuple(spec["shape"])
        kind = spec["x"]["dtype"]
        x = rng.integers(0, 9, (n, *shape)).astype(kind) if spec["words"] else None
        x = data.values(rng, (n, *shape), kind) if x is None else x
        y = targets(rng, spec, n)
        self.x, self.y = data.laid(x, spec["x"]["layout"]), data.laid(y, spec["y"]["layout"])
        self.w = None
        if spec["weights"]:
            one = spec["outputs"][:-1] if spec["by_step"] else []
            self.w = rng.integers(0, 3, (n, *one)).astype(spec["weights"])
        self.special = x
        if spec["special"] in ("tiny", "huge"):
            self.special = data.sprinkled(rng, x.copy(), spec["special"])
        if spec["pair"]:
            z = data.values(rng, (n, *shape), "f4")
            self.x, self.special = (self.x, z), (self.special, z)

    def plain(self) -> "Columns":
        """The same numbers in this machine's byte order, one after another."""
        twin = object.__new__(Columns)
        twin.x = tuple(map(plain, self.x)) if isinstance(self.x, tuple) else plain(self.x)
        twin.y, twin.w, twin.special = plain(self.y), self.w, self.special
        if self.w is not None:
            twin.w = plain(self.w)
        return twin

    def copies(self) -> list[np.ndarray]:
        """What nobody may change."""
        parts = [*(self.x if isinstance(self.x, tuple) else [self.x]), self.y, self.w, self.special]
        return [np.array(p) for p in parts if p is not None and not isinstance(p, tuple)]


def plain(array: Any) -> np.ndarray:
    """A copy as AXON would want it."""
    array = np.asarray(array)
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("=")))


def targets(rng: np.random.Generator, spec: Spec, n: int) -> np.ndarray:
    """What a loss wants to be given."""
    shape, kind, wanted = (n, *spec["outputs"]), spec["y"]["dtype"], spec["targets"]
    classes = shape[-1]
    if wanted == "real":
        return data.values(rng, shape, kind)
    if wanted == "labels":
        return rng.integers(0, classes, shape[:-1]).astype(kind)
    if wanted == "one-hot":
        return np.eye(classes)[rng.integers(0, classes, shape[:-1])].astype(kind)
    if wanted == "shares":
        p = rng.uniform(0.1, 1, shape).astype("f4")
        return (p / p.sum(-1, keepdims=True)).astype(kind)
    if wanted == "signs":
        return (rng.integers(0, 2, shape) * 2 - 1).astype(kind)
    return rng.integers(0, 2 if wanted == "truth" else 4, shape).astype(kind)


# ------------------------------------------------------------------------------------ running


class Seen:
    """What training gave: numbers by name."""

    def __init__(self, spec: Spec, c: Columns, kernels: str, threads: int = 1, **more: Any) -> None:
        nudge = more.pop("nudge", 0)
        with using(kernels, threads, spec["cut"]):
            model = model_of({**spec, **more})
            self.first = model.predict(c.x, batch_size=spec["batch"])
            if nudge:
                nudged(model, nudge)
            self.history = fitted(model, spec, c)
            self.batches = on_batches(model, spec, c)
            self.weights = model.get_weights()
            self.outputs = model.predict(c.x, batch_size=spec["batch"])
            self.measured = model.evaluate(c.x, c.y, batch_size=spec["batch"], sample_weight=c.w)
            self.later = model.predict(c.x, batch_size=spec["batch"])
        self.model = model

    def parts(self) -> dict[str, Any]:
        """All of it, as arrays by name."""
        found = {f"history of {k}": v for k, v in self.history.items()}
        found |= {f"weights {k}": w for k, w in enumerate(self.weights)}
        found |= {"outputs": self.outputs, "evaluate": self.measured, "first": self.first}
        found |= {f"history of a batch {k}": v for k, v in enumerate(self.batches)}
        return {k: np.asarray(v) for k, v in found.items()}


def fitted(model: Model, spec: Spec, c: Columns) -> dict[str, list[float]]:
    """The history of a fit."""
    more: Spec = {"sample_weight": c.w} if c.w is not None else {}
    if spec["class_weight"]:
        more["class_weight"] = {k: 1.0 + k for k in range(spec["outputs"][-1])}
    history: dict[str, list[float]] = model.fit(
        c.x, c.y, spec["batch"], spec["epochs"], verbose=0, shuffle=spec["shuffle"], **more
    ).history
    return history


def on_batches(model: Model, spec: Spec, c: Columns) -> list[Any]:
    """What is measured on single batches, the first of which changes the weights."""
    k = min(spec["n"], spec["batch"])
    x, y, *w = (rows(part, k) for part in (c.x, c.y, c.w) if part is not None)
    found = [model.train_on_batch(x, y, *w), model.test_on_batch(x, y, *w)]
    return [np.asarray(f) for f in found]


def rows(column: Any, count: int) -> Any:
    """The first few samples."""
    return tuple(one[:count] for one in column) if isinstance(column, tuple) else column[:count]


def nudged(model: Model, seed: int) -> None:
    """Change the weights by as much as rounding does."""
    rng = np.random.default_rng(seed)
    for p in model.parameters():
        p.data[...] = p.data * (1 + 1e-6 * rng.normal(size=p.shape)).astype(p.dtype)


@contextmanager
def using(kernels: str, threads: int, cut: bool) -> Any:
    """These kernels, so many threads; work is cut into as many pieces as there can be."""
    from unittest import mock

    import axon.pieces
    from axon.fast import builder
    from axon.program.lowerings import Kernels

    before = axon.get_threads()
    axon.set_threads(threads)
    patches = [
        mock.patch.object(builder, "PIECE", 1.0),
        mock.patch.object(builder, "CACHE", 64),
        mock.patch.object(builder, "TOGETHER", 0.0),
        mock.patch.object(axon.pieces, "WORTH", 1.0),
    ]
    try:
        with Kernels(kernels):
            for patch in patches if cut else []:
                patch.start()
            yield
    finally:
        if cut:
            mock.patch.stopall()
        axon.set_threads(before)


# ------------------------------------------------------------------------------------ promises


def demand(promise: str, ok: bool, detail: str = "") -> None:
    """Say which promise was broken."""
    if not ok:
        raise Wrong(f"{promise}: {detail}")


def same_bits(promise: str, a: Seen, b: Seen) -> None:
    """All that was seen is equal, to the bit."""
    one, other = a.parts(), b.parts()
    demand(promise, one.keys() == other.keys(), f"{one.keys()} {other.keys()}")
    for name, value in one.items():
        bits_equal(f"{promise}, {name}", value, other[name])


def bits_equal(promise: str, a: Any, b: Any) -> None:
    """Two arrays are equal, NaN in the same places."""
    a, b = np.asarray(a), np.asarray(b)
    same = a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    demand(promise, same, f"{a.ravel()[:4]} and {b.ravel()[:4]}, apart {apart(a, b):.3g}")


def apart(a: Any, b: Any, scale: float = 0.0) -> float:
    """The largest difference, as a share of the largest number; infinite if NaN lie elsewhere."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        return np.inf
    if not a.size:
        return 0.0
    finite = np.isfinite(b)
    if not np.array_equal(finite, np.isfinite(a)) or not np.array_equal(np.isnan(a), np.isnan(b)):
        return np.inf
    if not finite.any():
        return 0.0
    largest = max(np.abs(b[finite]).max(), scale, 1e-30)
    return float(np.abs(a[finite] - b[finite]).max() / largest)


class Judge:
    """Says whether compiled kernels differ from NumPy's by more than rounding explains."""

    def __init__(self, spec: Spec, c: Columns, plain: Seen) -> None:
        self.spec, self.c, self.plain = spec, c, plain
        self.effects: dict[str, float] | None = None
        self.chaotic = False

    def close(self, promise: str, other: Seen, limit: float = 1e-4) -> None:
        """All that was seen is equal, to what the smallest changes of the weights do to it."""
        wanted = self.plain.parts()
        for name, value in other.parts().items():
            distance = apart(value, wanted[name], scale(name))
            if distance > limit:
                effect = self._effect(name)
                if effect > CHAOS:
                    self.chaotic = True
                    continue
                demand(
                    f"{promise}, {name}",
                    distance <= limit + ROUNDING * effect,
                    f"apart {distance:.3g}, rounding explains {effect:.3g}",
                )

    def _effect(self, name: str) -> float:
        if self.effects is None:
            wanted = self.plain.parts()
            seen = [Seen(self.spec, self.c, "numpy", nudge=k).parts() for k in range(1, 5)]
            self.effects = {k: max(apart(s[k], wanted[k], scale(k)) for s in seen) for k in wanted}
        return self.effects[name]


def scale(name: str) -> float:
    """Below this, numbers count as zero: sums that cancel, scores that jump."""
    return 1e-2 if name.startswith(("weights", "outputs", "first")) else 0.1


def check(spec: Spec) -> dict[str, int]:
    """Run a network in every way and compare; counts of what was done.

    Raises:
        Refused: it is one of the combinations that AXON does not take.
        Wrong: a promise was broken.
    """
    c = Columns(spec)
    before = c.copies()
    try:
        plain_seen = Seen(spec, c, "numpy")
    except ValueError as error:
        raise Refused(str(error)) from error
    judge = Judge(spec, c, plain_seen)
    same_bits("eager = replay", Seen(spec, c, "numpy", eager=True), plain_seen)
    otherwise(spec, c, "numpy", plain_seen)
    fast = Seen(spec, c, "fast")
    otherwise(spec, c, "fast", fast)
    bits_equal("compiled, predict later = before", fast.later, fast.outputs)
    judge_training(judge, spec, c, fast)
    forward_close(spec, c, plain_seen)
    saved_again(spec, c, plain_seen)
    other_sizes(spec, c, plain_seen)
    if spec["special"]:
        special_numbers(spec, c, plain_seen)
    for a, b in zip(before, c.copies(), strict=True):
        bits_equal("the caller's arrays are unchanged", a, b)
    compiled = bool(fast.model.programs and fast.model.trainer.train.compiled)
    return {"run": 1, "compiled": int(compiled), "chaotic": int(judge.chaotic)}


def judge_training(judge: Judge, spec: Spec, c: Columns, fast: Seen) -> None:
    """Compiled = NumPy. Most optimizers make steps of one size of gradients that are but rounding
    (0 by the formula): where they differ, plain gradient descent decides."""
    try:
        judge.close("compiled = NumPy", fast)
    except Wrong:
        plain = {**spec, "optimizer": ["SGD", {"learning_rate": 0.01}]}
        if plain == spec:
            raise
        judge.chaotic = True
        again = Judge(plain, c, Seen(plain, c, "numpy"))
        again.close("compiled = NumPy", Seen(plain, c, "fast"))


def otherwise(spec: Spec, c: Columns, kernels: str, seen: Seen) -> None:
    """More threads, and the same numbers in plain memory, change no bit."""
    try:
        same_bits("", Seen(spec, c.plain(), kernels, 3), seen)
    except Wrong:
        same_bits(f"{kernels}, 3 threads = 1", Seen(spec, c, kernels, 3), seen)
        same_bits(f"{kernels}, another layout", Seen(spec, c.plain(), kernels), seen)
        raise


def forward_close(spec: Spec, c: Columns, seen: Seen) -> None:
    """The same weights give the same outputs by compiled kernels, and the same measures."""
    with using("fast", 2, spec["cut"]):
        outputs = seen.model.predict(c.x, batch_size=spec["batch"])
    limit = max(CLOSE, ROUNDING * _forward_effect(spec, c, seen, outputs))
    distance = apart(outputs, seen.outputs, scale("outputs"))
    demand("compiled predict = NumPy's", distance <= limit, f"apart {distance:.3g} > {limit:.3g}")


def _forward_effect(spec: Spec, c: Columns, seen: Seen, outputs: Any) -> float:
    if apart(outputs, seen.outputs, scale("outputs")) <= CLOSE:
        return 0.0
    kept, effects = seen.model.get_weights(), []
    for k in range(1, 4):
        nudged(seen.model, k)
        with using("numpy", 1, spec["cut"]):
            other = seen.model.predict(c.x, batch_size=spec["batch"])
        effects.append(apart(other, seen.outputs, scale("outputs")))
        seen.model.set_weights(kept)
    return max(effects)


def saved_again(spec: Spec, c: Columns, seen: Seen) -> None:
    """A loaded model predicts the same bits."""
    with tempfile.TemporaryDirectory() as folder, using("numpy", 1, spec["cut"]):
        path = Path(folder) / "net.axon"
        seen.model.save(path)
        loaded = axon.load_model(
            path, custom_objects={c.__name__: c for c in (Branches, Twice, Pair)}
        )
        outputs = loaded.predict(c.x, batch_size=spec["batch"])
    bits_equal("load = save", outputs, seen.outputs)


def other_sizes(spec: Spec, c: Columns, seen: Seen) -> None:
    """However many samples are predicted at a time, each gets the same."""
    for kernels in ("numpy", "fast"):
        with using(kernels, 1, spec["cut"]):
            for size in (None, 1, 7):
                outputs = seen.model.predict(c.x, batch_size=size)
                distance = apart(outputs, seen.outputs, scale("outputs"))
                limit = max(CLOSE, ROUNDING * _forward_effect(spec, c, seen, outputs))
                promise = f"predict, batch_size={size}, {kernels}"
                demand(promise, distance <= limit, f"apart {distance:.3g} > {limit:.3g}")
    refuses_nothing(c, seen)


def refuses_nothing(c: Columns, seen: Seen) -> None:
    """No samples at all are refused by each method, and nothing is changed."""
    x = tuple(v[:0] for v in c.x) if isinstance(c.x, tuple) else c.x[:0]
    before = seen.model.get_weights()
    for method in ("fit", "evaluate", "predict"):
        try:
            getattr(seen.model, method)(x, *([] if method == "predict" else [c.y[:0]]))
        except ValueError as error:
            demand("no samples", "at least one sample" in str(error), str(error))
        else:
            raise Wrong(f"no samples: {method} said nothing")
    for a, b in zip(seen.model.get_weights(), before, strict=True):
        bits_equal("no samples, weights", a, b)


def special_numbers(spec: Spec, c: Columns, seen: Seen) -> None:
    """NaN and infinity show in the same outputs; tiny numbers are no reason for others.

    Data that are not finite are refused; so weights are, as after training that went wrong.
    """
    kind, x = spec["special"], c.special
    kept = seen.model.get_weights()
    if kind in ("nan", "infinite"):
        x = c.x
        rng = np.random.default_rng(spec["seed"])
        for p in seen.model.parameters():
            if rng.random() < 0.5:
                data.sprinkled(rng, p.data, kind)
    outputs = []
    for kernels in ("numpy", "fast"):
        with using(kernels, 1, spec["cut"]), np.errstate(all="ignore"):
            outputs.append(seen.model.predict(x, batch_size=spec["batch"]))
    a, b = outputs
    if kind == "nan":
        places = np.argwhere(np.isnan(a) != np.isnan(b))
        demand("NaN in the same places", not len(places), f"{len(places)} of {a.size}")
    if kind == "infinite":
        places = np.argwhere(np.isfinite(a) != np.isfinite(b))
        demand("infinity in the same places", not len(places), f"{len(places)} of {a.size}")
    if kind == "tiny":
        limit = max(CLOSE, ROUNDING * _forward_effect(spec, c, seen, seen.outputs))
        distance = apart(b, a, scale("outputs"))
        demand("tiny numbers", distance <= max(limit, 1e-3), f"apart {distance:.3g}")
    seen.model.set_weights(kept)


# ------------------------------------------------------------------------------------ smaller


def smaller(spec: Spec) -> Any:
    """Specs that are a little simpler, the simplest first."""
    simple: Spec = {
        "metrics": [],
        "optimizer": ["SGD", {"learning_rate": 0.01}],
        "weights": "",
        "by_step": False,
        "class_weight": False,
        "special": "",
        "epochs": 1,
        "shuffle": False,
        "cut": False,
        "x": {"dtype": "f4", "layout": "plain"},
        "y": {"dtype": "f4", "layout": "plain"},
    }
    if spec["words"]:
        simple["x"] = {"dtype": "i8", "layout": "plain"}
    for key, value in simple.items():
        if spec[key] != value:
            yield {**spec, key: value}
    for n in (1, 2, 3, 5):
        if n < spec["n"]:
            yield {**spec, "n": n}
    for k in range(len(spec["layers"]) - 1):
        yield fitting({**spec, "layers": spec["layers"][:k] + spec["layers"][k + 1 :]})


def fitting(spec: Spec) -> Spec:
    """The same, with targets that have the shape of what comes out."""
    try:
        shape = (5,) if spec["pair"] else tuple(spec["shape"])
        for described in spec["layers"]:
            shape = tuple(made(described).build(shape))
        return {**spec, "outputs": list(shape)}
    except Exception:
        return spec
