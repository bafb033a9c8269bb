"""Kernels compiled by several processes: who takes which, and what happens if one of them fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

from axon.fast import processes
from axon.fast.processes import edition

SCRIPT = """
import sys, time
from pathlib import Path
from axon.fast import processes
from axon.fast.kernels import declare

processes.PAYS, names = 1, ["nothing", "shrink", "sum_all"]
if sys.argv[1] == "others":  # do it all
    processes.Helpers.take = lambda self, name: False
elif sys.argv[1] == "nobody":  # there is no such program
    sys.executable = "no-such-python"
elif sys.argv[1] == "fails":  # takes kernels
    processes.SCRIPT = processes.SCRIPT.replace("help_with(sys.stdin, kernels.address)", "fail")
    processes.Helpers.take = lambda self, name: False
if sys.argv[1] == "early":  # another one begins before; "relu" turns out not to be needed
    processes.begin(["nothing", "shrink", "relu"])
    early = processes._Early.helpers
    while not (Path(early.folder.name) / "nothing").exists():
        time.sleep(0.01)
declare.prepare(names)
print(*(declare._compiled[name].cache_hits for name in names))
assert all(declare.address(name) for name in names)
"""


@pytest.mark.parametrize(
    ("case", "found"),
    [("others", "0 1 1"), ("nobody", "0 0 0"), ("fails", "0 0 0"), ("early", "1")],
)
def test_other_processes_compile_what_this_one_finds(
    case: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert edition.is_missing("shrink")
    told = {"AXON_NUM_THREADS": "2"}
    command = [sys.executable, "-c", SCRIPT, case]
    ran = subprocess.run(command, env=os.environ | told, capture_output=True, text=True, timeout=99)
    assert (ran.stdout.strip()[: len(found)], ran.returncode) == (found, 0), ran.stderr
    assert not edition.is_missing("shrink")
    assert edition.is_missing("hrink")
    monkeypatch.setattr(edition, "EDITION", "another")
    assert edition.is_missing("shrink")


def test_a_process_that_nobody_asks_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "get_threads", lambda: 2)
    monkeypatch.setattr(processes, "is_missing", lambda name: name == "relu")
    processes.begin(["selu"])
    assert processes.begun() is None  # it has been kept: all of them have
    processes.begin(["relu"])
    helpers = processes._Early.helpers
    assert helpers is not None
    processes._give_up(-1)  # a fork is not the one who began it
    assert processes._Early.helpers is helpers
    processes._give_up(os.getpid())
    assert [p.returncode is not None for p in helpers.processes] == [True]
    assert not Path(helpers.folder.name).exists()
    assert processes.begun() is None


def test_a_kernel_is_taken_once(tmp_path: Path) -> None:
    assert processes.take(str(tmp_path), "add")
    assert not processes.take(str(tmp_path), "add")
    assert processes.take(str(tmp_path), "multiply")


def test_no_other_process_where_one_thread_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not processes.can_help()
    monkeypatch.setattr(processes, "get_threads", lambda: 2)
    assert processes.can_help()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert not processes.can_help()  # what would be begun is somebody's program
    monkeypatch.delattr(sys, "frozen")
    monkeypatch.setattr(sys, "executable", "/usr/bin/blender")
    assert not processes.can_help()
