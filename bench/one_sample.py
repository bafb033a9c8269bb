"""What it costs to predict one sample, beyond the arithmetic itself; microseconds."""

import json
import timeit
from collections.abc import Callable

import numpy as np

from bench.work import network


def best(function: Callable[[], object], number: int = 2000) -> float:
    """The fastest of several runs, in microseconds a call."""
    return min(timeit.repeat(function, number=number, repeat=9)) / number * 1e6


def main() -> None:
    model = network()
    w1, b1, w2, b2, w3, b3 = (p.numpy().copy() for p in model.parameters())
    x = np.random.default_rng(0).random((1, 784), np.float32)

    def arithmetic() -> np.ndarray:
        h = np.maximum(x @ w1 + b1, 0)
        h = np.maximum(h @ w2 + b2, 0)
        z = h @ w3 + b3
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    assert np.allclose(model.predict(x), arithmetic(), atol=1e-6)
    times = {"AXON predict": best(lambda: model.predict(x)), "NumPy by hand": best(arithmetic)}
    try:
        import torch
    except ImportError:
        pass
    else:
        sizes = [torch.nn.Linear(784, 128), torch.nn.Linear(128, 64), torch.nn.Linear(64, 10)]
        relu = torch.nn.ReLU()
        net = torch.nn.Sequential(sizes[0], relu, sizes[1], relu, sizes[2], torch.nn.Softmax(1))

        def predict() -> np.ndarray:
            with torch.inference_mode():
                return net(torch.from_numpy(x)).numpy()

        times["PyTorch, inference_mode"] = best(predict)
    print(json.dumps(times))


if __name__ == "__main__":
    main()
