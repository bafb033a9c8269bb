"""The site: it is built without a warning, and every public name has its place in the reference."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

import axon

KINDS = {"type", "ABCMeta", "function", "Primitive"}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built once."""
    for name in ("sphinx", "furo", "myst_parser", "sphinx_copybutton", "sphinx_design"):
        pytest.importorskip(name, reason=f"needs the extra docs: {name} is not installed")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-j", "2", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", str(out / "trees"), str(ROOT / "docs"), str(out / "html")],
        capture_output=True,
        text=True,
        env={**os.environ, "AXON_DOCS_VERSIONS": "/versions.json", "AXON_DOCS_SOURCE": "no"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    versions = [{"name": n, "url": f"/{n}/"} for n in (axon.__version__, "0.0.1")]
    (out / "html" / "versions.json").write_text(json.dumps(versions), encoding="utf-8")
    return out / "html"


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    from sphinx.util.inventory import InventoryFile

    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    found = {name for kind in inventory.data.values() for name in kind}
    missing = sorted(public() - found)
    assert not missing
    assert len(public()) > 700


def test_links_lead_somewhere_and_pictures_are_told(site: Path) -> None:
    """In all pages: other pages, places in them, pictures and what they show, files."""
    texts = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    ids = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in texts.items()}
    wrong = set()
    for path, text in texts.items():
        for link in set(re.findall(r'\b(?:href|src|srcset)="([^"]+)"', text)):
            if "://" in link or link.startswith(("data:", "mailto:")):
                continue
            to, _, place = unescape(link).partition("#")
            there = (path.parent / unquote(to.partition("?")[0])).resolve() if to else path
            if not there.exists() or (place and there in ids and unquote(place) not in ids[there]):
                wrong.add(f"{path.relative_to(site)}: {link}")
        untold = [
            tag for tag in re.findall(r"<img [^>]*>", text) if not re.search('alt="[^"]', tag)
        ]
        wrong |= {f"{path.relative_to(site)}: {tag}" for tag in untold}
    assert not wrong, sorted(wrong)[:20]
    assert len(texts) > 120


def test_pages_are_light(site: Path) -> None:
    """The largest page, and all that comes with the first one."""
    assert max(path.stat().st_size for path in site.rglob("*.html")) < 800_000
    first = (site / "index.html").read_text(encoding="utf-8")
    parts = {part.partition("?")[0] for part in re.findall(r'(?:src|srcset)="([^"]+)"', first)}
    parts |= {m.partition("?")[0] for m in re.findall(r'stylesheet"[^>]* href="([^"]+)"', first)}
    parts = {part for part in parts if "://" not in part and not part.startswith(("data:", "/"))}
    assert len(first) + sum((site / part).stat().st_size for part in parts) < 1_200_000


@pytest.mark.slow
def test_names_lead_to_their_source(tmp_path: Path) -> None:
    """With the pages of the source, as the site is built: most names have a link to theirs."""
    pytest.importorskip("furo", reason="needs the extra docs")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    trees = ["-d", str(tmp_path / "trees"), str(ROOT / "docs"), str(tmp_path / "html")]
    subprocess.run([*command, *trees], check=True)
    page = (tmp_path / "html" / "api" / "axon.layers.html").read_text(encoding="utf-8")
    links = re.findall(r'href="\.\./(_modules/[^"#]+)#([^"]+)"', page)
    assert ("_modules/axon/layers/dense.html", "Dense") in links
    assert len(links) > 200
    assert all((tmp_path / "html" / path).exists() for path, _ in links)


def public() -> set[str]:
    """Full names of what the public packages show."""
    packages = ["axon", *(f"axon.{name}" for name in axon.LATER), "axon.ops"]
    return {f"{package}.{name}" for package in packages for name in names(package)}


def names(package: str) -> list[str]:
    """Classes and functions that a package lists, or that are defined in it or below it."""
    module = import_module(package)
    listed = getattr(module, "__all__", None)
    return [
        name
        for name in listed or [n for n in dir(module) if n[0] != "_"]
        if type(value := getattr(module, name)).__name__ in KINDS
        and (listed or value.__module__.startswith(package))
    ]


# ------------------------------------------------------------------------------------ in a browser

