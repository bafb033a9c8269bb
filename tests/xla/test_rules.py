"""Each rule does what the kernel of its primitive does, at the edges too.

All samples are in test_primitives.py, of rules as well.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.contracts.primitives import OURS, SAMPLES, cast

jax = pytest.importorskip("jax", reason="the rules are XLA's (extra jax)")

from axon.xla.rules import FAULTS, RULES  # noqa: E402
from tests.xla import performed  # noqa: E402
from tests.xla.performed import Case  # noqa: E402

quick = settings(max_examples=12, deadline=None, derandomize=True)


def assert_agree(*cases: Case) -> list[list[np.ndarray]]:
    """By rule and by kernel the same; inputs are random, and sums may cancel."""
    return performed.assert_agree(*cases, times=15)


def test_there_is_a_rule_only_for_what_exists() -> None:
    assert set(RULES) | set(FAULTS) <= set(OURS)
    assert set(FAULTS) == {name for name, p in OURS.items() if p.facts.can_fail}


# ------------------------------------------------------------------------------------ windows


PADS = st.tuples(st.integers(0, 2), st.integers(0, 2))
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))
SIZES = st.tuples(st.integers(1, 3), st.integers(3, 9), st.integers(3, 9))


@quick
@given(SIZES, PAIRS, PAIRS, PAIRS, st.tuples(PADS, PADS), st.integers(1, 3), PAIRS, st.booleans())
def test_convolutions_of_all_kinds(
    size: Any, kernel: Any, strides: Any, dilation: Any, padding: Any, G: int, each: Any, f8: bool
) -> None:
    (N, H, W), (Cg, Fg) = size, each
    meta = {"strides": strides, "dilation": dilation, "padding": padding, "groups": G}
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    assume(spans[0] <= H + sum(padding[0]) and spans[1] <= W + sum(padding[1]))
    random = np.random.default_rng(N * H * W)
    x, w = random.normal(size=(N, H, W, Cg * G)), random.normal(size=(*kernel, Cg, Fg * G))
    x, w = cast([x, w], np.dtype("f8" if f8 else "f4"))
    g = random.normal(size=OURS["conv2d"](x, w, **meta).shape).astype(x.dtype)
    assert_agree(
        ("conv2d", [x, w], meta),
        ("conv2d_input", [g, w], {**meta, "shape": x.shape}),
        ("conv2d_weight", [x, g], {**meta, "shape": w.shape}),
    )


@pytest.mark.parametrize(
    ("images", "kernel", "meta"),
    [
        ((2, 5, 30, 2), (1, 20, 2, 3), {}),
        ((2, 12, 12, 17), (3, 2, 17, 3), {"strides": (2, 1), "padding": ((1, 1), (0, 2))}),
        ((2, 9, 24, 2), (5, 17, 2, 3), {"strides": (2, 3), "padding": ((1, 0), (2, 2))}),
        ((2, 9, 40, 2), (5, 17, 2, 3), {"dilation": (1, 2), "strides": (3, 2)}),
        ((1, 9, 9, 4), (5, 5, 1, 8), {"groups": 4, "padding": ((2, 2), (2, 2))}),
    ],
)
def test_convolutions_of_many_taps_or_channels(images: Any, kernel: Any, meta: Any) -> None:
    random = np.random.default_rng(0)
    x, w = random.normal(size=images), random.normal(size=kernel)
    g = random.normal(size=OURS["conv2d"](x, w, **meta).shape)
    assert_agree(
        ("conv2d", [x, w], meta),
        ("conv2d_input", [g, w], {**meta, "shape": x.shape}),
        ("conv2d_weight", [x, g], {**meta, "shape": w.shape}),
    )


@pytest.mark.parametrize("name", ["conv2d", "conv2d_input", "conv2d_weight"])
def test_convolutions_as_other_devices_do_them(name: str, monkeypatch: Any) -> None:
    """By XLA's own ways back, which are too slow on a CPU, but the same."""
    monkeypatch.setattr(jax.lax, "platform_dependent", lambda *args, cpu, default: default(*args))
    assert_agree(*((name, cast(inputs, np.dtype("f8")), m) for inputs, m in SAMPLES[name].samples))


@quick
@given(SIZES, st.tuples(st.integers(1, 6), st.integers(1, 6)), PAIRS, st.tuples(PADS, PADS))
def test_pools_of_all_kinds(size: Any, pool: Any, strides: Any, padding: Any) -> None:
    N, H, W = size
    assume(all(max(p) < k for p, k in zip(padding, pool, strict=True)))
    assume(pool[0] <= H + sum(padding[0]) and pool[1] <= W + sum(padding[1]))
    meta = {"pool_size": pool, "strides": strides, "padding": padding}
    random = np.random.default_rng(H * W)
    x = random.integers(-2, 2, (N, H, W, 2)).astype(np.float32)  # many are equal
    x[random.random(x.shape) < 0.05] = np.nan
    x[random.random(x.shape) < 0.05] = -np.inf
    y = OURS["max_pool2d"](x, **meta)
    index = OURS["max_pool2d_argmax"](x, y, **meta)
    g = random.normal(size=y.shape).astype(np.float32)
    whole = random.normal(size=x.shape).astype(np.float32)
    assert_agree(
        ("max_pool2d", [x], meta),
        ("max_pool2d_argmax", [x, y], meta),
        ("max_pool2d_gradient", [g, index], {**meta, "shape": x.shape}),
        ("max_pool2d_pick", [x, index], meta),
        ("average_pool2d", [whole], meta),
        ("average_pool2d_gradient", [g], {**meta, "shape": x.shape}),
    )


