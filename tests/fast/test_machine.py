"""Compiled programs: the same numbers as NumPy's, the same bits for any number of threads."""

import os
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

import axon
from axon import layers
from axon.models import Sequential
from axon.program import lowerings

pytest.importorskip("numba")


@pytest.fixture(autouse=True)
def _fast():
    before = lowerings._settings.kernels, axon.get_threads()
    axon.set_kernels("fast")
    yield
    lowerings._settings.kernels = before[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        axon.set_threads(before[1])


def threads(number):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # more than there are cores
        axon.set_threads(number)


def data(n=200, dtype="float32"):
    rng = np.random.default_rng(0)
    x = rng.random((n, 20)) if np.dtype(dtype).kind == "f" else rng.integers(0, 255, (n, 20))
    return x.astype(dtype), rng.integers(0, 4, n)


def trained(
    x, y, batch_size=32, epochs=3, optimizer="adam", loss="categorical_crossentropy", **options
):
    axon.set_random_seed(0)
    model = Sequential([layers.Dense(24, "relu"), layers.Dense(4, "softmax")])
    model.compile(loss, optimizer, **options)
    history = model.fit(x, y, batch_size, epochs, verbose=0)
    return model, history


def bits(model):
    return b"".join(p.numpy().tobytes() for p in model.parameters())


def machines(model):
    return [p.machine for p in model._trainer.programs if p.machine is not None]


# ------------------------------------------------------------------------------------ results


def test_training_agrees_with_numpys_kernels():
    x, y = data()
    fast, there = trained(x, y)
    assert [m.complete for m in machines(fast)] == [True, True]  # nothing was left to NumPy
    axon.set_kernels("numpy")
    slow, here = trained(x, y)
    assert not machines(slow)
    np.testing.assert_allclose(there.history["loss"], here.history["loss"], rtol=1e-5)
    for a, b in zip(fast.parameters(), slow.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 32, 200, 1000])
def test_the_bits_are_the_same_for_any_number_of_threads(monkeypatch, batch_size):
    from axon.fast import builder

    monkeypatch.setattr(builder, "PIECE", 500.0)  # many pieces, though there is little to do
    monkeypatch.setattr(builder, "TOGETHER", 0.0)
    x, y = data()
    results = set()
    for number in (1, 2, 3, 8, 2):
        threads(number)
        model, _ = trained(x, y, batch_size)
        results.add(bits(model))
        assert batch_size < 32 or any(len(m.tasks) > len(m.levels) for m in machines(model))
    assert len(results) == 1


def test_several_steps_in_one_go_are_single_steps():
    x, y = data()
    heard = []

    class Listener(axon.callbacks.Callback):
        def on_train_batch_end(self, batch, logs):
            heard.append(batch)

    together, _ = trained(x, y)
    axon.set_random_seed(0)
    model = Sequential([layers.Dense(24, "relu"), layers.Dense(4, "softmax")])
    model.compile("categorical_crossentropy", "adam")
    model.fit(x, y, 32, 3, verbose=0, callbacks=[Listener()])
    assert heard == [0, 1, 2, 3, 4, 5, 6] * 3
    assert bits(model) == bits(together)


def test_several_steps_are_done_in_one_go(monkeypatch):
    from axon.fast.machine import Machine

    done = []
    run = Machine._run

    def spy(self, steps):
        done.append(steps)
        return run(self, steps)

    monkeypatch.setattr(Machine, "_run", spy)
    x, y = data(32 * 40)
    trained(x, y)
    assert max(done) > 1
    assert sum(done) == 3 * 40  # also the first two batches, which are recorded


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16"])
@pytest.mark.parametrize("labels", ["int64", "int32", "uint8", "int8"])
def test_batches_are_fetched_from_any_type(dtype, labels):
    x, y = data(dtype=dtype)
    fast, _ = trained(x, y.astype(labels))
    axon.set_kernels("numpy")
    slow, _ = trained(x, y.astype(labels))
    for a, b in zip(fast.parameters(), slow.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-4)


