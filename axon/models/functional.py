"""Functional: a model whose ``forward`` is a graph of calls, from symbolic inputs to outputs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from axon.backend import DType, Shape, as_array
from axon.containers import has
from axon.core import Tensor
from axon.layers.input import Input
from axon.layers.masks import as_mask, lay
from axon.layers.module import Module
from axon.layers.open_sizes import is_open
from axon.layers.symbolic import (
    GraphCall,
    Symbolic,
    Tree,
    leaves,
    mapped,
    remember,
    symbolic,
)
from axon.models import forms
from axon.models.graph_steps import (
    Description,
    GraphStep,
    Ref,
    as_json,
    call_as_json,
    from_json,
    made_of_calls,
    place,
)
from axon.models.model import Model
from axon.models.network import Takes
from axon.models.sequential import Sequential
from axon.modes import Mode, modes


class Functional(Model):
    """A model made of symbolic values: ``Model(inputs, outputs)`` makes it.

    Args:
        inputs: an ``Input``, or another symbolic value; a list, tuple or dict of them.
        outputs: a symbolic value that was computed from them; a list, tuple or dict of such.
        name: what it is called.
        keys: what the paths of parameters begin with, a text for each layer; their names usually.

    Raises:
        TypeError: something is no symbolic value, such as what a layer made of an array.
        ValueError: an output depends on an input that is not listed, or an input leads nowhere;
            or two layers were given the same name.

    >>> from axon.layers import Dense
    >>> x = Input((4,))
    >>> hidden = Dense(8, "relu")(x)
    >>> Model(x, Dense(2)(hidden) + 1.0).count_params()
    58
    """

    def __init__(
        self,
        inputs: Tree,
        outputs: Tree,
        name: str | None = None,
        keys: Sequence[str] | None = None,
    ) -> None:
        super().__init__(name or "functional")
        self.chosen = name is not None
        vars(self)["_given"] = (), {}  # the graph says it, and in fewer objects
        entries = _entries(inputs)
        results = _results(outputs)
        calls = _between(self.name, entries, results)
        self._steps_of_graph = _steps(entries, calls)
        self._results = mapped(results, Symbolic, _references(entries, calls))
        modules = [step.target for step in self._steps_of_graph if isinstance(step.target, Module)]
        self._name(list({id(m): m for m in modules}.values()), keys)
        self._entries = tuple(_entry_names(inputs, self._steps_of_graph))
        self._by_name = isinstance(inputs, Mapping)
        self._chains = _chains(self._steps_of_graph, len(entries), self._results)
        self._shapes = self._shapes_of_rows(), _shapes_of(results)
        vars(self)["_symbolic"] = entries, results

    def _shapes_of_rows(self) -> tuple[Shape, ...]:
        """The shapes of one sample of what comes in, prepared."""
        pairs = list(zip(self._steps_of_graph, self._chains, strict=False))
        rows = [
            np.full(step.specs.shape, chain[0].target.raw) if chain else step.specs
            for step, chain in pairs
        ]
        return tuple(made.shape[1:] for made in self.prepared(tuple(rows)))

    def _name(self, modules: list[Module], keys: Sequence[str] | None) -> None:
        """Give each layer a key of its own, by which its parameters are found."""
        taken: dict[str, Module] = {}
        for i, module in enumerate(modules):
            key = keys[i] if keys else self._key_for(module, taken)
            if not module.placed:
                module.name, module.placed = module.name if module.chosen else key, True
            taken[key] = module
        self._parts = taken

    def _key_for(self, module: Module, taken: Mapping[str, Module]) -> str:
        if module.name in taken and module.chosen and taken[module.name].chosen:
            raise ValueError(
                f"model {self.name!r}: two layers are called {module.name!r}, "
                f"{taken[module.name]!r} and {module!r}. Give one of them another name=."
            )
        numbered = (f"{module.name}_{i}" for i in range(1, len(taken) + 1))
        return next(n for n in (module.name, *numbered) if n not in taken)

    # -------------------------------------------------------------------- as a Module

    def children(self) -> Iterator[tuple[str, Module]]:
        """The layers by name, in the order in which they are called first."""
        yield from self._parts.items()

    def connections(self) -> dict[int, list[str]]:
        """By the id of each layer, what it reads: names, in order; empty for a plain chain."""
        steps, found = self._steps_of_graph, dict[int, list[str]]()
        plain = True
        for number, step in enumerate(steps):
            reads = [ref.step for ref in leaves([*step.inputs, step.options], Ref)]
            plain = plain and reads == [*([number - 1] if number else [])]
            names = [steps[i].target.name.strip("_") for i in reads]
            if isinstance(step.target, Module):
                found.setdefault(id(step.target), []).extend(names)
        return {} if plain else found

    @property
    def least_batch(self) -> int:
        """What the layer that needs the most samples needs."""
        return max((module.least_batch for module in self._parts.values()), default=1)

    @property
    def takes(self) -> Takes:
        """The names of the inputs: those of the ``Input`` layers, or the keys of the dict."""
        return Takes(self._entries, len(self._entries))

    @property
    def input_dtype(self) -> DType:
        """What the data are converted to: integers if an input wants such."""
        entries = zip(self._steps_of_graph, self._chains, strict=False)
        wanted = [(chain[-1] if chain else step).target.input_dtype for step, chain in entries]
        return next((dtype for dtype in wanted if dtype.kind in "iu"), wanted[0])

    @property
    def output_names(self) -> list[str]:
        """The keys of a dict of outputs; else the names of the layers that give them."""
        refs = list(leaves(self._results, Ref))
        if isinstance(self._results, dict):
            return [str(key) for key in self._results]
        if len(refs) == 1 and isinstance(self._results, Ref):
            return super().output_names
        return _unique([self._steps_of_graph[ref.step].target.name for ref in refs])

    def _shape_after(self, input_shapes: tuple[Shape, ...]) -> Tree:
        """Whether they fit; the graph says what comes out, unless sizes that are open do."""
        pairs = zip(self._steps_of_graph, input_shapes, self._chains, strict=False)
        for step, shape in ((step, shape) for step, shape, chain in pairs if not chain):
            step.target.accept((-1, *shape))
        if is_open(self._shapes) and not is_open(input_shapes):
            return super()._shape_after(input_shapes)
        return self._shapes[1] if self._shapes else ()

    def changed(self) -> None:
        """Layers were replaced: what was recorded is forgotten; the graph stays."""
        shapes = self._shapes
        super().changed()
        self._shapes = shapes

    # -------------------------------------------------------------------- forward

    def forward(self, *inputs: Tree, mask: Tree = None) -> Tree:
        """Run the graph: (n, ...) arrays or Tensors in, the same kind out.

        Args:
            inputs: one for each input of the model; or a list, tuple or dict of them.
            mask: truth values (n, time) that say which steps of the first input are real.
        """
        given = self._spread(inputs)
        with Mode("exact", self.exact):
            if any(isinstance(x, Tensor) for x in given):
                return self._run(
                    [x if isinstance(x, Tensor) else Tensor(as_array(x)) for x in given], mask
                )
            given = self.prepared(given)
            pairs = zip(self._steps_of_graph, self._chains, strict=False)
            entries = [(chain[-1] if chain else step).target for step, chain in pairs]
            arrays = [as_array(x, e.taking(x)) for e, x in zip(entries, given, strict=False)]
            made = self._run(
                [Tensor(a, requires_grad=modes.grad and a.dtype.kind == "f") for a in arrays], mask
            )
        return mapped(made, Tensor, lambda t, _: t.data.copy())

    @property
    def raw(self) -> object:
        """A value that a layer at the only input would turn into a number; else None."""
        chains = self._chains if len(self._entries) == 1 else []
        return next((chain[0].target.raw for chain in chains if chain), None)

    def prepared(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Raw values, such as texts, as the numbers that the first other layers read.

        An Input((1,)) may be given its values without that axis, (n,), as Keras takes them.
        """
        steps, chains = self._steps_of_graph, self._chains
        preparing = {id(step) for chain in chains for step in chain}
        pairs = zip(steps, inputs, strict=False)
        made = {id(step): _in_rows(x, step.target.shape) for step, x in pairs}
        for step in (step for step in steps if id(step) in preparing):
            given = [made[id(steps[ref.step])] for ref in leaves(step.inputs, Ref)]
            ready = any(isinstance(x, Tensor) for x in given)
            made[id(step)] = given[0] if ready else step.target.prepared(tuple(given))[0]
        ends = ((step, *chain)[-1] for step, chain in zip(steps, chains, strict=False))
        return tuple(made[id(step)] for step in ends)

    def _spread(self, inputs: tuple[Tree, ...]) -> tuple[Tree, ...]:
        if len(inputs) == 1 and isinstance(inputs[0], Mapping | list | tuple):
            x = inputs[0]
            alone = not isinstance(x, Mapping) and len(x) == len(self._entries) == 1
            if alone and getattr(x[0], "ndim", 0) == len(self.input_shape) + 1:  # [x] means x
                return (x[0],)
            inputs = forms.inputs_of(self, x)
        if len(inputs) != len(self._entries):
            raise ValueError(f"model {self.name!r} takes {self.takes}, got {len(inputs)}.")
        return inputs

    def _run(self, inputs: list[Tensor], mask: Tree) -> Tree:
        if mask is not None:
            inputs = [lay(as_mask(mask), inputs[0][...], self.name), *inputs[1:]]
        made: list[Tree] = []
        for step in self._steps_of_graph:
            if len(made) < len(inputs):
                x = inputs[len(made)]
                made.append(x if self._chains[len(made)] else step.target(x))
                continue
            given = mapped((step.inputs, step.options), Ref, lambda ref, _: ref.of(made))
            made.append(_called(step.target, *given))
        return mapped(self._results, Ref, lambda ref, _: ref.of(made))

    # -------------------------------------------------------------------- as symbolic values

    def _graph(self) -> tuple[list[Symbolic], Tree]:
        """The symbolic inputs and outputs; of a copy, made anew."""
        if "_symbolic" not in vars(self):
            vars(self)["_symbolic"] = self._symbolic_again()
        found: tuple[list[Symbolic], Tree] = vars(self)["_symbolic"]
        return found

    def _symbolic_again(self) -> tuple[list[Symbolic], Tree]:
        made: list[Tree] = []
        for number, step in enumerate(self._steps_of_graph):
            if number < len(self._entries):
                made.append(step.target.symbolic)
                continue
            given = mapped((step.inputs, step.options), Ref, lambda ref, _: ref.of(made))
            call = GraphCall(step.target, given[0], given[1], step.specs)
            remember(call)
            made.append(call.results)
        found = mapped(self._results, Ref, lambda ref, _: ref.of(made))
        return made[: len(self._entries)], found

    @property
    def inputs(self) -> list[Symbolic]:
        """The symbolic inputs, in a list."""
        return list(self._graph()[0])

    @property
    def outputs(self) -> list[Symbolic]:
        """The symbolic outputs, in a list."""
        return list(leaves(self._graph()[1], Symbolic))

    @property
    def input(self) -> Tree:
        """The symbolic input; several as they were given, in a list or dict."""
        if self._by_name:
            return dict(zip(self._entries, self.inputs, strict=True))
        return self.inputs if len(self._entries) > 1 else self.inputs[0]

    @property
    def output(self) -> Tree:
        """The symbolic output; several as they were given, in a list, tuple or dict."""
        return self._graph()[1]

    @property
    def layers(self) -> tuple[Module, ...]:
        """The layers, in the order in which they are called first; they know their ``output``."""
        self._graph()
        return tuple(self._parts.values())

    def get_layer(self, name: str | None = None, index: int | None = None) -> Module:
        """The layer of this name, however deep inside; or the one at this place."""
        self._graph()
        return super().get_layer(name, index)

    # -------------------------------------------------------------------- as JSON can hold it

    def describe(self) -> dict[str, Any]:
        """Class, name, layers, and the calls of the graph."""
        parts, count = dict(self.children()), len(self._entries)
        places = {id(module): i for i, module in enumerate(parts.values())}
        entries = [places[id(step.target)] for step in self._steps_of_graph[:count]]
        named = zip(self._entries, entries, strict=True)
        return {
            **{"class": "Functional", "name": self.name, "keys": list(parts)},
            "layers": [module.describe() for module in parts.values()],
            "inputs": [list(pair) for pair in named] if self._by_name else entries,
            "calls": [call_as_json(step, places) for step in self._steps_of_graph[count:]],
            "outputs": as_json("outputs", self._results),
        }

    @classmethod
    def made_again(
        cls, description: Description, make: Callable[[Description], Tree]
    ) -> "Functional":
        """The model of what ``describe`` gave: its layers are made, and called as they were.

        Args:
            description: the dict.
            make: makes a layer of its description.

        Raises:
            ValueError: the description is not one of a graph.
        """
        layers = [make(inner) for inner in description["layers"]]
        told = description["inputs"]
        named = [(None, i) if type(i) is int else (str(i[0]), i[1]) for i in told]
        entries = [_input(layers[place(i, layers)]) for _, i in named]
        made = made_of_calls(description["calls"], layers, [x.symbolic for x in entries])
        by_name = bool(named) and named[0][0] is not None
        return cls(
            {n: x for (n, _), x in zip(named, entries, strict=True)} if by_name else entries,
            from_json(description["outputs"], made),
            name=description["name"],
            keys=[str(key) for key in description["keys"]],
        )

    def __repr__(self) -> str:
        return f"Model({', '.join(self._entries)} -> {', '.join(self.output_names)})"


