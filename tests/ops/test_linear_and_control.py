"""Linear algebra beside PyTorch; loops and branches beside NumPy, eager and recorded."""

import numpy as np
import pytest

from axon import Tensor, grad, ops
from axon.modes import RecordingError
from axon.program import Step
from axon.testing import check_gradient

rng = np.random.default_rng(0)
A = rng.normal(size=(2, 3, 3)) + 3 * np.eye(3)
S = A @ A.transpose(0, 2, 1)
TALL, WIDE, B = rng.normal(size=(4, 3)), rng.normal(size=(2, 4)), rng.normal(size=(2, 3, 2))


def test_values_and_gradients_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    la = torch.linalg
    for mine, theirs, *xs in (
        (ops.inv, la.inv, A),
        (ops.det, la.det, A),
        (lambda x: ops.slogdet(x)[1], lambda x: la.slogdet(x)[1], A),
        (ops.solve, la.solve, A, B),
        (ops.cholesky, lambda x: la.cholesky((x + x.mT) / 2), S),
        (lambda x: ops.eigh(x)[0], lambda x: la.eigh((x + x.mT) / 2)[0], S),
        (lambda x: ops.eigh(x)[1] ** 2, lambda x: la.eigh((x + x.mT) / 2)[1] ** 2, S),
        *((lambda x, i=i: ops.qr(x)[i], lambda x, i=i: la.qr(x)[i], TALL) for i in (0, 1)),
        *((lambda x, i=i: ops.qr(x)[i], lambda x, i=i: la.qr(x)[i], A) for i in (0, 1)),
        (lambda x: ops.svd(x)[1], lambda x: la.svd(x)[1], WIDE),
        *(
            (
                lambda x, i=i: ops.svd(x, full_matrices=False)[i] ** 2,
                lambda x, i=i: la.svd(x, full_matrices=False)[i] ** 2,
                x,
            )
            for i in (0, 2)
            for x in (TALL, WIDE, A)
        ),
        (ops.pinv, la.pinv, TALL),
        (ops.lstsq, lambda a, b: la.pinv(a) @ b, TALL, rng.normal(size=4)),
    ):
        ours = [Tensor(x, requires_grad=True) for x in xs]
        others = [torch.tensor(x, requires_grad=True) for x in xs]
        y, wanted = mine(*ours), theirs(*others)
        np.testing.assert_allclose(y.numpy(), wanted.detach().numpy(), rtol=1e-8, atol=1e-10)
        weights = np.arange(1.0, y.size + 1).reshape(y.shape)
        slopes = torch.autograd.grad((wanted * torch.tensor(weights)).sum(), others)
        for g, slope in zip(grad((y * weights).sum(), ours), slopes, strict=True):
            np.testing.assert_allclose(g.numpy(), slope.numpy(), rtol=1e-6, atol=1e-8)


def test_what_has_no_answer_says_so():
    for function, x, words in (
        (ops.inv, np.ones((2, 2)), "inv: a matrix is singular"),
        (ops.cholesky, -np.eye(2), "cholesky: a matrix is not positive definite"),
        (ops.inv, np.ones((2, 3)), r"inv: expected square matrices .*got shape \(2, 3\)"),
        (ops.svd, np.full((2, 2), np.inf), "svd: no singular values were found"),
    ):
        with pytest.raises(ValueError, match=words):
            function(x)
    with pytest.raises(ValueError, match="qr: mode must be 'reduced' or 'complete', got 'r'"):
        ops.qr(A, mode="r")
    x = Tensor(TALL, requires_grad=True)
    with pytest.raises(ValueError, match="gradients with full_matrices=False alone"):
        ops.svd(x)[0].sum().backward()
    some = np.stack([np.eye(2), np.ones((2, 2))])  # a step goes on with the others
    step = Step("inv", lambda x: [ops.inv(x)], ["x"])
    slots = step.inputs((some.shape, some.dtype))
    slots[0][...] = some
    for _ in range(2):
        (found,) = step.run(slots)
        np.testing.assert_array_equal(found[0], np.eye(2))
        assert np.isnan(found[1]).all()
    assert int(ops.matrix_rank(np.outer([1.0, 2.0], [3.0, 4.0]))) == 1
    for upper in (False, True):
        np.testing.assert_allclose(
            ops.cholesky_inverse(ops.cholesky(S, upper), upper), np.linalg.inv(S)
        )
    q, r = ops.qr(TALL, "complete")
    assert q.shape == (4, 4)
    np.testing.assert_allclose(q @ r, TALL, atol=1e-12)


# ------------------------------------------------------------------------------------ loops


