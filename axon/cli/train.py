"""``axon train`` and ``axon resume``."""

import os
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from axon import optimizers
from axon.cli import config
from axon.cli.data import BUILT_IN, TASKS
from axon.cli.learning import learning_options
from axon.cli.options import ColumnNames, Seconds, Shares, demand_one_target, one_or_several
from axon.cli.output import note, print_pairs
from axon.cli.run import SETTINGS, Settings, TrainingRun
from axon.cli.several import run_of
from axon.cli.tables import (
    ONLY_TABLES,
    TableRun,
    given_options,
    of_tables,
    taken_as_it_comes,
)
from axon.cli.verdict import CLASSES, METRICS, NUMBERS, PINBALL
from axon.files.atomic import atomic, check_writable
from axon.modes import modes
from axon.names import readable
from axon.program.lowerings import CHOICES, PRECISIONS, VARIABLE, Kernels, without_effect
from axon.ranks import RankError

MADE_WITH = "axon.cli.made_with"  # where a context keeps what a file said of the run before
LEFT_OUT = {"validation": 0.0}  # what a file of a run says by not saying it
OUTPUTS = {"save", "report", "plot", "backup", "backup_every"}  # options that change no run


class ImageSize(click.ParamType):  # type: ignore[type-arg]  # older ones take none
    """``64x48`` (height and width) or ``64``."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return (height, width)."""
        if isinstance(value, tuple):
            return value
        parts = [part for part in str(value).lower().split("x") if part.isdecimal()]
        if len(parts) != str(value).lower().count("x") + 1 or len(parts) > 2 or "0" in parts:
            self.fail(f"expected pixels such as 64 or 64x48 (height x width), got {value!r}.")
        return int(parts[0]), int(parts[-1])


