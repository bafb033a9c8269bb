"""What an estimator was told: checked when ``fit`` begins, and turned into AXON's terms."""

from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from axon import optimizers
from axon.backend import Array
from axon.callbacks import Callback
from axon.checks import demand, fraction, integer, is_integer, is_number, number, one_of, positive
from axon.layers.module import Module
from axon.losses import Loss
from axon.metrics import Metric
from axon.names import resolve
from axon.optimizers import Optimizer

Function = Callable[..., Any]
Rate = str | dict[str, Any] | Callable[[int], float]  # one of RATES, or a schedule
RandomState = int | np.random.RandomState | None


class Sparse(Protocol):
    """A matrix of SciPy that holds few numbers."""

    shape: tuple[int, int]

    def toarray(self) -> Array:
        """All of its numbers."""

    def __getitem__(self, rows: Array | slice) -> "Sparse":
        """Some of its rows."""


def dense(x: Array | Sparse) -> Array:
    """All numbers of rows, those that a sparse matrix leaves out, too."""
    return x if isinstance(x, np.ndarray) else x.toarray()


MatrixLike = ArrayLike | Sparse  # X (n, features), dense or sparse


class Parameters:
    """What both estimators are told; their documentation says what it means."""

    hidden_layer_sizes: int | Sequence[int]
    activation: str | Function
    optimizer: str | Optimizer
    solver: str | None
    loss: str | Loss
    alpha: float
    batch_size: int | str
    learning_rate: Rate
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: RandomState
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool | str
    validation_fraction: float
    scoring: str | Function | None
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    dropout: float | Sequence[float]
    batch_norm: bool
    network: Module | Function | None
    metrics: Sequence[str | Metric]
    callbacks: Sequence[Callback]
    dtype: str


RATES = ("constant", "invscaling", "adaptive")
MAX_ROWS = 200  # in a batch, if the estimator may choose


def _counts(value: object) -> bool:
    return is_integer(value) and value >= 1


def _is_rate(value: object) -> bool:
    return value in RATES if isinstance(value, str) else callable(value) or isinstance(value, dict)


def _demanding(expected: str, fits: Callable[[Any], bool]) -> Callable[[str, str, Any], None]:
    """A check of its own: what a parameter must be, in words, and whether it is."""
    return lambda owner, name, value: demand(fits(value), owner, name, expected, value)


FLAGS = ("shuffle", "warm_start", "nesterovs_momentum", "batch_norm")
CHECKS: dict[str, Callable[[str, str, Any], object]] = {
    **dict.fromkeys(("alpha", "power_t", "tol"), partial(number, least=0)),
    **dict.fromkeys(("learning_rate_init", "epsilon"), positive),
    **dict.fromkeys(("momentum", "beta_1", "beta_2"), fraction),
    **dict.fromkeys(FLAGS, _demanding("True or False", lambda v: isinstance(v, bool | np.bool_))),
    "max_iter": integer,
    "early_stopping": _demanding(
        'True, False, or "auto"', lambda v: isinstance(v, bool | np.bool_) or v == "auto"
    ),
    "batch_size": _demanding(
        '"auto" or a whole number of at least 1', lambda v: v == "auto" or _counts(v)
    ),
    "learning_rate": _demanding(
        '"constant", "invscaling", "adaptive", or a schedule such as CosineDecay(0.001, 5000)',
        _is_rate,
    ),
    "validation_fraction": _demanding(
        "between 0 and 1, such as 0.1", lambda v: is_number(v) and 0 < v < 1
    ),
    "n_iter_no_change": _demanding(
        "a whole number of at least 1, or infinity to train for max_iter epochs",
        lambda v: v == inf or _counts(v),
    ),
    "dtype": partial(one_of, known=("float32", "float64")),
}


def check(estimator: Parameters) -> None:
    """Demand that every parameter is what it may be.

    Raises:
        ValueError: one is not; the message says what it may be.
    """
    for name, demand_fitting in CHECKS.items():
        demand_fitting(type(estimator).__name__, name, getattr(estimator, name))


def rows_per_batch(estimator: Parameters) -> int:
    """How many rows a batch may have at most."""
    return MAX_ROWS if estimator.batch_size == "auto" else int(estimator.batch_size)


# ------------------------------------------------------------------------------------ optimizer

OPTIONS: dict[str, tuple[str, ...]] = {  # those that take an estimator's parameters
    "sgd": ("momentum", "nesterov"),
    **dict.fromkeys(("adam", "adamw", "adamax", "nadam"), ("beta_1", "beta_2", "epsilon")),
}


def optimizer_of(estimator: Parameters) -> Optimizer:
    """Make the optimizer that the parameters ask for: a new one, also if one was given.

    Raises:
        ValueError, TypeError: there is none of that name, or two parameters contradict.
    """
    chosen, owner = _chosen(estimator), type(estimator).__name__
    scheduled = not isinstance(estimator.learning_rate, str)
    if isinstance(chosen, str):
        return _by_name(estimator, chosen, scheduled)
    given = optimizers.get(chosen)
    if scheduled:
        raise ValueError(
            f"{owner}: learning_rate is a schedule, and optimizer {given!r}, too, says how fast to "
            "learn. Give the schedule to the optimizer: Adam(learning_rate=schedule)."
        )
    return type(given)(**given.config())


def all_at_once(estimator: Parameters) -> bool:
    """Whether SciPy's L-BFGS-B is to look at all rows in each step."""
    chosen = _chosen(estimator)
    return isinstance(chosen, str) and chosen.lower() == "lbfgs"


def _chosen(estimator: Parameters) -> str | Optimizer:
    """``optimizer``, or ``solver``, its other name."""
    owner = type(estimator).__name__
    if estimator.solver is None:
        return estimator.optimizer
    if estimator.optimizer != "adam" and estimator.optimizer != estimator.solver:
        raise ValueError(
            f"{owner}: optimizer={estimator.optimizer!r} and solver={estimator.solver!r} are two "
            "names of one parameter. Give one of them."
        )
    return estimator.solver


def _by_name(estimator: Parameters, name: str, scheduled: bool) -> Optimizer:
    make: Any = resolve("optimizer", name, optimizers.OPTIMIZERS)
    values = {n: getattr(estimator, n, None) for n in OPTIONS.get(name.lower(), ())}
    if "nesterov" in values:
        values["nesterov"] = bool(estimator.nesterovs_momentum and estimator.momentum)
    rate = estimator.learning_rate if scheduled else estimator.learning_rate_init
    return make(learning_rate=rate, **values)


def fingerprint(optimizer: Optimizer) -> str:
    """What tells two optimizers apart, in any process: class and settings, as text."""
    settings = {name: _named(value) for name, value in optimizer.config().items()}
    return f"{type(optimizer).__qualname__}({settings})"


def _named(value: object) -> object:
    return getattr(value, "__qualname__", type(value).__qualname__) if callable(value) else value
