"""Datasets: MNIST, Fashion-MNIST, two that are built in, and readers of your own tables and images.

Each dataset is a module with one function, ``load_data() -> (x_train, y_train), (x_test, y_test)``.
Nothing is read, and nothing heavy imported, before it is called.
"""

from axon.datasets import breast_cancer, digits, fashion_mnist, mnist
from axon.datasets.errors import DatasetUnavailable
from axon.datasets.image_folder import ImageFolder, image_folder
from axon.datasets.npz import load_npz
from axon.datasets.sequences import pad_sequences
from axon.datasets.split import split_data
from axon.datasets.table import Table, load_csv, read_features

__all__ = [
    "mnist",
    "fashion_mnist",
    "digits",
    "breast_cancer",
    "DatasetUnavailable",
    "ImageFolder",
    "image_folder",
    "load_csv",
    "load_npz",
    "pad_sequences",
    "read_features",
    "split_data",
    "Table",
]
