"""Weights from elsewhere: files that Keras wrote make AXON compute the same, or are refused."""

import io
import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import axon
from axon.convert import ForeignWeightsError, hdf5, read_keras, translate
from axon.files.atomic import DamagedFile
from axon.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GroupNormalization,
    Input,
    LayerNormalization,
    MaxPooling2D,
    MultiHeadAttention,
    Normalization,
    RMSNormalization,
    SeparableConv2D,
    SimpleRNN,
)
from axon.models import Model, Sequential

h5py = pytest.importorskip("h5py")
FORMS = (".weights.h5", ".keras", ".h5")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with files that Keras wrote, in a process of its own."""
    if find_spec("keras") is None or find_spec("torch") is None:
        pytest.skip("keras with torch is not installed")
    folder = tmp_path_factory.mktemp("keras")
    script = Path(__file__).with_name("keras_files.py")
    told = subprocess.run(
        [sys.executable, script, folder],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "KERAS_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return folder


def example(files, name):
    with np.load(files / f"{name}.npz") as found:
        return found["x"], found["y"]


def same(ours, theirs):
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, 1e-5, 1e-5 * max(1, np.abs(theirs).max()))


# ------------------------------------------------------------------------------------ networks


def images():
    return Sequential(
        [
            *(Input((8, 8, 4)), Conv2D(4, 3, activation="relu")),
            *(Conv2D(4, (1, 2), groups=2, use_bias=False), BatchNormalization()),
            *(DepthwiseConv2D(3, depth_multiplier=2), GroupNormalization(4)),
            SeparableConv2D(6, 3, padding="same", depth_multiplier=2),
            *(Conv2DTranspose(4, (3, 2), strides=2), MaxPooling2D(2)),
            *(BatchNormalization(scale=False), Conv2D(4, 1, name="with_a_name")),
            LayerNormalization(),
            *(RMSNormalization(), Dropout(0.2), Flatten(), Dense(5)),
            Sequential([Dense(5, "tanh"), Dense(5)], name="inner"),
            *(Dense(5, name="first_by_name"), Dense(2, "softmax")),
        ]
    )


class Sequences(Model):
    """Defined in another order than its layers are called in, as far as their kinds differ."""

    def __init__(self):
        super().__init__()
        every = {"return_sequences": True}
        self.out = [Conv1D(5, 2), LSTM(5), Dense(3)]
        self.words = Embedding(10, 8)
        self.lstm, self.gru = LSTM(6, **every), GRU(8, **every)
        self.both = Bidirectional(LSTM(4, **every))
        self.attention = MultiHeadAttention(2, 4, value_dim=3)
        self.sum = Bidirectional(GRU(4, **every), merge_mode="sum")
        self.first_kind = GRU(4, reset_after=False, **every)
        self.simple = SimpleRNN(5, use_bias=False, **every)
        self.each = Dense(5)

    def forward(self, x):
        x = self.both(self.gru(self.lstm(self.words(x))))
        x = self.sum(x + self.attention(x))
        x = self.each(self.simple(self.first_kind(x)))
        for layer in self.out:
            x = layer(x)
        return x


class Own(Model):
    def __init__(self):
        super().__init__()
        self.head = Sequential([Dense(4), BatchNormalization(), Dense(2)])
        self.blocks = [Dense(4, "tanh"), Sequential([Dense(4)]), LayerNormalization(), Dense(4)]
        self.start = Dense(4)

    def forward(self, x):
        x = self.start(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


@pytest.mark.parametrize("form", FORMS)
def test_a_network_on_images(files, form):
    model, (x, y) = images(), example(files, "images")
    name_map = None
    if form == ".h5":  # layers go by the names that were given to them: order is not told
        path = files / "images.h5"
        with pytest.raises(ForeignWeightsError, match="not clear which"):
            model.load_weights(path)
        name_map = {"inner/dense": "inner/dense_1", "inner/dense_1": "inner/zz"}
    model.load_weights(files / f"images{form}", name_map=name_map)
    same(model.predict(x), y)


@pytest.mark.parametrize("form", FORMS)
def test_a_network_on_sequences(files, form):
    model, (x, y) = Sequences(), example(files, "sequences")
    model.build((6,))
    model.load_weights(files / f"sequences{form}")
    same(model.predict(x), y)


@pytest.mark.parametrize("form", FORMS[:2])
def test_a_model_of_ones_own(files, form):
    model, (x, y) = Own(), example(files, "own")
    model.build((4,))
    model.load_weights(files / f"own{form}")
    same(model.predict(x), y)


@pytest.mark.parametrize("form", FORMS)
def test_normalization_has_to_be_the_same(files, form):
    x, y = example(files, "normalized")
    path = files / f"normalized{form}"
    layers = Dense(4), Dense(4)
    model = Sequential([Normalization([3, 1, 0, -2], [4, 1, 2, 0.5]), *layers])
    model.build((4,))
    model.load_weights(path)
    same(model.predict(x), y)
    for mean, variance in (([3, 1, 0, 2], [4, 1, 2, 0.5]), ([3, 1, 0, -2], [4, 1, 2, 0.6])):
        model = Sequential([Normalization(mean, variance), *layers])
        model.build((4,))
        with pytest.raises(
            ForeignWeightsError, match=r"'normalization' has another (mean|variance)"
        ):
            model.load_weights(path)


def test_a_normalization_that_was_given_its_numbers_is_no_weight():
    arrays = {"layers/dense/vars/0": np.ones((4, 3)), "layers/dense/vars/1": np.ones(3)}
    model = Sequential([Normalization([3, 1, 0, -2], [4, 1, 2, 0.5]), Dense(3)])
    model.build((4,))
    assert np.array_equal(translate(model, arrays)["dense/bias"], np.ones(3))


def test_kinds_tell_what_shapes_do_not():
    class Both(Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = LayerNormalization(), GroupNormalization(2)

        def forward(self, x):
            return self.a(x) + self.b(x)

    names = [f"layers/{kind}_normalization/vars/{i}" for kind in ("group", "layer") for i in (0, 1)]
    arrays = {name: np.full(4, i, "f4") for i, name in enumerate(names)}
    model = Both()
    model.build((4,))
    made = translate(model, {**arrays, "layers/dropout/seed_generator/vars/0": np.ones(2, "u4")})
    assert [int(made[f"{name}/gamma"][0]) for name in "ab"] == [2, 0]


def test_small_floats(files):
    x, y = example(files, "bfloat16")
    model = Sequential([Dense(4, 3), Dense(2)])
    model.load_weights(files / "bfloat16.weights.h5")
    np.testing.assert_allclose(model.predict(x), y, rtol=0.05, atol=0.05)
    assert not (model.layers[0].weights.numpy().view("u4") & 0xFFFF).any()
    assert model.layers[0].weights.numpy().any()


def test_files_of_keras_2(files, tmp_path):
    """Its arrays are called kernel:0, and save_weights wrote no model_weights around them."""
    path = tmp_path / "old.h5"
    with h5py.File(files / "sequences.h5") as new, h5py.File(path, "w") as old:
        group = new["model_weights"]
        group.visititems(
            lambda name, item: (
                old.update({f"{name}:0": item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    model, (x, y) = Sequences(), example(files, "sequences")
    model.build((6,))
    model.load_weights(path)
    same(model.predict(x), y)


def test_names_map_keras_too(files):
    model = Sequential([Dense(4), Dense(4)])
    model.build((4,))
    path = files / "normalized.weights.h5"
    with pytest.raises(ForeignWeightsError, match=r"(?s)no partner.*normalization: 0 \(4,\).*\| -"):
        model.load_weights(path)
    arrays = {k: a for k, a in read_keras(path).items() if "dense" in k}
    for keys in (("layers/dense_1", "layers/dense"), ("dense_1", "dense")):
        made = translate(model, arrays, dict(zip(("dense", "dense_1"), keys, strict=True)))
        assert np.array_equal(made["dense/weights"], arrays["layers/dense_1/vars/0"])
        assert np.array_equal(made["dense_1/bias"], arrays["layers/dense/vars/1"])


def test_another_architecture(files):
    model = Sequential([Dense(4, 4), Dense(5)])
    with pytest.raises(ForeignWeightsError) as caught:
        model.load_weights(files / "own.weights.h5")
    assert "| dense (Dense): 0 (4, 4), 1 (4,)" in str(caught.value)
    assert "layers/dense: 0 (4, 4), 1 (4,)" in str(caught.value)


# ------------------------------------------------------------------------------------ bad files


def written(fill):
    """The bytes of an HDF5 file."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        fill(file)
    return stream.getvalue()


