"""Lowerings: which kernels replay a program: NumPy's, or those of a lowering.

A lowering is a plug, a module with two functions: ``lower(plan, inputs, outputs)`` gives a
``LoweredPlan``, or raises ``NotWorthIt``; ``demand(options)`` says where it would work, or raises
what is missing. NumPy's own replay (bind.py) is the judge of all others.
"""

import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple, Protocol

from axon.backend import Array
from axon.clock import compiling
from axon.core import Tensor
from axon.modes import modes
from axon.names import EXTRAS, install
from axon.program.changing import Coming
from axon.program.plan import Plan

VARIABLE, DEVICE, PRECISION = "AXON_KERNELS", "AXON_DEVICE", "AXON_PRECISION"
# name -> module, which lies above and is loaded when needed; and what it stands on
LOWERINGS = {"fast": "axon.fast", "jax": "axon.xla"}
NEEDS = {"fast": ("the compiled kernels need numba", "fast"), "jax": ("XLA needs jax", "jax")}
CHOICES = ("auto", "numpy", *LOWERINGS)
AUTO = "fast"  # what "auto" takes where it pays; never a device
PLATFORMS = ("cpu", "gpu", "tpu")
PRECISIONS = ("float32", "tf32", "bfloat16")
WORTH = 20e9  # nanoseconds of NumPy's: for less, compiling would take longer than it saves


class DeviceOptions(NamedTuple):
    """Where a lowering that knows several devices works, and how exactly.

    Attributes:
        device: "cpu", "gpu", "tpu": all of this platform; "gpu:0": one of them; "": JAX's choice.
        precision: of products and convolutions of float32 numbers, one of PRECISIONS.
    """

    device: str = ""
    precision: str = PRECISIONS[0]


class LoweredPlan(Protocol):
    """What a lowering makes of a plan: it does the same on what the inputs hold.

    Attributes:
        outputs: the arrays that hold the results of the latest step.
        bytes: about how much memory it takes.
        patience: seconds that steps should last before ``flush`` is called.
    """

    outputs: list[Array]
    bytes: int
    patience: float

    def run(self) -> None:
        """Do one step."""

    def several(
        self,
        columns: Sequence[Array],
        order: Array,
        start: int,
        steps: int,
        coming: Coming | None = None,
    ) -> int:
        """Do some steps, each on its own rows of the columns; how many were done, perhaps none.

        Args:
            columns: one array of samples for each input.
            order: the numbers of the samples, in turn.
            start: where in ``order`` the first batch begins.
            steps: how many at most.
            coming: numbers that change between them. Where they cannot be told, the step before was
                the last; of the first one they are what the arrays hold.
        """

    def timed(self) -> list[float]:
        """Do one step; the seconds that each instruction of the plan took."""

    def flush(self) -> None:
        """Let all arrays that a step changes hold what was computed."""


class NotWorthIt(Exception):
    """A program that is left to NumPy, and why."""


class _KernelSettings:
    kernels: str | None = None  # None: nobody has asked yet
    options = DeviceOptions()
    about = ""  # where a lowering works, in its own words
    works: bool | None = None  # whether the compiled kernels can be used; None: not tried yet


_settings = _KernelSettings()


def set_kernels(kernels: str, device: str | None = None, precision: str | None = None) -> None:
    """Choose what replays training and prediction: NumPy, compiled kernels, or XLA.

    Args:
        kernels: "numpy"; "fast": the compiled kernels of the extra ``fast`` (Numba), an error if
            they cannot be used; "jax": XLA, by the extra ``jax``, on the device that is named; or
            "auto", the default: compiled kernels for long work, and for networks loaded from ONNX
            files, if they are there, else NumPy. What is long is told by rows, epochs and the
            network, never by a clock or by what has been compiled before, so that the same call
            always gives the same bits.
        device: for "jax": "cpu", "gpu" ("cuda" says the same) or "tpu", all of them that are
            there; "gpu:0", one of them. None: as AXON_DEVICE says, else what JAX takes first.
        precision: for "jax", of products and convolutions of float32 numbers, whose sums, like
            weights, stay float32: "float32"; "tf32", about 3 digits, on NVIDIA's tensor cores;
            "bfloat16", the least that XLA takes for them: about 2 digits on a TPU, TF32 on NVIDIA.
            A CPU computes in float32 always. None: as AXON_PRECISION says, else "float32".

    Raises:
        ValueError: anything else; a device or precision for kernels that know none.
        ImportError: Numba or JAX, which was asked for, is missing or does not work.
        RuntimeError: JAX is there, but no such device.

    >>> before = get_kernels()
    >>> set_kernels("numpy")
    >>> get_kernels()
    'numpy'
    >>> set_kernels(before)
    """
    _checked("set_kernels", kernels)
    _choose(kernels, _options("set_kernels", kernels, device, precision))


def get_kernels() -> str:
    """What replays long work, "numpy", "fast" or "jax": as set, or as AXON_KERNELS says."""
    if setting() == "auto":
        return AUTO if _works() else "numpy"
    return setting()


def setting() -> str:
    """The choice, one of CHOICES; without Numba, whose import it spares, no "auto"."""
    if _settings.kernels is None:
        kernels = _checked(VARIABLE, os.environ.get(VARIABLE, "auto") or "auto")
        if said := without_effect(kernels):
            _warn(said)
        _choose(kernels, _options(VARIABLE, kernels, None, None))
    if _settings.kernels == "auto" and not _there():
        return "numpy"
    return str(_settings.kernels)


