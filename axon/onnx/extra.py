"""The package onnx, which the extra "onnx" brings."""

from axon.names import install


def need_onnx() -> None:
    """Raise ImportError, naming the extra, if the package onnx is missing."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"axon.onnx needs the package onnx, which is missing. Run: {install('onnx')}"
        ) from error
