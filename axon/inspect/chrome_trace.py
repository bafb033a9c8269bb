"""A profile as Chrome trace events, which Perfetto and chrome://tracing draw."""

import os
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from axon.files.atomic import atomic
from axon.inspect.timing import PHASES, Timing

Event = dict[str, Any]  # as the format has it


def write(
    title: str, phases: Sequence[str], lines: Sequence[Timing], path: "str | os.PathLike[str]"
) -> None:
    """Write the timeline as JSON, whole or not at all.

    Raises:
        OSError: the file cannot be written; a file that was there is kept.
    """
    import json

    found = {"traceEvents": events(title, phases, lines), "displayTimeUnit": "ns"}
    with atomic(path) as stream:
        stream.write(json.dumps(found).encode())


def events(title: str, phases: Sequence[str], lines: Sequence[Timing]) -> list[Event]:
    """A row for each phase; on it the layers, one behind another, and in them the instructions.

    Views, which do no work, are left out.
    """
    rows = [_row("process_name", 0, f"AXON: {title}")]
    rows += [_row("thread_name", PHASES.index(phase) + 1, phase) for phase in phases]
    now = 0  # nanoseconds: whole numbers, so that instructions lie within their layers
    works = (t for t in lines if t.kind != "views")
    for (phase, layer), group in groupby(works, key=lambda t: (t.phase, t.layer)):
        inner, start = [], now
        for t in group:
            length = round(t.seconds * 1e9)
            inner.append(_event(t.name, "instruction", phase, now, length, _details(t)))
            now += length
        if layer:
            rows.append(_event(layer, "layer", phase, start, now - start, {"layer": layer}))
        rows += inner
    return rows


def _row(name: str, number: int, label: str) -> Event:
    return {"name": name, "ph": "M", "pid": 1, "tid": number, "args": {"name": label}}


def _event(name: str, category: str, phase: str, start: int, length: int, args: Event) -> Event:
    when = {"ts": start / 1000, "dur": length / 1000}  # microseconds
    row = PHASES.index(phase) + 1
    return {"name": name, "cat": category, "ph": "X", "pid": 1, "tid": row, **when, "args": args}


def _details(t: Timing) -> Event:
    return {
        "call": f"{t.result} = {t.call}",
        "inputs": [list(shape) for shape in t.given],
        "shape": list(t.shape),
        "dtype": t.dtype.name,
        "layer": t.layer,
        "flops": t.flops,
        "bytes": t.nbytes,
        "GFLOP/s": round(t.gflops, 3),
        "GB/s": round(t.bandwidth, 3),
        "of limit": round(t.limit, 4),
    }
