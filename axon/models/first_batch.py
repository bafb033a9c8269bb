"""A look at what a model makes of the first batch, before anything is learned from it.

Shapes and targets are checked as data come in. What comes out of a model is only known when it was
run: the first batch, which is computed eagerly, recorded or not, is judged by what the loss and the
metrics declare to expect. Later ones are not looked at: a loss that is no number is warned of.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from axon.core import Tensor
from axon.models.network import kept_by
from axon.models.training import Trainer
from axon.parameter import Parameter
from axon.program import Step


@contextmanager
def first_look(trainer: Trainer, step: Step, back: Callable[[], None] | None) -> Iterator[None]:
    """Let a step, while it runs for the first time, look at what the model makes of the batch.

    If it does not fit, all is as it was before the call of ``fit``, ``evaluate`` and the like:
    running means, random numbers, what metrics saw, what was built.

    Args:
        trainer: what ``compile`` made.
        step: one of its steps.
        back: undoes what was built for the batch, if this is the first of all.
    """
    before = [(t, t.data, t.data.copy()) for t in _changed_by_running(trainer)]
    trainer.looking = True
    try:
        yield
    except FloatingPointError:  # debug="nan": what it names is there to be looked at
        raise
    except Exception:
        for tensor, array, values in before:
            array[...] = values
            tensor.data = array
        if back is not None and step.name not in trainer.looked:
            back()
        raise
    finally:
        trainer.looking = False
    trainer.looked |= {step.name, trainer.test.name}


def _changed_by_running(trainer: Trainer) -> list[Tensor]:
    """Tensors that a forward pass changes: buffers, and those that parts of a model may keep."""
    parts = (*trainer.model.modules(), trainer.loss, *trainer.metrics)
    seen = [t for metric in trainer.metrics for t in metric.tensors().values()]
    kept = (*kept_by(parts), *seen, *trainer.model.named_buffers().values())
    return [t for t in kept if not isinstance(t, Parameter)]
