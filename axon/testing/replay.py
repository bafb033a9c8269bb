"""The checks that a replay gives the same bits as the first run, and takes no memory."""

from collections.abc import Callable, Sequence

import numpy as np

from axon.backend import Array
from axon.core import Tensor
from axon.program import Step
from axon.program.lowerings import Kernels
from axon.threads import get_threads, set_threads

Function = Callable[..., list[Tensor]]
BUFFERS = 250_000  # bytes that NumPy may take for a moment, however large the arrays are
LARGE = 2**17  # numbers in an array whose allocation is seen beyond doubt


def check_replay(what: str, function: Function, arrays: list[Array]) -> None:
    """Recorded with some values, replayed with others: the same bits as computed at once."""
    step, slots = _step(what, function, arrays)
    with Kernels("numpy"):
        for seed in range(3):
            given = [_shuffled(a, seed) for a in arrays]
            eager = [a.copy() for a in given]
            wanted = [t.data for t in function(*map(Tensor, eager))]
            for slot, array in zip(slots, given, strict=True):
                slot[...] = array
            got = step.run(slots)
            demand(
                same([*got, *slots], [*wanted, *eager]),
                f"{what}: a replay gives other numbers than the first run. What changes between "
                "calls must be an array, not a Python number, and a kernel must keep nothing.",
            )


def _step(what: str, function: Function, arrays: list[Array]) -> tuple[Step, list[Array]]:
    """A step that does what the function does, and the arrays to fill before it runs."""
    step = Step(what, function, [f"input {i}" for i in range(len(arrays))])
    return step, step.inputs(*((a.shape, a.dtype) for a in arrays))


def _shuffled(array: Array, seed: int) -> Array:
    """The same numbers in other places: still of the kind that the caller gave."""
    if seed == 0:
        return array.copy()
    return np.random.default_rng(seed).permutation(array.ravel()).reshape(array.shape)


def check_memory(what: str, function: Function, arrays: list[Array]) -> None:
    """A replay takes no memory for arrays, on one thread: NumPy takes buffers for each."""
    threads = get_threads()
    set_threads(1)
    try:
        with Kernels("numpy"):
            taken = _taken(*_step(what, function, arrays), arrays)
    finally:
        set_threads(threads)
    demand(
        taken < BUFFERS,
        f"{what}: a replay takes {taken:,} bytes of memory. Write into out (ufuncs take out=), "
        "and declare its workspace with @axon.primitive(workspace=...).",
    )


def _taken(step: Step, slots: list[Array], arrays: list[Array]) -> int:
    """How many bytes more there are for a moment, while a step is replayed."""
    import tracemalloc

    for slot, array in zip(slots, arrays, strict=True):
        slot[...] = array
    step.run(slots)
    step.run(slots)
    was_on = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        step.run(slots)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not was_on:
            tracemalloc.stop()


def demand(holds: bool, message: str) -> None:
    """Raise AssertionError with this message, unless it holds."""
    if not holds:
        raise AssertionError(message)


def same(a: Sequence[Array], b: Sequence[Array]) -> bool:
    """Bit for bit."""
    looks = [[(x.shape, x.dtype) for x in arrays] for arrays in (a, b)]
    return looks[0] == looks[1] and [x.tobytes() for x in a] == [x.tobytes() for x in b]


def compare(message: str, got: Sequence[Array], wanted: Sequence[Array], rtol: float) -> None:
    """Demand equal shapes, and values that are equal but for rounding."""
    demand(len(got) == len(wanted), f"{message}: {len(got)} results, expected {len(wanted)}.")
    for g, w in zip(got, wanted, strict=True):
        demand(g.shape == w.shape, f"{message}: shape {g.shape}, expected {w.shape}.")
        if not np.allclose(g, w, rtol=rtol, atol=rtol / 10, equal_nan=True):
            worst = int(np.argmax(abs(np.asarray(g, float) - w)))
            at = tuple(map(int, np.unravel_index(worst, g.shape)))
            raise AssertionError(f"{message}: at {at} {g[at]:.9g}, expected {w[at]:.9g}.")
