"""axon.plot: what the pictures show, which is asked of their lines, images and texts."""

import pickle
import re
import sys
from itertools import pairwise

import numpy as np
import pytest

import axon
from axon import layers, plot
from axon.callbacks import CSVLogger, History
from axon.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from axon.layers.base import Neuron
from axon.models import Model, Sequential
from axon.plot.figure import MARKERS, SERIES
from axon.plot.pictures import shown, spread

pytest.importorskip("matplotlib")
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

RANDOM = np.random.default_rng(0)


def drawn(figure):
    """Draw it, as saving would; texts may be asked where they are afterwards."""
    FigureCanvasAgg(figure).draw()
    return figure


def texts(axes):
    return [t.get_text() for t in axes.texts]


def legend(axes):
    found = axes.get_legend()
    return [] if found is None else [t.get_text() for t in found.get_texts()]


def lines(axes):
    return {line.get_label(): (line.get_xdata(), line.get_ydata()) for line in axes.lines}


def inside(figure):
    """Whether all that is drawn lies on the paper."""
    box, (width, height) = drawn(figure).get_tightbbox(), figure.get_size_inches()
    room = 0.02
    return min(box.x0, box.y0) > -room and box.x1 < width + room and box.y1 < height + room


# ------------------------------------------------------------------------------------ curves

RUN = {"loss": [0.9, 0.5, 0.4], "val_loss": [0.8, 0.6, 0.7], "accuracy": [0.1, 0.3, 0.2]}


def test_curves_of_training_and_validation():
    figure = plot.curves(RUN)
    first, second = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy"]
    assert [line.get_ydata().tolist() for line in first.lines[:2]] == [RUN["loss"], RUN["val_loss"]]
    assert all(np.array_equal(line.get_xdata(), [1, 2, 3]) for line in first.lines[:2])
    assert legend(first) == ["training", "validation", "best: 0.6 in epoch 2"]
    assert (first.lines[2].get_xdata(), first.lines[2].get_ydata()) == ([2], [0.6])
    assert legend(second) == ["training", "best: 0.3 in epoch 2"], "more accuracy is better"
    assert [line.get_color() for line in first.lines[:2]] == list(SERIES[:2])
    assert first.get_xlabel() == "epoch"
    assert not figure.legends
    assert inside(figure)


def test_a_figure_belongs_to_no_window():
    figure = plot.curves(RUN)
    assert type(figure) is Figure
    assert figure.canvas.manager is None


def small_model():
    model = Sequential([Dense(8, 4, "relu"), Dense(4, 2, "softmax")], name="small")
    model.compile("categorical_crossentropy", "sgd")
    return model


def convolution():
    model = Sequential([Conv2D(4, 3), Flatten(), Dense(2)])
    model.build((6, 6, 1))
    return model


X, Y = np.random.default_rng(0).random((12, 8), np.float32), np.arange(12) % 2

