"""What losses and metrics presuppose, and whether what a model makes of the first batch is that.

A false alarm is as bad as a miss: both sides stand in one table.
"""

from types import SimpleNamespace

import numpy as np
import pytest

import axon
from axon import Tensor, ops
from axon.activations import relu, sigmoid, softmax, tanh
from axon.callbacks import CSVLogger
from axon.layers import (
    LSTM,
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    GaussianNoise,
    LayerNormalization,
    Rescaling,
    Reshape,
    RMSNormalization,
)
from axon.losses import BinaryCrossEntropy, CategoricalCrossEntropy, Hinge, Loss
from axon.losses.base import over_features
from axon.losses.bounds import bounds
from axon.losses.expected import EXPECTED, demand
from axon.metrics import (
    AUC,
    Accuracy,
    BinaryAccuracy,
    ConfusionMatrix,
    F1Score,
    MeanMetric,
    Precision,
    Recall,
    TopKCategoricalAccuracy,
)
from axon.models import Model, Sequential
from axon.parameter import Parameter

rng = np.random.default_rng(0)
X = rng.normal(size=(64, 5)).astype(np.float32)
Y = rng.integers(0, 3, 64)
YES, HOT, NUMBERS = (X[:, :1] > 0) * 1, np.eye(3)[Y], X[:, :1] * 3 + 200
SHARES = rng.random((64, 1))
SWAPS = (np.full((3, 3), 0.1) + 0.7 * np.eye(3)).astype(np.float32)
SEVERAL = np.minimum(HOT + HOT[::-1], 1)
B, C = "binary_crossentropy", "categorical_crossentropy"
BL, CL = BinaryCrossEntropy(from_logits=True), CategoricalCrossEntropy(from_logits=True)


class Own(Model):
    """A model that joins some layers by a function."""

    def __init__(self, join, *parts):
        super().__init__()
        self.join = join
        for number, part in enumerate(parts):
            setattr(self, f"part{number}", part)

    def forward(self, x):
        return self.join(*self.layers, x)


def mean_of_two(size, activation):
    return Own(lambda a, b, x: (a(x) + b(x)) / 2, *(Dense(size, activation) for _ in "ab"))


def over_sum(s):
    return s / s.sum(axis=-1, keepdims=True)


def flat(size, activation=None):
    """Begins with outputs of 0 alone, which look like probabilities."""
    return Dense(size, activation, kernel_initializer="zeros")


