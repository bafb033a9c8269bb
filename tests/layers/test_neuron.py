"""One Neuron, as a first user meets it; and a Dense, which is a row of them."""

import inspect

import numpy as np
import pytest

import axon
from axon import Tensor
from axon.activations import ACTIVATIONS, linear, relu, sigmoid, tanh
from axon.activations.sigmoid import sigmoid_derivative
from axon.layers import Dense
from axon.layers.base import Neuron
from axon.losses import BinaryCrossEntropy
from axon.models import Sequential
from axon.optimizers import SGD

ELEMENTWISE = [name for name in ACTIVATIONS if "softmax" not in name]


def neuron_with(weights, bias, activation=sigmoid):
    neuron = Neuron(len(weights), activation)
    neuron.weights[:] = weights
    neuron.bias[...] = bias
    return neuron


# ------------------------------------------------------------------------------------ the names


def test_the_signature_is_the_one_that_was_promised():
    assert list(inspect.signature(Neuron).parameters) == ["num_inputs", "activation_function"]
    neuron = Neuron(num_inputs=3, activation_function=sigmoid)
    assert neuron.weights.shape == (3,)
    assert neuron.bias.shape == ()
    assert isinstance(neuron.weights, np.ndarray)
    assert isinstance(neuron.bias, np.ndarray)
    assert neuron.weights.dtype == neuron.bias.dtype == np.float32
    assert neuron.num_inputs == 3
    assert neuron.activation_function is sigmoid


def test_a_new_neuron_has_random_weights_and_no_bias():
    assert len(set(Neuron(50).weights.tolist())) == 50
    assert 0 < np.abs(Neuron(50).weights).max() < 0.01  # near zero: no symmetry to break
    assert float(Neuron(50).bias) == 0


def test_the_same_seed_gives_the_same_neuron():
    axon.set_random_seed(3)
    first = Neuron(5).weights.copy()
    axon.set_random_seed(3)
    assert np.array_equal(Neuron(5).weights, first)


@pytest.mark.parametrize("given", ["tanh", "TanH", tanh])
def test_an_activation_is_a_function_or_its_name(given):
    assert Neuron(2, given).activation_function is tanh


def test_no_activation_is_linear():
    assert Neuron(2).activation_function is linear
    assert repr(Neuron(2)) == "Neuron(2, linear)"
    assert repr(Neuron(4, "relu")) == "Neuron(4, relu)"


# ------------------------------------------------------------------------------------ forward


def test_one_sample_gives_one_number():
    neuron = neuron_with([1.0, -2.0], 0.5)
    result = neuron.forward(np.array([3.0, 1.0]))
    assert isinstance(result, np.floating)
    assert result.dtype == np.float32
    assert result == pytest.approx(1 / (1 + np.exp(-1.5)))
    assert neuron(np.array([3.0, 1.0])) == result


def test_many_samples_give_an_array():
    neuron = neuron_with([1.0, -2.0], 0.5, relu)
    result = neuron.forward(np.array([[3.0, 1.0], [0.0, 1.0], [0.0, 0.0]]))
    assert isinstance(result, np.ndarray)
    assert result.tolist() == [1.5, 0.0, 0.5]


@pytest.mark.parametrize(
    "inputs",
    [
        [3, 1],
        (3.0, 1.0),
        np.array([3, 1], np.uint8),
        np.array([3, 1], np.int64),
        np.array([3, 1], np.float16),
        np.array([True, True]) * 3 - np.array([0, 2]),
    ],
)
def test_all_sorts_of_numbers_are_taken(inputs):
    assert neuron_with([1.0, -2.0], 0.5, "linear").forward(inputs) == 1.5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inputs_are_never_modified(dtype):
    x = np.ones((4, 3), dtype)
    x.flags.writeable = False
    before = x.copy()
    result = Neuron(3).forward(x)
    result += 1
    assert np.array_equal(x, before)


def test_a_linear_neuron_returns_memory_of_its_own():
    neuron = neuron_with([1.0], 0.0, linear)
    x = np.ones((3, 1), np.float32)
    neuron.forward(x)[:] = 9
    assert x.tolist() == [[1.0]] * 3
    assert neuron.weights.tolist() == [1.0]


# ------------------------------------------------------------------------------------ updates


