"""What callbacks are told, in which order; and what progress looks like."""

import csv
import json
import math
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon.callbacks import (
    HOOKS,
    Callback,
    Callbacks,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    LinePrinter,
    LossPrinter,
    ModelCheckpoint,
    ProgressBar,
    ReduceLROnPlateau,
    TerminateOnNaN,
    measured,
    printer,
)
from axon.layers import Dense
from axon.models import Sequential
from axon.optimizers import SGD

X, Y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2


def compiled(metrics=("accuracy",), rate=0.1):
    model = Sequential([Dense(3, 2, "softmax")])
    model.compile("categorical_crossentropy", SGD(rate), metrics=list(metrics))
    return model


class Stub:
    """A model without arithmetic: its weights are the number of the epoch."""

    def __init__(self):
        self.stop_training, self.epoch, self.saved = False, 0, []
        self.optimizer = SimpleNamespace(learning_rate=1.0, schedule=None)

    def get_weights(self):
        return [np.array([self.epoch])]

    def set_weights(self, weights):
        self.epoch = int(weights[0][0])

    def save(self, path):
        self.saved.append(path)

    def save_weights(self, path):
        self.saved.append(f"weights of {path}")


def run(callbacks, values, name="val_loss", model=None, first=0, **params):
    """Tell callbacks of epochs in which a number had these values; returns the model."""
    model = model or Stub()
    given = callbacks if isinstance(callbacks, list) else [callbacks]
    told = Callbacks(given, model, {"epochs": len(values), "steps": 1, **params})
    told.on_train_begin()
    for epoch, value in enumerate(values, start=first):
        model.epoch = epoch
        told.on_epoch_begin(epoch)
        told.on_epoch_end(epoch, {"loss": 9.0} if value is None else {"loss": 9.0, name: value})
        if model.stop_training:
            break
    told.on_train_end()
    return model


class Diary(Callback):
    """Writes down all that it is told."""

    def __init__(self, pages, name="diary"):
        self.pages, self.name = pages, name

    def note(self, what, *details):
        self.pages.append((self.name, what, *details))

    def on_train_begin(self, logs=None):
        self.note("train begin", self.params["epochs"], self.params["steps"])

    def on_epoch_begin(self, epoch, logs=None):
        self.note("epoch begin", epoch)

    def on_exception(self, exception):
        self.note("exception", type(exception).__name__)

    def on_train_batch_end(self, batch, logs=None):
        self.note("batch end", batch, sorted(logs))

    def on_epoch_end(self, epoch, logs=None):
        self.note("epoch end", epoch, sorted(logs))

    def on_train_end(self, logs=None):
        self.note("train end", type(self.model).__name__)


def test_the_order_of_events():
    pages = []
    compiled().fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[Diary(pages)])
    watched = ["accuracy", "loss"]
    batches = [("diary", "batch end", i, watched) for i in range(3)]
    assert pages == [
        ("diary", "train begin", 2, 3),
        *[("diary", "epoch begin", 0), *batches, ("diary", "epoch end", 0, watched)],
        *[("diary", "epoch begin", 1), *batches, ("diary", "epoch end", 1, watched)],
        ("diary", "train end", "Sequential"),
    ]


def test_callbacks_are_told_in_the_order_in_which_they_were_given():
    pages = []
    diaries = [Diary(pages, "b"), Diary(pages, "a"), Diary(pages, "c")]
    compiled().fit(X, Y, batch_size=20, verbose=0, callbacks=diaries)
    assert [name for name, *_ in pages] == ["b", "a", "c"] * 5


def test_history_is_first_so_that_callbacks_can_read_it():
    class Reader(Callback):
        def on_epoch_end(self, epoch, logs=None):
            assert self.model.history.history["loss"][-1] == logs["loss"]
            assert len(self.model.history.epoch) == epoch + 1

    compiled().fit(X, Y, epochs=3, verbose=0, callbacks=[Reader()])


def test_logs_hold_the_means_of_the_epoch():
    seen = []

    class Watch(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs["loss"])

        def on_epoch_end(self, epoch, logs=None):
            assert logs["loss"] == seen[-1]
            assert {"val_loss", "val_accuracy"} < set(logs)

    model = compiled()
    history = model.fit(
        *(X, Y),
        **{"batch_size": 8, "verbose": 0, "callbacks": [Watch()], "validation_data": (X, Y)},
    )
    assert history.history["loss"] == seen[-1:]


def test_validation_tells_no_batches():
    pages = []
    model = compiled()
    model.fit(X, Y, batch_size=8, validation_split=0.5, verbose=0, callbacks=[Diary(pages)])
    assert [page[2] for page in pages if page[1] == "batch end"] == [0, 1]


def test_hooks_in_kerass_style_with_optional_logs_work():
    class Keras(Callback):
        heard = 0

        def on_train_begin(self, logs=None):
            self.heard += 1

        def on_epoch_begin(self, epoch, logs=None):
            self.heard += 1

        def on_epoch_end(self, epoch, logs=None):
            self.heard += 1

        def on_train_end(self, logs=None):
            self.heard += 1

    callback = Keras()
    compiled().fit(X, Y, verbose=0, callbacks=[callback])
    assert callback.heard == 4


def test_stop_training_ends_the_run():
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 2

    class StopEarly(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    model, pages = compiled(), []
    assert model.fit(X, Y, epochs=10, verbose=0, callbacks=[Stop()]).epoch == [0, 1, 2]
    history = model.fit(X, Y, 8, epochs=10, verbose=0, callbacks=[StopEarly(), Diary(pages)])
    assert history.epoch == [0]
    assert [page[1] for page in pages].count("batch end") == 1
    assert pages[-1][1] == "train end"
    assert model.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1]


IN_FIT = [h for h in HOOKS if "predict" not in h and h != "on_exception"]


@pytest.mark.parametrize("hook", IN_FIT)
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_callback_that_raises_leaves_the_model_usable(hook, error):
    def fail(self, *details):
        raise error("stop")

    failing = type("Failing", (Callback,), {hook: fail})()
    pages, model = [], compiled()
    with pytest.raises(error, match="stop"):
        model.fit(
            *(X, Y),
            **{"epochs": 3, "verbose": 0, "callbacks": [Diary(pages), failing]},
            validation_data=(X, Y),
        )
    assert [page[1] for page in pages].count("train end") == 1
    told = [page[2] for page in pages if page[1] == "exception"]
    assert told == ([] if hook == "on_train_end" else [error.__name__])
    assert all(p.grad is None for p in model.parameters())
    before = model.evaluate(X, Y)[0]
    model.fit(X, Y, epochs=20, verbose=0)
    assert model.evaluate(X, Y)[0] < before