LOOKED_AT = (
    *("index.html", "guides/index.html", "guides/losses.html", "guides/tables.html"),
    *("api/axon.losses.html", "gallery/index.html", "gallery/seq2seq.html"),
    *("coming-from/keras.html", "start/csv.html", "benchmarks/index.html"),
)
SEARCHED = {  # what is looked for, and what has to be among the first answers
    "EarlyStopping": "axon.callbacks.EarlyStopping",
    "Dense": "axon.layers.Dense",
    "early stopping": "Early stopping",
    "csv": "Your CSV in three lines",
}
SEEN = """() => {
  const e = document.activeElement, box = e.getBoundingClientRect(), look = getComputedStyle(e);
  const ring = look.outlineStyle !== "none" || look.boxShadow !== "none";
  const within = box.width > 0 && box.right > 0 && box.left < innerWidth;
  return [ring && within && e.checkVisibility(), e.outerHTML.slice(0, 90)];
}"""
CONTRAST = """() => {
  const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const rgba = text => text.match(/[\\d.]+/g).map(Number);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const [r, g, b, a = 1] = rgba(getComputedStyle(e).backgroundColor);
      if (a > 0.99) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const poor = new Set();
  for (const e of document.querySelectorAll("article *, .sidebar-container *")) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility({opacityProperty: true})) continue;
    if (e.closest("svg, .copybtn, .headerlink, .visually-hidden")) continue;
    const a = light(rgba(getComputedStyle(e).color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const said = e.textContent.trim().slice(0, 20);
    if (ratio < 4.5) poor.add(`${e.tagName}.${e.className} ${said} ${ratio.toFixed(2)}`);
  }
  return [...poor].slice(0, 10);
}"""


def test_pages_are_right_in_a_browser(site: Path) -> None:
    """No error, nothing missing or from elsewhere, nothing too wide for a phone, nothing faint."""
    driver = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = shutil.which("chromium") or pytest.skip("needs Chromium")
    with serving(site) as address, driver.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme, width in (("light", 1280), ("dark", 390)):
            size = {"width": width, "height": 800}
            page = browser.new_page(color_scheme=scheme, viewport=size)
            wrong = errors_of(page, address)
            for name in LOOKED_AT:
                page.goto(f"{address}/{name}")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, name
                assert page.evaluate(CONTRAST) == [], f"{name}, {scheme}"
            assert page.locator("select.versions option").count() == 2
            walk(page)
            for words, wanted in SEARCHED.items():
                page.goto(f"{address}/search.html?q={quote(words)}")
                found = page.locator("ul.search li")
                found.filter(has_text=wanted).first.wait_for()
                first = found.all_inner_texts()[:8]
                assert any(wanted in said for said in first), f"{words}: {first}"
            assert wrong == [], wrong
            page.close()
        browser.close()


def test_the_first_page_moves_unless_nobody_wants_it_to(site: Path) -> None:
    """A network learns: at three moments its picture is another one each time."""
    driver = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = shutil.which("chromium") or pytest.skip("needs Chromium")
    with serving(site) as address, driver.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for motion, wanted in (("no-preference", 3), ("reduce", 1)):
            page = browser.new_page(reduced_motion=motion)
            page.goto(address)
            moments = set()
            for _ in range(3):
                moments.add(page.locator(".hero img").screenshot())
                page.wait_for_timeout(400)
            assert len(moments) == wanted, motion
            page.close()
        browser.close()


def walk(page: Any) -> None:
    """Go through a page by keyboard: over the menus into the text, and see where one is."""
    page.keyboard.press("Tab")
    assert "Skip to content" in page.evaluate("document.activeElement.textContent")
    for _ in range(12):
        shown, element = page.evaluate(SEEN)
        assert shown, f"nobody sees that this has the focus: {element}"
        page.keyboard.press("Tab")
    page.reload()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    inside = "document.activeElement.closest('article, .content') !== null"
    assert page.evaluate(inside), "Skip to content leads elsewhere"


def errors_of(page: Any, address: str) -> list[str]:
    """What goes wrong on a page from now on."""
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("response", lambda r: wrong.append(r.url) if r.status >= 400 else None)
    ours = (address, "data:")
    page.on("request", lambda r: None if r.url.startswith(ours) else wrong.append(r.url))
    return wrong


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address at which a folder's files are to be had."""
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    """A server that prints nothing."""

    def log_message(self, *_: object) -> None:
        pass
