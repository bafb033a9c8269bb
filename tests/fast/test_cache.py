"""Where machine code is kept: a folder that can be shipped, be read only, or not be there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

from numba.core.caching import CacheImpl, NullCache

from axon.fast import loops
from axon.fast.kernels import cache, declare

HITS = """
from axon.fast.kernels import declare
declare.prepare(["nothing", "shrink"])
print(*(declare._compiled[name].cache_hits for name in ["nothing", "shrink"]))
"""


def hits(folder: Path) -> tuple[str, bool]:
    """How often a new process finds two kernels in a folder; and whether something cannot be."""
    told = os.environ | {"AXON_CACHE_DIR": str(folder), "HOME": "/nowhere"}
    ran = subprocess.run([sys.executable, "-c", HITS], env=told, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip(), "cannot" in ran.stderr


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("folder", "works", "said"):
        monkeypatch.setattr(cache._Kept, name, vars(cache._Kept)[name])
    return monkeypatch


def test_a_folder_is_filled_once_moved_and_read(tmp_path: Path) -> None:
    made, shipped = tmp_path / "made", tmp_path / "shipped"
    assert hits(made) == ("0 0", False)
    made.rename(shipped)
    before = sorted((f.name, f.stat().st_mtime_ns) for f in shipped.rglob("*"))
    assert hits(shipped) == ("1 1", False)
    assert sorted((f.name, f.stat().st_mtime_ns) for f in shipped.rglob("*")) == before


def test_what_cannot_be_written_is_read(tmp_path: Path, fresh, capsys) -> None:
    fresh.setenv("AXON_CACHE_DIR", str(tmp_path))
    assert declare._compile(declare.KERNELS["relu"]).cache_hits == 0

    def refused(self, name, data):
        raise PermissionError(30, "Read-only file system")

    fresh.setattr("numba.core.caching.IndexDataCacheFile._save_data", refused)
    assert declare._compile(declare.KERNELS["nothing"]).address  # compiled, and not kept
    assert declare._compile(declare.KERNELS["relu"]).cache_hits == 1  # still found
    assert not cache.works()
    said = capsys.readouterr().err
    assert said.count("cannot be kept (PermissionError: ") == 1
    assert said.endswith("Set AXON_CACHE_DIR to a folder that can be written.\n")


def test_kernels_compile_where_nothing_can_be_kept(fresh, capsys) -> None:
    fresh.delenv("AXON_CACHE_DIR", raising=False)
    fresh.setattr(CacheImpl, "_locator_classes", [])
    assert declare._compile(declare.KERNELS["relu"]).address
    assert loops.compiled("intp(intp)")(lambda x: x + 1)(2) == 3
    assert cache.works()  # in a folder that lasts as long as this process
    assert cache._Kept.folder is not None
    assert [*cache._Kept.folder.glob("*.nbc")]
    assert capsys.readouterr().err.count("\n") == 1
    assert cache.told() == {"AXON_CACHE_DIR": str(cache._Kept.folder.parent)}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("nowhere")])
def test_nothing_is_tried_again_and_again(fresh, capsys, error: Exception) -> None:
    tried = []

    def compiled(place):
        tried.append(isinstance(place, NullCache))
        if not tried[-1]:
            raise error
        return "code"

    assert [cache.kept(declare.entry, compiled) for _ in range(3)] == ["code"] * 3
    assert tried == [False, False, True, False, True, False, True]
    assert capsys.readouterr().err.count("\n") == 1


def test_a_spoilt_file_is_compiled_anew(tmp_path: Path, fresh) -> None:
    fresh.setenv("AXON_CACHE_DIR", str(tmp_path))
    declare._compile(declare.KERNELS["relu"])
    for file in tmp_path.rglob("*.nbc"):
        file.write_bytes(file.read_bytes()[:100])
    assert declare._compile(declare.KERNELS["relu"]).cache_hits == 0
    assert declare._compile(declare.KERNELS["relu"]).cache_hits == 1
    assert cache.works()


def test_no_folder_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert hits(tmp_path / "file") == ("0 0", True)
