"""A step of a table's packed network, beside the same step by PyTorch: ``python -m bench.packed``.

Eight members of two layers of 64 neurons, batches of 128 rows, cross-entropy of two classes, Adam
with a rate of its own for each kind of parameter: 40 encoded inputs (scaled numbers) and 340 (20 of
them, and 16 bins of each). AXON's is the step that ``TabularClassifier`` makes, fetching of batches
included; PyTorch's fetches rows that lie spread out, and is run eagerly and by ``torch.compile``
(which needs a C++ compiler), with its fused Adam. One thread each, in turns; the median of several
rounds. Before that, all make the same steps from the same weights, and have to agree.
"""

import os

os.environ.update(AXON_NUM_THREADS="1", OMP_NUM_THREADS="1", AXON_KERNELS="fast")

import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from axon.optimizers.schedules import CosineLogarithmic
from axon.tabular.columns import Values
from axon.tabular.encoding import Encoder
from axon.tabular.fitted import columns_of, compact_columns
from axon.tabular.network import Ensemble
from axon.tabular.objectives import Classes
from axon.tabular.training import Course, Training, paces

ROWS, BATCH, MEMBERS = 5120, 128, 8
EPOCHS, ROUNDS = 30, 5
AGREE = 5e-3  # of the largest weight, after an epoch
RNG = np.random.default_rng


class Task(NamedTuple):
    """Encoded rows, compact and spread out, targets, and a network that has just begun."""

    inputs: int
    compact: list[Any]
    spread: Any
    y: Any
    net: Ensemble


def task(numbers: int, bins: int) -> Task:
    """Rows of so many numbers, in so many bins each."""
    x = RNG(0).standard_normal((ROWS, numbers))
    y = np.eye(2, dtype=np.float32)[(x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(int)]
    names = tuple(f"n{i}" for i in range(numbers))
    values = Values(x, np.empty((ROWS, 0), np.int32), names, (), ())
    encoder = Encoder.fit(values, bins)
    net = Ensemble(encoder.width, MEMBERS, bins=encoder.bins, at=numbers, outputs=2)
    (spread,) = columns_of(encoder.transform(values))
    net.begin(spread[:1024], (), RNG(1))
    compact = compact_columns(encoder, values) if bins else [spread]
    return Task(encoder.width, compact, spread, y, net)


def axons(made: Task) -> Training:
    """The training whose epochs are measured."""
    held = np.zeros((ROWS, MEMBERS), bool)
    held[0] = True  # somebody has to be
    weights = np.ones((ROWS, MEMBERS), np.float32)
    given = made.net, made.compact, made.y, weights, held, Classes(), Course(epochs=EPOCHS)
    rng, counts = RNG(2), np.ones(ROWS)
    return Training(*given, rng, counts, compact=len(made.compact) > 1, compiled=True)


class Torchs:
    """The same network and steps by PyTorch."""

    def __init__(self, made: Task, compiled: bool) -> None:
        import torch

        torch.set_num_threads(1)
        net, self.torch = made.net, torch
        first = net.first().data.reshape(made.inputs, MEMBERS, -1)
        scale, pace = np.ones((made.inputs, MEMBERS, 1), np.float32), paces(net)
        parts = {"scale": scale, "weights_0": first}
        parts |= {p.name: p.data for p in (*net.weights[1:], *net.biases, *net.bends)}
        self.p = {n: torch.tensor(np.array(a), requires_grad=True) for n, a in parts.items()}
        groups = [{"params": [p], "lr": pace[n]} for n, p in self.p.items()]
        self.paces = [pace[n] for n in self.p]
        self.optimizer = torch.optim.Adam(groups, betas=(0.9, 0.95), eps=1e-8, fused=True)
        self.x, self.y = torch.tensor(made.spread), torch.tensor(made.y)
        self.weights = torch.ones((ROWS, MEMBERS))
        self.gradients: Callable[..., Any] = self._gradients
        if compiled:
            self.gradients = torch.compile(self._loss)

    def _loss(self, x: Any, y: Any, weights: Any) -> Any:
        torch, p = self.torch, self.p
        z = x @ (p["weights_0"] * p["scale"]).reshape(x.shape[1], -1) + p["bias_0"]
        h = z + p["bend_0"] * (torch.nn.functional.selu(z) - z)
        h = h.reshape(len(x), MEMBERS, -1).transpose(0, 1)
        z = torch.baddbmm(p["bias_1"], h, p["weights_1"])
        h = z + p["bend_1"] * (torch.nn.functional.selu(z) - z)
        z = torch.baddbmm(p["bias_2"], h, p["weights_2"]).transpose(0, 1)
        losses = -(torch.log_softmax(z, -1) * y[:, None]).sum(-1)
        return (losses * weights).sum() / len(x)

    def _gradients(self, x: Any, y: Any, weights: Any) -> Any:
        return self._loss(x, y, weights)

    def epoch(self, order: Any, rates: Any) -> None:
        """Steps on the rows in this order, at these rates."""
        torch = self.torch
        index = torch.from_numpy(order)
        for number, rate in enumerate(rates):
            rows = index[number * BATCH : (number + 1) * BATCH]
            for group, pace in zip(self.optimizer.param_groups, self.paces, strict=True):
                group["lr"] = rate * pace
            self.optimizer.zero_grad()
            self.gradients(self.x[rows], self.y[rows], self.weights[rows]).backward()
            self.optimizer.step()


def measured(numbers: int, bins: int) -> dict[str, float]:
    """Microseconds that a step takes each of the three."""
    made = task(numbers, bins)
    torchs = {"eager": Torchs(made, False), "compile": Torchs(made, True)}
    training = axons(made)
    training.step.expect(training.ahead)
    schedule = CosineLogarithmic(Course().rate, EPOCHS * training.feed.steps, Course().cycles)
    steps = training.feed.steps
    seconds: dict[str, list[float]] = {"axon": [], **{name: [] for name in torchs}}
    for turn in range(ROUNDS + 1):
        rates = [schedule(turn * steps + i) for i in range(steps)]
        began = perf_counter()
        training._epoch()
        seconds["axon"].append(perf_counter() - began)
        for name, torch in torchs.items():
            began = perf_counter()
            torch.epoch(training.feed.numbers.copy(), rates)
            seconds[name].append(perf_counter() - began)
        if not turn:  # the first one records and compiles
            demand_same(made, torchs)
    return {name: 1e6 * median(s[1:]) / steps for name, s in seconds.items()}


def demand_same(made: Task, torchs: dict[str, Torchs]) -> None:
    """Demand that all three have learned the same from the same rows."""
    ours = made.net.weights[1].data
    for name, torch in torchs.items():
        theirs = torch.p["weights_1"].detach().numpy()
        error = np.abs(ours - theirs).max() / np.abs(ours).max()
        print(f"  axon and {name} differ by {error:.1e} after an epoch", file=sys.stderr)
        if error > AGREE:
            raise AssertionError(f"{name} does not learn the same: {error:.1e}")


def main() -> None:
    """Print microseconds and ratios."""
    print("inputs  axon us  eager us  compile us  eager / axon  compile / axon")
    for numbers, bins in ((40, 0), (20, 16)):
        t = measured(numbers, bins)
        inputs, a = numbers * (1 + bins), t["axon"]
        print(
            f"{inputs:6}  {a:7.0f}  {t['eager']:8.0f}  {t['compile']:10.0f}  "
            f"{t['eager'] / a:12.1f}  {t['compile'] / a:14.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
