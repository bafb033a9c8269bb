"""The same losses and gradients as PyTorch, if installed; closed forms where it has none."""

import numpy as np
import pytest

from axon import Tensor, losses
from axon.activations import sigmoid, softmax
from axon.losses import (
    NLL,
    BinaryCrossEntropy,
    BinaryFocalCrossEntropy,
    CategoricalCrossEntropy,
    CategoricalFocalCrossEntropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    CosineSimilarity,
    Dice,
    Hinge,
    HingeEmbedding,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    MultiLabelMargin,
    MultiMargin,
    Poisson,
    PoissonNLL,
    Quantile,
    SmoothL1,
    SoftMargin,
    SquaredHinge,
    Tversky,
)
from tests.samples.losses import APART

torch = pytest.importorskip("torch")
F = torch.nn.functional

rng = np.random.default_rng(0)
X = rng.normal(size=(16, 4)).astype("f4")
Y = rng.normal(size=(16, 4)).astype("f4")
P, Q = softmax(X), softmax(Y)
LABELS = rng.integers(0, 4, 16)
HOT = np.eye(4, dtype="f4")[LABELS]
CHANCES = rng.random((16, 4)).astype("f4")
COUNTS = rng.integers(0, 5, (16, 4)).astype("f4")
W = rng.random(16).astype("f4")
SEQUENCE = rng.normal(size=(3, 5, 4)).astype("f4")
STEPS = rng.integers(0, 4, (3, 5))
PLAIN = {"reduction": "none"}


def t(array):
    return torch.tensor(array)


def smooth(y, s):
    return t(y) * (1 - s) + s / 2


def bce(p, y, s=0.0):
    return F.binary_cross_entropy(p, smooth(y, s), **PLAIN).mean(1)


def bce_of_logits(x, y, s=0.0):
    return F.binary_cross_entropy_with_logits(x, smooth(y, s), **PLAIN).mean(1)


def binary_focal(p, y, gamma, alpha=None, s=0.0):
    y = smooth(y, s)
    doubt = y * (1 - p) + (1 - y) * p
    share = 1.0 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    return (share * doubt**gamma * -(y * p.log() + (1 - y) * (1 - p).log())).mean(1)


def categorical_focal(logarithms, y, gamma, alpha, s=0.0):
    y = t(y) * (1 - s) + s / y.shape[-1]
    return -(t(np.float32(alpha)) * (1 - logarithms.exp()) ** gamma * y * logarithms).sum(1)


def cross_entropy(x, y, s):
    return F.cross_entropy(x, t(y), label_smoothing=s, **PLAIN)


def signs(y):
    return 2 * t(y) - 1


def as_lists(rows):
    """Rows of yes and no as PyTorch's lists of labels, which end with -1."""
    found = [[*np.flatnonzero(row), *[-1] * (4 - row.sum())] for row in rows]
    return torch.tensor(np.array(found))


