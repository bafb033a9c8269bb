"""Weights of steps and pixels, and labels that do not count: in losses, metrics and ``fit``."""

from functools import partial

import numpy as np
import pytest

import axon
from axon import Tensor, losses, metrics
from axon.callbacks import BackupAndRestore, LambdaCallback
from axon.layers import Conv2D, Dense
from axon.losses import CategoricalCrossEntropy, CosineSimilarity, FunctionLoss
from axon.metrics import AUC, ConfusionMatrix, F1Score, FunctionMetric, Metric
from axon.models import Sequential, load_model
from axon.models.inputs import class_weights
from axon.program.lowerings import Kernels
from tests.samples.losses import APART, OF_NUMBERS
from tests.samples.metrics import MORE

rng = np.random.default_rng(0)
N, T, C = 4, 5, 3
LOGITS = rng.normal(size=(N, T, C))
SOFT = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
LABELS = rng.integers(0, C, (N, T))
HOT = np.eye(C)[LABELS]
W = rng.random((N, T)) * (rng.random((N, T)) < 0.7)  # some weigh nothing
X = rng.normal(size=(N, T, 2)).astype("f4")
IGNORED = np.where(W > 0, LABELS, -100)

# name -> (loss, targets, predictions), of steps
LOSSES = {
    **{kind.name: (make(), HOT, LOGITS) for kind, make in OF_NUMBERS.items()},
    "mse of one number each": (losses.MeanSquaredError(), LABELS * 1.0, LOGITS[..., 0]),
    "bce": (losses.BinaryCrossEntropy(), HOT, SOFT),
    "bce of one output": (losses.BinaryCrossEntropy(), HOT[..., :1], SOFT[..., :1]),
    "bce from logits": (losses.BinaryCrossEntropy(True, 0.1), HOT, LOGITS),
    "binary focal": (losses.BinaryFocalCrossEntropy(), HOT, SOFT),
    "cce": (CategoricalCrossEntropy(), LABELS, SOFT),
    "cce of one-hot rows": (CategoricalCrossEntropy(False, 0.1), HOT, SOFT),
    "cce from logits": (CategoricalCrossEntropy(True), LABELS, LOGITS),
    "focal": (losses.CategoricalFocalCrossEntropy(), LABELS, SOFT),
    "cosine": (CosineSimilarity(), HOT, LOGITS),
    "hinge": (losses.Hinge(), HOT, LOGITS),
    "squared hinge": (losses.SquaredHinge(), HOT, LOGITS),
    "kl": (losses.KLDivergence(), SOFT[::-1], SOFT),
    "poisson": (losses.Poisson(), LABELS[..., None] + 0 * HOT, SOFT),
    "msle": (losses.MeanSquaredLogarithmicError(), HOT, SOFT),
    "soft margin": (losses.SoftMargin(), HOT, LOGITS),
    "hinge embedding": (losses.HingeEmbedding(), HOT, SOFT),
    "categorical hinge": (losses.CategoricalHinge(), LABELS, LOGITS),
    "multi margin": (losses.MultiMargin(2, weight=[1, 2, 3]), LABELS, LOGITS),
    "multi label margin": (losses.MultiLabelMargin(), HOT, LOGITS),
    "nll": (losses.NLL(), LABELS, np.log(SOFT)),
    "poisson nll": (losses.PoissonNLL(), LABELS[..., None] + 0 * HOT, LOGITS),
    "generalized": (losses.CategoricalGeneralizedCrossEntropy(), LABELS, SOFT),
    "function": (FunctionLoss(lambda y, p: (y - p) ** 2), HOT, LOGITS),
    "function of steps": (FunctionLoss(lambda y, p: abs(y - p).mean(axis=-1)), HOT, LOGITS),
}
every_loss = pytest.mark.parametrize(("loss", "y", "p"), LOSSES.values(), ids=LOSSES)

