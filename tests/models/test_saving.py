"""Model files: what is saved comes back, and nothing else does."""

import base64
import io
import json
import os
import subprocess
import sys
import textwrap
import tracemalloc
import zipfile

import numpy as np
import pytest

import axon
from axon import optimizers
from axon.files import safetensors
from axon.files.atomic import atomic, check_writable
from axon.layers import Dense, Dropout, Flatten, Layer, Normalization, Rescaling
from axon.models import Model, Sequential, loading
from axon.models.loading import ModelFileError
from tests.samples.files import OF_FORMAT_1


def network() -> Sequential:
    normalization = Normalization()
    normalization.adapt(np.random.default_rng(0).normal(3, 2, (50, 6)))
    inner = Sequential([Dense(5, "tanh", use_bias=False), Dense(4, "sigmoid")], name="inner")
    model = Sequential(
        [
            Rescaling(0.5, 1.0),
            Flatten(),
            normalization,
            Dense(7, "relu"),
            inner,
            Dense(3, "softmax"),
        ]
    )
    model.build((2, 3))
    return model


X = np.random.default_rng(1).integers(0, 9, (8, 2, 3))


def test_a_loaded_model_predicts_the_same_bits(tmp_path):
    model = network()
    model.metadata = {"classes": ["a", "b"], "n": 1}
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon")
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert loaded.metadata == model.metadata
    assert loaded.describe() == model.describe()
    assert list(loaded.named_parameters()) == list(model.named_parameters())


