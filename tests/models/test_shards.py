"""``fit(shards=...)`` learns what plain ``fit`` learns, and the same bits each time."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest

import axon
from axon import constraints, losses, metrics, optimizers, regularizers
from axon.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
)
from axon.core import Tensor
from axon.layers import LSTM, BatchNormalization, Dense, Dropout, Layer, Masking
from axon.layers.noise import Noise
from axon.metrics import Accumulator, MeanMetric, Metric
from axon.models import Sequential
from axon.models.agreement import demand_alike
from axon.models.shards import cut
from axon.modes import Mode
from axon.ops import add_in_place, maximum
from axon.program.cost import nanoseconds
from axon.program.trace import Instruction
from axon.ranks import all_reduce
from tests.samples.layers import SAMPLES, TEXTS, around, ids
from tests.samples.losses import LABELS, LOSSES, NUMBERS, X
from tests.samples.metrics import METRICS
from tests.samples.optimizers import OPTIONS, OWN

random = np.random.default_rng(0)
BY_SHARD = BatchNormalization, Noise  # what they do depends on how a batch is cut


def small(loss="mse", optimizer="sgd", watched=(), last=None, units=3, eager=False, **options):
    model = Sequential([Dense(6, "tanh", **options), Dense(units, last)])
    model.compile(loss, optimizer, watched, eager)
    return model


def trained(make, x, y, shards, batch_size=5, epochs=2, **options):
    """A model, and what was measured."""
    axon.set_random_seed(3)
    model = make()
    history = model.fit(x, y, batch_size, epochs, verbose=0, shards=shards, **options).history
    return model, history


def by_shard(model):
    return any(isinstance(module, BY_SHARD) for module in model.modules())


def bits(model):
    return [w.tobytes() for w in (*model.get_weights(), *model.optimizer.state().values())]


def as_plain(make, x, y, shards=4, rtol=2e-4, twice=False, **options):
    """As plain ``fit`` to rounding; if asked, the same bits once more."""
    plain, history = trained(make, x, y, None, **options)
    model, found = trained(make, x, y, shards, **options)
    assert list(found) == list(history)
    for name, values in history.items():
        np.testing.assert_allclose(found[name], values, rtol=rtol, atol=1e-5, err_msg=name)
    for a, b in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=2e-5)
    if twice:
        again, same = trained(make, x, y, shards, **options)
        assert bits(model) == bits(again)
        assert repr(found) == repr(same)
    return model, plain


# ------------------------------------------------------------------------------------ all parts


@pytest.mark.parametrize("layer", SAMPLES.values(), ids=SAMPLES)
def test_every_layer(layer):
    x = random.normal(size=(11, *layer[1])).astype("float32")
    y = random.normal(size=(11, 2)).astype("float32")
    if not by_shard(around(layer, False)):
        as_plain(lambda: around(layer, False), x, y)
        return
    runs = [trained(lambda e=e: around(layer, e), x, y, 2, 6) for e in (False, False, True)]
    assert bits(runs[0][0]) == bits(runs[1][0]) == bits(runs[2][0])
    assert np.isfinite(runs[0][1]["loss"]).all()


@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("weighted", [False, True])
def test_every_layer_on_whole_numbers(make, weighted):
    def network():
        model = Sequential(make())
        model.compile("mse", optimizers.SGD(0.01, momentum=0.9), ["mae"])
        return model

    x, y = ids(9, 11, 5), random.normal(size=(11, 2)).astype("float32")
    x[3] = 0  # a sample without a single real step
    if not by_shard(network()):
        as_plain(network, x, y, sample_weight=np.linspace(0, 2, 11) if weighted else None)


@pytest.mark.parametrize(("make", "last", "y"), [way for ways in LOSSES.values() for way in ways])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_loss(make, last, y, weighted):
    options = {"sample_weight": np.linspace(0, 2, 11)} if weighted else {}
    as_plain(lambda: small(make(), optimizers.SGD(0.05), last=last), X, y, twice=True, **options)


@pytest.mark.parametrize(
    "kind",
    [pytest.param(k, marks=pytest.mark.slow if k is optimizers.LBFGS else ()) for k in OWN],
    ids=[kind.__name__ for kind in OWN],
)
def test_every_optimizer(kind):
    for options in (*OPTIONS, *OWN[kind]):
        as_plain(
            lambda o=options: small(optimizer=kind(**{"learning_rate": 1e-3, **o})), X, NUMBERS
        )


@pytest.mark.parametrize(("metric", "task"), METRICS)
def test_every_metric(metric, task):
    loss, last, units, y = task
    made = metric if isinstance(metric, str) else metric()
    names = [made]
    if not isinstance(metric, str) and not made.scalar:
        whole = []
        for shards in (None, 4):
            measured = metric()
            trained(lambda m=measured: small(loss, "sgd", [m], last, units), X, y, shards)
            whole.append(measured.result())
        assert np.array_equal(*whole)
        return
    held_out = (X[:7], y[:7])
    as_plain(
        lambda: small(loss, "sgd", copy.deepcopy(names), last, units),
        X,
        y,
        validation_data=held_out,
        validation_batch_size=2,
    )


# ------------------------------------------------------------------------------------ what is cut


@pytest.mark.parametrize(("size", "shards"), [(10, 4), (3, 8), (64, 8), (1, 2), (7, 1)])
def test_a_batch_is_cut_as_numpy_cuts(size, shards):
    ends = cut(size, shards)
    wanted = [len(part) for part in np.array_split(np.arange(size), shards)]
    assert [b - a for a, b in pairwise(ends)] == wanted


@pytest.mark.parametrize("shards", [1, 2, 8, 16])
def test_batches_may_be_smaller_than_shards(shards):
    as_plain(small, X, NUMBERS, shards)  # batches of 5, and one of a single sample


def test_regularizers_constraints_and_frozen_layers():
    def make():
        model = Sequential(
            [
                Dense(6, "tanh", kernel_regularizer=regularizers.L2(0.1)),
                Dense(6, "tanh", trainable=False),
                Dense(4, "tanh", dtype="float64"),
                Dense(3, kernel_constraint=constraints.MaxNorm(0.5), bias_regularizer="l1"),
            ]
        )
        model.compile("mse", optimizers.Adam(0.05, clipnorm=0.5), ["mae"])
        return model

    model, _ = as_plain(make, X, NUMBERS, twice=True)
    assert len(model.optimizer.groups) == 2  # float32 and float64
    assert np.linalg.norm(model.layers[-1].weights.numpy(), axis=0).max() <= 0.5 + 1e-6


def test_a_batch_without_a_real_step_costs_what_regularizers_cost():
    def make():
        model = Sequential(
            [Masking(), LSTM(3, recurrent_regularizer=regularizers.L2(0.1)), Dense(2)]
        )
        model.compile(losses.CategoricalCrossEntropy(from_logits=True, ignore_index=-1), "sgd")
        return model

    y = np.array([-1] * 5 + [0, 1, -1, 1, 0])
    as_plain(make, random.normal(size=(10, 4, 3)).astype("f4"), y, shuffle=False)


def test_layers_that_thaw_and_freeze_while_training():
    class Thaw(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.layers[0].trainable = epoch % 2 == 1

    as_plain(small, X, NUMBERS, epochs=4, callbacks=[Thaw()])


def test_class_weights_and_iterables():
    task = {"loss": "categorical_cross_entropy", "last": "softmax", "watched": ["accuracy", "auc"]}
    as_plain(lambda: small(**task), X, LABELS, class_weight={0: 1.0, 1: 2.0, 2: 0.5})
    batches = [(X[:6], LABELS[:6]), (X[6:], LABELS[6:])]
    as_plain(lambda: small(**task), batches, None, validation_data=batches)


def test_a_reduction_of_the_users_own_is_applied_to_the_mean():
    def make():
        model = small()
        model.trainer.reduction = lambda gradients: [g.assign(g * 0.5) for g in gradients]
        return model

    as_plain(make, X, NUMBERS)


# ------------------------------------------------------------------------------------ by shard


def test_running_means_are_those_of_the_shards_averaged_by_samples():
    x = random.normal(2.0, 3.0, size=(5, 4)).astype("f4")
    model = Sequential([BatchNormalization(momentum=0.5), Dense(2)])
    model.compile("mse", "sgd")
    model.fit(x, np.zeros((5, 2)), batch_size=5, shuffle=False, verbose=0, shards=2)
    first, second = x[:3].astype("f8"), x[3:].astype("f8")
    wanted = [0.5 * (3 * f(first, axis=0) + 2 * f(second, axis=0)) / 5 for f in (np.mean, np.var)]
    layer = model.layers[0]
    np.testing.assert_allclose(layer.moving_mean.numpy(), wanted[0], rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.5 + wanted[1], rtol=1e-5)


def test_buffers_that_no_shard_changes_keep_their_bits():
    model = Sequential([BatchNormalization(trainable=False), Dense(2)])
    model.compile("mse", "sgd")
    model.build((4,))
    model.layers[0].moving_mean.data[...] = start = random.normal(size=4).astype("f4")
    model.fit(random.normal(size=(7, 4)), np.zeros((7, 2)), 7, 20, verbose=0, shards=4)
    assert np.array_equal(model.layers[0].moving_mean.numpy(), start)


class Seen(Layer):
    """Notes what comes by, in the middle of a step."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def accept(self, *shapes):
        pass

    def call(self, x):
        self.rows.append(x.data.copy())
        return x


