"""Devices: those that JAX has here, and what is wrong with those that it has not."""

import os
import sys

import jax

from axon.modes import modes
from axon.program.lowerings import DeviceOptions

OLDEST = 0, 10  # of JAX, that this is tried with
FAILURES = RuntimeError, AssertionError  # the latter where JAX_PLATFORMS names what is not there
CUDA = "pip install 'jax[cuda13]'"


def _demand_version() -> None:
    version = tuple(int(part) for part in jax.__version__.split(".")[:2])
    if version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise ImportError(
            f"JAX {jax.__version__} is too old: pip install -U jax. At least {oldest} is needed"
        )


_demand_version()  # first of all: what is imported next may not be there in older ones


_users: list[int] = []  # the process that began to use JAX


def demand_own_process() -> None:
    """Demand that this process is not a fork of one that uses JAX: it would wait for ever.

    Raises:
        RuntimeError: it is.
    """
    if not _users:
        _users.append(os.getpid())
    if _users[0] != os.getpid():
        raise RuntimeError(
            "a forked process cannot go on with XLA, whose threads have stayed behind. Start "
            "processes by 'spawn' or 'forkserver', or do axon.set_kernels('numpy') in them."
        )


def demand(options: DeviceOptions) -> str:
    """Demand that there are such devices; what they are, in words.

    Where several hosts compute together, the first one writes files, prints and plots.

    Raises:
        RuntimeError: there is none, or none of this number; or JAX is told to compile nothing.
    """
    if jax.config.jax_disable_jit:
        raise RuntimeError("XLA does nothing but compiled programs: take JAX_DISABLE_JIT away.")
    found = chosen(options.device)
    if options.precision != "float32" and found[0].platform == "cpu":
        _warn_of_no_effect(options.precision)
    hosts = {d.process_index for d in found}
    type(modes).leads = jax.process_index() == 0 or len(hosts) == 1
    several = f"{len(found)} x " if len(found) > 1 else ""
    model = found[0].device_kind
    names = found[0].platform if model == found[0].platform else f"{found[0].platform} {model}"
    where = f" on {len(hosts)} hosts" if len(hosts) > 1 else ""
    return f"({several}{names}{where}, {options.precision})"


def listed() -> list[dict[str, object]]:
    """All devices of this host, those that JAX takes first at the beginning."""
    _of("")  # says in words what is wrong
    first = jax.local_devices()
    others = [] if first[0].platform == "cpu" else jax.local_devices(backend="cpu")
    return [
        {
            "name": f"{'gpu' if d.platform in ('cuda', 'rocm') else d.platform}:{number}",
            "model": d.device_kind,
            "memory": (d.memory_stats() or {}).get("bytes_limit"),
        }
        for found in (first, others)
        for number, d in enumerate(found)
    ]


def chosen(device: str) -> list[jax.Device]:
    """The devices of this name, of all hosts; in the order in which batches are shared out.

    Args:
        device: "cpu", "gpu" or "tpu": all of them; "gpu:0": one of this host's; "": what JAX takes
            first.
    """
    platform, _, number = device.partition(":")
    found = _of(platform)
    if not number:
        return found
    own = [d for d in found if d.process_index == jax.process_index()]
    if int(number) >= len(own):
        there = f"{platform}:0" if len(own) == 1 else f"{platform}:0 to {platform}:{len(own) - 1}"
        raise RuntimeError(f"there is no device {device!r}. JAX has {there} here.")
    return [own[int(number)]]


def _of(platform: str) -> list[jax.Device]:
    """All devices of a platform; of the one that JAX takes first, if none is named."""
    demand_own_process()
    try:
        return jax.devices(platform or None)
    except FAILURES as error:
        there = "no device at all" if not platform else _there()
        what = f"device {platform!r}" if platform else "device"
        raise RuntimeError(f"JAX cannot use a {what}: it has {there}. {_cure(platform)}") from error


def _there() -> str:
    """What JAX has, in words."""
    try:
        found = jax.local_devices()
    except FAILURES as error:
        return f"none ({error or 'JAX_PLATFORMS allows for none'})"
    return ", ".join(f"{d.platform}:{n} ({d.device_kind})" for n, d in enumerate(found))


def _cure(platform: str) -> str:
    """What would bring a platform."""
    if platform == "gpu" and sys.platform == "win32":
        return (
            "JAX computes on GPUs under Linux only, so not in Windows itself: work in WSL2 "
            f"(Windows' Linux), and there {CUDA}."
        )
    if platform == "gpu" and sys.platform == "darwin":
        return "JAX has no GPU support for macOS of its own."
    if platform == "gpu":
        return (
            f"GPUs of NVIDIA need {CUDA} and a driver that is new enough (nvidia-smi shows it); "
            "JAX_PLATFORMS, if it is set, must allow them."
        )
    if platform == "tpu":
        return "TPUs need pip install 'jax[tpu]', on a machine that has some."
    return "JAX_PLATFORMS, if it is set, must allow it."


def _warn_of_no_effect(precision: str) -> None:
    from warnings import warn

    warn(
        f"precision {precision!r} has no effect on the CPU: it computes in float32. TF32 is for "
        "NVIDIA's tensor cores, bfloat16 for TPUs.",
        UserWarning,
        stacklevel=6,  # of who calls set_kernels
    )
