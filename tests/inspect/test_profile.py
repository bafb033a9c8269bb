"""model.profile(): every instruction with its cost; sums that add up; a model that is as before."""

import json
import os
import re

import numpy as np
import pytest

import axon
from axon import Tensor, ops
from axon.callbacks import Callback
from axon.inspect import profile, timing
from axon.inspect.profile import Profile, Timing
from axon.inspect.roofline import Level, Roofline
from axon.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    MaxPooling2D,
    SimpleRNN,
)
from axon.metrics import AUC
from axon.models import Model, Sequential
from axon.modes import modes
from axon.optimizers import SGD, Adam, Muon
from axon.program import Step
from axon.program.cost import Cost, cost
from axon.program.trace import trace

MACHINE = Roofline(1, 100.0, 100.0, (Level(2**19, 80.0, 80.0), Level(2**28, 20.0, 20.0)))
RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _known_machine(monkeypatch):
    monkeypatch.setattr(profile, "roofline", lambda **_: MACHINE)


def rows(*shape):
    return RANDOM.standard_normal(shape).astype("f4")


def mlp(optimizer="adam", **options):
    model = Sequential([Dense(12, "relu"), Dense(5, "softmax")])
    model.compile("categorical_cross_entropy", optimizer, **options)
    return model


X, Y = rows(40, 8), RANDOM.integers(0, 5, 40)


# ------------------------------------------------------------------------------------ cost


def costs(function, *inputs):
    instructions, _ = trace(function, [Tensor(x) for x in inputs])
    return [cost(i) for i in instructions]


@pytest.mark.parametrize(
    ("function", "inputs", "flops", "numbers"),
    [
        (lambda a, b: [a @ b], [(7, 3), (3, 5)], 2 * 7 * 3 * 5, 21 + 15 + 35),
        (lambda a, b: [a @ b], [(4, 7, 3), (3, 5)], 2 * 4 * 7 * 3 * 5, 84 + 15 + 140),
        (lambda a, b: [a @ b], [(3,), (3,)], 2 * 3, 3 + 3 + 1),
        (lambda a, b: [a + b], [(6, 4), (4,)], 24, 24 + 4 + 24),
        (lambda a: [a * a], [(6, 4)], 24, 24 + 24),  # one input, given twice
        (lambda a: [a.sum()], [(6, 4)], 24, 24 + 1),
        (lambda a: [a.max(axis=0)], [(6, 4)], 24, 24 + 4),
        (lambda a: [axon.activations.softmax(a)], [(6, 4)], 5 * 24, 24 + 24),
        (lambda a: [a.T], [(6, 4)], 0, 0),
    ],
)
def test_operations_and_bytes_of(function, inputs, flops, numbers):
    assert costs(function, *(rows(*shape) for shape in inputs)) == [Cost(flops, 4 * numbers)]


def test_bytes_follow_the_type():
    assert costs(lambda a: [a + a], np.zeros(10)) == [Cost(10, 160)]
    assert costs(lambda a: [ops.equal(a, a)], rows(10)) == [Cost(10, 40 + 10)]


