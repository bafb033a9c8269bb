"""What ``axon train`` refuses, and how it says so: options, paths, tables, arrays, images."""

import re

import numpy as np
import pytest

from tests.cli.commands import fails, houses, in_a_process, run


def test_unknown_names_list_the_known_ones(tmp_path):
    message = fails("train", "mnits", cwd=tmp_path, code=2)
    assert "'mnits' is neither known nor there. Did you mean 'mnist'? Known: mnist," in message
    message = fails("train", "digits", "--optimizer", "adm", cwd=tmp_path)
    assert (
        "unknown optimizer 'adm'. Did you mean 'adam'? Known: adadelta, adafactor, adagrad, adam,"
        in message
    )
    (tmp_path / "x.xlsx").write_text("")
    message = fails("train", "x.xlsx", cwd=tmp_path, code=2)
    assert "'x.xlsx' is of a kind that cannot be read." in message


def test_compressed_tables_are_to_be_unpacked(tmp_path):
    (tmp_path / "x.csv.gz").write_bytes(b"\x1f\x8b")
    message = fails("train", "x.csv.gz", "--epochs", 1, cwd=tmp_path, code=2)
    assert "'x.csv.gz' is of a kind that cannot be read. It is compressed: unpack it" in message
    run("train", "digits", "--epochs", 1, "--save", "net.axon", cwd=tmp_path)
    message = fails("predict", "net.axon", "x.csv.gz", cwd=tmp_path, code=2)
    assert "cannot read x.csv.gz: expected a .csv" in message
    assert "It is compressed: unpack it first." in message


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
        (("--image-size", "8x8x8"), "expected pixels such as 64 or 64x48"),
        (("--image-size", "0"), "expected pixels such as 64 or 64x48"),
    ],
)
def test_bad_options_are_named(tmp_path, options, message):
    assert message in fails("train", "digits", *options, cwd=tmp_path, code=2)


@pytest.mark.parametrize(
    "options",
    [
        ("--save", "no/net.axon"),
        ("--save", "no/n.axon", "--plot"),
        ("--report", "no/run.html"),
        ("--dump-config", "no/run.toml"),
    ],
)
def test_an_unwritable_path_is_found_before_training(tmp_path, options):
    assert "there is no folder 'no'" in fails("train", "digits", *options, cwd=tmp_path)


def test_a_model_is_not_called_by_the_name_of_another_format(tmp_path):
    message = fails("train", "digits", "--save", "net.onnx", cwd=tmp_path, code=2)
    assert "Call it *.axon; then: axon export." in message


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_a_report(tmp_path, kind):
    pytest.importorskip("matplotlib")
    houses(tmp_path / "h.csv")
    data = "breast_cancer" if kind == "classes" else "h.csv"
    options = ("--epochs", 2, "--report", "run.html", "--plot")
    report, _ = run("train", data, *options, cwd=tmp_path)
    assert "Written        run.html" in report
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") or page.startswith("<!doctype html>")
    assert ("malignant" in page) == (kind == "classes")
    assert "batch size" in page


def test_a_backup_where_a_file_is_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("mine")
    message = fails("train", "digits", "--backup", "file", cwd=tmp_path)
    assert "--backup file: cannot make the folder: there is a file of this name" in message
    message = fails("train", "digits", "--backup", "file/sub", cwd=tmp_path)
    assert "--backup file/sub: cannot make the folder: Not a directory" in message
    assert (tmp_path / "file").read_text() == "mine"


CSV_ERRORS = {
    "nothing": ("", "the file is empty"),
    "a header alone": ("a,label\n", "no rows"),
    "text among numbers": ("a,label\n1,x\noops,y\n", "line 3, column 'a': expected a number"),
    "a missing value": ("a,label\n1,x\n,y\n", "line 3, column 'a': expected a number, found an"),
    "a missing label": ("a,label\n1,x\n2,\n", "line 3, column 'label': expected a label, found an"),
    "one class": ("a,label\n1,x\n2,x\n", "column 'label': expected at least two classes"),
    "one number": ("a,price\n1,2.5\n2,2.5\n", "column 'price': expected numbers to predict"),
    "a column twice": ("a,a,label\n1,2,x\n3,4,y\n", "columns 1 and 2 are both named 'a'"),
    "decimal commas": ("a;label\n1,5;x\n2,5;y\n", "expected a number with a decimal point"),
    "no text": (b"\xff\xfe\x00a", "not UTF-8 text"),
    "a row too long": ("a,label\n1,x,3\n", "line 2: expected 2 cells"),
}


