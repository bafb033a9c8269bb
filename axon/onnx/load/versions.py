"""What operators of a file become in a graph: versions are evened out, constants taken out."""

from collections.abc import Callable
from typing import Any

import numpy as np

from axon.backend import Array
from axon.onnx.load.attributes import strange
from axon.onnx.load.read import CLASSIC, STANDARD, Op
from axon.onnx.load.tensors import OnnxFileError, to_array, type_name

SIDE = {  # operators of which more than the first result can be used, and how many
    "LSTM": 3,
    "GRU": 2,
    "RNN": 2,
    "Split": 2**16,
    "Loop": 2**16,
    "If": 2**16,
    "Scan": 2**16,
    "LinearClassifier": 2,
}


def objection(op: Op, read: set[str]) -> str:
    """Why a node of a known operator cannot be loaded; nothing if it can."""
    a = op.attributes
    if why := strange(op.op, a):
        return why
    if any(name in read for name in op.outputs[SIDE.get(op.op, 1) :]):
        return "only its first result can be used"
    if op.op in ("LSTM", "GRU", "RNN"):
        return _recurrent_objection(op)
    if op.op in ("Conv", "ConvTranspose", "MaxPool", "AveragePool"):
        axes = len(a.get("kernel_shape") or ())
        return f"windows of {axes} axes" if axes > 2 else ""
    if op.op == "BatchNormalization" and a.get("spatial", 1) != 1:
        return "spatial=0"
    if op.op == "Resize" and a.get("antialias"):
        return "antialias"
    if op.op == "LinearClassifier" and op.outputs[0] in read:
        return "its labels: choose its probabilities with load(path, outputs=...)"
    after = a.get("post_transform", "NONE")
    if after != "NONE" and (op.op == "LinearRegressor" or after == "PROBIT"):
        return f"post_transform={after!r}"
    return ""


def _recurrent_objection(op: Op) -> str:
    if len(op.inputs) > 7 and op.inputs[7]:
        return "peepholes (input P)"
    wrong = [key for key in ("clip", "input_forget") if op.attributes.get(key)]
    return ", ".join(f"{key}={op.attributes[key]}" for key in wrong)


class Lowering:
    """The nodes of a network, rewritten one by one.

    Args:
        opset: the version of the operators.

    Attributes:
        nodes: what came of them.
        arrays: the constants that were written into nodes.
        lent: those among them that are weights, such as the coefficients of a LinearClassifier.
    """

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[Op] = []
        self.arrays: dict[str, Array] = {}
        self.lent: set[str] = set()

    def add(self, op: Op, folder: str | None) -> None:
        """Rewrite a node."""
        if op.op == "Constant":
            self.arrays[op.outputs[0]] = _constant(op, folder)
            return
        rewritten = REWRITES[op.op](self, op) if op.op in REWRITES else [op]
        for node in rewritten:
            node.attributes = {k: _plain(v, folder) for k, v in node.attributes.items()}
            self.nodes.append(node)

    def lend(self, op: Op, what: str, values: Array) -> str:
        """A weight that stood among the attributes."""
        name = f"{op.name or op.outputs[0]}.{what}"
        self.arrays[name] = np.asarray(values, np.float32)
        self.lent.add(name)
        return name


def _constant(op: Op, folder: str | None) -> Array:
    """The value of a Constant."""
    types = {"int": np.int64, "float": np.float32}
    for key, value in op.attributes.items():
        kind = key.removeprefix("value_").removesuffix("s")
        if key == "value":
            return to_array(value, folder)
        if kind in types and key.startswith("value_"):
            return np.array(value, types[kind])
    raise OnnxFileError(f"Constant (node {op.name!r}) holds no numbers.")


def _plain(value: Any, folder: str | None) -> Any:
    """An attribute as JSON can hold it."""
    if isinstance(value, int | float | str | list | dict | bool):
        return value
    array = to_array(value, folder)
    return array.tolist()


# ------------------------------------------------------------------------------------ versions


def _cast(low: Lowering, op: Op) -> list[Op]:
    op.attributes["to"] = type_name(int(op.attributes["to"]), f"Cast (node {op.name!r})")
    return [op]


def _softmax(low: Lowering, op: Op) -> list[Op]:
    if low.opset < 13:
        op.attributes.setdefault("axis", 1)
        op.attributes["flat"] = 1
    return [op]


def _resize(low: Lowering, op: Op) -> list[Op]:
    """The first versions knew one way alone."""
    if op.op == "Upsample" or low.opset < 11:
        op.attributes |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        op.inputs = [op.inputs[0], "", *op.inputs[1:]]
    op.attributes["mode"] = op.attributes.get("mode", "nearest").replace("bilinear", "linear")
    op.op = "Resize"
    return [op]


def _split(low: Lowering, op: Op) -> list[Op]:
    op.attributes["pieces"] = len(op.outputs)
    return [op]


def _filled(low: Lowering, op: Op) -> list[Op]:
    value = op.attributes.pop("value", None)
    if value is not None:
        array = to_array(value, None)
        if array.size != 1:
            raise OnnxFileError(f"{op} (node {op.name!r}): value must be one number.")
        op.attributes |= {"value": array.reshape(()).tolist(), "dtype": array.dtype.name}
    return [op]


def _typed(low: Lowering, op: Op) -> list[Op]:
    if "dtype" in op.attributes:
        what = f"{op} (node {op.name!r})"
        op.attributes["dtype"] = type_name(int(op.attributes["dtype"]), what)
    return [op]


