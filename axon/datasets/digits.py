"""Digits: 1,797 handwritten digits of 8 x 8 pixels, built in."""

import os

import numpy as np

from axon.datasets.split import Split, split_data

DATA = os.path.join(os.path.dirname(__file__), "data", "digits.npz")


def load_data(test_split: float = 0.2, seed: int = 0) -> Split:
    """Load the digits: ``(x_train, y_train), (x_test, y_test)``, all uint8; nothing is downloaded.

    Every class is split in proportion, by a generator seeded with ``seed``.

    Args:
        test_split: the share of the images that go to the test part, between 0 and 1.
        seed: an integer >= 0; the same seed gives the same split.

    Returns:
        Images (n, 8, 8) of counts 0..16, the pixels set in each 4 x 4 block of a 32 x 32 bitmap,
        with their labels 0..9 (n,).

    Raises:
        ValueError: a share or a seed out of range.

    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository, 1998, doi:10.24432/C50P49; the test set of it. See data/LICENSE.md.

    >>> from axon.datasets import digits
    >>> (x_train, y_train), (x_test, y_test) = digits.load_data()
    >>> x_train.shape, x_test.shape, int(x_train.max())
    ((1438, 8, 8), (359, 8, 8), 16)
    """
    with np.load(DATA, allow_pickle=False) as arrays:
        return split_data(arrays["x"], arrays["y"], test_split, seed)
