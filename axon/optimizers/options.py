"""The options of every optimizer, and the primitives that they need besides those for clipping."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypedDict

from axon.backend import Array, like_first
from axon.checks import demand, fraction, integer, number, positive, texts
from axon.config import Configurable
from axon.core import primitive
from axon.modes import no_grad
from axon.names import suggestion
from axon.optimizers.clipping import CLIPS
from axon.pieces import by_rows


@primitive(kind="writes", writes=1, workspace=like_first(1), rows=by_rows, flops=2)
def shrink(w: Array, share: Array, *, xp: Any, workspace: list[Array]) -> None:
    """w <- w - share w."""
    (step,) = workspace  # not w (1 - share): rounding the factor would change a small share
    xp.multiply(w, share, out=step)
    xp.subtract(w, step, out=w)


@primitive(kind="writes", writes=1, workspace=like_first(1), rows=by_rows, flops=3)
def approach(a: Array, w: Array, share: Array, *, xp: Any, workspace: list[Array]) -> None:
    """a <- a + share (w - a), a moving average of w."""
    (step,) = workspace
    xp.subtract(w, a, out=step)
    xp.multiply(step, share, out=step)
    xp.add(a, step, out=a)


@primitive(kind="writes", writes=1, rows=by_rows, flops=2)
def complete_mean(total: Array, x: Array, *, xp: Any, count: int) -> None:
    """total <- (total + x) / count: the last of ``count`` summands makes it a mean."""
    xp.add(total, x, out=total)
    xp.divide(total, count, out=total)


shrink.gradient(None, None)
approach.gradient(None, None, None)
complete_mean.gradient(None, None)


class Options(TypedDict, total=False):
    """Keyword arguments that every optimizer takes; each is described by ``Optimizer``."""

    weight_decay: float | None
    exclude_from_weight_decay: "tuple[str, ...] | list[str]"
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    gradient_accumulation_steps: int | None


DEFAULTS: dict[str, Any] = {
    "weight_decay": None,
    "exclude_from_weight_decay": (),
    **dict.fromkeys(("clipnorm", "clipvalue", "global_clipnorm")),
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "gradient_accumulation_steps": None,
}


def checked(owner: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every option with its value, given or usual.

    Raises:
        TypeError: there is no such option.
        ValueError: a value that it cannot have, or two kinds of clipping at once.

    >>> checked("SGD", {"clipnorm": 1})["clipnorm"]
    1.0
    """
    for name in given:
        if name not in DEFAULTS:
            raise TypeError(
                f"{owner}: unknown argument {name!r}.{suggestion(name, list(DEFAULTS))} Known "
                f"besides its own: {', '.join(DEFAULTS)}."
            )
    options = {
        name: None if value is DEFAULTS[name] is None else CHECKS[name](owner, name, value)
        for name, value in {**DEFAULTS, **given}.items()
    }
    _demand_one_clip(owner, options)
    if options["ema_overwrite_frequency"] and not options["use_ema"]:
        raise ValueError(f"{owner}: ema_overwrite_frequency needs use_ema=True.")
    return options


def arguments_of(optimizer: Any) -> dict[str, Any]:
    """The arguments that make an optimizer again; options only where they are not the usual."""
    schedule = optimizer.schedule
    rate = schedule if schedule is not None else optimizer.learning_rate
    rate = rate.describe() if isinstance(rate, Configurable) else rate
    values = {name: getattr(optimizer, name) for name in DEFAULTS if name not in optimizer.settings}
    values["exclude_from_weight_decay"] = optimizer._excluded
    chosen = {name: value for name, value in values.items() if value != DEFAULTS[name]}
    return {
        "learning_rate": rate,
        **{n: getattr(optimizer, n) for n in optimizer.settings},
        **chosen,
    }


def complete(optimizer: Any) -> bool:
    """Update by the mean of the gradients that wait for more, if there are any.

    Returns:
        whether there were.
    """
    count = int(optimizer.numbers["waiting"].data) if "waiting" in optimizer.numbers else 0
    if not count:
        return False
    every = optimizer.ema_overwrite_frequency
    reached = [(group, group.waiting()) for group in optimizer.groups]
    for group in optimizer.groups:
        group.state["accumulated"].data[...] /= count
    with no_grad():
        optimizer._update(
            reached, bool(every and (int(optimizer.iterations.data) + 1) % every == 0)
        )
    optimizer.numbers["waiting"].data[...] = 0
    optimizer._averaging = optimizer._averaging or optimizer.use_ema
    optimizer._follow()
    return True


def _demand_one_clip(owner: str, options: Mapping[str, Any]) -> None:
    clips = [name for name in CLIPS if options[name] is not None]
    if len(clips) > 1:
        raise ValueError(
            f"{owner}: gradients can be clipped in one way only, got {' and '.join(clips)}. Keep "
            "one of them."
        )


def _switch(owner: str, name: str, value: object) -> bool:
    demand(isinstance(value, bool), owner, name, "True or False", value)
    return value is True


CHECKS: dict[str, Callable[[str, str, Any], Any]] = {
    "weight_decay": partial(number, least=0),
    "exclude_from_weight_decay": texts,
    **dict.fromkeys(CLIPS, positive),
    "use_ema": _switch,
    "ema_momentum": fraction,
    "ema_overwrite_frequency": integer,
    "gradient_accumulation_steps": integer,
}
