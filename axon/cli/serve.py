"""``axon serve``."""

import click

from axon.cli.models import ModelFile
from axon.cli.numbers import ByteSize, Count
from axon.cli.output import note
from axon.cli.tables import Seconds
from axon.names import need


@click.command(short_help="Answer predictions over HTTP.", context_settings={"show_default": True})
@click.argument("model", type=ModelFile())
@click.option("--host", default="127.0.0.1", help="Where it listens; 0.0.0.0 is all the network.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, help="0: any that is free.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Processes that answer.")
@click.option("--max-bytes", type=ByteSize(), default="10MB", help="Of the body of a request.")
@click.option("--max-rows", type=Count(), default="10_000", help="Rows in a request.")
@click.option("--timeout", type=Seconds(), default="30s", help="For a body, and for an answer.")
@click.option("--quiet", is_flag=True, help="Print no line for each request.")
def serve(
    model: str,
    host: str,
    port: int,
    workers: int,
    max_bytes: int,
    max_rows: int,
    timeout: float,
    quiet: bool,
) -> None:
    """Answer predictions of MODEL over HTTP, until Ctrl-C or SIGTERM.

    POST /predict takes JSON or CSV, and images where the model does, and answers in kind; /docs is
    a page to try it on, /openapi.json describes it to programs, /model says which columns it wants,
    /health and /ready are for whoever watches it. SIGHUP reads the model's file again.

    It asks nobody who they are: before it listens to a network, put a proxy in front of it.
    """
    need("starlette.applications", "axon serve needs", "serve")
    need("uvicorn", "axon serve needs", "serve")
    from axon.serve.application import Limits
    from axon.serve.server import Listening, run

    def said(address: str) -> None:
        note(f"Serving {model} on {address} (try {address}/docs). Stop it with Ctrl-C.")

    limits = Limits(max_bytes, max_rows, timeout)
    run(Listening(model, host, port, workers, limits, quiet), said)
