"""Who takes part in ``python -m bench.tables``: each fits and predicts, with its defaults."""

import numpy as np
import pandas as pd

from axon.tabular.contestants import CONTESTANTS as COMMON
from axon.tabular.contestants import Attempt, Contestant, Trial, answer


def texts(x: pd.DataFrame) -> list[str]:
    """The columns that are no numbers."""
    return [c for c in x if not pd.api.types.is_numeric_dtype(x[c])]


def categories(task: Trial) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows with pandas' categories, the known ones alone."""
    x, x_test = task.x.copy(), task.x_test.copy()
    for c in texts(x):
        x[c] = x[c].astype("category")
        x_test[c] = pd.Categorical(x_test[c], categories=x[c].cat.categories)
    return x, x_test


def pytabkit(kind: str) -> Attempt:
    def run(task: Trial) -> np.ndarray:
        import pytabkit

        x, x_test = categories(task)
        for t in (x, x_test):
            numbers = t.columns.difference(texts(x))
            t[numbers] = t[numbers].astype(float).fillna(x[numbers].median())
        model = getattr(pytabkit, kind + ("_Classifier" if task.classes else "_Regressor"))
        made = model(device="cpu", n_threads=1, random_state=task.seed)
        return answer(task, task.y, made, x, x_test)

    return run


CONTESTANTS = {
    **{name: c for name, c in COMMON.items() if name not in ("linear", "constant")},
    "RealMLP-TD": Contestant("pytabkit", pytabkit("RealMLP_TD")),
    "TabM": Contestant("pytabkit", pytabkit("TabM_D")),
}
