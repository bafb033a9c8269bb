"""Threads: the same bits for any number of them; forks, errors and the BLAS's own threads."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import axon
from axon import Tensor, blas, ops, threads
from axon import pieces as cut
from axon.blas import one_blas_thread
from axon.models import Sequential
from axon.operators import PRIMITIVES
from axon.optimizers.sgd import momentum_update
from axon.program import Step, lowerings
from axon.program.bind import Chain
from tests.engine.networks import bits, data, fit, small
from tests.samples.primitives import SAMPLES

pytestmark = pytest.mark.filterwarnings("ignore:.*threads on .* cores:RuntimeWarning")

NUMBERS = (1, 2, 3, 8)


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """NumPy's kernels: the compiled ones are cut and tested in their own way."""
    monkeypatch.setattr(lowerings._settings, "kernels", "numpy")
    monkeypatch.setenv(lowerings.VARIABLE, "numpy")
    number = axon.get_threads()
    yield
    axon.set_threads(number)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is worth cutting."""
    monkeypatch.setattr(cut, "WORTH", -1e9)


# ------------------------------------------------------------------------------------ primitives

OURS = {name: p for name, p in PRIMITIVES.items() if p.__module__.startswith("axon.")}
CUTTABLE = [
    name for name in SAMPLES if name in OURS and (OURS[name].rows or OURS[name].facts.alone)
]


def inputs_of(sample: Any) -> tuple[list[np.ndarray], dict]:
    inputs, meta = sample
    kinds = [np.float32 if x.dtype.kind == "f" else x.dtype for x in inputs]
    return [np.array(x, kind) for x, kind in zip(inputs, kinds, strict=True)], meta


def eager(name: str, arrays: list[np.ndarray], meta: dict) -> list[np.ndarray]:
    p, given = OURS[name], [a.copy() for a in arrays]
    out = p(*map(Tensor, given), **meta)
    return given[: p.writes] or [out.data]


def replayed(name: str, arrays: list[np.ndarray], meta: dict) -> Callable[[], list[np.ndarray]]:
    """A recorded step of one primitive, which gives what it fills or writes."""
    p = OURS[name]
    step = Step(name, lambda *x: [p(*x, **meta)][: not p.writes], [str(a) for a in arrays])
    slots = step.inputs(*((a.shape, a.dtype) for a in arrays))

    def run() -> list[np.ndarray]:
        for slot, array in zip(slots, arrays, strict=True):
            slot[...] = array
        results = step.run(slots)
        return list(slots[: p.writes] or results)

    run()
    return run


@pytest.mark.parametrize("name", CUTTABLE)
def test_a_primitive_in_pieces(name: str) -> None:
    monkeypatch = pytest.MonkeyPatch()
    for sample in (*SAMPLES[name].samples, SAMPLES[name].large):
        arrays, meta = inputs_of(sample)
        whole = bits(eager(name, arrays, meta))
        monkeypatch.setattr(cut, "WORTH", -1e9)
        wanted = bits(eager(name, arrays, meta))
        if OURS[name].eagerly is None:
            assert wanted == whole, "declared to give the same bits however it is cut"
        run = replayed(name, arrays, meta)
        for number in NUMBERS:
            axon.set_threads(number)
            assert bits(run()) == wanted
        monkeypatch.undo()


def test_most_primitives_can_be_cut() -> None:
    for name in ("conv2d", "conv2d_input", "conv2d_weight", "matmul", "relu", "max_pool2d"):
        assert name in CUTTABLE
        arrays, meta = inputs_of(SAMPLES[name].large)
        out = OURS[name](*arrays, **meta)
        assert cut.cut_of(OURS[name], [out, *arrays], meta) is not None


def test_a_product_is_cut_in_eager_computation_too(tiny: None) -> None:
    """K is long: the BLAS cuts the sum elsewhere for a few rows than for many."""
    random = np.random.default_rng(0)
    a, b = random.random((200, 3000), np.float32), random.random((3000, 70), np.float32)
    (wanted,) = eager("matmul", [a, b], {})
    assert bits(replayed("matmul", [a, b], {})()) == bits([wanted])
    places = cut.ends(200, cut.MOST)
    with one_blas_thread:  # as whatever is cut: the BLAS's own threads would cut sums elsewhere
        rows = [a[i:j] @ b for i, j in zip([0, *places], places, strict=False)]
    assert bits([np.concatenate(rows)]) == bits([wanted])


def test_what_is_shared_keeps_the_blas_on_one_thread_whoever_calls(tiny: None) -> None:
    """Also outside of a step, and also where AXON has one thread itself."""
    controls = blas.find()
    before = [control.get() for control in controls]
    for control in controls:
        control.set(2)
    seen: list[int] = []

    def look() -> None:
        seen.extend(control.get() for control in controls)

    try:
        for number in (1, 2):
            axon.set_threads(number)
            threads.share(4, lambda thread: [look] * 4)
        assert seen == [1] * 8 * len(controls)
        assert [control.get() for control in controls] == [2] * len(controls)
    finally:
        for control, number in zip(controls, before, strict=True):
            control.set(number)


# ------------------------------------------------------------------------------------ cutting


def test_the_number_of_pieces_depends_on_the_cost_alone() -> None:
    def pieces(cost: float, rows: int = 1000, **rest: Any) -> int:
        return cut.Cut(rows, (True,), cost * cut.WORTH, **rest).pieces

    assert [pieces(c) for c in (0.1, 0.9, 1, 1000)] == [1, 1, cut.MOST, cut.MOST]
    assert pieces(1000, rows=3) == 2
    assert pieces(1000, rows=64, least=16) == 4
    assert cut.ends(10, 4) == [2, 5, 7, 10]


def test_small_networks_are_not_cut() -> None:
    model = small("mlp")
    fit(model, "mlp")
    assert not any(isinstance(call, Chain) for call in model.program.calls)


def program_of(function: Callable[..., Any], *arrays: np.ndarray) -> Any:
    step = Step("test", lambda *x: [function(*x)], [str(i) for i in range(len(arrays))])
    slots = step.inputs(*((a.shape, a.dtype) for a in arrays))
    for slot, array in zip(slots, arrays, strict=True):
        slot[...] = array
    (first,) = step.run(slots)
    wanted = first.copy()
    (again,) = step.run(slots)
    assert bits([again]) == bits([wanted])
    return step.latest


def chains(program: Any) -> list[list[str]]:
    found = (call for call in program.calls if isinstance(call, Chain))
    return [[work.primitive.name for work in chain.works] for chain in found]


def test_what_needs_no_other_piece_is_chained(tiny: None) -> None:
    x, w = np.ones((16, 9, 9, 2), np.float32), np.ones((3, 3, 2, 4), np.float32)
    program = program_of(lambda x, w: ops.conv2d(ops.square(x), w) * 2.0, x, w)
    assert chains(program) == [["square", "conv2d", "multiply"]]


def test_what_needs_other_pieces_begins_a_new_chain(tiny: None) -> None:
    x = np.random.default_rng(0).random((32, 32), np.float32)
    program = program_of(lambda x: ops.square(x * 2.0).T + x, x)
    assert chains(program) == [["multiply", "square"], ["add"]]
    program = program_of(lambda x: ops.matmul(x, x * 2.0), x)
    assert chains(program) == [["multiply"], ["matmul"]]


def test_what_other_pieces_read_is_changed_in_a_new_chain(tiny: None) -> None:
    w = Tensor(np.eye(128, dtype=np.float32))
    step = Step("test", lambda x: [w.assign(ops.matmul(x, w))][:0], ["x"])
    slots = step.inputs(((128, 128), np.dtype("f4")))
    slots[0][...] = np.eye(128) * 2
    for power in (1, 2, 3):
        step.run(slots)
        np.testing.assert_array_equal(w.data, np.linalg.matrix_power(slots[0], power))
    assert chains(step.latest) == [["matmul"], ["assign"]]


def test_all_that_an_update_writes_is_read_in_a_new_chain(tiny: None) -> None:
    w, v = (Tensor(np.eye(128, dtype=np.float32)) for _ in range(2))

    def function(g: Tensor) -> list[Tensor]:
        momentum_update(w, v, g, Tensor(np.float32(0.1)), momentum=0.5, nesterov=False)
        return [ops.matmul(g, v)]

    step = Step("test", function, ["g"])
    slots = step.inputs(((128, 128), np.dtype("f4")))
    slots[0][...] = 1
    for _ in range(3):
        (y,) = step.run(slots)
        np.testing.assert_allclose(y, slots[0] @ v.data, rtol=1e-5)
    assert chains(step.latest) == [["momentum_update"], ["matmul"]]


def test_a_sum_over_pieces_is_read_after_the_chain(tiny: None) -> None:
    x = np.random.default_rng(0).random((1024, 8), np.float32)
    program = program_of(lambda x: ops.sum_to(ops.square(x), shape=(8,)) * 2.0, x)
    assert chains(program)[0] == ["square", "sum_to"]
    assert len(chains(program)) == 2


def places_of_last_call(program: Any) -> tuple[np.ndarray, np.ndarray]:
    out, x = program.calls[-1].args[:2]
    return out, x


def test_a_result_is_written_over_a_dying_input_in_any_shape_but_not_over_a_part() -> None:
    x = np.random.default_rng(0).random((8, 8), np.float32)
    out, t = places_of_last_call(program_of(lambda x: ops.negative((x * 2.0).reshape(64)), x))
    assert out.ctypes.data == t.ctypes.data
    for function in (lambda t: ops.negative(t[1:]), lambda t: t + t.T):
        out, t = places_of_last_call(program_of(lambda x, f=function: f(x * 2.0), x))
        assert not np.shares_memory(out, t)


def test_single_calls_are_one_for_each_line(tiny: None) -> None:
    x, w = np.ones((16, 9, 9, 2), np.float32), np.ones((3, 3, 2, 4), np.float32)
    program = program_of(lambda x, w: (ops.conv2d(x, w) * 2.0).reshape(16, 196), x, w)
    wanted = bits(program.run())
    calls = program.single_calls()
    assert len(calls) == len(program.lines) == 3
    program.outputs[0][...] = 0
    for call in calls:
        call()
    assert bits(program.outputs) == wanted


def test_workspace_of_threads_is_counted() -> None:
    images = np.ones((64, 30, 30, 8), np.float32)
    program = program_of(lambda x, w: ops.conv2d(x, w), images, np.ones((3, 3, 8, 16), np.float32))
    assert len(program.buffers) == 2  # the result, and what a thread works in
    assert program.bytes_after == sum(program.buffers)


# ------------------------------------------------------------------------------------ models


MODELS = ("mlp", "cnn", "cnn with noise", "lstm", "attention")


@pytest.mark.parametrize("kind", MODELS)
def test_the_same_bits_for_any_number_of_threads(kind: str, tiny: None) -> None:
    axon.set_threads(1)
    wanted = fit(small(kind), kind)
    for number in (*NUMBERS[1:], 1):
        axon.set_threads(number)
        model = small(kind)
        assert fit(model, kind) == wanted
        assert any(isinstance(call, Chain) for call in model.program.calls)


def test_the_same_bits_as_eager(tiny: None) -> None:
    wanted = fit(small("cnn"), "cnn")
    model = small("cnn")
    model.compile("categorical_cross_entropy", "adam", metrics=["accuracy"], eager=True)
    assert fit(model, "cnn") == wanted


LARGE = """
import hashlib, numpy as np, axon
from axon.layers import Conv2D, Dense, Flatten, MaxPooling2D
from axon.models import Sequential
axon.set_random_seed(0)
random = np.random.default_rng(0)
x, y = random.random((80, 28, 28, 1), np.float32), random.integers(0, 10, 80)
model = Sequential([Conv2D(32, 3, activation="relu"), MaxPooling2D(2), Flatten()])
model.add(Dense(300, "relu"))
model.add(Dense(10, "softmax"))
model.compile("categorical_cross_entropy", "adam")
model.fit(x, y, batch_size=64, epochs=2, verbose=0)
print(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest())
"""


def elsewhere(code: str, **variables: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_the_same_bits_in_other_processes_whatever_threads_the_blas_has() -> None:
    one = elsewhere(LARGE, AXON_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    two = elsewhere(LARGE, AXON_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2")
    assert one == two != ""


def built(kind: str) -> Sequential:
    """With its weights: random numbers are drawn from streams that threads share."""
    model = small(kind)
    model.predict(data(kind)[0])
    return model


def test_two_models_trained_at_once_give_what_they_give_alone(tiny: None) -> None:
    axon.set_threads(3)
    kinds = ("cnn", "mlp")
    models = {kind: built(kind) for kind in kinds}
    wanted = {kind: fit(built(kind), kind, shuffle=False) for kind in kinds}
    results = {}

    def train(kind: str) -> None:
        results[kind] = fit(models[kind], kind, shuffle=False)

    running = [threading.Thread(target=train, args=(kind,)) for kind in kinds]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert results == wanted


# ------------------------------------------------------------------------------------ the pool


def test_pieces_are_done_once_each_whoever_does_them() -> None:
    for number in NUMBERS:
        axon.set_threads(number)
        done: list[tuple[int, int]] = []

        def lane(thread: int, done: list[tuple[int, int]] = done) -> list[Callable[[], None]]:
            return [partial(done.append, (i, thread)) for i in range(20)]

        threads.share(20, lane)
        assert sorted(i for i, _ in done) == list(range(20))
        assert {t for _, t in done} <= set(range(number))


def test_several_threads_take_part() -> None:
    axon.set_threads(3)
    meet = threading.Barrier(3, timeout=20)
    threads.share(3, lambda t: [meet.wait] * 3)  # returns only if three are there at once
    assert {"axon-1", "axon-2"} <= {t.name for t in threading.enumerate()}
    assert all(t.daemon for t in threading.enumerate() if t.name.startswith("axon-"))


def test_one_thread_starts_none() -> None:
    code = (
        "import axon, threading, numpy as np; from axon import threads; axon.set_threads(1);"
        "threads.share(4, lambda t: [lambda: None] * 4);"
        "np.ones((900, 900), 'f4') @ axon.Tensor(np.ones((900, 900), 'f4'));"
        "print(threading.active_count())"
    )
    assert elsewhere(code) == "1"


def test_an_error_in_a_piece_reaches_the_caller_when_all_have_ended() -> None:
    for number in (2, 3, 8):
        axon.set_threads(number)
        ended: list[int] = []

        def piece(i: int) -> None:
            if i in (2, 5):
                raise ValueError(f"piece {i}")
            time.sleep(0.002)
            ended.append(i)  # noqa: B023

        with pytest.raises(ValueError, match="piece 2"):
            threads.share(8, lambda t: [lambda i=i: piece(i) for i in range(8)])
        assert sorted(ended) == [0, 1, 3, 4, 6, 7]
        threads.share(2, lambda t: [lambda: None] * 2)


def test_an_interrupt_waits_for_the_pieces_at_work() -> None:
    axon.set_threads(2)
    state = {"running": 0, "ended": 0}
    both = threading.Barrier(2, timeout=20)

    def piece() -> None:
        both.wait()
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        state["running"] += 1
        time.sleep(0.5)  # by then the main thread has heard of it, also on a busy machine
        state["ended"] += 1

    with pytest.raises(KeyboardInterrupt):
        threads.share(8, lambda t: [piece] * 8)
    assert state == {"running": 1, "ended": 1}
    threads.share(2, lambda t: [lambda: None] * 2)


def test_who_finds_the_pool_at_work_does_the_pieces_himself() -> None:
    axon.set_threads(2)
    inner: list[int] = []

    def outer() -> None:
        threads.share(3, lambda t: [lambda: inner.append(t)] * 3)

    threads.share(2, lambda t: [outer] * 2)
    assert inner == [0] * 6


def test_errstate_of_the_caller_holds_in_all_threads() -> None:
    axon.set_threads(2)
    both = threading.Barrier(2, timeout=20)
    found: list[Any] = []

    def piece() -> None:
        both.wait()
        found.append(np.geterr()["divide"])

    with np.errstate(divide="raise"):
        threads.share(2, lambda t: [piece] * 2)
    assert found == ["raise", "raise"]


def test_a_sleeping_pool_keeps_nothing_alive() -> None:
    import weakref

    axon.set_threads(2)
    array, both = np.ones(3), threading.Barrier(2, timeout=20)
    kept = weakref.ref(array)
    threads.share(2, lambda t, array=array: [lambda: (both.wait(), array.sum())] * 2)
    del array
    for _ in range(100):
        if kept() is None:
            break
        time.sleep(0.01)
    assert kept() is None


FORK = """
import os, sys, threading
sys.path.insert(0, {root!r})
import axon
from axon import pieces
from tests.engine import networks as t
pieces.WORTH = -1e9
axon.set_threads(2)
wanted = t.fit(t.small("cnn"), "cnn")
child = os.fork()
if not child:
    alone = threading.active_count() == 1
    same = t.fit(t.small("cnn"), "cnn") == wanted
    helped = [thread.name for thread in threading.enumerate()] == ["MainThread", "axon-1"]
    os._exit(0 if alone and same and helped else 3)