def test_weights_and_bias_are_updated_in_place():
    neuron = neuron_with([1.0, 2.0], 0.5, linear)
    weights, bias = neuron.weights, neuron.bias
    neuron.weights -= 0.1 * np.array([1.0, 2.0])  # float64, as NumPy makes it
    neuron.bias -= 0.1 * 5
    assert neuron.weights is weights
    assert neuron.bias is bias
    assert neuron.weights.tolist() == pytest.approx([0.9, 1.8])
    assert float(neuron.bias) == pytest.approx(0.0)
    assert neuron.forward([1.0, 1.0]) == pytest.approx(2.7)


def test_assigning_copies_the_values():
    neuron, values = Neuron(2, linear), np.array([1.0, 2.0])
    memory = neuron.weights
    neuron.weights = values
    neuron.bias = 3
    values[:] = 0
    assert neuron.weights is memory
    assert neuron.forward([1.0, 1.0]) == 6
    assert neuron.weights.dtype == np.float32


def test_the_tensors_see_what_the_arrays_are_given():
    neuron = Neuron(2)
    neuron.weights[:] = 4
    neuron.bias[...] = 5
    w, b = neuron.parameters()
    assert w.numpy().tolist() == [4, 4]
    assert float(b) == 5


# ------------------------------------------------------------------------------------ autograd


def test_a_tensor_in_gives_a_tensor_out_with_the_same_values():
    neuron = neuron_with([0.5, -0.25], 0.1)
    x = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    assert isinstance(neuron.forward(Tensor(x)), Tensor)
    assert np.array_equal(neuron.forward(Tensor(x)).numpy(), neuron.forward(x))
    assert neuron.forward(Tensor(x[0])).shape == ()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_gradients_of_weights_bias_and_input(name):
    """Central differences in float64, through a neuron of a float64 layer."""
    layer = Dense(3, 1, name, dtype="float64")
    (neuron,) = layer.neurons
    rng = np.random.default_rng(1)
    neuron.weights[:], neuron.bias[...] = rng.normal(size=3), 0.3
    x, h = rng.normal(size=(5, 3)), 1e-6
    inputs = Tensor(x, requires_grad=True)
    (neuron.forward(inputs) ** 2).sum().backward()
    places = [(p.data, p.grad.numpy()) for p in neuron.parameters()] + [(x, inputs.grad.numpy())]
    for array, found in places:
        for index in np.ndindex(array.shape):
            middle, sums = array[index].copy(), []
            for step in (h, -h):
                array[index] = middle + step
                sums.append((neuron.forward(x) ** 2).sum())
            array[index] = middle
            assert found[index] == pytest.approx((sums[0] - sums[1]) / (2 * h), rel=1e-6, abs=1e-8)


def test_training_by_autograd():
    neuron, x = Neuron(2, sigmoid), np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y, loss, optimizer = np.array([0.0, 0, 0, 1]), BinaryCrossEntropy(), SGD(2.0)
    optimizer.build(neuron.parameters())
    for _ in range(200):
        loss(y, neuron(Tensor(x))).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert ((neuron.forward(x) > 0.5) == y).all()


# ------------------------------------------------------------------------------------ by hand


def clouds():
    """Two clouds of points, one around (-1, -1) and one around (1, 1)."""
    rng = np.random.default_rng(0)
    y = np.repeat([0.0, 1.0], 50)
    return rng.normal(size=(100, 2)) * 0.5 + (2 * y - 1)[:, None], y


def test_a_first_users_loop_over_the_whole_batch():
    x, y = clouds()
    neuron, loss = Neuron(2, sigmoid), BinaryCrossEntropy()
    losses = []
    for _ in range(100):
        y_pred = neuron.forward(x)
        losses.append(loss.loss(y, y_pred))
        dz = loss.gradient(y, y_pred) * sigmoid_derivative(y_pred)
        neuron.weights -= 0.5 * np.dot(x.T, dz)
        neuron.bias -= 0.5 * np.sum(dz)
    assert losses[-1] < 0.1 < losses[0]
    assert losses == sorted(losses, reverse=True)
    assert ((neuron.forward(x) > 0.5) == y).mean() > 0.97


def test_a_first_users_loop_sample_by_sample():
    x, y = clouds()
    neuron = Neuron(2, sigmoid)
    for _ in range(10):
        for sample, target in zip(x, y, strict=True):
            prediction = neuron.forward(sample)
            error = prediction - target
            neuron.weights -= 0.1 * error * sigmoid_derivative(prediction) * sample
            neuron.bias -= 0.1 * error * sigmoid_derivative(prediction)
    assert ((neuron.forward(x) > 0.5) == y).mean() > 0.97
    assert neuron.weights.dtype == neuron.bias.dtype == np.float32


