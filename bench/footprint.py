"""What a library costs before it computes: time to import, time to a trained network, disk."""

import json
import os
import re
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.peers import CONTESTANTS

LIMIT = 300.0  # seconds that one process may take


def environment(name: str) -> dict[str, str]:
    """That of a contestant, which may keep its bytecode."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | dict(CONTESTANTS[name].environment)


def timed(name: str, *arguments: str) -> tuple[float, str]:
    """Seconds that a fresh Python runs for, and the last line that it prints.

    Raises:
        RuntimeError: it fails, or takes too long; the message is the last line of its error.
    """
    options: dict[str, Any] = {"env": environment(name), "timeout": LIMIT}
    began = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, check=False, **options
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"took longer than {LIMIT:.0f} seconds") from None
    seconds = time.perf_counter() - began
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(lines[-1])
    return seconds, (done.stdout.strip().splitlines() or [""])[-1]


def imports(names: list[str], rounds: int) -> dict[str, Any]:
    """Seconds from the start of Python to the end of the import, in each round."""
    return _rounds(names, rounds, lambda name: ("-c", CONTESTANTS[name].imports))


def starts(names: list[str], folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds from the start of a process to 97 % of MNIST, and what else it says."""
    return _rounds(names, rounds, lambda name: ("-m", "bench.start", name, str(folder)))


def _rounds(names: list[str], rounds: int, arguments: Any) -> dict[str, Any]:
    """In turn, round after round; an additional first round, not counted, fills all caches."""
    results: dict[str, Any] = {name: {"seconds": [], "said": {}} for name in names}
    for number in range(rounds + 1):
        for name in names:
            if "failed" in results[name]:
                continue
            try:
                seconds, said = timed(name, *arguments(name))
            except RuntimeError as error:
                results[name] = {"failed": str(error)}
                continue
            if number:
                results[name]["seconds"].append(seconds)
            results[name]["said"] = json.loads(said) if said else {}
    return results


# ------------------------------------------------------------------------------ disk


def installed(name: str) -> dict[str, Any]:
    """Bytes on disk of a contestant's distributions and all that they need, NumPy included."""
    needed: set[str] = set()
    for distribution in (*CONTESTANTS[name].distributions, "numpy"):
        _collect(distribution, needed)
    return {"bytes": sum(map(size, needed)), "distributions": sorted(needed)}


def _collect(name: str, found: set[str]) -> None:
    """Add a distribution and those that it requires here, without extras."""
    from packaging.requirements import Requirement

    name = re.sub(r"[-_.]+", "-", name).lower()
    if name in found:
        return
    try:
        requires = metadata.distribution(name).requires or []
    except metadata.PackageNotFoundError:
        return
    found.add(name)
    for requirement in map(Requirement, requires):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            _collect(requirement.name, found)


def size(name: str) -> int:
    """Bytes of a distribution's files, without bytecode, which Python writes by itself."""
    if name == "axon-nn":  # perhaps installed as a link to its sources
        files = (Path(__file__).parents[1] / "axon").rglob("*")
    else:
        distribution = metadata.distribution(name)
        files = (Path(str(distribution.locate_file(f))) for f in distribution.files or [])
    return sum(f.stat().st_size for f in files if f.is_file() and f.suffix != ".pyc")
