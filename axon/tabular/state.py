"""A fitted table estimator as a file can hold it: a config for JSON, and arrays by name."""

from typing import Any

import numpy as np

from axon.backend import Array
from axon.tabular.columns import Columns
from axon.tabular.encoding import Encoder
from axon.tabular.estimators import TabularClassifier, TabularEstimator, TabularRegressor
from axon.tabular.fitted import Fitted
from axon.tabular.network import Ensemble
from axon.tabular.objectives import Amounts, Classes, Goal, Quantiles, YesOrNo

ESTIMATORS = {e.__name__: e for e in (TabularClassifier, TabularRegressor)}
GOALS: dict[str, type[Goal]] = {g.__name__: g for g in (Classes, YesOrNo, Amounts)}
NETWORK = ("inputs", "members", "widths", "outputs", "activation", "sizes", "dim")
NUMBERS = ("_mean", "_spread")  # of the target: by them predictions become numbers again


def to_state(model: TabularEstimator) -> tuple[dict[str, Any], dict[str, Array]]:
    """A fitted estimator in plain parts, without pickle; ``from_state`` makes it again.

    Args:
        model: a fitted TabularClassifier or TabularRegressor.

    Returns:
        A config that JSON can hold, and arrays by name.

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
    if isinstance(model, TabularClassifier):
        several = isinstance(model.classes_, list)
        config["classes"] = None if several else model.classes_.tolist()
        config["class_type"] = "" if several else model.classes_.dtype.str
    else:
        config["flat"] = vars(model)["_flat"]
        arrays.update({f"target/{name}": vars(model)[name] for name in NUMBERS})
    return config, {**arrays, "out_of_fold": vars(model)["_apart"]}


def from_state(config: dict[str, Any], arrays: dict[str, Array]) -> TabularEstimator:
    """The estimator that ``to_state`` described; it predicts the same bits.

    Raises:
        ValueError: it is no table estimator, or arrays do not fit.
    """
    if config.get("estimator") not in ESTIMATORS:
        raise ValueError(
            f"expected the state of one of {', '.join(ESTIMATORS)}, "
            f"got {config.get('estimator')!r}."
        )
    model: TabularEstimator = ESTIMATORS[config["estimator"]](**config["settings"])
    model.columns_ = Columns.from_config(config["columns"])
    model.take_names([c.name for c in model.columns_.columns], config["named"])
    model.fitted_ = _fitted(config, arrays, getattr(model, "quantiles", None))
    parts: dict[str, Any] = {"_apart": arrays["out_of_fold"]}
    if isinstance(model, TabularClassifier):
        labels = [np.array([0, 1])] * model.fitted_.net.outputs
        known = config["classes"]
        parts["classes_"] = labels if known is None else np.array(known, config["class_type"])
    else:
        parts.update({name: arrays[f"target/{name}"] for name in NUMBERS}, _flat=config["flat"])
    for name, value in parts.items():
        setattr(model, name, value)
    return model


def _config(model: TabularEstimator, fitted: Fitted) -> dict[str, Any]:
    """What both estimators have, as JSON can hold it."""
    return {
        "estimator": type(model).__name__,
        "settings": {k: _plain(v) for k, v in model.get_params().items()},
        "named": "feature_names_in_" in vars(model),
        "columns": model.columns_.to_config(),
        "network": {name: _plain(getattr(fitted.net, name)) for name in NETWORK},
        "goal": type(fitted.objective).__name__,
        "temperature": fitted.temperature,
        "losses": fitted.losses,
        "best": fitted.best,
    }


def _fitted(config: dict[str, Any], arrays: dict[str, Array], quantiles: Any) -> Fitted:
    net = Ensemble(**config["network"])
    for name, p in net.named_parameters().items():
        if p.shape != arrays[f"network/{name}"].shape:
            raise ValueError(
                f"the array {name!r} has shape {arrays[f'network/{name}'].shape}, expected "
                f"{p.shape}."
            )
        p.data[...] = arrays[f"network/{name}"]
    start = "encoder/"
    encoder = Encoder.from_arrays(
        {k.removeprefix(start): a for k, a in arrays.items() if k.startswith(start)}
    )
    goal = Quantiles(quantiles) if config["goal"] == "Quantiles" else GOALS[config["goal"]]()
    return Fitted(encoder, net, goal, config["temperature"], config["losses"], config["best"])


def _plain(value: Any) -> Any:
    """A setting as JSON can hold it; a state of random numbers is none."""
    if isinstance(value, np.random.RandomState):
        return None
    return list(value) if isinstance(value, tuple) else value
