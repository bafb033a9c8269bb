"""The page in a browser: it learns, obeys the keyboard, fits a phone, and loads nothing else."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from axon.play import Lesson, PlayServer, of_table, serve
from axon.play.learner import weights_of

CHROMIUM = next(
    (p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(p).exists()), ""
)
sync = pytest.importorskip("playwright.sync_api", reason="needs playwright")
if not CHROMIUM:
    pytest.skip("needs Chromium", allow_module_level=True)

Page = Any  # of playwright, which is not installed everywhere


def table() -> Lesson:
    pytest.importorskip("sklearn")
    from axon.tabular import read

    random = np.random.default_rng(0)
    size = random.uniform(0, 9, 60).round(2)
    rows = {"size <b>": size, "age": random.uniform(0, 1, 60), "sort": np.where(size > 4, "p", "q")}
    return of_table(read(rows))


@pytest.fixture(scope="module")
def server() -> Iterator[PlayServer]:
    with serve(table(), "own.csv") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def visit(browser: Any, server: PlayServer) -> Iterator[Any]:
    """Open the page; whatever the console says, or another address is asked for, fails."""
    contexts, said = [], []

    def opened(settings: str = "data=xor&samples=40&layers=3,2", **look: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **look})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request",
            lambda r: (
                said.append(r.url)
                if "127.0.0.1" not in r.url and not r.url.startswith("data:")
                else None
            ),
        )
        page.goto(f"{server.address}#{settings}")
        wait(page, "document.querySelector('#epoch').title !== ''")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def wait(page: Page, true: str | Callable[[], bool]) -> None:
    """Until something is true; the page's policy lets no text be evaluated by ``setInterval``."""
    end = time.monotonic() + 20
    while not (page.evaluate(true) if isinstance(true, str) else true()):
        assert time.monotonic() < end, true
        page.wait_for_timeout(20)


def learner_of(server: PlayServer) -> Any:
    return list(server.sessions._open.values())[-1].learner


def test_it_learns_by_keyboard_alone(visit: Any, server: PlayServer) -> None:
    page = visit()
    for _ in range(2):  # past the link to the network
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "start"
    page.keyboard.press("Enter")
    wait(page, "Number(document.querySelector('#epoch').title.slice(5)) > 20")
    wait(page, "Number(document.documentElement.dataset.pictures) > 3")
    page.keyboard.press("Enter")
    page.focus("#sets [aria-checked=true]")
    page.keyboard.press("ArrowRight")
    wait(page, "document.querySelector('#sets [aria-checked=true]').dataset.name === 'spirals'")
    assert "data=spirals" in page.url
    before = page.locator(".node").count()
    page.focus("#layer0more")
    page.keyboard.press("Enter")
    wait(page, f"document.querySelectorAll('.node').length === {before + 1}")
    assert page.evaluate("document.activeElement.id") == "layer0more"  # one can go on
    node = page.locator(".column:nth-child(2) .node").nth(1)
    node.focus()
    page.keyboard.press("Enter")
    assert "Neuron 2 of hidden 1" in page.inner_text("#neuronname")
    page.keyboard.press("Tab")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("1.25")
    page.keyboard.press("Enter")
    wait(page, lambda: weights_of(learner_of(server).layers[0])[0][0, 1] == 1.25)
    page.keyboard.press("Escape")
    assert page.is_hidden("#neuron")
    assert page.evaluate("document.activeElement.className") == "node"


def test_instructions_are_seen_one_by_one(visit: Any, server: PlayServer) -> None:
    page = visit()
    for number in range(3):
        page.click("#instruction")
        wait(page, f"document.querySelector('tr[aria-current] td')?.textContent === '%{number}'")
    learner = learner_of(server)
    line = learner.program.lines[2]
    assert page.inner_text("#valuename") == f"{line.result} = {line.call}"
    shown = [float(v) for v in page.inner_text("#numbers").split("\n")[0].split()]
    assert shown == pytest.approx(learner.program.results[2][0, :4].tolist(), rel=1e-3, abs=1e-3)
    page.click("#step")
    wait(page, "document.querySelector('#epoch').title === 'step 1'")
    assert page.locator("tr[aria-current]").count() == 0
    assert page.locator("#instructions tr:not(.phase)").count() == len(learner.program)


