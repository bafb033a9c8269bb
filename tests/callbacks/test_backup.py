"""A run that breaks off, in whatever way, and goes on from its backup, ends with the same bits."""

import json
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import axon
from axon import datasets, optimizers
from axon.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ProgressBar,
    ReduceLROnPlateau,
    backup_position,
)
from axon.files import archive
from axon.files.atomic import DamagedFile
from axon.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
    MixUp,
    RandomRotation,
)
from axon.metrics import AUC, F1Score, Precision
from axon.models import Sequential
from axon.optimizers import SGD, Adam
from axon.optimizers.schedules import ExponentialDecay
from axon.program.lowerings import Kernels
from axon.random import get_state, set_state, stream

ROOT = Path(__file__).parent
SAMPLES = np.random.default_rng(0)
X, Y = SAMPLES.normal(size=(40, 6)).astype("float32"), SAMPLES.integers(0, 3, 40)
BATCH = 7  # six batches, the last of five samples
HELD = (SAMPLES.normal(size=(11, 6)), SAMPLES.integers(0, 3, 11))


def same(a, b):
    """Equal to the last bit."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if not isinstance(a, np.ndarray):
        return type(a) is type(b) and repr(a) == repr(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def network(optimizer=None, metrics=("accuracy",), seed=1, rate=0.3):
    if seed is not None:
        axon.set_random_seed(seed)
    model = Sequential([Dense(5, activation="tanh"), BatchNormalization(), Dropout(rate)])
    model.add(Dense(3, activation="softmax"))
    model.compile("categorical_cross_entropy", optimizer or Adam(0.05), metrics=list(metrics))
    return model


class Breaks(Callback):
    """Raises after so many batches."""

    def __init__(self, batches):
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise ArithmeticError("broken off")


def outcome(model, history):
    """All that a run leaves behind."""
    states = model.state_dict(), model.optimizer.state_dict(), get_state(others=True)
    return {"states": states, "history": history.history, "epoch": history.epoch}


def trained(folder=None, breaks=(), make=network, data=None, others=list, freq="epoch", **options):
    """Train, breaking off after so many batches each time; a new program each time, as it were."""
    for batches in (*breaks, None):
        model, callbacks = make(), others()
        if folder is not None:
            callbacks.insert(0, BackupAndRestore(folder, freq, delete_checkpoint=False))
        given = data() if data else (X, Y, BATCH)
        options = {"epochs": 3, "verbose": 0, "validation_data": HELD, **options}
        if batches is None:
            return outcome(model, model.fit(*given, callbacks=callbacks, **options))
        with pytest.raises(ArithmeticError):
            model.fit(*given, callbacks=[*callbacks, Breaks(batches)], **options)
    raise AssertionError


# ------------------------------------------------------------------------------------ killing


def images(folder, rows):
    """Images of digits: MNIST where it can be had, else those that come with AXON."""
    try:
        (x, y), (x_test, y_test) = datasets.mnist.load_data()
    except (datasets.DatasetUnavailable, ImportError):
        (x, y), (x_test, y_test) = datasets.digits.load_data()
    np.savez(folder / "data.npz", x=x[:rows], y=y[:rows], x_test=x_test[:200], y_test=y_test[:200])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    images(folder, 1200)
    return folder / "data.npz"


def program(folder, data, **settings):
    """The command that trains in a folder; see tests/callbacks/resuming.py."""
    folder.mkdir(exist_ok=True)
    usual = {"epochs": 4, "batch_size": 64, "scheduled": True, "save_freq": 5, "kernels": "numpy"}
    settings = {"folder": str(folder), "data": str(data), **usual, **settings}
    (folder / "settings.json").write_text(json.dumps(settings))
    return [sys.executable, str(ROOT / "resuming.py"), str(folder / "settings.json")]


def started(command):
    """A process that has begun to train."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n", process.stderr.read()
    return process


def ended(process):
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def uninterrupted(folder, data, **settings):
    """What comes out, and how many seconds it took."""
    process = started(program(folder, data, **settings, save_freq="epoch"))
    began = time.monotonic()
    ended(process)
    return archive.read(folder / "out"), time.monotonic() - began


def ended_by(process, how, seconds):
    """Whether a signal ended the process before it ended by itself."""
    try:
        process.wait(seconds)
        ended(process)
        return False
    except subprocess.TimeoutExpired:
        process.send_signal(how)
        process.communicate()
        return process.returncode != 0


