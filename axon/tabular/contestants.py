"""Contestants: AXON's efforts, and other libraries' estimators with their defaults, on one split.

All are given the same: numbers with NaN for gaps, and categories as whole numbers, as AXON's
columns were found in the rows to learn from; each takes these in the way its makers recommend.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array
from axon.tabular.column import FIRST
from axon.tabular.columns import Columns, Values
from axon.tabular.estimators import TabularClassifier, TabularRegressor
from axon.tabular.table import read
from axon.threads import get_threads

BINS = 255  # values of a category, up to which HistGradientBoosting takes it as one
COMMON = 100  # values of a category that linear models have a weight for, at most


@dataclass
class Trial:
    """Rows to learn from, and rows to predict.

    Attributes:
        x: rows to learn from, as ``read`` takes them.
        y: (n,) or (n, outputs): places of classes, labels of 0 and 1, or numbers.
        x_test: rows to predict.
        y_test: their targets.
        classes: how many there are; 0 where the targets are numbers.
        seed: of chance.
        told: what users say of columns, such as ``categorical``.
        quantiles: of the numbers, to be predicted instead of their mean.
        quantile: the one that is predicted now.
    """

    x: Any
    y: Array
    x_test: Any
    y_test: Array
    classes: int
    seed: int = 0
    told: dict[str, Any] = field(default_factory=dict)
    quantiles: tuple[float, ...] = ()
    quantile: float | None = None

    def of(self, quantile: float) -> "Trial":
        """The same for one quantile; what was read of the tables is not read again."""
        made = copy(self)
        made.quantile = quantile
        return made

    @cached_property
    def values(self) -> tuple[Values, Values]:
        """Both tables in numbers, by the columns found in the first one."""
        table = read(self.x)
        columns = Columns.find(table, **self.told)
        return columns.values(table), columns.values(read(self.x_test))


Attempt = Callable[
    [Trial], Array
]  # probabilities (n, classes) or (n, labels); numbers as y has them, or (n, quantiles)
Single = Callable[[Trial, Array], Array]  # the same for targets (n,), all classes among them


class Contestant(NamedTuple):
    """Who takes part.

    Attributes:
        needs: the module that must be installed.
        run: learns and predicts.
        quantiles: whether it can predict these.
    """

    needs: str
    run: Attempt
    quantiles: bool = True

    @property
    def there(self) -> bool:
        """Whether it can take part here."""
        return find_spec(self.needs) is not None


# ------------------------------------------------------------------------------------ one by one


def every(single: Single) -> Attempt:
    """A contestant for any targets, of one for a single target whose classes are 0, 1, 2..."""

    def run(split: Trial) -> Array:
        split.values  # noqa: B018  - read once for all targets
        if split.quantiles:
            found = [single(split.of(q), split.y) for q in split.quantiles]
            return np.sort(np.stack(found, axis=1), axis=1)
        if split.y.ndim == 1:
            return _scattered(single, split, split.y)
        parts = [_scattered(single, split, y) for y in split.y.T]
        return np.stack([p[:, 1] if split.classes else p for p in parts], axis=1)

    return run


def _scattered(single: Single, split: Trial, y: Array) -> Array:
    """Probabilities of all classes, also of those that the rows to learn from lack."""
    if not split.classes:
        return single(split, y)
    known, codes = np.unique(y.astype(np.int64), return_inverse=True)
    made = np.zeros((len(split.values[1].numbers), split.classes))
    made[:, known] = single(split, codes) if len(known) > 1 else 1.0
    return made


def answer(split: Trial, y: Array, model: Any, x: Any, x_test: Any, **options: Any) -> Array:
    """What a model says of the rows to predict, once it has learned."""
    model.fit(x, y, **options)
    found: Array = model.predict_proba(x_test) if split.classes else model.predict(x_test)
    return np.asarray(found, np.float64)


def _told(split: Trial, **loss: Any) -> dict[str, Any]:
    """What another library is told to learn a quantile by; nothing where it learns none."""
    return {} if split.quantile is None else loss


def marked(split: Trial) -> tuple[Array, Array, list[int]]:
    """Both tables as float64 with NaN for gaps and unknown values; which columns are categories."""
    first, second = (
        np.column_stack([v.numbers, np.where(v.codes < FIRST, np.nan, v.codes - FIRST)])
        for v in split.values
    )
    return first, second, list(range(split.values[0].numbers.shape[1], first.shape[1]))


def axon(effort: str) -> Attempt:
    """One of AXON's efforts, which reads the table itself."""

    def run(split: Trial) -> Array:
        asked: Any = {"quantiles": split.quantiles} if split.quantiles else {}
        made = (TabularClassifier if split.classes else TabularRegressor)(
            effort, random_state=split.seed, **asked, **split.told
        )
        found = answer(split, split.y, made, split.x, split.x_test)
        if not split.classes or split.y.ndim > 1:
            return found
        full = np.zeros((len(found), split.classes))
        full[:, np.asarray(made.classes_).astype(np.int64)] = found
        return full

    return run


