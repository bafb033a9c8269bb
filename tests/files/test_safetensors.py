"""The safetensors format: the library writes what we read, and reads what we write."""

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from axon.files import safetensors
from axon.files.atomic import DamagedFile

DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]


def arrays_of(dtypes=DTYPES, shape=(3, 5)):
    rng = np.random.default_rng(0)
    return {f"a/{d}": (rng.normal(size=shape) * 50).astype(d) for d in dtypes if d[0] != "u"} | {
        f"a/{d}": rng.integers(0, 200, shape).astype(d) for d in dtypes if d[0] == "u"
    }


def assert_same(found, wanted):
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype.newbyteorder("="), name
        assert found[name].shape == array.shape
        assert found[name].tobytes() == np.asarray(array, found[name].dtype).tobytes()


@pytest.mark.parametrize("shape", [(3, 5), (), (0, 4), (7,)])
def test_what_is_written_is_read(tmp_path, shape):
    arrays = arrays_of(shape=shape)
    safetensors.save(tmp_path / "x", arrays)
    found = safetensors.load(tmp_path / "x")
    assert_same(found, arrays)
    assert all(a.flags.writeable and a.flags.aligned for a in found.values())


def test_the_library_reads_what_we_write(tmp_path):
    oracle = pytest.importorskip("safetensors.numpy")
    arrays = arrays_of()
    safetensors.save(tmp_path / "x", arrays, {"who": "we"})
    assert_same(oracle.load_file(tmp_path / "x"), arrays)
    with pytest.importorskip("safetensors").safe_open(tmp_path / "x", "numpy") as opened:
        assert opened.metadata() == {"who": "we"}
    safetensors.save(tmp_path / "x", {})
    assert oracle.load_file(tmp_path / "x") == {}


def test_we_read_what_the_library_writes(tmp_path):
    oracle = pytest.importorskip("safetensors.numpy")
    arrays = arrays_of()
    oracle.save_file(arrays, tmp_path / "x", {"who": "they"})
    assert_same(safetensors.load(tmp_path / "x"), arrays)
    with open(tmp_path / "x", "rb") as stream:
        header = safetensors.read_header(stream, os.path.getsize(tmp_path / "x"), "x")
    assert header.metadata == {"who": "they"}


def test_bfloat16_is_read_as_float32(tmp_path):
    torch = pytest.importorskip("torch")
    oracle = pytest.importorskip("safetensors.torch")
    values = torch.tensor([[1.5, -3e38, 1e-40], [0.0, float("inf"), float("nan")]]).bfloat16()
    oracle.save_file({"w": values}, tmp_path / "x")
    found = safetensors.load(tmp_path / "x")["w"]
    assert found.dtype == np.float32
    assert np.array_equal(found, values.float().numpy(), equal_nan=True)


def test_other_layouts_are_written_as_rows(tmp_path):
    plain = np.arange(12.0).reshape(3, 4)
    odd = {
        "columns": np.asfortranarray(plain),
        "strided": plain[:, ::2],
        "big": plain.astype(">f8"),
        "swapped": plain.astype(">i2"),
    }
    safetensors.save(tmp_path / "x", odd)
    assert_same(safetensors.load(tmp_path / "x"), odd)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.text(max_size=8).filter(lambda name: name != "__metadata__"),
        hnp.arrays(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, min_side=0, max_side=4)),
        max_size=4,
    )
)
def test_any_arrays_come_back(tmp_path_factory, arrays):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    safetensors.save(path, arrays)
    assert_same(safetensors.load(path), arrays)


def test_each_array_begins_where_its_numbers_may(tmp_path):
    arrays = {"a": np.ones(3, "i1"), "b": np.ones(3, "f8"), "c": np.ones(1, "f2")}
    safetensors.save(tmp_path / "x", arrays)
    with open(tmp_path / "x", "rb") as stream:
        size = os.path.getsize(tmp_path / "x")
        entries = safetensors.read_header(stream, size, "x").extents
        begins = stream.tell()
    assert begins % 8 == 0
    assert all((begins + e.start) % safetensors.SIZES[e.dtype] == 0 for e in entries.values())
    assert list(entries) == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"w": np.ones(2, complex)}, "'w', dtype complex128, cannot be written"),
        ({"w": np.array([None])}, "'w', dtype object, cannot be written"),
        ({"w": np.array(["text"])}, "cannot be written: expected one of float64"),
        ({"__metadata__": np.ones(2)}, "another name than '__metadata__'"),
    ],
)
def test_what_has_no_place_is_refused_before_the_file_is_touched(tmp_path, arrays, message):
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(TypeError, match=message):
        safetensors.save(tmp_path / "x", arrays)
    assert (tmp_path / "x").read_bytes() == b"old"


