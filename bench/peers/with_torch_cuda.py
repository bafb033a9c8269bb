"""PyTorch on CUDA: data and network on the device, eager or as a CUDA graph.

Without CUDA the eager one runs on the CPU, so that it can be tried anywhere.
"""

import numpy as np
import torch

from bench.peers import with_torch
from bench.work import EPSILON, Workload

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Eager(with_torch.Eager):
    """A plain loop; nobody waits for the loss of a step."""

    capturable = False

    def __init__(self, work: Workload) -> None:
        super().__init__(work)
        self.model.to(DEVICE)
        learned = [p for p in self.model.parameters() if p.requires_grad]
        if work.optimizer == "adam":
            options = {"lr": work.learning_rate, "eps": EPSILON, "fused": True}
            self.optimizer = torch.optim.Adam(learned, capturable=self.capturable, **options)
        else:
            self.optimizer = torch.optim.SGD(learned, lr=work.learning_rate, fused=True)

    def load(self, x: np.ndarray, y: np.ndarray) -> None:
        super().load(x, y)
        self.x, self.y = self.x.to(DEVICE), self.y.to(DEVICE)

    def train(self, orders: np.ndarray) -> float:
        self.model.train()
        for order in torch.from_numpy(orders).to(DEVICE):
            batches = order.split(self.work.batch_size)
            total = sum(self.step(rows) for rows in batches)
        return float(total) / len(batches)

    def step(self, rows: torch.Tensor) -> torch.Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.forward(self.x[rows], self.y[rows])
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class Graphed(Eager):
    """The step captured once, after a few in vain on a stream of their own, and replayed."""

    capturable = True

    def load(self, x: np.ndarray, y: np.ndarray) -> None:
        super().load(x, y)
        self.model.train()
        before = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.rows = torch.arange(self.work.batch_size, device=DEVICE)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                super().step(self.rows)
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(self.graph):
            self.loss = super().step(self.rows)
        self.model.load_state_dict(before)
        for state in self.optimizer.state.values():
            for value in state.values():
                value.zero_()

    def step(self, rows: torch.Tensor) -> torch.Tensor:
        self.rows.copy_(rows)
        self.graph.replay()
        return self.loss.clone()
