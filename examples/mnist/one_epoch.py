"""MNIST: one pass over the data, small steps at both ends of it, 99 % of the test set."""

import sys

import axon
from axon.datasets import mnist
from axon.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    MaxPooling2D,
    Rescaling,
    Reshape,
)
from axon.models import Sequential
from axon.optimizers import Adam
from axon.optimizers.schedules import OneCycle

BATCH = 64


def convolution(filters: int) -> list:
    conv = Conv2D(filters, 3, use_bias=False, kernel_initializer="he_normal")
    return [conv, BatchNormalization(momentum=0.9), Activation("relu")]


def main(images: int = 60_000) -> float:
    axon.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train, y_train = x_train[:images], y_train[:images]
    model = Sequential(
        [
            Rescaling(1 / 255),
            Reshape((28, 28, 1)),
            *convolution(32),  # (26, 26, 32)
            MaxPooling2D(2),
            *convolution(64),  # (11, 11, 64)
            *convolution(64),  # (9, 9, 64)
            MaxPooling2D(2),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    steps = -(-len(x_train) // BATCH)
    optimizer = Adam(OneCycle(max_learning_rate=0.01, total_steps=steps))
    model.compile("categorical_cross_entropy", optimizer, metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=BATCH, epochs=1, verbose=2)

    accuracy = model.evaluate(x_test, y_test)[1]
    print(f"Test accuracy after one epoch: {accuracy:.2%}")
    return float(accuracy)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
