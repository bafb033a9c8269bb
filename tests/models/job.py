"""What ranks learn together in test_ranks.py: ``mpiexec -n 2 python tests/models/job.py NAME``."""

import hashlib
import os
import sys
from pathlib import Path

import numpy as np

import axon
from axon.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
)
from axon.layers import LSTM, BatchNormalization, Dense, Dropout, Embedding
from axon.metrics import Metric
from axon.optimizers import Adam
from axon.program import cache
from axon.ranks import world

X = np.random.default_rng(0).normal(size=(80, 5)).astype("float32")
Y = np.arange(80) % 3
SHARDS = 8


def say(*words):
    """A line in one piece, with the rank before it."""
    os.write(1, f"{world().rank}: {' '.join(map(str, words))}\n".encode())


def caught(what, function, *arguments, **options):
    try:
        found = function(*arguments, **options)
        say(what, "no error", digest(found))
    except BaseException as error:
        say(what, type(error).__name__, str(error).replace("\n", " | "))


def digest(model):
    """Of all that was learned and measured."""
    memory = [a.tobytes() for a in (*model.get_weights(), *model.optimizer.state().values())]
    seen = repr((model.history.history, model.history.measured)).encode()
    return hashlib.sha256(b"".join([*memory, seen])).hexdigest()[:12]


class Spread(Metric):
    """A metric of a user's own that keeps arrays: it is shown whole batches."""

    name, recorded = "spread", False

    def __init__(self):
        super().__init__()
        self.rows = []

    def update(self, y_true, y_pred, sample_weight=None):
        self.rows.append(np.asarray(y_pred))

    def result(self):
        return float(np.std(np.concatenate(self.rows)))

    def reset(self):
        self.rows = []


class Listens(Callback):
    """Does something after a batch; only on one rank, if asked."""

    def __init__(self, does, rank=None, at=1):
        self.does, self.rank, self.at, self.seen = does, rank, at, []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(dict(logs))
        if batch == self.at and self.rank in (None, world().rank):
            self.does(self.model)


def network(seed=1):
    axon.set_random_seed(seed)
    layers = [Dense(8, "tanh"), BatchNormalization(), Dropout(0.3), Dense(3, "softmax")]
    model = axon.Sequential(layers)
    optimizer = Adam(0.01, gradient_accumulation_steps=2, clipnorm=1.0)
    model.compile("categorical_cross_entropy", optimizer, ["accuracy", "auc"])
    return model


def learned(model, x=X, y=Y, **options):
    usual = {"batch_size": 32, "epochs": 3, "verbose": 0, "shards": SHARDS}
    model.fit(x, y, **{**usual, **options})
    return model


def reading():
    """Padded texts, of which some samples have no real step."""
    axon.set_random_seed(2)
    model = axon.Sequential([Embedding(9, 4, mask_zero=True), LSTM(5), Dense(2)])
    model.compile("mse", "sgd", ["mae", "r2", Spread()])
    x = np.random.default_rng(1).integers(0, 9, (45, 6))
    x[:3] = 0
    y = np.random.default_rng(2).normal(size=(45, 2))
    held_out = {"validation_data": (x, y), "validation_batch_size": 4}
    return learned(model, x, y, batch_size=20, sample_weight=np.linspace(0, 2, 45), **held_out)


def batches():
    """Batches one by one, some smaller than there are shards."""
    return [(X[:30], Y[:30]), (X[30:46], Y[30:46]), (X[46:50], Y[46:50]), (X[50:51], Y[50:51])]


def streamed():
    axon.set_random_seed(3)
    model = axon.Sequential([Dense(8, "tanh"), Dropout(0.3), Dense(3, "softmax")])
    model.compile("categorical_cross_entropy", "adam", ["accuracy"])
    logs = Listens(lambda model: None)
    learned(model, batches(), None, validation_data=batches(), callbacks=[logs])
    model.history.history["batches"] = logs.seen
    return model


