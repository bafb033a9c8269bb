"""One entry per primitive: inputs to try it on, and what NumPy alone says that it must give.

Whoever adds a primitive adds a line to its chapter, ``samples_*.py``, and a dozen tests cover it
(test_primitives.py). This file joins the chapters.
"""

from importlib import import_module
from pathlib import Path

from cases import Case

SAMPLES: dict[str, Case] = {}
for path in sorted(Path(__file__).parent.glob("samples_*.py")):
    chapter: dict[str, Case] = import_module(path.stem).SAMPLES
    assert not SAMPLES.keys() & chapter.keys(), f"{path.name} describes a primitive again"
    SAMPLES.update(chapter)
