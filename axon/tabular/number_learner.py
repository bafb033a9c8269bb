"""How numbers are learned from a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from axon.backend import Array
from axon.tabular.choices import strata
from axon.tabular.encoding import targets_scaled
from axon.tabular.fitted import demand_fitted
from axon.tabular.intervals import demand_coverage, intervals
from axon.tabular.learner import COMMON, TableLearner
from axon.tabular.objectives import Amounts, Goal, Quantiles
from axon.tabular.targets import amounts, demand_quantiles


class NumberLearner(TableLearner):
    """What ``TabularRegressor`` does, which says what its arguments are."""

    def __init__(
        self,
        effort: str = "good",
        random_state: int | np.random.RandomState | None = None,
        *,
        quantiles: Sequence[float] | None = None,
        categorical: Sequence[str] = (),
        numeric: Sequence[str] = (),
        dates: Sequence[str] = (),
        text: Sequence[str] = (),
        drop: Sequence[str] = (),
        folds: int | None = None,
        time_limit: float | None = None,
        verbose: int | str = 0,
        members: int | None = None,
        hidden_layer_sizes: int | Sequence[int] | None = None,
        bins: int | None = None,
        bin_scale: float | None = None,
        learning_rate_init: float | None = None,
        weight_decay: float | None = None,
        dropout: float | None = None,
        batch_size: int | None = None,
        max_iter: int | None = None,
        n_iter_no_change: int | None = None,
    ) -> None:
        given = locals()
        super().__init__(**{name: given[name] for name in COMMON})
        self.quantiles = quantiles

    @property
    def _owner(self) -> str:
        return "TabularRegressor"

    def _codes(self, y: Array) -> Array:
        return amounts(self._owner, y)

    def _targets(self, codes: Array) -> tuple[Array, Array, Goal]:
        self._flat = codes.ndim == 1
        columns = codes.reshape(len(codes), -1)
        scaled, self._mean, self._spread = targets_scaled(columns)
        if self.quantiles is None:
            return scaled.astype(np.float32), strata(columns), Amounts()
        demand_quantiles(self.quantiles, columns)
        return scaled.astype(np.float32), strata(columns), Quantiles(self.quantiles)

    def predict(self, X: Any) -> Array:
        """The targets of rows: (n,), or (n, targets); with ``quantiles`` (n, quantiles)."""
        return self._unscaled(self._answers(X))

    def _unscaled(self, scaled: Array) -> Array:
        numbers = scaled * self._spread + self._mean
        return numbers[:, 0] if self._flat and self.quantiles is None else numbers

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Array:
        """Where the target of each row lies, with a probability: (n, 2), or (n, targets, 2).

        Of rows like those learned from, a share ``coverage`` lies in its interval: conformal, by
        the errors of at most 1,000 held-out rows, in units of how far the networks disagree about
        a row. With ``quantiles`` those nearest to the ends are moved until they hold the share.

        Args:
            X: rows, as ``fit`` takes a table.
            coverage: the share, of each target for itself.

        Raises:
            NotFittedError: it has not learned yet.
            ValueError: coverage is no share, or too few rows were held out for it.

        >>> from axon.tabular import TabularRegressor
        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> low, high = TabularRegressor(random_state=0).fit(x, x[:, 0]).predict_interval(x[:1])[0]
        >>> bool(low < x[0, 0] < high)
        True
        """
        values = self._values(X)
        demand_coverage(coverage)
        found = intervals(self.fitted_, values, self._calibrated(), coverage)
        found = found * self._spread[:, None] + self._mean[:, None]  # (n, targets, 2)
        return found[:, 0] if self._flat else found

    def _coded(self, y: Array) -> Array:
        return amounts(self._owner, y)

    @property
    def _outputs(self) -> list[str]:
        if self.quantiles is not None:
            return [f"{q:.4g} quantile" for q in self.quantiles]
        count = len(self._mean)
        if count == 1:
            return ["prediction"]
        return self._outputs_or([f"target {i}" for i in range(count)])

    @property
    def _units(self) -> tuple[Array, Array]:
        return self._spread, self._mean

    @property
    def _single(self) -> bool:
        return self._flat and self.quantiles is None

    @property
    def out_of_fold_(self) -> Array:
        """Predictions of the rows learned from, by members that never saw them; else NaN."""
        demand_fitted(self)
        return self._unscaled(self._apart)
