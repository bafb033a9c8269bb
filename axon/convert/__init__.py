"""Weights from elsewhere: those of PyTorch and of Keras become a model's own."""

from axon.convert.keras_file import read_keras
from axon.convert.mismatch import ForeignWeightsError
from axon.convert.translation import translate
from axon.convert.units import source_of
