"""Save, load, train on: the same bits as training that was never interrupted. For every part."""

import numpy as np
import pytest

import axon
from axon import optimizers
from axon.layers import BatchNormalization, Dense, Dropout, Layer
from axon.losses import Loss
from axon.metrics import MeanMetric
from axon.models import Model, Sequential
from axon.optimizers import Adam, Optimizer, schedules
from tests.samples.layers import SAMPLES as LAYERS
from tests.samples.layers import TEXTS, around, ids
from tests.samples.losses import LOSSES, X
from tests.samples.metrics import METRICS, distance
from tests.samples.optimizers import OPTIONS, OWN, SCHEDULES
from tests.samples.regularizers import COSTS, RULES

random = np.random.default_rng(0)
Y = random.normal(size=(11, 2)).astype("float32")


def same_tree(a, b):
    if isinstance(a, dict):
        return list(a) == list(b) and all(same_tree(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same_tree, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)
    return a == b


def state_of(model):
    return {"model": model.state_dict(), "optimizer": model.optimizer.state_dict()}


def goes_on(model, x, y, tmp_path, custom=None, epochs=1, **options):
    """Train, save, train on; the loaded model does the same from there. Returns both."""
    options = {"batch_size": 4, "shuffle": False, "verbose": 0, **options}
    model.fit(x, y, **options)
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon", custom)
    assert same_tree(state_of(loaded), state_of(model))
    histories = [m.fit(x, y, epochs=epochs, **options).history for m in (model, loaded)]
    assert same_tree(state_of(loaded), state_of(model))
    assert histories[0] == histories[1] or repr(histories[0]) == repr(histories[1])
    seen = [np.array(m.evaluate(x, y)) for m in (model, loaded)]
    assert np.array_equal(*seen, equal_nan=True)
    return model, loaded


# ------------------------------------------------------------------------------------ every part


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_every_layer_goes_on(layer, tmp_path):
    x = random.normal(size=(11, *layer[1])).astype("float32")
    model, loaded = goes_on(around(layer, False), x, Y, tmp_path)
    assert loaded.describe() == model.describe()


@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS)
def test_every_layer_on_whole_numbers_goes_on(make, tmp_path):
    model = Sequential(make())
    model.compile("mse", optimizers.SGD(0.01, momentum=0.9))
    goes_on(model, ids(9, 11, 5), Y, tmp_path)


def small(optimizer="sgd", loss="mse", last=None, watched=(), units=3, **options):
    model = Sequential([Dense(4, "tanh", **options), Dropout(0.3), Dense(units, last)])
    model.compile(loss, optimizer, watched)
    return model


def settings_of(kind):
    """Every setting of an optimizer that it can have, one at a time."""
    for options in [*OPTIONS, *OWN.get(kind, ())]:
        yield kind, options


@pytest.mark.parametrize(
    ("kind", "options"), [s for kind in optimizers.OPTIMIZERS.values() for s in settings_of(kind)]
)
def test_every_optimizer_goes_on(kind, options, tmp_path):
    """11 samples in batches of 4, three steps: gradients are waiting when the file is written."""
    y = random.normal(size=(11, 3)).astype("float32")
    _, loaded = goes_on(small(kind(**options)), X, y, tmp_path, epochs=2)
    assert type(loaded.optimizer) is kind


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
def test_every_schedule_goes_on_at_its_place(schedule, tmp_path):
    y = random.normal(size=(11, 3)).astype("float32")
    model, loaded = goes_on(small(optimizers.SGD(schedule)), X, y, tmp_path, epochs=2)
    assert type(loaded.optimizer.schedule) is type(schedule)
    assert loaded.optimizer.learning_rate == model.optimizer.learning_rate == schedule(9)


@pytest.mark.parametrize(("make", "last", "y"), [way for ways in LOSSES.values() for way in ways])
def test_every_loss_goes_on(make, last, y, tmp_path):
    model, loaded = goes_on(small(loss=make(), last=last), X, y, tmp_path)
    assert loaded.loss.describe() == model.loss.describe()


@pytest.mark.parametrize("rule", [*COSTS, *RULES])
def test_every_regularizer_and_constraint_goes_on(rule, tmp_path):
    kind = "regularizer" if rule in COSTS else "constraint"
    part = COSTS[rule][0] if rule in COSTS else RULES[rule]
    model = small(**{f"kernel_{kind}": part, f"bias_{kind}": rule})
    _, loaded = goes_on(model, X, random.normal(size=(11, 3)), tmp_path)
    weights = loaded.layers[0].weights
    assert getattr(weights, kind).describe() == part.describe()


