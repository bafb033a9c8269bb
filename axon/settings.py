"""Settings that are changed after a program was recorded, and what follows from them.

A recording holds a layer's ``epsilon`` as a number. Whatever a program was made from is watched
from then on: setting one of its attributes is counted, and the next step looks what has changed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from axon._moved import pickled
from axon.core import Tensor
from axon.modes import count_up, modes
from axon.parameter import Buffer, Parameter
from axon.random import get_state, set_state, stream

PLAIN = (bool, int, float, str, type(None))


class Watched:
    """What has settings. Once a program was made from it, its changes are counted."""

    unheeded: ClassVar[frozenset[str]] = frozenset()  # attributes that no program is made from
    _follows: ClassVar[bool] = True  # attributes that follow from an argument change with it

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute; programs that were recorded before notice it."""
        if not self._changes(name, value):
            super().__setattr__(name, value)
        elif "_lock" in vars(self):  # not in the middle of somebody's step
            vars(self)["_lock"].run(self._change, name, value)
        else:
            self._change(name, value)

    def __setstate__(self, state: Any) -> None:
        """What pickle gives: the attributes, and those that a class keeps in slots."""
        attributes, slots = state if isinstance(state, tuple) else (state, {})
        vars(self).update(pickled(attributes or {}))
        for name, value in (slots or {}).items():
            super().__setattr__(name, value)

    def _change(self, name: str, value: object) -> None:
        """Set an attribute that counts, and what follows from it."""
        arguments = {} if name.startswith("_") else self._present()
        if name not in arguments and self._inherits(name):
            arguments[name] = vars(self)[name]
        if not (self._takes(name, arguments) and change(self, name, value, arguments)):
            super().__setattr__(name, value)
        if name in arguments:
            vars(self)["_given"] = (), {**arguments, name: value}
        vars(self)["_version"] = count_up()

    def _changes(self, name: str, value: object) -> bool:
        """Whether this is to be counted: not while recording, and not if numbers stay the same."""
        if "_version" not in vars(self) or name in self.unheeded or modes.recorder is not None:
            return False
        before = vars(self).get(name, self)
        if before is value:  # what is inside may be other numbers
            return isinstance(value, list | dict | np.ndarray | Tensor)
        return type(before) is not type(value) or not isinstance(value, PLAIN) or before != value

    def _watch(self) -> None:
        """Count changes from now on."""
        vars(self).setdefault("_version", 0)

    def _takes(self, name: str, arguments: Mapping[str, object]) -> bool:
        """Whether an attribute is one of the arguments, and copies of this object can be made."""
        return self._follows and type(self).__module__.startswith("axon.") and name in arguments

    def _present(self) -> dict[str, object]:
        """The arguments of the constructor, as they are now."""
        return {}

    def _inherits(self, name: str) -> bool:
        """Whether an attribute is an argument of the class below, which was not given."""
        del name
        return False

    def _raise_alike(self, *fresh: "Watched") -> None:
        """Bring fresh copies as far as this object is."""
        del fresh


Watchable = Parameter | Watched


def versions(roots: "Iterable[Watched]") -> tuple[int, ...]:
    """The latest change of each thing that these are made of; they are watched from now on."""
    found: dict[int, Watchable] = {}
    waiting: list[Watchable] = [*roots]
    waiting.reverse()
    while waiting:
        thing = waiting.pop()
        if id(thing) not in found:
            found[id(thing)] = thing
            waiting += [part for part in _parts(thing) if isinstance(part, Parameter | Watched)]
    return tuple(number for thing in found.values() for number in _version(thing))


def _parts(thing: Watchable) -> Iterator[object]:
    if isinstance(thing, Parameter):
        yield from (thing.regularizer, thing.constraint)
        return
    for value in dict(vars(thing)).values():
        yield value
        if isinstance(value, list | tuple | dict):
            yield from value.values() if isinstance(value, dict) else value


def _version(thing: Watchable) -> tuple[int, ...]:
    if isinstance(thing, Parameter):
        return id(thing.regularizer), id(thing.constraint)
    thing._watch()
    return (vars(thing)["_version"],)


# ------------------------------------------------------------------------------------ what follows


def change(thing: Watched, name: str, value: object, arguments: Mapping[str, object]) -> bool:
    """Give an argument of a constructor another value afterwards, and let follow what follows.

    Two copies are made, with the old value and with the new one; what they differ in follows.

    Returns:
        whether it could be done: not if the constructor does not take the present arguments.

    Raises:
        ValueError, TypeError: the constructor does not take the value, or parameters do not fit;
            nothing has been changed then.
    """
    try:
        _fresh(thing, arguments)
    except TypeError:
        return False
    old, new = _fresh(thing, arguments, {**arguments, name: value})
    _demand_fit(thing, name, value, vars(old), vars(new))
    following = {
        key: made if key == name else _followed(vars(thing).get(key), vars(old).get(key), made)
        for key, made in vars(new).items()
        if key == name or (key != "_given" and _differs(vars(old).get(key), made))
    }
    for key in set(vars(old)) - set(vars(new)):
        vars(thing).pop(key, None)
    vars(thing).update(following)
    return True


def _fresh(thing: Watched, *arguments: Mapping[str, object]) -> list[Watched]:
    """An object for each set of arguments, made from the same random numbers."""
    for used in ("init", "dropout", "augment"):
        stream(used)  # begun, so that both draw the same from it
    random = get_state()
    made = []
    try:
        for chosen in arguments:
            set_state(random)
            made.append(type(thing)(**chosen))
        thing._raise_alike(*made)
    finally:
        set_state(random)
    return made


def _demand_fit(
    thing: Watched, name: str, value: object, old: dict[str, object], new: dict[str, object]
) -> None:
    for key in {**old, **new}:
        pair = old.get(key), new.get(key)
        if any(isinstance(t, Parameter | Buffer) for t in pair) and not _alike(*pair):
            raise ValueError(
                f"{getattr(thing, 'name', type(thing).__name__)}: {name} cannot become {value!r} "
                f"any more, because {key!r} was made for the value before. Make a new "
                f"{type(thing).__name__}."
            )


def _alike(old: Any, new: Any) -> bool:
    return type(old) is type(new) and old.shape == new.shape and old.dtype == new.dtype


def _differs(old: Any, new: Any) -> bool:
    if isinstance(old, Tensor) and isinstance(new, Tensor):
        return not (_alike(old, new) and np.array_equal(old.data, new.data))
    if isinstance(old, Watched) and type(old) is type(new):
        return _differs(old._present(), new._present())
    if isinstance(old, list | tuple) and type(old) is type(new) and len(old) == len(new):
        return any(map(_differs, old, new))
    if isinstance(old, dict) and isinstance(new, dict) and list(old) == list(new):
        return any(map(_differs, old.values(), new.values()))
    return type(old) is not type(new) or not np.array_equal(old, new)


def _followed(current: Any, old: Any, new: Any) -> Any:
    """What takes the place of an attribute: parts that have learned stay, and change in turn."""
    if isinstance(current, Watched) and type(current) is type(old) is type(new):
        before = old._present()
        for name, value in new._present().items():
            if _differs(before.get(name), value):
                setattr(current, name, value)
        return current
    if isinstance(current, list | tuple) and isinstance(new, list | tuple):
        if len(current) == len(old) == len(new) and any(isinstance(part, Watched) for part in new):
            return type(new)(map(_followed, current, old, new))
    if isinstance(current, dict) and isinstance(new, dict):  # counters that are there go on
        return {key: current.get(key, value) for key, value in new.items()}
    return new
