"""Tables as they come, from the raw file to predictions of raw rows, by commands."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")

import axon
from axon import tabular
from axon.cli.tables import FILES, NETWORKS, ONLY_NETWORKS, ONLY_TABLES, is_table
from axon.cli.train import train
from axon.cli.verdict import verdicts
from tests.cli.commands import fails, houses, run

NAMES = ("Braund, Mr. Owen", "Heikkinen, Miss. Laina", "Allen, Mr. William", "Moran, Mr. James")


def passengers(path, rows=160, encoding="utf-8", mark=","):
    """Text, gaps, an id, a column that is mostly empty; who survives depends on Sex and Age."""
    rng = np.random.default_rng(0)
    with open(path, "w", encoding=encoding, newline="") as stream:
        write = csv.writer(stream, delimiter=mark).writerow
        write(["PassengerId", "Survived", "Name", "Sex", "Age", "Cabin", "Fare", "Gewürz"])
        for i in range(rows):
            age, male = rng.integers(1, 80), rng.integers(2)
            lives = (not male and age < 60) or age < 10
            write(
                [
                    *(i + 1, "did survive" if lives else "did not", f"{NAMES[i % 4]} {i}"),
                    *(("female", "male")[male], "" if i % 9 == 0 else age),
                    *("" if i % 5 else f"C{i}", f"{rng.random() * 50:.2f}", "süß"),
                ]
            )


OPTIONS = ("--target", "Survived", "--effort", "fast")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a table and a model of it, and what was said on the way."""
    folder = tmp_path_factory.mktemp("home")
    passengers(folder / "t.csv")
    return folder, *run("train", "t.csv", *OPTIONS, "--save", "net.axon", cwd=folder)


def test_train_takes_a_table_as_it_comes(home):
    _, report, said = home
    assert "Table          t.csv: 160 rows, 8 columns\n" in report
    assert re.search(r"Target +Survived, one of 2 classes: did not \d+\.\d%, did survive", report)
    assert re.search(r"^column +kind +gaps +different +values$", report, re.MULTILINE)
    assert re.search(r"^Sex +category +0 +2 +female, male$", report, re.MULTILINE)
    assert re.search(r"^Age +number +18 +\d+ +\d+ to \d+$", report, re.MULTILINE)
    assert re.search(r"^PassengerId +left out .* it numbers the rows: an id$", report, re.MULTILINE)
    assert re.search(r"^Epoch 1/\d+ - \d\.\ds - val_loss: ", report, re.MULTILINE)
    found = re.search(r"^Accuracy +([\d.]+)% \(baseline: ([\d.]+)%\)$", report, re.MULTILINE)
    assert float(found[1]) > float(found[2]) + 10
    assert re.search(r"Log loss .*\nAUC .*\nBaseline +always 'did not', the most frequent", report)
    assert re.search(r"Judged on +\d+ rows, by networks that had not seen them", report)
    assert "Written        net.axon\nNext           axon predict net.axon NEW.csv\n" in report
    assert "is left out" not in said  # the overview says so


def test_the_file_predicts_raw_rows(home, tmp_path):
    folder, *_ = home
    (tmp_path / "new.csv").write_text(
        "Age,Colour,Sex,Name,Fare,Cabin\n30,red,female,x y,10,\n,blue,male,z,,\n"
    )
    printed, said = run("predict", folder / "net.axon", "new.csv", "--probabilities", cwd=tmp_path)
    head, *rows = csv.reader(printed.splitlines())
    assert head[:3] == ["sample", "prediction", "probability"]
    assert head[3:] == ["probability of did not", "probability of did survive"]
    assert [row[1] for row in rows] == ["did survive", "did not"]
    assert "Columns that it did not learn from are ignored: Colour." in said
    model = tabular.load(folder / "net.axon")
    with pytest.warns(UserWarning, match="are ignored: Colour"):
        p = model.predict_proba(tmp_path / "new.csv")
    assert [row[3:] for row in rows] == [[f"{v:.4f}" for v in line] for line in p]
    again = run(
        "predict", folder / "net.axon", "-", cwd=tmp_path, stdin=(tmp_path / "new.csv").read_bytes()
    )
    assert again[0].splitlines()[1].split(",")[1] == "did survive"