def weights(file):
    for name in ("dense", "dense_1", "lstm/cell"):
        group = file.create_group(f"layers/{name}/vars")
        group.attrs["name"] = name
        group["0"], group["1"] = np.ones((3, 4), "f4"), np.ones(4, "f4")


def twice(file):
    file["a"] = np.ones(3)
    file["b"] = file["a"]


def circle(file):
    inner = file.create_group("a/b")
    inner["c"] = file["a"]


def deep(file):
    file.create_group("/".join("a" * 80))["0"] = np.ones(3)


def virtual(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    file.create_virtual_dataset("0", layout)


BAD = {
    "link to elsewhere": [
        lambda f: f.update(a=h5py.SoftLink("/b")),
        lambda f: f.update(a=h5py.ExternalLink("/etc/passwd", "/b")),
    ],
    "linked twice, or too deep": [twice, circle, deep],
    "not numbers": [
        lambda f: f.update(a="text"),
        lambda f: f.create_dataset("a", (3,), h5py.vlen_dtype(np.int32)),
        lambda f: f.create_dataset("a", data=np.ones(2, "f4,i4")),
        lambda f: f.update(a=np.ones(2, "c8")),
        lambda f: f.update(a=np.ones(2, bool)),
    ],
    "compressed, in pieces, or lies": [
        virtual,
        lambda f: f.create_dataset("a", (10**12,), "f4", chunks=(1000,)),
        lambda f: f.create_dataset("a", data=np.zeros(10**6), compression="gzip"),
        lambda f: f.create_dataset("a", (9,), "u1", external=[("/etc/passwd", 0, 9)]),
    ],
    "claims 4,000,000,000,000 bytes, but 0 are stored": [
        lambda f: f.create_dataset("a", (10**12,), "f4"),
    ],
    "claims 40 bytes, but 0 are stored": [lambda f: f.create_dataset("a", (10,), "f4")],
    "is empty": [lambda f: f.create_dataset("a", data=h5py.Empty("f4"))],
    "neither a group nor an array": [lambda f: f.update(a=np.dtype("f4"))],
}


@pytest.mark.parametrize(("match", "fill"), [(m, f) for m, many in BAD.items() for f in many])
def test_what_weights_have_no_need_of_is_refused(tmp_path, match, fill):
    path = tmp_path / "bad.weights.h5"
    path.write_bytes(written(fill))
    with pytest.raises(DamagedFile, match=rf"bad.weights.h5.*{match}"):
        read_keras(path)


def test_all_arrays_together_are_no_larger_than_the_file(tmp_path, monkeypatch):
    """Several may claim the same bytes: HDF5 does not mind."""
    path = tmp_path / "net.h5"
    path.write_bytes(written(lambda f: f.update({str(i): np.ones(4000) for i in range(4)})))
    assert len(read_keras(path)) == 4
    whole = os.path.getsize(path)
    monkeypatch.setattr(hdf5.os, "SEEK_END", os.SEEK_SET)  # a size that is too small
    with pytest.raises(DamagedFile, match=r"claims 32,000 bytes.*left in the file"):
        read_keras(path)
    assert whole > 4 * 32_000


def zipped(**options):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", **options) as archive:
        archive.writestr(hdf5.MEMBER, written(weights))
    return stream.getvalue()


def test_zips(tmp_path):
    path = tmp_path / "net.keras"
    path.write_bytes(zipped())
    assert len(read_keras(path)) == 6
    path.write_bytes(zipped(compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(DamagedFile, match="compressed or encrypted"):
        read_keras(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(DamagedFile, match=r"a zip without model.weights.h5"):
        read_keras(path)
    path.write_bytes(b"PK\x03\x04" + bytes(50))
    with pytest.raises(DamagedFile, match="is damaged"):
        read_keras(path)


def test_other_files(tmp_path):
    path = tmp_path / "net.h5"
    for content in (b"", b"\x89HD", b"not one of them at all"):
        path.write_bytes(content)
        with pytest.raises(DamagedFile, match=r"neither HDF5 nor a \.keras file"):
            read_keras(path)
    with pytest.raises(FileNotFoundError):
        read_keras(tmp_path / "no.h5")


def test_damage_of_any_kind_is_told(tmp_path):
    """Truncations and changed bytes: a clear error, or numbers; nothing else, and nothing hangs."""
    rng, path, outcomes = np.random.default_rng(0), tmp_path / "net.h5", []
    bases = [written(weights), zipped()]
    for i in range(600):
        data = np.frombuffer(bases[i % 5 == 0], "u1").copy()
        if i % 4:
            places = rng.choice(np.flatnonzero(data), rng.integers(1, 6)) + rng.integers(0, 3)
            data[np.minimum(places, len(data) - 1)] = rng.choice(
                [0, 1, 127, 255, *rng.integers(0, 256, 4)]
            )
        else:
            data = data[: rng.integers(len(data))]
        path.write_bytes(data)
        try:
            outcomes.append(sum(a.nbytes for a in read_keras(path).values()) <= len(data))
        except DamagedFile as error:
            outcomes.append("refused" if str(path) in str(error) else str(error))
        assert path.read_bytes() == data.tobytes()
    assert set(outcomes) == {True, "refused"}
    assert outcomes.count("refused") > 200


@pytest.mark.parametrize(
    "error", [OverflowError("large"), MemoryError(), KeyError("a"), TypeError("x"), EOFError()]
)
def test_what_libraries_raise_over_damage_is_one_error(error):
    with pytest.raises(DamagedFile, match=r"net\.h5 is damaged"), hdf5.damage("net.h5"):
        raise error


def test_without_h5py(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"need h5py.*pip install h5py \(the extra 'hdf5'\)"):
        read_keras(tmp_path / "net.h5")


def test_importing_axon_does_not_load_it():
    code = "import sys, axon; print([m for m in sys.modules if 'foreign' in m or 'h5py' in m])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
    assert axon.__version__
