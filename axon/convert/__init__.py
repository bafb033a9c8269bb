"""Weights from elsewhere: those of PyTorch and of Keras become a model's own.

``translation`` has the door. ``torch`` and ``keras`` know those libraries' layers, ``match`` finds
what belongs where, ``flattening`` where rows of images lie in another order, and ``hdf5`` reads
Keras's files.
"""

from axon.convert.hdf5 import read_keras
from axon.convert.match import ForeignWeightsError
from axon.convert.translation import source_of, translate
