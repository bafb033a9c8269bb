"""RNN, LSTM and GRU as files describe them, with AXON's recurrence inside."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np

from axon import activations, ops
from axon.backend import Array, DType
from axon.core import Tensor
from axon.onnx.run.operators.budget import STEP, spend
from axon.onnx.run.operators.elementwise import hard_sigmoid
from axon.onnx.run.operators.operand import Data, as_tensor
from axon.onnx.run.operators.table import Context, operator
from axon.ops.cells import CELLS, Cell, gru_before, parts
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
    "thresholdedrelu": lambda x, alpha=1.0: ops.where(x > alpha, x, 0.0),
}
BOTH = ("hardsigmoid", "scaledtanh", "affine")
TAKES = {"alpha": ("leakyrelu", "elu", "thresholdedrelu", *BOTH), "beta": BOTH}
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
    clip: float = 0.0  # what enters an activation is kept between -clip and clip, if it is set
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
        function = partial(FUNCTIONS[low], **numbers) if numbers else FUNCTIONS[low]
        clipped = options.clip > 0 and len(found) % count < 2  # not what an LSTM makes of c
        found.append(partial(_clipped, function, options.clip) if clipped else function)
    if len(found) != count * directions:
        raise ValueError(f"activations {names} are not {count} for each direction.")
    return [found[i : i + count] for i in range(0, len(found), count)]


def _clipped(function: Function, limit: float, x: Tensor) -> Tensor:
    return function(x.clip(-limit, limit))


class GateRules(NamedTuple):
    """How the gates of an LSTM differ from the usual ones.

    Attributes:
        peepholes: (directions, 3 * units), by which the gates i, o and k see c.
        coupled: whether k is 1 - i, and has no numbers of its own.
    """

    peepholes: Tensor | None = None
    coupled: bool = False


USUAL = GateRules()


def recurrent(
    recurrence: Recurrence,
    options: RecurrenceOptions,
    used: Sequence[int],
    x: Tensor,
    weights: tuple[Tensor, Tensor, Tensor | None],
    lengths: Data | None,
    first: list[Data | None],
    gates: GateRules = USUAL,
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
        gates: those of an LSTM.
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
        cell = _cell(recurrence, chosen, _of_direction(gates, d, r.shape[2]))
        made.append(_direction(recurrence, options, cell, sequence, mask, of_one, start))
    numbers = range(1 + len(first))
    return [result_of(recurrence, options, made, real, i) if i in used else None for i in numbers]


def _direction(
    recurrence: Recurrence,
    options: RecurrenceOptions,
    run: Callable[..., Tensor],
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
    return run(p, mask, cell=recurrence.name, time=time)


def _of_direction(gates: GateRules, d: int, units: int) -> GateRules:
    """The gates of one direction, whose peepholes are (3 * units,)."""
    if gates.peepholes is None:
        return gates
    if gates.peepholes.shape[1:] != (3 * units,):
        raise ValueError(f"peepholes {gates.peepholes.shape} do not fit {units} units.")
    return gates._replace(peepholes=gates.peepholes[d])


def _cell(
    recurrence: Recurrence, chosen: list[Function], gates: GateRules
) -> Callable[..., Tensor]:
    """The compiled recurrence for the usual gates and activations, else single operations."""
    usual = [FUNCTIONS[name.lower()] for name in recurrence.usual]
    plain = gates.peepholes is None and not gates.coupled
    if chosen == usual and not recurrence.before and plain:
        return ops.recurrence
    textbook: Callable[..., object] = gru_before if recurrence.before else recurrence.cell.textbook
    given: dict[str, Any] = {"f": chosen[-1]}
    if recurrence is LSTM:
        textbook, given = _lstm_step, {"chosen": chosen, "gates": gates}
    elif recurrence is not RNN:
        given["s"] = chosen[0]
    return partial(unrolled, textbook=partial(textbook, **given))


def _lstm_step(
    z: Tensor,
    r: Tensor,
    b: Tensor | None,
    h: Tensor,
    c: Tensor,
    *,
    chosen: list[Function],
    gates: GateRules,
) -> tuple[list[Tensor], list[Tensor]]:
    """An LSTM with any activations; i and k may see c, and o the c of after the step.

    Columns: input gate i, forget gate k (keep), candidate g, output gate o.
    """
    (s, f, last), units = chosen, h.shape[1]
    i, k, g, o = parts(z + h @ r, 4)
    p_i = p_o = p_k = None
    if gates.peepholes is not None:
        p_i, p_o, p_k = (gates.peepholes[n * units : (n + 1) * units] for n in range(3))
    i = s(_seeing(i, c, p_i))
    k = 1.0 - i if gates.coupled else s(_seeing(k, c, p_k))
    g = f(g)
    c_new = k * c + i * g
    o = s(_seeing(o, c_new, p_o))
    return [i, k, g, o], [o * last(c_new), c_new]


def _seeing(gate: Tensor, c: Tensor, peephole: Tensor | None) -> Tensor:
    return gate if peephole is None else gate + c * peephole


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
    input_forget: int = 0,
    options: RecurrenceOptions,
    context: Context,
) -> list[Tensor | None]:
    """c' = k c + i g and h' = o f(c'), of the gates i, k, g, o, which peepholes ``p`` let see c."""
    gates, weights = GateRules(p, bool(input_forget)), (w, r, b)
    return recurrent(LSTM, options, context.used, x, weights, lengths, [h, c], gates)


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
