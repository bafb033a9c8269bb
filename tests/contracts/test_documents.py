"""The documents are true: what they point at is there, and what they count is so."""

import ast
import re
from pathlib import Path

from tests.contracts import budgets

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"
CHAPTERS = sorted(set(DECISIONS.glob("*.md")) - {DECISIONS / "README.md"})
PAGES = [
    *(ROOT / f"{n}.md" for n in ("README", "VISION", "CONTRIBUTING")),
    *(page for page in ROOT.glob("docs/**/*.md") if page.parent != DECISIONS),
]
TOUR = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
MOST = 1500  # lines that the tour may ask for


def test_files_that_are_named_are_there() -> None:
    for page in (*PAGES, *CHAPTERS):
        text = page.read_text(encoding="utf-8")
        for path in re.findall(r"`([a-z_]+/[\w/.]+)`", text):
            if path.endswith((".py", ".md", "/")) or path.startswith(("axon/", "tests/")):
                found = (ROOT / path).exists() or (ROOT / "axon" / path).exists()
                assert found, f"{page.relative_to(ROOT)} names {path}"


def test_links_lead_somewhere() -> None:
    for page in (*PAGES, *CHAPTERS, DECISIONS / "README.md"):
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.relative_to(ROOT)} links to {link}"


def test_the_vision_tells_the_budget_of_the_engine() -> None:
    vision = " ".join((ROOT / "VISION.md").read_text(encoding="utf-8").split())
    assert f"is at most {budgets.ENGINE:,} lines" in vision


def test_decisions_stand_in_one_chapter_each_and_in_the_index() -> None:
    written = [
        title
        for page in CHAPTERS
        for title in re.findall(r"^## (\d+\. .+)$", page.read_text(encoding="utf-8"), re.M)
    ]
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- (\d+\. .+?)(?: \(superseded\))?$", index, re.M)
    assert sorted(written) == sorted(listed)
    numbers = sorted(int(title.partition(".")[0]) for title in written)
    assert numbers == list(range(1, len(written) + 1))
    assert f"The next number is {len(written) + 1}." in index


def test_the_tour_reads_what_it_says_and_not_more() -> None:
    rows = re.findall(r"^\| (\d) \| `(axon/[\w/]+\.py)` \| (.+) \|$", TOUR, re.M)
    assert len(rows) > 10
    assert sum(lines_of(path, what) for _, path, what in rows) <= MOST
    assert f"{MOST:,} lines" in TOUR
    for path in re.findall(r"`(axon/[\w/]+\.py)`", TOUR.partition("## 8.")[0]):
        assert path in {p for _, p, _ in rows}, f"the tour names {path} and does not count it"


def lines_of(path: str, what: str) -> int:
    """Lines of a file: all of it, or some definitions, such as `Step.run`."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if what == "all":
        return text.count("\n")
    found = definitions(ast.parse(text))
    return sum(found[name] for name in re.findall(r"`([\w.]+)`", what))


def definitions(tree: ast.Module) -> dict[str, int]:
    """Lines of each function and class, and of methods by class."""
    found: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = length(node)
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, ast.FunctionDef):
                    found[f"{node.name}.{inner.name}"] = length(inner)
    return found


def length(node: ast.FunctionDef | ast.ClassDef) -> int:
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return int(node.end_lineno or 0) - first + 1
