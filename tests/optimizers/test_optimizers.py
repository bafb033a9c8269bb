"""The contract that every optimizer keeps. An optimizer without a sample below fails."""

import copy
import json
import tracemalloc
from functools import partial
from typing import get_type_hints

import numpy as np
import pytest

import axon
from axon import Tensor, optimizers
from axon.layers import Dense
from axon.losses import MeanSquaredError
from axon.models import Sequential
from axon.optimizers import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    Muon,
    Nadam,
    Optimizer,
    RMSprop,
)
from axon.optimizers import options as every
from axon.optimizers.around import OptimizerAround
from axon.optimizers.options import DEFAULTS, Options, own_arguments
from axon.optimizers.schedules import ExponentialDecay, PiecewiseConstantDecay
from axon.parameter import Parameter
from axon.program import Step
from tests.samples.optimizers import MORE


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


def amsgrad_by_the_book(w, gradients, rate, b1=0.9, b2=0.999, epsilon=1e-7):
    m, v, largest = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        largest = np.maximum(largest, v)
        w = w - rate * (m / (1 - b1**t)) / (np.sqrt(largest / (1 - b2**t)) + epsilon)
    return w


def adagrad_by_the_book(w, gradients, rate, begin=0.1, epsilon=1e-7):
    total = np.full_like(w, begin)
    for g in gradients:
        total = total + g**2
        w = w - rate * g / np.sqrt(total + epsilon)
    return w


def rmsprop_by_the_book(w, gradients, rate, rho, momentum=0.0, epsilon=1e-7, centered=False):
    v, mean, velocity = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for g in gradients:
        v, mean = rho * v + (1 - rho) * g**2, rho * mean + (1 - rho) * g
        step = rate * g / np.sqrt(v - (mean**2 if centered else 0) + epsilon)
        velocity = momentum * velocity + step
        w = w - velocity
    return w


def adamax_by_the_book(w, gradients, rate, b1=0.9, b2=0.999, epsilon=1e-7):
    m, u = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        m, u = b1 * m + (1 - b1) * g, np.maximum(b2 * u, abs(g))
        w = w - rate / (1 - b1**t) * m / (u + epsilon)
    return w


def nadam_by_the_book(w, gradients, rate, b1=0.9, b2=0.999, epsilon=1e-7, decay=1.0):
    m, v, product = np.zeros_like(w), np.zeros_like(w), 1.0
    for t, g in enumerate(gradients, 1):
        u, u_next = (b1 * (1 - 0.5 * 0.96 ** (k * decay)) for k in (t, t + 1))
        product *= u
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        ahead = u_next * m / (1 - product * u_next) + (1 - u) * g / (1 - product)
        w = w - rate * ahead / (np.sqrt(v / (1 - b2**t)) + epsilon)
    return w


def lion_by_the_book(w, gradients, rate, b1=0.9, b2=0.99):
    m = np.zeros_like(w)
    for g in gradients:
        w = w - rate * np.sign(b1 * m + (1 - b1) * g)
        m = b2 * m + (1 - b2) * g
    return w


def decayed(textbook, decay):
    """The same, with decoupled weight decay: one step at a time shows what the rule adds to w."""

    def book(w, gradients, rate, **settings):
        for t in range(1, len(gradients) + 1):
            before = textbook(np.zeros_like(w), gradients[: t - 1], rate, **settings)
            w = w - rate * decay * w
            w = w + textbook(np.zeros_like(w), gradients[:t], rate, **settings) - before
        return w

    return book


def orthogonal(x, steps=5):
    """By singular values, each of which goes its own way."""
    left, values, right = np.linalg.svd(x, full_matrices=False)
    values = values / np.linalg.norm(values)
    for _ in range(steps):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return (left * values) @ right


def muon_by_the_book(w, gradients, rate, momentum=0.95, nesterov=True, rms_rate=0.2):
    if w.ndim < 2:
        return adam_by_the_book(w, gradients, rate)
    rows, columns = w.reshape(-1, w.shape[-1]).shape
    factor = max(1, columns / rows) ** 0.5
    if rms_rate is not None:
        factor = rms_rate * max(rows, columns) ** 0.5
    m = np.zeros((rows, columns))
    for g in gradients:
        g = g.reshape(rows, columns)
        m = momentum * m + g
        step = orthogonal(g + momentum * m if nesterov else m)
        w = w - rate * factor * step.reshape(w.shape)
    return w