def test_a_weight_is_read_and_changed_where_it_is_drawn(visit: Any, server: PlayServer) -> None:
    page = visit("data=xor&samples=40&layers=1")
    a, b = (page.locator(f".column:nth-child({n}) .node").last.bounding_box() for n in (2, 3))
    x = (a["x"] + a["width"] + b["x"]) / 2
    page.mouse.move(x, a["y"] + a["height"] / 2)
    assert page.inner_text("#tipname") == "hidden 1, neuron 1 → output"
    page.mouse.click(x, a["y"] + a["height"] / 2)
    page.keyboard.type("-0.5")
    page.keyboard.press("Enter")
    wait(page, lambda: weights_of(learner_of(server).layers[1])[0][0, 0] == -0.5)
    assert page.is_hidden("#tip")


def test_digits_are_drawn_and_read(visit: Any) -> None:
    page = visit("data=digits&samples=600&layers=16", color_scheme="dark")
    page.click("#start")
    wait(page, "parseFloat(document.querySelector('#right').textContent) > 80")
    box = page.locator("#paper").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 40, steps=5)
    page.mouse.up()
    wait(page, "document.querySelector('#bars .best span').textContent === '1'")
    page.click("#clear")
    wait(page, "!document.querySelector('#bars .best')")


def test_the_address_holds_the_settings(visit: Any) -> None:
    page = visit("data=hills&layers=2,2,2&noise=0.2&l1=0.02&optimizer=sgd")
    assert page.locator(".column").count() == 5
    assert page.input_value("#noise") == "0.2"
    assert page.input_value("#l1") == "0.02"
    assert "L1L2(0.02, 0.0)" in page.inner_text("#code")
    page.evaluate("location.hash = '#data=moons&layers='")
    wait(page, "document.querySelectorAll('.column').length === 2")
    page.reload()
    wait(page, "document.querySelectorAll('.column').length === 2")
    page.evaluate("location.hash = '#data=moons&noise=7'")
    wait(page, "document.querySelector('#status').textContent.includes('from 0 to 0.5')")


def test_a_table_and_a_phone(visit: Any) -> None:
    page = visit(
        "data=table&noise=0", viewport={"width": 390, "height": 800}, reduced_motion="reduce"
    )
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert "size <b>: " in page.inner_text("#axes")  # as text
    assert page.inner_text("#legend").split() == ["p", "q"]
    assert "own.csv" in page.inner_text("#sets")
    page.click("#start")
    page.wait_for_timeout(1200)
    assert int(page.evaluate("document.documentElement.dataset.pictures")) <= 3  # reduced motion


def contrast(a: str, b: str) -> float:
    def light(color: str) -> float:
        parts = [int(v) / 255 for v in re.findall(r"\d+", color)[:3]]
        r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


FIELDS = "button, input, select, [tabindex='0'], canvas[role=img]"
NAMED = f"""() => [...document.querySelectorAll("{FIELDS}")]
  .filter(e => e.offsetParent && !e.labels?.length)
  .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim()))
  .map(e => e.outerHTML.slice(0, 90))"""
READ = ["body", "h2", ".note", ".fields label", "#start", "#sets button", "tr.phase td", ".view td"]
COLORS = """(all) => all.map(s => {
  const e = document.querySelector(s), of = (n) => getComputedStyle(n).backgroundColor;
  let b = e;
  while (/, 0\\)|transparent/.test(of(b))) b = b.parentElement;
  return [s, getComputedStyle(e).color, of(b)];
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_has_a_name_and_can_be_read(visit: Any, scheme: str) -> None:
    page = visit(color_scheme=scheme)
    assert page.evaluate(NAMED) == []
    for selector, ink, paper in page.evaluate(COLORS, READ):
        assert contrast(ink, paper) >= 4.5, selector
    page.click("#start")
    wait(page, "document.querySelector('#losses').getAttribute('aria-label').includes('train 0.')")
    assert page.title() == "AXON play"
