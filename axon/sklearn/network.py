"""The network of an estimator: built from its parameters, or a copy of the one it was given."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from functools import partial

import numpy as np

from axon import activations
from axon.backend import Array, DType
from axon.blas import one_blas_thread
from axon.core import Tensor
from axon.layers import Activation, BatchNormalization, Dense, Dropout, Layer
from axon.layers.module import Module
from axon.layers.noise import WORDS, Noise
from axon.losses.cross_entropy import logits_of
from axon.models import Model, Sequential
from axon.models.inputs import entry_dtype
from axon.models.prediction import FEW, rows_at_a_time
from axon.modes import GradMode, TrainingMode
from axon.parameter import Parameter
from axon.random import stream
from axon.sklearn.settings import Function, Parameters, Sparse, dense
from axon.threads import share

SPELLINGS = {"identity": "linear", "logistic": "sigmoid"}  # scikit-learn's -> AXON's
NAMES = {"linear": "identity", "sigmoid": "logistic"}  # and back


def network_of(
    estimator: Parameters,
    n_features: int,
    widths: Sequence[int],
    last: str,
    ending: Sequence[Layer] = (),
) -> Model:
    """Make the network, built for rows of ``n_features`` numbers.

    Args:
        estimator: whose parameters say what it is like.
        n_features: numbers in a row.
        widths: how many numbers may come out; as many as the first, if there is a choice.
        last: the activation behind the last layer, unless a network was given.
        ending: layers behind that, likewise.

    Raises:
        ValueError, TypeError: the parameters do not make a network of so many outputs.
    """
    given, n_outputs = estimator.network, widths[0]
    if given is None:
        made: Model = Sequential([*_layers(estimator, n_outputs, last), *ending])
    elif isinstance(given, Module):
        made = deepcopy(given)  # type: ignore[assignment]
        _reseed(made)
    elif callable(given):
        made = given(n_features, n_outputs) if _takes_sizes(given) else given()
    else:
        made = given
    if not isinstance(made, Model):
        raise TypeError(
            f"{type(estimator).__name__}: network must be a Sequential, or a function (n_features, "
            f"n_outputs) that returns one, got {made!r}."
        )
    made.build((n_features,))
    _demand_outputs(type(estimator).__name__, made, widths)
    return made


def _takes_sizes(function: Function) -> bool:
    """Whether a function is given the sizes: not if its network is for one data set only."""
    from inspect import signature

    named = signature(function).parameters.values()
    return any(p.kind is not p.KEYWORD_ONLY and p.kind is not p.VAR_KEYWORD for p in named)


def _demand_outputs(owner: str, network: Model, widths: Sequence[int]) -> None:
    if network.output_shape not in [(width,) for width in widths]:
        shapes = " or ".join(f"(n, {width})" for width in widths)
        got = ", ".join(map(str, ("n", *(network.output_shape or ()))))
        raise ValueError(
            f"{owner}: the network must return an array of shape {shapes} for "
            f"these targets, got ({got}). End it with Dense({widths[0]}), or pass a function "
            "(n_features, n_outputs) that builds it."
        )


def _reseed(network: Module) -> None:
    """Let ``random_state`` decide what a copy draws, and not when the original was made."""
    for module in network.modules():
        if isinstance(module, Noise) and module.seed is None:
            drawn = int(stream(module.draws_from).integers(WORDS))
            module.seed_state.assign(np.array([drawn, 0], np.uint32))


def _layers(estimator: Parameters, n_outputs: int, last: str) -> Iterable[Layer]:
    """Dense layers, each with what the parameters put behind it, and the one for the outputs."""
    sizes = _sizes(estimator)
    function = activation_of(estimator.activation)
    for size, rate in zip(sizes, _rates(estimator, len(sizes)), strict=True):
        if estimator.batch_norm:
            yield Dense(size, use_bias=False, dtype=estimator.dtype)
            yield BatchNormalization(dtype=estimator.dtype)
            yield Activation(function, dtype=estimator.dtype)
        else:
            yield Dense(size, activation=function, dtype=estimator.dtype)
        if rate:
            yield Dropout(rate, dtype=estimator.dtype)
    yield Dense(n_outputs, activation=last, dtype=estimator.dtype)


def activation_of(activation: str | Function) -> Function:
    """An activation by its name, AXON's or scikit-learn's."""
    if isinstance(activation, str):
        activation = SPELLINGS.get(activation, activation)
    return activations.get(activation)


def _sizes(estimator: Parameters) -> list[int]:
    given = estimator.hidden_layer_sizes
    sizes = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    if not all(isinstance(s, int | np.integer) and s > 0 for s in sizes):
        raise ValueError(
            f"{type(estimator).__name__}: hidden_layer_sizes must be > 0: the number of neurons in "
            f"each hidden layer, such as (100,) or (64, 32), got {given!r}."
        )
    return [int(size) for size in sizes]


def _rates(estimator: Parameters, count: int) -> list[float]:
    """How much each hidden layer leaves out."""
    given = estimator.dropout
    if not isinstance(given, Iterable):
        return [given] * count
    rates = list(given)
    if len(rates) != count:
        raise ValueError(
            f"{type(estimator).__name__}: dropout must be one number, or one for each of the "
            f"{count} hidden layers, got {given!r}."
        )
    return rates


def kernels(network: Model) -> list[Parameter]:
    """The weights that ``alpha`` keeps small: of two axes or more, without a rule of their own."""
    found = network.parameters()
    return [p for p in found if p.ndim > 1 and p.regularizer is None and p.requires_grad]


def dense_layers(network: Model) -> list[Dense]:
    """The Dense layers, first to last."""
    return [module for module in network.modules() if isinstance(module, Dense)]


def outputs(network: Model, x: Array | Sparse, logits: bool = False) -> Array:
    """What comes out for rows (n, features), dense or sparse: row by row the same bits always.

    All is computed eagerly, by NumPy's kernels, in blocks of some fixed sizes: a matrix product
    may round a row differently in a block of another size. Blocks are filled up with their first
    row, and shared among threads.

    Args:
        network: a network that is built.
        x: the rows.
        logits: return what softmax or sigmoid, the last operation, is applied to.
    """
    n, size = x.shape[0], max(rows_at_a_time(network), FEW)
    starts = range(0, n, size)
    made = np.empty((n, *(network.output_shape or ())), network.parameters()[-1].dtype)

    def fill(start: int) -> None:
        part = slice(start, start + size)
        made[part] = _block(network, dense(x[part]), logits)

    with one_blas_thread:
        share(len(starts), lambda thread: [partial(fill, start) for start in starts])
    return made


def _block(network: Model, rows: Array, logits: bool) -> Array:
    n = len(rows)
    x = Tensor(_filled_up(rows, entry_dtype(network, rows.dtype)))
    x.requires_grad = logits and x.dtype.kind == "f"  # a graph: by it the logits are found
    with GradMode(logits), TrainingMode(False), np.errstate(over="ignore", invalid="ignore"):
        made: Tensor = network.forward(x)
    return (_before_last(made) if logits else made.data)[:n]


def _filled_up(rows: Array, dtype: DType) -> Array:
    """Rows, and their first one again until their number is a power of 2."""
    n = len(rows)
    size = max(FEW, 1 << (n - 1).bit_length())
    if n == size and rows.dtype == dtype and rows.flags.c_contiguous:
        return rows
    filled = np.empty((size, *rows.shape[1:]), dtype)
    filled[:n], filled[n:] = rows, rows[:1]
    return filled


def _before_last(p: Tensor) -> Array:
    """The logits behind probabilities; computed from these if the last operation is another."""
    for last in (activations.softmax, activations.sigmoid):
        if (found := logits_of(p, last)) is not None:
            return found.data
    tiny = np.finfo(p.dtype).tiny
    logarithms = np.log(np.maximum(p.data, tiny))
    return logarithms if p.shape[-1] > 1 else logarithms - np.log(np.maximum(1 - p.data, tiny))
