"""RNN, LSTM and GRU as files describe them, with AXON's recurrence inside."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np

from axon import activations, ops
from axon.backend import Array, DType
from axon.core import Tensor
from axon.onnx.run.operators.budget import STEP, spend
from axon.onnx.run.operators.elementwise import hard_sigmoid
from axon.onnx.run.operators.operand import Data, as_tensor
from axon.onnx.run.operators.table import Context, operator
from axon.ops.cells import CELLS, Cell, gru_before
from axon.ops.recurrent import unrolled

Function = Callable[[Tensor], Tensor]
Given = Array | Tensor | None  # an array is known before the network runs

FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "relu": activations.relu,
    "tanh": activations.tanh,
    "sigmoid": activations.sigmoid,
    "softsign": activations.softsign,
    "softplus": activations.softplus,
    "leakyrelu": lambda x, alpha=0.01: activations.leaky_relu(x, negative_slope=alpha),
    "elu": lambda x, alpha=1.0: activations.elu(x, alpha=alpha),
    "hardsigmoid": hard_sigmoid,
    "scaledtanh": lambda x, alpha=1.0, beta=1.0: activations.tanh(x * beta) * alpha,
    "affine": lambda x, alpha=1.0, beta=0.0: x * alpha + beta,
}
TAKES: dict[str, tuple[str, ...]] = {
    "alpha": ("leakyrelu", "elu", "hardsigmoid", "scaledtanh", "affine")
}
TAKES["beta"] = TAKES["alpha"][2:]
NEEDS = {"scaledtanh": ("alpha", "beta"), "affine": ("alpha",)}  # the standard names no usual ones


class Recurrence(NamedTuple):
    """What a file and AXON call the same recurrence, and how they order its gates."""

    name: str  # of AXON's cell
    usual: list[str]  # activations of one direction
    gates: list[int]  # AXON's gates among the file's
    before: bool = False  # whether a GRU resets h before the product with R, unlike AXON's

    @property
    def cell(self) -> Cell:
        """What AXON computes at each step."""
        return CELLS[self.name]

    def reordered(self, p: Tensor, units: int) -> Tensor:
        """The gates, side by side along the last axis, in AXON's order."""
        if self.gates == sorted(self.gates):
            return p
        return ops.concatenate([p[..., i * units : (i + 1) * units] for i in self.gates], axis=-1)


RNN = Recurrence("simple_rnn", ["Tanh"], [0])
LSTM = Recurrence("lstm", ["Sigmoid", "Tanh", "Tanh"], [0, 2, 3, 1])
GRU = Recurrence("gru", ["Sigmoid", "Tanh"], [0, 1, 2])


class RecurrenceOptions(NamedTuple):
    """The attributes that all three have."""

    activation_alpha: list[float] | None = None
    activation_beta: list[float] | None = None
    activations: list[str] | None = None
    clip: Literal[0] = 0
    direction: Literal["forward", "reverse", "bidirectional"] = "forward"
    hidden_size: int | None = None
    layout: int = 0  # 1: samples come first

    @property
    def backwards(self) -> list[bool]:
        """Of each direction, whether it reads from the end."""
        return {"forward": [False], "reverse": [True]}.get(self.direction, [False, True])


def functions(recurrence: Recurrence, options: RecurrenceOptions) -> list[list[Function]]:
    """The activations of each direction.

    Raises:
        ValueError: an unknown one.

    >>> [f.__name__ for f in functions(GRU, RecurrenceOptions())[0]]
    ['sigmoid', 'tanh']
    """
    count, directions = len(recurrence.usual), len(options.backwards)
    names = options.activations or recurrence.usual * directions
    given = {"alpha": options.activation_alpha, "beta": options.activation_beta}
    rest = {key: list(numbers or ()) for key, numbers in given.items()}
    found: list[Function] = []
    for name in names:
        low = name.lower()
        if low not in FUNCTIONS:
            raise ValueError(f"activation {name!r} is not supported.")
        numbers = {k: rest[k].pop(0) for k, takers in TAKES.items() if low in takers and rest[k]}
        for key in NEEDS.get(low, ()):
            if key not in numbers:
                raise ValueError(f"activation {name!r} without its activation_{key} is not known.")
        found.append(partial(FUNCTIONS[low], **numbers) if numbers else FUNCTIONS[low])
    if len(found) != count * directions:
        raise ValueError(f"activations {names} are not {count} for each direction.")
    return [found[i : i + count] for i in range(0, len(found), count)]


