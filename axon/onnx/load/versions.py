"""What nodes of a file become in a graph: versions are evened out, constants taken out.

The attributes that a node may have follow from the signature of its operator; the tables here say
in what files differ from that.
"""

from collections.abc import Callable, Collection
from typing import Any, Literal

import numpy as np

from axon.backend import Array
from axon.onnx.ir import STANDARD, Node
from axon.onnx.load.read import CLASSIC
from axon.onnx.load.tensors import FileTensor, OnnxFileError, type_name
from axon.onnx.run import operators
from axon.onnx.run.operators.table import MICROSOFT, OPERATORS
from axon.onnx.run.operators.table import objection as objection_to_attributes

assert operators  # importing them fills the table
RESULTS = {  # operators of which more than the first result can be used, and how many
    **{"LSTM": 3, "GRU": 2, "RNN": 2, "LinearClassifier": 2},
    **dict.fromkeys(("Split", "Loop", "If", "Scan"), 2**16),
    **{"TopK": 2, "Unique": 4, "DynamicQuantizeLinear": 3},
    **{"LayerNormalization": 3, "Dropout": 2, "BatchNormalization": 3, "MaxPool": 2},
    **dict.fromkeys(
        (f"{MICROSOFT}.{name}Normalization" for name in ("SkipLayer", "SkipSimplifiedLayer")), 4
    ),
    **{f"{MICROSOFT}.EmbedLayerNormalization": 3, f"{MICROSOFT}.Attention": 2},
    **{f"{MICROSOFT}.{name}Attention": 3 for name in ("MultiHead", "GroupQuery")},
    f"{MICROSOFT}.QAttention": 2,
    **{"Attention": 4, "LinearAttention": 2, "CausalConvWithState": 2},
    **{f"{MICROSOFT}.LinearAttention": 2, f"{MICROSOFT}.CausalConvWithState": 2},
}
Types = dict[str, Any]
LABELS: Types = {"classlabels_strings": list[str]}
LINEAR: Types = {"coefficients": list[float], "intercepts": list[float]}
ONLY_IN_FILES: dict[str, Types] = {  # operators that are written as others
    "Constant": {
        **{"value": FileTensor, "value_float": float, "value_floats": list[float]},
        **{"value_int": int, "value_ints": list[int]},
    },
    "Upsample": {"mode": str, "scales": list[float]},
    "ZipMap": {**LABELS, "classlabels_int64s": list[int]},
    "LinearRegressor": {**LINEAR, "post_transform": Literal["NONE"], "targets": int},
    "LinearClassifier": {
        **{**LABELS, **LINEAR, "classlabels_ints": list[int]},
        "post_transform": Literal["NONE", "SOFTMAX", "LOGISTIC"],
        "multi_class": int,  # onnxruntime does not read it, either
    },
}
OTHERWISE_IN_FILES: dict[str, Types] = {  # attributes that AXON writes in another way, or alone
    "Cast": {"to": int},
    "EyeLike": {"dtype": int},
    "BitCast": {"to": int},
    "ConstantOfShape": {"value": FileTensor, "dtype": None},
    **{name: {"flat": None} for name in ("Softmax", "LogSoftmax")},
    "Squeeze": {"samples_first": None},
    "Split": {"pieces": None},
    "Slice": {"steps": None},
    "Pad": {"axes": None},
    "Resize": {"scales": None, "sizes": None},
    "Scan": {"by_sample": None, "directions": list[int]},
}
# of Microsoft's, those that are as the standard's
AS_STANDARD = ("GatherND", "GridSample", "Pad", "Range", "Trilu")
CLASSIC_OPERATORS = {
    *("ZipMap", "LinearRegressor", "LinearClassifier", "Normalizer", "Scaler", "Binarizer"),
    *("ArrayFeatureExtractor", "Imputer"),
}


def known(node: Node) -> bool:
    """Whether there is such an operator."""
    if node.domain == CLASSIC:
        return node.op_type in CLASSIC_OPERATORS
    if node.domain == MICROSOFT:  # its names are those of others, too
        own = f"{MICROSOFT}.{node.op_type}"
        if own in OPERATORS or node.op_type in AS_STANDARD:
            node.op_type, node.domain = own if own in OPERATORS else node.op_type, ""
    found = node.op_type in OPERATORS or node.op_type in ONLY_IN_FILES
    return node.domain in STANDARD and found and node.op_type not in CLASSIC_OPERATORS


def attribute_types(op_type: str) -> Types:
    """The attributes that a node of a file may have, and their types.

    >>> attribute_types("Elu"), attribute_types("Relu")
    ({'alpha': <class 'float'>}, {})
    """
    if op_type in ONLY_IN_FILES:
        return ONLY_IN_FILES[op_type]
    types = {**OPERATORS[op_type].attributes, **OTHERWISE_IN_FILES.get(op_type, {})}
    return {name: wanted for name, wanted in types.items() if wanted is not None}


