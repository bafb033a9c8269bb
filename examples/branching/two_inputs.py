"""A network with two inputs: do two pictures show the same digit?

Both pictures go through the same layers (shared weights: Bromley et al., 1993), and the answer
depends on how far apart the two results are.
"""

import sys

import numpy as np

import axon
from axon.datasets import digits
from axon.layers import Conv2D, Dense, Flatten, MaxPooling2D, Rescaling
from axon.models import Model, Sequential
from axon.optimizers import Adam


class SameDigit(Model):
    """The probability that two pictures show the same digit."""

    def __init__(self) -> None:
        super().__init__()
        self.look = Sequential(
            [
                Rescaling(1 / 16),
                Conv2D(16, 3, padding="same", activation="relu"),
                Conv2D(32, 3, padding="same", activation="relu"),
                MaxPooling2D(2),
                Flatten(),
                Dense(32, activation="tanh"),
            ]
        )
        self.judge = Dense(1, activation="sigmoid")

    def forward(self, left, right):
        return self.judge((self.look(left) - self.look(right)) ** 2)


def pairs(x: np.ndarray, y: np.ndarray, count: int, seed: int) -> tuple:
    """Pairs of pictures, half of them of the same digit, and 1 for those that are."""
    rng = np.random.default_rng(seed)
    left = rng.integers(0, len(x), count)
    right = rng.integers(0, len(x), count)
    for i in range(0, count, 2):
        right[i] = rng.choice(np.flatnonzero(y == y[left[i]]))
    return (x[left, ..., None], x[right, ..., None]), (y[left] == y[right]).reshape(-1, 1)


def main(epochs: int = 10, count: int = 8000) -> float:
    axon.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    pictures, same = pairs(x_train, y_train, count, seed=1)
    test_pictures, test_same = pairs(x_test, y_test, 2000, seed=2)
    model = SameDigit()
    model.compile("binary_cross_entropy", Adam(0.002), metrics=["accuracy"])
    model.fit(pictures, same, batch_size=64, epochs=epochs, verbose=2)

    accuracy = model.evaluate(test_pictures, test_same)[1]
    print(f"Test accuracy on pictures never seen: {accuracy:.2%}")
    return float(accuracy)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
