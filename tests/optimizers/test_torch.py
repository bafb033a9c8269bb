"""The same steps and the same learning rates as PyTorch's, where it is installed."""

import warnings
from functools import partial

import numpy as np
import pytest

from axon import Tensor
from axon.optimizers import (
    ASGD,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Muon,
    Nadam,
    RAdam,
    RMSprop,
    Rprop,
)
from axon.optimizers.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    Cyclic,
    ExponentialDecay,
    InTurn,
    Linear,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from axon.parameter import Parameter

torch = pytest.importorskip("torch")
from torch import optim  # noqa: E402
from torch.optim import lr_scheduler  # noqa: E402

SHAPES = [(6, 4), (4,), (4, 3), (3,)]
STEPS = 20

# name -> (ours, theirs); epsilons so small that it does not matter whether they stand in the root
PAIRS = {
    "sgd": (SGD(0.1), lambda p: optim.SGD(p, 0.1)),
    "momentum": (SGD(0.1, 0.9), lambda p: optim.SGD(p, 0.1, 0.9)),
    "nesterov": (
        SGD(0.1, 0.9, nesterov=True),
        lambda p: optim.SGD(p, 0.1, 0.9, nesterov=True),
    ),
    "adagrad": (
        Adagrad(0.1, epsilon=1e-12),
        lambda p: optim.Adagrad(p, 0.1, initial_accumulator_value=0.1, eps=1e-12),
    ),
    "rmsprop": (RMSprop(0.01, epsilon=1e-12), lambda p: optim.RMSprop(p, 0.01, 0.9, 1e-12)),
    "rmsprop with momentum": (
        RMSprop(0.01, 0.8, momentum=0.9, epsilon=1e-12),
        lambda p: optim.RMSprop(p, 0.01, 0.8, 1e-12, momentum=0.9),
    ),
    "rmsprop centered": (
        RMSprop(0.01, epsilon=1e-12, centered=True),
        lambda p: optim.RMSprop(p, 0.01, 0.9, 1e-12, centered=True),
    ),
    "rmsprop centered with momentum": (
        RMSprop(0.01, momentum=0.5, epsilon=1e-12, centered=True),
        lambda p: optim.RMSprop(p, 0.01, 0.9, 1e-12, momentum=0.5, centered=True),
    ),
    "adam": (Adam(0.01), lambda p: optim.Adam(p, 0.01, eps=1e-7)),
    "amsgrad": (
        Adam(0.01, beta_2=0.8, amsgrad=True),
        lambda p: optim.Adam(p, 0.01, (0.9, 0.8), eps=1e-7, amsgrad=True),
    ),
    "adamw": (
        AdamW(0.01, weight_decay=0.3),
        lambda p: optim.AdamW(p, 0.01, eps=1e-7, weight_decay=0.3),
    ),
    "adamax": (Adamax(0.01, beta_2=0.9), lambda p: optim.Adamax(p, 0.01, (0.9, 0.9), eps=1e-7)),
    "nadam": (Nadam(0.01), lambda p: optim.NAdam(p, 0.01, eps=1e-7, momentum_decay=1.0)),
    "nadam of the paper": (
        Nadam(0.01, momentum_decay=0.004),
        lambda p: optim.NAdam(p, 0.01, eps=1e-7, momentum_decay=0.004),
    ),
    "adadelta": (Adadelta(1.0, 0.8, 1e-5), lambda p: optim.Adadelta(p, 1.0, 0.8, 1e-5)),
    "radam": (RAdam(0.01, epsilon=1e-7), lambda p: optim.RAdam(p, 0.01, eps=1e-7)),
    "radam, soon sure": (
        RAdam(0.01, beta_2=0.9),
        lambda p: optim.RAdam(p, 0.01, (0.9, 0.9), eps=1e-7),
    ),
    "asgd": (
        ASGD(0.1, lambd=0.1, alpha=0.6, t0=5),
        lambda p: optim.ASGD(p, 0.1, lambd=0.1, alpha=0.6, t0=5),
    ),
    "rprop": (
        Rprop(0.1, (0.4, 1.3), (0.01, 0.5)),
        lambda p: optim.Rprop(p, 0.1, (0.4, 1.3), (0.01, 0.5)),
    ),
}


def gradients(seed=0):
    generator = np.random.default_rng(seed)
    return [[generator.normal(size=s).astype("f4") for s in SHAPES] for _ in range(STEPS)]


def begin():
    generator = np.random.default_rng(1)
    return [generator.normal(size=s).astype("f4") for s in SHAPES]


