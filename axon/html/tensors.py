"""A tensor as a notebook shows it: its shape, its type, its values, and where they lie."""

from typing import Any

import numpy as np

from axon.html.parts import framed, preformatted
from axon.names import readable


def tensor_html(tensor: Any) -> str:
    """The values as NumPy writes them, below what is known of them.

    Args:
        tensor: a Tensor, or a Parameter.
    """
    data = tensor.data
    notes = [str(data.shape), str(data.dtype), *_spread(data)]
    if tensor.requires_grad:
        notes.append("requires grad")
    if tensor.creator is not None:
        notes.append(f"made by {tensor.creator.primitive.name}")
    text = np.array2string(data, separator=", ", max_line_width=100)
    return framed(type(tensor).__name__, preformatted(text), note=", ".join(notes))


def _spread(data: np.ndarray) -> list[str]:
    """Between which numbers they lie, and how many are none."""
    if data.size < 2 or data.dtype.kind not in "fiu":
        return []
    good = data[np.isfinite(data)] if data.dtype.kind == "f" else data
    lost = data.size - good.size
    said = [f"{lost:,} of {data.size:,} not finite"] if lost else []
    return [f"{readable(good.min())} to {readable(good.max())}", *said] if good.size else said
