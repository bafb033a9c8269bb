"""Programs: a replay does what the eager step did, bit for bit, in less memory and without asking.

The first half lets hypothesis write steps; the second attacks each promise by hand.
"""

import re
import tracemalloc
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axon import Sequential, Tensor, grad, no_grad, ops, pieces, set_random_seed
from axon.activations import relu, sigmoid, softmax, tanh
from axon.layers import Conv2D, Conv2DTranspose, Dense, Flatten, MaxPooling2D
from axon.losses import CategoricalCrossEntropy
from axon.modes import modes
from axon.optimizers import SGD, Adam
from axon.parameter import Parameter, gather
from axon.program import Step, cache
from axon.program.plan import Plan
from axon.program.trace import Instruction, trace

Function = Callable[..., Sequence[Tensor]]
F4, F8 = np.dtype(np.float32), np.dtype(np.float64)


def recorded(function: Function, *arrays: np.ndarray) -> tuple[Step, list[np.ndarray]]:
    """A step that ran once on copies of these arrays, and the arrays that it is bound to."""
    step = Step("step", function, [f"x{i}" for i in range(len(arrays))])
    slots = step.inputs(*((a.shape, a.dtype) for a in arrays))
    for slot, array in zip(slots, arrays, strict=True):
        slot[...] = array
    step.run(slots)
    return step, slots


def names(step: Step) -> list[str]:
    """The primitives of the latest program, in order."""
    return [line.call.split("(")[0] for line in step.latest.lines]


def plan_of(
    function: Function, *arrays: np.ndarray
) -> tuple[Plan, list[Instruction], list[Tensor]]:
    instructions, outputs = trace(function, [Tensor(a) for a in arrays])
    return Plan(instructions, outputs), instructions, outputs


# ------------------------------------------------------------------------------------ any step

UNARY = [tanh, sigmoid, relu, ops.negative, ops.absolute, ops.copy, softmax]
BINARY = [ops.add, ops.subtract, ops.multiply, ops.maximum, ops.minimum]
VIEWS = [
    lambda t: t.T,
    lambda t: t.reshape(-1),
    lambda t: t[..., None],
    lambda t: t[::-1] if t.ndim else t[None],
    lambda t: t[1:] if t.ndim and len(t) > 1 else t[...],
    lambda t: t[0] if t.ndim and len(t) else t[...],
]
OTHERS = [
    lambda t: t.sum(axis=-1, keepdims=True) if t.ndim else t + t,
    lambda t: t.sum(),
    lambda t: t @ t.T if t.ndim == 2 else t * t,
    lambda t: ops.take(t, np.array([0, -1, 0])) if t.ndim else t[None],
    lambda t: ops.argmax(t, axis=0).astype(np.float32) if t.ndim and len(t) else -t,
    lambda t: ops.where(t > 0.1, t, -t),
    lambda t: t.astype(np.float64 if t.dtype == np.float32 else np.float32),
]
KINDS = ["unary", "binary", "view", "other", "assign", "assign", "add_in_place", "descend"]

Code = tuple[str, int, int, int]
code = st.tuples(st.sampled_from(KINDS), *[st.integers(0, 30)] * 3)


class Script:
    """A step written by chance: each code applies something to tensors that are there already."""

    def __init__(self, codes: list[Code], outputs: list[int]) -> None:
        self.codes, self.outputs = codes, outputs

    def state(self) -> list[Tensor]:
        """Memory outside the step; two of the four tensors look into the same array."""
        shared = np.linspace(-1, 1, 8)
        arrays = [np.ones((3, 4), np.float32), shared[:6].reshape(2, 3), shared[2:], np.ones(())]
        return [Tensor(a) for a in arrays]

    def __call__(self, x: Tensor, y: Tensor, state: list[Tensor]) -> list[Tensor]:
        pool, seen = [x, y, *state], []
        for kind, a, b, c in self.codes:
            t, u = pool[a % len(pool)], pool[b % len(pool)]
            if kind == "unary" and t.size:
                pool.append(UNARY[c % len(UNARY)](t[None] if t.ndim == 0 else t))
            elif kind == "binary":
                pool.append(BINARY[c % len(BINARY)](tanh(t), fitted(u, t)))
            elif kind == "view":
                pool.append(VIEWS[c % len(VIEWS)](t))
            elif kind == "other":
                pool.append(OTHERS[c % len(OTHERS)](t))
            elif kind == "assign":
                ops.assign(t, fitted(u, t))
            elif kind == "add_in_place":
                ops.add_in_place(t, tanh(fitted(u, t)))
            elif kind == "descend" and t.dtype == F4:
                made = tanh(fitted(u, t)) * 0.5
                ops.assign(t, made)
                seen += [made] if c % 2 else []
        return [pool[i % len(pool)] for i in self.outputs] + seen


