"""How classes and labels are learned from a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from axon.backend import Array
from axon.tabular.fitted import demand_fitted
from axon.tabular.learner import COMMON, TableLearner
from axon.tabular.objectives import Classes, Goal, YesOrNo
from axon.tabular.targets import class_factors, demand_classes


class ClassLearner(TableLearner):
    """What ``TabularClassifier`` does, which says what its arguments are."""

    classes_: Any

    def __init__(
        self,
        effort: str = "good",
        random_state: int | np.random.RandomState | None = None,
        *,
        class_weight: dict[Any, float] | str | None = None,
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
        self.class_weight = class_weight

    @property
    def _owner(self) -> str:
        return "TabularClassifier"

    def _codes(self, y: Array) -> Array:
        if y.ndim == 2:
            return self._labels(y)
        demand_classes(self._owner, y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        return codes.astype(np.int64)

    def _labels(self, y: Array) -> Array:
        if not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"{self._owner}: several labels are 0 or 1 each, (n, labels); got "
                f"{sorted(set(y.ravel().tolist()))[:5]}. Several targets of classes: fit one each."
            )
        self.classes_ = [np.array([0, 1])] * y.shape[1]
        return y.astype(np.int64)

    def _targets(self, codes: Array) -> tuple[Array, Array, Goal]:
        if codes.ndim == 2:
            return codes.astype(np.float32), codes[:, 0], YesOrNo()
        found = np.unique(codes)
        if len(found) < 2:
            raise ValueError(
                f"{self._owner}: y holds one class, {self.classes_[found].tolist()[0]!r}, "
                f"in all of its {len(codes)} rows. Give rows of another class, too."
            )
        onehot = np.eye(len(self.classes_), dtype=np.float32)[codes]
        return onehot, codes, Classes()

    def _factors(self, codes: Array, weights: Array) -> Array:
        if codes.ndim == 2:
            if self.class_weight is not None:
                raise ValueError(
                    f"{self._owner}: class_weight is for classes, not for several labels; "
                    f"got {self.class_weight!r}."
                )
            return np.ones(len(codes))
        chosen, classes = self.class_weight, self.classes_
        return class_factors(self._owner, chosen, classes, codes, weights)

    def predict_proba(self, X: Any) -> Array:
        """How likely each class is, (n, classes); each label, (n, labels)."""
        return self._answers(X)

    def predict(self, X: Any) -> Array:
        """The likeliest class (n,); of several labels, 0 or 1 for each (n, labels)."""
        p = self.predict_proba(X)
        if isinstance(self.classes_, list):
            return (p > 0.5).astype(np.int64)
        return self.classes_[p.argmax(axis=1)]

    def _coded(self, y: Array) -> Array:
        if isinstance(self.classes_, list):
            return self._labels(y)
        strange = np.setdiff1d(y, self.classes_)
        if len(strange):
            raise ValueError(
                f"{self._owner}: y holds {strange.tolist()[0]!r}, which is none of the "
                f"classes it learned: {self.classes_.tolist()[:20]}."
            )
        return np.searchsorted(self.classes_, y)

    @property
    def _outputs(self) -> list[str]:
        if isinstance(self.classes_, list):
            return self._outputs_or([f"label {i}" for i in range(len(self.classes_))])
        return [str(c) for c in self.classes_.tolist()]

    @property
    def _units(self) -> tuple[Array, Array]:
        return np.ones(1), np.zeros(1)

    @property
    def _single(self) -> bool:
        return False

    @property
    def out_of_fold_(self) -> Array:
        """Probabilities of the rows learned from, by members that never saw them; else NaN."""
        demand_fitted(self)
        return self._apart