@pytest.mark.parametrize(
    ("kernels", "scheduled", "save_freq", "kills"),
    [
        ("numpy", True, 5, 8),
        ("numpy", False, "0.05s", 5),
        pytest.param("fast", False, 3, 3, marks=pytest.mark.slow),
    ],
)
def test_killed_at_any_moment(tmp_path, data, kernels, scheduled, save_freq, kills):
    if kernels == "fast":
        pytest.importorskip("numba")
    settings = {"kernels": kernels, "scheduled": scheduled}
    whole, seconds = uninterrupted(tmp_path / "whole", data, **settings)
    command = program(tmp_path / "run", data, save_freq=save_freq, **settings)
    assert len(whole["epoch"]) == 4
    moments, done = random.Random(0), 0
    while done < kills and ended_by(
        started(command), signal.SIGKILL, moments.uniform(0, 0.3 * seconds)
    ):
        done += 1
    ended(started(command))
    assert same(archive.read(tmp_path / "run" / "out"), whole)


def test_killed_while_a_backup_is_written(tmp_path, data):
    """Each backup takes an fsync, a rename and an fsync of the folder: be killed in all of them."""
    whole, _ = uninterrupted(tmp_path / "whole", data, epochs=2)
    folder = tmp_path / "broken"
    for moment in (1, 2, 4, 5, 9):
        command = program(folder, data, epochs=2, save_freq=2, dies_at=moment)
        assert subprocess.run(command, capture_output=True).returncode == -signal.SIGKILL
    ended(started(program(folder, data, epochs=2, save_freq=2)))
    assert same(archive.read(folder / "out"), whole)
    assert sorted(p.name for p in (folder / "backup").iterdir()) == ["run.backup", "run.lock"]


def test_ctrl_c(tmp_path, data):
    whole, _ = uninterrupted(tmp_path / "whole", data)
    command = program(tmp_path / "run", data)
    for seconds in (0.05, 0.1):
        ended_by(started(command), signal.SIGINT, seconds)
    ended(started(command))
    assert same(archive.read(tmp_path / "run" / "out"), whole)


def test_two_processes_cannot_train_in_one_folder(tmp_path, data):
    command = program(tmp_path, data, epochs=500, save_freq=1000)
    process = started(command)
    try:
        with pytest.raises(BlockingIOError, match="another process is training in"):
            trained(tmp_path / "backup")
    finally:
        process.kill()
        process.communicate()
    with pytest.raises(ValueError, match="the backup of another run"):  # the lock died with it
        trained(tmp_path / "backup")


# ------------------------------------------------------------------------------------ breaking off


@pytest.mark.parametrize("freq", [1, 4, "epoch", "0.001s"])
@pytest.mark.parametrize("breaks", [(1,), (2, 2, 2), (6,), (7, 1), (12,), (17,)])
def test_broken_off_by_an_error(tmp_path, freq, breaks):
    assert same(trained(tmp_path, breaks, freq=freq), trained())


def optimizer_samples():
    options = [{"use_ema": True, "ema_overwrite_frequency": 4}, {"gradient_accumulation_steps": 4}]
    adams = [partial(Adam, 0.02, **o) for o in (*options, {"global_clipnorm": 0.1})]
    plain = [partial(kind, 0.02) for kind in set(optimizers.OPTIMIZERS.values())]
    schedule = ExponentialDecay(0.1, 3, 0.7)
    return [*sorted(plain, key=str), *adams, partial(SGD, schedule, momentum=0.9)]


@pytest.mark.parametrize("optimizer", optimizer_samples(), ids=str)
def test_every_optimizer_goes_on(tmp_path, optimizer):
    make = lambda: network(optimizer())  # noqa: E731
    assert same(trained(tmp_path, (3, 10), make, freq=2), trained(make=make))


def test_metrics_of_the_epoch_under_way_go_on(tmp_path):
    def make():
        return network(
            metrics=[AUC(), Precision(average="macro"), F1Score(average="macro"), "accuracy"]
        )

    found = trained(tmp_path, (4,), make, freq=3)
    assert same(found, trained(make=make))
    assert np.isfinite(found["history"]["auc"]).all()


@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": False},
        {"steps_per_epoch": 4},
        {"sample_weight": np.linspace(0.1, 2, 40), "class_weight": {0: 3.0}},
        {"validation_freq": 2},
        {"validation_data": None, "validation_split": 0.25},
        {"validation_data": [HELD, HELD], "validation_steps": 1},
        {"validation_data": [HELD, HELD]},
    ],
    ids=lambda options: "-".join(options),
)
def test_whatever_fit_was_asked_for(tmp_path, options):
    assert same(trained(tmp_path, (5, 4), freq=3, **options), trained(**options))