@pytest.mark.parametrize(
    ("shape", "kernel", "options", "out"),
    [
        ((2, 9, 8, 4), (3, 2, 4, 6), {}, (2, 7, 7, 6)),
        ((2, 9, 8, 4), (3, 2, 4, 6), {"strides": (2, 2)}, (2, 4, 4, 6)),
        ((2, 9, 8, 4), (3, 3, 2, 6), {"groups": 2}, (2, 7, 6, 6)),
        ((2, 9, 8, 4), (3, 3, 1, 4), {"groups": 4}, (2, 7, 6, 4)),
        ((2, 9, 8, 4), (3, 3, 4, 6), {"dilation": (2, 2)}, (2, 5, 4, 6)),
        ((2, 9, 8, 4), (3, 3, 4, 6), {"padding": ((1, 1), (1, 1))}, (2, 9, 8, 6)),
    ],
)
def test_a_convolution_and_its_gradients_need_the_same(shape, kernel, options, out):
    """Each number of the result meets KH KW C / groups others, there and back."""
    x, w, g = rows(*shape), rows(*kernel), rows(*out)
    flops = 2 * np.prod(out) * np.prod(kernel[:3])
    nbytes = 4 * (x.size + w.size + g.size)
    assert costs(lambda x, w: [ops.conv2d(x, w, **options)], x, w) == [Cost(flops, nbytes)]
    back = PRIMITIVES["conv2d_input"]
    assert costs(lambda g, w: [back(g, w, shape=shape, **options)], g, w) == [Cost(flops, nbytes)]
    back_w = PRIMITIVES["conv2d_weight"]
    found = costs(lambda x, g: [back_w(x, g, shape=kernel, **options)], x, g)
    assert found == [Cost(flops, nbytes)]


PRIMITIVES = axon.core.PRIMITIVES


@pytest.mark.parametrize(("layer", "gates"), [(SimpleRNN, 1), (LSTM, 4), (GRU, 3)])
def test_a_recurrence_multiplies_in_every_step(layer, gates):
    n, time, features, units = 3, 5, 4, 6
    model = Sequential([layer(units), Dense(2)])
    model.compile("mse", "sgd")
    found = model.profile(rows(n, time, features), rows(n, 2), repeats=1)
    flops = {t.name: t.flops for t in found.lines}
    assert flops["recurrent_input"] == 2 * n * time * features * gates * units
    assert flops["recurrence"] == 2 * n * time * units * gates * units
    assert flops["recurrence_backward"] == 2 * flops["recurrence"], "dh, and the weights'"


def test_an_update_reads_what_it_changes_and_writes_it_back():
    model = mlp("adam")
    update = next(t for t in model.profile(X, Y, repeats=1).lines if t.name == "adam_update")
    n = model.count_params()
    assert update.flops == 10 * n
    assert update.nbytes == 4 * (4 * n + 3 * n + 2)  # w, m, v, g; w, m, v; two numbers


def test_muon_multiplies_matrices():
    model = Sequential([Dense(6, use_bias=False), Dense(2, use_bias=False)])
    model.compile("mse", Muon(ns_steps=3))
    found = model.profile(rows(4, 9), rows(4, 2), repeats=1)
    update = next(t for t in found.lines if t.name == "muon_update")
    assert update.flops == 2 * 3 * (2 * 6 * 6 * 9 + 6**3)


def test_what_is_only_filled_or_chosen_from_is_not_read_whole():
    x, target = rows(100, 4), Tensor(rows(2, 4))
    taken = costs(lambda x, i: [ops.take(x, i)], x, np.array([3, 5]))[-1]
    assert taken.nbytes == 2 * 4 * 4 + 2 * 8 + 2 * 4 * 4
    assert costs(lambda x: [target.assign(x)] and [x], rows(2, 4)) == [Cost(8, 2 * 8 * 4)]


# ------------------------------------------------------------------------------------ lines


def test_every_instruction_has_a_line_and_the_shares_add_up():
    found = mlp().profile(X, Y, batch_size=16, repeats=3)
    model = mlp()
    model.fit(X, Y, batch_size=16, verbose=0)
    program = next(p for p in model.programs if p.inputs["x"].shape == (16, 8))
    assert [t.name for t in found.lines] == [line.name for line in program.lines]
    assert [t.shape for t in found.lines] == [line.shape for line in program.lines]
    assert all(isinstance(t, Timing) for t in found.lines)
    assert sum(t.share for t in found.lines) == pytest.approx(1)
    assert sum(t.seconds for t in found.lines) == pytest.approx(found.seconds)
    assert sum(found.phases.values()) == pytest.approx(found.seconds)
    assert sum(layer.seconds for layer in found.layers) == pytest.approx(found.seconds)
    assert sum(layer.share for layer in found.layers) == pytest.approx(1)
    assert found.together == pytest.approx(found.replay - found.seconds - found.python)
    assert found.python > 0
    assert found.feeding > 0
    for layer in found.layers:
        assert layer.seconds == pytest.approx(layer.forward + layer.backward + layer.update)


