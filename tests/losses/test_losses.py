"""The contract that every loss keeps. A loss without samples below fails."""

import json
import math

import numpy as np
import pytest

from axon import Tensor, grad, losses, no_grad, set_random_seed
from axon.activations import gelu, relu, sigmoid, softmax, softplus, softsign
from axon.activations.sigmoid import sigmoid_derivative
from axon.layers import Dense
from axon.losses import (
    LOSSES,
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
    Loss,
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
from axon.models import Sequential
from axon.program import Step
from tests.losses.differences import central_differences
from tests.samples.loops import looped
from tests.samples.losses import APART, OF_NUMBERS

rng = np.random.default_rng(0)
LOGITS, IMAGE = rng.normal(size=(4, 3)), rng.normal(size=(2, 3, 5))
ROWS = np.exp(rng.normal(size=(4, 3)))
SOFT = ROWS / ROWS.sum(axis=1, keepdims=True)
YES, LABELS = np.array([[0.0], [1.0], [0.25], [1.0]]), np.array([2, 0, 1, 2])
HOT = np.eye(3)[LABELS]


def cross_entropy(y, p):
    return -(y * np.log(p)).sum(axis=-1)


def bernoulli(y, p):
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


def sigma(x):
    return 1 / (1 + np.exp(-x))


def soft(x):
    return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


def less_sure(y, s):
    return (1 - s) * y + s / (2 if y.shape[-1] == 1 else 3)


def focal(y, p, gamma):
    return (1 - (y * p + (1 - y) * (1 - p))) ** gamma * bernoulli(y, p)


def categorical_focal(y, p, alpha, gamma):
    return -(alpha * (1 - p) ** gamma * y * np.log(p)).sum(axis=-1)


def huber(e, delta):
    return np.where(abs(e) <= delta, e**2 / 2, delta * (abs(e) - delta / 2))


def cosine(y, p):
    lengths = np.linalg.norm(y, axis=-1) * np.linalg.norm(p, axis=-1)
    return -(y * p).sum(axis=-1) / lengths


SIDES, COUNTS = (
    2 * HOT - 1,
    np.array([[0.0, 2.0, 1.0], [3.0, 0.0, 1.0], [1.0] * 3, [4.0, 0.5, 2.0]]),
)


# name -> (loss, targets, predictions, what each sample costs by the textbook)
SAMPLES = {
    "mse": (MeanSquaredError(), HOT, LOGITS, ((LOGITS - HOT) ** 2).mean(axis=1)),
    "mse of one number each": (MeanSquaredError(), YES[:, 0], LOGITS[:, 0], None),
    "mse of images": (MeanSquaredError(), IMAGE * 2, IMAGE, (IMAGE**2).mean(axis=(1, 2))),
    "mse of whole numbers": (MeanSquaredError(), LABELS, LOGITS[:, 1], None),
    "bce": (BinaryCrossEntropy(), YES, SOFT[:, :1], bernoulli(YES, SOFT[:, :1])[:, 0]),
    "bce of one number each": (BinaryCrossEntropy(), YES[:, 0], SOFT[:, 0], None),
    "bce of several outputs": (BinaryCrossEntropy(), HOT, SOFT, bernoulli(HOT, SOFT).mean(axis=1)),
    "bce of truth values": (BinaryCrossEntropy(), HOT > 0, SOFT, None),
    "bce from logits": (
        BinaryCrossEntropy(from_logits=True),
        *(HOT, LOGITS, bernoulli(HOT, sigma(LOGITS)).mean(axis=1)),
    ),
    "cce": (CategoricalCrossEntropy(), LABELS, SOFT, cross_entropy(HOT, SOFT)),
    "cce of one-hot rows": (CategoricalCrossEntropy(), HOT, SOFT, cross_entropy(HOT, SOFT)),
    "cce of whole one-hot rows": (CategoricalCrossEntropy(), HOT.astype(int), SOFT, None),
    "cce of probabilities": (CategoricalCrossEntropy(), SOFT[::-1], SOFT, None),
    "cce of labels in floats": (CategoricalCrossEntropy(), LABELS * 1.0, SOFT, None),
    "cce of bytes": (CategoricalCrossEntropy(), LABELS.astype(np.uint8), SOFT, None),
    "cce of sequences": (
        CategoricalCrossEntropy(),
        *(np.array([[0, 1, 4], [3, 2, 2]]), soft(IMAGE), None),
    ),
    "cce from logits": (
        CategoricalCrossEntropy(from_logits=True),
        *(LABELS, LOGITS, cross_entropy(HOT, soft(LOGITS))),
    ),
    "cce of rows of sequences": (
        CategoricalCrossEntropy(from_logits=True),
        *(soft(IMAGE)[:, ::-1], IMAGE, cross_entropy(soft(IMAGE)[:, ::-1], soft(IMAGE)).mean(1)),
    ),
    "smoothed bce": (
        BinaryCrossEntropy(label_smoothing=0.2),
        *(YES, SOFT[:, :1], bernoulli(less_sure(YES, 0.2), SOFT[:, :1])[:, 0]),
    ),
    "smoothed bce from logits": (
        BinaryCrossEntropy(from_logits=True, label_smoothing=0.5),
        *(YES, LOGITS[:, :1], bernoulli(less_sure(YES, 0.5), sigma(LOGITS[:, :1]))[:, 0]),
    ),
    "smoothed cce": (
        CategoricalCrossEntropy(label_smoothing=0.1),
        *(LABELS, SOFT, cross_entropy(less_sure(HOT, 0.1), SOFT)),
    ),
    "smoothed cce of rows": (
        CategoricalCrossEntropy(label_smoothing=1.0),
        *(HOT, SOFT, cross_entropy(np.full((4, 3), 1 / 3), SOFT)),
    ),
    "smoothed cce from logits": (
        CategoricalCrossEntropy(from_logits=True, label_smoothing=0.1),
        *(LABELS, LOGITS, cross_entropy(less_sure(HOT, 0.1), soft(LOGITS))),
    ),
    "binary focal": (BinaryFocalCrossEntropy(), HOT, SOFT, focal(HOT, SOFT, 2).mean(axis=1)),
    "binary focal of chances": (
        BinaryFocalCrossEntropy(gamma=1.5, label_smoothing=0.2),
        *(YES, SOFT[:, :1], focal(less_sure(YES, 0.2), SOFT[:, :1], 1.5)[:, 0]),
    ),
    "binary focal from logits": (
        BinaryFocalCrossEntropy(gamma=0.5, alpha=0.3, apply_class_balancing=True, from_logits=True),
        *(HOT, LOGITS, (focal(HOT, sigma(LOGITS), 0.5) * (0.7 - 0.4 * HOT)).mean(axis=1)),
    ),
    "categorical focal": (
        CategoricalFocalCrossEntropy(),
        *(LABELS, SOFT, categorical_focal(HOT, SOFT, 0.25, 2)),
    ),
    "categorical focal, weighted": (
        CategoricalFocalCrossEntropy(alpha=[0.2, 0.5, 1.0], gamma=1.5, label_smoothing=0.3),
        *(HOT, SOFT, categorical_focal(less_sure(HOT, 0.3), SOFT, [0.2, 0.5, 1.0], 1.5)),
    ),
    "categorical focal from logits": (
        CategoricalFocalCrossEntropy(gamma=0.5, from_logits=True),
        *(LABELS, LOGITS, categorical_focal(HOT, soft(LOGITS), 0.25, 0.5)),
    ),
    "categorical focal of sequences": (
        CategoricalFocalCrossEntropy(),
        *(np.array([[0, 1, 4], [3, 2, 2]]), soft(IMAGE), None),
    ),
    "mae": (MeanAbsoluteError(), HOT, LOGITS, abs(LOGITS - HOT).mean(axis=1)),
    "mae of images": (MeanAbsoluteError(), IMAGE * 2, IMAGE, abs(IMAGE).mean(axis=(1, 2))),
    "huber": (Huber(), HOT, 2 * LOGITS, huber(2 * LOGITS - HOT, 1).mean(axis=1)),
    "huber of small steps": (Huber(0.3), HOT, LOGITS, huber(LOGITS - HOT, 0.3).mean(axis=1)),
    "huber of exact ones": (Huber(2.0), HOT, HOT.copy(), np.zeros(4)),
    "log_cosh": (LogCosh(), HOT, 2 * LOGITS, np.log(np.cosh(2 * LOGITS - HOT)).mean(axis=1)),
    "hinge": (Hinge(), SIDES, LOGITS, np.maximum(1 - SIDES * LOGITS, 0).mean(axis=1)),
    "hinge of 0 and 1": (Hinge(), HOT, LOGITS, np.maximum(1 - SIDES * LOGITS, 0).mean(axis=1)),
    "hinge of one number each": (Hinge(), HOT[:, 0].astype(int), LOGITS[:, 0], None),
    "squared hinge": (
        SquaredHinge(),
        *(HOT > 0, LOGITS, (np.maximum(1 - SIDES * LOGITS, 0) ** 2).mean(axis=1)),
    ),
    "kld": (KLDivergence(), SOFT[::-1], SOFT, (SOFT[::-1] * np.log(SOFT[::-1] / SOFT)).sum(axis=1)),
    "kld of one-hot rows": (KLDivergence(), HOT, SOFT, cross_entropy(HOT, SOFT)),
    "kld of sequences": (
        KLDivergence(),
        *(soft(-IMAGE), soft(IMAGE)),
        (soft(-IMAGE) * np.log(soft(-IMAGE) / soft(IMAGE))).sum(axis=2).mean(axis=1),
    ),
    "poisson": (Poisson(), COUNTS, ROWS, (ROWS - COUNTS * np.log(ROWS)).mean(axis=1)),
    "poisson of one number each": (Poisson(), LABELS, ROWS[:, 0], None),
    "cosine": (CosineSimilarity(), SOFT, LOGITS, cosine(SOFT, LOGITS)),
    "cosine along time": (
        CosineSimilarity(axis=1),
        *(soft(IMAGE), IMAGE, cosine(np.moveaxis(soft(IMAGE), 1, 2), IMAGE.swapaxes(1, 2)).mean(1)),
    ),
    "mape": (MeanAbsolutePercentageError(), COUNTS + 1, LOGITS, None),
    "msle": (
        MeanSquaredLogarithmicError(),
        *(COUNTS, ROWS, (np.log((1 + ROWS) / (1 + COUNTS + 1e-7 * (COUNTS == 0))) ** 2).mean(1)),
    ),
    "quantile": (
        Quantile(0.8),
        *(HOT, LOGITS, np.maximum(0.8 * (HOT - LOGITS), 0.2 * (LOGITS - HOT)).mean(axis=1)),
    ),
    "smooth l1": (SmoothL1(0.5), HOT, LOGITS, huber(LOGITS - HOT, 0.5).mean(axis=1) * 2),
    "soft margin": (SoftMargin(), HOT, LOGITS, np.log1p(np.exp(-SIDES * LOGITS)).mean(axis=1)),
    "hinge embedding": (
        HingeEmbedding(1.5),
        *(SIDES, ROWS, np.where(SIDES > 0, ROWS, np.maximum(1.5 - ROWS, 0)).mean(axis=1)),
    ),
    "categorical hinge": (CategoricalHinge(), LABELS, LOGITS, None),
    "categorical hinge of rows": (CategoricalHinge(), HOT, LOGITS, None),
    "multi margin": (MultiMargin(2, 0.7, weight=[1, 2, 0.5]), LABELS, LOGITS, None),
    "multi label margin": (MultiLabelMargin(), SIDES > -1, LOGITS, None),
    "nll": (NLL(), LABELS, np.log(SOFT), cross_entropy(HOT, SOFT)),
    "poisson nll from logits": (
        PoissonNLL(),
        *(COUNTS, LOGITS, (np.exp(LOGITS) - COUNTS * LOGITS).mean(axis=1)),
    ),
    "poisson nll of rates": (PoissonNLL(log_input=False, full=True), COUNTS, ROWS, None),
    "dice": (Dice(axis=-1), HOT, SOFT, 1 - 2 * (HOT * SOFT).sum(1) / (2 + 1e-7)),
    "tversky": (Tversky(0.3, 0.7, axis=(1, 2)), soft(IMAGE) > 0.2, soft(IMAGE), None),
    "generalized": (
        CategoricalGeneralizedCrossEntropy(0.7),
        *(LABELS, SOFT, (1 - (HOT * SOFT).sum(axis=1) ** 0.7) / 0.7),
    ),
}
every_loss = pytest.mark.parametrize(("loss", "y", "p", "textbook"), SAMPLES.values(), ids=SAMPLES)
WEIGHTS = [0.5, 2.0, 0.0, 1.0]


def test_every_loss_has_a_sample():
    assert set(LOSSES.values()) == {type(loss) for loss, *_ in SAMPLES.values()} | APART
    found = [getattr(losses, name) for name in dir(losses)]
    public = {c for c in found if isinstance(c, type) and issubclass(c, Loss)}
    of_others = {losses.FunctionLoss, losses.PackedLoss}  # tests/models/test_packing.py
    assert public - {Loss, *of_others} == set(LOSSES.values())


# ------------------------------------------------------------------------------------ the contract


@every_loss
def test_numpy_in_a_float_out_and_tensor_in_a_tensor_out(loss, y, p, textbook):
    number, tensor = loss.loss(y, p), loss.loss(y, Tensor(p))
    assert type(number) is float
    assert type(tensor) is Tensor
    assert tensor.shape == ()
    assert tensor.item() == number == loss(y, p)
    assert loss(Tensor(y), Tensor(p)).item() == number
    assert loss(np.asarray(y).tolist(), p.tolist()) == pytest.approx(number, rel=1e-6)


@every_loss
def test_the_value_is_the_textbooks(loss, y, p, textbook):
    if textbook is not None:
        assert loss.loss(y, p) == pytest.approx(textbook.mean(), rel=1e-12)
        w = np.array(WEIGHTS[: len(p)])
        assert loss.loss(y, p, w) == pytest.approx((w * textbook).mean(), rel=1e-12)


@every_loss
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_is_that_of_exactly_what_loss_returns(loss, y, p, textbook, weighted):
    w = WEIGHTS[: len(p)] if weighted else None
    expected = central_differences(lambda q: loss.loss(y, q, w), p)
    found = loss.gradient(y, p, w)
    assert type(found) is np.ndarray
    assert found.shape == p.shape
    assert np.allclose(found, expected, rtol=1e-6, atol=1e-8)

    leaf = Tensor(p, requires_grad=True)
    loss.loss(y, leaf, w).backward()
    assert np.allclose(leaf.grad.numpy(), expected, rtol=1e-6, atol=1e-8)

    tensor = loss.gradient(y, Tensor(p), w)
    assert type(tensor) is Tensor
    assert np.array_equal(tensor.numpy(), found)
    with no_grad():
        assert np.array_equal(loss.gradient(y, p, w), found)


@every_loss
def test_the_gradient_can_be_differentiated_again(loss, y, p, textbook):
    leaf, probe = Tensor(p, requires_grad=True), np.random.default_rng(1).normal(size=p.shape)
    unbent = (0.0 * leaf).sum()  # where a loss is made of straight lines its gradient is constant
    ((loss.gradient(y, leaf) * probe).sum() + unbent).backward()
    expected = central_differences(lambda q: float((loss.gradient(y, q) * probe).sum()), p)
    assert np.allclose(leaf.grad.numpy(), expected, rtol=1e-5, atol=1e-7)


@every_loss
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_precision_is_that_of_the_predictions(loss, y, p, textbook, dtype):
    assert loss.gradient(y, p.astype(dtype)).dtype == dtype
    assert loss(y, Tensor(p.astype(dtype))).dtype == dtype
    assert loss(y, p.astype(dtype)) == pytest.approx(loss(y, p), rel=1e-6)


@every_loss
def test_inputs_are_never_modified(loss, y, p, textbook):
    y, p, w = np.array(y), p.copy(), np.array(WEIGHTS[: len(p)])
    before = [a.copy() for a in (y, p, w)]
    for array in (y, p, w):
        array.flags.writeable = False
    loss.loss(y, p, w)
    loss.gradient(y, p, w)
    assert all(np.array_equal(a, b) for a, b in zip((y, p, w), before, strict=True))


@every_loss
def test_a_single_sample_and_the_mean_over_samples(loss, y, p, textbook):
    alone = [loss(np.asarray(y)[i : i + 1], p[i : i + 1]) for i in range(len(p))]
    assert loss(y, p) == pytest.approx(np.mean(alone), rel=1e-12)
    each = [w * a for w, a in zip(WEIGHTS, alone, strict=False)]
    assert loss(y, p, WEIGHTS[: len(p)]) == pytest.approx(np.mean(each), rel=1e-12)


@every_loss
def test_whole_weights_and_tensors_of_weights(loss, y, p, textbook):
    w = [2, 0, 1, 1][: len(p)]
    expected = loss(y, p, np.array(w, float))
    assert loss(y, p, w) == loss(y, p, np.array(w)) == loss(y, p, Tensor(w)) == expected
    assert loss(y, p, np.ones(len(p))) == pytest.approx(loss(y, p), rel=1e-12)


@every_loss
@looped("shape", [(3,), (5,), (4, 1), (1,), ()])
def test_weights_of_the_wrong_shape_are_refused(loss, y, p, textbook, shape):
    for w in (np.ones(shape), Tensor(np.ones(shape))):
        with pytest.raises(ValueError, match=f"{loss.name}: sample_weight must have shape"):
            loss(y, p, w)


@every_loss
@pytest.mark.parametrize("weighted", [False, True])
def test_a_replay_is_the_eager_result_bit_for_bit(loss, y, p, textbook, weighted):
    w = [WEIGHTS[: len(p)]] if weighted else []
    targets = np.ascontiguousarray(loss.targets(y, p.shape))
    columns = [np.asarray(c) for c in (p, targets, *w)]

    def value_and_slope(q, t, *w):
        q.requires_grad = True
        return [loss(t, q, *w), loss.gradient(t, q, *w)]

    step = Step("loss", value_and_slope, ["p", "y", "w"])
    slots = step.inputs(*[(c.shape, c.dtype) for c in columns])
    for turn in range(3):
        for slot, column in zip(slots, columns, strict=True):
            slot[...] = np.roll(column, turn, axis=0)
        value, slope = step.run(slots)
        q, t, *rest = (s.copy() for s in slots)
        assert value == loss(t, q, *rest)
        assert np.array_equal(slope, loss.gradient(t, q, *rest))
    assert len(step.programs) == 1


@every_loss
def test_a_loss_is_made_again_from_its_config(loss, y, p, textbook):
    config = json.loads(json.dumps(loss.config()))
    twin = type(loss)(**config)
    assert twin.config() == loss.config()
    assert repr(loss).startswith(type(loss).__name__ + "(")
    assert twin(y, p) == loss(y, p)


@pytest.mark.parametrize("name", LOSSES)
def test_every_name_finds_its_loss(name):
    assert type(losses.get(name)) is type(losses.get(name.upper())) is LOSSES[name]
    assert type(losses.get(LOSSES[name])) is LOSSES[name]
    given = LOSSES[name]()
    assert losses.get(given) is given


# ------------------------------------------------------------------------------------ fused forms


def test_softmax_and_sigmoid_are_recognised_and_give_the_same():
    x = Tensor(LOGITS, requires_grad=True)
    for activation, loss, y in (
        (softmax, CategoricalCrossEntropy, LABELS),
        (sigmoid, BinaryCrossEntropy, HOT),
    ):
        fused = loss()(y, activation(x))
        assert fused.item() == pytest.approx(loss()(y, activation(LOGITS)), rel=1e-12)
        assert fused.item() == loss(from_logits=True)(y, x).item()
        fused.backward()
        expected = (activation(LOGITS) - HOT) / (4 if loss is CategoricalCrossEntropy else 12)
        assert np.allclose(x.grad.numpy(), expected, rtol=1e-12, atol=1e-15)
        x.grad = None


def test_softmax_along_another_axis_is_not_mistaken():
    """It is no softmax of the classes: what it gives is judged as any other numbers are."""
    x = np.random.default_rng(0).normal(size=(3, 3))
    p = softmax(Tensor(x, requires_grad=True), axis=0)
    for given in (p, p.numpy()):
        with pytest.raises(ValueError, match=r"got rows that add up to 0\.7073 to 1\.389"):
            CategoricalCrossEntropy()(LABELS[:3], given)
    circle = np.log([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.3, 0.2, 0.5]])  # all sums are 1
    p = softmax(Tensor(circle, requires_grad=True), axis=0)
    assert CategoricalCrossEntropy()(LABELS[:3], p).item() == pytest.approx(
        CategoricalCrossEntropy()(LABELS[:3], p.numpy()), rel=1e-12
    )