def test_several_inputs_and_a_model_of_ones_own(tmp_path):
    class Two(axon.models.Model):
        def __init__(self):
            super().__init__()
            self.left, self.drop, self.right = Dense(4), Dropout(0.5), Dense(3)

        def forward(self, a, b):
            return self.right(axon.ops.concatenate([self.drop(self.left(a)), b], -1))

    def make():
        axon.set_random_seed(2)
        model = Two()
        model.compile("mse", "adam")
        return model

    def data():
        return (X, X[:, :2]), X[:, :3], BATCH

    options = {"make": make, "data": data, "validation_data": None}
    assert same(trained(tmp_path, (4,), freq=3, **options), trained(**options))


# ------------------------------------------------------------------------------------ iterables


def pairs(x=X, y=Y):
    return [(x[i : i + 8], y[i : i + 8]) for i in range(0, 40, 8)]


class Shuffled:
    """A data loader that draws: from its own stream, from NumPy's and from Python's generator."""

    def __iter__(self):
        for i in stream("mine").permutation(5):
            x, y = pairs()[int(i)]
            yield x + np.random.normal() + random.random(), y  # noqa: NPY002


class Remembers:
    """A data loader with random numbers of its own, which it tells of."""

    def __init__(self):
        self.random = np.random.default_rng(4)

    def __iter__(self):
        return iter([pairs()[i] for i in self.random.permutation(5)])

    def state_dict(self):
        return {"random": self.random.bit_generator.state}

    def load_state_dict(self, state):
        self.random.bit_generator.state = state["random"]


def endless():
    """A generator, which cannot begin anew."""
    number = np.random.default_rng(6)
    while True:
        yield pairs()[number.integers(5)]


class Numbered(list):
    """Batches by number, as data sets of other libraries have them."""


def mixed():
    return MixUp(0.4, num_classes=3, seed=3).batches(pairs())


def seeded():
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    return Shuffled()


@pytest.mark.parametrize("breaks", [(1, 4), (5,), (8, 2)])
@pytest.mark.parametrize("freq", [3, "epoch"])
@pytest.mark.parametrize(
    "make", [pairs, seeded, Remembers, endless, mixed], ids=lambda make: make.__name__.lower()
)
def test_iterables_are_found_where_they_were(tmp_path, make, freq, breaks):
    options = {"data": lambda: (make(),), "batch_size": 32}
    options["steps_per_epoch"] = 5 if make is endless else None
    assert same(trained(tmp_path, breaks, freq=freq, **options), trained(**options))


def test_validation_on_a_generator_goes_on(tmp_path):
    def run(folder=None, breaks=()):
        for batches in (*breaks, None):
            options = {"validation_data": endless(), "validation_steps": 2, "epochs": 3}
            callbacks = [Breaks(batches)] if batches else []
            if folder:
                callbacks.append(BackupAndRestore(folder, 2))
            model = network()
            try:
                history = model.fit(X, Y, BATCH, verbose=0, callbacks=callbacks, **options)
            except ArithmeticError:
                continue
            return outcome(model, history)

    assert same(run(tmp_path / "a", (3,)), run())
    assert same(run(tmp_path / "b", (13,)), run())


def test_an_iterable_that_is_too_short_now(tmp_path):
    options = {"epochs": 3, "verbose": 0}
    with pytest.raises(ArithmeticError):
        network().fit(pairs(), callbacks=[BackupAndRestore(tmp_path, 1), Breaks(4)], **options)
    model = network(seed=None)
    model.build((6,))
    weights = model.get_weights()
    with pytest.raises(ValueError, match=r"ended after 2 batches, but the backup was made after 3"):
        model.fit(pairs()[:2], callbacks=[BackupAndRestore(tmp_path)], **options)
    assert same(model.get_weights(), weights)


# ------------------------------------------------------------------------------------ callbacks


class Counts(Callback):
    """Makes its state when training begins, and draws when an epoch does."""

    state_names = ("epochs", "drawn")

    def on_train_begin(self, logs=None):
        self.epochs, self.drawn = 0, np.zeros(2)

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs += 1
        self.drawn += stream("mine").normal(size=2)
        self.model.layers[0].bias = self.model.layers[0].bias.numpy() + self.drawn[0]


