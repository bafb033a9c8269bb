"""From a table's values to an ensemble that has learned them; and back, to answers."""

from collections.abc import Callable
from math import exp, log
from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.blas import one_blas_thread
from axon.core import Tensor
from axon.modes import no_grad
from axon.program import lowerings
from axon.tabular.choices import Choices, hold_out
from axon.tabular.columns import Values
from axon.tabular.encoding import Encoded, Encoder
from axon.tabular.network import Ensemble
from axon.tabular.objectives import Goal
from axon.tabular.training import Training

LOOKED_AT = 1024  # rows from which the weights begin
BLOCK = 1024  # rows that are predicted at a time
ENCODED = 4096  # rows that are encoded at a time
SPREAD = 10**7  # numbers: rows of more are not spread out to bins where NumPy learns
COMPILED = 3e10  # multiplications: NumPy takes two seconds or so; ten such fits pay for compiling
FEW = 16
COOLEST, WARMEST, TRIES = 0.3, 3.0, 24  # temperatures
DOUBT = 3.0  # how many rows it takes to believe in another temperature than 1


class Fitted(NamedTuple):
    """An ensemble, and what goes before and behind it.

    Attributes:
        encoder: makes rows of a table's values.
        net: the ensemble.
        objective: what its outputs mean.
        temperature: what logits are divided by, so that probabilities are calibrated.
        losses: of the mean prediction of held rows, after each epoch.
        best: the epoch whose weights were kept.
    """

    encoder: Encoder
    net: Ensemble
    objective: Goal
    temperature: float
    losses: list[float]
    best: int

    def answers(self, values: Values, chosen: Array | None = None) -> Array:
        """The mean answer (n, outputs) for each row: of all members, or of the chosen ones.

        Args:
            values: the rows.
            chosen: (n, members), 1 for those that are asked.
        """
        n = len(values.numbers)
        made = np.empty((n, self.net.outputs))
        for start in range(0, n, BLOCK):
            part = slice(start, start + BLOCK)
            z = outputs(self.net, columns_of(self.encoder.transform(_some(values, part))))
            asked = None if chosen is None else chosen[part]
            made[part] = self.objective.mean(z / self.temperature, asked)
        return made


def demand_fitted(model: object) -> None:
    """Demand that an estimator has learned.

    Raises:
        NotFittedError: it has not.
    """
    if "fitted_" not in vars(model):
        from sklearn.utils.validation import check_is_fitted  # whose error it is

        check_is_fitted(model, "fitted_")


def outputs(net: Ensemble, columns: list[Array]) -> Array:
    """What each member says of rows: (n, members, outputs), by NumPy's kernels.

    Rows are filled up to a power of 2, so that a row has the same bits among few and many.
    """
    n = len(columns[0])
    rows = np.minimum(np.arange(max(FEW, 1 << (n - 1).bit_length())), n - 1)
    with one_blas_thread, no_grad():
        made: Array = net.forward(*(Tensor(c[rows]) for c in columns)).data
    return made[:n]


def _some(values: Values, rows: Array | slice) -> Values:
    """Some of the rows."""
    return values._replace(numbers=values.numbers[rows], codes=values.codes[rows])


def columns_of(encoded: Encoded) -> list[Array]:
    """What an ensemble's ``forward`` takes."""
    ids = [encoded.ids.astype(np.int64)] if encoded.ids.shape[1] else []
    return [encoded.x, *ids]


def learn(
    values: Values,
    y: Array,
    parts: Array,
    objective: Goal,
    choices: Choices,
    rng: np.random.Generator,
    counts: Array,
    enough: Callable[[int, float], bool] = lambda epoch, loss: False,
) -> tuple[Fitted, Array]:
    """Encode, begin, train, calibrate.

    Args:
        values: the table's.
        y: targets (n, outputs), as the objective wants them.
        parts: (n,) what to stratify by.
        objective: what is to become small.
        choices: how large, how long.
        rng: where all chance comes from.
        counts: (n,) how much each row counts.
        enough: is told of each epoch and its loss; True ends the training.

    Returns:
        what was learned; and which rows (n, members) each member never saw.
    """
    encoder = Encoder.fit(values, choices.bins, kept=choices.kept)
    held = hold_out(parts, choices, rng)
    net = _network(encoder, values, objective, y, choices, rng)
    compiled = worth_compiling(net, len(y), choices.plan.epochs)
    compact = bool(net.bins) and (_compiles(compiled) or len(y) * net.inputs > SPREAD)
    columns = compact_columns(encoder, values) if compact else columns_of(encoder.transform(values))
    weights = (~held).astype(np.float32)
    weights *= (counts / counts.mean()).astype(np.float32)[:, None]
    given = net, columns, y, weights, held, objective, choices.plan, rng, counts, enough
    training = Training(*given, compact=compact, compiled=compiled).run()
    temperature = _temperature(training) if objective.probabilities else 1.0
    fitted = Fitted(encoder, net, objective, temperature, training.history, training.best)
    return fitted, held


def out_of_fold(fitted: Fitted, values: Values, held: Array) -> Array:
    """Answers (n, outputs) of the members that never saw a row; NaN where all of them did."""
    made = np.full((len(held), fitted.net.outputs), np.nan)
    rows = np.flatnonzero(held.any(axis=1))
    made[rows] = fitted.answers(_some(values, rows), held[rows].astype(np.float32))
    return made


