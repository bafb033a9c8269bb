"""Losses: how wrong a prediction is, as one number to be made small."""

from axon.losses.base import Loss, numbers
from axon.losses.binary_cross_entropy import BinaryCrossEntropy
from axon.losses.categorical_cross_entropy import CategoricalCrossEntropy
from axon.losses.mean_squared_error import MeanSquaredError
from axon.names import resolve

LOSSES: dict[str, type[Loss]] = {
    "binary_cross_entropy": BinaryCrossEntropy,
    "binary_crossentropy": BinaryCrossEntropy,
    "categorical_cross_entropy": CategoricalCrossEntropy,
    "categorical_crossentropy": CategoricalCrossEntropy,
    "sparse_categorical_crossentropy": CategoricalCrossEntropy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
}


def get(loss: str | Loss) -> Loss:
    """Return a loss by its name, AXON's or Keras's; a Loss is returned as it is.

    Raises:
        ValueError: no such name; the nearest one is suggested.

    >>> get("mse").name
    'mean_squared_error'
    """
    if isinstance(loss, str):
        return resolve("loss", loss, LOSSES)()
    if isinstance(loss, type) and issubclass(loss, Loss):
        return loss()
    if not isinstance(loss, Loss):
        raise TypeError(
            f"loss: expected a name or a Loss, got {loss!r}. Known: {', '.join(LOSSES)}."
        )
    return loss