Model.functional = Functional


# ------------------------------------------------------------------------------------ making it


def _input(layer: Module) -> Input:
    if not isinstance(layer, Input):
        raise ValueError(f"the graph begins with {layer!r}, which is no Input.")
    return layer


def _entries(inputs: Tree) -> list[Symbolic]:
    """The symbolic inputs, in a list."""
    found = [symbolic(value) for value in leaves(inputs)]
    for value in found:
        if not isinstance(value, Symbolic):
            raise TypeError(
                f"Model(inputs, outputs): expected inputs such as Input((6,)), got {_told(value)}."
            )
    if not found or len({id(v) for v in found}) < len(found):
        raise ValueError(
            f"Model(inputs, outputs): {'no inputs' if not found else 'an input twice'}."
        )
    return found  # type: ignore[return-value]  # all are


def _results(outputs: Tree) -> Tree:
    """The outputs, each a symbolic value."""
    made = mapped(outputs, object, lambda value, _: symbolic(value))
    if type(made) in (list, tuple) and len(made) == 1 and isinstance(made[0], Symbolic):
        made = made[0]
    found = list(leaves(made))
    inside = made.values() if isinstance(made, dict) else made
    flat = [made] if isinstance(made, Symbolic) else list(inside)
    for value in found:
        if not isinstance(value, Symbolic):
            raise TypeError(
                f"Model(inputs, outputs): expected outputs that layers made of the inputs, got "
                f"{_told(value)}. Call the layers with Input(...), and not with data."
            )
    if not found or not all(isinstance(value, Symbolic) for value in flat):
        raise TypeError(
            "Model(inputs, outputs): expected one output, or a list, tuple or dict of some, none "
            f"of which is a list itself, got {outputs!r}."
        )
    return made


