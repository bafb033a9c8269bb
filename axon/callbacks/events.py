"""Event files, which TensorBoard reads: numbers, histograms, pictures, a graph."""

import os
import zlib
from itertools import count
from typing import Any

import numpy as np

from axon.backend import Array

BINS = 30
LARGEST, SMALLEST = 1024, 128  # pixels of a picture's longer side
_numbers = count()


class Events:
    """A new event file in a folder; what is written to it is safe after ``flush``.

    Args:
        folder: there already.
    """

    def __init__(self, folder: str) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        suffix = f".{os.getpid()}.{next(_numbers)}"  # two files of the same second differ
        self._writer: Any = EventsWriter(os.path.join(folder, "events"), suffix)

    def scalar(self, tag: str, step: int, value: float) -> None:
        """Write a number."""
        self._summary(step, tag=tag, simple_value=float(value))

    def histogram(self, tag: str, step: int, values: Array) -> None:
        """Write how values are distributed; of those that are not finite nothing is said."""
        from tensorboardX.proto.summary_pb2 import HistogramProto

        finite = values[np.isfinite(values)].astype(np.float64)
        if not finite.size:
            return
        counts, edges = _distribution(finite)
        told = {"min": finite.min(), "max": finite.max(), "num": finite.size, "sum": finite.sum()}
        squares = np.square(finite).sum()
        limits = {"bucket_limit": edges[1:].tolist(), "bucket": counts.tolist()}
        self._summary(step, tag=tag, histo=HistogramProto(**told, sum_squares=squares, **limits))

    def image(self, tag: str, step: int, pixels: Array) -> None:
        """Write a picture, uint8 (height, width) or (height, width, 3)."""
        from tensorboardX.proto.summary_pb2 import Summary

        size = {"height": pixels.shape[0], "width": pixels.shape[1]}
        space = 3 if pixels.ndim == 3 else 1
        image = Summary.Image(**size, colorspace=space, encoded_image_string=png(pixels))
        self._summary(step, tag=tag, image=image)

    def graph(self, definition: bytes) -> None:
        """Write a graph, a GraphDef as bytes."""
        self._event(graph_def=definition)

    def _summary(self, step: int, **value: Any) -> None:
        from tensorboardX.proto.summary_pb2 import Summary

        self._event(step=step, summary=Summary(value=[Summary.Value(**value)]))

    def _event(self, **content: Any) -> None:
        import time

        from tensorboardX.proto.event_pb2 import Event

        self._writer.write_event(Event(wall_time=time.time(), **content))

    def flush(self) -> None:
        """Let readers see all that was written."""
        self._writer.flush()

    def close(self) -> None:
        """Write the rest, and close the file whatever happens."""
        try:
            self._writer.flush()
        finally:
            self._writer._py_recordio_writer.close()


def _distribution(values: Array) -> tuple[Array, Array]:
    """Counts, and the edges between which they lie; a single one if the values hardly differ."""
    low, high = values.min(), values.max()
    if high - low <= 4 * BINS * np.spacing(max(abs(low), abs(high))):
        return np.array([float(values.size)]), np.array([low, high])
    counts, edges = np.histogram(values, BINS)
    return counts.astype(np.float64), edges


# ------------------------------------------------------------------------------------ pictures


def png(pixels: Array) -> bytes:
    """A PNG file of uint8 pixels (height, width) or (height, width, 3).

    >>> png(np.zeros((2, 3), np.uint8))[1:4]
    b'PNG'
    """
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels).reshape(height, -1)
    lines = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)  # 0: not filtered
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    layout = bytes([8, 2 if pixels.ndim == 3 else 0, 0, 0, 0])
    body = zlib.compress(lines.tobytes(), 6)
    chunks = [_chunk(b"IHDR", size + layout), _chunk(b"IDAT", body), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(chunk_type: bytes, body: bytes) -> bytes:
    check = zlib.crc32(chunk_type + body)
    return len(body).to_bytes(4, "big") + chunk_type + body + check.to_bytes(4, "big")


def picture(weights: Array) -> Array:
    """Weights as grey pixels: 0 is grey, positive ones lighter, negative ones darker.

    A matrix lies down; kernels (height, width, channels, filters) stand side by side, a column for
    each filter and a row for each channel; those of three channels are colours.

    >>> picture(np.eye(3)).shape, picture(np.zeros((3, 3, 3, 8))).shape
    ((129, 129), (16, 128, 3))
    """
    tiles = _tiles(np.nan_to_num(weights.astype(np.float64), posinf=0.0, neginf=0.0))
    most = float(np.abs(tiles).max(initial=0)) or 1.0
    grey = np.rint(127.5 + 127.5 * tiles / most).astype(np.uint8)
    step = -(-max(grey.shape[:2]) // LARGEST)
    grey = grey[::step, ::step]
    longer = max(grey.shape[:2])
    times = max(1, -(-SMALLEST // longer))
    for axis in (0, 1):
        thick = -(-longer // (8 * grey.shape[axis]))  # no side becomes a mere line
        grey = grey.repeat(times * thick, axis=axis)
    return grey


def _tiles(w: Array) -> Array:
    if w.ndim == 4:
        KH, KW, C, F = w.shape
        w = np.pad(w, [(0, 1), (0, 1), (0, 0), (0, 0)])  # a line between two kernels
        if C == 3:
            return w.transpose(0, 3, 1, 2).reshape(KH + 1, F * (KW + 1), 3)
        return w.transpose(2, 0, 3, 1).reshape(C * (KH + 1), F * (KW + 1))
    w = w.reshape(len(w), -1) if w.ndim > 1 else w.reshape(1, -1)
    return w.T if w.shape[0] > w.shape[1] else w
