"""Models: layers joined into a network that trains."""

from axon.models.cloning import clone_model
from axon.models.loading import load as load_model
from axon.models.model import Model
from axon.models.packing import pack, unpack
from axon.models.sequential import Sequential
