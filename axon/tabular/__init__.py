"""Tables as they come: text, gaps, dates and numbers, read and encoded for a network."""

from axon.tabular.columns import Column, Columns, Values
from axon.tabular.encoding import Encoded, Encoder
from axon.tabular.table import Table, read

__all__ = ["Column", "Columns", "Encoded", "Encoder", "Table", "Values", "read"]
