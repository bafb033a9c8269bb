"""Bodies of requests: JSON in one of a few shapes, CSV, or an image; with limits."""

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

from axon.serve.refused import Refused

JSON, CSV = "application/json", "text/csv"
IMAGES = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/gif", "image/tiff")
TYPES = (JSON, CSV, *IMAGES)
WRONG_JSON = "broken JSON"
SHAPES = (
    'expected [{"column": value, ...}, ...] (rows), {"column": [value, ...], ...} (columns), one '
    'row {"column": value, ...}, or {"x": [[number, ...], ...]} (samples without names)'
)
Scalar = str | float | bool | None


class CellsByName(NamedTuple):
    """Cells by the names of their columns."""

    cells: dict[str, list[Scalar]]
    rows: int


class Unnamed(NamedTuple):
    """Lists of lists of numbers: samples without names."""

    x: list[Any]


class Upload(BytesIO):
    """Bytes of a file, with a name for errors."""

    name = "the body"


Given = CellsByName | Unnamed | Upload


def read(content_type: str, raw: bytes, max_rows: int) -> Given:
    """What a body holds.

    Args:
        content_type: what the client says it is; without a word it is JSON.
        raw: the body.
        max_rows: rows that one request may have.

    Raises:
        Refused: it is of another type (415), broken (400), too long (413), or of a shape that
            means nothing (422).

    >>> read("application/json", b'{"size": 3}', 10)
    CellsByName(cells={'size': [3]}, rows=1)
    """
    media_type = content_type.partition(";")[0].strip().lower() or JSON
    if media_type == JSON or media_type.endswith("+json"):
        return _limited(_shaped(_parsed(raw)), max_rows)
    if media_type in TYPES:
        if not raw.strip():
            raise Refused(400, "empty body", f"The body is empty; expected {media_type}.")
        return Upload(raw)
    raise Refused(
        *(415, "unknown type"),
        f"Content-Type {content_type!r} is not known; expected {', '.join(TYPES)}. With curl: "
        '-H "Content-Type: application/json".',
    )


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_constant=_no_constant)
    except RecursionError:
        raise Refused(400, WRONG_JSON, "The JSON is nested too deeply.") from None
    except UnicodeDecodeError as error:
        said = f"The body is no JSON: byte {error.start} is no UTF-8."
        raise Refused(400, WRONG_JSON, said) from None
    except ValueError as error:
        raise Refused(400, WRONG_JSON, f"The body is no JSON: {error}; {SHAPES}.") from None


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON; write null for a gap")


def _shaped(found: Any) -> CellsByName | Unnamed:
    """Rows, columns, one row, or samples."""
    if isinstance(found, dict) and len(found) == 1:
        if isinstance(found.get("rows"), list) and _are(found["rows"], dict):
            return _rows(found["rows"])
        if isinstance(found.get("columns"), dict):
            return _columns(found["columns"])
        if isinstance(found.get("x"), list) and _are(found["x"], list):
            return Unnamed(found["x"])
    if isinstance(found, dict) and found:
        lists = [isinstance(cells, list) for cells in found.values()]
        return _columns(found) if any(lists) else _rows([found])
    if isinstance(found, list) and _are(found, dict):
        return _rows(found)
    if isinstance(found, list) and _are(found, list):
        return Unnamed(found)
    raise Refused(422, "unknown shape", f"The JSON is of another shape: {SHAPES}.")


def _are(found: Sequence[Any], of: type) -> bool:
    return bool(found) and all(isinstance(item, of) for item in found)


def _rows(rows: Sequence[Mapping[str, Any]]) -> CellsByName:
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = {name: [row.get(name) for row in rows] for name in names}
    return _plain(cells, len(rows))


def _columns(found: Mapping[str, Any]) -> CellsByName:
    odd = next((name for name, cells in found.items() if not isinstance(cells, list)), None)
    if odd is not None:
        raise Refused(
            *(422, "unknown shape"),
            f"Column {odd!r} is no list, but others are: {SHAPES}.",
        )
    sizes = {name: len(cells) for name, cells in found.items()}
    if len(set(sizes.values())) != 1:
        raise Refused(
            *(422, "uneven columns", f"Columns must be equally long, but got {sizes}."),
        )
    return _plain(dict(found), next(iter(sizes.values())))


def _plain(cells: dict[str, list[Any]], rows: int) -> CellsByName:
    """Columns without a list or an object for a cell."""
    for name, column in cells.items():
        for i, cell in enumerate(column):
            if isinstance(cell, list | dict):
                what = "a list" if isinstance(cell, list) else "an object"
                raise Refused(
                    *(422, "wrong type"),
                    f"Row {i + 1}, column {name!r}: expected a text, a number, true, false or "
                    f"null, got {what}.",
                    {"column": name, "row": i + 1},
                )
    return CellsByName(cells, rows)


def _limited(found: CellsByName | Unnamed, max_rows: int) -> CellsByName | Unnamed:
    rows = found.rows if isinstance(found, CellsByName) else len(found.x)
    demand_rows(rows, max_rows)
    return found


def demand_rows(rows: int, max_rows: int) -> None:
    """Refuse more rows than one request may have.

    Raises:
        Refused: there are more (413), or none (422).
    """
    if rows > max_rows:
        raise Refused(
            *(413, "too many rows"),
            f"The request has {rows:,} rows; at most {max_rows:,} are answered at once. Send them "
            "in parts, or start the server with a larger --max-rows.",
            {"rows": rows, "max_rows": max_rows},
        )
    if not rows:
        raise Refused(422, "no rows", "The request has no rows.")