def test_the_loop_by_hand_is_the_one_by_autograd():
    x, y = clouds()
    loss, by_hand, by_graph = BinaryCrossEntropy(), Neuron(2, sigmoid), Neuron(2, sigmoid)
    by_graph.weights = by_hand.weights
    optimizer = SGD(0.5)
    optimizer.build(by_graph.parameters())
    for _ in range(20):
        p = by_hand.forward(x)
        dz = loss.gradient(y, p) * sigmoid_derivative(p)
        by_hand.weights -= 0.5 * (x.T @ dz)
        by_hand.bias -= 0.5 * dz.sum()
        loss(y, by_graph(Tensor(x))).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert np.allclose(by_hand.weights, by_graph.weights, rtol=1e-5)
    assert np.allclose(by_hand.bias, by_graph.bias, rtol=1e-5, atol=1e-7)


def test_a_first_users_script_reaches_94_percent_whatever_the_seed():
    """A thousand small steps over all tumours: what chance put into the weights would stay."""
    split = pytest.importorskip("sklearn.model_selection").train_test_split
    (x, y), (x_more, y_more) = axon.datasets.breast_cancer.load_data()
    x, y = np.concatenate([x, x_more]), np.concatenate([y, y_more])
    x_train, x_test, y_train, y_test = split(x, y, test_size=0.2, random_state=42)
    mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)
    x_train, x_test = (x_train - mean) / deviation, (x_test - mean) / deviation
    reached = []
    for seed in range(20):
        axon.set_random_seed(seed)
        neuron = Neuron(30, sigmoid)
        for _ in range(1000):
            predictions = neuron.forward(x_train)
            error = predictions - y_train
            slope = error * sigmoid_derivative(predictions)
            neuron.weights -= 0.001 * np.dot(x_train.T, slope) / len(x_train)
            neuron.bias -= 0.001 * np.mean(slope)
        reached.append(((neuron.forward(x_test) > 0.5) == y_test).mean())
    assert min(reached) >= 0.94


@pytest.mark.parametrize("name", ["relu", "relu6", "leaky_relu", "tanh", "softplus"])
def test_a_neuron_that_begins_near_zero_wakes(name):
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    y = np.maximum(x @ np.float32([1, -2, 0.5, 0]), 0)
    neuron, loss, optimizer = Neuron(4, name), axon.losses.MeanSquaredError(), SGD(0.1)
    optimizer.build(neuron.parameters())
    before = loss.loss(y, neuron.forward(x))
    for _ in range(100):
        loss(y, neuron(Tensor(x))).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss.loss(y, neuron.forward(x)) < 0.7 * before


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("size", [0, -1, 2.0, "3", None, True])
def test_the_number_of_inputs_is_checked(size):
    with pytest.raises(ValueError, match=r"Neuron: num_inputs must be a whole number of at least"):
        Neuron(size)


@pytest.mark.parametrize("shape", [(2,), (4,), (5, 2), (3, 5), ()])
def test_inputs_of_the_wrong_size_are_named(shape):
    neuron = Neuron(3)
    expected = r"Neuron: expected 3 inputs, shape \(3,\) or \(n, 3\); got shape "
    for inputs in (np.ones(shape), Tensor(np.ones(shape, np.float32))):
        with pytest.raises(ValueError, match=expected) as caught:
            neuron.forward(inputs)
        assert str(shape) in str(caught.value)


@pytest.mark.parametrize("values", [[1.0, 2.0], np.ones((3, 1)), np.ones((1, 3))])
def test_weights_of_the_wrong_shape_are_refused(values):
    neuron = Neuron(3)
    before = neuron.weights.copy()
    with pytest.raises(ValueError, match=r"Neuron.weights, shape \(3,\): cannot assign values"):
        neuron.weights = values
    assert np.array_equal(neuron.weights, before)


def test_a_bias_of_the_wrong_shape_is_refused():
    neuron = Neuron(3)
    with pytest.raises(ValueError, match=r"Neuron.bias, shape \(\): cannot assign values"):
        neuron.bias = [1.0, 2.0]
    with pytest.raises(ValueError, match="shape"):
        neuron.bias -= np.ones(3)
    assert float(neuron.bias) == 0


