"""Models of one's own with inputs that may be left out: ``forward(self, x, ids=None)``."""

import pickle
import re
from copy import deepcopy

import numpy as np
import pytest

import axon
from axon.layers import Dense, Embedding
from axon.models import Model, Sequential
from axon.models.network import taken_by
from axon.ops import concatenate
from axon.parameter import Parameter
from axon.program.lowerings import Kernels

random = np.random.default_rng(0)
X = random.normal(size=(48, 3)).astype("float32")
IDS = random.integers(0, 5, (48, 2))
Y = random.integers(0, 2, 48)
WEIGHTS = random.random(48)


class Both(Model):
    """With ids another layer is at work, and without them a third one."""

    def __init__(self, name=None):
        super().__init__(name)
        self.body, self.table = Dense(4, "tanh"), Embedding(5, 4)
        self.alone, self.head = Dense(8, "tanh"), Dense(2, "softmax")

    def forward(self, x, ids=None):
        h = self.body(x)
        if ids is None:
            return self.head(self.alone(h))
        return self.head(concatenate([h, self.table(ids).mean(axis=1)], axis=1))


class Three(Model):
    def __init__(self):
        super().__init__()
        self.head = Dense(2, "softmax")

    def forward(self, x, a=None, b=None, mask=None):
        for more in (a, b):
            x = x if more is None else x + more
        return self.head(x)


def made(model, **options):
    axon.set_random_seed(0)
    model = model()
    model.compile("categorical_cross_entropy", "adam", ["accuracy"], **options)
    return model


FORMS = {
    "array": (X, 1),
    "tuple": ((X, IDS), 2),
    "dict": ({"x": X, "ids": IDS}, 2),
    "short dict": ({"x": X}, 1),
    "tuple of one": ((X,), 1),
}


@pytest.mark.parametrize("kernels", ["numpy", "fast"])
@pytest.mark.parametrize("form", FORMS)
def test_as_a_model_that_takes_just_these(form, kernels):
    """fit, weights of samples, evaluate and predict, as by a forward that needs each input."""

    class Needed(Both):
        def forward(self, x, ids):
            return Both.forward(self, x, ids)

    class Single(Both):
        def forward(self, x):
            return Both.forward(self, x)

    if kernels == "fast":
        pytest.importorskip("numba")
    x, width = FORMS[form]
    given = (X, IDS) if width == 2 else X
    with Kernels(kernels):
        fits, models = [], []
        for make, data in ((Both, x), (Needed if width == 2 else Single, given)):
            models.append(made(make))
            options = {"validation_split": 0.25, "sample_weight": WEIGHTS}
            fits.append(models[-1].fit(data, Y, 16, 3, 0, **options).history)
        ours, theirs = models
        assert fits[0] == fits[1]
        assert ours.evaluate(x, Y) == theirs.evaluate(given, Y)
        np.testing.assert_array_equal(ours.predict(x), theirs.predict(given))
        np.testing.assert_array_equal(ours.predict_on_batch(x), theirs.predict_on_batch(given))
        assert ours.train_on_batch(x, Y) == theirs.train_on_batch(given, Y)
        assert ours.test_on_batch(x, Y, WEIGHTS) == theirs.test_on_batch(given, Y, WEIGHTS)
    assert ours.width == width
    assert ours.input_names == ["x", "ids"][:width]


def test_one_after_the_other():
    """Programs for both are kept apart, though (x, y, w) and (x, ids, y) are three columns."""
    ids, y = X[:, :1], np.ones((48, 1), "f4")

    class Sum(Model):
        def __init__(self):
            super().__init__()
            self.head = Dense(1, kernel_initializer="ones")

        def forward(self, x, more=None):
            return self.head(x if more is None else x + more)

    model = Sum()
    model.build((3,), (1,))
    model.compile("mse", axon.optimizers.SGD(1e-6))
    for _ in range(3):
        for given, weights in (((X, ids), None), (X, np.ones(48)), ((X, ids), WEIGHTS), (X, None)):
            x, *more = given if isinstance(given, tuple) else (given,)
            rows = sum(more, x) @ model.head.weights.numpy() + model.head.bias.numpy()
            costs = (rows - y) ** 2
            w = np.ones(48) if weights is None else weights
            expected = (costs[:, 0] * w).mean()
            assert model.test_on_batch(given, y, weights) == pytest.approx(expected, rel=1e-5)
            assert model.evaluate(given, y, sample_weight=weights) == pytest.approx(
                expected if weights is None else (costs[:, 0] * w).mean(), rel=1e-5
            )
            model.fit(given, y, 16, 1, 0, sample_weight=weights)
            np.testing.assert_allclose(model.predict(given), rows, atol=1e-3)


