"""What is true of activations: their derivatives, their tails, their names."""

import math
from functools import partial
from inspect import signature

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon import Tensor, activations, grad, ops
from axon.activations import ACTIVATIONS, ALIASES
from axon.layers import Dense
from axon.models import Sequential
from axon.ops import error_function

BY_INPUT = ("gelu", "silu", "mish")  # not monotonic: the output does not tell the slope
ELEMENTWISE = [name for name in ACTIVATIONS if "softmax" not in name]
precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def derivative_of(name):
    return getattr(activations, f"{ACTIVATIONS[name].__name__}_derivative")


def slope(function, x):
    leaf = Tensor(x, requires_grad=True)
    y = function(leaf)
    return grad(y, leaf, gradient=np.ones_like(y.data)).numpy()


# ------------------------------------------------------------------------------------ derivatives


@pytest.mark.parametrize("name", ELEMENTWISE)
@precisions
def test_the_derivative_is_that_of_the_gradient_rule(name, dtype):
    x = np.linspace(-7.3, 7.1, 101, dtype=dtype)
    f = ACTIVATIONS[name]
    given = x if name in BY_INPUT else f(x)
    wanted = slope(f, x) if name != "linear" else np.ones_like(x)
    found = derivative_of(name)(given)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, wanted)
    tensor = derivative_of(name)(Tensor(given))
    assert type(tensor) is Tensor
    np.testing.assert_array_equal(tensor.numpy(), wanted)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_first_line_says_what_the_derivative_takes(name):
    if name == "linear":
        return
    way = "*input* x" if name in BY_INPUT else "*output* y"
    assert f"in terms of the {way}" in derivative_of(name).__doc__.split("\n")[0]
    assert next(iter(signature(derivative_of(name)).parameters)) == way[-1]


@pytest.mark.parametrize(
    ("name", "meta"),
    [
        ("leaky_relu", {"negative_slope": 0.01}),
        ("leaky_relu", {"negative_slope": 0.0}),
        ("elu", {"alpha": 2.5}),
        ("elu", {"alpha": 0.0}),
        ("gelu", {"approximate": True}),
    ],
)
def test_derivatives_take_the_same_settings(name, meta):
    x = np.linspace(-4.1, 4.0, 50)
    f = partial(ACTIVATIONS[name], **meta)
    given = x if name in BY_INPUT else f(x)
    np.testing.assert_array_equal(derivative_of(name)(given, **meta), slope(f, x))
    h = 1e-6
    np.testing.assert_allclose(slope(f, x), (f(x + h) - f(x - h)) / (2 * h), atol=1e-8)


def test_corners_have_the_slope_that_is_documented():
    for f, x, wanted in (
        (activations.relu6, [0.0, 6.0], [0, 0]),
        (activations.hard_sigmoid, [-3.0, 3.0], [0, 0]),
        (activations.leaky_relu, [0.0, -0.0], [0.2, 0.2]),
        (activations.elu, [0.0, -0.0], [1, 1]),
    ):
        assert slope(f, np.array(x)).tolist() == wanted


@precisions
def test_the_slope_starts_with_the_smallest_number(dtype):
    x = np.array([np.finfo(dtype).smallest_subnormal, np.nextafter(dtype(6), dtype(0))])
    assert slope(activations.relu6, x).tolist() == [1, 1]
    assert slope(activations.leaky_relu, x).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (partial(activations.leaky_relu, negative_slope=-0.1), "leaky_relu: negative_slope must l"),
        (partial(activations.leaky_relu, negative_slope=1.5), "between 0 and 1, got 1.5"),
        (partial(activations.elu, alpha=-1.0), "elu: alpha must be 0 or more, got -1.0"),
    ],
)
def test_settings_without_meaning_are_refused(f, words):
    for x in (np.ones(3), Tensor(np.ones(3))):
        with pytest.raises(ValueError, match=words):
            f(x)


# ------------------------------------------------------------------------------------ tails


@precisions
@pytest.mark.parametrize("name", [*ELEMENTWISE, "gelu by tanh"])
def test_infinity_goes_where_huge_numbers_go(name, dtype):
    f = partial(activations.gelu, approximate=True) if " " in name else ACTIVATIONS[name]
    if name == "softsign":
        return
    ends, huge = f(np.array([-np.inf, np.inf], dtype)), f(np.array([-1e30, 1e30], dtype))
    bounded = np.abs(huge) < 1e20
    np.testing.assert_allclose(ends[bounded], huge[bounded], rtol=1e-6, atol=1e-20)
    assert np.isinf(ends[~bounded]).all()


