"""What axon.onnx.load refuses, and how it says so; damaged files end in an error, nothing else."""

import copy
import pickle
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import axon
from axon.core import Tensor

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import axon.onnx  # noqa: E402
from axon.models.prediction import rows_at_a_time  # noqa: E402
from axon.onnx import OnnxFileError  # noqa: E402
from axon.onnx.load.load import made  # noqa: E402
from axon.onnx.load.read import parse  # noqa: E402
from axon.onnx.run import GraphModel  # noqa: E402
from tests.onnx.graphs import INT64, loop, net, node, tensor, value  # noqa: E402


def load(proto: Any, outputs: str | None = None, folder: str | None = None) -> Any:
    return made(parse(proto.SerializeToString(), folder), outputs, "net")


# ------------------------------------------------------------------------------------ what it says


def test_the_package_is_named_if_it_is_missing(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install onnx \(the extra 'onnx'\)"):
        axon.onnx.load(tmp_path / "net.onnx")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        axon.onnx.load(tmp_path / "net.onnx")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no", b"{}", b"\x08\x07" * 40, bytes(200)])
def test_files_of_another_kind(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(OnnxFileError, match=r"net\.onnx"):
        axon.onnx.load(path)


def test_all_unknown_operators_are_listed_with_their_nodes() -> None:
    nodes = [
        node("Gemm", ["x", "w1"], ["a"], name="fine"),
        *(node("StringConcat", ["a"], [f"n{i}"], name=f"nms{i}") for i in range(7)),
        node("Murmur", ["a", "w1"], ["c"], name="fused", domain="com.microsoft"),
        node("Concat", ["c", *(f"n{i}" for i in range(7))], ["d"], axis=1),
        node("LSTM", ["d", "w1", "w1"], ["e"], name="hurrying", speed=2),
        node("MaxPool", ["e"], ["y"], name="deep", kernel_shape=[2, 2, 2, 2]),
    ]
    with pytest.raises(OnnxFileError) as caught:
        load(net(nodes, more=["com.microsoft"]))
    assert str(caught.value) == (
        "AXON cannot compute these operators:\n"
        "  StringConcat (nodes 'nms6', 'nms5', 'nms4', 'nms3' and 3 more)\n"
        "  com.microsoft.Murmur (node 'fused')\n"
        "  LSTM with the unknown attribute 'speed' (node 'hurrying')\n"
        "  MaxPool with windows of 4 axes (node 'deep')"
    ).replace("'nms6', 'nms5', 'nms4', 'nms3'", _first_four(str(caught.value)))


def _first_four(text: str) -> str:
    return text.partition("(nodes ")[2].partition(" and 3")[0]


def test_a_branch_that_is_not_needed_may_hold_anything() -> None:
    nodes = [*net().graph.node, node("StringSplit", ["a"], ["z"], name="other")]
    model = load(net(nodes, outputs=[value("y", None), value("z", None)]), "y")
    assert model.predict(np.ones((2, 4), "f4")).shape == (2, 3)


def test_outputs_are_chosen_by_name() -> None:
    proto = net(outputs=[value("y", None), value("a", None)])
    assert load(proto).outputs == ["y", "a"]
    assert load(proto, ["a", "y"]).outputs == ["a", "y"]
    with pytest.raises(OnnxFileError, match=r"no output 'aa'. Did you mean 'a'\?"):
        load(proto, "aa")
    assert load(proto, "a").output_shape == (5,)


def test_of_several_outputs_the_only_one_with_fractions_is_meant() -> None:
    nodes = [*net().graph.node, node("ArgMax", ["y"], ["label"], axis=1)]
    model = load(net(nodes, outputs=[value("label", None, INT64), value("y", None)]))
    assert model.output == "y"


def test_several_inputs_by_name() -> None:
    nodes = [
        node("Gather", ["table", "ids"], ["e"], name="table"),
        node("ReduceMean", ["e", "one"], ["m"], keepdims=0),
        node("Concat", ["m", "x"], ["c"], axis=1),
        node("MatMul", ["c", "w"], ["y"]),
    ]
    tensors = [tensor("table", 6, 3), tensor("w", 5, 2)]
    tensors.append(numpy_helper.from_array(np.array([1]), "one"))
    inputs = [value("ids", ["n", 4], INT64), value("x", ["n", 2])]
    model = load(net(nodes, tensors, inputs))
    ids, x = np.array([[0, 1, 2, 5]] * 8), np.ones((8, 2), "f4") / 2
    want = model.predict((ids, x))
    assert np.array_equal(model.predict({"x": x, "ids": ids}), want)
    assert list(model.named_parameters()) == ["table", "w"]
    model.compile("mse", axon.optimizers.SGD(0.1))
    losses = model.fit((ids, x), np.ones((8, 2)), epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    with pytest.raises(ValueError, match="'ids' must have shape"):
        model.predict((ids[:, :3], x))
    with pytest.raises(ValueError, match=r"takes 2 inputs, \['ids', 'x'\], got 1"):
        model.forward(x)


BAD = {
    r"'h' is given twice": lambda p: p.graph.node[1].output.__setitem__(0, "h"),
    r"waits for its own result": lambda p: p.graph.node[0].input.__setitem__(0, "a"),
    r"nothing gives 'q'": lambda p: p.graph.node[1].input.__setitem__(0, "q"),
    r"nothing gives 'z'": lambda p: setattr(p.graph.output[0], "name", "z"),
    r"same name": lambda p: p.graph.initializer.append(p.graph.initializer[0]),
    r"two inputs are called 'x'": lambda p: p.graph.input.append(p.graph.input[0]),
    r"tensor 'w1' of shape \(4, 5\).*takes 80 bytes, the file has 79": lambda p: setattr(
        p.graph.initializer[0], "raw_data", p.graph.initializer[0].raw_data[:-1]
    ),
    r"claims the shape \(4, -5\)": lambda p: p.graph.initializer[0].dims.__setitem__(1, -5),
    r"claims the shape \(4, 1099511627776\)": lambda p: p.graph.initializer[0].dims.__setitem__(
        1, 2**40
    ),
    r"'w1' holds text": lambda p: setattr(p.graph.initializer[0], "data_type", 8),
    r"'w1' holds numbers of type 99": lambda p: setattr(p.graph.initializer[0], "data_type", 99),
    r"input 'x' holds no numbers": lambda p: setattr(
        p.graph.input[0].type.tensor_type, "elem_type", 8
    ),
    r"input 'x' claims the shape": lambda p: setattr(
        p.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 2**40
    ),
    r"of operator set 6; AXON reads 7": lambda p: setattr(p.opset_import[0], "version", 6),
    r"names no set of operators": lambda p: p.ClearField("opset_import"),
    r"without a network": lambda p: p.graph.ClearField("node"),
    r"sparse": lambda p: p.graph.sparse_initializer.add(),
    r"Gemm \(node 'first'\): .*shapes": lambda p: p.graph.initializer[0].CopyFrom(
        tensor("w1", 3, 5)
    ),
    r"two attributes are called 'alpha'": lambda p: p.graph.node[0].attribute.extend(
        [helper.make_attribute("alpha", 1.0)] * 2
    ),
    r"'beta' is of an unknown type": lambda p: p.graph.node[0].attribute.add(name="beta"),
    r"lies in another file|outside the folder": lambda p: external(p, "../w.bin"),
    r"does not depend on any input": lambda p: (
        p.graph.node[0].input.__setitem__(0, "w0") or p.graph.initializer.append(tensor("w0", 1, 4))
    ),
}


def external(proto: Any, location: str, **more: Any) -> None:
    weights = proto.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, told in {"location": location, **more}.items():
        weights.external_data.add(key=key, value=str(told))


@pytest.mark.parametrize("message", BAD)
def test_what_is_wrong_is_said(message: str) -> None:
    proto = net()
    BAD[message](proto)
    with pytest.raises(ValueError, match=message):
        load(proto)


def test_graphs_inside_graphs_have_a_bottom() -> None:
    graph = helper.make_graph([node("Relu", ["x"], ["y"])], "g", [], [value("y", None)])
    for _ in range(30):
        branch = node("If", ["c"], ["y"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph([branch], "g", [], [value("y", None)])
        if len(graph.SerializeToString()) > 10**6:
            break
    with pytest.raises(OnnxFileError, match="too deeply"):
        load(net([branch]))


# ------------------------------------------------------------------------------------ weights


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64", "float32"])
@pytest.mark.parametrize("raw", [True, False])
def test_numbers_of_any_precision(kind: str, raw: bool) -> None:
    proto = net()
    number = {"float16": 10, "bfloat16": 16, "float64": 11, "float32": 1}[kind]
    dtype = helper.tensor_dtype_to_np_dtype(number)
    for weights in proto.graph.initializer:
        values = numpy_helper.to_array(weights).astype(dtype)
        if raw:
            weights.CopyFrom(numpy_helper.from_array(values, weights.name))
        else:
            shape, flat = values.shape, values.astype("f4").ravel().tolist()
            weights.CopyFrom(helper.make_tensor(weights.name, number, shape, flat))
    if kind != "float32":
        proto.graph.input[0].type.tensor_type.elem_type = number
    model = load(proto)
    w1, b1, w2 = (numpy_helper.to_array(t).astype("f8") for t in proto.graph.initializer)
    x = np.random.default_rng(1).normal(size=(3, 4)).astype("f4")
    want = np.maximum(x @ w1 + b1, 0) @ w2
    np.testing.assert_allclose(model.predict(x), want, rtol=1e-5, atol=1e-5)
    expected = "float64" if kind == "float64" else "float32"
    assert {p.dtype.name for p in model.parameters()} == {expected}


def test_weights_beside_the_file(tmp_path: Path) -> None:
    proto = net()
    want = load(proto).predict(np.ones((2, 4), "f4"))
    raw = proto.graph.initializer[0].raw_data
    (tmp_path / "w.bin").write_bytes(b"1234567" + raw)
    external(proto, "w.bin", offset=7, length=len(raw))
    onnx.save(proto, tmp_path / "net.onnx")
    model = axon.onnx.load(tmp_path / "net.onnx")
    np.testing.assert_array_equal(model.predict(np.ones((2, 4), "f4")), want)


@pytest.mark.parametrize(
    ("location", "more", "message"),
    [
        ("../w.bin", {}, "outside the folder"),
        ("/etc/passwd", {}, "outside the folder"),
        ("link.bin", {}, "outside the folder"),
        ("none.bin", {}, "no such file"),
        ("", {}, "lies in another file"),
        ("w.bin", {"offset": 10}, "ends before it"),
        ("w.bin", {"offset": -10}, "is not a number of bytes"),
        ("w.bin", {"length": 10**6}, "are announced"),
        ("sub", {}, "no such file"),
    ],
)
def test_files_beside_that_are_refused(
    location: str, more: Any, message: str, tmp_path: Path
) -> None:
    folder = tmp_path / "net"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "w.bin").write_bytes(bytes(80))
    (folder / "w.bin").write_bytes(bytes(80))
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    proto = net()
    external(proto, location, **more)
    (folder / "net.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(OnnxFileError, match=message):
        axon.onnx.load(folder / "net.onnx")


def test_names_become_paths_that_lead_nowhere_else(tmp_path: Path) -> None:
    proto = net()
    for old, new in {"w1": "../../evil/w", "b1": "../../evil/w ", "w2": "a b:0"}.items():
        for t in proto.graph.initializer:
            t.name = new if t.name == old else t.name
        for n in proto.graph.node:
            n.input[:] = [new if i == old else i for i in n.input]
    model = load(proto)
    assert list(model.named_parameters()) == ["evil/w", "evil/w_", "a_b_0"]
    model.save(tmp_path / "net.axon")
    again = axon.load_model(tmp_path / "net.axon")
    x = np.ones((2, 4), "f4")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_constants_stay_constants_and_equal_weights_come_apart() -> None:
    nodes = [
        node("Identity", ["b1"], ["b2"]),
        node("Sub", ["x", "mean"], ["c"]),
        node("Gemm", ["c", "w1", "b1"], ["h"], name="first"),
        node("Mul", ["h", "two"], ["g"]),
        node("Add", ["g", "b2"], ["m"]),
        node("Add", ["m", "mask"], ["y"]),
    ]
    mask = numpy_helper.from_array(np.array([0, 0, 0, 0, -np.inf], "f4"), "mask")
    two = numpy_helper.from_array(np.array([2.0], "f4"), "two")
    tensors = [tensor("w1", 4, 5), tensor("b1", 5), tensor("mean", 4), mask, two]
    model = load(net(nodes, tensors))
    assert sorted(model.named_parameters()) == ["b1", "b2", "w1"]


def test_a_table_that_is_read_by_sizes_is_no_weight() -> None:
    nodes = [
        node("Shape", ["x"], ["s"], start=1),
        node("Gather", ["sizes", "s"], ["row"]),
        node("MatMul", ["x", "w"], ["h"]),
        node("Sub", ["x", "row"], ["d"]),
        node("MatMul", ["d", "w"], ["k"]),
        node("Add", ["h", "k"], ["y"]),
    ]
    model = load(net(nodes, [tensor("w", 4, 2), tensor("sizes", 9)]))
    assert list(model.named_parameters()) == ["w"]


def test_what_is_computed_while_loading_is_bounded(tmp_path: Path) -> None:
    nodes = [
        node("ConstantOfShape", ["shape"], ["c"]),
        node("ReduceSum", ["c", "zero"], ["r"], keepdims=0),
        node("Add", ["x", "r"], ["y"]),
    ]
    told = {"shape": [2**25, 4], "zero": [0]}
    tensors = [numpy_helper.from_array(np.array(v), n) for n, v in told.items()]
    onnx.save(net(nodes, tensors), tmp_path / "net.onnx")
    with pytest.raises(OnnxFileError, match=r"\(33554432, 4\) cannot be made"):
        axon.onnx.load(tmp_path / "net.onnx")


def test_a_batch_of_one_is_refused_before_training() -> None:
    nodes = [node("BatchNormalization", ["x", "g", "b", "m", "v"], ["y"])]
    tensors = [tensor(n, 4) for n in "gbm"]
    tensors.append(numpy_helper.from_array(np.ones(4, "f4"), "v"))
    model = load(net(nodes, tensors))
    model.compile("mse", "sgd")
    with pytest.raises(ValueError, match="a single sample"):
        model.fit(np.ones((9, 4)), np.ones((9, 4)), batch_size=4, verbose=0)
    model.fit(np.ones((8, 4)), np.ones((8, 4)), batch_size=4, verbose=0)


def test_large_images_are_predicted_a_few_at_a_time() -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"], kernel_shape=[1, 1]),
        node("GlobalMaxPool", ["c"], ["y"]),
    ]
    model = load(net(nodes, [tensor("w", 32, 1, 1, 1)], [value("x", ["n", 1, 64, 64])]))
    assert model.get_layer("c").output_shape == (64, 64, 32)  # channels last
    assert rows_at_a_time(model) == 32


# ------------------------------------------------------------------------------------ control


def test_a_loop_is_written_out() -> None:
    ort = pytest.importorskip("onnxruntime")
    proto = loop("three")
    model = load(proto)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("f4")
    (want,) = ort.InferenceSession(proto.SerializeToString()).run(None, {"x": x})
    np.testing.assert_allclose(model.predict(x), want, rtol=1e-5, atol=1e-6)
    assert list(model.named_parameters()) == ["w"]
    assert [layer.name for layer in model.layers][:2] == ["loop/body/inner", "loop/body/after"]
    y = model(Tensor(x))
    y.sum().backward()
    assert np.abs(model.parameters()[0].grad.data).max() > 0


def test_a_scan_is_written_out() -> None:
    ort = pytest.importorskip("onnxruntime")
    body = helper.make_graph(
        [
            node("MatMul", ["h", "w"], ["m"], name="product"),
            node("Add", ["m", "now"], ["sum"]),
            node("Tanh", ["sum"], ["after"]),
            node("Neg", ["after"], ["seen"]),
        ],
        "body",
        [value("h", ["n", 4]), value("now", ["n", 4])],
        [value("after", ["n", 4]), value("seen", ["n", 4])],
    )
    options = {"num_scan_inputs": 1, "scan_input_axes": [1], "scan_input_directions": [1]}
    options |= {"scan_output_axes": [1], "scan_output_directions": [1]}
    nodes = [
        node("ReduceSum", ["x", "one"], ["start"], keepdims=0),
        node("Scan", ["start", "x"], ["last", "all"], name="scan", body=body, **options),
        node("Unsqueeze", ["last", "one"], ["column"]),
        node("Add", ["all", "column"], ["y"]),
    ]
    tensors = [tensor("w", 4, 4), numpy_helper.from_array(np.array([1]), "one")]
    proto = net(nodes, tensors, [value("x", ["n", 3, 4])])
    x = np.random.default_rng(0).normal(size=(5, 3, 4)).astype("f4")
    (want,) = ort.InferenceSession(proto.SerializeToString()).run(None, {"x": x})
    model = load(proto)
    np.testing.assert_allclose(model.predict(x), want, rtol=1e-5, atol=1e-6)
    assert list(model.named_parameters()) == ["w"]


def test_a_loop_without_end_is_refused_and_one_by_the_data_is_computed_each_time() -> None:
    with pytest.raises(ValueError, match="turns are not written out"):
        load(loop("many"))
    body = [
        node("ReduceMax", ["h"], ["top"], keepdims=0),
        node("Less", ["top", "w"], ["on0"]),
        node("ReduceMax", ["on0"], ["on"], keepdims=0),
        node("Add", ["h", "h"], ["after"]),
        node("Identity", ["h"], ["seen"]),
    ]
    model = load(loop("three", body))
    for x, turns in ((np.full((2, 4), 0.01, "f4"), 3), (np.full((2, 4), 9, "f4"), 1)):
        np.testing.assert_allclose(model.predict(x), x * (2 ** (turns + 1) - 1), rtol=1e-6)
    with pytest.raises(ValueError, match="its course depends on the data"):
        axon.onnx.export(model)


@pytest.mark.parametrize("chosen", [True, False])
def test_a_branch_is_chosen_by_what_is_known(chosen: bool) -> None:
    names = {True: "Relu", False: "Neg"}
    graphs = [
        helper.make_graph([node(op, ["x"], ["r"])], op, [], [value("r", None)])
        for op in names.values()
    ]
    tensors = [numpy_helper.from_array(np.array(chosen), "c"), tensor("w", 4, 2)]
    branch = node("If", ["c"], ["b"], then_branch=graphs[0], else_branch=graphs[1])
    model = load(net([branch, node("MatMul", ["b", "w"], ["y"])], tensors))
    x = np.array([[-1.0, 2.0, 3.0, -4.0]], "f4")
    before = np.maximum(x, 0) if chosen else -x
    want = before @ numpy_helper.to_array(tensors[1])
    np.testing.assert_allclose(model.predict(x), want, rtol=1e-6)


# ------------------------------------------------------------------------------------ GraphModel


GRAPH = {
    "inputs": [{"name": "x", "dtype": "float32", "shape": [None, 2]}],
    "nodes": [{"op": "Relu", "inputs": ["x"], "outputs": ["y"]}],
    "output": "y",
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nodes": [{"op": "Rm", "inputs": ["x"], "outputs": ["y"]}]}, "unknown operator 'Rm'"),
        ({"nodes": [{"op": "Relu", "inputs": ["z"], "outputs": ["y"]}]}, "nothing gives 'z'"),
        ({"output": "z"}, "nothing gives the output 'z'"),
        ({"inputs": []}, "a graph needs inputs"),
        ({"nodes": GRAPH["nodes"] * 2}, "is given already"),  # type: ignore[operator]
        (
            {"weights": {"w": {"name": "w", "kind": "parameter", "dtype": "object", "shape": []}}},
            "holds numbers, not 'object'",
        ),
        (
            {
                "weights": {
                    "w": {"name": "w", "kind": "parameter", "dtype": "int8", "shape": [2**50]}
                }
            },
            "cannot be made",
        ),
        (
            {
                "weights": {
                    "w": {
                        "name": "w",
                        "kind": "buffer",
                        "dtype": "int8",
                        "shape": [2],
                        "order": [1],
                    }
                }
            },
            "does not fit shape",
        ),
        ({"constants": {"c": {"dtype": "int8", "shape": [2], "values": [1]}}}, "reshape"),
    ],
)
def test_a_graph_that_cannot_be(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GraphModel({**GRAPH, **change})


def test_a_graph_is_copied_pickled_and_loaded_without_onnx(
    monkeypatch: Any, tmp_path: Path
) -> None:
    model = load(net())
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("f4")
    want = model.predict(x)
    model.save(tmp_path / "net.axon")
    monkeypatch.setitem(sys.modules, "onnx", None)
    loaded = axon.load_model(tmp_path / "net.axon")
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), loaded):
        np.testing.assert_array_equal(again.predict(x), want)
        assert again.describe() == model.describe()
        again.compile("mse", "sgd")
        again.fit(x, np.ones((3, 3)), verbose=0)
        assert not np.array_equal(again.predict(x), want)
    np.testing.assert_array_equal(model.predict(x), want)


def test_a_nodes_own_methods_say_who_does_it() -> None:
    (only,) = GraphModel(GRAPH).layers
    with pytest.raises(NotImplementedError, match="built with its graph"):
        only.build((2,))
    with pytest.raises(NotImplementedError, match="let autograd go back"):
        only.backward(np.ones(2))


# ------------------------------------------------------------------------------------ fuzz


FUZZ = """
import sys, time
sys.path.insert(0, {tests!r})
import numpy as np
import axon, axon.onnx
from axon.onnx import OnnxFileError
from tests.onnx.graphs import seeds
rng = np.random.default_rng({seed})
path, loaded, slowest = {path!r}, 0, 0.0
for start in seeds():
    for number in range({turns}):
        data = bytearray(start)
        way = number % 4
        if way == 0:
            data = data[: rng.integers(len(data))]
        elif way == 3:
            at, size = rng.integers(len(data)), rng.integers(1, 9)
            data[at : at + size] = rng.bytes(rng.integers(0, 9))
        else:
            for _ in range(rng.integers(1, 4)):
                data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        with open(path, "wb") as stream:
            stream.write(data)
        began = time.perf_counter()
        try:
            with np.errstate(all="ignore"):
                axon.onnx.load(path)
            loaded += 1
        except OnnxFileError as error:
            assert str(error).startswith(path), error
        took = time.perf_counter() - began
        slowest = max(slowest, took)
lines = open("/proc/self/status").read().splitlines()
peak = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
print(loaded, slowest, peak)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_damaged_files_end_in_an_error_and_nothing_else(tmp_path: Path) -> None:
    """Cut short, with bits turned and bytes put in: in a process of its own, for it might crash."""
    told = {"tests": str(Path(__file__).parents[2]), "seed": 1, "turns": 700}
    code = FUZZ.format(**told, path=str(tmp_path / "net.onnx"))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    loaded, slowest, peak = map(float, run.stdout.split())
    assert 100 < loaded < 2000  # some damage is harmless: a name, a weight
    assert slowest < 5
    assert peak < 600  # MB


# ------------------------------------------------------------------------------------ attributes


def test_every_attribute_of_the_standard_is_heeded_refused_or_known_to_be_inert() -> None:
    """What the package onnx knows of AXON's operators, from the oldest set on."""
    from axon.onnx.load.read import CLASSIC, NEWEST, OLDEST
    from axon.onnx.load.versions import CLASSIC_OPERATORS, ONLY_IN_FILES, attribute_types
    from axon.onnx.run.operators.table import OPERATORS

    unknown: dict[str, set[str]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        known = CLASSIC_OPERATORS if schema.domain == CLASSIC else {*OPERATORS, *ONLY_IN_FILES}
        of_axon = schema.name in known and schema.domain in ("", CLASSIC)
        latest_before = schema.since_version < OLDEST and schema.domain == ""
        if not of_axon or latest_before or schema.since_version > NEWEST:
            continue
        for name in set(schema.attributes) - set(attribute_types(schema.name)):
            unknown.setdefault(schema.name, set()).add(name)
    assert unknown == {
        "Constant": {"sparse_value", "value_string", "value_strings"},
        "Imputer": {"imputed_value_int64s", "replaced_value_int64"},
    }


OTHER_SIGNATURES = {  # where the standard says something else than the function, and why
    ("Scaler", "offset", None),  # AXON wants these
    ("Scaler", "scale", None),
    ("Imputer", "imputed_value_floats", None),
    ("RNN", "activations", "Tanh"),  # one or two, by the direction
    ("MeanVarianceNormalization", "axes", (0, 2, 3)),  # a list cannot be a default
    ("Dropout", "inputs", 3),  # whether it trains is for AXON to say
    *((f"Random{name}", "dtype", 1) for name in ("Normal", "Uniform")),  # 0 is the same
}


def test_signatures_say_what_the_standard_says() -> None:
    """Names, defaults and numbers of inputs, of the newest version of each operator."""
    from axon.onnx.run.operators.table import OPERATORS

    other: set[tuple[str, str, Any]] = set()
    schemas = {s.name: s for s in onnx.defs.get_all_schemas() if s.domain in ("", "ai.onnx.ml")}
    for name, operator in OPERATORS.items():
        if "." in name or name == "SimplifiedLayerNormalization":  # ONNX Runtime's own
            continue
        for key, told in schemas[name].attributes.items():
            given = told.default_value.name != ""
            usual = helper.get_attribute_value(told.default_value) if given else None
            usual = usual[0] if isinstance(usual, list) and isinstance(usual[0], bytes) else usual
            usual = usual.decode() if isinstance(usual, bytes) else usual
            if key not in operator.attributes:
                continue
            required = key not in operator.defaults
            ours = operator.defaults.get(key)
            alike = ours == usual or usual is None or ours == pytest.approx(usual)
            if required != told.required or not alike:
                other.add((name, key, tuple(usual) if isinstance(usual, list) else usual))
        if not operator.variadic and len(operator.inputs) != schemas[name].max_input:
            other.add((name, "inputs", schemas[name].max_input))
    assert other == OTHER_SIGNATURES


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"op": "Relu", "attributes": {"alpha": 1.0}}, "the unknown attribute 'alpha'"),
        ({"op": "Elu", "attributes": {"alpha": "x"}}, "the attribute 'alpha' of another type"),
        ({"op": "Concat"}, r"Concat \(node 'concat_0'\): 'axis' is missing"),
        ({"op": "Reshape"}, "'shape' is missing"),
        ({"op": "Relu", "inputs": ["x", "x"]}, "it takes 1 inputs, got 2"),
    ],
)
def test_nodes_of_saved_graphs_are_held_to_the_signatures(told: Any, message: str) -> None:
    node = {"inputs": ["x"], "outputs": ["y"], **told}
    entry = {"name": "x", "dtype": "float32", "shape": [None, 2]}
    with pytest.raises(ValueError, match=message):
        GraphModel({"inputs": [entry], "nodes": [node], "output": "y"}).predict([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("op", "options", "message"),
    [
        ("Relu", {"alpha": 0.5}, "Relu with the unknown attribute 'alpha'"),
        ("Softmax", {"axes": [1]}, "Softmax with the unknown attribute 'axes'"),
        ("Elu", {"alpha": "x"}, "Elu with the attribute 'alpha' of another type"),
        ("Elu", {"alpha": [1.0]}, "Elu with the attribute 'alpha' of another type"),
        ("Transpose", {"perm": [0.0, 1.0]}, "Transpose with the attribute 'perm' of another type"),
        ("LayerNormalization", {"stash_type": 11}, "LayerNormalization with stash_type=11"),
        ("Gelu", {"approximate": "fast"}, "Gelu with approximate='fast'"),
        ("Conv", {"auto_pad": "SAME"}, "Conv with auto_pad='SAME'"),
        ("MaxPool", {"auto_pad": "EVIL"}, "MaxPool with auto_pad='EVIL'"),
        ("Pad", {"mode": "mirror"}, "Pad with mode='mirror'"),
        ("DepthToSpace", {"blocksize": 2, "mode": "RCD"}, "DepthToSpace with mode='RCD'"),
        ("Resize", {"keep_aspect_ratio_policy": "never"}, "with keep_aspect_ratio_policy='never'"),
        ("Resize", {"nearest_mode": "middle"}, "Resize with nearest_mode='middle'"),
    ],
)
def test_attributes_that_nobody_heeds_are_refused(op: str, options: Any, message: str) -> None:
    inputs = ["x", "s"] if op == "LayerNormalization" else ["x"]
    with pytest.raises(OnnxFileError, match=message):
        load(net([node(op, inputs, ["y"], **options)], [tensor("s", 4)]))


def test_sizes_that_are_not_those_of_the_weights_are_refused() -> None:
    kernel = tensor("k", 1, 1, 2, 2)
    shape = numpy_helper.from_array(np.array([0, 1, 2, 2]), "s")
    image = node("Reshape", ["x", "s"], ["a"])
    conv = node("Conv", ["a", "k"], ["y"], kernel_shape=[1, 1])
    with pytest.raises(ValueError, match=r"kernel_shape=\[1, 1\] does not fit a kernel of"):
        load(net([image, conv], [shape, kernel]))
    steps = numpy_helper.from_array(np.array([4, -1, 1]), "s")
    series = node("Reshape", ["x", "s"], ["a"])
    cell = node("RNN", ["a", "w", "r"], ["", "h"], hidden_size=9)
    last = node("Reshape", ["h", "rows"], ["y"])
    rows = numpy_helper.from_array(np.array([-1, 3]), "rows")
    weights = [tensor("w", 1, 3, 1), tensor("r", 1, 3, 3)]
    with pytest.raises(ValueError, match="hidden_size=9 does not fit weights of 3 units"):
        load(net([series, cell, last], [steps, rows, *weights]))


@pytest.mark.parametrize("name", ["ScaledTanh", "Affine"])
def test_activations_without_their_numbers_are_refused(name: str) -> None:
    steps = numpy_helper.from_array(np.array([4, -1, 1]), "s")
    rows = numpy_helper.from_array(np.array([-1, 3]), "rows")
    series = node("Reshape", ["x", "s"], ["a"])
    cell = node("RNN", ["a", "w", "r"], ["", "h"], activations=[name])
    last = node("Reshape", ["h", "rows"], ["y"])
    weights = [tensor("w", 1, 3, 1), tensor("r", 1, 3, 3)]
    with pytest.raises(ValueError, match=f"'{name}' without its activation_alpha"):
        load(net([series, cell, last], [steps, rows, *weights]))


@pytest.mark.parametrize("slope", [-0.5, 1.5])
def test_leaky_slopes_of_any_size(slope: float) -> None:
    x = np.array([[-2.0, -1.0, 0.0, 3.0]], np.float32)
    y = load(net([node("LeakyRelu", ["x"], ["y"], alpha=slope)])).predict(x)
    assert np.array_equal(y, np.where(x < 0, slope * x, x))


def test_sets_of_operators_that_are_not_known_are_refused() -> None:
    for opset, message in ((29, "AXON knows those up to 28"), (6, "AXON reads 7")):
        with pytest.raises(OnnxFileError, match=f"of operator set {opset}; {message}"):
            load(net(opset=opset))
    proto = net(more=["ai.onnx.ml"])
    proto.opset_import[1].version = 6
    with pytest.raises(OnnxFileError, match=r"ai\.onnx\.ml operator set 6"):
        load(proto)
    proto = net(more=["ai.onnx"])
    with pytest.raises(OnnxFileError, match="several sets of operators"):
        load(proto)
    proto = net()
    proto.functions.add(name="Relu", domain="")
    with pytest.raises(OnnxFileError, match="defines the standard operator 'Relu' anew"):
        load(proto)


# ------------------------------------------------------------------------------------ budgets


def constant(name: str, numbers: Any, kind: Any = np.int64) -> Any:
    return numpy_helper.from_array(np.array(numbers, kind), name)


def doubled(start: str, times: int) -> list[Any]:
    names = [start, *(f"{start}{i}" for i in range(times))]
    return [node("Concat", [a, a], [b], axis=0) for a, b in pairwise(names)]


def summed(nodes: list[Any], name: str) -> list[Any]:
    return [*nodes, node("ReduceSum", [name], ["q"], keepdims=0), node("Add", ["x", "q"], ["y"])]


def many(op: str, *more: str, times: int = 64, **options: Any) -> list[Any]:
    """Large results one beside another, all of which are used."""
    nodes = []
    for i in range(times):
        nodes.append(node(op, [n.format(i) for n in more], [f"r{i}"], **options))
        nodes.append(node("ReduceSum", [f"r{i}"], [f"s{i}"], keepdims=0))
    return [*nodes, node("Sum", ["x", *(f"s{i}" for i in range(times))], ["y"])]


def inner_loop(depth: int) -> Any:
    """Loops inside loops, each of 10,000 turns."""
    inside = [value("i", [], INT64), value("g", [], TensorProto.BOOL), value("h", None)]
    outside = [value("on", None, TensorProto.BOOL), value("after", None)]
    body = [node("Identity", ["g"], ["on"]), node("Identity", ["h"], ["after"])]
    for _ in range(depth):
        graph = helper.make_graph(body, "b", inside, outside)
        loop = node("Loop", ["turns", "true", "h"], ["after"], body=graph)
        body = [node("Identity", ["g"], ["on"]), loop]
    graph = helper.make_graph(body, "b", inside, outside)
    return [node("Loop", ["turns", "true", "x"], ["y"], body=graph)]


LARGE = constant("large", [2**11, 2**11])
ONE = numpy_helper.from_array(np.ones(1, "f4"), "one")
ASKS_TOO_MUCH: dict[str, tuple[list[Any], list[Any]]] = {
    "constants that double": (summed(doubled("one", 31), "one30"), [ONE]),
    "constants of one shape": (many("ConstantOfShape", "large"), [LARGE]),
    "expanded constants": (many("Expand", "one", "large"), [ONE, LARGE]),
    "expanded data": (
        [node("ReduceSum", ["x"], ["t"], keepdims=0), *many("Expand", "t", "large")],
        [LARGE],
    ),
    "tiled data": (many("Tile", "x", "times"), [constant("times", [1, 2**20])]),
    "ranges": (
        many("Range", "zero", "end", "step"),
        [constant("zero", 0), constant("end", 2**22), constant("step", 1)],
    ),
    "padded data": (many("Pad", "x", "pads"), [constant("pads", [0, 0, 0, 2**22])]),
    "one-hot numbers": (
        [
            node("Cast", ["x"], ["k"], to=7),
            *many("OneHot", "k", "depth", "values"),
        ],
        [constant("depth", 2**20), constant("values", [0, 1])],
    ),
    "gathered slices": (
        [
            node("ConstantOfShape", ["wide"], ["w"]),
            node("ConstantOfShape", ["long"], ["k"], value=constant("", [0])),
            *many("Gather", "w", "k"),
        ],
        [constant("wide", [1, 2**11]), constant("long", [2**11])],
    ),
    "outer products": (
        [
            node("ConstantOfShape", ["tall"], ["a"]),
            node("ConstantOfShape", ["wide"], ["b"]),
            *summed([node("MatMul", ["a", "b"], ["c"])], "c"),
        ],
        [constant("tall", [2**17, 1]), constant("wide", [1, 2**17])],
    ),
    "products that take long": (
        [node("ConstantOfShape", ["large"], ["a"]), *many("MatMul", "a", "a", times=3)],
        [LARGE],
    ),
    "enlarged images": (
        [
            node("Unsqueeze", ["x", "axes"], ["image"]),
            *many("Resize", "image", "", "scales", mode="linear"),
        ],
        [constant("axes", [1, 2]), constant("scales", [1, 1, 2**11, 2**9], "f4")],
    ),
    "loops in loops": (inner_loop(2), [constant("turns", 10**4), constant("true", True, bool)]),
    "copies of weights": (
        [
            node("MatMul", ["x", "w"], ["y0"]),
            *(node("Identity", ["w"], [f"w{i}"]) for i in range(1100)),
            *(node("MatMul", ["x", f"w{i}"], [f"y{i + 1}"]) for i in range(1100)),
            node("Sum", [f"y{i}" for i in range(1101)], ["y"]),
        ],
        [tensor("w", 4, 4096)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ASKS_TOO_MUCH)
def test_small_files_cannot_ask_for_much(kind: str, tmp_path: Path) -> None:
    """All that is computed together is bounded, not each result alone."""
    import time
    import tracemalloc

    nodes, tensors = ASKS_TOO_MUCH[kind]
    onnx.save(net(nodes, tensors, opset=17), tmp_path / "net.onnx")
    tracemalloc.start()
    begin = time.process_time()
    try:
        with pytest.raises(OnnxFileError, match=r"than a file|cannot be made|far more copies"):
            axon.onnx.load(tmp_path / "net.onnx")
        assert tracemalloc.get_traced_memory()[1] < 600 * 2**20
        assert time.process_time() - begin < 20
    finally:
        tracemalloc.stop()
