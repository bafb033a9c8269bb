"""Lowerings: which kernels replay a program: NumPy's, or those of a lowering.

A lowering is a plug, a module with one function: ``lower(plan, inputs, outputs)`` gives a
``LoweredPlan``, or raises ``NotWorthIt``. NumPy's own replay (bind.py) is the judge of all others.
"""

import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

from axon.backend import Array
from axon.clock import compiling
from axon.core import Tensor
from axon.program.plan import Plan

VARIABLE = "AXON_KERNELS"
LOWERINGS = {"fast": "axon.fast"}  # name -> module, which lies above and is loaded when needed
CHOICES = ("auto", "numpy", *LOWERINGS)
WORTH = 20e9  # nanoseconds of NumPy's: for less, compiling would take longer than it saves


class LoweredPlan(Protocol):
    """What a lowering makes of a plan: it does the same on what the inputs hold.

    Attributes:
        outputs: the arrays that hold the results of the latest step.
        bytes: about how much memory it takes.
    """

    outputs: list[Array]
    bytes: int

    def run(self) -> None:
        """Do one step."""

    def several(self, columns: Sequence[Array], order: Array, start: int, steps: int) -> int:
        """Do some steps, each on its own rows of the columns; how many were done, perhaps none.

        Args:
            columns: one array of samples for each input.
            order: the numbers of the samples, in turn.
            start: where in ``order`` the first batch begins.
            steps: how many at most.
        """

    def timed(self) -> list[float]:
        """Do one step; the seconds that each instruction of the plan took."""

    def flush(self) -> None:
        """Wait until all that was begun is done, and the outputs can be read."""


class NotWorthIt(Exception):
    """A program that is left to NumPy, and why."""


class _KernelSettings:
    kernels: str | None = None  # None: nobody has asked yet
    works: bool | None = None  # whether the compiled kernels can be used; None: not tried yet


_settings = _KernelSettings()


def set_kernels(kernels: str) -> None:
    """Choose what replays training and prediction: NumPy, or compiled kernels.

    Args:
        kernels: "numpy"; "fast": the compiled kernels of the extra ``fast`` (Numba), an error if
            they cannot be used; or "auto", the default: those for long work, if they are there,
            else NumPy. What is long is told by rows, epochs and the network, never by a clock or
            by what has been compiled before, so that the same call always gives the same bits.

    Raises:
        ValueError: anything else.
        ImportError: "fast" was asked for, and Numba is missing or does not work.

    >>> before = get_kernels()
    >>> set_kernels("numpy")
    >>> get_kernels()
    'numpy'
    >>> set_kernels(before)
    """
    _settings.kernels = _checked("set_kernels", kernels)
    if kernels == "fast":
        _demand()


def get_kernels() -> str:
    """What replays long work, "numpy" or "fast": as set, or by the variable AXON_KERNELS."""
    if setting() == "auto":
        return "fast" if _works() else "numpy"
    return setting()


def setting() -> str:
    """The choice, "numpy", "fast" or "auto"; without Numba, whose import it spares, no "auto"."""
    if _settings.kernels is None:
        _settings.kernels = _checked(VARIABLE, os.environ.get(VARIABLE, "auto") or "auto")
        if _settings.kernels == "fast":
            _demand()
    if _settings.kernels == "auto" and not _there():
        return "numpy"
    return _settings.kernels


def wanted(work: float) -> bool:
    """Whether compiled kernels are to do what NumPy's would take so many nanoseconds for."""
    kernels = setting()
    return kernels == "fast" or (kernels == "auto" and work >= WORTH and _works())


class Kernels:
    """While a ``with`` block lasts, these kernels replay programs."""

    def __init__(self, kernels: str) -> None:
        self.kernels = kernels
        self.before: list[str | None] = []

    def __enter__(self) -> None:
        self.before.append(_settings.kernels)
        set_kernels(self.kernels)

    def __exit__(self, *_: object) -> None:
        _settings.kernels = self.before.pop()


def _checked(owner: str, kernels: str) -> str:
    if kernels not in CHOICES:
        raise ValueError(f"{owner}: expected 'auto', 'numpy' or 'fast', got {kernels!r}.")
    return kernels


@cache
def _there() -> bool:
    """Whether Numba is installed."""
    try:
        return find_spec("numba") is not None
    except ValueError:  # somebody has hidden it
        return False


def _works() -> bool:
    """Whether the compiled kernels can be used; says why not if Numba is there in vain."""
    if _settings.works is None:
        try:
            _settings.works = _there() and compiling.run(_imported)
        except Exception as error:  # Numba fails in many ways where it is broken or too old
            _settings.works = False
            _warn(f"numba cannot be used ({type(error).__name__}: {error})")
    return _settings.works


def _imported() -> bool:
    return bool(_lowering("fast"))


def _lowering(name: str) -> Callable[[Plan, Sequence[Tensor], Sequence[Tensor]], LoweredPlan]:
    """The function of a lowering, by name: its room lies above this one."""
    lower: Callable[[Plan, Sequence[Tensor], Sequence[Tensor]], LoweredPlan]
    lower = import_module(LOWERINGS[name]).lower
    return lower


def _demand() -> None:
    try:
        _settings.works = _imported()
    except Exception as error:
        raise ImportError(
            f"the compiled kernels need numba, which cannot be used ({type(error).__name__}: "
            f"{error}). pip install 'axon-nn[fast]' installs it; set_kernels('numpy') or "
            f"{VARIABLE}=numpy does without."
        ) from error


def _warn(what: str) -> None:
    from warnings import warn

    warn(
        f"{what}, so NumPy's kernels do the work. pip install -U 'axon-nn[fast]' may mend it; "
        f"{VARIABLE}=numpy ends this warning.",
        RuntimeWarning,
        stacklevel=2,
    )


def compiled(plan: Plan, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> LoweredPlan | None:
    """A program as compiled kernels do it (axon/fast); None where NumPy has to do it all."""
    try:
        machine: LoweredPlan = compiling.run(_lowering("fast"), plan, inputs, outputs)
        return machine
    except NotWorthIt:
        return None
    except Exception as error:
        if _settings.kernels == "fast":
            raise
        _settings.works = False
        _warn(f"the compiled kernels failed ({type(error).__name__}: {error})")
        return None