def drawn(shards, epochs=2):
    """What Dropout leaves of ones, by step and shard."""
    axon.set_random_seed(7)
    model = Sequential([Dropout(0.5), Seen(), Dense(1)])
    model.compile("mse", "sgd", eager=True)
    model.fit(np.ones((8, 64)), np.zeros((8, 1)), 4, epochs, verbose=0, shards=shards)
    return model.layers[1].rows, model.layers[0].seed_state.numpy()


def test_random_layers_draw_by_step_and_shard():
    rows, key = drawn(4)
    rows = [row for row in rows if (row == 2).any()]
    assert len(rows) == 2 * 2 * 4
    assert len({row.tobytes() for row in rows}) == len(rows)
    _, plain = drawn(None)
    assert np.array_equal(key, plain)  # one draw for each step, however it was cut


def test_whole_numbers_must_come_out_of_shards_alike():
    class Counting(Layer):
        def create(self, *shapes):
            self.seen = axon.parameter.Buffer(np.zeros((), np.int64))

        def call(self, x):
            if self.training:
                add_in_place(self.seen, (x > 0.0).sum().astype(np.int64))
            return x

    model = Sequential([Counting(), Dense(1)])
    model.compile("mse", "sgd")
    x = np.array([[1.0], [-1.0], [1.0], [1.0]])
    with pytest.raises(ValueError, match="seen, whole numbers, came out of two shards"):
        model.fit(x, x, shuffle=False, verbose=0, shards=2)
    assert model.input_shape is None  # nothing has changed


