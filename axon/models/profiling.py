"""What ``model.profile`` does: record a step, replay it against the clock, take everything back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np

from axon.backend import Array
from axon.checks import integer
from axon.core import Tensor
from axon.inspect.profile import Profile
from axon.inspect.timing import Measured, measured
from axon.locks import hold
from axon.models import inputs
from axon.models.feeds import ArrayFeed
from axon.program import Program, Step
from axon.threads import one_blas_thread


def profile(
    model: Any, x: Any, y: Any = None, batch_size: int = 32, repeats: int | None = None
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
    _demand_recorded(model, step)
    return hold(step.locks(), _profile, model, step, x, y, size, repeats)


def _profile(model: Any, step: Step, x: Any, y: Any, size: int, repeats: int | None) -> Profile:
    train = y is not None
    with inputs.all_or_nothing(model):  # as fit and predict do
        given = inputs.columns(model.trainer, x, y) if train else inputs.checked_inputs(model, x)
        if not train:
            inputs.fit_inputs(model, given)
        batches = _shuffled(model, given, size)
        if train:
            model.trainer.prepare(batches)
    program: Program
    found: Measured
    program, found, feeding, note = one_blas_thread.run(_measured, model, step, batches, repeats)
    rows = f"{batches.smallest} sample{'s' * (batches.smallest > 1)}"
    title = f"{step.name} {model.name!r} on {rows}{note}"
    return Profile(program, *found, title=title, feeding=feeding)


def _measured(
    model: Any, step: Step, batches: ArrayFeed, repeats: int | None
) -> tuple[Program, Measured, float, str]:
    with unchanged(model) as rewind, np.errstate(all="ignore"):
        start, note = rewind, ""
        if step.name == "train":
            start, note = _updating(model, rewind)
        program, feed = _recorded(model, step, batches, start)
        return program, measured(program, repeats), min(_laps(feed, batches)), note


def _demand_recorded(model: Any, step: Step) -> None:
    if step.eager:
        raise RuntimeError(
            f"model {model.name!r} was compiled with eager=True: it records no program that could "
            "be profiled. Compile it without: model.compile(loss, optimizer)."
        )


def _shuffled(model: Any, given: list[Array], size: int) -> ArrayFeed:
    """A single batch, to be gathered from all over the data as ``fit`` does."""
    order = np.random.default_rng(0).permutation(len(given[0]))
    return inputs.array_feed(model, given, size, order=order, steps=1)


def _updating(model: Any, rewind: Callable[[], None]) -> tuple[Callable[[], None], str]:
    """How to begin at a step that makes an update, if not every step does, and a note of it."""
    steps = model.optimizer.gradient_accumulation_steps or 1
    if steps == 1:
        return rewind, ""
    waiting = model.optimizer.numbers["waiting"]

    def start() -> None:
        rewind()
        waiting.data[...] = steps - 1

    return start, f", the 1 in {steps} steps that updates"


def _recorded(
    model: Any, step: Step, batches: ArrayFeed, start: Callable[[], None]
) -> tuple[Program, Callable[[int], None]]:
    """Record a copy of a step, and check that it can be replayed, as ``fit`` would.

    Returns:
        The program, and the function that fills its inputs with a batch, given its first sample.
    """
    from copy import copy  # numpy has loaded it

    step = copy(step)  # without programs: those of the model stay as they are
    names = model.input_names
    step.names = [*(names if len(names) == model.width else ["x"]), "y", "w"]
    rows = batches.smallest
    slots = step.inputs(*batches.specs(rows))

    def feed(start: int) -> None:
        batches.fill(start, start + rows, slots)

    feed(0)
    for _ in ("record", "compare"):  # from the same state, which may decide what is done
        start()
        step.run(slots)
    assert step.latest is not None
    return step.latest, feed


def _laps(feed: Callable[[int], None], batches: ArrayFeed) -> Iterator[float]:
    """Seconds that filling the inputs takes, with a few batches from all over the data."""
    last = batches.size - batches.smallest
    for start in np.linspace(0, last, 20).astype(int).tolist():
        before = perf_counter()
        feed(start)
        yield perf_counter() - before


@contextmanager
def unchanged(model: Any) -> Iterator[Callable[[], None]]:
    """Take back all that steps change inside: each array, and where it was; early if called."""
    tensors = _state(model)
    before = [(t, t.data, t.data.copy()) for t in tensors]
    gradients = [(p, p.grad) for p in model.parameters()]

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


def _state(model: Any) -> list[Tensor]:
    if not model.compiled:
        return [*model.parameters(), *model.named_buffers().values()]
    trainer = model.trainer
    kept = [t for t in vars(trainer.optimizer).values() if isinstance(t, Tensor)]
    gradients = [group.memory.gradients for group in trainer.optimizer.groups]
    return [*trainer.state(), *kept, *gradients]