# what is wrong -> (layers or model, loss, targets, metrics, words of the error)
WRONG = {
    "sigmoid of classes": ([Dense(3, "sigmoid")], C, Y, [], "must add up to 1, got those of sigm"),
    "hard sigmoid of classes": ([Dense(3, "hard_sigmoid")], C, HOT, [], "those of hard_sigmoid"),
    "sigmoid, kl": ([Dense(3, "sigmoid")], "kld", HOT, [], "must add up to 1, got those of sigm"),
    "halves of two": (Own(lambda a, b, x: a(x) * b(x), Dense(3, "softmax"), Dense(3, "softmax")),
                      C, Y, [], "rows that add up to 0."),
    "softmax of one": ([Dense(1, "softmax")], B, YES, [], "over a single output, which is 1"),
    "softmax of one, mse": ([Dense(1, "softmax")], "mse", YES, [], "over a single output"),
    "softmax of one class": ([Dense(1, "softmax")], C, Y * 0, [], "over a single output"),
    "log of softmax of one": ([Dense(1, "log_softmax")], "mse", YES, [], "output, which is 0"),
    "times 5": ([Dense(3), Rescaling(5.0)], C, Y, [], "got those of a linear layer"),
    "times 5, all 0": ([flat(3), Rescaling(5.0)], B, HOT, [], "got those of a linear layer"),
    "dropout": ([flat(3), Dropout(0.5)], B, HOT, [], "got those of a linear layer"),
    "dropout of chances": ([Dense(3, "softmax"), Dropout(0.5)], C, Y, [], "between 0 and 1"),
    "batch norm": ([Dense(3), BatchNormalization()], C, Y, [], "those of a normalization"),
    "batch norm, all 0": ([flat(1), BatchNormalization()], B, YES, [], "a normalization"),
    "layer norm": ([flat(3), LayerNormalization()], B, HOT, [], "those of a normalization"),
    "rms norm": ([flat(1), RMSNormalization()], B, YES, [], "those of a normalization"),
    "lstm": ([Reshape((5, 1)), LSTM(1)], B, YES, [], "those of a recurrent layer"),
    "a shortcut": (Own(lambda a, x: x[:, :3] + a(x), Dense(3)), C, Y, [], "between 0 and 1"),
    "tanh": ([flat(1, "tanh")], B, YES, [], "those of tanh"),
    "relu": ([flat(1, "relu")], B, YES, [], "those of relu"),
    "softmax as logits": ([Dense(3, "softmax")], CL, Y, [], "from_logits=True, but the model en"),
    "sigmoid as logits": ([Dense(1, "sigmoid")], BL, YES, [], "from_logits=True, but the model"),
    "sigmoid as class logits": ([Dense(3, "sigmoid")], CL, Y, [], "ends with 'sigmoid'"),
    "means as logits": (mean_of_two(3, "softmax"), CL, Y, [], "the predictions are probabilities"),
    "means as logit": (mean_of_two(1, "sigmoid"), BL, YES, [], "the predictions are probabilit"),
    "over their sum as logits": (Own(lambda a, x: over_sum(ops.exp(a(x))), Dense(3)), CL, Y, [],
                                 "the predictions are probabilities: rows that add up to 1"),
    "several of a softmax": ([Dense(3, "softmax")], B, SEVERAL, [], "of sample 0 add up to 2, bu"),
    "rates below 0": ([Dense(1)], "poisson", abs(NUMBERS), [], "got those of a linear layer"),
    "counts below 0": ([Dense(1, "softplus")], "poisson", -abs(NUMBERS), [], "targets are counts"),
    "a hinge of sigmoid": ([Dense(1, "sigmoid")], "hinge", YES, [], "of sigmoid, which are never"),
    "a hinge of numbers": ([Dense(1, "tanh")], "hinge", NUMBERS, [], "must be -1 and 1, or 0 and"),
    "sides as chances": ([Dense(1, "sigmoid")], B, 2 * YES - 1, [], r"Use \(y \+ 1\) / 2, or Hin"),
    "negative labels": ([Dense(3, "softmax")], C, Y - 1, [], "label -1 of sample"),
    "fractions as labels": ([Dense(3, "softmax")], C, Y + 0.5, [], "labels must be whole numbers"),
    "accuracy of numbers": ([Dense(1)], "mse", NUMBERS, ["accuracy"], "targets must be 0 and"),
    "accuracy of counts": ([Dense(1)], "mse", NUMBERS.round(), ["acc"], "are no classes"),
    "accuracy of shares": ([Dense(1, "sigmoid")], "mse", SHARES, ["accuracy"], "must be 0 and 1"),
    "accuracy of rows": ([Dense(3)], "mse", X[:, :3], ["accuracy"], "must be one-hot rows"),
    "accuracy of own labels": ([Dense(3)], lambda y, p: p.sum(axis=-1) + y, Y + 1, ["accuracy"],
                               "labels from 0 to 2"),
    "several at once": ([Dense(3)], "mse", SEVERAL, ["accuracy"], "must be one-hot rows"),
    "precision of numbers": ([Dense(1)], "mse", NUMBERS, ["precision"], "must be 0 and 1"),
    "auc of numbers": ([Dense(1)], "mse", NUMBERS, ["auc"], "must be 0 and 1"),
    "sides, accuracy": ([Dense(1)], "mse", 2 * YES - 1, ["accuracy"], "BinaryAccuracy.threshold=0"),
    "auc of class logits": ([Dense(3)], CL, Y, [AUC()], "say nothing across samples"),
    "auc of numbers for classes": ([Dense(3)], lambda y, p: p.sum(axis=-1) + y, Y, [AUC()],
                                   "scores must be probabilities"),
    "precision of logits": ([Dense(1)], BL, YES, [Precision()], r"Use Precision\(thresholds=0.0"),
    "f1 of logits": ([Dense(3)], CL, Y, [F1Score("micro", threshold=0.5)], "threshold=0.0"),
    "accuracy of logits": ([Dense(1)], BL, YES, [Accuracy()], "BinaryAccuracy.threshold=0.0"),
    "accuracy of logits, binary": ([Dense(1)], BL, YES, [BinaryAccuracy()], "yes begins at 0"),
    "matrix of logits": ([Dense(1)], BL, YES, [ConfusionMatrix(2)], "threshold=0.0"),
    "more guesses than classes": ([Dense(3, "softmax")], C, Y, [TopKCategoricalAccuracy()], "k=5"),
    "a matrix for others": ([Dense(3, "softmax")], C, Y, [ConfusionMatrix(4)], "num_classes="),
    "a class that is none": ([Dense(3, "softmax")], C, Y, [Recall(class_id=3)], "class_id=3, but"),
    "own loss": ([Dense(1)], lambda y, p: ((y - p) ** 2).mean(axis=-1), NUMBERS[:, 0], [],
                 r"y has shape \(64,\), but the pred.* \(64, 1\). Use y.reshape\(-1, 1\)"),
    "own loss, a slip": ([Dense(1)], lambda y, p: ((y[:, 0] - p) ** 2).mean(axis=-1), NUMBERS, [],
                         r"targets of shape \(32,\) beside predictions of shape \(32, 1\) make"),
    "own loss, another slip": ([Dense(1)], lambda y, p: abs(p.reshape(-1) * 2 - y), NUMBERS, [],
                               r"predictions of shape \(32,\) make \(32, 32\)"),
    "own metric, a slip": ([Dense(1)], "mse", NUMBERS,
                           [lambda y, p: abs(y.reshape(-1) - p).mean(axis=-1)],
                           "each prediction would be compared with every target"),
    "softmax of one, behind": ([Dense(1, "softmax"), Rescaling(0.5)], "mse", YES, [],
                               "softmax over a single output, so its predictions are 0.5"),
    "direction of one": ([Dense(1)], "cosine_similarity", NUMBERS, [], "no more than its sign"),
    "own loss, one number": ([Dense(1)], lambda y, p: ((y - p) ** 2).mean(), NUMBERS, [],
                             "what each sample costs"),
    "own metric": ([Dense(1)], "mse", NUMBERS, [lambda y, p: abs(y - p).mean()],
                   r"the score of each sample, shape \(\d\d, ...\), got shape \(\). Leave"),
    "own metric, a float": ([Dense(1)], "mse", NUMBERS, [lambda y, p: 1.0], "got float"),
    "own metric, NumPy": ([Dense(1)], "mse", NUMBERS, [lambda y, p: np.ones(32)], "got nd"),
}  # fmt: skip