def objection(node: Node, read: set[str]) -> str:
    """Why a node of a known operator cannot be loaded; nothing if it can."""
    op = node.op_type
    if why := objection_to_attributes(node.attributes, attribute_types(op)):
        return why
    plain = op == "BatchNormalization" and not node.attributes.get("training_mode")
    if any(name in read for name in node.outputs[1 if plain else RESULTS.get(op, 1) :]):
        return "only its first result can be used"
    if op in ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool"):
        axes = len(node.attributes.get("kernel_shape") or ())
        return f"windows of {axes} axes" if axes > 3 else ""
    if op == "LinearClassifier" and node.outputs[0] in read:
        return "its labels: choose its probabilities with load(path, outputs=...)"
    return ""


class NodeRewriter:
    """The nodes of a network, rewritten one by one.

    Args:
        opset: the version of the operators.
        read: the names that somebody reads.

    Attributes:
        nodes: what came of them.
        arrays: the constants that were written into nodes.
        lent: those among them that are weights, such as the coefficients of a LinearClassifier.
    """

    def __init__(self, opset: int, read: Collection[str] = ()) -> None:
        self.opset, self.read = opset, read
        self.nodes: list[Node] = []
        self.arrays: dict[str, Array] = {}
        self.lent: set[str] = set()

    def add(self, node: Node) -> None:
        """Rewrite a node."""
        if node.op_type == "Constant":
            self.arrays[node.outputs[0]] = _constant(node)
        elif node.op_type in REWRITES:
            self.nodes += REWRITES[node.op_type](self, node)
        else:
            self.nodes.append(node)

    def lend(self, node: Node, what: str, values: Array) -> str:
        """A weight that stood among the attributes."""
        name = f"{node.name or node.outputs[0]}.{what}"
        self.arrays[name] = np.asarray(values, np.float32)
        self.lent.add(name)
        return name


def _constant(node: Node) -> Array:
    types = {"int": np.int64, "float": np.float32}
    for key, value in node.attributes.items():
        if isinstance(value, FileTensor):
            return value.array()
        return np.array(value, types[key.removeprefix("value_").removesuffix("s")])
    raise OnnxFileError(f"{node.where} holds no numbers.")


# ------------------------------------------------------------------------------------ versions


def _cast(_: NodeRewriter, node: Node) -> list[Node]:
    node.attributes["to"] = type_name(int(node.attributes["to"]), node.where)
    return [node]


def _softmax(rewriter: NodeRewriter, node: Node) -> list[Node]:
    if rewriter.opset < 13:
        node.attributes.setdefault("axis", 1)
        node.attributes["flat"] = 1
    return [node]


def _resize(rewriter: NodeRewriter, node: Node) -> list[Node]:
    """The first versions knew one way alone."""
    if node.op_type == "Upsample" or rewriter.opset < 11:
        node.attributes |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        node.inputs = [node.inputs[0], "", *node.inputs[1:]]
    mode = node.attributes.get("mode", "nearest")
    node.op_type, node.attributes["mode"] = "Resize", mode.replace("bilinear", "linear")
    return [node]


def _filled(_: NodeRewriter, node: Node) -> list[Node]:
    value = node.attributes.pop("value", None)
    if value is not None:
        array = value.array()
        if array.size != 1:
            raise OnnxFileError(f"{node.where}: value must be one number.")
        node.attributes |= {"value": array.reshape(()).tolist(), "dtype": array.dtype.name}
    return [node]


def _typed(_: NodeRewriter, node: Node) -> list[Node]:
    if "dtype" in node.attributes:
        node.attributes["dtype"] = type_name(int(node.attributes["dtype"]), node.where)
    return [node]


def _trained(rewriter: NodeRewriter, node: Node) -> list[Node]:
    """Whether it trains is for AXON to say, unless somebody reads what only training makes."""
    more: list[Node] = []
    if node.op_type == "Dropout":
        node.inputs = node.inputs[:2]
        if node.outputs[1:] and node.outputs[1]:  # its mask, where nothing is left out
            size = f"{node.outputs[1]}.shape"
            ones = {"value": 1.0, "dtype": "bool"}
            more.append(Node("Shape", node.inputs[:1], [size]))
            more.append(Node("ConstantOfShape", [size], node.outputs[1:2], ones))
    elif any(name in rewriter.read for name in node.outputs[1:]):
        return [node]
    node.outputs = node.outputs[:1]
    node.attributes.pop("training_mode", None)
    return [node, *more]


def _transform(rewriter: NodeRewriter, node: Node) -> list[Node]:
    """The first version counted axes otherwise."""
    if rewriter.opset < 20:
        node.attributes.setdefault("axis", 1)
    return [node]


