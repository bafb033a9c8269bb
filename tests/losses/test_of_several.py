"""Losses of pairs, of three, of whole batches and of sequences of labels; and reductions.

Their predictions have shapes of their own, so that they are not in the tables of all other losses.
"""

import json

import numpy as np
import pytest

import axon
from axon import Tensor, losses
from axon.layers import Dense, Reshape
from axon.losses import (
    CTC,
    NLL,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Circle,
    CosineEmbedding,
    Dice,
    GaussianNLL,
    MarginRanking,
    MeanSquaredError,
    Quantile,
    TripletMargin,
    Tversky,
)
from axon.models import Sequential
from tests.losses.differences import central_differences
from tests.samples.losses import APART

torch = pytest.importorskip("torch")
F = torch.nn.functional

rng = np.random.default_rng(5)
N = 6
SIDES = np.array([1, -1, 1, 1, -1, -1])
PAIRS, SCORES = rng.normal(size=(N, 2, 3)), rng.normal(size=(N, 2))
THREE = rng.normal(size=(N, 3, 4))
LABELS = np.array([0, 1, 0, 2, 1, 0])
UNIT = rng.normal(size=(N, 3)) + 0.5
UNIT /= np.linalg.norm(UNIT, axis=1, keepdims=True)
MASKS, PARTS = (rng.random((N, 4)) < 0.5) * 1.0, rng.random((N, 4)) * 0.98 + 0.01
STEPS = rng.normal(size=(N, 7, 5))
WORDS = np.array([[1, 2, 0], [1, 1, 0], [3, 0, 0], [0, 0, 0], [4, 4, 4], [1, 2, 1]])
NUMBERS, PAIRED = rng.normal(size=(N, 2)), rng.random((N, 4)) + 0.1


def t(array):
    array = np.asarray(array)
    return torch.tensor(array if array.dtype.kind != "f" else array.astype("f8"))


def theirs_ctc(x, blank=0):
    logs = F.log_softmax(x, 2).transpose(0, 1)
    words = t(np.where(WORDS == 0, blank, WORDS)) if blank else t(WORDS)
    lengths = t((WORDS != 0).sum(1))
    return F.ctc_loss(logs, words, t([7] * N), lengths, blank, reduction="none")


def theirs_circle(x, gamma, margin):
    d = (1 - x @ x.T).clamp(min=0)
    same = t(LABELS)[:, None] == t(LABELS)[None]
    near = (gamma * (d + margin) * (d - margin)).masked_fill(
        ~same | torch.eye(N, dtype=bool), -torch.inf
    )
    far = (gamma * (1 + margin - d).clamp(min=0) * (1 - margin - d)).masked_fill(same, -torch.inf)
    each = F.softplus(torch.logsumexp(near, 1) + torch.logsumexp(far, 1))
    return each, (each > 0).double()


def theirs_dice(x):
    return 1 - 2 * (t(MASKS) * x).sum() / (t(MASKS).sum() + x.sum() + 1e-7)


def theirs_tversky(x):
    y = t(MASKS)
    hits, missed, extra = (y * x).sum(), (y * (1 - x)).sum(), (x * (1 - y)).sum()
    return 1 - hits / (hits + 0.3 * missed + 0.7 * extra + 1e-7)


def gaussian(x, **options):
    return F.gaussian_nll_loss(x[:, :2], t(NUMBERS), x[:, 2:], **options)