# what is right -> (layers or model, loss, targets, metrics)
RIGHT = {
    "mean of two softmaxes": (mean_of_two(3, "softmax"), C, Y, ["accuracy", AUC()]),
    "mean of two sigmoids": (mean_of_two(1, "sigmoid"), B, YES, ["accuracy", "auc"]),
    "product": (Own(lambda a, b, x: a(x) * b(x), Dense(1, "sigmoid"), Dense(1, "sigmoid")), B, YES),
    "the other way": (Own(lambda a, x: 1 - a(x), Dense(1, "sigmoid")), B, YES),
    "half of tanh": (Own(lambda a, x: (a(x) + 1) / 2, Dense(1, "tanh")), B, YES),
    "yes beside no": (Own(lambda a, x: ops.concatenate([1 - a(x), a(x)], axis=-1),
                          Dense(1, "sigmoid")), C, YES[:, 0]),
    "softmax by hand": (Own(lambda a, x: over_sum(ops.exp(a(x))), Dense(3)), C, Y),
    "over their sum": (Own(lambda a, x: over_sum(a(x)), Dense(3, "sigmoid")), C, Y),
    "relu over its sum": (Own(lambda a, x: over_sum(a(x) + 0.001), Dense(3, "relu")), C, Y),
    "experts": (Own(lambda g, e, x: (g(x) * e(x)).sum(axis=-1, keepdims=True),
                    Dense(4, "softmax"), Dense(4, "sigmoid")), B, YES),
    "noise of labels": (Own(lambda a, x: a(x) @ Tensor(SWAPS), Dense(3, "softmax")), C, Y),
    "cut off": (Own(lambda a, x: ops.minimum(ops.maximum(a(x), 0.01), 0.99), Dense(1)), B, YES),
    "rescaled": ([Dense(1, "sigmoid"), Rescaling(0.9, 0.05)], B, YES),
    "rescaled by 1": ([Dense(3, "softmax"), Rescaling(1.0)], C, Y),
    "rows of softmax": ([Dense(6), Reshape((2, 3)), Activation("softmax")], C, np.stack([Y, Y], 1)),
    "many classes": ([Dense(3, "relu"), Dense(5000, "softmax")], C, Y),
    "one-hot, each for itself": ([Dense(3, "softmax")], B, HOT),
    "several labels": ([Dense(3, "sigmoid")], B, SEVERAL, ["accuracy", AUC(), Precision()]),
    "chances": ([Dense(1, "sigmoid")], B, SHARES, ["accuracy", "auc", "precision"]),
    "chances of classes": ([Dense(3, "softmax")], C, HOT * 0.8 + 0.2 / 3, ["accuracy"]),
    "less sure by hand": ([Dense(1, "sigmoid")], "mse", YES * 0.9 + 0.05, ["accuracy"]),
    "numbers for yes and no": ([Dense(1)], "mse", YES, ["accuracy", "precision"]),
    "numbers for classes": ([Dense(3)], "mse", HOT, ["accuracy"]),
    "sides for classes": ([Dense(3)], "mse", 2 * HOT - 1, ["accuracy"]),
    "rates": ([Dense(1, "softplus")], "poisson", abs(NUMBERS)),
    "rates, e^x": (Own(lambda a, x: ops.exp(a(x)), Dense(1)), "poisson", YES + 1),
    "logits": ([Dense(3)], CL, Y, ["accuracy", Precision(average="macro")]),
    "logits that begin at 0": ([flat(3)], CL, Y),
    "logits that begin as shares": ([flat(3), Rescaling(1.0, 1 / 3)], CL, Y),
    "logits that begin as one class": (Own(lambda a, x: a(x) + Tensor([1.0, 0.0, 0.0]), flat(3)),
                                       CL, Y, ["accuracy"]),
    "chances of three digits": ([Dense(3, "softmax")], C, np.full((64, 3), 0.333),
                                ["accuracy"]),
    "chances in half precision": ([Dense(999, "softmax")], C, np.full((64, 999), 1 / 999, "f2"),
                                  ["accuracy"]),
    "logits of yes": ([Dense(1)], BL, YES, ["accuracy", "precision", "f1", AUC()]),
    "relu as logits": ([Dense(3, "relu")], CL, Y),
    "log_softmax as logits": ([Dense(3, "log_softmax")], CL, Y),
    "a hinge": ([Dense(1)], "hinge", 2 * YES - 1, ["accuracy", "auc"]),
    "a hinge of tanh": ([Dense(1, "tanh")], "squared_hinge", YES, ["accuracy"]),
    "own loss of labels": ([Dense(3, "softmax")], lambda y, p: y - ops.log(p).mean(axis=-1), Y),
    "own loss": ([Dense(1)], lambda y, p: ((y - p) ** 2).mean(axis=-1), NUMBERS),
    "own metric": ([Dense(1)], "mse", NUMBERS, [lambda y, p: abs(y - p)]),
    "all pairs": ([Dense(1)], lambda y, p: relu(1 - (p - p.transpose()) * (y - y.transpose()))
                  .mean(axis=-1), NUMBERS / 100),
    "all pairs of a column": ([Dense(1)], lambda y, p: (p - p[:, 0]) ** 2 + (y - y[:, 0]) * 0, YES),
    "a slip of none": ([Dense(1)], lambda y, p: (y[:, 0] - p[:, 0]) ** 2, YES,
                       [lambda y, p: abs(y - p)[:, 0]]),
    "attention to one step": (Own(lambda a, x: a(softmax(x[:, :1]) * x), Dense(1)), "mse", YES),
    "dropout of logits": ([Dense(3), Dropout(0.2)], CL, Y),
    "noise behind": ([Dense(1), GaussianNoise(0.1)], "mse", NUMBERS, ["mae", "r2"]),
}  # fmt: skip


