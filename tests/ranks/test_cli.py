"""``mpiexec -n 4 axon train``: all learn, one speaks, errors are said once, and nobody hangs."""

import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from axon.callbacks import backup_position
from tests.ranks.launch import (
    Job,
    alone,
    end,
    environment,
    mpich,
    needs_mpich,
    run,
    start,
)

AXON = ("-m", "axon")
FEW = ("train", "digits", "--epochs", "2")


def told(job: Job) -> list[str]:
    """What was said of errors and the like; not what a launcher adds."""
    return [line for line in job.err.split("\n") if line and not line.startswith(("-", "prterun"))]


@needs_mpich
def test_the_first_one_speaks_and_writes(tmp_path: Path) -> None:
    many, one = tmp_path / "many.axon", tmp_path / "one.axon"
    job = run(mpich(), 2, *AXON, *FEW, "--save", str(many), "--backup", str(tmp_path / "b"))
    assert job.code == 0, job.err
    assert job.out.count("Epoch 1/2") == job.out.count("Test accuracy") == 1
    assert told(job) == ["2 processes learn together: each batch in 8 shards (--shards)."]
    alone(*AXON, *FEW, "--save", str(one), "--shards", "8")
    assert weights(many) == weights(one)
    assert "shards = 8" in (tmp_path / "b/run.toml").read_text()
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["b", "many.axon", "one.axon"]


def weights(path: Path) -> list[bytes]:
    import axon

    return [p.data.tobytes() for p in axon.load_model(path).parameters()]


@needs_mpich
@pytest.mark.parametrize(
    ("ranks", "command", "code", "says"),
    [
        (4, ("train", "nosuch.csv"), 1, "Error: nosuch.csv: cannot be read"),
        (2, ("train", "digits", "--epochs", "x"), 2, "Error: Invalid value for '--epochs'"),
        (3, FEW, 1, "Error: 8 shards cannot be shared out among 3 ranks"),
        (2, ("resume", "nosuch"), 2, "Error: Invalid value for 'DIRECTORY'"),
    ],
)
def test_errors_are_said_once(ranks: int, command: tuple[str, ...], code: int, says: str) -> None:
    job = run(mpich(), ranks, *AXON, *command)
    assert job.code == code
    assert job.err.count("Error") == 1
    assert says in job.err


@needs_mpich
def test_an_error_of_one_rank_is_said_by_the_first(tmp_path: Path) -> None:
    """Rank 1 is on a host without the file."""
    (tmp_path / "rank-0").mkdir()
    (tmp_path / "rank-1").mkdir()
    (tmp_path / "rank-0/points.csv").write_text("x,y\n" + "1,a\n2,b\n" * 20)
    code = "import os, runpy; os.chdir(os.environ['W'] + os.environ['PMI_RANK']); "
    code += "runpy.run_module('axon', run_name='__main__')"
    job = run(mpich(), 2, "-c", code, "train", "points.csv", W=str(tmp_path / "rank-"))
    assert job.code == 1
    assert job.err.count("Error: ") >= 1
    assert re.search(r"^Error: rank 1 \(.*\) stopped: .*points.csv", job.err, re.MULTILINE)


@needs_mpich
def test_killed_and_resumed_by_another_number(tmp_path: Path) -> None:
    folder, save = tmp_path / "b", tmp_path / "net.axon"
    long = ("train", "digits", "--epochs", "8", "--backup-every", "50")
    found = mpich()
    assert found is not None
    job = subprocess.Popen(
        [found.mpiexec, "-n", "2", found.python, *AXON, *long, "--backup", folder, "--save", save],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
        text=True,
        start_new_session=True,
    )
    assert job.stdout is not None
    with job.stdout:
        assert "Epoch 2/8" in next(line for line in job.stdout if "Epoch 2" in line)
        os.kill(children(job.pid)[-1], signal.SIGKILL)
        assert job.wait(30) != 0
    assert not save.exists()
    assert backup_position(folder)
    alone(*AXON, "resume", str(folder))
    alone(*AXON, *long[:-2], "--shards", "8", "--save", str(tmp_path / "one.axon"))
    assert weights(save) == weights(tmp_path / "one.axon")


def children(pid: int) -> list[int]:
    """The Pythons that a launcher has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            mine = int(path.parent.name)
            below = children(mine)
            found += below or [mine]
    return sorted(found)


@needs_mpich
def test_ctrl_c_in_a_terminal(tmp_path: Path) -> None:
    found = mpich()
    assert found is not None
    launch = [str(found.mpiexec), "-n", "2", str(found.python)]
    command = [*launch, *AXON, "train", "digits", "--epochs", "2000", "--backup", str(tmp_path)]
    pid, terminal = pty.fork()
    if not pid:
        os.execve(command[0], command, environment())
    said = read_until(terminal, b"Epoch 2/2000", 40)
    os.write(terminal, b"\x03")
    said += read_until(terminal, b"nobody says this", 25)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) != 0
    assert said.count(b"Epoch 1/2000") == 1
    assert b"Traceback" not in said


def read_until(terminal: int, words: bytes, seconds: float) -> bytes:
    """What comes until these words, or the end."""
    import select

    said, until = b"", time.monotonic() + seconds
    while words not in said and time.monotonic() < until:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                some = os.read(terminal, 65536)
            except OSError:  # nobody is there any more
                return said
            if not some:
                return said
            said += some
    return said


@needs_mpich
def test_an_interrupt_of_one_rank_stops_all(tmp_path: Path) -> None:
    found = mpich()
    assert found is not None
    job = start(found, 2, *AXON, "train", "digits", "--epochs", "999", "--backup", str(tmp_path))
    assert job.stdout is not None
    assert "Epoch 2/999" in next(line for line in job.stdout if "Epoch 2" in line)
    os.kill(children(job.pid)[-1], signal.SIGINT)
    ended = end(job, 30)
    assert ended.code == 130
    assert ended.err.count("Stopped.") == 1
    assert f"Go on with: axon resume {tmp_path}" in ended.err
