"""``axon devices``, and ``axon train`` on a device."""

import json
import os
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec

import pytest

from axon.cli.devices import ASK_MPI, RANKS, _asked
from axon.program import lowerings
from tests.cli.commands import fails, in_a_process, run

devices = sys.modules["axon.cli.devices"]  # its namesake in axon.cli is the command
with_jax = pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")


@pytest.fixture(autouse=True)
def _nothing_chosen(monkeypatch):
    for name in (lowerings.VARIABLE, lowerings.DEVICE, lowerings.PRECISION, *RANKS):
        monkeypatch.delenv(name, raising=False)
    with lowerings.Kernels("numpy"):
        lowerings._settings.kernels = None
        yield


@pytest.fixture
def bare(monkeypatch):
    """As if no extra was installed."""

    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(devices, "version", missing)
    monkeypatch.setattr(lowerings, "_there", lambda: False)


def rows(printed):
    return [" ".join(line.split()) for line in printed.splitlines()]


def test_what_is_missing_is_listed_with_what_brings_it(bare, tmp_path):
    printed, _ = run("devices", cwd=tmp_path)
    found = rows(printed)
    assert found[:2] == [
        "Kernels numpy",
        "Because AXON_KERNELS is not set, and Numba is not installed",
    ]
    assert found[4].startswith("numpy cpu NumPy 2.")
    assert found[5] == "fast cpu not installed: pip install numba threadpoolctl (the extra 'fast')"
    assert found[6] == "jax not installed: pip install jax (the extra 'jax')"
    assert (
        found[7]
        == "ranks 1 process in this job; not installed: pip install mpi4py (the extra 'mpi')"
    )


@pytest.mark.parametrize("kernels", ["jax", "fast"])
def test_what_was_asked_for_and_is_missing(bare, monkeypatch, tmp_path, kernels):
    monkeypatch.setattr(lowerings, "LOWERINGS", {"fast": "axon.not_there", "jax": "axon.neither"})
    printed, _ = run("devices", cwd=tmp_path, AXON_KERNELS=kernels)
    found = rows(printed)
    assert found[0].startswith("Kernels none: ")
    assert f"(the extra {kernels!r})" in found[0]
    assert found[1] == f"Because AXON_KERNELS={kernels}"
    assert found[4].startswith("numpy cpu NumPy 2.")


