"""Models of several outputs: losses, weights, metrics and targets by name or place."""

import copy
import pickle

import numpy as np
import pytest

import axon
from axon import Model, Sequential, Tensor, optimizers
from axon.callbacks import EarlyStopping
from axon.layers import LSTM, Dense, Embedding, Input
from axon.losses import MeanSquaredError
from axon.metrics import MeanAbsoluteError, Metric

random = np.random.default_rng(0)
X = random.normal(size=(22, 4)).astype("float32")
Y = random.normal(size=(22, 2)).astype("float32")
C = random.integers(0, 3, 22)
NAMES = {dict: ["a", "b"], tuple: ["output_0", "output_1"], list: ["output_0", "output_1"]}


class Two(Model):
    """Two outputs of one body, in a tuple, list or dict."""

    def __init__(self, form=dict):
        super().__init__()
        self.form, self.body = form, Dense(5, "tanh")
        self.a, self.b = Dense(2), Dense(3, "softmax")

    def forward(self, x):
        h = self.body(x)
        made = self.a(h), self.b(h)
        return {"a": made[0], "b": made[1]} if self.form is dict else self.form(made)


def net(seed=0):
    """Outputs that are called price and kind."""
    axon.set_random_seed(seed)
    x = Input((4,))
    h = Dense(5, "tanh")(x)
    return Model(x, [Dense(2, name="price")(h), Dense(3, "softmax", name="kind")(h)])


class Seen(Metric):
    """Counts what it is handed, outside the program."""

    recorded, name = False, "seen"

    def reset(self):
        self.rows, self.weight, self.width = 0, 0.0, 0

    def __init__(self, name=None):
        super().__init__(name)
        self.reset()

    def update(self, y_true, y_pred, sample_weight=None):
        self.rows, self.width = self.rows + len(y_true), y_pred.shape[1]
        self.weight += float(len(y_true) if sample_weight is None else np.sum(sample_weight))

    def result(self):
        return float(self.rows + self.weight + 1000 * self.width)


COMPILED = {
    "loss": {"price": "mse", "kind": "categorical_cross_entropy"},
    "metrics": {"price": ["mae"], "kind": "accuracy"},
    "loss_weights": {"price": 0.25},
}


def learned(model, eager=False, **options):
    model.compile(optimizer=optimizers.Adam(0.01), eager=eager, **{**COMPILED, **options})
    model.fit(X, {"price": Y, "kind": C}, 8, epochs=3, verbose=0, shuffle=False)
    return model


# ------------------------------------------------------------------------------------ learning


@pytest.mark.parametrize("form", [tuple, list, dict])
def test_every_method_knows_the_outputs_of_a_forward(form):
    model, (a, b) = Two(form), NAMES[form]
    model.compile(
        {a: "mse", b: "categorical_cross_entropy"}, metrics={a: [Seen()], b: ["accuracy"]}
    )
    y = {a: Y, b: C} if form is dict else form([Y, C])
    told = model.fit(X, y, 5, epochs=2, verbose=0, validation_split=0.3).history
    names = ["loss", f"{a}_loss", f"{b}_loss", f"{a}_seen", f"{b}_accuracy"]
    assert list(told) == [*names, *(f"val_{n}" for n in names)]
    assert told[f"{a}_seen"][1] == 15 + 15 + 2000
    assert told["loss"][1] == pytest.approx(told[f"{a}_loss"][1] + told[f"{b}_loss"][1])
    by_name = model.evaluate(X, y, return_dict=True)
    assert list(by_name) == names
    assert model.evaluate(X, y) == list(by_name.values())
    assert model.test_on_batch(X, y) == pytest.approx(list(by_name.values()))
    assert model.train_on_batch(X, y, return_dict=True).keys() == by_name.keys()
    found = model.predict(X)
    assert type(found) is form
    assert type(model.predict_on_batch(X)) is type(model(X)) is form
    for one, other, small in zip(
        model.flat(found),
        model.flat(model.predict(X, 7)),
        model.flat(model(Tensor(X))),
        strict=True,
    ):
        assert np.array_equal(one, small.numpy())
        assert np.allclose(one, other, atol=1e-6)
    batches = [(X[:9], y_of(y, slice(9))), (X[9:], y_of(y, slice(9, 22)))]
    assert model.evaluate(batches) == pytest.approx(list(model.evaluate(X, y, 9)), rel=1e-5)
    streamed = model.flat(model.predict(iter([X[:9], X[9:]])))
    assert [p.shape for p in streamed] == [(22, 2), (22, 3)]
    assert np.array_equal(model.flat(model.predict(X[:2]))[1], found[b if form is dict else 1][:2])


