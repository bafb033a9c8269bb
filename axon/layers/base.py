"""Layer, of which networks are made."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from inspect import signature, unwrap
from itertools import takewhile
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from axon import initializers
from axon.backend import FLOAT, Array, DType, Shape, as_array
from axon.core import Tensor, grad
from axon.layers import masks
from axon.layers.module import ANY, Module, shape_after
from axon.layers.open_sizes import Open, fits, is_open, joined, needs_size, sized, tried
from axon.layers.options import (
    RULES,
    Rule,
    TypeName,
    activity_rule,
    demand_format,
    rules_for,
)
from axon.modes import GradMode, Mode, modes
from axon.parameter import Buffer, Parameter

if TYPE_CHECKING:
    from axon.layers.neuron import Neuron as Neuron

VARIADIC = 0x04  # the flag of a function that takes *inputs
LayerResult = Tensor | tuple[Any, ...]  # what a layer computes: one Tensor, or several

LONG = np.dtype(np.float64)


class Layer(Module):
    """A layer: subclasses write ``call(x)`` on Tensors and, if they have parameters, ``create``.

    The base keeps the rule "NumPy in, NumPy out; Tensor in, Tensor out", creates the parameters
    when the size of the input is known, and remembers the last array that passed, for ``backward``.
    While training, ``self.training`` is true.

    Args:
        name: what errors, summaries and files call it.
        dtype: what it computes in; float32 unless told otherwise.
        trainable: False freezes its parameters.
        activity_regularizer: a cost of what comes out, as of a weight; of its sum over a batch
            each sample has an equal share, and that is added to the loss.
        data_format: "channels_first" for layers of images, series and volumes whose channels come
            behind the samples, as PyTorch has them; they are moved to the end and back, which
            costs a copy each way.
        options: ``kernel_regularizer=``, ``bias_constraint=`` and the like, by parameter.
    """

    has_format: ClassVar[bool] = False  # whether ``data_format`` is an argument
    on_mask: ClassVar[str] = masks.FOLLOWED  # what becomes of a mask: see masks.py
    takes_lists: ClassVar[bool] = False  # ``call`` takes any number of inputs: also lists of them
    gathers: ClassVar[bool] = False  # one's own ``call`` takes one input, or several as one list
    _creating = False  # while a ``build`` of one's own makes the parameters
    _channels_axis: int = -1  # these two of one that was pickled before it could have others
    activity_regularizer: Callable[[Tensor], Tensor] | None = None
    input_spec: Any = None  # an InputSpec of a layer of one's own, or a list of them
    mask_axes: ClassVar[int] = 2  # a mask of fewer, (n,), says which samples are real: it passes
    refused: ClassVar[dict[str, str]] = {
        "forward": "a layer writes call(self, x); forward is the same for all of them."
    }

    def __init__(
        self,
        name: str | None = None,
        dtype: TypeName = None,
        trainable: bool = True,
        *,
        activity_regularizer: Rule = None,
        data_format: str | None = None,
        **options: Rule,
    ) -> None:
        super().__init__(name)
        self._trainable = bool(trainable)
        self.dtype: DType = np.dtype(dtype or FLOAT)
        if self.dtype.kind != "f":
            raise ValueError(
                f"layer {self.name!r}: dtype must be a floating-point type such as 'float32' or "
                f"'float64', got {self.dtype.name!r}."
            )
        self.input_shape: Shape | None = None
        self.output_shape: Any = None  # a Shape; of several results a tuple of Shapes
        self._last: tuple[list[Tensor], LayerResult] | None = None
        self._rules = rules_for(type(self), options)
        self.activity_regularizer = activity_rule(activity_regularizer)
        self.data_format = data_format
        first = demand_format(type(self), data_format, self.has_format)
        self._channels_axis = 1 if first else -1

    def __setattr__(self, key: str, value: object) -> None:
        """Refuse what parameters that are made would not follow: their type, and rules."""
        if key == "dtype" and "_version" in vars(self) and self.parameters():
            raise AttributeError(
                f"layer {self.name!r}: parameters keep their type. Make a new one."
            )
        if "_version" in vars(self) and key in RULES and key not in vars(self):
            raise AttributeError(
                f"layer {self.name!r}: {key} is given when a layer is made. Now it belongs to "
                f"the parameter: set layer.weights.{key.rpartition('_')[2]}, for example."
            )
        super().__setattr__(key, value)

    def __init_subclass__(cls, **options: Any) -> None:
        """What writes its own ``call`` says anew what becomes of masks; else they are followed."""
        super().__init_subclass__(**options)
        if "call" in cls.__dict__:
            written = unwrap(cls.__dict__["call"])
            code = getattr(written, "__code__", None)
            cls.takes_lists = code is not None and bool(code.co_flags & VARIADIC)
            ours = code is None or cls.__module__.startswith("axon.")
            cls.gathers = not (ours or cls.takes_lists) and _inputs_of(written) == 1
        if "build" in cls.__dict__ and not cls.__module__.startswith("axon."):
            from axon.layers.own import made_in

            cls.create, cls.build = made_in(cls.__dict__["build"], Layer.build)  # type: ignore
        anew = "call" in cls.__dict__ and "on_mask" not in cls.__dict__
        if anew and cls.on_mask != masks.FOLLOWED:
            cls.on_mask = masks.FOLLOWED

    @abstractmethod
    def call(self, x: Tensor) -> LayerResult:
        """Compute the layer. One with several inputs takes several, and may return several.

        One that takes ``mask=`` is given truth values (n, time), if some steps may be padding.
        """

    def create(self, *input_shapes: Shape) -> None:
        """Create the parameters for inputs of these shapes (without the batch axis)."""
        del input_shapes

    def parameter(
        self, name: str, initializer: initializers.InitializerLike, shape: Shape
    ) -> Parameter:
        """Make a parameter of this layer's type with the values that the initializer gives."""
        if is_open(shape):
            raise ValueError(f"layer {self.name!r}: {name!r} would have the shape {shape}.")
        initializer = modes.values or initializers.get(initializer)
        values = np.array(initializer(shape, self.dtype), self.dtype, order="C")
        if values.shape != shape:
            raise ValueError(
                f"layer {self.name!r}: the initializer of {name!r} must return an array of shape "
                f"{shape}, but its shape is {values.shape}."
            )
        made = Parameter(values, name, requires_grad=self._trainable)
        made.regularizer = self._rules.get(f"{KERNEL.get(name, name)}_regularizer")
        made.constraint = self._rules.get(f"{KERNEL.get(name, name)}_constraint")
        return made

    def add_weight(
        self,
        shape: Shape = (),
        initializer: initializers.InitializerLike = "glorot_uniform",
        dtype: TypeName = None,
        trainable: bool = True,
        *,
        regularizer: Rule = None,
        constraint: Rule = None,
        name: str = "weight",
    ) -> Parameter | Buffer:
        """Make a parameter; or, if it is not trainable, a Buffer, which is kept but not learned.

        It is called after the attribute it is put into. ``parameter`` is the shorter way.

        Args:
            shape: its shape; () for one number.
            initializer: what gives its values, or a name.
            dtype: that of the layer unless told otherwise.
            trainable: whether it is learned.
            regularizer: what its size costs, or a name.
            constraint: what is applied to it after each update, or a name.
            name: what its initializer is asked for.

        >>> from axon.layers import Layer
        >>> class Scale(Layer):
        ...     def build(self, input_shape):  # (None, features), as Keras has it
        ...         self.scale = self.add_weight((input_shape[-1],), "ones")
        ...     def call(self, inputs):
        ...         return inputs * self.scale
        >>> Scale()([[2.0, 3.0]])
        array([[2., 3.]], dtype=float32)
        """
        from axon.layers.own import weight

        rules = {"kernel_regularizer": regularizer, "kernel_constraint": constraint}
        return weight(self, shape, initializer, dtype, trainable, rules, name)

    @property
    def input_dtype(self) -> DType:
        """What inputs are converted to: what the layer computes in."""
        return self.dtype

    def taking(self, x: Any) -> DType:
        """What inputs are converted to here: float64 is passed on to the layer that needs it."""
        if self.passes_on and modes.exact and getattr(x, "dtype", None) != self.dtype:
            return LONG
        return self.input_dtype

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Raise ValueError if inputs of this shape, batch axis included, do not fit."""
        if self.input_spec is not None:
            self._demand_as_told((shape, *more))
            return
        known = self.input_shape
        opening = modes.opening and len(shape) == len(known or ()) + 1
        if known is not None and not (opening or fits(shape[1:], known)):
            raise self.misfit(f"(n, {', '.join(map(str, known))})", shape)

    def _demand_as_told(self, shapes: Sequence[Shape]) -> None:
        """Raise ValueError unless inputs are what ``input_spec`` says."""
        several = isinstance(self.input_spec, list | tuple)
        specs: Any = self.input_spec if several else [self.input_spec] * len(shapes)
        for spec, shape in zip(specs, shapes, strict=False):
            wanted = spec.misfit(shape)
            if wanted is not None:
                called = f" of {spec.name!r}" if spec.name else ""
                got = str(shape).replace(f"({ANY},", "(n,")
                raise ValueError(
                    f"layer {self.name!r} ({self!r}): expected inputs{called} {wanted}, got shape "
                    f"{got}."
                )

    def misfit(self, expected: str, shape: Shape, hint: str = "") -> ValueError:
        """Make the error that names the layer, what it expected and what arrived."""
        got = str(shape).replace(f"({ANY},", "(n,")
        return ValueError(
            f"layer {self.name!r} ({self!r}): expected inputs of shape {expected}, "
            f"got shape {got}.{hint}"
        )

    def build(self, *input_shapes: Shape) -> Any:
        """Create the parameters, if that was not done yet, and find the shape of the output.

        Of several outputs it is a tuple of shapes.
        """
        if self._creating:  # super().build(...) in a build of one's own
            return None
        self._demand_one_each(input_shapes, tuple)
        within = [self._within((ANY, *shape)) for shape in input_shapes]
        if is_open(input_shapes):
            return self._build_open(input_shapes, within)
        self.accept(*within)
        if self.output_shape is None:
            self.create(*self._gathered([shape[1:] for shape in within]))
        elif self.input_shape != input_shapes[0] and fits(input_shapes[0], self.input_shape or ()):
            return self._shape_after(input_shapes)  # of sizes that are open: here they are known
        if self.output_shape is None or self.input_shape != input_shapes[0]:
            self.output_shape = self._shape_after(input_shapes)
            self.input_shape = input_shapes[0]
        return self.output_shape

    def _shape_after(self, input_shapes: Sequence[Shape]) -> Any:
        dtypes = [self.input_dtype] * len(input_shapes)
        return shape_after(self._computed, input_shapes, dtypes, True)

    def _build_open(self, input_shapes: Sequence[Shape], within: Sequence[Shape]) -> Any:
        """Build for sizes that are open: parameters for one of them must fit another, too."""
        if self.output_shape is not None and self.input_shape == input_shapes[0]:
            return self.output_shape

        def at(size: int) -> Any:
            self.accept(*(sized(shape, size) for shape in within))
            if self.output_shape is None:
                made = [sized(shape[1:], Open(size)) for shape in within]
                self.create(*self._gathered(made))
            self.output_shape = self._shape_after([sized(s, size) for s in input_shapes])
            self.input_shape = sized(input_shapes[0], size)
            return self.output_shape

        self.output_shape = tried(at, self.keeping(), needs_size(input_shapes))
        self.input_shape = input_shapes[0]
        return self.output_shape

    def _demand_one_each(self, inputs: Sequence[Any], part: type) -> None:
        """Raise ValueError if a layer with several results stands before this one."""
        for given in inputs:
            if any(isinstance(one, part) for one in given):
                raise ValueError(
                    f"layer {self.name!r} ({self!r}): it takes one input, but the layer before it "
                    f"gives {len(given)}. In a Sequential, leave return_state (or what asks for "
                    "more) out; in the forward of a Model, choose: y, *states = layer(x)."
                )

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Compute the layer's output; parameters are created at the first call.

        Args:
            inputs: (n, ...) arrays or Tensors; other number types are cast to the layer's.
                Where a layer takes any number of them, they may lie in lists, too; a ``call``
                of one's own that has a single parameter gets such a list as it is.
            options: keyword arguments of the layer's ``call``; and ``mask``, truth values
                (n, time) that say which steps of the input are real, if its own mask does not.
        """
        if not inputs:
            inputs = self._given_by_name(options)
        if self.takes_lists or (self.gathers and _is_batches(inputs)):
            inputs = one_by_one(inputs)
        elif several := [x for x in inputs if type(x) is tuple]:
            self._demand_one_each(several, Tensor)
        if not any(isinstance(x, Tensor) for x in inputs):
            return self._forward_arrays(self._entering(*inputs), options)
        given = [x if isinstance(x, Tensor) else Tensor(as_array(x)) for x in inputs]
        self.accept(*(self._within(x.shape) for x in given))
        if self.output_shape is None:
            self.build(*(x.shape[1:] for x in given))
        given = [self._converted(x) for x in given]
        made = self._call_with_masks(given, options)
        if modes.opening:
            self._leave_open(given[0].shape[1:], made)
        return made

    def _leave_open(self, shape: Shape, made: LayerResult) -> None:
        """Take note of which sizes are others now, where a model was tried with another one."""
        known = self.input_shape or ()
        if len(shape) == len(known):
            self.input_shape = joined(known, shape)
            self.output_shape = joined(self.output_shape, of_each(made, lambda y: y.shape[1:]))

    def _given_by_name(self, options: dict[str, Any]) -> tuple[Any, ...]:
        """Inputs that were given as keyword arguments, taken out of them."""
        named = [n for n, p in signature(self.call).parameters.items() if p.kind != p.KEYWORD_ONLY]
        names = [n for n in named if n not in ("mask", "training")]
        if "inputs" in options:  # as Keras calls the first
            names = ["inputs"]
        given = tuple(options.pop(n) for n in takewhile(options.__contains__, names))
        if not given:
            raise TypeError(
                f"layer {self.name!r} ({self!r}): it was called without an input: layer(x)."
            )
        return given

    def _entering(self, *inputs: Any) -> list[Array]:
        """What is given, as arrays of numbers."""
        return [as_array(x, self.taking(x)) for x in inputs]

    def _converted(self, x: Tensor) -> Tensor:
        if x.dtype == self.taking(x):
            return x
        converted: Tensor = x.astype(self.taking(x))
        converted.mask = x.mask
        return converted

    def _call_with_masks(self, inputs: list[Tensor], options: dict[str, Any]) -> LayerResult:
        """Compute, with the mask that is given, or lies at the input; lay one at the result."""
        chosen = self._chosen_mask(inputs, options.pop("mask", None))
        mask = self.incoming(*inputs) if chosen is None else chosen
        if mask is None and all(x.mask is None for x in inputs):
            return self._lay_mask(self._computed(*inputs, **options), inputs, None)
        if mask is not None and mask is not chosen and mask.ndim < self.mask_axes:
            y = self._call_following(False, inputs, options)  # it tells samples apart, as they do
            return of_each(y, lambda one: masks.lay(mask, one, self.name, inputs))
        return self._lay_mask(self._call_masked(inputs, mask, options), inputs, mask)

    def _chosen_mask(self, inputs: list[Tensor], given: Any) -> Tensor | None:
        """The mask that is given; of a list, one for each input, each is laid at its input."""
        of_each_input = self.takes_lists and isinstance(given, list | tuple)
        if not (of_each_input and all(m is None or _holds_arrays([m]) for m in given)):
            return masks.as_mask(given)
        for i, mask in enumerate(given):
            inputs[i] = masks.lay(mask, inputs[i][...], self.name)
        return None

    def _call_masked(
        self, inputs: list[Tensor], mask: Tensor | None, options: dict[str, Any]
    ) -> LayerResult:
        """Compute the layer where some steps may be padding."""
        moved = self._moves(inputs[0].ndim)
        if self.takes_mask and not moved:
            return self._call_following(False, inputs, {**options, "mask": mask})
        if self.on_mask != masks.FOLLOWED or moved:
            self._demand_no_mixing(inputs[0], mask)
            return self._call_following(False, inputs, options)
        x, before = inputs[0], inputs[0].mask
        x.mask = mask
        try:
            return self._call_following(masks.follow, inputs, options)
        finally:
            x.mask = before

    def _call_following(
        self,
        following: Callable[..., None] | bool,
        inputs: list[Tensor],
        options: dict[str, Any],
    ) -> LayerResult:
        with Mode("masks", following):
            return self._computed(*inputs, **options)

    # -------------------------------------------------------------------- around ``call``

    @property
    def _channels(self) -> int | None:
        """How many channels the first inputs had; None before that."""
        if self.input_shape is None:
            return None
        axis = self._channels_axis
        return self.input_shape[axis - 1 if axis > 0 else axis]

    def _moves(self, ndim: int) -> bool:
        """Whether the channels of inputs of so many axes lie elsewhere than last."""
        axis = self._channels_axis
        return axis not in (-1, ndim - 1) and -ndim <= axis < ndim

    def _within(self, shape: Shape) -> Shape:
        """The shape that ``call`` sees, batch axis included: with the channels last."""
        axis = self._channels_axis
        if not self._moves(len(shape)) or not 0 < axis % len(shape) < len(shape):
            return shape
        return (*shape[:axis], *shape[axis:][1:], shape[axis])

    def _gathered(self, given: Sequence[Any]) -> Sequence[Any]:
        """Several inputs or shapes as one list, where that is what a method takes."""
        return [list(given)] if self.gathers and len(given) > 1 else given

    def _computed(self, *inputs: Tensor, **options: Any) -> LayerResult:
        """What ``call`` computes, of channels that come last; its cost is taken note of."""
        if self._channels_axis == -1:
            y: LayerResult = self.call(*self._gathered(inputs), **options)
        else:
            last = [channels_moved(x, self._channels_axis, -1) for x in inputs]
            y = self.call(*self._gathered(last), **options)
            y = of_each(y, lambda one: channels_moved(one, -1, self._channels_axis))
        if self.activity_regularizer is not None and modes.costs is not None:
            of_each(y, self._take_note)
        return y

    def _take_note(self, y: Tensor) -> Tensor:
        """Add what an output costs, per sample, to what the loss is told of."""
        assert self.activity_regularizer is not None
        modes.costs.append(self.activity_regularizer(y) / float(max(len(y), 1)))
        return y

    def _demand_no_mixing(self, x: Tensor, mask: Tensor | None) -> None:
        """Raise ValueError if the layer would mix real steps with padding."""
        along = mask is not None and mask.ndim >= x.ndim
        moved = self._moves(x.ndim)
        if moved or self.on_mask == masks.REFUSED or (self.on_mask == masks.STEPS and along):
            raise ValueError(
                f"layer {self.name!r} ({self!r}): its input, of shape {x.shape}, has a mask, which "
                "says that some steps are padding (mask_zero of an Embedding, or Masking), but "
                "this layer cannot tell them apart: its results would count them. Put a layer "
                "before it that uses masks up, such as a pooling over time, LSTM or Flatten; or "
                "leave mask_zero or Masking out; or set x.mask = None in a forward of your own."
            )

    def _lay_mask(self, y: LayerResult, inputs: list[Tensor], mask: Tensor | None) -> LayerResult:
        """Lay its mask at the result, of several at the first, if there is one."""
        if isinstance(y, tuple | list):
            first, *others = y
            return (self._lay_mask_at(first, inputs, mask), *others)
        return self._lay_mask_at(y, inputs, mask)

    def _lay_mask_at(self, y: Tensor, inputs: list[Tensor], mask: Tensor | None) -> Tensor:
        if type(self).compute_mask is not Module.compute_mask:
            return masks.lay(self.outgoing(inputs, mask), y, self.name, inputs)
        if mask is None or (self.on_mask == masks.FOLLOWED and not self.takes_mask):
            return y  # ``masks.follow`` has seen to it
        ends = self.on_mask == masks.FOLLOWED and not masks.stays(mask, inputs[0], y)
        return masks.lay(None if ends else self.outgoing(inputs, mask), y, self.name, inputs)

    def incoming(self, *inputs: Tensor) -> Tensor | None:
        """The mask that ``call`` takes as ``mask=``, unless one is given: that of the input."""
        return inputs[0].mask

    def outgoing(self, inputs: Sequence[Tensor], mask: Tensor | None) -> masks.Mask:
        """The mask of the output."""
        return self.compute_mask(inputs[0], mask)

    def _forward_arrays(self, arrays: list[Array], options: dict[str, Any]) -> Any:
        inputs = [Tensor(x, requires_grad=modes.grad and x.dtype.kind == "f") for x in arrays]
        outputs = self.forward(*inputs, **options)
        self._last = (inputs, outputs) if modes.grad else None
        return of_each(outputs, lambda y: y.data.copy())  # the caller may change it: we need ours

    def backward(self, dL_dout: Any, input_gradient: bool = True) -> Any:
        """One step of backpropagation, by hand, after ``forward`` of arrays.

        Adds dL/dp to the ``.grad`` of each parameter p. Each forward serves one backward.

        Args:
            dL_dout: gradient of the loss with respect to the output, of its shape; of several
                outputs, a sequence of them.
            input_gradient: False saves the work of the result, as for a first layer.

        Returns:
            dL/dinput, of the (first) input's shape; None if it was not asked for, or the inputs
            are whole numbers.
        """
        if self._last is None:
            raise RuntimeError(
                f"layer {self.name!r}: backward needs a forward before it, a new one each time. "
                "Call forward(x) with a NumPy array first, outside no_grad(). A layer that stands "
                "in a model twice needs autograd: loss(y, model(Tensor(x))).backward()."
            )
        (x, *_), outputs = self._last
        output, slope = self._seeded(outputs, dL_dout)
        self._last = None
        wanted = [p for p in self.parameters() if p.requires_grad]
        reached = [*wanted, x] if input_gradient and x.requires_grad else wanted
        if not reached:
            return None
        gradients = grad(output, reached, gradient=slope)
        for parameter, gradient in zip(wanted, gradients, strict=False):
            parameter.accumulate(gradient)
        return gradients[-1].data if len(reached) > len(wanted) else None

    def _seeded(self, outputs: LayerResult, dL_dout: Any) -> tuple[Tensor, Array | None]:
        """The output and the gradient that arrives at it; several become one number."""
        several = not isinstance(outputs, Tensor)
        ends: tuple[Tensor, ...] = one_by_one((outputs,))
        slopes = [as_array(slope) for slope in (one_by_one((dL_dout,)) if several else [dL_dout])]
        if [s.shape for s in slopes] != [y.shape for y in ends]:
            wanted, got = [y.shape for y in ends], [s.shape for s in slopes]
            raise ValueError(
                f"layer {self.name!r}: dL_dout must have the shape of the output, "
                f"{wanted if several else wanted[0]}, got {got if several else got[0]}."
            )
        if not several:
            return ends[0], slopes[0]
        with GradMode(True):
            costs = [(y * Tensor(s)).sum() for y, s in zip(ends, slopes, strict=True)]
            return sum(costs[1:], start=costs[0]), None