def _dropout(low: Lowering, op: Op) -> list[Op]:
    """Whether it trains is for AXON to say."""
    op.inputs = op.inputs[:2]
    op.outputs = op.outputs[:1]
    return [op]


def _batch_normalization(low: Lowering, op: Op) -> list[Op]:
    op.outputs = op.outputs[:1]
    op.attributes.pop("training_mode", None)
    return [op]


# ------------------------------------------------------------------------------------ ai.onnx.ml


def _identity(low: Lowering, op: Op) -> list[Op]:
    return [Op("Identity", op.inputs[:1], op.outputs[:1], name=op.name)]


def _linear(low: Lowering, op: Op) -> list[Op]:
    """y = x w + b, of a regressor."""
    return _product(low, op, int(op.attributes.get("targets", 1)), op.outputs[0])


def _product(low: Lowering, op: Op, rows: int, output: str) -> list[Op]:
    flat = np.array(op.attributes["coefficients"], np.float32)
    if rows < 1 or flat.size % rows:
        raise OnnxFileError(f"{op} (node {op.name!r}): {flat.size} coefficients, {rows} rows.")
    weights = low.lend(op, "coefficients", np.ascontiguousarray(flat.reshape(rows, -1).T))
    made = Op("MatMul", [_floats(low, op), weights], [output], name=op.name)
    given = op.attributes.get("intercepts") or []
    if len(given) not in (0, rows):
        raise OnnxFileError(f"{op} (node {op.name!r}): {len(given)} intercepts, {rows} rows.")
    cast = Op("Cast", op.inputs[:1], [_floats(low, op)], {"to": "float32"})
    if not given:
        return [cast, made]
    made.outputs = [f"{output}.product"]
    bias = low.lend(op, "intercepts", np.array(given, np.float32))
    return [cast, made, Op("Add", [made.outputs[0], bias], [output], name=f"{op.name}.bias")]


def _floats(low: Lowering, op: Op) -> str:
    return f"{op.name or op.outputs[-1]}.floats"


def _classifier(low: Lowering, op: Op) -> list[Op]:
    """Probabilities from x w + b. Two classes share one row: the other is its opposite."""
    a = op.attributes
    labels = a.get("classlabels_ints") or a.get("classlabels_strings") or []
    rows, after = len(a.get("intercepts") or ()) or len(labels), a.get("post_transform", "NONE")
    scores, out = f"{op.outputs[1]}.scores", op.outputs[1]
    if len(labels) == 2 and after == "LOGISTIC":
        if rows == 2:  # the rows of the second class; those of the first are their negatives
            half = len(a["coefficients"]) // 2
            a = {**a, "coefficients": a["coefficients"][half:], "intercepts": a["intercepts"][1:]}
        single = Op(op.op, op.inputs, op.outputs, a, op.name, op.domain)
        nodes = _product(low, single, 1, scores)
        low.arrays[f"{out}.one"] = np.ones((), np.float32)
        return [
            *nodes,
            Op("Sigmoid", [scores], [f"{out}.second"], name=f"{op.name}.sigmoid"),
            Op("Sub", [f"{out}.one", f"{out}.second"], [f"{out}.first"], name=f"{op.name}.first"),
            Op("Concat", [f"{out}.first", f"{out}.second"], [out], {"axis": 1}),
        ]
    if rows == 1 and len(labels) == 2:
        raise OnnxFileError(f"{op} (node {op.name!r}): one row for two classes, {after}.")
    ends = {"SOFTMAX": "Softmax", "LOGISTIC": "Sigmoid", "NONE": "Identity"}
    if after not in ends:
        raise OnnxFileError(f"{op} (node {op.name!r}): post_transform={after!r} is not supported.")
    nodes = _product(low, op, rows, scores)
    return [*nodes, Op(ends[after], [scores], [out], name=f"{op.name}.{ends[after].lower()}")]


def _normalizer(low: Lowering, op: Op) -> list[Op]:
    """Probabilities that add up to 1 already are left alone: so the loss still finds the logits."""
    made = {name: node for node in low.nodes for name in node.outputs}
    before = made.get(op.inputs[0])
    sums = before is not None and before.op == "Softmax" and op.attributes.get("norm") == "L1"
    return _identity(low, op) if sums else [op]


Rewrite = Callable[[Lowering, Op], list[Op]]
REWRITES: dict[str, Rewrite] = {
    "Cast": _cast,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Resize": _resize,
    "Upsample": _resize,
    "Split": _split,
    "ConstantOfShape": _filled,
    "EyeLike": _typed,
    "Dropout": _dropout,
    "BatchNormalization": _batch_normalization,
    "ZipMap": _identity,
    "LinearRegressor": _linear,
    "LinearClassifier": _classifier,
    "Normalizer": _normalizer,
}
KNOWN_CLASSIC = {
    *("ZipMap", "LinearRegressor", "LinearClassifier", "Normalizer", "Scaler", "Binarizer"),
    *("ArrayFeatureExtractor", "Imputer"),
}


def known(op: Op, operators: Any) -> bool:
    """Whether there is such an operator."""
    if op.domain == CLASSIC:
        return op.op in KNOWN_CLASSIC
    rewritten = op.op in ("Constant", "Upsample")
    return (
        op.domain in STANDARD and (rewritten or op.op in operators) and (op.op not in KNOWN_CLASSIC)
    )
