"""The guides to devices and machines: what they show is run, files for clusters are read.

A block below a comment such as ``<!-- train.py -->`` is that file.
"""

import hashlib
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.ranks.launch import mpich

ROOT = Path(__file__).parents[2]
PAGES = ("several-processes", "clusters", "gpus", "searches")
GUIDES = ROOT / "docs" / "guides"
PAGE = "\n".join((GUIDES / f"{name}.md").read_text(encoding="utf-8") for name in PAGES)
FILES = dict(re.findall(r"^<!-- (\w+\.\w+) -->\n```\w+\n(.*?)^```$", PAGE, re.M | re.S))
ENVIRONMENT = {"AXON_NUM_THREADS": "1", "AXON_KERNELS": "numpy", "PYTHONPATH": str(ROOT)}


def mpiexec() -> str:
    """The launcher of this Python's MPI."""
    mpi = mpich()
    return str(mpi.mpiexec) if mpi else pytest.skip("needs mpi4py and an MPI: mpiexec")


def lay(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(FILES[name], encoding="utf-8")
    return folder


def run(folder: Path, *command: str) -> str:
    options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 300}
    done = subprocess.run(command, cwd=folder, env={**os.environ, **ENVIRONMENT}, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ------------------------------------------------------------------------------------ processes


def trained(folder: Path, *command: str) -> tuple[str, str]:
    """The digest of what was learned, and what was printed."""
    import axon

    printed = run(lay(folder, "train.py"), *command)
    weights = axon.load_model(folder / "net.axon").get_weights()
    return hashlib.sha256(b"".join(w.tobytes() for w in weights)).hexdigest(), printed


def test_one_process_and_two_give_the_same_bits_and_say_the_same(tmp_path: Path) -> None:
    launcher = mpiexec()
    alone = trained(tmp_path / "alone", sys.executable, "train.py")
    ranks = [launcher, "-n", "2", sys.executable, "-m", "mpi4py", "train.py"]
    together = trained(tmp_path / "together", *ranks)
    assert together[0] == alone[0]
    assert losses(together[1]) == losses(alone[1])


def test_the_example_ends_with_the_same_digest_on_all_ranks(tmp_path: Path) -> None:
    launcher, example = mpiexec(), str(ROOT / "examples" / "machines" / "ranks.py")
    alone = run(tmp_path, sys.executable, example, "2")
    together = run(tmp_path, launcher, "-n", "2", sys.executable, "-m", "mpi4py", example, "2")
    (digest,) = re.findall(r"Rank 0 of 1: the digest of all weights is (\w+)", alone)
    assert sorted(re.findall(r"Rank (\d) of 2: .* is (\w+)", together)) == [
        ("0", digest),
        ("1", digest),
    ]


def losses(printed: str) -> list[float]:
    """Of each epoch, as it was printed."""
    found = re.findall(r"- loss: (\S+)", printed)
    assert len(found) == 5
    return [float(text) for text in found]


# ------------------------------------------------------------------------------------ devices


@pytest.mark.slow
def test_a_network_learns_by_xla(tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="needs the extra jax: JAX is not installed")
    printed = run(lay(tmp_path, "device.py"), sys.executable, "device.py")
    assert losses(printed)[-1] < losses(printed)[0]
    assert (tmp_path / "net.axon").is_file()


def test_two_hosts_are_one_machine(tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="needs the extra jax: JAX is not installed")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    lay(tmp_path, "hosts.py")
    hosts = {**os.environ, **ENVIRONMENT, "FIRST_HOST": address, "HOSTS": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, "hosts.py"],
            cwd=tmp_path,
            env={**hosts, "JOB_COMPLETION_INDEX": str(number)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    printed = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert losses(printed[0])[-1] < losses(printed[0])[0]
    assert "Epoch" not in printed[1]
    assert (tmp_path / "net.axon").is_file()


# ------------------------------------------------------------------------------------ searches


def test_two_processes_search_together(tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna", reason="needs the extra tune: Optuna is not installed")
    lay(tmp_path, "search.py")
    command = [sys.executable, "search.py"]
    with subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **ENVIRONMENT}) as other:
        run(tmp_path, *command)
    assert other.returncode == 0
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(tmp_path / "study.log")))
    study = optuna.load_study(study_name="digits", storage=storage)
    assert len(study.trials) == 10
    assert study.best_value > 0.8


# ------------------------------------------------------------------------------------ clusters

FAILS = '#!/bin/sh\necho $0 "$@" >> calls\nexit 1\n'


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
@pytest.mark.parametrize(("restarts", "again"), [("0", True), ("4", True), ("5", False)])
def test_the_slurm_job_that_fails_is_started_again(
    tmp_path: Path, restarts: str, again: bool
) -> None:
    lay(tmp_path, "job.sbatch")
    for name in ("mpiexec", "scontrol"):
        (tmp_path / name).write_text(FAILS)
        (tmp_path / name).chmod(0o755)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").touch()
    slurm = {"SLURM_NTASKS": "8", "SLURM_CPUS_PER_TASK": "2", "SLURM_JOB_ID": "77"}
    paths = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "SLURM_RESTART_COUNT": restarts}
    job = ["bash", "job.sbatch"]
    subprocess.run(job, cwd=tmp_path, env={**os.environ, **slurm, **paths}, timeout=60)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[0].endswith("mpiexec -n 8 python -m mpi4py train.py")
    assert [call.partition(" ")[2] for call in calls[1:]] == ["requeue 77"] * again


def test_the_files_for_kubernetes_can_be_read() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    jobs = [
        part for name in FILES if name.endswith(".yaml") for part in yaml.safe_load_all(FILES[name])
    ]
    assert [job["kind"] for job in jobs] == ["Job", "MPIJob", "Service", "Job"]
    for job in jobs:
        assert {"apiVersion", "kind", "metadata", "spec"} <= job.keys()
        if job["kind"] != "Service":
            assert set(found_in(job, "restartPolicy")) == {"OnFailure"}
            assert found_in(job, "backoffLimit") == [5]
            assert found_in(job, "command")[0][-1].removeprefix("/app/") in FILES


def found_in(tree: Any, key: str) -> list[Any]:
    """What stands below a key, wherever it is."""
    if isinstance(tree, list):
        return [value for part in tree for value in found_in(part, key)]
    if not isinstance(tree, dict):
        return []
    here = [tree[key]] if key in tree else []
    return [*here, *(value for part in tree.values() for value in found_in(part, key))]
