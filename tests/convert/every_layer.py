"""Every layer with weights, beside its equal in Keras and in PyTorch: for test_every_layer.py.

``SAME`` has those that both sides make alike; ``ALONE`` says why others have no equal.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from axon import layers as A


class Pair(NamedTuple):
    """A layer here, and how a peer makes its equal.

    Attributes:
        make: the layer.
        shape: of one sample.
        keras: of ``keras.layers``, its equal.
        torch: of ``torch.nn``, its equal.
        integers: the ids that come in are below this; 0 if floats come in.
    """

    make: Callable[[], Any]
    shape: tuple[int, ...]
    keras: Callable[[Any], Any] | None = None
    torch: Callable[[Any], Any] | None = None
    integers: int = 0

    @property
    def channels_first(self) -> bool:
        """Whether PyTorch has the channels behind the samples."""
        from axon.layers import convolution, normalization, norms, wrappers

        layer = self.make()
        if isinstance(layer, wrappers.Wrapper):
            layer = layer.layer
        moving = (convolution.Convolution, norms.InstanceNormalization, A.PReLU)
        moving += (normalization.BatchNormalization, normalization.GroupNormalization)
        return isinstance(layer, moving) and len(self.shape) > 1


EPS = {"epsilon": 1e-5}
IMAGES, SERIES, FILMS, ROWS = (4, 5, 3), (6, 4), (4, 3, 5, 2), (4,)


def windows(name: str, axes: int, keras: dict[str, Any], torch: Any, **ours: Any) -> Pair:
    """A convolution."""
    shape = (SERIES, IMAGES, FILMS)[axes - 1]
    return Pair(
        lambda: getattr(A, name)(**keras, **ours),
        shape,
        lambda K: getattr(K, name)(**keras),
        None if torch is None else lambda nn: torch(nn, axes, shape[-1]),
    )


def conv(nn: Any, axes: int, channels: int) -> Any:
    return getattr(nn, f"Conv{axes}d")(channels, 5, 2)


def backwards(nn: Any, axes: int, channels: int) -> Any:
    return getattr(nn, f"ConvTranspose{axes}d")(channels, 5, 2, 2)


def by_channel(nn: Any, axes: int, channels: int) -> Any:
    return getattr(nn, f"Conv{axes}d")(channels, 2 * channels, 2, groups=channels)


def in_two(nn: Any, axes: int, channels: int) -> Any:
    made = getattr(nn, f"Conv{axes}d")
    return nn.Sequential(made(channels, channels, 2, groups=channels), made(channels, 5, 1))


SAME: dict[str, Pair] = {
    "Dense": Pair(lambda: A.Dense(3), ROWS, lambda K: K.Dense(3), lambda nn: nn.Linear(4, 3)),
    "EinsumDense": Pair(
        lambda: A.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"),
        SERIES,
        lambda K: K.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"),
    ),
    "PReLU": Pair(
        lambda: A.PReLU(shared_axes=1),
        SERIES,
        lambda K: K.PReLU(shared_axes=1),
        lambda nn: nn.PReLU(4),
    ),
    "Bilinear": Pair(lambda: A.Bilinear(3), ROWS, None, lambda nn: nn.Bilinear(4, 4, 3)),
    **{
        f"Conv{n}D": windows(f"Conv{n}D", n, {"filters": 5, "kernel_size": 2}, conv)
        for n in (1, 2, 3)
    },
    **{
        f"Conv{n}DTranspose": windows(
            f"Conv{n}DTranspose", n, {"filters": 5, "kernel_size": 2, "strides": 2}, backwards
        )
        for n in (1, 2, 3)
    },
    **{
        f"DepthwiseConv{n}D": windows(
            f"DepthwiseConv{n}D", n, {"kernel_size": 2, "depth_multiplier": 2}, by_channel
        )
        for n in (1, 2)
    },
    **{
        f"SeparableConv{n}D": windows(
            f"SeparableConv{n}D", n, {"filters": 5, "kernel_size": 2}, in_two
        )
        for n in (1, 2)
    },
    "BatchNormalization": Pair(
        lambda: A.BatchNormalization(**EPS),
        IMAGES,
        lambda K: K.BatchNormalization(**EPS),
        lambda nn: nn.BatchNorm2d(3),
    ),
    "LayerNormalization": Pair(
        lambda: A.LayerNormalization(**EPS),
        SERIES,
        lambda K: K.LayerNormalization(**EPS),
        lambda nn: nn.LayerNorm(4),
    ),
    "GroupNormalization": Pair(
        lambda: A.GroupNormalization(2, **EPS),
        SERIES,
        lambda K: K.GroupNormalization(2, **EPS),
        lambda nn: nn.GroupNorm(2, 4),
    ),
    "RMSNormalization": Pair(
        lambda: A.RMSNormalization(**EPS),
        SERIES,
        lambda K: K.RMSNormalization(**EPS),
        lambda nn: nn.RMSNorm(4, eps=1e-5),
    ),
    "InstanceNormalization": Pair(
        lambda: A.InstanceNormalization(**EPS),
        IMAGES,
        None,
        lambda nn: nn.InstanceNorm2d(3, affine=True),
    ),
    "SpectralNormalization": Pair(
        lambda: A.SpectralNormalization(A.Dense(3)),
        ROWS,
        lambda K: K.SpectralNormalization(K.Dense(3)),
        lambda nn: nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3)),
    ),
    "WeightNormalization": Pair(
        lambda: A.WeightNormalization(A.Dense(3)),
        ROWS,
        None,
        lambda nn: nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)),
    ),
    "Embedding": Pair(
        lambda: A.Embedding(7, 3),
        (5,),
        lambda K: K.Embedding(7, 3),
        lambda nn: nn.Embedding(7, 3),
        7,
    ),
    "EmbeddingBag": Pair(
        lambda: A.EmbeddingBag(7, 3), (5,), None, lambda nn: nn.EmbeddingBag(7, 3), 7
    ),
    "ReversibleEmbedding": Pair(
        lambda: A.ReversibleEmbedding(7, 3, tie_weights=False),
        (5,),
        lambda K: K.ReversibleEmbedding(7, 3, tie_weights=False),
        None,
        7,
    ),
    **{
        name: Pair(
            lambda name=name: getattr(A, name)(3),
            SERIES,
            lambda K, name=name: getattr(K, name)(3),
            lambda nn, there=there: First(nn, getattr(nn, there)(4, 3, batch_first=True), True),
        )
        for name, there in (("SimpleRNN", "RNN"), ("LSTM", "LSTM"), ("GRU", "GRU"))
    },
    "RNN": Pair(
        lambda: A.RNN([A.LSTMCell(3), A.GRUCell(2)]),
        SERIES,
        lambda K: K.RNN([K.LSTMCell(3), K.GRUCell(2)]),
    ),
    "Bidirectional": Pair(
        lambda: A.Bidirectional(A.LSTM(3, return_sequences=True)),
        SERIES,
        lambda K: K.Bidirectional(K.LSTM(3, return_sequences=True)),
        lambda nn: First(nn, nn.LSTM(4, 3, batch_first=True, bidirectional=True)),
    ),
    **{
        f"ConvLSTM{n}D": Pair(
            lambda n=n: getattr(A, f"ConvLSTM{n}D")(2, 2),
            (3, *(SERIES, IMAGES, FILMS)[n - 1]),
            lambda K, n=n: getattr(K, f"ConvLSTM{n}D")(2, 2),
        )
        for n in (1, 2, 3)
    },
    "TimeDistributed": Pair(
        lambda: A.TimeDistributed(A.Dense(3)),
        SERIES,
        lambda K: K.TimeDistributed(K.Dense(3)),
        lambda nn: nn.Linear(4, 3),
    ),
    "TimeDistributed, of series": Pair(
        lambda: A.TimeDistributed(A.LSTM(2)),
        (2, *SERIES),
        lambda K: K.TimeDistributed(K.LSTM(2)),
    ),
    "Bidirectional, of films": Pair(
        lambda: A.Bidirectional(A.ConvLSTM1D(2, 2)),
        (3, *SERIES),
        lambda K: K.Bidirectional(K.ConvLSTM1D(2, 2)),
    ),
    "Bidirectional, of cells": Pair(
        lambda: A.Bidirectional(A.RNN(A.GRUCell(2))),
        SERIES,
        lambda K: K.Bidirectional(K.RNN(K.GRUCell(2))),
    ),
    "SpectralNormalization, of images": Pair(
        lambda: A.SpectralNormalization(A.Conv2D(5, 2)),
        IMAGES,
        lambda K: K.SpectralNormalization(K.Conv2D(5, 2)),
        lambda nn: nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 5, 2)),
    ),
    "WeightNormalization, of images": Pair(
        lambda: A.WeightNormalization(A.Conv1D(5, 2)),
        SERIES,
        None,
        lambda nn: nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 5, 2)),
    ),
    "MultiHeadAttention": Pair(
        lambda: A.MultiHeadAttention(2),
        SERIES,
        lambda K: K.MultiHeadAttention(2, 2),
        lambda nn: First(nn, nn.MultiheadAttention(4, 2, batch_first=True), threefold=True),
    ),
    "GroupQueryAttention": Pair(
        lambda: A.GroupQueryAttention(3, 4, 2),
        SERIES,
        lambda K: K.GroupQueryAttention(3, 4, 2),
    ),
    "Attention": Pair(
        lambda: A.Attention(True, "concat"), SERIES, lambda K: K.Attention(True, "concat")
    ),
    "AdditiveAttention": Pair(
        lambda: A.AdditiveAttention(), SERIES, lambda K: K.AdditiveAttention()
    ),
    "TransformerBlock": Pair(
        lambda: A.TransformerBlock(2, 6, activation="relu", **EPS),
        SERIES,
        None,
        lambda nn: nn.TransformerEncoderLayer(4, 2, 6, batch_first=True, norm_first=True),
    ),
    "AdaptiveLogSoftmax": Pair(
        lambda: A.AdaptiveLogSoftmax(7, [2, 4], 2.0),
        ROWS,
        None,
        lambda nn: Scores(nn, nn.AdaptiveLogSoftmaxWithLoss(4, 7, [2, 4], 2.0)),
    ),
    "Pipeline": Pair(
        lambda: A.Pipeline([A.Dense(3), A.Dense(2)]),
        ROWS,
        lambda K: K.Pipeline([K.Dense(3), K.Dense(2)]),
        lambda nn: nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)),
    ),
}
TWICE = {"Bilinear", "Attention", "AdditiveAttention"}


def First(nn: Any, layer: Any, last: bool = False, threefold: bool = False) -> Any:
    """The first of several results; of the last step, or of a layer that takes an input thrice."""

    class Taken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = layer

        def forward(self, x: Any) -> Any:
            y = self.inner(*[x] * (3 if threefold else 1))[0]
            return y[:, -1] if last else y

    return Taken()


def Scores(nn: Any, layer: Any) -> Any:
    """All logarithms of probabilities."""

    class Scoring(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = layer

        def forward(self, x: Any) -> Any:
            return self.inner.log_prob(x)

    return Scoring()


NOT_TO_KERAS = {"SpectralNormalization", "SpectralNormalization, of images"}  # it keeps W / sigma
ALONE = {
    **dict.fromkeys(
        ("PackedDense", "PackedEmbedding", "PackedLayerNormalization", "PackedBatchNormalization"),
        "several networks side by side, which no peer has",
    ),
    **dict.fromkeys(
        ("SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells"), "as the layers made of them"
    ),
    "STFTSpectrogram": "waves that are computed from its arguments, trainable or not",
    "PositionalEmbedding": "Keras has none; in PyTorch a parameter or an Embedding of places",
    "Wrapper": "for layers of one's own",
}
