"""The estimators among others: classes and labels, networks of one's own, pickles, searches."""

import copy
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

import joblib
import sklearn
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from axon import activations, threads
from axon.callbacks import Callback, EarlyStopping
from axon.core import Tensor
from axon.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Layer, Reshape
from axon.losses import BinaryCrossEntropy, CategoricalCrossEntropy
from axon.models import Model, Sequential
from axon.optimizers import Adam
from axon.optimizers.schedules import CosineDecay
from axon.program.lowerings import Kernels
from axon.sklearn import AxonClassifier, AxonRegressor
from axon.sklearn.workers import modest

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(60, 4))
THREE = np.array(["ant", "bee", "cow"])[np.abs(X[:, :3]).argmax(1)]
TWO = np.where(X[:, 0] > 0, "yes", "no")
LABELS = (X[:, :3] > 0.2).astype(int)
NUMBERS = X @ [[1.0, 0.5], [0.0, 2.0], [-1.0, 0.0], [0.3, 0.1]]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def few(kind: Any = AxonClassifier, **options: Any) -> Any:
    """An estimator that is quick to fit."""
    return kind(**{"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 5, **options})


def good(kind: Any = AxonClassifier, **options: Any) -> Any:
    """An estimator that learns these tasks well."""
    return few(kind, **{"max_iter": 150, "learning_rate_init": 0.03, **options})


# ------------------------------------------------------------------------------------ predictions


def test_classes_may_be_anything_that_sorts() -> None:
    for y in (THREE, THREE.astype(object), np.unique(THREE, return_inverse=True)[1] * 10 - 7):
        model = good().fit(X, y)
        assert model.classes_.tolist() == sorted(set(y.tolist()))
        assert model.predict(X).dtype == model.classes_.dtype
        assert model.score(X, y) > 0.9
        assert model.n_outputs_ == 3
        assert model.out_activation_ == "softmax"


def test_probabilities_their_logarithms_and_the_logits_agree() -> None:
    for y, several in ((TWO, False), (THREE, False), (LABELS, True)):
        model = good(max_iter=20).fit(X, y)
        p, z = model.predict_proba(X), model.decision_function(X)
        np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p, rtol=1e-5, atol=1e-7)
        if several:
            np.testing.assert_allclose(p, activations.sigmoid(z), rtol=1e-5)
            assert np.array_equal(model.predict(X), (z > 0).astype(int))
        else:
            np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
            ahead = (z > 0).astype(int) if z.ndim == 1 else z.argmax(axis=1)
            assert np.array_equal(model.predict(X), model.classes_[ahead])
        assert p.dtype == z.dtype == np.float32


def test_logits_rank_what_is_rounded_to_certainty() -> None:
    model = good(alpha=0.0).fit(10 * X, TWO)
    far = np.array([[1e3, 0, 0, 0], [1e4, 0, 0, 0]])
    assert (model.predict_proba(far)[:, 1] == 1).all()
    first, second = model.decision_function(far)
    assert second > first > 17
    assert np.isfinite(model.predict_log_proba(far)).all()


def test_several_labels() -> None:
    dense, sparse = (good().fit(X, y) for y in (LABELS, csr_matrix(LABELS)))
    assert np.array_equal(dense.predict_proba(X), sparse.predict_proba(X))
    assert dense.score(X, LABELS) > 0.9
    assert dense.classes_.tolist() == [0, 1, 2]
    assert dense.out_activation_ == "logistic"
    weights = compute_sample_weight("balanced", LABELS)
    assert np.array_equal(
        few(class_weight="balanced", alpha=0.0).fit(X, LABELS).coefs_[0],
        few(alpha=0.0).fit(X, LABELS, weights).coefs_[0],
    )


def test_a_single_class_is_certain() -> None:
    model = few().fit(X, np.full(60, "only"))
    assert set(model.predict(X)) == {"only"}
    assert (model.predict_proba(X) == 1).all()
    assert (model.predict_log_proba(X) == 0).all()
    assert model.predict_proba(X).shape == (60, 1)


def test_numbers() -> None:
    model = good(AxonRegressor).fit(X, NUMBERS)
    assert model.predict(X).shape == (60, 2)
    assert model.score(X, NUMBERS) > 0.95
    one = good(AxonRegressor).fit(X, NUMBERS[:, 0])
    assert one.predict(X).shape == (60,)
    assert one.predict(X).dtype == np.float64
    assert one.out_activation_ == "identity"
    counts = RANDOM.poisson(np.exp(X[:, 0]))
    rates = good(AxonRegressor, loss="poisson").fit(X, counts)
    assert (rates.predict(X) > 0).all()
    assert rates.out_activation_ == "softplus"


def test_predictions_of_a_row_are_the_same_bits_wherever_it_stands() -> None:
    x = RANDOM.normal(size=(1500, 30))
    model = few(hidden_layer_sizes=(100, 33)).fit(x, (x[:, 0] > 0) + 0)
    order = RANDOM.permutation(1500)
    whole = model.predict_proba(x)
    assert np.array_equal(model.predict_proba(x[order]), whole[order])
    assert np.array_equal(model.predict_proba(x.astype(np.float32)), whole)
    np.testing.assert_allclose(model.predict_proba(x[:1]), whole[:1], rtol=1e-5)


def test_networks_see_blocks_of_few_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen, forward = few().fit(X, THREE), set[int](), Sequential.forward

    def spied(network: Any, x: Any, **options: Any) -> Any:
        seen.add(len(x))
        return forward(network, x, **options)

    monkeypatch.setattr(Sequential, "forward", spied)
    for n in (1, 20, 33, 1500, 2048):
        assert model.predict(np.resize(X, (n, 4))).shape == (n,)
    assert seen == {32, 64, 512, 1024}


def test_weights_of_the_dense_layers_can_be_seen_and_set() -> None:
    model = few(hidden_layer_sizes=(8, 6), batch_norm=True).fit(X, THREE)
    assert [w.shape for w in model.coefs_] == [(4, 8), (8, 6), (6, 3)]
    assert [b.shape for b in model.intercepts_] == [(3,)]  # the others are BatchNormalization's
    assert model.n_layers_ == 4
    model.coefs_[-1][...] = 0
    model.intercepts_[-1][...] = [0, 1, 0]
    assert set(model.predict(X)) == {"bee"}


# ------------------------------------------------------------------------------------ class weights


def test_class_weights_are_sample_weights() -> None:
    rare = np.where(np.arange(60) < 10, "rare", "usual")
    for given, options in (({"rare": 5.0}, {}), ("balanced", {}), ("balanced", {"batch_size": 16})):
        weights = compute_sample_weight(given, rare)
        one = few(class_weight=given, **options).fit(X, rare)
        two = few(**options).fit(X, rare, weights)
        assert np.array_equal(one.coefs_[0], two.coefs_[0])
    sample = np.arange(60) % 3
    once = few(class_weight="balanced").fit(X, rare, sample)
    repeated = np.repeat(np.arange(60), sample)
    assert np.array_equal(
        once.coefs_[0], few(class_weight="balanced").fit(X[repeated], rare[repeated]).coefs_[0]
    )


def test_balanced_classes_have_the_same_weight_in_all() -> None:
    rare, weights = np.where(np.arange(60) < 10, "rare", "usual"), np.linspace(0.1, 3, 60)
    shares = [weights[rare == c].sum() / weights.sum() for c in rare]
    one = few(class_weight="balanced", alpha=0.0).fit(X, rare, weights)
    two = few(alpha=0.0).fit(X, rare, weights / shares)
    np.testing.assert_allclose(one.coefs_[0], two.coefs_[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dog": 1.0}, "class_weight names 'dog', which is no class of y: 'ant', 'bee', 'cow'"),
        ({"ant": -1.0}, "a dict from class to a weight of at least 0"),
        ([1, 2, 3], "class_weight must be None, 'balanced', or a dict"),
        ("even", "class_weight must be None, 'balanced', or a dict"),
        ({"ant": 0, "bee": 0, "cow": 0}, "all rows weigh zero"),
    ],
)
def test_wrong_class_weights(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        few(class_weight=given).fit(X, THREE)


# ------------------------------------------------------------------------------------ networks


class Doubled(Layer):
    """A layer of the user's."""

    def call(self, x: Tensor) -> Tensor:
        """Compute f(2 x)."""
        return squashed(x * 2.0)


class Wide(Model):
    """A model of the user's."""

    def __init__(self, size: int = 3) -> None:
        super().__init__()
        self.hidden, self.out = Dense(size, activation=squashed), Dense(3, activation="softmax")

    def forward(self, x: Any) -> Any:
        """Pass x on."""
        return self.out(self.hidden(x))


def squashed(x: Any) -> Any:
    """An activation of the user's."""
    return activations.tanh(x)


def built(n_features: int, n_outputs: int) -> Sequential:
    """Make a network with all that has a state."""
    layers = [Doubled(), Dense(6, activation=squashed), BatchNormalization(), Dropout(0.2)]
    return Sequential([*layers, Dense(n_outputs, activation="softmax")])


def test_a_network_is_copied_for_each_fit_and_stays_as_it_was() -> None:
    network = Sequential(
        [Dense(8, activation="relu"), Dropout(0.5), Dense(3, activation="softmax")]
    )
    model = few(network=network)
    first = model.fit(X, THREE).predict_proba(X)
    assert network.parameters() == []
    assert not network.compiled
    assert model.network is network
    other = Sequential([Dense(8, activation="relu"), Dropout(0.5), Dense(3, activation="softmax")])
    assert np.array_equal(first, few(network=other).fit(X, THREE).predict_proba(X))
    ready = Sequential([Dense(4, 3, activation="softmax")])
    weights = ready.get_weights()
    assert not np.array_equal(few(network=ready).fit(X, THREE).coefs_[0], weights[0])
    assert all(np.array_equal(a, b) for a, b in zip(weights, ready.get_weights(), strict=True))
    slow = few(network=ready, learning_rate_init=1e-9).fit(X, THREE)
    np.testing.assert_allclose(slow.coefs_[0], weights[0], atol=1e-6)  # it goes on from there


def test_alpha_leaves_weights_alone_that_have_a_rule_of_their_own() -> None:
    for options in ({"kernel_regularizer": "l2"}, {}):
        network = Sequential([Dense(3, activation="softmax", **options)])
        two = [few(network=network, alpha=a).fit(X, THREE).coefs_[0] for a in (0.0, 50.0)]
        assert np.array_equal(*two) == bool(options)


def test_frozen_layers_stay_frozen() -> None:
    network = Sequential([Dense(4, 6, activation="tanh"), Dense(6, 3, activation="softmax")])
    network.layers[0].trainable = False
    model = few(network=network, alpha=1.0, warm_start=True).fit(X, THREE)
    other = pickle.loads(pickle.dumps(model))
    assert not other.model_.layers[0].trainable
    for fitted in (model, other):
        fitted.fit(X, THREE)
        assert np.array_equal(fitted.coefs_[0], network.layers[0].weights.data)
    assert np.array_equal(model.coefs_[1], other.coefs_[1])


def test_networks_that_are_not_dense() -> None:
    def network(n_features: int, n_outputs: int) -> Sequential:
        layers = [Reshape((2, 2, 1)), Conv2D(4, 2, padding="same"), Flatten()]
        return Sequential([*layers, Dense(n_outputs, activation="sigmoid")])

    model = good(network=network).fit(X, TWO)
    assert model.score(X, TWO) > 0.9
    assert len(model.coefs_) == 1
    assert model.out_activation_ is None
    assert few(network=Wide()).fit(X, THREE).predict(X).shape == (60,)


def test_two_outputs_for_two_classes_and_losses_of_logits() -> None:
    for last, loss, width in (
        ("softmax", "log_loss", 2),
        (None, CategoricalCrossEntropy(from_logits=True), 2),
        (None, BinaryCrossEntropy(from_logits=True), 1),
    ):
        network = Sequential([Dense(width, activation=last)])
        model = good(network=network, loss=loss).fit(X, TWO)
        assert model.score(X, TWO) > 0.9
        assert np.array_equal(model.decision_function(X) > 0, model.predict(X) == "yes")
        np.testing.assert_allclose(
            np.exp(model.predict_log_proba(X)), model.predict_proba(X), 1e-5, 1e-7
        )
    own = good(loss=CategoricalCrossEntropy(from_logits=True, label_smoothing=0.1)).fit(X, THREE)
    assert own.score(X, THREE) > 0.85
    assert own.predict_proba(X).max() < 1


@pytest.mark.parametrize("loss", ["mse", "categorical_focal_cross_entropy", "kl_divergence"])
def test_other_losses(loss: str) -> None:
    assert good(loss=loss).fit(X, THREE).score(X, THREE) > 0.8


def test_probabilities_that_come_from_no_logits() -> None:
    def halves(n_features: int, n_outputs: int) -> Sequential:
        return Sequential([Dense(1, activation="hard_sigmoid")])

    model = good(network=halves, loss="mse").fit(X, TWO)
    z, p = model.decision_function(X), model.predict_proba(X)
    assert np.isfinite(z).all()
    assert np.array_equal(np.argsort(z, kind="stable"), np.argsort(p[:, 1], kind="stable"))


@pytest.mark.parametrize(
    ("network", "error", "message"),
    [
        ("dense", TypeError, "network must be a Sequential, or a function"),
        (Dense(3), TypeError, "network must be a Sequential, or a function"),
        (lambda n, k: None, TypeError, "got None"),
        (Sequential([Dense(4)]), ValueError, r"array of shape \(n, 3\) .* got \(n, 4\)"),
    ],
)
def test_wrong_networks(network: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        few(network=network).fit(X, THREE)


def test_callbacks_and_metrics_are_the_users_own() -> None:
    class Seen(Callback):
        def __init__(self) -> None:
            self.names: list[str] = []

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.names = sorted(logs)

    seen, stop = Seen(), EarlyStopping("val_score", mode="max", patience=2)
    model = few(callbacks=[seen, stop], metrics=["accuracy"], early_stopping=True, max_iter=50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a callback ended it: there is nothing to warn of
        model.fit(X, THREE)
    assert seen.names == ["accuracy", "loss", "val_accuracy", "val_loss", "val_score"]
    assert model.n_iter_ < 50
    assert seen.model is None
    assert len(model.history_.history["accuracy"]) == model.n_iter_


# ------------------------------------------------------------------------------------ pickles

KEPT: list[dict[str, Any]] = [
    {},
    {"optimizer": "sgd", "learning_rate": "invscaling", "batch_norm": True, "dropout": 0.2},
    {"network": built, "batch_size": 16},
    {"network": Wide(5), "optimizer": Adam(CosineDecay(0.01, 20), clipnorm=1.0)},
    {"class_weight": {"ant": 2.0}, "metrics": ["accuracy"], "dtype": "float64"},
]


@pytest.mark.parametrize("options", KEPT, ids=lambda o: "+".join(o) or "plain")
def test_a_pickle_predicts_the_same_bits_and_goes_on_with_them(
    options: Any, tmp_path: Path
) -> None:
    model = few(warm_start=True, **options).fit(X, THREE)
    joblib.dump(model, tmp_path / "model.joblib")
    copies = [
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
        joblib.load(tmp_path / "model.joblib"),
        joblib.load(tmp_path / "model.joblib", mmap_mode="r"),
    ]
    for go_on in (
        lambda m: m,
        lambda m: m.fit(X, THREE),
        lambda m: m.partial_fit(X[:33], THREE[:33]),
    ):
        expected = go_on(model).predict_proba(X)
        for other in copies:
            assert np.array_equal(go_on(other).predict_proba(X), expected)
            assert other.loss_curve_ == model.loss_curve_
    assert copies[0].history_.model is copies[0].model_


def test_a_pickle_goes_on_in_the_middle_of_passes() -> None:
    large = {"hidden_layer_sizes": (100,), "activation": "gelu"}  # compiled kernels round otherwise
    for options in (large, {"batch_norm": True, "dropout": 0.3, "batch_size": 7}):
        model = few(**options).partial_fit(X, THREE, np.unique(THREE)).partial_fit(X, THREE)
        other = pickle.loads(pickle.dumps(model))
        for _ in range(3):
            model.partial_fit(X, THREE)
            other.partial_fit(X, THREE)
        assert np.array_equal(model.coefs_[0], other.coefs_[0])


def test_a_pickle_is_small_and_holds_no_program() -> None:
    model = few(hidden_layer_sizes=(300,)).fit(X, THREE)
    numbers = sum(p.size for p in model.model_.parameters())
    assert len(pickle.dumps(model)) < 3 * 4 * numbers + 6000  # weights and two moments
    text = pickle.dumps(model)
    assert b"axon.program" not in text
    assert b"axon.core" not in text
    assert pickle.loads(pickle.dumps(few())).max_iter == 5


def test_a_network_as_earlier_versions_packed_it_is_read() -> None:
    model = few(batch_norm=True, hidden_layer_sizes=(8, 8)).fit(X, TWO)
    model.model_.layers[1].trainable = False
    model.model_.metadata = {"note": "kept"}
    state = model.__getstate__()
    network = model.model_
    state["model_"] = {
        "network": network.describe(),
        "custom": {},
        "input_shape": network.input_shape,
        "frozen": [f"/{network.layers[1].name}"],
        "weights": network.get_weights(),
        "metadata": network.metadata,
    }
    other = AxonClassifier.__new__(AxonClassifier)
    other.__setstate__(state)
    assert np.array_equal(other.predict_proba(X), model.predict_proba(X))
    assert [m.trainable for m in other.model_.layers] == [m.trainable for m in network.layers]
    assert other.model_.metadata == {"note": "kept"}


def test_a_pickle_is_read_in_another_process(tmp_path: Path) -> None:
    model = few(hidden_layer_sizes=(4,)).fit(X, THREE)
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    code = (
        "import pickle, sys, numpy as np; folder = sys.argv[1]\n"
        "model = pickle.loads(open(folder + '/model.pickle', 'rb').read())\n"
        "np.save(folder + '/p.npy', model.predict_proba(np.load(folder + '/x.npy')))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert np.array_equal(np.load(tmp_path / "p.npy"), model.predict_proba(X))


def test_clones_begin_anew() -> None:
    network = Sequential([Dense(3, activation="softmax")])
    model = few(network=network, optimizer=Adam(0.01)).fit(X, THREE)
    other = clone(model)
    assert "model_" not in vars(other)
    assert np.array_equal(other.fit(X, THREE).coefs_[0], model.coefs_[0])


# ------------------------------------------------------------------------------------ with others


def test_a_search_in_two_processes_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXON_KERNELS", "numpy")  # compiled ones take the workers long to load
    model = few(batch_size=16, dropout=0.2, callbacks=[EarlyStopping("loss", patience=2)])
    pipeline = make_pipeline(StandardScaler(), model)
    grid = {
        "axonclassifier__alpha": [1e-4, 1.0],
        "axonclassifier__network": [None, built],
    }
    with Kernels("numpy"):
        one, two = (GridSearchCV(pipeline, grid, cv=2, n_jobs=n).fit(X, THREE) for n in (1, 2))
    assert np.array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])
    assert np.array_equal(one.predict_proba(X), two.predict_proba(X))


def test_threads_fit_one_after_another_and_get_the_same_bits() -> None:
    def coefficients(seed: int) -> Any:
        return few(random_state=seed, batch_size=16).fit(X, THREE).coefs_[0]

    with joblib.parallel_config(backend="threading"):
        made = joblib.Parallel(n_jobs=3)(joblib.delayed(coefficients)(i) for i in range(6))
    assert all(np.array_equal(made[i], coefficients(i)) for i in range(6))


def test_a_worker_uses_the_threads_that_it_was_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    import multiprocessing

    monkeypatch.setattr(threads._settings, "number", 4)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    modest()
    assert threads.get_threads() == 4  # this is no worker
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: object())
    monkeypatch.setattr(threads, "cores", lambda: 8)
    modest()
    assert threads.get_threads() == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    modest()
    assert threads.get_threads() == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    modest()


def test_meta_estimators() -> None:
    pipeline = make_pipeline(StandardScaler(), good(max_iter=40))
    assert CalibratedClassifierCV(pipeline, cv=2).fit(X, TWO).score(X, TWO) > 0.8
    others = [("axon", pipeline), ("logistic", LogisticRegression())]
    assert VotingClassifier(others, voting="soft").fit(X, TWO).score(X, TWO) > 0.8
    numbers = [("axon", good(AxonRegressor)), ("ridge", Ridge())]
    assert VotingRegressor(numbers).fit(X, NUMBERS[:, 0]).score(X, NUMBERS[:, 0]) > 0.9
    assert cross_val_score(pipeline, X, TWO, cv=2, scoring="roc_auc").min() > 0.8
    found = permutation_importance(pipeline.fit(X, TWO), X, TWO, n_repeats=2, random_state=0)
    assert found.importances_mean.argmax() == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_loss(TWO, pipeline.predict_proba(X))


def test_tables_with_columns_of_several_kinds() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": X[:, 0], "b": X[:, 1], "kind": np.tile(["u", "v", "w"], 20)})
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), ["a", "b"]), ("kinds", OneHotEncoder(), ["kind"])],
        sparse_threshold=1.0,
    )
    pipeline = make_pipeline(columns, good())
    assert pipeline.fit(frame, TWO).score(frame, TWO) > 0.9
    dense = make_pipeline(StandardScaler(), good()).set_output(transform="pandas")
    assert dense.fit(frame[["a", "b"]], TWO)[-1].feature_names_in_.tolist() == ["a", "b"]
    assert "AxonClassifier" in pipeline._repr_html_()
    assert repr(few(alpha=0.5)) == (
        "AxonClassifier(alpha=0.5, hidden_layer_sizes=(8,), max_iter=5, random_state=0)"
    )


