"""Transfer: what a network has learned for one question helps with another, of few answers.

A network learns which digit it sees. It is cut in front of its last layer; the part that is left,
frozen, begins a network that is to tell odd digits from even ones, and is told of ten images only,
one of each digit.
"""

import sys

import numpy as np

import axon
from axon import Model, Sequential
from axon.datasets import digits
from axon.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D, Rescaling
from axon.optimizers import Adam


def network(outputs: int, activation: str) -> Sequential:
    return Sequential(
        [
            *(Input((8, 8, 1)), Rescaling(1 / 16)),
            *(Conv2D(16, 3, activation="relu"), Conv2D(32, 3, activation="relu")),
            *(MaxPooling2D(2), Flatten(), Dense(32, "relu", name="features")),
            Dense(outputs, activation),
        ]
    )


def trained(
    model: Model, loss: str, x: np.ndarray, y: np.ndarray, epochs: int, rate: float = 0.003
) -> Model:
    model.compile(loss, Adam(rate), metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)
    return model


def main(epochs: int = 15, of_each: int = 1) -> tuple[float, float]:
    axon.set_random_seed(0)
    (x, digit), (x_test, digit_test) = digits.load_data()
    x, x_test = x[..., None], x_test[..., None]  # one channel: (n, 8, 8, 1)
    odd, odd_test = (d.reshape(-1, 1) % 2 for d in (digit, digit_test))
    base = trained(network(10, "softmax"), "categorical_cross_entropy", x, digit, epochs)

    body = Model(base.input, base.get_layer("features").output)  # shares its weights
    body.trainable = False
    tuned = Model(body.input, Dense(1, "sigmoid")(body.output))

    at = np.concatenate([np.flatnonzero(digit == d)[:of_each] for d in range(10)])
    ways = ((tuned, 0.02), (network(1, "sigmoid"), 0.003))  # one layer learns quicker than many
    transferred, alone = (
        float(
            trained(model, "binary_cross_entropy", x[at], odd[at], 200, rate).evaluate(
                x_test, odd_test, verbose=0
            )[1]
        )
        for model, rate in ways
    )
    print(f"Told of {len(at)} images: {transferred:.1%} by transfer, {alone:.1%} without")
    return transferred, alone


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
