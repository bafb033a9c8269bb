"""A model that is a list of operators, as ONNX files describe them."""

from axon.onnx.run.model import GraphModel
