"""The reference: a page for each public package, written from its docstrings.

A Sphinx extension. Signatures are read from the source, so that a default is what stands there;
docstrings are text with formulas, not reStructuredText: ``prose`` makes it of them, and napoleon
reads their sections.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import GoogleDocstring

import axon
from axon.core import Primitive

# Each page and its title, in the order of the contents.
PAGES = {
    "axon": "axon: tensors, models, settings",
    "axon.models": "Models",
    "axon.layers": "Layers",
    "axon.activations": "Activations",
    "axon.losses": "Losses",
    "axon.metrics": "Metrics",
    "axon.optimizers": "Optimizers",
    "axon.optimizers.schedules": "Schedules",
    "axon.callbacks": "Callbacks",
    "axon.initializers": "Initializers",
    "axon.regularizers": "Regularizers",
    "axon.constraints": "Constraints",
    "axon.datasets": "Data sets",
    "axon.tabular": "Tables",
    "axon.sklearn": "scikit-learn",
    "axon.ops": "Operations",
    "axon.onnx": "ONNX",
    "axon.serve": "Serving",
    "axon.convert": "Weights from elsewhere",
    "axon.files": "Files",
    "axon.plot": "Pictures",
    "axon.report": "Reports",
    "axon.ranks": "Several processes",
    "axon.testing": "Checks for parts of your own",
    "axon.program": "Programs",
}
FOLDER = "api"
NAPOLEON = Config(napoleon_use_ivar=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for them."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / FOLDER))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write(folder: Path) -> None:
    """Write a page for each package."""
    pages = {f"{name}.rst": page(name, title) for name, title in PAGES.items()}
    keep(folder, {"index.rst": index(), **pages})


def keep(folder: Path, pages: dict[str, str]) -> None:
    """Write pages that are made, unless they are there already; remove those made for others."""
    folder.mkdir(exist_ok=True)
    for old in set(folder.glob("*.rst")) - {folder / name for name in pages}:
        old.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def index() -> str:
    """Write the list of pages."""
    listed = "\n".join(f"   {name}" for name in PAGES)
    return (
        f"{heading('Reference', '=')}\nEvery public name, by package.\n\n"
        f".. toctree::\n   :maxdepth: 1\n\n{listed}\n"
    )


def page(package: str, title: str) -> str:
    """Write all public names of a package, in chapters: the files that they come from."""
    module = importlib.import_module(package)
    parts = [heading(title, "="), f".. py:module:: {package}\n", prose(inspect.getdoc(module))]
    chapters: dict[str, list[str]] = {}
    for name in public(module):
        chapters.setdefault(home(getattr(module, name), package), []).append(name)
    for chapter, names in chapters.items():
        if len(chapters) > 1:
            parts.append(heading(headline(chapter, package), "-"))
            parts.append(f"``{source(chapter)}``\n")
        parts.append(overview(package, names))
        parts += [entry(package, name, getattr(module, name)) for name in names]
    return "\n".join(parts) + "\n"


def source(chapter: str) -> str:
    """The file of a chapter, from the folder of the package on."""
    found = Path(inspect.getfile(importlib.import_module(chapter)))
    return found.relative_to(Path(inspect.getfile(axon)).parents[1]).as_posix()


def overview(package: str, names: list[str]) -> str:
    """Link to the names of a chapter."""
    return ", ".join(f":py:obj:`~{package}.{name}`" for name in names) + "\n"


def heading(text: str, line: str) -> str:
    """Underline a heading."""
    return f"{text}\n{line * len(text)}\n"


def headline(chapter: str, package: str) -> str:
    """The first words of a file's docstring."""
    first = (inspect.getdoc(importlib.import_module(chapter)) or chapter).partition("\n")[0]
    short = re.match(r"(?:\([^)]*\)|[^(]){10,}?(?=[,:;.] |\.$|$)", first)
    return escape(short[0] if short else first) if chapter != package else "Here"


# ------------------------------------------------------------------------------------ names


def public(module: ModuleType) -> list[str]:
    """The names that a package shows: ``__all__``, or what is defined in it and below it."""
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if documented(getattr(module, name))]
    return [
        name
        for name in dir(module)
        if not name.startswith("_")
        and documented(value := getattr(module, name))
        and f"{home(value, '')}.".startswith(f"{module.__name__}.")
    ]


@cache
def homes() -> dict[int, str]:
    """Where each public thing is told of, by its id: its full name on that page.

    What has several names is told of in the package that it comes from, under its own name; the
    other entries lead there.
    """
    found: dict[int, list[tuple[bool, int, bool, str]]] = {}
    for package in PAGES:
        module = importlib.import_module(package)
        for name in public(module):
            value = getattr(module, name)
            near = f"{home(value, package)}.".startswith(f"{package}.")
            own = getattr(value, "__name__", name) == name
            found.setdefault(id(value), []).append((near, len(package), own, f"{package}.{name}"))
    return {key: max(names, key=lambda n: n[:3])[3] for key, names in found.items()}


def documented(value: object) -> bool:
    """Whether this is a class or something to call; modules have pages of their own."""
    return isinstance(value, type) or (callable(value) and bool(inspect.getdoc(value)))


def home(value: Any, package: str) -> str:
    """The file in which a thing is defined."""
    return getattr(value, "__module__", package) or package


# ------------------------------------------------------------------------------------ entries


def entry(package: str, name: str, value: Any) -> str:
    """Write what there is to know about a public name, or where that stands."""
    kind = "class" if isinstance(value, type) else "function"
    if (place := homes()[id(value)]) != f"{package}.{name}":
        return directive(kind, f"{name}{signature(value)}", f"The same as :py:obj:`{place}`.\n")
    if isinstance(value, type):
        return class_entry(name, value)
    if not isinstance(value, Primitive) and not inspect.isroutine(value):
        return directive("data", name, doc(value, "data"))
    return directive("function", f"{name}{signature(value)}", doc(value, "function"))


