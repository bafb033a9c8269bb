"""Samples of the layers: how each is made, and the shape of one sample that it reads.

``SAMPLES`` enrols a layer in its contract (tests/layers/test_layers.py), in training, saving, masks
and ONNX; ``TEXTS`` are networks on ids, for layers that read integers.
"""

import numpy as np

from axon import activations, layers, ops, optimizers
from axon.layers import (
    CELU,
    ELU,
    GLU,
    GRU,
    LSTM,
    RNN,
    Activation,
    ActivityRegularization,
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
    AlphaDropout,
    AutoContrast,
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    BatchNormalization,
    Bidirectional,
    CenterCrop,
    ChannelShuffle,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    Cropping1D,
    Cropping2D,
    Cropping3D,
    Dense,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Dropout,
    EinsumDense,
    Embedding,
    Flatten,
    Fold,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    GroupNormalization,
    GroupQueryAttention,
    GRUCell,
    Hardshrink,
    Hardtanh,
    Identity,
    Input,
    InstanceNormalization,
    Lambda,
    LayerNormalization,
    LeakyReLU,
    LocalResponseNormalization,
    LPPooling1D,
    LPPooling2D,
    LPPooling3D,
    LSTMCell,
    Masking,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
    MultiHeadAttention,
    Normalization,
    PackedBatchNormalization,
    PackedDense,
    PackedEmbedding,
    PackedLayerNormalization,
    Padding1D,
    Padding2D,
    Padding3D,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    PositionalEmbedding,
    PReLU,
    RandomBrightness,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomGrayscale,
    RandomHue,
    RandomInvert,
    RandomPosterization,
    RandomRotation,
    RandomSaturation,
    RandomSharpness,
    RandomTranslation,
    RandomZoom,
    ReLU,
    RepeatVector,
    Rescaling,
    Reshape,
    Resizing,
    RMSNormalization,
    RotaryEmbedding,
    RReLU,
    SeparableConv1D,
    SeparableConv2D,
    SimpleRNN,
    SimpleRNNCell,
    Softmax,
    Softshrink,
    Solarization,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
    StackedRNNCells,
    Threshold,
    TimeDistributed,
    TransformerBlock,
    Unfold,
    UnitNormalization,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from axon.models import Model, Sequential


def normalization(**settings):
    return Normalization([1.0, -2.0, 0.5], [4.0, 0.25, 0.0], **settings)


def like(settings):
    return {"dtype": settings.get("dtype")}


def cell_of(settings):
    return GRUCell(3, **like(settings))


# name -> (how to make the layer, the shape of one sample)
SAMPLES = {
    "Dense": (lambda **s: Dense(3, 4, "tanh", **s), (3,)),
    "Dense of unknown input size": (lambda **s: Dense(4, "sigmoid", **s), (3,)),
    "Dense without bias": (lambda **s: Dense(3, 2, "linear", use_bias=False, **s), (3,)),
    "Dense with softmax": (lambda **s: Dense(3, 4, "softmax", **s), (3,)),
    "PackedDense": (lambda **s: PackedDense(2, 3, "tanh", **s), (5,)),
    "PackedDense of members": (lambda **s: PackedDense(2, 3, "tanh", **s), (2, 5)),
    "PackedLayerNormalization": (lambda **s: PackedLayerNormalization(2, **s), (2, 5)),
    "PackedBatchNormalization": (lambda **s: PackedBatchNormalization(2, **s), (2, 3, 5)),
    "Dense along the last of two axes": (lambda **s: Dense(3, 2, "tanh", **s), (5, 3)),
    "Flatten": (Flatten, (2, 3)),
    "Rescaling": (lambda **s: Rescaling(0.5, -1.0, **s), (2, 3)),
    "Rescaling without offset": (lambda **s: Rescaling(1 / 255, **s), (3,)),
    "Normalization": (normalization, (3,)),
    "Conv2D": (lambda **s: Conv2D(3, 2, activation="tanh", **s), (4, 3, 2)),
    "Conv2D, same, strides": (lambda **s: Conv2D(2, 3, 2, "same", **s), (4, 5, 1)),
    "Conv2D in groups": (lambda **s: Conv2D(4, 2, groups=2, use_bias=False, **s), (3, 3, 2)),
    "Conv1D": (lambda **s: Conv1D(3, 3, padding="causal", dilation_rate=2, **s), (6, 2)),
    "DepthwiseConv2D": (lambda **s: DepthwiseConv2D(2, depth_multiplier=2, **s), (3, 4, 2)),
    "SeparableConv2D": (lambda **s: SeparableConv2D(3, 2, **s), (3, 4, 2)),
    "Conv2DTranspose": (lambda **s: Conv2DTranspose(2, 3, 2, "same", **s), (2, 3, 2)),
    "MaxPooling1D": (MaxPooling1D, (5, 2)),
    "MaxPooling2D": (lambda **s: MaxPooling2D(2, 1, **s), (3, 4, 2)),
    "AveragePooling1D": (AveragePooling1D, (5, 2)),
    "AveragePooling2D": (lambda **s: AveragePooling2D(2, padding="same", **s), (3, 4, 2)),
    "GlobalMaxPooling1D": (GlobalMaxPooling1D, (5, 2)),
    "GlobalMaxPooling2D": (GlobalMaxPooling2D, (3, 4, 2)),
    "GlobalAveragePooling1D": (GlobalAveragePooling1D, (5, 2)),
    "GlobalAveragePooling2D": (lambda **s: GlobalAveragePooling2D(True, **s), (3, 4, 2)),
    "Reshape": (lambda **s: Reshape((3, -1), **s), (2, 6)),
    "ZeroPadding1D": (ZeroPadding1D, (3, 2)),
    "ZeroPadding2D": (lambda **s: ZeroPadding2D(((1, 0), (2, 1)), **s), (2, 3, 1)),
    "UpSampling1D": (UpSampling1D, (3, 2)),
    "UpSampling2D": (UpSampling2D, (2, 3, 1)),
    "UpSampling2D, bilinear": (lambda **s: UpSampling2D((2, 3), "bilinear", **s), (2, 3, 1)),
    "Activation": (lambda **s: Activation("tanh", **s), (3,)),
    "Input": (lambda **s: Input((3,), **s), (3,)),
    "BatchNormalization": (BatchNormalization, (3, 2)),
    "LayerNormalization": (LayerNormalization, (3, 4)),
    "RMSNormalization": (RMSNormalization, (5,)),
    "GroupNormalization": (lambda **s: GroupNormalization(2, **s), (3, 4)),
    "Dropout": (lambda **s: Dropout(0.5, **s), (4,)),
    "SpatialDropout1D": (lambda **s: SpatialDropout1D(0.5, **s), (4, 2)),
    "SpatialDropout2D": (lambda **s: SpatialDropout2D(0.5, **s), (2, 3, 2)),
    "GaussianNoise": (lambda **s: GaussianNoise(0.5, **s), (4,)),
    "GaussianDropout": (lambda **s: GaussianDropout(0.5, **s), (4,)),
    "RandomFlip": (RandomFlip, (3, 4, 1)),
    "RandomTranslation": (lambda **s: RandomTranslation(0.1, 0.1, **s), (3, 4, 1)),
    "RandomRotation": (lambda **s: RandomRotation(0.1, **s), (3, 4, 1)),
    "RandomZoom": (lambda **s: RandomZoom(0.1, **s), (3, 4, 1)),
    "RandomCrop": (lambda **s: RandomCrop(2, 3, **s), (3, 4, 2)),
    "RandomErasing": (RandomErasing, (3, 4, 1)),
    "PositionalEmbedding": (PositionalEmbedding, (3, 4)),
    "Masking": (Masking, (3, 2)),
    "SimpleRNN": (lambda **s: SimpleRNN(3, **s), (4, 2)),
    "LSTM": (lambda **s: LSTM(3, **s), (4, 2)),
    "LSTM, all steps": (lambda **s: LSTM(2, return_sequences=True, **s), (3, 2)),
    "LSTM, two layers": (lambda **s: LSTM(2, num_layers=2, **s), (3, 2)),
    "RNN": (lambda **s: RNN([LSTMCell(2, dtype=s.get("dtype")), cell_of(s)], **s), (3, 2)),
    "GRU": (lambda **s: GRU(3, **s), (4, 2)),
    "Bidirectional": (lambda **s: Bidirectional(GRU(2, dtype=s.get("dtype")), **s), (3, 2)),
    "MultiHeadAttention": (lambda **s: MultiHeadAttention(2, 3, **s), (4, 5)),
    "MultiHeadAttention, turned": (
        lambda **s: MultiHeadAttention(2, 4, rotary=True, sliding_window=2, **s),
        (4, 5),
    ),
    "GroupQueryAttention": (
        lambda **s: GroupQueryAttention(3, 4, 2, use_bias=False, **s),
        (4, 5),
    ),
    "TimeDistributed": (
        lambda **s: TimeDistributed(Dense(3, "tanh", dtype=s.get("dtype")), **s),
        (4, 2),
    ),
    "RepeatVector": (lambda **s: RepeatVector(3, **s), (4,)),
    "Permute": (lambda **s: Permute((2, 1), **s), (3, 4)),
    "RotaryEmbedding": (RotaryEmbedding, (3, 4)),
    "TransformerBlock": (lambda **s: TransformerBlock(2, 6, activation="tanh", **s), (3, 4)),
    # functions with settings
    "ReLU": (lambda **s: ReLU(0.7, 0.1, 0.2, **s), (4,)),
    "LeakyReLU": (LeakyReLU, (4,)),
    "PReLU": (lambda **s: PReLU("ones", shared_axes=1, **s), (2, 3)),
    "ELU": (lambda **s: ELU(0.5, **s), (4,)),
    "CELU": (lambda **s: CELU(0.5, **s), (4,)),
    "GLU": (GLU, (4,)),
    "Hardtanh": (lambda **s: Hardtanh(-0.3, **s), (4,)),
    "Hardshrink": (Hardshrink, (4,)),
    "Softshrink": (Softshrink, (4,)),
    "Threshold": (lambda **s: Threshold(0.3, -1, **s), (4,)),
    "Softmax": (lambda **s: Softmax((1, 2), **s), (2, 3)),
    "RReLU": (RReLU, (4,)),
    # along one axis and along three
    "Conv3D": (lambda **s: Conv3D(2, 2, padding="same", **s), (2, 3, 2, 1)),
    "Conv3DTranspose": (lambda **s: Conv3DTranspose(2, 2, 2, **s), (2, 1, 2, 1)),
    "Conv1DTranspose": (lambda **s: Conv1DTranspose(2, 3, 2, "same", **s), (3, 2)),
    "DepthwiseConv1D": (lambda **s: DepthwiseConv1D(2, padding="causal", **s), (4, 2)),
    "SeparableConv1D": (lambda **s: SeparableConv1D(3, 2, **s), (4, 2)),
    "Conv2D, circular": (
        lambda **s: Conv2D(2, 3, padding=1, padding_mode="circular", **s),
        (3, 3, 1),
    ),
    "MaxPooling3D": (MaxPooling3D, (2, 3, 2, 1)),
    "AveragePooling3D": (lambda **s: AveragePooling3D(2, padding="same", **s), (2, 3, 2, 1)),
    "GlobalMaxPooling3D": (GlobalMaxPooling3D, (2, 2, 1, 2)),
    "GlobalAveragePooling3D": (GlobalAveragePooling3D, (2, 2, 1, 2)),
    "AveragePooling2D, around": (
        lambda **s: AveragePooling2D(2, padding=1, ceil_mode=True, **s),
        (3, 4, 1),
    ),
    "AdaptiveAveragePooling1D": (lambda **s: AdaptiveAveragePooling1D(2, **s), (3, 2)),
    "AdaptiveAveragePooling2D": (lambda **s: AdaptiveAveragePooling2D((2, None), **s), (3, 2, 1)),
    "AdaptiveAveragePooling3D": (lambda **s: AdaptiveAveragePooling3D(1, **s), (2, 3, 2, 1)),
    "AdaptiveMaxPooling1D": (lambda **s: AdaptiveMaxPooling1D(2, **s), (3, 2)),
    "AdaptiveMaxPooling2D": (lambda **s: AdaptiveMaxPooling2D((2, None), **s), (3, 2, 1)),
    "AdaptiveMaxPooling3D": (lambda **s: AdaptiveMaxPooling3D(1, **s), (2, 3, 2, 1)),
    "LPPooling1D": (lambda **s: LPPooling1D(2, 2, **s), (4, 2)),
    "LPPooling2D": (lambda **s: LPPooling2D(2, (1, 2), **s), (2, 2, 1)),
    "LPPooling3D": (lambda **s: LPPooling3D(2, (1, 1, 2), **s), (1, 2, 2, 1)),
    "Cropping1D": (Cropping1D, (4, 2)),
    "Cropping2D": (lambda **s: Cropping2D(((1, 0), (0, 1)), **s), (2, 3, 2)),
    "Cropping3D": (lambda **s: Cropping3D((0, 1, 0), **s), (1, 3, 2, 1)),
    "Padding1D": (lambda **s: Padding1D((2, 1), "symmetric", **s), (3, 2)),
    "Padding2D": (lambda **s: Padding2D((1, 2), "reflect", **s), (2, 3, 1)),
    "Padding3D": (lambda **s: Padding3D((0, 1, 0), value=2.0, **s), (1, 2, 2, 1)),
    "ZeroPadding3D": (lambda **s: ZeroPadding3D((0, 1, 0), **s), (1, 2, 2, 1)),
    # normalizations
    "LayerNormalization of axes": (lambda **s: LayerNormalization((1, 3), **s), (2, 2, 3)),
    "InstanceNormalization": (InstanceNormalization, (4, 2)),
    "UnitNormalization": (lambda **s: UnitNormalization((1, 2), **s), (2, 3)),
    "LocalResponseNormalization": (
        lambda **s: LocalResponseNormalization(3, alpha=0.5, **s),
        (2, 5),
    ),
    # small ones
    "Identity": (Identity, (3,)),
    "ActivityRegularization": (lambda **s: ActivityRegularization(0.1, 0.1, **s), (3,)),
    "Lambda": (lambda **s: Lambda(activations.tanh, **s), (3,)),
    "EinsumDense": (
        lambda **s: EinsumDense("abc,cd->adb", (2, None), "tanh", "d", **s),
        (3, 2),
    ),
    "PixelShuffle": (lambda **s: PixelShuffle(2, **s), (2, 1, 4)),
    "PixelUnshuffle": (lambda **s: PixelUnshuffle(2, **s), (2, 4, 1)),
    "ChannelShuffle": (lambda **s: ChannelShuffle(2, **s), (2, 4)),
    "Unfold": (lambda **s: Unfold(2, padding=1, **s), (2, 2, 2)),
    "Fold": (lambda **s: Fold((3, 3), 2, **s), (4, 4)),
    "SpatialDropout3D": (lambda **s: SpatialDropout3D(0.5, **s), (1, 2, 1, 2)),
    "AlphaDropout": (lambda **s: AlphaDropout(0.5, **s), (4,)),
    # colours, and sizes of images
    "RandomBrightness": (lambda **s: RandomBrightness(0.5, (-1, 1), **s), (2, 2, 1)),
    "RandomContrast": (lambda **s: RandomContrast(0.5, **s), (2, 2, 1)),
    "RandomColorDegeneration": (lambda **s: RandomColorDegeneration(0.5, **s), (2, 1, 3)),
    "RandomColorJitter": (
        lambda **s: RandomColorJitter((-1, 1), 0.2, 0.2, None, 0.1, **s),
        (2, 1, 3),
    ),
    "RandomGrayscale": (RandomGrayscale, (2, 1, 3)),
    "RandomHue": (lambda **s: RandomHue(0.5, **s), (2, 1, 3)),
    "RandomInvert": (lambda **s: RandomInvert(1.0, (-1, 1), **s), (2, 1, 2)),
    "RandomPosterization": (lambda **s: RandomPosterization((2, 5), (-1, 1), **s), (2, 1, 2)),
    "RandomSaturation": (lambda **s: RandomSaturation(0.5, **s), (2, 1, 3)),
    "RandomSharpness": (lambda **s: RandomSharpness(0.5, **s), (3, 2, 1)),
    "Solarization": (lambda **s: Solarization(0.1, 0.5, (-1, 1), **s), (2, 1, 2)),
    "AutoContrast": (lambda **s: AutoContrast((-1, 1), **s), (2, 2, 1)),
    "Resizing": (lambda **s: Resizing(3, 4, "bicubic", **s), (2, 5, 1)),
    "CenterCrop": (lambda **s: CenterCrop(2, 1, **s), (3, 2, 1)),
    "Conv2D, channels first": (
        lambda **s: Conv2D(2, 2, data_format="channels_first", **s),
        (1, 3, 2),
    ),
    "Dense of costs": (lambda **s: Dense(units=2, activity_regularizer="l1_l2", **s), (3,)),
    "UpSampling3D": (lambda **s: UpSampling3D((1, 2, 1), **s), (2, 1, 2, 2)),
    # around others
    "Pipeline": (
        lambda **s: layers.Pipeline([Rescaling(0.5, **like(s)), Dense(2, **like(s))], **s),
        (3,),
    ),
    "SpectralNormalization": (
        lambda **s: layers.SpectralNormalization(Conv2D(2, 2, **like(s)), **s),
        (2, 3, 2),
    ),
    "WeightNormalization": (
        lambda **s: layers.WeightNormalization(Dense(2, **like(s)), **s),
        (3,),
    ),
    "ConvLSTM1D": (lambda **s: layers.ConvLSTM1D(2, 2, **s), (2, 3, 1)),
    "ConvLSTM2D": (
        lambda **s: layers.ConvLSTM2D(1, (1, 2), padding="same", return_sequences=True, **s),
        (2, 1, 2, 1),
    ),
    "ConvLSTM3D": (lambda **s: layers.ConvLSTM3D(1, (1, 2, 1), **s), (2, 1, 2, 1, 1)),
    # images bent, evened out and mixed
    "RandomShear": (lambda **s: layers.RandomShear(0.3, 0.3, **s), (2, 3, 1)),
    "RandomPerspective": (lambda **s: layers.RandomPerspective((1, 1), 0.3, **s), (2, 3, 1)),
    "RandomElasticTransform": (
        lambda **s: layers.RandomElasticTransform((1, 1), value_range=(-9, 9), **s),
        (3, 4, 1),
    ),
    "RandomGaussianBlur": (
        lambda **s: layers.RandomGaussianBlur((1, 1), value_range=(-9, 9), **s),
        (2, 3, 1),
    ),
    "Equalization": (lambda **s: layers.Equalization((-3, 3), 7, **s), (2, 3, 1)),
    "ContrastLimitedAdaptiveHistogramEqualization": (
        lambda **s: layers.ContrastLimitedAdaptiveHistogramEqualization(
            (-3, 3), tile_grid_size=(1, 2), **s
        ),
        (2, 3, 1),
    ),
    "MaxPooling2D, apart": (
        lambda **s: layers.MaxPooling2D((2, 1), 1, (1, 0), dilation=(2, 1), **s),
        (3, 2, 1),
    ),
    "FeatureAlphaDropout": (lambda **s: layers.FeatureAlphaDropout(0.5, **s), (2, 4)),
    "FractionalMaxPooling2D": (lambda **s: layers.FractionalMaxPooling2D(2, 2, **s), (3, 4, 1)),
    "FractionalMaxPooling3D": (
        lambda **s: layers.FractionalMaxPooling3D((1, 2, 1), (2, 2, 2), **s),
        (2, 3, 2, 1),
    ),
    "AdaptiveLogSoftmax": (lambda **s: layers.AdaptiveLogSoftmax(7, [2, 4], 2.0, **s), (6,)),
    # sounds
    "STFTSpectrogram": (lambda **s: layers.STFTSpectrogram("psd", 4, 2, **s), (6, 2)),
    "MelSpectrogram": (
        lambda **s: layers.MelSpectrogram(8, 3, num_mel_bins=2, power_to_db=False, **s),
        (7,),
    ),
}
ON_SEVERAL = {  # layers of several inputs; see GRAPHS
    *(layers.Add, layers.Subtract, layers.Multiply, layers.Average),
    *(layers.Maximum, layers.Minimum, layers.Concatenate, layers.Dot),
    *(layers.Attention, layers.AdditiveAttention),
    *(layers.Bilinear, layers.CosineSimilarity, layers.PairwiseDistance),
    layers.TransformerDecoderBlock,
    *(layers.MaxUnpooling1D, layers.MaxUnpooling2D, layers.MaxUnpooling3D),
}
# The samples above are floats; see TEXTS.
ON_INTEGERS = {layers.Embedding, layers.PackedEmbedding}
ON_INTEGERS |= {layers.CategoryEncoding, layers.Discretization}
ON_INTEGERS |= {layers.EmbeddingBag, layers.ReversibleEmbedding}
# What comes in is not what a program reads: tests/layers/test_text.py.
PREPARING = {layers.TextVectorization, layers.StringLookup, layers.IntegerLookup}
PREPARING |= {layers.Hashing, layers.HashedCrossing}
# Made of others, all of which they compute: tests/layers/test_bends.py.
POLICIES = {layers.RandAugment, layers.AugMix}
CELLS = {SimpleRNNCell, LSTMCell, GRUCell, StackedRNNCells}  # with states: tried inside an RNN


def made(make, shape, **settings):
    layer = make(**settings)
    layer.build(shape)
    for i, p in enumerate(layer.parameters()):  # biases begin at 0, which would hide mistakes
        p.assign(np.random.default_rng(i).normal(size=p.shape))
    return layer


def around(layer, eager):
    """A network in which gradients flow through the layer, to weights before it and behind it."""
    before = Dense(layer[1][-1], "tanh")
    before.build(layer[1])
    model = Sequential([before, layer[0](), Flatten(), Dense(2)])
    model.compile("mse", optimizers.SGD(0.01, momentum=0.9), eager=eager)
    return model


def ids(vocabulary, *shape):
    return np.random.default_rng(5).integers(0, vocabulary, shape)


def reading(*parts):
    return lambda: [Embedding(9, 4, mask_zero=parts[0]), *(part() for part in parts[1:]), Dense(2)]


TEXTS = {  # networks on integers
    "Embedding": lambda: [Embedding(9, 3), Flatten(), Dense(2)],
    "PackedEmbedding": lambda: [PackedEmbedding(2, 9, 3), Flatten(), Dense(2)],
    "CategoryEncoding": lambda: [layers.CategoryEncoding(9, "count"), Dense(2)],
    "Discretization": lambda: [
        layers.Discretization([2.0, 5.0]),
        *(Embedding(3, 3), Flatten(), Dense(2)),
    ],
    "EmbeddingBag": lambda: [layers.EmbeddingBag(9, 3, padding_idx=0), Dense(2)],
    "EmbeddingBag of the largest": lambda: [layers.EmbeddingBag(9, 3, "max"), Dense(2)],
    "ReversibleEmbedding": lambda: [
        layers.ReversibleEmbedding(9, 3, mask_zero=True),
        *(GlobalAveragePooling1D(), Dense(2)),
    ],
    "Embedding, mask_zero, LSTM": reading(True, lambda: LSTM(3)),
    "Embedding, mask_zero, GRU": reading(True, lambda: layers.GRU(3)),
    "Embedding, mask_zero, both directions": reading(
        True, lambda: layers.Bidirectional(LSTM(2, return_sequences=True)), lambda: LSTM(3)
    ),
    "Embedding, mask_zero, mean": reading(True, GlobalAveragePooling1D),
    "Embedding, mask_zero, attention": reading(
        True,
        layers.PositionalEmbedding,
        lambda: layers.TransformerBlock(2, 5, dropout=0.2),
        GlobalAveragePooling1D,
    ),
    "Embedding, Dropout": reading(False, lambda: layers.SpatialDropout1D(0.4), Flatten),
}


def merged(shape=(3,)):
    """A network in the functional style, of every layer that takes several inputs."""
    x = Input(shape)
    a, b = Dense(4, "tanh")(x), Dense(4, "sigmoid")(x)
    pairs = [layers.Subtract()([a, b]), layers.Multiply()([a, b]), layers.Average()([a, b, a])]
    pairs += [layers.Maximum()([a, b]), layers.Minimum()([a, b * 0.5])]
    found = layers.Concatenate()([layers.Add()(pairs), layers.Dot(axes=-1)([a, b])])
    alike = [layers.CosineSimilarity()([a, b]), layers.PairwiseDistance(3, keepdim=True)([a, b])]
    found = layers.Concatenate()([found, alike[0].reshape(-1, 1), alike[1]])
    return Model(x, Dense(2)(layers.Concatenate()([found, layers.Bilinear(2)([a, b])])))


def shared(shape=(3,)):
    """The same layer twice, a model inside a model, and operators between them."""
    x, twice = Input(shape), Dense(3, "tanh")
    inner = Input((3,))
    nested = Model(inner, LayerNormalization()(ops.exp(-inner) + inner[:, ::-1]))
    return Model(x, Dense(2)(nested(twice(twice(x))).reshape(-1, 3) * 2.0))


def attending(shape=(3,)):
    """States that pass from layer to layer, and attention to all steps of the first."""
    row = Input(shape)
    x = layers.Reshape((4, 3))(Dense(12, "tanh")(row))
    said, h, c = LSTM(3, return_sequences=True, return_state=True)(x)
    y = LSTM(3, return_sequences=True)(x, initial_state=[h, c])
    seen = [layers.Attention(True, "concat")([y, said]), layers.AdditiveAttention()([y, said, x])]
    seen.append(layers.Attention()([y, said], use_causal_mask=True))
    seen.append(layers.TransformerDecoderBlock(1, 4, activation="tanh")([y, said]))
    return Model(row, Dense(2)(Flatten()(layers.Concatenate()(seen))))


def unpooled(shape=(3,)):
    """What is pooled, and put back to where it was, along one to three axes."""
    row = Input(shape)
    x, found = Dense(16, "tanh")(row), []
    for axes, (size, window) in enumerate((((8, 2), 3), ((4, 2, 2), 2), ((2, 4, 2, 1), 2)), 1):
        pool = getattr(layers, f"MaxPooling{axes}D")
        back = getattr(layers, f"MaxUnpooling{axes}D")
        y, places = pool(window, 2, return_indices=True)(layers.Reshape(size)(x))
        found.append(Flatten()(back(window, 2)([y * 2.0, places])))
    return Model(row, Dense(2)(layers.Concatenate()(found)))


GRAPHS = {
    "pooled and put back": unpooled,
    "every layer of several inputs": merged,
    "shared, nested, operators": shared,
    "states and attention": attending,
}
