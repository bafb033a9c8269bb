"""Weights from elsewhere: files that PyTorch wrote make AXON compute the same."""

import ast
import re

import numpy as np
import pytest

import axon
from axon.convert import ForeignWeightsError, source_of, translate
from axon.layers import (
    GRU,
    LSTM,
    Activation,
    AveragePooling2D,
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
    GlobalAveragePooling2D,
    GroupNormalization,
    Layer,
    LayerNormalization,
    MaxPooling1D,
    MaxPooling2D,
    MultiHeadAttention,
    PositionalEmbedding,
    Reshape,
    RMSNormalization,
    SeparableConv2D,
    SimpleRNN,
    TransformerBlock,
)
from axon.models import Model, Sequential

torch = pytest.importorskip("torch")
save_file = pytest.importorskip("safetensors.torch").save_file
nn = torch.nn
EPSILON = {"epsilon": 1e-5}


@pytest.fixture(autouse=True)
def _seeds():
    torch.manual_seed(0)
    axon.set_random_seed(1)


def shaken(network):
    """The network with all its numbers drawn anew: the usual first biases are all 0 or 1."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(0.3 * torch.randn(tensor.shape) + ("var" in name))
            if "var" in name:
                tensor.abs_().add_(0.1)
    return network.eval()


def arrays_of(network):
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


def loaded(model, network, tmp_path, **options):
    """Write the network's weights as its users do, and load them."""
    path = tmp_path / "net.safetensors"
    save_file({name: t.contiguous() for name, t in network.state_dict().items()}, path)
    model.load_weights(path, **options)
    return model


def first(x):
    """Channels last -> channels first, as PyTorch wants images and series."""
    return torch.tensor(np.moveaxis(x, -1, 1).copy())


def last(y):
    """The way back, for what still has places."""
    y = y.detach().numpy()
    return np.moveaxis(y, 1, -1) if y.ndim > 2 else y


def same(ours, theirs):
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else theirs
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, 1e-5, 1e-5 * max(1, np.abs(theirs).max()))


def images(channels, size=8):
    return draw(3, size, size, channels)


# ------------------------------------------------------------------------------------ networks


def test_a_dense_network(tmp_path):
    network = shaken(nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 5), nn.Linear(5, 3)))
    model = Sequential([Dense(6, 5, "relu"), Dense(5), Dense(3)])
    x = draw(4, 6)
    same(loaded(model, network, tmp_path).predict(x), network(torch.tensor(x)))


def test_more_than_ten_layers_of_one_shape_keep_their_order(tmp_path):
    network = shaken(nn.Sequential(*(nn.Linear(4, 4) for _ in range(13))))
    model = Sequential([Dense(4, 4) for _ in range(13)])
    x = draw(4, 4)
    same(loaded(model, network, tmp_path).predict(x), network(torch.tensor(x)))


def test_a_convolutional_network_flattened(tmp_path):
    network = shaken(
        nn.Sequential(
            nn.Conv2d(3, 4, (3, 2)),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(),
            nn.BatchNorm1d(4 * 3 * 3),
            nn.Linear(4 * 3 * 3, 4 * 3 * 3),
            nn.LayerNorm(36),
            nn.Linear(36, 2),
        )
    )
    model = Sequential(
        [
            *(Conv2D(4, (3, 2)), BatchNormalization(**EPSILON), Activation("relu")),
            *(MaxPooling2D(2), Flatten(), Dropout(0.5), BatchNormalization(**EPSILON)),
            *(Dense(36), LayerNormalization(**EPSILON), Dense(2)),
        ]
    )
    model.build((8, 8, 3))
    x = images(3)
    same(loaded(model, network, tmp_path).predict(x), network(first(x)))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (lambda: nn.Conv2d(4, 6, 3), lambda: Conv2D(6, 3)),
        (lambda: nn.Conv2d(4, 6, 3, bias=False), lambda: Conv2D(6, 3, use_bias=False)),
        (lambda: nn.Conv2d(4, 6, 3, groups=2), lambda: Conv2D(6, 3, groups=2)),
        (lambda: nn.Conv2d(4, 6, (3, 1), dilation=2), lambda: Conv2D(6, (3, 1), dilation_rate=2)),
        (lambda: nn.Conv2d(4, 6, 3, padding="same"), lambda: Conv2D(6, 3, padding="same")),
        (
            lambda: nn.Conv2d(4, 8, (2, 3), groups=4),
            lambda: DepthwiseConv2D((2, 3), depth_multiplier=2),
        ),
        (lambda: nn.ConvTranspose2d(4, 6, (3, 2)), lambda: Conv2DTranspose(6, (3, 2))),
        (lambda: nn.ConvTranspose2d(4, 6, 3, 2), lambda: Conv2DTranspose(6, 3, 2)),
        (lambda: nn.GroupNorm(2, 4), lambda: GroupNormalization(2, **EPSILON)),
        (
            lambda: nn.InstanceNorm2d(4, affine=True),
            lambda: GroupNormalization(-1, **EPSILON),
        ),
        (lambda: nn.BatchNorm2d(4), lambda: BatchNormalization(**EPSILON)),
        (
            lambda: nn.BatchNorm2d(4, affine=False),
            lambda: BatchNormalization(center=False, scale=False, **EPSILON),
        ),
    ],
)
def test_layers_on_images(tmp_path, theirs, ours):
    network, model = shaken(nn.Sequential(theirs())), Sequential([ours()])
    model.build((8, 8, 4))
    x = images(4)
    same(loaded(model, network, tmp_path).predict(x), last(network(first(x))))


