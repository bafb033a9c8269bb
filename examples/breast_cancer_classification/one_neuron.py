"""One neuron learns to tell malignant from benign tumours, trained by hand in plain NumPy.

The Wisconsin data: 569 tumours, 30 measurements each. Nothing is hidden here: the forward pass,
the error, the gradient and the update are the lines of the loop.
"""

import axon
from axon.activations.sigmoid import sigmoid, sigmoid_derivative
from axon.datasets import breast_cancer
from axon.layers.base import Neuron


def main(epochs: int = 30, learning_rate: float = 0.05) -> float:
    axon.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = breast_cancer.load_data()  # a fifth is kept for testing
    mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)
    x_train, x_test = (x_train - mean) / deviation, (x_test - mean) / deviation

    neuron = Neuron(30, sigmoid)
    for epoch in range(epochs):
        squared = 0.0
        for x, y in zip(x_train, y_train, strict=True):
            p = neuron.forward(x)  # the probability that the tumour is malignant
            error = p - y
            slope = error * sigmoid_derivative(p)  # d(error^2 / 2) / dz, by the chain rule
            neuron.weights -= learning_rate * slope * x
            neuron.bias -= learning_rate * slope
            squared += error**2
        if epoch == 0 or (epoch + 1) % 10 == 0:
            print(f"Epoch {epoch + 1}/{epochs} - Mean squared error: {squared / len(x_train):.4f}")

    right = (neuron.forward(x_test) > 0.5) == y_test
    print(f"Test accuracy: {right.mean():.2%}")
    return float(right.mean())


if __name__ == "__main__":
    main()
