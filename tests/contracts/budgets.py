"""How many lines a room may have, and the house. ``python -m tests.contracts.house`` measures."""

# Lines that a room may have. Who needs more finds something to take away, or says here why.
ROOMS = {
    **{"fast": 8750, "onnx": 12400, "layers": 15900, "ops": 10650, "models": 8200, "cli": 6150},
    **{"optimizers": 4350, "callbacks": 3600, "datasets": 2750, "losses": 3750, "convert": 2750},
    **{"inspect": 2450, "sklearn": 2700, "plot": 2350, "program": 2750, "metrics": 3650},
    **{"activations": 2050, "files": 1550, "testing": 1200, "report": 2200, "core": 1000},
    **{"html": 1400, "play": 2350, "serve": 2350, "initializers": 1050},
    # ops: NumPy's and Keras's names, made of primitives (3,000); their rules of ONNX; linear
    # algebra, loops and branches (1,000)
    # onnx: operators of quantized and fused networks, several outputs, what is no batch (2,850);
    # lists, random numbers, few bits, grouped and linear attention (600)
    # xla: bundles of small pieces and picking ahead are what steps of a few microseconds need
    # (and a line that says that it compiles, 34)
    **{"xla": 4200, "symbols": 1400, "ranks": 1450},
    # layers, optimizers, program: rates that change in training (70, 190, 150)
    # layers, models, ops, datasets: states, cells, attention of many kinds, generation (1600)
    # layers, activations: what Keras and PyTorch have beside the usual, as composites (5450, 250)
    # layers, models: symbolic values, graphs, several outputs (680, 1500)
    # sklearn: the unit of targets, rows held out for the loss, L-BFGS by SciPy (260)
    # layers: text and categories (900)
    # tabular: a new room; sources and roles of columns are many, and so is what comes out: files,
    # explanations, importances, scores, intervals, leaderboard, report
    **{"tabular": 9300},
    # cli: tables searched, repeated from files, judged for several targets (300)
    # html, play, serve, report, cli: what people look at, charts, a service (6,000)
}
SMALL = 400  # a room that stands in no list
ENGINE = 20_000  # floors 0 to 2
HOUSE = 113_000
LOOSE = 0.10  # of the signatures outside fast/ and of the kernels, those that say Any
LONG = 100  # functions of more than 20 lines
