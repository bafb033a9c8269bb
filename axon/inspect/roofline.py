"""What this machine can do at best, measured: arithmetic, and moving bytes.

Whatever a kernel computes, it must do its arithmetic and move its bytes. The slower of the two, at
the speed measured here, is the least time it can take (the roofline model: Williams, Waterman and
Patterson, 2009). A profile holds each instruction against it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from axon.threads import get_threads, one_blas_thread

SIDE = 384  # of the square matrices: full speed, in a millisecond that nothing else may disturb
CACHED = (2**19, 2**22, 2**24)  # bytes in use: within the cache of a core, or of several
BEYOND, FAR, FARTHEST = (2**26,), 2**28, 2**30  # mostly beyond, and far beyond the largest cache
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}
SECONDS = 0.1  # that each number is measured for


class Level(NamedTuple):
    """How fast bytes move if so many are in use: GB/s of one thread, and of all together."""

    nbytes: int
    one: float
    all: float


class Roofline(NamedTuple):
    """The limits of a machine, for float32.

    Attributes:
        threads: how many AXON may use.
        gflops_one: 10^9 operations a second, of one thread in a large matrix product.
        gflops: of all threads together.
        levels: bandwidths, from a cache to memory.

    >>> machine = Roofline(2, 100.0, 200.0, (Level(2**19, 80.0, 160.0), Level(2**28, 20.0, 30.0)))
    >>> print(machine)
    1 thread      100 GFLOP/s      80 GB/s in cache      20 GB/s in memory
    2 threads     200 GFLOP/s     160 GB/s in cache      30 GB/s in memory
    """

    threads: int
    gflops_one: float
    gflops: float
    levels: tuple[Level, ...]

    @property
    def cache(self) -> float:
        """GB/s of all threads where data stay in the caches of the cores."""
        return self.levels[0].all

    @property
    def cache_one(self) -> float:
        """GB/s of one thread where data stay in its core's cache."""
        return self.levels[0].one

    @property
    def memory(self) -> float:
        """GB/s of all threads through arrays far larger than any cache."""
        return self.levels[-1].all

    @property
    def memory_one(self) -> float:
        """GB/s of one thread through arrays far larger than any cache."""
        return self.levels[-1].one

    def bandwidth(self, nbytes: int) -> float:
        """GB/s at best, of all threads, for work that touches so many bytes.

        >>> machine = Roofline(1, 9.0, 9.0, (Level(500, 8.0, 8.0), Level(2000, 2.0, 2.0)))
        >>> machine.bandwidth(100), machine.bandwidth(1999), machine.bandwidth(2000)
        (8.0, 8.0, 2.0)
        """
        within = [level.all for level in self.levels if level.nbytes <= nbytes]
        return within[-1] if within else self.cache

    def seconds(self, flops: float, nbytes: int, itemsize: int = 4) -> float:
        """The least time for so many operations on so many bytes; those of float64 take twice.

        >>> machine = Roofline(1, 100.0, 100.0, (Level(1000, 10.0, 10.0),))
        >>> machine.seconds(1e9, 0), machine.seconds(1e9, 0, itemsize=8), machine.seconds(0, 10**9)
        (0.01, 0.02, 0.1)
        """
        arithmetic = flops * max(1, itemsize / 4) / self.gflops
        return max(arithmetic, nbytes / self.bandwidth(nbytes)) / 1e9

    def __str__(self) -> str:
        lines = [_row("1 thread", self.gflops_one, self.cache_one, self.memory_one)]
        if self.threads > 1:
            name = f"{self.threads} threads"
            lines.append(_row(name, self.gflops, self.cache, self.memory))
        return "\n".join(lines)


def _row(threads: str, gflops: float, cache: float, memory: float) -> str:
    numbers = f"{gflops:7,.0f} GFLOP/s {cache:7,.0f} GB/s in cache {memory:7,.0f} GB/s in memory"
    return f"{threads:<10} {numbers}"