class Freezes(Callback):
    """A layer, at first."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.layers[1].trainable = epoch == 1  # batch normalization: its means, too


class Begins(Callback):
    """What it does when training begins is part of the run, too."""

    def on_train_begin(self, logs=None):
        self.model.optimizer.learning_rate = 0.2
        self.model.layers[0].bias = stream("mine").normal(size=5)


EVERYONE = {
    "begins": lambda: [Begins()],
    "early stopping": lambda: [EarlyStopping(patience=1, restore_best_weights=True)],
    "plateau": lambda: [ReduceLROnPlateau(patience=1, factor=0.5, min_delta=1.0)],
    "scheduler": lambda: [LearningRateScheduler(lambda epoch, rate: rate * 0.5)],
    "one's own": lambda: [Counts(), Counts()],
    "freezes": lambda: [Freezes()],
    "listens": lambda: [LambdaCallback(on_train_batch_end=lambda batch, logs: None)],
}


@pytest.mark.parametrize("breaks", [(1,), (5, 3), (6, 5), (11,)])
@pytest.mark.parametrize("freq", [2, "epoch"])
@pytest.mark.parametrize("others", EVERYONE.values(), ids=EVERYONE)
def test_callbacks_go_on(tmp_path, others, freq, breaks):
    made = []

    def noted():
        made.append(others())
        return list(made[-1])

    found = trained(tmp_path, breaks, others=noted, freq=freq, epochs=3)
    assert same(found, trained(others=noted, epochs=3))
    broken, whole = made[-2], made[-1]
    assert same(*([c.state_dict() for c in callbacks] for callbacks in (broken, whole)))


def test_the_run_after_a_resumed_one_begins_anew(tmp_path):
    stops = EarlyStopping(patience=9)
    with pytest.raises(ArithmeticError):
        trained(tmp_path, others=lambda: [stops, Breaks(13)])
    trained(tmp_path, others=lambda: [stops])
    assert stops.best is not None
    stops.best = -1.0  # a loss that no run reaches
    trained(others=lambda: [stops], epochs=1)
    assert stops.best > 0


class BreaksAtTheEnd(Callback):
    """Raises when an epoch is over, after others have taken note of that."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise ArithmeticError("broken off")


@pytest.mark.parametrize("freq", [4, "epoch"])
def test_the_log_holds_each_epoch_once(tmp_path, freq):
    logged = tmp_path / "log.csv"
    trained(others=lambda: [CSVLogger(logged)])
    whole = logged.read_text()
    callbacks = [CSVLogger(logged), BackupAndRestore(tmp_path / "b", freq), BreaksAtTheEnd()]
    with pytest.raises(ArithmeticError):
        trained(others=lambda: callbacks)
    assert logged.read_text() == whole[: len(logged.read_text())]  # two epochs
    with logged.open("a") as file:
        file.write("2,0.1")  # a line that was being written
    trained(others=lambda: [CSVLogger(logged), BackupAndRestore(tmp_path / "b")])
    assert logged.read_text() == whole


def test_a_log_that_is_gone_begins_anew(tmp_path):
    logged = tmp_path / "log.csv"
    callbacks = [CSVLogger(logged), BackupAndRestore(tmp_path / "b"), BreaksAtTheEnd()]
    with pytest.raises(ArithmeticError):
        trained(others=lambda: callbacks)
    logged.unlink()
    trained(others=lambda: [CSVLogger(logged), BackupAndRestore(tmp_path / "b")])
    assert [line.split(",")[0] for line in logged.read_text().splitlines()] == ["epoch", "1", "2"]


