"""Floor 7: the command line, ``axon`` (extra ``axon-nn[cli]``)."""

import math
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console

import axon
from axon import datasets, layers, optimizers
from axon.backend import Array
from axon.callbacks import History
from axon.datasets.search import cache_folder, places
from axon.models import Sequential
from axon.models.saving import check_writable
from axon.names import suggestion

BUILT_IN = ("mnist", "fashion_mnist", "digits", "breast_cancer")
FEW = 10_000  # below so many training samples, batches are smaller and epochs more

console = Console(highlight=False)


class Commands(click.Group):
    """Commands whose errors are messages for the user, not tracebacks."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what AXON says of wrong input is all that is shown."""
        try:
            return super().invoke(ctx)
        except (ValueError, OSError, ImportError, MemoryError) as error:
            if "AXON_DEBUG" in os.environ:
                raise
            short = "not enough memory: " if isinstance(error, MemoryError) else ""
            raise click.ClickException(f"{short}{error}") from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(axon.__version__, prog_name="axon")
def cli() -> None:
    """Train neural networks, and use them. Set AXON_DEBUG=1 to see where an error came from."""


# ------------------------------------------------------------------------------------ train


class Task(NamedTuple):
    """Data to learn from, and what is known about them."""

    title: str
    name: str
    train: tuple[Array, Array]
    test: tuple[Array, Array]
    class_names: Sequence[str]
    feature_names: Sequence[str] = ()


def _sizes(context: click.Context, option: click.Parameter, text: str) -> list[int]:
    """Read ``128,64``; an empty text means no hidden layers."""
    try:
        sizes = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        sizes = [0]
    if any(size < 1 for size in sizes):
        raise click.BadParameter(f"expected sizes of at least 1 such as 128,64, got {text!r}.")
    return sizes


@cli.command()
@click.argument("data", default="mnist")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the data. [5; small data: 30]")
@click.option("--batch-size", type=click.IntRange(1), help="Samples a step. [128; small data: 32]")
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    help="Size of a step.  [default: the optimizer's own]",
)
@click.option("--optimizer", default="adam", show_default=True, help="How weights are updated.")
@click.option(
    "--hidden", default="128,64", show_default=True, callback=_sizes, help="Neurons a hidden layer."
)
@click.option(
    "--model",
    "kind",
    type=click.Choice(["mlp", "cnn"]),
    default="mlp",
    show_default=True,
    help="Dense layers, or convolution for images.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all chance.")
@click.option("--target", help="For a CSV file: the column of labels.")
@click.option("--save", type=click.Path(path_type=Path), help="Write the model, such as net.axon.")
@click.option("--plot", is_flag=True, help="Write curves and mistakes as PNG, beside the model.")
def train(
    data: str,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    optimizer: str,
    hidden: list[int],
    kind: str,
    seed: int,
    target: str | None,
    save: Path | None,
    plot: bool,
) -> None:
    """Train a classifier on DATA and report how well it does on its test set.

    DATA is mnist (the default), fashion_mnist, digits, breast_cancer, a CSV file with a header and
    a column of labels, or an NPZ file with x and y, or x_train, y_train, x_test and y_test. A
    fifth of a file is kept for testing. Nothing is learned from the test set.
    """
    chosen = _optimizer(optimizer, learning_rate)
    if save:
        check_writable(save)
    pictures = _pictures(save, plot)
    task = _load(data, target, seed)
    axon.set_random_seed(seed)
    few = len(task.train[0]) < FEW
    model = _convolutional(task) if kind == "cnn" else _network(task, hidden)
    model.compile("categorical_cross_entropy", chosen, metrics=["accuracy"])
    history = model.fit(
        *task.train,
        batch_size=batch_size or (32 if few else 128),
        epochs=epochs or (30 if few else 5),
        validation_data=task.test,
    )
    if not math.isfinite(history.history["loss"][-1]):
        raise click.ClickException(
            f"the loss became {history.history['loss'][-1]}: training diverged. Try a smaller "
            f"--learning-rate than {chosen.learning_rate:g}."
        )
    written = _write(model, task, history, save, pictures)
    _report(model, task, history, written)


def _optimizer(name: str, learning_rate: float | None) -> optimizers.Optimizer:
    chosen = optimizers.get(name)
    if learning_rate is not None:
        chosen.learning_rate = learning_rate
    return chosen


def _pictures(save: Path | None, plot: bool) -> Path | None:
    """Where pictures will go; found out before training whether they can be drawn and written."""
    if not plot:
        return None
    from axon.plot import need_matplotlib

    need_matplotlib()
    folder = save.parent if save else Path()
    check_writable(folder / "picture.png")
    return folder