YES = (LABELS > 0)[..., None] * 1
# name -> (how to make it, targets, predictions), of steps
METRICS = {
    "accuracy": (metrics.Accuracy, LABELS, SOFT),
    "binary accuracy": (metrics.BinaryAccuracy, HOT, SOFT),
    "accuracy of yes or no": (metrics.Accuracy, YES, SOFT[..., :1]),
    "top 2": (partial(metrics.TopKCategoricalAccuracy, 2), LABELS, SOFT),
    "precision": (metrics.Precision, YES, SOFT[..., :1]),
    "recall of a class": (partial(metrics.Recall, class_id=1), LABELS, SOFT),
    "macro f1": (partial(F1Score, "macro"), LABELS, SOFT),
    "micro f1": (partial(F1Score, "micro"), HOT, SOFT),
    "auc": (AUC, YES, SOFT[..., :1]),
    "auc of classes": (AUC, LABELS, SOFT),
    "average precision": (partial(AUC, "PR"), HOT, SOFT),
    "mae": (metrics.MeanAbsoluteError, HOT, SOFT),
    "mse": (metrics.MeanSquaredError, LABELS * 1.0, SOFT[..., 0]),
    "rmse": (metrics.RootMeanSquaredError, HOT, SOFT),
    "confusion": (partial(ConfusionMatrix, 3), LABELS, SOFT),
    "function": (partial(FunctionMetric, lambda y, p: abs(y - p)), HOT, SOFT),
}
every_metric = pytest.mark.parametrize(("make", "y", "p"), METRICS.values(), ids=METRICS)


def test_every_loss_and_metric_is_here():
    joining = {losses.Dice, losses.Tversky} | APART  # steps, or samples: test_of_several.py
    known = {*losses.LOSSES.values(), FunctionLoss} - joining
    assert {type(loss) for loss, *_ in LOSSES.values()} == known
    made = {type(make()) for make, *_ in METRICS.values()}
    known = {type(make()) for make in metrics.METRICS.values()} - MORE
    assert made == {*known, FunctionMetric, ConfusionMatrix} - {metrics.R2Score}  # has its own test


def flat(array):
    """Steps as so many samples: (n, time, ...) -> (n time, ...)."""
    return array.reshape(N * T, *array.shape[2:])


def measured(metric, *batch):
    metric.update(*batch)
    return metric.result()


# ------------------------------------------------------------------------------------ losses


@every_loss
def test_steps_weigh_as_so_many_samples_would(loss, y, p):
    wanted = loss.loss(flat(y), flat(p), flat(W))
    assert loss.loss(y, p, W) == pytest.approx(wanted, rel=1e-12)
    slope = loss.gradient(y, p, W)
    np.testing.assert_allclose(slope, loss.gradient(flat(y), flat(p), flat(W)).reshape(p.shape))
    assert not slope[W == 0].any()


@every_loss
def test_weights_by_sample_count_for_all_its_steps(loss, y, p):
    by_sample = rng.random(N)
    by_step = np.repeat(by_sample[:, None], T, axis=1)
    wanted = loss.loss(y, p, by_step)
    if y.ndim < 3 and p.ndim < 3:
        wanted = loss.loss(y[..., None], p[..., None], by_step)
    assert loss.loss(y, p, by_sample) == pytest.approx(wanted, rel=1e-12)


@every_loss
def test_only_real_steps_count_of_a_tensor_with_a_mask(loss, y, p):
    """As in Keras, the mean is one over the real steps, whatever they weigh."""
    p = Tensor(p)
    p.mask = Tensor(W > 0)
    chosen = loss.loss(flat(y)[flat(W) > 0], flat(p.data)[flat(W) > 0])
    assert loss.loss(y, p).item() == pytest.approx(chosen, rel=1e-12)
    weights = rng.random((N, T))
    wanted = loss.loss(flat(y), flat(p.data), flat(weights * (W > 0))) * N * T / (W > 0).sum()
    assert loss.loss(y, p, weights).item() == pytest.approx(wanted, rel=1e-12)
    by_sample = loss.loss(y, p, np.arange(N) * 1.0).item()
    assert by_sample == pytest.approx(loss.loss(y, p, np.arange(N)[:, None] + 0 * W).item())


