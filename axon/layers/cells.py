"""Cells: what a recurrent layer does in one step, with the parameters for it.

``Gates`` are these parameters. A cell (LSTMCell) applies them to one step, a layer (LSTM) to all
steps of a sequence, as one instruction; ``RNN`` makes a layer of any cell.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple, Unpack

import numpy as np

from axon import activations, initializers
from axon.activations import sigmoid, tanh
from axon.backend import Array, DType, Shape, as_array
from axon.checks import integer
from axon.core import Tensor, TensorLike
from axon.layers import masks
from axon.layers.base import Layer, one_by_one
from axon.layers.noise import Dropout
from axon.layers.options import LayerOptions
from axon.modes import Mode
from axon.ops.cells import CELLS, gru_before, parts
from axon.ops.cells import Cell as Equations
from axon.ops.join import concatenate
from axon.ops.recurrent import recurrence, recurrent_input, unrolled
from axon.parameter import Parameter
from axon.program.changing import Rate

Textbook = Callable[..., Any]  # a cell in AXON's operations
Size = int | Shape  # of a state: how many numbers, or of which shape
GivenStates = TensorLike | Sequence[Any] | None  # h, [h, c], or those of several cells


class GateOptions(LayerOptions, total=False):
    """Keyword arguments of all cells and recurrent layers, described by ``Gates``."""

    use_bias: bool
    kernel_initializer: initializers.InitializerLike
    recurrent_initializer: initializers.InitializerLike
    bias_initializer: initializers.InitializerLike
    dropout: Rate
    recurrent_dropout: Rate
    seed: int | None


class Gates(Layer):
    """What the cell and the layer of one kind share: W, R and b, and what is computed of them.

    Args:
        units: size of the state h.
        activation: of what enters the state; a function or its name.
        use_bias: False leaves b out.
        kernel_initializer: how the weights W of the inputs begin.
        recurrent_initializer: how the weights R of the state begin.
        bias_initializer: how b begins.
        dropout: share of the features that is left out at random while training, the same ones in
            all steps of a sequence; or a schedule.
        recurrent_dropout: share of h that is left out of its product with R while training, for
            each gate by itself, the same in all steps (Gal and Ghahramani, 2016); slower in
            training, for want of a kernel.
        seed: a whole number, for the same choice each time.
        options: name, dtype, trainable, kernel_regularizer, recurrent_constraint and the like.
    """

    cell: ClassVar[str]  # its name in axon.ops.cells
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0

    def __init__(
        self,
        units: int,
        activation: "str | activations.Activation | None" = "tanh",
        *,
        use_bias: bool = True,
        kernel_initializer: initializers.InitializerLike = "glorot_uniform",
        recurrent_initializer: initializers.InitializerLike = "orthogonal",
        bias_initializer: initializers.InitializerLike = "zeros",
        dropout: Rate = 0.0,
        recurrent_dropout: Rate = 0.0,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.units = integer(type(self).__name__, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.weights: Parameter | None = None
        self.recurrent_weights: Parameter | None = None
        self.bias: Parameter | None = None
        self.dropout, self.recurrent_dropout, self.seed = dropout, recurrent_dropout, seed
        alike: dict[str, Any] = {"dtype": self.dtype, "trainable": self._trainable}
        if dropout:  # the same features in all steps
            self.dropping = Dropout(dropout, (None, 1, None), seed, **alike)
        if recurrent_dropout:
            other = None if seed is None else seed + 1
            self.recurrent_dropping = Dropout(recurrent_dropout, None, other, **alike)

    @property
    def equations(self) -> Equations:
        """What one step computes."""
        return CELLS[self.cell]

    @property
    def textbook(self) -> Textbook | None:
        """The cell in AXON's operations, where no kernel was made for it; else None."""
        if self.activation is tanh:
            return None
        return partial(self.equations.textbook, f=self.activation)

    @property
    def state_size(self) -> int | list[int]:
        """The size of h; of h and c."""
        count = self.equations.states
        return self.units if count == 1 else [self.units] * count

    @property
    def output_size(self) -> int:
        """The size of what comes out."""
        return self.units

    def get_initial_state(self, batch_size: int) -> list[Tensor]:
        """The states before the first step: zeros (batch_size, units) each."""
        return [self.zeros(batch_size, self.units) for _ in range(self.equations.states)]

    def create(self, *input_shapes: Shape) -> None:
        """Create W, R and, unless left out, b."""
        width = self.equations.gates * self.units
        shape, square = (input_shapes[0][-1], width), (self.units, width)
        self.weights = self.parameter("weights", self.kernel_initializer, shape)
        self.recurrent_weights = self.parameter(
            "recurrent_weights", self.recurrent_initializer, square
        )
        if self.use_bias:
            self.bias = self.parameter("bias", self.first_bias, self.bias_shape)

    @property
    def bias_shape(self) -> Shape:
        """One number for each gate."""
        return (self.equations.gates * self.units,)

    def first_bias(self, shape: Shape, dtype: DType) -> Array:
        """How the bias begins."""
        return self.bias_initializer(shape, dtype)

    def biases(self) -> list[Tensor]:
        """The bias of the inputs, and that of the product with h, a row, if there is one."""
        return [
            self.bias if self.bias is not None else self.zeros(self.equations.gates * self.units)
        ]

    def zeros(self, *shape: int) -> Tensor:
        """Zeros in the layer's type."""
        return Tensor(np.zeros(shape, self.dtype))

    def passage(self, x: Tensor, real: Tensor, start: Sequence[Tensor]) -> "Passage":
        """Apply the cell to one step after another, as one instruction.

        Args:
            x: (n, time, features).
            real: (n, time), False where a step is padding; (n, 0) if none is.
            start: the states before, (n, units) each; none: zeros.
        """
        n, time, features = x.shape
        if self.dropout:
            x = self.dropping.forward(x)
        rows = x.transpose(1, 0, 2).reshape(time * n, features)  # step after step
        b, *more = self.biases()
        assert self.weights is not None
        assert self.recurrent_weights is not None
        p = recurrent_input(
            rows, self.weights, b, self.recurrent_weights, *more, self._row(start, n)
        )
        book = self._book(n)
        step = recurrence if book is None else partial(unrolled, textbook=book)
        y: Tensor = step(p, real, cell=self.cell, time=time)
        return Passage(self, y, y[self.equations.saved])

    def _row(self, start: Sequence[Tensor], n: int) -> Tensor:
        """The states before the first step beside one another: (n, states * units)."""
        if not start:
            return self.zeros(n, self.equations.states * self.units)
        return start[0] if len(start) == 1 else concatenate(start)

    def _book(self, n: int) -> Textbook | None:
        """What computes a step where no kernel does; None where one does."""
        if not (self.recurrent_dropout and self.training):
            return self.textbook
        gates = self.equations.gates
        every = Tensor(np.ones((n, gates * self.units), self.dtype))
        kept = parts(self.recurrent_dropping.forward(every), gates)
        return partial(self.textbook or self.equations.textbook, kept=kept)


