"""Each primitive by XLA against NumPy's kernel: by a rule, or derived from the kernel."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axon.backend import known
from axon.core import Primitive, primitive
from axon.operators import PRIMITIVES
from tests.contracts.primitives import NAMES, OURS, sample
from tests.samples.primitives import SAMPLES

jax = pytest.importorskip("jax", reason="XLA comes with the extra jax")

from axon.xla import primitives  # noqa: E402
from tests.xla.performed import QUICK, Arrays, assert_alike, by_numpy, by_xla  # noqa: E402

LOOSE = {"normal": 4.0}  # times as far: cos(2 pi v) near 0

# Where NaN and infinity do something else.
OTHERWISE = {
    "adam_scalars": "no such counters; Python raises an error",
    "affine_maps": "no such moves; of NaN comes 0, in NumPy the smallest integer",
    "corner_maps": "likewise",
    "conv2d": "padding is multiplied, too, so more of the result is NaN",
    "conv2d_input": "likewise",
    "conv2d_weight": "likewise",
    "recurrence_backward": "infinity times 0 is added up elsewhere",
    **dict.fromkeys(
        ("solve", "slogdet", "cholesky", "eigh", "qr", "svd", "pinv"),
        "NumPy's gives NaN for the whole matrix, as LAPACK may not come to an end",
    ),
}


def poisoned(arrays: Arrays, value: float) -> Arrays:
    """The same with this value as first number of each array of floats."""
    copies = [a.copy() for a in arrays]
    for a in copies:
        if a.dtype.kind == "f" and a.size:
            a.flat[0] = value
    return copies


@pytest.mark.parametrize("name", NAMES)
def test_every_primitive_on_every_sample(name: str) -> None:
    """By its rule or its formula: of one that runs on the host a warning tells, an error here."""
    samples = range(len(SAMPLES[name].samples))
    cases = [(name, *sample(name, i, t)) for t in (np.float32, np.float64) for i in samples]
    call = by_xla(cases)
    for poison in (None, np.nan, -np.inf)[: 1 if name in OTHERWISE else 3]:
        given = [arrays if poison is None else poisoned(arrays, poison) for _, arrays, _ in cases]
        for got, arrays, (_, _, meta) in zip(call(given), given, cases, strict=True):
            assert_alike(got, by_numpy(OURS[name], arrays, meta), LOOSE.get(name, 1.0))


# ------------------------------------------------------------------------------------ types, shapes

ALONE = sorted(name for name in NAMES if OURS[name].facts.alone and OURS[name].kind == "fills")
TYPES = [np.dtype(t) for t in "?bBhHiIlLefd"]
SPECIAL = [0, 1, -1, 2, 3, -5, 7, 100, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**53 + 1]


def numbers(dtype: np.dtype, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Numbers that such an array holds: whole ones, or fractions, or limits of the type."""
    random = np.random.default_rng(seed)
    if dtype.kind == "f":
        return random.choice([*np.arange(-6, 7) / 4, np.nan, np.inf, -0.0], shape).astype(dtype)
    if dtype.kind == "b":
        return random.random(shape) < 0.5
    limits = np.iinfo(dtype)
    some = [n for n in (*SPECIAL, limits.min, limits.max) if limits.min <= n <= limits.max]
    return random.choice(np.array(some, dtype), shape)


def at_once(p: Primitive, arrays: Arrays, meta: dict) -> Arrays:
    """By XLA, all operations in one program."""

    def function(*values: Any) -> list[Any]:
        return primitives.perform(p, values, meta)

    with jax.enable_x64(True):
        compiled = jax.jit(function).lower(*arrays).compile(QUICK)
        return [np.asarray(x) for x in compiled(*arrays)]


SHAPES = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ALONE), SHAPES, st.data())
def test_any_types_and_shapes_number_by_number(name: str, shape: tuple, data: Any) -> None:
    inputs, meta = SAMPLES[name].samples[0]
    arrays = []
    for seed in range(len(inputs)):
        ones = data.draw(st.tuples(*(st.booleans() for _ in shape)))
        shown = tuple(1 if one else n for n, one in zip(shape, ones, strict=True))
        dropped = data.draw(st.integers(0, len(shape)))
        arrays.append(numbers(data.draw(st.sampled_from(TYPES)), shown[dropped:], seed))
    if OURS[name].floats:
        arrays = [a.astype(np.float32) if a.dtype.kind != "f" else a for a in arrays]
    try:
        wanted = by_numpy(OURS[name], arrays, meta)
    except (ValueError, TypeError):  # negative integer powers, - of truth values
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what XLA has no types for is done on the host
        got = at_once(OURS[name], arrays, meta)
    assert_alike(got, wanted, 30)


# ------------------------------------------------------------------------------------ own ones


@pytest.fixture
def own() -> Any:
    """Makes primitives that are gone afterwards, and forgets what has been told of them."""
    before = dict(PRIMITIVES)
    primitives._told.clear()
    primitives.noting.errors.clear()
    yield lambda kernel, **facts: primitive(**facts)(kernel)
    PRIMITIVES.clear()
    PRIMITIVES.update(before)
    primitives._told.clear()
    primitives.noting.errors.clear()


