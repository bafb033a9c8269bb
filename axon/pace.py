"""Floor 0: a clock that stands still while kernels are compiled, for speeds and times left."""

import time


class Compiling:
    """While a ``with`` block lasts, also inside of another one, ``seconds`` stands still.

    >>> before = seconds()
    >>> with compiling, compiling:
    ...     held = seconds()
    >>> before <= held <= seconds()
    True
    """

    def __init__(self) -> None:
        self.inside, self.began, self.spent = 0, 0.0, 0.0

    def __enter__(self) -> None:
        if not self.inside:
            self.began = time.perf_counter()
        self.inside += 1

    def __exit__(self, *_: object) -> None:
        self.inside -= 1
        if not self.inside:
            self.spent += time.perf_counter() - self.began


compiling = Compiling()


def seconds() -> float:
    """The time by a clock that stands still while kernels are compiled; only differences count."""
    now = compiling.began if compiling.inside else time.perf_counter()
    return now - compiling.spent