def test_the_target_may_be_there_and_a_missing_column_is_named(home, tmp_path):
    folder, *_ = home
    printed, said = run("predict", "net.axon", "t.csv", "--format", "jsonl", cwd=folder)
    assert len(printed.splitlines()) == 160
    assert json.loads(printed.splitlines()[0])["prediction"].startswith("did ")
    assert said == ""
    (tmp_path / "new.csv").write_text("Age,Name,Fare,Cabin\n30,a b,10,\n")
    message = fails("predict", folder / "net.axon", "new.csv", cwd=tmp_path)
    assert "new.csv: " in message
    assert "missing columns ['Sex']" in message


def test_arrays_and_files_of_outputs(home, tmp_path):
    folder, *_ = home
    run("predict", "net.axon", "t.csv", "--output", tmp_path / "p.npy", cwd=folder)
    assert np.load(tmp_path / "p.npy").shape == (160, 2)
    message = fails("predict", "net.axon", tmp_path, cwd=folder, code=2)
    assert "is a folder; the model takes tables" in message
    (tmp_path / "a.png").write_bytes(b"")
    assert "the model takes tables: .csv" in fails(
        "predict", "net.axon", tmp_path / "a.png", cwd=folder, code=2
    )
    assert "no.csv" in fails("predict", "net.axon", "no.csv", cwd=folder)


def test_evaluate_and_what_was_held_out(home):
    folder, report, _ = home
    whole, said = run("evaluate", "net.axon", "t.csv", cwd=folder)
    assert "t.csv: 160 samples" in whole
    assert "--held-out judges answers of networks that had not" in " ".join(said.split())
    held, said = run("evaluate", "net.axon", "t.csv", "--held-out", cwd=folder)
    assert (
        re.search(r"Accuracy +([\d.]+%)", held)[1] == re.search(r"Accuracy +([\d.]+%)", report)[1]
    )
    assert said == ""
    told = ("--json", "--report", "t.html")
    found = json.loads(run("evaluate", "net.axon", "t.csv", *told, cwd=folder)[0])
    page = (folder / "t.html").read_text()
    assert f"{found['accuracy']:.1%} of 160 are right" in page
    assert re.search(r">others taken 0\S* · found [01]\.\d+<", page)  # under the pointer
    assert set(found["classes"]) == {"did not", "did survive"}
    passengers(folder / "other.csv", 30)
    message = fails("evaluate", "net.axon", "other.csv", "--held-out", cwd=folder, code=2)
    assert "is not the file that the model learned from" in message


def test_info_of_a_table_and_of_its_model(home):
    folder, *_ = home
    shown, _ = run("info", "t.csv", cwd=folder)
    assert "Kind           a table\nRows           160\nColumns        8, 5 of use\n" in shown
    assert re.search(r"^Gewürz +left out +0 +1 +it is always 'süß'$", shown, re.MULTILINE)
    for command in ("info", "summary"):
        shown, _ = run(command, "net.axon", cwd=folder)
        assert "Kind           a table estimator (AXON)" in shown
        assert "Target         Survived\nClasses        did not, did survive\n" in shown
        assert re.search(r"^Sex +category +0 +2 +female, male$", shown, re.MULTILINE)


