"""What the outputs of a model stand for: classes, by name, or numbers."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array
from axon.metrics.scores import probabilities
from axon.models import Model

CHOOSING = ("softmax", "sigmoid")


def unheard(sentence: str) -> None:
    """Where nobody wants to know."""


class Meaning(NamedTuple):
    """What the outputs of a network stand for.

    Args:
        classes: one of these (names); none: the outputs are numbers.
        columns: what the numbers are called.
        logits: they are not probabilities yet.
    """

    classes: list[str]
    columns: list[str]
    logits: bool = False

    @classmethod
    def of(cls, network: Model, said: Callable[[str], None] = unheard) -> "Meaning":
        """Read it from what ``train`` noted, from the loss, or from the last layer.

        Args:
            network: the model.
            said: is told what does not fit.

        Raises:
            ValueError: it gives neither classes nor numbers in a row.
        """
        shape = network.output_shape
        if shape is None or len(shape) != 1:
            raise ValueError(
                f"model {network.name!r} has outputs of shape {shape}, which are neither classes "
                "nor numbers in a row. With --output FILE.npy, predict writes them as they are."
            )
        ends = _ending(network)
        several = ends == "sigmoid" and shape[0] > 1  # each label for itself
        if _chooses(network, ends) and not several:
            logits = ends not in CHOOSING
            return cls(_names(network, max(shape[0], 2), said), [], logits)
        names = _names(network, shape[0], said) if several else []
        numbered = [f"prediction_{i + 1}" for i in range(shape[0])]
        return cls([], names or (["prediction"] if shape[0] == 1 else numbered))

    def probabilities(self, outputs: Array) -> Array:
        """Outputs (n, k) as probabilities of the classes; of a single one, those of no and yes."""
        return probabilities(outputs.astype(np.float64), self.logits)


def _chooses(network: Model, ends: str) -> bool:
    """Whether outputs stand for classes."""
    if "task" in network.metadata:
        return bool(network.metadata["task"] == "classification")
    crossed = network.compiled and "CrossEntropy" in type(network.loss).__name__
    named = bool(network.metadata.get("class_names"))
    return named or crossed or ends in CHOOSING or (not network.layers and _shares(network))


def _shares(network: Model) -> bool:
    """Whether the outputs for some sample are shares of 1, as a softmax at the end makes them."""
    sample = np.zeros((1, *network.input_shape), network.input_dtype)
    outputs = network.predict(sample)
    return outputs.shape[1] > 1 and outputs.min() >= 0 and bool(abs(outputs.sum() - 1) < 1e-4)


def _ending(network: Model) -> str:
    """The name of the activation that comes last."""
    layers = network.layers
    last = layers[-1] if layers else None
    activation = getattr(last, "activation", None)
    name = activation if isinstance(activation, str) else getattr(activation, "__name__", "")
    return str(name or type(last).__name__.lower())


def _names(network: Model, size: int, said: Callable[[str], None]) -> list[str]:
    names: Sequence[Any] = network.metadata.get("class_names") or ()
    if names and len(names) != size:
        said(f"The model names {len(names)} classes, but has {size} outputs: they are numbered.")
        names = ()
    return [str(name) for name in names or range(size)]