def test_validation_and_predictions_between_with_other_inputs():
    model = made(Both)
    seen = axon.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: model.predict(X[:7]))
    history = model.fit((X, IDS), Y, 10, 3, 0, validation_data=(X, Y), callbacks=[seen]).history
    alike = made(Both)
    plain = alike.fit((X, IDS), Y, 10, 3, 0).history
    assert history["loss"][0] == plain["loss"][0]
    assert np.isfinite(history["val_loss"]).all()
    assert model.width == 2
    batches = [((X[:8], IDS[:8]), Y[:8]), (X[8:16], Y[8:16]), ((X[:8], IDS[:8]), Y[:8], Y[:8])]
    losses = model.fit(batches, epochs=2, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    together = model.predict([(X[:8], Y[:8])])
    np.testing.assert_array_equal(together, model.predict(X[:8]))
    both = model.predict(iter([((X[:8], IDS[:8]), Y[:8]), ((X[8:16], IDS[8:16]), Y[8:16])]))
    np.testing.assert_allclose(both, model.predict((X[:16], IDS[:16])), rtol=1e-6)


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0,), (1,)])
def test_files_copies_and_pickles_know_both(order, tmp_path):
    model = made(Both)
    given = [X, (X, IDS)]
    for which in order:
        model.fit(given[which], Y, 16, 1, 0)
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon", {"Both": Both})
    for other in (loaded, deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.input_shape == model.input_shape
        for which in order:
            np.testing.assert_array_equal(other.predict(given[which]), model.predict(given[which]))
        other.fit(given[order[0]], Y, 16, 1, 0)


def test_what_looks_at_a_model_counts_its_inputs(capsys, tmp_path):
    model = made(Both)
    model.fit(X, Y, 16, 1, 0)
    model.summary()
    shown = capsys.readouterr().out
    assert "alone" in shown
    assert model.input_shape == (3,)
    model.fit((X, IDS), Y, 16, 1, 0)
    model.predict(X)
    assert model.input_shape == ((3,), (2,))
    model.summary()
    assert "table" in capsys.readouterr().out
    assert model.profile((X, IDS), Y, repeats=2).lines
    assert model.profile(X, Y, repeats=2).lines
    assert model.compute_mask((X, IDS)) is None
    assert model.compute_mask(X) is None


def test_export_has_the_inputs_that_it_was_built_with(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    for _, names in ((X, ["x"]), ((X, IDS.astype("f4")), ["x", "a"])):
        model = Three()
        model.build(*[(3,)] * len(names))
        x = (X, X * 2)[: len(names)]
        axon.onnx.export(model, tmp_path / "net.onnx")
        session = runtime.InferenceSession(str(tmp_path / "net.onnx"))
        assert [i.name for i in session.get_inputs()] == names
        (y,) = session.run(None, dict(zip(names, x, strict=True)))
        expected = model.predict(x if len(x) > 1 else x[0])
        np.testing.assert_allclose(y, expected, atol=1e-6)


def test_shards_with_and_without():
    losses = [
        model.fit(x, Y, 16, 1, 0, shards=shards, validation_data=(x, Y)).history
        for shards in (2, None)
        for model in [made(Both)]
        for x in ((X, IDS), X)
    ]
    for a, b in zip(losses[:2], losses[2:], strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)
        assert a["val_loss"] == pytest.approx(b["val_loss"], rel=1e-5)


WRONG = {
    "three": ((X, IDS, IDS), "takes 1 to 2 inputs, (x, ids=None), got tuple of 3"),
    "none": ((), "takes 1 to 2 inputs, (x, ids=None), got tuple of 0"),
    "other key": ({"x": X, "id": IDS}, "a dict with the keys ['x'] or ['x', 'ids'], got"),
    "the optional alone": ({"ids": IDS}, "a dict with the keys ['x'] or ['x', 'ids'], got"),
    "other rows": ((X, IDS[:7]), "48"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_number_is_an_error_that_helps(name):
    x, said = WRONG[name]
    for model in (made(Both), made(Both)):
        before = deepcopy(vars(model).get("_shapes"))
        for call in (lambda m: m.fit(x, Y, verbose=0), lambda m: m.predict(x)):
            with pytest.raises((ValueError, TypeError), match=re.escape(said)):
                call(model)
        assert model._shapes == before


def test_a_model_of_one_input_says_what_it_takes():
    model = made(Three)
    with pytest.raises(ValueError, match=r"takes 1 to 3 inputs, \(x, a=None, b=None\), got 4"):
        model.build((3,), (3,), (3,), (3,))

    class Single(Model):
        def forward(self, x):
            return x

    with pytest.raises(ValueError, match=r"takes 1 input, \(x\), got 2"):
        Single().build((3,), (2,))
    chain = Sequential([Dense(3, 2, "softmax")])
    chain.compile("categorical_cross_entropy")
    with pytest.raises(ValueError, match=r"takes 1 input, \(x\), got tuple of 2"):
        chain.fit((X, IDS), Y, verbose=0)
    with pytest.raises(ValueError, match=r"takes 1 to 2 inputs.*got list of 2. A tuple gives"):
        made(Both).fit([X, IDS], Y, verbose=0)


def test_what_a_forward_takes():
    def several(x, y, *, z=None):
        return x

    def number(x, scale=1.0, ids=None):
        return x

    assert taken_by(several) == (("x", "y"), 2)
    assert taken_by(number) == (("x",), 1)
    assert taken_by(lambda x, mask=None: x) == (("x",), 1)
    assert str(taken_by(lambda x, a=None, b=None: x)) == "1 to 3 inputs, (x, a=None, b=None)"


def test_programs_know_which_columns_are_inputs():
    """(x, y, w) and (x, more, y) of the same shapes and types."""

    class Sum(Model):
        def __init__(self):
            super().__init__()
            self.factor = Parameter(np.ones(1, "f4"))

        def forward(self, x, more=None):
            y = x.sum(axis=1) * self.factor
            return y if more is None else y + more

    more, y = X[:, 0].copy(), X[:, 1].copy()
    for order in (1, -1):
        model = Sum()
        model.compile("mse", axon.optimizers.SGD(1e-9))
        for _ in range(3):
            for given, weights in (((X, more), None), (X, y**2))[::order]:
                rows = X.sum(axis=1) + (0 if weights is not None else more)
                expected = ((rows - y) ** 2 * (1 if weights is None else weights)).mean()
                assert model.test_on_batch(given, y, weights) == pytest.approx(expected, rel=1e-4)
                found = model.train_on_batch(given, y, weights)
                assert found == pytest.approx(expected, rel=1e-4)
