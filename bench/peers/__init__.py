"""The contestants: one file for each library, which is imported in a process of its own.

Each offers a class with four methods:

    Class(work)              a network with the common weights, ready to train and to predict
    load(x, y)               take inputs and targets; not timed
    train(orders) -> float   an epoch for each row of indices; the mean loss of the last one
    predict(x) -> array      probabilities, NumPy in and NumPy out

Each is written the way the library's own documentation says to be fast on a CPU, with the default
number of threads.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple


class Contestant(NamedTuple):
    """Where a contestant is written, and what it takes to run it."""

    name: str
    place: str  # file and class
    distributions: tuple[str, ...]  # packages that a user installs for it
    imports: str  # what a user writes to begin with
    networks: tuple[str, ...] | None = None  # those that it can express; None: all
    environment: tuple[tuple[str, str], ...] = ()
    steps: tuple[tuple[str, int], ...] = ()  # fewer steps a round, where it is very slow

    def load(self) -> Callable:
        """The class, and with it the library."""
        module, name = self.place.split(":")
        return getattr(import_module(f"bench.peers.{module}"), name)

    @property
    def missing(self) -> list[str]:
        """Packages that are not installed."""
        modules = {"scikit-learn": "sklearn", "tensorflow-cpu": "tensorflow", "axon-nn": "axon"}
        return [d for d in self.distributions if find_spec(modules.get(d, d)) is None]


CONTESTANTS = {
    "axon": Contestant(
        "AXON, NumPy only",
        "with_axon:Axon",
        ("axon-nn",),
        "import axon",
        environment=(("AXON_KERNELS", "numpy"),),
    ),
    "axon-fast": Contestant(
        "AXON, fast",
        "with_axon:Axon",
        ("axon-nn", "numba"),
        "import axon",
        environment=(("AXON_KERNELS", "fast"),),
    ),
    "axon-jax": Contestant(
        "AXON by XLA",
        "with_axon:Axon",
        ("axon-nn", "jax"),
        "import axon",
        environment=(("AXON_KERNELS", "jax"),),
    ),
    "torch": Contestant("PyTorch, eager", "with_torch:Eager", ("torch",), "import torch"),
    "torch-compile": Contestant(
        "PyTorch, torch.compile", "with_torch:Compiled", ("torch",), "import torch"
    ),
    "keras": Contestant(
        "Keras on TensorFlow",
        "with_keras:Fit",
        ("keras", "tensorflow-cpu"),
        "import keras",
        environment=(("KERAS_BACKEND", "tensorflow"), ("TF_CPP_MIN_LOG_LEVEL", "3")),
    ),
    "jax": Contestant(
        "JAX, jitted step",
        "with_jax:Jitted",
        ("jax",),
        "import jax.numpy",
        steps=(("cnn", 8), ("cnn-norm", 8)),
    ),
    "jax-scan": Contestant(
        "JAX, epoch in lax.scan",
        "with_jax:Scanned",
        ("jax",),
        "import jax.numpy",
        steps=(("cnn", 4), ("cnn-norm", 4)),
    ),
    "sklearn": Contestant(
        "scikit-learn",
        "with_sklearn:Classifier",
        ("scikit-learn",),
        "from sklearn.neural_network import MLPClassifier",
        networks=("mlp", "table"),
    ),
    "tinygrad": Contestant(
        "tinygrad",
        "with_tinygrad:Jitted",
        ("tinygrad",),
        "import tinygrad",
        environment=(("DEV", "CPU"),),
        steps=(
            *(("mlp", 16), ("cnn", 2), ("cnn-norm", 2)),
            *(("lstm", 1), ("attention", 1), ("table", 8)),
        ),
    ),
}
