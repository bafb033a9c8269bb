"""Random programs keep every promise; and the fuzzer sees what it is there to see.

A fixed budget by default; ``--fuzz 5000`` runs so many programs instead.
"""

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("numba")
if sys.platform != "linux":
    pytest.skip("guard pages are made by Linux's mmap", allow_module_level=True)

from axon import layers, losses, optimizers
from axon.layers import Layer
from tests.fuzz import networks, programs
from tests.samples.layers import ON_INTEGERS, ON_SEVERAL, PREPARING

HERE = Path(__file__).parents[2]
FEW = 12  # programs in a usual run: some 15 seconds


def test_random_programs(request: pytest.FixtureRequest) -> None:
    count = request.config.getoption("--fuzz") or FEW
    result = programs.fuzz(programs.cases_from(0, count))
    print(result)
    assert not result.failures, "\n".join(map(str, result.failures))
    assert result.counts["run"] > 0.7 * count
    assert result.counts["compiled"] > 0.4 * count
    assert result.counts["chaotic"] < 0.1 * count


def test_every_layer_loss_and_optimizer_is_drawn() -> None:
    parts = networks.Layers(Random(0), "float32")
    drawn = {name for axes in (1, 2, 3) for name in parts._names((4,) * axes, 0)} | {"Embedding"}
    named = (getattr(layers, name) for name in dir(layers))
    public = {c for c in named if isinstance(c, type) and issubclass(c, Layer)}
    names = {c.__name__ for c in public} - {"Layer"}
    packed = {n for n in names if n.startswith("Packed")}  # members are an axis that no other has
    reading = {c.__name__ for c in ON_INTEGERS | PREPARING | ON_SEVERAL}
    composites = set(layers.HOMES)  # loaded when asked for: made of primitives that are drawn
    assert names - packed - reading - composites <= drawn
    ends = {losses.LOSSES[name] for name, *_ in networks.ENDINGS}
    rarer = {getattr(losses, name) for name in losses.HOMES}  # tests/losses: targets of many kinds
    assert set(losses.LOSSES.values()) - rarer <= ends
    known = {c.__name__ for c in optimizers.OPTIMIZERS.values()}
    assert known - {"LBFGS"} == {name for name, _ in networks.OPTIMIZERS}  # one batch at a time


FAR = """
import ctypes, faulthandler, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from tests.fuzz import guard_pages
from axon.backend import FLOAT
guard_pages.guard(0, guard_pages.{place})
from axon.backend import aligned_bytes
x = {array}
print("made", x.dtype, x.size, flush=True)
if {at} is not None:
    number = ctypes.c_ubyte.from_address(x.ctypes.data + {at})
    {use}
print("alive", flush=True)
"""
ARRAYS = {
    "floats": "np.zeros(10, 'f4')",
    "doubles": "np.ones((3, 5))",
    "bytes": "np.empty(4097, 'u1')",
    "a page": "np.empty(1024, 'f4')",
    "bools": "np.zeros(3, bool)",
    "memory of a program": "aligned_bytes(64)",
}
PLACES = {  # where the array lies, and what is too far
    "after its end": ("END", "x.nbytes"),
    "before its start": ("START", "-1"),
}
USES = {"read": "number.value", "written": "number.value = 1"}


