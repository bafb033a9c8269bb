"""Objects that remember how they were made, so that a file can say how to make them again.

Whatever a class is given is kept, so that no class has to list its arguments once more.
"""

from typing import Any, Self

import numpy as np

from axon.names import Name
from axon.settings import Watched


class Described(Watched):
    """Remembers the arguments of its constructor.

    An argument that is also an attribute of the same name is described by the attribute's value.

    >>> class Point(Described):
    ...     def __init__(self, x, y=0):
    ...         self.x = x
    >>> Point(3), Point(3).config()
    (Point(3), {'x': 3, 'y': 0})
    """

    _given: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        """Take note of the arguments."""
        if (arguments or options) and cls.__init__ is object.__init__:
            given = ", ".join([*map(repr, arguments), *options])
            raise TypeError(f"{cls.__name__} takes no arguments, got {given}.")
        made = super().__new__(cls)
        made.__dict__["_given"] = (arguments, options)
        return made

    def _present(self) -> dict[str, Any]:
        """The arguments as they are now, for the constructor; empty if it takes them unnamed."""
        try:
            return self._arguments()
        except TypeError:
            return {}

    def _inherits(self, name: str) -> bool:
        """Whether an attribute is an argument of a class below, which was not given."""
        from inspect import signature

        for made_by in (c for c in type(self).__mro__ if "__init__" in vars(c)):
            takes = signature(vars(made_by)["__init__"])
            if name in takes.parameters:
                return name in vars(self)
            if not _takes_more(takes):
                return False
        return False

    def config(self) -> dict[str, Any]:
        """The arguments that make this object again, as JSON can hold them."""
        return {name: self._plain(name, value) for name, value in self._arguments().items()}

    def describe(self) -> dict[str, Any]:
        """Class and arguments, as JSON can hold them."""
        return {"class": type(self).__name__, "config": self.config()}

    def _arguments(self) -> dict[str, Any]:
        from inspect import Parameter, signature  # only who saves pays for it

        takes = signature(type(self).__init__)
        arguments, options = self._given
        call = takes.bind(self, *arguments, **options)
        call.apply_defaults()
        bound = dict(list(call.arguments.items())[1:])
        for name, parameter in takes.parameters.items():
            if parameter.kind is Parameter.VAR_KEYWORD:
                bound.update(bound.pop(name, {}))
            if parameter.kind is Parameter.VAR_POSITIONAL and bound.pop(name, ()):
                raise TypeError(f"{type(self).__name__}: *{name} cannot be described by name.")
        if "name" in self.__dict__ and ("name" in takes.parameters or _takes_more(takes)):
            bound["name"] = None  # the current one, which a model may have given
        return {name: self._current(name, given) for name, given in bound.items()}

    def _usual(self) -> dict[str, Any]:
        """The arguments that need not be given, and what they are then."""
        from inspect import signature

        takes = signature(type(self).__init__).parameters.values()
        return {p.name: p.default for p in takes if p.default is not p.empty}

    def _current(self, name: str, given: Any) -> Any:
        found = getattr(type(self), name, None)
        if isinstance(found, property) and found.fset is None:
            return given  # it is about something else, such as the width of a Model
        value = getattr(self, name, given)
        return given if callable(value) and not callable(given) else value

    def _plain(self, name: str, value: Any) -> Any:
        """Turn one argument into what JSON can hold."""
        if isinstance(value, Described):
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

    def _name_of(self, argument: str, function: Any) -> str:
        name = getattr(function, "__name__", "")
        if not name.isidentifier():
            raise TypeError(
                f"{self!r}: {argument} is a nameless function. Define it with a name, and pass it "
                "to load_model as custom_objects={name: function}."
            )
        module = getattr(function, "__module__", None) or ""
        return str(name) if module.startswith("axon.activations.") else Name(name)

    def __repr__(self) -> str:
        arguments, options = self._given
        shown = [_short(value) for value in arguments]
        usual = self._usual() if options else {}
        telling = {k: v for k, v in options.items() if k != "name" and not _same(v, usual.get(k))}
        shown += [f"{name}={_short(value)}" for name, value in telling.items()]
        return f"{type(self).__name__}({', '.join(shown)})"


def _takes_more(takes: Any) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in takes.parameters.values())


def _same(value: Any, usual: Any) -> bool:
    """Whether an argument says nothing that is not so anyway."""
    return value is usual or (type(value) is type(usual) and bool(np.all(value == usual)))


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    if isinstance(value, Described) or not callable(value):
        return repr(value)
    return str(getattr(value, "__name__", type(value).__name__))
