"""A recorded step with less work in it gives what eager gives."""

import numpy as np
import pytest

import axon
from axon.layers import GRU, LSTM, Dense, SimpleRNN
from axon.models import Sequential

X = np.random.default_rng(5).normal(size=(6, 4, 3)).astype("f4")
Y = np.array([0, 1, 2, 0, 1, 2])


def trained(layer, eager):
    axon.set_random_seed(2)
    model = Sequential([layer(5), Dense(3, "softmax")])
    model.compile("categorical_cross_entropy", "adam", eager=eager)
    for _ in range(4):
        model.train_on_batch(X, Y)
    return model


@pytest.mark.parametrize("layer", [SimpleRNN, LSTM, GRU])
def test_of_a_recurrence_only_the_gradient_of_h_is_made(layer):
    model = trained(layer, eager=False)
    made = [line for line in model.program.lines if "slice_gradient" in line.call]
    assert (5, 6, 5) in [line.shape for line in made]  # time + 1, n, units
    assert all(len(line.shape) < 4 for line in made), "zeros for the gates"
    for a, b in zip(model.get_weights(), trained(layer, eager=True).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
