"""The examples do what they say, with small settings."""

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
MNIST = Path(os.environ.get("AXON_DATA_DIR", "")) / "mnist"
needs_mnist = pytest.mark.skipif(
    "AXON_DATA_DIR" not in os.environ or not MNIST.is_dir(), reason="no copy of MNIST here"
)


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("example", EXAMPLES / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_neuron_reaches_94_percent(capsys):
    assert load("breast_cancer_classification/one_neuron.py").main() >= 0.94
    assert "Test accuracy: 9" in capsys.readouterr().out


def test_the_same_neuron_as_a_sequential_reaches_94_percent(capsys):
    assert load("breast_cancer_classification/sequential.py").main() >= 0.94
    assert "Epoch 30/30 - Loss: 0.0" in capsys.readouterr().out


def test_one_neuron_does_not_owe_its_success_to_one_split():
    """Over ten splits the neuron stays at 94 % on average."""
    import numpy as np

    from axon.datasets import breast_cancer
    from axon.layers import Dense, Normalization
    from axon.models import Sequential

    accuracies = []
    for seed in range(10):
        (x, y), (x_test, y_test) = breast_cancer.load_data(seed=seed)
        normalization = Normalization()
        normalization.adapt(x)
        model = Sequential([normalization, Dense(30, 1, "sigmoid")])
        model.compile("binary_cross_entropy", "adam", metrics=["accuracy"])
        model.optimizer.learning_rate = 0.01
        model.fit(x, y.reshape(-1, 1), epochs=20, verbose=0)
        accuracies.append(model.evaluate(x_test, y_test.reshape(-1, 1))[1])
    assert np.mean(accuracies) >= 0.95
    assert min(accuracies) >= 0.91


def test_backpropagation_by_hand_agrees_with_the_library(capsys):
    assert load("by_hand/backprop.py").main(steps=20) < 1e-6


@needs_mnist
def test_mnist_with_adam_reaches_97_5_percent_in_5_epochs(capsys):
    assert load("mnist/adam.py").main(epochs=5) >= 0.975


@needs_mnist
def test_mnist_with_sgd_is_on_its_way(capsys):
    assert load("mnist/sgd.py").main(epochs=2) >= 0.91
    assert "Epoch 2/2 - Loss: " in capsys.readouterr().out
