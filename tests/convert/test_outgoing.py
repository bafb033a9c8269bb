"""Weights for elsewhere: PyTorch and Keras compute with them what AXON computes."""

import subprocess
import sys
import textwrap
from importlib.util import find_spec

import numpy as np
import pytest

import axon
from axon.convert import ForeignWeightsError, foreign_weights
from axon.files import safetensors
from axon.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GroupNormalization,
    LayerNormalization,
    MultiHeadAttention,
    SeparableConv2D,
    SimpleRNN,
    TransformerBlock,
)
from axon.models import Model, Sequential

torch = pytest.importorskip("torch")
nn = torch.nn
random = np.random.default_rng(0)


def shaken(model, shape):
    """Built, and with other numbers than the usual beginnings."""
    model.build(shape)
    for p in model.parameters():
        p.assign(random.normal(size=p.shape) * 0.4)
    for name, buffer in model.named_buffers().items():
        if "moving" in name:
            buffer.assign(random.uniform(0.5, 1.5, buffer.shape))
    return model


class Taken(nn.Module):
    """What comes first out of a layer, and what is behind it."""

    def __init__(self, rnn, behind, last=False):
        super().__init__()
        self.rnn, self.behind, self.last = rnn, behind, last

    def forward(self, x):
        y = self.rnn(x)[0]
        return self.behind(y[:, -1] if self.last else y)


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)[0]


EPS = {"epsilon": 1e-5}
IMAGES, SERIES = (8, 8, 4), (5, 8)
PAIRS = {  # ours, the shape of a sample, theirs
    "images": (
        lambda: [Conv2D(6, 3, activation="relu"), BatchNormalization(**EPS), Flatten(), Dense(5)],
        IMAGES,
        lambda: nn.Sequential(
            *(nn.Conv2d(4, 6, 3), nn.ReLU(), nn.BatchNorm2d(6), nn.Flatten(), nn.Linear(216, 5))
        ),
    ),
    "by channel": (
        lambda: [DepthwiseConv2D(3, depth_multiplier=2), GroupNormalization(4, **EPS), Flatten()],
        IMAGES,
        lambda: nn.Sequential(nn.Conv2d(4, 8, 3, groups=4), nn.GroupNorm(4, 8)),
    ),
    "separable": (
        lambda: [SeparableConv2D(5, 3), Flatten()],
        IMAGES,
        lambda: nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 5, 1)),
    ),
    "backwards": (
        lambda: [Conv2DTranspose(3, 2, strides=2), Flatten()],
        IMAGES,
        lambda: nn.Sequential(nn.ConvTranspose2d(4, 3, 2, 2)),
    ),
    "LSTM": (
        lambda: [LSTM(6), Dense(2)],
        SERIES,
        lambda: Taken(nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 2), True),
    ),
    "RNN": (
        lambda: [SimpleRNN(6), Dense(2)],
        SERIES,
        lambda: Taken(nn.RNN(8, 6, batch_first=True), nn.Linear(6, 2), True),
    ),
    "GRU both ways": (
        lambda: [Bidirectional(GRU(3, return_sequences=True)), Dense(2)],
        SERIES,
        lambda: Taken(nn.GRU(8, 3, batch_first=True, bidirectional=True), nn.Linear(6, 2)),
    ),
    "two LSTMs": (
        lambda: [LSTM(6, return_sequences=True), LSTM(6), Dense(2)],
        SERIES,
        lambda: Taken(nn.LSTM(8, 6, 2, batch_first=True), nn.Linear(6, 2), True),
    ),
    "attention": (lambda: [MultiHeadAttention(2)], SERIES, Attends),
    "transformer": (
        lambda: [TransformerBlock(2, 16, activation="relu", **EPS), LayerNormalization(**EPS)],
        SERIES,
        lambda: nn.Sequential(
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True), nn.LayerNorm(8)
        ),
    ),
}