class Stops(Callback):
    """Ends training in the middle of the second epoch, by itself."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 2 and len(self.model.history.epoch) == 1:
            self.model.stop_training = True


def test_a_run_that_had_been_stopped_stays_so(tmp_path):
    def run(*callbacks):
        model = network()
        options = {"epochs": 3, "verbose": 0, "validation_data": HELD}
        return outcome(model, model.fit(X, Y, BATCH, callbacks=[Stops(), *callbacks], **options))

    class Breaks(Callback):
        def on_test_begin(self, logs=None):
            if self.model.stop_training:
                raise ArithmeticError

    whole = run()
    with pytest.raises(ArithmeticError):
        run(BackupAndRestore(tmp_path, 1), Breaks())
    assert backup_position(tmp_path) == (1, 3)
    found = run(BackupAndRestore(tmp_path, 1, delete_checkpoint=False))
    assert same(found, whole)
    assert found["epoch"] == [0, 1]
    assert same(run(BackupAndRestore(tmp_path)), whole)  # the end of a run is kept, too


# ------------------------------------------------------------------------------------ fit(resume=)


def test_resume_is_a_short_form(tmp_path):
    with pytest.raises(ArithmeticError):
        network().fit(X, Y, BATCH, epochs=3, verbose=0, callbacks=[Breaks(8)], resume=tmp_path)
    assert backup_position(tmp_path) == (1, 0)
    found = trained(resume=tmp_path, validation_data=None)
    assert same(found, trained(validation_data=None))
    assert backup_position(tmp_path) == (3, 0)


def test_a_run_that_has_ended_can_be_asked_again_and_goes_on_with_more_epochs(tmp_path):
    early = {"others": lambda: [EarlyStopping(patience=9, restore_best_weights=True)]}
    first = trained(resume=tmp_path, epochs=2, **early)
    assert same(trained(resume=tmp_path, epochs=2, **early), first)
    longer = trained(resume=tmp_path, epochs=5, **early)
    assert same(longer, trained(epochs=5, **early))
    assert longer["epoch"] == [0, 1, 2, 3, 4]


def test_averages_replace_the_weights_when_a_resumed_run_ends(tmp_path):
    make = lambda: network(Adam(0.05, use_ema=True, ema_momentum=0.5))  # noqa: E731
    assert same(trained(resume=tmp_path, make=make, epochs=2), trained(make=make, epochs=2))
    assert same(trained(resume=tmp_path, make=make, epochs=4), trained(make=make, epochs=4))


def test_initial_epoch_is_that_of_the_first_call(tmp_path):
    options = {"initial_epoch": 2, "epochs": 5}
    found = trained(tmp_path, (8,), **options)
    assert found["epoch"] == [2, 3, 4]
    assert same(found, trained(**options))


def test_the_same_model_goes_on_after_an_error(tmp_path):
    """As in a notebook: nothing is made anew, and callbacks have changed the learning rate."""
    model, options = network(), {"epochs": 3, "verbose": 0, "validation_data": HELD}
    halves = LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    with pytest.raises(ArithmeticError):
        model.fit(X, Y, BATCH, callbacks=[halves, Breaks(9)], resume=tmp_path, **options)
    model.predict(X)
    history = model.fit(X, Y, BATCH, callbacks=[halves], resume=tmp_path, **options)
    assert same(outcome(model, history), trained(others=lambda: [halves]))
    assert model.history is history
    assert model.evaluate(X, Y)[0] > 0


def test_an_unseeded_run_goes_on_with_its_own_numbers(tmp_path, monkeypatch):
    """Nobody knows the seed, but the first backup is made before the first step."""
    monkeypatch.setattr("axon.random._seed", None)
    axon.random._streams.clear()
    broken, again = network(seed=None), network(seed=None)
    begins = []
    notes = LambdaCallback(on_train_begin=lambda logs: begins.append(again.get_weights()))
    with pytest.raises(ArithmeticError):
        broken.fit(X, Y, BATCH, verbose=0, callbacks=[Breaks(1)], resume=tmp_path)
    kept = archive.read(tmp_path / "run.backup")["run"]
    again.fit(X, Y, BATCH, verbose=0, callbacks=[notes], resume=tmp_path)
    assert same(begins[0][:1], [kept["weights"]["dense/weights"]])
    assert not same(again.get_weights(), broken.get_weights())
    ended = archive.read(tmp_path / "run.backup")["run"]["random"]
    assert ended["seed"] is None
    assert ended["streams"]["init"] == kept["random"]["streams"]["init"]


def test_the_backup_goes_when_training_has_ended(tmp_path):
    folder = tmp_path / "a" / "b"
    trained(others=lambda: [BackupAndRestore(folder)])
    assert not folder.exists()
    with pytest.raises(ArithmeticError):
        network().fit(X, Y, verbose=0, callbacks=[BackupAndRestore(folder), Breaks(1)])
    (folder / "notes.txt").write_text("mine")
    trained(others=lambda: [BackupAndRestore(folder)], data=lambda: (X, Y), validation_data=None)
    assert [p.name for p in folder.iterdir()] == ["notes.txt"]


def test_it_says_where_it_goes_on(tmp_path, capsys):
    callbacks = [BackupAndRestore(tmp_path, 4), Breaks(11)]
    with pytest.raises(ArithmeticError):
        network().fit(X, Y, BATCH, epochs=2, verbose=0, callbacks=callbacks)
    network().fit(X, Y, BATCH, epochs=2, verbose=2, resume=tmp_path)
    assert f"Resuming from {tmp_path}/run.backup: 1 epochs and 2 batches done." in (
        capsys.readouterr().out
    )


# ------------------------------------------------------------------------------------ refusing


def broken_off(folder):
    options = {"callbacks": [Breaks(9)], "validation_data": HELD, "verbose": 0, "resume": folder}
    with pytest.raises(ArithmeticError):
        network().fit(X, Y, BATCH, epochs=3, **options)


OTHERS = {
    r"data, batch_size: 7 then, 8 now": {"batch_size": 8},
    r"data, arrays: \(40, 6\) float32, \(40,\) int64 then, \(39, 6\) .* now": {"rows": 39},
    r"data, checksum: [0-9a-f]{8} then, [0-9a-f]{8} now": {"x": X + 1},
    r"data, shuffle: True then, none now": {"shuffle": False},
    r"data, steps: 6 then, 2 now": {"steps_per_epoch": 2},
    r"validation data, arrays: .* then, none now": {"validation_data": None},
    r"validation_freq: 1 then, 2 now": {"validation_freq": 2},
    r"layer dropout: Dropout\(0.3\) then, Dropout\(0.5\) now": {"make": partial(network, rate=0.5)},
    r"optimizer: Adam\(0.05\) then, SGD\(0.05\) now": {"make": partial(network, SGD(0.05))},
    r"optimizer: Adam\(0.05\) then, Adam\(0.05, beta_1=0.5\) now": {
        "make": lambda: network(Adam(0.05, beta_1=0.5))
    },
    r"schedule: None then, ExponentialDecay": {
        "make": lambda: network(Adam(ExponentialDecay(0.05, 3, 0.7)))
    },
    r"metrics: .*Accuracy.* then,  now": {"make": lambda: network(metrics=())},
}


@pytest.mark.parametrize(("message", "changed"), OTHERS.items(), ids=OTHERS)
def test_another_run_is_refused_and_nothing_is_changed(tmp_path, message, changed):
    broken_off(tmp_path)
    changed, before = dict(changed), (tmp_path / "run.backup").read_bytes()
    model = changed.pop("make", network)()
    model.build((6,))
    rows, x = changed.pop("rows", 40), changed.pop("x", X)
    options = {"batch_size": BATCH, "epochs": 3, "validation_data": HELD, "verbose": 0, **changed}
    weights = model.get_weights()
    drawn = get_state()
    with pytest.raises(ValueError, match=f"is the backup of another run(.|\n)*{message}"):
        model.fit(x[:rows], Y[:rows], resume=tmp_path, **options)
    assert same(model.get_weights(), weights)
    assert same(get_state(), drawn)
    assert (tmp_path / "run.backup").read_bytes() == before


def test_many_differences_are_counted(tmp_path):
    def larger():
        model = Sequential([Dense(8), Dense(8), Dense(8), Dense(3, activation="softmax")])
        model.compile("categorical_cross_entropy", Adam(0.05))
        return model

    broken_off(tmp_path)
    with pytest.raises(ValueError, match=r"and \d+ more\nCall fit as that run did; or choose"):
        trained(resume=tmp_path, make=larger)


def test_fewer_epochs_than_are_done_are_refused(tmp_path):
    trained(resume=tmp_path)
    with pytest.raises(ValueError, match=r"further than epochs=2: 3 epochs done. Ask for more"):
        trained(resume=tmp_path, epochs=2)
    broken_off(tmp_path / "b")
    assert backup_position(tmp_path / "b") == (1, 0)
    assert trained(resume=tmp_path / "b", epochs=2)["epoch"] == [0, 1]


@pytest.mark.parametrize("spoil", ["cut", "flip", "text", "other", "version", "part", "order"])
def test_a_damaged_backup(tmp_path, spoil):
    broken_off(tmp_path)
    path = tmp_path / "run.backup"
    whole = path.read_bytes()
    middle = len(whole) // 2
    damaged = {
        "cut": whole[:middle],
        "flip": whole[:middle] + bytes([whole[middle] ^ 16]) + whole[middle + 1 :],
        "text": b"hello",
    }
    if spoil in damaged:
        path.write_bytes(damaged[spoil])
    else:
        tree = archive.read(path)
        other = {"other": {"a": 1}, "version": {**tree, "format": 99}, "order": tree}
        parts = {**tree, "run": {**tree["run"], "batch": "three"}}
        del tree["run"]["source"]["order"]
        archive.write(path, {**other, "part": parts}[spoil])
    with pytest.raises(DamagedFile, match=f"To begin anew, delete {path}"):
        trained(resume=tmp_path)
    if spoil != "order":
        with pytest.raises(DamagedFile):
            backup_position(tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    model = network()
    model.build((6,))
    weights = model.get_weights()
    begun = LambdaCallback(on_train_begin=lambda logs: pytest.fail("training begins"))
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(OSError, match="BackupAndRestore: cannot create the folder"):
            model.fit(X, Y, verbose=0, callbacks=[begun], resume=folder)
    (tmp_path / "d" / "run.backup").mkdir(parents=True)
    with pytest.raises(OSError, match=r"cannot write .*run.backup: it is a folder"):
        model.fit(X, Y, verbose=0, callbacks=[begun], resume=tmp_path / "d")
    assert same(model.get_weights(), weights)


def test_a_full_disk_leaves_the_backup_that_was_there(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    whole = trained()
    fills = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epoch and monkeypatch.setattr("os.fsync", full)
    )
    with pytest.raises(OSError, match=r"cannot write .*No space left on device.* is kept"):
        network().fit(
            X,
            Y,
            BATCH,
            verbose=0,
            callbacks=[fills],
            resume=tmp_path,
            epochs=3,
            validation_data=HELD,
        )
    monkeypatch.undo()
    assert backup_position(tmp_path) == (1, 0)
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["run.backup", "run.lock"]
    assert same(trained(resume=tmp_path), whole)


class Keeps(Callback):
    """A state of its own, of whatever kind."""

    state_names = ("kept",)

    def __init__(self, kept, begins=False):
        self.begins = kept
        if not begins:
            self.kept = kept

    def on_train_begin(self, logs=None):
        self.kept = self.begins


@pytest.mark.parametrize("begins", [False, True])
@pytest.mark.parametrize("kept", [{1, 2}, sys.stdout, [Keeps(1)], lambda: 0], ids=type)
def test_a_state_that_cannot_be_stored_is_found_before_training(tmp_path, kept, begins):
    steps = []
    hears = LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
    message = "the state of the callback Keeps cannot be stored: .*numbers, texts, None, arrays"
    with pytest.raises(TypeError, match=message):
        network().fit(X, Y, verbose=0, callbacks=[Keeps(kept, begins), hears], resume=tmp_path)
    assert not steps


def test_a_state_that_is_not_there(tmp_path):
    class Forgets(Callback):
        state_names = ("never",)

    with pytest.raises(AttributeError, match=r"Forgets.*'never'"):
        network().fit(X, Y, verbose=0, callbacks=[Forgets()], resume=tmp_path)


def test_two_folders_for_one_run(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    with pytest.raises(ValueError, match=r"a run has one folder for backups, got .*a', .*b'"):
        network().fit(X, Y, callbacks=[BackupAndRestore(a)], resume=b)
    assert not a.exists()
    assert not b.exists()


@pytest.mark.parametrize("resume", [True, 3, ["a"]])
def test_resume_is_a_path(resume):
    with pytest.raises(TypeError, match="fit: resume must be the path of a folder, got"):
        network().fit(X, Y, resume=resume)


@pytest.mark.parametrize("freq", ["batch", "10", "5 days", "-1s", "0s", "infs", "s", ""])
def test_times_between_backups(freq):
    with pytest.raises(ValueError, match='save_freq must be "epoch", a number of batches or a'):
        BackupAndRestore("a", freq)


@pytest.mark.parametrize("freq", [0, -1, 2.5, True, None])
def test_batches_between_backups(freq):
    with pytest.raises(ValueError, match="must be a whole number of at least 1"):
        BackupAndRestore("a", freq)


def test_other_versions_are_warned_of(tmp_path, monkeypatch):
    broken_off(tmp_path)
    monkeypatch.setattr("axon.callbacks.backup.in_full", lambda: "other")
    with pytest.warns(
        RuntimeWarning, match="not with the same bits: kernels numpy then, other now"
    ):
        trained(resume=tmp_path)


# ------------------------------------------------------------------------------------ its parts


@pytest.mark.parametrize("seed", [None, 3])
def test_streams_go_on(seed, monkeypatch):
    monkeypatch.setattr("axon.random._seed", None)
    axon.random._streams.clear()
    if seed is not None:
        axon.set_random_seed(seed)
    held = stream("init")
    held.random(3)
    state = get_state(others=True)
    drawn = [stream("init").random(2), stream("later").random(2), random.random(), np.random.rand()]  # noqa: NPY002
    monkeypatch.setattr("axon.random._seed", 77)
    set_state(archive.restored(*archive.flattened(state), "state"))
    assert stream("init") is held
    assert axon.random._seed == seed
    again = [stream("init").random(2), stream("later").random(2), random.random(), np.random.rand()]  # noqa: NPY002
    if seed is None:
        drawn[1] = again[1]  # had not begun, so nobody knows how
    assert same(drawn, again)


@pytest.mark.parametrize(
    "state", [None, {}, {"seed": 1}, {"seed": "x", "streams": {}}, {"seed": 1, "streams": {"a": 3}}]
)
def test_what_is_no_state_of_streams(state):
    before = get_state()
    with pytest.raises(ValueError, match=r"set_state: expected what axon.random.get_state\(\)"):
        set_state(state)
    assert same(get_state(), before)


@pytest.mark.slow
def test_compiled_kernels_give_the_same_bits_whenever_a_program_is_recorded():
    """Or a resumed run, which has to record anew, would differ from one that went on."""
    pytest.importorskip("numba")

    def run(every):
        def forget(batch, logs):
            for step in (model.trainer.train, model.trainer.test):
                if every and batch % every == 0:
                    step.programs.clear()
                    step.latest = None

        model = network(metrics=["accuracy", F1Score(average="macro")])
        callbacks = [LambdaCallback(on_train_batch_end=forget)] if every else []
        options = {"epochs": 3, "verbose": 0, "validation_data": HELD, "callbacks": callbacks}
        found = outcome(model, model.fit(X, Y, BATCH, **options))
        assert every or model.trainer.train.compiled
        return found

    with Kernels("fast"):
        whole = run(None)
        assert same(run(100), whole)  # batch by batch instead of many at once
        assert same(run(2), whole)


@pytest.mark.slow
def test_what_compiled_kernels_leave_to_numpy_has_room_of_its_own():
    """Finding the largest pixels of many images is cut in pieces by NumPy's kernels, not here."""
    pytest.importorskip("numba")
    model = Sequential([RandomRotation(0.1), Conv2D(8, 3), Activation("relu"), MaxPooling2D(2)])
    model.add(Flatten())
    model.add(Dense(3, activation="softmax"))
    model.compile("categorical_cross_entropy", "sgd")
    x = SAMPLES.normal(size=(256, 28, 28, 1)).astype("float32")
    with Kernels("fast"):
        model.fit(x, np.arange(256) % 3, 64, verbose=0)
        assert model.trainer.train.compiled


