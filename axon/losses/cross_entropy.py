"""What the cross-entropies share: a logarithm that stays finite, and the way back to logits."""

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from axon.activations import sigmoid
from axon.activations.sigmoid import sigmoid_gradient
from axon.backend import Array, Shape, constant, floating, like_result, tiny
from axon.checks import between, boolean, demand, is_number, number
from axon.core import Primitive, Tensor, primitive
from axon.losses.base import Loss, LossOptions
from axon.ops import maximum


@primitive(result=floating)
def log_probability(out: Array, p: Array, *, xp: Any) -> None:
    """The logarithm of a probability; of 0 it is that of the smallest normal number, not -inf.

    The gradient there is the one from above, so nothing is cut off.
    """
    xp.maximum(p, tiny(out.dtype), out=out)
    xp.log(out, out=out)


@primitive(result=floating)
def over_probability(out: Array, g: Array, p: Array, *, xp: Any) -> None:
    """g / p, for a p of at least the smallest normal number."""
    xp.maximum(p, tiny(out.dtype), out=out)
    xp.divide(g, out, out=out)


log_probability.gradient(lambda g, y, p: over_probability(g, p))
over_probability.gradient(
    lambda gg, z, g, p: over_probability(gg, p),
    lambda gg, z, g, p: -over_probability(gg * z, p),
)


@primitive(result=floating, workspace=like_result(1))
def sigmoid_cross_entropy(
    out: Array, x: Array, t: Array, *, xp: Any, workspace: list[Array]
) -> None:
    """-t log s - (1 - t) log(1 - s) with s = sigmoid(x), computed from the logits x.

    That is max(x, 0) - x t + log(1 + e^-|x|), in which nothing overflows or rounds to 0.
    """
    (part,) = workspace
    xp.absolute(x, out=out)
    xp.negative(out, out=out)
    xp.exp(out, out=out)
    xp.log1p(out, out=out)
    xp.maximum(x, constant(0, x.dtype, xp), out=part)
    xp.add(out, part, out=out)
    xp.multiply(x, t, out=part)
    xp.subtract(out, part, out=out)


@primitive(result=floating)
def sigmoid_cross_entropy_gradient(out: Array, g: Array, x: Array, t: Array, *, xp: Any) -> None:
    """g (sigmoid(x) - t)."""
    sigmoid.kernel(out, x, xp=xp)
    xp.subtract(out, t, out=out)
    xp.multiply(out, g, out=out)


sigmoid_cross_entropy_gradient.gradient(
    lambda gg, z, g, x, t: gg * (sigmoid(x) - t),
    lambda gg, z, g, x, t: gg * g * sigmoid_gradient(1.0, sigmoid(x)),
    lambda gg, z, g, x, t: -gg * g,
)
sigmoid_cross_entropy.gradient(
    lambda g, y, x, t: sigmoid_cross_entropy_gradient(g, x, t),
    lambda g, y, x, t: -g * x,
)


class CrossEntropy(Loss):
    """What the cross-entropies share: predictions are probabilities or logits, targets less sure.

    Args:
        from_logits: the predictions are logits, not probabilities.
        label_smoothing: from 0 to 1, see ``smoothed``.
        options: ``reduction`` and ``name``, see ``Loss``.
    """

    probabilities: ClassVar[str]  # what predictions have to be, keys of ``EXPECTED``
    logits: ClassVar[str]

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(**options)
        self.from_logits = boolean(self.name, "from_logits", from_logits)
        self.yes_from = 0.0 if from_logits else 0.5
        self.expects = self.logits if from_logits else self.probabilities
        self.label_smoothing = between(self.name, "label_smoothing", label_smoothing, 0, 1)


def smoothed(y_true: Tensor, label_smoothing: float, classes: int) -> Tensor:
    """Targets that are less sure: (1 - s) y + s / classes, where s is ``label_smoothing``.

    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (2016).
    """
    if not label_smoothing:
        return y_true
    return y_true * (1.0 - label_smoothing) + label_smoothing / classes


def logits_of(y_pred: Tensor, activation: Primitive) -> Tensor | None:
    """The tensor that ``activation`` made ``y_pred`` from, if that is where it came from."""
    creator = y_pred.creator
    if creator is None or creator.primitive is not activation:
        return None
    axis = creator.meta.get("axis", -1)
    return creator.inputs[0] if axis in (-1, y_pred.ndim - 1) else None


def focus(doubt: Tensor, gamma: float) -> Tensor:
    """doubt^gamma; where there is no doubt the loss is 0, so that its slope there plays no part.

    It stops at the smallest normal number: for gamma < 1 the slope at 0 would be infinite.
    """
    return maximum(doubt, float(np.finfo(doubt.dtype).tiny)) ** gamma


def factors(owner: str, name: str, value: object) -> float | list[float] | None:
    """One number of 0 or more, or a list of such; None stays None.

    >>> factors("loss", "weight", (1, 2))
    [1.0, 2.0]
    """
    if value is None or is_number(value):
        return value if value is None else number(owner, name, value, 0)
    expected = "a number of 0 or more, or a list of them"
    demand(isinstance(value, Sequence | np.ndarray), owner, name, expected, value)
    given = np.asarray(value)
    demand(given.ndim == 1 and given.dtype.kind in "fiu", owner, name, expected, value)
    return [number(owner, f"{name}[{i}]", float(one), 0) for i, one in enumerate(given)]


def demand_fitting(owner: str, name: str, given: object, output_shape: Shape) -> None:
    """Raise ValueError if there is a list of numbers, but not one for each output."""
    outputs = output_shape[-1] if len(output_shape) > 1 else 1
    if isinstance(given, list) and len(given) != outputs:
        raise ValueError(
            f"{owner}: {name} has {len(given)} numbers, but the model has {outputs} outputs. Give "
            "one for each, or a single number."
        )
