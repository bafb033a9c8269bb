"""Tables as they come: text, gaps, dates and numbers, read, encoded, and learned by networks."""

from typing import TYPE_CHECKING, Any

from axon import names
from axon.tabular.column import Column
from axon.tabular.columns import Columns, Values
from axon.tabular.effects import PartialDependence
from axon.tabular.encoding import Encoded, Encoder
from axon.tabular.explaining import Explanation
from axon.tabular.loading import load
from axon.tabular.network import Ensemble
from axon.tabular.restoring import from_state
from axon.tabular.state import to_state
from axon.tabular.table import Table, read

if TYPE_CHECKING:
    from axon.tabular.board import Leaderboard, leaderboard
    from axon.tabular.estimators import TabularClassifier, TabularRegressor

__all__ = [
    "Column",
    "Columns",
    "Encoded",
    "Encoder",
    "Ensemble",
    "Explanation",
    "Leaderboard",
    "PartialDependence",
    "Table",
    "TabularClassifier",
    "TabularRegressor",
    "Values",
    "from_state",
    "leaderboard",
    "load",
    "read",
    "to_state",
]

HOMES = {  # loaded when asked for, since these load scikit-learn, which takes two seconds
    "Leaderboard": "board",
    "TabularClassifier": "estimators",
    "TabularRegressor": "estimators",
    "leaderboard": "board",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise names.missing(__name__, name, {**globals(), **HOMES}, {})
    return globals().setdefault(name, names.load(__name__, HOMES, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
