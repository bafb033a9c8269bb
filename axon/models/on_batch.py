"""What a model does with a single batch, for loops of the user's own."""
# ruff: noqa: PT028 - test_on_batch is no test of ours

from typing import Any, Protocol

from axon.backend import Array, DType
from axon.callbacks import Logs
from axon.locks import change, hold
from axon.models import inputs
from axon.models.data import Data
from axon.models.loop import once
from axon.models.prediction import Outputs, Predictor
from axon.models.training import Trainer, shaped
from axon.program import Step


class Compiled(Protocol):
    """A model, as far as it is needed here."""

    @property
    def trainer(self) -> Trainer:
        """What ``compile`` made."""


def train_on_batch(
    model: Compiled,
    x: Data,
    y: Data,
    sample_weight: Data = None,
    class_weight: dict[int, float] | None = None,
    return_dict: bool = False,
) -> Any:
    """One step on one batch; returns the loss and metrics of the batch before the update."""
    trainer = model.trainer
    given = (trainer, trainer.train, x, y, sample_weight, class_weight)
    return shaped(change(trainer.locks(), _run, *given), return_dict)


def test_on_batch(
    model: Compiled, x: Data, y: Data, sample_weight: Data = None, return_dict: bool = False
) -> Any:
    """Loss and metrics of one batch, from which nothing is learned."""
    trainer = model.trainer
    given = (trainer, trainer.test, x, y, sample_weight)
    return shaped(hold(trainer.locks(), _run, *given), return_dict)


def _run(trainer: Trainer, step: Step, *given: Data) -> Logs:
    learns = step is trainer.train
    with inputs.all_or_nothing(trainer.model) as back:
        batch = inputs.array_feed(trainer.model, inputs.columns(trainer, *given))
        if learns:
            trainer.prepare(batch)
        batch.back = back
    try:
        return once(trainer, step, batch)
    finally:
        if learns:
            trainer.optimizer.zero_grad()


def predict_few(predictor: Predictor, data: list[Array], wanted: DType) -> Outputs:
    """Outputs for a few samples, of a model whose locks are held and which wants ``wanted``."""
    inputs.demand_fitting(predictor.model, data)
    return predictor.once(data, inputs.entry_of(predictor.model, data, wanted))
