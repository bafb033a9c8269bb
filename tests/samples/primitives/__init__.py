"""One entry per primitive: inputs to try it on, and what NumPy alone says that it must give.

Whoever adds a primitive adds a line to its chapter in this folder, and a dozen tests cover it
(tests/contracts/test_primitives.py). This file joins the chapters.
"""

from importlib import import_module

from axon import ops
from tests.samples.primitives.case import Case

for name in dir(ops):
    assert getattr(ops, name) is not None  # some are loaded when they are asked for

CHAPTERS = (
    *("activations", "conv", "losses", "norm", "ops", "optimizers", "random", "ranks", "sequence"),
    "waves",
    "piecewise",
    "changing",
    "functions",
    "linear",
)
SAMPLES: dict[str, Case] = {}
for name in CHAPTERS:
    chapter: dict[str, Case] = import_module(f"tests.samples.primitives.{name}").SAMPLES
    assert not SAMPLES.keys() & chapter.keys(), f"{name}.py describes a primitive again"
    SAMPLES.update(chapter)
