"""What the host does of a step before and after the device: the same bits in that order."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import axon
from axon import layers, ops, optimizers
from axon.core import Tensor
from axon.program import lowerings
from axon.program.plan import Plan
from axon.program.trace import trace
from axon.symbols.host import parted

OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.1),
    "momentum": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: optimizers.Adam(),
    "nadam": lambda: optimizers.Nadam(),
    "adamax": lambda: optimizers.Adamax(),
    "rmsprop": lambda: optimizers.RMSprop(),
    "lion": lambda: optimizers.Lion(),
    "clipped": lambda: optimizers.Adam(global_clipnorm=1.0),
    "decayed": lambda: optimizers.Adam(weight_decay=0.01, gradient_accumulation_steps=2),
    "averaged": lambda: optimizers.Adam(use_ema=True, ema_overwrite_frequency=2),
}


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Plan, Sequence[Tensor]]]:
    """The plans that are made while a test runs, each with its inputs."""
    made: list[tuple[Plan, Sequence[Tensor]]] = []

    def compiled(plan: Plan, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        made.append((plan, inputs))

    monkeypatch.setattr(lowerings, "compiled", compiled)
    monkeypatch.setattr(lowerings, "wanted", lambda work: True)
    return made


def fitted(optimizer: Any, dtype: str = "float32", features: int = 3) -> None:
    hidden, last = layers.Dense(4, "tanh", dtype=dtype), layers.Dense(1, dtype=dtype)
    model = axon.Sequential([layers.Input((features,), dtype=dtype), hidden, last])
    model.compile(loss="mean_squared_error", optimizer=optimizer, metrics=["mean_absolute_error"])
    x = np.arange(8.0 * features).reshape(8, features).astype(dtype) / 50
    model.fit(x, x[:, :1], epochs=2, batch_size=4, verbose=0)


class Run:
    """A plan, instruction by instruction, in any order."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.outer = {
            id(t): t
            for i in plan.instructions
            for t in (*i.inputs, *plan.moved.values())
            if plan.root(t) not in plan.made
        }
        self.start = {key: t.data.copy() for key, t in self.outer.items()}

    def outcome(self, order: Sequence[int]) -> dict[int, bytes]:
        """What is in the memory outside of the plan afterwards; it is put back."""
        results: dict[int, np.ndarray] = {}
        for number in order:
            instruction = self.plan.instructions[number]
            arrays = [results.get(id(t), t.data) for t in instruction.inputs]
            found = instruction.primitive.run(arrays, instruction.meta)
            moved = self.plan.moved.get(id(instruction.out))
            if moved is not None:
                moved.data[...] = found
            results[id(instruction.out)] = found if moved is None else moved.data
        after = {key: t.data.tobytes() for key, t in self.outer.items()}
        for key, t in self.outer.items():
            t.data[...] = self.start[key]
        return after


def names(plan: Plan, numbers: Sequence[int]) -> set[str]:
    return {plan.instructions[i].primitive.name for i in numbers}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_in_that_order_a_step_gives_the_same_bits(name: str, dtype: str, plans: Any) -> None:
    fitted(OPTIMIZERS[name](), dtype)
    assert plans
    for plan, inputs in plans:
        before, device, after = parted(plan, inputs)
        assert sorted([*before, *device, *after]) == list(range(len(plan.instructions)))
        run = Run(plan)
        wanted = run.outcome(range(len(plan.instructions)))
        assert run.outcome([*before, *device, *after]) == wanted


@pytest.mark.parametrize("features", [1, 3])
def test_counters_and_rates_come_before_and_metrics_after(features: int, plans: Any) -> None:
    for dtype in ("float32", "float64"):
        plans.clear()
        fitted(optimizers.Adam(), dtype, features)
        plan, inputs = plans[0]
        before, device, after = parted(plan, inputs)
        assert "adam_scalars" in names(plan, before)
        assert names(plan, after) >= {"add_mean"}
        assert {"matmul", "adam_update"} <= names(plan, device)
        assert not {"add_mean", "adam_scalars"} & names(plan, device)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "clipped"])
def test_the_device_changes_no_float64_number_of_a_float32_model(name: str, plans: Any) -> None:
    fitted(OPTIMIZERS[name]())
    for plan, inputs in plans:
        for i in parted(plan, inputs).device:
            instruction = plan.instructions[i]
            wrong = [t.shape for t in instruction.changed if t.dtype == np.float64]
            assert not wrong, f"{instruction.primitive.name} of {wrong}"


def test_what_the_device_reads_too_early_or_changes_too_late_is_left_to_it() -> None:
    counter, other = (Tensor(np.zeros(())) for _ in "ab")
    x = Tensor(np.ones((100, 3), np.float32))

    def early(x: Tensor) -> list[Tensor]:  # the device reads the counter before it is changed
        y = x.astype(np.float64) * counter
        ops.add_in_place(counter, 1.0)
        return [y]

    def late(x: Tensor) -> list[Tensor]:  # what is added is changed afterwards by the device
        ops.add_in_place(counter, other)
        ops.assign(other, x.astype(np.float64).sum())
        return []

    def given(x: Tensor) -> list[Tensor]:  # what is added is new with each batch
        ops.add_in_place(counter, weight)
        return [x * 2.0]

    weight = Tensor(np.ones(()))
    for function in (early, late, given):
        plan = Plan(*trace(function, [x]))
        before, device, after = parted(plan, [x, weight])
        assert not any(plan.instructions[i].primitive.writes for i in (*before, *after))
        run = Run(plan)
        assert run.outcome([*before, *device, *after]) == run.outcome(range(len(device)))
