"""Draw what a small network learns, as it learns: ``python docs/_site/learning.py``.

A network of two layers tells two spirals apart. After some of its steps the probability it gives
each place is drawn; the frames become docs/_static/learning.webp, the last one learning-still.webp
for people who want nothing to move. Needs the extra `images`.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import axon
from axon.callbacks import Callback
from axon.layers import Dense, Rescaling
from axon.models import Sequential

OUT = Path(__file__).parents[1] / "_static"
SIZE, FINE = 360, 2  # pixels of a side; drawn so many times as large, then made smaller
GRID = 90
BLUE, ORANGE, PALE = np.array([[56, 132, 255], [255, 140, 40], [245, 246, 250]], "float32")
DRAWN = np.unique(np.geomspace(1, 330, 42).astype(int))  # epochs: many at first, then few


def spirals(count: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (2 count, 2) on two spirals, and which one each is of."""
    random = np.random.default_rng(3)
    turn = np.sqrt(random.uniform(0.02, 1, count)) * 1.6 * 2 * np.pi
    arm = np.stack([turn * np.cos(turn), turn * np.sin(turn)], axis=1) / 11
    points = np.concatenate([arm, -arm]) + random.normal(0, noise, (2 * count, 2))
    return points.astype("float32"), np.repeat([[0.0], [1.0]], count, axis=0)


class Frames(Callback):
    """Draw the model after some epochs."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y, self.frames = x, y, []
        axis = np.linspace(-1.1, 1.1, GRID, dtype="float32")
        self.places = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Keep a picture."""
        if epoch + 1 in DRAWN:
            p = self.model.predict(self.places).reshape(GRID, GRID, 1)
            self.frames.append(self.picture(p))

    def picture(self, p: np.ndarray) -> Image.Image:
        """Colours by probability, and the points."""
        sure = np.abs(2 * p - 1) * 0.62
        rgb = PALE * (1 - sure) + np.where(p < 0.5, BLUE, ORANGE) * sure
        large = SIZE * FINE
        image = Image.fromarray(rgb.astype("uint8")).resize(
            (large, large), Image.Resampling.BICUBIC
        )
        draw = ImageDraw.Draw(image)
        for (a, b), label in zip(self.x, self.y[:, 0], strict=True):
            u, v = (np.array([a, b]) + 1.1) / 2.2 * large
            colour = tuple((BLUE if label < 0.5 else ORANGE).astype(int) * 7 // 10)
            draw.ellipse((u - 7, v - 7, u + 7, v + 7), fill=colour, outline="white", width=2)
        return rounded(image.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def rounded(image: Image.Image) -> Image.Image:
    """Cut the corners off, so that it lies well on light and dark."""
    mask = Image.new("L", (SIZE * 4, SIZE * 4))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, SIZE * 4, SIZE * 4), 16 * 4, fill=255)
    image.putalpha(mask.resize((SIZE, SIZE), Image.Resampling.LANCZOS))
    return image


def main() -> None:
    """Train, draw, write."""
    axon.set_random_seed(1)
    x, y = spirals(90, 0.03)
    layers = [Rescaling(4.0), Dense(48, "tanh"), Dense(32, "tanh"), Dense(1, "sigmoid")]
    model = Sequential(layers)
    model.compile("binary_cross_entropy", axon.optimizers.Adam(0.01), metrics=["accuracy"])
    frames = Frames(x, y)
    history = model.fit(x, y, batch_size=60, epochs=int(DRAWN[-1]), verbose=0, callbacks=[frames])
    first, *others = frames.frames
    times = [90] * len(others) + [2500]
    first.save(
        OUT / "learning.webp",
        save_all=True,
        append_images=others,
        duration=times,
        loop=0,
        quality=55,
        method=6,
    )
    frames.frames[-1].save(OUT / "learning-still.webp", quality=80, method=6)
    print(f"accuracy {history.history['accuracy'][-1]:.3f}")


if __name__ == "__main__":
    main()
