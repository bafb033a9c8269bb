"""Exported models: ONNX Runtime computes what ``predict`` computes, for any number of samples."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon import Tensor, activations, core, layers, ops
from axon.activations import relu
from axon.backend import floating
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
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    Input,
    Layer,
    LayerNormalization,
    Masking,
    MaxPooling1D,
    MaxPooling2D,
    MultiHeadAttention,
    Normalization,
    PositionalEmbedding,
    Rescaling,
    Reshape,
    RMSNormalization,
    SeparableConv2D,
    SimpleRNN,
    TransformerBlock,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding2D,
)
from axon.models import Model, Sequential
from axon.modes import RecordingError, modes
from axon.operators import PRIMITIVES
from axon.parameter import Buffer
from axon.program.trace import trace
from tests.samples.layers import CELLS, GRAPHS, POLICIES, PREPARING, SAMPLES, TEXTS
from tests.samples.primitives import SAMPLES as PRIMITIVE_SAMPLES

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from axon.onnx import BatchError, UnsupportedError, export  # noqa: E402
from axon.onnx.export import export as exporting_module  # noqa: E402
from axon.onnx.export import record as recording  # noqa: E402
from axon.onnx.export.build import GraphBuilder  # noqa: E402
from axon.onnx.export.protobuf import model_proto  # noqa: E402
from axon.onnx.export.rules import RULES  # noqa: E402
from axon.onnx.export.rules.values import Value  # noqa: E402
from axon.onnx.export.rules.writer import Writer  # noqa: E402
from axon.onnx.export.simplify import simplified  # noqa: E402

BATCHES = (1, 3, 17)


def samples(*shape, n=17, dtype="float32", below=None):
    random = np.random.default_rng(1)
    if below is not None:
        return random.integers(0, below, (n, *shape)).astype(dtype)
    return random.normal(size=(n, *shape)).astype(dtype)


def ready(model, *shapes):
    """Built, and with other numbers than the usual beginnings, which hide mistakes."""
    random = np.random.default_rng(2)
    model.build(*shapes)
    for p in model.parameters():
        p.assign(random.normal(size=p.shape) * 0.4)
    for path, buffer in model.named_buffers().items():
        if "moving" in path:
            buffer.assign(random.uniform(0.5, 2, buffer.shape))
    return model


def session(made):
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    data = made.SerializeToString()
    return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def answer(running, *inputs):
    named = {entry.name: x for entry, x in zip(running.get_inputs(), inputs, strict=True)}
    (found,) = running.run(None, named)
    return found


def agrees(model, *inputs, tolerance=1e-5, wanted=None, **options):
    """Export, run on 1, 3 and 17 samples, compare with ``predict``."""
    made = export(model, **options)
    onnx.checker.check_model(made, full_check=True)
    running = session(made)
    for n in BATCHES:
        some = tuple(x[:n] for x in inputs)
        expected = model.predict(some if len(some) > 1 else some[0])
        found = answer(running, *some)
        assert found.shape == expected.shape
        assert found.dtype == (wanted or expected.dtype)
        size = max(1.0, float(np.abs(expected).max(initial=0)))
        assert np.abs(found - expected.astype("f8")).max(initial=0) < tolerance * size, n
    return made


def operators(made):
    return [node.op_type for node in made.graph.node]


def initializers(made):
    return {t.name: onnx.numpy_helper.to_array(t) for t in made.graph.initializer}


# ------------------------------------------------------------------------------------ everything


@pytest.mark.parametrize("name", SAMPLES)
def test_every_layer(name):
    make, shape = SAMPLES[name]
    agrees(ready(Sequential([make()]), shape), samples(*shape))


def test_every_layer_class_is_among_them():
    """A new layer is in SAMPLES of tests/samples/layers.py, or, if it takes integers, in TEXTS."""
    made = [make() for make, _ in SAMPLES.values()] + [m for make in TEXTS.values() for m in make()]
    made += [layer for make in GRAPHS.values() for layer in make().modules()]
    named = (getattr(layers, name) for name in dir(layers))
    public = {c for c in named if isinstance(c, type) and issubclass(c, Layer)}
    assert public - {Layer, layers.Wrapper} - POLICIES - PREPARING - CELLS <= {
        type(layer) for layer in made
    }


@pytest.mark.parametrize("name", GRAPHS)
def test_every_graph(name):
    agrees(ready(GRAPHS[name](), (3,)), samples(3))


@pytest.mark.parametrize("name", TEXTS)
def test_networks_on_whole_numbers(name):
    model = ready(Sequential(TEXTS[name]()), (6,))
    agrees(model, samples(6, dtype=model.input_dtype, below=9))


@pytest.mark.parametrize("opset", [17, 20, 24])
@pytest.mark.parametrize("name", activations.ACTIVATIONS)
def test_every_activation(name, opset):
    model = Sequential([Activation(name)])
    model.build((5,))
    made = agrees(model, samples(5) * 4, opset=opset)
    assert len(made.graph.node) == 1 or name in ("gelu", "mish", "silu")


OTHERS = {  # variants of layers that are written in another way
    "elu with alpha": lambda: Activation(lambda x: activations.elu(x, alpha=0.5)),
    "leaky_relu with its slope": lambda: Activation(
        lambda x: activations.leaky_relu(x, negative_slope=0.01)
    ),
    "gelu by tanh": lambda: Activation(lambda x: activations.gelu(x, approximate=True)),
    "softmax along the first axis": lambda: Activation(lambda x: activations.softmax(x, axis=1)),
}


@pytest.mark.parametrize("opset", [17, 20])
@pytest.mark.parametrize("name", OTHERS)
def test_activations_with_settings(name, opset):
    model = Sequential([OTHERS[name]()])
    model.build((5, 3))
    agrees(model, samples(5, 3) * 3, opset=opset)


NEVER = {  # primitives that no inference program has, or that ONNX cannot say
    *("uniform", "normal", "keep_mask", "dropout_mask"),  # random numbers
    *("warp", "warp_adjoint", "affine_maps", "corner_maps", "random_boxes"),  # augmentation
    *("log_probability", "over_probability", "sigmoid_cross_entropy", "log_cosh"),  # losses
    *("conv2d_weight", "max_pool2d_pick"),  # the way back
    *("left_shift", "right_shift"),  # which ONNX has for numbers without a sign only
    *("solve", "slogdet", "cholesky", "eigh", "qr", "svd", "pinv"),  # it has no linear algebra
    "segment_max",  # ScatterElements can, but wants a place for each number
}


def test_every_primitive_has_a_rule_or_a_reason():
    """A new primitive either gets a rule in axon/onnx/rules, or stands above."""
    elsewhere = {
        name
        for name, p in PRIMITIVES.items()
        if p.kind == "writes" or "_gradient" in name or not p.__module__.startswith("axon.")
    } - {"take_gradient"}  # which counts and adds up, too
    assert set(PRIMITIVES) - elsewhere - NEVER == set(RULES)


class Nobody:
    """Whose primitives are exported one by one."""

    name = "nobody"

    def labels(self):
        return {}

    def _named(self, kind):
        return {}


def exported(function, *arrays):
    """What a function of arrays of any shape is in ONNX."""
    inputs = [Tensor(a) for a in arrays]
    instructions, (output,) = trace(lambda *x: [function(*x)], inputs)
    recorded = recording.compared(
        Nobody(), [recording.ModelTrace(instructions, inputs, [output])], {"batch": [1]}
    )
    graph = Writer(20, [f"x{i}" for i in range(len(arrays))])
    named = zip(recorded.shapes, arrays, strict=True)
    graph.inputs = [Value(shape, a.dtype, f"x{i}") for i, (shape, a) in enumerate(named)]
    graph.shapes.update({value.name: value.shape for value in graph.inputs})
    made = simplified(graph, GraphBuilder(Nobody(), recorded, graph, {}).build(graph.inputs))
    return model_proto("nobody", graph, made, {}), output.data


@pytest.mark.parametrize("name", sorted(set(RULES) - {"recurrence"}))
def test_every_primitive_on_its_own_samples(name):
    """Shapes without a batch, axes of any kind, nothing at all: tests/samples/primitives."""
    for arrays, meta in PRIMITIVE_SAMPLES[name].samples:
        given = [np.asarray(a, "f4" if np.asarray(a).dtype.kind == "f" else None) for a in arrays]
        made, expected = exported(lambda *x, m=meta: PRIMITIVES[name](*x, **m), *given)
        found = answer(session(made), *given)
        assert found.shape == expected.shape, meta
        assert found.dtype == expected.dtype
        if expected.size:
            np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6, err_msg=str(meta))


@pytest.mark.parametrize(
    "index",
    [
        np.s_[:4],
        np.s_[:4, :6],
        np.s_[:4, 1:6],
        np.s_[:4, 1],
        np.s_[4:6],
        np.s_[3:0:-1],
        np.s_[:4:2],
        np.s_[6],
        np.s_[-1:, :2],
        np.s_[1:5],
        np.s_[..., None],
    ],
    ids=str,
)
def test_parts_of_what_a_recurrence_reads(index):
    sizes = [(4, 3), (3, 6), (6,), (2, 6), (1, 6), (1, 2)]
    arrays = [samples(*shape[1:], n=shape[0]) for shape in sizes]
    made, expected = exported(lambda *x: ops.recurrent_input(*x)[index], *arrays)
    np.testing.assert_allclose(answer(session(made), *arrays), expected, atol=1e-5)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, 1, 2, 3, (1, 3), (0, 2), (-1, 1), None])
@pytest.mark.parametrize("order", [(0, 2, 1, 3), (3, 1, 0, 2), (1, 2, 3, 0)])
def test_reductions_beneath_a_transpose(order, axis, keepdims):
    x = samples(3, 4, 5, n=2)
    made, expected = exported(lambda t: t.transpose(*order).sum(axis, keepdims), x)
    assert operators(made)[0] == "ReduceSum"
    np.testing.assert_allclose(answer(session(made), x), expected, atol=1e-5)


PARTS_OF_JOINED = [
    *(np.s_[:, 1], np.s_[:, -1], np.s_[:, 1:], np.s_[:, ::-1], np.s_[:, 0:0], np.s_[0], np.s_[-1]),
    *(np.s_[:, :, 1], np.s_[1:], np.s_[0, 1], np.s_[:, None], np.s_[:, 5:], np.s_[..., :2]),
]


@pytest.mark.parametrize("index", PARTS_OF_JOINED, ids=str)
@pytest.mark.parametrize("shapes", [[(2, 1, 3)] * 3, [(2, 2, 3), (2, 1, 3)]], ids=str)
def test_parts_of_what_was_joined(shapes, index):
    arrays = [samples(*shape[1:], n=shape[0]) + i for i, shape in enumerate(shapes)]
    made, expected = exported(lambda *x: ops.concatenate(x, axis=1)[index] * 2.0, *arrays)
    np.testing.assert_allclose(answer(session(made), *arrays), expected, atol=1e-5)
    if index in (np.s_[:, 1], np.s_[:, -1]) and len(shapes) == 3:
        assert "Concat" not in operators(made)


# ------------------------------------------------------------------------------------ networks


def cnn():
    return Sequential(
        [
            Rescaling(1 / 255),
            Conv2D(4, 3, use_bias=False),
            BatchNormalization(),
            Activation("relu"),
            MaxPooling2D(),
            Conv2D(6, 3, padding="same", activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dropout(0.5),
            Dense(10, "softmax"),
        ]
    )


class Residual(Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = (Conv2D(3, 3, padding="same") for _ in range(2))
        self.norms = [BatchNormalization(), BatchNormalization()]
        self.pool, self.head = GlobalAveragePooling2D(), Dense(2)

    def forward(self, x):
        y = relu(self.norms[0](self.first(x)))
        y = relu(x + self.norms[1](self.second(y)))
        return self.head(self.pool(y))


class TwoInputs(Model):
    def __init__(self):
        super().__init__()
        self.image, self.numbers, self.head = Conv2D(2, 3), Dense(4, "tanh"), Dense(3)

    def forward(self, photo, facts):
        seen = self.image(photo).max((1, 2))
        return self.head(ops.concatenate([seen, self.numbers(facts)]))


class Siamese(Model):
    def __init__(self):
        super().__init__()
        self.encoder, self.head = Dense(5, "tanh"), Dense(1, "sigmoid")

    def forward(self, a, b):
        return self.head(abs(self.encoder(a) - self.encoder(b)))


class UNet(Model):
    def __init__(self):
        super().__init__()
        self.down, self.pool = Conv2D(4, 3, padding="same", activation="relu"), MaxPooling2D()
        self.middle = Conv2D(6, 3, padding="same", activation="relu")
        self.up, self.painted = UpSampling2D(), Conv2DTranspose(4, 3, 2, "same")
        self.out = Conv2D(2, 1, activation="softmax")

    def forward(self, x):
        a = self.down(x)
        b = self.middle(self.pool(a))
        return self.out(ops.concatenate([a, self.up(b), self.painted(b)], axis=-1))


class Nested(Model):
    def __init__(self):
        super().__init__()
        self.body = Sequential([Conv1D(4, 3, padding="causal"), Activation("gelu"), MaxPooling1D()])
        self.blocks, self.reader = [Dense(4, "relu") for _ in range(2)], LSTM(3)

    def forward(self, x):
        x = self.body(x)
        for block in self.blocks:
            x = x + block(x)
        return self.reader(x, initial_state=[x[:, 0, :3], x[:, 1, 1:]])


class Attentive(Model):
    def __init__(self):
        super().__init__()
        self.words = Embedding(9, 8, mask_zero=True)
        self.attention, self.norm = MultiHeadAttention(2, dropout=0.1), LayerNormalization()

    def forward(self, x):
        y, mask = self.words(x), self.words.compute_mask(x)
        return self.norm(y + self.attention(y, mask=mask, use_causal_mask=True))


class Arithmetic(Model):
    """What no layer does."""

    def __init__(self):
        super().__init__()
        self.first = Dense(6)

    def forward(self, x):
        x = self.first(x)
        y = x.reshape(x.shape[0], 2, 3)
        z = (y.max(1) - y.min(axis=2, keepdims=True).sum(1)).clip(-1, 1)
        chosen = ops.where(z > 0, ops.exp(z) * x.std(axis=1, keepdims=True), z**2 / (1 + abs(z)))
        power = ops.power(ops.absolute(z) + 1.0, 1.5) + ops.sqrt(abs(z)) + ops.sign(z)
        whole = ops.argmax(x, axis=1)[:, None].astype("float32") + (z.sum(1, True) >= 0)
        same = (z == z) * (z != z + 1) * (z < z + 1) * (z <= z)
        return (
            chosen
            + power
            + whole
            + ops.take(x, np.zeros(1, int))[:, ::-2]
            + ops.stack([x[..., -1]] * 3, axis=1) * same
            + ops.erf(z) * ops.minimum(z, 0.5) / ops.maximum(z, 0.25)
            + ops.log(ops.square(z) + 1)
            - ops.sum_to(ops.broadcast_to(z, shape=(2, *z.shape)), shape=z.shape)
        )


def transformer():
    parts = [Embedding(9, 8), PositionalEmbedding()]
    parts += [TransformerBlock(2, 16, activation="gelu", causal=True, dropout=0.1)]
    parts += [TransformerBlock(2, 16, normalize_first=False), GlobalAveragePooling1D()]
    return Sequential([*parts, Dense(3, "softmax")])


NETWORKS = {
    "cnn": (cnn, [(14, 14, 1)], None),
    "residual": (Residual, [(8, 8, 3)], None),
    "two inputs": (TwoInputs, [(6, 6, 1), (3,)], None),
    "siamese, a shared layer": (Siamese, [(4,), (4,)], None),
    "u-net": (UNet, [(8, 8, 2)], None),
    "nested, initial states": (Nested, [(10, 2)], None),
    "attention, masked and causal": (Attentive, [(5,)], 9),
    "arithmetic": (Arithmetic, [(4,)], None),
    "transformer": (transformer, [(5,)], 9),
    "series": (
        lambda: Sequential(
            [
                Bidirectional(LSTM(3, return_sequences=True), "sum"),
                GRU(4, return_sequences=True),
                BatchNormalization(),
                Dense(3, "relu"),
                UpSampling1D(2),
                SimpleRNN(2),
            ]
        ),
        [(6, 2)],
        None,
    ),
    "images": (
        lambda: Sequential(
            [
                BatchNormalization(scale=False),
                Conv2D(6, 2),
                GroupNormalization(3),
                LayerNormalization(),
                UpSampling2D((2, 3), "bilinear"),
                ZeroPadding2D(2),
                DepthwiseConv2D(3, depth_multiplier=2),
                SeparableConv2D(4, 3, padding="same"),
                RMSNormalization(),
                AveragePooling2D(3, 2, "same"),
                GlobalMaxPooling2D(keepdims=True),
            ]
        ),
        [(5, 6, 2)],
        None,
    ),
    "shapes": (
        lambda: Sequential(
            [
                Dense(12),
                Reshape((2, 3, 2)),
                Conv2D(4, (1, 2)),
                Reshape((-1, 4)),
                GroupNormalization(2),
                Conv1D(2, 2),
                Flatten(),
                BatchNormalization(center=False),
                Dense(3),
            ]
        ),
        [(12,)],
        None,
    ),
    "images of height 1": (
        lambda: Sequential([Conv2D(3, (1, 2)), MaxPooling2D((1, 2)), Flatten(), Dense(3)]),
        [(1, 9, 2)],
        None,
    ),
    "images made of series": (
        lambda: Sequential(
            [
                Reshape((1, 6, 2)),
                Conv2D(3, 3, padding="same"),
                Reshape((1, -1, 3)),
                AveragePooling2D(2, 1, "same"),
                Reshape((1, -1, 3)),
                MaxPooling2D((1, 2)),
            ]
        ),
        [(12,)],
        None,
    ),
    "groups of what was flat": (
        lambda: Sequential([Dense(12), Reshape((3, 4)), GroupNormalization(2)]),
        [(12,)],
        None,
    ),
}


def network(name):
    make, shapes, below = NETWORKS[name]
    dtype = "float32" if below is None else "int64"
    return ready(make(), *shapes), [samples(*s, dtype=dtype, below=below) for s in shapes]


@pytest.mark.parametrize("opset", [17, 18, 20, 23])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name, opset):
    model, inputs = network(name)
    made = agrees(model, *inputs, opset=opset)
    assert [(o.domain, o.version) for o in made.opset_import] == [("", opset)]


def test_a_convolutional_network_looks_like_one():
    """Nothing is transposed but what enters, and the weights of the Dense follow its order."""
    model, (x,) = network("cnn")
    made = agrees(model, x)
    expected = ["Mul", "Transpose", "Conv", "BatchNormalization", "Relu", "MaxPool", "Conv", "Relu"]
    assert operators(made) == [*expected, "MaxPool", "Flatten", "Gemm", "Softmax"]
    kernel = model.layers[1].weights.data
    assert np.array_equal(initializers(made)["conv2d/weights"], kernel.transpose(3, 2, 0, 1))
    assert {"conv2d_1/bias", "dense/weights", "batch_normalization/moving_mean"} < {
        *initializers(made)
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("residual", 1),
        ("u-net", 2),
        ("images of height 1", 1),
        ("nested, initial states", 3),
    ],
)
def test_images_stay_as_onnx_wants_them(name, expected):
    model, _ = network(name)
    assert operators(export(model)).count("Transpose") == expected


@pytest.mark.parametrize("layer", [Conv1D(3, 2), layers.MaxPooling1D(), layers.AveragePooling1D()])
def test_series_have_no_height(layer):
    made = export(ready(Sequential([layer]), (6, 2)))
    node = made.graph.node[1]
    (kernel,) = [a.ints for a in node.attribute if a.name == "kernel_shape"]
    assert list(kernel) == [2]
    assert all(array.ndim < 4 for array in initializers(made).values())


def test_operators_of_their_own():
    found = {op for name in NETWORKS for op in operators(export(network(name)[0]))}
    assert found > {
        *("Gemm", "Conv", "ConvTranspose", "MaxPool", "AveragePool", "Resize", "Flatten", "Pad"),
        *("BatchNormalization", "LayerNormalization", "InstanceNormalization", "ReduceMean"),
        *("LSTM", "GRU", "RNN", "Softmax", "Gelu", "Where", "Gather", "Concat", "ReduceMax"),
    }
    last = {op for name in NETWORKS for op in operators(export(network(name)[0], opset=23))}
    assert "RMSNormalization" in last - found


class Around(Model):
    """A function around a layer."""

    def __init__(self, layer, function):
        super().__init__()
        self.layer, self.function = layer, function

    def forward(self, x):
        return self.function(self.layer(x))


def row(n, start=1.0):
    return np.linspace(start, 2, n, dtype="f4")


FUSIONS = {  # what may be joined into one node, and what looks like that, but must not
    "bias": (lambda: Dense(3), lambda y: y + row(3), (4,), ["Gemm", "Add"]),
    "no bias": (lambda: Dense(3, use_bias=False), lambda y: y + row(3), (4,), ["Gemm"]),
    "bias first": (lambda: Dense(3, use_bias=False), lambda y: row(3) + y, (4,), ["Gemm"]),
    "a bias for each sample": (
        lambda: Dense(3, use_bias=False),
        lambda y: y + np.ones((1, 3), "f4"),
        (4,),
        ["MatMul", "Add"],
    ),
    "read twice": (
        lambda: Dense(3, use_bias=False),
        lambda y: (y + row(3)) * y,
        (4,),
        ["MatMul", "Add", "Mul"],
    ),
    "more axes": (lambda: Dense(3), lambda y: y, (2, 4), ["MatMul", "Add"]),
    "from a number": (
        lambda: Dense(3, use_bias=False),
        lambda y: row(3) - y,
        (4,),
        ["MatMul", "Sub"],
    ),
    "a filter's bias": (
        lambda: Conv2D(3, 2, use_bias=False),
        lambda y: y + row(3),
        (4, 4, 2),
        ["Transpose", "Conv", "Transpose"],
    ),
    "a bias for each column": (
        lambda: Conv2D(3, 2, use_bias=False),
        lambda y: y + row(3)[:, None],
        (4, 4, 2),
        ["Transpose", "Conv", "Add", "Transpose"],
    ),
    "one bias for all": (
        lambda: Conv2D(3, 2, use_bias=False),
        lambda y: y + 2.0,
        (4, 4, 2),
        ["Transpose", "Conv", "Add", "Transpose"],
    ),
    "a mean": (lambda: Dense(3, "relu"), lambda y: y.sum(1) * (1 / 3), (4,), ["ReduceMean"]),
    "no mean": (lambda: Dense(3, "relu"), lambda y: y.sum(1) * 0.3, (4,), ["ReduceSum", "Mul"]),
    "a mean, in whole numbers": (
        lambda: Dense(3, "relu"),
        lambda y: (y > 0).sum(1) * 1,
        (4,),
        ["Greater", "Cast", "ReduceSum", "Mul"],
    ),
    "rows": (LayerNormalization, lambda y: y * row(4), (3, 4), ["LayerNormalization", "Mul"]),
    "rows that were flat": (
        lambda: Sequential([Dense(12), Reshape((3, 4)), LayerNormalization()]),
        lambda y: y,
        (3,),
        ["Reshape", "LayerNormalization"],
    ),
    "plain rows": (
        lambda: LayerNormalization(center=False, scale=False),
        lambda y: y * row(4) + row(4, 0.0),
        (3, 4),
        ["LayerNormalization"],
    ),
    "plain rows, offset first": (
        lambda: LayerNormalization(center=False, scale=False),
        lambda y: (y + row(4)) * row(4, 0.0),
        (3, 4),
        ["LayerNormalization", "Mul"],
    ),
    "rows by place": (
        lambda: LayerNormalization(center=False, scale=False),
        lambda y: y * row(3)[:, None] + row(3)[:, None],
        (3, 4),
        ["LayerNormalization", "Mul", "Add"],
    ),
    "rows, two offsets": (
        LayerNormalization,
        lambda y: y + row(4) + row(4),
        (3, 4),
        ["LayerNormalization", "Add", "Add"],
    ),
    "numbers, normalized": (
        lambda: Sequential([Dense(3, use_bias=False), BatchNormalization()]),
        lambda y: y,
        (4,),
        ["MatMul", "BatchNormalization"],
    ),
    "images, normalized": (
        BatchNormalization,
        lambda y: y,
        (4, 4, 2),
        ["Transpose", "BatchNormalization", "Transpose"],
    ),
    "series, normalized where they lie": (
        lambda: Sequential([Dense(3), BatchNormalization()]),
        lambda y: y,
        (4, 2),
        ["MatMul", "Add", "Sub", "Mul", "Add"],
    ),
    "pixels in between": (
        lambda: UpSampling2D((2, 3), "bilinear"),
        lambda y: y,
        (2, 3, 2),
        ["Transpose", "Resize", "Resize", "Transpose"],
    ),
    "rows mixed": (
        lambda: Dense(2),
        lambda y: Tensor(np.array([[1, 2, 0], [0, 1, 3]], "f4")) @ y,
        (3, 4),
        ["MatMul", "Add", "MatMul"],
    ),
    "rows mixed, twice as many": (
        lambda: Dense(2),
        lambda y: Tensor(np.eye(6, 3, dtype="f4")) @ y,
        (3, 4),
        ["MatMul", "Add", "MatMul"],
    ),
    "a flat image": (
        lambda: Conv2D(3, 2),
        lambda y: y.reshape(y.shape[0], -1) @ np.ones((27, 1), "f4") * row(2),
        (4, 4, 2),
        ["Transpose", "Conv", "Flatten", "MatMul", "Mul"],
    ),
    "images in rows": (
        lambda: Conv2D(3, 2),
        lambda y: y.reshape(-1, 27) @ row(81).reshape(27, 3),
        (4, 4, 2),
        ["Transpose", "Conv", "Flatten", "MatMul"],
    ),
    "halves of images": (
        lambda: Conv2D(3, 2, padding="same"),
        lambda y: (y.reshape(-1, 24) @ row(72).reshape(24, 3)).reshape(-1, 6),
        (4, 4, 2),
        ["Transpose", "Conv", "Transpose", "Reshape", "MatMul", "Reshape"],
    ),
}


@pytest.mark.parametrize("name", FUSIONS)
def test_what_is_joined_and_what_is_not(name):
    make, function, shape, expected = FUSIONS[name]
    model = ready(Around(make(), function), shape)
    x = samples(*shape)
    made = export(model)
    for n in BATCHES:
        found = answer(session(made), x[:n])
        np.testing.assert_allclose(found, model.predict(x[:n]), rtol=1e-5, atol=1e-5)
    found = operators(made)
    assert found[-len(expected) :] == expected


def test_both_directions_of_a_sequence_are_read_where_it_lies():
    model = ready(Sequential([Bidirectional(LSTM(3, return_sequences=True))]), (5, 2))
    made = agrees(model, samples(5, 2))
    wanted = ["Transpose", "LSTM", "Squeeze", "LSTM", "Squeeze", "Concat", "Transpose"]
    assert operators(made) == wanted


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("make", [SimpleRNN, LSTM, GRU])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True},
        {"go_backwards": True},
        {"go_backwards": True, "return_sequences": True},
        {"use_bias": False},
        {"activation": "relu"},
    ],
    ids=str,
)
def test_recurrent_layers(make, options, masked):
    """Masks with gaps and at the beginning, too, which ONNX's own operators do not know."""
    x = samples(5, 3)
    x[np.random.default_rng(0).random((17, 5)) < 0.4] = 0
    x[0, :3] = 0
    parts = [Masking(), make(4, **options)] if masked else [make(4, **options)]
    made = agrees(ready(Sequential(parts), (5, 3)), x)
    assert ("Scan" in operators(made)) == (masked and "activation" not in options)


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave"])
@pytest.mark.parametrize("masked", [False, True])
def test_bidirectional_layers(mode, masked):
    x = samples(5, 3)
    x[:, 3:] = 0
    layer = Bidirectional(GRU(4, return_sequences=True), mode)
    agrees(ready(Sequential([Masking(), layer] if masked else [layer]), (5, 3)), x)


