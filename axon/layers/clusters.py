"""A softmax over very many classes, of which the rare ones stand in clusters."""

from collections.abc import Sequence
from typing import Any, Unpack

from axon.activations import log_softmax
from axon.backend import Shape
from axon.checks import boolean, demand, integer, integers, positive
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.dense import Dense
from axon.layers.options import LayerOptions
from axon.layers.wrappers import Pipeline
from axon.ops.join import concatenate


class AdaptiveLogSoftmax(Layer):
    """Logarithms of probabilities of very many classes, with few weights for the rare ones.

    The frequent classes, which have the lowest numbers, are scored at once, together with one
    score for each cluster of rarer ones; within cluster i a class is scored from features / div^i
    numbers: log p(class) = log p(cluster) + log p(class | cluster) (Grave and others, 2017).

    Args:
        units: how many classes.
        cutoffs: where clusters begin, rising numbers below ``units``.
        div_value: by what the features of each cluster are fewer than those of the one before.
        head_bias: whether the scores of the frequent classes have a bias.
        options: name, dtype, trainable.

    Shapes: (n, features) -> (n, units), for the loss "nll". Weights are those of PyTorch's
    AdaptiveLogSoftmaxWithLoss: ``head``, and two layers of ``tail`` for each cluster.

    >>> import numpy as np
    >>> y = AdaptiveLogSoftmax(10, [4, 7], div_value=2.0)(np.ones((3, 8)))
    >>> y.shape, np.exp(y).sum(axis=1).round(4)
    ((3, 10), array([1., 1., 1.], dtype=float32))
    """

    on_mask = masks.REFUSED

    def __init__(
        self,
        units: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        owner = type(self).__name__
        self.units = integer(owner, "units", units)
        several = isinstance(cutoffs, tuple | list) and len(cutoffs) > 0
        demand(several, owner, "cutoffs", "a list of rising whole numbers", cutoffs)
        self.cutoffs = integers(owner, "cutoffs", cutoffs, len(cutoffs))
        rising = sorted({*self.cutoffs, units}) == [*self.cutoffs, units]
        demand(rising, owner, "cutoffs", f"rising, and below units={units}", cutoffs)
        self.div_value = positive(owner, "div_value", div_value)
        self.head_bias = boolean(owner, "head_bias", head_bias)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Rows of features."""
        super().accept(shape)
        if len(shape) != 2:
            raise self.misfit("(n, features)", shape)

    def create(self, *input_shapes: Shape) -> None:
        """Create the layers of the frequent classes and of the clusters."""
        (features,) = input_shapes[0]
        ends = [*self.cutoffs, self.units]
        alike: dict[str, Any] = {"dtype": self.dtype, "trainable": self._trainable}
        clusters = len(self.cutoffs)
        head = self.cutoffs[0] + clusters
        self.head = Dense(features, head, use_bias=self.head_bias, **alike)
        self.tail: list[Pipeline] = []
        for i in range(clusters):
            fewer = int(features // self.div_value ** (i + 1))
            demand(fewer > 0, self.name, "div_value", "smaller: a cluster has no features", fewer)
            down = Dense(features, fewer, use_bias=False, **alike)
            score = Dense(fewer, ends[i + 1] - ends[i], use_bias=False, **alike)
            self.tail.append(Pipeline([down, score], **alike))

    def call(self, x: Tensor) -> Tensor:
        """The logarithms of all probabilities."""
        first = self.cutoffs[0]
        head: Tensor = log_softmax(self.head.forward(x))
        found = [head[:, :first]]
        for i in range(len(self.tail)):
            scores = log_softmax(self.tail[i].forward(x))
            found.append(scores + head[:, first + i : first + i + 1])
        return concatenate(found, axis=-1)
