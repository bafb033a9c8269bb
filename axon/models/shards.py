"""The training step of ``fit(shards=8)``: the same bits in one process and in several.

A batch is cut into a fixed number of shards, however many ranks there are. Each shard is a replay
of forward and backward; its gradients, times what its samples weigh, go to a row of their own. Then
the update is a replay, too: it begins with ``all_reduce``, which adds up the rows of all ranks by a
tree over the shards, and that is the only place where ranks need each other.

    shard    forward, backward                           once for each shard of this rank
    update   all_reduce, mean, optimizer, constraints    once for each batch

Whatever a forward pass leaves in a model goes the same way: each shard starts from what the batch
before left, and the mean of what they changed is what stays. Random layers draw by step and shard.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from axon.backend import Array
from axon.callbacks import Callbacks, Logs
from axon.checks import integer
from axon.core import Tensor
from axon.losses.base import demand_additive
from axon.metrics import Metric
from axon.metrics.base import ALMOST_NONE
from axon.models import agreement
from axon.models.feeds import AnyFeed, ArrayFeed, Batch
from axon.models.loop import Sums
from axon.models.network import Network
from axon.models.shard_rows import Carried, ShardRows
from axon.models.training import Scored, Trainer, Variant
from axon.modes import Mode, follow, no_grad
from axon.ops import maximum
from axon.program import Step
from axon.ranks import world

UNLIKE = (
    "fit(shards=...): two shards of a batch, of different sizes, reached different parameters. The "
    "same parameters must get gradients whatever the number of samples: let the model's forward "
    "not ask for it, or leave shards out."
)
MASKED = (
    "fit(shards=...): of a model with several outputs all has to count, but one has a mask, or a "
    "loss that ignores labels: what a shard weighs would be another number for each output. "
    "Leave shards out, or give what does not count a sample_weight of 0."
)
T = TypeVar("T")
State = dict[str, Array]  # of a metric: its accumulators by name


class Sharded:
    """The steps of a fit that is cut into shards, and what they share.

    Args:
        trainer: what ``compile`` made.
        shards: how many, a power of two.

    Attributes:
        own: the shards of this process, neighbours.
        shard, update, test: the steps.
        inside, outside: metrics that are part of the programs, and those that are handed whole
            batches: they do not say how what several of them saw is merged.
    """

    def __init__(self, trainer: Trainer, shards: int) -> None:
        self.trainer, self.count, self.world = trainer, shards, world()
        self.own = self.world.own(shards)
        self._sort()
        plain = trainer.train
        common = (plain.eager, True, plain.state, plain.settings, trainer.locks)
        self.shard = Step("shard", partial(plain.function, sharded=self), [], self._labels, *common)
        self.update = Step("update", self._update, [], self._labels, *common)
        self.test = Step(
            "evaluate", partial(trainer.test.function, sharded=self), [], self._labels, *common
        )
        self._carried = Carried(trainer)
        self._rows: dict[Variant, ShardRows] = {}  # by what the recording of a shard depends on
        self._key: Variant = ()  # of the shard at hand
        self._filled: ShardRows | None = None  # by the shards of the batch at hand
        self._samples = 0  # a checksum of those seen in the epoch under way

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()  # a copy of a model has steps of its own

    @property
    def steps(self) -> list[Step]:
        """All of them."""
        return [self.update, self.shard, self.test]

    def _sort(self) -> None:
        """Find out which metrics are part of the programs."""
        trainer = self.trainer
        for head in trainer.heads:
            demand_additive(head.loss)
        if trainer.optimizer.looks_twice or trainer.optimizer.searches:
            raise ValueError(
                f"fit(shards=...): {type(trainer.optimizer).__name__} needs gradients at several "
                "places in each step. Leave shards out."
            )
        metrics: list[Metric] = trainer.metrics if trainer.heads else []
        watched = (trainer.mean_loss, *metrics)
        self.inside = [metric for metric in watched if _can_merge(metric)]
        self.outside = [metric for metric in metrics if not _can_merge(metric)]

    def begin(self) -> None:
        """Get ready for a fit; the model may have changed since the one before."""
        self._sort()
        self.shard.names = self.test.names = self.trainer.train.names
        self._carried = Carried(self.trainer)
        self._samples = 0

    # -------------------------------------------------------------------- with other ranks

    def demand_alike(
        self, feeds: Mapping[str, AnyFeed | None], callbacks: Callbacks, identity: Mapping[str, str]
    ) -> None:
        """Demand that all ranks begin with the same data, weights, random numbers and settings."""
        if self.world.size > 1:
            words = agreement.words_of(self.trainer, feeds, callbacks, identity)
            agreement.demand_alike(self.world, words)

    def end_epoch(self, epoch: int, logs: Logs) -> None:
        """Demand that all ranks have come to the same weights by the same samples."""
        if self.world.size > 1:
            words = {
                **agreement.weights_in_words(self.trainer),
                "samples": f"{self._samples:08x}",
                "logs": ", ".join(f"{name}={value!r}" for name, value in logs.items()),
            }
            agreement.demand_alike(self.world, words, f"epoch {epoch + 1}")
            self._samples = 0

    def any(self, wish: bool) -> bool:
        """Whether one of the ranks has this wish."""
        return any(self.world.gather(wish, "who wants to stop"))

    def shared(self, value: T) -> T:
        """What the rank that leads has."""
        return self.world.share(value, "what the first rank has")

    # -------------------------------------------------------------------- what is recorded

    def backward(self, scored: Scored) -> list[Tensor]:
        """Gradients of what the samples of a shard cost together."""
        if scored.masked and self.trainer.names is not None:
            raise ValueError(MASKED)
        weight, told = _weight(scored)
        self.trainer.optimizer.scale_loss(scored.loss).backward(weight)
        self._arrange()
        return [scored.loss, *told, *scored.kept]

    def _arrange(self) -> None:
        """Decide what a row holds: which parameters have gradients, tells the backward pass."""
        reached = [(group, group.with_gradients()) for group in self.trainer.optimizer.groups]
        alike = (r for r in self._rows.values() if r.suit(reached, self._carried.floats))
        rows = next(alike, None) or ShardRows(reached, self._carried.floats, len(self.own))
        self._rows[self._key] = rows

    def _update(self) -> list[Tensor]:
        """Add up the gradients of all shards, and learn from their mean."""
        rows = self._rows_filled
        with no_grad():
            loss = rows.reduce(self.count)
        for p in rows.reached:
            p.grad = p.home
        with Mode("phase", "backward"):
            self.trainer.reduce()
        with Mode("phase", "update"):
            self.trainer.optimizer.apply()
            self.trainer.constrain()
        return [loss]

    def _labels(self) -> dict[int, str]:
        parts = [part for rows in self._rows.values() for part in rows.parts]
        ours = {id(part.rows): "shards' gradients" for part in parts}
        ours.update((id(part.total), "sums of all shards") for part in parts)
        return {**self.trainer.train.labels(), **ours}

    # -------------------------------------------------------------------- while it runs

    def learn(self, batch: Batch, sums: "ShardSums", ahead: int) -> None:
        """Learn from one batch."""
        trainer, (feed, start, stop) = self.trainer, batch
        ends = [start + end for end in cut(stop - start, self.count)]
        variant = trainer.variant(trainer.train)
        self._expect(feed, ends, ahead)
        self._pull(variant, feed, ends, sums)
        key = (*variant, trainer.optimizer.phase, self._rows_filled.number)
        (loss,) = self._run(self.update, self.update.inputs(), key, feed, start)
        trainer.optimizer.advance()
        trainer.follow()
        sums.hand_on_kept()
        self.look_at(float(loss[0]))
        if self.world.size > 1:
            row, size = int(feed.numbers[start]), stop - start
            self._samples = agreement.sample_in_words(feed.columns, row, size, self._samples)

    def _pull(
        self, variant: Variant, feed: ArrayFeed, ends: Sequence[int], sums: "ShardSums"
    ) -> None:
        """Fill the rows of this process, a shard each; of an empty shard with nothing."""
        self._filled = None
        places = {shard: (ends[shard], ends[shard + 1]) for shard in self.own}
        with self._carried.the_same_for_each():
            for row, (shard, (first, last)) in enumerate(places.items()):
                if first < last:
                    sums.at(shard)
                    sums.keep(shard, self._one(variant, feed, first, last, shard, row))
            if self._filled is None:  # nothing is left for this process: it sees what others see
                sums.at(None)
                self._one(variant, feed, ends[0], ends[1], 0, None)
        for row, (first, last) in enumerate(places.values()):
            if first == last:
                self._rows_filled.clear(row)

    def _expect(self, feed: ArrayFeed, ends: Sequence[int], ahead: int) -> None:
        """Let kernels be chosen as if this process did all shards: the same ones on all ranks."""
        self.shard.expect(ahead * self.count)
        self.update.expect(ahead)
        for size in dict.fromkeys(b - a for a, b in pairwise(ends) if a < b):
            self.shard.cache.is_first(feed.specs(size))

    def _one(
        self, variant: Variant, feed: ArrayFeed, start: int, stop: int, shard: int, row: int | None
    ) -> list[list[Array]]:
        """Run one shard; returns what metrics want that are handed whole batches."""
        inputs = self.shard.inputs(*feed.specs(stop - start))
        self._key = (*variant, stop - start)
        with self._carried.of(shard):
            loss, *rest = self._run(self.shard, inputs, variant, feed, start)
        weight, seen = float(stop - start), rest
        if self.trainer.names is None and len(rest) > bool(self.outside):  # a mask says what counts
            weight, seen = float(rest[0]), rest[1:]
        rows = self._rows[self._key]
        if self._filled not in (None, rows):
            raise ValueError(UNLIKE)
        self._filled = rows
        if row is not None:
            rows.put(row, float(loss), weight, self._carried)
        return self.trainer.to_hand_on(inputs, seen, self.outside) if seen else []

    @property
    def _rows_filled(self) -> "ShardRows":
        assert self._filled is not None
        return self._filled

    def _run(
        self, step: Step, inputs: list[Array], key: Variant, feed: ArrayFeed, start: int
    ) -> list[Array]:
        if self.trainer.search is not None:
            return self.trainer.search.run(step, inputs, feed, start)
        return step.run(inputs, key, feed if inputs else None, start)

    def measure(self, batch: Batch, sums: "ShardSums", ahead: int) -> None:
        """See how good the model is on one batch, if it is this process's turn."""
        feed, start, stop = batch
        specs, number = feed.specs(stop - start), sums.next()
        self.test.expect(ahead)
        self.test.cache.is_first(specs)
        shard = number % self.count
        if shard in self.own:
            sums.at(shard)
            inputs = self.test.inputs(*specs)
            variant = self.trainer.variant(self.test)
            rest = self._run(self.test, inputs, variant, feed, start)[1:]
            sums.keep(number, self.trainer.to_hand_on(inputs, rest, self.outside) if rest else [])
        if shard == self.count - 1:
            sums.hand_on_kept()

    def look_at(self, loss: float) -> None:
        """Warn of a loss that is no number, in all processes: each knows the whole loss."""
        if not np.isfinite(loss) and not self.trainer.warned:
            self.trainer.warn(loss)

    def sums(self) -> "ShardSums":
        """Fresh sums for what is to be measured next."""
        return ShardSums(self)


