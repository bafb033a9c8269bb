"""Which lowering replays: choices, devices, variables, and what is said of wrong ones."""

import subprocess
import sys

import numpy as np
import pytest

import axon
from axon.program import Step, lowerings
from axon.program.lowerings import DeviceOptions, Kernels


class Module:
    """A lowering that demands what it is told to, and leaves all to NumPy."""

    def __init__(self) -> None:
        self.asked: list[DeviceOptions] = []
        self.lowered = 0
        self.missing: set[str] = set()

    def demand(self, options: DeviceOptions) -> str:
        self.asked.append(options)
        if options.device in self.missing:
            raise RuntimeError(f"there is no {options.device}")
        return f"({options.device or 'first'})"

    def lower(self, plan: object, inputs: object, outputs: object) -> None:
        self.lowered += 1
        raise lowerings.NotWorthIt("by no means")


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Module:
    """Something that stands where XLA's lowering is."""
    made = Module()
    for variable in (lowerings.VARIABLE, lowerings.DEVICE, lowerings.PRECISION):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setitem(lowerings.LOWERINGS, "jax", "axon.tests_stand_in")
    monkeypatch.setitem(sys.modules, "axon.tests_stand_in", made)  # type: ignore[arg-type]
    for name in ("kernels", "options", "about"):
        monkeypatch.setattr(lowerings._settings, name, getattr(lowerings._settings, name))
    return made


def test_a_device_and_a_precision_are_chosen(module: Module) -> None:
    axon.set_kernels("jax", device="cuda:1", precision="tf32")
    assert axon.get_kernels() == "jax"
    assert lowerings.options() == DeviceOptions("gpu:1", "tf32")
    assert lowerings.in_full() == "jax (gpu:1)"
    axon.set_kernels("jax")
    assert lowerings.options() == DeviceOptions("", "float32")
    axon.set_kernels("numpy")
    assert (lowerings.options(), lowerings.in_full()) == (DeviceOptions(), "numpy")


def test_variables_choose_too(module: Module, monkeypatch: pytest.MonkeyPatch) -> None:
    lowerings._settings.kernels = None
    monkeypatch.setenv(lowerings.VARIABLE, "jax")
    monkeypatch.setenv(lowerings.DEVICE, "GPU")
    monkeypatch.setenv(lowerings.PRECISION, "bfloat16")
    assert lowerings.setting() == "jax"
    assert lowerings.options() == DeviceOptions("gpu", "bfloat16")
    axon.set_kernels("jax", device="cpu")  # what is said wins
    assert lowerings.options() == DeviceOptions("cpu", "bfloat16")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            lowerings.VARIABLE,
            "cuda",
            "AXON_KERNELS: expected 'auto', 'numpy', 'fast' or 'jax', got",
        ),
        (lowerings.DEVICE, "gpu:x", "AXON_DEVICE: expected 'cpu', 'gpu' or 'tpu', all of them"),
        (lowerings.PRECISION, "float16", "AXON_PRECISION: expected 'float32', 'tf32' or"),
    ],
)
def test_wrong_variables(module, monkeypatch, variable, value, said):
    lowerings._settings.kernels = None
    monkeypatch.setenv(lowerings.VARIABLE, "jax")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=said):
        lowerings.setting()
    assert module.asked == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"kernels": "gpu"},
            r"set_kernels: expected .* got 'gpu'.*set_kernels\('jax', device='gpu'\)",
        ),
        ({"kernels": "jax", "device": "vulkan"}, r"set_kernels: device: expected .* got 'vulkan'"),
        ({"kernels": "jax", "device": "gpu:"}, r"got 'gpu:'"),
        ({"kernels": "jax", "device": "gpu:-1"}, r"got 'gpu:-1'"),
        ({"kernels": "jax", "precision": "half"}, r"precision: expected .* got 'half'"),
        (
            {"kernels": "numpy", "device": "gpu"},
            r"device= is for 'jax', and the kernels are 'numpy'",
        ),
        ({"kernels": "fast", "precision": "tf32"}, r"precision= is for 'jax'"),
    ],
)
def test_wrong_choices_change_nothing(module, arguments, said):
    axon.set_kernels("jax", device="cpu")
    with pytest.raises(ValueError, match=said):
        axon.set_kernels(**arguments)
    assert (lowerings.setting(), lowerings.options()) == ("jax", DeviceOptions("cpu"))


