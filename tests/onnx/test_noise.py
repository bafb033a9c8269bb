"""Random numbers that a file asks for: drawn anew at every run, saved with the network."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

import axon  # noqa: E402
from axon.onnx.load.load import made  # noqa: E402
from axon.onnx.load.read import parse  # noqa: E402
from tests.onnx.graphs import net, node, value  # noqa: E402

X = np.full((4, 500), 0.3, "f4")
FILES: dict[str, tuple[list[Any], float, float]] = {  # nodes; mean and deviation
    "normal": ([node("RandomNormalLike", ["x"], ["y"], mean=1.0, scale=2.0)], 1.0, 2.0),
    "uniform": ([node("RandomUniformLike", ["x"], ["y"], low=-1.0, high=3.0)], 1.0, 1.1547),
    "normal in a shape": (
        [
            node("RandomNormal", [], ["r"], shape=[1, 500], mean=1.0, scale=2.0),
            node("Add", ["x", "r"], ["y"]),
        ],
        1.3,
        2.0,
    ),
    "uniform in a shape": (
        [
            node("RandomUniform", [], ["r"], shape=[1, 500], low=1.0, high=2.0),
            node("Add", ["x", "r"], ["y"]),
        ],
        1.8,
        0.2887,
    ),
    "truth": ([node("Bernoulli", ["x"], ["y"])], 0.3, 0.4583),
}


def loaded(nodes: list[Any]) -> Any:
    proto = net(nodes, [], [value("x", ["n", 500])])
    del proto.graph.initializer[:]
    return made(parse(proto.SerializeToString(), None), None, "net")


@pytest.mark.parametrize("name", FILES)
def test_numbers_are_drawn_anew_and_go_on_where_a_file_was_saved(name: str, tmp_path: Path) -> None:
    nodes, mean, deviation = FILES[name]
    model = loaded(nodes)
    first, second = model.predict(X), model.predict(X)
    assert first.shape == X.shape
    assert not np.array_equal(first, second)
    drawn = np.concatenate([first, second])
    assert drawn.mean() == pytest.approx(mean, abs=0.12 * deviation)
    assert drawn.std() == pytest.approx(deviation, rel=0.1)
    model.save(tmp_path / "net.axon")
    again = axon.load_model(tmp_path / "net.axon")
    np.testing.assert_array_equal(model.predict(X), again.predict(X))


def test_a_seed_says_where_the_numbers_begin() -> None:
    seeds = (2.0, 2.0, 3.0)
    nodes = [[node("RandomNormalLike", ["x"], ["y"], seed=seed)] for seed in seeds]
    a, b, c = (loaded(each).predict(X) for each in nodes)
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_a_type_that_no_random_number_has() -> None:
    with pytest.raises(ValueError, match="random numbers of the type 5 are not supported"):
        loaded([node("RandomNormalLike", ["x"], ["y"], dtype=5)])
