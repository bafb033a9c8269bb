"""Fourier's transforms beside NumPy's and PyTorch's, and what their sizes depend on values of."""

import numpy as np
import pytest

import axon
from axon import Tensor, ops
from axon.program import Step
from axon.testing import check_gradient

rng = np.random.default_rng(0)
SIZES = [1, 2, 3, 8, 13, 64, 66, 97, 120, 256, 300]


@pytest.mark.parametrize("n", SIZES)
def test_transforms_are_those_of_numpy(n: int) -> None:
    x, y = rng.normal(size=(2, 3, n)), rng.normal(size=(2, 3, n))
    re, im = ops.fft((x, y))
    np.testing.assert_allclose(re + 1j * im, np.fft.fft(x + 1j * y), atol=1e-10)
    re, im = ops.rfft(x)
    np.testing.assert_allclose(re + 1j * im, np.fft.rfft(x), atol=1e-10)
    np.testing.assert_allclose(ops.irfft((re, im), n), x, atol=1e-10)
    for length in (n + 3, max(n - 1, 1)):
        re, im = ops.rfft(x, length)
        np.testing.assert_allclose(re + 1j * im, np.fft.rfft(x, length), atol=1e-10)
        back = np.fft.irfft(x + 1j * y, length)
        np.testing.assert_allclose(ops.irfft((x, y), length), back, atol=1e-10)


def test_transforms_along_two_axes() -> None:
    x, y = rng.normal(size=(2, 6, 70)), rng.normal(size=(2, 6, 70))
    for ours, theirs in ((ops.fft2, np.fft.fft2), (ops.ifft2, np.fft.ifft2)):
        re, im = ours((x, y))
        np.testing.assert_allclose(re + 1j * im, theirs(x + 1j * y), atol=1e-10)


def test_gradients_and_types() -> None:
    x, y = rng.normal(size=(2, 12)), rng.normal(size=(2, 12))
    for number in (0, 1):
        check_gradient(lambda a, b: ops.fft((a, b))[number], x, y)  # noqa: B023
        check_gradient(lambda a: ops.rfft(a, 15)[number], x)  # noqa: B023
        check_gradient(lambda a: ops.stft(a, 4, 2, 6)[number], x)  # noqa: B023
    check_gradient(lambda a, b: ops.irfft((a, b)), x[:, :7], y[:, :7])
    check_gradient(lambda a, b: ops.cdist(a, b), rng.normal(size=(3, 2)), rng.normal(size=(4, 2)))
    check_gradient(ops.erfinv, np.array([-0.9, -0.2, 0.0, 0.5, 0.99]), tolerance=1e-5)
    assert ops.rfft(np.ones(128, np.float32))[0].dtype == np.float32
    step = Step("rfft", lambda t: list(ops.rfft(t)), ["t"])
    slots = step.inputs(((3, 80), np.dtype(np.float32)))
    for _ in range(2):
        slots[0][...] = rng.normal(size=(3, 80))
        for got, wanted in zip(step.run(slots), ops.rfft(slots[0]), strict=True):
            assert got.tobytes() == wanted.tobytes()


def test_short_transforms_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    x = rng.normal(size=(2, 40))
    for length, stride, size, center in ((16, 4, 16, True), (12, 5, 16, True), (16, 8, 16, False)):
        window = torch.hann_window(length, dtype=torch.float64)
        wanted = torch.stft(
            torch.tensor(x), size, stride, length, window, center=center, return_complex=True
        )
        re, im = ops.stft(x, length, stride, size, center=center)
        np.testing.assert_allclose(re, wanted.real.mT.numpy(), atol=1e-12)
        np.testing.assert_allclose(im, wanted.imag.mT.numpy(), atol=1e-12)
    x1, x2 = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4))
    wanted = torch.cdist(torch.tensor(x1), torch.tensor(x2)).numpy()
    np.testing.assert_allclose(ops.cdist(x1, x2), wanted, atol=1e-10)
    p = np.linspace(-0.999, 0.999, 41)
    np.testing.assert_allclose(
        ops.erfinv(p), torch.special.erfinv(torch.tensor(p)), rtol=1e-9, atol=1e-12
    )
    with pytest.raises(ValueError, match="window must be"):
        ops.stft(x, 4, 2, 4, window="round")
    with pytest.raises(ValueError, match="runs of 50, 1 apart, do not fit series of 40"):
        ops.extract_sequences(x, 50, 1)


# ------------------------------------------------------------------------------------ sizes


def test_what_the_values_decide_the_size_of() -> None:
    x = np.array([[0, 2, 2], [3, 0, 1]])
    for got, wanted in zip(ops.nonzero(x), np.nonzero(x), strict=True):
        np.testing.assert_array_equal(got, wanted)
    for options in ({}, {"return_index": True}, {"return_inverse": True, "return_counts": True}):
        got, wanted = ops.unique(x, **options), np.unique(x, **options)
        for g, w in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(g, w)
    assert type(ops.unique(Tensor(x))) is Tensor
    for got, wanted in zip(ops.histogram(x, 4), np.histogram(x, 4), strict=True):
        np.testing.assert_allclose(got, wanted)
    for name in ("nonzero", "unique", "histogram"):
        step = Step(name, lambda t: list(getattr(ops, name)(t)), ["t"])  # noqa: B023
        slots = step.inputs(((3,), np.dtype(np.int64)))
        with pytest.raises(axon.RecordingError, match=f"axon.ops.{name}, whose result has a size"):
            step.run(slots)


def test_further_names() -> None:
    a, b = np.array([1, 5, 2]), np.array([[True, False, False], [True, True, False]])
    np.testing.assert_array_equal(
        ops.select(list(b), [a, a * 10], 7), np.select(list(b), [a, a * 10], 7)
    )
    for got, wanted in zip(ops.unravel_index(a, (2, 3)), np.unravel_index(a, (2, 3)), strict=True):
        np.testing.assert_array_equal(got, wanted)
    for x in (a, a.astype(np.uint8), b):
        np.testing.assert_array_equal(ops.bitwise_not(x), np.bitwise_not(x))
    assert ops.size(b) == 6
    assert ops.ndim(Tensor(b)) == 2
    assert ops.get_item(a, 1) == 5
    t = Tensor([1.0], requires_grad=True)
    assert not ops.stop_gradient(t).requires_grad
    assert ops.convert_to_tensor(t) is t
    assert ops.convert_to_tensor([1], "float32").dtype == np.float32
    assert ops.convert_to_numpy(t) is t.data
    assert ops.is_tensor(t)
    assert not ops.is_tensor(a)
    with pytest.raises(ValueError, match="select: expected as many conditions as choices"):
        ops.select([b[0]], [])