def recurrent(
    recurrence: Recurrence,
    options: RecurrenceOptions,
    used: Sequence[int],
    x: Tensor,
    weights: tuple[Tensor, Tensor, Tensor | None],
    lengths: Data | None,
    first: list[Data | None],
) -> list[Tensor | None]:
    """Y (time, directions, n, units), Y_h and Y_c (directions, n, units), those that are used.

    Args:
        recurrence: its cell and gates.
        options: its attributes.
        used: the numbers of the results that are read.
        x: (time, n, features); with ``layout=1`` (n, time, features), as are the results.
        weights: (directions, gates * units, features), (directions, gates * units, units), and
            perhaps a bias (directions, 2 * gates * units).
        lengths: (n,), how many steps are real.
        first: h, and c of an LSTM, at the start (directions, n, units).
    """
    w, r, bias = weights
    if options.layout:
        x = x.transpose(1, 0, 2)
        first = [f if f is None else as_tensor(f).transpose(1, 0, 2) for f in first]
    time, n, _ = x.shape
    real = real_steps(lengths, time, n)
    spend("work", time * (STEP + n * (w.size + r.size)))
    made = []
    for d, (chosen, back) in enumerate(
        zip(functions(recurrence, options), options.backwards, strict=True)
    ):
        start = [first_state(f, d, n, r.shape[2], x.dtype) for f in first]
        mask = real[:, ::-1] if back and real is not None else real
        sequence = x[::-1] if back else x
        of_one = w[d], r[d], None if bias is None else bias[d]
        made.append(_direction(recurrence, options, chosen, sequence, mask, of_one, start))
    numbers = range(1 + len(first))
    return [result_of(recurrence, options, made, real, i) if i in used else None for i in numbers]


def _direction(
    recurrence: Recurrence,
    options: RecurrenceOptions,
    chosen: list[Function],
    x: Tensor,
    mask: Tensor | None,
    weights: tuple[Tensor, Tensor, Tensor | None],
    start: list[Tensor],
) -> Tensor:
    """Gates and states (gates + states, time + 1, n, units), in the order of reading."""
    (w, r, bias), (time, n, features), cell = weights, x.shape, recurrence.cell
    units = r.shape[1]
    if options.hidden_size not in (None, units):
        said = options.hidden_size
        raise ValueError(f"hidden_size={said} does not fit weights of {units} units.")
    if w.shape != (cell.gates * units, features) or r.shape != (cell.gates * units, units):
        raise ValueError(f"weights {w.shape} and {r.shape} do not fit {features} features.")
    w, r = (recurrence.reordered(p.transpose(1, 0), units) for p in (w, r))
    b, product_bias = _biases(recurrence, bias, units, x.dtype)
    below = [product_bias.reshape(1, cell.gates * units)] if cell.biased else []
    begin = start[0] if len(start) == 1 else ops.concatenate(start)
    p = ops.recurrent_input(x.reshape(time * n, features), w, b, r, *below, begin)
    mask = Tensor(np.zeros((n, 0), bool)) if mask is None else mask
    return _cell(recurrence, chosen)(p, mask, cell=recurrence.name, time=time)


def _cell(recurrence: Recurrence, chosen: list[Function]) -> Callable[..., Tensor]:
    """The compiled recurrence for the usual activations, else one of single operations."""
    usual = [FUNCTIONS[name.lower()] for name in recurrence.usual]
    if chosen == usual and not recurrence.before:
        return ops.recurrence
    if recurrence is LSTM and chosen[1] is not chosen[2]:
        raise ValueError("an LSTM whose two state activations differ is not supported.")
    textbook: Callable[..., object] = gru_before if recurrence.before else recurrence.cell.textbook
    given = {"f": chosen[0]} if recurrence is RNN else {"f": chosen[1], "s": chosen[0]}
    return partial(unrolled, textbook=partial(textbook, **given))


