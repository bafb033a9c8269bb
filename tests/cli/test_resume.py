"""``axon train --backup`` and ``axon resume``: runs that are killed end with the same bits."""

import os
import random
import signal
import time

import numpy as np
import pytest

import axon
from axon.callbacks import backup_position
from tests.cli.commands import fails, in_a_process, run, started

posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
RUN = ("digits", "--model", "cnn", "--epochs", 6, "--seed", 3, "--batch-size", 64)


def weights(path):
    return [w.tobytes() for w in axon.load_model(path).get_weights()]


def wait_for(process, path, seconds=60):
    """Wait until a file is there, or the process has ended."""
    end = time.monotonic() + seconds
    while process.poll() is None and not path.exists() and time.monotonic() < end:
        time.sleep(0.01)


def finish(process):
    printed, message = process.communicate(timeout=60)
    assert "Traceback" not in message, message
    return process.returncode, printed, message


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """What the run ends with if nothing happens, and how long it takes."""
    folder = tmp_path_factory.mktemp("whole")
    began = time.monotonic()
    report, _ = in_a_process("train", *RUN, "--save", "n.axon", cwd=folder)
    return weights(folder / "n.axon"), time.monotonic() - began, report


@posix
@pytest.mark.parametrize("kill", range(4))
def test_a_killed_run_ends_with_the_same_bits(tmp_path, uninterrupted, kill):
    """SIGKILL at any moment: before the first step, in an epoch, between them, at the end."""
    wanted, seconds, _ = uninterrupted
    process = started("train", *RUN, "--save", "n.axon", "--backup", "b", cwd=tmp_path)
    wait_for(process, tmp_path / "b" / "run.toml")
    time.sleep(random.Random(kill).uniform(0, 0.7 * seconds) * kill / 3)
    process.kill()
    code, _, _ = finish(process)
    assert code in (-signal.SIGKILL, 0)
    report, said = in_a_process("resume", "b", cwd=tmp_path)
    assert weights(tmp_path / "n.axon") == wanted
    assert "Going on with the run in b" in said or "is finished" in said
    assert "Test accuracy" in report


@posix
def test_a_run_killed_again_and_again(tmp_path, uninterrupted):
    wanted, _, _ = uninterrupted
    options = ("--save", "n.axon", "--backup", "b", "--backup-every", 5)
    process = started("train", *RUN, *options, cwd=tmp_path)
    wait_for(process, tmp_path / "b" / "run.backup")
    for _ in range(3):
        process.kill()
        finish(process)
        before = backup_position(tmp_path / "b") or (0, 0)
        process = started("resume", tmp_path / "b", cwd=tmp_path)
        while process.poll() is None and (backup_position(tmp_path / "b") or (0, 0)) <= before:
            time.sleep(0.02)
    assert finish(process)[0] == 0
    assert weights(tmp_path / "n.axon") == wanted


@posix
def test_ctrl_c_says_how_to_go_on(tmp_path, uninterrupted):
    process = started("train", *RUN, "--save", "n.axon", "--backup", "b", cwd=tmp_path)
    wait_for(process, tmp_path / "b" / "run.backup")
    process.send_signal(signal.SIGINT)
    code, _, message = finish(process)
    assert code == 130
    assert message == "Stopped. Go on with: axon resume b\n"
    in_a_process("resume", "b", cwd=tmp_path)
    assert weights(tmp_path / "n.axon") == uninterrupted[0]


@posix
def test_ctrl_c_without_a_backup(tmp_path):
    process = started("train", *RUN, "--epochs", 1000, "--save", "n.axon", cwd=tmp_path)
    assert process.stdout.readline().startswith("Epoch 1/1000")
    process.send_signal(signal.SIGINT)
    code, _, message = finish(process)
    assert (code, message) == (130, "Stopped. Nothing was saved.\n")
    assert not list(tmp_path.iterdir())


