"""Schedules inside epochs that compiled kernels run: the same bits as step by step."""

import numpy as np
import pytest

import axon
from axon.callbacks import LambdaCallback
from axon.layers import Dense
from axon.models import Sequential
from axon.optimizers import OPTIMIZERS, SGD
from axon.optimizers.schedules import CosineDecay, OneCycle
from axon.program.lowerings import Coming
from tests.samples.optimizers import SCHEDULES

random = np.random.default_rng(0)
X = random.normal(size=(512, 8)).astype("float32")
Y = random.integers(0, 3, 512)
NEEDED = {"fast": "numba", "jax": "jax"}


def fitted(optimizer, kernels, one_by_one=False, epochs=2):
    if kernels in NEEDED:
        pytest.importorskip(NEEDED[kernels])
    axon.set_random_seed(0)
    model = Sequential([Dense(8, 6, "relu"), Dense(3, "softmax")])
    model.compile("categorical_cross_entropy", optimizer)
    told = [LambdaCallback(on_train_batch_begin=lambda batch, logs=None: None)]
    before = axon.get_kernels()
    axon.set_kernels(kernels)
    try:
        model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=told * one_by_one)
    finally:
        axon.set_kernels(before)
    return model


def demand_same_bits(a, b):
    for p, q in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(p, q)
    assert a.optimizer.learning_rate == b.optimizer.learning_rate
    assert a.optimizer.iterations.numpy() == b.optimizer.iterations.numpy()


@pytest.mark.parametrize("kernels", ["fast", "numpy"])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
def test_bits_of_each_schedule(schedule, kernels):
    one, several = (fitted(SGD(schedule), kernels, way) for way in (True, False))
    demand_same_bits(one, several)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_bits_of_each_optimizer(name):
    make = OPTIMIZERS[name]
    one, several = (fitted(make(OneCycle(0.01, 90)), "fast", way) for way in (True, False))
    demand_same_bits(one, several)


@pytest.mark.parametrize("name", ["sgd", "nadam"])
def test_bits_by_xla(name):
    make = OPTIMIZERS[name]
    one, several = (fitted(make(CosineDecay(0.01, 90)), "jax", way) for way in (True, False))
    demand_same_bits(one, several)
    constant = fitted(make(0.01), "jax")
    assert not np.array_equal(constant.get_weights()[0], one.get_weights()[0])


def test_steps_are_made_several_at_a_time(monkeypatch):
    pytest.importorskip("numba")
    from axon.fast.machine import Machine

    done, several = [], Machine.several
    monkeypatch.setattr(Machine, "several", lambda *a: done.append(several(*a)) or done[-1])
    fitted(SGD(OneCycle(0.01, 90)), "fast")
    assert max(done) > 1


@pytest.mark.parametrize("kernels", ["fast", "numpy", "jax"])
def test_a_function_is_asked_once_for_each_step(kernels):
    asked = []

    def rate(step):
        asked.append(step)
        return 0.1 / (1 + step)

    fitted(SGD(rate), kernels, epochs=1)
    assert sorted(set(asked)) == list(range(65))


@pytest.mark.parametrize("kernels", ["fast", "numpy", "jax"])
def test_a_schedule_that_fails_stops_behind_the_step_before(kernels):
    def rate(step):
        return 0.1 if step < 37 else [][step]

    optimizer = SGD(rate)
    with pytest.raises(IndexError):
        fitted(optimizer, kernels)
    assert optimizer.iterations.numpy() == 37


def test_what_is_not_known_ends_what_is_asked_ahead():
    coming = Coming(np.array(0.5), lambda step: 1 / (3 - step))
    assert coming.values(0, 9) == [0.5, 0.5, 1.0]
    assert not coming.set(3)
    assert coming.array == 0.5