def stepped(carry, x):
    return {"sum": carry["sum"] + x * x}, carry["sum"] * x


def chosen(x):
    """Loops and branches whose choice the values of x make."""
    carry, ys = ops.scan(stepped, {"sum": x[0] * 0.0}, x, reverse=True)
    up = ops.cond(x[0] > 0.0, lambda: x * 2.0, lambda: -x)
    one = ops.switch((x[0] > 0.0).astype(np.int64) + 1, [ops.exp, ops.sin, ops.cos], x)
    sums = ops.associative_scan(ops.add, x * x)
    back = ops.associative_scan(lambda a, b: a * b, x, reverse=True)
    each = ops.map(lambda v: v * v, x) + ops.fori_loop(0, 3, lambda i, v: v + i * x, x)
    return [carry["sum"], ys, up, one, sums, back, each]


def test_recorded_loops_and_branches_choose_anew():
    step = Step("loops", chosen, ["x"])
    slots = step.inputs(((5,), np.dtype("f8")))
    for sign in (1.0, -1.0, 1.0):
        x = np.array([sign, 2.0, -0.5, 1.5, 3.0])
        slots[0][...] = x
        found = step.run(slots)
        for got, wanted in zip(found, chosen(Tensor(x)), strict=True):
            np.testing.assert_array_equal(got, wanted.numpy())
        np.testing.assert_allclose(found[0], (x * x).sum())
        np.testing.assert_allclose(found[2], 2 * x if sign > 0 else -x)
        np.testing.assert_allclose(found[3], np.cos(x) if sign > 0 else np.sin(x))
        np.testing.assert_allclose(found[4], np.cumsum(x * x))
        np.testing.assert_allclose(found[5], np.cumprod(x[::-1])[::-1])
        np.testing.assert_allclose(found[6], x * x + 4 * x)
    assert len(step.programs) == 1
    check_gradient(lambda x: chosen(x)[0], np.array([1.0, 2.0, -0.5]))


def test_where_values_decide_only_the_eager_way_is_open():
    halved = ops.while_loop(lambda x: x.max() > 1.0, lambda x: x / 2.0, Tensor([5.0, 3.0]))
    np.testing.assert_allclose(halved.numpy(), [0.625, 0.375])
    assert ops.while_loop(lambda i, n: i < 9, lambda i, n: (i + 1, n * 2), [0, 1], 3) == [3, 8]

    def loop(x):
        return [ops.while_loop(lambda x: x.max() > 1.0, lambda x: x / 2.0, x)]

    step = Step("loop", loop, ["x"])
    with pytest.raises(RecordingError):
        step.run(step.inputs(((2,), np.dtype("f4"))))
    with pytest.raises(ValueError, match="map: expected as many of all along the first axis"):
        ops.map(lambda x: x, [np.ones(2), np.ones(3)])


def test_functions_of_elements_and_changes_forwards():
    a, b = rng.normal(size=(4, 1, 3)), rng.normal(size=(2, 3))
    dots = ops.vectorize(lambda x, y: (x * y).sum(), signature="(n),(n)->()")(a, b)
    np.testing.assert_allclose(dots, (a * b).sum(-1))
    powers = ops.vectorize(lambda x, n: x**n, excluded=[1])(np.arange(3.0), 2)
    np.testing.assert_allclose(powers, [0.0, 1.0, 4.0])
    w, x, t = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)
    value, change = ops.jvp(lambda x: ops.tanh(Tensor(w) @ x), (x,), (t,))
    np.testing.assert_allclose(value, np.tanh(w @ x))
    np.testing.assert_allclose(change, (1 - np.tanh(w @ x) ** 2) * (w @ t))


def test_a_series_comes_back_from_its_runs():
    x = rng.normal(size=(2, 32))
    for options in ({}, {"window": "hamming"}, {"window": None, "center": False}):
        sides = ops.stft(x, 8, 4, 8, **options)
        back = ops.istft(sides, 8, 4, 8, length=32, **options)
        np.testing.assert_allclose(back, x, atol=1e-9)
    check_gradient(lambda a, b: ops.istft((a, b), 4, 2, 4), *(rng.normal(size=(3, 3)),) * 2)


def test_bessel_and_bytes():
    x = np.array([-700.0, -20.0, -8.0, -0.3, 0.0, 1.0, 7.9, 8.1, 30.0, 600.0])
    np.testing.assert_allclose(ops.i0(x), np.i0(x), rtol=1e-11)
    check_gradient(ops.i0, np.array([-9.0, 0.7, 3.0, 12.0]) / 2)
    assert ops.view(Tensor(np.array([1.0], "f4")), "int32").numpy().tolist() == [1065353216]