def test_the_first_gru_and_other_gates():
    agrees(ready(Sequential([GRU(3, reset_after=False)]), (4, 2)), samples(4, 2))
    layer = LSTM(3, recurrent_activation="hard_sigmoid")
    agrees(ready(Sequential([layer]), (4, 2)), samples(4, 2))


# ------------------------------------------------------------------------------------ any views


class Shuffled(Model):
    """A chain of views and operations on (n, 2, 3, 4)."""

    def __init__(self, steps):
        super().__init__()
        self.steps, self.first = steps, Dense(4)

    def forward(self, x):
        x = self.first(x)
        for name, number in self.steps:
            x = getattr(self, name)(x, number)
        return x

    def turn(self, x, number):
        order = [[0, 2, 1, 3], [0, 3, 1, 2], [0, 2, 3, 1], [0, 3, 2, 1]][number % 4]
        return x.transpose(*order)

    def fold(self, x, number):
        sizes = list(x.shape[1:])
        wanted = [[sizes[0] * sizes[1], sizes[2], 1], [1, sizes[0], sizes[1] * sizes[2]]]
        flat = x.reshape(x.shape[0], -1) if number % 2 else x.reshape(-1, sizes[2])
        return flat.reshape(x.shape[0], *wanted[number % 2])

    def flip(self, x, number):
        return x[(slice(None),) * (1 + number % 3) + (slice(None, None, -1),)]

    def bend(self, x, number):
        return activations.tanh(x) * (1.0 + number)

    def shift(self, x, number):
        return x + np.linspace(0, 1, x.shape[-1], dtype="float32") * number

    def double(self, x, number):
        return x + x[:, :1].sum(1 + number % 3, keepdims=True)

    def join(self, x, number):
        return ops.concatenate([x, -x[:, :, ::-1]], axis=1 + number % 3)

    def around(self, x, number):
        ends = [(0, 0)] * 4
        ends[1 + number % 3] = (number % 2, 1)
        return ops.pad(x, padding=tuple(ends))

    def cut(self, x, number):
        axis = 1 + number % 3
        return x[(slice(None),) * axis + (slice(number % 2, None, 1 + (number > 4)),)]

    def pick(self, x, number):
        return x[:, -1][:, None] if number % 2 else x[..., 0][..., None]

    def group(self, x, number):
        return (
            activations.softmax(x, axis=1 + number % 3) if number > 4 else x - x.mean((1, 3), True)
        )


