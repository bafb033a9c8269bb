"""Weights alone: in files of their own, in dicts, in part, and into models that do not fit."""

import io
import os
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest

import axon
from axon.files import archive, npz, safetensors
from axon.files.atomic import DamagedFile
from axon.layers import BatchNormalization, Dense, Dropout
from axon.models import Sequential
from axon.optimizers import SGD, Adam

X = np.random.default_rng(1).normal(size=(6, 4))
KINDS = ["w.npz", "w.safetensors", "w"]


def network(*, wide=5, out=3, dtype=None, name=None, last="dense_1"):
    model = Sequential(
        [
            Dense(wide, "tanh", dtype=dtype),
            BatchNormalization(dtype=dtype),
            Dropout(0.5, dtype=dtype),
            Dense(out, dtype=dtype, name=last),
        ],
        name=name,
    )
    model.build((4,))
    return model


def same(a, b):
    return all(map(np.array_equal, a.get_weights(), b.get_weights()))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_come_back_bit_by_bit(tmp_path, name, dtype):
    model, other = network(dtype=dtype), network(dtype=dtype)
    model.compile("mse", "adam")
    model.fit(X, X[:, :3], verbose=0)
    model.save_weights(tmp_path / name)
    assert os.listdir(tmp_path) == [name]
    assert not any(other.load_weights(tmp_path / name))
    assert same(model, other)
    assert np.array_equal(model.predict(X), other.predict(X))


def test_what_a_suffix_says_is_what_is_written(tmp_path):
    model = network()
    oracle = pytest.importorskip("safetensors.numpy")
    for name in ("w.safetensors", "w.npz", "W.SAFETENSORS"):
        model.save_weights(tmp_path / name)
        load = np.load if name == "w.npz" else oracle.load_file
        found = load(tmp_path / name)
        assert list(model.state_dict()) == sorted(found, key=list(model.state_dict()).index)
        assert np.array_equal(found["dense/weights"], model.layers[0].weights.numpy())


def test_a_model_file_has_weights_too(tmp_path):
    model, other = network(), network()
    model.save(tmp_path / "net.axon")
    other.load_weights(tmp_path / "net.axon")
    assert same(model, other)


def test_files_by_numpy_in_any_layout_are_read(tmp_path):
    model, other = network(), network()
    state = model.state_dict()
    odd = {
        "dense/weights": np.asfortranarray(state["dense/weights"]),
        "dense/bias": state["dense/bias"].astype(">f4"),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "w.npz", **{**state, **odd})
        other.load_weights(tmp_path / "w.npz")
        assert same(model, other)


def test_numbers_in_the_other_byte_order_become_this_machines(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.arange(3, dtype=">f8"))
    with archive.opened(tmp_path / "w.npz") as opened:
        assert npz.specs_in(opened)["a"].dtype.isnative
        found = npz.read(opened, "a")
    assert found.dtype.isnative
    assert found.tolist() == [0, 1, 2]


# ------------------------------------------------------------------------------------ state_dict


def test_a_state_dict_is_a_copy_by_path():
    model = network()
    state = model.state_dict()
    assert list(state) == [
        *("dense/weights", "dense/bias", "batch_normalization/gamma", "batch_normalization/beta"),
        *("dense_1/weights", "dense_1/bias", "batch_normalization/moving_mean"),
        *("batch_normalization/moving_variance", "dropout/seed_state"),
    ]
    before = model.get_weights()
    for array in state.values():
        array[...] = 7
    assert all(map(np.array_equal, before, model.get_weights()))
    model.load_state_dict(state)
    assert all((array == 7).all() for array in model.get_weights())


def test_a_layer_has_a_state_too_and_takes_lists_and_tensors():
    layer = Dense(2, 2)
    layer.load_state_dict({"weights": axon.Tensor(np.eye(2)), "bias": [1.0, 2.0]})
    assert layer(np.zeros((1, 2))).tolist() == [[1.0, 2.0]]
    with pytest.raises(ValueError, match=r"the state does not fit 'dense': 1 missing"):
        layer.load_state_dict({"bias": [1.0, 2.0]})