def without_effect(kernels: str) -> str:
    """Say which variables have no effect, since these kernels know no device."""
    told = [name for name in (DEVICE, PRECISION) if os.environ.get(name) and kernels != "jax"]
    return f"{' and '.join(told)}: for jax only, without effect on {kernels!r}" if told else ""


def options() -> DeviceOptions:
    """Where a lowering works, and how exactly."""
    setting()
    return _settings.options


def in_full() -> str:
    """The choice, and what it stands for here: what bits depend on.

    >>> with Kernels("numpy"):
    ...     in_full()
    'numpy'
    """
    return f"{setting()} {_settings.about}".rstrip()


def wanted(work: float) -> bool:
    """Whether a lowering is to do what NumPy's kernels would take so many nanoseconds for."""
    kernels = setting()
    return kernels in LOWERINGS or (kernels == "auto" and work >= WORTH and _works())


class Kernels:
    """While a ``with`` block lasts, these kernels replay programs."""

    def __init__(
        self, kernels: str, device: str | None = None, precision: str | None = None
    ) -> None:
        self.chosen = kernels, device, precision
        self.before: list[tuple[str | None, DeviceOptions, str]] = []

    def __enter__(self) -> None:
        s = _settings
        before = s.kernels, s.options, s.about
        set_kernels(*self.chosen)
        self.before.append(before)

    def __exit__(self, *_: object) -> None:
        s = _settings
        s.kernels, s.options, s.about = self.before.pop()


def _checked(owner: str, kernels: str) -> str:
    if kernels not in CHOICES:
        known = ", ".join(map(repr, CHOICES[:-1]))
        raise ValueError(
            f"{owner}: expected {known} or {CHOICES[-1]!r}, got {kernels!r}. For a GPU or TPU: "
            f"set_kernels('jax', device='gpu'), or {VARIABLE}=jax and {DEVICE}=gpu."
        )
    return kernels


def _options(owner: str, kernels: str, device: str | None, precision: str | None) -> DeviceOptions:
    """What was said, else what the variables say."""
    if kernels != "jax":
        if (device, precision) != (None, None):
            what = "precision" if device is None else "device"
            raise ValueError(f"{owner}: {what}= is for 'jax', and the kernels are {kernels!r}.")
        return DeviceOptions()
    told = os.environ.get(DEVICE, ""), os.environ.get(PRECISION, "")
    where = _device(*((DEVICE, told[0]) if device is None else (f"{owner}: device", device)))
    name, exact = (PRECISION, told[1]) if precision is None else (f"{owner}: precision", precision)
    if exact not in ("", *PRECISIONS):
        raise ValueError(f"{name}: expected 'float32', 'tf32' or 'bfloat16', got {exact!r}.")
    return DeviceOptions(where, exact or PRECISIONS[0])


def _device(name: str, device: str) -> str:
    """A device as JAX calls it: "cuda:1" is "gpu:1"."""
    platform, colon, number = str(device).lower().partition(":")
    platform = {"cuda": "gpu"}.get(platform, platform)
    if device and (platform not in PLATFORMS or (colon and not number.isdecimal())):
        raise ValueError(
            f"{name}: expected 'cpu', 'gpu' or 'tpu', all of them that are there, or one by its "
            f"number, such as 'gpu:0'; got {device!r}."
        )
    return f"{platform}:{int(number)}" if colon else platform


def _choose(kernels: str, options: DeviceOptions) -> None:
    """Settle on these kernels, if they can be used."""
    about = _demand(kernels, options) if kernels in LOWERINGS else ""
    if kernels != "jax":
        type(modes).leads = True  # who computes alone has nobody that writes for it
    s = _settings
    s.kernels, s.options, s.about = kernels, options, about


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
            _warn_of_fast(f"numba cannot be used ({type(error).__name__}: {error})")
    return _settings.works


def _imported() -> bool:
    return bool(_lowering(AUTO))


def _lowering(name: str) -> Callable[[Plan, Sequence[Tensor], Sequence[Tensor]], LoweredPlan]:
    """The function of a lowering, by name: its room lies above this one."""
    lower: Callable[[Plan, Sequence[Tensor], Sequence[Tensor]], LoweredPlan]
    lower = import_module(LOWERINGS[name]).lower
    return lower


def _demand(name: str, options: DeviceOptions) -> str:
    """Demand that a lowering can be used; where it works, in its words."""
    try:
        demanded = import_module(LOWERINGS[name]).demand  # which imports the rest of it
    except Exception as error:
        needs, extra = NEEDS[name]
        raise ImportError(
            f"{needs}, which cannot be used ({type(error).__name__}: {error}). "
            f"{install(extra)} mends it; set_kernels('numpy') or {VARIABLE}=numpy does "
            "without."
        ) from error
    if name == AUTO:
        _settings.works = True
    return str(demanded(options))


def _warn_of_fast(what: str) -> None:
    _warn(
        f"{what}, so NumPy's kernels do the work. pip install -U {EXTRAS['fast']} may mend it; "
        f"{VARIABLE}=numpy ends this warning."
    )


def _warn(what: str) -> None:
    from warnings import warn

    warn(what, RuntimeWarning, stacklevel=3)


def compiled(plan: Plan, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> LoweredPlan | None:
    """A program as the chosen lowering does it; None where NumPy has to do it all."""
    name = AUTO if setting() == "auto" else setting()
    try:
        machine: LoweredPlan = compiling.run(_lowering(name), plan, inputs, outputs)
        return machine
    except NotWorthIt:
        return None
    except Exception as error:
        if _settings.kernels == name:  # it was asked for
            raise
        _settings.works = False
        _warn_of_fast(f"the compiled kernels failed ({type(error).__name__}: {error})")
        return None
