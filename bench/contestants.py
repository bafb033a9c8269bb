"""Who takes part in ``python -m bench.tables``: each fits and predicts, with its defaults."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OrdinalEncoder


class Task(NamedTuple):
    """One split of a table: rows to learn from, rows to predict."""

    x: pd.DataFrame
    y: np.ndarray
    x_test: pd.DataFrame
    y_test: np.ndarray
    classes: int  # 0: the target is a number
    seed: int


Run = Callable[[Task], np.ndarray]  # probabilities (n, classes) or numbers (n,)


class Contestant(NamedTuple):
    """Who takes part."""

    needs: str  # what must be installed
    run: Run


def texts(x: pd.DataFrame) -> list[str]:
    """The columns that are no numbers."""
    return [c for c in x if not pd.api.types.is_numeric_dtype(x[c])]


def categories(task: Task) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows with pandas' categories, the known ones alone."""
    x, x_test = task.x.copy(), task.x_test.copy()
    for c in texts(x):
        x[c] = x[c].astype("category")
        x_test[c] = pd.Categorical(x_test[c], categories=x[c].cat.categories)
    return x, x_test


def coded(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """The rows with numbers for texts, and medians for gaps."""
    unknown = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
    coder = make_column_transformer(
        (OrdinalEncoder(**unknown, encoded_missing_value=-2), texts(task.x)),
        remainder="passthrough",
    )
    return coder.fit_transform(task.x).astype(float), coder.transform(task.x_test).astype(float)


def answer(model: object, x: object, task: Task) -> np.ndarray:
    return model.predict_proba(x) if task.classes else model.predict(x)


def scikit(kind: str) -> Run:
    def run(task: Task) -> np.ndarray:
        from sklearn import ensemble

        options = {"random_state": task.seed}
        if kind == "HistGradientBoosting":
            x, x_test = categories(task)
            few = [c for c in texts(x) if x[c].nunique() <= 255]
            for c in set(texts(x)) - set(few):
                x[c], x_test[c] = x[c].cat.codes, x_test[c].cat.codes
            options["categorical_features"] = few or None
        else:
            x, x_test = coded(task)
            options["n_jobs"] = 1
        model = getattr(ensemble, kind + ("Classifier" if task.classes else "Regressor"))
        return answer(model(**options).fit(x, task.y), x_test, task)

    return run


def lightgbm(task: Task) -> np.ndarray:
    import lightgbm

    x, x_test = categories(task)
    x.columns = x_test.columns = range(x.shape[1])
    kind = lightgbm.LGBMClassifier if task.classes else lightgbm.LGBMRegressor
    model = kind(n_jobs=1, verbose=-1, random_state=task.seed)
    return answer(model.fit(x, task.y), x_test, task)


def xgboost(task: Task) -> np.ndarray:
    import xgboost

    x, x_test = categories(task)
    x.columns = x_test.columns = [str(i) for i in range(x.shape[1])]
    kind = xgboost.XGBClassifier if task.classes else xgboost.XGBRegressor
    model = kind(n_jobs=1, enable_categorical=True, random_state=task.seed)
    return answer(model.fit(x, task.y), x_test, task)


def catboost(task: Task) -> np.ndarray:
    import catboost

    x, x_test = task.x.copy(), task.x_test.copy()
    for c in texts(x):
        x[c], x_test[c] = (t[c].astype(object).where(t[c].notna(), "gap") for t in (x, x_test))
    kind = catboost.CatBoostClassifier if task.classes else catboost.CatBoostRegressor
    model = kind(thread_count=1, verbose=0, random_seed=task.seed, allow_writing_files=False)
    return answer(model.fit(x, task.y, cat_features=texts(x)), x_test, task)


def pytabkit(kind: str) -> Run:
    def run(task: Task) -> np.ndarray:
        import pytabkit

        x, x_test = categories(task)
        for t in (x, x_test):
            numbers = t.columns.difference(texts(x))
            t[numbers] = t[numbers].astype(float).fillna(x[numbers].median())
        model = getattr(pytabkit, kind + ("_Classifier" if task.classes else "_Regressor"))
        made = model(device="cpu", n_threads=1, random_state=task.seed)
        return answer(made.fit(x, task.y), x_test, task)

    return run


def axon(effort: str) -> Run:
    def run(task: Task) -> np.ndarray:
        from axon.tabular import TabularClassifier, TabularRegressor

        kind = TabularClassifier if task.classes else TabularRegressor
        made = kind(effort=effort, random_state=task.seed)
        return answer(made.fit(task.x, task.y), task.x_test, task)

    return run


CONTESTANTS = {
    "AXON fast": Contestant("axon", axon("fast")),
    "AXON good": Contestant("axon", axon("good")),
    "AXON best": Contestant("axon", axon("best")),
    "HistGradientBoosting": Contestant("sklearn", scikit("HistGradientBoosting")),
    "RandomForest": Contestant("sklearn", scikit("RandomForest")),
    "LightGBM": Contestant("lightgbm", lightgbm),
    "XGBoost": Contestant("xgboost", xgboost),
    "CatBoost": Contestant("catboost", catboost),
    "RealMLP-TD": Contestant("pytabkit", pytabkit("RealMLP_TD")),
    "TabM": Contestant("pytabkit", pytabkit("TabM_D")),
}
