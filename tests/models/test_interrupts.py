"""Ctrl-C at any place inside of a call: the next one is right, and nothing is left taken."""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import axon
from axon import modes, threads
from axon.blas import Control, one_blas_thread
from axon.layers import Dense
from axon.models import Sequential

X = np.random.default_rng(0).normal(size=(96, 6)).astype("f4")
Y = np.random.default_rng(1).normal(size=(96, 1)).astype("f4")
OTHER = np.full((96, 6), 7.0, "f4")  # what the interrupted call works with


EACH = "AXON_EACH_INTERRUPT" in os.environ  # every place in turn: minutes
PLACES = 12


class Interrupt:
    """Raises KeyboardInterrupt at one of the events inside ``axon``: a call, or a line."""

    def __init__(self, at: int, lines: bool) -> None:
        self.at, self.lines, self.seen, self.busy = at, lines, 0, False

    def _count(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            raise KeyboardInterrupt

    def profile(self, frame: Any, event: str, arg: Any) -> None:
        name = frame.f_code.co_filename
        if event in ("call", "c_call") and "/axon/" in name and arg is not sys.setprofile:
            self._count()

    def trace(self, frame: Any, event: str, arg: Any) -> Any:
        if "/axon/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            self._count()
        return self.trace

    def during(self, call: Callable[[], Any]) -> bool:
        """Whether the call came so far."""
        before = sys.gettrace(), sys.getprofile()
        try:
            (sys.settrace if self.lines else sys.setprofile)(
                self.trace if self.lines else self.profile
            )
            call()
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before[0])
            sys.setprofile(before[1])
        return self.seen >= self.at


def loss_of(model: Any, x: Any, y: Any) -> float:
    """What numpy says."""
    w, b, v, c = model.get_weights()
    return float(((np.maximum(x @ w + b, 0) @ v + c - y) ** 2).mean())


def free_for_others(model: Any) -> list[Any]:
    """What another thread gets, which cannot take what this one has left taken."""
    found: list[Any] = []
    other = threading.Thread(target=lambda: found.append(model.evaluate(X, Y, batch_size=32)))
    other.daemon = True
    other.start()
    other.join(20)
    return found


JOBS: dict[str, Callable[[Any], Any]] = {
    "fit": lambda m: m.fit(OTHER, Y, verbose=0, batch_size=32, shuffle=False),
    "evaluate": lambda m: m.evaluate(OTHER, Y, batch_size=32),
    "predict": lambda m: m.predict(OTHER, batch_size=32),
    "predict few": lambda m: m.predict(OTHER[:8]),
    "train_on_batch": lambda m: m.train_on_batch(OTHER[:32], Y[:32]),
}


@pytest.fixture
def usual():
    """Kernels and threads are as before in the end."""
    kernels, number = axon.get_kernels(), threads.get_threads()
    yield
    axon.set_kernels(kernels)
    axon.set_threads(number)


@pytest.mark.filterwarnings("ignore:.*take turns, which is slower")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # while closing
@pytest.mark.parametrize("lines", [False, True], ids=["calls", "lines"])
@pytest.mark.parametrize("kernels", ["numpy", "fast"])
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("job", list(JOBS))
def test_an_interrupt_anywhere_leaves_all_as_it_should_be(
    monkeypatch, usual, job, number, kernels, lines
) -> None:
    blas = [4]
    control = Control(lambda: blas[0], lambda n: blas.__setitem__(0, n))
    monkeypatch.setattr(one_blas_thread, "controls", [control])
    axon.set_threads(number)
    axon.set_kernels(kernels)
    axon.set_random_seed(0)
    model = Sequential([Dense(4, "relu"), Dense(1)])
    model.compile("mse", axon.optimizers.SGD(1e-12))
    for _ in range(2):
        for run in JOBS.values():
            run(model)
    at, interrupted = 1, True
    whole = Interrupt(10**9, lines)
    whole.during(lambda: JOBS[job](model))
    while interrupted:
        interrupted = Interrupt(at, lines).during(lambda: JOBS[job](model))
        assert blas == [4], at
        assert modes.modes.recorder is None, at
        assert modes.modes.scope == "", at
        want = loss_of(model, X, Y)
        assert model.evaluate(X, Y, batch_size=32) == pytest.approx(want, abs=1e-5), at
        predicted = model.predict(X[:5])
        w, b, v, c = model.get_weights()
        np.testing.assert_allclose(predicted, np.maximum(X[:5] @ w + b, 0) @ v + c, atol=1e-4)
        history = model.fit(X, Y, verbose=0, batch_size=32).history["loss"]
        assert history == [pytest.approx(want, abs=1e-4)], at
        if at % 5 == 1:
            assert free_for_others(model) == [pytest.approx(want, abs=1e-4)], at
        at += 1 if EACH else max(1, whole.seen // PLACES) + len(job)  # not always the same ones
    assert at > 20
