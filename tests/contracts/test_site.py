"""The site: it is built without a warning, and every public name has its place in the reference."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

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
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "html"


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    from sphinx.util.inventory import InventoryFile

    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    found = {name for kind in inventory.data.values() for name in kind}
    missing = sorted(public() - found)
    assert not missing
    assert len(public()) > 700


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
