"""``axon tune``: what is searched, studies that go on, and the best run, repeated bit for bit."""

import os
import re
import signal
import time
import tomllib

import numpy as np
import pytest

pytest.importorskip("optuna", reason="needs Optuna, the extra 'tune'")

import optuna

import axon
from axon.cli import searching
from axon.cli.searching import SEARCHED, suggested
from axon.cli.tuning import fitted
from tests.cli.commands import fails, in_a_process, run, started

QUICK = ("digits", "--epochs", 1)


def trials_in(folder, storage="digits.tune"):
    study = searching.opened(str(folder / storage), 0, print)
    return study.get_trials()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune")
    return folder, *run("tune", *QUICK, "--trials", 6, "--save", "n.axon", cwd=folder)


def test_the_best_run_is_repeated_bit_for_bit(home, tmp_path):
    folder, report, said = home
    lines = re.findall(r"^Trial (\d)/6  (.*)$", report, re.MULTILINE)
    assert [number for number, _ in lines] == list("123456")
    losses = [float(v) for v in re.findall(r"^Trial .*?  loss ([\d.]+)", report, re.MULTILINE)]
    kept = float(re.search(r"val_loss: ([\d.]+)", report)[1])
    assert kept == pytest.approx(min(losses), abs=1e-3)
    assert "Training with the settings of trial" in said
    assert "Test accuracy" in report
    run("train", "--config", "best.toml", "--save", tmp_path / "m.axon", cwd=folder)
    first, second = (
        axon.load_model(p).get_weights() for p in (folder / "n.axon", tmp_path / "m.axon")
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    best = min((t for t in trials_in(folder) if t.value is not None), key=lambda t: t.value)
    written = tomllib.loads((folder / "best.toml").read_text())
    assert written["learning_rate"] == best.params["learning_rate"]
    assert written["batch_size"] == best.params["batch_size"]
    assert all(written["hidden"]) or not written["hidden"]


def test_a_study_goes_on_and_does_not_mix(home):
    folder, *_ = home
    printed, said = run("tune", *QUICK, "--trials", 6, cwd=folder)
    assert "6 trials are there already: --trials 12 tries more." in said
    assert "Trial" not in printed
    printed, said = run("tune", *QUICK, "--trials", 7, cwd=folder)
    assert "Going on with the study in digits.tune: 6 trials are known." in said
    assert re.findall(r"^Trial (\d)/7 ", printed, re.MULTILINE) == ["7"]
    message = fails("tune", "digits", "--epochs", 2, cwd=folder, code=2)
    assert "the study in digits.tune was made with epochs = 1, and now it is 2" in message
    assert "Give --storage another name." in message
    message = fails("tune", *QUICK, "--dropout", 0.1, cwd=folder, code=2)
    assert "trials cannot be compared" in message


def test_what_is_given_stays(tmp_path):
    options = ("--dropout", 0.25, "--hidden", "8", "--storage", "s", "--trials", 3)
    report, _ = run("tune", *QUICK, *options, "--best", "b.toml", cwd=tmp_path)
    written = tomllib.loads((tmp_path / "b.toml").read_text())
    assert (written["dropout"], written["hidden"]) == (0.25, [8])
    assert "dropout=" not in report
    assert "width=" not in report


@pytest.mark.slow
def test_a_database_keeps_trials_too(tmp_path):
    pytest.importorskip("sqlalchemy", reason="databases need SQLAlchemy")
    options = (*QUICK, "--storage", "sqlite:///s.db", "--trials")
    run("tune", *options, 3, cwd=tmp_path)
    report, said = run("tune", *options, 4, cwd=tmp_path)
    assert "3 trials are known" in said
    assert re.findall(r"^Trial (\d)/4 ", report, re.MULTILINE) == ["4"]


def test_trials_that_are_worse_are_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(searching, "FIRST", 1)
    monkeypatch.setattr(searching, "WARM", 0)
    run("tune", "digits", "--epochs", 4, "--trials", 8, cwd=tmp_path)
    found = trials_in(tmp_path)
    pruned = [t for t in found if t.state.name == "PRUNED"]
    assert pruned
    assert all(len(t.intermediate_values) < 4 for t in pruned)
    run(
        "tune", "digits", "--epochs", 2, "--trials", 4, "--no-prune", "--storage", "o", cwd=tmp_path
    )
    assert {t.state.name for t in trials_in(tmp_path, "o")} == {"COMPLETE"}


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_killed_search_goes_on(tmp_path):
    """kill -9, then Ctrl-C: what ran is tried again, and the best so far is written already."""
    options = ("digits", "--epochs", 25, "--trials", 40)
    process = started("tune", *options, cwd=tmp_path)
    until(process, tmp_path / "best.toml")
    process.kill()
    process.communicate()
    before = trials_in_state(tmp_path)
    process = started("tune", *options, cwd=tmp_path)
    first = process.stderr.readline()
    process.stdout.readline()
    time.sleep(0.2)  # the next trial learns
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert "Going on with the study in digits.tune" in first
    assert process.returncode == 130
    assert "Stopped. The best settings so far are in best.toml. The same command goes on." in said
    found = trials_in_state(tmp_path)
    assert "RUNNING" not in found
    assert found.count("COMPLETE") >= before.count("COMPLETE")
    done = found.count("COMPLETE") + found.count("PRUNED")
    report, _ = in_a_process("tune", *options[:-1], done + 1, cwd=tmp_path)
    assert "Test accuracy" in report


def until(process, path):
    end = time.monotonic() + 60
    while process.poll() is None and not path.exists() and time.monotonic() < end:
        time.sleep(0.02)


def trials_in_state(folder):
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(folder / "digits.tune"))
    )
    study = optuna.load_study(study_name="axon tune", storage=storage)
    return [t.state.name for t in study.get_trials()]