def test_every_callback_hears_the_end_even_if_one_fails_there():
    class Failing(Callback):
        def on_train_end(self, logs=None):
            raise RuntimeError("at the end")

    pages = []
    with pytest.raises(RuntimeError, match="at the end"):
        compiled().fit(X, Y, verbose=0, callbacks=[Failing(), Diary(pages)])
    assert pages[-1][1] == "train end"


def test_a_model_can_be_used_inside_a_callback():
    found = []

    class Probe(Callback):
        def on_epoch_end(self, epoch, logs=None):
            found.append((self.model.predict(X[:1]).shape, self.model.evaluate(X, Y)[0]))

    model = compiled()
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[Probe()])
    assert [shape for shape, _ in found] == [(1, 2)] * 3
    assert found[-1][1] == model.evaluate(X, Y)[0]


@pytest.mark.parametrize("given", [[print], ["early"], [Callback], 3, Callback])
def test_what_is_no_callback_is_refused(given):
    model = compiled()
    before = model.layers[0].weights.numpy().copy()
    words = "callbacks: expected Callback objects, got .*Derive your class from axon.callbacks"
    for way in (model.fit, model.train):
        with pytest.raises(TypeError, match=words):
            way(X, Y, callbacks=given)
    assert np.array_equal(model.layers[0].weights.numpy(), before)


def test_a_single_callback_needs_no_list():
    pages = []
    compiled().fit(X, Y, verbose=0, callbacks=Diary(pages))
    assert pages


# ------------------------------------------------------------------------------------ history


def test_history_is_shaped_like_kerass():
    model = compiled()
    history = model.fit(X, Y, batch_size=8, epochs=4, verbose=0, validation_split=0.25)
    assert type(history) is History
    assert history is model.history
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert all(len(values) == 4 for values in history.history.values())
    assert all(type(v) is float for values in history.history.values() for v in values)
    assert history.epoch == [0, 1, 2, 3]
    assert {"epochs": 4, "steps": 2, "batch_size": 8}.items() <= history.params.items()
    assert history.model is model
    assert len(history.seconds) == 4
    assert re.fullmatch(r"History\(4 epochs, last: loss=0\.\d{4}, accuracy=.*\)", repr(history))
    assert repr(History()) == "History(0 epochs)"


def test_initial_epoch_goes_on_counting():
    model = compiled()
    assert model.fit(X, Y, epochs=5, initial_epoch=3, verbose=0).epoch == [3, 4]
    empty = model.fit(X, Y, epochs=3, initial_epoch=3, verbose=0)
    assert empty.epoch == []
    assert empty.history == {}


# ------------------------------------------------------------------------------------ progress


def test_train_prints_exactly_these_lines(capsys):
    model = Sequential([Dense(784, 10, "softmax", kernel_initializer="zeros")])
    model.compile("categorical_cross_entropy", SGD(1e-12))
    model.train(np.random.default_rng(0).random((40, 784)), np.arange(40) % 10, epochs=50)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"Epoch {i}/50 - Loss: 2.3026" for i in range(1, 51)]


def test_train_takes_the_options_of_fit(capsys):
    pages = []
    options = {"shuffle": False, "validation_split": 0.5, "callbacks": [Diary(pages)]}
    history = compiled().train(X, Y, 2, 5, **options)
    assert re.fullmatch(r"(Epoch [12]/2 - Loss: \d\.\d{4}\n){2}", capsys.readouterr().out)
    assert "val_loss" in history.history
    assert ("diary", "train begin", 2, 2) in pages
    assert compiled().train(X, Y, epochs=1, verbose=0).epoch == [0]
    assert capsys.readouterr().out == ""


LINES = r"(Epoch \d/2 - \d+\.\ds - loss: \d\.\d{4} - accuracy: \d\.\d{4}\n){2}"


@pytest.mark.parametrize("verbose", ["auto", 1, 2, True])
def test_progress_is_lines_where_there_is_no_terminal(capsys, verbose):
    compiled().fit(X, Y, epochs=2, verbose=verbose)
    assert re.fullmatch(LINES, capsys.readouterr().out)


@pytest.mark.parametrize("verbose", [0, False])
def test_silence(capsys, verbose):
    compiled().fit(X, Y, epochs=2, verbose=verbose)
    assert capsys.readouterr().out == ""


def test_fit_reports_by_default(capsys):
    compiled().fit(X, Y, epochs=2)
    assert re.fullmatch(LINES, capsys.readouterr().out)


def test_validation_is_part_of_the_line(capsys):
    compiled([]).fit(X, Y, verbose=2, validation_split=0.5)
    number = r"\d\.\d{4}"
    words = rf"Epoch 1/1 - \d+\.\ds - loss: {number} - val_loss: {number}\n"
    assert re.fullmatch(words, capsys.readouterr().out)


def test_evaluate_prints_a_line_if_asked(capsys):
    model = compiled()
    loss, accuracy = model.evaluate(X, Y, verbose=2)
    assert capsys.readouterr().out == f"loss: {loss:.4f} - accuracy: {accuracy:.4f}\n"
    model.evaluate(X, Y)
    model.predict(X, verbose=0)
    assert capsys.readouterr().out == ""


def test_the_choice_of_a_printer(monkeypatch):
    kinds = {v: [type(c) for c in printer(v)] for v in (0, 1, 2, "auto")}
    assert kinds == {0: [], 1: [LinePrinter], 2: [LinePrinter], "auto": [LinePrinter]}
    bars = {0: [], 1: [ProgressBar], 2: [LinePrinter], "auto": [ProgressBar]}
    with monkeypatch.context() as terminal:
        terminal.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        assert {v: [type(c) for c in printer(v)] for v in (0, 1, 2, "auto")} == bars
    notebook = type("OutStream", (), {"isatty": lambda self: False})
    notebook.__module__ = "ipykernel.iostream"
    monkeypatch.setattr(sys, "stdout", notebook())
    assert {v: [type(c) for c in printer(v)] for v in (0, 1, 2, "auto")} == bars


def test_without_a_console_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)  # as pythonw.exe and services have it
    model = Sequential([Dense(1, 1)])
    model.compile("mse", "sgd")
    assert model.fit([[1.0]], [[1.0]], verbose=1).epoch == [0]


@pytest.mark.parametrize("verbose", [3, -1, "loud", None, [1]])
def test_an_unknown_verbosity_is_refused(verbose):
    words = r'verbose must be "auto", "notebook", 0, 1 or 2, got '
    with pytest.raises(ValueError, match=words):
        compiled().fit(X, Y, verbose=verbose)
    with pytest.raises(ValueError, match=words):
        compiled().evaluate(X, Y, verbose=verbose)


def pictures(text):
    """What a line that is written over showed, one after the other, without what wipes it."""
    return [part.rstrip() for part in re.split(r"[\r\n]", text) if part.strip()]