def _told(value: object) -> str:
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__} of shape {shape}" if shape is not None else repr(value)


def _between(name: str, entries: Sequence[Symbolic], results: Tree) -> list[GraphCall]:
    """The calls that lead from inputs to outputs, in the order in which they were made."""
    known = {id(value) for value in entries}
    used: set[int] = set()
    found: dict[int, GraphCall] = {}
    waiting = [(value, None) for value in leaves(results, Symbolic)]
    while waiting:
        value, reader = waiting.pop()
        if id(value) in known:
            used.add(id(value))
            continue
        call = value.call
        if isinstance(call.target, Input) and not call.inputs:
            reads = f"{reader!r} reads it" if reader else "it is an output"
            raise ValueError(
                f"model {name!r}: the graph is not connected: {call.name!r}, of shape "
                f"{value.shape}, is not among the inputs ({_names(entries)}), but {reads}. List "
                "it, or compute the outputs from those that are."
            )
        if call.number not in found:
            found[call.number] = call
            before = leaves((call.inputs, call.options), Symbolic)
            waiting += [(v, call.name) for v in before]
    left = [value for value in entries if id(value) not in used]
    if left:
        raise ValueError(
            f"model {name!r}: the graph is not connected: no output depends on the input "
            f"{left[0].name!r}, of shape {left[0].shape}. Leave it out, or use it."
        )
    return [found[number] for number in sorted(found)]