@every_loss
def test_a_mask_of_all_steps_or_none(loss, y, p):
    whole = Tensor(p)
    whole.mask = Tensor(np.ones((N, T), bool))
    assert loss.loss(y, whole).item() == pytest.approx(loss.loss(y, p), rel=1e-12)
    none = Tensor(p, requires_grad=True)
    none.mask = Tensor(np.zeros((N, T), bool))
    cost = loss.loss(y, none)
    cost.backward()
    assert cost.item() == 0
    assert not none.grad.data.any()


def test_a_loss_of_samples_cannot_weigh_steps():
    alike = FunctionLoss(lambda y, p: (y - p).max(axis=(1, 2)))
    with pytest.raises(
        ValueError, match=r"sample_weight must have shape \(4,\), one weight per sa"
    ):
        alike.loss(HOT, LOGITS, W)
    with pytest.raises(ValueError, match="axis=1 joins steps"):
        CosineSimilarity(axis=1).loss(HOT, LOGITS, W)
    with pytest.raises(
        ValueError, match=r"shape \(4,\), one .* or \(4, 5\), one for each .* \(4, 4"
    ):
        CategoricalCrossEntropy().loss(LABELS, SOFT, W[:, :4])


# ------------------------------------------------------------------------------------ metrics


@every_metric
def test_metrics_weigh_steps_as_so_many_samples(make, y, p):
    wanted = measured(make(), flat(y), flat(p), flat(W))
    np.testing.assert_allclose(measured(make(), y, p, W), wanted, rtol=1e-12)
    by_mask = Tensor(p)
    by_mask.mask = Tensor(W > 0)
    chosen = measured(make(), flat(y)[flat(W) > 0], flat(p)[flat(W) > 0])
    np.testing.assert_allclose(measured(make(), y, by_mask), chosen, rtol=1e-12)
    np.testing.assert_allclose(measured(make(), y, by_mask, W), wanted, rtol=1e-12)


def test_r2_scores_each_step_by_the_samples_in_which_it_is_real():
    y, p, w = rng.normal(size=(6, 3)), rng.normal(size=(6, 3)), np.ones((6, 3))
    w[2:, 1], w[1:, 2] = 0, 0  # the last is real in a single sample: it is left out
    scores = [measured(metrics.R2Score(), y[:k, i], p[:k, i]) for i, k in ((0, 6), (1, 2))]
    assert measured(metrics.R2Score(), y, p, w) == pytest.approx(np.mean(scores))
    whole = measured(metrics.R2Score(), y, p)
    assert measured(metrics.R2Score(), y, p, np.ones((6, 3))) == pytest.approx(whole)


# ------------------------------------------------------------------------------------ models


class Seen(Metric):
    """What metrics of the user's own are given."""

    name = "seen"
    recorded = False

    def update(self, y_true, y_pred, sample_weight=None):
        self.weights = sample_weight

    def result(self):
        return 0.0

    def reset(self):
        pass


def tagger(loss="categorical_cross_entropy", watched=(), last="softmax", **options):
    axon.set_random_seed(0)
    model = Sequential([Dense(2, 8, "relu"), Dense(8, C, last)])
    model.compile(loss, axon.optimizers.SGD(0.1), list(watched), **options)
    return model


