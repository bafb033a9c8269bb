"""The training loop: how deep it is, where batches lie, how gradients are reduced, its state."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import axon
from axon import ops
from axon.callbacks import Callback, Callbacks
from axon.core import Tensor, primitive
from axon.layers import Dense
from axon.models import Sequential
from axon.models.feeds import ArrayFeed
from axon.models.loop import Fit
from axon.program import Step

X = np.random.default_rng(0).normal(size=(70, 3)).astype("f4")
Y = np.random.default_rng(1).normal(size=(70, 1)).astype("f4")


@pytest.fixture(params=["numpy", "fast"])
def kernels(request: pytest.FixtureRequest) -> Iterator[str]:
    before = axon.get_kernels()
    axon.set_kernels(request.param)
    yield request.param
    axon.set_kernels(before)


def compiled(eager: bool = False, optimizer: Any = None, **options: Any) -> Any:
    axon.set_random_seed(0)
    model = Sequential([Dense(4, "relu"), Dense(1)])
    model.compile("mse", optimizer or axon.optimizers.SGD(0.1), eager=eager, **options)
    return model


# ------------------------------------------------------------------------------------ how deep


def frames_of_fit(model: Any) -> list[list[str]]:
    """For each kernel of NumPy's that runs: the functions between ``fit`` and it, inside out."""
    found: list[list[str]] = []

    def note(frame: Any, event: str, arg: Any) -> None:
        code = frame.f_code
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if event != "call" or "xp" not in arguments:
            return
        between, frame = list[str](), frame.f_back
        while frame is not None and frame.f_code is not axon.Model.fit.__code__:
            between.append(frame.f_code.co_qualname)
            frame = frame.f_back
        if frame is not None:
            found.append(between)

    sys.setprofile(note)
    try:
        model.fit(X[:64], Y[:64], verbose=0)
    finally:
        sys.setprofile(None)
    return found


def test_a_replayed_kernel_is_few_frames_below_fit() -> None:
    """``run`` for epochs, ``batches``, ``steps``, the step, its program; two that hold locks."""
    before = axon.get_kernels()
    axon.set_kernels("numpy")
    try:
        model = compiled()
        model.fit(X[:64], Y[:64], verbose=0)
        found = frames_of_fit(model)
    finally:
        axon.set_kernels(before)
    assert len(found) > 20
    assert max(map(len, found)) <= 7, max(found, key=len)
    assert {name.split(".")[-1] for names in found for name in names} >= {"replay", "batches"}


def test_an_eager_kernel_is_not_many_frames_below_fit() -> None:
    """Ten of them are the layer's and the primitive's own."""
    model = compiled(eager=True)
    model.fit(X[:64], Y[:64], verbose=0)
    found = frames_of_fit(model)
    assert len(found) > 20
    assert max(map(len, found)) <= 17, max(found, key=len)


# ------------------------------------------------------------------------------------ reduction


@primitive(kind="writes", writes=1)
def shrink_for_a_test(g: Any, factor: float, *, xp: Any) -> None:
    """Multiply in place."""
    xp.multiply(g, factor, out=g)


def halve(gradients: list[Tensor]) -> None:
    """Stands for what several processes would do."""
    for gradient in gradients:
        shrink_for_a_test(gradient, 0.5)


def by_hand(epochs: int) -> list[Any]:
    model = compiled()
    loss, optimizer = model.loss, model.optimizer
    model.build((3,))
    optimizer.build(model.parameters())
    for _ in range(epochs):
        for start in range(0, 70, 32):
            rows = slice(start, start + 32)
            loss.loss(Tensor(Y[rows]), model(Tensor(X[rows]), training=True)).backward()
            for p in model.parameters():
                p.grad.assign(p.grad * 0.5)
            optimizer.step()
            optimizer.zero_grad()
    return model.get_weights()


