"""A program that works at trials of a study in a file, with others, for test_pruning.py.

It takes the file, how many trials to do, and the number of the epoch in which to wait for its end,
in its last trial (-1: in none). It says ``waiting`` then.
"""

import sys
import time

import numpy as np

import axon
from axon.callbacks import LambdaCallback, OptunaPruning
from axon.layers import Dense
from axon.models import Sequential

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X.sum(1) > 0).astype(int)


def study_in(path):
    """The study in a file, which is made by whoever comes first."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(path)),
        study_name="widths",
        load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=1),
    )


def objective(trial, more=()):
    """Train a small network for a few epochs."""
    axon.set_random_seed(trial.number)
    model = Sequential([Dense(trial.suggest_int("width", 2, 16), "relu"), Dense(2, "softmax")])
    rate = trial.suggest_float("rate", 1e-4, 0.1, log=True)
    model.compile("categorical_cross_entropy", axon.optimizers.Adam(rate))
    told = [OptunaPruning(trial, "val_loss"), *more]
    history = model.fit(X, Y, 20, 4, 0, validation_split=0.5, callbacks=told)
    return history.best("val_loss").value


def wait(epoch, logs):
    """Be killed here."""
    if epoch == int(sys.argv[3]):
        print("waiting", flush=True)
        time.sleep(600)


def main(path, count):
    """Work at some trials."""
    study = study_in(path)
    study.optimize(objective, count - 1)
    study.optimize(lambda trial: objective(trial, [LambdaCallback(on_epoch_end=wait)]), 1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
