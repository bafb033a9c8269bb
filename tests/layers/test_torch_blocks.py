"""Bags of any length, decoders, a softmax in clusters: as in PyTorch; and what inputs must be."""

from itertools import product

import numpy as np
import pytest

from axon import Tensor, layers
from axon.models import Sequential

torch = pytest.importorskip("torch")
rng = np.random.default_rng(0)


def test_bags_of_different_lengths():
    ids, offsets = np.array([1, 4, 2, 2, 0, 3, 1]), np.array([0, 2, 2, 5])
    weights = rng.normal(size=len(ids))
    for mode, padding, ended in product(("mean", "sum", "max"), (None, 1), (False, True)):
        settings = {"mode": mode, "padding_idx": padding, "include_last_offset": ended}
        starts = np.append(offsets, len(ids)) if ended else offsets
        theirs = torch.nn.EmbeddingBag(5, 3, dtype=torch.float64, **settings)
        ours = layers.EmbeddingBag(5, 3, mode, padding, dtype="float64")
        ours.build(())
        ours.embeddings.assign(theirs.weight.detach().numpy())
        given = {"per_sample_weights": weights} if mode == "sum" else {}
        wanted = theirs(
            torch.tensor(ids),
            torch.tensor(starts),
            **{k: torch.tensor(v) for k, v in given.items()},
        )
        found = ours(Tensor(ids), offsets=starts, include_last_offset=ended, **given)
        np.testing.assert_allclose(found.numpy(), wanted.detach().numpy(), atol=1e-12)
        probe = rng.normal(size=found.shape)
        found.backward(probe)
        wanted.backward(torch.tensor(probe))
        slope = theirs.weight.grad.numpy()
        np.testing.assert_allclose(ours.embeddings.grad.numpy(), slope, atol=1e-12)
    for wrong in ([1, 2], [0, 3, 2], [0, 9], [0.0, 1.0], [[0]], None):
        with pytest.raises(ValueError, match="offsets"):
            ours(ids, offsets=wrong)
    assert Sequential([ours]).build((4,)) == (3,)


@pytest.mark.parametrize("first", [True, False])
def test_a_decoder(first):
    theirs = torch.nn.TransformerDecoderLayer(
        8, 2, 16, dropout=0.0, batch_first=True, norm_first=first, dtype=torch.float64
    )
    ours = layers.TransformerDecoderBlock(
        2, 16, normalize_first=first, epsilon=1e-5, dtype="float64"
    )
    x, memory = rng.normal(size=(2, 5, 8)), rng.normal(size=(2, 3, 8))
    a, b = (Tensor(t, requires_grad=True) for t in (x, memory))
    c, d = (torch.tensor(t, requires_grad=True) for t in (x, memory))
    ours([a, b])
    from axon.convert.rules import Target
    from axon.convert.torch import RECIPES, groups

    state = {n: p.detach().numpy() for n, p in theirs.state_dict().items()}
    (group,) = groups(state, encoders=True)
    rules = RECIPES[type(ours)](ours)
    assert Target("", ours, rules, (), ()).parts()[0].wants == group.shapes
    tensors = ours.named_parameters()
    for name, rule in rules.items():
        tensors[name].assign(rule.make(*(group.arrays[need.role] for need in rule.needs)))
    mask = torch.nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
    found, wanted = ours([a, b]), theirs(c, d, tgt_mask=mask)
    np.testing.assert_allclose(found.numpy(), wanted.detach().numpy(), rtol=1e-9, atol=1e-10)
    probe = rng.normal(size=found.shape)
    found.backward(probe)
    wanted.backward(torch.tensor(probe))
    np.testing.assert_allclose(a.grad.numpy(), c.grad.numpy(), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(b.grad.numpy(), d.grad.numpy(), rtol=1e-7, atol=1e-9)
    with pytest.raises(ValueError, match=r"expected \[x, memory\]"):
        ours(x)


def test_padding_of_the_memory_is_not_looked_at():
    layer = layers.TransformerDecoderBlock(2, 6)
    x, memory = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4))
    short = layer([x, memory[:, :3]])
    padded = Tensor(memory.astype("f4"))
    padded.mask = Tensor(np.arange(5) < np.full((2, 1), 3))
    np.testing.assert_allclose(layer([Tensor(x.astype("f4")), padded]).numpy(), short, atol=1e-6)


