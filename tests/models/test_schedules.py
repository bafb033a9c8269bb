"""Schedules inside epochs that compiled kernels run: the same bits as step by step."""

import pickle
from copy import deepcopy

import numpy as np
import pytest

import axon
from axon import Tensor
from axon.callbacks import LambdaCallback
from axon.layers import (
    Dense,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling1D,
    Reshape,
    SpatialDropout1D,
    TransformerBlock,
)
from axon.layers.noise import Noise
from axon.models import Model, Sequential
from axon.models.loading import ModelFileError
from axon.ops import keep_mask
from axon.optimizers import OPTIMIZERS, SGD, Adam, AdamW, Muon, RMSprop
from axon.optimizers.schedules import CosineDecay, OneCycle, PolynomialDecay
from axon.parameter import Parameter
from axon.program.changing import Coming
from tests.samples.optimizers import SCHEDULES

random = np.random.default_rng(0)
X = random.normal(size=(512, 8)).astype("float32")
Y = random.integers(0, 3, 512)
NEEDED = {"fast": "numba", "jax": "jax"}


def fitted(optimizer, kernels, one_by_one=False, epochs=2, eager=False, between=()):
    if kernels in NEEDED:
        pytest.importorskip(NEEDED[kernels])
    axon.set_random_seed(0)
    model = Sequential([Dense(8, 6, "relu"), *between, Dense(6, 3, "softmax")])
    model.compile("categorical_cross_entropy", optimizer, eager=eager)
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
    coming = Coming((np.array(0.5), np.array(2.0)), lambda step: [1 / (3 - step), step])
    assert coming.values(0, 9) == [[0.5, 2.0], [0.5, 1], [1.0, 2]]
    assert not coming.set(3)
    assert coming.arrays == (0.5, 2.0)
    assert coming.set(2)
    assert coming.arrays == (1.0, 2.0)


# ------------------------------------------------------------------------------------ other rates

RISING = PolynomialDecay(0.1, 100, 0.5)
FALLING = CosineDecay(0.6, 120, alpha=0.1)
RATES = {
    "dropout": (Dropout, FALLING),
    "channels": (lambda rate: SpatialDropout1D(rate), FALLING),
    "noise": (GaussianNoise, FALLING),
    "multiplied noise": (GaussianDropout, RISING),
}
OTHERS = {
    "decay": lambda: SGD(0.01, weight_decay=FALLING),
    "adamw": lambda: AdamW(CosineDecay(0.001, 90), weight_decay=RISING),
    "momentum": lambda: SGD(CosineDecay(0.01, 90), momentum=FALLING),
    "nesterov": lambda: SGD(0.01, momentum=FALLING, nesterov=True, weight_decay=RISING),
    "rmsprop": lambda: RMSprop(0.01, momentum=RISING, centered=True),
    "muon": lambda: Muon(0.01, momentum=FALLING),
}