def ran(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, str(HERE)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("array", ["bytes", "memory of a program"])
@pytest.mark.parametrize("place", PLACES)
def test_a_byte_too_far_is_a_crash(array: str, place: str) -> None:
    where, at = PLACES[place]
    use = USES["read" if array == "bytes" else "written"]
    run = ran(FAR.format(place=where, array=ARRAYS[array], at=at, use=use))
    assert run.returncode < 0, run.stderr
    assert run.stdout.startswith("made")
    assert "alive" not in run.stdout


def test_what_is_inside_is_not() -> None:
    every = "[" + ", ".join(ARRAYS.values()) + "]"
    program = FAR.format(place="MIXED", array="np.zeros(1)", at="None", use="pass")
    program += f"""
for _ in range(4):
    for x in {every}:
        for at in (0, x.nbytes - 1):
            ctypes.c_ubyte.from_address(x.ctypes.data + at).value = 1
    assert np.isnan(np.empty(9)).all()
    assert not np.zeros(9).any()
    grown = np.arange(5)
    grown.resize(3000)
    assert grown[:5].tolist() == [0, 1, 2, 3, 4]
print("well")
"""
    run = ran(program)
    assert run.returncode == 0, run.stderr
    assert "well" in run.stdout


BROKEN = """
import sys
sys.path.insert(0, {here!r})
from axon.fast.kernels.arguments import Address, CompiledKernel
from axon.fast.kernels.intrinsics import floats
from axon.fast.kernels import declare
from axon.fast.kernels.walk import Loops, Strided
from tests.fuzz import programs

def relu(rows: int, loops: Loops, out: Address, x: Strided):
    n, first, last = rows * loops.inner, {first}, {last}
    y, x = floats(out, 1 << 40), floats(x.place, 1 << 40)
    for i in range(first, n + last):
        y[{out}] = max(x[i], 0)

declare.KERNELS["relu"] = CompiledKernel("relu", relu)
sys.exit(programs.main())
"""
MISTAKES = {  # numbers before the first, after the last; where each is written; where arrays lie
    "none": (0, 0, "i", "MIXED"),
    "reads one too far": (0, 1, "i % n", "END"),
    "reads one too early": (-1, 0, "(i + n) % n", "START"),
    "writes one too far": (0, 1, "i", "END"),
    "writes one too early": (-1, 0, "i", "START"),
}
NETWORK = {
    "seed": 3,
    "dtype": "float32",
    "n": 6,
    "batch": 3,
    "words": False,
    "pair": False,
    "shape": [4],
    "layers": [["Dense", {"input_size": 4}], ["Activation", {"activation": "relu"}]],
    "loss": ["mean_squared_error", {}],
    "targets": "real",
    "outputs": [4],
    "metrics": [],
    "optimizer": ["SGD", {"learning_rate": 0.01}],
    "x": {"dtype": "f4", "layout": "plain"},
    "y": {"dtype": "f4", "layout": "plain"},
    "weights": "",
    "by_step": False,
    "class_weight": False,
    "shuffle": False,
    "epochs": 3,
    "special": "",
    "cut": False,
}


@pytest.mark.parametrize(
    "mistake",
    [pytest.param(m, marks=() if i < 2 else pytest.mark.slow) for i, m in enumerate(MISTAKES)],
)
def test_a_kernel_that_goes_too_far_is_found(mistake: str, tmp_path: Path) -> None:
    first, last, out, guard = MISTAKES[mistake]
    program = tmp_path / "broken.py"
    program.write_text(BROKEN.format(here=str(HERE), first=first, last=last, out=out))
    case = "network:" + json.dumps(NETWORK)
    way = programs.Way(shrink=False, guard=guard, program=(str(program),))
    result = programs.fuzz([case], way)
    if mistake == "none":
        assert not result.failures
        assert result.counts["run"] == 1
    else:
        (failure,) = result.failures
        assert failure.said.startswith("crash, exit -11")
        assert failure.case == case


@pytest.mark.slow
def test_a_promise_that_is_not_kept_is_named_and_made_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "TRIES", 3)
    program = tmp_path / "broken.py"
    text = BROKEN.format(here=str(HERE), first=0, last=0, out="i").replace("max(x[i], 0)", "x[i]")
    program.write_text(text)
    case = "network:" + json.dumps({**NETWORK, "weights": "f4"})
    result = programs.fuzz([case], programs.Way(program=(str(program),)))
    (failure,) = result.failures
    assert failure.said.startswith("compiled = NumPy")
    assert '"weights": ""' in failure.spec
    assert f"python -m tests.fuzz.programs {case}" in str(failure)