class Passage(NamedTuple):
    """A cell's way through a sequence."""

    cell: Gates
    y: Tensor  # gates and states, (saved + states, time + 1, n, units)
    h: Tensor  # of these h, (time + 1, n, units)

    def outputs(self) -> Tensor:
        """h after each step, (n, time, units)."""
        return self.h[1:].transpose(1, 0, 2)

    def last(self) -> Tensor:
        """h after the last step, (n, units)."""
        return self.h[-1]

    def ends(self) -> list[Tensor]:
        """The states after the last step, (n, units) each."""
        saved, states = self.cell.equations.saved, self.cell.equations.states
        return [self.last(), *(self.y[saved + i][-1] for i in range(1, states))]


def read_through(
    cells: Sequence[Gates],
    x: Tensor,
    real: Tensor,
    start: Sequence[Tensor],
    between: Dropout | None = None,
) -> list[Passage]:
    """Let cells read a sequence, each what the one before it says; see ``Gates.passage``.

    Args:
        cells: in order.
        x: (n, time, features).
        real: which steps are no padding.
        start: the states before, cell after cell; none: zeros.
        between: what passes from cell to cell.
    """
    passed: list[Passage] = []
    for cell in cells:
        count, given = cell.equations.states, list(start)
        passed.append(cell.passage(x, real, given[:count]))
        start = given[count:]
        if cell is not cells[-1]:
            x = passed[-1].outputs()
            x = x if between is None else between.forward(x)
    return passed


