"""The work that every contestant does: the same data, weights, batches and arithmetic.

A 784-128-64-10 network of relu and softmax on MNIST; batches are gathered by index, in the same
order for all, so that all reach the same loss.
"""

from typing import NamedTuple

import numpy as np

import axon
from axon import datasets
from axon.layers import Dense
from axon.models import Sequential
from axon.random import stream


class Workload(NamedTuple):
    optimizer: str
    learning_rate: float
    batch_size: int


WORKLOADS = {
    "adam128": Workload("adam", 0.001, 128),
    "sgd32": Workload("sgd", 0.01, 32),
}
EPSILON = 1e-7  # of Adam, for all


def network() -> Sequential:
    """The network, with the same weights in every process."""
    axon.set_random_seed(0)
    layers = [Dense(784, 128, "relu"), Dense(128, 64, "relu"), Dense(64, 10, "softmax")]
    return Sequential(layers)


def data() -> tuple[np.ndarray, np.ndarray]:
    """MNIST's training images as rows of float32 in [0, 1], and int64 labels."""
    (x, y), _ = datasets.mnist.load_data()
    return (x.reshape(len(x), -1) / np.float32(255)).astype(np.float32), y.astype(np.int64)


def orders(n: int, epochs: int) -> list[np.ndarray]:
    """The orders in which the epochs go through the data."""
    axon.set_random_seed(1)
    order, result = np.arange(n), []
    for _ in range(epochs):
        stream("shuffle").shuffle(order)
        result.append(order.copy())
    return result