STEPS = [name for name in vars(Shuffled) if not name.startswith("_") and name != "forward"]


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 8)), min_size=1, max_size=7))
@settings(max_examples=120, deadline=None, derandomize=True)
def test_views_in_any_order(steps):
    model = ready(Shuffled(steps), (2, 3, 4))
    if 0 in model.output_shape or np.prod(model.output_shape) > 5000:
        return
    agrees(model, samples(2, 3, 4))


# ------------------------------------------------------------------------------------ names, notes


def test_names_shapes_and_notes(tmp_path):
    model, inputs = network("two inputs")
    model.name, model.metadata = "judge", {"class_names": ["cat", "dog", "cow"], "made": "today"}
    export(model, tmp_path / "net.onnx")
    made = onnx.load(tmp_path / "net.onnx")
    graph = made.graph
    assert [entry.name for entry in graph.input] == ["photo", "facts"]
    assert [entry.name for entry in graph.output] == ["output"]
    sizes = [
        [d.dim_param or d.dim_value for d in e.type.tensor_type.shape.dim] for e in graph.input
    ]
    assert sizes == [["batch", 6, 6, 1], ["batch", 3]]
    assert graph.output[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert graph.name == "judge"
    assert {"image/weights", "image/bias", "numbers/weights", "head/bias"} <= {*initializers(made)}
    assert {node.name.split("/")[0] for node in graph.node} >= {"image", "numbers", "head"}
    notes = {p.key: p.value for p in made.metadata_props}
    assert notes["axon_version"] == axon.__version__
    assert json.loads(notes["class_names"]) == ["cat", "dog", "cow"]
    assert notes["made"] == "today"
    assert made.producer_name == "axon"
    assert "judge" in made.doc_string
    assert made.ir_version == 9
    assert np.allclose(answer(session(made), *inputs), model.predict(tuple(inputs)), atol=1e-5)


def test_inner_shapes_are_known():
    made = export(network("transformer")[0])
    shapes = {v.name: v.type.tensor_type.shape.dim for v in made.graph.value_info}
    heads = [dims for dims in shapes.values() if len(dims) == 4]
    assert heads
    assert all(dims[0].dim_param == "batch" for dims in heads)


def test_weights_that_layers_share_are_stored_once():
    made = export(network("siamese, a shared layer")[0])
    assert sorted(initializers(made)) == [
        "encoder/bias",
        "encoder/weights",
        "head/bias",
        "head/weights",
    ]


def test_a_convolution_that_is_used_twice_has_one_bias():
    class Twice(Model):
        def __init__(self):
            super().__init__()
            self.look = Conv2D(3, 2)

        def forward(self, a, b):
            return self.look(a) * self.look(b)

    images = samples(4, 4, 1), samples(4, 4, 1)[::-1]
    made = agrees(ready(Twice(), (4, 4, 1), (4, 4, 1)), *images)
    assert operators(made).count("Conv") == 2
    assert "Add" not in operators(made)
    assert sorted(array.ndim for array in initializers(made).values()) == [1, 4]


def test_names_do_not_collide():
    class Odd(Model):
        def __init__(self):
            super().__init__()
            self.output = Dense(2)
            self.Gemm = Dense(2, name="output")

        def forward(self, output):
            return self.Gemm(self.output(output))

    made = agrees(ready(Odd(), (3,)), samples(3))
    names = [*(e.name for e in made.graph.input), *(o for n in made.graph.node for o in n.output)]
    assert len(names) == len(set(names))
    assert [made.graph.input[0].name, made.graph.output[0].name] == ["output", "output_1"]


def test_what_only_training_needs_is_left_out():
    model = Sequential([Dense(3), Dropout(0.5), layers.GaussianNoise(1.0), Dense(2)])
    assert operators(agrees(ready(model, (4,)), samples(4))) == ["Gemm", "Gemm"]


def test_a_model_that_passes_on_what_comes_or_a_constant():
    model = Sequential([Input((3,)), Dropout(0.5)])
    assert operators(agrees(model, samples(3))) == ["Identity"]

    class Same(Model):
        def __init__(self):
            super().__init__()
            self.table = Dense(2)

        def forward(self, x):
            self.table(x)
            return ops.broadcast_to(self.table.bias * 2.0, shape=(x.shape[0], 2))

    agrees(ready(Same(), (3,)), samples(3))


def test_the_model_stays_as_it_is():
    model, (x,) = network("cnn")
    model.compile("categorical_cross_entropy")
    model.fit(x, np.arange(17) % 10, verbose=0)
    before = [w.copy() for w in model.get_weights()]
    predicted = model.predict(x)
    programs = len(model.programs)
    agrees(model, x)
    assert all(map(np.array_equal, before, model.get_weights()))
    assert np.array_equal(model.predict(x), predicted)
    assert len(model.programs) >= programs
    assert not modes.training
    assert modes.recorder is None


def test_metadata_of_numpy_is_written_as_json():
    model = ready(Sequential([Dense(2)]), (3,))
    model.metadata = {"mean": np.array([1.0, 2.0]), "kind": Dense}
    notes = {p.key: p.value for p in export(model).metadata_props}
    assert json.loads(notes["mean"]) == [1.0, 2.0]
    assert "Dense" in notes["kind"]


@pytest.mark.parametrize("name", ["cnn", "series", "u-net"])
def test_a_model_that_was_loaded_is_exported_again(name, tmp_path):
    model, inputs = network(name)
    export(model, tmp_path / "net.onnx")
    made = agrees(axon.onnx.load(tmp_path / "net.onnx"), *inputs)
    if name == "cnn":
        assert operators(made) == operators(export(model))


# ------------------------------------------------------------------------------------ types


def test_images_of_bytes():
    model = ready(Sequential([Rescaling(1 / 255), Flatten(), Dense(3)]), (4, 4, 1))
    x = samples(4, 4, 1, dtype="uint8", below=256)
    made = agrees(model, x, input_dtype="uint8")
    assert operators(made)[0] == "Cast"
    assert made.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8


def test_models_in_other_precisions():
    parts = [Dense(4, "tanh", dtype="float64"), LayerNormalization(dtype="float64")]
    model = ready(Sequential([*parts, Dense(3, "softmax", dtype="float64")]), (3,))
    agrees(model, samples(3, dtype="float64"), tolerance=1e-9)  # epsilon is a float32 in ONNX
    agrees(model, samples(3), dtype="float32", wanted="float32")
    made = agrees(
        model, samples(3), dtype="float16", input_dtype="float32", wanted="float16", tolerance=2e-3
    )
    assert {a.dtype.name for a in initializers(made).values()} == {"float16"}
    half = Sequential([Dense(4, "tanh", dtype="float16"), Dense(3, "softmax", dtype="float16")])
    agrees(ready(half, (3,)), samples(3, dtype="float16"), tolerance=2e-3)


def test_convolutions_in_float64_are_right_though_onnx_runtime_has_none():
    from onnx.reference import ReferenceEvaluator

    kind = {"dtype": "float64"}
    parts = [Conv2D(3, 3, **kind), BatchNormalization(**kind), MaxPooling2D(**kind)]
    model = ready(Sequential([*parts, Flatten(**kind), Dense(2, **kind)]), (6, 6, 1))
    x = samples(6, 6, 1, dtype="float64")
    (found,) = ReferenceEvaluator(export(model)).run(None, {"x": x})
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, model.predict(x), rtol=1e-6, atol=1e-9)
    agrees(model, x.astype("float32"), dtype="float32", wanted="float32")


