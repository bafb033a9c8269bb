"""Classes of one's own that are written as Keras has them: training=, lists of inputs, build."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import numpy as np

from axon.backend import Shape
from axon.layers.options import Rule, TypeName, rules_for
from axon.modes import TrainingMode
from axon.names import Choice
from axon.parameter import Buffer, Parameter


def weight(
    layer: Any,
    shape: Shape,
    initializer: Choice,
    dtype: TypeName,
    trainable: bool,
    rules: Mapping[str, Rule],
    name: str,
) -> Parameter | Buffer:
    """What ``Layer.add_weight`` makes."""
    made: Parameter = layer.parameter(name, initializer, tuple(shape))
    if not trainable:
        return Buffer(made.data if dtype is None else made.data.astype(dtype))
    if dtype is not None and made.dtype != np.dtype(dtype):
        made = Parameter(made.data.astype(dtype), name, made.requires_grad)
    chosen = rules_for(type(layer), rules)
    made.regularizer = chosen.get("kernel_regularizer")
    made.constraint = chosen.get("kernel_constraint")
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