def test_gradient_of_a_tensor_is_that_of_the_predictions_not_of_the_logits():
    """The fused form goes round the predictions; what is asked for is dL/dp all the same."""
    for activation, loss, y in (
        (softmax, CategoricalCrossEntropy(), LABELS),
        (sigmoid, BinaryCrossEntropy(), HOT),
    ):
        p = activation(Tensor(LOGITS, requires_grad=True))
        assert np.allclose(loss.gradient(y, p).numpy(), loss.gradient(y, p.numpy()), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e4, 1e2, 30.0])
def test_extreme_logits_stay_finite_with_the_right_gradients(dtype, size):
    x = np.array([[size, -size], [-size, size], [size, -size]], dtype)
    labels, hot = np.array([0, 0, 1]), np.array([[1.0, 0], [1, 0], [0, 1]])
    for loss, y, activation, costs in (
        (CategoricalCrossEntropy(), labels, softmax, [0, 2 * size, 2 * size]),
        (BinaryCrossEntropy(), hot, sigmoid, [0, size, size]),
    ):
        leaf = Tensor(x, requires_grad=True)
        value = loss(y, activation(leaf))
        value.backward()
        expected = (activation(x.astype("f8")) - hot) / (3 if activation is softmax else 6)
        assert value.item() == pytest.approx(np.mean(costs), rel=1e-6)
        assert np.allclose(leaf.grad.numpy(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e4, 1e2, 30.0])
