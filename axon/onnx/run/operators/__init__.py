"""The operators of graphs, by chapter; importing this fills the table."""

from axon.onnx.run.operators import (
    activation,
    convolution,
    elementwise,
    normalization,
    pooling,
    product,
    recurrent,
    reducing,
    reshaping,
    resizing,
    selecting,
)
