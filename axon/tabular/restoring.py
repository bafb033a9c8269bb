"""A fitted table estimator made again of the parts that ``to_state`` gave."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from axon.backend import Array
from axon.tabular.class_learner import ClassLearner
from axon.tabular.columns import Columns
from axon.tabular.encoding import Encoder
from axon.tabular.evidence import from_parts
from axon.tabular.fitted import Fitted
from axon.tabular.learner import TableLearner
from axon.tabular.network import Ensemble
from axon.tabular.number_learner import NumberLearner
from axon.tabular.objectives import Amounts, Classes, Goal, Quantiles, YesOrNo
from axon.tabular.state import NUMBERS

if TYPE_CHECKING:
    from axon.tabular.estimators import TabularClassifier, TabularRegressor

L = TypeVar("L", bound=TableLearner)
LEARNERS: Mapping[str, type[ClassLearner | NumberLearner]] = {
    "TabularClassifier": ClassLearner,
    "TabularRegressor": NumberLearner,
}
GOALS: dict[str, type[Goal]] = {g.__name__: g for g in (Classes, YesOrNo, Amounts)}


def from_state(
    config: dict[str, Any], arrays: dict[str, Array]
) -> "TabularClassifier | TabularRegressor":
    """The estimator that ``to_state`` described; it predicts the same bits.

    Raises:
        ValueError: it is no table estimator, or arrays do not fit.
    """
    from axon.tabular.estimators import ESTIMATORS  # and scikit-learn with them

    return restored(config, arrays, ESTIMATORS)


def restored(
    config: dict[str, Any], arrays: dict[str, Array], learners: Mapping[str, type[L]]
) -> L:
    """A learner of one of these classes, as ``to_state`` described it.

    Args:
        config: what JSON holds.
        arrays: by name.
        learners: by the name of the estimator.

    Raises:
        ValueError: it is none of them, or arrays do not fit.
    """
    if config.get("estimator") not in learners:
        raise ValueError(
            f"expected the state of one of {', '.join(learners)}, got {config.get('estimator')!r}."
        )
    model = learners[config["estimator"]](**config["settings"])
    model.columns_ = Columns.from_config(config["columns"])
    model.take_names([c.name for c in model.columns_.columns], config["named"])
    model.fitted_ = _fitted(config, arrays, getattr(model, "quantiles", None))
    model.target_name_, model.metadata_ = config["target"], dict(config["metadata"])
    told = from_parts(config["evidence"], _within("evidence/", arrays), model.columns_)
    targets = _targets(config, arrays, model.fitted_.net.outputs)
    parts = {"_evidence": told, "_warned": set(), **targets}
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