@pytest.mark.parametrize("name", OTHERS)
def test_decay_and_momentum_follow_schedules(name):
    """By compiled kernels, several steps in one go, as one by one; and near NumPy's."""
    one, several, plain = (
        fitted(OTHERS[name](), kernels, way)
        for kernels, way in (("fast", True), ("fast", False), ("numpy", False))
    )
    demand_same_bits(one, several)
    eager = fitted(OTHERS[name](), "numpy", eager=True)
    demand_same_bits(plain, eager)
    for a, b in zip(several.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("name", RATES)
def test_layers_follow_schedules(name):
    make, schedule = RATES[name]
    between = [make(schedule)]
    if name == "channels":
        between = [Reshape((2, 3)), *between, Flatten()]
    one, several, plain = (
        fitted(SGD(0.1), kernels, way, between=deepcopy(between))
        for kernels, way in (("fast", True), ("fast", False), ("numpy", False))
    )
    demand_same_bits(one, several)
    demand_same_bits(plain, fitted(SGD(0.1), "numpy", eager=True, between=deepcopy(between)))
    layer = next(x for x in several.layers if isinstance(x, Noise))
    assert getattr(layer, layer.strength) == pytest.approx(schedule(128))
    for layer in between:
        if isinstance(layer, Noise):
            setattr(layer, layer.strength, schedule(0))
    constant = fitted(SGD(0.1), "numpy", between=between)
    assert not np.array_equal(constant.get_weights()[0], plain.get_weights()[0])
    assert np.abs(several.get_weights()[0] - plain.get_weights()[0]).max() < 1e-5


def test_all_kinds_at_once_by_xla():
    def run(one_by_one, kernels="jax"):
        optimizer = SGD(CosineDecay(0.1, 90), momentum=FALLING, weight_decay=RISING)
        return fitted(optimizer, kernels, one_by_one, between=[Dropout(FALLING)])

    one, several, plain = run(True), run(False), run(False, "numpy")
    demand_same_bits(one, several)
    np.testing.assert_allclose(several.get_weights()[0], plain.get_weights()[0], atol=1e-4)


def test_a_mask_that_follows_is_that_of_its_rate():
    """A share that is left out in each step, told by what comes out of a layer that sees ones."""

    class Share(Model):
        def __init__(self):
            super().__init__()
            self.drop, self.factor = Dropout(lambda step: (step % 4) / 8), Parameter([0.0])

        def forward(self, x):
            return self.drop(x).mean(axis=1, keepdims=True) * 0 + self.factor

    model, seen = Share(), []
    model.compile("mse", SGD(0.1))
    told = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(model.drop.rate))
    model.fit(np.ones((8, 4), "f4"), np.ones((8, 1), "f4"), batch_size=1, verbose=0, callbacks=told)
    assert seen == [(step % 4) / 8 for step in range(1, 9)]


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.9])
def test_a_schedule_draws_the_mask_that_the_number_draws(rate):
    x = np.ones((40, 50), "f4")
    followed = Dropout(lambda step: rate, seed=3)
    followed.follow(7)
    expected = keep_mask(Tensor(np.array([3, 0], "u4")), shape=x.shape, dtype=x.dtype, rate=rate)
    np.testing.assert_array_equal(followed(x, training=True), expected.numpy())


def test_momentum_and_decay_are_those_of_the_formula():
    w, v = np.array([1.0, -2.0]), np.zeros(2)
    p = Parameter(w.copy())
    momentum, decay = (lambda step: 0.5 + step / 10), (lambda step: 0.1 * (step + 1))
    optimizer = SGD(0.5, momentum=momentum, weight_decay=decay)
    optimizer.build([p])
    for step in range(4):
        w -= 0.5 * decay(step) * w
        v = momentum(step) * v + 3.0
        w -= 0.5 * v
        p.grad = Tensor(np.full(2, 3.0))
        optimizer.step()
    np.testing.assert_allclose(p.numpy(), w, rtol=1e-12)


def test_setting_a_rate_records_nothing(monkeypatch):
    from axon.program import step

    calls = []
    monkeypatch.setattr(step, "trace", lambda *a, trace=step.trace: calls.append(1) or trace(*a))
    model = fitted(SGD(0.1), "numpy", between=[Dropout(0.5, seed=1)], epochs=1)
    recorded, layer = len(calls), model.layers[1]
    found, begun = [], model.get_weights()
    for rate in (0.5, 0.1, CosineDecay(0.5, 100), 0.3):
        layer.rate = rate
        model.set_weights(begun)
        found.append(model.train_on_batch(X[:8], Y[:8]))
    assert len(calls) == recorded
    assert len(set(found)) == 4
    layer.rate = 0.0  # then nothing is drawn, which is another program
    model.train_on_batch(X[:8], Y[:8])
    assert len(calls) > recorded
    assert "rate=0.0" in repr(layer)