def test_what_cannot_be_searched(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "1,u\n2,v\n" * 20)
    message = fails("tune", "t.csv", "--epochs", 2, cwd=tmp_path, code=2)
    assert "32 rows are too few to tell settings apart" in message
    (tmp_path / "x.tune").write_text("no journal")
    message = fails("tune", *QUICK, "--storage", "x.tune", cwd=tmp_path, code=2)
    assert "--storage x.tune: cannot be used: " in message
    message = fails("tune", *QUICK, "--best", "best", cwd=tmp_path, code=2)
    assert "expected the name of a .toml file, got 'best'" in message
    message = fails("tune", *QUICK, "--trials", "1.5", cwd=tmp_path, code=2)
    assert "expected a whole number from 1 on, such as 1000 or 1_000, got '1.5'" in message


def test_a_space_is_what_is_said():
    seen = {}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(60):
        for name, value in suggested(study.ask(), {*SEARCHED}, 2000).items():
            seen.setdefault(name, []).append(value)
    assert set(seen) == {*SEARCHED}
    assert {len(sizes) for sizes in seen["hidden"]} == {0, 1, 2, 3, 4}
    assert all(4 <= size <= 512 for sizes in seen["hidden"] for size in sizes)
    assert all(1e-4 <= rate <= 3e-2 for rate in seen["learning_rate"])
    assert set(seen["batch_size"]) == {16, 32, 64, 128, 256}
    assert set(suggested(study.ask(), {"dropout"}, 9)) == {"dropout"}


def test_settings_of_a_trial_are_never_cut():
    shown = ["depth=2", "width=115", "learning_rate=0.0123", "weight_decay=1.5"]
    line = "Trial 12/50  loss 0.2792             best 0.2792    0.7 s"
    assert fitted(line, shown, 9_999) == [f"{line}  {'  '.join(shown)}"]
    assert fitted(line, shown, 79) == [line, f"    {'  '.join(shown)}"]
    narrow = fitted(line, shown, 39)
    assert max(map(len, narrow)) <= 39
    assert [s for s in " ".join(narrow).split() if "=" in s] == shown