def test_strided_data_is_fetched_by_numpy():
    x, y = data()
    wide = np.repeat(x, 2, axis=1)[:, ::2]
    assert bits(trained(x, y)[0]) == bits(trained(wide, y)[0])


def test_memory_maps_train_alike(tmp_path):
    x, y = data()
    np.save(tmp_path / "x.npy", x)
    assert bits(trained(np.load(tmp_path / "x.npy", mmap_mode="r"), y)[0]) == bits(trained(x, y)[0])


def test_schedules_are_followed():
    x, y = data()
    decay = axon.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)

    def optimizer():
        return axon.optimizers.SGD(decay)

    fast, _ = trained(x, y, optimizer=optimizer())
    axon.set_kernels("numpy")
    slow, _ = trained(x, y, optimizer=optimizer())
    for a, b in zip(fast.parameters(), slow.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)


def test_prediction_agrees_for_any_number_of_samples():
    x, y = data()
    model, _ = trained(x, y)
    expected = model.forward(x)  # eager
    for n in (1, 2, 31, 200):
        for _ in range(4):  # recorded, compared, replayed
            np.testing.assert_allclose(model.predict(x[:n]), expected[:n], atol=1e-6)


def test_what_has_no_compiled_kernel_is_left_to_numpy():
    class Sine(layers.Layer):
        def call(self, x):
            return axon.ops.log(axon.ops.exp(x) + 1.0) + axon_odd(x)

    @axon.primitive(result=lambda x: (x.shape, x.dtype), workspace=lambda x: [(x.shape, x.dtype)])
    def odd(out, x, *, xp, workspace):
        xp.sin(x, out=workspace[0])
        xp.copyto(out, workspace[0])

    odd.gradient(lambda g, y, x: g * odd(x + np.pi / 2))
    axon_odd = odd
    x, y = data()

    def run():
        axon.set_random_seed(0)
        model = Sequential([layers.Dense(24), Sine(), layers.Dense(4, "softmax")])
        model.compile("categorical_crossentropy", "adam")
        model.fit(x, y, 32, 3, verbose=0)
        return model

    try:
        fast = run()
        assert [sorted(m.names) for m in machines(fast)] == [["odd", "odd"]] * 2
        axon.set_kernels("numpy")
        slow = run()
    finally:
        del axon.operators.PRIMITIVES["odd"]
    for a, b in zip(fast.parameters(), slow.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-5)


