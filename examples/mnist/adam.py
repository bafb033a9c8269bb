"""MNIST with Adam: the same network in 5 epochs; the last one takes smaller steps.

Preparation is part of the model, so it takes images of bytes as they are, here and after saving.
"""

import sys

import axon
from axon.datasets import mnist
from axon.layers import Dense, Flatten, Rescaling
from axon.models import Sequential
from axon.optimizers import Adam


def main(epochs: int = 5) -> float:
    axon.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = mnist.load_data()  # uint8 images
    model = Sequential(
        [
            Rescaling(1 / 255),
            Flatten(),
            Dense(128, "relu"),
            Dense(64, "relu"),
            Dense(10, "softmax"),
        ]
    )
    model.compile("categorical_cross_entropy", Adam(learning_rate=0.002), metrics=["accuracy"])
    options = {"batch_size": 128, "epochs": epochs, "verbose": 2}
    if epochs > 1:
        model.fit(x_train, y_train, **options | {"epochs": epochs - 1})
    model.optimizer.learning_rate = 0.0004
    model.fit(x_train, y_train, **options, initial_epoch=epochs - 1)

    loss, accuracy = model.evaluate(x_test, y_test)
    print(f"Test loss: {loss:.4f}, test accuracy: {accuracy:.2%}")
    model.summary()
    return float(accuracy)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
