"""A model behind a service: what it wants, and its answers to what a request holds."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from axon.backend import Array, DType
from axon.layers.open_sizes import is_open
from axon.models import Model
from axon.serve.bodies import CellsByName, Given, Unnamed, Upload, demand_rows
from axon.serve.meaning import Meaning
from axon.serve.refused import Refused
from axon.serve.tables import given, meaning_of

if TYPE_CHECKING:
    from axon.tabular import Table

SHOWN = 20  # names or values that an answer lists


class Wishes(NamedTuple):
    """What a request asks for besides predictions.

    Attributes:
        interval: the share of targets that intervals shall hold; none: no intervals.
        ignore: columns that the model does not know are passed over.
        max_rows: rows that are answered at once.
    """

    interval: float | None = None
    ignore: bool = False
    max_rows: int = 10_000


class Answers(NamedTuple):
    """Answers, one for each row.

    Attributes:
        values: probabilities (n, classes), or numbers (n, ...).
        notes: what is odd about the rows, in sentences.
        intervals: (n, 2), or (n, targets, 2), if they were asked for.
    """

    values: Array
    notes: list[str]
    intervals: Array | None = None


class Served(ABC):
    """A model that answers requests.

    Attributes:
        name: how the model calls itself.
        what: what it is, in words.
        columns: a dict for each column that it wants: its name, kind, and some values.
        shape: of a sample without names; None if it wants columns.
        meaning: what its answers stand for; None: numbers of some shape.
    """

    name: str
    what: str
    columns: list[dict[str, Any]]
    shape: tuple[int, ...] | None
    meaning: Meaning | None

    @abstractmethod
    def answer(self, found: Given, asked: Wishes) -> Answers:
        """Answer what a body holds.

        Raises:
            Refused: it does not suit the model; the message says what would.
        """

    @property
    def images(self) -> bool:
        """Whether it takes images as they are."""
        return False

    def about(self) -> dict[str, Any]:
        """All that a client needs to know."""
        outputs = self.meaning.columns if self.meaning else None
        return {
            "name": self.name,
            "model": self.what,
            "columns": self.columns,
            "shape": None if self.shape is None else list(self.shape),
            "classes": self.meaning.classes if self.meaning else [],
            "outputs": outputs,
            "images": self.images,
        }

    def demand_columns(
        self, names: Sequence[str], known: Sequence[str], allowed: Sequence[str], asked: Wishes
    ) -> None:
        """Refuse rows that lack a column, or that have one that means nothing.

        Args:
            names: those given.
            known: those wanted.
            allowed: those that may be there, too.
            asked: whether others are passed over.
        """
        missing = [name for name in known if name not in set(names)]
        extra = [name for name in names if name not in {*known, *allowed}]
        extra = [] if asked.ignore else extra
        if not missing and not extra:
            return
        lacks = f"missing: {_listed(missing)}" if missing else ""
        more = f"not known: {_listed(extra)}" if extra else ""
        way = "" if missing else " Leave them out, or add ?extra=ignore to the address."
        raise Refused(
            *(422, "wrong columns"),
            f"Columns {'; '.join(filter(None, (lacks, more)))}. The model wants "
            f"{_listed(known)}.{way}",
            {"missing": missing, "extra": extra, "expected": list(known)},
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more


# ------------------------------------------------------------------------------------ tables


class ServedTable(Served):
    """A table estimator: text, gaps and dates as they come."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.what = "a table estimator"
        self.name = str(model.target_name_ or "table")
        self.meaning = meaning_of(model)
        used = model.columns_.used
        self.known = [c.name for c in used]
        target = [model.target_name_] if model.target_name_ else model.metadata_.get("targets", [])
        self.allowed = [*(c.name for c in model.columns_.columns), *target]
        self.columns = [
            {"name": c.name, "kind": c.role, "values": list(c.values[:SHOWN]), "span": c.span}
            for c in used
        ]
        self.shape = None
        self.numbers = "classes_" not in vars(model)

    def answer(self, found: Given, asked: Wishes) -> Answers:
        """Probabilities of classes, or numbers."""
        try:
            table = self._table(found)
            demand_rows(table.rows, asked.max_rows)
            if table.named:
                self.demand_columns(table.names, self.known, self.allowed, asked)
            said = list(table.said)
            table = given(self.model, table)
            values = self.model.columns_.values(table, said)
        except (ValueError, TypeError, OverflowError) as error:
            raise Refused(422, "wrong values", _plainly(error)) from None
        said = [s for s in said if "did not learn from are ignored" not in s or asked.ignore]
        return self._answers(table, values, said, asked)

    def _answers(self, table: "Table", values: Any, said: list[str], asked: Wishes) -> Answers:
        if not self.numbers:
            if asked.interval is not None:
                raise Refused(422, "no intervals", "Intervals are of numbers, not of classes.")
            return Answers(self.model.predict_proba(values), said)
        found = self.model.predict(values)
        if asked.interval is None:
            return Answers(found.reshape(len(found), -1), said)
        try:
            intervals = self.model.predict_interval(table, asked.interval)
        except ValueError as error:
            raise Refused(422, "no intervals", _plainly(error)) from None
        return Answers(found.reshape(len(found), -1), said, intervals)

    def _table(self, found: Given) -> "Table":
        columns = self.model.columns_
        table: Table
        if isinstance(found, CellsByName):
            table = columns.read(found.cells)
        elif isinstance(found, Unnamed):
            table = columns.read(np.asarray(found.x))
        else:
            table = columns.read(_only(found))
        return table