@pytest.mark.parametrize("biased", [True, False])
def test_a_separable_convolution_is_two_convolutions(tmp_path, biased):
    two = nn.Conv2d(4, 8, 3, groups=4, bias=biased), nn.Conv2d(8, 5, 1)
    network = shaken(nn.Sequential(*two, nn.Conv2d(5, 2, 1)))
    model = Sequential([SeparableConv2D(5, 3, depth_multiplier=2), Conv2D(2, 1)])
    model.build((8, 8, 4))
    x = images(4)
    same(loaded(model, network, tmp_path).predict(x), last(network(first(x))))


def test_series(tmp_path):
    convolutions = nn.Conv1d(3, 4, 3), nn.MaxPool1d(2), nn.Conv1d(4, 6, 2, groups=2)
    norms = nn.BatchNorm1d(6), nn.GroupNorm(2, 6)
    ends = nn.Tanh(), nn.Flatten(), nn.Linear(24, 2)
    network = shaken(nn.Sequential(*convolutions, *norms, *ends))
    model = Sequential(
        [
            *(Conv1D(4, 3), MaxPooling1D(2), Conv1D(6, 2, groups=2)),
            *(BatchNormalization(**EPSILON), GroupNormalization(2, **EPSILON), Activation("tanh")),
            *(Flatten(), Dense(2)),
        ]
    )
    model.build((12, 3))
    x = draw(3, 12, 3)
    same(loaded(model, network, tmp_path).predict(x), network(first(x)))


@pytest.mark.parametrize("ours", [LayerNormalization, RMSNormalization])
def test_normalizations_of_rows(tmp_path, ours):
    theirs = {LayerNormalization: nn.LayerNorm, RMSNormalization: nn.RMSNorm}[ours]
    network = shaken(nn.Sequential(theirs(6, eps=1e-5)))
    model = Sequential([ours(epsilon=1e-5)])
    model.build((6,))
    x = draw(4, 6)
    same(loaded(model, network, tmp_path).predict(x), network(torch.tensor(x)))


class Inner(nn.Module):
    """A network of recurrent layers: those of PyTorch return more than their outputs."""

    def __init__(self, *layers, head=None):
        super().__init__()
        self.rnn = nn.ModuleList(layers)
        self.head = head

    def forward(self, x):
        for layer in self.rnn:
            x = layer(x)[0] if isinstance(layer, nn.RNNBase) else layer(x)
        return x if self.head is None else self.head(x[:, -1])


RECURRENT = [(LSTM, nn.LSTM), (GRU, nn.GRU), (SimpleRNN, nn.RNN)]


@pytest.mark.parametrize(("ours", "theirs"), RECURRENT)
@pytest.mark.parametrize("bias", [True, False])
def test_recurrent_layers(tmp_path, ours, theirs, bias):
    layers = theirs(4, 3, bias=bias, batch_first=True), theirs(3, 3, 3, batch_first=True)
    network = shaken(Inner(*layers, head=nn.Linear(3, 2)))
    sequences = {"return_sequences": True}
    more = ours(3, **sequences), ours(3, **sequences), ours(3), Dense(2)
    model = Sequential([ours(3, use_bias=bias, **sequences), *more])
    model.build((7, 4))
    x = draw(3, 7, 4)
    same(loaded(model, network, tmp_path).predict(x), network(torch.tensor(x)))


@pytest.mark.parametrize(("ours", "theirs"), RECURRENT)
def test_two_layers_in_both_directions(tmp_path, ours, theirs):
    network = shaken(Inner(theirs(4, 3, 2, batch_first=True, bidirectional=True)))
    model = Sequential([Bidirectional(ours(3, return_sequences=True)) for _ in range(2)])
    model.build((7, 4))
    x = draw(3, 7, 4)
    same(loaded(model, network, tmp_path).predict(x), network(torch.tensor(x)))


def test_a_lone_recurrent_layer_has_no_prefix(tmp_path):
    network = shaken(nn.LSTM(4, 3, batch_first=True))
    model = Sequential([LSTM(3, return_sequences=True)])
    model.build((7, 4))
    x = draw(3, 7, 4)
    same(loaded(model, network, tmp_path).predict(x), network(torch.tensor(x))[0])


