"""For how many samples a network that was loaded is good: for any number, or for the file's."""

from math import prod

import numpy as np

from axon.backend import Shape
from axon.models.graph import GraphModel
from axon.onnx.tensors import OnnxFileError

ROOM = 2**24  # numbers in one sample: a file that asks for more is damaged


def settle(model: GraphModel, shapes: tuple[Shape, ...]) -> None:
    """Build a model; one whose file fits a fixed number of samples alone is held to it.

    Raises:
        ValueError: it cannot be computed, or it gives other shapes than the file declares.
    """
    made_for = model.graph["batch"]
    if made_for is None:
        model.build(*shapes)
        return
    if made_for * sum(prod(shape) for shape in shapes) > ROOM:
        raise OnnxFileError(f"it claims to take {made_for} samples at a time.")
    try:
        model.build(*shapes)
        general = is_general(model, made_for, shapes)
    except ValueError:
        if made_for == 1:
            raise
        general = False
    if not general:
        model.graph["only"] = made_for
        model.changed()
        model.build(*shapes)


def is_general(model: GraphModel, made_for: int, shapes: tuple[Shape, ...]) -> bool:
    """Whether samples give the same together as one by one: so the number does not matter.

    Raises:
        ValueError: as many as the file was made for give other shapes than it declares.
    """
    rng, count = np.random.default_rng(0), max(made_for, 2)
    x = [rng.integers(0, 2, (count, *shape)).astype(np.float32) for shape in shapes]
    with model.trial(shapes, count + 2):
        try:
            env = model.tried(x)
            together = np.asarray(model.output_of(env).data)
            apart = [np.asarray(model.output_of(model.tried([v[i : i + 1] for v in x])).data)
                     for i in (0, count - 1)]  # fmt: skip
        except ValueError:
            return False
    if count == made_for:
        model.demand_declared(env, count)
    want = np.concatenate(apart)
    given = together[[0, -1]] if len(together) == count else together
    return given.shape == want.shape and np.allclose(given, want, 1e-3, 1e-4, equal_nan=True)