# ------------------------------------------------------------------------------------ metrics


class Largest(Accumulator):
    """A metric of a user's own whose memory is no sum."""

    name = "largest"

    def __init__(self):
        super().__init__()
        self._most = metrics.base.zero()

    def _add_batch(self, y_true, y_pred, w):
        self._most.assign(maximum(self._most, y_pred.max().astype(np.float64)))

    def result(self):
        return float(self._most.data)


class Spread(Metric):
    """A metric of a user's own that keeps arrays."""

    name, recorded = "spread", False

    def __init__(self):
        super().__init__()
        self.rows = []

    def update(self, y_true, y_pred, sample_weight=None):
        self.rows.append(np.asarray(y_pred))

    def result(self):
        return float(np.std(np.concatenate(self.rows)))

    def reset(self):
        self.rows = []


class Confidence(MeanMetric):
    name = "confidence"

    def per_sample(self, y_true, y_pred):
        return y_pred.max(axis=-1)


def test_metrics_of_users_own():
    held_out = {"validation_data": (X, NUMBERS), "validation_batch_size": 3}
    as_plain(
        lambda: small("mse", "sgd", [Largest(), Spread(), Confidence()]), X, NUMBERS, **held_out
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_of_shards_are_merged_exactly(weighted):
    """Far from 0, where squares cancel; and where a shard saw nothing."""
    y, p = 1e6 + random.normal(size=(20, 2)), 1e6 + random.normal(size=(20, 2))
    w = np.r_[np.zeros(5), np.linspace(1, 2, 15)] if weighted else None
    whole, parts = metrics.R2Score(), []
    whole.update(y, p, w)
    for rows in np.array_split(np.arange(20), 4):
        part = metrics.R2Score()
        part.update(y[rows], p[rows], None if w is None else w[rows])
        parts.append(part.state_dict())
    merged = metrics.R2Score()
    merged.load_state_dict(merged.merge(parts))
    assert merged.result() == pytest.approx(whole.result(), rel=1e-9)


def test_batches_are_told_what_all_shards_have_seen():
    def logs(shards):
        seen = []
        told = LambdaCallback(
            on_train_batch_end=lambda batch, logs: seen.append((batch, *logs.values())),
            on_test_batch_end=lambda batch, logs: seen.append((batch, *logs.values())),
        )
        options = {"validation_data": (X, NUMBERS), "validation_batch_size": 2}
        trained(
            lambda: small(watched=["mae", "r2"]), X, NUMBERS, shards, callbacks=[told], **options
        )
        return seen

    np.testing.assert_allclose(logs(4), logs(None), rtol=1e-4)


def test_an_evaluation_in_the_middle_of_an_epoch_disturbs_nothing():
    def of_run(looks):
        found = []
        look = LambdaCallback(
            on_train_batch_begin=lambda batch, logs: found.append(
                model.evaluate(X, NUMBERS) if looks else None
            )
        )
        axon.set_random_seed(3)
        model = small(watched=["mae", "r2"])
        history = model.fit(X, NUMBERS, 5, 2, verbose=0, shards=4, callbacks=[look]).history
        return bits(model), history

    assert of_run(True) == of_run(False)


def test_steps_by_hand_in_the_middle_of_an_epoch_leave_gradients_alone():
    """They forget all gradients, also those that the update at hand is recorded for."""

    def of_run(eager):
        def by_hand(batch, logs):
            if batch == 2:
                model.train_on_batch(X, NUMBERS)

        axon.set_random_seed(3)
        model = small(optimizer=optimizers.SGD(0.1, gradient_accumulation_steps=6), eager=eager)
        told = [LambdaCallback(on_train_batch_begin=by_hand)]
        model.fit(X, NUMBERS, 2, 2, verbose=0, shards=2, callbacks=told)
        return bits(model)

    assert of_run(False) == of_run(True)


# ------------------------------------------------------------------------------------ going on


class Breaks(Callback):
    def __init__(self, at):
        self.at = at

    def on_train_batch_end(self, batch, logs=None):
        self.at -= 1
        if not self.at:
            raise KeyboardInterrupt


def of_all_kinds():
    axon.set_random_seed(5)
    model = Sequential([Dense(8, "tanh"), BatchNormalization(), Dropout(0.3), Dense(3, "softmax")])
    optimizer = optimizers.Adam(0.01, gradient_accumulation_steps=2, use_ema=True)
    watched = ["accuracy", "auc", Spread()]
    model.compile("categorical_cross_entropy", optimizer, watched)
    return model


@pytest.mark.parametrize("kernels", ["numpy", "fast"])
def test_a_run_that_was_broken_off_goes_on_to_the_same_bits(tmp_path, kernels):
    if kernels == "fast":
        pytest.importorskip("numba")
    x, y = random.normal(size=(40, 5)).astype("f4"), np.arange(40) % 3
    options = {"batch_size": 9, "epochs": 3, "verbose": 0, "shards": 4, "validation_split": 0.1}

    def run(*callbacks):
        model = of_all_kinds()
        with axon.program.lowerings.Kernels(kernels):
            try:
                history = model.fit(x, y, callbacks=callbacks, **options).history
            except KeyboardInterrupt:
                return None
        return bits(model), history

    whole = run()
    for at in (1, 2, 5, 7):
        folder = tmp_path / str(at)
        assert run(BackupAndRestore(folder, 1), Breaks(at)) is None
        assert run(BackupAndRestore(folder, 1)) == whole


def test_a_backup_of_other_shards_is_refused(tmp_path):
    for shards in (4, 2, None):
        model = small()
        if shards == 4:
            model.fit(X, NUMBERS, 5, verbose=0, shards=4, resume=tmp_path)
            continue
        now = "none" if shards is None else "2"
        with pytest.raises(ValueError, match=f"shards: 4 then, {now} now"):
            model.fit(X, NUMBERS, 5, verbose=0, shards=shards, resume=tmp_path)


def test_a_second_fit_replays_what_the_first_has_recorded():
    model = small()
    model.fit(X, NUMBERS, 5, 3, verbose=0, shards=4)
    update = model.program
    assert str(update).splitlines()[1].strip().startswith("%0 = all_reduce(")
    assert "shards=4" in str(update).splitlines()[1]
    model.fit(X, NUMBERS, 5, 3, verbose=0, shards=4)
    assert model.program is update
    model.fit(X, NUMBERS, 5, verbose=0)
    assert model.program.name == "train"
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        other.fit(X, NUMBERS, 5, verbose=0, shards=4)
        model.fit(X, NUMBERS, 5, verbose=0, shards=4)


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("shards", "error", "says"),
    [
        (6, ValueError, "power of two, so that sums over them make a tree, got 6. Choose 4 or 8"),
        (0, ValueError, "shards must be a whole number of at least 1, got 0"),
        (2.0, (TypeError, ValueError), "shards must be a whole number"),
        (True, (TypeError, ValueError), "shards must be a whole number"),
    ],
)
def test_shards_that_cannot_be(shards, error, says):
    model = small()
    with pytest.raises(error, match=says):
        model.fit(X, NUMBERS, shards=shards, verbose=0)
    assert model.input_shape is None  # nothing has changed


