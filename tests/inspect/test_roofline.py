"""axon.roofline(): what is measured, that it is measured once, and what follows from it."""

import tracemalloc
from importlib import import_module

import numpy as np
import pytest

import axon
from axon.inspect.roofline import CACHED, FAR, Level, Roofline
from axon.threads import get_threads, set_threads

measuring = import_module("axon.inspect.roofline")
LEVELS = (Level(1000, 100.0, 200.0), Level(10**6, 50.0, 80.0), Level(10**9, 10.0, 16.0))
MACHINE = Roofline(2, 60.0, 120.0, LEVELS)


@pytest.fixture(autouse=True)
def _briefly(monkeypatch):
    monkeypatch.setattr(measuring, "SECONDS", 0.001)
    monkeypatch.setattr(measuring, "_known", None)


def test_it_measures_every_number():
    machine = axon.roofline()
    assert machine.threads == get_threads()
    assert 0 < machine.gflops_one <= machine.gflops
    assert [level.nbytes for level in machine.levels[: len(CACHED)]] == list(CACHED)
    assert machine.levels[-1].nbytes >= FAR
    assert all(0 < level.one <= level.all for level in machine.levels)
    assert machine.memory == machine.levels[-1].all
    assert machine.memory_one == machine.levels[-1].one
    assert machine.cache == machine.levels[0].all
    assert machine.cache_one == machine.levels[0].one


def test_it_measures_once_unless_told(monkeypatch):
    made = []

    def measure(count):
        made.append(MACHINE._replace(threads=count))
        return made[-1]

    monkeypatch.setattr(measuring, "_measure", measure)
    first = axon.roofline()
    assert axon.roofline() is first
    assert len(made) == 1
    assert axon.roofline(again=True) is made[1]
    assert axon.roofline() is made[1], "the new numbers replace the old ones"


def test_other_threads_are_another_machine(monkeypatch):
    monkeypatch.setattr(measuring, "_measure", lambda count: MACHINE._replace(threads=count))
    monkeypatch.setattr(measuring, "get_threads", lambda: 3)
    assert axon.roofline().threads == 3
    monkeypatch.setattr(measuring, "get_threads", lambda: 1)
    assert axon.roofline().threads == 1


def test_several_threads_are_measured_together(monkeypatch):
    asked = []
    monkeypatch.setattr(measuring, "_gflops", lambda count: asked.append(count) or 10.0 * count)
    monkeypatch.setattr(measuring, "_bandwidth", lambda nbytes, count: 7.0 * count**0.5)
    machine = measuring._measure(4)
    assert asked == [1, 4]
    assert (machine.gflops_one, machine.gflops) == (10.0, 40.0)
    assert machine.cache == 28.0, "each core has a cache of its own"
    assert machine.memory == 14.0, "memory is shared, hence measured"
    one = measuring._measure(1)
    assert one.gflops == one.gflops_one
    assert one.memory == one.memory_one == 7.0


def test_work_in_threads_is_done_by_each(monkeypatch):
    done = []
    measuring._shortest(done.append, 3)
    assert set(done) == {0, 1, 2}
    assert len(done) >= 9, "three times each"
    done.clear()
    measuring._shortest(done.append, 1)
    assert set(done) == {0}
    assert len(done) >= 3


def test_each_number_is_the_best_of_three_at_least(monkeypatch):
    monkeypatch.setattr(measuring, "SECONDS", 0)
    clock = iter([0.0, 1.0, 6.0, 7.0, 9.0, 9.0, 13.0, 20.0])
    monkeypatch.setattr(measuring, "perf_counter", lambda: next(clock))
    assert measuring._best(lambda: None) == 2.0


def test_the_rates_of_threads_are_added_up(monkeypatch):
    """Of two threads that take 1 and 3 seconds, each does 2 in 3 seconds on average."""
    monkeypatch.setattr(measuring, "_best", lambda work: work())
    assert measuring._shortest(lambda number: 1.0 + 2.0 * number, 2) == pytest.approx(1.5)


