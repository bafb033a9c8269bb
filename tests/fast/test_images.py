"""Compiled convolution in the steps of networks that were loaded: it does all that NumPy does."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", exc_type=ImportError)

from axon import ops
from axon.core import Tensor
from axon.program import Step
from axon.program.lowerings import Kernels

SAME = {"padding": ((1, 1), (1, 1))}
CASES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 7, 9, 20), (3, 3, 1, 20), {"groups": 20, **SAME}),
    ((2, 9, 8, 33), (5, 3, 1, 33), {"groups": 33, "strides": (2, 2), "padding": ((2, 1), (0, 1))}),
    ((3, 8, 8, 3), (3, 3, 1, 3), {"groups": 3, "dilation": (2, 2)}),
    ((2, 6, 5, 12), (3, 3, 12, 20), SAME),
    ((2, 6, 5, 12), (1, 1, 12, 40), {}),
    ((2, 6, 7, 5), (3, 3, 5, 7), SAME),
    ((2, 8, 9, 16), (3, 3, 16, 32), SAME),
    ((1, 4, 4, 4), (2, 2, 4, 70), {"strides": (2, 2)}),
]


def step_of(function: Any, *arrays: np.ndarray) -> tuple[Step, np.ndarray]:
    """A step that is run often, after its first run, and what it gave."""
    step = Step("predict", lambda *x: [function(*x)], ["x", "z"][: len(arrays)])
    step.often = True
    step.expect(None)
    inputs = step.inputs(*((a.shape, a.dtype) for a in arrays))
    for into, array in zip(inputs, arrays, strict=True):
        into[...] = array
    step.run(inputs)
    return step, step.run(inputs)[0].copy()


def normal(*shape: int) -> np.ndarray:
    """Random numbers."""
    return np.random.default_rng(shape).normal(size=shape).astype(np.float32)


def test_all_kinds_of_convolution_are_compiled() -> None:
    """Alone and in groups, laid as they come, for a batch and for other rows: as NumPy has it."""
    for shape, kernel, meta in CASES:
        w, b = Tensor(normal(*kernel)), Tensor(normal(kernel[-1]))
        n, *sizes = shape
        ways = {
            "as they lie": (lambda x: x, normal(*shape)),
            "channels first": (lambda x: x.transpose(0, 2, 3, 1), normal(n, sizes[2], *sizes[:2])),
            "a part": (lambda x: x[:, 1:, :, 2:], normal(n, sizes[0] + 1, sizes[1], sizes[2] + 2)),
            "not by samples": (
                lambda x, shape=shape: x.reshape(*shape),
                normal(n * sizes[0], *sizes[1:]),
            ),
        }
        for name, (view, x) in ways.items():

            def function(x: Tensor, view: Any = view, w: Any = w, b: Any = b, m: Any = meta) -> Any:
                return ops.conv2d(ops.conv2d(view(x), w, **m) + b, _one(b))

            with Kernels("numpy"):
                expected = function(Tensor(x)).data
            with Kernels("fast"):
                step, y = step_of(function, x)
            assert step.latest.machine.names == [], (name, shape, kernel, meta)
            np.testing.assert_allclose(y, expected, 1e-4, 1e-4, err_msg=f"{name} {kernel} {meta}")


def _one(b: Tensor) -> Tensor:
    """A kernel that sums all channels up: what comes after a convolution sees it by samples."""
    return Tensor(np.ones((1, 1, b.shape[0], 16), np.float32))


def test_inputs_that_hold_no_samples_alike_are_compiled_too() -> None:
    """Images beside a single number, and pools of them: nothing is left to NumPy."""
    w = Tensor(normal(3, 3, 4, 16))

    def function(x: Tensor, z: Tensor) -> Tensor:
        y = ops.conv2d(x, w, padding=((1, 1), (1, 1))) * z
        return ops.max_pool2d(y, pool_size=(2, 2), strides=(2, 2))

    x, z = normal(2, 6, 6, 4), np.array(2.0, np.float32)
    with Kernels("fast"):
        step, y = step_of(function, x, z)
    assert not step.latest.machine.names
    np.testing.assert_allclose(y, function(Tensor(x), Tensor(z)).data, 1e-5, 1e-5)


def test_other_steps_keep_their_bits() -> None:
    """Where a step is not one of those, NumPy convolves channels alone, as before."""
    w, x = Tensor(normal(3, 3, 1, 8)), normal(2, 6, 6, 8)
    step = Step(
        "predict", lambda t: [ops.conv2d(ops.relu(t * 2.0), w, groups=8) * 2.0 + 1.0], ["x"]
    )
    inputs = step.inputs((x.shape, x.dtype))
    inputs[0][...] = x
    with Kernels("fast"):
        for _ in range(2):
            step.run(inputs)
    assert step.latest.machine is None or step.latest.machine.names == ["conv2d"]


def test_few_shapes_are_compiled() -> None:
    """Lines of a page are of a hundred widths: to compile for each takes longer than it saves."""
    step = Step("predict", lambda x: [ops.exp(x) * 2.0 + x], ["x"])
    step.often = True
    step.expect(None)
    compiled = []
    with Kernels("fast"):
        for n in (2, 3, 4, 5, 6, 2):
            inputs = step.inputs(((n, 8), np.dtype("f4")))
            inputs[0].fill(1)
            step.run(inputs)
            compiled.append(step.compiled)
    assert compiled == [True, True, True, True, False, True]
