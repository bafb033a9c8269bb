"""An autoencoder: 784 pixels through 32 numbers and back; writes a picture of what comes out."""

import sys
from pathlib import Path

import numpy as np

import axon
from axon.datasets import mnist
from axon.layers import Dense, Flatten, Reshape
from axon.models import Sequential
from axon.optimizers import Adam


def main(epochs: int = 10, picture: str = "autoencoder.png") -> float:
    axon.set_random_seed(0)
    (x_train, _), (x_test, y_test) = mnist.load_data()
    x_train, x_test = (x.astype("float32") / 255 for x in (x_train, x_test))
    encoder = Sequential([Flatten(), Dense(128, activation="relu"), Dense(32)])
    decoder = Sequential(
        [Dense(128, activation="relu"), Dense(784, activation="sigmoid"), Reshape((28, 28))]
    )
    model = Sequential([encoder, decoder])
    model.compile("binary_cross_entropy", Adam(0.002), metrics=["mse"])
    model.fit(x_train, x_train, batch_size=128, epochs=epochs, verbose=2)

    error = model.evaluate(x_test, x_test)[1]
    always = baseline(x_train, x_test)
    print(f"Mean squared error: {error:.4f} (always the mean image: {always:.4f})")
    chosen = [np.flatnonzero(y_test == digit)[0] for digit in range(10)]
    draw(x_test[chosen], decoder.predict(encoder.predict(x_test[chosen])), Path(picture))
    return float(error)


def baseline(x_train: np.ndarray, x_test: np.ndarray) -> float:
    return float(((x_test - x_train.mean(axis=0)) ** 2).mean())


def draw(above: np.ndarray, below: np.ndarray, path: Path) -> None:
    """Two rows of pictures: as they were, and as they came back."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 2.3), layout="constrained")
    for row, images in enumerate((above, below)):
        for column, image in enumerate(images):
            axes = figure.add_subplot(2, 10, row * 10 + column + 1)
            axes.imshow(image, cmap="gray_r", vmin=0, vmax=1)
            axes.set_axis_off()
    figure.suptitle("Above: test images. Below: what 32 numbers kept of them.", fontsize=10)
    figure.savefig(path, dpi=120)
    print(f"Written: {path}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
