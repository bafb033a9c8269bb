"""Numbers as pictures: what ``imshow`` has to be told."""

import numpy as np

from axon.backend import Array
from axon.plot.figure import SIGNED, Look


def shown(image: Array) -> Look:
    """The arguments of ``imshow`` for an image (height, width), or (height, width, channels).

    One channel is drawn dark on light; three and four are colours; of other numbers of channels
    the mean is drawn. Colours are spread over what the image holds, unless they are 0 to 1, or 0
    to 255.

    >>> shown(np.zeros((2, 3, 1)))["X"].shape
    (2, 3)
    """
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[2] not in (3, 4):
        image = image.mean(axis=2)
    if image.ndim == 3:
        return {"X": _colours(image)}
    return {"X": image, "cmap": "gray_r", "interpolation": "nearest"}


def _colours(image: Array) -> Array:
    if image.dtype == np.uint8:
        return image
    low, high = float(image.min(initial=0)), float(image.max(initial=0))
    if low >= 0 and high <= 255 and high > 1:
        return (image / 255).astype(np.float32)
    return spread(image) if low < 0 or high > 1 else image.astype(np.float32)


def spread(image: Array) -> Array:
    """The numbers, moved and stretched to 0 to 1; all 0.5 if they are all the same."""
    low, high = float(np.nanmin(image)), float(np.nanmax(image))
    if not high > low:
        return np.full(image.shape, 0.5, np.float32)
    return ((image - low) / (high - low)).astype(np.float32)


def signed(image: Array, most: float) -> Look:
    """The arguments of ``imshow`` for numbers from -most to most: 0 is white."""
    most = most or 1.0
    return {"X": image, "cmap": SIGNED, "vmin": -most, "vmax": most, "interpolation": "nearest"}
