"""Floor 4: what every optimizer does. A leaf declares its state and its rule."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from axon.backend import xp
from axon.core import Tensor
from axon.layers.module import Module
from axon.modes import no_grad
from axon.ops import add_in_place
from axon.parameter import Parameter, gather


class Group:
    """Parameters of one type, neighbours in memory, and the optimizer's state beside them."""

    def __init__(self, parameters: list[Parameter], state: Sequence[str]) -> None:
        self.parameters = parameters
        self.memory, self.start, self.stop = gather(parameters)
        size, dtype = self.stop - self.start, parameters[0].dtype
        self.state = {name: Tensor(xp.zeros(size, dtype)) for name in state}

    def runs(self) -> list[tuple[int, int]]:
        """Stretches of neighbours that have a gradient: usually one, all of them."""
        runs: list[tuple[int, int]] = []
        for p in self.parameters:
            if p.grad is not None:
                if p.grad is not p.home and p.home is not None:
                    p.home.assign(p.grad)
                before = runs.pop() if runs and runs[-1][1] == p.start else (p.start, p.start)
                runs.append((before[0], p.start + p.size))
        return runs

    def stretch(self, start: int, stop: int) -> list[Tensor]:
        """Values, gradients and each state between two elements of the memory."""
        a, b = start - self.start, stop - self.start
        flat = [self.memory.values, self.memory.gradients]
        here = [t if b - a == t.size else t[start:stop] for t in flat]
        return here + [t if b - a == t.size else t[a:b] for t in self.state.values()]


class Optimizer(ABC):
    """Changes parameters so that the loss falls.

    Three ways to use one: ``model.compile(loss, optimizer)`` and ``fit``; ``loss.backward()``, then
    ``step()`` and ``zero_grad()``; or ``update(layers, dL_dout)`` after a forward pass on arrays.

    Args:
        learning_rate: the size of a step; larger than 0. Recorded programs follow when it is set.
    """

    state_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, learning_rate: float) -> None:
        self._rate = Tensor(np.zeros((), np.float64))
        self.iterations = Tensor(np.zeros((), np.float64))
        self.learning_rate = learning_rate
        self.groups: list[Group] = []
        self.parameters: list[Parameter] = []

    @abstractmethod
    def rule(self, values: Tensor, gradients: Tensor, *rest: Any) -> None:
        """Update a stretch of values in place, given its gradients, its state and ``per_step``."""

    def per_step(self, dtype: Any) -> tuple[Tensor, ...]:
        """What is computed once per step, of the parameters' type: here the learning rate."""
        return (self._rate.astype(dtype),)

    @property
    def learning_rate(self) -> float:
        """The size of a step."""
        return float(self._rate.data)

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        hint = " Common values lie between 0.0001 and 0.1."
        self._rate.data[...] = positive(type(self).__name__, "learning_rate", value, hint)

    def build(self, parameters: Sequence[Parameter]) -> None:
        """Take charge of these parameters, frozen ones too; state of the same ones is kept.

        Frozen ones receive no gradient, so ``step`` passes over them.
        """
        chosen = list({id(p): p for p in parameters}.values())
        if self._in_charge(chosen):
            return
        fresh = [id(p) for p in chosen] != [id(p) for p in self.parameters]
        kept = {} if fresh else self.state()
        if fresh:
            self.iterations.data[...] = 0
            for p in chosen:
                p.memory = None  # moves them, so that programs bound to other state notice
        dtypes = dict.fromkeys(p.dtype for p in chosen)
        per_type = [[p for p in chosen if p.dtype == dtype] for dtype in dtypes]
        self.groups = [Group(group, self.state_names) for group in per_type]
        self.parameters = chosen
        for name, values in kept.items():
            self.state()[name][...] = values

    def _in_charge(self, chosen: list[Parameter]) -> bool:
        same = [id(p) for p in chosen] == [id(p) for p in self.parameters]
        return same and all(
            p.settled and p.memory is g.memory for g in self.groups for p in g.parameters
        )

    def state(self) -> dict[str, Any]:
        """The state arrays by name; writing into them changes the optimizer."""
        many = len(self.groups) > 1
        return {
            f"{name}/{group.parameters[0].dtype}" if many else name: tensor.data
            for group in self.groups
            for name, tensor in group.state.items()
        }

    def step(self) -> None:
        """Update every parameter that has a gradient.

        Raises:
            RuntimeError: the optimizer does not know its parameters yet.
        """
        if not self.parameters:
            raise RuntimeError(
                f"{type(self).__name__}.step: no parameters to update. Call "
                "model.compile(loss, optimizer) or optimizer.build(model.parameters()) first."
            )
        self.build(self.parameters)
        with no_grad():
            add_in_place(self.iterations, 1.0)
            for group in self.groups:
                scalars = self.per_step(group.memory.values.dtype)
                for start, stop in group.runs():
                    self.rule(*group.stretch(start, stop), *scalars)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for p in self.parameters:
            p.grad = None

    def update(self, layers: "Module | Sequence[Module]", dL_dout: Any) -> None:
        """Backpropagation by hand: pull dL_dout back through the layers, then step.

        Args:
            layers: in the order in which ``forward`` was called on them with arrays; or a
                Sequential of them.
            dL_dout: gradient of the loss with respect to the last output, of its shape.
        """
        layers = [layers] if isinstance(layers, Module) else layers
        self.build([p for layer in layers for p in layer.parameters()])
        self.zero_grad()
        for i, layer in reversed(list(enumerate(layers))):
            dL_dout = layer.backward(dL_dout, input_gradient=i > 0)
        self.step()
        self.zero_grad()

    def config(self) -> dict[str, Any]:
        """The arguments that make this optimizer again, as JSON can hold them."""
        return {"learning_rate": self.learning_rate}

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in self.config().items())
        return f"{type(self).__name__}({settings})"


def positive(owner: str, argument: str, value: float, hint: str = "") -> float:
    """Check that a setting is a finite number larger than 0."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise ValueError(
            f"{owner}: {argument} must be a number larger than 0, got {value!r}.{hint}"
        )
    return float(value)


def fraction(owner: str, argument: str, value: float) -> float:
    """Check that a decay rate lies in [0, 1)."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not 0 <= value < 1:
        raise ValueError(f"{owner}: {argument} must be at least 0 and less than 1, got {value!r}.")
    return float(value)