# ------------------------------------------------------------------------------------ bad files


def file_of(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


EIGHT = bytes(8)
BAD = [
    (b"", "not a whole safetensors file"),
    (b"1234567", "not a whole safetensors file"),
    (file_of(b"", length=2**63), "header would take 9,223,372,036,854,775,808 bytes"),
    (file_of(b"{}", length=200_000_000), "at most|the most"),
    (file_of(b"{}", length=3), "header would take 3 bytes, but there are 2"),
    (file_of(b"{"), "its header: "),
    (file_of(b"\xff\xfe"), "its header: "),
    (file_of(b"[" * 100_000), "its header: "),
    (file_of(b"[]"), "lists no arrays"),
    (file_of(b'{"w": 1, "w": 2}'), "the name 'w' stands twice"),
    (file_of({"w": 1}), "'w' needs dtype, shape and data_offsets"),
    (file_of({"w": entry(more=1)}, EIGHT), "and only these"),
    (file_of({"w": entry("F8_E4M3", (8,))}, EIGHT), "has dtype 'F8_E4M3'. Those that can be"),
    (file_of({"w": entry(7)}, EIGHT), "has dtype 7"),
    (file_of({"w": entry([])}, EIGHT), r"has dtype \[\]"),
    (file_of({"w": entry(shape=(-2,))}, EIGHT), "has shape"),
    (file_of({"w": entry(shape=(True, 2))}, EIGHT), "has shape"),
    (file_of({"w": entry(shape=(2.0,))}, EIGHT), "has shape"),
    (file_of({"w": entry(shape=[1] * 65)}, EIGHT), "has shape"),
    (file_of({"w": entry(shape=[2**62] * 9)}, EIGHT), "has shape"),
    (file_of({"w": entry(shape=[0, 2**62, 2**62], offsets=(0, 0))}), "has shape"),
    (file_of({"w": {**entry(), "shape": 2}}, EIGHT), "has shape 2"),
    (file_of({"w": entry(offsets=(0, 8, 8))}, EIGHT), "offsets"),
    (file_of({"w": entry(offsets=(-8, 0))}, EIGHT), "offsets"),
    (file_of({"w": entry(shape=(2**40,))}, EIGHT), "takes 4,398,046,511,104 bytes"),
    (file_of({"w": entry(shape=(1,))}, EIGHT), "takes 4 bytes, but its offsets"),
    (file_of({"w": entry(offsets=(8, 0))}, EIGHT), "takes 8 bytes, but its offsets"),
    (file_of({"w": entry(offsets=(8, 16))}, EIGHT * 2), "begins at byte 8 instead of 0"),
    (file_of({"w": entry(), "v": entry()}, EIGHT), "'v' begins at byte 0 instead of 8"),
    (file_of({"w": entry()}, EIGHT[:7]), "is cut off or too long"),
    (file_of({"w": entry()}, EIGHT + b"x"), "is cut off or too long"),
    (file_of({"w": entry("BOOL", (8,))}, b"\2" * 8), "neither true nor false"),
    (file_of({"__metadata__": {"a": 1}}), "__metadata__ must hold texts"),
    (file_of({"__metadata__": []}), "__metadata__ must hold texts"),
]


@pytest.mark.parametrize(("content", "message"), BAD, ids=range(len(BAD)))
def test_bad_files_are_refused(tmp_path, content, message):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DamagedFile, match=message) as caught:
        safetensors.load(tmp_path / "x")
    assert str(tmp_path / "x") in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_header_beyond_the_limit_is_not_read(tmp_path, monkeypatch):
    safetensors.save(tmp_path / "x", {"w": np.ones(3)})
    monkeypatch.setattr(safetensors, "MAX_HEADER_BYTES", 50)
    with pytest.raises(DamagedFile, match=r"header would take .* and 50 are the most"):
        safetensors.load(tmp_path / "x")
    with pytest.raises(ValueError, match="1 arrays are too many for one file"):
        safetensors.save(tmp_path / "x", {"w": np.ones(3)})


def test_a_file_that_shrinks_while_it_is_read_is_cut_off(tmp_path):
    safetensors.save(tmp_path / "x", {"w": np.ones(1000)})
    with open(tmp_path / "x", "rb+") as stream:
        header = safetensors.read_header(stream, os.path.getsize(tmp_path / "x"), "x")
        stream.truncate(500)
        with pytest.raises(DamagedFile, match="x: 'w' is cut off"):
            safetensors.read(stream, header, "x")


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        safetensors.load(tmp_path / "none")