def test_a_progress_bar_moves_and_leaves_a_line(capsys):
    compiled().fit(X, Y, batch_size=2, epochs=2, verbose=0, callbacks=[ProgressBar()])
    out = capsys.readouterr().out
    line = r"Epoch {}/2 - \d+\.\ds \d+[mu]?s/step - loss: \d\.\d{{4}} - accuracy: \d\.\d{{4}}"
    bar = r"Epoch {}/2 1/10 ━━─{{18}} \S+ left \S+/step - loss: 0\.\d+"
    for epoch in (1, 2):
        shown = [p for p in pictures(out) if p.startswith(f"Epoch {epoch}/2")]
        assert re.match(bar.format(epoch), shown[0])
        assert re.fullmatch(line.format(epoch), shown[-1])
    assert out.count("\n") == 2


def draw(bar, steps, done, seconds, clock, **logs):
    """Tell a bar of some steps of an epoch, at times that we choose."""
    told = Callbacks([bar], None, {"epochs": 3, "steps": steps})
    told.on_train_begin()
    told.on_epoch_begin(1)
    for batch in range(done):
        clock[0] += seconds
        told.on_train_batch_end(batch, logs)
    return told


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    return now


def test_what_a_progress_bar_shows(capsys, clock):
    told = draw(ProgressBar(), 40, 10, 1.5, clock, loss=0.25, mse=1.5e-5)
    shown = pictures(capsys.readouterr().out)
    assert len(shown) == 10
    assert shown[-1].startswith(f"Epoch 2/3 10/40 {'━' * 5}{'─' * 15} 45.0s left 1.5s/step - loss")
    told.on_epoch_end(1, {"loss": 0.5, "mse": 1.5e-5})
    last = pictures(capsys.readouterr().out)
    assert last == ["Epoch 2/3 - 15.0s 1.5s/step - loss: 0.5000 - mse: 1.5000e-05"]


def test_a_progress_bar_counts_where_the_number_of_steps_is_unknown(capsys, clock):
    draw(ProgressBar(), None, 3, 0.5, clock, loss=0.25)
    shown = pictures(capsys.readouterr().out)
    assert shown[-1] == "Epoch 2/3 3 steps - 1.5s 500ms/step - loss: 0.2500"


def test_a_progress_bar_is_drawn_ten_times_a_second(capsys, clock):
    draw(ProgressBar(), 1000, 1000, 0.001, clock, loss=0.25)
    assert 10 <= len(pictures(capsys.readouterr().out)) <= 11


