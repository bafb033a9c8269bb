"""Table estimators as they are asked: rows without the target, and what the answers mean."""

from typing import TYPE_CHECKING, Any

from axon.serve.meaning import Meaning

if TYPE_CHECKING:
    from axon.tabular import Table


def given(model: Any, table: "Table") -> "Table":
    """The table without the target's column; columns without names are those learned from."""
    names = [c.name for c in model.columns_.columns]
    if not table.named and len(table.names) == len(names):
        return table._replace(names=names, named=True)
    several = model.metadata_.get("targets", ())
    asked = {str(target) for target in (model.target_name_, *several)} - {*names}
    return table.without(*asked) if asked & {*table.names} else table


def meaning_of(model: Any) -> Meaning:
    """What the answers stand for."""
    classes = getattr(model, "classes_", None)
    if classes is None:
        quantiles = model.quantiles
        if quantiles is not None:
            return Meaning([], [f"quantile_{q:g}" for q in quantiles])
        outputs = model.fitted_.net.outputs
        numbered = _named(model, "prediction of") or [f"prediction_{i + 1}" for i in range(outputs)]
        return Meaning([], ["prediction"] if outputs == 1 else numbered)
    if isinstance(classes, list):
        numbered = [f"probability of label {i}" for i in range(len(classes))]
        return Meaning([], _named(model, "probability of") or numbered)
    return Meaning([str(name) for name in classes.tolist()], [])


def _named(model: Any, what: str) -> list[str]:
    """What the outputs of several targets are called, if the model tells their names."""
    names = model.metadata_.get("outputs", ())
    return [f"{what} {name}" for name in names] if len(names) == model.fitted_.net.outputs else []
