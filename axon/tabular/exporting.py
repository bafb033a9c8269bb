"""A fitted table estimator as an ONNX file: its encodings and its network, for ONNX Runtime.

Each column of the table is an input of its own, (n, 1): numbers in float64 with NaN for a gap,
categories as strings with "" for a gap. What ONNX has no operators for comes as numbers already:
"born: year" is a part of the date "born", "notes: words" (n, 32) are hashed words. ``feeds`` makes
all of these from a table.
"""

import json
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array
from axon.files.atomic import atomic, check_writable
from axon.onnx.extra import need_onnx
from axon.tabular.column import FIRST, GAP, UNSEEN, WORDS, Column
from axon.tabular.encoding import CLIP, FURTHEST, Encoder
from axon.tabular.fitted import Fitted, demand_fitted
from axon.tabular.network import Ensemble
from axon.tabular.objectives import Classes, Quantiles, YesOrNo

Proto = Any  # classes of the package onnx have no types
Estimator = Any  # a TabularClassifier or TabularRegressor: they import this module
OPSET, OPSET_ML = 18, 2
ACTIVATIONS = {"selu": "Selu", "mish": "Mish", "relu": "Relu"}


class InputInfo(NamedTuple):
    """An input of the graph: its name, whether it is text, how many numbers a row has."""

    name: str
    text: bool
    width: int = 1


def to_onnx(model: Estimator, path: "str | os.PathLike[str] | None" = None) -> Proto:
    """Write what a fitted estimator predicts from the columns of a table as an ONNX file.

    Inputs are as the head of this module says, under the names of the columns; those that the
    estimator left out are none. A classifier's outputs are "label" (n,) and "probabilities" (n,
    classes), of several labels (n, labels) each; a regressor's is "variable" (n, targets). The
    file holds no row that was learned from.

    Args:
        model: a fitted TabularClassifier or TabularRegressor.
        path: of the file, such as "net.onnx"; None writes none.

    Returns:
        The onnx.ModelProto; the same model gives the same bytes.

    Raises:
        NotFittedError: it has not learned anything yet.
        ValueError: its classes are nothing that ONNX has: neither numbers nor text.
        ImportError: the extra ``onnx`` is missing.

    >>> from axon.tabular import TabularClassifier
    >>> rows = [{"size": i / 3, "kind": "ab"[i % 2]} for i in range(40)]
    >>> model = TabularClassifier("fast", random_state=0).fit(rows, ["no"] * 20 + ["yes"] * 20)
    >>> [value.name for value in to_onnx(model).graph.input]
    ['size', 'kind']
    """
    need_onnx()
    demand_fitted(model)
    if path is not None:
        check_writable(path)
    made = _Exporter(model).proto()
    if path is not None:
        with atomic(path) as stream:
            stream.write(made.SerializeToString(deterministic=True))
    return made


def feeds(model: Estimator, X: Any) -> dict[str, Array]:
    """What ONNX Runtime is given for a table: an array for each input of ``to_onnx``'s graph.

    Args:
        model: the fitted estimator.
        X: rows, as ``predict`` takes them.

    >>> from axon.tabular import TabularRegressor
    >>> model = TabularRegressor("fast", 0).fit({"kind": ["a", "b"] * 20}, [1.0, 2.0] * 20)
    >>> feeds(model, {"kind": ["b", None, "new"]})["kind"].ravel()
    array(['b', '', '(new)'], dtype=object)
    """
    demand_fitted(model)
    columns = model.columns_
    values = columns.values(columns.read(X))
    numbers = iter(values.numbers.T)
    codes = iter(values.codes.T)
    made: dict[str, Array] = {}
    for column in columns.used:
        if column.role == "category":
            made[column.name] = _words_of(column.values, next(codes), FIRST)
        elif column.role == "ordered":
            ranks = np.nan_to_num(next(numbers), nan=-1.0).astype(np.int64)
            made[column.name] = _words_of(column.values, ranks, 0)
        else:
            for info in _inputs(column):
                parts = [next(numbers) for _ in range(info.width)]
                made[info.name] = np.stack(parts, axis=1)
    return made