def _scan(rewriter: NodeRewriter, node: Node) -> list[Node]:
    """The first version scanned each sample by itself."""
    if rewriter.opset > 8:
        return [node]
    if node.inputs[0]:
        raise OnnxFileError(f"{node.where}: sequences of several lengths are not supported.")
    told = node.attributes.pop("directions", None)
    node.attributes |= {"by_sample": 1, **({"scan_input_directions": told} if told else {})}
    node.inputs = node.inputs[1:]
    return [node]


# ------------------------------------------------------------------------------------ ai.onnx.ml


def _identity(_: NodeRewriter, node: Node) -> list[Node]:
    return [Node("Identity", node.inputs[:1], node.outputs[:1], name=node.name)]


def _linear(rewriter: NodeRewriter, node: Node) -> list[Node]:
    """y = x w + b, of a regressor."""
    a = node.attributes
    rows = int(a.get("targets", 1))
    return _product(rewriter, node, rows, node.outputs[0], a["coefficients"], a.get("intercepts"))


def _product(
    rewriter: NodeRewriter,
    node: Node,
    rows: int,
    output: str,
    coefficients: list[float],
    intercepts: list[float] | None,
) -> list[Node]:
    flat, given = np.array(coefficients, np.float32), intercepts or []
    if rows < 1 or flat.size % rows:
        raise OnnxFileError(f"{node.where}: {flat.size} coefficients, {rows} rows.")
    if len(given) not in (0, rows):
        raise OnnxFileError(f"{node.where}: {len(given)} intercepts, {rows} rows.")
    weights = np.ascontiguousarray(flat.reshape(rows, -1).T)
    weight = rewriter.lend(node, "coefficients", weights)
    floats = f"{node.name or node.outputs[-1]}.floats"
    cast = Node("Cast", node.inputs[:1], [floats], {"to": "float32"})
    made = Node("MatMul", [floats, weight], [output], name=node.name)
    if not given:
        return [cast, made]
    made.outputs = [f"{output}.product"]
    bias = rewriter.lend(node, "intercepts", np.array(given, np.float32))
    return [cast, made, Node("Add", [made.outputs[0], bias], [output], name=f"{node.name}.bias")]


def _classifier(rewriter: NodeRewriter, node: Node) -> list[Node]:
    """Probabilities from x w + b. Two classes share one row: the other is its opposite."""
    a = node.attributes
    labels = a.get("classlabels_ints") or a.get("classlabels_strings") or []
    weights, biases = a["coefficients"], a.get("intercepts") or []
    rows, after = len(biases) or len(labels), a.get("post_transform", "NONE")
    scores, out = f"{node.outputs[1]}.scores", node.outputs[1]
    if len(labels) == 2 and after == "LOGISTIC":
        if rows == 2:  # the rows of the second class; those of the first are their negatives
            weights, biases = weights[len(weights) // 2 :], biases[1:]
        nodes = _product(rewriter, node, 1, scores, weights, biases)
        rewriter.arrays[f"{out}.one"] = np.ones((), np.float32)
        first, second = f"{out}.first", f"{out}.second"
        return [
            *nodes,
            Node("Sigmoid", [scores], [second], name=f"{node.name}.sigmoid"),
            Node("Sub", [f"{out}.one", second], [first], name=f"{node.name}.first"),
            Node("Concat", [first, second], [out], {"axis": 1}),
        ]
    if rows == 1 and len(labels) == 2:
        raise OnnxFileError(f"{node.where}: one row for two classes, {after}.")
    ends = {"SOFTMAX": "Softmax", "LOGISTIC": "Sigmoid", "NONE": "Identity"}
    nodes = _product(rewriter, node, rows, scores, weights, biases)
    return [*nodes, Node(ends[after], [scores], [out], name=f"{node.name}.{ends[after].lower()}")]


def _normalizer(rewriter: NodeRewriter, node: Node) -> list[Node]:
    """Probabilities that add up to 1 already are left alone: so the loss still finds the logits."""
    made = {name: before for before in rewriter.nodes for name in before.outputs}
    before = made.get(node.inputs[0])
    sums = (
        before is not None and before.op_type == "Softmax" and node.attributes.get("norm") == "L1"
    )
    return _identity(rewriter, node) if sums else [node]


REWRITES: dict[str, Callable[[NodeRewriter, Node], list[Node]]] = {
    "Cast": _cast,
    "DFT": _transform,
    "BitCast": _cast,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Resize": _resize,
    "Upsample": _resize,
    "ConstantOfShape": _filled,
    "EyeLike": _typed,
    "Dropout": _trained,
    "BatchNormalization": _trained,
    "Scan": _scan,
    "ZipMap": _identity,
    "LinearRegressor": _linear,
    "LinearClassifier": _classifier,
    "Normalizer": _normalizer,
}
