"""``solver="lbfgs"``: all rows at once, and SciPy's L-BFGS-B looks for the weights."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from axon.backend import Array
from axon.blas import one_blas_thread
from axon.callbacks import History
from axon.core import Tensor
from axon.layers import BatchNormalization
from axon.layers.noise import Noise
from axon.models import Model
from axon.models.inputs import entry_dtype
from axon.modes import GradMode, Mode, TrainingMode, modes
from axon.sklearn.objective import Objective
from axon.sklearn.rows import Rows
from axon.sklearn.settings import Parameters, dense

LOOKS = 15_000  # at the loss, at most; ``max_fun`` of scikit-learn
OUT_OF_STEPS = 1  # L-BFGS-B's word for it


class Descent(NamedTuple):
    """What was found.

    Attributes:
        history: the loss of each step.
        exhausted: what to warn of if it has not converged; None if it has.
    """

    history: History
    exhausted: str | None

    def restore(self) -> None:
        """The weights are the best ones already."""


class AllRows:
    """The loss of a network on all rows, and its gradient, as a function of its weights.

    Args:
        network: built; its weights are set at each look.
        objective: what is made small.
        rows: all of them; they are in memory at once, and so is what the network makes of them.
    """

    def __init__(self, network: Model, objective: Objective, rows: Rows) -> None:
        self.network, self.objective = network, objective
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        x = dense(rows.x)
        self.x = Tensor(np.ascontiguousarray(x, entry_dtype(network, x.dtype)))
        made = objective.targets(rows.y, (rows.n, *(network.output_shape or ())))
        self.y = Tensor(np.ascontiguousarray(made))
        dtype = self.parameters[0].dtype
        self.w = None if rows.weights is None else Tensor(rows.weights.astype(dtype))

    def flat(self) -> Array:
        """The weights as they are, in float64."""
        return np.concatenate([p.data.ravel() for p in self.parameters]).astype(np.float64)

    def put(self, flat: Array) -> None:
        """Set the weights."""
        ends = np.cumsum([p.size for p in self.parameters])[:-1]
        for p, part in zip(self.parameters, np.split(flat, ends), strict=True):
            p.assign(part.reshape(p.shape).astype(p.dtype))

    def look(self, flat: Array) -> tuple[float, Array]:
        """The loss with these weights, and its gradient."""
        self.put(flat)
        for p in self.parameters:
            p.grad = None
        with GradMode(True), TrainingMode(True), Mode("costs", []):
            loss = self.objective.loss(self.y, self.network.forward(self.x), self.w)
            for p in self.parameters:
                if p.regularizer is not None:
                    loss = loss + p.regularizer(p)
            for cost in modes.costs:
                loss = loss + cost
        loss.backward()
        slopes = [np.zeros(p.size) if p.grad is None else p.grad.data for p in self.parameters]
        self.last = float(loss.data)
        return self.last, np.concatenate([s.ravel() for s in slopes]).astype(np.float64)


def demand_steady(estimator: Parameters, network: Model) -> None:
    """Refuse networks whose loss is another one at each look, and whoever wants to hear of epochs.

    Raises:
        ValueError: there is one of these layers, a callback or a metric.
    """
    for name in ("callbacks", "metrics"):
        if len(getattr(estimator, name)):
            raise ValueError(
                f"{type(estimator).__name__}: solver='lbfgs' has no epochs that {name} could be "
                "told of. Leave them out, or take solver='adam'."
            )
    for module in network.modules():
        if isinstance(module, Noise | BatchNormalization):
            raise ValueError(
                f"{type(estimator).__name__}: solver='lbfgs' follows one function of the weights, "
                f"but {type(module).__name__} makes it another one at each look. Leave it out, or "
                "take solver='adam'."
            )


def minimized(
    estimator: Parameters,
    network: Model,
    objective: Objective,
    rows: Rows,
    told: Callable[[int, float], object],
) -> Descent:
    """Go downhill until the gradient is smaller than ``tol`` everywhere, or ``max_iter`` steps.

    Args:
        estimator: whose parameters say for how long.
        network: whose weights are looked for, from where they are.
        objective: what is made small.
        rows: all of them.
        told: is told of each step: its number, from 0, and the loss after it.
    """
    demand_steady(estimator, network)
    search, history = AllRows(network, objective, rows), History()

    def step(_: object) -> None:
        number = len(history.epoch)
        history.on_epoch_end(number, {"loss": search.last})
        told(number, search.last)
        history.on_epoch_begin(number + 1)

    history.on_epoch_begin(0)
    options = {"maxiter": estimator.max_iter, "maxfun": LOOKS, "gtol": estimator.tol}
    with one_blas_thread, np.errstate(over="ignore", invalid="ignore"):
        found = minimize(
            search.look, search.flat(), jac=True, method="L-BFGS-B", callback=step, options=options
        )
    if not np.isfinite(found.fun):
        raise ValueError(
            f"{type(estimator).__name__}: the loss became {found.fun}. Scale the data, for example "
            "with StandardScaler in a pipeline."
        )
    if not history.epoch:
        step(found.x)  # it was at the minimum already
    search.put(found.x)
    return Descent(history, _exhausted(estimator, found.status))


def _exhausted(estimator: Parameters, status: int) -> str | None:
    if status != OUT_OF_STEPS or estimator.n_iter_no_change == np.inf:
        return None
    return (
        f"{type(estimator).__name__}: maximum iterations ({estimator.max_iter}) reached, and lbfgs "
        "has not converged yet. Increase max_iter, or scale the data."
    )
