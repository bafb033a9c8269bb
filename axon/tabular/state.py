"""A fitted table estimator as a file can hold it: a config for JSON, and arrays by name."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from axon.backend import Array
from axon.tabular.evidence import to_parts
from axon.tabular.insight import Insight
from axon.tabular.tuning import TUNED

NETWORK = (
    "inputs",
    "members",
    "widths",
    "outputs",
    "activation",
    "sizes",
    "dim",
    "bins",
    "at",
    "groups",
)
NUMBERS = ("_mean", "_spread")  # of the target: by them predictions become numbers again


def to_state(model: Insight) -> tuple[dict[str, Any], dict[str, Array]]:
    """A fitted estimator in plain parts, without pickle; ``from_state`` makes it again.

    Args:
        model: a fitted TabularClassifier or TabularRegressor.

    Returns:
        A config that JSON can hold, and arrays by name.

    >>> from axon.tabular import TabularClassifier, from_state
    >>> rows = [{"size": i / 3, "kind": "ab"[i % 2]} for i in range(40)]
    >>> model = TabularClassifier("fast", random_state=0).fit(rows, ["no"] * 20 + ["yes"] * 20)
    >>> again = from_state(*to_state(model))
    >>> bool((again.predict_proba(rows) == model.predict_proba(rows)).all())
    True
    """
    fitted = model.fitted_
    config = _config(model)
    arrays = {f"network/{k}": p.data.copy() for k, p in fitted.net.named_parameters().items()}
    arrays.update({f"encoder/{k}": a for k, a in fitted.encoder.to_arrays().items()})
    if "classes_" in vars(model):
        classes = vars(model)["classes_"]
        several = isinstance(classes, list)
        config["classes"] = None if several else _listed(classes)
        config["class_type"] = "" if several else classes.dtype.str
    else:
        config["flat"] = vars(model)["_flat"]
        arrays.update({f"target/{name}": vars(model)[name] for name in NUMBERS})
    config["evidence"], told = to_parts(model.evidence())
    arrays.update({f"evidence/{name}": a for name, a in told.items()})
    return config, {**arrays, "out_of_fold": vars(model)["_apart"]}


def _config(model: Insight) -> dict[str, Any]:
    """What both estimators have, as JSON can hold it."""
    fitted = model.fitted_
    return {
        "estimator": model._owner,
        "settings": {k: _plain(v) for k, v in model.settings().items() if _is_said(k, v)},
        "named": "feature_names_in_" in vars(model),
        "columns": model.columns_.to_config(),
        "target": model.target_name_,
        "metadata": model.metadata_,
        "network": {name: _plain(getattr(fitted.net, name)) for name in NETWORK},
        "goal": type(fitted.objective).__name__,
        "temperature": fitted.temperature,
        "losses": fitted.losses,
        "best": fitted.best,
    }


def _listed(classes: Array) -> list[Any]:
    """Classes as JSON can hold them; dates become text."""
    listed: list[Any] = (classes.astype(str) if classes.dtype.kind in "MS" else classes).tolist()
    return listed


def _is_said(name: str, value: object) -> bool:
    """Whether a setting is written: files without these are as they were before there were any."""
    return name not in TUNED or value is not None


def _plain(value: Any) -> Any:
    """A setting as JSON can hold it; a state of random numbers is none."""
    if isinstance(value, np.random.RandomState):
        return None
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        return [_plain(one) for one in value]
    return value