def state_shape(n: int, size: Size) -> Shape:
    """The shape of a state of n samples.

    >>> state_shape(2, 3), state_shape(2, (4, 4, 3))
    ((2, 3), (2, 4, 4, 3))
    """
    return (n, size) if isinstance(size, int) else (n, *size)


def states_of(
    layer: Layer, given: GivenStates, n: int, sizes: Sequence[Size], words: str
) -> list[Tensor]:
    """GivenStates that a user gives, one after another, in the layer's type.

    Raises:
        ValueError: their number or shapes do not fit.
    """
    listed = one_by_one(given if isinstance(given, list | tuple) else [given])
    states = [s if isinstance(s, Tensor) else Tensor(as_array(s, layer.dtype)) for s in listed]
    demand_states(layer.name, [s.shape for s in states], n, sizes, words)
    return [s if s.dtype == layer.dtype else s.astype(layer.dtype) for s in states]


def demand_states(
    name: str, shapes: Sequence[Shape], n: int, sizes: Sequence[Size], words: str
) -> None:
    """Raise ValueError unless states have the shapes (n, size), or (n, *size)."""
    wanted = [state_shape(n, size) for size in sizes]
    if list(shapes) != wanted:
        told = f"{wanted[0]}" if len(set(wanted)) == 1 else f"{wanted}"
        got = ", ".join(map(str, shapes))
        raise ValueError(f"layer {name!r}: {words} of shape {told}, got {got}.")


# ------------------------------------------------------------------------------------ the kinds


class SimpleGates(Gates):
    """The parameters of a SimpleRNN."""

    cell = "simple_rnn"


class _Gated(Gates):
    """What LSTM and GRU share: gates have an activation of their own."""

    def __init__(
        self,
        units: int,
        activation: "str | activations.Activation | None" = "tanh",
        recurrent_activation: "str | activations.Activation | None" = "sigmoid",
        **options: Unpack[GateOptions],
    ) -> None:
        super().__init__(units, activation, **options)
        self.recurrent_activation = activations.get(recurrent_activation)

    @property
    def textbook(self) -> Textbook | None:
        """The cell with the activations that were asked for, unless they are the usual ones."""
        f, s = self.activation, self.recurrent_activation
        usual = f is tanh and s is sigmoid  # of which there is a kernel
        return None if usual else partial(self.equations.textbook, f=f, s=s)


class LSTMGates(_Gated):
    """The parameters of an LSTM."""

    cell = "lstm"

    def __init__(
        self,
        units: int,
        activation: "str | activations.Activation | None" = "tanh",
        recurrent_activation: "str | activations.Activation | None" = "sigmoid",
        *,
        unit_forget_bias: bool = True,
        **options: Unpack[GateOptions],
    ) -> None:
        super().__init__(units, activation, recurrent_activation, **options)
        self.unit_forget_bias = bool(unit_forget_bias)

    def first_bias(self, shape: Shape, dtype: DType) -> Array:
        """That of the forget gate may begin at 1."""
        bias = np.array(self.bias_initializer(shape, dtype))
        if self.unit_forget_bias:
            bias[self.units : 2 * self.units] = 1
        return bias


