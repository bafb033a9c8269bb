"""Text that others wrote: a terminal never gets it raw, a spreadsheet never as a formula."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import axon
from axon import layers
from axon.callbacks import CSVLogger, History
from axon.datasets import load_csv
from axon.files import safetensors
from axon.models import Sequential
from axon.models.loading import ModelFileError
from axon.names import guarded, unguarded
from tests.cli.commands import run
from tests.files.hostile import zipped

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\u2066\x08\x7f"
CALL = "=cmd|' /C calc'!A0"
FORMULAS = ["=1+1", "+a", "-a", "@sum", "\tx", "\rx", "'=1", "''-a", "＝1"]


def is_safe(text: str) -> bool:
    return all(c.isprintable() or c == "\n" for c in text)


def model(classes: list[str]) -> Any:
    made = Sequential([layers.Dense(len(classes), "softmax")])
    made.compile("categorical_cross_entropy", "adam", ["accuracy"])
    made.fit(np.ones((4, 2)), np.arange(4) % len(classes), verbose=0)
    made.metadata = {
        "task": "classification",
        "class_names": classes,
        "feature_names": ["a", "b"],
        "target": "label",
        EVIL: EVIL,
    }
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    model([EVIL, CALL]).save(tmp_path / "net.axon")
    rows = [f'{i},{i % 2},"{(CALL, EVIL)[i % 2]}"' for i in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,label", *rows]), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ("info", "net.axon"),
        ("summary", "net.axon"),
        ("predict", "net.axon", "t.csv", "--probabilities", "--top", 2),
        ("predict", "net.axon", "t.csv", "--format", "jsonl"),
        ("evaluate", "net.axon", "t.csv"),
        ("evaluate", "net.axon", "t.csv", "--json"),
        ("train", "t.csv", "--epochs", 1),
        ("train", "t.csv", "--epochs", 1, "--dump-config"),
    ],
)
def test_no_command_prints_it_raw(arguments: Any, home: Path) -> None:
    printed, said = run(*arguments, cwd=home)
    assert is_safe(printed)
    assert is_safe(said)
    if "--json" in arguments:
        assert EVIL in json.loads(printed)["classes"]
    if "jsonl" in arguments:
        assert {json.loads(line)["prediction"] for line in printed.splitlines()} <= {
            EVIL,
            CALL,
        }


@pytest.mark.parametrize("kind", ["safetensors", "npz", "csv", "name", "axon"])
def test_no_error_prints_it_raw(kind: str, home: Path) -> None:
    evil = EVIL.replace("/", "")
    weights = {f"{evil}/weights": np.ones((2, 2), "f4")}
    if kind == "safetensors":
        safetensors.save(home / "w.safetensors", weights, {evil: evil})
        outputs = run("info", "w.safetensors", cwd=home)
        with pytest.raises(ValueError, match="gnp") as error:
            axon.load_model(home / "net.axon").load_weights(home / "w.safetensors")
    elif kind == "npz":
        np.savez(home / "w.npz", **weights)
        outputs = run("info", "w.npz", cwd=home)
        with pytest.raises(ValueError, match="gnp") as error:
            axon.load_model(home / "net.axon").load_weights(home / "w.npz")
    elif kind == "csv":
        (home / "bad.csv").write_text(f"a{evil},b{evil},label\n{evil},2,x\n", encoding="utf-8")
        outputs = run("train", "bad.csv", cwd=home, check=1)
        with pytest.raises(ValueError, match="gnp") as error:
            load_csv(home / "bad.csv")
    elif kind == "name":
        (home / f"{evil}.csv").write_text("", encoding="utf-8")
        outputs = run("train", f"{evil}.csv", cwd=home, check=1)
        with pytest.raises(ValueError, match="gnp") as error:
            load_csv(home / f"{evil}.csv")
    else:
        with zipfile.ZipFile(home / "net.axon") as packed:
            members = {name: packed.read(name) for name in packed.namelist()}
        described = json.loads(members["model.json"])
        described["class"] = evil
        members["model.json"] = json.dumps(described).encode()
        (home / "bad.axon").write_bytes(zipped(list(members.items())))
        outputs = run("info", "bad.axon", cwd=home)
        with pytest.raises(ModelFileError, match="gnp") as error:
            axon.load_model(home / "bad.axon")
    assert all(map(is_safe, outputs))
    assert is_safe(str(error.value))


def renamed(path: Path, old: str, new: str) -> None:
    """Another name in model.json, as somebody would write it who wants to harm."""
    with zipfile.ZipFile(path) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    text = members["model.json"].decode()
    assert json.dumps(old) in text
    members["model.json"] = text.replace(json.dumps(old), json.dumps(new)).encode()
    path.write_bytes(zipped(list(members.items())))


@pytest.mark.parametrize("which", ["model", "layer", "metric"])
def test_names_in_a_model_file_are_visible(which: str, tmp_path: Path) -> None:
    made = Sequential([layers.Dense(2, 1, name="known layer")], name="known model")
    made.compile("mse", "adam", [axon.metrics.MeanSquaredError(name="known metric")])
    made.save(tmp_path / "net.axon")
    renamed(tmp_path / "net.axon", f"known {which}", EVIL)
    with pytest.raises(ModelFileError, match="holds what no terminal should see") as error:
        axon.load_model(tmp_path / "net.axon")
    assert is_safe(str(error.value))


def test_names_of_ones_own_are_escaped_too(capsys: Any) -> None:
    made = Sequential([layers.Dense(2, 1, name=EVIL)], name=EVIL)
    made.compile("mse", "adam", [axon.metrics.MeanSquaredError(name=EVIL)])
    made.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2, verbose=2)
    made.evaluate(np.ones((4, 2)), np.ones((4, 1)))
    made.summary()
    assert is_safe(capsys.readouterr().out.replace("\r", ""))


# ------------------------------------------------------------------------------------ spreadsheets


@pytest.mark.parametrize("text", FORMULAS)
def test_a_guarded_cell_is_no_formula_and_is_read_back(text: str) -> None:
    cell = guarded(text)
    assert isinstance(cell, str)
    assert cell[0] == "'"
    assert unguarded(cell) == text


@pytest.mark.parametrize("text", ["-1.5", "+3", "-1e-5", "-inf", "a=b", "'twas", "", "1-2", "-"])
def test_numbers_and_harmless_text_stay(text: str) -> None:
    assert guarded(text) == text
    assert unguarded(text) == text


def test_predictions_for_a_spreadsheet(tmp_path: Path) -> None:
    names = ["=1+1", "-a", "@x", "-1.5"]
    model(names).save(tmp_path / "net.axon")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    options = ("--top", 4, "--output", "out.csv")
    run("predict", "net.axon", "t.csv", *options, cwd=tmp_path)
    with open(tmp_path / "out.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    keys = ("prediction", "prediction_2", "prediction_3", "prediction_4")
    cells = {row[key] for row in rows for key in keys}
    assert cells == {"'=1+1", "'-a", "'@x", "-1.5"}
    known = load_csv(tmp_path / "out.csv", "prediction", features=["probability"], classes=names)
    assert set(known.class_names) == set(names)


def test_the_history_of_odd_metrics_is_read_back(tmp_path: Path) -> None:
    odd = ["=1+1", "-a", "two\nlines", "a,b"]
    made = Sequential([layers.Dense(2, 1)])
    made.compile("mse", "adam", [axon.metrics.MeanSquaredError(name=name) for name in odd])
    logger = CSVLogger(tmp_path / "log.csv")
    history = made.fit(np.ones((4, 2)), np.ones((4, 1)), 2, verbose=0, callbacks=[logger])
    history.to_csv(tmp_path / "history.csv")
    for name in ("history.csv", "log.csv"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        head = next(csv.reader(io.StringIO(text, newline="")))
        assert {"'=1+1", "'-a"} < set(head)
        assert History.from_csv(tmp_path / name).history == history.history
    more = CSVLogger(tmp_path / "log.csv", append=True)
    made.fit(np.ones((4, 2)), np.ones((4, 1)), 1, verbose=0, callbacks=[more])
    assert (tmp_path / "log.csv").read_text().count("=1+1") == 1


@pytest.mark.parametrize("cell", ["1_0", "٣", "0x10", "1,5"])
def test_a_history_holds_plain_numbers(cell: str, tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text(f'epoch,loss\n0,"{cell}"\n', encoding="utf-8")
    with pytest.raises(ValueError, match="line 2, column 'loss': expected a number"):
        History.from_csv(tmp_path / "h.csv")


@pytest.mark.parametrize(
    "content", ["epoch,loss\n0," + "1" * 200_000, "[" * 100_000, '{"epoch": [1e999]}']
)
@pytest.mark.parametrize("read", [History.from_csv, History.from_json])
def test_a_damaged_history_is_a_value_error(content: str, read: Any, tmp_path: Path) -> None:
    (tmp_path / "h").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="h"):
        read(tmp_path / "h")


# ------------------------------------------------------------------------------------ who is called


def test_a_file_calls_no_function(tmp_path: Path) -> None:
    called = []
    made = Sequential([layers.Dense(2, 1, kernel_regularizer="l2")])
    made.build((2,))
    made.save(tmp_path / "net.axon")
    for name in ("L2", "Dense", "Sequential"):
        with zipfile.ZipFile(tmp_path / "net.axon") as packed:
            members = {n: packed.read(n) for n in packed.namelist()}
        text = members["model.json"].decode()
        if f'"class": "{name}"' not in text:
            continue
        changed = text.replace(f'"class": "{name}"', '"class": "mine"')
        members["model.json"] = changed.encode()
        (tmp_path / "bad.axon").write_bytes(zipped(list(members.items())))

        def mine(*given: Any, **options: Any) -> None:
            called.append((given, options))

        with pytest.raises(ModelFileError, match="'mine' is not a class"):
            axon.load_model(tmp_path / "bad.axon", custom_objects={"mine": mine})
    assert not called


def test_a_pickle_is_named_where_a_model_was_expected(tmp_path: Path) -> None:
    (tmp_path / "net.pt").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(ModelFileError, match=r"net\.pt.* is a pickle, which could run any code"):
        axon.load_model(tmp_path / "net.pt")
