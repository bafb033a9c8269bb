"""Networks as scikit-learn's estimators (extra ``sklearn``).

``AxonClassifier`` and ``AxonRegressor`` take the place of MLPClassifier and MLPRegressor, with the
same names, and of any other estimator in pipelines, grid searches and ensembles.
"""

from axon.names import install

try:
    import sklearn
except ImportError as error:
    raise ImportError(
        "axon.sklearn needs scikit-learn, which is not installed. Run: " + install("sklearn")
    ) from error

if tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 6):
    raise ImportError(
        f"axon.sklearn needs scikit-learn 1.6 or newer, this is {sklearn.__version__}. Run: pip "
        "install -U scikit-learn"
    )

from axon.sklearn.classifier import AxonClassifier
from axon.sklearn.regressor import AxonRegressor

__all__ = ["AxonClassifier", "AxonRegressor"]
