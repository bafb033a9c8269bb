"""The network on the page learns as any other one, and stops between any two instructions."""

import numpy as np
import pytest

import axon
from axon import optimizers
from axon.layers import Dense
from axon.play import Chosen, Learner, Lesson, make, of_table
from axon.play.choices import DATA, choices
from axon.play.code import python
from axon.play.learner import points_of_plane, weights_of
from axon.play.lesson import MOST_ROWS, PLANES, as_digit
from axon.play.pictures import message, opening, picture, signed

SMALL = Chosen("moons", samples=40, layers=(3, 2), batch_size=8)


def trained(settings: Chosen = SMALL) -> Learner:
    return Learner(settings, make(settings))


def weights(learner: Learner) -> list[np.ndarray]:
    return [part.copy() for layer in learner.layers for part in weights_of(layer)]


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_it_learns_what_train_on_batch_learns() -> None:
    learner, lesson = trained(), make(SMALL)
    axon.set_random_seed(0)
    model = axon.Sequential([Dense(3, "tanh"), Dense(2, "tanh"), Dense(1, "sigmoid")])
    model.compile("binary_cross_entropy", optimizers.Adam(0.01))
    model.build((2,))
    before = weights(learner)
    assert same(before, [p.data for p in model.parameters()])
    order = np.random.default_rng(0)
    for _ in range(2):
        rows = order.permutation(len(lesson.x_train))
        for start in range(0, 24, 8):
            some = rows[start : start + 8]
            model.train_on_batch(lesson.x_train[some], lesson.y_train[some])
    learner.steps(6)
    assert learner.done == 6
    assert not same(before, weights(learner))
    assert same(weights(learner), [p.data for p in model.parameters()])


def test_instructions_one_by_one_are_a_step() -> None:
    one, other = trained(), trained()
    other.steps(2)
    for number in range(len(one.program)):
        assert one.instruction() == number
    assert (one.at, one.done) == (None, 1)
    for _ in range(5):
        one.instruction()
    assert (one.at, one.done) == (4, 1)
    one.steps(0)  # the rest of it
    assert (one.at, one.done) == (None, 2)
    assert same(weights(one), weights(other))
    assert one.gradients() == other.gradients()


def test_each_instruction_leaves_what_its_line_says() -> None:
    learner = trained(Chosen("blobs", samples=40, layers=(3,), dropout=0.5, l2=0.1))
    for line in learner.program.lines:
        at = learner.instruction()
        left = learner.program.results[at]
        assert (left.shape, left.dtype) == (line.shape, line.dtype)
    first = trained()
    first.instruction()
    x = first.program.inputs["x"]
    assert np.array_equal(first.program.results[0], x @ weights_of(first.layers[0])[0])


def test_the_learning_rate_changes_without_a_new_recording() -> None:
    learner = trained()
    learner.steps(1)
    program = learner.program
    before = weights(learner)
    learner.set_learning_rate(1e-12)
    learner.steps(1)
    assert all(np.allclose(a, b, atol=1e-9) for a, b in zip(before, weights(learner), strict=True))
    learner.set_learning_rate(0.5)
    learner.steps(1)
    assert not any(np.allclose(a, b) for a, b in zip(before, weights(learner), strict=True))
    assert learner.program is program
    assert not program.stale


def test_weights_are_set_in_place() -> None:
    learner = trained()
    learner.set_weight(1, 2, 0, 7.5)
    learner.set_weight(2, -1, 0, -1.0)
    w, b = weights_of(learner.layers[1])[0], weights_of(learner.layers[2])[1]
    assert (w[2, 0], b[0]) == (7.5, -1.0)
    assert not learner.program.stale
    for place, words in [
        ((3, 0, 0), "layers 0 to 2, got 3"),
        ((0, 2, 0), "rows 0 to 1, or -1 for the bias, and columns 0 to 2, got"),
        ((0, 0, -1), "columns 0 to 2"),
    ]:
        with pytest.raises(ValueError, match=words):
            learner.set_weight(*place, 1.0)
    with pytest.raises(ValueError, match="finite"):
        learner.set_weight(0, 0, 0, float("inf"))


def test_scores_and_gradients_are_those_of_the_model() -> None:
    for data, right in [("moons", "accuracy"), ("blobs", "accuracy"), ("waves", "r2_score")]:
        learner = trained(Chosen(data, samples=60, layers=(4,), batch_size=30))
        assert learner.gradients() == [0.0, 0.0]
        learner.steps(9)
        w, model = learner.lesson, learner.model
        places = points_of_plane(3)
        look = learner.look(places)
        assert look.test.loss == pytest.approx(model.evaluate(w.x_test, w.y_test))
        assert look.made[-1] == pytest.approx(model.predict(places), abs=1e-6)
        for x, y, score in ((w.x_train, w.y_train, look.train), (w.x_test, w.y_test, look.test)):
            answers = model.predict(x)
            if right == "r2_score":
                share = 1 - ((answers - y) ** 2).sum() / ((y - y.mean()) ** 2).sum()
            elif w.task == "classes":
                share = (answers.argmax(1) == y).mean()
            else:
                share = ((answers > 0.5) == y).mean()
            assert score.right == pytest.approx(share, abs=1e-5)
        assert all(g > 0 for g in learner.gradients())


