"""Optimizers around an optimizer: it takes the steps, and something more is done."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from axon.backend import ArrayLike
from axon.checks import between, demand, integer, positive
from axon.core import Tensor
from axon.layers.module import Module
from axon.modes import no_grad
from axon.ops import absolute, add, copy, multiply, sqrt, square, where
from axon.ops.rounding import mod
from axon.optimizers.base import Optimizer
from axon.optimizers.group import Group, runs
from axon.optimizers.options import DEFAULTS, own_arguments
from axon.parameter import Parameter

Given = str | Mapping[str, Any] | Optimizer  # what is taken for an optimizer
TINY = 1e-12  # keeps a division by the length of a gradient finite


class OptimizerAround(Optimizer):
    """Lets another optimizer change the parameters; rate, options and state are the other's."""

    stands_alone = True
    unheeded: ClassVar[frozenset[str]] = Optimizer.unheeded | {"inner"}
    argument: ClassVar[str] = "optimizer"  # what the constructor calls the other
    inner: Optimizer

    def __init__(self, optimizer: Given) -> None:
        inner = self._chosen(optimizer)
        vars(self)["inner"] = inner
        options = {n: vars(inner)[n] for n in DEFAULTS if n in vars(inner) and n != "weight_decay"}
        super().__init__(1.0, **options)
        vars(self).update(weight_decay=inner.weight_decay, _excluded=inner._excluded)
        vars(self).update(_told=inner._told, _rate=inner._rate)
        self.numbers = {**self.numbers, **inner.numbers}
        vars(self)["number_begins"] = {**self.number_begins, **inner.number_begins}
        vars(inner).update(iterations=self.iterations, _norm=self._norm)
        self.schedule = inner._schedule

    def _chosen(self, optimizer: Given) -> Optimizer:
        inner, owner = type(self).by_name(optimizer), type(self).__name__
        expected = "one of those that others may stand around, such as Adam"
        demand(not inner.stands_alone, owner, self.argument, expected, inner)
        demand(not inner.parameters, owner, self.argument, "one that is in no model yet", inner)
        return inner

    @property
    def optimizer(self) -> Optimizer:
        """The one that takes the steps."""
        return self.inner

    def _scheduled(self, step: int) -> list[float]:
        vars(self.inner)["_schedule"] = self._schedule
        return self.inner._scheduled(step)

    def _states(self) -> dict[str, float | None]:
        return {**super()._states(), **self.inner._states()}

    def rule(self, values: Tensor, gradients: Tensor, *rest: Tensor) -> None:
        """That of the other one."""
        self.inner.rule(values, gradients, *rest)

    def count(self) -> None:
        """Change the other's numbers."""
        self.inner.count()

    def change(self, group: Group, parameters: Sequence[Parameter]) -> None:
        """Let the other take the step."""
        shared = ("_rate", "parameters", "groups", "_names")
        vars(self.inner).update({name: vars(self)[name] for name in shared})
        self.inner.change(group, parameters)

    def config(self) -> dict[str, Any]:
        """The arguments that make this optimizer again, as JSON can hold them."""
        vars(self.inner).update(_schedule=self._schedule, _rate=self._rate)
        own = {name: vars(self)[name] for name in own_arguments(type(self))}
        return {self.argument: self.inner.describe(), **own}

    _present = config

    def __repr__(self) -> str:
        own = "".join(f", {name}={vars(self)[name]!r}" for name in own_arguments(type(self)))
        return f"{type(self).__name__}({self.inner!r}{own})"


class Lookahead(OptimizerAround):
    """k steps forward, one step back (Zhang et al., 2019).

    After every k updates, slow weights go a part of the way to the fast ones, slow <- slow + alpha
    (fast - slow), and these go on from there. Between that a model computes with the fast ones.

    Args:
        optimizer: who takes the steps: its name, a description, or itself.
        k: after how many updates.
        alpha: which part of the way, in (0, 1].

    >>> Lookahead("sgd", k=6).optimizer
    SGD(learning_rate=0.01, momentum=0.0, nesterov=False)
    """

    def __init__(self, optimizer: Given = "adam", k: int = 5, alpha: float = 0.5) -> None:
        self.k = integer("Lookahead", "k", k)
        self.alpha = between("Lookahead", "alpha", alpha, 0, 1)
        demand(self.alpha > 0, "Lookahead", "alpha", "larger than 0", alpha)
        super().__init__(optimizer)

    def _states(self) -> dict[str, float | None]:
        return {**super()._states(), "slow": None}

    def change(self, group: Group, parameters: Sequence[Parameter]) -> None:
        """A step of the other, and perhaps one of the slow weights."""
        super().change(group, parameters)
        due = mod(self.iterations, float(self.k)) == 0.0
        for start, stop in runs(parameters):
            fast, slow = group.values(start, stop), group.kept("slow", start, stop)
            slow.assign(where(due, slow + (fast - slow) * self.alpha, slow))
            fast.assign(where(due, slow, fast))


