"""The packed ensemble: members are what they would be alone; held rows are never learned from."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")

from axon.core import Tensor
from axon.program.lowerings import Kernels
from axon.tabular import TabularClassifier, TabularRegressor, fitted
from axon.tabular.choices import Choices, choose, hold_out, strata
from axon.tabular.columns import Values
from axon.tabular.encoding import Encoder
from axon.tabular.network import Ensemble
from axon.tabular.objectives import Amounts, Classes, Quantiles, YesOrNo
from axon.tabular.training import Course, Training

RNG = np.random.default_rng


def begun(members=2, outputs=2, sizes=(), activation="selu", inputs=3):
    net = Ensemble(inputs, members, (5, 4), outputs, activation, sizes, dim=2)
    rng = RNG(1)
    codes = [rng.integers(sum(sizes), size=(20, len(sizes)))] if sizes else []
    net.begin(rng.standard_normal((20, inputs)), codes, rng)
    return net


def selu(z):
    return 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(z))


def test_each_member_is_a_network_of_its_own():
    net = begun()
    for p in net.parameters():
        p.data[...] += 0.1 * RNG(2).standard_normal(p.shape)
    x = RNG(3).standard_normal((7, 3)).astype(np.float32)
    found = net.forward(x)
    for k in range(2):
        h = x * net.scale.data[:, k, 0]
        w, b, a = net.weights[0].data[:, k], net.biases[0].data.reshape(2, -1)[k], net.bends[0].data
        z = h @ w + b
        z = z + a.reshape(2, -1)[k] * (selu(z) - z)
        z = z @ net.weights[1].data[k] + net.biases[1].data[k]
        z = z + net.bends[1].data[k] * (selu(z) - z)
        z = z @ net.weights[2].data[k] + net.biases[2].data[k]
        np.testing.assert_allclose(found[:, k], z, rtol=1e-4, atol=1e-5)


def test_gradients_are_those_of_finite_differences():
    net = begun(sizes=(3, 4))
    rng = RNG(5)
    x, codes = rng.standard_normal((6, 3)), rng.integers(7, size=(6, 2))
    y = np.eye(2)[rng.integers(2, size=6)]
    for p in net.parameters():
        p.data = p.data.astype(np.float64)
    columns = Tensor(x), Tensor(codes)
    weights = rng.random((6, 2))

    def loss():
        return Classes().loss(net.forward(*columns), Tensor(y), Tensor(weights))

    loss().backward()
    for p in net.parameters():
        way = rng.standard_normal(p.shape)
        exact = float((p.grad.data * way).sum())
        sides = []
        for sign in (1, -1):
            p.data += sign * 1e-5 * way
            sides.append(float(loss().data))
            p.data -= sign * 1e-5 * way
        assert exact == pytest.approx((sides[0] - sides[1]) / 2e-5, rel=1e-5, abs=1e-8), p.name


def binned(members=2, sizes=(), scale=None):
    """A net whose second and third input of five are a row of bins, and rows in both forms."""
    net = Ensemble(5, members, (6, 4), 2, "mish", sizes, dim=2, bins=(2, 1), at=1)
    rng = RNG(1)
    places, fractions = rng.integers([2, 1], size=(40, 2)), rng.random((40, 2)).astype(np.float32)
    others = rng.standard_normal((40, 2)).astype(np.float32)
    one, two = fractions[:, :1], np.where(places[:, :1] == 1, 1, fractions[:, :1])
    late = np.where(places[:, :1] == 1, one, 0)
    x = np.hstack([others[:, :1], two, late, fractions[:, 1:], others[:, 1:]]).astype(np.float32)
    codes = [rng.integers(sum(sizes), size=(40, len(sizes)))] if sizes else []
    net.begin(x, codes, rng, scale)
    for p in net.parameters():
        p.data[...] *= 1 + 0.1 * rng.standard_normal(p.shape)
    return net, [x, *codes], [others, places, fractions, *codes]


@pytest.mark.parametrize("sizes", [(), (3, 4)])
def test_rows_without_bins_say_the_same_as_rows_with_them(sizes):
    net, dense, compact = binned(sizes=sizes)
    for p in net.parameters():
        p.data = p.data.astype(np.float64)
    found = []
    for forward, columns in ((net.forward, dense), (net.forward_compact, compact)):
        z = forward(*map(Tensor, columns))
        (z * z).sum().backward()
        found.append([z.data, *(p.grad.data.copy() for p in net.parameters())])
        for p in net.parameters():
            p.grad = None
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_both_forms_of_rows_are_learned_alike():
    losses = []
    for compact in (False, True):
        scale = np.array([[1, 1], [0, 1], [0, 1], [0, 1], [1, 1]], np.float32)
        net, *forms = binned(scale=scale)
        y = np.sin(3 * forms[0][0][:, :2])
        held = np.repeat(np.arange(40)[:, None] % 4 == 0, 2, axis=1)
        course = Course(epochs=5, batch=8, decay=0.01)
        given = forms[compact], y, (~held).astype(np.float32), held, Amounts(), course
        training = Training(net, *given, RNG(3), np.ones(40), compact=compact).run()
        losses.append(training.history)
        assert not net.bin_weights.data[:, 0].any()
    np.testing.assert_allclose(*losses, rtol=1e-3)
    assert min(losses[0]) < 0.9 * losses[0][0]


@pytest.mark.parametrize(("limit", "compiled"), [(0, True), (np.inf, False)])
def test_sizes_alone_say_whether_compiled_kernels_learn(limit, compiled, monkeypatch):
    pytest.importorskip("numba", reason="needs Numba, the extra 'fast'")
    monkeypatch.setattr(fitted, "COMPILED", limit)
    seen = []
    monkeypatch.setattr(Training, "_run", _noting(Training._run, seen))
    x = RNG(0).random((60, 2))
    with Kernels("auto"):
        TabularRegressor("fast", random_state=0).fit(x, x[:, 0])
    (training,) = seen
    assert training.step.compiled is training.looking.compiled is compiled
    assert (len(training.columns) == 3) is compiled  # rows are spread out for NumPy only


def test_what_is_said_of_kernels_counts_more_than_sizes(monkeypatch):
    monkeypatch.setattr(fitted, "COMPILED", 0)
    seen = []
    monkeypatch.setattr(Training, "_run", _noting(Training._run, seen))
    x = RNG(0).random((60, 2))
    with Kernels("numpy"):
        TabularRegressor("fast", random_state=0).fit(x, x[:, 0])
    assert not seen[0].step.compiled
    assert len(seen[0].columns) == 1


def test_compact_columns_are_those_of_the_encoder_and_take_little_memory():
    random = RNG(0)
    numbers = random.standard_normal((100_000, 10))
    numbers[::7, 3] = np.nan
    codes = random.integers(0, 90, size=(100_000, 1)).astype(np.int32)
    values = Values(numbers, codes, [f"n{i}" for i in range(10)], ["c"], [90])
    encoder = Encoder.fit(values, 16)
    tracemalloc.start()
    columns = fitted.compact_columns(encoder, values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.6 * sum(c.nbytes for c in columns)  # spread out: 4 times as much
    whole = encoder.compact(values)
    starts = np.arange(10) * 16
    for column, wanted in zip(
        columns, (whole.x, whole.bins - starts, whole.fractions, whole.ids), strict=True
    ):
        assert np.array_equal(column, wanted)


def _noting(method, seen):
    def noted(self):
        seen.append(self)
        method(self)

    return noted


def test_sums_begin_with_a_spread_of_1():
    net, x = begun(activation="mish"), RNG(1).standard_normal((20, 3)).astype(np.float32)
    z = (x @ net.weights[0].data.reshape(3, -1)).std(axis=0)
    np.testing.assert_allclose(z, 1, rtol=1e-4)


def test_inputs_of_a_small_scale_say_little_at_first():
    x = RNG(1).standard_normal((200, 3)).astype(np.float32)
    net = Ensemble(3, 2, (32,), 1, "mish")
    net.begin(x, (), RNG(0), np.array([[1, 1], [1, 1], [0.1, 1]], np.float32))
    read = np.abs(net.first().data.reshape(3, 2, 32)).mean(axis=2)
    assert read[2, 0] < 0.2 * read[:2, 0].min()
    assert read[2, 1] > 0.5 * read[:2, 1].min()
    z = (x @ net.first().data).std(axis=0)
    np.testing.assert_allclose(z, 1, rtol=1e-4)


def test_a_blind_member_never_reads_the_input():
    net = Ensemble(3, 2, (8,), 1, "mish")
    scale = np.array([[1, 1], [1, 1], [0, 1]], np.float32)
    x, rng = RNG(0).standard_normal((200, 3)).astype(np.float32), RNG(1)
    net.begin(x, (), rng, scale)
    run(net, x, x[:, 2:], Amounts(), np.zeros((200, 2), bool) | (np.arange(200) < 40)[:, None])
    other = x.copy()
    other[:, 2] += 1
    before, after = net.forward(x), net.forward(other)
    assert np.array_equal(before[:, 0], after[:, 0])
    assert np.abs(before[:, 1] - after[:, 1]).min() > 0.1


def run(net, x, y, objective, held, **plan):
    weights = (~held).astype(np.float32)
    made = Course(**{"epochs": 20, "batch": 32, **plan})
    return Training(net, [x], y, weights, held, objective, made, RNG(3), np.ones(len(x))).run()


def test_held_rows_are_never_learned_from():
    rng = RNG(0)
    x = rng.standard_normal((120, 3)).astype(np.float32)
    y = np.sin(x[:, :1] * 2).astype(np.float32)
    held = np.arange(120)[:, None] % 3 == np.arange(3)
    weights = []
    for change in (0, 1):  # other targets in the rows that member 0 never sees
        net = Ensemble(3, 3, (8,), 1, "mish")
        net.begin(x, (), RNG(1))
        other = np.where(held[:, :1], y + 5 * change, y).astype(np.float32)
        run(net, x, other, Amounts(), held, epochs=1)
        weights.append([p.data.copy() for p in net.weights])
    assert np.array_equal(weights[0][0][:, 0], weights[1][0][:, 0])
    assert np.array_equal(weights[0][1][0], weights[1][1][0])
    assert not np.array_equal(weights[0][1][1], weights[1][1][1])


def test_embeddings_do_not_tell_what_a_held_row_is():
    """Whose embeddings others share has read the targets of the rows that it holds out."""
    rng = RNG(0)
    x, ids = rng.standard_normal((120, 3)).astype(np.float32), np.arange(120)[:, None] // 2
    y = rng.standard_normal((120, 1)).astype(np.float32)
    held = np.arange(120)[:, None] % 3 == np.arange(6) % 3
    answers = []
    for change in (0, 1):  # other targets in the rows that members 0 and 3 never see
        net = Ensemble(3, 6, (8,), 1, "mish", (60,), 4, groups=3)
        net.begin(x, (ids,), RNG(1))
        other = np.where(held[:, :1], y + 5 * change, y).astype(np.float32)
        weights, course = (~held).astype(np.float32), Course(epochs=1, batch=32)
        given = net, [x, ids], other, weights, held, Amounts(), course, RNG(3), np.ones(120)
        Training(*given).run()
        answers.append(net.forward(x, ids))
    assert np.array_equal(answers[0][:, [0, 3]], answers[1][:, [0, 3]])
    assert not np.array_equal(answers[0][:, 1], answers[1][:, 1])


def test_words_that_say_nothing_do_not_look_good_on_held_rows():
    rng = RNG(0)
    words = [f"w{i}" for i in rng.integers(9000, size=700)]
    rows = {"word": words, "size": rng.standard_normal(700)}
    model = TabularClassifier("best", random_state=0).fit(rows, rng.integers(2, size=700))
    loss, constant = model.scores_["log-loss"]
    assert loss > constant - 0.01


def test_the_best_epoch_comes_back():
    rng = RNG(0)
    x = rng.standard_normal((60, 3)).astype(np.float32)
    y = rng.standard_normal((60, 1)).astype(np.float32)  # nothing to learn: later is worse
    held = np.repeat(np.arange(60)[:, None] % 3 == 0, 2, axis=1)
    net = Ensemble(3, 2, (32,), 1, "mish")
    net.begin(x, (), RNG(1))
    training = run(net, x, y, Amounts(), held, epochs=40, patience=10, rate=0.3)
    now = training.judged(net.forward(x[training.held]))
    assert now == pytest.approx(min(training.history), rel=1e-4)
    assert now < training.history[-1]
    assert len(training.history) == min(40, training.best + 11)


def test_the_mean_is_of_those_who_never_saw_a_row():
    z = np.array([[[0.0], [2.0], [7.0]]])
    assert Amounts().mean(z, np.array([[1.0, 0.0, 1.0]])).tolist() == [[3.5]]
    assert Amounts().mean(z).tolist() == [[3.0]]


@pytest.mark.parametrize("objective", [Classes(), YesOrNo(), Amounts(), Quantiles((0.25, 0.5))])
def test_what_is_learned_is_what_is_judged(objective):
    rng = RNG(0)
    y = np.eye(2)[rng.integers(2, size=9)] if not isinstance(objective, Quantiles) else None
    y = rng.standard_normal((9, 1)) if y is None else y
    z = np.sort(rng.standard_normal((9, 1, 2)), axis=-1)
    learned = objective.each(Tensor(z), Tensor(y)).data[:, 0]
    judged = objective.losses(objective.answers(z)[:, 0], y)
    np.testing.assert_allclose(learned, judged, rtol=1e-5)


@pytest.mark.parametrize("effort", ["fast", "good", "best"])
@pytest.mark.parametrize("rows", [2, 3, 7, 100, 3_000, 50_000])
def test_every_member_learns_and_holds_out(effort, rows):
    choices = choose(effort, rows, 2)
    held = hold_out(np.arange(rows) % 2, choices, RNG(0))
    assert held.shape == (rows, choices.members)
    assert held.any(axis=0).all()
    assert not held.all(axis=0).any()
    if choices.folds:
        assert held.any(axis=1).all()


def test_folds_have_their_share_of_each_class():
    y = np.repeat([0, 1], [90, 10])
    plan = Choices(5, 5, 0, False, (4,), Course())
    held = hold_out(y, plan, RNG(0))
    assert (held[90:].sum(axis=0) == 2).all()
    assert strata(np.array([[3.0], [1.0], [2.0]])).tolist() == [6, 0, 3]


def test_an_unknown_effort_is_refused():
    with pytest.raises(ValueError, match="expected one of fast, good, best, got 'goood'"):
        choose("goood", 10, 2)


def test_dropout_disturbs_training_alone():
    x = RNG(0).standard_normal((128, 3)).astype(np.float32)
    held, nets = np.arange(128)[:, None] % 4 == np.arange(2), {}
    for share in (0.0, 0.5, 0.5):
        net = Ensemble(3, 2, (16, 16), 1, "mish")
        net.begin(x, (), RNG(1))
        run(net, x, x[:, :1] ** 2, Amounts(), held, epochs=2, dropout=share)
        nets.setdefault(share, []).append(net.forward(x))
        assert np.array_equal(net.forward(x), nets[share][-1])
    assert np.array_equal(*nets[0.5])  # its seed is the rng's
    assert not np.array_equal(nets[0.0][0], nets[0.5][0])


def test_dropout_leaves_a_share_of_each_hidden_layer_out():
    x = RNG(1).standard_normal((400, 3)).astype(np.float32)
    net, held = begun(activation="mish"), np.zeros((400, 2), bool)
    held[:40] = True
    run(net, x, x[:, :2], Amounts(), held, epochs=1)
    assert not net.dropouts
    made = Course(dropout=0.25)
    learning = Training(net, [x], x, 1.0 * ~held, held, Amounts(), made, RNG(0), np.ones(400))
    assert len(learning.dropouts) == len(net.widths)
    kept = [(d(np.ones((2, 400, 50)), training=True) > 0).mean() for d in learning.dropouts]
    assert kept == pytest.approx([0.75] * 2, abs=0.02)


def test_few_rows_are_left_as_they_are_and_numbers_are_never_dropped():
    few, many, numbers = (choose("good", *of) for of in ((500, 2), (5000, 2), (5000, 0)))
    assert (few.bin_scale, few.category_scale, few.plan.dropout, few.plan.decay) == (1, 1, 0, 0)
    assert many.bin_scale < many.category_scale < 1
    assert many.plan.dropout > 0 == numbers.plan.dropout
    assert many.plan.decay > 0 == numbers.plan.decay


def test_numbers_of_2000_rows_and_more_leave_the_fourth_cycle_out():
    from axon.optimizers.schedules import CosineLogarithmic

    short, long = (choose("good", rows, 0).plan for rows in (3000, 1000))
    rates = [
        [CosineLogarithmic(1.0, p.epochs * 100, p.cycles)(step) for step in range(50, 2900, 50)]
        for p in (short, long)
    ]
    assert short.epochs < long.epochs / 2
    np.testing.assert_allclose(*rates, atol=0.03)  # the cycles they share are the same


def test_the_temperature_is_that_of_all_members_though_each_row_is_held_by_two():
    rng, n, goal = RNG(0), 2000, Classes()
    truth = 2.0 * rng.standard_normal(n)
    y = np.eye(2, dtype=np.float32)[(rng.random(n) < 1 / (1 + np.exp(-truth))).astype(int)]
    z = np.zeros((n, 8, 2), np.float32)
    z[:, :, 1] = 1.2 * truth[:, None] + 1.2 * rng.standard_normal((n, 8))  # too sure, and noisy
    all_of_them = np.ones((n, 8), np.float32)
    pairs = (np.arange(8) % 4 == np.arange(n)[:, None] % 4).astype(np.float32)

    def best(hidden):
        tried = np.geomspace(0.7, 2.5, 60)
        losses = [goal.score(goal.mean(z / t, hidden), y, np.ones(n)) for t in tried]
        return tried[np.argmin(losses)]

    def found(hidden):
        held = {"held": np.arange(n), "hidden": hidden, "y": y, "counts": np.ones(n)}
        return fitted._temperature(SimpleNamespace(objective=goal, raw=z, **held))

    assert abs(found(all_of_them) / best(all_of_them) - 1) < 0.01
    apart = best(pairs) - best(all_of_them)
    assert apart > 0.08
    assert abs(found(pairs) - best(all_of_them)) < 0.4 * apart
