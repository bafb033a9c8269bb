"""Recurrent layers: a cell that reads a sequence step by step, from one end or from both."""

from typing import Any, Unpack

from axon import activations
from axon.backend import Array, Shape
from axon.checks import demand, integer
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer, LayerResult, one_by_one
from axon.layers.cells import (
    ONE_STEP,
    CellLayer,
    GateOptions,
    Gates,
    GivenStates,
    GRUGates,
    LSTMGates,
    SimpleGates,
    read_through,
)
from axon.layers.noise import Dropout
from axon.layers.options import LayerOptions
from axon.layers.reader import SequenceReader, told
from axon.names import resolve
from axon.ops.join import concatenate
from axon.program.changing import Rate


class ReaderOptions(GateOptions, total=False):
    """Keyword arguments of all recurrent layers, described by ``Recurrent``."""

    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    unroll: bool
    num_layers: int
    dropout_between: Rate


READING = set(ReaderOptions.__annotations__) - set(GateOptions.__annotations__)


class Recurrent(SequenceReader, Gates):
    """What SimpleRNN, LSTM and GRU share: (n, time, features) in, the state h out.

    Args:
        units: size of the state h.
        activation: of what enters the state; a function or its name.
        return_sequences: h after each step, (n, time, units); otherwise only the last, (n, units).
        return_state: the states after the last step come out, too: (y, h), for an LSTM (y, h, c).
        go_backwards: read from the last step to the first; outputs come in the order of reading.
        stateful: the states stay for the next batch, whose sequences go on where those of this one
            ended, sample by sample; ``reset_states`` lets them begin anew.
        unroll: accepted as Keras has it; it changes nothing: all steps are one instruction.
        num_layers: so many layers on top of one another, as PyTorch has them: each reads all that
            the one below it says. GivenStates are those of all, layer after layer.
        dropout_between: share of what passes from one of these layers to the next that is left out
            while training: PyTorch's ``dropout``.
        options: those of ``Gates``, such as use_bias, kernel_initializer, dropout (of the inputs of
            each layer, as Keras has it), recurrent_dropout.
    """

    num_layers: int = 1
    dropout_between: Rate = 0.0

    def __init__(
        self,
        units: int,
        activation: "str | activations.Activation | None" = "tanh",
        *,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        num_layers: int = 1,
        dropout_between: Rate = 0.0,
        **options: Unpack[GateOptions],
    ) -> None:
        super().__init__(units, activation, **options)
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful = bool(go_backwards), bool(stateful)
        self.unroll = bool(unroll)
        owner = type(self).__name__
        self.num_layers = integer(owner, "num_layers", num_layers)
        demand(
            not dropout_between or num_layers > 1,
            *(owner, "dropout_between", "0 where there is one layer", dropout_between),
            " It is for what passes between layers: give num_layers, or dropout.",
        )
        self.dropout_between = dropout_between
        if dropout_between:
            self.between = Dropout(
                dropout_between, None, self.seed, dtype=self.dtype, trainable=self._trainable
            )
        self.above: list[CellLayer] = []

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Sequences may have any length but 0."""
        features = self.input_shape[-1] if self.input_shape else None
        expected = f"(n, time, {features or 'features'})"
        if len(shape) != 3:
            hint = " One number for each step is x[..., None]." if len(shape) == 2 else ""
            raise self.misfit(expected, shape, hint)
        if not shape[1]:
            raise self.misfit(expected, shape, " A sequence has at least one step.")
        if features is not None and shape[2] != features:
            raise self.misfit(expected, shape)

    def create(self, *input_shapes: Shape) -> None:
        """Create W, R and, unless left out, b; and those of the layers above."""
        super().create(*input_shapes)
        if self.num_layers > 1:
            self.above = [self._cell() for _ in range(self.num_layers - 1)]
            for cell in self.above:
                cell.build((self.units,))

    def _cell(self) -> CellLayer:
        """A cell with the same arguments."""
        given = {k: v for k, v in self._arguments().items() if k not in READING}
        return ONE_STEP[self.cell](**{**given, "name": None, "trainable": self._trainable})

    @property
    def state_sizes(self) -> list[int]:
        """Those of all layers."""
        return [self.units] * (self.equations.states * self.num_layers)

    @property
    def states_in_words(self) -> str:
        """What the states are called in errors."""
        one = "[h, c], both" if self.equations.states > 1 else "h"
        return one if self.num_layers == 1 else f"{len(self.state_sizes)} states, each"

    def _read(self, x: Tensor, real: Tensor, start: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """What comes out, and, if they are asked for, the states after the last step."""
        between = self.between if self.dropout_between else None
        return told(self, read_through([self, *self.above], x, real, start, between))


class SimpleRNN(SimpleGates, Recurrent):
    """h_t = f(x_t W + h_{t-1} R + b) (Elman, 1990).

    The arguments are those of ``Recurrent``. Parameters: ``weights`` (features, units),
    ``recurrent_weights`` (units, units), ``bias`` (units,).

    >>> SimpleRNN(3).forward(np.ones((2, 5, 4))).shape
    (2, 3)
    >>> SimpleRNN(3, return_sequences=True).forward(np.ones((2, 5, 4))).shape
    (2, 5, 3)
    """


class LSTM(LSTMGates, Recurrent):
    """Long short-term memory: a cell state c that gates write to, keep and read.

    With z = x_t W + h_{t-1} R + b, whose columns are those of the gates i, f, g and o:

        i, f, o = s(z_i), s(z_f), s(z_o);  g = a(z_g)
        c_t = f c_{t-1} + i g;  h_t = o a(c_t)

    where a is ``activation`` and s is ``recurrent_activation`` (Hochreiter and Schmidhuber, 1997;
    Gers and others, 2000, for the forget gate f).

    Args:
        units: size of the states h and c.
        activation: a; anything but "tanh" is slower, for want of a kernel.
        recurrent_activation: s; likewise with "sigmoid".
        unit_forget_bias: let the bias of f begin at 1, so that c is kept at first (Jozefowicz and
            others, 2015).
        options: those of ``Recurrent``.

    Parameters: ``weights`` (features, 4 units), ``recurrent_weights`` (units, 4 units), ``bias``
    (4 units,); columns in the order i, f, g, o, as in Keras.

    >>> LSTM(3).forward(np.ones((2, 5, 4))).shape
    (2, 3)
    >>> y, h, c = LSTM(3, return_sequences=True, return_state=True)(np.ones((2, 5, 4)))
    >>> y.shape, h.shape, np.array_equal(y[:, -1], h)
    ((2, 5, 3), (2, 3), True)
    """


class GRU(GRUGates, Recurrent):
    """Gated recurrent unit: h is a mixture of what it was and a candidate g.

    With z = x_t W + b and m = h_{t-1} R + b', whose columns are those of u, v and g:

        u, v = s(z_u + m_u), s(z_v + m_v);  g = a(z_g + v m_g)
        h_t = u h_{t-1} + (1 - u) g

    where a is ``activation`` and s is ``recurrent_activation`` (Cho and others, 2014).

    Args:
        units: size of the state h.
        activation: a; anything but "tanh" is slower, for want of a kernel.
        recurrent_activation: s; likewise with "sigmoid".
        reset_after: False is the first version, g = a(z_g + (v h_{t-1}) R_g), without b'; slower.
        options: those of ``Recurrent``.

    Parameters: ``weights`` (features, 3 units), ``recurrent_weights`` (units, 3 units), ``bias``
    (2, 3 units), b above b', or (3 units,) without b'; columns in the order u, v, g, as in Keras,
    which calls them z, r and h.

    >>> GRU(3).forward(np.ones((2, 5, 4))).shape
    (2, 3)
    """


MERGES: dict[str, Any] = {
    "concat": lambda a, b: concatenate([a, b]),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) * 0.5,
}


class Bidirectional(Layer):
    """Read a sequence forwards and, with a second layer, backwards; join what the two say.

    Args:
        layer: a SimpleRNN, LSTM, GRU or RNN; the second one is made with the same arguments.
        merge_mode: "concat" puts the outputs beside one another, "sum", "mul" and "ave" combine
            them number by number; None returns both.
        backward_layer: the second one, if it is to be another.
        options: name, dtype, trainable.

    Shapes: (n, time, features) -> (n, 2 units) or (n, units); with ``return_sequences``, which both
    layers must agree in, (n, time, ...) in the order of the input. With ``return_state``, in which
    they must agree, too, the states of both come out as well: y, h, c, then h, c of the way back.
    Padding at the end is skipped on the way back, too. The layers are ``forward_layer`` and
    ``backward_layer``, so parameters are called ``forward_layer/weights`` and so on (Schuster and
    Paliwal, 1997).

    >>> import numpy as np
    >>> from axon.layers import LSTM
    >>> Bidirectional(LSTM(3)).forward(np.ones((2, 5, 4))).shape
    (2, 6)
    """

    on_mask = masks.USED

    def __init__(
        self,
        layer: SequenceReader,
        merge_mode: str | None = "concat",
        *,
        backward_layer: SequenceReader | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        if not isinstance(layer, SequenceReader):
            raise TypeError(f"Bidirectional: expected a SimpleRNN, LSTM or GRU, got {layer!r}.")
        if not isinstance(backward_layer, SequenceReader | None):
            wanted = "backward_layer must be a SimpleRNN, LSTM or GRU, or None"
            raise TypeError(f"Bidirectional: {wanted}, got {backward_layer!r}.")
        options.setdefault("dtype", layer.dtype)
        super().__init__(**options)
        self.merge_mode = merge_mode
        self.forward_layer = layer
        self.backward_layer = backward_layer or _reversed(layer)
        self._demand_agreement()
        if not self._trainable:
            self.trainable = False  # of the layers inside, too

    def _demand_agreement(self) -> None:
        pair = self.forward_layer, self.backward_layer
        ends = pair[0].go_backwards, pair[1].go_backwards
        if ends[0] == ends[1]:
            raise ValueError(f"Bidirectional: one layer must go backwards, go_backwards is {ends}.")
        for what in ("return_sequences", "return_state"):
            if getattr(pair[0], what) != getattr(pair[1], what):
                raise ValueError(f"Bidirectional: {what} must be the same in both layers.")
        if any(isinstance(layer, Recurrent) and layer.num_layers > 1 for layer in pair):
            raise ValueError(
                "Bidirectional: PyTorch joins both ways after each layer, which several layers in "
                "one (num_layers) do not. Put one behind another: Bidirectional(LSTM(32, "
                "return_sequences=True)), Bidirectional(LSTM(32))."
            )

    @property
    def merge_mode(self) -> str | None:
        """How outputs are joined."""
        return self._merge_mode

    @merge_mode.setter
    def merge_mode(self, merge_mode: str | None) -> None:
        if merge_mode is not None:
            resolve("merge_mode", str(merge_mode), MERGES)
        self._merge_mode = None if merge_mode is None else str(merge_mode).lower()

    @property
    def layer(self) -> SequenceReader:
        """The layer that was given."""
        return self.forward_layer

    def accept(self, shape: Shape, *more: Shape) -> None:
        """What the layers accept."""
        self.forward_layer.accept(shape)

    def create(self, *input_shapes: Shape) -> None:
        """Create the parameters of both."""
        self.forward_layer.build(*input_shapes)
        self.backward_layer.build(*input_shapes)

    def call(
        self, x: Tensor, mask: Tensor | None = None, *, initial_state: GivenStates = None
    ) -> LayerResult:
        """Read in both directions and join.

        Args:
            x: (n, time, features).
            mask: (n, time), False where a step is padding.
            initial_state: the states of the first layer, then those of the second.
        """
        ways = self.forward_layer, self.backward_layer
        starts = self._halves(initial_state)
        pairs = zip(ways, starts, strict=True)
        (a, *ends_a), (b, *ends_b) = (self._way(way, x, mask, start) for way, start in pairs)
        joined = (a, b) if self.merge_mode is None else (MERGES[self.merge_mode](a, b),)
        return (*joined, *ends_a, *ends_b) if len(joined) > 1 or ends_a else joined[0]

    def _halves(self, given: GivenStates) -> tuple[GivenStates, GivenStates]:
        """What each of the two layers begins with."""
        if given is None:
            return None, None
        states = one_by_one([given])
        first, second = (len(w.state_sizes) for w in (self.forward_layer, self.backward_layer))
        if len(states) != first + second:
            raise ValueError(
                f"layer {self.name!r}: initial_state must be the {first} states of the layer that "
                f"goes forwards, then the {second} of the other, got {len(states)}."
            )
        return states[:first], states[first:]

    def _way(
        self, layer: SequenceReader, x: Tensor, mask: Tensor | None, start: GivenStates
    ) -> Any:
        """What one layer says, (output, *states), the output in the order of the input."""
        made = layer.forward(x, mask=mask, initial_state=start)
        y, *ends = made if layer.return_state else (made,)
        return y[:, ::-1] if layer.go_backwards and layer.return_sequences else y, *ends

    def reset_states(self) -> None:
        """Let sequences begin anew; see ``stateful``."""
        self.forward_layer.reset_states()
        self.backward_layer.reset_states()

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """The same steps; none where only the last outputs remain."""
        del x
        return mask if self.forward_layer.return_sequences else None


def _reversed(layer: SequenceReader) -> SequenceReader:
    """Make a layer with the same arguments that reads the other way."""
    given = {**layer._arguments(), "go_backwards": not layer.go_backwards, "name": None}
    return type(layer)(**{key: _again(value) for key, value in given.items()})


def _again(argument: Any) -> Any:
    """A cell is made anew, with parameters of its own."""
    if not isinstance(argument, Layer):
        return argument
    arguments = {**argument._arguments(), "name": None}
    return type(argument)(**{key: _again_all(value) for key, value in arguments.items()})


def _again_all(argument: Any) -> Any:
    return [_again(a) for a in argument] if isinstance(argument, list) else _again(argument)
