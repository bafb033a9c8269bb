"""What comes in: inputs, targets and weights are checked against the model and each other."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import numpy as np

from axon import losses
from axon.backend import FLOAT, Array, DType, Shape
from axon.checks import integer
from axon.layers.module import Module
from axon.locks import change, hold
from axon.losses.expected import SUM
from axon.models import forms
from axon.models.data import (
    Data,
    checked_share,
    demand_finite,
    demand_fits,
    demand_integers,
    in_order,
    same_length,
    samples,
    split,
)
from axon.models.feeds import LABEL, AnyFeed, ArrayFeed, StreamFeed
from axon.models.heads import Head, classes_by_head, targets_by_head, weights_by_head
from axon.models.network import Network
from axon.models.prediction import rows_at_a_time
from axon.models.training import Trainer
from axon.random import place

T = TypeVar("T")
ClassWeight = Mapping[int, float] | Mapping[str, Mapping[int, float]] | None
Given = tuple[Data, Data, Data]  # x, y and weights, as they were given
HeldOut = tuple[Data, int | None, int | None]  # data to validate on, samples at a time, batches

NOT_BUILT = {"stop_training", "metadata", "_trainer", "_predictor"}  # others change it


class Checked(NamedTuple):
    """Columns that fit a model.

    Attributes:
        arrays: the inputs of the model, then targets and, perhaps, weights.
        width: how many of them are inputs.
    """

    arrays: list[Array]
    width: int


def entry_dtype(model: Network, given: DType) -> DType:
    """What data are converted to on their way in: whole numbers only where a layer wants them.

    >>> from axon.models import Sequential
    >>> from axon.layers import Embedding
    >>> entry_dtype(Sequential([Embedding(9, 2)]), np.dtype("float64")).name
    'float32'
    """
    wanted = model.input_dtype
    if wanted.kind != "f" and given.kind not in "iub":
        return np.dtype(np.float64) if model.exact else FLOAT
    return wanted


def computed_in(model: Network) -> DType:
    """What a model computes in: targets and weights are converted to it."""
    wanted = model.input_dtype
    return FLOAT if wanted.kind != "f" or model.exact else wanted


def checked_inputs(model: Network, x: Data, wanted: DType | None = None) -> list[Array]:
    """The inputs as arrays of numbers, at least one sample each, all finite.

    Args:
        model: whose.
        x: one input, or several.
        wanted: the model's ``input_dtype``, if that is known.
    """
    given = model.prepared(forms.inputs_of(model, x))
    wanted = wanted or model.input_dtype
    floats = wanted if wanted.kind == "f" else entry_dtype(model, FLOAT)
    if len(given) == 1:
        return [_as_wanted("x", _single(model, given[0], floats), wanted)]
    arrays = [samples(f"x[{i}]", part, floats) for i, part in enumerate(given)]
    same_length(**{f"x[{i}]": a for i, a in enumerate(arrays)})
    for i, array in enumerate(arrays):
        demand_fits(f"x[{i}]", array, entry_dtype(model, array.dtype))
    return arrays


def _single(model: Network, x: Data, dtype: DType) -> Array:
    """The only input; arrays that form none were meant for several."""
    try:
        return samples("x", x, dtype)
    except ValueError as error:
        several = isinstance(x, tuple | list) and len(x) > 1 and all(map(forms.is_array, x))
        if not several:
            raise
        takes = model.takes
        hint = f" A tuple gives several: x=({', '.join(takes.names)})." if takes.optional else ""
        raise ValueError(
            f"{error} If these are inputs: model {model.name!r} takes {takes}, got "
            f"{type(x).__name__} of {len(x)}.{hint}"
        ) from None


def _as_wanted(argument: str, array: Array, wanted: DType) -> Array:
    """The only input, as whole numbers if a layer wants them: ids in float32 would be rounded."""
    if wanted.kind not in "iu":
        return array
    demand_integers(argument, array)
    demand_fits(argument, array, wanted)
    return array.astype(wanted) if array.dtype.kind == "f" else array


def columns(
    trainer: Trainer, x: Data, y: Data, sample_weight: Data = None, class_weight: ClassWeight = None
) -> Checked:
    """Check x, y and weights against the model and each other."""
    model = trainer.model
    x, y = forms.sole(model, x, y)
    data = checked_inputs(model, x)
    if y is None:
        raise TypeError(f"{_losses(trainer)}: y is missing. Pass one target per sample.")
    plain = trainer.names is None and not isinstance(y, Mapping | list | tuple)
    labels = _labels(trainer, trainer.heads[0], data, y) if plain and trainer.heads else y
    output = fit_inputs(model, data)
    trainer.settle()
    told = [(labels, output)]
    if trainer.names is not None:
        shapes = dict(zip(trainer.names, model.flat(output), strict=True))
        each = targets_by_head(y, trainer.names, trainer.heads)
        told = [(t, shapes[h.name]) for t, h in zip(each, trainer.heads, strict=True)]
    if trainer.names is not None or not plain:
        pairs = zip(trainer.heads, told, strict=True)
        told = [(_labels(trainer, head, data, t), shape) for head, (t, shape) in pairs]
    pairs = zip(trainer.heads, told, strict=True)
    targets = [_targets(trainer, head, *given) for head, given in pairs]
    given = Checked([*data, *targets], len(data))
    given = _with_weights(trainer, given, sample_weight, [shape for _, shape in told])
    return with_class_weight(trainer, given, class_weight)


def _losses(trainer: Trainer) -> str:
    return ", ".join(head.loss.name for head in trainer.heads) or "compile"


def _labels(trainer: Trainer, head: Head, data: list[Array], y: Data) -> Array:
    """The targets of one output as numbers, one for each sample."""
    owner = _owner(head)
    labels = losses.numbers(owner, _only(y, len(data[0])))
    if not labels.ndim:
        raise ValueError(f"{owner}: y must hold one target per sample, got {y!r}.")
    demand_finite(f"{owner}: y", labels, computed_in(trainer.model))
    with _of_output(head):
        same_length(x=data[0], y=labels)
    return labels


def _only(given: Data, n: int) -> Data:
    """What is given of n samples for a single output, perhaps in a list as of several."""
    listed = isinstance(given, list | tuple) and len(given) == 1 < n and np.ndim(given[0])
    return given[0] if listed else given


@contextmanager
def _of_output(head: Head) -> Iterator[None]:
    """Say in errors which of several outputs they are about."""
    try:
        yield
    except ValueError as error:
        if not head.name or repr(head.name) in str(error):
            raise
        raise ValueError(f"output {head.name!r}: {error}") from None


def _owner(head: Head) -> str:
    return f"{head.loss.name} of {head.name!r}" if head.name else head.loss.name


def _targets(trainer: Trainer, head: Head, labels: Array, output: Shape) -> Array:
    """Check the targets of one output against its loss and metrics."""
    loss, shape = head.loss, (len(labels), *output)
    with _of_output(head):
        targets = in_order(loss.targets(labels, shape))
        counted = targets if loss.ignored is None else np.where(targets == loss.ignored, 0, targets)
        for metric in head.metrics:
            metric.accept(counted, shape, loss)
    if targets.dtype.kind == "f":
        return targets.astype(computed_in(trainer.model), copy=False)
    demand_fits(f"{_owner(head)}: y", targets, LABEL)
    return targets


def _with_weights(
    trainer: Trainer, given: Checked, sample_weight: Data, outputs: list[Shape]
) -> Checked:
    """Put the weights of samples behind the targets: for each output, if there are any."""
    if sample_weight is None:
        return given
    n, dtype = len(given.arrays[0]), computed_in(trainer.model)
    each = [_only(sample_weight, n)]
    if trainer.names is not None:
        each = weights_by_head(sample_weight, trainer.names, trainer.heads)
    found = []
    for head, weights, output in zip(trainer.heads, each, outputs, strict=True):
        costs = output[:-1] if head.loss.together else output
        alike = np.ones(n, dtype) if weights is None else weights
        with _of_output(head):
            found.append(sample_weights(alike, (n, *costs), dtype))
    return given._replace(arrays=[*given.arrays, *found])


def fit_inputs(model: Network, data: list[Array]) -> Any:
    """Build the model for these samples, or check that they fit; returns the output's shape."""
    shapes = [array.shape[1:] for array in data]
    try:
        return change(model._all_locks(), model.build, *shapes)
    except ValueError as error:
        given = " and ".join(str(array.shape) for array in data)
        raise ValueError(f"x of shape {given} does not fit: {error}") from None


