"""Optimizers around an optimizer: by the book, recorded as eager, saved and resumed."""

import numpy as np
import pytest

import axon
from axon import Tensor, optimizers
from axon.layers import Dense, Dropout
from axon.models import Sequential
from axon.optimizers import SAM, SGD, Adam, Lookahead, LossScaleOptimizer, ScheduleFreeSGD
from axon.optimizers.schedules import CosineDecay
from axon.parameter import Parameter

rng = np.random.default_rng(0)
X = rng.normal(size=(12, 4)).astype("f4")
Y = (X @ rng.normal(size=(4, 1)) + 0.1).astype("f4")
A, B = rng.normal(size=(6, 3)), rng.normal(size=6)


def slope(w):
    """Of the mean of (A w - B)^2."""
    return 2 * A.T @ (A @ w - B) / len(B)


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_by_the_book(adaptive):
    w, sam = Parameter(np.array([1.0, -2.0, 0.5])), SAM(SGD(0.05, momentum=0.9), 0.3, adaptive)
    sam.build([w])
    wanted, velocity = w.numpy().copy(), np.zeros(3)
    for _ in range(5):
        for take in (sam.first_step, sam.step):
            w.grad = Tensor(slope(w.numpy()))
            take()
        g, scale = slope(wanted), wanted if adaptive else 1.0
        uphill = wanted + 0.3 * scale**2 * g / np.linalg.norm(scale * g)
        velocity = 0.9 * velocity + slope(uphill)
        wanted = wanted - 0.05 * velocity
        np.testing.assert_allclose(w.numpy(), wanted, rtol=1e-9)


def test_sam_in_fit_looks_uphill():
    """A linear model whose step is worked out here; the loss is that of where it stands."""
    net = Sequential([Dense(4, 1)])
    net.compile("mse", SAM(SGD(0.1), 0.5))
    kernel, bias = (w.astype("f8") for w in net.get_weights())
    x, y = X.astype("f8"), Y.astype("f8")

    def gradients(kernel, bias):
        error = 2 * (x @ kernel + bias - y) / len(x)
        return x.T @ error, error.sum(0)

    first = gradients(kernel, bias)
    length = np.sqrt(sum((g**2).sum() for g in first))
    uphill = [w + 0.5 * g / length for w, g in zip((kernel, bias), first, strict=True)]
    wanted = [w - 0.1 * g for w, g in zip((kernel, bias), gradients(*uphill), strict=True)]
    history = net.fit(X, Y, batch_size=12, verbose=0)
    assert history.history["loss"] == pytest.approx([((x @ kernel + bias - y) ** 2).mean()])
    for found, by_hand in zip(net.get_weights(), wanted, strict=True):
        np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-6)


def test_lookahead_by_the_book():
    w, ahead = Parameter(np.array([1.0, -2.0, 0.5])), Lookahead(SGD(0.05), k=3, alpha=0.25)
    ahead.build([w])
    fast = slow = w.numpy().copy()
    for t in range(1, 8):
        w.grad = Tensor(slope(w.numpy()))
        ahead.step()
        fast = fast - 0.05 * slope(fast)
        if t % 3 == 0:
            fast = slow = slow + 0.25 * (fast - slow)
        np.testing.assert_allclose(w.numpy(), fast, rtol=1e-12)


def test_steps_that_are_not_finite_leave_no_trace():
    plain, w = Parameter(np.ones(3)), Parameter(np.ones(3))
    adam = Adam(0.1)
    scaled = LossScaleOptimizer(Adam(0.1), 1024.0, dynamic_growth_steps=2)
    adam.build([plain])
    scaled.build([w])
    for bad in (False, True, False, False, True, False):
        loss = scaled.scale_loss((w * w).sum())
        loss.backward(np.inf if bad else None)
        scaled.step()
        scaled.zero_grad()
        if not bad:
            (plain * plain).sum().backward()
            adam.step()
            adam.zero_grad()
    np.testing.assert_allclose(w.numpy(), plain.numpy(), rtol=1e-12)
    assert scaled.iterations.data == adam.iterations.data == 4
    assert float(scaled.numbers["scale"].data) == 1024.0 / 2 * 2 / 2
    assert float(scaled.numbers["finite"].data) == 1.0