def test_weights_are_routed() -> None:
    weights = np.linspace(0.1, 2, 60)
    with sklearn.config_context(enable_metadata_routing=True):
        model = few().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"alpha": [0.1]}, cv=2).fit(X, THREE, sample_weight=weights)
    plain = few(alpha=0.1).fit(X, THREE, weights)
    assert np.array_equal(search.best_estimator_.coefs_[0], plain.coefs_[0])


# ------------------------------------------------------------------------------------ bad input

WRONG = [
    ({"alpha": -1}, "alpha must be a number of at least 0, got -1"),
    ({"batch_size": 0}, '"auto" or a whole number of at least 1, got 0'),
    ({"learning_rate": "fast"}, '"constant", "invscaling", "adaptive", or a schedule'),
    ({"learning_rate_init": 0.0}, "learning_rate_init must be a number larger than 0, got 0.0"),
    ({"power_t": np.nan}, "power_t must be a number of at least 0, got nan"),
    ({"max_iter": 2.5}, "max_iter must be a whole number of at least 1, got 2.5"),
    ({"shuffle": "yes"}, "shuffle must be True or False, got 'yes'"),
    ({"momentum": 1}, "momentum must be at least 0 and less than 1, got 1"),
    ({"validation_fraction": 0.0}, "validation_fraction must be between 0 and 1"),
    ({"epsilon": 0}, "epsilon must be a number larger than 0, got 0"),
    ({"n_iter_no_change": 0}, "or infinity to train for max_iter epochs, got 0"),
    ({"tol": True}, "tol must be a number of at least 0, got True"),
    ({"dtype": "float16"}, "dtype must be"),
    ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be > 0"),
    ({"hidden_layer_sizes": "12"}, "hidden_layer_sizes must be > 0"),
    ({"dropout": (0.1, 0.2)}, "one for each of the 1 hidden layers"),
    ({"dropout": 1.0}, "rate must be at least 0 and less than 1"),
    ({"activation": "rellu"}, "Did you mean 'relu'"),
    ({"optimizer": "adamm"}, "Did you mean 'adam'"),
    ({"optimizer": "lbfgs", "dropout": 0.1}, "but Dropout makes it another one"),
    ({"solver": "lbfgs", "batch_norm": True}, "but BatchNormalization makes it another one"),
    ({"solver": "lbfgs", "metrics": ["accuracy"]}, "no epochs that metrics could be told of"),
    ({"optimizer": "sgd", "solver": "adam"}, "two names of one parameter"),
    ({"loss": "log_los"}, "unknown loss 'log_los'"),
    ({"loss": "hinge"}, "a classifier returns probabilities"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=lambda o: str(o)[:30])
def test_wrong_parameters(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        few(**options).fit(X, TWO)


def test_wrong_targets() -> None:
    with pytest.raises(ValueError, match=r"Unknown label type: continuous.*AxonRegressor"):
        few().fit(X, NUMBERS[:, 0])
    with pytest.raises(ValueError, match=r"(?i)weights.* zero|zero.*weight|non-zero"):
        few().fit(X, TWO, np.zeros(60))
    with pytest.raises(ValueError, match="Negative"):
        few().fit(X, TWO, -np.ones(60))
    with pytest.raises(TypeError, match="expected Callback objects"):
        few(callbacks=[print]).fit(X, TWO)
    for batch_size in ("auto", 16):
        with pytest.raises(ValueError, match=r"the size of the largest number is .* float32"):
            few(batch_size=batch_size).fit(X * 1e50, TWO)


def test_parameters_of_other_kinds() -> None:
    model = few(
        hidden_layer_sizes=np.array([5, 4]),
        dropout=[0.1, 0.0],
        activation="logistic",
        max_iter=np.int64(3),
        alpha=np.float32(0.1),
        shuffle=np.False_,
        batch_size=1000,
    ).fit(X, TWO)
    assert [w.shape[1] for w in model.coefs_] == [5, 4, 1]
    assert model.n_iter_ == 3


def test_a_function_of_nothing_may_build_the_network():
    x, y = np.eye(4), np.array([0, 1, 0, 1])
    model = AxonClassifier(network=lambda: Sequential([Dense(2, "softmax")]), max_iter=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert model.fit(x, y).predict(x).shape == (4,)


def test_a_report_names_the_mistakes_by_the_frame(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    rng = np.random.default_rng(0)
    x = pandas.DataFrame(rng.normal(size=(60, 2)), columns=["size", "<b>age"])
    x.index = pandas.Index([f"row {i}" for i in range(60)])
    y = np.where(x["size"] + rng.normal(0, 0.5, 60) > 0, "yes", "no")
    model = AxonClassifier((4,), random_state=0, max_iter=30, learning_rate_init=0.05).fit(x, y)
    model.report(tmp_path / "a.html", x, y, title="Cells")
    text = (tmp_path / "a.html").read_text("utf-8")
    wrong = x.index[model.predict(x) != y]
    listed = text[text.index("<h2>Mistakes") :].partition("</table>")[0]
    assert all((f">{name}</td>" in listed) == (name in wrong) for name in x.index)
    assert "&lt;b&gt;age" in listed
    assert f"{model.score(x, y):.2%}" in text
    assert "hidden_layer_sizes" in text
    assert "nesterovs_momentum" not in text, "only what was given"
    wide = AxonRegressor((4,), random_state=0, max_iter=3).fit(x, x)
    wide.report(tmp_path / "b.html", x, x.to_numpy())
    assert "target 1</td>" in (tmp_path / "b.html").read_text("utf-8")
    model.report(tmp_path / "c.html")
    assert "<h2>Training</h2>" in (tmp_path / "c.html").read_text("utf-8")
    with pytest.raises(TypeError, match="X and y belong together"):
        model.report(tmp_path / "c.html", x)
    with pytest.raises(ValueError, match=r"inconsistent|got 59 targets"):
        model.report(tmp_path / "c.html", x, y[:-1])
