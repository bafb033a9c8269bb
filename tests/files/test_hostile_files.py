"""Every loader against files that are cut, flipped, or written by somebody who knows the format.

AXON_HOSTILE=100000 tries that many files with each loader; the usual number takes seconds.
"""

import base64
import os
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import axon
from axon import datasets, layers
from axon.callbacks import History
from axon.files import archive, safetensors
from axon.files.atomic import DamagedFile
from axon.models import Sequential, loading
from axon.models.loading import ModelFileError
from axon.optimizers import Adam, schedules
from tests.files.hostile import (
    any_bytes,
    json_replaced,
    safetensors_replaced,
    zip_headers_replaced,
    zip_replaced,
)
from tests.samples.files import OF_FORMAT_1, TREE

CASES = int(os.environ.get("AXON_HOSTILE", "160"))
SLOWEST = 5.0  # seconds for a file of some kilobytes; a good one takes milliseconds
ROOM = 16 * 2**20  # bytes that reading one may take, besides
TIMES = 60  # so many times the size of the file
Change = Callable[[Random, bytes], bytes]


class Loader(NamedTuple):
    """A way to read a file, and what may happen to it."""

    files: Callable[[Path], list[bytes]]  # good ones
    load: Callable[[str], Any]
    error: type[Exception]  # the only kind that a bad file may raise
    changes: tuple[Change, ...]
    state: Callable[[], Any] = lambda: None  # what an error must leave as it is


ZIPS: tuple[Change, ...] = (any_bytes, zip_headers_replaced, zip_replaced, zip_replaced)


def written(save: Callable[[Path], Any], path: Path) -> bytes:
    save(path)
    return path.read_bytes()


# ------------------------------------------------------------------------------------ good files


def dense() -> Sequential:
    options = {"kernel_regularizer": "l2", "bias_constraint": "non_neg"}
    model = Sequential(
        [
            layers.Rescaling(0.5),
            layers.Dense(4, "tanh", kernel_initializer="orthogonal", **options),
            layers.BatchNormalization(),
            Sequential([layers.Dropout(0.5, seed=1), layers.Dense(3)], name="inner"),
        ]
    )
    schedule = schedules.ExponentialDecay(0.1, 10, 0.5)
    model.compile("mse", Adam(schedule, use_ema=True, gradient_accumulation_steps=2), ["mae"])
    model.fit(np.ones((6, 3)), np.ones((6, 3)), 2, verbose=0)
    model.metadata = {"classes": ["a", "b"], "mean": np.arange(3.0)}
    return model


def images() -> Sequential:
    model = Sequential(
        [
            layers.RandomFlip(seed=1),
            layers.RandomZoom(0.1, seed=1),
            layers.Conv2D(2, 3, padding="same", activation="relu"),
            layers.SeparableConv2D(2, 2),
            layers.Conv2DTranspose(2, 2, 2),
            layers.ZeroPadding2D(1),
            layers.UpSampling2D(2, "bilinear"),
            layers.MaxPooling2D(2),
            layers.RandomCrop(3, 3),
            layers.Reshape((3, -1)),
            layers.Flatten(),
        ]
    )
    model.build((6, 6, 1))
    return model


def texts() -> Sequential:
    model = Sequential(
        [
            layers.Embedding(7, 4, mask_zero=True),
            layers.PositionalEmbedding(),
            layers.TransformerBlock(2, 4, dropout=0.1),
            layers.MultiHeadAttention(2, 3),
            layers.Bidirectional(layers.GRU(2, return_sequences=True)),
            layers.LSTM(3),
            layers.GroupNormalization(1),
            layers.Dense(2, "softmax"),
        ]
    )
    model.build((5,))
    model.compile("categorical_cross_entropy", "muon", ["accuracy", "auc"])
    return model


VICTIM = dense()  # what load_weights and load_state_dict are called on


def models(folder: Path) -> list[bytes]:
    return [written(make().save, folder / "good.axon") for make in (dense, images, texts)]


def weights(suffix: str) -> Callable[[Path], list[bytes]]:
    return lambda folder: [written(VICTIM.save_weights, folder / f"good{suffix}")]


def trees(folder: Path) -> list[bytes]:
    return [written(lambda path: archive.write(path, TREE), folder / "good.tree")]


def arrays(folder: Path) -> list[bytes]:
    many = {f"{d}": np.arange(6).reshape(2, 3).astype(d) for d in ("f8", "f4", "u2", "?", "i1")}
    return [written(lambda path: safetensors.save(path, many, {"a": "b"}), folder / "good")]


def state_of_victim() -> list[Any]:
    return [*VICTIM.get_weights(), *VICTIM.optimizer.state().values()]


