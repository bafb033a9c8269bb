"""Initializers: their statistics against closed forms, and how they are found and described."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon import initializers
from axon.initializers import (
    INITIALIZERS,
    Constant,
    Identity,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    fans,
)
from axon.layers import Dense

CLASSES = {type(made).__name__: type(made) for made in INITIALIZERS.values()}

every_name = pytest.mark.parametrize("name", INITIALIZERS)
SHAPE = (300, 200)
SCALED = {  # name -> variance for fans 300 and 200, and whether uniform
    "glorot_uniform": (2 / 500, True),
    "glorot_normal": (2 / 500, False),
    "he_uniform": (2 / 300, True),
    "he_normal": (2 / 300, False),
    "lecun_uniform": (1 / 300, True),
    "lecun_normal": (1 / 300, False),
    "variance_scaling": (1 / 300, False),
}


@every_name
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(4, 3), (1, 1), (0, 3), (3, 0)])
def test_shape_and_type(name, dtype, shape):
    values = INITIALIZERS[name](shape, np.dtype(dtype))
    assert (type(values), values.shape, values.dtype) == (np.ndarray, shape, dtype)


@every_name
def test_the_same_seed_gives_the_same_bits(name):
    found = []
    for _ in range(2):
        axon.set_random_seed(3)
        found.append([INITIALIZERS[name]((5, 4), np.dtype("f4")).tobytes() for _ in range(2)])
    assert found[0] == found[1]
    steady = name in ("zeros", "ones", "constant", "identity")
    assert (found[0][0] == found[0][1]) == steady, "the second draws on"


@pytest.mark.parametrize("name", [n for n in CLASSES if n not in ("Zeros", "Ones", "Identity")])
def test_a_seed_of_its_own_gives_the_same_numbers_at_every_call(name):
    if name == "Constant":
        return
    make = CLASSES[name](seed=4)
    first = make((5, 4), np.dtype("f4"))
    axon.set_random_seed(0)
    before = initializers.glorot_uniform((2, 2), np.dtype("f4"))
    axon.set_random_seed(0)
    assert np.array_equal(make((5, 4), np.dtype("f4")), first)
    assert np.array_equal(initializers.glorot_uniform((2, 2), np.dtype("f4")), before)
    assert not np.array_equal(CLASSES[name](seed=5)((5, 4), np.dtype("f4")), first)
    with pytest.raises(ValueError, match=rf"{name}: seed must be a whole number of at least 0, go"):
        CLASSES[name](seed=-1)


@pytest.mark.parametrize(("name", "variance", "uniform"), [(n, *v) for n, v in SCALED.items()])
def test_variances_of_the_scaled_ones(name, variance, uniform):
    axon.set_random_seed(0)
    x = INITIALIZERS[name](SHAPE, np.dtype("f8"))
    deviation = math.sqrt(variance)
    assert abs(x.mean()) < 4 * deviation / math.sqrt(x.size)
    assert x.var() == pytest.approx(variance, rel=0.02)
    limit = deviation * (math.sqrt(3) if uniform else 2 / 0.87962566103423978)
    assert 0.99 * limit < abs(x).max() <= limit
    kurtosis = (x**4).mean() / x.var() ** 2
    assert kurtosis == pytest.approx(1.8 if uniform else 2.3665, abs=0.03)


@pytest.mark.parametrize(("mode", "n"), [("fan_in", 300), ("fan_out", 200), ("fan_avg", 250)])
@pytest.mark.parametrize("kind", ["truncated_normal", "untruncated_normal", "uniform"])
def test_variance_scaling(mode, n, kind):
    axon.set_random_seed(1)
    x = VarianceScaling(3.0, mode, kind)(SHAPE, np.dtype("f8"))
    assert x.var() == pytest.approx(3 / n, rel=0.03)
    kurtosis = {"truncated_normal": 2.3665, "untruncated_normal": 3.0, "uniform": 1.8}[kind]
    assert (x**4).mean() / x.var() ** 2 == pytest.approx(kurtosis, abs=0.1)


def test_the_constant_of_truncation():
    """The variance of a standard normal cut at 2 is 1 - 4 f(2) / (2 F(2) - 1)."""
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    variance = 1 - 4 * density / math.erf(math.sqrt(2))
    assert pytest.approx(math.sqrt(variance), rel=1e-12) == initializers.CUT_DEVIATION


def test_plain_distributions():
    axon.set_random_seed(2)
    f8 = np.dtype("f8")
    x = RandomNormal(mean=1.0, stddev=0.5)(SHAPE, f8)
    assert (x.mean(), x.std()) == pytest.approx((1, 0.5), abs=0.01)
    assert abs(x - 1).max() > 1.5
    x = TruncatedNormal(mean=1.0, stddev=0.5)(SHAPE, f8)
    assert (x.mean(), x.std()) == pytest.approx((1, 0.5 * 0.8796), abs=0.01)
    assert 0.99 < abs(x - 1).max() <= 1
    x = RandomUniform(minval=2.0, maxval=4.0)(SHAPE, f8)
    assert (x.mean(), x.std()) == pytest.approx((3, 2 / math.sqrt(12)), abs=0.01)
    assert (round(x.min(), 3), round(x.max(), 3)) == (2, 4)
    assert initializers.random_normal(SHAPE, f8).std() == pytest.approx(0.05, rel=0.02)
    assert abs(initializers.random_uniform(SHAPE, f8)).max() == pytest.approx(0.05, rel=0.01)
    assert abs(initializers.truncated_normal(SHAPE, f8)).max() == pytest.approx(0.1, rel=0.01)


def test_constants():
    assert (Constant(2.5)((2, 2), np.dtype("f4")) == 2.5).all()
    assert (initializers.ones((2,), np.dtype("f4")) == 1).all()
    assert (initializers.zeros((2,), np.dtype("f4")) == 0).all()
    assert np.array_equal(Identity(2.0)((2, 3), np.dtype("f4")), 2 * np.eye(2, 3))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.lists(st.integers(1, 6), min_size=2, max_size=4).map(tuple),
    st.floats(0.1, 3.0),
    st.sampled_from(["float32", "float64"]),
)
def test_orthogonal(shape, gain, dtype):
    """Wide, tall and of convolutions: whichever are fewer, rows or columns, are orthonormal."""
    q = Orthogonal(gain)(shape, np.dtype(dtype)).astype("f8").reshape(-1, shape[-1])
    product = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=10 * tolerance)


def test_orthogonal_matrices_are_uniform():
    """Without the signs of R the diagonal of Q would be mostly negative."""
    axon.set_random_seed(0)
    diagonals = [np.diag(Orthogonal()((3, 3), np.dtype("f8"))) for _ in range(2000)]
    assert abs(np.mean(diagonals, axis=0)).max() < 0.06
    assert np.mean(np.square(diagonals), axis=0) == pytest.approx([1 / 3] * 3, abs=0.03)


def test_fans():
    assert fans(()) == (1, 1)
    assert fans((5,)) == (5, 5)
    assert fans((3, 3, 4, 8)) == (36, 72)


# ------------------------------------------------------------------------------------ by name


@every_name
def test_names_classes_and_descriptions(name):
    made = INITIALIZERS[name]
    kind = type(made)
    assert kind.__name__.lower() == name.replace("_", "")
    for spelling in (name, name.upper(), kind.__name__, made):
        assert initializers.get(spelling) is made
    assert getattr(initializers, name) is made
    assert type(initializers.get(kind)) is kind
    again = initializers.get(json.loads(json.dumps(made.describe())))
    assert type(again) is kind
    assert Dense(3, 2, kernel_initializer=name).weights.shape == (3, 2)


def test_descriptions_keep_the_settings():
    for made in (
        TruncatedNormal(stddev=0.02),
        RandomUniform(-1.0, 1.0, seed=3),
        VarianceScaling(2.0, mode="fan_out", distribution="uniform"),
        Orthogonal(gain=0.5),
        Constant(7),
        Identity(gain=3.0),
    ):
        again = initializers.get(json.loads(json.dumps(made.describe())))
        values = []
        for one in (made, again):
            axon.set_random_seed(0)
            values.append(one((4, 3), np.dtype("f4")).tobytes())
        assert values[0] == values[1]
        assert again.describe() == made.describe()
    assert repr(TruncatedNormal(stddev=0.02)) == "TruncatedNormal(stddev=0.02)"


def test_a_function_is_kept():
    def mine(shape, dtype):
        return np.ones(shape, dtype)

    assert initializers.get(mine) is mine


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: RandomNormal(stddev=-1),
            r"RandomNormal: stddev must be a number of at least 0, g",
        ),
        (lambda: RandomNormal(mean="0"), r"RandomNormal: mean must be a number, got '0'"),
        (lambda: TruncatedNormal(0, -1), r"TruncatedNormal: stddev must be a number of at least 0"),
        (lambda: TruncatedNormal(math.nan), r"TruncatedNormal: mean must be a number, got nan"),
        (lambda: RandomUniform(1, 0), r"RandomUniform: maxval must be a number of at least 1, got"),
        (lambda: RandomUniform(None), r"RandomUniform: minval must be a number, got None"),
        (lambda: Constant(math.inf), r"Constant: value must be a number, got inf"),
        (lambda: Identity(True), r"Identity: gain must be a number, got True"),
        (lambda: Orthogonal("1"), r"Orthogonal: gain must be a number, got '1'"),
        (lambda: VarianceScaling(0), r"VarianceScaling: scale must be larger than 0, got 0"),
        (lambda: VarianceScaling(mode="fan"), r"unknown VarianceScaling mode 'fan'\. Did you mean"),
        (
            lambda: VarianceScaling(distribution="normal"),
            r"unknown VarianceScaling distribution 'n",
        ),
        (
            lambda: Orthogonal()((3,), "f4"),
            r"Orthogonal: expected a shape of two axes or more, got",
        ),
        (
            lambda: Identity()((3, 2, 1), "f4"),
            r"Identity: expected a shape of two axes, got \(3, 2",
        ),
        (
            lambda: initializers.get("he_norml"),
            r"unknown initializer 'he_norml'\. Did you mean 'he",
        ),
        (lambda: initializers.get({"class": "He", "config": {}}), r"unknown initializer 'He'"),
        (
            lambda: initializers.get({"a": 1}),
            r"initializer: expected a description .*, got the key",
        ),
    ],
)
def test_errors(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_what_is_no_initializer():
    with pytest.raises(TypeError, match=r"initializer: expected a name or a function \(shape, dty"):
        initializers.get(3)


def test_short_names():
    assert initializers.get("uniform") is initializers.random_uniform
    assert initializers.get("normal") is initializers.random_normal


def test_kernels_of_a_fourier_transform():
    """Beside NumPy's FFT of frames under a window, and beside Keras's scaling."""
    x = np.random.default_rng(0).normal(size=8)
    window = np.hanning(9)[:8]
    for scaling, size in ((None, 1.0), ("density", np.sqrt((window**2).sum())), ("spectrum", 4.0)):
        sides = [
            initializers.STFT(side, "hann", scaling, periodic=True)((8, 1, 5), np.dtype("f8"))
            for side in ("real", "imag")
        ]
        found = np.einsum("t,tcf->f", x, sides[0]) + 1j * np.einsum("t,tcf->f", x, sides[1])
        assert np.allclose(found, np.fft.rfft(x * window) / size)
    given = initializers.get("stft")((8, 1, 5), np.dtype("f4"))
    assert np.array_equal(given, initializers.STFT(window=np.hanning(8))((8, 1, 5), "f4"))
    with pytest.raises(ValueError, match="side must be 'real' or 'imag', got 'both'"):
        initializers.STFT("both")
    with pytest.raises(ValueError, match=r"window must be of 8 numbers"):
        initializers.STFT(window=[1.0, 2.0])((8, 1, 5), "f4")


def test_what_is_serialized_is_made_again():
    from axon import activations, constraints, losses, metrics, optimizers, regularizers

    for room, made in (
        (initializers, initializers.STFT("imag", scaling=None)),
        (initializers, initializers.HeNormal()),
        (losses, losses.Huber(0.5)),
        (losses, losses.Dice()),
        (metrics, metrics.MeanIoU(3)),
        (metrics, metrics.Precision([0.1, 0.5])),
        (optimizers, optimizers.Adam(0.1, beta_1=0.5)),
        (optimizers, optimizers.LBFGS(0.5)),
        (regularizers, regularizers.L1L2(0.1, 0.2)),
        (constraints, constraints.MaxNorm(3.0)),
    ):
        described = room.serialize(made)
        again = room.deserialize(described)
        assert type(again) is type(made)
        assert room.serialize(again) == described
    assert activations.deserialize(activations.serialize(activations.gelu)) is activations.gelu
    assert losses.deserialize("mse").name == "mean_squared_error"
    assert type(metrics.deserialize("mse")) is metrics.MeanSquaredError
    assert constraints.deserialize(constraints.serialize(None)) is None

    class Mine(losses.MeanSquaredError):
        pass

    own = losses.deserialize(losses.serialize(Mine()), {"Mine": Mine})
    assert isinstance(own, Mine)
    with pytest.raises(ValueError, match="unknown loss 'Mine'"):
        losses.deserialize(losses.serialize(Mine()))
    with pytest.raises(TypeError, match="a function with a name"):
        activations.serialize(lambda x: x)
