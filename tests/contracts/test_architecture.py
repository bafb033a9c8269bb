"""What keeps the library readable: floors, budgets, few dependencies, names that stay."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import pytest

import axon
from tests.contracts import budgets, house
from tests.samples.loops import looped

ROOT = Path(axon.__file__).parent
FILES = sorted(path for path in ROOT.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}

# A room is a folder or a file of axon/. It may import those before it, on its own floor too.
FLOORS = {
    0: [
        *(
            "version",
            "_moved",
            "names",
            "html",
            "checks",
            "containers",
            "backend",
            "modes",
            "files",
        ),
        *("bounds", "facts"),
        *("locks", "blas", "clock", "threads", "pieces"),
        *("random", "operators", "core", "parameter", "settings", "config"),
    ],
    1: ["ops", "activations"],
    2: ["program"],
    3: ["fast", "symbols", "xla", "ranks"],
    4: [
        *("initializers", "regularizers", "constraints", "layers", "losses", "metrics"),
        *("optimizers", "datasets", "plot", "callbacks"),
    ],
    5: ["inspect", "convert", "report"],
    6: ["models", "testing"],
    7: ["onnx"],
    8: ["sklearn", "tabular", "serve", "play"],
    9: ["cli", "__main__"],
}
ORDER = [room for rooms in FLOORS.values() for room in rooms]
ABOVE = "models"  # axon/__init__.py hands out what is there up to this room

# What `import axon` may load that `import numpy` has not loaded already.
ADDED = {"_bisect", "bisect", "threading", "zlib"}

each_file = looped("path", FILES)


# ------------------------------------------------------------------------------------ imports


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, wherever in it, with the line."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: write the whole name: from axon.x import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield node.lineno, inner if inner in MODULES else str(node.module)


def place_of(module: str) -> int:
    room = ABOVE if module == "axon" else module.split(".")[1]
    assert room in ORDER, f"{module} has no floor: add it to FLOORS, and to the design"
    return ORDER.index(room)


def ours(path: Path) -> list[tuple[int, str]]:
    return [(line, m) for line, m in imported(path) if m == "axon" or m.startswith("axon.")]


@each_file
def test_imports_go_down(path: Path) -> None:
    module = module_of(path)
    for line, other in ours(path):
        where = f"{path.relative_to(ROOT.parent)}:{line}"
        assert place_of(other) <= place_of(module), f"{where}: {module} must not import {other}"


def test_the_floors_are_those_of_the_page() -> None:
    """CONTRIBUTING.md shows them, with what is on each."""
    page = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| (.+?) \|", page, re.MULTILINE)
    told = {int(floor): re.findall(r"`(\w+)(?:\.py|/)`", rooms) for floor, rooms in rows}
    assert {f: sorted(rooms) for f, rooms in told.items()} == {
        floor: sorted(room for room in rooms if not room.startswith("_"))
        for floor, rooms in FLOORS.items()
    }
    numbered = [path for path in FILES if path.read_text("utf-8").startswith('"""Floor ')]
    assert not numbered, "which floor a file is on stands in one place"


def folder_of(module: str) -> str:
    return module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]


def test_no_folders_in_a_circle() -> None:
    """Neither do folders inside a room. An ``__init__.py`` is a door: it belongs to nobody."""
    edges: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        if path.name != "__init__.py":
            others = {folder_of(m) for _, m in ours(path) if MODULES[m].name != "__init__.py"}
            edges.setdefault(folder_of(module), set()).update(others - {folder_of(module), "axon"})
    assert circle(edges) is None


def test_no_imports_in_a_circle() -> None:
    edges = {m: {other for _, other in ours(path)} - {m} for m, path in MODULES.items()}
    assert circle(edges) is None


def circle(edges: dict[str, set[str]]) -> str | None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> str | None:
        if name in path:
            return " -> ".join((*path[path.index(name) :], name))
        if name in done:
            return None
        done.add(name)
        found = (visit(other, (*path, name)) for other in sorted(edges.get(name, ())))
        return next((f for f in found if f), None)

    return next((f for f in (visit(name, ()) for name in sorted(edges)) if f), None)