def class_entry(name: str, cls: type) -> str:
    """Write a class, and what it does that its bases do not tell already."""
    bases = [b for b in cls.__bases__ if id(b) in homes()]
    links = (f":py:obj:`{base.__name__} <{homes()[id(base)]}>`" for base in bases)
    kin = f"A {', '.join(links)}.\n\n" if bases else ""
    body = doc(cls, "class") + "\n" + kin + "\n".join(members(cls))
    return directive("class", f"{name}{signature(cls)}", body)


def members(cls: type) -> Iterator[str]:
    """Write methods and properties, unless a base has them under the same name."""
    above = {name for base in cls.__mro__[1:] if of_axon(base) for name in vars(base)}
    for name, value in vars(cls).items():
        if name.startswith("_") or name in above:
            continue
        if isinstance(value, property) and inspect.getdoc(value):
            yield directive("property", name, doc(value, "property"))
        elif isinstance(value, staticmethod | classmethod):
            kind = type(value).__name__
            yield directive("method", name + signature(value.__func__), doc(value, "method"), kind)
        elif inspect.isfunction(value) and inspect.getdoc(value):
            yield directive("method", name + signature(value, method=True), doc(value, "method"))


def of_axon(cls: type) -> bool:
    """Whether a class is AXON's own."""
    return cls.__module__.startswith("axon.")


def directive(kind: str, head: str, body: str, option: str = "") -> str:
    """Write one description of Sphinx's domain for Python."""
    options = f"   :{option}:\n" if option else ""
    return f".. py:{kind}:: {head}\n{options}\n{indent(body)}\n"


def indent(text: str) -> str:
    """Move lines to the right."""
    return "\n".join(f"   {line}" if line.strip() else "" for line in text.splitlines()) + "\n"


# ------------------------------------------------------------------------------------ signatures


def signature(value: Any, method: bool = False) -> str:
    """The arguments as the source has them, without types: the docstring says those."""
    if isinstance(value, type):
        maker = next((vars(c)["__init__"] for c in value.__mro__ if "__init__" in vars(c)), None)
        return arguments(maker, first=1) if inspect.isfunction(maker) else "()"
    if isinstance(value, Primitive):
        return arguments(value.kernel, first=value.kind == "fills", hidden=("xp", "workspace"))
    return arguments(inspect.unwrap(value), first=method or "." in value.__qualname__)


def arguments(function: Any, first: int, hidden: Iterable[str] = ()) -> str:
    """The arguments of a function, from the one numbered ``first`` on."""
    node = definition(function)
    if node is None:
        return generated(function, first)
    given = node.args
    both = [*given.posonlyargs, *given.args][first:]
    by_name = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    kept = [(a, d) for a, d in by_name if a.arg not in hidden]
    for argument in (*both, *(a for a, _ in kept), given.vararg, given.kwarg):
        if argument is not None:
            argument.annotation = None
    shown = ast.arguments([], both, given.vararg, [a for a, _ in kept], [d for _, d in kept])
    shown.kwarg, shown.defaults = given.kwarg, given.defaults[-len(both) :] if both else []
    return f"({ast.unparse(shown)})"


def generated(function: Any, first: int) -> str:
    """The arguments of what has no source of its own, such as a data class's ``__init__``."""
    given = list(inspect.signature(function).parameters.values())[first:]
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in given]
    return str(inspect.Signature(plain))


def definition(function: Any) -> ast.FunctionDef | None:
    """The source of a function, parsed; None if it has none."""
    try:
        file, line = inspect.getsourcefile(function), function.__code__.co_firstlineno
    except (TypeError, AttributeError):
        return None
    return functions(file).get(line) if file and Path(file).is_file() else None


@cache
def functions(file: str) -> dict[int, ast.FunctionDef]:
    """The functions of a file by their first line, decorators included."""
    found = {}
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            found[min([node.lineno, *(d.lineno for d in node.decorator_list)])] = node
    return found


# ------------------------------------------------------------------------------------ docstrings

SECTION = re.compile(r"(Args|Arguments|Returns|Raises|Yields|Attributes|Note|Example|Examples):$")
LITERAL = re.compile(r"(``.+?``|\*\*[^*\s][^*]*\*\*)", re.S)


def doc(value: Any, what: str) -> str:
    """The docstring as reStructuredText."""
    lines = prose(inspect.getdoc(value)).splitlines()
    return "\n".join(Docstring(lines, NAPOLEON, what=what).lines()) + "\n"


class Docstring(GoogleDocstring):
    """A docstring whose results have no types: a colon there is a colon."""

    def _consume_returns_section(self, preprocess_types: bool = False) -> list[Any]:
        del preprocess_types
        return [("", "", self._dedent(self._consume_to_next_section()))]


def prose(text: str | None) -> str:
    """Text with indented formulas and examples as reStructuredText; sections stay as they are."""
    blocks = re.split(r"\n\s*\n", text or "")
    made, within = [], False
    for block in blocks:
        within = bool(SECTION.match(block.partition("\n")[0])) or (within and block[:1] == " ")
        made.append(block if ">>>" in block else formula(block, within))
    return "\n\n".join(made) + "\n"


def formula(block: str, within: bool) -> str:
    """A paragraph: as it is meant, whatever signs there are in it."""
    if block.startswith("  ") and not within:
        return "::\n\n" + block
    return escape(block)


def escape(text: str) -> str:
    """Let nothing be taken for markup but ``code`` and **stress**."""
    parts = LITERAL.split(text)
    return "".join(p if i % 2 else re.sub(r"([\\*|_`])", r"\\\1", p) for i, p in enumerate(parts))
