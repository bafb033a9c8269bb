"""Bodies of requests: JSON in one of a few shapes, CSV, images, forms; packed or not; limited."""

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

from axon.names import printable
from axon.serve import forms
from axon.serve.refused import Refused

JSON, CSV = "application/json", "text/csv"
IMAGES = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/gif", "image/tiff")
TYPES = (JSON, CSV, *IMAGES, forms.FORM)
PACKED = ("gzip", "x-gzip")  # Content-Encodings
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


Given = CellsByName | Unnamed | list[Upload]


class Sent(NamedTuple):
    """A body as it came.

    Attributes:
        media_type: what the client says it is: the Content-Type.
        packing: how it is packed: the Content-Encoding, or nothing.
        raw: its bytes.
    """

    media_type: str
    packing: str
    raw: bytes

    def unpacked(self, max_bytes: int) -> bytes:
        """Its bytes as they were before they were packed.

        Raises:
            Refused: it is packed in an unknown way (415), is larger than it may be (413), or broken
                (400).

        >>> import gzip
        >>> Sent("application/json", "gzip", gzip.compress(b"{}")).unpacked(10)
        b'{}'
        """
        packing = self.packing.strip().lower()
        if packing in ("", "identity"):
            return self.raw
        if packing not in PACKED:
            said = f"Content-Encoding {self.packing!r} is not known; expected gzip, or none."
            raise Refused(415, "unknown encoding", said)
        return _gunzipped(self.raw, max_bytes)


def _gunzipped(raw: bytes, max_bytes: int) -> bytes:
    """What gzip packed; no more is unpacked than it may be."""
    try:
        with gzip.open(BytesIO(raw)) as stream:
            made = stream.read(max_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        said = f"The body is not what gzip packs: {error}"
        raise Refused(400, "broken gzip", f"{said.rstrip('.')}.") from None
    if len(made) > max_bytes:
        raise too_large(max_bytes, " when it is unpacked")
    return made


def too_large(max_bytes: int, when: str = "") -> Refused:
    """What is said of a body that is too large."""
    return Refused(
        *(413, "too large"),
        f"The body is larger than {max_bytes:,} bytes{when}. Send it in parts, or start the server "
        "with a larger --max-bytes.",
        {"max_bytes": max_bytes},
    )


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
    if media_type == forms.FORM:
        return _of_form(forms.parts(content_type, raw, max_rows), max_rows)
    if media_type in TYPES:
        if not raw.strip():
            raise Refused(400, "empty body", f"The body is empty; expected {media_type}.")
        return [Upload(raw)]
    raise Refused(
        *(415, "unknown type"),
        f"Content-Type {content_type!r} is not known; expected {', '.join(TYPES)}. With curl: "
        '-H "Content-Type: application/json".',
    )


def _of_form(parts: Sequence[forms.FormPart], max_rows: int) -> CellsByName | list[Upload]:
    """The files of a form; or, where there are none, its fields: one row."""
    files = [
        part for part in parts if part.filename is not None and (part.filename or part.content)
    ]
    fields = [part for part in parts if part.filename is None]
    if files and fields:
        said = f"The form has files and the field {fields[0].name!r}: send one or the other."
        raise Refused(422, "wrong form", said)
    if not files and not fields:
        raise Refused(422, "no rows", "The form holds neither a file nor a field.")
    if not files:
        return _fields(fields)
    demand_rows(len(files), max_rows)
    return [_upload(part) for part in files]


def _upload(part: forms.FormPart) -> Upload:
    if not part.content.strip():
        said = f"The file {part.filename!r} of the form is empty."
        raise Refused(400, "empty file", said)
    made = Upload(part.content)
    made.name = printable(part.filename or "the file")
    return made


def _fields(fields: Sequence[forms.FormPart]) -> CellsByName:
    cells: dict[str, list[Scalar]] = {}
    for field in fields:
        if field.name in cells:
            raise Refused(422, "wrong form", f"The form has the field {field.name!r} twice.")
        try:
            cells[field.name] = [field.content.decode()]
        except UnicodeDecodeError:
            said = f"The field {field.name!r} of the form is no text in UTF-8."
            raise Refused(400, "broken form", said) from None
    return CellsByName(cells, 1)


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
