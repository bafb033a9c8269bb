"""A fitted table estimator as one file: a zip of JSON and of safetensors, as models are.

table.json            format, class, settings, columns, classes, network; what was noted
table.safetensors     what was learned
"""

import os

from axon.files.archive import flattened, pack
from axon.files.atomic import check_writable
from axon.models.saving import other_format
from axon.tabular.fitted import demand_fitted
from axon.tabular.insight import Insight
from axon.tabular.state import to_state
from axon.version import __version__

FORMAT = 1
MEMBER = "table"  # of the zip


def save(model: Insight, path: "str | os.PathLike[str]") -> None:
    """Write a fitted estimator to one file, by convention ``*.axon``, whole or not at all.

    Columns and how they are read, classes, the network, out-of-fold predictions and ``metadata_``
    are kept: ``axon.tabular.load`` gives an estimator that predicts the same bits. Nothing in the
    file is run when it is read.

    Args:
        model: a fitted TabularClassifier or TabularRegressor.
        path: the file.

    Raises:
        NotFittedError: it has not learned anything yet.
        TypeError: a class, a setting or a note is nothing that JSON can hold.
        ValueError: the name ends like that of another format.
        OSError: the file cannot be written; a file that was there is kept.
    """
    demand_fitted(model)
    if other_format(path):
        raise ValueError(
            f"save writes AXON's own format, and {path} would be another one by its name. Call it "
            "*.axon."
        )
    config, arrays = to_state(model)
    tree = {"format": FORMAT, "axon": __version__, **config, "arrays": arrays}
    try:
        document, found = flattened(tree)
    except TypeError as error:
        raise TypeError(f"save: classes, settings and notes must suit JSON: {error}") from None
    check_writable(path)
    pack(path, {MEMBER: document}, {MEMBER: found})