@pytest.mark.parametrize("kernels", ["numpy", "fast"])
@pytest.mark.parametrize("eager", [False, True])
def test_a_model_learns_from_steps_as_from_samples(kernels, eager):
    if kernels == "fast":
        pytest.importorskip("numba")
    watched = ["accuracy", AUC(), lambda y, p: p.max(axis=-1), F1Score("macro")]
    with Kernels(kernels):
        one, other = tagger(watched=watched, eager=eager), tagger(watched=watched, eager=eager)
        options = {"epochs": 3, "verbose": 0, "shuffle": False}
        a = one.fit(X, LABELS, 2, sample_weight=W, **options).history
        b = other.fit(flat(X), flat(LABELS), 2 * T, sample_weight=flat(W), **options).history
        for name in a:
            np.testing.assert_allclose(a[name], b[name], rtol=1e-5)
        np.testing.assert_allclose(one.get_weights()[0], other.get_weights()[0], rtol=1e-4)
        a = one.evaluate(X, LABELS, sample_weight=W)
        np.testing.assert_allclose(a, one.evaluate(X, LABELS, batch_size=3, sample_weight=W), 1e-6)
        np.testing.assert_allclose(a, one.test_on_batch(X, LABELS, W), rtol=1e-6)


def test_the_loss_of_steps_is_that_of_keras():
    """sum w L / (n time), which Keras 3.15 gives as well; of the metric sum w s / sum w."""
    model = tagger(watched=["accuracy"])
    p = model.predict(X)
    each = -np.log(np.take_along_axis(p, LABELS[..., None], -1))[..., 0]
    right = p.argmax(-1) == LABELS
    found = model.evaluate(X, LABELS, sample_weight=W)
    np.testing.assert_allclose(found, [(W * each).mean(), (W * right).sum() / W.sum()], rtol=1e-5)


def test_pixels_weigh_and_numbers_in_rows_do():
    images, w = rng.normal(size=(4, 3, 2, 1)).astype("f4"), rng.random((4, 3, 2))
    model = Sequential([Conv2D(3, 1, activation="softmax")])
    seen = Seen()
    model.compile("categorical_cross_entropy", "sgd", ["accuracy", seen])
    labels = rng.integers(0, 3, (4, 3, 2))
    found = model.evaluate(images, labels, sample_weight=w)
    p = model.predict(images)
    right = p.argmax(-1) == labels
    assert found[1] == pytest.approx((w * right).sum() / w.sum())
    np.testing.assert_allclose(seen.weights, w, rtol=1e-6)
    row = Sequential([Dense(2, 5)])
    row.compile("mse", "sgd")
    y = rng.normal(size=(4, 5))
    off = (row.predict(X[:, 0]) - y) ** 2
    assert row.evaluate(X[:, 0], y, sample_weight=W) == pytest.approx((off * W).mean(), rel=1e-5)


@pytest.mark.parametrize("wrap", [lambda w: w[:, None], lambda w: w[:, None, None], np.array])
def test_axes_of_one_do_not_matter(wrap):
    model, w = tagger(), rng.random(N)
    wanted = model.evaluate(X, LABELS, sample_weight=w)
    assert model.evaluate(X, LABELS, sample_weight=wrap(w)) == wanted
    assert model.evaluate(X, LABELS, sample_weight=W[..., None]) == model.evaluate(
        X, LABELS, sample_weight=W
    )


def test_weights_of_steps_that_do_not_fit():
    words = r"expected one weight per sample, shape \(4,\), or one per step, shape \(4, 5\), got"
    for shape in ((4, 4), (5, 4), (4, 5, 3), (20,)):
        with pytest.raises(ValueError, match=words):
            tagger().fit(X, LABELS, verbose=0, sample_weight=np.ones(shape))
    bare = Sequential([Dense(2, C, "softmax")])
    bare.compile("categorical_cross_entropy", "sgd")
    with pytest.raises(ValueError, match=r"expected one weight per sample, shape \(4,\), got"):
        bare.fit(X[:, 0], LABELS[:, 0], verbose=0, sample_weight=np.ones((4, 3)))


