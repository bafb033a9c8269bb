"""Files of models: which are table estimators, which networks, and how they are opened."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import axon
from axon.files import archive
from axon.files.atomic import DamagedFile
from axon.files.formats import ZIP
from axon.models import Model

if TYPE_CHECKING:
    from axon.tabular.class_learner import ClassLearner
    from axon.tabular.number_learner import NumberLearner

    Estimator = ClassLearner | NumberLearner


def open_any(path: "str | os.PathLike[str]") -> "Model | Estimator":
    """Load a network or a table estimator, whichever a file holds."""
    return open_estimator(str(path)) if is_estimator(str(path)) else open_model(str(path))


def is_estimator(path: str) -> bool:
    """Whether a file holds a table estimator, damaged perhaps, and no network."""
    with open(path, "rb") as stream:
        if stream.read(len(ZIP)) != ZIP:
            return False
    try:
        with archive.opened(path) as opened:
            return "table.json" in opened and "model.json" not in opened
    except DamagedFile:
        return False  # whoever loads it says what is wrong


def open_estimator(path: str) -> "Estimator":
    """Load a table estimator, without scikit-learn, which takes two seconds to import."""
    from axon.tabular.loading import loaded
    from axon.tabular.restoring import LEARNERS

    return loaded(path, LEARNERS)


def open_model(path: str) -> Model:
    """Load a model from an .axon or .onnx file."""
    if Path(path).suffix.lower() == ".onnx":
        from axon import onnx

        network = onnx.load(path)
        network.metadata = {k: _plain(v) for k, v in network.metadata.items()}
        return network
    return axon.load_model(path)


def _plain(value: object) -> object:
    """What a text in an ONNX file stands for: JSON, if it is that."""
    import json

    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
