"""LearningRateFinder, SwapEMAWeights, and class_weight="balanced"."""

import numpy as np
import pytest

import axon
from axon.callbacks import LambdaCallback, LearningRateFinder, SwapEMAWeights
from axon.layers import Dense
from axon.models import Sequential
from axon.optimizers import SGD, Adam
from axon.optimizers.schedules import CosineDecay

rng = np.random.default_rng(0)
X = rng.normal(size=(64, 4)).astype("f4")
Y = (X @ rng.normal(size=(4, 1)) + 0.1).astype("f4")


def model(optimizer):
    axon.set_random_seed(0)
    net = Sequential([Dense(4, 8, "tanh"), Dense(1)])
    net.compile("mse", optimizer)
    return net


def test_a_finder_notes_the_loss_of_each_batch_and_leaves_all_as_it_was():
    net, finder = model(SGD(0.01, momentum=0.9)), LearningRateFinder(1e-4, 1.0, steps=10)
    net.fit(X, Y, batch_size=8, verbose=0)
    before, state = net.get_weights(), net.optimizer.state_dict()
    net.fit(X, Y, batch_size=8, epochs=9, verbose=0, shuffle=False, callbacks=[finder])
    assert finder.rates == pytest.approx(np.geomspace(1e-4, 1.0, 10)[: len(finder.rates)])
    other = model(SGD(0.01, momentum=0.9))
    other.fit(X, Y, batch_size=8, verbose=0)
    wanted = []
    for batch, rate in enumerate(finder.rates):
        part = slice(8 * (batch % 8), 8 * (batch % 8) + 8)
        other.optimizer.learning_rate = rate
        wanted.append(other.train_on_batch(X[part], Y[part]))
    assert finder.losses == pytest.approx(wanted, rel=1e-4)
    assert finder.suggestion in finder.rates
    assert net.optimizer.learning_rate == 0.01
    for a, b in zip(before, net.get_weights(), strict=True):
        assert np.array_equal(a, b)
    for name, parts in state["state"].items():
        for a, b in zip(parts, net.optimizer.state_dict()["state"][name], strict=True):
            assert np.array_equal(a, b)


def test_a_finder_knows_what_a_smaller_last_batch_cost():
    net, finder = model(SGD(0.01)), LearningRateFinder(1e-3, 0.1, steps=6)
    net.fit(X[:20], Y[:20], batch_size=8, epochs=2, verbose=0, shuffle=False, callbacks=[finder])
    other, wanted = model(SGD(0.01)), []
    for batch, rate in enumerate(finder.rates):
        part = slice(8 * (batch % 3), min(8 * (batch % 3) + 8, 20))
        other.optimizer.learning_rate = rate
        wanted.append(other.train_on_batch(X[part], Y[part]))
    assert finder.losses == pytest.approx(wanted, rel=1e-5)


def test_a_finder_stops_where_the_loss_runs_away_and_refuses_schedules():
    net, finder = model("sgd"), LearningRateFinder(1e-3, 1e6, steps=200)
    net.fit(X, Y, batch_size=8, epochs=100, verbose=0, callbacks=[finder])
    assert len(finder.rates) < 150
    assert finder.suggestion < 100
    with pytest.raises(TypeError, match="the learning rate follows"):
        model(SGD(CosineDecay(0.1, 10))).fit(X, Y, verbose=0, callbacks=[finder])
    with pytest.raises(RuntimeError, match="nothing was tried yet"):
        _ = LearningRateFinder().suggestion


def test_validation_sees_the_averages():
    def validated(callbacks, epochs):
        net = model(Adam(0.05, use_ema=True, ema_momentum=0.5))
        history = net.fit(
            X, Y, epochs=epochs, verbose=0, validation_data=(X, Y), callbacks=callbacks
        )
        return net, history.history

    plain, alone = validated([], 3)
    net, history = validated([SwapEMAWeights()], 3)
    assert history["loss"] == alone["loss"]
    assert history["val_loss"][0] != alone["val_loss"][0]
    for a, b in zip(plain.get_weights(), net.get_weights(), strict=True):
        assert np.array_equal(a, b)
    for epochs in (1, 3):  # when fit ends, the averages replace the weights
        ended, _ = validated([], epochs)
        assert history["val_loss"][epochs - 1] == pytest.approx(ended.evaluate(X, Y, verbose=0))
    with pytest.raises(ValueError, match=r"keeps no averages\. Make it with use_ema=True"):
        model("adam").fit(X, Y, verbose=0, callbacks=[SwapEMAWeights()])
    with pytest.raises(ValueError, match="swap_on_epoch must be False"):
        SwapEMAWeights(True)


def test_weights_come_back_after_an_error():
    net, before = model(Adam(0.05, use_ema=True)), []

    def fail(*_):
        raise KeyError("stop")

    notes = LambdaCallback(
        on_epoch_begin=lambda *_: before.append(net.get_weights()), on_test_batch_end=fail
    )
    with pytest.raises(KeyError):
        net.fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[SwapEMAWeights(), notes])
    twin = model(Adam(0.05, use_ema=True))
    twin.train_on_batch(X[:32], Y[:32])
    assert not np.array_equal(net.get_weights()[0], before[0][0])
    averages = [a.copy() for _, a in net.optimizer.averages()]
    assert not np.array_equal(net.get_weights()[0], averages[0])


@pytest.mark.parametrize("hot", [False, True])
def test_balanced_weights_are_those_of_scikit_learn(hot):
    compute = pytest.importorskip("sklearn.utils.class_weight").compute_class_weight
    labels = rng.choice(3, 64, p=[0.7, 0.2, 0.1])
    shares = compute("balanced", classes=np.arange(3), y=labels)

    def trained(class_weight):
        axon.set_random_seed(0)
        net = Sequential([Dense(4, 3, "softmax")])
        net.compile("categorical_crossentropy", "sgd")
        y = np.eye(3)[labels] if hot else labels
        net.fit(X, y, epochs=2, verbose=0, class_weight=class_weight)
        return net.get_weights()

    for a, b in zip(trained("balanced"), trained(dict(enumerate(shares))), strict=True):
        assert np.array_equal(a, b)
    with pytest.raises(TypeError, match="or 'balanced', got 'equal'"):
        trained("equal")