def test_the_first_kind_of_gru_has_no_counterpart():
    model = Sequential([GRU(3, reset_after=False)])
    model.build((7, 4))
    with pytest.raises(ValueError, match=r"reset gate after the product.*Leave reset_after out"):
        translate(model, arrays_of(nn.GRU(4, 3)))


@pytest.mark.parametrize("bias", [True, False])
def test_attention(tmp_path, bias):
    network = shaken(nn.MultiheadAttention(8, 2, batch_first=True, bias=bias))
    model = Sequential([MultiHeadAttention(2, use_bias=bias)])
    model.build((5, 8))
    x = draw(3, 5, 8)
    t = torch.tensor(x)
    same(loaded(model, network, tmp_path).predict(x), network(t, t, t)[0])


def test_attention_to_keys_and_values_of_other_sizes(tmp_path):
    class Across(Model):
        def __init__(self):
            super().__init__()
            self.attention = MultiHeadAttention(2, key_dim=4)

        def forward(self, query, value, key):
            return self.attention(query, value, key)

    network = shaken(nn.MultiheadAttention(8, 2, kdim=6, vdim=7, batch_first=True))
    query, value, key = draw(3, 5, 8), draw(3, 4, 7), draw(3, 4, 6)
    model = Across()
    model.build((5, 8), (4, 7), (4, 6))
    theirs = network(*(torch.tensor(x) for x in (query, key, value)))[0]
    same(loaded(model, network, tmp_path).predict((query, value, key)), theirs)


@pytest.mark.parametrize("normalize_first", [True, False])
def test_a_transformer(tmp_path, normalize_first):
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.TransformerEncoderLayer(
                *(8, 2, 16, 0.1), batch_first=True, norm_first=normalize_first
            )
            self.words = nn.Embedding(11, 8)
            self.places = nn.Parameter(torch.zeros(1, 5, 8))
            self.body = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
            self.norm = nn.LayerNorm(8)
            self.head = nn.Linear(8, 11, bias=False)

        def forward(self, x):
            return self.head(self.norm(self.body(self.words(x) + self.places)))

    network = shaken(Encoder())
    options = {"normalize_first": normalize_first, **EPSILON}
    blocks = [TransformerBlock(2, 16, **options) for _ in range(3)]
    ends = LayerNormalization(**EPSILON), Dense(8, 11, use_bias=False)
    model = Sequential([Embedding(11, 8), PositionalEmbedding(), *blocks, *ends])
    model.build((5,))
    x = np.random.default_rng(0).integers(0, 11, (3, 5))
    # an Embedding and a Dense without bias look alike, and so do their names tell nothing
    with pytest.raises(ForeignWeightsError, match=r'not clear.*(?s:.*)"embedding": "head"'):
        loaded(model, network, tmp_path)
    names = {"embedding": "words", "dense": "head"}
    same(loaded(model, network, tmp_path, name_map=names).predict(x), network(torch.tensor(x)))


def test_attention_beside_a_whole_layer_of_a_transformer(tmp_path):
    parts = {
        "layer": nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True),
        "last": nn.ModuleDict({"self_attn": nn.MultiheadAttention(8, 2, batch_first=True)}),
    }
    network = shaken(nn.ModuleDict(parts))
    model = Sequential([TransformerBlock(2, 16, **EPSILON), MultiHeadAttention(2)])
    model.build((5, 8))
    x = draw(3, 5, 8)
    y = network["layer"](torch.tensor(x))
    theirs = network["last"]["self_attn"](y, y, y)[0]
    same(loaded(model, network, tmp_path).predict(x), theirs)


# ------------------------------------------------------------------------------------ matching


class Net(Model):
    """A network with names of its own, defined in another order than its twin."""

    def __init__(self):
        super().__init__()
        self.flatten = Flatten()
        self.end, self.middle = Dense(6), Dense(6)
        self.features = Sequential([Conv2D(4, 3), Conv2D(4, 3, activation="relu")])
        self.fc1 = Dense(6)

    def forward(self, x):
        return self.end(self.middle(self.fc1(self.flatten(self.features(x)))))


class Twin(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.ReLU())
        self.fc1, self.middle, self.end = nn.Linear(64, 6), nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x):
        return self.end(self.middle(self.fc1(self.features(x).flatten(1))))


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_same_names_on_both_sides(tmp_path, wrapped):
    network, model = shaken(Twin()), Net()
    model.build((8, 8, 3))
    x = images(3)
    expected = network(first(x))
    if wrapped:  # as DataParallel does
        network = nn.ModuleDict({"module": network})
    same(loaded(model, network, tmp_path).predict(x), expected)


class Reader(Model):
    """Flattens without a layer, in its own forward."""

    def __init__(self, flatten):
        super().__init__()
        self.conv, self.fc, self.flatten = Conv2D(4, 3), Dense(5), flatten

    def forward(self, x):
        return self.fc(axon.activations.relu(self.flatten(self.conv(x))))