def test_info_of_a_table_without_rows(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n")
    message = fails("info", "t.csv", cwd=tmp_path)
    assert "t.csv: no rows below the line of names; columns: ['a', 'b']." in message


def test_explain_says_why(home):
    folder, *_ = home
    shown, said = run("explain", "net.axon", "t.csv", "--limit", 2, "--top", 1, cwd=folder)
    assert re.search(r"^row 1: did (not|survive) [\d.]+, on average 0\.\d+$", shown, re.MULTILINE)
    assert "The first 2 of 160 rows are explained: --limit." in said
    made, _ = run("explain", "net.axon", "t.csv", "--limit", 3, "--format", "csv", cwd=folder)
    rows = list(csv.DictReader(made.splitlines()))
    assert {r["row"] for r in rows} == {"1", "2", "3"}
    one = [r for r in rows if r["row"] == "1" and r["output"] == "did not"]
    parts = sum(float(r["contribution"]) for r in one)
    assert abs(float(one[0]["base"]) + parts - float(one[0]["prediction"])) < 1e-6
    run("train", "digits", "--epochs", 1, "--save", "digits.axon", cwd=folder)
    message = fails("explain", "digits.axon", "t.csv", cwd=folder)
    assert "holds no model that learned a table as it comes" in message


def test_compare_sets_others_beside(home):
    folder, *_ = home
    options = ("--target", "Survived", "--contestants", "AXON fast,linear,constant", "--folds", 2)
    shown, said = run("compare", "t.csv", *options, cwd=folder)
    assert all(name in shown for name in ("AXON fast", "linear", "constant", "accuracy"))
    assert said
    message = fails("compare", "t.csv", "--target", "survive", cwd=folder)
    assert "t.csv: there is no column 'survive'. Did you mean 'Survived'?" in message
    message = fails("compare", "digits", cwd=folder, code=2)
    assert "expected a table: a CSV, TSV or Parquet file" in message


def test_a_table_estimator_is_no_network(home, tmp_path):
    folder, *_ = home
    with pytest.raises(ValueError, match="holds a table estimator, not a network"):
        axon.load_model(folder / "net.axon")


@pytest.mark.parametrize(("encoding", "mark"), [("cp1252", ";"), ("utf-16", "\t")])
def test_encodings_and_separators_are_found_out(tmp_path, encoding, mark):
    passengers(tmp_path / "t.csv", 80, encoding, mark)
    options = (*OPTIONS, "--time-limit", "0.001s", "--save", "net.axon", "--drop", "Name,Cabin")
    report, said = run("train", "t.csv", *options, cwd=tmp_path)
    assert "1 epoch: the time was over" in report
    assert re.search(r"^Name +left out .* as was asked for$", report, re.MULTILINE)
    assert ("Windows-1252" in said) == (encoding == "cp1252")
    printed, _ = run("predict", "net.axon", "t.csv", cwd=tmp_path)
    assert len(printed.splitlines()) == 81


def test_numbers_with_gaps_and_decimal_commas(tmp_path):
    x, price = houses(tmp_path / "h.csv")
    rows = [f"{a:.3f};{p:.2f}".replace(".", ",") for a, p in zip(x[:, 0], price, strict=True)]
    rows[5] = "0,1;"
    (tmp_path / "h.csv").write_text("\n".join(["a;price", *rows]))
    options = ("--effort", "fast", "--folds", 2, "--metric", "mae", "--save", "net.axon")
    report, said = run("train", "h.csv", *options, cwd=tmp_path)
    assert "No --target is given: 'price' is predicted." in said
    assert "1 row without a 'price' cannot be learned from." in said
    assert "Target         price, numbers from 4" in report
    found = re.search(r"^Mean error +([\d,.]+) \(baseline: ([\d,.]+)\)$", report, re.MULTILINE)
    value, baseline = (float(text.replace(",", "")) for text in found.groups())
    assert value < baseline
    assert re.search(r"RMS error .*\nR² .*\nBaseline +always 5[01],\d+, the mean", report)
    assert "Judged on      299 rows" in report
    printed, _ = run("predict", "net.axon", "h.csv", cwd=tmp_path)
    assert printed.startswith("sample,prediction\n0,4") or printed.startswith(
        "sample,prediction\n0,5"
    )
    tested, said = run("evaluate", "net.axon", "h.csv", cwd=tmp_path)
    assert "299 samples" in tested
    assert "1 of 300 rows have no 'price'" in said


def test_words_that_are_gaps_are_kept_in_the_file(tmp_path):
    rows = [f"{'none' if i % 4 == 0 else i % 7},{('NA', 'EU')[i % 2]},{i % 3}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,where,y", *rows]))
    options = ("--effort", "fast", "--gaps", "none", "--save", "net.axon")
    report, _ = run("train", "t.csv", *options, cwd=tmp_path)
    assert re.search(r"^a +number +15 +7 +0 to 6$", report, re.MULTILINE)
    assert re.search(r"^where +category +0 +2 +EU, NA$", report, re.MULTILINE)
    (tmp_path / "new.csv").write_text("where,a\nNA,none\n,3\n")
    _, said = run("predict", "net.axon", "new.csv", cwd=tmp_path)
    assert "never seen" not in said


def test_options_of_networks_train_networks(tmp_path):
    houses(tmp_path / "h.csv")
    run("train", "h.csv", "--hidden", "4", "--epochs", 1, "--save", "net.axon", cwd=tmp_path)
    assert axon.load_model(tmp_path / "net.axon").metadata["target"] == "price"
    run("train", "h.csv", "--epochs", 1, "--dump-config", "run.toml", cwd=tmp_path)
    assert "effort" not in (tmp_path / "run.toml").read_text()
    assert "Test error" in run("train", "--config", "run.toml", cwd=tmp_path)[0]
    message = fails("train", "h.csv", "--effort", "fast", "--model", "mlp", cwd=tmp_path, code=2)
    assert "--effort is for tables as they come, --model for a network" in message
    message = fails("train", "digits", "--folds", 3, cwd=tmp_path, code=2)
    assert "--folds is for tables: a CSV, TSV or Parquet file." in message


