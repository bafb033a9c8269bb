"""model.plot(): which boxes there are, what feeds what, where they stand, and the file."""

import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon import ops
from axon.inspect.diagram import Drawing
from axon.inspect.diagram_layout import layout
from axon.layers import Conv2D, Dense, Flatten, MaxPooling2D
from axon.layers.base import Layer
from axon.models import Model, Sequential

needs_matplotlib = pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("matplotlib"), reason="matplotlib is missing"
)


class Residual(Model):
    def __init__(self):
        super().__init__()
        self.stem = Dense(6, "tanh")
        self.block = Dense(6, "relu")
        self.head = Dense(3, "softmax")

    def forward(self, x):
        h = self.stem(x)
        return self.head(h + 0.5 * self.block(h))


class Two(Model):
    def __init__(self):
        super().__init__()
        self.left = Sequential([Dense(16, "relu"), Dense(8)])
        self.right = Dense(8, "relu")
        self.head = Dense(1)

    def forward(self, image, text):
        a, b = self.left(image), self.right(text)
        return self.head(ops.concatenate([a, b], axis=-1).reshape(-1, 4, 4).reshape(-1, 16))


def graph(model, **options):
    drawing = Drawing(model, **options)
    boxes = [f"{b.title} {b.note} {b.size}".replace("  ", " ") for b in drawing.boxes]
    return boxes, [(boxes[a].split()[0], boxes[b].split()[0]) for a, b in drawing.edges]


def built(model, *shapes):
    model.build(*shapes)
    return model


def images():
    layers = [Conv2D(4, 3, activation="relu"), MaxPooling2D(2), Flatten(), Dense(10, "softmax")]
    return built(Sequential(layers), (8, 8, 1))


# ------------------------------------------------------------------------------------ the graph


def test_a_chain():
    boxes, edges = graph(images())
    assert boxes == [
        *("Input x 8×8×1", "Conv2D conv2d, relu 6×6×4", "MaxPooling2D max_pooling2d 3×3×4"),
        *("Flatten flatten 36", "Dense dense, softmax 10", "Output of sequential 10"),
    ]
    names = [box.split()[0] for box in boxes]
    assert edges == list(pairwise(names))


def test_a_shortcut():
    boxes, edges = graph(built(Residual(), (4,)))
    assert boxes == [
        *("Input x 4", "Dense stem, tanh 6", "Dense block, relu 6", "multiply 6", "add 6"),
        *("Dense head, softmax 3", "Output of residual 3"),
    ]
    drawing = Drawing(built(Residual(), (4,)))
    assert drawing.edges == [(0, 1), (1, 2), (2, 3), (1, 4), (3, 4), (4, 5), (5, 6)]
    assert ("multiply", "add") in edges


def test_two_inputs_and_a_model_inside():
    model = built(Two(), (20,), (7,))
    boxes, _ = graph(model)
    assert boxes == [
        *("Input image 20", "Input text 7", "Sequential left 8", "Dense right, relu 8"),
        *("concatenate 16", "Dense head 1", "Output of two 1"),
    ]
    assert Drawing(model).edges == [(0, 2), (1, 3), (2, 4), (3, 4), (4, 5), (5, 6)]
    boxes, _ = graph(model, expand_nested=True)
    assert boxes[2:5] == ["Dense dense, relu 16", "Dense dense_1 8", "Dense right, relu 8"]
    assert Drawing(model, expand_nested=True).edges[:3] == [(0, 2), (2, 3), (1, 4)]


def test_a_layer_called_twice_has_two_boxes_and_one_that_passes_on_has_its_own():
    class Same(Layer):
        def call(self, x):
            return x

    class Tied(Model):
        def __init__(self):
            super().__init__()
            self.dense, self.same = Dense(4), Same()

        def forward(self, x):
            return x + self.same(self.dense(self.dense(x)))

    drawing = Drawing(built(Tied(), (4,)))
    assert [b.note for b in drawing.boxes[1:4]] == ["dense", "dense", "same"]
    assert drawing.edges == [(0, 1), (1, 2), (2, 3), (0, 4), (3, 4), (4, 5)]