# name -> (how to make it, the textbook)
SAMPLES = {
    "sgd": (partial(SGD, 0.1), lambda w, gs: sgd_by_the_book(w, gs, 0.1)),
    "momentum": (partial(SGD, 0.1, 0.9), lambda w, gs: momentum_by_the_book(w, gs, 0.1, 0.9)),
    "nesterov": (
        partial(SGD, 0.1, momentum=0.8, nesterov=True),
        lambda w, gs: momentum_by_the_book(w, gs, 0.1, 0.8, nesterov=True),
    ),
    "adagrad": (partial(Adagrad, 0.1), lambda w, gs: adagrad_by_the_book(w, gs, 0.1)),
    "adagrad with other settings": (
        partial(Adagrad, 0.1, initial_accumulator_value=0.0, epsilon=1e-2),
        lambda w, gs: adagrad_by_the_book(w, gs, 0.1, 0.0, 1e-2),
    ),
    "rmsprop": (partial(RMSprop, 0.01), lambda w, gs: rmsprop_by_the_book(w, gs, 0.01, 0.9)),
    "rmsprop with momentum": (
        partial(RMSprop, 0.01, rho=0.8, momentum=0.9, epsilon=1e-3),
        lambda w, gs: rmsprop_by_the_book(w, gs, 0.01, 0.8, 0.9, 1e-3),
    ),
    "rmsprop centered": (
        partial(RMSprop, 0.01, rho=0.8, centered=True, epsilon=1e-3),
        lambda w, gs: rmsprop_by_the_book(w, gs, 0.01, 0.8, 0.0, 1e-3, centered=True),
    ),
    "adam": (partial(Adam, 0.1), lambda w, gs: adam_by_the_book(w, gs, 0.1)),
    "adam with other settings": (
        partial(Adam, 0.01, beta_1=0.5, beta_2=0.9, epsilon=1e-3),
        lambda w, gs: adam_by_the_book(w, gs, 0.01, 0.5, 0.9, 1e-3),
    ),
    "amsgrad": (
        partial(Adam, 0.1, beta_2=0.5, amsgrad=True),
        lambda w, gs: amsgrad_by_the_book(w, gs, 0.1, b2=0.5),
    ),
    "adamw": (
        partial(AdamW, 0.1, weight_decay=0.3),
        lambda w, gs: decayed(adam_by_the_book, 0.3)(w, gs, 0.1),
    ),
    "adamax": (
        partial(Adamax, 0.1, beta_2=0.9),
        lambda w, gs: adamax_by_the_book(w, gs, 0.1, b2=0.9),
    ),
    "nadam": (partial(Nadam, 0.1), lambda w, gs: nadam_by_the_book(w, gs, 0.1)),
    "nadam of the paper": (
        partial(Nadam, 0.1, beta_1=0.99, momentum_decay=0.004),
        lambda w, gs: nadam_by_the_book(w, gs, 0.1, 0.99, decay=0.004),
    ),
    "lion": (
        partial(Lion, 0.01, beta_1=0.8, beta_2=0.9),
        lambda w, gs: lion_by_the_book(w, gs, 0.01, 0.8, 0.9),
    ),
    "muon": (
        partial(Muon, 0.1, weight_decay=0.1, exclude_output=False),
        lambda w, gs: decayed(muon_by_the_book, 0.1)(w, gs, 0.1),
    ),
    "muon of the first paper": (
        partial(
            *(Muon, 0.1),
            momentum=0.9,
            nesterov=False,
            rms_rate=None,
            weight_decay=None,
            exclude_output=False,
        ),
        lambda w, gs: muon_by_the_book(w, gs, 0.1, 0.9, nesterov=False, rms_rate=None),
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
    found = {type(make()) for make, _ in SAMPLES.values()}
    assert set(OPTIMIZERS.values()) - MORE == found
    public = {c for c in vars(optimizers).values() if isinstance(c, type)}
    public = {c for c in public if not issubclass(c, OptimizerAround)}  # test_around.py
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
    assert sorted(first.state()) == sorted([*first.state_names, *first.numbers])


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


def test_parameters_in_place_of_the_learning_rate():
    weights = Dense(50, 50).parameters()
    words = r"learning_rate must be .*\(list\)\. Parameters come later: Adam\(0.01\), then .build"
    with pytest.raises(ValueError, match=words) as caught:
        Adam(weights, 0.01)
    assert len(str(caught.value)) < 400  # of weights only the beginning


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
    adams = "learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07"
    assert repr(Adam()) == f"Adam({adams}, amsgrad=False)"
    assert repr(Adamax()) == f"Adamax({adams})"
    assert repr(Nadam()) == f"Nadam({adams}, momentum_decay=1.0)"
    decayed = adams.replace(",", ", weight_decay=0.004,", 1)
    assert repr(AdamW()) == f"AdamW({decayed}, amsgrad=False)"
    assert repr(Lion()) == "Lion(learning_rate=0.001, beta_1=0.9, beta_2=0.99)"
    begin = "learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-07"
    assert repr(Adagrad()) == f"Adagrad({begin})"
    assert (Muon().momentum, Muon().weight_decay, Muon().ns_steps) == (0.95, 0.004, 5)
    means = "learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-07, centered=False"
    assert repr(RMSprop()) == f"RMSprop({means})"


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


# ------------------------------------------------------------------------------------ options

SHAPES = [(4, 3), (3,), (2, 5), (3, 2)]
NAMES = ["weights", "bias", "weights", "weights"]
FROZEN = 2  # in the middle, where it parts the flat memory in two

OPTIONS = {
    "plain": {},
    "weight decay": {"weight_decay": 0.1, "exclude_from_weight_decay": ["bias"]},
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.3},
    "global clipnorm": {"global_clipnorm": 0.7},
    "average": {"use_ema": True, "ema_momentum": 0.8},
    "average overwrites": {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    "gathered": {"gradient_accumulation_steps": 3},
    "all": {
        "weight_decay": 0.1,
        "global_clipnorm": 0.7,
        "use_ema": True,
        "ema_overwrite_frequency": 2,
        "gradient_accumulation_steps": 2,
    },
}
every_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def started(dtype="f8"):
    """Four parameters, one of them frozen."""
    made = [Parameter(np.linspace(-1, 1, np.prod(s)).reshape(s).astype(dtype)) for s in SHAPES]
    for i, p in enumerate(made):
        p.name, p.requires_grad = NAMES[i], i != FROZEN
    return made


def rounds(steps=12, seed=0):
    """For each step, a gradient for each parameter."""
    generator = np.random.default_rng(seed)
    return [[generator.normal(size=s) for s in SHAPES] for _ in range(steps)]


def trained(optimizer, parameters, slopes, eager=True, watch=None):
    """One step for each round of gradients, eager, or recorded and replayed."""

    def function(*gradients):
        optimizer.zero_grad()
        with axon.modes.GradMode(True):
            for p, g in zip(parameters, gradients, strict=True):
                if p.requires_grad:
                    (p * g).sum().backward()
        optimizer.apply()
        return []

    optimizer.build(parameters)
    step = Step("train", function, [f"g{i}" for i in range(len(slopes[0]))], eager=eager)
    slots = step.inputs(*((p.shape, p.dtype) for p in parameters))
    for number, given in enumerate(slopes):
        for slot, g in zip(slots, given, strict=True):
            slot[...] = g
        step.run(slots, optimizer.phase)
        optimizer.advance()
        if watch:
            watch(number)
    return step


def values(parameters):
    return [p.numpy().copy() for p in parameters]


def make_again(make, **options):
    """With these options, and without the decay that some have of their own."""
    own = {"weight_decay": None} if make.func in (AdamW, Muon) else {}
    return make(**{**own, **options})


def assert_all_close(got, wanted, rtol=1e-9):
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


@every_optimizer
@every_option
def test_a_replay_of_every_option_is_the_eager_result_bit_for_bit(make, textbook, options):
    found, dtype = [], "f4"
    for eager in (True, False):
        parameters, optimizer = started(dtype), make_again(make, **options)
        step = trained(optimizer, parameters, rounds(), eager)
        state = [a.tobytes() for a in optimizer.state().values()]
        optimizer.finalize()
        found.append((state, [p.tobytes() for p in values(parameters)]))
    assert found[0] == found[1]
    assert 1 <= len(step.programs) <= 3
    assert found[0][1][FROZEN] == started(dtype)[FROZEN].numpy().tobytes()


@every_optimizer
@pytest.mark.parametrize("options", [OPTIONS["all"], OPTIONS["clipnorm"], {"clipvalue": 1.0}])
def test_a_replay_allocates_nothing(make, textbook, options):
    parameters = [Parameter(np.ones((256, 512), "f4")), Parameter(np.ones(512, "f4"))]
    parameters.append(Parameter(np.ones((512, 128), "f4")))
    optimizer = make_again(make, **options)
    slopes = [[np.ones(p.shape) for p in parameters]] * 4
    step = trained(optimizer, parameters, slopes, eager=False)
    tracemalloc.start()
    try:
        for program in step.programs.values():
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            program.run()
            assert tracemalloc.get_traced_memory()[1] - before < 80_000
    finally:
        tracemalloc.stop()


@every_optimizer
def test_the_plain_way_is_one_update(make, textbook):
    """No instruction of an option that nobody asked for."""
    parameters, optimizer = started("f4"), make_again(make)
    for p in parameters:
        p.requires_grad = True
    step = trained(optimizer, parameters, rounds(2), eager=False)
    writes = [c.func.__name__ for c in step.latest.calls if "_update" in str(c)]
    matrices = len(optimizer.matrices()) if isinstance(optimizer, Muon) else 0
    assert len(writes) == 1 + matrices
    options = ("shrink", "approach", "complete_mean", "add_norm", "limit_norm", "limit_value")
    assert not any(name in str(step.latest) for name in options)


@every_optimizer
def test_clipping_by_value(make, textbook):
    clipped, plain = started(), started()
    trained(make_again(make, clipvalue=0.3), clipped, rounds())
    trained(make_again(make), plain, [[np.clip(g, -0.3, 0.3) for g in gs] for gs in rounds()])
    assert_all_close(values(clipped), values(plain))


def shortened(g, limit):
    return g * min(1, limit / np.linalg.norm(g))


@every_optimizer
def test_clipping_by_the_norm_of_each_parameter(make, textbook):
    clipped, plain = started(), started()
    trained(make_again(make, clipnorm=2.0), clipped, rounds())
    trained(make_again(make), plain, [[shortened(g, 2.0) for g in gs] for gs in rounds()])
    assert_all_close(values(clipped), values(plain))
    norms = [np.linalg.norm(g) for gs in rounds() for g in gs]
    assert min(norms) < 2 < max(norms), "so that both cases occur"


@every_optimizer
@pytest.mark.parametrize("limit", [0.7, 1e6])
def test_clipping_by_the_norm_of_all(make, textbook, limit):
    """The frozen one does not count."""

    def cut(gs):
        norm = np.sqrt(sum((g**2).sum() for i, g in enumerate(gs) if i != FROZEN))
        return [g * min(1, limit / norm) for g in gs]

    clipped, plain = started(), started()
    trained(make_again(make, global_clipnorm=limit), clipped, rounds())
    trained(make_again(make), plain, [cut(gs) for gs in rounds()])
    assert_all_close(values(clipped), values(plain))


@pytest.mark.parametrize("size", [1e-40, 0.0, 1e25, 1e38])
@pytest.mark.parametrize("option", ["clipnorm", "global_clipnorm"])
def test_norms_do_not_overflow(size, option):
    p = Parameter(np.zeros(16, "f4"))
    run(SGD(1.0, **{option: 2.0}), [p], [[np.full(16, size, "f4")]])
    np.testing.assert_allclose(p.numpy(), np.full(16, -np.float32(min(size, 0.5))), rtol=1e-6)


def test_norms_span_types():
    p, q = Parameter(np.zeros(1, "f4")), Parameter(np.zeros(1, "f8"))
    run(SGD(1.0, global_clipnorm=1.0), [p, q], [[np.full(1, 3.0)], [np.full(1, 4.0)]])
    np.testing.assert_allclose([p.numpy()[0], q.numpy()[0]], [-0.6, -0.8], rtol=1e-6)


@every_optimizer
def test_weight_decay_comes_first_and_is_decoupled(make, textbook):
    decay, excluding = started(), started()
    for parameters, excluded in ((decay, []), (excluding, ["bi", "none of that name"])):
        optimizer, by_hand = make_again(make, weight_decay=0.3), started()
        optimizer.exclude_from_weight_decay(var_names=excluded)
        trained(optimizer, parameters, rounds())
        plain = make_again(make)
        plain.build(by_hand)
        for gs in rounds():
            for i, p in enumerate(by_hand):
                if i != FROZEN:
                    p.grad = Tensor(gs[i])
                    if not (excluded and p.name == "bias"):
                        p.assign(p.numpy() - plain.learning_rate * 0.3 * p.numpy())
            plain.step()
            plain.zero_grad()
        assert_all_close(values(parameters), values(by_hand))
    assert not np.allclose(decay[1].numpy(), excluding[1].numpy())


def test_a_small_decay_is_not_rounded_away():
    """1 - 1e-6 is 1 - 0.95e-6 in float32: every weight would shrink 5 % too little."""
    start = np.random.default_rng(0).uniform(1, 2, 10_000).astype("f4")
    p = Parameter(start.copy())
    run(SGD(0.001, weight_decay=0.001), [p], [[np.zeros(10_000)]])
    shrunk = 1 - (p.numpy().astype("f8") / start).mean()
    assert shrunk == pytest.approx(1e-6, rel=1e-2)


@every_optimizer
def test_averages_of_the_weights(make, textbook):
    parameters, optimizer = started(), make_again(make, use_ema=True, ema_momentum=0.8)
    seen = []
    trained(optimizer, parameters, rounds(), watch=lambda _: seen.append(values(parameters)))
    twins = started()
    trained(make_again(make), twins, rounds())
    assert_all_close(seen[-1], values(twins), rtol=0)
    averages = seen[0]
    for now in seen[1:]:
        averages = [0.8 * a + 0.2 * w for a, w in zip(averages, now, strict=True)]
    assert_all_close(values(parameters), seen[-1], rtol=0)
    optimizer.finalize()
    assert_all_close(values(parameters), averages)
    assert np.array_equal(parameters[FROZEN].numpy(), started()[FROZEN].numpy())


def test_averages_overwrite_the_weights_every_so_often():
    slopes = gradients((2,), steps=8)
    p = Parameter(np.ones(2))
    run(SGD(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3), [p], [slopes])
    w = average = np.ones(2)
    for t, g in enumerate(slopes, 1):
        w = w - 0.1 * g
        average = w if t == 1 else 0.5 * average + 0.5 * w
        w = average if t % 3 == 0 else w
    np.testing.assert_allclose(p.numpy(), w, rtol=1e-12)


def test_finalize_leaves_weights_alone_that_no_step_has_changed():
    p = Parameter(np.ones(2))
    optimizer = SGD(0.1, use_ema=True)
    optimizer.build([p])
    p.assign([5.0, 5.0])  # loaded from a file
    optimizer.finalize()
    assert p.numpy().tolist() == [5, 5]
    run(optimizer, [p], [gradients((2,), steps=3)])
    optimizer.finalize()
    assert not np.allclose(p.numpy(), 5)
    p.assign([7.0, 7.0])
    optimizer.finalize()
    assert p.numpy().tolist() == [7, 7]
    SGD(0.1).finalize()


def test_a_parameter_that_thaws_is_averaged_from_where_it_is():
    p, q = Parameter(np.ones(2)), Parameter(np.ones(2), requires_grad=False)
    optimizer = SGD(0.1, use_ema=True)
    run(optimizer, [p, q], [gradients((2,), steps=3), [None] * 3])
    q.assign([9.0, 9.0])
    optimizer.finalize()
    q.requires_grad = True
    run(optimizer, [p, q], [gradients((2,), steps=1), [np.zeros(2)]])
    optimizer.finalize()
    assert np.allclose(q.numpy(), 9)


@every_optimizer
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "global_clipnorm": 2.0}])
def test_gathered_gradients_are_one_of_a_large_batch(make, textbook, options):
    """Clipped, too: what is clipped is the mean."""
    slopes = rounds(12)
    means = [[sum(gs) / 3 for gs in zip(*slopes[i : i + 3], strict=True)] for i in range(0, 12, 3)]
    gathering, large = started(), started()
    seen = []
    optimizer = make_again(make, gradient_accumulation_steps=3, **options)
    trained(optimizer, gathering, slopes, watch=lambda _: seen.append(values(gathering)))
    trained(make_again(make, **options), large, means)
    assert_all_close(values(gathering), values(large))
    assert float(optimizer.iterations) == 4
    for i in (1, 2, 4, 5):
        moved = [not np.array_equal(a, b) for a, b in zip(seen[i - 1], seen[i], strict=True)]
        assert any(moved) == (i % 3 == 2)


