"""A fitted table estimator as a file can hold it: a config for JSON, and arrays by name."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from axon.backend import Array
from axon.tabular.columns import Columns
from axon.tabular.encoding import Encoder
from axon.tabular.evidence import from_parts, to_parts
from axon.tabular.fitted import Fitted
from axon.tabular.network import Ensemble
from axon.tabular.objectives import Amounts, Classes, Goal, Quantiles, YesOrNo

ESTIMATORS: dict[str, type[BaseEstimator]] = {}  # by name; their own file puts them in
GOALS: dict[str, type[Goal]] = {g.__name__: g for g in (Classes, YesOrNo, Amounts)}
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


def to_state(model: BaseEstimator) -> tuple[dict[str, Any], dict[str, Array]]:
    """A fitted estimator in plain parts, without pickle; ``from_state`` makes it again.

    Args:
        model: a fitted TabularClassifier or TabularRegressor.

    Returns:
        A config that JSON can hold, and arrays by name.

    >>> from axon.tabular import TabularClassifier
    >>> rows = [{"size": i / 3, "kind": "ab"[i % 2]} for i in range(40)]
    >>> model = TabularClassifier("fast", random_state=0).fit(rows, ["no"] * 20 + ["yes"] * 20)
    >>> again = from_state(*to_state(model))
    >>> bool((again.predict_proba(rows) == model.predict_proba(rows)).all())
    True
    """
    fitted = model.fitted_
    config = _config(model, fitted)
    arrays = {f"network/{k}": p.data.copy() for k, p in fitted.net.named_parameters().items()}
    arrays.update({f"encoder/{k}": a for k, a in fitted.encoder.to_arrays().items()})
    if "classes_" in vars(model):
        several = isinstance(model.classes_, list)
        config["classes"] = None if several else _listed(model.classes_)
        config["class_type"] = "" if several else model.classes_.dtype.str
    else:
        config["flat"] = vars(model)["_flat"]
        arrays.update({f"target/{name}": vars(model)[name] for name in NUMBERS})
    config["evidence"], told = to_parts(model.evidence())
    arrays.update({f"evidence/{name}": a for name, a in told.items()})
    return config, {**arrays, "out_of_fold": vars(model)["_apart"]}


def from_state(config: dict[str, Any], arrays: dict[str, Array]) -> BaseEstimator:
    """The estimator that ``to_state`` described; it predicts the same bits.

    Raises:
        ValueError: it is no table estimator, or arrays do not fit.
    """
    if config.get("estimator") not in ESTIMATORS:
        raise ValueError(
            f"expected the state of one of {', '.join(ESTIMATORS)}, "
            f"got {config.get('estimator')!r}."
        )
    model = ESTIMATORS[config["estimator"]](**config["settings"])
    model.columns_ = Columns.from_config(config["columns"])
    model.take_names([c.name for c in model.columns_.columns], config["named"])
    model.fitted_ = _fitted(config, arrays, getattr(model, "quantiles", None))
    model.target_name_, model.metadata_ = config["target"], dict(config["metadata"])
    told = from_parts(config["evidence"], _within("evidence/", arrays), model.columns_)
    parts = {"_evidence": told, **_targets(config, arrays, model.fitted_.net.outputs)}
    for name, value in parts.items():
        setattr(model, name, value)
    return model


def _targets(config: dict[str, Any], arrays: dict[str, Array], outputs: int) -> dict[str, Any]:
    """What belongs to the targets, by attribute."""
    parts: dict[str, Any] = {"_apart": arrays["out_of_fold"]}
    if "classes" in config:
        labels, known = [np.array([0, 1])] * outputs, config["classes"]
        parts["classes_"] = labels if known is None else np.array(known, config["class_type"])
    else:
        parts.update({name: arrays[f"target/{name}"] for name in NUMBERS}, _flat=config["flat"])
    return parts


def _config(model: BaseEstimator, fitted: Fitted) -> dict[str, Any]:
    """What both estimators have, as JSON can hold it."""
    return {
        "estimator": type(model).__name__,
        "settings": {k: _plain(v) for k, v in model.get_params().items()},
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


def _fitted(config: dict[str, Any], arrays: dict[str, Array], quantiles: Any) -> Fitted:
    _demand_held(config["network"], arrays)
    net = Ensemble(**config["network"])
    for name, p in net.named_parameters().items():
        if p.shape != arrays[f"network/{name}"].shape:
            raise ValueError(
                f"the array {name!r} has shape {arrays[f'network/{name}'].shape}, expected "
                f"{p.shape}."
            )
        p.data[...] = arrays[f"network/{name}"]
    encoder = Encoder.from_arrays(_within("encoder/", arrays))
    goal = Quantiles(quantiles) if config["goal"] == "Quantiles" else GOALS[config["goal"]]()
    return Fitted(encoder, net, goal, config["temperature"], config["losses"], config["best"])


def _within(start: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays whose names begin so, by what follows."""
    return {k.removeprefix(start): a for k, a in arrays.items() if k.startswith(start)}


def _demand_held(network: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Refuse sizes that the arrays do not have, before memory is taken for them."""
    held = sum(a.size for name, a in arrays.items() if name.startswith("network/"))
    k, sizes, groups = network["members"], network["sizes"], network["groups"]
    dim = network["dim"] * groups
    widths = [network["inputs"] + dim * len(sizes), *network["widths"], network["outputs"]]
    largest = max(*(k * a * b for a, b in pairwise(widths)), sum(sizes) * dim)
    if (
        not all(type(n) is int and n >= 0 for n in (k, dim, groups, *sizes, *widths))
        or largest > held
    ):
        raise ValueError(f"it demands {largest:,} weights in a layer, and holds {held:,} in all.")


def _listed(classes: Array) -> list[Any]:
    """Classes as JSON can hold them; dates become text."""
    listed: list[Any] = (classes.astype(str) if classes.dtype.kind in "MS" else classes).tolist()
    return listed


def _plain(value: Any) -> Any:
    """A setting as JSON can hold it; a state of random numbers is none."""
    if isinstance(value, np.random.RandomState):
        return None
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        return list(value)
    return value