def test_products_are_counted_as_on_paper():
    found = mlp().profile(X, Y, batch_size=16, repeats=1)
    products = [t for t in found.lines if t.name == "matmul"]
    first, second = 2 * 16 * 8 * 12, 2 * 16 * 12 * 5
    assert [t.flops for t in products if t.phase == "forward"] == [first, second]
    backward = sorted(t.flops for t in products if t.phase == "backward")
    assert backward == sorted([first, second, second]), "nobody asks for the gradient of x"
    assert found.flops == sum(t.flops for t in found.lines)


def test_phases_and_layers():
    found = mlp("sgd").profile(X, Y, repeats=1)
    place = {(t.name, t.phase, t.layer) for t in found.lines}
    assert ("matmul", "forward", "dense") in place
    assert ("matmul", "backward", "dense") in place
    assert ("relu_gradient", "backward", "dense") in place
    assert ("matmul", "forward", "dense_1") in place
    assert ("sgd_update", "update", "") in place
    assert list(dict.fromkeys(t.phase for t in found.lines)) == list(found.phases)
    assert list(found.phases) == ["forward", "backward", "update"]
    names = [layer.layer for layer in found.layers]
    assert names == ["dense", "dense_1", "(loss, metrics, other)", "(optimizer)"]
    assert found.layers[0].update == 0
    assert found.layers[-1].update == pytest.approx(found.phases["update"])
    assert modes.phase == "forward", "the switch is back"


def test_what_no_layer_did_comes_last():
    class Scaled(Model):
        def __init__(self):
            super().__init__()
            self.a_rather_long_name = Sequential([Dense(3, name="and_" * 20)])

        def forward(self, x):
            return self.a_rather_long_name(x * 0.5)

    found = Scaled().profile(X, repeats=1)
    inner, other = (layer.layer for layer in found.layers)
    assert inner.startswith("a_rather_long_name/and_and_")
    assert other == "(loss, metrics, other)"
    assert "a_rather_long_name/and_" in str(found)
    assert max(map(len, profile.text(found, 90).splitlines())) <= 90


def test_constraints_belong_to_the_update():
    model = Sequential([Dense(3, kernel_constraint="non_neg")])
    model.compile("mse", "sgd")
    lines = model.profile(rows(4, 2), rows(4, 3), repeats=1).lines
    late = [t.name for t in lines if t.phase == "update"]
    assert late.index("sgd_update") < late.index("assign" if "assign" in late else "maximum")


def made(seconds, replay=2e-3, **options):
    """A profile of x @ w, its transpose and a sum, with these times."""
    w = Tensor(rows(64, 32))
    step = Step("step", lambda x: [(x @ w).T + 1.0], ["x"])
    (x,) = step.inputs(((128, 64), np.dtype("f4")))
    x.fill(0)
    step.run([x])
    return Profile(step.latest, seconds, replay, machine=MACHINE, **options)


def test_rates_and_limits_follow_from_time_and_cost():
    product, view, plus = made([1e-3, 0.0, 1e-4]).lines
    flops, nbytes = 2 * 128 * 64 * 32, 4 * (128 * 64 + 64 * 32 + 128 * 32)
    assert (product.flops, product.nbytes) == (flops, nbytes)
    assert product.gflops == pytest.approx(flops / 1e-3 / 1e9)
    assert product.bandwidth == pytest.approx(nbytes / 1e-3 / 1e9)
    assert product.least == pytest.approx(flops / 100e9), "arithmetic takes longer than the bytes"
    assert product.limit == pytest.approx(flops / 100e9 / 1e-3)
    assert plus.least == pytest.approx(plus.nbytes / 80e9), "bytes take longer than arithmetic"
    assert plus.limit == pytest.approx(plus.nbytes / 80e9 / 1e-4)
    assert product.share == pytest.approx(10 / 11)
    assert (view.kind, view.share, view.gflops, view.limit) == ("views", 0, 0, 0)