def input_stream(model: Network, x: Iterable[Data], steps: int | None) -> StreamFeed:
    """Batches to predict, from an iterable whose batches may bring targets, too."""

    def checked(item: Data) -> ArrayFeed:
        data = checked_inputs(model, forms.without_targets(model, item))
        hold(model._all_locks(), demand_fitting, model, data)
        return array_feed(model, data, rows_at_a_time(model, data))

    return StreamFeed(
        x, checked, None if steps is None else integer("predict", "steps", steps), "predict"
    )


def demand_fitting(model: Network, data: list[Array]) -> None:
    """Build the model for these samples, unless it is, while this thread holds its locks.

    If they do not fit, it stays as it was.
    """
    if not model.built_for(tuple(d.shape[1:] for d in data)):
        with all_or_nothing(model):
            fit_inputs(model, data)


class Reader:
    """Makes feeds of what ``fit`` and ``evaluate`` are given: arrays, or an iterable of batches."""

    def __init__(
        self,
        owner: str,
        trainer: Trainer,
        batch_size: int | None,
        steps: int | None = None,
        shuffle: bool = False,
        class_weight: ClassWeight = None,
        shards: int = 1,
    ) -> None:
        self.owner, self.trainer, self.model = owner, trainer, trainer.model
        self.shuffle, self.class_weight, self.shards = shuffle, class_weight, shards
        self.batch_size = None if batch_size is None else integer(owner, "batch_size", batch_size)
        self.steps = None if steps is None else integer(owner, "steps", steps)

    def for_fit(
        self, given: Given, share: float, held_out: HeldOut
    ) -> tuple[AnyFeed, AnyFeed | None]:
        """What to learn from, and what to validate on; if any does not fit, nothing changes.

        Args:
            given: x, y and weights.
            share: of the samples that are held out for validation.
            held_out: data for it instead, and how they are gone over.
        """
        arrays = given[1] is not None and isinstance(held_out[0], tuple | None)
        return self._alone(arrays, self._for_fit, given, share, held_out)

    def _for_fit(
        self, given: Given, share: float, held_out: HeldOut
    ) -> tuple[AnyFeed, AnyFeed | None]:
        if held_out[0] is not None and share:
            raise ValueError(
                "fit: validation_data and validation_split both say what to validate on, and "
                "samples that are split off would be lost. Pass one of the two."
            )
        with all_or_nothing(self.model) as back:
            feed, kept = self._feed(*given, share)
            tested = self._validation(kept, *held_out)
            self.trainer.prepare(feed, self.shards)
        feed.back = back
        return feed, tested

    def for_test(self, *given: Data) -> AnyFeed:
        """What to look at, from x, y and weights."""
        return self._alone(given[1] is not None, self._for_test, *given)

    def _for_test(self, *given: Data) -> AnyFeed:
        with all_or_nothing(self.model) as back:
            feed, _ = self._feed(*given)
        feed.back = back
        return feed

    def _alone(self, arrays: bool, function: Callable[..., T], *given: Data) -> T:
        """Look at arrays while nobody else works with the model; an iterable may need it meanwhile.

        So may a thread that makes its batches, and asks the model for that.
        """
        return hold(self.trainer.locks(), function, *given) if arrays else function(*given)

    def _feed(
        self, x: Data, y: Data, sample_weight: Data = None, share: float = 0.0
    ) -> tuple[AnyFeed, Checked | None]:
        """Where batches are taken from, and the samples that are held out."""
        share = checked_share(share)
        if y is None:
            return self._stream(x, sample_weight, share), None
        if not isinstance(x, tuple | list) and forms.readable(x) is not None:
            raise TypeError(
                f"{self.owner}: x, a {type(x).__name__}, yields batches, which bring their targets "
                "themselves, (x, y): leave y out. Or pass x as an array."
            )
        given, kept = columns(self.trainer, x, y, sample_weight), None
        if share:
            first, last = split(given.arrays, share)
            given, kept = given._replace(arrays=first), given._replace(arrays=last)
        given = with_class_weight(self.trainer, given, self.class_weight)
        order = self.trainer.order(len(given.arrays[0])) if self.shuffle else None
        size = self.batch_size or rows_at_a_time(self.model, given.arrays[: given.width])
        return array_feed(self.model, given, size, order=order, steps=self.steps), kept

    def _stream(self, x: Data, sample_weight: Data, share: float) -> StreamFeed:
        found = forms.readable(x)
        if found is None:
            raise TypeError(
                f"{self.owner}: y is missing. Pass x and y, or an iterable of batches (x, y); "
                f"got {type(x).__name__} alone."
            )
        if share or sample_weight is not None:
            raise ValueError(
                "an iterable of batches cannot be split, and brings its weights itself: yield "
                "(x, y, sample_weight), and pass validation_data."
            )
        return StreamFeed(found, self._batch, self.steps, self.owner)

    def _batch(self, item: Data) -> ArrayFeed:
        """Check one batch of an iterable: (x, y) or (x, y, sample_weight)."""
        forms.demand_pair(item)
        x, y, *weights = item
        weight = weights[0] if weights else None
        return array_feed(self.model, columns(self.trainer, x, y, weight, self.class_weight))

    def _validation(
        self, kept: Checked | None, given: Data, size: int | None, steps: int | None
    ) -> AnyFeed | None:
        """What to validate on: the samples held out, or data given for it."""
        if given is None:
            if kept is None:
                return None
            rows = size or rows_at_a_time(self.model, kept.arrays[: kept.width])
            return array_feed(self.model, kept, rows, steps=steps)
        data = isinstance(given, tuple) or (isinstance(given, list) and _is_data(given))
        if (data and len(given) not in (2, 3)) or forms.readable(given) is None:
            raise TypeError(
                "fit: validation_data must be a tuple (x, y) or (x, y, sample_weight), got "
                f"{type(given).__name__}. An iterable of such batches will do, too."
            )
        if steps is None and isinstance(given, Iterator):
            raise ValueError(
                f"fit: validation_data, a {type(given).__name__}, can be read only once, and may "
                "never end. Pass validation_steps, the batches to validate on after each epoch; or "
                "something that begins anew, such as a list."
            )
        try:
            reader = Reader("fit", self.trainer, size, steps)
            return reader._feed(*given)[0] if data else reader._feed(given, None)[0]
        except (TypeError, ValueError) as error:
            raise type(error)(f"validation_data: {error}") from None


