"""Many shapes: what a step keeps, what it computes eagerly, and that no bits depend on it."""

import gc
import tracemalloc

import numpy as np
import pytest

import axon
from axon.callbacks import Callback
from axon.layers import Dense, Dropout, Embedding, GlobalAveragePooling1D
from axon.models import Sequential
from axon.program import cache, lowerings, step
from axon.program.cache import AT_ONCE

rng = np.random.default_rng(0)


def lengths(count, rows=4):
    """Batches of texts, each of another length."""
    ids = (rng.integers(0, 50, (rows, 3 + n)) for n in range(count))
    return [(x, (x[:, 0] > 25).astype(np.int64)) for x in ids]


def network(eager=False):
    axon.set_random_seed(3)
    layers = [Embedding(50, 4), GlobalAveragePooling1D(), Dropout(0.2, seed=1), Dense(2, "softmax")]
    model = Sequential(layers)
    model.compile("categorical_cross_entropy", "adam", ["accuracy"], eager=eager)
    return model


@pytest.fixture
def recorded(monkeypatch):
    """How often a step was run eagerly, to be recorded or compared."""
    calls, traced = [], step.trace
    monkeypatch.setattr(step, "trace", lambda *given: calls.append(1) or traced(*given))
    return calls


@pytest.fixture
def fast():
    pytest.importorskip("numba")
    with lowerings.Kernels("fast"):
        yield


@pytest.mark.parametrize("count", [17, 90])
def test_shapes_in_turn_are_recorded_once_each(recorded, count):
    data, found = lengths(count), []
    for eager in (False, True):
        model = network(eager)
        for _ in range(3):
            model.fit(data, verbose=0)
        known = len(recorded)
        model.fit(data, verbose=0)
        assert len(recorded) == known <= 2 * count, "recorded, compared, and no more"
        found.append(model.get_weights())
    if axon.get_kernels() == "numpy":
        assert all(map(np.array_equal, *found))
    assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(*found, strict=True))


def test_shapes_that_do_not_come_back_are_computed_eagerly(recorded):
    model = network()
    for batch in lengths(AT_ONCE + 30):
        model.train_on_batch(*batch)
    assert len(recorded) == AT_ONCE
    assert len(model.trainer.train.slots) == len(model.trainer.train.programs) == AT_ONCE


def test_where_memory_is_full_shapes_do_not_chase_each_other_away(recorded, monkeypatch):
    """Taken in turn, the least recently used would always be the next one."""
    monkeypatch.setattr(cache, "memory", lambda: 1_500_000)
    model, data = network(), lengths(20)
    for _ in range(3):
        model.fit(data, verbose=0)
    step, known = model.trainer.train, len(recorded)
    kept = list(step.programs)
    assert 2 <= len(kept) < 10
    assert step.cache.bytes <= cache.memory()
    model.fit(data, verbose=0)
    if axon.get_kernels() == "numpy":
        assert len(recorded) == known
    assert list(step.programs) == kept
    assert len(step.slots) == len(kept)


def test_where_memory_is_full_other_shapes_take_the_place_of_those_that_are_over(monkeypatch):
    monkeypatch.setattr(cache, "memory", lambda: 1_500_000)
    model, data = network(), lengths(12)
    for batch in (*data[:6] * 3, *data[6:9] * 4):
        model.train_on_batch(*batch)
    sizes = {key[0][0][1] for key in model.trainer.train.programs}
    assert {9, 10, 11} <= sizes


def test_one_program_is_kept_however_large(recorded, monkeypatch):
    monkeypatch.setattr(cache, "memory", lambda: 1)
    model, ((x, y),) = network(), lengths(1)
    for _ in range(5):
        model.train_on_batch(x, y)
    assert len(recorded) == 2


@pytest.mark.parametrize("eager", [True, False])
def test_memory_is_bounded(eager, monkeypatch):
    monkeypatch.setattr(cache, "memory", lambda: 400_000)
    model, wide = network(eager), lengths(40, rows=2000)
    for x, y in wide[:3]:
        model.train_on_batch(x, y)
    tracemalloc.start()
    try:
        for x, y in wide[3:]:
            model.train_on_batch(x, y)
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 8 * wide[-1][0].nbytes
    assert len(model.trainer.train.slots) <= 1


class Stop(Callback):
    """Ctrl-C after so many batches."""

    def __init__(self, after):
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize("kept", [1, 2**30], ids=["a little memory", "much memory"])
@pytest.mark.parametrize("after", [4, 11])
def test_a_resumed_run_gives_the_same_bits(fast, monkeypatch, tmp_path, after, kept):
    """Compiled kernels do the first shapes, NumPy's the later ones: a new process has to know."""
    monkeypatch.setattr(cache, "AT_ONCE", 3)
    monkeypatch.setattr(cache, "memory", lambda: kept)
    data = lengths(7)
    order = [data[i] for i in (0, 1, 2, 3, 4, 0, 5, 6, 1)]
    whole = network()
    whole.fit(order, epochs=2, verbose=0, resume=tmp_path / "whole")
    broken = network()
    backup = axon.callbacks.BackupAndRestore(tmp_path / "broken", save_freq=1)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(order, epochs=2, verbose=0, callbacks=[backup, Stop(after)])
    resumed = network()
    resumed.fit(order[::1], epochs=2, verbose=0, callbacks=[backup])
    assert list(resumed.trainer.train.cache.first) == list(whole.trainer.train.cache.first)
    assert all(map(np.array_equal, whole.get_weights(), resumed.get_weights()))


def test_first_and_later_predictions_are_the_same_bits(fast, monkeypatch):
    monkeypatch.setattr(cache, "AT_ONCE", 3)
    model = Sequential([Dense(16, 64, "tanh"), Dense(33, "gelu"), Dense(3, "softmax")])
    for rows in (40, 7, 1, 100, 64):
        x = rng.normal(size=(rows, 16)).astype("float32")
        first, *later = [model.predict(x) for _ in range(4)]
        assert all(np.array_equal(first, y) for y in later)
    assert [p.machine is not None for p in model.programs] == [True] * 3 + [False] * 2


def test_the_limit_is_an_environment_variable(monkeypatch):
    for text, wanted in (("", 2**30), ("64", 2**26)):
        monkeypatch.setenv("AXON_PROGRAM_MEMORY", text)
        cache.memory.cache_clear()
        assert cache.memory() == wanted
    monkeypatch.setenv("AXON_PROGRAM_MEMORY", "1 GB")
    cache.memory.cache_clear()
    with pytest.raises(ValueError, match="whole number of MiB, such as 512, got '1 GB'"):
        cache.memory()
    monkeypatch.undo()
    cache.memory.cache_clear()
