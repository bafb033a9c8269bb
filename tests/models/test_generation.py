"""Models that write on: step by step as all at once, choices by their frequencies, errors."""

import numpy as np
import pytest

import axon
from axon.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Conv1D,
    Dense,
    Embedding,
    GlobalAveragePooling1D,
    GRUCell,
    Input,
    LayerNormalization,
    LSTMCell,
    PositionalEmbedding,
    RotaryEmbedding,
    SimpleRNN,
    TransformerBlock,
)
from axon.models import Model, Sequential
from axon.models.generation import Anew, Stepwise, TokenChoice

VOCABULARY = 11


def block(**given):
    return TransformerBlock(2, 16, 4, causal=True, **given)


NETWORKS = {
    "places that are learned": lambda: [PositionalEmbedding(20), block(), block()],
    "waves": lambda: [PositionalEmbedding(kind="sinusoidal"), block(normalize_first=False)],
    "rotary": lambda: [block(rotary=True), block(rotary=100.0)],
    "shared heads, windows": lambda: [block(num_key_value_heads=1, sliding_window=3, rotary=True)],
    "a rotary layer": lambda: [RotaryEmbedding(), block()],
    "lstm": lambda: [LSTM(8, return_sequences=True, num_layers=2)],
    "gru, attention": lambda: [GRU(8, return_sequences=True), block()],
    "simple, cells": lambda: [
        SimpleRNN(8, return_sequences=True),
        RNN([LSTMCell(8), GRUCell(8)], return_sequences=True),
    ],
}


def network(name, head=lambda: Dense(VOCABULARY, "softmax")):
    axon.set_random_seed(4)
    inside = NETWORKS[name]() if isinstance(name, str) else name
    model = Sequential([Embedding(VOCABULARY, 8), *inside, LayerNormalization(), head()])
    model.build((20,))
    for p in model.parameters():
        p.assign(p.numpy() * 3)
    return model


@pytest.mark.parametrize("name", NETWORKS)
def test_step_by_step_is_all_at_once(name):
    model, prompt = network(name), np.array([[1, 2, 3], [4, 5, 6]])
    together = model.generate(prompt, 17, seed=1)
    np.testing.assert_array_equal(together, model.generate(prompt, 17, seed=1, cached=False))
    assert together.shape == (2, 20)
    np.testing.assert_array_equal(together[:, :3], prompt)
    assert len(set(together[0])) > 3
    reader = Stepwise(model, 20)
    told = [reader.scores(together[:, :end]) for end in (3, 4, 5)][-1]
    np.testing.assert_allclose(told, Anew(model).scores(together[:, :5]), rtol=1e-3, atol=1e-4)
    assert len(reader.step.programs) == 1, "each token is the same work"


def test_one_token_and_one_row():
    model = network("rotary")
    alone = model.generate([3], 5, seed=2)
    assert alone.shape == (6,)
    np.testing.assert_array_equal(alone, model.generate([[3]], 5, seed=2)[0])
    np.testing.assert_array_equal(alone, model.generate([3], 5, seed=2, cached=False))


def test_a_model_of_ones_own_that_shares_a_layer():
    class Twice(Model):
        def __init__(self):
            super().__init__()
            self.words, self.block = Embedding(VOCABULARY, 8), block()
            self.read, self.head = GRU(8, return_sequences=True), Dense(VOCABULARY)

        def forward(self, x):
            return self.head(self.read(self.block(self.block(self.words(x)))))

    model = Twice()
    np.testing.assert_array_equal(
        model.generate([1, 2], 9, seed=1), model.generate([1, 2], 9, seed=1, cached=False)
    )


def test_models_of_a_fixed_length_and_in_the_functional_style():
    axon.set_random_seed(0)
    x = Input((12,), dtype="int64")
    y = Dense(VOCABULARY)(block()(Embedding(VOCABULARY, 8)(x)))
    model = Model(x, y)
    np.testing.assert_array_equal(
        model.generate([1, 2], 9, seed=1), model.generate([1, 2], 9, seed=1, cached=False)
    )


def test_a_text_that_was_learned_is_written_on():
    axon.set_random_seed(0)
    text = np.tile(np.arange(6), 40)
    x = np.stack([text[i : i + 12] for i in range(100)])
    y = np.stack([text[i + 1 : i + 13] for i in range(100)])
    model = Sequential(
        [Embedding(6, 16), TransformerBlock(2, 32, causal=True, rotary=True), Dense(6)]
    )
    model.compile(axon.losses.CategoricalCrossEntropy(from_logits=True), axon.optimizers.Adam(0.01))
    model.fit(x, y, epochs=8, verbose=0)
    assert model.generate([2, 3], 10, temperature=0).tolist() == [
        2,
        3,
        4,
        5,
        0,
        1,
        2,
        3,
        4,
        5,
        0,
        1,
    ]
    weights = model.get_weights()
    model.fit(x, y, epochs=1, verbose=0)
    assert any((a != b).any() for a, b in zip(weights, model.get_weights(), strict=True))


