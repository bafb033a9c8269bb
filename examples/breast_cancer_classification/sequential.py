"""The same neuron as a Sequential model of one layer with one output.

Give the path of a CSV file with Kaggle's columns (id, diagnosis, 30 numbers) to use that instead.
"""

import sys

import axon
from axon.datasets import breast_cancer
from axon.layers import Dense, Normalization
from axon.models import Sequential
from axon.optimizers import SGD


def main(path: str | None = None, epochs: int = 30) -> float:
    axon.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = breast_cancer.load_data(path)
    normalization = Normalization()
    normalization.adapt(x_train)
    model = Sequential([normalization, Dense(30, 1, activation="sigmoid")])
    model.compile("binary_cross_entropy", SGD(learning_rate=0.1), metrics=["accuracy"])
    model.train(x_train, y_train.reshape(-1, 1), epochs)

    loss, accuracy = model.evaluate(x_test, y_test.reshape(-1, 1))
    print(f"Test loss: {loss:.4f}, test accuracy: {accuracy:.2%}")
    return float(accuracy)


if __name__ == "__main__":
    main(*sys.argv[1:])
