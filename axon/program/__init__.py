"""Programs: a training step recorded once and replayed from then on.

Read, in this order: step.py (what is run), trace.py (write down), plan.py (who lives where),
replay.py (run), show.py (print). What it costs is measured a floor above (inspect/timing.py).
"""

from axon._moved import renamed
from axon.program.replay import Program
from axon.program.step import Feed, Step


def __getattr__(name: str) -> object:
    return renamed(__name__, name)