# name -> (ours, targets, what they are computed from, theirs: the loss of each sample)
LOSSES = {
    "mse": (MeanSquaredError(), Y, X, lambda p: F.mse_loss(p, t(Y), **PLAIN).mean(1)),
    "mae": (MeanAbsoluteError(), Y, X, lambda p: F.l1_loss(p, t(Y), **PLAIN).mean(1)),
    "huber": (Huber(), Y, X, lambda p: F.huber_loss(p, t(Y), **PLAIN).mean(1)),
    "huber 0.4": (Huber(0.4), Y, X, lambda p: F.huber_loss(p, t(Y), delta=0.4, **PLAIN).mean(1)),
    "log_cosh": (LogCosh(), Y, X, lambda p: torch.log(torch.cosh(p.double() - t(Y))).mean(1)),
    "hinge": (Hinge(), HOT, X, lambda p: torch.relu(1 - signs(HOT) * p).mean(1)),
    "squared hinge": (
        *(SquaredHinge(), 2 * HOT - 1, X),
        lambda p: (torch.relu(1 - signs(HOT) * p) ** 2).mean(1),
    ),
    "kld": (KLDivergence(), Q, P, lambda p: F.kl_div(p.log(), t(Q), **PLAIN).sum(1)),
    "kld of one-hot rows": (
        *(KLDivergence(), HOT, P),
        lambda p: F.kl_div(p.log(), t(HOT), **PLAIN).sum(1),
    ),
    "poisson": (
        *(Poisson(), COUNTS, np.exp(X)),
        lambda p: F.poisson_nll_loss(p, t(COUNTS), log_input=False, eps=0.0, **PLAIN).mean(1),
    ),
    "cosine": (CosineSimilarity(), Y, X, lambda p: -F.cosine_similarity(p, t(Y), dim=1)),
    "cosine of sequences": (
        *(CosineSimilarity(), SEQUENCE[::-1].copy(), SEQUENCE),
        lambda p: -F.cosine_similarity(p, t(SEQUENCE[::-1].copy()), dim=2).mean(1),
    ),
    "bce": (BinaryCrossEntropy(), HOT, P, lambda p: bce(p, HOT)),
    "smoothed bce": (BinaryCrossEntropy(label_smoothing=0.1), HOT, P, lambda p: bce(p, HOT, 0.1)),
    "smoothed bce from logits": (
        *(BinaryCrossEntropy(from_logits=True, label_smoothing=0.1), CHANCES, 5 * X),
        lambda x: bce_of_logits(x, CHANCES, 0.1),
    ),
    "smoothed cce": (
        *(CategoricalCrossEntropy(label_smoothing=0.1), LABELS, P),
        lambda p: -((0.9 * t(HOT) + 0.1 / 4) * p.log()).sum(1),
    ),
    "smoothed cce from logits": (
        *(CategoricalCrossEntropy(from_logits=True, label_smoothing=0.3), LABELS, 5 * X),
        lambda x: cross_entropy(x, LABELS, 0.3),
    ),
    "smoothed cce of rows": (
        *(CategoricalCrossEntropy(from_logits=True, label_smoothing=0.3), Q, 5 * X),
        lambda x: cross_entropy(x, Q, 0.3),
    ),
    "cce of sequences": (
        *(CategoricalCrossEntropy(from_logits=True), STEPS, SEQUENCE),
        lambda x: F.cross_entropy(x.transpose(1, 2), t(STEPS), **PLAIN).mean(1),
    ),
    "binary focal": (BinaryFocalCrossEntropy(), HOT, P, lambda p: binary_focal(p, HOT, 2.0)),
    "binary focal, balanced": (
        BinaryFocalCrossEntropy(gamma=1.5, alpha=0.3, apply_class_balancing=True),
        *(CHANCES, P, lambda p: binary_focal(p, CHANCES, 1.5, 0.3)),
    ),
    "binary focal from logits": (
        BinaryFocalCrossEntropy(from_logits=True, label_smoothing=0.1),
        *(HOT, X, lambda x: binary_focal(torch.sigmoid(x), HOT, 2.0, s=0.1)),
    ),
    "categorical focal": (
        *(CategoricalFocalCrossEntropy(), LABELS, P),
        lambda p: categorical_focal(p.log(), HOT, 2.0, 0.25),
    ),
    "categorical focal from logits": (
        CategoricalFocalCrossEntropy(
            alpha=[0.1, 0.4, 0.7, 1.0], gamma=1.5, from_logits=True, label_smoothing=0.1
        ),
        *(LABELS, X),
        lambda x: categorical_focal(F.log_softmax(x, 1), HOT, 1.5, [0.1, 0.4, 0.7, 1.0], s=0.1),
    ),
    "mape": (
        *(MeanAbsolutePercentageError(), COUNTS + 1, X),
        lambda p: 100 * ((p - t(COUNTS) - 1) / (t(COUNTS) + 1)).abs().mean(1),
    ),
    "msle": (
        *(MeanSquaredLogarithmicError(), COUNTS, CHANCES),
        lambda p: ((p + 1).log() - (t(COUNTS).clamp(min=1e-7) + 1).log()).square().mean(1),
    ),
    "smooth l1": (
        *(SmoothL1(0.4), Y, X),
        lambda p: F.smooth_l1_loss(p, t(Y), beta=0.4, **PLAIN).mean(1),
    ),
    "quantile": (
        *(Quantile(0.3), Y, X),
        lambda p: torch.maximum(0.3 * (t(Y) - p), -0.7 * (t(Y) - p)).mean(1),
    ),
    "soft margin": (
        *(SoftMargin(), 2 * HOT - 1, X),
        lambda p: F.soft_margin_loss(p, signs(HOT), **PLAIN).mean(1),
    ),
    "hinge embedding": (
        *(HingeEmbedding(1.5), 2 * HOT - 1, CHANCES),
        lambda p: F.hinge_embedding_loss(p, signs(HOT), margin=1.5, **PLAIN).mean(1),
    ),
    "categorical hinge": (
        *(CategoricalHinge(), LABELS, X),
        lambda p: torch.relu(1 + ((1 - t(HOT)) * p).amax(1) - (t(HOT) * p).sum(1)),
    ),
    **{
        f"multi margin {power}": (
            *(MultiMargin(power, 0.7, weight=[0.5, 1.0, 2.0, 0.0]), LABELS, X),
            lambda p, power=power: F.multi_margin_loss(
                *(p, t(LABELS), power, 0.7, torch.tensor([0.5, 1.0, 2.0, 0.0])), **PLAIN
            ),
        )
        for power in (1, 2)
    },
    "multi label margin": (
        *(MultiLabelMargin(), (CHANCES > 0.5) * 1, X),
        lambda p: F.multilabel_margin_loss(p, as_lists(CHANCES > 0.5), **PLAIN),
    ),
    "nll": (NLL(), LABELS, np.log(P), lambda p: F.nll_loss(p, t(LABELS), **PLAIN)),
    "poisson nll": (
        *(PoissonNLL(), COUNTS, X),
        lambda p: F.poisson_nll_loss(p, t(COUNTS), **PLAIN).mean(1),
    ),
    "poisson nll of rates": (
        *(PoissonNLL(False, True, eps=0.1), COUNTS, CHANCES),
        lambda p: F.poisson_nll_loss(p, t(COUNTS), False, True, eps=0.1, **PLAIN).mean(1),
    ),
    "dice": (
        *(Dice(axis=1), HOT, CHANCES),
        lambda p: 1 - 2 * (t(HOT) * p).sum(1) / (t(HOT) + p).sum(1),
    ),
    "tversky": (
        *(Tversky(0.3, 0.7, axis=-1), HOT, CHANCES),
        lambda p: (
            1
            - 1
            / (1 + (0.3 * t(HOT) * (1 - p) + 0.7 * p * (1 - t(HOT))).sum(1) / (t(HOT) * p).sum(1))
        ),
    ),
    "generalized": (
        *(CategoricalGeneralizedCrossEntropy(0.6), LABELS, P),
        lambda p: (1 - (t(HOT) * p).sum(1) ** 0.6) / 0.6,
    ),
}
every_loss = pytest.mark.parametrize(("loss", "y", "p", "theirs"), LOSSES.values(), ids=LOSSES)


