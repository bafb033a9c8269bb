"""Tables as they come: text, gaps, dates and numbers, read, encoded, and learned by networks."""

from axon.names import install

try:
    import sklearn
except ImportError as error:
    raise ImportError(
        "axon.tabular needs scikit-learn, which is not installed. Run: " + install("tabular")
    ) from error

from axon.tabular.board import Leaderboard, leaderboard
from axon.tabular.column import Column
from axon.tabular.columns import Columns, Values
from axon.tabular.effects import PartialDependence
from axon.tabular.encoding import Encoded, Encoder
from axon.tabular.estimators import TabularClassifier, TabularRegressor
from axon.tabular.explaining import Explanation
from axon.tabular.loading import load
from axon.tabular.network import Ensemble
from axon.tabular.state import from_state, to_state
from axon.tabular.table import Table, read

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