def train_ours(optimizer, starts, slopes, names=None):
    parameters = [Parameter(a.copy()) for a in starts]
    optimizer.build(parameters, names and dict(zip(names, parameters, strict=True)))
    for given in slopes:
        for p, g in zip(parameters, given, strict=True):
            p.grad = Tensor(g.copy())
        optimizer.step()
        optimizer.zero_grad()
    return [p.numpy() for p in parameters]


def train_theirs(make, starts, slopes, clip=None):
    parameters = [torch.tensor(a, requires_grad=True) for a in starts]
    optimizer = make(parameters)
    for given in slopes:
        for p, g in zip(parameters, given, strict=True):
            p.grad = torch.tensor(g)
        if clip:
            clip(parameters)
        optimizer.step()
    return [p.detach().numpy() for p in parameters]


def assert_close(ours, theirs, tolerance=1e-5):
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance / 10)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS.values(), ids=PAIRS)
def test_twenty_steps(ours, theirs):
    found = train_ours(ours, begin(), gradients())
    assert_close(found, train_theirs(theirs, begin(), gradients()))
    assert not np.allclose(found[0], begin()[0], atol=1e-3)


@pytest.mark.parametrize(
    ("options", "clip"),
    [
        ({"global_clipnorm": 2.0}, lambda ps: torch.nn.utils.clip_grad_norm_(ps, 2.0)),
        ({"clipvalue": 0.5}, lambda ps: torch.nn.utils.clip_grad_value_(ps, 0.5)),
        ({"clipnorm": 2.0}, lambda ps: [torch.nn.utils.clip_grad_norm_([p], 2.0) for p in ps]),
    ],
)
def test_twenty_steps_clipped(options, clip):
    theirs = train_theirs(lambda p: optim.SGD(p, 0.1, 0.9), begin(), gradients(), clip)
    assert_close(train_ours(SGD(0.1, 0.9, **options), begin(), gradients()), theirs)


NAMES = ["dense/weights", "dense/bias", "out/weights", "out/bias"]
RMSPROP = partial(optim.RMSprop, alpha=0.9, eps=1e-14)
DECAYS = {"bias": 0, "out/w": 3}
# name -> (ours, of one rate, with what is asked for; theirs, by groups)
GROUPED = {
    "sgd": (lambda **more: SGD(0.1, **more), optim.SGD, {}),
    "momentum": (lambda **more: SGD(0.1, 0.9, **more), optim.SGD, {"momentum": 0.9}),
    "adam": (lambda **more: Adam(0.1, epsilon=1e-8, **more), optim.Adam, {"eps": 1e-8}),
    "rmsprop": (
        lambda **more: RMSprop(0.1, epsilon=1e-14, **more),
        optim.RMSprop,
        {"alpha": 0.9, "eps": 1e-14},
    ),
    "adamw": (
        lambda **more: AdamW(
            0.1, 0.2, epsilon=1e-8, decay_multipliers={"bias": 0, "out/w": 3}, **more
        ),
        optim.AdamW,
        {"eps": 1e-8},
    ),
}


@pytest.mark.parametrize("name", GROUPED)
def test_multipliers_are_groups_of_parameters(name):
    ours, kind, settings = GROUPED[name]
    decays = [0.2, 0.0, 0.6, 0.0] if name == "adamw" else [0.0] * 4
    rates = [0.1, 0.02, 0.3, 0.06]

    def theirs(parameters):
        alone = zip(parameters, rates, decays, strict=True)
        groups = [{"params": [p], "lr": lr, "weight_decay": decay} for p, lr, decay in alone]
        return kind(groups, **settings)

    optimizer = ours(multipliers={"bias": 0.2, "out/*": 3.0, "out/b*": 0.6})
    found = train_ours(optimizer, begin(), gradients(), NAMES)
    assert_close(found, train_theirs(theirs, begin(), gradients()))


def test_scheduled_decay_and_momentum_are_settings_of_groups_in_each_step():
    decay, momentum = PolynomialDecay(0.3, 15, 0.0), CosineDecay(0.9, 18, alpha=0.2)

    for ours, kind, settings in (
        (AdamW(0.1, decay, epsilon=1e-8), optim.AdamW, {"weight_decay": decay}),
        (SGD(0.1, momentum), optim.SGD, {"momentum": momentum}),
        (SGD(0.1, momentum, True), partial(optim.SGD, nesterov=True), {"momentum": momentum}),
        (RMSprop(0.1, 0.9, momentum, 1e-14), RMSPROP, {"momentum": momentum}),
    ):
        ((name, schedule),) = settings.items()
        parameters = [torch.tensor(a, requires_grad=True) for a in begin()]
        optimizer = kind(parameters, 0.1, **{name: schedule(0)})
        for step, given in enumerate(gradients()):
            optimizer.param_groups[0][name] = schedule(step)
            for p, g in zip(parameters, given, strict=True):
                p.grad = torch.tensor(g)
            optimizer.step()
        found = train_ours(ours, begin(), gradients())
        assert_close(found, [p.detach().numpy() for p in parameters])


