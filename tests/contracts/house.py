"""Measures of the house, room by room: ``python -m tests.contracts.house [FOLDER OF axon]``.

Signatures are counted outside of ``fast/`` and of kernels (functions that take ``xp``): what Numba
compiles, it types, and a kernel works on whatever its library calls an array.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Room(NamedTuple):
    """What there is in one folder or file of axon/."""

    files: int
    lines: int
    signatures: int
    loose: int  # signatures that say Any
    long: int  # functions of more than 20 lines, docstrings aside


def rooms(root: Path) -> dict[str, Room]:
    """Each room's measures, in the order of names."""
    found: dict[str, Counter[str]] = {}
    for path in sorted(root.rglob("*.py")):
        part = path.relative_to(root).parts[0].removesuffix(".py")
        room = found.setdefault("axon" if part.startswith("__") else part, Counter())
        text = path.read_text(encoding="utf-8")
        room.update(files=1, lines=text.count("\n"))
        for function in functions(ast.parse(text)):
            room.update(long=length(function) > 20)
            if part != "fast" and not is_kernel(function):
                room.update(signatures=1, loose=says_any(function))
    return {name: Room(*(r[key] for key in Room._fields)) for name, r in sorted(found.items())}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Every function and method."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def length(node: ast.FunctionDef) -> int:
    """Lines without signature and docstring."""
    first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
    return int(node.end_lineno or 0) - first.lineno + 1


def is_kernel(function: ast.FunctionDef) -> bool:
    """Whether a function is handed the array library."""
    return "xp" in {a.arg for a in (*function.args.args, *function.args.kwonlyargs)}


def says_any(function: ast.FunctionDef) -> bool:
    """Whether a signature leaves a type open."""
    args = function.args
    given = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    written = [a.annotation for a in given if a is not None and a.annotation]
    written += [function.returns] if function.returns else []
    return any(is_any(node) for w in written for node in ast.walk(w))


def is_any(node: ast.AST) -> bool:
    """Whether it is the word, also in quotes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return "Any" in node.value
    return isinstance(node, ast.Name) and node.id == "Any"


def main(root: Path) -> None:
    """Print a table."""
    found = rooms(root)
    total = Room(*map(sum, zip(*found.values(), strict=True)))
    print(f"{'room':<14} {'files':>5} {'lines':>6} {'signatures':>10} {'Any':>4} {'long':>4}")
    for name, room in [*found.items(), ("all", total)]:
        share = f"{room.loose / max(room.signatures, 1):.0%}"
        counts = f"{room.files:>5} {room.lines:>6} {room.signatures:>10}"
        print(f"{name:<14} {counts} {share:>4} {room.long:>4}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[2] / "axon")
