"""Table estimators as ONNX files: ONNX Runtime predicts the same from raw columns."""

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")
pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")

import onnxruntime as runtime
from sklearn.exceptions import NotFittedError

from axon.tabular import TabularClassifier, TabularRegressor

# What is odd about new rows is warned of: test_estimators.py looks at that.
pytestmark = pytest.mark.filterwarnings("ignore:Tabular:UserWarning")


def ran(model, rows, proto=None):
    session = runtime.InferenceSession((proto or model.to_onnx()).SerializeToString())
    return session.run(None, model.onnx_inputs(rows))


def agrees(model, rows):
    found = ran(model, rows)
    if isinstance(model, TabularRegressor):
        expected = model.predict(rows)
        spread = np.abs(expected).max() + 1
        np.testing.assert_allclose(
            found[0], expected.reshape(len(expected), -1), rtol=1e-5, atol=1e-5 * spread
        )
        return
    label, p = found
    expected = model.predict_proba(rows)
    np.testing.assert_allclose(p, expected, atol=1e-5)
    top = np.sort(expected, axis=1)
    sure = (
        np.abs(expected - 0.5).min(axis=1) > 1e-4
        if isinstance(model.classes_, list)
        else top[:, -1] - top[:, -2] > 1e-4
    )
    assert np.array_equal(label[sure], model.predict(rows)[sure])


def table(rng, n, new=False):
    """A random table: gaps, two values, many, none that repeat; and values never seen."""
    more = ["new"] if new else []
    columns = {
        "size": rng.standard_normal(n) * 10.0 ** rng.integers(-3, 8) + rng.integers(-1000, 1000),
        "mostly zero": np.where(rng.random(n) < 0.8, 0.0, rng.exponential(50, n)),
        "count": rng.poisson(3, n),
        "yes": rng.random(n) < 0.3,
        "two": rng.choice(["m", "f", *more], n).astype(object),
        "few": rng.choice(["oak", "fir", "elm", "ash", *more], n).astype(object),
        "many": np.array([f"t{i}" for i in rng.integers(80 + 9 * new, size=n)], object),
        "label": np.array([f"{i}" for i in rng.integers(70, size=n)], object),
        "born": np.datetime64("2001-03-05", "s") + rng.integers(10**8, size=n).astype("m8[s]"),
        "notes": np.array(
            [
                " ".join(rng.choice(["red", "big", "old", "is", "not"], 5)) + f" {i}"
                for i in range(n)
            ],
            object,
        ),
    }
    if rng.random() < 0.7 or new:
        for name in ("size", "two", "few", "many"):
            gone = rng.random(n) < 0.1
            columns[name] = np.where(gone, np.nan if name == "size" else None, columns[name])
    columns["size"] = columns["size"].astype(float)
    return columns


CASES = [
    *[("classes", seed) for seed in range(2)],
    *[("numbers", seed) for seed in range(2)],
    *[(case, 0) for case in ("labels", "targets", "quantiles", "good", "integers", "tiny")],
]


@pytest.mark.parametrize(("case", "seed"), CASES)
def test_random_tables_are_predicted_alike(case, seed):
    rng = np.random.default_rng([seed, len(case)])
    n = 50 if case == "tiny" else 260
    x = table(rng, n)
    amount = x["count"] * 100.0 + (x["few"] == "oak") * 250 + 5000
    rank = np.digitize(amount, np.quantile(amount, (0.3, 0.7)))
    model, y = {
        "classes": (TabularClassifier("fast", seed), np.array(["low", "mid", "high"])[rank]),
        "numbers": (TabularRegressor("fast", seed), amount),
        "labels": (
            TabularClassifier("fast", 0),
            np.stack([rank > 0, rank > 1], axis=1).astype(int),
        ),
        "targets": (TabularRegressor("fast", 0), np.stack([amount, -1e-3 * rank], axis=1)),
        "quantiles": (TabularRegressor("fast", 0, quantiles=(0.1, 0.5, 0.9)), amount),
        "good": (TabularClassifier("good", 0), rank == 0),
        "integers": (TabularClassifier("fast", 0, categorical=["count"], text=["notes"]), rank * 5),
        "tiny": (TabularClassifier("good", 0), rank.astype(float)),
    }[case]
    model.fit(x, y)
    agrees(model, x)
    agrees(model, table(rng, 97, new=True))
    agrees(model, {name: column[:1] for name, column in x.items()})