@contextmanager
def together(trainer: Trainer, shards: int) -> Iterator[Sharded]:
    """What all ranks do together, with the steps of a fit: if one fails, the others are told."""
    if world().rank:
        follow()  # also afterwards: model.save is for the first rank
    with world().together("fit"):
        yield sharded_by(trainer, shards)


def sharded_by(trainer: Trainer, shards: int) -> Sharded:
    """The steps on batches that are cut into so many shards; kept for the next fit alike.

    Raises:
        TypeError, ValueError: it is no number of shards, or this model's batches cannot be cut.
    """
    demand_shards(trainer.model, shards)
    kept = trainer.sharded
    if not isinstance(kept, Sharded) or kept.count != shards:
        kept = trainer.sharded = Sharded(trainer, shards)
    return kept


def demand_shards(model: Network, shards: object) -> None:
    """Raise an error unless batches of a model can be cut into so many parts.

    Raises:
        TypeError: not a whole number.
        ValueError: not 1, 2, 4, 8 ...; or the model takes a fixed number of samples at a time.
    """
    number = integer("fit", "shards", shards)
    if number & (number - 1):
        below = 1 << (number.bit_length() - 1)
        raise ValueError(
            f"fit: shards must be a power of two, so that sums over them make a tree, got "
            f"{number}. Choose {below} or {2 * below}."
        )
    if model.only_batch is not None:
        raise ValueError(
            f"fit: model {model.name!r} takes {model.only_batch} samples at a time, as its file "
            "says, so its batches cannot be cut. Leave shards out."
        )


