"""docs/words.md: each word is defined once, lives where the page says, and old words are gone."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import axon

CODE = Path(axon.__file__).parent
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "words.md").read_text(encoding="utf-8")
NOUNS = re.findall(r"^\| \*\*(.+?)\*\* \| (.+) \| `(.+)` \|$", PAGE, re.MULTILINE)
OLD = {
    word: instead
    for words, instead in re.findall(
        r"^\| ([a-z, ]+) \| (.+) \|$", PAGE.partition("| not |")[2], re.M
    )
    for word in words.split(", ")
}

# How often an old word still stands in the names of the code. It only becomes less.
LEFT = {"kind": 360}


def test_each_word_is_defined_once_and_in_order() -> None:
    words = [word for word, *_ in NOUNS]
    assert words == sorted(set(words))
    assert 30 <= len(words) <= 60
    assert not OLD.keys() & set(words) - {"room"}
    for word, _, place in NOUNS:
        assert (ROOT / place).is_file(), f"{word} lives in {place}, which is not there"


def names(tree: ast.AST) -> Iterator[str]:
    """Every name that a file gives or uses: an import of a new name is one, too."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Name(id=name):
                yield name
            case ast.arg(arg=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                yield name
            case ast.alias(name=name):
                yield name.rpartition(".")[2]


def words_of(name: str) -> set[str]:
    """``numRows_left`` is num, rows, left."""
    return {w.lower().removesuffix("s") for w in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def test_old_words_are_gone() -> None:
    found: Counter[str] = Counter()
    where: dict[str, set[str]] = {}
    for path in CODE.rglob("*.py"):
        for name in (*names(ast.parse(path.read_text(encoding="utf-8"))), path.stem):
            for word in words_of(name) & OLD.keys():
                found[word] += 1
                where.setdefault(word, set()).add(f"{path.relative_to(CODE)}: {name}")
    for word, count in found.items():
        left = LEFT.get(word, 0)
        assert count <= left, f"{word}: say {OLD[word]}. It stands in {sorted(where[word])}"
