"""Tests lie where their code lies, and no test file needs another."""

import re
from pathlib import Path

import axon

ROOMS = Path(axon.__file__).parent
TESTS = Path(__file__).parents[1]

# Files of axon/ itself are rooms, too: tested in tests/engine, or here.
ELSEWHERE = {"regularizers": "layers", "constraints": "layers", "version": "contracts"}
OF_NO_ROOM = {"contracts", "engine", "fuzz", "samples"}


def test_each_room_has_its_tests() -> None:
    folders = {path.parent.name for path in ROOMS.glob("*/__init__.py")}
    files = {path.stem for path in ROOMS.glob("*.py") if not path.stem.startswith("__")}
    assert files >= ELSEWHERE.keys()
    assert folders | OF_NO_ROOM == {path.parent.name for path in TESTS.glob("*/__init__.py")}
    for folder in (*folders, *ELSEWHERE.values(), "engine"):
        assert list((TESTS / folder).glob("test_*.py")), folder
    assert not list(TESTS.glob("test_*.py"))


IMPORT = re.compile(r"^\s*(?:from|import)\s+(?:\S+\.)?test_\w+|^\s*from\s+\S+\s+import\s.*\btest_")


def test_no_test_file_is_imported() -> None:
    """Neither in the text of a program that a test starts. What tests share is no test."""
    found = [
        f"{path.relative_to(TESTS)}:{number}: {line.strip()}"
        for path in TESTS.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if IMPORT.match(line)
    ]
    assert not found
