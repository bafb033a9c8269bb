"""ONNX: models as files that other programs run, and such files as models (extra "onnx")."""

from typing import TYPE_CHECKING, Any

from axon.names import missing
from axon.onnx.building import UnsupportedError
from axon.onnx.exporting import export
from axon.onnx.recording import BatchError

if TYPE_CHECKING:
    from axon.onnx.loading import load
    from axon.onnx.tensors import OnnxFileError


def __getattr__(name: str) -> Any:
    """What reads files is loaded when it is asked for."""
    if name in ("load", "OnnxFileError"):
        from axon.onnx import loading

        return getattr(loading, name)
    raise missing(__name__, name, globals(), {})
