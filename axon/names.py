"""Text becomes the thing that it names, or an error that lists the known names.

And text that others wrote, and numbers, become what can be printed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, TypeVar

T = TypeVar("T")

Choice = str | Mapping[str, Any] | Callable[..., Any]  # what ``choose`` reads, besides the thing

LONGEST = 100  # characters of one text in a message
LINE_ENDS = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
MORE_IS_BETTER = {
    *("acc", "accuracy", "auc", "precision", "recall", "f1", "r2", "correlation", "fbeta", "iou"),
    *("explained", "kappa", "mcc", "sensitivity", "similarity", "specificity", "true"),
}
LESS_IS_BETTER = {
    *("loss", "error", "mae", "mse", "rmse", "mape", "msle", "crossentropy", "entropy"),
    *("cosh", "divergence", "false", "hinge", "huber", "kld", "poisson"),
}


class Name(str):
    """The name of a function or class: a file can tell it from a text of the same letters.

    >>> Name("cube") == "cube", isinstance("cube", Name)
    (True, False)
    """

    __slots__ = ()


def readable(value: float, digits: int = 4) -> str:
    """A number as people write it, of so many digits: ``e`` only where there would be many zeros.

    >>> [readable(x) for x in (18663.4, 1234567.8, 12.3456, 0.00001234, 1e20)]
    ['18,663', '1,234,568', '12.35', '1.234e-05', '1e+20']
    """
    value = float(value)
    if not 1000 <= abs(value) < 1e15:
        return f"{value:.{digits}g}"
    return f"{value:,.{max(0, digits - len(f'{abs(value):.0f}'))}f}"


def size(nbytes: float) -> str:
    """Bytes for people.

    >>> size(438_312)
    '428.0 KB'
    """
    for unit in ("B", "KB", "MB"):
        if nbytes < 1024:
            return f"{nbytes:.1f} {unit}" if unit != "B" else f"{nbytes:.0f} B"
        nbytes /= 1024
    return f"{nbytes:.1f} GB"


def duration(seconds: float) -> str:
    """Return a time as people read it.

    >>> duration(0.0000123), duration(0.0123), duration(1.25), duration(75), duration(7325)
    ('12us', '12ms', '1.2s', '1:15', '2:02:05')
    """
    if seconds < 0.9995e-3:
        return f"{seconds * 1e6:.0f}us"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def direction(name: str) -> str | None:
    """Whether less or more of what is measured is better, if its name tells: "min", "max" or None.

    >>> direction("val_loss"), direction("top_5_accuracy"), direction("seconds")
    ('min', 'max', None)
    """
    words = set(name.split("_"))
    if words & LESS_IS_BETTER:
        return "min"
    return "max" if words & MORE_IS_BETTER else None


def suggestion(name: str, known: list[str]) -> str:
    """Return ``" Did you mean 'relu'?"`` for a near miss, else an empty string.

    >>> suggestion("rellu", ["relu", "tanh"])
    " Did you mean 'relu'?"
    """
    from difflib import get_close_matches  # only an error pays for it

    near = get_close_matches(name.lower(), known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def resolve(what: str, name: str, table: Mapping[str, T]) -> T:
    """Look ``name`` up in ``table``, without regard to case and to underscores.

    Raises:
        ValueError: no such name; the nearest one and all the known ones are named.
        TypeError: it is no text.

    >>> resolve("activation", "ReLU", {"relu": 1, "tanh": 2})
    1
    >>> resolve("activation", "HardTanh", {"hard_tanh": 1})
    1
    >>> resolve("activation", "rellu", {"relu": 1, "tanh": 2})
    Traceback (most recent call last):
    ValueError: unknown activation 'rellu'. Did you mean 'relu'? Known: relu, tanh.
    """
    try:
        return table[name.lower()]
    except (KeyError, AttributeError):
        known = ", ".join(sorted(table))
        if not isinstance(name, str):
            raise TypeError(f"{what}: expected a name, got {name!r}. Known: {known}.") from None
        plain = {key.replace("_", ""): key for key in table}
        if same := plain.get(name.lower().replace("_", "")):  # names of classes, such as F1Score
            return table[same]
        hint = suggestion(name, list(table))
        raise ValueError(f"unknown {what} {name!r}.{hint} Known: {known}.") from None


def choose(
    what: str,
    given: object,
    table: Mapping[str, Any],
    base: type | None,
    expected: str,
    descriptions: bool = False,
    function: Callable[..., Any] | None = None,
) -> Any:
    """Return what is meant by a name, a description, a class, a function, or by the thing itself.

    Args:
        what: the family, for errors, such as "loss".
        given: what the user gave.
        table: name -> the thing, or what makes it.
        base: the class of such things; None if they are plain functions.
        expected: what errors say, such as "a name or a Loss".
        descriptions: whether a description will do, such as ``describe`` gives.
        function: what makes one of a function; None if functions will not do.

    Raises:
        ValueError: no such name; the nearest one is suggested.
        TypeError: none of these.

    >>> choose("number", "Two", {"two": 2}, int, "a name or a whole number")
    2
    >>> choose("number", 0.5, {"two": 2}, int, "a name or a whole number")
    Traceback (most recent call last):
    TypeError: number: expected a name or a whole number, got 0.5. Known: two.
    """

    def thing(of: Any) -> Any:
        return of if base is None or isinstance(of, base) else of()

    if isinstance(given, str):
        return thing(resolve(what, given, table))
    if isinstance(given, dict) and descriptions:
        return remade(what, given, [type(thing(of)) for of in table.values()])
    if base is not None and isinstance(given, base):
        return given
    if base is not None and isinstance(given, type) and issubclass(given, base):
        return given()
    if function is not None and callable(given) and not isinstance(given, type):
        return function(given)
    known = ", ".join(table)
    raise TypeError(f"{what}: expected {expected}, got {given!r}. Known: {known}.")


class LateTable(Mapping[str, T]):
    """Names and what they mean, of which the rarer are loaded when one of them is asked for.

    Args:
        package: where they are, such as "axon.losses".
        homes: name of a class -> the file of the package that it is in.
        known: name -> what it means; or the name of a class in ``homes``.

    >>> table = LateTable("axon", {"Configurable": "config"}, {"one": 1, "it": "Configurable"})
    >>> list(table), table["one"], table["it"].__name__
    (['one', 'it'], 1, 'Configurable')
    """

    def __init__(self, package: str, homes: Mapping[str, str], known: Mapping[str, T | str]):
        self.package, self.homes, self.known = package, homes, dict(known)

    def __getitem__(self, name: str) -> T:
        found = self.known[name]
        if not isinstance(found, str):
            return found
        loaded: T = load(self.package, self.homes, found)
        self.known[name] = loaded
        return loaded

    def __iter__(self) -> Iterator[str]:
        return iter(self.known)

    def __len__(self) -> int:
        return len(self.known)


def load(package: str, homes: Mapping[str, str], name: str) -> Any:
    """What a package has under a name, from the file that it is in.

    >>> load("axon", {"Configurable": "config"}, "Configurable").__name__
    'Configurable'
    """
    return getattr(import_module(f"{package}.{homes[name]}"), name)


def itself(function: T) -> T:
    """The function as it is, where ``choose`` takes functions."""
    return function


# What each extra of pyproject.toml installs.
EXTRAS = {
    "cli": "click rich",
    "data": "pooch tqdm",
    "fast": "numba threadpoolctl",
    "hdf5": "h5py",
    "images": "pillow",
    "jax": "jax",
    "mpi": "mpi4py",
    "onnx": "onnx",
    "plot": "matplotlib",
    "serve": "starlette uvicorn",
    "sklearn": "scikit-learn",
    "tabular": "scikit-learn",
    "tensorboard": "tensorboardX",
    "tune": "optuna",
}


def install(extra: str) -> str:
    """The command that brings what an extra is made of, whatever AXON was installed from.

    >>> install("fast")
    "pip install numba threadpoolctl (the extra 'fast')"
    """
    return f"pip install {EXTRAS[extra]} (the extra {extra!r})"


def need(module: str, owner: str, extra: str) -> Any:
    """Return a module of a package that an extra installs, such as ``onnx``.

    Raises:
        ImportError: it is missing, and the message says what needs it, and what to install; or it
            is there and cannot be imported, and the message says why.

    >>> need("json.decoder", "Doctests need", "onnx").__name__
    'json.decoder'
    """
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != package:
            raise ImportError(
                f"{owner} {package}, which is installed and cannot be imported: {error}. "
                f"Its parts may be missing: {install(extra)}."
            ) from error
        raise ImportError(
            f"{owner} {package}, which is not installed. Run: {install(extra)}"
        ) from None


def remade(what: str, description: Mapping[str, Any], classes: Iterable[type[T]]) -> T:
    """Make again what ``describe`` described: {"class": its name, "config": its arguments}.

    Args:
        what: what errors call it, such as "initializer".
        description: the description.
        classes: those that it may be of.

    Raises:
        ValueError: the description has other keys, or the class is unknown.

    >>> remade("number", {"class": "complex", "config": {"real": 1, "imag": 2}}, [int, complex])
    (1+2j)
    """
    if set(description) != {"class", "config"}:
        raise ValueError(
            f"{what}: expected a description {{'class': ..., 'config': {{...}}}}, got the keys "
            f"{', '.join(map(repr, description))}."
        )
    table = {c.__name__.lower(): c for c in classes}
    return resolve(what, str(description["class"]), table)(**description["config"])


def missing(
    module: str, name: str, known: Mapping[str, object], elsewhere: Mapping[str, str]
) -> AttributeError:
    """Make the error for a name that a module does not have, with what to use instead.

    >>> missing("axon.layers", "Conv2d", {"Conv2D": 1}, {})
    AttributeError("module 'axon.layers' has no attribute 'Conv2d'. Did you mean 'Conv2D'?")
    """
    from difflib import get_close_matches  # only an error pays for it

    names = {n.lower(): n for n in known if not n.startswith("_")}
    near = get_close_matches(name.lower(), names, n=1, cutoff=0.75)
    hint = f" Did you mean {names[near[0]]!r}?" if near else ""
    if name in elsewhere:
        hint = f" Use {elsewhere[name]}."
    return AttributeError(f"module {module!r} has no attribute {name!r}.{hint}")


def printable(text: object, keep: str = "") -> str:
    r"""The text with everything escaped that is no visible character.

    Control characters (escape sequences, line ends), marks that turn the direction of writing, and
    halves of characters become ``\x1b``, ``\u202e`` and the like. Letters of all scripts stay.

    Whatever prints names out of files (of classes, columns, arrays, layers) goes through here: a
    terminal obeys what it is told.

    Args:
        text: what others wrote; anything else is turned to text first.
        keep: characters that are to stay although they are not visible.

    >>> printable("caf\u00e9 \x1b[31mred\n"), printable("a\nb", keep="\n")
    ('café \\x1b[31mred\\n', 'a\nb')
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(c if _visible(c) or c in keep else _escaped(c) for c in text)