def _is_data(given: list[Data]) -> bool:
    """Whether a list means [x, y] and not a list of batches."""
    return not all(isinstance(item, tuple | list) for item in given)


def with_class_weight(trainer: Trainer, given: Checked, class_weight: ClassWeight) -> Checked:
    """Multiply the weight of each sample by that of its class."""
    if class_weight is None:
        return given
    model, (arrays, width), count = trainer.model, given, len(trainer.heads)
    targets, weights = arrays[width : width + count], arrays[width + count :]
    each: list[Data] = [class_weight]
    if trainer.names is not None:
        each = classes_by_head(class_weight, trainer.names, trainer.heads)
    dtype, shapes, found = computed_in(model), model.flat(model.output_shape or ()), []
    if trainer.names is None:
        shapes = [model.output_shape or ()]
    for i, (head, classes) in enumerate(zip(trainer.heads, each, strict=True)):
        weight = weights[i] if weights else None
        if classes is not None:
            ignored = head.loss.ignored
            of = class_weights(classes, targets[i], shapes[head.number], dtype, ignored)
            weight = of if weight is None else _product(weight, of)
        found.append(np.ones(len(targets[i]), dtype) if weight is None else weight)
    return Checked([*arrays[: width + count], *found], width)


def _product(a: Array, b: Array) -> Array:
    """The product of weights by sample and by step."""
    short, long = (a, b) if a.ndim < b.ndim else (b, a)
    return short.reshape(*short.shape, *(1,) * (long.ndim - short.ndim)) * long