def theirs_of(network, x):
    """What PyTorch computes, in our layout."""
    given = torch.from_numpy(x)
    images = given.ndim == 4
    with torch.no_grad():
        y = network.eval()(given.permute(0, 3, 1, 2) if images else given)
    return (y.permute(0, 2, 3, 1) if y.ndim == 4 else y).numpy()


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.filterwarnings("ignore:epsilon of")
def test_a_module_of_pytorch_takes_the_weights(name, tmp_path):
    make, shape, network = PAIRS[name]
    ours, theirs = shaken(Sequential(make()), shape), network()
    ours.save_weights(tmp_path / "net.pt.safetensors", style="torch", like=theirs)
    arrays = safetensors.load(tmp_path / "net.pt.safetensors")
    theirs.load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()})
    x = random.normal(size=(3, *shape)).astype("f4")
    wanted = theirs_of(theirs, x)
    np.testing.assert_allclose(
        ours.predict(x), wanted.reshape(len(x), *ours.output_shape), 1e-4, 1e-5
    )
    back = shaken(Sequential(make()), shape)
    back.load_weights(theirs)
    for path, values in ours.state_dict().items():
        np.testing.assert_allclose(back.state_dict()[path], values, atol=1e-7, err_msg=path)
    again = shaken(Sequential(make()), shape)
    again.load_state_dict(axon.convert.translate(again, foreign_weights(ours, "torch")))
    np.testing.assert_array_equal(again.predict(x), ours.predict(x))


def test_names_are_those_of_the_model():
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn = Embedding(9, 4), LSTM(3)
            self.heads = [Dense(2), Dense(3)]

        def forward(self, x):
            x = self.rnn(self.embed(x))
            return axon.ops.concatenate([head(x) for head in self.heads])

    model = Net()
    model.build((5,))
    assert list(foreign_weights(model, "torch")) == [
        "embed.weight",
        *(f"rnn.{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
        *(f"heads.{i}.{role}" for i in (0, 1) for role in ("weight", "bias")),
    ]


def test_a_name_map_says_what_names_do_not():
    ours = shaken(Sequential([Dense(4), Dense(4)]), (4,))
    theirs = nn.ModuleDict({"b": nn.Linear(4, 4), "a": nn.Linear(4, 4)})
    with pytest.raises(ForeignWeightsError, match="not clear which"):
        foreign_weights(ours, "torch", theirs)
    made = foreign_weights(ours, "torch", theirs, {"dense": "b", "dense_1": "a"})
    np.testing.assert_array_equal(made["b.weight"], ours.layers[0].weights.numpy().T)
    np.testing.assert_array_equal(made["a.bias"], ours.layers[1].bias.numpy())


def test_what_does_not_fit_is_told(tmp_path):
    ours = shaken(Sequential([Dense(4)]), (4,))
    path = tmp_path / "net.safetensors"
    with pytest.raises(ForeignWeightsError, match="does not fit 'dense'"):
        ours.save_weights(path, style="torch", like=nn.Linear(4, 3))
    with pytest.raises(TypeError, match=r"a module of PyTorch or its state_dict\(\), got int"):
        ours.save_weights(path, style="torch", like=3)
    with pytest.raises(ValueError, match="belong to another style"):
        ours.save_weights(path, like=nn.Linear(4, 4))
    with pytest.raises(ValueError, match="style"):
        ours.save_weights(path, style="jax")
    with pytest.raises(RuntimeError, match="not built"):
        foreign_weights(Sequential([Dense(4)]), "torch")
    assert not list(tmp_path.iterdir())


def test_what_was_reordered_is_said():
    theirs = nn.Sequential(nn.Conv2d(4, 6, 3), nn.Flatten(), nn.Linear(216, 5))
    ours = shaken(Sequential([Conv2D(6, 3), Flatten(), Dense(5)]), IMAGES)
    loaded = ours.load_weights(theirs.state_dict())
    said = "dense: rows from (6, 6, 6), channels first, to channels last"
    assert loaded.reordered == [said]
    assert loaded == ([], [], [])
    assert said in repr(loaded)
    gru = shaken(Sequential([GRU(3)]), SERIES)
    assert gru.load_weights(nn.GRU(8, 3)).reordered == ["gru: gates from r, z, n to z, r, n"]


def test_half_precision_of_live_modules():
    theirs = nn.Linear(4, 3).bfloat16()
    ours = shaken(Sequential([Dense(3)]), (4,))
    ours.load_weights(theirs)
    np.testing.assert_array_equal(
        ours.layers[0].weights.numpy().T, theirs.weight.detach().float().numpy()
    )


# ------------------------------------------------------------------------------------ Keras

KERAS = """
import os, sys
os.environ["KERAS_BACKEND"] = "torch"
sys.modules["tensorflow"] = None
import keras
import numpy as np
L = keras.layers
inner = keras.Sequential([L.Dense(3), L.Dense(4)])
x = keras.Input((8, 8, 4))
y = L.Dense(5)(L.Flatten()(L.Conv2D(2, 3)(x)))
NETWORKS = {
    "rows": keras.Sequential(
        [L.Dense(4), L.Dropout(0.5), inner, L.BatchNormalization(), L.Dense(2)]
    ),
    "graph": keras.Model(x, y),
    "series": keras.Sequential([
        L.LSTM(4, return_sequences=True),
        L.Bidirectional(L.GRU(3, return_sequences=True)),
        L.Dense(2),
    ]),
}
for name, network in NETWORKS.items():
    x = np.load(f"{name}.npy")
    network(x)
    network.load_weights(f"{name}.weights.h5")
    np.save(f"{name}.out.npy", network.predict(x, verbose=0))
"""


@pytest.mark.skipif(not (find_spec("keras") and find_spec("h5py")), reason="Keras is missing")
def test_keras_reads_what_is_written_for_it(tmp_path):
    inner = Sequential([Dense(3), Dense(4)])
    networks = {
        "rows": ([Dense(4), Dropout(0.5), inner, BatchNormalization(), Dense(2)], (6,)),
        "graph": ([Conv2D(2, 3), Flatten(), Dense(5)], IMAGES),
        "series": (
            [
                LSTM(4, return_sequences=True),
                Bidirectional(GRU(3, return_sequences=True)),
                Dense(2),
            ],
            SERIES,
        ),
    }
    wanted = {}
    for name, (layers, shape) in networks.items():
        model = shaken(Sequential(layers), shape)
        model.save_weights(tmp_path / f"{name}.weights.h5")
        x = random.normal(size=(3, *shape)).astype("f4")
        np.save(tmp_path / f"{name}.npy", x)
        wanted[name] = model.predict(x)
    program = textwrap.dedent(KERAS)
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=200)
    for name, values in wanted.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.out.npy"), values, 1e-4, 1e-5)


