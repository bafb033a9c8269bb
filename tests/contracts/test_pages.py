"""What can be pasted from the pages runs: their plain blocks of Python, in order, page by page.

A block of ``text`` behind one is what it prints, with ``...`` for what varies. Blocks with prompts
are doctests; a block below a comment is another test's; ``py`` is how other libraries' code is
marked.
"""

import doctest
import re
import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"(<!--.*?-->\n)?```(python|text)\n(.*?)^```$", re.M | re.S)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(text: str) -> list[tuple[str, str]]:
    """Code, and what it should print: nothing is asked for where no text follows."""
    found = []
    for block in BLOCK.finditer(text):
        comment, language, code = block.groups()
        if language == "python" and not comment and ">>>" not in code:
            found.append((code, ""))
        elif language == "text" and found and text[: block.start()].rstrip(" :\n").endswith("```"):
            found[-1] = (found[-1][0], code)
    return found


ALL = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
PAGES = [page for page in ALL if blocks(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_can_be_pasted_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = page.read_text(encoding="utf-8")
    for package in re.findall(r"<!-- needs (\w+) -->", text):
        pytest.importorskip(package, reason=f"needs {package}, which is not installed")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for code, wanted in blocks(text):
        printed = StringIO()
        with redirect_stdout(printed), warnings.catch_warnings():
            exec(compile(code, str(page), "exec"), names)
        if wanted:
            assert agree(wanted, printed.getvalue()), f"{code}\nprints\n{printed.getvalue()}"


def agree(wanted: str, printed: str) -> bool:
    """Whether this was printed, up to spaces and what `...` stands for."""
    return doctest.OutputChecker().check_output(wanted, printed, FLAGS)


def test_no_page_shows_how_it_is_tested() -> None:
    assert "# doctest" not in (ROOT / "README.md").read_text(encoding="utf-8")
    assert ">>>" not in (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page for page in ALL if "# doctest: +SKIP" in page.read_text(encoding="utf-8")] == []
