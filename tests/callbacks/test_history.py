"""History: the best epoch, files that are read back exactly, and the way to plots and reports."""

import json
import math
import os
import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon.callbacks import Callback, CSVLogger, History
from axon.layers import Dense
from axon.models import Sequential
from axon.plot.runs import read

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(12, 2)
Y = X.sum(axis=1, keepdims=True)


def recorded(*epochs, first=0):
    """A history of epochs whose logs are given."""
    history = History()
    for epoch, logs in enumerate(epochs, start=first):
        history.on_epoch_begin(epoch)
        history.on_epoch_end(epoch, logs)
    return history


def losses(*values, name="loss"):
    return recorded(*({name: value} for value in values))


def fitted(epochs=4, **options):
    model = Sequential([Dense(2, 1)])
    model.compile("mse", "sgd")
    return model.fit(X, Y, 4, epochs=epochs, verbose=0, **options)


def test_seconds_and_the_last_numbers():
    began = time.perf_counter()
    history = losses(0.5, 0.25)
    assert len(history.seconds) == 2
    assert all(0 <= s <= time.perf_counter() - began for s in history.seconds)
    assert repr(history) == "History(2 epochs, last: loss=0.2500)"


# ------------------------------------------------------------------------------------ best


def test_the_best_epoch_and_all_that_was_measured_in_it():
    history = recorded(
        {"loss": 0.9, "val_loss": 0.8, "val_accuracy": 0.5},
        {"loss": 0.5, "val_loss": 0.6, "val_accuracy": 0.7},
        {"loss": 0.3, "val_loss": 0.7, "val_accuracy": 0.9},
    )
    assert history.best() == (1, 0.6, {"loss": 0.5, "val_loss": 0.6, "val_accuracy": 0.7})
    assert history.best("loss")[:2] == (2, 0.3)
    assert history.best("val_accuracy")[:2] == (2, 0.9)
    assert history.best("val_accuracy", mode="min")[:2] == (0, 0.5)
    best = history.best("val_loss", "max")
    assert (best.epoch, best.value, best.logs["loss"]) == (0, 0.8, 0.9)


def test_without_validation_the_loss_counts_and_of_equals_the_first():
    assert losses(3.0, 1.0, 2.0, 1.0).best()[:2] == (1, 1.0)


def test_the_epoch_is_the_one_that_was_trained_not_its_place():
    history = recorded({"loss": 2.0}, {"loss": 1.0}, first=7)
    assert history.best().epoch == 8


def test_nan_is_never_the_best():
    assert losses(math.nan, 2.0, math.nan, 3.0).best()[:2] == (1, 2.0)
    assert losses(math.inf, 2.0).best()[:2] == (1, 2.0)
    with pytest.raises(ValueError, match=r"history\.best: 'loss' is NaN in each epoch, so none is"):
        losses(math.nan, math.nan).best()


def test_best_of_what_is_not_there():
    words = r"history\.best: 'val_los' was not measured\. Did you mean 'val_loss'\? Known: loss, v"
    with pytest.raises(ValueError, match=words):
        recorded({"loss": 1.0, "val_loss": 1.0}).best("val_los")
    words = r"history\.best: 'loss' was not measured\. No epoch has been trained\."
    with pytest.raises(ValueError, match=words):
        History().best()
    with pytest.raises(ValueError, match=r"history\.best: the name 'speed' does not tell whether"):
        losses(1.0, name="speed").best("speed")
    assert losses(1.0, 2.0, name="speed").best("speed", mode="max").epoch == 1
    with pytest.raises(ValueError, match="mode must be 'auto', 'min' or 'max', got 'least'"):
        losses(1.0).best(mode="least")


# ------------------------------------------------------------------------------------ when


def test_values_of_a_rare_validation_belong_to_their_epochs():
    history = fitted(7, validation_data=(X, Y), validation_freq=3)
    assert history.measured == {"loss": [*range(7)], "val_loss": [2, 5]}
    assert len(history.history["val_loss"]) == 2
    best = history.best()
    assert (best.epoch, best.value) == (5, history.history["val_loss"][1])
    assert best.logs == {"loss": history.history["loss"][5], "val_loss": best.value}
    assert history.best("loss").logs == {"loss": history.history["loss"][6]}


