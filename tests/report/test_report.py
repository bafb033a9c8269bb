"""The HTML report: everything in one file, escaped, right, and found impossible before work."""

import json
import re
from base64 import b64decode
from html.parser import HTMLParser
from shutil import which
from typing import Any

import numpy as np
import pytest

import axon
from axon.layers import Dense, Flatten, Rescaling
from axon.metrics.scores import ranking
from axon.models import Sequential
from axon.report.classes import calibration, groups, threshold
from axon.report.page import RUN
from axon.report.results import results_of

pytest.importorskip("matplotlib")
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """A page, taken apart; tags must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.headings: list[str] = []
        self.facts: dict[str, str] = {}
        self.links: list[str] = []
        self.images: list[str] = []
        self.alts: list[str] = []
        self.term = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        self.links += [given[key] for key in ("src", "href") if key in given]
        if tag == "img":
            self.images.append(given["src"])
            self.alts.append(given["alt"])
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside in ("td", "th"):
            self.tables[-1][-1][-1] += data
        elif inside in ("h1", "h2"):
            self.headings.append(data)
        elif inside == "dt":
            self.term = data
        elif inside == "dd":
            self.facts[self.term] = data

    def table(self, first: str) -> dict[str, list[str]]:
        """The rows by their first cell, of the table whose head begins like this."""
        found = next(t for t in self.tables if t[0][0] == first)
        return {row[0]: row[1:] for row in found[1:]}


def trained(
    x: Any, y: Any, *layers: Any, loss: Any = "categorical_cross_entropy", **fit: Any
) -> Any:
    model = Sequential(list(layers), name="net")
    model.compile(loss, "adam", metrics=fit.pop("metrics", ["accuracy"]))
    model.fit(x, y, epochs=2, verbose=0, **fit)
    return model


@pytest.fixture(scope="module")
def digits() -> Any:
    axon.set_random_seed(0)
    (x, y), test = axon.datasets.digits.load_data()
    layers = (Rescaling(1 / 16), Flatten(), Dense(32, "relu"), Dense(10, "softmax"))
    model = trained(x, y, *layers, batch_size=64, validation_data=test)
    return model, test


def page_of(model: Any, path: Any, **options: Any) -> Page:
    model.report(path, **options)
    return Page(path.read_text(encoding="utf-8"))


def test_everything_is_in_one_file(digits: Any, tmp_path: Any) -> None:
    model, (x, y) = digits
    page = page_of(model, tmp_path / "run.html", x=x, y=y, title="Digits", settings={"seed": 3})
    assert page.headings[0] == "Digits"
    for heading in (
        *("Training", "Confusion matrix", "Class by class", "Mistakes", "Network"),
        *("Where the time goes", "Settings", "Versions"),
    ):
        assert heading in page.headings
    assert all(link.startswith(("data:", "#")) for link in page.links)
    wanted = [f'id="{link[1:]}"' for link in page.links if link.startswith("#")]
    assert len(wanted) == len(page.headings) - 1  # each heading but the title is in the contents
    for source in page.images:
        kind, _, data = source.partition(";base64,")
        raw = b64decode(data, validate=True)
        assert raw.startswith(b"<?xml" if kind.endswith("svg+xml") else b"\x89PNG")
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert all(key in text for key in wanted)
    assert "http" not in re.sub('xmlns[^"]*"[^"]*"', "", text)
    assert f"Measured on test data: {len(x)} rows that the model did not learn from." in text
    assert page.facts["seed"] == "3"
    assert page.facts["batch size"] == "64"
    assert page.facts["optimizer"].startswith("Adam(")
    assert page.facts["AXON"] == axon.__version__


def test_numbers_agree_with_the_model(digits: Any, tmp_path: Any) -> None:
    model, (x, y) = digits
    page = page_of(model, tmp_path / "run.html", x=x, y=y, profile=False)
    guesses = model.predict(x).argmax(axis=1)
    for label, row in page.table("class").items():
        mine, theirs = guesses == int(label), y == int(label)
        hits = (mine & theirs).sum()
        wanted = [hits / mine.sum(), hits / theirs.sum(), 2 * hits / (mine.sum() + theirs.sum())]
        assert row == [*(f"{v:.3f}" for v in wanted), str(theirs.sum())]
    wrong = int((guesses != y).sum())
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert f"{wrong} of {len(y)} rows" in text
    accuracy = model.evaluate(x, y, return_dict=True)["accuracy"]
    assert f"<b>{accuracy:.2%}</b><span>accuracy</span><i>always " in text
    assert [row[0] for row in page.table("epoch").values()] == [
        f"{v:.5g}" for v in model.history.history["loss"]
    ]
    assert "Program" in page.headings  # recorded, not measured
    images = [alt for alt in page.alts if alt.startswith("sample")]
    assert len(images) == min(wrong, 24)


def test_the_most_confident_mistakes_come_first(tmp_path: Any) -> None:
    x = np.array([[3.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 4.0]], "f4")
    model = trained(x, np.array([1, 1, 1, 1]), Dense(2, "softmax"))
    model.layers[0].weights, model.layers[0].bias = np.eye(2), np.zeros(2)
    page = page_of(model, tmp_path / "r.html", x=x, y=np.array([1, 1, 1, 1]), profile=False)
    assert list(page.table("row")) == ["1", "3", "2"]
    assert page.table("row")["1"] == ["1", "0", f"{1 / (1 + np.exp(-3)):.1%}", "3", "0"]


def test_no_mistakes(tmp_path: Any) -> None:
    x, y = np.eye(2, dtype="f4"), np.arange(2)
    model = trained(x, y, Dense(2, "softmax"))
    model.layers[0].weights = 9 * np.eye(2)
    model.report(tmp_path / "r.html", x=x, y=y, profile=False)
    assert "None in 2 rows." in (tmp_path / "r.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("logits", [False, True])
def test_binary(tmp_path: Any, logits: bool) -> None:
    x, y = np.array([[-1.0], [1.0], [2.0]], "f4"), np.array([[0], [1], [0]])
    loss = axon.losses.BinaryCrossEntropy(from_logits=logits)
    layer = Dense(1, None if logits else "sigmoid")
    model = trained(x, y, layer, loss=loss, metrics=[])
    layer.weights, layer.bias = [[0.2]], [0.0]  # logits below 0.5: the threshold must be theirs
    page = page_of(model, tmp_path / "r.html", x=x, y=y, class_names=["no", "yes"], profile=False)
    assert page.table("class") == {
        "no": ["1.000", "0.500", "0.667", "2"],
        "yes": ["0.500", "1.000", "0.667", "1"],
    }
    assert page.table("row") == {"3": ["no", "yes", f"{1 / (1 + np.exp(-0.4)):.1%}", "2"]}


def test_one_hot_labels_logits_and_steps(tmp_path: Any) -> None:
    x = np.random.default_rng(0).normal(size=(6, 5, 3)).astype("f4")
    y = np.eye(4)[np.arange(30).reshape(6, 5) % 4]
    loss = axon.losses.CategoricalCrossEntropy(from_logits=True)
    model = trained(x, y, axon.layers.LSTM(4, return_sequences=True), Dense(4), loss=loss)
    page = page_of(model, tmp_path / "r.html", x=x, y=y, profile=False)
    assert sum(int(row[-1]) for row in page.table("class").values()) == 30


def test_labels_that_do_not_exclude_each_other(tmp_path: Any) -> None:
    x, y = np.eye(3, dtype="f4"), np.array([[1, 0], [1, 1], [0, 0]])
    model = trained(x, y, Dense(2, "sigmoid"), loss="binary_cross_entropy", metrics=[])
    page = page_of(model, tmp_path / "r.html", x=x, y=y, profile=False)
    assert [row[-1] for row in page.table("label").values()] == ["2", "1"]
    assert "Confusion matrix" not in page.headings


def test_labels_of_padding_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.eye(3, dtype="f4"), np.array([[1, 0], [1, 1], [1, 1]])
    model = trained(x, y, Dense(2, "sigmoid"), loss="binary_cross_entropy", metrics=[])
    monkeypatch.setattr(model, "compute_mask", lambda x: np.array([True, True, False]))
    assert [score.samples for score in results_of(model, x, y)[0].per_class().values()] == [2, 1]


@pytest.mark.parametrize("outputs", [1, 6])
def test_regression(tmp_path: Any, outputs: int) -> None:
    x = np.linspace(0, 1, 20, dtype="f4")[:, None]
    y = np.tile(x, (1, outputs))
    model = trained(x, y, Dense(outputs), loss="mse", metrics=["mae"])
    page = page_of(model, tmp_path / "r.html", x=x, y=y, profile=False)
    assert "True and predicted values" in page.headings
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert text.count('aria-label="true and predicted values') == min(outputs, 4)
    errors = page.table("output")
    assert len(errors) == outputs
    y_hat, y_0 = model.predict(x)[:, 0].astype(float), y[:, 0].astype(float)
    r2 = 1 - ((y_hat - y_0) ** 2).sum() / ((y_0 - y_0.mean()) ** 2).sum()
    assert next(iter(errors.values()))[0] == f"{r2:.3f}"
    assert len(page.table("row")) == 20
    assert "Mistakes" not in page.headings


def test_images_that_are_predicted(tmp_path: Any) -> None:
    x = np.random.default_rng(0).random((8, 4, 4, 1)).astype("f4")
    model = trained(x, x, axon.layers.Conv2D(1, 3, padding="same"), loss="mse", metrics=[])
    page = page_of(model, tmp_path / "r.html", x=x, y=x, profile=False)
    assert "Network" in page.headings


def test_pictures_of_three_colours_and_of_floats(tmp_path: Any) -> None:
    x = np.random.default_rng(0).normal(size=(8, 5, 5, 3)).astype("f4")  # not from 0 to 1
    y = np.arange(8) % 2
    model = trained(x, y, Flatten(), Dense(2, "softmax"))
    model.layers[1].weights = np.zeros((75, 2))
    page = page_of(model, tmp_path / "r.html", x=x, y=y, profile=False)
    assert sum(alt.startswith("sample") for alt in page.alts) == 4


def test_without_data_or_history(tmp_path: Any) -> None:
    model = Sequential([Dense(2)])
    model.compile("mse", "sgd")
    model.build((3,))
    page = page_of(model, tmp_path / "r.html")
    assert page.headings == ["sequential", "Network", "Settings", "Versions"]


def test_names_are_escaped(tmp_path: Any) -> None:
    x, y, evil = np.eye(2, dtype="f4"), np.arange(2), "<script>alert(1)</script>"
    model = trained(x, y, Dense(2, "softmax", name="d"))
    model.layers[0].weights = -9 * np.eye(2)
    model.metadata["class_names"] = [evil, "b & c"]
    model.report(tmp_path / "r.html", x=x, y=y, title=evil, settings={evil: evil}, profile=False)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script>" not in text  # those of the page say what type they are
    assert "b &amp; c" in text


def test_history_writes_it_too(digits: Any, tmp_path: Any) -> None:
    model, _ = digits
    model.history.report(tmp_path / "r.html", title="from the history")
    assert Page((tmp_path / "r.html").read_text(encoding="utf-8")).headings[0] == "from the history"


def test_validation_in_every_second_epoch(tmp_path: Any) -> None:
    x, y = np.eye(4, dtype="f4"), np.arange(4)
    model = trained(x, y, Dense(4, "softmax"), validation_data=(x, y), validation_freq=2)
    page = page_of(model, tmp_path / "r.html")
    assert "Training" in page.headings


# ------------------------------------------------------------------------------------ bad input


def test_what_cannot_be_written_is_found_first(digits: Any, tmp_path: Any) -> None:
    model, (x, y) = digits
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        model.report(tmp_path / "no" / "r.html", x=x, y=y)
    with pytest.raises(TypeError, match="x and y belong together"):
        model.report(tmp_path / "r.html", x=x)
    with pytest.raises(ValueError, match="Different numbers of samples"):
        model.report(tmp_path / "r.html", x=x, y=y[:-1])
    assert not list(tmp_path.iterdir())


def test_models_that_are_not_ready(tmp_path: Any) -> None:
    model = Sequential([Dense(2)])
    with pytest.raises(RuntimeError, match="not compiled"):
        model.report(tmp_path / "r.html")
    model.compile("mse", "sgd")
    with pytest.raises(RuntimeError, match="its sizes are not known yet"):
        model.report(tmp_path / "r.html")


def test_without_matplotlib_only_the_drawing_is_missing(
    digits: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    model, (x, y) = digits
    page = page_of(model, tmp_path / "r.html", x=x, y=y, profile=False)
    assert {"Network", "Confusion matrix", "ROC and precision-recall"} <= set(page.headings)
    assert "Drawing" not in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_several_outputs_are_told_one_by_one(tmp_path: Any) -> None:
    x = np.random.default_rng(0).normal(size=(60, 3)).astype("f4")
    y = {"price": 2 * x[:, :1], "sort": (x[:, 1] > 0).astype(int)}
    given = axon.layers.Input((3,))
    hidden = Dense(4, "tanh")(given)
    outputs = {"price": Dense(1)(hidden), "sort": Dense(2, "softmax")(hidden)}
    model = axon.Model(given, outputs)
    losses = {"price": "mse", "sort": "categorical_cross_entropy"}
    model.compile(losses, "adam", metrics={"sort": ["accuracy"], "price": []})
    model.fit(x, y, epochs=1, verbose=0)
    page = page_of(model, tmp_path / "r.html", x=x, y=y, profile=False)
    wanted = ["price: Residuals", "price: Largest errors", "sort: Threshold", "sort: Mistakes"]
    assert set(wanted) <= set(page.headings)
    right = (model.predict(x)["sort"].argmax(1) == y["sort"]).mean()
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert f"<b>{right:.2%}</b><span>sort_accuracy</span><i>always " in text


def test_very_many_classes_stay_readable(tmp_path: Any) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(500, 8)).astype("f4"), random.integers(0, 100, 500)
    model = trained(x, y, Dense(100, "softmax"))
    page = page_of(model, tmp_path / "r.html", x=x, y=y, profile=False)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "The 8 classes that are told apart worst" in text
    assert len(page.table("true class")) <= 12
    assert "<summary>All 100</summary>" in text
    assert len(text) < 800_000


# ------------------------------------------------------------------------------------ the numbers


def test_curves_agree_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    random = np.random.default_rng(0)
    positive = random.random(300) < 0.3
    score = np.round(0.4 * positive + random.random(300), 1)  # with many equal ones
    found = ranking(positive, score)
    assert found is not None
    assert found.area == pytest.approx(metrics.roc_auc_score(positive, score))
    assert found.precision == pytest.approx(metrics.average_precision_score(positive, score))
    wrong, right, _ = metrics.roc_curve(positive, score, drop_intermediate=False)
    np.testing.assert_allclose(found.roc, (wrong, right))
    assert found.recalled[1][0] == found.recalled[1][1]  # of none called so there is no share
    assert ranking(positive, score * 0) is not None
    assert ranking(np.ones(3, bool), np.arange(3.0)) is None


def test_thresholds_count_rows() -> None:
    random = np.random.default_rng(0)
    positive = random.random(200) < 0.4
    p = np.clip(0.3 * positive + 0.7 * random.random(200), 0, 1)
    p[:3] = 0.5  # from there on
    text = str(threshold(positive, p, "yes <i>"))
    assert "<i>" not in text.replace("<i><svg", "")
    row = next(r for r in re.findall("<tr>(.*?)</tr>", text) if ">0.50<" in r)
    cells = [c.replace(",", "") for c in re.findall("<td[^>]*>(.*?)</td>", row)]
    called = p >= 0.5
    hits = int((called & positive).sum())
    assert list(map(int, cells[1:5])) == [
        *(int(called.sum()), hits, int(called.sum()) - hits, int(positive.sum()) - hits)
    ]
    assert float(cells[5]) == pytest.approx(hits / called.sum(), abs=1e-3)
    assert threshold(np.ones(3, bool), np.ones(3), "yes") is None


def test_calibration_shows_shares_of_groups() -> None:
    said = np.repeat([0.1, 0.6], 40)
    true = np.concatenate([np.arange(40) % 10 == 0, np.arange(40) % 2 == 0])
    found = groups(said, true)
    np.testing.assert_allclose([g[:2] for g in found], [[0.1, 0.1]] * 2 + [[0.6, 0.5]] * 2)
    assert "called 60% · was so 50%" in str(calibration(said, true, "all"))


def test_a_report_keeps_the_numbers_of_its_run(digits: Any, tmp_path: Any) -> None:
    model, (x, y) = digits
    evil = "</script><script>alert(1)</script>"
    model.report(tmp_path / "r.html", x=x, y=y, settings={evil: evil}, profile=False)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    (kept,) = re.findall(f'<script type="application/json" id="{RUN}">(.*?)</script>', text)
    run = json.loads(kept)
    assert run["history"]["loss"] == model.history.history["loss"]
    assert run["settings"][evil] == evil
    assert run["results"]["accuracy"] == model.evaluate(x, y, return_dict=True)["accuracy"]


# ------------------------------------------------------------------------------------ a browser


def test_in_a_browser(digits: Any, tmp_path: Any) -> None:
    """On a phone nothing sticks out; charts and the threshold answer to keys, light and dark."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = which("chromium") or which("chromium-browser") or which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium")
    model, (x, y) = digits
    model.report(tmp_path / "many.html", x=x, y=y)
    wide = np.random.default_rng(0).normal(size=(60, 40)).astype("f4")
    two = trained(wide, (wide[:, 0] > 0).astype(int), Dense(2, "softmax"))
    two.report(tmp_path / "two.html", x=wide, y=(wide[:, 1] > 0).astype(int), profile=False)
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab, said = browser.new_page(viewport={"width": 390, "height": 800}), []
        for event in ("console", "pageerror", "requestfailed"):
            tab.on(event, lambda what: said.append(str(what)))
        tab.goto(f"file://{tmp_path}/many.html")
        assert tab.evaluate("[...document.images].filter(i => !i.naturalWidth).length") == 0
        for name in ("many", "two"):
            tab.goto(f"file://{tmp_path}/{name}.html")
            assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        grounds = set()
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)
            grounds.add(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert len(grounds) == 2
        tab.locator(".chart > svg").first.focus()
        tab.keyboard.press("ArrowRight")
        assert tab.locator(".unseen").text_content().startswith("epoch 1 · training ")
        assert tab.locator(".h.on .say").first.is_visible()
        tab.keyboard.press("ArrowRight")
        assert tab.locator(".unseen").text_content().startswith("epoch 2 · training ")
        tab.keyboard.press("Escape")
        assert tab.locator(".h.on").count() == 0
        slider, told = tab.locator(".chooser input"), tab.locator(".chooser output")
        assert told.text_content().startswith("At 0.50: ")
        slider.focus()
        tab.keyboard.press("Home")
        assert told.text_content().startswith("At 0.00: 60 of 60 rows are called 1. ")
        assert "(recall 100.0%)" in told.text_content()
        assert not said
        browser.close()


@pytest.mark.parametrize("name", [r"$\foo$", "$x_{$", "\x1b[31m$", "<script>"])
def test_foreign_names_are_no_formulas_and_no_commands(tmp_path, name):
    """Neither to matplotlib, which stops at half formulas, nor to a terminal showing the file."""
    model = Sequential([Dense(2, 2, "softmax")])
    model.compile("categorical_cross_entropy", "sgd", metrics=["accuracy"])
    x, y = np.eye(2), np.array([0, 1])
    model.fit(x, y, verbose=0)
    path, names = tmp_path / "r.html", [name, "b"]
    model.report(path, x=x, y=1 - y, class_names=names, title=name, settings={name: name})
    text = path.read_text(encoding="utf-8")
    assert "\x1b" not in text
    assert "<script>" not in text
    axon.plot.save(axon.plot.mistakes(x, 1 - y, np.eye(2), names), tmp_path / "m.png")