def test_all_in_one_process(tmp_path):
    """A backup that is finished is told from one that is not, and nothing begins in its place."""
    options = ("digits", "--epochs", 2, "--save", "n.axon", "--backup", "runs/one")
    run("train", *options, cwd=tmp_path)
    before = (tmp_path / "n.axon").read_bytes()
    shown, said = run("resume", "runs/one", cwd=tmp_path)
    assert "The run in runs/one is finished: there is nothing to resume." in said
    assert "Test accuracy" in shown
    assert "Written        n.axon" in shown
    assert (tmp_path / "n.axon").read_bytes() == before
    message = fails("train", *options, cwd=tmp_path)
    assert "runs/one holds the backup of a run. Go on with it: axon resume runs/one." in message
    shown, _ = run("info", "runs/one", cwd=tmp_path)
    assert "the backup of a run" in shown
    assert "Done           2 epochs" in shown
    assert "Data           digits" in shown
    assert "test_accuracy: 0." in shown


def test_a_run_whose_files_were_not_written_yet_writes_them(tmp_path):
    """Killed between the last epoch and the end: the files come with ``resume``."""
    run("train", "digits", "--epochs", 2, "--save", "n.axon", "--backup", "b", cwd=tmp_path)
    before = weights(tmp_path / "n.axon")
    (tmp_path / "n.axon").unlink()
    settings = (tmp_path / "b" / "run.toml").read_text()
    (tmp_path / "b" / "run.toml").write_text(settings[: settings.index("[result]")])
    (tmp_path / "elsewhere").mkdir()
    report, _ = run("resume", "../b", cwd=tmp_path / "elsewhere")
    assert weights(tmp_path / "n.axon") == before
    assert f"Written        {tmp_path / 'n.axon'}" in report


def test_how_often_a_backup_is_made(tmp_path):
    message = fails("train", "digits", "--backup", "b", "--backup-every", "now", cwd=tmp_path)
    assert "save_freq" in message
    assert not (tmp_path / "b").exists()


def test_what_is_no_backup(tmp_path):
    (tmp_path / "mine").mkdir()
    message = fails("resume", "mine", cwd=tmp_path)
    assert message == (
        "Error: mine is no backup of `axon train --backup`: there is no run.toml in it."
    )
    assert "does not exist" in fails("resume", "nope", cwd=tmp_path, code=2)
    (tmp_path / "file").write_text("")
    assert "is a file" in fails("resume", "file", cwd=tmp_path, code=2)
    (tmp_path / "mine" / "run.toml").write_text("epochs = \n")
    assert "mine/run.toml: not a TOML file" in fails("resume", "mine", cwd=tmp_path)


def test_what_a_backup_cannot_go_on_with(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "1,u\n2,v\n" * 10)
    run("train", "t.csv", "--epochs", 1, "--backup", "b", cwd=tmp_path)
    settings = (tmp_path / "b" / "run.toml").read_text()
    settings = settings[: settings.index("[result]")]
    (tmp_path / "b" / "run.toml").write_text(settings)
    (tmp_path / "t.csv").write_text("a,y\n" + "1,u\n3,v\n" * 10)
    message = fails("resume", "b", cwd=tmp_path)
    assert "t.csv has changed since the run began: with other data it cannot go on." in message
    (tmp_path / "t.csv").unlink()
    assert "t.csv" in fails("resume", "b", cwd=tmp_path)
    (tmp_path / "b" / "run.toml").write_text(settings.replace(str(tmp_path), "/no/where"))
    assert "started in '/no/where', which is not there" in fails("resume", "b", cwd=tmp_path)
    (tmp_path / "b" / "run.toml").write_text(settings)
    (tmp_path / "t.csv").write_text("a,y\n" + "1,u\n2,v\n" * 10)
    (tmp_path / "b" / "run.backup").write_bytes(b"damaged")
    assert "run.backup" in fails("resume", "b", cwd=tmp_path)


def test_numbers_resume_too(tmp_path):
    rows = [f"{i / 7},{i % 5},{i / 3 + i % 5}" for i in range(60)]
    (tmp_path / "h.csv").write_text("\n".join(["a,b,y", *rows]))
    run("train", "h.csv", "--epochs", 3, "--save", "a.axon", cwd=tmp_path)
    options = ("--epochs", 3, "--save", "b.axon", "--backup", "b")
    run("train", "h.csv", *options, cwd=tmp_path)
    settings = (tmp_path / "b" / "run.toml").read_text()
    (tmp_path / "b" / "run.toml").write_text(settings[: settings.index("[result]")])
    run("resume", "b", cwd=tmp_path)
    x = np.ones((1, 2))
    first, second = (axon.load_model(tmp_path / f"{name}.axon") for name in "ab")
    assert first.predict(x).tobytes() == second.predict(x).tobytes()