def test_bytes_and_operations_are_counted_in_full(monkeypatch):
    monkeypatch.setattr(measuring, "_shortest", lambda work, count: work(0) or 1.0)
    assert measuring._gflops(1) == pytest.approx(2 * measuring.SIDE**3 / 1e9)
    assert measuring._gflops(2) == pytest.approx(2 * 2 * measuring.SIDE**3 / 1e9)
    numbers = 12_000 // 24  # three arrays in each of two threads
    assert measuring._bandwidth(12_000, 2) == pytest.approx(2 * numbers * 16 / 1e9)


def test_blas_and_memory_are_as_before():
    before = np.ones((2, 2)) @ np.ones((2, 2))
    controls = measuring.one_blas_thread
    tracemalloc.start()
    axon.roofline()
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not controls._inside
    assert most >= FAR - 10**6
    assert kept < 10**6
    np.testing.assert_array_equal(before, np.ones((2, 2)) @ np.ones((2, 2)))


def test_a_busy_moment_does_not_make_a_cache_slower_than_memory():
    levels = [Level(1, 5.0, 9.0), Level(2, 7.0, 8.0), Level(3, 6.0, 6.0)]
    assert measuring._falling(levels) == (
        Level(1, 7.0, 9.0),
        Level(2, 7.0, 8.0),
        Level(3, 6.0, 6.0),
    )


@pytest.mark.parametrize(
    ("nbytes", "rate"),
    [(0, 200.0), (999, 200.0), (1000, 200.0), (999_999, 200.0), (10**6, 80.0), (10**10, 16.0)],
)
def test_bandwidth_by_bytes_in_use(nbytes, rate):
    assert MACHINE.bandwidth(nbytes) == rate


def test_the_slower_of_arithmetic_and_bytes_is_the_limit():
    assert MACHINE.seconds(120e9, 1000) == pytest.approx(1.0)
    assert MACHINE.seconds(120e9, 0, itemsize=8) == pytest.approx(2.0), "float64 is half as fast"
    assert MACHINE.seconds(120e9, 0, itemsize=2) == pytest.approx(1.0), "float16 is not faster"
    assert MACHINE.seconds(1, 16 * 10**9) == pytest.approx(1.0)
    assert MACHINE.seconds(0, 0) == 0


def test_it_is_frozen_and_printed():
    with pytest.raises(AttributeError):
        MACHINE.gflops = 1.0
    one, two = str(MACHINE).splitlines()
    assert one == "1 thread        60 GFLOP/s     100 GB/s in cache      10 GB/s in memory"
    assert two == "2 threads      120 GFLOP/s     200 GB/s in cache      16 GB/s in memory"
    assert len(str(MACHINE._replace(threads=1)).splitlines()) == 1


def test_the_size_of_the_largest_cache(monkeypatch, tmp_path):
    for number, text in enumerate(("32K", "1M\n", "512", "")):
        (tmp_path / f"index{number}").mkdir()
        (tmp_path / f"index{number}" / "size").write_text(text)
    monkeypatch.setattr(measuring, "Path", lambda _: tmp_path)
    assert measuring._last_cache() == 2**20
    monkeypatch.setattr(measuring, "Path", lambda _: tmp_path / "missing")
    assert measuring._last_cache() == 0


def test_arrays_are_far_larger_than_the_last_cache(monkeypatch):
    monkeypatch.setattr(measuring, "_gflops", lambda count: 1.0)
    monkeypatch.setattr(measuring, "_bandwidth", lambda nbytes, count: 1.0)
    for cache, far in ((0, FAR), (2**27, 2**29), (2**40, 2**30)):
        monkeypatch.setattr(measuring, "_last_cache", lambda cache=cache: cache)
        assert measuring._measure(1).levels[-1].nbytes == far


def test_set_threads_is_followed():
    before = get_threads()
    try:
        set_threads(1)
        assert axon.roofline().threads == 1
    finally:
        set_threads(before)
