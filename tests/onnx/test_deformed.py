"""Convolutions whose taps are moved, in groups of both kinds, against ONNX's own reference."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

import axon.onnx  # noqa: E402

CASES: list[tuple[int, int, bool, dict[str, Any]]] = [
    (1, 1, False, {"strides": [2, 1], "pads": [1, 0, 1, 2]}),
    (2, 1, True, {"dilations": [2, 1]}),
    (2, 4, True, {"pads": [1, 1, 1, 1]}),
]


def test_groups_steps_and_masks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for group, offset_group, masked, more in CASES:
        strides, dilations = (more.get(k, [1, 1]) for k in ("strides", "dilations"))
        pads = more.get("pads", [0] * 4)
        counts = [
            (5 + pads[i] + pads[2 + i] - (k - 1) * dilations[i] - 1) // strides[i] + 1
            for i, k in enumerate((2, 3))
        ]
        shapes = {
            "x": (2, 4, 5, 5),
            "w": (6, 4 // group, 2, 3),
            "offset": (2, 2 * offset_group * 6, *counts),
            "b": (6,),
            **({"mask": (2, offset_group * 6, *counts)} if masked else {}),
        }
        infos = [helper.make_tensor_value_info(k, 1, shape) for k, shape in shapes.items()]
        told = {"kernel_shape": [2, 3], "group": group, "offset_group": offset_group, **more}
        node = helper.make_node("DeformConv", list(shapes), ["y"], **told)
        end = helper.make_tensor_value_info("y", 1, (2, 6, *counts))
        graph = helper.make_graph([node], "g", infos, [end])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)])
        onnx.save(model, tmp_path / "net.onnx")
        given = {k: rng.normal(size=shape).astype("f4") for k, shape in shapes.items()}
        (want,) = ReferenceEvaluator(model).run(None, given)
        y = axon.onnx.load(tmp_path / "net.onnx").forward(*given.values())
        np.testing.assert_allclose(y, want, 1e-4, 1e-4, err_msg=str(told))
