"""Partial dependence, and the report of a table estimator."""

import re
from html import unescape

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from axon.tabular import (
    TabularClassifier,
    TabularRegressor,
    evidence,
    from_state,
    read,
    to_state,
)
from axon.tabular.tasks import question

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

RANDOM = np.random.default_rng(0)
N = 300
WORDS = ["one two three", "four five six", "seven eight"]
TABLE = read(
    {
        "size": np.where(RANDOM.random(N) < 0.1, np.nan, RANDOM.normal(size=N)),
        "colour": RANDOM.choice(["red", "green", None], N),
        "constant": np.ones(N),
        "seen": np.datetime64("2024-01-01") + RANDOM.integers(0, 700, N),
        "told": [f"{RANDOM.choice(WORDS)} {i} <b>" for i in range(N)],
        "large": [f"w{i % 70}" for i in range(N)],
    }
)
SIZES = np.nan_to_num(TABLE.column("size"))
DAYS = (TABLE.column("seen") - np.datetime64("2024-01-01")).astype("m8[D]").astype(float)
RED = np.array([c == "red" for c in TABLE.column("colour").tolist()])
Y = 3 * SIZES + 4 * RED + 5 * (DAYS > 350) + RANDOM.normal(0, 0.3, N)
SEVERAL = {
    "two classes": (TabularClassifier("fast", 0), np.where(Y > 3, "yes <i>", "no")),
    "many classes": (TabularClassifier("fast", 0), np.digitize(Y, [0, 3, 6])),
    "labels": (TabularClassifier("fast", 0), np.stack([Y > 3, Y > 6], axis=1).astype(int)),
    "a target": (TabularRegressor("good", 0), Y),
    "targets": (TabularRegressor("fast", 0), np.stack([Y, -Y], axis=1)),
    "quantiles": (TabularRegressor("fast", 0, quantiles=(0.1, 0.5, 0.9)), Y),
}


def fitted(case: str) -> TabularClassifier | TabularRegressor:
    model, y = SEVERAL[case]
    return model if hasattr(model, "fitted_") else model.fit(TABLE, y)


def test_partial_dependence_is_the_mean_prediction_with_a_column_set() -> None:
    model = fitted("a target")
    rows = TABLE.taken(np.arange(40))
    for name in ("size", "colour", "seen", "large"):
        found = model.partial_dependence(name, rows, points=7)
        at = TABLE.names.index(name)
        for value, predicted in zip(found.values, found.predictions, strict=True):
            moved = np.full(40, None if value == "(gap)" else value, found.values.dtype)
            (moved,) = read({name: moved}).columns
            columns = [moved if i == at else c for i, c in enumerate(rows.columns)]
            expected = model.predict(rows._replace(columns=columns)).mean()
            assert predicted == pytest.approx(expected, abs=1e-4)
    assert found.role == "category"
    assert len(found.values) == 20  # the most frequent


def test_partial_dependence_shows_what_columns_do() -> None:
    model = fitted("a target")
    found = model.partial_dependence("size")
    slope = np.polyfit(found.values, found.predictions, 1)[0]
    assert slope == pytest.approx(3, rel=0.25)
    assert len(found.values) == 30
    assert found.shares.sum() == pytest.approx(1, abs=0.2)  # but for gaps
    found = model.partial_dependence("seen")
    assert found.values.dtype.kind == "M"
    late = found.values > np.datetime64("2024-12-20")
    step = found.predictions[late].mean() - found.predictions[~late].mean()
    assert step == pytest.approx(5, rel=0.3)
    found = model.partial_dependence("colour")
    assert found.values.tolist() == ["green", "red", "(gap)"]
    assert found.shares.sum() == pytest.approx(1)
    assert found.predictions.argmax() == 1


