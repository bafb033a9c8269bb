"""Masks: what each layer does with one, their way to loss and metrics, and that none is lost."""

import warnings

import numpy as np
import pytest

import axon
from axon import Tensor, ops
from axon.activations import softmax
from axon.layers import (
    GRU,
    LSTM,
    AveragePooling1D,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    GroupNormalization,
    Lambda,
    Layer,
    LayerNormalization,
    Masking,
    MaxPooling1D,
    MultiHeadAttention,
    Pipeline,
    PositionalEmbedding,
    Reshape,
    SimpleRNN,
    TransformerBlock,
    UpSampling1D,
    Wrapper,
    ZeroPadding1D,
    masks,
)
from axon.losses import CategoricalCrossEntropy
from axon.metrics import AUC, ConfusionMatrix, F1Score, Metric
from axon.models import Model, Sequential, load_model
from axon.optimizers import SGD
from axon.program.lowerings import Kernels
from tests.samples.layers import SAMPLES, made

rng = np.random.default_rng(0)
IDS = rng.integers(1, 9, (6, 7))
for row, (first, last) in enumerate([(0, 7), (0, 4), (3, 7), (2, 5), (0, 1)]):
    IDS[row, :first], IDS[row, last:] = 0, 0
IDS[3, 3], IDS[5] = 0, 0  # one has a gap, one is all padding
REAL = IDS != 0
Y = IDS % 3
W = rng.random(REAL.shape)
SAME = {**SAMPLES}
SAME["MaxPooling1D, same"] = (lambda **s: MaxPooling1D(2, 1, "same", **s), (5, 2))
SAME["MaxPooling1D, same, apart"] = (lambda **s: MaxPooling1D(2, padding="same", **s), (5, 2))
SAME["AveragePooling1D, same"] = (lambda **s: AveragePooling1D(3, 1, "same", **s), (5, 2))
SAME["Conv1D, same"] = (lambda **s: Conv1D(3, 3, padding="same", **s), (6, 2))
SAME["Conv1D, same, strides"] = (lambda **s: Conv1D(3, 3, 2, padding="same", **s), (6, 2))
SAME["Conv1D, valid"] = (lambda **s: Conv1D(3, 2, dilation_rate=2, **s), (6, 2))
SAME["GRU, backwards"] = (lambda **s: GRU(2, return_sequences=True, go_backwards=True, **s), (4, 2))
SAME["Flatten of steps"] = (Flatten, (4, 2))
SAME["Reshape of steps"] = (lambda **s: Reshape((4, 2, 1), **s), (4, 2))
every_layer = pytest.mark.parametrize(("make", "shape"), SAME.values(), ids=SAME)


def series(shape, n=6):
    return rng.normal(size=(n, *shape)) + 0.1


def patterns(n, time):
    """All steps, the first, the last, some in the middle, some with a gap, none."""
    real = np.zeros((n, time), bool)
    real[0], real[1, :2], real[2, -2:], real[3, 1:-1] = True, True, True, True
    real[4, 0], real[4, -1] = True, True
    return real


def run(layer, x, mask):
    x = Tensor(x)
    x.mask = None if mask is None else Tensor(mask)
    return layer(x)


# ------------------------------------------------------------------------------------ the contract


def said(layer):
    """What is done with a mask: a layer around others leaves that to them."""
    if isinstance(layer, Pipeline):
        return said(layer.layers[-1])
    around = isinstance(layer, Wrapper) and layer.on_mask == masks.FOLLOWED
    return said(layer.layer) if around else layer.on_mask


def test_every_layer_says_what_it_does_with_a_mask():
    for make, _ in SAMPLES.values():
        layer = make()
        known = {masks.EACH, masks.STEPS, masks.USED, masks.REFUSED}
        if type(layer) is Lambda:  # whose function is the user's own
            known = {masks.FOLLOWED}
        assert said(layer) in known, layer
        assert layer.takes_mask == (layer.on_mask == masks.USED), layer