def fitted(u: Tensor, t: Tensor) -> Tensor:
    """U if it broadcasts to the shape of t, else its sum."""
    try:
        fits = np.broadcast_shapes(u.shape, t.shape) == t.shape
    except ValueError:
        fits = False
    return u if fits else u.sum()


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(code, min_size=1, max_size=14), st.lists(st.integers(0, 30), max_size=4))
def test_a_replay_is_bit_for_bit_what_eager_gives(codes: list[Code], outputs: list[int]) -> None:
    script, random = Script(codes, outputs), np.random.default_rng(0)
    eager_state, state = script.state(), script.state()
    step = Step("step", lambda x, y: script(x, y, state), ["x", "y"])
    slots = step.inputs(((3, 4), F4), ((4,), F8))
    with np.errstate(all="ignore"):
        for _ in range(4):
            arrays = [random.normal(size=a.shape).astype(a.dtype) for a in slots]
            for slot, array in zip(slots, arrays, strict=True):
                slot[...] = array
            got = [a.copy() for a in step.run(slots)]
            wanted = script(*[Tensor(a) for a in arrays], eager_state)
            assert [bits(a) for a in got] == [bits(t.data) for t in wanted]
            assert [bits(t.data) for t in state] == [bits(t.data) for t in eager_state]
            assert [bits(a) for a in slots] == [bits(a) for a in arrays]
    assert len(step.programs) == 1


def bits(a: np.ndarray) -> tuple[Any, ...]:
    return a.shape, a.dtype, a.tobytes()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(code, min_size=3, max_size=14), st.lists(st.integers(0, 30), max_size=4))
def test_what_is_alive_at_the_same_time_never_overlaps(
    codes: list[Code], outputs: list[int]
) -> None:
    script = Script(codes, outputs)
    state, x, y = script.state(), np.ones((3, 4), np.float32), np.ones(4)
    with np.errstate(all="ignore"):
        plan, _, results = plan_of(lambda x, y: script(x, y, state), x, y)
    assert_nothing_overlaps(plan, results)


def assert_nothing_overlaps(plan: Plan, outputs: Sequence[Tensor]) -> None:
    """Find anew how long each result lives, from the instructions alone, and compare memory."""
    base: dict[int, int] = {}
    lives: dict[Any, list[Any]] = {}  # id -> [array, first, last]
    inherited: set[tuple[Any, Any]] = set()  # (input, result that may be written over it)
    for i, (primitive, inputs, out, *_) in enumerate(plan.instructions):
        for t in inputs:
            owner = base.get(id(t), id(t))
            if owner in lives:
                lives[owner][2] = i
        if primitive.kind == "views":
            base[id(out)] = base.get(id(inputs[0]), id(inputs[0]))
        elif primitive.kind == "fills":
            lives[id(out)] = [plan.array(out), i, i]
            over = [t for k, t in enumerate(inputs) if k in primitive.over]
            inherited |= {(base.get(id(t), id(t)), id(out)) for t in over}
        for k, array in enumerate(plan.workspace(i)):
            lives[i, k] = [array, i, i]
    for t in outputs:
        owner = base.get(id(t), id(t))
        if owner in lives:
            lives[owner][2] = len(plan.instructions)
    for one, (a, start, stop) in lives.items():
        for other, (b, begin, _) in lives.items():
            if one != other and start <= begin <= stop and np.may_share_memory(a, b):
                assert (one, other) in inherited
                assert stop == begin, "the result lies over an input that is read later"
                assert bits_of_place(a) == bits_of_place(b)


def bits_of_place(a: np.ndarray) -> tuple[Any, ...]:
    assert a.flags.c_contiguous  # so that the shape does not matter: a reshape may lie between
    return a.__array_interface__["data"], a.nbytes, a.dtype


# ------------------------------------------------------------------------------------ training


def training(optimizer: Any, *, record: bool, steps: int = 6) -> tuple[list[float], bytes, Step]:
    """Train a small network; return its losses and the bytes of its parameters."""
    random = np.random.default_rng(0)
    first, second = Dense(5, 8, activation="relu"), Dense(8, 3, activation="softmax")
    for p in (*first.parameters(), *second.parameters()):
        p.assign(random.normal(size=p.shape) / 2)
    parameters = [*first.parameters(), *second.parameters()]
    optimizer.build(parameters)
    loss_function = CategoricalCrossEntropy()

    def function(x: Tensor, y: Tensor) -> list[Tensor]:
        optimizer.zero_grad()
        loss = loss_function.loss(y, second(first(x)))
        loss.backward()
        optimizer.step()
        return [loss]

    step = Step("train", function, ["x", "y"], eager=not record)
    slots = step.inputs(((16, 5), F4), ((16,), np.dtype(np.int64)))
    losses = []
    for _ in range(steps):
        slots[0][...] = random.normal(size=(16, 5))
        slots[1][...] = random.integers(0, 3, 16)
        losses.append(float(step.run(slots)[0]))
    return losses, b"".join(p.data.tobytes() for p in parameters), step