@pytest.mark.parametrize(
    "flatten", [lambda x: x.reshape(len(x), -1), Reshape((-1,)), lambda x: x.transpose(0, 1, 2, 3)]
)
def test_flattening_is_found_wherever_it_is_done(tmp_path, flatten):
    model = Reader(flatten)
    twin = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.ReLU(), nn.Linear(4 * 36, 5))
    network, x = shaken(twin), images(3)
    model.build((8, 8, 3))
    if model.fc.weights.shape[0] == 4:  # the third one flattens nothing
        with pytest.raises(ForeignWeightsError, match=r"4 more|fc"):
            loaded(model, network, tmp_path)
    else:
        same(loaded(model, network, tmp_path).predict(x), network(first(x)))


def test_what_is_averaged_or_comes_from_words_is_not_reordered(tmp_path):
    network = shaken(nn.Sequential(nn.Conv2d(3, 6, 3), nn.Flatten(2), nn.Linear(6, 6)))
    model = Sequential([Conv2D(6, 3), GlobalAveragePooling2D(), Dense(6)])
    model.build((8, 8, 3))
    x = images(3)
    pooled = network[0](first(x)).mean((2, 3))
    same(loaded(model, network, tmp_path).predict(x), network[2](pooled))

    words = shaken(nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(20, 3)))
    model = Sequential([Embedding(9, 4), Flatten(), Dense(3)])
    model.build((5,))
    ids = np.random.default_rng(0).integers(0, 9, (3, 5))
    same(loaded(model, words, tmp_path).predict(ids), words(torch.tensor(ids)))


def test_the_order_of_rows_can_be_said(tmp_path):
    network, model = shaken(nn.Sequential(nn.Linear(24, 3))), Sequential([Dense(24, 3)])
    images = x = draw(2, 3, 4, 2)  # flattened before they enter
    options = {"name_map": {"dense": ("0", (2, 3, 4))}}
    ours = loaded(model, network, tmp_path, **options).predict(x.reshape(2, -1))
    same(ours, network(first(x).flatten(1)))

    model = Sequential([AveragePooling2D(1), Flatten(), Dense(3)])
    model.build((3, 4, 2))
    options = {"name_map": {"dense": ("0", None)}}
    same(
        loaded(model, network, tmp_path, **options).predict(x), network(torch.tensor(x).flatten(1))
    )
    model = Sequential([Dense(24, 3)])
    x = x.reshape(2, -1)
    options = {"name_map": {"dense/weights": ("0.weight", (2, 3, 4)), "dense/bias": "0.bias"}}
    same(loaded(model, network, tmp_path, **options).predict(x), network(first(images).flatten(1)))


@pytest.mark.parametrize(
    "further", [lambda x: x[:, ::-1], lambda x: axon.ops.concatenate([x[:, :70], x[:, 70:]])]
)
def test_what_is_turned_or_joined_after_flattening_has_to_be_said(further):
    model = Reader(lambda x: further(x.reshape(len(x), -1)))
    model.build((8, 8, 3))
    arrays = arrays_of(nn.ModuleDict({"conv": nn.Conv2d(3, 4, 3), "fc": nn.Linear(144, 5)}))
    refused(model, arrays, r"'fc' reads images that were flattened, and then cut, joined or turned")
    made = translate(model, arrays, {"fc": ("fc", None)})
    assert np.array_equal(made["fc/weights"], arrays["fc.weight"].T)
    own = {"fc/weights": ("fc.weight", lambda w: w.T[::-1]), "fc/bias": "fc.bias"}
    assert np.array_equal(translate(model, arrays, own)["fc/weights"], arrays["fc.weight"].T[::-1])


def test_pictures_without_colours_lie_alike():
    model = Reader(lambda x: axon.ops.concatenate([x.reshape(len(x), -1)[:, 5:], x[:, 0, :5, 0]]))
    model.conv = Conv2D(1, 3)
    model.build((8, 8, 3))
    arrays = arrays_of(nn.ModuleDict({"conv": nn.Conv2d(3, 1, 3), "fc": nn.Linear(36, 5)}))
    assert np.array_equal(translate(model, arrays)["fc/weights"], arrays["fc.weight"].T)


def test_pixels_that_became_samples_were_not_flattened():
    class ByPixel(Model):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = Conv2D(4, 3), Dense(5)

        def forward(self, x):
            y = self.conv(x)
            return self.fc(y.reshape(-1, 4)).reshape(*y.shape[:3], 5)

    model = ByPixel()
    model.build((8, 8, 3))
    arrays = arrays_of(nn.ModuleDict({"conv": nn.Conv2d(3, 4, 3), "fc": nn.Linear(4, 5)}))
    assert np.array_equal(translate(model, arrays)["fc/weights"], arrays["fc.weight"].T)