@every_layer
def test_what_counts_does_not_depend_on_padding(make, shape):
    layer = made(make, shape, dtype="float64")
    if len(shape) < 2:
        return
    x, real = series(shape), patterns(6, shape[0])
    if said(layer) == masks.REFUSED:
        with pytest.raises(ValueError, match=r"has a mask.*this layer cannot tell them apart"):
            run(layer, x, real)
        return
    y = run(layer, x, real)
    other = np.where(real.reshape(*real.shape, *(1,) * (x.ndim - 2)), x, rng.normal(size=x.shape))
    z = run(layer, other, real)
    if y.mask is None:
        np.testing.assert_allclose(y.data, z.data, rtol=1e-10)
    else:
        assert y.mask.shape == y.shape[: y.mask.ndim]
        np.testing.assert_array_equal(y.mask.data, z.mask.data)
        np.testing.assert_allclose(y.data[y.mask.data], z.data[y.mask.data], rtol=1e-10)
    assert np.isfinite(y.data).all()


@every_layer
def test_a_mask_of_all_steps_changes_nothing(make, shape):
    layer, x = made(make, shape, dtype="float64"), series(shape)
    if said(layer) == masks.REFUSED or len(shape) < 2:
        return
    y = run(layer, x, np.ones((6, shape[0]), bool))
    np.testing.assert_allclose(y.data, run(layer, x, None).data, rtol=1e-10, atol=1e-12)
    assert y.mask is None or y.mask.data.all()


@every_layer
def test_a_mask_of_samples_goes_through_every_layer(make, shape):
    layer, x = made(make, shape, dtype="float64"), series(shape)
    real = np.array([True, False] * 3)
    y = run(layer, x, real)
    if type(layer) is not Masking:  # which adds its own
        np.testing.assert_array_equal(y.mask.data, real)
    np.testing.assert_allclose(y.data, run(layer, x, None).data)


@every_layer
def test_numbers_of_a_sample_that_are_padding(make, shape):
    """A mask along the features: what mixes these refuses it, the others pass it on."""
    if len(shape) > 1:
        return
    layer, x = made(make, shape, dtype="float64"), series(shape)
    real = patterns(6, shape[0])
    if said(layer) in (masks.EACH, masks.FOLLOWED):  # as it goes through tanh
        np.testing.assert_array_equal(run(layer, x, real).mask.data, real)
    else:
        with pytest.raises(ValueError, match="cannot tell them apart"):
            run(layer, x, real)


# ------------------------------------------------------------------------------------ length

BEHIND = {
    "max over time": [GlobalMaxPooling1D()],
    "mean over time": [GlobalAveragePooling1D()],
    "max": [MaxPooling1D(2), GlobalMaxPooling1D()],
    "max, same": [MaxPooling1D(2, padding="same"), GlobalMaxPooling1D()],
    "mean": [AveragePooling1D(2), GlobalAveragePooling1D()],
    "mean, same": [AveragePooling1D(2, padding="same"), GlobalAveragePooling1D()],
    "convolution": [Conv1D(4, 2), GlobalMaxPooling1D()],
    "convolution, same": [
        Conv1D(4, 3, padding="same", activation="relu"),
        GlobalAveragePooling1D(),
    ],
    "convolution, causal": [Conv1D(4, 3, 2, padding="causal"), LSTM(3)],
    "channels": [BatchNormalization(), GlobalAveragePooling1D()],
    "groups": [GroupNormalization(2), GlobalAveragePooling1D()],
    "steps": [LayerNormalization(), Dense(4, "relu"), Dropout(0.5), GRU(3)],
    "repeated": [UpSampling1D(2), SimpleRNN(3)],
    "zeros": [ZeroPadding1D((2, 1)), GRU(3)],
    "both ways": [Bidirectional(GRU(3, return_sequences=True)), GlobalMaxPooling1D()],
    "attention": [PositionalEmbedding(20), MultiHeadAttention(2), GlobalAveragePooling1D()],
    "transformer": [TransformerBlock(2, 8), GlobalMaxPooling1D()],
    "split": [Reshape((-1, 2, 4)), Reshape((-1, 8)), LSTM(3)],
    "nested": [Sequential([Dense(4), Sequential([GlobalMaxPooling1D()])]), Dense(2)],
}


