"""What the estimators learn, step by step as MLPClassifier does, and by which rules they stop."""

import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from scipy.sparse import csc_matrix, csr_array
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, make_scorer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

import axon
from axon.callbacks import Callback
from axon.layers import Dense
from axon.models import Sequential
from axon.optimizers import SGD, Adam
from axon.optimizers.schedules import ExponentialDecay
from axon.sklearn import AxonClassifier, AxonRegressor
from axon.sklearn.random_state import Streams

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(50, 4))
THREE = np.array(["ant", "bee", "cow"])[
    (X @ [[1.0, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 0.5]]).argmax(1)
]
TWO = np.where(X[:, 0] + 0.3 * X[:, 1] > 0, "yes", "no")
LABELS = (X[:, :3] > 0.2).astype(int)
NUMBERS = X @ [[1.0, 0.5], [0.0, 2.0], [-1.0, 0.0], [0.3, 0.1]]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def few(kind: Any = AxonClassifier, **options: Any) -> Any:
    """An estimator that is quick to fit."""
    return kind(**{"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 5, **options})


# ------------------------------------------------------------------------------------ as MLP does


def beginning(mlp: Any, last: str) -> Sequential:
    """A network that begins where an MLP stands."""
    sizes = [c.shape for c in mlp.coefs_]
    functions = ["tanh"] * (len(sizes) - 1) + [last]
    layers = [
        Dense(*size, activation=f, dtype="float64")
        for size, f in zip(sizes, functions, strict=True)
    ]
    for layer, w, b in zip(layers, mlp.coefs_, mlp.intercepts_, strict=True):
        layer.weights, layer.bias = w, b
    return Sequential(layers)


SAME_STEPS = [
    {"solver": "sgd", "momentum": 0.0, "alpha": 0.0},
    {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": True, "alpha": 0.0},
    {"solver": "sgd", "momentum": 0.5, "nesterovs_momentum": False, "alpha": 2.0},
    {"solver": "sgd", "momentum": 0.0, "learning_rate": "invscaling", "power_t": 0.3},
    {"solver": "adam", "alpha": 1.0, "epsilon": 1e-14, "beta_1": 0.8, "beta_2": 0.99},
]


@pytest.mark.parametrize("options", SAME_STEPS, ids=lambda o: " ".join(map(str, o.values())))
@pytest.mark.parametrize(
    ("mlp", "ours", "y", "last"),
    [
        (MLPClassifier, AxonClassifier, TWO, "sigmoid"),
        (MLPClassifier, AxonClassifier, THREE, "softmax"),
        (MLPClassifier, AxonClassifier, LABELS, "sigmoid"),
        (MLPRegressor, AxonRegressor, NUMBERS[:, 0], "linear"),
        (MLPRegressor, AxonRegressor, NUMBERS, "linear"),
    ],
    ids=["two", "three", "labels", "number", "numbers"],
)
def test_the_same_steps_as_an_mlp(mlp: Any, ours: Any, y: Any, last: str, options: Any) -> None:
    """alpha, momentum, rates, losses and the smaller last batch mean the same: weights agree."""
    common = {"shuffle": False, "batch_size": 16, "tol": 0.0, "learning_rate_init": 0.01, **options}
    theirs = mlp(
        hidden_layer_sizes=(6, 5), activation="tanh", max_iter=1, warm_start=True, **common
    ).fit(X, y)
    network = beginning(theirs, last)
    theirs.set_params(max_iter=4)
    theirs.t_ = 0
    theirs.fit(X, y)
    given = ours(network=network, max_iter=4, **common).fit(X, y)
    for a, b in zip(given.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)
    for a, b in zip(given.intercepts_, theirs.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)
    if last != "linear" or y.ndim == 1:  # of several numbers, an MLP reports the mean
        np.testing.assert_allclose(given.loss_curve_, theirs.loss_curve_[1:], rtol=1e-6)
    assert given.t_ == theirs.t_ == 200
    assert given.n_layers_ == theirs.n_layers_ == 4
    assert given.n_outputs_ == theirs.n_outputs_


@pytest.mark.parametrize("load", ["iris", "digits", "breast_cancer", "diabetes"])
def test_about_as_good_as_an_mlp(load: str) -> None:
    x, y = getattr(datasets, f"load_{load}")(return_X_y=True)
    x, numbers = StandardScaler().fit_transform(x), load == "diabetes"
    y = (y - y.mean()) / y.std() if numbers else y
    a, b, c, d = train_test_split(x, y, random_state=0)
    kinds = (AxonRegressor, MLPRegressor) if numbers else (AxonClassifier, MLPClassifier)
    options = {"max_iter": 30 if load == "digits" else 80, "learning_rate_init": 0.01}
    options["early_stopping"] = False
    ours, theirs = (
        np.mean([k(random_state=s, **options).fit(a, c).score(b, d) for s in range(3)])
        for k in kinds
    )
    assert ours > theirs - 0.02


# ------------------------------------------------------------------------------------ weights, rows


def same(a: Any, b: Any) -> bool:
    """Whether two estimators have learned the same to the last bit."""
    return all(np.array_equal(p, q) for p, q in zip(a.coefs_, b.coefs_, strict=True))


@pytest.mark.parametrize("options", [{}, {"batch_norm": True, "dropout": 0.3}])
def test_a_weight_of_two_is_the_row_twice_and_a_weight_of_zero_is_none(options: Any) -> None:
    weights = np.arange(50) % 4
    repeated = np.repeat(np.arange(50), weights)[::-1]
    weighted = few(**options).fit(X, THREE, sample_weight=weights)
    assert same(weighted, few(**options).fit(X[repeated], THREE[repeated]))
    assert not same(weighted, few(**options).fit(X, THREE))


@pytest.mark.parametrize("batch_size", ["auto", 16])
def test_rows_that_weigh_nothing_are_left_out(batch_size: Any) -> None:
    weights = np.arange(50) % 3 / 7
    kept, options = weights > 0, {"batch_size": batch_size, "batch_norm": True}
    given = few(**options).fit(X, THREE, weights)
    assert same(given, few(**options).fit(X[kept], THREE[kept], weights[kept]))
    assert given.t_ == 5 * kept.sum()


def test_weights_count_by_their_ratios_and_scale_the_penalty_as_in_an_mlp() -> None:
    weights = np.linspace(0.1, 3, 50)
    given = few(alpha=0.0).fit(X, THREE, weights)
    np.testing.assert_allclose(
        given.coefs_[0], few(alpha=0.0).fit(X, THREE, 7 * weights).coefs_[0], rtol=1e-5, atol=1e-7
    )
    options = {"alpha": 3.0, "momentum": 0.0, "solver": "sgd", "max_iter": 3}
    theirs = MLPClassifier((5,), "tanh", warm_start=True, **{**options, "max_iter": 1}).fit(X, TWO)
    network = beginning(theirs, "sigmoid")
    try:  # weights came with scikit-learn 1.7
        theirs.set_params(max_iter=3).fit(X, TWO, sample_weight=weights)
    except TypeError:
        pytest.skip("this MLPClassifier takes no sample_weight")
    ours = AxonClassifier(network=network, **options).fit(X, TWO, sample_weight=weights)
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-6)


def test_the_weights_of_batches_count_too() -> None:
    weights = np.linspace(0.1, 3, 50)
    given, plain, halves = (
        few(batch_size=16, alpha=0.0).fit(X, THREE, w) for w in (weights, None, weights / 2)
    )
    assert not same(given, plain)
    assert same(given, halves)


def test_the_order_of_rows_is_no_matter_where_one_batch_holds_them_all() -> None:
    order = RANDOM.permutation(50)
    weights = np.linspace(1, 2, 50)
    assert same(few().fit(X, THREE), few().fit(X[order], THREE[order]))
    assert same(few().fit(X, TWO, weights), few().fit(X[order], TWO[order], weights[order]))


@pytest.mark.parametrize("batch_size", ["auto", 16])
@pytest.mark.parametrize("kind", [csr_array, csc_matrix])
def test_sparse_rows_give_the_bits_of_dense_ones(kind: Any, batch_size: Any) -> None:
    x = np.where(X > 0, X, 0.0)
    weights = np.linspace(0, 2, 50)
    for w in (None, weights):
        dense = few(batch_size=batch_size).fit(x, THREE, w)
        sparse = few(batch_size=batch_size).fit(kind(x), THREE, w)
        assert same(dense, sparse)
        assert np.array_equal(dense.predict_proba(x), sparse.predict_proba(kind(x)))
    held_out = [
        few(batch_size=batch_size, early_stopping=True).fit(rows, THREE) for rows in (x, kind(x))
    ]
    assert same(*held_out)
    assert held_out[0].history_.history == held_out[1].history_.history
    passes = [
        few(batch_size=16).partial_fit(rows, THREE, np.unique(THREE)) for rows in (x, kind(x))
    ]
    assert same(*passes)


def test_sparse_rows_are_never_made_dense_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x = csr_array(np.eye(100)[RANDOM.randint(100, size=3000)])
    y = x.indices % 2
    seen: list[int] = []
    make = type(x).toarray

    def toarray(matrix: Any, *options: Any) -> Any:
        seen.append(matrix.shape[0])
        return make(matrix, *options)

    monkeypatch.setattr(type(x), "toarray", toarray)
    few(batch_size=64, early_stopping=True).fit(x, y).predict(x)
    assert max(seen) <= 1024


def test_a_rest_of_one_row_is_left_out_where_a_layer_compares_rows() -> None:
    for x in (X[:33], csr_array(X[:33])):
        model = few(batch_norm=True, batch_size=16).fit(x, THREE[:33])
        assert np.isfinite(model.predict_proba(x)).all()
    with pytest.raises(ValueError, match="n_samples=1: one row is too few"):
        few(batch_norm=True).fit(X[:1], THREE[:1])


def test_whole_numbers_reach_the_network_as_they_are() -> None:
    from axon.layers import Embedding, Flatten

    def network(n_features: int, n_outputs: int) -> Sequential:
        return Sequential([Embedding(10, 3), Flatten(), Dense(n_outputs, activation="softmax")])

    x = RANDOM.randint(10, size=(60, 5))
    model = few(network=network, max_iter=60, learning_rate_init=0.05).fit(x, x[:, 0] % 3)
    assert model.score(x, x[:, 0] % 3) > 0.9
    with pytest.raises(ValueError, match="whole numbers"):
        few(network=network).fit(x + 0.5, x[:, 0] % 3)


# ------------------------------------------------------------------------------------ when to stop


def test_training_ends_when_the_loss_does_not_fall_any_more() -> None:
    model = few(tol=10.0, max_iter=100, n_iter_no_change=3).fit(X, THREE)
    assert model.n_iter_ == len(model.loss_curve_) == 5  # the first always is an improvement
    assert model.best_loss_ == min(model.loss_curve_)
    assert model.validation_scores_ is model.best_validation_score_ is None
    longer = few(tol=0.0, max_iter=60, n_iter_no_change=3).fit(X, THREE)
    assert longer.n_iter_ == 60
    assert longer.loss_ == longer.loss_curve_[-1] < longer.loss_curve_[0]


def test_a_warning_says_that_it_did_not_converge() -> None:
    with pytest.warns(ConvergenceWarning, match=r"maximum iterations \(5\) reached") as caught:
        few().fit(X, THREE)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        few(n_iter_no_change=np.inf).fit(X, THREE)
        few(tol=10.0, max_iter=100).fit(X, THREE)
        few().partial_fit(X, THREE, np.unique(THREE))


def test_early_stopping_keeps_the_weights_of_the_best_score() -> None:
    x, y = RANDOM.normal(size=(100, 4)), np.tile([0, 1], 50)  # nothing to be learned
    options = {"early_stopping": True, "validation_fraction": 0.3, "learning_rate_init": 0.02}
    model = few(max_iter=40, **options).fit(x, y)
    scores = model.validation_scores_
    assert model.best_validation_score_ == max(scores)
    assert model.best_loss_ is None
    assert len(scores) == model.n_iter_ == len(model.history_.history["val_loss"])
    assert model.history_.history["val_score"] == scores
    best = int(np.argmax(scores))
    assert best < model.n_iter_ - 1
    assert same(model, few(max_iter=best + 1, **options).fit(x, y))
    assert model.n_iter_ == 40 or max(scores[-11:]) < max(scores) + model.tol


def test_early_stopping_on_any_score() -> None:
    options = {"early_stopping": True, "validation_fraction": 0.3, "max_iter": 8}
    area = few(scoring="roc_auc_ovr", **options).fit(X, THREE)
    assert area.validation_scores_ != few(**options).fit(X, THREE).validation_scores_
    own = few(scoring=lambda model, x, y: -log_loss(y, model.predict_proba(x)), **options)
    named = few(scoring="neg_log_loss", **options).fit(X, THREE)
    assert own.fit(X, THREE).validation_scores_ == named.validation_scores_
    loss = few(scoring="loss", **options).fit(X, THREE)
    np.testing.assert_allclose(loss.validation_scores_, named.validation_scores_, rtol=1e-5)
    weights = np.linspace(0, 2, 50)
    heavy = few(scoring="neg_log_loss", **options).fit(X, THREE, weights)
    assert heavy.validation_scores_ != named.validation_scores_
    r2 = few(AxonRegressor, scoring=make_scorer(lambda y, p: -abs(y - p).max()), **options)
    assert len(r2.fit(X, NUMBERS).validation_scores_) == 8


def test_an_improvement_is_one_over_the_best_so_far() -> None:
    scores = iter([5.0, 1.0, 2.0, 3.0, 4.0, 4.5, 6.0])
    options = {"early_stopping": True, "n_iter_no_change": 3, "max_iter": 7}
    model = few(scoring=lambda judge, x, y: next(scores), **options).fit(X, THREE)
    assert model.validation_scores_ == [5.0, 1.0, 2.0, 3.0, 4.0]


def test_each_class_is_held_out_as_often() -> None:
    seen: list[Any] = []
    y = np.where(np.arange(50) % 5, "usual", "rare")
    options = {"early_stopping": True, "validation_fraction": 0.2, "max_iter": 1}
    for seed in range(5):
        few(
            scoring=lambda judge, x, y: seen.append(y) or 0.0, **{**options, "random_state": seed}
        ).fit(X, y)
    assert [(part == "rare").sum() for part in seen] == [2] * 5


def test_feature_names_do_not_get_in_the_way_of_early_stopping() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = few(early_stopping=True, validation_fraction=0.2).fit(frame, THREE)
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.warns(UserWarning, match="valid feature names"):
        model.predict(X)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a", "c", "d"]])


def test_few_rows_cannot_be_held_out() -> None:
    with pytest.raises(ValueError, match=r"validation set is too small: 1 of 9 rows\. Increase"):
        few(AxonRegressor, early_stopping=True).fit(X[:9], NUMBERS[:9])
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping"):
        few(early_stopping=True).partial_fit(X, THREE, np.unique(THREE))


def test_an_adaptive_rate_falls_until_it_is_tiny() -> None:
    model = few(
        optimizer="sgd",
        learning_rate="adaptive",
        tol=10.0,
        learning_rate_init=1e-3,
        max_iter=100,
        n_iter_no_change=1,
    ).fit(X, THREE)
    rates = [1e-3 / 5**k for k in range(10)]
    assert model.model_.optimizer.learning_rate == pytest.approx(
        next(rate for rate in rates if rate <= 1e-6)
    )
    assert model.n_iter_ == 1 + 2 * 6  # one improvement; six times two epochs without


def test_schedules_and_optimizers_are_taken_as_they_are() -> None:
    schedule = ExponentialDecay(0.1, decay_steps=2, decay_rate=0.5)
    model = few(optimizer="sgd", learning_rate=schedule, max_iter=4).fit(X, THREE)
    assert model.model_.optimizer.learning_rate == pytest.approx(0.1 * 0.5**2)
    given = Adam(0.03, clipnorm=1.0)
    model = few(optimizer=given).fit(X, THREE)
    assert model.model_.optimizer.config() == given.config()
    assert model.model_.optimizer is not given
    assert given.iterations.item() == 0
    by_name = few(solver="sgd", momentum=0.3, nesterovs_momentum=False).fit(X, THREE)
    expected = SGD(0.001, momentum=0.3, nesterov=False)
    assert repr(by_name.model_.optimizer) == repr(expected)
    with pytest.raises(ValueError, match="Give the schedule to the optimizer"):
        few(optimizer=given, learning_rate=schedule).fit(X, THREE)


def test_a_loss_that_is_not_finite_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"loss became (nan|inf) in epoch .* StandardScaler"):
        few(AxonRegressor, optimizer="sgd", learning_rate_init=1e6, max_iter=30).fit(
            1e6 * X, 1e6 * NUMBERS
        )


def test_an_interrupt_leaves_what_was_learned(capsys: pytest.CaptureFixture[str]) -> None:
    class Interrupt(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise KeyboardInterrupt

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if self.at_once:
                raise KeyboardInterrupt

        at_once = False

    at_once = Interrupt()
    at_once.at_once = True
    with pytest.warns(UserWarning, match="interrupted by user"):
        assert few(callbacks=[at_once]).fit(X, THREE).n_iter_ == 0
    model = few(callbacks=[Interrupt()], verbose=True)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, THREE)
    assert model.n_iter_ == 3
    assert model.predict(X).shape == (50,)
    assert capsys.readouterr().out.startswith("Epoch 1/5 - ")


# ------------------------------------------------------------------------------------ going on


def test_partial_fit_takes_the_steps_of_fit() -> None:
    y, options = NUMBERS[:48], {"batch_size": 16, "shuffle": False, "dtype": "float64"}
    options["scale_targets"] = False  # by what, the first rows would decide
    whole = few(AxonRegressor, max_iter=2, **options).fit(X[:48], y)
    parts = few(AxonRegressor, **options)
    for _ in range(2):
        for start in (0, 16, 32):
            parts.partial_fit(X[start : start + 16], y[start : start + 16])
    np.testing.assert_allclose(parts.coefs_[0], whole.coefs_[0], rtol=1e-10)
    assert parts.n_iter_ == 1
    assert parts.t_ == whole.t_ == 96
    assert len(parts.loss_curve_) == 6
    once = few(AxonRegressor, **options).partial_fit(X[:48], y).partial_fit(X[:48], y)
    np.testing.assert_allclose(once.coefs_[0], whole.coefs_[0], rtol=1e-10)


def test_partial_fit_and_its_classes() -> None:
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        few().partial_fit(X, THREE)
    model = few().partial_fit(X[:5], THREE[:5], classes=["cow", "bee", "ant"])
    assert model.classes_.tolist() == ["ant", "bee", "cow"]
    model.partial_fit(X[5:6], THREE[5:6])
    with pytest.raises(ValueError, match=r"y has classes not in classes_.*'dog'"):
        model.partial_fit(X[:2], ["dog", "ant"])
    with pytest.raises(ValueError, match="not the same as on the last call"):
        model.partial_fit(X, THREE, classes=["ant", "bee"])
    with pytest.raises(ValueError, match="held one class for each row, now it holds 0 and 1"):
        model.partial_fit(X, LABELS)
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        few(class_weight="balanced").partial_fit(X, THREE, np.unique(THREE))
    assert few().partial_fit(X, LABELS, classes=range(3)).predict(X).shape == (50, 3)


def test_warm_start_goes_on() -> None:
    model = few(warm_start=True, dtype="float64").fit(X, THREE)
    first = model.coefs_[0].copy()
    model.fit(X, THREE)
    assert same(model, few(max_iter=10, dtype="float64").fit(X, THREE))
    assert not np.array_equal(first, model.coefs_[0])
    assert len(model.loss_curve_) == 10
    assert model.n_iter_ == 5
    assert model.t_ == 500
    model.set_params(warm_start=False).fit(X, THREE)
    assert np.array_equal(model.coefs_[0], first)
    assert len(model.loss_curve_) == 5


def test_warm_start_with_other_settings_of_the_optimizer() -> None:
    model = few(warm_start=True).fit(X, THREE)
    optimizer = model.model_.optimizer
    assert model.fit(X, THREE).model_.optimizer is optimizer
    model.set_params(learning_rate_init=0.5).fit(X, THREE)
    assert model.model_.optimizer is not optimizer
    assert model.model_.optimizer.learning_rate == 0.5


def test_warm_start_with_another_y() -> None:
    model = few(warm_start=True).fit(X, THREE)
    with pytest.raises(ValueError, match="warm_start can only be used where y has the same class"):
        model.fit(X, TWO)
    regressor = few(AxonRegressor, warm_start=True).fit(X, NUMBERS)
    with pytest.raises(ValueError, match=r"y has shape \(50,\), but the network learned from"):
        regressor.fit(X, NUMBERS[:, 0])
    with pytest.raises(ValueError, match="4 features"):
        model.fit(X[:, :2], THREE)


def test_warm_start_with_early_stopping_holds_out_the_same_rows() -> None:
    model = few(warm_start=True, early_stopping=True, max_iter=2).fit(X, THREE)
    seen: list[Any] = []
    model.set_params(scoring=lambda judge, x, y: seen.append(x) or 0.0)
    model.fit(X, THREE).fit(X, THREE)
    assert all(np.array_equal(x, seen[0]) for x in seen)
    other = few(warm_start=True, max_iter=2).fit(X, THREE)
    other.set_params(early_stopping=True).fit(X, THREE)
    assert len(other.validation_scores_) == 2


def test_another_loss_or_alpha_from_now_on() -> None:
    one, other = (few().partial_fit(X, TWO, np.unique(TWO)) for _ in range(2))
    other.set_params(alpha=50.0)
    assert not same(one.partial_fit(X, TWO), other.partial_fit(X, TWO))
    one.set_params(loss="binary_focal_cross_entropy").partial_fit(X, TWO)
    assert one.model_.loss.name == "binary_focal_cross_entropy"


# ------------------------------------------------------------------------------------ randomness


@pytest.mark.parametrize("options", [{}, {"batch_norm": True, "dropout": 0.5, "batch_size": 16}])
def test_random_state_decides_and_axons_seed_is_left_alone(options: Any) -> None:
    axon.set_random_seed(7)
    before = axon.random.get_state()
    one = few(**options).fit(X, THREE)
    assert axon.random.get_state() == before
    axon.random.stream("shuffle").random()
    again = few(**options).fit(X, THREE)
    assert same(one, again)
    assert one.loss_curve_ == again.loss_curve_
    assert not same(one, few(**{**options, "random_state": 1}).fit(X, THREE))


def test_kinds_of_random_state() -> None:
    state = np.random.RandomState(3)
    first, second = (few(random_state=state).fit(X, THREE) for _ in range(2))
    assert not same(first, second)
    assert same(first, few(random_state=np.random.RandomState(3)).fit(X, THREE))
    np.random.seed(5)  # noqa: NPY002
    first, second = (few(random_state=None).fit(X, THREE) for _ in range(2))
    assert not same(first, second)
    np.random.seed(5)  # noqa: NPY002
    assert same(first, few(random_state=None).fit(X, THREE))


def test_streams_go_on_where_they_were() -> None:
    def drawn() -> list[float]:
        streams = Streams(0)
        made = []
        for _ in range(2):
            with streams:
                made.append(axon.random.stream("shuffle").random())
        return made

    assert drawn() == drawn()
    assert len(set(drawn())) == 2


def test_streams_return_to_where_they_were_after_an_error() -> None:
    before = axon.random.get_state()

    def fails(n_features: int, n_outputs: int) -> Any:
        axon.random.stream("init").random()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        few(network=fails).fit(X, THREE)
    assert axon.random.get_state() == before


def test_an_error_leaves_an_estimator_unfitted() -> None:
    from sklearn.exceptions import NotFittedError

    model = few(network=lambda n, k: Sequential([Dense(7)]))
    with pytest.raises(ValueError, match=r"network must return an array of shape \(n, 3\)"):
        model.fit(X, THREE)
    with pytest.raises(NotFittedError):
        model.predict(X)
    fitted = few().fit(X, THREE).set_params(network=model.network)
    with pytest.raises(ValueError, match="network must return"):
        fitted.fit(X[:, :2], TWO)
    with pytest.raises(NotFittedError):  # and not with half of what it was
        fitted.predict(X)
