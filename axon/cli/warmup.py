"""``axon warmup``: kernels compiled before anybody waits for them."""

from pathlib import Path
from time import perf_counter

import click
import numpy as np

import axon
from axon.cli.models import ModelFile
from axon.cli.output import json_line, plural, print_pairs
from axon.models import Model
from axon.names import need
from axon.serve.loading import is_estimator, open_model

ROWS = (1, 32)  # of the predictions that are made: some kernels are for several rows


@click.command(short_help="Compile kernels ahead of time.")
@click.argument("model", type=ModelFile(), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def warmup(model: str | None, as_json: bool) -> None:
    """Compile kernels for this processor now: all of them, or those that MODEL predicts with.

    They are kept where AXON_CACHE_DIR says, else next to the package or in a folder of yours.
    Filled once, such a folder can be part of an image: it is used where nothing can be written.
    In a Dockerfile: ENV AXON_CACHE_DIR=/opt/axon, then RUN axon warmup.
    """
    need("numba", "Compiled kernels need", "fast")
    from axon.fast.kernels import cache, declare

    began = perf_counter()
    if model is None:
        from axon.fast import machine  # noqa: F401 - declares all kernels, and compiles the loops

        declare.prepare(declare.KERNELS)
    elif is_estimator(model):
        raise click.UsageError(f"{model} holds a table estimator, which predicts without kernels.")
    else:
        _predict(open_model(model))
    seconds, place = perf_counter() - began, cache.place()
    if as_json:
        found = {"kernels": len(declare._compiled), "seconds": seconds, "kept": cache.works()}
        return click.echo(json_line(found | {"folder": place and str(place)}))
    print_pairs(
        [
            ("Ready", plural(len(declare._compiled), "kernel")),
            ("Took", f"{seconds:.1f} s"),
            ("Kept", _kept(place) if cache.works() else "no: there is no place to write to"),
        ]
    )


def _kept(place: Path | None) -> str:
    return str(place) if place else "next to the package, or in Numba's folder of yours"


def _predict(network: Model) -> None:
    """Predict something with compiled kernels, whatever they are set to."""
    shapes = network.input_shape
    several = [*shapes] if shapes and isinstance(shapes[0], tuple) else [shapes]
    axon.set_kernels("fast")
    for rows in ROWS:
        x = [np.zeros((rows, *(n or 8 for n in shape)), np.float32) for shape in several]
        network.predict(tuple(x) if len(x) > 1 else x[0])
