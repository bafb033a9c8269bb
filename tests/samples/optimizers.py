"""Samples of the optimizers and of the schedules: with which options they are tried."""

from axon import optimizers
from axon.optimizers import schedules
from axon.optimizers.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    CosineLogarithmic,
    Cyclic,
    ExponentialDecay,
    InTurn,
    InverseTimeDecay,
    Linear,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
    WarmUp,
)

# Options that every optimizer has.
OPTIONS = [
    {},
    {"weight_decay": 0.01, "exclude_from_weight_decay": ["bias"]},
    {"clipnorm": 0.1},
    {"clipvalue": 0.01},
    {"global_clipnorm": 0.1},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 2},
    {"gradient_accumulation_steps": 3, "use_ema": True, "ema_overwrite_frequency": 2},
    {"learning_rate": schedules.CosineDecay(0.01, 20)},
    {"multipliers": {"bias": 0.5}},
    {"weight_decay": 0.1, "decay_multipliers": {"bias": 0.0}},
]
# Options of one's own.
OWN = {
    optimizers.SGD: [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    optimizers.Adagrad: [{"initial_accumulator_value": 0.0}],
    optimizers.RMSprop: [{"momentum": 0.9, "centered": True}],
    optimizers.Adam: [{"amsgrad": True}],
    optimizers.AdamW: [{"amsgrad": True}],
    optimizers.Adamax: [],
    optimizers.Nadam: [],
    optimizers.Lion: [],
    optimizers.Muon: [{"nesterov": False, "exclude_output": False}, {"rms_rate": None}],
    optimizers.Adadelta: [],
    optimizers.Adafactor: [],
    optimizers.ASGD: [],
    optimizers.Ftrl: [{"l1_regularization_strength": 0.01, "beta": 0.1}],
    optimizers.Lamb: [],
    optimizers.LBFGS: [{"history_size": 2}],
    optimizers.RAdam: [{"beta_2": 0.9}],
    optimizers.Rprop: [],
    optimizers.ScheduleFreeAdamW: [{"warmup_steps": 3}],
    optimizers.ScheduleFreeSGD: [],
}

# PyTorch's and Keras's steps are compared with theirs, instead of those of a textbook.
MORE = {
    getattr(optimizers, name) for name in optimizers.HOMES if optimizers.HOMES[name] != "around"
}

# One of each, with every argument given.
SCHEDULES = [
    ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5, staircase=True),
    InverseTimeDecay(0.1, 10, 0.5, staircase=True),
    PiecewiseConstantDecay([10, 20], [0.1, 0.01, 0.001]),
    PolynomialDecay(0.1, 10, end_learning_rate=0.01, power=2.0, cycle=True),
    CosineDecay(0.0, 20, alpha=0.1, warmup_target=0.1, warmup_steps=5),
    CosineDecayRestarts(0.1, 5, t_mul=1.5, m_mul=0.5, alpha=0.1),
    CosineLogarithmic(0.1, 60, cycles=3),
    OneCycle(0.1, 20, 0.4, "linear", 10.0, 100.0, three_phase=True),
    Linear(0.1, 10, 0.1, 0.8),
    Cyclic(0.01, 0.1, 4, 7, "exp_range", 0.95),
    InTurn([Linear(0.1, 5), 0.05, ExponentialDecay(0.1, 10, 0.5)], [6, 12]),
    WarmUp(CosineDecay(0.1, 20), 5, 0.01),
]