def test_ordered_categories_and_only_categories():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    size = pandas.Categorical(rng.choice(["S", "M", "L"], 90), ["S", "M", "L"], ordered=True)
    model = TabularRegressor("fast", 0).fit(pandas.DataFrame({"size": size}), size.codes * 2.0)
    assert model.columns_.columns[0].role == "ordered"
    agrees(model, {"size": ["S", "L", None, "XL", "M"]})
    model.fit({"kind": list("ab" * 30)}, [0.0, 1.0] * 30)
    agrees(model, {"kind": ["a", "b", None, "c"]})


def test_names_of_inputs_and_outputs_say_what_they_are():
    rng = np.random.default_rng(3)
    x = table(rng, 150)
    model = TabularClassifier("fast", 0, text=["notes"]).fit(x, rng.choice(["a", "b"], 150))
    graph = model.to_onnx().graph
    names = [value.name for value in graph.input]
    assert {"size", "few", "born: year", "born: time", "notes: words", "label"} <= set(names)
    assert [value.name for value in graph.output] == ["label_", "probabilities"]  # "label" is taken
    agrees(model, x)


def test_words_for_gaps_are_gaps_in_the_graph():
    rng = np.random.default_rng(4)
    kind = rng.choice(["a", "b", "c"], 120).astype(object)
    kind[::7] = None
    model = TabularRegressor("fast", 0).fit({"kind": kind}, [float(k == "b") for k in kind])
    session = runtime.InferenceSession(model.to_onnx().SerializeToString())
    given = np.array([[""], ["NA"], ["nan"], ["z"]], object)
    found = session.run(None, {"kind": given})[0].ravel()
    np.testing.assert_allclose(found, model.predict({"kind": ["", "NA", "nan", "z"]}), atol=1e-5)
    assert found[0] == found[1] == found[2] != found[3]


def test_a_file_is_the_same_each_time_and_holds_no_rows(tmp_path):
    rng = np.random.default_rng(5)
    secret = 123456789.0625
    size = np.append(rng.standard_normal(100) * 1e9, secret)
    x = {"size": size, "name": [f"person {i}" for i in range(100)] + ["Ada Lovelace"]}
    model = TabularRegressor("fast", 0, drop=["name"]).fit(x, size / 1e9)
    model.to_onnx(tmp_path / "a.onnx")
    model.to_onnx(tmp_path / "b.onnx")
    written = (tmp_path / "a.onnx").read_bytes()
    assert written == (tmp_path / "b.onnx").read_bytes()
    assert b"Lovelace" not in written
    assert np.float64(secret).tobytes() not in written
    found = runtime.InferenceSession(str(tmp_path / "a.onnx")).run(None, model.onnx_inputs(x))[0]
    np.testing.assert_allclose(found[:, 0], model.predict(x), atol=1e-5)


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(NotFittedError):
        TabularRegressor().to_onnx()
    x = {"a": np.arange(40) % 7}
    mixed = np.array([(1, 2)[i % 2] for i in range(40)], object)
    model = TabularClassifier("fast", 0).fit(x, mixed)
    with pytest.raises(ValueError, match=r"classes must be numbers or text, got .* y.astype"):
        model.to_onnx(tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()


@pytest.mark.parametrize("name", ["attrition", "ames"])
def test_real_tables(name):
    pandas = pytest.importorskip("pandas")
    path = Path(os.environ.get("AXON_DATA_DIR", "."), "tables", f"{name}.csv.gz")
    if not path.exists():
        pytest.skip(f"needs {path}")
    frame = pandas.read_csv(path)
    y, x = frame.iloc[:600, -1], frame.iloc[:, :-1]
    kind = TabularRegressor if name == "ames" else TabularClassifier
    model = kind("fast", 0).fit(x.iloc[:600], y.to_numpy())
    agrees(model, x.iloc[600:900])
