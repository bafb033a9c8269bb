"""The command line, ``axon`` (the extra ``cli``).

``group.py`` says what becomes of errors; ``train.py`` and its like hold a command or two each.
"""

import click

from axon.cli.compare import compare
from axon.cli.compare_runs import compare_runs
from axon.cli.completion import completion
from axon.cli.devices import devices
from axon.cli.evaluate import evaluate
from axon.cli.examples import with_examples
from axon.cli.explain import explain
from axon.cli.export import convert, export
from axon.cli.group import Commands
from axon.cli.info import info, summary
from axon.cli.play import play
from axon.cli.predict import predict
from axon.cli.serve import serve
from axon.cli.train import resume, train
from axon.cli.tune import tune
from axon.cli.warmup import warmup
from axon.version import __version__


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="axon")
def cli() -> None:
    """Train neural networks, and use them. Set AXON_DEBUG=1 to see where an error came from."""


COMMANDS = (
    *(train, tune, resume, evaluate, predict, serve, explain, compare, compare_runs),
    *(export, convert, info, summary, play, devices, warmup, completion),
)

for _command in COMMANDS:
    cli.add_command(with_examples(_command))