@pytest.mark.parametrize("case", SEVERAL)
def test_partial_dependence_is_drawn(case: str) -> None:
    model = fitted(case)
    for name in ("size", "colour", "seen"):
        found = model.partial_dependence(name)
        axes = found.plot().axes[0]
        assert axes.get_title() == name
        outputs = found.predictions.reshape(len(found.values), -1)
        shown = 1 if case in ("two classes", "a target") else outputs.shape[1]
        drawn = [line for line in axes.lines if line.get_transform() == axes.transData]
        assert len(drawn) == shown
        np.testing.assert_allclose(drawn[-1].get_ydata(), outputs[:, -1])
    again = from_state(*to_state(model)).partial_dependence("size")
    assert again.predictions.shape[1:] == found.predictions.shape[1:]


def test_partial_dependence_says_what_it_needs() -> None:
    model = fitted("a target")
    with pytest.raises(NotFittedError):
        TabularRegressor().partial_dependence("size")
    with pytest.raises(ValueError, match=r"no column 'sise'. Did you mean 'size'"):
        model.partial_dependence("sise")
    with pytest.raises(ValueError, match="'constant' was left out: it is always 1"):
        model.partial_dependence("constant")
    with pytest.raises(ValueError, match="'told' is free text"):
        model.partial_dependence("told")
    with pytest.raises(ValueError, match="points is a number from 2 on, got 1"):
        model.partial_dependence("size", points=1)


CLASSES = ["Confusion matrix", "Class by class", "ROC and precision-recall"]
NUMBERS = ["Errors", "True and predicted values", "Residuals", "Intervals", "Largest errors"]
HEADINGS = {
    "two classes": [*CLASSES, "Threshold", "Calibration", "Mistakes"],
    "many classes": [*CLASSES, "Calibration", "Mistakes"],
    "labels": ["Labels", "Calibration"],
    "a target": NUMBERS,
    "targets": NUMBERS,
    "quantiles": ["Quantiles", "Intervals"],
}
COLUMNS = ["Importance of columns", "What each column does", "Columns", "Training"]


@pytest.mark.parametrize("case", SEVERAL)
def test_a_report_tells_all(case: str, tmp_path) -> None:
    model = fitted(case)
    model.report(tmp_path / "run.html", title="<A title>")
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    found = re.findall("<h2>(.*?)</h2>", text)
    assert found == [*HEADINGS[case], *COLUMNS, "Settings", "Versions"]
    assert "&lt;A title&gt;" in text
    assert "yes <i>" not in text
    assert "http" not in re.sub('xmlns[^"]*"[^"]*"', "", text)  # nothing is fetched
    for name, (own, constant) in model.scores_.items():
        assert f"<span>{name}</span><i>always " in text
        assert own != constant
    assert "it is always 1" in text


def test_a_report_of_a_loaded_model_says_what_it_lacks(tmp_path) -> None:
    model = from_state(*to_state(fitted("two classes")))
    model.report(tmp_path / "run.html")
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "They are not in the file: what needs them is left out." in text
    found = re.findall("<h2>(.*?)</h2>", text)
    assert found == [*COLUMNS, "Settings", "Versions"]
    rows = TABLE.taken(np.arange(100))
    model.report(tmp_path / "run.html", rows, SEVERAL["two classes"][1][:100])
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "Measured on test data: 100 rows that were given for this report." in text
    assert re.findall("<h2>(.*?)</h2>", text)[:6] == HEADINGS["two classes"]
    with pytest.raises(ValueError, match="y comes without X"):
        model.report(tmp_path / "run.html", y=[1])
    with pytest.raises(NotFittedError):
        TabularClassifier().report(tmp_path / "run.html")
    with pytest.raises(OSError, match="nowhere"):
        model.report(tmp_path / "nowhere" / "run.html")


