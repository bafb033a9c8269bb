"""The same numbers as PyTorch, where it is installed."""

import numpy as np
import pytest

import axon
from axon import Tensor, activations
from axon.layers import Dense
from axon.losses import BinaryCrossEntropy, CategoricalCrossEntropy, MeanSquaredError
from axon.models import Sequential
from axon.optimizers import SGD, Adam

torch = pytest.importorskip("torch")
F = torch.nn.functional

rng = np.random.default_rng(0)
X = rng.normal(size=(16, 6)).astype("f4")
LABELS = rng.integers(0, 4, 16)
YES = rng.integers(0, 2, (16, 1)).astype("f4")
NUMBERS = rng.normal(size=(16, 3)).astype("f4")
W = rng.random(16).astype("f4")


def counterpart(name):
    """PyTorch's activation of the same name."""
    if name == "linear":
        return lambda x: x
    if name == "hard_sigmoid":
        return F.hardsigmoid
    if name == "leaky_relu":
        return lambda x: F.leaky_relu(x, 0.2)
    if name in ("softmax", "log_softmax"):
        return lambda x: getattr(F, name)(x, dim=-1)
    return getattr(torch, name, None) or getattr(F, name)


def close(ours, theirs, rtol=1e-5, atol=1e-6):
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else theirs
    return np.allclose(ours, theirs, rtol=rtol, atol=atol)


def leaf(array):
    return torch.tensor(array, requires_grad=True)


@pytest.mark.parametrize("name", activations.ACTIVATIONS)
def test_dense_forward_and_gradients(name):
    layer = Dense(6, 4, name)
    layer.bias = rng.normal(size=4)
    slope = rng.normal(size=(16, 4)).astype("f4")
    w, b, x = leaf(layer.weights.numpy()), leaf(layer.bias.numpy()), leaf(X)
    out = counterpart(name)(x @ w + b)
    out.backward(torch.tensor(slope))

    assert close(layer.forward(X), out)
    assert close(layer.backward(slope), x.grad)
    assert close(layer.weights.grad.numpy(), w.grad)
    assert close(layer.bias.grad.numpy(), b.grad)

    layer.weights.grad = layer.bias.grad = None
    inputs = Tensor(X, requires_grad=True)
    layer(inputs).backward(slope)
    assert close(inputs.grad.numpy(), x.grad)
    assert close(layer.weights.grad.numpy(), w.grad)


# name -> (ours, targets, what they are computed from, theirs; unreduced)
LOSSES = {
    "mse": (
        *(MeanSquaredError(), NUMBERS, NUMBERS[::-1].copy()),
        lambda p: F.mse_loss(p, torch.tensor(NUMBERS), reduction="none").mean(1),
    ),
    "bce": (
        *(BinaryCrossEntropy(), YES, rng.random((16, 1)).astype("f4") * 0.98 + 0.01),
        lambda p: F.binary_cross_entropy(p, torch.tensor(YES), reduction="none")[:, 0],
    ),
    "bce from logits": (
        *(BinaryCrossEntropy(from_logits=True), YES, 5 * X[:, :1]),
        lambda p: F.binary_cross_entropy_with_logits(p, torch.tensor(YES), reduction="none")[:, 0],
    ),
    "cce from logits": (
        *(CategoricalCrossEntropy(from_logits=True), LABELS, 5 * X[:, :4]),
        lambda p: F.cross_entropy(p, torch.tensor(LABELS), reduction="none"),
    ),
    "cce": (
        *(CategoricalCrossEntropy(), LABELS, activations.softmax(X[:, :4])),
        lambda p: F.nll_loss(torch.log(p), torch.tensor(LABELS), reduction="none"),
    ),
    "cce of probabilities": (
        *(CategoricalCrossEntropy(True), activations.softmax(X[:, :4]), 5 * X[:, 2:]),
        lambda p: F.cross_entropy(p, torch.tensor(activations.softmax(X[:, :4])), reduction="none"),
    ),
}


