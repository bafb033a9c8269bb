"""The contract that every optimizer keeps. An optimizer without a sample below fails."""

import json

import numpy as np
import pytest

import axon
from axon import Tensor, optimizers
from axon.layers import Dense
from axon.losses import MeanSquaredError
from axon.models import Sequential
from axon.optimizers import OPTIMIZERS, SGD, Adam, Optimizer
from axon.parameter import Parameter


def sgd_by_the_book(w, gradients, rate):
    for g in gradients:
        w = w - rate * g
    return w


def momentum_by_the_book(w, gradients, rate, momentum, nesterov=False):
    v = np.zeros_like(w)
    for g in gradients:
        v = momentum * v + g
        w = w - rate * (g + momentum * v if nesterov else v)
    return w


def adam_by_the_book(w, gradients, rate, b1=0.9, b2=0.999, epsilon=1e-7):
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        w = w - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + epsilon)
    return w


# name -> (how to make it, the textbook)
SAMPLES = {
    "sgd": (lambda: SGD(0.1), lambda w, gs: sgd_by_the_book(w, gs, 0.1)),
    "momentum": (lambda: SGD(0.1, 0.9), lambda w, gs: momentum_by_the_book(w, gs, 0.1, 0.9)),
    "nesterov": (
        lambda: SGD(0.1, momentum=0.8, nesterov=True),
        lambda w, gs: momentum_by_the_book(w, gs, 0.1, 0.8, nesterov=True),
    ),
    "adam": (lambda: Adam(0.1), lambda w, gs: adam_by_the_book(w, gs, 0.1)),
    "adam with other settings": (
        lambda: Adam(0.01, beta_1=0.5, beta_2=0.9, epsilon=1e-3),
        lambda w, gs: adam_by_the_book(w, gs, 0.01, 0.5, 0.9, 1e-3),
    ),
}
every_optimizer = pytest.mark.parametrize(("make", "textbook"), SAMPLES.values(), ids=SAMPLES)


def gradients(shape, steps=12, seed=0):
    return list(np.random.default_rng(seed).normal(size=(steps, *shape)))


def run(optimizer, parameters, slopes_of_each):
    """One step for each round of gradients."""
    optimizer.build(parameters)
    for slopes in zip(*slopes_of_each, strict=True):
        for p, g in zip(parameters, slopes, strict=True):
            p.grad = None if g is None else Tensor(np.asarray(g, p.dtype))
        optimizer.step()
        optimizer.zero_grad()


def test_every_optimizer_has_a_sample():
    assert set(OPTIMIZERS.values()) == {type(make()) for make, _ in SAMPLES.values()}
    public = {c for c in vars(optimizers).values() if isinstance(c, type)}
    assert {c for c in public if issubclass(c, Optimizer)} - {Optimizer} == set(OPTIMIZERS.values())


# ------------------------------------------------------------------------------------ the contract


@every_optimizer
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_steps_are_the_textbooks(make, textbook, dtype):
    start = np.linspace(-1, 1, 6).reshape(2, 3)
    p, slopes = Parameter(start.astype(dtype)), gradients((2, 3))
    optimizer = make()
    run(optimizer, [p], [slopes])
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    assert np.allclose(p.numpy(), textbook(start, slopes), rtol=tolerance, atol=tolerance)
    assert p.dtype == dtype
    assert float(optimizer.iterations) == len(slopes)


@every_optimizer
def test_many_parameters_of_two_types_are_updated_each_for_itself(make, textbook):
    shapes, dtypes = [(2, 3), (), (4,), (1, 2), (3,)], ["f8", "f4", "f8", "f4", "f8"]
    starts = [np.random.default_rng(9).normal(size=s) for s in shapes]
    slopes = [gradients(s, seed=i) for i, s in enumerate(shapes)]
    parameters = [Parameter(a.astype(d)) for a, d in zip(starts, dtypes, strict=True)]
    optimizer = make()
    run(optimizer, parameters, slopes)
    for p, a, g in zip(parameters, starts, slopes, strict=True):
        assert np.allclose(p.numpy(), textbook(a, g), rtol=1e-4, atol=1e-5)
    assert len(optimizer.groups) == 2


@every_optimizer
def test_a_parameter_without_a_gradient_stays_where_it_is(make, textbook):
    """Also in the middle, where it parts the flat memory in two."""
    starts = [np.full(3, float(i)) for i in range(4)]
    slopes = [gradients((3,), seed=i) for i in range(4)]
    slopes[1] = [None] * 12
    parameters = [Parameter(a) for a in starts]
    run(make(), parameters, slopes)
    assert np.array_equal(parameters[1].numpy(), starts[1])
    for i in (0, 2, 3):
        assert np.allclose(parameters[i].numpy(), textbook(starts[i], slopes[i]), rtol=1e-10)