def one_by_one(given: Sequence[Any]) -> tuple[Any, ...]:
    """Arrays and Tensors, those in lists, too, one after another.

    >>> one_by_one((1, [Tensor(2.0), [np.ones(1)]], [4, 5]))
    (1, Tensor(2., dtype=float32), array([1.]), [4, 5])
    """
    flat: list[Any] = []
    for x in given:
        flat += one_by_one(x) if _holds_arrays(x) else [x]
    return tuple(flat)


def _inputs_of(call: FunctionType) -> int:
    """How many inputs a ``call`` needs: parameters by place, but self and those with defaults."""
    code, defaults = call.__code__, len(call.__defaults__ or ())
    needed = code.co_varnames[1 : code.co_argcount - defaults]
    return len([name for name in needed if name not in ("mask", "training")])


def _is_batches(inputs: Sequence[object]) -> bool:
    """Whether one list of Tensors was given, or of arrays that are not single samples."""
    given = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], list | tuple) else ()
    batches = [isinstance(x, Tensor) or (isinstance(x, np.ndarray) and x.ndim > 1) for x in given]
    return len(batches) > 1 and all(batches)


def _holds_arrays(x: object) -> bool:
    return isinstance(x, list | tuple) and any(
        isinstance(one, Tensor | np.ndarray) or _holds_arrays(one) for one in x
    )


def of_each(made: Any, function: Callable[[Tensor], Any]) -> Any:
    """What a function makes of a result, or of each of several."""
    if isinstance(made, tuple | list):
        return type(made)(of_each(one, function) for one in made)
    return function(made)


def channels_moved(x: Tensor, source: int, to: int) -> Tensor:
    """x with its channels moved from one axis to another; what has none stays as it is."""
    if x.ndim < 3:
        return x
    order = list(range(x.ndim))
    axis = order.pop(source)
    order.insert(to % x.ndim, axis)
    return x if order == sorted(order) else x.transpose(*order)


KERNEL = {"weights": "kernel", "recurrent_weights": "recurrent"}  # parameter -> Keras's word


def __getattr__(name: str) -> object:
    if name != "Neuron":  # which users know from here, and most networks do without
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from axon.layers.neuron import Neuron

    return Neuron