# name -> (ours, targets, predictions, PyTorch's: one number)
CASES = {
    "cosine": (
        *(CosineEmbedding(), SIDES, PAIRS),
        lambda x: F.cosine_embedding_loss(x[:, 0], x[:, 1], t(SIDES)),
    ),
    "cosine with margin": (
        *(CosineEmbedding(0.3), (SIDES > 0) * 1, PAIRS),
        lambda x: F.cosine_embedding_loss(x[:, 0], x[:, 1], t(SIDES), margin=0.3),
    ),
    "ranking": (
        *(MarginRanking(0.2), SIDES[:, None], SCORES),
        lambda x: F.margin_ranking_loss(x[:, 0], x[:, 1], t(SIDES), margin=0.2),
    ),
    **{
        f"triplet {options}": (
            *(TripletMargin(**options), np.zeros(N), THREE),
            lambda x, o=options: F.triplet_margin_loss(x[:, 0], x[:, 1], x[:, 2], **o),
        )
        for options in ({}, {"margin": 3.0, "swap": True}, {"p": 1}, {"p": 3, "margin": 2})
    },
    "circle": (
        *(Circle(gamma=4.0, margin=0.3), LABELS, UNIT),
        lambda x: (lambda each, n: each.sum() / n.sum())(*theirs_circle(x, 4.0, 0.3)),
    ),
    "dice of a batch": (Dice(), MASKS, PARTS, theirs_dice),
    "tversky of a batch": (Tversky(0.3, 0.7), MASKS, PARTS, theirs_tversky),
    "ctc": (CTC(), WORDS, STEPS, lambda x: theirs_ctc(x).mean()),
    "ctc, sum": (CTC(reduction="sum"), WORDS, STEPS, lambda x: theirs_ctc(x).sum()),
    "gaussian": (GaussianNLL(), NUMBERS, PAIRED, gaussian),
    "gaussian, full": (GaussianNLL(full=True), NUMBERS, PAIRED, lambda x: gaussian(x, full=True)),
    "gaussian of logarithms": (
        *(GaussianNLL(log_variance=True), NUMBERS, PAIRED - 1),
        lambda x: F.gaussian_nll_loss(x[:, :2], t(NUMBERS), x[:, 2:].exp()),
    ),
    "quantiles": (
        *(Quantile([0.1, 0.5, 0.7, 0.9]), NUMBERS[:, 0], PARTS),
        lambda x: torch.stack(
            [
                torch.maximum(q * e, (q - 1) * e)
                for q, e in zip([0.1, 0.5, 0.7, 0.9], (t(NUMBERS[:, :1]) - x).T, strict=True)
            ]
        ).mean(),
    ),
}
every_case = pytest.mark.parametrize(("loss", "y", "p", "theirs"), CASES.values(), ids=CASES)


def test_every_loss_with_a_shape_of_its_own_is_here():
    assert {type(loss) for loss, *_ in CASES.values()} - {Dice, Tversky, Quantile} == APART


@every_case
def test_numbers_and_gradients_are_those_of_pytorch(loss, y, p, theirs):
    leaf = torch.tensor(p, requires_grad=True)
    expected = theirs(leaf)
    expected.backward()
    ours = Tensor(p, requires_grad=True)
    found = loss(y, ours)
    found.backward()
    assert found.item() == loss(y, p) == pytest.approx(expected.item(), rel=1e-6)
    for slope in (ours.grad.numpy(), loss.gradient(y, p)):
        np.testing.assert_allclose(slope, leaf.grad.numpy(), rtol=1e-5, atol=1e-8)
    assert loss(y, p.astype("f4")) == pytest.approx(expected.item(), rel=1e-5)
    assert loss.gradient(y, p.astype("f4")).dtype == np.float32


@every_case
def test_gradients_of_gradients(loss, y, p, theirs):
    leaf, probe = Tensor(p, requires_grad=True), np.random.default_rng(1).normal(size=p.shape)
    unbent = (0.0 * leaf).sum()  # where a loss is made of straight lines its gradient is constant
    ((loss.gradient(y, leaf) * probe).sum() + unbent).backward()
    ours = central_differences(lambda q: float((loss.gradient(y, q) * probe).sum()), p, 1e-5)
    np.testing.assert_allclose(leaf.grad.numpy(), ours, rtol=1e-4, atol=1e-6)