@pytest.mark.parametrize("biased", [False, True])
def test_a_softmax_in_clusters(biased):
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(
        16, 20, [5, 11], div_value=2.0, head_bias=biased, dtype=torch.float64
    )
    ours = layers.AdaptiveLogSoftmax(20, [5, 11], 2.0, biased, dtype="float64")
    model = Sequential([ours])
    model.build((16,))
    model.load_weights(theirs)
    x = rng.normal(size=(4, 16))
    a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    found, wanted = ours(a), theirs.log_prob(b)
    np.testing.assert_allclose(found.numpy(), wanted.detach().numpy(), rtol=1e-9)
    y = np.array([0, 7, 19, 11])
    loss = theirs(b, torch.tensor(y)).loss
    loss.backward()
    chosen = found.numpy()[np.arange(4), y]
    np.testing.assert_allclose(-chosen.mean(), loss.item(), rtol=1e-9)
    slope = np.zeros((4, 20))
    slope[np.arange(4), y] = -1 / 4
    found.backward(slope)
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-8, atol=1e-12)
    model.compile("nll", "sgd")
    assert model.train_on_batch(x, y) > 0
    for wrong in ([], [7, 5], [5, 20], 5):
        with pytest.raises(ValueError, match="cutoffs"):
            layers.AdaptiveLogSoftmax(20, wrong)


def test_what_inputs_of_ones_own_layer_must_be():
    class Own(layers.Layer):
        def call(self, *inputs):
            return inputs[0] * 2.0

    cases = [
        ({"ndim": 2}, (2, 3), (2, 3, 4), "of 2 axes"),
        ({"min_ndim": 3}, (2, 3, 4), (2, 3), "of at least 3 axes"),
        ({"max_ndim": 2}, (2, 3), (2, 3, 4), "of at most 2 axes"),
        ({"axes": {-1: 3, 1: None}}, (2, 5, 3), (2, 3, 4), "with 3 along axis -1"),
        ({"shape": (None, 4)}, (9, 4), (9, 5), "of shape"),
        ({"shape": (None, 4, 1), "allow_last_axis_squeeze": True}, (9, 4), (9, 4, 2), "of shape"),
    ]
    for told, right, wrong, said in cases:
        layer = Own()
        layer.input_spec = layers.InputSpec(**told, name="rows")
        assert layer(np.ones(right)).shape == right
        another = Own()
        another.input_spec = layer.input_spec
        with pytest.raises(ValueError, match=f"expected inputs of 'rows' {said}"):
            another(np.ones(wrong))
    both = Own()
    both.input_spec = [layers.InputSpec(ndim=2), layers.InputSpec(axes={1: 3})]
    assert both([np.ones((2, 5)), np.ones((2, 3))]).shape == (2, 5)
    with pytest.raises(ValueError, match="with 3 along axis 1"):
        both([np.ones((2, 5)), np.ones((2, 4))])
    with pytest.raises(ValueError, match="axes must be numbers of 2 axes"):
        layers.InputSpec(ndim=2, axes={2: 3})
    with pytest.raises((TypeError, ValueError), match="ndim"):
        layers.InputSpec(ndim="two")


def test_no_samples_at_all():
    for n, layer in (
        (1, layers.MultiHeadAttention(2)),
        (1, layers.GroupQueryAttention(2, 4, 2)),
        (2, layers.TransformerDecoderBlock(2, 6)),
    ):
        x = np.ones((0, 3, 4))
        assert layer([x, x] if n == 2 else x).shape == (0, 3, 4)
    assert layers.MaxPooling2D(return_indices=True)(np.ones((0, 4, 4, 2)))[1].shape == (0, 2, 2, 2)
    assert layers.AdaptiveLogSoftmax(9, [3])(np.ones((0, 4))).shape == (0, 9)
    assert layers.EmbeddingBag(3, 2)(np.zeros(0, int), offsets=[0, 0]).shape == (2, 2)