def test_gathering_goes_on_from_saved_state():
    slopes = gradients((2,))
    p, q, whole = (Parameter(np.ones(2)) for _ in range(3))
    first, second, third = (SGD(0.1, gradient_accumulation_steps=4) for _ in range(3))
    run(first, [p], [slopes[:6]])
    second.build([q])
    q.assign(p)
    for name, saved in first.state().items():
        second.state()[name][...] = saved
    second.iterations.assign(first.iterations)
    run(second, [q], [slopes[6:]])
    run(third, [whole], [slopes])
    assert np.array_equal(q.numpy(), whole.numpy())
    assert sorted(first.state()) == ["accumulated", "waiting"]


def test_phases():
    p = Parameter(np.ones(2))
    for options, wanted in (
        ({}, [()] * 6),
        ({"gradient_accumulation_steps": 1}, [()] * 6),
        ({"gradient_accumulation_steps": 3}, [("gathers",), ("gathers",), ("updates",)] * 2),
        (
            {"use_ema": True, "ema_overwrite_frequency": 2},
            [("updates",), ("updates", "overwrites")] * 3,
        ),
    ):
        optimizer, seen = SGD(0.1, **options), []
        optimizer.build([p])
        for g in gradients((2,), steps=6):
            seen.append(optimizer.phase)
            p.grad = Tensor(g)
            optimizer.step()
        assert seen == wanted


