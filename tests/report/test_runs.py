"""Runs side by side: what each of them left behind, and what differs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import axon
from axon.callbacks import CSVLogger, History
from axon.layers import Dense
from axon.report import compare_runs, read_run

EVIL = "</script><b>evil</b>"
X = np.random.default_rng(0).normal(size=(40, 3)).astype("f4")
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def left(tmp_path_factory: Any) -> Path:
    """What two runs leave behind: a report, a backup, a History as JSON and CSV, and a model."""
    folder = tmp_path_factory.mktemp("runs")
    for name, rate in (("slow", 0.001), ("fast", 0.1)):
        axon.set_random_seed(0)
        model = axon.Sequential([Dense(4, "relu"), Dense(2, "softmax")], name=name)
        model.compile("categorical_cross_entropy", axon.optimizers.Adam(rate), metrics=["accuracy"])
        logger = CSVLogger(folder / f"{name}.csv")
        options = {"validation_split": 0.5, "resume": str(folder / name), "callbacks": [logger]}
        history = model.fit(X, Y, epochs=3, verbose=0, **options)
        history.to_json(folder / f"{name}.json")
        settings = {"note": EVIL if name == "fast" else "plain", "learning_rate": rate}
        model.report(folder / f"{name}.html", x=X, y=Y, settings=settings, profile=False)
        model.metadata["test_accuracy"] = 0.5
        model.save(folder / f"{name}.axon")
    return folder


@pytest.mark.parametrize("ending", [".html", ".json", ".csv", "", ".axon"])
def test_curves_are_read_from_whatever_a_run_leaves(left: Path, ending: str) -> None:
    known = History.from_json(left / "fast.json").history
    run = read_run(left / f"fast{ending}")
    assert run.name == "fast"
    assert run.series.keys() == known.keys()
    for name, series in run.series.items():
        assert series.epochs == [0, 1, 2]
        assert series.values == pytest.approx(known[name])


def test_a_report_has_results_and_a_model_too(left: Path) -> None:
    found = compare_runs(left / "slow.html", left / "fast.html")
    assert found.results["test accuracy"][0] == read_run(left / "slow.html").results["accuracy"]
    assert found.results["parameters"] == [26, 26]
    assert found.differing["learning_rate"] == ["0.001", "0.1"]
    assert "Adam(learning_rate=0.1" in found.differing["optimizer"][1]
    assert found.same["batch_size"] == "32"
    assert found.best("last loss") == 1
    saved = compare_runs(left / "slow.axon", left / "fast.axon")
    assert saved.results["test accuracy"] == [0.5, 0.5]
    assert saved.best("test accuracy") is None
    assert list(saved.differing) == ["optimizer"]
    assert saved.best("last loss") == 1
    assert saved.same["batch_size"] == "32"


def test_a_table_estimator_beside_a_network_and_a_report(left: Path, tmp_path: Path) -> None:
    tabular = pytest.importorskip("axon.tabular", reason="scikit-learn is not installed")
    model = tabular.TabularClassifier("fast", random_state=0).fit(X, Y)
    model.save(tmp_path / "table.axon")
    model.report(tmp_path / "table.html")
    files = [tmp_path / "table.axon", tmp_path / "table.html", left / "fast.axon"]
    found = compare_runs(*files, html=tmp_path / "all.html")
    own, told, other = found.runs
    assert own.series == told.series == {"val_loss": (own.series["val_loss"])}
    assert own.series["val_loss"].values == model.fitted_.losses
    assert own.results == told.results == {k: v for k, (v, _) in model.scores_.items()}
    assert own.parameters == told.parameters
    assert found.differing["effort"] == ["fast", "fast", "–"]
    assert found.differing["optimizer"][0] == "–"
    assert set(other.series) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert (tmp_path / "all.html").read_text("utf-8").count('<figure class="chart">') == 4


def test_as_text(left: Path) -> None:
    found = compare_runs(left / "slow.html", left / "fast.html", left / "fast.json")
    lines = str(found).splitlines()
    assert lines[0].split() == ["slow", str(left / "fast.html"), str(left / "fast.json")]
    (loss,) = [line.split() for line in lines if line.startswith("last loss")]
    assert not loss[2].endswith("*")
    assert loss[3].endswith("*")
    (rate,) = [line.split() for line in lines if line.startswith("learning rate")]
    assert rate[2:] == ["0.001", "0.1", "–"]
    assert lines[-1].startswith("The same in all: ")


def test_as_a_page(left: Path, tmp_path: Path) -> None:
    compare_runs(left / "slow.html", left / "fast.html", html=tmp_path / "both.html")
    text = (tmp_path / "both.html").read_text(encoding="utf-8")
    for heading in ("Results", "Curves", "Settings that differ", "The same in all"):
        assert f"<h2>{heading}</h2>" in text
    assert text.count('<figure class="chart">') == 4
    assert "epoch 1 · slow " in text
    assert "<b>evil" not in text
    assert "http" not in text
    assert "&lt;b&gt;evil" in text


def test_what_is_no_run_is_refused(left: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>hello</p>")
    (tmp_path / "broken.html").write_text(
        '<script type="application/json" id="axon-run">{"history": 3}</script>'
    )
    (tmp_path / "other.json").write_text(json.dumps({"a": 1}))
    (tmp_path / "x.axon").write_bytes(b"PK")
    (tmp_path / "x.txt").write_text("")
    (tmp_path / "empty").mkdir()
    good = left / "slow.html"
    for name, words in (
        ("page.html", "keeps no numbers of a run"),
        ("broken.html", "is damaged"),
        ("other.json", "not a history that to_json wrote"),
        ("x.axon", "damaged"),
        ("x.txt", "expected a report"),
        ("empty", "no folder of a backup"),
    ):
        with pytest.raises(ValueError, match=words):
            compare_runs(good, tmp_path / name)
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        compare_runs(good, tmp_path / "nothing")
    with pytest.raises(ValueError, match="expected 2 to 12 runs, got 1"):
        compare_runs(good)
    with pytest.raises(ValueError, match="got 1 names for 2 runs"):
        compare_runs(good, good, names=["a"])


def test_names_stay_apart(left: Path) -> None:
    found = compare_runs(left / "slow.html", left / "slow.html", left / "fast.html")
    names = [run.name for run in found.runs]
    assert len(set(names)) == 3
    assert names[2] == "fast"
    assert not found.differing or set(found.differing) >= {"learning_rate"}


def test_the_command(left: Path, tmp_path: Path) -> None:
    testing = pytest.importorskip("click.testing", reason="click is not installed")
    from axon.cli import cli

    given = [str(left / "slow.html"), str(left / "fast"), "--html", str(tmp_path / "both.html")]
    done = testing.CliRunner().invoke(cli, ["compare-runs", *given])
    assert done.exit_code == 0, done.output
    assert "last loss" in done.output
    assert (tmp_path / "both.html").is_file()
    done = testing.CliRunner().invoke(cli, ["compare-runs", given[0]])
    assert done.exit_code == 2
    assert "two runs or more" in done.output
