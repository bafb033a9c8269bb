"""Lint, format, types, and the package that users install."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from axon.names import EXTRAS

ROOT = Path(__file__).parents[2]


def run(*arguments: str, cwd: Path = ROOT) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_lint():
    run("ruff", "check", "--no-cache", ".")


def test_format():
    run("ruff", "format", "--check", "--no-cache", ".")


def test_types(tmp_path):
    run("mypy", "--cache-dir", str(tmp_path))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("build")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(  # but what other tests, which import from there, compile meanwhile
        ROOT / "axon", folder / "axon", ignore=shutil.ignore_patterns("__pycache__")
    )
    run(
        "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "out", ".", cwd=folder
    )
    (path,) = (folder / "out").iterdir()
    return path


def test_the_wheel_is_under_1_8_mb_and_whole(wheel):
    assert wheel.name.startswith("axon_nn-")
    assert wheel.stat().st_size < 1_800_000
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {str(p.relative_to(ROOT)) for p in (ROOT / "axon").rglob("*.py")}
    data = {f"axon/datasets/data/{n}" for n in ("digits.npz", "breast_cancer.csv", "LICENSE.md")}
    assert sources | data | {"axon/py.typed"} <= names
    assert not {name.split("/")[0] for name in names} - {
        "axon",
        wheel.name.rsplit("-", 3)[0] + ".dist-info",
    }


def test_hints_name_what_extras_install():
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, packages in EXTRAS.items():
        assert packages == " ".join(p.partition(">=")[0] for p in told[extra]), extra
    mixed = {"all", "docs", "test"}  # made of others, or of what no user needs
    assert set(EXTRAS) == set(told) - mixed


def test_the_wheel_asks_for_numpy_alone(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (n for n in archive.namelist() if n.endswith("METADATA"))
    required = [
        line for line in archive.read(name).decode().splitlines() if "Requires-Dist" in line
    ]
    assert [line for line in required if "extra ==" not in line] == ["Requires-Dist: numpy>=2.2"]


def test_the_built_in_data_are_under_200_kb():
    data = ROOT / "axon" / "datasets" / "data"
    assert sum(p.stat().st_size for p in data.iterdir()) < 200_000
