"""Weights of every layer that has an equal in Keras or PyTorch, both ways: equal results."""

import os
from importlib.util import find_spec

import numpy as np
import pytest

import axon
from axon import layers
from axon.convert import ForeignWeightsError, foreign_weights
from axon.models import Model, Sequential
from tests.convert.every_layer import ALONE, NOT_TO_KERAS, SAME, TWICE
from tests.samples.layers import SAMPLES

torch = pytest.importorskip("torch")
nn = torch.nn
random = np.random.default_rng(0)
pytestmark = pytest.mark.filterwarnings("ignore:epsilon of", "ignore::FutureWarning")


def made(name):
    """A model of this layer alone, with other numbers than the usual beginnings."""
    pair = SAME[name]
    if name in TWICE:
        x = layers.Input(pair.shape)
        model = Model(x, pair.make()([x, x]))
    else:
        model = Sequential([pair.make()])
    model.build(pair.shape)
    for p in model.parameters():
        p.assign(random.normal(size=p.shape) * 0.4)
    for path, buffer in model.named_buffers().items():
        if "moving" in path:
            buffer.assign(random.uniform(0.5, 1.5, buffer.shape))
    return model


def given(name):
    pair = SAME[name]
    shape = (2, *pair.shape)
    if pair.integers:
        return random.integers(0, pair.integers, shape)
    return random.normal(size=shape).astype("f4")


def alike(found, wanted, name):
    np.testing.assert_allclose(found, wanted, 1e-4, 1e-5, err_msg=name)


# ------------------------------------------------------------------------------------ PyTorch


def by_torch(theirs, x, name):
    """What PyTorch computes, in our layout: channels lie behind the samples there."""
    moved = SAME[name].channels_first
    t = torch.from_numpy(x)
    t = t.moveaxis(-1, 1) if moved else t
    with torch.no_grad():
        y = theirs.eval()(t, t) if name in TWICE else theirs.eval()(t)
    return (y.moveaxis(1, -1) if moved else y).numpy()


@pytest.mark.parametrize("name", [n for n, pair in SAME.items() if pair.torch])
def test_weights_to_and_from_pytorch(name):
    x, ours, theirs = given(name), made(name), SAME[name].torch(nn)
    state = foreign_weights(ours, "torch", like=theirs)
    theirs.load_state_dict({n: torch.from_numpy(np.array(a)) for n, a in state.items()})
    alike(ours.predict(x), by_torch(theirs, x, name), name)
    other, back = SAME[name].torch(nn), made(name)
    for p in other.parameters():
        p.data = torch.randn_like(p) * 0.4
    back.load_weights(other)
    alike(back.predict(x), by_torch(other, x, name), name)
    again = made(name)
    again.load_state_dict(axon.convert.translate(again, foreign_weights(ours, "torch")))
    np.testing.assert_array_equal(again.predict(x), ours.predict(x), name)


class Grouped(nn.Module):
    """Attention as Llama and Mistral have it: heads share keys and values."""

    def __init__(self, biased):
        super().__init__()
        self.q_proj, self.o_proj = nn.Linear(6, 12, bias=biased), nn.Linear(12, 6, bias=biased)
        self.k_proj, self.v_proj = (nn.Linear(6, 6, bias=biased) for _ in range(2))

    def forward(self, x):
        q, k, v = (
            p(x).unflatten(-1, (-1, 3)).transpose(1, 2)
            for p in (self.q_proj, self.k_proj, self.v_proj)
        )
        y = nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
        return self.o_proj(y.transpose(1, 2).flatten(-2))


@pytest.mark.parametrize("biased", [False, True])
def test_heads_that_share_keys_as_published_networks_have_them(biased):
    ours = Sequential([layers.GroupQueryAttention(3, 4, 2, use_bias=biased)])
    ours.build((5, 6))
    for p in ours.parameters():
        p.assign(random.normal(size=p.shape))
    theirs = nn.Sequential(Grouped(biased))
    ours.load_weights(theirs)
    x = random.normal(size=(2, 5, 6)).astype("f4")
    with torch.no_grad():
        alike(ours.predict(x), theirs(torch.from_numpy(x)).numpy(), "grouped")


@pytest.mark.parametrize("wrap", [nn.utils.weight_norm, nn.utils.spectral_norm])
def test_names_of_parametrized_weights_before_pytorch_1_12(wrap):
    theirs = wrap(nn.Conv1d(4, 5, 2)).eval()
    around = {"weight_norm": layers.WeightNormalization}
    around = around.get(wrap.__name__, layers.SpectralNormalization)
    ours = Sequential([around(layers.Conv1D(5, 2))])
    ours.build((6, 4))
    ours.load_weights(theirs)
    x = random.normal(size=(2, 6, 4)).astype("f4")
    with torch.no_grad():
        wanted = theirs(torch.from_numpy(x).moveaxis(-1, 1)).moveaxis(1, -1).numpy()
    alike(ours.predict(x), wanted, wrap.__name__)


