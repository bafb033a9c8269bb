"""``axon warmup``: what it compiles is there for later processes."""

import json

import pytest

from axon import Sequential
from axon.layers import Dense
from tests.cli.commands import in_a_process, run

pytest.importorskip("numba")


def test_what_a_model_needs_is_compiled_once(tmp_path):
    model = Sequential([Dense(4, "relu"), Dense(2, "softmax")])
    model.build((3,))
    model.save(tmp_path / "net.axon")
    settings = {"cwd": tmp_path, "AXON_CACHE_DIR": str(tmp_path / "kept")}
    said, _ = in_a_process("warmup", "net.axon", "--json", **settings)
    first = json.loads(said)
    assert first["kept"]
    assert first["folder"] == str(tmp_path / "kept" / "kernels")
    files = {f.name for f in (tmp_path / "kept" / "kernels").iterdir()}
    assert len(files) >= 2 * first["kernels"] > 0
    said, _ = in_a_process("warmup", "net.axon", **settings)
    assert said.startswith(f"Ready          {first['kernels']} kernels\n")
    assert {f.name for f in (tmp_path / "kept" / "kernels").iterdir()} == files


def test_all_kernels_are_asked_for(tmp_path, monkeypatch):
    from axon.fast.kernels import declare

    asked = []
    monkeypatch.setattr(declare, "prepare", asked.extend)
    run("warmup", cwd=tmp_path)
    assert asked == [*declare.KERNELS]
