"""The options of every layer: names, types, and rules for its parameters."""

from collections.abc import Callable, Mapping
from typing import TypedDict

from axon.backend import DType
from axon.checks import one_of
from axon.core import Tensor
from axon.names import Choice, suggestion

TypeName = str | type | DType | None  # of numbers, such as "float32"
Rule = Choice | None  # a regularizer or a constraint


class LayerOptions(TypedDict, total=False):
    """Keyword arguments of every layer, described by ``Layer``; rules only for what it has."""

    name: str | None
    dtype: TypeName
    trainable: bool
    activity_regularizer: Rule
    data_format: str | None
    kernel_regularizer: Rule
    kernel_constraint: Rule
    bias_regularizer: Rule
    bias_constraint: Rule
    recurrent_regularizer: Rule
    recurrent_constraint: Rule
    depthwise_regularizer: Rule
    depthwise_constraint: Rule
    pointwise_regularizer: Rule
    pointwise_constraint: Rule
    alpha_regularizer: Rule
    alpha_constraint: Rule
    gamma_regularizer: Rule
    gamma_constraint: Rule
    beta_regularizer: Rule
    beta_constraint: Rule
    embeddings_regularizer: Rule
    embeddings_constraint: Rule
    query_regularizer: Rule
    query_constraint: Rule
    key_regularizer: Rule
    key_constraint: Rule
    value_regularizer: Rule
    value_constraint: Rule
    output_regularizer: Rule
    output_constraint: Rule


RULES = set(LayerOptions.__annotations__) - {
    *("name", "dtype", "trainable", "activity_regularizer", "data_format"),
}

ELSEWHERE = {  # arguments of other libraries, and what to do instead
    "input_shape": " Put axon.layers.Input(shape) first, or let the first data tell the shape.",
    "input_dim": " Put axon.layers.Input(shape) first, or let the first data tell the shape.",
    "data_format": " It is for layers of images, series and volumes.",
}


def rules_for(
    owner: type, options: Mapping[str, Rule]
) -> dict[str, Callable[[Tensor], Tensor] | None]:
    """Read ``kernel_regularizer="l2"``, ``bias_constraint="non_neg"`` and the like.

    Raises:
        TypeError: a word that no layer knows; the nearest one is suggested.
    """
    if not options:
        return {}
    from axon import constraints, regularizers

    rules = {"regularizer": regularizers.get, "constraint": constraints.get}
    known = {word: rules[word.rpartition("_")[2]] for word in sorted(RULES)}
    for word in options:
        if word not in known:
            from inspect import signature  # only an error pays for it

            makers = [vars(c).get("__init__", object.__init__) for c in owner.__mro__]
            takes = [name for maker in makers for name in signature(maker).parameters]
            hint = ELSEWHERE.get(word) or suggestion(word, [*takes, *known])
            raise TypeError(f"{owner.__name__}: unexpected argument {word!r}.{hint}")
    return {word: known[word](value) for word, value in options.items() if value is not None}


def activity_rule(rule: Rule) -> Callable[[Tensor], Tensor] | None:
    """Read ``activity_regularizer="l2"``."""
    if rule is None:
        return None
    from axon import regularizers

    found: Callable[[Tensor], Tensor] | None = regularizers.get(rule)
    return found


def demand_format(owner: type, data_format: str | None, known: bool) -> bool:
    """Whether ``data_format`` says that channels come first.

    Raises:
        TypeError: this layer has no such argument.
        ValueError: it is no such format.
    """
    if data_format is None:
        return False
    if not known:
        rules_for(owner, {"data_format": data_format})
    formats = ("channels_first", "channels_last")
    one_of(owner.__name__, "data_format", data_format, formats)
    return data_format == "channels_first"