def test_programs_that_were_recorded_see_the_new_weights():
    model, other = network(), network()
    model.compile("mse", "sgd")
    model.fit(X, X[:, :3], verbose=0)
    model.predict(X)
    model.load_state_dict(other.state_dict())
    assert np.array_equal(model.predict(X), other.predict(X))
    other.compile("mse", "sgd")
    for m in (model, other):
        m.fit(X, X[:, :3], verbose=0, shuffle=False)
    assert same(model, other)


# ------------------------------------------------------------------------------------ strict


def saved(tmp_path, kind, model):
    if kind == "state":
        return lambda other, **options: other.load_state_dict(model.state_dict(), **options)
    model.save_weights(tmp_path / kind)
    return lambda other, **options: other.load_weights(tmp_path / kind, **options)


@pytest.mark.parametrize("kind", ["state", *KINDS])
def test_differences_stand_side_by_side_and_nothing_has_changed(tmp_path, kind):
    load = saved(tmp_path, kind, network(wide=6, last="head"))
    model = network(name="mine")
    before = model.get_weights()
    with pytest.raises(ValueError, match="does not fit 'mine': 2 missing, 2 unexpected, 6 of") as e:
        load(model)
    said = str(e.value).splitlines()
    assert [line.split() for line in said[1:]] == [
        "model | file".split(),
        "dense/weights (4, 5) float32 | dense/weights (4, 6) float32".split(),
        "dense/bias (5,) float32 | dense/bias (6,) float32".split(),
        *(
            f"batch_normalization/{n} (5,) float32 | batch_normalization/{n} (6,) float32".split()
            for n in ("gamma", "beta", "moving_mean", "moving_variance")
        ),
        "dense_1/weights (5, 3) float32 | head/weights (6, 3) float32".split(),
        "dense_1/bias (3,) float32 | head/bias (3,) float32".split(),
        "strict=False loads what fits.".split(),
    ]
    assert len({line.index("|") for line in said[1:-1]}) == 1
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.parametrize("kind", ["state", *KINDS])
def test_what_fits_is_loaded_and_the_rest_is_listed(tmp_path, kind):
    other = network(out=2, last="head")
    load = saved(tmp_path, kind, other)
    model = network()
    before = model.state_dict()
    left = load(model, strict=False)
    assert left.missing_keys == ["dense_1/weights", "dense_1/bias"]
    assert left.unexpected_keys == ["head/weights", "head/bias"]
    assert left.mismatched_keys == []
    for name, array in model.state_dict().items():
        kept = name.startswith("dense_1")
        assert np.array_equal(array, before[name] if kept else other.state_dict()[name])
    assert load(network(out=3, last="head"), strict=False).mismatched_keys == [
        "head/weights",
        "head/bias",
    ]


@pytest.mark.parametrize("kind", ["state", *KINDS])
@pytest.mark.parametrize("strict", [True, False])
def test_a_file_of_which_nothing_fits_is_an_error_in_any_case(tmp_path, kind, strict):
    other = Sequential([Dense(2, 2, name="a"), Dense(2, 2, name="b")])
    load = saved(tmp_path, kind, other)
    with pytest.raises(ValueError, match=r"9 missing, 4 unexpected, [^$]*Nothing of it fits"):
        load(network(), strict=strict)


def test_more_differences_than_fit_on_a_screen_are_counted():
    deep = Sequential([Dense(2, 2) for _ in range(10)])
    with pytest.raises(ValueError, match="18 missing, 0 unexpected") as caught:
        deep.load_state_dict(Sequential([Dense(2, 2)]).state_dict())
    assert len(str(caught.value).splitlines()) == 1 + 1 + 8 + 1 + 1
    assert "and 10 more" in str(caught.value)


# ------------------------------------------------------------------------------------ types


