"""Activation functions: one file each, holding the whole truth about it.

The re-exports below are eager on purpose: ``axon.activations.sigmoid`` is a module *and* a
function, and only an eager import leaves the function under that name.
"""

from collections.abc import Callable, Mapping
from typing import Any

from axon.activations.combined import (
    celu,
    exponential,
    glu,
    hard_shrink,
    hard_silu,
    hard_swish,
    hard_tanh,
    log_sigmoid,
    soft_shrink,
    softmin,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh_shrink,
    threshold,
)
from axon.activations.elu import elu, elu_derivative
from axon.activations.gelu import gelu, gelu_derivative
from axon.activations.hard_sigmoid import hard_sigmoid, hard_sigmoid_derivative
from axon.activations.leaky_relu import leaky_relu, leaky_relu_derivative
from axon.activations.linear import linear, linear_derivative
from axon.activations.log_softmax import log_softmax, log_softmax_derivative
from axon.activations.mish import mish, mish_derivative
from axon.activations.relu import relu, relu_derivative
from axon.activations.relu6 import relu6, relu6_derivative
from axon.activations.selu import selu, selu_derivative
from axon.activations.sigmoid import sigmoid, sigmoid_derivative
from axon.activations.silu import silu, silu_derivative, swish
from axon.activations.softmax import softmax, softmax_derivative
from axon.activations.softplus import softplus, softplus_derivative
from axon.activations.softsign import softsign, softsign_derivative
from axon.activations.tanh import tanh, tanh_derivative
from axon.names import choose, itself

Activation = Callable[[Any], Any]


def name_of(activation: Activation) -> str:
    """Return the name under which ``get`` finds an activation, or that of the function itself.

    >>> name_of(relu)
    'relu'
    """
    return getattr(activation, "__name__", type(activation).__name__)


ACTIVATIONS: dict[str, Activation] = {
    name_of(activation): activation
    for activation in (
        *(elu, gelu, hard_sigmoid, leaky_relu, linear, log_softmax, mish, relu, relu6, selu),
        *(sigmoid, silu, softmax, softplus, softsign, tanh),
    )
}

COMBINED: dict[str, Activation] = {  # functions of others, which have what they are made of
    name_of(activation): activation
    for activation in (
        *(celu, exponential, glu, hard_shrink, hard_silu, hard_tanh, log_sigmoid, soft_shrink),
        *(softmin, sparse_plus, sparse_sigmoid, sparsemax, squareplus, tanh_shrink, threshold),
    )
}

ALIASES: dict[str, Activation] = {"swish": swish, "hard_swish": hard_swish}


def get(activation: str | Activation | None) -> Activation:
    """Return the activation with this name; a function is returned as it is, None is linear.

    Raises:
        ValueError: no such name; the nearest one is suggested.
        TypeError: neither a name nor a function.

    >>> get("tanh") is tanh
    True
    """
    if activation is None:
        return linear
    table = {**ACTIVATIONS, **COMBINED, **ALIASES}
    return choose("activation", activation, table, None, "a name or a function", function=itself)


def serialize(activation: Activation) -> str:
    """The name of an activation, or of a function of your own.

    Raises:
        TypeError: it has none.

    >>> serialize(relu)
    'relu'
    """
    name = getattr(activation, "__name__", "")
    if not callable(activation) or not name.isidentifier():
        raise TypeError(f"serialize: expected a function with a name, got {activation!r}.")
    return str(name)


def deserialize(config: str, custom_objects: Mapping[str, Activation] | None = None) -> Activation:
    """The activation of this name, AXON's or one of ``custom_objects``.

    Raises:
        ValueError: no such name; the nearest one is suggested.

    >>> deserialize("tanh") is tanh
    True
    """
    return (custom_objects or {}).get(config) or get(config)
