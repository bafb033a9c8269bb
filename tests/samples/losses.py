"""Samples of the losses in training: what each is made with, behind which activation, on what."""

import numpy as np

from axon import losses

random = np.random.default_rng(0)

LABELS = np.arange(11) % 3
HOT, NUMBERS = np.eye(3, dtype="float32")[LABELS], random.normal(size=(11, 3)).astype("float32")
CHANCES, COUNTS = random.random((11, 3)).astype("float32"), random.integers(0, 5, (11, 3))
SHARES = CHANCES / CHANCES.sum(axis=1, keepdims=True)

# class -> [(the loss, the last activation, targets)]
LOSSES = {
    losses.BinaryCrossEntropy: [
        (lambda: losses.BinaryCrossEntropy(label_smoothing=0.1), "sigmoid", HOT),
        (lambda: losses.BinaryCrossEntropy(from_logits=True), None, CHANCES),
        (losses.BinaryCrossEntropy, "hard_sigmoid", HOT),  # not from logits
    ],
    losses.BinaryFocalCrossEntropy: [
        (losses.BinaryFocalCrossEntropy, "sigmoid", HOT),
        (
            lambda: losses.BinaryFocalCrossEntropy(gamma=1.5, apply_class_balancing=True),
            *("sigmoid", HOT),
        ),
    ],
    losses.CategoricalCrossEntropy: [
        (losses.CategoricalCrossEntropy, "softmax", LABELS),
        (lambda: losses.CategoricalCrossEntropy(label_smoothing=0.1), "softmax", HOT),
        (lambda: losses.CategoricalCrossEntropy(from_logits=True), None, SHARES),
    ],
    losses.CategoricalFocalCrossEntropy: [
        (losses.CategoricalFocalCrossEntropy, "softmax", LABELS),
        (lambda: losses.CategoricalFocalCrossEntropy(alpha=[0.2, 0.3, 0.5]), "softmax", HOT),
    ],
    losses.CosineSimilarity: [(losses.CosineSimilarity, "tanh", NUMBERS)],
    losses.Hinge: [(losses.Hinge, None, HOT), (losses.Hinge, "tanh", 2 * HOT - 1)],
    losses.Huber: [(lambda: losses.Huber(0.5), None, NUMBERS)],
    losses.KLDivergence: [(losses.KLDivergence, "softmax", SHARES)],
    losses.LogCosh: [(losses.LogCosh, None, NUMBERS)],
    losses.MeanAbsoluteError: [(losses.MeanAbsoluteError, None, NUMBERS)],
    losses.MeanSquaredError: [(losses.MeanSquaredError, None, NUMBERS)],
    losses.Poisson: [(losses.Poisson, "softplus", COUNTS)],
    losses.SquaredHinge: [(losses.SquaredHinge, None, HOT)],
    losses.CategoricalGeneralizedCrossEntropy: [
        (losses.CategoricalGeneralizedCrossEntropy, "softmax", LABELS)
    ],
    losses.CategoricalHinge: [(losses.CategoricalHinge, None, LABELS)],
    losses.Dice: [(lambda: losses.Dice(axis=1), "softmax", HOT)],
    losses.HingeEmbedding: [(losses.HingeEmbedding, "softplus", HOT)],
    losses.MeanAbsolutePercentageError: [(losses.MeanAbsolutePercentageError, None, NUMBERS)],
    losses.MeanSquaredLogarithmicError: [(losses.MeanSquaredLogarithmicError, "softplus", COUNTS)],
    losses.MultiLabelMargin: [(losses.MultiLabelMargin, None, HOT)],
    losses.MultiMargin: [(lambda: losses.MultiMargin(2, weight=[1, 2, 3]), None, LABELS)],
    losses.NLL: [(losses.NLL, "log_softmax", LABELS)],
    losses.PoissonNLL: [(losses.PoissonNLL, None, COUNTS)],
    losses.Quantile: [(lambda: losses.Quantile(0.8), None, NUMBERS)],
    losses.SmoothL1: [(lambda: losses.SmoothL1(0.5), None, NUMBERS)],
    losses.SoftMargin: [(losses.SoftMargin, None, HOT)],
    losses.Tversky: [(lambda: losses.Tversky(0.3, 0.7, axis=-1), "sigmoid", HOT)],
}
# Predictions of shapes of their own: tests/losses/test_of_several.py tries them.
APART = {
    *(losses.Circle, losses.CosineEmbedding, losses.CTC, losses.GaussianNLL),
    *(losses.MarginRanking, losses.TripletMargin),
}
# Losses of plain numbers: tables of other tests take them from here.
OF_NUMBERS = {
    kind: ways[0][0]
    for kind, ways in LOSSES.items()
    if ways[0][1] is None and ways[0][2] is NUMBERS
}
X = random.normal(size=(11, 5)).astype("float32")
