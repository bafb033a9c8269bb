"""AXON."""
from axon.core import Tensor, grad
from axon.modes import no_grad
from axon import ops