def test_steps_that_are_read_one_by_one_were_not_flattened(tmp_path):
    network = shaken(nn.Sequential(nn.Conv1d(3, 4, 3), nn.Linear(4, 2)))
    model = Sequential([Conv1D(4, 3), Dense(2)])
    model.build((6, 3))
    x = draw(3, 6, 3)
    theirs = network[1](network[0](first(x)).transpose(1, 2))
    same(loaded(model, network, tmp_path).predict(x), theirs)


ALIKE = nn.ModuleDict({name: nn.Linear(4, 4) for name in ("second", "first")})


@pytest.mark.parametrize(
    "name_map",
    [
        {"dense": "first", "dense_1": "second"},
        {"dense": "first"},
        {"dense": ["first"]},
        {"dense/weights": "first.weight", "dense/bias": "first.bias"},
        {"dense_1/weights": ("second.weight", np.transpose), "dense_1/bias": "second.bias"},
        {"dense": "first", "dense_1/bias": ("second.bias", lambda b: b)},
        lambda path: {"dense": "first"}.get(path),
    ],
)
def test_name_maps(tmp_path, name_map):
    network, model = shaken(ALIKE), Sequential([Dense(4, 4), Dense(4, 4)])
    x = draw(3, 4)
    theirs = network["second"](network["first"](torch.tensor(x)))
    same(loaded(model, network, tmp_path, name_map=name_map).predict(x), theirs)


def test_a_name_map_speaks_of_whole_parts(tmp_path):
    class Pair(Model):
        def __init__(self):
            super().__init__()
            self.left = Sequential([Dense(3, 3), Dense(3, 3)])
            self.right = Sequential([Dense(3, 3), Dense(3, 3)])

        def forward(self, x):
            return self.left(x) - self.right(x)

    parts = {name: nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)) for name in ("a", "b")}
    network, model, x = shaken(nn.ModuleDict(parts)), Pair(), draw(2, 3)
    model.build((3,))
    with pytest.raises(ForeignWeightsError, match="not clear which"):
        loaded(model, network, tmp_path)
    loaded(model, network, tmp_path, name_map={"left": "b", "right": "a"})
    t = torch.tensor(x)
    same(model.predict(x), network["b"](t) - network["a"](t))
    deeper = {"left": "b", "right": "a", "left/dense": "b.1"}
    loaded(model, network, tmp_path, name_map=deeper)
    same(model.predict(x), network["b"][0](network["b"][1](t)) - network["a"](t))


def test_layers_that_stand_in_a_model_twice(tmp_path):
    layer = Dense(4, 4)
    network, model = shaken(nn.Sequential(nn.Linear(4, 4))), Sequential([layer, layer])
    x = draw(3, 4)
    same(loaded(model, network, tmp_path).predict(x), network(network(torch.tensor(x))))


def test_attention_from_four_projections():
    """As transformers are written where nobody uses MultiheadAttention."""
    parts = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "o_proj"}
    network = shaken(nn.ModuleDict({name: nn.Linear(8, 8) for name in parts.values()}))
    model = Sequential([MultiHeadAttention(2)])
    model.build((5, 8))
    name_map = {}
    for ours, theirs in parts.items():
        name_map[f"multi_head_attention/{ours}_weights"] = (f"{theirs}.weight", np.transpose)
        name_map[f"multi_head_attention/{ours}_bias"] = (f"{theirs}.bias", lambda bias: bias)
    model.load_state_dict(translate(model, arrays_of(network), name_map))
    t = torch.tensor(draw(3, 5, 8))
    q, k, v = (network[f"{p}_proj"](t).reshape(3, 5, 2, 4).transpose(1, 2) for p in "qkv")
    heads = nn.functional.scaled_dot_product_attention(q, k, v)
    theirs = network["o_proj"](heads.transpose(1, 2).reshape(3, 5, 8))
    same(model.predict(t.numpy()), theirs)


def test_only_what_fits_if_asked():
    network, model = (
        nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3)),
        Sequential([Dense(4, 5), Dense(2)]),
    )
    made = translate(model, arrays_of(network), strict=False)
    assert list(made) == ["dense/weights", "dense/bias"]
    assert np.array_equal(made["dense/weights"], network[0].weight.detach().numpy().T)

    named = nn.ModuleDict({"features": nn.Linear(3, 4), "other": nn.Linear(3, 9)})
    model = Net()
    model.build((8, 8, 3))
    assert translate(model, arrays_of(named), strict=False) == {}
    twins = {**arrays_of(Twin()), "fc3.weight": draw(2, 6)}
    twins.pop("fc1.weight")
    made = translate(model, twins, strict=False)
    assert {path.partition("/")[0] for path in made} == {"end", "middle", "features"}