def compiled(network, loss, metrics=(), eager=False):
    model = network if isinstance(network, Model) else Sequential(network)
    model.compile(loss, "sgd", metrics, eager=eager)
    return model


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_an_error_before_anything_is_learned(case):
    network, loss, y, metrics, words = WRONG[case]
    model = compiled(network, loss, metrics)
    with pytest.raises(ValueError, match=words):
        model.fit(X, y, verbose=0)
    assert model.optimizer.iterations.item() == 0
    assert model.history is None


@pytest.mark.parametrize("case", RIGHT)
def test_what_fits_is_learned(case):
    network, loss, y, *metrics = RIGHT[case]
    model = compiled(network, loss, *metrics)
    model.fit(X, y, verbose=0)
    model.evaluate(X, y)
    assert model.optimizer.iterations.item() == 2


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("way", ["fit", "evaluate", "train_on_batch", "test_on_batch", "stream"])
@pytest.mark.parametrize("case", ["sigmoid of classes", "dropout", "own metric", "auc of numbers"])
def test_every_way_and_both_kinds_of_steps_say_so(case, way, eager):
    network, loss, y, metrics, words = WRONG[case]
    if case == "dropout" and way in ("evaluate", "test_on_batch"):
        words = "a linear layer"
    model = compiled(network, loss, metrics, eager)
    ways = {
        "fit": lambda: model.fit(X, y, verbose=0),
        "stream": lambda: model.fit([(X[:32], y[:32]), (X[32:], y[32:])], verbose=0),
        "evaluate": lambda: model.evaluate(X, y),
        "train_on_batch": lambda: model.train_on_batch(X[:32], y[:32]),
        "test_on_batch": lambda: model.test_on_batch(X[:32], y[:32]),
    }
    with pytest.raises(ValueError, match=words):
        ways[way]()


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("way", ["fit", "train_on_batch", "evaluate"])
def test_a_first_batch_that_does_not_fit_changes_nothing(built, way):
    axon.set_random_seed(0)
    model = Sequential([Dense(4), BatchNormalization(), Dropout(0.5), Dense(3, "sigmoid")])
    if built:
        model.build((5,))
    model.compile(C, "adam", ["accuracy"])
    before = state(model)
    with pytest.raises(ValueError, match="must add up to 1"):
        getattr(model, way)(X, Y)
    assert state(model) == before
    model.compile(B, "adam", ["accuracy"])
    model.fit(X, HOT, verbose=0)
    assert state(model) != before