def test_the_whole_is_judged_by_the_whole_replay():
    found = made([1e-3, 0.0, 1e-4], replay=2e-3, python=5e-4)
    assert found.seconds == pytest.approx(1.1e-3)
    assert found.together == pytest.approx(4e-4)
    assert found.limit == pytest.approx(sum(t.least for t in found.lines) / 2e-3)


def test_double_precision_is_judged_by_half_the_speed():
    w = Tensor(np.zeros((64, 64)))
    step = Step("step", lambda x: [x @ w], ["x"])
    (x,) = step.inputs(((64, 64), np.dtype("f8")))
    x[:] = 0
    step.run([x])
    (line,) = Profile(step.latest, [1.0], 1.0, machine=MACHINE).lines
    assert line.least == pytest.approx(2 * 64**3 / 50e9)


@pytest.mark.parametrize(
    ("seconds", "again"),
    [([1e-4, 0.0, 1e-4], True), ([1e-3, 0.0, 1e-4], False), ([9e-6] * 3, False)],
)
def test_limits_that_are_beaten_are_measured_anew(monkeypatch, seconds, again):
    slow, asked = MACHINE._replace(gflops=3.0), []

    def roofline(again=False):
        asked.append(again)
        return MACHINE if again else slow

    monkeypatch.setattr(profile, "roofline", roofline)
    found = Profile(made(seconds).program, seconds, 2e-3)
    assert asked == ([False, True] if again else [False])
    assert found.machine is (MACHINE if again else slow)


def test_top():
    found = made([1e-4, 0.0, 1e-3])
    assert [t.name for t in found.top(2)] == ["add", "matmul"]
    assert len(found.top()) == 3


def test_nothing_measured_divides_by_nothing():
    found = made([0.0, 0.0, 0.0], replay=0.0)
    assert [t.share for t in found.lines] == [0, 0, 0]
    assert "add(" in str(found)


# ------------------------------------------------------------------------------------ the clock


def test_timed_makes_each_call_once_and_in_order():
    done = []

    class Program:
        machine = None

        def single_calls(self):
            return [lambda i=i: done.append(i) for i in range(5)]

    assert len(timing.timed(Program())) == 5
    assert done == [0, 1, 2, 3, 4]


def test_a_timed_replay_does_what_a_replay_does():
    step = Step("step", lambda x: [ops.exp(x).sum(axis=0)], ["x"])
    (x,) = step.inputs(((30, 4), np.dtype("f4")))
    x[...] = rows(30, 4)
    expected = step.run([x])[0].copy()
    out = step.run([x])[0]
    out.fill(0)
    assert len(timing.timed(step.latest)) == len(step.latest)
    np.testing.assert_array_equal(out, expected)


def test_only_the_faster_half_counts(monkeypatch):
    """A replay that something else disturbed is left out, with all its lines."""
    program = made([0.0] * 3).program
    program.machine = None  # NumPy's kernels, whichever there are
    laps = iter([[1.0, 0.75, 1.0], [9.0, 0.75, 9.0], [3.0, 0.75, 1.0]])  # views take no time
    monkeypatch.setattr(timing, "timed", lambda _: next(laps))
    monkeypatch.setattr(timing, "_laps", lambda calls: [0.5] * len(calls))
    whole = iter([0.25, 4.0, 8.0, 6.0])  # the first says how many repeats there is time for
    monkeypatch.setattr(timing, "_seconds", lambda _: next(whole, 0.125))
    found = timing.measured(program, repeats=3)
    assert found.lines == [1.5, 0.0, 0.5]
    assert found.replay == 5.0
    assert found.python == 0.125