@pytest.mark.parametrize("layers", BEHIND.values(), ids=BEHIND)
def test_the_length_to_which_you_pad_does_not_matter(layers):
    model = Sequential([Embedding(9, 8, mask_zero=True), *layers])
    short = np.array([[3, 7, 5], [2, 8, 1]])
    long = np.pad(short, ((0, 0), (0, 4)))
    wanted = model.predict(short)
    np.testing.assert_allclose(model.predict(long), wanted, atol=1e-5)
    np.testing.assert_allclose(model.forward(long), wanted, atol=1e-5)  # arrays carry no mask
    np.testing.assert_allclose(model(Tensor(long)).data, wanted, atol=1e-5)


def test_a_row_of_steps_holds_zeros_for_padding():
    model = Sequential([Embedding(9, 2, mask_zero=True), Flatten()])
    y = model.predict(IDS).reshape(6, 7, 2)
    assert not y[~REAL].any()
    assert y[REAL].all()
    assert model.compute_mask(IDS) is None
    turned = Sequential([Embedding(9, 2, mask_zero=True), Reshape((2, 7))])
    np.testing.assert_array_equal(turned.predict(IDS).reshape(6, 7, 2), y * 0 + turned_like(turned))


def turned_like(model):
    vectors = model.layers[0].embeddings.data[IDS]
    return np.where(REAL[..., None], vectors, 0)


def test_of_no_steps_the_largest_number_is_0():
    for layer in (
        GlobalMaxPooling1D(),
        GlobalMaxPooling1D(keepdims=True),
        GlobalAveragePooling1D(),
    ):
        y = run(layer, -np.ones((1, 3, 2)), np.zeros((1, 3), bool))
        assert not y.data.any()


def test_channels_are_normalized_by_what_is_real():
    x, real = series((5, 3)), patterns(6, 5)
    layer = BatchNormalization(momentum=0.0, epsilon=1e-9, dtype="float64")
    x = Tensor(x)
    x.mask = Tensor(real)
    y = layer(x, training=True)
    seen = x.data[real]
    np.testing.assert_allclose(layer.moving_mean.data, seen.mean(0))
    np.testing.assert_allclose(layer.moving_variance.data, seen.var(0))
    np.testing.assert_allclose(y.data[real], (seen - seen.mean(0)) / seen.std(0), rtol=1e-6)
    before = layer.moving_mean.data.copy()
    x.mask = Tensor(real & False)
    layer(x, training=True)
    np.testing.assert_array_equal(layer.moving_mean.data, before)


def test_masks_of_queries_and_of_values():
    layer, q, v = MultiHeadAttention(2, 3, dtype="float64"), series((4, 5)), series((3, 5))
    query, value = Tensor(q), Tensor(v)
    query.mask, value.mask = Tensor(patterns(6, 4)), Tensor(patterns(6, 3)[::-1] | True)
    value.mask.data[0, 1] = False
    y = layer(query, value)
    assert y.mask is query.mask
    np.testing.assert_allclose(y.data, layer.forward(q, v, mask=value.mask.data))
    v[0, 1] += 5
    np.testing.assert_allclose(y.data, layer.forward(q, v, mask=value.mask.data))


# ------------------------------------------------------------------------------------ loss, metrics


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


class Tagger(Model):
    """With a forward of its own, and a shortcut."""

    def __init__(self):
        super().__init__()
        self.embed = Embedding(9, 4, mask_zero=True)
        self.read = LSTM(4, return_sequences=True)
        self.out = Dense(3, "softmax")

    def forward(self, ids):
        x = self.embed(ids)
        return self.out((x + self.read(x)) * 0.5)


def chain():
    layers = [Embedding(9, 4, mask_zero=True), LSTM(4, return_sequences=True)]
    return Sequential([*layers, Dropout(0.0), Dense(3, "softmax")])


def compiled(make=chain, loss="categorical_cross_entropy", watched=("accuracy",), **options):
    axon.set_random_seed(0)
    model = make()
    model.compile(loss, SGD(0.5), list(watched), **options)
    return model


def expected(model, w=None, y=Y):
    """sum w L / (number of real steps), as Keras 3.15 has it; and sum w right / sum w."""
    w = np.ones(REAL.shape) if w is None else w
    p = model.predict(IDS)
    each = -np.log(np.take_along_axis(p, y[..., None], -1))[..., 0]
    right = (p.argmax(-1) == y) * 1.0
    return [(w * each)[REAL].sum() / REAL.sum(), (w * right)[REAL].sum() / w[REAL].sum()]


