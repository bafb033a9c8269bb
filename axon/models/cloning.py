"""clone_model: a model of the same layers, whose weights begin anew."""

from collections.abc import Callable
from typing import Any

from axon.layers.module import Module
from axon.layers.symbolic import Tree, called, leaves, mapped
from axon.models.functional import Functional
from axon.models.graph_steps import Ref
from axon.models.model import Model
from axon.models.sequential import Sequential

Maker = Callable[[Any], Any]


def clone_model(
    model: Model, input_tensors: Tree = None, clone_function: Maker | None = None
) -> Model:
    """Make a model of the same layers; its weights begin anew, and it has to be compiled.

    Args:
        model: a Sequential, or a model in the functional style.
        input_tensors: ``Input`` layers, or symbolic values, that take the place of its inputs: one,
            or a list.
        clone_function: makes a layer of each layer; by default another one of the same arguments.
            One that returns the layer itself lets both models share it.

    Raises:
        TypeError: a model whose ``forward`` is of the user's own: call its class, or
            ``copy.deepcopy(model)``, which keeps the weights.

    >>> from axon.layers import Dense
    >>> model = Sequential([Dense(3, 2)])
    >>> other = clone_model(model)
    >>> other.output_shape, other.layers[0] is model.layers[0]
    ((2,), False)
    """
    make = clone_function or _fresh
    if isinstance(model, Functional):
        return _functional(model, input_tensors, make)
    if not isinstance(model, Sequential):
        raise TypeError(
            f"clone_model: {model.name!r}, a {type(model).__name__}, has a forward of its own. "
            "Make another one by its class; copy.deepcopy(model) keeps the weights."
        )
    if input_tensors is not None:
        return _functional(Functional(model.input, model.output, model.name), input_tensors, make)
    made: dict[int, Module] = {}
    other = Sequential(name=model.name)
    for layer in model.layers:
        other.append(_once(layer, made, make))
    if model.input_shape is not None:
        other.build(model.input_shape)
    return other


def _functional(model: Functional, input_tensors: Tree, make: Maker) -> Functional:
    copies: dict[int, Module] = {}
    steps, count = model._steps_of_graph, len(model._entries)
    if input_tensors is None:
        entries = [_once(step.target, copies, make).output for step in steps[:count]]
    else:
        entries = [getattr(x, "symbolic", x) for x in leaves(input_tensors)]
        if len(entries) != count:
            raise ValueError(
                f"clone_model: model {model.name!r} takes {model.takes}, got {len(entries)}."
            )
    made: list[Any] = list(entries)
    for step in steps[count:]:
        target = step.target
        target = _once(target, copies, make) if isinstance(target, Module) else target
        given = mapped((step.inputs, step.options), Ref, lambda ref, _: ref.of(made))
        made.append(called(target, *given))
    results = mapped(model._results, Ref, lambda ref, _: ref.of(made))
    by_name = model._by_name and input_tensors is None
    inputs = dict(zip(model._entries, entries, strict=True)) if by_name else entries
    return Functional(inputs, results, name=model.name)


def _once(layer: Tree, made: dict[int, Module], make: Maker) -> Tree:
    """The other layer: the same one wherever the layer stands."""
    if id(layer) not in made:
        made[id(layer)] = make(layer)
    return made[id(layer)]


def _fresh(layer: Tree) -> Tree:
    """Another layer of the same arguments, with those of layers inside it made anew, too."""
    if isinstance(layer, Sequential | Functional):
        return clone_model(layer)
    given = {k: _inside(v) for k, v in layer._present().items()}
    return type(layer)(**{**given, "name": layer.name})


def _inside(value: Tree) -> Tree:
    if isinstance(value, Module):
        return _fresh(value)
    return [_inside(v) for v in value] if isinstance(value, list) else value
