"""ONNX files for a fixed number of samples, and files that declare other shapes than AXON makes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import axon

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from onnx import helper, numpy_helper  # noqa: E402

import axon.onnx  # noqa: E402
from axon.onnx import OnnxFileError  # noqa: E402

node = helper.make_node


def value(name: str, shape: Any) -> Any:
    return helper.make_tensor_value_info(name, 1, shape)


def ints(name: str, numbers: Any) -> Any:
    return numpy_helper.from_array(np.array(numbers, np.int64), name)


def saved(
    path: Path, nodes: Any, x: Any, y: Any, tensors: Any = (), values: Any = (), opset: int = 17
) -> Path:
    graph = helper.make_graph(nodes, "g", [value("x", x)], [value("y", y)], tensors)
    graph.value_info.extend(values)
    opsets = [helper.make_opsetid("", opset)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def wanted(path: Path, x: Any) -> Any:
    return ort.InferenceSession(path).run(None, {"x": x})[0]


def attention(path: Path, B: int, T: int = 3, H: int = 2, D: int = 2) -> Path:
    """Heads are split off as PyTorch writes it down for B samples."""
    nodes = [
        node("Transpose", ["x"], ["a"], perm=[1, 0, 2]),
        node("Reshape", ["a", "s1"], ["b"]),
        node("Transpose", ["b"], ["c"], perm=[1, 0, 2]),
        node("Softmax", ["c"], ["d"], axis=-1),
        node("Transpose", ["d"], ["e"], perm=[1, 0, 2]),
        node("Reshape", ["e", "s2"], ["f"]),
        node("Transpose", ["f"], ["y"], perm=[1, 0, 2]),
    ]
    tensors = [ints("s1", [T, B * H, D]), ints("s2", [T, B, H * D])]
    return saved(path, nodes, [B, T, H * D], [B, T, H * D], tensors)


@pytest.mark.parametrize("B", [1, 3])
def test_a_file_for_a_fixed_number_of_samples_takes_that_number(B: int, tmp_path: Path) -> None:
    path = attention(tmp_path / "net.onnx", B)
    model = axon.onnx.load(path)
    x = np.random.default_rng(0).normal(size=(2 * B, 3, 4)).astype("f4")
    want = np.concatenate([wanted(path, x[:B]), wanted(path, x[B:])])
    np.testing.assert_allclose(model.predict(x), want, rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "net.axon")
    again = axon.load_model(tmp_path / "net.axon")
    np.testing.assert_array_equal(again.predict(x[:B]), model.predict(x[:B]))
    for same in (model, again):
        for n in {1, 2, 5} - {B, 2 * B} if B > 1 else ():
            with pytest.raises(ValueError, match=rf"takes {B} samples at a time.*batch_size={B}"):
                same.predict(np.zeros((n, 3, 4)))


def test_a_file_for_many_samples_claims_no_memory(tmp_path: Path) -> None:
    with pytest.raises(OnnxFileError, match="claims to take 1000000000 samples"):
        axon.onnx.load(attention(tmp_path / "net.onnx", 10**9))


def test_numbers_that_depend_on_the_other_samples_hold_a_file_to_its_number(tmp_path: Path) -> None:
    """A mean over the batch looks as if any number would do."""
    nodes = [node("ReduceMean", ["x"], ["m"], axes=[0]), node("Sub", ["x", "m"], ["y"])]
    path = saved(tmp_path / "net.onnx", nodes, [3, 4], [3, 4])
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("f4")
    model = axon.onnx.load(path)
    np.testing.assert_allclose(model.predict(x), wanted(path, x), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="takes 3 samples at a time"):
        model.predict(x[:2])


# ------------------------------------------------------------------------------------ squeezing


def test_a_first_axis_that_is_not_that_of_the_samples_is_squeezed(tmp_path: Path) -> None:
    nodes = [
        node("ReduceMean", ["x"], ["m"], axes=[0]),  # (1, 4, 1)
        node("Squeeze", ["m"], ["row"]),  # (4,)
        node("Squeeze", ["x"], ["rows"]),  # (n, 4)
        node("Mul", ["rows", "row"], ["y"]),
    ]
    path = saved(tmp_path / "net.onnx", nodes, ["n", 4, 1], None, opset=12)
    model = axon.onnx.load(path)
    x = np.random.default_rng(0).normal(size=(5, 4, 1)).astype("f4")
    np.testing.assert_allclose(model.predict(x), wanted(path, x), rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "net.axon")
    again = axon.load_model(tmp_path / "net.axon")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    np.testing.assert_array_equal(again.predict(x[:1])[0], np.squeeze(x[0]) ** 2)


@pytest.mark.parametrize("declared", ["output", "value", "nothing"])
def test_squeeze_in_a_file_for_one_sample(declared: str, tmp_path: Path) -> None:
    """It leaves out the axis of the sample, too: what follows is another network with more."""
    nodes = [
        node("Squeeze", ["x"], ["row"]),  # (4,)
        node("Softmax", ["row"], ["s"], axis=0),
        node("Unsqueeze", ["s"], ["y"], axes=[0]),
    ]
    values = [value("row", [4])] if declared == "value" else []
    y = [1, 4] if declared == "output" else None
    path = saved(tmp_path / "net.onnx", nodes, [1, 4], y, values=values, opset=12)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("f4")
    want = np.concatenate([wanted(path, x[i : i + 1]) for i in range(5)])
    model = axon.onnx.load(path)
    np.testing.assert_allclose(model.predict(x), want, rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "net.axon")
    np.testing.assert_array_equal(
        axon.load_model(tmp_path / "net.axon").predict(x), model.predict(x)
    )


@pytest.mark.parametrize("told", [["n", 4, 1], ["n", 5], ["n", 4, 4]])
def test_a_wrong_declaration_is_named(told: Any, tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], ["h"]), node("Tanh", ["h"], ["y"])]
    path = saved(tmp_path / "net.onnx", nodes, ["n", 4], None, values=[value("h", told)])
    with pytest.raises(OnnxFileError, match=r"'h' to be of shape \(any, .*AXON makes \(1, 4\)"):
        axon.onnx.load(path)
    path = saved(tmp_path / "net.onnx", nodes, ["n", 4], told)
    with pytest.raises(OnnxFileError, match="declares 'y'"):
        axon.onnx.load(path)


def test_declarations_are_kept_where_shapes_are_open(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], ["h"]), node("Tanh", ["h"], ["y"])]
    path = saved(tmp_path / "net.onnx", nodes, ["n", "t"], ["n", "t", 1])
    model = axon.onnx.load(path)
    with pytest.raises(ValueError, match="declares 'y'"):
        model.predict(np.ones((2, 4)))


# ------------------------------------------------------------------------------------ classes


@pytest.mark.parametrize("names", [["ant", "bee\x1b", "cow"], [3, 7, 9], ["no", "yes"], [0, 1]])
@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("kind", ["LogisticRegression", "MLPClassifier"])
def test_class_names_of_scikit_learn_survive(
    names: Any, zipmap: bool, kind: str, tmp_path: Path
) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    sklearn = (
        pytest.importorskip("sklearn.linear_model"),
        pytest.importorskip("sklearn.neural_network"),
    )
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype("f4")
    y = np.array(names)[rng.integers(0, len(names), 60)]
    made = getattr(sklearn[0], kind, None) or getattr(sklearn[1], kind)
    estimator = made(max_iter=400, tol=1.0).fit(x, y)
    proto = skl2onnx.to_onnx(estimator, x[:1], options={"zipmap": zipmap})
    onnx.save(proto, tmp_path / "net.onnx")
    model = axon.onnx.load(tmp_path / "net.onnx")
    assert model.metadata["class_names"] == [str(name) for name in names]
    np.testing.assert_allclose(model.predict(x), estimator.predict_proba(x), atol=1e-5)
    model.save(tmp_path / "net.axon")
    again = axon.load_model(tmp_path / "net.axon")
    assert again.metadata["class_names"] == [str(name) for name in names]
