"""MNIST read row by row, as a sequence of 28 rows of 28 pixels, by an LSTM."""

import sys

import axon
from axon.datasets import mnist
from axon.layers import LSTM, Dense, Rescaling
from axon.models import Sequential
from axon.optimizers import Adam
from axon.optimizers.schedules import OneCycle

BATCH = 128


def main(epochs: int = 6, units: int = 128) -> float:
    axon.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = mnist.load_data()  # 28 rows of 28 pixels each
    model = Sequential([Rescaling(1 / 255), LSTM(units), Dense(10, activation="softmax")])
    steps = epochs * -(-len(x_train) // BATCH)
    optimizer = Adam(OneCycle(max_learning_rate=0.006, total_steps=steps), clipnorm=1.0)
    model.compile("categorical_cross_entropy", optimizer, metrics=["accuracy"])
    options = {"validation_data": (x_test, y_test), "verbose": 2}
    history = model.fit(x_train, y_train, batch_size=BATCH, epochs=epochs, **options)

    accuracy = history.history["val_accuracy"][-1]
    print(f"Test accuracy: {accuracy:.2%}")
    return float(accuracy)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