@pytest.mark.parametrize(("seconds", "times"), [(1e-6, 200), (0.05, 10), (7.0, 5)])
def test_as_many_repeats_as_there_is_time_for(monkeypatch, seconds, times):
    program, laps = made([0.0] * 3).program, []
    monkeypatch.setattr(timing, "timed", lambda _: laps.append(1) or [0.0] * 3)
    monkeypatch.setattr(timing, "_seconds", lambda _: seconds)
    timing.measured(program)
    assert len(laps) == times


# ------------------------------------------------------------------------------------ on paper


def test_the_table_has_every_instruction_and_fits():
    model = mlp(metrics=["accuracy"])
    found = model.profile(X, Y, batch_size=16, repeats=2)
    text = str(found)
    lines = text.splitlines()
    assert max(map(len, lines)) <= profile.WIDTH
    for t in found.lines:
        (line,) = [row for row in lines if re.match(rf" *{t.result} ", row)]
        assert t.call[:30] in line
        assert ("view" in line) == (t.kind == "views")
    heads = [row.split()[0] for row in lines if re.match("(forward|backward|update) ", row)]
    assert heads == ["forward", "backward", "update"]
    views = sum(t.kind == "views" for t in found.lines)
    count = len(found.lines) - views
    assert lines[0] == "train 'sequential' on 16 samples"
    assert lines[1].startswith(f"{count} instructions and {views} views, ")
    for layer in found.layers:
        assert any(row.startswith(layer.layer) for row in lines)
    assert "the whole replay" in text
    assert "Python's loop over them" in text
    assert "copying a batch to it" in text
    assert text.endswith(str(MACHINE))


def test_a_line_of_the_table():
    text = profile.text(made([1e-3, 0.0, 1e-4], replay=2e-3, python=1e-4), width=100)
    product = next(row for row in text.splitlines() if "matmul" in row)
    words = product.split()
    assert words[:2] == ["%0", "matmul(x,"]
    assert words[-7:] == ["128×32", "1,000.0", "90.9%", "████████", "0.5", "0.1", "1%"]
    view = next(row for row in text.splitlines() if "transpose" in row)
    assert view.split()[-6:] == ["32×128", "view", "·", "·", "·", "·"]
    assert "1 thread" in text
    assert max(map(len, text.splitlines())) == 100
    assert max(map(len, profile.text(made([1e-3, 0.0, 1e-4]), width=10).splitlines())) == 90
    assert re.search(r"lost together +800.0 µs", text)
    assert re.search(r"saved together +100.0 µs", str(made([1e-3, 0.0, 1e-4], replay=1e-3)))


def test_long_programs_are_written_in_milliseconds():
    text = str(made([1.0, 0.0, 0.5], replay=1.5))
    assert "time, ms" in text
    assert "1,000.000" in text


def test_print(capsys):
    found = made([1e-3, 0.0, 1e-4], title="a title")
    found.print()
    assert capsys.readouterr().out == str(found) + "\n"
    kept = []
    found.print(kept.append)
    assert kept == [str(found)]
    assert str(found).startswith("a title\n2 instructions and 1 views, 2.000 ms, 0.5 MFLOP")
    assert repr(found) == "<axon profile of a title: 2.000 ms>"


def test_print_fits_the_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((104, 40)))
    made([1e-3, 0.0, 1e-4]).print()
    assert max(map(len, capsys.readouterr().out.splitlines())) == 104


# ------------------------------------------------------------------------------------ a timeline