def test_a_device_that_is_not_there_changes_nothing(module: Module) -> None:
    module.missing = {"tpu"}
    axon.set_kernels("numpy")
    with pytest.raises(RuntimeError, match="there is no tpu"):
        axon.set_kernels("jax", device="tpu")
    with pytest.raises(RuntimeError, match="there is no tpu"), Kernels("jax", "tpu"):
        pass
    assert lowerings.setting() == "numpy"


def test_a_block_takes_back_all_of_it(module: Module) -> None:
    axon.set_kernels("jax", device="cpu", precision="bfloat16")
    before = lowerings.in_full()
    with Kernels("jax", "gpu"):
        assert lowerings.options() == DeviceOptions("gpu")
        with Kernels("numpy"):
            assert lowerings.in_full() == "numpy"
        assert lowerings.in_full() == "jax (gpu)"
    assert (lowerings.options(), lowerings.in_full()) == (DeviceOptions("cpu", "bfloat16"), before)


def test_programs_of_other_options_are_recorded_anew(module: Module) -> None:
    step = Step("double", lambda x: [x + x], ["x"])
    inputs = step.inputs(((2,), np.dtype("f4")))
    inputs[0][:] = 1
    for device, lowered in [("cpu", 1), ("cpu", 1), ("gpu", 2), ("gpu", 2)]:
        axon.set_kernels("jax", device=device)
        step.run(inputs)
        step.run(inputs)
        assert module.lowered == lowered, device
    program = step.latest
    assert program is not None
    assert not program.stale
    axon.set_kernels("jax", device="gpu", precision="tf32")
    assert program.stale
    axon.set_kernels("numpy")
    assert program.stale


def test_what_fails_in_a_lowering_that_was_asked_for_is_said(
    module: Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("more than the device has")

    monkeypatch.setattr(module, "lower", broken)
    axon.set_kernels("jax")
    step = Step("double", lambda x: [x + x], ["x"])
    with pytest.raises(MemoryError, match="more than the device has"):
        step.run(step.inputs(((2,), np.dtype("f4"))))


def test_variables_without_effect_are_warned_of(module, monkeypatch):
    lowerings._settings.kernels = None
    monkeypatch.setenv(lowerings.DEVICE, "gpu")
    with pytest.warns(RuntimeWarning, match="AXON_DEVICE: for jax only, without effect on 'auto'"):
        lowerings.setting()
    lowerings.setting()
    axon.set_kernels("jax")
    assert lowerings.options() == DeviceOptions("gpu")


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_auto_takes_no_device_and_loads_none() -> None:
    code = """
import os, sys
os.environ["AXON_KERNELS"] = "auto"
import numpy as np, axon
model = axon.Sequential([axon.layers.Dense(3)])
model.compile("mse", "adam")
model.fit(np.ones((8, 2), "f4"), np.ones((8, 3), "f4"), epochs=2, verbose=0)
assert axon.get_kernels() in ("numpy", "fast")
print([m for m in sys.modules if m.split(".")[0] in ("jax", "jaxlib") or m.startswith("axon.xla")])
"""
    assert run(code) == "[]\n"


def test_without_jax_the_extra_is_named() -> None:
    code = """
import sys
sys.modules["jax"] = None
import axon
try:
    axon.set_kernels("jax")
except ImportError as error:
    print(error)
print(axon.get_kernels() != "jax")
"""
    said = run(code)
    assert "XLA needs jax, which cannot be used (ModuleNotFoundError" in said
    assert (
        "pip install jax (the extra 'jax') mends it; set_kernels('numpy') or AXON_KERNELS=nu"
        in said
    )
    assert said.endswith("True\n")


def test_a_jax_that_is_too_old_is_named() -> None:
    code = """
import sys, types
sys.modules["jax"] = old = types.ModuleType("jax")
old.__version__ = "0.4.38"
import axon
try:
    axon.set_kernels("jax")
except ImportError as error:
    print(error)
"""
    assert "JAX 0.4.38 is too old" in run(code)
