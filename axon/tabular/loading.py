"""Reading the file of a table estimator: damage is found, and no code is run."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from axon.files import formats
from axon.files.archive import Archive, opened
from axon.files.atomic import DamagedFile
from axon.models.loading import OTHERS, ModelFileError
from axon.tabular.cells import plain_column
from axon.tabular.class_learner import ClassLearner
from axon.tabular.column import ROLES
from axon.tabular.learner import TableLearner
from axon.tabular.restoring import L, restored
from axon.tabular.saving import FORMAT, MEMBER
from axon.tabular.table import Table
from axon.version import __version__

if TYPE_CHECKING:
    from axon.tabular.estimators import TabularClassifier, TabularRegressor


def load(path: "str | os.PathLike[str]") -> "TabularClassifier | TabularRegressor":
    """Read an estimator that ``save`` wrote; it predicts the same bits.

    Args:
        path: the file.

    Raises:
        OSError: the file cannot be read.
        ModelFileError: it is damaged, or holds something else; the message says what.

    >>> import tempfile
    >>> from axon.tabular import TabularRegressor
    >>> rows = [{"size": i / 10, "kind": "ab"[i % 2]} for i in range(60)]
    >>> model = TabularRegressor("fast", random_state=0).fit(rows, [i / 20 for i in range(60)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(folder + "/net.axon")
    ...     again = load(folder + "/net.axon")
    >>> bool((again.predict(rows) == model.predict(rows)).all())
    True
    """
    from axon.tabular.estimators import ESTIMATORS  # and scikit-learn with them

    return loaded(path, ESTIMATORS)


def loaded(path: "str | os.PathLike[str]", learners: Mapping[str, type[L]]) -> L:
    """Read what ``save`` wrote as one of these classes of learners.

    Args:
        path: the file.
        learners: by the name of the estimator, such as ``restoring.LEARNERS``, which need no
            scikit-learn.

    Raises:
        OSError, ModelFileError: as ``load``.
    """
    try:
        with opened(path) as archive:
            return _estimator(str(path), _state(archive), learners)
    except ModelFileError:
        raise
    except DamagedFile as error:
        other = formats.by_name(path)
        raise ModelFileError(f"{error}{OTHERS.get(other, '') if other else ''}") from None


def _state(archive: Archive) -> dict[str, Any]:
    """What the file says, if this version can read it."""
    if f"{MEMBER}.json" not in archive and "model.json" in archive:
        raise ModelFileError(
            f"{archive.where} holds a network, not a table estimator: axon.load_model(path) reads "
            "it."
        )
    state: Any = archive.tree(MEMBER, archive.size)
    if not isinstance(state, dict) or type(state.get("format")) is not int:
        raise ModelFileError(f"{archive.where}: {MEMBER}.json describes no table estimator.")
    if state["format"] > FORMAT:
        raise ModelFileError(
            f"{archive.where} has format {state['format']}, written by AXON {state.get('axon')}; "
            f"this is AXON {__version__}, which reads table estimators up to format {FORMAT}. "
            "Upgrade it."
        )
    return state


def _estimator(where: str, state: dict[str, Any], learners: Mapping[str, type[L]]) -> L:
    """Make it, and try it on a row of gaps: parts that do not fit each other are found now."""
    try:
        model = restored(state, state["arrays"], learners)
        _demand_known(model)
        model.predict(model.columns_.values(_gaps(model)))
        return model
    except Exception as error:  # whatever parts may say of what a file demands
        said = f"{error}" if isinstance(error, ValueError) else f"{error!r}"
        raise ModelFileError(
            f"{where}: what it holds does not fit together: {said.strip('.')}. It was damaged, or "
            "written by hand: train the model once more."
        ) from error


def _demand_known(model: TableLearner) -> None:
    if not model.columns_.used:
        raise ValueError("it learned from no column")
    roles = {c.role for c in model.columns_.columns} - set(ROLES)
    if roles:
        raise ValueError(f"a column is {sorted(roles)[0]!r}, which is none of {', '.join(ROLES)}")
    if isinstance(model, ClassLearner):
        outputs = model.fitted_.net.outputs
        if len(model.classes_) != outputs:
            raise ValueError(f"{len(model.classes_)} classes for {outputs} outputs")


def _gaps(model: TableLearner) -> Table:
    """A row of nothing but gaps."""
    names = [c.name for c in model.columns_.columns]
    columns = [plain_column([None], name) for name in names]
    return Table(names, columns, {}, frozenset(), [])
