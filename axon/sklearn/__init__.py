"""Networks as scikit-learn's estimators (extra ``sklearn``).

``AxonClassifier`` and ``AxonRegressor`` take the place of MLPClassifier and MLPRegressor, with the
same names, and of any other estimator in pipelines, grid searches and ensembles.
"""

try:
    import sklearn
except ImportError as error:
    raise ImportError(
        "axon.sklearn needs scikit-learn, which is not installed. Run: pip install "
        "'axon-nn[sklearn]'"
    ) from error

if tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 6):
    raise ImportError(
        f"axon.sklearn needs scikit-learn 1.6 or newer, this is {sklearn.__version__}. Run: pip "
        "install -U 'axon-nn[sklearn]'"
    )

from axon.sklearn.classifier import AxonClassifier
from axon.sklearn.regressor import AxonRegressor

__all__ = ["AxonClassifier", "AxonRegressor"]