def _names(entries: Sequence[Symbolic]) -> str:
    return ", ".join(repr(value.name) for value in entries)


def _steps(entries: Sequence[Symbolic], calls: Sequence[GraphCall]) -> list[GraphStep]:
    """The graph in few objects, inputs first."""
    where = _references(entries, calls)
    made = [GraphStep(_input_for(value), (), {}, value.spec) for value in entries]
    for call in calls:
        inputs, options = mapped((call.inputs, call.options), Symbolic, where)
        specs = mapped(call.results, Symbolic, lambda value, _: value.spec)
        made.append(GraphStep(call.target, inputs, options, specs))
    return made


def _in_rows(x: Tree, shape: Shape) -> Tree:
    """A value for each sample as a row of one, where such are wanted: columns of tables are flat.

    >>> _in_rows(["a", "b"], (1,)).shape
    (2, 1)
    """
    listed = type(x) is list and len(x) > 0 and np.ndim(x[0]) == 0
    if shape != (1,) or isinstance(x, Tensor) or not (listed or getattr(x, "ndim", 0) == 1):
        return x
    return x[:, None] if has(x, "reshape") else np.asarray(x)[:, None]


def _chains(steps: Sequence[GraphStep], count: int, results: Tree) -> list[list[GraphStep]]:
    """Of each input, the layers that turn raw values into numbers, before all others."""
    found: list[list[GraphStep]] = []
    for number in range(count):
        chain: list[GraphStep] = []
        while True:
            readers = [s for s in steps if Ref(number) in leaves((s.inputs, s.options), Ref)]
            preparing = [s for s in readers if getattr(s.target, "raw", None) is not None]
            if not preparing:
                break
            if len(readers) > 1 or Ref(number) in leaves(results, Ref):
                raise ValueError(
                    f"{preparing[0].target.name!r} turns raw values into numbers, and must be the "
                    "only one that reads them. Make another Input for the other layers."
                )
            chain.append(preparing[0])
            if not preparing[0].target.prepares:  # a model, which goes on from there
                break
            number = steps.index(preparing[0])
        found.append(chain)
    return found


