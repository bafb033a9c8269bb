"""The contract that every primitive keeps. Registering one enrols it; the samples say on what."""

import weakref
from inspect import Parameter, signature
from typing import Any

import numpy as np
import pytest

import axon
from axon import Tensor, grad, no_grad
from axon.activations import log_softmax, sigmoid, softmax
from axon.core import Primitive
from axon.losses.cross_entropy import (
    log_probability,
    sigmoid_cross_entropy,
)
from axon.program import Step
from axon.testing import check_gradient
from tests.contracts.memory import peak_of
from tests.contracts.primitives import (
    NAMES,
    OURS,
    assert_same_bits,
    cast,
    every_sample,
    outcome,
    sample,
)
from tests.samples.primitives import SAMPLES

every_primitive = pytest.mark.parametrize("name", NAMES)


def of_kind(kind: str) -> Any:
    return every_sample([name for name in NAMES if OURS[name].kind == kind])


# What NumPy may allocate while a kernel runs: the buffers in which a ufunc converts or repeats
# numbers, 8,192 of them at a time, however large the arrays are.
BUFFERS = 80_000

# The kernels that allocate more, with what they may take and the reason.
ALLOCATES: dict[str, tuple[int, str]] = {
    "argsort": (
        3_500_000,
        "NumPy's argsort has no out=: its result, and the work of a stable sort",
    ),
    **dict.fromkeys(
        ("solve", "slogdet", "cholesky", "eigh", "qr", "svd", "pinv"),
        (3_000_000, "NumPy's linalg has no out=: results, and what LAPACK works on"),
    ),
}


# ------------------------------------------------------------------------------------ preparation


def shuffled(arrays: list[np.ndarray], seed: int) -> list[np.ndarray]:
    """The same numbers in other places: still inputs that the primitive is made for."""
    random = np.random.default_rng(seed)
    return [random.permutation(x.ravel()).reshape(x.shape) for x in arrays]


def strided(x: np.ndarray, way: int) -> np.ndarray:
    """An equal array whose elements do not lie one behind another."""
    if way == 0:  # columns first
        return np.array(x, order="F")
    if way == 1:  # every second one of a larger array
        large = np.zeros([2 * n for n in x.shape], x.dtype)
        view = large[(*(slice(None, None, 2) for _ in x.shape), ...)]
    else:  # backwards
        view = np.zeros_like(x)[(*(slice(None, None, -1) for _ in x.shape), ...)]
    view[...] = x
    return view


def expected(name: str, arrays: list[np.ndarray], meta: dict) -> list[np.ndarray]:
    values = SAMPLES[name].reference(*arrays, **meta)
    return [np.asarray(v) for v in (values if isinstance(values, tuple) else (values,))]


def assert_close(got: list[np.ndarray], wanted: list[np.ndarray], rtol: float) -> None:
    assert len(got) == len(wanted)
    for g, w in zip(got, wanted, strict=True):
        assert g.shape == w.shape
        np.testing.assert_allclose(g, w, rtol=rtol, atol=rtol / 10)


def step_of(primitive: Primitive, arrays: list[np.ndarray], meta: dict) -> tuple[Step, list]:
    """A step of this one primitive, and its inputs, filled."""

    def function(*tensors: Tensor) -> list[Tensor]:
        out = primitive(*tensors, **meta)
        return [] if primitive.writes else [out]

    step = Step(primitive.name, function, [f"input {i}" for i in range(len(arrays))])
    slots = step.inputs(*((a.shape, a.dtype) for a in arrays))
    fill(slots, arrays)
    return step, slots


def fill(slots: list[np.ndarray], arrays: list[np.ndarray]) -> None:
    for slot, array in zip(slots, arrays, strict=True):
        slot[...] = array


# ------------------------------------------------------------------------------------ the table


def test_every_primitive_has_a_sample_and_every_sample_a_primitive() -> None:
    assert sorted(OURS) == sorted(SAMPLES)