@every_case
def test_it_is_made_again_from_its_config(loss, y, p, theirs):
    again = type(loss)(**json.loads(json.dumps(loss.config())))
    assert again(y, p) == loss(y, p)
    assert again.config() == loss.config()


TRAINED = {
    **{
        name: (CASES[name][0], CASES[name][1], CASES[name][2].shape[1:])
        for name in ("cosine", "ranking", "triplet {}", "circle", "ctc", "quantiles")
    },
    "gaussian": (GaussianNLL(log_variance=True), NUMBERS, (4,)),
    "dice": (Dice(), MASKS, (4,)),
    "tversky": (Tversky(0.3, 0.7), MASKS, (4,)),
}


def trained(loss, y, shape, eager=False):
    axon.set_random_seed(1)
    last = "sigmoid" if loss.expects == "parts of a mask" else None
    net = Sequential([Dense(4, 8, "tanh"), Dense(int(np.prod(shape)), activation=last)])
    net.add(Reshape(shape))
    net.compile(loss, "adam", eager=eager)
    history = net.fit(PARTS, y, batch_size=4, epochs=4, verbose=0, shuffle=False)
    return net, history.history["loss"], [p.numpy().tobytes() for p in net.parameters()]


@pytest.mark.parametrize(("loss", "y", "shape"), TRAINED.values(), ids=TRAINED)
def test_it_trains_eager_and_replayed_alike_and_is_saved(loss, y, shape, tmp_path):
    (_, eager, first), (net, replayed, second) = (trained(loss, y, shape, e) for e in (True, False))
    assert eager == replayed
    assert first == second
    assert eager[-1] < eager[0]
    net.save(tmp_path / "net.axon")
    again = axon.load_model(tmp_path / "net.axon")
    assert again.evaluate(PARTS, y, verbose=0) == net.evaluate(PARTS, y, verbose=0)


# ------------------------------------------------------------------------------------ ctc


def test_ctc_leaves_out_steps_that_are_padded():
    real = np.arange(7) < np.array([7, 5, 4, 7, 6, 5])[:, None]
    p = Tensor(STEPS)
    p.mask = Tensor(real)
    each = [
        CTC()(WORDS[i : i + 1], STEPS[i : i + 1, : real[i].sum()])
        for i in range(N)  # as if these steps were all
    ]
    assert CTC()(WORDS, p).item() == pytest.approx(np.mean(each), rel=1e-9)


def test_ctc_of_another_blank_and_of_too_few_steps():
    moved = STEPS[..., [4, 1, 2, 3, 0]]
    words = np.where(WORDS == 0, 4, np.where(WORDS == 4, 0, WORDS))
    words[WORDS == 0] = 4
    assert CTC(blank=4)(words, moved) == pytest.approx(CTC()(WORDS, STEPS), rel=1e-12)
    p = Tensor(STEPS[4:5], requires_grad=True)
    p.mask = Tensor(np.arange(7)[None] < 4)  # 4 4 4 needs five steps
    loss = CTC(zero_infinity=True)(WORDS[4:5], p)
    loss.backward()
    assert loss.item() == 0
    assert not p.grad.numpy().any()


