"""What a model does with a single batch, for loops of the user's own."""
# ruff: noqa: PT028 - test_on_batch is no test of ours

from typing import Any

from axon.backend import Array
from axon.models import intake
from axon.models.intake import all_or_nothing
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
    with all_or_nothing(model) as back:
        columns = intake.columns(model, x, y, sample_weight)
        batch = intake.batches(model, intake.with_class_weight(model, columns, class_weight))
        trainer.prepare(batch)
        trainer.back = back
    try:
        return shaped(trainer.once(trainer.train, batch), return_dict)
    finally:
        trainer.optimizer.zero_grad()


def test_on_batch(
    model: Any, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False
) -> Any:
    """Loss and metrics of one batch, from which nothing is learned."""
    with all_or_nothing(model) as back:
        batch = intake.batches(model, intake.columns(model, x, y, sample_weight))
        model.trainer.back = back
    return shaped(model.trainer.once(model.trainer.test, batch), return_dict)


def predict_on_batch(model: Any, x: Any) -> Array:
    """Outputs for one batch of samples (n, ...), computed all at once."""
    return model.predict(x, batch_size=len(intake.checked_inputs(model, x)[0]))