def test_a_step_that_is_recorded_leaves_the_host_part_to_the_loop():
    p = Parameter(np.ones(2, "f4"))
    optimizer = SGD(ExponentialDecay(0.1, 1, 0.5), gradient_accumulation_steps=2)
    optimizer.build([p])

    def function(g):
        p.grad = g
        optimizer.step()
        return []

    step = Step("train", function, ["g"])
    slots = step.inputs(((2,), np.dtype("f4")))
    slots[0][...] = 1
    rates = []
    for _ in range(6):
        rates.append(float(optimizer._rate.data))
        step.run(slots, optimizer.phase)
        optimizer.advance()
    assert rates == [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]
    np.testing.assert_allclose(p.numpy(), 1 - 0.175, rtol=1e-6)


def test_muon_leaves_the_rest_to_adam():
    shapes = [(6, 4), (5, 3), (3,), (2, 2, 3, 4), (4, 2)]
    names = ["embeddings", "weights", "bias", "kernel", "weights"]
    slopes = [gradients(s, seed=i) for i, s in enumerate(shapes)]
    for options, matrices in (
        ({}, {1, 3}),
        ({"exclude_output": False}, {1, 3, 4}),
        ({"exclude_embeddings": False}, {0, 1, 3}),
    ):
        made = [Parameter(np.ones(s), n) for s, n in zip(shapes, names, strict=True)]
        run(Muon(0.1, weight_decay=None, adam_lr_ratio=0.5, **options), made, slopes)
        for i, p in enumerate(made):
            book, rate = (muon_by_the_book, 0.1) if i in matrices else (adam_by_the_book, 0.05)
            wanted = book(np.ones(shapes[i]), slopes[i], rate)
            np.testing.assert_allclose(p.numpy(), wanted, rtol=1e-9)


