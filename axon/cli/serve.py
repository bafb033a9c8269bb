"""``axon serve``."""

import click

from axon.cli.models import ModelFile
from axon.cli.numbers import ByteSize, Count
from axon.cli.options import Seconds
from axon.cli.output import note
from axon.names import need


@click.command(short_help="Serve predictions over HTTP.", context_settings={"show_default": True})
@click.argument("model", type=ModelFile())
@click.option("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 for all networks.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    help="Port to listen on; 0 for any free one.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Number of processes.")
@click.option("--max-bytes", type=ByteSize(), default="10MB", help="Largest request body.")
@click.option("--max-rows", type=Count(), default="10_000", help="Most rows in a request.")
@click.option(
    "--timeout", type=Seconds(), default="30s", help="For a body to arrive, and for the answer."
)
@click.option("--quiet", is_flag=True, help="Do not log each request.")
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
    """Serve predictions of MODEL over HTTP, until Ctrl-C or SIGTERM.

    POST /predict takes JSON or CSV, and images if the model does, and answers in the same format.
    /docs is a page to try it out on, /openapi.json describes it to programs, /model lists the
    columns it expects, /health and /ready are for monitoring. SIGHUP reloads the model's file.

    There is no authentication: put a reverse proxy in front before you expose it to a network.
    """
    need("starlette.applications", "axon serve needs", "serve")
    need("uvicorn", "axon serve needs", "serve")
    from axon.serve.application import Limits
    from axon.serve.server import Listening, run

    def said(address: str) -> None:
        near = address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
        note(f"Serving {model} on {address} (try {near}/docs). Stop it with Ctrl-C.")

    limits = Limits(max_bytes, max_rows, timeout)
    run(Listening(model, host, port, workers, limits, quiet), said)
