"""Engine: which kernels replay a program: NumPy's, or the compiled ones of the extra ``fast``."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from axon.core import Tensor
from axon.program.plan import Plan

VARIABLE = "AXON_KERNELS"
CHOICES = ("auto", "numpy", "fast")


class _Settings:
    kernels: str | None = None  # None: nobody has asked yet
    works: bool | None = None  # whether the compiled kernels can be used; None: not tried yet


_settings = _Settings()


def set_kernels(kernels: str) -> None:
    """Choose what replays training and prediction: NumPy, or compiled kernels.

    Args:
        kernels: "numpy"; "fast": the compiled kernels of the extra ``fast`` (Numba), an error if
            they cannot be used; or "auto", the default: those if they are there, else NumPy.

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
    """What replays programs, "numpy" or "fast": as set, or by the variable AXON_KERNELS."""
    if _settings.kernels is None:
        _settings.kernels = _checked(VARIABLE, os.environ.get(VARIABLE, "auto") or "auto")
        if _settings.kernels == "fast":
            _demand()
    if _settings.kernels == "auto":
        return "fast" if _works() else "numpy"
    return _settings.kernels


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


def _works() -> bool:
    """Whether the compiled kernels can be used; says why not if Numba is there in vain."""
    if _settings.works is None:
        try:
            _settings.works = find_spec("numba") is not None and _imported()
        except Exception as error:  # Numba fails in many ways where it is broken or too old
            _settings.works = False
            _warn(f"numba cannot be used ({type(error).__name__}: {error})")
    return _settings.works


def _imported() -> bool:
    import axon.fast

    return bool(axon.fast.Machine)


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


def compiled(plan: Plan, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Any:
    """A program as compiled kernels do it (axon/fast); None where NumPy does it all."""
    if get_kernels() == "numpy":
        return None
    from axon.fast import Machine, NotWorthIt

    try:
        return Machine(plan, inputs, outputs)
    except NotWorthIt:
        return None
    except Exception as error:
        if _settings.kernels == "fast":
            raise
        _settings.works = False
        _warn(f"the compiled kernels failed ({type(error).__name__}: {error})")
        return None