@precisions
def test_the_lower_tails_are_accurate_relative_to_their_size(dtype):
    """Where 1 + tanh or 1 + erf would have lost every digit."""
    x = -np.linspace(4, 12, 50).astype(dtype)
    exact = x.astype("f8")
    for f, wanted in (
        (activations.gelu, [v * math.erfc(-v / math.sqrt(2)) / 2 for v in exact]),
        (activations.silu, exact / (1 + np.exp(-exact))),
        (activations.mish, exact * np.tanh(np.log1p(np.exp(exact)))),
        (activations.softplus, np.log1p(np.exp(exact))),
    ):
        np.testing.assert_allclose(f(x), wanted, rtol=1e-5 if dtype == np.float32 else 1e-13)


@given(st.floats(-30, 30))
@settings(deadline=None, max_examples=50, derandomize=True)
def test_gates_split_a_number_into_two_parts(x):
    """f(x) - f(-x) = x for every x times a gate that is symmetrical about 1/2."""
    for f in (activations.gelu, partial(activations.gelu, approximate=True), activations.silu):
        assert float(f(x) - f(-x)) == pytest.approx(x, rel=1e-5, abs=1e-6)


# ------------------------------------------------------------------------------------ erf


def test_erf_is_accurate_to_rounding():
    x = np.concatenate([np.linspace(-7, 7, 3001), np.geomspace(1e-300, 1, 100), [0.0, 30.0, 1e300]])
    wanted = np.array([math.erf(v) for v in x])
    assert np.abs(ops.erf(x) - wanted).max() <= 1e-15
    assert np.abs(ops.erf(x.clip(-9, 9).astype("f4")) - wanted).max() < 3e-7
    assert ops.erf(np.array([np.inf, -np.inf])).tolist() == [1, -1]
    assert (ops.erf(-x) == -ops.erf(x)).all()
    bell = slope(ops.erf, np.array([0.0, 1.0, -1.0, 1e30]))
    np.testing.assert_allclose(bell, 2 / math.sqrt(math.pi) * np.exp([0, -1, -1, -800.0]))


def test_gelu_is_accurate_to_rounding():
    x = np.linspace(-37, 37, 3001)
    wanted = np.array([v * math.erfc(-v / math.sqrt(2)) / 2 for v in x])
    np.testing.assert_allclose(activations.gelu(x), wanted, rtol=5e-13)  # x^2 is rounded
    middle = np.abs(x) < 6
    np.testing.assert_allclose(activations.gelu(x)[middle], wanted[middle], rtol=2e-14)
    single = activations.gelu(x.astype("f4"))[middle]
    exact = np.array([v * math.erfc(-v / math.sqrt(2)) / 2 for v in x[middle].astype("f4")])
    np.testing.assert_allclose(single, exact, rtol=3e-6, atol=1e-12)


@pytest.mark.parametrize("size", [0, 1, 16_383, 16_384, 16_385, 40_000])
def test_blocks_cover_every_element_once(size):
    assert error_function.BLOCK == 16_384
    x = np.linspace(-4, 4, size)
    for f in (ops.erf, activations.gelu, activations.gelu_derivative):
        pieces = [f(part) for part in np.array_split(x, 7)]
        np.testing.assert_array_equal(f(x), np.concatenate(pieces))


# ------------------------------------------------------------------------------------ names


def test_names_of_activations():
    assert activations.get("swish") is activations.get("SiLU") is activations.silu
    assert activations.name_of(activations.swish) == "silu"
    assert not ALIASES.keys() & ACTIVATIONS.keys()
    for name, function in {**ACTIVATIONS, **ALIASES}.items():
        assert getattr(activations, name) is activations.get(name) is function
    with pytest.raises(
        ValueError, match=r"unknown activation 'leaky_rel'\. Did you mean 'leaky_re"
    ):
        activations.get("leaky_rel")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_five_steps_of_training_are_the_same_eager_and_replayed(name, tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    weights = []
    for eager in (True, False):
        axon.set_random_seed(0)
        model = Sequential([Dense(3, 6, name), Dense(6, 4, name), Dense(4, 2)])
        model.compile("mse", "adam", eager=eager)
        history = model.fit(x, y, batch_size=4, epochs=5, verbose=0).history["loss"]
        weights.append([p.numpy().tobytes() for p in model.parameters()])
        assert np.isfinite(history).all()
    assert weights[0] == weights[1]