def test_without_hidden_layers_and_with_more_rows_than_there_are() -> None:
    learner = trained(Chosen("slope", samples=20, layers=(), batch_size=256, share=0.5))
    assert learner.size == 10
    learner.steps(3)
    assert learner.epoch == 3
    assert len(picture(learner)) > 4096


# ------------------------------------------------------------------------------------ what is sent


def unpacked(packed: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    import json

    assert int.from_bytes(packed[:4], "little") == len(packed) - 4
    size = int.from_bytes(packed[4:8], "little")
    head, body, arrays = json.loads(packed[8 : 8 + size]), packed[8 + size :], {}
    for part in head["arrays"]:
        dtype = np.dtype(part["dtype"])
        count = int(np.prod(part["shape"]))
        arrays[part["name"]] = np.frombuffer(body, dtype, count).reshape(part["shape"])
        body = body[count * dtype.itemsize :]
    assert not body
    return head, arrays


@pytest.mark.parametrize("data", [*PLANES, "digits"])
def test_every_lesson_is_learned_and_sent(data: str) -> None:
    settings = Chosen(data, samples=40, layers=(3,))
    learner = trained(settings)
    w = learner.lesson
    again = make(settings)
    assert all(np.array_equal(a, b) for a, b in zip(w[:4], again[:4], strict=True))
    assert len(w.x_train) == 28
    assert len(w.x_test) == 12
    if data != "digits":
        assert np.abs(w.x_train).max() <= 3
    head, _ = unpacked(opening(learner, "name", ""))
    assert head["settings"] == settings.to_json()
    assert [line["result"] for line in head["lines"]] == [
        line.result for line in learner.program.lines
    ]
    learner.steps(2)
    at = learner.instruction()
    head, arrays = unpacked(picture(learner, np.ones(64, np.float32), at))
    assert np.array_equal(arrays["w0"], weights_of(learner.layers[0])[0])
    assert head["value"]["shape"] == [16, 3]
    assert np.array_equal(arrays["value"], learner.program.results[at].reshape(-1))
    if data == "digits":
        assert sum(head["answers"][-1]) == pytest.approx(1)
    else:
        assert arrays["m0"].shape == (3, 1024)
        corner = learner.look(np.float32([[-3, 3]])).made[0][0]
        most = np.abs(learner.look(points_of_plane(64)).made[0].reshape(64, 64, 3)[::2, ::2]).max()
        assert np.array_equal(arrays["m0"][:, 0], signed(corner, most))


def test_what_is_not_finite_is_sent_all_the_same() -> None:
    learner = trained()
    learner.set_weight(0, 0, 0, 1.0)
    weights_of(learner.layers[0])[0][0, 0] = np.nan
    head, arrays = unpacked(picture(learner))
    assert head["train"]["loss"] is None
    assert np.isfinite(arrays["w0"]).all()
    with pytest.raises(ValueError, match="JSON"):
        message({"x": float("nan")}, {})


def test_the_code_does_the_same() -> None:
    settings = Chosen(
        "moons", samples=60, layers=(4, 3), optimizer="rmsprop", l1=0.001, dropout=0.1, seed=3
    )
    learner = trained(settings)
    code = python(settings, learner.lesson, epochs=2)
    names: dict = {}
    exec(code.replace("epochs=2,", "epochs=2, verbose=0,"), names)
    assert np.array_equal(names["data"].x_train, learner.lesson.x_train)
    made = names["model"]
    assert [p.shape for p in made.parameters()] == [p.shape for p in learner.model.parameters()]
    assert type(made.optimizer) is type(learner.model.optimizer)
    assert len(made.history.history["val_loss"]) == 2


# ------------------------------------------------------------------------------------ lessons


def test_a_digit_is_cut_out_and_brought_to_size() -> None:
    from axon.datasets import digits

    (x, _), _ = digits.load_data()
    small = np.zeros((32, 32), bool)
    small[5:15, 20:24] = True  # a narrow bar, up in a corner
    image = as_digit(small).reshape(8, 8)
    assert image[:, 2:5].sum() > 0.8 * image.sum()
    assert image[0].any()
    assert image[7].any()
    assert np.array_equal(image, as_digit(np.roll(small, (6, -9), (0, 1))).reshape(8, 8))
    assert not as_digit(np.zeros((32, 32), bool)).any()
    one = as_digit(np.kron(x[0] > 7, np.ones((4, 4))) > 0)
    assert np.corrcoef(one, x[0].reshape(-1))[0, 1] > 0.7


def test_ones_own_table() -> None:
    pytest.importorskip("sklearn")
    from axon.tabular import read

    rows = 3000
    random = np.random.default_rng(0)
    size, age = random.normal(50, 9, rows), random.uniform(0, 9, rows)
    age[:5] = np.nan
    kind = np.where(size > 50, "large", "small")
    table = read({"id": np.arange(rows), "size": size, "age": age, "kind": kind})
    lesson = of_table(table, "size", "age")
    assert (lesson.task, lesson.classes, lesson.target) == ("binary", ("large", "small"), "kind")
    assert len(lesson.x_train) == MOST_ROWS
    assert np.abs(lesson.x_train).max() == pytest.approx(2.4)
    low, high = lesson.spans[0]
    back = low + (lesson.x_train[:, 0] + 3) / 6 * (high - low)
    assert ((back > 50) == (lesson.y_train[:, 0] == 0)).all()
    settings = Chosen("table", samples=50, layers=(2,))
    learner = Learner(settings, make(settings, lesson))
    assert len(learner.lesson.x_train) + len(learner.lesson.x_test) == 50
    assert "of_table(read('a.csv'), 'size', 'age', 'kind', 'classification')" in python(
        settings, learner.lesson, "a.csv"
    )
    prices = of_table(table, "age", "id", "size")
    assert prices.task == "regression"
    assert (prices.y_train.min(), prices.y_train.max()) == (-1, 1)
    assert of_table(table).names == ("size", "age")  # an id tells nothing
    for given, words in [
        (("size", "size"), "both are 'size'"),
        (("size", "ages"), "no column 'ages'. Did you mean 'age'?"),
        (("size", "kind", "age"), "'kind' does not hold finite numbers"),
        (("size", "kind", "kind"), "'kind' is what is learned"),
    ]:
        with pytest.raises(ValueError, match=words):
            of_table(table, *given)
    for few, left in (
        ({"y": [1, 2, 1]}, "left: none"),
        ({"a": [1, 2, 4], "y": [1, 2, 1]}, "left: 'a'"),
    ):
        with pytest.raises(ValueError, match=left):
            of_table(read(few), target="y", task="regression")
    huge = {"a": [1e308, 2, -1e308, 1], "b": [3, 1, 1, 2], "kind": list("xyxy")}
    with pytest.raises(ValueError, match="numbers as large as 1e\\+308; the plane takes"):
        of_table(read(huge))


# ------------------------------------------------------------------------------------ settings


def test_all_that_can_be_chosen_can_be_trained() -> None:
    known = choices()
    for name, values in (("activation", known["activation"]), ("optimizer", known["optimizer"])):
        for value in values:  # type: ignore[attr-defined]
            settings = Chosen.of({"samples": 20, "layers": [2], name: value})
            trained(settings).steps(1)
    assert set(known["data"]) == set(DATA) - {"table"}  # type: ignore[call-overload]
    assert Chosen.of(Chosen().to_json()) == Chosen()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "expected an object, got \\[\\]"),
        ({"dat": "xor"}, "unknown setting 'dat'. Did you mean 'data'"),
        ({"data": "xro"}, "Did you mean 'xor'"),
        ({"data": 3}, "data: expected a name, got 3"),
        ({"data": "table"}, "there is no table"),
        ({"noise": 9}, "noise: expected a number from 0 to 0.5, got 9"),
        ({"noise": float("nan")}, "noise: expected a number"),
        ({"seed": True}, "seed: expected a whole number from 0 to 9999, got True"),
        ({"samples": 30.5}, "samples: expected a whole number, got 30.5"),
        ({"samples": 10**400}, "samples: expected a whole number from 20 to 2000"),
        ({"layers": [0]}, "layers: expected a list of up to 6 whole numbers from 1 to 12"),
        ({"layers": [1] * 7}, "up to 6"),
        ({"layers": "88"}, "got '88'"),
        ({"layers": [33], "data": "digits"}, "from 1 to 32"),
        ({"optimizer": "adm"}, "Did you mean 'adam'"),
        ({"activation": "x" * 999}, "unknown activation"),
        ({"learning_rate": None}, "learning_rate: expected a number"),
    ],
)
def test_settings_that_cannot_be(given: object, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        Chosen.of(given)
    assert len(str(error.value)) < 400


def test_a_lesson_is_a_tuple_of_what_it_says() -> None:
    lesson = make(Chosen("blobs", samples=20))
    assert isinstance(lesson, Lesson)
    assert lesson.outputs == 3