def test_a_resumed_history_knows_when():
    first = fitted(3, validation_data=(X, Y), validation_freq=2)
    second = History()
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    second.on_epoch_begin(3)
    second.on_epoch_end(3, {"loss": 0.5, "val_loss": 0.25})
    assert second.measured == {"loss": [0, 1, 2, 3], "val_loss": [1, 3]}
    assert first.measured == {"loss": [0, 1, 2], "val_loss": [1]}, "a copy was loaded"
    assert second.best().epoch == 3


def test_a_dict_of_fewer_values_is_spread_as_validation_freq_does():
    run = read({"loss": [5.0, 4.0, 3.0, 2.0, 1.0], "val_loss": [4.5, 3.5]})
    assert run["val_loss"] == ([1, 3], [4.5, 3.5])
    assert read({"loss": [1.0] * 10, "val_loss": [1.0] * 3})["val_loss"].epochs == [2, 5, 8]
    assert read({"loss": [1.0] * 2, "val_loss": [1.0]})["val_loss"].epochs == [1]
    assert read({"epoch": [4, 5], "loss": [1.0, 2.0]})["loss"].epochs == [4, 5]
    assert read({"loss": [1.0, 2.0], "val_loss": []})["val_loss"] == ([], [])
    with pytest.raises(ValueError, match="loss: there are 3 values for 2 epochs"):
        read({"epoch": [0, 1], "loss": [1.0, 2.0, 3.0]})


# ------------------------------------------------------------------------------------ files

number = st.floats(width=64) | st.floats(width=32)


@settings(deadline=None, max_examples=15, derandomize=True)
@given(
    st.lists(st.dictionaries(st.sampled_from(["loss", "val_loss", "a,b", 'x"y']), number)),
    st.integers(0, 5),
)
def test_files_are_read_back_exactly(tmp_path_factory, epochs, first):
    folder = tmp_path_factory.mktemp("history")
    history = recorded(*epochs, first=first)
    history.params = {"epochs": 5, "steps": None, "batch_size": 32}
    history.to_csv(folder / "h.csv")
    history.to_json(folder / "h.json")
    for back in (History.from_csv(folder / "h.csv"), History.from_json(folder / "h.json")):
        np.testing.assert_equal(back.history, history.history)
        assert (back.epoch, back.measured) == (history.epoch, history.measured)
        assert back.seconds == history.seconds
        assert list(back.history) == list(history.history)
    assert back.params == history.params
    for path in ("h.csv", "h.json"):
        np.testing.assert_equal(read(folder / path), read(history))
    json.loads((folder / "h.json").read_text(), parse_constant=pytest.fail)  # NaN is not JSON


def test_what_stands_in_the_files(tmp_path):
    history = recorded({"loss": 0.5}, {"loss": math.nan, "val_loss": -math.inf}, {"loss": math.inf})
    history.seconds, history.params = [1.5, 2.5, 0.25], {"epochs": 3}
    history.to_csv(tmp_path / "h.csv")
    lines = ["epoch,seconds,loss,val_loss", "0,1.5,0.5,", "1,2.5,nan,-inf", "2,0.25,inf,"]
    assert (tmp_path / "h.csv").read_text().splitlines() == lines
    history.to_json(tmp_path / "h.json")
    assert json.loads((tmp_path / "h.json").read_text()) == {
        "epoch": [0, 1, 2],
        "seconds": [1.5, 2.5, 0.25],
        "params": {"epochs": 3},
        "history": {"loss": [0.5, "NaN", "Infinity"], "val_loss": [None, "-Infinity", None]},
    }


def test_float32_and_odd_settings_are_written(tmp_path):
    history = recorded({"loss": np.float32(0.1)})
    history.params = {"device": object}
    history.to_json(tmp_path / "h.json")
    history.to_csv(tmp_path / "h.csv")
    for back in (History.from_json(tmp_path / "h.json"), History.from_csv(tmp_path / "h.csv")):
        assert back.history == {"loss": [float(np.float32(0.1))]}
    assert History.from_json(tmp_path / "h.json").params == {"device": "<class 'object'>"}


