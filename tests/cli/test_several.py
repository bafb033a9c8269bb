"""Several targets, quantiles and encodings of a table: from the file to predictions."""

import csv
import json
import re

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")

from sklearn.metrics import (
    f1_score,
    log_loss,
    mean_absolute_error,
    mean_pinball_loss,
    r2_score,
    roc_auc_score,
)

from axon import tabular
from axon.names import readable
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
    assert "1 row without a 'preis' and a 'menge' cannot be learned from." in said
    for name in ("preis", "menge"):
        r2, baseline = figures(report, f"R², {name}")
        assert r2 > 0.5 > baseline
        assert "RMS error, " + name in report
    assert "axon compare t.csv --target preis --target menge --drop nass\n" in report
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
        (["--target", "nass", "--target", "heiß", "--metric", "mae"], "not judge classes", 2),
        (["--target", "preis", "--target", "menge", "--metric", "auc"], "not judge numbers", 2),
        (
            ["--target", "nass", "--target", "heiß", "--class-weight", "balanced"],
            "--class-weight is for one --target: of several, each is a yes or no for itself",
            2,
        ),
        (
            ["--target", "preis", "--quantiles", "0.5", "--class-weight", "balanced"],
            "--class-weight is for classes: quantiles are of numbers",
            2,
        ),
        (["--target", "nass", "--target", "heiß", "--epochs", "3"], "several --target are for", 2),
        (["--target", "a", "--target", "b", "--quantiles", "0.5"], "--quantiles are of one", 2),
        (["--target", "art", "--quantiles", "0.5"], "--quantiles are of numbers, and 'art'", 2),
        (["--target", "preis", "--quantiles", "0.9,0.1"], "between 0 and 1, in order", 2),
        (
            ["--target", "preis", "--quantiles", "0.5", "--metric", "r2"],
            "does not judge quantiles, which are predicted here. Those that do: pinball, mae.",
            2,
        ),
        (
            ["--target", "preis", "--quantiles", "0.1", "--metric", "mae"],
            "The one that does: pinball.",
            2,
        ),
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


# ------------------------------------------------------------------------------------ judged


@pytest.fixture(scope="module")
def halves(home):
    """The table in two files, and a model of each kind that learned the first one."""
    head, *lines = (home / "t.csv").read_text(encoding="utf-8").splitlines()
    (home / "a.csv").write_text("\n".join([head, *lines[:110]]), encoding="utf-8")
    (home / "b.csv").write_text("\n".join([head, *lines[110:]]), encoding="utf-8")
    test = (*FAST, "--test", "b.csv", "--drop", "farbe", "--save")
    made = {
        "numbers": ("--target", "preis", "--target", "menge", "--metric", "mae"),
        "labels": ("--target", "nass", "--target", "heiß", "--metric", "f1"),
        "quantiles": ("--target", "preis", "--quantiles", "0.1,0.5,0.9", "--metric", "mae"),
    }
    reports = {
        name: run("train", "a.csv", *told, *test, f"{name}.axon", cwd=home)[0]
        for name, told in made.items()
    }
    return home, reports


def answered(home, name):
    """Truth, and what the model of a name answers, of the second file."""
    model = tabular.load(home / f"{name}.axon")
    truth = rows_of((home / "b.csv").read_text(encoding="utf-8"))
    predict = model.predict_proba if name == "labels" else model.predict
    return truth, predict(home / "b.csv")


def evaluated(home, name, *more):
    return json.loads(run("evaluate", f"{name}.axon", "b.csv", "--json", *more, cwd=home)[0])


def test_several_numbers_are_judged_by_another_file(halves):
    home, reports = halves
    truth, p = answered(home, "numbers")
    found = evaluated(home, "numbers")
    assert list(found["targets"]) == ["preis", "menge"]
    for i, name in enumerate(found["targets"]):
        y = np.array([float(row[name]) for row in truth])
        own = found["targets"][name]
        assert own["mean_absolute_error"] == pytest.approx(mean_absolute_error(y, p[:, i]))
        assert own["r2"] == pytest.approx(r2_score(y, p[:, i]))
        shown, baseline = figures(reports["numbers"], f"Mean error, {name}")
        assert shown == pytest.approx(own["mean_absolute_error"], rel=1e-3)
        assert baseline > shown
        assert shown < figures(reports["numbers"], f"RMS error, {name}")[0]
    assert re.search("Judged on +50 rows of b.csv", reports["numbers"])
    table = run("evaluate", "numbers.axon", "b.csv", "--report", "b.html", cwd=home)[0]
    page = (home / "b.html").read_text(encoding="utf-8")
    assert "test data: 50 rows that were given for this report" in page
    assert readable(np.mean([t["r2"] for t in found["targets"].values()])) in page
    assert re.search(r"^target +mean error +RMS error +R²\npreis +0\.", table, re.MULTILINE)


