"""A trained network as one file: a zip of JSON and of safetensors. Never pickle: no code is run.

model.json               format, class, layers with their arguments, input shape, metadata; loss,
                         optimizer and metrics
weights.safetensors      parameters and buffers by path, such as dense_1/bias
optimizer.json           how far the optimizer is, and
optimizer.safetensors    its state
history.json             how the last training went, epoch by epoch, without seconds; and
history.safetensors      its numbers. Both only if there was one; who does not know them, reads on
"""

from collections.abc import Sequence
from typing import Any

from axon.backend import Array
from axon.files import formats
from axon.files.archive import flattened, pack
from axon.files.atomic import check_writable
from axon.layers.open_sizes import shown
from axon.layers.state import frozen_in
from axon.locks import hold
from axon.models.heads import Head
from axon.models.training import Trainer
from axon.models.weights import Path, arrays_of, demand_name_of_weights
from axon.optimizers import Optimizer
from axon.version import __version__

FORMAT = 2


def save(model: Any, path: Path, include_optimizer: bool = True) -> None:
    """Write the model to one file, by convention ``*.axon``, whole or not at all.

    ``axon.load_model`` reads it, and training goes on as if it had never stopped: layers, weights,
    what is frozen, ``metadata``, loss, metrics, optimizer and its state are kept, and the curves
    of ``history``. Of a class or a function of your own, the name and the arguments are: who loads
    the model passes it as ``custom_objects``. A nameless function as a loss, metric or schedule
    cannot be kept: a warning says so, and the model has to be compiled again. Of ranks that learned
    together (``fit(shards=8)``), the first one writes, and the others, which have the same,
    nothing.

    Args:
        model: this one.
        path: the file.
        include_optimizer: False leaves out loss, metrics, optimizer and its state, which often
            is twice as large as the weights.

    Raises:
        TypeError: an argument of a layer, or metadata, cannot be written down as JSON.
        RuntimeError: its sizes are not known yet.
        ValueError: the name ends like that of another format.
        OSError: the file cannot be written; a file that was there is kept.
    """
    _demand_saveable(model, path)
    description = describe(model)
    if include_optimizer and model.compiled:
        description["compile"] = _compile_arguments(model.trainer, path)
    document, own = _as_json(description)  # before the file is touched
    check_writable(path)
    hold(model._all_locks(), _write, model, path, bool(description.get("compile")), document, own)


def _write(model: Any, path: Path, compiled: bool, document: Any, own: dict[str, Array]) -> None:
    """Write it in one state; nobody trains it meanwhile."""
    documents: dict[str, Any] = {}
    arrays: dict[str, dict[str, Array]] = {"weights": arrays_of(model)}
    if compiled and _in_charge(model):
        documents["optimizer"], arrays["optimizer"] = flattened(model.optimizer.state_dict())
    if model.history is not None and model.history.epoch:
        documents["history"], arrays["history"] = flattened(model.history.to_tree())
    documents["model"], arrays["model"] = document, own
    pack(path, documents, {name: found for name, found in arrays.items() if found})


def describe(model: Any) -> dict[str, Any]:
    """What a model is, but for its arrays and what ``compile`` was given."""
    return {
        **{"format": FORMAT, "axon": __version__, "names": "marked", **model.describe()},
        **{"input_shape": shown(model.input_shape), "metadata": model.metadata},
        **({"input_counts": counts} if (counts := sorted(model._narrower)) else {}),
        "frozen": frozen_in(model),
    }


def _as_json(description: dict[str, Any]) -> tuple[Any, dict[str, Array]]:
    try:
        return flattened(description)
    except TypeError as error:
        raise TypeError(f"save: metadata and arguments of layers must suit JSON: {error}") from None


def demand_savable(model: Any, path: str, weights_only: bool = False) -> None:
    """Raise the error that ``save``, or ``save_weights``, would; nothing is written."""
    if weights_only:
        return demand_name_of_weights(path)
    _demand_saveable(model, path)
    _as_json(describe(model))


def _demand_saveable(model: Any, path: Path) -> None:
    if model.input_shape is None:
        raise RuntimeError(f"save: model {model.name!r} is not built. Fit it, or build(shape).")
    if other := other_format(path):
        instead = other.written_by or "model.save_weights('weights.safetensors')"
        raise ValueError(
            f"save writes AXON's own format, and {path} would be another one by its name. Call it "
            f"*.axon; or call {instead}."
        )


def other_format(path: Path) -> formats.Format | None:
    """The format of models or weights, other than AXON's, that the name of a file promises."""
    found = formats.by_name(path)
    return None if found in (formats.AXON, formats.NPY) else found


def _compile_arguments(trainer: Trainer, path: Path) -> dict[str, Any] | None:
    """What ``compile`` was given, as JSON can hold it; None, with a warning, if it cannot."""
    try:
        description = {
            **_heads(trainer.heads, trainer.names is not None),
            "optimizer": _with_named_schedules(trainer.optimizer),
            "eager": trainer.train.eager,
        }
        flattened(description)  # all of it can be written
        return description
    except TypeError as error:
        from warnings import warn

        warn(
            f"save: {path} is written without loss, metrics and optimizer, because they cannot be "
            f"described: {error} A loaded model has to be compiled before it is trained on.",
            stacklevel=3,
        )
        return None


def _heads(heads: Sequence[Head], named: bool) -> dict[str, Any]:
    """Losses, their weights and metrics; of several outputs, by name."""
    found = {head.name: [metric.describe() for metric in head.metrics] for head in heads}
    costs = {head.name: head.loss.describe() for head in heads}
    weights = {head.name: head.weight for head in heads}
    if named:
        return {"losses": costs, "loss_weights": weights, "metrics": found}
    only = heads[0]
    weighs = {} if only.weight == 1 else {"loss_weights": only.weight}
    return {"loss": costs[only.name], "metrics": found[only.name], **weighs}


def _with_named_schedules(optimizer: Optimizer) -> dict[str, Any]:
    description, config = optimizer.describe(), optimizer.config()
    named = {k: optimizer._name_of(k, v) for k, v in config.items() if callable(v)}
    return {**description, "config": {**config, **named}}


def _in_charge(model: Any) -> bool:
    """Whether the optimizer's state is that of the model's present parameters."""
    known = [id(p) for p in model.optimizer.parameters]
    return bool(known) and known == [id(p) for p in model.parameters()]
