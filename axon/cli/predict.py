"""``axon predict``."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from axon.backend import Array
from axon.cli.estimators import demand_rows, predicted
from axon.cli.inputs import FileSamples, files_in, format_of, parts
from axon.cli.models import ModelFile
from axon.cli.output import json_line, note, plural
from axon.datasets.image_folder import SUFFIXES
from axon.files.atomic import atomic, check_writable
from axon.models import Model
from axon.names import guarded, printable
from axon.serve.loading import is_estimator, open_estimator, open_model
from axon.serve.meaning import Meaning
from axon.serve.pictures import Pictures
from axon.serve.tables import meaning_of

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".json": "jsonl", ".npy": "npy"}


@click.command(short_help="Predict for tables, arrays and images.")
@click.argument("model", type=ModelFile())
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--top",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of guesses for each sample.",
)
@click.option("--probabilities", is_flag=True, help="Add a column for each class.")
@click.option("--invert", is_flag=True, help="Images: swap black and white first.")
@click.option("--white", type=float, help="Images: the value of white.  [default: see above]")
@click.option(
    "--id", "id_column", help="For tables: the column that names a row, instead of its number."
)
@click.option(
    "--submission",
    is_flag=True,
    help="For tables: the id and the prediction alone, under the target's name, as Kaggle wants.",
)
@click.option("--format", "asked", type=click.Choice(["csv", "jsonl"]), help="What to print.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to a file: .csv, .jsonl, or .npy with the outputs as they are.",
)
def predict(
    model: str,
    inputs: Sequence[str],
    top: int,
    probabilities: bool,
    invert: bool,
    white: float | None,
    id_column: str | None,
    submission: bool,
    asked: str | None,
    output: Path | None,
) -> None:
    """Predict with MODEL, a file that `train --save` wrote, for each sample of INPUT.

    INPUT is a CSV file with the columns the model was trained on, in any order (- reads it from
    standard input); for a model that was trained on a raw table also TSV or Parquet, with text,
    missing values and dates. Or it is an NPY file with an array of samples, an NPZ file with an
    array called x or x_test, an image, or a folder of images. There may be several. The output is
    CSV: sample or file, prediction and its probability; or the predicted numbers.

    Images are resized to what the model takes, converted to grey or colour as it needs, and scaled
    to the range of values it was trained on: that of the data `train` saw, or from 0 to what a
    first layer Rescaling turns into 1, or else from 0 to 1. A network that learned white on black
    cannot read black on white: use --invert.
    """
    form = _form(asked, output)
    if submission and (probabilities or top > 1 or form == "npy"):
        raise click.UsageError("--submission has one prediction for each row, and nothing else.")
    if output:
        check_writable(output)
    if is_estimator(model):
        files = _existing(list(inputs), demand_rows)
        estimator = open_estimator(model)
        found = predicted(estimator, files, id_column)
    else:
        files = _existing(files_in(inputs), format_of)
        network = open_model(model)
        pictures = Pictures.of(network, invert, white)
        found = _predicted(network, parts(files, network, pictures, id_column), pictures)
    if form == "npy":
        return _write_array(found, output)
    meaning = meaning_of(estimator) if is_estimator(model) else Meaning.of(network, note)
    guesses = min(top, len(meaning.classes)) if meaning.classes else 1
    shown = Shown(guesses, probabilities)
    if submission:
        notes = vars(estimator) if is_estimator(model) else {"metadata_": network.metadata}
        shown = shown._replace(alone=_targets(notes, meaning))
    lines = _lines(found, files, meaning, shown, form)
    _write(lines, output)


class Shown(NamedTuple):
    """What is printed of a sample.

    Attributes:
        top: guesses.
        probabilities: of all classes.
        alone: the prediction is all there is, under these names.
    """

    top: int
    probabilities: bool
    alone: list[str] = []  # noqa: RUF012  - nobody changes it


def _targets(notes: Mapping[str, Any], meaning: Meaning) -> list[str]:
    """What is predicted, by the names of columns."""
    about = notes["metadata_"]
    named = [str(n) for n in about.get("targets") or [notes.get("target_name_")] if n]
    named = named or [str(n) for n in [about.get("target")] if n]
    outputs = 1 if meaning.classes else len(meaning.columns)
    return (
        named if len(named) == outputs else ["prediction"] if meaning.classes else meaning.columns
    )


def _form(asked: str | None, output: Path | None) -> str:
    """The format: as asked for, or by the name of the file."""
    suffix = output.suffix.lower() if output else ".csv"
    if asked is None and suffix not in FORMATS:
        raise click.UsageError(
            f"--output: expected a {', '.join(FORMATS)} file, got {str(output)!r}. Or choose with "
            "--format."
        )
    return asked or FORMATS[suffix]


def _existing(files: list[str], check: Callable[[str], object]) -> list[str]:
    """The files, if all can be opened and are of a known kind."""
    for path in files:
        check(path)
        if path != "-":
            with open(path, "rb"):
                pass
    if files.count("-") > 1:
        raise click.UsageError("- stands for standard input, which can be read once only.")
    return files


def _predicted(
    network: Model, found: Iterable[FileSamples], pictures: Pictures
) -> Iterator[tuple[FileSamples, Array]]:
    """Each part with what the network makes of it; at the end a word on images that look odd."""
    odd = images = 0
    for part in found:
        if format_of(part.files[0]) == "image":
            images += len(part.x)
            odd += sum(map(pictures.unlike, part.x))
        yield part, network.predict(part.x)
    if odd:
        known, theirs = (
            ("dark", "bright") if (pictures.background or 0) < 0.5 else ("bright", "dark")
        )
        less = "without" if pictures.invert else "with"
        note(
            f"{plural(odd, 'image')} of {images:,} {'has' if odd == 1 else 'have'} a {theirs} "
            f"margin, but the model was trained on {known} ones: try it {less} --invert."
        )


# ------------------------------------------------------------------------------------ printing


def _lines(
    found: Iterable[tuple[FileSamples, Array]],
    files: list[str],
    meaning: Meaning,
    shown: Shown,
    form: str,
) -> Iterator[str]:
    """What is printed, line by line."""
    alone, images = len(files) == 1, all(path.lower().endswith(SUFFIXES) for path in files)
    places: list[str] = []
    for part, outputs in found:
        if not places:  # not before something could be read
            places = ["file"] if images else [part.called] if alone else ["file", part.called]
            yield from [_csv([*places, *_columns(meaning, shown)])] if form == "csv" else []
        values = meaning.probabilities(outputs) if meaning.classes else outputs
        names = part.rows if part.ids is None else part.ids
        for file, number, row in zip(part.files, names, values, strict=True):
            told = [file] if images else [number] if alone else [file, number]
            place = dict(zip(places, told, strict=True))
            if form == "csv":
                yield _csv([*place.values(), *_cells(row, meaning, shown)])
            else:
                yield json_line({**place, **_object(row, meaning, shown)})


def _csv(cells: Sequence[object]) -> str:
    import csv
    from io import StringIO

    line = StringIO()
    csv.writer(line, lineterminator="").writerow(map(guarded, cells))
    return line.getvalue()


def _columns(meaning: Meaning, shown: Shown) -> list[str]:
    if shown.alone:
        return shown.alone
    if not meaning.classes:
        return meaning.columns
    numbers = ["", *(f"_{i}" for i in range(2, shown.top + 1))]
    guesses = [f"{name}{number}" for number in numbers for name in ("prediction", "probability")]
    return [
        *guesses,
        *(f"probability of {name}" for name in meaning.classes if shown.probabilities),
    ]


def _best(row: Array, top: int) -> list[int]:
    """The likeliest classes; of equals the first."""
    return np.argsort(-row, kind="stable")[:top].tolist()


def _cells(row: Array, meaning: Meaning, shown: Shown) -> list[str]:
    if not meaning.classes:
        return [f"{value:.7g}" if abs(value) < 1e7 else f"{value:.0f}" for value in row]
    if shown.alone:
        return [meaning.classes[_best(row, 1)[0]]]
    guesses = [
        cell for i in _best(row, shown.top) for cell in (meaning.classes[i], f"{row[i]:.4f}")
    ]
    return [*guesses, *(f"{p:.4f}" for p in row if shown.probabilities)]


def _object(row: Array, meaning: Meaning, shown: Shown) -> dict[str, Any]:
    """One line of JSON."""
    if not meaning.classes:
        return dict(zip(shown.alone or meaning.columns, row.tolist(), strict=True))
    best = [(meaning.classes[i], float(row[i])) for i in _best(row, shown.top)]
    if shown.alone:
        return {shown.alone[0]: best[0][0]}
    line: dict[str, Any] = {"prediction": best[0][0], "probability": best[0][1]}
    if shown.top > 1:
        line["top"] = [{"prediction": name, "probability": p} for name, p in best]
    if shown.probabilities:
        line["probabilities"] = dict(zip(meaning.classes, row.tolist(), strict=True))
    return line


def _write_array(found: Iterable[tuple[FileSamples, Array]], output: Path | None) -> None:
    """Write the outputs as they are."""
    assert output
    with atomic(output) as stream:
        np.save(stream, np.concatenate([outputs for _, outputs in found]))


def _write(lines: Iterable[str], output: Path | None) -> None:
    """Print the lines as they come, or write a file, whole or not at all."""
    if output is None:
        for line in lines:
            click.echo(printable(line))
        return
    with atomic(output) as stream:
        for line in lines:
            stream.write(f"{line}\n".encode())