def test_a_progress_bar_stays_on_its_line(capsys, clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    told = draw(ProgressBar(), 10, 2, 1.0, clock, loss=0.25)
    out = capsys.readouterr().out
    assert "\n" not in out
    assert all(len(part) <= 29 for part in out.split("\r"))
    told.on_train_end()
    assert capsys.readouterr().out == "\r" + " " * 29 + "\r"


def test_a_progress_bar_takes_more_steps_than_were_announced(capsys, clock):
    draw(ProgressBar(), 2, 3, 1.0, clock)
    assert "3/2 " + "━" * 20 + " " in pictures(capsys.readouterr().out)[-1]


def test_a_progress_bar_on_a_terminal_that_knows_letters_only(monkeypatch, clock):
    import io

    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    draw(ProgressBar(), 4, 2, 1.0, clock)
    sys.stdout.flush()
    assert b"2/4 ##########---------- 2.0s left" in raw.getvalue()


def test_a_progress_bar_goes_away_when_training_breaks(capsys):
    class Break(Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compiled().fit(X, Y, verbose=0, callbacks=[ProgressBar(), Break()])
    out = capsys.readouterr().out
    assert out.endswith("\r")
    assert not out.split("\r")[-2].strip()


def test_small_numbers_are_readable():
    logs = {"a": 0.00012, "b": 0.001, "c": 0.0, "d": float("nan"), "e": -2e-7, "f": 12345.678}
    assert measured(logs) == [
        *("a: 1.2000e-04", "b: 0.0010", "c: 0.0000", "d: nan", "e: -2.0000e-07", "f: 12345.6780"),
    ]


MANY = ["loss", "accuracy", "top_k_categorical_accuracy", "mean_absolute_percentage_error"]
LOGS = dict.fromkeys((*MANY, *(f"val_{name}" for name in MANY)), 0.123456)


@pytest.mark.parametrize("printer", [LinePrinter, ProgressBar])
@pytest.mark.parametrize("columns", [80, 60])
def test_on_a_terminal_what_an_epoch_gave_fits_the_lines(printer, columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("axon.callbacks.progress._line_can_change", lambda: True)
    told = Callbacks([printer()], None, {"epochs": 1000, "steps": 10})
    told.on_epoch_begin(998)
    told.on_train_batch_end(9, LOGS)
    told.on_epoch_end(998, {**LOGS, "a" * 200: -1.5})
    out = capsys.readouterr().out.replace("\r", "\n")
    lines = [line for line in out.splitlines() if line.strip()]
    assert all(len(line) < columns for line in lines)
    assert any(line.startswith("    val_loss: 0.1235") for line in lines)  # a line of their own
    assert all(f"{name}: 0.1235" in out for name in LOGS)
    assert "aaaa...: -1.5000" in out


def test_a_file_keeps_a_line_for_each_epoch(capsys):
    told = Callbacks([LinePrinter()], None, {"epochs": 1000, "steps": 10})
    told.on_epoch_begin(998)
    told.on_epoch_end(998, LOGS)
    assert capsys.readouterr().out.count("\n") == 1


def test_a_loss_printer_can_be_used_with_fit(capsys):
    compiled().fit(X, Y, verbose=0, callbacks=[LossPrinter()])
    assert re.fullmatch(r"Epoch 1/1 - Loss: \d\.\d{4}\n", capsys.readouterr().out)


# ------------------------------------------------------------------------------------ dispatcher


class Everything(Callback):
    """Writes down every hook."""

    def __init__(self, pages):
        self.pages = pages


def _noting(hook):
    def note(self, *details):
        self.pages.append(hook.removeprefix("on_"))

    return note


for _hook in HOOKS:
    setattr(Everything, _hook, _noting(_hook))


def test_every_hook_of_keras_is_there():
    import inspect

    assert sorted(HOOKS) == sorted(
        [
            *(
                f"on_{kind}_{end}"
                for kind in ("train", "test", "predict")
                for end in ("begin", "end")
            ),
            *(f"on_{k}_batch_{e}" for k in ("train", "test", "predict") for e in ("begin", "end")),
            *("on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end", "on_exception"),
        ]
    )
    for hook in HOOKS:
        ours = inspect.signature(getattr(Callback, hook)).parameters
        theirs = inspect.signature(getattr(Callbacks, hook)).parameters
        assert list(ours) == list(theirs)
        assert hook == "on_exception" or ours["logs"].default is None


def test_fit_with_validation_tells_everything_in_this_order():
    pages = []
    model = compiled()
    model.fit(X, Y, 10, validation_data=(X, Y), verbose=0, callbacks=[Everything(pages)])
    batch = ["train_batch_begin", "batch_begin", "train_batch_end", "batch_end"]
    test = ["test_begin", "test_batch_begin", "test_batch_end", "test_end"]
    assert pages == ["train_begin", "epoch_begin", *batch * 2, *test, "epoch_end", "train_end"]


def test_evaluate_and_predict_tell_their_own():
    pages, model = [], compiled()
    model.evaluate(X, Y, batch_size=10, callbacks=[Everything(pages)])
    batch = ["test_batch_begin", "test_batch_end"]
    assert pages == ["test_begin", *batch * 2, "test_end"]
    pages.clear()
    model.predict(X, batch_size=10, callbacks=[Everything(pages)])
    batch = ["predict_batch_begin", "predict_batch_end"]
    assert pages == ["predict_begin", *batch * 2, "predict_end"]


def test_a_dispatcher_calls_only_those_who_listen():
    silent, heard = Callback(), []
    callback = LambdaCallback(on_epoch_end=lambda epoch, logs: heard.append((epoch, logs)))
    told = Callbacks([silent, callback], "model", {"epochs": 1})
    assert [h for h in HOOKS if told.listens(h)] == ["on_epoch_end"]
    assert all(type(told.listens(h)) is bool for h in HOOKS)
    told.on_epoch_end(3, {"loss": 1.0})
    told.on_train_batch_end(0, {})
    assert heard == [(3, {"loss": 1.0})]
    assert (silent.model, silent.params) == ("model", {"epochs": 1})


def test_the_short_name_of_a_batch():
    heard = []

    class Short(Callback):
        def on_batch_begin(self, batch, logs=None):
            heard.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            heard.append(("end", batch, logs))

    told = Callbacks([Short()], None, {})
    assert told.listens("on_train_batch_end")
    assert told.listens("on_train_batch_begin")
    told.on_train_batch_begin(1)
    told.on_train_batch_end(1, {"loss": 2.0})
    told.on_batch_end(2)
    assert heard == [("begin", 1), ("end", 1, {"loss": 2.0}), ("end", 2, None)]


@pytest.mark.parametrize("hook", ["on_train_end", "on_exception"])
def test_the_end_reaches_all_and_the_error_goes_on(hook):
    heard = []

    def fail(*details):
        heard.append("first")
        raise RuntimeError("at the end")

    told = Callbacks(
        [
            LambdaCallback(**{hook: fail}),
            LambdaCallback(**{hook: lambda _: heard.append("second")}),
        ],
        *(None, {}),
    )
    with pytest.raises(RuntimeError, match="at the end"):
        getattr(told, hook)(None)
    assert heard == ["first", "second"]


def test_an_exception_is_told_once_and_goes_on():
    pages = []

    def fail(epoch, logs):
        raise ZeroDivisionError("mine")

    failing = LambdaCallback(on_epoch_end=fail)
    with pytest.raises(ZeroDivisionError, match="mine"):
        compiled().fit(X, Y, verbose=0, callbacks=[Diary(pages), failing])
    assert [page[1:] for page in pages][-2:] == [
        ("exception", "ZeroDivisionError"),
        ("train end", "Sequential"),
    ]
    assert [page[1] for page in pages].count("exception") == 1


def test_states_are_kept_by_class():
    def team():
        return [History(), LinePrinter(), EarlyStopping("loss"), EarlyStopping("val_loss")]

    told = Callbacks(team(), Stub(), {"epochs": 1, "steps": 1})
    for hook, details in (("on_train_begin", ()), ("on_epoch_begin", (0,))):
        getattr(told, hook)(*details)
    told.on_epoch_end(0, {"loss": 1.0, "val_loss": 2.0})
    states = told.state_dict()
    assert list(states) == ["History", "EarlyStopping", "EarlyStopping_1"]
    assert [s["best"] for s in list(states.values())[1:]] == [1.0, 2.0]
    fresh = Callbacks(team(), Stub(), {})
    fresh.load_state_dict(states)
    assert fresh.state_dict() == states
    fresh.load_state_dict({})
    assert fresh.callbacks[0].history == {"loss": [1.0], "val_loss": [2.0]}


def test_a_state_of_something_else_is_refused():
    for state in ({}, {"wait": 1}, History().state_dict()):
        with pytest.raises(
            ValueError, match="EarlyStopping: the state must hold wait, best, best_"
        ):
            EarlyStopping().load_state_dict(state)
    LinePrinter().load_state_dict({})
    with pytest.raises(ValueError, match="LinePrinter: the state must hold -, got wait"):
        LinePrinter().load_state_dict({"wait": 1})


def test_a_history_goes_on():
    model = compiled()
    first = model.fit(X, Y, epochs=2, verbose=0)
    history = History()
    history.load_state_dict(first.state_dict())
    run(history, [0.5], name="val_loss", first=2)
    assert history.epoch == [0, 1, 2]
    assert first.epoch == [0, 1]


# ------------------------------------------------------------------------------------ monitor


MONITORS = [
    EarlyStopping,
    ReduceLROnPlateau,
    lambda m, **o: ModelCheckpoint("x", m, save_best_only=True, **o),
]
each_monitor = pytest.mark.parametrize("make", MONITORS, ids=["stop", "plateau", "checkpoint"])


@each_monitor
def test_a_name_that_is_not_logged(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = r"there is no 'val_los' to monitor\. Did you mean 'val_loss'\? Known: loss, val_loss\."
    with pytest.raises(ValueError, match=words):
        run(make("val_los", mode="min"), [1.0])


@each_monitor
def test_validation_data_are_missing(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = r"no 'val_loss' to monitor, because there are no validation data\. Pass .* 'loss'\."
    with pytest.raises(ValueError, match=words):
        run(make("val_loss"), [None])
    model = compiled()
    with pytest.raises(ValueError, match=words):
        model.fit(X, Y, verbose=0, callbacks=[make("val_loss")])
    model.fit(X, Y, verbose=0, validation_split=0.5, callbacks=[make("val_loss")])


@each_monitor
def test_epochs_without_validation_are_passed_over(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    callback = make("val_loss")
    run(callback, [None, 1.0, None, 2.0, None], validation_freq=2)
    assert callback.best == 1.0
    with pytest.raises(ValueError, match="no validation data"):
        run(make("val_loss"), [None, None], validation_freq=2)


@each_monitor
def test_only_validation_has_epochs_without(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="there is no 'accuracy' to monitor"):
        run(make("accuracy"), [1.0], validation_freq=2)


@each_monitor
@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *(("loss", "min"), ("val_loss", "min"), ("val_mae", "min"), ("rmse", "min")),
        *(("accuracy", "max"), ("val_binary_accuracy", "max"), ("val_pr_auc", "max")),
        *(("f1_score", "max"), ("val_r2_score", "max"), ("top_k_categorical_accuracy", "max")),
        *(("precision", "max"), ("val_recall", "max"), ("head_loss", "min")),
    ],
)
def test_the_name_tells_the_mode(make, name, mode):
    assert make(name)._monitor.mode == mode
    assert make(name).monitor == name


@each_monitor
def test_a_name_that_does_not_tell_and_a_mode_that_is_none(make):
    with pytest.raises(
        ValueError, match="the name 'confidence' does not tell whether less or more"
    ):
        make("confidence")
    assert make("confidence", mode="max")._monitor.mode == "max"
    with pytest.raises(ValueError, match="mode must be 'auto', 'min' or 'max', got 'up'"):
        make("loss", mode="up")


def test_every_metrics_name_tells_the_mode():
    from axon.callbacks.monitor import Monitor
    from axon.metrics import METRICS

    down = {"mae", "mse", "rmse", "poisson", "hinge", "squared_hinge", "log_cosh", "kl_divergence"}
    down |= {"binary_crossentropy", "categorical_crossentropy", "categorical_hinge"}
    down |= {"mean_absolute_percentage_error", "mean_squared_logarithmic_error"}
    down |= {"false_positives", "false_negatives", "huber"}
    down |= {"binary_focal_crossentropy", "categorical_focal_crossentropy"}
    for make in METRICS.values():
        name = make().name
        if name == "sum":  # of whatever it is given
            continue
        assert Monitor("x", f"val_{name}").mode == ("min" if name in down else "max")


# ------------------------------------------------------------------------------------ early stop


def stopped(values, name="val_loss", **options):
    """How many epochs run, and the callback."""
    callback = EarlyStopping(name, **options)
    history = History()
    run([history, callback], values, name)
    return len(history.epoch), callback


WORSE = [3.0, 2.0, 2.5, 2.4, 2.3, 2.2, 2.1]


@pytest.mark.parametrize(("patience", "epochs"), [(0, 3), (1, 3), (2, 4), (3, 5), (5, 7), (6, 7)])
def test_patience_counts_epochs_without_improvement(patience, epochs):
    ran, callback = stopped(WORSE, patience=patience)
    assert ran == epochs
    assert callback.stopped_epoch == (epochs - 1 if patience < 6 else None)
    assert (callback.best, callback.best_epoch) == (2.0, 1)
    ran, _ = stopped([-v for v in WORSE], "val_accuracy", patience=patience)
    assert ran == epochs


@pytest.mark.parametrize("sign", [1, -1])
def test_improvement_has_to_exceed_min_delta(sign):
    values = [4.0, 3.5, 3.0, 2.5]
    name = "val_loss" if sign == 1 else "val_accuracy"
    for delta, epochs in ((0.0, 4), (0.25, 4), (0.5, 2), (-0.5, 2)):
        assert stopped([sign * v for v in values], name, min_delta=delta)[0] == epochs
    # 3.5 is no improvement on 4, but 3 is
    ran, callback = stopped([sign * v for v in values], name, min_delta=0.5, patience=2)
    assert (ran, callback.best) == (4, sign * 3.0)


def test_equal_is_no_improvement():
    assert stopped([1.0, 1.0, 1.0])[0] == 2


def test_nan_is_no_improvement():
    ran, callback = stopped([math.nan, 2.0, math.nan, math.nan, 1.0], patience=2)
    assert ran == 4
    assert callback.best == 2.0
    assert stopped([math.nan] * 5, patience=3)[0] == 3


def test_a_baseline_has_to_be_beaten():
    assert stopped([5.0, 4.0, 3.0, 2.0], baseline=3.5, patience=2)[0] == 4
    assert stopped([5.0, 4.0, 4.5, 2.0], baseline=3.5, patience=2)[0] == 3
    assert stopped([5.0, 3.0, 4.0, 4.0, 4.0], baseline=3.5, patience=2)[0] == 4
    assert stopped([5.0, 4.0, 3.0, 2.0], baseline=3.5, patience=3)[0] == 4


def test_epochs_before_the_start_do_not_count():
    ran, callback = stopped([0.1, 5.0, 6.0, 4.0, 4.5, 4.6], start_from_epoch=3, patience=2)
    assert ran == 6
    assert (callback.best, callback.best_epoch) == (4.0, 3)


@pytest.mark.parametrize(
    ("values", "kept"), [(WORSE, 1), ([3.0, 2.0, 1.0], 2), ([math.nan] * 4, 0), ([1.0, 1.0], 0)]
)
def test_the_best_weights_come_back(values, kept):
    callback = EarlyStopping(patience=4, restore_best_weights=True)
    assert run(callback, values).epoch == kept
    plain = EarlyStopping(patience=4)
    assert run(plain, values).epoch == min(len(values) - 1, 5)
    assert plain.best_weights is None


def test_another_run_starts_anew():
    callback = EarlyStopping(patience=2, restore_best_weights=True)
    run(callback, [1.0, 2.0, 2.0])
    assert run(callback, [5.0, 4.0, 3.0]).epoch == 2
    assert callback.best == 3.0
    assert callback.stopped_epoch is None


def test_weights_of_an_earlier_run_are_not_put_back_if_this_one_never_began():
    callback, model = EarlyStopping(restore_best_weights=True), Stub()
    run(callback, [1.0, 2.0], model=model)
    model.epoch = 77
    Callbacks([callback], model, {}).on_train_end()
    assert model.epoch == 77


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_a_resumed_run_is_the_same(data):
    numbers = st.lists(st.sampled_from([1.0, 2.0, 3.0, math.nan]), min_size=2, max_size=12)
    values, patience = data.draw(numbers), data.draw(st.integers(0, 4))
    cut = data.draw(st.integers(1, len(values) - 1))

    def make():
        return [
            EarlyStopping(patience=patience, restore_best_weights=True),
            ReduceLROnPlateau(factor=0.5, patience=patience, cooldown=1),
        ]

    whole = make()
    expected = run(whole, values)
    begun = make()
    model = run(begun, values[:cut])
    if model.stop_training:
        return
    resumed = make()
    for new, old in zip(resumed, begun, strict=True):
        new.load_state_dict(old.state_dict())
    after = Stub()
    after.optimizer.learning_rate = model.optimizer.learning_rate
    run(resumed, values[cut:], model=after, first=cut)
    assert after.optimizer.learning_rate == expected.optimizer.learning_rate
    assert (after.stop_training, after.epoch) == (expected.stop_training, expected.epoch)
    for a, b in zip(resumed, whole, strict=True):
        assert repr(a.state_dict()) == repr(b.state_dict())


def test_a_state_is_a_copy_and_suits_json():
    callback = EarlyStopping(patience=9, restore_best_weights=True)
    run(callback, [2.0, 1.0])
    state = callback.state_dict()
    state["best_weights"][0][...] = 99
    assert callback.best_weights[0] == [1]
    del state["best_weights"]
    assert json.loads(json.dumps(state)) == state
    empty = [EarlyStopping(), ReduceLROnPlateau(), ModelCheckpoint("x"), CSVLogger("x")]
    for callback in empty:
        assert json.loads(json.dumps(callback.state_dict())) == callback.state_dict()


def test_what_was_loaded_is_a_copy_and_serves_one_run():
    begun = EarlyStopping(patience=9, restore_best_weights=True)
    run(begun, [2.0, 1.0])
    state, resumed = begun.state_dict(), EarlyStopping(patience=9, restore_best_weights=True)
    resumed.load_state_dict(state)
    state["best_weights"][0][...] = 99
    assert run(resumed, [3.0], first=2).epoch == 1
    assert run(resumed, [5.0, 6.0]).epoch == 0
    assert resumed.best == 5.0


def test_stopping_early_says_why(capsys):
    run(EarlyStopping(patience=2, verbose=1, restore_best_weights=True), WORSE)
    assert capsys.readouterr().out == (
        "Epoch 4: stopped early. The best val_loss was 2.0000, in epoch 2. Its weights are "
        "restored.\n"
    )
    run(EarlyStopping(verbose=1), [math.nan] * 2)
    words = "Epoch 2: stopped early. The best val_loss was none, in epoch 1.\n"
    assert capsys.readouterr().out == words
    run(EarlyStopping(patience=2), WORSE)
    run(EarlyStopping(patience=9, verbose=1), WORSE)
    assert capsys.readouterr().out == ""


def test_early_stopping_in_fit_restores_the_best_model():
    class Spoil(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                self.model.layers[0].weights.assign(100 * np.ones((3, 2)))
                self.model.layers[0].bias.assign([50.0, 0.0])

    model = compiled()
    stop = EarlyStopping(patience=2, restore_best_weights=True)
    history = model.fit(
        *(X, Y),
        **{"epochs": 20, "verbose": 0, "validation_data": (X, Y), "callbacks": [Spoil(), stop]},
    )
    assert history.epoch == [0, 1, 2, 3, 4]
    assert model.evaluate(X, Y)[0] == pytest.approx(min(history.history["val_loss"]), rel=1e-6)
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("patience", [-1, 1.5, "2", None])
def test_patience_is_a_whole_number(patience):
    for make in (EarlyStopping, ReduceLROnPlateau):
        with pytest.raises(ValueError, match=f"{make.__name__}: patience must be a whole number"):
            make(patience=patience)


# ------------------------------------------------------------------------------------ plateau


def rates(values, **options):
    """The learning rate after each epoch."""
    found = []
    watch = LambdaCallback(
        on_epoch_end=lambda epoch, logs: found.append(watch.model.optimizer.learning_rate)
    )
    run([ReduceLROnPlateau(**{"factor": 0.5, "min_delta": 0.0, **options}), watch], values)
    return found


def test_the_rate_falls_on_a_plateau():
    assert rates([1.0] * 6, patience=2) == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert rates([1.0] * 4, patience=1) == [1, 0.5, 0.25, 0.125]
    assert rates([1.0] * 4, patience=0) == [1, 0.5, 0.25, 0.125]
    assert rates([3.0, 2.0, 2.0, 1.0, 1.0, 1.0], patience=2) == [1, 1, 1, 1, 1, 0.5]


def test_a_cooldown_passes_before_epochs_count_again():
    assert rates([1.0] * 8, patience=2, cooldown=2) == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]
    assert rates([1.0] * 5, patience=1, cooldown=1) == [1, 0.5, 0.25, 0.125, 0.0625]
    assert rates([1.0] * 6, patience=1, cooldown=2) == [1, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_the_rate_does_not_fall_below_min_lr(capsys):
    assert rates([1.0] * 5, patience=1, min_lr=0.3, verbose=1) == [1, 0.5, 0.3, 0.3, 0.3]
    assert capsys.readouterr().out == (
        "Epoch 2: learning rate reduced to 0.5.\nEpoch 3: learning rate reduced to 0.3.\n"
    )


def test_small_changes_are_a_plateau():
    values = [1.0, 0.95, 0.9, 0.85]
    assert rates(values, patience=1, min_delta=0.06) == [1, 0.5, 0.5, 0.25]
    assert rates(values, patience=1) == [1, 1, 1, 1]
    assert rates(values, patience=1, mode="max") == [1, 0.5, 0.25, 0.125]


def test_a_further_run_of_a_plateau_starts_anew():
    callback = ReduceLROnPlateau(factor=0.5, patience=2)
    model = run(callback, [1.0, 1.0])
    run(callback, [5.0, 5.0], model=model)
    assert model.optimizer.learning_rate == 1.0


@pytest.mark.parametrize("factor", [0, 1, 1.5, -0.1])
def test_a_factor_lies_between_0_and_1(factor):
    with pytest.raises(ValueError, match="ReduceLROnPlateau: factor must lie between 0 and 1, su"):
        ReduceLROnPlateau(factor=factor)


def test_a_plateau_in_fit_reaches_the_recorded_step():
    """The rate is an array: programs follow, and the model stands still once it is tiny."""
    model = compiled()
    plateau = ReduceLROnPlateau("loss", factor=1e-9, patience=1, mode="max")
    history = model.fit(X, Y, 20, epochs=6, verbose=0, callbacks=[plateau]).history["loss"]
    assert history[0] > history[1] > history[2]
    assert history[2:] == pytest.approx([history[2]] * 4, rel=1e-6)
    assert len(model.trainer.train.programs) == 1


# ------------------------------------------------------------------------------------ schedule


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (lambda epoch: 1 / (epoch + 1), [1, 1 / 2, 1 / 3]),
        (lambda epoch, rate: rate / 2, [1 / 2, 1 / 4, 1 / 8]),
        (lambda epoch, rate=0.0: rate / 2, [1 / 2, 1 / 4, 1 / 8]),
        (lambda *both: both[1] / 2, [1 / 2, 1 / 4, 1 / 8]),
        (lambda epoch: np.float32(0.5), [0.5, 0.5, 0.5]),
        (lambda epoch, *, power=2: 0.5**power, [0.25, 0.25, 0.25]),
    ],
    ids=["epoch", "both", "default", "any", "numpy", "keyword"],
)
def test_a_schedule_sets_the_rate(schedule, expected):
    found = []
    watch = LambdaCallback(
        on_epoch_end=lambda epoch, logs: found.append(watch.model.optimizer.learning_rate)
    )
    run([LearningRateScheduler(schedule), watch], [1.0] * 3)
    assert found == expected


def test_an_error_inside_a_schedule_is_its_own():
    def schedule(epoch, rate):
        return None + 1

    with pytest.raises(TypeError, match="unsupported operand"):
        run(LearningRateScheduler(schedule), [1.0])


@pytest.mark.parametrize("rate", [None, "0.1", [0.1], True])
def test_a_schedule_returns_a_number(rate):
    words = "LearningRateScheduler: the schedule must return a number, got .* for epoch 0"
    with pytest.raises(TypeError, match=words):
        run(LearningRateScheduler(lambda epoch: rate), [1.0])
    with pytest.raises(TypeError, match="LearningRateScheduler: expected a function schedule"):
        LearningRateScheduler(0.1)


def test_a_schedule_in_fit(capsys):
    model = compiled()
    callback = LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[callback])
    assert model.optimizer.learning_rate == pytest.approx(0.025)
    assert capsys.readouterr().out == (
        "Epoch 1: learning rate 0.05.\nEpoch 2: learning rate 0.025.\n"
    )
    with pytest.raises(ValueError, match="learning_rate must be a number larger than 0, got 0"):
        model.fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0)])


