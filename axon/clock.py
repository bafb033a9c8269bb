"""A clock that stands still while kernels are compiled, for speeds and times left."""

import time

from axon.locks import Region


class Compiling(Region):
    """While somebody is inside, ``seconds`` stands still.

    >>> before = seconds()
    >>> with compiling, compiling:
    ...     held = seconds()
    >>> before <= held <= seconds()
    True
    """

    def __init__(self) -> None:
        super().__init__()
        self.began, self.spent = 0.0, 0.0  # when it stopped, 0 if it goes; how long it has stood

    def begin(self) -> None:
        """Stop, unless it stands."""
        self.began = self.began or time.perf_counter()

    def end(self) -> None:
        """Go on."""
        if self.began:
            self.spent += time.perf_counter() - self.began
        self.began = 0.0


compiling = Compiling()


def seconds() -> float:
    """The time by a clock that stands still while kernels are compiled; only differences count."""
    return (compiling.began or time.perf_counter()) - compiling.spent