def array_feed(
    model: Network,
    given: Checked | list[Array],
    size: int | None = None,
    order: Array | None = None,
    steps: int | None = None,
) -> ArrayFeed:
    """Hand out checked columns by batches of this size; all at once by default.

    Args:
        model: whose.
        given: the columns; in a list all are inputs.
        size: samples in each batch.
        order: see ``ArrayFeed``.
        steps: see there.
    """
    arrays, width = given if isinstance(given, Checked) else (given, len(given))
    entry = entry_of(model, arrays[:width])
    return ArrayFeed(arrays, entry, size or len(arrays[0]), order, steps)


def entry_of(model: Network, data: list[Array], wanted: DType | None = None) -> list[DType]:
    """What each of the inputs is converted to; ``wanted`` as above."""
    wanted = wanted or model.input_dtype
    if wanted.kind == "f":
        return [wanted] * len(data)
    return [entry_dtype(model, column.dtype) for column in data]


@contextmanager
def all_or_nothing(model: Module) -> Iterator[Callable[[], None]]:
    """Take back what was built inside if an error leaves it: bad input changes nothing.

    What it gives takes that back later, too.
    """
    locks = model._all_locks()
    before = [(module, dict(vars(module))) for module in model.modules()]
    drawn = place("init", "shuffle")

    def back() -> None:
        hold(locks, _take_back, before)
        drawn()

    try:
        yield back
    except BaseException:
        back()
        raise