def test_other_precisions_are_left_to_numpy():
    x, y = data()
    axon.set_random_seed(0)
    model = Sequential(
        [layers.Dense(24, "relu", dtype="float64"), layers.Dense(4, "softmax", dtype="float64")]
    )
    model.compile("categorical_crossentropy", "adam")
    history = model.fit(x, y, 32, 3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert not machines(model)


def test_nan_is_told():
    x, y = data()
    model, _ = trained(x, y)
    model.layers[1].bias.data[0] = np.nan
    with pytest.warns(RuntimeWarning, match="the loss became nan"):
        model.fit(x, y, 32, 1, verbose=0)


def test_a_printed_program_says_that_it_is_compiled():
    x, y = data()
    model, _ = trained(x, y)
    last = str(model.program).splitlines()[-1]
    assert last.startswith("replayed by compiled kernels instead: 4 levels, ")
    assert "NumPy does" not in last
    axon.set_kernels("numpy")
    model.fit(x, y, 32, 1, verbose=0)
    assert "compiled" not in str(model.program)


# ------------------------------------------------------------------------------------ threads


def test_two_models_train_in_two_threads(monkeypatch):
    from axon.fast import builder

    monkeypatch.setattr(builder, "PIECE", 500.0)
    monkeypatch.setattr(builder, "TOGETHER", 0.0)
    threads(3)
    x, y = data(600)
    axon.set_random_seed(0)
    models = []
    for _ in range(3):
        model = Sequential([layers.Dense(24, "relu"), layers.Dense(4, "softmax")])
        model.build((20,))
        model.compile("categorical_crossentropy", "adam")
        models.append(model)
    first = models[0].get_weights()
    for model in models:
        model.set_weights(first)
    models[0].fit(x, y, 32, 5, verbose=0, shuffle=False)
    others = [
        threading.Thread(target=m.fit, args=(x, y, 32, 5), kwargs={"verbose": 0, "shuffle": False})
        for m in models[1:]
    ]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join(timeout=60)
    assert {bits(m) for m in models} == {bits(models[0])}


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_forked_process_trains_on(tmp_path):
    threads(3)
    x, y = data(600)
    model, _ = trained(x, y)
    path = tmp_path / "weights.npz"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads
        child = os.fork()
    if child == 0:
        model.fit(x, y, 32, 2, verbose=0, shuffle=False)
        model.save_weights(path)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    model.fit(x, y, 32, 2, verbose=0, shuffle=False)
    expected = bits(model)
    model.load_weights(path)
    assert bits(model) == expected


def test_the_number_of_threads_may_change_in_between():
    x, y = data(600)
    results = set()
    for numbers in ((1, 1, 1), (1, 3, 2), (3, 1, 8)):
        threads(numbers[0])
        model, _ = trained(x, y, epochs=1)
        for number in numbers[1:]:
            threads(number)
            model.fit(x, y, 32, 1, verbose=0)
        results.add(bits(model))
    assert len(results) == 1


def test_many_programs_do_not_keep_the_first_batches():
    import gc

    x, y = data(64)
    model, _ = trained(x, y)
    (machine,) = machines(model)
    gc.collect()
    held = [o for o in gc.get_referrers(machine) if isinstance(o, axon.Tensor)]
    assert not held
    assert not any(isinstance(v, axon.Tensor) for v in vars(machine).values())


# ------------------------------------------------------------------------------------ choosing


def test_kernels_can_be_chosen():
    x, y = data()
    axon.set_kernels("numpy")
    model, _ = trained(x, y)
    assert axon.get_kernels() == "numpy"
    axon.set_kernels("fast")
    model.fit(x, y, 32, 1, verbose=0)  # recorded again
    assert machines(model)
    axon.set_kernels("auto")
    assert axon.get_kernels() == "fast"


@pytest.fixture
def auto(monkeypatch):
    """Kernels by the work ahead; a function that says how many steps are worth compiling."""
    axon.set_kernels("auto")

    def worth(steps, work):
        monkeypatch.setattr(lowerings, "WORTH", steps * work)

    x, y = data()
    model, _ = trained(x, y, epochs=1)
    (program, _) = model._trainer.train.programs.values()  # of 32 rows, and of the last 8
    worth(30, program.work)
    return worth


def test_short_work_is_not_compiled_and_long_work_is(auto):
    x, y = data()  # 7 batches
    assert not machines(trained(x, y, epochs=4)[0])
    assert len(machines(trained(x, y, epochs=5)[0])) >= 1


def test_which_kernels_do_it_depends_on_the_call_and_not_on_what_ran_before(auto):
    """So a run that is begun anew, elsewhere, or resumed gives the same bits."""
    x, y = data()
    model, _ = trained(x, y, epochs=9)
    state, optimizer = model.state_dict(), model.optimizer.state_dict()
    loaded = Sequential([layers.Dense(24, "relu"), layers.Dense(4, "softmax")])
    loaded.compile("categorical_crossentropy", "adam")
    loaded.fit(x, y, 32, 1, verbose=0)
    assert not machines(loaded)
    loaded.load_state_dict(state)
    loaded.optimizer.load_state_dict(optimizer)
    for epochs in (1, 9, 1):
        for one in (model, loaded):
            axon.set_random_seed(1)
            one.fit(x, y, 32, epochs, verbose=0)
        assert bits(model) == bits(loaded)


def test_a_run_that_goes_on_is_judged_by_all_its_epochs(auto):
    x, y = data()
    model, _ = trained(x, y, epochs=1)
    model.fit(x, y, 32, 9, initial_epoch=8, verbose=0)
    assert machines(model)


def test_a_callback_that_runs_the_model_changes_no_kernels(auto):
    x, y = data()

    class Look(axon.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.test_on_batch(x[:32], y[:32])
            seen.append(bool(machines(self.model)))

    seen: list[bool] = []
    trained(x, y, epochs=2)[0].fit(x, y, 32, 9, verbose=0, callbacks=[Look()])
    assert all(seen[1:])


def test_predicting_a_few_rows_never_compiles(monkeypatch):
    axon.set_kernels("auto")
    monkeypatch.setattr(lowerings, "compiled", lambda *_: pytest.fail("compiled"))
    model = Sequential([layers.Dense(24, "relu"), layers.Dense(4, "softmax")])
    for rows in (1, 3, 100, 100, 5000):
        model.predict(np.zeros((rows, 20), np.float32))


def test_short_work_does_not_even_load_numba():
    code = SCRIPT.replace("print(axon.get_kernels(), ", "print('numba' in sys.modules, ")
    done = run_script("auto", code=f"import sys\n{code}")
    assert done.stdout.startswith("False "), done.stderr


def test_unknown_kernels_are_refused():
    with pytest.raises(ValueError, match=r"expected 'auto', 'numpy', 'fast' or 'jax', got 'gpu'"):
        axon.set_kernels("gpu")


SCRIPT = """
import numpy as np, axon
from axon.layers import Dense
from axon.models import Sequential
axon.set_random_seed(0)
model = Sequential([Dense(4, "relu"), Dense(2, "softmax")])
model.compile("categorical_crossentropy", "adam")
x = np.random.default_rng(0).random((64, 3), np.float32)
model.fit(x, (x[:, 0] > 0.5).astype(int), 16, 2, verbose=0)
print(axon.get_kernels(), float(model.predict(x[:1])[0, 0]))
"""


def run_script(kernels, path=None, code=SCRIPT, **variables):
    environment = {**os.environ, "AXON_KERNELS": kernels, **variables}
    before = environment.get("PYTHONPATH", "")
    root = os.path.dirname(os.path.dirname(axon.__file__))
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [path and str(path), root, before]))
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_two_processes_give_the_same():
    results = {run_script("fast", AXON_NUM_THREADS=n).stdout for n in "112"}
    assert len(results) == 1
    assert results.pop().startswith("fast ")


