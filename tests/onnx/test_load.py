"""axon.onnx.load: files that PyTorch, Keras and scikit-learn write, to predict and to train on."""

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import axon
from axon.inspect.call_graph import Structure
from axon.losses import CategoricalCrossEntropy
from axon.onnx.run import GraphModel

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

import axon.onnx  # noqa: E402

HERE = Path(__file__).parent


def session(path: Any) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(str(path), options)


def samples(entry: Any, n: int) -> Any:
    """Data for an input of a loaded model."""
    shape = [n, *(size or 6 for size in entry.shape[1:])]
    rng = np.random.default_rng(n)
    if "int" in entry.dtype:
        return rng.integers(0, 10, shape)
    return rng.normal(size=shape).astype(entry.dtype)


def assert_same(path: Any, model: Any, sizes: Any = (1, 2, 5)) -> None:
    """What onnxruntime computes, for batches of several sizes."""
    runtime = session(path)
    for n in sizes:
        data = {entry.name: samples(entry, n) for entry in model.entries}
        want = runtime.run([model.output], data)[0]
        if isinstance(want, list):  # of dicts: class -> probability
            want = np.array([list(row.values()) for row in want], "f4")
        got = model.predict(data if len(data) > 1 else next(iter(data.values())))
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def losses_of(model: Any, epochs: int = 12, rate: float = 0.01) -> Any:
    """Train a classifier of rows, on labels that can be learned."""
    data = [samples(entry, 32) for entry in model.entries]
    classes = model.output_shape[-1]
    y = np.random.default_rng(1).integers(0, classes, 32)
    sums = model.predict(tuple(data) if len(data) > 1 else data[0]).sum(-1)
    loss = CategoricalCrossEntropy(from_logits=not np.allclose(sums, 1, atol=1e-4))
    model.compile(loss, axon.optimizers.Adam(rate))
    x = tuple(data) if len(data) > 1 else data[0]
    return model.fit(x, y, batch_size=8, epochs=epochs, verbose=0).history["loss"]


# ------------------------------------------------------------------------------------ PyTorch


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    return Path(tmp_path_factory.mktemp("onnx"))


def torch_net(name: str) -> Any:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(4, 6, batch_first=True, bidirectional=True)
            self.gru = nn.GRU(12, 5, batch_first=True)
            self.rnn = nn.RNN(5, 5, batch_first=True)
            self.out = nn.Linear(10, 3)

        def forward(self, x: Any) -> Any:
            h, (last, _) = self.lstm(x)
            h, _ = self.rnn(self.gru(h)[0])
            return self.out(torch.cat([h[:, -1], last[0, :, :5]], 1))

    class Transformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(20, 8)
            self.position = nn.Parameter(torch.randn(1, 10, 8))
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
            self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
            self.out = nn.Linear(8, 3)

        def forward(self, x: Any) -> Any:
            h = self.embedding(x) + self.position[:, : x.shape[1]]
            return self.out(self.encoder(h).mean(1))

    class Images(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.norm1 = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
            self.conv2 = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=2, bias=False)
            self.norm2, self.drop, self.out = nn.BatchNorm2d(8), nn.Dropout(0.3), nn.Linear(40, 5)
            with torch.no_grad():  # as if trained: not all ones and zeros
                for norm in (self.norm1, self.norm2):
                    for p in (norm.weight, norm.running_var):
                        p.uniform_(0.5, 1.5)
                    for p in (norm.bias, norm.running_mean):
                        p.normal_()

        def forward(self, x: Any) -> Any:
            h = nn.functional.max_pool2d(torch.relu(self.norm1(self.conv1(x))), 2)
            h = nn.functional.silu(self.norm2(self.conv2(h)))
            h = torch.cat([h, nn.functional.avg_pool2d(h, 3, 1, 1)[:, :2]], 1)
            return self.out(self.drop(h.view(x.size(0), -1)))

    class Rows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.norm, self.b = nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 3)

        def forward(self, x: Any) -> Any:
            return torch.softmax(self.b(nn.functional.gelu(self.norm(self.a(x)))), -1)

    nets = {"rows": Rows, "images": Images, "recurrent": Recurrent, "transformer": Transformer}
    return nets[name]().eval()