def test_masks_in_float16_stay_finite():
    model = ready(Attentive(), (5,))
    x = samples(5, dtype="int64", below=9)
    agrees(model, x, dtype="float16", wanted="float16", tolerance=2e-2)


def test_normalization_that_was_adapted():
    layer = Normalization(axis=-1)
    layer.adapt(samples(4) * 3 + 1)
    made = agrees(ready(Sequential([layer, Dense(2)]), (4,)), samples(4))
    assert {"normalization/center", "normalization/slope"} <= {*initializers(made)}


# ------------------------------------------------------------------------------------ batch sizes


class Centered(Model):
    def __init__(self):
        super().__init__()
        self.first = Dense(3, name="first")

    def forward(self, x):
        y = self.first(x)
        return y - y.mean(0)


def test_a_model_that_depends_on_the_batch_size_says_where():
    model = ready(Centered(), (2,))
    with pytest.raises(
        BatchError, match=r"the model's forward computes with a constant that is 0.5"
    ):
        export(model)
    made = export(model, batch_size=4)
    x = samples(2, n=4)
    np.testing.assert_allclose(answer(session(made), x), model.predict(x, batch_size=4), atol=1e-6)
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 4


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x[: len(x) // 2], "arrays of .* for 5 samples"),
        (lambda x: x if len(x) == 2 else x * 2.0, "takes other paths"),
        (
            lambda x: activations.leaky_relu(x, negative_slope=1 / len(x)),
            "calls leaky_relu with negative_slope = 0.5 for 2 samples, 0.333",
        ),
        (lambda x: x.reshape(-1, 6), "does not take 3 samples: cannot reshape"),
        (lambda x: x + np.arange(len(x), dtype="f4")[:, None], "a constant that is"),
        (lambda x: x * x.data.mean().item(), "that NumPy computed from the numbers"),
        (lambda x: x * x.data[0, 0].item(), "that NumPy computed from the numbers"),
    ],
)
def test_layers_that_depend_on_the_batch_size_are_named(function, message):
    class Own(Layer):
        def call(self, x):
            y = function(x)
            return y + 0.0 * x if y.shape == x.shape else y

    model = Sequential([Dense(3), Own(name="culprit")])
    model._shapes = ((3,),), (3,)
    model.layers[0].build((3,))
    model.layers[1].input_shape = model.layers[1].output_shape = (3,)
    with pytest.raises(BatchError, match=message) as caught:
        export(model)
    assert "'culprit'" in str(caught.value) or "does not take" in str(caught.value)