both = pytest.mark.parametrize("make", [chain, Tagger])


@both
@pytest.mark.parametrize("kernels", ["numpy", "fast"])
@pytest.mark.parametrize("eager", [False, True])
def test_padding_counts_neither_in_loss_nor_in_metrics(make, kernels, eager):
    if kernels == "fast":
        pytest.importorskip("numba")
    with Kernels(kernels):
        model = compiled(make, eager=eager)
        history = model.fit(IDS, Y, 4, 2, 0, validation_data=(IDS, Y, W)).history
        wanted = expected(model)
        np.testing.assert_allclose(model.evaluate(IDS, Y), wanted, rtol=1e-5)
        for size in (1, 4):  # the mean over all real steps, however they are cut into batches
            np.testing.assert_allclose(model.evaluate(IDS, Y, size), wanted, rtol=1e-5)
        found = [history["val_loss"][-1], history["val_accuracy"][-1]]
        np.testing.assert_allclose(found, expected(model, W), rtol=1e-5)
        np.testing.assert_allclose(model.test_on_batch(IDS, Y, W), expected(model, W), rtol=1e-5)
        by_sample = W[:, :1] + 0 * W
        found = model.test_on_batch(IDS, Y, W[:, 0])
        np.testing.assert_allclose(found, expected(model, by_sample), rtol=1e-5)
        wanted = expected(model)
        np.testing.assert_allclose(model.train_on_batch(IDS, Y), wanted, rtol=1e-5)


@both
def test_what_is_learned_does_not_depend_on_targets_of_padding(make):
    results = []
    for y in (Y, np.where(REAL, Y, 2)):
        model = compiled(make)
        history = model.fit(IDS, y, 4, 3, 0).history
        results.append((history, [w.tolist() for w in model.get_weights()]))
    assert results[0] == results[1]


def test_by_hand_it_is_the_same():
    model = compiled()
    loss = model.loss
    wanted = expected(model)
    p = model(Tensor(IDS))
    assert loss(Y, p).item() == pytest.approx(wanted[0], rel=1e-5)
    slope = loss.gradient(Y, p)
    assert not slope.data[~REAL].any()
    metric = axon.metrics.Accuracy()
    metric.update(Y, p)
    assert metric.result() == pytest.approx(wanted[1])
    np.testing.assert_array_equal(model.compute_mask(IDS), REAL)
    np.testing.assert_array_equal(model.compute_mask(Tensor(IDS)).data, REAL)


def test_every_kind_of_metric_is_given_weights():
    seen, matrix = Seen(), ConfusionMatrix(3)
    watched = [AUC(), F1Score("macro"), matrix, seen, lambda y, p: p.max(axis=-1)]
    model = compiled(watched=watched)
    found = model.evaluate(IDS, Y, return_dict=True)
    p = model.predict(IDS)
    for metric in (AUC(), F1Score("macro")):
        metric.update(Y[REAL], p[REAL])
        assert found[metric.name] == pytest.approx(metric.result())
    assert found["<lambda>"] == pytest.approx(p[REAL].max(-1).mean())
    assert matrix.result().sum() == REAL.sum()
    np.testing.assert_array_equal(seen.weights, REAL)
    model.evaluate(IDS, Y, sample_weight=W)
    np.testing.assert_allclose(seen.weights, np.where(REAL, W, 0), rtol=1e-6)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", lambda y, p: (y - p) ** 2])
def test_a_regression_by_step(loss):
    layers = [Masking(), GRU(3, return_sequences=True), Dense(1), Reshape((7,))]
    x, y = rng.normal(size=(6, 7, 2)) * REAL[..., None], rng.normal(size=(6, 7))
    model = compiled(lambda: Sequential(layers), loss, ["mae"])
    model.fit(x, y, 4, verbose=0)
    off = np.abs(model.predict(x) - y)[REAL]
    assert model.evaluate(x, y)[1] == pytest.approx(off.mean(), rel=1e-5)
    if loss == "mse":
        assert model.evaluate(x, y)[0] == pytest.approx((off**2).mean(), rel=1e-5)


