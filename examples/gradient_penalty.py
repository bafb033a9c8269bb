"""A distance between two clouds of points, learned: the critic of a Wasserstein GAN.

A network D that rises by at most 1 per unit of way can set two clouds apart by no more than their
earth mover's distance, and the best one does so: mean D(a) - mean D(b). Its slope is held near 1 by
a penalty on the length of dD/dx, (|dD/dx| - 1)^2, at points between the clouds (Gulrajani et al.,
"Improved Training of Wasserstein GANs", 2017). The penalty is itself made of a derivative, so the
training differentiates twice: ``grad(..., create_graph=True)``.

Here one cloud is the other, moved by (3, 4): every point has to go 5 units, so the distance is 5.
"""

import numpy as np

import axon
from axon import Tensor, grad, ops
from axon.layers import Dense
from axon.models import Sequential
from axon.optimizers import Adam

MOVE = np.array([3.0, 4.0], np.float32)
WEIGHT = 200.0  # the slope settles at 1 + distance / (2 WEIGHT): softly held, a little too steep


def clouds(random: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    here, there = random.normal(size=(2, n, 2)).astype(np.float32)
    return here, there + MOVE


def penalty(critic: Sequential, x: np.ndarray) -> Tensor:
    """How far the slope of the critic is from 1: mean over x (n, 2) of (|dD/dx| - 1)^2."""
    points = Tensor(x, requires_grad=True)
    slope = grad(critic(points).sum(), points, create_graph=True)  # (n, 2)
    length = ops.sqrt((slope * slope).sum(axis=-1) + 1e-12)
    return ((length - 1.0) ** 2).mean()


def train(critic: Sequential, steps: int, random: np.random.Generator) -> None:
    optimizer = Adam(learning_rate=0.002, beta_1=0.5)
    optimizer.build(critic.parameters())
    for _ in range(steps):
        a, b = clouds(random, 128)
        share = random.uniform(size=(128, 1)).astype(np.float32)
        between = share * a + (1 - share) * b
        distance = critic(Tensor(b)).mean() - critic(Tensor(a)).mean()
        loss = WEIGHT * penalty(critic, between) - distance
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main(steps: int = 400) -> float:
    axon.set_random_seed(0)
    random = np.random.default_rng(0)
    critic = Sequential([Dense(2, 32, "tanh"), Dense(32, 32, "tanh"), Dense(32, 1)])
    train(critic, steps, random)
    a, b = clouds(random, 2000)
    distance = float(critic.predict(b).mean() - critic.predict(a).mean())
    print(f"earth mover's distance: {distance:.2f}, exactly: {np.linalg.norm(MOVE):.2f}")
    return distance


if __name__ == "__main__":
    main()
