"""scikit-learn: MLPClassifier, one partial_fit for each epoch."""

import numpy as np
from sklearn.neural_network import MLPClassifier

from bench.work import EPSILON, Workload, weights


class Classifier:
    """It takes whole epochs and no batches, so it is given the data in the order of the epoch."""

    def __init__(self, work: Workload) -> None:
        self.work, self.classes = work, range(2 if work.network == "table" else 10)
        self.model = MLPClassifier(
            (32, 16) if work.network == "table" else (128, 64),
            solver=work.optimizer,
            learning_rate_init=work.learning_rate,
            batch_size=work.batch_size,
            alpha=0.0,
            momentum=0.0,
            nesterovs_momentum=False,
            epsilon=EPSILON,
            shuffle=False,
        )
        self.begin()

    def begin(self) -> None:
        """Put the common weights in place of those that a first call has drawn."""
        start = weights(self.work.network)
        x = np.zeros((self.work.batch_size, len(start[0])), np.float32)
        self.model.partial_fit(x, np.zeros(len(x), int), classes=self.classes)
        for own, given in ((self.model.coefs_, start[::2]), (self.model.intercepts_, start[1::2])):
            for mine, w in zip(own, given, strict=True):
                mine[...] = w
        del self.model._optimizer  # which remembers that first call; the next one makes a new one

    def load(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x.reshape(len(x), -1), y.ravel().astype(int)

    def train(self, orders: np.ndarray) -> float:
        for order in orders:
            self.model.partial_fit(self.x[order], self.y[order])
        return float(self.model.loss_)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.model.predict_proba(x.reshape(len(x), -1))