def cut(size: int, shards: int) -> list[int]:
    """Where shards begin and end: as ``np.array_split`` cuts, the first ones are the larger.

    >>> cut(10, 4), cut(2, 4)
    ([0, 3, 6, 8, 10], [0, 1, 2, 2, 2])
    """
    each, more = divmod(size, shards)
    return [shard * each + min(shard, more) for shard in range(shards + 1)]


def _weight(scored: Scored) -> tuple[float | Tensor, list[Tensor]]:
    """What a shard weighs in the batch; and again if the program has to tell it."""
    if isinstance(scored.number, int):
        return float(scored.number), []
    weight = maximum(scored.number, ALMOST_NONE)
    return weight.astype(scored.loss.dtype), [weight]


def _can_merge(metric: Metric) -> bool:
    return metric.recorded and metric.merge([metric.state_dict()]) is not None


# ------------------------------------------------------------------------------------ sums


class ShardSums(Sums):
    """What one measuring has seen, for each shard alone; merged in the order of their numbers.

    Metrics that can be merged hold the sums of one shard at a time.
    """

    def __init__(self, sharded: Sharded) -> None:
        self.sharded, self.world = sharded, sharded.world
        super().__init__(sharded.inside)
        self._shown = (sharded.trainer.mean_loss, *sharded.trainer.metrics)
        self._outside = Sums(sharded.outside)
        self._tensors = [metric.tensors() for metric in self.metrics]
        self._at: int | None = None  # the shard whose sums the metrics hold
        self._seen: dict[int, list[State]] = {}  # of the shards of this process
        self._batch = 0
        self._kept: dict[
            int, list[list[Array]]
        ] = {}  # by batch: what metrics have still to be handed

    # -------------------------------------------------------------------- whose turn it is

    def _bring_back(self, metric: Metric) -> None:
        self._load(self.metrics.index(metric), self._at)

    def _put_aside(self, metric: Metric) -> None:
        if not self.done:
            self._keep(self.metrics.index(metric), self._at)

    def at(self, shard: int | None) -> None:
        """Let the metrics go on with the sums of a shard; None: with what nobody will ask for."""
        self.take()
        if shard == self._at and shard is not None:
            return
        for number in range(len(self.metrics)):
            self._keep(number, self._at)
            self._load(number, shard)
        self._at = shard

    def _keep(self, number: int, shard: int | None) -> None:
        if shard is None:
            return
        seen = self._of(shard)[number]
        for name, tensor in self._tensors[number].items():
            if name in seen and seen[name].shape == tensor.shape:
                np.copyto(seen[name], tensor.data)
            else:
                seen[name] = tensor.data.copy()

    def _load(self, number: int, shard: int | None) -> None:
        seen = {} if shard is None else self._of(shard)[number]
        if not seen:
            self.metrics[number].reset()
        for name, values in seen.items():
            tensor = self._tensors[number][name]
            if tensor.shape == values.shape:
                np.copyto(tensor.data, values)
            else:  # the first batch gives some their shape
                tensor.data = values.copy()

    def _of(self, shard: int) -> list[State]:
        if shard not in self._seen:
            self._seen[shard] = [{} for _ in self.metrics]
        return self._seen[shard]

    # -------------------------------------------------------------------- metrics of whole batches

    def next(self) -> int:
        """The number of the batch that comes, from 0."""
        self._batch += 1
        return self._batch - 1

    def keep(self, number: int, columns: list[list[Array]]) -> None:
        """Take note of what metrics are to be handed of a whole batch, or a shard."""
        if columns:
            self._kept[number] = columns

    def hand_on_kept(self) -> None:
        """Hand it to them, in the order of the numbers, in all processes."""
        if self.sharded.outside:
            found = self.world.gather(self._kept, what="what metrics are handed")
            columns = {number: given for kept in found for number, given in kept.items()}
            self._outside.take()
            for number in sorted(columns):
                self.sharded.trainer.hand_on(self.sharded.outside, columns[number])
            self._kept = {}

    # -------------------------------------------------------------------- results

    def logs(self, recorded: bool = False) -> Logs:
        """The results so far, by name; if asked, only of those that are cheap at any time."""
        self.hand_on_kept()
        self._merge()
        self._outside.take()
        shown = (m for m in self._shown if m.scalar and (m.recorded or not recorded))
        return {m.name: m.result() for m in shown}

    def _merge(self) -> None:
        """Let the metrics hold what all shards have seen together."""
        states = self._states()
        self.at(None)
        for number, metric in enumerate(self.metrics):
            merged = metric.merge([seen[number] for seen in states if seen[number]])
            if merged is not None:
                metric.load_state_dict(merged)

    def _states(self) -> list[list[State]]:
        """What each shard has seen, of all processes."""
        self.at(None)
        own = [self._of(shard) for shard in self.sharded.own]
        return [seen for part in self.world.gather(own, what="sums of metrics") for seen in part]

    def results(self) -> Logs:
        """The results in the end."""
        logs = self.logs()
        self.sharded.look_at(logs["loss"])
        self.done = True
        return logs

    def state_dict(self) -> list[Any]:
        """What was seen, of each shard; and by metrics that are handed whole batches."""
        return [self._states(), self._outside.state_dict()]

    def load_state_dict(self, state: list[Any]) -> None:
        """Go on from there."""
        states, outside = state
        self.at(None)
        self._seen = {shard: states[shard] for shard in self.sharded.own}
        self._outside.load_state_dict(outside)