def test_classes_weigh_by_step():
    table = np.array([1.0, 3.0, 0.5])
    options = {"verbose": 0, "shuffle": False, "epochs": 2}
    for y in (LABELS, HOT, LABELS.astype("f4")):
        for w in (None, rng.random(N), W):
            by_class, by_step = tagger(watched=["accuracy"]), tagger(watched=["accuracy"])
            a = by_class.fit(X, y, sample_weight=w, class_weight={1: 3.0, 2: 0.5}, **options)
            weights = np.ones((N, T)) if w is None else w if w.ndim > 1 else w[:, None] + 0 * W
            b = by_step.fit(X, y, sample_weight=weights * table[LABELS], **options)
            for name in a.history:
                np.testing.assert_allclose(a.history[name], b.history[name], rtol=1e-5)
    binary = Sequential([Dense(2, 1, "sigmoid")])
    binary.compile("binary_cross_entropy", "sgd")
    a = binary.test_on_batch(X, YES, np.where(YES[..., 0] == 1, 2.0, 1.0))
    assert binary.train_on_batch(X, YES, class_weight={1: 2.0}) == pytest.approx(a)


def test_batches_bring_weights_of_steps():
    batches = [(X[:2], LABELS[:2], W[:2]), (X[2:], LABELS[2:], W[2:])]
    one, other = tagger(), tagger()
    a = one.fit(batches, epochs=2, verbose=0, validation_data=(X, LABELS, W)).history
    b = other.fit(X, LABELS, 2, 2, 0, sample_weight=W, shuffle=False).history
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-6)
    assert a["val_loss"][-1] == pytest.approx(one.evaluate(X, LABELS, sample_weight=W))


# ------------------------------------------------------------------------------------ ignore_index


def test_the_loss_is_a_mean_over_labels_that_are_not_ignored():
    real = IGNORED != -100
    loss = CategoricalCrossEntropy(ignore_index=-100)
    assert loss.loss(IGNORED, SOFT) == pytest.approx(
        CategoricalCrossEntropy().loss(LABELS[real], SOFT[real])
    )
    assert not loss.gradient(IGNORED, SOFT)[~real].any()
    assert loss.loss(np.full((N, T), -100), SOFT) == 0
    for ignored in (255, 1):  # beyond the classes, or one of them
        y = np.where(real, LABELS, ignored).astype(np.uint8)
        wanted = CategoricalCrossEntropy().loss(LABELS[y != ignored], SOFT[y != ignored])
        assert CategoricalCrossEntropy(ignore_index=ignored).loss(y, SOFT) == pytest.approx(wanted)


