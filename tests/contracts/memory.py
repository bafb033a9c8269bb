"""What a function takes of memory while it runs."""

import tracemalloc
from typing import Any

import axon


def peak_of(function: Any) -> int:
    """Bytes taken at the worst moment of a second call, on one thread: each has its buffers."""
    threads = axon.get_threads()
    axon.set_threads(1)
    function()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
        axon.set_threads(threads)