@pytest.mark.parametrize("optimizer", [SGD, lambda: SGD(momentum=0.9, nesterov=True), Adam])
def test_training_replayed_is_training(optimizer: Any) -> None:
    eager_losses, eager_weights, _ = training(optimizer(), record=False)
    losses, weights, step = training(optimizer(), record=True)
    assert losses == eager_losses
    assert weights == eager_weights
    assert len(step.programs) == 1


def test_a_replayed_training_step_allocates_nothing() -> None:
    random = np.random.default_rng(0)
    layer, optimizer = Dense(256, 512, activation="tanh"), Adam()
    optimizer.build(layer.parameters())

    def function(x: Tensor) -> list[Tensor]:
        optimizer.zero_grad()
        loss = (layer(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return [loss]

    step, _ = recorded(function, random.normal(size=(128, 256)).astype(np.float32))
    assert step.latest.bytes_after > 256 * 1024
    step.latest.run()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3):
            step.latest.run()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 80_000, "more than the buffers in which NumPy repeats numbers"
    assert after - before < 2_000


def test_gradients_are_written_straight_to_where_they_belong() -> None:
    _, _, step = training(SGD(), record=True, steps=2)
    assert "assign" not in names(step)
    homes = [line for line in step.latest.lines if line.place == "outer memory"]
    assert len(homes) == 4


# ------------------------------------------------------------------------------------ dead code


def test_what_nobody_reads_is_dropped() -> None:
    def function(x: Tensor) -> list[Tensor]:
        ops.exp(x)  # dead
        dead = (x * 2.0).T  # dead, with its view
        ops.add_in_place(dead, 1.0)  # dead: it changes what nobody reads
        y = x + 1.0
        ops.add_in_place(y, 5.0)  # alive: y is returned
        late = x - 1.0
        z = late * 3.0
        ops.assign(late, x)  # dead: it comes after the last use
        return [y, z]

    step, slots = recorded(function, np.ones((2, 3)))
    assert names(step) == ["add", "add_in_place", "subtract", "multiply"]
    slots[0][...] = 2
    y, z = step.run(slots)
    assert (y == 8).all()
    assert (z == 3).all()


def test_what_changes_memory_outside_is_kept() -> None:
    total, view = Tensor(np.zeros(2)), Tensor(np.zeros((2, 2)))

    def function(x: Tensor) -> list[Tensor]:
        ops.add_in_place(total, x)
        ops.assign(view[0], x * 2.0)
        return []

    step, slots = recorded(function, np.ones(2))
    assert "add_in_place" in names(step)
    for _ in range(2):
        step.run(slots)
    assert total.data.tolist() == [3, 3]
    assert view.data.tolist() == [[2, 2], [0, 0]]


def test_a_write_through_a_view_of_a_result_is_kept() -> None:
    def function(x: Tensor) -> list[Tensor]:
        y = x * 2.0
        ops.assign(y[1:], x[:1])
        return [y + 0.0]

    step, slots = recorded(function, np.array([1.0, 2.0]))
    slots[0][...] = 5, 7
    assert step.run(slots)[0].tolist() == [10, 5]


def test_gradients_that_nobody_reads_are_dropped() -> None:
    x, w = Tensor(np.ones((2, 3)), requires_grad=True), Tensor(np.ones((3, 2)), requires_grad=True)

    def function() -> list[Tensor]:
        gx, gw = grad(((x @ w) ** 2).sum(), [x, w])
        del gx
        return [gw]

    step, _ = recorded(function)
    assert names(step).count("matmul") == 2


# ------------------------------------------------------------------------------------ buffers


def test_results_share_buffers() -> None:
    def function(x: Tensor) -> list[Tensor]:
        for _ in range(10):
            x = x @ w
        return [x]

    w = Tensor(np.eye(16, dtype=np.float32))
    step, _ = recorded(function, np.ones((8, 16), np.float32))
    program = step.latest
    assert program.bytes_before == 10 * 512
    assert program.bytes_after == sum(program.buffers) == 2 * 512


def test_a_result_takes_the_place_of_an_input_that_is_read_for_the_last_time() -> None:
    def function(x: Tensor) -> list[Tensor]:
        y = x * 2.0
        for _ in range(10):
            y = tanh(y) + 1.0
        return [y]

    step, slots = recorded(function, np.ones((8, 16), np.float32))
    assert step.latest.buffers == [512]
    assert (slots[0] == 1).all(), "inputs are not results: nothing is written over them"


def over_an_input_read_later(x: Tensor, t: Tensor) -> list[Tensor]:
    y = x * 2.0
    z = y + 1.0
    return [z * y]


def over_an_input_that_is_an_output(x: Tensor, t: Tensor) -> list[Tensor]:
    y = x * 2.0
    return [y + 1.0, y]


def over_an_input_with_a_view_that_is_read_later(x: Tensor, t: Tensor) -> list[Tensor]:
    y = x * 2.0
    view = y[::-1]
    z = y + 1.0
    return [z * view]


def over_an_input_given_twice(x: Tensor, t: Tensor) -> list[Tensor]:
    y, z = x * 2.0, x * 3.0
    return [y * y, ops.subtract(z, z)]


def over_an_input_given_twice_where_only_one_may_go(x: Tensor, t: Tensor) -> list[Tensor]:
    """The gradient of tanh reads g after it has begun to write over y: they must not be one."""
    leaf = Tensor(t.data, requires_grad=True)
    y = tanh(leaf * (x * 1.0))
    return [grad(y, leaf, gradient=y)]


def over_an_input_given_with_a_view_of_it(x: Tensor, t: Tensor) -> list[Tensor]:
    y = x * 2.0
    return [y - y[::-1]]


def over_an_input_of_another_shape(x: Tensor, t: Tensor) -> list[Tensor]:
    y, z = x.sum() * 2.0, x * 2.0
    return [y + x, (z > 0.0) == (z * z > 0.5)]


def over_an_input_that_lives_at_a_target(x: Tensor, t: Tensor) -> list[Tensor]:
    y = x * 2.0
    z = y + 1.0
    ops.assign(t, y)
    return [z]


OVER = [value for name, value in list(globals().items()) if name.startswith("over_an_input")]


@pytest.mark.parametrize("function", OVER)
def test_a_result_written_over_an_input_is_not_seen(function: Any) -> None:
    check_against_eager(function, np.arange(3.0))


def test_buffers_grow_to_what_they_hold_later() -> None:
    def function(x: Tensor) -> list[Tensor]:
        small = x.sum(axis=0)
        large = ops.broadcast_to(small * 2.0, shape=(50, 4))
        return [(large + 1.0).sum(axis=0)]

    plan, _, outputs = plan_of(function, np.ones((3, 4)))
    assert plan.bytes_after < plan.bytes_before
    assert_nothing_overlaps(plan, outputs)


def test_an_output_is_not_overwritten_by_what_comes_later() -> None:
    def function(x: Tensor) -> list[Tensor]:
        first = x + 1.0
        view = (x * 2.0).T[1:]
        rest = tanh(tanh(tanh(x)))
        return [first, view, rest, first]

    step, slots = recorded(function, np.ones((2, 3)))
    slots[0][...] = 2
    first, view, rest, again = step.run(slots)
    assert (first == 3).all()
    assert (view == 4).all()
    np.testing.assert_allclose(rest, np.tanh(np.tanh(np.tanh(2.0))))
    assert again is first


def test_workspace_is_memory_of_its_own() -> None:
    """Softmax needs a row of scratch; it may not lie where its input or its result does."""

    def function(x: Tensor) -> list[Tensor]:
        y = softmax(x * 2.0)
        return [softmax(y + x, axis=0), y]

    plan, _, outputs = plan_of(function, np.ones((4, 4)))
    assert sum(map(len, plan.workspaces)) == 2
    assert_nothing_overlaps(plan, outputs)


def test_empty_results_and_single_numbers_are_planned() -> None:
    step, slots = recorded(lambda x: [x * 2.0, x.sum(), x.sum(axis=1) + 1.0], np.ones((0, 3)))
    empty, zero, none = step.run(slots)
    assert (empty.shape, float(zero), none.shape) == ((0, 3), 0.0, (0,))


# ------------------------------------------------------------------------------------ copies


def check_against_eager(function: Callable[..., Any], *state: np.ndarray) -> Step:
    """Run eagerly on one copy of the state and recorded on another: memory must stay the same.

    The arrays of the state may look into each other: both copies keep how they do.
    """
    ours, theirs = independent(state), independent(state)
    step = Step("step", bound(function, [Tensor(a) for a in ours]), ["x"])
    eager = bound(function, [Tensor(a) for a in theirs])
    slots = step.inputs(((3,), F8))
    for seed in range(4):
        slots[0][...] = np.random.default_rng(seed).normal(size=3)
        x = slots[0].copy()
        got = [a.copy() for a in step.run(slots)]
        wanted = [t.data.copy() for t in eager(Tensor(x))]
        assert [bits(a) for a in got] == [bits(a) for a in wanted]
        assert [bits(a) for a in ours] == [bits(a) for a in theirs]
    return step


def bound(function: Callable[..., Any], state: list[Tensor]) -> Function:
    return lambda x: function(x, *state) or []


def independent(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Copies of views into one array are views into one copy."""
    bases = {id(a if a.base is None else a.base): a if a.base is None else a.base for a in arrays}
    copies = {key: base.copy() for key, base in bases.items()}
    return [
        a.copy()
        if a.base is None
        else np.ndarray(a.shape, a.dtype, copies[id(a.base)], offset_of(a), a.strides)
        for a in arrays
    ]


def offset_of(a: np.ndarray) -> int:
    return a.__array_interface__["data"][0] - a.base.__array_interface__["data"][0]


def elided(step: Step) -> bool:
    return "assign" not in names(step)


def test_a_copy_is_elided_when_it_is_safe() -> None:
    def function(x: Tensor, t: Tensor) -> None:
        ops.assign(t, tanh(x * 2.0))

    assert elided(check_against_eager(function, np.zeros(3)))


def test_a_copy_is_elided_although_the_result_is_changed_before() -> None:
    def function(x: Tensor, t: Tensor) -> None:
        y = x * 2.0
        ops.add_in_place(y, 1.0)
        ops.assign(t, y)

    assert elided(check_against_eager(function, np.zeros(3)))


def target_read_in_between(x: Tensor, t: Tensor) -> list[Tensor]:
    y = x * 2.0
    z = t + 1.0
    ops.assign(t, y)
    return [z]


def target_read_through_a_view_in_between(x: Tensor, t: Tensor) -> list[Tensor]:
    view = t[::-1]
    y = x * 2.0
    z = view + 1.0
    ops.assign(t, y)
    return [z]


def target_read_by_the_maker(x: Tensor, t: Tensor) -> None:
    ops.assign(t, x + t[::-1])


def target_changed_in_between(x: Tensor, t: Tensor) -> None:
    y = x * 2.0
    ops.add_in_place(t, 1.0)
    ops.assign(x, t)
    ops.assign(t, y)


def value_used_later(x: Tensor, t: Tensor) -> list[Tensor]:
    y = x * 2.0
    ops.assign(t, y)
    ops.add_in_place(t, 1.0)
    return [y + 0.0]


def value_used_later_through_a_view(x: Tensor, t: Tensor) -> list[Tensor]:
    y = x * 2.0
    view = y[1:]
    ops.assign(t, y)
    ops.add_in_place(t, 1.0)
    return [view + 0.0]


def value_changed_later(x: Tensor, t: Tensor) -> list[Tensor]:
    y = x * 2.0
    ops.assign(t, y)
    ops.add_in_place(y, 1.0)
    return [y]


def value_is_an_output(x: Tensor, t: Tensor) -> list[Tensor]:
    y = x * 2.0
    ops.assign(t, y)
    ops.add_in_place(t, 1.0)
    return [y]


def a_view_of_the_value_is_an_output(x: Tensor, t: Tensor) -> list[Tensor]:
    y = x * 2.0
    ops.assign(t, y)
    ops.add_in_place(t, 1.0)
    return [y[:2]]


def value_is_a_view(x: Tensor, t: Tensor) -> None:
    ops.assign(t, (x * 2.0)[::-1])


def value_is_an_input(x: Tensor, t: Tensor) -> None:
    ops.assign(t, x)


def value_is_outside(x: Tensor, t: Tensor, u: Tensor) -> None:
    ops.assign(t, u)
    ops.add_in_place(u, x)


def value_of_another_shape(x: Tensor, t: Tensor) -> None:
    ops.assign(t, x.sum())


def value_of_another_type(x: Tensor, t: Tensor) -> None:
    ops.assign(t, (x * 2.0).astype(np.float32))


def target_is_a_result(x: Tensor, t: Tensor) -> list[Tensor]:
    y, z = x * 2.0, x + t
    ops.assign(y, z)
    return [y]


def target_is_a_view_of_a_result(x: Tensor, t: Tensor) -> list[Tensor]:
    y = x * 2.0
    ops.assign(y[:1], x[1:2] + t[:1])
    return [y]


REFUSED = [
    target_read_in_between,
    target_read_through_a_view_in_between,
    target_read_by_the_maker,
    target_changed_in_between,
    value_used_later,
    value_used_later_through_a_view,
    value_changed_later,
    value_is_an_output,
    a_view_of_the_value_is_an_output,
    value_is_a_view,
    value_is_an_input,
    value_of_another_shape,
    value_of_another_type,
    target_is_a_result,
    target_is_a_view_of_a_result,
]


@pytest.mark.parametrize("function", REFUSED)
def test_a_copy_stays_when_eliding_it_would_be_seen(function: Any) -> None:
    assert not elided(check_against_eager(function, np.arange(3.0)))


def test_a_copy_between_outer_tensors_stays() -> None:
    assert not elided(check_against_eager(value_is_outside, np.arange(3.0), np.ones(3)))


def test_a_target_with_gaps_keeps_its_copy() -> None:
    """A kernel fills contiguous memory."""

    def function(x: Tensor, t: Tensor) -> None:
        ops.assign(t, x * 2.0)

    assert not elided(check_against_eager(function, np.zeros(6)[::2]))


def test_a_value_assigned_to_two_targets_is_copied_once() -> None:
    def function(x: Tensor, t: Tensor, u: Tensor) -> None:
        y = x * 2.0
        ops.assign(t, y)
        ops.assign(u, y)

    step = check_against_eager(function, np.zeros(3), np.ones(3))
    assert names(step).count("assign") == 1


def test_a_value_assigned_to_two_targets_that_overlap() -> None:
    def function(x: Tensor, t: Tensor, u: Tensor) -> None:
        y = x * 2.0
        ops.assign(t, y)
        ops.assign(u, y)

    memory = np.arange(4.0)
    step = check_against_eager(function, memory[:3], memory[1:])
    assert names(step).count("assign") == 2


def test_two_values_for_targets_that_overlap() -> None:
    def function(x: Tensor, t: Tensor, u: Tensor) -> None:
        y = x * 2.0
        z = y + 1.0
        ops.assign(u, z)
        ops.assign(t, y)

    memory = np.arange(4.0)
    check_against_eager(function, memory[:3], memory[1:])
    assert elided(check_against_eager(function, np.zeros(3), np.zeros(3)))


def test_two_values_for_one_target() -> None:
    def function(x: Tensor, t: Tensor) -> list[Tensor]:
        y, z = x * 2.0, x * 3.0
        ops.assign(t, z)
        w = t + 0.0
        ops.assign(t, y)
        return [w]

    check_against_eager(function, np.zeros(3))


def test_a_target_seen_through_another_tensor_in_between() -> None:
    def function(x: Tensor, t: Tensor, alias: Tensor) -> list[Tensor]:
        y = x * 2.0
        z = alias + 1.0
        ops.assign(t, y)
        return [z]

    memory = np.arange(4.0)
    assert not elided(check_against_eager(function, memory[:3], memory[1:]))


def windows(into: Any) -> list[np.ndarray]:
    """Two arrays that share memory although neither is a view of the other, nor of a third."""
    return [np.frombuffer(memoryview(into), np.float64, 3, offset=8 * k) for k in (0, 1)]


@pytest.mark.parametrize("case", ["bytes", "array", "array and window"])
def test_a_target_seen_through_foreign_memory_in_between(case: str) -> None:
    into: Any = bytearray(32) if case == "bytes" else np.zeros(4)
    target, alias = map(Tensor, windows(into))
    if case == "array and window":
        target = Tensor(into[:3])

    def function(x: Tensor) -> list[Tensor]:
        y = x * 2.0
        z = alias + 1.0
        ops.assign(target, y)
        return [z]

    step, slots = recorded(function, np.ones(3))
    target.assign(0.0)
    alias.assign(0.0)
    assert step.run(slots)[0].tolist() == [1, 1, 1]
    assert step.run(slots)[0].tolist() == [3, 3, 1]


# ------------------------------------------------------------------------------------ signatures


def test_one_program_per_signature() -> None:
    step = Step("step", lambda x: [x * 2.0], ["x"])
    for shape, dtype in [((2,), F4), ((3,), F4), ((2,), F8), ((2,), F4), ((3,), F4), ((2, 1), F4)]:
        slots = step.inputs((shape, dtype))
        slots[0][...] = 1
        assert (step.run(slots)[0] == 2).all()
    assert len(step.programs) == 4
    slots = step.inputs(((2,), F4))
    assert slots is step.inputs(((2,), F4))
    step.run(slots, ("frozen",))
    assert len(step.programs) == 5


def test_programs_of_different_signatures_do_not_disturb_each_other() -> None:
    step = Step("step", lambda x: [tanh(x) + x], ["x"])
    for n in (2, 3, 2, 3, 5, 2):
        slots = step.inputs(((n,), F8))
        slots[0][...] = n
        np.testing.assert_array_equal(step.run(slots)[0], np.tanh(np.full(n, n)) + n)


def test_only_the_first_run_calls_the_function() -> None:
    calls = []
    step, slots = recorded(lambda x: [x * 2.0, calls.append(1) or x + 1.0], np.ones(2))
    for _ in range(3):
        step.run(slots)
    assert calls == [1]
    eager = Step("eager", lambda x: [calls.append(1) or x + 1.0], ["x"], eager=True)
    for _ in range(3):
        eager.run([np.ones(2)])
    assert calls == [1] * 4
    assert eager.programs == {}


def test_other_arrays_of_the_same_shape_are_refused() -> None:
    """A program is bound to the arrays that it was recorded on; others would be ignored."""
    step, slots = recorded(lambda x: [x * 2.0], np.ones(2))
    with pytest.raises(ValueError, match=r"'step' was recorded on other arrays.*step\.inputs"):
        step.run([np.full(2, 5.0)])
    assert step.run(slots)[0].tolist() == [2, 2]


def test_the_inputs_of_a_step_stay_while_a_program_is_bound_to_them(monkeypatch) -> None:
    monkeypatch.setattr(cache, "memory", lambda: 100_000)
    w = Parameter(np.ones(()))
    step = Step("step", lambda x: [x * w], ["x"])
    for n in range(1, 17):
        run_anew(step, n)
    assert len(step.programs) == len(step.slots) < 17
    gather([w])
    run_anew(step, 1)  # recorded again, although it is the oldest
    run_anew(step, 1)
    for variant in range(21):
        run_anew(step, 1, (variant,))
        run_anew(step, 1, (variant,))
    assert len(step.programs) < 17


def run_anew(step: Step, n: int, variant: tuple = ()) -> None:
    """Fill the inputs with n numbers n, and check that they were what was computed with."""
    slots = step.inputs(((n,), F8))
    slots[0][...] = n
    for _ in range(2):
        (y,) = step.run(slots, variant)
        assert len(set(y.tolist())) == 1
        assert y[0] in (n, 2 * n)


# ------------------------------------------------------------------------------------ why


def test_why_a_program_was_recorded() -> None:
    step = Step("train", lambda *xs: [xs[0] * 2.0], ["x", "y", "w"])

    def why(*specs: Any, variant: tuple = ()) -> str:
        step.run(step.inputs(*specs), variant)
        return step.latest.why()

    with np.errstate(all="ignore"):
        assert why(((4, 2), F4)) == "train was recorded because it ran for the first time."
        assert why(((3, 2), F4)) == (
            "train was recorded again because x has shape (3, 2) and dtype float32, before it had "
            "(4, 2) and float32."
        )
        assert "x has shape (3, 2) and dtype float64" in why(((3, 2), F8))
        assert "there are 2 inputs, before there were 1" in why(((3, 2), F8), ((3,), F4))
        assert "y has shape (3,) and dtype float64" in why(((3, 2), F8), ((3,), F8))
        assert "(True,) replaces ()" in why(((3, 2), F8), ((3,), F8), variant=(True,))
        assert "(False,) replaces (True,)" in why(((3, 2), F8), ((3,), F8), variant=(False,))
        assert "there are 1 inputs" in why(((9, 2), F8), variant=(True, False))
        assert why(((4, 2), F4)).endswith("for the first time.")  # found again, not recorded


# ------------------------------------------------------------------------------------ stale


def test_a_program_is_recorded_again_when_a_parameter_moved() -> None:
    w = Parameter(np.array([1.0, 2.0]), "w")
    with no_grad():
        step, slots = recorded(lambda x: [x * w], np.ones(2))
        old = step.latest
        gather([w])
        w.assign([5.0, 6.0])
        assert old.stale
        assert step.run(slots)[0].tolist() == [5, 6]
        assert step.latest is not old
        assert not step.latest.stale
        assert step.latest.why() == (
            "step was recorded again because parameters moved to other memory."
        )
        slots[0][...] = 2
        assert step.run(slots)[0].tolist() == [10, 12]
        assert len(step.programs) == 1


def test_a_moved_target_of_an_elided_copy_is_noticed() -> None:
    w = Parameter(np.zeros(2), "w")
    with no_grad():
        step, slots = recorded(lambda x: w.assign(x * 2.0) or [], np.ones(2))
        assert elided(step)
        gather([w])
        slots[0][...] = 5
        step.run(slots)
    assert w.data.tolist() == [10, 10]


def test_a_moved_output_is_noticed() -> None:
    w = Parameter(np.zeros(2), "w")
    step, slots = recorded(lambda x: [w], np.ones(2))
    gather([w])
    w.assign([3.0, 4.0])
    assert step.run(slots)[0].tolist() == [3, 4]


def test_values_that_change_in_place_are_seen_by_replays() -> None:
    rate = Tensor(np.array(1.0))
    step, slots = recorded(lambda x: [x * rate], np.ones(2))
    rate.assign(3.0)
    assert step.run(slots)[0].tolist() == [3, 3]


# ------------------------------------------------------------------------------------ recording


def test_a_step_inside_a_step_is_refused() -> None:
    inner = Step("inner", lambda x: [x + 1.0], ["x"])

    def function(x: Tensor) -> list[Tensor]:
        inner.run([np.ones(2)])
        return [x]

    with pytest.raises(RuntimeError, match="being recorded already"):
        recorded(function, np.ones(2))
    assert modes.recorder is None
    inner.run([np.ones(2)])


def test_an_error_leaves_no_recorder_and_no_program() -> None:
    def function(x: Tensor) -> list[Tensor]:
        x + 1.0
        raise KeyError("x")

    step = Step("step", function, ["x"])
    with pytest.raises(KeyError):
        step.run([np.ones(2)])
    assert modes.recorder is None
    assert step.programs == {}
    assert step.latest is None
    assert float(Tensor(1.0) + 1.0) == 2


def test_recording_is_a_matter_of_its_thread() -> None:
    import threading

    found = []

    def function(x: Tensor) -> list[Tensor]:
        thread = threading.Thread(target=lambda: found.append(float(Tensor(1.0) + 1.0)))
        thread.start()
        thread.join()
        return [x * 2.0]

    step, _ = recorded(function, np.ones(2))
    assert found == [2]
    assert names(step) == ["multiply"]


def test_what_a_trace_made_is_released() -> None:
    """Results in between live in the plan's buffers; the tensors of the first run are gone."""
    made: list[Any] = []

    def function(x: Tensor) -> list[Tensor]:
        w.grad = None
        y = tanh(x @ w)
        loss = (y * y).sum()
        made.extend(weakref.ref(t) for t in (x @ w, y, loss))
        made.extend(weakref.ref(t.data) for t in (x @ w, y, loss))
        loss.backward()
        return [loss]

    w = Parameter(np.ones((3, 2)))
    gather([w])
    step, slots = recorded(function, np.ones((4, 3)))
    assert [r() for r in made] == [None] * 6
    step.run(slots)
    assert [r() for r in made] == [None] * 6


def test_a_step_lets_go_of_everything_when_it_goes() -> None:
    gone = [weakref.ref(o) for o in things_of_a_step()]
    assert [r() for r in gone] == [None] * 4


def things_of_a_step() -> list[Any]:
    w = Tensor(np.ones(2))
    step, slots = recorded(lambda x: [x * w], np.ones(2))
    return [step, step.latest, slots[0], w]


# ------------------------------------------------------------------------------------ printed


def test_a_program_prints_what_it_does_and_where() -> None:
    w, home = Tensor(np.ones((3, 2), np.float32)), Tensor(np.zeros((2, 3), np.float32))
    total = Tensor(np.zeros((), np.float32))

    def function(x: Tensor) -> list[Tensor]:
        y = tanh(x @ w)
        ops.assign(home, y.T @ x)
        ops.add_in_place(total, y[1:].sum())
        return [y * 2.0]

    labels = {id(w): "w", id(home): "w.grad", id(total): "t"}
    step = Step("train", function, ["x"], lambda: labels)
    slots = step.inputs(((4, 3), F4))
    slots[0][...] = 1
    step.run(slots)
    program, text = step.latest, str(step.latest)
    head, *rows, buffers, total_line = text.split("\n")
    assert head == "program train(x (4, 3) float32): 8 instructions, 2 of them views"
    assert len(rows) == len(program) == 8
    assert [re.match(r" *(%\d) = ", row)[1] for row in rows] == [f"%{i}" for i in range(8)]
    flat = [" ".join(row.split()) for row in rows]
    assert flat == [
        "%0 = matmul(x, w) (4, 2) float32 buffer 0",
        "%1 = tanh(%0) (4, 2) float32 buffer 0",
        "%2 = transpose(%1, axes=(1, 0)) (2, 4) float32 view of buffer 0",
        "%3 = matmul(%2, x) (2, 3) float32 w.grad",
        "%4 = slice(%1, index=slice(1, None, None)) (3, 2) float32 view of buffer 0",
        "%5 = sum(%4, axis=None, keepdims=False) () float32 buffer 1",
        "%6 = add_in_place(t, %5) () float32 in place: t",
        "%7 = multiply(%1, 2) (4, 2) float32 buffer 0",
    ]
    assert buffers == "buffers in bytes: 0: 32, 1: 4"
    assert total_line == "results one by one: 124 bytes; planned: 36 bytes"
    assert repr(program) == "<axon program train: 8 instructions>"


def test_a_program_without_work_prints() -> None:
    step, slots = recorded(lambda x: [x], np.ones(2))
    assert "0 instructions" in str(step.latest)
    assert "buffers in bytes: none" in str(step.latest)
    assert step.run(slots)[0] is slots[0]


def test_constants_are_printed_by_value_or_by_shape() -> None:
    flags = np.array([True, False])
    step, _ = recorded(lambda x: [ops.where(flags, x, 0.25), x * np.ones((2, 1))], np.ones(2))
    text = str(step.latest)
    assert "where(const(2,), x0, 0.25)" in text
    assert "multiply(x0, const(2, 1))" in text


def test_summands_stay_until_the_chain_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels of one size, whose gradients are sums over pieces, in more than one run of a plan."""
    monkeypatch.setattr(pieces, "WORTH", 1.0)  # all that can be cut is cut
    random = np.random.default_rng(0)
    x, y = random.normal(size=(16, 8, 7, 3)).astype("f4"), random.integers(0, 5, 16)
    changes = []
    for eager in (True, False):
        set_random_seed(0)
        model = Sequential(
            [
                Conv2DTranspose(5, 2, padding="same", activation="sigmoid"),
                Conv2DTranspose(2, 3, padding="same", dilation_rate=2, activation="gelu"),
                *(Flatten(), Dense(5, activation="softmax")),
            ]
        )
        model.compile("categorical_cross_entropy", SGD(0.01), eager=eager)
        for _ in range(4):  # the third is replayed
            model.train_on_batch(x, y)
        changes.append(model.get_weights())
    for one, other in zip(*changes, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_large_network_for_images_learns_as_eagerly() -> None:
    """Nothing is made smaller here: its convolutions are cut into pieces by their own size."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(128, 28, 28, 1)).astype("f4"), random.integers(0, 10, 128)
    changes = []
    for eager in (True, False):
        set_random_seed(0)
        stages = [Conv2D(16, 3, padding="same", activation="relu") for _ in range(2)]
        more = [Conv2D(16, 3, padding="same", activation="relu") for _ in range(2)]
        pool = MaxPooling2D(2)
        ends = Flatten(), Dense(10, activation="softmax")
        model = Sequential([*stages, pool, *more, *ends])
        model.compile("categorical_cross_entropy", SGD(0.01), eager=eager)
        for _ in range(3):  # the third is replayed
            model.train_on_batch(x, y)
        changes.append(model.get_weights())
    for one, other in zip(*changes, strict=True):
        np.testing.assert_array_equal(one, other)
