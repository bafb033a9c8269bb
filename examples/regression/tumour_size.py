"""Regression on the built-in table: how large is the largest part of a tumour?

The Wisconsin table holds ten measures of the cell nuclei of 569 tumours, each as mean, as standard
error and as "worst" (the mean of the three largest). From the means and errors, worst radius.
"""

import sys

import axon
from axon.callbacks import EarlyStopping
from axon.datasets import breast_cancer
from axon.layers import Dense, Normalization
from axon.models import Sequential
from axon.optimizers import AdamW


def main(epochs: int = 200) -> float:
    axon.set_random_seed(0)
    (train, _), (test, _) = breast_cancer.load_data()
    column = breast_cancer.FEATURE_NAMES.index("radius_worst")
    x_train, y_train = train[:, :20], train[:, column : column + 1]
    x_test, y_test = test[:, :20], test[:, column : column + 1]

    inputs = Normalization()
    inputs.adapt(x_train)
    hidden = [Dense(32, activation="relu"), Dense(16, activation="relu")]
    model = Sequential([inputs, *hidden, Dense(1)])
    model.compile("huber", AdamW(0.01, weight_decay=0.01), metrics=["mae", "r2"])
    stop = EarlyStopping("val_loss", patience=20, restore_best_weights=True)
    options = {"validation_split": 0.15, "callbacks": [stop], "verbose": 0}
    history = model.fit(x_train, y_train, batch_size=32, epochs=epochs, **options)

    _, error, r2 = model.evaluate(x_test, y_test)
    print(f"Stopped after {len(history.epoch)} epochs, at the weights of the best one.")
    print(f"Worst radius, 7.9 to 36: off by {error:.2f} on average, R2 = {r2:.3f}")
    return float(r2)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