# ------------------------------------------------------------------------------------ checkpoint


def test_a_model_is_saved_after_every_epoch(tmp_path):
    path = str(tmp_path / "new" / "{epoch:02d}-{val_loss:.2f}.axon")
    model = run(ModelCheckpoint(path), [0.5, 0.7], first=8)
    assert [p.removeprefix(str(tmp_path)) for p in model.saved] == [
        "/new/09-0.50.axon",
        "/new/10-0.70.axon",
    ]
    assert (tmp_path / "new").is_dir()
    assert not list((tmp_path / "new").iterdir())  # nothing is left of the probe


def test_only_the_best_are_saved(tmp_path, capsys):
    callback = ModelCheckpoint(tmp_path / "{epoch}", save_best_only=True, verbose=1)
    model = run(callback, [3.0, math.nan, 2.0, 2.0, 2.5, 1.0])
    assert [p[-1] for p in model.saved] == ["1", "3", "6"]
    assert f"Epoch 3: val_loss improved to 2.0000, saved {tmp_path}/3\n" in capsys.readouterr().out
    assert callback.best == 1.0
    assert run(callback, [1.5]).saved == []  # a further run goes on
    assert run(
        ModelCheckpoint(tmp_path / "{epoch}", "val_accuracy", save_best_only=True),
        [1.0, 2.0, 1.5],
        "val_accuracy",
    ).saved == [f"{tmp_path}/1", f"{tmp_path}/2"]