@pytest.mark.parametrize(("metric", "task"), METRICS)
def test_every_metric_goes_on(metric, task, tmp_path):
    loss, last, units, y = task
    watched = metric if isinstance(metric, str) else metric()
    model = small("adam", loss, last, [watched], units)
    custom = {"distance": distance} if metric is METRICS[-1][0] else None
    _, loaded = goes_on(model, X, y, tmp_path, custom=custom)
    assert loaded.trainer.metrics[0].describe() == model.trainer.metrics[0].describe()


# ------------------------------------------------------------------------------------ own parts


class Scale(Layer):
    """A layer with a parameter and an argument."""

    def __init__(self, start, **options):
        super().__init__(**options)
        self.start = start

    def create(self, input_shape):
        self.factor = self.parameter("factor", self.begin, input_shape[-1:])

    def begin(self, shape, dtype):
        return np.full(shape, self.start, dtype)

    def call(self, x):
        return x * self.factor


class Branching(Model):
    """Two inputs, a layer used twice, one by two names, lists of layers, a model inside."""

    def __init__(self, size, activation="tanh", extra=None):
        super().__init__()
        self.size, self.extra = size, extra
        self.first = Dense(size, activation=activation)
        self.alias = self.first
        self.blocks = [Sequential([Dense(size), BatchNormalization()]), Dropout(0.3)]
        self.heads = {"a": Dense(2), "b": Scale(0.5)}

    def forward(self, a, b):
        a = self.first(a) + self.alias(b)
        for block in self.blocks:
            a = block(a)
        return self.heads["b"](self.heads["a"](a))


class Distance(Loss):
    """A loss with an argument."""

    name = "distance"

    def __init__(self, power=2):
        self.power = power

    def per_sample(self, y_true, y_pred):
        return (abs(y_true - y_pred) ** self.power).mean(axis=-1)


class Near(MeanMetric):
    """A metric with an argument."""

    def __init__(self, limit, name="near"):
        super().__init__(name)
        self.limit = limit

    def per_sample(self, y_true, y_pred):
        return (abs(y_true - y_pred) < self.limit).astype("float64").mean(axis=-1)


class Alternating(Optimizer):
    """An optimizer with state and a number of its own."""

    settings = ("factor",)
    state_names = ("sum",)
    number_begins = {"sign": 1.0}  # noqa: RUF012

    def __init__(self, learning_rate=0.01, factor=0.9, **options):
        super().__init__(learning_rate, **options)
        self.factor = factor

    def count(self):
        self.numbers["sign"].assign(self.numbers["sign"] * -1.0)

    def per_step(self, dtype):
        return (*super().per_step(dtype), self.numbers["sign"].astype(dtype))

    def rule(self, values, gradients, *rest):
        total, rate, sign = rest
        total.assign(total * self.factor + gradients)
        values.assign(values - total * rate * (1.0 + 0.1 * sign))


