"""``axon tune`` of tables as they come, and ``--config`` of them: the best run, repeated."""

import csv
import re
import tomllib

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")

from axon import tabular
from axon.cli import searching
from tests.cli.commands import fails, run, started

SMALL = ("--effort", "fast", "--epochs", 2)
QUICK = ("t.csv", "--target", "y", *SMALL)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("tables"), np.random.default_rng(0)
    with open(folder / "t.csv", "w", encoding="utf-8", newline="") as stream:
        write = csv.writer(stream).writerow
        write(["size", "colour", "id", "y", "z"])
        for i in range(120):
            size, colour = rng.normal(), ("red", "green", "")[rng.integers(3)]
            y = ("no", "yes")[int(size + (colour == "red") > 0.5)]
            write([f"{size:.3f}", colour, f"k{i}", y, f"{size + rng.normal() / 9:.3f}"])
    return folder


# ------------------------------------------------------------------------------------ files


def same(a, b, rows):
    first, second = (tabular.load(path) for path in (a, b))
    return np.array_equal(first.predict(rows), second.predict(rows))


def test_a_table_from_a_dumped_config_gives_the_same_bits(home):
    told = ("--target", "z", "--drop", "id,y", "--quantiles", "0.2,0.8", "--hidden", "8,4")
    options = ("t.csv", *told, *SMALL, "--bins", 4, "--seed", 3, "--time-limit", "10min")
    report, _ = run("train", *options, "--save", "a.axon", "--dump-config", "r.toml", cwd=home)
    assert "Written        r.toml" in report
    written = tomllib.loads((home / "r.toml").read_text())
    about = written.pop("made_with")
    assert len(about["sha256"]) == 64
    assert written == {
        **{"data": "t.csv", "target": "z", "task": "regression", "drop": ["id", "y"], "epochs": 2},
        **{"quantiles": [0.2, 0.8], "hidden": [8, 4], "effort": "fast", "bins": 4, "seed": 3},
        **{"time_limit": 600.0, "class_weight": "none", "save": "a.axon"},
    }
    report, said = run("train", "--config", "r.toml", "--save", "b.axon", cwd=home)
    assert same(home / "a.axon", home / "b.axon", home / "t.csv")
    assert "the bits may differ" not in said
    message = fails("train", "--config", "r.toml", "--seed", 4, cwd=home)
    assert "it would write over a.axon" in message
    shown, _ = run("train", *options, "--dump-config", cwd=home)
    assert tomllib.loads(shown)["bins"] == 4
    (home / "t2.toml").write_text(
        'data = "t.csv"\ntarget = ["z", "size"]\neffort = "fast"\nepochs = 1\ndrop = "id"\n'
    )
    report, _ = run("train", "--config", "t2.toml", cwd=home)
    assert re.search(r"^R², size", report, re.MULTILINE)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("drop = 3", 'drop: expected a list such as ["id", "name"], or "id,name", got 3.'),
        ("quantiles = [2]", "quantiles: expected numbers between 0 and 1, in order"),
        ('quantiles = [["a"]]', "quantiles: expected numbers between 0 and 1, in order"),
        ("target = 3", 'target: expected a text in quotes, or a list such as ["a", "b"], got 3.'),
        ('time_limit = "soon"', "time_limit: expected a time such as 60s, 10min or 1h"),
        ("members = 0", "members: 0 is not in the range x>=1"),
        ('effort = "good"\nmodel = "mlp"', "--effort is for tables as they come, --model for"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(home, line, said):
    (home / "w.toml").write_text(f'data = "t.csv"\n{line}\n')
    code = 2 if "model" in line else 1
    assert said in fails("train", "--config", "w.toml", cwd=home, code=code)


def test_without_an_option_of_tables_a_network_is_described(home):
    assert "numbers" in fails("train", "t.csv", "--target", "y", "--hidden", "8", cwd=home)
    message = fails("train", *QUICK, "--hidden", "", cwd=home, code=2)
    assert "--hidden: of a table, at least one hidden layer: 64,64." in message


# ------------------------------------------------------------------------------------ searches


@pytest.fixture(scope="module")
def searched(home):
    pytest.importorskip("optuna", reason="needs Optuna, the extra 'tune'")
    return home, *run("tune", *QUICK, "--trials", 5, "--save", "n.axon", cwd=home)


def test_the_best_trial_is_tested_once_and_repeated_bit_for_bit(searched):
    home, report, said = searched
    losses = [float(v) for v in re.findall(r"^Trial \d/5  loss ([\d.]+)", report, re.MULTILINE)]
    assert re.findall(r"^Trial (\d)/5 ", report, re.MULTILINE) == list("12345")
    assert "Tested once, on 24 rows that no trial saw:" in said
    assert re.search(r"^Accuracy +[\d.]+% \(as usual: [\d.]+%\)$", report, re.MULTILINE)
    assert re.search(r"Training with the settings of trial \d, the best, on all rows:", said)
    assert "Written        best.toml" in report
    model = tabular.load(home / "n.axon")
    study = searching.opened(str(home / "t.tune"), 0, print)
    best = searching.best_of(study)
    assert best.value == pytest.approx(min(losses), rel=1e-3)
    assert model.learning_rate_init == best.params["learning_rate"]
    assert model.hidden_layer_sizes == [best.params["width"]] * best.params["depth"]
    run("train", "--config", "best.toml", "--save", "m.axon", cwd=home)
    assert same(home / "n.axon", home / "m.axon", home / "t.csv")


def test_the_first_trial_is_what_train_does(searched):
    home, *_ = searched
    study = searching.opened(str(home / "t.tune"), 0, print)
    first = study.get_trials()[0]
    _, *lines = (home / "t.csv").read_text().splitlines()
    from axon.cli.tables import of_tables
    from axon.cli.train import train
    from axon.cli.tune_tables import TableTuning

    options = of_tables(train.make_context("train", []).params, ())
    told = {"data": str(home / "t.csv"), "target": "y", "effort": "fast", "epochs": 2}
    search = TableTuning({**options, **told}, {"epochs"}, home / "x.toml", True)
    usual = search._with({}).learned(search.learned, verbose=0)
    assert min(usual.fitted_.losses) == first.value
    assert len(search.learned.y) == 96
    assert len(search.kept_back.y) == len(lines) - 96


def test_a_study_goes_on_and_does_not_mix(searched):
    home, *_ = searched
    report, said = run("tune", *QUICK, "--trials", 6, cwd=home)
    assert "Going on with the study in t.tune: 5 trials are known." in said
    assert re.findall(r"^Trial (\d)/6 ", report, re.MULTILINE) == ["6"]
    message = fails("tune", *QUICK[:-1], 3, cwd=home, code=2)
    assert "the study in t.tune was made with epochs = 2, and now it is 3" in message


def test_what_is_given_stays_and_a_file_can_test(searched):
    home, *_ = searched
    told = ("--target", "z", "--target", "size", "--drop", "y", "--dropout", 0.2, "--bins", 0)
    options = ("t.csv", *told, *SMALL, "--test", "t.csv", "--trials", 2, "--storage", "s")
    report, said = run("tune", *options, "--best", "b.toml", cwd=home)
    assert not re.search("dropout=|bins=|bin_scale=", report)
    assert "Tested once, on t.csv:" in said
    assert re.search(r"^R², size +", report, re.MULTILINE)
    written = tomllib.loads((home / "b.toml").read_text())
    assert (written["dropout"], written["bins"], written["target"]) == (0.2, 0, ["z", "size"])


def test_trials_that_are_worse_are_ended(searched, monkeypatch):
    home, *_ = searched
    monkeypatch.setattr(searching, "FIRST", 1)
    monkeypatch.setattr(searching, "WARM", 0)
    options = (*QUICK[:-1], 6, "--trials", 8, "--storage", "p")
    report, _ = run("tune", *options, cwd=home)
    assert "pruned after epoch" in report


@pytest.mark.slow
def test_two_processes_share_a_study(searched):
    home, *_ = searched
    options = ("tune", *QUICK, "--storage", "two", "--trials", 8, "--best")
    both = [started(*options, f"{name}.toml", cwd=home) for name in "ab"]
    for process in both:
        printed, said = process.communicate(timeout=100)
        assert process.returncode == 0, printed + said
    study = searching.opened(str(home / "two"), 0, print)
    done = list(searching.finished(study))
    assert 8 <= len(done) <= 9  # one may have begun before the other had ended the last
    assert len({tuple(t.params.items()) for t in done}) >= len(done) - 1
    assert (
        tomllib.loads((home / "a.toml").read_text()).keys()
        == tomllib.loads((home / "b.toml").read_text()).keys()
    )


def test_few_rows_cannot_be_searched(searched, tmp_path):
    (tmp_path / "f.csv").write_text("a,y\n" + "1,u\n2,v\n" * 20)
    message = fails("tune", "f.csv", cwd=tmp_path, code=2)
    assert "40 rows are too few to tell settings apart: give at least 50." in message