MADE = {
    "sam": lambda: SAM(SGD(CosineDecay(0.1, 9), momentum=0.9), adaptive=True),
    "sam with options": lambda: SAM(Adam(0.01, clipnorm=0.1, gradient_accumulation_steps=2)),
    "lookahead": lambda: Lookahead(Adam(0.01, weight_decay=0.1, multipliers={"bias": 0.5}), k=2),
    "lookahead, muon": lambda: Lookahead(optimizers.Muon(0.01), k=3),
    "lookahead, lamb": lambda: Lookahead(optimizers.Lamb(0.01), k=3),
    "scaled": lambda: LossScaleOptimizer(optimizers.Nadam(0.01, use_ema=True), 8.0, 3),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_recorded_as_eager_saved_and_resumed(make, tmp_path):
    def model(eager=False):
        axon.set_random_seed(0)
        net = Sequential([Dense(4, 8, "tanh"), Dropout(0.1), Dense(8, 2), Dense(2, 1)])
        net.compile("mse", make(), eager=eager)
        return net

    options = {"batch_size": 5, "verbose": 0, "shuffle": False}
    recorded, eager = model(), model(eager=True)
    for net in (recorded, eager):
        net.fit(X, Y, epochs=3, **options)
    assert all(map(np.array_equal, recorded.get_weights(), eager.get_weights()))
    recorded.save(tmp_path / "net.axon")
    axon.set_random_seed(1)
    loaded = axon.load_model(tmp_path / "net.axon")
    assert repr(loaded.optimizer.describe()) == repr(recorded.optimizer.describe())
    found = []
    for net in (recorded, loaded):
        axon.set_random_seed(1)
        net.fit(X, Y, epochs=2, **options)
        found.append(net.get_weights())
    assert all(map(np.array_equal, *found))


def test_rates_are_those_of_the_other_and_settings_count():
    net = Sequential([Dense(4, 1)])
    net.compile("mse", Lookahead("sgd", k=2))
    before = net.get_weights()[0]
    net.fit(X, Y, verbose=0)
    net.optimizer.learning_rate = 0.0625
    assert net.optimizer.optimizer.learning_rate == 0.0625
    assert net.optimizer.config()["optimizer"]["config"]["learning_rate"] == 0.0625
    net.optimizer.k = 1
    net.optimizer.alpha = 1e-9  # each step is undone: it goes back to where slow weights are
    net.fit(X, Y, epochs=3, verbose=0)
    np.testing.assert_allclose(net.get_weights()[0], before, atol=1e-6)


def test_what_cannot_be_is_refused():
    for inner in (Lookahead("sgd"), ScheduleFreeSGD(0.1), optimizers.LBFGS()):
        with pytest.raises(ValueError, match="SAM: optimizer must be one of those that others"):
            SAM(inner)
    used = SGD(0.1)
    used.build([Parameter(np.ones(2))])
    with pytest.raises(ValueError, match="inner_optimizer must be one that is in no model yet"):
        LossScaleOptimizer(used)
    sam = SAM("sgd")
    w = Parameter(np.ones(2))
    sam.build([w])
    w.grad = Tensor(np.ones(2))
    with pytest.raises(RuntimeError, match=r"call first_step\(\) after the first backward pass"):
        sam.step()
    net = Sequential([Dense(4, 1)])
    net.compile("mse", "sam")
    with pytest.raises(ValueError, match="SAM needs gradients at several places"):
        net.fit(X, Y, shards=2, verbose=0)
    with pytest.raises(NotImplementedError, match="a second forward pass is needed"):
        sam.update([Dense(2, 1)], np.ones((1, 1)))