def _only(files: Sequence[Upload]) -> Upload:
    """The one table that was sent."""
    if len(files) > 1:
        said = f"The form has {len(files)} files; expected one table."
        raise Refused(422, "wrong form", said)
    return files[0]


def _plainly(error: Exception) -> str:
    """An error of Python's side, for others."""
    text = str(error).removeprefix("table: ").removeprefix("TabularRegressor.predict_interval: ")
    return text[:1].upper() + text[1:]


# ------------------------------------------------------------------------------------ networks


class ServedNetwork(Served):
    """A network of numbers: columns by name, arrays, or images."""

    def __init__(self, network: Model) -> None:
        shape: Any = network.input_shape
        fixed = isinstance(shape, tuple) and all(isinstance(n, int | np.integer) for n in shape)
        if not fixed or is_open(shape):
            raise ValueError(
                f"model {network.name!r} cannot be served: expected one input of a fixed shape, "
                f"got {shape}. Build it first: model.build(shape)."
            )
        self.network = network
        self.what = "a network"
        self.name = network.name
        self.shape = tuple(map(int, shape))
        self.names = [str(name) for name in network.metadata.get("feature_names") or ()]
        self.columns = [{"name": n, "kind": "number", "values": [], "span": ""} for n in self.names]
        self.target = str(network.metadata.get("target") or "")
        flat = network.output_shape is not None and len(network.output_shape) == 1
        self.meaning = Meaning.of(network) if flat else None
        self.pictures = _pictures(network)

    @property
    def images(self) -> bool:
        """Whether samples are images."""
        return self.pictures is not None

    def answer(self, found: Given, asked: Wishes) -> Answers:
        """Probabilities of classes, or numbers."""
        if asked.interval is not None:
            raise Refused(422, "no intervals", "Intervals come from tables that predict numbers.")
        x = self._samples(found, asked)
        demand_rows(len(x), asked.max_rows)
        outputs = self.network.predict(x)
        if self.meaning and self.meaning.classes:
            outputs = self.meaning.probabilities(outputs)
        return Answers(outputs, [])

    def _samples(self, found: Given, asked: Wishes) -> Array:
        if isinstance(found, Unnamed):
            return _array(found.x, self.shape or (), self.network.input_dtype)
        if isinstance(found, list):
            return self._files(found, asked)
        if not self.names:
            raise Refused(
                *(422, "no names"),
                'The model does not know columns by name: send {"x": [sample, ...]}, each sample '
                f"of shape {self.shape}.",
                {"shape": list(self.shape or ())},
            )
        target = [self.target] if self.target else []
        self.demand_columns(list(found.cells), self.names, target, asked)
        columns = [_numbers(name, found.cells[name]) for name in self.names]
        return np.stack(columns, axis=1).reshape(found.rows, *(self.shape or ()))

    def _files(self, files: Sequence[Upload], asked: Wishes) -> Array:
        """Images, or a CSV file."""
        starts = [bytes(file.getbuffer()[:64]) for file in files]
        if self.pictures is not None and not self.names and not any(map(_is_text, starts)):
            return np.concatenate([_picture(self.pictures, file) for file in files])
        return self._sheet(_only(files), asked)

    def _sheet(self, found: Upload, asked: Wishes) -> Array:
        """The rows of a CSV file."""
        from axon.datasets.sheet import Sheet

        try:
            sheet = Sheet(found)
            cells: dict[str, list[Any]] = {name: [] for name in sheet.names}
            rows = 0
            for _, row in sheet.rows():
                rows += 1
                for name, cell in zip(sheet.names, row, strict=True):
                    cells[name].append(cell)
        except ValueError as error:
            raise Refused(400, "broken CSV", _plainly(error)) from None
        return self._samples(CellsByName(cells, rows), asked)