def test_a_rate_that_is_set_is_at_work_at_once():
    """What follows is what a layer with that rate does, whatever was recorded before."""
    drawn = []
    for rates in ((0.5, 0.2), (0.2, 0.2)):
        layer = Dropout(rates[0], seed=1)
        model = Sequential([Dense(4, 4), layer, Dense(4, 2)])
        model.compile("mse", SGD(0.0 + 1e-9))
        for _ in range(3):
            model.train_on_batch(np.ones((8, 4)), np.ones((8, 2)))
        layer.rate = rates[1]
        layer.seed_state = np.array([1, 0], "u4")
        model.set_weights([np.ones_like(w) for w in model.get_weights()[:-1]] + [[1, 0]])
        drawn.append(model.train_on_batch(np.ones((8, 4)), np.ones((8, 2))))
    assert drawn[0] == drawn[1]


def test_a_loop_of_ones_own_says_how_far_it_is():
    layer, x = Dropout(lambda step: step / 10), np.ones((1000, 10), "f4")
    with pytest.raises(RuntimeError, match=r"its rate follows .*layer\.follow\(step\)"):
        layer(x, training=True)
    np.testing.assert_array_equal(layer(x), x)
    for step in (2, 5):
        layer.follow(step)
        assert abs((layer(x, training=True) == 0).mean() - step / 10) < 0.03
    with pytest.raises(ValueError, match="Dropout at step 10: rate must be at least 0 and less"):
        layer.follow(10)
    assert layer.rate == 0.5


@pytest.mark.parametrize("kernels", ["fast", "numpy"])
def test_a_rate_that_leaves_its_range_stops_behind_the_step_before(kernels):
    for make in (lambda f: (Adam(0.01), [Dropout(f)]), lambda f: (SGD(0.01, f), [])):
        optimizer, between = make(lambda step: 0.5 if step < 37 else 1.5)
        with pytest.raises(ValueError, match=r"at step 37: \w+ must be at least 0 and less than 1"):
            fitted(optimizer, kernels, between=between)
        assert optimizer.iterations.numpy() == 37


