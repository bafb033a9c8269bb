"""A run as a TOML file: every option of ``train``, and what it was run with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from axon.names import suggestion

TABLES = ("made_with", "result")  # beside the options: what to compare with, how it ended
UNSAVED = ("config", "dump_config", "help")


class FromFiles(click.ParamType):  # type: ignore[type-arg]  # older ones take none
    """What an option takes that is no plain text or number in a file.

    Attributes:
        types: Python's types of a value in a file.
        expected: what these are called, with an example.
    """

    types: tuple[type, ...] = (list, str)
    expected: str


class SizesOption(FromFiles):
    """``128,64``, or a list of whole numbers; an empty text means no hidden layers."""

    name = "sizes"
    expected = 'a list such as [128, 64], or "128,64"'

    def convert(
        self, value: str | list[Any], param: click.Parameter | None, ctx: click.Context | None
    ) -> list[int]:
        """Return the sizes."""
        parts = value.split(",") if isinstance(value, str) else value
        try:
            sizes = [int(part) for part in parts if str(part).strip()]
        except ValueError:
            sizes = [0]
        if any(size < 1 for size in sizes):
            self.fail(f"expected sizes of at least 1 such as 128,64, got {value!r}.", param, ctx)
        return sizes


class Names(FromFiles):
    """``yes,no``, with double quotes around a name that holds a comma; or a list of texts."""

    name = "names"
    expected = 'a list such as ["yes", "no"], or "yes,no"'

    def convert(
        self, value: str | list[Any], param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        """Return the names."""
        import csv

        names = next(csv.reader([value]), []) if isinstance(value, str) else list(value)
        if len(names) < 2 or not all(isinstance(name, str) and name.strip() for name in names):
            self.fail(f"expected names such as yes,no, got {value!r}.", param, ctx)
        return [name.strip() for name in names]


class SomeOf(FromFiles):
    """Some of a few names: ``shift,zoom``; or a list of them."""

    name = "names"
    expected = 'a list such as ["flip", "zoom"], or "flip,zoom"'

    def __init__(self, known: Sequence[str]) -> None:
        self.known = list(known)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """What is shown in the place of a value."""
        return f"[{'|'.join(self.known)}],..."

    def convert(
        self, value: str | list[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        """Return the names, in the order in which they are known."""
        given = value.split(",") if isinstance(value, str) else value
        names = {str(name).strip().lower() for name in given} - {""}
        if names - set(self.known):
            shown = f"{', '.join(self.known)}, such as {','.join(self.known[:2])}"
            self.fail(f"expected some of {shown}; got {value!r}.", param, ctx)
        return [name for name in self.known if name in names]


def keys(command: click.Command) -> dict[str, click.Parameter]:
    """What a file calls the options: ``--batch-size`` is ``batch_size``."""
    named = {
        max(p.opts, key=len).lstrip("-").replace("-", "_"): p
        for p in command.params
        if p.name not in UNSAVED
    }
    return dict(sorted(named.items(), key=lambda item: item[0] != "data"))


# ------------------------------------------------------------------------------------ reading


def read(path: Path, command: click.Command) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a file: the options by the name of their parameter, and the tables beside them.

    Raises:
        ValueError: it is not TOML; a key is unknown, or its value is of a wrong type or out of
            range. The message names the key.
    """
    import tomllib

    try:
        with open(path, "rb") as stream:
            values = tomllib.load(stream)
    except ValueError as error:  # UnicodeDecodeError, too
        raise ValueError(f"{path}: not a TOML file: {error}") from None
    tables = {name: values.pop(name, {}) for name in TABLES}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ValueError(f"{path}: expected a table [{name}], found {name} = {toml(table)}.")
    known = keys(command)
    spelled = _spelled(path, values, known)
    options = {str(known[k].name): _checked(path, k, v, known[k]) for k, v in spelled.items()}
    options |= {k: _as_list(options[k]) for k in options.keys() & _repeated(command)}
    return options, tables


def _repeated(command: click.Command) -> set[str]:
    """Options that may be given several times."""
    return {str(p.name) for p in command.params if _several(p)}


def _several(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and parameter.multiple


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _spelled(
    path: Path, values: Mapping[str, Any], known: Mapping[str, click.Parameter]
) -> dict[str, Any]:
    """The keys with ``_`` for ``-``; each must be known."""
    spelled = {key.replace("-", "_"): value for key, value in values.items()}
    for key in spelled:
        if key not in known:
            hint = suggestion(key, list(known))
            raise ValueError(f"{path}: unknown key {key!r}.{hint} Known: {', '.join(known)}.")
    return spelled


def _checked(path: Path, key: str, value: Any, parameter: click.Parameter) -> Any:
    """A value, if its type and size suit the option."""
    types, expected = _types(parameter)
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise ValueError(f"{path}: {key}: expected {expected}, got {toml(value)}.")
    try:
        for one in value if _several(parameter) and isinstance(value, list) else [value]:
            parameter.type.convert(one, parameter, None)
    except click.BadParameter as error:
        raise ValueError(f"{path}: {key}: {error.message}") from None
    return value


def _types(parameter: click.Parameter) -> tuple[tuple[type, ...], str]:
    """What Python types an option takes, and what they are called."""
    option_type = parameter.type
    if getattr(parameter, "is_flag", False):
        return (bool,), "true or false"
    if isinstance(option_type, FromFiles):
        return option_type.types, option_type.expected
    if _several(parameter):
        return (list, str), 'a text in quotes, or a list such as ["a", "b"]'
    if isinstance(option_type, click.types.FloatParamType):
        return (int, float), "a number"
    if isinstance(option_type, click.types.IntParamType):
        return (int,), "a whole number"
    return (str,), "a text in quotes"


# ------------------------------------------------------------------------------------ writing


def text(
    command: click.Command, settings: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]
) -> str:
    """Write options, by the name of their parameter, as TOML; those that are None are left out."""
    known = {key: settings.get(str(p.name)) for key, p in keys(command).items()}
    lines = ["# Repeat this run: axon train --config THIS_FILE"]
    lines += [f"{key} = {toml(value)}" for key, value in known.items() if value is not None]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {toml(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def toml(value: object) -> str:
    r"""Write a text, a number, true or false, or a list of them as TOML.

    >>> toml("a \"b\""), toml(0.1), toml(1e-5), toml([128, 64]), toml(True)
    ('"a \\"b\\""', '0.1', '1e-05', '[128, 64]', 'true')
    """
    import json

    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    quoted = json.dumps(str(value), ensure_ascii=False)  # its escapes are TOML's, too
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)