def complete_data(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The data that are built in, and files."""
    known = [CompletionItem(name) for name in BUILT_IN if name.startswith(incomplete)]
    return known or [CompletionItem(incomplete, type="file")]


def complete_optimizer(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The names of optimizers."""
    return [name for name in sorted(optimizers.OPTIMIZERS) if name.startswith(incomplete)]


def _read_config(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Let a file say what the command line does not."""
    if path is not None:
        ctx.default_map, tables = config.read(path, ctx.command)
        ctx.meta[MADE_WITH] = tables["made_with"]
        if tables["made_with"] and not {*ONLY_TABLES} & {*ctx.default_map}:
            ctx.default_map = {**LEFT_OUT, **ctx.default_map}
    return path


A_FILE = click.Path(path_type=Path)


@click.command(
    short_help="Train a network on data, and test it.", context_settings={"show_default": True}
)
@click.argument("data", default="mnist", shell_complete=complete_data)
@click.option("--epochs", type=click.IntRange(1), help="Passes over the data. [5; small data: 30]")
@click.option(
    "--batch-size", type=click.IntRange(1), help="Samples per step. [128; small data: 32]"
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    help="Step size of the optimizer.  [default: the optimizer's own]",
)
@click.option(
    "--optimizer",
    default="adam",
    shell_complete=complete_optimizer,
    help="How weights are updated.",
)
@click.option(
    "--hidden", type=config.SizesOption(), default="128,64", help="Neurons of each hidden layer."
)
@click.option(
    "--model",
    "kind",
    type=click.Choice(["mlp", "cnn", "photo"]),
    help="Dense layers; two convolutions; or a deeper network for photos.  "
    "[default: mlp; photo for a folder of images]",
)
@learning_options
@click.option("--seed", type=click.IntRange(0), default=0, help="Seed of all random numbers.")
@click.option(
    "--target",
    multiple=True,
    callback=one_or_several,
    help="For a table: the column to predict; several times: all of them.",
)
@click.option(
    "--task",
    type=click.Choice(TASKS),
    default="auto",
    help="For a table: predict classes, or numbers.",
)
@click.option("--drop", type=ColumnNames(), help="For a table: columns to leave out: id,name.")
@click.option("--categorical", type=ColumnNames(), help="For a table: columns of categories.")
@click.option(
    "--numeric", type=ColumnNames(), help="For a table: columns of numbers; words count as missing."
)
@click.option(
    "--gaps", type=ColumnNames(), help="For a table: words that mean a missing value: NA,-999."
)
@click.option("--encoding", help="For a table: its encoding: latin-1, cp1251.")
@click.option(
    "--quantiles",
    type=Shares(),
    help="For a table: predict these quantiles of numbers: 0.1,0.5,0.9.",
)
@click.option(
    "--effort",
    type=click.Choice(["fast", "good", "best"]),
    help="For a table: one network, eight, or five folds of eight.  [default: good]",
)
@click.option(
    "--time-limit",
    type=Seconds(),
    help="For a table: start no epoch after 60s, 10min, 1h; results depend on the speed.",
)
@click.option("--members", type=click.IntRange(1), help="For a table: networks side by side.")
@click.option(
    "--bins", type=click.IntRange(0), help="For a table: pieces of each number's span; 0: none."
)
@click.option(
    "--bin-scale",
    type=click.FloatRange(0, min_open=True),
    help="For a table: size of these inputs at first; less is smoother.",
)
@click.option(
    "--metric",
    type=click.Choice(METRICS),
    metavar="NAME",
    help=f"For a table: what is reported first: {', '.join(CLASSES)}; of numbers "
    f"{', '.join(NUMBERS)}; of quantiles {PINBALL}.",
)
@click.option(
    "--folds",
    type=click.IntRange(2),
    help="For a table: number of folds, each scored by networks that did not see it.",
)
@click.option("--classes", type=config.Names(), help="For a CSV file: all its labels: yes,no.")
@click.option("--image-size", type=ImageSize(), help="For a folder of images: 64, or 64x48.")
@click.option(
    "--kernels",
    type=click.Choice(CHOICES),
    help="Kernels to compute with.  [default: AXON_KERNELS, else auto]",
)
@click.option("--device", help="For --kernels jax: cpu, gpu or tpu; gpu:0 is one of several.")
@click.option(
    "--precision", type=click.Choice(PRECISIONS), help="For --kernels jax: precision of products."
)
@click.option(
    "--shards",
    type=click.IntRange(1),
    help="Cut each batch into 2, 4, 8 ... parts, for so many processes or fewer.  "
    "[default: 8 under mpiexec]",
)
@click.option("--save", type=A_FILE, help="Write the model, such as net.axon.")
@click.option("--plot", is_flag=True, help="Write curves and mistakes as PNG, beside the model.")
@click.option("--report", type=A_FILE, help="Write a report of the run, such as run.html.")
@click.option("--backup", type=A_FILE, help="Keep a backup in this folder, for `axon resume`.")
@click.option(
    "--backup-every",
    default="epoch",
    help="How often: epoch, a number of steps, or a time such as 30s or 10min.",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    is_eager=True,
    callback=_read_config,
    help="Take options from a TOML file; those on the command line win.",
)
@click.option(
    "--dump-config",
    type=A_FILE,
    is_flag=False,
    flag_value=Path("-"),
    help="Write all options to a TOML file, then train; without a name, only print them.",
)
@click.pass_context
def train(ctx: click.Context, /, dump_config: Path | None, **settings: Any) -> None:
    """Train a network on DATA and report how well it does on data that it has not seen.

    DATA is mnist (the default), fashion_mnist, digits or breast_cancer; a raw table (CSV, TSV,
    Parquet) with text, missing values and dates, and a column to predict (--target); an NPZ file
    with x and y, or x_train, y_train, x_test and y_test; or a folder with one subfolder of images
    for each class. A fifth of a file or folder is kept for testing; nothing is learned from it.

    A raw table is learned by several small networks, each of which leaves out some of the rows, to
    be scored on them. With options that describe a network (--hidden, --epochs ...) that one
    network learns a CSV file of numbers instead. Beside an option for tables, such as --effort
    good, these options are about the networks that learn the table.

    `--dump-config run.toml` and later `--config run.toml` repeat a run exactly, bit for bit.
    """
    settings.pop("config")
    given = given_options(ctx)
    if taken_as_it_comes(settings["data"], given, settings["effort"]):
        _learn_table(ctx, of_tables(settings, given), dump_config)
    else:
        demand_one_target(settings)
        others = {k: v for k, v in settings.items() if k not in ONLY_TABLES}
        _train_network(ctx, others, dump_config)


def _learn_table(ctx: click.Context, settings: Settings, dump_config: Path | None) -> None:
    """Learn a table as it comes."""
    run = run_of(settings, ctx.command)
    _check_dump(dump_config)
    if dump_config != Path("-"):
        _spare(ctx, run)
    run.run(ctx.meta.get(MADE_WITH, {}), dump_config)


def _train_network(ctx: click.Context, settings: Settings, dump_config: Path | None) -> None:
    """Train a network that the options describe."""
    with _kernels(settings, os.environ.get(VARIABLE)):
        run = TrainingRun(ctx.command, settings, fall_back="data" not in (ctx.default_map or {}))
        run.check()
        _check_dump(dump_config)
        if settings["backup"]:
            _claim(settings["backup"])
        run.load()
        run.compare(ctx.meta.get(MADE_WITH, {}))
        if dump_config != Path("-"):
            _spare(ctx, run)
        if dump_config == Path("-"):
            click.echo(run.text(), nl=False)
            return
        if dump_config:
            _write(run, dump_config)
        if settings["backup"]:
            run.keep()
        _watched(run)


def _kernels(settings: Settings, otherwise: str | None = None) -> Kernels:
    """What computes, for as long as a run lasts."""
    kernels = settings["kernels"] or otherwise or "auto"
    for name in ("device", "precision"):
        if settings[name] and kernels != "jax":
            raise click.UsageError(f"--{name} is for --kernels jax, and the kernels are {kernels}.")
    if said := without_effect(kernels):
        note(f"{said}. For it: --kernels jax.")
    return Kernels(kernels, settings["device"], settings["precision"])


def _check_dump(path: Path | None) -> None:
    """Refuse `--dump-config mnist`, which would take DATA for the name of the file."""
    if path is None or path == Path("-"):
        return
    if path.suffix.lower() != ".toml":
        raise click.UsageError(
            f"--dump-config: expected the name of a .toml file, got {str(path)!r}. To print the "
            "options instead, put --dump-config last."
        )
    check_writable(path)


def _write(run: TrainingRun, path: Path) -> None:
    with atomic(path) as stream:
        stream.write(run.text().encode())
    run.written.append(path)


def _spare(ctx: click.Context, run: TrainingRun | TableRun) -> None:
    """Refuse to write over what the run before made, if this is another one."""
    if not ctx.meta.get(MADE_WITH):
        return  # no run was before, or somebody wrote the file by hand
    given = {p for p in run.settings if ctx.get_parameter_source(p) is ParameterSource.COMMANDLINE}
    named = [] if "plot" in given else run.drawings()
    named += [run.settings[k] for k in ("save", "report") if k not in given and run.settings[k]]
    there = [str(path) for path in named if os.path.exists(path)]
    if there and given - OUTPUTS:
        options = ", ".join(sorted(f"--{p.replace('_', '-')}" for p in given - OUTPUTS))
        raise click.ClickException(
            f"with {options} this is another run, and it would write over {', '.join(there)}, "
            "which the file says the run before made. Name others by --save and --report "
            "(pictures lie beside the model), or move these away."
        )


def _claim(folder: Path) -> None:
    """Make the folder of a backup; one that holds a run already is not touched."""
    from axon.callbacks import backup_position

    if not modes.leads:
        return
    if (folder / SETTINGS).exists() or (folder.is_dir() and backup_position(folder) is not None):
        raise click.ClickException(
            f"{folder} holds the backup of a run. Go on with it: axon resume {folder}. Or delete "
            "it, or choose another folder."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "there is a file of this name" if folder.is_file() else error.strerror
        raise click.ClickException(f"--backup {folder}: cannot make the folder: {reason}") from None
    check_writable(folder / SETTINGS)


def _watched(run: TrainingRun) -> None:
    """Train; on Ctrl-C, be it on another rank, say how to go on."""
    try:
        run.train()
    except (KeyboardInterrupt, RankError) as stop:
        if isinstance(stop, RankError) and not stop.interrupted:
            raise
        backup = run.settings["backup"]
        ended = KeyboardInterrupt()
        ended.add_note(f"Go on with: axon resume {backup}" if backup else "Nothing was saved.")
        raise ended from stop


@click.command(short_help="Continue a run that was interrupted.")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
def resume(directory: Path) -> None:
    """Continue the run whose backup is in DIRECTORY.

    Whatever ended `axon train --backup DIRECTORY`, Ctrl-C, a crash or a power cut: the network ends
    with the same bits as if nothing had happened. All options are those of the run; its files
    are written where it would have written them.
    """
    path = directory / SETTINGS
    if not path.is_file():
        raise click.ClickException(
            f"{directory} is no backup of `axon train --backup`: there is no {SETTINGS} in it."
        )
    options, tables = config.read(path, train)
    settings = train.make_context("train", [], default_map={**LEFT_OUT, **options}).params
    settings["backup"] = directory.absolute()
    if tables["result"]:
        return _finished(directory, tables["result"], settings)
    with _folder(path, tables["made_with"]), _kernels(settings):
        settings |= {k: v.absolute() for k in ("save", "report") if (v := settings[k])}
        run = TrainingRun(train, settings, fall_back=False)
        run.check()
        run.load()
        run.compare(tables["made_with"], strict=True)
        _say_where(directory)
        _watched(run)


def _folder(path: Path, made_with: Mapping[str, object]) -> chdir[str]:
    """Where the run was started: its relative paths begin there."""
    folder = str(made_with.get("folder", ""))
    if not os.path.isdir(folder):
        raise click.ClickException(
            f"{path}: the run was started in {folder!r}, which is not there any more. Correct "
            "`folder` in this file."
        )
    return chdir(folder)


def _finished(directory: Path, result: Mapping[str, float], settings: Settings) -> None:
    """Say how a run ended."""
    note(f"The run in {directory} is finished: there is nothing to resume.")
    files = [str(settings[k]) for k in ("save", "report") if settings[k]]
    rows = [
        (name.replace("_", " ").capitalize(), readable(value, 6)) for name, value in result.items()
    ]
    print_pairs([*rows, *(("Written", file) for file in files)])


def _say_where(directory: Path) -> None:
    from axon.callbacks import backup_position

    position = backup_position(directory)
    done = f"{position[0]} epochs are done" if position else "no epoch is done yet"
    note(f"Going on with the run in {directory}: {done}.")