def test_a_model_that_is_not_changed_and_keeps_what_nobody_else_has():
    model = Sequential([Dense(4, 3), Dropout(0.5), Dense(3, 2)])
    model.predict(draw(1, 4))
    before = model.state_dict()
    network = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)).double()
    made = translate(model, arrays_of(network))
    assert all(np.array_equal(before[k], a) for k, a in model.state_dict().items())
    assert set(made) == set(before)
    assert {a.dtype for path, a in made.items() if "dense" in path} == {np.dtype("f4")}
    assert all(np.array_equal(made[k], before[k]) for k in made if "dropout" in k)
    assert any("dropout" in k for k in made)


def test_own_names_win():
    model = Sequential([Dense(4, 3)])
    own = {**model.state_dict(), "0.weight": draw(3, 4)}
    assert translate(model, own)["dense/weights"] is own["dense/weights"]


def test_where_names_are_from():
    assert source_of({"fc.weight": 0}) == source_of(["weight_ih_l0"]) == "torch"
    assert source_of(["bn.running_mean", "x"]) == source_of(["lstm.bias_hh_l1_reverse"]) == "torch"
    assert source_of(["layers/dense/vars/0"]) == source_of(["vars/0"]) == "keras"
    assert source_of(["dense/dense/kernel:0"]) == source_of(["a/b/kernel"]) == "keras"
    assert source_of(["dense/weights", "dense/bias"]) is source_of(["w1"]) is source_of([]) is None


# ------------------------------------------------------------------------------------ misfits


def refused(model, arrays, match, **options):
    with pytest.raises(ForeignWeightsError, match=match) as caught:
        translate(model, arrays, **options)
    return str(caught.value)


def test_both_sides_are_shown():
    network = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    model = Sequential([Dense(4, 5), Dense(2)])
    assert refused(model, arrays_of(network), "not those of the model").splitlines()[1:] == [
        f"    {'in the file':27} | wanted by the model",
        f"    {'0: weight (5, 4), bias (5,)':27} | dense (Dense): weight (5, 4), bias (5,)",
        f"  ! {'2: weight (3, 5), bias (3,)':27} | dense_1 (Dense): weight (2, 5), bias (2,)",
        "strict=False loads what fits, and leaves out the rest.",
    ]


def pasted(text):
    """The name map in a message."""
    return ast.literal_eval(re.search(r"name_map=({.*})", text)[1])


def test_the_name_map_of_an_error_can_be_pasted():
    network = nn.Sequential(nn.Linear(5, 3), nn.Conv2d(8, 4, 1), nn.Linear(4, 5))
    network.append(nn.Conv2d(4, 8, 3, groups=4))
    arrays = arrays_of(network)
    model = Sequential([SeparableConv2D(4, 3, depth_multiplier=2, name="convolution")])
    for layer in (GlobalAveragePooling2D(), Dense(5), Dense(3)):
        model.add(layer)
    model.build((8, 8, 4))
    text = refused(model, arrays, "not those of the model")
    assert pasted(text) == {"convolution": ["3", "1"], "dense": "2", "dense_1": "0"}
    made = translate(model, arrays, pasted(text))
    assert np.array_equal(made["dense/weights"], arrays["2.weight"].T)
    assert np.array_equal(made["dense_1/bias"], arrays["0.bias"])


def test_what_fits_nowhere_is_a_question_mark_in_the_name_map():
    arrays = arrays_of(nn.Sequential(nn.Linear(5, 3), nn.Linear(4, 5)))
    text = refused(Sequential([Dense(4, 5), Dense(2)]), arrays, "question marks")
    assert pasted(text) == {"dense": "1", "dense_1": "?"}


def test_where_it_is_not_clear_the_name_map_can_be_pasted():
    arrays = arrays_of(ALIKE)
    model = Sequential([Dense(4, 4), Dense(4, 4)])
    names = pasted(refused(model, arrays, "not clear"))
    assert names == {"dense": "first", "dense_1": "second"}
    assert np.array_equal(translate(model, arrays, names)["dense/bias"], arrays["first.bias"])


def test_layers_too_many_and_too_few():
    arrays = arrays_of(nn.Sequential(*(nn.Linear(4, 4) for _ in range(12))))
    text = refused(Sequential([Dense(4, 4)]), arrays, "not those of the model")
    assert text.splitlines()[3].endswith("| -")
    assert "and 4 more" in text
    text = refused(Sequential([Dense(4, 4) for _ in range(13)]), arrays, "not those of the model")
    assert f"  ! {'-':28} | dense_12 (Dense)" in text
    extra = {**arrays_of(Twin()), "prelu.weight": draw(6)}
    model = Net()
    model.build((8, 8, 3))
    assert "prelu: weight (6,)" in refused(model, extra, "find no partner")


def test_hints():
    arrays = arrays_of(nn.Sequential(nn.Linear(4, 3, bias=False)))
    refused(Sequential([Dense(4, 3)]), arrays, r"no bias for 'dense': make it with use_bias=False")
    arrays = arrays_of(nn.Sequential(nn.Linear(4, 3)))
    refused(Sequential([Dense(4, 3, use_bias=False)]), arrays, r"has a bias for 'dense'")
    turned = {"0.weight": draw(4, 3), "0.bias": draw(3)}
    refused(Sequential([Dense(4, 3)]), turned, "differ in their order only")


