"""States, cells and attention in ONNX files: run by ONNX Runtime, they give the same."""

import numpy as np
import pytest

import axon
from axon import ops
from axon.layers import (
    GRU,
    LSTM,
    RNN,
    AdditiveAttention,
    Bidirectional,
    Dense,
    GroupQueryAttention,
    Layer,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    TransformerBlock,
)
from axon.models import Model, Sequential

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

rng = np.random.default_rng(0)
X = rng.normal(size=(4, 5, 3)).astype("f4")
STATE = rng.normal(size=(4, 6)).astype("f4")


def agrees(model, *inputs):
    """The same numbers from the file, for other numbers of samples, too; its operators."""
    given = inputs if len(inputs) > 1 else inputs[0]
    model.predict(given)
    made = axon.onnx.export(model)
    session = runtime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    for n in (4, 1):
        cut = [x[:n] for x in inputs]
        named = {i.name: x for i, x in zip(session.get_inputs(), cut, strict=True)}
        wanted = model.predict(tuple(cut) if len(cut) > 1 else cut[0])
        np.testing.assert_allclose(session.run(None, named)[0], wanted, rtol=1e-4, atol=1e-5)
    return [node.op_type for node in made.graph.node]


class Goes(Model):
    """Begins with states that are given, and says those at the end, in one row."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, h, c=None):
        y, *states = self.layer(x, initial_state=h if c is None else [h, c])
        return ops.concatenate([y, *states])


@pytest.mark.parametrize("make", [SimpleRNN, LSTM, GRU])
def test_states_that_come_in_and_go_out(make):
    model = Goes(make(6, return_state=True))
    starts = [STATE, STATE * 0.5] if make is LSTM else [STATE]
    found = agrees(model, X, *starts)
    assert {SimpleRNN: "RNN", LSTM: "LSTM", GRU: "GRU"}[make] in found


class Leaky(Layer):
    state_size = 3

    def create(self, input_shape):
        self.kernel = self.parameter("kernel", "glorot_uniform", (input_shape[-1], 3))

    def call(self, inputs, states):
        h = states[0] * 0.5 + inputs @ self.kernel
        return h, [h]


class Looking(Model):
    def __init__(self):
        super().__init__()
        self.read = LSTM(6, return_sequences=True)
        self.attention = AdditiveAttention()

    def forward(self, x):
        y = self.read(x)
        return self.attention([y, y[:, ::-1]])


NETWORKS = {
    "several layers": lambda: Sequential([GRU(6, num_layers=2), Dense(2)]),
    "cells": lambda: Sequential([RNN([LSTMCell(4), SimpleRNNCell(3)]), Dense(2)]),
    "a cell of one's own": lambda: Sequential([RNN(Leaky()), Dense(2)]),
    "dropouts": lambda: Sequential([GRU(6, dropout=0.2, recurrent_dropout=0.3), Dense(2)]),
    "both ways": lambda: Sequential([Bidirectional(LSTM(4, return_sequences=True)), Dense(2)]),
    "additive": Looking,
    "heads that are shared": lambda: Sequential(
        [Dense(6), GroupQueryAttention(4, 4, 2, rotary=True), Dense(2)]
    ),
    "a block": lambda: Sequential(
        [
            Dense(6),
            TransformerBlock(
                2, 8, 4, causal=True, num_key_value_heads=1, sliding_window=2, rotary=True
            ),
        ]
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_onnx_runtime_computes(name):
    axon.set_random_seed(0)
    agrees(NETWORKS[name](), X)


def test_states_that_stay_cannot_be_written():
    model = Sequential([GRU(6, stateful=True)])
    model.predict(X)
    with pytest.raises(RuntimeError, match="is stateful, but an ONNX file keeps nothing"):
        axon.onnx.export(model)
