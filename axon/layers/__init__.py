"""Layers, from a single Neuron upwards.

What most networks are made of is there at once, the rest when it is asked for.
"""

from typing import TYPE_CHECKING, Any

from axon.layers.augmentation import (
    MixUp,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from axon.layers.base import Layer
from axon.layers.convolution import Conv1D, Conv2D
from axon.layers.dense import Activation, Dense
from axon.layers.embedding import Embedding, PositionalEmbedding
from axon.layers.input import Input
from axon.layers.module import Module
from axon.layers.noise import (
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
)
from axon.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
from axon.layers.packed import (
    PackedBatchNormalization,
    PackedDense,
    PackedEmbedding,
    PackedLayerNormalization,
)
from axon.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from axon.layers.preprocessing import Flatten, Masking, Normalization, Rescaling
from axon.layers.reshaping import Reshape, UpSampling1D, UpSampling2D, ZeroPadding1D, ZeroPadding2D
from axon.names import missing

if TYPE_CHECKING:
    from axon.layers.activations import (
        CELU,
        ELU,
        GLU,
        Hardshrink,
        Hardtanh,
        LeakyReLU,
        PReLU,
        ReLU,
        RReLU,
        Softmax,
        Softshrink,
        Threshold,
    )
    from axon.layers.attention import (
        GroupQueryAttention,
        MultiHeadAttention,
        TransformerBlock,
    )
    from axon.layers.bags import EmbeddingBag, ReversibleEmbedding
    from axon.layers.bends import (
        RandomElasticTransform,
        RandomGaussianBlur,
        RandomPerspective,
        RandomShear,
    )
    from axon.layers.categories import CategoryEncoding, Discretization, HashedCrossing, Hashing
    from axon.layers.cells import GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells
    from axon.layers.clusters import AdaptiveLogSoftmax
    from axon.layers.colors import (
        AutoContrast,
        RandomBrightness,
        RandomColorDegeneration,
        RandomColorJitter,
        RandomContrast,
        RandomGrayscale,
        RandomHue,
        RandomInvert,
        RandomPosterization,
        RandomSaturation,
        RandomSharpness,
        Solarization,
    )
    from axon.layers.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
    from axon.layers.decoder import TransformerDecoderBlock
    from axon.layers.edges import (
        Cropping1D,
        Cropping2D,
        Cropping3D,
        Padding1D,
        Padding2D,
        Padding3D,
        UpSampling3D,
        ZeroPadding3D,
    )
    from axon.layers.histograms import (
        ContrastLimitedAdaptiveHistogramEqualization,
        Equalization,
    )
    from axon.layers.lookup import IntegerLookup, StringLookup
    from axon.layers.merge import (
        Add,
        Average,
        Concatenate,
        Dot,
        Maximum,
        Minimum,
        Multiply,
        Subtract,
        add,
        average,
        concatenate,
        dot,
        maximum,
        minimum,
        multiply,
        subtract,
    )
    from axon.layers.mixing import AugMix, CutMix, RandAugment
    from axon.layers.neuron import Neuron
    from axon.layers.norms import (
        InstanceNormalization,
        LocalResponseNormalization,
        UnitNormalization,
    )
    from axon.layers.pairs import Bilinear, CosineSimilarity, PairwiseDistance
    from axon.layers.pools import (
        AdaptiveAveragePooling1D,
        AdaptiveAveragePooling2D,
        AdaptiveAveragePooling3D,
        AdaptiveMaxPooling1D,
        AdaptiveMaxPooling2D,
        AdaptiveMaxPooling3D,
        AveragePooling3D,
        GlobalAveragePooling3D,
        GlobalMaxPooling3D,
        LPPooling1D,
        LPPooling2D,
        LPPooling3D,
        MaxPooling3D,
    )
    from axon.layers.queries import AdditiveAttention, Attention
    from axon.layers.recurrent import GRU, LSTM, Bidirectional, SimpleRNN
    from axon.layers.rnn import RNN
    from axon.layers.rotary import RotaryEmbedding
    from axon.layers.separable import DepthwiseConv2D, SeparableConv2D
    from axon.layers.simple import (
        ActivityRegularization,
        AlphaDropout,
        ChannelShuffle,
        EinsumDense,
        FeatureAlphaDropout,
        Fold,
        Identity,
        Lambda,
        PixelShuffle,
        PixelUnshuffle,
        SpatialDropout3D,
        Unfold,
    )
    from axon.layers.sizes import CenterCrop, Resizing
    from axon.layers.specs import InputSpec
    from axon.layers.spectrograms import MelSpectrogram, STFTSpectrogram
    from axon.layers.steps import Permute, RepeatVector, TimeDistributed
    from axon.layers.text import TextVectorization
    from axon.layers.transposed import Conv2DTranspose
    from axon.layers.unpooling import (
        FractionalMaxPooling2D,
        FractionalMaxPooling3D,
        MaxUnpooling1D,
        MaxUnpooling2D,
        MaxUnpooling3D,
    )
    from axon.layers.volumes import (
        Conv1DTranspose,
        Conv3D,
        Conv3DTranspose,
        DepthwiseConv1D,
        SeparableConv1D,
    )
    from axon.layers.wrappers import (
        Pipeline,
        SpectralNormalization,
        WeightNormalization,
        Wrapper,
    )

LATER = {  # file -> the layers in it, which are loaded when one of them is asked for
    "activations": (
        *("CELU", "ELU", "GLU", "Hardshrink", "Hardtanh", "LeakyReLU", "PReLU", "RReLU", "ReLU"),
        *("Softmax", "Softshrink", "Threshold"),
    ),
    "categories": ("CategoryEncoding", "Discretization", "HashedCrossing", "Hashing"),
    "clusters": ("AdaptiveLogSoftmax",),
    "decoder": ("TransformerDecoderBlock",),
    "specs": ("InputSpec",),
    "lookup": ("IntegerLookup", "StringLookup"),
    "merge": (
        *("Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"),
        *("add", "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract"),
    ),
    "edges": (
        *("Cropping1D", "Cropping2D", "Cropping3D", "Padding1D", "Padding2D", "Padding3D"),
        *("UpSampling3D", "ZeroPadding3D"),
    ),
    "pools": (
        *("AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D"),
        *("AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D"),
        *("AveragePooling3D", "GlobalAveragePooling3D", "GlobalMaxPooling3D", "MaxPooling3D"),
        *("LPPooling1D", "LPPooling2D", "LPPooling3D"),
    ),
    "colors": (
        *("AutoContrast", "RandomBrightness", "RandomColorDegeneration", "RandomContrast"),
        *("RandomColorJitter",),
        *("RandomGrayscale", "RandomHue", "RandomInvert", "RandomPosterization"),
        *("RandomSaturation", "RandomSharpness", "Solarization"),
    ),
    "sizes": ("CenterCrop", "Resizing"),
    "norms": ("InstanceNormalization", "LocalResponseNormalization", "UnitNormalization"),
    "simple": (
        *("ActivityRegularization", "AlphaDropout", "ChannelShuffle", "EinsumDense", "Fold"),
        *("FeatureAlphaDropout", "Identity", "Lambda", "PixelShuffle", "PixelUnshuffle"),
        *("SpatialDropout3D", "Unfold"),
    ),
    "volumes": (
        *("Conv1DTranspose", "Conv3D", "Conv3DTranspose", "DepthwiseConv1D", "SeparableConv1D"),
    ),
    "text": ("TextVectorization",),
    "neuron": ("Neuron",),
    "attention": ("GroupQueryAttention", "MultiHeadAttention", "TransformerBlock"),
    "cells": ("GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"),
    "recurrent": ("GRU", "LSTM", "Bidirectional", "SimpleRNN"),
    "rnn": ("RNN",),
    "rotary": ("RotaryEmbedding",),
    "queries": ("AdditiveAttention", "Attention"),
    "steps": ("Permute", "RepeatVector", "TimeDistributed"),
    "separable": ("DepthwiseConv2D", "SeparableConv2D"),
    "transposed": ("Conv2DTranspose",),
    "unpooling": (
        *("FractionalMaxPooling2D", "FractionalMaxPooling3D"),
        *("MaxUnpooling1D", "MaxUnpooling2D", "MaxUnpooling3D"),
    ),
    "conv_lstm": ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
    "bends": (
        *("RandomElasticTransform", "RandomGaussianBlur", "RandomPerspective", "RandomShear"),
    ),
    "histograms": ("ContrastLimitedAdaptiveHistogramEqualization", "Equalization"),
    "mixing": ("AugMix", "CutMix", "RandAugment"),
    "bags": ("EmbeddingBag", "ReversibleEmbedding"),
    "pairs": ("Bilinear", "CosineSimilarity", "PairwiseDistance"),
    "spectrograms": ("MelSpectrogram", "STFTSpectrogram"),
    "wrappers": ("Pipeline", "SpectralNormalization", "WeightNormalization", "Wrapper"),
}
HOMES = {name: home for home, names in LATER.items() for name in names}

_ELSEWHERE = {
    "GroupedQueryAttention": "GroupQueryAttention",
    "InputLayer": "Input(shape)",
    "Linear": "Dense",
}


__all__ = [
    *(n for n, v in globals().items() if isinstance(v, type) and v.__module__.startswith(__name__)),
    *HOMES,
]


ALIASES = {  # other names that Keras has for the same
    **{f"Convolution{n}D": f"Conv{n}D" for n in (1, 2, 3)},
    **{f"Convolution{n}DTranspose": f"Conv{n}DTranspose" for n in (1, 2, 3)},
    **{f"SeparableConvolution{n}D": f"SeparableConv{n}D" for n in (1, 2)},
    **{f"AvgPool{n}D": f"AveragePooling{n}D" for n in (1, 2, 3)},
    **{f"MaxPool{n}D": f"MaxPooling{n}D" for n in (1, 2, 3)},
    **{f"GlobalAvgPool{n}D": f"GlobalAveragePooling{n}D" for n in (1, 2, 3)},
    **{f"GlobalMaxPool{n}D": f"GlobalMaxPooling{n}D" for n in (1, 2, 3)},
}


def __getattr__(name: str) -> Any:
    name = ALIASES.get(name, name)
    if name in globals():
        return globals()[name]
    if name not in HOMES:
        from axon.layers.elsewhere import PYTORCH  # only an error pays for it

        raise missing(__name__, name, {**globals(), **HOMES}, {**PYTORCH, **_ELSEWHERE})
    from importlib import import_module

    return globals().setdefault(name, getattr(import_module(f"{__name__}.{HOMES[name]}"), name))


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
