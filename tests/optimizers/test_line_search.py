"""L-BFGS with a line search beside PyTorch's."""

from itertools import pairwise

import numpy as np
import pytest

import axon
from axon import Tensor, ops
from axon.callbacks import BackupAndRestore, LambdaCallback
from axon.layers import Dense
from axon.models import Sequential, load_model
from axon.optimizers import LBFGS
from axon.parameter import Parameter

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = np.sin(X @ [1.0, 2.0, -1.0])[:, None] + 3.0


def rosenbrock(x):
    a, b = x[:-1], x[1:]
    return (100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2).sum()


def quartic(x):
    return ((x - 1.0) ** 4).sum() + (x[0] * x[1]) ** 2


def steep(x):
    return (x * x * 1000.0).sum() + (x[0] - 2.0) ** 2


@pytest.mark.parametrize("function", [rosenbrock, quartic, steep])
@pytest.mark.parametrize("history", [2, 10])
def test_every_step_is_pytorchs(function, history):
    begin = [-1.2, 1.0, 0.7]
    other = torch.tensor(begin, dtype=torch.float64, requires_grad=True)
    options = {"history_size": history, "line_search_fn": "strong_wolfe"}
    theirs = torch.optim.LBFGS([other], lr=0.9, max_iter=1, max_eval=99, **options)
    mine = Parameter(np.array(begin))
    own = LBFGS(0.9, **options)
    own.build([mine])
    looks = []

    def pulled():
        theirs.zero_grad()
        loss = function(other)
        loss.backward()
        return loss

    def closure():
        own.zero_grad()
        loss = function(mine)
        loss.backward()
        looks.append(float(loss.data))
        return loss

    for _ in range(12):
        loss = theirs.step(pulled)
        np.testing.assert_allclose(own.step(closure).item(), loss.item(), rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(mine.data, other.detach().numpy(), rtol=1e-6, atol=1e-7)
    assert len(looks) > 12


def network(**options):
    axon.set_random_seed(1)
    layers = [Dense(3, 5, "tanh", dtype="float64"), Dense(5, 1, dtype="float64")]
    model = Sequential(layers)
    model.compile("mse", LBFGS(line_search_fn="strong_wolfe"), **options)
    return model


def test_a_network_learns_as_pytorchs():
    model = network(metrics=["mae"])
    twin = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    twin = twin.double()
    for i, layer in zip((0, 2), model.layers, strict=True):
        twin[i].weight.data[:] = torch.from_numpy(layer.weights.data.T.copy())
        twin[i].bias.data[:] = torch.from_numpy(layer.bias.data.copy())
    once = {"max_iter": 1, "max_eval": 99, "line_search_fn": "strong_wolfe"}
    theirs = torch.optim.LBFGS(twin.parameters(), **once)
    x, y = torch.from_numpy(X), torch.from_numpy(Y)

    def pulled():
        theirs.zero_grad()
        loss = ((twin(x) - y) ** 2).mean()
        loss.backward()
        return loss

    expected = [theirs.step(pulled).item() for _ in range(10)]
    history = model.fit(X, Y, epochs=10, batch_size=40, verbose=0, shuffle=False)
    np.testing.assert_allclose(history.history["loss"], expected, rtol=1e-5)
    assert expected[-1] < 0.1 * expected[0]
    assert len(history.history["mae"]) == 10
    np.testing.assert_allclose(model.predict(X), twin(x).detach().numpy(), rtol=1e-4)


def test_recorded_is_eager_and_goes_on_where_it_was(tmp_path):
    runs = {}
    for eager in (False, True):
        model = network(eager=eager)
        model.fit(X, Y, epochs=6, batch_size=40, verbose=0, validation_split=0.1)
        runs[eager] = model.get_weights()
    for one, other in zip(runs[False], runs[True], strict=True):
        np.testing.assert_array_equal(one, other)

    def broken(epoch, logs):
        if epoch == 3:
            raise KeyboardInterrupt

    model = network()
    options = {"epochs": 6, "batch_size": 40, "verbose": 0, "validation_split": 0.1}
    callbacks = [BackupAndRestore(tmp_path / "kept"), LambdaCallback(on_epoch_begin=broken)]
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, callbacks=callbacks, **options)
    model = network()
    model.fit(X, Y, callbacks=[BackupAndRestore(tmp_path / "kept")], **options)
    for one, other in zip(runs[False], model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)

    half = network()
    half.fit(X, Y, epochs=3, batch_size=40, verbose=0)
    half.save(tmp_path / "half.axon")
    again = load_model(tmp_path / "half.axon")
    assert again.optimizer.line_search_fn == "strong_wolfe"
    for part in (half, again):
        part.fit(X, Y, epochs=3, batch_size=40, verbose=0, shuffle=False)
    np.testing.assert_array_equal(half.predict(X), again.predict(X))


def test_the_loss_never_rises_and_what_is_frozen_stays():
    model = network()
    model.layers[0].trainable = False
    before = model.layers[0].weights.data.copy()
    losses = model.fit(X, Y, epochs=8, batch_size=40, verbose=0, shuffle=False).history["loss"]
    assert all(b <= a for a, b in pairwise(losses))
    np.testing.assert_array_equal(before, model.layers[0].weights.data)
    assert losses[-1] < losses[0]
    at_once = network()
    assert at_once.train_on_batch(X, Y) > at_once.train_on_batch(X, Y)


def test_a_loss_that_ends_nowhere_is_survived():
    mine = Parameter(np.array([0.5]))
    own = LBFGS(1.0, line_search_fn="strong_wolfe")
    own.build([mine])

    def closure():
        own.zero_grad()
        with np.errstate(all="ignore"):
            loss = (-ops.log(mine) + mine * 100.0).sum()  # no number below 0
            loss.backward()
        return loss

    for _ in range(8):
        own.step(closure)
    np.testing.assert_allclose(mine.data, [0.01], rtol=1e-4)


def test_what_does_not_go_together_is_named():
    with pytest.raises(ValueError, match="line_search_fn must be"):
        LBFGS(line_search_fn="armijo")
    with pytest.raises(ValueError, match="clipnorm must be to be left out"):
        LBFGS(line_search_fn="strong_wolfe", clipnorm=1.0)
    own = LBFGS(line_search_fn="strong_wolfe")
    own.build([Parameter(np.ones(2))])
    with pytest.raises(RuntimeError, match=r"several times.*step\(closure\)"):
        own.step()
    with pytest.raises(ValueError, match=r"at several places in each step\. Leave shards out"):
        network().fit(X, Y, verbose=0, shards=2)
    plain = axon.optimizers.SGD(0.1)
    w = Parameter(np.ones(2))
    plain.build([w])

    def closure():
        plain.zero_grad()
        loss = (w * Tensor(np.ones(2))).sum()
        loss.backward()
        return loss

    assert plain.step(closure).item() == 2.0
    np.testing.assert_allclose(w.data, 0.9)
