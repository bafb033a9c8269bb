"""OptunaPruning: what a trial is told, who is pruned, and several processes at one study."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import axon
from axon.callbacks import Callback, EarlyStopping, LambdaCallback, OptunaPruning
from axon.layers import Dense
from axon.models import Sequential
from tests.callbacks import searching

optuna = pytest.importorskip("optuna", reason="needs the extra tune: Optuna is not installed")
PROGRAM = Path(searching.__file__)
ROOT = PROGRAM.parents[2]
X = np.random.default_rng(0).normal(size=(20, 3))
Y = np.arange(20) % 2
DONE, PRUNED, RUNNING = (
    getattr(optuna.trial.TrialState, name) for name in ("COMPLETE", "PRUNED", "RUNNING")
)

optuna.logging.set_verbosity(optuna.logging.WARNING)


def compiled():
    model = Sequential([Dense(3, 2, "softmax")])
    model.compile("categorical_cross_entropy", axon.optimizers.SGD(0.1), ["accuracy"])
    return model


def study(direction="minimize", **options):
    options.setdefault("pruner", optuna.pruners.NopPruner())
    return optuna.create_study(direction=direction, **options)


def fit(trial, model=None, monitor="val_loss", interval=1, more=(), epochs=3, **options):
    options.setdefault("validation_data", (X, Y))
    told = [OptunaPruning(trial, monitor, interval), *more]
    return (model or compiled()).fit(X, Y, 10, epochs, 0, callbacks=told, **options)


def values(trial, of):
    return of.trials[trial.number].intermediate_values


# ------------------------------------------------------------------------------------ what is told


@pytest.mark.parametrize("monitor", ["loss", "val_loss", "val_accuracy"])
def test_a_trial_is_told_each_epoch(monitor):
    runs = study("maximize" if "accuracy" in monitor else "minimize")
    trial = runs.ask()
    history = fit(trial, monitor=monitor).history[monitor]
    assert values(trial, runs) == dict(enumerate(history))


def test_epochs_that_are_not_asked_for_or_not_measured_are_left_out():
    runs = study()
    one, other = runs.ask(), runs.ask()
    fit(one, interval=2, epochs=5)
    assert list(values(one, runs)) == [1, 3]
    fit(other, validation_freq=2, epochs=5)
    assert list(values(other, runs)) == [1, 3]


def test_a_trial_that_is_worse_than_others_is_pruned():
    runs = study(pruner=optuna.pruners.ThresholdPruner(upper=1e-9, n_warmup_steps=2))
    seen = []
    counting = LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch))
    runs.optimize(lambda trial: fit(trial, more=[counting], epochs=9).best().value, 2)
    assert [t.state for t in runs.trials] == [PRUNED, PRUNED]
    assert seen == [0, 1, 2] * 2
    assert [list(t.intermediate_values) for t in runs.trials] == [[0, 1, 2]] * 2


def test_what_is_raised_says_where_and_at_what():
    runs = study(pruner=optuna.pruners.ThresholdPruner(upper=1e-9))
    model = compiled()
    with pytest.raises(optuna.TrialPruned, match=r"Epoch 1: trial 0 was pruned at a val_loss of 0"):
        fit(runs.ask(), model)
    assert np.isfinite(model.evaluate(X, Y)[0])  # and can be used


def test_a_number_that_is_not_finite_is_told_and_pruned():
    runs = study(pruner=optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=0))
    runs.optimize(lambda trial: fit(trial).best().value, 1)
    trial, model = runs.ask(), compiled()
    model.set_weights([np.full(w.shape, np.nan) for w in model.get_weights()])
    with pytest.raises(optuna.TrialPruned), pytest.warns(RuntimeWarning):
        fit(trial, model)
    assert np.isnan(values(trial, runs)[0])


def test_a_fixed_trial_is_never_pruned():
    history = fit(optuna.trial.FixedTrial({"width": 3}))
    assert history.epoch == [0, 1, 2]


# ------------------------------------------------------------------------------------ errors


def test_a_missing_number_is_named_before_training_begins():
    trial, pages = study().ask(), []
    noting = LambdaCallback(on_epoch_begin=lambda epoch, logs: pages.append(epoch))
    with pytest.raises(ValueError, match=r"OptunaPruning: .* no validation data. Pass validation_"):
        fit(trial, more=[noting], validation_data=None)
    with pytest.raises(ValueError, match=r"no 'val_los' to monitor. Did you mean 'val_loss'\?"):
        fit(trial, monitor="val_los", more=[noting])
    assert pages == []


def test_a_number_that_another_callback_may_add_is_missed_after_the_first_epoch():
    class Adds(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["other"] = 1.0

    runs = study()
    trial = runs.ask()
    told = [Adds(), OptunaPruning(trial, "other")]
    compiled().fit(X, Y, 10, 2, 0, callbacks=told)
    assert values(trial, runs) == {0: 1.0, 1: 1.0}
    with pytest.raises(ValueError, match="OptunaPruning: there is no 'another' to monitor"):
        compiled().fit(X, Y, 10, 2, 0, callbacks=[Adds(), OptunaPruning(runs.ask(), "another")])


def test_wrong_arguments():
    trial = study().ask()
    with pytest.raises(TypeError, match=r"trial must be what Optuna hands .* got 'val_loss'"):
        OptunaPruning("val_loss", trial)
    with pytest.raises(TypeError, match="monitor must be a name such as 'val_loss', got 3"):
        OptunaPruning(trial, 3)
    with pytest.raises(ValueError, match="OptunaPruning: interval must be"):
        OptunaPruning(trial, interval=0)
    several = optuna.create_study(directions=["minimize", "maximize"])
    with pytest.raises(ValueError, match="has 2 objectives, and Optuna prunes only where there is"):
        OptunaPruning(several.ask())


@pytest.mark.parametrize(
    ("direction", "monitor", "text"),
    [
        ("minimize", "val_accuracy", r"minimizes, but more of 'val_accuracy' .*='maximize'"),
        ("maximize", "val_loss", r"maximizes, but less of 'val_loss' .*='minimize'"),
    ],
)
def test_the_best_trials_are_not_pruned(direction, monitor, text):
    with pytest.raises(ValueError, match=text):
        OptunaPruning(study(direction).ask(), monitor)
    OptunaPruning(study(direction).ask(), "what_nobody_knows")


def test_without_optuna_the_extra_is_named(monkeypatch):
    trial = study().ask()
    monkeypatch.setitem(sys.modules, "optuna.trial", None)
    with pytest.raises(
        ImportError, match=r"OptunaPruning needs optuna.*pip install optuna \(the extra 'tune'"
    ):
        OptunaPruning(trial)


# ------------------------------------------------------------------------------------ resuming


def stop_at(last):
    def stop(epoch, logs):
        if epoch == last:
            raise KeyboardInterrupt

    return LambdaCallback(on_epoch_begin=stop)


def test_a_resumed_run_tells_its_trial_the_epochs_before(tmp_path):
    runs = study()
    whole, broken, again = runs.ask(), runs.ask(), runs.ask()
    fit(whole, seeded(), epochs=5)
    with pytest.raises(KeyboardInterrupt):
        fit(broken, seeded(), epochs=5, resume=tmp_path, more=[stop_at(3)])
    assert list(values(broken, runs)) == [0, 1, 2]
    fit(again, seeded(), epochs=5, resume=tmp_path)
    assert values(again, runs) == values(whole, runs)


def test_a_trial_that_knows_is_not_told_again(tmp_path):
    """Optuna would warn of it; the run that goes on is another process of the same trial."""
    runs = study()
    trial = runs.ask()
    with pytest.raises(KeyboardInterrupt):
        fit(trial, seeded(), epochs=5, resume=tmp_path, more=[stop_at(3)])
    fit(trial, seeded(), epochs=5, resume=tmp_path)
    assert list(values(trial, runs)) == [0, 1, 2, 3, 4]
    other = runs.ask()
    fit(other, seeded(), epochs=2)
    assert list(values(other, runs)) == [0, 1]  # and nothing is left of the run before


def seeded():
    axon.set_random_seed(1)
    return compiled()


def test_it_begins_anew_with_each_run():
    runs = study()
    callback = OptunaPruning(runs.ask())
    compiled().fit(X, Y, 10, 2, 0, callbacks=[callback], validation_data=(X, Y))
    callback.trial = runs.ask()
    compiled().fit(X, Y, 10, 1, 0, callbacks=[callback], validation_data=(X, Y))
    assert callback.state_dict()["epochs"] == [0]


# ------------------------------------------------------------------------------------ copies


def test_copies_tell_the_same_trial():
    runs = study()
    trial = runs.ask()
    original = OptunaPruning(trial)
    for made in (copy.copy(original), copy.deepcopy([original])[0]):
        assert made.trial is trial
        made.epochs.append(1)
    assert original.epochs == []


def test_a_pickle_tells_the_study_in_the_file(tmp_path):
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    runs = study(storage=JournalStorage(JournalFileBackend(str(tmp_path / "journal"))))
    trial = runs.ask()
    told = [pickle.loads(pickle.dumps(OptunaPruning(trial))), EarlyStopping()]
    compiled().fit(X, Y, 10, 2, 0, callbacks=told, validation_data=(X, Y))
    assert list(values(trial, runs)) == [0, 1]


def test_a_study_in_memory_cannot_be_told_by_others():
    with pytest.raises(TypeError, match=r"the study is in the memory .*JournalFileBackend\('stu"):
        pickle.dumps(OptunaPruning(study().ask()))


# ------------------------------------------------------------------------------------ processes


class Worker:
    """A process that works at trials, and is gone with the test."""

    def __init__(self, path, count, waits=-1):
        run = [sys.executable, str(PROGRAM), str(path), str(count), str(waits)]
        self.process = subprocess.Popen(run, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate(timeout=60)

    def done(self):
        self.process.communicate(timeout=120)
        return self.process.returncode == 0


def states(path):
    return [trial.state for trial in searching.study_in(str(path)).trials]


def test_two_processes_work_at_one_study(tmp_path):
    path = tmp_path / "journal"
    with Worker(path, 5) as one, Worker(path, 5) as other:
        assert one.done()
        assert other.done()
    found = states(path)
    assert len(found) == 10
    assert set(found) <= {DONE, PRUNED}
    assert found.count(DONE) >= 2


def test_a_killed_process_does_not_stop_the_others(tmp_path):
    path = tmp_path / "journal"
    with Worker(path, 2) as other, Worker(path, 2, waits=0) as killed:
        assert killed.process.stdout.readline() == "waiting\n"
        killed.process.kill()
        assert not killed.done()
        assert other.done()
    with Worker(path, 2) as later:
        assert later.done()
    found = states(path)
    assert found.count(RUNNING) == 1  # of which Optuna cannot know that nobody works at it
    assert len(found) == 6
    assert set(found) <= {DONE, PRUNED, RUNNING}
