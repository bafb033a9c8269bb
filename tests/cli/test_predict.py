"""``axon predict`` and ``axon evaluate``: tables, arrays and images in, classes and numbers out."""

import json
import os
import signal

import numpy as np
import pytest

import axon
from axon.cli.inputs import StandardInput
from axon.datasets import breast_cancer, digits
from axon.layers import Dense, Flatten, Rescaling
from tests.cli.commands import fails, houses, image_files, in_a_process, run, started

BLACK_ON_WHITE = "has a bright margin, but the model was trained on dark ones: try it with --invert"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with networks for digits and for tables."""
    folder = tmp_path_factory.mktemp("home")
    run("train", "digits", "--epochs", 15, "--save", "digits.axon", cwd=folder)
    run("train", "breast_cancer", "--epochs", 9, "--save", "cancer.axon", cwd=folder)
    return folder


def table(printed):
    head, *rows = printed.splitlines()
    return head.split(","), [row.split(",") for row in rows]


def softmax_model(path, shape=(4,), classes=3, **metadata):
    model = axon.Sequential([Flatten(), Dense(classes, activation="softmax")])
    model.build(shape)
    model.metadata = metadata
    model.save(path)
    return model


# ------------------------------------------------------------------------------------ printing


def test_top_and_probabilities(home):
    _, (x, _) = digits.load_data()
    np.save(home / "x.npy", x[:7])
    head, rows = table(run("predict", "digits.axon", "x.npy", "--top", 3, cwd=home)[0])
    assert head == [
        *("sample", "prediction", "probability", "prediction_2", "probability_2"),
        *("prediction_3", "probability_3"),
    ]
    wanted = axon.load_model(home / "digits.axon").predict(x[:7])
    for number, row in enumerate(rows):
        best = np.argsort(-wanted[number])[:3]
        assert row[0] == str(number)
        assert row[1::2] == [str(i) for i in best]
        assert row[2::2] == [f"{p:.4f}" for p in wanted[number][best].astype(float)]
    options = ("--probabilities", "--top", 99)
    head, rows = table(run("predict", "digits.axon", "x.npy", *options, cwd=home)[0])
    assert len(head) == 1 + 20 + 10
    assert head[-1] == "probability of 9"
    assert np.allclose(np.array([row[-10:] for row in rows], float), wanted, atol=6e-5)


def test_json_lines(home):
    _, (x, _) = digits.load_data()
    np.save(home / "x.npy", x[:2])
    options = ("--format", "jsonl", "--top", 2, "--probabilities")
    lines = [
        json.loads(line)
        for line in run("predict", "digits.axon", "x.npy", *options, cwd=home)[0].splitlines()
    ]
    wanted = axon.load_model(home / "digits.axon").predict(x[:2])
    for number, line in enumerate(lines):
        best = np.argsort(-wanted[number])[:2]
        assert line["sample"] == number
        assert line["prediction"] == str(best[0])
        assert line["top"][1]["prediction"] == str(best[1])
        assert line["probability"] == line["top"][0]["probability"] == wanted[number].max()
        assert list(line["probabilities"].values()) == wanted[number].astype(float).tolist()


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.npy"])
def test_output_goes_to_a_file_whole_or_not_at_all(home, name):
    _, (x, _) = digits.load_data()
    np.save(home / "x.npy", x[:5])
    assert run("predict", "digits.axon", "x.npy", "--output", name, cwd=home) == ("", "")
    if name == "out.npy":
        wanted = axon.load_model(home / "digits.axon").predict(x[:5])
        assert np.load(home / name).tobytes() == wanted.tobytes()
    else:
        kind = name.split(".")[1]
        printed, _ = run("predict", "digits.axon", "x.npy", "--format", kind, cwd=home)
        assert (home / name).read_text() == printed
    before = (home / name).read_bytes()
    (home / "bad.png").write_bytes(b"no image")
    fails("predict", "digits.axon", "x.npy", "bad.png", "--output", name, cwd=home)
    assert (home / name).read_bytes() == before


def test_several_inputs_and_standard_input(home):
    x = np.arange(8.0).reshape(2, 4)
    model = softmax_model(home / "m.axon", feature_names=["a", "b", "c", "d"])
    (home / "one.csv").write_text("d,c,b,a,name\n3,2,1,0,x\n7,6,5,4,y\n")
    np.save(home / "two.npy", x[:1])
    printed, _ = run("predict", "m.axon", "one.csv", "two.npy", "-", cwd=home, stdin="0,1,2,3\n")
    head, rows = table(printed)
    assert head[:2] == ["file", "sample"]
    assert [row[:2] for row in rows] == [
        *(["one.csv", "0"], ["one.csv", "1"], ["two.npy", "0"], ["-", "0"]),
    ]
    wanted = model.predict(x).argmax(axis=1)
    assert [row[2] for row in rows] == [str(wanted[i]) for i in (0, 1, 0, 0)]
    message = fails("predict", "m.axon", "-", "-", cwd=home, code=2, stdin="")
    assert "can be read once only" in message
    printed, message = run("predict", "m.axon", "-", cwd=home, check=1)
    assert (printed, message[:41]) == ("", "Error: standard input: the file is empty;")


def test_a_table_without_names(home):
    """Columns by their place, as many as the network has inputs."""
    model = softmax_model(home / "m.axon", shape=(2, 2))
    x = np.arange(8.0).reshape(2, 2, 2)
    wanted = [str(i) for i in model.predict(x).argmax(axis=1)]
    for text in ("0,1,2,3\n4,5,6,7\n", "p0;p1;p2;p3\r\n0;1;2;3\r\n4;5;6;7\r\n"):
        (home / "t.csv").write_text(text)
        for name, stdin in (("t.csv", None), ("-", text)):
            _, rows = table(run("predict", "m.axon", name, cwd=home, stdin=stdin)[0])
            assert [row[1] for row in rows] == wanted


@pytest.mark.parametrize("kind", ["sigmoid", "logits", "binary logits", "labels", "numbers"])
def test_what_outputs_stand_for(home, kind):
    """One output of a sigmoid is yes or no; logits become probabilities; labels stand alone."""
    outputs = {"sigmoid": 1, "logits": 3, "binary logits": 1, "labels": 3, "numbers": 2}[kind]
    activation = {"sigmoid": "sigmoid", "labels": "sigmoid"}.get(kind)
    model = axon.Sequential([Dense(outputs, activation=activation)])
    model.build((4,))
    losses = {"logits": "CategoricalCrossEntropy", "binary logits": "BinaryCrossEntropy"}
    if kind in losses:
        model.compile(getattr(axon.losses, losses[kind])(from_logits=True), "sgd")
    model.save(home / "m.axon")
    x = np.random.default_rng(0).normal(size=(9, 4))
    np.save(home / "x.npy", x)
    head, rows = table(run("predict", "m.axon", "x.npy", cwd=home)[0])
    z = model.predict(x).astype(float)
    found = np.array([row[1:] for row in rows], float)
    if kind in ("labels", "numbers"):
        names = ["0", "1", "2"] if kind == "labels" else ["prediction_1", "prediction_2"]
        assert head == ["sample", *names]
        assert np.allclose(found, z, rtol=1e-6)
        return
    if kind == "logits":
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    else:
        yes = z if kind == "sigmoid" else 1 / (1 + np.exp(-z))
        p = np.concatenate([1 - yes, yes], axis=1)
    assert np.array_equal(found[:, 0], p.argmax(axis=1))
    assert np.allclose(found[:, 1], p.max(axis=1), atol=6e-5)


# ------------------------------------------------------------------------------------ images


def test_images_are_made_what_the_network_knows(home, tmp_path):
    """Size, gray and range: images of 24 x 24 in 0 to 255 for a network of 8 x 8 in 0 to 16."""
    labels = image_files(tmp_path / "new", 60)
    printed, said = run("predict", home / "digits.axon", "new", cwd=tmp_path)
    head, rows = table(printed)
    assert head == ["file", "prediction", "probability"]
    assert [row[0] for row in rows] == [str(p.relative_to(tmp_path)) for p in paths(tmp_path)]
    right = [row[1] == str(labels[str(tmp_path / row[0])]) for row in rows]
    assert np.mean(right) > 0.85
    assert not said


def paths(folder):
    return sorted((folder / "new").rglob("*.png"))


def test_black_on_white_is_told_and_inverted(home, tmp_path):
    labels = image_files(tmp_path / "new", 20, invert=True)
    one = paths(tmp_path)[0]
    _, said = run("predict", home / "digits.axon", one, cwd=tmp_path)
    assert said == f"1 image of 1 {BLACK_ON_WHITE}.\n"
    printed, said = run("predict", home / "digits.axon", "new", "--invert", cwd=tmp_path)
    right = [row[1] == str(labels[str(tmp_path / row[0])]) for row in table(printed)[1]]
    assert np.mean(right) > 0.9
    assert not said


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "I;16"])
@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 3), (4, 6, 4), (25,), (27,)])
def test_any_image_for_any_network(tmp_path, mode, shape):
    """What the network sees of a gray image: black to white as 0 to 1, in its shape."""
    from PIL import Image

    gray = np.linspace(0, 255, 30 * 40).reshape(30, 40).astype(np.uint8)
    image = (
        Image.fromarray(gray.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(gray)
    )
    image = image if mode in ("L", "I;16") else image.convert(mode)
    image.save(tmp_path / "x.png")
    model = axon.Sequential([Flatten(), Dense(1)])
    model.build(shape)
    size = int(np.prod(shape))
    model.set_weights([np.full((size, 1), 1 / size), np.zeros(1)])
    model.save(tmp_path / "m.axon")
    _, rows = table(run("predict", "m.axon", "x.png", cwd=tmp_path)[0])
    seen = 0.625 if shape[-1] == 4 else 0.5  # with how opaque it is, wholly
    assert float(rows[0][1]) == pytest.approx(seen, abs=0.02)
    _, rows = table(run("predict", "m.axon", "x.png", "--white", 100, cwd=tmp_path)[0])
    assert float(rows[0][1]) == pytest.approx(100 * seen, abs=2)


def test_what_is_transparent_lies_on_white(tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((5, 5, 4), np.uint8)).save(tmp_path / "x.png")
    model = axon.Sequential([Rescaling(1 / 255), Flatten(), Dense(1)])
    model.build((5, 5))
    model.set_weights([np.full((25, 1), 1 / 25), np.zeros(1)])
    model.save(tmp_path / "m.axon")
    _, rows = table(run("predict", "m.axon", "x.png", cwd=tmp_path)[0])
    assert float(rows[0][1]) == pytest.approx(1)
    _, rows = table(run("predict", "m.axon", "x.png", "--invert", cwd=tmp_path)[0])
    assert float(rows[0][1]) == pytest.approx(0)


def test_invert_leaves_alone_how_opaque_an_image_is(tmp_path):
    from PIL import Image

    Image.new("RGBA", (5, 5), "white").save(tmp_path / "x.png")
    model = axon.Sequential([Flatten(), Dense(1)])
    model.build((5, 5, 4))
    model.set_weights([np.full((100, 1), 1 / 100), np.zeros(1)])
    model.save(tmp_path / "m.axon")
    for options, seen in (((), 1), (("--invert",), 0.25)):
        _, rows = table(run("predict", "m.axon", "x.png", *options, cwd=tmp_path)[0])
        assert float(rows[0][1]) == pytest.approx(seen)


def test_images_for_a_network_without(home, tmp_path):
    image_files(tmp_path / "new", 1)
    message = fails("predict", home / "cancer.axon", "new", cwd=tmp_path)
    assert "samples of shape (30,), which are no images" in message


# ------------------------------------------------------------------------------------ evaluate


def test_evaluate_counts_what_numpy_counts(home):
    printed, _ = run("evaluate", "digits.axon", "digits", "--json", cwd=home)
    found = json.loads(printed)
    model = axon.load_model(home / "digits.axon")
    _, (x, y) = digits.load_data()
    guess = model.predict(x).argmax(axis=1)
    assert found["accuracy"] == np.mean(guess == y)
    assert found["loss"] == pytest.approx(model.evaluate(x, y, return_dict=True)["loss"])
    matrix = np.zeros((10, 10), int)
    np.add.at(matrix, (y, guess), 1)
    assert found["confusion_matrix"] == matrix.tolist()
    for k in range(10):
        row = found["classes"][str(k)]
        assert row["samples"] == (y == k).sum()
        assert row["precision"] == pytest.approx(np.mean(y[guess == k] == k))
        assert row["recall"] == pytest.approx(np.mean(guess[y == k] == k))
    shown, _ = run("evaluate", "digits.axon", "digits", cwd=home)
    assert f"Accuracy       {found['accuracy']:.2%}" in shown
    assert "Confusion: a row for each true class" in shown
    assert max(map(len, shown.splitlines())) < 60


def test_evaluate_a_table(home):
    """Columns are found by name; those of training are told, and left out with --held-out."""
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'up' if a > b else 'down'}" for a, b in rng.normal(size=(200, 2))]
    (home / "t.csv").write_text("\n".join(["a,b,way", *rows]))
    report, _ = run("train", "t.csv", "--epochs", 30, "--save", "t.axon", cwd=home)
    shown, said = run("evaluate", "t.axon", "t.csv", cwd=home)
    assert "200 samples" in shown
    assert "--held-out tests it on the rest" in said
    shown, said = run("evaluate", "t.axon", "t.csv", "--held-out", cwd=home)
    assert shown.splitlines()[0].split()[1] == report.split("Test accuracy")[1].split()[0]
    assert not said
    (home / "u.csv").write_text("c,way,b,a\n9,up,1,2\n9,down,2,1\n")
    assert "2 samples" in run("evaluate", "t.axon", "u.csv", cwd=home)[0]
    (home / "u.csv").write_text("a,b,way\n1,2,left\n2,1,up\n")
    message = fails("evaluate", "t.axon", "u.csv", cwd=home)
    assert "line 2, column 'way': expected 'down' or 'up', found 'left'" in message
    (home / "u.csv").write_text("a,way\n1,up\n2,down\n")
    assert "no column 'b'" in fails("evaluate", "t.axon", "u.csv", cwd=home)


def test_evaluate_many_classes_lists_what_is_confused_most(tmp_path):
    softmax_model(tmp_path / "m.axon", classes=40)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(500, 4)), rng.integers(0, 40, 500)
    np.savez(tmp_path / "d.npz", x=x, y=y)
    shown, _ = run("evaluate", "m.axon", "d.npz", cwd=tmp_path)
    assert "true class  taken for  times" in shown
    assert "Confusion" not in shown
    np.savez(tmp_path / "d.npz", x=x, y=y + 1)
    message = fails("evaluate", "m.axon", "d.npz", cwd=tmp_path)
    assert "the model knows 40 classes, but the data hold class 40." in message


def test_evaluate_data_of_other_shapes(home):
    message = fails("evaluate", "digits.axon", "breast_cancer", cwd=home)
    assert "does not fit" in message or "expected inputs of shape" in message


# ------------------------------------------------------------------------------------ errors


def test_wrong_features_for_predict(home):
    np.save(home / "x.npy", np.zeros((2, 7, 7)))
    message = fails("predict", "digits.axon", "x.npy", cwd=home)
    assert "x of shape (2, 7, 7) does not fit" in message
    (home / "x.txt").write_text("1")
    message = fails("predict", "digits.axon", "x.txt", cwd=home, code=2)
    assert "cannot read x.txt: expected a .csv, .tsv, .npy, .npz, .png" in message
    (home / "x.csv").write_text("a,b\n1,2\n")
    message = fails("predict", "digits.axon", "x.csv", cwd=home, code=2)
    assert "not trained on named columns" in message
    assert "64; found 2" in message
    (home / "x.csv").write_text("radius_mean,texture_mean\n1,2\n")
    message = fails("predict", "cancer.axon", "x.csv", cwd=home)
    assert "no column 'perimeter_mean'" in message
    assert "'area_mean'" in message


FILES = {
    "none.npy": (None, "none.npy: No such file or directory"),
    "none.png": (None, "none.png: No such file or directory"),
    "bad.npy": (b"no", "bad.npy: not a whole .npy file"),
    "bad.npz": (b"PK\3\4", "bad.npz is damaged"),
    "bad.jpg": (b"no", "bad.jpg: not a whole image"),
    "bad.csv": (b"", "bad.csv: the file is empty"),
}


@pytest.mark.parametrize("name", FILES)
def test_bad_inputs_are_named(home, tmp_path, name):
    content, what = FILES[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert what in fails("predict", home / "digits.axon", name, cwd=tmp_path)


def test_arrays_that_are_none(home, tmp_path):
    np.savez(tmp_path / "x.npz", z=np.zeros(3))
    message = fails("predict", home / "digits.axon", "x.npz", cwd=tmp_path)
    assert "expected an array called x or x_test, found z." in message
    for array in (np.array(["a"]), np.zeros((0, 8, 8)), np.zeros(8), np.array([None])):
        np.save(tmp_path / "x.npy", array, allow_pickle=True)
        message = fails("predict", home / "digits.axon", "x.npy", cwd=tmp_path)
        assert "x.npy: " in message
    (tmp_path / "empty").mkdir()
    message = fails("predict", home / "digits.axon", "empty", cwd=tmp_path)
    assert "empty: no images in this folder" in message


@pytest.mark.parametrize("name", ["no/out.csv", "out.txt", "folder"])
def test_an_output_that_cannot_be_written_is_found_first(home, tmp_path, name):
    (tmp_path / "folder").mkdir()
    np.save(tmp_path / "x.npy", np.zeros((1, 8, 8)))
    options = (home / "digits.axon", "x.npy", "--output", name)
    code = 1 if name.startswith("no/") else 2
    assert name in fails("predict", *options, cwd=tmp_path, code=code)


def test_bad_models_are_named(tmp_path):
    (tmp_path / "bad.axon").write_bytes(b"nothing")
    for command in (("summary", "bad.axon"), ("predict", "bad.axon", "x.npy")):
        np.save(tmp_path / "x.npy", np.zeros((1, 2)))
        message = fails(*command, cwd=tmp_path)
        assert "bad.axon" in message
        assert "damaged" in message or "not a whole" in message
    assert "does not exist" in fails("summary", "none.axon", cwd=tmp_path, code=2)


def test_outputs_that_are_no_row(tmp_path):
    model = axon.Sequential([Dense(3)])
    model.build((5, 4))
    model.save(tmp_path / "m.axon")
    np.save(tmp_path / "x.npy", np.zeros((2, 5, 4)))
    message = fails("predict", "m.axon", "x.npy", cwd=tmp_path)
    assert "outputs of shape (5, 3)" in message
    run("predict", "m.axon", "x.npy", "--output", "y.npy", cwd=tmp_path)
    assert np.load(tmp_path / "y.npy").shape == (2, 5, 3)


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's")
def test_a_pipe_that_is_closed_early_is_no_error(home):
    """As in ``axon predict ... | head -1``."""
    process = started("predict", "cancer.axon", *[breast_cancer.DATA] * 20, cwd=home)
    assert process.stdout.readline().startswith("file,sample,prediction")
    process.stdout.close()
    message = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) in (0, 1, -signal.SIGPIPE)
    assert not message


def test_a_standard_input_that_is_closed(home, monkeypatch):
    monkeypatch.setattr("axon.cli.inputs.sys.stdin", None)
    with pytest.raises(ValueError, match="there is no standard input to read: it is closed"):
        StandardInput()


def test_errors_are_traced_if_asked_for(tmp_path):
    _, message = in_a_process("info", "nope", cwd=tmp_path, check=2, AXON_DEBUG="1")
    assert "does not exist" in message
    (tmp_path / "e.csv").write_text("")
    with pytest.raises(ValueError, match="empty"):
        run("train", "e.csv", cwd=tmp_path, check=1, AXON_DEBUG="1")


def test_rows_by_the_name_that_a_column_gives_them(tmp_path):
    houses(tmp_path / "h.csv")
    options = ("--hidden", "4", "--epochs", 1, "--save", "h.axon")
    run("train", "h.csv", *options, cwd=tmp_path)
    (tmp_path / "n.csv").write_text("b,key,a,c\n1,x7,2,3\n4,=y,5,6\n")
    printed, _ = run("predict", "h.axon", "n.csv", "--id", "key", cwd=tmp_path)
    assert [line.split(",")[0] for line in printed.splitlines()] == ["key", "x7", "'=y"]
    data = (tmp_path / "n.csv").read_bytes()
    again, _ = run("predict", "h.axon", "-", "--id", "key", cwd=tmp_path, stdin=data)
    assert again == printed
    options = ("--id", "key", "--format", "jsonl")
    lines, _ = run("predict", "h.axon", "n.csv", "n.csv", *options, cwd=tmp_path)
    assert lines.splitlines()[2].startswith('{"file": "n.csv", "key": "x7", "prediction": ')
    message = fails("predict", "h.axon", "n.csv", "--id", "kez", cwd=tmp_path)
    assert "no column 'kez'" in message
