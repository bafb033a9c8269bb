"""Modules are found by their old names, too, and a warning says the new one."""

import importlib
import pickle
import subprocess
import sys
from collections.abc import Iterator

import pytest

import axon
from axon._moved import MOVED, RENAMED, new_name

INSIDE = {  # what lay in packages that have moved, and examples of what is asked of it
    "axon.models.foreign.flattening": "axon.convert.flattening",
    "axon.models.graph.model": "axon.onnx.run.model",
    "axon.models.graph.operators.elementwise": "axon.onnx.run.operators.elementwise",
    "axon.onnx.rules.products": "axon.onnx.export.rules.products",
}
OLD = {f"axon.{old}": f"axon.{new}" for old, new in MOVED.items()} | INSIDE


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Each test is the first to ask, and leaves nothing behind."""
    yield
    for old in [name for name in sys.modules if name.startswith("axon.") and new_name(name)]:
        del sys.modules[old]
        parent, _, name = old.rpartition(".")
        vars(sys.modules.get(parent, axon)).pop(name, None)


@pytest.mark.parametrize("old", OLD)
def test_an_old_name_is_the_new_module(old: str) -> None:
    new = importlib.import_module(OLD[old])
    with pytest.warns(DeprecationWarning, match="^axon[.].* has moved: import axon[.]") as said:
        found = importlib.import_module(old)
    assert str(said[-1].message) == f"{old} has moved: import {OLD[old]}."
    renamed = [name for name in vars(new) if f"{old[5:]}.{name}" in RENAMED]
    assert all(
        getattr(found, name) is value
        for name, value in vars(new).items()
        if name[0] != "_" and name not in renamed
    )
    assert new.__name__ == new.__spec__.name == OLD[old], "it keeps its own name"


@pytest.mark.parametrize("old", RENAMED)
@pytest.mark.filterwarnings("ignore:axon.* has moved:DeprecationWarning")
def test_an_old_name_within_a_module(old: str) -> None:
    found, new = (
        getattr(importlib.import_module(f"axon.{module}"), name)
        for module, _, name in (path.rpartition(".") for path in (old, RENAMED[old]))
    )
    assert found is new
    assert new.__module__ == f"axon.{RENAMED[old]}".rpartition(".")[0]


def test_it_warns_once_and_where_it_was_imported() -> None:
    with pytest.warns(DeprecationWarning, match="archive has moved") as said:
        from axon.archive import pack
    import axon.archive

    assert len(said) == 1
    assert said[0].filename == __file__
    assert pack is sys.modules["axon.files.archive"].pack is axon.archive.pack


def test_an_attribute_of_axon() -> None:
    with pytest.warns(DeprecationWarning, match="axon.twins has moved") as said:
        found = axon.twins
    assert said[0].filename == __file__
    assert found is sys.modules["axon.settings"]
    with pytest.warns(DeprecationWarning, match="axon.turns has moved"):
        assert axon.turns.Turn is sys.modules["axon.locks"].Lock
    assert axon.program.Timing is sys.modules["axon.inspect.timing"].Timing
    with pytest.raises(AttributeError, match="nonsense"):
        _ = axon.nonsense  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "name", ["axon.nonsense", "axon.models.foreign.nonsense", "nonsense.archive"]
)
@pytest.mark.filterwarnings("ignore:axon.models.foreign has moved")
def test_unknown_names_are_unknown(name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="nonsense"):
        importlib.import_module(name)


def test_roofline_stays_a_function() -> None:
    with pytest.warns(DeprecationWarning, match="axon.roofline has moved"):
        from axon.roofline import Roofline
    assert callable(axon.roofline)
    assert isinstance(axon.roofline(), Roofline)


def test_an_old_pickle() -> None:
    from axon.inspect.diagram_layout import Layout

    with pytest.warns(DeprecationWarning, match="axon.models.layout has moved"):
        assert pickle.loads(b"caxon.models.layout\nLayout\n.") is Layout


def test_it_costs_nothing_until_an_import_fails() -> None:
    code = "import axon, sys; from axon._moved import Finder; assert sys.meta_path[-1] is Finder"
    subprocess.run([sys.executable, "-c", code], check=True)