class SAM(OptimizerAround):
    """Sharpness-aware minimization (Foret et al., 2021): a step by the slope a little uphill.

    Each step takes two forward and backward passes: with g at w, and with g' at w + rho g / |g|.
    The other optimizer then changes w by g'. ``fit`` does that; a loop of your own calls
    ``first_step`` after the first backward pass, and ``step`` after the second. What a layer keeps
    of a pass, such as running means, sees both.

    Args:
        optimizer: who takes the steps: its name, a description, or itself.
        rho: how far uphill.
        adaptive: measure that in shares of each weight: w + rho w^2 g / |w g| (ASAM: Kwon et al.,
            2021).

    >>> SAM("sgd", rho=0.1).optimizer
    SGD(learning_rate=0.01, momentum=0.0, nesterov=False)
    """

    looks_twice = True
    _uphill: bool

    def __init__(self, optimizer: Given = "sgd", rho: float = 0.05, adaptive: bool = False) -> None:
        self.rho = positive("SAM", "rho", rho)
        demand(isinstance(adaptive, bool), "SAM", "adaptive", "True or False", adaptive)
        self.adaptive = adaptive
        vars(self)["_uphill"] = False
        super().__init__(optimizer)

    def _states(self) -> dict[str, float | None]:
        return {**super()._states(), "downhill": None}

    def first_step(self) -> None:
        """Go uphill, by the gradients at hand, and forget them: compute the loss once more there.

        Raises:
            RuntimeError: the optimizer does not know its parameters yet.
        """
        self.demand_parameters()
        self.build(self.parameters)
        with no_grad():
            found = [
                (group.values(*ends), group.fresh(*ends), group.kept("downhill", *ends))
                for group in self.groups
                for ends in runs(group.with_gradients())
            ]
            pieces = [square(self._scaled(w, g)).sum().astype(np.float64) for w, g, _ in found]
            if pieces:
                length = self.rho / (sqrt(sum(pieces[1:], start=pieces[0])) + TINY)
            for w, g, downhill in found:
                downhill.assign(w)
                slope = self._scaled(w, self._scaled(w, g))
                w.assign(w + slope * length.astype(w.dtype))
        vars(self)["_uphill"] = True
        self.zero_grad()

    def _scaled(self, w: Tensor, g: Tensor) -> Tensor:
        return w * g if self.adaptive else g

    def apply(self) -> None:
        """Come back downhill, and take the step.

        Raises:
            RuntimeError: the gradients at hand are not those of a second pass.
        """
        if not self._uphill:
            raise RuntimeError(
                "SAM.step: call first_step() after the first backward pass, compute the loss and "
                "its gradients again, then step(). model.fit does both."
            )
        vars(self)["_uphill"] = False
        with no_grad():
            for group in self.groups:
                for ends in runs(group.with_gradients()):
                    group.values(*ends).assign(group.kept("downhill", *ends))
        super().apply()

    def update(self, layers: "Module | Sequence[Module]", dL_dout: ArrayLike) -> None:
        """Not for SAM, which needs a second forward pass.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("SAM.update: a second forward pass is needed. Use model.fit.")


class LossScaleOptimizer(OptimizerAround):
    """Scale the loss up so that small gradients do not vanish, and skip what is not finite.

    Gradients are divided by the scale before anything is done with them. Where one of them is
    infinite or NaN, nothing changes in this step and the scale is halved; after so many finite
    steps in a row it is doubled. In float32 gradients seldom vanish, so that what it does here is
    to survive a bad batch.

    Args:
        inner_optimizer: who takes the steps: its name, a description, or itself.
        initial_scale: where the scale begins.
        dynamic_growth_steps: after how many finite steps in a row it is doubled.

    In a loop of your own: ``optimizer.scale_loss(loss).backward()``.

    >>> LossScaleOptimizer("sgd").initial_scale
    32768.0
    """

    argument: ClassVar[str] = "inner_optimizer"

    def __init__(
        self,
        inner_optimizer: Given = "adam",
        initial_scale: float = 32768.0,
        dynamic_growth_steps: int = 2000,
    ) -> None:
        owner = "LossScaleOptimizer"
        self.initial_scale = positive(owner, "initial_scale", initial_scale)
        self.dynamic_growth_steps = integer(owner, "dynamic_growth_steps", dynamic_growth_steps)
        vars(self)["number_begins"] = {"scale": self.initial_scale, "finite": 0.0}
        super().__init__(inner_optimizer)

    @property
    def inner_optimizer(self) -> Optimizer:
        """The one that takes the steps."""
        return self.inner

    def scale_loss(self, loss: Tensor) -> Tensor:
        """The loss, times the scale: compute gradients of this."""
        return loss * self.numbers["scale"].astype(loss.dtype)

    def _update(self, reached: list[tuple[Group, list[Parameter]]], overwrites: bool) -> None:
        """Divide by the scale, update, and undo that if a gradient is not finite."""
        pieces = [group.gradients(*ends) for group, ps in reached for ends in runs(ps)]
        fine = Tensor(np.array(True))
        for g in pieces:
            fine = multiply(fine, absolute(g).max() < np.inf)  # NaN is not, either
        scale = self.numbers["scale"]
        for g in pieces:
            g.assign(where(fine, g / scale.astype(g.dtype), 0.0))
        kept = [(tensor, copy(tensor)) for tensor in self._changing()]
        super()._update(reached, overwrites)
        for tensor, before in kept:
            tensor.assign(where(fine, tensor, before))
        self._rescale(fine)

    def _changing(self) -> list[Tensor]:
        own = [t for name, t in self.numbers.items() if name not in ("scale", "finite")]
        states = [t for g in self.groups for n, t in g.state.items() if n != "accumulated"]
        values = [group.values(group.start, group.stop) for group in self.groups]
        return [self.iterations, *own, *values, *states]

    def _rescale(self, fine: Tensor) -> None:
        scale, finite = self.numbers["scale"], self.numbers["finite"]
        count = where(fine, add(finite, 1.0), 0.0)
        due = count == float(self.dynamic_growth_steps)
        scale.assign(multiply(scale, where(fine, where(due, 2.0, 1.0), 0.5)))
        finite.assign(where(due, 0.0, count))