def y_of(y, rows):
    return (
        {k: v[rows] for k, v in y.items()} if isinstance(y, dict) else type(y)(v[rows] for v in y)
    )


def test_a_recorded_step_is_the_eager_one_bit_for_bit():
    ours, eager = learned(net()), learned(net(), eager=True)
    assert ours.history.history == eager.history.history
    for a, b in zip(ours.predict(X), eager.predict(X), strict=True):
        assert np.array_equal(a, b)
    for column in ("y_price", "y_kind"):
        assert column in str(ours.trainer.train.latest)


@pytest.mark.parametrize(("kernels", "module"), [("fast", "numba"), ("jax", "jax")])
def test_other_kernels_learn_the_same(kernels, module):
    pytest.importorskip(module)
    wanted, before = learned(net()).history.history, axon.get_kernels()
    try:
        axon.set_kernels(kernels)
        model = learned(net())
    finally:
        axon.set_kernels(before)
    assert model.trainer.train.compiled
    for name, values in model.history.history.items():
        assert values == pytest.approx(wanted[name], rel=1e-4), name


def test_the_loss_is_the_weighted_sum_and_its_gradient_is_that_of_autograd():
    model = net()
    model.compile(optimizer=optimizers.SGD(0.1), **COMPILED)
    twin = copy.deepcopy(model)
    price, kind = twin(Tensor(X))
    loss = MeanSquaredError()(Y, price) * 0.25 + axon.losses.get("categorical_cross_entropy")(
        C, kind
    )
    loss.backward()
    before = [p.numpy().copy() for p in twin.parameters()]
    found = model.train_on_batch(X, [Y, C])
    assert found[0] == pytest.approx(float(loss), rel=1e-6)
    for p, old, q in zip(twin.parameters(), before, model.parameters(), strict=True):
        assert np.allclose(old - 0.1 * p.grad.numpy(), q.numpy(), atol=1e-6)


def test_weights_of_samples_and_classes_by_output():
    w = random.uniform(0.5, 2, 22)
    model = net()
    model.compile(**COMPILED)
    y = [Y, C]
    plain = model.evaluate(X, y, return_dict=True)
    both = model.evaluate(X, y, sample_weight=w, return_dict=True)
    one = model.evaluate(X, y, sample_weight={"price": w}, return_dict=True)
    listed = model.evaluate(X, y, sample_weight=[w, None], return_dict=True)
    assert listed == one
    price, kind = model.predict(X)
    wanted = (w * ((price - Y) ** 2).mean(axis=1)).mean()
    assert both["price_loss"] == one["price_loss"] == pytest.approx(wanted, rel=1e-5)
    assert one["kind_loss"] == pytest.approx(plain["kind_loss"], rel=1e-6)
    costs = -np.log(kind[np.arange(22), C])
    assert both["kind_loss"] == pytest.approx((w * costs).mean(), rel=1e-5)
    found = model.train_on_batch(X, y, class_weight={"kind": {1: 3.0}}, return_dict=True)
    assert found["kind_loss"] == pytest.approx(
        (np.where(C == 1, 3.0, 1.0) * costs).mean(), rel=1e-5
    )
    assert found["price_loss"] == pytest.approx(plain["price_loss"], rel=1e-6)
    with pytest.raises(
        ValueError, match=r"say whose classes these are, such as class_weight=.'price'"
    ):
        model.fit(X, y, class_weight={0: 2.0}, verbose=0)
    with pytest.raises(
        ValueError, match=r"sample_weight: no output 'cost'\. The outputs are 'price'"
    ):
        model.fit(X, y, sample_weight={"cost": w}, verbose=0)


def test_outputs_without_a_loss_are_not_learned_from():
    for loss, y in (
        (["mse", None], Y),
        ({"price": "mse"}, {"price": Y}),
        (["mse", None], [Y, None]),
    ):
        model = net()
        model.compile(loss, optimizers.SGD(0.1))
        before = model.layers[-1].weights.numpy().copy()
        told = model.fit(X, y, epochs=2, verbose=0).history
        assert list(told) == ["loss"]
        assert np.array_equal(before, model.layers[-1].weights.numpy())
        assert len(model.predict(X)) == 2


