"""A variational autoencoder (Kingma and Welling, 2014): it learns to draw digits of its own.

The encoder gives a mean and a logarithm of a variance for each image, the decoder draws an image of
a point near that mean. A layer of the user's own draws the point; the model has two outputs, the
image and what the points cost: KL(N(mean, variance) || N(0, 1)).
"""

import sys

import numpy as np

import axon
from axon import Model, Sequential, ops
from axon.datasets import digits
from axon.layers import Concatenate, Dense, Flatten, GaussianNoise, Input, Layer, Reshape
from axon.optimizers import Adam


class Sampling(Layer):
    """A point near the mean: z = mean + exp(log_variance / 2) noise, noise from N(0, 1)."""

    def __init__(self, **options):
        super().__init__(**options)
        self.noise = GaussianNoise(1.0)

    def call(self, mean, log_variance):
        return mean + ops.exp(log_variance * 0.5) * self.noise(mean * 0.0)


def divergence(y_true, y_pred):
    """KL of each sample, from its means and logarithms of variances, side by side."""
    del y_true
    size = y_pred.shape[1] // 2
    mean, log_variance = y_pred[:, :size], y_pred[:, size:]
    kl = mean**2 + ops.exp(log_variance) - log_variance - 1.0
    return kl.sum(axis=1) * 0.5


def autoencoder(size: int) -> tuple[Model, Model]:
    """The model that learns, and its decoder."""
    image = Input((8, 8), name="image")
    hidden = Dense(64, "relu")(Flatten()(image))
    mean, log_variance = Dense(size, name="mean")(hidden), Dense(size, name="log_variance")(hidden)
    decoder = Sequential([Input((size,)), Dense(64, "relu"), Dense(64, "sigmoid"), Reshape((8, 8))])
    drawn = decoder(Sampling()(mean, log_variance))
    points = Concatenate()([mean, log_variance])
    return Model(image, {"image": drawn, "points": points}), decoder


def main(epochs: int = 40, size: int = 4) -> tuple[float, float]:
    axon.set_random_seed(0)
    (x, _), (x_test, _) = digits.load_data()
    x, x_test = x / np.float32(16), x_test / np.float32(16)
    model, decoder = autoencoder(size)
    model.compile(
        loss={"image": "binary_cross_entropy", "points": divergence},
        loss_weights={"image": 64.0},  # the sum over pixels, not their mean
        optimizer=Adam(0.003),
    )
    nothing = np.zeros((len(x), 2 * size), np.float32)  # the points have no targets
    model.fit(x, {"image": x, "points": nothing}, 32, epochs=epochs, verbose=2)

    error = float(np.abs(model.predict(x_test)["image"] - x_test).mean())
    drawings = decoder.predict(np.random.default_rng(0).normal(size=(3, size)))
    for row in range(8):  # three digits that nobody has written
        print("   ".join("".join(" .:*#"[int(4.99 * v)] * 2 for v in d[row]) for d in drawings))
    print(
        f"A pixel is off by {error:.3f}; always the mean image: {np.abs(x - x.mean(0)).mean():.3f}"
    )
    return error, float(np.abs(x - x.mean(0)).mean())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
