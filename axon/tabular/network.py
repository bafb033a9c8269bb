"""The network for tables: several narrow networks, its members, in one program.

Each member is a multilayer perceptron of its own. The first product reads the same rows for all of
them, so it is one large matrix product; the later ones are a product for each member. Rows of bins
need not be multiplied: what a place and a fraction tell of them is looked up.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np

from axon import activations
from axon.backend import FLOAT, Array
from axon.core import Tensor
from axon.layers import Dropout
from axon.models import Model
from axon.ops import concatenate, lookup, piecewise_matmul
from axon.parameter import Parameter

EPSILON = 1e-6  # of what a spread is divided by


class Ensemble(Model):
    """k members, each of hidden layers and a last one; what comes out is (n, k, outputs).

    y_k = W3_k f(W2_k f(W1_k (s_k x) + b1_k) + b2_k) + b3_k, with f(z) = z + a (g(z) - z), where g
    is ``activation`` and a begins at 1: each neuron learns how much it bends.

    Args:
        inputs: numbers in an encoded row.
        members: how many networks there are.
        widths: neurons in each hidden layer of a member.
        outputs: what a member gives for a row: a logit for each class, or numbers.
        activation: the name of g.
        sizes: how many values each embedded category has; then ``forward`` takes their codes, too.
        dim: the length of an embedding.
        bins: how many bins each number that has some is written as, one behind another.
        at: where they begin among the inputs.
        groups: member k shares embeddings with all others of the same k modulo ``groups``; the
            others, which may have learned from rows that these hold out, have their own.

    >>> net = Ensemble(3, members=2, widths=(4,), outputs=1)
    >>> net.begin(np.eye(3, dtype=np.float32), (), np.random.default_rng(0))
    >>> net.forward(np.eye(3, dtype=np.float32)).shape
    (3, 2, 1)
    """

    def __init__(
        self,
        inputs: int,
        members: int = 8,
        widths: Sequence[int] = (64, 64),
        outputs: int = 1,
        activation: str = "selu",
        sizes: Sequence[int] = (),
        dim: int = 8,
        bins: Sequence[int] = (),
        at: int = 0,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.inputs, self.members, self.outputs = inputs, members, outputs
        self.widths, self.sizes, self.dim = tuple(widths), tuple(sizes), dim
        self.activation, self.bins, self.at, self.groups = activation, tuple(bins), at, groups
        self.dropouts: list[Dropout] = []  # one behind each hidden layer, while it is trained
        first, places = self.widths[0], sum(self.bins)
        self.wide = inputs + dim * groups * len(self.sizes)
        if self.sizes:
            self.table = _zeros("embedding/table", sum(self.sizes), groups * dim)
        if self.bins:
            self.bin_scale = _ones("scale_bins", places, members, 1)
            self.bin_weights = _zeros("weights_bins", places, members, first)
        self.scale = _ones("scale", self.wide - places, members, 1)
        self.weights = [_zeros("weights_0", self.wide - places, members, first)]
        self.biases = [_zeros("bias_0", 1, members * first)]
        self.bends = [_ones("bend_0", 1, members * first)]
        for i, (a, b) in enumerate(zip(self.widths, (*self.widths[1:], outputs), strict=True), 1):
            self.weights.append(_zeros(f"weights_{i}", members, a, b))
            self.biases.append(_zeros(f"bias_{i}", members, 1, b))
            if i < len(self.widths):
                self.bends.append(_ones(f"bend_{i}", members, 1, b))

    def parameters(self) -> list[Parameter]:
        """All parameters: neighbours learn equally fast, so that they are updated together."""
        tables = [self.table] if self.sizes else []
        scales = [self.bin_scale, self.scale] if self.bins else [self.scale]
        binned = [self.bin_weights] if self.bins else []
        return [*tables, *scales, *binned, *self.weights, *self.biases, *self.bends]

    def named_parameters(self) -> dict[str, Parameter]:
        """All parameters by name."""
        return {p.name: p for p in self.parameters()}

    # -------------------------------------------------------------------- forward

    def forward(self, x: Any, codes: Any = None) -> Any:
        """What each member says of each row: (n, members, outputs).

        Args:
            x: encoded rows (n, inputs).
            codes: (n, q) whole numbers, counted on from one category to the next, if there are any.
        """
        if not isinstance(x, Tensor):
            rest = () if codes is None else (Tensor(codes),)
            return self.forward(Tensor(np.asarray(x, FLOAT)), *rest).data
        h = x if codes is None else self.joined(x, codes)
        return self.rest(h @ self.first())

    def forward_compact(
        self, x: Tensor, places: Tensor, fractions: Tensor, codes: Tensor | None = None
    ) -> Tensor:
        """The same of rows without bins, and where each number lies in its own.

        Args:
            x: (n, inputs without bins).
            places: (n, c) whole numbers: in which bin of its column a number lies.
            fractions: (n, c): how far it has come there, from 0 to 1.
            codes: as for ``forward``.
        """
        h = x if codes is None else self.joined(x, codes)
        looked_up = piecewise_matmul(
            places, fractions, self._matrix(self.bin_weights, self.bin_scale), sizes=self.bins
        )
        return self.rest(h @ self._matrix(self.weights[0], self.scale) + looked_up)

    def rest(self, sums: Tensor) -> Tensor:
        """What follows the sums (n, members width) of the first layer: (n, members, outputs)."""
        h = self._bent(sums + self.biases[0], 0).reshape(-1, self.members, self.widths[0])
        h = self._dropped(h.transpose(1, 0, 2), 0)  # a view
        for i in range(1, len(self.widths)):
            h = h @ self.weights[i] + self.biases[i]  # (members, n, width)
            h = self._dropped(self._bent(h, i), i)
        last = (h @ self.weights[-1]).transpose(1, 0, 2).reshape(h.shape[1], -1)  # in one piece
        return (last + self.biases[-1].reshape(1, -1)).reshape(-1, self.members, self.outputs)

    def joined(self, x: Tensor, codes: Tensor) -> Tensor:
        """The rows with the embeddings of their codes: (n, inputs + q groups dim)."""
        found = lookup(self.table, codes)  # (n, q, groups dim)
        return concatenate([x, found.reshape(len(x), self.wide - self.inputs)], axis=1)

    def first(self) -> Tensor:
        """The first weights of all members as one matrix: (width of ``joined``, members width)."""
        w, at = self._matrix(self.weights[0], self.scale), self.at
        if not self.bins:
            return w
        parts = [w[:at], self._matrix(self.bin_weights, self.bin_scale), w[at:]]
        return concatenate([part for part in parts if len(part)], axis=0)

    def _matrix(self, weights: Tensor, scale: Tensor) -> Tensor:
        return (weights * scale).reshape(-1, self.members * self.widths[0])

    def _bent(self, z: Tensor, i: int) -> Tensor:
        g = activations.get(self.activation)(z)
        return z + self.bends[i] * (g - z)

    def _dropped(self, h: Tensor, i: int) -> Tensor:
        dropped: Tensor = self.dropouts[i](h) if self.dropouts else h
        return dropped

    # -------------------------------------------------------------------- the beginning

    def begin(
        self,
        x: Array,
        codes: Sequence[Array],
        rng: np.random.Generator,
        scale: Array | None = None,
    ) -> None:
        """Draw the weights, such that neurons see what the data are like.

        Weighted sums begin with a spread of 1 over these rows, and each neuron bends at one of
        them. The last layer begins with small weights.

        Args:
            x: some encoded rows.
            codes: their codes, if categories are embedded.
            rng: where chance comes from.
            scale: (inputs, members), what inputs are multiplied with at first; the smaller it is,
                the less they say, and the more slowly they learn to say more; a member never
                reads an input whose scale is 0.
        """
        for p in self.parameters():
            if "weights" in p.name or "table" in p.name:
                p.data[...] = rng.standard_normal(p.shape, FLOAT)
        begins = np.ones((self.wide, self.members, 1), FLOAT)
        if scale is not None:
            begins[: self.inputs] = scale[:, :, None]
        begins[self.inputs :] = self._own_embeddings()
        self._times(begins != 0)  # of a product of two that are 0 both gradients are 0: it stays
        self._set_scale(begins)
        rows = Tensor(np.asarray(x, FLOAT))
        h = self.joined(rows, Tensor(codes[0])).data if codes else rows.data
        z = (h @ self.first().data).reshape(len(h), self.members, -1).transpose(1, 0, 2)
        spread = z.std(axis=1, keepdims=True) + EPSILON
        self._times(np.broadcast_to(1 / spread.transpose(1, 0, 2), (self.wide, *spread.shape[::2])))
        h = self._shifted(z / spread, 0, rng)
        for i in range(1, len(self.widths)):
            z = h @ self.weights[i].data
            spread = z.std(axis=1, keepdims=True) + EPSILON
            self.weights[i].data /= spread
            h = self._shifted(z / spread, i, rng)
        self.weights[-1].data *= 0.1 / sqrt(self.widths[-1])

    def _own_embeddings(self) -> Array:
        """Which numbers of embeddings (q groups dim, members, 1) a member reads."""
        of_number = np.tile(np.arange(self.groups).repeat(self.dim), len(self.sizes))
        return (of_number[:, None] == np.arange(self.members) % self.groups)[:, :, None]

    def _times(self, factors: Array) -> None:
        """Multiply the first weights, which lie in the order of a row."""
        others, binned = self._parts(factors)
        self.weights[0].data *= others
        if self.bins:
            self.bin_weights.data *= binned

    def _set_scale(self, factors: Array) -> None:
        others, binned = self._parts(factors)
        self.scale.data[...] = others
        if self.bins:
            self.bin_scale.data[...] = binned

    def _parts(self, of_row: Array) -> tuple[Array, Array]:
        """What belongs to all inputs but bins, and what belongs to these."""
        stop = self.at + sum(self.bins)
        return np.concatenate([of_row[: self.at], of_row[stop:]]), of_row[self.at : stop]

    def _shifted(self, z: Array, i: int, rng: np.random.Generator) -> Array:
        """Shift the sums z (members, n, width) of a layer; what comes out of it."""
        at = rng.integers(z.shape[1], size=(len(z), 1, z.shape[2]))
        shift = -np.take_along_axis(z, at, axis=1)
        self.biases[i].data[...] = shift.reshape(self.biases[i].shape)
        return activations.get(self.activation)(z + shift)


def _ones(name: str, *shape: int) -> Parameter:
    return Parameter(np.ones(shape, FLOAT), name)


def _zeros(name: str, *shape: int) -> Parameter:
    return Parameter(np.zeros(shape, FLOAT), name)