@pytest.mark.parametrize("kind", CSV_ERRORS)
def test_what_is_wrong_with_a_table_is_named(tmp_path, kind):
    content, what = CSV_ERRORS[kind]
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "bad.csv").write_bytes(content)
    message = fails("train", "bad.csv", "--epochs", 1, cwd=tmp_path)
    assert what in message
    assert "bad.csv" in message


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        ([0, 10**7], "expected classes numbered from 0 in y, found 2 from 0 to 10000000."),
        ([-1, 0], "expected classes numbered from 0 in y, found 2 from -1 to 0."),
        ([3, 3], "expected at least two classes in y, found only 3."),
    ],
)
def test_classes_are_numbered_from_0(tmp_path, labels, what):
    np.savez(tmp_path / "x.npz", x=np.eye(20), y=np.array(labels * 10))
    assert what in fails("train", "x.npz", cwd=tmp_path)


def test_a_zip_bomb_is_refused(tmp_path):
    x = np.zeros((2**20, 2**6), np.float32)
    np.savez_compressed(tmp_path / "x.npz", x=x, y=np.arange(2**20) % 2)
    message = fails("train", "x.npz", cwd=tmp_path)
    assert "in memory; if that is meant, write it with np.savez instead" in message


def test_bad_files_are_named(tmp_path):
    assert "nope.csv" in fails("train", "nope.csv", cwd=tmp_path)
    (tmp_path / "bad.npz").write_bytes(b"PK, then nothing")
    assert "bad.npz: damaged" in fails("train", "bad.npz", cwd=tmp_path)
    (tmp_path / "empty").mkdir()
    assert "one folder of images for each class" in fails("train", "empty", cwd=tmp_path)
    message = fails("train", "digits", "--target", "nope", cwd=tmp_path, code=2)
    assert "--target is for a CSV file" in message


def test_fashion_mnist_that_cannot_be_had_is_an_error(tmp_path):
    message = fails("train", "fashion_mnist", cwd=tmp_path, AXON_DATA_DIR=str(tmp_path))
    assert "Fashion-MNIST" in message
    assert "AXON_DATA_DIR" in message


@pytest.mark.filterwarnings("ignore:model .* the loss became")
def test_divergence_is_said_and_ends_training(tmp_path):
    options = ("--optimizer", "sgd", "--learning-rate", 1e18, "--epochs", 9, "--save", "n.axon")
    printed, message = run("train", "digits", *options, cwd=tmp_path, check=1)
    assert "Try a smaller --learning-rate than 1e+18" in message
    assert printed.count("Epoch") == 1
    assert not list(tmp_path.iterdir())


def test_a_network_that_does_not_fit_into_memory_is_one_line(tmp_path):
    message = fails("train", "digits", "--hidden", 10**11, cwd=tmp_path)
    assert message.startswith("Error: not enough memory: Unable to allocate")


def test_missing_extras_are_named(tmp_path):
    """Without click the command says what to install; without matplotlib --plot does, at once."""
    (tmp_path / "click.py").write_text("raise ModuleNotFoundError('no click', name='click')")
    settings = {"PYTHONPATH": str(tmp_path)}
    _, message = in_a_process("info", cwd=tmp_path, check=1, **settings)
    assert (
        message == "The axon command needs click. Run: pip install click rich (the extra 'cli')\n"
    )
    (tmp_path / "click.py").unlink()
    (tmp_path / "matplotlib").mkdir()
    (tmp_path / "matplotlib" / "__init__.py").write_text("raise ImportError('no matplotlib')")
    printed, message = in_a_process("train", "digits", "--plot", cwd=tmp_path, check=1, **settings)
    assert "pip install matplotlib (the extra 'plot')" in message
    assert "Epoch" not in printed


def test_how_often_is_checked_before_training(tmp_path):
    message = fails("train", "digits", "--backup-every", "soon", "--backup", "b", cwd=tmp_path)
    assert "soon" in message
    message = fails("train", "digits", "--backup-every", "5", cwd=tmp_path, code=2)
    assert "--backup DIR" in message


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("{i}e300,{i},{c}", r"numbers as large as 3\.9e\+301 have no variance that fits float64"),
        ("{i},1,{i}.5e300", r"column 'y': numbers as large as .* cannot be predicted"),
        ("{i},1,{i}.5e38", r"column 'y': numbers as large as 4e\+39 cannot be predicted"),
    ],
)
def test_numbers_that_are_too_large_are_named(tmp_path, cell, message):
    rows = [cell.format(i=i, c=i % 2) for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *rows]))
    assert re.search(message, fails("train", "t.csv", "--epochs", 1, cwd=tmp_path))


def test_a_file_that_is_called_like_an_option(tmp_path):
    (tmp_path / "-x.csv").write_text("a,y\n1,2\n")
    message = fails("train", "-x.csv", cwd=tmp_path, code=2)
    assert "No such option '-x'" in message.replace("-x.", "-x") or "No such option: -x" in message
    assert "If you mean the file -x.csv, write ./-x.csv" in message
    message = fails("train", "-z.csv", cwd=tmp_path, code=2)
    assert "write ./" not in message