def load_weights(path: str) -> None:
    """Into a copy, so that what fits does not change the next case."""
    before = VICTIM.state_dict()
    VICTIM.load_weights(path)
    VICTIM.load_state_dict(before)


def load_loosely(path: str) -> None:
    before = VICTIM.state_dict()
    VICTIM.load_weights(path, strict=False)
    VICTIM.load_state_dict(before)


def load_optimizer(path: str) -> None:
    before = VICTIM.optimizer.state_dict()
    VICTIM.optimizer.load_state_dict(archive.read(path))
    VICTIM.optimizer.load_state_dict(before)


def optimizers(folder: Path) -> list[bytes]:
    tree = VICTIM.optimizer.state_dict()
    return [written(lambda path: archive.write(path, tree), folder / "good.tree")]


LOADERS = {
    "archive": Loader(trees, archive.read, DamagedFile, ZIPS),
    "safetensors": Loader(arrays, safetensors.load, DamagedFile, (any_bytes, safetensors_replaced)),
    "model": Loader(models, axon.load_model, ModelFileError, ZIPS),
    "model of format 1": Loader(
        lambda _: [base64.b64decode(OF_FORMAT_1)], axon.load_model, ModelFileError, ZIPS
    ),
    "weights.npz": Loader(weights(".npz"), load_weights, ValueError, ZIPS, state_of_victim),
    "weights.safetensors": Loader(
        *(weights(".safetensors"), load_weights, ValueError),
        *((any_bytes, safetensors_replaced, safetensors_replaced), state_of_victim),
    ),
    "weights, loosely": Loader(weights(".npz"), load_loosely, ValueError, ZIPS, state_of_victim),
    "optimizer": Loader(optimizers, load_optimizer, ValueError, ZIPS, state_of_victim),
}


@cache
def good_files(name: str) -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return LOADERS[name].files(Path(folder))


every_loader = pytest.mark.parametrize("name", LOADERS)


# ------------------------------------------------------------------------------------ the contract


