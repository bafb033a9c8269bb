"""Choosing by a condition: the bits are those that were chosen, however it is done."""

from typing import Any

import numpy as np
import pytest

from axon import ops
from axon.ops import compare

SHAPES = [
    ((7, 5), (7, 5), (7, 5)),
    ((7, 1), (7, 5), (5,)),
    ((5,), (), (7, 5)),
    ((7, 5), (1, 5), ()),
    ((0, 5), (5,), (1, 5)),
    ((), (), ()),
]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize(
    "dtypes", ["f4 f4", "f8 f8", "f2 f2", "i8 i8", "? ?", "u1 u1", "f4 f8", "i4 i1"]
)
def test_the_bits_are_those_that_were_chosen(
    shapes: Any, dtypes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    condition = rng.random(shapes[0]) < 0.5
    x, y = (
        np.frombuffer(rng.bytes(8 * 64), kind)[: int(np.prod(shape))].reshape(shape).copy()
        if kind != "?"
        else rng.random(shape) < 0.5
        for kind, shape in zip(dtypes.split(), shapes[1:], strict=True)
    )
    for many in (0, 10**9):
        monkeypatch.setattr(compare, "MANY", many)
        with np.errstate(all="ignore"):
            got, wanted = ops.where(condition, x, y), np.where(condition, x, y)
        assert got.dtype == wanted.dtype or dtypes == "f4 f8"
        assert got.tobytes() == wanted.astype(got.dtype).tobytes()


def test_many_numbers_whatever_order_they_lie_in() -> None:
    rng = np.random.default_rng(1)
    n = 2 * compare.MANY
    x = np.frombuffer(rng.bytes(4 * n), np.float32).reshape(2, -1)
    truth = rng.integers(0, 3, (2, n // 2)).astype(np.uint8).view(np.bool_)  # 2 is true, too
    for given in (x, np.asfortranarray(x), x[:, ::-1]):
        for other in (np.float32(np.nan), x[::-1], x.view(np.int32).astype(np.float32)):
            wanted = np.where(truth, given, other)
            assert ops.where(truth, given, other).tobytes() == wanted.tobytes()
            assert (
                ops.where(truth, other, given).tobytes() == np.where(truth, other, given).tobytes()
            )


def test_a_condition_that_is_no_truth_value_is_refused_of_many_as_of_few() -> None:
    for n in (3, 2 * compare.MANY):
        with pytest.raises(TypeError):
            ops.where(np.full(n, 2), np.ones(n), np.zeros(n))
