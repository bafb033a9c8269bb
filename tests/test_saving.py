"""Model files: what is saved comes back, and nothing else does."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon.layers import Dense, Flatten, Layer, Normalization, Rescaling
from axon.models import Model, Sequential
from axon.models.loading import ModelFileError
from axon.models.saving import atomic, check_writable


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
    with pytest.raises(ModelFileError, match=r"unknown (layer class 'Double'|activation 'swish')"):
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
    with pytest.raises(ModelFileError, match="unknown layer class 'Own'"):
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


def test_kill_9_leaves_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "net.axon"
    code = (
        "import sys, axon; from axon.layers import Dense; from axon.models import Sequential\n"
        "model = Sequential([Dense(400, 400)])\n"
        "print('ready', flush=True)\n"
        "while True: model.save(sys.argv[1])"
    )
    for delay in (0.02, 0.05, 0.11, 0.17):
        child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        deadline = time.monotonic() + 20
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert axon.load_model(path).count_params() == 400 * 401


def test_check_writable_says_why_not(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        check_writable(tmp_path / "none" / "net.axon")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        check_writable(tmp_path)
    check_writable(tmp_path / "net.axon")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------ bad files


def written(tmp_path) -> bytes:
    network().save(tmp_path / "good.axon")
    return (tmp_path / "good.axon").read_bytes()


def rewritten(data: bytes, **members: bytes) -> bytes:
    """The same archive with some members replaced; None removes one."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(result, "w") as new:
        for name in old.namelist():
            key = name.replace("/", "_").replace(".", "_")
            content = members.get(key, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return result.getvalue()


def npy(array) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=True)
    return stream.getvalue()


BIAS = "weights_dense_bias_npy"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"model_json": b"{"}, "model.json is damaged"),
        ({"model_json": b"[]"}, "does not describe an AXON model"),
        ({"model_json": b'{"format": 99, "axon": "9.0"}'}, r"has format 99, written by AXON 9\.0"),
        ({"model_json": b'{"format": 1}'}, "cannot be made"),
        ({"model_json": None}, "not a whole AXON model file"),
        ({BIAS: None}, "not a whole AXON model file"),
        (
            {BIAS: npy(np.zeros(8, np.float32))},
            r"has shape \(8,\) and dtype float32, expected \(7,\)",
        ),
        ({BIAS: npy(np.zeros(7))}, "dtype float64"),
        ({BIAS: npy(np.array([{}] * 7, object))}, "dtype object"),
        ({BIAS: npy(np.zeros(7, np.float32))[:-1]}, "truncated"),
        ({BIAS: b"nonsense"}, "cannot be read"),
        ({BIAS: b"0" * 10_000}, "too large"),
        ({"model_json": b" " * (17 * 2**20)}, "too large"),
    ],
)
def test_bad_files_are_refused_and_said_why(tmp_path, members, message):
    path = tmp_path / "bad.axon"
    path.write_bytes(rewritten(written(tmp_path), **members))
    with pytest.raises(ModelFileError, match=message):
        axon.load_model(path)


def test_no_code_is_run(tmp_path):
    """A layer class outside of the table is refused, whatever it is called."""
    described = {"format": 1, "class": "Sequential", "name": "x", "input_shape": [1], "layers": []}
    described["layers"] = [{"class": "os.system", "config": {"command": "true"}}]
    path = tmp_path / "bad.axon"
    path.write_bytes(rewritten(written(tmp_path), model_json=json.dumps(described).encode()))
    with pytest.raises(ModelFileError, match=r"unknown layer class 'os\.system'"):
        axon.load_model(path)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        axon.load_model(tmp_path / "none.axon")


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damage_is_found_or_harmless(data, tmp_path_factory):
    """Flipped bits and cuts give ModelFileError or the model, never another error."""
    folder = tmp_path_factory.getbasetemp() / "damage"
    folder.mkdir(exist_ok=True)
    good = folder / "good.axon"
    if not good.exists():
        network().save(good)
    content = bytearray(good.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    content = (
        content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    )
    bad = folder / "bad.axon"
    bad.write_bytes(content)
    try:
        axon.load_model(bad)
    except ModelFileError:
        pass