def state(model):
    tensors = {**model.named_parameters(), **model.named_buffers()}
    numbers = [(name, t.numpy().tobytes()) for name, t in tensors.items()]
    drawn = [str(axon.random.stream(name).bit_generator.state) for name in ("init", "shuffle")]
    return numbers, [layer.output_shape for layer in model.layers], drawn


def test_the_metrics_of_an_earlier_call_stay():
    model = compiled([Dense(1)], "mse", ["mae"])
    model.fit(X, NUMBERS, verbose=0)
    history = model.history
    model.compile(lambda y, p: (y - p).sum(), "sgd", ["mae"])
    with pytest.raises(ValueError, match="what each sample costs"):
        model.fit(X, NUMBERS, verbose=0)
    assert model.history is history


def test_a_network_out_of_a_file_is_judged_by_what_it_gives(tmp_path):
    pytest.importorskip("onnx")
    import axon.onnx

    for last, loss, words in ((None, C, "between 0 and 1"), ("sigmoid", C, "must add up to 1")):
        model = Sequential([Dense(5, 3, last)])
        axon.onnx.export(model, tmp_path / "m.onnx")
        loaded = axon.onnx.load(tmp_path / "m.onnx")
        loaded.compile(loss, "sgd")
        with pytest.raises(ValueError, match=words):
            loaded.fit(X, Y, verbose=0)


def test_losses_and_metrics_by_hand_look_too():
    p = sigmoid(Tensor(X[:, :3], requires_grad=True))
    for given in (p, p.numpy()):
        with pytest.raises(ValueError, match="must add up to 1"):
            CategoricalCrossEntropy()(Y, given)
        with pytest.raises(ValueError, match="must add up to 1"):
            CategoricalCrossEntropy().gradient(Y, given)
    with pytest.raises(ValueError, match="from_logits=True"):
        CL(Y, softmax(Tensor(X[:, :3], requires_grad=True)))
    for metric in (Accuracy(), Precision(), AUC(), BinaryAccuracy()):
        with pytest.raises(ValueError, match="targets must be 0 and 1"):
            metric.update([0.3, 2.0], [0.5, 0.7])
    with pytest.raises(ValueError, match="labels from 0 to 1"):
        Accuracy().update([0, 2], [[0.1, 0.9], [0.9, 0.1]])


