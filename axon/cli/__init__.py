"""The command line, ``axon`` (the extra ``cli``).

``group.py`` says what becomes of errors; ``train.py`` and its like hold a command or two each, and
are loaded when a command of theirs is asked for.
"""

import click

from axon.cli.group import Commands, CommandsLater
from axon.version import __version__

HOMES = {  # the file of each command, in the order in which they are used
    "train": "train",
    "tune": "tune",
    "resume": "train",
    "evaluate": "evaluate",
    "predict": "predict",
    "serve": "serve",
    "explain": "explain",
    "compare": "compare",
    "compare-runs": "compare_runs",
    "export": "export",
    "convert": "export",
    "info": "info",
    "summary": "info",
    "play": "play",
    "devices": "devices",
    "warmup": "warmup",
    "completion": "completion",
}


@click.group(
    cls=Commands,
    commands=CommandsLater(HOMES),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="axon")
def cli() -> None:
    """Train neural networks, and use them. Set AXON_DEBUG=1 to see where an error came from."""