def constant(split: Trial, y: Array) -> Array:
    """The same answer for all rows: how frequent classes are, the mean, or a quantile."""
    rows = len(split.values[1].numbers)
    if split.quantile is not None:
        return np.full(rows, np.quantile(y, split.quantile))
    if not split.classes:
        return np.full(rows, y.mean())
    return np.tile(np.bincount(y) / len(y), (rows, 1))


def linear(split: Trial, y: Array) -> Array:
    """Logistic, ridge or quantile regression: scaled numbers, a column for each category."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, QuantileRegressor, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    x, x_test, categories = marked(split)
    numbers = list(range(x.shape[1] - len(categories)))
    filled = SimpleImputer(strategy="median", keep_empty_features=True)
    encoder = make_column_transformer(
        (make_pipeline(filled, StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=COMMON), categories),
    )
    last = LogisticRegression(max_iter=1000) if split.classes else Ridge()
    if split.quantile is not None:
        last = QuantileRegressor(quantile=split.quantile, alpha=0.0)
    return answer(split, y, make_pipeline(encoder, last), x, x_test)


def random_forest(split: Trial, y: Array) -> Array:
    """scikit-learn's: categories as ranks."""
    from sklearn import ensemble

    made = ensemble.RandomForestClassifier if split.classes else ensemble.RandomForestRegressor
    x, x_test = (np.column_stack([v.numbers, v.codes]) for v in split.values)
    return answer(split, y, made(random_state=split.seed, n_jobs=get_threads()), x, x_test)


def hist_gradient_boosting(split: Trial, y: Array) -> Array:
    """scikit-learn's: categories of up to 255 values as such, larger ones as ranks."""
    from sklearn import ensemble

    x, x_test, categories = marked(split)
    sizes = split.values[0].sizes
    few = [c for c, size in zip(categories, sizes, strict=True) if size - FIRST <= BINS]
    made = (
        ensemble.HistGradientBoostingClassifier
        if split.classes
        else ensemble.HistGradientBoostingRegressor
    )
    told = {"random_state": split.seed, "categorical_features": few or None}
    loss = _told(split, loss="quantile", quantile=split.quantile)
    return answer(split, y, made(**told, **loss), x, x_test)


def lightgbm(split: Trial, y: Array) -> Array:
    """LightGBM."""
    import lightgbm

    x, x_test, categories = marked(split)
    made = lightgbm.LGBMClassifier if split.classes else lightgbm.LGBMRegressor
    loss = _told(split, objective="quantile", alpha=split.quantile)
    model = made(n_jobs=get_threads(), verbose=-1, random_state=split.seed, **loss)
    return answer(split, y, model, x, x_test, categorical_feature=categories)


def xgboost(split: Trial, y: Array) -> Array:
    """XGBoost."""
    import xgboost

    x, x_test, categories = marked(split)
    types = ["q"] * (x.shape[1] - len(categories)) + ["c"] * len(categories)
    made = xgboost.XGBClassifier if split.classes else xgboost.XGBRegressor
    told = {"n_jobs": get_threads(), "random_state": split.seed}
    told |= _told(split, objective="reg:quantileerror", quantile_alpha=split.quantile)
    model = made(enable_categorical=True, feature_types=types, **told)
    return answer(split, y, model, x, x_test)


def catboost(split: Trial, y: Array) -> Array:
    """CatBoost."""
    import catboost

    x, x_test = (
        np.concatenate([v.numbers.astype(object), v.codes.astype(object)], axis=1)
        for v in split.values
    )
    categories = list(range(split.values[0].numbers.shape[1], x.shape[1]))
    made = catboost.CatBoostClassifier if split.classes else catboost.CatBoostRegressor
    told = {"thread_count": get_threads(), "random_seed": split.seed}
    told |= _told(split, loss_function=f"Quantile:alpha={split.quantile}")
    model = made(verbose=0, allow_writing_files=False, **told)
    return answer(split, y, model, x, x_test, cat_features=categories)


CONTESTANTS = {
    "AXON fast": Contestant("axon", axon("fast")),
    "AXON good": Contestant("axon", axon("good")),
    "AXON best": Contestant("axon", axon("best")),
    "linear": Contestant("sklearn", every(linear)),
    "RandomForest": Contestant("sklearn", every(random_forest), quantiles=False),
    "HistGradientBoosting": Contestant("sklearn", every(hist_gradient_boosting)),
    "LightGBM": Contestant("lightgbm", every(lightgbm)),
    "XGBoost": Contestant("xgboost", every(xgboost)),
    "CatBoost": Contestant("catboost", every(catboost)),
    "constant": Contestant("axon", every(constant)),
}