def test_an_infinite_gradient_reaches_one_pixel_only() -> None:
    meta = {"pool_size": (2, 2), "strides": (1, 1), "shape": (1, 3, 3, 1)}
    g = np.full((1, 2, 2, 1), np.inf, np.float32)
    index = np.array([0, 1, 2, 3], np.uint8).reshape(1, 2, 2, 1)
    [(out,)] = assert_agree(("max_pool2d_gradient", [g, index], meta))
    assert not np.isnan(out).any()


# ------------------------------------------------------------------------------------ rows


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_softmax_at_the_edges(axis: int) -> None:
    x = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)
    x[0] *= 1000.0  # probabilities that round to 0
    x[1, :, :2] = -np.inf  # a mask
    x[2] = -np.inf  # a mask over everything
    x[3, 1, 1] = np.nan
    x[4, 2, 2] = np.inf
    assert_agree(("softmax", [x], {"axis": axis}))
    assert_agree(("softmax", [x[:0]], {"axis": 1}))
    [(y,)] = assert_agree(("softmax", [x[:1]], {"axis": 2}))
    assert y.min() == np.finfo(np.float32).tiny  # its logarithm is finite


def test_rows_far_from_zero_keep_their_variance() -> None:
    x = np.float32(1000.0) + np.random.default_rng(0).normal(size=(64, 100)).astype(np.float32)
    assert_agree(("channel_moments", [x.astype(np.float64)], {}))
    [(moments,)] = assert_agree(("channel_moments", [x], {}))
    np.testing.assert_allclose(moments[1], x.astype(np.float64).var(0), rtol=1e-4)
    [(y,)] = performed.assert_agree(("standardize", [x], {"epsilon": 1e-3}), times=100)
    np.testing.assert_allclose(y.std(-1), 1.0, rtol=1e-3)


# ------------------------------------------------------------------------------------ index


@pytest.mark.parametrize(
    "index",
    [
        *(0, -1, (1, -2), (..., 1), (None, 2), np.s_[1:4:2], np.s_[::-1], np.s_[-2::-2, 1:]),
        *(np.s_[3:1], np.s_[:, ::3], np.s_[..., None, 2:3, :], np.s_[5:0:-3, ..., 0]),
    ],
)
def test_slices_of_all_kinds_go_back(index: Any) -> None:
    x = np.arange(6 * 5 * 4.0).reshape(6, 5, 4)
    assert_agree(("slice_gradient", [x[index]], {"shape": x.shape, "index": index}))


@pytest.mark.parametrize("dtype", ["i1", "u1", "i4", "i8", "u8"])
def test_row_numbers_of_all_types(dtype: str) -> None:
    table, few = np.random.default_rng(0).normal(size=(300, 2)), np.iinfo(dtype)
    ids = np.array([[0, 99, few.max % 300], [7, 7, 7]], dtype)
    signed = -ids if few.min < 0 else ids
    assert_agree(
        ("lookup", [table, ids], {}),
        ("take", [table, signed], {}),
        ("take_gradient", [table[ids], signed], {"shape": table.shape}),
    )


@pytest.mark.parametrize("name", sorted(FAULTS))
@pytest.mark.parametrize("ids", [[0, 3, 4, -9], [0, -4, 1], [1, -1], [2, 3], [], [2**31 + 1]])
def test_a_fault_is_found_where_the_kernel_finds_it(name: str, ids: list[int]) -> None:
    table, indices = np.zeros((4, 2)), np.array(ids, np.int64)
    with jax.enable_x64(True):
        wrong, number = jax.jit(FAULTS[name])(table, indices)
    if not wrong:
        OURS[name](table, indices)
        return
    with pytest.raises(IndexError, match=f" {number} "):
        OURS[name](table, indices)


# ------------------------------------------------------------------------------------ recurrences


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
@pytest.mark.parametrize("masked", [False, True])
def test_recurrences_are_loops(cell: str, masked: bool) -> None:
    """A hundred steps compile at once, and agree; unrolled they would take more than a minute."""
    from axon.ops.cells import CELLS

    time, n, units, equations = 100, 3, 4, CELLS[cell]
    random = np.random.default_rng(0)
    shape = (time * n + units + equations.biased + n, equations.gates * units)
    p = random.normal(size=shape) * 0.5
    mask = random.random((n, time if masked else 0)) < 0.8
    meta = {"cell": cell, "time": time}
    assert_agree(("recurrence", [p, mask], meta))
    y = OURS["recurrence"](p, mask, **meta)
    gradients = (random.normal(size=y.shape), random.normal(size=y.shape[1:]))
    back = [("recurrence_backward", [np.zeros(p.shape), g, y, p, mask], meta) for g in gradients]
    assert_agree(*back)
    with jax.enable_x64(True):
        text = jax.jit(lambda *v: RULES["recurrence"](*v, **meta)).lower(p, mask).as_text()
    assert text.count("dot_general") == 1


# ------------------------------------------------------------------------------------ warp


@quick
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.integers(1, 3)),
    PAIRS,
    st.sampled_from(["constant", "nearest", "reflect"]),
    st.booleans(),
    st.sampled_from(["f4", "f8", "u1"]),
)
def test_warps_of_all_kinds(shape: Any, size: Any, mode: str, smooth: bool, dtype: str) -> None:
    random = np.random.default_rng(sum(shape))
    x = (random.random(shape) * 100).astype(dtype)
    moves = random.normal(size=(shape[0], 5)) * [1.0, 1.0, 1.0, 0.3, 0.3]
    maps = OURS["affine_maps"](moves, size=size)
    meta = {"fill_mode": mode, "smooth": smooth}
    g = (random.random((shape[0], *size, shape[3])) * 100).astype(dtype)
    assert_agree(
        ("warp", [x, maps], {**meta, "size": size, "fill_value": 7.0}),
        ("warp_adjoint", [g, maps], {**meta, "shape": shape}),
    )
