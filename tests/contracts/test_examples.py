"""The examples do what they say, with small settings."""

import os
import sys
from functools import wraps
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
MNIST = Path(os.environ.get("AXON_DATA_DIR", "")) / "mnist"
needs_mnist = pytest.mark.skipif(
    "AXON_DATA_DIR" not in os.environ or not MNIST.is_dir(), reason="no copy of MNIST here"
)
pytest.importorskip("matplotlib", reason="needs the extra plot: matplotlib is not installed")
sys.path.append(str(ROOT / "docs" / "_site"))  # where what draws the gallery lies
gallery_pictures = pytest.importorskip("gallery_pictures", reason="needs the extra images")


def load(path: str) -> ModuleType:
    """An example whose ``main`` also draws its picture, from what it has trained."""
    module, at = gallery_pictures.loaded(path)
    main = module.main

    @wraps(main)
    def drawing(*args, **options):
        returned = main(*args, **options)
        made = gallery_pictures.drawn(path, at, "-dark", fine=20)
        assert made.width > made.height > 50
        assert len(set(made.convert("L").tobytes())) > 2, "an empty picture"
        return returned

    module.main = drawing
    return module


def test_every_example_is_in_the_gallery_with_small_pictures():
    """For light pages and for dark ones."""
    examples = {str(p.relative_to(ROOT / "examples")) for p in ROOT.glob("examples/**/*.py")}
    listed = gallery_pictures.EXAMPLES
    assert {e.path for e in listed} == examples == set(gallery_pictures.PICTURES)
    wanted = {f"{e.page}{s}.webp" for e in listed for s in gallery_pictures.SCHEMES}
    sizes = {path.name: path.stat().st_size for path in gallery_pictures.OUT.glob("*")}
    assert set(sizes) == wanted
    assert max(sizes.values()) < 40_000
    assert sum(sizes.values()) < 800_000


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


def test_a_residual_network_learns_the_digits(capsys):
    assert load("branching/residual.py").main(epochs=5) >= 0.93
    assert "blocks_0 (Block)" in capsys.readouterr().out


def test_a_network_with_two_inputs_tells_digits_apart():
    assert load("branching/two_inputs.py").main(epochs=2, count=4000) >= 0.8


def test_regression_on_the_built_in_table(capsys):
    assert load("regression/tumour_size.py").main() >= 0.9
    assert "R2 = 0.9" in capsys.readouterr().out


def test_gradient_penalty_measures_a_distance():
    assert abs(load("gradient_penalty.py").main() - 5) < 0.2


def test_two_outputs_are_learned_together():
    measured = load("multi_output.py").main(epochs=10)
    assert measured["digit_accuracy"] >= 0.9
    assert measured["ink_mae"] <= 0.3


def test_a_network_that_was_cut_helps_another_one():
    transferred, alone = load("transfer.py").main(epochs=5)
    assert transferred >= alone + 0.05


def test_an_autoencoder_draws_digits(capsys):
    error, of_the_mean = load("vae.py").main(epochs=15)
    assert error < 0.75 * of_the_mean
    assert "##" in capsys.readouterr().out


def test_a_u_net_finds_discs():
    assert load("unet.py").main(epochs=6, count=400) >= 0.5


def test_texts_of_a_csv_file_are_classified(tmp_path, capsys):
    example = load("text/classification.py")
    assert example.main(epochs=6) > 0.8  # a word in ten says the opposite
    assert "made-up reviews" in capsys.readouterr().out
    example.made_up(tmp_path / "own.csv", 300)
    assert example.main(str(tmp_path / "own.csv"), "text", "label", 2) > 0.4
    assert "made-up" not in capsys.readouterr().out


def test_a_language_model_of_characters_writes_on(tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat and the dog sat on the log. " * 300)
    loss = load("text/characters.py").main(str(text), epochs=8, units=32, count=60)
    assert loss < 0.7, "by chance it would be log 14 = 2.6"
    assert len(capsys.readouterr().out.splitlines()[-1]) >= 100


@needs_mnist
def test_one_pass_over_a_part_of_mnist_by_convolution():
    assert load("mnist/one_epoch.py").main(images=4000) >= 0.93


@needs_mnist
def test_the_other_networks_for_mnist_run(tmp_path, monkeypatch):
    """On few images: how well they do is for the README, and takes minutes."""
    from axon.datasets import mnist

    (x, y), (x_test, y_test) = mnist.load_data()
    few = (x[:1500], y[:1500]), (x_test[:500], y_test[:500])
    monkeypatch.setattr(mnist, "load_data", lambda: few)
    assert load("mnist/rows.py").main(epochs=3, units=32) > 0.3
    assert load("mnist/patches.py").main(epochs=2, width=16, depth=1) > 0.15
    assert load("mnist/cnn.py").main(epochs=2) > 0.6
    picture = tmp_path / "reconstructions.png"
    assert load("mnist/autoencoder.py").main(epochs=3, picture=str(picture)) < 0.08
    assert picture.stat().st_size > 5000


def test_dates_are_translated(capsys):
    assert load("seq2seq.py").main(count=2000, units=48, epochs=7) >= 0.5
    assert "of 500 new dates are right." in capsys.readouterr().out


def test_a_small_gpt_learns_and_writes_on(tmp_path):
    gpt = load("gpt.py")
    file = tmp_path / "text.txt"
    file.write_text("the cat sat on the mat, and the dog sat by the door. " * 60)
    cost, text = gpt.main(str(file), epochs=12, width=32, blocks=1, length=16)
    assert cost < 1.5
    assert "the" in text
    cost, text = gpt.main(
        str(file), words=True, rotary=True, epochs=12, width=32, blocks=1, length=12
    )
    assert cost < 1.0
    assert text.startswith("the cat sat")
