"""MNIST with plain stochastic gradient descent: 784-128-64-10, learning rate 0.01, 50 epochs."""

import sys

import numpy as np

import axon
from axon.activations import relu, softmax
from axon.datasets import mnist
from axon.layers import Dense
from axon.losses import CategoricalCrossEntropy
from axon.models import Sequential
from axon.optimizers import SGD


def main(epochs: int = 50) -> float:
    axon.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train = x_train.reshape(-1, 784) / np.float32(255)
    x_test = x_test.reshape(-1, 784) / np.float32(255)

    model = Sequential()
    model.add(Dense(784, 128, activation=relu))
    model.add(Dense(128, 64, activation=relu))
    model.add(Dense(64, 10, activation=softmax))
    model.compile(CategoricalCrossEntropy(), SGD(learning_rate=0.01))
    model.train(x_train, y_train, epochs)

    accuracy = (model.predict(x_test).argmax(axis=1) == y_test).mean()
    print(f"Test accuracy: {accuracy:.2%}")
    return float(accuracy)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
