"""L-BFGS takes PyTorch's steps, and comes to where a small table's loss is least."""

import numpy as np
import pytest

import axon
from axon import Tensor
from axon.layers import Dense
from axon.models import Sequential
from axon.optimizers import LBFGS
from axon.parameter import Parameter

rng = np.random.default_rng(0)
A = rng.normal(size=(12, 5)) * np.array([1.0, 3.0, 0.3, 2.0, 1.0])
B = A @ rng.normal(size=5) + 0.1 * rng.normal(size=12)


@pytest.mark.parametrize("history", [1, 3, 10])
def test_steps_are_those_of_pytorch(history):
    torch = pytest.importorskip("torch")
    theirs = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([theirs], 0.5, max_iter=1, history_size=history)
    ours, a, b = Parameter(np.zeros(5)), torch.tensor(A), torch.tensor(B)
    mine = LBFGS(0.5, history)
    mine.build([ours])
    for _ in range(15):
        x = a @ theirs - b
        (x * x).mean().backward()
        slope = 2 * A.T @ (A @ ours.numpy() - B) / len(B)
        np.testing.assert_allclose(slope, theirs.grad.numpy(), rtol=1e-6, atol=1e-9)
        ours.grad = Tensor(slope)
        optimizer.step(lambda: torch.zeros(()))
        optimizer.zero_grad()
        mine.step()
        np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-6, atol=1e-9)


def test_a_small_table_is_learned_in_few_steps():
    def fitted(optimizer):
        axon.set_random_seed(0)
        net = Sequential([Dense(5, 1)])
        net.compile("mse", optimizer)
        net.fit(A, B[:, None], batch_size=12, epochs=40, verbose=0)
        return net.evaluate(A, B[:, None], verbose=0)

    rows = np.c_[A, np.ones(12)]
    best = np.mean((rows @ np.linalg.lstsq(rows, B, rcond=None)[0] - B) ** 2)
    assert fitted("lbfgs") == pytest.approx(best, rel=1e-3)
    assert fitted("adam") > 10 * best
