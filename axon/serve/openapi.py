"""What a service can be asked, as OpenAPI 3.1 has it."""

from typing import Any

from axon.serve.bodies import CSV, IMAGES, JSON
from axon.serve.forms import FORM
from axon.serve.served import Served
from axon.version import __version__

TYPES = {"number": ["number", "null"], "category": ["string", "number", "boolean", "null"]}
ERRORS = {
    400: "The body is broken.",
    408: "The body came too slowly.",
    413: "The body is too large, or has too many rows.",
    415: "The body is of an unknown type.",
    422: "The rows do not suit the model: missing, unknown or wrong columns are named.",
    503: "The server is busy, or the answer took too long: try again.",
}
OPERATIONS = {
    "/health": "Whether the server is alive.",
    "/ready": "Whether it answers predictions.",
    "/model": "What the model is, and which columns it wants.",
}


def document(served: Served, limits: dict[str, Any]) -> dict[str, Any]:
    """The document that stands at ``/openapi.json``."""
    paths: dict[str, Any] = {"/predict": {"post": _predict(served)}}
    paths |= {path: {"get": _get(text)} for path, text in OPERATIONS.items()}
    said = (
        f"{limits['max_bytes']:,} bytes and {limits['max_rows']:,} rows a request, "
        f"{limits['timeout']:g} s"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"AXON: {served.name}",
            "version": __version__,
            "description": f"Predictions of {served.what}. At most {said}.",
        },
        "paths": paths,
        "components": {"schemas": {"Row": _row(served), "Error": _error()}},
    }


def example(served: Served) -> Any:
    """A body that the model answers."""
    if served.columns:
        return {"rows": [{c["name"]: _example(c) for c in served.columns}]}
    return {"x": [_zeros(list(served.shape or ()))]}


def _example(column: dict[str, Any]) -> Any:
    first = str(column["span"]).split(" to ")[0].replace(",", "")
    if column["values"]:
        return column["values"][0]
    if column["kind"] != "number":
        return first or "text"
    try:
        return float(first)
    except ValueError:
        return 0.0


def _zeros(shape: list[int]) -> Any:
    return [_zeros(shape[1:]) for _ in range(shape[0])] if shape else 0.0


def _row(served: Served) -> dict[str, Any]:
    """One row: a property for each column."""
    properties = {
        c["name"]: {
            "type": TYPES.get(c["kind"], ["string", "null"]),
            "description": _about(c),
        }
        for c in served.columns
    }
    return {"type": "object", "properties": properties}


def _about(column: dict[str, Any]) -> str:
    values = ", ".join(map(str, column["values"]))
    return ": ".join(filter(None, (column["kind"], column["span"] or values)))


def _bodies(served: Served) -> dict[str, Any]:
    """What may be sent, by type."""
    row = {"$ref": "#/components/schemas/Row"}
    rows = {"type": "object", "properties": {"rows": {"type": "array", "items": row}}}
    content: dict[str, Any] = {
        JSON: {"schema": rows if served.columns else {"type": "object"}, "example": example(served)}
    }
    if served.columns:
        content[CSV] = {"schema": {"type": "string"}}
    binary = {"type": "string", "format": "binary"}
    if served.images:
        content |= {image: {"schema": binary} for image in IMAGES}
    file = {"type": "array", "items": binary} if served.images else binary
    content[FORM] = {"schema": {"type": "object", "properties": {"file": file}}}
    return content


def _predict(served: Served) -> dict[str, Any]:
    return {
        "summary": "Predictions, one for each row.",
        "parameters": [
            _query("interval", "number", "0.9 adds intervals that hold so many of the targets."),
            _query("extra", "string", "ignore: columns that the model does not know are ignored."),
        ],
        "requestBody": {"required": True, "content": _bodies(served)},
        "responses": {"200": {"description": "Predictions."}, **_errors()},
    }


def _query(name: str, type_name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": type_name}, "description": text}


def _errors() -> dict[str, Any]:
    schema = {"schema": {"$ref": "#/components/schemas/Error"}}
    return {str(k): {"description": v, "content": {JSON: schema}} for k, v in ERRORS.items()}


def _error() -> dict[str, Any]:
    text = {"type": "string"}
    return {"type": "object", "properties": {"error": text, "message": text}}


def _get(text: str) -> dict[str, Any]:
    return {"summary": text, "responses": {"200": {"description": text}}}
