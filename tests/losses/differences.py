"""Slopes by central differences."""

import numpy as np


def central_differences(f, p, h=1e-6):
    slope = np.zeros(p.shape)
    for index in np.ndindex(p.shape):
        step = np.zeros(p.shape)
        step[index] = h
        slope[index] = (f(p + step) - f(p - step)) / (2 * h)
    return slope