def test_the_first_file_has_to_improve_on_the_threshold(tmp_path):
    callback = ModelCheckpoint(
        tmp_path / "{epoch}", save_best_only=True, initial_value_threshold=2.0
    )
    assert [p[-1] for p in run(callback, [3.0, 2.0, 1.0]).saved] == ["3"]


def test_weights_alone(tmp_path, capsys):
    model = run(ModelCheckpoint(tmp_path / "w", save_weights_only=True, verbose=1), [1.0])
    assert model.saved == [f"weights of {tmp_path / 'w'}"]
    assert capsys.readouterr().out == f"Epoch 1: saved {tmp_path / 'w'}\n"


def batches(callback, epochs, steps, model=None, **logs):
    model = model or Stub()
    told = Callbacks([callback], model, {"epochs": epochs, "steps": steps})
    told.on_train_begin()
    for epoch in range(epochs):
        told.on_epoch_begin(epoch)
        for batch in range(steps):
            told.on_train_batch_end(batch, {"loss": 1.0, **logs})
        told.on_epoch_end(epoch, {"loss": 1.0, **logs})
    told.on_train_end()
    return model.saved


def test_batches_are_counted_across_epochs(tmp_path):
    callback = ModelCheckpoint(tmp_path / "{epoch}-{batch}", save_freq=4)
    assert [p.rpartition("/")[2] for p in batches(callback, 3, 3)] == ["2-1", "3-2"]
    state = callback.state_dict()
    assert state == {"best": None, "batches": 1}
    again = ModelCheckpoint(tmp_path / "{epoch}-{batch}", save_freq=4)
    again.load_state_dict(state)
    assert [p.rpartition("/")[2] for p in batches(again, 1, 3)] == ["1-3"]