def _references(entries: Sequence[Symbolic], calls: Sequence[GraphCall]) -> Tree:
    """What turns symbolic values into Refs."""
    given = {id(value): i for i, value in enumerate(entries)}
    places = {call.number: len(entries) + i for i, call in enumerate(calls)}

    def where(value: Symbolic, _: object) -> Ref:
        if id(value) in given:
            return Ref(given[id(value)])
        return Ref(places[value.call.number], value.path)

    return where


def _input_for(value: Symbolic) -> Input:
    """The Input of a symbolic value; a new one for a value from the inside of a graph."""
    if isinstance(value.call.target, Input) and not value.call.inputs:
        return value.call.target
    return Input(value.spec.shape[1:], value.dtype, name=f"{value.name}_output")


def _entry_names(inputs: Tree, steps: Sequence[GraphStep]) -> list[str]:
    if isinstance(inputs, Mapping):
        return [str(key) for key in inputs]
    count = len(list(leaves(inputs)))
    return [step.target.name for step in steps[:count]]


def _unique(names: Sequence[str]) -> list[str]:
    """Names, numbered from the second of the same on.

    >>> _unique(["a", "b", "a"])
    ['a', 'b', 'a_1']
    """
    found: list[str] = []
    for name in names:
        numbered = (f"{name}_{i}" for i in range(1, len(names)))
        found.append(next(n for n in (name, *numbered) if n not in found))
    return found


def _shapes_of(results: Tree) -> Tree:
    return mapped(results, Symbolic, lambda value, _: value.spec.shape[1:])


def _called(target: Tree, inputs: tuple[Tree, ...], options: dict[str, Tree]) -> Tree:
    """Call it; a model that takes a mask is given that of its first input, as in a Sequential."""
    own = isinstance(target, Model) and not isinstance(target, Sequential | Functional)
    if own and target.takes_mask and "mask" not in options and isinstance(inputs[0], Tensor):
        options = {**options, "mask": inputs[0].mask}
    return target(*inputs, **options)