def test_all_options_are_of_one_way_or_of_both():
    both = {"data", "target", "task", "seed", "save", "report", "test", "class_weight"}
    both |= {*NETWORKS, *FILES}
    assert {p.name for p in train.params} == {*ONLY_TABLES, *ONLY_NETWORKS, *both}


ALL = """
import sys
from axon.cli import cli

def run(*words):
    cli(list(words), standalone_mode=False)

run("train", "h.csv", "--target", "price", "--effort", "fast", "--save", "n.axon", "--report", "r")
run("train", "h.csv", "--target", "where", "--effort", "fast", "--save", "c.axon")
run("train", "h.csv", "--target", "price", "--effort", "fast", "--quantiles", "0.1,0.9")
for name in ("n.axon", "c.axon"):
    run("info", name)
    run("predict", name, "h.csv", "--output", "p.csv")
    run("evaluate", name, "h.csv")
    run("explain", name, "h.csv", "--limit", "2")
print("LOADED", *sorted({"sklearn", "scipy", "pandas", "polars", "numba"} & {*sys.modules}))
"""


def test_commands_need_neither_scikit_learn_nor_pandas(tmp_path):
    """They take two seconds to import, and are no part of what a command does."""
    rows = [f"{i},{i % 7 / 3},{'ab'[i % 2]},{100 + 3 * i}" for i in range(120)]
    (tmp_path / "h.csv").write_text("size,age,where,price\n" + "\n".join(rows) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", ALL], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED"


# ------------------------------------------------------------------------------------ bad input

BAD = {
    "a near name": ("a,Price\n1,2\n2,3", ("--target", "prize"), "Did you mean 'Price'? There are"),
    "one class": ("a,y\n1,u\n2,u\n3,u", (), "'y' holds one class, 'u', in all 3 rows."),
    "one class and gaps": ("a,y\n1,u\n2,u\n3,", (), "in all 2 rows; 1 rows more have a gap there"),
    "one number": (
        "a,y\n1,5\n2,5\n3,5",
        ("--task", "regression"),
        "target 'y' is 5 in all 3 rows: there is nothing to learn.",
    ),
    "no numbers": ("a,y\n1,u\n2,v", ("--task", "regression"), "it must hold numbers, and 'u' is"),
    "no rows": ("a,y\n", (), "no rows below the line of names"),
    "nothing": ("", (), "is empty"),
    "all different": (
        "a,y\n" + "\n".join(f"{i % 3},w{i}" for i in range(30)),
        (),
        "holds 30 different values in 30 rows, such as 'w0': these are no classes.",
    ),
    "all gaps": ("a,y\n1,\n2,", ("--target", "y"), "no row has a value there"),
    "one column": (
        "y\nu\nv\nu",
        (),
        "there is no column besides 'y': nothing is left to learn from.",
    ),
    "one row": ("a,y\n1,0.5", (), "there is only 1 row with a target; at least 2 are needed."),
    "a stray word": (
        "a,y\n" + "\n".join(f"{'x' if i == 25 else i / 7},{i % 2}" for i in range(40)),
        (),
        "column 'a' holds numbers, but 'x' in row 26. Mend it; or say --numeric a, and such words",
    ),
    "only ids": (
        "id,y\n" + "\n".join(f"{i},{i % 2}" for i in range(40)),
        (),
        "no column is left to learn from. 'id': it numbers the rows",
    ),
    "huge": ("a,y\n1,1e300\n2,0.5\n4,2", (), "holds numbers as large as 1e+300, which cannot"),
    "an unknown column": ("a,y\n1,2\n2,3", ("--drop", "b"), "--drop: there is no column 'b'"),
    "a wrong metric": ("a,y\n1,u\n2,v", ("--metric", "rmse"), "--metric rmse does not judge class"),
    "a wrong time": ("a,y\n1,u\n2,v", ("--time-limit", "soon"), "expected a time such as 60s"),
}
MISUSED = ("an unknown column", "a wrong metric", "a wrong time")  # told apart by their code


@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_is_named(tmp_path, kind):
    content, options, what = BAD[kind]
    (tmp_path / "bad.csv").write_text(content)
    code = 2 if kind in MISUSED else 1
    message = fails("train", "bad.csv", *options, cwd=tmp_path, code=code)
    assert what in message
    assert code == 2 or "bad.csv" in message


def test_files_that_are_none(tmp_path):
    assert "no.csv" in fails("train", "no.csv", cwd=tmp_path)
    (tmp_path / "folder.csv").mkdir()
    assert "folder.csv" in fails("train", "folder.csv", cwd=tmp_path)
    (tmp_path / "x.csv.gz").write_bytes(b"\x1f\x8b")
    assert "x.csv.gz" in fails("train", "x.csv.gz", cwd=tmp_path)
    assert "there is no folder" in fails("train", "no.csv", "--save", "no/n.axon", cwd=tmp_path)
    assert "Call it *.axon" in fails("train", "a.csv", "--save", "n.onnx", cwd=tmp_path, code=2)


def test_parquet(home, tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"a": [i / 7 for i in range(40)], "b": ["x", None] * 20, "y": [True, False] * 20}
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    options = ("--target", "y", "--effort", "fast", "--save", "net.axon")
    report, _ = run("train", "t.parquet", *options, cwd=tmp_path)
    assert re.search(r"^b +category +20 +1 +x$", report, re.MULTILINE)
    printed, _ = run("predict", "net.axon", "t.parquet", cwd=tmp_path)
    assert printed.splitlines()[1].split(",")[1] == "True"
    assert "Kind           a table" in run("info", "t.parquet", cwd=tmp_path)[0]
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    message = fails("train", "t.parquet", "--target", "y", cwd=tmp_path)
    assert "reading it needs pyarrow: pip install pyarrow. Or give it as CSV." in message


def test_a_report_is_written(tmp_path):
    pytest.importorskip("matplotlib")
    passengers(tmp_path / "t.csv", 60)
    report, _ = run("train", "t.csv", *OPTIONS, "--report", "run.html", cwd=tmp_path)
    assert "Written        run.html" in report
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "t.csv: Survived" in page


def test_three_rows_are_enough_to_try(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,y\n1,x,u\n2.5,,v\n4,z,u\n")
    report, _ = run("train", "t.csv", "--save", "net.axon", cwd=tmp_path)
    assert "Judged on      3 rows" in report
    assert len(run("predict", "net.axon", "t.csv", cwd=tmp_path)[0].splitlines()) == 4


def test_names_of_tables():
    assert [is_table(n) for n in ("A.CSV", "a.tsv.xz", "a.pq", "a.csv.zip", "csv")] == [
        *(True, True, True, False, False)
    ]


# ------------------------------------------------------------------------------------ verdicts


def test_verdicts_are_those_of_scikit_learn():
    from sklearn import metrics

    rng = np.random.default_rng(0)
    y, p = rng.integers(3, size=200), rng.dirichlet(np.ones(3), 200)
    found = {}
    for name in ("accuracy", "log_loss", "auc", "balanced_accuracy", "f1"):
        found[name] = verdicts("classification", y, p, name)[0]
    guess = p.argmax(axis=1)
    expected = {
        "accuracy": metrics.accuracy_score(y, guess),
        "log_loss": metrics.log_loss(y, p),
        "auc": metrics.roc_auc_score(y, p, multi_class="ovr"),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, guess),
        "f1": metrics.f1_score(y, guess, average="macro"),
    }
    assert {name: v.value for name, v in found.items()} == pytest.approx(expected)
    assert found["auc"].baseline == 0.5
    assert found["accuracy"].baseline == np.bincount(y).max() / 200
    a = rng.normal(size=50)
    b = a + rng.normal(size=50)
    rmse, mae, r2 = verdicts("regression", a, b)
    assert rmse.value == pytest.approx(metrics.mean_squared_error(a, b) ** 0.5)
    assert mae.value == pytest.approx(metrics.mean_absolute_error(a, b))
    assert r2.value == pytest.approx(metrics.r2_score(a, b))
    assert (r2.baseline, rmse.baseline) == (0, pytest.approx(a.std()))
    assert not verdicts("classification", y, p)[0].better


def test_predictions_of_tables_by_id(home):
    """The column that numbered the rows names them again; another one on request."""
    folder, *_ = home
    printed, _ = run("predict", "net.axon", "t.csv", cwd=folder)
    assert printed.splitlines()[0] == "PassengerId,prediction,probability"
    assert [line.split(",")[0] for line in printed.splitlines()[1:4]] == ["1", "2", "3"]
    printed, _ = run("predict", "net.axon", "t.csv", "--id", "Cabin", cwd=folder)
    assert [line.split(",")[0] for line in printed.splitlines()[:3]] == ["Cabin", "C0", ""]
    message = fails("predict", "net.axon", "t.csv", "--id", "cabin", cwd=folder)
    assert "t.csv: there is no column 'cabin'. Did you mean 'Cabin'?" in message