def test_the_timeline(tmp_path):
    found = mlp().profile(X, Y, batch_size=16, repeats=2)
    path = tmp_path / "trace.json"
    found.to_chrome_trace(path)
    events = json.loads(path.read_text())["traceEvents"]
    rows = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert rows == {1: "forward", 2: "backward", 3: "update"}
    done = [e for e in events if e["ph"] == "X" and e["cat"] == "instruction"]
    works = [t for t in found.lines if t.kind != "views"]
    assert [e["name"] for e in done] == [t.name for t in works]
    assert [rows[e["tid"]] for e in done] == [t.phase for t in works]
    now = 0.0
    for e, t in zip(done, works, strict=True):
        assert e["ts"] == pytest.approx(now, abs=1e-6)
        assert e["dur"] == pytest.approx(t.seconds * 1e6, abs=6e-4)
        assert e["args"]["shape"] == list(t.shape)
        assert e["args"]["inputs"] == [list(s) for s in t.given]
        assert (e["args"]["flops"], e["args"]["bytes"]) == (t.flops, t.nbytes)
        now += e["dur"]


def test_layers_enclose_their_instructions(tmp_path):
    mlp().profile(X, Y, repeats=2).to_chrome_trace(tmp_path / "t.json")
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    layers = [e for e in events if e.get("cat") == "layer"]
    assert [(e["name"], e["tid"]) for e in layers[:2]] == [("dense", 1), ("dense_1", 1)]
    assert {e["name"] for e in layers if e["tid"] == 2} == {"dense", "dense_1"}
    for e in (e for e in events if e.get("cat") == "instruction" and e["args"]["layer"]):
        (around,) = [o for o in layers if o["ts"] <= e["ts"] < o["ts"] + max(o["dur"], 1e-3)][-1:]
        assert around["name"] == e["args"]["layer"]
        assert round(1000 * (e["ts"] + e["dur"])) <= round(1000 * (around["ts"] + around["dur"]))


def test_a_timeline_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "t.json"
    path.write_text("before")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        made([1e-3, 0.0, 1e-4]).to_chrome_trace(path)
    assert [p.name for p in tmp_path.iterdir()] == ["t.json"]
    assert path.read_text() == "before"


# ------------------------------------------------------------------------------------ as before


class Two(Model):
    """Two inputs, dropout, batch statistics."""

    def __init__(self):
        super().__init__()
        self.left, self.right = Dense(6, "relu"), Dense(6)
        self.norm, self.drop, self.head = BatchNormalization(), Dropout(0.5), Dense(3, "softmax")

    def forward(self, a, b):
        return self.head(self.drop(self.norm(self.left(a) + self.right(b))))


def deep():
    return Sequential(
        [
            Conv2D(4, 3, activation="relu"),
            BatchNormalization(),
            MaxPooling2D(),
            Dropout(0.3),
            Flatten(),
            Dense(3, "softmax"),
        ]
    )


LABELS = RANDOM.integers(0, 3, 24)
IMAGES, WORDS = rows(24, 8, 8, 2), RANDOM.integers(0, 9, (24, 6))
KINDS = {
    "images": (deep, IMAGES),
    "words": (lambda: Sequential([Embedding(9, 4), LSTM(5), Dense(3, "softmax")]), WORDS),
    "two inputs": (Two, (rows(24, 5), rows(24, 4))),
}
SETTINGS = {
    "adam": {"optimizer": lambda: Adam(0.01)},
    "clipped": {"optimizer": lambda: Adam(0.01, amsgrad=True, global_clipnorm=0.1)},
    "averaged": {"optimizer": lambda: SGD(0.1, use_ema=True, ema_overwrite_frequency=2)},
    "gathered": {"optimizer": lambda: SGD(0.1, 0.9, gradient_accumulation_steps=3)},
    "scheduled": {"optimizer": lambda: Adam(lambda step: 0.1 / (1 + step))},
}


def compiled(kind, setting):
    axon.set_random_seed(3)
    model = KINDS[kind][0]()
    metrics = ["accuracy", axon.metrics.ConfusionMatrix(3)]
    model.compile("categorical_cross_entropy", SETTINGS[setting]["optimizer"](), metrics=metrics)
    return model, KINDS[kind][1]