def test_one_loss_is_that_of_all_outputs():
    x = Input((4,))
    model = Model(x, {"a": Dense(2)(x), "b": Dense(2)(x)})
    model.compile("mse", metrics={"a": MeanAbsoluteError()})
    told = model.fit(X, {"a": Y, "b": Y}, verbose=0).history
    assert list(told) == ["loss", "a_loss", "b_loss", f"a_{MeanAbsoluteError().name}"]
    assert model.loss.losses.keys() == {"a", "b"}


def test_a_single_output_may_be_given_like_several():
    model = Sequential([Dense(2)])
    model.compile(["mse"], metrics=[["mae"]], loss_weights=[0.5])
    half = model.fit(X, Y, epochs=1, verbose=0, shuffle=False).history
    assert list(half) == ["loss", "mae"]
    found = model.evaluate(X, Y)[0]
    model.compile({"output": "mse"})
    assert found == pytest.approx(model.evaluate(X, Y) / 2)


# ------------------------------------------------------------------------------------ files


def test_callbacks_watch_an_output():
    model = net()
    model.compile(**COMPILED)
    stop = EarlyStopping("val_kind_accuracy", patience=0, mode="max")
    y = {"price": Y, "kind": C}
    model.fit(X, y, epochs=30, verbose=0, callbacks=[stop], validation_data=(X, y))
    assert len(model.history.history["val_kind_accuracy"]) < 30
    with pytest.raises(ValueError, match="val_sort_accuracy"):
        model.fit(
            X, y, verbose=0, callbacks=[EarlyStopping("val_sort_accuracy")], validation_data=(X, y)
        )


def test_files_copies_and_pickles_go_on_as_if_nothing_had_happened(tmp_path):
    model = learned(net(), metrics={"kind": ["accuracy"], "price": [MeanAbsoluteError(name="off")]})
    model.save(tmp_path / "net.axon")
    twins = [
        axon.load_model(tmp_path / "net.axon"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ]
    again = {"epochs": 2, "verbose": 0, "shuffle": False}
    wanted = model.fit(X, [Y, C], 8, **again).history
    assert "price_off" in wanted
    for twin in twins:
        assert twin.fit(X, [Y, C], 8, **again).history == wanted
        assert twin.evaluate(X, [Y, C]) == model.evaluate(X, [Y, C])


def test_a_run_is_resumed_where_it_stopped(tmp_path):
    def run(epochs, **options):
        model = net()
        model.compile(
            optimizer=optimizers.Adam(0.01), **{**COMPILED, "metrics": {"kind": [Seen()]}}
        )
        axon.set_random_seed(3)
        model.fit(X, [Y, C], 8, epochs=epochs, verbose=0, **options)
        return model

    run(2, resume=tmp_path / "half")
    halves, once = run(4, resume=tmp_path / "half"), run(4)
    for a, b in zip(halves.predict(X), once.predict(X), strict=True):
        assert np.array_equal(a, b)


def test_a_batch_is_cut_into_shards():
    plain, cut = net(), net()
    told = []
    for model, options in ((plain, {}), (cut, {"shards": 4})):
        model.compile(
            optimizer=optimizers.SGD(0.1),
            **{**COMPILED, "metrics": {"kind": ["accuracy"], "price": [Seen()]}},
        )
        given = {"epochs": 2, "verbose": 0, "shuffle": False, "validation_data": (X, [Y, C])}
        told.append(model.fit(X, [Y, C], 8, **given, **options).history)
    for name, values in told[0].items():
        assert told[1][name] == pytest.approx(values, rel=1e-5), name
    unknown = Two()
    unknown.compile(
        {"a": "mse", "b": "categorical_cross_entropy"}, metrics={"a": [Seen()], "b": "accuracy"}
    )
    found = unknown.fit(X, {"a": Y, "b": C}, 8, shards=2, verbose=0).history
    assert found["a_seen"] == [2044.0]
    assert list(found) == ["loss", "a_loss", "b_loss", "a_seen", "b_accuracy"]


def test_masks_count_for_the_output_that_has_them():
    ids = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [1, 2, 3, 4]])
    x = Input((4,), dtype="int64")
    steps = LSTM(3, return_sequences=True)(Embedding(5, 3, mask_zero=True)(x))
    model = Model(x, [Dense(1, name="step")(steps), Dense(2, name="end")(LSTM(2)(steps))])
    model.compile("mse", metrics={"step": ["mae", Seen()]})
    y = [np.zeros((3, 4, 1)), np.zeros((3, 2))]
    found = model.evaluate(ids, y, return_dict=True)
    real, (each, last) = (ids > 0)[..., None], model.predict(ids)
    assert found["step_loss"] == pytest.approx((each**2)[real].mean(), rel=1e-5)
    assert found["step_mae"] == pytest.approx(abs(each)[real].mean(), rel=1e-5)
    assert found["end_loss"] == pytest.approx((last**2).mean(), rel=1e-5)
    assert found["step_seen"] == 3 + real.sum() + 4000
    with pytest.raises(ValueError, match="one has a mask"):
        model.fit(ids, y, shards=2, verbose=0)
    model.fit(ids, y, verbose=0)


