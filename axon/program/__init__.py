"""Programs: a training step recorded once and replayed from then on.

Read, in this order: step.py (what is run), trace.py (write down), plan.py (who lives where),
replay.py (run), show.py (print). What it costs is measured a floor above (inspect/timing.py).
"""

from axon.program.replay import Program
from axon.program.step import Feed, Step


def __getattr__(name: str) -> object:
    from axon._moved import RENAMED, renamed

    if f"program.{name}" in RENAMED:
        return renamed("axon.program", name)
    raise AttributeError(f"module 'axon.program' has no attribute {name!r}")
