"""A program that trains with backups, to be killed at any moment by test_backup.py.

It takes a file of JSON with its settings, says ``begun`` when training begins, and in the end
writes all bits that came out: weights, optimizer, history and log.
"""

import json
import os
import signal
import sys

import numpy as np

import axon
from axon.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from axon.files import archive
from axon.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    MaxPooling2D,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    Rescaling,
    Reshape,
)
from axon.models import Sequential
from axon.optimizers import Adam
from axon.optimizers.schedules import CosineDecay, PolynomialDecay
from axon.program.lowerings import set_kernels


def network(shape, scheduled, steps):
    """Everything that draws, counts or remembers while training."""
    axon.set_random_seed(5)
    model = Sequential()
    model.add(Rescaling(1 / 255))
    model.add(Reshape((*shape, 1)))
    for layer in (RandomTranslation(0.1, 0.1), RandomRotation(0.05), RandomFlip("horizontal")):
        model.add(layer)
    model.add(Conv2D(4, 3, use_bias=False))
    model.add(BatchNormalization())
    model.add(Activation("relu"))
    model.add(MaxPooling2D(2))
    model.add(Flatten())
    model.add(GaussianNoise(0.1))
    model.add(Dropout(PolynomialDecay(0.5, steps, 0.1) if scheduled else 0.3))
    model.add(Dense(10, activation="softmax"))
    optimizer = Adam(0.01, weight_decay=1e-4)
    if scheduled:
        decay, factors = PolynomialDecay(0.1, steps, 0.01), {"bias": 0.5}
        optimizer = Adam(CosineDecay(0.01, steps), weight_decay=decay, multipliers=factors)
    model.compile("categorical_cross_entropy", optimizer, ["accuracy", "auc"])
    return model


class Once(Callback):
    """A careless callback: what it does when a run or an epoch begins must not be done twice."""

    state_names = ("epochs", "noise")

    def on_train_begin(self, logs=None):
        self.epochs, self.noise = 0, np.zeros(2)

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs += 1
        self.noise += axon.random.stream("mine").normal(size=2) + np.random.normal()  # noqa: NPY002 - users do
        self.model.layers[-1].bias = self.model.layers[-1].bias.numpy() * 0.5


def callbacks(folder, settings):
    """All that keep a state, and the backup, neither first nor last."""
    kept = [EarlyStopping(patience=2, restore_best_weights=True), Once()]
    if not settings["scheduled"]:
        kept.append(ReduceLROnPlateau(patience=1, factor=0.5))
    kept.append(BackupAndRestore(folder / "backup", settings["save_freq"], delete_checkpoint=False))
    kept.append(CSVLogger(folder / "log.csv"))
    kept.append(ModelCheckpoint(folder / "best.npz", save_best_only=True, save_weights_only=True))
    kept.append(LambdaCallback(on_train_begin=lambda logs: print("begun", flush=True)))
    return kept


def dies_while_writing(moment):
    """Be killed in the middle of a backup: at this call of fsync or of replace."""
    calls = {"fsync": os.fsync, "replace": os.replace}
    count = [0]

    def counted(name):
        def call(*arguments):
            count[0] += 1
            if count[0] == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return calls[name](*arguments)

        return call

    os.fsync, os.replace = counted("fsync"), counted("replace")


def main(path):
    """Train, from the backup if there is one."""
    from pathlib import Path

    settings = json.loads(Path(path).read_text())
    folder = Path(settings["folder"])
    set_kernels(settings["kernels"])
    if settings.get("dies_at"):
        dies_while_writing(settings["dies_at"])
    with np.load(settings["data"]) as data:
        x, y, x_test, y_test = (data[k] for k in ("x", "y", "x_test", "y_test"))
    np.random.seed(3)  # noqa: NPY002 - it has to come back, too
    size, epochs = settings["batch_size"], settings["epochs"]
    model = network(x.shape[1:], settings["scheduled"], epochs * len(x) // size)
    once = callbacks(folder, settings)
    history = model.fit(
        *(x, y, size, epochs, 0),
        callbacks=once,
        validation_data=(x_test, y_test),
    )
    out = {
        "weights": model.state_dict(),
        "optimizer": model.optimizer.state_dict(),
        "history": history.history,
        "epoch": history.epoch,
        "log": (folder / "log.csv").read_text(),
        "once": once[1].state_dict(),
        "next": axon.random.stream("shuffle").random(4),
    }
    archive.write(folder / "out", out)


if __name__ == "__main__":
    main(sys.argv[1])
