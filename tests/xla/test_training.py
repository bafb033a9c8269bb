"""Every layer, loss, optimizer and metric trained by XLA: the numbers are NumPy's, to rounding."""

import numpy as np
import pytest

import axon
from axon import layers, losses, optimizers
from axon.layers import Dense
from axon.models import Sequential
from tests.samples.layers import SAMPLES, TEXTS, around, ids
from tests.samples.losses import LOSSES, NUMBERS, X
from tests.samples.metrics import METRICS
from tests.samples.optimizers import OPTIONS, OWN

pytest.importorskip("jax", reason="extra jax is not installed")

random = np.random.default_rng(0)
OF_RANDOM = {"rtol": 2e-3, "atol": 2e-4}


def trained(kernels, make, x, y, **options):
    """Two epochs of two batches: what was learned, logged and predicted."""
    with axon.program.lowerings.Kernels(kernels):
        axon.set_random_seed(3)
        model = make()
        history = model.fit(x[:10], y[:10], 5, epochs=2, verbose=0, **options).history
        assert model.trainer.train.compiled == (kernels == "jax")
        return model, history, model.predict(x[:10], batch_size=5)


def as_numpy(make, x, y, rtol=1e-4, atol=2e-5, **options):
    """Both kinds of kernels end alike; returns XLA's model."""
    model, history, seen = trained("jax", make, x, y, **options)
    other, wanted, expected = trained("numpy", make, x, y, **options)
    assert history.keys() == wanted.keys()
    for name, values in wanted.items():
        assert np.allclose(history[name], values, rtol, atol, equal_nan=True), name
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert a.dtype == b.dtype
        assert np.allclose(a, b, rtol, atol)
    assert np.allclose(seen, expected, rtol, atol)
    assert model.optimizer.iterations.data == other.optimizer.iterations.data
    return model, other


def small(loss, last=None, optimizer="sgd", watched=(), units=3):
    model = Sequential([Dense(6, "tanh"), Dense(units, last)])
    model.compile(loss, optimizer, watched)
    return model


OFTEN = ("attention", "recurrent")  # files of layers that are loaded later, and used by many


MET = set()  # files of which one sample is tried; the others wait for --slow


def rarer(made, room):
    """What few use, and is made of what others show, waits for --slow; so do further samples."""
    kind = made if isinstance(made, type) else type(made)
    home = room.HOMES.get(kind.__name__)
    again = kind.__module__ in MET
    MET.add(kind.__module__)
    return (pytest.mark.slow,) if again or home not in (None, *OFTEN) else ()


@pytest.mark.parametrize(
    "layer", [pytest.param(s, id=n, marks=rarer(s[0](), layers)) for n, s in SAMPLES.items()]
)
def test_every_layer_trains(layer):
    x = random.normal(size=(10, *layer[1])).astype("float32")
    y = random.normal(size=(10, 2)).astype("float32")
    as_numpy(lambda: around(layer, False), x, y, **OF_RANDOM)


@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS)
def test_every_layer_on_whole_numbers_trains(make):
    def network():
        model = Sequential(make())
        model.compile("mse", optimizers.SGD(0.01, momentum=0.9))
        return model

    x, y = ids(9, 11, 5), random.normal(size=(11, 2)).astype("float32")
    x[3] = 0  # a sample without a single real step
    as_numpy(network, x, y)


@pytest.mark.parametrize(
    ("make", "last", "y"),
    [pytest.param(*way, marks=rarer(way[0](), losses)) for ways in LOSSES.values() for way in ways],
)
def test_every_loss_trains(make, last, y):
    options = {"sample_weight": np.linspace(0, 2, 10)} if last is None else {}
    steep = isinstance(make(), losses.MeanAbsolutePercentageError)  # of targets near 0
    rate = 1e-5 if steep else 0.05
    as_numpy(lambda: small(make(), last, optimizers.SGD(rate)), X, y, **options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param(k, options, marks=rarer(k, optimizers))
        for k, own in OWN.items()
        for options in [*own, {}]
    ],
)
def test_every_optimizer_trains(kind, options):
    if kind is optimizers.Rprop:
        pytest.skip("it goes by signs, and those of gradients near 0 are rounding")
    as_numpy(lambda: small("mse", None, kind(**{"learning_rate": 0.01, **options})), X, NUMBERS)


@pytest.mark.parametrize("options", OPTIONS[1:])
def test_every_option_of_optimizers_trains(options):
    settings = {"learning_rate": 0.01, **options}
    as_numpy(lambda: small("mse", None, optimizers.Adam(**settings)), X, NUMBERS)


@pytest.mark.parametrize(
    ("metric", "task"),
    [
        pytest.param(m, t, marks=pytest.mark.slow if n % 4 else ())  # they are primitives
        for n, (m, t) in enumerate(METRICS)
    ],
)
def test_every_metric_is_measured_while_training(metric, task):
    loss, last, units, y = task

    def make():
        watched = metric if isinstance(metric, str) else metric()
        return small(loss, last, optimizers.SGD(0.1), [watched], units)

    model, other = as_numpy(make, X, y)
    (watched,), (expected,) = model.trainer.metrics, other.trainer.metrics
    assert np.allclose(watched.result(), expected.result(), 1e-5, equal_nan=True)