def _load(data: str, target: str | None, seed: int) -> Task:
    """Find the data; where MNIST cannot be had, say so and take the built-in digits."""
    suffix = Path(data).suffix.lower()
    if suffix == ".csv":
        return _table(Path(data), target, seed)
    if suffix == ".npz":
        train, test = datasets.load_npz(data, seed=seed)
        names = [str(i) for i in range(int(max(train[1].max(), test[1].max())) + 1)]
        return Task(data, Path(data).stem, train, test, names)
    if data not in BUILT_IN:
        hint = suggestion(data, list(BUILT_IN))
        raise click.UsageError(
            f"unknown data {data!r}.{hint} Known: {', '.join(BUILT_IN)}, or a .csv or .npz file."
        )
    if data == "mnist":
        try:
            return Task("MNIST", data, *datasets.mnist.load_data(), _digits())
        except (datasets.DatasetUnavailable, ImportError) as error:
            if any(place.is_dir() for place in places(datasets.mnist.SOURCE)):
                console.print(str(error), style="dim", soft_wrap=True)  # a copy, but a bad one
            console.print(
                "MNIST cannot be had (no good copy, no download): training on the built-in digits.",
                style="yellow",
                soft_wrap=True,
            )
            data = "digits"
    return _built_in(data)


def _built_in(data: str) -> Task:
    if data == "fashion_mnist":
        names = datasets.fashion_mnist.CLASS_NAMES
        return Task("Fashion-MNIST", data, *datasets.fashion_mnist.load_data(), names)
    if data == "digits":
        title = "the built-in digits (8 x 8 images, UCI)"
        return Task(title, data, *datasets.digits.load_data(), _digits())
    module = datasets.breast_cancer
    title = "Breast Cancer Wisconsin (UCI)"
    return Task(title, data, *module.load_data(), module.CLASS_NAMES, module.FEATURE_NAMES)


def _digits() -> list[str]:
    return [str(i) for i in range(10)]


def _table(path: Path, target: str | None, seed: int) -> Task:
    table = datasets.load_csv(path, target)
    train, test = datasets.split_data(table.x, table.y, seed=seed)
    title = f"{path} (labels: {table.target_name})"
    return Task(title, path.stem, train, test, table.class_names, table.feature_names)


def _convolutional(task: Task) -> Sequential:
    """Two convolutions with normalization and pooling, dropout, one output per class."""
    x = task.train[0]
    if x.ndim not in (3, 4):
        raise click.UsageError(
            f"--model cnn needs images (n, height, width) or (n, height, width, channels), but "
            f"{task.title} holds samples of shape {x.shape[1:]}. Use --model mlp."
        )
    model = Sequential(name=task.name)
    model.add(layers.Rescaling(1 / max(float(x.max()), 1.0)))
    if x.ndim == 3:
        model.add(layers.Reshape((*x.shape[1:], 1)))
    for filters in (32, 64):
        model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Activation("relu"))
        model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(len(task.class_names), activation="softmax"))
    model.build(x.shape[1:])
    return model


def _network(task: Task, hidden: list[int]) -> Sequential:
    """Preparation of the data, hidden layers of relu, one output per class."""
    x = task.train[0]
    model = Sequential(name=task.name)
    if x.dtype.kind in "iu" and x.ndim > 2:  # images of whole numbers
        model.add(layers.Rescaling(1 / max(float(x.max()), 1.0)))
        model.add(layers.Flatten())
    else:
        if x.ndim > 2:
            model.add(layers.Flatten())
        normalization = layers.Normalization()
        normalization.adapt(x.reshape(len(x), -1))
        model.add(normalization)
    for size in hidden:
        model.add(layers.Dense(size, activation="relu", kernel_initializer="he_uniform"))
    model.add(layers.Dense(len(task.class_names), activation="softmax"))
    model.build(x.shape[1:])
    return model


def _write(
    model: Sequential, task: Task, history: History, save: Path | None, pictures: Path | None
) -> list[Path]:
    """Write what was asked for and return where it went."""
    written = []
    if save:
        model.metadata = {
            "data": task.title,
            "class_names": list(task.class_names),
            "feature_names": list(task.feature_names),
            "test_accuracy": history.history["val_accuracy"][-1],
        }
        model.save(save)
        written.append(save)
    if pictures is not None:
        from axon import plot

        x, y = task.test
        grid = plot.mistakes(x, y, model.predict(x), task.class_names)
        for kind, figure in (("curves", plot.curves(history)), ("mistakes", grid)):
            written.append(pictures / f"{task.name}-{kind}.png")
            plot.save(figure, written[-1])
    return written


