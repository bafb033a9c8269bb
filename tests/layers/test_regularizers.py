"""Regularizers and constraints: closed forms, gradients, replay, names and errors."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axon import Tensor, constraints, grad, no_grad, regularizers
from axon.constraints import CONSTRAINTS, MaxNorm, NonNeg, UnitNorm
from axon.program import Step
from axon.regularizers import L1, L1L2, L2, REGULARIZERS
from axon.testing import check_gradient
from tests.samples.regularizers import COSTS, RULES

rng = np.random.default_rng(0)
W = rng.normal(size=(4, 3))

every_cost = pytest.mark.parametrize(("cost", "value", "slope"), COSTS.values(), ids=COSTS)


@every_cost
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(4, 3), (3,), (), (0, 2), (2, 3, 1, 2)])
def test_costs_and_their_gradients(cost, value, slope, dtype, shape):
    w = rng.normal(size=shape).astype(dtype)
    leaf = Tensor(w, requires_grad=True)
    out = cost(leaf)
    assert (out.shape, out.dtype, cost(w).dtype) == ((), dtype, dtype)
    np.testing.assert_allclose(out.numpy(), value(w), rtol=1e-5)
    np.testing.assert_allclose(cost(w), value(w), rtol=1e-5)
    np.testing.assert_allclose(grad(out, leaf).numpy(), slope(w), rtol=1e-5)


@every_cost
def test_second_gradients(cost, value, slope):
    check_gradient(cost, W + np.copysign(0.1, W))


def test_usual_settings():
    assert (L1().l1, L2().l2) == (0.01, 0.01)
    assert (L1L2().l1, L1L2().l2) == (0, 0)
    both = regularizers.get("l1_l2")
    assert (both.l1, both.l2) == (0.01, 0.01)


# ------------------------------------------------------------------------------------ constraints


def lengths(w, axis):
    return np.sqrt((w.astype("f8") ** 2).sum(axis=axis, keepdims=True))


AXES = [0, 1, -1, (0, 1), [0, 1]]
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


@pytest.mark.parametrize("axis", AXES)
def test_max_norm(axis):
    found, limit = MaxNorm(1.5, axis)(W), 1.5
    along = tuple(axis) if isinstance(axis, list) else axis
    wanted = W * np.minimum(1, limit / lengths(W, along))
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert MaxNorm().max_value == 2


@pytest.mark.parametrize("axis", AXES)
def test_unit_norm(axis):
    along = tuple(axis) if isinstance(axis, list) else axis
    np.testing.assert_allclose(UnitNorm(axis)(W), W / lengths(W, along), rtol=1e-12)


def test_non_neg():
    assert NonNeg()(np.array([-1.0, -0.0, 3.0])).tolist() == [0, 0, 3]


def test_short_weights_are_left_as_they_are():
    w = (W / 10).astype("f4")
    np.testing.assert_array_equal(MaxNorm(1.5)(w), w)


@every_rule
def test_zeros_stay_and_nothing_overflows(rule):
    sizes = [0.0, 1e-44, 1e-30, 1.0, 1e20, 1e38]
    w = np.array([[3.0] * 6, [4.0] * 6]) / 5 * sizes
    found = rule(w.astype("f4"))
    assert np.isfinite(found).all()
    assert (found[:, 0] == 0).all()
    if not isinstance(rule, NonNeg):
        limit = 1.5 if isinstance(rule, MaxNorm) else 1.0
        wanted = np.minimum(sizes, limit) if isinstance(rule, MaxNorm) else np.sign(sizes)
        np.testing.assert_allclose(lengths(found, 0)[0, 2:], wanted[2:], rtol=1e-5)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=2, max_size=8))
def test_what_is_allowed_is_left_alone(numbers):
    """A projection, applied twice, is the same as applied once."""
    w = np.array(numbers, "f4").reshape(-1, 1)
    for rule in RULES.values():
        once = rule(w)
        np.testing.assert_allclose(rule(once), once, rtol=1e-5, atol=1e-37)


@every_rule
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_replay_is_eager_bit_for_bit(rule, dtype):
    def function(w):
        with no_grad():
            w.assign(rule(w))
        return []

    step = Step("constrain", function, ["w"])
    (slot,) = step.inputs(((4, 3), np.dtype(dtype)))
    for scale in (1.0, 3.0, 0.1):
        w = (scale * W).astype(dtype)
        slot[...] = w
        step.run([slot]) if scale == 1.0 else step.run(step.inputs(((4, 3), np.dtype(dtype))))
        out = rule(w)
        assert (out.dtype, rule(Tensor(w)).dtype) == (dtype, dtype)
        assert isinstance(rule(Tensor(w)), Tensor)
        assert slot.tobytes() == out.tobytes()
    assert len(step.programs) == 1


# ------------------------------------------------------------------------------------ by name


@pytest.mark.parametrize(
    ("find", "table", "made"),
    [
        (
            *(regularizers.get, REGULARIZERS),
            [*(c[0] for c in COSTS.values()), regularizers.OrthogonalRegularizer(mode="columns")],
        ),
        (constraints.get, CONSTRAINTS, list(RULES.values())),
    ],
    ids=["regularizers", "constraints"],
)
def test_names_and_descriptions(find, table, made):
    for name in table:
        assert type(find(name)) is type(find(name.upper()))
    assert {type(find(name)) for name in table} == {type(m) for m in made}
    for one in made:
        again = find(json.loads(json.dumps(one.describe())))
        assert again.describe() == one.describe()
        np.testing.assert_array_equal(again(W), one(W))
        assert find(one) is one
        assert find(type(one)).describe() == type(one)().describe()
    assert find(None) is None
    assert find(abs) is abs
    assert constraints.get(MaxNorm(1, axis=[0, 1]).describe()).axis == (0, 1)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "1", None, True])
def test_factors_are_checked(value):
    for make, argument in ((L1, "l1"), (L2, "l2"), (L1L2, "l1"), (L1L2, "l2")):
        words = f"{make.__name__}: {argument} must be a number of at least 0, got "
        with pytest.raises(ValueError, match=words):
            make(**{argument: value})
    with pytest.raises(ValueError, match="MaxNorm: max_value must be larger than 0, got "):
        MaxNorm(value)


@pytest.mark.parametrize("axis", [0.5, "0", None, (), [0, None], True])
def test_axes_are_checked(axis):
    for make in (MaxNorm, UnitNorm):
        words = f"{make.__name__}: axis must be a whole number or several, got "
        with pytest.raises(ValueError, match=words):
            make(axis=axis)


def test_unknown_names():
    with pytest.raises(
        ValueError, match=r"unknown regularizer 'l1_l'\. Did you mean 'l1_l2'\? Known"
    ):
        regularizers.get("l1_l")
    with pytest.raises(ValueError, match=r"unknown constraint 'max_nrm'\. Did you mean 'max_norm'"):
        constraints.get("max_nrm")
    with pytest.raises(
        TypeError, match=r"regularizer: expected a name, or a function of a Tensor "
    ):
        regularizers.get(0.01)
    with pytest.raises(
        TypeError, match=r"constraint: expected a name, or a function of a Tensor t"
    ):
        constraints.get(2)
    for find, what in ((regularizers.get, "regularizer"), (constraints.get, "constraint")):
        with pytest.raises(ValueError, match=rf"{what}: expected a description {{'class': \.\.\."):
            find({"name": "l2"})


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_right_angles_cost_nothing_and_others_their_cosines(mode):
    cost = regularizers.OrthogonalRegularizer(0.3, mode)
    w = np.random.default_rng(0).normal(size=(4, 3))
    rows = w if mode == "rows" else w.T
    towards = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    apart = (towards @ towards.T)[np.triu_indices(len(rows), 1)]
    assert cost(w) == pytest.approx(0.3 * abs(apart).mean(), rel=1e-12)  # as in Keras
    leaf, found = Tensor(w, requires_grad=True), np.zeros(w.shape)
    cost(leaf).backward()
    for place in np.ndindex(w.shape):
        step = np.zeros(w.shape)
        step[place] = 1e-6
        found[place] = (cost(w + step) - cost(w - step)) / 2e-6
    np.testing.assert_allclose(leaf.grad.numpy(), found, rtol=1e-6, atol=1e-9)
    assert cost(np.eye(3)) == 0
    with pytest.raises(ValueError, match=f"a matrix of two {mode} or more"):
        cost(np.ones(3))


def test_lengths_are_brought_between_two():
    w = np.array([[3.0, 0.03, 0.6, 0.0], [4.0, 0.04, 0.8, 0.0]])
    limit = constraints.MinMaxNorm(0.5, 2.0, rate=0.5)
    lengths = np.linalg.norm(limit(w), axis=0)
    np.testing.assert_allclose(lengths, [3.5, 0.275, 1.0, 0.0], rtol=1e-12)
    with pytest.raises(ValueError, match="min_value"):
        constraints.MinMaxNorm(2.0, 1.0)
