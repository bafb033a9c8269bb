"""Batches shared out among devices, and among processes: the same losses, one sum a step.

Devices are virtual ones of the CPU, in processes of their own: JAX counts them when it begins.
"""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jax", reason="JAX is not installed")

ROOT = Path(__file__).parents[2]
COLLECTIVES = "all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter"

BEGIN = """
import json, os, sys
import numpy as np, axon
from axon import layers as l
from axon.models import Sequential
from axon.program import lowerings

def network(name):
    axon.set_random_seed(3)
    layers = {
        "mlp": [l.Flatten(), l.Dense(32, "relu"), l.Dense(16, "relu")],
        "cnn": [l.Conv2D(8, 3, activation="relu"), l.MaxPooling2D(2), l.Flatten()],
        "norm": [l.Conv2D(8, 3, use_bias=False), l.BatchNormalization(), l.Flatten()],
        "dropout": [l.Flatten(), l.Dense(16), l.Dropout(0.2)],
        "lstm": [l.Reshape((10, 20)), l.LSTM(8)],
    }[name]
    return Sequential([*layers, l.Dense(5, "softmax")])

def data(rows):
    random = np.random.default_rng(0)
    return random.standard_normal((rows, 10, 10, 2)).astype("f4"), random.integers(0, 5, rows)

def trained(name, rows, batch_size=32, metrics=(), optimizer="adam", **more):
    model, (x, y) = network(name), data(rows)
    if optimizer == "adam":  # which divides by no gradient that is nearly 0
        optimizer = axon.optimizers.Adam(0.1, epsilon=1.0)
    model.compile("categorical_cross_entropy", optimizer, metrics=list(metrics))
    history = model.fit(x, y, batch_size, 3, verbose=0, **more).history
    assert model._trainer.train.compiled
    found = {k: v for k, v in history.items() if k != "seconds"}
    found["weights"] = [w.data.ravel().tolist() for w in model.parameters()]
    found["predicted"] = model.predict(x[:7]).ravel().tolist()
    return found
"""


