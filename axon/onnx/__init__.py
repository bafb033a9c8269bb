"""ONNX: models as files that other programs run, and such files as models (extra "onnx").

``export`` and ``load`` are functions here and rooms below: eager, so that the functions win.
"""

from typing import Any

from axon.names import missing
from axon.onnx.export.build import UnsupportedError
from axon.onnx.export.export import export
from axon.onnx.export.record import BatchError
from axon.onnx.load.load import load
from axon.onnx.load.tensors import OnnxFileError


def __getattr__(name: str) -> Any:
    """Raise an error that says which name may have been meant."""
    raise missing(__name__, name, globals(), {})