def test_a_shard_of_one_sample_is_too_small_for_batch_normalization():
    model = Sequential([Dense(3), BatchNormalization(), Dense(3)])
    model.compile("mse", "sgd")
    with pytest.raises(
        ValueError, match="11 samples in batches of 8, cut into 2 shards, leaves one"
    ):
        model.fit(X, NUMBERS, 8, verbose=0, shards=2)
    model.fit(X, NUMBERS, 11, verbose=0, shards=2)


def test_what_is_not_finite_is_named():
    def made(loss):
        return small(loss, "sgd")

    bad = lambda y, p: axon.ops.log(p * 0.0)  # noqa: E731
    with pytest.raises(FloatingPointError, match="epoch 1, batch 1 of training: log made -inf"):
        made(bad).fit(X, NUMBERS, verbose=0, shards=4, debug="nan")
    seen, model = [], made(bad)
    told = [LambdaCallback(on_train_batch_end=lambda *_: seen.append(model.trainer.warned))]
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="the loss became"):
        model.fit(X, NUMBERS, 5, verbose=0, shards=4, callbacks=told)
    assert seen == [True] * 3  # at once
    as_plain(small, X, NUMBERS, debug="nan")


def test_targets_that_do_not_fit_change_nothing():
    model = small("categorical_cross_entropy", last=None)
    with pytest.raises(ValueError, match=r"softmax|probabilit"):
        model.fit(X, LABELS, verbose=0, shards=4)
    assert model.input_shape is None


