"""Objects that remember how they were made, so that a file can say how to make them again.

Whatever a class is given is kept, so that no class has to list its arguments once more.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from axon.names import Name, remade
from axon.settings import Watched

if TYPE_CHECKING:
    from inspect import Signature

Arguments = dict[str, Any]  # of a constructor, by name


class Configurable(Watched):
    """Remembers the arguments of its constructor.

    An argument that is also an attribute of the same name is described by the attribute's value.

    >>> class Point(Configurable):
    ...     def __init__(self, x, y=0):
    ...         self.x = x
    >>> Point(3), Point(3).config()
    (Point(3), {'x': 3, 'y': 0})
    """

    _given: tuple[tuple[Any, ...], Arguments] = ((), {})

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        """Take note of the arguments."""
        if (arguments or options) and cls.__init__ is object.__init__:
            given = ", ".join([*map(repr, arguments), *options])
            raise TypeError(f"{cls.__name__} takes no arguments, got {given}.")
        made = super().__new__(cls)
        made.__dict__["_given"] = (arguments, options)
        return made

    def config(self) -> Arguments:
        """The arguments that make this object again, as JSON can hold them."""
        return {name: self._plain(name, value) for name, value in self._arguments().items()}

    def describe(self) -> dict[str, Any]:
        """Class and arguments, as JSON can hold them."""
        return {"class": type(self).__name__, "config": self.config()}

    def __repr__(self) -> str:
        arguments, options = self._given
        takes = _signature(type(self)).parameters if options else {}
        usual = {name: p.default for name, p in takes.items() if p.default is not p.empty}
        telling = {k: v for k, v in options.items() if k != "name" and not _same(v, usual.get(k))}
        shown = [_short(value) for value in arguments]
        shown += [f"{name}={_short(value)}" for name, value in telling.items()]
        return f"{type(self).__name__}({', '.join(shown)})"

    # -------------------------------------------------------------------- as they are now

    def _present(self) -> Arguments:
        """The arguments as they are now, for the constructor; empty if it takes them unnamed."""
        try:
            return self._arguments()
        except TypeError:
            return {}

    def _arguments(self) -> Arguments:
        takes = _signature(type(self))
        arguments, options = self._given
        call = takes.bind(self, *arguments, **options)
        call.apply_defaults()
        bound = dict(list(call.arguments.items())[1:])
        for name, parameter in takes.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                bound.update(bound.pop(name, {}))
            if parameter.kind is parameter.VAR_POSITIONAL and bound.pop(name, ()):
                raise TypeError(f"{type(self).__name__}: *{name} cannot be described by name.")
        if "name" in self.__dict__ and ("name" in takes.parameters or _takes_more(takes)):
            bound["name"] = None  # the current one, which a model may have given
        return {name: self._current(name, given) for name, given in bound.items()}

    def _current(self, name: str, given: Any) -> Any:
        """An argument as it is now: the attribute of its name, if there is one."""
        found = getattr(type(self), name, None)
        if isinstance(found, property) and found.fset is None:
            return given  # it is about something else, such as the width of a Model
        value = getattr(self, name, given)
        return given if callable(value) and not callable(given) else value

    def _inherits(self, name: str) -> bool:
        """Whether an attribute is an argument of a class below, which was not given."""
        for cls in (c for c in type(self).__mro__ if "__init__" in vars(c)):
            takes = _signature(cls)
            if name in takes.parameters:
                return name in vars(self)
            if not _takes_more(takes):
                return False
        return False

    # -------------------------------------------------------------------- as JSON can hold them

    def _plain(self, name: str, value: Any) -> Any:
        """Turn one argument into what JSON can hold."""
        if isinstance(value, Configurable):
            return value.describe()
        if isinstance(value, np.ndarray | np.generic):
            return value.tolist()
        if isinstance(value, list | tuple):
            return [self._plain(name, v) for v in value]
        if isinstance(value, dict):
            return {key: self._plain(name, v) for key, v in value.items()}
        if isinstance(value, np.dtype) or (
            isinstance(value, type) and issubclass(value, np.generic)
        ):
            return np.dtype(value).name
        return self._name_of(name, value) if callable(value) else value

    def _name_of(self, argument: str, function: object) -> str:
        name = getattr(function, "__name__", "")
        if not name.isidentifier():
            raise TypeError(
                f"{self!r}: {argument} is a nameless function. Define it with a name, and pass it "
                "to load_model as custom_objects={name: function}."
            )
        module = getattr(function, "__module__", None) or ""
        return str(name) if module.startswith("axon.activations.") else Name(name)


# ------------------------------------------------------------------------------------ in rooms


def serialize(thing: Any) -> Any:
    """What a file would say of a loss, an initializer and so on, for ``deserialize`` of its room.

    Returns:
        ``{"class": ..., "config": ...}``; of a function its name, of None None.

    Raises:
        TypeError: it is neither of these, or has no name.

    >>> from axon import initializers, losses
    >>> serialize(losses.Huber(0.5))
    {'class': 'Huber', 'config': {'delta': 0.5}}
    >>> initializers.deserialize(serialize(initializers.Constant(2.0)))
    Constant(value=2.0)
    """
    if thing is None or isinstance(thing, Configurable):
        return thing and thing.describe()
    name = getattr(thing, "__name__", "")
    if not callable(thing) or not name.isidentifier():
        raise TypeError(
            f"serialize: expected a part of AXON or a function with a name, got {thing!r}."
        )
    return str(name)


class Deserialize:
    """Of one room: what makes again what ``serialize`` described.

    Args:
        what: what errors call it, such as "loss".
        classes: the classes of the room.
        get: looks names up.
    """

    def __init__(
        self, what: str, classes: Callable[[], Iterable[type]], get: Callable[[Any], Any]
    ) -> None:
        self.what, self.classes, self.get = what, classes, get

    def __call__(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Make it.

        Args:
            config: ``{"class": ..., "config": ...}``, or a name.
            custom_objects: name -> class or function, of what is not part of AXON.

        Raises:
            ValueError: no such class or name; the nearest one is suggested.
        """
        own = dict(custom_objects or {})
        if isinstance(config, Mapping):
            others = [thing for thing in own.values() if isinstance(thing, type)]
            return remade(self.what, config, [*others, *self.classes()])
        return own[config] if isinstance(config, str) and config in own else self.get(config)


def _signature(cls: type) -> "Signature":
    from inspect import signature  # only who saves pays for it

    return signature(cls.__init__)  # type: ignore[misc]


def _takes_more(takes: "Signature") -> bool:
    """Whether a constructor passes on arguments that it does not name."""
    return any(p.kind is p.VAR_KEYWORD for p in takes.parameters.values())


def _same(value: object, usual: object) -> bool:
    """Whether an argument says nothing that is not so anyway."""
    return value is usual or (type(value) is type(usual) and bool(np.all(value == usual)))


def _short(value: object) -> str:
    """An argument in a ``repr``, on one line."""
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    if isinstance(value, Configurable) or not callable(value):
        return repr(value)
    return str(getattr(value, "__name__", type(value).__name__))