def test_stop_ends_rows_and_the_loop():
    model = network("lstm")
    free = model.generate([[1, 2], [3, 4]], 15, seed=5)
    stop = int(free[0, 4])
    ended = model.generate([[1, 2], [3, 4]], 15, seed=5, stop=stop)
    first = int(np.argmax(free[0, 2:] == stop)) + 2
    np.testing.assert_array_equal(ended[0, : first + 1], free[0, : first + 1])
    assert (ended[0, first:] == stop).all()
    assert (
        model.generate([1, 2], 15, seed=5, stop=int(model.generate([1, 2], 1, seed=5)[2])).size == 3
    )


# ------------------------------------------------------------------------------------ choices


SCORES = np.log(np.array([0.5, 0.3, 0.15, 0.05]))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, [0.5, 0.3, 0.15, 0.05]),
        ({"temperature": 0.5}, np.array([0.25, 0.09, 0.0225, 0.0025]) / 0.365),
        ({"temperature": 0}, [1, 0, 0, 0]),
        ({"top_k": 2}, [0.625, 0.375, 0, 0]),
        ({"top_p": 0.7}, [0.625, 0.375, 0, 0]),
        ({"top_p": 0.5}, [1, 0, 0, 0]),
        ({"top_p": 0.81}, np.array([0.5, 0.3, 0.15, 0]) / 0.95),
        ({"top_k": 3, "top_p": 0.6}, [0.625, 0.375, 0, 0]),
        ({"top_k": 9, "top_p": 1.0}, [0.5, 0.3, 0.15, 0.05]),
    ],
)
def test_choices_by_their_frequencies(given, wanted):
    """Of 20,000 draws the frequencies lie within five deviations of what they should be."""
    n, turned = 20_000, [2, 0, 3, 1]
    choice = TokenChoice(**given).checked()
    wanted = np.array(wanted)[turned]
    np.testing.assert_allclose(choice.probabilities(SCORES[None, turned] + 3)[0], wanted, atol=1e-9)
    drawn = choice.draw(np.tile(SCORES[turned] + 3, (n, 1)), np.random.default_rng(0))
    found = np.bincount(drawn, minlength=4) / n
    assert (abs(found - wanted) <= 5 * np.sqrt(wanted * (1 - wanted) / n)).all()


def test_the_seed_tells_the_text():
    model = network("gru, attention", lambda: Dense(VOCABULARY))
    hot = {"length": 12, "temperature": 9.0}
    one, two = (model.generate([1], seed=s, **hot).tolist() for s in (1, 2))
    assert one == model.generate([1], seed=1, **hot).tolist()
    assert one != two
    axon.set_random_seed(9)
    first = model.generate([1], **hot).tolist()
    assert first != model.generate([1], **hot).tolist()
    axon.set_random_seed(9)
    assert first == model.generate([1], **hot).tolist()


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("parts", "given", "message"),
    [
        ([block()], {"tokens": [1.5]}, "tokens must be whole numbers"),
        ([block()], {"tokens": []}, "tokens must be whole numbers"),
        ([block()], {"length": 0}, "length must be a whole number of at least 1"),
        ([block()], {"top_k": 0}, "top_k must be a whole number"),
        ([block()], {"top_p": 0}, "top_p must be greater than 0 and at most 1"),
        ([block()], {"temperature": -1}, "temperature must be a finite number"),
        ([TransformerBlock(2, 16)], {}, r"more than the steps before.*cached=False"),
        ([Conv1D(8, 3, padding="causal")], {}, r"says something else than for all at once"),
        ([Bidirectional(GRU(4, return_sequences=True))], {}, "it goes backwards"),
        ([PositionalEmbedding(20), block()], {"length": 30}, "learned 20 places, but there would"),
        ([block(), GlobalAveragePooling1D()], {}, r"must tell the next token after each one"),
    ],
)
def test_errors(parts, given, message):
    model = network(parts)
    given = {"tokens": [1, 2], "length": 5, **given}
    with pytest.raises(ValueError, match=message):
        model.generate(**given)


def test_a_causal_convolution_is_read_anew():
    model = network([Conv1D(8, 3, padding="causal")])
    assert model.generate([1, 2], 5, seed=0, cached=False).shape == (7,)


def test_outputs_that_are_not_finite_are_named():
    model = network("lstm")
    model.parameters()[0].data[...] = np.nan
    with pytest.raises(FloatingPointError, match="the model's output is not finite"):
        model.generate([1], 3)
