"""Ranks: how much faster two of them learn than one, and what their sum over shards costs.

    mpiexec -n 2 python -m bench.ranks [--rounds 9] [--shards 8] [--kernels fast]

Each rank keeps to one core. The first one learns alone, plainly and in shards, while the others
sleep; then all learn together: the same network, side by side, round after round. Ratios are of
medians. Then sums are timed against MPI's own Allreduce, whose bits depend on the ranks.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median

import numpy as np

import axon
import axon.random
from axon import layers
from axon.backend import Array, xp
from axon.ranks import World, all_reduce, world

STEPS = 32  # of an epoch, as in the benchmark
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)


def cnn() -> axon.Model:
    """That of the benchmark."""
    axon.set_random_seed(0)
    net = axon.Sequential(
        [
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    net.build((28, 28, 1))
    net.compile("categorical_crossentropy", "adam")
    return net


def mlp() -> axon.Model:
    axon.set_random_seed(0)
    net = axon.Sequential(
        [
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    net.build((28, 28, 1))
    net.compile("categorical_crossentropy", "adam")
    return net


@contextmanager
def alone() -> Iterator[None]:
    """As if nobody had started others beside this process."""
    from axon.ranks import world as module

    made, drawn = module.__globals__["_made"], axon.random.get_state()
    made.insert(0, World())
    try:
        yield
    finally:
        made.pop(0)
        axon.random.set_state(drawn)


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def learning(make: Callable[[], axon.Model], batch: int, shards: int, rounds: int) -> None:
    ranks = world()
    random = np.random.default_rng(0)
    x = random.random((STEPS * batch, 28, 28, 1), dtype=np.float32)
    y = random.integers(0, 10, len(x))
    common = {"batch_size": batch, "verbose": 0}
    plain, sharded, joint = make(), make(), make()
    ways = {
        "alone, plain": (alone, lambda: plain.fit(x, y, **common)),
        "alone, in shards": (alone, lambda: sharded.fit(x, y, shards=shards, **common)),
        "together": (None, lambda: joint.fit(x, y, shards=shards, **common)),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, (scope, fit) in ways.items():
            ranks.barrier()
            if scope is None:
                taken[name].append(seconds(fit))
            elif ranks.rank == 0:
                with scope():
                    taken[name].append(seconds(fit))
            ranks.barrier()
        if number == 0:  # recorded, compiled
            taken = {name: [] for name in ways}
    if ranks.rank == 0:
        report(make.__name__, batch, shards, {n: median(t) / STEPS for n, t in taken.items()})


def report(name: str, batch: int, shards: int, step: dict[str, float]) -> None:
    plain, sharded, joint = step.values()
    print(
        f"{name} batch {batch}, {shards} shards: plain {plain * 1e3:.2f} ms, in shards "
        f"{sharded * 1e3:.2f} ms ({plain / sharded:.2f} x), {world().size} ranks "
        f"{joint * 1e3:.2f} ms: {sharded / joint:.2f} x one rank, {plain / joint:.2f} x plain",
        flush=True,
    )


def sums(rounds: int) -> None:
    """The tree, as a recorded step replays it, against MPI's own sum; the ranks' one shard each."""
    from mpi4py import MPI

    ranks, comm = world(), MPI.COMM_WORLD
    for size in SIZES:
        rows = np.random.default_rng(ranks.rank).random((1, size), dtype=np.float32)
        total, again = np.zeros(size, np.float32), np.zeros(size, np.float32)
        tree = replayed(total, rows, ranks.size)
        ours, theirs = [], []
        for _ in range(rounds * (10 if size < 1e7 else 1)):
            ranks.barrier()
            ours.append(seconds(tree))
            ranks.barrier()
            theirs.append(seconds(lambda: comm.Allreduce(rows[0], again)))  # noqa: B023
        if ranks.rank == 0:
            a, b = median(ours) * 1e6, median(theirs) * 1e6
            print(f"sum of {size:>10,}: tree {a:9.0f} us, Allreduce {b:9.0f} us, {b / a:.2f} x")


def replayed(total: Array, rows: Array, shards: int) -> Callable[[], object]:
    """The kernel of the sum, with the memory that a program gives it once and for all."""
    meta = {"shards": shards}
    space = [xp.empty(*spec) for spec in all_reduce.workspace(total, rows, **meta)]
    return partial(all_reduce.kernel, total, rows, workspace=space, xp=xp, **meta)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--shards", type=int, nargs="*", default=[8, 2])
    parser.add_argument("--kernels", default="fast")
    given = parser.parse_args()
    axon.set_kernels(given.kernels)
    ranks = world()
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpus[ranks.rank % len(cpus)]})
    if ranks.rank == 0:
        print(f"load of the machine: {os.getloadavg()[0]:.1f}; {given.kernels} kernels", flush=True)
    for shards in given.shards:
        learning(cnn, 128, shards, given.rounds)
        learning(mlp, 512, shards, given.rounds)
    sums(given.rounds)


if __name__ == "__main__":
    main()