def test_every_loss_is_compared():
    assert {type(loss) for loss, *_ in LOSSES.values()} == set(losses.LOSSES.values()) - APART


@every_loss
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_and_their_gradients(loss, y, p, theirs, weighted):
    leaf = torch.tensor(p, requires_grad=True)
    w = W[: len(p)] if weighted else np.ones(len(p), "f4")
    expected = (theirs(leaf) * t(w)).mean()
    expected.backward()
    weight = w if weighted else None
    assert loss(y, p, weight) == pytest.approx(expected.item(), rel=1e-5)
    found = loss.gradient(y, p, weight)
    np.testing.assert_allclose(found, leaf.grad.numpy(), rtol=1e-5, atol=1e-7)
    assert found.dtype == np.float32
    ours = Tensor(p, requires_grad=True)
    loss(y, ours, weight).backward()
    np.testing.assert_allclose(ours.grad.numpy(), leaf.grad.numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("size", [50.0, 1e4, 1e30])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_huge_logits(size, smoothing):
    x = np.sign(X) * np.float32(size)
    for loss, y, activation, theirs in (
        (CategoricalCrossEntropy, LABELS, softmax, cross_entropy),
        (BinaryCrossEntropy, HOT, sigmoid, bce_of_logits),
    ):
        leaf, ours = torch.tensor(x, requires_grad=True), Tensor(x, requires_grad=True)
        expected = theirs(leaf, y, smoothing).mean()
        expected.backward()
        value = loss(label_smoothing=smoothing)(y, activation(ours))
        value.backward()
        assert value.item() == pytest.approx(expected.item(), rel=1e-5)
        np.testing.assert_allclose(ours.grad.numpy(), leaf.grad.numpy(), rtol=1e-5, atol=1e-7)


def test_logarithms_of_nothing_and_steps_of_padding_before_the_first() -> None:
    """-infinity of other classes costs nothing; e^v does not overflow; masks may begin late."""
    logs = np.array([[0.0, -np.inf]], np.float32)
    leaf = Tensor(logs, requires_grad=True)
    loss = losses.NLL()(Tensor(np.array([0])), leaf)
    loss.backward()
    assert (loss.item(), leaf.grad.numpy().tolist()) == (0.0, [[-1.0, 0.0]])
    wide = np.array([[0.0, 200.0]], np.float32)
    assert losses.GaussianNLL(log_variance=True).loss([[1.0]], wide) == 100.0
    given = Tensor(np.random.default_rng(0).normal(size=(1, 6, 4)))
    given.mask = Tensor(np.array([[False, False, True, True, True, False]]))
    labels = Tensor(np.array([[1, 2]]))
    found = losses.CTC()(labels, given).item()
    assert found == pytest.approx(losses.CTC()(labels, given[:, 2:5]).item(), rel=1e-12)