@pytest.mark.parametrize("size", [0.0, 1e-42, 1e-36, 1e37])
def test_muon_of_no_gradient_and_of_tiny_and_huge_ones(size):
    p = Parameter(np.ones((3, 2), "f4"))
    slope = np.array([[1, 2], [3, 4], [5, 7]]) * size
    run(Muon(0.1, momentum=0.0, weight_decay=None), [p], [[slope]])
    wanted = muon_by_the_book(np.ones((3, 2)), [slope / (size or 1)], 0.1, 0.0) if size else 1
    if size == 1e-42:  # less than the smallest normal number: nearly nothing
        assert abs(p.numpy() - 1).max() < 0.01
    else:
        np.testing.assert_allclose(p.numpy(), wanted * np.ones((3, 2)), rtol=1e-4)


# ------------------------------------------------------------------------------------ their errors


@pytest.mark.parametrize("make", [SGD, Muon])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"clipnorm": 0}, "clipnorm must be a number larger than 0, got 0"),
        ({"clipvalue": -1.0}, r"clipvalue must be a number larger than 0, got -1\.0"),
        ({"global_clipnorm": "1"}, "global_clipnorm must be a number larger than 0, got '1'"),
        ({"clipnorm": 1, "clipvalue": 2}, "clipped in one way only, got clipvalue and clipnorm. "),
        ({"weight_decay": -0.1}, r"weight_decay must be a number of at least 0, got -0\.1"),
        ({"use_ema": 1}, "use_ema must be True or False, got 1"),
        ({"use_ema": None}, "use_ema must be True or False, got None"),
        ({"ema_momentum": 1.0}, r"ema_momentum must be at least 0 and less than 1, got 1\.0"),
        ({"ema_overwrite_frequency": 2}, "ema_overwrite_frequency needs use_ema=True"),
        (
            {"use_ema": True, "ema_overwrite_frequency": 0},
            "ema_overwrite_frequency must be a whole number of at least 1, got 0",
        ),
        (
            {"gradient_accumulation_steps": 0.5},
            r"gradient_accumulation_steps must be a whole number of at least 1, got 0\.5",
        ),
        (
            {"exclude_from_weight_decay": "bias"},
            r"exclude_from_weight_decay must be a list of names, such as \['bias'\], got 'bias'",
        ),
    ],
)
def test_options_are_checked(make, options, words):
    with pytest.raises(ValueError, match=f"{make.__name__}: .*{words}"):
        make(**options)


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_unknown_options_suggest_the_nearest(make):
    words = rf"{make.__name__}: unknown argument 'clip_norm'\. Did you mean 'clipnorm'\? Known bes"
    with pytest.raises(TypeError, match=words):
        make(clip_norm=1.0)