@pytest.mark.parametrize("name", KINDS)
def test_floats_are_converted_to_the_precision_of_the_model(tmp_path, name):
    exact, model = network(dtype="float64"), network()
    exact.save_weights(tmp_path / name)
    assert not any(model.load_weights(tmp_path / name))
    for a, b in zip(model.get_weights(), exact.get_weights(), strict=True):
        assert np.array_equal(a, b.astype(a.dtype))
    assert model.layers[0].weights.dtype == np.float32
    half = {k: v.astype("f2") if v.dtype.kind == "f" else v for k, v in exact.state_dict().items()}
    model.load_state_dict(half)
    assert np.array_equal(model.layers[0].weights.numpy(), half["dense/weights"].astype("f4"))


@pytest.mark.parametrize("dtype", ["int64", "int8", "bool", "complex64"])
def test_other_numbers_never_become_floats(tmp_path, dtype):
    layer = Dense(2, 3)
    state = {**layer.state_dict(), "bias": np.ones(3, dtype)}
    with pytest.raises(ValueError, match=rf"bias  \(3,\) float32 +\| bias  \(3,\) {dtype}"):
        layer.load_state_dict(state)
    np.savez(tmp_path / "w.npz", **{f"dense/{name}": a for name, a in state.items()})
    with pytest.raises(ValueError, match=rf"\| dense/bias  \(3,\) {dtype}"):
        Sequential([layer]).load_weights(tmp_path / "w.npz")


def test_counters_take_only_what_they_can_hold():
    layer = Dropout(0.5)
    layer.load_state_dict({"seed_state": np.array([3, 4], np.uint8)})
    assert layer.seed_state.numpy().tolist() == [3, 4]
    assert layer.seed_state.dtype == np.uint32
    for dtype in ("int64", "float32", "int8", "uint64"):
        with pytest.raises(ValueError, match=r"seed_state  \(2,\) uint32 +\| seed_state"):
            layer.load_state_dict({"seed_state": np.array([3, 4], dtype)})


def test_numbers_that_are_too_large_are_refused_and_nothing_has_changed():
    layer = Dense(2, 3)
    before = layer.get_weights()
    state = {"weights": np.zeros((2, 3)), "bias": np.array([0, 1e300, 0])}
    with pytest.raises(ValueError, match="'bias' holds numbers that are too large for float32"):
        layer.load_state_dict(state)
    assert all(map(np.array_equal, before, layer.get_weights()))
    layer.load_state_dict({**state, "bias": np.array([np.inf, -np.inf, np.nan])})
    assert np.isnan(layer.bias.numpy()[2])


# ------------------------------------------------------------------------------------ bad files


def damaged(tmp_path, content, match, model=None):
    (tmp_path / "bad").write_bytes(content)
    model = model or network()
    before = model.get_weights()
    with pytest.raises(DamagedFile, match=match) as caught:
        model.load_weights(tmp_path / "bad")
    assert str(tmp_path / "bad") in str(caught.value)
    assert all(map(np.array_equal, before, model.get_weights()))


def zipped(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return stream.getvalue()


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def header(text):
    """A member with this text for a header, and two numbers."""
    padded = text.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\1\0" + len(padded).to_bytes(2, "little") + padded + bytes(8)


def test_files_of_other_kinds_are_refused(tmp_path):
    damaged(tmp_path, b"", "not a whole safetensors file")
    damaged(tmp_path, b"\x93NUMPY" + bytes(100), "not a whole safetensors file")
    damaged(tmp_path, b"PK\3\4" + bytes(100), "is damaged, or no AXON file")
    with pytest.raises(FileNotFoundError):
        network().load_weights(tmp_path / "none")


def test_pickles_are_refused_with_the_way_out(tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    damaged(tmp_path, pickle.dumps(Harm()), r"is a pickle, .* import save_file; save_file\(model")
    whole = zipped({"archive/data.pkl": pickle.dumps(Harm())})
    damaged(tmp_path, whole, "is a pickle")
    objects = zipped({"dense/weights.npy": npy(np.array([Harm()], object))})
    damaged(tmp_path, objects, "holds no numbers, but has dtype object")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("member", "match"),
    [
        (b"", "cannot be read"),
        (b"x" * 100, "cannot be read"),
        (npy(np.zeros(2))[:-1], "truncated, or longer"),
        (npy(np.zeros(2)) + b"x", "truncated, or longer"),
        (npy(np.array(["text"])), "holds no numbers, but has dtype <U4"),
        (npy(np.zeros(2, "f4,f4")), "holds no numbers"),
        (b"\x93NUMPY\3\0" + bytes(100), r"cannot be read: \(3, 0\)"),
        (header("(" * 60), "cannot be read"),
        (header("{'descr': '<f4', 'fortran_order': 0, 'shape': (-2,)}"), "cannot be read"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}"), "no array has"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,-1)}"), "no array has"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (2**70,)}"), "cannot be read"),
        (
            header("{'descr':'<f4','fortran_order':False,'shape':(0,99999999999999999999)}"),
            "no array has the shape",
        ),
    ],
)
def test_bad_members_are_refused(tmp_path, member, match):
    damaged(tmp_path, zipped({"dense/weights.npy": member}), match)


