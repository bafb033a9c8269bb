"""model.summary(): the table, its optional columns, the totals, and where it is printed."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon import Tensor, ops
from axon.inspect.call_graph import Structure
from axon.inspect.summary import USUAL, Summary, fitted, operations
from axon.layers import Conv2D, Conv2DTranspose, Dense, Flatten, MaxPooling2D
from axon.layers.base import Layer
from axon.models import Model, Sequential
from axon.modes import TrainingMode
from axon.optimizers import SGD, Adam
from axon.parameter import Buffer
from axon.program.trace import trace


class Centered(Layer):
    """Subtracts a mean that it keeps; a key counts what it did."""

    def create(self, *input_shapes):
        self.mean = Buffer(np.zeros(input_shapes[0], "f4"))
        self.key = Buffer(np.zeros(2, np.uint32))

    def call(self, x):
        return x - self.mean


class Two(Model):
    """Two inputs, a model inside, a layer called twice."""

    def __init__(self):
        super().__init__()
        self.left = Sequential([Dense(16, "relu"), Dense(8)])
        self.right = Dense(8)
        self.head = Dense(2)

    def forward(self, a, b):
        return self.head(self.left(a) + self.right(b) + self.right(2.0 * b))


class Inner(Model):
    """What only a run can tell the shape of."""

    def __init__(self):
        super().__init__()
        self.dense = Dense(5)

    def forward(self, x):
        return ops.concatenate([self.dense(x), x], axis=-1)


class Outer(Model):
    """A model of a user inside a model of a user."""

    def __init__(self):
        super().__init__()
        self.inner = Inner()
        self.head = Dense(2)

    def forward(self, x):
        return self.head(self.inner(x))


def text_of(model, **options):
    printed = []
    model.summary(printed.append, **options)
    return "\n".join(printed)


def rows(model, **options):
    summary = Summary(model, **options)
    return {row[0]: row[1:] for row in summary.rows}


def images():
    model = Sequential(
        [Conv2D(8, 3, activation="relu"), MaxPooling2D(2), Flatten(), Dense(10, "softmax")]
    )
    model.build((28, 28, 1))
    return model


# ------------------------------------------------------------------------------------ rows


def test_several_inputs_and_a_model_inside():
    model = Two()
    assert rows(model)["left (Sequential)"] == ["not built", "0"]
    model.build((20,), (7,))
    assert rows(model) == {
        "left (Sequential)": ["(None, 8)", "472"],
        "right (Dense)": ["(None, 8)", "64"],
        "head (Dense)": ["(None, 2)", "18"],
    }
    assert list(rows(model, expand_nested=True)) == [
        *("left (Sequential)", "└─ dense (Dense)", "└─ dense_1 (Dense)"),
        *("right (Dense)", "head (Dense)"),
    ]
    deep = Sequential([Sequential([Sequential([Dense(4, 3)], name="b")], name="a")])
    assert list(rows(deep, expand_nested=True)) == [
        *("a (Sequential)", "└─ b (Sequential)", "   └─ dense (Dense)")
    ]


def test_shapes_that_only_a_run_can_tell():
    model = Outer()
    assert rows(model)["inner (Inner)"] == ["not built", "0"]
    model.build((4,))
    assert rows(model)["inner (Inner)"] == ["(None, 9)", "25"]
    assert rows(model)["head (Dense)"] == ["(None, 2)", "20"]


def test_trainable():
    model = Two()
    model.build((20,), (7,))
    model.right.trainable = False
    model.left.layers[0].trainable = False
    shown = {name: row[2] for name, row in rows(model, show_trainable=True).items()}
    assert shown == {"left (Sequential)": "Y", "right (Dense)": "N", "head (Dense)": "Y"}
    model.left.trainable = False
    assert rows(model, show_trainable=True)["left (Sequential)"][2] == "N"
    assert rows(images(), show_trainable=True)["flatten (Flatten)"][2] == "-"


def test_buffers_are_not_trainable_and_keys_do_not_count():
    model = Sequential([Centered(), Dense(3)])
    model.build((4,))
    assert rows(model)["centered (Centered)"] == ["(None, 4)", "4"]
    assert Summary(model).totals == [
        "Total params: 19 (76 B)",
        "Trainable params: 15 (60 B)",
        "Non-trainable params: 4 (16 B)",
    ]
    assert model.count_params() == 15


def test_shared_parameters_count_once():
    class Tied(Model):
        def __init__(self):
            super().__init__()
            self.a = self.b = Dense(4, 4)

        def forward(self, x):
            return self.b(self.a(x))

    assert Summary(Tied()).totals[0] == "Total params: 20 (80 B)"
    layer = Dense(4, 4, dtype="float64")
    assert Summary(Sequential([layer, layer])).totals[0] == "Total params: 20 (160 B)"


@pytest.mark.parametrize(
    ("optimizer", "count"), [(SGD(0.1), 0), (SGD(0.1, momentum=0.9), 15), (Adam(), 30)]
)
def test_the_optimizers_memory(optimizer, count):
    model = Sequential([Dense(4, 3)])
    assert not any("Optimizer" in line for line in Summary(model).totals)
    assert not model.compiled
    model.compile("mse", optimizer)
    assert model.compiled
    assert f"Optimizer params: {count} ({4 * count} B)" in Summary(model).totals


# ------------------------------------------------------------------------------------ work


def test_multiply_adds_are_those_of_the_textbook():
    model = images()
    shown = {name: row[2] for name, row in rows(model, flops=True).items()}
    dense, conv = 13 * 13 * 8 * 10, 26 * 26 * 8 * 9
    assert shown == {
        "conv2d (Conv2D)": f"{2 * conv:,}",
        "max_pooling2d (MaxPooling2D)": "0",
        "flatten (Flatten)": "0",
        "dense (Dense)": f"{2 * dense:,}",
    }
    total = f"FLOPs of one prediction: {2 * (conv + dense):,} ({conv + dense:,} multiply-adds)"
    assert total in Summary(model, flops=True).totals
    assert not any("FLOPs" in line for line in Summary(model).totals)


def test_layers_of_groups_and_transposed_ones():
    grouped = Sequential([Conv2D(6, (3, 5), groups=2, strides=2, dilation_rate=1)])
    grouped.build((11, 13, 4))
    assert rows(grouped, flops=True)["conv2d (Conv2D)"][2] == f"{2 * 5 * 5 * 6 * 3 * 5 * 2:,}"
    back = Sequential([Conv2DTranspose(3, 3, strides=2)])
    back.build((5, 6, 4))
    expected = 2 * (5 * 6 * 4) * 3 * 3 * 3  # each number that comes in meets each of the kernel's
    assert rows(back, flops=True)["conv2d_transpose (Conv2DTranspose)"][2] == f"{expected:,}"


def test_a_layer_called_twice_works_twice_and_models_count_what_is_inside():
    model = Two()
    assert rows(model, flops=True)["right (Dense)"][2] == "-"
    model.build((20,), (7,))
    shown = {name: row[2] for name, row in rows(model, flops=True, expand_nested=True).items()}
    assert shown == {
        "left (Sequential)": "896",
        "└─ dense (Dense)": "640",
        "└─ dense_1 (Dense)": "256",
        "right (Dense)": "224",
        "head (Dense)": "32",
    }


def test_layers_of_the_same_name_in_different_models_are_told_apart():
    model = Sequential([Sequential([Dense(4, 3)]), Sequential([Dense(3, 2)])])
    costs = [row[3] for row in Summary(model, expand_nested=True, flops=True).rows]
    assert costs == ["24", "24", "12", "12"]


def test_what_is_counted_is_a_prediction_whatever_surrounds_it():
    class Busy(Layer):
        def call(self, x):
            return x @ x.T @ x if self.training else x + 1.0

    model = Sequential([Busy()])
    model.build((4,))
    with TrainingMode(True):
        assert rows(model, flops=True)["busy (Busy)"][2] == "0"


def test_memory_is_what_the_program_of_one_prediction_plans():
    model = images()
    model.predict(np.zeros((1, 28, 28, 1)))
    planned = model.program.bytes_after
    count = len(model.program.buffers)
    line = f"Memory of one prediction: {planned / 1024:.1f} KB in {count} buffers"
    assert line in Summary(model, flops=True).totals


def test_the_three_convolutions_cost_the_same():
    x, w = Tensor(np.ones((1, 7, 8, 4), "f4"), requires_grad=True), Tensor(np.ones((3, 3, 2, 6)))
    w = Tensor(w.data.astype("f4"), requires_grad=True)

    def all_three(x):
        y = ops.conv2d(x, w, groups=2)
        return [y, *axon.grad(y.sum(), [x, w])]

    instructions, _ = trace(all_three, [x])
    costs = {i.primitive.name: operations(i) for i in instructions}
    assert costs["conv2d"] == 2 * 5 * 6 * 6 * 3 * 3 * 2
    assert costs["conv2d_input"] == costs["conv2d_weight"] == costs["conv2d"]


# ------------------------------------------------------------------------------------ structure


def test_structure_follows_calls_and_leaves_the_modules_as_they_were():
    model = Two()
    with pytest.raises(RuntimeError, match="model 'two' is not built"):
        Structure(model, model.layers)
    model.build((20,), (7,))
    before = [dict(vars(m)) for m in model.modules()]
    structure = Structure(model, model.modules())
    assert [dict(vars(m)) for m in model.modules()] == before
    called = [(c.module.name, c.depth) for c in structure.calls]
    assert called == [
        *(("two", 0), ("left", 1), ("dense", 2), ("dense_1", 2)),
        *(("right", 1), ("right", 1), ("head", 1)),
    ]
    assert (structure.calls[0].start, structure.calls[0].stop) == (0, len(structure.instructions))
    assert structure.output is structure.calls[-1].output


def test_structure_of_a_model_that_asks_for_values_or_fails():
    class Asking(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(4, 4)

        def forward(self, x):
            y = self.dense(x)
            if self.stop_training:
                raise KeyError("no")
            return y if float(y.sum()) < 1 else y + 1.0

    model = Asking()
    model.build((4,))
    assert len(Structure(model, model.layers).instructions) == 3
    model.stop_training = True
    with pytest.raises(KeyError):
        Structure(model, model.layers)
    assert "forward" not in vars(model.dense)
    assert axon.modes.modes.recorder is None


def test_structure_tells_what_a_layer_passes_on_from_what_it_was_given():
    class Same(Layer):
        def call(self, x):
            return x

    model = Sequential([Same(), Same()])
    model.build((4,))
    first, second = Structure(model, model.layers).calls
    assert first.output is second.inputs[0]
    assert first.output is not first.inputs[0]


# ------------------------------------------------------------------------------------ paper


def test_the_whole_table_with_every_column():
    lines = text_of(images(), show_trainable=True, flops=True).splitlines()
    assert lines[0] == "Model: sequential"
    assert lines[2] == (
        "Layer (type)                      Output Shape                   Param #  Trainable"
        "         FLOPs"
    )
    assert lines[4] == (
        "conv2d (Conv2D)                   (None, 26, 26, 8)                   80          Y"
        "        97,344"
    )
    assert len(lines[1]) == len(lines[2]) == sum(USUAL.values())


def test_a_length_can_be_chosen():
    model = Sequential([Dense(4, 3, name="a_long_name_" * 4)])
    assert "a_long_name_" * 4 + " (Dense)" in text_of(model, line_length=200)
    narrow = text_of(model, line_length=50).splitlines()
    assert len(narrow[1]) == 50
    assert all(len(line) <= 50 for line in narrow)
    assert "…" in narrow[4]
    assert "(None, 3)" in narrow[4]


def test_numbers_give_way_before_names():
    columns = ["Layer (type)", "Output Shape", "Param #"]
    assert fitted(columns, [["a" * 36, "(None, 3)", "1"]], 72) == [38, 24, 10]
    assert fitted(columns, [["a" * 60, "(None, 3)", "1"]], 72) == [49, 14, 9]


words = st.text("abcdefgh", min_size=0, max_size=60)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.tuples(words, words, words), max_size=5), st.integers(50, 200))
def test_columns_fit_the_room_and_numbers_are_never_cut(cells, room):
    columns = ["Layer (type)", "Output Shape", "Param #"]
    cells = [(a, b, c[:12]) for a, b, c in cells]
    widths = fitted(columns, [list(row) for row in cells], room)
    assert sum(widths) <= room
    assert widths[2] >= max(len(row[2]) for row in [*cells, columns]) + 2
    if sum(USUAL[c] for c in columns) <= room:
        assert sum(widths) >= min(room, sum(USUAL[c] for c in columns))


def test_unknown_options_are_refused():
    with pytest.raises(TypeError, match="show_flops"):
        images().summary(show_flops=True)


class Terminal:
    """Standard output that says it is a terminal."""

    def __init__(self):
        self.written = ""

    def write(self, text):
        self.written += text

    def flush(self):
        pass

    def isatty(self):
        return True


def on_a_terminal(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    return terminal


@pytest.mark.parametrize("columns", [60, 120])
def test_a_terminal_gets_a_table_by_rich(monkeypatch, columns):
    pytest.importorskip("rich")
    terminal = on_a_terminal(monkeypatch, columns)
    images().summary(flops=True)
    written = terminal.written
    assert "╭" in written
    assert "\x1b[" in written, "in colour"
    assert "conv2d (Conv2D)" in written
    assert "Total params: 13,610" in written
    longest = max(len(line) for line in written.splitlines() if line.startswith("╭"))
    assert longest <= columns


def test_a_terminal_without_rich_gets_plain_text_as_wide_as_it_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    terminal = on_a_terminal(monkeypatch, 64)
    Sequential([Dense(4, 3, name="a_long_name_" * 4)]).summary()
    lines = terminal.written.splitlines()
    assert lines[1] == "-" * 64
    assert "\x1b[" not in terminal.written


def test_whoever_prints_elsewhere_or_asks_for_a_length_gets_plain_text(monkeypatch):
    terminal = on_a_terminal(monkeypatch, 120)
    assert text_of(images()).startswith("Model: sequential\n-----")
    assert terminal.written == ""
    images().summary(line_length=60)
    assert terminal.written.startswith("Model: sequential\n" + "-" * 60 + "\n")


def test_a_file_or_a_pipe_gets_plain_text(capsys):
    images().summary()
    printed = capsys.readouterr().out
    assert printed == text_of(images()) + "\n"
    assert printed.splitlines()[1] == "-" * 72


def test_summaries_leave_the_model_as_it_was():
    model = Sequential([Dense(4, 3), Dense(3, 2)])
    model.compile("mse", "sgd")
    before = [w.tobytes() for w in model.get_weights()]
    text_of(model, flops=True)
    assert [w.tobytes() for w in model.get_weights()] == before
    assert type(model(Tensor(np.ones((1, 4), "f4")))) is Tensor
    assert model.programs == []
