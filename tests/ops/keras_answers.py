"""Run by test_keras.py: asks Keras for the names of its operations, and for numbers.

python tests/ops/keras_answers.py FOLDER: reads cases.pickle there and writes answers.pickle.
"""

import os
import pickle
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch


def answer(name, args, options):
    """The result, and its gradients for the floats among the inputs, weighted by 1, 2, 3..."""
    leaves = []

    def given(value):
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            leaves.append(torch.tensor(value, requires_grad=True))
            return leaves[-1]
        return torch.tensor(value) if isinstance(value, np.ndarray) else value

    args = [given(v) for v in args]
    options = {key: given(v) for key, v in options.items()}
    y = getattr(keras.ops, name)(*args, **options)
    if not y.requires_grad:
        return y.numpy(), [None] * len(leaves)
    weights = torch.arange(1, y.numel() + 1, dtype=y.dtype).reshape(y.shape)
    slopes = torch.autograd.grad((y * weights).sum(), leaves, allow_unused=True)
    return y.detach().numpy(), [None if s is None else s.numpy() for s in slopes]


FOLDER = Path(sys.argv[1])
cases = pickle.loads((FOLDER / "cases.pickle").read_bytes())
names = {
    name: getattr(getattr(keras.ops, name), "__module__", "")
    for name in dir(keras.ops)
    if not name.startswith("_")
}
answers = [answer(*case) for case in cases]
(FOLDER / "answers.pickle").write_bytes(pickle.dumps((names, answers)))
