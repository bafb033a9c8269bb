"""python -m bench.estimators: AxonClassifier beside scikit-learn's MLPClassifier, in turn.

The same layers, batches and epochs; medians of the rounds, and of the ratios in each round.
"""

import argparse
import time
import warnings
from statistics import median

import numpy as np
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from axon import datasets
from axon.sklearn import AxonClassifier


def mnist(rows: int) -> tuple[np.ndarray, np.ndarray]:
    (x, y), _ = datasets.mnist.load_data()
    return (x[:rows].reshape(len(y[:rows]), -1) / 255).astype(np.float32), y[:rows]


def work() -> list[tuple[str, np.ndarray, np.ndarray, dict[str, object]]]:
    digits, (x, y) = load_digits(return_X_y=True), mnist(60_000)
    large = {"hidden_layer_sizes": (128,), "batch_size": 128, "max_iter": 2}
    return [
        ("iris", *load_iris(return_X_y=True), {"max_iter": 100}),
        ("digits", *digits, {"max_iter": 20}),
        ("digits float32", digits[0].astype(np.float32), digits[1], {"max_iter": 20}),
        ("MNIST float32", x, y, large),
        ("MNIST float64", x.astype(np.float64), y, large),
    ]


def seconds(kind: type, x: np.ndarray, y: np.ndarray, options: dict, seed: int) -> tuple:
    estimator = kind(random_state=seed, n_iter_no_change=np.inf, **options)
    began = time.perf_counter()
    estimator.fit(x, y)
    fitted = time.perf_counter()
    estimator.predict(x)
    return fitted - began, time.perf_counter() - fitted


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(
        f"{'':16}{'fit: AXON':>12}{'MLP':>9}{'ratio':>7}{'predict: AXON':>15}{'MLP':>9}{'ratio':>7}"
    )
    for name, x, y, options in work():
        if given.only not in name:
            continue
        seconds(AxonClassifier, x[:500], y[:500], options, 0)  # compiles kernels, warms up
        pairs = [
            [seconds(kind, x, y, options, seed) for kind in (AxonClassifier, MLPClassifier)]
            for seed in range(given.rounds)
        ]
        row = f"{name:16}"
        for what, width in ((0, 12), (1, 15)):
            ours, theirs = (median(pair[i][what] for pair in pairs) for i in (0, 1))
            ratio = median(pair[1][what] / pair[0][what] for pair in pairs)
            row += f"{ours:{width}.3f}{theirs:9.3f}{ratio:7.1f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
