"""How each primitive is written in ONNX: one small function for each, by the primitive's name.

A rule is handed the graph, the inputs and the metadata, ``rule(graph, *inputs, **meta)``, adds
nodes and returns the value that they make.
"""

from axon.onnx.export.rules import elementwise, functions, products, recurrence, reductions, shapes
from axon.onnx.export.rules.writer import Rule

CHAPTERS = (elementwise, functions, reductions, shapes, products, recurrence)
RULES: dict[str, Rule] = {name: rule for c in CHAPTERS for name, rule in c.RULES.items()}