def test_exclusions_come_before_the_parameters():
    optimizer = AdamW()
    with pytest.raises(ValueError, match=r"AdamW: var_names must be a list of names, such as"):
        optimizer.exclude_from_weight_decay("bias")
    optimizer.build([Parameter(np.ones(2))])
    with pytest.raises(RuntimeError, match=r"call it before model.compile\(loss, optimizer\); the"):
        optimizer.exclude_from_weight_decay(["bias"])


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (RMSprop, "rho"),
        (RMSprop, "momentum"),
        (Adamax, "beta_1"),
        (Nadam, "beta_2"),
        (Lion, "beta_1"),
        (Lion, "beta_2"),
        (Muon, "momentum"),
        (Muon, "adam_beta_1"),
        (Muon, "adam_beta_2"),
        (AdamW, "beta_1"),
    ],
)
def test_more_decay_rates_are_checked(make, argument):
    with pytest.raises(ValueError, match=f"{make.__name__}: {argument} must be at least 0 and les"):
        make(**{argument: 1.0})


@pytest.mark.parametrize(
    ("make", "argument", "words"),
    [
        (Adagrad, "epsilon", "must be a number larger than 0, got -1"),
        (Adagrad, "initial_accumulator_value", "must be a number of at least 0, got -1"),
        (RMSprop, "epsilon", "must be a number larger than 0, got -1"),
        (Adamax, "epsilon", "must be a number larger than 0, got -1"),
        (Nadam, "epsilon", "must be a number larger than 0, got -1"),
        (Nadam, "momentum_decay", "must be a number of at least 0, got -1"),
        (Muon, "epsilon", "must be a number larger than 0, got -1"),
        (Muon, "rms_rate", "must be a number larger than 0, got -1"),
        (Muon, "adam_lr_ratio", "must be a number larger than 0, got -1"),
        (Muon, "ns_steps", "must be a whole number of at least 1, got -1"),
    ],
)
def test_more_settings_are_checked(make, argument, words):
    with pytest.raises(ValueError, match=f"{make.__name__}: {argument} {words}"):
        make(**{argument: -1})


@every_optimizer
@every_option
def test_every_option_is_in_the_config(make, textbook, options):
    optimizer = make_again(make, **options)
    config = json.loads(json.dumps(optimizer.config()))
    again = optimizers.get(json.loads(json.dumps(optimizer.describe())))
    assert type(again) is type(optimizer)
    assert again.config() == type(optimizer)(**config).config() == optimizer.config()
    assert hash(tuple(optimizer.config().items())) is not None
    for name, value in options.items():
        assert optimizer.config()[name] == (tuple(value) if isinstance(value, list) else value)
    own = {k for k in DEFAULTS if k in own_arguments(type(optimizer))}
    assert {k for k in config if k in DEFAULTS} == own | set(options)


