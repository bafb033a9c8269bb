"""One owner at a time: threads, callbacks and forks beside a model that learns or predicts."""

import copy
import os
import pickle
import sys
import threading
from collections.abc import Iterator
from pkgutil import walk_packages
from typing import Any

import numpy as np
import pytest

import axon
from axon import locks, modes, random, settings
from axon.callbacks import LambdaCallback
from axon.layers import Dense, Embedding, Flatten
from axon.locks import Lock
from axon.models import Sequential

X = np.random.default_rng(0).normal(size=(600, 2)).astype("f4")
Y = np.random.default_rng(1).integers(0, 4, 600)
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")


@pytest.fixture(params=["numpy", "fast"])
def kernels(request: pytest.FixtureRequest) -> Iterator[str]:
    before = axon.get_kernels()
    axon.set_kernels(request.param)
    yield request.param
    axon.set_kernels(before)


def trained(metrics: Any = ("accuracy",), rate: float = 1e-9) -> Any:
    axon.set_random_seed(0)
    model = Sequential([Dense(8, "relu"), Dense(4, "softmax")])
    model.compile("categorical_cross_entropy", axon.optimizers.SGD(rate), list(metrics))
    model.fit(X, Y, verbose=0)
    return model


def together(*jobs: Any) -> list[Any]:
    """What several threads at once make, or raise."""
    found: list[Any] = [None] * len(jobs)

    def work(number: int) -> None:
        try:
            found[number] = jobs[number]()
        except Exception as error:
            found[number] = error

    made = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(len(jobs))]
    for thread in made:
        thread.start()
    for thread in made:
        thread.join(60)
        assert not thread.is_alive(), "it hangs"
    return found


# ------------------------------------------------------------------------------------ threads


def test_threads_take_turns_with_a_model(kernels):
    model = trained(["accuracy", axon.metrics.AUC()])
    want, rows = model.evaluate(X, Y, batch_size=64), [model.predict(X) for _ in range(3)][-1]

    def test() -> list[Any]:
        return [model.evaluate(X, Y, batch_size=64) for _ in range(5)]

    def predict() -> bool:
        return all((model.predict(X) == rows).all() for _ in range(5))

    found = together(test, predict, test, predict, test)
    assert found == [[want] * 5, True, [want] * 5, True, [want] * 5]


def test_tests_and_predictions_beside_training_are_of_one_state(kernels):
    model = trained(rate=0.5)
    states = [model.evaluate(X, Y, batch_size=50)[0]]

    def note(batch, logs):
        states.append(model.evaluate(X, Y, batch_size=50)[0])

    def train() -> Any:
        return model.fit(
            X, Y, 100, 3, verbose=0, callbacks=[LambdaCallback(on_train_batch_end=note)]
        )

    def test() -> list[float]:
        return [model.evaluate(X, Y, batch_size=50)[0] for _ in range(10)]

    history, *tested = together(train, test, test)
    assert history.epoch == [0, 1, 2]
    assert {loss for losses in tested for loss in losses} <= set(states)


def test_one_fit_at_a_time(kernels):
    model, said = trained(), []

    def nested(epoch, logs):
        said.extend(together(lambda: model.fit(X, Y, verbose=0)))
        for call in (lambda: model.fit(X, Y, verbose=0), lambda: model.compile("mse")):
            with pytest.raises(RuntimeError, match="is being trained by a fit that has not ended"):
                call()

    model.fit(X, Y, epochs=1, verbose=0, callbacks=[LambdaCallback(on_epoch_begin=nested)])
    assert "in another thread or around this callback" in str(said[0])
    assert model.fit(X, Y, verbose=0).epoch == [0]


def test_the_order_of_samples_has_one_owner():
    trainer = trained().trainer
    first, second = trainer.order(600), trainer.order(600)
    assert not np.shares_memory(first, second)


def test_models_that_share_an_optimizer_are_trained_one_at_a_time():
    model = trained()
    other = Sequential([Dense(4, "softmax")])
    other.compile("categorical_cross_entropy", "sgd")
    other._trainer.optimizer = model.optimizer

    def nested(epoch, logs):
        with pytest.raises(RuntimeError, match="its optimizer, which 'sequential' shares"):
            other.fit(X, Y, verbose=0)

    model.fit(X, Y, epochs=1, verbose=0, callbacks=[LambdaCallback(on_epoch_begin=nested)])


def test_a_thread_that_a_callback_waits_for_gets_its_turn(kernels):
    model, found = trained(), []

    def wait(epoch, logs):
        jobs = (lambda: model.evaluate(X, Y), lambda: model.predict(X[:3]).shape)
        found.extend(together(*jobs, lambda: model.train_on_batch(X, Y)))

    model.fit(X, Y, epochs=1, verbose=0, callbacks=[LambdaCallback(on_epoch_end=wait)])
    want = model.evaluate(X, Y)
    assert found == [pytest.approx(want), (3, 4), pytest.approx(want)]


