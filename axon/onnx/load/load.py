"""Load: an ONNX file as a model that predicts, and can be trained further."""

import os
from collections.abc import Sequence

from axon.names import suggestion
from axon.onnx.ir import Graph, Node, every
from axon.onnx.load.assembly import Assembly
from axon.onnx.load.batch_size import settle
from axon.onnx.load.read import CLASSIC, SEQUENCE, TEXT, File, leading_to, read
from axon.onnx.load.tensors import OnnxFileError
from axon.onnx.load.versions import known, objection
from axon.onnx.run import GraphModel

DAMAGE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
FLOATS = ("float32", "float64")
PASSING = ("Cast", "Identity", "Reshape", "Squeeze", "Flatten")
LABELS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")


def load(path: "str | os.PathLike[str]", outputs: str | Sequence[str] | None = None) -> GraphModel:
    """Read an ONNX file as a model: it predicts, can be compiled and trained, saved and exported.

    Weights become parameters under their names in the file; kernels of convolutions lie as AXON's
    do, (height, width, channels, filters). Batch normalization and dropout act as such while
    training. Images enter in the file's order, mostly (n, channels, height, width).

    Args:
        path: the file; weights beside it must lie in the same folder.
        outputs: the name of the output that the model is to have, or a list of several, which come
            as a tuple. By default all that hold numbers, but of classifiers only the probabilities,
            and not the labels that were chosen by them.

    Raises:
        ImportError: the package onnx is missing.
        OSError: the file cannot be read.
        OnnxFileError: it is damaged, or needs what AXON does not have: every such operator is
            named.
    """
    name = os.path.splitext(os.path.basename(os.fspath(path)))[0]
    try:
        return made(read(path), outputs, name)
    except OnnxFileError as error:
        raise OnnxFileError(f"{path}: {error}") from error
    except MemoryError as error:
        raise OnnxFileError(f"{path}: what it describes does not fit into memory.") from error
    except DAMAGE as error:
        raise OnnxFileError(f"{path} cannot be loaded: {error}") from error


def made(file: File, outputs: str | Sequence[str] | None, name: str) -> GraphModel:
    """Make the model that a file describes."""
    chosen = chosen_outputs(file.graph, outputs)
    nodes = leading_to(file.graph, chosen)
    demand_known(nodes)
    names = class_names(file.graph, nodes)
    graph, arrays = Assembly(file, nodes, chosen).graph()
    model = GraphModel(graph, name=name)
    for path, values in arrays.items():
        model.weights[path].assign(values)
    model.metadata = file.metadata
    if names and "class_names" not in model.metadata:
        model.metadata["class_names"] = names
    settle(model)
    return model


# ------------------------------------------------------------------------------------ what to load


def chosen_outputs(graph: Graph, asked: str | Sequence[str] | None) -> list[str]:
    """The names of the outputs that the model is to have.

    Raises:
        OnnxFileError: there is none of that name, or none that holds numbers.
    """
    names = [value.name for value in graph.outputs]
    if asked is not None:
        wanted = [asked] if isinstance(asked, str) else list(asked)
        for name in wanted or [""]:
            if name not in names:
                hint = suggestion(str(name), names)
                listed = ", ".join(map(repr, names))
                raise OnnxFileError(f"there is no output {name!r}.{hint} There are {listed}.")
        return wanted
    if len(names) == 1:
        return names
    labels = labels_in(graph)
    numbers = [v.name for v in graph.outputs if v.dtype != TEXT and v.name not in labels]
    if not numbers:
        raise OnnxFileError(
            f"of {len(names)} outputs, none holds numbers. Choose one: load(path, outputs=...)."
        )
    return numbers


def labels_in(graph: Graph) -> set[str]:
    """The outputs that say which class is the likeliest, beside the scores of all."""
    makers = {name: node for node in graph.nodes for name in node.outputs if name}
    labels = set()
    for value in graph.outputs:
        node = makers.get(value.name)
        while node is not None and node.op_type in PASSING and node.inputs:
            node = makers.get(node.inputs[0])
        chooses = node is not None and (node.op_type == "ArgMax" or node.domain == CLASSIC)
        if chooses and value.dtype not in (*FLOATS, SEQUENCE, None):
            labels.add(value.name)
    floats = [v for v in graph.outputs if v.dtype in (*FLOATS, SEQUENCE, None)]
    return labels if floats else set()


def demand_known(nodes: Sequence[Node]) -> None:
    """Raise OnnxFileError, naming all operators that AXON does not have and where they stand."""
    all_nodes = list(every(nodes))
    read = {name for node in all_nodes for name in node.reads()}
    missing: dict[str, list[str]] = {}
    for node in all_nodes:
        why = objection(node, read) if known(node) else "unknown"
        if why:
            what = str(node) if why == "unknown" else f"{node} with {why}"
            missing.setdefault(what, []).append(node.name or next(iter(node.outputs), ""))
    if missing:
        lines = [f"  {what} ({_places(names)})" for what, names in missing.items()]
        raise OnnxFileError("AXON cannot compute these operators:\n" + "\n".join(lines))


def _places(names: list[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"node{'s' * (len(names) > 1)} {', '.join(map(repr, names[:4]))}{more}"


# ------------------------------------------------------------------------------------ classes


def class_names(graph: Graph, nodes: list[Node]) -> list[str]:
    """The names of classes, in the order of the probabilities; none if the file has none.

    scikit-learn's converter writes them among the nodes of a classifier.

    Args:
        graph: that of the file.
        nodes: what the probabilities are made by.
    """
    for node in reversed(nodes):
        for key in LABELS:
            if node.op_type in ("ZipMap", "LinearClassifier") and node.attributes.get(key):
                return [str(name) for name in node.attributes[key]]
    return _looked_up(graph, {name for node in nodes for name in node.outputs if name})


def _looked_up(graph: Graph, made: set[str]) -> list[str]:
    """Names in a table, where the label is looked up by the place of the largest probability."""
    largest = [node for node in graph.nodes if node.op_type == "ArgMax" and node.inputs[0] in made]
    chosen = {node.outputs[0] for node in largest}
    for node in graph.nodes:
        table = graph.initializers.get(node.inputs[0]) if node.inputs else None
        if node.op_type == "ArrayFeatureExtractor" and table and node.inputs[1] in chosen:
            try:
                return list(table.texts())
            except OnnxFileError:
                return []
    return []
