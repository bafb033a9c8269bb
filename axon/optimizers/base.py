"""What every optimizer does. A leaf declares its state, its settings and its rule."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar, NamedTuple, Unpack

import numpy as np

from axon.backend import Array, ArrayLike, DType
from axon.checks import number, positive, texts
from axon.config import Configurable
from axon.core import Primitive, Tensor
from axon.layers.module import Module
from axon.modes import GradMode, modes, no_grad
from axon.ops import add_in_place
from axon.optimizers import schedules
from axon.optimizers.group import Group, runs
from axon.optimizers.options import (
    CHANGING,
    DEFAULTS,
    Options,
    checked,
    factors_of,
    number_or_schedule,
    own_arguments,
)
from axon.optimizers.primitives import CLIPS, clip_as_set
from axon.optimizers.state import Stateful
from axon.parameter import Parameter, stretches
from axon.program.changing import Coming, Rate

GATHERS, UPDATES = ("gathers",), ("updates",)  # phases of a step, if there is more than one


class Optimizer(Stateful, Configurable, ABC):
    """Changes parameters so that the loss falls.

    Three ways to use one: ``model.compile(loss, optimizer)`` and ``fit``; ``loss.backward()``, then
    ``step()`` and ``zero_grad()``; or ``update(layers, dL_dout)`` after a forward pass on arrays.

    Args:
        learning_rate: the size of a step, larger than 0; or how it changes, a schedule or any
            function of the number of updates so far, and of nothing else, as it may be asked ahead.
            Recorded programs follow when it is set.
        weight_decay: w <- w - learning_rate * weight_decay * w before each update (decoupled:
            Loshchilov and Hutter, 2019); a number, or a schedule likewise; None for none.
        exclude_from_weight_decay: no decay where the parameter's name contains one of these texts.
        clipnorm: gradients of a parameter that are longer, as one vector, are shortened to this.
        clipvalue: numbers in gradients that are larger, or lower than its negative, are cut.
        global_clipnorm: as ``clipnorm``, but of all gradients together as one vector. Clipping
            changes the gradients in place.
        use_ema: keep an exponential moving average of the weights (Polyak and Juditsky, 1992),
            which replaces them when ``fit`` ends.
        ema_momentum: how slowly the average forgets, in [0, 1).
        ema_overwrite_frequency: let it replace them every so many updates, too.
        gradient_accumulation_steps: update once in so many steps, or once in a shorter ``fit``.
        multipliers: pattern -> factor of the learning rate, and so of the decay, of parameters:
            ``{"bias": 0.1, "dense_1/*": 2.0}``. A pattern fits names (``dense_1/bias``) that
            contain it; one with ``*``, ``?`` or ``[`` fits complete names. The last one that fits
            wins; 0 lets parameters be. Those that have one factor and are neighbours in memory are
            updated together.
        decay_multipliers: pattern -> factor of ``weight_decay`` alone, likewise.
    """

    unheeded: ClassVar[frozenset[str]] = frozenset(
        {"learning_rate", "schedule", "_schedule", "groups", "parameters", "_averaging"}
        | {"_names", "_rate"}
    )
    state_names: tuple[str, ...] = ()  # arrays like the parameters, which begin with 0
    state_begins: Mapping[str, float] = {}  # or with this
    number_begins: ClassVar[Mapping[str, float]] = {}  # numbers that updates change
    stands_alone: ClassVar[bool] = False  # no other may stand around it: see ``around.py``
    looks_twice: ClassVar[bool] = False  # each step needs gradients at two places
    full_batches: ClassVar[bool] = False  # each step should see all samples
    searches: bool = False  # it tries weights before it takes them: ``search``
    by_name: ClassVar[Callable[[Any], "Optimizer"]]  # ``get``, which stands above this file

    weight_decay: Rate | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    gradient_accumulation_steps: int | None
    multipliers: dict[str, float] | None = None  # of one that was pickled before there were any
    decay_multipliers: dict[str, float] | None = None
    _names: tuple[str, ...] = ()  # of the parameters, if they have paths
    _told: Mapping[str, Tensor] = {}  # what arguments are now that follow a schedule

    def __init__(
        self, learning_rate: float | Callable[[int], float], **options: Unpack[Options]
    ) -> None:
        chosen = checked(type(self).__name__, options)
        self._excluded = tuple(chosen.pop("exclude_from_weight_decay"))
        vars(self).update(chosen)
        self._told = {"weight_decay": _zero()} if callable(self.weight_decay) else {}
        self._rate = _zero()
        self._norm = _zero()
        self._averaging = False  # the averages are newer than the weights
        self.iterations = _zero()
        waiting = {"waiting": 0.0} if self._gathering else {}  # steps that made no update yet
        self.numbers = {
            k: Tensor(np.full((), v)) for k, v in {**self.number_begins, **waiting}.items()
        }
        self.groups: tuple[Group, ...] = ()
        self.parameters: tuple[Parameter, ...] = ()
        self._schedule: Callable[[int], float] | None = None
        self.learning_rate = learning_rate  # type: ignore[assignment]

    # -------------------------------------------------------------------- what leaves declare

    @abstractmethod
    def rule(self, values: Tensor, gradients: Tensor, *rest: Tensor) -> None:
        """Update a stretch of values in place, given its gradients, its state and ``per_step``."""

    def per_step(self, dtype: DType) -> tuple[Tensor, ...]:
        """What is computed once per step, of the parameters' type: here the learning rate."""
        return (self._rate.astype(dtype),)

    def count(self) -> None:
        """Change the ``numbers``, once per update; ``iterations`` has been increased already."""

    def change(self, group: Group, parameters: Sequence[Parameter]) -> None:
        """Apply the rule to these parameters of a group, all neighbours at once."""
        scalars = self.per_step(group.dtype)
        for start, stop in runs(parameters):
            state = [group.kept(name, start, stop) for name in self.state_names]
            gradients = group.gradients(start, stop)
            self.rule(group.values(start, stop), gradients, *state, *scalars)

    # -------------------------------------------------------------------- the learning rate

    @property
    def learning_rate(self) -> float:
        """The size of the next step."""
        self._follow()
        return float(self._rate.data)

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        owner = type(self).__name__
        if callable(value) or isinstance(value, dict):
            self.schedule = schedules.get(value)
        elif self._schedule is not None:
            raise TypeError(
                f"{owner}: the learning rate follows {self._schedule!r}, so it cannot be set. Give "
                "another schedule, or release it first: optimizer.schedule = None."
            )
        else:
            hint = " Common values lie between 0.0001 and 0.1."
            if isinstance(value, list | Iterator) and any(isinstance(p, Tensor) for p in value):
                hint = f" Parameters come later: {owner}(0.01), then .build(model.parameters())."
            self._rate.data[...] = positive(owner, "learning_rate", value, hint)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse ``lr``, which would set nothing."""
        if name == "lr":
            raise AttributeError(f"{type(self).__name__}: it is called learning_rate, not lr.")
        super().__setattr__(name, value)

    @property
    def schedule(self) -> Callable[[int], float] | None:
        """The function of ``iterations`` that the learning rate follows; None: it is a number."""
        return self._schedule

    @schedule.setter
    def schedule(self, value: Callable[[int], float] | None) -> None:
        self._schedule = None if value is None else schedules.get(value)
        self._follow()

    def _changes_by_schedule(self, name: str, value: Rate) -> Rate:
        """Check an argument that may follow a schedule: then programs read what it is now."""
        found = number_or_schedule(type(self).__name__, name, value)
        self._told = {**self._told, name: _zero()} if callable(found) else self._told
        return found

    def _follow(self) -> None:
        """Set what follows a schedule for the coming update."""
        if self._schedule is not None or self._told:
            numbers = self._scheduled(int(self.iterations.data))
            for tensor, number_ in zip(self._following(), numbers, strict=True):
                tensor.data[...] = number_

    def _following(self) -> list[Tensor]:
        """The numbers that follow schedules: the learning rate, if it does, then the others."""
        return [self._rate] * (self._schedule is not None) + [*self._told.values()]

    def _scheduled(self, step: int) -> list[float]:
        """What their schedules say."""
        owner, found = f"{type(self).__name__} at step {step}", []
        if self._schedule is not None:
            found.append(number(owner, "the rate of its schedule", self._schedule(step), 0))
        for name in self._told:
            found.append(CHANGING[name](owner, name, getattr(self, name)(step)))
        return found

    def coming(self) -> Coming | None:
        """The rates of the updates ahead, one in each step; None if all stay as they are."""
        if self._schedule is None and not self._told:
            return None
        now = int(self.iterations.data)
        arrays = tuple(tensor.data for tensor in self._following())
        return Coming(arrays, lambda step: self._scheduled(now + step))

    # -------------------------------------------------------------------- parameters and state

    def exclude_from_weight_decay(self, var_names: Sequence[str]) -> None:
        """Let parameters be whose name contains one of these texts, such as "bias".

        Raises:
            RuntimeError: the optimizer has parameters already.
        """
        if self.parameters:
            raise RuntimeError(
                f"{type(self).__name__}.exclude_from_weight_decay: call it before "
                "model.compile(loss, optimizer); the parameters are known already."
            )
        self._excluded = texts(type(self).__name__, "var_names", var_names)

    def build(
        self, parameters: Sequence[Parameter], names: Mapping[str, Parameter] | None = None
    ) -> None:
        """Take charge of these parameters, frozen ones too; state of the same ones is kept.

        Frozen ones receive no gradient, so ``step`` passes over them.

        Args:
            parameters: all of them.
            names: what patterns are compared with; a parameter's own name, such as "bias", where
                none is given. A model gives paths: ``model.named_parameters()``.
        """
        chosen = list({id(p): p for p in parameters}.values())
        if names is not None:
            paths = {id(p): name for name, p in reversed([*names.items()])}
            called = tuple(paths.get(id(p), p.name) for p in chosen)
        else:
            same = [id(p) for p in chosen] == [id(p) for p in self.parameters]
            called = (same and self._names) or tuple(p.name for p in chosen)
        vars(self)["_names"] = called
        self._watch()
        if not self._in_charge(chosen):
            self._take(chosen)
        for group in self.groups:
            group.claim()
        self._follow()

    def _take(self, chosen: list[Parameter]) -> None:
        fresh = [id(p) for p in chosen] != [id(p) for p in self.parameters]
        kept = {} if fresh else self._parts()
        for group in self.groups:
            group.retire()
        if fresh:
            self._restart()
        self.groups = tuple(Group(s, self._states()) for s in stretches(chosen))
        self.parameters = tuple(chosen)
        for name, parts in self._parts().items():
            for part, values in zip(parts, kept.get(name, ()), strict=False):
                part[...] = values

    def demand_named(self) -> None:
        """Raise ValueError if a pattern of ``multipliers`` fits no parameter."""
        for option in ("multipliers", "decay_multipliers"):
            factors_of(type(self).__name__, option, getattr(self, option), self._names)

    def release(self) -> None:
        """Let other optimizers move the parameters: this one is not needed any more."""
        for group in self.groups:
            group.release()

    def _restart(self) -> None:
        self.iterations.data[...] = 0
        self._averaging = False
        for name, tensor in self.numbers.items():
            tensor.data[...] = self.number_begins.get(name, 0.0)

    def _states(self) -> dict[str, float | None]:
        """The state that these settings need, and how it begins."""
        states: dict[str, float | None] = dict.fromkeys(self.state_names, 0.0)
        states.update(self.state_begins)
        if self._gathering:
            states["accumulated"] = 0.0
        return {**states, "average": None} if self.use_ema else states

    def _in_charge(self, chosen: list[Parameter]) -> bool:
        same = [id(p) for p in chosen] == [id(p) for p in self.parameters]
        stay = all(p.settled and p.memory is g.memory for g in self.groups for p in g.parameters)
        return same and stay and all(set(g.state) == set(self._states()) for g in self.groups)

    # -------------------------------------------------------------------- steps

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Update every parameter that has a gradient.

        Args:
            closure: forgets all gradients, computes the loss, pulls it back, and returns it: called
                first, or several times by an optimizer that searches for a better place.

        Returns:
            What the closure returned first.

        Raises:
            RuntimeError: the optimizer does not know its parameters yet, or needs a closure.
        """
        if closure is None and self.searches:
            raise RuntimeError(
                f"{type(self).__name__}.step: a line search computes the loss several times. Give "
                "it a function that does: step(closure), which calls zero_grad() and backward(), "
                "and returns the loss."
            )
        loss = None if closure is None else self._seen(closure)
        self.apply()
        if modes.recorder is None:  # whoever records a step advances after each of its replays
            if closure is not None and loss is not None and self.searches:
                self.search(lambda: self._tried(closure), loss.item())
            self.advance()
        return loss

    def _seen(self, closure: Callable[[], Tensor]) -> Tensor:
        with GradMode(True):
            return closure()

    def _tried(self, closure: Callable[[], Tensor]) -> float:
        """The loss where weights are tried; its gradients are kept."""
        loss = self._seen(closure).item()
        with no_grad():
            self.keep_slopes()
        return loss

    def keep_slopes(self) -> None:
        """Take note of the gradients where weights are tried, if this one ``searches``."""

    def search(self, look: Callable[[], float], loss: float) -> None:
        """Find better weights, from gradients that ``apply`` has kept, if this one ``searches``.

        Args:
            look: computes the loss with the weights as they are, and lets slopes be kept.
            loss: what it was before.
        """
        del look, loss

    @property
    def phase(self) -> tuple[str, ...]:
        """What the coming step does, if not all do the same: each phase is recorded for itself."""
        if not (self._gathering or self.ema_overwrite_frequency):
            return ()
        if self._gathering and int(self.numbers["waiting"].data) + 1 < self._gathering:
            return GATHERS
        return (*UPDATES, "overwrites") if self._overwriting() else UPDATES

    def _overwriting(self) -> bool:
        """Whether the averages replace the weights in the coming update."""
        every = self.ema_overwrite_frequency
        return bool(every and (int(self.iterations.data) + 1) % every == 0)

    @property
    def _gathering(self) -> int:
        """Of how many steps the gradients make an update; 0 if each step makes one."""
        steps = self.gradient_accumulation_steps or 0
        return steps if steps > 1 else 0

    def scale_loss(self, loss: Tensor) -> Tensor:
        """What gradients are computed of: the loss itself, unless an optimizer scales it."""
        return loss

    def apply(self) -> None:
        """Do the part of a step that is recorded: primitives only. ``advance`` is the other part.

        Raises:
            RuntimeError: the optimizer does not know its parameters yet.
        """
        self.demand_parameters()
        self.build(self.parameters)
        self.demand_named()
        phase = self.phase  # before iterations change
        with no_grad():
            reached = [(group, group.with_gradients()) for group in self.groups]
            if self._gathering:
                count = 0 if phase == GATHERS else self._gathering
                for group, parameters in reached:
                    group.gather(parameters, count)
            if phase != GATHERS:
                self._update(reached, "overwrites" in phase)

    def demand_parameters(self) -> None:
        """Raise RuntimeError if the optimizer does not know its parameters yet."""
        if not self.parameters:
            raise RuntimeError(
                f"{type(self).__name__}.step: no parameters to update. Call "
                "model.compile(loss, optimizer) or optimizer.build(model.parameters()) first; a "
                "model whose sizes are not known yet has none before model.build(input_shape)."
            )

    def _update(self, reached: list[tuple[Group, list[Parameter]]], overwrites: bool) -> None:
        """Clip, decay, change, average."""
        add_in_place(self.iterations, 1.0)
        self.count()
        pieces = [g.gradients(p.start, p.start + p.size) for g, ps in reached for p in ps]
        clip_as_set({name: getattr(self, name) for name in CLIPS}, pieces, self._norm)
        for group, parameters in reached:
            for factor, chosen in self._alike("multipliers", parameters):
                with self._times(factor):
                    if self.weight_decay:
                        self._decay(group, chosen)
                    self.change(group, chosen)
            if self.use_ema:
                self._average(group, parameters, overwrites)
            if self._gathering:
                group.state["accumulated"].assign(0.0)

    def _decay(self, group: Group, parameters: list[Parameter]) -> None:
        decaying = [p for p in parameters if not any(text in p.name for text in self._excluded)]
        decay = self.weight_decay or 0.0
        now = self._told["weight_decay"] if callable(decay) else decay
        for factor, chosen in self._alike("decay_multipliers", decaying):
            share: Tensor = self._rate * (now * factor)
            group.decay(chosen, share.astype(group.dtype))

    def _alike(
        self, option: str, parameters: list[Parameter]
    ) -> list[tuple[float, list[Parameter]]]:
        """The parameters by their factors; without the option, all of them and 1."""
        patterns = getattr(self, option)
        if not patterns:
            return [(1.0, parameters)]
        found = factors_of(type(self).__name__, option, patterns, self._names)
        factors = {id(p): factor for p, factor in zip(self.parameters, found, strict=True)}
        parts: dict[float, list[Parameter]] = {}
        for p in parameters:
            parts.setdefault(factors[id(p)], []).append(p)
        return [(factor, chosen) for factor, chosen in parts.items() if factor]

    @contextmanager
    def _times(self, factor: float) -> Iterator[None]:
        """Let the learning rate be so many times as large while instructions are made."""
        rate = self._rate
        try:
            vars(self)["_rate"] = rate if factor == 1.0 else rate * factor
            yield
        finally:
            vars(self)["_rate"] = rate

    def _average(self, group: Group, parameters: list[Parameter], overwrites: bool) -> None:
        """The first average is the weights themselves."""
        old = (self.iterations > 1.0).astype(np.float64) * self.ema_momentum
        group.average(parameters, (1.0 - old).astype(group.dtype), overwrites)

    def advance(self) -> None:
        """Do the part of a step that is not recorded: count it, and set the next learning rate."""
        if self.use_ema and self.phase != GATHERS:
            self._averaging = True
        if self._gathering:
            waiting = self.numbers["waiting"].data
            waiting[...] = (waiting + 1) % self._gathering
        self._follow()

    def complete(self) -> bool:
        """Update by the mean of the gradients that wait for more, if there are any.

        Returns:
            whether there were.
        """
        count = int(self.numbers["waiting"].data) if self._gathering else 0
        if not count:
            return False
        reached = [(group, group.waiting()) for group in self.groups]
        for group in self.groups:
            group.state["accumulated"].data[...] /= count
        with no_grad():
            self._update(reached, self._overwriting())
        self.numbers["waiting"].data[...] = 0
        self._averaging = self._averaging or self.use_ema
        self._follow()
        return True

    def finalize(self) -> None:
        """At the end of training, let the averages replace the weights, if ``use_ema`` is on."""
        for group in self.groups if self._averaging else []:
            for p in group.parameters:
                average = group.kept("average", p.start, p.start + p.size).reshape(p.shape)
                if p.requires_grad:
                    p.assign(average)
                else:
                    average.assign(p)
        self._averaging = False

    @property
    def averages_wait(self) -> bool:
        """Whether there are averages of the weights which have not replaced these."""
        return self._averaging

    def averages(self) -> Iterator[tuple[Parameter, Array]]:
        """Each parameter, and the average of its values: a view, of its shape (``use_ema``)."""
        for group in self.groups:
            for p in group.parameters:
                average = group.kept("average", p.start, p.start + p.size)
                yield p, average.data.reshape(p.shape)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for p in self.parameters:
            p.grad = None

    def update(self, layers: "Module | Sequence[Module]", dL_dout: ArrayLike) -> None:
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

    # -------------------------------------------------------------------- how it was made

    def config(self) -> dict[str, Any]:
        """The arguments that make this optimizer again, as JSON can hold them.

        A function in the place of a schedule stands there itself, which JSON refuses.
        """
        rate = self._schedule or self.learning_rate
        own = {name: vars(self)[name] for name in own_arguments(type(self)) if name in vars(self)}
        options = {name: vars(self).get(name, self._excluded) for name in DEFAULTS}
        unusual = {k: v for k, v in options.items() if k not in own and v != DEFAULTS[k]}
        settings = {"learning_rate": rate, **own, **unusual}
        return {k: v.describe() if isinstance(v, Configurable) else v for k, v in settings.items()}

    def _takes(self, name: str, arguments: Mapping[str, object]) -> bool:
        """Options are arguments, too, if they are the usual ones."""
        return super()._takes(name, {**DEFAULTS, **arguments})

    _present = config

    def __repr__(self) -> str:
        told = {name: getattr(self, name) for name in self._told}
        settings = {**self.config(), "learning_rate": self._schedule or self.learning_rate, **told}
        arguments = ", ".join(f"{key}={value!r}" for key, value in settings.items())
        return f"{type(self).__name__}({arguments})"


class ByPrimitive(Optimizer):
    """An optimizer whose rule is a primitive: of ``_updates`` the one that writes as many states.

    It takes the values, the states, the gradients, and ``per_step``; its metadata are attributes of
    the same names. Where one of these follows a schedule, it is that which takes it as an input.
    """

    _updates: ClassVar[tuple[Primitive, ...]]

    def rule(self, values: Tensor, gradients: Tensor, *rest: Tensor) -> None:
        """Apply the primitive."""
        count = len(self.state_names)
        some = [p for p in self._updates if p.writes == 1 + count]
        update = next(p for p in some if self._told.keys().isdisjoint(_names_of(p).metadata))
        taken = _names_of(update)
        options = {name: getattr(self, name) for name in taken.metadata}
        numbers = [
            self._told[name].astype(values.dtype) for name in taken.arrays if name in self._told
        ]
        update(values, *rest[:count], gradients, *rest[count:], *numbers, **options)


def _zero() -> Tensor:
    return Tensor(np.zeros((), np.float64))


class _Names(NamedTuple):
    """What the arguments of a primitive are called."""

    arrays: tuple[str, ...]
    metadata: tuple[str, ...]


@cache
def _names_of(primitive: Primitive) -> _Names:
    code = primitive.__wrapped__.__code__
    names, count = code.co_varnames, code.co_argcount
    metadata = names[count : count + code.co_kwonlyargcount]
    return _Names(names[:count], tuple(n for n in metadata if n not in ("xp", "workspace")))
