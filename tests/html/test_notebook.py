"""Notebooks: cells are executed by a kernel, and what they show is looked at in a browser."""

import re
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")

CHROMIUM = next(
    (p for p in map(Path, ("/usr/bin/chromium", "/usr/bin/google-chrome")) if p.exists()), None
)
CELLS = {
    "prepared": """
        import numpy as np, axon
        from axon import plot
        from axon.callbacks import Callback
        from axon.layers import Dense
        x = np.random.default_rng(0).normal(size=(64, 3)).astype("f4")
        y = (x[:, 0] > 0).astype(int)
        model = axon.Sequential([Dense(4, "relu"), Dense(2, "softmax")], name="<b>net</b>")
        model.compile("categorical_cross_entropy", "adam", metrics=["accuracy"])
        class Stop(Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch == 1:
                    raise KeyboardInterrupt""",
    "trained": "history = model.fit(x, y, epochs=3, validation_split=0.5)",
    "bar": "_ = model.fit(x, y, epochs=1, verbose=1)",
    "stopped": """
        try:
            model.fit(x, y, epochs=4, verbose="notebook", callbacks=[Stop()])
        except KeyboardInterrupt:
            pass""",
    "history": "history",
    "model": "model",
    "tensor": "axon.Tensor([[1.0, 2.0], [3.0, float('nan')]], requires_grad=True) * 2",
    "symbol": "axon.layers.Input((3,))",
    "program": "model.program",
    "profile": "model.profile(x, y, repeats=2)",
    "table": "axon.tabular.read([{'a<i>': 1.5, 'b': 'x<script>'}, {'a<i>': None, 'b': 'y'}])",
    "data": """
        names = ("a", "<i>"), ("no", "yes"), "b"
        axon.datasets.table.Table(np.eye(2), np.array([0, 1]), *names)""",
    "figure": "plot.curves(history)",
    "figure of pyplot": """
        import matplotlib.pyplot as plt
        plot.confusion_matrix(y, model.predict(x))""",
    "estimator": """
        from axon.tabular import TabularRegressor
        rows = [{"size": i / 10} for i in range(40)]
        _ = TabularRegressor("fast", 0, verbose="auto").fit(rows, list(range(40)))""",
}


@pytest.fixture(scope="module")
def outputs() -> dict[str, list[Any]]:
    """What each cell shows."""
    from textwrap import dedent

    cells = [nbformat.v4.new_code_cell(dedent(text).strip()) for text in CELLS.values()]
    book = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    return {name: cell.outputs for name, cell in zip(CELLS, book.cells, strict=True)}


def html_of(outputs: dict[str, list[Any]], name: str) -> str:
    (output,) = outputs[name]
    return output["data"]["text/html"]


def test_training_draws_in_one_place_and_leaves_its_last_state(outputs) -> None:
    shown = html_of(outputs, "trained")
    assert "<b>3 of 3 epochs</b>" in shown
    assert "done in" in shown
    assert shown.count('<figure class="chart">') == 2  # loss and accuracy
    assert "epoch 3 · training" in shown
    assert re.search(r'class="done" style="width: 100.0%"', shown)
    assert "3 of 3 epochs - done" in outputs["trained"][0]["data"]["text/plain"]
    shown = html_of(outputs, "stopped")
    assert "stopped: KeyboardInterrupt" in shown
    assert 'class="stopped" style="width: 50.0%"' in shown


def test_a_bar_is_text(outputs) -> None:
    assert {o["output_type"] for o in outputs["bar"]} == {"stream"}
    assert "loss: " in "".join(o["text"] for o in outputs["bar"])


def test_an_estimator_draws_too(outputs) -> None:
    shown = html_of(outputs, "estimator")
    assert "done in" in shown
    assert "validation" in shown


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("history", ["<b>History</b>", "3 epochs", "val_accuracy", "<svg"]),
        ("model", ["&lt;b&gt;net", "26 (104 B)", "dense (Dense)", "Optimizer: Adam("]),
        ("tensor", ["(2, 2), float32, 2 to 6, 1 of 4 not finite", "made by multiply", "4."]),
        ("program", ["<b>program train</b>", "matmul(x, ", "buffer 0", "backward: "]),
        ("profile", ["layer, µs", "slowest instructions", "dense_1", "time, µs", "update: "]),
        ("table", ["2 rows, 2 columns", "a&lt;i&gt;", "x&lt;script&gt;"]),
        ("data", ["2 rows, 2 features, 2 classes", "&lt;i&gt;", "yes"]),
    ],
)
def test_things_show_as_html(outputs, name: str, expected: list[str]) -> None:
    shown = html_of(outputs, name)
    for text in expected:
        assert text in shown
    assert "<script" not in shown
    assert "http" not in shown
    assert len(shown) < 60_000


def test_what_has_no_values_shows_its_text(outputs) -> None:
    (output,) = outputs["symbol"]
    assert set(output["data"]) == {"text/plain"}


def test_figures_show_once(outputs) -> None:
    for name in ("figure", "figure of pyplot"):
        (output,) = outputs[name]
        assert "image/png" in output["data"]


def luminance(colour: str) -> float:
    red, green, blue = (int(v) / 255 for v in re.findall(r"\d+", colour)[:3])
    linear = (
        v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in (red, green, blue)
    )
    return sum(v * w for v, w in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def test_in_a_browser_it_is_seen_in_light_and_dark(outputs, tmp_path) -> None:
    """Curves and text stand out from either ground; a pointer over a chart is told the values."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium")
    inside = "".join(html_of(outputs, name) for name in ("trained", "model", "program", "table"))
    page = tmp_path / "page.html"
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        tab, errors = browser.new_page(viewport={"width": 390, "height": 800}), []
        tab.on("pageerror", lambda error: errors.append(error))
        for ground, ink in (("255, 255, 255", "0, 0, 0"), ("17, 17, 17", "225, 225, 225")):
            style = f"margin: 0; padding: 8px; background: rgb({ground}); color: rgb({ink})"
            page.write_text(f'<meta charset="utf-8"><body style="{style}">{inside}', "utf-8")
            tab.goto(f"file://{page}")
            colour = "e => getComputedStyle(e)"
            for selector, what, least in ((".line", "stroke", 3.0), (".tick", "fill", 4.5)):
                found = tab.eval_on_selector(f".axon {selector}", f"{colour}.{what}")
                light, dark = sorted(map(luminance, (found, ground)), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= least
            bands = tab.locator(".chart >> nth=0").locator(".h")
            bands.nth(1).hover()
            assert bands.nth(1).locator("text").is_visible()
            assert not bands.nth(0).locator("text").is_visible()
            assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        assert not errors
        browser.close()
