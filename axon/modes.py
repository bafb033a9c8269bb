"""The switches of each thread: is a graph built, is this training, who listens.

Also a count of all changes of settings, by which recorded programs notice them.
"""

import sys
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from axon.backend import xp


class _Modes(threading.local):
    grad = True  # results remember their creator, so that backward can find the way
    training = False  # layers that act otherwise while training (dropout) do so
    scope = ""  # the layer at work, by its path: whose the instructions of a program are
    exact = False  # layers that only pass on leave float64 as it is: one behind them needs it
    checked = False  # what comes in was looked at already: losses and metrics need not do so
    phase = "forward"  # or "backward", or "update": how far a training step has come
    recorder: Any = None  # whoever listens at the door (program/trace.py), or None
    empty: Any = xp.empty  # takes memory for results; while a file is loaded, not more than it may
    costs: Any = None  # a list of what outputs cost (activity_regularizer), for the loss, or None
    opening = False  # another size is tried, for axes whose size is open (layers/open_sizes.py)
    probing = False  # zeros pass, to find shapes: nothing of them is to be kept
    unprepared = ""  # the model whose forward is tried, if it gets what comes in as it is
    past: Any = None  # what steps before left, where a model reads them one by one (layers/past.py)
    masks: Any = None  # who says which steps of a result are padding (layers/masks.py), if any are
    apart = 1  # leading axes whose places weigh differently in losses and metrics: the samples
    leads = True  # this process writes files, prints and plots: of ranks that learn together, one
    values: Any = None  # gives new parameters their values, or None: their initializers do


modes = _Modes()


def follow() -> None:
    """From now on this process writes and prints nothing: another, which does the same, leads."""
    _Modes.leads = False


class SwitchesKept:
    """If a ``with`` block ends by an error or an interrupt, all switches are as they were."""

    def __enter__(self) -> None:
        self.before = dict(vars(modes))

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is not None:
            vars(modes).clear()
            vars(modes).update(self.before)


class _Changes:
    count = 0


changes = _Changes()


def count_up() -> int:
    """Take note of one change more of some setting; returns its number."""
    changes.count += 1
    return changes.count


class Mode:
    """Set one of the switches inside a ``with`` block."""

    def __init__(self, name: str, value: object) -> None:
        self.name, self.value = name, value
        self.before: list[Any] = []  # one for each ``with`` that is open

    def __enter__(self) -> None:
        self.before.append(getattr(modes, self.name))
        setattr(modes, self.name, self.value)

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        setattr(modes, self.name, self.before.pop())


class GradMode(Mode):
    """Turn graph building on or off inside a ``with`` block."""

    def __init__(self, enabled: bool) -> None:
        super().__init__("grad", enabled)


class TrainingMode(Mode):
    """Let layers such as Dropout act as while training, or not, inside a ``with`` block."""

    def __init__(self, enabled: bool) -> None:
        super().__init__("training", enabled)


def no_grad() -> GradMode:
    """Compute without building a graph: ``with axon.no_grad(): ...``.

    >>> import axon
    >>> w = axon.Tensor([1.0], requires_grad=True)
    >>> with axon.no_grad():
    ...     (w * 2).requires_grad
    False
    """
    return GradMode(False)


class RecordingError(RuntimeError):
    """A step that is being recorded asked for a Python number, which a replay would freeze."""


def refuse_while_recording(what: str) -> None:
    """Raise RecordingError, naming the user's line, if a recorder listens."""
    if modes.recorder is None or not modes.recorder.freezes:
        return
    raise RecordingError(
        f"{what} needs a Tensor's value while a training step is being recorded, at "
        f"{users_line()}. A replay would repeat the value of this first batch for ever. Keep the "
        "computation in tensors (axon.ops.where instead of `if`), move it out of the step, or use "
        "compile(..., eager=True), which does not record."
    )


def users_frames() -> Iterator[FrameType]:
    """The frames outside AXON itself, from inside out."""
    package = __file__.removesuffix("modes.py")
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(package):
            yield frame
        frame = frame.f_back


def users_line() -> str:
    """Name the innermost line outside AXON itself: ``model.py:12: if loss > 3:``."""
    import linecache  # only an error pays for it

    frame = next(users_frames(), sys._getframe(1))
    path, line = frame.f_code.co_filename, frame.f_lineno
    return f"{path}:{line}: {linecache.getline(path, line).strip()}"
