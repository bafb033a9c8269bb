"""A model as an ONNX file: recorded, written operator by operator, checked."""
