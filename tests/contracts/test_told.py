"""What users of other libraries write first is understood, or the error says what to write."""

import re

import numpy as np
import pytest

from axon import Model, activations, layers, load_model, losses, metrics, ops, optimizers
from axon.layers import (
    LSTM,
    Attention,
    Dense,
    Embedding,
    Flatten,
    Input,
    Lambda,
    MultiHeadAttention,
    TextVectorization,
    TransformerBlock,
)
from axon.layers.elsewhere import PYTORCH
from axon.models import Sequential
from axon.models.loading import ModelFileError

X = np.ones((8, 4), "float32")
STEPS = np.ones((6, 5, 3), "float32")


def test_names_of_classes_are_names():
    for name in (
        "MeanSquaredError",
        "BinaryCrossentropy",
        "bce",
        "KLDivergence",
        "CategoricalHinge",
    ):
        assert losses.get(name).name
    binary = losses.get("bce")
    for name in ("F1Score", "TruePositives", "R2Score", "RootMeanSquaredError", "MeanSquaredError"):
        assert type(metrics.get(name, binary)).__name__ == name
    logits = losses.BinaryCrossEntropy(from_logits=True)
    assert "from_logits=True" in repr(metrics.get("bce", logits))
    assert type(optimizers.get("ScheduleFreeSGD")).__name__ == "ScheduleFreeSGD"
    with pytest.raises(ValueError, match="Did you mean 'mean_squared_error'"):
        losses.get("MeanSquareError")


def test_inputs_may_be_given_by_name():
    attention, x = MultiHeadAttention(2, 4), Input((5, 3))
    wanted = attention(STEPS, STEPS * 2.0)
    assert np.array_equal(attention(query=STEPS, value=STEPS * 2.0), wanted)
    model = Model(x, attention(query=x, value=x * 2.0, use_causal_mask=False))
    assert np.array_equal(model.predict(STEPS), wanted)
    dense = Dense(2)
    assert np.array_equal(dense(inputs=X), dense(X))
    assert Attention()(inputs=[STEPS, STEPS]).shape == STEPS.shape
    mask = np.array([[True, True, False, False, False]] * 6)
    recurrent = LSTM(2)
    assert np.array_equal(recurrent(x=STEPS, mask=mask), recurrent(STEPS, mask=mask))
    with pytest.raises(TypeError, match=r"'dense.*called without an input"):
        dense()
    with pytest.raises(TypeError, match="no list: join"):
        Dense(2)([x, x])
    with pytest.raises(TypeError, match=r"np\.mean: .*symbolic value"):
        np.mean(x)


def two():
    x = Input((4,))
    model = Model(x, {"kind": Dense(3, "softmax")(x), "size": Dense(1)(x)})
    model.compile(loss={"kind": "categorical_crossentropy", "size": "mse"})
    return model


KIND, SIZE = np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]], np.ones((8, 1))
BLOCKS = Sequential([Embedding(9, 4), TransformerBlock(2, 4, causal=True), Dense(9)])
TOLD = {
    "targets of another shape": (
        lambda: two().fit(X, {"kind": KIND, "size": KIND}, verbose=0),
        "output 'size': .*shape",
    ),
    "targets of another length": (
        lambda: two().fit(X, {"kind": KIND, "size": SIZE[:3]}, verbose=0),
        "output 'size': .*8.*3",
    ),
    "weights of another length": (
        lambda: two().fit(
            X, {"kind": KIND, "size": SIZE}, sample_weight={"size": np.ones(3)}, verbose=0
        ),
        "output 'size': sample_weight",
    ),
    "a layer that is not there": (lambda: two().get_layer(index=9), "no layer 9.*3"),
    "an open length": (
        lambda: Sequential([Input((None, 3)), Flatten(), Dense(2)]),
        r"'dense'.*along axis 1 open.*Input.*GlobalAveragePooling1D",
    ),
    "no words": (lambda: TextVectorization().adapt(["", " "]), "no token in 2 rows"),
    "batches": (
        lambda: MultiHeadAttention(2, 4)(STEPS, STEPS[:3]),
        r"others have shapes \(3, 5, 3\)",
    ),
    "one of two": (lambda: Attention()(STEPS), "a list of them"),
    "features": (lambda: Attention()([STEPS, STEPS[..., :2]]), r"\(6, 5, 2\).*are compared"),
    "text to write on": (lambda: BLOCKS.generate("abc", 2), "generate: tokens must be whole"),
}


@pytest.mark.parametrize("what", TOLD)
def test_errors_say_where_and_what_to_do(what):
    run, told = TOLD[what]
    with pytest.raises(ValueError, match=told):
        run()


def cube(x):
    return x * x * x


def test_functions_of_files_are_axons_or_passed(tmp_path):
    Sequential([Input((3,)), Lambda(activations.tanh)]).save(tmp_path / "tanh.axon")
    assert np.array_equal(load_model(tmp_path / "tanh.axon").predict(X[:, :3]), np.tanh(X[:, :3]))
    Sequential([Input((3,)), Lambda(cube)]).save(tmp_path / "cube.axon")
    with pytest.raises(ModelFileError, match="custom_objects="):
        load_model(tmp_path / "cube.axon")
    loaded = load_model(tmp_path / "cube.axon", custom_objects={"cube": cube})
    assert np.array_equal(loaded.predict(X[:, :3] * 2), X[:, :3] * 8)


def test_names_of_others_say_what_they_are_here():
    nn = pytest.importorskip("torch.nn", reason="torch is not installed")

    for theirs, ours in PYTORCH.items():
        assert hasattr(nn, theirs)
        with pytest.raises(AttributeError, match=f"Use {re.escape(ours)}"):
            getattr(layers, theirs)
        name = ours.partition("(")[0]
        assert " " in name or "." in name or hasattr(layers, name)
        if name == "Activation":
            eval(ours, {"Activation": layers.Activation})
    with pytest.raises(AttributeError, match="Did you mean 'cumsum'"):
        _ = ops.cumsumm
    with pytest.raises(AttributeError, match="Use concatenate"):
        _ = ops.cat


def test_all_functions_come_by_a_star():
    found = {}
    exec("from axon.ops import *", found)
    assert {"cumsum", "absolute", "abs", "relu", "logsumexp", "matmul"} <= found.keys()
    assert not {"sys", "Method", "deferring", "import_module"} & found.keys()
    assert all(callable(found[name]) for name in ops.__all__)