@every_optimizer
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_replay_is_the_eager_result_bit_for_bit(make, textbook, dtype):
    x, found = np.random.default_rng(0).normal(size=(10, 3)), []
    for eager in (False, True):
        axon.set_random_seed(0)
        model = Sequential([Dense(3, 4, "tanh", dtype=dtype), Dense(4, 2, dtype=dtype)])
        model.compile("mse", make(), eager=eager)
        for _ in range(2):
            model.fit(x, x[:, :2], batch_size=4, epochs=3, verbose=0)
            model.optimizer.learning_rate *= 0.5
        found.append(b"".join(p.numpy().tobytes() for p in model.parameters()))
    assert found[0] == found[1]


@every_optimizer
def test_a_parameter_given_twice_is_updated_once(make, textbook):
    p, slopes = Parameter(np.ones(2)), gradients((2,))
    optimizer = make()
    optimizer.build([p, p])
    for g in slopes:
        p.grad = Tensor(g)
        optimizer.step()
        optimizer.zero_grad()
    assert np.allclose(p.numpy(), textbook(np.ones(2), slopes), rtol=1e-10)


@every_optimizer
def test_gradients_accumulate_until_they_are_cleared(make, textbook):
    p = Parameter(np.ones(2))
    optimizer = make()
    optimizer.build([p])
    for factor in (1.0, 2.0):
        (p * factor).sum().backward()
    assert p.grad.numpy().tolist() == [3, 3]
    optimizer.step()
    assert np.allclose(p.numpy(), textbook(np.ones(2), [np.full(2, 3.0)]))
    optimizer.zero_grad()
    assert p.grad is None


@every_optimizer
def test_an_optimizer_is_made_again_from_its_config(make, textbook):
    optimizer = make()
    config = json.loads(json.dumps(optimizer.config()))
    twin = type(optimizer)(**config)
    assert twin.config() == optimizer.config()
    assert repr(twin) == repr(optimizer)
    settings = ", ".join(f"{key}={value!r}" for key, value in config.items())
    assert repr(optimizer) == f"{type(optimizer).__name__}({settings})"


@every_optimizer
def test_state_survives_when_other_optimizers_move_the_parameters(make, textbook):
    start, slopes = np.ones(2), gradients((2,))
    p, other = Parameter(start), Parameter(np.ones(5))
    optimizer = make()
    run(optimizer, [p], [slopes[:5]])
    SGD(0.1).build([other, p])
    run(optimizer, [p], [slopes[5:]])
    assert np.allclose(p.numpy(), textbook(start, slopes), rtol=1e-10)


@every_optimizer
def test_other_parameters_mean_a_fresh_start(make, textbook):
    p, q = Parameter(np.ones(2)), Parameter(np.ones(2))
    slopes = gradients((2,))
    optimizer = make()
    run(optimizer, [p], [slopes])
    run(optimizer, [q], [slopes])
    assert np.array_equal(p.numpy(), q.numpy())
    assert float(optimizer.iterations) == len(slopes)


@every_optimizer
def test_state_can_be_read_and_restored(make, textbook):
    """What goes on from saved values, state and step count is what would have gone on."""
    slopes = gradients((2,))
    p, q = Parameter(np.ones(2)), Parameter(np.ones(2))
    first, second = make(), make()
    run(first, [p], [slopes[:5]])
    second.build([q])
    q.assign(p)
    for name, values in first.state().items():
        second.state()[name][...] = values
    second.iterations.assign(first.iterations)
    run(first, [p], [slopes[5:]])
    run(second, [q], [slopes[5:]])
    assert np.array_equal(p.numpy(), q.numpy())
    assert sorted(first.state()) == sorted(first.state_names)


@every_optimizer
def test_update_is_backward_and_step(make, textbook):
    layers = [Dense(3, 4, "tanh", dtype="float64"), Dense(4, 2, dtype="float64")]
    twins = [Dense(3, 4, "tanh", dtype="float64"), Dense(4, 2, dtype="float64")]
    mine, theirs = Sequential(layers), Sequential(twins)
    for p, q in zip(theirs.parameters(), mine.parameters(), strict=True):
        p.assign(q)
    x, y, loss = np.random.default_rng(0).normal(size=(6, 3)), np.ones((6, 2)), MeanSquaredError()
    by_hand, by_graph = make(), make()
    by_graph.build(theirs.parameters())
    for _ in range(5):
        by_hand.update(layers, loss.gradient(y, mine.forward(x)))
        loss(y, theirs(Tensor(x))).backward()
        by_graph.step()
        by_graph.zero_grad()
    for p, q in zip(theirs.parameters(), mine.parameters(), strict=True):
        assert np.allclose(p.numpy(), q.numpy(), rtol=1e-8)
        assert p.grad is None
        assert q.grad is None