@pytest.mark.parametrize("eager", [False, True])
def test_a_reduction_stands_between_backward_and_update(eager: bool) -> None:
    before = axon.get_kernels()
    axon.set_kernels("numpy")
    try:
        model = compiled(eager)
        model.trainer.reduction = halve
        model.fit(X, Y, epochs=3, shuffle=False, verbose=0)
        want = by_hand(3)
    finally:
        axon.set_kernels(before)
    for ours, theirs in zip(model.get_weights(), want, strict=True):
        assert np.array_equal(ours, theirs)


def test_a_reduction_is_recorded_as_what_it_does_and_none_as_nothing() -> None:
    """All gradients lie one behind another: it is one instruction for all of them."""
    lines = []
    for reduction in (None, halve):
        model = compiled()
        model.trainer.reduction = reduction
        model.fit(X, Y, verbose=0)
        lines.append([(line.name, line.phase) for line in model.program.lines])
    plain, reduced = lines
    assert ("shrink_for_a_test", "backward") in reduced
    reduced.remove(("shrink_for_a_test", "backward"))
    assert reduced == plain


def test_a_reduction_works_with_compiled_kernels(kernels: str) -> None:
    """As SGD does with half the rate, whichever way the steps are made."""
    model, other = compiled(), compiled(optimizer=axon.optimizers.SGD(0.05))
    model.trainer.reduction = halve
    for each in (model, other):
        axon.set_random_seed(1)
        each.fit(X, Y, epochs=3, verbose=0)
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_another_reduction_is_followed_from_the_next_step_on(kernels: str) -> None:
    """Also in the midst of an epoch, where the step has long been recorded; and given up again."""
    model, other = compiled(), compiled(optimizer=axon.optimizers.SGD(0.1))
    reductions, rates = [None, halve, halve, None, halve, None], [0.1, 0.05, 0.05, 0.1, 0.05, 0.1]

    class Switch(Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            model.trainer.reduction = reductions[batch]

    class Slow(Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            other.optimizer.learning_rate = rates[batch]

    for each, callback in ((model, Switch()), (other, Slow())):
        axon.set_random_seed(1)
        options = {"batch_size": 10, "steps_per_epoch": 6, "shuffle": False, "verbose": 0}
        each.fit(X[:60], Y[:60], epochs=2, callbacks=[callback], **options)
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


# ------------------------------------------------------------------------------------ feed


class Counted:
    """A feed that is no ArrayFeed: what fills the inputs may lie anywhere."""

    def __init__(self, columns: list[np.ndarray]) -> None:
        self.columns, self.numbers = columns, np.arange(len(columns[0]))
        self.filled: list[tuple[int, int]] = []

    def fill(self, start: int, stop: int, inputs: list[np.ndarray]) -> None:
        self.filled.append((start, stop))
        for column, into in zip(self.columns, inputs, strict=True):
            into[...] = column[start:stop]


def test_a_step_takes_its_batches_from_a_feed(kernels: str) -> None:
    total = Tensor(np.zeros(()))

    def add(x: Tensor) -> list[Tensor]:
        return [ops.add_in_place(total, x.sum())]

    step = Step("sum", add, ["x"], state=lambda: [total])
    feed, x = Counted([X]), step.inputs(((10, 3), np.dtype("f4")))
    start = 0
    while start < 70:
        found = step.run(x, (), feed, start, (70 - start) // 10)
        assert step.done >= 1
        start += 10 * step.done
    assert start == 70
    assert found[0] == pytest.approx(X.sum(), rel=1e-5)
    assert feed.filled[0] == (0, 10)
    assert kernels == "fast" or feed.filled == [(i, i + 10) for i in range(0, 70, 10)]


def frozen_now_and_then(model: Any, number: int) -> None:
    """Freeze one parameter, or not: no setting is changed, the parameter alone knows."""
    if model.parameters():
        model.parameters()[0].requires_grad = number % 3 != 1


class FreezesBefore(Callback):
    def on_train_batch_begin(self, batch: int, logs: Any) -> None:
        frozen_now_and_then(self.model, batch)


class Batches:
    """An iterable that freezes a parameter while it yields."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __iter__(self) -> Iterator[Any]:
        for number in range(6):
            frozen_now_and_then(self.model, number)
            yield X[number * 10 :][:10], Y[number * 10 :][:10]


@pytest.mark.parametrize("who", ["a callback", "an iterable"])
def test_what_is_frozen_before_a_batch_stays_as_it_is_in_that_batch(who: str, kernels: str) -> None:
    ends = []
    for eager in (True, False):
        model = compiled(eager)
        model.build((3,))
        if who == "a callback":
            model.fit(X, Y, epochs=2, batch_size=10, verbose=0, callbacks=[FreezesBefore()])
        else:
            model.fit(Batches(model), epochs=2, verbose=0)
        ends.append(np.concatenate([p.data.ravel() for p in model.parameters()]))
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-4, atol=1e-6)


class StopsAtOnce(Callback):
    def on_train_begin(self, logs: Any) -> None:
        self.model.stop_training = True


def test_who_stops_before_the_first_batch_gets_one_batch_not_as_many_as_time_allows() -> None:
    model = compiled()
    model.fit(X, Y, epochs=1, batch_size=10, verbose=0)
    before = float(model.optimizer.iterations.data)
    model.fit(X, Y, epochs=5, batch_size=10, verbose=0, callbacks=[StopsAtOnce()])
    assert float(model.optimizer.iterations.data) == before + 1


def test_several_steps_in_one_go_only_where_nobody_looks_between_them() -> None:
    """With a hook for batches each is told; so it is with a backup after each batch."""
    pytest.importorskip("numba")
    before = axon.get_kernels()
    axon.set_kernels("fast")
    try:
        counts: dict[str, list[int]] = {}
        for name, callbacks in (("plain", []), ("hook", [Silent()])):
            model = compiled()
            model.fit(X[:64], Y[:64], batch_size=2, epochs=4, verbose=0)
            run, seen = model.trainer.train.run, counts.setdefault(name, [])

            def note(*given: Any, run: Any = run, seen: Any = seen, model: Any = model) -> Any:
                outputs = run(*given)
                seen.append(model.trainer.train.done)
                return outputs

            vars(model.trainer.train)["run"] = note
            model.fit(X[:64], Y[:64], batch_size=2, epochs=4, verbose=0, callbacks=callbacks)
    finally:
        axon.set_kernels(before)
    assert counts["hook"] == [1] * 128
    assert sum(counts["plain"]) == 128
    assert max(counts["plain"]) > 1


class Silent(Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


# ------------------------------------------------------------------------------------ its state


def fit_of(model: Any, callbacks: list[Callback], epochs: int = 3) -> Fit:
    """What ``fit`` makes, with samples in a fresh order each epoch."""
    trainer = model.trainer
    model.build((3,))
    feed = ArrayFeed([X, Y], [np.dtype("f4")], 16, np.arange(70))
    trainer.prepare(feed)
    everyone = Callbacks(callbacks, model, {"epochs": epochs, "steps": len(feed)})
    return Fit(trainer, model._predictor.step, feed, None, range(epochs), everyone)


class Keep(Callback):
    """Takes the state of the run in the midst of it."""

    def __init__(self, when: tuple[int, int]) -> None:
        self.when, self.epoch = when, 0
        self.fit: Any = None
        self.kept: Any = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.when:
            self.kept = self.fit.state()


@pytest.mark.parametrize("when", [(0, 1), (1, 3), (2, 4)])
def test_state_is_all_that_the_rest_of_a_run_needs(when: tuple[int, int], kernels: str) -> None:
    keep, model = Keep(when), compiled(optimizer="adam", metrics=["mae"])
    keep.fit = fit_of(model, [keep])
    keep.fit.run()
    axon.set_random_seed(99)
    other = compiled(optimizer="adam", metrics=["mae"])
    fit = fit_of(other, [Keep((-1, 0))])
    axon.set_random_seed(99)
    fit.restore(keep.kept)
    assert (fit.epoch, fit.batch) == when
    fit.run()
    assert fit.finished
    for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)
    results = [m.trainer.metrics[0].result() for m in (model, other)]
    assert results[0] == results[1]