def test_a_report_and_a_summary(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    model = learned(net())
    model.report(tmp_path / "run.html", x=X, y=[Y, C], profile=False)
    page = (tmp_path / "run.html").read_text()
    assert all(name in page for name in ("price_loss", "kind_accuracy", "price: Residuals"))
    model.plot(tmp_path / "net.png")
    outer = Model(x := Input((4,)), net()(x))
    outer.summary()
    assert "(None, 2), (None, 3)" in capsys.readouterr().out


def test_onnx_has_an_output_of_each_name(tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    from axon.onnx import export

    x = Input((4,))
    inner = learned(net())
    price, kind = inner(x)
    model = Model(
        {"row": x}, {"price": price, "kind": kind, "again": kind, "row": x + 0.0, "same": x}
    )
    export(model, tmp_path / "net.onnx")
    session = runtime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    assert names[:3] == ["price", "kind", "again"]
    wanted = model.predict(X)
    for found, name in zip(session.run(None, {"row": X}), wanted, strict=True):
        assert np.allclose(found, wanted[name], atol=1e-6), name


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"loss": {"prize": "mse"}}, r"loss: no output 'prize'\. Did you mean 'price'\? The"),
        ({"loss": ["mse"]}, "loss: expected one for each of 2 outputs, .* got 1"),
        ({"loss": "mse", "loss_weights": [1.0]}, "loss_weights: expected one for each of 2"),
        ({"loss": "mse", "loss_weights": {"kind": "x"}}, "loss_weights of kind must be"),
        ({"loss": [None, None]}, "no output has a loss, of 'price', 'kind'"),
        ({"loss": "mse", "metrics": ["mae"]}, "metrics: expected one for each of 2 outputs"),
        ({"loss": ["mse", None], "metrics": {"kind": "mae"}}, "'kind' has metrics, but no loss"),
        ({"loss": "mse", "metrics": [["mae", "mae"], []]}, "two metrics are called 'price_mae'"),
        ({"loss": "mse", "metrics": [[m := MeanAbsoluteError()], [m]]}, "one metric stands at two"),
    ],
)  # fmt: skip
def test_what_compile_refuses(options, why):
    with pytest.raises((ValueError, TypeError), match=why):
        net().compile(**options)


@pytest.mark.parametrize(
    ("y", "why"),
    [
        ({"prize": Y, "kind": C}, r"y: no output 'prize'\. Did you mean 'price'\?"),
        ({"price": Y}, "no targets for the output 'kind'"),
        ([Y, None], "no targets for the output 'kind'"),
        (Y, "the model has 2 outputs, .*pass y=.price, kind., or a dict by name; got one array"),
        ([Y, C, C], "got list of 3"),
        ([Y, C[:5]], "x has 22, y has 5"),
        ([Y[:, :1], C], "mean_squared_error: y has shape"),
    ],
)
def test_targets_that_do_not_fit_change_nothing(y, why):
    model = net()
    model.compile(**COMPILED)
    before = model.get_weights()
    with pytest.raises(ValueError, match=why):
        model.fit(X, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model.fit(X, [Y, C], verbose=0)


def test_other_errors_of_several_outputs():
    single = Sequential([Dense(2)])
    single.compile(["mse", "mse"])
    with pytest.raises(ValueError, match="loss is given for 2 outputs, but the model has one"):
        single.fit(X, Y, verbose=0)

    class Deep(Model):
        def forward(self, x):
            return x, (x, x)

    with pytest.raises(TypeError, match="outputs inside outputs"):
        Deep().build((4,))
