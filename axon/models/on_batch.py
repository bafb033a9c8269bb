"""What a model does with a single batch, for loops of the user's own."""
# ruff: noqa: PT028 - test_on_batch is no test of ours

from typing import Any

from axon.backend import Array, DType
from axon.callbacks import Logs
from axon.locks import change, hold
from axon.models import inputs as intake
from axon.models.inputs import all_or_nothing
from axon.models.training import shaped


def train_on_batch(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: dict[int, float] | None = None,
    return_dict: bool = False,
) -> Any:
    """One step on one batch; returns the loss and metrics of the batch before the update."""
    trainer = model.trainer
    given = (model, x, y, sample_weight, class_weight)
    return shaped(change(trainer.locks(), _train, *given), return_dict)


def _train(model: Any, x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Logs:
    trainer = model.trainer
    with all_or_nothing(model) as back:
        columns = intake.columns(model, x, y, sample_weight)
        batch = intake.batches(model, intake.with_class_weight(model, columns, class_weight))
        trainer.prepare(batch)
        batch.back = back
    try:
        logs: Logs = trainer.once(trainer.train, batch)
        return logs
    finally:
        trainer.optimizer.zero_grad()


def test_on_batch(
    model: Any, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False
) -> Any:
    """Loss and metrics of one batch, from which nothing is learned."""
    return shaped(model.trainer.hold(_test, model, x, y, sample_weight), return_dict)


def _test(model: Any, x: Any, y: Any, sample_weight: Any) -> Logs:
    with all_or_nothing(model) as back:
        batch = intake.batches(model, intake.columns(model, x, y, sample_weight))
        batch.back = back
    logs: Logs = model.trainer.once(model.trainer.test, batch)
    return logs


def predict_on_batch(model: Any, x: Any) -> Array:
    """Outputs for one batch of samples (n, ...), computed all at once."""
    return model.predict(x, batch_size=len(intake.checked_inputs(model, x)[0]))


def predict_few(model: Any, data: list[Array], wanted: DType) -> Array:
    """Outputs for a few samples; ``wanted`` is the model's ``input_dtype``."""
    found: Array = hold(model._all_locks(), _predict_few, model, data, wanted)
    return found


def _predict_few(model: Any, data: list[Array], wanted: DType) -> Array:
    intake.demand_fitting_now(model, data)
    found: Array = model._predictor.once(data, intake.entry_of(model, data, wanted))
    return found
