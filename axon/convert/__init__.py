"""Weights from elsewhere, and for elsewhere: those of PyTorch and Keras become a model's own.

``translation`` has the door, ``outgoing`` the one out. ``torch`` and ``keras`` know those
libraries' layers, ``separate`` transformers whose projections lie apart, ``match`` finds what
belongs where, ``flattening`` where rows of images lie in another order, and ``hdf5`` reads Keras's
files, and writes them.
"""

from axon.convert.hdf5 import read_keras
from axon.convert.match import ForeignWeightsError
from axon.convert.outgoing import foreign_weights
from axon.convert.translation import source_of, translate
