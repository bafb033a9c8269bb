"""The operators of graphs, by chapter; importing this fills the table."""

from axon.models.graph.operators import (
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
