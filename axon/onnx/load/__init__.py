"""An ONNX file as a model: read with suspicion, its operators checked, its weights found."""
