"""What users of other libraries write first is understood, or the error says what to write."""

import numpy as np
import pytest

from axon import Model, losses, metrics, optimizers
from axon.layers import (
    Attention,
    Dense,
    Embedding,
    Input,
    MultiHeadAttention,
    TextVectorization,
    TransformerBlock,
)
from axon.models import Sequential

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
    "an open length": (lambda: Input((None, 3)), "leaves a size open.*Sequential"),
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