def test_the_rate_follows_a_schedule():
    slopes, seen = gradients((2,), steps=6), []
    p = Parameter(np.ones(2))
    optimizer = SGD(PiecewiseConstantDecay([1, 3], [0.1, 0.2, 0.4]), gradient_accumulation_steps=1)
    optimizer.build([p])
    w = np.ones(2)
    for g, rate in zip(slopes, [0.1, 0.1, 0.2, 0.2, 0.4, 0.4], strict=True):
        seen.append(optimizer.learning_rate)
        p.grad = Tensor(g)
        optimizer.step()
        w = w - rate * g
    assert seen == [0.1, 0.1, 0.2, 0.2, 0.4, 0.4]
    np.testing.assert_allclose(p.numpy(), w, rtol=1e-12)


def test_schedules_count_updates_and_come_back_with_them():
    optimizer = SGD(ExponentialDecay(0.8, 1, 0.5), gradient_accumulation_steps=2)
    p, rates = Parameter(np.ones(2)), []
    optimizer.build([p])
    for _ in range(5):
        rates.append(optimizer.learning_rate)
        p.grad = Tensor(np.ones(2))
        optimizer.step()
    assert rates == [0.8, 0.8, 0.4, 0.4, 0.2]
    twin = SGD(ExponentialDecay(0.8, 1, 0.5))
    twin.build([Parameter(np.ones(2))])
    twin.iterations.assign(optimizer.iterations)
    assert twin.learning_rate == 0.2
    twin.iterations.assign(3.0)
    twin.build(twin.parameters)  # what fit does
    assert float(twin._rate.data) == 0.1
    twin.build([Parameter(np.ones(2))])
    assert twin.learning_rate == 0.8


def test_a_recorded_program_follows_a_schedule():
    found = []
    for eager in (True, False):
        parameters, optimizer = started("f4"), SGD(lambda step: 0.1 / (step + 1))
        step = trained(optimizer, parameters, rounds(), eager)
        found.append([p.tobytes() for p in values(parameters)])
    assert found[0] == found[1]
    assert len(step.programs) == 1
    plain = started("f4")
    trained(SGD(0.1), plain, rounds())
    assert plain[0].numpy().tobytes() != found[0][0]


def test_a_rate_that_a_schedule_sets_cannot_be_set():
    optimizer = SGD(ExponentialDecay(0.1, 10, 0.5))
    words = (
        r"SGD: the learning rate follows ExponentialDecay\(0.1, 10, 0.5\), so it cannot be set. "
        r"Give another schedule, or release it first: optimizer.schedule = None\."
    )
    with pytest.raises(TypeError, match=words):
        optimizer.learning_rate = 0.5
    optimizer.schedule = None
    optimizer.learning_rate = 0.5
    assert (optimizer.schedule, optimizer.learning_rate) == (None, 0.5)
    optimizer.learning_rate = ExponentialDecay(0.3, 10, 0.5)
    assert optimizer.learning_rate == 0.3
    optimizer.schedule = lambda step: 0.0
    assert optimizer.learning_rate == 0.0


def test_what_is_no_schedule_and_what_is_no_rate():
    with pytest.raises(TypeError, match=r"schedule: expected a function of the step number, such"):
        SGD(ExponentialDecay)
    with pytest.raises(ValueError, match=r"SGD at step 0: the rate of its schedule must be a numb"):
        SGD(lambda step: float("nan"))
    with pytest.raises(ValueError, match=r"unknown schedule 'Cosine'. Did you mean 'cosinedecay'"):
        SGD({"class": "Cosine", "config": {}})
    with pytest.raises(ValueError, match=r"schedule: expected a description {'class': ..., 'conf"):
        SGD({"name": "Cosine"})


def test_a_schedule_is_part_of_the_config():
    optimizer = Adam(ExponentialDecay(0.1, 10, decay_rate=0.5))
    config = json.loads(json.dumps(optimizer.config()))
    assert config["learning_rate"]["class"] == "ExponentialDecay"
    assert Adam(**config).config() == optimizer.config()
    assert repr(optimizer).startswith("Adam(learning_rate=ExponentialDecay(0.1, 10, decay_rate=0.5")
    function = SGD(lambda step: 0.1)
    assert function.config()["learning_rate"](3) == 0.1


def test_the_learning_rate_has_one_name():
    optimizer = SGD(0.1)
    with pytest.raises(AttributeError, match="SGD: it is called learning_rate, not lr"):
        optimizer.lr = 0.5
    assert optimizer.learning_rate == 0.1


def test_a_step_without_parameters_says_where_they_come_from():
    optimizer = SGD(0.1)
    optimizer.build([])
    with pytest.raises(RuntimeError, match=r"has none before model.build\(input_shape\)"):
        optimizer.step()