def _take_back(before: list[tuple[Module, dict[str, Any]]]) -> None:
    for module, attributes in before:
        now = vars(module)
        now.update({key: value for key, value in attributes.items() if key not in NOT_BUILT})
        for key in now.keys() - attributes.keys():
            del now[key]


def sample_weights(given: Data, outputs: Shape, dtype: DType) -> Array:
    """Check the weights of samples, or of steps or pixels: whatever costs (n, ...) something."""
    weights = samples("sample_weight", given, dtype)
    while weights.ndim > 1 and weights.shape[-1] == 1:  # (n, 1) as other libraries give them
        weights = weights[..., 0]
    if weights.shape != outputs[: weights.ndim]:
        steps = f", or one per step, shape {outputs}" if len(outputs) > 1 else ""
        raise ValueError(
            f"sample_weight: expected one weight per sample, shape ({outputs[0]},){steps}, got "
            f"shape {weights.shape}."
        )
    if (weights < 0).any():
        raise ValueError(f"sample_weight: weights must be at least 0, got {weights.min()}.")
    return weights.astype(dtype)


def class_weights(
    given: Data, y: Array, outputs: Shape, dtype: DType, ignored: int | None = None
) -> Array:
    """Look up the weight of each sample, or each step or pixel, by its class.

    Args:
        given: class -> weight; classes that are not named weigh 1. Or "balanced": samples / classes
            / samples of the class, so that all classes that occur weigh alike together.
        y: labels (n, ...), one-hot rows (n, ..., classes), or 0 and 1 (n, ..., 1).
        outputs: the shape of one output of the model.
        dtype: the type of the result.
        ignored: a label that is none, which does not count.
    """
    balanced = isinstance(given, str) and given == "balanced"
    if not isinstance(given, Mapping) and not balanced:
        raise TypeError(
            f"class_weight: expected a dict from class to weight, such as {{0: 1.0, 1: 5.0}}, or "
            f"'balanced', got {given!r}."
        )
    classes = outputs[-1] if outputs and outputs[-1] > 1 else 2
    hot = y.shape[1:] == (*outputs[:-1], classes) and np.allclose(
        y.sum(axis=-1, dtype=np.float64), 1, atol=SUM
    )
    labels = y.argmax(axis=-1) if hot else y[..., 0] if y.shape[1:] == (*outputs[:-1], 1) else y
    none = np.zeros(labels.shape, bool) if ignored is None else labels == ignored
    if labels.shape[1:] != outputs[:-1] or not (none | np.isin(labels, range(classes))).all():
        raise ValueError(
            f"class_weight: every sample must be of one class, 0 to {classes - 1}; y, of shape "
            f"{y.shape}, holds something else. Use sample_weight instead."
        )
    table = np.ones(classes, dtype)
    if balanced:
        given = _balanced(labels[~none])
    for label, weight in given.items():
        if label not in range(classes):
            raise ValueError(f"class_weight: no class {label!r}, they are 0 to {classes - 1}.")
        if not isinstance(weight, int | float | np.number) or not 0 <= weight < np.inf:
            raise ValueError(
                f"class_weight: the weight of class {label} must be a number of at least 0, got "
                f"{weight!r}."
            )
        table[int(label)] = weight
    return table[np.where(none, 0, labels).astype(np.int64)]


def _balanced(labels: Array) -> dict[int, float]:
    """Class -> samples / classes / samples of the class, of those that occur."""
    found, counts = np.unique(labels.astype(np.int64), return_counts=True)
    shares = labels.size / (len(found) * counts)
    return dict(zip(found.tolist(), shares.tolist(), strict=True))