# ------------------------------------------------------------------------------------ 16 bits


@pytest.mark.parametrize(("dtype", "error"), [("float16", 2e-3), ("bfloat16", 2e-2)])
def test_numbers_of_16_bits_are_half_the_size(tmp_path, dtype, error):
    model = shaken(Sequential([Dense(64, "tanh"), Dropout(0.3), Dense(3)]), (50,))
    x = random.normal(size=(20, 50)).astype("f4")
    wanted = model.predict(x)
    model.save_weights(tmp_path / "long.safetensors")
    model.save_weights(tmp_path / "short.safetensors", dtype=dtype)
    sizes = [(tmp_path / f"{n}.safetensors").stat().st_size for n in ("short", "long")]
    assert sizes[0] < 0.55 * sizes[1]
    state = model.state_dict()
    model.load_weights(tmp_path / "short.safetensors")
    assert model.layers[0].weights.dtype == "float32"
    np.testing.assert_allclose(model.predict(x), wanted, atol=error * np.abs(wanted).max())
    loaded = torch_load(tmp_path / "short.safetensors")
    for name, tensor in loaded.items():  # rounded as PyTorch rounds
        kind = getattr(torch, dtype) if state[name].dtype.kind == "f" else tensor.dtype
        assert torch.equal(
            tensor, torch.from_numpy(state[name].astype(_signed(state[name]))).to(kind)
        )


def _signed(array):
    return "f4" if array.dtype.kind == "f" else array.dtype.name.replace("uint", "int")


def torch_load(path):
    load = pytest.importorskip("safetensors.torch").load_file
    return {n: t if t.is_floating_point() else t.to(torch.int64) for n, t in load(path).items()}


def test_numbers_beyond_16_bits_are_told(tmp_path):
    model = shaken(Sequential([Dense(2)]), (3,))
    model.layers[0].bias = [1e6, 1.0]
    with pytest.raises(ValueError, match=r"'dense/bias' holds 1e\+06, and float16 ends"):
        model.save_weights(tmp_path / "net.npz", dtype="float16")
    with pytest.raises(ValueError, match=r"as \.safetensors alone"):
        model.save_weights(tmp_path / "net.npz", dtype="bfloat16")
    with pytest.raises(ValueError, match="dtype must be"):
        model.save_weights(tmp_path / "net.npz", dtype="float8")
    assert not list(tmp_path.iterdir())
    model.save_weights(tmp_path / "net.safetensors", dtype="bfloat16")
    model.layers[0].bias = [np.nan, -np.inf]
    model.save_weights(tmp_path / "odd.safetensors", dtype="bfloat16")
    model.load_weights(tmp_path / "odd.safetensors")
    np.testing.assert_array_equal(model.layers[0].bias, np.float32([np.nan, -np.inf]))
