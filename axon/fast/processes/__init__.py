"""Kernels compiled by several processes at once, where more than one core may be used.

Numba compiles one kernel at a time in a process, and keeps its machine code for others: so other
processes compile some of those that are needed, and this one finds them there. Who takes which is
a matter of who is free: whoever makes the file of its name in a folder has taken a kernel.

Where it is known beforehand what will be needed, they begin before this process knows a program.
"""

import atexit
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from tempfile import TemporaryDirectory

from axon.fast.processes.edition import is_missing
from axon.threads import get_threads

PAYS = 8  # kernels to compile: as many as take longer than a process takes to begin
LONGEST = 60.0  # seconds that the last kernel of another process is waited for
MOST = 4  # processes in all: none has anything left to do before it has begun, if there are more
BEGIN = "import sys, json; sys.path[:] = json.loads(sys.stdin.readline()); "
SCRIPT = (
    f"{BEGIN}from axon.fast import kernels, processes; "
    "processes.help_with(sys.stdin, kernels.address)"
)


def can_help() -> bool:
    """Whether there are cores for other processes, and they could be begun."""
    python = "python" in Path(sys.executable or "").stem.lower()  # not a program that contains one
    return python and "frozen" not in vars(sys) and get_threads() > 1


class Helpers:
    """Other processes that compile kernels, until all are taken; with a ``with`` block.

    Args:
        told: variables of the environment that they need.
    """

    def __init__(self, told: Mapping[str, str] = {}) -> None:
        self.folder = TemporaryDirectory(prefix="axon-", ignore_cleanup_errors=True)
        self.processes: list[Popen[str]] = []
        self.told: list[str] = []
        with suppress(OSError):  # there may be no more processes
            for _ in range(min(get_threads(), MOST) - 1):
                self.processes.append(_begun(told))
        self._say(sys.path)

    def __enter__(self) -> "Helpers":
        return self

    def __exit__(self, error: object, *more: object) -> None:
        self.end(at_once=error is not None)

    def tell(self, names: Sequence[str], last: bool = False) -> None:
        """Which kernels there are to compile; the largest should come first.

        Args:
            names: the kernels.
            last: nothing more is going to be told; what was told before and is not among these is
                not needed any more.
        """
        self._say({"folder": self.folder.name, "names": list(names)}, last)
        for name in set(self.told) - set(names) if last else ():
            self.take(name)
        self.told += names

    def take(self, name: str) -> bool:
        """Whether a kernel is left to this process."""
        return take(self.folder.name, name)

    def end(self, at_once: bool = False) -> None:
        """Wait until they have done what they took, or do not wait."""
        for process in self.processes:
            _end(process, at_once)
        self.folder.cleanup()

    def _say(self, what: object, last: bool = False) -> None:
        """Write a line to each of them, unless it has ended."""
        for process in self.processes:
            assert process.stdin is not None
            with suppress(OSError, ValueError):
                print(json.dumps(what), file=process.stdin, flush=True)
                if last:
                    process.stdin.close()


class _Early:
    helpers: Helpers | None = None


def begin(names: Sequence[str]) -> None:
    """Have kernels compiled that are going to be needed, unless this machine has kept the first.

    They are for the first program after this one, which takes what was compiled so far.

    Args:
        names: the kernels. The largest ones should come first.
    """
    if _Early.helpers is None and can_help() and is_missing(names[0]):
        _Early.helpers = Helpers()
        _Early.helpers.tell(names)
        atexit.register(_give_up, os.getpid())


def begun() -> Helpers | None:
    """Those that ``begin`` began, for who asks first."""
    helpers, _Early.helpers = _Early.helpers, None
    return helpers


def _give_up(owner: int) -> None:
    """Nothing has needed them."""
    if os.getpid() == owner and (helpers := begun()):
        helpers.end(at_once=True)


def take(folder: str, name: str) -> bool:
    """Whether nobody has taken a kernel so far; now it is taken."""
    try:
        Path(folder, name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _begun(told: Mapping[str, str]) -> Popen[str]:
    command, env = [sys.executable, "-c", SCRIPT], {**os.environ, **told}
    return Popen(command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, text=True, env=env)


def _end(process: Popen[str], at_once: bool) -> None:
    """Wait until it has done its last kernel, and no longer than is reasonable."""
    with suppress(OSError, ValueError):
        assert process.stdin is not None
        process.stdin.close()
    with suppress(TimeoutExpired):
        process.wait(0 if at_once else LONGEST)
    process.kill()
    process.wait()


def help_with(lines: Iterable[str], compile: Callable[[str], object]) -> None:
    """Compile kernels that nobody has taken: what another process does, line by line."""
    for line in lines:
        told = json.loads(line)
        for name in told["names"]:
            if take(told["folder"], name):
                compile(name)