def test_what_python_makes_of_ids_is_found_out():
    class Counting(Model):
        def __init__(self, vocabulary):
            super().__init__()
            self.words = Embedding(vocabulary, 2)

        def forward(self, x):
            return self.words(x).sum(1) * float(x.data.max() * (vocabulary > 1))

    for vocabulary in (4, 1):
        model = ready(Counting(vocabulary), (3,))
        if vocabulary == 1:
            agrees(model, samples(3, dtype="int64", below=1))
            continue
        with pytest.raises(BatchError, match=r"a constant that is 0\.0 for 2 samples, 1\.0 for 3"):
            export(model)


def test_sizes_that_follow_the_batch_in_other_ways():
    class Folded(Model):
        def __init__(self):
            super().__init__()
            self.first = Dense(6)

        def forward(self, x):
            y = self.first(x).reshape(-1, 2)  # 3 n
            z = ops.concatenate([y[x.shape[0] :], y[: x.shape[0]]], axis=0)
            both = z.reshape(x.shape[0], 6) @ z.reshape(x.shape[0], 6).T
            weights = activations.softmax(both)  # (n, n)
            return (weights @ x)[..., :2] + z.reshape(3, x.shape[0], 2).sum(0)

    model = ready(Folded(), (3,))
    running = session(export(model))
    for n in BATCHES:
        x = samples(3, n=n)
        np.testing.assert_allclose(answer(running, x), model.predict(x), atol=1e-5)


