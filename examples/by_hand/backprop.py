"""Backpropagation written out, three times over, with the same result each time.

1. In plain NumPy: every product and every derivative is a line.
2. Layer by layer: loss.gradient(...), then layer.backward(...) from last to first.
3. By the library: fit.
"""

import numpy as np

import axon
from axon.activations.sigmoid import sigmoid, sigmoid_derivative
from axon.activations.tanh import tanh, tanh_derivative
from axon.datasets import breast_cancer
from axon.layers import Dense
from axon.losses import BinaryCrossEntropy
from axon.models import Sequential
from axon.optimizers import SGD

RATE = 0.5


def data() -> tuple[np.ndarray, np.ndarray]:
    (x, y), _ = breast_cancer.load_data()
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return x.astype(np.float32), y.reshape(-1, 1).astype(np.float32)


def network() -> Sequential:
    axon.set_random_seed(0)
    return Sequential([Dense(30, 8, tanh), Dense(8, 1, sigmoid)])


def in_numpy(x: np.ndarray, y: np.ndarray, steps: int) -> list[np.ndarray]:
    w1, b1, w2, b2 = (p.numpy().copy() for p in network().parameters())
    for _ in range(steps):
        h = tanh(x @ w1 + b1)  # (n, 8)
        p = sigmoid(h @ w2 + b2)  # (n, 1)
        dp = -(y / p - (1 - y) / (1 - p)) / len(x)  # dL/dp of binary cross-entropy
        dz2 = dp * sigmoid_derivative(p)  # in terms of the output, as all derivatives here
        dw2, db2 = h.T @ dz2, dz2.sum(axis=0)
        dz1 = (dz2 @ w2.T) * tanh_derivative(h)
        dw1, db1 = x.T @ dz1, dz1.sum(axis=0)
        for parameter, slope in ((w1, dw1), (b1, db1), (w2, dw2), (b2, db2)):
            parameter -= RATE * slope
    return [w1, b1, w2, b2]


def layer_by_layer(x: np.ndarray, y: np.ndarray, steps: int) -> list[np.ndarray]:
    model, loss, optimizer = network(), BinaryCrossEntropy(), SGD(RATE)
    optimizer.build(model.parameters())
    for _ in range(steps):
        p = model.forward(x)
        dL_dout = loss.gradient(y, p)
        for layer in reversed(model.layers):
            dL_dout = layer.backward(dL_dout)  # what is left for the layer before
        optimizer.step()
        optimizer.zero_grad()
    return [p.numpy() for p in model.parameters()]


def by_fit(x: np.ndarray, y: np.ndarray, steps: int) -> list[np.ndarray]:
    model = network()
    model.compile(BinaryCrossEntropy(), SGD(RATE))
    model.fit(x, y, batch_size=len(x), epochs=steps, shuffle=False, verbose=0)
    return [p.numpy() for p in model.parameters()]


def main(steps: int = 50) -> float:
    x, y = data()
    by_hand = in_numpy(x, y, steps)
    worst = 0.0
    for name, way in (("layer by layer", layer_by_layer), ("fit", by_fit)):
        found = way(x, y, steps)
        largest = max(np.abs(a - b).max() for a, b in zip(by_hand, found, strict=True))
        print(f"{name}: largest difference to plain NumPy after {steps} steps: {largest:.1e}")
        worst = max(worst, float(largest))
    return worst


if __name__ == "__main__":
    main()
