"""What an estimator was told: checked when ``fit`` begins, and turned into AXON's terms."""

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from axon import optimizers
from axon.checks import demand, is_integer, is_number
from axon.names import resolve
from axon.optimizers import Optimizer

RATES = ("constant", "invscaling", "adaptive")
DTYPES = ("float32", "float64")
MOST = 200  # rows in a batch, if the estimator may choose


def _number(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: is_number(value) and test(value)


def _flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _count(value: Any) -> bool:
    return is_integer(value) and bool(value >= 1)


_from_0 = _number(lambda v: 0 <= v < inf), "a number of at least 0"
_above_0 = _number(lambda v: 0 < v < inf), "a number larger than 0"
_share = _number(lambda v: 0 <= v < 1), "at least 0 and less than 1"
_whole = _count, "a whole number of at least 1"
_either = _flag, "True or False"

RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "alpha": _from_0,
    "batch_size": (lambda v: v == "auto" or _count(v), '"auto" or a whole number of at least 1'),
    "learning_rate": (
        lambda v: v in RATES if isinstance(v, str) else callable(v) or isinstance(v, dict),
        '"constant", "invscaling", "adaptive", or a schedule such as CosineDecay(0.001, 5000)',
    ),
    "learning_rate_init": _above_0,
    "power_t": _from_0,
    "max_iter": _whole,
    "shuffle": _either,
    "tol": _from_0,
    "warm_start": _either,
    "momentum": _share,
    "nesterovs_momentum": _either,
    "early_stopping": _either,
    "validation_fraction": (_number(lambda v: 0 < v < 1), "between 0 and 1, such as 0.1"),
    "beta_1": _share,
    "beta_2": _share,
    "epsilon": _above_0,
    "n_iter_no_change": (
        lambda v: _count(v) or v == inf,
        "a whole number of at least 1, or infinity to train for max_iter epochs",
    ),
    "batch_norm": _either,
    "dtype": (lambda v: v in DTYPES, '"float32" or "float64"'),
}


def check(estimator: Any) -> None:
    """Demand that every parameter is what it may be.

    Raises:
        ValueError: one is not; the message says what it may be.
    """
    for name, (fits, expected) in RULES.items():
        value = getattr(estimator, name)
        demand(fits(value), type(estimator).__name__, name, expected, value)


def rows_per_batch(estimator: Any) -> int:
    """How many rows a batch may have at most."""
    return MOST if estimator.batch_size == "auto" else int(estimator.batch_size)


# ------------------------------------------------------------------------------------ optimizer

OPTIONS: dict[str, tuple[str, ...]] = {  # those that take an estimator's parameters
    "sgd": ("momentum", "nesterov"),
    **dict.fromkeys(("adam", "adamw", "adamax", "nadam"), ("beta_1", "beta_2", "epsilon")),
}


def optimizer_of(estimator: Any) -> Optimizer:
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


def _chosen(estimator: Any) -> Any:
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


def _by_name(estimator: Any, name: str, scheduled: bool) -> Optimizer:
    if name == "lbfgs":
        raise ValueError(
            f"{type(estimator).__name__}: 'lbfgs' is not offered: it is no stochastic optimizer. "
            "For few rows use optimizer='adam' with batch_size=len(X) and a larger "
            "learning_rate_init, such as 0.01."
        )
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


def _named(value: Any) -> Any:
    return getattr(value, "__qualname__", type(value).__qualname__) if callable(value) else value
