"""What users of Keras and PyTorch look for, and what AXON calls it: writes docs/names.md.

``python -m tests.contracts.peers`` asks the installed Keras and PyTorch for their public names.
Names that AXON's room has, too, are found; others, and what there is not, stand below. Answers are
expressions, such as ``layers.Dense``, which a test evaluates.
"""

import inspect
import os
import re
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import axon
from axon import (
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    regularizers,
)
from axon.optimizers import schedules

PAGE = Path(__file__).parents[2] / "docs" / "names.md"
ROOMS = {
    **{"activations": activations, "callbacks": callbacks, "constraints": constraints},
    **{"initializers": initializers, "layers": layers, "losses": losses, "metrics": metrics},
    **{"models": models, "ops": ops, "optimizers": optimizers, "regularizers": regularizers},
    **{"schedules": schedules, "axon": axon},
}


class Peer(NamedTuple):
    """A room of a peer, and what its names are here.

    Attributes:
        module: of the peer.
        rooms: of AXON, in which the same name is looked for.
        others: "theirs: ours", one a line.
        absent: "names: why", one a line.
        only: which of its public objects count.
    """

    module: str
    rooms: tuple[str, ...]
    others: str = ""
    absent: str = ""
    only: Callable[[Any], bool] = callable

    def names(self) -> dict[str, int]:
        """The peer's public names, and which object each is: several names may be one."""
        module = import_module(self.module)
        found = {n: getattr(module, n) for n in dir(module) if not n.startswith("_")}
        return {n: id(o) for n, o in found.items() if self.only(o) and _of(module.__name__, o)}


def _of(module: str, thing: Any) -> bool:
    """Whether an object is the peer's own, and no helper of Python's."""
    home = getattr(thing, "__module__", "") or ""
    return home.split(".")[0] == module.split(".")[0]


def lines(text: str) -> dict[str, str]:
    """Read "names: what", one a line; several names with spaces between."""
    found = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        names, _, what = line.partition(": ")
        found |= dict.fromkeys(names.split(), what)
    return found


def there(expression: str) -> bool:
    """Whether an answer is what AXON has."""
    try:
        return eval(expression, dict(ROOMS)) is not None
    except (AttributeError, ImportError, KeyError, NameError, ValueError):
        return False