def test_each_option_is_declared_with_its_type_default_and_check():
    declared, attributes = get_type_hints(Options), get_type_hints(Optimizer)
    method = "exclude_from_weight_decay"  # what excludes, and what was excluded
    assert {n: t for n, t in declared.items() if n != method}.items() <= attributes.items()
    for name in declared:
        default, check = every.OPTIONS[name]
        assert default is None or check("SGD", name, default) == default
        assert f"\n        {name}: " in Optimizer.__doc__


# ------------------------------------------------------------------------------------ multipliers


def parts_of_three():
    values = [np.linspace(-1, 1, 6).reshape(2, 3), np.ones(3), np.full((3, 2), 0.5), np.zeros(2)]
    return [
        Parameter(v.astype("f8"), n) for v, n in zip(values, ["weights", "bias"] * 2, strict=True)
    ]


PATHS = ["dense/weights", "dense/bias", "out/weights", "out/bias"]


def after_steps(optimizer, parameters, names, steps=4):
    optimizer.build(parameters, dict(zip(names, parameters, strict=True)))
    for step in range(steps):
        for i, p in enumerate(parameters):
            p.grad = Tensor(np.cos(np.arange(p.size) + step + i).reshape(p.shape))
        optimizer.step()
    return [p.data.copy() for p in parameters]


@pytest.mark.parametrize("name", [n for n in OPTIMIZERS if n != "lbfgs"])  # joins all parts
def test_multipliers_are_learning_rates_of_their_own(name):
    """What one optimizer does to each part equals what one of its rate does to all."""
    options = {"exclude_output": False} if name == "muon" else {}
    make = partial(OPTIMIZERS[name], weight_decay=0.1, **options)
    mixed = make(0.01, multipliers={"bias": 0.1, "out/*": 3.0, "out/bias": 0.5})
    got = after_steps(mixed, parts_of_three(), PATHS)
    for i, factor in enumerate([1.0, 0.1, 3.0, 0.5]):
        alone = after_steps(make(0.01 * factor), parts_of_three(), PATHS)
        np.testing.assert_allclose(got[i], alone[i], rtol=1e-12, atol=1e-14)


def test_the_factor_0_lets_parameters_be_and_decay_has_factors_of_its_own():
    begins = [p.data.copy() for p in parts_of_three()]
    got = after_steps(SGD(0.1, multipliers={"bias": 0.0}), parts_of_three(), PATHS)
    assert np.array_equal(got[1], begins[1])
    assert not np.array_equal(got[0], begins[0])
    settings = {"weight_decay": 0.2, "decay_multipliers": {"weights": 0.5, "bias": 0}}
    got = after_steps(SGD(0.1, **settings), parts_of_three(), PATHS)
    half = after_steps(SGD(0.1, weight_decay=0.1), parts_of_three(), PATHS)
    none = after_steps(SGD(0.1), parts_of_three(), PATHS)
    np.testing.assert_allclose(got[0], half[0], rtol=1e-14)
    np.testing.assert_array_equal(got[1], none[1])


def test_an_update_is_one_primitive_for_each_run_of_one_factor():
    def updates(**options):
        model = Sequential([Dense(3, 4), Dense(4, 2)])
        model.compile("mse", SGD(0.1, **options))
        model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
        (program,) = model.trainer.train.programs.values()
        return str(program).count("sgd_update")

    assert updates() == updates(multipliers={"dense": 0.5}) == 1
    assert updates(multipliers={"dense_1": 0.5}) == 2
    assert updates(multipliers={"bias": 0.5}) == 4


def test_multipliers_are_described_saved_and_loaded(tmp_path):
    from axon.models import load_model

    factors = {"bias": 0.1, "dense/*": 2.0}
    model = Sequential([Dense(3, 4), Dense(4, 2)])
    model.compile(
        "mse", Adam(0.1, multipliers=factors, weight_decay=0.1, decay_multipliers=factors)
    )
    assert model.optimizer.config()["multipliers"] == factors
    assert "multipliers" not in Adam(0.1).config()
    x, y = np.ones((8, 3)), np.ones((8, 2))
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "net.axon")
    again = load_model(tmp_path / "net.axon")
    assert again.optimizer.multipliers == again.optimizer.decay_multipliers == factors
    for other in (again, copy.deepcopy(model)):
        other.fit(x, y, verbose=0)
    model.fit(x, y, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_pattern_that_fits_nothing_is_an_error_that_lists_the_names():
    model = Sequential([Dense(3, 4), Dense(2)])
    model.compile("mse", SGD(0.1, multipliers={"dense_7/*": 0.1}))
    before = model.layers[0].get_weights()
    with pytest.raises(ValueError, match=r"no parameter fits 'dense_7/\*'.*dense/bias, dense_1/w"):
        model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    np.testing.assert_array_equal(before[0], model.layers[0].get_weights()[0])


@pytest.mark.parametrize("wrong", [0.1, {"bias": "fast"}, {"bias": -1.0}, {"": 1.0}, {3: 1.0}])
def test_multipliers_are_patterns_and_numbers(wrong):
    with pytest.raises((TypeError, ValueError), match="SGD: multipliers"):
        SGD(0.1, multipliers=wrong)
