"""A contestant in a process of its own, which trains and predicts when it is told to."""

import os
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.peers import CONTESTANTS
from bench.work import CHECKED, Workload, data, images

REPEATED = 0.4  # seconds at least that a prediction is repeated for


class Order(NamedTuple):
    """What a process is started for."""

    contestant: str
    work: Workload
    folder: Path
    checkout: Path | None = None  # where another AXON than the installed one lies


def main(connection: Connection, order: Order) -> None:
    """Get ready, say what the check gave, then measure on demand until told to stop."""
    silence()
    if os.name == "posix":
        os.setsid()  # so that compilers that it started end with it
    os.environ.update(CONTESTANTS[order.contestant].environment)
    if order.checkout:
        sys.path.insert(0, str(order.checkout))
    try:
        measures, checks = prepare(order)
        connection.send({"checks": checks})
        while name := connection.recv():
            connection.send({"seconds": measures[name]()})
    except EOFError:  # whoever asked is gone
        pass
    except Exception:
        connection.send({"error": traceback.format_exc().strip().splitlines()[-1]})


def silence() -> None:
    """What libraries print goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def prepare(order: Order) -> tuple[dict[str, Callable[[], float]], dict[str, float]]:
    """Load the library, train some checked steps, warm up; what can be measured, and the checks."""
    work = order.work
    make = CONTESTANTS[order.contestant].load()
    peer = make(work._replace(dropout=0.0))
    checks = check(peer, work, order.folder)
    if work.dropout:
        peer = make(work)
    peer.load(*data(work, order.folder, work.rows))
    rows = np.tile(np.arange(work.rows), (work.epochs, 1))
    rows = np.random.default_rng(0).permuted(rows, axis=1)
    peer.train(rows[:1])
    measures = {"train": lambda: once(lambda: peer.train(rows)) / rows.size}
    if work.predicts:
        x, _ = images(order.folder, "test")
        measures["one"] = lambda: repeated(lambda: peer.predict(x[:1]))
        measures["many"] = lambda: repeated(lambda: peer.predict(x)) / len(x)
        for samples in (x[:1], x[:1], x[:1], x):  # the first calls compile
            peer.predict(samples)
    return measures, checks


def check(peer: Any, work: Workload, folder: Path) -> dict[str, float]:
    """Mean loss of the first steps, and what the network then says of unseen images."""
    rows = CHECKED * work.batch_size
    peer.load(*data(work, folder, rows))
    checks = {"loss": peer.train(np.load(folder / f"orders_{rows}.npy")[:1])}
    if work.predicts:
        x, y = images(folder, "test", 1000)
        checks["chance of the right digit"] = float(peer.predict(x)[np.arange(len(x)), y].mean())
    return checks


def once(function: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def repeated(function: Callable[[], object]) -> float:
    """Seconds that a call takes, the median of many."""
    seconds = []
    while sum(seconds) < REPEATED:
        seconds.append(once(function))
    return float(np.median(seconds))
