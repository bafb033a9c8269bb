"""``axon export`` and ``axon convert`` of table estimators."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")
pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")

import onnxruntime as runtime

from axon.tabular import TabularClassifier
from tests.cli.commands import run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    x = {"size": np.arange(60) % 11 / 3, "kind": list("abc") * 20}
    model = TabularClassifier("fast", 0).fit(x, ["no", "yes", "no"] * 20)
    model.save(folder / "net.axon")
    return folder, model, x


@pytest.mark.parametrize(
    "command", [("export", "net.axon", "--onnx", "a.onnx"), ("convert", "net.axon", "a.onnx")]
)
def test_a_table_estimator_becomes_a_file_that_predicts_the_same(made, command):
    folder, model, x = made
    (folder / "a.onnx").unlink(missing_ok=True)
    assert "a.onnx" in str(run(*command, cwd=folder))
    session = runtime.InferenceSession(str(folder / "a.onnx"))
    label, p = session.run(None, model.onnx_inputs(x))
    assert label.tolist() == model.predict(x).tolist()
    np.testing.assert_allclose(p, model.predict_proba(x), atol=1e-5)


@pytest.mark.parametrize(
    "command",
    [
        ("export", "net.axon", "--weights", "b.npz"),
        ("export", "net.axon", "--onnx", "b.onnx", "--weights", "b.npz"),
        ("convert", "net.axon", "b.npz"),
    ],
)
def test_it_has_no_weights_for_others(made, command):
    folder, _, _ = made
    said = str(run(*command, cwd=folder, check=2))
    assert "holds a table estimator: it becomes an ONNX file" in said
    assert not list(folder.glob("b.*"))