KERAS = (
    Peer(
        "keras.layers",
        ("layers",),
        """
        AvgPool1D: layers.AveragePooling1D
        AvgPool2D: layers.AveragePooling2D
        AvgPool3D: layers.AveragePooling3D
        MaxPool1D: layers.MaxPooling1D
        MaxPool2D: layers.MaxPooling2D
        MaxPool3D: layers.MaxPooling3D
        GlobalAvgPool1D: layers.GlobalAveragePooling1D
        GlobalAvgPool2D: layers.GlobalAveragePooling2D
        GlobalAvgPool3D: layers.GlobalAveragePooling3D
        GlobalMaxPool1D: layers.GlobalMaxPooling1D
        GlobalMaxPool2D: layers.GlobalMaxPooling2D
        GlobalMaxPool3D: layers.GlobalMaxPooling3D
        Convolution1D: layers.Conv1D
        Convolution2D: layers.Conv2D
        Convolution3D: layers.Conv3D
        Convolution1DTranspose: layers.Conv1DTranspose
        Convolution2DTranspose: layers.Conv2DTranspose
        Convolution3DTranspose: layers.Conv3DTranspose
        SeparableConvolution1D: layers.SeparableConv1D
        SeparableConvolution2D: layers.SeparableConv2D
        InputLayer: layers.Input
        """,
        """
        FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper: others' layers; weights can be loaded
        MaxNumBoundingBoxes: there are no bounding boxes
        """,
        inspect.isclass,
    ),
    Peer(
        "keras.losses",
        ("losses",),
        """
        BinaryCrossentropy: losses.BinaryCrossEntropy
        BinaryFocalCrossentropy: losses.BinaryFocalCrossEntropy
        CategoricalCrossentropy: losses.CategoricalCrossEntropy
        CategoricalFocalCrossentropy: losses.CategoricalFocalCrossEntropy
        SparseCategoricalCrossentropy: losses.CategoricalCrossEntropy
        """,
    ),
    Peer(
        "keras.metrics",
        ("metrics",),
        """
        BinaryCrossentropy: metrics.BinaryCrossEntropy
        CategoricalCrossentropy: metrics.CategoricalCrossEntropy
        SparseCategoricalCrossentropy: metrics.CategoricalCrossEntropy
        CategoricalAccuracy SparseCategoricalAccuracy: metrics.Accuracy
        SparseTopKCategoricalAccuracy: metrics.TopKCategoricalAccuracy
        MeanMetricWrapper: metrics.FunctionMetric
        """,
    ),
    Peer(
        "keras.optimizers",
        ("optimizers",),
        """
        OptimizerMap MultiOptimizer: optimizers.Optimizer
        """,
        only=inspect.isclass,
    ),
    Peer("keras.optimizers.schedules", ("schedules",), only=inspect.isclass),
    Peer(
        "keras.callbacks",
        ("callbacks",),
        """
        CallbackList: callbacks.Callbacks
        OrbaxCheckpoint: callbacks.ModelCheckpoint
        ProgbarLogger: callbacks.ProgressBar
        """,
        only=inspect.isclass,
    ),
    Peer("keras.activations", ("activations",)),
    Peer(
        "keras.initializers",
        ("initializers",),
        """
        IdentityInitializer: initializers.Identity
        STFTInitializer: initializers.STFT
        OrthogonalInitializer: initializers.Orthogonal
        """,
    ),
    Peer(
        "keras.regularizers",
        ("regularizers",),
        """
        l1: regularizers.L1
        l2: regularizers.L2
        l1_l2: regularizers.L1L2
        orthogonal_regularizer: regularizers.OrthogonalRegularizer
        """,
    ),
    Peer(
        "keras.constraints",
        ("constraints",),
        """
        max_norm: constraints.MaxNorm
        min_max_norm: constraints.MinMaxNorm
        non_neg: constraints.NonNeg
        unit_norm: constraints.UnitNorm
        """,
    ),
    Peer(
        "keras.ops",
        ("ops",),
        """
        dtype: axon.Tensor.dtype
        shape: axon.Tensor.shape
        custom_gradient: axon.primitive
        ctc_loss: losses.CTC
        rearrange: axon.Tensor.reshape
        """,
        """
        polar eig view_as_complex view_as_real: complex numbers, which AXON does not compute with
        gcd lcm nextafter: whole numbers and bits that no layer asks for; NumPy has them
        lu_factor: solve, det and inv do it inside
        ctc_decode: sequences whose lengths depend on the values
        """,
    ),
)


def _module(thing: Any) -> bool:
    import torch

    return inspect.isclass(thing) and issubclass(thing, torch.nn.Module)


def _pairs(pattern: str, answer: str, dims: Iterable[int] = (1, 2, 3)) -> str:
    return "\n".join(f"{pattern}: {answer}".replace("#", str(n)) for n in dims)


