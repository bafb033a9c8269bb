"""Weights from elsewhere: those of PyTorch and of Keras become a model's own."""

from axon.models.foreign.keras_file import read_keras
from axon.models.foreign.mismatch import ForeignWeightsError
from axon.models.foreign.translation import translate
from axon.models.foreign.units import source_of