def test_samples_whose_id_is_0_do_not_count():
    """As in Keras: an Embedding of one id for each sample makes a mask of samples."""
    ids, y = np.array([0, 3, 5, 0]), rng.normal(size=(4, 1))
    model = Sequential([Embedding(9, 4, mask_zero=True), Dense(1)])
    model.compile("mse", "sgd")
    assert model.evaluate(ids, y) == pytest.approx(model.evaluate(ids[1:3], y[1:3]))
    images = Sequential(
        [Embedding(9, 4, mask_zero=True), Reshape((2, 2, 1)), Conv2D(2, 1), Flatten()]
    )
    np.testing.assert_array_equal(images.compute_mask(ids), ids != 0)


def test_masks_of_pixels_weigh_pixels():
    ids = rng.integers(0, 3, (4, 3, 2))
    model = Sequential([Embedding(3, 4, mask_zero=True), Dense(2, "softmax")])
    model.compile("categorical_cross_entropy", "sgd", ["accuracy"])
    y = rng.integers(0, 2, ids.shape)
    right = model.predict(ids).argmax(-1) == y
    assert model.evaluate(ids, y)[1] == pytest.approx(right[ids != 0].mean())
    with pytest.raises(ValueError, match=r"layer 'conv2d'.*cannot tell them apart"):
        Sequential([Embedding(3, 4, mask_zero=True), Conv2D(2, 1)]).predict(ids)


def test_ignored_labels_and_padding_together():
    y = Y.copy()
    y[0, 2:4] = -100
    model = compiled(loss=CategoricalCrossEntropy(ignore_index=-100))
    model.fit(IDS, y, verbose=0)
    rows = REAL & (y != -100)
    p = model.predict(IDS)
    loss, accuracy = model.evaluate(IDS, y, 2)
    assert loss == pytest.approx(CategoricalCrossEntropy().loss(y[rows], p[rows]), rel=1e-5)
    assert accuracy == pytest.approx((p.argmax(-1) == y)[rows].mean())


def test_all_is_padding():
    model = compiled()
    before = model.fit(IDS, Y, verbose=0) and model.get_weights()
    nothing = np.zeros((3, 7), int)
    assert model.train_on_batch(nothing, nothing)[0] == 0
    assert all(map(np.array_equal, model.get_weights(), before))


def test_without_a_mask_nothing_is_recorded_for_it():
    model = compiled(lambda: Sequential([Embedding(9, 4), LSTM(4), Dense(3, "softmax")]))
    model.fit(IDS, Y[:, 0], verbose=0)
    names = {line.name for line in model.program.lines}
    assert "matmul" in names
    assert not names & {"where", "not_equal", "maximum"}


# ------------------------------------------------------------------------------------ on the way


class Own(Model):
    """A forward that is given."""

    def __init__(self, function, *parts):
        super().__init__()
        self.embed = Embedding(9, 4, mask_zero=True)
        self.parts, self.function = list(parts), function

    def forward(self, ids):
        return self.function(self.embed(ids), *self.parts)


KEPT = {
    "a shortcut": lambda x: x + ops.sqrt(abs(x)) * 2,
    "features side by side": lambda x: ops.concatenate([x, -x]),
    "a matrix": lambda x: softmax(x @ np.ones((4, 3), "f4")),
    "a mean of features": lambda x: x.mean(axis=-1),
    "some features": lambda x: x[..., :2],
    "one more axis": lambda x: x[..., None].reshape(6, 7, 2, 2),
    "turned features": lambda x: x[:, :, None].transpose(0, 1, 3, 2),
    "a choice": lambda x: ops.where(x > 0, x, 0.0),
}
MOVED = {
    "fewer steps": (lambda x: x[:, 2:], REAL[:, 2:]),
    "backwards": (lambda x: x[:, ::-1, :2], REAL[:, ::-1]),
    "some samples": (lambda x: x[1:3], REAL[1:3]),
    "steps after steps": (
        lambda x: ops.concatenate([x, x[:, :3]], axis=1),
        np.c_[REAL, REAL[:, :3]],
    ),
    "steps after whole ones": (
        lambda x: ops.concatenate([x, Tensor(np.ones((6, 1, 4), "f4"))], axis=1),
        np.c_[REAL, np.ones((6, 1), bool)],
    ),
}
ENDS = {
    "a mean over time": lambda x: x.mean(axis=1),
    "the largest": lambda x: x.max(axis=1),
    "the last step": lambda x: x[:, -1],
    "rows": lambda x: x.reshape(42, 4),
    "turned": lambda x: x.transpose(0, 2, 1),
    "softmax over time": lambda x: softmax(x, axis=1),
    "who looks at whom": lambda x: x @ x.transpose(0, 2, 1),
}