def rows_below(text: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    part = text[text.index(f"<h2>{heading}</h2>") :].partition("</table>")[0]
    rows = re.findall("<tr>(.*?)</tr>", part)
    return [re.findall("<t[dh][^>]*>(.*?)</t[dh]>", row) for row in rows]


def test_mistakes_come_with_their_rows(tmp_path) -> None:
    """The cells as they came, of given rows and of held-out ones; ids and numbers find them."""
    model = fitted("two classes")
    rows, y = TABLE.taken(np.arange(100)), SEVERAL["two classes"][1][:100]
    model.report(tmp_path / "run.html", rows, y)
    head, *listed = rows_below((tmp_path / "run.html").read_text("utf-8"), "Mistakes")
    assert head[:4] == ["row", "true", "predicted", "probability"]
    wrong = np.flatnonzero(model.predict(rows) != y)
    assert sorted(int(row[0]) - 1 for row in listed) == wrong[:20].tolist()
    for row in listed:
        for name in ("colour", "size", "told"):
            value = rows.column(name)[int(row[0]) - 1]
            cell = dict(zip(head, row, strict=True))[name]
            if isinstance(value, str):
                assert unescape(cell) == value
            elif value is not None and not np.isnan(value):
                assert float(cell.replace(",", "")) == pytest.approx(value, rel=1e-4)
            else:
                assert cell == ""
    model.report(tmp_path / "run.html")
    head, *listed = rows_below((tmp_path / "run.html").read_text("utf-8"), "Mistakes")
    assert head[0] == "row"
    wanted = SEVERAL["two classes"][1]
    for row in listed:
        cells = dict(zip(head, map(unescape, row), strict=True))
        at = int(cells["row"]) - 1
        assert cells["true"] == wanted[at]
        assert cells["colour"] == (TABLE.column("colour")[at] or "")
        assert cells["seen"] == str(TABLE.column("seen")[at])[:10]
        assert cells["told"] == TABLE.column("told")[at]


def test_held_out_rows_keep_the_names_that_a_frame_or_a_file_gave_them(tmp_path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    some = pandas.DataFrame({"id": [f"A{i:03d}" for i in range(N)], "size": SIZES})
    some["price"] = np.where(np.arange(N) % 3 == 0, np.nan, Y)  # rows without a target are no rows
    some.to_csv(tmp_path / "t.csv", index=False)
    asked = question(read(tmp_path / "t.csv"), "price")
    shuffled = some.dropna().sample(frac=1, random_state=0)
    for x, y, first in (
        (asked.table, asked.y, 1),
        (shuffled, "price", 0),
        (shuffled.set_index(shuffled.index.map("<row {}>".format)), "price", "<row "),
    ):
        TabularRegressor("fast", 0).fit(x, y).report(tmp_path / "run.html")
        text = (tmp_path / "run.html").read_text("utf-8")
        head, *listed = rows_below(text, "Largest errors")
        assert head[:5] == ["row", "true", "predicted", "off by", "id"]
        assert len(listed) == 20
        for row in listed:
            label = unescape(row[0])
            found = int(row[4][1:])
            assert label == (f"<row {found}>" if isinstance(first, str) else str(found + first))
            assert float(row[1].replace(",", "")) == pytest.approx(Y[found], rel=1e-3)


def test_of_very_many_columns_no_cells_are_kept() -> None:
    wide = read({f"x{i}": np.arange(20.0) ** (i % 3 + 1) for i in range(9)})
    model = TabularRegressor("fast", 0).fit(wide, np.arange(20.0))
    assert model._evidence.held.table.names == wide.names
    shown = dict(zip(evidence.__dict__["Held"]._fields, model._evidence.held, strict=True))
    assert shown["labels"].tolist() != sorted(shown["labels"].tolist())  # drawn by chance
    few, evidence.CELLS = evidence.CELLS, 8
    try:
        held = TabularRegressor("fast", 0).fit(wide, np.arange(20.0))._evidence.held
    finally:
        evidence.CELLS = few
    assert held.table is None
    assert held.labels.tolist() == shown["labels"].tolist()


def test_largest_errors_are_the_largest(tmp_path) -> None:
    model, rows, y = fitted("a target"), TABLE.taken(np.arange(60)), Y[:60]
    model.report(tmp_path / "run.html", rows, y)
    head, *listed = rows_below((tmp_path / "run.html").read_text("utf-8"), "Largest errors")
    off = model.predict(rows) - y
    order = np.argsort(-abs(off))[:20]
    assert [int(row[0]) - 1 for row in listed] == order.tolist()
    assert float(listed[0][head.index("off by")]) == pytest.approx(off[order[0]], rel=1e-2)
