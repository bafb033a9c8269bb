"""How many lines a room may have, and the house. ``python -m tests.contracts.house`` measures."""

# Lines that a room may have. Who needs more finds something to take away, or says here why.
ROOMS = {
    **{"fast": 7200, "onnx": 7600, "layers": 5100, "ops": 4200, "models": 4000, "cli": 2570},
    **{"optimizers": 2450, "callbacks": 2250, "datasets": 2200, "losses": 1900, "convert": 1700},
    **{"inspect": 1770, "sklearn": 1850, "plot": 1650, "program": 1800, "metrics": 1450},
    **{"activations": 1300, "files": 1000, "testing": 700, "report": 565, "core": 400},
}
SMALL = 400  # a room that stands in no list
ENGINE = 11_800  # floors 0 to 2
HOUSE = 55_500
LOOSE = 0.38  # of the signatures outside fast/ and of the kernels, those that say Any
LONG = 50  # functions of more than 20 lines
