"""``python -m bench.xla``: AXON by XLA beside JAX itself, on the same device, as ratios.

Both train the same networks on the same batches, each in a process of its own, in turn, round after
round. JAX is written in its two ways, a jitted step for each batch and an epoch in one lax.scan.
Above 1, AXON is faster. The losses of the first steps must agree, or the table says so.

Both pick new batches in each epoch and tell its mean loss as a number before the next begins. AXON
does more within its time: ``fit`` shuffles by itself, computes its rates in float64 on the host,
and after each epoch NumPy's arrays hold weights and the optimizer's memory, for callbacks to look
at. JAX is handed its orders ready-made, has all data on the device already and picks rows there;
its weights stay there, as one writes it by hand.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from bench import footprint, rounds
from bench.work import TOLERANCE, WORKLOADS, Workload

OURS, THEIRS = "axon-jax", ("jax", "jax-scan")
SLOW = ("cnn", "cnn-norm")  # what JAX takes seconds a step for, in a scan on a CPU
FEW = 4  # steps then


def main() -> None:
    chosen = arguments()
    if chosen.device:
        os.environ.update(AXON_DEVICE=chosen.device, JAX_PLATFORMS=chosen.device)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        footprint.timed("axon", "-m", "bench.work", folder)
        print(f"{'workload':10} {'against':9} {'ms a step':>18} {'times as fast':>24}   losses")
        for key in chosen.only:
            for theirs in chosen.against:
                work = shortened(WORKLOADS[key], theirs, chosen.share)
                orders = rounds.orders(work, [OURS, theirs], Path(folder))
                found = rounds.compare(work, orders, chosen.rounds, quiet=True)
                results[f"{key} {theirs}"] = found
                print(line(key, theirs, orders[theirs].work, found), flush=True)
    if chosen.output:
        chosen.output.write_text(json.dumps(results, indent=1) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.xla", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="9 by default")
    parser.add_argument("--share", type=float, default=1.0, help="of the steps; 1 by default")
    parser.add_argument("--device", help="cpu, gpu or tpu; what JAX takes first by default")
    several = {"nargs": "+", "metavar": "NAME"}
    parser.add_argument("--only", **several, choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--against", **several, choices=THEIRS, default=THEIRS)
    parser.add_argument("--output", type=Path, help="a JSON file for all seconds")
    return parser.parse_args()


def shortened(work: Workload, theirs: str, share: float) -> Workload:
    """Fewer steps where they are asked for, or where JAX would take minutes."""
    on_cpu = os.environ.get("JAX_PLATFORMS", "cpu") == "cpu"
    steps = max(2, round(work.steps * share))
    if on_cpu and work.network in SLOW and theirs == "jax-scan":
        steps = min(steps, FEW)
    return work._replace(steps=steps, predicts=False)


def line(key: str, theirs: str, work: Workload, found: rounds.Result) -> str:
    """A workload in a line."""
    begin = f"{key:10} {theirs.replace('jax-', ''):9} "
    failed = [f"{name}: {r['failed']}" for name, r in found.items() if "failed" in r]
    if failed:
        return begin + "; ".join(failed)
    ours, other = found[OURS]["train"], found[theirs]["train"]
    ratios = [b / a for a, b in zip(ours, other, strict=True)]
    low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    steps = [f"{median(s) * work.batch_size * 1e3:8.3f}" for s in (ours, other)]
    return (
        begin
        + f"{' '.join(steps)}   {median(ratios):6.3f} ({low:.3f} to {high:.3f})   "
        + (" ".join(disagreements(found, theirs)) or "agree")
    )


def disagreements(found: rounds.Result, theirs: str) -> Iterator[str]:
    """The mean losses of the first steps, if they differ."""
    ours, other = (found[name]["checks"]["loss"] for name in (OURS, theirs))
    if not abs(ours - other) <= TOLERANCE * abs(other):
        yield f"{ours:.5f} against {other:.5f}"


if __name__ == "__main__":
    main()