def wave(out: Any, x: Any, *, xp: Any, rate: float = 2.0) -> None:
    xp.multiply(x, rate, out=out)
    xp.sin(out, out=out)
    xp.add(out, x, out=out)


def test_an_own_kernel_runs_on_the_device(own: Any) -> None:
    p = own(wave)
    x = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
    assert_alike(at_once(p, [x], {}), by_numpy(p, [x], {}))
    assert_alike(at_once(p, [x], {"rate": 0.5}), by_numpy(p, [x], {"rate": 0.5}))


def test_metadata_that_are_equal_but_of_other_types_are_not_mixed_up(own: Any) -> None:
    def scaled(out: Any, x: Any, *, xp: Any, by: Any) -> None:
        xp.copyto(out, by if isinstance(by, float) else -by)

    p = own(scaled)
    x = np.ones(2)
    for by in (1, 1.0, True, 0.0, -0.0, [1][0]):
        (got,) = at_once(p, [x], {"by": by})
        (wanted,) = by_numpy(p, [x], {"by": by})
        assert got.tobytes() == wanted.tobytes(), by


def test_metadata_that_are_no_key_are_looked_at_each_time(own: Any) -> None:
    def shifted(out: Any, x: Any, *, xp: Any, by: Any) -> None:
        xp.add(x, by, out=out)

    p, x = own(shifted), np.ones(2)
    for by in (np.array([1.0, 2.0]), np.array([3.0, 4.0])):
        assert_alike(at_once(p, [x], {"by": by}), [x + by])


def test_a_kernel_that_asks_for_its_size_gets_the_size_it_has(own: Any) -> None:
    def averaged(out: Any, x: Any, *, xp: Any) -> None:
        xp.divide(x, x.size, out=out)

    x = np.arange(30.0)
    assert_alike(at_once(own(averaged), [x], {}), [x / 30])


def decides(out: Any, x: Any, *, xp: Any) -> None:
    if xp.maximum.reduce(x, axis=None) > 1:
        xp.negative(x, out=out)
    else:
        xp.copyto(out, x)


def leaves(out: Any, x: Any, *, xp: Any) -> None:
    out[...] = np.sort(x, axis=0)


@pytest.mark.parametrize("kernel", [decides, leaves])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool", "float16"])
def test_what_decides_by_values_runs_on_the_host_and_is_named_once(
    kernel: Any, dtype: str, own: Any
) -> None:
    p = own(kernel)
    x = np.array([[3, 1], [2, 4]]).astype(dtype)
    if dtype == "bool" and kernel is decides:
        return  # - of truth values
    with pytest.warns(RuntimeWarning, match=f"primitive '{kernel.__name__}' runs on the host"):
        got = at_once(p, [x], {})
    assert_alike(got, by_numpy(p, [x], {}))
    assert_alike(at_once(p, [x[:1]], {}), by_numpy(p, [x[:1]], {}))  # no second warning


def test_the_host_is_asked_in_each_step_of_a_scan_and_for_large_arrays(own: Any) -> None:
    p = own(decides)
    x = np.full((3, 400_000), 1.5)
    x[1] = 0.5

    def step(carry: Any, row: Any) -> Any:
        (y,) = primitives.perform(p, [row], {})
        return carry + y.sum(), y[0]

    with jax.enable_x64(True):
        with pytest.warns(RuntimeWarning, match="decides"):
            total, firsts = jax.jit(lambda x: jax.lax.scan(step, 0.0, x))(x)
        assert float(total) == (-1.5 + 0.5 - 1.5) * 400_000
        assert np.asarray(firsts).tolist() == [-1.5, 0.5, -1.5]


def test_an_own_primitive_that_writes_changes_only_what_it_says(own: Any) -> None:
    def takes(total: Any, largest: Any, x: Any, *, xp: Any, many: bool) -> None:
        if many and float(x[0]) < 0:
            return
        xp.add(total, x, out=total)
        xp.maximum(largest, x, out=largest)

    p = own(takes, kind="writes", writes=2)
    arrays = [np.zeros(2), np.ones(2), np.array([3.0, 0.5])]
    assert_alike(at_once(p, arrays, {"many": False}), [np.array([3.0, 0.5]), np.array([3.0, 1.0])])
    with pytest.warns(RuntimeWarning, match="takes"):
        got = at_once(p, arrays, {"many": True})
    assert_alike(got, [np.array([3.0, 0.5]), np.array([3.0, 1.0])])
    assert [a.tolist() for a in arrays] == [[0, 0], [1, 1], [3, 0.5]]


def test_an_own_error_is_kept(own: Any) -> None:
    def picky(out: Any, x: Any, *, xp: Any) -> None:
        if known(x.min() < 0):
            raise ValueError("no negative numbers, please.")
        xp.sqrt(x, out=out)

    p = own(picky, can_fail=True)
    with pytest.warns(RuntimeWarning, match="perhaps in order to raise an error"):
        assert at_once(p, [np.array([4.0])], {})[0].tolist() == [2.0]
    at_once(p, [np.array([-4.0])], {})
    (error,) = primitives.noting.errors  # which the machine raises
    assert isinstance(error, ValueError)