class Halving(schedules.LearningRateSchedule):
    """A schedule with an argument."""

    def __init__(self, every):
        self.every = every

    def __call__(self, step):
        return 0.1 / 2 ** (step // self.every)


def squared(y_true, y_pred):
    return (y_true - y_pred) ** 2


def slower(step):
    return 0.1 / (1 + step)


OWN_PARTS = {f.__name__: f for f in (Scale, Branching, Distance, Near, Alternating, Halving)}
OWN_PARTS |= {f.__name__: f for f in (squared, slower)}
TWO = X[:, :3], X[:, 2:]


@pytest.mark.parametrize(
    "compiled",
    [
        lambda: (Distance(3), Alternating(), [Near(0.5), Near(0.9, name="nearer"), squared]),
        lambda: (squared, Adam(Halving(2), use_ema=True), ["mae", squared]),
        lambda: ("mse", optimizers.SGD(slower, momentum=0.9), None),
    ],
)
def test_parts_of_ones_own_go_on(compiled, tmp_path):
    axon.set_random_seed(3)
    model = Branching(4, activation="sigmoid", extra={"a": [1, None]})
    model.compile(*compiled())
    _, loaded = goes_on(model, TWO, Y, tmp_path, custom=OWN_PARTS)
    assert loaded.first is loaded.alias
    assert loaded.extra == {"a": [1, None]}
    assert loaded.heads["b"].start == 0.5


def test_a_shared_parameter_is_saved_once_by_its_first_path(tmp_path):
    model = Branching(4)
    model.build((3,), (3,))
    state = model.state_dict()
    assert "first/weights" in state
    assert not [name for name in state if name.startswith("alias")]
    by_alias = {name.replace("first", "alias"): array for name, array in state.items()}
    other = Branching(4)
    other.build((3,), (3,))
    assert not any(other.load_state_dict(by_alias))
    assert same_tree(other.state_dict(), state)


def test_a_layer_that_stands_twice_goes_on(tmp_path):
    twice = Dense(5, "tanh")
    model = Sequential([twice, Dense(5), twice])
    model.compile("mse", "adam")
    _, loaded = goes_on(model, X, X, tmp_path)
    assert loaded.layers[0] is loaded.layers[2]


def test_float64_and_both_types_in_one_model_go_on(tmp_path):
    for second in ("float64", "float32"):
        model = Sequential([Dense(4, "tanh", dtype="float64"), Dense(2, dtype=second)])
        model.compile("mse", Adam(use_ema=True, clipnorm=0.5, gradient_accumulation_steps=2))
        model, loaded = goes_on(model, X, Y, tmp_path)
        assert [p.dtype for p in loaded.parameters()] == [p.dtype for p in model.parameters()]
        assert len(loaded.optimizer.groups) == (1 if second == "float64" else 2)


def test_what_is_frozen_stays_frozen_and_what_is_not_does_not(tmp_path):
    axon.set_random_seed(3)
    model = Branching(4)
    model.build((3,), (3,))
    model.trainable = False
    model.heads["a"].trainable = True
    model.blocks[0].layers[1].trainable = True
    model.blocks[0].layers[1].beta.requires_grad = False
    model.compile("mse", Adam(0.01))
    model, loaded = goes_on(model, TWO, Y, tmp_path, custom=OWN_PARTS)
    flags = [[m.trainable for m in net.modules()] for net in (model, loaded)]
    assert flags[0] == flags[1]
    assert True in flags[0]
    assert False in flags[0]
    wants = [[p.requires_grad for p in net.parameters()] for net in (model, loaded)]
    assert wants[0] == wants[1]
    assert sum(wants[0]) == 3


def test_a_learning_rate_set_by_hand_and_a_released_schedule_go_on(tmp_path):
    y = random.normal(size=(11, 3)).astype("float32")
    model = small(Adam(0.01))
    model.fit(X, y, 4, verbose=0)
    model.optimizer.learning_rate = 0.005
    _, loaded = goes_on(model, X, y, tmp_path)
    assert loaded.optimizer.learning_rate == 0.005
    model = small(Adam(schedules.CosineDecay(0.01, 20)))
    model.fit(X, y, 4, verbose=0)
    model.optimizer.schedule = None
    _, loaded = goes_on(model, X, y, tmp_path)
    assert loaded.optimizer.learning_rate == model.optimizer.learning_rate < 0.01


def test_in_the_middle_of_fit_averages_are_kept(tmp_path):
    """A checkpoint is written while averages are newer than the weights."""
    y = random.normal(size=(12, 3)).astype("float32")
    checkpoint = axon.callbacks.ModelCheckpoint(tmp_path / "{epoch}.axon")
    model = small(Adam(0.01, use_ema=True, ema_momentum=0.5))
    model.fit(X[:8], y[:8], 4, epochs=2, verbose=0, shuffle=False, callbacks=[checkpoint])
    loaded = axon.load_model(tmp_path / "1.axon")
    assert loaded.optimizer._averaging
    loaded.fit(X[:8], y[:8], 4, epochs=1, verbose=0, shuffle=False)
    assert same_tree(state_of(loaded), state_of(model))


def test_a_copy_of_a_copy_is_the_same_file(tmp_path):
    model, _ = goes_on(small("adam"), X, random.normal(size=(11, 3)), tmp_path)
    model.save(tmp_path / "a.axon")
    axon.load_model(tmp_path / "a.axon").save(tmp_path / "b.axon")
    assert (tmp_path / "a.axon").read_bytes() == (tmp_path / "b.axon").read_bytes()
