"""The command line, end to end: each test runs ``axon`` in a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import axon
from axon.datasets import breast_cancer, digits

MNIST = Path(os.environ.get("AXON_DATA_DIR", "")) / "mnist"


def run(*arguments: object, cwd: Path, check: int = 0, **environment: str):
    """Run a command; returns what it printed and what it complained about."""
    settings = {**os.environ, "AXON_OFFLINE": "1", "XDG_CACHE_HOME": f"{cwd}-cache"}
    settings.update(environment)
    command = [sys.executable, "-m", "axon", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, env=settings, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == check, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def fails(*arguments: object, cwd: Path, code: int = 1, **environment: str) -> str:
    """Run a command that must fail; returns its message on one line."""
    _, message = run(*arguments, cwd=cwd, check=code, **environment)
    return " ".join(message.split())


def accuracy(report: str) -> float:
    found = re.search(r"Test accuracy +([\d.]+)%", report)
    assert found, report
    return float(found[1]) / 100


@pytest.mark.skipif(
    "AXON_DATA_DIR" not in os.environ or not MNIST.is_dir(), reason="no copy of MNIST here"
)
def test_train_without_arguments_learns_mnist(tmp_path):
    report, _ = run("train", cwd=tmp_path)
    assert accuracy(report) > 0.97
    assert "Data           MNIST: 60,000 to train, 10,000 to test" in report
    assert re.search(r"Time +[\d.]+ s, [\d,]+ images/s", report)
    assert "Parameters     109,386" in report
    assert len(re.findall(r"^Epoch \d/5 - .*val_accuracy", report, re.MULTILINE)) == 5
    assert not list(tmp_path.iterdir())


def test_without_mnist_it_says_so_and_trains_on_the_digits(tmp_path):
    report, _ = run("train", cwd=tmp_path, AXON_DATA_DIR=str(tmp_path))
    first, *_, data = report.splitlines()[0], *re.findall(r"^Data .*", report, re.MULTILINE)
    assert (
        first == "MNIST cannot be had (no good copy, no download): training on the built-in digits."
    )
    assert "built-in digits (8 x 8 images, UCI): 1,4" in data
    assert accuracy(report) > 0.95


def test_a_damaged_mnist_is_named_before_the_digits_are_taken(tmp_path):
    (tmp_path / "mnist").mkdir()
    damaged = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
    damaged.write_bytes(b"not gzip at all")
    report, _ = run("train", "--epochs", 1, cwd=tmp_path, AXON_DATA_DIR=str(tmp_path))
    assert str(damaged) in report
    assert "training on the built-in digits" in report
    assert damaged.read_bytes() == b"not gzip at all"


def test_a_network_that_does_not_fit_into_memory_is_one_line(tmp_path):
    message = fails("train", "digits", "--hidden", 10**11, cwd=tmp_path)
    assert message.startswith("Error: not enough memory: Unable to allocate")


def test_train_save_plot_summary_predict(tmp_path):
    arguments = ("--epochs", 20, "--hidden", 16, "--save", "net.axon", "--plot")
    report, _ = run("train", "breast_cancer", *arguments, cwd=tmp_path)
    assert accuracy(report) >= 0.94
    files = {"net.axon", "breast_cancer-curves.png", "breast_cancer-mistakes.png"}
    assert files == {p.name for p in tmp_path.iterdir()}
    assert files == set(re.findall(r"^Written +(.*)$", report, re.MULTILINE))
    for picture in tmp_path.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size > 5_000

    shown, _ = run("summary", "net.axon", cwd=tmp_path)
    assert "Total params: 530" in shown
    assert "class names: benign, malignant" in shown

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
    assert np.mean(guessed == y) >= 0.94
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


def test_a_csv_file_of_ones_own(tmp_path):
    rng = np.random.default_rng(0)
    centers = {"ant": (0, 0), "bee": (5, 0), "cat": (0, 5)}
    rows = ["length,width,species,id"]
    for i, (name, center) in enumerate(list(centers.items()) * 40):
        a, b = rng.normal(center, 1)
        rows.append(f"{a:.3f},{b:.3f},{name},{i}")
    (tmp_path / "pets.csv").write_text("\n".join(rows))
    report, _ = run("train", "pets.csv", "--save", "pets.axon", cwd=tmp_path)
    assert accuracy(report) > 0.9
    assert "pets.csv (labels: species): 96 to train, 24 to test" in report
    (tmp_path / "new.csv").write_text("width,length\n5.1,0.2\n0.0,5.0\n")
    printed, _ = run("predict", "pets.axon", "new.csv", cwd=tmp_path)
    assert [row.split(",")[1] for row in printed.splitlines()[1:]] == ["cat", "bee"]


def test_an_npz_file_of_images(tmp_path):
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    np.savez(tmp_path / "d.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    report, _ = run("train", "d.npz", "--epochs", 10, cwd=tmp_path)
    assert accuracy(report) > 0.9


def test_info(tmp_path):
    shown, _ = run("info", cwd=tmp_path)
    for name in ("axon", "python", "numpy", "BLAS", "threads", "devices", "AXON_DATA_DIR", "cache"):
        assert name in shown


def test_version_and_help(tmp_path):
    assert axon.__version__ in run("--version", cwd=tmp_path)[0]
    assert "breast_cancer" in run("train", "--help", cwd=tmp_path)[0]


# ------------------------------------------------------------------------------------ errors


def test_unknown_names_list_the_known_ones(tmp_path):
    message = fails("train", "mnits", cwd=tmp_path, code=2)
    assert "unknown data 'mnits'. Did you mean 'mnist'? Known: mnist, fashion_mnist" in message
    message = fails("train", "digits", "--optimizer", "adm", cwd=tmp_path)
    assert "unknown optimizer 'adm'. Did you mean 'adam'? Known: adagrad, adam," in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--epochs", 0), "--epochs"),
        (("--batch-size", 0), "--batch-size"),
        (("--learning-rate", 0), "--learning-rate"),
        (("--learning-rate", -1), "--learning-rate"),
        (("--hidden", "12,x"), "expected sizes of at least 1 such as 128,64, got '12,x'"),
        (("--hidden", "0"), "expected sizes of at least 1 such as 128,64, got '0'"),
        (("--seed", -1), "--seed"),
    ],
)
def test_bad_options_are_named(tmp_path, options, message):
    assert message in fails("train", "digits", *options, cwd=tmp_path, code=2)


@pytest.mark.parametrize("options", [("--save", "no/net.axon"), ("--save", "no/n.axon", "--plot")])
def test_an_unwritable_path_is_found_before_training(tmp_path, options):
    printed, message = run("train", "digits", *options, cwd=tmp_path, check=1)
    assert "there is no folder 'no'" in message
    assert "Epoch" not in printed


def test_bad_files_are_named(tmp_path):
    assert "nope.csv" in fails("train", "nope.csv", cwd=tmp_path)
    (tmp_path / "bad.csv").write_text("a,label\n1,x\noops,y\n")
    message = fails("train", "bad.csv", cwd=tmp_path)
    assert "bad.csv, line 3, column 'a'" in message
    (tmp_path / "bad.axon").write_bytes(b"nothing")
    assert "not a whole AXON model file" in fails("summary", "bad.axon", cwd=tmp_path)
    assert "does not exist" in fails("summary", "none.axon", cwd=tmp_path, code=2)


def test_wrong_features_for_predict(tmp_path):
    run("train", "digits", "--epochs", 1, "--save", "net.axon", cwd=tmp_path)
    np.save(tmp_path / "x.npy", np.zeros((2, 7, 7)))
    message = fails("predict", "net.axon", "x.npy", cwd=tmp_path)
    assert "x of shape (2, 7, 7) does not fit" in message
    assert "Dense(64, 128, relu)): expected inputs of shape (n, 64), got shape (n, 49)" in message
    (tmp_path / "x.txt").write_text("1")
    assert "expected a .csv, .npy, .npz file" in fails(
        "predict", "net.axon", "x.txt", cwd=tmp_path, code=2
    )
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    assert "not trained on named columns" in fails(
        "predict", "net.axon", "x.csv", cwd=tmp_path, code=2
    )


def test_fashion_mnist_that_cannot_be_had_is_an_error(tmp_path):
    message = fails("train", "fashion_mnist", cwd=tmp_path, AXON_DATA_DIR=str(tmp_path))
    assert "Fashion-MNIST" in message
    assert "AXON_DATA_DIR" in message


def test_divergence_is_said(tmp_path):
    options = ("--optimizer", "sgd", "--learning-rate", 1e18, "--epochs", 2)
    message = fails("train", "digits", *options, cwd=tmp_path)
    assert "Try a smaller --learning-rate than 1e+18" in message


def test_missing_extras_are_named(tmp_path):
    """Without click the command says what to install; without matplotlib --plot does, at once."""
    (tmp_path / "click.py").write_text("raise ModuleNotFoundError('no click', name='click')")
    settings = {"PYTHONPATH": str(tmp_path)}
    message = fails("info", cwd=tmp_path, **settings)
    assert message == "The axon command needs click. Run: pip install 'axon-nn[cli]'"
    (tmp_path / "click.py").unlink()
    (tmp_path / "matplotlib").mkdir()
    (tmp_path / "matplotlib" / "__init__.py").write_text("raise ImportError('no matplotlib')")
    printed, message = run("train", "digits", "--plot", cwd=tmp_path, check=1, **settings)
    assert "pip install 'axon-nn[plot]'" in message
    assert "Epoch" not in printed


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
