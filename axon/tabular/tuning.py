"""What a user may say of the networks; what is not said is chosen by how many rows there are."""

from collections.abc import Callable, Mapping
from functools import partial
from math import log2
from typing import Any

from axon.checks import finite, fraction, integer, is_integer, positive
from axon.tabular.choices import Choices

WAVE = 64 / 15  # epochs of the first wave of the learning rate: the others are twice as long each


def sizes(owner: str, name: str, value: object) -> tuple[int, ...]:
    """Neurons of each hidden layer; a single number is one layer.

    >>> sizes("TabularClassifier", "hidden_layer_sizes", [64, 32])
    (64, 32)
    """
    try:
        given = [value] if is_integer(value) else list(value)  # type: ignore[call-overload]
    except TypeError:
        given = []
    if not given:
        raise ValueError(
            f"{owner}: {name} must be whole numbers, one for each hidden layer, such as (64, 64), "
            f"got {value!r}."
        )
    return tuple(integer(owner, name, size) for size in given)


CHECKS: dict[str, Callable[[str, str, Any], Any]] = {
    "members": integer,
    "hidden_layer_sizes": sizes,
    "bins": partial(integer, least=0),
    "bin_scale": positive,
    "learning_rate_init": positive,
    "weight_decay": partial(finite, least=0),
    "dropout": fraction,
    "batch_size": integer,
    "max_iter": integer,
    "n_iter_no_change": integer,
}
TUNED = tuple(CHECKS)  # arguments of both estimators; None: chosen by the table
OF_COURSE = {
    "learning_rate_init": "rate",
    "weight_decay": "decay",
    "dropout": "dropout",
    "batch_size": "batch",
    "max_iter": "epochs",
    "n_iter_no_change": "patience",
}
OF_CHOICES = {"hidden_layer_sizes": "widths", "bins": "bins", "bin_scale": "bin_scale"}


def tuned(owner: str, choices: Choices, given: Mapping[str, object]) -> Choices:
    """The choices, but for what was said.

    Args:
        owner: whose error it would be.
        choices: made by how many rows there are.
        given: a value, or None, for each of ``TUNED``.

    Raises:
        ValueError: a value makes no sense.

    >>> from axon.tabular.choices import choose
    >>> made = tuned("", choose("good", 5000, 2), {"dropout": 0.25, "max_iter": 12, "members": 2})
    >>> made.plan.dropout, made.plan.epochs, made.plan.cycles, made.members, made.folds
    (0.25, 12, 2, 2, 2)
    """
    told = {k: CHECKS[k](owner, k, v) for k, v in given.items() if v is not None}
    plan = choices.plan._replace(**{field: told[k] for k, field in OF_COURSE.items() if k in told})
    if plan.epochs != choices.plan.epochs:
        plan = plan._replace(cycles=max(1, round(log2(1 + plan.epochs / WAVE))))
    made = choices._replace(**{field: told[k] for k, field in OF_CHOICES.items() if k in told})
    return _of_members(made._replace(plan=plan), told.get("members", choices.members))


def _of_members(choices: Choices, members: int) -> Choices:
    """The same with so many members: there are no more folds than these, and none of one."""
    if members == choices.members:
        return choices
    folds = min(choices.folds, members) if members > 1 else 0
    mixed = choices.mixed and members > max(folds, 1)
    return choices._replace(members=members, folds=folds, mixed=mixed)