_known: Roofline | None = None


def roofline(again: bool = False) -> Roofline:
    """Measure what this machine can do at best; a second or two, then known to the process.

    Products of large matrices in float32 for the arithmetic; sums and copies of arrays for the
    bandwidth, each byte read or written counted once. Other work on the machine makes all numbers
    smaller.

    Args:
        again: measure anew.

    Returns:
        The Roofline: ``print`` it, or read ``gflops``, ``cache`` (GB/s) and ``memory`` (GB/s).

    >>> machine = axon.roofline()
    >>> machine.gflops > 0, machine is axon.roofline()
    (True, True)
    """
    global _known
    if again or _known is None or _known.threads != get_threads():
        _known = _measure(get_threads())
    return _known


def _measure(count: int) -> Roofline:
    sizes = (*CACHED, *BEYOND, min(max(FAR, 4 * _last_cache()), FARTHEST))
    with one_blas_thread:
        gflops_one = _gflops(1)
        gflops = _gflops(count) if count > 1 else gflops_one
    levels = _falling([_level(size, count) for size in sizes])
    return Roofline(count, gflops_one, max(gflops, gflops_one), levels)


def _level(nbytes: int, count: int) -> Level:
    """One thread, and all: each core has a cache of its own, memory is shared."""
    one = _bandwidth(nbytes, 1)
    if nbytes in CACHED or count == 1:
        return Level(nbytes, one, one * count)
    return Level(nbytes, one, max(one, _bandwidth(nbytes, count)))


def _falling(levels: Sequence[Level]) -> tuple[Level, ...]:
    """More bytes never move faster: what a busy moment spoilt is as fast as what lies beyond."""
    kept: list[Level] = []
    one = together = 0.0
    for level in reversed(levels):
        one, together = max(one, level.one), max(together, level.all)
        kept.insert(0, Level(level.nbytes, one, together))
    return tuple(kept)


def _gflops(count: int) -> float:
    """Of a product of matrices in each thread."""
    factors = [np.ones((SIDE, SIDE), np.float32) for _ in range(count)]
    products = [np.empty_like(a) for a in factors]

    def multiply(number: int) -> None:
        np.matmul(factors[number], factors[number], out=products[number])

    return count * 2 * SIDE**3 / _shortest(multiply, count) / 1e9


def _bandwidth(nbytes: int, count: int) -> float:
    """Of c = a + b or b = a, whichever is faster, in arrays that take so many bytes together."""
    size = nbytes // (count * 12)
    trios = [[np.ones(size, np.float32) for _ in "abc"] for _ in range(count)]

    def add(number: int) -> None:
        a, b, c = trios[number]
        np.add(a, b, out=c)

    def copy(number: int) -> None:
        a, b, c = trios[number]
        np.copyto(b, a)
        np.copyto(c, b)

    return count * size * max(12 / _shortest(add, count), 16 / _shortest(copy, count)) / 1e9


def _shortest(work: Callable[[int], None], count: int) -> float:
    """Seconds that ``work`` takes at least, in so many threads at the same time: their mean."""
    if count == 1:
        return _best(lambda: work(0))
    from concurrent.futures import ThreadPoolExecutor  # only who measures pays for it

    with ThreadPoolExecutor(count) as pool:
        times = list(pool.map(lambda number: _best(lambda: work(number)), range(count)))
    return count / sum(1 / seconds for seconds in times)  # of rates


def _best(work: Callable[[], object]) -> float:
    """The shortest of many runs; of three at least."""
    times: list[float] = []
    end = perf_counter() + SECONDS
    while len(times) < 3 or perf_counter() < end:
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


def _last_cache() -> int:
    """Bytes of the largest cache, where the system tells; else 0."""
    sizes = [0]
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = path.read_text().strip()
        sizes.append(int(text.rstrip("KMG") or 0) * UNITS.get(text[-1:], 1))
    return max(sizes)
