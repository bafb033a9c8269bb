"""What stands beside the code: it says the same as the code, and can be read by what reads it."""

import re
import tomllib
from pathlib import Path

import axon

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_citation_is_of_this_version() -> None:
    assert f"\nversion: {axon.__version__}\n" in text("CITATION.cff")


def test_workflows_try_every_python_that_is_promised() -> None:
    promised = {c.rpartition(" ")[2] for c in PROJECT["classifiers"] if ":: 3." in c}
    tried = re.search(r"python: \[(.+)\]", text(".github/workflows/test.yml"))
    assert tried is not None
    assert set(re.findall(r"[\d.]+", tried[1])) == promised
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert oldest in promised
    (numpy,) = PROJECT["dependencies"]
    assert f'"{numpy.replace(">=", "==")}.*"' in text(".github/workflows/test.yml")
    assert f'python: "{oldest}", numpy: "numpy==' in text(".github/workflows/test.yml")


def test_commands_that_are_named_are_there() -> None:
    for name in re.findall(
        r"(?:bash|pytest -q -n 0 -p no:cacheprovider) ((?:\S+/\S+ ?)+)",
        (
            text(".github/workflows/test.yml")
            + text(".pre-commit-config.yaml")
            + text("RELEASING.md")
        ).replace("`", " "),
    ):
        for path in name.split():
            assert (ROOT / path).exists(), path
