"""``axon train``: data, networks, what it writes and reports, and what it refuses."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

import axon
from axon.datasets import breast_cancer, digits
from tests.cli.commands import fails, houses, image_files, in_a_process, run

MNIST = Path(os.environ.get("AXON_DATA_DIR", "")) / "mnist"


def accuracy(report):
    found = re.search(r"Test accuracy +([\d.]+)%", report)
    assert found, report
    return float(found[1]) / 100


# ------------------------------------------------------------------------------------ train


@pytest.mark.skipif(
    "AXON_DATA_DIR" not in os.environ or not MNIST.is_dir(), reason="no copy of MNIST here"
)
def test_train_without_arguments_learns_mnist(tmp_path):
    report, _ = in_a_process("train", cwd=tmp_path)
    assert accuracy(report) > 0.97
    assert "Data           MNIST: 51,000 to train, 9,000 to stop by, 10,000 to test" in report
    assert re.search(r"Time +[\d.]+ s, [\d,]+ images/s", report)
    assert "Parameters     109,386" in report
    assert len(re.findall(r"^Epoch \d/5 - .*val_accuracy", report, re.MULTILINE)) == 5
    assert not list(tmp_path.iterdir())


def test_without_mnist_it_says_so_and_trains_on_the_digits(tmp_path):
    report, said = run("train", "--epochs", 20, cwd=tmp_path, AXON_DATA_DIR=str(tmp_path))
    assert said == (
        "MNIST cannot be had (no good copy, no download): training on the built-in digits.\n"
    )
    assert "Data           the built-in digits (8 x 8 images, UCI): 1,2" in report
    assert accuracy(report) > 0.95


def test_a_damaged_mnist_is_named_before_the_digits_are_taken(tmp_path):
    (tmp_path / "mnist").mkdir()
    damaged = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
    damaged.write_bytes(b"not gzip at all")
    _, said = run("train", "--epochs", 1, cwd=tmp_path, AXON_DATA_DIR=str(tmp_path))
    assert str(damaged) in said
    assert "training on the built-in digits" in said
    assert damaged.read_bytes() == b"not gzip at all"


def test_train_save_plot_summary_predict(tmp_path):
    arguments = ("--epochs", 50, "--hidden", 16, "--save", "net.axon", "--plot")
    report, _ = run("train", "breast_cancer", *arguments, cwd=tmp_path)
    assert accuracy(report) >= 0.93
    files = {"net.axon", "breast_cancer-curves.png", "breast_cancer-mistakes.png"}
    assert files == {p.name for p in tmp_path.iterdir()}
    assert files == set(re.findall(r"^Written +(.*)$", report, re.MULTILINE))
    for picture in tmp_path.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size > 5_000

    shown, _ = run("summary", "net.axon", cwd=tmp_path)
    assert "Total params: 530" in shown
    assert "class names: benign, malignant" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "smoothness_mean, compactness_mean, concavity_mean" in " ".join(shown.split())

    model = axon.load_model(tmp_path / "net.axon")
    _, (x, y) = breast_cancer.load_data()
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x_test=x)
    printed, _ = run("predict", "net.axon", "x.npy", cwd=tmp_path)
    assert printed == run("predict", "net.axon", "x.npz", cwd=tmp_path)[0]
    head, *rows = printed.splitlines()
    assert head == "sample,prediction,probability"
    guessed = [row.split(",")[1] == "malignant" for row in rows]
    assert np.array_equal(guessed, model.predict(x).argmax(axis=1) == 1)
    assert np.mean(guessed == y) >= 0.93
    csv, _ = run("predict", "net.axon", breast_cancer.DATA, cwd=tmp_path)
    assert len(csv.splitlines()) == 570


def test_same_seed_same_result(tmp_path):
    reports = [run("train", "digits", "--epochs", 3, "--seed", 5, cwd=tmp_path)[0] for _ in "ab"]
    losses = [re.findall(r"loss: ([\d.]+)", report) for report in reports]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 6


def test_options_reach_the_training(tmp_path):
    options = ("--optimizer", "sgd", "--learning-rate", 0.1, "--batch-size", 64, "--hidden", "")
    report, _ = run("train", "digits", "--epochs", 5, *options, cwd=tmp_path)
    assert "Parameters     650" in report
    assert accuracy(report) > 0.8


PETS = {"ant": (0, 0), "bee": (5, 0), "cat": (0, 5)}


def pets(path, mark=",", newline="\n", bom=""):
    """A table of three kinds, some names of columns in quotes."""
    rng = np.random.default_rng(0)
    rows = [mark.join(['"length, mm"', "width", "species", "id"])]
    for i, (name, center) in enumerate(list(PETS.items()) * 40):
        a, b = rng.normal(center, 1)
        rows.append(mark.join([f"{a:.3f}", f"{b:.3f}", name, str(i)]))
    path.write_text(bom + newline.join(rows), encoding="utf-8", newline="")


@pytest.mark.parametrize(("mark", "newline", "bom"), [(",", "\n", ""), (";", "\r\n", "\ufeff")])
def test_a_csv_file_of_ones_own(tmp_path, mark, newline, bom):
    pets(tmp_path / "pets.csv", mark, newline, bom)
    report, _ = run("train", "pets.csv", "--epochs", 30, "--save", "pets.axon", cwd=tmp_path)
    assert accuracy(report) > 0.9
    assert "pets.csv (labels: species): 82 to train, 14 to stop by, 24 to test" in report
    (tmp_path / "new.csv").write_text('width,"length, mm"\n5.1,0.2\n0.0,5.0\n')
    printed, _ = run("predict", "pets.axon", "new.csv", cwd=tmp_path)
    assert [row.split(",")[1] for row in printed.splitlines()[1:]] == ["cat", "bee"]


def test_an_npz_file_of_images(tmp_path):
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    np.savez(tmp_path / "d.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    report, _ = run("train", "d.npz", "--epochs", 10, "--save", "n.axon", cwd=tmp_path)
    assert accuracy(report) > 0.9
    tested, _ = run("evaluate", "n.axon", "d.npz", cwd=tmp_path)
    assert f"Accuracy       {accuracy(report):.2%}" in tested


def test_a_folder_of_images(tmp_path):
    image_files(tmp_path / "pictures", 200)
    options = ("--image-size", "8", "--epochs", 20, "--save", "n.axon")
    report, _ = run("train", "pictures", *options, cwd=tmp_path)
    assert "pictures (images): 136 to train, 24 to stop by, 40 to test" in report
    assert accuracy(report) > 0.5
    assert axon.load_model(tmp_path / "n.axon").input_shape == (8, 8, 3)
    tested, _ = run("evaluate", "n.axon", "pictures", "--held-out", cwd=tmp_path)
    assert f"Accuracy       {accuracy(report):.2%}" in tested
    whole, _ = run("evaluate", "n.axon", "pictures", cwd=tmp_path)
    assert "200 samples" in whole
    (tmp_path / "some").mkdir()
    (tmp_path / "pictures" / "7").rename(tmp_path / "some" / "7")
    shown, _ = run("evaluate", "n.axon", "some", cwd=tmp_path)
    assert re.search(r"^7 +.* 2\d$", shown, re.MULTILINE)
    (tmp_path / "some" / "7").rename(tmp_path / "some" / "eleven")
    message = fails("evaluate", "n.axon", "some", cwd=tmp_path)
    assert "some: the model knows no class 'eleven': 0, 1, 2" in message
    (tmp_path / "one" / "ant").mkdir(parents=True)
    next((tmp_path / "pictures").rglob("*.png")).rename(tmp_path / "one" / "ant" / "a.png")
    assert "at least two folders of images" in fails("train", "one", cwd=tmp_path)
    assert "--image-size" in fails("train", "one", "--image-size", "8x", cwd=tmp_path, code=2)


def test_a_network_of_convolutions(tmp_path):
    options = ("--model", "cnn", "--epochs", 3, "--save", "n.axon")
    report, _ = run("train", "digits", *options, cwd=tmp_path)
    assert accuracy(report) > 0.9
    assert "batch_normalization_1" in run("summary", "n.axon", cwd=tmp_path)[0]
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((5, 8, 8)))
    assert len(run("predict", "n.axon", "x.npy", cwd=tmp_path)[0].splitlines()) == 6
    message = fails("train", "breast_cancer", "--model", "cnn", cwd=tmp_path, code=2)
    assert "--model cnn needs images (n, height, width)" in message
    assert "samples of shape (30,). Use --model mlp." in message


def layers_of(path):
    layers = axon.load_model(path).layers
    return [type(layer).__name__ for layer in layers], layers


def test_the_networks_are_what_is_said(tmp_path):
    """Preparation comes first, and travels with the model."""
    options = ("--epochs", 1, "--save", "n.axon")
    run("train", "digits", "--hidden", "1,2", *options, cwd=tmp_path)
    names, layers = layers_of(tmp_path / "n.axon")
    assert names == ["Rescaling", "Flatten", "Dense", "Dense", "Dense"]
    assert layers[0].scale == 1 / 16
    assert [layer.num_neurons for layer in layers[2:]] == [1, 2, 10]
    ends = [layer.config()["activation"] for layer in layers[2:]]
    assert ends == ["relu", "relu", "softmax"]
    assert "he_uniform" in str(layers[3].config()["kernel_initializer"])
    run("train", "digits", "--model", "cnn", *options, cwd=tmp_path)
    names, layers = layers_of(tmp_path / "n.axon")
    assert names == [
        *("Rescaling", "Reshape"),
        *(["Conv2D", "BatchNormalization", "Activation", "MaxPooling2D"] * 2),
        *("Flatten", "Dropout", "Dense"),
    ]
    assert layers[0].scale == 1 / 16
    assert layers[2].config()["use_bias"] is False
    x = np.random.default_rng(0).normal(5, 3, size=(40, 2, 3))
    np.savez(tmp_path / "f.npz", x=x, y=np.arange(40) % 2)
    run("train", "f.npz", *options, cwd=tmp_path)
    model = axon.load_model(tmp_path / "n.axon")
    assert [type(layer).__name__ for layer in model.layers[:2]] == ["Flatten", "Normalization"]
    prepared = model.layers[1].forward(x.reshape(40, 6))
    assert abs(prepared.mean()) < 0.5
    assert 0.7 < prepared.std() < 1.3


# ------------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize("whole", [False, True])
def test_numbers_are_predicted_in_their_own_unit(tmp_path, whole):
    """Columns of numbers are told from classes, learned in their own scale, and predicted back."""
    x, price = houses(tmp_path / "houses.csv", whole)
    options = ("--save", "h.axon", "--epochs", 60)
    report, said = run("train", "houses.csv", *options, cwd=tmp_path)
    assert "houses.csv (to predict: price): 204 to train, 36 to stop by, 60 to test" in report
    assert "'price' holds numbers" in said
    found = re.search(r"Test error +([\d.]+) on average \(R² ([\d.]+)\)", report)
    assert found
    assert float(found[2]) > 0.9
    printed, _ = run("predict", "h.axon", "houses.csv", cwd=tmp_path)
    head, *rows = printed.splitlines()
    assert head == "sample,prediction"
    guesses = np.array([float(row.split(",")[1]) for row in rows])
    assert np.corrcoef(guesses, price)[0, 1] > 0.95
    assert abs(guesses.mean() - price.mean()) < 200
    asked = ("evaluate", "h.axon", "houses.csv", "--held-out", "--report", "h.html")
    tested, _ = run(*asked, cwd=tmp_path)
    assert f"Mean error     {found[1]}" in tested
    assert "Written        h.html" in tested
    assert "rows that the model did not learn from" in (tmp_path / "h.html").read_text()
    message = fails(*asked[:3], "--report", "no.html", cwd=tmp_path, code=2)
    assert "Add --held-out" in message
    assert not (tmp_path / "no.html").exists()
    assert abs(axon.load_model(tmp_path / "h.axon").predict(x)[:, 0] - guesses).max() < 1


def test_the_task_can_be_chosen(tmp_path):
    houses(tmp_path / "h.csv", whole=True)
    options = ("--task", "classification", "--epochs", 1)
    message = fails("train", "h.csv", *options, cwd=tmp_path)
    assert "occur only once" in message
    assert "choose the task regression" in message
    (tmp_path / "h.csv").write_text("\n".join(["a,price", *(f"{i},{i % 25}" for i in range(75))]))
    assert "h.csv (labels: price)" in run("train", "h.csv", *options, cwd=tmp_path)[0]
    pets(tmp_path / "pets.csv")
    message = fails("train", "pets.csv", "--task", "regression", "--epochs", 1, cwd=tmp_path)
    assert "pets.csv, line 2, column 'species': expected a number, found 'ant'" in message
    rows = [f"{i / 9},{i % 5}" for i in range(60)]
    (tmp_path / "stars.csv").write_text("\n".join(["a,stars", *rows]))
    assert "Test accuracy" in run("train", "stars.csv", "--epochs", 1, cwd=tmp_path)[0]
    options = ("--task", "regression", "--epochs", 1)
    report, said = run("train", "stars.csv", *options, cwd=tmp_path)
    assert "Test error" in report
    assert "takes them for classes" not in said


def test_labels_that_look_like_gaps_can_be_named(tmp_path):
    rows = [f"{i},{('NA', 'EU, west')[i % 2]}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["a,where", *rows]).replace("EU, west", '"EU, west"'))
    message = fails("train", "t.csv", "--epochs", 1, cwd=tmp_path)
    assert "expected a label, found 'NA' (20 missing" in message
    options = ("--classes", '"EU, west",NA', "--epochs", 1, "--save", "t.axon")
    run("train", "t.csv", *options, "--dump-config", "run.toml", cwd=tmp_path)
    assert axon.load_model(tmp_path / "t.axon").metadata["class_names"] == ["EU, west", "NA"]
    run("train", "--config", "run.toml", cwd=tmp_path)
    assert "20 samples" not in run("evaluate", "t.axon", "t.csv", "--held-out", cwd=tmp_path)[0]
    assert "40 samples" in run("evaluate", "t.axon", "t.csv", cwd=tmp_path)[0]
    assert "CSV" in fails("train", "digits", "--classes", "a,b", cwd=tmp_path, code=2)
    assert "such as yes,no" in fails("train", "t.csv", "--classes", "a", cwd=tmp_path, code=2)
