"""Files of table estimators: what is saved comes back, and nothing else does."""

import io
import json
import os
import signal
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")

from sklearn.exceptions import NotFittedError

import axon
from axon import tabular
from axon.files import archive, safetensors
from axon.models.loading import ModelFileError
from axon.tabular import TabularClassifier, TabularRegressor

# What is odd about new rows is warned of: test_estimators.py looks at that.
pytestmark = pytest.mark.filterwarnings("ignore:Tabular:UserWarning")

RNG = np.random.default_rng(0)
TABLE = {
    "size": RNG.standard_normal(90),
    "town": [f"t{i}" for i in RNG.integers(70, size=90)],
    "day": [f"2024-0{1 + i % 9}-11" for i in range(90)],
    "price": RNG.standard_normal(90),
}
NEW = {"town": ["t3", None, "never"], "size": [0.5, None, -1e9], "day": [None, "2030-01-01", None]}
TALL = np.where(TABLE["size"] > 0, "tall, very", "short")


@pytest.fixture(scope="module")
def model():
    return TabularRegressor("fast", 0, drop=np.array(["day"])).fit(TABLE, "price")


@pytest.fixture
def path(model, tmp_path):
    model.save(tmp_path / "net.axon")
    return tmp_path / "net.axon"


def test_a_loaded_estimator_predicts_the_same_bits(model, path):
    again = tabular.load(path)
    assert type(again) is TabularRegressor
    assert np.array_equal(again.predict(NEW), model.predict(NEW))
    assert again.target_name_ == "price"
    assert again.columns_ == model.columns_
    assert again.drop == ["day"]
    assert os.listdir(path.parent) == ["net.axon"]
    again.save(path)
    assert np.array_equal(tabular.load(path).predict(NEW), model.predict(NEW))


DAYS = np.where(TALL == "short", np.datetime64("2024-01-01"), np.datetime64("2024-02-01"))
CLASSES = {
    "words": TALL,
    "objects": TALL.astype(object),
    "truth": TALL == "short",
    "days": DAYS,
    "numbers": np.where(TALL == "short", 2**60, -1),
    "labels": np.stack([TABLE["size"] > 0, TABLE["size"] > 1], axis=1).astype(int),
}


@pytest.mark.parametrize("case", CLASSES)
def test_classes_come_back_as_they_were(tmp_path, case):
    table = {name: TABLE[name] for name in ("size", "town")}
    model = TabularClassifier("fast", 0).fit(table, CLASSES[case])
    model.metadata_["note"] = [1, {"score": float("inf")}]
    model.save(tmp_path / "net.axon")
    again = tabular.load(tmp_path / "net.axon")
    assert np.array_equal(again.predict(NEW), model.predict(NEW))
    assert again.predict(NEW).dtype == model.predict(NEW).dtype
    assert np.array_equal(again.predict_proba(NEW), model.predict_proba(NEW))
    assert again.metadata_ == {"note": [1, {"score": float("inf")}]}
    assert again.target_name_ is None


def test_what_cannot_be_saved_is_said_and_the_old_file_is_kept(model, path):
    before = path.read_bytes()
    with pytest.raises(NotFittedError):
        TabularRegressor().save(path)
    model.metadata_["strange"] = object()
    try:
        with pytest.raises(TypeError, match="must suit JSON: metadata/strange holds <object"):
            model.save(path)
    finally:
        del model.metadata_["strange"]
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match=r"net\.onnx would be another one by its name"):
        model.save(path.with_suffix(".onnx"))
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        model.save(path.parent / "no" / "net.axon")


@pytest.mark.skipif(os.name != "posix", reason="processes are forked")
def test_a_kill_in_the_middle_leaves_the_old_file(model, path, monkeypatch):
    before = path.read_bytes()

    def dies(stream, arrays, header):
        stream.write(b"half")
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(safetensors, "write", dies)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        child = os.fork()
    if not child:
        model.save(path)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert path.read_bytes() == before
    monkeypatch.undo()
    model.save(path)
    assert os.listdir(path.parent) == ["net.axon"]


# ------------------------------------------------------------------------------------ other files