ACTIVATIONS = """
GELU: activations.gelu
Hardsigmoid: activations.hard_sigmoid
Hardswish: activations.hard_silu
LogSigmoid: activations.log_sigmoid
LogSoftmax: activations.log_softmax
Mish: activations.mish
ReLU6: activations.relu6
SELU: activations.selu
SiLU: activations.silu
Sigmoid: activations.sigmoid
Softmax2d Softmin: layers.Softmax
Softplus: activations.softplus
Softsign: activations.softsign
Tanh: activations.tanh
Tanhshrink: activations.tanh_shrink
"""
TORCH_LAYERS = "\n".join(
    [
        _pairs("AdaptiveAvgPool#d", "layers.AdaptiveAveragePooling#D"),
        _pairs("AdaptiveMaxPool#d", "layers.AdaptiveMaxPooling#D"),
        _pairs("AvgPool#d", "layers.AveragePooling#D"),
        _pairs("MaxPool#d", "layers.MaxPooling#D"),
        _pairs("FractionalMaxPool#d", "layers.FractionalMaxPooling#D", (2, 3)),
        _pairs("LPPool#d", "layers.LPPooling#D"),
        _pairs("MaxUnpool#d", "layers.MaxUnpooling#D"),
        _pairs("Conv#d LazyConv#d", "layers.Conv#D"),
        _pairs("ConvTranspose#d LazyConvTranspose#d", "layers.Conv#DTranspose"),
        _pairs("BatchNorm#d LazyBatchNorm#d", "layers.BatchNormalization"),
        _pairs("InstanceNorm#d LazyInstanceNorm#d", "layers.InstanceNormalization"),
        _pairs("Dropout#d", "layers.SpatialDropout#D"),
        _pairs("CircularPad#d ConstantPad#d ReflectionPad#d ReplicationPad#d", "layers.Padding#D"),
        _pairs("ZeroPad#d", "layers.ZeroPadding#D"),
        ACTIVATIONS,
        """
        Container ModuleDict ModuleList ParameterDict ParameterList: models.Model
        Module: layers.Module
        CrossMapLRN2d LocalResponseNorm: layers.LocalResponseNormalization
        DataParallel: models.Model.fit
        GroupNorm: layers.GroupNormalization
        LayerNorm: layers.LayerNormalization
        RMSNorm: layers.RMSNormalization
        SyncBatchNorm: layers.BatchNormalization
        Linear LazyLinear: layers.Dense
        MultiheadAttention: layers.MultiHeadAttention
        RNN RNNBase: layers.SimpleRNN
        RNNCell RNNCellBase: layers.SimpleRNNCell
        Sequential: models.Sequential
        AdaptiveLogSoftmaxWithLoss: layers.AdaptiveLogSoftmax
        Transformer TransformerEncoder TransformerEncoderLayer: layers.TransformerBlock
        TransformerDecoder TransformerDecoderLayer: layers.TransformerDecoderBlock
        Unflatten: layers.Reshape
        Upsample UpsamplingBilinear2d UpsamplingNearest2d: layers.UpSampling2D
        """,
    ]
)
TORCH_LOSSES = """
BCELoss BCEWithLogitsLoss: losses.BinaryCrossEntropy
CTCLoss: losses.CTC
CosineEmbeddingLoss: losses.CosineEmbedding
CrossEntropyLoss LinearCrossEntropyLoss: losses.CategoricalCrossEntropy
GaussianNLLLoss: losses.GaussianNLL
HingeEmbeddingLoss: losses.HingeEmbedding
HuberLoss: losses.Huber
KLDivLoss: losses.KLDivergence
L1Loss: losses.MeanAbsoluteError
MSELoss: losses.MeanSquaredError
MarginRankingLoss: losses.MarginRanking
MultiLabelMarginLoss: losses.MultiLabelMargin
MultiLabelSoftMarginLoss: losses.BinaryCrossEntropy
MultiMarginLoss: losses.MultiMargin
NLLLoss NLLLoss2d: losses.NLL
PoissonNLLLoss: losses.PoissonNLL
SmoothL1Loss: losses.SmoothL1
SoftMarginLoss: losses.SoftMargin
TripletMarginLoss TripletMarginWithDistanceLoss: losses.TripletMargin
"""
TORCH = (
    Peer(
        "torch.nn",
        ("layers", "losses"),
        TORCH_LAYERS + TORCH_LOSSES,
        """
        """,
        _module,
    ),
    Peer(
        "torch.optim",
        ("optimizers",),
        """
        LBFGS: optimizers.LBFGS
        NAdam: optimizers.Nadam
        SparseAdam: optimizers.Adam
        """,
        "",
        inspect.isclass,
    ),
    Peer(
        "torch.optim.lr_scheduler",
        ("schedules",),
        """
        ChainedScheduler: callbacks.LearningRateScheduler
        ConstantLR LambdaLR MultiplicativeLR: callbacks.LearningRateScheduler
        CosineAnnealingLR: schedules.CosineDecay
        CosineAnnealingWarmRestarts: schedules.CosineDecayRestarts
        CyclicLR: schedules.Cyclic
        ExponentialLR: schedules.ExponentialDecay
        LRScheduler: schedules.LearningRateSchedule
        LinearLR: schedules.Linear
        MultiStepLR: schedules.PiecewiseConstantDecay
        OneCycleLR: schedules.OneCycle
        PolynomialLR: schedules.PolynomialDecay
        ReduceLROnPlateau: callbacks.ReduceLROnPlateau
        SequentialLR: schedules.InTurn
        StepLR: schedules.ExponentialDecay
        """,
        "",
        lambda o: inspect.isclass(o) and o.__module__ == "torch.optim.lr_scheduler",
    ),
)