def positional(out: Any, x: Any, *, xp: Any) -> None:
    xp.add(x, x, out)


def grouped(out: Any, x: Any, *, xp: Any) -> None:
    xp.add(x, x, out=(out,))


def compares(out: Any, x: Any, *, xp: Any) -> None:
    xp.copyto(out, x)
    xp.copyto(out, 7, where=x == 2)


def at_most(out: Any, x: Any, *, xp: Any) -> None:
    xp.clip(x, min=2, max=3, out=out)


def third(out: Any, x: Any, *, xp: Any) -> None:
    xp.clip(x, 2, 3, out)


def windows(out: Any, x: Any, *, xp: Any) -> None:
    seen = xp.lib.stride_tricks.as_strided(x, (x.size - 1, 2), (x.itemsize, x.itemsize))
    xp.copyto(out, x)
    xp.add.reduce(seen, axis=1, out=out[1:])


def chosen(out: Any, x: Any, *, xp: Any) -> None:
    xp.copyto(out, 0)
    xp.maximum(x, 2, out=out, where=xp.greater(x, 1))
    out[0] = xp.add.reduce(x, where=xp.less_equal(x, 3), initial=10)


@pytest.mark.parametrize(
    ("kernel", "host"),
    [
        *((kernel, True) for kernel in (positional, grouped, compares, at_most, third)),
        *((kernel, False) for kernel in (windows, chosen)),
    ],
)
def test_other_ways_of_writing_kernels_are_understood_or_left_to_the_host(
    kernel: Any, host: bool, own: Any
) -> None:
    p, x = own(kernel), np.array([1.0, 2.0, 4.0, 3.0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = at_once(p, [x], {})
    assert len(caught) == host
    assert_alike(got, by_numpy(p, [x], {}))


def test_an_own_primitive_of_a_name_that_has_a_rule_is_its_own(own: Any) -> None:
    def softmax(out: Any, x: Any, *, xp: Any) -> None:
        xp.add(x, 1, out=out)

    assert at_once(own(softmax), [np.zeros(2)], {})[0].tolist() == [1, 1]


def test_a_formula_that_would_take_minutes_to_compile_is_done_on_the_host(own: Any) -> None:
    def counts(out: Any, x: Any, *, xp: Any, times: int) -> None:
        xp.copyto(out, x)
        for _ in range(times):
            xp.add(out, 1, out=out)

    p, x = own(counts), np.zeros(2)
    assert at_once(p, [x], {"times": 100})[0].tolist() == [100, 100]
    with pytest.warns(RuntimeWarning, match=f"more than {primitives.MOST}"):
        assert at_once(p, [x], {"times": 1000})[0].tolist() == [1000, 1000]


# ------------------------------------------------------------------------------------ memory


def moved(x: Any, moves: list[tuple[str, int, int]]) -> Any:
    """A view of a view of a view."""
    for move, axis, step in moves:
        if move == "slice" and x.ndim:
            first = 1 if x.shape[axis % x.ndim] > 2 else 0
            x = x[(slice(None),) * (axis % x.ndim) + (slice(first, None),)]
        elif move == "steps" and x.ndim:
            x = x[(slice(None),) * (axis % x.ndim) + (slice(None, None, step),)]
        elif move == "turn":
            x = x.transpose(tuple(reversed(range(x.ndim))))
        elif move == "new":
            x = x[..., None]
        elif move == "flat" and x.flags.c_contiguous:
            x = x.reshape(-1)
        elif move == "bits" and x.dtype.kind == "f":
            x = x.view(f"i{x.itemsize}")
    return x


MOVES = ["slice", "steps", "steps", "turn", "flat", "bits", "new"]


@pytest.mark.parametrize("seed", range(12))
def test_views_of_views_are_read_and_written(seed: int, own: Any) -> None:
    random = np.random.default_rng(seed)

    def some() -> list[tuple[str, int, int]]:
        count = random.integers(1, 5)
        chosen = random.choice(MOVES, count), random.integers(0, 3, count)
        steps = random.choice([2, -1, -2], count)
        return list(zip(*(c.tolist() for c in (*chosen, steps)), strict=True))

    moves = [some() for _ in range(3)]

    def shuffles(out: Any, x: Any, *, xp: Any) -> None:
        xp.copyto(out, x)
        for here in moves:
            target, source = moved(out, here), moved(x, here)
            if target.dtype.kind == "f":
                xp.multiply(target, 3, out=target)
                xp.add(target, source[::-1] if source.ndim else source, out=target)
            else:
                xp.copyto(target, source.T if len(set(source.shape)) < 2 else source[:1])

    p = own(shuffles)
    x = np.arange(1.0, 61.0, dtype=random.choice(["f4", "f8"])).reshape(
        [[60], [6, 10], [3, 4, 5], [2, 2, 3, 5]][seed % 4]
    )
    (got,), (wanted,) = at_once(p, [x], {}), by_numpy(p, [x], {})
    assert got.tobytes() == wanted.tobytes(), moves
