"""Learning-rate schedules: closed forms, their ends, and their errors."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axon.optimizers import SGD, schedules
from axon.optimizers.schedules import (
    SCHEDULES,
    CosineDecay,
    CosineDecayRestarts,
    CosineLogarithmic,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from tests.samples.optimizers import SCHEDULES as SAMPLES

every_schedule = pytest.mark.parametrize("schedule", SAMPLES, ids=lambda s: type(s).__name__)


def test_every_schedule_has_a_sample():
    assert {type(s) for s in SAMPLES} == set(SCHEDULES)
    named = {v for v in vars(schedules).values() if isinstance(v, type)}
    found = {v for v in named if issubclass(v, LearningRateSchedule)} - {LearningRateSchedule}
    assert found == set(SCHEDULES)


@every_schedule
def test_a_schedule_is_made_again_from_its_description(schedule):
    again = schedules.get(json.loads(json.dumps(schedule.describe())))
    assert type(again) is type(schedule)
    assert [again(t) for t in range(50)] == [schedule(t) for t in range(50)]
    assert repr(schedule).startswith(f"{type(schedule).__name__}(")


@every_schedule
def test_rates_are_python_floats_of_at_least_0(schedule):
    for step in (0, 1, 7, 10, 999, 10**9):
        assert type(schedule(step)) is float
        assert 0 <= schedule(step) <= 0.1 + 1e-12
    assert SGD(schedule).learning_rate == schedule(0)


def test_exponential():
    assert ExponentialDecay(0.1, 10, 0.5)(25) == pytest.approx(0.1 * 0.5**2.5)
    assert ExponentialDecay(0.1, 10, 0.5, staircase=True)(25) == pytest.approx(0.1 * 0.5**2)


def test_inverse_time():
    assert InverseTimeDecay(0.1, 10, 0.5)(25) == pytest.approx(0.1 / 2.25)
    assert InverseTimeDecay(0.1, 10, 0.5, staircase=True)(25) == pytest.approx(0.1 / 2)


def test_piecewise():
    schedule = PiecewiseConstantDecay([10, 20], [3, 2, 1])
    assert [schedule(t) for t in (0, 10, 11, 20, 21, 99)] == [3, 3, 2, 2, 1, 1]


def test_polynomial():
    schedule = PolynomialDecay(0.1, 100, 0.02, power=2.0)
    assert schedule(0) == pytest.approx(0.1)
    assert schedule(25) == pytest.approx(0.08 * 0.75**2 + 0.02)
    assert schedule(100) == schedule(1000) == 0.02


def test_polynomial_in_cycles():
    schedule = PolynomialDecay(0.1, 100, 0.0, cycle=True)
    wanted = {0: 0.1, 50: 0.05, 100: 0.0, 101: 0.1 * 99 / 200, 150: 0.025, 200: 0.0, 250: 0.1 / 6}
    assert {t: schedule(t) for t in wanted} == pytest.approx(wanted)


def test_cosine_logarithmic():
    schedule = CosineLogarithmic(0.1, 200, cycles=4)
    for t in (0, 1, 5, 40, 77, 199):
        wanted = 0.1 * 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * t / 200)))
        assert schedule(t) == pytest.approx(wanted, abs=1e-15)
    assert schedule(200) == schedule(900) == 0.0


def test_cosine_with_warmup():
    schedule = CosineDecay(0.02, 100, alpha=0.1, warmup_target=0.1, warmup_steps=10)
    assert schedule(0) == 0.02
    assert schedule(5) == pytest.approx(0.06)
    assert schedule(10) == pytest.approx(0.1)
    wave = 0.9 * 0.5 * (1 + math.cos(math.pi * 0.25)) + 0.1
    assert schedule(35) == pytest.approx(0.1 * wave)
    assert schedule(110) == schedule(9999) == pytest.approx(0.01)


def test_restarts_shrink():
    schedule = CosineDecayRestarts(0.1, 10, t_mul=2.0, m_mul=0.5, alpha=0.2)
    for start, height in ((0, 1.0), (10, 0.5), (30, 0.25), (70, 0.125)):
        assert schedule(start) == pytest.approx(0.1 * (0.8 * height + 0.2))
        assert schedule(max(start - 1, 0)) <= schedule(0)
    assert schedule(20) == pytest.approx(0.1 * (0.8 * 0.5 * 0.5 + 0.2))


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.floats(1.0, 3.0), st.integers(1, 50), st.integers(0, 5000))
def test_restarts_know_their_period(t_mul, first, step):
    """Against counting them one by one; where a period ends, rounding decides."""
    period, begun, long = 0, 0.0, float(first)
    while begun + long <= step + 1e-6:
        period, begun, long = period + 1, begun + long, long * t_mul
    found, done = CosineDecayRestarts(0.1, first, t_mul)._place(step / first)
    assert 0 <= done <= 1 + 1e-9
    assert found + done == pytest.approx(period + (step - begun) / long, abs=1e-5)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.integers(1, 200), st.floats(0, 0.99), st.booleans(), st.sampled_from(["cos", "linear"]))
def test_one_cycle_stays_between_its_ends(total, share, three, way):
    schedule = OneCycle(0.1, total, share / 2 if three else share, way, three_phase=three)
    low, high = 0.1 / 25 / 1e4, 0.1
    assert all(low * (1 - 1e-9) <= schedule(t) <= high * (1 + 1e-9) for t in range(total + 5))
    assert schedule(total) == schedule(total + 99) == pytest.approx(low)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ExponentialDecay(0, 1, 1), "initial_learning_rate must be a number larger than 0"),
        (lambda: ExponentialDecay(0.1, 0, 1), "decay_steps must be a whole number of at least 1"),
        (lambda: ExponentialDecay(0.1, 1, -1), "decay_rate must be a number larger than 0, got -1"),
        (lambda: InverseTimeDecay(0, 1, 1), "initial_learning_rate must be a number larger"),
        (lambda: InverseTimeDecay(0.1, 1.5, 1), "decay_steps must be a whole number of at least 1"),
        (lambda: InverseTimeDecay(0.1, 1, -1), "decay_rate must be a number of at least 0, got -1"),
        (lambda: PiecewiseConstantDecay([1], [1]), "expected one value more than boundaries, got"),
        (lambda: PiecewiseConstantDecay([2, 2], [1] * 3), r"must increase, got \[2, 2\]"),
        (lambda: PiecewiseConstantDecay([-1], [1, 2]), "each boundary must be a whole number of"),
        (lambda: PiecewiseConstantDecay([1], [1, -2]), "each value must be a number of at least 0"),
        (lambda: PolynomialDecay(None, 1), "initial_learning_rate must be a number larger than 0"),
        (lambda: PolynomialDecay(0.1, 0), "decay_steps must be a whole number"),
        (lambda: PolynomialDecay(0.1, 1, -1), "end_learning_rate must be a number of at least 0"),
        (lambda: PolynomialDecay(0.1, 1, power=0), "power must be a number larger than 0"),
        (lambda: CosineDecay(-1, 1), "initial_learning_rate must be a number of at least 0"),
        (lambda: CosineDecay(1, 0), "decay_steps must be a whole number"),
        (lambda: CosineDecay(1, 1, -1), "alpha must be a number of at least 0"),
        (lambda: CosineDecay(1, 1, warmup_steps=-1), "warmup_steps must be a whole number of at l"),
        (lambda: CosineDecay(1, 1, warmup_steps=2), "warmup_target and warmup_steps belong toget"),
        (lambda: CosineDecay(1, 1, warmup_target=2), "belong together, got 2 and 0. Give both, or"),
        (
            lambda: CosineDecay(1, 1, warmup_target=-1, warmup_steps=2),
            "warmup_target must be a number of at least 0, got -1",
        ),
        (lambda: CosineDecayRestarts(0, 1), "initial_learning_rate must be a number larger"),
        (lambda: CosineDecayRestarts(1, 0), "first_decay_steps must be a whole number"),
        (lambda: CosineDecayRestarts(1, 1, 0.5), r"t_mul must be at least 1, got 0\.5"),
        (lambda: CosineDecayRestarts(1, 1, m_mul=-1), "m_mul must be a number of at least 0"),
        (lambda: CosineDecayRestarts(1, 1, alpha=-1), "alpha must be a number of at least 0"),
        (lambda: OneCycle(0, 10), "max_learning_rate must be a number larger than 0"),
        (lambda: OneCycle(1, 0), "total_steps must be a whole number of at least 1"),
        (lambda: OneCycle(1, 9, 1.0), "pct_start must be at least 0 and less than 1"),
        (lambda: OneCycle(1, 9, anneal_strategy="cosine"), "must be 'cos' or 'linear', got 'cos"),
        (lambda: OneCycle(1, 9, 0.6, three_phase=True), r"must be at most 0\.5, got 0\.6"),
        (lambda: OneCycle(1, 9, div_factor=0), "div_factor must be a number larger than 0"),
        (lambda: OneCycle(1, 9, final_div_factor=0), "final_div_factor must be a number larger"),
    ],
)
def test_arguments_are_checked(make, words):
    with pytest.raises(ValueError, match=words) as caught:
        make()
    assert str(caught.value).split(":")[0] in {c.__name__ for c in SCHEDULES}
