"""The options of every optimizer, each declared once: its type, its default and its check."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Annotated, NamedTuple, TypedDict, cast

from axon.checks import demand, fraction, integer, number, positive, texts
from axon.names import suggestion
from axon.optimizers import schedules
from axon.optimizers.primitives import CLIPS
from axon.program.changing import Rate

# Arguments that may follow a schedule as the learning rate does, and what they may be in each step.
CHANGING: dict[str, Callable[[str, str, object], float]] = {
    "weight_decay": partial(number, least=0),
    "momentum": fraction,
}


def number_or_schedule(owner: str, name: str, value: object) -> Rate:
    """Return an argument of ``CHANGING``, checked; of a description, the schedule.

    >>> number_or_schedule("SGD", "momentum", 0.9)
    0.9
    >>> number_or_schedule("SGD", "momentum", 1)
    Traceback (most recent call last):
    ValueError: SGD: momentum must be at least 0 and less than 1, got 1.
    """
    if isinstance(value, dict) or (callable(value) and not isinstance(value, type)):
        schedule = schedules.get(value)
        CHANGING[name](f"{owner} at step 0", name, schedule(0))
        return schedule
    return CHANGING[name](owner, name, value)


class Option(NamedTuple):
    """What an option is unless given, and what checks a value: ``check(owner, name, value)``."""

    default: object
    check: Callable[[str, str, object], object]


def _switch(owner: str, name: str, value: object) -> bool:
    demand(isinstance(value, bool), owner, name, "True or False", value)
    return value is True


def _factors(owner: str, name: str, value: object) -> dict[str, float]:
    expected = "a dict of patterns and numbers, such as {'bias': 0.1}"
    demand(isinstance(value, Mapping), owner, name, expected, value)
    given = dict(cast(Mapping[str, object], value))
    for pattern in given:
        demand(isinstance(pattern, str) and pattern != "", owner, name, expected, value)
    return {p: number(owner, f"{name}[{p!r}]", factor, 0) for p, factor in given.items()}


class Options(TypedDict, total=False):
    """Keyword arguments that every optimizer takes; ``Optimizer`` says what each of them does."""

    weight_decay: Annotated[Rate | None, Option(None, number_or_schedule)]
    exclude_from_weight_decay: Annotated[tuple[str, ...] | list[str], Option((), texts)]
    clipnorm: Annotated[float | None, Option(None, positive)]
    clipvalue: Annotated[float | None, Option(None, positive)]
    global_clipnorm: Annotated[float | None, Option(None, positive)]
    use_ema: Annotated[bool, Option(False, _switch)]
    ema_momentum: Annotated[float, Option(0.99, fraction)]
    ema_overwrite_frequency: Annotated[int | None, Option(None, integer)]
    gradient_accumulation_steps: Annotated[int | None, Option(None, integer)]
    multipliers: Annotated[dict[str, float] | None, Option(None, _factors)]
    decay_multipliers: Annotated[dict[str, float] | None, Option(None, _factors)]


OPTIONS: dict[str, Option] = {
    name: declared.__metadata__[0] for name, declared in Options.__annotations__.items()
}
DEFAULTS = {name: option.default for name, option in OPTIONS.items()}


def checked(owner: str, given: Mapping[str, object]) -> Options:
    """Return every option with its value, given or usual.

    Raises:
        TypeError: there is no such option.
        ValueError: a value that it cannot have, or two kinds of clipping at once.

    >>> checked("SGD", {"clipnorm": 1})["clipnorm"]
    1.0
    """
    for name in given:
        if name not in OPTIONS:
            raise TypeError(
                f"{owner}: unknown argument {name!r}.{suggestion(name, list(OPTIONS))} Known "
                f"besides its own: {', '.join(OPTIONS)}."
            )
    values = {name: _checked(owner, name, given) for name in OPTIONS}
    clips = [name for name in CLIPS if values[name] is not None]
    if len(clips) > 1:
        raise ValueError(
            f"{owner}: gradients can be clipped in one way only, got {' and '.join(clips)}. Keep "
            "one of them."
        )
    if values["ema_overwrite_frequency"] and not values["use_ema"]:
        raise ValueError(f"{owner}: ema_overwrite_frequency needs use_ema=True.")
    return cast(Options, values)


def factors_of(
    owner: str, name: str, patterns: Mapping[str, float] | None, names: Sequence[str]
) -> list[float]:
    """For each name the factor of the last pattern that fits it; 1 where none does.

    A pattern fits names that contain it; one with ``*``, ``?`` or ``[`` is for complete names.

    Args:
        owner: the optimizer, for errors.
        name: its option, for errors.
        patterns: pattern -> factor.
        names: of parameters, such as ``dense_1/bias``.

    Raises:
        ValueError: a pattern fits no name; the names are listed.

    >>> names = ["dense/weights", "dense/bias", "out/bias"]
    >>> factors_of("SGD", "multipliers", {"bias": 0.1, "out/*": 2}, names)
    [1.0, 0.1, 2]
    """
    from fnmatch import fnmatchcase  # only who has patterns pays for it

    found = [1.0] * len(names)
    for pattern, factor in (patterns or {}).items():
        glob = not {*"*?["}.isdisjoint(pattern)
        fits = [fnmatchcase(n, pattern) if glob else pattern in n for n in names]
        if names and not any(fits):
            raise ValueError(
                f"{owner}: {name}: no parameter fits {pattern!r}.{suggestion(pattern, [*names])} "
                f"Their names: {', '.join(names)}."
            )
        found = [factor if fit else before for fit, before in zip(fits, found, strict=True)]
    return found


def _checked(owner: str, name: str, given: Mapping[str, object]) -> object:
    default, check = OPTIONS[name]
    value = given.get(name, default)
    return None if value is default is None else check(owner, name, value)


@cache
def own_arguments(optimizer: type) -> tuple[str, ...]:
    """The arguments of an optimizer's constructor besides the learning rate and the options."""
    from inspect import Parameter, signature  # only who saves pays for it

    more = (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
    takes = list(signature(optimizer.__init__).parameters.values())  # type: ignore[misc]
    return tuple(p.name for p in takes[2:] if p.kind not in more)  # after self and the rate
