"""Two outputs of one network: which digit it is, and how much ink was used to write it.

Losses, what they weigh, metrics and targets go by the names of the outputs.
"""

import sys

import numpy as np

import axon
from axon import Model
from axon.datasets import digits
from axon.layers import Dense, Flatten, Input, Rescaling


def main(epochs: int = 20) -> dict[str, float]:
    axon.set_random_seed(0)
    (x_train, digit), (x_test, digit_test) = digits.load_data()
    ink, ink_test = (np.mean(x, axis=(1, 2)).reshape(-1, 1) for x in (x_train, x_test))

    image = Input((8, 8), name="image")
    body = Dense(64, "relu")(Flatten()(Rescaling(1 / 16)(image)))
    outputs = {"digit": Dense(10, "softmax")(body), "ink": Dense(1)(body)}
    model = Model(image, outputs)
    model.compile(
        loss={"digit": "categorical_cross_entropy", "ink": "mse"},
        loss_weights={"ink": 0.2},
        metrics={"digit": ["accuracy"], "ink": ["mae"]},
    )
    data = x_test, {"digit": digit_test, "ink": ink_test}
    model.fit(
        x_train,
        {"digit": digit, "ink": ink},
        epochs=epochs,
        validation_data=data,
        verbose=2,
    )

    measured = model.evaluate(*data, return_dict=True)
    print(f"Digits found: {measured['digit_accuracy']:.1%}")
    print(f"Ink: {measured['ink_mae']:.2f} of {ink_test.mean():.2f} off, on average")
    return measured


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
