"""How many lines a room may have, and the house. ``python -m tests.contracts.house`` measures."""

# Lines that a room may have. Who needs more finds something to take away, or says here why.
ROOMS = {
    **{"fast": 6900, "onnx": 7450, "layers": 4950, "ops": 4100, "models": 4700, "cli": 2800},
    **{"optimizers": 2150, "callbacks": 2450, "datasets": 2100, "losses": 1600, "convert": 1750},
    **{"inspect": 1800, "sklearn": 1850, "plot": 1700, "program": 1830, "metrics": 1450},
    **{"activations": 1200, "files": 950, "testing": 600, "report": 575, "core": 400},
    **{"xla": 3400, "symbols": 750, "ranks": 800},
}
SMALL = 400  # a room that stands in no list
ENGINE = 11_800  # floors 0 to 2
HOUSE = 61_900
LOOSE = 0.10  # of the signatures outside fast/ and of the kernels, those that say Any
LONG = 45  # functions of more than 20 lines