def everything(model):
    """All that a model and its training hold, bit for bit."""
    trainer, optimizer = model.trainer, model.optimizer
    arrays = {**{f"w{i}": w for i, w in enumerate(model.get_weights())}, **optimizer.state()}
    arrays["iterations"], arrays["rate"] = optimizer.iterations.data, optimizer._rate.data
    arrays["norm"] = optimizer._norm.data
    for i, group in enumerate(optimizer.groups):
        arrays[f"memory{i}"] = group.memory.values.data
        arrays[f"gradients{i}"] = group.memory.gradients.data
    for metric in (trainer.mean_loss, *trainer.metrics):
        arrays.update({f"{metric.name}.{k}": t.data for k, t in metric.tensors().items()})
    return {name: (array.shape, array.dtype, array.tobytes()) for name, array in arrays.items()}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_profile_changes_nothing(kind, setting):
    model, x = compiled(kind, setting)
    model.fit(x, LABELS, batch_size=8, verbose=0)
    before, programs = everything(model), [*map(id, model.programs)]
    latest, history = model.program, model.history
    found = model.profile(x, LABELS, batch_size=8, repeats=2)
    assert everything(model) == before
    assert all(p.grad is None for p in model.parameters())
    model.profile(x, batch_size=8, repeats=1)
    assert everything(model) == before
    assert [*map(id, model.programs)] == programs
    assert not any(p.stale for p in model.programs)
    assert model.program is latest
    assert model.history is history
    assert list(found.phases) == ["forward", "backward", "update"]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_training_goes_on_as_if_nobody_had_looked(kind, setting):
    def trained(look):
        model, x = compiled(kind, setting)
        model.fit(x, LABELS, batch_size=8, verbose=0)
        if look:
            model.profile(x, LABELS, batch_size=8, repeats=2)
            model.profile(x, LABELS, batch_size=5, repeats=1)
        model.fit(x, LABELS, batch_size=8, verbose=0)
        return everything(model)

    assert trained(look=True) == trained(look=False)


def test_it_does_not_matter_when_it_is_profiled_first():
    def trained(look):
        model, x = compiled("images", "adam")
        model.build(x.shape[1:])
        if look:
            model.profile(x, LABELS, batch_size=8, repeats=1)
        model.fit(x, LABELS, batch_size=8, verbose=0)
        return everything(model)

    assert trained(look=True) == trained(look=False)


def test_in_the_middle_of_an_epoch():
    def trained(look):
        model, x = compiled("images", "gathered")

        class Look(Callback):
            def on_train_batch_end(self, batch, logs=None):
                if look:
                    model.profile(x, LABELS, batch_size=8, repeats=1)

        history = model.fit(x, LABELS, batch_size=8, epochs=2, verbose=0, callbacks=[Look()])
        return everything(model), history.history

    assert trained(look=True) == trained(look=False)


def test_gradients_of_a_loop_by_hand_stay():
    model = mlp("sgd")
    model.build((8,))
    model.optimizer.build(model.parameters())
    model.loss(Tensor(Y), model(Tensor(X))).backward()
    before = [p.grad for p in model.parameters()]
    values = [g.data.copy() for g in before]
    model.profile(X, Y, repeats=1)
    for p, grad, value in zip(model.parameters(), before, values, strict=True):
        assert p.grad is grad
        np.testing.assert_array_equal(grad.data, value)


