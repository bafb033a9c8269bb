"""A residual network (He et al., 2016) on the built-in digits: branches are written as you think.

Assign layers as attributes, call them in `forward`; everything else works as in Sequential.
"""

import sys

import axon
from axon.activations import relu
from axon.datasets import digits
from axon.layers import BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Rescaling
from axon.models import Model, Sequential
from axon.optimizers import Adam
from axon.optimizers.schedules import OneCycle


class Block(Model):
    """y = relu(x + F(x)): two convolutions learn what is to be added to x."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.first = Conv2D(filters, 3, padding="same", use_bias=False)
        self.first_norm = BatchNormalization(momentum=0.9)  # few steps: forget fast
        self.second = Conv2D(filters, 3, padding="same", use_bias=False)
        self.second_norm = BatchNormalization(momentum=0.9)

    def forward(self, x):
        y = relu(self.first_norm(self.first(x)))
        return relu(x + self.second_norm(self.second(y)))


class ResNet(Model):
    """A convolution, some blocks, and the mean of each channel."""

    def __init__(self, filters: int = 16, blocks: int = 3) -> None:
        super().__init__()
        self.scale = Rescaling(1 / 16)  # the digits' pixels go from 0 to 16
        self.begin = Conv2D(filters, 3, padding="same", activation="relu")
        self.blocks = [Block(filters) for _ in range(blocks)]
        self.end = Sequential([GlobalAveragePooling2D(), Dense(10, activation="softmax")])

    def forward(self, x):
        x = self.begin(self.scale(x))
        for block in self.blocks:
            x = block(x)
        return self.end(x)


def main(epochs: int = 15) -> float:
    axon.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x_train, x_test = x_train[..., None], x_test[..., None]  # one channel: (n, 8, 8, 1)
    model = ResNet()
    rate = OneCycle(max_learning_rate=0.01, total_steps=epochs * -(-len(x_train) // 32))
    model.compile("categorical_cross_entropy", Adam(rate), metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=32, epochs=epochs, verbose=2)

    accuracy = model.evaluate(x_test, y_test)[1]
    print(f"Test accuracy: {accuracy:.2%}")
    model.summary()
    return float(accuracy)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