def test_only_who_counts_batches_listens_to_them(tmp_path):
    for freq, listens in (("epoch", False), (3, True)):
        told = Callbacks([ModelCheckpoint(tmp_path / "x", save_freq=freq)], None, {})
        assert told.listens("on_train_batch_end") is listens


def test_the_best_batch(tmp_path):
    callback = ModelCheckpoint(tmp_path / "{batch}", "loss", save_best_only=True, save_freq=1)
    assert [p[-1] for p in batches(callback, 1, 3)] == ["1"]


@pytest.mark.parametrize("freq", [0, -1, 1.5, "batch", None])
def test_a_save_freq(freq):
    with pytest.raises(
        ValueError, match='ModelCheckpoint: save_freq, if not "epoch", must be a wh'
    ):
        ModelCheckpoint("x", save_freq=freq)
    with pytest.raises(ValueError, match="'val_loss' is known only after an epoch, so save_freq"):
        ModelCheckpoint("x", save_best_only=True, save_freq=3)


@pytest.mark.parametrize("path", ["{", "{epoch", "{}", "{0}", "{epoch:zz}", "{epoch.x}"])
def test_a_filepath_that_cannot_be_filled_in(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError, match=r"ModelCheckpoint: filepath .* cannot be filled in: .*\. W"
    ):
        Callbacks([ModelCheckpoint(path)], Stub(), {}).on_train_begin()


def test_a_filepath_that_asks_for_what_is_not_logged(tmp_path):
    words = (
        r"asks for 'val_los', which is not in the logs\. Did you mean 'val_loss'\? Known: epoch,"
    )
    with pytest.raises(ValueError, match=words):
        run(ModelCheckpoint(tmp_path / "{val_los}"), [1.0])


def obstacles(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    return [
        (
            tmp_path / "file" / "x",
            OSError,
            r"cannot write .*file/x: .*Choose a folder that you may",
        ),
        (
            tmp_path / "folder",
            IsADirectoryError,
            r"cannot write .*folder: it is a folder\. Add a fi",
        ),
        (tmp_path / "file" / "a" / "{epoch}", OSError, r"cannot write .*epoch}: "),
    ]


@pytest.mark.parametrize("make", [ModelCheckpoint, CSVLogger])
def test_what_cannot_be_written_is_told_before_training(make, tmp_path):
    for path, error, words in obstacles(tmp_path):
        if "{" in str(path) and make is CSVLogger:
            continue
        model = compiled()
        before = model.get_weights()
        with pytest.raises(error, match=f"{make.__name__}: {words}"):
            model.fit(X, Y, verbose=0, callbacks=[make(path)])
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
        model.fit(X, Y, verbose=0)


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    def refuse(**options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(PermissionError, match=r"ModelCheckpoint: cannot write .*Permission den"):
        run(ModelCheckpoint(tmp_path / "x"), [1.0])


def test_a_checkpoint_in_fit_can_be_loaded(tmp_path):
    model = compiled()
    path = tmp_path / "best" / "{epoch:02d}" / "{loss:.1f}.axon"
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[ModelCheckpoint(path)])
    files = sorted((tmp_path / "best").rglob("*.axon"))
    assert [f.parent.name for f in files] == ["01", "02"]
    assert len(list((tmp_path / "best").iterdir())) == 2
    again = axon.load_model(files[-1])
    assert np.array_equal(again.predict(X), model.predict(X))


# ------------------------------------------------------------------------------------ csv


def read(path, **options):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file, **options))