def alike(folder):
    """The same bits for any number of ranks."""
    early = EarlyStopping("loss", patience=5, restore_best_weights=True)
    held_out = {"validation_split": 0.2, "validation_batch_size": 7}
    say("all", digest(learned(network(), callbacks=[early], **held_out)))
    say("reading", digest(reading()))
    say("streamed", digest(streamed()))
    backup = BackupAndRestore(Path(folder) / "run", "0.001s", delete_checkpoint=False)
    if world().rank:
        backup._late = lambda: False  # another clock: the first rank decides
    say("kept", digest(learned(network(), callbacks=[backup], **held_out)))
    if world().rank:
        return
    say("files", sorted(p.name for p in Path(folder).iterdir()))


def one():
    """The same once more, by compiled kernels; and where these do a single shape of shards."""
    model = learned(network(), validation_split=0.2, validation_batch_size=7)
    steps = model.trainer.sharded.steps
    say("one", digest(model), [step.ahead for step in steps])  # by which "auto" chooses kernels
    cache.AT_ONCE = 1
    model = axon.Sequential([Dense(8, "tanh"), Dense(3, "softmax")])
    model.compile("categorical_cross_entropy", "adam")
    say("few", digest(learned(model, X, Y, batch_size=20)))  # 3 samples on the first rank, then 2


def broken_off(folder, at):
    """A run that ends in the middle of an epoch; started again, it goes on."""

    def stop(model):
        raise KeyboardInterrupt

    again = (Path(folder) / "run.backup").exists()
    backup = BackupAndRestore(folder, 2, delete_checkpoint=False)
    callbacks = [backup, Listens(stop if not again else lambda m: None, 0, int(at))]
    model = network()
    held_out = {"validation_split": 0.2, "validation_batch_size": 7}
    try:
        say("done", digest(learned(model, callbacks=callbacks, **held_out)))
    except BaseException as error:
        say("broken off", type(error).__name__)


def unlike():
    """What ranks must not begin with; afterwards they are in step."""
    rank = world().rank
    caught("seed", lambda: learned(network(rank)))
    caught("data", lambda: learned(network(), X + rank))
    caught("reading", lambda: learned(network(), batch_size=32 + rank))
    caught("batch", lambda: learned(network(), batch_size=32 + 8 * rank))
    caught("epochs", lambda: learned(network(), epochs=3 + rank))
    parts = [(X[:32], Y[:32]), (X[32 : 56 - 8 * rank], Y[32 : 56 - 8 * rank])]
    caught("sizes", lambda: learned(network(), parts, None))
    caught("rate", lambda: learned(rated(0.1 + rank)))
    listens = [Listens(lambda model: None)] if rank == 0 else []
    caught("listens", lambda: learned(network(), callbacks=listens))
    caught("stream", lambda: learned(network(), [(X + rank, Y)], None))
    others = [(X, Y), (X + rank, Y)]
    caught("later", lambda: learned(network(), others, None))
    change = Listens(lambda model: model.layers[0].bias.data.fill(1), 1)
    caught("drift", lambda: learned(network(), callbacks=[change]))
    caught("error", lambda: learned(network(), callbacks=[Listens(lambda model: int("x"), 1)]))
    stop = Listens(lambda model: setattr(model, "stop_training", True), 1, 0)
    caught("stop", lambda: learned(network(), callbacks=[stop]))
    say("updates", len(stop.seen))
    caught("fine", lambda: learned(network()))


def rated(rate):
    model = network()
    model.optimizer.learning_rate = rate
    return model


def written(folder):
    """Only the first rank writes and prints."""
    os.makedirs(mine := Path(folder) / str(world().rank))
    os.chdir(mine)
    callbacks = [
        CSVLogger("log.csv"),
        ModelCheckpoint("models/{epoch}.axon", verbose=1),
        LearningRateScheduler(lambda epoch: 0.01, verbose=1),
        BackupAndRestore("run", verbose=1, delete_checkpoint=False),
    ]
    model = learned(network(), verbose=2, callbacks=callbacks)
    model.save("model.axon")
    model.save_weights("model.safetensors")
    model.history.to_csv("history.csv")
    model.evaluate(X, Y, verbose=1)
    sys.stdout.flush()
    world().barrier()
    say("files", sorted(str(path) for path in Path().rglob("*") if path.is_file()))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
