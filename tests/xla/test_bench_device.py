"""The report on a device (bench/device.py) runs as a whole, on a CPU and on tiny sizes."""

import json
import os
import subprocess
import sys
import time
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench import device
from bench.device import SECTIONS, Section

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    command = [sys.executable, "-m", "bench.device", "--small", "--out", folder / "device.json"]
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("XLA_", "AXON_"))},
        "JAX_PLATFORMS": "cpu",
        "AXON_DATA_DIR": str(folder),
    }
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=400, text=True)
    return json.loads((folder / "device.json").read_text())


@pytest.mark.slow
def test_all_sections_are_done(report):
    states = {name: found["state"] for name, found in report["sections"].items()}
    assert list(states) == [s.name for s in SECTIONS]
    assert all(state.startswith("done") for state in states.values()), states
    assert not [name for name, found in report["sections"].items() if "error" in found]


@pytest.mark.slow
def test_correctness_is_answered_first(report):
    assert next(iter(report)) == "answers"
    answers = report["answers"]
    assert answers["device"] == "jax (cpu, float32)"
    assert answers["losses equal to NumPy's"] == "2 of 2 within 0.0001"
    assert answers["same bits twice in one process"] == "2 of 2"
    assert answers["same bits in another process"] == "1 of 1"
    assert answers["primitives within rounding"].startswith("3 of 3")


@pytest.mark.slow
def test_speeds_are_those_of_xla(report):
    speeds = report["sections"]["workloads"]["mlp-16"]
    assert len(speeds) == 7
    for name, found in speeds.items():
        assert found["samples a second"] > 0, name
    losses = [found["first loss"] for found in speeds.values()]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert report["sections"]["torch"] or find_spec("torch") is None


@pytest.mark.slow
def test_what_cannot_be_had_is_said(report):
    """Here there is no MNIST, and no CUDA for a graph; a missing PyTorch is said, too."""
    assert report["sections"]["mnist"]["skipped"].startswith("no MNIST (")
    torch = report["sections"]["torch"]
    assert "skipped" in torch or "failed: " in torch["mlp-16"]["CUDA graph"]


# ------------------------------------------------------------------------------------ breaking off


def attempted(tmp_path, monkeypatch, code, sections, seconds=30.0):
    """A report by a process that does this instead."""
    script = tmp_path / "script.py"
    script.write_text(code)
    real = subprocess.Popen
    monkeypatch.setattr(
        device.subprocess, "Popen", lambda _, **more: real([sys.executable, script], **more)
    )
    chosen = Namespace(out=tmp_path / "out.json", device="", small=True)
    report = {"answers": {}, "sections": {}}
    deadline = time.monotonic() + seconds
    left = device.attempt(sections, chosen, tmp_path, report, deadline)
    return left, json.loads(chosen.out.read_text())


TWO = [Section("a", "p", 20, "the first"), Section("b", "p", 20, "the second")]


def test_a_process_that_dies_is_noted_and_the_rest_is_left(tmp_path, monkeypatch):
    code = """
import os, sys
print('@{"x": 1}', flush=True)
print("noise", flush=True)
print('@{"?right": true}', flush=True)
print("out of order", file=sys.stderr, flush=True)
os._exit(7)
"""
    left, report = attempted(tmp_path, monkeypatch, code, TWO)
    assert left == TWO[1:]
    assert report["answers"] == {"right": True}
    assert report["sections"]["a"]["x"] == 1
    assert report["sections"]["a"]["state"].endswith("ended with code 7: out of order")


def test_a_section_that_takes_too_long_is_ended(tmp_path, monkeypatch):
    code = """
import time
print('@{"done": 1}', flush=True)
print('@{"x": 1}', flush=True)
time.sleep(100)
"""
    sections = [TWO[0], TWO[1]._replace(seconds=2)]
    began = time.monotonic()
    left, report = attempted(tmp_path, monkeypatch, code, sections)
    assert time.monotonic() - began < 30
    assert left == []
    assert report["sections"]["a"]["state"].startswith("done in ")
    assert report["sections"]["b"]["state"].endswith("its time was up")
    assert report["sections"]["b"]["x"] == 1


def test_where_no_time_is_left_sections_are_left_out(tmp_path, monkeypatch):
    left, report = attempted(tmp_path, monkeypatch, "", TWO, seconds=1)
    assert left == []
    assert {found["state"] for found in report["sections"].values()} == {
        "left out: no time was left"
    }


def test_all_sections_fit_into_the_time():
    assert sum(s.seconds for s in SECTIONS) <= 10 * 60
    assert {s.name for s in SECTIONS} == set(__import__("bench.on_device").on_device.SECTIONS)
