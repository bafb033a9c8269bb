"""Layers, from a single Neuron upwards."""

from axon.layers.base import Layer, Neuron
from axon.layers.dense import Dense
from axon.layers.module import Module
from axon.layers.preprocessing import Flatten, Normalization, Rescaling