@every_primitive
def test_declaration(name: str) -> None:
    p = OURS[name]
    assert p.kind in ("fills", "views", "writes")
    assert (p.kind == "writes") == (p.writes > 0)
    assert (p.__doc__ or "").split("\n")[0].endswith((".", "`", ":")), "one line that stands alone"
    kernel = list(signature(p.__wrapped__).parameters.values())
    positional = [q for q in kernel if q.kind is Parameter.POSITIONAL_OR_KEYWORD]
    takes = len(positional) - (p.kind == "fills")
    assert p.gradients is not None, "declare a rule for each input, None where there is none"
    if any(q.kind is Parameter.VAR_POSITIONAL for q in kernel):
        assert p.each is not None
        return
    assert {len(inputs) for inputs, _ in SAMPLES[name].samples} == {takes}
    assert len(p.gradients) == takes


# ------------------------------------------------------------------------------------ values


@every_sample(NAMES)
def test_value_and_its_precision(name: str, number: int) -> None:
    arrays, meta = sample(name, number)
    wanted = expected(name, arrays, meta)
    for dtype, rtol in ((np.float64, 1e-9), (np.float32, 1e-5), (np.float16, 2e-2)):
        got = outcome(OURS[name], cast(arrays, dtype), meta)
        assert_close(got, wanted, rtol)
        for g, w in zip(got, wanted, strict=True):
            assert g.dtype == (meta.get("dtype", dtype) if w.dtype.kind == "f" else w.dtype)


@every_sample(NAMES)
def test_gradients_of_first_and_second_order(name: str, number: int) -> None:
    arrays, meta = sample(name, number)
    if OURS[name].kind == "writes" or all(a.dtype.kind != "f" for a in arrays):
        assert set(OURS[name].gradients) == {None}
    elif OURS[name](*arrays, **meta).dtype.kind == "f":
        check_gradient(lambda *x: OURS[name](*x, **meta), *arrays)