def worth_compiling(net: Ensemble, rows: int, epochs: int) -> bool:
    """Whether so much is to be learned that compiled kernels pay, if the user leaves it open.

    By sizes alone, so that the bits are the same whatever was compiled before.

    >>> net = Ensemble(340, members=8)
    >>> worth_compiling(net, 400, 24), worth_compiling(net, 5000, 24)
    (False, True)
    """
    return 3 * sum(p.size for p in net.parameters()) * rows * epochs > COMPILED


def _compiles(worth: bool) -> bool:
    """Whether compiled kernels will do it, as far as settings tell."""
    return lowerings.setting() != "numpy" if worth else lowerings.setting() in lowerings.LOWERINGS


def compact_columns(encoder: Encoder, values: Values) -> list[Array]:
    """What an ensemble's ``forward_compact`` takes, in as few bytes as it can be."""
    n, c, rest = len(values.numbers), len(encoder.bins), encoder.width - encoder.places
    x, fractions = np.empty((n, rest), np.float32), np.empty((n, c), np.float32)
    places = np.empty((n, c), np.min_scalar_type(max(encoder.bins)))
    codes = np.empty((n, len(encoder.large)), np.int32)
    starts = np.cumsum([0, *encoder.bins])[:-1]
    for start in range(0, n, ENCODED):
        part = slice(start, start + ENCODED)
        x[part], bins, fractions[part], codes[part] = encoder.compact(_some(values, part))
        places[part] = bins - starts
    return [x, places, fractions, *([codes] if codes.shape[1] else [])]


def _network(
    encoder: Encoder,
    values: Values,
    objective: Goal,
    y: Array,
    choices: Choices,
    rng: np.random.Generator,
) -> Ensemble:
    net = Ensemble(
        *(encoder.width, choices.members, choices.widths, objective.outputs(y)),
        activation=objective.activation,
        sizes=tuple(encoder.sizes[i] for i in encoder.large),
        bins=encoder.bins,
        at=len(encoder.center) + len(encoder.gaps),
        groups=max(choices.folds, 1),
    )
    rows = rng.permutation(len(y))[:LOOKED_AT]
    x, *codes = columns_of(encoder.transform(_some(values, rows)))
    net.begin(x, codes, rng, _scale(encoder, choices))
    net.biases[-1].data[...] = objective.beginning(y)
    return net


def _scale(encoder: Encoder, choices: Choices) -> Array:
    """How large inputs (inputs, members) are at first; 0: bins, for every other group of members.

    Sums over bins begin as rough as chance can be; the smaller bins are, the more of the smooth
    numbers beside them is seen.
    """
    scale = np.ones((encoder.width, choices.members), np.float32)
    start = len(encoder.center) + len(encoder.gaps)
    end = start + encoder.places
    scale[start:end], scale[end:] = choices.bin_scale, choices.category_scale
    if choices.mixed:
        scale[start:end] *= np.arange(choices.members) // max(choices.folds, 1) % 2
    return scale


def _temperature(training: Training) -> float:
    """What makes the held rows likely; the fewer there are, the nearer to 1.

    Where all of a few rows are right, nothing but that tells how sure one may be of others. A held
    row is predicted by m members of k, and the mean of more errs less: T = a + b / m, as the
    variance of a mean; from m and from single members it is followed to k.
    """
    tried = np.linspace(log(COOLEST), log(WARMEST), TRIES)
    costs = np.array([_costs(training, log_t) for log_t in tried.tolist()])
    together, alone = (exp(_lowest(tried, column)) for column in costs.T)
    m, k = float(training.hidden.sum(axis=1).mean()), training.hidden.shape[1]
    if m > 1:
        together -= (alone - together) / (1 - 1 / m) * (1 / m - 1 / k)
    return min(max(together, COOLEST), WARMEST)


def _costs(training: Training, log_t: float) -> tuple[float, float]:
    """The loss of held rows at a temperature: of members' mean, and of a member on average."""
    objective, hidden = training.objective, training.hidden
    y, counts = training.y[training.held], training.counts[training.held]
    doubt = DOUBT / len(training.held) * log_t**2
    p = objective.answers(training.raw.astype(np.float64) / exp(log_t))
    mean = np.einsum("nko,nk->no", p, hidden) / hidden.sum(axis=1, keepdims=True)
    each = np.stack([objective.losses(p[:, i], y) for i in range(hidden.shape[1])], axis=1)
    alone = np.average(each, weights=hidden * counts[:, None])
    return objective.score(mean, y, counts) + doubt, float(alone) + doubt


def _lowest(x: Array, costs: Array) -> float:
    """Where a parabola through the lowest of evenly spaced points and its neighbours is lowest."""
    i = int(np.clip(costs.argmin(), 1, len(x) - 2))
    before, here, after = costs[i - 1 : i + 2].tolist()
    bend = before - 2 * here + after
    shift = (before - after) / (2 * bend) if bend > 0 else 0.0
    return float(x[i] + min(max(shift, -1.0), 1.0) * (x[1] - x[0]))