def test_a_thread_that_makes_batches_may_ask_the_model():
    model = trained()

    def batches() -> Iterator[Any]:
        for start in range(0, 600, 100):
            part = X[start : start + 100], Y[start : start + 100]
            assert together(lambda x=part[0]: model.predict(x).shape) == [(100, 4)]
            yield part

    assert model.evaluate(batches()) == pytest.approx(model.evaluate(X, Y))
    assert together(lambda: model.fit(batches(), verbose=0).epoch) == [[0]]


def test_models_that_share_layers_take_turns():
    shared = Dense(8, "relu")
    a, b = Sequential([shared, Dense(1)]), Sequential([shared, Dense(1)])
    for model in (a, b):
        model.compile("mse", axon.optimizers.SGD(1e-12))
        model.fit(X, Y[:, None], verbose=0)
    assert set(a._all_locks()) & set(b._all_locks())
    assert not set(a._all_locks()) & set(trained()._all_locks())
    want = a.evaluate(X, Y[:, None]), b.evaluate(X, Y[:, None])
    jobs = [
        lambda: a.fit(X, Y[:, None], verbose=0).history["loss"][0],
        lambda: b.evaluate(X, Y[:, None]),
    ]
    found = together(*jobs, lambda: b.fit(X, Y[:, None], verbose=0).history["loss"][0])
    assert found == [pytest.approx(want[i], rel=1e-5) for i in (0, 1, 1)]


def test_attributes_are_looked_at_while_other_threads_set_some():
    """As the first to use a model does, while others look which layers it has."""

    model = trained()
    paths = []
    for path, _ in model.children():
        vars(model)[f"new_{path}"] = None
        paths.append(path)
    assert len(paths) == 2
    for number, _ in enumerate(settings._parts(model)):
        vars(model)[f"newer_{number % 3}"] = None


@pytest.mark.parametrize("ending", ["copy", "axon", "npz", "safetensors", "onnx"])
def test_a_copy_or_a_file_is_of_one_state(ending, tmp_path):
    """Nothing is copied out of the middle of somebody's step."""
    if ending == "onnx":
        pytest.importorskip("onnx")
    model, path, done = trained(), tmp_path / f"model.{ending}", threading.Event()
    writers = {"copy": copy.deepcopy, "axon": lambda m: m.save(path)}
    writers["onnx"] = lambda m: axon.onnx.export(m, path)
    write = writers.get(ending, lambda m: m.save_weights(path))

    def work() -> None:
        write(model)
        done.set()

    def step() -> bool:
        thread.start()
        return done.wait(0.3)

    thread = threading.Thread(target=work, daemon=True)
    assert not locks.hold(model._all_locks(), step)
    assert done.wait(30)


def test_a_setting_is_changed_between_steps():
    """A step that is recorded would begin with the old one and end with the new one."""
    model, done = trained(), threading.Event()
    model.layers[0].activation = "tanh"

    def work() -> None:
        model.layers[0].activation = "relu"
        done.set()

    def step() -> bool:
        thread.start()
        return done.wait(0.3)

    thread = threading.Thread(target=work, daemon=True)
    assert not locks.hold(model._all_locks(), step)
    assert done.wait(30)
    assert model.layers[0].activation is axon.activations.relu


def test_a_copied_model_still_is_its_own():
    class Counted(Dense):
        def __getstate__(self):
            return {**vars(self), "copies": 1}

        def __setstate__(self, state):
            vars(self).update(state, copies=state["copies"] + 1)

    class Slotted(Dense):
        __slots__ = ("extra",)

    model = trained()
    layer, slotted = Counted(2), Slotted(2)
    slotted.extra = [layer]
    pair = copy.deepcopy([layer, {"same": layer}, slotted])
    assert pair[0] is pair[1]["same"] is pair[2].extra[0] is not layer
    assert pair[0].copies == 2
    copied = copy.deepcopy(model)
    assert np.array_equal(copied.predict(X), model.predict(X))
    copied.fit(X, Y, verbose=0)


def test_models_are_copied_with_locks_of_their_own():
    model = trained()
    other = copy.deepcopy(model)
    assert not set(other.trainer.locks()) & set(model.trainer.locks())
    assert other.evaluate(X, Y) == model.evaluate(X, Y)
    assert pickle.loads(pickle.dumps(Lock())).run(len, "ab") == 2


# ------------------------------------------------------------------------------------ metrics