def test_shards_of_a_batch_reach_the_same_parameters():
    class Odd(axon.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = Dense(3), Dense(3)

        def forward(self, x):
            return self.a(x) + self.b(x) if len(x) != 2 else self.a(x)

    model = Odd()
    model.compile("mse", "sgd")
    with pytest.raises(ValueError, match="reached different parameters"):
        model.fit(X[:5], NUMBERS[:5], verbose=0, shards=2)


def test_the_work_of_a_sum_does_not_tell_how_many_ranks_share_it():
    """By it kernels are chosen, which must be the same ones whatever the number of ranks."""
    total = Tensor(np.zeros(1000, "f4"))
    all_rows, half = (Tensor(np.zeros((own, 1000), "f4")) for own in (8, 4))
    works = [
        nanoseconds(Instruction(all_reduce, (total, rows), total, {"shards": 8}))
        for rows in (all_rows, half)
    ]
    assert works[0] == works[1] > 8 * 4000 * 0.1


# ------------------------------------------------------------------------------------ ranks


class Ranks:
    """Two ranks, of which the other one says of itself what is given."""

    size = 2

    def __init__(self, **other):
        self.other = other

    def gather(self, value, what):
        return [value, {**value, **self.other}]


def test_what_ranks_differ_in_is_listed_with_the_way_to_mend_it():
    words = {"numpy": "2.0", "weights": "0a", "data, checksum": "1b", "loss": "MSE()"}
    demand_alike(Ranks(), words)
    with pytest.raises(ValueError, match="the ranks are not alike") as error:
        demand_alike(Ranks(numpy="2.1", **{"data, checksum": "1c"}), words)
    listed, fixes = str(error.value).splitlines()[1:3], str(error.value).splitlines()[3:]
    assert listed == [
        "  numpy: 2.0 on rank 0; 2.1 on rank 1",
        "  data, checksum: 1b on rank 0; 1c on rank 1",
    ]
    assert len(fixes) == 2
    assert fixes[0] == "Install the same versions on all hosts."
    with pytest.raises(ValueError, match="have drifted apart in epoch 3:\n  weights: 0a on rank 0"):
        demand_alike(Ranks(weights="ff"), words, "epoch 3")


def test_a_process_that_does_not_lead_writes_and_prints_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    told = [
        CSVLogger("log.csv"),
        ModelCheckpoint("models/{epoch}.axon", verbose=1),
        LearningRateScheduler(lambda epoch: 0.01, verbose=1),
    ]
    with Mode("leads", False):
        model = small()
        history = model.fit(X, NUMBERS, 5, 2, verbose=2, callbacks=told, resume=tmp_path / "run")
        model.save("a.axon")
        model.save_weights("no/such/folder/a.safetensors")
        history.to_csv("history.csv")
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().out == ""
    assert len(history.history["loss"]) == 2
    model.save("a.axon")
    assert (tmp_path / "a.axon").exists()
