"""``python -m bench``: AXON beside every peer that is installed, as ratios.

Each contestant trains in a process of its own, in turn, round after round, so that a slow moment of
the machine hits all alike. Printed are medians over rounds; ratios are formed round by round.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.contestants import CONTESTANTS
from bench.work import WORKLOADS

IMAGES = 60_000
RESULTS = Path(__file__).parent / "results.md"


def run(module: str, *arguments: str) -> dict[str, Any]:
    """Run one contestant in a process of its own."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(workload: str, names: list[str], rounds: int) -> list[str]:
    """All contestants in turn, some rounds; rows of a Markdown table."""
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            results[name].append(run("bench.contestants", name, workload))
    ours = [r["seconds"] for r in results["AXON"]]
    loss = results["AXON"][0]["loss"]
    rows = []
    for name in names:
        seconds = [r["seconds"] for r in results[name]]
        ratios = sorted(s / own for s, own in zip(seconds, ours, strict=True))
        speed = IMAGES / statistics.median(seconds)
        same = abs(results[name][0]["loss"] / loss - 1) < 0.01
        note = "" if same else f" (loss {results[name][0]['loss']:.4f}, AXON {loss:.4f})"
        spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        middle = statistics.median(ratios)
        rows.append(f"| {name}{note} | {speed:,.0f} | {middle:.2f} | {spread} |")
    return rows


def report(rounds: int) -> str:
    """Run everything and write it as Markdown."""
    names = [name for name, (package, _) in CONTESTANTS.items() if find_spec(package)]
    skipped = [name for name in CONTESTANTS if name not in names]
    lines = [
        "# AXON beside its peers",
        "",
        f"`python -m bench`, {rounds} rounds, medians; {_processor()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {_versions(names)}.",
        "MLP 784-128-64-10 on MNIST, the same weights, batches and arithmetic for all; only "
        "scikit-learn begins with weights of its own. Each round gives one ratio: AXON's speed to "
        "that of the contestant; shown are their median and their spread.",
    ]
    if skipped:
        lines += ["", f"Not installed: {', '.join(skipped)}."]
    for workload, work in WORKLOADS.items():
        title = f"batch {work.batch_size}, {work.optimizer}"
        lines += ["", f"## Training, {title}", ""]
        lines += ["| contestant | images/s | AXON is faster by | spread |", "|---|--:|--:|--:|"]
        lines += compare(workload, names, rounds)
    lines += ["", "## Predicting one sample", "", "| | microseconds |", "|---|--:|"]
    lines += [f"| {name} | {us:.1f} |" for name, us in run("bench.one_sample").items()]
    return "\n".join(lines) + "\n"


def _processor() -> str:
    """The name of the processor, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((s.split(":")[1].strip() for s in lines if "model name" in s), platform.machine())


def _versions(names: list[str]) -> str:
    packages = dict.fromkeys(CONTESTANTS[name][0] for name in names)
    distributions = {"sklearn": "scikit-learn"}
    return ", ".join(f"{p} {version(distributions.get(p, p))}" for p in packages)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    text = report(parser.parse_args().rounds)
    RESULTS.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