def test_extreme_logits_by_hand_through_softmax(dtype, size):
    layer = Dense(2, 2, "softmax", kernel_initializer=lambda s, d: np.eye(2), dtype=dtype)
    x = np.array([[size, -size], [-size, size], [size, -size]], dtype)
    p, loss = layer.forward(x), CategoricalCrossEntropy()
    slope = loss.gradient([0, 0, 1], p)
    assert np.isfinite(loss([0, 0, 1], p))
    assert np.isfinite(slope).all()
    expected = (softmax(x.astype("f8")) - [[1.0, 0], [1, 0], [0, 1]]) / 3
    assert np.allclose(layer.backward(slope), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits_by_hand_through_sigmoid(dtype):
    """Where 1 - p still differs from 0; beyond, p is exactly 1 and the difference is lost."""
    x = np.array([[-80.0], [-30.0], [-5.0], [5.0], [10.0]], dtype)
    y, p = np.array([[1.0], [1.0], [0.0], [0.0], [0.0]]), sigmoid(x)
    slope = BinaryCrossEntropy().gradient(y, p) * sigmoid_derivative(p)
    assert np.allclose(slope, (sigma(x.astype("f8")) - y) / 5, rtol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [0.0, 1.0])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_predictions_of_exactly_0_and_1_stay_finite(dtype, p, y):
    p_, y_ = np.array([[p, 1 - p]], dtype), np.array([[y, 1 - y]])
    for loss in (BinaryCrossEntropy(), CategoricalCrossEntropy()):
        value, slope = loss(y_, p_), loss.gradient(y_, p_)
        assert math.isfinite(value)
        assert np.isfinite(slope).all()
        if p == y:
            assert value == 0
        else:
            assert value == pytest.approx(-np.log(np.finfo(dtype).tiny), rel=1e-3)
            assert slope[0, y_.argmax()] < -1e30
        leaf = Tensor(p_, requires_grad=True)
        loss(y_, leaf).backward()
        assert np.array_equal(leaf.grad.numpy(), slope)


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_an_untrained_classifier_starts_at_the_logarithm_of_its_classes(classes):
    x = np.random.default_rng(0).random((256, 64))
    y = np.arange(256) % classes
    model = Sequential([Dense(64, 32, "relu"), Dense(32, classes, "softmax")])
    model.layers[-1].weights -= model.layers[-1].weights.numpy()  # no opinion at all
    model.compile("categorical_crossentropy", "sgd")
    assert model.evaluate(x, y) == pytest.approx(math.log(classes), rel=1e-6)
    loss = CategoricalCrossEntropy()
    assert loss(y, np.full((256, classes), 1 / classes)) == pytest.approx(math.log(classes))


# ------------------------------------------------------------------------------------ focal losses


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_smoothed_and_focal_losses_are_computed_from_the_logits(smoothing):
    x, s = Tensor(LOGITS, requires_grad=True), {"label_smoothing": smoothing}
    for activation, loss, y in (
        (softmax, CategoricalCrossEntropy, LABELS),
        (softmax, CategoricalFocalCrossEntropy, LABELS),
        (sigmoid, BinaryCrossEntropy, HOT),
        (sigmoid, BinaryFocalCrossEntropy, HOT),
    ):
        fused = loss(**s)(y, activation(x))
        assert fused.item() == loss(from_logits=True, **s)(y, x).item()
        assert fused.item() == pytest.approx(loss(**s)(y, activation(LOGITS)), rel=1e-12)
        fused.backward()
        slow = grad(loss(**s)(y, activation(x) * 1.0), x)
        assert np.allclose(x.grad.numpy(), slow.numpy(), rtol=1e-10, atol=1e-15)
        x.grad = None


def test_kl_divergence_is_computed_from_the_logits_of_softmax():
    x = Tensor([[1000.0, 0.0], [0.0, 0.0]], requires_grad=True)
    value = KLDivergence()([[0.5, 0.5], [0.0, 1.0]], softmax(x))
    value.backward()
    assert value.item() == pytest.approx((500 + math.log(0.5) + math.log(2)) / 2)
    assert x.grad.numpy().tolist() == [[0.25, -0.25], [0.25, -0.25]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("size", [1e30, 1e3, 30.0])
def test_focal_losses_of_extreme_logits(dtype, gamma, size):
    """What is surely wrong counts in full, what is surely right not at all."""
    x = np.array([[size, -size], [size, -size]], dtype)
    for loss, y, activation, cost, slope in (
        (BinaryFocalCrossEntropy(gamma=gamma), [[1, 0], [0, 1]], sigmoid, size, 0.25),
        (CategoricalFocalCrossEntropy(gamma=gamma, alpha=1.0), [0, 1], softmax, 2 * size, 0.5),
    ):
        leaf = Tensor(x, requires_grad=True)
        value = loss(y, activation(leaf))
        assert value.item() == pytest.approx(cost / 2, rel=1e-6)
        value.backward()
        expected = [[0, 0], [slope, -slope]]
        assert np.allclose(leaf.grad.numpy(), expected, rtol=1e-5, atol=1e-7)
        p = activation(x)
        assert np.isfinite(loss(y, p))
        assert np.isfinite(loss.gradient(y, p)).all()


def test_a_focal_loss_without_focus_is_cross_entropy():
    assert BinaryFocalCrossEntropy(gamma=0)(HOT, SOFT) == BinaryCrossEntropy()(HOT, SOFT)
    same = CategoricalFocalCrossEntropy(gamma=0, alpha=1.0)(LABELS, SOFT)
    assert same == pytest.approx(CategoricalCrossEntropy()(LABELS, SOFT), rel=1e-15)
    balanced = BinaryFocalCrossEntropy(gamma=0, alpha=0.25, apply_class_balancing=True)
    assert balanced([1, 0], [0.5, 0.5]) == pytest.approx((0.25 + 0.75) * math.log(2) / 2)


# ------------------------------------------------------------------------------------ extremes


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_errors_cost_what_they_should(dtype):
    big = 1e30
    p, y = np.array([big, -big], dtype), np.zeros(2)
    for loss, cost, slope in (
        (MeanAbsoluteError(), big, 1),
        (Huber(2.0), 2 * big, 2),
        (LogCosh(), big, 1),
        (Hinge(), (1 + big) / 2, 1),
    ):
        assert loss(y, p) == pytest.approx(cost, rel=1e-6)
        expected = [slope / 2, 0 if isinstance(loss, Hinge) else -slope / 2]
        assert loss.gradient(y, p).tolist() == expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_cosh_is_accurate_near_zero_and_across_its_pieces(dtype):
    x = np.concatenate([np.geomspace(1e-15, 20, 400), [1.0, np.nextafter(1, 2), 0.999999]])
    x = x.astype(dtype)
    exact = [float(np.log1p(np.sinh(v / 2) ** 2 * 2)) for v in x.astype("longdouble")]
    rtol = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose([LogCosh()([0.0], [v]) for v in x], exact, rtol=rtol)


def test_corners_have_the_gradient_that_is_documented():
    assert MeanAbsoluteError().gradient([1.0], [1.0]).tolist() == [0.0]
    assert Hinge().gradient([1.0, -1.0], [1.0, -1.0]).tolist() == [0.0, 0.0]


def test_huber_curves_at_an_error_of_exactly_zero():
    leaf = Tensor([3.0, 3.0], requires_grad=True)
    Huber().gradient([3.0, 3.0], leaf).sum().backward()
    assert leaf.grad.numpy().tolist() == [0.5, 0.5]


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_cosine_similarity_does_not_depend_on_lengths(size):
    y, p = np.array([[3.0, 4.0]], "f4"), np.array([[4.0, 3.0]], "f4") * np.float32(size)
    assert CosineSimilarity()(y, p) == pytest.approx(-0.96, rel=1e-6)
    slope = CosineSimilarity().gradient(y, p)
    expected = np.array([[0.168 / 5, -0.224 / 5]]) / size  # -(y/5 - 0.96 p/5) / |p|
    np.testing.assert_allclose(slope, expected, rtol=1e-4)


def test_cosine_similarity_of_zeros_is_zero():
    y, zeros = [[3.0, 4.0]], [[0.0, 0.0]]
    for given in ((y, zeros), (zeros, y), (zeros, zeros)):
        assert CosineSimilarity()(*given) == 0
        assert np.isfinite(CosineSimilarity().gradient(*given)).all()
    assert np.allclose(CosineSimilarity().gradient(y, zeros), [[-0.6, -0.8]])


def test_poisson_of_a_rate_of_zero_is_finite():
    assert Poisson()([[0.0]], [[0.0]]) == 0
    assert Poisson().gradient([[0.0]], [[0.0]]).tolist() == [[1.0]]
    assert math.isfinite(Poisson()([[2.0]], [[0.0]]))
    assert Poisson().gradient([[2.0]], [[0.0]])[0, 0] < -1e30


# ------------------------------------------------------------------------------------ training

TRAINED = {  # the loss, the targets of three outputs, the activation before it
    **{
        n: (type(loss)(**loss.config()), y, None)
        for n, (loss, y, p, _) in SAMPLES.items()
        if np.shape(p) == (4, 3)
        and (type(loss) in OF_NUMBERS or "hinge" in n or "logits" in n or n == "cosine")
        and "embedding" not in n
    },
    **{n: (*SAMPLES[n][:2], None) for n in ("soft margin", "multi margin", "multi label margin")},
    **{
        n: (SAMPLES[n][0], SAMPLES[n][1], "softmax")
        for n in (
            *("cce", "smoothed cce", "categorical focal", "categorical focal, weighted", "kld"),
            *("dice", "generalized"),
        )
    },
    **{
        n: (SAMPLES[n][0], SAMPLES[n][1], "sigmoid")
        for n in ("bce of several outputs", "binary focal")
    },
    "smoothed bce": (BinaryCrossEntropy(label_smoothing=0.2), HOT, "sigmoid"),
    "poisson": (Poisson(), COUNTS, "softplus"),
    "msle": (MeanSquaredLogarithmicError(), COUNTS, "softplus"),
    "hinge embedding": (HingeEmbedding(), HOT, "softplus"),
    "nll": (NLL(), LABELS, "log_softmax"),
    "tversky": (Tversky(), HOT, "sigmoid"),
}


def trained(loss, y, activation, eager):
    set_random_seed(1)
    model = Sequential([Dense(3, 5, "tanh"), Dense(5, 3, activation)])
    model.compile(loss, "adam", eager=eager)
    history = model.fit(LOGITS, y, batch_size=4, epochs=5, verbose=0, shuffle=False)
    return history.history["loss"], [p.numpy().tobytes() for p in model.parameters()]


@pytest.mark.parametrize(("loss", "y", "activation"), TRAINED.values(), ids=TRAINED)
def test_five_steps_of_training_are_the_same_eager_and_replayed(loss, y, activation):
    eager, replayed = (trained(loss, y, activation, eager) for eager in (True, False))
    assert eager == replayed
    assert eager[0][-1] < eager[0][0]


def test_every_loss_is_trained_with():
    assert {type(loss) for loss, *_ in TRAINED.values()} == set(LOSSES.values()) - APART


@pytest.mark.parametrize("loss", [CategoricalCrossEntropy(), CategoricalFocalCrossEntropy()])
def test_sequences_of_classes_are_averaged_over_time(loss):
    """(n, time, classes) and labels (n, time), one-hot or not: as one long row of samples."""
    y, p = np.array([[0, 1, 4], [3, 2, 2]]), soft(IMAGE)
    flat = loss(y.ravel(), p.reshape(6, 5))
    assert loss(y, p) == pytest.approx(flat, rel=1e-12)
    assert loss(np.eye(5)[y], p) == pytest.approx(flat, rel=1e-12)
    slope = loss.gradient(y.ravel(), p.reshape(6, 5))
    assert np.allclose(loss.gradient(y, p).reshape(6, 5), slope, rtol=1e-12)
    each = [loss(y[:1], p[:1]), loss(y[1:], p[1:])]
    assert loss(y, p, [2.0, 0.5]) == pytest.approx(each[0] + each[1] / 4, rel=1e-12)
    with pytest.raises(ValueError, match=f"{loss.name}: label 5 of sample 1 is out of range"):
        loss([[0, 1, 4], [3, 5, 2]], p)
    with pytest.raises(ValueError, match=r"y has shape \(2, 2\), but the predictions have shape"):
        loss([[0, 1], [3, 4]], p)
    model = Sequential([Dense(5, 5, "softmax")])
    model.compile(loss, "sgd")
    losses = model.fit(np.eye(5)[y], y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("wrong", [-0.1, 1.5, math.nan])
def test_settings_out_of_range_are_refused(wrong):
    for loss in (
        *(BinaryCrossEntropy, CategoricalCrossEntropy),
        *(BinaryFocalCrossEntropy, CategoricalFocalCrossEntropy),
    ):
        words = f"{loss.name}: label_smoothing must lie between 0 and 1, got {wrong}"
        with pytest.raises(ValueError, match=words):
            loss(label_smoothing=wrong)
        if "focal" in loss.name:
            with pytest.raises(ValueError, match=f"{loss.name}: alpha must lie between 0 and 1"):
                loss(alpha=wrong)
            with pytest.raises(ValueError, match=f"{loss.name}: gamma must be 0 or more, got -2"):
                loss(gamma=-2)
    with pytest.raises(ValueError, match=r"alpha must lie between 0 and 1, got 2\.0"):
        CategoricalFocalCrossEntropy(alpha=[0.5, 2.0])
    for delta in (0, -1.0, math.nan):
        with pytest.raises(ValueError, match=f"huber: delta must be positive, got {delta}"):
            Huber(delta)


def test_an_alpha_for_each_class_must_fit_the_classes():
    loss = CategoricalFocalCrossEntropy(alpha=[0.5, 0.5])
    with pytest.raises(ValueError, match="alpha has 2 numbers, but the model has 3 outputs"):
        loss(LABELS, SOFT)


@pytest.mark.parametrize("loss", [Hinge(), SquaredHinge()])
def test_targets_of_a_hinge_are_checked(loss):
    for y, words in (
        ([1, 2], r"targets must be -1 and 1, or 0 and 1, got 2.0\. For more than two classes"),
        ([1, 0.5], "targets must be -1 and 1, or 0 and 1, got 0.5"),
        ([-1, 0], "got both -1 and 0"),
        ([1, math.nan], "y holds NaN or infinity, first in sample 1"),
    ):
        with pytest.raises(ValueError, match=f"{loss.name}: .*{words}|{loss.name}: {words}"):
            loss(y, [0.5, 0.5])


def test_negative_counts_and_rates_are_refused():
    with pytest.raises(ValueError, match="poisson: targets are counts, 0 or more, got -1"):
        Poisson()([[-1.0]], [[0.5]])
    x = Tensor(LOGITS, requires_grad=True)
    w = Tensor(np.eye(3), requires_grad=True)
    for p, got in (
        *((LOGITS, "-"), (x @ w, "those of a linear layer"), (gelu(x), "those of gelu")),
        (x @ w + np.ones(3), "those of a linear layer"),
    ):
        with pytest.raises(ValueError, match=f"poisson: expected rates of 0 or more, got {got}"):
            Poisson()(COUNTS, p)
    assert Poisson()(COUNTS, softplus(x)).item() > 0


def test_distributions_and_directions_are_checked():
    for y, words in (
        (np.ones((4, 3)), "row 0 adds up to 3"),
        ([[1, 0, 0], [2, -1, 0], [1, 0, 0], [1, 0, 0]], "each row of y must be one-hot, or prob"),
        (LABELS, "Give each output of the model its target"),
    ):
        with pytest.raises(ValueError, match=f"kl_divergence: .*{words}"):
            KLDivergence()(y, SOFT)
    with pytest.raises(ValueError, match="kl_divergence: expected probabilities between 0 and 1"):
        KLDivergence()(SOFT, LOGITS)
    for loss in (KLDivergence(), CosineSimilarity()):
        words = rf"{loss.name}: .* must have shape \(n, size\), got \(4,\)"
        with pytest.raises(ValueError, match=words):
            loss(YES[:, 0], YES[:, 0])
    for axis in (0, 2, -2, -3):
        with pytest.raises(ValueError, match=f"axis={axis} must be an axis of one sample"):
            CosineSimilarity(axis)(SOFT, SOFT)


@pytest.mark.parametrize(
    "loss",
    [
        *(MeanSquaredError(), BinaryCrossEntropy(), BinaryFocalCrossEntropy(), LogCosh()),
        *(MeanAbsoluteError(), Huber(), Hinge(), SquaredHinge(), Poisson()),
    ],
)
def test_shapes_that_would_broadcast_are_refused(loss):
    for y, p, hint in (
        (np.ones(4), np.ones((4, 1)), r"Use y.reshape\(-1, 1\)"),
        (np.ones((4, 1)), np.ones(4), r"Use y.ravel\(\)"),
        (np.ones((1, 3)), np.ones((4, 3)), "x and y must have the same number of samples"),
        (np.ones((4, 1)), np.ones((4, 3)), "Give each output of the model its target"),
    ):
        for given in ((y, p), (Tensor(y), Tensor(p)), (y, Tensor(p)), (Tensor(y), p)):
            with pytest.raises(ValueError, match=hint) as caught:
                loss(*given)
            assert f"{loss.name}: y has shape {y.shape}" in str(caught.value)
            assert f"predictions have shape {p.shape}" in str(caught.value)
        with pytest.raises(ValueError, match=hint):
            loss.gradient(y, p)


@pytest.mark.parametrize("loss", [CategoricalCrossEntropy(), CategoricalFocalCrossEntropy()])
def test_labels_are_checked(loss):
    for y, words in (
        ([0, 1, 3, 0], r"label 3 of sample 2 is out of range: .* 3 outputs, .* from 0 to 2"),
        ([0, -1, 0, 0], "label -1 of sample 1 is out of range"),
        ([0, 0.5, 0, 0], "labels must be whole numbers, got .*0.5"),
        (
            [[0], [1], [3], [0]],
            r"label 3 of sample 2 is out of range: .* 3 outputs",
        ),
        (np.eye(4), r"one-hot for 4 classes, but the model has 3 outputs. Expected .* \(4, 3\)"),
        (np.ones((4, 3)), "row 0 adds up to 3"),
        ([[1, 0, 0], [2, -1, 0], [1, 0, 0], [1, 0, 0]], "each row of y must be one-hot, or prob"),
        ([0, 1], "x and y must have the same number of samples"),
        ([0, 1, math.nan, 0], "y holds NaN or infinity, first in sample 2"),
        ([0, 1, math.inf, 0], "y holds NaN or infinity, first in sample 2"),
    ):
        for given in (y, Tensor(y)):
            with pytest.raises(ValueError, match=words) as caught:
                loss(given, SOFT)
            assert str(caught.value).startswith(f"{loss.name}: ")


def test_targets_of_yes_or_no_are_checked():
    for wrong in (1.5, -0.1, 2):
        for loss in (BinaryCrossEntropy(), BinaryFocalCrossEntropy()):
            with pytest.raises(ValueError, match=f"targets must lie between 0 and 1, got {wrong}"):
                loss([[0], [wrong]], [[0.5], [0.5]])


def test_one_output_cannot_tell_classes_apart():
    with pytest.raises(ValueError, match="a single output cannot tell classes apart"):
        CategoricalCrossEntropy()([0, 1], [[0.5], [0.5]])


@pytest.mark.parametrize("loss", [loss() for loss in dict.fromkeys(LOSSES.values())])
def test_what_is_not_a_number_is_named(loss):
    for y in (["cat", "dog"], np.array(["cat", None], object)):
        with pytest.raises(TypeError, match=r"y holds text or objects .*'cat'.*np.unique\(y, ret"):
            loss(y, [[0.5], [0.5]])
    with pytest.raises(TypeError, match="y must hold real numbers, got dtype complex128"):
        loss([1j, 2], [[0.5], [0.5]])
    with pytest.raises(ValueError, match="the rows of y do not form an array"):
        loss([[1], [1, 2]], [[0.5], [0.5]])


def test_logits_are_not_taken_for_probabilities():
    for loss, y, last in (
        (BinaryCrossEntropy(), HOT, "sigmoid"),
        (BinaryFocalCrossEntropy(), HOT, "sigmoid"),
        (CategoricalCrossEntropy(), LABELS, "softmax"),
        (CategoricalFocalCrossEntropy(), LABELS, "softmax"),
        (KLDivergence(), SOFT, "softmax"),
    ):
        x = Tensor(LOGITS * 3, requires_grad=True)
        for p in (LOGITS, Tensor(LOGITS), relu(x), gelu(x), softplus(x), softsign(x)):
            with pytest.raises(ValueError, match="expected probabilities between 0 and 1") as err:
                loss(y, p)
            assert f"activation='{last}', or use from_logits=True" in str(err.value)


@pytest.mark.parametrize("p", [np.zeros((0, 3)), 0.5, []])
def test_no_predictions_are_named(p):
    with pytest.raises(ValueError, match=r"expected predictions of shape \(n, ...\) with at least"):
        CategoricalCrossEntropy()([], p)


@pytest.mark.parametrize(
    ("name", "near"),
    [("mean_square_error", "mean_squared_error"), ("binary_crossentropi", "binary_crossentropy")],
)
def test_an_unknown_name_suggests_the_nearest(name, near):
    with pytest.raises(ValueError, match=f"unknown loss '{name}'. Did you mean '{near}'"):
        losses.get(name)


def test_what_is_no_loss_is_refused():
    with pytest.raises(TypeError, match=r"loss: expected a name or a Loss, got 3. Known: binary_"):
        losses.get(3)


def test_a_loss_of_your_own():
    class Absolute(Loss):
        name = "absolute"

        def per_sample(self, y_true, y_pred):
            return abs(y_pred - y_true).mean(1)

        def targets(self, y_true, output_shape):
            return losses.base.same_shape(self.name, np.asarray(y_true, "f4"), output_shape)

    assert Absolute()([[1.0], [2.0]], [[2.0], [4.0]]) == 1.5
    assert Absolute().gradient([[1.0], [2.0]], [[2.0], [0.0]]).tolist() == [[0.5], [-0.5]]
    assert repr(Absolute()) == "Absolute()"
    model = Sequential([Dense(1, 1)])
    model.compile(Absolute(), "sgd")
    assert model.fit([[1.0]], [[2.0]], epochs=3, verbose=0).history["loss"][0] > 0


@pytest.mark.parametrize("name", ["binary_crossentropy", "categorical_crossentropy"])
def test_whether_outputs_are_logits_is_no_number(name):
    with pytest.raises(TypeError, match=r"from_logits must be True or False, got 0\.1"):
        type(losses.get(name))(from_logits=0.1)