@pytest.mark.parametrize("metrics", [["accuracy"], [axon.metrics.AUC()]])
def test_measuring_inside_an_epoch_does_not_touch_its_sums(kernels, metrics):
    def measure(batch, logs):
        model.evaluate(X * 9, Y)
        model.test_on_batch(X[:7] * 9, Y[:7])

    want = trained(copy.deepcopy(metrics)).fit(X, Y, epochs=2, verbose=0, shuffle=False).history
    model = trained(copy.deepcopy(metrics))
    for hook in ("on_train_batch_end", "on_train_batch_begin"):
        model = trained(copy.deepcopy(metrics))
        callback = LambdaCallback(**{hook: measure})
        found = model.fit(X, Y, epochs=2, verbose=0, shuffle=False, callbacks=[callback]).history
        for name, values in want.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-5)


def test_a_metric_shows_what_was_measured_last():
    matrix = axon.metrics.ConfusionMatrix(4)
    model = trained([matrix])
    model.evaluate(X[:50], Y[:50])
    assert matrix.result().sum() == 50
    model.fit(X, Y, verbose=0)
    assert matrix.result().sum() == 600


# ------------------------------------------------------------------------------------ compiled


@pytest.fixture
def fast() -> Iterator[None]:
    before = axon.get_kernels()
    axon.set_kernels("fast")
    yield
    axon.set_kernels(before)


def words() -> Any:
    axon.set_random_seed(0)
    model = Sequential([Embedding(10, 4), Flatten(), Dense(1)])
    model.compile("mse", "adam")
    return model


def test_a_wrong_id_changes_nothing_that_follows_it(fast):
    model, x, y = words(), np.arange(60).reshape(20, 3) % 10, np.ones((20, 1))
    model.fit(x, y, 5, 3, verbose=0)
    assert model.trainer.train.compiled
    before = model.get_weights(), model.optimizer.state_dict()
    wrong = x.copy()
    wrong[3, 1] = 77
    for call in (
        lambda: model.fit(wrong, y, 5, verbose=0, shuffle=False),
        lambda: model.train_on_batch(wrong[:5], y[:5]),
    ):
        with pytest.raises(IndexError, match="id 77 is outside the vocabulary"):
            call()
    assert all((a == b).all() for a, b in zip(before[0], model.get_weights(), strict=True))
    assert repr(before[1]) == repr(model.optimizer.state_dict())
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"][0])


def test_the_thread_with_the_wrong_id_gets_the_error(fast):
    good, bad, x = words(), words(), np.arange(60).reshape(20, 3) % 10
    for model in (good, bad):
        model.fit(x, np.ones((20, 1)), 5, 3, verbose=0)

    def run(model: Any, ids: Any) -> Any:
        errors = 0
        for _ in range(30):
            try:
                model.test_on_batch(ids, np.ones((20, 1)))
            except IndexError:
                errors += 1
        return errors

    assert together(lambda: run(good, x), lambda: run(bad, x + 1)) == [0, 30]


MANY_TASKS = """
import numpy as np
from axon.fast.kernels import address
from axon.fast.loops import CLOCK
from axon.fast.workers import Workers
n = 70_000
out = np.ones(n, np.float32)
rows = np.arange(n)
tasks = np.stack([rows * 0, rows * 0 + 1, rows, rows + 1, rows * 0 + 1, rows * 0], 1)
arguments = np.array([[1, 0, 0, 0, 0], [out.ctypes.data, 4, 0, 0, 0]])
entries = np.array([[address("zeros"), 0, 2]])
levels = np.array([[0, n, 0]])
scratch = np.zeros(2 * 1024, np.int64)
tables = (levels, tasks, entries, arguments)
head = np.array([*(t.ctypes.data for t in tables), scratch.ctypes.data, 8192, 0, 0])
workers = Workers(1)
for _ in range(3):
    out[:] = 1
    workers.run(head.ctypes.data, 0, 1, 0, 1)
    assert not out.any(), out.sum()
print("done")
"""


