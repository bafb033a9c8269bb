"""Samples of what is in files: a tree with every sort of value, and a model of format 1."""

import math

import numpy as np

TREE = {
    "step": 3,
    "large": [2**128 + 1, -(2**200), 2**64 - 1],
    "rates": [0.1, math.inf, -math.inf, 1e-310],
    "flags": {"on": True, "off": False, "none": None},
    "texts": ["", 'ü\n"\\', "\ud800", "$array"],
    "arrays": {
        "a/b": np.arange(6, dtype=np.uint64).reshape(2, 3) + 2**63,
        "a": {"b": np.zeros((0, 3), np.float16)},
        "one": np.array(5, np.int8),
    },
    "inside": [[{"deep": np.array([True, False])}]],
    "__metadata__": np.ones(2, np.float32),
    "$array": {"$float": "nan"},
    7: {None: 1.5, True: "key"},
}

OF_FORMAT_1 = """
UEsDBBQAAAAIACe1dl3V34dGIAEAABMDAAAKAAAAbW9kZWwuanNvbsWSz07DMAzG732KKueqajchJM68AUc0Rd7qbRGpUxIH
AVPfnbhNBUwFcePQfz/bX/19yqUo1dH5HljdlW2VvuDVUXpXTd3WjRJysBCCoAd8jkhswE6coEfB4Tu28IZe+h+Lsryk64vC
PVJA6RLo6GhOiU49pTI0RNbBvIvotpohxV4TRu9I5jeZwoHNC7CZN2Wgs8qVGFDvDUgz+4iZPqEntNqQkS3TH7zMnazzjnUk
IwksCjJ93ZkeLiwNi+1u8iJsTLexWnHr3eAi/+DXA4tOU98sws6k7cMZBuEUrc2FgNglcnu9QJb/dYW/Br5ZDbxdDdwaQvD/
FbluPx0X5U6OXHaSk5Nzt82VHhk6YMiu52BwOZ3JWM5mL5q7IimOH1BLAwQUAAAACAAAACEA1lQsZl8AAACYAAAAGQAAAHdl
aWdodHMvZGVuc2Uvd2VpZ2h0cy5ucHmb7BfqGxDJyFDGUK2eklqcXKRupaBuk2airqOgnpZfVFKUmBefX5SSChJ3S8wpTgWK
F2ckFqQC+RrGOgpGmjoKtQpkAy7xVFb7RRrLbfOmZu4P5y23f+4zfZ941Z29AFBLAwQUAAAACAAAACEAhbC2rEcAAACIAAAA
FgAAAHdlaWdodHMvZGVuc2UvYmlhcy5ucHmb7BfqGxDJyFDGUK2eklqcXKRupaBuk2airqOgnpZfVFKUmBefX5SSChJ3S8wp
TgWKF2ckFqQC+RpGOpo6CrUKFAAuBigAAFBLAwQUAAAACAAAACEAI/zcN08AAACIAAAAGwAAAHdlaWdodHMvZGVuc2VfMS93
ZWlnaHRzLm5weZvsF+obEMnIUMZQrZ6SWpxcpG6loG6TZqKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6Coaa
Ogq1CmQDrjX3t+3LYOy0BwBQSwMEFAAAAAgAAAAhACeDsv5HAAAAhAAAABgAAAB3ZWlnaHRzL2RlbnNlXzEvYmlhcy5ucHmb
7BfqGxDJyFDGUK2eklqcXKRupaBuk2airqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RqGOpo6CrUKFAAuBiAAAFBL
AwQUAAAACAAAACEAoGvMqUgAAACIAAAAHgAAAHdlaWdodHMvZHJvcG91dC9zZWVkX3N0YXRlLm5weZvsF+obEMnIUMZQrZ6S
WpxcpG6loG5TaqKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6mjoKtQoUAC52BggAAFBLAQIUAxQAAAAIACe1
dl3V34dGIAEAABMDAAAKAAAAAAAAAAAAAACAAQAAAABtb2RlbC5qc29uUEsBAhQDFAAAAAgAAAAhANZULGZfAAAAmAAAABkA
AAAAAAAAAAAAAIABSAEAAHdlaWdodHMvZGVuc2Uvd2VpZ2h0cy5ucHlQSwECFAMUAAAACAAAACEAhbC2rEcAAACIAAAAFgAA
AAAAAAAAAAAAgAHeAQAAd2VpZ2h0cy9kZW5zZS9iaWFzLm5weVBLAQIUAxQAAAAIAAAAIQAj/Nw3TwAAAIgAAAAbAAAAAAAA
AAAAAACAAVkCAAB3ZWlnaHRzL2RlbnNlXzEvd2VpZ2h0cy5ucHlQSwECFAMUAAAACAAAACEAJ4Oy/kcAAACEAAAAGAAAAAAA
AAAAAAAAgAHhAgAAd2VpZ2h0cy9kZW5zZV8xL2JpYXMubnB5UEsBAhQDFAAAAAgAAAAhAKBrzKlIAAAAiAAAAB4AAAAAAAAA
AAAAAIABXgMAAHdlaWdodHMvZHJvcG91dC9zZWVkX3N0YXRlLm5weVBLBQYAAAAABgAGAJ4BAADiAwAAAAA=
"""  # Dense(3, 2, "tanh"), Dropout(0.5, seed=7), Dense(2, 1), as AXON 0.1.0 wrote it
