"""Kernels compiled by several processes at once, where more than one core may be used.

Numba compiles one kernel at a time in a process, and keeps its machine code for others: so other
processes compile some of those that are needed, and this one finds them there. Who takes which is
a matter of who is free: whoever makes the file of its name in a folder has taken a kernel.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from tempfile import TemporaryDirectory
from typing import Any

from axon.fast.kernels.cache import told
from axon.threads import get_threads

PAYS = 8  # kernels to compile: as many as take longer than a process takes to begin
LONGEST = 60.0  # seconds that the last kernel of another process is waited for
MOST = 4  # processes in all: none has anything left to do before it has begun, if there are more
BEGIN = "import sys, json; told = json.load(sys.stdin); sys.path[:] = told['path']; "
SCRIPT = (
    f"{BEGIN}from axon.fast.kernels import address, processes; processes.help_with(told, address)"
)


def can_help() -> bool:
    """Whether there are cores for other processes, and they could be begun."""
    python = "python" in Path(sys.executable or "").stem.lower()  # not a program that contains one
    return python and "frozen" not in vars(sys) and get_threads() > 1


class Helpers:
    """Other processes that compile kernels, until all are taken; with a ``with`` block.

    Args:
        names: the kernels. The largest ones should come first.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.folder = TemporaryDirectory(prefix="axon-", ignore_cleanup_errors=True)
        task = {"path": sys.path, "names": list(names), "folder": self.folder.name}
        self.processes: list[Popen[str]] = []
        with suppress(OSError):  # there may be no more processes
            for _ in range(min(get_threads(), MOST) - 1):
                self.processes.append(_begun())
                _tell(self.processes[-1], json.dumps(task))

    def __enter__(self) -> "Helpers":
        return self

    def __exit__(self, error: object, *more: object) -> None:
        for process in self.processes:
            _end(process, at_once=error is not None)
        self.folder.cleanup()

    def take(self, name: str) -> bool:
        """Whether a kernel is left to this process."""
        return take(self.folder.name, name)


def take(folder: str, name: str) -> bool:
    """Whether nobody has taken a kernel so far; now it is taken."""
    try:
        Path(folder, name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _begun() -> Popen[str]:
    command = [sys.executable, "-c", SCRIPT]
    env = os.environ | told()
    return Popen(command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, text=True, env=env)


def _tell(process: Popen[str], told: str) -> None:
    """What to do; then there is nothing more to be said."""
    assert process.stdin is not None
    with process.stdin as line:
        line.write(told)


def _end(process: Popen[str], at_once: bool) -> None:
    """Wait until it has done its last kernel, and no longer than is reasonable."""
    with suppress(TimeoutExpired):
        process.wait(0 if at_once else LONGEST)
    process.kill()
    process.wait()


def help_with(told: dict[str, Any], compile: Callable[[str], object]) -> None:
    """Compile kernels that nobody has taken: what another process does."""
    for name in told["names"]:
        if take(told["folder"], name):
            compile(name)
