"""One function per contestant: train some epochs, return seconds per epoch and the last loss.

Each is written the way its own documentation says to be fast on a CPU, and imports its library
itself, since each runs in a process of its own.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from bench.work import EPSILON, WORKLOADS, Workload, data, network, orders

EPOCHS = 3  # the first is a warm-up: recording, compiling, filling caches
Result = tuple[list[float], float]


def axon_replay(work: Workload) -> Result:
    """AXON: compile and fit."""
    import axon

    x, y = data()
    model = network()
    model.compile("categorical_cross_entropy", work.optimizer)
    model.optimizer.learning_rate = work.learning_rate
    axon.set_random_seed(1)
    history = model.fit(x, y, work.batch_size, EPOCHS, verbose=0)
    return history.seconds, history.history["loss"][-1]


def torch_eager(work: Workload) -> Result:
    """PyTorch: eager, the fastest of its optimizer implementations for small models."""
    import torch

    x, y = map(torch.from_numpy, data())
    model = torch.nn.Sequential(
        torch.nn.Linear(784, 128),
        torch.nn.ReLU(),
        torch.nn.Linear(128, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 10),
    )
    with torch.no_grad():
        ours = network().parameters()
        for theirs, own in zip(model.parameters(), ours, strict=True):
            theirs.copy_(torch.from_numpy(own.numpy().T.copy()))
    parameters, rate = model.parameters(), work.learning_rate
    if work.optimizer == "adam":
        optimizer = torch.optim.Adam(parameters, lr=rate, eps=EPSILON, fused=True)
    else:
        optimizer = torch.optim.SGD(parameters, lr=rate, fused=True)
    loss_of = torch.nn.CrossEntropyLoss()

    def step(index: np.ndarray) -> float:
        rows = torch.from_numpy(index)
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return _epochs(step, work, len(x))


def jax_step(work: Workload) -> Result:
    """JAX: one jitted step that gathers, differentiates and updates."""
    import jax

    x, y = map(jax.numpy.asarray, data())
    update, state = _jax_update(work)
    jitted = jax.jit(update, donate_argnums=0)

    def step(index: np.ndarray) -> float:
        nonlocal state
        state, loss = jitted(state, x, y, index)
        return float(loss)

    return _epochs(step, work, len(x))


def jax_scan(work: Workload) -> Result:
    """JAX: a whole epoch in one lax.scan."""
    import jax

    x, y = map(jax.numpy.asarray, data())
    update, state = _jax_update(work)
    whole = len(x) // work.batch_size * work.batch_size

    @jax.jit
    def epoch(state, rows):  # type: ignore[no-untyped-def]
        return jax.lax.scan(lambda s, index: update(s, x, y, index), state, rows)

    seconds = []
    for order in orders(len(x), EPOCHS):
        began = time.perf_counter()
        state, losses = epoch(state, order[:whole].reshape(-1, work.batch_size))
        sums = [float(losses.mean())]
        if whole < len(x):
            state, losses = epoch(state, order[whole:][None])
            sums.append(float(losses[0]))
        seconds.append(time.perf_counter() - began)
    shares = [whole, len(x) - whole][: len(sums)]
    return seconds, float(np.average(sums, weights=shares))


def _jax_update(work: Workload):  # type: ignore[no-untyped-def]
    import jax
    import jax.numpy as jnp

    weights = [jnp.asarray(p.numpy()) for p in network().parameters()]
    m, v = ([jnp.zeros_like(w) for w in weights] for _ in "mv")
    rate = work.learning_rate

    def loss_of(weights, x, y):  # type: ignore[no-untyped-def]
        w1, b1, w2, b2, w3, b3 = weights
        h = jax.nn.relu(jax.nn.relu(x @ w1 + b1) @ w2 + b2)
        logs = jax.nn.log_softmax(h @ w3 + b3)
        return -jnp.take_along_axis(logs, y[:, None], axis=1).mean()

    def update(state, x, y, index):  # type: ignore[no-untyped-def]
        weights, m, v, t = state
        loss, g = jax.value_and_grad(loss_of)(weights, x[index], y[index])
        t = t + 1
        if work.optimizer == "sgd":
            weights = [w - rate * d for w, d in zip(weights, g, strict=True)]
        else:
            m = [0.9 * a + 0.1 * d for a, d in zip(m, g, strict=True)]
            v = [0.999 * a + 0.001 * d * d for a, d in zip(v, g, strict=True)]
            scale = rate / (1 - 0.9**t)
            root = jnp.sqrt(1 - 0.999**t)
            moves = [a / (jnp.sqrt(b) / root + EPSILON) for a, b in zip(m, v, strict=True)]
            weights = [w - scale * d for w, d in zip(weights, moves, strict=True)]
        return (weights, m, v, t), loss

    return update, (weights, m, v, jnp.zeros(()))


def sklearn_mlp(work: Workload) -> Result:
    """scikit-learn: MLPClassifier, one partial_fit per epoch; it starts from weights of its own."""
    from sklearn.neural_network import MLPClassifier

    x, y = data()
    model = MLPClassifier(
        (128, 64),
        solver=work.optimizer,
        learning_rate_init=work.learning_rate,
        batch_size=work.batch_size,
        alpha=0.0,
        momentum=0.0,
        nesterovs_momentum=False,
        epsilon=EPSILON,
        random_state=0,
    )
    seconds = []
    for _ in range(EPOCHS):
        began = time.perf_counter()
        model.partial_fit(x, y, classes=range(10))
        seconds.append(time.perf_counter() - began)
    return seconds, float(model.loss_)


def _epochs(step: Callable[[np.ndarray], float], work: Workload, n: int) -> Result:
    """Time epochs of a step that takes the indices of a batch."""
    seconds, loss = [], 0.0
    for order in orders(n, EPOCHS):
        began = time.perf_counter()
        loss = sum(step(index) * len(index) for index in _batches(order, work.batch_size)) / n
        seconds.append(time.perf_counter() - began)
    return seconds, loss


def _batches(order: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (order[start : start + size] for start in range(0, len(order), size))


CONTESTANTS: dict[str, tuple[str, Callable[[Workload], Result]]] = {
    # name: (the package that it needs, what it runs)
    "AXON": ("numpy", axon_replay),
    "PyTorch eager": ("torch", torch_eager),
    "JAX, jitted step": ("jax", jax_step),
    "JAX, epoch in lax.scan": ("jax", jax_scan),
    "scikit-learn": ("sklearn", sklearn_mlp),
}

if __name__ == "__main__":
    name, workload = sys.argv[1:]
    seconds, loss = CONTESTANTS[name][1](WORKLOADS[workload])
    print(json.dumps({"seconds": min(seconds[1:]), "loss": loss}))