def _report(model: Sequential, task: Task, history: History, written: list[Path]) -> None:
    """The closing report: how well, on what, how fast, how large, where the files are."""
    seen, seconds = len(task.train[0]) * len(history.epoch), sum(history.seconds)
    things = "images" if task.train[0].ndim > 2 else "samples"
    sizes = f"{len(task.train[0]):,} to train, {len(task.test[0]):,} to test"
    rows = [
        ("Test accuracy", f"[bold green]{history.history['val_accuracy'][-1]:.2%}[/]"),
        ("Data", f"{task.title}: {sizes}"),
        ("Time", f"{seconds:.1f} s, {seen / seconds:,.0f} {things}/s"),
        ("Parameters", f"{model.count_params():,}"),
        *(("Written", str(path)) for path in written),
    ]
    _print_pairs(rows)


def _print_pairs(rows: Sequence[tuple[str, str]]) -> None:
    for name, value in rows:
        console.print(f"[dim]{name:<14}[/] {value}", soft_wrap=True)


# ------------------------------------------------------------------------------------ use


@cli.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False))
@click.argument("input", type=click.Path(exists=True, dir_okay=False))
def predict(model: str, input: str) -> None:
    """Predict with MODEL, a file that `train --save` wrote, for each sample of INPUT.

    INPUT is a CSV file with the columns the model was trained on, an NPY file with an array of
    samples, or an NPZ file with one called x or x_test. Prints CSV: sample, prediction and its
    probability.
    """
    network = axon.load_model(model)
    outputs = network.predict(_samples(input, network.metadata.get("feature_names") or None))
    names = network.metadata.get("class_names") or range(outputs.shape[-1])
    click.echo("sample,prediction,probability")
    for number, row in enumerate(outputs):
        best = int(row.argmax())
        click.echo(f"{number},{names[best]},{row[best]:.4f}")


def _samples(path: str, feature_names: Sequence[str] | None) -> Array:
    suffix = Path(path).suffix.lower()
    if suffix == ".csv" and not feature_names:
        raise click.UsageError(
            "the model was not trained on named columns: use an .npy or .npz file."
        )
    readers: dict[str, Callable[[], Array]] = {
        ".csv": lambda: datasets.read_features(path, feature_names or ()),
        ".npy": lambda: np.load(path, allow_pickle=False),
        ".npz": lambda: _from_npz(path),
    }
    if suffix not in readers:
        raise click.UsageError(f"cannot read {path}: expected a {', '.join(readers)} file.")
    return readers[suffix]()


def _from_npz(path: str) -> Array:
    with np.load(path, allow_pickle=False) as archive:
        for key in ("x", "x_test"):
            if key in archive.files:
                return np.asarray(archive[key])
        raise ValueError(f"{path}: expected an array called x or x_test, found {archive.files}.")


@cli.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False))
def summary(model: str) -> None:
    """Show the layers of MODEL, a file that `train --save` wrote, and what it was trained on."""
    network = axon.load_model(model)
    network.summary(click.echo)
    for key, value in network.metadata.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        if shown != "":
            click.echo(f"{key.replace('_', ' ')}: {shown}")


@cli.command()
def info() -> None:
    """Show versions, the BLAS library and its threads, devices, and where data are looked for."""
    from importlib.metadata import PackageNotFoundError, version

    rows = [("axon", axon.__version__), ("python", platform.python_version())]
    for package in ("numpy", "click", "rich", "pooch", "matplotlib", "numba", "threadpoolctl"):
        try:
            rows.append((package, version(package)))
        except PackageNotFoundError:
            rows.append((package, "not installed"))
    config: Any = np.show_config(mode="dicts")
    blas = config["Build Dependencies"]["blas"]
    rows.append(("BLAS", f"{blas.get('name')} {blas.get('version')}, {_blas_threads()}"))
    rows.append(("devices", f"cpu ({os.cpu_count()} cores, {platform.machine()})"))
    rows.append(("AXON_DATA_DIR", os.environ.get("AXON_DATA_DIR", "not set")))
    rows.append(("cache", str(cache_folder(datasets.mnist.SOURCE).parent)))
    _print_pairs(rows)


def _blas_threads() -> str:
    """How many threads BLAS uses, if there is a way to know."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "threads unknown (pip install threadpoolctl)"
    threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return f"{threads[0]} threads" if threads else "threads unknown"
