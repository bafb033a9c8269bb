"""Networks trained by ranks: ``mpiexec -n 4 python tests/ranks/train.py mlp cnn lstm``.

Each prints, on every rank, a checksum of all weights and what the history holds.
"""

import hashlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

import axon
from axon import callbacks, layers
from axon.ranks import rank

VERSION = axon.__version__
SAMPLES, BATCH = 150, 32  # the last batch has 22: shards of three samples and of two


def mlp() -> tuple[axon.Model, Any, Any]:
    net = axon.Sequential(
        [layers.Dense(20, 64, "relu"), layers.Dropout(0.2), layers.Dense(5, "softmax")]
    )
    return net, (20,), "sparse"


def cnn() -> tuple[axon.Model, Any, Any]:
    net = axon.Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", padding="same"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(5, activation="softmax"),
        ]
    )
    return net, (10, 10, 1), "sparse"


def lstm() -> tuple[axon.Model, Any, Any]:
    net = axon.Sequential([layers.LSTM(12), layers.Dense(5, activation="softmax")])
    return net, (7, 3), "sparse"


def make(name: str) -> tuple[axon.Model, tuple[np.ndarray, np.ndarray]]:
    axon.set_random_seed(3)
    net, shape, _ = {"mlp": mlp, "cnn": cnn, "lstm": lstm}[name]()
    net.compile("categorical_crossentropy", "adam", metrics=["accuracy"])
    random = np.random.default_rng(0)
    x = random.normal(size=(SAMPLES, *shape)).astype("f4")
    return net, (x, random.integers(0, 5, SAMPLES))


def digest(net: axon.Model) -> str:
    arrays = [*(p.data for p in net.parameters()), *(b.data for b in net.named_buffers().values())]
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


def told(net: axon.Model, name: str, history: callbacks.History) -> None:
    """A line in one piece, with the rank before it."""
    logs = hashlib.sha256(repr(sorted(history.history.items())).encode()).hexdigest()[:8]
    os.write(1, f"{rank()}: {name} {digest(net)} {logs}\n".encode())


def plain(*names: str) -> None:
    for name in names:
        net, (x, y) = make(name)
        fit = {"batch_size": BATCH, "epochs": 3, "verbose": 0, "validation_data": (x[:40], y[:40])}
        told(net, name, net.fit(x, y, shards=8, **fit))


class Stops(callbacks.Callback):
    """Something happens on one rank in the midst of training."""

    def __init__(self, who: int, step: int, act: Any) -> None:
        self.who, self.left, self.act = who, step, act

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if self.left == 0 and rank() == self.who:
            self.act()


def resumes(folder: str, dies: str = "") -> None:
    """With a backup every three steps; one rank may be killed in step 12."""
    net, (x, y) = make("cnn")
    keeper = callbacks.BackupAndRestore(folder, save_freq=3, delete_checkpoint=False)
    kill = Stops(int(dies or -1), 12, lambda: os.kill(os.getpid(), signal.SIGKILL))
    history = net.fit(
        x, y, batch_size=BATCH, epochs=4, verbose=0, shards=8, callbacks=[keeper, kill]
    )
    told(net, "cnn", history)


def differs(what: str) -> None:
    """One rank has something else: the comparison finds it. All in one job: each begins anew."""
    net, (x, y) = make("mlp")
    if rank() == 1 and what == "data":
        x = x + 1
    if rank() == 1 and what == "seed":
        axon.set_random_seed(8)
    older = what == "version" and rank() == 1
    sys.modules["axon.models.agreement"].__dict__["__version__"] = "0.0.1" if older else VERSION
    extra: list[Any] = []
    if what == "callback":
        extra = [Stops(1, 3, lambda: int("x"))]
    if what == "interrupt":
        extra = [Stops(1, 3, lambda: os.kill(os.getpid(), signal.SIGINT))]
    try:
        if what == "file" and rank() == 1:
            np.load(Path("there is no such.npy"))
        net.fit(x, y, batch_size=BATCH, epochs=2, verbose=0, shards=8, callbacks=extra)
        said = "no error"
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
        if what == "file" and rank() == 1:
            raise
    text = said.replace("\n", " | ")
    os.write(1, f"{rank()}: {what} {text}\n".encode())


def several(*names: str) -> None:
    import axon.models.agreement  # noqa: F401

    for name in names:
        differs(name)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