@pytest.mark.parametrize("shape", [(6,), (4, 5), (2, 3, 4)])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_ignored_labels_as_in_torch(shape, smoothing):
    torch = pytest.importorskip("torch")
    x, y = rng.normal(size=(*shape, C)), rng.integers(0, C, shape)
    y[rng.random(shape) < 0.3] = 7
    y.flat[0] = 0
    options = {"ignore_index": 7, "label_smoothing": smoothing}
    logits = torch.tensor(x, requires_grad=True)
    wanted = torch.nn.functional.cross_entropy(
        logits.reshape(-1, C), torch.tensor(y).reshape(-1), **options
    )
    wanted.backward()
    loss = CategoricalCrossEntropy(from_logits=True, **options)
    assert loss.loss(y, x) == pytest.approx(wanted.item(), rel=1e-12)
    np.testing.assert_allclose(loss.gradient(y, x), logits.grad.numpy(), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("kernels", ["numpy", "fast"])
def test_metrics_of_the_model_ignore_the_labels_too(kernels):
    if kernels == "fast":
        pytest.importorskip("numba")
    real, seen = IGNORED != -100, Seen()
    watched = ["accuracy", AUC(), ConfusionMatrix(C), seen, lambda y, p: p.max(axis=-1)]
    with Kernels(kernels):
        model = tagger(CategoricalCrossEntropy(ignore_index=-100), watched)
        model.fit(X, IGNORED, verbose=0, batch_size=3, epochs=2)
        found = model.evaluate(X, IGNORED, batch_size=3, return_dict=True)
    p = model.predict(X)
    assert found["accuracy"] == pytest.approx((p.argmax(-1) == LABELS)[real].mean())
    assert found["auc"] == pytest.approx(measured(AUC(), LABELS[real], p[real]))
    assert found["<lambda>"] == pytest.approx(p.max(-1)[real].mean())
    assert found["loss"] == pytest.approx(
        CategoricalCrossEntropy().loss(LABELS[real], p[real]), rel=1e-6
    )
    assert watched[2].result().sum() == real.sum()
    np.testing.assert_array_equal(seen.weights, real[3:])


def test_ignored_labels_beside_weights_of_classes_and_steps():
    real, table = IGNORED != -100, np.array([1.0, 3.0, 0.5])
    model = tagger(CategoricalCrossEntropy(ignore_index=-100))
    p = model.predict(X)
    each = -np.log(np.take_along_axis(p, LABELS[..., None], -1))[..., 0]
    wanted = (each * table[LABELS] * W)[real].sum() / real.sum()
    assert model.train_on_batch(X, IGNORED, W, {1: 3.0, 2: 0.5}) == pytest.approx(wanted, rel=1e-5)


def test_labels_of_samples_are_ignored_too():
    y = np.array([0, -1, 2, -1])
    model = tagger(CategoricalCrossEntropy(ignore_index=-1), ["accuracy"])
    got = model.evaluate(X[:, 0], y)
    np.testing.assert_allclose(got, model.evaluate(X[::2, 0], y[::2]), rtol=1e-6)
    nothing = tagger(CategoricalCrossEntropy(ignore_index=-1))
    before = nothing.get_weights()
    assert nothing.train_on_batch(X[:, 0], np.full(N, -1)) == 0  # PyTorch says NaN, Keras 0
    assert all(map(np.array_equal, nothing.get_weights(), before))


def test_a_batch_in_which_nothing_counts_does_not_weigh_in_the_epoch():
    y = np.array([-1, -1, 1, 2])
    model = tagger(CategoricalCrossEntropy(ignore_index=-1))
    assert model.evaluate(X[:, 0], y, batch_size=2) == pytest.approx(
        model.evaluate(X[2:, 0], y[2:]), rel=1e-6
    )


def test_other_labels_out_of_range_are_errors_still():
    loss = CategoricalCrossEntropy(ignore_index=-100)
    for wrong in (-1, C, 255):
        with pytest.raises(ValueError, match=f"label {wrong} of sample 1 is out of range"):
            loss.loss(np.array([-100, wrong, 0]), SOFT[0, :3])
    with pytest.raises(ValueError, match="ignore_index=-100 is for whole-number labels"):
        loss.loss(HOT, SOFT)
    for wrong in (1.5, "none", True):
        with pytest.raises(ValueError, match="ignore_index must be a whole number, or None"):
            CategoricalCrossEntropy(ignore_index=wrong)
    model = tagger(loss)
    with pytest.raises(ValueError, match="every sample must be of one class"):
        class_weights({0: 1.0}, IGNORED, (T, C), np.dtype("f4"))
    model.fit(X, IGNORED, verbose=0, class_weight={0: 2.0})


def test_it_is_saved_and_goes_on_where_it_stopped(tmp_path):
    model = tagger(CategoricalCrossEntropy(ignore_index=-100), ["accuracy"])
    model.fit(X, IGNORED, verbose=0)
    model.save(tmp_path / "tagger.axon")
    loaded = load_model(tmp_path / "tagger.axon")
    assert loaded.loss.ignore_index == -100
    assert loaded.evaluate(X, IGNORED) == model.evaluate(X, IGNORED)

    def run(stop, folder):
        model = tagger(CategoricalCrossEntropy(ignore_index=-100), ["accuracy"])
        end = LambdaCallback(on_epoch_end=lambda e, logs: 1 / (e != stop))
        watching = [BackupAndRestore(folder, delete_checkpoint=False), end]
        return model.fit(X, IGNORED, 2, 4, 0, watching, sample_weight=W)

    with pytest.raises(ZeroDivisionError):
        run(1, tmp_path / "backup")
    resumed = run(None, tmp_path / "backup").history
    assert resumed == run(None, tmp_path / "other").history