def test_several_labels_are_judged_by_another_file(halves):
    home, reports = halves
    truth, p = answered(home, "labels")
    found = evaluated(home, "labels")["targets"]
    for i, (name, yes) in enumerate((("nass", "ja"), ("heiß", "1"))):
        y = np.array([row[name] == yes for row in truth])
        assert found[name]["auc"] == pytest.approx(roc_auc_score(y, p[:, i]))
        assert found[name]["log_loss"] == pytest.approx(log_loss(y, p[:, i]), rel=1e-5)
        assert found[name]["f1"] == pytest.approx(f1_score(y, p[:, i] > 0.5))
        assert found[name]["accuracy"] == np.mean(y == (p[:, i] > 0.5))
        assert found[name]["samples"] == y.sum()
        assert figures(reports["labels"], f"F1, {name}")[0] == pytest.approx(
            f1_score(y, p[:, i] > 0.5, average="macro"), rel=1e-3
        )
    held, said = run("evaluate", "labels.axon", "a.csv", "--held-out", cwd=home)
    assert re.search(r"^nass +[\d.]+% ", held, re.MULTILINE)
    assert not said
    (home / "c.csv").write_text(
        "größe,art,preis,menge,nass,heiß\n1,süß,2,3,vielleicht,1\n", "utf-8"
    )
    message = fails("evaluate", "labels.axon", "c.csv", cwd=home)
    assert "c.csv: 'nass' holds 'vielleicht', which is neither 'nein' nor 'ja', as" in message
    message = fails("evaluate", "labels.axon", "b.csv", "--target", "nass", cwd=home, code=2)
    assert "the model predicts 2 targets: nass, heiß; --target names 1." in message


def test_quantiles_are_judged_by_another_file(halves):
    home, reports = halves
    truth, p = answered(home, "quantiles")
    y = np.array([float(row["preis"]) for row in truth])
    found = evaluated(home, "quantiles")
    losses = [mean_pinball_loss(y, p[:, i], alpha=q) for i, q in enumerate((0.1, 0.5, 0.9))]
    assert found["pinball_loss"] == pytest.approx(np.mean(losses))
    assert found["rows_below"] == {
        q: np.mean(y < p[:, i]) for i, q in enumerate(("0.1", "0.5", "0.9"))
    }
    shown, _ = figures(reports["quantiles"], "Mean error of the median")
    assert shown == pytest.approx(mean_absolute_error(y, p[:, 1]), rel=1e-3)
    table = run("evaluate", "quantiles.axon", "b.csv", cwd=home)[0]
    assert re.search(r"^quantile +rows below\n0.1 +[\d.]+%\n0.5", table, re.MULTILINE)


def test_a_model_of_python_is_told_its_targets(halves):
    home, _ = halves
    rows = [{"a": i / 9, "b": i % 5} for i in range(60)]
    y = np.array([[i > 30, i % 5 > 2] for i in range(60)]).astype(int)
    tabular.TabularClassifier("fast", 0).fit(rows, y).save(home / "p.axon")
    lines = [f"{r['a']},{r['b']},{u},{v}" for r, (u, v) in zip(rows, y, strict=True)]
    (home / "p.csv").write_text("\n".join(["a,b,u,v", *lines]))
    message = fails("evaluate", "p.axon", "p.csv", cwd=home, code=2)
    assert "which column is its target: --target NAME --target NAME." in message
    told = ("--target", "u", "--target", "v", "--json")
    found = json.loads(run("evaluate", "p.axon", "p.csv", *told, cwd=home)[0])["targets"]
    assert found["label 0"]["accuracy"] > 0.8


# ------------------------------------------------------------------------------------ beside others


@pytest.mark.parametrize(
    ("options", "head"),
    [
        (["--target", "preis", "--quantiles", "0.1,0.9"], ["pinball", "loss", "+-", "seconds"]),
        (["--target", "nass", "--target", "heiß"], ["log-loss", "+-", "accuracy", "seconds"]),
        (["--target", "preis", "--target", "menge"], ["RMSE", "+-", "R2", "seconds"]),
    ],
)
def test_others_learn_the_same(halves, options, head):
    home, _ = halves
    only = ("--contestants", "AXON fast,linear,constant", "--folds", 2)
    table, _ = run("compare", "b.csv", *options, *only, cwd=home)
    title, names, *lines = table.splitlines()
    assert title.startswith("50 rows, ")
    assert names.split() == ["contestant", *head]
    assert len(lines) == 3
    losses = {line.split("  ")[0]: float(re.findall(r" [\d.]+", line)[0]) for line in lines}
    assert losses["AXON fast"] < losses["constant"]


@pytest.mark.slow
def test_all_who_can_learn_quantiles(halves):
    home, _ = halves
    told = ("--target", "preis", "--quantiles", "0.1,0.5,0.9", "--folds", 2)
    table, _ = run("compare", "t.csv", *told, cwd=home)
    assert " failed: " not in table
    lines = [re.split("  +", line) for line in table.splitlines()[2:] if "  " in line]
    losses = {name: float(loss) for name, loss, *_ in lines}
    assert len(losses) >= 6
    assert losses.pop("constant") > 2 * max(losses.values())


def test_who_learns_no_quantiles_is_named(halves):
    home, _ = halves
    told = ("b.csv", "--target", "preis", "--quantiles", "0.5", "--contestants", "RandomForest")
    assert "RandomForest predicts no quantiles" in fails("compare", *told, cwd=home)
    message = fails("compare", "b.csv", "--target", "art", "--quantiles", "0.5", cwd=home, code=2)
    assert "--quantiles are of one --target of numbers" in message
