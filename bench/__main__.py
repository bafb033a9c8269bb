"""``python -m bench``: AXON beside every peer that is installed, as ratios.

Each contestant trains in a process of its own, in turn, round after round, so that a slow moment of
the machine hits all alike. Results go to results.md, results.json and docs/pictures/bench.png.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from bench import footprint, report, rounds
from bench.chart import draw
from bench.peers import CONTESTANTS
from bench.work import WORKLOADS, Workload

HERE = Path(__file__).parent
FOOTPRINT = ("start", "import")


def main() -> None:
    chosen = arguments()
    names = [name for name in chosen.contestants if not CONTESTANTS[name].missing]
    results = machine(names, chosen)
    with tempfile.TemporaryDirectory() as folder:
        footprint.timed("axon", "-m", "bench.work", folder)
        for key in filter(WORKLOADS.get, chosen.only):
            work = shortened(WORKLOADS[key]) if chosen.quick else WORKLOADS[key]
            able = [name for name in names if can(name, work)]
            print(work.title, flush=True)
            orders = rounds.orders(work, able, Path(folder))
            found = rounds.compare(work, orders, chosen.rounds)
            results["workloads"][key] = found
            print("\n".join(report.workload(WORKLOADS[key], found, results["limit"])), flush=True)
        again = min(chosen.rounds, 3)
        if "start" in chosen.only:
            print("From start to 97 %", flush=True)
            results["starts"] = footprint.starts(names, Path(folder), again)
        if "import" in chosen.only:
            print("Imports", flush=True)
            results["imports"] = footprint.imports(names, again)
            results["installed"] = {name: footprint.installed(name) for name in names}
    write(results, chosen.output)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="5 by default")
    parser.add_argument("--quick", action="store_true", help="one round on an eighth of the data")
    everything = [*WORKLOADS, *FOOTPRINT]
    options: dict[str, Any] = {"nargs": "+", "metavar": "NAME"}
    parser.add_argument(
        "--only", **options, choices=everything, default=everything, help=", ".join(everything)
    )
    parser.add_argument(
        "--contestants",
        **options,
        choices=list(CONTESTANTS),
        default=[name for name in CONTESTANTS if name != "axon-jax"],  # see bench/xla.py
        help=", ".join(CONTESTANTS),
    )
    parser.add_argument("--output", type=Path, help="a folder; without it, those of the project")
    chosen = parser.parse_args()
    chosen.rounds = 1 if chosen.quick else chosen.rounds
    return chosen


def can(name: str, work: Workload) -> bool:
    networks = CONTESTANTS[name].networks
    return networks is None or work.network in networks


def shortened(work: Workload) -> Workload:
    return work._replace(steps=max(work.steps // 8, 4), epochs=1)


def machine(names: list[str], chosen: argparse.Namespace) -> dict[str, Any]:
    """What the results depend on, and room for them."""
    needed = [d for name in names for d in CONTESTANTS[name].distributions]
    missing = {n: ", ".join(CONTESTANTS[n].missing) for n in chosen.contestants if n not in names}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": processor(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in dict.fromkeys(["numpy", *needed])},
        "rounds": chosen.rounds,
        "quick": chosen.quick,
        "skipped": {name: f"{what} is not installed" for name, what in missing.items()},
        "limit": limit(),
        "workloads": {},
    }


def processor() -> str:
    """The name of the processor, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((s.split(":")[1].strip() for s in lines if "model name" in s), platform.machine())


def limit() -> dict[str, float] | None:
    """What ``axon.roofline`` measures in a process of its own, if there is such a function."""
    code = """
import axon, json
measure = getattr(axon, "roofline", None)
found = measure and measure()
print(json.dumps(found and {"gflops": found.gflops, "memory": found.memory}))
"""
    try:
        return json.loads(footprint.timed("axon", "-c", code)[1])
    except RuntimeError as error:
        print(f"axon.roofline failed: {error}")
        return None


def write(results: dict[str, Any], output: Path | None) -> None:
    """Everything measured as JSON, the tables, and the picture if matplotlib is there."""
    folder = output or HERE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "results.md").write_text(report.markdown(results))
    draw(results, (output or HERE.parent / "docs" / "pictures") / "bench.png")


if __name__ == "__main__":
    main()
