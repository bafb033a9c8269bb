"""What is said of devices that are not there, and of options without effect."""

import os
import subprocess
import sys

import pytest

import axon
import axon.xla.devices
from axon.program import lowerings
from axon.program.lowerings import Kernels

jax = pytest.importorskip("jax", reason="JAX is not installed")
if jax.default_backend() != "cpu":
    pytest.skip("there is more than a CPU here", allow_module_level=True)


@pytest.mark.parametrize(
    ("device", "platform", "said"),
    [
        ("gpu", "linux", r"GPUs of NVIDIA need pip install 'jax\[cuda13\]' and a driver"),
        ("cuda:0", "linux", r"JAX cannot use a device 'gpu': it has cpu:0 \(cpu\)"),
        ("gpu", "win32", r"not in Windows itself: work in WSL2 .* pip install 'jax\[cuda13\]'"),
        ("gpu", "darwin", r"no GPU support for macOS"),
        ("tpu", "linux", r"TPUs need pip install 'jax\[tpu\]'"),
        ("cpu:99", "linux", r"there is no device 'cpu:99'\. JAX has cpu:0"),
    ],
)
def test_a_device_that_is_not_there(monkeypatch, device, platform, said):
    monkeypatch.setattr(sys.modules["axon.xla.devices"].sys, "platform", platform)
    before = lowerings.in_full()
    with pytest.raises(RuntimeError, match=said):
        axon.set_kernels("jax", device)
    assert lowerings.in_full() == before


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"JAX_PLATFORMS": "cuda"}, "no device at all. JAX_PLATFORMS, if it is set, must allow it"),
        ({"JAX_DISABLE_JIT": "1"}, "take JAX_DISABLE_JIT away"),
    ],
)
def test_variables_of_jax_that_leave_nothing_to_do_are_named(variables, said):
    program = "import axon; axon.set_kernels('jax')"
    environment = {**os.environ, **variables}
    given = [sys.executable, "-c", program]
    ended = subprocess.run(given, env=environment, capture_output=True, text=True, check=False)
    assert "RuntimeError: " in ended.stderr
    assert said in ended.stderr


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_a_precision_without_effect_is_said_where_it_was_asked_for(precision):
    before = lowerings._settings.kernels
    with pytest.warns(UserWarning, match=f"{precision!r} has no effect on the CPU") as said:
        axon.set_kernels("jax", "cpu", precision)
    assert said[0].filename == __file__
    axon.set_kernels(before or "auto")


def test_what_it_works_on_is_part_of_what_bits_depend_on():
    with Kernels("jax", "cpu:0"):
        assert lowerings.in_full() == "jax (cpu, float32)"
