"""The group of commands: what AXON says of wrong input is a message, not a traceback."""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager
from importlib import import_module

import click

from axon.cli.examples import with_examples
from axon.cli.output import wrapped
from axon.cli.ranks import TAKE_PART, together
from axon.names import printable

EXPECTED = (ValueError, TypeError, OSError, ImportError, MemoryError, RuntimeError, ArithmeticError)
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
AROUND = "axon.cli.around"  # where a context keeps what is done around its command


class CommandsLater(MutableMapping[str, click.Command]):
    """Commands by name, each loaded when it is asked for.

    Args:
        homes: the file of each, by its name, which its function has, too.
    """

    def __init__(self, homes: Mapping[str, str]) -> None:
        self.homes = homes
        self.loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self.loaded:
            home = import_module(f"axon.cli.{self.homes[name]}")
            self.loaded[name] = with_examples(vars(home)[name.replace("-", "_")])
        return self.loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self.homes, **self.loaded})

    def __len__(self) -> int:
        return len({**self.homes, **self.loaded})

    def __setitem__(self, name: str, command: click.Command) -> None:
        self.loaded[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"the command {name!r} stays")


class Commands(click.Group):
    """Commands whose errors and warnings are messages for the user."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are used."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, before its arguments are looked at."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in TAKE_PART and AROUND in ctx.meta:
            ctx.meta[AROUND].enter_context(together(name))
        return name, command, rest

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; errors end it with a line, Ctrl-C with code 130."""
        _demand_streams()
        given = list(ctx.args)
        try:
            with _short_warnings(), ExitStack() as ctx.meta[AROUND]:
                return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            notes = getattr(stop, "__notes__", ())  # of the command, see ``add_note``
            click.echo(printable(" ".join(["Stopped.", *notes])), err=True)
            ctx.exit(INTERRUPTED)
        except (click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except click.ClickException as error:
            error.message = said(error.message + _path_meant(error, given))  # type: ignore[misc]
            raise
        except Exception as error:
            if "AXON_DEBUG" in os.environ:
                raise
            raise click.ClickException(said(explained(error))) from None


def said(message: str) -> str:
    """What stands behind "Error: "."""
    return wrapped(printable(message, keep="\n"), "Error: ")


def explained(error: Exception) -> str:
    """What is said of an error.

    >>> explained(FileNotFoundError(2, "No such file or directory", "net.axon"))
    'net.axon: No such file or directory'
    >>> explained(MemoryError("Unable to allocate 1 TiB"))
    'not enough memory: Unable to allocate 1 TiB'
    >>> explained(KeyError("x"))
    "this should not have happened: KeyError: 'x'. AXON_DEBUG=1 shows where it comes from."
    """
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}"
    if isinstance(error, EXPECTED):
        return str(error)
    what = f"{type(error).__name__}: {error}"
    return f"this should not have happened: {what}. AXON_DEBUG=1 shows where it comes from."


def _path_meant(error: click.ClickException, given: list[str]) -> str:
    """What helps where a file's name was taken for an option."""
    if not isinstance(error, click.NoSuchOption):
        return ""
    meant = [a for a in given if a.startswith(error.option_name) and os.path.exists(a)]
    return f" If you mean the file {meant[0]}, write ./{meant[0]}" if meant else ""


def _demand_streams() -> None:
    """Where the output is closed (``>&-``), write to nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Show warnings without the line of code that they come from."""

    def show(message: object, *_: object, **__: object) -> None:
        click.echo(printable(f"Warning: {message}", keep="\n"), err=True)

    with warnings.catch_warnings():
        if "AXON_DEBUG" not in os.environ:
            warnings.showwarning = show
        yield
