"""Answers as JSON and as CSV."""

import csv
import json
from io import StringIO
from typing import Any

import numpy as np

from axon.names import guarded
from axon.serve.meaning import Meaning
from axon.serve.refused import Refused
from axon.serve.served import Answers


def objects(answers: Answers, meaning: Meaning | None) -> list[dict[str, Any]]:
    """An object for each row.

    Raises:
        Refused: a number is infinite or none.
    """
    values = answers.values
    if not np.isfinite(values).all():
        raise Refused(
            *(422, "no finite answer"),
            "The model's answer is no finite number: the rows hold numbers far from those that it "
            "learned from.",
        )
    rows = [_object(row, meaning) for row in values]
    if answers.intervals is not None:
        for row, interval in zip(rows, answers.intervals, strict=True):
            row["interval"] = interval.tolist()
    return rows


def _object(row: Any, meaning: Meaning | None) -> dict[str, Any]:
    if meaning is None:
        return {"prediction": row.tolist()}
    if not meaning.classes:
        return dict(zip(meaning.columns, row.tolist(), strict=True))
    best = int(row.argmax())
    return {
        "prediction": meaning.classes[best],
        "probability": float(row[best]),
        "probabilities": dict(zip(meaning.classes, row.tolist(), strict=True)),
    }


def as_json(rows: list[dict[str, Any]], notes: list[str]) -> bytes:
    """The body of an answer."""
    content = {"predictions": rows, **({"notes": notes} if notes else {})}
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """A line of names, and one for each row; formulas of spreadsheets are made harmless."""
    flat = [_flat(row) for row in rows]
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(guarded, flat[0]))
    writer.writerows(map(guarded, row.values()) for row in flat)
    return stream.getvalue().encode()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if name == "probabilities":
            found |= {f"probability of {k}": v for k, v in value.items()}
        elif name == "interval" and not isinstance(value[0], list):
            found |= {"low": value[0], "high": value[1]}
        else:
            found[name] = value if not isinstance(value, list) else json.dumps(value)
    return found
