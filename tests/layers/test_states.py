"""States of recurrent layers: what comes out, what stays, what is left out while training."""

import numpy as np
import pytest

import axon
from axon import Tensor, layers, optimizers
from axon.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    Layer,
    LSTMCell,
    SimpleRNN,
    StackedRNNCells,
)
from axon.models import Model, Sequential
from axon.modes import TrainingMode

rng = np.random.default_rng(3)
X = rng.normal(size=(4, 6, 3)).astype("f4")
KINDS = [SimpleRNN, LSTM, GRU]


def arrays(made):
    return [np.asarray(y.data if isinstance(y, Tensor) else y) for y in made]


# ------------------------------------------------------------------------------------ states


@pytest.mark.parametrize("make", KINDS)
def test_a_sequence_in_two_parts_is_the_sequence(make):
    layer = make(5, return_sequences=True, return_state=True)
    whole, *ends = layer(X)
    first, *states = layer(X[:, :2])
    second, *after = layer(X[:, 2:], initial_state=states)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole, rtol=1e-5, atol=1e-6)
    for a, b in zip(after, ends, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", KINDS)
def test_a_stateful_layer_goes_on_recorded_or_not(make):
    told = []
    for eager in (True, False):
        axon.set_random_seed(0)
        model = Sequential([make(5, stateful=True), Dense(1)])
        model.build((2, 3))
        model.compile("mse", "sgd", eager=eager)
        parts = [model.predict(X[:, i : i + 2]) for i in (0, 2, 4)]
        model.layers[0].reset_states()
        again = [model.predict(X[:, i : i + 2]) for i in (0, 2, 4)]
        np.testing.assert_array_equal(parts, again)
        told.append(parts)
        plain = Sequential([make(5), Dense(1)])
        plain.build((6, 3))
        plain.set_weights(model.get_weights())
        np.testing.assert_allclose(parts[-1], plain.predict(X), rtol=1e-5, atol=1e-6)
        assert abs(parts[1] - parts[0]).max() > 1e-3
    np.testing.assert_allclose(told[0], told[1], rtol=1e-5, atol=1e-6)


def test_a_stateful_layer_learns_and_its_states_are_not_saved(tmp_path):
    losses = []
    for eager in (True, False):
        axon.set_random_seed(0)
        model = Sequential([LSTM(5, stateful=True), Dense(1)])
        model.compile("mse", "sgd", eager=eager)
        y = X[:, 0, :1]
        losses.append([model.train_on_batch(X, y) for _ in range(4)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert list(model.named_buffers()) == []
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon")
    model.layers[0].reset_state()
    np.testing.assert_allclose(loaded.predict(X), model.predict(X), rtol=1e-6)


def test_building_leaves_no_states_behind():
    layer = GRU(2, stateful=True)
    layer.build((5, 3))
    assert layer.states == []
    layer(X)
    assert [s.shape for s in layer.states] == [(4, 2)]
    layer.reset_states([np.ones((4, 2))])
    assert (layer.states[0].data == 1).all()


def test_other_numbers_of_samples_need_a_reset():
    layer = GRU(2, stateful=True)
    layer(X)
    with pytest.raises(ValueError, match=r"keeps states for 4 samples, got a batch of 2"):
        layer(X[:2])
    layer.reset_states()
    assert layer(X[:2]).shape == (2, 2)
    with pytest.raises(RuntimeError, match="make it with stateful=True"):
        GRU(2).reset_states()


class Translator(Model):
    """An encoder, whose states a decoder begins with."""

    def __init__(self):
        super().__init__()
        self.encoder = LSTM(4, return_state=True)
        self.decoder = LSTM(4, return_sequences=True)
        self.head = Dense(2)

    def forward(self, x, y):
        _, h, c = self.encoder(x)
        return self.head(self.decoder(y, initial_state=[h, c]))


def test_states_pass_from_layer_to_layer_in_a_model():
    weights = []
    target = rng.normal(size=(4, 3, 2))
    for eager in (True, False):
        axon.set_random_seed(0)
        model = Translator()
        model.compile("mse", optimizers.SGD(0.1), eager=eager)
        for _ in range(4):
            model.train_on_batch((X, X[:, :3]), target)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def test_states_in_the_functional_style():
    x, begun = layers.Input((6, 3)), layers.Input((2, 3))
    _, h, c = LSTM(4, return_state=True)(x)
    y, end, _ = LSTM(4, return_sequences=True, return_state=True)(begun, initial_state=[h, c])
    model = Model([x, begun], [Dense(2)(y), end])
    axon.set_random_seed(0)
    model.compile(["mse", "mse"], "sgd")
    targets = [rng.normal(size=(4, 2, 2)), rng.normal(size=(4, 4))]
    losses = model.fit((X, X[:, :2]), targets, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    told = model.predict((X, X[:, :2]))
    assert [t.shape for t in told] == [(4, 2, 2), (4, 4)]


def test_a_symbolic_call_leaves_no_states_behind():
    layer = GRU(3, stateful=True)
    layer(layers.Input((6, 3)))
    assert layer.states == []


# ------------------------------------------------------------------------------------ several


def as_ours(make, of_torch, name):
    """A parameter of PyTorch's, or its gradient: gates in our order; rows of W are columns."""
    order = {SimpleRNN: [0], LSTM: [0, 1, 2, 3], GRU: [1, 0, 2]}[make]
    x = of_torch[name].detach().numpy()
    return x.reshape(len(order), -1, *x.shape[1:])[order].reshape(x.shape).T


def of_pytorch(make, of_torch, i=0):
    """W, R, b of layer i."""
    parts = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    w, r, *both = (as_ours(make, of_torch, f"{part}_l{i}") for part in parts)
    return w, r, np.stack(both) if make is GRU else sum(both)


def theirs(make):
    torch = pytest.importorskip("torch")
    return {SimpleRNN: torch.nn.RNN, LSTM: torch.nn.LSTM, GRU: torch.nn.GRU}[make]


@pytest.mark.parametrize("make", KINDS)
def test_gradients_at_the_last_states_are_those_of_pytorch(make):
    torch, units = pytest.importorskip("torch"), 18  # more than a vector of a compiled kernel
    read, tell = (theirs(make)(3, units, batch_first=True) for _ in range(2))
    x, begun = layers.Input((6, 3)), layers.Input((2, 3))
    reader, teller = make(units, return_state=True), make(units)
    y, *states = reader(x)
    model = Model([x, begun], layers.Concatenate()([teller(begun, initial_state=states), y]))
    model.compile("mse", optimizers.SGD(1.0))  # so that a step is the gradient
    ours = [w for layer in (reader, teller) for w in (layer.weights, layer.recurrent_weights)]
    ours += [reader.bias, teller.bias]

    def of_both(found):
        (w, r, b), (v, s, c) = (of_pytorch(make, dict(f)) for f in found)
        return [w, r, v, s, b, c]

    before = of_both(other.named_parameters() for other in (read, tell))
    for place, value in zip(ours, before, strict=True):
        place.assign(value)
    target = rng.normal(size=(4, 2 * units)).astype("f4")
    y, ends = read(torch.tensor(X))
    made = torch.cat([tell(torch.tensor(X[:, :2]), ends)[0][:, -1], y[:, -1]], 1)
    ((made - torch.tensor(target)) ** 2).mean().backward()
    model.train_on_batch([X, X[:, :2]], target)
    slopes = of_both(((n, p.grad) for n, p in other.named_parameters()) for other in (read, tell))
    for a, b, slope in zip(ours, before, slopes, strict=True):
        slope = slope if make is GRU or slope.ndim == 2 else slope / 2  # they have two biases
        np.testing.assert_allclose(b - a.data, slope, rtol=1e-3, atol=2e-6)


@pytest.mark.parametrize("make", KINDS)
def test_several_layers_are_those_of_pytorch(make):
    torch = pytest.importorskip("torch")
    other = theirs(make)(3, 5, num_layers=3, batch_first=True)
    layer = make(5, num_layers=3, return_sequences=True, return_state=True)
    layer(X)
    for i, cell in enumerate([layer, *layer.above]):
        w, r, b = of_pytorch(make, dict(other.named_parameters()), i)
        cell.weights.assign(w)
        cell.recurrent_weights.assign(r)
        cell.bias.assign(b)
    count = 2 if make is LSTM else 1
    starts = rng.normal(size=(count, 3, 4, 5)).astype("f4")
    given = tuple(torch.tensor(s) for s in starts)
    y, ends = other(torch.tensor(X), given if count > 1 else given[0])
    ends = ends if count > 1 else (ends,)
    flat = [starts[k, i] for i in range(3) for k in range(count)]
    ours, *after = layer(X, initial_state=flat)
    np.testing.assert_allclose(ours, y.detach(), rtol=1e-4, atol=1e-5)
    wanted = [ends[k][i].detach() for i in range(3) for k in range(count)]
    for a, b in zip(after, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_several_layers_are_cells_on_top_of_one_another():
    layer = LSTM(4, num_layers=2, return_state=True)
    y, *states = layer(X)
    assert list(layer.named_parameters())[::3] == ["weights", "above/0/weights"]
    stacked = RNN([LSTMCell(4), LSTMCell(4)], return_state=True)
    stacked(X)
    stacked.set_weights(layer.get_weights())
    again, first, second = stacked(X)
    for a, b in zip([y, *states], [again, *first, *second], strict=True):
        np.testing.assert_array_equal(a, b)


# ------------------------------------------------------------------------------------ left out


def test_dropout_leaves_the_same_features_out_in_all_steps():
    layer = SimpleRNN(64, "linear", dropout=0.5, recurrent_initializer="zeros", seed=1)
    layer.return_sequences = True
    ones = np.ones((2, 5, 8), "f4")
    y = layer(ones, training=True)
    np.testing.assert_array_equal(y, y[:, :1].repeat(5, axis=1))
    assert abs(y[0] - y[1]).max() > 0
    assert abs(layer(ones) - y).max() > 0.1
    np.testing.assert_array_equal(layer(ones), layer(ones))


@pytest.mark.parametrize("make", KINDS)
def test_recurrent_dropout_is_the_textbook_with_masks(make, monkeypatch):
    """By hand: what enters the product with R is h times a mask for each gate."""
    layer = make(3, recurrent_dropout=0.4, seed=5)
    layer(X)
    gates = layer.equations.gates
    with TrainingMode(True):
        seed = layer.recurrent_dropping.seed_state.numpy().copy()
        kept = layer.recurrent_dropping.forward(Tensor(np.ones((4, 3 * gates), "f4"))).data
        layer.recurrent_dropping.seed_state.data[...] = seed
        got = layer(X)
    w, r = layer.weights.numpy(), layer.recurrent_weights.numpy()
    b = layer.bias.numpy()
    states = [np.zeros((4, 3), "f4")] * layer.equations.states

    def s(a):
        return 1 / (1 + np.exp(-a))

    for t in range(6):
        h = states[0]
        m = np.concatenate(
            [(h * kept[:, 3 * g : 3 * g + 3]) @ r[:, 3 * g : 3 * g + 3] for g in range(gates)], 1
        )
        z = X[:, t] @ w + (b[0] if b.ndim == 2 else b)
        if make is SimpleRNN:
            states = [np.tanh(z + m)]
        elif make is LSTM:
            i, f, g, o = np.split(z + m, 4, axis=1)
            c = s(f) * states[1] + s(i) * np.tanh(g)
            states = [s(o) * np.tanh(c), c]
        else:
            m = m + b[1]
            u, v = s(z[:, :3] + m[:, :3]), s(z[:, 3:6] + m[:, 3:6])
            g = np.tanh(z[:, 6:] + v * m[:, 6:])
            states = [u * h + (1 - u) * g]
    np.testing.assert_allclose(got, states[0], rtol=1e-4, atol=1e-5)
    assert 0 < (kept == 0).mean() < 1


def test_dropouts_train_alike_recorded_or_not():
    given = {"dropout": 0.3, "recurrent_dropout": 0.2, "num_layers": 2, "dropout_between": 0.1}
    losses = []
    for eager in (True, False):
        axon.set_random_seed(0)
        model = Sequential([GRU(4, **given), Dense(1)])
        model.compile("mse", "sgd", eager=eager)
        losses.append([model.train_on_batch(X, X[:, 0, :1]) for _ in range(3)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert len(set(losses[0])) == 3


def test_dropout_alone_stays_one_instruction():
    model = Sequential([LSTM(4, dropout=0.3, num_layers=2, dropout_between=0.1), Dense(1)])
    model.compile("mse", "sgd")
    model.train_on_batch(X, X[:, 0, :1])
    assert str(model.program).count("recurrence(") == 2


# ------------------------------------------------------------------------------------ own cells


class Leaky(Layer):
    """h' = h / 2 + x W, written as for Keras."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = self.state_size = units

    def create(self, input_shape):
        self.kernel = self.parameter("kernel", "glorot_uniform", (input_shape[-1], self.units))

    def call(self, inputs, states):
        h = states[0] * 0.5 + inputs @ self.kernel
        return h * 2.0, [h]


def test_a_cell_of_your_own():
    layer = RNN(Leaky(2), return_sequences=True, return_state=True)
    y, h = layer(X)
    assert list(layer.named_parameters()) == ["cell/kernel"]
    wanted, by_hand = np.zeros((4, 2), "f4"), []
    for t in range(6):
        wanted = wanted * 0.5 + X[:, t] @ layer.cell.kernel.numpy()
        by_hand.append(wanted * 2)
    np.testing.assert_allclose(y, np.stack(by_hand, 1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(h, wanted, rtol=1e-5, atol=1e-6)
    mask = np.array([[1, 1, 0, 0, 0, 0]] * 4, bool)
    short, end = layer(X, mask=mask)
    alone, end_alone = layer(X[:, :2])
    np.testing.assert_allclose(end, end_alone, rtol=1e-6)
    np.testing.assert_allclose(short[:, 5], alone[:, 1], rtol=1e-6)
    mixed = RNN([LSTMCell(3), Leaky(2)], return_state=True)
    y, first, second = mixed(X)
    assert [a.shape for a in (y, *first, *second)] == [(4, 2), (4, 3), (4, 3), (4, 2)]
    both = Bidirectional(RNN(Leaky(2), return_sequences=True))
    assert both(X).shape == (4, 6, 4)
    assert both.backward_layer.cell is not both.forward_layer.cell


def test_a_model_of_cells_is_saved(tmp_path):
    model = Sequential([RNN(StackedRNNCells([LSTMCell(3), layers.GRUCell(2)])), Dense(1)])
    model.compile("mse", "adam")
    model.train_on_batch(X, X[:, 0, :1])
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: RNN(LSTM(3)), TypeError, r"RNN: expected a cell such as LSTMCell\(32\)"),
        (lambda: RNN(Dense(3)), TypeError, "RNN: expected a cell"),
        (lambda: StackedRNNCells([]), ValueError, "number of cells must be a whole number of at"),
        (lambda: LSTM(3, num_layers=0), ValueError, "LSTM: num_layers must be a whole number"),
        (lambda: LSTM(3, dropout_between=0.5), ValueError, "0 where there is one layer"),
        (lambda: Bidirectional(LSTM(3, num_layers=2)), ValueError, "Put one behind another"),
        (lambda: LSTMCell(3)(np.ones((2, 5, 4))), ValueError, "A cell takes one step"),
        (
            lambda: LSTMCell(3)(np.ones((2, 4)), [np.ones((2, 3))]),
            ValueError,
            r"the states must be \[h, c\], both of shape \(2, 3\), got \(2, 3\)",
        ),
        (
            lambda: Bidirectional(GRU(3, return_state=True))(X, initial_state=np.ones((4, 3))),
            ValueError,
            "1 states of the layer that goes forwards, then the 1 of the other, got 1",
        ),
        (
            lambda: LSTM(3, num_layers=2)(X, initial_state=[np.ones((4, 3))] * 2),
            ValueError,
            "initial_state must be 4 states, each of shape",
        ),
        (
            lambda: Sequential([LSTM(3, return_state=True), Dense(2)]).predict(X),
            ValueError,
            r"'dense'.*one input, but the layer before it gives 3",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_cell_that_forgets_its_state_says_so():
    class Forgetful(Layer):
        state_size = 2

        def call(self, inputs, states):
            return inputs, []

    with pytest.raises(ValueError, match=r"got 1 states, but returned 0\. It returns \(output"):
        RNN(Forgetful())(X)
