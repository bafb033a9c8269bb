"""Breast Cancer Wisconsin (Diagnostic): 569 tumours, 30 measurements each, built in."""

import os

from axon.datasets.split import Split, split_data
from axon.datasets.table import load_csv

DATA = os.path.join(os.path.dirname(__file__), "data", "breast_cancer.csv")

CLASS_NAMES = ("benign", "malignant")
MEASURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal_dimension",
)
FEATURE_NAMES = tuple(f"{measure}_{of}" for of in ("mean", "se", "worst") for measure in MEASURES)


def load_data(
    path: str | os.PathLike[str] | None = None, test_split: float = 0.2, seed: int = 0
) -> Split:
    """Load the tumours: ``(x_train, y_train), (x_test, y_test)``; nothing is downloaded.

    Labels are 1 = malignant (M) and 0 = benign (B), so that the positive class is the one to be
    found. Mind that scikit-learn's ``load_breast_cancer`` codes them the other way round. Both
    classes are split in proportion, by a generator seeded with ``seed``.

    Args:
        path: a CSV file with the columns of the Kaggle edition, in any order: ``diagnosis`` (M or
            B) and ``FEATURE_NAMES``; others (``id``, ``Unnamed: 32``) are left out. None is the
            built-in copy.
        test_split: the share of the rows that go to the test part, between 0 and 1.
        seed: an integer >= 0; the same seed gives the same split.

    Returns:
        Measurements (n, 30) float64, in the order of ``FEATURE_NAMES``, with their labels (n,)
        int64. They are not scaled: areas go to 4,000, smoothness to 0.2.

    Raises:
        DatasetUnavailable: the file at ``path`` cannot be read.
        ValueError: its content is wrong, at the line and column named; or a share or a seed is
            out of range.

    Source: W. Wolberg, O. Mangasarian, N. Street, W. Street, "Breast Cancer Wisconsin
    (Diagnostic)", UCI Machine Learning Repository, 1993, doi:10.24432/C5DW2B. See data/LICENSE.md.

    >>> from axon.datasets import breast_cancer
    >>> (x_train, y_train), (x_test, y_test) = breast_cancer.load_data()
    >>> x_train.shape, int(y_train.sum() + y_test.sum())
    ((455, 30), 212)
    """
    where = DATA if path is None else path
    table = load_csv(where, "diagnosis", features=FEATURE_NAMES, classes=("B", "M"))
    if len(found := set(table.y.tolist())) < 2:
        raise ValueError(
            f"{where}, column 'diagnosis': expected at least two classes, found only "
            f"{table.class_names[found.pop()]!r}"
        )
    return split_data(table.x, table.y, test_split, seed)
