"""The parent's side: all contestants of a workload measured in turn, round after round."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench import worker
from bench.peers import CONTESTANTS
from bench.work import Workload

START, MEASURE = 120.0, 60.0  # seconds that a contestant may take to get ready, and to be measured
PAUSE = 0.1  # seconds between two contestants, for threads to fall asleep

Result = dict[str, Any]


class Failed(Exception):
    """A contestant could not do its work; the message says why."""


class Process:
    """One contestant, waiting in its own process."""

    def __init__(self, order: worker.Order) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=worker.main, args=(theirs, order))
        self.process.start()
        theirs.close()

    def answer(self, seconds: float) -> dict[str, Any]:
        """What it says, unless it fails or takes too long."""
        if not self.connection.poll(seconds):
            raise Failed(f"took longer than {seconds:.0f} seconds")
        try:
            said = self.connection.recv()
        except EOFError:
            self.process.join(5)
            raise Failed(f"its process ended, exit code {self.process.exitcode}") from None
        if "error" in said:
            raise Failed(said["error"])
        return said

    def measure(self, name: str) -> float:
        """Have it do its work once: seconds a sample, or a call for one sample."""
        self.connection.send(name)
        return self.answer(MEASURE)["seconds"]

    def close(self) -> None:
        """Ask it to stop, and end it if it does something else."""
        with suppress(OSError):
            self.connection.send(None)
        self.process.join(2)
        if self.process.is_alive() and os.name == "posix":
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.terminate()
        self.process.join()
        self.connection.close()


@contextmanager
def started(orders: dict[str, worker.Order], results: Result, quiet: bool) -> Iterator[dict]:
    """The processes of those contestants that got ready; those that did not are in the results."""
    ready: dict[str, Process] = {}
    try:
        for name, order in orders.items():
            if not quiet:
                print(f"  {CONTESTANTS[order.contestant].name} gets ready", flush=True)
            ready[name] = Process(order)
            try:
                results[name] = ready[name].answer(START)
            except Failed as failure:
                results[name] = {"failed": str(failure)}
                ready.pop(name).close()
        yield ready
    finally:
        for process in ready.values():
            process.close()


def orders(work: Workload, names: list[str], folder: Path) -> dict[str, worker.Order]:
    """What each contestant is started for: less work for those that are very slow at it."""
    found = {}
    for name in names:
        steps = dict(CONTESTANTS[name].steps).get(work.network, work.steps)
        found[name] = worker.Order(name, work._replace(steps=min(steps, work.steps)), folder)
    return found


def compare(
    work: Workload, contestants: dict[str, worker.Order], rounds: int, quiet: bool = False
) -> Result:
    """Seconds of each contestant in each round, by what was measured."""
    measures = ["train", "one", "many"] if work.predicts else ["train"]
    results: Result = {}
    with started(contestants, results, quiet) as ready:
        for name in ready:
            results[name] |= {measure: [] for measure in measures}
        for measure in measures * rounds:
            for name, process in list(ready.items()):
                time.sleep(PAUSE)
                try:
                    results[name][measure].append(process.measure(measure))
                except Failed as failure:
                    results[name] = {"failed": str(failure)}
                    ready.pop(name).close()
    return results