@pytest.fixture(autouse=True)
def little_room(monkeypatch):
    """A sample may grow on its way through the layers: here only as far as memory is watched."""
    monkeypatch.setattr(loading, "MAX_SAMPLE_BYTES", ROOM // 8)


def hostile_cases(name: str, folder: Path, seed: int, count: int) -> int:
    """Load changed files, each judged by ``survives``; how many were refused."""
    loader, files, path, refused = LOADERS[name], good_files(name), folder / "hostile", 0
    tracemalloc.start()
    try:
        for number in range(count):
            draw = Random(f"{seed} {number}")
            content = draw.choice(loader.changes)(draw, draw.choice(files))
            refused += survives(loader, path, content)
    finally:
        tracemalloc.stop()
    return refused


def survives(loader: Loader, path: Path, content: bytes) -> bool:
    """Load a file, which is refused with the one kind of error or harmless; whether refused."""
    path.write_bytes(content)
    before, state = sorted(os.listdir(path.parent)), loader.state()
    state = state and [np.array(a) for a in state]
    tracemalloc.reset_peak()
    base, begin = tracemalloc.get_traced_memory()[0], time.monotonic()
    refused, said = False, "nothing to complain of"
    try:
        loader.load(str(path))
    except loader.error as error:
        refused, said = True, str(error)
    assert tracemalloc.get_traced_memory()[1] - base < ROOM + TIMES * len(content)
    assert time.monotonic() - begin < SLOWEST
    assert 10 < len(said) < 5000
    assert path.read_bytes() == content
    assert sorted(os.listdir(path.parent)) == before
    if state:
        after = loader.state()
        assert all(np.array_equal(*pair, equal_nan=True) for pair in zip(state, after, strict=True))
    return refused


@every_loader
def test_good_files_are_good(name, tmp_path):
    for content in good_files(name):
        (tmp_path / "good").write_bytes(content)
        LOADERS[name].load(str(tmp_path / "good"))


@every_loader
def test_hostile_files_are_refused_or_harmless(name, tmp_path):
    seed = int(os.environ.get("AXON_HOSTILE_SEED", "0"))
    refused = hostile_cases(name, tmp_path, seed, CASES)
    assert refused > CASES // 3  # otherwise the changes change too little


@every_loader
def test_every_cut_is_refused(name, tmp_path):
    """A file that ends early is never taken for a whole one."""
    content, *_ = good_files(name)
    tracemalloc.start()
    for stop in {*range(0, len(content), max(1, len(content) // 40)), len(content) - 1}:
        assert survives(LOADERS[name], tmp_path / "cut", content[:stop]), stop
    tracemalloc.stop()


@every_loader
@settings(
    deadline=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_change_hypothesis_thinks_of(name, tmp_path, data):
    """Small changes at places of its choice, which it makes smaller when one is found."""
    content = bytearray(data.draw(st.sampled_from(good_files(name))))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content)))
        content[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    tracemalloc.start()
    try:
        survives(LOADERS[name], tmp_path / "hostile", bytes(content))
    finally:
        tracemalloc.stop()


@every_loader
@pytest.mark.parametrize(
    "content", [b"", b"PK", b"\x89HDF\r\n\x1a\n", b"\x80\4.", b"{}", bytes(99)]
)
def test_files_of_other_kinds_are_refused(name, tmp_path, content):
    tracemalloc.start()
    assert survives(LOADERS[name], tmp_path / "other", content)
    tracemalloc.stop()


@every_loader
def test_a_missing_file_and_a_folder_are_os_errors(name, tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(OSError, match=str(path)):
            LOADERS[name].load(str(path))


# ------------------------------------------------------------------------------------ other readers

TRICKS = [b",", b'"', b"\n", b"\r", b"\0", b";", b"9" * 400, b"1e999", b"\xff", b"nan", b"_", b"-"]
TRICKS += ["٣".encode(), b"'=", b"\x1b[2J", b"1,5", b"$5", b""]


def cells_replaced(draw: Random, data: bytes) -> bytes:
    """Something odd stands in a table."""
    changed = bytearray(data)
    for _ in range(draw.choice([1, 2, 5])):
        place = draw.randrange(len(changed))
        changed[place : place + draw.choice([0, 1, 3])] = draw.choice(TRICKS)
    return bytes(changed)


def a_table(folder: Path) -> bytes:
    return ("a,b,label\n" + "".join(f"{i},{i * 1.5},x{i % 3}\n" for i in range(20))).encode()


def a_history(kind: str) -> Callable[[Path], bytes]:
    def make(folder: Path) -> bytes:
        save = {"csv": VICTIM.history.to_csv, "json": VICTIM.history.to_json}[kind]
        return written(save, folder / f"good.{kind}")

    return make


def some_arrays(folder: Path) -> bytes:
    return written(lambda path: np.savez(path, x=X, y=np.arange(10) % 2), folder / "good.npz")


def an_onnx_file(folder: Path) -> bytes:
    pytest.importorskip("onnx")
    import axon.onnx

    model = Sequential([layers.Dense(3, 4, "relu"), layers.Dense(4, 2, "softmax")])
    return written(lambda path: axon.onnx.export(model, path), folder / "good.onnx")


def an_hdf5_file(folder: Path) -> bytes:
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "good.h5", "w") as file:
        file["dense/kernel:0"] = np.ones((3, 4))
    return (folder / "good.h5").read_bytes()


def load_onnx(path: str) -> Any:
    import axon.onnx

    return axon.onnx.load(path)


def about(path: str) -> Any:
    pytest.importorskip("click")
    from axon.cli.files import about

    return about(path)


X = np.arange(40.0).reshape(10, 4)
TABLE = (any_bytes, cells_replaced, cells_replaced)
READERS: dict[
    str, tuple[str, Callable[[Path], bytes], Callable[[str], Any], tuple[Change, ...]]
] = {
    "table": ("t.csv", a_table, datasets.load_csv, TABLE),
    "table, auto": ("t.csv", a_table, lambda path: datasets.load_csv(path, task="auto"), TABLE),
    "features": ("t.csv", a_table, lambda p: datasets.read_features(p, ["a", "b"]), TABLE),
    "history.csv": ("h.csv", a_history("csv"), History.from_csv, TABLE),
    "history.json": ("h.json", a_history("json"), History.from_json, (any_bytes, json_replaced)),
    "arrays": ("t.npz", some_arrays, datasets.load_npz, ZIPS),
    "about arrays": ("t.npz", some_arrays, about, ZIPS),
    "about a model": ("t.axon", lambda folder: models(folder)[0], about, ZIPS),
    "about onnx": ("t.onnx", an_onnx_file, about, (any_bytes,)),
    "about hdf5": ("t.h5", an_hdf5_file, about, (any_bytes,)),
    "onnx": ("t.onnx", an_onnx_file, load_onnx, (any_bytes,)),
    "hdf5": ("t.h5", an_hdf5_file, load_loosely, (any_bytes,)),
}


@pytest.mark.parametrize("name", READERS)
def test_other_readers_raise_what_they_say_they_raise(name: str, tmp_path: Path) -> None:
    """ValueError or OSError, which name the file, and can be printed."""
    called, good, read, changes = READERS[name]
    content, path = good(tmp_path), tmp_path / called
    for number in range(min(CASES, 60) if CASES < 1000 else CASES):
        draw = Random(f"{name} {number}")
        path.write_bytes(draw.choice(changes)(draw, content))
        said = called
        try:
            read(str(path))
        except (ValueError, OSError) as error:
            said = str(error)
        assert called in said
        assert all(c.isprintable() or c == "\n" for c in said)
