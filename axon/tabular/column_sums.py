"""The first layer of an ensemble, column by column: it adds up what the columns of a row give.

So a row in which one column is another's costs one addition, and what follows the first layer.
"""

from itertools import pairwise

import numpy as np

from axon.backend import Array
from axon.blas import one_blas_thread
from axon.core import Tensor
from axon.modes import GradMode, no_grad
from axon.tabular.columns import Columns, Values
from axon.tabular.fitted import Fitted, columns_of

BLOCK = 1024  # rows that go through the later layers at a time


class ColumnSums:
    """A fitted ensemble, cut behind the sums of its first layer.

    Args:
        fitted: the model.
        columns: of its table.

    Attributes:
        parts: for each used column, where its entries are.
    """

    def __init__(self, fitted: Fitted, columns: Columns) -> None:
        self.fitted = fitted
        own, encoder = np.concatenate(columns.owners()), fitted.encoder
        large = own[len(encoder.center) + np.array(encoder.large, np.intp)]
        places = np.concatenate(
            [own[encoder.sources()], large.repeat(fitted.net.dim * fitted.net.groups)]
        )
        self.order = np.argsort(places, kind="stable")
        ends = np.searchsorted(places[self.order], range(len(columns.used) + 1))
        self.parts = [slice(a, b) for a, b in pairwise(ends.tolist())]
        with no_grad():
            self.weights = fitted.net.first().data[self.order]

    def entries(self, values: Values) -> Array:
        """What the first layer reads of rows (n, entries), in the order of the used columns."""
        x, *codes = columns_of(self.fitted.encoder.transform(values))
        if codes:
            with no_grad():
                x = self.fitted.net.joined(Tensor(x), Tensor(codes[0])).data
        return np.ascontiguousarray(x[:, self.order])

    def total(self, entries: Array) -> Array:
        """The first sums of rows: (n, members width)."""
        with one_blas_thread:
            made: Array = entries @ self.weights
        return made

    def part(self, entries: Array, column: int) -> Array:
        """What one used column adds to the first sums of rows: (n, members width)."""
        here = self.parts[column]
        with one_blas_thread:
            made: Array = entries[:, here] @ self.weights[here]
        return made

    def each(self, entries: Array) -> Array:
        """What each used column adds: (n, used, members width)."""
        made = np.empty((len(entries), len(self.parts), self.weights.shape[1]), np.float32)
        for j in range(len(self.parts)):
            made[:, j] = self.part(entries, j)
        return made

    def answers(self, sums: Array, chosen: Array | None = None) -> Array:
        """The mean answers (n, outputs) for first sums, of all members or of the chosen ones.

        Args:
            sums: (n, members width).
            chosen: (n, members), 1 for those that are asked.
        """
        made = np.empty((len(sums), self.fitted.net.outputs))
        for start in range(0, len(sums), BLOCK):
            part = slice(start, start + BLOCK)
            with one_blas_thread, no_grad():
                z = self.fitted.net.rest(Tensor(sums[part])).data / self.fitted.temperature
            made[part] = self.fitted.objective.mean(z, None if chosen is None else chosen[part])
        return made

    def slopes(self, entries: Array) -> Array:
        """Gradients (n, outputs, entries) of the members' mean outputs, logits or numbers."""
        count = self.fitted.net.outputs
        made = np.empty((len(entries), count, entries.shape[1]), np.float32)
        for o in range(count):
            x = Tensor(entries, requires_grad=True)
            with one_blas_thread, GradMode(True):
                z = self.fitted.net.rest(x @ Tensor(self.weights))
                (z[:, :, o].mean(axis=1) / self.fitted.temperature).sum().backward()
            assert x.grad is not None
            made[:, o] = x.grad.data
        return made