# ------------------------------------------------------------------------------------ primitives


@core.primitive(result=floating)
def wobble(out, x, *, xp, times=1.0):
    """Sin(times x)."""
    xp.sin(x * times, out=out)


class Wobbly(Layer):
    def call(self, x):
        return wobble(wobble(x), times=3.0) + 1.0


@pytest.fixture(autouse=True)
def _no_trace_of_our_primitive():
    PRIMITIVES["wobble"] = wobble
    yield
    PRIMITIVES.pop("wobble", None)


def wobbly():
    return ready(Sequential([Dense(3), Wobbly(name="deep"), Dense(2)]), (4,))


def test_all_unknown_operations_are_listed_with_their_layers():
    model = Sequential([Wobbly(name="first"), Wobbly(name="second"), Dense(2)])
    with pytest.raises(UnsupportedError) as caught:
        export(ready(model, (4,)))
    text = str(caught.value)
    assert "not known in ONNX: wobble in layer 'first', layer 'second'. For a primitive" in text
    assert "custom={'wobble': " in text


def test_a_rule_for_a_primitive_of_ones_own():
    def rule(graph, x, times=1.0):
        return graph.op("Sin", graph.op("Mul", x, times))

    made = agrees(wobbly(), samples(4), custom={"wobble": rule})
    assert operators(made) == ["Gemm", "Mul", "Sin", "Mul", "Sin", "Add", "Gemm"]
    assert made.graph.node[1].name == "deep/Mul"


