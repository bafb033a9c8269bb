"""The names of classes that scikit-learn's converter writes among the nodes of a classifier."""

from typing import Any

from axon.onnx.load.read import Net, Op
from axon.onnx.load.tensors import OnnxFileError, to_array

TEXT = 8  # the type of a tensor of strings
KEYS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")


def class_names(net: Net, nodes: list[Op]) -> list[str]:
    """The names of the classes, in the order of the probabilities; none if the file has none.

    Args:
        net: the graph.
        nodes: what the probabilities are made by.
    """
    for op in reversed(nodes):
        for key in KEYS:
            if op.op in ("ZipMap", "LinearClassifier") and op.attributes.get(key):
                return [str(name) for name in op.attributes[key]]
    return _looked_up(net, {name for op in nodes for name in op.outputs if name})


def _looked_up(net: Net, made: set[str]) -> list[str]:
    """Names in a table, where the label is looked up by the place of the largest probability."""
    chosen = {op.outputs[0] for op in net.nodes if op.op == "ArgMax" and op.inputs[0] in made}
    for op in net.nodes:
        table = net.tensors.get(op.inputs[0]) if op.inputs else None
        if op.op == "ArrayFeatureExtractor" and table is not None and op.inputs[1] in chosen:
            return _texts(table, net)
    return []


def _texts(tensor: Any, net: Net) -> list[str]:
    if tensor.data_type == TEXT:
        return [text.decode("utf-8", "replace") for text in tensor.string_data]
    try:
        return [f"{number}" for number in to_array(tensor, net.folder).ravel().tolist()]
    except OnnxFileError:
        return []