def test_networks_and_estimators_are_told_apart(path, tmp_path):
    with pytest.raises(ModelFileError, match=r"a table estimator, not a network: axon\.tabular\."):
        axon.load_model(path)
    network = axon.Sequential([axon.layers.Dense(2)])
    network.build((3,))
    network.save(tmp_path / "other.axon")
    with pytest.raises(ModelFileError, match=r"holds a network, not a table estimator: axon\.load"):
        tabular.load(tmp_path / "other.axon")
    archive.write(tmp_path / "tree.axon", {"a": 1})
    with pytest.raises(ModelFileError, match=r"not a whole AXON file: it has no table\.json"):
        tabular.load(tmp_path / "tree.axon")
    (tmp_path / "net.pkl").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(ModelFileError, match=r"(?i)pickle"):
        tabular.load(tmp_path / "net.pkl")
    with pytest.raises(FileNotFoundError):
        tabular.load(tmp_path / "none.axon")


def rewritten(path, name, change):
    """The same zip with a member changed; None removes it."""
    result = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(result, "w") as new:
        for member in old.namelist():
            content = change(old.read(member)) if member == name else old.read(member)
            if content is not None:
                new.writestr(member, content)
    path.write_bytes(result.getvalue())


def set_in(*keys, value):
    def change(text):
        state = inner = json.loads(text)
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        return json.dumps(state)

    return change


BAD = {
    "no JSON": (lambda text: b"{", r"table\.json is damaged"),
    "no dict": (lambda text: b"[]", "describes no table estimator"),
    "removed": (lambda text: None, r"it has no table\.json"),
    "newer": (set_in("format", value=99), r"format 99, .* reads table estimators up to format 1"),
    "another": (set_in("estimator", value="os.system"), r"one of TabularClassifier, TabularReg"),
    "huge": (set_in("network", "widths", value=[2**40, 64]), r"demands [\d,]+ weights in a layer"),
    "many": (set_in("network", "members", value=10**9), r"demands [\d,]+ weights in a layer"),
    "negative": (set_in("network", "members", value=-1), r"demands"),
    "text": (set_in("network", "inputs", value="5"), "does not fit together"),
    "activation": (set_in("network", "activation", value="rellu"), "unknown activation"),
    "a role": (set_in("columns", "columns", 0, "role", value="spell"), "a column is 'spell'"),
    "columns": (set_in("columns", "columns", value=[]), "does not fit together"),
    "setting": (set_in("settings", value={"colour": 1}), "unexpected keyword argument 'colour'"),
    "goal": (set_in("goal", value="Dog"), "does not fit together"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_files_are_refused_and_said_why(path, change, message):
    rewritten(path, "table.json", change)
    with pytest.raises(ModelFileError, match=message) as caught:
        tabular.load(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_damage_anywhere_is_found(path):
    """Cut off, and with a byte changed in any part of it."""
    whole = path.read_bytes()
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelFileError):
            tabular.load(path)
    for at in range(40, len(whole) - 200, len(whole) // 40):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 64]) + whole[at + 1 :])
        with pytest.raises(ModelFileError):
            tabular.load(path)
    path.write_bytes(whole)
    tabular.load(path)


def test_arrays_of_another_estimator_are_refused(path, tmp_path):
    TabularRegressor("fast", 0, drop=["day", "town"]).fit(TABLE, "price").save(tmp_path / "b.axon")
    with zipfile.ZipFile(tmp_path / "b.axon") as other:
        foreign = other.read("table.safetensors")
    rewritten(path, "table.safetensors", lambda old: foreign)
    with pytest.raises(ModelFileError, match=r"do(es)? not fit"):
        tabular.load(path)


WITHOUT = """
    import sys
    sys.modules["sklearn"] = None
    import axon
    try:
        axon.tabular.load("net.axon")
    except ImportError as error:
        print(error)
    try:
        axon.load_model("net.axon")
    except ValueError as error:
        print(error)
"""


def test_without_scikit_learn_the_extra_is_named(path):
    code = "\n".join(line[4:] for line in WITHOUT.splitlines())
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, cwd=path.parent, capture_output=True, text=True, check=True)
    assert done.stdout.count("pip install scikit-learn (the extra 'tabular')") == 2


def test_dates_in_words_are_saved_and_loaded(tmp_path):
    rows = [{"born": f"2024-{1 + i % 12:02}-0{1 + i % 9}", "size": i / 10} for i in range(60)]
    model = TabularRegressor("fast", random_state=0).fit(rows, np.arange(60.0))
    assert model.columns_.columns[0].role == "date"
    model.save(tmp_path / "n.axon")
    assert np.array_equal(tabular.load(tmp_path / "n.axon").predict(rows), model.predict(rows))