def test_compiled_kernels_and_a_metric_that_changes_its_shape():
    """The first batch is done twice, but the metric has got another shape meanwhile."""
    pytest.importorskip("numba")
    score, found = F1Score(average="macro"), []
    for kernels in ("numpy", "fast"):
        for classes in (3, 4):
            axon.set_random_seed(1)
            model = Sequential([Dense(classes, activation="softmax")])
            model.compile("categorical_cross_entropy", "sgd", [score])
            with Kernels(kernels):
                history = model.fit(X, Y, BATCH, verbose=0).history
            found.append(history["f1_score"][0])
    assert found[:2] == pytest.approx(found[2:], abs=1e-12)


def when_backed_up(monkeypatch, freq, **options):
    """Where the run stands at each backup; nobody listens to batches."""
    places = []
    save = BackupAndRestore.save

    def noted(self, run, begun=True):
        places.append((run.epoch, run.batch))
        save(self, run, begun)

    with monkeypatch.context() as patch:
        patch.setattr(BackupAndRestore, "save", noted)
        trained(others=lambda: [BackupAndRestore("backup", freq, **options)])
    return places


@pytest.mark.parametrize("kernels", ["numpy", pytest.param("fast", marks=pytest.mark.slow)])
def test_backups_come_when_they_are_due(tmp_path, monkeypatch, kernels):
    if kernels == "fast":
        pytest.importorskip("numba")
    monkeypatch.chdir(tmp_path)
    with Kernels(kernels):
        due = partial(when_backed_up, monkeypatch)
        assert due(4) == [(0, 0), (0, 4), (1, 2), (1, 6), (2, 4)]
        assert due("epoch") == [(0, 0), (1, 0), (2, 0), (3, 0)]
        assert due(100) == due("1h") == [(0, 0)]
        assert due(100, delete_checkpoint=False) == [(0, 0), (3, 0)]


