"""Pictures: what is sent of a learner, in bytes: a head in JSON, and behind it arrays.

A message is its length in four bytes (little-endian), the length of the head in four more, the head
and the arrays, one behind another, in the order in which the head names them. A message of length 0
says that somebody is there.
"""

import json
from collections.abc import Mapping
from functools import cache
from math import isfinite

import numpy as np

from axon.backend import Array
from axon.play.choices import DATA, Chosen
from axon.play.code import python
from axon.play.learner import COARSE, FINE, Learner, Score, points_of_plane, weights_of
from axon.play.lesson import Lesson, make
from axon.program.show import Line

Fields = dict[str, object]
SHOWN = 4096  # numbers of an array that are sent
ALIVE = bytes(4)


def message(head: Fields, arrays: Mapping[str, Array]) -> bytes:
    """Pack a head and arrays.

    >>> packed = message({"type": "x"}, {"a": np.zeros(2, np.int8)})
    >>> int.from_bytes(packed[:4], "little") == len(packed) - 4
    True
    """
    listed = [
        {"name": name, "dtype": a.dtype.name, "shape": list(a.shape)} for name, a in arrays.items()
    ]
    text = json.dumps({**head, "arrays": listed}, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    body = b"".join(np.ascontiguousarray(a).tobytes() for a in arrays.values())
    size = 4 + len(text) + len(body)
    return size.to_bytes(4, "little") + len(text).to_bytes(4, "little") + text + body


# ------------------------------------------------------------------------------------ the start


def opening(learner: Learner, session: str, file: str) -> bytes:
    """What stays the same as long as the network does: points, layers, program and code."""
    w, program = learner.lesson, learner.program
    head: Fields = {
        "type": "lesson",
        "session": session,
        "settings": learner.settings.to_json(),
        "task": w.task,
        "names": w.names,
        "classes": w.classes,
        "target": w.target,
        "spans": w.spans,
        "amounts": w.amounts,
        "layers": [{"name": x.name, "neurons": x.num_neurons} for x in learner.layers],
        "inputs": w.x_train.shape[1],
        "parameters": sum(p.size for p in learner.model.parameters()),
        "lines": [_line(line) for line in program.lines],
        "buffers": program.buffers,
        "text": str(program),
        "code": python(learner.settings, w, file),
    }
    arrays = {"y_train": _targets(w.y_train), "y_test": _targets(w.y_test)}
    if not learner.lesson.names:
        return message(head, {})
    return message(head, {"x_train": w.x_train, "x_test": w.x_test, **arrays})


def _targets(y: Array) -> Array:
    return y.reshape(-1).astype(np.float32)


def _line(line: Line) -> Fields:
    return {
        "result": line.result,
        "call": line.call,
        "shape": str(line.shape),
        "dtype": line.dtype.name,
        "place": line.place,
        "layer": line.scope,
        "phase": line.phase,
    }


# ------------------------------------------------------------------------------------ a picture


def picture(learner: Learner, drawn: Array | None = None, at: int | None = None) -> bytes:
    """What changes from step to step.

    Args:
        learner: what is seen.
        drawn: an image (64,) that the network is asked about, if it reads images.
        at: the instruction that ran last, if they are run one by one.
    """
    plane = bool(learner.lesson.names)
    places = _grid() if plane else (np.zeros(64, np.float32) if drawn is None else drawn)[None]
    made, train, test = learner.look(places)
    head: Fields = {
        "type": "picture",
        "step": learner.done,
        "epoch": learner.epoch,
        "train": _score(train),
        "test": _score(test),
        "gradients": [_finite(g) for g in learner.gradients()],
        "at": at,
    }
    arrays: dict[str, Array] = {}
    for number, layer in enumerate(learner.layers):
        w, b = weights_of(layer)
        arrays |= {f"w{number}": _numbers(w), f"b{number}": _numbers(b)}
    if plane:
        arrays |= _maps(learner.lesson.task, made)
    else:
        head["answers"] = [_listed(layer[0]) for layer in made]
    if at is not None:
        head["value"], arrays["value"] = _value(learner.program.results[at])
    return message(head, arrays)


def _score(score: Score) -> Fields:
    return {"loss": _finite(score.loss), "right": _finite(score.right)}


def _finite(number: float) -> float | None:
    return float(number) if isfinite(number) else None


def _listed(numbers: Array) -> list[float]:
    return [float(n) for n in np.nan_to_num(numbers)]


def _numbers(array: Array) -> Array:
    """Float32 for the page, finite."""
    return np.nan_to_num(array.astype(np.float32), nan=0.0, posinf=1e30, neginf=-1e30)


@cache
def _grid() -> Array:
    return points_of_plane(FINE)


def _maps(task: str, made: list[Array]) -> dict[str, Array]:
    """What the output and each hidden neuron say all over the plane, in bytes."""
    *hidden, output = made
    step = FINE // COARSE
    maps: dict[str, Array] = {}
    for number, layer in enumerate(hidden):
        coarse = layer.reshape(FINE, FINE, -1)[::step, ::step].reshape(COARSE * COARSE, -1).T
        maps[f"m{number}"] = signed(coarse, float(np.abs(coarse).max(initial=0.0)))
    if task == "classes":
        ordered = np.sort(output, axis=1)
        maps["chosen"] = output.argmax(axis=1).astype(np.uint8)
        lead = np.nan_to_num(ordered[:, -1] - ordered[:, -2])
        maps["lead"] = (255 * np.clip(lead, 0, 1)).astype(np.uint8)
    else:
        answers = output[:, 0] * 2 - 1 if task == "binary" else output[:, 0]
        maps["output"] = signed(answers, 1.0)
    return maps


def signed(values: Array, most: float) -> Array:
    """Numbers from -most to most as bytes from -127 to 127.

    >>> signed(np.array([-3.0, 0.5, 1.0]), 1.0)
    array([-127,   64,  127], dtype=int8)
    """
    if not isfinite(most) or most <= 0:
        return np.zeros(values.shape, np.int8)
    return np.rint(127 * np.clip(np.nan_to_num(values) / most, -1, 1)).astype(np.int8)


def _value(result: Array) -> tuple[Fields, Array]:
    """What an instruction left: sums of it, and its numbers, not too many."""
    numbers = result.astype(np.float64).reshape(-1)
    real = numbers[np.isfinite(numbers)]
    head: Fields = {"shape": list(result.shape), "dtype": result.dtype.name, "size": result.size}
    if real.size:
        head |= {"least": float(real.min()), "mean": float(real.mean()), "most": float(real.max())}
    return head, _numbers(numbers[:SHOWN])


# ------------------------------------------------------------------------------------ previews

FEW = 90  # points of a preview


def preview(table: Lesson | None) -> dict[str, Fields]:
    """A few points of each data set, for the buttons that choose it."""
    found: dict[str, Fields] = {}
    for name in DATA:
        if name == "digits" or (name == "table" and table is None):
            continue
        lesson = make(Chosen(name, samples=FEW, noise=0.05 * (name != "table")), table)
        x, y = lesson.x_train.round(2), _targets(lesson.y_train).round(2)
        found[name] = {"task": lesson.task, "x": x.tolist(), "y": y.tolist()}
    return found
