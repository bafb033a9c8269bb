"""How ``axon train`` learns: rows to stop by, a test set looked at once, weights, rates, chance."""

import re

import numpy as np
import pytest

import axon
from axon.cli.learning import class_weights, made_optimizer, parted
from axon.cli.train import train
from axon.datasets import digits
from tests.cli.commands import fails, houses, image_files, run


def rare(path, rows=400, noise=0.0, seed=0):
    """A table of which one row in ten says yes: where a is large."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2))
    yes = x[:, 0] + noise * rng.normal(size=rows) > 1.28
    lines = [f"{a:.6f},{b:.6f},{('no', 'yes')[int(y)]}" for (a, b), y in zip(x, yes, strict=True)]
    path.write_text("\n".join(["a,b,late", *lines]))


def test_the_best_epoch_is_kept_by_rows_of_its_own(tmp_path):
    """Labels of noise: what helps the rows learned from soon harms the others."""
    rare(tmp_path / "t.csv", noise=2.0)
    options = ("--epochs", 200, "--learning-rate", 0.02, "--save", "n.axon", "--patience", 4)
    report, _ = run("train", "t.csv", *options, cwd=tmp_path)
    losses = [float(v) for v in re.findall(r"val_loss: ([\d.]+)", report)]
    best, done = map(int, re.search(r"Best epoch +(\d+) of (\d+), stopped early", report).groups())
    assert done == len(losses) == best + 4 < 200
    assert losses[best - 1] == min(losses)
    assert "272 to train, 48 to stop by, 80 to test" in report
    fixed = ("--epochs", best, *options[2:-2], "--validation", 0.15)
    run("train", "t.csv", *fixed[:-4], "--save", "m.axon", *fixed[-2:], cwd=tmp_path)
    kept, again = (axon.load_model(tmp_path / f"{n}.axon").get_weights() for n in "nm")
    assert all(np.array_equal(a, b) for a, b in zip(kept, again, strict=True))


def test_nothing_is_decided_by_the_test_set(tmp_path):
    """With other rows to test on, every weight keeps its bits."""
    (x, y), (x_test, y_test) = digits.load_data()
    for name, shown in (("a", y_test), ("b", (y_test + 1) % 10)):
        arrays = {"x_train": x[:300], "y_train": y[:300], "x_test": x_test, "y_test": shown}
        np.savez(tmp_path / f"{name}.npz", **arrays)
        run("train", f"{name}.npz", "--epochs", 4, "--save", f"{name}.axon", cwd=tmp_path)
    first, second = (axon.load_model(tmp_path / f"{n}.axon").get_weights() for n in "ab")
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_no_rows_to_stop_by_where_there_are_few_or_none_are_wanted(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "1,u\n2,v\n" * 20)
    report, _ = run("train", "t.csv", "--epochs", 2, cwd=tmp_path)
    assert "32 to train, 8 to test" in report
    assert "val_loss" not in report
    assert "Best epoch" not in report
    report, _ = run("train", "digits", "--epochs", 1, "--validation", 0, cwd=tmp_path)
    assert "1,438 to train, 359 to test" in report
    (tmp_path / "s.csv").write_text("a,y\n1,u\n2,v\n3,u\n4,v\n")
    message = fails("train", "s.csv", "--validation", 0.1, "--epochs", 1, cwd=tmp_path, code=2)
    assert "--validation 0.1: " in message
    assert "Or --validation 0." in message


def test_a_file_of_before_learns_from_all_rows(tmp_path):
    """It says nothing of rows to stop by, because there were none."""
    text, _ = run("train", "digits", "--epochs", 1, "--dump-config", cwd=tmp_path)
    before = "\n".join(x for x in text.splitlines() if not x.startswith(("valid", "patience")))
    (tmp_path / "run.toml").write_text(before)
    report, _ = run("train", "--config", "run.toml", cwd=tmp_path)
    assert "1,438 to train, 359 to test" in report


# ------------------------------------------------------------------------------------ baseline


def test_what_always_no_scores_stands_beside_the_score(tmp_path):
    rare(tmp_path / "t.csv")
    report, _ = run("train", "t.csv", "--epochs", 40, "--target", "late", cwd=tmp_path)
    assert re.search(r"^Test accuracy +9\d\.\d\d%$", report, re.MULTILINE)
    assert re.search(r"^Balanced +\d\d\.\d\d%, the mean over classes$", report, re.MULTILINE)
    shown = re.search(r"^Baseline +(\d\d\.\d\d)% is what always 'no' scores$", report, re.MULTILINE)
    assert 85 < float(shown[1]) < 95


def test_balanced_classes_find_more_of_the_rare_one(tmp_path):
    rare(tmp_path / "t.csv", noise=1.0)
    found = []
    for weight in ("none", "balanced"):
        options = ("--epochs", 30, "--class-weight", weight)
        report, _ = run("train", "t.csv", *options, cwd=tmp_path)
        found.append(float(re.search(r"Balanced +([\d.]+)%", report)[1]))
    assert found[1] > found[0] + 5


def test_no_better_than_nothing_is_said(tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{v:.4f},{rng.normal():.4f}" for v in rng.normal(size=80)]
    (tmp_path / "t.csv").write_text("\n".join(["a,price", *rows]))
    options = ("--epochs", 2, "--learning-rate", 1e-9)
    report, said = run("train", "t.csv", *options, cwd=tmp_path)
    assert re.search(r"^Baseline +0\.\d+: always -?0\.\d+$", report, re.MULTILINE)
    assert "no better than an answer that looks at nothing" in said


# ------------------------------------------------------------------------------------ --test


def test_a_test_set_in_a_file_of_its_own(tmp_path):
    houses(tmp_path / "h.csv")
    _, *rows = (tmp_path / "h.csv").read_text().splitlines()
    (tmp_path / "t.csv").write_text(
        "\n".join(
            ["price,c,b,a,more", *(",".join([*reversed(row.split(",")), "1"]) for row in rows[:50])]
        )
    )
    options = ("--hidden", "8", "--epochs", 2, "--save", "h.axon")
    report, _ = run("train", "h.csv", "--test", "t.csv", *options, cwd=tmp_path)
    assert "255 to train, 45 to stop by, 50 to test" in report
    tested, _ = run("evaluate", "h.axon", "t.csv", cwd=tmp_path)
    error = re.search(r"Test error +([\d.,]+) on average", report)[1]
    assert f"Mean error     {error}" in tested
    held, _ = run("evaluate", "h.axon", "h.csv", "--held-out", cwd=tmp_path)
    assert f"Mean error     {error}" in held
    message = fails("train", "digits", "--test", "t.csv", cwd=tmp_path, code=2)
    assert "digits has a test set" in message
    (tmp_path / "u.csv").write_text("a,b,price\n1,2,3\n")
    message = fails("train", "h.csv", "--test", "u.csv", "--epochs", 1, cwd=tmp_path)
    assert "u.csv" in message
    assert "'c'" in message


def test_arrays_and_folders_to_test_on(tmp_path):
    (x, y), (x_test, y_test) = digits.load_data()
    np.savez(tmp_path / "a.npz", x=x[:100], y=y[:100])
    np.savez(tmp_path / "b.npz", x=x_test[:40], y=y_test[:40])
    report, _ = run("train", "a.npz", "--test", "b.npz", "--epochs", 1, cwd=tmp_path)
    assert re.search(r"8\d to train, 1\d to stop by, 40 to test", report)
    np.savez(tmp_path / "c.npz", x=x_test[:40, :4], y=y_test[:40])
    message = fails("train", "a.npz", "--test", "c.npz", "--epochs", 1, cwd=tmp_path)
    assert "--test c.npz: expected samples of shape (8, 8), as DATA holds, found (4, 8)" in message
    image_files(tmp_path / "p", 40, size=8)
    image_files(tmp_path / "q", 3, size=9)
    report, _ = run("train", "p", "--test", "q", "--epochs", 1, cwd=tmp_path)
    assert "40 to train, 3 to test" in report
    (tmp_path / "q" / "other").mkdir()
    next((tmp_path / "q").rglob("*.png")).rename(tmp_path / "q" / "other" / "1.png")
    for folder in (tmp_path / "q").iterdir():
        if not list(folder.iterdir()):
            folder.rmdir()
    message = fails("train", "p", "--test", "q", "--epochs", 1, cwd=tmp_path)
    assert "--test q: DATA has no class 'other': 0, 1, 2" in message


# ------------------------------------------------------------------------------------ options


def names(path):
    return [type(layer).__name__ for layer in axon.load_model(path).layers]


def test_a_folder_of_images_gets_convolutions(tmp_path):
    image_files(tmp_path / "p", 60, size=40)
    options = ("--epochs", 1, "--augment", "zoom,flip", "--dropout", 0.2, "--save", "n.axon")
    run("train", "p", *options, cwd=tmp_path)
    found = names(tmp_path / "n.axon")
    assert found[:3] == ["Rescaling", "RandomFlip", "RandomZoom"]
    assert found.count("Conv2D") == 3
    assert found[-3:] == ["GlobalAveragePooling2D", "Dropout", "Dense"]
    run("train", "p", "--model", "mlp", "--epochs", 1, "--save", "m.axon", cwd=tmp_path)
    image_files(tmp_path / "q", 20, size=30)
    image_files(tmp_path / "q", 9, size=50)
    options = ("--epochs", 1, "--save", "q.axon", "--dump-config", "run.toml")
    _, said = run("train", "q", *options, cwd=tmp_path)
    assert "Images of several sizes: all become 64x64 pixels." in said
    assert axon.load_model(tmp_path / "q.axon").input_shape == (64, 64, 3)
    assert 'image_size = "64x64"' in (tmp_path / "run.toml").read_text()
    assert names(tmp_path / "m.axon")[:2] == ["Rescaling", "Flatten"]


def test_dropout_and_augmentation_of_dense_networks(tmp_path):
    options = ("--epochs", 1, "--dropout", 0.1, "--augment", "shift", "--save", "n.axon")
    run("train", "digits", "--hidden", "8,8", *options, cwd=tmp_path)
    assert names(tmp_path / "n.axon") == [
        *("Reshape", "Rescaling", "RandomTranslation", "Flatten"),
        *("Dense", "Dropout", "Dense", "Dropout", "Dense"),
    ]
    message = fails("train", "breast_cancer", "--augment", "flip", cwd=tmp_path, code=2)
    assert "--augment is for images, and Breast Cancer Wisconsin (UCI) holds" in message
    message = fails("train", "digits", "--augment", "spin", cwd=tmp_path, code=2)
    assert "expected some of flip, shift, rotate, zoom, such as flip,shift; got 'spin'" in message
    houses(tmp_path / "h.csv")
    options = ("--hidden", "4", "--class-weight", "balanced")
    message = fails("train", "h.csv", *options, cwd=tmp_path, code=2)
    assert "--class-weight is for classes, and numbers are predicted here" in message


@pytest.mark.parametrize("name", ["linear", "cosine", "warmup-cosine"])
def test_rates_fall_to_nothing(name):
    given = ["--optimizer", "sgd", "--schedule", name, "--weight-decay", "1e-3"]
    settings = train.make_context("train", given).params | {"learning_rate": 0.5}
    made = made_optimizer(settings, 40)
    assert made.weight_decay == 1e-3
    rates = [made.schedule(step) for step in range(41)]
    assert max(rates) == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert (rates[0] < 0.1) == name.startswith("warmup")


def test_class_weights_are_those_of_scikit_learn():
    compute = pytest.importorskip("sklearn.utils.class_weight", reason="compares with sklearn")
    y = np.array([0, 0, 0, 2, 2, 1])
    pair = np.zeros((6, 1)), y
    from axon.cli.data import Task

    task = Task("t", "t", "t", pair, pair, ["a", "b", "c"])
    ours = class_weights("balanced", task)
    theirs = compute.compute_class_weight("balanced", classes=np.arange(3), y=y)
    assert np.allclose([ours[i] for i in range(3)], theirs)
    assert parted(task, 0.0, 0) is task


def test_a_run_with_all_of_it_repeats_bit_for_bit(tmp_path):
    options = ("--epochs", 3, "--dropout", 0.2, "--augment", "shift,zoom", "--schedule", "cosine")
    options += ("--weight-decay", 1e-3, "--class-weight", "balanced", "--dump-config", "run.toml")
    run("train", "digits", *options, "--save", "a.axon", cwd=tmp_path)
    run("train", "--config", "run.toml", "--save", "b.axon", cwd=tmp_path)
    first, second = (axon.load_model(tmp_path / f"{n}.axon").get_weights() for n in "ab")
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_tables_as_they_come_have_a_test_file_and_class_weights_too(tmp_path):
    pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")
    rare(tmp_path / "t.csv", rows=200, noise=1.0)
    rare(tmp_path / "u.csv", rows=50, noise=1.0, seed=1)
    options = ("--target", "late", "--effort", "fast", "--save", "n.axon")
    report, _ = run("train", "t.csv", *options, "--test", "u.csv", cwd=tmp_path)
    assert re.search(r"Judged on +50 rows of u.csv", report)
    assert re.search(r"Balanced accuracy +[\d.]+% \(baseline: 50.00%\)", report)
    tested, _ = run("evaluate", "n.axon", "u.csv", cwd=tmp_path)
    accuracy = re.search(r"^Accuracy +([\d.]+%)", report, re.MULTILINE)[1]
    assert f"Accuracy       {accuracy}" in tested
    balanced = ("--class-weight", "balanced", "--save", "m.axon")
    run("train", "t.csv", *options[:-2], *balanced, cwd=tmp_path)
    yes = [run("predict", f"{n}.axon", "u.csv", cwd=tmp_path)[0].count("yes") for n in "nm"]
    assert yes[1] > yes[0]
    assert "no.csv" in fails("train", "t.csv", *options, "--test", "no.csv", cwd=tmp_path)
    houses(tmp_path / "h.csv")
    message = fails("train", "h.csv", "--class-weight", "balanced", cwd=tmp_path, code=2)
    assert "--class-weight is for classes, and numbers are predicted here" in message