FIGURES = {
    "history.plot": lambda m: m.fit(X, Y, verbose=0).plot(),
    "model.plot": lambda m: m.plot(),
    "curves": lambda m: plot.curves({"loss": [2.0, 1.0]}),
    "confusion_matrix": lambda m: plot.confusion_matrix(Y, m.predict(X)),
    "roc_curve": lambda m: plot.roc_curve(Y, m.predict(X)[:, 1]),
    "mistakes": lambda m: plot.mistakes(X, Y, m.predict(X)),
    "filters": lambda m: plot.filters(m.layers[0]),
    "activations": lambda m: plot.activations(convolution(), np.zeros((1, 6, 6, 1))),
    "network": lambda m: plot.network(m),
    "learning_rate": lambda m: plot.learning_rate(axon.optimizers.schedules.CosineDecay(0.1, 9), 9),
    "decision_boundary": lambda m: plot.decision_boundary(Neuron(2), X[:, :2], Y),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_notebook_shows_each_figure(name):
    """IPython asks for a method of this name; it has not been told of matplotlib."""
    figure = FIGURES[name](small_model())
    png = figure._repr_png_()
    assert png.startswith(b"\x89PNG")
    copy = pickle.loads(pickle.dumps(figure))
    assert copy._repr_png_().startswith(b"\x89PNG")


def test_a_notebook_shows_a_figure_that_is_too_large_for_its_pixels():
    figure = plot.figure.paper(1.0, 2000.0)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_curves_of_a_history_a_dict_and_its_files(tmp_path):
    model = Sequential([Dense(2, 1)])
    model.compile("mse", "sgd")
    x = np.ones((8, 2), np.float32)
    more = {"validation_data": (x, x[:, :1]), "validation_freq": 2}
    logger = CSVLogger(tmp_path / "log.csv")
    history = model.fit(x, x[:, :1], epochs=5, verbose=0, callbacks=[logger], **more)
    history.to_csv(tmp_path / "h.csv")
    history.to_json(tmp_path / "h.json")
    paths = [tmp_path / "log.csv", str(tmp_path / "h.csv"), tmp_path / "h.json"]
    for source in (history, history.history, *paths):
        (axes,) = plot.curves(source).axes
        training, validation, best = axes.lines
        assert training.get_xdata().tolist() == [1, 2, 3, 4, 5]
        assert validation.get_xdata().tolist() == [2, 4]
        assert validation.get_ydata().tolist() == history.history["val_loss"]
        assert best.get_xdata() == [history.best().epoch + 1]


def test_a_chosen_metric_and_a_logarithmic_scale():
    (axes,) = plot.curves(RUN, metrics=["accuracy"]).axes
    assert axes.get_title() == "accuracy"
    for log, scales in (
        (True, ["log", "linear"]),
        (False, ["linear", "linear"]),
        (["accuracy"], ["linear", "log"]),
    ):
        assert [axes.get_yscale() for axes in plot.curves(RUN, log=log).axes] == scales
    for best in (True, False):
        assert len(plot.curves(RUN, best=best).axes[0].lines) == 2 + best
    words = (
        r"curves: 'acuracy' was not measured\. Did you mean 'accuracy'\? Known: loss, accuracy\."
    )
    with pytest.raises(ValueError, match=words):
        plot.curves(RUN, metrics=["acuracy"])


def test_a_logarithmic_scale_of_what_reaches_zero():
    drawn(plot.curves({"loss": [1.0, 0.0, -1.0]}, log=True))


def test_runs_side_by_side(tmp_path):
    history = History()
    history.history, history.epoch = {"loss": [3.0, 2.0], "val_loss": [3.0, 2.5]}, [0, 1]
    (tmp_path / "b.csv").write_text("epoch,loss\n0,4\n1,3\n2,5\n")
    figure = plot.curves({"plain": history, "other": tmp_path / "b.csv", "third": {"loss": [1.0]}})
    (axes,) = figure.axes
    shown_lines = [(ln.get_color(), ln.get_linestyle(), list(ln.get_ydata())) for ln in axes.lines]
    assert shown_lines[:4] == [
        (SERIES[0], ":", [3.0, 2.0]),
        (SERIES[0], "-", [3.0, 2.5]),
        (SERIES[1], "-", [4.0, 3.0, 5.0]),
        (SERIES[2], "-", [1.0]),
    ]
    assert legend(axes) == [f"best: {v} in epoch {e}" for v, e in (("2.5", 2), ("3", 2), ("1", 1))]
    assert [line.get_color() for line in axes.lines[4:]] == list(SERIES[:3])
    (below,) = figure.legends
    names = [t.get_text() for t in below.get_texts()]
    assert names == ["plain", "other", "third", "validation", "training"]
    assert [h.get_color() for h in below.get_lines()[:3]] == list(SERIES[:3])
    assert [h.get_linestyle() for h in below.get_lines()[3:]] == ["-", ":"]
    assert inside(figure)


def test_a_single_epoch_and_very_many():
    (axes,) = drawn(plot.curves({"loss": [0.5]})).axes
    assert [v for v in axes.get_xticks() if v == int(v)] == [*axes.get_xticks()]
    low, high = axes.get_xlim()
    assert low < 1 < high
    assert axes.lines[0].get_marker() == "o"
    (axes,) = plot.curves({"loss": np.linspace(1, 0.1, 500).tolist()}).axes
    assert axes.lines[0].get_marker() == ""


def test_a_run_that_broke_down():
    (axes,) = drawn(plot.curves({"loss": [1.0, 0.5, np.nan, np.inf]})).axes
    assert legend(axes) == [
        "training",
        "not finite in 2 epochs, first in 3",
        "best: 0.5 in epoch 2",
    ]
    (axes,) = drawn(plot.curves({"loss": [np.nan]})).axes
    assert legend(axes) == ["training", "not finite in 1 epochs, first in 1"]


def test_many_metrics_stand_in_rows_of_three():
    figure = plot.curves({f"metric_{i}": [1.0, 2.0] for i in range(7)})
    assert [axes.get_title() for axes in figure.axes] == [f"metric_{i}" for i in range(7)]
    assert len({round(axes.get_position().x0, 2) for axes in drawn(figure).axes}) == 3
    assert len({round(axes.get_position().y0, 2) for axes in figure.axes}) == 3
    assert figure.axes[0].get_position().height > 0.2, "no room is kept for others"
    assert all(legend(axes) == ["training"] for axes in figure.axes), "nothing says what is better"


@pytest.mark.parametrize("empty", [History(), {}, {"loss": []}, {"a": History()}])
def test_no_epoch(empty):
    with pytest.raises(
        ValueError, match=r"curves: the history is empty\. Train at least one epoch"
    ):
        plot.curves(empty)


# ------------------------------------------------------------------------------------ confusion


def cells(figure):
    """What is written into the cells, by row and column."""
    (axes,) = figure.axes
    side = round(len(axes.texts) ** 0.5)
    return np.array(texts(axes)).reshape(side, side).tolist()


def colours(figure):
    """What the cells look like: the two images over one another."""
    (axes,) = figure.axes
    rights, wrongs = (np.asarray(image.to_rgba(image.get_array())) for image in axes.images)
    return np.where(np.eye(len(rights), dtype=bool)[..., None], rights, wrongs)[..., :3]


def test_confusion_counts_rows_are_true_columns_are_guessed():
    figure = plot.confusion_matrix([0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 2, 0], ["cat", "dog", "owl"])
    assert cells(figure) == [["1", "1", "0"], ["0", "1", "0"], ["1", "0", "2"]]
    (axes,) = figure.axes
    assert axes.get_title() == "66.7% of 6 right"
    assert [t.get_text() for t in axes.get_yticklabels()] == ["cat", "dog", "owl"]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["cat", "dog", "owl"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("is", "taken for")
    assert texts(axes)[1] == "1"
    assert axes.texts[1].get_position() == (1, 0), "x is the column"
    right, left = axes.images
    assert right.get_array()[2, 2] == 2
    assert left.get_array()[0, 1] == 1
    assert np.isnan(np.ma.filled(left.get_array(), np.nan)[0, 2]), "nothing is white"
    assert inside(figure)


def test_what_is_right_is_blue_and_a_mistake_is_orange():
    shades = colours(plot.confusion_matrix([0] * 50 + [1] * 50, [0] * 49 + [1] * 51))
    assert shades[0, 0, 2] > shades[0, 0, 0]
    assert shades[0, 1, 0] > shades[0, 1, 2], "a single mistake among a hundred is seen"


@pytest.mark.parametrize(
    ("normalize", "expected"),
    [
        ("true", [["75%", "25%"], ["0", "100%"]]),
        (True, [["75%", "25%"], ["0", "100%"]]),
        ("pred", [["100%", "50%"], ["0", "50%"]]),
        ("all", [["60%", "20%"], ["0", "20%"]]),
        (False, [["3", "1"], ["0", "1"]]),
    ],
)
def test_shares(normalize, expected):
    figure = plot.confusion_matrix([0, 0, 0, 0, 1], [0, 0, 0, 1, 1], normalize=normalize)
    assert cells(figure) == expected


def test_a_class_without_samples_has_shares_of_nothing():
    assert cells(plot.confusion_matrix([0, 0], [0, 2], normalize=True))[1] == ["0", "0", "0"]


def test_labels_of_all_kinds():
    expected = [["1", "1"], ["0", "1"]]
    for truth, guess in (
        ([0, 0, 1], [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]),
        (np.eye(2)[[0, 0, 1]], [0, 1, 1]),
        ([[0], [0], [1]], [[0.1], [0.7], [0.9]]),
        ([0.0, 0.0, 1.0], np.array([0, 1, 1], np.uint8)),
        (["a", "a", "b"], ["a", "b", "b"]),
        ([-1, -1, 1], [-1, 1, 1]),
        ([False, False, True], [False, True, True]),
        ([100_000, 100_000, 200_000], [100_000, 200_000, 200_000]),
    ):
        assert cells(plot.confusion_matrix(truth, guess)) == expected
    (axes,) = plot.confusion_matrix(["no", "yes"], ["yes", "yes"]).axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["no", "yes"]


def test_classes_that_do_not_occur_are_shown_if_they_are_named():
    assert len(cells(plot.confusion_matrix([0, 1], [0, 1], ["a", "b", "c"]))) == 3


def test_a_hundred_classes_with_long_names():
    y = np.arange(1000) % 100
    names = [f"the class with the number {i}" for i in range(100)]
    (axes,) = (figure := plot.confusion_matrix(y, y, names)).axes
    assert not texts(axes), "there is no room for numbers"
    labels = [t.get_text() for t in axes.get_yticklabels()]
    assert len(labels) == 10
    assert labels[1] == "the class with th…"
    assert axes.get_yticks().tolist() == [*range(0, 100, 10)]
    assert max(figure.get_size_inches()) < 10
    assert inside(figure)
    assert axes.images[0].get_array().count() == 100


def test_a_confusion_of_nothing():
    with pytest.raises(ValueError, match=r"as many y_pred as y_true, at least one, got 0 and 0"):
        plot.confusion_matrix([], [])
    with pytest.raises(ValueError, match=r"as many y_pred as y_true, at least one, got 1 and 2"):
        plot.confusion_matrix([0, 1], [0])
    with pytest.raises(ValueError, match=r"normalize must be one of 'true', 'pred', 'all' or None"):
        plot.confusion_matrix([0], [0], normalize="rows")
    with pytest.raises(
        ValueError, match=r"expected a name for each of 3 classes, got 2 class_name"
    ):
        plot.confusion_matrix([0, 2], [0, 1], ["a", "b"])
    with pytest.raises(ValueError, match=r"expected labels \(n,\) or rows .*got shape \(1, 1, 1\)"):
        plot.confusion_matrix([[[1]]], [1])


# ------------------------------------------------------------------------------------ roc


def test_roc_points_and_area():
    (axes,) = plot.roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).axes
    wrong, found = lines(axes)["area 0.750"]
    assert wrong.tolist() == [0, 0, 0.5, 0.5, 1]
    assert found.tolist() == [0, 0.5, 0.5, 1, 1]
    assert legend(axes) == ["area 0.750"]
    assert np.array_equal(lines(axes)["_child0"], [[0, 1], [0, 1]]), "what chance gives"
    assert "taken for it" in axes.get_xlabel()
    assert "of the class found" in axes.get_ylabel()
    assert axes.get_xlim() == axes.get_ylim() == (-0.02, 1.02)


def test_roc_area_is_the_chance_of_a_right_order_ties_by_half():
    y = RANDOM.integers(0, 2, 60)
    score = RANDOM.integers(0, 8, 60) / 8
    one, zero = score[y == 1][:, None], score[y == 0]
    area = ((one > zero) + 0.5 * (one == zero)).mean()
    for p in (score, score[:, None], np.stack([1 - score, score], axis=1)):
        assert legend(plot.roc_curve(y, p).axes[0]) == [f"area {area:.3f}"]


def test_roc_of_classes():
    y = np.arange(60) % 3
    p = np.eye(3)[y] * 0.5 + RANDOM.random((60, 3))
    (axes,) = plot.roc_curve(np.eye(3)[y], p, ["a", "b", "c"]).axes
    assert [text.split(",")[0] for text in legend(axes)] == ["a", "b", "c"]
    many = np.arange(200) % 20
    p = np.eye(20)[many]
    p[many == 7] = p[many == 7][::-1] * 0
    (axes,) = plot.roc_curve(many, p).axes
    assert len(legend(axes)) == 8
    assert any(text.startswith("7, area 0.") for text in legend(axes)), "the worst is shown"


def test_roc_of_one_class_and_of_other_lengths():
    with pytest.raises(ValueError, match="samples of at least two classes, got one class"):
        plot.roc_curve([1, 1], [0.2, 0.3])
    with pytest.raises(ValueError, match="got 2 labels, but 1 rows of probabilities"):
        plot.roc_curve([1, 0], [0.2])
    (axes,) = plot.roc_curve([0, 1, 1], np.eye(3)[[0, 1, 1]]).axes
    assert len(legend(axes)) == 2, "of a class without samples nothing can be said"


# ------------------------------------------------------------------------------------ mistakes


def test_mistakes_the_surest_first():
    x = np.arange(4 * 9, dtype=float).reshape(4, 3, 3)
    p = [[0.4, 0.6], [0.1, 0.9], [0.2, 0.8], [1.0, 0.0]]
    figure = plot.mistakes(x, [0, 1, 0, 0], p, ["cat", "dog"])
    assert figure.get_suptitle() == "2 mistakes in 4 samples"
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["cat\nread as dog, 80%", "cat\nread as dog, 60%"]
    assert figure.axes[0].images[0].get_array().tolist() == x[2].tolist()
    assert inside(figure)


def test_mistakes_are_limited_but_counted():
    figure = plot.mistakes(np.zeros((60, 4, 4, 1)), np.ones(60, int), np.eye(2)[[0] * 60], limit=7)
    assert sum(bool(axes.images) for axes in figure.axes) == 7
    assert figure.get_suptitle() == "60 mistakes in 60 samples"
    assert len({axes.get_subplotspec().rowspan.start for axes in figure.axes}) == 2
    assert plot.mistakes(np.zeros((2, 4, 4)), [1, 1], [[1, 0], [0, 1]]).get_suptitle() == (
        "1 mistake in 2 samples"
    )


def test_no_mistakes_at_all():
    for x in (np.zeros((2, 4, 4)), np.zeros((2, 4))):
        figure = drawn(plot.mistakes(x, [0, 1], np.eye(2)))
        assert figure.get_suptitle() == "0 mistakes in 2 samples"
        assert not any(axes.images for axes in figure.axes)


def test_mistakes_among_rows_are_listed():
    figure = plot.mistakes(np.zeros((3, 5)), [0, 1, 1], [[0, 1], [0.9, 0.1], [0, 1]], ["a", "b"])
    assert texts(figure.axes[0]) == ["row 0: a, read as b 100%\nrow 1: b, read as a 90%"]
    assert inside(plot.mistakes(np.zeros((25, 5)), np.zeros(25, int), np.eye(2)[[1] * 25]))


def test_mistakes_of_a_single_output_and_one_hot_labels():
    figure = plot.mistakes(np.zeros((2, 4, 4)), np.eye(2)[[0, 1]], [[0.7], [0.6]])
    assert figure.axes[0].get_title() == "0\nread as 1, 70%"
    assert figure.get_suptitle() == "1 mistake in 2 samples"


def test_long_names_do_not_touch_their_neighbours():
    names = ["a class with an uncommonly long name", "another class with a very long name"]
    figure = drawn(plot.mistakes(np.zeros((8, 9, 9)), np.ones(8, int), np.eye(2)[[0] * 8], names))
    rooms = [axes.title.get_window_extent() for axes in figure.axes[:5]]
    assert all(a.x1 <= b.x0 for a, b in pairwise(rooms))


def test_mistakes_that_do_not_fit():
    with pytest.raises(ValueError, match="x, y_true and probabilities differ in length: 3, 2, 2"):
        plot.mistakes(np.zeros((3, 4)), [0, 1], np.eye(2))
    with pytest.raises(ValueError, match=r"mistakes: expected a name for each of 2 classes, got 1"):
        plot.mistakes(np.zeros((2, 4)), [0, 1], np.eye(2), ["a"])
    with pytest.raises(
        ValueError, match=r"expected probabilities \(n, classes\), got shape \(1, 2"
    ):
        plot.mistakes(np.zeros((1, 4)), [0], np.zeros((1, 2, 2)))


# ------------------------------------------------------------------------------------ images


def test_images_of_all_kinds():
    assert shown(np.zeros((4, 4, 1)))["X"].shape == (4, 4)
    assert shown(np.zeros((4, 4)))["cmap"] == "gray_r"
    bytes_ = RANDOM.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    assert shown(bytes_)["X"] is bytes_
    np.testing.assert_allclose(shown(bytes_.astype(float))["X"], bytes_ / 255, rtol=1e-6)
    unit = RANDOM.random((4, 4, 3))
    np.testing.assert_allclose(shown(unit)["X"], unit, rtol=1e-6)
    scaled = shown(unit * 4 - 2)["X"]
    assert (scaled.min(), scaled.max()) == (0, 1)
    five = RANDOM.random((4, 4, 5))
    np.testing.assert_allclose(shown(five)["X"], five.mean(axis=2))
    assert spread(np.full((2, 2), 7.0)).tolist() == [[0.5, 0.5], [0.5, 0.5]]


# ------------------------------------------------------------------------------------ filters


def images(figure):
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


def test_weights_of_a_dense_on_images_have_their_shape():
    model = Sequential([Flatten(), Dense(5)])
    model.build((6, 4))
    figure = plot.filters(model)
    w = model.layers[1].weights.data
    assert figure.get_suptitle() == "dense: 5 neurons of 6×4"
    for i, image in enumerate(images(figure)[:5]):
        assert np.array_equal(image, w[:, i].reshape(6, 4))
    most = np.abs(w).max()
    assert figure.axes[0].images[0].get_clim() == pytest.approx((-most, most))
    blue = to_rgb(to_hex(figure.axes[0].images[0].to_rgba(most)))
    assert blue[2] > blue[0], "more than 0 is blue"


def test_colour_images_squares_features_and_chosen_shapes():
    model = Sequential([Flatten(), Dense(2)])
    model.build((5, 4, 3))
    first = images(plot.filters(model))[0]
    w = model.layers[1].weights.data[:, 0].reshape(5, 4, 3)
    np.testing.assert_allclose(first, (w - w.min()) / np.ptp(w), rtol=1e-5)
    assert images(plot.filters(Dense(64, 2)))[0].shape == (8, 8)
    (matrix,) = (figure := plot.filters(Dense(16, 3))).axes[:1]
    assert matrix.images[0].get_array().shape == (3, 16)
    assert figure.get_suptitle() == "dense: 3 neurons of 16 inputs"
    assert (matrix.get_ylabel(), matrix.get_xlabel()) == ("neuron", "input")
    assert images(plot.filters(Dense(16, 3), shape=(2, 8)))[0].shape == (2, 8)
    with pytest.raises(ValueError, match=r"the neurons read 16 numbers, which are not \(3, 5\)"):
        plot.filters(Dense(16, 3), shape=(3, 5))


def test_kernels_are_drawn_as_they_are():
    layer = Conv2D(12, (5, 3))
    layer.build((9, 9, 1))
    figure = plot.filters(layer, limit=10)
    assert figure.get_suptitle() == "conv2d: 10 of 12 filters of 5×3"
    assert np.array_equal(images(figure)[9], layer.weights.data[:, :, 0, 9])
    assert [axes.get_title() for axes in figure.axes[:10]] == list(map(str, range(10)))
    assert inside(figure)


def test_kernels_of_three_channels_are_colours_and_of_more_stand_in_rows():
    colour, many = Conv2D(4, 3), Conv2D(3, 3)
    colour.build((9, 9, 3))
    many.build((9, 9, 5))
    assert images(plot.filters(colour))[0].shape == (3, 3, 3)
    figure = plot.filters(many, channels=4)
    assert figure.get_suptitle() == "conv2d: 3 filters of 3×3, 4 of 5 channels"
    assert np.array_equal(images(figure)[4 * 2 + 1], many.weights.data[:, :, 1, 2])
    assert "5 channels" in plot.filters(many).get_suptitle()


def test_filters_of_other_layers():
    transposed = layers.Conv2DTranspose(4, 3)
    transposed.build((5, 5, 2))
    w = transposed.weights.data  # (3, 3, filters, channels)
    assert np.array_equal(images(plot.filters(transposed))[1], w[:, :, 0, 1])
    depthwise = layers.DepthwiseConv2D(3, depth_multiplier=2)
    depthwise.build((5, 5, 4))
    figure = plot.filters(depthwise)
    assert "8 filters of 3×3" in figure.get_suptitle()
    assert np.array_equal(images(figure)[3], depthwise.weights.data[:, :, 1, 1])
    series = layers.Conv1D(6, 5)
    series.build((20, 2))
    assert np.array_equal(images(plot.filters(series))[2], series.weights.data[:, :, 2].T)
    inner = Sequential([Input((6, 6, 1)), Sequential([Conv2D(2, 3)])])
    assert "2 filters" in plot.filters(inner).get_suptitle()


def test_filters_of_what_has_none():
    with pytest.raises(
        ValueError, match=r"'sequential' has no layer with weights, or its sizes are"
    ):
        plot.filters(Sequential([Dense(3)]))


# ------------------------------------------------------------------------------------ activations


def cnn():
    chain = [Conv2D(18, 3, activation="relu"), MaxPooling2D(2), Flatten(), Dropout(0.5)]
    model = Sequential([*chain, Dense(3, "softmax")])
    model.build((8, 8, 1))
    return model


def test_activations_of_each_layer():
    model, x = cnn(), RANDOM.random((8, 8, 1)).astype("f4")
    figure = plot.activations(model, x, ["a", "b", "c"])
    assert [part.get_suptitle() for part in figure.subfigs] == [
        "sample · 8×8×1",
        "conv2d (Conv2D) · 6×6×18, the first 16",
        "max_pooling2d (MaxPooling2D) · 3×3×18, the first 16",
        "dense (Dense) · 3",
    ], "Flatten and Dropout only pass on"
    first, conv, pool, dense = figure.subfigs
    assert np.array_equal(first.axes[0].images[0].get_array(), x[:, :, 0])
    maps = model.layers[0].forward(x[None])[0]
    drawn_maps = [axes.images[0] for axes in conv.axes if axes.images]
    assert len(drawn_maps) == len(conv.axes) == 16
    assert np.array_equal(drawn_maps[5].get_array(), maps[..., 5])
    assert {image.get_clim() for image in drawn_maps} == {
        (float(maps[..., :16].min()), float(maps[..., :16].max()))
    }
    assert sum(bool(axes.images) for axes in pool.axes) == 16
    bars = [bar.get_height() for bar in dense.axes[0].patches]
    np.testing.assert_allclose(bars, model.predict(x[None])[0], rtol=1e-5)
    assert [t.get_text() for t in dense.axes[0].get_xticklabels()] == ["a", "b", "c"]
    assert inside(figure)


def test_looking_changes_nothing():
    model, x = cnn(), RANDOM.random((1, 8, 8, 1)).astype("f4")
    before, weights = model.predict(x), model.get_weights()
    plot.activations(model, x)
    assert np.array_equal(model.predict(x), before)
    assert all(map(np.array_equal, model.get_weights(), weights))
    assert not any("forward" in vars(layer) for layer in model.layers)
    assert axon.modes.modes.recorder is None


def test_activations_of_series_wide_layers_and_single_numbers():
    chain = [layers.Embedding(20, 6), layers.LSTM(50), Dense(1, "sigmoid")]
    model = Sequential(chain)
    model.build((12,))
    x = np.arange(12)
    _, embedding, lstm, last = plot.activations(model, x).subfigs
    found = embedding.axes[0].images[0].get_array()
    assert np.array_equal(found, model.layers[0].forward(x[None])[0].T), "time goes to the right"
    assert lstm.axes[0].images[0].get_array().shape == (1, 50)
    (bar,) = last.axes[0].patches
    assert bar.get_height() == pytest.approx(model.predict(x[None])[0, 0], rel=1e-5)
    low, high = last.axes[0].get_xlim()
    assert high - low > 5, "a single number is no wall"
    assert low < bar.get_x() < bar.get_x() + bar.get_width() < high


def test_activations_of_images_without_channels_and_of_several_inputs():
    class Two(Model):
        def __init__(self):
            super().__init__()
            self.left, self.right = Dense(4, "relu"), Dense(4)

        def forward(self, image, row):
            return self.left(image.reshape(-1, 64)) + self.right(row)

    model = Two()
    model.build((8, 8), (3,))
    figure = plot.activations(model, (np.ones((8, 8)), np.ones(3)))
    heads = [part.get_suptitle() for part in figure.subfigs]
    assert heads == ["image · 8×8", "row · 3", "left (Dense) · 4", "right (Dense) · 4"]
    assert figure.subfigs[0].axes[0].images[0].get_array().shape == (8, 8)
    with pytest.raises(ValueError, match="activations: expected 2 inputs, got 1"):
        plot.activations(model, (np.ones((8, 8)),))


def test_activations_of_the_wrong_sample():
    words = r"expected one sample of shape \(8, 8, 1\), got \(3, 8, 8, 1\)\. Choose one: x\[0\]"
    with pytest.raises(ValueError, match=words):
        plot.activations(cnn(), np.zeros((3, 8, 8, 1)))
    with pytest.raises(RuntimeError, match=r"is not built.*model\.build\(shape\)"):
        plot.activations(Sequential([Dense(3)]), np.zeros(3))
    with pytest.raises(ValueError, match="activations: expected a name for each of 3 classes, got"):
        plot.activations(cnn(), np.zeros((8, 8, 1)), ["a"])


# ------------------------------------------------------------------------------------ network


def segments(axes):
    """(from, to) of each line, its colour, its width."""
    found = []
    for collection in axes.collections:
        kinds = (collection.get_segments(), collection.get_colors(), collection.get_linewidths())
        for segment, colour, width in zip(*kinds, strict=True):
            found.append((tuple(map(tuple, segment)), to_hex(colour), width))
    return found


def circles(axes):
    return [p for p in axes.patches if isinstance(p, Ellipse)]


def test_circles_and_lines():
    layer = Dense(2, 3)
    layer.weights = [[1.0, -2.0, 0.0], [0.5, 0.25, 4.0]]
    layer.bias = [0.0, 1.0, -1.0]
    figure = plot.network(Sequential([layer, Dense(3, 1)]), input_names=["left", "right"])
    (axes,) = figure.axes
    assert len(circles(axes)) == 2 + 3 + 1
    found = segments(axes)
    assert len(found) == 2 * 3 + 3 * 1
    plus, minus = SERIES[0].lower(), SERIES[1].lower()
    assert [colour for _, colour, _ in found[:3]] == [plus, minus, plus]
    widths = [width for *_, width in found[:6]]
    assert np.argsort(widths).tolist() == np.argsort([1, 2, 0, 0.5, 0.25, 4]).tolist()
    (x0, y0), (x1, y1) = found[1][0]
    assert (x0, x1) == (0, 1)
    assert (y0, y1) == (0.5, 0.0), "from the upper input to the middle neuron"
    edges = [to_hex(c.get_edgecolor()) for c in circles(axes)[2:5]]
    assert edges[1:] == [plus, minus]
    assert edges[0] not in (plus, minus)
    assert texts(axes)[-2:] == ["left", "right"]
    assert [t for t in texts(axes) if "·" in t] == ["input · 2", "dense · 3", "dense_1 · 1"]
    drawn(figure)
    for circle in circles(axes):
        box = circle.get_window_extent()
        assert box.width == pytest.approx(box.height, rel=0.25)
    assert inside(figure)


def test_wide_layers_are_cut_in_the_middle():
    (axes,) = plot.network(Sequential([Dense(30, 2)])).axes
    assert len(circles(axes)) == 12 - 1 + 2
    assert texts(axes).count("⋮") == 1
    assert len(segments(axes)) == 11 * 2
    dots = next(t for t in axes.texts if t.get_text() == "⋮").get_position()
    heights = sorted(c.get_center()[1] for c in circles(axes) if c.get_center()[0] == 0)
    assert dots[0] == 0
    assert all(abs(dots[1] - h) > 0.9 for h in heights)
    assert len(circles(plot.network(Sequential([Dense(12, 1)])).axes[0])) == 13


def test_a_neuron_a_layer_and_layers_that_pass_on():
    neuron = Neuron(3, "sigmoid")
    neuron.weights = [1.0, -1.0, 2.0]
    (axes,) = plot.network(neuron).axes
    assert len(circles(axes)) == 4
    assert [c for _, c, _ in segments(axes)] == [SERIES[i].lower() for i in (0, 1, 0)]
    assert len(circles(plot.network(Dense(2, 2, use_bias=False)).axes[0])) == 4
    model = Sequential([Flatten(), Dense(4, 3), Dropout(0.5), Dense(3, 2)])
    assert len(circles(plot.network(model).axes[0])) == 4 + 3 + 2


def test_boxes_for_all_else():
    wide, conv = Sequential([Dense(40, 2)]), cnn()
    wide.build((40,))
    for model in (wide, conv):
        assert "Input" in texts(plot.network(model).axes[0])
    assert len(circles(plot.network(wide, style="circles").axes[0])) == 11 + 2
    assert "Dense" in texts(plot.network(Sequential([Dense(2, 2)]), style="boxes").axes[0])

    class Residual(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(4, 4)

        def forward(self, x):
            return x + self.dense(x)

    model = Residual()
    model.build((4,))
    assert "add (4)" in texts(plot.network(model).axes[0])
    words = r"circles cannot be drawn of Sequential\(.*one another, boxes for models\. Use style='b"
    with pytest.raises(ValueError, match=words):
        plot.network(conv, style="circles")
    words = r"network: boxes cannot be drawn of Dense\(3, 2, linear\): .*\. Put it into a model\."
    with pytest.raises(ValueError, match=words):
        plot.network(Dense(3, 2), style="boxes")
    with pytest.raises(ValueError, match=r"network: circles cannot be drawn of Conv2D\("):
        plot.network(Conv2D(3, 2))
    assert len(circles(plot.network(Dense(50, 2)).axes[0])) == 11 + 2
    with pytest.raises(
        ValueError, match="style must be one of 'auto', 'circles', 'boxes', got 'x'"
    ):
        plot.network(conv, style="x")
    with pytest.raises(RuntimeError, match=r"network: the sizes of 'sequential' are not known yet"):
        plot.network(Sequential([Dense(3)]))
    with pytest.raises(ValueError, match="network: expected a name for each of 2 classes, got 1"):
        plot.network(Sequential([Dense(2, 2)]), class_names=["a"])


def test_networks_that_broke_down():
    """What training has lost is drawn all the same: it is what one wants to see."""
    model = cnn()
    for p in model.parameters():
        p.assign(np.full(p.shape, np.nan))
    drawn(plot.activations(model, np.ones((8, 8, 1))))
    assert plot.filters(model).get_suptitle() == "conv2d: 18 filters of 3×3 (not all are finite)"
    colour = Conv2D(2, 3)
    colour.build((4, 4, 3))
    colour.weights = np.full((3, 3, 3, 2), np.inf)
    drawn(plot.filters(colour))
    dense = Dense(2, 2)
    dense.weights = [[np.nan, np.inf], [1.0, 2.0]]
    drawn(plot.network(dense))
    with pytest.raises(ValueError, match="the model answers NaN or infinity, so there is nothing"):
        plot.decision_boundary(dense, SQUARE, [0, 1, 0, 1])
    with pytest.raises(ValueError, match="the probabilities hold NaN or infinity"):
        plot.roc_curve([0, 1], [0.5, np.nan])
    drawn(plot.mistakes(np.zeros((2, 4, 4)), [0, 1], np.full((2, 2), np.nan)))


# ------------------------------------------------------------------------------------ boundary

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def area_colour(axes, x, y):
    """The colour of the area at a point, and how strong it is."""
    (image, *_) = axes.images
    left, right, low, high = image.get_extent()
    pixels = np.asarray(image.get_array())
    row = int((y - low) / (high - low) * (len(pixels) - 1))
    column = int((x - left) / (right - left) * (pixels.shape[1] - 1))
    *colour, strength = pixels[row, column]
    return to_hex(colour), strength


def two(x):
    """The chance of class 1 grows to the right."""
    return 1 / (1 + np.exp(-8 * (np.asarray(x)[:, 0] - 0.5)))


def test_areas_have_the_colour_of_the_class():
    neuron = Neuron(2, "sigmoid")
    neuron.weights, neuron.bias = [8.0, 0.0], -4.0
    model = Sequential([Dense(2, 1, "sigmoid")])
    model.layers[0].weights, model.layers[0].bias = [[8.0], [0.0]], [-4.0]
    softmax = Sequential([Dense(2, 2, "softmax")])
    softmax.layers[0].weights, softmax.layers[0].bias = [[0.0, 8.0], [0.0, 0.0]], [4.0, 0.0]
    scores = Neuron(2)
    scores.weights, scores.bias = [8.0, 0.0], -4.0
    for answers, y in (
        *((two, [0, 1, 0, 1]), (neuron, [0.0, 1.0, 0.0, 1.0]), (model, [[0], [1], [0], [1]])),
        *((softmax, np.eye(2)[[0, 1, 0, 1]]), (scores, [-1, 1, -1, 1])),
    ):
        (axes,) = plot.decision_boundary(answers, SQUARE, y).axes
        left, right = area_colour(axes, 0.0, 0.5), area_colour(axes, 1.0, 0.5)
        assert [left[0], right[0]] == [SERIES[0].lower(), SERIES[1].lower()]
        assert left[1] > area_colour(axes, 0.45, 0.5)[1], "less sure is fainter"
        contour = axes.collections[0].get_paths()[0].vertices
        np.testing.assert_allclose(contour[:, 0], 0.5, atol=0.01)


def test_samples_have_colours_and_markers_of_their_class():
    figure = plot.decision_boundary(two, SQUARE, ["no", "yes", "no", "yes"])
    (axes,) = figure.axes
    assert legend(axes) == ["no", "yes"]
    no, yes = axes.collections[-2:]
    assert no.get_offsets().tolist() == [[0, 0], [0, 1]]
    assert to_hex(yes.get_facecolor()[0]) == SERIES[1].lower()
    assert len(no.get_paths()[0].vertices) != len(yes.get_paths()[0].vertices), "circle and square"
    assert legend(plot.decision_boundary(two, SQUARE, [0, 1, 0, 1], ["a", "b"]).axes[0]) == [
        "a",
        "b",
    ]
    low, high = axes.get_xlim()
    assert low < 0
    assert high > 1
    assert inside(figure)


def test_answers_that_are_sure_of_everything():
    (axes,) = plot.decision_boundary(lambda x: x[:, 0] > 0.5, SQUARE, [0, 1, 0, 1]).axes
    contour = axes.collections[0].get_paths()[0].vertices
    np.testing.assert_allclose(contour[:, 0], 0.5, atol=0.01)
    strengths = np.unique(np.asarray(axes.images[0].get_array())[..., 3])
    assert len(strengths) == 1
    assert strengths[0] == pytest.approx(0.5)


def test_eight_classes_have_the_colours_of_all_pictures():
    x = np.stack([np.arange(8.0), np.zeros(8)], axis=1)
    (axes,) = plot.decision_boundary(lambda g: -abs(g[:, :1] - x[:, 0]), x, range(8)).axes
    seen = [to_hex(c.get_facecolor()[0]) for c in axes.collections[-8:]]
    assert seen == [colour.lower() for colour in SERIES]


def test_many_classes():
    places = np.stack(np.meshgrid(range(4), range(3)), axis=-1).reshape(-1, 2)
    figure = plot.decision_boundary(
        lambda x: -((x[:, None] - places) ** 2).sum(-1), places, range(12), resolution=60
    )
    (axes,) = figure.axes
    seen = [to_hex(c.get_facecolor()[0]) for c in axes.collections[-12:]]
    assert len(set(seen)) == 12
    assert len(MARKERS) == len(set(MARKERS)) == len(SERIES) == len(set(SERIES))
    assert [area_colour(axes, *p)[0] for p in places] == seen


def test_regression_is_a_surface_with_one_scale():
    y = np.array([-1.0, 0.5, 0.25, 3.0])
    figure = plot.decision_boundary(lambda x: x.sum(axis=1), SQUARE, y, resolution=50)
    axes, bar = figure.axes
    surface = axes.images[0]
    assert surface.get_array().shape == (50, 50)
    assert surface.get_array()[-1, -1] == pytest.approx(2.2)
    assert surface.origin == "lower"
    points = axes.collections[-1]
    assert points.get_array().tolist() == y.tolist()
    assert points.get_clim() == surface.get_clim() == (-1.0, 3.0)
    assert bar.get_ylim() == (-1.0, 3.0)
    drawn(figure)


def test_what_task_it_is():
    def columns(y, task="auto"):
        return len(plot.decision_boundary(two, SQUARE, y, task=task, resolution=20).axes)

    assert columns([0, 1, 0, 1]) == 1
    assert columns([0.0, 0.3, 1.0, 2.0]) == 2
    assert columns([0, 1, 2, 3], task="regression") == 2
    assert columns([[0.1], [0.2], [0.3], [0.4]]) == 2
    many = np.c_[np.arange(30.0), np.arange(30.0)]
    assert len(plot.decision_boundary(two, many, np.arange(30), resolution=20).axes) == 2
    one = plot.decision_boundary(lambda x: np.ones(len(x)), SQUARE[:1], [1], resolution=20)
    assert legend(drawn(one).axes[0]) == ["1"]
    flat = plot.decision_boundary(lambda x: x[:, 0] * 0, SQUARE[:1], [0.5], resolution=20)
    assert len(drawn(flat).axes) == 2


def test_boundaries_of_something_else():
    with pytest.raises(ValueError, match=r"of two features, \(n, 2\), got shape \(3, 4\)\. Choose"):
        plot.decision_boundary(two, np.zeros((3, 4)), [0, 1, 0])
    with pytest.raises(ValueError, match=r"of two features, \(n, 2\), got shape \(0, 2\)"):
        plot.decision_boundary(two, np.zeros((0, 2)), [])
    with pytest.raises(ValueError, match="got 4 samples in x, but 3 in y"):
        plot.decision_boundary(two, SQUARE, [0, 1, 0])
    with pytest.raises(ValueError, match="'classification' or 'regression', got 'x'"):
        plot.decision_boundary(two, SQUARE, [0, 1, 0, 1], task="x")
    with pytest.raises(ValueError, match="400 points went in, 7 came out"):
        plot.decision_boundary(lambda x: np.zeros(7), SQUARE, [0, 1, 0, 1], resolution=20)
    with pytest.raises(
        ValueError, match="decision_boundary: expected a name for each of 2 classes"
    ):
        plot.decision_boundary(two, SQUARE, [0, 1, 0, 1], ["a"])


# ------------------------------------------------------------------------------------ rates, files


def test_learning_rates():
    halving = {"halving": lambda step: 0.5**step, "constant": lambda step: 0.25}
    (axes,) = plot.learning_rate(halving, 4, log=True).axes
    steps, rates = lines(axes)["halving"]
    assert steps.tolist() == [0, 1, 2, 3]
    assert rates.tolist() == [1, 0.5, 0.25, 0.125]
    assert legend(axes) == ["halving", "constant"]
    assert axes.get_yscale() == "log"
    (axes,) = plot.learning_rate(lambda step: step, 100_000).axes
    steps = axes.lines[0].get_xdata()
    assert len(steps) <= 1000
    assert (steps[0], steps[-1]) == (0, 99_999)
    with pytest.raises(ValueError, match="learning_rate: steps must be at least 1, got 0"):
        plot.learning_rate(lambda step: step, 0)


def test_a_figure_is_saved_as_png(tmp_path):
    plot.save(plot.curves(RUN), tmp_path / "curves.png")
    data = (tmp_path / "curves.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(data[16:20], "big") == round(8.8 * 130)


CALLS = {
    "curves": lambda: plot.curves(RUN),
    "confusion_matrix": lambda: plot.confusion_matrix([0], [0]),
    "roc_curve": lambda: plot.roc_curve([0, 1], [0.0, 1.0]),
    "mistakes": lambda: plot.mistakes(np.zeros((1, 2)), [0], [[1.0, 0.0]]),
    "filters": lambda: plot.filters(Dense(3, 2)),
    "activations": lambda: plot.activations(Sequential([Dense(3, 2)]), np.zeros(3)),
    "network": lambda: plot.network(Dense(3, 2)),
    "decision_boundary": lambda: plot.decision_boundary(two, SQUARE, [0, 1, 0, 1]),
    "learning_rate": lambda: plot.learning_rate(lambda step: 0.1, 3),
    "plot": lambda: Sequential([Dense(3, 2)]).plot(),
}


@pytest.mark.parametrize("name", CALLS)
def test_without_matplotlib_each_says_what_to_install(monkeypatch, name):
    assert type(CALLS[name]()) is Figure
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    brings = "pip install matplotlib (the extra 'plot')"
    words = f"plots need matplotlib, which is not installed. Run: {brings}"
    with pytest.raises(ImportError, match=re.escape(words)):
        CALLS[name]()