class GRUGates(_Gated):
    """The parameters of a GRU."""

    cell = "gru"

    def __init__(
        self,
        units: int,
        activation: "str | activations.Activation | None" = "tanh",
        recurrent_activation: "str | activations.Activation | None" = "sigmoid",
        *,
        reset_after: bool = True,
        **options: Unpack[GateOptions],
    ) -> None:
        super().__init__(units, activation, recurrent_activation, **options)
        self.reset_after = bool(reset_after)

    @property
    def textbook(self) -> Textbook | None:
        """The cell in AXON's operations, if it is not the usual one."""
        if self.reset_after:
            return super().textbook
        return partial(gru_before, f=self.activation, s=self.recurrent_activation)

    @property
    def bias_shape(self) -> Shape:
        """One number for each gate; two rows of them if the product with h has its own."""
        width = self.equations.gates * self.units
        return (2, width) if self.reset_after else (width,)

    def biases(self) -> list[Tensor]:
        """The bias of the inputs, and that of the product with h."""
        width = self.equations.gates * self.units
        if self.bias is None:
            return [self.zeros(width), self.zeros(1, width)]
        if self.reset_after:
            return [self.bias[0], self.bias[1:]]
        return [self.bias, self.zeros(1, width)]


# ------------------------------------------------------------------------------------ one step


class CellLayer(Gates):
    """One step: x (n, features) and the states before it -> what comes out, the states after."""

    on_mask = masks.REFUSED

    def accept(self, shape: Shape, *more: Shape) -> None:
        """One step of each sample."""
        features = self.input_shape[-1] if self.input_shape else None
        if len(shape) != 2 or features not in (None, shape[1]):
            raise self.misfit(f"(n, {features or 'features'})", shape, " A cell takes one step.")
        if more:
            demand_states(
                self.name, more, shape[0], [self.units] * self.equations.states, self.words
            )

    @property
    def words(self) -> str:
        """What the states are called in errors."""
        return f"the states must be {'[h, c], both' if self.equations.states > 1 else 'h'}"

    def call(self, x: Tensor, *states: Any) -> tuple[Tensor, list[Tensor]]:
        """Compute one step.

        Args:
            x: (n, features).
            states: h (n, units), for an LSTM h and c, also in a list; zeros by default.
        """
        n, count = len(x), self.equations.states
        start = states_of(self, states, n, [self.units] * count, self.words) if states else []
        ends = self.passage(x[:, None], Tensor(np.zeros((n, 0), bool)), start).ends()
        return ends[0], ends


class SimpleRNNCell(SimpleGates, CellLayer):
    """One step of a SimpleRNN: h' = f(x W + h R + b).

    The arguments, and the parameters, are those of ``SimpleRNN``, as far as one step has them.

    >>> y, [h] = SimpleRNNCell(3)(np.ones((2, 4)), [np.zeros((2, 3))])
    >>> y.shape, np.array_equal(y, h)
    ((2, 3), True)
    """


class LSTMCell(LSTMGates, CellLayer):
    """One step of an LSTM, which turns [h, c] into those after the step.

    The arguments, and the parameters, are those of ``LSTM``, as far as one step has them.

    >>> y, [h, c] = LSTMCell(3)(np.ones((2, 4)), [np.zeros((2, 3)), np.zeros((2, 3))])
    >>> y.shape, c.shape
    ((2, 3), (2, 3))
    """


class GRUCell(GRUGates, CellLayer):
    """One step of a GRU.

    The arguments, and the parameters, are those of ``GRU``, as far as one step has them.

    >>> y, [h] = GRUCell(3)(np.ones((2, 4)), np.zeros((2, 3)))
    >>> y.shape
    (2, 3)
    """


ONE_STEP: dict[str, type[CellLayer]] = {c.cell: c for c in (SimpleRNNCell, LSTMCell, GRUCell)}