def test_a_table_of_the_epochs(tmp_path):
    path = tmp_path / "logs" / "run.csv"
    model = compiled()
    model.fit(X, Y, epochs=2, verbose=0, validation_split=0.5, callbacks=[CSVLogger(path)])
    head, *rows = read(path)
    assert head == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert [row[0] for row in rows] == ["0", "1"]
    for i, name in enumerate(head[1:], start=1):
        assert [float(row[i]) for row in rows] == model.history.history[name]  # every digit


def test_lines_are_whole_while_training_runs(tmp_path):
    path, seen = tmp_path / "x.csv", []
    watch = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(path.read_text()))
    run([CSVLogger(path), watch], [1.0, 2.0])
    assert seen == [
        "epoch,loss,val_loss\n0,9.0,1.0\n",
        "epoch,loss,val_loss\n0,9.0,1.0\n1,9.0,2.0\n",
    ]


def test_a_file_is_begun_anew_or_continued(tmp_path):
    path = tmp_path / "x.csv"
    run(CSVLogger(path), [1.0])
    run(CSVLogger(path, append=True), [2.0], first=1)
    assert [row[0] for row in read(path)] == ["epoch", "0", "1"]
    callback = CSVLogger(path)
    run(callback, [3.0])
    assert read(path) == [["epoch", "loss", "val_loss"], ["0", "9.0", "3.0"]]
    resumed = CSVLogger(path)
    resumed.load_state_dict(callback.state_dict())
    run(resumed, [4.0], first=1)
    assert [row[0] for row in read(path)] == ["epoch", "0", "1"]
    new = tmp_path / "new.csv"
    run(CSVLogger(new, append=True), [1.0])
    assert len(read(new)) == 2


@pytest.mark.parametrize("torn", ["", "1,9", "1,9.0,2.0"])
def test_a_line_that_was_cut_off_is_taken_away(tmp_path, torn):
    path = tmp_path / "x.csv"
    path.write_text("epoch,loss,val_loss\n0,9.0,1.0\n" + torn)
    run(CSVLogger(path, append=True), [5.0], first=1)
    assert path.read_text() == "epoch,loss,val_loss\n0,9.0,1.0\n1,9.0,5.0\n"
    path.write_text("epoch,lo")
    run(CSVLogger(path, append=True), [5.0])
    assert path.read_text() == "epoch,loss,val_loss\n0,9.0,5.0\n"


def test_other_columns_are_refused_and_the_file_is_closed(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("epoch,val_loss\n")
    model = compiled()
    with pytest.raises(
        ValueError, match=r"has the columns epoch, val_loss, but now there are epoch,"
    ):
        model.fit(X, Y, verbose=0, callbacks=[CSVLogger(path, append=True)])
    assert path.read_text() == "epoch,val_loss\n"


def test_columns_of_a_validation_that_comes_later(tmp_path):
    path = tmp_path / "x.csv"
    run(CSVLogger(path), [None, 1.0, None], validation_freq=2)
    assert read(path) == [
        ["epoch", "loss", "val_loss"],
        *(["0", "9.0", ""], ["1", "9.0", "1.0"], ["2", "9.0", ""]),
    ]


def test_a_separator(tmp_path):
    run(CSVLogger(tmp_path / "x.csv", separator=";"), [1.0])
    assert (tmp_path / "x.csv").read_text() == "epoch;loss;val_loss\n0;9.0;1.0\n"
    for wrong in ("", ", ", None):
        with pytest.raises(ValueError, match="CSVLogger: separator must be a single character"):
            CSVLogger("x", separator=wrong)


# ------------------------------------------------------------------------------------ the others


def test_functions_as_hooks():
    told = []
    callback = LambdaCallback(
        on_train_begin=lambda logs: told.append("begin"),
        on_epoch_end=lambda epoch, logs: told.append((epoch, sorted(logs))),
        on_train_end=lambda logs: told.append("end"),
        on_test_begin=None,
    )
    compiled().fit(X, Y, epochs=2, verbose=0, callbacks=[callback])
    assert told == ["begin", (0, ["accuracy", "loss"]), (1, ["accuracy", "loss"]), "end"]


def test_a_hook_that_is_not_there():
    words = (
        r"LambdaCallback: there is no hook 'on_epoch_ende'\. Did you mean 'on_epoch_end'\? Known"
    )
    with pytest.raises(TypeError, match=words):
        LambdaCallback(on_epoch_ende=print)
    with pytest.raises(TypeError, match="LambdaCallback: on_epoch_end must be a function, got 3"):
        LambdaCallback(on_epoch_end=3)


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_lost_model_ends_training(loss, capsys):
    model = Stub()
    told = Callbacks([TerminateOnNaN()], model, {})
    told.on_train_batch_end(0, {"loss": 1e30})
    told.on_train_batch_end(1, None)
    assert not model.stop_training
    told.on_train_batch_end(2, {"loss": loss})
    assert model.stop_training
    assert capsys.readouterr().out == f"Batch 3: the loss is {loss}, training ends.\n"
    told = Callbacks([TerminateOnNaN(raise_error=True)], model, {})
    with pytest.raises(
        RuntimeError, match=r"Batch 3: the loss is .*\. Try a smaller learning rate"
    ):
        told.on_train_batch_end(2, {"loss": loss})


def test_a_lost_model_in_fit(capsys):
    model = Sequential([Dense(3, 1)])
    model.compile("mse", SGD(1e30))
    y = np.ones((20, 1))
    lost = pytest.warns(RuntimeWarning, match="the loss became")
    with lost, np.errstate(over="ignore", invalid="ignore"):
        history = model.fit(X, y, 4, epochs=9, verbose=0, callbacks=[TerminateOnNaN()])
    assert history.epoch == [0]
    assert "training ends" in capsys.readouterr().out


def test_names_that_are_imported():
    names = {
        *("Callback", "Callbacks", "CSVLogger", "EarlyStopping", "History", "LambdaCallback"),
        *("LearningRateScheduler", "LinePrinter", "LossPrinter", "ModelCheckpoint", "ProgressBar"),
        *("ReduceLROnPlateau", "TerminateOnNaN", "check", "measured", "printer"),
    }
    assert names < set(vars(axon.callbacks))
