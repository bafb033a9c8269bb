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
KIND = [
    *("core.py", "facts.py", "fast/fusion.py", "inspect/timing.py", "pieces.py"),
    *("program/show.py", "program/trace.py"),
]
GIVEN = {  # arguments that users give keep their names
    "kind": {*KIND, "layers/embedding.py", "xla/devices.py", "xla/machine.py"},  # JAX's name
    "room": {"ops/warp.py", "layers/augmentation.py"},
}

# Classes of one name in two places, and why.
SAME = {
    "Columns": "the matrix of a convolution's windows, and what a table's columns are",
    "Table": "the columns of a data set, and a table as a user has it",
    "Values": "what a lowering works with, and a table in numbers",
    "Activation": "a layer, and the type of the functions that it and others take",
    "CosineSimilarity": "a layer, a loss and a metric, as users know them from elsewhere",
    "Identity": "an initializer and a layer, as users know them from elsewhere",
}
AS_ELSEWHERE = {"losses", "metrics"}  # the same classes are in both, as users know them


def test_each_word_is_defined_once_and_in_order() -> None:
    words = [word for word, *_ in NOUNS]
    assert words == sorted(set(words))
    assert 30 <= len(words) <= 70
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
                if place not in GIVEN.get(word, ())
            }
    assert not found, "\n".join(sorted(found))


def types_of(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    """Classes, and the names that a module gives to types: name, line, whether it is a class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, node.lineno, True
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) if re.match("[A-Z][a-z]", name):
                yield name, statement.lineno, False


def test_a_class_has_its_name_for_itself() -> None:
    places, classes = defaultdict(list), set()
    for path in sorted(CODE.rglob("*.py")):
        for name, line, is_class in types_of(ast.parse(path.read_text(encoding="utf-8"))):
            places[name].append(f"{path.relative_to(CODE).as_posix()}:{line}")
            if is_class:
                classes.add(name)
    several = {
        name: where
        for name in classes
        if len(where := places[name]) > 1 and {w.split("/")[0] for w in where} != AS_ELSEWHERE
    }
    assert several.keys() == SAME.keys(), "\n".join(f"{n}: {w}" for n, w in several.items())