def test_layers_inside_a_layer_are_not_drawn():
    class Block(Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.inner = Dense(4, "relu")

        def call(self, x):
            return x + self.inner(x)

    model = built(Sequential([Block(), Dense(2)]), (4,))
    for expand in (False, True):
        assert [b.title for b in Drawing(model, expand).boxes] == [
            *("Input", "Block", "Dense", "Output")
        ]


def test_a_layer_that_also_works_inside_another_is_drawn_where_it_works_alone():
    class Around(Layer):
        def __init__(self, inner, **options):
            super().__init__(**options)
            self.inner = inner

        def call(self, x):
            return self.inner(x) * 2.0

    class Shared(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(4)
            self.around = Around(self.dense)

        def forward(self, x):
            return self.around(x) + self.dense(x)

    drawing = Drawing(built(Shared(), (4,)))
    assert [b.title for b in drawing.boxes] == ["Input", "Around", "Dense", "add", "Output"]
    assert drawing.edges == [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)]


def test_what_is_read_twice_has_one_arrow():
    class Square(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(4)

        def forward(self, x):
            y = self.dense(x)
            return y * y

    assert Drawing(built(Square(), (4,))).edges == [(0, 1), (1, 2), (2, 3)]


def test_boxes_of_layers_are_equally_wide():
    drawing = Drawing(images())
    assert len(set(drawing.widths)) == 1
    assert len(set(Drawing(built(Residual(), (4,))).widths)) == 3, "layers, multiply, add"


def test_an_output_that_is_an_input():
    class Nothing(Model):
        def forward(self, x):
            return x

    assert Drawing(built(Nothing(), (4,))).edges == [(0, 1)]


# ------------------------------------------------------------------------------------ the places


def test_a_chain_stands_in_one_column():
    plan = layout([1.0, 2.0, 0.5], [(0, 1), (1, 2)])
    assert [row for _, row in plan.places] == [0, 1, 2]
    assert np.ptp([x for x, _ in plan.places]) < 1e-9
    assert plan.rows == 3


def test_a_shortcut_goes_round_what_it_skips():
    plan = layout([1.0] * 4, [(0, 1), (1, 2), (2, 3), (0, 3)], gap=0.2)
    route = plan.routes[3]
    assert [row for _, row in route] == [0, 1, 2, 3]
    for (x, _), box in zip(route[1:3], plan.places[1:3], strict=True):
        assert abs(x - box[0]) >= 0.5
    assert plan.routes[0] == [plan.places[0], plan.places[1]]


def test_who_feeds_two_stands_between_them_and_what_one_feeds_stands_below_it():
    x = [x for x, _ in layout([1.0] * 3, [(0, 1), (0, 2)]).places]
    assert x[0] == pytest.approx((x[1] + x[2]) / 2)
    assert abs(x[1] - x[2]) == pytest.approx(1.3)
    x = [x for x, _ in layout([1.0, 1.0, 1.0, 2.0], [(0, 1), (1, 2), (0, 3)]).places]
    assert x[2] == pytest.approx(x[1])
    x = [x for x, _ in layout([1.0] * 4, [(0, 1), (0, 2), (0, 3)]).places]
    assert x[0] == pytest.approx(sum(x[1:]) / 3)


def test_inputs_stand_above_those_who_read_them():
    plan = layout([1.0] * 4, [(0, 2), (2, 3), (1, 3)])
    assert [row for _, row in plan.places] == [0, 1, 1, 2]


def test_arrows_do_not_cross_without_need():
    plan = layout([1.0] * 4, [(0, 3), (1, 2)])  # the readers are listed the other way round
    x = [x for x, _ in plan.places]
    assert (x[0] - x[1]) * (x[3] - x[2]) > 0


edges_of = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(edges_of, st.lists(st.floats(0.3, 3.0), min_size=10, max_size=10))
def test_boxes_never_overlap_and_arrows_go_down(pairs, widths):
    edges = list(dict.fromkeys((min(p), max(p)) for p in pairs if p[0] != p[1]))
    plan = layout(widths, edges, gap=0.3)
    assert all(plan.places[a][1] < plan.places[b][1] for a, b in edges)
    for route in plan.routes:
        assert [row for _, row in route] == list(range(route[0][1], route[-1][1] + 1))
    for i, (x, row) in enumerate(plan.places):
        assert 0 <= row < plan.rows
        for j, (other, level) in enumerate(plan.places[:i]):
            if row == level:
                assert abs(x - other) >= (widths[i] + widths[j]) / 2 + 0.3 - 1e-6


# ------------------------------------------------------------------------------------ the picture


def written(figure):
    return [t.get_text() for axes in figure.axes for t in axes.texts]


@needs_matplotlib
def test_the_picture_says_names_activations_and_shapes():
    figure = images().plot()
    assert written(figure)[:6] == ["Input", "x", "8×8×1", "Conv2D", "conv2d, relu", "6×6×4"]
    assert "8×8×1" not in written(images().plot(show_shapes=False))
    assert "add (6)" in written(built(Residual(), (4,)).plot())
    assert "add" in written(built(Residual(), (4,)).plot(show_shapes=False))


@needs_matplotlib
def test_text_stays_inside_its_box_and_boxes_on_the_paper():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.patches import FancyBboxPatch

    class ALayerWithAVeryLongNameIndeed(Layer):
        def call(self, x):
            return x + 1.0

    long = built(Sequential([ALayerWithAVeryLongNameIndeed(name="short")]), (4,))
    for model in (images(), long, built(Residual(), (4,)), built(Two(), (20,), (7,))):
        figure = model.plot()
        FigureCanvasAgg(figure).draw()
        (axes,) = figure.axes
        boxes = [p.get_window_extent() for p in axes.patches if isinstance(p, FancyBboxPatch)]
        assert len(boxes) == len(Drawing(model).boxes)
        for text in axes.texts:
            room = text.get_window_extent()
            assert any(
                box.x0 <= room.x0 and room.x1 <= box.x1 and box.y0 <= room.y0 and room.y1 <= box.y1
                for box in boxes
            ), text.get_text()
        width, height = figure.get_size_inches() * figure.dpi
        assert all(b.x0 > 0 and b.y0 > 0 and b.x1 < width and b.y1 < height for b in boxes)


@needs_matplotlib
def test_files(tmp_path):
    model = images()
    model.plot(tmp_path / "net.png")
    data = (tmp_path / "net.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert 150 < width < height < 1000
    model.plot(str(tmp_path / "net.svg"))
    assert "<svg" in (tmp_path / "net.svg").read_text()
    with pytest.raises(ValueError, match=r"plot: 'net\.jpeg' must end in \.png, \.svg or \.pdf\."):
        model.plot("net.jpeg")


def test_a_model_that_is_not_built():
    with pytest.raises(RuntimeError, match=r"is not built.*model\.build\(shape\)"):
        Sequential([Dense(3)]).plot()


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install matplotlib \(the extra 'plot'\)"):
        images().plot()
    assert axon.modes.modes.recorder is None