@every_sample(NAMES)
def test_gradients_have_the_shape_and_type_of_their_inputs(name: str, number: int) -> None:
    arrays, meta = sample(name, number, np.float32)
    tensors = [Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    out = OURS[name](*tensors, **meta)
    if OURS[name].kind != "writes" and out.requires_grad:
        floats = [t for t in tensors if t.requires_grad]
        for t, g in zip(floats, grad(out.sum(), floats), strict=True):
            assert (g.shape, g.dtype) == (t.shape, t.dtype)


@every_sample(NAMES)
def test_numpy_in_numpy_out_tensor_in_tensor_out(name: str, number: int) -> None:
    arrays, meta = sample(name, number)
    copies = [a.copy() for a in arrays]
    given = [Tensor(a) for a in copies]
    out, tensor = OURS[name](*arrays, **meta), OURS[name](*given, **meta)
    assert isinstance(out, np.ndarray | np.generic)
    assert type(tensor) is Tensor
    assert_same_bits([tensor.data], [np.asarray(out)])
    if OURS[name].kind == "writes":
        assert tensor is given[0]
    elif len(arrays) > 1:  # one Tensor among arrays is enough
        assert type(OURS[name](given[0], *arrays[1:], **meta)) is Tensor
        assert type(OURS[name](*arrays[:-1], given[-1], **meta)) is Tensor


@every_primitive
@np.errstate(divide="ignore")  # 1 is a pole of arctanh
def test_whole_numbers_become_floats_where_results_are_not_whole(name: str) -> None:
    inputs, meta = SAMPLES[name].samples[0]
    whole = [np.ones(x.shape, np.int64) for x in inputs]
    if OURS[name].kind == "writes" or "dtype" in meta or name in ("where", "dropout_mask"):
        return
    if not OURS[name].floats:
        assert OURS[name](*whole, **meta).dtype.kind == expected(name, whole, meta)[0].dtype.kind
        return
    for given in (whole, [x.astype(bool) for x in whole], [x.astype(np.uint8) for x in whole]):
        out = OURS[name](*given, **meta)
        assert out.dtype == np.float32
        assert_close([out], expected(name, cast_all(given, np.float32), meta), rtol=1e-5)
        assert OURS[name](*map(Tensor, given), **meta).dtype == np.float32
    mixed = [np.ones(x.shape, np.float64 if i == 0 else np.int64) for i, x in enumerate(inputs)]
    assert OURS[name](*mixed, **meta).dtype == np.float64


def cast_all(arrays: list[np.ndarray], dtype: Any) -> list[np.ndarray]:
    return [x.astype(dtype) for x in arrays]


@every_sample(NAMES)
def test_inputs_may_lie_in_memory_in_any_order(name: str, number: int) -> None:
    arrays, meta = sample(name, number)
    for way in range(3 if SAMPLES[name].strided else 0):
        got = outcome(OURS[name], [strided(a, way) for a in arrays], meta)
        assert_close(got, outcome(OURS[name], arrays, meta), rtol=1e-12)


@every_sample(NAMES)
def test_nan_shows(name: str, number: int) -> None:
    arrays, meta = sample(name, number)
    floats = [i for i, a in enumerate(arrays) if a.dtype.kind == "f" and a.size]
    chosen = SAMPLES[name].nan_shows
    for i in floats if chosen is None else set(floats) & set(chosen):
        poisoned = [a.copy() for a in arrays]
        poisoned[i].flat[0] = np.nan
        out = outcome(OURS[name], poisoned, meta)[0]
        assert np.isnan(out).any() or not out.size, f"input {i}"


# ------------------------------------------------------------------------------------ promises


@every_sample(NAMES)
def test_fills_and_views_leave_their_inputs_alone(name: str, number: int) -> None:
    arrays, meta = sample(name, number)
    before = [a.tobytes() for a in arrays]
    for a in arrays[OURS[name].writes :]:
        a.flags.writeable = False
    out = OURS[name](*arrays, **meta)
    kept = OURS[name].writes
    assert [a.tobytes() for a in arrays[kept:]] == before[kept:]
    if OURS[name].kind == "fills":
        assert not any(np.shares_memory(out, a) for a in arrays)


@of_kind("fills")
def test_fills_write_every_element_and_read_none(name: str, number: int) -> None:
    arrays, meta = sample(name, number)
    clean, dirty = (run_in_dirt(OURS[name], arrays, meta, dirt) for dirt in (0, 255))
    assert_same_bits([clean], [dirty])


def run_in_dirt(p: Primitive, arrays: list[np.ndarray], meta: dict, dirt: int) -> np.ndarray:
    """Run a kernel by hand; result and workspace begin with every byte equal to ``dirt``."""

    def dirty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        memory = np.full(int(np.prod(shape)) * dtype.itemsize, dirt, np.uint8)
        return memory.view(dtype).reshape(shape)

    out = dirty(*p.result(*arrays, **meta))
    work = [dirty(*spec) for spec in p.workspace(*arrays, **meta)] if p.workspace else None
    p.kernel(out, *arrays, xp=np, **meta, **({} if work is None else {"workspace": work}))
    return out


@of_kind("fills")
def test_a_result_may_be_written_over_the_inputs_that_are_declared_so(
    name: str, number: int
) -> None:
    p = OURS[name]
    for dtype in (np.float32, np.float64):
        arrays, meta = sample(name, number, dtype)
        wanted = np.asarray(p(*arrays, **meta))
        for k in p.over[: len(arrays)]:
            given = [a.copy() for a in arrays]
            if (given[k].shape, given[k].dtype) == (wanted.shape, wanted.dtype):
                run_kernel(p, given[k], given, meta)
                assert_same_bits([given[k]], [wanted])
            alike = len({(a.shape, a.dtype) for a in arrays}) == 1 < len(arrays)
            if alike and set(p.over) >= set(range(len(arrays))):  # x and x again
                same = [arrays[0].copy()] * len(arrays)
                wanted_of_same = np.asarray(p(*same, **meta))
                run_kernel(p, same[0], same, meta)
                assert_same_bits(same[:1], [wanted_of_same])


def run_kernel(p: Primitive, out: np.ndarray, arrays: list[np.ndarray], meta: dict) -> None:
    scratch = [np.empty(*spec) for spec in p.workspace(*arrays, **meta)] if p.workspace else None
    p.kernel(out, *arrays, xp=np, **meta, **({} if scratch is None else {"workspace": scratch}))


@of_kind("views")
def test_views_share_memory(name: str, number: int) -> None:
    arrays, meta = sample(name, number)
    out = OURS[name](Tensor(arrays[0]), **meta)
    assert np.may_share_memory(out.data, arrays[0]) or not out.size
    step, slots = step_of(OURS[name], arrays, meta)
    step.run(slots)
    (replayed,) = step.run(slots)
    assert np.may_share_memory(replayed, slots[0]) or not out.size


@every_primitive
def test_kernels_keep_no_array(name: str) -> None:
    arrays, meta = sample(name, 0)
    out = OURS[name](*map(Tensor, arrays), **meta)
    kept = [weakref.ref(a) for a in arrays]
    del arrays, out
    assert [r() for r in kept] == [None] * len(kept)


# ------------------------------------------------------------------------------------ replay


@every_sample(NAMES)
def test_replay_gives_the_same_bits_as_eager(name: str, number: int) -> None:
    p = OURS[name]
    for dtype in (np.float32, np.float64):
        arrays, meta = sample(name, number, dtype)
        step, slots = step_of(p, arrays, meta)
        for seed in range(4):  # the first is recorded, the others are replayed
            given = shuffled(arrays, seed)
            fill(slots, given)
            results = step.run(slots)
            wanted = outcome(p, given, meta)
            assert_same_bits(list(slots[: p.writes] or results), wanted)
            assert_same_bits(slots[p.writes :], given[p.writes :])
        assert len(step.programs) == 1


@every_primitive
def test_a_replayed_kernel_allocates_nothing(name: str) -> None:
    inputs, meta = SAMPLES[name].large
    arrays = cast(inputs, np.float32)
    step, slots = step_of(OURS[name], arrays, meta)
    step.run(slots)
    step.run(slots)
    limit = ALLOCATES[name][0] if name in ALLOCATES else BUFFERS
    assert peak_of(step.latest.run) < limit


def test_every_axis_is_reduced_without_allocating() -> None:
    x = np.ones((256, 512), np.float32)
    for name in ("sum", "max", "argmax", "softmax"):
        for axis in (0, 1):
            for given in (x, np.asfortranarray(x), x[::-1, ::2]):
                step = Step(name, lambda: [OURS[name](Tensor(given), axis=axis)], [])  # noqa: B023
                step.run([])
                assert peak_of(step.latest.run) < BUFFERS, (name, axis, given.strides)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones((256, 512), np.float64), np.ones((512, 256), np.float32)),
        (np.ones((256, 512), np.uint8), np.ones((512, 256), np.float32)),
        (np.ones((256, 512), np.uint8), np.ones((512, 256), np.int8)),
        (np.ones((512, 256), np.float32).T, np.ones((256, 512), np.float32).T),
        (np.ones((256, 1024), np.float32)[:, ::2], np.ones((512, 512), np.float32)[:, ::-2]),
        (np.ones((8, 4, 64, 32), np.float32), np.ones((4, 64, 32), np.float32).transpose(0, 2, 1)),
    ],
)
def test_matmul_allocates_nothing_whatever_it_multiplies(a: np.ndarray, b: np.ndarray) -> None:
    step = Step("matmul", lambda: [Tensor(a) @ Tensor(b)], [])
    (first,) = step.run([])
    np.testing.assert_array_equal(first, np.matmul(a.astype(float), b.astype(float)))
    assert peak_of(step.latest.run) < BUFFERS
    np.testing.assert_array_equal(step.latest.run()[0], first)


