"""MNIST to 99.4 % and more: convolution, batch normalization, dropout, augmentation, one cycle."""

import sys

import axon
from axon.datasets import mnist
from axon.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
    RandomTranslation,
    Rescaling,
    Reshape,
)
from axon.models import Sequential
from axon.optimizers import Adam
from axon.optimizers.schedules import OneCycle

BATCH = 128


def convolution(filters: int) -> list:
    """Convolution, normalization, relu; the normalization has a bias of its own."""
    conv = Conv2D(filters, 3, use_bias=False, kernel_initializer="he_normal")
    return [conv, BatchNormalization(momentum=0.9), Activation("relu")]


def network() -> Sequential:
    return Sequential(
        [
            Rescaling(1 / 255),
            Reshape((28, 28, 1)),
            RandomTranslation(0.07, 0.07, interpolation="nearest"),  # by up to 2 pixels, no blur
            *convolution(32),  # (26, 26, 32)
            MaxPooling2D(2),
            *convolution(64),  # (11, 11, 64)
            *convolution(64),  # (9, 9, 64)
            MaxPooling2D(2),
            Flatten(),
            Dropout(0.3),
            Dense(10, activation="softmax"),
        ]
    )


def main(epochs: int = 10) -> float:
    axon.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    steps = epochs * -(-len(x_train) // BATCH)
    model = network()
    optimizer = Adam(OneCycle(max_learning_rate=0.01, total_steps=steps))
    model.compile("categorical_cross_entropy", optimizer, metrics=["accuracy"])
    options = {"validation_data": (x_test, y_test), "verbose": 2}
    history = model.fit(x_train, y_train, batch_size=BATCH, epochs=epochs, **options)

    accuracy = history.history["val_accuracy"][-1]
    print(f"Test accuracy: {accuracy:.2%}")
    model.summary()
    return float(accuracy)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
