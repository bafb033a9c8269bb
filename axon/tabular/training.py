"""Training of an ensemble: all members at once, each on the rows that it may see.

After each epoch all rows that are held out are predicted, each by the members that have never seen
it; the weights of the epoch in which the *mean* of these predictions was best are kept.
"""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np

from axon.backend import Array, DType
from axon.blas import one_blas_thread
from axon.core import Tensor
from axon.layers import Dropout
from axon.models.feeds import ArrayFeed
from axon.modes import GradMode, TrainingMode, no_grad
from axon.optimizers import Adam
from axon.optimizers.schedules import CosineLogarithmic
from axon.program import Step
from axon.tabular.network import Ensemble
from axon.tabular.objectives import Goal

OTHERS, SCALE = 0.1, 6.0  # how fast biases, bends and embeddings learn; and the scale
MANY = 10**9  # steps: as many as make compiled kernels worth it for any network
JUDGED = 2048  # held rows, at most, by which an epoch is judged
SEEDS = 2**32
MEAN, SQUARES, EPSILON = 0.9, 0.95, 1e-8  # how slowly Adam forgets, and what it adds


class Course(NamedTuple):
    """How long and how fast an ensemble learns.

    Attributes:
        epochs: at most.
        patience: epochs without a better one, after which it ends.
        batch: rows in a step.
        rate: how far the weights of a neuron with one input move in a step, at first.
        decay: how much of the weights each step takes away, times the rate.
        dropout: share of what hidden layers say that is left out at random in each step.
        cycles: how often the rate rises and falls.
    """

    epochs: int = 30
    patience: int = 16
    batch: int = 128
    rate: float = 0.04
    decay: float = 0.0
    dropout: float = 0.0
    cycles: int = 3