def test_what_failed_is_taken_back_too(monkeypatch):
    model = mlp()
    model.fit(X, Y, verbose=0)
    before = everything(model)
    monkeypatch.setattr("axon.models.profiling.measured", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.profile(X, Y)
    assert everything(model) == before


def test_gathered_gradients_are_profiled_where_they_update():
    model, x = compiled("images", "gathered")
    found = model.profile(x, LABELS, batch_size=8, repeats=1)
    assert found.title == "train 'sequential' on 8 samples, the 1 in 3 steps that updates"
    assert {"complete_mean", "momentum_update"} <= {t.name for t in found.lines}


def test_metrics_outside_the_program():
    model = Sequential([Dense(1, "sigmoid")])
    model.compile("binary_cross_entropy", "sgd", metrics=[AUC()])
    y = (RANDOM.random((40, 1)) > 0.5).astype("f4")
    model.fit(X, y, verbose=0)
    before = model.evaluate(X, y)
    assert model.profile(X, y, repeats=1).flops > 0
    assert model.evaluate(X, y) == before


def test_several_inputs_have_their_names():
    model, x = compiled("two inputs", "adam")
    text = str(model.profile(x, LABELS, repeats=1))
    assert "matmul(a, left/weights)" in text
    assert "matmul(b, right/weights)" in text


# ------------------------------------------------------------------------------------ prediction


def test_a_prediction_has_one_phase():
    found = mlp().profile(X, batch_size=16, repeats=2)
    assert list(found.phases) == ["forward"]
    assert found.title == "predict 'sequential' on 16 samples"
    assert [t.flops for t in found.lines if t.name == "matmul"] == [2 * 16 * 96, 2 * 16 * 60]
    assert {t.layer for t in found.lines} == {"dense", "dense_1"}


def test_a_prediction_needs_no_compile():
    model = Sequential([Dense(3, "relu"), Dropout(0.5)])
    found = model.profile(X, repeats=1)
    assert "dropout_mask" not in {t.name for t in found.lines}, "nothing is dropped"
    assert model.predict(X).shape == (40, 3)


def test_fewer_samples_than_the_batch_size():
    assert mlp().profile(X[:3], Y[:3], repeats=1).title == "train 'sequential' on 3 samples"
    assert mlp().profile(X[:1], Y[:1], repeats=1).title == "train 'sequential' on 1 sample"


# ------------------------------------------------------------------------------------ errors


def test_not_compiled():
    with pytest.raises(RuntimeError, match=r"not compiled. Call model.compile"):
        Sequential([Dense(5)]).profile(X, Y)


@pytest.mark.parametrize("y", [Y, None])
def test_eager_models_have_no_program(y):
    with pytest.raises(RuntimeError, match=r"eager=True: it records no program .* Compile it with"):
        mlp(eager=True).profile(X, y)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (X, Y[:3], {}, "Different numbers of samples"),
        (X * np.nan, Y, {}, "x: sample 0 holds nan"),
        (X * np.nan, None, {}, "x: sample 0 holds nan"),
        (X, Y + 5, {}, "categorical_cross_entropy"),
        (X, Y, {"batch_size": 0}, "profile: batch_size"),
        (X, Y, {"repeats": 0}, "profile: repeats"),
    ],
)
def test_errors_are_those_of_fit(x, y, options, message):
    model = mlp()
    with pytest.raises(ValueError, match=message):
        model.profile(x, y, **options)
    assert not model.parameters(), "nothing was built"


def test_x_of_another_shape():
    model = mlp()
    model.fit(X, Y, verbose=0)
    for y in (Y, None):
        with pytest.raises(ValueError, match=r"x of shape \(40, 3\) does not fit"):
            model.profile(X[:, :3], y)


def test_metrics_that_find_their_size_in_the_first_batch():
    model = Sequential([Dense(3)])
    model.compile("mse", "sgd", metrics=["r2"])
    y = rows(40, 3)
    model.profile(X, y, repeats=1)
    shapes = {t.shape for t in model.trainer.metrics[0].tensors().values()}
    model.fit(X, y, verbose=0)
    assert {t.shape for t in model.trainer.metrics[0].tensors().values()} != shapes


@pytest.mark.parametrize("metrics", [[], ["r2"]])
def test_what_cannot_be_replayed_is_said(metrics):
    class Noisy(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(5)

        def forward(self, x):
            return self.dense(x) * float(np.random.default_rng().random())

    model = Noisy()
    model.compile("mse", "sgd", metrics=metrics)
    with pytest.raises(axon.RecordingError, match="cannot be replayed"):
        model.profile(X, rows(40, 5))
