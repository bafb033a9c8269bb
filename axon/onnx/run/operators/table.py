"""The operators that a graph may name: functions whose signatures say what a node may have.

A signature follows the ONNX standard, with the standard's names and defaults:

    def reduce_sum(x: Tensor, /, axes: list[int] | None = None, *, keepdims: int = 1) -> Tensor

What stands before ``/`` is an input, what follows ``*`` an attribute; ``axes``, between them, is an
attribute in older files and an input in newer ones. An input that is a Tensor flows through the
network; one of another type must be known before the network runs. A node with an attribute that is
not in the signature, or of another type, is refused: to overlook it would make other numbers than
the file's author saw. Parameters that a function does not look at have no bearing on what it
computes, or only one value that is supported. Attributes that several operators share may be the
fields of one parameter, a NamedTuple.
"""

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from types import UnionType
from typing import Any, Literal, NamedTuple, get_args, get_origin

import numpy as np

from axon.backend import Array
from axon.core import Tensor
from axon.onnx.run.operators.operand import (
    Attributes,
    Data,
    LayoutRule,
    Operand,
    Operands,
    as_ints,
    as_read,
    as_tensor,
)
from axon.parameter import Buffer

MICROSOFT = "com.microsoft"  # the domain of ONNX Runtime's own operators
NodeResults = list[Data | None]  # None: a result that nobody reads
INPUTS = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
ATTRIBUTES = (Parameter.KEYWORD_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


class Context(NamedTuple):
    """What an operator may ask besides its inputs and attributes, as ``context``.

    Attributes:
        made_for: how many samples the file was made for; None if that does not matter,
        samples: and how many there are.
        used: the numbers of the results that somebody reads,
        outputs: and how many results there are.
        training: whether the network is being trained.
        known: whether all inputs were known before the network ran.
        seed_state: the key of its random numbers, if it has one.
    """

    made_for: int | None = None
    samples: int | None = None
    used: Sequence[int] = (0,)
    outputs: int = 1
    training: bool = False
    known: bool = False
    seed_state: Buffer | None = None

    @property
    def other_samples(self) -> bool:
        """Whether there are more or fewer samples than the file was made for."""
        return self.made_for not in (None, self.samples)


class Operator:
    """One operator: a function, and what its signature says of inputs and attributes.

    Args:
        name: what files call it.
        compute: a function of the inputs and attributes; gives a Tensor, or a list of several. One
            of Operands, which answers without computing anything, gives an Operand.
        layout: how the axes of its inputs are to lie, and those of the result then do.
        quiet: nothing is computed: it is not shown as a part of the network.
    """

    def __init__(
        self,
        name: str,
        compute: Callable[..., Any],
        layout: LayoutRule = as_read,
        quiet: bool = False,
    ) -> None:
        self.name, self.compute, self.layout, self.quiet = name, compute, layout, quiet
        found = signature(compute).parameters.values()
        self.inputs = [p for p in found if p.kind in INPUTS]
        self.variadic = [p for p in found if p.kind is Parameter.VAR_POSITIONAL]
        self.attributes = {p.name: type_of(p) for p in found if p.kind in ATTRIBUTES}
        self.asks = self.attributes.pop("context", None) is not None
        self.defaults = {p.name: p.default for p in found if p.default is not p.empty}
        types = self.attributes.items()
        self.groups = {name: group for name, group in types if is_group(group)}
        for name, group in self.groups.items():
            del self.attributes[name]
            self.attributes |= group.__annotations__
            self.defaults |= group._field_defaults
        self.lazy = any(p.annotation is Operand for p in found)

    def bound(self, attributes: Mapping[str, Any]) -> Attributes:
        """All attributes, the default ones too.

        Raises:
            ValueError: one is unknown, of another type, or missing.
        """
        if why := objection(attributes, self.attributes):
            raise ValueError(f"{why} is not supported.")
        told = {*self.defaults, *attributes, *(p.name for p in self.inputs)}
        for name in self.attributes:
            if name not in told:
                raise ValueError(f"{name!r} is missing.")
        return {**self.defaults, **attributes}

    def separated(self, given: Operands, attributes: Attributes) -> tuple[Operands, Attributes]:
        """The inputs that flow; those that have to be known go among the attributes."""
        flowing: Operands = []
        for place, operand in enumerate(given):
            parameter = next(iter(self.inputs[place : place + 1] or self.variadic), None)
            if parameter is None and operand is not None:
                raise ValueError(f"it takes {len(self.inputs)} inputs, got {len(given)}.")
            if parameter is None or flows(parameter):
                flowing.append(operand)
            elif operand is not None:
                array = operand.value()
                if array is None:
                    raise ValueError(
                        f"{parameter.name!r} is computed from the data. A recorded network needs "
                        "to know it before it runs."
                    )
                value = known_value(array, type_of(parameter))
                attributes = {**attributes, parameter.name: value}
        return flowing, attributes

    def run(
        self, given: Sequence[Data | None], attributes: Attributes, context: Context
    ) -> NodeResults:
        """Compute, from inputs that lie as they should."""
        rest, options = list(given), dict(attributes)
        inputs: list[Any] = []
        for parameter in self.inputs:
            flowing = rest.pop(0) if flows(parameter) and rest else None
            otherwise = options.pop(parameter.name, parameter.default)
            if flowing is None and otherwise is parameter.empty:
                raise ValueError(f"{parameter.name!r} is missing.")
            inputs.append(otherwise if flowing is None else as_wanted(flowing, parameter))
        inputs += [as_wanted(x, p) for p in self.variadic for x in rest if x is not None]
        for name, group in self.groups.items():
            options[name] = group(*(options.pop(field) for field in group._fields))
        if self.asks:
            options["context"] = context
        made = self.compute(*inputs, **options)
        return made if isinstance(made, list) else [made]

    def look(self, given: Operands, attributes: Attributes) -> Operand:
        """What an operator that computes nothing makes of its input."""
        if not given or given[0] is None:
            raise ValueError("the input is missing.")
        found: Operand = self.compute(given[0], **attributes)
        return found


OPERATORS: dict[str, Operator] = {}


def operator(*names: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function into the table, under the names that files use."""

    def enter(compute: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            OPERATORS[name] = Operator(name, compute, **options)
        return compute

    return enter


def of_microsoft(*names: str) -> list[str]:
    """What operators of ONNX Runtime's own are called here.

    >>> of_microsoft("Attention")
    ['com.microsoft.Attention']
    """
    return [f"{MICROSOFT}.{name}" for name in names]


def enter(functions: Mapping[str, Callable[..., Any]], **options: Any) -> None:
    """Enter many short ones; what has no annotation is a Tensor, or of its default's type."""
    for name, function in functions.items():
        operator(name, **options)(function)


# ------------------------------------------------------------------------------------ signatures


def type_of(parameter: Parameter) -> Any:
    """What a parameter is declared to be."""
    if parameter.annotation is not parameter.empty:
        return parameter.annotation
    return Tensor if parameter.default is parameter.empty else type(parameter.default)


def is_group(wanted: object) -> bool:
    """Whether the fields of a type are attributes."""
    return isinstance(wanted, type) and issubclass(wanted, tuple)


def flows(parameter: Parameter) -> bool:
    """Whether an input may depend on the data."""
    wanted = type_of(parameter)
    return wanted is Operand or Tensor in (wanted, *get_args(wanted))


def as_wanted(data: Data, parameter: Parameter) -> Data:
    """A Tensor; an array stays one where the function wants to know of it."""
    return data if Array in get_args(type_of(parameter)) else as_tensor(data)


def known_value(array: Array, wanted: Any) -> Any:
    """An input that is known, as the function wants it."""
    types = (wanted, *get_args(wanted))
    if list[int] in types:
        return as_ints(array)
    if int in types:
        return as_ints(array)[0]
    return float(np.ravel(array)[0]) if float in types else array


def objection(attributes: Mapping[str, Any], types: Mapping[str, Any]) -> str:
    """What cannot be heeded of a node's attributes; nothing if all can.

    >>> objection({"alpha": 1.0}, {"alpha": float}), objection({"slope": 1.0}, {"alpha": float})
    ('', "the unknown attribute 'slope'")
    """
    for name, value in attributes.items():
        wanted = types.get(name)
        if wanted is None:
            return f"the unknown attribute {name!r}"
        if get_origin(wanted) is Literal:
            if value not in get_args(wanted):
                return f"{name}={value!r}"
        elif not is_of(wanted, value):
            return f"the attribute {name!r} of another type"
    return ""


def is_of(wanted: Any, value: Any) -> bool:
    """Whether a value of an attribute is of a type."""
    if get_origin(wanted) is UnionType:
        return any(is_of(each, value) for each in get_args(wanted))
    if get_origin(wanted) is list:
        (each,) = get_args(wanted)
        return isinstance(value, list) and all(is_of(each, v) for v in value)
    if wanted is float:
        return isinstance(value, int | float)
    return isinstance(wanted, type) and isinstance(value, wanted)
