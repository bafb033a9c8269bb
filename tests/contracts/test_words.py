"""docs/words.md: each word is defined once, lives where the page says, and old words are gone."""

import ast
import re
from collections import defaultdict
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

# Where a name may be ``kind``: a primitive fills, views or writes.
KIND = {
    *("core.py", "facts.py", "fast/fusion.py", "inspect/timing.py", "pieces.py"),
    *("program/show.py", "program/trace.py"),
    "layers/embedding.py",  # an argument that users give
}

# Classes of one name in two places, and why.
SAME = {
    "MeanAbsoluteError": "a loss and a metric, as users know them from elsewhere",
    "MeanSquaredError": "a loss and a metric, as users know them from elsewhere",
}


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
            case ast.Attribute(attr="kind", ctx=ast.Load()) | ast.keyword(arg="kind"):
                pass  # of a dtype or a primitive; how NumPy shall sort
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
    found = set()
    for path in CODE.rglob("*.py"):
        place = path.relative_to(CODE).as_posix()
        for name in (*names(ast.parse(path.read_text(encoding="utf-8"))), path.stem):
            found |= {
                f"{place}: {name} (say {OLD[word]})"
                for word in words_of(name) & OLD.keys()
                if word != "kind" or place not in KIND
            }
    assert not found, "\n".join(sorted(found))


def test_a_class_has_its_name_for_itself() -> None:
    places = defaultdict(list)
    for path in sorted(CODE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.relative_to(CODE).as_posix()}:{node.lineno}")
    several = {name: where for name, where in places.items() if len(where) > 1}
    assert several.keys() == SAME.keys(), "\n".join(f"{n}: {w}" for n, w in several.items())