def shown(text: object) -> str:
    r"""The text in quotes, escaped, and cut where it is too long for a message.

    >>> shown("a\x1bb"), shown("9" * 500)[-12:]
    ("'a\\x1bb'", "99... (500)'")
    """
    text = str(text)
    return repr(text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text):,})")


def _visible(c: str) -> bool:
    return c.isprintable() or (c.isspace() and c not in LINE_ENDS)


def _escaped(c: str) -> str:
    return c.encode("unicode_escape").decode("ascii")


def guarded(cell: object) -> object:
    """A cell that a spreadsheet does not take for a formula; numbers stay as they are.

    Text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line end gets a quote in front,
    which a spreadsheet does not show; ``unguarded`` takes it away.

    >>> guarded("=1+1"), guarded("-1.5"), guarded("'-a"), guarded("a=b"), guarded(-2.0)
    ("'=1+1", '-1.5', "''-a", 'a=b', -2.0)
    """
    if not isinstance(cell, str) or not _is_formula(cell.lstrip("'")):
        return cell
    return cell if _is_plain_number(cell) else f"'{cell}"


def unguarded(cell: str) -> str:
    """The text that ``guarded`` wrote.

    >>> unguarded("'=1+1"), unguarded("'twas"), unguarded("''-a")
    ('=1+1', "'twas", "'-a")
    """
    return cell[1:] if cell[:1] == "'" and _is_formula(cell.lstrip("'")) else cell


def _is_formula(text: str) -> bool:
    return len(text) > 1 and text[0] in tuple("=+-@\t\r\n＝＋－＠")


def _is_plain_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text and text == text.strip()
