"""``axon export`` and ``axon convert``."""

from pathlib import Path

import click
import numpy as np

from axon.backend import Array
from axon.cli.models import SUFFIXES, ModelFile
from axon.cli.output import plural, print_pairs
from axon.files import archive, npz, safetensors
from axon.files.atomic import atomic, check_writable
from axon.models import Model
from axon.serve.loading import is_estimator, open_estimator, open_model

WEIGHTS = (".safetensors", ".npz")
READABLE = (*SUFFIXES, *WEIGHTS, ".h5")
WRITABLE = (*SUFFIXES, *WEIGHTS)
A_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Write a model as ONNX, or its weights.")
@click.argument("model", type=ModelFile())
@click.option("--onnx", type=A_FILE, help="Write the network for other programs: net.onnx.")
@click.option("--weights", type=A_FILE, help="Write the numbers alone: .safetensors or .npz.")
def export(model: str, onnx: Path | None, weights: Path | None) -> None:
    """Write MODEL for other programs.

    ONNX holds the network as it predicts, its preparation of the data included, for any number of
    samples at a time; of a table estimator each column is an input. Weights
    are arrays by name, such as dense/weights.
    """
    if not onnx and not weights:
        raise click.UsageError("nothing to write: give --onnx FILE or --weights FILE, or both.")
    for path, known in ((onnx, (".onnx",)), (weights, WEIGHTS)):
        if path:
            _demand_suffix(path, known)
            check_writable(path)
    if is_estimator(model):
        _save_table(model, onnx, weights)
        return
    network = open_model(model)
    for path in (onnx, weights):
        if path:
            _save(network, path)
            _say(path)


@click.command(short_help="Convert between file formats.")
@click.argument(
    "source", metavar="IN", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.argument("goal", metavar="OUT", type=A_FILE)
def convert(source: Path, goal: Path) -> None:
    """Read the file IN and write it as OUT; the names say what they are.

    A model (.axon, .onnx) becomes a model (.axon, .onnx) or its weights (.safetensors, .npz).
    Weights (.safetensors, .npz, .h5) become weights; names and values are kept as they are. An
    .axon file written as .axon takes the newest format.
    """
    _demand_suffix(source, READABLE)
    _demand_suffix(goal, WRITABLE)
    check_writable(goal)
    if is_estimator(str(source)):
        onnx = goal if goal.suffix.lower() == ".onnx" else None
        _save_table(str(source), onnx, None)
        return
    if source.suffix.lower() in SUFFIXES:
        _save(open_model(str(source)), goal)
    elif goal.suffix.lower() in SUFFIXES:
        raise click.UsageError(
            f"{source} holds weights, but no network to put them in: it becomes "
            f"{' or '.join(WEIGHTS)}. In Python: model.load_weights({str(source)!r})."
        )
    else:
        _save_arrays(_arrays(source), goal)
    _say(goal)


def _save_table(model: str, onnx: Path | None, weights: Path | None) -> None:
    """Write a table estimator, which is more than its weights."""
    if weights or not onnx:
        raise click.UsageError(
            f"{model} holds a table estimator: it becomes an ONNX file, net.onnx, and nothing else."
        )
    open_estimator(model).to_onnx(onnx)
    _say(onnx)


def _demand_suffix(path: Path, known: tuple[str, ...]) -> None:
    if path.suffix.lower() not in known:
        raise click.UsageError(f"{path}: expected a name that ends in {' or '.join(known)}.")


def _say(path: Path) -> None:
    from axon.cli.files import about

    found = about(str(path))
    numbers = sum(t.numbers for tensors in found.tensors.values() for t in tensors)
    print_pairs([("Written", str(path)), ("", f"{found.what}, {plural(numbers, 'number')}")])


def _save(network: Model, path: Path) -> None:
    """Write a model as what the name says."""
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        from axon import onnx

        onnx.export(network, path)
    elif suffix == ".axon":
        network.save(path)
    else:
        network.save_weights(path)


# ------------------------------------------------------------------------------------ weights


def _arrays(path: Path) -> dict[str, Array]:
    """All arrays of a file by name."""
    if path.suffix.lower() == ".safetensors":
        return safetensors.load(path)
    if path.suffix.lower() == ".npz":
        with archive.opened(path) as opened:
            return {name: npz.read(opened, name) for name in npz.specs_in(opened)}
    from axon.cli.files import about

    tensors = about(str(path)).tensors["arrays"]  # names the package that is missing, too
    import h5py

    with h5py.File(path, "r") as file:
        return {t.name: np.asarray(file[t.name]) for t in tensors}


def _save_arrays(arrays: dict[str, Array], path: Path) -> None:
    if path.suffix.lower() == ".safetensors":
        return safetensors.save(path, arrays)
    with atomic(path) as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
    return None