def test_weights_of_text_are_refused():
    neuron = Neuron(3)
    with pytest.raises(TypeError, match=r"Neuron.weights.*expected numbers"):
        neuron.weights = ["a", "b", "c"]


def test_an_error_inside_an_activation_is_not_mistaken_for_a_wrong_shape():
    def broken(z):
        raise ValueError("my own mistake")

    with pytest.raises(ValueError, match="my own mistake"):
        Neuron(3, broken).forward(np.ones(3))


# ------------------------------------------------------------------------------------ Dense


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("use_bias", [True, False])
def test_a_dense_of_n_is_n_neurons(name, use_bias):
    layer = Dense(6, 4, name, use_bias=use_bias)
    if use_bias:
        layer.bias = np.linspace(-1, 1, 4)
    x = np.random.default_rng(0).normal(size=(7, 6)).astype(np.float32)
    rows = np.stack([neuron.forward(x) for neuron in layer.neurons], axis=1)
    assert np.allclose(layer.forward(x), rows, rtol=1e-5, atol=1e-6)
    assert len(layer.neurons) == 4
    assert repr(layer.neurons[0]) == f"Neuron(6, {name})"


def test_gradients_of_a_dense_are_those_of_its_neurons():
    layer = Dense(3, 2, "tanh", dtype="float64")
    x = Tensor(np.random.default_rng(0).normal(size=(5, 3)))
    neurons = layer.neurons
    (layer(x) ** 2).sum().backward()
    for i, neuron in enumerate(neurons):
        (neuron(x) ** 2).sum().backward()
        w, b = neuron.parameters()
        assert np.allclose(layer.weights.grad.numpy()[:, i], w.grad.numpy())
        assert np.allclose(layer.bias.grad.numpy()[i], b.grad.numpy())


def test_a_neuron_of_a_dense_shares_its_memory_both_ways():
    layer = Dense(3, 2)
    neuron = layer.neurons[1]
    neuron.weights[:] = 1, 2, 3
    neuron.bias -= 4
    assert layer.weights.numpy()[:, 1].tolist() == [1, 2, 3]
    assert layer.bias.numpy().tolist() == [0, -4]
    layer.weights = np.full((3, 2), 7.0)
    layer.bias = [5.0, 6.0]
    assert neuron.weights.tolist() == [7, 7, 7]
    assert float(neuron.bias) == 6
    assert neuron.forward([1.0, 0.0, 0.0]) == 13


def test_a_neuron_follows_when_compile_moves_the_parameters():
    layer = Dense(3, 2)
    held = layer.neurons[1]
    model = Sequential([layer])
    model.compile("mse", SGD(0.1))
    fresh = layer.neurons[1]
    held.weights[:] = 1, 2, 3
    held.bias[...] = 4
    assert layer.weights.numpy()[:, 1].tolist() == [1, 2, 3]
    assert fresh.weights.tolist() == [1, 2, 3]
    model.fit(np.ones((4, 3)), np.zeros((4, 2)), epochs=3, verbose=0)
    for neuron in (held, fresh):
        assert np.array_equal(neuron.weights, layer.weights.numpy()[:, 1])
        assert float(neuron.bias) == layer.bias.numpy()[1] != 4
        assert neuron.forward(np.ones(3)) == pytest.approx(model.predict(np.ones((1, 3)))[0, 1])


def test_changing_a_neuron_changes_what_a_recorded_model_predicts():
    model = Sequential([Dense(2, 2)])
    x = np.eye(2)
    model.predict(x)
    model.layers[0].neurons[0].weights[:] = 8, 9
    assert model.predict(x)[:, 0].tolist() == [8, 9]


def test_looking_at_neurons_draws_no_random_numbers():
    axon.set_random_seed(1)
    Dense(3, 2)
    expected = Dense(3, 2).weights.numpy().copy()
    axon.set_random_seed(1)
    assert Dense(3, 2).neurons
    assert np.array_equal(Dense(3, 2).weights.numpy(), expected)


def test_a_neuron_of_a_layer_without_bias_cannot_be_given_one():
    neuron = Dense(3, 2, use_bias=False).neurons[0]
    assert float(neuron.bias) == 0
    with pytest.raises(ValueError, match="read-only"):
        neuron.bias -= 1


def test_neurons_of_a_dense_that_is_not_built_say_so():
    with pytest.raises(RuntimeError, match=r"layer 'dense' has no neurons yet.*Dense\(input_size"):
        _ = Dense(4).neurons
