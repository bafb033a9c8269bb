"""Whose state it is: what must be the same for a run to go on, in words that people can compare."""

import re
from collections.abc import Iterator
from zlib import crc32

import numpy as np

from axon.backend import Array
from axon.config import Configurable
from axon.layers.module import Module
from axon.models.feeds import AnyFeed, ArrayFeed, StreamFeed
from axon.models.training import Trainer

ROWS = 64  # samples by which data are told from others


def identity(
    trainer: Trainer, feed: AnyFeed, validation: AnyFeed | None, validation_freq: int
) -> dict[str, str]:
    """Data, model, loss, optimizer and metrics, as far as they decide about what is learned."""
    named = {**trainer.model.named_parameters(), **trainer.model.named_buffers()}
    return {
        **_description("data", feed),
        **_description("validation data", validation),
        "validation_freq": str(validation_freq),
        "loss": _words(trainer.loss),
        "optimizer": _words(trainer.optimizer),
        "schedule": _without_address(repr(trainer.optimizer.schedule)),
        "metrics": ", ".join(map(_words, trainer.metrics)),
        **{f"layer {path}": text for path, text in _layers(trainer.model, "")},
        **{path: f"{t.shape} {t.dtype}" for path, t in named.items()},
    }


def _words(thing: Configurable) -> str:
    """Class and arguments, as they were given; changes during training do not matter."""
    return _without_address(Configurable.__repr__(thing))


def _without_address(text: str) -> str:
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def _layers(module: Module, path: str) -> Iterator[tuple[str, str]]:
    """Each module inside a model, by path."""
    for name, child in module.children():
        inner = f"{path}/{name}" if path else name
        yield inner, _words(child)
        yield from _layers(child, inner)


def _description(name: str, feed: AnyFeed | None) -> dict[str, str]:
    """Sizes, types and a checksum of data, as far as they are known before they are read."""
    if isinstance(feed, ArrayFeed):
        order = {} if feed.order is None else {f"{name}, shuffle": "True"}
        return {
            f"{name}, arrays": ", ".join(f"{c.shape} {c.dtype}" for c in feed.columns),
            f"{name}, batch_size": str(feed.batch_size),
            f"{name}, steps": str(feed.steps),
            f"{name}, checksum": f"{_checksum(feed.columns):08x}",
            **order,
        }
    if isinstance(feed, StreamFeed):
        listed = ", ".join(f"{shape[1:]} {dtype}" for shape, dtype in feed.specs)
        return {f"{name}, batches of": listed, f"{name}, steps": str(feed.steps)}
    return {}


def _checksum(columns: list[Array]) -> int:
    """A checksum of samples spread over the data: other data will differ in some of them."""
    rows = np.linspace(0, len(columns[0]) - 1, min(ROWS, len(columns[0]))).astype(np.int64)
    found = 0
    for column in columns:
        found = crc32(np.ascontiguousarray(column[rows]).data, found)
    return found
