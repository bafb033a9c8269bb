"""What is left of a foreign file, and what its weights do not tell."""

import warnings

import numpy as np
import pytest

from axon.files import safetensors
from axon.layers import Conv2D, Conv2DTranspose, Dense, Flatten
from axon.models import Sequential

torch = pytest.importorskip("torch")
nn = torch.nn


def written(network, path):
    arrays = {name: t.detach().numpy() for name, t in network.state_dict().items()}
    safetensors.save(path, arrays)
    return path


def test_without_strict_what_is_left_of_the_file_is_listed(tmp_path):
    theirs = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    path = written(theirs, tmp_path / "t.safetensors")
    ours = Sequential([Dense(3, 4)])
    loaded = ours.load_weights(path, strict=False)
    assert np.allclose(ours.layers[0].weights.numpy(), theirs[0].weight.detach().numpy().T)
    expected = [*(f"1.{n}" for n in ("weight", "bias", "running_mean", "running_var")), "3.weight"]
    assert sorted(loaded.unexpected_keys) == sorted([*expected, "3.bias"])
    assert loaded.missing_keys == []


def test_without_strict_what_the_file_lacks_is_listed(tmp_path):
    path = written(nn.Sequential(nn.Linear(3, 4)), tmp_path / "t.safetensors")
    ours = Sequential([Dense(3, 4), Dense(4, 2)])
    loaded = ours.load_weights(path, strict=False)
    assert loaded.missing_keys == ["dense_1/weights", "dense_1/bias"]
    assert loaded.unexpected_keys == []


def test_all_that_is_used_leaves_nothing(tmp_path):
    theirs = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 3))
    path = written(theirs, tmp_path / "t.safetensors")
    ours = Sequential([Conv2D(2, 3), Flatten(), Dense(3)])
    ours.build((6, 6, 1))
    loaded = ours.load_weights(path, strict=False)
    assert (loaded.missing_keys, loaded.unexpected_keys) == ([], [])
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 1)).astype(np.float32)
    wanted = theirs(torch.tensor(x.transpose(0, 3, 1, 2))).detach().numpy()
    assert np.allclose(ours.predict(x), wanted, atol=1e-5)  # rows reordered: C, H, W there


@pytest.mark.parametrize(("kernel", "uneven"), [(3, True), (4, False)])
def test_a_transposed_convolution_that_cuts_another_end_is_told(tmp_path, kernel, uneven):
    theirs = nn.ConvTranspose2d(2, 3, kernel, 2, 1, output_padding=kernel % 2)
    path = written(nn.Sequential(theirs), tmp_path / "t.safetensors")
    x = np.random.default_rng(0).normal(size=(1, 5, 5, 2)).astype(np.float32)
    wanted = theirs(torch.tensor(x.transpose(0, 3, 1, 2))).detach().numpy().transpose(0, 2, 3, 1)
    ours = Sequential([Conv2DTranspose(3, kernel, 2, "same")])
    ours.build((5, 5, 2))
    if not uneven:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ours.load_weights(path)
        assert np.allclose(ours.predict(x), wanted, atol=1e-5)
        return
    with pytest.warns(UserWarning, match=r"one more at the beginning.*Use padding='valid'"):
        ours.load_weights(path)
    assert not np.allclose(ours.predict(x), wanted, atol=1e-3)
    whole = Sequential([Conv2DTranspose(3, kernel, 2, "valid")])
    whole.build((5, 5, 2))
    whole.load_weights(path)
    assert np.allclose(whole.predict(x)[:, 1:, 1:], wanted, atol=1e-5)
