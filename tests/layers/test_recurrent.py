"""SimpleRNN, LSTM, GRU and Bidirectional: masks, replay, files, errors; numbers are PyTorch's."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon import Tensor
from axon.core import grad
from axon.layers import GRU, LSTM, Bidirectional, Dense, Embedding, SimpleRNN
from axon.models import Sequential
from axon.ops.cells import CELLS
from axon.ops.recurrent import recurrence, unrolled
from axon.testing import check_gradient

rng = np.random.default_rng(0)
LAYERS = {
    "simple_rnn": SimpleRNN,
    "lstm": LSTM,
    "gru": GRU,
    "gru before": lambda units, **rest: GRU(units, reset_after=False, **rest),
    "relu": lambda units, **rest: SimpleRNN(units, "relu", **rest),
    "lstm of others": lambda units, **rest: LSTM(units, "softsign", "hard_sigmoid", **rest),
    "gru of others": lambda units, **rest: GRU(units, "sigmoid", "tanh", **rest),
    "both ways": lambda units, **rest: Bidirectional(LSTM(units, **rest)),
}
every_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
X = rng.normal(size=(3, 5, 2)).astype("f4")


# ------------------------------------------------------------------------------------ the kernels


@pytest.mark.parametrize("cell", CELLS)
@settings(deadline=None, max_examples=15, derandomize=True)
@given(st.data())
def test_kernels_say_what_the_textbook_says(cell, data):
    time, n, units = (data.draw(st.integers(1, 4)) for _ in range(3))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    kind = CELLS[cell]
    p = Tensor(
        random.normal(size=(time * n + units + kind.biased + n, kind.gates * units)),
        requires_grad=True,
    )
    width = time if data.draw(st.booleans()) else 0
    mask = Tensor(random.random((n, width)) < 0.6)
    fast = recurrence(p, mask, cell=cell, time=time)
    slow = unrolled(p, mask, cell=cell, time=time)
    np.testing.assert_allclose(fast.data, slow.data, rtol=1e-10, atol=1e-12)
    slope = random.normal(size=fast.shape)
    one, two = (grad(y, p, gradient=slope).data for y in (fast, slow))
    np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "relu"])  # it has a kink
@pytest.mark.parametrize("masked", [False, True])
def test_derivatives_of_first_and_second_order(name, masked):
    make = LAYERS[name]
    layer = make(2, dtype="float64", return_sequences=True)
    x = rng.normal(size=(2, 3, 2))
    layer.build((3, 2))
    for p in layer.parameters():
        p.assign(rng.normal(size=p.shape) * 0.4)
    mask = np.array([[True, True, False], [False, True, True]]) if masked else None
    check_gradient(lambda t, *_: layer.forward(t, mask=mask), x, *layer.parameters())


def test_huge_inputs_stay_finite():
    for make in (SimpleRNN, LSTM, GRU):
        layer = make(3)
        x = Tensor(np.array([[[1e30, -1e30], [1e4, 1e4]]], "f4"), requires_grad=True)
        y = layer.forward(x)
        y.sum().backward()
        assert np.isfinite(y.data).all()
        assert all(np.isfinite(p.grad.data).all() for p in layer.parameters())


def test_the_first_version_of_the_gru_resets_before_the_product():
    layer = GRU(3, reset_after=False)
    layer.build((5, 2))
    for p in layer.parameters():
        p.assign(rng.normal(size=p.shape))
    w, r, b = (p.numpy() for p in layer.parameters())
    h = np.zeros((3, 3), "f4")
    for t in range(5):
        z = X[:, t] @ w + b
        u, v = (axon.activations.sigmoid(z[:, i : i + 3] + h @ r[:, i : i + 3]) for i in (0, 3))
        g = np.tanh(z[:, 6:] + (v * h) @ r[:, 6:])
        h = u * h + (1 - u) * g
    np.testing.assert_allclose(layer.forward(X), h, rtol=1e-4, atol=1e-6)


# ------------------------------------------------------------------------------------ parameters


def test_parameters():
    for make, gates, bias in ((SimpleRNN, 1, (4,)), (LSTM, 4, (16,)), (GRU, 3, (2, 12))):
        layer = make(4)
        layer.build((5, 2))
        shapes = {name: p.shape for name, p in layer.named_parameters().items()}
        wanted = {"weights": (2, 4 * gates), "recurrent_weights": (4, 4 * gates), "bias": bias}
        assert shapes == wanted
        r = layer.recurrent_weights.numpy()
        np.testing.assert_allclose(r @ r.T, np.eye(4), atol=1e-5)
    names = list(Bidirectional(GRU(2)).named_parameters())
    assert names == []
    both = Bidirectional(GRU(2))
    both.build((5, 2))
    assert list(both.named_parameters())[::3] == ["forward_layer/weights", "backward_layer/weights"]


def test_the_forget_gate_begins_open():
    biases = []
    for unit_forget_bias in (True, False):
        layer = LSTM(2, unit_forget_bias=unit_forget_bias)
        layer.build((3, 1))
        biases.append(layer.bias.numpy().tolist())
    assert biases == [[0, 0, 1, 1, 0, 0, 0, 0], [0] * 8]


@every_layer
def test_without_bias(make):
    layer, zero = make(3, use_bias=False), make(3)
    for each in (layer, zero):
        each.build((5, 2))
    for name, p in zero.named_parameters().items():
        same = layer.named_parameters().get(name)
        p.assign(0.0 if same is None else same)
    assert not any("bias" in name for name in layer.named_parameters())
    np.testing.assert_array_equal(layer.forward(X), zero.forward(X))


def test_regularizers_reach_the_recurrent_weights():
    layer = LSTM(2, recurrent_regularizer="l2", kernel_constraint="non_neg")
    layer.build((3, 1))
    assert layer.recurrent_weights.regularizer is not None
    assert layer.weights.regularizer is None
    assert layer.weights.constraint is not None


# ------------------------------------------------------------------------------------ masks


@every_layer
def test_a_mask_that_is_all_true_changes_nothing(make):
    for sequences in (False, True):
        layer = make(3, return_sequences=sequences)
        plain = layer.forward(X)
        np.testing.assert_array_equal(layer.forward(X, mask=np.ones((3, 5), bool)), plain)


@every_layer
def test_padding_at_the_end_is_not_seen(make):
    layer = make(3)
    mask = np.arange(5) < np.array([[5], [2], [3]])
    got = layer.forward(X, mask=mask)
    for i, length in enumerate((5, 2, 3)):
        alone = layer.forward(X[i : i + 1, :length])
        np.testing.assert_allclose(got[i : i + 1], alone, rtol=1e-5, atol=1e-6)


@every_layer
def test_gaps_are_skipped(make):
    layer, real = make(3), np.array([True, False, True, False, True])
    got = layer.forward(X, mask=np.tile(real, (3, 1)))
    np.testing.assert_allclose(got, layer.forward(X[:, real]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [SimpleRNN, LSTM, GRU])
def test_padding_repeats_the_output_before_it(make):
    layer = make(3, return_sequences=True)
    mask = np.array([[False, True, True, False, False]] * 3)
    y = layer.forward(X, mask=mask)
    assert (y[:, 0] == 0).all(), "the state at the start"
    np.testing.assert_array_equal(y[:, 3], y[:, 2])
    np.testing.assert_array_equal(y[:, 4], y[:, 2])
    assert abs(y[:, 2] - y[:, 1]).min() > 0


@pytest.mark.parametrize("make", [SimpleRNN, LSTM, GRU])
def test_nothing_but_padding_is_the_state_at_the_start(make):
    layer, none = make(3), np.zeros((3, 5), bool)
    inputs = Tensor(X, requires_grad=True)
    y = layer.forward(inputs, mask=none)
    assert (y.data == 0).all()
    y.sum().backward()
    assert (inputs.grad.data == 0).all()
    assert all((p.grad.data == 0).all() for p in layer.parameters())
    start = rng.normal(size=(3, 3)).astype("f4")
    given = [start, 2 * start] if make is LSTM else start
    np.testing.assert_array_equal(layer.forward(X, mask=none, initial_state=given), start)


def test_masks_of_numbers_and_tensors():
    layer, mask = LSTM(3), np.array([[1, 1, 0, 0, 1]] * 3)
    wanted = layer.forward(X, mask=mask.astype(bool))
    for given_mask in (mask, mask.astype("f4"), Tensor(mask), mask.tolist()):
        np.testing.assert_array_equal(layer.forward(X, mask=given_mask), wanted)


def test_where_masks_go():
    mask = np.array([[True, False]])
    assert LSTM(3).compute_mask(None, mask) is None
    assert LSTM(3, return_sequences=True).compute_mask(None, mask) is mask
    back = LSTM(3, return_sequences=True, go_backwards=True)
    assert back.compute_mask(None, mask).tolist() == [[False, True]]
    assert Bidirectional(LSTM(3)).compute_mask(None, mask) is None
    assert Bidirectional(LSTM(3, return_sequences=True)).compute_mask(None, mask) is mask


def test_stacked_layers_hand_the_mask_on():
    stack = Sequential(
        [
            Embedding(9, 4, mask_zero=True),
            Bidirectional(LSTM(3, return_sequences=True)),
            GRU(3, return_sequences=True, go_backwards=True),
            SimpleRNN(2),
        ]
    )
    ids = np.array([[3, 1, 4, 0, 0], [5, 6, 0, 0, 0]])
    got = stack.forward(ids)
    for i, length in enumerate((3, 2)):
        np.testing.assert_allclose(
            got[i : i + 1], stack.forward(ids[i : i + 1, :length]), rtol=1e-5, atol=1e-7
        )


# ------------------------------------------------------------------------------------ directions


def test_going_backwards_is_reading_reversed():
    for sequences in (False, True):
        layer = GRU(3, return_sequences=sequences, go_backwards=True)
        forwards = GRU(3, return_sequences=sequences)
        forwards.build((5, 2))
        layer.build((5, 2))
        forwards.set_weights(layer.get_weights())
        np.testing.assert_array_equal(layer.forward(X), forwards.forward(X[:, ::-1]))


@pytest.mark.parametrize(
    ("mode", "merge"),
    [
        ("concat", lambda a, b: np.concatenate([a, b], -1)),
        ("sum", np.add),
        ("mul", np.multiply),
        ("ave", lambda a, b: (a + b) / 2),
    ],
)
@pytest.mark.parametrize("sequences", [False, True])
def test_merging(mode, merge, sequences):
    both = Bidirectional(GRU(3, return_sequences=sequences), mode)
    got = both.forward(X)
    back = both.backward_layer.forward(X)
    back = back[:, ::-1] if sequences else back
    np.testing.assert_allclose(got, merge(both.forward_layer.forward(X), back), rtol=1e-6)
    assert both.output_shape == got.shape[1:]


def test_another_layer_for_the_way_back():
    both = Bidirectional(LSTM(3), backward_layer=GRU(2, go_backwards=True))
    assert both.forward(X).shape == (3, 5)


def test_a_frozen_pair_has_nothing_to_learn():
    both = Bidirectional(LSTM(2), trainable=False)
    both.build((5, 2))
    assert [p.requires_grad for p in both.parameters()] == [False] * 6


def test_initial_states_continue():
    layer = LSTM(3, return_sequences=True)
    whole = layer.forward(X)
    _, c = states_after(layer, X[:, :3])
    rest = layer.forward(X[:, 3:], initial_state=[whole[:, 2], c])
    np.testing.assert_allclose(rest, whole[:, 3:], rtol=1e-5, atol=1e-6)


def states_after(layer, x):
    """h and c of an LSTM, computed by hand."""
    w, r, b = (p.numpy() for p in layer.parameters())
    h = c = np.zeros((len(x), layer.units), "f4")
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ w + h @ r + b, 4, axis=1)
        i, f, o = (axon.activations.sigmoid(a) for a in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
    return h, c


# ------------------------------------------------------------------------------------ training


def trained(make, eager, steps=4):
    axon.set_random_seed(1)
    model = Sequential([Embedding(9, 4, mask_zero=True), make(6), Dense(3, activation="softmax")])
    model.compile("categorical_cross_entropy", "adam", eager=eager)
    random = np.random.default_rng(3)
    losses = []
    for _ in range(steps):
        ids, labels = random.integers(0, 9, (7, 5)), random.integers(0, 3, 7)
        losses.append(model.train_on_batch(ids, labels))
    return losses, model


@every_layer
def test_replay_gives_the_same_bits_as_eager(make):
    (eager, one), (replayed, two) = trained(make, True), trained(make, False)
    assert eager == replayed
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("make", [SimpleRNN, LSTM, GRU, LAYERS["both ways"]])
def test_a_replayed_step_allocates_nothing(make):
    axon.set_random_seed(0)
    model = Sequential([make(64, return_sequences=True), make(64), Dense(4, activation="softmax")])
    model.compile("categorical_cross_entropy", "adam")
    x, y = rng.normal(size=(64, 20, 32)).astype("f4"), rng.integers(0, 4, 64)
    model.train_on_batch(x, y)
    program = model.trainer.train.latest
    program.run()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    program.run()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert peak < 80_000


def test_one_instruction_for_the_whole_sequence():
    _, model = trained(LSTM, eager=False)
    text = str(model.program)
    assert text.count("recurrence(") == 1
    assert text.count("recurrence_backward(") == 1


def test_the_parity_of_bits_is_learned():
    axon.set_random_seed(0)
    bits = np.array([[b >> i & 1 for i in range(6)] for b in range(64)])
    parity = bits.cumsum(axis=1) % 2
    model = Sequential([GRU(12, return_sequences=True), Dense(1, activation="sigmoid")])
    model.compile("binary_cross_entropy", axon.optimizers.Adam(0.03))
    model.fit(bits[..., None], parity[..., None], batch_size=64, epochs=150, verbose=0)
    predicted = model.predict(bits[..., None])[..., 0] > 0.5
    assert (predicted == parity).mean() > 0.99


@every_layer
def test_files(make, tmp_path):
    _, model = trained(make, eager=False)
    ids = np.random.default_rng(0).integers(0, 9, (4, 5))
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon")
    np.testing.assert_array_equal(loaded.predict(ids), model.predict(ids))
    assert loaded.layers[1].config() == model.layers[1].config()


def test_backward_by_hand():
    layer, slope = LSTM(3), rng.normal(size=(3, 3)).astype("f4")
    inputs = Tensor(X, requires_grad=True)
    layer.forward(inputs).backward(slope)
    wanted = [p.grad.numpy().copy() for p in layer.parameters()]
    for p in layer.parameters():
        p.grad = None
    layer.forward(X)
    np.testing.assert_array_equal(layer.backward(slope), inputs.grad.numpy())
    for p, w in zip(layer.parameters(), wanted, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), w)


def test_sequences_of_any_length():
    layer = GRU(3)
    layer.forward(X)
    assert layer.forward(X[:, :2]).shape == (3, 3)
    assert layer.forward(X[:0]).shape == (0, 3)


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: LSTM(0), ValueError, "LSTM: units must be a whole number of at least 1"),
        (lambda: GRU(2, "tan"), ValueError, "unknown activation 'tan'"),
        (lambda: LSTM(2).forward(np.ones((3, 4))), ValueError, r"each step is x\[..., None\]"),
        (lambda: LSTM(2).forward(np.ones((3, 0, 4))), ValueError, "at least one step"),
        (
            lambda: LSTM(2).forward(X, mask=np.ones((3, 4), bool)),
            ValueError,
            r"mask must have a truth value for each step, shape \(3, 5\), got shape \(3, 4\)",
        ),
        (
            lambda: LSTM(2).forward(X, initial_state=np.ones((3, 2))),
            ValueError,
            r"initial_state must be \[h, c\], both of shape \(3, 2\), got \(3, 2\)",
        ),
        (
            lambda: GRU(2).forward(X, initial_state=np.ones((3, 1))),
            ValueError,
            r"initial_state must be h of shape \(3, 2\), got \(3, 1\)",
        ),
        (lambda: Bidirectional(Dense(3)), TypeError, "expected a SimpleRNN, LSTM or GRU"),
        (lambda: Bidirectional(LSTM(2), "cat"), ValueError, "unknown merge_mode 'cat'"),
        (
            lambda: Bidirectional(LSTM(2), backward_layer=LSTM(2)),
            ValueError,
            "one layer must go backwards",
        ),
        (
            lambda: Bidirectional(
                LSTM(2), backward_layer=LSTM(2, go_backwards=True, return_sequences=True)
            ),
            ValueError,
            "return_sequences must be the same",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_other_features_do_not_fit():
    layer = SimpleRNN(2)
    layer.forward(X)
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, time, 2\)"):
        layer.forward(np.ones((3, 5, 4)))


def test_matrices_that_hold_no_recurrence():
    with pytest.raises(ValueError, match="There are no 3 steps of a 'lstm'"):
        recurrence(np.ones((10, 6)), np.ones((2, 0)), cell="lstm", time=3)
    with pytest.raises(ValueError, match=r"mask must have the shape \(2, 3\)"):
        recurrence(np.ones((9, 4)), np.ones((2, 2)), cell="lstm", time=3)
    with pytest.raises(ValueError, match="must not be wider than the weights"):
        axon.ops.recurrent_input(np.ones((1, 2)), np.ones((2, 2)), np.ones(2), np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"\(time \* n, features\)"):
        axon.ops.recurrent_input(np.ones((1, 3)), np.ones((2, 2)), np.ones(2))