def halved(step):
    return 0.5 / (1 + step // 10)


def test_a_file_keeps_schedules_and_goes_on_in_their_middle(tmp_path):
    def made():
        optimizer = SGD(0.1, momentum=FALLING, weight_decay=halved)
        return fitted(optimizer, "numpy", between=[Dropout(RISING), GaussianNoise(halved)])

    model = made()
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon", custom_objects={"halved": halved})
    assert [x.config() for x in loaded.layers] == [x.config() for x in model.layers]
    assert loaded.optimizer.config() == model.optimizer.config()
    for one in (model, loaded):
        axon.set_random_seed(5)
        one.fit(X, Y, batch_size=64, verbose=0)
    demand_same_bits(model, loaded)
    assert loaded.layers[1].rate == RISING(136)
    with pytest.raises(ModelFileError, match="halved"):
        axon.load_model(tmp_path / "net.axon")


def test_copies_go_on_where_they_are():
    model = fitted(SGD(0.1, momentum=FALLING), "numpy", between=[Dropout(RISING)])
    copies = [deepcopy(model), pickle.loads(pickle.dumps(model))]
    for one in (model, *copies):
        axon.set_random_seed(5)
        one.fit(X, Y, batch_size=64, verbose=0)
    for one in copies:
        demand_same_bits(model, one)


def test_a_layer_that_was_pickled_before_rates_could_change():
    layer = Dropout(0.3, seed=1)
    state = {key: value for key, value in vars(deepcopy(layer)).items() if key != "_rate"}
    old = Dropout.__new__(Dropout)
    old.__setstate__({**state, "rate": 0.3})
    assert old.rate == 0.3
    x = np.ones((3, 4), "f4")
    np.testing.assert_array_equal(old(x, training=True), layer(x, training=True))


def test_parts_hand_a_schedule_on():
    block = TransformerBlock(2, 8, dropout=FALLING)
    model = Sequential([block, GlobalAveragePooling1D(), Dense(2, "softmax")])
    model.compile("categorical_cross_entropy", SGD(0.1))
    model.fit(random.normal(size=(16, 3, 4)), np.arange(16) % 2, batch_size=4, verbose=0)
    rates = [m.rate for m in model.modules() if isinstance(m, Dropout)]
    assert rates == [FALLING(4)] * 3
    block.dropout = 0.25
    assert [m.rate for m in model.modules() if isinstance(m, Dropout)] == [0.25] * 3


def test_what_is_no_schedule_is_refused():
    for wrong in ("high", None, Dense):
        with pytest.raises(TypeError, match="Dropout: rate must be a number or a schedule"):
            Dropout(wrong)
    with pytest.raises(ValueError, match="SGD at step 0: momentum must be at least 0 and less"):
        SGD(0.1, momentum=lambda step: 1.0)
    with pytest.raises(ValueError, match="Adam at step 0: weight_decay must be a number of at"):
        Adam(weight_decay=lambda step: -1.0)
    with pytest.raises(ValueError, match="Adam: weight_decay must be a number of at least 0"):
        Adam(weight_decay="much")


# ------------------------------------------------------------------------------------ multipliers

FACTORS = {"multipliers": {"bias": 0.1, "dense_1/*": 3.0}, "decay_multipliers": {"bias": 0.0}}
MANY = {
    "sgd": lambda: SGD(CosineDecay(0.05, 120), weight_decay=RISING, **FACTORS),
    "momentum": lambda: SGD(0.01, momentum=FALLING, **FACTORS),
    "adamw": lambda: AdamW(CosineDecay(0.003, 120), weight_decay=RISING, **FACTORS),
}


@pytest.mark.parametrize("kernels", ["fast", "jax"])
@pytest.mark.parametrize("name", MANY)
def test_multipliers_by_compiled_kernels(name, kernels):
    if kernels == "jax" and name != "adamw":
        pytest.skip("one is enough for XLA, which takes long to compile")
    one, several = (fitted(MANY[name](), kernels, way) for way in (True, False))
    demand_same_bits(one, several)
    plain, without = (fitted(make(), "numpy") for make in (MANY[name], lambda: SGD(0.01)))
    for a, b, c in zip(*(m.get_weights() for m in (several, plain, without)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)
        assert np.abs(b - c).max() > 1e-3


@pytest.mark.parametrize("name", MANY)
def test_shards_keep_rates_multipliers_and_schedules(name):
    """As plain fits to rounding; Dropout draws by shard, so its rate is looked at alone."""

    def run(shards, between=()):
        axon.set_random_seed(0)
        model = Sequential([Dense(8, 6, "relu"), *between, Dense(6, 3, "softmax")])
        model.compile("categorical_cross_entropy", MANY[name]())
        model.fit(X, Y, batch_size=30, epochs=2, verbose=0, shards=shards)
        return model

    plain, cut, again = run(None), run(4), run(4)
    demand_same_bits(cut, again)
    assert cut.optimizer.learning_rate == plain.optimizer.learning_rate
    for a, b in zip(cut.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    dropping, same = (run(4, [Dropout(RISING, seed=1)]) for _ in range(2))
    demand_same_bits(dropping, same)
    assert dropping.layers[1].rate == RISING(36)


def test_names_of_models_in_models():
    inner = Sequential([Dense(4, "tanh"), Dense(4)], name="inner")
    model = Sequential([inner, Dense(1)], name="outer")
    model.build((3,))
    names = list(model.named_parameters())
    factors = {"inner/*": 0.0, "inner/dense_1/bias": 1.0}
    model.compile("mse", SGD(0.1, multipliers=factors))
    before = {name: p.numpy().copy() for name, p in model.named_parameters().items()}
    model.fit(X[:, :3], X[:, :1], verbose=0)
    moved = [n for n in names if not np.array_equal(before[n], model.named_parameters()[n].numpy())]
    assert moved == ["inner/dense_1/bias", "dense/weights", "dense/bias"]
    model.compile("mse", SGD(0.1, multipliers={"iner/*": 0.5}))
    with pytest.raises(ValueError, match=r"no parameter fits 'iner/\*'.*inner/dense/weights"):
        model.fit(X[:, :3], X[:, :1], verbose=0)
