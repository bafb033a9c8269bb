"""Compiled kernels: each does what NumPy's kernel does, however the work is cut."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from axon import layers, ops, optimizers
from axon.core import PRIMITIVES, Tensor, grad
from axon.models import Sequential
from axon.program import Step, lowerings, replay
from axon.program import step as stepping
from axon.program.plan import Plan
from axon.program.trace import trace
from tests.samples.primitives import SAMPLES

pytest.importorskip("numba")

from axon.fast import builder, lower, machine
from axon.fast.kernels.activations import BENT
from axon.fast.rules.calls import RULES
from axon.fast.rules.elementwise import BINARY, COMPARISONS, UNARY
from axon.fast.workers import Workers

# Numbers are compared to this share of the largest one. More is stated where the same sum is added
# up otherwise, or where an exponential or a logarithm is computed otherwise than by NumPy.
CLOSE = 1e-6
TOLERANCES = {
    "recurrence": 3e-6,
    "recurrence_backward": 1e-5,
    "normal": 3e-6,
    "rmsprop_momentum_update": 2e-4,  # a variance as a difference, which cancels
    "changing_rmsprop_update": 2e-4,  # likewise
    "gelu_gradient": 2e-6,
    "mish_gradient": 2e-6,
    "conv2d": 3e-6,
    "conv2d_bias": 3e-6,
    "conv2d_input": 3e-6,
    "conv2d_weight": 3e-6,
    "channel_affine_gradient": 3e-6,
    "standardize_gradient": 3e-6,
}
EXACT = {
    *("keep_mask", "dropout_mask", "uniform", "argmax", "equal", "less"),
    *("lookup", "take", "where", "copy"),
}
LOWERED = sorted(name for name in RULES if name in SAMPLES)


DOUBLES = {"adam_scalars": (1, 2), "add_mean": (0, 1), "add_norm": (0,), "limit_norm": (1,)}


def as_single(name: str, arrays: Sequence[Any]) -> list[Any]:
    """Copies in one piece, long floats as short ones, but for the inputs in DOUBLES."""
    copies = []
    for k, a in enumerate(map(np.asarray, arrays)):
        short = a.dtype == np.float64 and k not in DOUBLES.get(name, ())
        short = short or name.startswith("recurrence")  # whose mask is converted before
        copies.append(np.array(a, np.float32 if short else a.dtype, order="C"))
    return copies


def meta_of(meta: dict[str, Any]) -> dict[str, Any]:
    """Metadata that asks for short floats."""
    return {k: np.dtype(np.float32) if v == np.dtype(float) else v for k, v in meta.items()}


class Alone:
    """A program of one primitive, run by NumPy's kernel and by the compiled one."""

    def __init__(self, name: str, arrays: list[Any], meta: dict[str, Any], batched: bool) -> None:
        primitive = PRIMITIVES[name]
        tensors = [Tensor(a.copy()) for a in arrays]
        with np.errstate(all="ignore"):
            instructions, (out,) = trace(lambda *ts: [primitive(*ts, **meta)], tensors)
        self.writes = primitive.writes
        changed = [tensors[k].data for k in range(self.writes)]
        self.expected = [a.copy() for a in (changed or [out.data])]
        outputs = [] if self.writes else [out]
        first = out.shape[:1]
        samples = [t for t in tensors if t.ndim and t.shape[:1] == first]
        if name.startswith("recurrence"):  # time comes before the samples, but in the mask
            samples = tensors[-1:]
        scales = [np.abs(a).max(initial=0) for a in arrays[: self.writes] if a.dtype.kind == "f"]
        self.scale = max(scales, default=0.0)  # what is changed may come near to 0
        self.machine = lower(Plan(instructions, outputs), samples if batched else [], outputs)
        for tensor, array in zip(tensors, arrays, strict=True):
            tensor.data[...] = array
        self.tensors = tensors

    def run(self) -> list[Any]:
        """What the compiled kernel says."""
        with np.errstate(all="ignore"):
            self.machine.run()
        changed = [self.tensors[k].data for k in range(self.writes)]
        return [np.array(a) for a in (changed or self.machine.outputs)]


