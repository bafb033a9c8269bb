"""Several targets, quantiles and encodings of a table: from the file to predictions."""

import csv
import re

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")

from axon import tabular
from tests.cli.commands import fails, run

FAST = ("--effort", "fast")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A table of numbers and of answers of yes or no, also in Latin-1."""
    folder, rng = tmp_path_factory.mktemp("several"), np.random.default_rng(0)
    with open(folder / "t.csv", "w", encoding="utf-8", newline="") as stream:
        write = csv.writer(stream).writerow
        write(["größe", "art", "preis", "menge", "nass", "heiß", "farbe"])
        for i in range(160):
            a, kind = rng.normal(), ("süß", "sauer")[rng.integers(2)]
            price = "" if i == 7 else f"{3 * a + rng.normal() / 4:.2f}"
            wet, hot = "ja" if a > 0 else "nein", int(kind == "sauer")
            write([f"{a:.3f}", kind, price, f"{a * a:.2f}", wet, hot, "rgb"[i % 3]])
    text = (folder / "t.csv").read_text(encoding="utf-8")
    (folder / "l.csv").write_bytes(text.encode("latin-1"))
    return folder


def figures(report, name):
    """A metric and its baseline."""
    found = re.search(rf"^{re.escape(name)} +([-\d.]+)%? \(baseline: ([-\d.]+)%?\)$", report, re.M)
    return float(found[1]), float(found[2])


def rows_of(text):
    return [*csv.DictReader(text.splitlines())]


def test_several_numbers(home):
    targets = ("--target", "preis", "--target", "menge", "--drop", "nass")
    report, said = run("train", "t.csv", *targets, *FAST, "--save", "n.axon", cwd=home)
    assert re.search(r"Target +preis: numbers from -[\d.]+ to [\d.]+; menge: numbers", report)
    assert "1 row without a 'preis and menge' cannot be learned from." in said
    for name in ("preis", "menge"):
        r2, baseline = figures(report, f"R², {name}")
        assert r2 > 0.5 > baseline
        assert "RMS error, " + name in report
    assert "axon compare" not in report
    printed, _ = run("predict", "n.axon", "t.csv", cwd=home)
    given = rows_of((home / "t.csv").read_text(encoding="utf-8"))
    for name in ("preis", "menge"):
        pairs = [
            (float(p[f"prediction of {name}"]), float(g[name]))
            for p, g in zip(rows_of(printed), given, strict=True)
            if g[name]
        ]
        assert np.corrcoef(np.transpose(pairs))[0, 1] > 0.8
    about, _ = run("info", "n.axon", cwd=home)
    assert re.search(r"^Target +preis, menge$", about, re.MULTILINE)
    assert re.search(
        r"row 1: preis [-\d.]+, on average", run("explain", "n.axon", "t.csv", cwd=home)[0]
    )


def test_several_labels(home):
    targets = ("--target", "nass", "--target", "heiß", "--drop", "preis,menge")
    report, _ = run("train", "t.csv", *targets, *FAST, "--save", "l.axon", cwd=home)
    assert re.search(r"Target +nass: [\d.]+% of rows; heiß: [\d.]+% of rows", report)
    for name in ("nass", "heiß"):
        auc, baseline = figures(report, f"AUC, {name}")
        assert auc > 0.9 > baseline
        accuracy, baseline = figures(report, f"Accuracy, {name}")
        assert accuracy > baseline + 10
    printed, _ = run("predict", "l.axon", "t.csv", cwd=home)
    given = rows_of((home / "t.csv").read_text(encoding="utf-8"))
    wet = [float(r["probability of nass"]) > 0.5 for r in rows_of(printed)]
    assert np.mean(np.equal(wet, [g["nass"] == "ja" for g in given])) > 0.9


def test_quantiles_of_a_file_in_latin_1(home):
    told = ("--quantiles", "0.1,0.9", "--encoding", "latin-1", "--target", "preis")
    report, said = run("train", "l.csv", *told, *FAST, "--save", "q.axon", cwd=home)
    assert "Windows-1252" not in said  # nothing had to be found out
    loss, baseline = figures(report, "Pinball loss")
    assert loss < baseline / 2
    assert re.search(r"Rows below +[\d.]+% \(0.1\), [\d.]+% \(0.9\)", report)
    assert re.search(r"Baseline +always -[\d.]+ \(0.1\), [\d.]+ \(0.9\)", report)
    assert tabular.load(home / "q.axon").columns_.encoding == "latin-1"
    rows = rows_of(run("predict", "q.axon", "l.csv", cwd=home)[0])
    assert all(float(r["quantile_0.1"]) <= float(r["quantile_0.9"]) for r in rows)


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (["--target", "preis", "--target", "art"], "'preis' holds numbers", 1),
        (["--target", "nass", "--target", "farbe"], "'farbe' holds 3 classes", 1),
        (["--target", "nass", "--target", "nas"], "no column 'nas'. Did you mean 'nass'?", 1),
        (["--target", "nass", "--target", "nass"], "a target is named twice: nass, nass", 1),
        (["--target", "nass", "--target", "heiß", "--metric", "auc"], "--metric is for one", 2),
        (["--target", "nass", "--target", "heiß", "--epochs", "3"], "several --target are for", 2),
        (["--target", "a", "--target", "b", "--quantiles", "0.5"], "--quantiles are of one", 2),
        (["--target", "art", "--quantiles", "0.5"], "--quantiles are of numbers, and 'art'", 2),
        (["--target", "preis", "--quantiles", "0.9,0.1"], "between 0 and 1, in order", 2),
        (["--target", "preis", "--quantiles", "0.5", "--metric", "r2"], "not judge quantiles", 2),
        (["--target", "preis", "--encoding", "latin1x"], "no encoding 'latin1x'. Did you mean", 1),
        (["--target", "preis", "--encoding", "ascii"], "not written in ascii", 1),
    ],
)
def test_what_cannot_be_had(home, options, said, code):
    assert said in fails("train", "t.csv", *options, cwd=home, code=code)


def test_a_file_of_options_names_one_target(home):
    (home / "run.toml").write_text('data = "t.csv"\ntarget = "größe"\nepochs = 1\n', "utf-8")
    message = fails("train", "--config", "run.toml", cwd=home)
    assert "größe" not in message  # it is no letter of it that is missed, but numbers
    assert "art" in message
