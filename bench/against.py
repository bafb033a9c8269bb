"""``python -m bench.against FOLDER``: this AXON beside the one of another checkout, as ratios.

Both do the same work, each in a process of its own, in turn, round after round; the other one may
be what a change began from (``git worktree add FOLDER COMMIT``).
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median, quantiles

from bench import footprint, report, rounds
from bench.work import WORKLOADS, Workload
from bench.worker import Order

KERNELS = {"numpy": "axon", "fast": "axon-fast"}


def main() -> None:
    chosen = arguments()
    with tempfile.TemporaryDirectory() as folder:
        footprint.timed("axon", "-m", "bench.work", folder)
        print("| workload | kernels | measured | times as fast as before | middle half |")
        print("| --- | --- | --- | --: | --: |")
        for key in chosen.only:
            for kernels in chosen.kernels:
                contestant = KERNELS[kernels]
                orders = both(contestant, WORKLOADS[key], Path(folder), chosen.checkout)
                results = rounds.compare(WORKLOADS[key], orders, chosen.rounds, quiet=True)
                print(*rows(key, kernels, results), sep="\n", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.against", description=__doc__)
    parser.add_argument("checkout", type=Path, help="the folder of the other checkout")
    parser.add_argument("--rounds", type=int, default=15, help="15 by default")
    several = {"nargs": "+", "metavar": "NAME"}
    parser.add_argument("--only", **several, choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--kernels", **several, choices=list(KERNELS), default=list(KERNELS))
    chosen = parser.parse_args()
    chosen.checkout = chosen.checkout.resolve()
    if not (chosen.checkout / "axon" / "__init__.py").is_file():
        parser.error(f"there is no axon/ in {chosen.checkout}")
    return chosen


def both(contestant: str, work: Workload, folder: Path, checkout: Path) -> dict[str, Order]:
    return {
        "now": Order(contestant, work, folder),
        "before": Order(contestant, work, folder, checkout),
    }


def rows(key: str, kernels: str, results: rounds.Result) -> list[str]:
    """A line for each measure, or what failed."""
    failed = [f"{name}: {r['failed']}" for name, r in results.items() if "failed" in r]
    if failed:
        return [f"| {key} | {kernels} | failed | {'; '.join(failed)} | |"]
    measures = [name for name in results["now"] if name in report.TITLES]
    return [f"| {key} | {kernels} | {name} | {ratios(results, name)} |" for name in measures]


def ratios(results: rounds.Result, measure: str) -> str:
    """Seconds before divided by seconds now, round by round: median, and the quartiles."""
    pairs = zip(results["before"][measure], results["now"][measure], strict=True)
    found = [before / now for before, now in pairs]
    low, _, high = quantiles(found, n=4) if len(found) > 1 else found * 3
    return f"{median(found):.3f} | {low:.3f} to {high:.3f}"


if __name__ == "__main__":
    main()
