"""``python -m bench.start CONTESTANT FOLDER``: from nothing to 97 % of MNIST's test images.

Only the library itself, NumPy and the standard library are loaded; the data lies on disk, as bytes.
"""

import json
import resource
import sys
from pathlib import Path

import numpy as np

from bench.peers import CONTESTANTS
from bench.work import WORKLOADS, images

ACCURACY = 0.97


def main(name: str, folder: Path) -> None:
    peer = CONTESTANTS[name].load()(WORKLOADS["mlp-128"])
    x_test, y_test = images(folder, "test")
    x, y = images(folder, "train", len(np.load(folder / "y_train.npy")) // 128 * 128)
    peer.load(x, y)
    orders = np.load(folder / f"orders_{len(x)}.npy")
    for epoch in range(1, len(orders) + 1):
        peer.train(orders[epoch - 1 : epoch])
        accuracy = float((peer.predict(x_test).argmax(axis=1) == y_test).mean())
        if accuracy >= ACCURACY:
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
    print(json.dumps({"epochs": epoch, "accuracy": accuracy, "memory": peak}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
