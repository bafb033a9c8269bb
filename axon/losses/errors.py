"""Numbers that should come close to other numbers: what an error costs, large ones above all."""

from abc import abstractmethod
from math import exp
from typing import Any, Unpack

from axon.activations import tanh
from axon.backend import Array, constant, floating, like_result
from axon.checks import demand, is_number
from axon.core import Tensor, primitive
from axon.losses.base import Loss, LossOptions, over_features
from axon.ops import absolute, maximum, minimum, square


class _ErrorLoss(Loss):
    """What an error e = y_pred - y_true costs, averaged over outputs and samples."""

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What the errors of each sample cost, averaged over its outputs."""
        return over_features(self._cost(y_pred - y_true))

    @abstractmethod
    def _cost(self, e: Tensor) -> Tensor: ...


class MeanSquaredError(_ErrorLoss):
    """L = (y_pred - y_true)^2, averaged over outputs and samples.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs).

    >>> MeanSquaredError().loss([[1.0], [2.0]], [[1.0], [4.0]])
    2.0
    """

    name = "mean_squared_error"

    def _cost(self, e: Tensor) -> Tensor:
        return square(e)


class MeanAbsoluteError(_ErrorLoss):
    """L = |y_pred - y_true|, averaged over outputs and samples; the gradient at 0 is 0.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs).

    >>> MeanAbsoluteError().loss([[1.0], [2.0]], [[1.0], [4.0]])
    1.0
    """

    name = "mean_absolute_error"

    def _cost(self, e: Tensor) -> Tensor:
        return absolute(e)


class Huber(_ErrorLoss):
    """L = e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2), with e = y_pred - y_true.

    Averaged over outputs and samples. Huber, "Robust Estimation of a Location Parameter" (1964).

    Args:
        delta: the error from which on the loss is a straight line.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs).

    Raises:
        ValueError: delta is not positive.

    >>> Huber().loss([[1.0], [2.0]], [[2.0], [5.0]])  # (1 / 2 + 3 - 1 / 2) / 2
    1.5
    """

    name = "huber"

    def __init__(self, delta: float = 1.0, **options: Unpack[LossOptions]) -> None:
        super().__init__(**options)
        hint = " It is the error from which on the loss is a straight line, 1.0 by default."
        demand(delta > 0, self.name, "delta", "positive", delta, hint)
        self.delta = float(delta)

    def _cost(self, e: Tensor) -> Tensor:
        return huber(e, self.delta)


def huber(e: Tensor, delta: float) -> Tensor:
    """e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2)."""
    c = maximum(minimum(e, delta), -delta)
    return c * (e - 0.5 * c)  # both pieces at once: no square of a large error


class SmoothL1(_ErrorLoss):
    """L = e^2 / (2 beta) where |e| < beta, else |e| - beta / 2, with e = y_pred - y_true.

    Huber over delta; averaged over outputs and samples. Girshick, "Fast R-CNN" (2015).

    Args:
        beta: the error from which on the loss is a straight line.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs).

    >>> SmoothL1(beta=2.0).loss([[1.0], [2.0]], [[2.0], [5.0]])  # (1 / 4 + 3 - 1) / 2
    1.125
    """

    name = "smooth_l1"

    def __init__(self, beta: float = 1.0, **options: Unpack[LossOptions]) -> None:
        super().__init__(**options)
        demand(is_number(beta) and beta > 0, self.name, "beta", "positive", beta)
        self.beta = float(beta)

    def _cost(self, e: Tensor) -> Tensor:
        return huber(e, self.beta) * (1.0 / self.beta)


@primitive(result=floating, workspace=like_result(2), over=(0,))
def log_cosh(out: Array, x: Array, *, xp: Any, workspace: list[Array]) -> None:
    """log((e^x + e^-x) / 2), without overflow far from 0 and without cancellation near it.

    That is log(1 + sinh(a)^2) / 2 for a = |x| up to 1; what is beyond, d = a - 1, adds
    d + log(1 + (e^-2d - 1) / (e^2 + 1)), which is 0 for d = 0.

    >>> log_cosh(np.array([0.0, 1.0, 50.0])).round(4)
    array([ 0.    ,  0.4338, 49.3069])
    """
    near, beyond = workspace
    one, minus_two, half, rest = (
        constant(c, out.dtype, xp) for c in (1, -2, 0.5, 1 / (exp(2.0) + 1))
    )
    xp.absolute(x, out=out)
    xp.minimum(out, one, out=near)
    xp.maximum(out, one, out=out)
    xp.subtract(out, one, out=out)  # d
    xp.sinh(near, out=near)
    xp.multiply(near, near, out=near)
    xp.log1p(near, out=near)
    xp.multiply(near, half, out=near)
    xp.multiply(out, minus_two, out=beyond)
    xp.expm1(beyond, out=beyond)
    xp.multiply(beyond, rest, out=beyond)
    xp.log1p(beyond, out=beyond)
    xp.add(out, beyond, out=out)
    xp.add(out, near, out=out)


log_cosh.gradient(lambda g, y, x: g * tanh(x))


class LogCosh(_ErrorLoss):
    """L = log cosh(y_pred - y_true), averaged over outputs and samples.

    That is about e^2 / 2 for small errors e and |e| - log 2 for large ones.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs).

    >>> LogCosh().loss([[1.0], [2.0]], [[1.0], [3.0]])
    0.2168904...
    """

    name = "log_cosh"

    def _cost(self, e: Tensor) -> Tensor:
        return log_cosh(e)
