"""Classes of one's own that are written as Keras has them: training=, lists of inputs, build."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from axon.backend import Shape
from axon.core import Tensor
from axon.layers.options import Rule, TypeName, rules_for
from axon.modes import TrainingMode
from axon.names import Choice
from axon.parameter import Buffer, Parameter


class AddsWeights:
    """``add_weight``, by which layers that are written for Keras make their parameters."""

    _creating = False  # while a ``build`` of one's own makes the parameters

    def add_weight(
        self: Any,
        shape: Shape = (),
        initializer: Choice = "glorot_uniform",
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
        made: Parameter = self.parameter(name, initializer, tuple(shape))
        if not trainable:
            return Buffer(made.data if dtype is None else made.data.astype(dtype))
        if dtype is not None and made.dtype != np.dtype(dtype):
            made = Parameter(made.data.astype(dtype), name, made.requires_grad)
        given = {"kernel_regularizer": regularizer, "kernel_constraint": constraint}
        rules = rules_for(type(self), given)
        made.regularizer = rules.get("kernel_regularizer")
        made.constraint = rules.get("kernel_constraint")
        return made


def told(method: Callable[..., Any]) -> Callable[..., Any]:
    """A ``call`` or ``forward`` with an argument ``training``, told what ``self.training`` says."""

    @wraps(method)
    def called(self: Any, *inputs: Any, training: bool | None = None, **options: Any) -> Any:
        if training is None:
            return method(self, *inputs, training=self.training, **options)
        with TrainingMode(training):
            return method(self, *inputs, training=training, **options)

    return called


def inputs_of(call: Any) -> int:
    """How many inputs a ``call`` needs: parameters by place, but self and those with defaults."""
    code, defaults = call.__code__, len(call.__defaults__ or ())
    needed = code.co_varnames[1 : code.co_argcount - defaults]
    return len([name for name in needed if name not in ("mask", "training")])


def is_batches(inputs: Sequence[Any]) -> bool:
    """Whether one list of Tensors was given, or of arrays that are not single samples."""
    given = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], list | tuple) else ()
    batches = [isinstance(x, Tensor) or (isinstance(x, np.ndarray) and x.ndim > 1) for x in given]
    return len(batches) > 1 and all(batches)


def made_in(
    build: Callable[..., Any], usual: Callable[..., Any]
) -> tuple[Callable[..., None], Callable[..., Any]]:
    """``create`` and ``build`` of a layer that makes its parameters in a ``build`` of its own.

    That is given shapes with None for the number of samples, one or a list, as Keras does it. The
    ``build`` that is left does what that of all layers does, but for ``super().build(shape)``.
    """

    def create(self: Any, *shapes: Any) -> None:
        vars(self)["_creating"] = True
        try:
            build(self, *(_with_samples(shape) for shape in shapes))
        finally:
            del vars(self)["_creating"]

    @wraps(build)
    def called(self: Any, *shapes: Any) -> Any:
        return build(self, *shapes) if self._creating else usual(self, *shapes)

    return create, called


def _with_samples(shape: Shape | list[Shape]) -> Any:
    return [(None, *one) for one in shape] if isinstance(shape, list) else (None, *shape)