def test_a_loaded_model_trains_on(tmp_path):
    network().save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon")
    loaded.compile("categorical_cross_entropy", "adam")
    losses = loaded.fit(X, np.arange(8) % 3, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_float64_and_batches_of_one_survive(tmp_path):
    model = Sequential([Dense(2, 3, "tanh", dtype="float64")])
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon")
    x = np.array([[0.1, 0.2]])
    assert loaded.predict(x).dtype == np.float64
    assert np.array_equal(loaded.predict(x), model.predict(x))


class Double(Layer):
    def call(self, x):
        return x * 2.0


def swish(x):
    from axon.activations import sigmoid

    return x * sigmoid(x)


def test_custom_objects_are_asked_for_and_used(tmp_path):
    model = Sequential([Dense(3, 3, swish), Double()])
    model.build((3,))
    model.save(tmp_path / "net.axon")
    with pytest.raises(ModelFileError, match=r"unknown (class 'Double'|activation 'swish')"):
        axon.load_model(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon", {"Double": Double, "swish": swish})
    x = np.ones((2, 3))
    assert np.array_equal(loaded.predict(x), model.predict(x))


def test_a_model_without_sizes_is_not_saved(tmp_path):
    with pytest.raises(RuntimeError, match="not built"):
        Sequential([Dense(3)]).save(tmp_path / "net.axon")
    assert not list(tmp_path.iterdir())


class Own(Model):
    """A model of one's own, with an argument and a layer that is used twice."""

    def __init__(self, size, activation="tanh"):
        super().__init__()
        self.inner = Dense(size, activation=activation)
        self.twice = Dense(size, activation=activation)
        self.head = Dense(3, activation="softmax")

    def forward(self, x):
        return self.head(self.twice(self.twice(self.inner(x))))


def test_a_model_of_ones_own_is_made_again_by_its_class(tmp_path):
    model = Own(4, activation="sigmoid")
    with pytest.raises(RuntimeError, match="is not built"):
        model.save(tmp_path / "net.axon")
    wanted = model.predict(X)
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon", custom_objects={"Own": Own})
    assert np.array_equal(loaded.predict(X), wanted)
    assert loaded.inner.activation is axon.activations.sigmoid
    with pytest.raises(ModelFileError, match="unknown class 'Own'"):
        axon.load_model(tmp_path / "net.axon")


def test_a_layer_that_stands_twice_is_loaded_as_one(tmp_path):
    twice = Dense(3, 3, "tanh")
    model = Sequential([twice, Dense(3, 3), twice])
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon")
    assert loaded.layers[0] is loaded.layers[2]
    x = np.ones((2, 3))
    assert np.array_equal(loaded.predict(x), model.predict(x))


def test_a_nameless_activation_is_not_saved(tmp_path):
    with pytest.raises(TypeError, match="activation is a nameless function"):
        Sequential([Dense(3, 3, lambda z: z)]).save(tmp_path / "net.axon")


def test_errors_of_saving_name_the_users_path(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"cannot write .*none/net\.axon: there is no folder"
    ):
        network().save(tmp_path / "none" / "net.axon")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        network().save(tmp_path)


def test_an_unserializable_metadata_keeps_the_old_file(tmp_path):
    path = tmp_path / "net.axon"
    model = network()
    model.save(path)
    before = path.read_bytes()
    model.metadata = {"bad": object()}
    with pytest.raises(TypeError, match="metadata"):
        model.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net.axon"]


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def interrupted():
        with atomic(path) as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


KILLS = """
    import os
    import random
    import signal
    import sys
    import time

    import numpy as np

    import axon
    from axon.layers import Dense
    from axon.models import Sequential

    def write_for_ever():
        while True:
            for p in model.parameters():
                p.data[...] += 1
            model.save(sys.argv[1])
            os.write(begun, b".")

    path, moments = sys.argv[1], random.Random(0)
    model = Sequential([Dense(200, 200)])
    model.build((200,))
    model.load_state_dict({n: np.zeros_like(a) for n, a in model.state_dict().items()})
    model.save(path)
    begin, begun = os.pipe()
    seen = set()
    for _ in range(40):
        child = os.fork()
        if not child:
            write_for_ever()
        os.read(begin, 100_000)
        time.sleep(moments.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        loaded = np.concatenate([w.ravel() for w in axon.load_model(path).get_weights()])
        assert (loaded == loaded[0]).all()
        seen.add(loaded[0])
    print(len(seen))
"""


def test_kill_9_leaves_the_old_file_or_the_new_one(tmp_path):
    run = [sys.executable, "-c", textwrap.dedent(KILLS), str(tmp_path / "net.axon")]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert int(said) > 1
    network().save(tmp_path / "net.axon")
    assert os.listdir(tmp_path) == ["net.axon"]


def test_check_writable_says_why_not(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        check_writable(tmp_path / "none" / "net.axon")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        check_writable(tmp_path)
    check_writable(tmp_path / "net.axon")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------ old files


def test_a_file_of_format_1_is_read(tmp_path):
    path = tmp_path / "old.axon"
    path.write_bytes(base64.b64decode(OF_FORMAT_1))
    loaded = axon.load_model(path)
    assert loaded.predict(np.array([[1.0, 2.0, 3.0]])) == np.float32(1.3480430841445923)
    assert loaded.metadata == {"classes": ["a", "b"]}
    assert loaded.layers[1].seed_state.numpy().tolist() == [7, 0]
    assert not loaded.compiled
    other = Sequential([Dense(3, 2, "tanh"), Dropout(0.5), Dense(2, 1)])
    other.load_weights(path)
    assert all(map(np.array_equal, other.get_weights(), loaded.get_weights()))
    loaded.save(path)
    assert json.loads(zipfile.ZipFile(path).read("model.json"))["format"] == 2
    assert axon.load_model(path).metadata == loaded.metadata


# ------------------------------------------------------------------------------------ bad files


def written(tmp_path) -> bytes:
    model = network()
    model.compile("categorical_cross_entropy", "adam")
    model.save(tmp_path / "good.axon")
    return (tmp_path / "good.axon").read_bytes()


def rewritten(data: bytes, packing=zipfile.ZIP_STORED, **members) -> bytes:
    """The same archive with some members replaced; a function is given the JSON; None removes."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(result, "w", packing) as new:
        for name in old.namelist():
            content = members.get(name.replace("/", "_").replace(".", "_"), old.read(name))
            if callable(content):
                described = json.loads(old.read(name))
                content(described)
                content = json.dumps(described)
            if content is not None:
                new.writestr(name, content)
    return result.getvalue()


def tensors(**arrays) -> bytes:
    stream = io.BytesIO()
    safetensors.write(stream, arrays, safetensors.header_of(arrays))
    return stream.getvalue()


def weights(**changes) -> bytes:
    """The weights of ``network``, some of them replaced, or removed by None."""
    state = {**network().state_dict(), **{k.replace("__", "/"): v for k, v in changes.items()}}
    return tensors(**{name: array for name, array in state.items() if array is not None})


def update(**changes):
    return lambda described: described.update(changes)


def first_layer(described, **changes):
    described["layers"][3]["config"].update(changes)


def compiled(**changes):
    return lambda described: described["compile"].update(changes)


DEEP = {"class": "Flatten", "config": {}}
for _ in range(400):
    DEEP = {"class": "Sequential", "name": "s", "layers": [DEEP]}
BAD = {
    "no JSON": ({"model_json": b"{"}, "model.json is damaged"),
    "no dict": ({"model_json": b"[]"}, "does not describe an AXON model"),
    "no format": ({"model_json": b'{"format": true}'}, "does not describe an AXON model"),
    "newer": (
        {"model_json": b'{"format": 99, "axon": "9.0"}'},
        r"has format 99, written by AXON 9\.0; this is .*, which reads up to format 2. Upgrade",
    ),
    "bare": ({"model_json": b'{"format": 2}'}, "cannot be made: KeyError\\('class'\\)"),
    "nothing": ({"model_json": None}, "not a whole AXON file: it has no model.json"),
    "large JSON": ({"model_json": b" " * (17 * 2**20)}, "too large"),
    "no weights": ({"weights_safetensors": None}, "0 missing|Nothing of it fits|missing"),
    "missing": (
        {"weights_safetensors": weights(dense__bias=None)},
        r"1 missing, 0 unexpected, .*\n  model .*\n  dense/bias  \(7,\) float32  \| -",
    ),
    "unexpected": (
        {"weights_safetensors": weights(other=np.zeros(2))},
        r"0 missing, 1 unexpected, 0 of another .*\n.*\n  - +\| other  \(2,\) float64",
    ),
    "shape": (
        {"weights_safetensors": weights(dense__bias=np.zeros(8, "f4"))},
        r"dense/bias  \(7,\) float32  \| dense/bias  \(8,\) float32",
    ),
    "dtype": (
        {"weights_safetensors": weights(dense__bias=np.zeros(7))},
        r"dense/bias  \(7,\) float32  \| dense/bias  \(7,\) float64",
    ),
    "half": ({"weights_safetensors": weights()[:-1]}, "cut off or too long"),
    "nonsense": ({"weights_safetensors": b"nonsense"}, "not a whole safetensors file"),
    "frozen": ({"model_json": update(frozen=3)}, "does not fit"),
    "deep": ({"model_json": update(layers=[DEEP])}, "lies too deep inside itself"),
    "a layer": ({"model_json": update(**{"class": "Flatten", "config": {}})}, "is not a Model"),
    "shape of text": ({"model_json": update(input_shape="ab")}, "cannot be made"),
    "arguments": (
        {"model_json": lambda d: first_layer(d, width=3)},
        "cannot be made: Dense: unexpected argument 'width'",
    ),
    "no metadata": ({"model_json": update(metadata=3)}, "cannot be made"),
    "optimizer": (
        {"optimizer_json": update(iterations="many")},
        r"'iterations' must be a finite number, got 'many'.* compile=False leaves them out",
    ),
    "other optimizer": (
        {"model_json": compiled(optimizer={"class": "SGD", "config": {"learning_rate": 0.1}})},
        "this is the state of another optimizer, 'Adam'",
    ),
    "state": (
        {"optimizer_safetensors": tensors(x=np.zeros(3))},
        "its JSON and its arrays do not fit",
    ),
    "loss": (
        {"model_json": compiled(loss={"class": "Hinge2", "config": {}})},
        r"unknown class 'Hinge2'\. Did you mean 'Hinge'\? Pass custom_objects=",
    ),
    "learning rate": (
        {"model_json": lambda d: d["compile"]["optimizer"]["config"].update(learning_rate="fast")},
        "unknown function 'fast'. Pass custom_objects={'fast': ...}",
    ),
    "metrics": (
        {"model_json": compiled(metrics=3)},
        "cannot be made again: .*not iterable",
    ),
}


@pytest.mark.parametrize(("members", "message"), BAD.values(), ids=BAD)
def test_bad_files_are_refused_and_said_why(tmp_path, members, message):
    path = tmp_path / "bad.axon"
    path.write_bytes(rewritten(written(tmp_path), **members))
    with pytest.raises(ModelFileError, match=message) as caught:
        axon.load_model(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 2000


OLD = {
    "shape": (
        {"weights_dense_bias_npy": np.zeros(3, "f4")},
        r"dense/bias  \(2,\) float32  \| dense/bias  \(3,\) float32",
    ),
    "dtype": ({"weights_dense_bias_npy": np.zeros(2)}, r"\| dense/bias  \(2,\) float64"),
    "objects": ({"weights_dense_bias_npy": np.array([{}] * 2, object)}, "dtype object"),
    "missing": ({"weights_dense_bias_npy": None}, "1 missing"),
    "truncated": ({"weights_dense_bias_npy": b""}, "cannot be read"),
    "nonsense": ({"weights_dense_bias_npy": b"0" * 10_000}, "cannot be read"),
}


def npy(array) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(("members", "message"), OLD.values(), ids=OLD)
def test_bad_files_of_format_1_are_refused_and_said_why(tmp_path, members, message):
    path = tmp_path / "bad.axon"
    arrays = {k: npy(v) if isinstance(v, np.ndarray) else v for k, v in members.items()}
    path.write_bytes(rewritten(base64.b64decode(OF_FORMAT_1), **arrays))
    with pytest.raises(ModelFileError, match=message):
        axon.load_model(path)


def test_no_code_is_run(tmp_path):
    """A layer class outside of the table is refused, whatever it is called."""
    path = tmp_path / "bad.axon"
    layers = [{"class": "os.system", "config": {"command": "true"}}]
    path.write_bytes(rewritten(written(tmp_path), model_json=update(layers=layers)))
    with pytest.raises(ModelFileError, match=r"unknown class 'os\.system'"):
        axon.load_model(path)


def peak(function):
    """The most memory that Python and NumPy held at once."""
    tracemalloc.start()
    try:
        function()
    finally:
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return taken


HUGE = {
    "layer": lambda d: first_layer(d, num_neurons=10**7),
    "neurons beyond numbers": lambda d: first_layer(d, num_neurons=2**70),
    "input": update(input_shape=[2, 10**9]),
    "padding": update(layers=[{"class": "ZeroPadding1D", "config": {"padding": 10**9}}]),
    "orthogonal": lambda d: first_layer(
        d, num_neurons=10**5, kernel_initializer={"class": "Orthogonal", "config": {}}
    ),
}


@pytest.mark.parametrize("change", HUGE.values(), ids=HUGE)
def test_a_description_of_something_huge_takes_no_memory(tmp_path, change):
    path = tmp_path / "bad.axon"
    path.write_bytes(rewritten(written(tmp_path), model_json=change))

    def load():
        with pytest.raises(ModelFileError, match=r"cannot be made: .*(holds no values|becomes an)"):
            axon.load_model(path)

    assert peak(load) < 10 * 2**20


def test_a_trusted_file_may_take_more_room(tmp_path, monkeypatch):
    network().save(tmp_path / "net.axon")
    monkeypatch.setattr(loading, "MAX_SAMPLE_BYTES", 10)
    with pytest.raises(ModelFileError, match=r"allow it: axon\.models\.loading\.MAX_SAMPLE_BYTES"):
        axon.load_model(tmp_path / "net.axon")
    monkeypatch.setattr(loading, "MAX_SAMPLE_BYTES", 1000)
    axon.load_model(tmp_path / "net.axon")


def test_loading_draws_no_random_numbers(tmp_path):
    network().save(tmp_path / "net.axon")
    axon.set_random_seed(5)
    wanted = axon.random.stream("init").random()
    axon.set_random_seed(5)
    axon.load_model(tmp_path / "net.axon")
    assert axon.random.stream("init").random() == wanted


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        axon.load_model(tmp_path / "none.axon")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("x.onnx", r"axon\.onnx\.load\(path\)"), ("x.npz", r"read by model\.load_weights\(path\)")],
)
def test_a_file_of_another_kind_is_refused_with_the_way_to_read_it(tmp_path, name, hint):
    np.savez(tmp_path / "x.npz", a=np.ones(3))
    (tmp_path / "x.onnx").write_bytes(b"\x08\x07\x12\x07pytorch")
    with pytest.raises(ModelFileError, match=rf"(no AXON file|has no model\.json).*{hint}"):
        axon.load_model(tmp_path / name)


# ------------------------------------------------------------------------------------ what is kept


@pytest.mark.parametrize("eager", [False, True])
def test_how_it_was_compiled_is_kept(tmp_path, eager):
    model = network()
    model.compile("categorical_cross_entropy", "adam", ["accuracy", "mae"], eager=eager)
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon")
    assert loaded.trainer.train.eager is eager
    assert [m.name for m in loaded.trainer.metrics] == ["accuracy", "mae"]
    assert loaded.optimizer.config() == model.optimizer.config()


def test_without_the_optimizer(tmp_path):
    model = network()
    model.compile("categorical_cross_entropy", "adam")
    model.fit(X, np.arange(8) % 3, verbose=0)
    model.save(tmp_path / "all.axon")
    model.save(tmp_path / "less.axon", include_optimizer=False)
    assert not axon.load_model(tmp_path / "less.axon").compiled
    loaded = axon.load_model(tmp_path / "all.axon", compile=False)
    assert not loaded.compiled
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert os.path.getsize(tmp_path / "less.axon") < os.path.getsize(tmp_path / "all.axon")
    kept = {"model.json", "weights.safetensors", "history.json", "history.safetensors"}
    assert {*zipfile.ZipFile(tmp_path / "less.axon").namelist()} == kept


def test_an_optimizer_without_parameters_yet_or_with_others_keeps_no_state(tmp_path):
    model = Sequential([Dense(3)])
    model.compile("mse", optimizers.Adam(0.5))
    model.predict(np.ones((2, 4)))
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon")
    assert loaded.optimizer.learning_rate == 0.5
    assert float(loaded.optimizer.iterations) == 0
    loaded.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)
    loaded.add(Dense(3))  # the optimizer does not know it yet
    loaded.save(tmp_path / "net.axon")
    assert axon.load_model(tmp_path / "net.axon").count_params() == 15 + 12


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"loss": lambda y, p: abs(y - p)}, "function is a nameless function"),
        ({"loss": "mse", "metrics": [lambda y, p: y]}, "function is a nameless function"),
        (
            {"loss": "mse", "optimizer": optimizers.SGD(lambda step: 0.1)},
            "learning_rate is a nameless function",
        ),
    ],
)
def test_what_cannot_be_described_is_left_out_with_a_warning(tmp_path, settings, said):
    model = network()
    model.compile(**settings)
    with pytest.warns(UserWarning, match=rf"net\.axon is written without loss, .*{said}"):
        model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon")
    assert not loaded.compiled
    assert np.array_equal(loaded.predict(X), model.predict(X))
    model.save(tmp_path / "net.axon", include_optimizer=False)  # no warning


def distance(y_true, y_pred):
    return abs(y_true - y_pred)


def test_functions_of_ones_own_are_asked_for_or_left_out(tmp_path):
    model = network()
    model.compile(distance, optimizers.SGD(distance_rate))
    model.save(tmp_path / "net.axon")
    with pytest.raises(ModelFileError, match=r"unknown function 'distance'.*compile=False"):
        axon.load_model(tmp_path / "net.axon")
    assert not axon.load_model(tmp_path / "net.axon", compile=False).compiled
    with pytest.raises(ModelFileError, match=r"unknown function 'distance_rate'"):
        axon.load_model(tmp_path / "net.axon", {"distance": distance})
    custom = {"distance": distance, "distance_rate": distance_rate}
    assert axon.load_model(tmp_path / "net.axon", custom).loss.function is distance


def distance_rate(step):
    return 0.5


def test_metadata_of_all_kinds_come_back(tmp_path):
    model = network()
    model.metadata = {"mean": np.arange(3.0), 0: "zero", "inf": float("inf"), "n": np.int64(3)}
    model.save(tmp_path / "net.axon")
    found = axon.load_model(tmp_path / "net.axon").metadata
    assert np.array_equal(found.pop("mean"), np.arange(3.0))
    assert found == {0: "zero", "inf": float("inf"), "n": 3}


@pytest.mark.parametrize("name", ["net.onnx", "net.safetensors", "net.NPZ", "net.h5", "net.pt"])
def test_a_name_of_another_format_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"save writes AXON's own format, and .* would be another"):
        network().save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_the_same_model_makes_the_same_bytes_and_other_tools_read_its_weights(tmp_path):
    model = network()
    model.save(tmp_path / "a.axon")
    model.save(tmp_path / "b.axon")
    assert (tmp_path / "a.axon").read_bytes() == (tmp_path / "b.axon").read_bytes()
    oracle = pytest.importorskip("safetensors.numpy")
    with zipfile.ZipFile(tmp_path / "a.axon") as packed:
        found = oracle.load(packed.read("weights.safetensors"))
    assert {k: v.tolist() for k, v in found.items()} == {
        k: v.tolist() for k, v in model.state_dict().items()
    }


def learned():
    """A network that learned for three epochs, validated in one of them."""
    axon.set_random_seed(0)
    model = network()
    model.compile("mse", "sgd", metrics=["mae"])
    x, y = np.ones((8, *model.input_shape), "f4"), np.ones((8, *model.output_shape), "f4")
    model.fit(x, y, epochs=3, verbose=0, validation_data=(x, y), validation_freq=2)
    return model


def test_the_curves_of_the_last_training_travel_with_it_and_no_seconds(tmp_path):
    model = learned()
    model.save(tmp_path / "a.axon")
    found = axon.load_model(tmp_path / "a.axon").history
    for name in ("history", "measured", "epoch", "params"):
        assert getattr(found, name) == getattr(model.history, name)
    assert found.measured["val_mae"] == [1]
    assert found.seconds == []
    learned().save(tmp_path / "b.axon")
    assert (tmp_path / "a.axon").read_bytes() == (tmp_path / "b.axon").read_bytes()
    model.history.history["odd"] = [np.zeros(2)] * 3  # no numbers, and no reason not to save
    model.history.history["less"] = [1.0]
    model.save(tmp_path / "c.axon")
    assert set(axon.load_model(tmp_path / "c.axon").history.history) == set(found.history)


def test_a_file_without_curves_is_read_and_wrong_ones_are_named(tmp_path):
    learned().save(tmp_path / "a.axon")
    with zipfile.ZipFile(tmp_path / "a.axon") as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    for text, words in ((None, None), (b"[]", "no history"), (b'{"epoch": 3}', "no history")):
        with zipfile.ZipFile(tmp_path / "b.axon", "w") as packed:
            for name, content in members.items():
                if not name.startswith("history"):
                    packed.writestr(name, content)
            if text:
                packed.writestr("history.json", text)
        if text is None:
            assert axon.load_model(tmp_path / "b.axon").history is None
        else:
            with pytest.raises(ModelFileError, match=rf"b.axon: history.json: .*{words}"):
                axon.load_model(tmp_path / "b.axon")


class Wide(Model):
    """Its argument is called like a property of Model that says something else."""

    def __init__(self, width, name=None):
        super().__init__(name)
        self.head = Dense(width)

    def forward(self, x):
        return self.head(x)


def test_an_argument_may_be_called_like_a_property(tmp_path):
    model = Wide(7)
    model.build((3,))
    model.save(tmp_path / "wide.axon")
    loaded = axon.load_model(tmp_path / "wide.axon", {"Wide": Wide})
    assert loaded.output_shape == (7,)
    assert loaded.describe()["config"] == {"width": 7, "name": "wide"}


class Many(Layer):
    """A layer with arguments of every sort."""

    def __init__(self, given=None, **options):
        super().__init__(**options)
        self.given = given

    def call(self, x):
        return x


def square(x):
    return x * x


OWN = {"Many": Many, "square": square, "relu": square, "class": Many}


@pytest.mark.parametrize(
    "given",
    [
        *("Many", "square", "relu", "class", {"$name": "square"}, {"class": "Many"}),
        *(square, Many, ["square", square, {"a": square}], {"Many": [Many, "Many"]}),
        {"config": 1, "deep": {"square": "square"}},
    ],
    ids=range(11),
)
def test_a_text_is_no_name_of_a_custom_object(given, tmp_path):
    model = Sequential([Many(given), Dense(2, 2, "relu")])
    model.build((2,))
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon", OWN)
    assert loaded.layers[0].given == given
    assert loaded.layers[1].activation is axon.activations.relu
    loaded.save(tmp_path / "again.axon")
    assert axon.load_model(tmp_path / "again.axon", OWN).layers[0].given == given


def test_layers_inside_a_dict_are_made_again(tmp_path):
    model = Sequential([Many({"inner": Dense(3, 3)})])
    model.build((3,))
    model.save(tmp_path / "net.axon")
    given = axon.load_model(tmp_path / "net.axon", OWN).layers[0].given
    assert isinstance(given["inner"], Dense)


def test_infinite_settings_of_a_loss_are_kept(tmp_path):
    model = Sequential([Dense(2, 1)])
    model.compile(axon.losses.Huber(delta=float("inf")), "sgd")
    model.build((2,))
    model.save(tmp_path / "net.axon")
    assert axon.load_model(tmp_path / "net.axon").trainer.loss.delta == float("inf")


def test_files_that_did_not_mark_names_are_read_as_before(tmp_path):
    model = Sequential([Dense(3, 3, swish), Double()])
    model.build((3,))
    model.save(tmp_path / "net.axon")
    with zipfile.ZipFile(tmp_path / "net.axon") as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    described = json.loads(members["model.json"])
    del described["names"]
    text = json.dumps(described).replace('{"$name": "swish"}', '"swish"')
    assert "$name" not in text
    with zipfile.ZipFile(tmp_path / "old.axon", "w") as packed:
        for name, content in {**members, "model.json": text.encode()}.items():
            packed.writestr(name, content)
    loaded = axon.load_model(tmp_path / "old.axon", {"Double": Double, "swish": swish})
    assert np.array_equal(loaded.predict(np.ones((2, 3))), model.predict(np.ones((2, 3))))