def _is_text(raw: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\r\n" for byte in raw)


def _pictures(network: Model) -> Any:
    """How images become samples of a network; None if it takes none."""
    from axon.serve.pictures import Pictures

    shape = network.input_shape or ()
    if len(shape) not in (2, 3):
        return None
    pictures = Pictures.of(network, False, None)
    try:
        _ = pictures.size
    except ValueError:
        return None
    return pictures


def _picture(pictures: Any, found: Upload) -> Array:
    try:
        sample: Array = pictures.read(found)[None]
    except ValueError as error:
        which = f"{found.name}: " if found.name != Upload.name else ""
        raise Refused(400, "broken image", f"{which}{_plainly(error)}") from None
    return sample


def _numbers(name: str, cells: Sequence[Any]) -> Array:
    """A column of numbers without gaps."""
    for i, cell in enumerate(cells):
        try:
            number = float("nan" if cell is None else cell)
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if not np.isfinite(number):
            raise Refused(
                *(422, "wrong values"),
                f"Row {i + 1}, column {name!r}: expected a number, got "
                f"{'null' if cell is None else repr(cell)[:60]}; this network does without gaps.",
                {"row": i + 1, "column": name},
            )
    return np.array([float(cell) for cell in cells], np.float32)


def _array(x: list[Any], shape: tuple[int, ...], dtype: DType) -> Array:
    """Unnamed (n, *shape)."""
    try:
        found = np.asarray(x)
        if found.dtype.kind not in "biuf":
            raise ValueError("it holds something else than numbers")
        made = found.astype(dtype if np.dtype(dtype).kind == "f" else found.dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise Refused(
            *(422, "wrong values"),
            f"x is no array of numbers: {error}; expected samples of shape {shape}.",
        ) from None
    if made.shape[1:] != shape:
        raise Refused(
            *(422, "wrong shape"),
            f"x has samples of shape {made.shape[1:]}; expected {shape}.",
            {"expected": list(shape), "got": list(made.shape[1:])},
        )
    if not np.isfinite(made).all():
        raise Refused(422, "wrong values", "x holds numbers that are too large, or infinite.")
    return made


def served(model: Any) -> Served:
    """A model, or the path of its file, ready to answer.

    Raises:
        OSError, ValueError: the file cannot be read, or is none of a model.
        TypeError: it is no model.
    """
    import os

    if isinstance(model, str | os.PathLike):
        from axon.serve.loading import open_any

        model = open_any(os.fspath(model))
    if isinstance(model, Model):
        return ServedNetwork(model)
    if "columns_" in dir(model) and "fitted_" in vars(model):
        return ServedTable(model)
    raise TypeError(
        "axon.serve: expected the path of a model's file, a Model, or a fitted TabularClassifier "
        f"or TabularRegressor; got {model!r}."
    )
