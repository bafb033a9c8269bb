"""Modules are found by their old names, too, and a warning says the new one."""

import gzip
import importlib
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import axon
from axon import ops
from axon._moved import ATTRIBUTES, MOVED, RENAMED, new_name

INSIDE = {  # what lay in packages that have moved, and examples of what is asked of it
    "axon.models.foreign.flattening": "axon.convert.flattening",
    "axon.models.graph.model": "axon.onnx.run.model",
    "axon.models.graph.operators.elementwise": "axon.onnx.run.operators.elementwise",
    "axon.onnx.rules.products": "axon.onnx.export.rules.products",
}
SAMPLES = Path(__file__).parent.parent / "samples"
OLD = {f"axon.{old}": f"axon.{new}" for old, new in MOVED.items()} | INSIDE


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Each test is the first to ask, and leaves nothing behind."""
    of_same_name = vars(ops)["lookup"]  # a function, which the old module hides
    yield
    for old in [name for name in sys.modules if name.startswith("axon.") and new_name(name)]:
        del sys.modules[old]
        parent, _, name = old.rpartition(".")
        if parent in sys.modules:  # else it was an old one, and has gone
            vars(sys.modules[parent]).pop(name, None)
    ops.lookup = of_same_name


def test_a_function_of_the_same_name_is_there_afterwards() -> None:
    """Another test of this process may need it: all names of ``axon.ops`` and ``axon`` stay."""
    before, of_the_house = dict(vars(ops)), dict(vars(axon))
    inside = forgotten.__wrapped__()  # type: ignore[attr-defined]
    next(inside)
    with pytest.warns(DeprecationWarning, match="axon.ops.lookup has moved"):
        importlib.import_module("axon.ops.lookup")
    with pytest.warns(DeprecationWarning, match="has moved"):
        importlib.import_module("axon.models.graph.operators.pooling")
    assert ops.lookup is not before["lookup"]
    assert next(inside, None) is None
    assert {n for n, value in before.items() if vars(ops).get(n) is not value} == set()
    assert {n for n, value in of_the_house.items() if vars(axon).get(n) is not value} == set()


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


@pytest.mark.filterwarnings("ignore:axon.* has moved:DeprecationWarning")
def test_a_model_pickled_by_an_older_version_trains_on() -> None:
    """Dense, BatchNormalization, Dropout and Dense: two epochs, and now two more."""
    packed = (SAMPLES / "model_of_an_older_version.pickle.gz").read_bytes()
    model = pickle.loads(gzip.decompress(packed))
    axon.set_random_seed(1)
    x = np.random.default_rng(0).normal(size=(12, 3)).astype("f4")
    found = model.fit(x, x[:, :1], batch_size=4, epochs=2, verbose=0).history
    assert found["loss"] == pytest.approx([1.8414449095726013, 0.9158868392308553], rel=1e-5)
    assert found["rmse"] == pytest.approx([1.3569985056895715, 0.9570197633535616], rel=1e-5)
    outputs = [-0.29790928959846497, -0.21993225812911987, 0.2705003619194031]
    assert model.predict(x)[:3, 0] == pytest.approx(outputs, rel=1e-5)
    assert not [name for thing in parts(model) for name in vars(thing) if name in ATTRIBUTES]


def parts(model: Any) -> list[Any]:
    trainer = model._trainer
    return [*model.modules(), trainer, trainer.train, trainer.optimizer, *trainer.metrics]


def test_a_graph_pickled_by_an_older_version_says_what_to_do() -> None:
    from axon.onnx.run.model import GraphModel

    blank = GraphModel.__new__(GraphModel)
    with pytest.raises(TypeError, match="net: pickled by an older version of AXON"):
        blank.__setstate__({"name": "net", "entries": [{"name": "x"}]})


def test_it_costs_nothing_until_an_import_fails() -> None:
    code = (
        "import axon, sys; from axon._moved import MovedModules as M; assert sys.meta_path[-1] is M"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D"])
def test_a_layer_that_was_pickled_from_another_file(name: str) -> None:
    """They lay in files of their own, then in one with other convolutions, and do so again."""
    kind = getattr(axon.layers, name)
    now = kind.__module__
    assert now in ("axon.layers.separable", "axon.layers.transposed")
    text = pickle.dumps(kind(2, 3), 0).replace(now.encode(), b"axon.layers.convolution")
    assert b"axon.layers.convolution" in text
    assert type(pickle.loads(text)) is kind
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = axon.layers.convolution.nonsense
