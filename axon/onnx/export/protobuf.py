"""The graph as onnx's own classes, checked, with the shapes of all values."""

from collections.abc import Mapping, Sequence
from typing import Any

from axon.backend import Array
from axon.onnx.export.rules.sizes import BatchSize, Size
from axon.onnx.export.rules.values import Value
from axon.onnx.export.rules.writer import Writer
from axon.onnx.ir import Graph, Node, ValueInfo
from axon.version import __version__

Proto = Any  # classes of the package onnx have no types


def model_proto(
    name: str, graph: Writer, outputs: Sequence[Value], properties: Mapping[str, str]
) -> Proto:
    """Put the file together and check it."""
    from onnx import checker, helper, shape_inference

    opsets = [helper.make_opsetid(domain, version) for domain, version in _opsets(graph).items()]
    made = helper.make_model(
        helper.make_graph(
            [_node(node) for node in graph.nodes],
            name,
            [_info(value) for value in graph.inputs],
            [_info(output) for output in outputs],
            [_tensor(label, array) for label, array in graph.initializers.items()],
        ),
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets[:1]),
        producer_name="axon",
        producer_version=__version__,
        doc_string=f"{name}, exported by AXON {__version__}",
    )
    helper.set_model_props(made, dict(properties))
    complete = shape_inference.infer_shapes(made, strict_mode=len(opsets) == 1, data_prop=True)
    _name_sizes(complete, graph)
    checker.check_model(complete, full_check=len(opsets) == 1)  # other domains have no checks
    return complete


def _name_sizes(made: Proto, graph: Writer) -> None:
    """Say of sizes that onnx could not find how they follow the batch."""
    for info in made.graph.value_info:
        dims, shape = info.type.tensor_type.shape.dim, graph.shapes.get(info.name, ())
        for dim, n in zip(dims, shape, strict=False):
            if (
                isinstance(n, BatchSize)
                and not dim.HasField("dim_value")
                and len(dims) == len(shape)
            ):
                dim.dim_param = str(n)


def _opsets(graph: Writer) -> dict[str, int]:
    """Versions by domain; of those that are not ONNX's there is but one."""
    return {"": graph.opset, **{node.domain: 1 for node in graph.nodes if node.domain}}


def _node(node: Node) -> Proto:
    from onnx import helper

    attributes: dict[str, Any] = {
        key: _attribute(node, value) for key, value in node.attributes.items()
    }
    names = node.inputs, node.outputs
    return helper.make_node(node.op_type, *names, name=node.name, domain=node.domain, **attributes)


def _attribute(node: Node, value: object) -> object:
    """Graphs inside, and all else as it is."""
    from onnx import helper

    if not isinstance(value, Graph):
        return value
    entering, leaving = ([_info(v) for v in side] for side in (value.inputs, value.outputs))
    inner = [_node(n) for n in value.nodes]
    return helper.make_graph(inner, f"{node.name}/body", entering, leaving)


def _info(value: Value | ValueInfo) -> Proto:
    from onnx import helper

    elem_type = helper.np_dtype_to_tensor_dtype(value.dtype)
    return helper.make_tensor_value_info(
        value.name or "", elem_type, [_size(n) for n in value.shape or ()]
    )


def _size(n: Size) -> int | str:
    """A size, or the word for one that follows the batch."""
    return str(n) if isinstance(n, BatchSize) else int(n)


def _tensor(name: str, array: Array) -> Proto:
    from onnx import numpy_helper

    return numpy_helper.from_array(array, name)
