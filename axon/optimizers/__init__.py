"""Optimizers, by increasing complexity; the rarer ones are loaded when asked for."""

from typing import TYPE_CHECKING, Any

from axon.config import Deserialize, serialize
from axon.names import Choice, LateTable, choose, load, missing
from axon.optimizers import schedules
from axon.optimizers.adagrad import Adagrad
from axon.optimizers.adam import Adam, Adamax, AdamW, Nadam
from axon.optimizers.base import Optimizer
from axon.optimizers.lion import Lion
from axon.optimizers.muon import Muon
from axon.optimizers.rmsprop import RMSprop
from axon.optimizers.sgd import SGD

if TYPE_CHECKING:
    from axon.optimizers.adadelta import Adadelta
    from axon.optimizers.around import SAM, Lookahead, LossScaleOptimizer
    from axon.optimizers.ftrl import Ftrl
    from axon.optimizers.full_batch import ASGD, Rprop
    from axon.optimizers.layerwise import Adafactor, Lamb
    from axon.optimizers.lbfgs import LBFGS
    from axon.optimizers.radam import RAdam
    from axon.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD

LATER = {  # file -> the optimizers in it, which are loaded when one of them is asked for
    "adadelta": ("Adadelta",),
    "ftrl": ("Ftrl",),
    "full_batch": ("ASGD", "Rprop"),
    "layerwise": ("Adafactor", "Lamb"),
    "lbfgs": ("LBFGS",),
    "radam": ("RAdam",),
    "schedule_free": ("ScheduleFreeAdamW", "ScheduleFreeSGD"),
}
HOMES = {name: home for home, names in LATER.items() for name in names}
HOMES |= dict.fromkeys(("SAM", "Lookahead", "LossScaleOptimizer"), "around")

_OPTIMIZERS: dict[str, type[Optimizer] | str] = {
    "sgd": SGD,
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
    "adamax": Adamax,
    "nadam": Nadam,
    "lion": Lion,
    "muon": Muon,
    "adadelta": "Adadelta",
    "adafactor": "Adafactor",
    "asgd": "ASGD",
    "ftrl": "Ftrl",
    "lamb": "Lamb",
    "lbfgs": "LBFGS",
    "radam": "RAdam",
    "rprop": "Rprop",
    "schedulefreeadamw": "ScheduleFreeAdamW",
    "schedule_free_adamw": "ScheduleFreeAdamW",
    "schedule_free_sgd": "ScheduleFreeSGD",
}
OPTIMIZERS: LateTable[type[Optimizer]] = LateTable(__name__, HOMES, _OPTIMIZERS)
_AROUND = {"sam": "SAM", "lookahead": "Lookahead", "loss_scale_optimizer": "LossScaleOptimizer"}
_NAMED: LateTable[type[Optimizer]] = LateTable(__name__, HOMES, {**_OPTIMIZERS, **_AROUND})


def get(optimizer: Choice | Optimizer) -> Optimizer:
    """Return an optimizer by its name, with its usual settings; an Optimizer is returned as it is.

    A description, such as ``optimizer.describe()`` gives, makes another one with these settings.

    Raises:
        ValueError: no such name; the nearest one is suggested.

    >>> get("sgd")
    SGD(learning_rate=0.01, momentum=0.0, nesterov=False)
    """
    expected = "a name or an Optimizer"
    return choose("optimizer", optimizer, _NAMED, Optimizer, expected, descriptions=True)


Optimizer.by_name = staticmethod(get)


def _classes() -> list[type[Optimizer]]:
    return list(_NAMED.values())


deserialize = Deserialize("optimizer", _classes, get)

_ELSEWHERE = {
    "MultiOptimizer": "multipliers={'pattern': factor}, a rate for each group of parameters",
    "SparseAdam": "Adam",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise missing(__name__, name, {**globals(), **HOMES}, _ELSEWHERE)
    return globals().setdefault(name, load(__name__, HOMES, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