@pytest.mark.parametrize("function", KEPT.values(), ids=KEPT)
def test_operations_that_leave_steps_what_they_are(function):
    found = Own(function)(Tensor(IDS))
    np.testing.assert_array_equal(found.mask.data, REAL)


@pytest.mark.parametrize(("function", "real"), MOVED.values(), ids=MOVED)
def test_operations_that_move_steps(function, real):
    np.testing.assert_array_equal(Own(function)(Tensor(IDS)).mask.data, real)


def test_whatever_a_forward_calls_the_model():
    class Short(Own):
        def forward(m, x):
            return m.function(m.embed(x))

    with pytest.warns(UserWarning, match="the mask of a sequence ends"):
        Short(lambda x: x.mean(axis=1))(Tensor(IDS))


@pytest.mark.parametrize("function", ENDS.values(), ids=ENDS)
def test_a_mask_that_ends_in_a_forward_says_so(function):
    with pytest.warns(
        UserWarning, match=r"the mask of a sequence ends.*test_masks.py:\d+: .*mixes"
    ):
        Own(function)(Tensor(IDS))

    def knowing(x):
        x.mask = None
        return function(x)

    assert Own(knowing)(Tensor(IDS)).mask is None
    assert function(Embedding(9, 4, mask_zero=True)(Tensor(IDS))).mask is None  # in no network


