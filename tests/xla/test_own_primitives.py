"""Own primitives in a network that XLA trains: on the device, or by NumPy on the host; errors."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax", reason="JAX is not installed")

ROOT = Path(__file__).parents[2]

# In a process of its own: JAX counts the devices when it begins.
PROGRAM = """
import warnings
import numpy as np, axon
from axon import layers
from axon.core import primitive

@primitive(floats=True)
def wave(out, x, *, xp):
    xp.sin(x, out=out)
    xp.add(out, x, out=out)

@primitive(floats=True)
def wave_slope(out, x, *, xp):
    xp.cos(x, out=out)
    xp.add(out, 1, out=out)

@primitive(floats=True)
def careful(out, x, *, xp):
    if not (abs(x) < 1e4).all():
        raise ValueError("these numbers are too large for me.")
    xp.tanh(x, out=out)

wave.gradient(lambda g, y, x: g * wave_slope(x))
careful.gradient(lambda g, y, x: g * (1.0 - y * y))
x = np.random.default_rng(0).normal(size=(64, 4)).astype("f4")
y = x[:, :1] * 2

def fitted(function, kernels):
    axon.set_kernels(kernels)
    axon.set_random_seed(3)
    hidden = [layers.Dense(8), layers.Activation(function)]
    model = axon.Sequential([layers.Input((4,)), *hidden, layers.Dense(1)])
    # Not Adam, whose g / sqrt(v) makes much of the rounding of a gradient near 0.
    model.compile("mean_squared_error", axon.optimizers.SGD(0.02, momentum=0.9))
    model.fit(x, y, epochs=3, batch_size=16, verbose=0)
    return model, np.concatenate([p.data.ravel() for p in model.parameters()])

for function, host in ((wave, 0), (careful, 1)):
    _, wanted = fitted(function, "numpy")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model, got = fitted(function, "jax")
    assert model._trainer.train.compiled
    told = [str(w.message) for w in caught]
    assert len(told) == host, told
    assert all("primitive 'careful' runs on the host" in t for t in told), told
    np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-6)

large = x.copy()
large[20] = 3e30
before = [p.data.copy() for p in model.parameters()]
try:
    model.fit(large, y, epochs=1, batch_size=64, verbose=0)
    raise AssertionError("nothing was raised")
except ValueError as error:
    assert str(error) == "these numbers are too large for me.", error
for p, value in zip(model.parameters(), before):
    np.testing.assert_array_equal(p.data, value)
model.fit(x, y, epochs=1, batch_size=16, verbose=0)
assert np.isfinite(model.evaluate(x, y)).all()
print("done")
"""


@pytest.mark.parametrize("devices", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_own_primitives_train_as_with_numpy(devices: int) -> None:
    usual = {k: v for k, v in os.environ.items() if not k.startswith(("XLA_", "AXON_", "JAX_"))}
    flags = f"--xla_force_host_platform_device_count={devices}"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**usual, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.endswith("done\n"), done.stderr[-3000:]
