"""Worker processes: as many threads as whoever started them has granted."""

import os
from typing import Any

from axon.threads import get_threads, set_threads

GRANT = "OMP_NUM_THREADS"  # joblib sets it in its workers: the cores divided by the workers


def modest() -> None:
    """In a worker process, use no more threads than it was granted; results do not change.

    Otherwise n_jobs workers with a thread for each core would fight for the cores.
    """
    from multiprocessing import parent_process

    granted: Any = os.environ.get(GRANT, "")
    if parent_process() is not None and granted.isdecimal() and int(granted) >= 1:
        if get_threads() > int(granted):
            set_threads(int(granted))
