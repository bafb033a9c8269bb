"""MNIST by attention over patches of 4 x 4 pixels: a small vision transformer.

Dosovitskiy et al., An Image is Worth 16x16 Words, 2021.
"""

import sys

import axon
from axon.datasets import mnist
from axon.layers import (
    Dense,
    GlobalAveragePooling1D,
    LayerNormalization,
    PositionalEmbedding,
    Rescaling,
    TransformerBlock,
)
from axon.models import Model, Sequential
from axon.optimizers import AdamW
from axon.optimizers.schedules import OneCycle

BATCH = 128
PATCH = 4


class Patches(Model):
    """Cuts (n, 28, 28) into 49 patches of 16 pixels: (n, 49, 16)."""

    def forward(self, x):
        side = 28 // PATCH
        x = x.reshape(len(x), side, PATCH, side, PATCH)
        return x.transpose(0, 1, 3, 2, 4).reshape(len(x), side * side, PATCH * PATCH)


def main(epochs: int = 10, width: int = 48, depth: int = 2) -> float:
    axon.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    blocks = [
        TransformerBlock(num_heads=4, intermediate_dim=2 * width, activation="gelu")
        for _ in range(depth)
    ]
    model = Sequential(
        [
            Rescaling(1 / 255),
            Patches(),
            Dense(width),
            PositionalEmbedding(),
            *blocks,
            LayerNormalization(),
            GlobalAveragePooling1D(),
            Dense(10, activation="softmax"),
        ]
    )
    steps = epochs * -(-len(x_train) // BATCH)
    rate = OneCycle(max_learning_rate=0.004, total_steps=steps)
    model.compile("categorical_cross_entropy", AdamW(rate, weight_decay=0.02), metrics=["accuracy"])
    options = {"validation_data": (x_test, y_test), "verbose": 2}
    history = model.fit(x_train, y_train, batch_size=BATCH, epochs=epochs, **options)

    accuracy = history.history["val_accuracy"][-1]
    print(f"Test accuracy: {accuracy:.2%}")
    return float(accuracy)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