def bomb(shape):
    """An .npz file of zeros, packed a thousand times smaller."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for n in range(4):
            with packed.open(f"{n}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.zeros(shape, "f4"))
    return stream.getvalue()


def test_zip_bombs_are_refused_before_they_take_memory(tmp_path, monkeypatch):
    (tmp_path / "x").write_bytes(bomb(2**20))
    model = network()
    tracemalloc.start()
    with pytest.raises(ValueError, match="Nothing of it fits"):  # few bytes: only not read
        model.load_weights(tmp_path / "x")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    monkeypatch.setattr(npz, "MAX_BYTES", 2**20)
    damaged(tmp_path, bomb(2**20), r"bytes and claims 16,777,\d+: too large")


def test_a_flipped_bit_is_found_by_the_checksum(tmp_path):
    model = network()
    model.save_weights(tmp_path / "w.npz")
    content = bytearray((tmp_path / "w.npz").read_bytes())
    content[content.index(model.layers[0].weights.numpy().tobytes()) + 3] ^= 4
    damaged(tmp_path, bytes(content), "CRC")


def test_a_model_without_parameters_says_how_to_get_some(tmp_path):
    model = Sequential([Dense(3)])
    with pytest.raises(RuntimeError, match=r"load_weights: model .* has no parameters yet\. Call"):
        model.load_weights(tmp_path / "w.npz")
    with pytest.raises(RuntimeError, match=r"save_weights: model .* has no parameters yet\. Call"):
        model.save_weights(tmp_path / "w.npz")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------ optimizers


def trained(optimizer, **options):
    model = network(**options)
    model.compile("mse", optimizer)
    model.fit(X, X[:, : model.output_shape[-1]], verbose=0)
    return model


def refused(optimizer, tree, match, kind=ValueError):
    before = optimizer.state_dict()
    with pytest.raises(kind, match=match):
        optimizer.load_state_dict(tree)
    assert repr(optimizer.state_dict()) == repr(before)


def test_the_state_of_an_optimizer_is_a_copy():
    optimizer = trained(Adam(0.1, use_ema=True)).optimizer
    tree = optimizer.state_dict()
    assert tree["iterations"] == 1.0
    assert tree["learning_rate"] == 0.1
    assert [p["name"] for p in tree["parameters"]][:2] == ["weights", "bias"]
    assert set(tree["state"]) == {"m", "v", "average"}
    assert tree["state"]["m"][0].shape == (4, 5)
    tree["state"]["m"][0][...] = 7
    assert not (optimizer.state_dict()["state"]["m"][0] == 7).any()


def test_states_that_do_not_fit_are_refused_and_nothing_has_changed():
    optimizer = trained(Adam(0.1)).optimizer
    tree = optimizer.state_dict()
    refused(optimizer, trained(SGD(0.1)).optimizer.state_dict(), "of another optimizer, 'SGD'")
    refused(
        optimizer,
        trained(Adam(0.1, use_ema=True)).optimizer.state_dict(),
        "it keeps m, v, but the state holds average, m, v. Were momentum, use_ema or",
    )
    other = trained(Adam(0.1), wide=6).optimizer.state_dict()
    refused(
        optimizer,
        other,
        r"of other parameters\.\n  optimizer +\| state\n  weights  \(4, 5\).*\| weights  \(4, 6",
    )
    bad = [
        ({**tree, "iterations": float("nan")}, "'iterations' must be a finite number, got nan"),
        ({**tree, "learning_rate": "fast"}, "'learning_rate' must be a finite number, got 'fast'"),
        ({**tree, "averaging": 1}, "'averaging' must be a bool, got 1"),
        ({**tree, "numbers": {"x": 1.0}}, "but the state holds m, v, x"),
        ({**tree, "parameters": [1]}, "1 describes no parameter"),
        ({**tree, "state": {**tree["state"], "v": []}}, "'v' must be a list of 6 arrays"),
        (
            {**tree, "state": {**tree["state"], "v": [np.zeros(3)] * 6}},
            r"'v' needs an array of shape \(4, 5\) and type float32, got \(3,\) and float64",
        ),
        ({"iterations": 3}, "expected what state_dict gave"),
        (None, "expected what state_dict gave, got None"),
    ]
    for wrong, match in bad:
        refused(optimizer, wrong, match)


def test_an_optimizer_without_parameters_cannot_take_a_state():
    tree = trained(Adam(0.1)).optimizer.state_dict()
    refused(Adam(0.1), tree, "no parameters to keep a state for. Call model.compile", RuntimeError)


def test_a_schedule_that_cannot_reach_the_place_is_found_before_anything_changes():
    schedule = axon.optimizers.schedules.ExponentialDecay(0.1, 1, 10.0)
    optimizer = trained(SGD(schedule)).optimizer
    refused(optimizer, {**optimizer.state_dict(), "iterations": 1e9}, "no schedule reaches 1e.09")


def test_a_schedule_decides_on_the_rate_wherever_the_state_is_from():
    schedule = axon.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    optimizer = trained(SGD(schedule)).optimizer
    optimizer.load_state_dict({**trained(SGD(0.3)).optimizer.state_dict(), "iterations": 2.0})
    assert optimizer.state_dict()["learning_rate"] == 0.025


def test_a_state_is_loaded_into_another_precision():
    exact, optimizer = trained(Adam(0.1), dtype="float64").optimizer, trained(Adam(0.2)).optimizer
    tree = exact.state_dict()
    for p in tree["parameters"]:
        p["dtype"] = "float32"
    optimizer.load_state_dict(tree)
    assert optimizer.learning_rate == 0.1
    assert np.array_equal(
        optimizer.state_dict()["state"]["v"][0], tree["state"]["v"][0].astype("f4")
    )


def test_safetensors_are_marked_as_ours(tmp_path):
    network().save_weights(tmp_path / "w.safetensors")
    with open(tmp_path / "w.safetensors", "rb") as stream:
        size = os.path.getsize(tmp_path / "w.safetensors")
        metadata = safetensors.read_header(stream, size, "w").metadata
    assert metadata == {"format": "np", "axon": axon.__version__}


@pytest.mark.parametrize("length", [0x0280, 0x0380, 0x0480, 0x0580, 0x10380])
def test_a_header_may_be_as_long_as_a_pickle_begins(tmp_path, length):
    """Its length comes first, and in these cases looks like the first two bytes of a pickle."""
    model = Sequential([Dense(2, 3)])
    arrays = model.state_dict()
    bare = len(safetensors.header_of(arrays, {"note": "x" * 8}))
    path = tmp_path / "net.safetensors"
    safetensors.save(path, arrays, {"note": "x" * (8 + length + 8 - bare)})
    assert int.from_bytes(path.read_bytes()[:8], "little") == length
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    model.load_weights(path)
    assert all(map(np.array_equal, model.state_dict().values(), arrays.values()))


@pytest.mark.parametrize("name", ["a.axon", "a.onnx", "a.PTH", "a.keras"])
def test_weights_are_not_written_under_a_foreign_name(tmp_path, name):
    with pytest.raises(
        ValueError, match=r"would not be what its name says.*\.safetensors or \.npz"
    ):
        Sequential([Dense(2, 3)]).save_weights(tmp_path / name)
    assert not list(tmp_path.iterdir())