@pytest.fixture
def two_gpus(monkeypatch):
    """Answers of a machine with two of NVIDIA's."""

    def asked(question, environment=None):
        if question == ASK_MPI:
            return {"library": "MPICH Version: 5.0.1"}
        assert environment["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
        gpus = [{"name": f"gpu:{n}", "model": "H200", "memory": 107 * 10**9} for n in range(2)]
        found = {"devices": [*gpus, {"name": "cpu:0", "model": "cpu", "memory": None}]}
        return found | (
            {"chosen": "jax (2 x gpu H200, tf32)"} if os.environ.get("AXON_KERNELS") else {}
        )

    monkeypatch.setattr(devices, "version", lambda name: "1.2.3")
    monkeypatch.setattr(lowerings, "_there", lambda: True)
    monkeypatch.setattr(devices, "_asked", asked)


def test_devices_are_listed(two_gpus, tmp_path):
    printed, _ = run("devices", cwd=tmp_path, OMPI_COMM_WORLD_SIZE="4", AXON_DEVICE="gpu")
    found = rows(printed)
    assert found[0] == "Kernels auto: numpy; for long work, fast"
    assert found[1].endswith("is not set; AXON_DEVICE: for jax only, without effect on 'auto'")
    assert found[5].startswith("fast cpu Numba 1.2.3, ")
    assert found[6:] == [
        "jax gpu:0 H200, 107 GB; JAX 1.2.3",
        "jax gpu:1 H200, 107 GB; JAX 1.2.3",
        "jax cpu:0 cpu; JAX 1.2.3",
        "ranks 4 processes in this job; MPICH Version: 5.0.1; mpi4py 1.2.3",
    ]


def test_devices_as_json(two_gpus, tmp_path):
    printed, _ = run("devices", "--json", cwd=tmp_path, AXON_KERNELS="jax")
    found = json.loads(printed)
    assert found["kernels"] == "jax (2 x gpu H200, tf32)"
    assert found["because"] == "AXON_KERNELS=jax"
    assert [d["name"] for d in found["jax"]["devices"]] == ["gpu:0", "gpu:1", "cpu:0"]
    assert found["mpi"]["ranks"] == 1
    assert found["numpy"]["threads"] >= 1


def test_wrong_variables_are_told(tmp_path):
    assert "AXON_KERNELS: expected" in fails("devices", cwd=tmp_path, AXON_KERNELS="cuda")


def test_a_question_that_fails_is_answered_in_words(monkeypatch):
    assert _asked("raise RuntimeError('no driver\\nat all')") == {"missing": "no driver"}
    assert _asked("raise KeyError") == {"missing": "KeyError()"}
    ended = str(_asked("os.write(2, b'out of order'); os._exit(3)")["missing"])
    assert ended == "asked for it, Python ended with code 3: out of order"
    assert _asked("print('noise'); found['a'] = 1") == {"a": 1}
    monkeypatch.setattr(devices, "PATIENCE", 0.5)
    assert _asked("import time; time.sleep(60)") == {"missing": "no answer within 0.5 seconds"}


@with_jax
def test_devices_of_the_jax_that_is_here(tmp_path):
    four = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    printed, _ = in_a_process("devices", cwd=tmp_path, AXON_KERNELS="jax", **four)
    assert rows(printed)[0] == "Kernels jax (4 x cpu, float32)"
    assert [row.split(";")[0] for row in rows(printed)[6:10]] == [
        f"jax cpu:{n} cpu" for n in range(4)
    ]
    printed, _ = in_a_process(
        "devices", cwd=tmp_path, AXON_KERNELS="jax", AXON_DEVICE="gpu:1", JAX_PLATFORMS="cpu"
    )
    assert "Kernels none: JAX cannot use a device 'gpu': it has cpu:0 (cpu). " in " ".join(
        rows(printed)
    )
    assert "jax cpu:0 cpu; JAX" in " ".join(rows(printed))


# ------------------------------------------------------------------------------------ train


@with_jax
@pytest.mark.filterwarnings("ignore:precision 'bfloat16' has no effect on the CPU")
def test_the_device_of_a_run_is_in_its_file(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    options = ["--kernels", "jax", "--device", "cpu:0", "--precision", "bfloat16"]
    text, _ = run("train", "digits", *options, "--dump-config", cwd=tmp_path)
    found = tomllib.loads(text)
    assert (found["kernels"], found["device"], found["precision"]) == ("jax", "cpu:0", "bfloat16")
    assert found["made_with"]["kernels"] == "jax (cpu, bfloat16)"
    assert lowerings.setting() != "jax"
    (tmp_path / "run.toml").write_text(text)
    again, said = run("train", "--config", "run.toml", "--dump-config", cwd=tmp_path)
    assert (again, said) == (text, "")


def test_a_device_is_for_jax(tmp_path):
    message = fails("train", "digits", "--device", "gpu", cwd=tmp_path, code=2)
    assert "--device is for --kernels jax, and the kernels are auto." in message
    options = ["--kernels", "numpy", "--precision", "tf32"]
    message = fails("train", "digits", *options, cwd=tmp_path, code=2)
    assert "--precision is for --kernels jax, and the kernels are numpy." in message


def test_variables_without_effect_are_told(tmp_path):
    options = ["--epochs", 1, "--dump-config"]
    _, said = run(
        "train", "digits", *options, cwd=tmp_path, AXON_DEVICE="gpu", AXON_PRECISION="tf32"
    )
    assert "AXON_DEVICE and AXON_PRECISION: for jax only, without effect on 'auto'. For" in said
