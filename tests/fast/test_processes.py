"""Kernels compiled by several processes: who takes which, and what happens if one of them fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

from axon.fast.kernels import processes

SCRIPT = """
import sys
from axon.fast.kernels import processes
from axon.fast.kernels import declare

declare.PAYS, names = 1, ["nothing", "shrink", "sum_all"]
if sys.argv[1] == "others":  # do it all
    processes.Helpers.take = lambda self, name: False
elif sys.argv[1] == "nobody":  # there is no such program
    sys.executable = "no-such-python"
else:  # takes kernels and fails
    processes.SCRIPT = processes.SCRIPT.replace("help_with(told, address)", "fail")
    processes.Helpers.take = lambda self, name: False
declare.prepare(names)
print(*(declare._compiled[name].cache_hits for name in names))
assert all(declare.address(name) for name in names)
"""


@pytest.mark.parametrize(
    ("case", "found"), [("others", "0 1 1"), ("nobody", "0 0 0"), ("fails", "0 0 0")]
)
def test_other_processes_compile_what_this_one_finds(case: str, found: str, tmp_path: Path) -> None:
    told = {"NUMBA_CACHE_DIR": str(tmp_path), "AXON_NUM_THREADS": "2"}
    command = [sys.executable, "-c", SCRIPT, case]
    ran = subprocess.run(command, env=os.environ | told, capture_output=True, text=True, timeout=99)
    assert (ran.stdout.strip(), ran.returncode) == (found, 0), ran.stderr


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
