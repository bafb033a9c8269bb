"""Schedule-free optimizers: by the book, and which point weights are at while training and after.

Keras's ScheduleFreeAdamW takes the same steps on JAX; on PyTorch it takes z for what it was before.
"""

import numpy as np
import pytest

import axon
from axon import Tensor
from axon.layers import Dense
from axon.models import Sequential
from axon.optimizers import ScheduleFreeAdamW, ScheduleFreeSGD
from axon.parameter import Parameter

rng = np.random.default_rng(0)
W, GRADIENTS = rng.normal(size=(4, 3)), rng.normal(size=(7, 4, 3))
X, Y = rng.normal(size=(12, 4)).astype("f4"), rng.normal(size=(12, 2)).astype("f4")


def by_the_book(rate, warmup, b1=0.9, b2=None, epsilon=1e-8):
    x, z, y, v = W, W, W, 0.0
    for t, g in enumerate(GRADIENTS, 1):
        step = rate * min(1, t / warmup if warmup else 1) * g
        if b2 is not None:
            v = b2 * v + (1 - b2) * g**2
            step = step / (np.sqrt(v / (1 - b2**t)) + epsilon)
        z = z - step
        x = x + (z - x) / t
        y = (1 - b1) * z + b1 * x
    return x, y


@pytest.mark.parametrize(
    ("optimizer", "book"),
    [
        (ScheduleFreeSGD(0.5), by_the_book(0.5, 0)),
        (ScheduleFreeSGD(0.5, 0.8, warmup_steps=3), by_the_book(0.5, 3, 0.8)),
        (ScheduleFreeAdamW(0.1, warmup_steps=2), by_the_book(0.1, 2, b2=0.999)),
    ],
)
def test_steps_by_the_book_and_where_they_end(optimizer, book):
    w = Parameter(W.copy())
    optimizer.build([w])
    for g in GRADIENTS:
        w.grad = Tensor(g.copy())
        optimizer.step()
    x, y = book
    np.testing.assert_allclose(w.numpy(), y, rtol=1e-10)
    for _ in range(2):  # the second time it is there already
        optimizer.finalize()
        np.testing.assert_allclose(w.numpy(), x, rtol=1e-10)
    optimizer.build([w])
    np.testing.assert_allclose(w.numpy(), y, rtol=1e-10)


@pytest.mark.parametrize("make", [ScheduleFreeSGD, ScheduleFreeAdamW])
def test_two_fits_are_one(make, tmp_path):
    def model():
        axon.set_random_seed(0)
        net = Sequential([Dense(4, 8, activation="tanh"), Dense(8, 2)])
        net.compile("mse", make())
        return net

    options = {"batch_size": 5, "verbose": 0, "shuffle": False}
    once, twice = model(), model()
    once.fit(X, Y, epochs=4, **options)
    twice.fit(X, Y, epochs=2, **options)
    twice.save(tmp_path / "net.axon")
    again = axon.load_model(tmp_path / "net.axon")
    for net in (twice, again):
        net.fit(X, Y, epochs=2, **options)
        for a, b in zip(once.get_weights(), net.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    once.set_weights([2 * w for w in once.get_weights()])
    moved = once.get_weights()[0]
    once.optimizer.learning_rate = 1e-6
    once.fit(X, Y, batch_size=12, verbose=0)  # a small step from these, not from the old ones
    found = once.get_weights()[0]
    assert np.abs(found - moved).sum() < np.abs(found - moved / 2).sum()
