"""Symbols in place of arrays: a kernel that runs on them writes down its own formula.

From formulas programs for other devices are derived, so that no primitive is defined twice, and a
user's own run there, too.
"""

from axon.symbols.formula import Formula, evaluate, formula_of
from axon.symbols.symbol import Spot, Symbol, ValueAskedFor, Version

__all__ = ["Formula", "Spot", "Symbol", "ValueAskedFor", "Version", "evaluate", "formula_of"]
