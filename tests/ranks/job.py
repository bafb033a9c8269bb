"""What ranks do in these tests: ``mpiexec -n 4 python tests/ranks/job.py NAME``."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import axon
from axon.ranks import RankError, World, all_reduce, world


def say(*words: object) -> None:
    """A line in one piece, with the rank before it."""
    os.write(1, f"{world().rank}: {' '.join(map(str, words))}\n".encode())


def caught(what: str, function, *arguments: object) -> None:
    try:
        function(*arguments)
        say(what, "no error")
    except BaseException as error:
        say(what, f"{type(error).__name__}: {error}")


def talk() -> None:
    """All that works, and all errors that leave the ranks in step."""
    ranks = world()
    say("size", ranks.size, len(ranks.hosts), axon.ranks.rank() == ranks.rank)
    values = ranks.gather({"a": [np.arange(3) * ranks.rank, "x" * 100_000 * ranks.rank]})
    say("gather", [(v["a"][0].tolist(), len(v["a"][1])) for v in values])
    say("share", ranks.share({"rank": ranks.rank, "numbers": np.arange(2)}))
    say("threads", axon.get_threads())
    axon.ranks.barrier()
    caught("three", ranks.own, 3)
    for number in range(2):  # and again: after an error all are in step
        caught("error", fail, 1, ValueError("no such column"))
        caught("interrupt", fail, ranks.size - 1, KeyboardInterrupt())
        caught("all", fail, None, ValueError("all alike"))
        say("still", ranks.gather(number), axon.modes.modes.leads)
    say("late message", late_message(ranks))
    with ranks.together("a fit"):
        say("leads", axon.modes.modes.leads)
        with ranks.together("an inner one"):
            ranks.barrier()


def late_message(ranks: World) -> float:
    """Rank 2 fails; what rank 1 sends to rank 0 then is not wanted any more."""
    array = np.zeros(4)
    try:
        with ranks.together("a fit"):
            if ranks.rank == 2:
                raise ValueError("no such column")
            if ranks.rank == 1:
                time.sleep(0.3)
                ranks.wait(ranks.send({0: array + 1}), "a late message")
            if ranks.rank == 0:
                ranks.wait(ranks.receive({1: array}), "a late message")
    except (ValueError, RankError):
        pass
    ranks.barrier()
    return float(array.sum())


def fail(who: int | None, error: BaseException) -> None:
    """One rank, or all, fail among several sums."""
    with world().together("a fit"):
        for step in range(5):
            if step == 3 and who in (None, world().rank):
                raise error
            sums(1000)


def apart() -> None:
    """Ranks that do not do the same; then once more, to see that they are in step again."""
    ranks = world()
    mine = ranks.rank
    for _ in range(2):
        caught("sum", together, ranks.barrier if mine == 3 else lambda: sums(1000))
        caught("words", together, lambda: ranks.gather(1, f"values of kind {min(mine, 1)}"))
    say("still", ranks.gather(mine))
    caught("outside", ranks.barrier if mine else lambda: together(ranks.barrier))


def together(function: Callable[[], object]) -> None:
    with world().together("a fit"):
        function()


def no_ranks() -> None:
    """What a rank starts is no rank: a thread, a fork, another program."""
    ranks = world()
    thread = threading.Thread(target=caught, args=("thread", together, ranks.barrier))
    with ranks.together("a fit"):
        thread.start()
        thread.join()
    if not (child := os.fork()):
        caught("fork", together, ranks.barrier)
        os._exit(0)
    os.waitpid(child, 0)
    if not (child := os.fork()):
        sys.exit(7)  # as a program ends, with all that is done at its end
    say("exit", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    code = "import axon; print(axon.ranks.rank(), axon.ranks.size())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    say("program", other.stdout.strip() or other.stderr)
    caught("still", together, ranks.barrier)


def sums(size: int, dtype: type = np.float32) -> bytes:
    rows = np.random.default_rng(3).normal(size=(8, size)).astype(dtype)
    total = np.full(size, np.nan, dtype)
    own = world().own(8)
    all_reduce(total, rows[own.start : own.stop], shards=8)
    (a, b, c, d, e, f, g, h) = rows
    wanted = ((a + b) + (c + d)) + ((e + f) + (g + h))
    assert total.tobytes() == wanted.tobytes(), (size, dtype)
    return total.tobytes()


def tree() -> None:
    """Sums of many sizes and types, in memory of any order."""
    for size in (0, 1, 5, 1000, 1023, 1025, 30_001, 209_387):
        for dtype in (np.float16, np.float32, np.float64):
            sums(size, dtype)
    ranks = world()
    rows = np.random.default_rng(1).normal(size=(8, 50, 40))
    total, flat = np.zeros((40, 50)).T, np.zeros((50, 40))
    own = rows[ranks.own(8).start : ranks.own(8).stop]
    all_reduce(total, np.asfortranarray(own), shards=8)
    all_reduce(flat, own, shards=8)
    assert (total == flat).all()
    caught("shape", lambda: all_reduce(np.zeros(3), np.zeros((3, 3)), shards=8))
    say("ok")


def late() -> None:
    """One rank does not come."""
    axon.ranks.set_timeout(1.5)
    ranks = world()
    with ranks.together("a fit"):
        sums(1000)
        if ranks.rank == 1:
            time.sleep(60)
        sums(1000)


def ends(way: str) -> None:
    """One rank ends, while the others wait for it."""
    ranks = world()
    try:
        with ranks.together("a fit"):
            sums(1000)
            if ranks.rank == 1:
                {
                    "error": lambda: int("x"),
                    "exit": lambda: sys.exit(3),
                    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
                    "interrupt": lambda: os.kill(os.getpid(), signal.SIGINT),
                }[way]()
                time.sleep(60)
            sums(1000)
    except RankError as error:
        say(error)
        raise


def leaves(way: str) -> None:
    """One rank fails outside of what they do together, or is at its end."""
    ranks = world()
    if ranks.rank == 1:
        {"error": lambda: int("x"), "exit": lambda: sys.exit(3), "end": sys.exit}[way]()
    caught("waiting", ranks.barrier)
    sys.exit(5)


def begins() -> None:
    """One rank is interrupted before they have found each other, while the others wait for it."""

    from mpi4py import MPI

    if MPI.COMM_WORLD.Get_rank() == 1:
        MPI.Get_processor_name = lambda: int("interrupted")
    say("begun", world().size)


def waits() -> None:
    """All work until somebody stops them."""
    for step in range(2000):
        with world().together("a fit"):
            sums(1000)
            if step == 5:
                say("at work")
            time.sleep(0.02)


def works(folder: str) -> None:
    """All work until the cable between them is cut; what they say of it is kept in files."""
    mine = world().rank
    try:
        with world().together("a fit"):
            for step in range(3000):
                sums(20_000)
                if step == 5:
                    Path(folder, f"ready-{mine}").write_text(str(os.getpid()))
                time.sleep(0.01)
    except RankError as error:
        Path(folder, f"ended-{mine}").write_text(str(error))
        raise


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