class Answer(NamedTuple):
    """What is here of a room of a peer.

    Attributes:
        same: names that are the same.
        others: theirs -> ours.
        absent: theirs -> why not; empty where nobody has said it.
        share: of the peer's objects, those that are here.
    """

    same: list[str]
    others: dict[str, str]
    absent: dict[str, str]
    share: float


def answer(peer: Peer) -> Answer:
    """Look each of a peer's names up."""
    others, absent = lines(peer.others), lines(peer.absent)
    names = peer.names()
    same, called, missing = [], {}, {}
    for name in names:
        if any(has(room, name) for room in peer.rooms):
            same.append(name)
        elif name in others and name not in absent and there(others[name]):
            called[name] = others[name]
        elif any(has(room, name) for room in ("losses", "metrics") if room in peer.rooms):
            same.append(name)
        elif text := _by_text(peer.rooms, name):
            called[name] = text
        else:
            missing[name] = absent.get(name, "")
    objects = set(names.values())
    return Answer(same, called, missing, len(objects - {names[n] for n in missing}) / len(objects))


def has(room: str, name: str) -> bool:
    """Whether a room of AXON has a name."""
    return name in dir(ROOMS[room]) and callable(getattr(ROOMS[room], name))


def _by_text(rooms: Iterable[str], name: str) -> str:
    """Functions of Keras that are found by their name here: ``losses.get("mse")``."""
    tables = {"losses": "LOSSES", "metrics": "METRICS"}
    for room in rooms:
        if room in tables and name in getattr(ROOMS[room], tables[room]):
            return f'{room}.{tables[room]}["{name}"]'
    return ""


def page() -> str:
    """The page, from what is installed."""
    import keras
    import torch

    parts = [HEAD.format(keras=keras.__version__, torch=torch.__version__.partition("+")[0])]
    for peer in (*KERAS, *TORCH):
        parts.append(_section(peer, answer(peer)))
    return "\n".join(parts)


HEAD = """# Names from elsewhere

What Keras {keras} and PyTorch {torch} call it, and what it is here. Made by
`python -m tests.contracts.peers`; several names of one thing count once. Before each answer stands
`axon.`, or `axon.optimizers.` for schedules; an activation is also a layer, `Activation("gelu")`.
"""


def _section(peer: Peer, found: Answer) -> str:
    text = [f"\n## {peer.module}: {found.share:.0%}\n"]
    if found.same:
        text.append("Called the same: " + ", ".join(f"`{n}`" for n in found.same) + ".\n")
    if found.others:
        text += ["| there | here |", "|---|---|"]
        text += [f"| `{theirs}` | `{ours}` |" for theirs, ours in found.others.items()]
        text.append("")
    if found.absent:
        text += ["| not here | because |", "|---|---|"]
        reasons: dict[str, list[str]] = {}
        for name, why in found.absent.items():
            reasons.setdefault(why, []).append(f"`{name}`")
        text += [f"| {', '.join(names)} | {why} |" for why, names in reasons.items()]
        text.append("")
    return "\n".join(text).rstrip("\n") + "\n"


def answers_in(text: str) -> list[str]:
    """The expressions that a page gives as answers."""
    return re.findall(r"^\| `[^`]+` \| `([^`]+)` \|$", text, re.M)


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    PAGE.write_text(page(), encoding="utf-8")