@pytest.mark.parametrize(
    ("loss", "y", "p", "words"),
    [
        (CTC(), [[1, 1, 1, 1]], STEPS[:1, :6], "labels of sample 0 need 7 steps, but there are 6"),
        (CTC(), [[5]], STEPS[:1], "label 5 of sample 0 is none of the classes 0 to 4"),
        (CTC(), [[1, 0, 2]], STEPS[:1], "the blank, stands between the labels of sample 0"),
        (CTC(), [1], STEPS[:1], r"expected labels \(n, labels\) and logits"),
        (CosineEmbedding(), SIDES, SCORES, r"expected predictions of shape \(n, 2, size\)"),
        (MarginRanking(), SIDES, PAIRS, r"expected predictions of shape \(n, 2\), got"),
        (MarginRanking(), [1, -1], SCORES, r"one target for each pair, got \(2,\)"),
        (MarginRanking(), SIDES * 2, SCORES, "targets must be -1 and 1, or 0 and 1, got 2"),
        (TripletMargin(), np.zeros(2), THREE, r"give np\.zeros\(6\)"),
        (Circle(), np.zeros((2, 3)), UNIT, r"expected labels \(n,\)"),
        (GaussianNLL(), NUMBERS, PAIRED - 1, r"variances, got -0\.\d+\. Put softplus"),
        (GaussianNLL(), NUMBERS, PAIRED[:, :3], "as many variances"),
        (Quantile([0.1, 0.9]), NUMBERS[:, 0], PARTS, "2 quantiles need as many outputs"),
        (Dice(), MASKS * 2, PARTS, "targets must lie between 0 and 1, got 2"),
        (Dice(), MASKS, PARTS * 3, "expected numbers between 0 and 1, got values from"),
        (Dice(axis=0), MASKS, PARTS, "axis=0 must be an axis of one sample"),
    ],
)
def test_what_does_not_fit_is_named(loss, y, p, words):
    with pytest.raises(ValueError, match=f"{loss.name}: .*{words}"):
        loss(y, p)


# ------------------------------------------------------------------------------------ reductions

W = np.array([0.5, 2.0, 0.0, 1.0, 1.0, 0.25])


def test_reductions():
    y, p = NUMBERS, NUMBERS + PARTS[:, :2]
    each = ((y - p) ** 2).mean(axis=1)
    for reduction, plain, weighted in (
        ("sum_over_batch_size", each.mean(), (W * each).mean()),
        ("mean", each.mean(), (W * each).mean()),
        ("mean_with_sample_weight", each.mean(), (W * each).sum() / W.sum()),
        ("sum", each.sum(), (W * each).sum()),
    ):
        loss = MeanSquaredError(reduction=reduction)
        assert loss(y, p) == pytest.approx(plain, rel=1e-12)
        assert loss(y, p, W) == pytest.approx(weighted, rel=1e-12)
        slope = central_differences(lambda q, loss=loss: loss(y, q, W), p)
        np.testing.assert_allclose(loss.gradient(y, p, W), slope, rtol=1e-6, atol=1e-8)
        assert type(loss)(**loss.config()).reduction == reduction
    for none in ("none", None):
        loss = MeanSquaredError(reduction=none)
        np.testing.assert_allclose(loss(y, p), each, rtol=1e-12)
        np.testing.assert_allclose(loss(y, Tensor(p), W).numpy(), W * each, rtol=1e-12)
        with pytest.raises(ValueError, match="a gradient needs a loss of one number"):
            loss.gradient(y, p)
    with pytest.raises(ValueError, match=r"reduction must be .*'sum'.* got 'average'"):
        MeanSquaredError(reduction="average")


def test_a_sum_is_learned_from_and_what_is_no_number_is_not():
    def steps(loss, rate):
        axon.set_random_seed(0)
        net = Sequential([Dense(4, 2)])
        net.compile(loss, axon.optimizers.SGD(rate))
        net.fit(PARTS, NUMBERS, batch_size=3, epochs=2, verbose=0, shuffle=False)
        return np.concatenate([w.ravel() for w in net.get_weights()])

    summed = steps(MeanSquaredError(reduction="sum"), 0.01)
    np.testing.assert_allclose(summed, steps("mse", 0.03), rtol=1e-5)
    net = Sequential([Dense(4, 2)])
    with pytest.raises(ValueError, match=r"compile needs a loss of one number"):
        net.compile(MeanSquaredError(reduction="none"), "sgd")
    for loss in (MeanSquaredError(reduction="sum"), Dice(), CategoricalCrossEntropy(weight=[1, 2])):
        net.compile(loss, "sgd")
        with pytest.raises(ValueError, match=r"batches cannot be cut. Leave shards out"):
            net.fit(PARTS, MASKS[:, :2], epochs=1, verbose=0, shards=2)
        with pytest.raises(ValueError, match=r"PackedLoss: .* is no mean"):
            losses.PackedLoss(loss)


