"""Images as a network was trained on them."""

from typing import Any, NamedTuple

import numpy as np

from axon import layers
from axon.backend import Array
from axon.datasets.image_folder import read_image
from axon.layers.open_sizes import is_open
from axon.models import Model


class Pictures(NamedTuple):
    """How images become what a network was trained on.

    Args:
        shape: of a sample: (height, width), the same with channels, or a square's pixels in a row.
        black: the value of black.
        white: the value of white.
        invert: swap black and white.
        background: how bright margins were in training, from 0 to 1, if that is known.
    """

    shape: tuple[int, ...]
    black: float
    white: float
    invert: bool = False
    background: float | None = None

    @classmethod
    def of(cls, network: Model, invert: bool, white: float | None) -> "Pictures":
        """What is known of the images that a network was trained on."""
        black, found = _range(network)
        known = network.metadata.get("background")
        return cls(network.input_shape, black, found if white is None else white, invert, known)

    @property
    def size(self) -> tuple[int, int, int]:
        """Height, width and channels that the network takes."""
        shape = self.shape
        if len(shape) == 1:
            for channels in (1, 3, 4):
                side = round((shape[0] / channels) ** 0.5)
                if side * side * channels == shape[0]:
                    return side, side, channels
        if is_open(shape):
            raise ValueError(f"the model takes samples of any size, {shape}: images of which one?")
        if len(shape) == 2:
            return (*shape, 1)
        if len(shape) == 3 and shape[2] in (1, 3, 4):
            return shape
        raise ValueError(
            f"the model takes samples of shape {shape}, which are no images: expected (height, "
            "width), or the same and 1, 3 or 4 channels."
        )

    def read(self, path: Any) -> Array:
        """One image, resized and in the network's colours and range.

        Args:
            path: of a file; or an open one.
        """
        height, width, channels = self.size
        mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
        pixels = read_image(path, (height, width), mode).astype(np.float32) / 255
        if self.invert:
            pixels[..., :3] = 1 - pixels[..., :3]  # not how opaque it is
        return (self.black + pixels * (self.white - self.black)).reshape(self.shape)

    def unlike(self, x: Array) -> bool:
        """Whether an image's margin is bright where the network knows dark ones, or vice versa."""
        if self.background is None:
            return False
        pixels = x.reshape(self.size)
        margin = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        mean = float(margin.ravel().mean())
        bright = (mean - self.black) / max(self.white - self.black, 1e-9)
        return abs(bright - self.background) > 0.5


def _range(network: Model) -> tuple[float, float]:
    """The values of black and white: as in training, or what a Rescaling takes to 1, or 0 to 1."""
    if known := network.metadata.get("input_range"):
        return float(known[0]), float(known[1])
    for layer in network.layers:
        if isinstance(layer, layers.Rescaling) and layer.scale:
            return 0.0, (1 - layer.offset) / layer.scale
        if not isinstance(layer, layers.Input | layers.Reshape | layers.Flatten):
            break
    return 0.0, 1.0
