"""The command line in several processes: ``mpiexec -n 4 axon train``. The first one speaks."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from axon.modes import follow
from axon.ranks import RankError, world

TAKE_PART = ("train", "resume")  # all others do what they do in each process
SHARDS = 8  # of a batch, where several learn and nobody chose


@contextmanager
def together(command: str) -> Iterator[None]:
    """Let all ranks take part in a command; whoever fails, the first one says what it was.

    The others write nothing from here to their end, except that nobody answers.
    """
    ranks, stderr = world(), sys.stderr
    if ranks.rank:
        follow()
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")
    try:
        with ranks.together(f"axon {command}"):
            yield
    except RankError as error:
        if error.interrupted:
            raise KeyboardInterrupt(*error.args) from error
        if error.lost:
            sys.stderr = stderr  # the first one may not be there any more
        raise