class Training:
    """One run: the ensemble, the rows, who may see which, and what was best so far.

    Args:
        net: the ensemble, begun.
        columns: encoded rows and, perhaps, codes.
        y: targets, as ``objective`` wants them.
        weights: (n, members): how much each row counts for each member; 0 where it is held out.
        held: (n, members): which rows a member never sees.
        objective: what is to become small.
        plan: how long and how fast.
        rng: in which order rows are seen.
        counts: (n,) how much each row counts where they are judged.
        enough: is told of each epoch and its loss; True ends the run.
        compact: the columns are what ``Ensemble.forward_compact`` takes.
        compiled: compiled kernels are worth it, where "auto" leaves that open.
    """

    def __init__(
        self,
        net: Ensemble,
        columns: Sequence[Array],
        y: Array,
        weights: Array,
        held: Array,
        objective: Goal,
        plan: Course,
        rng: np.random.Generator,
        counts: Array,
        enough: Callable[[int, float], bool] = lambda epoch, loss: False,
        compact: bool = False,
        compiled: bool = False,
    ) -> None:
        self.enough = enough
        self.net, self.objective, self.plan, self.rng = net, objective, plan, rng
        self.forward = net.forward_compact if compact else net.forward
        self.ahead = MANY if compiled else 1
        self.columns, self.y, self.weights = list(columns), y, weights
        seen = np.flatnonzero(weights.any(axis=1))
        judged = np.flatnonzero(held.any(axis=1) & (counts > 0))
        self.held = np.sort(rng.permutation(judged)[:JUDGED])
        self.hidden = held[self.held].astype(np.float32)  # who never sees it
        self.counts = counts
        batch = min(plan.batch, max(1, len(seen)))
        entry = [_entry(c) for c in (*self.columns, y, weights)]
        self.feed = ArrayFeed([*self.columns, y, weights], entry, batch, seen)
        self.feed.size = len(seen)
        self.feed.steps = max(1, len(seen) // batch)
        names = [f"x{i}" for i in range(len(columns))]
        self.optimizer = self._optimizer()
        self.dropouts = self._dropouts()
        self.step = Step("learn", self._learn, [*names, "y", "weights"], state=self._changed)
        self.looking = Step("look", self._look, names)
        self.history: list[float] = []
        self.best, self.best_loss = 0, float(np.inf)

    def _optimizer(self) -> Adam:
        plan, named = self.plan, self.net.named_parameters()
        rate = CosineLogarithmic(plan.rate, plan.epochs * self.feed.steps, plan.cycles)
        decays = {name: float(name.startswith("weights")) for name in named}
        made = Adam(
            *(rate, MEAN, SQUARES, EPSILON),
            weight_decay=plan.decay or None,
            multipliers=paces(self.net),
            decay_multipliers=decays,
        )
        made.build([*named.values()], named)
        return made

    def _dropouts(self) -> list[Dropout]:
        share, layers = self.plan.dropout, len(self.net.widths)
        seeds = self.rng.integers(SEEDS, size=layers).tolist() if share else []
        return [Dropout(share, (1, None, None), seed) for seed in seeds]  # one mask for all members

    # -------------------------------------------------------------------- the programs

    def _learn(self, *columns: Tensor) -> list[Tensor]:
        """Forward, backward and update."""
        *x, y, weights = columns
        self.optimizer.zero_grad()
        with GradMode(True), TrainingMode(True):
            loss = self.objective.loss(self.forward(*x), y, weights)
        loss.backward()
        self.optimizer.apply()
        return [loss]

    def _changed(self) -> list[Tensor]:
        """What a step of learning changes."""
        groups, iterations = self.optimizer.groups, self.optimizer.iterations
        kept = [t for g in groups for t in (g.memory.values, *g.state.values())]
        return [iterations, *kept, *(d.seed_state for d in self.dropouts)]

    def _look(self, *columns: Tensor) -> list[Tensor]:
        with no_grad(), TrainingMode(False):
            return [self.forward(*columns)]

    # -------------------------------------------------------------------- epochs

    def run(self) -> "Training":
        """Train until it gets no better; the best weights are in the ensemble then."""
        self.net.dropouts = self.dropouts
        try:
            one_blas_thread.run(self._run)
        finally:
            self.net.dropouts = []
        return self

    def _run(self) -> None:
        plan = self.plan
        self.step.expect(self.ahead)
        held = self.looking.inputs(*((c[self.held].shape, _entry(c)) for c in self.columns))
        for array, column in zip(held, self.columns, strict=True):
            array[...] = column[self.held]
        self.looking.expect(self.ahead)
        kept: list[Array] = []
        for epoch in range(plan.epochs):
            self._epoch()
            raw = self.looking.run(held)[0].copy()
            loss = self.judged(raw)
            self.history.append(loss)
            if loss < self.best_loss or not kept:
                self.best_loss, self.best = loss, epoch
                kept = [p.data.copy() for p in self.net.parameters()]
                self.raw = raw
            if self.enough(epoch, loss) or epoch - self.best >= plan.patience:
                break
        for p, values in zip(self.net.parameters(), kept, strict=True):
            p.data[...] = values

    def judged(self, raw: Array) -> float:
        """How good the mean of those who never saw a row is, over all held rows."""
        mean = self.objective.mean(raw, self.hidden)
        return self.objective.score(mean, self.y[self.held], self.counts[self.held])

    def _epoch(self) -> None:
        feed, size = self.feed, self.feed.batch_size
        self.rng.shuffle(feed.numbers)
        inputs = self.step.inputs(*feed.specs(size))
        done = 0
        while done < feed.steps:
            coming = self.optimizer.coming()
            self.step.run(inputs, (), feed, done * size, feed.steps - done, True, coming)
            self.optimizer.advance()
            done += self.step.done
        self.step.flush()


def _entry(column: Array) -> DType:
    """What a program reads of a column: whole numbers are kept in few bytes, but read in 8."""
    return np.dtype(np.int64) if column.dtype.kind in "iu" else column.dtype


def paces(net: Ensemble) -> dict[str, float]:
    """How fast each parameter learns: weights the more slowly the more of them a neuron adds up.

    >>> paces(Ensemble(4, widths=(16,)))["weights_1"]
    0.25
    """
    made = {p.name: OTHERS for p in net.parameters()}
    made.update((w.name, 1 / sqrt(w.shape[1])) for w in net.weights[1:])
    scales, firsts = [net.scale], [net.weights[0]]
    read = net.inputs + net.dim * len(net.sizes)  # by each member
    if net.bins:
        scales, firsts = [*scales, net.bin_scale], [*firsts, net.bin_weights]
    made.update((p.name, SCALE / sqrt(read)) for p in scales)
    made.update((p.name, 1 / sqrt(read)) for p in firsts)
    return made