def test_time_between_backups(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clock = iter(range(10**6))  # a second for each look
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    places = when_backed_up(monkeypatch, "4s")
    assert places == [(0, 0), (0, 4), (1, 2), (1, 6), (2, 4)]


def test_a_warning_is_not_repeated_by_a_resumed_run(tmp_path):
    class Warned(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.trainer.warned = True

    with pytest.raises(ArithmeticError):
        trained(tmp_path, others=lambda: [Warned(), Breaks(3)], freq=1)
    model = network()
    options = {"epochs": 3, "verbose": 0, "validation_data": HELD}
    model.fit(X, Y, BATCH, callbacks=[BackupAndRestore(tmp_path)], **options)
    assert model.trainer.warned


def test_the_bar_of_a_resumed_epoch_tells_the_pace_of_its_own_steps(monkeypatch, capsys):
    bar = ProgressBar()
    bar.set_params({"epochs": 4, "steps": 10})
    clock = iter([0.0, 2.0, 4.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    bar.on_epoch_begin(2)
    bar.on_train_batch_end(7)  # seven were done before
    assert "8/10" in (told := capsys.readouterr().out)
    assert told.rstrip().endswith("4.0s left 2.0s/step")
    bar.on_epoch_end(2)
    assert "4.0s/step" in capsys.readouterr().out
