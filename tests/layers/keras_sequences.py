"""Run by test_keras_sequences.py: what Keras's layers say in given cases, and their gradients.

python tests/layers/keras_sequences.py FOLDER: reads cases.json there and writes facts.json.
"""

# ruff: noqa: E402 - what has to be said before the import of Keras

import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
sys.modules["tensorflow"] = None  # not needed, and slow to import

import keras
import numpy as np
import torch

FOLDER = Path(sys.argv[1])


def made(spec):
    """A layer, whose arguments may be layers."""
    if isinstance(spec, list):
        return [made(one) for one in spec]
    if not isinstance(spec, dict):
        return spec
    given = {name: made(value) for name, value in spec["with"].items()}
    return getattr(keras.layers, spec["class"])(**given)


def flat(tree):
    if isinstance(tree, list | tuple):
        return [leaf for one in tree for leaf in flat(one)]
    return [tree]


def slope_for(shape):
    return np.sin(np.arange(np.prod(shape, dtype=int), dtype="f4") + 1).reshape(shape)


def plain(tensor):
    return np.asarray(tensor.detach().cpu()).tolist()


def facts(case):
    """Outputs, and the gradients of sum(outputs * slopes) for inputs, states and weights."""
    layer = made(case["layer"])
    leaves = []

    def read(value):
        """Arrays as tensors, of which those of floats are leaves."""
        if isinstance(value, list):
            return [read(one) for one in value]
        if not isinstance(value, dict):
            return value
        array = np.array(value["array"])
        if array.dtype.kind != "f":
            return torch.tensor(array)
        leaves.append(torch.tensor(array.astype("f4"), requires_grad=True))
        return leaves[-1]

    inputs, options = read(case["inputs"]), {k: read(v) for k, v in case["options"].items()}
    given = [inputs] if case["as_list"] else inputs
    layer(*given, **options)
    pairs = zip(case["weights"], layer.get_weights(), strict=True)
    layer.set_weights([np.float32(w).reshape(v.shape) for w, v in pairs])
    if case["stateful"]:
        layer.reset_state()
    outputs = [y for _ in range(case["times"]) for y in flat(layer(*given, **options))]
    total = sum((y * torch.tensor(slope_for(y.shape))).sum() for y in outputs)
    weights = [v.value for v in layer.trainable_variables]
    if case["stateful"]:  # here Keras changes what its gradients need
        return {"outputs": [plain(y) for y in outputs], "slopes": []}
    slopes = torch.autograd.grad(total, [*leaves, *weights], allow_unused=True)
    slopes = [None if g is None else plain(g) for g in slopes]
    return {"outputs": [plain(y) for y in outputs], "slopes": slopes}


cases = json.loads((FOLDER / "cases.json").read_text())
(FOLDER / "facts.json").write_text(json.dumps({name: facts(c) for name, c in cases.items()}))