@each_file
def test_other_packages_are_imported_where_they_are_used(path: Path) -> None:
    """At the top of a file stand NumPy, the standard library and axon: a missing one is named."""
    if path.relative_to(ROOT).parts[0] in ("cli", "fast", "serve", "sklearn", "tabular", "xla"):
        return  # __main__.py, program/lowerings.py and their __init__.py name what is missing
    at_once = [n for n in TREES[path].body if isinstance(n, ast.Import | ast.ImportFrom)]
    named = {
        name
        for node in at_once
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    foreign = {str(n).split(".")[0] for n in named} - sys.stdlib_module_names - {"numpy", "axon"}
    assert not foreign


@pytest.mark.parametrize(
    ("library", "place"),
    [
        *(("cupy", "axon.backend"), ("jax", "axon.xla"), ("mpi4py", "axon.ranks")),
        ("optuna", "axon.callbacks"),
    ],
)
def test_only_one_place_knows_a_library(library: str, place: str) -> None:
    knows = {module_of(p) for p in FILES for _, m in imported(p) if m.split(".")[0] == library}
    assert not {module for module in knows if not f"{module}.".startswith(f"{place}.")}


def loaded_by(statement: str) -> set[str]:
    code = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    run = [sys.executable, "-W", "error", "-c", code]
    return set(json.loads(subprocess.run(run, capture_output=True, text=True, check=True).stdout))


def test_import_axon_loads_numpy_and_next_to_nothing_else() -> None:
    added = loaded_by("import axon") - loaded_by("import numpy")
    foreign = {m for m in added if m.split(".")[0] not in {*sys.stdlib_module_names, "axon"}}
    assert not foreign
    assert {m for m in added if not m.startswith(("axon", "_"))} <= ADDED
    later = ("cli", "onnx", "plot", "ranks", "sklearn", "symbols", "tabular", "testing", "xla")
    assert not any(m.startswith(tuple(f"axon.{room}" for room in later)) for m in added)


def test_importing_axon_loads_few_files() -> None:
    """A time would depend on the machine; what takes it is the number of files."""
    few = {m for m in loaded_by("import axon") if m.startswith("axon")}
    assert len(few) <= 60
    assert {m.split(".")[1] for m in few - {"axon"}} <= {p for f in (0, 1) for p in FLOORS[f]}
    usual = "import axon; axon.layers, axon.losses, axon.optimizers, axon.Sequential, axon.datasets"
    loaded = loaded_by(usual)
    assert len({m for m in loaded if m.startswith("axon")}) <= 208
    assert not any(m.startswith(("axon.ranks", "axon.symbols", "axon.xla")) for m in loaded)


def test_all_names_are_there_although_they_come_later() -> None:
    code = f"import axon; [getattr(axon, n) for n in {axon.__all__!r}]; axon.roofline.__call__"
    loaded = loaded_by(code)
    foreign = {m.split(".")[0] for m in loaded - loaded_by("import numpy")}
    assert foreign <= {*sys.stdlib_module_names, "axon"}
    shown = {name for name in dir(axon) if not name.startswith("__")}
    assert shown == {*axon.LATER, *axon.HOMES, *axon.__all__} - {"__version__"}


FIRST = """
import os, sys
import numpy
for module in sys.argv[1:]:
    if not os.fork():
        try:
            __import__(module)
        except BaseException as error:
            print(module, type(error).__name__, error, flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are copied")
def test_any_module_can_be_imported_first() -> None:
    """Also those that nothing has imported yet when ``import axon`` is done."""
    optional = ("axon.fast", "axon.cli", "axon.onnx", "axon.sklearn", "axon.xla", "axon.__main__")
    names = ("axon.layers.base", "axon.layers.dense", "axon.activations.sigmoid")
    modules = [m for m in MODULES if not m.startswith(optional) and m.count(".") < 2]
    done = subprocess.run(
        [sys.executable, "-c", FIRST, *modules, *names], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""


def test_what_needs_an_extra_is_imported_when_asked_for() -> None:
    for name in ("onnx", "plot", "sklearn"):
        assert name in axon.LATER
        assert f"axon.{name}" in loaded_by(f"import axon; axon.{name}")
    with pytest.raises(AttributeError, match="module 'axon' has no attribute 'onyx'"):
        _ = axon.onyx


# ------------------------------------------------------------------------------------ size


def test_rooms_keep_to_their_budgets() -> None:
    found = house.rooms(ROOT)
    for name, room in found.items():
        assert room.lines <= budgets.ROOMS.get(name, budgets.SMALL), (
            f"{name} has {room.lines} lines"
        )
    engine = {room for floor in (0, 1, 2) for room in FLOORS[floor]}
    assert sum(room.lines for name, room in found.items() if name in engine) <= budgets.ENGINE
    assert sum(room.lines for room in found.values()) <= budgets.HOUSE


def test_types_are_said_and_functions_end() -> None:
    found = house.rooms(ROOT).values()
    assert sum(room.loose for room in found) <= budgets.LOOSE * sum(
        room.signatures for room in found
    )
    assert sum(room.long for room in found) <= budgets.LONG


def test_functions_are_short() -> None:
    """Lines without the docstring. Half of all functions are a handful, nine in ten fit an eye."""
    lengths = [house.length(node) for tree in TREES.values() for node in house.functions(tree)]
    assert median(lengths) <= 5
    assert quantiles(lengths, n=10)[-1] <= 16


@each_file
def test_files_are_named_for_what_they_are(path: Path) -> None:
    assert not {"util", "utils", "common", "helper", "helpers", "misc"} & {
        path.stem,
        path.parent.name,
    }


# ------------------------------------------------------------------------------------ habits


@each_file
def test_nothing_is_found_out_by_probing(path: Path) -> None:
    calls = [n for n in ast.walk(TREES[path]) if isinstance(n, ast.Name) and n.id == "hasattr"]
    assert not calls, f"line {calls[0].lineno}: declare it instead"


@each_file
def test_what_is_public_is_documented(path: Path) -> None:
    assert ast.get_docstring(TREES[path]), "a file begins with what it is"
    for owner, node in public(TREES[path]):
        assert ast.get_docstring(node), f"line {node.lineno}: {owner}{node.name} has no docstring"


Definition = ast.FunctionDef | ast.ClassDef


def public(tree: ast.Module) -> Iterator[tuple[str, Definition]]:
    """Functions and classes of a module, and the methods of its public classes."""
    for node in tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_") and not variant(node):
            yield "", node
            if isinstance(node, ast.ClassDef):
                yield from ((f"{node.name}.", inner) for inner in methods(node))


def methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    for inner in node.body:
        is_setter = isinstance(inner, ast.FunctionDef) and any(
            isinstance(d, ast.Attribute) and d.attr == "setter" for d in inner.decorator_list
        )
        named = isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_")
        if named and not is_setter and not variant(inner):
            yield inner


def variant(node: ast.AST) -> bool:
    """Whether this is the signature alone of one way to call a function that follows."""
    return any(isinstance(d, ast.Name) and d.id == "overload" for d in node.decorator_list)


def test_each_primitive_is_defined_once() -> None:
    made = [
        node.name
        for tree in TREES.values()
        for node in house.functions(tree)
        if any("primitive" in ast.unparse(d) for d in node.decorator_list)
    ]
    assert sorted(made) == sorted(set(made))
    from axon.operators import PRIMITIVES

    assert all(getattr(axon.ops, name) is not None for name in dir(axon.ops))
    assert axon.losses
    assert axon.metrics
    assert axon.optimizers
    assert axon.ranks  # they define some of their own

    ours = {name for name, p in PRIMITIVES.items() if p.__module__.startswith("axon.")}
    assert ours == {name.rstrip("_") for name in made}


# ------------------------------------------------------------------------------------ names


def test_the_package_is_typed() -> None:
    assert (ROOT / "py.typed").is_file()


def test_public_names() -> None:
    for name in ("Tensor", "no_grad", "grad", "set_random_seed", "RecordingError", "load_model"):
        assert callable(getattr(axon, name))
    for name in ("ops", "activations", "layers", "losses", "metrics", "models", "optimizers"):
        assert getattr(axon, name).__name__ == f"axon.{name}"
    assert all(getattr(axon, name) is not None for name in axon.__all__)
    assert sorted(axon.__all__) == sorted(set(axon.__all__))


THE_USERS_NAMES = """
from axon.layers.base import Neuron
from axon.layers.dense import Dense as Same
from axon.layers import Dense
from axon.activations.sigmoid import sigmoid as same, sigmoid_derivative
from axon.activations import relu, softmax, sigmoid
from axon.losses import BinaryCrossEntropy, CategoricalCrossEntropy
from axon.optimizers import SGD
from axon.models import Sequential
"""


def test_the_users_names() -> None:
    import numpy as np

    names: dict = {}
    exec(THE_USERS_NAMES, names)
    assert names["Same"] is names["Dense"]
    assert names["same"] is names["sigmoid"]
    x = np.array([1.0, 0.5, -1.0])
    neuron = names["Neuron"](num_inputs=3, activation_function=names["sigmoid"])
    assert 0 < neuron.forward(x) < 1
    assert neuron.weights.shape == (3,)
    assert neuron.bias.shape == ()
    dense = names["Dense"](3, 2, names["relu"])
    assert names["Dense"](input_size=3, num_neurons=2, activation=names["relu"]).num_neurons == 2
    assert dense.forward(x[None]).shape == (1, 2)
    for loss in (names["BinaryCrossEntropy"](), names["CategoricalCrossEntropy"]()):
        y, p = np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])
        assert loss.loss(y, p) == pytest.approx(np.log(2))
        assert loss.gradient(y, p).shape == p.shape
    model = names["Sequential"]()
    model.add(dense)
    model.add(names["Dense"](2, 2, names["softmax"]))
    model.compile(names["CategoricalCrossEntropy"](), names["SGD"](learning_rate=0.01))
    assert model.forward(x[None]).shape == (1, 2)
    names["SGD"](learning_rate=0.01).update(model.layers, np.ones((1, 2)))
    model.train(x[None], np.array([[0.0, 1.0]]), epochs=1, verbose=False)


@pytest.mark.parametrize("first", ["import axon", "import axon.activations.sigmoid", "pass"])
def test_sigmoid_is_a_function_and_a_module(first: str) -> None:
    """A lazy package would hand out the module where the function is meant."""
    code = (
        f"{first}\n"
        "from axon.activations.sigmoid import sigmoid, sigmoid_derivative\n"
        "import axon, axon.activations.sigmoid\n"
        "assert axon.activations.sigmoid is sigmoid, axon.activations.sigmoid\n"
        "assert abs(axon.activations.sigmoid(0.0) - 0.5) < 1e-6\n"
        "assert sigmoid_derivative(0.5) == 0.25\n"
        "for name in axon.activations.ACTIVATIONS:\n"
        "    assert callable(getattr(axon.activations, name)), name\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
