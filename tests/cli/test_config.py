"""``axon train --config`` and ``--dump-config``: runs as files, repeated bit for bit."""

import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon.cli.config import toml
from axon.cli.tables import ONLY_TABLES
from axon.cli.train import train
from tests.cli.commands import fails, run


def weights(path):
    return axon.load_model(path).get_weights()


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


OPTIONS = {
    "digits": ("digits", "--epochs", 2, "--hidden", "32", "--optimizer", "nadam", "--seed", 7),
    "cnn": ("digits", "--model", "cnn", "--epochs", 1, "--learning-rate", 0.01),
    "numbers": ("h.csv", "--epochs", 2, "--batch-size", 7, "--shards", 4),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_run_from_a_dumped_config_gives_the_same_bits(tmp_path, kind):
    rows = [f"{i / 7},{i % 5},{i / 3 + i % 5}" for i in range(60)]
    (tmp_path / "h.csv").write_text("\n".join(["a,b,y", *rows]))
    options = (*OPTIONS[kind], "--save", "a.axon", "--dump-config", "run.toml")
    report, _ = run("train", *options, cwd=tmp_path)
    assert "Written        run.toml" in report
    _, said = run("train", "--config", "run.toml", "--save", "b.axon", cwd=tmp_path)
    assert not said
    assert same(tmp_path / "a.axon", tmp_path / "b.axon")
    assert len(weights(tmp_path / "a.axon")) > 1
    run("train", "--config", "run.toml", "--save", "c.axon", "--seed", 8, cwd=tmp_path)
    assert not same(tmp_path / "a.axon", tmp_path / "c.axon")


def test_every_option_is_in_the_file(tmp_path):
    """What is printed holds all options, settled; what was not chosen is left out."""
    folder = tmp_path / "ä ö"
    folder.mkdir()
    (folder / 'q"\\.csv').write_text("a,y\n1,u\n2,v\n3,u\n4,v\n5,u\n6,v\n7,u\n8,v\n9,u\n0,v\n")
    options = ["--save", "n.axon", "--plot", "--report", "r.html", "--backup", "b", "--hidden", ""]
    options += ["--image-size", "4x5", "--target", "y", "--kernels", "numpy", "--classes", "u,v"]
    options += ["--shards", "4", "--dropout", "0.1", "--weight-decay", "1e-3", "--test", "t.csv"]
    options += ["--schedule", "cosine", "--augment", "zoom,shift", "--class-weight", "balanced"]
    (folder / "t.csv").write_text("a,y\n1,u\n")
    text, _ = run("train", 'q"\\.csv', *options, "--dump-config", cwd=folder)
    found = tomllib.loads(text)
    made_with = found.pop("made_with")
    assert found == {
        "data": 'q"\\.csv',
        "epochs": 30,
        "batch_size": 32,
        "learning_rate": 0.001,
        "optimizer": "adam",
        "hidden": [],
        "model": "mlp",
        "validation": 0.0,  # of so few rows
        "patience": 10,
        "dropout": 0.1,
        "weight_decay": 0.001,
        "schedule": "cosine",
        "augment": ["shift", "zoom"],
        "class_weight": "balanced",
        "test": "t.csv",
        "seed": 0,
        "target": "y",
        "task": "classification",
        "classes": ["u", "v"],
        "image_size": "4x5",
        "kernels": "numpy",
        "shards": 4,
        "save": "n.axon",
        "plot": True,
        "report": "r.html",
        "backup": "b",
        "backup_every": "epoch",
    }
    taken = {p.name for p in train.params} - {"config", "dump_config", "kind"} | {"model"}
    assert set(found) == taken - {"device", "precision"} - {*ONLY_TABLES}  # the first for JAX
    assert made_with["axon"] == axon.__version__
    assert made_with["numpy"] == np.__version__
    assert len(made_with["sha256"]) == 64
    assert not (folder / "n.axon").exists()


def test_options_on_the_command_line_win(tmp_path):
    (tmp_path / "run.toml").write_text(
        'data = "digits"\nepochs = 3\nhidden = "8"\nbatch-size = 64\nplot = false\n'
    )
    report, _ = run("train", "--config", "run.toml", cwd=tmp_path)
    assert report.count("Epoch") == 3
    assert "Parameters     610" in report
    report, _ = run("train", "--epochs", 1, "--config", "run.toml", cwd=tmp_path)
    assert report.count("Epoch") == 1
    report, _ = run("train", "breast_cancer", "--config", "run.toml", cwd=tmp_path)
    assert "Breast Cancer" in report


ERRORS = {
    "no TOML": ("epochs 3", "run.toml: not a TOML file: "),
    "no text": (b"\xff", "run.toml: not a TOML file: "),
    "unknown": ("epoch = 3", "unknown key 'epoch'. Did you mean 'epochs'? Known: data, epochs,"),
    "no sense": ("xyzzy = 3", "unknown key 'xyzzy'. Known: data,"),
    "a table": ("[train]\nepochs = 3", "unknown key 'train'."),
    "no table": ("made_with = 3", "expected a table [made_with], found made_with = 3."),
    "a text": ('epochs = "3"', 'epochs: expected a whole number, got "3".'),
    "a fraction": ("epochs = 3.5", "epochs: expected a whole number, got 3.5."),
    "a boolean": ("seed = true", "seed: expected a whole number, got true."),
    "no boolean": ("plot = 1", "plot: expected true or false, got 1."),
    "no number": ('learning_rate = "big"', 'learning_rate: expected a number, got "big".'),
    "no sizes": (
        "hidden = 128",
        'hidden: expected a list such as [128, 64], or "128,64", got 128.',
    ),
    "odd sizes": ('hidden = ["a"]', "hidden: expected sizes of at least 1"),
    "a list": ("save = [1]", "save: expected a text in quotes, got [1]."),
    "too small": ("epochs = 0", "epochs: 0 is not in the range x>=1"),
    "no choice": ('model = "rnn"', "model: 'rnn' is not one of 'mlp', 'cnn', 'photo'."),
    "a day": ("seed = 2020-01-01", "seed: expected a whole number, got "),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_what_is_wrong_in_a_file_is_named(tmp_path, kind):
    content, what = ERRORS[kind]
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "run.toml").write_bytes(content)
    message = fails("train", "--config", "run.toml", cwd=tmp_path)
    assert what in message
    assert message.startswith("Error: run.toml")


def test_a_file_that_is_not_there(tmp_path):
    message = fails("train", "--config", "no.toml", cwd=tmp_path, code=2)
    assert "'no.toml' does not exist" in message


def test_dump_config_takes_no_data_for_its_file(tmp_path):
    message = fails("train", "--dump-config", "mnist", cwd=tmp_path, code=2)
    assert "expected the name of a .toml file, got 'mnist'" in message


def test_what_has_changed_since_is_said(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "1,u\n2,v\n" * 10)
    run("train", "t.csv", "--epochs", 1, "--dump-config", "run.toml", cwd=tmp_path)
    (tmp_path / "t.csv").write_text("a,y\n" + "1,u\n3,v\n" * 10)
    text = (tmp_path / "run.toml").read_text().replace(np.__version__, "1.0.0")
    head, table, rest = text.partition("[made_with]")
    (tmp_path / "run.toml").write_text(head + table + rest.replace('"numpy"', '"auto"'))
    _, said = run("train", "--config", "run.toml", cwd=tmp_path)
    assert f"numpy was 1.0.0 and is {np.__version__}: the bits may differ." in said
    assert "kernels was auto and is numpy: the bits may differ." in said  # Numba is not there now
    assert "t.csv has changed since" in said


def test_data_of_a_file_are_never_replaced(tmp_path):
    """MNIST in a file means MNIST: the built-in digits would make another run of it."""
    (tmp_path / "run.toml").write_text('data = "mnist"\nepochs = 1\n')
    message = fails("train", "--config", "run.toml", cwd=tmp_path, AXON_DATA_DIR=str(tmp_path))
    assert "MNIST" in message
    assert "AXON_DATA_DIR" in message


@settings(deadline=None, derandomize=True, max_examples=200)
@given(
    st.one_of(
        st.text(st.characters(codec="utf-8")),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        st.booleans(),
        st.lists(st.integers(-5, 5)),
    )
)
def test_what_is_written_as_toml_is_read_again(value):
    again = tomllib.loads(f"x = {toml(value)}")["x"]
    assert again == value
    assert type(again) is type(value)


def test_help_names_every_option(tmp_path):
    shown, _ = run("train", "--help", cwd=tmp_path)
    for option in ("--config", "--dump-config", "--backup", "--report", "--task", "--kernels"):
        assert option in shown


def test_another_run_does_not_write_over_what_the_file_says_the_first_made(tmp_path):
    options = ("--epochs", 1, "--plot", "--report", "r.html", "--dump-config", "run.toml")
    run("train", "digits", *options, "--save", "a.axon", cwd=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    other = ("train", "--config", "run.toml", "--epochs", 2)
    said = fails(*other, cwd=tmp_path)
    for name in ("--epochs", "a.axon", "r.html", "digits-curves.png", "digits-mistakes.png"):
        assert name in said
    fails(*other, "--save", "b.axon", "--report", "b.html", cwd=tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "b").mkdir()
    run(*other, "--save", "b/b.axon", "--report", "b/b.html", cwd=tmp_path)
    assert {path: path.read_bytes() for path in before} == before
    run("train", "--config", "run.toml", cwd=tmp_path)
    assert (tmp_path / "a.axon").read_bytes() == before[tmp_path / "a.axon"], "the same run"