def test_what_csv_logger_wrote(tmp_path):
    path = tmp_path / "log.csv"
    logger = CSVLogger(path, separator=";")
    history = fitted(5, validation_data=(X, Y), validation_freq=2, callbacks=[logger])
    back = History.from_csv(path)
    assert (back.history, back.epoch, back.seconds) == (history.history, history.epoch, [])
    assert back.measured == history.measured
    back.to_csv(tmp_path / "again.csv")
    back.to_json(tmp_path / "again.json")
    assert (tmp_path / "again.csv").read_text().startswith("epoch,loss,val_loss\n0,")
    assert History.from_json(tmp_path / "again.json").history == history.history


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_tables_of_others(tmp_path, separator):
    path = tmp_path / "log.csv"
    text = "\ufeffepoch,loss,val_loss\r\n0,1.0,\r\n1,0.5,0.7\r\n"
    path.write_text(text.replace(",", separator), encoding="utf-8", newline="")
    assert read(path) == {"loss": ([0, 1], [1.0, 0.5]), "val_loss": ([1], [0.7])}
    assert read(str(path)) == read(path)


def test_a_last_line_that_was_cut_off_and_an_epoch_that_was_repeated(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss,seconds\n0,9,1\n1,8,1\n1,7,1\n2")
    assert read(path) == {"loss": ([0, 1], [9.0, 7.0])}
    path.write_text("epoch,loss\n0,9\n1,8")  # an editor may leave the last line open
    assert read(path) == {"loss": ([0, 1], [9.0, 8.0])}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r'expected a first line with the column "epoch", got \'\''),
        ("loss\n1\n", r'expected a first line with the column "epoch", got \'loss\''),
        ("epoch,loss\n0,1\n1,abc\n", r"line 3, column 'loss': expected a number, got 'abc'"),
        ("epoch,loss\n0.5,1\n", r"line 2, column 'epoch': expected a number, got '0\.5'"),
        ("epoch,loss\n,1\n", r"line 2, column 'epoch': expected a number, got ''"),
        ("epoch,loss\n0,1,2\n", r"line 2: expected 2 cells, got 3"),
        ("epoch,loss\n0\n1,1\n", r"line 2: expected 2 cells, got 1"),
        ("epoch,loss\n0,1\n1\n", r"line 3: expected 2 cells, got 1"),
    ],
)
def test_a_table_of_something_else(tmp_path, text, message):
    path = tmp_path / "log.csv"
    path.write_text(text)
    for reading in (History.from_csv, axon.plot.curves):
        with pytest.raises(ValueError, match=re.escape(str(path)) + ".*" + message):
            reading(path)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "3", '{"epoch": [0], "seconds": null, "history": {"loss": [1]}}'),
        '{"epoch": [0], "seconds": null, "params": {}, "history": {"loss": [1, 2]}}',
        '{"epoch": [0], "seconds": [1, 2], "params": {}, "history": {}}',
        '{"epoch": [0], "seconds": null, "params": {}, "history": {"loss": ["abc"]}}',
        '{"epoch": [0], "seconds": null, "params": {}, "history": {"loss": [[1]]}}',
    ],
)
def test_a_json_file_of_something_else(tmp_path, text):
    path = tmp_path / "h.json"
    path.write_text(text)
    for reading in (History.from_json, read):
        with pytest.raises(ValueError, match=r"h\.json: not a history that to_json wrote \("):
            reading(path)


@pytest.mark.parametrize("write", [History.to_csv, History.to_json])
def test_a_file_is_whole_or_the_old_one(tmp_path, monkeypatch, write):
    path = tmp_path / "h"
    write(losses(1.0), path)
    before = path.read_text()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(losses(1.0, 2.0), path)
    assert path.read_text() == before
    assert os.listdir(tmp_path) == ["h"]


def test_what_is_no_run():
    with pytest.raises(TypeError, match=r"expected a History, a dict of lists.*got list"):
        read([1.0, 2.0])
    with pytest.raises(FileNotFoundError):
        read("no/such.csv")


# ------------------------------------------------------------------------------------ onwards


def test_plot_hands_its_options_on():
    pytest.importorskip("matplotlib")
    figure = losses(3.0, 2.0).plot(log=True, best=False)
    (axes,) = figure.axes
    assert axes.get_yscale() == "log"
    assert [line.get_ydata().tolist() for line in axes.lines] == [[3.0, 2.0]]


def test_report_is_the_models_with_this_history():
    class Reporting(Callback):
        def report(self, path, **options):
            return path, options

    history = losses(1.0)
    with pytest.raises(RuntimeError, match=r"its model is not known\. Call model\.report\(path, h"):
        history.report("run.html")
    history.set_model(Reporting())
    assert history.report("run.html", title="A") == ("run.html", {"history": history, "title": "A"})