def demand_close(name: str, got: list[Any], expected: list[Any], scale: float = 0.0) -> None:
    """To rounding, and with the same NaN and infinity."""
    limit = TOLERANCES.get(name, CLOSE)
    for a, b in zip(got, expected, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        finite = np.isfinite(b) if b.dtype.kind == "f" else np.ones(b.shape, bool)
        if b.dtype.kind != "f" or name in EXACT:
            assert np.array_equal(a, b, equal_nan=b.dtype.kind == "f")
            continue
        assert np.array_equal(a[~finite], b[~finite], equal_nan=True)
        largest = np.abs(b[finite]).max(initial=scale)
        np.testing.assert_allclose(a[finite], b[finite], rtol=limit, atol=limit * largest)


def programs(name: str, samples: Any = None) -> Iterator[Alone]:
    """The samples of a primitive, as inputs of a batch and otherwise, that the rule takes."""
    for arrays, meta in samples or SAMPLES[name].samples:
        for batched in (True, False):
            try:
                yield Alone(name, as_single(name, arrays), meta_of(meta), batched)
            except lowerings.NotWorthIt:
                continue


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many pieces as there can be, in small strips."""
    monkeypatch.setattr(builder, "PIECE", 1.0)
    monkeypatch.setattr(builder, "CACHE", 64)
    monkeypatch.setattr(builder, "TOGETHER", 0.0)


def test_every_rule_names_a_primitive() -> None:
    fused = {"conv2d_bias", "unfilled", "between", "times_difference", *(f"bent_{n}" for n in BENT)}
    unknown = sorted(set(RULES) - PRIMITIVES.keys() - fused)
    print(*sorted(RULES))
    assert not unknown


@pytest.mark.parametrize("name", LOWERED)
def test_like_numpy(name: str) -> None:
    tried = 0
    for program in programs(name):
        demand_close(name, program.run(), program.expected, program.scale)
        tried += 1
    assert tried, "the rule takes none of the samples"


def test_squares_of_adagrad_are_rounded_before_they_are_added() -> None:
    random = np.random.default_rng(0)
    arrays = [random.random(500, np.float32) for _ in range(3)]
    program = Alone("adagrad_update", [*arrays, np.float32(0.1)], {"epsilon": 1e-7}, False)
    assert np.array_equal(program.run()[1], program.expected[1])


@pytest.mark.parametrize("name", LOWERED)
def test_large_and_cut(name: str, cut: None) -> None:
    for program in programs(name, [SAMPLES[name].large]):
        demand_close(name, program.run(), program.expected, program.scale)


@pytest.mark.parametrize("name", LOWERED)
def test_small_and_cut(name: str, cut: None) -> None:
    for program in programs(name):
        demand_close(name, program.run(), program.expected, program.scale)


SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 95.0, -95.0, 1e-30], "f4")
ONE_INPUT = sorted({*UNARY} | {"gelu", "leaky_relu", "elu", "softmax", "log_softmax", "argmax"})
TWO_INPUTS = sorted(
    {*BINARY, *COMPARISONS} | {"gelu_gradient", "leaky_relu_gradient", "elu_gradient"}
)


@pytest.mark.parametrize("name", ONE_INPUT)
def test_special_numbers(name: str) -> None:
    for x in (np.tile(SPECIAL, 7), SPECIAL[:, None] + np.zeros((1, 3), "f4")):
        for program in programs(name, [((x,), {})]):
            demand_close(name, program.run(), program.expected)


@pytest.mark.parametrize("name", TWO_INPUTS)
def test_pairs_of_special_numbers(name: str) -> None:
    ordinary = np.array([0.5, 1.0], "f4")
    for x, y in ((SPECIAL[:, None], ordinary), (ordinary[:, None], SPECIAL)):
        for program in programs(name, [((x, y), {})]):
            demand_close(name, program.run(), program.expected)


# ------------------------------------------------------------------------------------ networks


class Compiled(replay.Program):
    """A program whose replay is left to a machine."""

    made: "list[Compiled]"

    def __init__(self, name: str, plan: Plan, inputs: Any, outputs: Any, *rest: Any) -> None:
        super().__init__(name, plan, inputs, outputs, *rest)
        read = {id(t): t for i in plan.instructions for t in i.inputs}.values()
        given = [t for t in read if any(t.data is a for a in inputs.values())]
        self.compiled = lower(plan, given, outputs)
        self.kept = plan, given, outputs
        self.made.append(self)

    def run(self) -> list[Any]:
        """By compiled kernels."""
        self.compiled.run()
        return self.compiled.outputs


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Compiled]:
    """Programs are compiled from now on; those that were made."""
    monkeypatch.setattr(
        lowerings._settings, "kernels", "numpy"
    )  # what is compiled, is compiled here
    monkeypatch.setattr(Compiled, "made", [], raising=False)
    monkeypatch.setattr(stepping, "Program", Compiled)
    return Compiled.made


SERIES, IDS, ROWS = (16, 5, 6), (16, 7), (16, 12)
NETWORKS: dict[str, Any] = {
    "dense": (ROWS, lambda: [layers.Dense(9, "relu")]),
    "lstm": (SERIES, lambda: [layers.LSTM(7)]),
    "gru": (SERIES, lambda: [layers.GRU(8, return_sequences=True), layers.GRU(5)]),
    "simple_rnn": (SERIES, lambda: [layers.SimpleRNN(6)]),
    "both_ways": (SERIES, lambda: [layers.Bidirectional(layers.LSTM(4))]),
    "words": (IDS, lambda: [layers.Embedding(20, 6, mask_zero=True), layers.LSTM(5)]),
    "attention": (
        SERIES,
        lambda: [
            layers.PositionalEmbedding(),
            layers.TransformerBlock(2, 9, activation="gelu", dropout=0.2, causal=True),
            layers.LayerNormalization(),
            layers.GlobalAveragePooling1D(),
        ],
    ),
    "noise": (
        ROWS,
        lambda: [
            layers.GaussianNoise(0.1),
            layers.Dense(8, "tanh"),
            layers.Dropout(0.3),
            layers.GaussianDropout(0.2),
        ],
    ),
    **{
        name: (ROWS, lambda name=name: [layers.Dense(8, name), layers.Dense(8, name)])
        for name in (
            "elu", "gelu", "hard_sigmoid", "leaky_relu", "mish", "relu6", "selu", "sigmoid",
            "silu", "softplus", "softsign", "tanh",
        )
    },
}  # fmt: skip


def history(shape: Any, make: Any, optimizer: Any, loss: Any = None, units: int = 4) -> Any:
    """The losses and the accuracy of 20 steps."""
    import axon

    axon.set_random_seed(3)
    rng = np.random.default_rng(5)
    x = rng.integers(0, 20, shape) if shape == IDS else rng.normal(size=shape).astype("f4")
    if loss is None:
        y, last = rng.integers(0, units, len(x)), "softmax"
    else:
        y, last = rng.random((len(x), units)).round().astype("f4"), "sigmoid"
    model = Sequential([*make(), layers.Dense(units, last)])
    measure = ["accuracy"] if loss is None else ["mae"]
    model.compile(optimizer=optimizer, loss=loss or "categorical_cross_entropy", metrics=measure)
    found = model.fit(x, y, batch_size=len(x), epochs=20, shuffle=False, verbose=0).history
    return np.array([found[k] for k in ("loss", measure[0])]), model.predict(x)


def demand_alike(compiled: list[Compiled], monkeypatch: pytest.MonkeyPatch, *given: Any) -> None:
    """Compiled training is NumPy's training, and leaves nothing to it."""
    got, predicted = history(*given)
    assert compiled
    assert [p.compiled.names for p in compiled] == [[]] * len(compiled)
    monkeypatch.setattr(stepping, "Program", Compiled.__mro__[1])
    expected, as_numpy = history(*given)
    np.testing.assert_allclose(got, expected, rtol=1e-4)
    np.testing.assert_allclose(predicted, as_numpy, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_network(name: str, compiled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    demand_alike(compiled, monkeypatch, *NETWORKS[name], optimizers.Adam(0.01))


OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda: optimizers.SGD(0.1),
    "momentum": lambda: optimizers.SGD(0.05, momentum=0.9),
    "nesterov": lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "clipnorm": lambda: optimizers.SGD(0.1, clipnorm=0.01),
    "global_clipnorm": lambda: optimizers.Adam(0.01, global_clipnorm=0.01),
    "clipvalue": lambda: optimizers.SGD(0.1, clipvalue=0.001),
    "amsgrad": lambda: optimizers.Adam(0.01, amsgrad=True),
    "adamw": lambda: optimizers.AdamW(0.01, weight_decay=0.1),
    "ema": lambda: optimizers.Adam(0.01, use_ema=True),
    "adamax": lambda: optimizers.Adamax(0.01),
    "nadam": lambda: optimizers.Nadam(0.01),
    "adagrad": lambda: optimizers.Adagrad(0.05),
    "rmsprop": lambda: optimizers.RMSprop(0.01),
    "rmsprop_centered": lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "lion": lambda: optimizers.Lion(0.001),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer(name: str, compiled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make = OPTIMIZERS[name]
    got, _ = history(*NETWORKS["dense"], make())
    assert [p.compiled.names for p in compiled] == [[]] * len(compiled)
    monkeypatch.setattr(stepping, "Program", Compiled.__mro__[1])
    expected, _ = history(*NETWORKS["dense"], make())
    np.testing.assert_allclose(got, expected, rtol=1e-4)


@pytest.mark.parametrize(
    "loss",
    ["binary_cross_entropy", "mean_squared_error", "mean_absolute_error", "log_cosh", "huber"],
)
def test_loss(loss: str, compiled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    got, _ = history(*NETWORKS["dense"], "adam", loss)
    assert [p.compiled.names for p in compiled] == [[]] * len(compiled)
    monkeypatch.setattr(stepping, "Program", Compiled.__mro__[1])
    expected, _ = history(*NETWORKS["dense"], "adam", loss)
    np.testing.assert_allclose(got, expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["dense", "lstm", "gru", "words", "attention", "noise"])
def test_any_number_of_threads_gives_the_same_bits(
    name: str, compiled: Any, cut: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = []
    for threads in (1, 3):
        monkeypatch.setattr(machine, "workers", lambda parallel, n=threads: crew(n))
        outcomes.append(history(*NETWORKS[name], optimizers.Adam(0.01)))
    for one, three in zip(*outcomes, strict=True):
        assert np.array_equal(one, three)
    monkeypatch.setattr(stepping, "Program", Compiled.__mro__[1])
    expected, _ = history(*NETWORKS[name], optimizers.Adam(0.01))
    np.testing.assert_allclose(outcomes[0][0], expected, rtol=1e-4)  # however it is cut


_crews: dict[int, Any] = {}


def crew(size: int) -> Any:
    """Threads that are made once."""
    if size not in _crews:
        _crews[size] = Workers(size - 1)
    return _crews[size]


def test_a_wrong_id_is_found(compiled: Any) -> None:
    model = Sequential([layers.Embedding(4, 3), layers.Flatten(), layers.Dense(1)])
    model.compile("mean_squared_error", "adam")
    x, y = np.array([[0, 3], [1, 2]]), np.zeros((2, 1), "f4")
    for _ in range(3):
        model.train_on_batch(x, y)
    with pytest.raises(IndexError, match="id 4 is outside the vocabulary, whose 4 ids"):
        model.train_on_batch(np.array([[0, 4], [1, 2]]), y)
    model.train_on_batch(x, y)  # and what is right goes on


# ------------------------------------------------------------------------------------ edges


def as_compiled(function: Any, *arrays: Any) -> None:
    """A step by compiled kernels gives what NumPy gives."""
    found = []
    for kernels in ("numpy", "fast"):
        step = Step("edge", function, ["x"] * len(arrays))
        slots = step.inputs(*((a.shape, a.dtype) for a in arrays))
        with lowerings.Kernels(kernels):
            for _ in range(3):
                for slot, array in zip(slots, arrays, strict=True):
                    slot[...] = array
                outputs = [a.copy() for a in step.run(slots)]
        assert step.compiled is (kernels == "fast")
        found.append(outputs)
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-6, atol=1e-6)
        assert a.dtype == b.dtype


def test_nothing_is_repeated() -> None:
    row = Tensor(np.ones((1, 0), "f4"))
    x = np.ones((7, 2), "f4")
    as_compiled(lambda x: [ops.broadcast_to(row, shape=(7, 0)), x + 1], x)


def test_the_gradient_of_a_number_that_was_given_an_axis() -> None:
    def slopes(x: Tensor) -> list[Tensor]:
        scale = Tensor(np.array(2.0, "f4"), requires_grad=True)
        y = ops.stack([scale, scale * 3], axis=0) * x
        return [y.detach(), grad(y.sum(), scale)]

    as_compiled(slopes, np.ones((7, 2), "f4"))


@pytest.mark.parametrize("shape", [(3, 9, 64), (2, 5, 7), (2, 6, 37)])
def test_sums_between_axes_are_added_line_by_line(shape: Any) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype("f4")
    wanted = np.zeros((shape[0], shape[2]), "f4")
    for line in x.transpose(1, 0, 2):
        wanted += line
    for program in programs("sum", [((x,), {"axis": 1})]):
        np.testing.assert_array_equal(program.run()[0], wanted)
