"""How many lines a room may have, and the house. ``python -m tests.contracts.house`` measures."""

# Lines that a room may have. Who needs more finds something to take away, or says here why.
ROOMS = {
    **{"fast": 9000, "onnx": 13000, "layers": 16000, "ops": 11000, "models": 8000, "cli": 7000},
    **{"optimizers": 5000, "callbacks": 4000, "datasets": 2200, "losses": 4000, "convert": 2500},
    **{"inspect": 3000, "sklearn": 2400, "plot": 2500, "program": 2400, "metrics": 4000},
    **{"activations": 1500, "files": 920, "testing": 560, "report": 3000, "core": 400},
    **{"play": 3000, "serve": 2000, "notebook": 2000},
    # ops: NumPy's and Keras's names, made of primitives (3,000); their rules of ONNX
    # onnx: operators of quantized and fused networks, several outputs, what is no batch (2,850)
    # xla: bundles of small pieces and picking ahead are what steps of a few microseconds need
    # (and a line that says that it compiles, 34)
    **{"xla": 3600, "symbols": 750, "ranks": 830},
    # layers, optimizers, program: rates that change in training (70, 190, 150)
    # layers, models, ops, datasets: states, cells, attention of many kinds, generation (1600)
    # layers, activations: what Keras and PyTorch have beside the usual, as composites (3450, 250)
    # layers, models: symbolic values, graphs, several outputs (680, 1500)
    # sklearn: the unit of targets, rows held out for the loss (120)
    # layers: text and categories (900)
    # tabular: a new room; sources and roles of columns are many, and so is what comes out: files,
    # explanations, importances, scores, intervals, leaderboard, report
    **{"tabular": 9500},
}
SMALL = 1000  # a room that stands in no list
ENGINE = 22_000  # floors 0 to 2
HOUSE = 112_000
LOOSE = 0.10  # of the signatures outside fast/ and of the kernels, those that say Any
LONG = 80  # functions of more than 20 lines
