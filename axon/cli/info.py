"""``axon info`` and ``axon summary``."""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import TextWrapper
from typing import TYPE_CHECKING, Any

import click
import numpy as np

import axon
from axon import datasets
from axon.cli.models import ModelFile
from axon.cli.output import plural, print_pairs, print_table
from axon.cli.overview import print_columns
from axon.datasets.fetch import cache_folder
from axon.names import printable
from axon.serve.loading import is_estimator, open_model

if TYPE_CHECKING:
    from axon.cli.files import StoredArray

WIDTH = 80  # columns that every terminal has
PACKAGES = ("numpy", "click", "rich", "pooch", "pillow", "matplotlib", "numba", "threadpoolctl",
            "onnx", "h5py", "scikit-learn", "tensorboardX")  # fmt: skip


@click.command(short_help="Show versions, or describe a file.")
@click.argument("file", required=False, type=click.Path(exists=True))
def info(file: str | None) -> None:
    """Show what FILE is; without one: versions, BLAS, kernels, devices, and where data lie.

    FILE is a model (.axon, .onnx), weights or arrays (.safetensors, .npz, .npy, .h5), a table
    (.csv, .tsv, .parquet), or the folder of a backup. Its layers and arrays, or columns, are
    listed, and nothing in it is run.
    """
    if file is None:
        return print_pairs(_here())
    from axon.cli.files import about

    found = about(file)
    size = _size(Path(file))
    main = [what for what in found.tensors if what in ("weights", "arrays")]
    more = _counts({what: t for what, t in found.tensors.items() if what not in main})
    print_pairs([("File", f"{file}, {size}"), ("Kind", found.what), *found.facts, *more])
    if found.columns:
        print_columns(found.columns)
    if found.layers:
        print_table(["layer", "class", "arguments"], found.layers, left=3)
    for what in main:
        tensors = found.tensors[what]
        rows = [[t.name, t.dtype, str(t.shape), f"{t.numbers:,}"] for t in tensors]
        rows.append(["total", "", "", f"{sum(t.numbers for t in tensors):,}"])
        print_table([what, "dtype", "shape", "numbers"], rows, left=3)


def _counts(tensors: "Mapping[str, Sequence[StoredArray]]") -> list[tuple[str, str]]:
    return [
        ("Content" if what in ("tree", "content") else f"{what.capitalize()} state", _counted(t))
        for what, t in tensors.items()
    ]


def _counted(tensors: "Sequence[StoredArray]") -> str:
    """How much there is of what is not worth a table, such as an optimizer's state."""
    numbers = sum(t.numbers for t in tensors)
    return f"{plural(numbers, 'number')} in {plural(len(tensors), 'array')}"


def _size(path: Path) -> str:
    """How large a file is, or all files in a folder."""
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    size = float(sum(p.stat().st_size for p in files))
    if size < 1000:
        return f"{size:.0f} bytes"
    units = iter(("KB", "MB", "GB", "TB"))
    unit = ""
    while size >= 999.5:
        size, unit = size / 1000, next(units)
    return f"{size:.3g} {unit}"


def _here() -> list[tuple[str, str]]:
    """Versions and places."""
    from importlib.metadata import PackageNotFoundError, version

    rows = [("axon", axon.__version__), ("python", platform.python_version())]
    for package in PACKAGES:
        try:
            rows.append((package, version(package)))
        except PackageNotFoundError:
            rows.append((package, "not installed"))
    return [
        *rows,
        ("BLAS", blas()),
        ("kernels", axon.get_kernels()),
        ("threads", str(axon.get_threads())),
        ("devices", f"cpu ({os.cpu_count()} cores, {platform.machine()})"),
        ("AXON_DATA_DIR", os.environ.get("AXON_DATA_DIR", "not set")),
        ("cache", str(cache_folder(datasets.mnist.DATASET).parent)),
    ]


def blas() -> str:
    """The library that multiplies matrices for NumPy, and how many threads it uses."""
    config: Any = np.show_config(mode="dicts")
    found = config["Build Dependencies"]["blas"]
    return f"{found.get('name')} {found.get('version')}, {_blas_threads()}"


def _blas_threads() -> str:
    """How many threads BLAS uses, if there is a way to know."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "threads unknown (pip install threadpoolctl)"
    threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return plural(threads[0], "thread") if threads else "threads unknown"


@click.command(short_help="Show the layers of a model.")
@click.argument("model", type=ModelFile())
@click.pass_context
def summary(ctx: click.Context, model: str) -> None:
    """Show the layers of MODEL, a file that `train --save` wrote, and what it was trained on."""
    from axon.cli.files import metadata_pairs

    if is_estimator(model):
        ctx.invoke(info, file=model)
        return
    network = open_model(model)
    network.summary(click.echo)
    for name, value in metadata_pairs(network.metadata):
        text = printable(f"{name.lower()}: {value}")
        wrapper = TextWrapper(WIDTH, break_on_hyphens=False, break_long_words=False)
        wrapper.subsequent_indent = "  "
        click.echo(wrapper.fill(text))