def started(code: str, *arguments: object, devices: int = 1, **environment: str):
    """A process that runs this, on so many devices."""
    usual = {k: v for k, v in os.environ.items() if not k.startswith(("XLA_", "AXON_", "JAX_"))}
    count = f"--xla_force_host_platform_device_count={devices}"
    environment["XLA_FLAGS"] = f"{count} {environment.get('XLA_FLAGS', '')}"
    return subprocess.Popen(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", BEGIN + code, *map(str, arguments)],
        env={**usual, "JAX_PLATFORMS": "cpu", "AXON_NUM_THREADS": "1", **environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(*processes: subprocess.Popen) -> list:
    """What each process printed last, as JSON."""
    try:
        said = [process.communicate(timeout=300) for process in processes]
    except BaseException:
        for process in processes:
            process.kill()
            process.communicate()
        raise
    for process, (printed, complaints) in zip(processes, said, strict=True):
        assert process.returncode == 0, printed + complaints
    return [json.loads(printed.splitlines()[-1]) for printed, _ in said]


def close(ours: dict, others: dict, tolerance: float = 2e-5) -> None:
    assert ours.keys() == others.keys()
    for name, numbers in others.items():
        for a, b in zip(flat(ours[name]), flat(numbers), strict=True):
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=name)


def flat(numbers):
    return numbers if isinstance(numbers[0], list) else [numbers]


# ------------------------------------------------------------------------------------ devices


def collectives(folder: Path) -> list[list[str]]:
    """What each compiled program exchanges between devices; those that exchange nothing left out.

    ``f32``: sums of a number of arrays of one type, all in one go.
    """
    found = []
    for path in sorted(folder.glob("*after_optimizations.txt")):
        lines = re.findall(rf"= (.*?) ({COLLECTIVES})(?:-start)?\(", path.read_text())
        here = [
            f"{name} {' '.join(sorted(set(re.findall(r'[a-z]+[0-9]+', t))))}" for t, name in lines
        ]
        if here:
            found.append(sorted(here))
    return found


@pytest.mark.parametrize(
    ("name", "optimizer"), [pytest.param("mlp", "adam", marks=pytest.mark.slow), ("cnn", "sgd")]
)
def test_one_sum_a_step_and_the_losses_of_one_device(name, optimizer, tmp_path):
    """80 rows are batches of 32, 32 and 16: two programs, each with one sum of all gradients.

    Adam has an epsilon that is large beside gradients: else it makes whole steps of those that are
    nearly 0, whose sign is a matter of rounding, and that depends on the processor.
    """
    code = f"""
axon.set_kernels("jax", "cpu:0")
one = trained({name!r}, 80, optimizer={optimizer!r})
axon.set_kernels("jax", "cpu")
assert lowerings.in_full() == "jax (4 x cpu, float32)"
print(json.dumps([one, trained({name!r}, 80, optimizer={optimizer!r})]))
"""
    dump = f"--xla_dump_to={tmp_path} --xla_dump_hlo_as_text"
    [(one, four)] = ended(started(code, devices=4, XLA_FLAGS=dump))
    close(four, one)
    assert collectives(tmp_path) == [["all-reduce f32"], ["all-reduce f32"]]


@pytest.mark.slow
def test_batches_that_do_not_divide_by_the_devices(tmp_path):
    """23 rows are batches of 9, 9 and 5, none of which 4 divides; 78 rows end with one of 14."""
    code = """
found = []
for device in ("cpu:0", "cpu"):
    axon.set_kernels("jax", device)
    found.append([trained("mlp", 23, 9), trained("cnn", 78), trained("mlp", 3, 1)])
print(json.dumps(found))
"""
    [found] = ended(started(code, devices=4))
    for one, four in zip(*found, strict=True):
        close(four, one)


@pytest.mark.slow
def test_layers_that_look_at_the_whole_batch():
    """Means of batch normalization are over all devices; masks of dropout are those of one."""
    code = """
found = []
for device in ("cpu:0", "cpu"):
    axon.set_kernels("jax", device)
    more = {"metrics": ["accuracy"], "validation_data": data(50)}
    found.append([trained("norm", 78, **more), trained("lstm", 64), trained("dropout", 64)])
print(json.dumps(found))
"""
    [found] = ended(started(code, devices=4))
    for one, four in zip(*found, strict=True):
        close(four, one, 2e-4)


def test_one_of_several_devices_is_chosen():
    code = """
from axon.xla.devices import chosen
assert [d.id for d in chosen("cpu")] == [0, 1, 2]
assert [d.id for d in chosen("cpu:2")] == [2]
axon.set_kernels("jax", "cpu:2")
try:
    axon.set_kernels("jax", "cpu:3")
except RuntimeError as error:
    print(json.dumps([str(error), lowerings.options().device]))
"""
    [(said, device)] = ended(started(code, devices=3))
    assert said == "there is no device 'cpu:3'. JAX has cpu:0 to cpu:2 here."
    assert device == "cpu:2"


def test_arrays_on_devices():
    code = """
import jax
from axon.backend import aligned_bytes
from axon.xla.sharding import Sharding
sharding = Sharding(jax.devices())
x = aligned_bytes(96).view("f4").reshape(6, 4)  # memory that JAX would share
x[:] = np.arange(24).reshape(6, 4)
for where in (sharding.state, sharding.batch(6), sharding.batch(4, axis=1)):
    there = sharding.put(x, where)
    before = x.copy()
    x += 1  # does not reach what is there
    assert np.array_equal(sharding.read(there), before), where
print(json.dumps([
    [s.data.shape for s in sharding.put(x, where).addressable_shards]
    for where in (sharding.state, sharding.batch(6), sharding.batch(4, axis=1), sharding.batch(7))
]))
"""
    [(state, six, four, seven)] = ended(started(code, devices=4))
    assert state == [[6, 4]] * 4
    assert six == [[3, 4]] * 4  # two parts, each on two devices
    assert four == [[6, 1]] * 4
    assert seven == [[6, 4]] * 4


# ------------------------------------------------------------------------------------ hosts

TOGETHER = """
import jax
port, number = sys.argv[1:3]
jax.distributed.initialize(f"localhost:{port}", 2, int(number))
"""


def port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def two_hosts(code: str, devices: int = 1) -> list:
    """The same in two processes that know of each other."""
    free = port()
    return ended(*(started(TOGETHER + code, free, n, devices=devices) for n in range(2)))


@pytest.mark.slow  # the guide to XLA has two hosts, too
def test_two_hosts_learn_what_one_learns(tmp_path):
    """Two processes of two devices each are one machine of four."""
    work = """
axon.set_kernels("jax")
more = {"metrics": ["accuracy"], "validation_data": data(50)}
print(json.dumps([lowerings.in_full(), trained("cnn", 78, **more)]))
"""
    [(about, one)] = ended(started(work))
    assert about == "jax (cpu, float32)"
    for about, two in two_hosts(work, devices=2):
        assert about == "jax (4 x cpu on 2 hosts, float32)"
        close(two, one)


def test_only_the_first_host_writes(tmp_path):
    code = """
from axon.modes import modes
before = modes.leads
axon.set_kernels("jax")
with_all = modes.leads
axon.set_kernels("jax", "cpu:0")  # each by itself
alone = modes.leads
axon.set_kernels("jax")
axon.set_kernels("numpy")
print(json.dumps([before, with_all, alone, modes.leads]))
"""
    first, second = two_hosts(code)
    assert first == [True, True, True, True]
    assert second == [True, False, True, True]


@pytest.mark.parametrize(
    ("differing", "said"),
    [
        ("axon.set_random_seed(int(number)); model.build((20,))", "what it begins with"),
        ("x += int(number)", "the first batch"),
    ],
)
def test_hosts_that_differ_are_told(differing, said):
    code = f"""
axon.set_kernels("jax")
x, y = np.ones((8, 20), "f4"), np.ones((8, 5), "f4")
axon.set_random_seed(1)
model = Sequential([l.Dense(5)])
{differing}
model.compile("mse", "adam")
try:
    model.fit(x, y, 8, 1, verbose=0)
except ValueError as error:
    print(json.dumps(str(error)))
"""
    for message in two_hosts(code):
        assert (
            f"2 hosts compute together, and {said} is not the same on host 1 as on host 0"
            in message
        )
        assert "axon.set_random_seed" in message