def test_rounding_is_no_alarm():
    p = softmax(rng.normal(size=(100, 1000)).astype(np.float16)).astype(np.float16)
    CategoricalCrossEntropy()(np.zeros(100, int), p)
    q = np.round(softmax(rng.normal(size=(100, 10))), 4)
    CategoricalCrossEntropy()(np.zeros(100, int), q)
    BinaryCrossEntropy()([1.0, 0.0], np.float32([1 + 1e-6, -1e-6]))


def test_bounds_follow_operations():
    x, w = Tensor(X, requires_grad=True), Parameter(np.eye(5, dtype=np.float32))
    for made, low, high, exact in (
        (sigmoid(x @ w), 0, 1, True),
        (sigmoid(x @ w) * 2 - 1, -1, 1, True),
        (relu(x @ w + 3.0) * 2, 0, np.inf, True),
        (sigmoid(x) * sigmoid(x), 0, 1, False),
        (sigmoid(x).mean(axis=-1), 0, 1, False),
        (ops.square(tanh(x)), 0, 1, False),
        (ops.exp(-abs(x)), 0, 1, False),
        (x / (1 + abs(x)), -np.inf, np.inf, False),
        (x.reshape(5, 64).transpose(), -np.inf, np.inf, False),
    ):
        found = bounds(made)
        assert (found.low, found.high) == pytest.approx((low, high)), made.creator
        assert found.exact is exact
    chain = sigmoid(x)
    for _ in range(200):
        chain = (chain + chain) / 2
    assert not bounds(chain).exact  # it ends, and soon


def test_every_loss_declares_what_it_expects():
    from axon.losses import LOSSES

    for loss in (make() for make in LOSSES.values()):
        assert loss.expects in EXPECTED
    with pytest.raises(KeyError):
        demand("anything", "loss", Tensor([0.5]))
    assert Hinge().yes_from == BL.yes_from == 0 != BinaryCrossEntropy().yes_from


def test_accuracy_beside_a_hinge_asks_for_the_sign():
    model = compiled([Dense(1, use_bias=False, kernel_initializer="ones")], "hinge", ["accuracy"])
    x = np.array([[0.2], [-0.2]])
    assert model.evaluate(x, [[1], [-1]])[1] == 1.0


def test_a_file_of_logs_outlives_a_call_that_fails_as_data_come_in(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,loss\n0,1.0\n")
    model = compiled([Dense(1)], "mse", ["accuracy"])
    with pytest.raises(ValueError, match="targets must be 0 and 1"):
        model.fit(X, NUMBERS, verbose=0, callbacks=[CSVLogger(tmp_path / "log.csv")])
    assert (tmp_path / "log.csv").read_text().startswith("epoch,loss\n0,1.0")


def test_a_metric_without_a_copy_is_left_alone():
    class Keeping(AUC):
        def __init__(self):
            super().__init__(name="keeping")
            self.source = (i for i in ())

    model = compiled([Dense(1, "sigmoid")], B, [Keeping()])
    model.fit(X, YES, verbose=0)
    assert SimpleNamespace(**model.history.history).keeping[0] > 0


class OwnLoss(Loss):
    name = "own"

    def per_sample(self, y_true, y_pred):
        return over_features((y_true[:, 0] - y_pred) ** 2)


class OwnScore(MeanMetric):
    name = "own_score"

    def per_sample(self, y_true, y_pred):
        return over_features(abs(y_true[:, 0] - y_pred))


@pytest.mark.parametrize(("loss", "metrics"), [(OwnLoss(), []), ("mse", [OwnScore()])])
@pytest.mark.parametrize("weights", [None, np.ones(64)])
def test_slips_in_classes_of_ones_own(loss, metrics, weights):
    model = compiled([Dense(1)], loss, metrics)
    with pytest.raises(ValueError, match=r"own.*: each prediction would be compared with every"):
        model.fit(X, NUMBERS, sample_weight=weights, verbose=0)