def _words_of(values: Sequence[str], codes: Array, first: int) -> Array:
    """The text (n, 1) of codes; "(new)", or longer, where it is a value never seen."""
    new = "(new)"
    while new in values:
        new += "!"
    words = np.array([*values, "", new], object)
    places = np.where(codes >= first, codes - first, len(values) + (codes == UNSEEN))
    return words[places][:, None]


def _inputs(column: Column) -> list[InputInfo]:
    """The inputs of a column."""
    if column.role in ("category", "ordered"):
        return [InputInfo(column.name, True)]
    if column.role == "text":
        return [InputInfo(f"{column.name}: words", False, WORDS)]
    if column.role == "date":
        return [InputInfo(f"{column.name}: {part}", False) for part in column.parts]
    return [InputInfo(column.name, False)]


class _Exporter:
    """Writes nodes one after another; each has the name of what it gives."""

    def __init__(self, model: Estimator) -> None:
        self.model, self.nodes = model, list[Proto]()
        self.constants: dict[str, Proto] = {}
        self.inputs = [info for c in model.columns_.used for info in _inputs(c)]
        self.taken = {info.name for info in self.inputs}
        self.outputs: list[Proto] = []

    def proto(self) -> Proto:
        """The file's content, checked."""
        from onnx import checker, helper

        from axon.version import __version__

        self._outputs(self._answers())
        name = self.model._owner
        graph = helper.make_graph(
            self.nodes, name, self._entering(), self.outputs, [*self.constants.values()]
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", OPSET_ML)]
        made = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=8,
            producer_name="axon",
            producer_version=__version__,
            doc_string=f"{name}, exported by AXON {__version__}",
        )
        helper.set_model_props(made, self._properties(__version__))
        checker.check_model(made)
        return made

    def _properties(self, version: str) -> dict[str, str]:
        columns = {c.name: c.role for c in self.model.columns_.used}
        return {"axon_version": version, "columns": json.dumps(columns)}

    # -------------------------------------------------------------------- writing

    def unique(self, name: str) -> str:
        """The name, longer if it is taken."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def op(self, op: str, *inputs: Any, name: str = "", outputs: int = 1, **options: Any) -> str:
        """Add a node; arrays among its inputs become constants. The name of its first output."""
        from onnx import helper

        domain = "ai.onnx.ml" if op == "LabelEncoder" else ""
        given = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        made = [self.unique(name or f"axon/{op}_{len(self.nodes)}") for _ in range(outputs)]
        self.nodes.append(helper.make_node(op, given, made, made[0], domain=domain, **options))
        return made[-1]

    def constant(self, array: Any) -> str:
        """An array that the file holds."""
        from onnx import numpy_helper

        name = self.unique(f"axon/constant_{len(self.constants)}")
        self.constants[name] = numpy_helper.from_array(np.asarray(array), name)
        return name

    def cast(self, x: str, dtype: Any) -> str:
        """The same numbers in another type."""
        from onnx import helper

        return self.op("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def joined(self, parts: list[str]) -> str:
        """Columns side by side."""
        return parts[0] if len(parts) == 1 else self.op("Concat", *parts, axis=1)

    def _entering(self) -> list[Proto]:
        from onnx import TensorProto, helper

        types = (TensorProto.DOUBLE, TensorProto.STRING)
        return [
            helper.make_tensor_value_info(info.name, types[info.text], ["n", info.width])
            for info in self.inputs
        ]

    def output(self, x: str, name: str, dtype: Any, shape: Sequence[Any]) -> None:
        """What the graph gives under a name, unless a column has it."""
        from onnx import helper

        made = self.op("Identity", x, name=name)
        onnx_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.outputs.append(helper.make_tensor_value_info(made, onnx_type, shape))

    # -------------------------------------------------------------------- encodings

    def _columns(self) -> tuple[str | None, list[str]]:
        """All numbers (n, p), NaN for a gap; and the codes (n, 1) of each category."""
        numbers, codes = [], []
        for column in self.model.columns_.used:
            if column.role == "category":
                codes.append(self._coded(column))
            elif column.role == "ordered":
                numbers.append(self._ranked(column))
            else:
                numbers += [info.name for info in _inputs(column)]
        return self.joined(numbers) if numbers else None, codes

    def _coded(self, column: Column) -> str:
        """0 for a gap, 1 for a value never seen, then the known ones."""
        gaps = self._gaps(column)
        return self.op(
            "LabelEncoder",
            column.name,
            keys_strings=[*column.values, *gaps],
            values_int64s=[*range(FIRST, FIRST + len(column.values)), *[GAP] * len(gaps)],
            default_int64=UNSEEN,
        )

    def _ranked(self, column: Column) -> str:
        """The place of each value among the others; NaN for a gap and for one never seen."""
        ranks = self.op(
            "LabelEncoder",
            column.name,
            keys_strings=list(column.values),
            values_floats=[float(i) for i in range(len(column.values))],
            default_float=-1.0,
        )
        ranks = self.cast(ranks, np.float64)
        return self.op("Where", self.op("Less", ranks, np.float64(0)), np.float64(np.nan), ranks)

    def _gaps(self, column: Column) -> list[str]:
        """Words that mean a gap, as they are mostly written."""
        words = self.model.columns_.gaps or ()
        found = {w for word in words for w in (word, word.upper(), word.capitalize())}
        return ["", *sorted(found - {"", *column.values})]

    def _encoded(self, encoder: Encoder) -> tuple[str, str | None]:
        """A row of a network's inputs, float32; and the ids of large categories."""
        numbers, codes = self._columns()
        parts = [] if numbers is None else self._numbers(encoder, numbers)
        for i, size in enumerate(encoder.sizes):
            if i not in encoder.large:
                parts += self._small(codes[i], size, i in encoder.gap_codes)
        large = [codes[i] for i in encoder.large]
        parts += [
            self.op("Gather", known.astype(np.float32), c, axis=0)
            for known, c in zip(encoder.frequencies, large, strict=True)
        ]
        return self.joined(parts), self._ids(encoder, large)

    def _numbers(self, encoder: Encoder, numbers: str) -> list[str]:
        """Scaled numbers, gaps, bins."""
        lacking = self.op("IsNaN", numbers)
        filled = self.op("Where", lacking, encoder.center, numbers)
        z = self.op("Mul", self.op("Sub", filled, encoder.center), encoder.factor)
        z = self.op("Clip", z, np.float64(-FURTHEST), np.float64(FURTHEST))
        share = self.op("Div", z, np.float64(CLIP))
        root = self.op("Sqrt", self.op("Add", self.op("Mul", share, share), np.float64(1)))
        parts = [self.cast(self.op("Div", z, root), np.float32)]
        if len(encoder.gaps):
            of = self.op("Gather", lacking, np.asarray(encoder.gaps, np.int64), axis=1)
            parts.append(self.cast(of, np.float32))
        return [*parts, *self._bins(encoder, filled)]

    def _bins(self, encoder: Encoder, filled: str) -> list[str]:
        """How far numbers have come in each bin of their column, from 0 to 1."""
        counts = [max(len(edges) - 1, 0) for edges in encoder.edges]
        if not sum(counts):
            return []
        of = self.op("Gather", filled, np.repeat(np.arange(len(counts)), counts), axis=1)
        half = [edges / 2 for edges in encoder.edges if len(edges)]  # halves do not overflow
        start = np.concatenate([edges[:-1] for edges in half])
        length = np.concatenate([np.diff(edges) for edges in half])
        come = self.op("Sub", self.op("Mul", of, np.float64(0.5)), start)
        z = self.op("Clip", self.op("Div", come, length), np.float64(0), np.float64(1))
        return [self.cast(z, np.float32)]

    def _small(self, codes: str, size: int, gaps: bool) -> list[str]:
        """A column for each value (two share one), and one for gaps, if there were any."""
        parts = []
        if gaps:
            parts.append(self.cast(self.op("Equal", codes, np.int64(GAP)), np.float32))
        if size - FIRST == 2:
            signs = np.zeros(size, np.float32)
            signs[FIRST:] = -1, 1
            return [*parts, self.op("Gather", signs, codes, axis=0)]
        if size > FIRST:
            same = self.op("Equal", codes, np.arange(FIRST, size, dtype=np.int64))
            parts.append(self.cast(same, np.float32))
        return parts

    def _ids(self, encoder: Encoder, large: list[str]) -> str | None:
        """Codes of large categories, counted on from one to the next."""
        start, parts = 0, []
        for i, codes in zip(encoder.large, large, strict=True):
            places = np.arange(start, start + encoder.sizes[i])
            if i not in encoder.gap_codes:  # nothing was learned for gaps: a value never seen
                places[GAP] = places[UNSEEN]
            parts.append(self.op("Gather", places, codes, axis=0))
            start += encoder.sizes[i]
        return self.joined(parts) if parts else None

    # -------------------------------------------------------------------- network

    def _answers(self) -> str:
        """What the members say together, (n, outputs)."""
        fitted: Fitted = self.model.fitted_
        x, ids = self._encoded(fitted.encoder)
        z = self._members(fitted.net, x, ids)  # (members, n, outputs)
        if fitted.temperature != 1:
            z = self.op("Div", z, np.float32(fitted.temperature))
        if isinstance(fitted.objective, Classes):
            z = self.op("Softmax", z, axis=-1)
        elif isinstance(fitted.objective, YesOrNo):
            z = self.op("Sigmoid", z)
        elif isinstance(fitted.objective, Quantiles):
            most = np.array([fitted.net.outputs], np.int64)
            ascending = self.op("TopK", self.op("Neg", z), most, outputs=2, axis=-1)
            z = self.op("GatherElements", z, ascending, axis=-1)
        return self.op("ReduceMean", z, np.array([0], np.int64), keepdims=0)

    def _members(self, net: Ensemble, x: str, ids: str | None) -> str:
        """What each member says: (members, n, outputs)."""
        if ids is not None:
            found = self.op("Gather", net.table.data, ids, axis=0)  # (n, q, groups dim)
            flat = np.array([0, net.wide - net.inputs], np.int64)
            x = self.joined([x, self.op("Reshape", found, flat)])
        h = self.op("Add", self.op("MatMul", x, net.first().data), net.biases[0].data)
        h = self._bent(net, h, 0)
        h = self.op("Reshape", h, np.array([0, net.members, net.widths[0]], np.int64))
        h = self.op("Transpose", h, perm=[1, 0, 2])
        for i in range(1, len(net.weights)):
            h = self.op("Add", self.op("MatMul", h, net.weights[i].data), net.biases[i].data)
            h = self._bent(net, h, i) if i < len(net.bends) else h
        return h

    def _bent(self, net: Ensemble, z: str, i: int) -> str:
        """z + a (g(z) - z)."""
        g = self.op(ACTIVATIONS[net.activation], z)
        return self.op("Add", z, self.op("Mul", self.op("Sub", g, z), net.bends[i].data))

    # -------------------------------------------------------------------- outputs

    def _outputs(self, answers: str) -> None:
        """Label and probabilities, or numbers."""
        model, width = self.model, self.model.fitted_.net.outputs
        if not model.fitted_.objective.probabilities:
            scaled = self.op("Mul", self.cast(answers, np.float64), vars(model)["_spread"])
            found = self.op("Add", scaled, vars(model)["_mean"])
            self.output(found, "variable", np.float64, ["n", width])
            return
        if isinstance(model.classes_, list):
            label = self.cast(self.op("Greater", answers, np.float32(0.5)), np.int64)
            self.output(label, "label", np.int64, ["n", width])
        else:
            classes = _plain_classes(model.classes_)
            place = self.op("ArgMax", answers, axis=1, keepdims=0)
            label = self.op("Gather", classes, place, axis=0)
            self.output(label, "label", classes.dtype, ["n"])
        self.output(answers, "probabilities", np.float32, ["n", width])


def _plain_classes(classes: Array) -> Array:
    """Classes as ONNX has them: numbers of 64 bits, truth values, or text."""
    if classes.dtype.kind in "US" or all(isinstance(c, str) for c in classes.tolist()):
        return classes.astype(str).astype(object)
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64)
    if classes.dtype.kind == "f":
        return classes.astype(np.float64)
    if classes.dtype.kind == "b":
        return classes
    raise ValueError(
        f"to_onnx: classes must be numbers or text, got {classes.tolist()[:3]}. Fit with "
        "y.astype(str)."
    )
