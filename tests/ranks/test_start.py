"""How a process was started, and what may be wrong with that; settings of one process."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import axon
from axon import threads
from axon.ranks import RankError, all_reduce, get_timeout, set_timeout, world
from axon.ranks.start import Start, started
from axon.ranks.world import possible
from tests.ranks.launch import Job, Mpi, environment, mpich, needs_mpich, needs_other, other, run

RANK = """
import axon
try: print(axon.ranks.rank(), axon.ranks.size(), flush=True)
except (ImportError, RuntimeError) as error: print(type(error).__name__, error, flush=True)
"""


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"HOME": "/root"}, None),
        ({"SLURM_NTASKS": "1"}, None),
        ({"SLURM_NTASKS": "4"}, Start("Slurm", 4)),
        ({"PMI_SIZE": "4"}, Start("MPICH's mpiexec", 4)),
        ({"PMI_SIZE": "4", "SLURM_NTASKS": "4"}, Start("MPICH's mpiexec", 4)),
        ({"OMPI_COMM_WORLD_SIZE": "1", "PMIX_RANK": "0"}, Start("Open MPI's mpiexec", 1)),
        ({"PMIX_RANK": "3"}, Start("a launcher (PMIx)", 0)),
    ],
)
def test_launchers_are_known_by_the_environment(variables, found) -> None:
    assert started(variables) == found


def test_a_process_alone_needs_no_mpi() -> None:
    code = "import axon, sys; print(axon.ranks.rank(), axon.ranks.size()); "
    code += "axon.ranks.barrier(); print('mpi4py' in sys.modules)"
    assert alone(code).out == "0 1\nFalse\n"


def alone(code: str, **variables: str) -> Job:
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(**variables), capture_output=True, text=True
    )
    return Job(done.returncode, done.stdout, done.stderr)


@needs_mpich
def test_slurms_tasks_that_are_alone_are_refused() -> None:
    said = alone(RANK, SLURM_NTASKS="4").out
    assert said.startswith("RuntimeError Slurm has 4 tasks (SLURM_NTASKS), but MPI (")
    assert "srun --mpi=pmix" in said
    assert "unset SLURM_NTASKS" in said


@needs_mpich
@needs_other
def test_the_launcher_of_another_mpi_is_refused() -> None:
    one, two = mpich(), other()
    assert one is not None
    assert two is not None
    mixed = Mpi("openmpi", two.mpiexec, one.python), Mpi("mpich", one.mpiexec, two.python)
    for mpi, (launcher, library) in zip(
        mixed, [("Open MPI's", "MPICH"), ("MPICH's", "Open MPI")], strict=True
    ):
        job = run(mpi, 2, "-c", RANK)
        said = [line for line in job.out.split("\n") if line]
        assert len(said) == 2, job.err
        assert said[0].startswith(f"ForeignMPIError {launcher} mpiexec started 2 ranks, but mpi4py")
        assert f"loaded another MPI ({library}" in said[0]


@pytest.mark.parametrize(
    ("package", "says"),
    [
        ("raise ModuleNotFoundError('No module named mpi4py')", "No module named mpi4py"),
        ("raise RuntimeError('cannot load MPI library')", "cannot load MPI library"),
        ("__version__ = '3.1.6'", "mpi4py is 3.1.6, and AXON needs 4.0 or newer"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, package: str, says: str) -> None:
    (tmp_path / "mpi4py.py").write_text(package)
    path = f"{tmp_path}:{environment()['PYTHONPATH']}"
    said = alone(RANK, PMI_SIZE="2", PMI_RANK="0", PYTHONPATH=path).out
    assert said.startswith("ImportError MPICH's mpiexec started this process as one of several")
    assert f"{says}. pip install mpi4py (the extra 'mpi') brings it" in said


@needs_mpich
def test_mpi_that_never_begins_ends_the_process() -> None:
    """Rank 1 ends before it looks for the others; MPI's own start knows no deadline."""
    code = "import os, sys; os.environ['PMI_RANK'] == '1' and sys.exit(0); import axon\n"
    job = run(mpich(), 2, "-c", f"{code}axon.ranks.rank()", AXON_RANKS_TIMEOUT="2")
    assert job.code != 0
    assert "wait_until_every_rank_has_started" in job.err


# ------------------------------------------------------------------------------------ settings


@pytest.fixture
def _timeout_kept():
    before = get_timeout()
    yield
    set_timeout(before)


@pytest.mark.usefixtures("_timeout_kept")
def test_the_timeout() -> None:
    set_timeout(5)
    assert get_timeout() == 5.0
    for wrong in (0, -1, "soon", None, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="set_timeout: expected seconds, such as 600, got"):
            set_timeout(wrong)
    code = "import axon; print(axon.ranks.get_timeout())"
    assert alone(code, AXON_RANKS_TIMEOUT="7.5").out == "7.5\n"
    assert "AXON_RANKS_TIMEOUT: expected seconds" in alone(code, AXON_RANKS_TIMEOUT="soon").err


def test_threads_of_several_processes_on_a_host() -> None:
    before = vars(threads._settings).copy()
    try:
        threads._settings.number, threads._settings.by_itself = 5, True
        threads.leave_cores(3)
        assert axon.get_threads() == (3 if "AXON_NUM_THREADS" not in threads.os.environ else 1)
        axon.set_threads("auto")
        assert axon.get_threads() == 3
        axon.set_threads(1)
        threads.leave_cores(2)
        assert axon.get_threads() == 1  # somebody chose it
    finally:
        vars(threads._settings).clear()
        vars(threads._settings).update(before)


def test_how_many_ranks_share_out_so_many_shards() -> None:
    assert [possible(n) for n in (1, 2, 6, 7, 8)] == [[1], [1, 2], [1, 3, 6], [1, 7], [1, 2, 4, 8]]
    with pytest.raises(ValueError, match="shards: expected a whole number of at least 1"):
        possible(0)
    with pytest.raises(TypeError, match="got 2"):
        possible(2.0)


def test_a_sum_of_other_shards_is_refused() -> None:
    with pytest.raises(ValueError, match="expected the 8 shards of this rank, each of shape"):
        all_reduce(np.zeros(3), np.zeros((4, 3)), shards=8)


def test_errors_of_one_process_are_its_own() -> None:
    with pytest.raises(KeyboardInterrupt), world().together("a fit"):
        raise KeyboardInterrupt
    assert not issubclass(RankError, OSError)
