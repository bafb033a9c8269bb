"""Searches over processes and machines: workers of Dask, trials of Optuna."""

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

import joblib
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

import axon
from axon.callbacks import Callback, EarlyStopping, OptunaPruning, ReduceLROnPlateau
from axon.program.lowerings import Kernels
from axon.sklearn import AxonClassifier

X = np.random.default_rng(0).normal(size=(80, 5)).astype(np.float32)
Y = (X.sum(1) > 0).astype(int)


def few(**options: Any) -> AxonClassifier:
    options = {"n_iter_no_change": np.inf, "random_state": 0, "max_iter": 6, **options}
    return AxonClassifier((8,), batch_size=16, dropout=0.2, **options)


# ------------------------------------------------------------------------------------ Dask


@pytest.fixture
def dask(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two workers of Dask, each a process of its own, as they would be on other machines."""
    distributed = pytest.importorskip("distributed", reason="dask[distributed] is not installed")
    monkeypatch.setenv("AXON_KERNELS", "numpy")  # compiled ones take the workers long to load
    monkeypatch.setenv("AXON_NUM_THREADS", "2")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


class Counting(Callback):
    """How many threads there are while an estimator learns."""

    threads = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.threads = axon.get_threads()


def threads() -> tuple[int, int]:
    """Of a worker: before an estimator learns, and while it does."""
    before, counting = axon.get_threads(), Counting()
    few(callbacks=[counting], max_iter=1).fit(X, Y)
    return before, counting.threads


def search() -> GridSearchCV:
    callbacks = [ReduceLROnPlateau("loss", patience=1), EarlyStopping("loss", patience=2)]
    model = few(callbacks=callbacks, learning_rate_init=0.05)
    return GridSearchCV(model, {"alpha": [1e-4, 1.0]}, cv=2).fit(X, Y)


def test_workers_of_dask_find_what_one_process_finds(dask: Any) -> None:
    assert list(dask.run(threads).values()) == [(2, 1)] * 2  # no more than Dask grants
    with joblib.parallel_config(backend="dask"):
        found = search()
    with Kernels("numpy"):
        alone = search()
    for name in ("split0_test_score", "split1_test_score"):
        assert np.array_equal(found.cv_results_[name], alone.cv_results_[name])
    assert np.array_equal(found.predict_proba(X), alone.predict_proba(X))


# ------------------------------------------------------------------------------------ Optuna


@pytest.fixture
def study(tmp_path: Any) -> Any:
    optuna = pytest.importorskip("optuna", reason="needs the extra tune: Optuna is not installed")
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal")))
    pruner = optuna.pruners.ThresholdPruner(upper=0.0, n_warmup_steps=3)
    return optuna.create_study(storage=storage, pruner=pruner)


def told(study: Any) -> list[list[int]]:
    return [list(trial.intermediate_values) for trial in study.trials]


def test_estimators_are_pruned_as_models_are(study: Any) -> None:
    from optuna import TrialPruned

    with pytest.raises(TrialPruned, match="Epoch 4: trial 0 was pruned"):
        few(callbacks=[OptunaPruning(study.ask(), "loss")]).fit(X, Y)
    assert told(study) == [[0, 1, 2, 3]]


def test_the_score_of_rows_held_out_can_be_told() -> None:
    optuna = pytest.importorskip("optuna", reason="needs the extra tune: Optuna is not installed")
    study = optuna.create_study(direction="maximize")
    model = few(callbacks=[OptunaPruning(study.ask(), "val_score")], max_iter=2)
    model.set_params(early_stopping=True).fit(X, Y)
    assert list(study.trials[0].intermediate_values.values()) == model.validation_scores_


def test_clones_and_pickles_tell_the_same_trial(study: Any) -> None:
    model = few(callbacks=[OptunaPruning(study.ask(), "loss")], max_iter=2)
    clone(model).fit(X, Y)
    assert told(study) == [[0, 1]]
    other = few(callbacks=[OptunaPruning(study.ask(), "loss")], max_iter=2)
    pickle.loads(pickle.dumps(other)).fit(X, Y)
    assert told(study) == [[0, 1]] * 2


def test_the_folds_of_a_trial_are_told_once(study: Any) -> None:
    """Optuna keeps the first value of an epoch, and says so."""
    model = few(callbacks=[OptunaPruning(study.ask(), "loss")], max_iter=2)
    with pytest.warns(UserWarning, match="already reported"):
        cross_val_score(model, X, Y, cv=2)
