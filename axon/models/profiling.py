"""What ``model.profile`` does: record a step, replay it against the clock, take everything back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Protocol

import numpy as np

from axon.backend import Array
from axon.checks import integer
from axon.core import Tensor
from axon.inspect.profile import Profile
from axon.inspect.timing import Measured, measured
from axon.locks import hold
from axon.models import inputs
from axon.models.data import Data
from axon.models.feeds import ArrayFeed
from axon.models.network import Network, kept_by
from axon.models.on_batch import Compiled
from axon.models.prediction import Predictor
from axon.models.training import Trainer
from axon.optimizers import Optimizer
from axon.program import Program, Step
from axon.threads import one_blas_thread


class Profiled(Compiled, Protocol):
    """A model, as far as it is needed here: one that is compiled, or only predicts."""

    _predictor: Predictor
    _trainer: Trainer | None


def profile(
    model: Profiled, x: Data, y: Data = None, batch_size: int = 32, repeats: int | None = None
) -> Profile:
    """Measure where the time of a step goes: of training with y, of prediction without.

    Nothing changes: weights, optimizer, metrics, random keys and running statistics are as before,
    bit for bit. Of gradient accumulation, the step that makes the update is measured.

    Args:
        model: compiled, unless only predictions are measured.
        x: samples (n, ...), as ``fit`` takes them; a tuple of arrays for several inputs.
        y: targets, as the loss wants them; None to predict.
        batch_size: samples in the step; all there are if they are fewer.
        repeats: how often the step is replayed; as often as fits into a second by default.

    Returns:
        A Profile: ``print()``, ``lines``, ``layers``, ``phases``, ``top(10)``, ``to_chrome_trace``.

    Raises:
        ValueError, TypeError: something does not fit, as ``fit`` says it.
        RuntimeError: the model is not compiled, or with ``eager=True``, which records nothing.

    >>> from axon.layers import Dense
    >>> model = axon.Sequential([Dense(4, "relu"), Dense(2, "softmax")])
    >>> model.compile("categorical_cross_entropy", "sgd")
    >>> profile = model.profile(np.ones((8, 3)), np.zeros(8, int), repeats=2)
    >>> list(profile.phases), [layer.layer for layer in profile.layers][:2]
    (['forward', 'backward', 'update'], ['dense', 'dense_1'])
    """
    size = integer("profile", "batch_size", batch_size)
    repeats = None if repeats is None else integer("profile", "repeats", repeats)
    step = model.trainer.train if y is not None else model._predictor.step
    network = model._predictor.model
    if step.eager:
        raise RuntimeError(
            f"model {network.name!r} was compiled with eager=True: it records no program that "
            "could be profiled. Compile it without: model.compile(loss, optimizer)."
        )
    return hold(step.locks(), _profile, network, model._trainer, step, x, y, size, repeats)


def _profile(
    network: Network,
    trainer: Trainer | None,
    step: Step,
    x: Data,
    y: Data,
    size: int,
    repeats: int | None,
) -> Profile:
    with inputs.all_or_nothing(network):  # as fit and predict do
        if trainer is not None and y is not None:
            feed = _shuffled(network, inputs.columns(trainer, x, y), size)
            trainer.prepare(feed)
        else:
            given = inputs.checked_inputs(network, x)
            inputs.fit_inputs(network, given)
            feed = _shuffled(network, given, size)
    of_step = (network, trainer, step, feed, repeats)
    program, found, feeding, note = one_blas_thread.run(_measured, *of_step)
    rows = f"{feed.smallest} sample{'s' * (feed.smallest > 1)}"
    title = f"{step.name} {network.name!r} on {rows}{note}"
    return Profile(program, *found, title=title, feeding=feeding)


def _measured(
    network: Network, trainer: Trainer | None, step: Step, feed: ArrayFeed, repeats: int | None
) -> tuple[Program, Measured, float, str]:
    with unchanged(network, trainer) as rewind, np.errstate(all="ignore"):
        start, note = rewind, ""
        if trainer is not None and step is trainer.train:
            start, note = _updating(trainer.optimizer, rewind)
        program, fill = _recorded(network, step, feed, start)
        return program, measured(program, repeats), min(_laps(fill, feed)), note


def _shuffled(network: Network, given: inputs.Checked | list[Array], size: int) -> ArrayFeed:
    """A single batch, to be gathered from all over the data as ``fit`` does."""
    arrays = given.arrays if isinstance(given, inputs.Checked) else given
    order = np.random.default_rng(0).permutation(len(arrays[0]))
    return inputs.array_feed(network, given, size, order=order, steps=1)


def _updating(optimizer: Optimizer, rewind: Callable[[], None]) -> tuple[Callable[[], None], str]:
    """How to begin at a step that makes an update, if not every step does, and a note of it."""
    steps = optimizer.gradient_accumulation_steps or 1
    if steps == 1:
        return rewind, ""
    waiting = optimizer.numbers["waiting"]

    def start() -> None:
        rewind()
        waiting.data[...] = steps - 1

    return start, f", the 1 in {steps} steps that updates"


def _recorded(
    network: Network, step: Step, feed: ArrayFeed, start: Callable[[], None]
) -> tuple[Program, Callable[[int], None]]:
    """Record a copy of a step, and check that it can be replayed, as ``fit`` would.

    Returns:
        The program, and the function that fills its inputs with a batch, given its first sample.
    """
    from copy import copy  # numpy has loaded it

    step = copy(step)  # without programs: those of the model stay as they are
    names, width = network.takes.names[: len(feed.entry)], len(feed.entry)
    step.names = [*(names if len(names) == width else ["x"]), "y", "w"]
    rows = feed.smallest
    filled = step.inputs(*feed.specs(rows))

    def fill(start: int) -> None:
        feed.fill(start, start + rows, filled)

    fill(0)
    for _ in ("record", "compare"):  # from the same state, which may decide what is done
        start()
        step.run(filled)
    assert step.latest is not None
    return step.latest, fill


def _laps(fill: Callable[[int], None], feed: ArrayFeed) -> Iterator[float]:
    """Seconds that filling the inputs takes, with a few batches from all over the data."""
    last = feed.size - feed.smallest
    for start in np.linspace(0, last, 20).astype(int).tolist():
        before = perf_counter()
        fill(start)
        yield perf_counter() - before


@contextmanager
def unchanged(network: Network, trainer: Trainer | None) -> Iterator[Callable[[], None]]:
    """Take back all that steps change inside: each array, and where it was; early if called."""
    tensors = _state(network, trainer)
    before = [(t, t.data, t.data.copy()) for t in tensors]
    gradients = [(p, p.grad) for p in network.parameters()]

    def rewind() -> None:
        for tensor, array, values in before:  # a metric takes fresh memory in its first batch
            tensor.data[...] = values if tensor.data is array else 0

    try:
        yield rewind
    finally:
        for tensor, array, values in before:
            array[...], tensor.data = values, array
        for parameter, gradient in gradients:
            parameter.grad = gradient


def _state(network: Network, trainer: Trainer | None) -> list[Tensor]:
    if trainer is None:
        return [*network.parameters(), *network.named_buffers().values()]
    gradients = [group.memory.gradients for group in trainer.optimizer.groups]
    return [*trainer.state(), *kept_by([trainer.optimizer]), *gradients]