SHAPES = {"rows": (6,), "images": (3, 8, 8), "recurrent": (7, 4), "transformer": (10,)}


def export_torch(net: Any, name: str, path: Path, **options: Any) -> Path:
    torch = pytest.importorskip("torch")
    x = torch.zeros(2, *SHAPES[name], dtype=torch.int64 if name == "transformer" else None)
    options = {"input_names": ["x"], "output_names": ["y"], **options}
    if not options.get("dynamo"):
        options.setdefault("dynamic_axes", {"x": {0: "n"}, "y": {0: "n"}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (x,), str(path), **{"dynamo": False, **options})
    return path


@pytest.mark.parametrize("name", SHAPES)
def test_what_pytorchs_older_exporter_writes(name: str, folder: Path) -> None:
    path = export_torch(torch_net(name), name, folder / f"{name}.onnx")
    model = axon.onnx.load(path)
    assert_same(path, model)
    losses = losses_of(model)
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("name", ["rows", "images"])
def test_what_pytorchs_newer_exporter_writes(name: str, folder: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    path = folder / f"{name}-dynamo.onnx"
    dynamic = ({0: torch.export.Dim("batch")},)
    export_torch(torch_net(name), name, path, dynamo=True, dynamic_shapes=dynamic, verbose=False)
    model = axon.onnx.load(path)
    assert_same(path, model)
    losses = losses_of(model)
    assert losses[-1] < 0.9 * losses[0]


def unfolded(net: Any, name: str, path: Path) -> Any:
    """A file that still says batch normalization and dropout, with all weights by their names."""
    torch = pytest.importorskip("torch")
    kept = {"do_constant_folding": False, "training": torch.onnx.TrainingMode.TRAINING}
    export_torch(net, name, path, **kept)
    return axon.onnx.load(path)


def test_training_has_pytorchs_gradients_and_running_statistics(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    net = torch_net("images")
    net.drop.p = 0.0
    model = unfolded(net, "images", folder / "train.onnx")
    x = np.random.default_rng(0).normal(size=(6, 3, 8, 8)).astype("f4")
    y = np.random.default_rng(1).integers(0, 5, 6)
    before = net.norm1.running_var.clone()
    net.train()
    torch.nn.functional.cross_entropy(net(torch.tensor(x)), torch.tensor(y)).backward()
    loss = CategoricalCrossEntropy(from_logits=True)
    loss(y, model(axon.Tensor(x), training=True)).backward()
    found = model.named_parameters()
    assert set(found) == {name for name, _ in net.named_parameters()}
    for name, p in net.named_parameters():
        want = p.grad.numpy()
        got = found[name].grad.data
        got = got.transpose(3, 2, 0, 1) if want.ndim == 4 else got
        got = got.T if want.ndim == 2 else got
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max() + 1e-7)
    moved = model.named_buffers()["norm1.running_mean"].data
    np.testing.assert_allclose(moved, net.norm1.running_mean.numpy(), rtol=1e-5, atol=1e-6)
    n = 6 * 8 * 8  # of the variance PyTorch keeps the one over n - 1
    batch = (net.norm1.running_var - 0.9 * before) * (n - 1) / n
    moved = model.named_buffers()["norm1.running_var"].data
    np.testing.assert_allclose(moved, (0.9 * before + batch).numpy(), rtol=1e-5)


def test_recurrent_gradients_are_pytorchs(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    net = torch_net("recurrent")
    path = export_torch(net, "recurrent", folder / "recurrent.onnx")
    x = np.random.default_rng(0).normal(size=(3, 7, 4)).astype("f4")
    given = torch.tensor(x, requires_grad=True)
    net(given).square().sum().backward()
    ours = axon.Tensor(x, requires_grad=True)
    (axon.onnx.load(path)(ours) ** 2).sum().backward()
    np.testing.assert_allclose(ours.grad.data, given.grad.numpy(), rtol=1e-4, atol=1e-6)


def test_dropout_is_dropout_while_training(folder: Path) -> None:
    net = torch_net("images")
    model = unfolded(net, "images", folder / "dropout.onnx")
    assert [n.op for n in model.nodes].count("Dropout") == 1
    x = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype("f4")
    want = session(folder / "dropout.onnx").run(None, {"x": x})[0]
    assert want.shape == model(x).shape
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(model(x), net.eval()(torch.tensor(x)).detach(), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(model(x), model(x))
    assert not np.array_equal(model(x, training=True), model(x, training=True))
    assert "drop/Dropout/seed_state" in model.named_buffers()


def test_a_frozen_node_keeps_its_statistics_and_weights(folder: Path) -> None:
    model = unfolded(torch_net("images"), "images", folder / "frozen.onnx")
    model.get_layer("norm1/BatchNormalization").trainable = False
    model.get_layer("conv1/Conv").trainable = False
    before = {
        k: t.data.copy() for k, t in {**model.named_parameters(), **model.named_buffers()}.items()
    }
    losses_of(model, epochs=2)
    after = {**model.named_parameters(), **model.named_buffers()}
    same = {k for k, values in before.items() if np.array_equal(values, after[k].data)}
    assert same == {
        *("norm1.weight", "norm1.bias", "norm1.running_mean", "norm1.running_var"),
        *("conv1.weight", "conv1.bias"),
    }


def test_a_file_for_one_batch_size_takes_others(folder: Path) -> None:
    """PyTorch writes down the batch size of its example unless told otherwise."""
    for name in ("rows", "images", "recurrent"):
        net = torch_net(name)
        path = export_torch(net, name, folder / "fixed.onnx", dynamic_axes=None)
        model = axon.onnx.load(path)
        x = np.random.default_rng(0).normal(size=(6, *SHAPES[name])).astype("f4")
        want = np.concatenate([session(path).run(None, {"x": x[i : i + 2]})[0] for i in (0, 2, 4)])
        np.testing.assert_allclose(model.predict(x), want, rtol=1e-5, atol=1e-5)


def test_weights_have_their_names_and_lie_as_axons_do(folder: Path) -> None:
    net = torch_net("images")
    model = unfolded(net, "images", folder / "names.onnx")
    weight = model.named_parameters()["conv1.weight"]
    assert weight.shape == (3, 3, 3, 8)  # (height, width, channels, filters)
    want = net.conv1.weight.detach().numpy().transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(weight.data, want)
    assert model.named_parameters()["out.weight"].shape == (40, 5)
    assert model.get_layer("conv1/Conv").named_parameters()["weight"] is weight
    assert model.input_names == ["x"]
    assert model.input_shape == (3, 8, 8)
    assert model.output_shape == (5,)
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "conv1/Conv (Conv)" in lines[0]
    assert "Shape" not in lines[0].split("Output Shape")[1]  # the arithmetic of sizes is not shown
    assert f"Trainable params: {sum(p.numel() for p in net.parameters()):,}" in lines[0]


def test_images_are_not_moved_between_operators(folder: Path) -> None:
    """Channels lie last from the first convolution on: no copy of images, only one to flatten."""
    path = export_torch(torch_net("images"), "images", folder / "moves.onnx")
    model = axon.onnx.load(path)
    done = [i.primitive.name for i in Structure(model, []).instructions]
    assert done.count("transpose") == 2  # the data, and to flatten
    assert done.count("copy") <= 1


# ------------------------------------------------------------------------------------ files


@pytest.mark.parametrize("name", SHAPES)
def test_a_loaded_network_is_saved_loaded_and_exported(name: str, folder: Path) -> None:
    path = export_torch(torch_net(name), name, folder / f"{name}-keep.onnx")
    model = axon.onnx.load(path)
    losses_of(model, epochs=1)
    x = samples(model.entries[0], 4)
    want = model.predict(x)
    model.save(folder / "net.axon")
    again = axon.load_model(folder / "net.axon")
    np.testing.assert_array_equal(again.predict(x), want)
    assert again.metadata["opset"] == model.metadata["opset"]
    model.save_weights(folder / "net.npz")
    third = axon.onnx.load(path)
    assert not np.array_equal(third.predict(x), want)
    third.load_weights(folder / "net.npz")
    np.testing.assert_array_equal(third.predict(x), want)
    assert list(third.state_dict()) == list(model.state_dict())
    axon.onnx.export(model, folder / "again.onnx")
    np.testing.assert_allclose(axon.onnx.load(folder / "again.onnx").predict(x), want, atol=1e-6)
    assert_same(folder / "again.onnx", axon.onnx.load(folder / "again.onnx"))


def test_what_axon_exports_is_what_it_loads(folder: Path) -> None:
    from axon.layers import LSTM, BatchNormalization, Conv2D, Dense, Embedding, Flatten

    nets = {
        (8, 8, 2): [Conv2D(4, 3, activation="relu"), BatchNormalization(), Flatten(), Dense(3)],
        (5,): [Embedding(10, 4), LSTM(6), Dense(3, activation="softmax")],
    }
    for shape, layers in nets.items():
        model = axon.models.Sequential(layers)
        model.build(shape)
        axon.onnx.export(model, folder / "ours.onnx")
        loaded = axon.onnx.load(folder / "ours.onnx")
        assert_same(folder / "ours.onnx", loaded)
        x = samples(loaded.entries[0], 3)
        np.testing.assert_allclose(loaded.predict(x), model.predict(x), rtol=1e-5, atol=1e-6)
        twice = 0 if len(shape) > 1 else 4 * 6  # ONNX gives an LSTM two biases
        assert loaded.count_params() == model.count_params() + twice
        losses = losses_of(loaded)
        assert losses[-1] < 0.95 * losses[0]


def test_masks_come_back(folder: Path) -> None:
    """Padding anywhere becomes a Scan, which is written out."""
    from axon.layers import GRU, LSTM, Dense, Embedding

    layers = [Embedding(10, 4, mask_zero=True), LSTM(6, return_sequences=True), GRU(5), Dense(3)]
    model = axon.models.Sequential(layers)
    model.build((7,))
    axon.onnx.export(model, folder / "masks.onnx")
    loaded = axon.onnx.load(folder / "masks.onnx")
    x = np.random.default_rng(0).integers(0, 4, (5, 7))
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), rtol=1e-5, atol=1e-6)
    assert loaded.count_params() == model.count_params()


# ------------------------------------------------------------------------------------ Keras


@pytest.fixture(scope="module")
def keras_folder(tmp_path_factory: Any) -> Path:
    pytest.importorskip("torch")
    return written_by_keras(tmp_path_factory.mktemp("keras"), "torch")


def written_by_keras(folder: Path, backend: str) -> Path:
    from importlib.util import find_spec

    if find_spec("keras") is None:
        pytest.skip("keras is missing")
    command = [sys.executable, str(HERE / "torch_and_keras_files.py"), str(folder), backend]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_what_keras_writes(name: str, keras_folder: Path) -> None:
    check_keras(keras_folder, name)


@pytest.mark.skipif("AXON_TEST_TENSORFLOW" not in os.environ, reason="TensorFlow takes its time")
def test_what_keras_on_tensorflow_writes(tmp_path: Path) -> None:
    """Its GRU becomes a Loop."""
    written_by_keras(tmp_path, "tensorflow")
    for name in ("mlp", "cnn", "rnn"):
        check_keras(tmp_path, name)


def check_keras(folder: Path, name: str) -> None:
    model = axon.onnx.load(folder / f"{name}.onnx")
    assert_same(folder / f"{name}.onnx", model)
    x, y = (np.load(folder / f"{name}-{part}.npy") for part in "xy")
    np.testing.assert_allclose(model.predict(x), y, rtol=1e-5, atol=1e-5)
    losses = losses_of(model)
    assert losses[-1] < losses[0]


# ------------------------------------------------------------------------------------ scikit-learn


def sklearn_model(name: str) -> Any:
    pytest.importorskip("sklearn")
    pytest.importorskip("skl2onnx")
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    x, y = load_iris(return_X_y=True)
    mlp = {"hidden_layer_sizes": (8,), "max_iter": 60, "random_state": 0}
    made = {
        "classes": (MLPClassifier(**mlp), y),
        "two classes": (MLPClassifier(**mlp, activation="tanh"), y > 0),
        "words": (MLPClassifier(**mlp, activation="logistic"), np.array(["a", "b", "c"])[y]),
        "pipeline": (make_pipeline(StandardScaler(), MLPClassifier(**mlp)), y),
        "min max": (make_pipeline(MinMaxScaler(), MLPClassifier(**mlp)), y),
        "numbers": (make_pipeline(StandardScaler(), MLPRegressor(**mlp)), x @ [1.0, 2, 0, -1]),
        "logistic": (LogisticRegression(max_iter=1000), y),
        "two logistic": (LogisticRegression(), y > 0),
        "linear": (LinearRegression(), x[:, :2] @ [[1.0, 0], [1, 2]]),
    }
    estimator, target = made[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(x.astype("f4"), target), x.astype("f4"), target


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize(
    "name", ["classes", "two classes", "words", "pipeline", "min max", "logistic", "two logistic"]
)
def test_scikit_learns_classifiers_give_probabilities(
    name: str, zipmap: bool, tmp_path: Path
) -> None:
    estimator, x, y = sklearn_model(name)
    from skl2onnx import to_onnx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        proto = to_onnx(estimator, x[:1], options={"zipmap": zipmap})
    onnx.save(proto, tmp_path / "net.onnx")
    model = axon.onnx.load(tmp_path / "net.onnx")
    assert_same(tmp_path / "net.onnx", model)
    np.testing.assert_allclose(model.predict(x), estimator.predict_proba(x), rtol=1e-4, atol=1e-5)
    assert "Normalizer" not in [n.op for n in model.nodes]  # the loss finds the logits
    labels = np.unique(y, return_inverse=True)[1]
    model.compile("categorical_cross_entropy", axon.optimizers.Adam(0.01))
    before = model.evaluate(x, labels)
    model.fit(x, labels, epochs=5, verbose=0)
    assert model.evaluate(x, labels) < before


@pytest.mark.parametrize("name", ["numbers", "linear"])
def test_scikit_learns_regressors(name: str, tmp_path: Path) -> None:
    estimator, x, y = sklearn_model(name)
    from skl2onnx import to_onnx

    onnx.save(to_onnx(estimator, x[:1]), tmp_path / "net.onnx")
    model = axon.onnx.load(tmp_path / "net.onnx")
    assert_same(tmp_path / "net.onnx", model)
    want = estimator.predict(x).reshape(len(x), -1)
    np.testing.assert_allclose(model.predict(x), want, rtol=1e-4, atol=1e-4)
    noise = np.random.default_rng(0).normal(size=(len(x), 1)).astype("f4")
    target = y.reshape(len(x), -1).astype("f4") + 1 + noise
    model.compile("mse", axon.optimizers.Adam(0.01))
    before = model.evaluate(x, target)
    model.fit(x, target, epochs=5, verbose=0)
    assert model.evaluate(x, target) < before
    assert isinstance(model, GraphModel)


def test_the_scaling_of_a_pipeline_is_no_weight(tmp_path: Path) -> None:
    estimator, x, _ = sklearn_model("min max")
    from skl2onnx import to_onnx

    onnx.save(to_onnx(estimator, x[:1]), tmp_path / "net.onnx")
    model = axon.onnx.load(tmp_path / "net.onnx")
    names = ["coefficient", "intercepts", "coefficient1", "intercepts1"]
    assert list(model.named_parameters()) == names