def broken(tmp_path, what):
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "__init__.py").write_text(what)
    return tmp_path


def test_a_broken_numba_is_said_and_done_without(tmp_path):
    path = broken(tmp_path, "raise ImportError('Numba needs NumPy 1.0 or less')")
    done = run_script("auto", path)
    assert done.returncode == 0
    assert done.stdout.startswith("numpy ")
    assert "numba cannot be used (ImportError: Numba needs NumPy 1.0 or less)" in done.stderr
    assert done.stderr.count("RuntimeWarning") == 1


def test_a_broken_numba_is_an_error_where_it_was_asked_for(tmp_path):
    done = run_script("fast", broken(tmp_path, "raise SystemError('initialization failed')"))
    assert done.returncode == 1
    assert "pip install numba threadpoolctl (the extra 'fast')" in done.stderr
    assert "SystemError: initialization failed" in done.stderr


def test_without_numba_nothing_is_said(tmp_path):
    hidden = "import sys\nsys.modules['numba'] = sys.modules['llvmlite'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(hidden)
    done = run_script("auto", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("numpy ")


def test_a_wrong_variable_is_named():
    done = run_script("cuda")
    assert "AXON_KERNELS: expected 'auto', 'numpy', 'fast' or 'jax', got 'cuda'" in done.stderr


def test_importing_axon_imports_no_numba():
    code = "import sys, axon; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ------------------------------------------------------------------------------------ compiling


def test_a_long_compilation_is_announced_once(monkeypatch, capsys):
    from axon.fast.kernels import declare

    class Code:
        address = 1

    monkeypatch.setattr(declare, "SLOW", -1.0)
    monkeypatch.setattr(declare, "_compile", lambda function: Code)
    monkeypatch.setattr(declare, "_compiled", {})
    monkeypatch.setattr(declare._Clock, "announced", False)
    for name in ("relu", "relu", "add"):
        declare.address(name)
    assert capsys.readouterr().err == "axon: compiling kernels for this processor, once.\n"


def test_on_a_terminal_it_is_shown_how_far_compiling_is(monkeypatch, capsys):
    from axon.fast.kernels import declare

    class Code:
        address, cache_hits = 1, 0

    monkeypatch.setattr(declare, "SLOW", -1.0)
    monkeypatch.setattr(declare, "_compile", lambda function: Code)
    monkeypatch.setattr(declare, "_compiled", {})
    monkeypatch.setattr(declare._Clock, "announced", True)
    declare.prepare(["relu", "add", "relu"])
    assert capsys.readouterr().err == ""  # a file gets one line, and no bar
    monkeypatch.setattr(declare, "_compiled", {})
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    declare.prepare(["relu", "add", "relu", "exp"])  # the first tells whether any are kept
    shown = capsys.readouterr().err.split("\r")
    line = "axon: compiling kernels for this processor, once: "
    assert shown == ["", f"{line}1 of 2", f"{line}2 of 2", " " * len(shown[1]), ""]


def test_no_clock_counts_what_compiling_took(monkeypatch):
    from axon import clock as pace
    from axon.fast.kernels import declare

    class Code:
        address, cache_hits = 1, 0

    def compile_(function):
        now[0] += 50.0
        return Code

    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    monkeypatch.setattr(declare, "_compile", compile_)
    monkeypatch.setattr(declare, "_compiled", {})
    before = pace.seconds()
    now[0] += 1
    declare.prepare(["relu", "add"])
    assert pace.seconds() - before == 1


def test_what_is_kept_is_not_taken_for_another_editions(tmp_path):
    """Numba sees that a kernel's file has changed, but not one that the kernel is made of."""
    from axon.fast import loops
    from axon.fast.kernels import declare
    from axon.fast.processes.edition import digest

    entries = map(declare.entry, declare.KERNELS.values())
    for function in (*entries, loops.lead.py_func, loops.run_task.py_func):
        assert function.__qualname__ == f"{function.__name__}_{declare.EDITION}"
    for name, text in (("walk.py", "x = 1"), ("relu.py", "y = 1")):
        (tmp_path / name).write_text(text)
    before = digest(sorted(tmp_path.iterdir()))
    assert before == digest(sorted(tmp_path.iterdir()))
    (tmp_path / "walk.py").write_text("x = 2")
    assert digest(sorted(tmp_path.iterdir())) != before


def test_kernels_are_kept_for_later_processes():
    """A kernel that numba cannot cache would be compiled anew in every process."""
    from warnings import catch_warnings, simplefilter

    from numba import cfunc
    from numba.core.errors import NumbaWarning

    from axon.fast.kernels import declare

    options = {"error_model": "numpy", "fastmath": declare.FAST_MATH, "cache": True}
    with catch_warnings():
        simplefilter("error", NumbaWarning)
        for name in ("add", "relu", "adam_update", "log_softmax", "product"):
            cfunc(declare.SIGNATURE, **options)(declare.entry(declare.KERNELS[name]))


# ------------------------------------------------------------------------------------ profile


def test_a_compiled_program_is_profiled_line_by_line():
    x, y = data()
    model, _ = trained(x, y)
    before = bits(model)
    profile = model.profile(x, y, batch_size=32)
    assert bits(model) == before
    assert all(line.seconds > 0 for line in profile.lines if line.kind != "views")
    assert abs(sum(line.share for line in profile.lines) - 1) < 1e-6


def test_who_begins_is_not_missed_by_a_helper_that_goes_to_sleep() -> None:
    """A helper finds nothing to do, and is about to sleep, while one program follows another."""
    from axon.fast import loops

    def stays_awake() -> bool:
        memory = np.zeros(loops.AWAKE + 128, np.int64)
        memory[loops.AWAKE + 1] = 1
        helper = threading.Thread(target=loops.assist, args=(memory.ctypes.data, 1))
        helper.start()
        until = time.perf_counter() + 0.003
        while time.perf_counter() < until:
            memory[loops.BEGUN] += 1
        awake = helper.is_alive() and memory[loops.AWAKE + 1] == 1
        helper.join()
        assert memory[loops.AWAKE + 1] == 0  # whoever begins next wakes it
        return bool(awake)

    assert any(stays_awake() for _ in range(300))