# ------------------------------------------------------------------------------------ extremes

HUGE = [0.0, -0.0, 1e-45, -1e-45, 1e-38, 1.0, -1.0, 88.0, -88.0, 104.0, -104.0, 750.0, -750.0]
HUGE += [1e4, -1e4, 1e10, -1e10, 1e30, -1e30]

precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def derivative(function: Any, x: np.ndarray) -> np.ndarray:
    leaf = Tensor(x, requires_grad=True)
    y = function(leaf)
    return grad(y, leaf, gradient=np.ones_like(y.data)).numpy()


@precisions
def test_sigmoid_of_huge_numbers(dtype: Any) -> None:
    x = np.array(HUGE, dtype)
    y = sigmoid(x)
    wanted = 1 / (1 + np.exp(np.minimum(-x.astype(np.longdouble), 11000)))
    tiny = np.finfo(dtype).tiny
    np.testing.assert_allclose(y, wanted, rtol=1e-6, atol=1.01 * tiny)
    assert (y >= tiny).all(), "so that its logarithm and its reciprocal are finite"
    assert y.max() == 1
    slope = derivative(sigmoid, x)
    np.testing.assert_allclose(slope, wanted * (1 - wanted), rtol=1e-5, atol=1e-7)
    assert np.isfinite(derivative(lambda t: sigmoid(t) * sigmoid(t), x)).all()


