"""A fuzzer: random networks and random programs of primitives, run in every way and compared.

    python -m tests.fuzz.programs --count 5000 --seed 1     # so many, of seeds from 1 on
    python -m tests.fuzz.programs network:17 steps:4        # these again, with all that is known

They run in processes of their own, with guard pages round every array (guard_pages.py): a kernel
that reads or writes one number too far is a crash, which is seen here, named, and made smaller.
"""

import argparse
import faulthandler
import json
import os
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any, NamedTuple
from zlib import crc32

ROOT = Path(__file__).parents[2]
FEW = 40  # cases that one process does
SLOWEST = 600  # seconds for one case, in which kernels may be compiled; more is a hang
TRIES = 40  # smaller cases to be tried for a failure


class Failure(NamedTuple):
    """A case that went wrong."""

    case: str
    said: str
    spec: str = ""

    def __str__(self) -> str:
        again = f"python -m tests.fuzz.programs {self.case}"
        return f"{self.said}\n    {again}" + (f"\n    {self.spec}" if self.spec else "")


class Result(NamedTuple):
    """What came out of many cases."""

    counts: Counter[str]
    failures: list[Failure]
    refused: Counter[str]

    def __str__(self) -> str:
        counts = ", ".join(f"{n} {what}" for what, n in sorted(self.counts.items()))
        lines = [f"{n:5} refused: {why}" for why, n in self.refused.most_common(12)]
        return "\n".join([*lines, counts])


# ------------------------------------------------------------------------------------ the parent


class Way(NamedTuple):
    """How cases are run.

    Attributes:
        shrink: make failures smaller.
        guard: where arrays lie between guard pages: at their "END", at their "START", or "MIXED";
            "" for none.
        program: what the processes run; another one for who wants to break something there.
    """

    shrink: bool = True
    guard: str = "MIXED"
    program: tuple[str, ...] = ("-m", "tests.fuzz.programs")


USUAL = Way()


def fuzz(cases: Sequence[str], way: Way = USUAL) -> Result:
    """Run cases, such as "network:17", in processes of their own."""
    result = Result(Counter(), [], Counter())
    waiting = list(cases)
    while waiting:
        done = 0
        for case, kind, said in _in_child(waiting[:FEW], way):
            _note(result, case, kind, said, way)
            done += 1
        waiting = waiting[done:]
    return result


def _note(result: Result, case: str, kind: str, said: str, way: Way) -> None:
    if kind == "refused":
        result.counts["refused"] += 1
        result.refused[said[:100]] += 1
    elif kind == "ok":
        result.counts.update(json.loads(said))
    else:
        result.counts["failed"] += 1
        failure = Failure(case, said)
        result.failures.append(smallest(failure, way) if way.shrink else failure)
        print(result.failures[-1], flush=True)


def _in_child(cases: Sequence[str], way: Way) -> Iterator[tuple[str, str, str]]:
    """Case, kind of outcome, and what was said; the last one may be what ended the process."""
    command = [sys.executable, *way.program, "--child", f"--guard={way.guard}", *cases]
    run = subprocess.run(command, capture_output=True, text=True, env=_environment(), check=False)
    begun = ""
    for line in run.stdout.splitlines():
        if line.startswith("{"):
            told = json.loads(line)
            if told["kind"] == "begin":
                begun = told["case"]
            else:
                yield told["case"], told["kind"], told["said"]
                begun = ""
    if run.returncode:
        where = "; ".join(line.strip() for line in run.stderr.splitlines() if "axon" in line)
        yield begun or cases[0], "crash", f"crash, exit {run.returncode}: {where[-600:]}"


def _environment() -> dict[str, str]:
    where = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    told = {"PYTHONPATH": where, "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return {**os.environ, **told}


def smallest(failure: Failure, way: Way) -> Failure:
    """The same failure with as little as possible."""
    module = _module(failure.case)
    spec, said, tries = _spec(failure.case), failure.said, 0
    smaller = module.smaller(spec)
    while tries < TRIES:
        candidate = next(smaller, None)
        if candidate is None:
            break
        tries += 1
        name = failure.case.partition(":")[0] + ":" + json.dumps(candidate)
        outcome = list(_in_child([name], way))
        if outcome and outcome[0][1] not in ("ok", "refused"):
            if _alike(outcome[0][2], failure.said):
                spec, said = candidate, outcome[0][2]
                smaller = module.smaller(spec)
    return Failure(failure.case, failure.said, f"smaller: {json.dumps(spec)}\n    {said}")


def _alike(one: str, other: str) -> bool:
    return one.partition(":")[0].partition(",")[0] == other.partition(":")[0].partition(",")[0]


# ------------------------------------------------------------------------------------ the child


def _module(case: str) -> ModuleType:
    from tests.fuzz import networks as fuzz_networks
    from tests.fuzz import steps as fuzz_steps

    return {"network": fuzz_networks, "steps": fuzz_steps}[case.partition(":")[0]]


def _spec(case: str) -> dict[str, Any]:
    given = case.partition(":")[2]
    spec: dict[str, Any] = json.loads(given) if given[0] == "{" else _module(case).drawn(int(given))
    return spec


def child(cases: Sequence[str], guard: str) -> None:
    """Run cases in this process and tell of each."""
    import numpy as np

    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    settings = _guard(guard) if guard else np.zeros(2, int)
    for case in cases:
        _tell(case, "begin", "")
        faulthandler.dump_traceback_later(SLOWEST, exit=True)
        settings[1] = crc32(case.encode()) << 30  # by it alone, so that the case can be repeated
        _tell(case, *_outcome(case))
        faulthandler.cancel_dump_traceback_later()


def _guard(place: str) -> Any:
    faulthandler.enable()
    from tests.fuzz import guard_pages

    guard_pages.guard(place=vars(guard_pages)[place])
    return guard_pages.SETTINGS


def _outcome(case: str) -> tuple[str, str]:
    from tests.fuzz.networks import Refused, Wrong

    try:
        return "ok", json.dumps(_module(case).check(_spec(case)))
    except Refused as error:
        return "refused", str(error)
    except Wrong as error:
        return "wrong", str(error)
    except Exception as error:
        return "error", f"{type(error).__name__}, {_place(error)}: {error}"


def _place(error: BaseException) -> str:
    """The innermost line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "nowhere"
    return f"{Path(trace.tb_frame.f_code.co_filename).name} {trace.tb_lineno}"


def _tell(case: str, kind: str, said: str) -> None:
    print(json.dumps({"case": case, "kind": kind, "said": said}), flush=True)


# ------------------------------------------------------------------------------------ command line


def cases_from(seed: int, count: int) -> list[str]:
    """Two of three are networks."""
    return [f"{'steps' if k % 3 == 2 else 'network'}:{k}" for k in range(seed, seed + count)]


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", help="such as network:17")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--guard", default="MIXED", help="END, START, MIXED or nothing")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.cases, given.guard)
        return 0
    began = monotonic()
    cases = given.cases or cases_from(given.seed, given.count)
    result = fuzz(cases, Way(not given.no_shrink, given.guard))
    print(f"{result}, {monotonic() - began:.0f} s")
    return bool(result.failures)


if __name__ == "__main__":
    sys.exit(main())
