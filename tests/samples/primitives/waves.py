"""Samples of sine and cosine.

They come last: samples are drawn one after another, and those before keep their numbers.
"""

import numpy as np

from tests.samples.primitives.case import Case, unary

SAMPLES: dict[str, Case] = {
    "sin": unary(lambda x: np.exp(1j * x).imag),
    "cos": unary(lambda x: np.exp(1j * x).real),
}
