"""The operators of graphs, by chapter; importing this fills the table."""

from axon.onnx.run.operators import (
    attention,
    control,
    deformed,
    elementwise,
    indexing,
    matrices,
    microsoft,
    placing,
    quantized,
    quantized_recurrence,
    recurrence,
    reductions,
    resize,
    sampling,
    shapes,
    signals,
    windows,
)
