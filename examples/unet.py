"""A U-Net (Ronneberger et al., 2015) in the functional style: it finds discs among squares.

Down, images become smaller and what is known of each place larger; up, what was there on the way
down is laid beside, so that edges stay sharp. Each pixel gets a probability of its own.
"""

import sys

import numpy as np

import axon
from axon import Model
from axon.layers import Concatenate, Conv2D, Input, MaxPooling2D, UpSampling2D
from axon.optimizers import Adam

SIDE = 16


def images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images (n, 16, 16, 1) of a disc and a square, and where the disc is."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    middles, size = (
        random.uniform(4, SIDE - 4, (2, 2, count, 1, 1)),
        random.uniform(2, 4, (2, count, 1, 1)),
    )
    disc = (rows - middles[0, 0]) ** 2 + (columns - middles[0, 1]) ** 2 < size[0] ** 2
    apart = np.maximum(abs(rows - middles[1, 0]), abs(columns - middles[1, 1]))
    square = (apart < size[1] * 0.8) & ~disc
    noise = random.normal(scale=0.2, size=disc.shape)
    return (disc + square + noise)[..., None].astype("f"), disc[..., None].astype("f")


def unet(filters: int, depth: int) -> Model:
    """Down ``depth`` times and up again."""

    def twice(x, filters):
        for _ in range(2):
            x = Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x

    x = image = Input((SIDE, SIDE, 1), name="image")
    left = []
    for level in range(depth):
        left.append(twice(x, filters * 2**level))
        x = MaxPooling2D(2)(left[-1])
    x = twice(x, filters * 2**depth)
    for level in reversed(range(depth)):
        x = twice(Concatenate()([UpSampling2D(2)(x), left[level]]), filters * 2**level)
    return Model(image, Conv2D(1, 1, activation="sigmoid")(x), name="unet")


def main(epochs: int = 15, count: int = 600, filters: int = 8) -> float:
    axon.set_random_seed(0)
    x, y = images(count, 0)
    x_test, y_test = images(100, 1)
    model = unet(filters, depth=2)
    model.compile("binary_cross_entropy", Adam(0.003))
    model.fit(x, y, 16, epochs=epochs, verbose=2)
    found, truth = model.predict(x_test) > 0.5, y_test > 0.5
    overlap = float((found & truth).sum() / (found | truth).sum())
    print(f"Intersection over union of the discs: {overlap:.2f}")
    return overlap


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