# ------------------------------------------------------------------------------------ Keras


NAMES = {  # of what Keras 3.15 writes, beside the layer's own name
    "EinsumDense": {"vars/0": (4, 2, 3), "vars/1": (2, 3)},
    "ReversibleEmbedding": {"vars/0": (7, 3), "vars/1": (3, 7)},
    "ConvLSTM1D": {"cell/vars/0": (2, 4, 8), "cell/vars/1": (2, 2, 8), "cell/vars/2": (8,)},
    "TimeDistributed, of series": {
        **{"layer/cell/vars/0": (4, 8), "layer/cell/vars/1": (2, 8), "layer/cell/vars/2": (8,)}
    },
    "GroupQueryAttention": {
        **{"_query_dense/vars/0": (4, 4, 3), "_query_dense/vars/1": (4, 3)},
        **{"_key_dense/vars/0": (4, 2, 3), "_key_dense/vars/1": (2, 3)},
        **{"_value_dense/vars/0": (4, 2, 3), "_value_dense/vars/1": (2, 3)},
        **{"_output_dense/vars/0": (4, 3, 4), "_output_dense/vars/1": (4,)},
    },
}


@pytest.mark.parametrize("name", NAMES)
def test_names_and_shapes_of_keras(name):
    ours = made(name)
    arrays = foreign_weights(ours, "keras")
    layer = {"GroupQueryAttention": "grouped_query_attention", "ConvLSTM1D": "conv_lstm1d"}
    path = layer.get(name, layers.module.snake_case(name.split(",")[0]))
    wanted = {f"layers/{path}/{n}": shape for n, shape in NAMES[name].items()}
    assert {n: a.shape for n, a in arrays.items()} == wanted
    again, x = made(name), given(name)
    again.load_state_dict(axon.convert.translate(again, arrays))
    np.testing.assert_array_equal(again.predict(x), ours.predict(x))


def test_keras_divides_by_the_largest_singular_value_before_it_saves():
    model = made("SpectralNormalization")
    kernel, bias, u = random.normal(size=(4, 3)), random.normal(size=3), random.normal(size=(1, 3))
    inner = {"layer/vars/0": kernel, "layer/vars/1": bias, "vars/0": kernel, "vars/1": u}
    model.load_state_dict(
        axon.convert.translate(
            model, {f"layers/spectral_normalization/{n}": a for n, a in inner.items()}
        )
    )
    alike(model.predict(np.eye(4, dtype="f4")), kernel + bias, "spectral")


@pytest.mark.slow  # 15 seconds; the names above say the same in short
@pytest.mark.skipif(not (find_spec("keras") and find_spec("h5py")), reason="Keras is missing")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_weights_to_and_from_keras(tmp_path):
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    if keras.backend.backend() != "torch":
        pytest.skip("Keras runs on another backend here")
    for name in (n for n, pair in SAME.items() if pair.keras):
        pair, x, ours = SAME[name], given(name), made(name)
        entering = keras.Input(pair.shape, dtype="int32" if pair.integers else "float32")
        layer = pair.keras(keras.layers)
        if name in TWICE:
            y = layer([entering, entering])
        else:
            y = layer(*[entering] * (1 + name.endswith(("HeadAttention", "QueryAttention"))))
        theirs = keras.Model(entering, y)
        theirs.save_weights(tmp_path / f"{name}.weights.h5")
        back = made(name)
        back.load_weights(tmp_path / f"{name}.weights.h5")
        alike(back.predict(x), theirs(x).detach().numpy(), f"{name} from Keras")
        if name in NOT_TO_KERAS:
            with pytest.raises(ForeignWeightsError, match="cannot be written as keras has it"):
                ours.save_weights(tmp_path / "to.weights.h5")
            continue
        ours.save_weights(tmp_path / f"{name} to.weights.h5")
        theirs.load_weights(tmp_path / f"{name} to.weights.h5")
        alike(ours.predict(x), theirs(x).detach().numpy(), f"{name} to Keras")


# ------------------------------------------------------------------------------------ all


def test_every_layer_with_weights_has_an_equal_or_a_reason():
    with_weights = set()
    for make, shape in SAMPLES.values():
        layer = make()
        layer.build(shape)
        if any(len(p.shape) or p.size for p in layer.parameters()):
            with_weights.add(type(layer).__name__)
    known = {name.split(",")[0] for name in SAME} | ALONE.keys()
    assert with_weights <= known, with_weights - known
    assert not ALONE.keys() & SAME.keys()
    for name in ALONE:
        assert issubclass(getattr(layers, name), layers.Layer)