def test_a_loss_has_the_name_that_it_is_given():
    loss = MeanSquaredError(name="distance")
    assert loss.name == "distance"
    assert type(loss)(**loss.config()).name == "distance"
    with pytest.raises(ValueError, match=r"^distance: y has shape"):
        loss([1.0], [[1.0]])


# ------------------------------------------------------------------------------------ weights

LOGITS = rng.normal(size=(N, 3))
C = [0.5, 2.0, 0.0]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("ignored", [None, 1])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_weights_of_classes_are_those_of_pytorch(smoothing, ignored, reduction):
    options = {"ignore_index": ignored, "weight": C, "reduction": reduction}
    theirs = {"weight": t(C), "label_smoothing": smoothing, "reduction": reduction}
    theirs |= {} if ignored is None else {"ignore_index": ignored}
    labels = np.array([0, 1, 0, 1, 1, 0])
    leaf = torch.tensor(LOGITS, requires_grad=True)
    expected = F.cross_entropy(leaf, t(labels), **theirs)
    expected.backward()
    loss = CategoricalCrossEntropy(True, smoothing, **options)
    assert loss(labels, LOGITS) == pytest.approx(expected.item(), rel=1e-9)
    np.testing.assert_allclose(loss.gradient(labels, LOGITS), leaf.grad, rtol=1e-7, atol=1e-12)
    if not smoothing:
        logarithms = F.log_softmax(t(LOGITS), 1).numpy()
        found = NLL(**options)(labels, logarithms)
        assert found == pytest.approx(expected.item(), rel=1e-9)


def test_weights_of_classes_for_rows_and_for_steps():
    rows = np.eye(3)[[0, 1, 0, 1, 1, 0]] * 0.7 + 0.1
    expected = F.cross_entropy(t(LOGITS), t(rows), weight=t(C)).item()
    assert CategoricalCrossEntropy(True, weight=C)(rows, LOGITS) == pytest.approx(expected)
    x, labels = rng.normal(size=(2, 4, 3)), np.array([[0, 1, 2, 0], [1, 1, -100, 0]])
    theirs = F.cross_entropy(t(x).transpose(1, 2), t(labels), weight=t(C)).item()
    loss = CategoricalCrossEntropy(True, weight=C, ignore_index=-100)
    assert loss(labels, x) == pytest.approx(theirs)
    with pytest.raises(ValueError, match="weight has 3 numbers, but the model has 2 outputs"):
        loss([0, 1], LOGITS[:2, :2])
    with pytest.raises(ValueError, match=r"weight\[1\] must be .* got -1"):
        CategoricalCrossEntropy(weight=[1, -1])


@pytest.mark.parametrize("pos_weight", [3.0, [0.5, 2.0, 4.0]])
@pytest.mark.parametrize("logits", [True, False])
def test_a_yes_counts_as_in_pytorch(pos_weight, logits):
    y = (rng.random((N, 3)) < 0.5) * 1.0
    leaf = torch.tensor(LOGITS, requires_grad=True)
    expected = F.binary_cross_entropy_with_logits(leaf, t(y), pos_weight=t(pos_weight))
    expected.backward()
    loss = BinaryCrossEntropy(from_logits=logits, pos_weight=pos_weight)
    ours = Tensor(LOGITS, requires_grad=True)
    value = loss(y, ours if logits else axon.activations.sigmoid(ours))
    value.backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-9)
    np.testing.assert_allclose(ours.grad.numpy(), leaf.grad, rtol=1e-7, atol=1e-12)
    with pytest.raises(ValueError, match="pos_weight has 3 numbers, but the model has 2 outputs"):
        BinaryCrossEntropy(pos_weight=[1, 2, 3])(y[:, :2], y[:, :2])