def test_update_takes_a_sequential_as_a_whole():
    layers = [Dense(3, 4), Dense(4, 2)]
    model, twin = Sequential(layers), Sequential([Dense(3, 4), Dense(4, 2)])
    for p, q in zip(twin.parameters(), model.parameters(), strict=True):
        p.assign(q)
    slope = np.ones((5, 2))
    for target, network in ((layers, model), (twin, twin)):
        network.forward(np.ones((5, 3)))
        SGD(0.1).update(target, slope)
    for p, q in zip(twin.parameters(), model.parameters(), strict=True):
        assert np.array_equal(p.numpy(), q.numpy())


def test_update_asks_the_first_layer_for_no_gradient_of_its_input():
    asked = []

    class Spy(Dense):
        def backward(self, dL_dout, input_gradient=True):
            asked.append(input_gradient)
            return super().backward(dL_dout, input_gradient)

    layers = [Spy(3, 4), Spy(4, 4), Spy(4, 2)]
    SGD(0.1).update(layers, np.ones_like(Sequential(layers).forward(np.ones((5, 3)))))
    assert asked == [True, True, False]


def test_update_passes_over_layers_that_are_frozen():
    layers = [Dense(3, 4), Dense(4, 2)]
    layers[0].trainable = False
    model, optimizer = Sequential(layers), SGD(0.1)
    before = [p.numpy().copy() for p in model.parameters()]
    optimizer.update(layers, np.ones_like(model.forward(np.ones((5, 3)))))
    changed = [
        not np.array_equal(a, p.numpy()) for a, p in zip(before, model.parameters(), strict=True)
    ]
    assert changed == [False, False, True, True]


# ------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_name_finds_its_optimizer(name):
    assert type(optimizers.get(name)) is type(optimizers.get(name.upper())) is OPTIMIZERS[name]
    assert type(optimizers.get(OPTIMIZERS[name])) is OPTIMIZERS[name]
    given = OPTIMIZERS[name]()
    assert optimizers.get(given) is given


@pytest.mark.parametrize("make", [SGD, Adam])
@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf"), "0.1", None, True, [0.1]])
def test_a_learning_rate_that_is_not_positive(make, rate):
    words = f"{make.__name__}: learning_rate must be a number larger than 0, got "
    with pytest.raises(ValueError, match=words) as caught:
        make(learning_rate=rate)
    assert f"{rate!r}. Common values lie between 0.0001 and 0.1." in str(caught.value)
    optimizer = make(0.5)
    with pytest.raises(ValueError, match=words):
        optimizer.learning_rate = rate
    assert optimizer.learning_rate == 0.5


@pytest.mark.parametrize("rate", [1, 0.25, np.float32(0.25), np.float64(0.25), np.int64(2)])
def test_learning_rates_of_all_types(rate):
    assert SGD(rate).learning_rate == rate
    assert type(SGD(rate).learning_rate) is float


@pytest.mark.parametrize("value", [-0.1, 1, 1.5, float("nan"), "0.9", None, True])
def test_decay_rates_are_checked(value):
    for owner, argument in ((SGD, "momentum"), (Adam, "beta_1"), (Adam, "beta_2")):
        words = f"{owner.__name__}: {argument} must be at least 0 and less than 1, got "
        with pytest.raises(ValueError, match=words):
            owner(**{argument: value})
    assert SGD(momentum=np.float32(0.5)).momentum == 0.5


@pytest.mark.parametrize("value", [0, -1e-7, float("nan"), float("inf"), "small"])
def test_epsilon_is_checked(value):
    with pytest.raises(ValueError, match="Adam: epsilon must be a number larger than 0, got"):
        Adam(epsilon=value)


def test_nesterov_needs_momentum():
    with pytest.raises(ValueError, match="SGD: nesterov=True needs a momentum larger than 0, for"):
        SGD(nesterov=True)


def test_the_usual_settings():
    assert repr(SGD()) == "SGD(learning_rate=0.01, momentum=0.0, nesterov=False)"
    assert repr(Adam()) == "Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07)"


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"unknown optimizer 'adan'. Did you mean 'adam'\? Known"):
        optimizers.get("adan")
    with pytest.raises(TypeError, match=r"optimizer: expected a name or an Optimizer, got 3\."):
        optimizers.get(3)


@pytest.mark.parametrize("make", [SGD, Adam])
def test_step_needs_parameters(make):
    words = r"step: no parameters to update. Call model.compile\(loss, optimizer\) or"
    with pytest.raises(RuntimeError, match=words):
        make().step()


def test_an_optimizer_of_your_own():
    class Signs(Optimizer):
        """Steps of one size, in the direction of the gradient's sign."""

        def rule(self, values, gradients, *rest):
            (rate,) = rest
            values.assign(values - (gradients > 0) * rate + (gradients < 0) * rate)

    model = Sequential([Dense(2, 1)])
    model.compile("mse", Signs(0.125))
    before = model.layers[0].weights.numpy().copy()
    model.fit([[1.0, 2.0]], [[100.0]], epochs=4, verbose=0)
    assert np.allclose(model.layers[0].weights.numpy() - before, 0.5)
    assert repr(Signs(0.5)) == "Signs(learning_rate=0.5)"