def test_masks_of_two_inputs_meet():
    class Two(Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = (Embedding(9, 4, mask_zero=True) for _ in range(2))
            self.out = Dense(3, "softmax")

        def forward(self, first, second):
            return self.out(ops.concatenate([self.a(first), self.b(second)]))

    other = np.roll(IDS, 1, axis=0)
    model = compiled(Two)
    loss, accuracy = model.evaluate((IDS, other), Y)
    rows = REAL & (other != 0)
    p = model.predict((IDS, other))
    assert accuracy == pytest.approx((p.argmax(-1) == Y)[rows].mean())
    assert loss == pytest.approx(CategoricalCrossEntropy().loss(Y[rows], p[rows]), rel=1e-5)
    np.testing.assert_array_equal(model.compute_mask((IDS, other)), rows)


def test_masks_passed_by_hand_stay_right():
    def function(x, lstm, out):
        return out(lstm(x, mask=x.mask))

    parts = LSTM(4, return_sequences=True), Dense(3, "softmax")
    model = compiled(lambda: Own(function, *parts))
    np.testing.assert_allclose(model.evaluate(IDS, Y), expected(model), rtol=1e-5)


class Shift(Layer):
    """A layer of the user's own that knows nothing of masks."""

    def call(self, x):
        return x + 1.0


class Total(Layer):
    """One that sums over time."""

    def call(self, x):
        return x.sum(axis=1)


class Block(Layer):
    """One of layers, in which the mask goes on."""

    def __init__(self):
        super().__init__()
        self.read, self.out = LSTM(4, return_sequences=True), Dense(4)

    def accept(self, shape, *more):
        pass

    def call(self, x):
        return x + self.out(self.read(x))


class Weighed(Layer):
    """One that takes a mask."""

    def call(self, x, mask=None):
        return x if mask is None else (x * mask[..., None]).sum(axis=1)


class Marking(Layer):
    """One that makes a mask, rightly or not."""

    def __init__(self, real):
        super().__init__()
        self.real = real

    def call(self, x):
        return x * 2.0

    def compute_mask(self, x, mask=None):
        return self.real


def test_layers_of_your_own():
    embed = lambda: Embedding(9, 4, mask_zero=True)  # noqa: E731
    for layer in (Shift(), Block()):
        np.testing.assert_array_equal(Sequential([embed(), layer]).compute_mask(IDS), REAL)
    with pytest.warns(UserWarning, match="ends in 'sequential/total' at .*sum, of shape"):
        Sequential([embed(), Total()])(Tensor(IDS))
    model = Sequential([embed(), Weighed()])
    assert model.compute_mask(IDS) is None
    vectors = np.where(REAL[..., None], model.layers[0].embeddings.data[IDS], 0)
    np.testing.assert_allclose(model.predict(IDS), vectors.sum(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(Sequential([Marking(REAL)]).compute_mask(REAL * 1.0), REAL)
    with pytest.raises(ValueError, match=r"layer 'marking': a mask of shape .6, 5. does not fit"):
        Sequential([Marking(REAL[:, :5])]).predict(REAL * 1.0)


def test_a_block_of_your_own_reads_as_a_chain_does():
    short, long = np.array([[3, 7, 5]]), np.array([[3, 7, 5, 0, 0]])
    model = Sequential([Embedding(9, 4, mask_zero=True), Block(), GlobalMaxPooling1D()])
    np.testing.assert_allclose(model.predict(short), model.predict(long), atol=1e-6)
    own = Own(lambda x, block, pool: pool(block(x)), Block(), GlobalMaxPooling1D())
    np.testing.assert_allclose(own.predict(short), own.predict(long), atol=1e-6)


def test_a_mask_that_is_given_and_one_that_is_made():
    model = Sequential([Embedding(9, 4, mask_zero=True), LSTM(3)])
    given = np.arange(7) < 5
    mask = np.tile(given, (6, 1))
    wanted = model.predict(np.where(mask, IDS, 0))
    np.testing.assert_allclose(model.forward(IDS, mask=mask), wanted, atol=1e-6)
    np.testing.assert_allclose(model(Tensor(IDS), mask=Tensor(mask)).data, wanted, atol=1e-6)
    plain = Sequential([Embedding(9, 4), LSTM(3)])
    np.testing.assert_allclose(
        plain.forward(IDS, mask=REAL), plain(Tensor(IDS), mask=REAL).data, atol=1e-6
    )
    assert abs(plain.forward(IDS, mask=REAL) - plain.forward(IDS)).max() > 1e-4
    deep = Masking()(Tensor(np.ones((1, 2, 2))), mask=[[1, 0]])
    assert deep.mask.data.tolist() == [[True, False]]


def test_no_mask_is_left_behind_for_others():
    """What a mask turned on does not reach models without one, backward, or a copy."""
    model = compiled()
    model.fit(IDS, Y, verbose=0)
    p = model(Tensor(IDS))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (p * p).sum().backward()
    assert p.detach().mask is not None
    assert all(q.mask is None and q.grad.mask is None for q in model.parameters())


# ------------------------------------------------------------------------------------ files


def test_it_is_the_same_after_a_file(tmp_path):
    model = compiled()
    model.fit(IDS, Y, verbose=0)
    model.save(tmp_path / "tagger.axon")
    loaded = load_model(tmp_path / "tagger.axon")
    assert loaded.evaluate(IDS, Y) == model.evaluate(IDS, Y)


def test_onnx_files_predict_the_same(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    import axon.onnx

    for name in ("max", "max, same", "mean, same", "convolution, same", "groups", "zeros"):
        model = Sequential([Embedding(9, 8, mask_zero=True), *BEHIND[name], Dense(3)])
        model.predict(IDS)
        axon.onnx.export(model, tmp_path / "m.onnx")
        session = runtime.InferenceSession(tmp_path / "m.onnx")
        found = session.run(None, {session.get_inputs()[0].name: IDS})[0]
        np.testing.assert_allclose(found, model.predict(IDS), rtol=1e-4, atol=1e-5)


def test_a_report_counts_what_counts():
    from axon.report.results import results_of

    y = Y.copy()
    y[0, 2:4] = -100
    model = compiled(loss=CategoricalCrossEntropy(ignore_index=-100))
    model.fit(IDS, y, verbose=0)
    (found,) = results_of(model, IDS, y)
    rows, guess = REAL & (y != -100), model.predict(IDS).argmax(-1)
    assert sum(score.samples for score in found.per_class().values()) == rows.sum()
    assert len(found.wrong) == (guess != y)[rows].sum()
    steps = Sequential([Masking(), GRU(3, return_sequences=True), Dense(2)])
    steps.compile("mse", "sgd")
    x = rng.normal(size=(6, 7, 2)) * REAL[..., None]
    assert results_of(steps, x, x)[0].guesses.shape == (REAL.sum(), 2)
