"""Formats of files: what their bytes and their names tell, and that all readers agree on it."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from axon.datasets import load_npz
from axon.files import archive, formats, npz, safetensors
from axon.files.atomic import DamagedFile
from axon.files.formats import Format, by_bytes, by_name
from axon.layers import Dense
from axon.models import Sequential

X = np.ones((4, 3), np.float32)


def write_hdf5(path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["x"] = X


WRITERS: dict[Format, Callable[[Path], object]] = {
    formats.AXON: lambda path: archive.write(path, {"x": X}),
    formats.NPZ: lambda path: np.savez(path, x=X),
    formats.SAFETENSORS: lambda path: safetensors.save(path, {"x": X}),
    formats.HDF5: write_hdf5,
    formats.PICKLE: lambda path: path.write_bytes(pickle.dumps(X)),
    formats.NPY: lambda path: np.save(path, X),
}
ZIPS = (formats.AXON, formats.NPZ)


@pytest.mark.parametrize("format", WRITERS, ids=lambda f: f.name)
def test_bytes_tell_the_format(format: Format, tmp_path: Path) -> None:
    path = tmp_path / f"file{format.suffixes[0]}"
    WRITERS[format](path)
    start = path.read_bytes()[:9]
    assert by_bytes(start) is (formats.AXON if format in ZIPS else format)
    assert by_name(path) is by_name(str(path).upper()) is format


def test_onnx_is_told_by_its_name_alone() -> None:
    assert by_name("net.onnx") is formats.ONNX
    assert by_bytes(b"\x08\x07\x12\x07pytorch") is None
    assert by_bytes(b"") is by_name("net") is by_name("net.axon.txt") is None


def test_no_name_means_two_formats() -> None:
    suffixes = [suffix for format in formats.FORMATS for suffix in format.suffixes]
    assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize("version", range(2, 6))
def test_a_header_as_long_as_a_pickle_begins_is_no_pickle(tmp_path: Path, version: int) -> None:
    length = int.from_bytes(bytes([0x80, version]), "little")
    text = json.dumps({"__metadata__": {}}).encode().ljust(length)
    start = length.to_bytes(8, "little") + text
    assert by_bytes(start) is formats.SAFETENSORS
    assert by_bytes(bytes([0x80, version, 0x95]) + bytes(6)) is formats.PICKLE


def test_all_readers_of_npz_have_one_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.zeros((1000, 300)), y=np.zeros(1000, int))
    model = Sequential([Dense(3, 2)])
    load_npz(path)
    with pytest.raises(ValueError, match="Nothing of it fits"):
        model.load_weights(path)
    monkeypatch.setattr(npz, "MAX_BYTES", 10**6)
    for read in (load_npz, model.load_weights):
        with pytest.raises(DamagedFile, match="too large to be unpacked in memory"):
            read(path)
