"""ONNX's own cases for its operators: loaded as they are, and run on the inputs that come along."""

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

import axon.onnx  # noqa: E402
from axon.onnx import OnnxFileError  # noqa: E402
from tests.onnx.node_files import FILES  # noqa: E402

SKIPPED = {  # kinds of cases, and why
    "_(float8|e4m3|e5m2|bf16|uint4|int4|uint2|int2|bfloat16|float4)": "types that NumPy has not",
    "_bool_|_to_bool": "bits of truth values",
    "downsample_scales_.*_align_corners": "sizes with a fraction, which ONNX Runtime rounds",
    "_expanded": "the same, written out by ONNX",
}


def cases(file: str) -> list[Any]:
    """Those of a file of cases; importing it writes them into a list."""
    from onnx.backend.test.case import node

    before = len(node._NodeTestCases)
    importlib.import_module(f"onnx.backend.test.case.node.{file}")
    return list(node._NodeTestCases[before:])


def array(given: Any) -> Any:
    return onnx.numpy_helper.to_array(given) if hasattr(given, "dims") else np.asarray(given)


def wrong(case: Any, path: Path) -> str:
    """What is wrong with AXON's results."""
    onnx.save(case.model, path)
    try:
        net = axon.onnx.load(path, [value.name for value in case.model.graph.output])
        with np.errstate(all="ignore"):
            for given, wanted in case.data_sets:
                given, wanted = (list(map(array, side)) for side in (given, wanted))
                made = net.forward(*given)
                made = made if isinstance(made, tuple) else (made,)
                for y, want in zip(made, wanted, strict=True):
                    assert (y.shape, y.dtype) == (want.shape, want.dtype), case.name
                    loose = 2e-3 if y.dtype == np.float16 else 1e-5
                    np.testing.assert_allclose(y, want, rtol=max(case.rtol, 1e-4), atol=loose)
    except (OnnxFileError, ValueError, AssertionError) as error:
        return f"{case.name}: {error}"
    return ""


@pytest.mark.parametrize("files", [FILES[i::4] for i in range(4)])
def test_cases_of_operators(files: list[str], tmp_path: Path) -> None:
    found = [case for file in files for case in cases(file)]
    found = [case for case in found if not any(re.search(kind, case.name) for kind in SKIPPED)]
    assert len(found) >= len(files)
    failed = [text for case in found if (text := wrong(case, tmp_path / "net.onnx"))]
    assert not failed, "\n".join(failed)
