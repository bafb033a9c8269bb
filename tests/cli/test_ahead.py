"""What is compiled before a table is read: what any table needs, and only if it is worth it."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("sklearn")
pytest.importorskip("click")

from axon.cli import ahead
from axon.fast import builder, processes
from axon.program.lowerings import Kernels
from axon.tabular import TabularClassifier, TabularRegressor


class _EnoughError(Exception):
    pass


def _needed(model: TabularClassifier | TabularRegressor, y: np.ndarray) -> set[str]:
    """Which kernels a fit asks for, before they are compiled."""
    asked = []

    def note(names):
        asked.extend(names)
        raise _EnoughError

    x = np.random.default_rng(0).random((700, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder, "prepare", note)
        with pytest.raises(_EnoughError):
            model.fit({"a": x[:, 0], "b": x[:, 1], "c": ["u", "v"] * 350}, y)
    return set(asked)


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (TabularClassifier("good", 0), np.arange(700) % 2),
        (TabularRegressor("good", 0), np.arange(700.0)),
    ],
)
def test_what_is_compiled_before_is_needed_by_classes_and_numbers(model, y) -> None:
    with Kernels("fast"):
        needed = _needed(model, y)
    assert set(ahead.KERNELS) <= needed
    assert len(needed) - len(ahead.KERNELS) < 16  # and it is most of what is needed


def test_large_tables_alone_begin_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[object] = []
    monkeypatch.setattr(processes, "begin", begun.append)
    small, large, packed = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "c.parquet"
    small.write_bytes(b"a" * (ahead.LARGE - 1))
    large.write_bytes(b"a" * ahead.LARGE)
    packed.write_bytes(b"a" * ahead.PACKED_LARGE)
    with Kernels("auto"):
        ahead.compile_for(str(small))
        ahead.compile_for(str(tmp_path / "none.csv"))
        ahead.compile_for(str(large), "fast")
        assert not begun
        ahead.compile_for(str(large))
        ahead.compile_for(str(packed))
    assert begun == [ahead.KERNELS] * 2
    with Kernels("numpy"):
        ahead.compile_for(str(large))
    assert len(begun) == 2
