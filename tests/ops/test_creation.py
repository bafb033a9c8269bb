"""New arrays: NumPy's numbers, in the types of models."""

import numpy as np
import pytest

from axon import Tensor, ops

CALLS = {
    "zeros": [((2, 3),), (4,)],
    "ones": [((2, 3),), (4, "int32")],
    "full": [((2,), 7.0), ((2, 2), [1.0, 2.0])],
    "arange": [(5,), (1, 7, 2), (0.0, 1.0, 0.25)],
    "linspace": [(0.0, 1.0, 5), (1, 2, 3, False)],
    "logspace": [(0.0, 2.0, 3), (0, 3, 4, True, 2)],
    "geomspace": [(1.0, 100.0, 3)],
    "eye": [(3,), (2, 3, 1)],
    "identity": [(3,)],
    "tri": [(3,), (2, 3, -1)],
    "bartlett": [(5,)],
    "blackman": [(5,)],
    "hamming": [(5,)],
    "hanning": [(5,)],
    "kaiser": [(5, 8.6)],
    "array": [([1, 2],), ([[1.5]],)],
    "zeros_like": [(np.ones((2, 3)),), (np.ones(2), "int32")],
    "ones_like": [(np.zeros((2, 3), int),)],
    "full_like": [(np.ones((2, 3)), 7.0)],
}


@pytest.mark.parametrize("name", CALLS)
def test_the_numbers_are_those_of_numpy(name: str) -> None:
    for args in CALLS[name]:
        got, wanted = getattr(ops, name)(*args), getattr(np, name)(*args)
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7)
        like = name.endswith("like")
        assert got.dtype == (wanted.dtype if like or wanted.dtype.kind == "i" else np.float32)


def test_what_is_like_a_tensor_is_one() -> None:
    t = Tensor(np.ones((2, 3)))
    assert type(ops.zeros_like(t)) is type(ops.ones_like(t)) is Tensor
    assert ops.full_like(t, 3, dtype="int32").dtype == np.int32
    assert (ops.empty((2,)) == 0).all()
    assert ops.empty_like(t).shape == (2, 3)