class StackedRNNCells(Layer):
    """Cells on top of one another: each reads what the one below it says.

    Args:
        cells: SimpleRNNCell, LSTMCell, GRUCell, or cells of your own (see ``RNN``).
        options: name, dtype, trainable.

    The states are those of all cells: ``[[h, c], [h]]`` of an LSTMCell below a GRUCell.

    >>> y, states = StackedRNNCells([LSTMCell(3), GRUCell(2)])(np.ones((4, 5)))
    >>> y.shape, len(states)
    ((4, 2), 2)
    """

    on_mask = masks.REFUSED

    def __init__(self, cells: Sequence[Layer], **options: Unpack[LayerOptions]) -> None:
        for cell in cells:
            demand_cell("StackedRNNCells", cell)
        options.setdefault("dtype", cells[0].dtype if cells else None)
        super().__init__(**options)
        integer("StackedRNNCells", "the number of cells", len(cells))
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states of each cell."""
        return [sizes_of(cell) for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The size of what comes out of the last cell."""
        return output_size_of(self.cells[-1])

    def create(self, *input_shapes: Shape) -> None:
        """Create the parameters of all cells."""
        shape = input_shapes[0]
        for cell in self.cells:
            build_cell(cell, shape)
            shape = (output_size_of(cell),)

    def call(self, x: Tensor, *states: Any) -> tuple[Tensor, list[Any]]:
        """Compute one step of all cells, from x (n, features) and the states of all."""
        given, after = list(one_by_one(states)), []
        for cell in self.cells:
            count = len(flat_sizes(cell))
            x, new = step(cell, x, given[:count] if given else first_states(cell, len(x)))
            given = given[count:]
            after.append(new)
        return x, after


# ------------------------------------------------------------------------------------ any cell


def demand_cell(owner: str, cell: object) -> None:
    """Raise TypeError unless this is a cell."""
    layer = isinstance(cell, Gates) and not isinstance(cell, CellLayer)  # LSTM, for LSTMCell
    if layer or not (isinstance(cell, Layer) and "state_size" in dir(cell)):
        raise TypeError(
            f"{owner}: expected a cell such as LSTMCell(32), or a Layer of your own with an "
            f"attribute state_size and call(self, inputs, states), got {cell!r}."
        )


def sizes_of(cell: Any) -> Any:
    """The size of the state of a cell, or a list of sizes, as the cell says it."""
    return cell.state_size


def flat_sizes(cell: Layer) -> list[int]:
    """The sizes of all states of a cell, one after another."""
    return list(_flat(sizes_of(cell)))


def _flat(sizes: Any) -> Iterator[int]:
    if isinstance(sizes, list | tuple):
        for one in sizes:
            yield from _flat(one)
    else:
        yield integer("a cell", "state_size", sizes)


def output_size_of(cell: Any) -> int:
    """The size of what comes out of a cell: that of its first state, unless it says otherwise."""
    return int(cell.output_size) if "output_size" in dir(cell) else flat_sizes(cell)[0]


def build_cell(cell: Layer, shape: Shape) -> None:
    """Create the parameters of a cell for steps of this shape, unless there are some."""
    if isinstance(cell, CellLayer | StackedRNNCells):
        cell.build(shape)
    elif cell.output_shape is None:
        cell.create(shape)
        cell.input_shape, cell.output_shape = shape, (output_size_of(cell),)


def first_states(cell: Any, n: int) -> list[Tensor]:
    """The states of a cell before the first step, one after another."""
    if "get_initial_state" in dir(cell):
        return list(one_by_one([cell.get_initial_state(batch_size=n)]))
    return [Tensor(np.zeros((n, size), cell.dtype)) for size in flat_sizes(cell)]


def step(cell: Layer, x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Any]]:
    """One step of any cell: what comes out, and the states after it.

    Raises:
        ValueError: it does not return as many states as it has.
    """
    call: Callable[..., Any] = cell.call
    with Mode("scope", cell.scope()):
        y, after = call(x, list(states))
    after = list(after) if isinstance(after, list | tuple) else [after]
    if len(one_by_one(after)) != len(states):
        raise ValueError(
            f"cell {cell.name!r}: call(inputs, states) got {len(states)} states, but returned "
            f"{len(one_by_one(after))}. It returns (output, [state after the step, ...])."
        )
    return y, after