@precisions
def test_softmax_of_huge_numbers(dtype: Any) -> None:
    x = np.array([[1e30, -1e30, 0], [1e4, 1e4, -1e4], [-1e30, -1e30, -1e30], [1e-45, 0, -1e-45]])
    y = softmax(x.astype(dtype))
    third, half = 1 / 3, 1 / 2
    wanted = [[1, 0, 0], [half, half, 0], [third] * 3, [third] * 3]
    np.testing.assert_allclose(y, wanted, rtol=1e-6, atol=np.finfo(dtype).tiny)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)
    assert np.isfinite(np.log(y)).all()
    assert np.isfinite(derivative(softmax, x.astype(dtype))).all()


@precisions
def test_softmax_over_one_element_is_one(dtype: Any) -> None:
    x = np.array([[1e30], [-1e30], [0.0]], dtype)
    assert (softmax(x) == 1).all()
    assert (derivative(lambda t: softmax(t) * 3.0, x) == 0).all()


@precisions
def test_log_probability_never_is_infinite(dtype: Any) -> None:
    tiny = np.finfo(dtype).tiny
    p = np.array([0.0, np.nextafter(dtype(0), dtype(1)), tiny, 0.5, 1.0], dtype)
    y = log_probability(p)
    np.testing.assert_allclose(y, np.log(np.maximum(p, tiny)))
    slope = derivative(log_probability, p)
    np.testing.assert_allclose(slope, 1 / np.maximum(p, tiny), rtol=1e-6)


def softmax_cross_entropy(x: Any, t: Any) -> Any:
    """As CategoricalCrossEntropy computes it from logits."""
    return -(t * log_softmax(x)).sum(axis=-1)


@precisions
def test_softmax_cross_entropy_of_huge_numbers(dtype: Any) -> None:
    x = np.array([[1e30, 0], [0, 1e30], [1e4, -1e4], [-1e4, 1e4], [1e-45, 0], [-1e30, -1e30]])
    t = np.tile(np.array([1.0, 0.0], dtype), (6, 1))
    y = softmax_cross_entropy(x.astype(dtype), t)
    np.testing.assert_allclose(y, [0, 1e30, 0, 2e4, np.log(2), np.log(2)], rtol=1e-6)
    slope = derivative(lambda z: softmax_cross_entropy(z, t), x.astype(dtype))
    wanted = [[0, 0], [-1, 1], [0, 0], [-1, 1], [-0.5, 0.5], [-0.5, 0.5]]
    np.testing.assert_allclose(slope, wanted, atol=1e-30)


@precisions
def test_softmax_cross_entropy_of_one_class_is_zero(dtype: Any) -> None:
    x, t = np.array([[1e30], [-1e30], [0.0]], dtype), np.ones((3, 1), dtype)
    assert (softmax_cross_entropy(x, t) == 0).all()
    assert (derivative(lambda z: softmax_cross_entropy(z, t), x) == 0).all()


@precisions
@pytest.mark.parametrize("t", [0.0, 0.5, 1.0])
def test_sigmoid_cross_entropy_of_huge_numbers(dtype: Any, t: float) -> None:
    x = np.array(HUGE, dtype)
    targets = np.full_like(x, t)
    y = sigmoid_cross_entropy(x, targets)
    exact = x.astype(np.longdouble)
    wanted = np.maximum(exact, 0) - exact * t + np.log1p(np.exp(-abs(exact)))
    np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=abs(x).max() * np.finfo(dtype).eps)
    slope = derivative(lambda z: sigmoid_cross_entropy(z, targets), x)
    np.testing.assert_allclose(slope, sigmoid(x) - dtype(t), rtol=1e-6)