def test_a_layer_of_the_same_name_that_does_not_fit():
    arrays = arrays_of(Twin())
    model = Net()
    model.build((9, 9, 3))
    refused(model, arrays, "'fc1'.* does not fit 'fc1'")


def test_names_that_nobody_knows():
    model = Sequential([Dense(4, 3)])
    refused(model, {"w": draw(4, 3)}, r"neither AXON's names .* 'w'.*source='torch'")
    with pytest.raises(
        ValueError, match=r"unknown source 'tensorflow'.*Known: keras, pytorch, torch"
    ):
        translate(model, {}, source="tensorflow")
    with pytest.raises(RuntimeError, match="not built"):
        translate(Sequential([Dense(4)]), {"0.weight": draw(4, 3)})


def test_name_maps_that_make_no_sense():
    model, arrays = Sequential([Dense(4, 4), Dense(4, 4)]), arrays_of(ALIKE)
    maps = {
        r"no layer 'dens' .*Did you mean 'dense'": {"dens": "first"},
        r"no layer 'firs'.*Did you mean 'first'": {"dense": "firs"},
        "given away already": {"dense": "first", "dense_1": "first"},
        "a function makes one parameter": {"dense": ("first", np.transpose)},
        "says how the rows of one Dense": {"": ("", (2, 2))},
        r"reads 4 numbers.*\(3, 3\)": {"dense": ("first", (3, 3)), "dense_1": "second"},
        r"no array 'first.weigh'.*Did you mean 'first.weight'": {"dense/weights": "first.weigh"},
        r"is made of weight \(4, 4\), got first.bias \(4,\)": {"dense/weights": "first.bias"},
        r"becomes \(16,\).*A function": {"dense/weights": ("first.weight", np.ravel)},
    }
    for match, name_map in maps.items():
        refused(model, arrays, match, name_map=name_map)
    for value in (3, (), [], ("a", "b"), ("a", (0,)), ("a", (2,), 3), [1]):
        with pytest.raises(TypeError, match=r"name_map: 'dense' must be the name .* got"):
            translate(model, arrays, {"dense": value})


def test_layers_of_ones_own():
    class Own(Layer):
        def create(self, shape):
            self.factor = self.parameter("factor", "ones", shape)

        def call(self, x):
            return x * self.factor

    model = Sequential([Dense(4, 3), Own()])
    model.build((4,))
    arrays = {"fc.weight": draw(3, 4), "fc.bias": draw(3), "scale": draw(1, 3)}
    alone = {k: arrays[k] for k in ("fc.weight", "fc.bias")}
    assert "own (Own): weight (3,)" in refused(model, alone, "not those of the model")
    made = translate(model, arrays, {"own/factor": ("scale", np.ravel)})
    assert np.array_equal(made["own/factor"], arrays["scale"][0])
    alike = translate(model, {**alone, "scale": arrays["scale"][0]})
    assert np.array_equal(alike["own/factor"], arrays["scale"][0])


def test_layers_of_ones_own_by_their_names():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3))
            self.bias = nn.Parameter(torch.randn(3))
            self.power = nn.Parameter(torch.rand(3) + 1)

        def forward(self, x):
            return self.weight * x.abs() ** self.power + self.bias

    class Own(Layer):
        def create(self, shape):
            for name in ("power", "bias", "weight"):
                setattr(self, name, self.parameter(name, "ones", shape))

        def call(self, x):
            return self.weight * abs(x) ** self.power + self.bias

    network = nn.Sequential(nn.Linear(4, 3), Scaled(), nn.Linear(3, 3), Scaled())
    model = Sequential([Dense(4, 3), Own(), Dense(3), Own()])
    model.build((4,))
    model.load_weights(network)
    x = draw(5, 4)
    same(model.predict(x), network(torch.tensor(x)))


# ------------------------------------------------------------------------------------ transformers


def apart(state, names):
    """What PyTorch's own block holds, with the projections apart and other names."""
    query, out, norm1, linear1, linear2, norm2 = names
    found = {}
    for role in ("weight", "bias"):
        thirds = np.split(state[f"self_attn.in_proj_{role}"], 3)
        found |= {q + f".{role}": third for q, third in zip(query, thirds, strict=True)}
        found[f"{out}.{role}"] = state[f"self_attn.out_proj.{role}"]
        for ours, theirs in (
            *(("norm1", norm1), ("norm2", norm2)),
            *(("linear1", linear1), ("linear2", linear2)),
        ):
            found[f"{theirs}.{role}"] = state[f"{ours}.{role}"]
    return found


def apart_as(before, *letters, **names):
    return [f"{before}.{letter}" for letter in letters], *names.values()


