"""results.json in words: tables in Markdown."""

from statistics import median
from typing import Any

from bench.peers import CONTESTANTS
from bench.work import ABOUT, CHECKED, TOLERANCE, WORKLOADS, Workload, flops

OURS = {"axon": "AXON NumPy-only", "axon-fast": "AXON fast"}
TITLES = {"train": "Training", "one": "Predicting one sample", "many": "Predicting 10,000 samples"}
Results = dict[str, Any]


def markdown(results: Results) -> str:
    """All tables."""
    lines = [*introduction(results)]
    for key, found in results["workloads"].items():
        lines += workload(WORKLOADS[key], found, results["limit"])
    if "starts" in results:
        lines += ["", "## From the start of a process to 97 % of MNIST's test images", ""]
        lines += starts(results["starts"])
    if "imports" in results:
        lines += ["", "## Before anything is computed", "", *footprint(results)]
    return "\n".join(lines) + "\n"


def introduction(results: Results) -> list[str]:
    limit = results["limit"]
    versions = ", ".join(f"{name} {v}" for name, v in results["versions"].items())
    lines = [
        "# AXON beside its peers",
        "",
        f"`python -m bench`, {results['rounds']} rounds, {results['date']}; {results['cpu']}, "
        f"{results['cores']} cores, Python {results['python']}; {versions}.",
        "",
        "Each contestant has a process of its own, with its default number of threads. Once all "
        "are warm (recorded, compiled, caches filled), they train in turn, round after round, the "
        "others asleep. Speeds are medians over the rounds, with the slowest and the fastest; "
        "\"faster by\" is AXON's speed divided by the contestant's in the same round: the median, "
        "and the smallest and largest. Above 1, AXON is faster. All start from the same weights "
        f"and see the same batches; over the first {CHECKED} steps their mean losses agree within "
        f"{TOLERANCE:.1%}, or the table says so.",
    ]
    if limit:
        lines[-1] += (
            f" The limit is what `axon.roofline()` measured, {limit['gflops']:.0f} GFLOP/s in a "
            f"large matrix product and {limit['memory']:.0f} GB/s from memory; GFLOP/s count a "
            "network's matrix products only."
        )
    for name, why in results["skipped"].items():
        lines += ["", f"Skipped: {CONTESTANTS[name].name}, {why}."]
    return lines


def workload(work: Workload, found: Results, limit: Results | None) -> list[str]:
    """The tables of one workload: training, and predicting if that was measured."""
    lines = ["", f"## {work.title}", "", ABOUT[work.network]]
    for measure in ("train", "one", "many") if work.predicts else ("train",):
        lines += ["", f"### {TITLES[measure]}", "", *table(work, found, measure, limit)]
    lines += [f"- {CONTESTANTS[n].name}: {r['failed']}" for n, r in found.items() if "failed" in r]
    return lines


def table(work: Workload, found: Results, measure: str, limit: Results | None) -> list[str]:
    """One row for each contestant that did it."""
    done = {name: r[measure] for name, r in found.items() if "failed" not in r}
    ours = {name: title for name, title in OURS.items() if name in done}
    unit = "microseconds" if measure == "one" else "samples/s"
    heads = ["contestant", unit, "spread", *(f"{title} faster by" for title in ours.values())]
    heads += ["GFLOP/s", "of the limit"] if measure != "one" else []
    rows = []
    for name, seconds in done.items():
        row = [CONTESTANTS[name].name + mismatch(found, name), *speed(seconds, measure)]
        row += [faster(done[own], seconds) if own != name else "" for own in ours]
        if measure != "one":
            rate = flops(work.network, measure) / median(seconds) / 1e9
            row += [f"{rate:.1f}", f"{rate / limit['gflops']:.0%}" if limit else ""]
        rows.append(row)
    return [*aligned(heads, rows), *([""] if any("failed" in r for r in found.values()) else [])]


def aligned(heads: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table, its numbers to the right."""
    marks = ["---", *["--:"] * (len(heads) - 1)]
    return [f"| {' | '.join(row)} |" for row in (heads, marks, *rows)]


def speed(seconds: list[float], measure: str) -> list[str]:
    """The median, then the worst and the best."""
    one = measure == "one"
    slow, middle, fast = (
        f"{s * 1e6:,.1f}" if one else f"{1 / s:,.0f}"
        for s in (max(seconds), median(seconds), min(seconds))
    )
    return [middle, f"{slow} to {fast}"]


def faster(own: list[float], theirs: list[float]) -> str:
    """How many times as fast we were, round by round; rounds that both did."""
    ratios = [b / a for a, b in zip(own, theirs, strict=False)]
    return f"**{median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"


def mismatch(found: Results, name: str) -> str:
    """A warning if a contestant's checks differ from the first one's."""
    first = next(r["checks"] for r in found.values() if "failed" not in r)
    wrong = [
        f"{what} {value:.5f} instead of {first[what]:.5f}"
        for what, value in found[name]["checks"].items()
        if not abs(value / first[what] - 1) < TOLERANCE
    ]
    return f" **OTHER WORK: {', '.join(wrong)}**" if wrong else ""


def starts(found: Results) -> list[str]:
    """Seconds, epochs and memory."""
    heads = ["contestant", "seconds", "spread", "epochs", "accuracy", "peak memory, MB"]
    rows = []
    for name, r in found.items():
        title = CONTESTANTS[name].name
        if "failed" in r:
            rows.append([f"{title}: {r['failed']}", *[""] * 5])
            continue
        s, said = r["seconds"], r["said"]
        row = [title, f"{median(s):.2f}", f"{max(s):.2f} to {min(s):.2f}", str(said["epochs"])]
        rows.append([*row, f"{said['accuracy']:.2%}", f"{said['memory'] / 1e6:,.0f}"])
    note = (
        "MLP 784-128-64-10, batch 128, Adam, wall clock of the whole process, tested after each "
        "epoch. A first run, not counted, has filled the caches on disk (bytecode, compiled "
        "kernels). The images as float32, 188 MB and more, are part of everybody's memory."
    )
    return [note, "", *aligned(heads, rows)]


def footprint(results: Results) -> list[str]:
    """Import time, and bytes on disk."""
    rows = []
    for name, r in results["imports"].items():
        seconds = f"{median(r['seconds']):.2f}" if "failed" not in r else r["failed"]
        disk = f"{results['installed'][name]['bytes'] / 1e6:,.0f}"
        row = [CONTESTANTS[name].name, f"`{CONTESTANTS[name].imports}`", seconds, disk]
        if row[1:] not in [other[1:] for other in rows]:
            rows.append(row)
    note = (
        "Import: a fresh process from its start to its end, with cached bytecode. Installed: the "
        "distribution and all that it needs, NumPy counted in each; tinygrad needs clang besides."
    )
    return [note, "", *aligned(["contestant", "import", "seconds", "installed, MB"], rows)]
