"""How many lines a room may have, and the house. ``python -m tests.contracts.house`` measures."""

# Lines that a room may have. Who needs more finds something to take away, or says here why.
ROOMS = {
    **{"fast": 7600, "onnx": 10600, "layers": 12050, "ops": 8950, "models": 6900, "cli": 3950},
    **{"optimizers": 3450, "callbacks": 2650, "datasets": 2110, "losses": 3150, "convert": 2150},
    **{"inspect": 1740, "sklearn": 1910, "plot": 1670, "program": 2020, "metrics": 2800},
    **{"activations": 1400, "files": 920, "testing": 560, "report": 565, "core": 400},
    # ops: NumPy's and Keras's names, made of primitives (3,000); their rules of ONNX
    # onnx: operators of quantized and fused networks, several outputs, what is no batch (2,850)
    # xla: bundles of small pieces and picking ahead are what steps of a few microseconds need
    # (and a line that says that it compiles, 34)
    **{"xla": 3520, "symbols": 750, "ranks": 830},
    # layers, optimizers, program: rates that change in training (70, 190, 150)
    # layers, models, ops, datasets: states, cells, attention of many kinds, generation (1600)
    # layers, activations: what Keras and PyTorch have beside the usual, as composites (3450, 250)
    # layers, models: symbolic values, graphs, several outputs (680, 1500)
    # sklearn: the unit of targets, rows held out for the loss (120)
    # layers: text and categories (900)
    # tabular: a new room; sources and roles of columns are many, and so is what comes out: files,
    # explanations, importances, scores, intervals, leaderboard, report
    **{"tabular": 8150},
}
SMALL = 400  # a room that stands in no list
ENGINE = 20_000  # floors 0 to 2
HOUSE = 95_000
LOOSE = 0.10  # of the signatures outside fast/ and of the kernels, those that say Any
LONG = 70  # functions of more than 20 lines