_, status = os.waitpid(child, 0)
assert t.fit(t.small("cnn"), "cnn") == wanted
print(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif("fork" not in dir(os), reason="there is no fork here")
def test_a_forked_process_trains_too_and_ends() -> None:
    assert elsewhere(FORK.format(root=str(Path(__file__).parents[2]))) == "0"


# ------------------------------------------------------------------------------------ settings


def test_the_number_of_threads_is_what_was_set() -> None:
    axon.set_threads(2)
    assert axon.get_threads() == 2
    axon.set_threads("auto")
    assert axon.get_threads() == threads.cores() >= 1
    axon.set_threads(" auto ".strip().upper())
    assert axon.get_threads() == threads.cores()


@pytest.mark.parametrize("wrong", [0, -1, "many", "2"])
def test_a_number_that_is_none(wrong: Any) -> None:
    before = axon.get_threads()
    with pytest.raises(ValueError, match=r"set_threads: .* must be 1 or more, or 'auto' .* got"):
        axon.set_threads(wrong)
    assert axon.get_threads() == before


@pytest.mark.parametrize("wrong", [1.5, True, None, [2]])
def test_a_number_of_the_wrong_type(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"set_threads: .* must be a whole number or 'auto', got"):
        axon.set_threads(wrong)


@pytest.mark.filterwarnings("default")
def test_more_threads_than_cores_warn_once() -> None:
    many = threads.cores() + 3
    with pytest.warns(RuntimeWarning, match=f"{many} threads on {many - 3} cores") as caught:
        axon.set_threads(many)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert axon.get_threads() == many


def test_the_variable() -> None:
    ask = "import axon; print(axon.get_threads())"
    assert elsewhere(ask, AXON_NUM_THREADS="1") == "1"
    assert elsewhere(ask, AXON_NUM_THREADS="") == elsewhere(ask, AXON_NUM_THREADS="auto")
    for wrong in ("0", "-2", "many", "1.5"):
        ran = subprocess.run(
            [sys.executable, "-c", ask],
            capture_output=True,
            text=True,
            env={**os.environ, "AXON_NUM_THREADS": wrong},
        )
        assert "ValueError: AXON_NUM_THREADS: the number of threads must be 1 or more" in ran.stderr


def test_a_container_may_allow_fewer_cores(tmp_path: Any) -> None:
    def share(text: str) -> int | None:
        (tmp_path / "cpu.max").write_text(text, encoding="ascii")
        return threads._share_of_container(str(tmp_path / "cpu.max"))

    assert [share("150000 100000\n"), share("100000 100000\n")] == [2, 1]
    assert share("max 100000\n") is None
    assert threads._share_of_container(str(tmp_path / "none")) is None


# ------------------------------------------------------------------------------------ BLAS


class FakeBlas:
    """A BLAS whose number of threads we can see."""

    def __init__(self, number: int) -> None:
        self.number, self.seen = number, [number]

    def get(self) -> int:
        return self.number

    def set(self, number: int) -> None:
        self.number = number
        self.seen.append(number)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeBlas:
    fake = FakeBlas(4)
    monkeypatch.setattr(one_blas_thread, "controls", [blas.Control(fake.get, fake.set)])
    return fake


def test_blas_has_one_thread_while_a_step_runs_and_then_as_many_as_before(fake: FakeBlas) -> None:
    seen: list[int] = []

    def function(x: Tensor) -> list[Tensor]:
        seen.append(fake.number)
        return [x * 2.0]

    step = Step("test", function, ["x"])
    slots = step.inputs(((2,), np.dtype("f4")))
    step.run(slots)
    assert (seen, fake.number) == ([1], 4)
    step.run(slots)
    assert fake.seen == [4, 1, 4, 1, 4]


def test_blas_is_restored_after_an_error_and_at_the_outermost_end(fake: FakeBlas) -> None:
    def fail() -> None:
        with one_blas_thread:
            with one_blas_thread:
                assert fake.number == 1
            assert fake.number == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert fake.seen == [4, 1, 4]


def test_blas_is_restored_when_the_last_thread_leaves(fake: FakeBlas) -> None:
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with one_blas_thread:
            inside.set()
            leave.wait(20)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(20)
    with one_blas_thread:
        pass
    assert fake.number == 1, "the other thread is still inside"
    leave.set()
    thread.join()
    assert fake.seen == [4, 1, 4]


def test_the_blas_of_numpy_is_found() -> None:
    controls = blas.find()
    if not controls:
        pytest.skip("this NumPy has a BLAS whose threads cannot be set")
    before = [control.get() for control in controls]
    with one_blas_thread:
        assert [control.get() for control in controls] == [1] * len(controls)
    assert [control.get() for control in controls] == before


def test_without_control_over_the_blas_everything_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "_carried", list)
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert blas.find() == []
    monkeypatch.setattr(one_blas_thread, "controls", None)
    fit(small("mlp"), "mlp")
    assert one_blas_thread.controls == []