@pytest.mark.parametrize(("loss", "y", "p", "theirs"), LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_and_their_gradients(loss, y, p, theirs, weighted):
    q, w = leaf(p), W if weighted else np.ones(16, "f4")
    expected = (theirs(q) * torch.tensor(w)).mean()
    expected.backward()
    weight = w if weighted else None
    assert loss(y, p, weight) == pytest.approx(expected.item(), rel=1e-5)
    assert close(loss.gradient(y, p, weight), q.grad)
    ours = Tensor(p, requires_grad=True)
    loss(y, ours, weight).backward()
    assert close(ours.grad.numpy(), q.grad)


@pytest.mark.parametrize("size", [50.0, 1e4])
def test_extreme_logits(size):
    x = (np.sign(X[:, :4]) * size).astype("f4")
    for ours, theirs in (
        (
            CategoricalCrossEntropy()(LABELS, activations.softmax(Tensor(x, requires_grad=True))),
            F.cross_entropy(torch.tensor(x), torch.tensor(LABELS)),
        ),
        (
            BinaryCrossEntropy()(YES, activations.sigmoid(Tensor(x[:, :1], requires_grad=True))),
            F.binary_cross_entropy_with_logits(torch.tensor(x[:, :1]), torch.tensor(YES)),
        ),
    ):
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


OPTIMIZERS = {
    "sgd": (lambda: SGD(0.1), lambda ps: torch.optim.SGD(ps, 0.1)),
    "momentum": (
        lambda: SGD(0.1, momentum=0.9),
        lambda ps: torch.optim.SGD(ps, 0.1, momentum=0.9),
    ),
    "nesterov": (
        lambda: SGD(0.1, momentum=0.9, nesterov=True),
        lambda ps: torch.optim.SGD(ps, 0.1, momentum=0.9, nesterov=True),
    ),
    "adam": (
        lambda: Adam(0.01, epsilon=1e-8),
        lambda ps: torch.optim.Adam(ps, 0.01, eps=1e-8),
    ),
    "adam with other settings": (
        lambda: Adam(0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-4),
        lambda ps: torch.optim.Adam(ps, 0.02, betas=(0.8, 0.95), eps=1e-4),
    ),
}


@pytest.mark.parametrize(("ours", "theirs"), OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_twenty_steps_of_training(ours, theirs, dtype):
    """A whole network, by fit: 6-8-4, softmax and cross-entropy."""
    axon.set_random_seed(0)
    model = Sequential([Dense(6, 8, "tanh", dtype=dtype), Dense(8, 4, "softmax", dtype=dtype)])
    w1, b1, w2, b2 = twins = [leaf(p.numpy()) for p in model.parameters()]
    x, y = torch.tensor(X.astype(dtype)), torch.tensor(LABELS)
    optimizer, expected = theirs(twins), []
    for _ in range(20):
        optimizer.zero_grad()
        loss = F.cross_entropy(torch.tanh(x @ w1 + b1) @ w2 + b2, y)
        loss.backward()
        optimizer.step()
        expected.append(loss.item())

    model.compile("categorical_crossentropy", ours())
    history = model.fit(X, LABELS, batch_size=16, epochs=20, shuffle=False, verbose=0)
    tolerance = 1e-5 if dtype == "float32" else 1e-10
    assert history.history["loss"] == pytest.approx(expected, rel=tolerance)
    for p, twin in zip(model.parameters(), twins, strict=True):
        largest = float(twin.detach().abs().max())
        assert close(p.numpy(), twin, rtol=tolerance, atol=tolerance * largest)


def test_dense_starts_with_glorots_limits():
    """As torch.nn.init.xavier_uniform_: the same range, the same spread."""
    ours = Dense(300, 200).weights.numpy()
    theirs = torch.nn.init.xavier_uniform_(torch.empty(300, 200)).numpy()
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=1e-3)
    assert ours.std() == pytest.approx(theirs.std(), rel=1e-2)