@pytest.mark.parametrize(("rms_rate", "adjust"), [(None, "original"), (0.2, "match_rms_adamw")])
@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)])
def test_muon_as_far_as_bfloat16_goes(shape, rms_rate, adjust):
    """PyTorch keeps its weights the other way round, and orthogonalizes with 8 bits."""
    generator = np.random.default_rng(0)
    slopes = [generator.normal(size=shape).astype("f4") for _ in range(STEPS)]
    start = generator.normal(size=shape).astype("f4")
    ours = Muon(0.02, rms_rate=rms_rate, weight_decay=0.1)
    (found,) = train_ours(ours, [start], [[g] for g in slopes])
    (theirs,) = train_theirs(
        lambda p: optim.Muon(p, 0.02, weight_decay=0.1, adjust_lr_fn=adjust),
        [start.T.copy()],
        [[g.T.copy()] for g in slopes],
    )
    moved = np.linalg.norm(found - start)
    assert np.linalg.norm(found - theirs.T) < 0.02 * moved


# ------------------------------------------------------------------------------------ schedules

SCHEDULES = {
    "linear": (Linear(0.1, 7, 0.2, 0.9), lambda o: lr_scheduler.LinearLR(o, 0.2, 0.9, 7)),
    **{
        f"cyclic {mode}": (
            Cyclic(0.01, 0.1, 5, 8, mode, 0.9),
            lambda o, m=mode: lr_scheduler.CyclicLR(o, 0.01, 0.1, 5, 8, m, 0.9),
        )
        for mode in ("triangular", "triangular2", "exp_range")
    },
    "in turn": (
        InTurn([Linear(0.1, 4), ExponentialDecay(0.1, 1, 0.9)], [6]),
        lambda o: lr_scheduler.SequentialLR(
            *(o, [lr_scheduler.LinearLR(o, 1 / 3, 1.0, 4), lr_scheduler.ExponentialLR(o, 0.9)], [6])
        ),
    ),
    "exponential": (
        ExponentialDecay(0.1, 1, 0.9),
        lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    ),
    "exponential by stairs": (
        ExponentialDecay(0.1, 5, 0.5, staircase=True),
        lambda o: lr_scheduler.StepLR(o, 5, 0.5),
    ),
    "piecewise": (
        PiecewiseConstantDecay([9, 19], [0.1, 0.01, 0.001]),
        lambda o: lr_scheduler.MultiStepLR(o, [10, 20]),
    ),
    "polynomial": (
        PolynomialDecay(0.1, 20, end_learning_rate=0.0, power=2.0),
        lambda o: lr_scheduler.PolynomialLR(o, 20, power=2.0),
    ),
    "cosine": (
        CosineDecay(0.1, 30, alpha=0.1),
        lambda o: lr_scheduler.CosineAnnealingLR(o, 30, eta_min=0.01),
    ),
    "cosine restarts": (
        CosineDecayRestarts(0.1, 4, t_mul=2.0, alpha=0.1),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 4, T_mult=2, eta_min=0.01),
    ),
    "cosine restarts of one length": (
        CosineDecayRestarts(0.1, 7, t_mul=1.0),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 7, T_mult=1),
    ),
    **{
        f"one cycle {way} {three}": (
            OneCycle(0.1, 30, anneal_strategy=way, three_phase=three),
            lambda o, way=way, three=three: lr_scheduler.OneCycleLR(
                *(o, 0.1, 30), anneal_strategy=way, three_phase=three, cycle_momentum=False
            ),
        )
        for way in ("cos", "linear")
        for three in (False, True)
    },
    "one cycle with other settings": (
        OneCycle(0.2, 30, pct_start=0.4, div_factor=10.0, final_div_factor=100.0),
        lambda o: lr_scheduler.OneCycleLR(
            *(o, 0.2, 30),
            pct_start=0.4,
            div_factor=10.0,
            final_div_factor=100.0,
            cycle_momentum=False,
        ),
    ),
}


@pytest.mark.parametrize(("schedule", "make"), SCHEDULES.values(), ids=SCHEDULES)
def test_schedules(schedule, make):
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
    theirs = make(optimizer)
    rates = []
    for _ in range(29):
        rates.append(theirs.get_last_lr()[0])
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs.step()
    np.testing.assert_allclose([schedule(t) for t in range(29)], rates, rtol=1e-9, atol=1e-15)