TRANSFORMERS = {
    "BERT": apart_as(
        *("attention.self", "query", "key", "value"),
        out="attention.output.dense",
        norm1="attention.output.LayerNorm",
        linear1="intermediate.dense",
        linear2="output.dense",
        norm2="output.LayerNorm",
    ),
    "ViT": apart_as(
        *("attention.attention", "query", "key", "value"),
        out="attention.output.dense",
        norm1="layernorm_before",
        linear1="intermediate.dense",
        linear2="output.dense",
        norm2="layernorm_after",
    ),
    "ViT, later": apart_as(
        *("attention", "q_proj", "k_proj", "v_proj"),
        out="attention.o_proj",
        norm1="layernorm_before",
        linear1="mlp.fc1",
        linear2="mlp.fc2",
        norm2="layernorm_after",
    ),
    "DistilBERT": apart_as(
        *("attention", "q_lin", "k_lin", "v_lin"),
        out="attention.out_lin",
        norm1="sa_layer_norm",
        linear1="ffn.lin1",
        linear2="ffn.lin2",
        norm2="output_layer_norm",
    ),
    "BART": apart_as(
        *("self_attn", "q_proj", "k_proj", "v_proj"),
        out="self_attn.out_proj",
        norm1="self_attn_layer_norm",
        linear1="fc1",
        linear2="fc2",
        norm2="final_layer_norm",
    ),
    "CLIP": apart_as(
        *("self_attn", "q_proj", "k_proj", "v_proj"),
        out="self_attn.out_proj",
        norm1="layer_norm1",
        linear1="mlp.fc1",
        linear2="mlp.fc2",
        norm2="layer_norm2",
    ),
}


@pytest.mark.parametrize("family", TRANSFORMERS)
def test_published_transformers(family):
    layers = [nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(2)]
    model = Sequential([TransformerBlock(2, 16, **EPSILON) for _ in layers])
    model.build((5, 8))
    state = {}
    for i, layer in enumerate(layers):
        named = apart(arrays_of(shaken(layer)), TRANSFORMERS[family])
        state |= {f"encoder.layer.{i}.{name}": array for name, array in named.items()}
    wanted = translate(model, arrays_of(nn.Sequential(*layers)))
    made = translate(model, state)
    assert all(np.array_equal(made[name], wanted[name]) for name in wanted)


def test_gpt_2():
    """Queries, keys and values lie in one array, and arrays are (in, out)."""
    layer = shaken(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True))
    model = Sequential([TransformerBlock(2, 16, causal=True, **EPSILON)])
    model.build((5, 8))
    state = arrays_of(layer)
    names = {
        **{"self_attn.in_proj_": "attn.c_attn.", "self_attn.out_proj.": "attn.c_proj."},
        **{"linear1.": "mlp.c_fc.", "linear2.": "mlp.c_proj."},
        **{"norm1.": "ln_1.", "norm2.": "ln_2."},
    }
    theirs = {
        f"h.0.{there}{name.removeprefix(here)}": array.T
        for name, array in state.items()
        for here, there in names.items()
        if name.startswith(here)
    }
    made, wanted = translate(model, theirs), translate(model, state)
    assert all(np.array_equal(made[name], wanted[name]) for name in wanted)


def test_keys_without_bias_and_attention_alone():
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    state = {}
    for i, letter in enumerate("qkv"):
        rows = slice(8 * i, 8 * i + 8)
        state[f"attn.{letter}_proj.weight"] = arrays_of(attention)["in_proj_weight"][rows]
        if letter != "k":
            state[f"attn.{letter}_proj.bias"] = draw(8)
    state["attn.out_proj.weight"], state["attn.out_proj.bias"] = draw(8, 8), draw(8)
    model = Sequential([MultiHeadAttention(2)])
    model.build((5, 8))
    made = translate(model, state)
    assert np.array_equal(made["multi_head_attention/key_weights"], state["attn.k_proj.weight"].T)
    assert not made["multi_head_attention/key_bias"].any()
    assert np.array_equal(made["multi_head_attention/value_bias"], state["attn.v_proj.bias"])


def test_epsilon_of_a_block_is_told_by_the_block():
    network = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
    model = Sequential([TransformerBlock(2, 16, name="first")])
    model.build((5, 8))
    with pytest.warns(UserWarning, match=r"epsilon of first is 0.001"):
        translate(model, arrays_of(network))


def test_epsilon_cannot_be_known():
    network = nn.Sequential(nn.BatchNorm1d(3), nn.LayerNorm(3))
    model = Sequential([BatchNormalization(), LayerNormalization(epsilon=1e-3)])
    model.build((3,))
    with pytest.warns(
        UserWarning, match=r"epsilon of batch_normalization is 0.001.*PyTorch's is 1e-05"
    ):
        translate(model, arrays_of(network), {"layer_normalization": "1"})
