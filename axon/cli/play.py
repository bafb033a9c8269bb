"""``axon play``: see a small network learn, in the browser."""

from typing import TYPE_CHECKING

import click

from axon.cli.output import note, print_pairs

if TYPE_CHECKING:
    from axon.play import Lesson, PlayServer


@click.command(short_help="Watch a small network learn, in the browser.")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--x", "across", metavar="COLUMN", help="Column of FILE that goes across.")
@click.option("--y", "up", metavar="COLUMN", help="Column of FILE that goes up.")
@click.option(
    "--target", metavar="COLUMN", help="Column that is learned. [default: target, label, ...]"
)
@click.option("--task", type=click.Choice(["auto", "classification", "regression"]),
              default="auto", show_default=True, help="Which class, or how much.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=0,
              help="Where the page is. [default: a free port]")  # fmt: skip
@click.option("--browser/--no-browser", default=True, help="Open the page in the browser.")
def play(
    file: str | None,
    across: str | None,
    up: str | None,
    target: str | None,
    task: str,
    port: int,
    browser: bool,
) -> None:
    """See a small network learn: a page that only this machine can open.

    Choose data, layers, and how it learns; see what each neuron sees, the weights, the loss, and
    the recorded program, one instruction at a time if you like. Or draw digits by hand.

    FILE is a table of your own (.csv, .tsv, .parquet): two columns of numbers make the plane, the
    first two if you do not say which, and a third one is learned.
    """
    if file is None and any((across, up, target)):
        raise click.UsageError("--x, --y and --target name columns of a FILE, and there is none.")
    table = None if file is None else _table(file, across, up, target, task)
    server = _listening(table, file or "", port)
    print_pairs([("Page", server.address), ("", "Ctrl-C ends it.")], ["bold green"])
    try:
        if browser:
            _open(server.address)
        server.serve_forever(0.1)
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
    finally:
        server.stop()


def _table(
    file: str, across: str | None, up: str | None, target: str | None, task: str
) -> "Lesson":
    from axon.play import of_table
    from axon.tabular import read

    try:
        return of_table(read(file), across, up, target, task)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _listening(table: "Lesson | None", file: str, port: int) -> "PlayServer":
    from axon.play import PlayServer

    try:
        return PlayServer(table, file, port)
    except OSError as error:
        raise click.UsageError(
            f"--port {port} cannot be used: {error.strerror}. Leave it out to take a free one."
        ) from None


def _open(address: str) -> None:
    """Open the page, if there is a browser."""
    import webbrowser

    if not webbrowser.open(address):
        note("No browser was found: open the address above in one on this machine.")
