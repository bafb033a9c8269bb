"""A convolutional network in several processes, with the bits of one.

    python ranks.py                                  # one process does all eight shards
    mpiexec -n 4 python -m mpi4py ranks.py           # four do two each
    mpiexec -n 2 python -m mpi4py ranks.py 40 run    # 40 epochs, with backups in the folder run

Killed, the last one goes on from its backup when it is started again, with as many processes as
there are then.
"""

import hashlib
import sys

import axon
from axon.datasets import digits
from axon.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
    Rescaling,
    Reshape,
)
from axon.models import Sequential


def network() -> Sequential:
    return Sequential(
        [
            Rescaling(1 / 16),
            Reshape((8, 8, 1)),
            Conv2D(16, 3, activation="relu", padding="same"),
            BatchNormalization(momentum=0.9),  # of each shard; the running means are averaged
            MaxPooling2D(2),
            Conv2D(32, 3, activation="relu"),
            Flatten(),
            Dropout(0.3),  # draws by step and shard
            Dense(10, activation="softmax"),
        ]
    )


def main(epochs: int = 10, backup: str | None = None) -> float:
    axon.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    model = network()
    model.compile("categorical_cross_entropy", "adam", metrics=["accuracy"])
    options = {"validation_data": (x_test, y_test), "verbose": 2, "resume": backup}
    model.fit(x_train, y_train, 128, epochs, shards=8, **options)

    digest = hashlib.sha256()
    for weights in model.get_weights():
        digest.update(weights.tobytes())
    who = f"Rank {axon.ranks.rank()} of {axon.ranks.size()}"
    line = f"{who}: the digest of all weights is {digest.hexdigest()[:16]}\n"
    print(line, end="", flush=True)  # at once, or the lines of ranks may mix
    return float(model.evaluate(x_test, y_test)[1])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
