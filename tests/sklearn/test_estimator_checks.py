"""scikit-learn's own estimator checks: all of them, for several settings, none expected to fail."""

import os
import subprocess
import sys
import warnings
from typing import Any

import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from axon.layers import Dense
from axon.models import Sequential
from axon.optimizers import Adam
from axon.sklearn import AxonClassifier, AxonRegressor


def wide(n_features: int, n_outputs: int) -> Sequential:
    """A network for ``network=``: its end suits few and many classes alike."""
    last = "sigmoid" if n_outputs == 1 else "softmax"
    return Sequential([Dense(50, activation="tanh"), Dense(n_outputs, activation=last)])


def softmax_only(n_features: int, n_outputs: int) -> Sequential:
    """Two outputs for two classes."""
    return Sequential([Dense(max(n_outputs, 2), activation="softmax")])


ESTIMATORS = [
    AxonClassifier(),
    AxonRegressor(),
    AxonClassifier(
        hidden_layer_sizes=(20, 10),
        activation="gelu",
        optimizer="sgd",
        learning_rate="adaptive",
        learning_rate_init=0.05,
        max_iter=80,
        dtype="float64",
    ),
    AxonClassifier(
        hidden_layer_sizes=64,
        batch_norm=True,
        dropout=0.1,
        optimizer=Adam(0.01, clipnorm=1.0),
        max_iter=60,
    ),
    AxonRegressor(
        hidden_layer_sizes=(),
        optimizer="sgd",
        learning_rate="invscaling",
        loss="huber",
        learning_rate_init=0.1,
        power_t=0.1,
        max_iter=80,
    ),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():  # some checks need no more than a few epochs
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


def test_the_checks_that_need_a_variable_of_scipys() -> None:
    """They are skipped above: the variable has to be set before SciPy is imported."""
    code = (
        "import warnings\n"
        "from functools import partial\n"
        "from sklearn.exceptions import ConvergenceWarning\n"
        "from sklearn.utils import estimator_checks as checks\n"
        "from axon.sklearn import AxonClassifier, AxonRegressor\n"
        "warnings.simplefilter('ignore', ConvergenceWarning)\n"
        "options = {'array_namespace': 'numpy', 'expect_only_array_outputs': False}\n"
        "check = getattr(checks, 'check_array_api_input', None)\n"
        "if 'expect_only_array_outputs' in getattr(check, '__code__', partial).co_varnames:\n"
        "    for estimator in (AxonClassifier(max_iter=20), AxonRegressor(max_iter=20)):\n"
        "        check(type(estimator).__name__, estimator, **options)\n"
        "print('done')\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "SCIPY_ARRAY_API": "1", "AXON_KERNELS": "numpy"},
    )
    assert done.stdout == "done\n", done.stderr


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ("sys.modules['sklearn'] = None", "pip install scikit-learn (the extra 'sklearn')"),
        ("import sklearn; sklearn.__version__ = '1.5.2'", "1.6 or newer, this is 1.5.2"),
    ],
)
def test_scikit_learn_is_missing_or_too_old(replaced: str, message: str) -> None:
    code = f"import sys; {replaced}; import axon.sklearn"
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 1
    assert "ImportError: axon.sklearn needs scikit-learn" in done.stderr
    assert message in done.stderr


def test_networks_of_the_users_pass_the_checks_that_look_at_results() -> None:
    from sklearn.utils import estimator_checks as checks

    chosen = (
        checks.check_classifiers_train,
        checks.check_classifiers_classes,
        checks.check_fit_idempotent,
        checks.check_estimators_pickle,
        checks.check_sample_weight_equivalence_on_dense_data,
        checks.check_methods_sample_order_invariance,
        checks.check_classifiers_one_label,
    )
    for network in (wide, softmax_only):
        estimator = AxonClassifier(network=network, learning_rate_init=0.03, max_iter=60)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            for check in chosen:
                check("AxonClassifier", estimator)