def test_a_rule_in_another_domain():
    made = export(
        wobbly(), custom={"wobble": lambda graph, x, **_: graph.op("Wobble", x, domain="my.own")}
    )
    assert ("my.own", 1) in [(o.domain, o.version) for o in made.opset_import]
    assert [n.domain for n in made.graph.node].count("my.own") == 2


def test_rules_that_cannot_be():
    model = wobbly()
    with pytest.raises(ValueError, match=r"no primitive 'woble'. Did you mean 'wobble'\?"):
        export(model, custom={"woble": lambda graph, x: x})
    with pytest.raises(TypeError, match=r"custom\['wobble'\]: expected a function"):
        export(model, custom={"wobble": "Sin"})
    with pytest.raises(TypeError, match=r"rule for 'wobble' must return what graph.op"):
        export(model, custom={"wobble": lambda graph, x, **_: None})


# ------------------------------------------------------------------------------------ errors


def test_what_is_no_model_or_not_built():
    with pytest.raises(TypeError, match=r"expected a model, got Dense\(3, 2, linear\)."):
        export(Dense(3, 2))
    with pytest.raises(RuntimeError, match=r"shape of its input is not known. Call model.build"):
        export(Sequential([Dense(2)]))
    with pytest.raises(RuntimeError, match="shape of its input is not known"):
        export(Residual())


