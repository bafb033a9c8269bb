"""``axon compare-runs``."""

import click

from axon.cli.output import note, plural
from axon.files.atomic import check_writable
from axon.names import printable


@click.command("compare-runs", short_help="Compare runs: results, curves, settings.")
@click.argument("runs", nargs=-1, required=True, type=click.Path())
@click.option(
    "--html", type=click.Path(), help="Also write an HTML page with curves, such as runs.html."
)
def compare_runs(runs: tuple[str, ...], html: str | None) -> None:
    """Compare RUNS: their scores, and the settings in which they differ.

    Each is what a run left behind: a report (`axon train --report run.html`), the folder of a
    backup (`--backup DIR`), a History as JSON or CSV (`history.to_json`, `CSVLogger`), or a saved
    model (`--save net.axon`). The best of each row is marked with a star.
    """
    from axon.report.runs import compare_runs as compared

    if len(runs) < 2:
        raise click.UsageError("give two runs or more: axon compare-runs a.html b.html")
    if html:
        check_writable(html)
    found = compared(*runs, html=html)
    click.echo(printable(str(found), keep="\n"))
    without = [run.name for run in found.runs if not run.series]
    if without and html:
        note(f"{plural(len(without), 'run')} without curves: {', '.join(without)}.")
    if html:
        click.echo(f"\nWritten: {html}")
