"""``python -m bench.device``: what a GPU (or another device) gives, in under 8 minutes.

Correctness comes first, speed after it. All of it goes into one JSON file, which is written anew
after each number: a run that breaks off still tells what it found. The work is done by processes of
their own (``bench.on_device``), each ended when its time is up; what fails is noted, and the rest
goes on. bench/device.md tells how to run it and how to read it.
"""

import argparse
import json
import os
import platform
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

Report = dict[str, Any]


class Section(NamedTuple):
    """A part of the report: what it is called, who does it, how many seconds it may take."""

    name: str
    process: str
    seconds: float
    about: str


# Correctness, twice in processes of their own; then speed, what tells most first.
SECTIONS = (
    Section("start", "first", 60, "what JAX finds, and how long it takes"),
    Section("losses", "first", 100, "small networks by each optimizer: losses beside NumPy's"),
    Section("bits", "again", 40, "the same weights, bit for bit, in another process"),
    Section("primitives", "again", 90, "every primitive on every sample, beside NumPy"),
    Section("workloads", "speed", 110, "samples a second beside native JAX"),
    Section("torch", "torch", 50, "PyTorch, eager and by CUDA graphs"),
    Section("rates", "rates", 50, "products and convolutions, TFLOP/s"),
    Section(
        "dispatch", "rates", 20, "microseconds for each dispatch, and for each round of a loop"
    ),
    Section("mnist", "mnist", 45, "seconds until 99 % of MNIST's test images are right"),
    Section("memory", "mnist", 25, "state between device and NumPy, by number of parameters"),
)
PACKAGES = ("numpy", "jax", "jaxlib", "jax-cuda12-plugin", "jax-cuda13-plugin", "torch", "numba")
SMI = "name,driver_version,memory.total,memory.used,power.limit,clocks.max.sm,compute_cap"
RESERVE = 5.0  # seconds for ending processes and writing


def main() -> None:
    chosen = arguments()
    began = time.monotonic()
    report: Report = {"answers": {}, "environment": environment(chosen), "sections": {}}
    with tempfile.TemporaryDirectory() as folder:
        for process in dict.fromkeys(s.process for s in SECTIONS):
            left = [s for s in SECTIONS if s.process == process and s.name in chosen.only]
            while left:
                deadline = began + 60 * chosen.minutes - RESERVE
                left = attempt(left, chosen, Path(folder), report, deadline)
    report["seconds"] = round(time.monotonic() - began, 1)
    write(report, chosen.out)
    print(summary(report))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.device", description=__doc__)
    names = [s.name for s in SECTIONS]
    parser.add_argument("--out", type=Path, default=Path("device.json"), help="device.json")
    parser.add_argument("--minutes", type=float, default=8.0, help="8 by default")
    parser.add_argument(
        "--device", default="", help="cpu, gpu, gpu:0, tpu; else what JAX has first"
    )
    parser.add_argument("--small", action="store_true", help="tiny sizes: to try the script itself")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="SECTION")
    return parser.parse_args()


def environment(chosen: argparse.Namespace) -> Report:
    """What the numbers depend on, as far as it can be told without a device."""
    told = ("JAX_", "XLA_", "AXON_", "CUDA_", "NVIDIA_TF32")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "small": chosen.small,
        "device asked for": chosen.device or "JAX's first",
        "nvidia-smi": said("nvidia-smi", f"--query-gpu={SMI}", "--format=csv"),
        "commit": said("git", "rev-parse", "HEAD"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "versions": {name: found for name in PACKAGES if (found := installed(name))},
        "variables": {k: v for k, v in sorted(os.environ.items()) if k.startswith(told)},
    }


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def said(*command: str) -> list[str] | str:
    """The lines that a program prints, or why it does not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{type(error).__name__}: {error}"
    return done.stdout.strip().splitlines()


# -------------------------------------------------------------------- processes


def attempt(
    sections: list[Section],
    chosen: argparse.Namespace,
    folder: Path,
    report: Report,
    deadline: float,
) -> list[Section]:
    """Have a process do some sections; what is left of them after it has failed, or ended."""
    if deadline - time.monotonic() < RESERVE:
        for section in sections:
            report["sections"][section.name] = {"state": "left out: no time was left"}
        write(report, chosen.out)
        return []
    command = [sys.executable, "-m", "bench.on_device", *(s.name for s in sections)]
    command += ["--folder", str(folder), "--device", chosen.device] + ["--small"] * chosen.small
    child = Child(command)
    try:
        return follow(child, sections, chosen, report, deadline)
    finally:
        child.end()


class Child:
    """A process that prints what it finds, and the threads that read it.

    Attributes:
        lines: what it prints, line by line, and None at its end.
        errors: the last of what it complains of beside that.
    """

    def __init__(self, command: list[str]) -> None:
        ours = {  # memory is taken as it is needed: others compute there as well
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "AXON_OFFLINE": "1",
            "PYTHONUNBUFFERED": "1",
        }
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(
            command, **pipes, start_new_session=True, env={**ours, **os.environ}
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.errors: list[str] = []
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self._read, self._hear)]
        for thread in self.threads:
            thread.start()

    def _read(self) -> None:
        with self.process.stdout as stream:
            for line in stream:
                self.lines.put(line)
        self.lines.put(None)

    def _hear(self) -> None:
        with self.process.stderr as stream:
            for line in stream:
                self.errors[:] = [*self.errors[-20:], line.rstrip()]

    def found(self, stop: float) -> Iterator[tuple[str, Any]]:
        """What is found until some time; other things that libraries print are passed over."""
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, stop - time.monotonic()))
            except queue.Empty:
                return
            if line is None:
                self.lines.put(None)
                return
            if line.startswith("@"):
                yield from json.loads(line[1:]).items()

    def why(self, seconds: float) -> str:
        """Why a section is not done."""
        with suppress(subprocess.TimeoutExpired):
            code = self.process.wait(1)
            self.threads[1].join(1)
            last = self.errors[-1] if self.errors else "it said nothing"
            return f"failed: its process ended with code {code}: {last}"
        return f"ended after {seconds:.0f} s: its time was up"

    def end(self) -> None:
        """End the process, and those that it started."""
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for thread in self.threads:
            thread.join(5)


def follow(
    child: Child,
    sections: list[Section],
    chosen: argparse.Namespace,
    report: Report,
    deadline: float,
) -> list[Section]:
    """Write down what a process finds; what is left when it ends, or has to be ended."""
    for number, section in enumerate(sections):
        print(f"{section.name}: {section.about}", flush=True)
        began = time.monotonic()
        found = report["sections"][section.name] = {"state": "begun"}
        for key, value in child.found(min(began + section.seconds, deadline)):
            if key == "done":
                found["state"] = f"done in {time.monotonic() - began:.1f} s"
                break
            where = report["answers"] if key.startswith("?") else found
            where[key.removeprefix("?")] = value
            write(report, chosen.out)
        stopped = found["state"] == "begun"
        if stopped:
            found["state"] = child.why(time.monotonic() - began)
        print(f"  {found['state']}", flush=True)
        write(report, chosen.out)
        if stopped:
            return sections[number + 1 :]
    return []


# -------------------------------------------------------------------- the report


def write(report: Report, path: Path) -> None:
    """Write all that is known so far."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(report, indent=1) + "\n")
    os.replace(part, path)


def summary(report: Report) -> str:
    """The answers, and how far each section came."""
    lines = [f"{question}: {answer}" for question, answer in report["answers"].items()]
    states = [f"{name}: {found['state']}" for name, found in report["sections"].items()]
    return "\n".join(["", *lines, "", *states])


if __name__ == "__main__":
    main()
