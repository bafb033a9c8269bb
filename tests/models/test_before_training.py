"""What is known before training is said before training, and changes nothing."""

import numpy as np
import pytest

import axon
from axon.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from axon.layers import Dense, Layer
from axon.metrics import ConfusionMatrix
from axon.models import Sequential
from axon.optimizers import SGD

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 3)).astype("f4")
Y = np.arange(24) % 3


def network(*more, optimizer="adam"):
    axon.set_random_seed(0)
    model = Sequential([*more, Dense(3, "softmax")])
    model.compile("categorical_cross_entropy", optimizer, ["accuracy", ConfusionMatrix(3)])
    return model


def refused(error, words, *callbacks, model=None, **options):
    """It is said before the first step, and the model stays unbuilt."""
    model = model or network()
    with pytest.raises(error, match=words):
        model.fit(X, Y, verbose=0, epochs=2, callbacks=list(callbacks), **options)
    assert model.optimizer.iterations.item() == 0
    assert not model.parameters()
    assert model.predict(X[:2]).shape == (2, 3)


@pytest.mark.parametrize("make", [EarlyStopping, ReduceLROnPlateau])
def test_numbers_that_will_not_be_there(make):
    no_data = "there is no 'val_loss' to monitor, because there are no validation data"
    refused(ValueError, no_data, make())
    held_out = {"validation_split": 0.25}
    near = make("val_acuracy", mode="max")
    refused(ValueError, "no 'val_acuracy' to monitor.*mean 'val_accuracy'", near, **held_out)
    refused(ValueError, "no 'mae' to monitor.*Known: loss, accuracy", make("mae"))
    confused = "no 'confusion_matrix' to monitor"
    refused(ValueError, confused, make("confusion_matrix", mode="max"))
    network().fit(X, Y, verbose=0, callbacks=[make("accuracy")])
    network().fit(X, Y, verbose=0, callbacks=[make()], validation_freq=5, **held_out)


class Writes(Callback):
    """Adds to the logs, as callbacks may that come before others."""

    def on_epoch_end(self, epoch, logs=None):
        logs["mine"] = 0.5


def test_numbers_that_callbacks_add_are_waited_for():
    both = [Writes(), EarlyStopping("mine", mode="min")]
    network().fit(X, Y, verbose=0, epochs=2, callbacks=both)
    adds = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(mine=1.0))
    network().fit(X, Y, verbose=0, callbacks=[adds, ReduceLROnPlateau("mine", mode="min")])
    with pytest.raises(ValueError, match=r"no 'other' to monitor.*Known: loss, accuracy, mine"):
        network().fit(X, Y, verbose=0, callbacks=[Writes(), EarlyStopping("other", mode="min")])


class Odd(Layer):
    def __init__(self, thing):
        super().__init__()
        self.thing = thing

    def call(self, x):
        return x * 1.0


def test_models_that_cannot_be_saved(tmp_path):
    for name, words in (
        ("m.h5", "AXON's own format, .*m.h5 would be another one"),
        ("m.onnx", "axon.onnx.export"),
        ("m.npz", "save_weights"),
    ):
        refused(ValueError, words, ModelCheckpoint(tmp_path / name))
    weights = ModelCheckpoint(tmp_path / "m.axon", save_weights_only=True)
    refused(ValueError, "save_weights: .*m.axon would not be what its name says", weights)
    odd = network(Odd(object()))
    refused(TypeError, "must suit JSON|cannot be", ModelCheckpoint(tmp_path / "m.axon"), model=odd)
    best = ModelCheckpoint(tmp_path / "m.axon", save_best_only=True)
    refused(ValueError, "no 'val_loss' to monitor", best)
    assert not list(tmp_path.iterdir())


def test_names_of_files_that_ask_for_what_is_not_measured(tmp_path):
    ask = tmp_path / "{epoch}-{val_los:.2f}.axon"
    words = "asks for 'val_los', which is not in the logs"
    refused(ValueError, words, ModelCheckpoint(ask), validation_split=0.25)
    late = ModelCheckpoint(tmp_path / "{val_loss:.2f}.axon", save_freq=2)
    refused(ValueError, "asks for 'val_loss'", late, validation_split=0.25)
    fine = ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.2f}-{mine}.axon")
    network().fit(X, Y, verbose=0, callbacks=[Writes(), fine], validation_split=0.25)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_log_that_is_there_survives_a_run_that_never_begins(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss\n0,0.5\n")
    refused(ValueError, "no 'val_loss' to monitor", CSVLogger(path), EarlyStopping())
    words = "has the columns epoch, loss, but now there are epoch, loss, accuracy"
    refused(ValueError, words, CSVLogger(path, append=True))
    assert path.read_text() == "epoch,loss\n0,0.5\n"
    (tmp_path / "file").write_text("")
    refused(OSError, "CSVLogger: cannot write", CSVLogger(tmp_path / "file" / "log.csv"))
    refused(IsADirectoryError, "it is a folder", CSVLogger(tmp_path))


def test_rates_that_follow_a_schedule_already():
    def model():
        return network(optimizer=SGD(lambda step: 0.1 / (1 + step)))

    words = "learning rate follows"
    refused(ValueError, words, ReduceLROnPlateau("loss"), model=model())
    refused(TypeError, words, LearningRateScheduler(lambda epoch: 0.1), model=model())


def test_numbers_of_validation_that_are_not_there_at_each_save():
    held_out = {"validation_split": 0.25, "validation_freq": 2}
    each = ModelCheckpoint("m{val_loss:.2f}.axon")
    refused(ValueError, "asks for 'val_loss', which is not in the logs", each, **held_out)


def test_saves_that_follow_validation_know_its_numbers(tmp_path):
    path = str(tmp_path / "m-{epoch}-{val_loss:.1f}.axon")
    best = ModelCheckpoint(path, save_best_only=True)
    network().fit(X, Y, verbose=0, epochs=2, callbacks=[best], validation_split=0.25,
                  validation_freq=2)  # fmt: skip
    assert [p.name[:4] for p in tmp_path.iterdir()] == ["m-2-"]


@pytest.mark.parametrize(
    ("name", "words"), [("a" * 300 + ".axon", "too long"), ("a\0.axon", "null")]
)
def test_names_that_no_file_can_have(name, words):
    refused((OSError, ValueError), f"ModelCheckpoint.*{words}", ModelCheckpoint(name))


def test_validation_data_and_a_share_to_split_off():
    both = {"validation_data": (X, Y), "validation_split": 0.25}
    refused(ValueError, "Pass one of the two", **both)


def test_arguments_of_monitors():
    with pytest.raises(TypeError, match="monitor must be a name such as 'val_loss', got 3"):
        EarlyStopping(3)
    with pytest.raises(ValueError, match="baseline must be a finite number, got 'x'"):
        EarlyStopping(baseline="x")


def test_a_log_stays_until_there_is_something_to_log(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("precious\n1\n", encoding="utf-8")
    model = Sequential([Dense(3, "sigmoid")])
    model.compile("categorical_cross_entropy", "sgd")
    with pytest.raises(ValueError, match="must add up to 1"):
        model.fit(X, Y, verbose=0, callbacks=[CSVLogger(path)])
    assert path.read_text(encoding="utf-8") == "precious\n1\n"
    network().fit(X, Y, verbose=0, callbacks=[CSVLogger(path)])
    assert path.read_text(encoding="utf-8").startswith("epoch,loss,accuracy\n0,")