def test_more_tasks_than_16_bits_count():
    import subprocess

    pytest.importorskip("numba")
    run = [sys.executable, "-W", "ignore", "-c", MANY_TASKS]
    done = subprocess.run(run, capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout == "done\n", done.stderr


def test_two_that_need_helpers_at_once_get_one_team(monkeypatch):
    pytest.importorskip("numba")
    from axon.fast import workers as module

    made = []
    start = threading.Event()

    class Slow(module.Workers):
        def __init__(self, helpers: int) -> None:
            made.append(helpers)
            start.wait(0.2)
            super().__init__(helpers)

    monkeypatch.setattr(module, "Workers", Slow)
    monkeypatch.setattr(module, "_crews", {})
    monkeypatch.setattr(module, "get_threads", lambda: 2)
    first, second = together(lambda: module.workers(True), lambda: module.workers(True))
    assert first is second
    assert made == [1]
    first.dismiss()


# ------------------------------------------------------------------------------------ forks


def locks_of(thing: Any, seen: set[int], depth: int = 0) -> Iterator[Any]:
    """Locks and generators inside of what a module keeps."""
    if id(thing) in seen or depth > 4 or isinstance(thing, type):
        return
    seen.add(id(thing))
    if isinstance(thing, np.random.Generator):
        yield thing.bit_generator.lock
    elif hasattr(thing, "acquire") and hasattr(thing, "release"):
        yield thing
    elif isinstance(thing, dict):
        for value in list(thing.values()):
            yield from locks_of(value, seen, depth + 1)
    elif isinstance(thing, list | tuple | set | frozenset):
        for value in list(thing):
            yield from locks_of(value, seen, depth + 1)
    elif type(thing).__module__.startswith("axon") and hasattr(thing, "__dict__"):
        yield from locks_of(vars(thing), seen, depth + 1)


def all_locks() -> list[Any]:
    seen: set[int] = set()
    kept = [m for name, m in list(sys.modules.items()) if name.split(".")[0] == "axon"]
    return [lock for module in kept for lock in locks_of(vars(module), seen)]


@forks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks beside threads
def test_no_lock_of_a_module_outlives_a_fork(monkeypatch):
    for found in walk_packages(axon.__path__, "axon."):
        if not any(part in found.name for part in ("__main__", "cli", "bench")):
            try:
                __import__(found.name)
            except ImportError:
                continue
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    for name in ("init", "shuffle"):
        random.stream(name)
    free = [lock for lock in all_locks() if lock.acquire(blocking=False)]
    for lock in free:
        lock.release()
    assert len(free) > 5
    held, leave = threading.Event(), threading.Event()

    def hold() -> None:
        taken = [lock for lock in free if lock.acquire(blocking=False)]
        held.set()
        leave.wait(30)
        for lock in taken:
            lock.release()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    child = os.fork()
    if not child:
        stuck = [lock for lock in all_locks() if not lock.acquire(blocking=False)]
        os._exit(len(stuck))
    leave.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@forks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_waits_for_whoever_enters_or_leaves():
    """BLAS is being told its number of threads then: it has a lock of its own."""
    told, go_on = threading.Event(), threading.Event()

    class Slow(locks.Region):
        told = False

        def begin(self) -> None:
            self.told = True
            told.set()
            go_on.wait(0.5)
            self.told = False

        def end(self) -> None:
            pass

    slow = Slow()
    thread = threading.Thread(target=slow.run, args=(int,), daemon=True)
    thread.start()
    assert told.wait(5)
    child = os.fork()
    if not child:
        os._exit(slow.told)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    thread.join(5)


def test_a_step_that_fails_has_changed_what_it_will():
    model = trained()
    lock = model.trainer.locks()[0]

    def interrupted(*given: Any) -> Any:
        assert lock.changing
        raise KeyboardInterrupt

    vars(model.trainer.train)["run"] = interrupted
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:8], Y[:8], verbose=0)
    assert not lock.changing


@forks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forks_beside_threads_that_predict_and_train(kernels):
    import signal

    model, other = trained(), trained()
    big = np.tile(X, (20, 1))
    stop = threading.Event()

    def work(call: Any) -> None:
        while not stop.is_set():
            call()

    calls = (lambda: model.predict(big), lambda: other.fit(X, Y, verbose=0))
    busy = [threading.Thread(target=work, args=(call,), daemon=True) for call in calls]
    for thread in busy:
        thread.start()
    codes = []
    try:
        for _ in range(int(os.environ.get("AXON_FORKS", "10"))):
            child = os.fork()
            if not child:
                signal.alarm(20)
                ok = model.predict(X[:5]).shape == (5, 4)
                ok = ok and np.isfinite(other.fit(X[:64], Y[:64], verbose=0).history["loss"][0])
                os._exit(0 if ok else 1)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    finally:
        stop.set()
        for thread in busy:
            thread.join(30)
    assert set(codes) == {0}


# ------------------------------------------------------------------------------------ locks


def test_a_lock_is_released_whatever_interrupts_it():
    lock = Lock()

    def interrupted() -> None:
        lock.rlock.acquire()  # as if what gives it back had been interrupted
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lock.run(lock.run, interrupted)
    assert together(lambda: lock.rlock.acquire(blocking=False)) == [True]


def test_switches_are_as_before_an_interrupt():
    def fail() -> None:
        modes.modes.recorder = object()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), modes.SwitchesKept():
        fail()
    assert modes.modes.recorder is None
