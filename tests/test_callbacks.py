"""What callbacks are told, in which order; and what progress looks like."""

import re
import sys

import numpy as np
import pytest

from axon import callbacks
from axon.callbacks import Callback, History, LinePrinter, LossPrinter, ProgressBar, printer
from axon.layers import Dense
from axon.models import Sequential
from axon.optimizers import SGD

X, Y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2


def compiled(metrics=("accuracy",)):
    model = Sequential([Dense(3, 2, "softmax")])
    model.compile("categorical_crossentropy", SGD(0.1), metrics=list(metrics))
    return model


class Diary(Callback):
    """Writes down all that it is told."""

    def __init__(self, pages, name="diary"):
        self.pages, self.name = pages, name

    def note(self, what, *details):
        self.pages.append((self.name, what, *details))

    def on_train_begin(self):
        self.note("train begin", self.params["epochs"], self.params["steps"])

    def on_epoch_begin(self, epoch):
        self.note("epoch begin", epoch)

    def on_train_batch_end(self, batch, logs):
        self.note("batch end", batch, sorted(logs))

    def on_epoch_end(self, epoch, logs):
        self.note("epoch end", epoch, sorted(logs))

    def on_train_end(self):
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
        def on_epoch_end(self, epoch, logs):
            assert self.model.history.history["loss"][-1] == logs["loss"]
            assert len(self.model.history.epoch) == epoch + 1

    compiled().fit(X, Y, epochs=3, verbose=0, callbacks=[Reader()])


def test_logs_hold_the_means_of_the_epoch():
    seen = []

    class Watch(Callback):
        def on_train_batch_end(self, batch, logs):
            seen.append(logs["loss"])

        def on_epoch_end(self, epoch, logs):
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


def test_stop_training_ends_after_the_epoch():
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs):
            self.model.stop_training = epoch == 2

    class StopEarly(Callback):
        def on_train_batch_end(self, batch, logs):
            self.model.stop_training = True

    model, pages = compiled(), []
    assert model.fit(X, Y, epochs=10, verbose=0, callbacks=[Stop()]).epoch == [0, 1, 2]
    history = model.fit(X, Y, 8, epochs=10, verbose=0, callbacks=[StopEarly(), Diary(pages)])
    assert history.epoch == [0]
    assert [page[1] for page in pages].count("batch end") == 3
    assert pages[-1][1] == "train end"
    assert model.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1]


@pytest.mark.parametrize("hook", [h for h in vars(Callback) if h.startswith("on_")])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_callback_that_raises_leaves_the_model_usable(hook, error):
    def fail(self, *details):
        raise error("stop")

    failing = type("Failing", (Callback,), {hook: fail})()
    pages, model = [], compiled()
    with pytest.raises(error, match="stop"):
        model.fit(X, Y, epochs=3, verbose=0, callbacks=[Diary(pages), failing])
    assert [page[1] for page in pages].count("train end") == 1
    assert all(p.grad is None for p in model.parameters())
    before = model.evaluate(X, Y)[0]
    model.fit(X, Y, epochs=20, verbose=0)
    assert model.evaluate(X, Y)[0] < before


def test_every_callback_hears_the_end_even_if_one_fails_there():
    class Failing(Callback):
        def on_train_end(self):
            raise RuntimeError("at the end")

    pages = []
    with pytest.raises(RuntimeError, match="at the end"):
        compiled().fit(X, Y, verbose=0, callbacks=[Failing(), Diary(pages)])
    assert pages[-1][1] == "train end"


def test_a_model_can_be_used_inside_a_callback():
    found = []

    class Probe(Callback):
        def on_epoch_end(self, epoch, logs):
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
    assert history.params == {"epochs": 4, "steps": 2, "batch_size": 8}
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
    pytest.importorskip("rich")
    kinds = {v: [type(c) for c in printer(v)] for v in (0, 1, 2, "auto")}
    assert kinds == {0: [], 1: [LinePrinter], 2: [LinePrinter], "auto": [LinePrinter]}
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    kinds = {v: [type(c) for c in printer(v)] for v in (0, 1, 2, "auto")}
    assert kinds == {0: [], 1: [ProgressBar], 2: [LinePrinter], "auto": [ProgressBar]}
    monkeypatch.setattr(callbacks, "_has_rich", lambda: False)
    assert [type(c) for c in printer(1)] == [LinePrinter]


@pytest.mark.parametrize("verbose", [3, -1, "loud", None, [1]])
def test_an_unknown_verbosity_is_refused(verbose):
    words = r'verbose must be "auto", 0, 1 or 2, got '
    with pytest.raises(ValueError, match=words):
        compiled().fit(X, Y, verbose=verbose)
    with pytest.raises(ValueError, match=words):
        compiled().evaluate(X, Y, verbose=verbose)


def test_a_progress_bar_moves_and_leaves_a_line(capsys):
    pytest.importorskip("rich")
    compiled().fit(X, Y, batch_size=2, epochs=2, verbose=0, callbacks=[ProgressBar()])
    assert re.search(r"Epoch 2/2 - \d+\.\ds - loss: \d\.\d{4} -", capsys.readouterr().out)


def test_a_progress_bar_goes_away_when_training_breaks():
    pytest.importorskip("rich")

    class Break(Callback):
        def on_train_batch_end(self, batch, logs):
            raise KeyboardInterrupt

    bar = ProgressBar()
    with pytest.raises(KeyboardInterrupt):
        compiled().fit(X, Y, verbose=0, callbacks=[bar, Break()])
    assert not bar._bar.live.is_started


def test_a_loss_printer_can_be_used_with_fit(capsys):
    compiled().fit(X, Y, verbose=0, callbacks=[LossPrinter()])
    assert re.fullmatch(r"Epoch 1/1 - Loss: \d\.\d{4}\n", capsys.readouterr().out)