@precisions
def test_elementary_functions_raise_no_warning_for_huge_numbers(dtype: Any) -> None:
    x = np.array(HUGE, dtype)
    assert (axon.activations.tanh(x)[-2:] == [1, -1]).all()
    assert np.isfinite(derivative(axon.activations.tanh, x)).all()
    assert np.isfinite(derivative(axon.activations.relu, x)).all()
    for function in (axon.ops.maximum, axon.ops.minimum):
        huge = np.array([np.finfo(dtype).max, -np.finfo(dtype).max], dtype)
        assert np.isfinite(derivative(lambda t: function(t, huge[::-1]), huge)).all()  # noqa: B023
    assert (derivative(axon.ops.absolute, x) == np.sign(x)).all()


def test_equal_numbers_share_the_gradient() -> None:
    x, y = (Tensor(v, requires_grad=True) for v in ([1.0, 2.0, np.inf], [1.0, 3.0, np.inf]))
    for function, first in ((axon.ops.maximum, [0.5, 0, 0.5]), (axon.ops.minimum, [0.5, 1, 0.5])):
        gx, gy = grad(function(x, y).sum(), [x, y])
        assert gx.data.tolist() == first
        assert gy.data.tolist() == [1 - g for g in first]
    ties = Tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], requires_grad=True)
    np.testing.assert_allclose(grad(ties.max(1).sum(), ties).data, [[0, 0.5, 0.5], [1 / 3] * 3])


def test_power_where_its_formula_has_a_hole() -> None:
    x = Tensor([0.0, 0.0, 2.0], requires_grad=True)
    p = Tensor([2.0, 0.0, 0.0], requires_grad=True)
    gx, gp = grad((x**p).sum(), [x, p])
    assert gx.data.tolist() == [0, 0, 0]
    np.testing.assert_allclose(gp.data, [0, 0, np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(grad(lambda t: (t**3).sum())(np.array([-2.0, 0.0])), [12, 0])


def test_sums_of_small_integers_and_truth_values_are_large_integers() -> None:
    for dtype in (np.bool_, np.uint8, np.int8, np.int32, np.uint64):
        x = np.ones((2, 300), dtype)
        assert_same_bits([axon.ops.sum(x, axis=1)], [np.sum(x, axis=1)])
    assert (Tensor([1.0, 2.0, 3.0]) > 1.5).sum().item() == 2


def test_small_index_types_reach_every_row() -> None:
    x = np.arange(1000.0)
    for dtype in (np.int8, np.uint8, np.int16, np.uint64):
        assert axon.ops.take(x, np.array([0, 100], dtype)).tolist() == [0, 100]


def test_reduced_gradient_reaches_a_weight_shared_by_batches() -> None:
    """One product of (2 * 5, 3) rows, not two products and their sum."""
    a, w = Tensor(np.ones((2, 5, 3))), Tensor(np.ones((3, 4)), requires_grad=True)
    with no_grad():
        step = Step("gradient", lambda: [grad_of(a, w)], [])
        step.run([])
    shapes = [line.shape for line in step.latest.lines]
    assert (2, 3, 4) not in shapes


def grad_of(a: Tensor, w: Tensor) -> Tensor:
    from axon.modes import GradMode

    with GradMode(True):
        return grad((a @ w).sum(), w)


# ------------------------------------------------------------------------------------ memory shared


@every_sample(NAMES)
def test_results_may_be_written_over_the_inputs_that_say_so(name: str, number: int) -> None:
    """``over`` promises that a result in the memory of such an input comes out the same."""
    p = OURS[name]
    arrays, meta = sample(name, number, np.float32)
    assert all(0 <= k for k in p.over)
    if p.kind != "fills":
        assert p.over == ()
        return
    wanted = p.run(arrays, meta)
    for k in (k for k in p.over if k < len(arrays)):
        inputs = [a.copy() for a in arrays]
        if (inputs[k].shape, inputs[k].dtype) == (wanted.shape, wanted.dtype):
            work = p.workspace(*inputs, **meta) if p.workspace else []
            extra = {"workspace": [np.empty(*spec) for spec in work]} if p.workspace else {}
            p.kernel(inputs[k], *inputs, xp=np, **meta, **extra)
            assert_same_bits([inputs[k]], [wanted])
