"""How many lines a room may have, and the house. ``python -m tests.contracts.house`` measures."""

# Lines that a room may have. Who needs more finds something to take away, or says here why.
ROOMS = {
    **{"fast": 8150, "onnx": 12150, "layers": 15300, "ops": 10300, "models": 7150, "cli": 6200},
    **{"optimizers": 4050, "callbacks": 3100, "datasets": 2150, "losses": 3150, "convert": 2350},
    **{"inspect": 1850, "sklearn": 2500, "plot": 1750, "program": 2150, "metrics": 3100},
    **{"activations": 1450, "files": 950, "testing": 600, "report": 1700, "core": 450},
    **{"html": 800, "play": 1800, "serve": 1850, "initializers": 450},
    # ops: NumPy's and Keras's names, made of primitives (3,000); their rules of ONNX; linear
    # algebra, loops and branches (1,000)
    # onnx: operators of quantized and fused networks, several outputs, what is no batch (2,850);
    # lists, random numbers, few bits, grouped and linear attention (600)
    # xla: bundles of small pieces and picking ahead are what steps of a few microseconds need
    # (and a line that says that it compiles, 34)
    **{"xla": 3600, "symbols": 800, "ranks": 850},
    # layers, optimizers, program: rates that change in training (70, 190, 150)
    # layers, models, ops, datasets: states, cells, attention of many kinds, generation (1600)
    # layers, activations: what Keras and PyTorch have beside the usual, as composites (5450, 250)
    # layers, models: symbolic values, graphs, several outputs (680, 1500)
    # sklearn: the unit of targets, rows held out for the loss, L-BFGS by SciPy (260)
    # layers: text and categories (900)
    # tabular: a new room; sources and roles of columns are many, and so is what comes out: files,
    # explanations, importances, scores, intervals, leaderboard, report
    **{"tabular": 9200},
    # cli: tables searched, repeated from files, judged for several targets (300)
    # html, play, serve, report, cli: what people look at, charts, a service (6,000)
}
SMALL = 400  # a room that stands in no list
ENGINE = 20_000  # floors 0 to 2
HOUSE = 113_500
LOOSE = 0.10  # of the signatures outside fast/ and of the kernels, those that say Any
LONG = 100  # functions of more than 20 lines