@pytest.mark.parametrize("opset", [16, 99, 20.0, "20"])
def test_opsets_that_are_not_known(opset):
    model = Sequential([Dense(3, 2)])
    with pytest.raises(ValueError, match="opset must be a whole number from 17 to 24") as caught:
        export(model, opset=opset)
    assert ("LayerNormalization was missing" in str(caught.value)) == (opset == 16)


def test_types_that_are_no_numbers():
    model = Sequential([Dense(3, 2)])
    with pytest.raises(ValueError, match="dtype must be float16, float32 or float64, got 'int32'"):
        export(model, dtype="int32")
    with pytest.raises(ValueError, match="input_dtype must be a type of numbers, got 'complex64'"):
        export(model, input_dtype="complex64")


def test_batch_sizes_that_are_none():
    with pytest.raises(ValueError, match="export: batch_size must be a whole number of at least 1"):
        export(Sequential([Dense(3, 2)]), batch_size=0)


def test_a_forward_that_looks_at_values():
    class Looking(Model):
        def __init__(self):
            super().__init__()
            self.first = Dense(2)

        def forward(self, x):
            y = self.first(x)
            return y if float(y.sum()) > 0 else -y

    with pytest.raises(RecordingError, match="if float"):
        export(ready(Looking(), (3,)))


def test_the_other_half_is_loaded_when_asked_for():
    assert axon.onnx.load.__name__ == "load"
    assert issubclass(axon.onnx.OnnxFileError, ValueError)
    with pytest.raises(AttributeError, match=r"no attribute 'exprot'\. Did you mean 'export'"):
        _ = axon.onnx.exprot


def test_a_model_that_keeps_something_cannot_be_exported():
    class Counting(Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.count = Buffer(np.zeros((), "float32"))

        def call(self, x):
            self.count.assign(self.count + 1.0)
            return x * self.count

    model = ready(Sequential([Dense(2), Counting()]), (3,))
    with pytest.raises(RuntimeError, match=r"layer 'counting' changes counting/count at each call"):
        export(model)


def test_more_than_two_gigabytes(monkeypatch):
    monkeypatch.setattr(exporting_module, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match=r"has 0.0 GB of weights; an ONNX file holds at most 2 GB"):
        export(Sequential([Dense(100, 10)]))


def test_the_old_file_stays_if_anything_fails(tmp_path):
    path = tmp_path / "net.onnx"
    export(Sequential([Dense(3, 2)]), path)
    before = path.read_bytes()
    with pytest.raises(BatchError):
        export(ready(Centered(), (2,)), path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        export(Sequential([Dense(3, 2)]), tmp_path / "no" / "net.onnx")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install onnx \(the extra 'onnx'\)"):
        export(Sequential([Dense(3, 2)]))


def test_gates_are_not_known_to_onnx():
    class Gates(Model):
        def __init__(self):
            super().__init__()
            self.reader = LSTM(2)

        def forward(self, x):
            y = x.transpose(1, 0, 2).reshape(-1, 3)
            layer = self.reader
            self.reader(x)
            start = Tensor(np.zeros((x.shape[0], 4), "f4"))
            p = ops.recurrent_input(y, layer.weights, layer.bias, layer.recurrent_weights, start)
            return ops.recurrence(p, np.zeros((x.shape[0], 0), bool), cell="lstm", time=4)[0][0]

    with pytest.raises(UnsupportedError, match=r"slice in the model's forward: of a recurrence"):
        export(ready(Gates(), (4, 3)))


def test_a_type_that_is_none():
    model = ready(Sequential([Dense(2)]), (3,))
    with pytest.raises(ValueError, match="input_dtype must be a type of numbers, got 'foo'"):
        export(model, input_dtype="foo")