def _biases(
    recurrence: Recurrence, bias: Tensor | None, units: int, dtype: DType
) -> tuple[Tensor, Tensor]:
    """That of the inputs, and that of the product with h."""
    width = recurrence.cell.gates * units
    nothing = Tensor(np.zeros(width, dtype))
    if bias is None:
        return nothing, nothing
    if bias.shape != (2 * width,):
        raise ValueError(f"a bias of {bias.shape} is not (2 * gates * units,) = {(2 * width,)}.")
    b, product_bias = bias[:width], bias[width:]
    if recurrence.cell.biased and not recurrence.before:
        return b, product_bias
    return recurrence.reordered(b + product_bias, units), nothing


def first_state(given: Data | None, d: int, n: int, units: int, dtype: DType) -> Tensor:
    """The states at the start (n, units); those for one sample count for all."""
    if given is None:
        return Tensor(np.zeros((n, units), dtype))
    row = as_tensor(given)[d]
    known = given if isinstance(given, np.ndarray) else None
    same = known is not None and bool((known == known[:, :1]).all())
    alike = row.shape[0] == 1 or same
    if row.shape[0] != n and alike:  # the file was made for another number of samples
        return ops.broadcast_to(row[:1], shape=(n, units))
    if row.shape != (n, units):
        raise ValueError(f"a state of shape {row.shape} is not (n, units) = {(n, units)}.")
    return row


def real_steps(lengths: Data | None, time: int, n: int) -> Tensor | None:
    """Truth values (n, time) of the steps that are no padding; None if all are real."""
    if lengths is None or (isinstance(lengths, np.ndarray) and bool((lengths == time).all())):
        return None
    counts = as_tensor(lengths).reshape(-1, 1)
    if counts.shape[0] != n:
        raise ValueError(f"{counts.shape[0]} lengths for {n} samples.")
    return ops.less(Tensor(np.arange(time, dtype=counts.dtype)[None]), counts)


def result_of(
    recurrence: Recurrence,
    options: RecurrenceOptions,
    made: list[Tensor],
    real: Tensor | None,
    number: int,
) -> Tensor:
    """All states, or with ``number`` 1 or 2 the last h or c of each direction."""
    states = [y[recurrence.cell.saved + (number == 2)] for y in made]  # (time + 1, n, units)
    if number > 0:
        last = [h[-1] for h in states]
        y = last[0][None] if len(last) == 1 else ops.stack(last)
        return y.transpose(1, 0, 2) if options.layout else y
    pairs = zip(states, options.backwards, strict=True)
    steps = [h[1:][::-1] if back else h[1:] for h, back in pairs]  # (time, n, units)
    if real is not None:
        keep = real.transpose(1, 0)[..., None].astype(states[0].dtype)
        steps = [h * keep for h in steps]
    y = steps[0][:, None] if len(steps) == 1 else ops.stack(steps, axis=1)
    return y.transpose(2, 0, 1, 3) if options.layout else y


# ------------------------------------------------------------------------------------ operators


@operator("RNN")
def rnn(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    lengths: Given = None,
    h: Given = None,
    /,
    *,
    options: RecurrenceOptions,
    context: Context,
) -> list[Tensor | None]:
    """h' = f(x W + h R + b), of each direction."""
    return recurrent(RNN, options, context.used, x, (w, r, b), lengths, [h])


@operator("LSTM")
def lstm(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    lengths: Given = None,
    h: Given = None,
    c: Given = None,
    p: Tensor | None = None,
    /,
    *,
    input_forget: Literal[0] = 0,
    options: RecurrenceOptions,
    context: Context,
) -> list[Tensor | None]:
    """c' = k c + i g and h' = o f(c'), of the gates i, k, g, o; without peepholes ``p``."""
    if p is not None:
        raise ValueError("peepholes (input P) are not supported.")
    return recurrent(LSTM, options, context.used, x, (w, r, b), lengths, [h, c])


@operator("GRU")
def gru(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    lengths: Given = None,
    h: Given = None,
    /,
    *,
    linear_before_reset: int = 0,
    options: RecurrenceOptions,
    context: Context,
) -> list[Tensor | None]:
    """h' = u h + (1 - u) g, with the reset before or after the product with R."""
    recurrence = GRU._replace(before=not linear_before_reset)
    return recurrent(recurrence, options, context.used, x, (w, r, b), lengths, [h])
